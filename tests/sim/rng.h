/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_RNG_H
#define SLUICE_SIM_RNG_H

#include "base/compiler.h"

/* Splitmix64: one 64-bit state, the same numbers on every machine.  Not for secrets. */
struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *r)
{
	uint64_t x = r->state += 0x9E3779B97F4A7C15ULL;

	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
	return x ^ (x >> 31);
}

/* 0..below-1.  The bias of a multiply instead of a division is under 2^-32. */
static inline uint32_t
rng_below(struct rng *r, uint32_t below)
{
	return (uint32_t)(((rng_next(r) >> 32) * below) >> 32);
}

/* True in part of a million cases. */
static inline bool
rng_chance_ppm(struct rng *r, uint32_t ppm)
{
	return rng_below(r, 1000000) < ppm;
}

#endif
