#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# host-setup on machines made of files: what check tells, that apply and undo are exact, and what
# happens when things go wrong in between.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
host() { "$top/scripts/host-setup" "$@"; }
json_of() { jq -r "$1" "$work/out"; }
# status_of UNIT ITEM: pass, warn, fail, info or skip
status_of() { json_of ".findings[] | select(.unit == \"$1\" and .item == \"$2\") | .status"; }

machine two_sockets "$work/big"
machine small "$work/small"
machine no_tsc "$work/no_tsc"
machine gb_pages "$work/gb"
machine container "$work/container"
machine four_cores "$work/four"
machine epyc "$work/epyc"
big=$work/big

# --- check
case_is "a fresh machine with two sockets is told all that slows it down"
run 1 host check --root "$big" --cpus 2-5,34 --json
for entry in "isolation isolcpus fail" "isolation nohz_full warn" "irq affinity warn" "power governor warn" \
	"power C-states warn" "power turbo info" "power SMT warn" "timers timer_migration warn" \
	"timers vm.stat_interval warn" "watchdog nmi_watchdog warn" "rcu rcu_normal warn" "rcu rcu_expedited pass" \
	"thp enabled warn" "thp defrag pass" "swap areas warn" "swap fstab info" "ksm run warn" \
	"numa_balancing numa_balancing warn" "mitigations state info" "clock constant_tsc pass" \
	"timesync offset pass" "iommu IOMMU pass" "iommu passthrough warn" "modules vfio-pci warn" \
	"pcie 0000:af:00.0 warn" "pcie 0000:3b:00.0 pass" "nic,trade1 MTU,warn" "nic,trade1 receive ring,warn" \
	"hugepages,pool of node 0,fail" "hugepages,pool of node 1,fail" "timers,work queues,warn"; do
	if [[ $entry == *,* ]]; then IFS=, read -r unit item want <<<"$entry"; else read -r unit item want <<<"$entry"; fi
	expect_eq "$unit: $item" "$(status_of "$unit" "$item")" "$want"
done
expect_eq "failures counted" "$(json_of .failed)" "$(json_of '[.findings[] | select(.status == "fail")] | length')"
expect_eq "findings without a reason" "$(json_of '[.findings[] | select(.why == "")] | length')" 0
expect_eq "faults without a repair" \
	"$(json_of '[.findings[] | select((.status == "fail" or .status == "warn") and .fix == "")] | length')" 0
expect_eq "siblings named" "$(json_of '.findings[] | select(.item == "SMT") | .measured')" \
	"cores 66-69,98 are siblings of lanes and online"
expect_eq "offset of chrony" "$(json_of '.findings[] | select(.item == "offset") | .measured')" "13 us (chronyc)"
expect_eq "interrupts that land on lanes" \
	"$(json_of '.findings[] | select(.item == "affinity") | .measured')" \
	"3 of 4 interrupts may land on cores 2-5,34: 40 41 9"

expect_eq "units that found something" "$(json_of '[.findings[].unit] | unique | join(" ")')" \
	"$(host list | sort | paste -sd' ')"

case_is "four nodes in one socket, PTP, another maker"
run 1 host check --root "$work/epyc" --cpus 12-14 --nic trade0 --json hugepages power timesync iommu
expect_eq "pools looked at" "$(json_of '[.findings[] | select(.item | startswith("pool")) | .item] | join(",")')" "pool of node 3"
expect_eq "turbo" "$(json_of '.findings[] | select(.item == "turbo") | .measured')" on
expect_eq "siblings named" "$(json_of '.findings[] | select(.item == "SMT") | .measured')" "cores 28-30 are siblings of lanes and online"
expect_eq "offset of ptp4l" "$(json_of '.findings[] | select(.item == "offset") | .measured')" "1 us (pmc)"
[[ $(json_of '.findings[] | select(.item == "passthrough") | .fix') == *"(iommu=pt)" ]] || fail "another maker's words"
sed -i 's/-214.0/-100001.0/' "$work/epyc/tools/pmc"
run 1 host check --root "$work/epyc" --json timesync
expect_eq "an offset of 100.001 us" "$(status_of timesync offset)" fail
snapshot "$work/epyc" >"$work/before_epyc"
run 0 host apply --yes --root "$work/epyc" --cpus 12-14 --set turbo=off --set hugepages_kb=1048576 --set hugepages_mb=2048 \
	power hugepages iommu
