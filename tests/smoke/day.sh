# SPDX-License-Identifier: Apache-2.0
#
# A trading day for smoke tests, and what must be true at its end.  Sourced after smoke_start:
# makes the tape; day_start, then trouble, then day_end, then expect_...

# 20,000 messages of 20 symbols in 3.5 s; about 200 orders of the taker.
TAPE=$SMOKE_DIR/day.itch
SYMBOL=AAPL
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --symbols 20 --symbol $SYMBOL=150 --messages 20000 \
	--live-orders 500 --lead 1 --duration 4 --out "$TAPE" >"$SMOKE_DIR/day.log" 2>&1 ||
	fail "sluice-day could not make a day; see its log"

# --- one day

# Market data is packed by number, so that a fault that names messages strikes the same packets in
# each run.  gap_wait is long where no gap may be: a busy machine delays line B by milliseconds.
GAP_WAIT_US=300000 FEED_SILENCE_MS=3000 SESSION_SILENCE_MS=15000

# day_start FAULTS [VENUE-ARGUMENT...]: both programs run, orders may leave.  With RECOVERY set (to
# further keys of it, or empty) the gateway knows the venue's request and snapshot servers.
day_start() {
	local faults=$1
	shift
	make_network
	ARM=true
	FEED_KEYS="gap_wait_us: $GAP_WAIT_US|silence_ms: $FEED_SILENCE_MS${RECOVERY+|$(recovery_keys "$RECOVERY")}"
	SESSION_KEYS="heartbeat_ms: 300|silence_ms: $SESSION_SILENCE_MS|reconnect_max_ms: 400|login_timeout_ms: 1500"
	write_config "$SMOKE_DIR/sluice.yaml"
	[[ "${CAPTURED-}" != *" $group "* ]] || capture_start oe "$VENUE" oe tcp port $OE_PORT
	start_gateway "$SMOKE_DIR/sluice.yaml"
	start_venue "$TAPE" --wait-login --start-delay 1 --speed 1.5 --stay --pack 4 --heartbeat-ms 250 \
		${faults:+--fault "$faults"} "$@"
}
day_is_over() { [ "$(counter arb_session_ended)" -ge 1 ]; }
nothing_open() { [ "$(counter orders_open_order_cnt)" = 0 ]; }
# What the venue said last has arrived, where there is a session to arrive by.
wait_until_both_know() {
	local until=$((SECONDS + 5))
	while sleep 0.3; do
		venue_report_now
		[ "$(ctl_value sessions 0.next_seq)" != $(($(venue_value accounts.0.last_seq) + 1)) ] || return 0
		[ $SECONDS -lt $until ] || return 0 # a session that is down: the test knows what to say
	done
}
# day_end: the feed has come to its end; the last answers arrive, both programs stop.
day_end() {
	wait_for 20 "the feed comes to its end" day_is_over
	wait_for 10 "every order is answered" nothing_open
	wait_until_both_know
	take_state
	[ -z "${smoke_expected[oe]-}" ] || capture_stop oe
	stop venue 5
	stop gateway 10
}
# take_state: what the gateway says, for all judgements that follow.
take_state() {
	ctl metrics >"$SMOKE_DIR/metrics.txt" || fail "no metrics"
	ctl --json positions >"$SMOKE_DIR/positions.json" || fail "no positions"
	ctl --json status >"$SMOKE_DIR/status.json" || fail "no status"
	ctl --json sessions >"$SMOKE_DIR/sessions.json" || fail "no sessions"
	ctl --json orders --all >"$SMOKE_DIR/orders.json" || fail "no orders"
	ctl --json feeds >"$SMOKE_DIR/feeds.json" || fail "no feeds"
	ctl --json latency >"$SMOKE_DIR/latency.json" || fail "no latency"
	ctl --json books $SYMBOL --depth 1 >"$SMOKE_DIR/book.json" || fail "no book of $SYMBOL"
}
# counter NAME [LABEL]: the sum over its lines, now.
counter() {
	ctl metrics "sluice_$1" | count_in "$1" "${2-}"
}
# counted NAME [LABEL]: the same as it was at the end.
counted() { count_in "$1" "${2-}" <"$SMOKE_DIR/metrics.txt"; }
count_in() {
	awk -v name="sluice_$1" -v label="$2" '
		{ split($1, part, "{"); bare = part[1]; sub(/_total$/, "", bare) }
		bare == name && index($1, label) { sum += $2 }
		END { printf "%.0f\n", sum }'
}
counter_at_least() { [ "$(counter "$1")" -ge "$2" ]; }
of() { json_value "$2" <"$SMOKE_DIR/$1.json"; }
said() { grep -cE -- "$1" "$SMOKE_DIR/events.log"; }
expect_said() { expect_at_least "the log says '$1'" "$(said "$1")" 1; }
expect_silent_about() { expect_eq "the log says '$1'" "$(said "$1")" 0; }

