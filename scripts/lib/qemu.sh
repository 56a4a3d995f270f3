# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What scripts that start a guest in QEMU share.  Sourced; the caller has set: cache (where kernels are
# kept), work (a folder of this run), seconds (the guest's time) and defined say.
# shellcheck disable=SC2154 # those
# shellcheck source=scripts/lib/endings.sh
. "${BASH_SOURCE[0]%/*}/endings.sh"
# need TOOL:PACKAGE...: skips with the command that brings them.
need() {
	local pair missing=()
	for pair; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} = 0 ] ||
		skip "not installed: ${missing[*]}; apt-get install --no-install-recommends ${missing[*]}"
}

# --- the kernel: Debian's own, from its package
kernel_name() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1
}
fetch_kernel() {
	local name deb
	name=$(kernel_name)
	if [ -z "$name" ]; then
		# The lists are gone or old: what is in the cache will do.
		name=$(cd "$cache" 2>/dev/null && ls -d linux-image-* 2>/dev/null | tail -n 1)
		[ -n "$name" ] || skip "apt knows no kernel linux-image-amd64: apt-get update"
	fi
	kernel=$cache/$name
	[ ! -f "$kernel/complete-2" ] || return 0
	mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || skip "$cache cannot be written: --cache DIR"
	say "kernel: fetching $name"
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$name" >apt.log 2>&1) ||
		skip "the package $name cannot be fetched: $(tail -n 1 "$work/apt.log")"
	deb=$(echo "$work"/linux-image-*.deb)
	rm -rf "$cache"/linux-image-*
	mkdir -p "$kernel"
	# Only what a machine of ours can have.
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$kernel" --wildcards './boot/vmlinuz-*' \
		'./lib/modules/*/modules.*' './lib/modules/*/kernel/drivers/net/ethernet/intel/e1000*' \
		'./lib/modules/*/kernel/drivers/net/*failover*' './lib/modules/*/kernel/net/core' \
		'./lib/modules/*/kernel/drivers/net/virtio_net.ko' './lib/modules/*/kernel/drivers/net/vmxnet3' \
		'./lib/modules/*/kernel/drivers/virtio' './lib/modules/*/kernel/drivers/vfio' \
		'./lib/modules/*/kernel/virt/lib' './lib/modules/*/kernel/drivers/uio' \
		'./lib/modules/*/kernel/drivers/ptp' './lib/modules/*/kernel/drivers/pps' \
		'./lib/modules/*/kernel/drivers/block/virtio_blk.ko' './lib/modules/*/kernel/fs/ext4' \
		'./lib/modules/*/kernel/fs/jbd2' './lib/modules/*/kernel/fs/mbcache.ko' './lib/modules/*/kernel/fs/autofs' \
		'./lib/modules/*/kernel/crypto/crc32c_generic.ko' './lib/modules/*/kernel/lib/crc16.ko' \
		'./lib/modules/*/kernel/lib/libcrc32c.ko' ||
		fail "$deb cannot be unpacked"
	rm -f "$deb"
	depmod -b "$kernel" "$(ls "$kernel/lib/modules")" || fail "depmod fails on $kernel"
	touch "$kernel/complete-2"
}

# Shows the guest's lines as they come; ends with the guest or with its time.
watch_machine() {
	local until=$((SECONDS + seconds)) shown=0 lines
	while :; do
		local alive=yes
		kill -0 "$qemu_pid" 2>/dev/null || alive=no
		lines=$(cat "$work/console" 2>/dev/null | tr -d '\r' | grep -E '^(# |FAILED|guest-status )' || true)
		if [ -n "$lines" ]; then
			tail -n +$((shown + 1)) <<<"$lines"
			shown=$(wc -l <<<"$lines")
		fi
		[ $alive = yes ] || break
		if [ $SECONDS -ge $until ]; then
			kill -KILL "$qemu_pid" 2>/dev/null
			wait "$qemu_pid" 2>/dev/null
			qemu_pid=''
			return 1
		fi
		sleep 0.5
	done
	wait "$qemu_pid"
	qemu_pid=''
	return 0
}
