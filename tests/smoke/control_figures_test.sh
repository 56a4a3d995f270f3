#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a running gateway tells: every command as a table and as JSON, books and latencies, figures
# for monitoring; and garbage on each of its sockets.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start control-figures
for tool in jq curl; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
# Every message is timed.
MAP=four STRATEGY=quote SAMPLE_EVERY=1 HTTP_PORT=9177 FEED_KEYS="depth: orders"
day=$SMOKE_TOP/../shared/data/itch/aapl-20120621-open.itch50
if [ ! -r "$day" ]; then
	day=$SMOKE_DIR/day.itch50
	"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 20000 --symbols 20 --symbol AAPL=585.00 \
		--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
fi
pace=$(python3 "$SMOKE_TOP/scripts/lib/demo_show.py" pace "$day" 3) || fail "'$day' holds no messages"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
http() { in_gw curl -s -o "$SMOKE_DIR/http.txt" -w '%{http_code}' --max-time 5 "$@"; }
# Whether a stamp of the day is within this test's last minutes, in New York's winter or summer.
clock_shows_its_hour() {
	PYTHONPATH=$SMOKE_TOP/scripts/lib python3 -B - "$day" <<'PYTHON'
import sys, time
from demo_show import stamps_of
clocks = [(time.time() - behind * 3600) % 86400 for behind in (4, 5)]
sys.exit(not any(clock - 300 <= ns / 1e9 <= clock for ns in stamps_of(sys.argv[1]) for clock in clocks))
PYTHON
}
feed_ended() { [ "$(ctl_value feeds 0.ended)" = true ]; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
# shellcheck disable=SC2086 # several words
start_venue "$day" $pace --max-gap-ms 300 --always-open --stay --wait-login --start-delay 1
wait_for 20 "the order session is up" session_up
ctl arm >/dev/null || fail "arm was refused"
sent() { ctl --json metrics sluice_lane_loop_order_sent_total | jq '[.[].value] | add'; }
orders_leave() { [ "$(sent)" -ge 100 ]; }
wait_for 20 "orders leave" orders_leave
# a stop makes orders late: there is something to explain
kill -STOP "${smoke_expected[gateway]}"
sleep 0.2
kill -CONT "${smoke_expected[gateway]}"
wait_for 30 "the feed has ended" feed_ended

# --- the day's end
if [ -x "$SLUICE_BUILD/controlplane/observe/sluice-book" ]; then
	want=$("$SLUICE_BUILD/controlplane/observe/sluice-book" "$day" | awk -F, '$3 == "AAPL" { last = $4 " " $5 " " $6 " " $7 } END { print last }')
	expect_eq "AAPL's best bid and offer as sluice-book has them" \
		"$(ctl --json books AAPL | jq -r '"\(.bid[0].px4) \(.bid[0].qty) \(.ask[0].px4) \(.ask[0].qty)"')" "$want"
	ctl --json books AAPL --depth 50 --orders >"$SMOKE_DIR/queues.json" || fail "no queues of AAPL"
	jq -r '("B", "S") as $s | (if $s == "B" then .bid else .ask end)[] | . as $l | .orders | to_entries[] |
		"AAPL,\($s),\($l.px4),\(.key + 1),\(.value.ref),\(.value.qty)"' "$SMOKE_DIR/queues.json" >"$SMOKE_DIR/queues.csv"
	"$SLUICE_BUILD/controlplane/observe/sluice-book" --queues "$day" | grep '^AAPL,' >"$SMOKE_DIR/want.csv"
	# 50 levels a side are asked for
	awk -F, '{ k = $2 $3 } !(k in seen) { seen[k] = 1; level[$2]++ } level[$2] <= 50' "$SMOKE_DIR/want.csv" >"$SMOKE_DIR/want50.csv"
	expect_at_least "orders of AAPL in the book" "$(wc -l <"$SMOKE_DIR/queues.csv")" 20
	cmp "$SMOKE_DIR/queues.csv" "$SMOKE_DIR/want50.csv" || fail "queues are not as sluice-book has them"
	ctl books AAPL --orders >"$SMOKE_DIR/table.txt" || fail "no table of AAPL's orders"
	grep -q "$(awk -F, 'NR == 2 { print $5 }' "$SMOKE_DIR/want50.csv")" "$SMOKE_DIR/table.txt" || fail "the second order is not in the table"
fi
ctl halt >/dev/null
agree() {
	venue_report_now
	[ "$(ctl_value positions 0.position_qty)" = "$(venue_value accounts.0.positions.0.net_qty)" ]
}
wait_for 5 "what is under way arrives" agree
expect_eq "position as the venue has it" "$(ctl_value positions 0.position_qty)" "$(venue_value accounts.0.positions.0.net_qty)"

# --- every command that only reads, both ways
commands=$(sed -nE 's/^COMMAND\([a-z_]+, +"([^"]+)", +READS,.*/\1/p' "$SMOKE_TOP/controlplane/ctl/ctl_commands.def")
expect_at_least "commands that read" "$(wc -l <<<"$commands")" 13
while read -r words; do
	[ "$words" != books ] || words="books AAPL"
	[ "$words" != "session unread" ] || words="session unread oe"
	[ "$words" != latency ] || words="latency --stages"
	# shellcheck disable=SC2086 # several words
	ctl $words >"$SMOKE_DIR/table.txt" || fail "sluicectl $words failed"
	[ -s "$SMOKE_DIR/table.txt" ] || fail "sluicectl $words shows nothing"
	# shellcheck disable=SC2086 # several words
	ctl --json $words >"$SMOKE_DIR/answer.json" || fail "sluicectl --json $words failed"
	# no capture runs, and the venue said nothing strange: those lists may be empty
	case $words in
	"capture status" | "session unread oe" | breakers) least=0 ;;
	*) least=1 ;;
	esac
	jq -e "length >= $least" "$SMOKE_DIR/answer.json" >/dev/null || fail "sluicectl --json $words: no JSON, or empty"
	cat "$SMOKE_DIR/table.txt" "$SMOKE_DIR/answer.json" >>"$SMOKE_DIR/all-answers.txt"
