# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Machines made of files: what /sys, /proc and /etc of real ones look like, as far as we read them.
# tools/ has what ip, ethtool and chronyc would say.  fake_kernel.sh lets them change.

put() { # put FILE TEXT...: a file below $M, with its folders
	mkdir -p "$M/${1%/*}"
	printf '%s\n' "${@:2}" >"$M/$1"
}

# cores SOCKETS CORES_PER_SOCKET THREADS: numbered as the kernel does, threads last.
cores() {
	local sockets=$1 per=$2 threads=$3 cnt=$(($1 * $2)) cpu core node sibling dir t list
	put sys/devices/system/cpu/online "0-$((cnt * threads - 1))"
	put sys/devices/system/cpu/isolated ""
	put sys/devices/system/cpu/smt/control "$([ "$threads" -gt 1 ] && echo on || echo notsupported)"
	for ((cpu = 0; cpu < cnt * threads; cpu++)); do
		core=$((cpu % cnt))
		node=$((core / per))
		dir=$M/sys/devices/system/cpu/cpu$cpu
		mkdir -p "$dir/topology" "$dir/cpufreq" "$dir/cpuidle/state0" "$dir/cpuidle/state1" \
			"$dir/cpuidle/state2" "$dir/node$node" "$M/sys/devices/system/node/node$node"
		list=$core
		for ((t = 1; t < threads; t++)); do
			sibling=$((core + t * cnt))
			list+=,$sibling
		done
		echo "$list" >"$dir/topology/thread_siblings_list"
		echo powersave >"$dir/cpufreq/scaling_governor"
		echo 0 >"$dir/cpuidle/state0/latency"
		echo 1 >"$dir/cpuidle/state1/latency"
		echo 133 >"$dir/cpuidle/state2/latency"
		echo 0 >"$dir/cpuidle/state0/disable"
		echo 0 >"$dir/cpuidle/state1/disable"
		echo 0 >"$dir/cpuidle/state2/disable"
		[ $cpu = 0 ] || echo 1 >"$dir/online"
	done
}

# pages KB NODES: a pool of no pages.
pages() {
	local node
	put "sys/kernel/mm/hugepages/hugepages-$1kB/nr_hugepages" 0
	put "sys/kernel/mm/hugepages/hugepages-$1kB/free_hugepages" 0
	for ((node = 0; node < $2; node++)); do
		put "sys/devices/system/node/node$node/hugepages/hugepages-$1kB/nr_hugepages" 0
		put "sys/devices/system/node/node$node/hugepages/hugepages-$1kB/free_hugepages" 0
	done
}

# kernel FLAGS: what every kernel has, as Debian sets it.
kernel() {
	put proc/cmdline "BOOT_IMAGE=/boot/vmlinuz-6.1.0-28-amd64 root=/dev/sda1 ro quiet"
	put proc/cpuinfo "processor	: 0" "vendor_id	: GenuineIntel" "flags		: fpu tsc msr $1" ""
	put proc/meminfo "MemTotal:       528000000 kB" "Hugepagesize:       ${2:-2048} kB"
	put proc/mounts "sysfs /sys sysfs rw,nosuid,nodev,noexec 0 0" "/dev/sda1 / ext4 rw,relatime 0 0"
	put proc/swaps "Filename				Type		Size		Used		Priority" \
		"/dev/sda2                               partition	999420		0		-2" \
		"/swap                                   file		999420		0		5"
	put etc/fstab "/dev/sda1 / ext4 defaults 0 1" "/dev/sda2 none swap sw 0 0" "#/dev/sda3 none swap sw 0 0"
	put proc/sys/kernel/nmi_watchdog 1
	put proc/sys/kernel/watchdog 1
	put proc/sys/kernel/numa_balancing 1
	put proc/sys/kernel/timer_migration 1
	put proc/sys/vm/stat_interval 1
	put sys/kernel/rcu_normal 0
	put sys/kernel/rcu_expedited 0
	put sys/kernel/mm/ksm/run 1
	put sys/kernel/mm/transparent_hugepage/enabled "[always] madvise never"
	put sys/kernel/mm/transparent_hugepage/defrag "always defer defer+madvise [madvise] never"
	put sys/kernel/mm/transparent_hugepage/khugepaged/defrag 1
	put sys/devices/system/clocksource/clocksource0/current_clocksource tsc
	put sys/devices/system/clocksource/clocksource0/available_clocksource "tsc hpet acpi_pm "
	put sys/devices/system/cpu/vulnerabilities/meltdown "Not affected"
	put sys/devices/system/cpu/vulnerabilities/spectre_v2 "Mitigation: Enhanced / Automatic IBRS"
	put sys/devices/system/cpu/vulnerabilities/mmio_stale_data "Vulnerable: Clear CPU buffers attempted, no microcode"
	put proc/612/comm chronyd
	put tools/chronyc "A9FEA97B,169.254.169.123,4,1700000000.1,-0.000012345,0.000001,0.00002,1.2,0.0,0.01,0.0001,0.00005,16.1,Normal"
	mkdir -p "$M/etc/default/grub.d" "$M/etc/udev/rules.d" "$M/etc/security" "$M/etc/modules-load.d" "$M/etc/modprobe.d" \
		"$M/etc/systemd/system" "$M/sys/bus/pci/devices" "$M/sys/bus/pci/drivers" "$M/sys/class/net" \
		"$M/sys/kernel/iommu_groups" "$M/sys/module" "$M/.modules" "$M/dev"
	put etc/default/grub 'GRUB_CMDLINE_LINUX=""'
	put sys/bus/pci/drivers_probe ""
	touch "$M/.modules/vfio-pci" "$M/.modules/uio_pci_generic"
}