# --- judgements

venue_position() {
	python3 -c '
import json, sys
want = sys.argv[2]
for p in json.load(open(sys.argv[1]))["accounts"][0]["positions"]:
    if p["symbol"] == want:
        print(p["bought_qty"], p["sold_qty"], p["net_qty"], p["bought_ntl4"], p["sold_ntl4"])
        break
else:
    print("0 0 0 0 0")' "$VENUE_REPORT" $SYMBOL
}
our_position() {
	python3 -c '
import json, sys
for p in json.load(open(sys.argv[1])):
    if p["symbol"] == sys.argv[2]:
        print(p["bought_qty"], p["sold_qty"], p["position_qty"], p["bought_ntl4"], p["sold_ntl4"])' \
		"$SMOKE_DIR/positions.json" $SYMBOL
}
expect_positions_equal() {
	expect_eq "position as the venue's (bought sold net \$bought \$sold)" \
		"$(our_position)" "$(venue_position)"
}
expect_same_orders() {
	expect_eq "orders accepted" "$(counted orders_order_accepted)" \
		"$(($(venue_value accounts.0.accepted)))"
	expect_eq "executions" "$(counted orders_execution)" "$(venue_value accounts.0.executions)"
	expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
}
expect_session_up() { expect_eq "session" "$(of sessions 0.state)" up; }
# The last best bid and offer of the tape are the book's.
expect_book_of_tape() {
	local want got
	want=$("$SLUICE_BUILD/controlplane/observe/sluice-book" "$TAPE" |
		awk -F, -v s=$SYMBOL '$3 == s { row = $4 " " $5 " " $6 " " $7 } END { print row }')
	got="$(of book bid.0.px4) $(of book bid.0.qty) $(of book ask.0.px4) $(of book ask.0.qty)"
	expect_eq "best bid and offer after the day" "$got" "$want"
}
expect_all_messages() {
	expect_eq "messages passed on" "$(counted arb_message_delivered)" \
		"$(venue_value market_data.messages)"
	expect_eq "messages lost" "$(counted arb_message_lost)" 0
	expect_book_of_tape
}
# The last order left before the log said it.
expect_no_order_after() {
	local first_ns last_ns
	first_ns=$(event_ns "$1")
	[ -n "$first_ns" ] || fail "the log does not say '$1'"
	last_ns=$(python3 -c '
import json, sys
print(max([o["sent_ns"] for o in json.load(open(sys.argv[1]))["orders"]], default=0))' \
		"$SMOKE_DIR/orders.json")
	[ "$last_ns" -le "$first_ns" ] ||
		fail "an order was sent $((last_ns - first_ns)) ns after the log said '$1'"
	note "no order left after: $1"
}
# No order was sent between two things that the log said.
expect_no_order_between() {
	local from_ns to_ns sent
	from_ns=$(event_ns "$1")
	to_ns=$(event_ns "$2")
	[ -n "$from_ns" ] || fail "the log does not say '$1'"
	[ -n "$to_ns" ] || fail "the log does not say '$2'"
	[ "$to_ns" -gt "$from_ns" ] || fail "the log says '$2' before '$1'"
	sent=$(python3 -c '
import json, sys
print(sum(int(sys.argv[2]) < o["sent_ns"] < int(sys.argv[3]) for o in json.load(open(sys.argv[1]))["orders"]))' \
		"$SMOKE_DIR/orders.json" "$from_ns" "$to_ns")
	expect_eq "orders sent in the $(((to_ns - from_ns) / 1000)) us between '$1' and '$2'" "$sent" 0
}
event_ns() {
	local when
	when=$(grep -m1 -E -- "$1" "$SMOKE_DIR/events.log" | cut -d' ' -f1)
	[ -z "$when" ] || date -u -d "$when" +%s%N
}