done <<<"$commands"
ctl books NOSUCH >/dev/null 2>&1
expect_eq "books of a symbol that is not there: exit code" $? 1
ctl explode >/dev/null 2>&1
expect_eq "a command that is not there: exit code" $? 2

ctl --json latency --stages >"$SMOKE_DIR/latency.json"
# Each stage, and each hop of this map: its strategy is on the book's lane.  A line that was first
# with every packet never lagged.  A recorded day has no age (tests/lane/outlier_test.c has it).
no_sample="hop bbo,feed age itch" beside='_lag$'
if clock_shows_its_hour; then # then it may have one
	no_sample="hop bbo" beside='_lag$|^feed age'
fi
empty=$(jq -r --arg beside "$beside" '.[] | select(.count == 0) | .name | select(test($beside) | not)' \
	"$SMOKE_DIR/latency.json" | paste -sd,)
expect_eq "latency rows without a sample" "$empty" "$no_sample"
out_of_order=$(jq -r '.[] | select(.p50_ns > .p99_ns or .p99_ns > .max_ns or .max_ns > 10000000000) | .name' "$SMOKE_DIR/latency.json")
expect_eq "latency rows that cannot be" "$out_of_order" ""

# --- figures for monitoring
expect_eq "GET /healthz" "$(http http://127.0.0.1:9177/healthz)" 200
expect_eq "healthy" "$(jq .healthy "$SMOKE_DIR/http.txt")" true
expect_eq "GET /metrics" "$(http http://127.0.0.1:9177/metrics)" 200
! grep -vE '^# (HELP|TYPE) sluice_[a-z0-9_]+ .+|^sluice_[a-z0-9_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+]+$' \
	"$SMOKE_DIR/http.txt" || fail "/metrics has lines that are not of its format"
if command -v dpdk-telemetry.py >/dev/null; then
	telemetry=$(echo /sluice/status | dpdk-telemetry.py -f "$EAL_PREFIX" 2>&1 | tail -n 1)
	expect_eq "pid by DPDK's telemetry" "$(jq '.["/sluice/status"].pid' <<<"$telemetry")" "$(ctl_value status pid)"
else
	note "dpdk-telemetry.py is not installed, not tried"
fi

# --- garbage: counted, answered where there is an answer, and nothing else changes
judge() { ctl --json status | jq -c '[.pid, .orders_on, .limits_version, .healthy]'; }
before=$(judge)
refused=$(metric sluice_ctl_request_refused_total)
python3 - "$SMOKE_DIR/ctl.sock" <<'PYTHON' || fail "the control socket did not take garbage well"
import os, socket, struct, sys
def say(data):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(sys.argv[1])
        got = b""
        try:  # it hangs up on what it does not want to read
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(65536):
                got += part
        except (ConnectionResetError, BrokenPipeError):
            pass
        return got
assert b'"ok":false' in say(struct.pack(">I", 1 << 30) + b"x" * 1000), "1 GB"
assert b'"ok":false' in say(b"\xff" * 64), "ones"
assert b'"ok":false' in say(struct.pack(">I", 8) + b"\0garbage"), "no JSON"
assert b'"ok":false' in say(struct.pack(">I", 2) + b"{}"), "no command"
assert b'"ok":false' in say(struct.pack(">I", 21) + b'{"command":"explode"}'), "unknown command"
say(os.urandom(100))
say(b"\0\0")
PYTHON
expect_at_least "requests refused and counted" "$(($(metric sluice_ctl_request_refused_total) - refused))" 5
expect_eq "HTTP garbage: answer" "$(printf 'GARBAGE\001\377 \r\n\r\n' |
	in_gw timeout 5 python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", 9177), 5)
s.sendall(sys.stdin.buffer.read()); s.settimeout(4)
print((s.recv(100) or b"closed ").split()[1:2] or "closed")')" "[b'400']"
expect_eq "HTTP POST" "$(http -d x=1 http://127.0.0.1:9177/metrics)" 405
expect_eq "HTTP, another page" "$(http http://127.0.0.1:9177/etc/passwd)" 404
expect_eq "process, armed, limits and health after garbage" "$(judge)" "$before"

stop gateway 10
stop venue 5

# --- the password is nowhere but in its file
leak=$(grep -rl --exclude=oe.password "$SMOKE_PASSWORD" "$SMOKE_DIR")
[ -z "$leak" ] || fail "the password is in $leak"
note "the password is in no answer, log, report or configuration"
smoke_passed