expect_eq "boost" "$(cat "$work/epyc/sys/devices/system/cpu/cpufreq/boost")" 0
expect_eq "pages of 1 GiB" "$(cat "$work/epyc/sys/devices/system/node/node3/hugepages/hugepages-1048576kB/nr_hugepages")" 2
grep -q 'hugetlbfs rw,relatime,pagesize=1024M' "$work/epyc/proc/mounts" || fail "no mount of 1 GiB pages"
grep -q 'LINUX iommu=pt"' "$work/epyc/etc/default/grub.d/sluice-iommu.cfg" || fail "another maker's words"
run 0 host undo --yes --root "$work/epyc" --json
expect_eq "failures told" "$(json_of '.failed, .exit, .dry_run' | paste -sd' ')" "0 0 false"
expect_same "$work/before_epyc" "$work/epyc"

case_is "text says measured, wanted, why and fix"
run 1 host check --root "$big" --cpus 2-5 thp isolation
says "warn  thp             enabled: always; wanted: madvise or never"
says "why: joining pages interrupts lanes"
says "fix: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"

case_is "the fix is a command that can be typed as this one was"
run 0 host check --root "$big" boot
says "fix: $top/scripts/host-setup apply --yes boot"
run 0 env SLUICE_CALLED_BY=sluicectl "$top/scripts/host-setup" check --root "$big" boot
says "fix: sluicectl host apply --yes boot"
mkdir -p "$work/sbin"
ln -sf "$top/scripts/host-setup" "$work/sbin/sluice-host-setup"
run 0 env PATH="$work/sbin:$PATH" sluice-host-setup check --root "$big" boot
says "fix: sluice-host-setup apply --yes boot"

case_is "a NIC that is named and not there is a failure, and the others are looked at"
run 1 host check --root "$big" --nic nosuch0 --nic trade1 nic
says "fail  nic             nosuch0: there is no such NIC; wanted: a PCI address or an interface"
says "trade1 MTU"
run 1 host apply --root "$big" --nic nosuch0 nic
[[ $out$errors == *"there is no NIC 'nosuch0': $top/scripts/nic-bind show"* ]] || fail "apply does not name the NIC"

case_is "warnings alone are no failure, unless --strict"
run 0 host check --root "$big" thp
run 1 host check --root "$big" --strict thp

case_is "a machine that is isolated passes, and flags of isolcpus are no cores"
run 0 host check --root "$work/small" --cpus 2-5 --json isolation cpuset
expect_eq "isolcpus" "$(status_of isolation isolcpus)" pass
expect_eq "in force" "$(status_of isolation "in force")" pass
run 1 host check --root "$work/small" --cpus 2-6 --json isolation
expect_eq "isolcpus for a core more" "$(json_of '.findings[] | select(.item == "isolcpus") | .wanted')" "2-6, lacking 6"

case_is "no invariant TSC is a failure, and no setting repairs it"
run 1 host check --root "$work/no_tsc" --json clock timesync
expect_eq "constant_tsc" "$(status_of clock constant_tsc)" fail
expect_eq "nonstop_tsc" "$(status_of clock nonstop_tsc)" fail
expect_eq "clock source" "$(status_of clock "clock source")" fail
expect_eq "who keeps time" "$(status_of timesync "who keeps time")" warn

