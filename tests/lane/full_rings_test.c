/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"

/*
 * Lanes that run alone for a few turns or for as long as they can, in an order drawn by a seed:
 * what a scheduler does at its worst, without one.  So all rings between two lanes get full, among
 * them the order ring and the fill ring at the same time, which are a loop.  Whatever the order,
 * everything comes to rest afterwards with empty rings; a lane that waited for room where it may
 * not would stop here for ever, and the test says which rings are full.
 */
enum {
	INSTR_CNT = FLOW_INSTR_MAX,
	MESSAGES = 10000,
	PER_PACKET = 6,
	PACKETS_MAX = 32, // between two looks at the order connection
	SLOTS = 8,
	STEPS_MAX = 200000,
	ALONE_QUIET = 6, // turns without work: the lane waits (housekeeping is every 4)
	ALONE_MAX = 100000,
	FEW_MAX = 8,
	TICK_NS = 20000000, // strategies back off for a second
	HEARTBEAT_STEPS = 100,
};

#if WITH_ASAN
#define SEEDS 1 // ten times slower
#else
#define SEEDS 6
#endif

static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [%s], qty: 100, position_max_qty: 2000, "
	"imbalance_min_bp: 5500, cooldown_us: 0 }\n"
	"  - { name: maker, kind: quote, instruments: [%s], qty: 200, position_max_qty: 1000, "
	"cooldown_us: 0 }\n";

/* Where risk takes what strategy wishes by a call, it asks for an order ring that is empty. */
static const struct {
	const char *lanes;
	bool loop_fills; // both rings of the loop can be full
} MAPS[] = {
	{ "rx arb parse book strategy | risk | orders encode tcp report", true },
	{ "rx arb | parse book strategy | risk | orders encode tcp report", true },
	{ "rx arb | parse book | strategy | risk | orders encode tcp report", true },
	{ "rx arb parse book | strategy risk | orders encode tcp report", false },
};

static struct flow flow;
static char strategies[1024];

struct play {
	struct lab *lab;
	size_t at; // of the flow
	uint64_t rng;
	uint32_t execute_next;
	uint32_t both_full; // times that both rings of the loop were full
};

static uint32_t
below(struct play *p, uint32_t n)
{
	p->rng ^= p->rng << 13; // xorshift64
	p->rng ^= p->rng >> 7;
	p->rng ^= p->rng << 17;
	return (uint32_t)(p->rng >> 33) % n;
}

/* Market data as far as the port's queue goes. */
static void
feed(struct play *p)
{
	for (uint32_t n = below(p, PACKETS_MAX); n != 0 && p->at < flow.len; n--) {
		const size_t from = p->at;
		uint16_t cnt = 0;

		if (!lab_md_has_room(p->lab))
			return;
		for (; p->at < flow.len && cnt < PER_PACKET; cnt++)
			p->at += 2 + be16_get(*(const be16 *)(flow.data + p->at));
		lab_market_data(p->lab, 0, flow.data + from, p->at - from, cnt);
	}
}

/* The venue executes what rests there, all of it or a part, in one go. */
static void
execute(struct play *p)
{
	struct peer *peer = &p->lab->peer;
	const uint32_t most = 1 + below(p, 64);

	for (uint32_t n = 0, done = 0; n < 512 && done < most; n++) {
		p->execute_next = p->execute_next >= peer->token_max ? 0 : p->execute_next + 1;
		if (peer->out_cnt > PEER_OUT_MAX / 2)
			return;
		done += peer_execute(peer, p->execute_next, 50 * (1 + below(p, 4)));
	}
}

static uint32_t
full_rings(const struct lane *taker, enum hop hop)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < taker->in_cnt[hop]; i++)
		cnt += ring_depth(taker->in[hop][i]) == SLOTS;
	return cnt;
}

static void
run_alone(struct play *p, struct lane *l)
{
	const struct lane *risk = lab_lane_with(p->lab, RISK);
	const struct lane *wire = lab_lane_with(p->lab, ORDERS);

	const unsigned most = below(p, 2) != 0 ? ALONE_MAX : 1 + below(p, FEW_MAX);

	for (unsigned n = 0, quiet = 0; n < most && quiet < ALONE_QUIET; n++)
		quiet = lane_turn_once(l) == 0 ? quiet + 1 : 0;
	p->both_full += full_rings(wire, HOP_order) != 0 && full_rings(risk, HOP_fill) != 0;
}

