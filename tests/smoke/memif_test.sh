#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A day with ports of shared memory instead of kernel sockets, as scripts/demo --port memif has it:
# the gateway and the venue agree at its end, and the figures stand beside those of af_packet.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start memif
for tool in dpdk-testpmd tshark jq; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
HTTP_PORT=0
day=$SMOKE_TOP/../shared/data/itch/aapl-20120621-open.itch50
if [ ! -r "$day" ]; then
	day=$SMOKE_DIR/day.itch50
	"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --messages 20000 --symbols 20 --symbol AAPL=585.00 \
		--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
fi
pace=$(python3 "$SMOKE_TOP/scripts/lib/demo_show.py" pace "$day" 4) || fail "'$day' holds no messages"
session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
feed_ended() { [ "$(ctl_value feeds 0.ended)" = true ]; }
agree() {
	venue_report_now
	[ "$(ctl_value status executed_cnt) $(ctl_value positions 0.position_qty) $(ctl_value status order_open_cnt)" = \
		"$(jq -r '.accounts[0] | "\(.executions) \(.positions[0].net_qty) \(.open_orders)"' "$VENUE_REPORT")" ]
}
one_day() { # PORT
	write_config "$SMOKE_DIR/sluice.yaml"
	capture_start md "$VENUE" md
	capture_start oe "$VENUE" oe
	start_gateway "$SMOKE_DIR/sluice.yaml"
	[ "$1" != memif ] || start_carrier
	# shellcheck disable=SC2086 # several words
	start_venue "$day" $pace --max-gap-ms 500 --always-open --stay --wait-login --start-delay 2
	wait_for 20 "the order session is up" session_up
	expect_eq "driver of the port" "$(ctl_value ports 0.driver)" "net_$1"
	ctl arm >/dev/null || fail "the gateway could not be armed"
	wait_for 30 "the feed has ended" feed_ended
	ctl halt >/dev/null || fail "halt was refused"
	wait_for 5 "the gateway and the venue agree" agree
	expect_eq "messages received of those sent" "$(ctl_value status md_cnt)" "$(venue_value market_data.messages)"
	expect_at_least "executions" "$(ctl_value status executed_cnt)" 1
	expect_at_least "orders with a tick-to-trade time" "$(ctl_value latency 0.count)" 1
	mkdir -p "$SMOKE_DIR/demo-report-$1"
	ctl --json latency --stages >"$SMOKE_DIR/demo-report-$1/latency.json"
	stop gateway 10
	[ "$1" != memif ] || stop carrier 10 any
	stop venue 5
	capture_stop md oe
	expect_no_malformed md
	expect_no_malformed oe
}

make_network
one_day af_packet
memif_ports
one_day memif
python3 "$SMOKE_TOP/scripts/lib/demo_show.py" compare "$SMOKE_DIR/demo-report-af_packet" "$SMOKE_DIR/demo-report-memif" \
	>"$SMOKE_DIR/compare.txt" || fail "the runs cannot be compared"
grep -q '^  tick-to-trade ' "$SMOKE_DIR/compare.txt" || fail "the comparison lacks tick-to-trade"
cat "$SMOKE_DIR/compare.txt"
smoke_passed