case_is "a clock that is 250 us off is against RTS 25"
sed -i 's/-0.000012345/0.000250001/' "$big/tools/chronyc"
run 1 host check --root "$big" --json timesync
expect_eq "offset" "$(json_of '.findings[] | select(.item == "offset") | .measured')" "251 us (chronyc)"
sed -i 's/0.000250001/-0.000012345/' "$big/tools/chronyc"

case_is "only pages of 1 GiB: says what there is"
run 1 host check --root "$work/gb" hugepages
says "this kernel offers 1048576 kB"
run 1 host apply --yes --root "$work/gb" hugepages
complains "it has 1048576"
run 1 host check --root "$work/gb" --set hugepages_kb=1048576 hugepages
says "wanted: 1 pages"

# --- wrong usage
case_is "wrong usage is 2 and names what there is"
run 2 host check --root "$big" nothing
complains "there is no unit 'nothing'; there are: isolation"
run 2 host polish
run 2 host
run 2 host check --root "$big" --set lane_cpu=3
complains "there is no setting 'lane_cpu'"
run 2 host check --root "$big" --set turbo=maybe
run 2 host check --root "$big" --cpus 3-1
run 2 host check --root "$big" --cpus 126-128
complains "core 128 of lane_cpus"
run 2 host check --root "$work/small" --cpus 0-7
complains "one must be left"
run 2 host check --root "$work/nowhere"
run 2 host undo --force --forget --root "$big"
mkdir -p "$big/etc/sluice"
printf 'lane_cpus = 2-5 # four\nhugepages_mb=64\nturbo: off\n' >"$big/etc/sluice/host.conf"
run 2 host check --root "$big" thp
complains "host.conf:3"
printf 'lane_cpus = 2-5 # four\nhugepages_mb=64\n' >"$big/etc/sluice/host.conf"
run 1 host check --root "$big" hugepages
says "wanted: 32 pages"
rm -r "$big/etc/sluice"

# --- apply and undo
snapshot "$big" >"$work/before"
case_is "undo without apply has nothing to do"
run 0 host undo --yes --root "$big"
says "nothing was applied here"

case_is "apply is a dry run unless told otherwise"
run 0 host apply --root "$big" --cpus 2-5,34 --nic trade1
says "dry run: "
says "write madvise to /sys/kernel/mm/transparent_hugepage/enabled (now always)"
expect_same "$work/before" "$big"
[ ! -e "$big/var" ] || fail "a dry run left something behind"

case_is "apply does it all, and check agrees"
run 0 host apply --yes --root "$big" --cpus 2-5,34 --nic trade1
says "1 interrupts cannot be moved"
expect_eq "governor" "$(cat "$big/sys/devices/system/cpu/cpu34/cpufreq/scaling_governor")" performance
expect_eq "a core without a lane" "$(cat "$big/sys/devices/system/cpu/cpu6/cpufreq/scaling_governor")" powersave
expect_eq "deep idle state" "$(cat "$big/sys/devices/system/cpu/cpu2/cpuidle/state2/disable")" 1
expect_eq "shallow idle state" "$(cat "$big/sys/devices/system/cpu/cpu2/cpuidle/state1/disable")" 0
expect_eq "pages of node 1" "$(cat "$big/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages")" 512
expect_eq "work queues" "$(cat "$big/sys/devices/virtual/workqueue/cpumask")" ffffffff,ffffffff,fffffffb,ffffffc3
expect_eq "interrupt 9" "$(cat "$big/proc/irq/9/smp_affinity_list")" 0-1,6-33,35-127
expect_eq "MTU" "$(cat "$big/sys/class/net/trade1/mtu")" 1500
expect_eq "swap" "$(wc -l <"$big/proc/swaps")" 1
# as grub-mkconfig reads them
expect_eq "kernel command line" "$(sh -c 'GRUB_CMDLINE_LINUX=quiet; for f in "$1"/*.cfg; do . "$f"; done; echo "$GRUB_CMDLINE_LINUX"' - "$big/etc/default/grub.d")" \
	"quiet intel_iommu=on iommu=pt isolcpus=managed_irq,domain,2-5,34 nohz_full=2-5,34 rcu_nocbs=2-5,34 irqaffinity=0-1,6-33,35-127"