# interrupt NUMBER LIST [managed]: one the kernel does not let go is refused by fake_kernel.sh.
interrupt() {
	put "proc/irq/$1/smp_affinity_list" "$2"
	[ -z "${3-}" ] || touch "$M/proc/irq/$1/.managed"
}

# nic ADDRESS DRIVER NODE GROUP [INTERFACE]: class, ids, driver, and the interface it brings.
nic() {
	local dir=sys/bus/pci/devices/$1
	put "$dir/class" 0x020000
	put "$dir/vendor" 0x8086
	put "$dir/device" 0x1592
	put "$dir/numa_node" "$3"
	put "$dir/driver_override" "(null)"
	put "$dir/current_link_speed" "16.0 GT/s PCIe"
	put "$dir/max_link_speed" "16.0 GT/s PCIe"
	put "$dir/current_link_width" 16
	put "$dir/max_link_width" 16
	head -c 61 /dev/zero >"$M/$dir/config"
	printf '\001\0\0' >>"$M/$dir/config"
	if [ -n "$4" ]; then
		put "sys/kernel/iommu_groups/$4/type" DMA-FQ
		mkdir -p "$M/sys/kernel/iommu_groups/$4/devices"
		ln -s "../../../../bus/pci/devices/$1" "$M/sys/kernel/iommu_groups/$4/devices/$1"
		ln -s "../../../../kernel/iommu_groups/$4" "$M/$dir/iommu_group"
	fi
	[ -n "$2" ] || return 0
	put "sys/bus/pci/drivers/$2/unbind" ""
	ln -s "../../../bus/pci/drivers/$2" "$M/$dir/driver"
	put ".default_driver/$1" "$2"
	if [ -n "${5-}" ]; then
		put "$dir/net/$5/mtu" 1500
		put "$dir/net/$5/flags" 0x1003
		put "$dir/net/$5/carrier" 1
		ln -s ../.. "$M/$dir/net/$5/device"
		ln -s "../../bus/pci/devices/$1/net/$5" "$M/sys/class/net/$5"
	fi
}

