#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A running lane finds an invariant broken: memory went bad under it.  Orders stop, the log says it,
# the venue's connection is reset, the process ends with 5; the next start logs in at once
# and knows every order and execution.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start must
for tool in jq tshark ss nm; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
. "$SMOKE_TOP/tests/smoke/day.sh"
MAP=${MAP:-two} STRATEGY=take ARM=true HTTP_PORT=0
symbol=$(nm "$SLUICE_BUILD/controlplane/sluice" 2>/dev/null | awk '$3 == "path" { print $1 }')
[ -n "$symbol" ] || skip "the program was stripped of its symbols"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
traded() { counter_at_least orders_execution "$1"; }
venue_has_none() { [ -z "$(in_venue ss -Htn state established "sport = :$OE_PORT")" ]; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
start_venue "$TAPE" --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000
capture_start oe "$VENUE" oe tcp port $OE_PORT
wait_for 20 "trades" traded 3
pid=${smoke_expected[gateway]}
forget gateway
"$SLUICE_BUILD/tests/smoke/break_invariant" "$pid" "$symbol" || fail "its memory was not changed"
pid_gone 10 "$pid" || fail "the gateway still runs"
wait "$pid"
expect_eq "exit status" $? 5
grep -q 'broken invariant at line' "$SMOKE_DIR/events.log" || fail "the log does not name it"
grep -q 'a lane ended itself by a broken invariant' "$SMOKE_DIR/gateway.log" || fail "it does not say why it ends"
wait_for 1 "the venue's connection was reset" venue_has_none
venue_report_now
expect_at_least "orders that reached the venue before" "$(venue_value accounts.0.entered)" 3
entered=$(venue_value accounts.0.entered)
sleep 0.5
venue_report_now
expect_eq "orders that reached the venue after" "$(venue_value accounts.0.entered)" "$entered"
capture_stop oe
expect_at_least "resets on the wire" \
	"$(decode oe "tcp.dstport == $OE_PORT && tcp.flags.reset == 1" frame.number | wc -l)" 1
expect_no_malformed oe

# A new process knows nothing of the bad memory; the venue lets it in at once.
mv "$SMOKE_DIR/gateway.log" "$SMOKE_DIR/gateway-broken.log"
start_gateway "$SMOKE_DIR/sluice.yaml"
wait_for 10 "the session is up" session_up
ctl halt "the end" >/dev/null || fail "halt was refused"
wait_until_both_know
ctl metrics >"$SMOKE_DIR/metrics.txt" || fail "no metrics"
ctl --json positions >"$SMOKE_DIR/positions.json" || fail "no positions"
expect_same_orders
expect_positions_equal
stop gateway 10
stop venue 5
smoke_passed
