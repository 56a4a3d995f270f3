#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# qemu_end_test.sh BUILD: whoever interrupts a run in QEMU is left with no process and no file, whose
# guest does not end with what it wrote, and who has no QEMU with a sentence.  A program that sleeps
# stands for QEMU, and empty files for the kernel.
set -um # job control: a job can be interrupted as a terminal does it
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=$1
for tool in busybox cpio jq ethtool ip; do
	command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
mkdir -p "$work/bin" "$work/tmp" "$work/cache/linux-image-none"/{boot,lib/modules/6.1.0}
touch "$work/cache/linux-image-none"/{complete-2,boot/vmlinuz-none,lib/modules/6.1.0/modules.{order,builtin}}
printf '#!/bin/bash\necho $$ >"%s/qemu.pid"\nexec sleep 300\n' "$work" >"$work/bin/qemu-system-x86_64"
printf '#!/bin/bash\n' >"$work/bin/apt-cache" # knows no kernel: what is in the cache will do
chmod +x "$work"/bin/*
colo() {
	exec env PATH="$work/bin:$PATH" TMPDIR="$work/tmp" "$top/scripts/qemu-colo" --nic virtio --build "$build" \
		--cache "$work/cache" "$@" >"$work/colo.log" 2>&1
}
qemu_ended() { # of a killed process there is a moment more to see
	local _
	for _ in {1..50}; do
		kill -0 "$(<"$work/qemu.pid")" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

case_is "interrupted while its guest runs"
colo &
job=$!
for _ in {1..300}; do
	[ ! -s "$work/qemu.pid" ] || break
	sleep 0.1
done
kill -INT -- -$job
wait $job 2>/dev/null
expect_eq "exit status" $? 130
[ -s "$work/qemu.pid" ] || fail "QEMU was not started: $(cat "$work/colo.log")"
qemu_ended || { fail "QEMU still runs"; kill -KILL "$(<"$work/qemu.pid")"; }
expect_eq "files left" "$(ls -A "$work/tmp")" ""

case_is "a guest that does not end is ended, and what it wrote is where the words say"
rm "$work/qemu.pid"
colo --seconds 1 &
wait $!
expect_eq "exit status" $? 1
grep -q "FAILED: the guest did not end within 1 s" "$work/colo.log" || fail "it says: $(cat "$work/colo.log")"
qemu_ended || { fail "QEMU still runs"; kill -KILL "$(<"$work/qemu.pid")"; }
kept=$(sed -n 's/^qemu-colo: what the guest wrote is in //p' "$work/colo.log")
expect_eq "files left" "$(ls -A "$work/tmp")" "${kept##*/}"

case_is "without QEMU it is skipped, and says what to install"
mkdir "$work/few"
for tool in bash env dirname uname; do ln -s "$(command -v $tool)" "$work/few/$tool"; done
for script in qemu-colo qemu-deploy; do
	run 77 env PATH="$work/few" TMPDIR="$work/tmp" "$top/scripts/$script" --nic virtio
	says "skipped: not installed: qemu-system-x86 busybox-static cpio"
done
finish