run 1 host check --root "$big" --json
# what is left: a reboot, hardware, the managed interrupt, and who is in charge
expect_eq "what still is not right" \
	"$(json_of '[.findings[] | select(.status == "fail" or .status == "warn") | .unit] | unique | join(" ")')" \
	"iommu irq isolation pcie power"

case_is "the same settings are remembered for check"
says '"wanted":"2-5,34, lacking 2-5,34"'

case_is "applying twice changes nothing more, and undo is still exact"
cp -r "$big/var" "$work/var"
run 0 host apply --yes --root "$big" --json
expect_eq "changes of the second time" "$(json_of .changed)" 0
run 0 host undo --root "$big"
says "dry run: "
run 0 host undo --yes --root "$big"
expect_same "$work/before" "$big"
[ ! -e "$big/var/lib" ] || [ -z "$(ls -A "$big/var/lib")" ] || fail "undo left something behind"
run 0 host undo --yes --root "$big"

four=$work/four
snapshot "$four" >"$work/before4"
case_is "one unit is undone by itself"
run 0 host apply --yes --root "$four" thp ksm
run 0 host undo --yes --root "$four" thp
expect_eq "thp" "$(cat "$four/sys/kernel/mm/transparent_hugepage/enabled")" "[always] madvise never"
expect_eq "ksm" "$(cat "$four/sys/kernel/mm/ksm/run")" 0
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"

case_is "what somebody else changed since is left alone, unless forced or forgotten"
run 0 host apply --yes --root "$four" ksm thp
echo 2 >"$four/sys/kernel/mm/ksm/run"
run 1 host undo --yes --root "$four"
complains "somebody else changed it"
expect_eq "thp, which nobody else changed" "$(cat "$four/sys/kernel/mm/transparent_hugepage/enabled")" "[always] madvise never"
run 0 host undo --yes --force --root "$four"
expect_same "$work/before4" "$four"
run 0 host apply --yes --root "$four" ksm
echo 2 >"$four/sys/kernel/mm/ksm/run"
run 0 host undo --yes --forget --root "$four"
expect_eq "ksm" "$(cat "$four/sys/kernel/mm/ksm/run")" 2
echo 1 >"$four/sys/kernel/mm/ksm/run"
expect_same "$work/before4" "$four"

case_is "a file of somebody else's is given back with its bytes and mode"
printf '# mine\nOPTIONS="--x"' >"$four/etc/default/irqbalance" # no newline at the end
chmod 600 "$four/etc/default/irqbalance"
snapshot "$four" >"$work/before2"
run 0 host apply --yes --root "$four" --cpus 2-3 irq
grep -q '^IRQBALANCE_BANNED_CPULIST=2-3$' "$four/etc/default/irqbalance" || fail "irqbalance was not told"
run 0 host undo --yes --root "$four"
expect_same "$work/before2" "$four"
rm "$four/etc/default/irqbalance"

