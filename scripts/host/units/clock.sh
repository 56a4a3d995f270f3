# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The clock: a TSC that never stops and never changes its speed, and that the kernel uses.

clock_explain() {
	cat <<'TEXT'
Lanes read time from the TSC: 10 to 20 ns.  It must run at one speed (constant_tsc) and through idle
states (nonstop_tsc), or times are wrong by more than what they measure.  When the kernel has marked it
unstable it reads another clock, 0.5 to 2 us for each look (hpet, acpi_pm), and the TSCs of two cores
may differ.
TEXT
}

clock_flags() {
	local key rest
	while IFS=: read -r key rest; do
		[[ $key == flags* || $key == Features* ]] || continue
		REPLY="$rest "
		return 0
	done <"$ROOT/proc/cpuinfo"
	REPLY=""
	return 1
} 2>/dev/null

clock_check() {
	local now flag dir=/sys/devices/system/clocksource/clocksource0
	why="a TSC that changes its speed or stops makes every latency and every timeout wrong"
	clock_flags
	local flags=$REPLY
	for flag in constant_tsc nonstop_tsc; do
		if [[ $flags == *" $flag "* ]]; then
			found pass "$flag" "yes" "yes"
		else
			found fail "$flag" "the processor does not say so" "yes" \
				"another machine, or a hypervisor that offers an invariant TSC; no setting repairs it"
		fi
	done
	why="any other clock costs 0.5 to 2 us for each look, where the TSC costs 20 ns"
	value_of "$ROOT$dir/current_clocksource" || { found skip "clock source" "not visible here" tsc; return; }
	now=$REPLY
	read_line "$ROOT$dir/available_clocksource" || REPLY=""
	if [ "$now" = tsc ]; then
		found pass "clock source" "tsc" "tsc"
	elif [[ " $REPLY " == *" tsc "* ]]; then
		found warn "clock source" "$now" "tsc" "echo tsc > $dir/current_clocksource"
	else
		found fail "clock source" "$now; the kernel offers ${REPLY:-nothing else}, it has given up the TSC" "tsc" \
			"dmesg says why (search 'tsc'); boot with tsc=reliable only when its maker says it is"
	fi
}

clock_apply() {
	local dir=/sys/devices/system/clocksource/clocksource0
	read_line "$ROOT$dir/available_clocksource" || REPLY=""
	if [[ " $REPLY " == *" tsc "* ]]; then
		set_value $dir/current_clocksource tsc
	else
		told already "the kernel offers no tsc: nothing to choose"
	fi
}
