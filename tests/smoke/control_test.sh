#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What arm, halt and limits do to the bytes on the wire, judged by the venue; signals; and a start
# after a kill.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start control
for tool in jq curl; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
# One order per side, replaced as the price moves, through a day that outlives the test.
MAP=four STRATEGY=quote HTTP_PORT=9177
day=$SMOKE_TOP/../shared/data/itch/aapl-20120621-open.itch50
if [ ! -r "$day" ]; then
	day=$SMOKE_DIR/day.itch50
	"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 20000 --symbols 20 --symbol AAPL=585.00 \
		--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
fi
pace=$(python3 "$SMOKE_TOP/scripts/lib/demo_show.py" pace "$day" 60) || fail "'$day' holds no messages"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
# Orders and replaces that reached the venue, whatever it answered.
arrived() {
	venue_report_now
	jq '.accounts[0] | .entered + .entered_ignored + .replaced + .replace_ignored + .modified' "$VENUE_REPORT"
}
more_arrive() { [ "$(arrived)" -gt "$1" ]; }
nothing_open() {
	venue_report_now
	[ "$(venue_value accounts.0.open_orders)" = 0 ]
}
# nothing_leaves WHY METRIC: for a second the strategy goes on wishing, refused for that reason,
# and nothing but cancels reaches the venue.
nothing_leaves() {
	local before refused
	same_for 0.3 arrived # what was under way
	before=$(arrived)
	refused=$(metric "sluice_risk_intent_rejected_$2_total")
	sleep 1
	wait_for 5 "$1: the strategy wishes" metric_at_least "sluice_risk_intent_rejected_$2_total" $((refused + 1))
	expect_eq "$1: orders and replaces at the venue in a second" "$(($(arrived) - before))" 0
	expect_at_least "$1: refused for that reason" "$(($(metric "sluice_risk_intent_rejected_$2_total") - refused))" 1
	wait_for 3 "$1: the strategy's cancels passed" nothing_open
}
cancels() {
	local n
	n=$(metric sluice_risk_cancel_passed_total)
	echo "${n:-0}"
}
order_rests() { [ "$(ctl_value status order_open_cnt)" -ge 1 ]; }
orders_leave() { wait_for 5 "$1: orders leave" more_arrive "$(arrived)"; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
# shellcheck disable=SC2086 # several words
start_venue "$day" $pace --max-gap-ms 300 --always-open --stay --wait-login --start-delay 1 \
	--client-timeout-ms 4000 # after a kill it holds the session for so long
wait_for 20 "the order session is up" session_up

# --- whether orders leave
wished() { [ "$(ctl_value status intent_cnt)" -ge 3 ]; }
wait_for 10 "the strategy has wishes" wished
nothing_leaves "before arm" disarmed
expect_eq "before arm: orders at the venue" "$(arrived)" 0
# --- help: of one command, and of all
expect_eq "commands in the help of latency" "$(ctl latency --help | grep -c '^  [a-z]')" 2
ctl latency --help | grep -q '^  latency \[--stages\]' || fail "the help of latency lacks its options"
ctl nonsense --help | grep -q '^Exit codes' || fail "the help of no command is not the whole"

ctl arm >/dev/null || fail "arm was refused"
orders_leave "armed"
ctl disarm >/dev/null || fail "disarm was refused"
nothing_leaves "disarmed" disarmed
ctl arm >/dev/null || fail "arm was refused"
orders_leave "armed again"
ctl halt "the operator's own words" >/dev/null || fail "halt was refused"
expect_eq "halt's reason" "$(ctl_value status halt_text)" "the operator's own words"
nothing_leaves "halted" halted
# an order that is executed before the halt needs no cancel: then once more, with one that rests
for _ in 1 2 3 4 5; do
	[ "$(cancels)" -lt 2 ] || break
	ctl resume >/dev/null || fail "resume was refused"
	wait_for 10 "an order rests" order_rests
	ctl halt "the operator's own words" >/dev/null || fail "halt was refused"
	wait_for 3 "the strategy's cancels passed" nothing_open
done
expect_at_least "cancels that passed risk" "$(cancels)" 2
ctl resume >/dev/null || fail "resume was refused"
orders_leave "resumed"

# --- the connection, told by sluicectl
expect_eq "tcp: state" "$(ctl_value tcp oe 0.state)" ESTABLISHED
expect_eq "tcp: peer" "$(ctl_value tcp oe 0.peer)" "$VENUE_OE:$OE_PORT"
expect_at_least "tcp: round trip in ns" "$(ctl_value tcp oe 0.rtt_ns)" 1
expect_at_least "tcp: segments sent" \
	"$(ctl --json tcp oe | jq '.[0].counters[] | select(.name == "segment_sent") | .value')" 1
ctl tcp | grep -q 'ESTABLISHED' || fail "tcp without a session shows no connection"

# --- limits, while it runs
limit() { ctl --json limits get | jq -r ".[] | select(.key == \"$1\" and .symbol == \"\") | .value"; }
ctl limits set order_max_qty 50 >/dev/null || fail "limits set was refused"
expect_eq "order_max_qty" "$(limit order_max_qty)" 50
nothing_leaves "order_max_qty below the strategy's" qty
for bad in "order_max_qty 0" "order_max_qty 5000000" "order_max_qty many" "no_such_limit 5" "collar_bp 100 NOSUCH"; do
	# shellcheck disable=SC2086 # two or three words
	ctl limits set $bad >"$SMOKE_DIR/bad.txt" 2>&1
	expect_eq "limits set $bad: exit code" $? 1
	[ "$(wc -l <"$SMOKE_DIR/bad.txt")" = 1 ] || fail "limits set $bad: not one line: $(cat "$SMOKE_DIR/bad.txt")"
	note "$(cat "$SMOKE_DIR/bad.txt")"
done
expect_eq "order_max_qty after refused changes" "$(limit order_max_qty)" 50
ctl limits set order_max_qty 500 >/dev/null || fail "limits set was refused"
orders_leave "order_max_qty as before"

# --- the configuration's file, read again while it runs
file=$SMOKE_DIR/sluice.yaml
cp "$file" "$SMOKE_DIR/asked.yaml"
reload() { # reload CODE WORDS...: as the file is now
	local code=$1
	ctl reload >"$SMOKE_DIR/reload.txt" 2>&1
	expect_eq "reload: exit code" $? "$code"
	shift
	for words; do
		grep -qF -- "$words" "$SMOKE_DIR/reload.txt" ||
			fail "reload does not say '$words': $(cat "$SMOKE_DIR/reload.txt")"
	done
}
reload 0 "nothing differs"
sed -i 's/^  order_max_qty: 500/  order_max_qty: 300\n  mode: cancel_only/' "$file"
kill -HUP "${smoke_expected[gateway]}"
limit_is() { [ "$(limit order_max_qty)" = "$1" ]; }
wait_for 5 "SIGHUP: the file's limit is in force" limit_is 300
grep -q 'reload: risk.order_max_qty: 500 becomes 300' "$SMOKE_DIR/events.log" ||
	fail "the log does not say what the file changed"
nothing_leaves "the mode of the file" cancel_only
sed -i 's/^  order_max_qty: 300/  order_max_qty: 500/; s/^environment: simulation/environment: moon/' "$file"
reload 1 ":1:14: environment: 'moon' is not one of"
expect_eq "order_max_qty after a file with a fault" "$(limit order_max_qty)" 300
kill -HUP "${smoke_expected[gateway]}"
said_fault() { grep -q 'reload: .*moon' "$SMOKE_DIR/events.log"; }
wait_for 5 "SIGHUP: the log says the fault" said_fault
sed 's/^  order_max_qty: 500/  order_max_qty: 400/; s/reconnect_ms: [0-9]*/reconnect_ms: 777/' "$SMOKE_DIR/asked.yaml" >"$file"
reload 5 "in force" "risk.order_max_qty: 300 -> 400" "risk.mode: cancel_only -> normal" "NEEDS RESTART  sessions[oe].reconnect_ms"
expect_eq "order_max_qty beside a key that needs a restart" "$(limit order_max_qty)" 400
ctl --json config | jq -e '.[] | select(.key == "sessions[0].reconnect_ms") | .value != "777"' >/dev/null ||
	fail "a key that needs a restart is shown as if it were in force"
cp "$SMOKE_DIR/asked.yaml" "$file"
reload 0 "risk.order_max_qty: 400 -> 500"
# what lanes measure of themselves: they take it at once
warm_up() { sed "s/^latency: { stage_sample_every: 16/latency: { warm_up_us: $1, stage_sample_every: $2, stall_us: $3/" "$SMOKE_DIR/asked.yaml" >"$file"; }
warm_up 0 0 0
reload 0 "in force       latency.warm_up_us: 1000 -> 0" "in force       latency.stage_sample_every: 16 -> 0" "in force       latency.stall_us: 20 -> 0"
rehearsals=$(metric sluice_lane_loop_rehearsal_total)
expect_at_least "rehearsals until then" "$rehearsals" 1
sleep 0.2
expect_eq "rehearsals of lanes that were told not to" "$(metric sluice_lane_loop_rehearsal_total)" "$rehearsals"
warm_up 1000 1 20
reload 0 "latency.warm_up_us: 0 -> 1000" "latency.stage_sample_every: 0 -> 1"
rehearsed() { [ "$(metric sluice_lane_loop_rehearsal_total)" -gt "$rehearsals" ]; }
wait_for 5 "lanes rehearse again" rehearsed
cp "$SMOKE_DIR/asked.yaml" "$file"
reload 0 "latency.stage_sample_every: 1 -> 16"
mv "$SMOKE_DIR/events.log" "$SMOKE_DIR/events.old"
ctl log reopen >/dev/null || fail "log reopen was refused"
[ -e "$SMOKE_DIR/events.log" ] || fail "log reopen made no new file"
cat "$SMOKE_DIR/events.log" >>"$SMOKE_DIR/events.old"
orders_leave "the file as before"

# --- orders and sessions, by hand
cancelled() { [ "$(ctl --json cancel all | jq .order_cnt)" -ge 1 ]; }
wait_for 10 "an order rests and is cancelled by hand" cancelled
grep -q 'session oe: cancel of [1-9]' "$SMOKE_DIR/events.log" || fail "the log does not say who was cancelled"
ctl cancel 4000000000 >/dev/null 2>&1
expect_eq "cancel of a token that is not there: exit code" $? 1
ctl cancel nosuch >/dev/null 2>&1
expect_eq "cancel of a session that is not there: exit code" $? 1
session_down() { [ "$(ctl_value sessions 0.state)" = down ]; }
ctl session disconnect oe >/dev/null || fail "disconnect was refused"
wait_for 10 "the session is down" session_down
sleep 2 # ten times reconnect_ms
session_down || fail "a session disconnected by hand came back by itself"
ctl session connect oe >/dev/null || fail "connect was refused"
wait_for 10 "the session is up again" session_up
orders_leave "connected by hand"

# --- SIGTERM, then SIGINT, then what cannot be caught
stop gateway 10
! ctl status >/dev/null 2>&1 || fail "a gateway still answers"
ctl status >/dev/null 2>&1
expect_eq "sluicectl without a gateway: exit code" $? 3
# A shell starts its jobs with SIGINT ignored.
start_in "$GW" gateway env --default-signal=INT "$SLUICE_BUILD/controlplane/sluice" run -c "$SMOKE_DIR/sluice.yaml"
wait_for 20 "the gateway answers again" ctl status
wait_for 20 "the order session is up again" session_up
pid=${smoke_expected[gateway]}
unset "smoke_expected[gateway]"
kill -INT "$pid"
pid_gone 10 "$pid" || fail "the gateway did not end within 10 s of SIGINT"
wait "$pid"
expect_eq "exit code after SIGINT" $? 0
start_gateway "$SMOKE_DIR/sluice.yaml"
pid=${smoke_expected[gateway]}
unset "smoke_expected[gateway]"
kill -KILL "$pid"
pid_gone 5 "$pid" || fail "the gateway survived SIGKILL"
wait "$pid" 2>/dev/null
[ -S "$SMOKE_DIR/ctl.sock" ] || fail "a killed gateway leaves its socket: the test is of no use"
start_gateway "$SMOKE_DIR/sluice.yaml"
expect_eq "after kill -9: the new process answers" "$(ctl_value status pid)" "${smoke_expected[gateway]}"
expect_eq "after kill -9: orders on" "$(ctl_value status orders_on)" false
wait_for 20 "the order session is up after kill -9" session_up
stop gateway 10
stop venue 5

# --- the password is nowhere but in its file
leak=$(grep -rl --exclude=oe.password "$SMOKE_PASSWORD" "$SMOKE_DIR")
[ -z "$leak" ] || fail "the password is in $leak"
note "the password is in no log, report or configuration"
smoke_passed
