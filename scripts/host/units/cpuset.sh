# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Where isolcpus is not on the command line: a cgroup of its own for the lanes' cores.

CPUSET=/sys/fs/cgroup/sluice.slice

cpuset_explain() {
	cat <<'TEXT'
A cpuset partition (cgroup v2) takes cores away from everything outside it at run time, without a
reboot: other programs are moved off, and the scheduler balances nothing onto them.  The timer tick and
RCU callbacks stay, some 1 to 10 us each; for those the unit isolation and a reboot are needed.
The gateway must run inside it: a systemd unit with Slice=sluice.slice, or
  echo $$ > /sys/fs/cgroup/sluice.slice/cgroup.procs; exec sluice run ...
Settings: lane_cpus, control_cpus (the control thread's core goes into it, too).
TEXT
}

cpuset_check() {
	why="another program on a lane's core costs milliseconds"
	if [ -z "$lane_cpus" ]; then
		found skip "partition" "no lane_cpus are set" "-"
		return
	fi
	read_line "$ROOT/sys/devices/system/cpu/isolated" || REPLY=""
	if isolation_has_all "$REPLY"; then
		found pass "partition" "not needed: the kernel isolates $REPLY" "$lane_cpus isolated"
	elif [ ! -e "$ROOT/sys/fs/cgroup/cgroup.controllers" ]; then
		found skip "partition" "no cgroup v2 on /sys/fs/cgroup; use the unit isolation" "-"
	elif value_of "$ROOT$CPUSET/cpuset.cpus.partition" && [ "$REPLY" = isolated ]; then
		found pass "partition" "sluice.slice is isolated" "isolated"
	else
		found warn "partition" "${REPLY:-there is none}" "sluice.slice isolated with $lane_cpus" \
			"$HOST_SETUP apply --yes cpuset (or the unit isolation and a reboot)"
	fi
}

cpuset_apply() {
	local list
	[ -n "$lane_cpus" ] || { told already "no lane_cpus are set: no partition"; return 0; }
	read_line "$ROOT/sys/devices/system/cpu/isolated" || REPLY=""
	isolation_has_all "$REPLY" && { told already "the kernel isolates $REPLY: no partition is needed"; return 0; }
	[ -e "$ROOT/sys/fs/cgroup/cgroup.controllers" ] ||
		{ told already "no cgroup v2 on /sys/fs/cgroup: use the unit isolation and a reboot"; return 0; }
	cpus_of "$lane_cpus${control_cpus:+,$control_cpus}"
	list_of "${CPUS[@]}"
	list=$REPLY
	if [ $YES = no ]; then
		told would "make the partition sluice.slice of cores $list"
		return 0
	fi
	read_line "$ROOT/sys/fs/cgroup/cgroup.controllers"
	[[ " $REPLY " == *" cpuset "* ]] || { told failed "this kernel's cgroup v2 has no cpuset"; return 1; }
	read_line "$ROOT/sys/fs/cgroup/cgroup.subtree_control" || REPLY=""
	if [[ " $REPLY " != *" cpuset "* ]]; then
		remember subtree /sys/fs/cgroup/cgroup.subtree_control || return 1
		poke "$ROOT/sys/fs/cgroup/cgroup.subtree_control" +cpuset ||
			{ forget "$REPLY"; told failed "cpuset cannot be switched on in /sys/fs/cgroup"; return 1; }
	fi
	if [ ! -d "$ROOT$CPUSET" ]; then
		remember folder "$CPUSET" || return 1
		run_tool mkdir "$ROOT$CPUSET" || { forget "$REPLY"; told failed "$CPUSET cannot be made"; return 1; }
	fi
	[ -e "$ROOT$CPUSET/cpuset.cpus.partition" ] ||
		{ told failed "$CPUSET has no cpuset.cpus.partition: this kernel cannot isolate cores so (6.1 and later can)"; return 1; }
	set_value "$CPUSET/cpuset.cpus" "$list" &&
		set_value "$CPUSET/cpuset.cpus.partition" isolated
}

undo_subtree() {
	poke "$ROOT$2" -cpuset || { told failed "cpuset stays on in $2: another group uses it"; return 1; }
	told undone "cpuset is off in $2"
}
