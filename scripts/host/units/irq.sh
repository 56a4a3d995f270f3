# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Interrupts go to cores without lanes, and nobody moves them back.

irq_explain() {
	cat <<'TEXT'
An interrupt stops the lane on whose core it lands for 1 to 20 us, and what it does afterwards
(softirq) for more.  apply moves every interrupt that may be moved to the cores without lanes, makes
those the default of new ones, and tells irqbalance, where it is installed, to keep off.
Interrupts that belong to one core, and those a driver manages itself (NVMe, many NICs), cannot be
moved; isolcpus=managed_irq,... keeps the latter away.
Settings: lane_cpus.
TEXT
}

irq_lists() {
	local file
	cpus_of "$lane_cpus"
	local cpu
	IRQ_BAD=()
	IRQ_CNT=0
	local -A lane=()
	for cpu in "${CPUS[@]}"; do lane[$cpu]=1; done
	for file in "$ROOT"/proc/irq/[0-9]*/smp_affinity_list; do
		[ -e "$file" ] || continue
		value_of "$file" && cpus_of "$REPLY" || continue
		IRQ_CNT=$((IRQ_CNT + 1))
		for cpu in "${CPUS[@]}"; do
			if [ -n "${lane[$cpu]-}" ]; then
				IRQ_BAD+=("${file#"$ROOT"}")
				break
			fi
		done
	done
}

irq_irqbalance_runs() {
	local file
	for file in "$ROOT"/proc/[0-9]*/comm; do
		read_line "$file" && [ "$REPLY" = irqbalance ] && return 0
	done
	return 1
}

irq_check() {
	local mask text=""
	why="an interrupt on a lane's core stops it for 1 to 20 us"
	if [ -z "$lane_cpus" ]; then
		found skip "affinity" "no lane_cpus are set" "-"
	else
		housekeeping_cpus
		list_of "${CPUS[@]}"
		local keep=$REPLY
		irq_lists
		for mask in "${IRQ_BAD[@]:0:12}"; do mask=${mask#/proc/irq/}; text+=${text:+ }${mask%%/*}; done
		[ ${#IRQ_BAD[@]} -le 12 ] || text+=" ..."
		if [ ${#IRQ_BAD[@]} = 0 ]; then
			found pass "affinity" "none of $IRQ_CNT interrupts may land on cores $lane_cpus" "none"
		else
			found warn "affinity" "${#IRQ_BAD[@]} of $IRQ_CNT interrupts may land on cores $lane_cpus: $text" "none" \
				"for each N of them: echo $keep > /proc/irq/N/smp_affinity_list"
		fi
		mask_of "${CPUS[@]}"
	fi
	if ! irq_irqbalance_runs; then
		found pass "irqbalance" "does not run" "not running, or told to keep off"
	elif [ -n "$lane_cpus" ] && [ -r "$ROOT/etc/default/irqbalance" ] &&
		[[ $(<"$ROOT/etc/default/irqbalance") == *$'\n'IRQBALANCE_BANNED_CPULIST=$lane_cpus* ]]; then
		found pass "irqbalance" "keeps off $lane_cpus" "not running, or told to keep off"
	else
		found warn "irqbalance" "runs and may move interrupts to any core" "not running, or told to keep off" \
			"systemctl disable --now irqbalance, or IRQBALANCE_BANNED_CPULIST=${lane_cpus:-LIST} in /etc/default/irqbalance"
	fi
}

irq_apply() {
	local file keep keep_mask status=0 stay=0 record
	[ -n "$lane_cpus" ] || { told already "no lane_cpus are set: interrupts stay where they are"; return 0; }
	housekeeping_cpus
	list_of "${CPUS[@]}"
	keep=$REPLY
	mask_of "${CPUS[@]}"
	keep_mask=$REPLY
	# First who could move them back, then the default, then each.
	if [ -e "$ROOT/etc/default/irqbalance" ]; then
		local text
		text=$(<"$ROOT/etc/default/irqbalance")
		[[ $'\n'$text == *$'\n'IRQBALANCE_BANNED_CPULIST=$lane_cpus* ]] ||
			set_file /etc/default/irqbalance "$text"$'\n'"IRQBALANCE_BANNED_CPULIST=$lane_cpus" || status=1
		irq_irqbalance_runs && told told "irqbalance reads that when it starts: systemctl restart irqbalance"
	fi
	irq_default "$keep_mask" || status=1
	irq_lists
	for file in "${IRQ_BAD[@]}"; do
		if [ $YES = no ]; then
			set_value "$file" "$keep"
			continue
		fi
		remember value "$file" "$ROOT$file" || { status=1; continue; }
		record=$REPLY
		if poke "$ROOT$file" "$keep"; then
			cat "$ROOT$file" >"$record/after" 2>/dev/null
			value_of "$record/before"
			told "done" "$file: $REPLY -> $keep"
		else
			forget "$record"
			stay=$((stay + 1))
		fi
	done
	[ $stay = 0 ] || told told "$stay interrupts cannot be moved (of one core, or managed by a driver); isolcpus=managed_irq keeps the latter off"
	return $status
}

# The kernel writes the mask with leading zeros as wide as its CPUs: compare as numbers.
irq_default() {
	local path=/proc/irq/default_smp_affinity now
	value_of "$ROOT$path" || return 0
	now=${REPLY//[,]/}
	now=${now#"${now%%[!0]*}"}
	[ "$now" != "${1//,/}" ] || { told already "$path is $1"; return 0; }
	set_value $path "$1"
}
