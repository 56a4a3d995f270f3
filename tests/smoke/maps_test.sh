#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A day of order flow through one shipped core map, on two cores, once per strategy: the gateway and
# the venue agree at its end, nothing was lost, tshark objects to no frame, and a stopped gateway
# leaves nothing behind.  With one lane the day is recorded, too, and done again: the same decisions
# and the same bytes.
#
#     maps_test.sh MAP PROTOCOL STRATEGY...    like: maps_test.sh four_lane_shared ouch50 take quote
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
map=$1 PROTOCOL=$2
shift 2
smoke_start "maps-${map%%_*}"
MAP=$SMOKE_TOP/controlplane/core_map/maps/$map.yaml
[ -r "$MAP" ] || fail "there is no core map $MAP"
[ "$(nproc)" -ge 2 ] || skip "the shipped maps need two cores"
command -v tshark >/dev/null || skip "tshark is not installed: scripts/setup"
HTTP_PORT=0

day=$SMOKE_TOP/../shared/data/itch/aapl-20120621-open.itch50
if [ ! -r "$day" ]; then
	day=$SMOKE_DIR/day.itch50
	"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 20000 --symbols 20 --symbol AAPL=585.00 \
		--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
fi
pace=$(python3 "$SMOKE_TOP/scripts/lib/demo_show.py" pace "$day" 3) || fail "'$day' holds no messages"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
feed_ended() { [ "$(ctl_value feeds 0.ended)" = true ]; }
# For who reads the folder of a failed run.
keep_metrics() { ctl metrics >"$SMOKE_DIR/metrics.txt" 2>/dev/null; }
# What both sides know, as text to compare: one line per figure.
gateway_side() {
	ctl --json positions | jq -r '.[] | select(.bought_qty + .sold_qty > 0) |
		"\(.symbol) position \(.position_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"'
	ctl --json status | jq -r '"entered \(.order_sent_cnt) executions \(.executed_cnt) open \(.order_open_cnt)"'
	ctl --json orders | jq -r '"open \([.orders[].open_qty] | add // 0) shares"'
	ctl --json sessions | jq -r '"next message \(.[0].next_seq)"'
}
venue_side() {
	jq -r '.accounts[0] | (.positions[] |
		"\(.symbol) position \(.net_qty) bought \(.bought_qty) for \(.bought_ntl4) sold \(.sold_qty) for \(.sold_ntl4)"),
		"entered \(.entered) executions \(.executions) open \(.open_orders)",
		"open \(.open_qty) shares", "next message \(.last_seq + 1)"' "$VENUE_REPORT"
}
agree() {
	venue_report_now
	gateway_side >"$SMOKE_DIR/gateway.side"
	venue_side >"$SMOKE_DIR/venue.side"
	cmp -s "$SMOKE_DIR/gateway.side" "$SMOKE_DIR/venue.side"
}
nothing_left() {
	local mount left
	[ ! -e "$SMOKE_DIR/ctl.sock" ] || fail "the control socket is still there"
	[ ! -e "/var/run/dpdk/$EAL_PREFIX" ] ||
		fail "left in /var/run/dpdk/$EAL_PREFIX: $(ls "/var/run/dpdk/$EAL_PREFIX" | tr '\n' ' ')"
	while read -r mount; do
		left=$(find "$mount" -name "${EAL_PREFIX}map_*")
		[ -z "$left" ] || fail "hugepage files are left: $left"
	done < <(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts)
	[ -z "$(ip netns pids "$GW")" ] || fail "processes are left: $(ip netns pids "$GW" | tr '\n' ' ')"
}

