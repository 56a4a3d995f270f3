/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/clock_follow.h"

void
clock_follow_init(struct clock_follow *f, const struct clock_map *map, uint64_t tsc,
		  uint64_t monotonic_ns)
{
	*f = (struct clock_follow){
		.map = *map,
		.first_tsc = tsc,
		.first_ns = monotonic_ns,
		.rate = map->ns_per_2_32_cycles,
	};
}

/* The longer the time since the first reading, the better is the rate. */
static void
measure_rate(struct clock_follow *f, uint64_t tsc, uint64_t monotonic_ns)
{
	const uint64_t ns = monotonic_ns - f->first_ns;

	if (ns >= CLOCK_RATE_MIN_NS)
		f->rate = (uint64_t)(((unsigned __int128)ns << 32) / (tsc - f->first_tsc));
}

static uint64_t
distance(int64_t off_ns)
{
	return off_ns < 0 ? -(uint64_t)off_ns : (uint64_t)off_ns;
}

enum clock_follow_result
clock_follow_on_reading(struct clock_follow *f, uint64_t tsc, uint64_t system_ns,
			uint64_t monotonic_ns)
{
	uint64_t ours_ns, change;
	bool was_away = f->stepped;

	if (tsc <= f->map.base_tsc || tsc <= f->first_tsc || monotonic_ns <= f->first_ns)
		return CLOCK_ODD;
	measure_rate(f, tsc, monotonic_ns);
	ours_ns = clock_ns_of(&f->map, tsc);
	f->off_ns = (int64_t)(system_ns - ours_ns);
	// the map begins anew here, at the time that it shows: it has no jump
	f->map.base_ns = ours_ns;
	f->map.base_tsc = tsc;
	f->map.ns_per_2_32_cycles = f->rate;
	f->stepped = distance(f->off_ns) > CLOCK_STEP_NS;
	if (f->stepped) {
		f->step_cnt += !was_away;
		return was_away ? CLOCK_AWAY : CLOCK_STEPPED;
	}
	change = (uint64_t)((unsigned __int128)f->rate * distance(f->off_ns) / CLOCK_FOLLOW_NS);
	if (change > f->rate * CLOCK_SLEW_PPM / 1000000)
		change = f->rate * CLOCK_SLEW_PPM / 1000000;
	if (f->off_ns < 0)
		f->map.ns_per_2_32_cycles -= change;
	else
		f->map.ns_per_2_32_cycles += change;
	return CLOCK_FOLLOWED;
}
