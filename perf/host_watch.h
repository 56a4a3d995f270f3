/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_HOST_WATCH_H
#define SLUICE_PERF_HOST_WATCH_H

#include <sys/types.h>

#include "bench.h"

/*
 * What others did to the two cores of a wire bench while it measured: other programs, the host of a
 * virtual machine.  The caller spins and looks at the clock, so it sees its own core's gaps itself;
 * of the other core the kernel says how long the watched process's thread waited for it (schedstat)
 * and what the hypervisor took (steal, in steps of 10 ms).
 *
 * A tick is held up when it is due meanwhile, so the share of time that was taken is the share of
 * samples that are somebody else's.  A percentile is usable while that is at most half of what lies
 * beyond it.
 */
enum {
	HOST_GAP_US = 100, // some times what a burst into a veth costs the caller
	HOST_THREADS_MAX = 4,
	HOST_WORDS_MAX = 128,
};

struct host_watch {
	const struct bench *b;
	unsigned core; // of the watched process
	pid_t pid;
	pid_t tid[HOST_THREADS_MAX]; // its threads that have that core alone
	unsigned tid_cnt;
	uint64_t gap_cycles_min;
	bool watching;
	uint64_t start_tsc;
	uint64_t last_tsc; // of the last look
	uint64_t waited_before_ns;
	uint64_t stolen_before_ns;
	// all stretches together
	uint64_t watched_cycles;
	uint64_t gap_cycles;
	uint64_t gap_max_cycles;
	unsigned gap_cnt;
	uint64_t waited_ns;
	uint64_t stolen_ns;
	char words[HOST_WORDS_MAX];
};

/* Finds the process's threads, and puts them before other programs where it may. */
void host_watch_init(struct host_watch *h, const struct bench *b, pid_t pid, unsigned core);

/* One stretch that is watched; between both the caller looks often. */
void host_watch_start(struct host_watch *h);
void host_watch_stop(struct host_watch *h);

/* NULL: a percentile of that share is usable.  Otherwise why not, until the next call. */
const char *host_watch_judge(struct host_watch *h, uint32_t per_million);

HOT_INLINE void
host_watch_look(struct host_watch *h, uint64_t now_tsc)
{
	const uint64_t gap = now_tsc - h->last_tsc;

	h->last_tsc = now_tsc;
	if (likely(gap < h->gap_cycles_min) || !h->watching)
		return;
	h->gap_cnt++;
	h->gap_cycles += gap;
	h->gap_max_cycles = gap > h->gap_max_cycles ? gap : h->gap_max_cycles;
}

#endif