case_is "where the kernel isolates nothing, a cpuset partition does, and goes again"
run 0 host check --root "$four" --cpus 2-3 cpuset
says "no cgroup v2 on /sys/fs/cgroup; use the unit isolation"
mkdir -p "$four/sys/fs/cgroup"
echo "cpu io memory pids" >"$four/sys/fs/cgroup/cgroup.controllers"
echo "cpu memory pids" >"$four/sys/fs/cgroup/cgroup.subtree_control"
run 1 host apply --yes --root "$four" --cpus 2-3 cpuset
complains "this kernel's cgroup v2 has no cpuset"
echo "cpuset cpu io memory pids" >"$four/sys/fs/cgroup/cgroup.controllers"
snapshot "$four" >"$work/before2"
run 0 host check --root "$four" --cpus 2-3 cpuset
says "partition: there is none; wanted: sluice.slice isolated with 2-3"
run 0 host apply --root "$four" --cpus 2-3 --set control_cpus=1 cpuset
says "make the partition sluice.slice of cores 1-3"
expect_same "$work/before2" "$four"
run 0 host apply --yes --root "$four" --cpus 2-3 --set control_cpus=1 cpuset
expect_eq "controllers" "$(cat "$four/sys/fs/cgroup/cgroup.subtree_control")" "cpu memory pids cpuset"
expect_eq "cores" "$(cat "$four/sys/fs/cgroup/sluice.slice/cpuset.cpus")" 1-3
expect_eq "partition" "$(cat "$four/sys/fs/cgroup/sluice.slice/cpuset.cpus.partition")" isolated
run 0 host check --root "$four" --cpus 2-3 cpuset
says "pass  cpuset          partition: sluice.slice is isolated"
run 0 host undo --yes --root "$four"
expect_same "$work/before2" "$four"
rm -r "$four/sys/fs"
expect_same "$work/before4" "$four"

case_is "fewer pages than wanted is a failure, is said, and is put back"
echo 10 >"$four/.pages_max"
run 1 host apply --yes --root "$four" --cpus 2 hugepages
complains "node 0 gave only 10 of 512 pages"
rm "$four/.pages_max"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"

case_is "pages of a program that is just ending go a moment later"
run 0 host apply --yes --root "$four" --cpus 2 hugepages
echo "82 5" >"$four/.pages_held"
run 0 host undo --yes --root "$four"
rm "$four/.pages_held"
expect_same "$work/before4" "$four"
case_is "pages that stay in use: who has them is said, and undo can be tried again"
run 0 host apply --yes --root "$four" --cpus 2 hugepages
echo "82 1000" >"$four/.pages_held"
mkdir -p "$four/proc/4711"
echo sluice >"$four/proc/4711/comm"
echo "7f0000000000-7f0000200000 rw-s 00000000 00:1b 77 /dev/hugepages/rtemap_0" >"$four/proc/4711/maps"
mkdir -p "$four/var/tmp/huge"
echo "none /var/tmp/huge hugetlbfs rw,pagesize=2M 0 0" >>"$four/proc/mounts"
touch "$four/var/tmp/huge/rtemap_0" "$four/var/tmp/huge/rtemap_1"
run 1 host undo --yes --root "$four"
complains "nr_hugepages is 82 after 0 was written to it (held by sluice (process 4711), 2 files in /var/tmp/huge, which"
rm -r "$four/.pages_held" "$four/proc/4711" "$four/var/tmp"
sed -i '/var.tmp.huge/d' "$four/proc/mounts"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"

# --- crashes
for crash in "write /sys/devices/system/cpu/cpu3/cpuidle/state2/disable" "remember /sys/kernel/mm/ksm/run" \
	"remember /etc/default/grub.d/sluice-isolation.cfg" "remember /swap" "remember /dev/hugepages"; do
	case_is "killed after '$crash', undo puts all back"
	run 137 env SLUICE_CRASH_AFTER="$crash" "$top/scripts/host-setup" apply --yes --root "$four" --cpus 2-3
	run 0 host undo --yes --root "$four"
	expect_same "$work/before4" "$four"
	case_is "killed after '$crash', apply goes on and undo puts all back"
	run 137 env SLUICE_CRASH_AFTER="$crash" "$top/scripts/host-setup" apply --yes --root "$four" --cpus 2-3
	run 0 host apply --yes --root "$four"
	run 0 host undo --yes --root "$four"
	expect_same "$work/before4" "$four"
done
case_is "killed in the middle of undo, another undo finishes"
run 0 host apply --yes --root "$four" --cpus 2-3
run 137 env SLUICE_CRASH_AFTER="write /sys/kernel/mm/ksm/run" "$top/scripts/host-setup" undo --yes --root "$four"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"

