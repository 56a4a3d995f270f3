/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_TAKER_DAY_H
#define SLUICE_LANE_TAKER_DAY_H

#include "../../perf/tick.h"
#include "lab.h"

/* A day on which a taker answers each bid that joins the best price with an order. */
enum {
	TAKER_DAY_QTY = 100,
	TAKER_DAY_BID_PX4 = 1000000,
};

static const char TAKER_DAY[] =
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 1000000, "
	"imbalance_min_bp: 6000, cooldown_us: 0 }\n";

/* One message to every lane, until nothing moves. */
static inline void
taker_day_tell(struct lab *lab, const struct block *b)
{
	lab_market_data(lab, 0, b->data, b->len, 1);
	lab_settle(lab);
	lab->peer.log_len = 0;
}

/* AAPL is listed, trades, and has both sides of a book. */
static inline void
taker_day_begin(struct lab *lab)
{
	const struct block day[] = {
		block_listed("AAPL    ", TICK_LOCATE),
		block_trading(),
		block_add(1, 'S', TAKER_DAY_QTY, TAKER_DAY_BID_PX4 + 100),
		block_add(2, 'B', 50 * TAKER_DAY_QTY, TAKER_DAY_BID_PX4),
	};

	for (unsigned i = 0; i < ARRAY_CNT(day); i++)
		taker_day_tell(lab, &day[i]);
}

#endif