# The machines.
two_sockets() { # 64 cores on two sockets, two threads each; four NICs; IOMMU
	cores 2 32 2
	pages 2048 2
	pages 1048576 2
	kernel "constant_tsc nonstop_tsc pdpe1gb"
	interrupt 9 0-127
	interrupt 40 0-127
	interrupt 41 3 managed
	interrupt 42 64-127
	put proc/irq/default_smp_affinity ffffffff,ffffffff,ffffffff,ffffffff
	put sys/devices/virtual/workqueue/cpumask ffffffff,ffffffff,ffffffff,ffffffff
	put sys/devices/system/cpu/intel_pstate/no_turbo 0
	nic 0000:18:00.0 tg3 0 30 mgmt0
	nic 0000:3b:00.0 ice 0 31 ens1
	nic 0000:5e:00.0 mlx5_core 0 32 mlx0
	nic 0000:af:00.0 ice 1 33 trade1
	put sys/bus/pci/devices/0000:af:00.0/current_link_width 8
	put sys/bus/pci/devices/0000:af:00.0/net/trade1/mtu 9000
	put tools/ethtool-g-trade1 "Ring parameters for trade1:" "Pre-set maximums:" "RX:	8160" "RX Mini:	n/a" \
		"TX:	8160" "Current hardware settings:" "RX:	512" "TX:	512"
	put tools/ip-addr '2: mgmt0    inet 10.0.0.5/24 brd 10.0.0.255 scope global mgmt0\       valid_lft forever' \
		'4: ens1    inet 10.9.9.9/31 scope global ens1\       valid_lft forever' \
		'4: ens1    inet6 fe80::1/64 scope link \       valid_lft forever'
	put tools/ip-route-ens1 "10.9.9.8/31 proto kernel scope link src 10.9.9.9" "10.50.0.0/16 via 10.9.9.8 metric 7"
	put proc/net/route "Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask	MTU	Window	IRTT" \
		"mgmt0	00000000	0100000A	0003	0	0	0	00000000	0	0	0" \
		"mgmt0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0"
}

four_cores() { # a fresh one, small enough to be killed often
	cores 1 4 1
	pages 2048 1
	kernel "constant_tsc nonstop_tsc"
	interrupt 9 0-3
	put proc/irq/default_smp_affinity f
}

epyc() { # 16 cores of one socket as four nodes, two threads each; boost, no pstate driver; PTP
	cores 4 4 2
	pages 2048 4
	pages 1048576 4
	kernel "constant_tsc nonstop_tsc pdpe1gb"
	sed -i 's/GenuineIntel/AuthenticAMD/' "$M/proc/cpuinfo"
	put sys/devices/system/cpu/cpufreq/boost 1
	nic 0000:c1:00.0 i40e 3 12 trade0
	rm -r "$M/proc/612" "$M/tools/chronyc"
	put proc/700/comm ptp4l
	put proc/701/comm phc2sys
	put tools/pmc "sending: GET CURRENT_DATA_SET" "	stepsRemoved     1" "	offsetFromMaster     -214.0" \
		"	meanPathDelay        1371.0"
}

small() { # 8 cores of one socket, no SMT, no IOMMU; what a tuned machine says
	cores 1 8 1
	pages 2048 1
	kernel "constant_tsc nonstop_tsc"
	put proc/cmdline "ro isolcpus=managed_irq,domain,2-5 nohz_full=2-5 rcu_nocbs=2-5 iommu=pt"
	put sys/devices/system/cpu/isolated 2-5
	put proc/swaps "Filename				Type		Size		Used		Priority"
	nic 0000:00:04.0 virtio-pci -1 "" ""
	# the interface of a virtio NIC is one folder deeper
	mkdir -p "$M/sys/bus/pci/devices/0000:00:04.0/virtio1/net/eth9"
	ln -s ../../../virtio1 "$M/sys/bus/pci/devices/0000:00:04.0/virtio1/net/eth9/device"
	ln -s "../../bus/pci/devices/0000:00:04.0/virtio1/net/eth9" "$M/sys/class/net/eth9"
	put sys/class/net/eth9/mtu 1500
	mkdir -p "$M/sys/class/net/veth7"
}

no_tsc() { # a virtual machine that hides the TSC's virtues, and a clock nobody keeps
	cores 1 4 1
	pages 2048 1
	kernel "tsc_adjust"
	put sys/devices/system/clocksource/clocksource0/current_clocksource kvm-clock
	put sys/devices/system/clocksource/clocksource0/available_clocksource "kvm-clock acpi_pm"
	rm -r "$M/proc/612" "$M/tools/chronyc"
}

gb_pages() { # huge pages of 1 GiB and no others
	cores 1 4 1
	pages 1048576 1
	kernel "constant_tsc nonstop_tsc pdpe1gb" 1048576
}

container() { # the same machine, seen from within a container
	small
	put proc/self/status "Name:	bash" "CapEff:	00000000a80425fb"
	put proc/mounts "sysfs /sys sysfs ro,nosuid,nodev,noexec 0 0" "proc /proc/sys proc ro 0 0" "overlay / overlay rw 0 0"
}

# machine NAME FOLDER
machine() {
	M=$2
	mkdir -p "$M"
	"$1"
}
