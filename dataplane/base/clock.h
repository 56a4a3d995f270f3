/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include "base/compiler.h"

/*
 * Turns TSC readings into nanoseconds since 1970 without a system call.  The control plane measures
 * the two anchors at start and the rate anew each second, so that time goes on evenly with the
 * system's clock; each lane keeps a copy.  A lane reads the counter at most twice per
 * turn, besides the stamps of a sampled trigger.
 */
struct clock_map {
	uint64_t base_tsc;
	uint64_t base_ns;            // since 1970, at base_tsc
	uint64_t ns_per_2_32_cycles; // nanoseconds per 2^32 cycles
};

HOT_INLINE uint64_t
clock_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

HOT_INLINE uint64_t
clock_cycles_to_ns(const struct clock_map *c, uint64_t cycles)
{
	return (uint64_t)(((unsigned __int128)cycles * c->ns_per_2_32_cycles) >> 32);
}

/* The other way round, for limits that a lane compares cycles with. */
static inline uint64_t
clock_ns_to_cycles(const struct clock_map *c, uint64_t ns)
{
	return c->ns_per_2_32_cycles == 0
		       ? 0
		       : (uint64_t)(((unsigned __int128)ns << 32) / c->ns_per_2_32_cycles);
}

HOT_INLINE uint64_t
clock_ns_of(const struct clock_map *c, uint64_t tsc)
{
	return c->base_ns + clock_cycles_to_ns(c, tsc - c->base_tsc);
}

/* The same for a reading that may be older than the map's. */
static inline uint64_t
clock_ns_at(const struct clock_map *c, uint64_t tsc)
{
	return tsc >= c->base_tsc ? clock_ns_of(c, tsc)
				  : c->base_ns - clock_cycles_to_ns(c, c->base_tsc - tsc);
}

#endif
