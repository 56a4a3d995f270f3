/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_CORE_WATCH_H
#define SLUICE_OBSERVE_CORE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the kernel counts of a thread and of the core it is pinned to.  Two readings and the time
 * between them say who or what may have taken the core from the thread.
 *
 * Thread: any that may wait for the file system; a reading takes some 100 us.
 */
enum {
	CORE_IRQ_MAX = 128, // lines of /proc/interrupts that are told apart
	CORE_IRQ_NAME = 40,
	CORE_RIVALS_MAX = 160,
};

struct core_irq {
	char name[CORE_IRQ_NAME]; // "LOC Local timer interrupts", "24 virtio0-input.0"
	uint64_t cnt;
};

struct core_counts {
	uint64_t tsc;             // when
	uint64_t own_switches;    // the thread gave the core away
	uint64_t forced_switches; // it was taken
	uint64_t wait_ns;         // the thread could run and did not
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t steal_ns; // the hypervisor ran something else
	uint32_t irq_cnt;
	struct core_irq irq[CORE_IRQ_MAX];
};

/* Between two readings. */
struct core_delta {
	uint64_t own_switches;
	uint64_t forced_switches;
	uint64_t wait_ns;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t steal_ns;
	uint64_t interrupts;
	uint64_t irq_most; // of the line that grew most
	char irq_name[CORE_IRQ_NAME];
};

/*
 * proc is "/proc" but in tests.  What a file does not tell stays 0.
 *
 * Returns  0, or -ESRCH when there is no such thread
 */
int core_counts_read(const char *proc, int tid, uint32_t core, struct core_counts *out);

/* A counter that went back counts from 0. */
void core_counts_between(const struct core_counts *from, const struct core_counts *to,
			 struct core_delta *out);

/*
 * Other threads that want to run on the core now: "name (pid)", those with most CPU time first, at
 * most three; empty when there are none.  not_tid: the thread that is asked for.
 */
void core_rivals(const char *proc, uint32_t core, int not_tid, char out[CORE_RIVALS_MAX]);

/* The process of a thread that wants to run on the core and whose name begins so; 0: none. */
int core_find(const char *proc, uint32_t core, const char *name);

#endif
