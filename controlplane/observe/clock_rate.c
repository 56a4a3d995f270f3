/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/clock_rate.h"

#include "base/clock.h"
#include "base/units.h"

enum { MOMENT_TRIES = 32 };

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

struct clock_moment
clock_moment_now(clockid_t id)
{
	struct clock_moment best = { 0 };
	uint64_t best_cycles = UINT64_MAX;

	for (unsigned i = 0; i < MOMENT_TRIES; i++) {
		const uint64_t before = clock_tsc();
		const uint64_t ns = clock_ns(id);
		const uint64_t cycles = clock_tsc() - before;

		if (cycles < best_cycles) {
			best_cycles = cycles;
			best = (struct clock_moment){ .tsc = before + cycles / 2, .ns = ns };
		}
	}
	return best;
}

uint64_t
clock_rate_since(const struct clock_moment *start)
{
	struct clock_moment now = clock_moment_now(CLOCK_MONOTONIC);

	while (now.ns - start->ns < CLOCK_MEASURE_NS) {
		const struct timespec rest = { .tv_nsec = (long)(CLOCK_MEASURE_NS -
								 (now.ns - start->ns)) };

		nanosleep(&rest, NULL);
		now = clock_moment_now(CLOCK_MONOTONIC);
	}
	if (now.tsc <= start->tsc)
		return 0;
	return (uint64_t)(((unsigned __int128)(now.ns - start->ns) << 32) / (now.tsc - start->tsc));
}
