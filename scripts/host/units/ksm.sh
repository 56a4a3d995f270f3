# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Kernel samepage merging off.

ksm_explain() {
	cat <<'TEXT'
KSM looks for equal pages and joins them: a thread that empties caches, interrupts that empty TLBs on
the lanes' cores, and a page fault of some microseconds at the first write to a page that was joined.
TEXT
}

ksm_check() {
	why="joining pages interrupts lanes, and the next write faults: some microseconds each"
	judge_value warn /sys/kernel/mm/ksm/run "run" 0 0 0
}

ksm_apply() {
	set_value /sys/kernel/mm/ksm/run 0
}
