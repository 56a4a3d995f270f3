/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_H
#define SLUICE_DECISION_RISK_H

#include <string.h>

#include "decision/risk_holding.h"
#include "decision/risk_judge.h"
#include "msg/order.h"
#include "msg/verdict.h"

/*
 * The last word before an order exists.  Knows prices, halts and book confidence from the book
 * (mark), executions from orders (fill), limits from the control plane, and believes a strategy
 * nothing.  One instance per process; its lane writes everything here.
 *
 *   risk_limits.h   what the operator set: the tree of limits
 *   risk_state.h    what is remembered
 *   risk_open.h     open orders, self-match
 *   risk_holding.h  marks and fills: positions, value, profit
 *   risk_judge.h    the checks, all at once
 *   risk_exact.c    the same one after another: who lacks anything learns what
 *
 * What it reserves.  A passed intent holds back its shares at its price, at every level of the tree
 * from its strategy to the firm, until fills give them back.  While a replace is not answered the
 * order holds back the worse of both: the larger quantity at the higher price.  Limits on open
 * shares, positions and exposure count every reserved share as if it were executed, and none as if
 * it helped.
 */

/*
 * Three looks ahead at an intent that will be judged soon, each when what the one before asked for
 * has arrived: its instrument, name and terms; its strategy's room; the account's.  They change
 * nothing but caches, and may be left out.  Whatever the intent says is not checked yet.
 */
HOT_INLINE bool
risk_is_known(const struct risk *r, const struct intent *in)
{
	return likely(in->head.instr_idx < r->instr_cnt);
}

HOT_INLINE void
risk_look_at_instr(const struct risk *r, const struct intent *in)
{
	const uint32_t id = in->kind == INTENT_NEW ? in->intent_id : in->orig_id;
	const uint64_t key = risk_open_key(in->strategy_idx, id);
	const struct risk_instr *i = &r->instr[in->head.instr_idx];
	struct risk_plan plan = { .side = in->side };

	if (!risk_is_known(r, in))
		return;
	risk_plan_recent(r, in, &plan);
	__builtin_prefetch(plan.recent, 1);
	__builtin_prefetch(i, 1);
	__builtin_prefetch(&i->room_gross_ntl4, 1);
	__builtin_prefetch(&r->open_slot[risk_open_home(r, risk_open_slot(key, 0))], 1);
}

HOT_INLINE void
risk_look_at_cell(const struct risk *r, const struct intent *in)
{
	const struct risk_instr *i = &r->instr[in->head.instr_idx];

	if (risk_is_known(r, in))
		__builtin_prefetch(&r->room[risk_leaf_place(i, in->strategy_idx)], 1);
}

HOT_INLINE void
risk_look_above(const struct risk *r, const struct intent *in)
{
	const struct risk_instr *i = &r->instr[in->head.instr_idx];

	if (risk_is_known(r, in))
		__builtin_prefetch(&r->room[r->room[risk_leaf_place(i, in->strategy_idx)].up], 1);
}

HOT_INLINE void
risk_count(struct risk *r, enum risk_verdict v)
{
	metric_add(&r->metrics.intent_passed + v, 1);
}

/* What is due, at each of the cnt levels.  new, cnt: constants, if they can be. */
HOT_INLINE void
risk_take_levels(struct risk *r, const struct risk_due *d, const bool new, const uint32_t cnt)
{
	const int64_t grow_ntl4 = d->grow_ntl4, var_ntl4bp = d->var_ntl4bp;
	struct risk_node *const *const at = d->path->at;
	const uint32_t grow_qty = d->grow_qty;
	struct risk_cell_room *const room = r->room, *c = &room[d->place];
	const uint64_t last_ns = r->last_ns;
	const size_t side = d->side;
	bool asks_again = false;

	for (uint32_t k = 0; k < cnt; k++) {
		struct risk_node *n = at[k];
		uint64_t *const order_at = n->order_at;

		if (k + 1 < cnt) {
			c->qty[side] -= (int32_t)grow_qty;
			c = &room[c->up];
		}
		n->room[RISK_ROOM_GROSS] -= grow_ntl4;
		n->room[RISK_ROOM_VAR] -= var_ntl4bp;
		(n->room + RISK_ROOM_BUY)[side] -= grow_ntl4;
		*order_at = last_ns;
		__builtin_prefetch(order_at + 8, 1); // a line ahead
		n->order_at = order_at + 1;
		if (!new) // it was open already
			n->room_then[RISK_ROOM_ORDERS]--;
		if (unlikely(--n->room[RISK_ROOM_ORDERS] == 0))
			asks_again = true;
		if (!new)
			risk_orders_settle(n);
	}
	if (unlikely(asks_again))
		risk_rates_settle(r, d->path);
}

