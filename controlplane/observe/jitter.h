/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_JITTER_H
#define SLUICE_OBSERVE_JITTER_H

#include <stdio.h>

#include "base/hist.h"
#include "observe/core_watch.h"

struct err;

/*
 * How evenly a core runs: a thread pinned to it does nothing but read the TSC, and each time
 * between two readings is a gap.  Whatever takes the core away shows as a long one, whether the
 * kernel knows of it or not.
 */
enum {
	JITTER_CORE_MAX = 256,
	JITTER_CAUSES_BYTES = 2048,
};

/* What a core is worth to a lane, the best first. */
enum jitter_verdict {
	JITTER_QUIET,   // no gap above 20 us
	JITTER_FAIR,    // none above 100 us
	JITTER_NOISY,   // none above 1 ms
	JITTER_UNFIT,   // the core is taken away for a millisecond and more
	JITTER_UNKNOWN, // its clock cannot be believed
	JITTER_VERDICT_CNT,
};

/* What the machine says of the core; read once. */
struct jitter_host {
	bool isolated;     // isolcpus
	bool tickless;     // nohz_full
	bool virtual;      // a hypervisor's guest
	bool tsc_constant; // the TSC's rate never changes, and it never stops
	char clocksource[32];
	char governor[32]; // empty: the kernel does not say
	char siblings[32]; // threads of the same core, as "3,19"; empty: none
};

struct jitter_core {
	uint32_t core;
	int error; // 0, or why it was not measured (a negative errno)
	uint64_t ns;
	uint64_t min_ns; // the quickest reading: what a gap is at best
	uint64_t max_ns;
	uint64_t over_1us;
	uint64_t over_20us;
	uint64_t over_100us;
	uint64_t over_1ms;
	uint64_t taken_ns;         // all gaps above 1 us together
	uint64_t backwards;        // readings below the one before
	struct hist *gaps;         // in TSC cycles
	struct core_delta counted; // by the kernel, over the same time
	bool counted_known;
	char rivals[CORE_RIVALS_MAX];
	struct jitter_host host;
};

/*
 * Measures the cores at the same time, one thread each, for ns nanoseconds.  ns_per_2_32_cycles: of
 * the TSC, as in struct clock_map.
 *
 * Memory   c->gaps is the caller's: one per core, zeroed
 * Returns  0; what could not be measured has an error.  -ENOMEM, -EAGAIN: no threads
 */
int jitter_measure(struct jitter_core *c, size_t core_cnt, uint64_t ns,
		   uint64_t ns_per_2_32_cycles);

/* sys is "/sys", proc "/proc" but in tests. */
void jitter_read_host(const char *sys, const char *proc, uint32_t core, struct jitter_host *out);

enum jitter_verdict jitter_judge(const struct jitter_core *c);
const char *jitter_verdict_word(enum jitter_verdict v);

/* The likely causes of what was measured, each with what to do, a line each. */
void jitter_causes(const struct jitter_core *c, char out[JITTER_CAUSES_BYTES]);

/* A table, then each core's causes. */
void jitter_print(FILE *out, const struct jitter_core *c, size_t core_cnt,
		  uint64_t ns_per_2_32_cycles);

/*
 * "1-3,5" into core numbers.
 *
 * Returns  how many, or -EINVAL with the words in *e
 */
int jitter_parse_cores(const char *text, uint32_t *core, size_t core_max, struct err *e);

#endif
