#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A day with an enemy on the wire, or with wires that go away.
#
#     hostile_test.sh frames     every kind of bad frame: each counted under its own counter, and
#                                nothing else changes
#     hostile_test.sh md_link    the market data link goes down and comes back
#     hostile_test.sh oe_link    the order link does
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
group=${1?frames, md_link or oe_link}
smoke_start "hostile-$group"
. "$SMOKE_TOP/tests/smoke/day.sh"

session_is_up() { [ "$(counter order_session_state)" = 5 ]; }
has_traded() { [ "$(counter orders_execution)" -ge 10 ]; }

# attack md|oe ARGUMENT...: and each counter that it names has grown by what it says.
attack() {
	local wire=$1 gw_mac gw_ip our_ip counter label want
	shift
	gw_mac=$(ip -n "$GW" -j link show dev "$wire" | json_value 0.address)
	if [ "$wire" = md ]; then gw_ip=$GW_MD our_ip=$VENUE_MD; else gw_ip=$GW_OE our_ip=$VENUE_OE; fi
	ctl metrics >"$SMOKE_DIR/before.txt"
	in_venue python3 "$SMOKE_TOP/tests/smoke/hostile.py" "$wire" "$gw_mac" $gw_ip $our_ip "$@" \
		>"$SMOKE_DIR/hostile-$wire.txt" 2>"$SMOKE_DIR/hostile-$wire.log" ||
		fail "the attack did not run; see hostile-$wire.log"
	wait_for 5 "each bad frame on $wire is counted" all_grown "$SMOKE_DIR/hostile-$wire.txt"
	sleep 0.3 # and nothing beyond
	ctl metrics >"$SMOKE_DIR/after.txt"
	while read -r counter label want; do
		[ "$label" != - ] || label=
		grown "$counter" "$label" "$want" >>"$SMOKE_DIR/grown.txt"
	done <"$SMOKE_DIR/hostile-$wire.txt"
}
all_grown() {
	local counter label want got
	ctl metrics >"$SMOKE_DIR/after.txt"
	while read -r counter label want; do
		[ "$label" != - ] || label=
		got=$(grown "$counter" "$label" "$want" | awk '{ print $(NF - 1) }')
		[ "$got" -ge "$want" ] || return 1
	done <"$1"
}
grown() {
	local got
	got=$(($(count_in "$1" "$2" <"$SMOKE_DIR/after.txt") -
		$(count_in "$1" "$2" <"$SMOKE_DIR/before.txt")))
	echo "$1 $2 $got $3"
}
# These grow on a good day, too.
expect_grown() {
	local counter label got want wrong=
	while read -r counter label got want; do
		[ -n "$want" ] || { want=$got got=$label label=; }
		case $counter in
		# A segment that the venue's kernel sends twice counts as out of window, too.
		arb_line_message_duplicate | arb_packet_wrong_session | tcp_dropped_out_of_window) [ "$got" -ge "$want" ] ;;
		*) [ "$got" = "$want" ] ;;
		esac || wrong+="$counter${label:+{$label\}} grew by $got instead of $want; "
		note "counted: $counter${label:+{$label\}} $got"
	done <"$SMOKE_DIR/grown.txt"
	[ -z "$wrong" ] || fail "$wrong"
}

group_frames() {
	day_start '' --speed 0.3 # the attack takes some seconds
	wait_for 10 "trading" has_traded
	# A frame larger than ours: only if both ends of the wire let it pass.
	ip -n "$GW" link set md mtu 9000
	ip -n "$VENUE" link set md mtu 9000
	capture_start pings "$VENUE" oe icmp
	attack md $MD_GROUP_A $MD_PORT_A SIM0000001
	attack oe $OE_PORT
	session_is_up || fail "the session did not survive"
	day_is_over && fail "the day was over before the attack was"
	day_end
	expect_grown
	capture_stop pings
	# One answer waits at a time: of those that came in one burst the first is answered.
	expect_at_least "pings answered" "$(counted icmp_echo_sent port=oe)" 1
	expect_eq "pings answered or not" \
		"$(($(counted icmp_echo_sent port=oe) + $(counted icmp_echo_dropped port=oe)))" 5
	expect_eq "answers on the wire" "$(decode pings "icmp.type == 0" frame.number | wc -l)" \
		"$(counted icmp_echo_sent port=oe)"
	expect_all_messages
	expect_eq "gaps" "$(counted arb_gap_lost)" 0
	expect_session_up
	expect_eq "times the session came up" "$(counted order_session_came_up)" 1
	expect_at_least "executions" "$(counted orders_execution)" 10
	expect_same_orders
	expect_positions_equal
}

group_md_link() { # the feed is silent at once; a hole; nobody trades on it
	GAP_WAIT_US=2000 STRATEGY=quote
	day_start ''
	wait_for 10 "quotes" counter_at_least orders_order_accepted 1
	sleep 0.3
	cut_wire md
	wait_for 3 "the log says that the link is down" grep -q 'port md: link is down' \
		"$SMOKE_DIR/events.log"
	wait_for 3 "the log says that the feed is silent" grep -q 'no line was heard' \
		"$SMOKE_DIR/events.log"
	wait_for 3 "no order stands on a stale book" nothing_open
	expect_eq "risk's view of the book" "$(ctl_value positions 0.confidence)" stale
	sleep 0.5
	mend_wire md
	wait_for 3 "the log says that the link is up" \
		eval "[ \$(grep -c 'port md: link is up' '$SMOKE_DIR/events.log') -ge 2 ]"
	wait_for 5 "the feed is heard again" counter_at_least arb_feed_heard_again 1
	expect_at_least "messages lost" "$(counter arb_message_lost)" 1
	expect_eq "risk's view of the book" "$(ctl_value positions 0.confidence)" suspect
	day_end
	expect_no_order_after 'no line was heard'
	expect_session_up
	expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
	expect_positions_equal
}

group_oe_link() { # the connection stands or is made anew; every report arrives
	day_start ''
	wait_for 10 "trading" has_traded
	cut_wire oe
	wait_for 3 "the log says that the link is down" grep -q 'port oe: link is down' \
		"$SMOKE_DIR/events.log"
	sleep 0.7
	mend_wire oe
	ip -n "$VENUE" addr replace $VENUE_OE/24 dev oe
	wait_for 10 "the session is up again" session_is_up
	day_end
	expect_said 'port oe: link is up'
	expect_session_up
	expect_all_messages
	expect_at_least "executions" "$(counted orders_execution)" 10
	expect_same_orders
	expect_positions_equal
}

declare -F "group_$group" >/dev/null || fail "there is no '$group'"
"group_$group"
smoke_passed
