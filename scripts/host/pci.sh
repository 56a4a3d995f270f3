# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# NICs on PCI, their interfaces and drivers, read from /sys below $ROOT.

# Class 02 is a network controller of any kind.
is_nic() { read_line "$ROOT/sys/bus/pci/devices/$1/class" && [[ $REPLY == 0x02* ]]; }

all_nics() {
	local dir
	NICS=()
	for dir in "$ROOT"/sys/bus/pci/devices/*; do
		if is_nic "${dir##*/}"; then NICS+=("${dir##*/}"); fi
	done
}

# The PCI address behind an interface; false when it has none.  A virtio NIC has one folder between.
address_of_interface() {
	local path part
	path=$(readlink -f "$ROOT/sys/class/net/$1/device" 2>/dev/null) || return 1
	REPLY=""
	for part in ${path//\// }; do
		[[ $part =~ ^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] && REPLY=$part
	done
	[ -n "$REPLY" ]
}

# Into INTERFACES: those of a NIC that the kernel owns.
interfaces_of() {
	local dir
	INTERFACES=()
	for dir in "$ROOT/sys/bus/pci/devices/$1"/net/* "$ROOT/sys/bus/pci/devices/$1"/virtio[0-9]*/net/*; do
		if [ -e "$dir" ]; then INTERFACES+=("${dir##*/}"); fi
	done
}

driver_of() {
	REPLY=$(readlink "$ROOT/sys/bus/pci/devices/$1/driver" 2>/dev/null) || REPLY=""
	REPLY=${REPLY##*/}
	[ -n "$REPLY" ]
}

# resolve TARGET: a PCI address, short (3b:00.0) or whole, or an interface, into the whole address.
resolve() {
	local target=${1,,}
	[[ $target =~ ^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] && target=0000:$target
	if [[ $target =~ ^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]]; then
		REPLY=$target
		[ -d "$ROOT/sys/bus/pci/devices/$target" ]
		return
	fi
	REPLY=""
	[[ $1 =~ ^[^/]{1,15}$ ]] && [ -e "$ROOT/sys/class/net/$1" ] && address_of_interface "$1"
}