# --- a reboot
case_is "after a reboot the same units are applied again, and undo knows the first state"
run 0 host apply --yes --root "$four" --cpus 2-3 ksm thp swap
remembered=$(ls "$four/var/lib/sluice/host/changes" | wc -l)
echo 1 >"$four/sys/kernel/mm/ksm/run"
echo "[always] madvise never" >"$four/sys/kernel/mm/transparent_hugepage/enabled"
run 0 host apply --yes --again --root "$four"
expect_eq "ksm" "$(cat "$four/sys/kernel/mm/ksm/run")" 0
expect_eq "governor, which was not applied" "$(cat "$four/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor")" powersave
expect_eq "changes remembered" "$(ls "$four/var/lib/sluice/host/changes" | wc -l)" "$remembered"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"
run 0 host apply --yes --again --root "$four"
says "nothing was applied before"

# --- where nothing may be changed
case_is "read-only /sys: each refusal says so, nothing is remembered, the exit status tells"
sed -i 's|sysfs /sys sysfs rw|sysfs /sys sysfs ro|' "$four/proc/mounts"
touch "$four/.readonly"
snapshot "$four" >"$work/before2"
run 1 host apply --yes --root "$four" ksm thp
complains "/sys is mounted read-only (is this a container?)"
expect_same "$work/before2" "$four"
[ ! -e "$four/var/lib/sluice" ] || fail "something is remembered that was not changed"
run 1 host apply --yes --json --root "$four" ksm
expect_eq "failures told" "$(json_of .failed)" 1
rm "$four/.readonly"
sed -i 's|sysfs /sys sysfs ro|sysfs /sys sysfs rw|' "$four/proc/mounts"

case_is "a container without privileges may look and not touch"
run 0 host check --root "$work/container" --cpus 2-3 isolation
says "without CAP_SYS_ADMIN"
run 1 host apply --yes --root "$work/container" thp
complains "belongs to the host"
run 0 host apply --root "$work/container" thp

# --- measuring
case_is "a unit that makes jitter worse is put back, the others stay"
cat >"$work/jitter" <<'TEXT'
#!/bin/bash
# worse as long as ksm is off
[ "$(cat "$(dirname "$0")/four/sys/kernel/mm/ksm/run")" = 1 ] && echo 100000 9000 || echo 300000 20000
TEXT
chmod +x "$work/jitter"
run 0 env SLUICE_JITTER="$work/jitter" "$top/scripts/host-setup" apply --yes --measure --root "$four" thp ksm
says "jitter: 100000 -> 300000 ns lost in a second"
expect_eq "ksm" "$(cat "$four/sys/kernel/mm/ksm/run")" 1
expect_eq "thp" "$(cat "$four/sys/kernel/mm/transparent_hugepage/enabled")" "always [madvise] never"
grep -q "ksm.*reverted" "$four/var/log/sluice/host-jitter.log" || fail "the log does not say that ksm was reverted"
grep -q "thp.*kept" "$four/var/log/sluice/host-jitter.log" || fail "the log does not say that thp was kept"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"
case_is "without a measure of one's own, the product's is asked: sluice jitter"
mkdir -p "$work/bin"
cat >"$work/bin/sluice" <<'TEXT'
#!/bin/bash
# as the case before; it ends with 6 where a core is noisy
echo "$*" >>"$(dirname "$0")/asked"
[ "$1 $2 $3 $4 $5" = "jitter --plain --seconds 1 --cores" ] || exit 2
ksm=$(cat "$(dirname "$0")/../four/sys/kernel/mm/ksm/run")
[ "$ksm" = 1 ] && echo "$6 100000 9000 quiet" || { echo "$6 300000 1500000 UNFIT"; exit 6; }
TEXT
chmod +x "$work/bin/sluice"
run 0 env PATH="$work/bin:$PATH" "$top/scripts/host-setup" apply --yes --measure --root "$four" thp ksm
says "jitter: 100000 -> 300000 ns lost in a second"
expect_eq "ksm" "$(cat "$four/sys/kernel/mm/ksm/run")" 1
[ "$(wc -l <"$work/bin/asked")" -ge 9 ] || fail "three looks before and after each unit were wanted"
run 0 host undo --yes --root "$four"
expect_same "$work/before4" "$four"
case_is "without anything to measure with, --measure changes nothing"
run 1 env SLUICE_JITTER=false "$top/scripts/host-setup" apply --yes --measure --root "$four" ksm
expect_same "$work/before4" "$four"

