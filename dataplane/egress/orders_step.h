/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ORDERS_STEP_H
#define SLUICE_EGRESS_ORDERS_STEP_H

#include "egress/orders.h"

/* What requests, reports and the session's coming and going do to an entry alike. */

/* Moves the entry along the table.  False, counted and nothing changed when the step is illegal. */
static inline bool
step(struct orders *o, struct order_entry *e, enum order_event event)
{
	uint8_t to = order_transition[e->state][event];

	if (unlikely(to == ORDER_FREE)) {
		metric_add(&o->metrics.illegal_transition, 1);
		return false;
	}
	if (to == ORDER_RESTING)
		to = !(e->flags & ORDER_ACCEPTED) ? ORDER_PENDING_NEW
		     : e->executed_qty != 0       ? ORDER_PARTIALLY_FILLED
						  : ORDER_LIVE;
	if (to != ORDER_PENDING_CANCEL)
		e->flags &= (uint8_t)~ORDER_REDUCING;
	if (order_state_is_end(to)) {
		e->open_qty = 0;
		metric_set(&o->metrics.open_order_cnt, --o->open_cnt);
	}
	e->state = to;
	return true;
}

static inline void
fill_start(const struct orders *o, const struct order_entry *e, struct fill *fill)
{
	*fill = (struct fill){
		.head.instr_idx = e->instr_idx,
		.intent_id = e->intent_id,
		.side = e->side,
		.strategy_idx = e->strategy_idx,
		.session_idx = o->session_idx,
	};
}

static inline void
update_start(const struct order_entry *e, enum report_type cause, struct update *up)
{
	*up = (struct update){
		.head.instr_idx = e->instr_idx,
		.px4 = e->px4,
		.intent_id = e->intent_id,
		.open_qty = e->open_qty,
		.state = e->state,
		.cause = (uint8_t)cause,
		.side = e->side,
		.strategy_idx = e->strategy_idx,
	};
}

/* Releases up to qty of what the entry holds. */
static inline void
release(struct order_entry *e, uint32_t qty, struct fill *fill)
{
	if (qty > e->reserved_qty)
		qty = e->reserved_qty;
	e->reserved_qty -= qty;
	fill->released_qty += qty;
}

/*
 * Gives back what can no longer come to be open.  While a replace waits, its shares may: the venue
 * counts them from what was executed, whatever it has cancelled before it reads the replace.
 */
static inline void
release_unneeded(const struct orders *o, struct order_entry *e, struct fill *fill)
{
	const struct order_entry *b = orders_of_token(o, e->link_token);
	uint32_t need_qty = e->open_qty;

	if (b != NULL && b->total_qty > e->executed_qty &&
	    b->total_qty - e->executed_qty > need_qty)
		need_qty = b->total_qty - e->executed_qty;
	if (e->reserved_qty > need_qty)
		release(e, e->reserved_qty - need_qty, fill);
}

/* The replacement that waited for e will never be. */
static inline void
void_replacement(struct orders *o, struct order_entry *e, struct fill *fill)
{
	struct order_entry *b = orders_of_token(o, e->link_token);

	e->link_token = 0;
	if (b != NULL && (b->flags & ORDER_REPLACEMENT)) {
		b->flags &= (uint8_t)~ORDER_REPLACEMENT;
		b->link_token = 0;
		step(o, b, ORDER_EVENT_NOT_PROCESSED);
	}
	fill->replace_done = 1;
}

/* The order has left the market: nothing stays reserved, nothing waits. */
static inline void
finish(struct orders *o, struct order_entry *e, struct fill *fill)
{
	if (e->link_token != 0) {
		void_replacement(o, e, fill);
		metric_add(&o->metrics.replace_void, 1);
	}
	release(e, e->reserved_qty, fill);
	fill->order_gone = 1;
}

/* The order stays as it was before the replace was asked for. */
static inline void
keep_original(struct orders *o, struct order_entry *e, struct fill *fill)
{
	void_replacement(o, e, fill);
	release_unneeded(o, e, fill);
	fill->reserved_px4 = e->px4;
}

#endif
