# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Kernel watchdogs: a timer and a thread on each core, for finding hangs.

watchdog_explain() {
	cat <<'TEXT'
The NMI watchdog takes a performance counter and an interrupt on each core, the soft one a thread and
a timer of highest priority every 4 s: some 5 to 20 us of a lane each time.  A lane that polls for ever
also looks like a hang to it.  Without them the kernel no longer reports cores that hang; the gateway's
own watchdog (systemd WatchdogSec=, sluicectl status) watches the lanes.
TEXT
}

watchdog_check() {
	why="a watchdog's timer stops each core for 5 to 20 us every few seconds"
	judge_value warn /proc/sys/kernel/nmi_watchdog "nmi_watchdog" 0 0 0
	judge_value warn /proc/sys/kernel/watchdog "watchdog" 0 0 0
}

watchdog_apply() {
	local status=0
	set_value /proc/sys/kernel/nmi_watchdog 0 || status=1
	set_value /proc/sys/kernel/watchdog 0 || status=1
	return $status
}
