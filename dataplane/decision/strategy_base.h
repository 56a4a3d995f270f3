/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_STRATEGY_BASE_H
#define SLUICE_DECISION_STRATEGY_BASE_H

#include "base/arena.h"
#include "base/metric.h"
#include "base/units.h"
#include "decision/strategy_kind.h"
#include "msg/bbo.h"
#include "msg/intent.h"
#include "msg/report.h"
#include "msg/update.h"
#include "msg/verdict.h"

/* What every strategy has, whatever its kind.  Its lane writes everything here. */

struct strategy_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "decision/strategy_metrics.def"
#undef METRIC
};

struct strategy_instr_config {
	uint16_t instr_idx;
	uint8_t session_idx; // where its orders go
};

/* Plain values from the configuration; a kind uses those its header names. */
struct strategy_config {
	enum strategy_kind kind;
	uint8_t strategy_idx;
	bool post_only;
	uint8_t style;             // of its orders
	uint32_t qty;              // of one order
	uint32_t position_max_qty; // the strategy's own, long and short
	uint32_t spread_min_px4;
	uint32_t spread_max_px4; // 0: any
	uint32_t imbalance_min_bp;
	uint32_t edge_px4;
	uint32_t requote_px4;
	uint64_t cooldown_ns; // least time between two wishes for an instrument
	uint32_t instr_cnt;
	struct strategy_instr_config instr[INSTR_MAX];
};

enum {
	STRATEGY_INTENTS_MAX = 4,    // that one bbo may cause
	BACKOFF_MIN_NS = 1000000,    // after a refusal: 1 ms, doubled by each further one ...
	BACKOFF_MAX_NS = 1000000000, // ... up to 1 s (both guesses)
};

struct strategy_base {
	struct strategy_config config;
	uint32_t next_id;            // of intents
	uint16_t slot_of[INSTR_MAX]; // by instr_idx: place in the kind's table, 0: not ours
	struct strategy_metrics metrics;
};

/* After a refusal, wait before the next try, longer each time. */
struct backoff {
	uint64_t until_ns;
	uint64_t delay_ns; // 0: the last try was not refused
};

HOT_INLINE void
backoff_refused(struct backoff *b, uint64_t now_ns)
{
	b->delay_ns = b->delay_ns == 0 ? BACKOFF_MIN_NS : b->delay_ns * 2;
	if (b->delay_ns > BACKOFF_MAX_NS)
		b->delay_ns = BACKOFF_MAX_NS;
	b->until_ns = now_ns + b->delay_ns;
}

/*
 * A refusal's time is the lane's clock, a price's may be a NIC's or a capture's: an end further
 * away than any delay is of another clock and holds nothing.
 */
HOT_INLINE bool
backoff_holds(const struct backoff *b, uint64_t now_ns)
{
	return now_ns < b->until_ns && b->until_ns - now_ns <= BACKOFF_MAX_NS;
}

HOT_INLINE void
backoff_passed(struct backoff *b)
{
	*b = (struct backoff){ 0 };
}

/* The venue's smallest step: a cent, below one dollar a hundredth of it (Regulation NMS 612). */
HOT_INLINE uint32_t
tick_px4(uint32_t px4)
{
	return px4 >= 10000 ? 100 : 1;
}

/* Names are never 0, which stands for "no order". */
HOT_INLINE uint32_t
strategy_next_id(struct strategy_base *s)
{
	const uint32_t id = s->next_id++;

	if (unlikely(s->next_id == 0))
		s->next_id = 1;
	return id;
}

/* Begins an intent: whose it is, for what, and because of what. */
HOT_INLINE void
strategy_wish(struct strategy_base *s, uint16_t slot, const struct msg_head *cause,
	      struct intent *out)
{
	*out = (struct intent){
		.head = *cause,
		.intent_id = strategy_next_id(s),
		.strategy_idx = s->config.strategy_idx,
		.session_idx = s->config.instr[slot - 1].session_idx,
		.style = s->config.style,
	};
}

/* Whether a book is one to trade on: believed, open, both sides there and not crossed. */
HOT_INLINE bool
strategy_book_is_good(const struct bbo *b)
{
	return b->confidence == CONFIDENCE_LIVE && b->state == TRADING_OPEN && b->bid_px4 != 0 &&
	       b->ask_px4 > b->bid_px4;
}

HOT_INLINE bool
strategy_spread_is_good(const struct strategy_base *s, const struct bbo *b)
{
	const uint32_t spread_px4 = b->ask_px4 - b->bid_px4;

	return spread_px4 >= s->config.spread_min_px4 &&
	       (s->config.spread_max_px4 == 0 || spread_px4 <= s->config.spread_max_px4);
}

/* Shares that may still be bought or sold before the strategy's own position limit. */
HOT_INLINE uint32_t
strategy_room_qty(const struct strategy_base *s, int64_t position_qty, uint8_t side)
{
	const int64_t room_qty = (int64_t)s->config.position_max_qty -
				 (side == SIDE_BUY ? position_qty : -position_qty);

	return room_qty <= 0 ? 0 : room_qty > UINT32_MAX ? UINT32_MAX : (uint32_t)room_qty;
}

/* Counts an update's execution and returns what it adds to the position. */
HOT_INLINE int64_t
strategy_executed(struct strategy_base *s, const struct update *u)
{
	const int64_t sign = (u->side == SIDE_BUY) == (u->cause != REPORT_TRADE_BROKEN) ? 1 : -1;

	if (u->executed_qty == 0)
		return 0;
	if (u->cause == REPORT_TRADE_BROKEN) {
		metric_add(&s->metrics.execution_broken, 1);
	} else {
		metric_add(&s->metrics.execution, 1);
		metric_add(&s->metrics.executed_qty, u->executed_qty);
	}
	return sign * u->executed_qty;
}

HOT_INLINE bool
update_is_end(const struct update *u)
{
	return u->state == ORDER_FILLED || u->state == ORDER_CANCELED ||
	       u->state == ORDER_REJECTED || u->state == ORDER_FREE;
}

#endif
