#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Circuit breakers in the whole program: rejects of the venue and a silent feed stop orders until a named
# person re-arms them; round trip, drawdown and clock only alarm.  Judged by what reaches the venue.
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
  - { name: clock, watch: clock_error_us, threshold: 60000000, action: alarm, rearm: manual }
  - { name: full, watch: ring_depth_pct, threshold: 100, window_ms: 5000, action: halt, rearm: manual }"
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
more_arrive() { [ "$(arrived)" -gt "$1" ]; }
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

make_network
write_config "$SMOKE_DIR/sluice.yaml"
sed -i 's/trade: true }/trade: true, short_allowed: true }/' "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000 \
	--heartbeat-ms 200 --fault reject_every=5
wait_for 20 "the order session is up" session_up
stopped_by rejects
expect_at_least "rejects counted" "$(value breakers ".[0].max")" 2
rearm rejects
wait_for 5 "orders leave again" more_arrive "$(arrived)"
# Every fifth order is rejected, so this breaker may trip again before the market moves: trading goes on.
trips_in_trading() {
	tripped "$1" && return
	if tripped rejects; then ctl breaker rearm rejects --operator "Grace Hopper" >/dev/null; fi
	return 1
}
for alarm in slow drawdown; do
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
if tripped rejects; then ctl breaker rearm rejects --operator "Grace Hopper" >/dev/null; fi
rearm blind
mode_is_back() { [ -z "$(mode)" ] && ! tripped quiet; }
wait_for 5 "the strategy's mode is as it was" mode_is_back
ctl breakers
expect_eq "what must not have tripped" "$(value breakers '[.[] | select(.tripped and (.name == "clock" or .name == "full"))] | length')" 0
expect_at_least "trips as a metric" "$(ctl metrics 'sluice_breaker_trip_total' | awk '/blind/ { print $2 }')" 1
ctl evidence >"$SMOKE_DIR/evidence.md" || fail "no evidence"
for words in '^# Risk controls: evidence' '^| blind | feed_silent_ms | 2500 ' 'breaker rejects tripped, action halt' \
	'^| limit `order_max_qty` | 500 shares |' '^| counter `sluice_breaker_trip` | [1-9]' '^| RTS 6 | article 12'; do
	grep -q -- "$words" "$SMOKE_DIR/evidence.md" || fail "the evidence does not say '$words'"
done
note "evidence: $(grep -c '^## ' "$SMOKE_DIR/evidence.md") checks, $(grep -c 'meson test' "$SMOKE_DIR/evidence.md") tests"
stop gateway 10
stop venue 5
smoke_passed
