/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/kill.h"
#include "base/units.h"
#include "boot/gateway.h"
#include "lane/housekeeping.h"

#define NAP_NS 20000 // a lane on a core of its own answers within a few microseconds

static uint64_t
monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

int
gateway_ask(struct gateway *g, uint32_t lane_idx, const struct command *request, uint32_t wait_ms)
{
	struct command *c = &g->lane[lane_idx]->command;
	const uint64_t until_ns = monotonic_ns() + wait_ms * 1000000ULL;

	if (!command_idle(c))
		return -EBUSY;
	c->kind = request->kind;
	memcpy(c->arg, request->arg, sizeof(c->arg));
	memcpy(c->symbol, request->symbol, sizeof(c->symbol));
	c->reply = g->reply[lane_idx];
	c->reply_max = COMMAND_REPLY_MAX;
	command_ask(c);
	if (!g->lcores) // we turn the lanes ourselves: it answers when we let it
		lane_housekeeping(g->lane[lane_idx]);
	while (!command_idle(c)) {
		const struct timespec nap = { .tv_nsec = NAP_NS };

		if (monotonic_ns() > until_ns)
			return -ETIMEDOUT;
		control_beat_now();
		nanosleep(&nap, NULL);
	}
	return c->result;
}

const char *
gateway_event_name(void *ctx, enum event_name kind, uint64_t idx)
{
	const struct gateway *g = ctx;
	const struct config *c = g->config;

	switch (kind) {
	case EVENT_NAME_LANE:
		return idx < g->map->lane_cnt ? g->map->lane[idx].name : NULL;
	case EVENT_NAME_PORT:
		return idx < c->ports_cnt ? c->ports[idx].name : NULL;
	case EVENT_NAME_FEED:
		return idx < c->feeds_cnt ? c->feeds[idx].name : NULL;
	case EVENT_NAME_SESSION:
		return idx < c->sessions_cnt ? c->sessions[idx].name : NULL;
	case EVENT_NAME_STRATEGY:
		return idx < c->strategies_cnt ? c->strategies[idx].name : NULL;
	case EVENT_NAME_INSTR:
		return config_symbol(c, idx);
	case EVENT_NAME_CNT:
		break;
	}
	return NULL;
}
