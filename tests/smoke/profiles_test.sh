#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The arguments in the profiles of software drivers, given to DPDK's own test program: the driver
# takes them, and an ARP question of the other machine is answered through it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
smoke_start profiles --without-sluice
command -v dpdk-testpmd >/dev/null || skip "dpdk-testpmd is not installed: scripts/setup"

# devargs PROFILE: with a comma in front, as the gateway appends them.
devargs() {
	local value
	value=$(sed -n 's/^devargs: { value: "\([^"]*\)",.*/\1/p' "$SMOKE_TOP/pmd_config/$1.yaml")
	echo "${value:+,$value}"
}
# pmd NAME FORWARD-MODE VDEV...
pmd() {
	local name=$1 mode=$2 vdevs=() vdev
	shift 2
	for vdev in "$@"; do vdevs+=(--vdev "$vdev"); done
	start_in "$GW" "$name" dpdk-testpmd --no-huge -m 256 --no-pci --lcores 0@0,1@0 \
		--file-prefix "$EAL_PREFIX-$name" "${vdevs[@]}" \
		-- --forward-mode="$mode" --auto-start --no-flush-rx --stats-period 3600 --total-num-mbufs=16384
	wait_for 15 "testpmd has started for $name" grep -q "Checking link statuses" "$SMOKE_DIR/$name.log"
}
asks() {
	in_venue bash -c "echo anyone > /dev/udp/$GW_MD/9"
	ip -n "$VENUE" neigh show dev md | grep -qE "^$GW_MD .*(REACHABLE|STALE|DELAY)"
}
answers() {
	wait_for 10 "an answer to an ARP question through the $1 profile" asks
	note "$1: arguments taken, frames carried both ways"
	ip -n "$VENUE" neigh flush dev md
}

make_network
pmd af_packet icmpecho "net_af_packet0,iface=md$(devargs af_packet)"
answers af_packet
stop af_packet 10 any

# A kernel may be built without AF_XDP: that is no fault of the profile.
if grep -qs '^CONFIG_XDP_SOCKETS=n' "/boot/config-$(uname -r)" ||
	! python3 -c 'import socket; socket.socket(44, socket.SOCK_RAW)' 2>/dev/null; then
	note "af_xdp: this kernel has no AF_XDP sockets, not tried"
else
	pmd af_xdp icmpecho "net_af_xdp0,iface=md$(devargs af_xdp)"
	answers af_xdp
	stop af_xdp 10 any
fi

pmd memif icmpecho "net_memif0,id=0,role=server,socket=$SMOKE_DIR/md.memif$(devargs memif)"
pmd carrier io "net_memif0,id=0,role=client,socket=$SMOKE_DIR/md.memif,socket-abstract=no" \
	"net_af_packet0,iface=md"
answers memif
stop memif 10 any
stop carrier 10 any

# What a port of a capture reads goes to the file it writes.
capture_start in "$VENUE" md arp
in_venue bash -c "echo anyone > /dev/udp/10.10.1.77/9"
sleep 1
capture_stop in
pmd pcap io "net_pcap0,rx_pcap=$SMOKE_DIR/in.pcap,tx_pcap=$SMOKE_DIR/out.pcap$(devargs pcap)"
frames() { tcpdump -n -r "$1" 2>/dev/null | wc -l; }
copied() { [ "$(frames "$SMOKE_DIR/out.pcap")" = "$(frames "$SMOKE_DIR/in.pcap")" ]; }
expect_at_least "frames in the capture" "$(frames "$SMOKE_DIR/in.pcap")" 1
sleep 1
stop pcap 10 any
copied || fail "pcap: $(frames "$SMOKE_DIR/out.pcap") frames came out of $(frames "$SMOKE_DIR/in.pcap")"
note "pcap: arguments taken, every frame copied"

pmd ring io "net_ring0$(devargs ring)"
note "ring: started"
stop ring 10 any
smoke_passed
