#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Stands for the kernel of a machine made of files.
#   fake_kernel.sh ROOT write PATH VALUE     what a write to /sys or /proc does
#   fake_kernel.sh ROOT run COMMAND...       what a program that changes the machine does
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin # a test may have left its caller less
root=$1
what=$2
shift 2

attach() { # attach ADDRESS: the driver that wants it, or that may
	local dir=$root/sys/bus/pci/devices/$1 wanted
	wanted=$(<"$dir/driver_override")
	[ "$wanted" != "(null)" ] || wanted=$(cat "$root/.default_driver/$1" 2>/dev/null)
	[ -n "$wanted" ] && [ -d "$root/sys/bus/pci/drivers/$wanted" ] || return 0
	[ ! -e "$root/.refuses/$wanted" ] || return 0
	ln -sfn "../../../bus/pci/drivers/$wanted" "$dir/driver"
	if [ "$wanted" = "$(cat "$root/.default_driver/$1" 2>/dev/null)" ] && [ -d "$root/.away/$1" ]; then
		mv "$root/.away/$1/net" "$dir/net"
		# another name, as after a boot in which it did not come first
		[ ! -e "$root/.comes_as" ] || mv "$dir"/net/* "$dir/net/$(<"$root/.comes_as")"
		for name in "$dir"/net/*; do
			ln -sfn "../../bus/pci/devices/$1/net/${name##*/}" "$root/sys/class/net/${name##*/}"
		done
		rmdir "$root/.away/$1"
		rmdir --ignore-fail-on-non-empty "$root/.away"
	fi
}

detach() {
	local dir=$root/sys/bus/pci/devices/$1 name
	rm "$dir/driver" || exit 1
	[ -d "$dir/net" ] || return 0
	for name in "$dir"/net/*; do rm "$root/sys/class/net/${name##*/}"; done
	mkdir -p "$root/.away/$1"
	mv "$dir/net" "$root/.away/$1/net"
}

rename() { # OLD NEW: an interface
	local at
	[ ! -e "$root/sys/class/net/$2" ] || exit 1
	at=$(readlink "$root/sys/class/net/$1") || exit 1
	mv "$root/sys/class/net/${at%/*}/$1" "$root/sys/class/net/${at%/*}/$2"
	rm "$root/sys/class/net/$1"
	ln -s "${at%/*}/$2" "$root/sys/class/net/$2"
}

write() {
	local path=$1 value=$2 word times text=""
	[ ! -e "$root/.readonly" ] || exit 1
	[ ! -e "${path%/*}/.managed" ] || exit 1
	case $path in
	*/transparent_hugepage/enabled) set -- always madvise never ;;
	*/transparent_hugepage/defrag) set -- always defer defer+madvise madvise never ;;
	*/drivers/*/unbind) detach "$value"; return ;;
	*/drivers_probe) attach "$value"; return ;;
	*/cgroup.subtree_control)
		text=" $(<"$path") "
		text=${text/ ${value#?} / }
		[[ $value == -* ]] || text+=${value#+}
		read -r text <<<"$text"
		echo "${text%" "}" >"$path"
		return ;;
	*/sluice.slice/cpuset.cpus)
		# what the kernel shows goes with the group; here, when it has no core any more
		if [ -n "$value" ]; then echo "$value" >"$path"; else rm "$path" "$path.partition"; fi
		return ;;
	*/driver_override) echo "${value:-(null)}" >"$path"; return ;;
	*/nr_hugepages)
		[ ! -e "$root/.pages_max" ] || [ "$value" -le "$(<"$root/.pages_max")" ] || value=$(<"$root/.pages_max")
		# those somebody has, until they have been asked for so often
		if [ -e "$root/.pages_held" ]; then
			read -r word times <"$root/.pages_held"
			echo "$word $((times - 1))" >"$root/.pages_held"
			[ "$times" -le 0 ] || [ "$value" -ge "$word" ] || value=$word
		fi
		echo "$value" >"$path"
		echo "$value" >"${path%nr_hugepages}free_hugepages"
		return ;;
	*) [ -e "$path" ] || exit 1
		echo "$value" >"$path"
		return ;;
	esac
	for word in "$@"; do
		[ "$word" = "$value" ] && text+="${text:+ }[$word]" || text+="${text:+ }$word"
	done
	echo "$text" >"$path"
}

run() {
	case "$1 ${2-}" in
	"mkdir "*)
		mkdir "$2" || exit 1
		[[ " $(<"${2%/*}/cgroup.subtree_control") " == *" cpuset "* ]] || exit 0
		echo >"$2/cpuset.cpus"
		echo member >"$2/cpuset.cpus.partition" ;;
	"modprobe -r") rm -rf "$root/sys/module/${3//-/_}" "$root/sys/bus/pci/drivers/$3" ;;
	"modprobe "*)
		[ -e "$root/.modules/$2" ] || exit 1
		mkdir -p "$root/sys/module/${2//-/_}"
		[ "$2" != vfio_iommu_type1 ] || exit 0
		mkdir -p "$root/sys/bus/pci/drivers/$2"
		echo >"$root/sys/bus/pci/drivers/$2/unbind" ;;
	"swapoff "*) grep -v "^$2 " "$root/proc/swaps" >"$root/proc/swaps.new"; mv "$root/proc/swaps.new" "$root/proc/swaps" ;;
	"swapon -p") printf '%-40s%s\t\t999420\t\t0\t\t%s\n' "$4" file "$3" >>"$root/proc/swaps" ;;
	"swapon "*) printf '%-40s%s\t999420\t\t0\t\t%s\n' "$2" partition -2 >>"$root/proc/swaps" ;;
	"mount -t") echo "none ${*: -1:1} hugetlbfs rw,relatime,${5} 0 0" | sed "s|$root||" >>"$root/proc/mounts" ;;
	"umount "*) sed -i "\\| ${2#"$root"} hugetlbfs |d" "$root/proc/mounts" ;;
	"ethtool -G") sed -i "/Current/,\$s/^RX:.*/RX:	$5/" "$root/tools/ethtool-g-$3" ;;
	"ip link")
		echo "$*" >>"$root/ip.log"
		# udev may be quicker with a name of its own
		if [ -e "$root/.udev" ]; then rename "$4" "$(<"$root/.udev")"; rm "$root/.udev"; fi
		[ -e "$root/sys/class/net/$4" ] || exit 1
		[ "$5" != name ] || rename "$4" "$6" ;;
	"ip "*) echo "$*" >>"$root/ip.log" ;;
	*) exit 1 ;;
	esac
}

$what "$@"