/*
 * What is due, at each level of the tree and of the instrument's rooms: of an order that passed all
 * checks at once.  new: a constant.
 */
HOT_INLINE void
risk_take_tree(struct risk *r, const struct risk_due *d, const bool new)
{
	struct risk_instr *const i = d->instr;
	const int32_t grow_qty = (int32_t)d->grow_qty;
	const int64_t grow_ntl4 = d->grow_ntl4;
	const size_t side = d->side;

	i->room_open_qty -= grow_qty;
	i->room_position_qty[side] -= grow_qty;
	i->room_gross_ntl4 -= grow_ntl4;
	i->room_net_ntl4[side] -= grow_ntl4;
	if (new &&likely(d->path->cnt == RISK_PATH_USUAL))
		risk_take_levels(r, d, new, RISK_PATH_USUAL);
	else
		risk_take_levels(r, d, new, d->path->cnt);
}

/* The same of one that passed one check after another: it may be more than rooms can say. */
COLD void risk_reserve_sums(struct risk *r, const struct intent *in, const struct risk_plan *plan);

/* Of what passed, all that risk_enter needs. */
HOT_INLINE void
risk_due_of(struct risk_due *d, const struct intent *in, const struct risk_plan *plan,
	    const bool new)
{
	d->short_mark = plan->short_mark;
	d->session_idx = in->session_idx;
	d->instr_idx = in->head.instr_idx;
	d->grow_qty = plan->grow_qty;
	d->side = plan->side;
	d->instr = plan->instr;
	if (!new)
		d->entry = plan->entry;
	d->recent = plan->recent;
	if (plan->recent != NULL) {
		d->what = plan->what;
		d->who = plan->who;
	}
	d->key = plan->key;
	d->rx_ns = in->head.rx_ns;
	d->px4 = (uint32_t)in->px4;
	d->slot = plan->slot;
	d->place = plan->place;
	d->located_qty = plan->located_qty;
}

/*
 * Takes what is due, but of the tree; `new` says of which kind it is.
 */
HOT_INLINE void
risk_enter(struct risk *r, const struct risk_due *d, const bool new)
{
	struct risk_instr *i = d->instr;
	struct risk_open *e = new ? &r->open[r->open_free] : d->entry;

	if (new) {
		const uint32_t place = r->open_free;

		risk_open_take(r, e, d->slot, d->key);
		e->px4 = d->px4;
		e->open_qty = d->grow_qty;
		e->cell = d->place;
		e->instr_idx = d->instr_idx;
		e->side = (uint8_t)d->side;
		risk_own_add(i, e, place, (uint8_t)d->side, d->px4);
		__builtin_prefetch(&r->open[r->open_free], 1); // the next one's
		risk_open_prepare(r, (uint8_t)(d->key >> 32), (uint32_t)d->key + 1);
	} else {
		e->open_qty += d->grow_qty;
		e->px4 = d->px4 > e->px4 ? d->px4 : e->px4;
		e->replace_pending = 1;
		risk_own_near(i, e, d->px4);
	}
	if (likely(d->rx_ns > r->last_ns))
		r->last_ns = d->rx_ns;
	if (unlikely(d->short_mark != 0)) {
		if (new)
			e->short_sale = 1;
		e->located_qty += d->located_qty;
		r->room[r->room[d->place].up].located_qty -= d->located_qty;
	}
	if (d->recent != NULL) {
		d->recent->what = d->what;
		d->recent->who = d->who;
		d->recent->ns = r->last_ns;
	}
	r->message_cnt[d->session_idx]++;
}

/* A cancel or a modify leaves: it counts, and nothing can keep it. */
HOT_INLINE void
risk_count_cancel(struct risk *r, const struct risk_limits *lim, const struct intent *in)
{
	const struct risk_path *p = &r->path[in->strategy_idx];

	metric_add(&r->metrics.cancel_passed, 1);
	if (unlikely(lim->session_message_max != 0 &&
		     r->message_cnt[in->session_idx] >= lim->session_message_max))
		metric_add(&r->metrics.message_sent_over, 1);
	r->message_cnt[in->session_idx]++;
	if (in->head.rx_ns > r->last_ns)
		r->last_ns = in->head.rx_ns;
	for (uint32_t k = 0; k < p->cnt; k++) {
		struct risk_node *n = p->at[k];

		n->cancel_ns[n->cancel_cnt++ & r->rate_mask] = r->last_ns;
		risk_cancel_rate_settle(r, n);
	}
}

/* A cancel or a modify becomes an order. */
HOT_INLINE void
risk_pass_cancel(struct risk *r, const struct risk_limits *lim, const struct intent *in,
		 struct order *out)
{
	memcpy(out, in, sizeof(*out)); // the layout is the intent's
	out->px4 = 0;
	out->reserve_qty = 0;
	out->limits_version = lim->version;
	risk_count_cancel(r, lim, in);
}

