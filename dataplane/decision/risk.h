/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_H
#define SLUICE_DECISION_RISK_H

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
 *   risk_judge.h    the checks
 *
 * What it reserves.  A passed intent holds back its shares at its price, at every level of the tree
 * from its strategy to the firm, until fills give them back.  While a replace is not answered the
 * order holds back the worse of both: the larger quantity at the higher price.  Limits on open
 * shares, positions and exposure count every reserved share as if it were executed, and none as if
 * it helped.
 */

/*
 * Decides, and changes nothing: the same intent may be judged twice.  *plan is complete when the
 * verdict is RISK_PASS.  Cancels and modifies pass whenever they name an instrument, also when
 * disarmed or halted: they only take away.
 */
HOT_INLINE enum risk_verdict
risk_judge(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	   struct risk_plan *plan)
{
	const uint16_t idx = in->head.instr_idx;
	const struct risk_instr_limits *il;
	const struct risk_leaf_limits *leaf;
	const struct risk_instr *i;
	const struct risk_cell *c;
	const struct risk_open *e;
	enum risk_verdict v;
	uint32_t want_qty = in->qty;
	int64_t worst_ntl4;

	*plan = (struct risk_plan){ 0 };
	if (unlikely(in->kind > INTENT_MODIFY || in->side > SIDE_SELL || in->tif > TIF_IOC ||
		     in->strategy_idx >= STRATEGY_MAX || in->session_idx >= SESSION_MAX))
		return RISK_REJECT_MALFORMED;
	if (unlikely(idx == INSTR_NONE || idx >= r->instr_cnt || idx >= lim->instr_cnt))
		return RISK_REJECT_INSTRUMENT;
	il = &lim->instr[idx];
	if (intent_takes_away(in->kind))
		return in->kind == INTENT_MODIFY && risk_short_flags(in) && !il->short_allowed
			       ? RISK_REJECT_SHORT
			       : RISK_PASS;
	i = &r->instr[idx];
	leaf = &lim->leaf[in->strategy_idx];
	v = risk_judge_market(r, lim, il, i, in);
	if (unlikely(v != RISK_PASS))
		return v;

	plan->cell = &r->cell[risk_leaf_cell(i, in->strategy_idx)];
	plan->entry = risk_open_of(r, risk_open_key(in->strategy_idx, in->kind == INTENT_NEW
									      ? in->intent_id
									      : in->orig_id));
	e = plan->entry;
	if (in->kind == INTENT_NEW) {
		if (unlikely(e->key != 0))
			return RISK_REJECT_DUPLICATE;
	} else {
		if (unlikely(e->key == 0 || e->instr_idx != idx || e->side != in->side))
			return RISK_REJECT_UNKNOWN_ORDER;
		if (unlikely(e->replace_pending))
			return RISK_REJECT_REPLACE_PENDING;
		want_qty = in->qty > e->executed_qty ? in->qty - e->executed_qty : 0;
	}
	v = risk_judge_terms(lim, il, i, in, want_qty);
	if (unlikely(v != RISK_PASS))
		return v;

	// a free entry has no quantity, so a new order is a replace of nothing
	plan->grow_qty = want_qty > e->open_qty ? want_qty - e->open_qty : 0;
	worst_ntl4 = ntl4_of(in->px4 > e->px4 ? in->px4 : e->px4, e->open_qty + plan->grow_qty);
	plan->grow_ntl4 = worst_ntl4 - ntl4_of(e->px4, e->open_qty);

	if (unlikely(risk_px_meets(in->side, in->px4, i->own_px4[in->side ^ 1])) &&
	    !lim->self_match && risk_own_meets(r, i, in->side, in->px4))
		return RISK_REJECT_SELF_MATCH;
	if (in->side == SIDE_SELL) {
		v = risk_judge_sale(r, lim, il, i, in, plan);
		if (unlikely(v != RISK_PASS))
			return v;
	}
	v = risk_judge_instr(il, risk_firm_cell(r, i), in->side, plan);
	if (unlikely(v != RISK_PASS))
		return v;
	if (unlikely(!risk_tree_has_room(r, in, i->var_bp, plan))) {
		v = risk_judge_tree(r, in, i->var_bp, plan);
		if (v != RISK_PASS)
			return v;
	}
	c = plan->cell;
	if (unlikely(c->execution_cnt[in->side] >= leaf->execution_max &&
		     c->enable_seq == leaf->enable_seq))
		return RISK_REJECT_REPEATED;
	if (lim->duplicate_window_ns != 0 && in->kind == INTENT_NEW &&
	    unlikely(risk_is_same_order(r, lim, in)))
		return RISK_REJECT_SAME_ORDER;
	if (unlikely(lim->session_message_max != 0 &&
		     r->message_cnt[in->session_idx] >= lim->session_message_max))
		return RISK_REJECT_MESSAGES;
	if (unlikely(in->kind == INTENT_NEW && r->open_cnt >= r->open_max))
		return RISK_REJECT_ORDERS;
	return RISK_PASS;
}

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
risk_look_at_instr(const struct risk *r, const struct risk_limits *lim, const struct intent *in)
{
	const uint16_t idx = in->head.instr_idx;

	if (!risk_is_known(r, in))
		return;
	__builtin_prefetch(&lim->instr[idx]);
	__builtin_prefetch(&r->instr[idx], 1);
	__builtin_prefetch(
		&r->open[risk_open_home(r, risk_open_key(in->strategy_idx, in->intent_id))], 1);
}

