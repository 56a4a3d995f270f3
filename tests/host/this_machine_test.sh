#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# host-setup on the machine that runs the test, for real: what it changes comes back byte for byte.
# Whatever happens, the values of before are written back at the end.
set -u
[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
unset SLUICE_FAKE_KERNEL
export SLUICE_HOST_STATE=$work/state
host() { "$top/scripts/host-setup" "$@"; }

files=(/sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/mm/transparent_hugepage/defrag
	/sys/kernel/mm/transparent_hugepage/khugepaged/defrag /sys/kernel/mm/ksm/run
	/proc/sys/kernel/numa_balancing /proc/sys/kernel/timer_migration /proc/sys/vm/stat_interval
	/proc/sys/kernel/watchdog /proc/sys/kernel/nmi_watchdog /sys/kernel/rcu_normal /sys/kernel/rcu_expedited
	/sys/devices/system/clocksource/clocksource0/current_clocksource
	/sys/devices/virtual/workqueue/cpumask /proc/irq/default_smp_affinity)
for file in /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages /proc/irq/[0-9]*/smp_affinity_list; do
	files+=("$file")
done
# Of a swap area all but how much of it is used: any program may be swapped out meanwhile.
values() {
	for file in "${files[@]}"; do [ ! -r "$file" ] || printf '%s: %s\n' "$file" "$(cat "$file" 2>/dev/null)"; done
	awk '{ print $1, $2, $3, $5 }' /proc/swaps
}
values >"$work/first"
swapfile=""
put_back() {
	local file value word
	while IFS= read -r line; do
		[[ $line == /*": "* ]] || continue
		file=${line%%: *} value=${line#*: }
		[ "$(cat "$file" 2>/dev/null)" != "$value" ] || continue
		if [[ $value =~ \[([^]]+)\] ]]; then value=${BASH_REMATCH[1]}; fi
		echo "$value" 2>/dev/null >"$file"
	done <"$work/first"
	[ -z "$swapfile" ] || { swapoff "$swapfile" 2>/dev/null; rm -f "$swapfile"; }
	rm -rf "$work"
}
trap put_back EXIT
trap 'exit 1' INT TERM HUP

# Where something is right already, make it wrong first, so that there is something to do.
echo always >/sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null
echo 1 >/proc/sys/kernel/timer_migration 2>/dev/null
if [ "$(wc -l </proc/swaps)" = 1 ]; then
	swapfile=/var/tmp/sluice-host-test.$$.swap
	if ! { head -c 1048576 /dev/zero >"$swapfile" && chmod 600 "$swapfile" && mkswap "$swapfile" &&
		swapon -p 7 "$swapfile"; } >/dev/null 2>&1; then
		rm -f "$swapfile"
		swapfile=""
	fi
fi
values >"$work/before"
cpus=$(cat /sys/devices/system/cpu/online)
lane=${cpus##*[-,]}
pool=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
node=$(basename "$(ls -d /sys/devices/system/cpu/cpu"$lane"/node* 2>/dev/null | head -n 1)")
pool=${pool/node0/${node:-node0}}
have_mb=$(($(cat "$pool" 2>/dev/null || echo 0) * 2))
units=(thp timers watchdog rcu ksm numa_balancing clock hugepages)
[ -z "$swapfile" ] || units+=(swap)
[ "$lane" = 0 ] || units+=(irq)
arguments=(--set "hugepages_mb=$((have_mb + 8))")
[ "$lane" = 0 ] || arguments+=(--cpus "$lane")

case_is "check needs no root and changes nothing"
# of the two answers one or the other, on a machine we do not know
if have_nobody=$(id -u nobody 2>/dev/null) && command -v setpriv >/dev/null && [ -r "$top/scripts/host-setup" ]; then
	cp -r "$top/scripts" "$work/scripts" && chmod -R a+rX "$work"
	chmod a+rx "$work"
	setpriv --reuid "$have_nobody" --clear-groups "$work/scripts/host-setup" check --json >"$work/out" 2>"$work/errors"
	status=$?
	[ $status -le 1 ] || fail "exit $status: $(cat "$work/errors")"
	jq -e '.findings | length > 20' "$work/out" >/dev/null || fail "fewer than 20 findings"
	[ -s "$work/errors" ] && fail "it complains: $(cat "$work/errors")"
	run 1 setpriv --reuid "$have_nobody" --clear-groups "$work/scripts/host-setup" apply --yes ksm
	complains "needs root"
	case_is "a container's root, without CAP_SYS_ADMIN, is told where to go"
	run 1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$top/scripts/host-setup" apply --yes thp
	complains "without CAP_SYS_ADMIN"
fi
case_is "a dry run changes nothing"
run 0 host apply "${arguments[@]}" "${units[@]}"
values | diff "$work/before" - >"$work/diff" || fail "changed: $(cat "$work/diff")"

case_is "apply is what check wants, and undo gives every value back"
run 0 host apply --yes "${arguments[@]}" "${units[@]}"
sed -n 's/^done //p' "$work/out"
[[ $out != *"0 changed"* ]] || fail "nothing was changed: $out"
expect_eq "thp" "$(cat /sys/kernel/mm/transparent_hugepage/enabled)" "always [madvise] never"
[ ! -w "$pool" ] || expect_eq "pages" "$(cat "$pool")" $(((have_mb + 8) / 2))
[ -z "$swapfile" ] || expect_eq "swap" "$(wc -l </proc/swaps)" 1
run 0 host apply --yes "${arguments[@]}" "${units[@]}"
says "0 changed, 0 failed"
run 0 host undo --yes
values | diff "$work/before" - >"$work/diff" || fail "not as before: $(cat "$work/diff")"
[ ! -e "$work/state" ] || fail "still remembered: $(ls "$work/state")"

case_is "killed in the middle, undo gives every value back"
run 137 env SLUICE_CRASH_AFTER="write /proc/sys/kernel/timer_migration" "$top/scripts/host-setup" \
	apply --yes "${arguments[@]}" "${units[@]}"
run 0 host undo --yes
values | diff "$work/before" - >"$work/diff" || fail "not as before: $(cat "$work/diff")"

case_is "the interface of the default route is not taken"
route=$(awk '$2 == "00000000" && $8 == "00000000" { print $1; exit }' /proc/net/route)
if [ -n "$route" ] && [ -e "/sys/class/net/$route/device" ]; then
	run 1 "$top/scripts/nic-bind" bind --force "$route" # a dry run: nothing can happen
	complains "carries the default route"
fi
finish
