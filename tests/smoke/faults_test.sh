#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same trading day once per kind of trouble of tests/sim/faults.def.  At the end the gateway's
# positions equal the venue's, or trading has stopped; there is no third outcome.  Where only one
# of the two is right, the test asks for that one.
#
#     faults_test.sh GROUP [ouch50|ouch42]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
group=${1?a group of faults} PROTOCOL=${2:-ouch50}
smoke_start "faults-$group"
. "$SMOKE_TOP/tests/smoke/day.sh"

# --- the groups

group_none() { # a good venue: everything the other groups compare with
	day_start ''
	day_end
	expect_all_messages
	expect_eq "gaps" "$(counted arb_gap_opened)" 0
	expect_session_up
	expect_at_least "executions" "$(counted orders_execution)" 10
	expect_same_orders
	expect_positions_equal
}

group_loss_one_line() { # what one line loses the other has
	day_start 'loss_a=1000+3001-3400+9000,loss_b=2000+5001-5400+9100'
	day_end
	expect_at_least "packets line A lost" "$(venue_value market_data.line_a.lost)" 100
	expect_at_least "packets line B lost" "$(venue_value market_data.line_b.lost)" 100
	expect_at_least "jumps of line A" "$(counted arb_line_gap line=0)" 3
	expect_at_least "jumps of line B" "$(counted arb_line_gap line=1)" 3
	expect_all_messages
	expect_eq "gaps given up" "$(counted arb_gap_lost)" 0
	expect_same_orders
	expect_positions_equal
}

group_loss_both_lines() { # a gap: named, and nobody trades on books with a hole
	# a quote away from the market is not executed, so there is one to cancel
	GAP_WAIT_US=2000 STRATEGY=quote STRATEGY_KEYS="edge_usd: 0.05"
	day_start 'loss_both=8001-8100'
	day_end
	expect_eq "gaps given up" "$(counted arb_gap_lost)" 1
	expect_eq "messages lost" "$(counted arb_message_lost)" 100
	expect_said 'feed itch: messages 8001 to 8100 given up as lost'
	expect_at_least "quotes before" "$(counted orders_next_token)" 20
	expect_no_order_after 'given up as lost'
	expect_at_least "cancels that risk let pass" "$(counted risk_cancel_passed)" 1
	expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
	expect_positions_equal
}

group_duplicates() {
	day_start 'dup_a=20%,dup_b=20%'
	day_end
	expect_at_least "packets sent twice" "$(venue_value market_data.line_a.duplicated)" 500
	expect_eq "every message came first once" "$(counted arb_line_message_first)" \
		"$(venue_value market_data.messages)"
	expect_all_messages
	expect_same_orders
	expect_positions_equal
}

group_reorder() { # both lines swap packets; the wait bridges it
	day_start 'reorder_a=2001-2008+4001-4200+6001,reorder_b=2001-2008+4001-4200+6001'
	day_end
	expect_at_least "packets late on line A" "$(venue_value market_data.line_a.reordered)" 20
	expect_at_least "packets kept for their turn" "$(counted arb_packet_held)" 10
	expect_eq "gaps given up" "$(counted arb_gap_lost)" 0
	expect_at_least "gaps filled" "$(counted arb_gap_filled)" 10
	expect_all_messages
	expect_same_orders
	expect_positions_equal
}

group_reorder_late() { # line B brings what A lost, but later than we wait
	GAP_WAIT_US=2000
	day_start 'loss_a=8001-8004,delay_b_us=250000'
	day_end
	expect_eq "gaps given up" "$(counted arb_gap_lost)" 1
	expect_eq "messages lost" "$(counted arb_message_lost)" 4
	expect_said 'feed itch: messages 8001 to 8004 given up as lost'
	expect_no_order_after 'given up as lost'
	expect_positions_equal
}

group_silent_line() { # one line dies: said, and no harm
	FEED_SILENCE_MS=1500 # not what a busy machine does by itself
	day_start 'silent_a=6001-14000' --speed 0.7
	day_end
	expect_said 'feed itch: nothing heard on line 0'
	expect_said 'feed itch: line 0 is heard again'
	expect_silent_about 'feed itch: no line was heard'
	expect_all_messages
	expect_same_orders
	expect_positions_equal
}

group_silent_feed() { # both lines die for a while, then go on with a hole
	FEED_SILENCE_MS=1500 GAP_WAIT_US=2000
	day_start 'silent_a=6001-14000,silent_b=6001-14000' --speed 0.7
	day_end
	expect_said 'feed itch: no line was heard'
	expect_said 'feed itch: heard again'
	expect_eq "messages lost" "$(counted arb_message_lost)" \
		"$(($(venue_value market_data.messages) - $(counted arb_message_delivered)))"
	expect_at_least "messages lost" "$(counted arb_message_lost)" 7990
	expect_no_order_after 'no line was heard'
	expect_positions_equal
}

