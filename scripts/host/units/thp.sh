# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Transparent huge pages: only where a program asks.

thp_explain() {
	cat <<'TEXT'
With "always", khugepaged and page faults move and join pages of every program, and interrupt all
cores that run it to empty their TLBs (2 to 10 us); a fault can wait milliseconds for memory to be
compacted.  The gateway's memory is huge pages of the pool and is not touched by that; it takes part
only when it runs degraded, and then it asks (madvise).
TEXT
}

thp_check() {
	why="joining pages interrupts lanes for 2 to 10 us; compaction within a fault takes milliseconds"
	judge_value warn /sys/kernel/mm/transparent_hugepage/enabled "enabled" "madvise|never" "madvise or never" madvise
	judge_value warn /sys/kernel/mm/transparent_hugepage/defrag "defrag" "madvise|never|defer|defer\+madvise" \
		"not always" madvise
	judge_value warn /sys/kernel/mm/transparent_hugepage/khugepaged/defrag "khugepaged/defrag" 0 0 0
}

thp_apply() {
	local status=0
	value_of "$ROOT/sys/kernel/mm/transparent_hugepage/enabled" && [ "$REPLY" = always ] &&
		{ set_value /sys/kernel/mm/transparent_hugepage/enabled madvise || status=1; }
	value_of "$ROOT/sys/kernel/mm/transparent_hugepage/defrag" && [ "$REPLY" = always ] &&
		{ set_value /sys/kernel/mm/transparent_hugepage/defrag madvise || status=1; }
	set_value /sys/kernel/mm/transparent_hugepage/khugepaged/defrag 0 || status=1
	return $status
}
