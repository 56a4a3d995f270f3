# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What an interface carries, and how its state is remembered and given back.  Uses ip where there is
# one (busybox has it, too); below --root, tools/ip-addr and tools/ip-route-NAME stand for what it says.

addresses_text() { ask_tool ip-addr ip -o addr show; }

# Into ADDRESSES: "10.0.0.5/24 brd 10.0.0.255" of an interface; the kernel makes fe80:: itself.
addresses_of() {
	local index name family address rest text
	ADDRESSES=()
	if ! text=$(addresses_text); then
		[ -r "$ROOT/proc/net/route" ] || return
		# Without ip an interface with routes has addresses, which can be seen and not given back.
		while read -r name rest; do
			[ "$name" != "$1" ] || { ADDRESSES=("routes-without-ip(8)"); return; }
		done <"$ROOT/proc/net/route"
		return
	fi
	while read -r index name family address rest; do
		[ "${name%@*}" = "$1" ] && [[ $family == inet* ]] && [[ $address != fe80:* ]] || continue
		if [[ $rest =~ ^brd\ ([0-9.]+) ]]; then address+=" brd ${BASH_REMATCH[1]}"; fi
		ADDRESSES+=("$address")
	done <<<"$text"
}

# Into STACK: an interface and all that stand on it (VLANs, bonds, bridges), however high.
stack_of() {
	local dir i=0
	STACK=("$1")
	while [ $i -lt ${#STACK[@]} ] && [ $i -lt 64 ]; do
		for dir in "$ROOT/sys/class/net/${STACK[i]}"/upper_*; do
			if [ -e "$dir" ] || [ -L "$dir" ]; then STACK+=("${dir##*/upper_}"); fi
		done
		i=$((i + 1))
	done
}

carries_default_route() {
	local name target gateway flags refs use metric mask rest upper
	stack_of "$1"
	if [ -r "$ROOT/proc/net/route" ]; then
		while read -r name target gateway flags refs use metric mask rest; do
			[ "$target" = 00000000 ] && [ "$mask" = 00000000 ] || continue
			for upper in "${STACK[@]}"; do [ "$name" != "$upper" ] || return 0; done
		done <"$ROOT/proc/net/route"
	fi
	if [ -r "$ROOT/proc/net/ipv6_route" ]; then
		while read -r target mask rest; do
			[ "$target" = 00000000000000000000000000000000 ] && [ "$mask" = 00 ] || continue
			for upper in "${STACK[@]}"; do [ "${rest##* }" != "$upper" ] || return 0; done
		done <"$ROOT/proc/net/ipv6_route"
	fi
	return 1
}

# Into SSH_ADDRESSES: our ends of SSH sessions: of this shell's, which sudo may have hidden, and of
# every established connection to port 22.
ssh_addresses() {
	local pid text number local_end remote state rest hex
	SSH_ADDRESSES=()
	if [ -n "${SSH_CONNECTION-}" ] && [ -z "$ROOT" ]; then
		read -r number rest local_end rest <<<"$SSH_CONNECTION"
		SSH_ADDRESSES+=("$local_end")
	fi
	pid=$$
	while [ -z "$ROOT" ] && [ "$pid" -gt 1 ]; do
		while IFS= read -r text; do
			[[ $text == SSH_CONNECTION=* ]] || continue
			read -r number rest local_end rest <<<"${text#*=}"
			SSH_ADDRESSES+=("$local_end")
		done <<<"$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ")"
		read_line "/proc/$pid/stat" || break
		text=${REPLY##*) }
		read -r number pid rest <<<"$text"
	done
	if [ -r "$ROOT/proc/net/tcp" ]; then
		while read -r number local_end remote state rest; do
			[ "${local_end##*:}" = 0016 ] && [ "$state" = 01 ] || continue
			hex=${local_end%%:*}
			SSH_ADDRESSES+=("$((16#${hex:6:2})).$((16#${hex:4:2})).$((16#${hex:2:2})).$((16#${hex:0:2}))")
		done <"$ROOT/proc/net/tcp"
	fi
	if [ -r "$ROOT/proc/net/tcp6" ]; then
		while read -r number local_end remote state rest; do
			[ "${local_end##*:}" = 0016 ] && [ "$state" = 01 ] || continue
			hex=${local_end%%:*}
			if [ "${hex:0:24}" = 0000000000000000FFFF0000 ]; then
				hex=${hex:24}
				SSH_ADDRESSES+=("$((16#${hex:6:2})).$((16#${hex:4:2})).$((16#${hex:2:2})).$((16#${hex:0:2}))")
			else
				SSH_ADDRESSES+=("v6:$hex")
			fi
		done <"$ROOT/proc/net/tcp6"
	fi
}

# The kernel's form of an IPv6 address in /proc/net/tcp6, four words turned round, of the form in
# /proc/net/if_inet6.
v6_of_inet6() {
	local hex=${1^^} i
	REPLY=""
	for i in 0 8 16 24; do REPLY+=${hex:i+6:2}${hex:i+4:2}${hex:i+2:2}${hex:i:2}; done
}

carries_ssh() {
	local upper address ours name hex rest
	ssh_addresses
	[ ${#SSH_ADDRESSES[@]} -gt 0 ] || return 1
	stack_of "$1"
	for upper in "${STACK[@]}"; do
		addresses_of "$upper"
		for ours in "${ADDRESSES[@]}"; do
			[ "$ours" != "routes-without-ip(8)" ] || return 0 # it may be this one
			for address in "${SSH_ADDRESSES[@]}"; do
				[ "${ours%%/*}" != "$address" ] || return 0
			done
		done
		[ -r "$ROOT/proc/net/if_inet6" ] || continue
		while read -r hex rest; do
			name=${rest##* }
			[ "$name" = "$upper" ] || continue
			v6_of_inet6 "$hex"
			for address in "${SSH_ADDRESSES[@]}"; do
				[ "$address" != "v6:$REPLY" ] || return 0
			done
		done <"$ROOT/proc/net/if_inet6"
	done
	return 1
}

# save_interface NAME FOLDER: addresses, routes, MTU and whether it is up.
save_interface() {
	local name=$1 file=$2/interface.$1 entry
	{
		read_line "$ROOT/sys/class/net/$name/mtu" && echo "mtu $REPLY"
		read_line "$ROOT/sys/class/net/$name/flags" && ((REPLY & 1)) && echo "up"
		addresses_of "$name"
		for entry in "${ADDRESSES[@]}"; do echo "address $entry"; done
		{
			ask_tool "ip-route-$name" ip route show dev "$name"
			ask_tool "ip-6-route-$name" ip -6 route show dev "$name"
		} | while read -r entry; do
			# what an address or the kernel brings along comes back by itself
			[[ $entry == *"proto kernel"* ]] || [[ $entry == fe80:* ]] || [[ $entry == ff00:* ]] ||
				[[ $entry == multicast* ]] || echo "route $entry"
		done
	} >"$file"
}

link_down() {
	if [ -z "$ROOT" ] && have ip; then ip link set "$1" down 2>/dev/null; fi
	return 0
}

# name_interface ADDRESS NAME: waits for the interface that the driver brings, and gives it the name it had.
# Into REPLY the name it has in the end: another one, when that name is somebody else's by now (the
# kernel's own names, eth0, go to whoever comes first in a boot).  False when no interface came.
name_interface() {
	local address=$1 name=$2 tries=0 came=""
	while :; do
		# udev renames it too, at any moment: what was seen is looked at anew.
		interfaces_of "$address"
		if [[ " ${INTERFACES[*]} " == *" $name "* ]]; then
			REPLY=$name
			return 0
		fi
		if [ ${#INTERFACES[@]} -gt 0 ]; then
			came=${INTERFACES[0]}
			[ ! -e "$ROOT/sys/class/net/$name" ] || break
			run_tool ip link set "$came" down
			run_tool ip link set "$came" name "$name"
		fi
		tries=$((tries + 1))
		[ $tries -le 50 ] || break
		[ -n "$ROOT" ] || sleep 0.1
	done
	[ -n "$came" ] || return 1
	REPLY=""
	if [ -e "$ROOT/sys/class/net/$name" ]; then
		address_of_interface "$name" || REPLY="no PCI device"
		REPLY=", which $REPLY has now"
	fi
	told told "$address came back as $came, not as $name$REPLY; its addresses and routes are on $came"
	REPLY=$came
}

# restore_interface ADDRESS NAME FOLDER: waits for the driver to bring it, then all that was saved.
restore_interface() {
	local name=$2 file=$3/interface.$2 what rest status=0 up=no
	if ! name_interface "$1" "$name"; then
		told failed "$1: no interface came back; its addresses are kept in $file"
		return 1
	fi
	name=$REPLY
	while read -r what rest; do
		[ "$what" != up ] || up=yes
		[ "$what" != mtu ] || run_tool ip link set "$name" mtu "$rest" || status=1
	done <"$file"
	[ $up = no ] || run_tool ip link set "$name" up || status=1
	while read -r what rest; do
		# shellcheck disable=SC2086
		[ "$what" != address ] || run_tool ip addr replace $rest dev "$name" || status=1
	done <"$file"
	while read -r what rest; do
		# shellcheck disable=SC2086
		[ "$what" != route ] || run_tool ip route replace $rest dev "$name" || status=1
	done <"$file"
	[ $status = 0 ] || told failed "$name: not all of its addresses and routes came back; they are in $file"
	return $status
}
