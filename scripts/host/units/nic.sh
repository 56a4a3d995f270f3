# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Interfaces the kernel still owns: MTU, receive ring, pause frames told.

nic_explain() {
	cat <<'TEXT'
A frame larger than the MTU is dropped without a word; an MTU above the venue's makes our own be dropped
further on.  A receive ring that is too short drops the packets of a burst: 512 frames of 100 bytes
arrive within 40 us at 10 Gbit/s.  This unit looks at interfaces the kernel owns (af_packet, af_xdp,
mlx5, and those not yet bound); what vfio-pci has is set up by the gateway from its driver profile.
Settings: nics (PCI addresses or interfaces; empty: all with a PCI device), mtu (1500), rx_ring (empty:
the largest), nic_apply (only interfaces named in nics are changed).
TEXT
}

# Largest and present receive ring of an interface into RING_MAX and RING_NOW; needs ethtool.
nic_ring() {
	local key value rest part=max
	RING_MAX="" RING_NOW=""
	while read -r key value rest; do
		case "$key $value" in
		"Current hardware") part=now ;;
		"RX: "*) [ $part = max ] && RING_MAX=$value || RING_NOW=$value ;;
		esac
	done <<<"$(ask_tool "ethtool-g-$1" ethtool -g "$1")"
	[[ $RING_MAX =~ ^[0-9]+$ ]] && [[ $RING_NOW =~ ^[0-9]+$ ]]
}

nic_check() {
	local name want
	chosen_interfaces
	for name in "${MISSING[@]}"; do
		why="a NIC that is not there brings no frame"
		found fail "$name" "there is no such NIC" "a PCI address or an interface" "$NIC_BIND show"
	done
	[ ${#INTERFACES[@]} -gt 0 ] || [ ${#MISSING[@]} -gt 0 ] || found skip "interfaces" "the kernel owns no NIC on PCI" "-"
	for name in "${INTERFACES[@]}"; do
		why="a frame above the MTU is dropped without a word"
		if read_line "$ROOT/sys/class/net/$name/mtu"; then
			[ "$REPLY" = "$mtu" ] && found pass "$name MTU" "$REPLY" "$mtu" ||
				found warn "$name MTU" "$REPLY" "$mtu" "ip link set $name mtu $mtu"
		fi
		why="a short receive ring drops the packets of a burst: 512 frames are 40 us at 10 Gbit/s"
		if nic_ring "$name"; then
			want=${rx_ring:-$RING_MAX}
			[ "$RING_NOW" -ge "$want" ] && found pass "$name receive ring" "$RING_NOW" "$want" ||
				found warn "$name receive ring" "$RING_NOW" "$want" "ethtool -G $name rx $want"
		else
			found skip "$name receive ring" "not told (no ethtool, or a driver without rings)" "${rx_ring:-the largest}"
		fi
		why="without a link no frame comes"
		read_line "$ROOT/sys/class/net/$name/carrier" && [ "$REPLY" = 0 ] &&
			found warn "$name link" "no carrier" "up" "look at cable, transceiver and the switch's port"
	done
}

nic_apply() {
	local name want status=0 record
	if [ -z "$nics" ]; then
		told already "no nics are named: interfaces are left alone (--nic NAME)"
		return 0
	fi
	chosen_interfaces
	for name in "${MISSING[@]}"; do
		told failed "there is no NIC '$name': $NIC_BIND show"
		status=1
	done
	for name in "${INTERFACES[@]}"; do
		set_value "/sys/class/net/$name/mtu" "$mtu" || status=1
		nic_ring "$name" || continue
		want=${rx_ring:-$RING_MAX}
		[ "$RING_NOW" -lt "$want" ] || { told already "$name has a receive ring of $RING_NOW"; continue; }
		if [ $YES = no ]; then
			told would "make the receive ring of $name $want (now $RING_NOW)"
			continue
		fi
		remember ring "$name" text "$RING_NOW" || { status=1; continue; }
		record=$REPLY
		if run_tool ethtool -G "$name" rx "$want"; then
			told "done" "receive ring of $name: $RING_NOW -> $want"
		else
			forget "$record"
			told failed "ethtool -G $name rx $want was refused"
			status=1
		fi
	done
	return $status
}

undo_ring() {
	read_line "$1/before"
	if ! nic_ring "$2"; then
		told already "$2 is gone, or has no ring now"
	elif [ "$RING_NOW" = "$REPLY" ]; then
		told already "receive ring of $2 is $REPLY"
	elif run_tool ethtool -G "$2" rx "$REPLY"; then
		told undone "receive ring of $2: $RING_NOW -> $REPLY"
	else
		told failed "ethtool -G $2 rx $REPLY was refused"
		return 1
	fi
}
