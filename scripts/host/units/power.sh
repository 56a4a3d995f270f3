# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Cores that are awake and at their full clock: governor, C-states, turbo, SMT.

power_explain() {
	cat <<'TEXT'
A core that saves power answers late: leaving a deep C-state takes 50 to 300 us, and a governor other
than performance needs milliseconds to raise the clock.  A lane polls, so its own core rarely sleeps;
the cores that hand it work, and a lane before its first start, do.
turbo and SMT are policy, told and only changed when a setting says so.  Turbo is faster and less even:
clocks move with the load of other cores, each move stops a core for some 10 us.  A busy SMT sibling
takes up to half of a lane's core.
Settings: cstate_max_us (1), turbo (leave, on, off), smt (leave, siblings_off), lane_cpus.
TEXT
}

# The numbers of the cores this unit is about: the lanes' or all.
power_cpus() {
	cpus_of "$lane_cpus"
	[ ${#CPUS[@]} -gt 0 ] || online_cpus
}

# Into STATES: the files that switch off idle states deeper than cstate_max_us and are not set.
power_states() {
	local cpu dir latency
	STATES=()
	STATE_CNT=0
	power_cpus
	for cpu in "${CPUS[@]}"; do
		for dir in "$ROOT/sys/devices/system/cpu/cpu$cpu"/cpuidle/state[0-9]*; do
			read_line "$dir/latency" || continue
			latency=$REPLY
			STATE_CNT=$((STATE_CNT + 1))
			[ "$latency" -gt "$cstate_max_us" ] || continue
			read_line "$dir/disable" && [ "$REPLY" = 0 ] && STATES+=("${dir#"$ROOT"}/disable")
		done
	done
}

# Into SIBLINGS: cores that share a physical core with a lane and run no lane themselves.
power_siblings() {
	local cpu other
	local -A lane=() seen=()
	SIBLINGS=()
	cpus_of "$lane_cpus"
	local lanes=("${CPUS[@]}")
	for cpu in "${lanes[@]}"; do lane[$cpu]=1; done
	for cpu in "${lanes[@]}"; do
		read_line "$ROOT/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list" && cpus_of "$REPLY" || continue
		for other in "${CPUS[@]}"; do
			[ "$other" != "$cpu" ] || continue
			[ -n "${seen[$other]-}" ] || SIBLINGS+=("$other")
			seen[$other]=${lane[$other]:+lane}
			seen[$other]=${seen[$other]:-idle}
			[ "${seen[$other]}" = idle ] || SIBLING_LANES=yes
		done
	done
}

power_check() {
	local cpu file bad=() all=0 text
	power_cpus
	why="a governor that follows the load needs milliseconds to raise the clock of a core that wakes up"
	for cpu in "${CPUS[@]}"; do
		file=$ROOT/sys/devices/system/cpu/cpu$cpu/cpufreq/scaling_governor
		value_of "$file" || continue
		all=$((all + 1))
		[ "$REPLY" = performance ] || bad+=("$cpu:$REPLY")
	done
	if [ $all = 0 ]; then
		found skip "governor" "this kernel sets no clocks (virtual machine, or cpufreq is off)" "performance"
	elif [ ${#bad[@]} = 0 ]; then
		found pass "governor" "performance on $all cores" "performance"
	else
		text=${bad[*]:0:8}
		found warn "governor" "${#bad[@]} of $all cores: $text" "performance" \
			"for f in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance > \$f; done"
	fi
	why="leaving a deep idle state takes 50 to 300 us"
	power_states
	if [ $STATE_CNT = 0 ]; then
		found skip "C-states" "the kernel controls no idle states here" "none deeper than $cstate_max_us us"
	elif [ ${#STATES[@]} = 0 ]; then
		found pass "C-states" "none deeper than $cstate_max_us us in use" "none deeper than $cstate_max_us us"
	else
		list_of "${CPUS[@]}"
		found warn "C-states" "${#STATES[@]} states deeper than $cstate_max_us us in use on cores $REPLY" \
			"none deeper than $cstate_max_us us" \
			"echo 1 > each of them (${STATES[0]} ...), or boot with intel_idle.max_cstate=1 processor.max_cstate=1"
	fi
	why="turbo is faster and less even; each change of clock stops a core for some 10 us. A choice, not a fault"
	if value_of "$ROOT/sys/devices/system/cpu/intel_pstate/no_turbo"; then
		text=$([ "$REPLY" = 1 ] && echo off || echo on)
	elif value_of "$ROOT/sys/devices/system/cpu/cpufreq/boost"; then
		text=$([ "$REPLY" = 1 ] && echo on || echo off)
	else
		text=""
	fi
	if [ -z "$text" ]; then
		found skip "turbo" "not visible here" "$turbo"
	elif [ "$turbo" = leave ]; then
		found info "turbo" "$text" "your choice: measure both" "$HOST_SETUP apply --yes --set turbo=off power (or on)"
	elif [ "$turbo" = "$text" ]; then
		found pass "turbo" "$text" "$turbo"
	else
		found warn "turbo" "$text" "$turbo" "$HOST_SETUP apply --yes power"
	fi
	why="a busy SMT sibling takes up to half of a lane's core, and empties its caches"
	SIBLING_LANES=no
	power_siblings
	read_line "$ROOT/sys/devices/system/cpu/smt/control" || REPLY=unknown
	text=$REPLY
	list_of $(printf '%s\n' "${SIBLINGS[@]}" | sort -n)
	if [ -z "$lane_cpus" ]; then
		found info "SMT" "$text; no lane_cpus are set" "no thread beside a lane's"
	elif [ ${#SIBLINGS[@]} = 0 ]; then
		found pass "SMT" "no lane has a sibling that is online (SMT $text)" "no thread beside a lane's"
	elif [ $SIBLING_LANES = yes ]; then
		found warn "SMT" "two lanes are siblings of one core, among $REPLY" "a physical core for each lane" \
			"sluicectl core-map suggest"
	else
		found warn "SMT" "cores $REPLY are siblings of lanes and online" "offline, or idle" \
			"$HOST_SETUP apply --yes --set smt=siblings_off power (echo 0 > /sys/devices/system/cpu/cpuN/online)"
	fi
}

power_apply() {
	local cpu file status=0 list
	power_cpus
	list=("${CPUS[@]}")
	for cpu in "${list[@]}"; do
		file=/sys/devices/system/cpu/cpu$cpu/cpufreq/scaling_governor
		if [ -e "$ROOT$file" ]; then set_value "$file" performance || status=1; fi
	done
	power_states
	for file in "${STATES[@]}"; do set_value "$file" 1 || status=1; done
	if [ "$turbo" != leave ]; then
		file=/sys/devices/system/cpu/intel_pstate/no_turbo
		if [ -e "$ROOT$file" ]; then
			set_value $file "$([ "$turbo" = on ] && echo 0 || echo 1)" || status=1
		elif [ -e "$ROOT/sys/devices/system/cpu/cpufreq/boost" ]; then
			set_value /sys/devices/system/cpu/cpufreq/boost "$([ "$turbo" = on ] && echo 1 || echo 0)" || status=1
		fi
	fi
	if [ "$smt" = siblings_off ]; then
		SIBLING_LANES=no
		power_siblings
		if [ $SIBLING_LANES = yes ]; then
			told failed "two lanes are siblings of one core: choose other lane_cpus before siblings go offline"
			return 1
		fi
		for cpu in "${SIBLINGS[@]}"; do
			set_value "/sys/devices/system/cpu/cpu$cpu/online" 0 || status=1
		done
	fi
	return $status
}