HOT_INLINE void
risk_look_at_cell(const struct risk *r, const struct intent *in)
{
	const struct risk_instr *i;
	uint32_t head;

	if (!risk_is_known(r, in))
		return;
	i = &r->instr[in->head.instr_idx];
	__builtin_prefetch(&r->cell[risk_leaf_cell(i, in->strategy_idx)], 1);
	__builtin_prefetch(risk_firm_cell(r, i), 1);
	head = i->own_head[in->side & 1]; // the new one's neighbour
	__builtin_prefetch(&r->open[head != 0 ? head - 1 : 0], 1);
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
 * One level of the tree holds what the plan reserves.  The rooms shrink by what it takes of them,
 * which is what risk_node_settle would make of the sums.
 */
HOT_INLINE void
risk_reserve_cell(struct risk *r, struct risk_cell *c, const struct intent *in,
		  const struct risk_plan *plan, const struct risk_rooms *take)
{
	struct risk_node *n = &r->node[c->node_idx];

	c->open_qty[in->side] += plan->grow_qty;
	c->open_ntl4[in->side] += plan->grow_ntl4;
	n->open_ntl4[in->side] += plan->grow_ntl4;
	n->open_var_ntl4bp += take->pair[RISK_ROOM_VAR / 2][RISK_ROOM_VAR % 2];
	n->open_cnt += in->kind == INTENT_NEW;
	for (int p = 0; p < RISK_ROOM_RATE / 2; p++)
		n->room_pair[p] -= take->pair[p];
	n->order_ns[n->order_cnt++ & r->rate_mask] = r->last_ns;
	risk_rate_settle(r, n);
}

/* Takes what the plan reserves. */
HOT_INLINE void
risk_reserve(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	     const struct risk_plan *plan)
{
	const struct risk_leaf_limits *leaf = &lim->leaf[in->strategy_idx];
	struct risk_instr *i = &r->instr[in->head.instr_idx];
	struct risk_open *e = plan->entry;
	struct risk_cell *c = plan->cell;
	const struct risk_rooms take = { {
		{ plan->grow_ntl4, in->side == SIDE_BUY ? plan->grow_ntl4 : 0 },
		{ in->side == SIDE_SELL ? plan->grow_ntl4 : 0, plan->grow_ntl4 * i->var_bp },
		{ in->kind == INTENT_NEW, 0 }, // the rates' rooms are times
	} };

	if (in->kind == INTENT_NEW) {
		e->key = risk_open_key(in->strategy_idx, in->intent_id);
		e->px4 = (uint32_t)in->px4;
		e->open_qty = in->qty;
		e->executed_qty = 0;
		e->cell = (uint32_t)(plan->cell - r->cell);
		e->instr_idx = in->head.instr_idx;
		e->side = in->side;
		e->short_sale = plan->short_sale;
		e->replace_pending = 0;
		e->located_qty = 0;
		metric_set(&r->metrics.open_order_cnt, ++r->open_cnt);
		risk_own_add(r, i, e);
	} else {
		e->open_qty += plan->grow_qty;
		e->px4 = in->px4 > e->px4 ? (uint32_t)in->px4 : e->px4;
		e->replace_pending = 1;
		risk_own_near(i, e, (uint32_t)in->px4);
	}
	if (in->head.rx_ns > r->last_ns)
		r->last_ns = in->head.rx_ns;
	if (unlikely(c->enable_seq != leaf->enable_seq)) {
		c->enable_seq = leaf->enable_seq;
		c->execution_cnt[SIDE_BUY] = c->execution_cnt[SIDE_SELL] = 0;
	}
	if (unlikely(plan->located_qty != 0)) {
		e->located_qty += plan->located_qty;
		r->cell[c->up].located_qty += plan->located_qty;
	}
	for (uint32_t k = e->cell; k != 0; k = r->cell[k].up)
		risk_reserve_cell(r, &r->cell[k], in, plan, &take);
	if (lim->duplicate_window_ns != 0 && in->kind == INTENT_NEW) {
		const uint64_t terms = risk_terms_of(in);

		*risk_recent_of(r, terms) = (struct risk_recent){ terms, r->last_ns };
	}
	r->sent_cnt++;
	r->message_cnt[in->session_idx]++;

	// a strategy counts its intents: where the next one's entry will be comes near meanwhile
	__builtin_prefetch(
		&r->open[risk_open_home(r, risk_open_key(in->strategy_idx, in->intent_id + 1))], 1);
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

/*
 * Lets an intent become an order, or says why not.  True when *out was filled, otherwise *no was.
 */
HOT_INLINE bool
risk_on_intent(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	       struct order *out, struct verdict *no)
{
	const bool cancel = intent_takes_away(in->kind);
	struct risk_plan plan;
	enum risk_verdict v;

	if (unlikely(lim->version != r->limits_version))
		risk_take_limits(r, lim);
	v = risk_judge(r, lim, in, &plan);
	if (unlikely(v != RISK_PASS)) {
		risk_count(r, v);
		r->node[plan.node_idx].refused_cnt++;
		*no = (struct verdict){
			.head = in->head,
			.px4 = in->px4,
			.qty = in->qty,
			.intent_id = in->intent_id,
			.orig_id = in->orig_id,
			.verdict = (uint8_t)v,
			.kind = in->kind,
			.side = in->side,
			.strategy_idx = in->strategy_idx,
			.limits_version = lim->version,
			.node_idx = plan.node_idx,
		};
		return false;
	}
	*out = (struct order){
		.head = in->head,
		.px4 = cancel ? 0 : (uint32_t)in->px4,
		.reserve_qty = cancel ? 0 : plan.grow_qty,
		.qty = in->qty,
		.intent_id = in->intent_id,
		.orig_id = in->orig_id,
		.kind = in->kind,
		.side = in->side,
		.tif = in->tif,
		.flags = (uint8_t)(in->flags & ~INTENT_SHORT),
		.strategy_idx = in->strategy_idx,
		.session_idx = in->session_idx,
		.confidence = in->confidence,
		.style = in->style,
		.limits_version = lim->version,
	};
	if (cancel) {
		out->flags |= in->flags & INTENT_SHORT;
		risk_count_cancel(r, lim, in);
		return true;
	}
	risk_count(r, v);
	metric_set(&r->metrics.limits_version, lim->version);
	if (!plan.short_sale) // the sale is marked here, by the position
		out->flags &= (uint8_t)~INTENT_SHORT_EXEMPT;
	else if (!(out->flags & INTENT_SHORT_EXEMPT))
		out->flags |= INTENT_SHORT;
	risk_reserve(r, lim, in, &plan);
	return true;
}

#endif
