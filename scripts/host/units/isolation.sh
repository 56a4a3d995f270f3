# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Nothing but a lane runs on its core: isolcpus, nohz_full and rcu_nocbs of the kernel command line.

isolation_explain() {
	cat <<'TEXT'
A lane polls and never sleeps.  Whatever else the kernel puts on its core stops it: another program
for a time slice of some milliseconds, the timer tick (250 to 1000 times a second) for 1 to 10 us each,
RCU callbacks for as much as there are.  isolcpus keeps programs away, nohz_full stops the tick while
one thread runs, rcu_nocbs gives the callbacks to other cores.  They are words of the kernel command
line: apply writes them to /etc/default/grub.d/sluice-isolation.cfg; update-grub and a reboot are yours.
Where you may not reboot, the unit cpuset keeps programs away, with the tick left.
Setting: lane_cpus.  sluicectl core-map suggest proposes them.
TEXT
}

# The list of a word of the command line, flags as "managed_irq,domain," left out.
isolation_list() {
	local part list=""
	cmdline_value "$1" || return 1
	for part in ${REPLY//,/ }; do
		[[ $part =~ ^[0-9] ]] && list+=${list:+,}$part
	done
	REPLY=$list
}

isolation_check() {
	local word cpu list missing
	why="another program on a lane's core costs milliseconds, each timer tick 1 to 10 us"
	if [ -z "$lane_cpus" ]; then
		read_line "$ROOT/sys/devices/system/cpu/isolated"
		found warn "lane_cpus" "not set; the kernel isolates ${REPLY:-none}" "the cores of the lanes" \
			"sluicectl core-map suggest, then --cpus LIST or lane_cpus in /etc/sluice/host.conf"
		return
	fi
	for word in isolcpus nohz_full rcu_nocbs; do
		isolation_list $word || REPLY=""
		list=$REPLY
		local -A has=()
		cpus_of "$list" || CPUS=()
		for cpu in "${CPUS[@]}"; do has[$cpu]=1; done
		cpus_of "$lane_cpus"
		missing=()
		for cpu in "${CPUS[@]}"; do [ -n "${has[$cpu]-}" ] || missing+=("$cpu"); done
		list_of "${missing[@]}"
		if [ ${#missing[@]} = 0 ]; then
			found pass $word "$list" "$lane_cpus"
		elif [ $word = isolcpus ]; then
			found fail $word "${list:-not on the command line}" "$lane_cpus, lacking $REPLY" \
				"$HOST_SETUP apply --yes isolation; update-grub; reboot (writes /etc/default/grub.d/sluice-isolation.cfg)"
		else
			found warn $word "${list:-not on the command line}" "$lane_cpus, lacking $REPLY" \
				"$HOST_SETUP apply --yes isolation; update-grub; reboot (writes /etc/default/grub.d/sluice-isolation.cfg)"
		fi
	done
	read_line "$ROOT/sys/devices/system/cpu/isolated" || REPLY=""
	isolation_has_all "$REPLY" && found pass "in force" "kernel isolates $REPLY" "$lane_cpus" ||
		found warn "in force" "kernel isolates ${REPLY:-none}" "$lane_cpus" "reboot after update-grub"
}

isolation_has_all() {
	local cpu
	local -A has=()
	cpus_of "$1" || return 1
	for cpu in "${CPUS[@]}"; do has[$cpu]=1; done
	cpus_of "$lane_cpus"
	for cpu in "${CPUS[@]}"; do [ -n "${has[$cpu]-}" ] || return 1; done
}

isolation_apply() {
	if [ -z "$lane_cpus" ]; then
		told already "no lane_cpus are set: nothing to isolate (--cpus LIST)"
		return 0
	fi
	housekeeping_cpus
	list_of "${CPUS[@]}"
	set_boot_words "isolcpus=managed_irq,domain,$lane_cpus nohz_full=$lane_cpus rcu_nocbs=$lane_cpus irqaffinity=$REPLY"
}
