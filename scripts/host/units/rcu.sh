# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# RCU: no grace period that interrupts every core.

rcu_explain() {
	cat <<'TEXT'
An expedited grace period sends an interrupt to every core that is not idle, so also to every lane:
2 to 10 us each.  They come with changes of network devices, with mounts, and with programs that ask
for memory barriers.  rcu_normal makes them ordinary ones, which wait instead.
Callbacks on the lanes' cores are moved by rcu_nocbs on the command line: unit isolation.
TEXT
}

rcu_check() {
	why="an expedited grace period interrupts every lane for 2 to 10 us"
	judge_value warn /sys/kernel/rcu_normal "rcu_normal" 1 1 1
	judge_value warn /sys/kernel/rcu_expedited "rcu_expedited" 0 0 0
}

rcu_apply() {
	local status=0
	set_value /sys/kernel/rcu_expedited 0 || status=1
	set_value /sys/kernel/rcu_normal 1 || status=1
	return $status
}
