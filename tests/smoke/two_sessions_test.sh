#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two order sessions at once: two accounts of a market at two servers, with firms, ports, protocols,
# limits of messages and lanes of their own.  One server's process is killed while the other trades
# on, and comes back with its day.  Each session's orders and positions are its own server's, each
# wire has its own firm and keeps to its own limit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start two-sessions
for tool in jq tshark; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
. "$SMOKE_TOP/tests/smoke/day.sh"
GW_OE2=10.10.3.2 VENUE_OE2=10.10.3.1 OE2_PORT=26489 LIMIT=10
SYMBOLS="AAPL MSFT" STRATEGY=quote POSITION_MAX=5000 ARM=true HTTP_PORT=0 COOLDOWN_US=1000
FEED_KEYS="gap_wait_us: $GAP_WAIT_US|$(recovery_keys '')" # a busy machine may lose packets
SESSION_KEYS="heartbeat_ms: 250|reconnect_max_ms: 300|firm: LIME"
config=$SMOKE_DIR/sluice.yaml day=$SMOKE_DIR/two.itch
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 8 --symbols 20 --symbol AAPL=150 --symbol MSFT=80 \
	--messages 200000 --live-orders 500 --lead 1 --duration 40 --out "$day" \
	>"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

state_of() { ctl_value sessions "$1.state"; }
both_up() { [ "$(state_of 0) $(state_of 1)" = "up up" ]; }
other_down() { [ "$(state_of 1)" != up ]; }
accepted() { counter orders_order_accepted "session=$1}"; } # of session oe or oe2
accepts() { [ "$(accepted "$1")" -ge "$2" ]; }
more_orders() { # SESSION HOW-MANY WHEN
	wait_for 20 "$2 orders of session $1 $3" accepts "$1" $(($(accepted "$1") + $2))
}
# The second server: its own process and day; no market data.
other_lives() {
	rm -f "$SMOKE_DIR/other.ready"
	start_in "$VENUE" other "$SLUICE_BUILD/tests/sim/sluice-venue" --itch "$day" --speed 1.5 \
		--listen-ip $VENUE_OE2 --order-port $OE2_PORT --ouch 42 --user TEST02 \
		--password $SMOKE_PASSWORD --always-open --stay --wait-login --heartbeat-ms 250 \
		--state "$SMOKE_DIR/other.state" --report "$SMOKE_DIR/other.json" \
		--ready-file "$SMOKE_DIR/other.ready"
	wait_for 10 "the other server listens" test -s "$SMOKE_DIR/other.ready"
}
other_report_now() {
	rm -f "$SMOKE_DIR/other.json"
	kill -USR1 "${smoke_expected[other]}"
	wait_for 5 "the other server's report" test -s "$SMOKE_DIR/other.json"
}
# Both servers have said all, and both sessions heard it.
both_know() {
	venue_report_now
	other_report_now
	[ "$(ctl --json sessions | jq -c '[.[].next_seq]')" = \
		"[$(($(venue_value accounts.0.last_seq) + 1)),$(($(json_value accounts.0.last_seq <"$SMOKE_DIR/other.json") + 1))]" ]
}

make_network
join_spaces "$GW" oe2 "$VENUE" oe2
ip -n "$VENUE" addr add $VENUE_OE2/24 dev oe2
cat >"$SMOKE_DIR/map.yaml" <<'TEXT'
core_map:
  control: 0
  shared_cores: true
  lanes:
    - { name: market, core: 0, stages: [rx, arb, parse, book] }
    - { name: decide, core: 1, stages: [strategy, risk] }
    - { name: first, core: 1, stages: [orders, encode, tcp, report], sessions: [oe] }
    - { name: second, core: 1, stages: [orders, encode, tcp, report], sessions: [oe2] }
TEXT
MAP=$SMOKE_DIR/map.yaml write_config "$config"
sed -i -e "s/^venues:/  - { name: oe2, device: \"net_af_packet2,iface=oe2\", profile: af_packet, address: $GW_OE2\/24 }\n&/" \
	-e '/symbol: MSFT/s/session: oe,/session: oe2,/' \
	-e 's/^strategies:/&\n  - { name: taker, kind: take, instruments: [AAPL, MSFT], qty: 100, position_max_qty: 5000, cooldown_us: 1000 }/' \
	-e "s/^instruments:/  - name: oe2\n    venue: sim\n    protocol: ouch42\n    port: oe2\n    peer: $VENUE_OE2:$OE2_PORT\n    username: TEST02\n    password_file: ${SMOKE_DIR//\//\\/}\/oe.password\n    capacity: agency\n    firm: BETA\n    heartbeat_ms: 250\n    reconnect_ms: 200\n    reconnect_max_ms: 300\n    throttle: { max_messages: $LIMIT, window_ms: 200, cancel_reserve: 2 }\n&/" \
	"$config"
