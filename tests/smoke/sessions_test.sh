#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An order session whose first address does not answer, with the venue's limit of messages, whose
# orders are cancelled after a lost connection.  Judged by the venue and by the bytes on the wire:
# never more messages in a window, nor more orders than the reserve for cancels leaves.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start sessions
for tool in jq curl tshark; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
MAP=two STRATEGY=quote HTTP_PORT=9178 ARM=true COOLDOWN_US=1000
LIMIT=20 RESERVE=5
SESSION_KEYS="backup: [$VENUE_OE:$OE_PORT]|peer_attempts: 2|reconnect_max_ms: 400|tcp: { connect_timeout_ms: 300 }"
SESSION_KEYS+="|throttle: { max_messages: $LIMIT, window_ms: 1000, cancel_reserve: $RESERVE }|on_disconnect: cancel_on_reconnect"
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 11 --messages 60000 --symbols 20 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
held_back() { metric_at_least sluice_session_throttle_reached_total 5; }
more_connections() { [ "$(ctl_value sessions 0.connect_cnt)" -ge 1 ] && [ "$(metric sluice_session_session_up_total)" -gt "$1" ]; }

make_network
write_config "$SMOKE_DIR/sluice.yaml"
# Nobody listens there: the kernel refuses, or says nothing.
sed -i "s/peer: $VENUE_OE:$OE_PORT/peer: $VENUE_OE:26499/" "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
capture_start oe "$VENUE" oe "tcp port $OE_PORT"
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1
wait_for 20 "the session is up with the second address" session_up
expect_at_least "addresses changed" "$(metric sluice_order_session_peer_changed_total)" 1
expect_eq "peer" "$(ctl_value tcp oe 0.peer)" "$VENUE_OE:$OE_PORT"

# --- the venue's limit, as its wire saw it
wait_for 20 "the limit holds messages back" held_back
for i in 1 2 3 4 5 6; do # not orders: they have the reserve
	sleep 0.3
	ctl session account-query oe >/dev/null 2>&1
done

# --- what an operator may ask of the venue; the limit may need a moment
ask_venue() {
	local before
	before=$(metric "sluice_report_$1_received_total")
	wait_for 5 "session $2 is sent" ctl session "$2" oe
	wait_for 5 "the venue answers session $2" metric_at_least "sluice_report_$1_received_total" $((before + 1))
	note "session $2: answered"
}
ask_venue mass_cancel mass-cancel
ask_venue entry_switch disable
rejected() { metric_at_least sluice_orders_order_rejected_total 1; }
wait_for 10 "the venue refuses orders of the firm" rejected
ask_venue entry_switch enable
ask_venue account account-query
ctl session disable nobody >"$SMOKE_DIR/nobody.txt" 2>&1
expect_eq "session disable nobody: exit code" $? 1
expect_eq "messages not understood" "$(ctl --json session unread oe | jq length)" 0

# --- the connection is lost while orders work
up=$(metric sluice_session_session_up_total)
cut_wire oe
sleep 0.5
mend_wire oe
in_venue ss -K dst $GW_OE sport = :$OE_PORT >/dev/null 2>&1
wait_for 30 "the session is up" session_up
ctl halt "the end" >/dev/null || fail "halt was refused"
nothing_open() {
	venue_report_now
	[ "$(venue_value accounts.0.open_orders)" = 0 ]
}
wait_for 5 "nothing is open" nothing_open
note "came up $up times before the cut, $(metric sluice_session_session_up_total) in all"
capture_stop oe
decode oe "tcp.dstport==$OE_PORT && soupbintcp.packet_type == 0x55 && !tcp.analysis.retransmission" frame.time_epoch soupbintcp.message >"$SMOKE_DIR/sent.txt"
expect_at_least "messages on the wire" "$(wc -l <"$SMOKE_DIR/sent.txt")" "$LIMIT"
most() { "$SMOKE_TOP/tests/smoke/most_in_window.py" "$SMOKE_DIR/sent.txt" 1 "$1"; }
all=$(most '') orders=$(most OUM)
[ "$all" -le $LIMIT ] || fail "$all messages within a second, the limit is $LIMIT"
[ "$orders" -le $((LIMIT - RESERVE)) ] ||
	fail "$orders orders within a second, the limit is $LIMIT with $RESERVE for cancels"
expect_at_least "most orders within a second, of $((LIMIT - RESERVE))" "$orders" 10
expect_at_least "most messages within a second, of $LIMIT" "$all" $((orders + 1))
stop gateway 10
stop venue 5
smoke_passed
