#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# DPDK's own dpdk-dumpcap takes every market data packet from the running gateway, and the gateway
# goes on undisturbed.  See controlplane/observe/CAPTURE.md.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start dumpcap
for tool in dpdk-dumpcap tshark; do
	command -v $tool >/dev/null || skip "'$tool' is not installed: scripts/setup"
done

# The gateway shares its memory only as huge pages.  What is missing is borrowed, and given back.
POOL=/sys/kernel/mm/hugepages/hugepages-2048kB
HUGE_MB=256 ORDERS_MAX=20000 LEVELS_MAX=20000
pool_before= mounted=
put_back() {
	[ -z "$mounted" ] || umount "$mounted"
	[ -z "$pool_before" ] || echo "$pool_before" >$POOL/nr_hugepages
	[ -z "$mounted" ] || rmdir "$mounted"
}
trap '(smoke_end); put_back' EXIT
borrow_pages() {
	local want=$((HUGE_MB / 2 + 64)) before
	if [ "$(cat $POOL/free_hugepages 2>/dev/null || echo 0)" -lt $want ]; then
		before=$(cat $POOL/nr_hugepages 2>/dev/null) ||
			skip "this kernel has no 2 MiB huge pages"
		pool_before=$before
		echo $((before + want)) >$POOL/nr_hugepages 2>/dev/null
		[ "$(cat $POOL/free_hugepages)" -ge $want ] ||
			skip "no $((want * 2)) MiB of huge pages to be had: scripts/setup --hugepages 512"
	fi
	if ! awk '$3 == "hugetlbfs" { found = 1 } END { exit !found }' /proc/mounts; then
		mkdir "/tmp/sluice-huge.$$"
		mount -t hugetlbfs -o pagesize=2M none "/tmp/sluice-huge.$$" 2>/dev/null ||
			skip "hugetlbfs cannot be mounted here: scripts/setup --hugepages 512"
		mounted=/tmp/sluice-huge.$$
	fi
}
borrow_pages

TAPE=$SMOKE_DIR/day.itch ARM=true FEED_KEYS="gap_wait_us: 300000"
"$SLUICE_BUILD/tests/sim/sluice-day" --seed 7 --symbols 20 --symbol AAPL=150 --messages 20000 \
	--live-orders 500 --lead 1 --duration 4 --out "$TAPE" >"$SMOKE_DIR/day.log" 2>&1 ||
	fail "sluice-day could not make a day; see its log"

make_network
write_config "$SMOKE_DIR/sluice.yaml"
start_gateway "$SMOKE_DIR/sluice.yaml"
expect_eq "memory in huge pages" "$(ctl_value status huge_pages)" true
dpdk-dumpcap --file-prefix="$EAL_PREFIX" -D >"$SMOKE_DIR/ports.log" 2>&1 ||
	fail "dpdk-dumpcap finds no gateway; see ports.log"
expect_eq "ports that dpdk-dumpcap finds" \
	"$(grep -oE 'net_af_packet[01]$' "$SMOKE_DIR/ports.log" | tr '\n' ' ')" \
	"net_af_packet0 net_af_packet1 "
start_in "$GW" dump dpdk-dumpcap --file-prefix="$EAL_PREFIX" -i net_af_packet0 -q \
	-w "$SMOKE_DIR/dump.pcapng"
wait_for 10 "dpdk-dumpcap captures" test -s "$SMOKE_DIR/dump.pcapng"
sleep 0.5
# the gateway's own capture of the same port, at the same time
ctl capture start md "$SMOKE_DIR/own.pcap" --direction rx >"$SMOKE_DIR/own.log" 2>&1 ||
	fail "both cannot capture at once; see own.log"
start_venue "$TAPE" --wait-login --start-delay 1 --stay --pack 4 --linger-ms 500
day_is_over() { [ "$(ctl metrics sluice_arb_session_ended | awk '{ print $2 }')" = 1 ]; }
wait_for 20 "the feed comes to its end" day_is_over
sent() {
	venue_report_now
	echo "$(venue_value market_data.line_a.sent) $(venue_value market_data.line_b.sent)"
}
same_for 1 sent # and is no longer repeated
captured() { ctl_value "capture status" 0.captured_cnt; }
same_for 0.5 captured
ctl capture stop md >>"$SMOKE_DIR/own.log" 2>&1 || fail "the own capture does not stop"
own=$(ctl_value "capture status" 0.captured_cnt)
kill -INT "${smoke_expected[dump]}"
expect_end dump 5
received=$(ctl_value ports 0.rx_packet_cnt)
ours=$(python3 -c 'import json, sys; print([(p["bought_qty"], p["sold_qty"]) for p in json.load(sys.stdin)])' \
	< <(ctl --json positions))
lost=$(ctl metrics sluice_arb_message_lost | awk '{ print $2 }')
stop venue 5
stop gateway 10
grep -a 'Packets received/dropped' "$SMOKE_DIR/dump.log" | sed 's/^/# /'

frames() { # FILTER
	tshark -n -r "$SMOKE_DIR/dump.pcapng" -d "udp.port==$MD_PORT_A,moldudp64" \
		-d "udp.port==$MD_PORT_B,moldudp64" -o ip.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y "$1" -T fields -e frame.number \
		2>"$SMOKE_DIR/tshark.log" | wc -l
}
for line in a b; do
	sent=$(venue_value market_data.line_$line.sent)
	port=MD_PORT_${line^^}
	expect_at_least "packets sent on line $line" "$sent" 5000
	expect_eq "packets of line $line captured" "$(frames "udp.dstport == ${!port} && moldudp64")" "$sent"
done
expect_at_least "packets the port received" "$received" "$(frames 'udp && moldudp64')"
expect_eq "frames tshark objects to" "$(frames '_ws.malformed || udp.checksum.status == "Bad"')" 0

expect_at_least "packets of the gateway's own capture" "$own" "$(frames 'udp && moldudp64')"

# The gateway minded nothing.
expect_eq "messages lost" "$lost" 0
expect_eq "bought and sold as the venue's" "$ours" \
	"[($(venue_value accounts.0.positions.0.bought_qty), $(venue_value accounts.0.positions.0.sold_qty))]"
smoke_passed
