#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kill switch, from each of its triggers: no new order on the wire later than the bound, nothing
# works at the venue any more, arming is refused, only a name releases it.  After the last trigger, an
# invariant that broke, a new process with arm_at_start still sends nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start kill
for tool in jq nm python3; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
MAP=${MAP:-two} STRATEGY=quote ARM=true HTTP_PORT=0 PROTOCOL=${1:-ouch50}
FEED_KEYS="gap_wait_us: 300000" # a busy machine delays line B by milliseconds
# Lanes share a core here and are not alone on it: what a pinned one does within a turn may take a
# slice of the scheduler.  The control thread looks for the file each 20 ms.
TURN_MS=50 SILENCE_MS=1500
MORE_CONFIG="kill_switch: { latch_file: $SMOKE_DIR/latch, file: $SMOKE_DIR/stop-now, control_silence_ms: $SILENCE_MS }
breakers:
  - { name: runaway, watch: refused_in_a_row, of: sample, threshold: 2, action: kill, rearm: manual }
  - { name: chatter, watch: intents, threshold: 1, window_ms: 1000, action: alarm, rearm: automatic, cool_down_ms: 1000 }"
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 5 --messages 200000 --symbols 2 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
symbol=$(nm "$SLUICE_BUILD/controlplane/sluice" 2>/dev/null | awk '$3 == "path" { print $1 }')
[ -n "$symbol" ] || skip "the program was stripped of its symbols"

now_ns() { date +%s%N; }
# value COMMAND... FILTER: of the JSON answer, by jq
value() { ctl --json "${@:1:$#-1}" | jq -r "${*: -1}"; }
is_true() { [ "$(value "$@")" = true ]; }
session_up() { is_true sessions '.[0].state == "up"'; }
trades() { is_true status '.order_open_cnt >= 1 and .orders_on'; }
killed() { is_true kill status .on; }
nothing_open() {
	venue_report_now
	[ "$(jq '.accounts[0].open_orders' "$VENUE_REPORT")" = 0 ]
}
refused() { # WHAT COMMAND...
	local what=$1
	shift
	ctl "$@" >"$SMOKE_DIR/refused.txt" 2>&1
	expect_eq "$what: exit code" $? 1
	note "$(cat "$SMOKE_DIR/refused.txt")"
}
# trigger NAME CAUSE BOUND_MS COMMAND...: an order works; then it fires.  The command's last line may
# be the time at which it did.
fired_ns=0
trigger() {
	local name=$1 cause=$2 bound=$3
	shift 3
	wait_for 10 "$name: an order works" trades
	fired_ns=$(now_ns)
	"$@" >"$SMOKE_DIR/trigger.txt" 2>&1 || fail "$name: $(cat "$SMOKE_DIR/trigger.txt")"
	wait_for 5 "$name: the switch is on" killed
	wait_for 3 "$name: nothing works at the venue" nothing_open
	expect_eq "$name: cause" "$(value kill status .cause)" "$cause"
	note "$name: $(value kill status '"\(.who): \(.why)"')"
	bound_ms=$bound trigger_name=$name
}
end_window() {
	sleep 0.2
	echo "$trigger_name $fired_ns $(now_ns) $bound_ms" >>"$SMOKE_DIR/windows.txt"
}
release() {
	end_window
	ctl kill release --operator "Ada Byron" --reason "the test goes on" >/dev/null || fail "release was refused"
	expect_eq "released: still disarmed" "$(value status .orders_on)" false
	ctl arm >/dev/null || fail "arm was refused"
}
stall_control() {
	"$SLUICE_BUILD/tests/smoke/stall_thread" "${smoke_expected[gateway]}" $((SILENCE_MS + 500))
	local status=$?
	[ $status != 77 ] || echo "no thread may be stopped here"
	return $status
}
refuse_all() { ctl limits set order_max_qty 50; }

make_network
SHORT_ALLOWED=true
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
capture_start oe "$VENUE" oe tcp port $OE_PORT
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000
wait_for 20 "the order session is up" session_up

trigger sluicectl operator $((2 * TURN_MS)) ctl kill "the spread looks" wrong
expect_eq "its reason" "$(value kill status .why)" "the spread looks wrong"
refused "arm while it is on" arm
refused "resume while it is on" resume
refused "release without a name" kill release
refused "release by nobody" kill release --operator 7
grep -q '^state:  KILLED' "$SMOKE_DIR/latch" || fail "the latch does not say KILLED"
release
trigger signal signal $TURN_MS kill -USR1 "${smoke_expected[gateway]}"
release
trigger file file $((20 + TURN_MS)) touch "$SMOKE_DIR/stop-now"
refused "release while the file is there" kill release --operator "Ada Byron"
rm "$SMOKE_DIR/stop-now"
release
trigger breaker breaker $((20 + 2 * TURN_MS)) refuse_all
expect_eq "the breaker" "$(value breakers '.[0] | "\(.name) \(.tripped) \(.trip_cnt)"')" "runaway true 1"
expect_eq "an alarm stops nothing, and is told" "$(value breakers '.[1].tripped')" true
ctl limits set order_max_qty 500 >/dev/null || fail "limits set was refused"
release
expect_eq "released, the breaker is armed" "$(value breakers '.[0].tripped')" false
trigger control control $((SILENCE_MS + TURN_MS)) stall_control
fired_ns=$(tail -n 1 "$SMOKE_DIR/trigger.txt")
release

wait_for 10 "an order works" trades
pid=${smoke_expected[gateway]}
forget gateway
fired_ns=$(now_ns)
"$SLUICE_BUILD/tests/smoke/break_invariant" "$pid" "$symbol" >/dev/null || fail "its memory was not changed"
pid_gone 10 "$pid" || fail "the gateway still runs"
wait "$pid"
expect_eq "exit status" $? 5
grep -q 'the kill switch is on (a broken invariant' "$SMOKE_DIR/gateway.log" || fail "the summary does not say it"
mv "$SMOKE_DIR/gateway.log" "$SMOKE_DIR/gateway-broken.log"
start_gateway "$SMOKE_DIR/sluice.yaml"
expect_eq "after the start: the switch" "$(value kill status '"\(.on) \(.cause)"')" "true broken"
expect_eq "after the start: orders" "$(value status '.orders_off_because | join(" ")')" "disarmed killed"
wait_for 10 "the session is up" session_up
wait_for 3 "nothing works at the venue" nothing_open
# an invariant breaks at the next order, however long that takes
trigger_name=broken bound_ms=2000
end_window
ctl kill release --operator "Ada Byron" >/dev/null || fail "release was refused"
stop gateway 10
capture_stop oe
stop venue 5
cat "$SMOKE_DIR/windows.txt"
python3 "$SMOKE_TOP/tests/smoke/order_frames.py" "$SMOKE_DIR/oe.pcap" $OE_PORT "$SMOKE_DIR/windows.txt" ||
	fail "a new order was on the wire too late"
expect_eq "releases in the latch's history" "$(grep -c ' released, NONE, Ada Byron (uid 0' "$SMOKE_DIR/latch")" 6
expect_eq "causes in the latch's history" \
	"$(sed -n 's/.* killed, \([A-Z]*\), .*/\1/p' "$SMOKE_DIR/latch" | tr '\n' ' ')" \
	"OPERATOR SIGNAL FILE BREAKER CONTROL BROKEN "
smoke_passed
