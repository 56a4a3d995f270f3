#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A recorded day in which everything happens that stops orders: disarm, halt, limits and modes by hand, a
# list, the kill switch twice, a circuit breaker's mode and halt, a reload, an instrument that a difference to
# the drop copy froze.  Done again it is the same, decision by decision and byte by byte.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start replay-stops
command -v jq >/dev/null || skip "'jq' is not installed: scripts/setup"
MAP=one STRATEGY=quote ARM=true HTTP_PORT=0 PROTOCOL=${1:-ouch50} SYMBOLS="AAPL MSFT"
COPY_PORT=26489
FEED_KEYS="gap_wait_us: 300000|trust_late_join: true" # a busy machine delays line B by milliseconds
SESSION_KEYS="drop_copy: { peer: $VENUE_OE:$COPY_PORT, username: COPY01, password_file: $SMOKE_DIR/oe.password, wait_ms: 400 }"
MORE_CONFIG="journal: { enabled: true, directory: $SMOKE_DIR/journal, record_ports: true }
kill_switch: { latch_file: $SMOKE_DIR/latch }
breakers:
  - { name: quiet, watch: feed_silent_ms, of: itch, threshold: 1500, action: reduce_only, node: sample, rearm: manual }
  - { name: blind, watch: feed_silent_ms, of: itch, threshold: 2500, action: halt, rearm: manual }"
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 5 --messages 200000 --symbols 2 --symbol AAPL=585.00 --symbol MSFT=47.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

value() { ctl --json "${@:1:$#-1}" | jq -r "${*: -1}"; }
is_true() { [ "$(value "$@")" = true ]; }
session_up() { is_true sessions '.[0].state == "up"'; }
do_ctl() { ctl "$@" >"$SMOKE_DIR/ctl.txt" 2>&1 || fail "$*: $(cat "$SMOKE_DIR/ctl.txt")"; }
sent() { value status .order_sent_cnt; }
trades() { # WHAT: two more orders leave
	local before
	before=$(sent)
	more() { [ "$(sent)" -ge $((before + 2)) ]; }
	wait_for 10 "orders leave $1" more
}
nothing_open() { is_true status '.order_open_cnt == 0'; }
frozen() { is_true drop-copy '.findings | length >= 1 and .[0].frozen'; }
tripped() { is_true breakers ".[] | select(.name == \"$1\") | .tripped"; }
rearm() { ctl breaker rearm "$1" --operator "Grace Hopper"; }

make_network
SHORT_ALLOWED=true
write_config "$SMOKE_DIR/sluice.yaml"
cp "$SMOKE_DIR/sluice.yaml" "$SMOKE_DIR/begun.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000 \
	--drop-copy COPY01:$SMOKE_PASSWORD:$COPY_PORT --fault drop_copy_lose=3
wait_for 20 "the order session is up" session_up

trades "at first"
do_ctl disarm
do_ctl arm
trades "armed again"
do_ctl halt "a pause"
sleep 0.2
do_ctl resume
trades "after a pause"
kill -STOP "${smoke_expected[venue]}"
wait_for 10 "the breaker that leaves only reductions trips" tripped quiet
wait_for 10 "the breaker that halts trips" tripped blind
kill -CONT "${smoke_expected[venue]}"
wait_for 10 "the one is re-armed" rearm quiet
wait_for 10 "the other is re-armed" rearm blind
do_ctl limits set order_max_qty 400
trades "after both breakers"
do_ctl kill "the spread looks wrong"
wait_for 5 "nothing works" nothing_open
sleep 0.2
do_ctl kill release --operator "Ada Byron"
do_ctl arm
trades "after the kill switch"
kill -USR1 "${smoke_expected[gateway]}" # no command: the lane's own thread, or any
wait_for 5 "nothing works after the signal" nothing_open
do_ctl kill release --operator "Ada Byron"
do_ctl arm
trades "after the signal"
sed -i 's/^  order_max_qty: [0-9]*/  order_max_qty: 450/' "$SMOKE_DIR/sluice.yaml"
do_ctl reload
trades "after the reload"
do_ctl limits set gross_max_usd 900000 strategy sample
do_ctl limits set mode cancel_only strategy sample
sleep 0.2
do_ctl limits set mode normal strategy sample
do_ctl limits restrict AAPL
sleep 0.2
do_ctl limits release AAPL
trades "off the list"
wait_for 20 "the drop copy froze an instrument" frozen
do_ctl drop-copy release "$(value drop-copy '.findings[0].symbol')" --operator "Grace Hopper"
trades "after the drop copy"
versions=$(value status .limits_version)
stop gateway 10
stop venue 5

expect_replayed "$SMOKE_DIR/begun.yaml" "$SMOKE_DIR/journal" 50
expect_at_least "versions of the limits" "$versions" 20
smoke_passed
