/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_CLOCK_RATE_H
#define SLUICE_OBSERVE_CLOCK_RATE_H

#include <stdint.h>
#include <time.h>

/*
 * The TSC's rate, measured.  rte_get_tsc_hz() is rounded to 10 MHz, which can be 2 ms in each
 * second.
 *
 * Thread: any.
 */
#define CLOCK_MEASURE_NS 200000000ULL // two readings are off by some 50 ns: half a ppm

/* Both clocks at one moment. */
struct clock_moment {
	uint64_t tsc;
	uint64_t ns;
};

/* The best of several readings: the one that was interrupted least. */
struct clock_moment clock_moment_now(clockid_t id);

/*
 * ns per 2^32 cycles since a moment of CLOCK_MONOTONIC; sleeps until that is CLOCK_MEASURE_NS ago.
 *
 * Returns  0 when the TSC did not go forward
 */
uint64_t clock_rate_since(const struct clock_moment *start);

#endif
