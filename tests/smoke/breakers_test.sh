#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Circuit breakers in the whole program: rejects of the venue, a silent feed, a ring that is full because a
# lane stands still, and a clock that is wrong stop orders until a named person re-arms them; the others
# only alarm.  Judged by what reaches the venue.  (refused_in_a_row: kill_test.sh.)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start breakers
command -v jq >/dev/null || skip "'jq' is not installed: scripts/setup"
MAP=${MAP:-two} STRATEGY=quote ARM=true HTTP_PORT=0 PROTOCOL=${1:-ouch50}
FEED_KEYS="gap_wait_us: 300000" # a busy machine delays line B by milliseconds
MORE_CONFIG="breakers:
  - { name: rejects, watch: venue_rejects, of: oe, threshold: 2, window_ms: 60000, action: halt, rearm: manual }
  - { name: blind, watch: feed_silent_ms, of: itch, threshold: 2500, action: halt, rearm: manual }
  - { name: slow, watch: round_trip_us, threshold: 1, count: 2, window_ms: 60000, action: alarm, rearm: manual }
  - { name: drawdown, watch: drawdown_usd, of: sample, threshold: 1, action: alarm, rearm: manual }
  - { name: quiet, watch: feed_silent_ms, threshold: 1500, action: cancel_only, node: sample, rearm: automatic, cool_down_ms: 300 }
  - { name: clock, watch: clock_error_us, threshold: 500000, window_ms: 200, action: halt, rearm: manual }
  - { name: full, watch: ring_depth_pct, of: orders, threshold: 90, window_ms: 400, action: halt, rearm: manual }
  - { name: step, watch: clock_step_us, threshold: 500000, action: alarm, rearm: manual }
  - { name: vague, watch: clock_uncertain_us, threshold: 1, action: alarm, rearm: manual }
  - { name: away, watch: control_pause_ms, threshold: 700, action: alarm, rearm: manual }
  - { name: chatter, watch: intents, of: sample, threshold: 5, window_ms: 60000, action: alarm, rearm: manual }
  - { name: fruitless, watch: orders_unexecuted, of: sample, threshold: 2, action: alarm, rearm: manual }
  - { name: loss, watch: loss_usd, threshold: 1000, action: alarm, rearm: manual }
  - { name: unsynced, watch: feed_unsynced_ms, threshold: 300, action: alarm, rearm: manual }
  - { name: lost, watch: disconnects, of: oe, threshold: 1, window_ms: 60000, action: alarm, rearm: manual }"
shift_file=$SMOKE_DIR/shift
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 5 --messages 200000 --symbols 2 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

value() { ctl --json "${@:1:$#-1}" | jq -r "${*: -1}"; }
session_up() { [ "$(value sessions '.[0].state')" = up ]; }
tripped() { [ "$(value breakers ".[] | select(.name == \"$1\") | .tripped")" = true ]; }
arrived() {
	venue_report_now
	jq '.accounts[0] | .entered + .entered_ignored + .replaced + .replace_ignored' "$VENUE_REPORT"
}
# Every fifth order is rejected: this breaker may trip again before anything else happens.
let_rejects_go() {
	if tripped rejects; then ctl breaker rearm rejects --operator "Grace Hopper" >/dev/null; fi
}
more_arrive() {
	[ "$(arrived)" -gt "$1" ] && return
	let_rejects_go
	return 1
}
refused() { # WHAT WORDS COMMAND...
	local what=$1 words=$2
	shift 2
	ctl "$@" >"$SMOKE_DIR/refused.txt" 2>&1
	expect_eq "$what: exit code" $? 1
	grep -q -- "$words" "$SMOKE_DIR/refused.txt" || fail "$what: $(cat "$SMOKE_DIR/refused.txt")"
}
# stopped_by NAME: orders are off for that reason, and none reaches the venue.
stopped_by() {
	local before
	wait_for 10 "breaker $1 trips" tripped "$1"
	expect_eq "$1: orders are off because of" "$(value status '.orders_off_because | join(" ")')" breaker
	before=$(arrived)
	sleep 0.7
	expect_eq "$1: orders that reached the venue meanwhile" "$(($(arrived) - before))" 0
	refused "$1: resume" 'a circuit breaker tripped' resume
	refused "$1: re-armed by nobody" 'operator NAME' breaker rearm "$1"
}
rearm() {
	ctl breaker rearm "$1" --operator "Grace Hopper" --reason "seen" >/dev/null || fail "$1: rearm was refused"
	grep -q "breaker $1 re-armed by Grace Hopper (uid 0" "$SMOKE_DIR/events.log" || fail "$1: the log does not name her"
	expect_eq "$1: orders may leave" "$(value status .orders_on)" true
}

# set_clock SECONDS: the gateway's time of day is so far off from now on.
set_clock() {
	python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("=q", int(sys.argv[2]) * 10**9))' "$shift_file" "$1"
}
# stall TID MS: one thread stands still so long.
stall() {
	"$SLUICE_BUILD/tests/smoke/stall_thread" "$1" "$2" >/dev/null
	local status=$?
	[ $status != 77 ] || skip "no thread may be stopped here"
	expect_eq "stall_thread" $status 0
}
# The threads of the lanes, in the core map's order.
lane_threads() {
	local pid=${smoke_expected[gateway]} tid
	for tid in "/proc/$pid/task/"*; do
		case $(cat "$tid/comm") in *-worker-*) echo "$(cat "$tid/comm") ${tid##*/}" ;; esac
	done | sort -V | awk '{ print $2 }'
}

