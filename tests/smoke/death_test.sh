#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The gateway dies while it trades.  By a fatal signal: the venue's connection is reset at once.  By
# kill -9: nobody can do that, and the next start clears the venue's side before it logs in.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start death
for tool in jq curl tshark ss; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done
MAP=${MAP:-three} STRATEGY=quote HTTP_PORT=9179 ARM=true
day=$SMOKE_DIR/day.itch50
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 5 --messages 200000 --symbols 20 --symbol AAPL=585.00 \
	--out "$day" >"$SMOKE_DIR/day.log" 2>&1 || fail "sluice-day could not make a day"

session_up() { [ "$(ctl_value sessions 0.state)" = up ]; }
orders_sent() { [ "$(ctl_value status order_sent_cnt)" -ge 5 ]; }
# Connections the venue believes in.
venue_has() { in_venue ss -Htn state established "sport = :$OE_PORT" | wc -l; }
venue_has_none() { [ "$(venue_has)" = 0 ]; }
# kill_gateway SIGNAL STATUS
kill_gateway() {
	local pid=${smoke_expected[gateway]} got
	forget gateway
	kill "-$1" "$pid"
	pid_gone 5 "$pid" || fail "the gateway survived SIG$1"
	wait "$pid" 2>/dev/null
	got=$?
	expect_eq "exit status after SIG$1" $got "$2"
	mv "$SMOKE_DIR/gateway.log" "$SMOKE_DIR/gateway-$1.log"
}

make_network
write_config "$SMOKE_DIR/sluice.yaml"
capture_start oe "$VENUE" oe tcp port $OE_PORT
start_gateway "$SMOKE_DIR/sluice.yaml"
# It keeps a silent client for a minute, and lets nobody else in meanwhile.
start_venue "$day" --rate 3000 --always-open --stay --wait-login --start-delay 1 --client-timeout-ms 60000
wait_for 20 "orders leave" orders_sent # a later process has seen no beginning of the day, and sends none
for signal in SEGV:139 ABRT:134; do
	wait_for 20 "the session is up" session_up
	expect_eq "connections at the venue" "$(venue_has)" 1
	kill_gateway ${signal%:*} ${signal#*:}
	grep -q "order connections reset" "$SMOKE_DIR/gateway-${signal%:*}.log" || fail "the last path said nothing"
	wait_for 1 "the venue's connection is gone" venue_has_none
	note "after SIG${signal%:*}: the venue's connection was reset"
	start_gateway "$SMOKE_DIR/sluice.yaml"
done
wait_for 20 "the session is up" session_up
saved() { [ -s "$SMOKE_DIR/ctl.sock.tcp" ]; }
wait_for 2 "the connection is saved" saved
old_port=$(ctl_value tcp oe 0.local)
old_port=${old_port#*:}
kill_gateway KILL 137
sleep 0.5
expect_eq "connections at the venue after kill -9" "$(venue_has)" 1
start_gateway "$SMOKE_DIR/sluice.yaml"
wait_for 10 "the session is up long before the venue's own timeout" session_up
expect_eq "half-open connections cleared" "$(metric sluice_session_half_open_cleared_total)" 1
expect_eq "connections at the venue" "$(venue_has)" 1
new_port=$(ctl_value tcp oe 0.local)
new_port=${new_port#*:}
stop gateway 10
! grep -q . "$SMOKE_DIR/ctl.sock.tcp" || fail "a closed connection is still saved: $(cat "$SMOKE_DIR/ctl.sock.tcp")"
capture_stop oe
reset_at=$(decode oe "tcp.srcport == $old_port && tcp.flags.reset == 1" frame.number | tail -n 1)
syn_at=$(decode oe "tcp.srcport == $new_port && tcp.flags.syn == 1" frame.number | head -n 1)
[ -n "$reset_at" ] || fail "no reset of the old connection on the wire"
[ "$reset_at" -lt "$syn_at" ] || fail "the reset (frame $reset_at) came after the new connection (frame $syn_at)"
note "reset in frame $reset_at, new connection in frame $syn_at"
expect_no_malformed oe
stop venue 5
smoke_passed