/* Time goes on a little, without a turn. */
static void
tick(struct lab *lab)
{
	lab->now_ns += TICK_NS;
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		lab->g.lane[i]->clock.base_ns = lab->now_ns;
}

static void
check_rest(const struct play *p, const char *map, uint64_t seed)
{
	struct lab *lab = p->lab;
	struct lane *wire = lab_lane_with(lab, ORDERS);
	const struct risk *risk = lab_lane_with(lab, RISK)->risk;
	int64_t position_qty = 0;
	struct risk_position pos;
	uint32_t stuck = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		for (uint32_t hop = 0; hop < HOP_CNT; hop++)
			for (uint32_t k = 0; k < lab->g.lane[i]->in_cnt[hop]; k++) {
				const uint32_t depth = ring_depth(lab->g.lane[i]->in[hop][k]);

				if (depth != 0)
					print_error("lane %u, hop %u: %u messages stay\n", i, hop,
						    depth);
				stuck += depth != 0;
			}
	if (stuck != 0)
		fail_msg("'%s', seed %lu: the lanes wait for each other", map, seed);
	assert_int_equal(p->at, flow.len);
	assert_int_equal(lab_lane_with(lab, ARB)->arb[0]->metrics.message_delivered, flow.msg_cnt);
	assert_int_equal(wire->session[0]->orders.metrics.execution, lab->peer.execution_cnt);
	assert_int_equal(lab->peer.bad_cnt + lab->bad_frame_cnt, 0);
	for (uint16_t i = 1; risk_position_of(risk, i, &pos); i++)
		position_qty += pos.position_qty;
	assert_int_equal(position_qty, lab->peer.position_qty);
	assert_int_equal(halt_reasons() & HALT_MUST, 0);
}

/* Returns how often both rings of the loop were full. */
static uint32_t
play(const char *map, uint64_t seed)
{
	const struct lab_setup setup = {
		.lanes = map,
		.ring_slots = SLOTS,
		.burst = 1,
		.instr_cnt = INSTR_CNT,
		.strategies = strategies,
		.risk_more = "  order_rate_window_ms: 20\n",
	};
	struct play p = { .lab = lab_open(&setup), .rng = seed * 0x9e3779b97f4a7c15 | 1 };
	struct lab *lab = p.lab;

	lab_session_up(lab);
	lab->peer.executes_every = 5;
	lab->peer.rejects_every = 7;
	for (unsigned step = 0; step < STEPS_MAX && p.at < flow.len; step++) {
		tick(lab);
		if (step % HEARTBEAT_STEPS == 0)
			peer_heartbeat(&lab->peer);
		switch (below(&p, 4)) {
		case 0:
			feed(&p);
			break;
		case 1:
			execute(&p);
			lab_carry(lab);
			break;
		default:
			run_alone(&p, lab->g.lane[below(&p, lab->g.lane_cnt)]);
		}
	}
	print_message(
		"%s, seed %lu: %u orders, %u replaces, %u cancels, %u executions, %u rejected\n",
		map, seed, lab->peer.enter_cnt, lab->peer.replace_cnt, lab->peer.cancel_cnt,
		lab->peer.execution_cnt, lab->peer.reject_cnt);
	lab_settle(lab);
	for (unsigned i = 0; i < 20; i++)
		lab_advance(lab, 100000000); // what was lost for want of room is sent again
	check_rest(&p, map, seed);
	assert_true(lab->peer.enter_cnt > 100 && lab->peer.execution_cnt > 100);
	assert_true(lab->peer.replace_cnt > 0 && lab->peer.reject_cnt > 0);
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
	return p.both_full;
}

static void
full_rings_in_any_order_come_to_rest(void **state)
{
	for (unsigned i = 0; i < sizeof(MAPS) / sizeof(MAPS[0]); i++) {
		uint32_t both_full = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			both_full += play(MAPS[i].lanes, seed);
		print_message("%s: both rings of the loop full %u times\n", MAPS[i].lanes,
			      both_full);
		// the same in every run: lanes are turned by the seed
		assert_true(both_full > 0 || !MAPS[i].loop_fills);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_rings_in_any_order_come_to_rest),
	};
	char names[256] = "", symbol[9];

	for (unsigned i = 0; i < INSTR_CNT; i++) {
		flow_symbol(i, symbol);
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.*s",
			 i != 0 ? ", " : "", (int)strcspn(symbol, " "), symbol);
	}
	snprintf(strategies, sizeof(strategies), STRATEGIES, names, names);
	flow_make_many(&flow, MESSAGES, 5, INSTR_CNT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