head -c 8 /dev/zero >"$shift_file"
make_network
SHORT_ALLOWED=true
write_config "$SMOKE_DIR/sluice.yaml"
# What the firm held before the day cost far more than it is worth now.
echo "AAPL,default,10,5000.00" >"$SMOKE_DIR/held.csv"
sed -i "s|^risk:|&\n  positions_file: $SMOKE_DIR/held.csv|" "$SMOKE_DIR/sluice.yaml"
LD_PRELOAD=$(realpath "$SLUICE_BUILD/tests/smoke/shift_clock.so") SHIFT_CLOCK_FILE=$shift_file \
	start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000 \
	--heartbeat-ms 200 --fault reject_every=5
wait_for 20 "the order session is up" session_up
stopped_by rejects
expect_at_least "rejects counted" "$(value breakers ".[0].max")" 2
rearm rejects
wait_for 5 "orders leave again" more_arrive "$(arrived)"
trips_in_trading() {
	tripped "$1" && return
	let_rejects_go
	return 1
}
for alarm in loss slow drawdown chatter fruitless vague; do
	wait_for 10 "breaker $alarm trips" trips_in_trading $alarm
done
mode() { value limits get '.[] | select(.key == "mode" and .level == "strategy sample") | .value'; }
expect_eq "the strategy's mode before" "$(mode)" ""
kill -STOP "${smoke_expected[venue]}"
wait_for 5 "breaker blind trips" tripped blind
expect_eq "quiet tripped before: the strategy's mode" "$(mode)" cancel_only
refused "blind: re-armed while it is" 'feed_silent_ms is still' breaker rearm blind --operator "Grace Hopper"
kill -CONT "${smoke_expected[venue]}"
heard() { [ "$(value breakers '.[1].value')" -lt 1500 ]; }
wait_for 5 "the feed is heard again" heard
# what was rejected meanwhile may have tripped the first one too
let_rejects_go
rearm blind
mode_is_back() { [ -z "$(mode)" ] && ! tripped quiet; }
wait_for 5 "the strategy's mode is as it was" mode_is_back
ctl breakers
expect_eq "what must not have tripped" "$(value breakers '[.[] | select(.tripped) | .name] | map(select(. == "clock" or . == "full" or . == "step")) | join(" ")')" ""

# A lane stands still, and the ring in front of it fills.
ctl breaker rearm away --operator "Grace Hopper" >/dev/null 2>&1 # a busy machine may have tripped it
stall "$(lane_threads | sed -n 2p)" 3000 &
wait_for 6 "breaker full trips" tripped full
wait $!
stopped_by full
ring_is_empty() { [ "$(value breakers '.[] | select(.name == "full") | .value')" -lt 90 ]; }
wait_for 5 "the ring is empty again" ring_is_empty
let_rejects_go
rearm full
# The control thread stands still.
stall "${smoke_expected[gateway]}" 1000
wait_for 3 "breaker away trips" tripped away
# Somebody sets the system's clock.
set_clock 3
wait_for 3 "breaker step trips" tripped step
stopped_by clock
refused "clock: re-armed while it is wrong" 'clock_error_us is still' breaker rearm clock --operator "Grace Hopper"
set_clock 0
clock_is_right() { [ "$(value breakers '.[] | select(.name == "clock") | .value')" -lt 500000 ]; }
wait_for 3 "the clock is right again" clock_is_right
let_rejects_go
rearm clock
# Both lines lose the same packets, and nobody can bring them.
ip -n "$GW" link set md down
sleep 0.2
ip -n "$GW" link set md up
wait_for 5 "breaker unsynced trips" tripped unsynced
expect_at_least "trips as a metric" "$(ctl metrics 'sluice_breaker_trip_total' | awk '/blind/ { print $2 }')" 1
ctl evidence >"$SMOKE_DIR/evidence.md" || fail "no evidence"
for words in '^# Risk controls: evidence' '^| blind | feed_silent_ms | 2500 ' 'breaker rejects tripped, action halt' \
	'^| limit `order_max_qty` | 500 shares |' '^| counter `sluice_breaker_trip` | [1-9]' '^| RTS 6 | article 12'; do
	grep -q -- "$words" "$SMOKE_DIR/evidence.md" || fail "the evidence does not say '$words'"
done
note "evidence: $(grep -c '^## ' "$SMOKE_DIR/evidence.md") checks, $(grep -c 'meson test' "$SMOKE_DIR/evidence.md") tests"
ctl breaker rearm lost --operator "Grace Hopper" >/dev/null # no venue was there at the start
stop venue 5
wait_for 5 "breaker lost trips" tripped lost
stop gateway 10
smoke_passed