# What was recorded, done again; then with a byte of an order changed, and with another decision.
replay_run() {
	local journal=$SMOKE_DIR/journal-$STRATEGY log=$SMOKE_DIR/replay-$STRATEGY.log
	replay() { "$SLUICE_BUILD/controlplane/sluice" replay --journal "$journal" "$@" >"$log" 2>&1; }
	expect_replayed "$SMOKE_DIR/sluice.yaml" "$journal"
	# Another byte in what the venue was sent: a price of the capture's third new order.
	cp "$journal/ports-000001-oe.pcap" "$SMOKE_DIR/kept.pcap"
	python3 "$SMOKE_TOP/tests/lane/pcap_edit.py" order-price "$SMOKE_DIR/kept.pcap" \
		"$journal/ports-000001-oe.pcap" 3 || fail "no third order in the capture"
	replay -c "$SMOKE_DIR/sluice.yaml"
	expect_eq "status of a replay against another capture" $? 1
	grep -qE "^differs +port oe, frame [0-9]+ of the capture, .*: price, byte [0-9]+ of the frame: captured [0-9.]+, replayed [0-9.]+; captured: enter #" "$log" ||
		fail "the changed price is not named: $(cat "$log")"
	grep "^differs" "$log" | sed 's/^/# /'
	mv "$SMOKE_DIR/kept.pcap" "$journal/ports-000001-oe.pcap"
	# Another decision: what an order may have at most.
	sed 's/qty: 100,/qty: 99,/' "$SMOKE_DIR/sluice.yaml" >"$SMOKE_DIR/other.yaml"
	replay -c "$SMOKE_DIR/other.yaml"
	expect_eq "status of a replay with another strategy" $? 1
	grep -qE "^differs +decision [0-9]+ of the run, .*: recorded: intent .* 100 AAPL at .*; quantity: recorded 100, replayed 99" "$log" ||
		fail "the other decision is not named: $(cat "$log")"
	grep "^differs" "$log" | sed 's/^/# /'
}

make_network
for STRATEGY in "$@"; do
	note "$map, $PROTOCOL, strategy $STRATEGY"
	MORE_CONFIG=
	[ "${map%%_*}" != one ] ||
		MORE_CONFIG="journal: { enabled: true, directory: $SMOKE_DIR/journal-$STRATEGY, record_ports: true }"
	write_config "$SMOKE_DIR/sluice.yaml"
	capture_start md "$VENUE" md
	capture_start oe "$VENUE" oe
	start_gateway "$SMOKE_DIR/sluice.yaml"
	# shellcheck disable=SC2086 # several words
	start_venue "$day" $pace --max-gap-ms 500 --always-open --stay --wait-login --start-delay 1
	wait_for 20 "the order session is up" session_up
	ctl arm >/dev/null || fail "the gateway could not be armed"
	ctl limits set order_max_qty 450 >/dev/null || fail "a limit could not be set"
	wait_for 20 "the feed has ended" feed_ended
	keep_metrics
	ctl halt "end of the day" >/dev/null || fail "halt was refused"
	until_s=$((SECONDS + 5 * SMOKE_PATIENCE))
	until agree; do
		if [ $SECONDS -ge $until_s ]; then
			diff "$SMOKE_DIR/gateway.side" "$SMOKE_DIR/venue.side"
			fail "the gateway (<) and the venue (>) do not agree"
		fi
		sleep 0.2
	done
	note "both say: $(paste -sd';' "$SMOKE_DIR/venue.side")"
	expect_eq "messages received of those sent" "$(ctl_value status md_cnt)" "$(venue_value market_data.messages)"
	expect_eq "messages lost" "$(ctl_value status md_lost_cnt)" 0
	expect_eq "protocol errors at the venue" "$(venue_value accounts.0.protocol_errors)" 0
	expect_at_least "executions" "$(ctl_value status executed_cnt)" 1
	# An order that no packet caused has no tick: a stamp of 0 would make it hours old.
	expect_at_least "orders with a tick-to-trade time" "$(ctl_value latency 0.count)" 1
	[ "$(ctl_value latency 0.max_ns)" -lt 10000000000 ] ||
		fail "tick-to-trade of $(ctl_value latency 0.max_ns) ns: that order had no tick"
	stop gateway 10
	venue_report_now
	expect_eq "open orders at the venue after the gateway ended" "$(venue_value accounts.0.open_orders)" 0
	grep -q ', 0 orders left open$' "$SMOKE_DIR/gateway.log" || fail "the summary does not say that no order is left"
	stop venue 5
	nothing_left
	[ "${map%%_*}" != one ] || replay_run
	capture_stop md oe
	expect_no_malformed md
	expect_no_malformed oe
	expect_at_least "packets of order entry that tshark read" "$(decode oe soupbintcp frame.number | wc -l)" 3
done
smoke_passed