capture_start oe "$VENUE" oe tcp port $OE_PORT
capture_start oe2 "$VENUE" oe2 tcp port $OE2_PORT
other_lives
start_gateway "$config"
start_venue "$day" --wait-login --start-delay 1 --speed 1.5 --stay --heartbeat-ms 250 --always-open
wait_for 20 "both sessions are up" both_up
more_orders oe 20 "at first"
more_orders oe2 20 "at first"
ctl cancel 1 >"$SMOKE_DIR/cancel.txt" 2>&1
expect_eq "cancel of a number that both may have: exit code" $? 1
grep -q 'name the token' "$SMOKE_DIR/cancel.txt" || fail "it is not said why: $(cat "$SMOKE_DIR/cancel.txt")"

# --- one is cut, the other trades on
pid=${smoke_expected[other]}
forget other
disown "$pid"
kill -KILL "$pid"
pid_gone 5 "$pid" || fail "the other server survived kill -9"
wait_for 5 "session oe2 is down" other_down
more_orders oe 30 "while oe2 is down"
expect_eq "session oe" "$(state_of 0)" up
expect_eq "times session oe came up" "$(counter order_session_came_up session=oe})" 1
expect_at_least "orders refused for session oe2" \
	"$(($(counter orders_refused_session_down session=oe2}) + $(counter orders_refused_throttle session=oe2})))" 1
expect_eq "orders refused for session oe" "$(counter orders_refused_session_down session=oe})" 0
other_lives
wait_for 20 "both sessions are up again" both_up
more_orders oe2 20 "after it came back"

# --- the end: each is as its server
ctl halt "the end" >/dev/null || fail "halt was refused"
ctl cancel all >/dev/null || fail "cancel was refused"
wait_for 10 "nothing is open" nothing_open
wait_for 10 "both sides know the same" both_know
take_state
ctl --json positions >"$SMOKE_DIR/positions.json"
expect_positions_equal
expect_eq "open orders at the venue" "$(venue_value accounts.0.open_orders)" 0
expect_eq "orders of session oe" "$(accepted oe)" "$(venue_value accounts.0.accepted)"
SYMBOL=MSFT VENUE_REPORT=$SMOKE_DIR/other.json
expect_positions_equal
expect_eq "open orders at the other server" "$(venue_value accounts.0.open_orders)" 0
expect_eq "orders of session oe2" "$(accepted oe2)" "$(venue_value accounts.0.accepted)"
expect_eq "orders the other server had seen before" "$(venue_value accounts.0.entered_ignored)" 0
expect_eq "symbols at the other server" "$(jq -r '[.accounts[0].positions[].symbol] | join(" ")' <"$VENUE_REPORT")" MSFT
capture_stop oe oe2
stop gateway 10
stop venue 5
stop other 5

# --- the wires
expect_no_malformed oe
decode oe "tcp.dstport==$OE_PORT && soupbintcp.packet_type == 0x55 && !tcp.analysis.retransmission" \
	soupbintcp.message >"$SMOKE_DIR/sent.hex"
"$SMOKE_TOP/tests/smoke/judge_ouch50.py" "$SMOKE_DIR/sent.hex" >"$SMOKE_DIR/sent.txt" ||
	fail "a request is not as the document has it"
expect_at_least "orders of session oe on its wire" "$(grep -c '^O' "$SMOKE_DIR/sent.txt")" 50
expect_eq "of another firm, symbol or capacity" \
	"$(grep '^O' "$SMOKE_DIR/sent.txt" | grep -vcE 'symbol=AAPL capacity=P .* 2:firm=LIME')" 0
OE_PORT=$OE2_PORT
expect_no_malformed oe2
# tshark reads OUCH 4.2 by itself.
of_oe2() { # FIELD...: of its requests
	decode oe2 "tcp.dstport==$OE2_PORT && soupbintcp.packet_type == 0x55 && !tcp.analysis.retransmission" "$@"
}
of_oe2 frame.time_epoch ouch.packet_type >"$SMOKE_DIR/sent2.txt"
expect_at_least "orders of session oe2 on its wire" "$(grep -o "'O'" "$SMOKE_DIR/sent2.txt" | wc -l)" 40
for field in firm:BETA stock:MSFT capacity:A; do
	expect_eq "each one's ${field%:*}" "$(of_oe2 "ouch.${field%:*}" | tr -d "' " | tr , '\n' | grep . | sort -u)" "${field#*:}"
done
most() { "$SMOKE_TOP/tests/smoke/most_in_window.py" "$SMOKE_DIR/sent2.txt" 0.2 "$1"; }
[ "$(most '')" -le $LIMIT ] || fail "$(most '') messages of oe2 in 200 ms, its limit is $LIMIT"
[ "$(most OUM)" -le $((LIMIT - 2)) ] || fail "$(most OUM) orders of oe2 in 200 ms, 2 of $LIMIT are for cancels"
expect_at_least "most orders of oe2 in 200 ms, of $((LIMIT - 2))" "$(most OUM)" 4
smoke_passed
