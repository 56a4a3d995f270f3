# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Timers, statistics and work queues of the kernel stay off the lanes' cores.

timers_explain() {
	cat <<'TEXT'
With timer_migration the kernel moves timers of idle cores to a core that is awake; a lane is always
awake, and pays 1 to 10 us for each.  Statistics of memory are collected on every core once in
vm.stat_interval seconds, another 5 us.  Work queues that belong to no core in particular may run on
any that their mask allows.
Settings: lane_cpus (for the mask).
TEXT
}

# The mask's file, if its mask has a lane's core; false when it has none, or is not here.
timers_mask_is_bad() {
	local cpu now digits nibble
	[ -n "$lane_cpus" ] && value_of "$ROOT/sys/devices/virtual/workqueue/cpumask" || return 1
	now=${REPLY//,/}
	cpus_of "$lane_cpus"
	for cpu in "${CPUS[@]}"; do
		digits=$((${#now} - 1 - cpu / 4))
		[ $digits -ge 0 ] || continue
		nibble=${now:digits:1}
		((16#$nibble >> cpu % 4 & 1)) && return 0
	done
	return 1
}

timers_check() {
	why="a timer moved to the core that is awake stops a lane for 1 to 10 us"
	judge_value warn /proc/sys/kernel/timer_migration "timer_migration" 0 0 0
	why="statistics of each core are collected on it: 5 us each time"
	judge_value warn /proc/sys/vm/stat_interval "vm.stat_interval" "[1-9][0-9]+" "10 s or more" 120
	why="a work item of the kernel on a lane's core costs 5 to 100 us"
	if [ -z "$lane_cpus" ] || [ ! -e "$ROOT/sys/devices/virtual/workqueue/cpumask" ]; then
		found skip "work queues" "no lane_cpus are set, or no mask here" "-"
	elif timers_mask_is_bad; then
		value_of "$ROOT/sys/devices/virtual/workqueue/cpumask"
		local now=$REPLY
		housekeeping_cpus
		mask_of "${CPUS[@]}"
		found warn "work queues" "mask $now has cores of lanes" "mask $REPLY" \
			"echo $REPLY > /sys/devices/virtual/workqueue/cpumask"
	else
		found pass "work queues" "mask has no core of a lane" "none of $lane_cpus"
	fi
}

timers_apply() {
	local status=0
	set_value /proc/sys/kernel/timer_migration 0 || status=1
	value_of "$ROOT/proc/sys/vm/stat_interval" && [ "$REPLY" -lt 10 ] &&
		{ set_value /proc/sys/vm/stat_interval 120 || status=1; }
	if timers_mask_is_bad; then
		housekeeping_cpus
		mask_of "${CPUS[@]}"
		set_value /sys/devices/virtual/workqueue/cpumask "$REPLY" || status=1
	fi
	return $status
}
