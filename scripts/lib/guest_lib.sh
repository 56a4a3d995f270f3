# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts that run inside a guest share.  Sourced; the caller has set DIR, where logs are.
# shellcheck disable=SC2154 # that
note() { echo "# $*"; }
fail() {
	echo "FAILED: $*"
	local log
	for log in $DIR/*.log; do
		[ -s "$log" ] || continue
		echo "# --- end of ${log##*/}"
		tail -n 15 "$log" | sed 's/^/# | /'
	done
	exit 1
}
expect_eq() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
	note "$1: $2"
}
wait_for() { # SECONDS WHAT COMMAND...
	local until=$((SECONDS + $1)) what=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited in vain: $what"
		sleep 0.2
	done
}

# --- this machine, as text to compare: what a colo server has, and what a gateway could leave behind
state_of_machine() {
	local d driver
	for d in /sys/bus/pci/devices/*; do
		[[ $(cat "$d/class") == 0x0200* ]] || continue
		driver=$(readlink -f "$d/driver")
		echo "pci ${d##*/} $(cat "$d/vendor") $(cat "$d/device") driver ${driver##*/}" \
			"override $(cat "$d/driver_override") enabled $(cat "$d/enable")"
	done
	# Not the index: a NIC that comes back has a new one.
	ip -o link | sed -E 's/^[0-9]+: //; s/@.*:/:/' | sort
	ip -o addr | sed -E 's/^[0-9]+: //' | sort
	ip route
	for d in /sys/kernel/mm/hugepages/*; do
		echo "${d##*/} $(cat "$d/nr_hugepages") overcommit $(cat "$d/nr_overcommit_hugepages")" \
			"free $(cat "$d/free_hugepages")"
	done
	cut -d' ' -f1-4 /proc/mounts
	cut -d' ' -f1 /proc/modules | sort
	# DPDK leaves its own folder, empty: another program may be making one below it at this moment.
	find /etc /run /var /dev/hugepages /dev/vfio /dev/shm 2>/dev/null | grep -vx /run/dpdk |
		sort
	cat /proc/cmdline
	sysctl -a 2>/dev/null | grep -E '^(vm|kernel\.(sched|numa|watchdog|nmi))' |
		grep -vE 'stat_refresh|sched_.*domain'
}
interface_of_mac() {
	local d
	for d in /sys/class/net/*; do
		[ "$(cat "$d/address")" = "$1" ] && echo "${d##*/}" && return
	done
	return 1
}
pci_of_interface() {
	local path
	path=$(readlink -f "/sys/class/net/$1/device")
	# A virtio interface is a device of its own below the PCI device.
	while [ "$path" != / ] && [[ ! ${path##*/} =~ ^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]]; do
		path=${path%/*}
	done
	echo "${path##*/}"
}