case_is "siblings of lanes go offline and come back"
run 0 host apply --yes --root "$big" --cpus 2-5 --set smt=siblings_off --set turbo=off power
expect_eq "sibling of 2" "$(cat "$big/sys/devices/system/cpu/cpu66/online")" 0
expect_eq "no_turbo" "$(cat "$big/sys/devices/system/cpu/intel_pstate/no_turbo")" 1
run 0 host undo --yes --root "$big"
expect_same "$work/before" "$big"
run 1 host apply --yes --root "$big" --cpus 2,66 --set smt=siblings_off power
complains "two lanes are siblings"
run 0 host undo --yes --root "$big"

case_is "vfio-pci stays loaded as long as a NIC belongs to it"
run 0 host apply --yes --root "$big" modules
ln -s ../../devices/0000:af:00.0 "$big/sys/bus/pci/drivers/vfio-pci/0000:af:00.0"
run 1 host undo --yes --root "$big"
complains "vfio-pci has NIC 0000:af:00.0; $top/scripts/nic-bind unbind --yes 0000:af:00.0"
rm "$big/sys/bus/pci/drivers/vfio-pci/0000:af:00.0"
run 0 host undo --yes --root "$big"
expect_same "$work/before" "$big"

case_is "mitigations are never changed"
run 0 host apply --yes --root "$big" mitigations
says "never changed"
expect_same "$work/before" "$big"

# with_tools FOLDER COMMAND...: nothing but what is in it can be found
with_tools() { env PATH="$1" "$1/bash" "${@:2}"; }
mkdir "$work/coreutils" "$work/busybox"
for tool in $(dpkg -L coreutils 2>/dev/null | sed -n 's,^\(/usr\)\?/bin/,,p'); do ln -s "$(command -v "$tool")" "$work/coreutils/$tool"; done
for tool in $(busybox --list 2>/dev/null); do ln -s "$(command -v busybox)" "$work/busybox/$tool"; done
for tools in coreutils busybox; do
	[ -e "$work/$tools/sort" ] || continue
	ln -sf "$(command -v bash)" "$work/$tools/bash"
	case_is "bash and $tools are enough"
	run 1 with_tools "$work/$tools" "$top/scripts/host-setup" check --root "$four" --cpus 2-3
	expect_eq "complaints" "$errors" ""
	run 0 with_tools "$work/$tools" "$top/scripts/host-setup" apply --yes --root "$four" --cpus 2-3
	expect_eq "complaints" "$errors" ""
	run 0 with_tools "$work/$tools" "$top/scripts/host-setup" undo --yes --root "$four"
	expect_eq "complaints" "$errors" ""
	expect_same "$work/before4" "$four"
	run 0 with_tools "$work/$tools" "$top/scripts/nic-bind" bind --yes --root "$big" trade1
	expect_eq "complaints" "$errors" ""
	run 0 with_tools "$work/$tools" "$top/scripts/nic-bind" show --root "$big"
	expect_eq "complaints" "$errors" ""
	run 0 with_tools "$work/$tools" "$top/scripts/nic-bind" unbind --yes --root "$big" trade1
	expect_eq "complaints" "$errors" ""
	rm -r "$big/sys/module/vfio_pci" "$big/sys/bus/pci/drivers/vfio-pci" "$big/ip.log"
	expect_same "$work/before" "$big"
done

case_is "every unit explains itself"
run 0 host explain
for unit in $(host list); do [[ $out == *"$unit"$'\n  '* ]] || fail "$unit does not explain itself"; done
finish
