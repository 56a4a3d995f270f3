/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/lane_latency.h"

#include <errno.h>

#include "err/err.h"
#include "observe/exchange_day.h"

enum {
	WORK_NS = 5000,     // guess: a datagram full of messages takes less
	STALL_SHARED = 250, // on a shared core a scheduler's slice is no stall
	ASK_WAIT_MS = 100,  // a lane's turn takes microseconds
};

static void *
take(struct lane *l, size_t bytes, struct err *e)
{
	void *p = arena_take(&l->arena, bytes);

	if (p == NULL)
		err_set(e, -ENOMEM, "lane '%s': its memory of %zu bytes is used up", l->name,
			l->arena.size_bytes);
	return p;
}

static struct hist *
take_hist(struct lane *l, struct err *e)
{
	return take(l, sizeof(struct hist), e);
}

/* Which clock readings a set of stages makes. */
static uint32_t
latency_mask(stage_set s)
{
	uint32_t m = 0;

	if (holds(s, RX))
		m |= 1U << LATENCY_RX | 1U << LATENCY_ARB;
	if (holds(s, PARSE))
		m |= 1U << LATENCY_PARSE | 1U << LATENCY_BOOK | 1U << LATENCY_HOP_DATAGRAM;
	if (holds(s, STRATEGY))
		m |= 1U << LATENCY_STRATEGY | 1U << LATENCY_HOP_BBO;
	if (holds(s, RISK))
		m |= 1U << LATENCY_RISK | 1U << LATENCY_HOP_INTENT;
	if (holds(s, ORDERS))
		m |= 1U << LATENCY_ORDERS | 1U << LATENCY_SEND | 1U << LATENCY_HOP_ORDER |
		     1U << LATENCY_TICK_TO_TRADE | 1U << LATENCY_ORDER_TO_ACK;
	return m;
}

/* Histograms of one lane: those of the mask, and each strategy's and session's own. */
uint32_t
lane_latency_hists(const struct config *c, const struct core_map_lane *m)
{
	const uint32_t own =
		1 + c->strategies_cnt + 2 * (uint32_t)__builtin_popcount(m->session_mask);

	return (uint32_t)__builtin_popcount(latency_mask(m->stages)) +
	       (holds(m->stages, ORDERS) ? own : 0) +
	       (holds(m->stages, BOOK) ? (uint32_t)__builtin_popcount(m->feed_mask) : 0);
}

/* Whether each feed's ports say when their frames arrived, by a clock that runs with ours. */
static bool
every_port_stamps(const struct gateway *g)
{
	for (uint32_t f = 0; f < g->config->feeds_cnt; f++)
		for (uint32_t k = 0; k < g->config->feeds[f].lines_cnt; k++)
			if (g->port[g->config->feeds[f].lines[k].port_idx].rx_stamp !=
			    RX_STAMP_DEVICE)
				return false;
	return g->config->feeds_cnt != 0;
}

static uint64_t
stall_limit_cycles(const struct config *c, const struct lane *l)
{
	const uint64_t ns =
		c->latency.stall_us * 1000ULL * (l->yields ? (uint64_t)STALL_SHARED : 1);

	return clock_ns_to_cycles(&l->clock, ns);
}

void
lane_latency_reloaded(struct gateway *g)
{
	g->measure_due = (1U << g->lane_cnt) - 1;
	lane_latency_look(g);
}

void
lane_latency_look(struct gateway *g)
{
	const struct config *c = g->config;
	const struct command tell = { .kind = COMMAND_MEASURE };

	for (uint32_t left = g->measure_due; left != 0; left &= left - 1) {
		const uint32_t i = (uint32_t)__builtin_ctz(left);
		const struct command_measure m = {
			.sample_every = c->latency.stage_sample_every,
			.stall_limit_cycles = stall_limit_cycles(c, g->lane[i]),
			.warm_up_ns = c->latency.warm_up_us * 1000ULL,
		};

		if (!command_idle(&g->lane[i]->command))
			continue; // the reply is still its own
		memcpy(g->reply[i], &m, sizeof(m));
		if (gateway_ask(g, i, &tell, ASK_WAIT_MS) == 0)
			g->measure_due &= ~(1U << i);
	}
}

/* Whether a port of the lane's sessions says when an order left. */
static bool
a_port_stamps_orders(const struct gateway *g, const struct core_map_lane *m)
{
	for (uint32_t s = 0; s < g->config->sessions_cnt; s++)
		if ((m->session_mask >> s & 1) &&
		    g->port[g->config->sessions[s].port_idx].tx_stamps)
			return true;
	return false;
}

size_t
lane_latency_wire_bytes(const struct gateway *g, const struct core_map_lane *m)
{
	return a_port_stamps_orders(g, m) ? 2 * sizeof(struct hist) : 0;
}

/* What the lane measures itself with. */
int
lane_latency_build(struct gateway *g, struct lane *l, const struct core_map_lane *m, struct err *e)
{
	const struct config *c = g->config;
	void *slots = take(l, LANE_LATENCY_SLOTS * CACHE_LINE, e);

	if (slots == NULL)
		return -ENOMEM;
	slow_init(&l->slow, slots, LANE_LATENCY_SLOTS, stall_limit_cycles(c, l),
		  clock_ns_to_cycles(&l->clock, WORK_NS));
	for (uint32_t i = 0; i < LATENCY_CNT; i++)
		if (latency_mask(m->stages) >> i & 1) {
			l->latency[i] = take_hist(l, e);
			if (l->latency[i] == NULL)
				return -ENOMEM;
		}
	for (uint32_t i = 0; holds(m->stages, ORDERS) && i < c->strategies_cnt; i++) {
		l->of_strategy[i] = take_hist(l, e);
		if (l->of_strategy[i] == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		if (!(m->session_mask >> i & 1))
			continue;
		l->of_session[i] = take_hist(l, e);
		l->ack_of_session[i] = take_hist(l, e);
		if (l->of_session[i] == NULL || l->ack_of_session[i] == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; holds(m->stages, BOOK) && i < c->feeds_cnt; i++) {
		if (!(m->feed_mask >> i & 1))
			continue;
		l->age_of_feed[i] = take_hist(l, e);
		if (l->age_of_feed[i] == NULL)
			return -ENOMEM;
	}
	if (holds(m->stages, ORDERS) && every_port_stamps(g)) {
		l->device_to_trade = take_hist(l, e);
		if (l->device_to_trade == NULL)
			return -ENOMEM;
	}
	if (a_port_stamps_orders(g, m)) {
		l->tick_to_wire = take_hist(l, e);
		if (l->tick_to_wire == NULL)
			return -ENOMEM;
	}
	if (l->tick_to_wire != NULL && every_port_stamps(g)) {
		l->device_to_wire = take_hist(l, e);
		if (l->device_to_wire == NULL)
			return -ENOMEM;
	}
	l->cycles_per_2_32_ns = clock_ns_to_cycles(&l->clock, 1ULL << 32);
	l->midnight_ns = exchange_midnight_ns(l->clock.base_ns);
	return 0;
}