group_noise() { # garbage, cut and foreign packets between the good ones
	day_start 'garbage=20%,truncated=20%,wrong_session=20%'
	day_end
	expect_at_least "garbage sent" "$(venue_value market_data.line_a.garbage)" 500
	expect_eq "foreign packets counted" \
		"$(($(counted arb_packet_wrong_session) + $(counted arb_line_packet_malformed) + \
			$(counted arb_line_packet_short) + $(counted arb_line_packet_seq_invalid)))" \
		"$((2 * ($(venue_value market_data.line_a.garbage) + \
			$(venue_value market_data.line_a.truncated) + \
			$(venue_value market_data.line_a.wrong_session))))"
	expect_at_least "packets of another session" "$(counted arb_packet_wrong_session)" 500
	expect_at_least "packets cut short" \
		"$(($(counted arb_line_packet_malformed) + $(counted arb_line_packet_short)))" 500
	expect_said 'feed itch: packets of another session'
	expect_all_messages
	expect_same_orders
	expect_positions_equal
}

# Every way of losing the connection ends alike: back by ourselves, and nothing forgotten.
expect_recovered() {
	expect_session_up
	expect_at_least "times the session came up" "$(counted order_session_came_up)" "$1"
	expect_at_least "logins at the venue" "$(venue_value accounts.0.logins)" "$1"
	expect_at_least "executions" "$(counted orders_execution)" 10
	expect_same_orders
	expect_eq "next report as the venue's" "$(of sessions 0.next_seq)" \
		"$(($(venue_value accounts.0.last_seq) + 1))"
	expect_eq "orders we think open" "$(counted orders_open_order_cnt)" 0
	expect_positions_equal
}
group_cut() {
	day_start 'cut_after=25'
	day_end
	expect_said 'session oe: connection lost: closed by the venue'
	expect_recovered 2
}
group_rst() {
	day_start 'rst_after=25'
	day_end
	expect_said 'session oe: connection lost: reset by the venue'
	expect_recovered 2
}
group_mute() { # the connection stands, the venue says nothing any more
	SESSION_SILENCE_MS=1000
	day_start 'silent_after=25'
	day_end
	expect_said 'session oe: the venue sent nothing for'
	expect_recovered 2
}
group_late_acks() { # the venue's kernel acknowledges by its timer, later than ours runs out
	day_start 'late_acks=1,read_delay_ms=60'
	day_end
	# Each lone order is asked about once, by a probe of the tail; nothing takes that for loss.
	expect_at_least "probes of the tail" "$(counted tcp_tail_probe_sent)" 10
	expect_eq "segments sent again" "$(counted tcp_segment_retransmitted)" "$(counted tcp_tail_probe_sent)"
	expect_at_least "congestion window in bytes" "$(counted tcp_congestion_window_bytes)" 14600
	expect_recovered 1
	expect_eq "times the session came up" "$(counted order_session_came_up)" 1
}
group_refused_accept() { # the first connections are closed at once
	day_start 'accept_drop=2' --wait-login
	day_end
	expect_at_least "connections lost" "$(counted order_session_connect_lost)" 2
	expect_recovered 1
}
group_login_rejected() { # not tried again: accounts get locked that way
	day_start 'login_reject=1' --wait-port
	wait_for 10 "the log names the rejected login" grep -q "login rejected with 'A'" \
		"$SMOKE_DIR/events.log"
	day_end
	expect_eq "session" "$(of sessions 0.state)" refused
	expect_eq "logins tried" "$(counted soup_login_sent)" 1
	expect_eq "orders that reached the venue" "$(venue_value accounts.0.entered)" 0
	expect_positions_equal
}
group_slow_reader() { # the venue reads late, writes in crumbs, and pauses
	day_start 'read_delay_ms=20,write_bytes=7,slow_after=50,slow_ms=1500' --receive-buffer 4096
	day_end
	expect_recovered 1
}
group_bad_stream() { # an unknown packet is passed over or ends the connection; no harm either way
	day_start 'bad_type_after=60'
	day_end
	expect_recovered 1
}
group_bad_length() {
	day_start 'bad_length_after=60'
	day_end
	expect_recovered 2
}
group_outcomes() { # everything a venue may answer
	day_start 'accept_dead=7,reject_every=11,break_every=5,correct_every=3,cancel_after=80'
	day_end
	expect_session_up
	expect_at_least "orders accepted dead" "$(venue_value accounts.0.accepted_dead)" 2
	expect_eq "orders accepted dead" "$(counted orders_order_dead_on_arrival)" \
		"$(venue_value accounts.0.accepted_dead)"
	expect_at_least "orders rejected" "$(venue_value accounts.0.rejected)" 2
	expect_eq "orders rejected" "$(counted orders_order_rejected)" \
		"$(venue_value accounts.0.rejected)"
	expect_at_least "trades broken" "$(venue_value accounts.0.broken)" 2
	expect_eq "trades broken" "$(counted orders_break_applied)" \
		"$(venue_value accounts.0.broken)"
	expect_eq "prices corrected" "$(counted orders_correction_applied)" \
		"$(venue_value accounts.0.corrected)"
	if [ "$PROTOCOL" = ouch42 ]; then # OUCH 5.0 has no corrections
		expect_at_least "prices corrected" "$(venue_value accounts.0.corrected)" 5
		expect_said 'corrects the price of an execution'
	fi
	expect_eq "executions" "$(counted orders_execution)" "$(venue_value accounts.0.executions)"
	expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
	expect_positions_equal
}

declare -F "group_$group" >/dev/null || fail "there is no group of faults '$group'"
# Where the order connection suffers, tshark reads all of it.
CAPTURED=' cut rst slow_reader late_acks '
"group_$group"
[ ! -f "$SMOKE_DIR/oe.pcap" ] || expect_no_malformed oe
smoke_passed
