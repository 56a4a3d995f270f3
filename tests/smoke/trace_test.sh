#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The trace points at the hops, switched on by EAL's own option and read by babeltrace2; histograms
# of the same short day as HdrHistogram's log, as percentiles and as a plot.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start trace
for tool in babeltrace2 jq gnuplot; do
	command -v $tool >/dev/null || skip "$tool is not installed: scripts/setup"
done
MAP=one STRATEGY=quote SAMPLE_EVERY=4 HTTP_PORT=0
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 3 --messages 40000 --symbols 4 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"
session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
sent() { ctl --json metrics sluice_lane_loop_order_sent_total | jq '[.[].value] | add'; }
sent_at_least() { [ "$(sent)" -ge "$1" ]; }
events_of() { grep -c "sluice.hop.$1:" "$SMOKE_DIR/trace.txt"; }

make_network
write_config "$SMOKE_DIR/plain.yaml"
sed -e "s|^eal: .*|eal: { file_prefix: $EAL_PREFIX, extra_args: [\"--trace=sluice.*\", \"--trace-dir=$SMOKE_DIR\", \"--trace-bufsz=8M\"] }|" \
	-e "s|^latency: {|latency: { interval_s: 1, log_file: $SMOKE_DIR/run.hlog,|" \
	"$SMOKE_DIR/plain.yaml" >"$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 2000 --always-open --stay --wait-login --start-delay 1
wait_for 20 "the order session is up" session_up
wait_for 20 "it is armed" ctl arm
wait_for 30 "orders leave" sent_at_least 30
sleep 1.5 # an interval ends
ctl --json latency --interval --stages | jq -e 'length > 10 and all(.[]; has("clock"))' >/dev/null || fail "no interval"
ctl latency export "$SMOKE_DIR/out.hlog" || fail "no log of histograms"
ctl latency export "$SMOKE_DIR/out.txt" --format percentiles || fail "no percentiles"
ctl latency export "$SMOKE_DIR/out.txt" 2>/dev/null && fail "a file that is there was overwritten"
ctl latency export "$SMOKE_DIR/out.x" --format gif 2>/dev/null && fail "an unknown format was taken"
ctl halt >/dev/null # rows are read one after another: no order in between
sleep 0.5
ctl --json latency >"$SMOKE_DIR/latency.json"
count=$(jq '.[] | select(.name == "tick-to-trade") | .count' "$SMOKE_DIR/latency.json")
per_strategy=$(jq '.[] | select(.name == "tick-to-trade of sample") | .count' "$SMOKE_DIR/latency.json")
expect_eq "orders of the only strategy" "$per_strategy" "$count"
sent=$(sent)
stop gateway 10
stop venue 5
grep -q '^Tag=tick-to-trade,' "$SMOKE_DIR/out.hlog" || fail "the log has no line of tick-to-trade"
expect_at_least "intervals in latency.log_file" "$(grep -c '^Tag=rx,' "$SMOKE_DIR/run.hlog")" 2
for kind in svg png; do
	"$SMOKE_TOP/scripts/plot-latency" "$SMOKE_DIR/out.txt" "$SMOKE_DIR/plot.$kind" || fail "no plot"
	[ -s "$SMOKE_DIR/plot.$kind" ] || fail "the plot is empty"
done
grep -q 'tick-to-trade' "$SMOKE_DIR/plot.svg" || fail "the plot does not name its rows"

trace=$(find "$SMOKE_DIR" -name metadata -printf '%h\n' | head -n 1)
[ -n "$trace" ] || fail "no trace was written"
babeltrace2 "$trace" >"$SMOKE_DIR/trace.txt" 2>"$SMOKE_DIR/babeltrace.log" ||
	fail "babeltrace2 cannot read the trace: $(tail -n 2 "$SMOKE_DIR/babeltrace.log")"
for hop in datagram bbo intent order sent; do
	expect_at_least "events of sluice.hop.$hop" "$(events_of $hop)" 20
done
# Cancels at the end and rehearsals have no trigger.
expect_at_least "orders sent, by the trace" "$(events_of sent)" "$sent"
smoke_passed
