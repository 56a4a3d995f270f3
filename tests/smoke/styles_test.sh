#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Orders with a style of their own (reserve, fill or kill, post-only and the rest), an operator who
# takes shares from one, a message of the venue that nobody defined, and a session that logs out and
# in by the clock.  The bytes are judged by a reader of OUCH 5.0 that is not ours, the rest by the
# venue.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start styles
for tool in jq tshark; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
. "$SMOKE_TOP/tests/smoke/day.sh"
MAP=two STRATEGY=take HTTP_PORT=0 ARM=true POSITION_MAX=3000
FEED_KEYS="gap_wait_us: $GAP_WAIT_US|$(recovery_keys '')" # a busy machine may lose packets
SESSION_KEYS="heartbeat_ms: 300|firm: LIME"
config=$SMOKE_DIR/sluice.yaml

session_is() { [ "$(ctl_value sessions 0.state)" = "$1" ]; }
restated() { counter_at_least orders_restated "$1"; }
# The gateway's orders and the venue's have as many shares in the market.
same_open() {
	venue_report_now
	[ "$(ctl --json orders | jq '[.orders[].open_qty] | add // 0')" = "$(venue_value accounts.0.open_qty)" ] &&
		[ "$(ctl_value sessions 0.next_seq)" = $(($(venue_value accounts.0.last_seq) + 1)) ]
}
at_rest() { [ "$(ctl_value feeds 0.next_seq)" -gt 15000 ]; }
# The day stops in the middle: books stay live, and what works stays where it is.
cut_day() {
	python3 - "$TAPE" "$1" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    for _ in range(int(sys.argv[2])):
        f.seek(int.from_bytes(f.read(2), "big"), 1)
    f.truncate()
PY
}

cut_day 15000
make_network
write_config "$config"
sed -i -e 's|^risk:|&\n  self_match: allow|' -e "s/^strategies:/&\n  - { name: maker, kind: quote, instruments: [$SYMBOL], qty: 100, position_max_qty: 3000, cooldown_us: 1000, order_style: iceberg }/" \
	-e 's/kind: take,/kind: take, order_style: fill_or_kill,/' \
	-e 's/trade: true }/trade: true, short_allowed: true }/' "$config"
cat >>"$config" <<'TEXT'
order_styles:
  - { name: iceberg, display: attributed, max_floor_qty: 30, random_reserve_qty: 10, customer: retail, expire_s: 3600, group_id: 513, aiq_strategy: O, aiq_group: G1 }
  - { name: fill_or_kill, min_qty: 100, sweep: true }
TEXT
capture_start oe "$VENUE" oe tcp port $OE_PORT
start_gateway "$config"
start_venue "$TAPE" --wait-login --start-delay 1 --speed 3 --stay --hold --pack 4 --heartbeat-ms 250 \
	--always-open --fault odd_after=40

# --- styles, while orders flow
wait_for 20 "a reserve is shown again" restated 3
wait_for 20 "the feed is at rest" at_rest
wait_for 10 "both sides have the same in the market" same_open
expect_eq "restatements as the venue's" "$(counter orders_restated)" "$(venue_value accounts.0.restated)"
expect_eq "orders rejected" "$(venue_value accounts.0.rejected)" 0

# --- what nobody defined is kept, told, and trading goes on
expect_eq "messages not understood" "$(ctl --json session unread oe | jq length)" 1
expect_eq "what was kept" "$(ctl --json session unread oe | jq -r '.[0] | "\(.why) \(.len) \(.hex[:8])"')" \
	"unknown type 24 7a206973"
ctl session unread oe | grep -q 'unknown type' || fail "the table of unread messages does not show it"
expect_said "message 41 of type 'z' and 24 bytes could not be read"
expect_eq "orders may leave" "$(ctl_value status orders_on)" true
expect_at_least "messages after it" "$(venue_value accounts.0.last_seq)" 60

# --- an operator takes shares from an order; the feed is at rest, so nobody replaces it
read -r token keep <<<"$(ctl --json orders | jq -r '[.orders[] | select(.state == "live" or .state == "partially_filled") |
	select(.open_qty > 1)][0] | "\(.token) \(.executed_qty + 1)"')"