/* A new order or a replace becomes an order: what it reserves is still to be taken. */
HOT_INLINE void
risk_pass(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	  const struct risk_plan *plan, struct order *out)
{
	memcpy(out, in, sizeof(*out)); // also px4: the price's lower half, all of one that passes
	out->reserve_qty = plan->grow_qty;
	out->limits_version = lim->version;
	out->flags =
		(uint8_t)((in->flags & ~(INTENT_SHORT | INTENT_SHORT_EXEMPT)) | plan->short_mark);
	risk_count(r, RISK_PASS);
}
static_assert(offsetof(struct order, px4) == offsetof(struct intent, px4) &&
		      __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "the lower half comes first");

/* The exact way, and all that is rare; as risk_on_intent. */
COLD bool risk_on_intent_exact(struct risk *r, const struct risk_limits *lim,
			       const struct intent *in, struct order *out, struct verdict *no);

/*
 * What passed at once reserves: now, or when risk_reserve_due is called.  new, later: constants.
 */
HOT_INLINE void
risk_reserve(struct risk *r, const struct intent *in, const struct risk_plan *plan, bool new,
	     bool later)
{
	struct risk_due now, *d = later ? &r->due : &now;

	risk_due_of(d, in, plan, new);
	d->kind = !later ? RISK_DUE_NOTHING : new ? RISK_DUE_NEW : RISK_DUE_REPLACE;
	d->grow_ntl4 = plan->grow_ntl4;
	d->var_ntl4bp = plan->var_ntl4bp;
	d->path = plan->path;
	if (later)
		return;
	risk_enter(r, d, new);
	risk_take_tree(r, d, new);
}

/* Whether its instrument exists. */
HOT_INLINE bool
risk_has_instr(const struct risk *r, const struct intent *in)
{
	return likely((uint32_t)in->head.instr_idx - 1 < r->instr_last);
}

/* Whatever is no new order; as risk_on_intent_as. */
HOT_APART static bool
risk_on_other(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	      struct order *out, struct verdict *no, bool later)
{
	struct risk_plan plan;

	if (unlikely(!risk_is_well_formed(in)) || unlikely(!risk_has_instr(r, in)))
		return risk_on_intent_exact(r, lim, in, out, no);
	if (intent_takes_away(in->kind)) {
		if (unlikely(in->kind == INTENT_MODIFY && risk_short_flags(in)))
			return risk_on_intent_exact(r, lim, in, out, no);
		risk_pass_cancel(r, lim, in, out);
		return true;
	}
	if (unlikely(r->instr[in->head.instr_idx].terms_seq != r->terms_seq))
		risk_instr_refresh(r, lim, in->head.instr_idx);
	if (unlikely(!risk_passes_as(r, lim, in, &plan, false)))
		return risk_on_intent_exact(r, lim, in, out, no);
	risk_pass(r, lim, in, &plan, out);
	risk_reserve(r, in, &plan, false, later);
	return true;
}

/* Both of the following; later is a constant. */
HOT_INLINE bool
risk_on_intent_as(struct risk *r, const struct risk_limits *lim, const struct intent *in,
		  struct order *out, struct verdict *no, bool later)
{
	struct risk_plan plan;

	risk_reserve_due(r);
	if (unlikely(lim->version != r->limits_version))
		risk_take_limits(r, lim);
	if (unlikely(!risk_is_new(in)) || unlikely(!risk_has_instr(r, in)))
		return risk_on_other(r, lim, in, out, no, later);
	if (unlikely(r->instr[in->head.instr_idx].terms_seq != r->terms_seq))
		risk_instr_refresh(r, lim, in->head.instr_idx);
	if (unlikely(!risk_passes_as(r, lim, in, &plan, true)))
		return risk_on_intent_exact(r, lim, in, out, no);
	risk_pass(r, lim, in, &plan, out);
	risk_reserve(r, in, &plan, true, later);
	return true;
}

/*
 * Lets an intent become an order, or says why not.  True when *out was filled, otherwise *no was.
 */
HOT_INLINE bool
risk_on_intent(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	       struct order *out, struct verdict *no)
{
	return risk_on_intent_as(r, lim, in, out, no, false);
}

/*
 * The same, but the order need not wait for what it reserves to be taken: the caller sends it, and
 * then calls risk_reserve_due.  The next intent, fill or mark takes it first, so nothing is ever
 * judged without it; whatever else looks at positions, limits or open orders comes after
 * risk_reserve_due.
 */
HOT_INLINE bool
risk_decide(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	    struct order *out, struct verdict *no)
{
	return risk_on_intent_as(r, lim, in, out, no, true);
}

#endif
