/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_RANDOM_BELOW_H
#define SLUICE_TESTS_UNIT_RANDOM_BELOW_H

#include <stdint.h>

/* The same numbers everywhere, from a seed that a test sets and prints: xorshift64. */
static uint64_t seed;

static inline uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * n >> 32);
}

#endif
