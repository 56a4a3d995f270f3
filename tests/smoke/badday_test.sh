#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The other end of the order connection has a bad day while orders flow.  Afterwards the gateway's
# orders and positions are the venue's, or trading has stopped; nothing was doubled, nothing lost.
#
#     badday_test.sh dies    the venue's process is killed and comes back with its day; then it is
#                            killed again and comes back at the backup address
#     badday_test.sh back    it comes back without its day: with lower numbers; the operator settles the
#                            orders that it has forgotten, and trading goes on
#     badday_test.sh wire    the link is cut in the middle of bursts, then for longer than
#                            link_down_ms; the venue is frozen for less and for more than silence_ms
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
group=${1?dies, back or wire} PROTOCOL=${2:-ouch50}
smoke_start "badday-$group"
for tool in jq tshark; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
. "$SMOKE_TOP/tests/smoke/day.sh"
VENUE_BACKUP=10.10.2.3
MAP=${MAP:-three} STRATEGY=take POSITION_MAX=5000 ARM=true HTTP_PORT=0 COOLDOWN_US=1000
SESSION_KEYS="heartbeat_ms: 250|silence_ms: 1000|login_timeout_ms: 500|reconnect_max_ms: 300|link_down_ms: 600"
SESSION_KEYS+="|backup: [$VENUE_BACKUP:$OE_PORT]|peer_attempts: 3|tcp: { connect_timeout_ms: 300 }"
FEED_KEYS="gap_wait_us: 300000|silence_ms: 3000|$(recovery_keys '')" # a busy machine may lose packets
long_day=$SMOKE_DIR/long.itch
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --symbols 20 --symbol $SYMBOL=150 --messages 300000 \
	--live-orders 500 --lead 1 --duration 60 --out "$long_day" >"$SMOKE_DIR/day.log" 2>&1 ||
	fail "sluice-day could not make a day"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
session_down() { ! session_up; }
came_up() { counter_at_least order_session_came_up "$1"; }
traded() { counter_at_least orders_execution "$1"; }
# more_orders: the venue took some more than there were.  (A venue that came back is at the beginning
# of its day, so its prices are no longer those of the feed, and little may trade.)
more_orders() {
	local before
	before=$(counter orders_order_accepted)
	wait_for 20 "orders after: $1" counter_at_least orders_order_accepted $((before + 20))
}
# Market data comes from a process of its own, which lives on.
feed_lives() {
	wait_for 10 "every line of the gateway's feeds is joined" feeds_joined
	start_in "$VENUE" feed "$SLUICE_BUILD/tests/sim/sluice-venue" --itch "$long_day" \
		--line-a $MD_GROUP_A:$MD_PORT_A --line-b $MD_GROUP_B:$MD_PORT_B --iface md \
		--source-ip $VENUE_MD --listen-ip $VENUE_MD --order-port 26499 --stay --speed 1.5 \
		--recovery-ip $VENUE_MD --request-port $REQUEST_PORT --request-port $REQUEST_PORT_2 \
		--snapshot-port $SNAPSHOT_PORT --snapshot-user $SMOKE_USER --snapshot-password $SMOKE_PASSWORD
}
# venue_lives [ARGUMENT...]: order entry; its own books begin the day at the first login.
venue_lives() {
	VENUE_REPORT=$SMOKE_DIR/venue.json
	rm -f "$SMOKE_DIR/venue.ready"
	start_in "$VENUE" venue "$SLUICE_BUILD/tests/sim/sluice-venue" --itch "$long_day" --speed 1.5 \
		--listen-ip $VENUE_OE --order-port $OE_PORT --ouch "${PROTOCOL#ouch}" --user $SMOKE_USER \
		--password $SMOKE_PASSWORD --always-open --stay --wait-login --heartbeat-ms 250 \
		--client-timeout-ms 2000 --report "$VENUE_REPORT" --ready-file "$SMOKE_DIR/venue.ready" "$@"
	wait_for 10 "the venue listens" test -s "$SMOKE_DIR/venue.ready"
}
kill_venue() {
	local pid=${smoke_expected[venue]}
	forget venue
	disown "$pid"
	kill -KILL "$pid"
	pid_gone 5 "$pid" || fail "the venue survived kill -9"
	wait_for 5 "the session is down" session_down
}
# The end of each: nobody trades any more, both say the same, the wire was in order.
compare() {
	ctl halt "the end" >/dev/null || fail "halt was refused"
	wait_for 10 "the session is up" session_up
	wait_for 10 "every order is answered" nothing_open
	wait_until_both_know
	take_state
	capture_stop oe
	expect_session_up
	expect_same_orders
	expect_positions_equal
	expect_eq "next report as the venue's" "$(of sessions 0.next_seq)" \
		"$(($(venue_value accounts.0.last_seq) + 1))"
	expect_eq "orders the venue had seen before" "$(venue_value accounts.0.entered_ignored)" 0
	expect_eq "orders each told once" "$(jq '[.orders[].token] | length - (unique | length)' \
		<"$SMOKE_DIR/orders.json")" 0
	expect_eq "orders and executions not understood" \
		"$(($(counted orders_execution_unknown) + $(counted orders_break_unknown)))" 0
	expect_no_malformed oe
	stop gateway 10
	stop venue 5
	stop feed 5
}

group_dies() {
	kill_venue
	sleep 0.3 # it is tried meanwhile, in vain
	venue_lives --state "$STATE"
	wait_for 10 "the session is up again" session_up
	more_orders "the venue came back"
	kill_venue
	venue_lives --state "$STATE" --listen-ip $VENUE_BACKUP
	wait_for 10 "the session is up at the backup address" session_up
	expect_eq "peer" "$(ctl_value tcp oe 0.peer)" "$VENUE_BACKUP:$OE_PORT"
	more_orders "the venue came back at its backup address"
	compare
	expect_at_least "times the session came up" "$(counted order_session_came_up)" 3
	expect_at_least "orders the venue canceled when it came back" \
		"$(counted orders_order_canceled)" 1
}

