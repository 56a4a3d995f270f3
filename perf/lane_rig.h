/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_LANE_RIG_H
#define SLUICE_PERF_LANE_RIG_H

#include "bench.h"
#include "lab.h"
#include "lane/lane_api.h"
#include "tick.h"

/* A fused lane of the lab with a taker, and triggers each of which causes one order. */
enum {
	IDLE_TURNS = 30,
	BID_PX4 = 1000000,
	ASK_PX4 = 1000100,
	BASE_QTY = 5000,
	TOUCH_QTY = 100,
	STEP_NS = 1000000,
};

static const char TAKER[] =
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 1000000, "
	"imbalance_min_bp: 6000, cooldown_us: 0 }\n";

/* The trigger after the last one; the bid stays heavy, so that each change of it is a signal. */
static inline struct block
next_trigger(uint64_t *nr)
{
	const uint64_t ref = 1000 + *nr / 4;
	const struct itch50_order_executed e = { .head = head_of('E'),
						 .order_ref = be64_of(ref),
						 .qty = be32_of(TOUCH_QTY),
						 .match_ref = be64_of(1000000 + *nr) };
	const struct itch50_order_cancel x = { .head = head_of('X'),
					       .order_ref = be64_of(ref),
					       .qty = be32_of(TOUCH_QTY) };
	const struct itch50_order_delete d = { .head = head_of('D'), .order_ref = be64_of(ref) };

	switch ((*nr)++ % 4) {
	case 0:
		return block_add(ref, 'B', 4 * TOUCH_QTY, BID_PX4);
	case 1:
		return block_of(&e, sizeof(e));
	case 2:
		return block_of(&x, sizeof(x));
	default:
		return block_of(&d, sizeof(d));
	}
}

static inline void
tell(struct lab *lab, const struct block *b)
{
	lab_market_data(lab, 0, b->data, b->len, 1);
	lab_settle(lab);
}

/* The day's beginning and a book with a bid and an offer. */
static inline void
start_day(struct lab *lab)
{
	struct block b = block_listed("AAPL    ", TICK_LOCATE);

	tell(lab, &b);
	b = block_trading();
	tell(lab, &b);
	b = block_add(1, 'S', TOUCH_QTY, ASK_PX4);
	tell(lab, &b);
	b = block_add(2, 'B', BASE_QTY, BID_PX4);
	tell(lab, &b);
}

/* Frames with orders leave through oe; the peer's log would fill up otherwise. */
static inline void
rest(struct lab *lab)
{
	lab_advance(lab, STEP_NS); // orders stay below the rate limit
	lab->peer.log_len = 0;
	if (lab->peer.bad_cnt != 0)
		bench_die("the venue saw a broken frame");
	// housekeeping is not on the order's way, and would read the clock again
	for (unsigned i = 0; i < IDLE_TURNS || lab->g.lane[0]->housekeeping_left < 2; i++)
		lane_turn_once(lab->g.lane[0]);
}

#endif
