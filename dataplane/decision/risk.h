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
 * has arrived: its instrument; its strategy's cell; the accounts above.  They change nothing but
 * caches, and may be left out.  Whatever the intent says is not checked yet.
 */
HOT_INLINE bool
risk_is_known(const struct risk *r, const struct intent *in)
{
	return likely(in->head.instr_idx < r->instr_cnt && in->strategy_idx < STRATEGY_MAX);
}

HOT_INLINE void
risk_look_at_instr(const struct risk *r, const struct intent *in)
{
	const uint16_t idx = in->head.instr_idx;

	if (!risk_is_known(r, in))
		return;
	__builtin_prefetch(&r->instr[idx], 1);
	__builtin_prefetch(&r->instr[idx].gross_max_ntl4);
	__builtin_prefetch(
		&r->open_slot[risk_open_home(
			r, risk_open_slot(risk_open_key(in->strategy_idx, in->kind == INTENT_NEW
										  ? in->intent_id
										  : in->orig_id),
					  0))],
		1);
}

HOT_INLINE void
risk_look_at_cell(const struct risk *r, const struct intent *in)
{
	const struct risk_instr *i;

	if (!risk_is_known(r, in))
		return;
	i = &r->instr[in->head.instr_idx];
	__builtin_prefetch(&r->cell[risk_leaf_cell(i, in->strategy_idx)], 1);
	__builtin_prefetch(risk_firm_cell(r, i), 1);
}

HOT_INLINE void
risk_look_above(const struct risk *r, const struct intent *in)
{
	const struct risk_cell *c;

	if (!risk_is_known(r, in))
		return;
	c = &r->cell[risk_leaf_cell(&r->instr[in->head.instr_idx], in->strategy_idx)];
	__builtin_prefetch(&r->cell[c->up], 1);
	__builtin_prefetch(&r->cell[c->above], 1);
}

HOT_INLINE void
risk_count(struct risk *r, enum risk_verdict v)
{
	metric_add(&r->metrics.intent_passed + v, 1);
}

/*
 * Each level of the tree holds what the plan reserves.  The rooms shrink by what it takes of them,
 * which is what risk_node_settle would make of the sums.
 */
HOT_INLINE void
risk_reserve_levels(struct risk *r, const struct intent *in, const struct risk_plan *plan)
{
	const risk_pair_of_rooms sums = plan->need.pair[RISK_ROOM_GROSS / 2];
	const risk_pair_of_rooms orders = plan->need.pair[RISK_ROOM_ORDERS / 2];
	const __int128 var_ntl4bp =
		(__int128)plan->grow_ntl4 * r->instr[in->head.instr_idx].var_bp;
	const int64_t grow_ntl4 = plan->grow_ntl4;
	const uint32_t grow_qty = plan->grow_qty, new = in->kind == INTENT_NEW;
	const uint32_t rate_mask = r->rate_mask;
	struct risk_cell *const cell = r->cell, *c = plan->cell;
	struct risk_node *const node = r->node;
	const uint64_t now_ns = r->last_ns;
	const uint8_t side = in->side;

	for (;;) {
		struct risk_node *n = &node[c->node_idx];
		const uint32_t up = c->up;
		const uint64_t cnt = n->order_cnt;
		uint64_t *const order_ns = n->order_ns;

		c->open_qty[side] += grow_qty;
		c->open_ntl4[side] += grow_ntl4;
		n->room_pair[RISK_ROOM_GROSS / 2] -= sums;
		n->room_pair[RISK_ROOM_ORDERS / 2] -= orders;
		n->room[RISK_ROOM_BUY + side] -= grow_ntl4;
		n->open_ntl4[side] += grow_ntl4;
		n->open_var_ntl4bp += var_ntl4bp;
		n->open_cnt += new;
		n->order_cnt = cnt + 1;
		order_ns[cnt & rate_mask] = now_ns;
		__builtin_prefetch(&order_ns[(cnt + 9) & rate_mask], 1); // a line ahead
		if (unlikely(--n->rate_left == 0))
			risk_rate_settle(r, n);
		if (up == 0)
			break;
		c = &cell[up];
	}
}

