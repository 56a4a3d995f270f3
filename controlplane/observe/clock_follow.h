/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_CLOCK_FOLLOW_H
#define SLUICE_OBSERVE_CLOCK_FOLLOW_H

#include <stdbool.h>

#include "base/clock.h"

/*
 * Keeps the map from TSC to time of day on the system's clock.  The map is never set: its rate is
 * changed a little, so that what it is wrong by is gone after CLOCK_FOLLOW_NS, and time neither
 * jumps nor goes back.  A clock that somebody set far away is not followed, but told.
 *
 * Thread: control plane.  Plain arithmetic: the caller brings the readings.
 */
#define CLOCK_FOLLOW_NS   10000000000ULL // a difference is to be gone after so long
#define CLOCK_STEP_NS     100000000ULL   // more than that is a step, not a drift
#define CLOCK_SLEW_PPM    500ULL         // of the true rate, at most: what adjtime does, too
#define CLOCK_RATE_MIN_NS 5000000000ULL  // the rate is measured over at least so long

struct clock_follow {
	struct clock_map map; // as lanes are to read the TSC
	uint64_t first_tsc;   // of the reading that the rate is measured from
	uint64_t first_ns;    // of a clock that nobody sets (CLOCK_MONOTONIC)
	uint64_t rate;        // ns per 2^32 cycles, without what is being corrected
	int64_t off_ns;       // how far the system's clock was ahead at the last reading
	uint64_t step_cnt;    // times it was too far away to be followed
	bool stepped;         // it is, now
};

enum clock_follow_result {
	CLOCK_FOLLOWED, // map is new
	CLOCK_STEPPED,  // it has just been set far away: map goes on as it was
	CLOCK_AWAY,     // it still is
	CLOCK_ODD,      // the TSC or the monotonic clock did not go forward
};

/* monotonic_ns and tsc: of one moment, to begin with. */
void clock_follow_init(struct clock_follow *f, const struct clock_map *map, uint64_t tsc,
		       uint64_t monotonic_ns);

/* A further moment: the TSC, the system's time of day, and a clock that nobody sets. */
enum clock_follow_result clock_follow_on_reading(struct clock_follow *f, uint64_t tsc,
						 uint64_t system_ns, uint64_t monotonic_ns);

#endif
