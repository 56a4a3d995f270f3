/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_STRATEGY_QUOTE_H
#define SLUICE_DECISION_STRATEGY_QUOTE_H

#include "decision/strategy_base.h"

/*
 * Keeps one order on each side: edge_px4 behind the best price, 0 joins it.
 *
 *   qty               shares per order
 *   requote_px4       replaces when the wished price is at least this far from the order's
 *   spread_min..max   withdraws while the spread lies outside
 *   position_max_qty  withdraws the side that would grow the position beyond it
 *   cooldown_ns       least time between two orders or replaces of one side; cancels do not wait
 *   post_only         asks the venue never to take
 *
 * The side that would grow the position stands one tick further back for each qty already held.
 * Withdraws when the book is not live or trading is not open, and when risk refuses a replace: an
 * order at a price nobody wants any more must not stay.
 */
enum quote_state {
	QUOTE_NONE = 0,
	QUOTE_LIVE,
	QUOTE_WAITS,   // for the answer to a new order, a replace or a cancel
	QUOTE_UNKNOWN, // a disconnect left its fate open: hands off until it is settled
};

struct quote_side {
	uint32_t id; // the order's name, 0: none
	uint32_t px4;
	uint32_t executed_qty; // of this order, through all its replaces
	uint8_t state;         // enum quote_state
	uint8_t withdraw;      // cancel at the next look, whatever the book says
	uint8_t pad[2];
	uint64_t next_ns; // the cooldown's end
	struct backoff backoff;
};

struct strategy_quote_instr {
	struct quote_side side[2];
	int64_t position_qty;
};

struct strategy_quote {
	struct strategy_quote_instr *instr; // by slot
	bool withdraws; // some side has withdraw set: strategy_quote_on_time has something to do
};

enum {
	// OUCH: a chain of replaces may execute 999,999 shares; long before, a new order begins
	QUOTE_CHAIN_MAX_QTY = 900000,
};

int strategy_quote_init(struct strategy_quote *q, const struct strategy_base *s, struct arena *a);

/* The price this side should stand at; 0: it should not stand. */
HOT_INLINE uint32_t
strategy_quote_price(const struct strategy_base *s, const struct strategy_quote_instr *i,
		     const struct bbo *b, uint8_t side)
{
	const uint32_t touch_px4 = side == SIDE_BUY ? b->bid_px4 : b->ask_px4;
	const uint32_t tick = tick_px4(touch_px4);
	const int64_t held_qty = side == SIDE_BUY ? i->position_qty : -i->position_qty;
	int64_t back_px4 = s->config.edge_px4;
	int64_t px4;

	if (held_qty > 0)
		back_px4 += held_qty / s->config.qty * tick;
	px4 = side == SIDE_BUY ? touch_px4 - back_px4 : touch_px4 + back_px4;
	if (px4 <= 0 || px4 > PX4_MAX)
		return 0;
	// away from the market, onto the tick
	px4 = side == SIDE_BUY ? px4 / tick * tick : (px4 + tick - 1) / tick * tick;
	return px4 > PX4_MAX ? 0 : (uint32_t)px4;
}

/* Wishes the side's order away. */
HOT_INLINE void
strategy_quote_cancel(struct quote_side *q, struct strategy_base *s, uint16_t slot, uint8_t side,
		      const struct msg_head *cause, struct intent *out)
{
	strategy_wish(s, slot, cause, out);
	out->kind = INTENT_CANCEL;
	out->side = side;
	out->orig_id = q->id;
	q->state = QUOTE_WAITS;
	metric_add(&s->metrics.cancel_wished, 1);
}

