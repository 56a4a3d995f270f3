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
	CORE_THREAD_NAME = 32,
	CORE_RIVALS_MAX = 192,
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

/* A thread as of one reading. */
struct core_thread {
	int tid;
	int pid;
	uint32_t core;   // it ran on last
	uint64_t ran_ns; // since it began, on any core
	char name[CORE_THREAD_NAME];
};

/* All threads there are, by tid.  Zero it before the first reading; room is kept for the next. */
struct core_threads {
	struct core_thread *thread;
	size_t cnt;
	size_t max;
	uint64_t tsc; // when
};

/* Returns 0, or -ENOMEM and has none.  Some 25 us for each thread of the machine. */
int core_threads_read(const char *proc, struct core_threads *t);
void core_threads_free(struct core_threads *t);

/*
 * Who ran between two readings of all threads and was last on the core in one of them: "name (pid)
 * 1.234 ms", those that ran longest first, at most three; empty when there are none.  One that came
 * and ended between them is in neither; one that moves has all its time counted.  not_tid: the
 * thread that is asked for.
 */
void core_rivals(const struct core_threads *from, const struct core_threads *to, uint32_t core,
		 int not_tid, char out[CORE_RIVALS_MAX]);

/* The process of a thread that wants to run on the core and whose name begins so; 0: none. */
int core_find(const char *proc, uint32_t core, const char *name);

#endif
