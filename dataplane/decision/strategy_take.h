/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_STRATEGY_TAKE_H
#define SLUICE_DECISION_STRATEGY_TAKE_H

#include "decision/strategy_base.h"

/*
 * When one side of the touch holds at least imbalance_min_bp of the shares of both, and the spread
 * lies in spread_min..spread_max, takes the other side's best price, immediate or cancel: buys when
 * the bid is heavy, sells when the offer is.
 *
 *   qty               shares per order, never more than the level it takes shows
 *   position_max_qty  stops growing the position there
 *   cooldown_ns       least time between two orders for an instrument
 *
 * One order per instrument at a time.  While an order's fate is unknown nothing is sent.
 */
struct strategy_take_instr {
	uint32_t id; // of the order that is out, 0: none
	uint32_t pad;
	int64_t position_qty;
	uint64_t next_ns; // the cooldown's end
	struct backoff backoff;
};

struct strategy_take {
	struct strategy_take_instr *instr; // by slot
};

int strategy_take_init(struct strategy_take *t, const struct strategy_base *s, struct arena *a);

HOT_INLINE unsigned
strategy_take_on_bbo(struct strategy_take *t, struct strategy_base *s, uint16_t slot,
		     const struct bbo *b, struct intent out[STRATEGY_INTENTS_MAX])
{
	struct strategy_take_instr *i = &t->instr[slot];
	const uint64_t all_qty = (uint64_t)b->bid_qty + b->ask_qty;
	const uint64_t least = all_qty * s->config.imbalance_min_bp; // 33 + 14 bits
	uint32_t qty, room_qty;
	uint8_t side;

	if (!strategy_book_is_good(b)) {
		metric_add(&s->metrics.held_by_book, 1);
		return 0;
	}
	if (!strategy_spread_is_good(s, b)) {
		metric_add(&s->metrics.held_by_spread, 1);
		return 0;
	}
	if ((uint64_t)b->bid_qty * BP_ONE >= least)
		side = SIDE_BUY;
	else if ((uint64_t)b->ask_qty * BP_ONE >= least)
		side = SIDE_SELL;
	else
		return 0;
	if (i->id != 0) {
		metric_add(&s->metrics.held_by_pending, 1);
		return 0;
	}
	if (b->head.rx_ns < i->next_ns) {
		metric_add(&s->metrics.held_by_cooldown, 1);
		return 0;
	}
	if (backoff_holds(&i->backoff, b->head.rx_ns)) {
		metric_add(&s->metrics.held_by_backoff, 1);
		return 0;
	}
	qty = side == SIDE_BUY ? b->ask_qty : b->bid_qty;
	qty = qty < s->config.qty ? qty : s->config.qty;
	room_qty = strategy_room_qty(s, i->position_qty, side);
	qty = qty < room_qty ? qty : room_qty;
	if (qty == 0) {
		metric_add(&s->metrics.held_by_position, 1);
		return 0;
	}
	strategy_wish(s, slot, &b->head, &out[0]);
	out[0].confidence = b->confidence;
	out[0].kind = INTENT_NEW;
	out[0].side = side;
	out[0].tif = TIF_IOC;
	out[0].px4 = side == SIDE_BUY ? b->ask_px4 : b->bid_px4;
	out[0].qty = qty;
	i->id = out[0].intent_id;
	i->next_ns = b->head.rx_ns + s->config.cooldown_ns;
	metric_add(&s->metrics.new_wished, 1);
	return 1;
}

/* Its orders are immediate or cancel: none is left to look after. */
HOT_INLINE unsigned
strategy_take_on_time(struct strategy_take *t, struct strategy_base *s, uint64_t now_ns,
		      struct intent out[STRATEGY_INTENTS_MAX])
{
	return 0;
}

HOT_INLINE void
strategy_take_on_update(struct strategy_take *t, struct strategy_base *s, uint16_t slot,
			const struct update *u)
{
	struct strategy_take_instr *i = &t->instr[slot];

	i->position_qty += strategy_executed(s, u); // also of orders that are no longer followed
	if (u->intent_id != i->id) {
		metric_add(&s->metrics.answer_foreign, 1);
		return;
	}
	if (u->state == ORDER_UNKNOWN)
		metric_add(&s->metrics.order_unknown, 1);
	if (!update_is_end(u))
		return;
	i->id = 0;
	if (u->state != ORDER_REJECTED) {
		backoff_passed(&i->backoff);
		return;
	}
	metric_add(&s->metrics.order_refused, 1);
	backoff_refused(&i->backoff, u->head.rx_ns);
}

HOT_INLINE void
strategy_take_on_verdict(struct strategy_take *t, struct strategy_base *s, uint16_t slot,
			 const struct verdict *v)
{
	struct strategy_take_instr *i = &t->instr[slot];

	if (v->intent_id != i->id) {
		metric_add(&s->metrics.answer_foreign, 1);
		return;
	}
	metric_add(&s->metrics.verdict_refused, 1);
	i->id = 0;
	backoff_refused(&i->backoff, v->head.rx_ns);
}

#endif
