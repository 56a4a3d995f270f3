/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>

#include "base/must.h"
#include "lane/housekeeping.h"
#include "lane/lane_api.h"
#include "lane/turn.h"

/* For whoever drives a lane turn by turn. */
static uint32_t (*const TURN[LANE_KIND_CNT])(struct lane *) = {
#define LANE(name, set) [LANE_KIND_##name] = turn_##name,
#include "lane/lanes.def"
#undef LANE
};

enum {
	LOOK_TURNS = 16, // an empty turn takes about 50 ns: a stall is seen a microsecond late
};

/* Nothing to do, so nobody read the clock: now and then it shall show that the lane stood still. */
HOT_INLINE void
look_for_stall(struct lane *l)
{
	if (likely((l->turn.turn >> 1) % LOOK_TURNS != 0))
		return;
	lane_came_round(l, clock_tsc());
	if (unlikely(l->slow.stall.to_tsc != 0))
		slow_tell(l);
}

HOT_INLINE uint32_t
turn_counted(struct lane *l, uint32_t (*turn)(struct lane *))
{
	const uint32_t work = turn(l);

	turn_next(&l->turn);
	if (work != 0) {
		metric_add(&l->metrics.turn_busy, 1);
		metric_add(&l->metrics.message_taken, work);
	} else {
		look_for_stall(l);
	}
	if (unlikely(--l->housekeeping_left == 0)) {
		l->housekeeping_left = l->housekeeping_every;
		lane_housekeeping(l);
	}
	return work;
}

/* Whoever changes the limits meanwhile does not wait until the lane gets its core back. */
static void
give_core_away(struct lane *l)
{
	turn_away(&l->turn);
	sched_yield();
	turn_return(&l->turn);
}

/* The loop of each kind calls its turn directly. */
#define LANE(name, set)                                        \
	static void run_##name(struct lane *l)                 \
	{                                                      \
		while (!l->stop) {                             \
			if (turn_counted(l, turn_##name) != 0) \
				continue;                      \
			spin_settle();                         \
			if (l->yields)                         \
				give_core_away(l);             \
		}                                              \
	}
#include "lane/lanes.def"
#undef LANE

uint32_t
lane_turn_once(struct lane *l)
{
	return turn_counted(l, TURN[l->kind]);
}

int
lane_run(struct lane *l)
{
	struct must_exit way_out;

	turn_start(&l->turn);
	if (must_open(&way_out, &l->events)) {
		turn_stop(&l->turn);
		return -EFAULT;
	}
	lane_housekeeping(l);
	event_put(&l->events, EVENT_LANE_STARTED, l->idx, l->core);
	switch (l->kind) {
#define LANE(name, set)        \
	case LANE_KIND_##name: \
		run_##name(l); \
		break;
#include "lane/lanes.def"
#undef LANE
	case LANE_KIND_CNT:
		break;
	}
	event_put(&l->events, EVENT_LANE_STOPPED, l->idx, l->metrics.message_taken);
	must_close();
	turn_stop(&l->turn);
	return 0;
}