[ "$token" != null ] || fail "no order rests: $(ctl orders)"
shrunk() { [ "$(ctl --json orders | jq ".orders[] | select(.token == $token) | .open_qty")" = 1 ]; }
ctl modify "$token" "$keep" >/dev/null || fail "modify was refused"
wait_for 5 "order $token has 1 share open" shrunk
wait_for 5 "so has the venue's" same_open
expect_eq "orders modified at the venue" "$(venue_value accounts.0.modified)" 1
ctl modify "$token" $((keep + 50)) >/dev/null || fail "modify was refused"
wait_for 5 "a modify to more is refused here" counter_at_least orders_refused_quantity 1
ctl modify 4000000000 1 >"$SMOKE_DIR/modify.txt" 2>&1
expect_eq "modify of an order that is not there: exit code" $? 1
venue_report_now
expect_eq "orders modified at the venue" "$(venue_value accounts.0.modified)" 1

# --- the end of the day, and what was on the wire
ctl cancel all >/dev/null || fail "cancel was refused"
wait_for 10 "nothing is open" nothing_open
wait_until_both_know
take_state
expect_positions_equal
expect_same_orders
stop gateway 10
capture_stop oe
expect_no_malformed oe
decode oe "tcp.dstport==$OE_PORT && soupbintcp.packet_type == 0x55 && !tcp.analysis.retransmission" \
	soupbintcp.message >"$SMOKE_DIR/sent.hex"
"$SMOKE_TOP/tests/smoke/judge_ouch50.py" "$SMOKE_DIR/sent.hex" >"$SMOKE_DIR/sent.txt" ||
	fail "a request is not as the document has it"
iceberg='4:customer=R 5:max_floor=30 12:post_only=P 13:random_reserve=10 15:expire_s=3600'
sent() { grep -cE -- "$1" "$SMOKE_DIR/sent.txt"; }
expect_at_least "icebergs on the wire" \
	"$(sent "^O .*capacity=P cross=N qty=100 .* tif=6 display=A sweep=N .* 2:firm=LIME $iceberg 24:group=513 29:aiq_strategy=O 30:aiq_group=G1\$")" 10
expect_at_least "replaced ones" \
	"$(sent "^U .* tif=6 display=A sweep=N .* ${iceberg#* } 29:aiq_strategy=O 30:aiq_group=G1\$")" 5
expect_at_least "fill or kill" "$(sent "^O .*qty=100 .* tif=3 display=Y sweep=Y .* 2:firm=LIME 3:min_qty=100\$")" 5
expect_eq "orders of no style" "$(grep -E '^[OU]' "$SMOKE_DIR/sent.txt" | grep -vcE 'max_floor|min_qty')" 0
expect_eq "orders and replaces on the wire" "$(sent '^[OU] ')" \
	"$(($(counted orders_new_sent) + $(counted orders_replace_sent) - $(counted encode_request_refused)))"
expect_at_least "orders smaller than their style's least quantity" "$(counted encode_request_refused)" 1
expect_eq "executions of fill or kill in parts" "$(jq --arg s sample '[.orders[] | select(.strategy == $s) |
	select(.executed_qty != 0 and .executed_qty != 100)] | length' <"$SMOKE_DIR/orders.json")" 0

# --- by the clock: the session logs out, and in again
for attempt in 1 2 3; do
	begin=$(date +%s)
	out=$((begin + 5)) in=$((begin + 7))
	sed -i '/^    schedule:/d' "$config"
	sed -i "s/^    capacity: principal/&\n    schedule: { connect: \"$(date -u -d @$in +%T)\", disconnect: \"$(date -u -d @$out +%T)\", days: [mon, tue, wed, thu, fri, sat, sun], utc_offset: \"+00:00\" }/" \
		"$config"
	rm -f "$SMOKE_DIR/events.log"
	start_gateway "$config"
	wait_for 10 "the session is up" session_is up
	[ "$(date +%s)" -ge $((out - 1)) ] || break # a busy machine: it is too late already
	stop gateway 10
done
venue_report_now
logins=$(venue_value accounts.0.logins)
wait_for 8 "the session is logged out by its schedule" session_is down
venue_report_now
expect_eq "connections the venue had to cut" "$(venue_value accounts.0.protocol_errors)" 0
wait_for 8 "the session is up by its schedule" session_is up
venue_report_now
expect_eq "logins" "$(venue_value accounts.0.logins)" $((logins + 1))
# within 300 ms of the time, in ms
by_clock() { echo $((($(event_ns "its schedule says $1") / 1000000 - $2 * 1000) / 300)); }
expect_eq "it logged out when it should" "$(by_clock disconnect $out)" 0
expect_eq "it logged in when it should" "$(by_clock connect $in)" 0
stop gateway 10
stop venue 5
smoke_passed