group_back() {
	local unknown token accepted
	kill_venue
	venue_lives
	wait_for 10 "the log says that the venue went back" \
		grep -q 'it has lost what it told us or is another one' "$SMOKE_DIR/events.log"
	wait_for 20 "the session is up" session_up
	sleep 1.5 # market data flows, and nobody trades on it
	take_state
	venue_report_now
	expect_said 'the venue goes on at message'
	expect_eq "orders may leave" "$(of status orders_on)" false
	expect_eq "orders that reached the venue" "$(venue_value accounts.0.entered)" 0
	expect_no_order_after 'it has lost what it told us'
	accepted=$(counted orders_order_accepted)

	# The operator's part: what the venue has forgotten is listed, and settled when he has asked.
	expect_said 'orders may work at the venue or not, it has not told all: sluicectl orders lists them'
	unknown=$(ctl --json orders | jq '[.orders[] | select(.state == "unknown")] | length')
	expect_at_least "orders of unknown fate" "$unknown" 1
	expect_eq "of all that are open" "$unknown" "$(counter orders_open_order_cnt)"
	expect_at_least "shares that risk holds for them" "$(reserved)" 1
	token=$(ctl --json orders | jq '.orders[0].token')
	ctl cancel "$token" >/dev/null || fail "an order of unknown fate cannot be cancelled"
	wait_for 5 "the cancel leaves" counter_at_least orders_cancel_sent $(($(counted orders_cancel_sent) + 1))
	sleep 0.3
	expect_eq "its state: the venue does not know it" \
		"$(ctl --json orders | jq -r ".orders[] | select(.token == $token) | .state")" unknown
	expect_eq "orders settled" "$(ctl --json settle "$token" | jq .order_cnt)" 1
	ctl settle "$token" >"$SMOKE_DIR/settle.txt" 2>&1
	expect_eq "settled again: exit code" $? 1
	ctl settle all >/dev/null || fail "settle was refused"
	wait_for 5 "nothing is open" nothing_open
	expect_eq "shares that risk holds" "$(reserved)" 0
	expect_eq "orders settled" "$(counter orders_order_settled)" "$unknown"
	ctl resume >/dev/null || fail "resume was refused"
	more_orders "the operator resumed"
	ctl halt "the end" >/dev/null || fail "halt was refused"
	wait_until_both_know
	take_state
	venue_report_now
	expect_eq "orders accepted since" "$(venue_value accounts.0.accepted)" \
		"$(($(counted orders_order_accepted) - accepted))"
	expect_eq "orders the venue had seen before" "$(venue_value accounts.0.entered_ignored)" 0
	capture_stop oe
	expect_no_malformed oe
	stop gateway 10
	stop venue 5
	stop feed 5
}

group_wire() {
	local i
	for i in 1 2 3; do # shorter than link_down_ms: the connection stands, TCP repairs it
		cut_wire oe
		sleep 0.2
		mend_wire oe
		venue_addresses
		sleep 0.3
	done
	more_orders "short cuts"
	expect_eq "times the session came up" "$(counter order_session_came_up)" 1
	kill -STOP "${smoke_expected[venue]}" # shorter than silence_ms
	sleep 0.5
	kill -CONT "${smoke_expected[venue]}"
	more_orders "a short freeze"
	expect_eq "times the session came up" "$(counter order_session_came_up)" 1
	kill -STOP "${smoke_expected[venue]}" # longer: given up, and no login is answered either
	wait_for 5 "the log says that the venue is silent" grep -q 'the venue sent nothing for' \
		"$SMOKE_DIR/events.log"
	sleep 0.8
	kill -CONT "${smoke_expected[venue]}"
	wait_for 20 "the session is up after a long freeze" came_up 2
	more_orders "a long freeze"
	cut_wire oe # longer than link_down_ms
	wait_for 5 "the connection is given up" grep -q 'connection lost: link down' "$SMOKE_DIR/events.log"
	mend_wire oe
	venue_addresses
	wait_for 20 "the session is up after the link was" came_up 3
	more_orders "a long cut"
	compare
	# whether one was under way at a cut is chance: the link is down at once, and orders are refused
	note "segments sent again: $(counted tcp_segment_retransmitted)"
}

# Shares that risk holds back for open orders, of all instruments.
reserved() { ctl --json positions | jq '[.[] | .open_buy_qty + .open_sell_qty] | add'; }

# An interface that was down has lost its second address.
venue_addresses() { ip -n "$VENUE" addr replace $VENUE_BACKUP/24 dev oe; }

STATE=
[ "$group" != dies ] || STATE=$SMOKE_DIR/state
declare -F "group_$group" >/dev/null || fail "there is no '$group'"
make_network
venue_addresses
write_config "$SMOKE_DIR/sluice.yaml"
# One takes, so that there are executions, and one quotes, so that orders work at every moment.
sed -i "s/^strategies:/&\n  - { name: maker, kind: quote, instruments: [$SYMBOL], qty: 100, position_max_qty: 5000, cooldown_us: 1000 }/" \
	"$SMOKE_DIR/sluice.yaml"
sed -i "s/^risk:/&\n  self_match: allow/" "$SMOKE_DIR/sluice.yaml" # both at one price at times
capture_start oe "$VENUE" oe tcp port $OE_PORT
venue_lives ${STATE:+--state "$STATE"}
start_gateway "$SMOKE_DIR/sluice.yaml"
wait_for 20 "the session is up" session_up
feed_lives
wait_for 20 "trades" traded 5
"group_$group"
smoke_passed