/* What one side wishes for now; true when *out was filled. */
HOT_INLINE bool
strategy_quote_side(struct strategy_quote *t, struct strategy_base *s, uint16_t slot,
		    const struct bbo *b, uint8_t side, bool good, struct intent *out)
{
	struct strategy_quote_instr *i = &t->instr[slot];
	struct quote_side *q = &i->side[side];
	uint32_t room_qty = good ? strategy_room_qty(s, i->position_qty, side) : 0;
	const uint32_t qty = room_qty < s->config.qty ? room_qty : s->config.qty;
	const uint32_t px4 = qty == 0 ? 0 : strategy_quote_price(s, i, b, side);
	uint32_t off_px4, least_px4;

	if (good && qty == 0)
		metric_add(&s->metrics.held_by_position, 1);
	if (q->state == QUOTE_WAITS || q->state == QUOTE_UNKNOWN) {
		metric_add(&s->metrics.held_by_pending, 1);
		if (!good) { // this may be the last look: strategy_quote_on_time sees to it
			q->withdraw = 1;
			t->withdraws = true;
		}
		return false;
	}
	if (q->state == QUOTE_NONE && px4 == 0)
		return false;
	// what must leave does not wait for what was refused before
	if (backoff_holds(&q->backoff, b->head.rx_ns) && !q->withdraw &&
	    (good || q->state != QUOTE_LIVE)) {
		metric_add(&s->metrics.held_by_backoff, 1);
		return false;
	}
	if (q->state == QUOTE_LIVE &&
	    (px4 == 0 || q->withdraw || q->executed_qty > QUOTE_CHAIN_MAX_QTY)) {
		q->withdraw = !good; // until it is gone
		t->withdraws |= !good;
		strategy_quote_cancel(q, s, slot, side, &b->head, out);
		out->confidence = b->confidence;
		return true;
	}
	off_px4 = px4 > q->px4 ? px4 - q->px4 : q->px4 - px4;
	least_px4 = s->config.requote_px4 == 0 ? 1 : s->config.requote_px4;
	if (q->state == QUOTE_LIVE && off_px4 < least_px4)
		return false;
	if (b->head.rx_ns < q->next_ns) {
		metric_add(&s->metrics.held_by_cooldown, 1);
		return false;
	}
	strategy_wish(s, slot, &b->head, out);
	out->confidence = b->confidence;
	out->side = side;
	out->px4 = px4;
	out->tif = TIF_DAY;
	out->flags = s->config.post_only ? INTENT_POST_ONLY : 0;
	if (q->state == QUOTE_LIVE) {
		out->kind = INTENT_REPLACE;
		out->orig_id = q->id;
		out->qty = q->executed_qty + qty;
		metric_add(&s->metrics.replace_wished, 1);
	} else {
		out->kind = INTENT_NEW;
		out->qty = qty;
		q->id = out->intent_id;
		q->executed_qty = 0;
		q->px4 = px4;
		metric_add(&s->metrics.new_wished, 1);
	}
	q->state = QUOTE_WAITS;
	q->next_ns = b->head.rx_ns + s->config.cooldown_ns;
	return true;
}

HOT_INLINE unsigned
strategy_quote_on_bbo(struct strategy_quote *t, struct strategy_base *s, uint16_t slot,
		      const struct bbo *b, struct intent out[STRATEGY_INTENTS_MAX])
{
	bool good = strategy_book_is_good(b);
	unsigned n = 0;

	if (!good) {
		metric_add(&s->metrics.held_by_book, 1);
	} else if (!strategy_spread_is_good(s, b)) {
		metric_add(&s->metrics.held_by_spread, 1);
		good = false;
	}
	n += strategy_quote_side(t, s, slot, b, SIDE_BUY, good, &out[n]);
	n += strategy_quote_side(t, s, slot, b, SIDE_SELL, good, &out[n]);
	return n;
}

/*
 * Orders that are to leave and could not be cancelled at the last look at the book, because their
 * answer had not come.
 */
COLD unsigned strategy_quote_on_time(struct strategy_quote *t, struct strategy_base *s,
				     uint64_t now_ns, struct intent out[STRATEGY_INTENTS_MAX]);

HOT_INLINE void
strategy_quote_on_update(struct strategy_quote *t, struct strategy_base *s, uint16_t slot,
			 const struct update *u)
{
	struct strategy_quote_instr *i = &t->instr[slot];
	struct quote_side *q = &i->side[u->side & 1];

	i->position_qty += strategy_executed(s, u);
	if (u->intent_id != q->id || q->id == 0) {
		metric_add(&s->metrics.answer_foreign, 1);
		return;
	}
	if (u->cause == REPORT_EXECUTED)
		q->executed_qty += u->executed_qty;
	if (u->cause == REPORT_ACCEPTED || u->cause == REPORT_REPLACED) {
		q->px4 = (uint32_t)u->px4;
		backoff_passed(&q->backoff);
	}
	if (u->cause == REPORT_REJECTED || u->cause == REPORT_CANCEL_REJECTED) {
		metric_add(&s->metrics.order_refused, 1);
		backoff_refused(&q->backoff, u->head.rx_ns);
	}
	if (update_is_end(u)) {
		q->id = 0;
		q->state = QUOTE_NONE;
		q->withdraw = 0;
	} else if (u->state == ORDER_LIVE || u->state == ORDER_PARTIALLY_FILLED) {
		q->state = QUOTE_LIVE;
	} else if (u->state == ORDER_UNKNOWN) {
		metric_add(&s->metrics.order_unknown, 1);
		q->state = QUOTE_UNKNOWN;
	} else {
		q->state = QUOTE_WAITS;
	}
}

HOT_INLINE void
strategy_quote_on_verdict(struct strategy_quote *t, struct strategy_base *s, uint16_t slot,
			  const struct verdict *v)
{
	struct quote_side *q = &t->instr[slot].side[v->side & 1];
	const bool is_new = v->kind == INTENT_NEW;

	if (q->id == 0 || q->id != (is_new ? v->intent_id : v->orig_id) ||
	    q->state != QUOTE_WAITS) {
		metric_add(&s->metrics.answer_foreign, 1);
		return;
	}
	metric_add(&s->metrics.verdict_refused, 1);
	backoff_refused(&q->backoff, v->head.rx_ns);
	q->state = is_new ? QUOTE_NONE : QUOTE_LIVE;
	q->withdraw = !is_new;
	t->withdraws |= !is_new;
	if (is_new)
		q->id = 0;
}

#endif
