# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the kernel does against flaws of the processor: told, never changed.

mitigations_explain() {
	cat <<'TEXT'
Mitigations make system calls, interrupts and some indirect jumps slower: 100 ns to 1 us for each entry
into the kernel.  The hot path enters no kernel and has no indirect jumps, so a lane feels little; the
control plane and kernel-backed drivers (af_packet, af_xdp) feel it.  Whether this machine may do
without them is a decision about security that this tool neither makes nor carries out: mitigations=off
on the kernel command line, after a talk with whoever answers for it.
TEXT
}

mitigations_check() {
	local file name active=() open=()
	why="each entry into the kernel is 100 ns to 1 us slower; the hot path makes none. A decision about security, not ours"
	for file in "$ROOT"/sys/devices/system/cpu/vulnerabilities/*; do
		read_line "$file" || continue
		name=${file##*/}
		case $REPLY in
		"Not affected") ;;
		Vulnerable*) open+=("$name") ;;
		*) active+=("$name") ;;
		esac
	done
	cmdline_value mitigations && name="mitigations=$REPLY" || name="the kernel's defaults"
	found info "state" "$name; at work: ${active[*]:-none}; open: ${open[*]:-none}" "known and decided"
}

mitigations_apply() {
	told already "mitigations are told by check and never changed"
}
