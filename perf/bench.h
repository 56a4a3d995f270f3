/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_BENCH_H
#define SLUICE_PERF_BENCH_H

#include <x86intrin.h>

#include "base/compiler.h"

/*
 * The frame every bench stands in.  A bench measures one thing and its floor in turns, so that what
 * the machine does meanwhile (another tenant, a slower clock, a far cache) happens to both.  It
 * keeps every sample and reports percentiles of them, never an average, and the ratio to the floor.
 *
 * A floor is the least work that any program with the same task has to do, measured by the same
 * timer in the same run.  Ratios travel between machines better than nanoseconds do.
 */
struct bench {
	const char *name;
	const char *json; // NULL: none
	const char *data; // directory of the shared data, NULL: not there
	bool quick;       // a smoke test: few samples, nothing is judged
	uint64_t seed;
	unsigned core;     // where the caller is pinned
	unsigned far_core; // another one; equal to core when there is none
	double ns_per_cycle;
	uint64_t timer_cycles; // an empty measurement; in every figure of single events
	double timer_ns;       // the same, between the clock's steps
	long preempted_cnt;    // when the bench began
	unsigned failed_cnt;
	const char *unusable; // why the figures that follow say nothing; NULL: they do
};

/* Samples of one thing; each sample is the cycles of per_sample events. */
struct bench_series {
	uint64_t *cycles;
	size_t cnt;
	size_t max;
	uint32_t per_sample;
	bool sorted;
};

/* What a figure is held against; 0: nothing. */
struct bench_target {
	double value_max; // in the figure's unit
	double value_min; // the same, of a figure that shall be large
	double ratio_max; // to its floor
	double ratio_min; // of a rival's figure to ours, which stands in the floor's place
};

enum {
	BENCH_P50 = 500000, // shares are per million
	BENCH_P90 = 900000,
	BENCH_P99 = 990000,
	BENCH_P999 = 999000,
	BENCH_P9999 = 999900,
	BENCH_MAX = 1000000,
};

/*
 * Options: --json FILE (a line is added per figure), --quick, --core N, --seed N, --data DIR.
 * Pins the caller, measures the TSC and the timer, prints the conditions.
 */
void bench_open(struct bench *b, const char *name, int argc, char **argv);

/* Prints what disturbed the run.  Returns the process's exit status. */
int bench_close(struct bench *b);

/* The TSC's period; takes 150 ms. */
double bench_ns_per_cycle(void);

/* Ends the process with words; for what a bench needs and cannot have. */
void bench_die(const char *what) __attribute__((noreturn));

/* Zeroed memory of the bench's own, on huge pages where the kernel has some. */
void *bench_memory(size_t bytes);
/* Gives back what bench_memory gave for so many bytes. */
void bench_memory_back(void *p, size_t bytes);

void bench_pin(unsigned core);
void bench_series_init(struct bench_series *s, size_t max, uint32_t per_sample);

/* Nanoseconds per event that a share of per_million of the samples does not exceed. */
double bench_ns(const struct bench *b, struct bench_series *s, uint32_t per_million);

/*
 * The same of single events that are as short as the clock's steps: where between two steps the
 * percentile lies follows from how many samples fell on either (the percentile of grouped data).
 * The timer's own time is taken off.
 */
double bench_fine_ns(const struct bench *b, struct bench_series *s, uint32_t per_million);

/* One figure of any unit; floor 0: it has none. */
void bench_figure(struct bench *b, const char *suffix, double value, const char *unit, double floor,
		  struct bench_target t);

/* A percentile of value against the p50 of floor; floor may be NULL. */
void bench_report(struct bench *b, const char *suffix, struct bench_series *value,
		  struct bench_series *floor, uint32_t per_million, struct bench_target t);

/* The caller's data and what it has of the code leave all caches. */
void bench_evict(void);

/*
 * Another working set goes through the core: eight times its second level cache, read and written.
 * The caller's data and code leave the core's own caches, which hold both, for the shared one.
 */
void bench_walk(void);

enum {
	BENCH_ADD_AHEAD = 64, // samples: some 5 us of the shortest single events
};

/*
 * Keeps a sample.  Its line was asked for long before: a store that waits for memory keeps all
 * later ones in their queue, and what is timed next but one would wait for a place there.
 */
HOT_INLINE void
bench_add(struct bench_series *s, uint64_t cycles)
{
	if (likely(s->cnt < s->max))
		s->cycles[s->cnt++] = cycles;
	__builtin_prefetch(s->cycles + s->cnt + BENCH_ADD_AHEAD, 1);
}

/* Nothing from before is still under way, nothing from after has begun. */
HOT_INLINE uint64_t
bench_start(void)
{
	uint64_t t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

HOT_INLINE uint64_t
bench_since(uint64_t start)
{
	unsigned aux;
	const uint64_t t = __rdtscp(&aux);

	_mm_lfence();
	return t - start;
}

/* The compiler must believe that someone reads what p points to. */
HOT_INLINE void
bench_keep(const void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

#endif
