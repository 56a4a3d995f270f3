/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/clock_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "err/err.h"
#include "observe/clock_follow.h"
#include "observe/event_log.h"
#include "observe/exchange_day.h"

enum {
	READINGS = 8,
	ASK_WAIT_MS = 100,
};

/* One moment by three clocks. */
struct reading {
	uint64_t tsc;
	uint64_t system_ns;
	uint64_t monotonic_ns;
};

struct clock_watch {
	struct clock_follow follow;
};

static uint64_t
ns_by(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* The try that was interrupted least. */
static struct reading
read_clocks(void)
{
	struct reading best = { 0 };
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < READINGS; i++) {
		const uint64_t before = clock_tsc();
		const uint64_t system_ns = ns_by(CLOCK_REALTIME);
		const uint64_t monotonic_ns = ns_by(CLOCK_MONOTONIC);
		const uint64_t cycles = clock_tsc() - before;

		if (cycles >= least)
			continue;
		least = cycles;
		best = (struct reading){ before + cycles / 2, system_ns, monotonic_ns };
	}
	return best;
}

int
clock_watch_open(struct gateway *g, struct err *e)
{
	const struct reading now = read_clocks();

	g->clock_watch = calloc(1, sizeof(*g->clock_watch));
	if (g->clock_watch == NULL)
		return err_set(e, -ENOMEM, "no memory for the clocks");
	clock_follow_init(&g->clock_watch->follow, &g->clock, now.tsc, now.monotonic_ns);
	return 0;
}

void
clock_watch_close(struct gateway *g)
{
	free(g->clock_watch);
	g->clock_watch = NULL;
}

static void
tell_lanes(struct gateway *g, uint64_t now_ns)
{
	const struct command tell = { .kind = COMMAND_TIME };
	const struct command_time time = { .clock = g->clock,
					   .midnight_ns = exchange_midnight_ns(now_ns) };

	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		memcpy(g->reply[i], &time, sizeof(time));
		gateway_ask(g, i, &tell, ASK_WAIT_MS);
	}
}

/* A lane that missed a map and took the one after it would see time jump. */
static bool
all_can_hear(const struct gateway *g)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (!command_idle(&g->lane[i]->command))
			return false;
	return true;
}

void
clock_watch_look(struct gateway *g)
{
	const struct reading now = read_clocks();
	struct clock_follow *f;

	if (g->clock_watch == NULL || !all_can_hear(g))
		return; // in a second
	f = &g->clock_watch->follow;
	switch (clock_follow_on_reading(f, now.tsc, now.system_ns, now.monotonic_ns)) {
	case CLOCK_ODD:
		return; // counted by the lanes, if they see it
	case CLOCK_STEPPED:
		g->clock_steps = f->step_cnt;
		event_log_say(
			g->log, now.system_ns, EVENT_WARNING,
			"the system's clock was set: it is %.3f s %s the lanes' time, which goes "
			"on as it was; a restart takes the new time",
			(double)(f->off_ns < 0 ? -f->off_ns : f->off_ns) / 1e9,
			f->off_ns < 0 ? "behind" : "ahead of");
		break;
	case CLOCK_AWAY:
	case CLOCK_FOLLOWED:
		break;
	}
	g->clock = f->map;
	tell_lanes(g, now.system_ns);
}