/* Takes what the plan reserves. */
HOT_INLINE void
risk_reserve(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	     const struct risk_plan *plan)
{
	const uint32_t enable_seq = lim->leaf[in->strategy_idx].enable_seq;
	struct risk_instr *i = &r->instr[in->head.instr_idx];
	struct risk_open *e = plan->entry;
	struct risk_cell *c = plan->cell;

	if (in->kind == INTENT_NEW) {
		risk_open_take(r, e, plan->slot, risk_open_key(in->strategy_idx, in->intent_id));
		e->px4 = (uint32_t)in->px4;
		e->open_qty = in->qty;
		e->executed_qty = 0;
		e->cell = (uint32_t)(c - r->cell);
		e->instr_idx = in->head.instr_idx;
		e->side = in->side;
		e->short_sale = plan->short_sale;
		e->replace_pending = 0;
		e->located_qty = 0;
		risk_own_add(r, i, e);
		__builtin_prefetch(&r->open[r->open_free], 1); // the next one's
	} else {
		e->open_qty += plan->grow_qty;
		e->px4 = in->px4 > e->px4 ? (uint32_t)in->px4 : e->px4;
		e->replace_pending = 1;
		risk_own_near(i, e, (uint32_t)in->px4);
	}
	if (likely(in->head.rx_ns > r->last_ns))
		r->last_ns = in->head.rx_ns;
	if (unlikely(c->enable_seq != enable_seq)) {
		c->enable_seq = enable_seq;
		c->execution_cnt[SIDE_BUY] = c->execution_cnt[SIDE_SELL] = 0;
	}
	if (unlikely(plan->located_qty != 0)) {
		e->located_qty += plan->located_qty;
		r->cell[c->up].located_qty += plan->located_qty;
	}
	risk_reserve_levels(r, in, plan);
	if (plan->terms != 0)
		*risk_recent_of(r, plan->terms) = (struct risk_recent){ plan->terms, r->last_ns };
	r->sent_cnt++;
	r->message_cnt[in->session_idx]++;
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
		struct risk_node *n = &r->node[p->node[k]];

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

/* A new order or a replace becomes an order: what it reserves is taken. */
HOT_INLINE void
risk_pass(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	  const struct risk_plan *plan, struct order *out)
{
	memcpy(out, in, sizeof(*out));
	out->px4 = (uint32_t)in->px4;
	out->reserve_qty = plan->grow_qty;
	out->limits_version = lim->version;
	out->flags &= (uint8_t)~INTENT_SHORT;
	if (!plan->short_sale) // the sale is marked here, by the position
		out->flags &= (uint8_t)~INTENT_SHORT_EXEMPT;
	else if (!(out->flags & INTENT_SHORT_EXEMPT))
		out->flags |= INTENT_SHORT;
	risk_count(r, RISK_PASS);
	risk_reserve(r, lim, in, plan);
}

/* The exact way, and all that is rare; as risk_on_intent. */
COLD bool risk_on_intent_exact(struct risk *r, const struct risk_limits *lim,
			       const struct intent *in, struct order *out, struct verdict *no);

/* Whether it is well formed and its instrument exists. */
HOT_INLINE bool
risk_is_usual(const struct risk *r, const struct intent *in)
{
	return risk_is_well_formed(in) & ((uint32_t)in->head.instr_idx - 1 < r->instr_last);
}

/*
 * Lets an intent become an order, or says why not.  True when *out was filled, otherwise *no was.
 */
HOT_INLINE bool
risk_on_intent(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	       struct order *out, struct verdict *no)
{
	struct risk_plan plan;

	if (unlikely(lim->version != r->limits_version))
		risk_take_limits(r, lim);
	if (unlikely(!risk_is_usual(r, in)))
		return risk_on_intent_exact(r, lim, in, out, no);
	if (intent_takes_away(in->kind)) {
		if (unlikely(in->kind == INTENT_MODIFY && risk_short_flags(in)))
			return risk_on_intent_exact(r, lim, in, out, no);
		risk_pass_cancel(r, lim, in, out);
		return true;
	}
	if (unlikely(r->instr[in->head.instr_idx].terms_seq != r->terms_seq))
		risk_instr_refresh(r, lim, in->head.instr_idx);
	if (unlikely(!risk_passes(r, lim, in, &plan)))
		return risk_on_intent_exact(r, lim, in, out, no);
	risk_pass(r, lim, in, &plan, out);
	return true;
}

#endif
