# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The kernel moves no memory between sockets on its own.

numa_balancing_explain() {
	cat <<'TEXT'
Automatic NUMA balancing takes pages away to see who touches them: each touch is a page fault of 1 to
5 us in a lane.  Lanes and their memory are placed by the core map; there is nothing to find out.
TEXT
}

numa_balancing_check() {
	why="it takes pages away to see who faults: 1 to 5 us each, in a lane"
	judge_value warn /proc/sys/kernel/numa_balancing "numa_balancing" 0 0 0
}

numa_balancing_apply() {
	set_value /proc/sys/kernel/numa_balancing 0
}
