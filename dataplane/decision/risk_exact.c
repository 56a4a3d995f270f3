/* SPDX-License-Identifier: Apache-2.0 */
#include "decision/risk.h"

/*
 * The checks one after another, in the order of risk_verdicts.def: what an intent comes to that
 * lacks anything by risk_judge.h.  A refusal's reason comes from here, and what passes here passes.
 */

/* Which of the reasons to send nothing weighs most. */
static enum risk_verdict
halt_verdict(uint32_t reasons)
{
	if (reasons & ~(uint32_t)(HALT_DISARMED | HALT_OPERATOR))
		return RISK_REJECT_STOPPED;
	return reasons & HALT_OPERATOR ? RISK_REJECT_HALTED : RISK_REJECT_DISARMED;
}

/* Whether an intent of this kind may be sent for the instrument at all, whatever its terms. */
static enum risk_verdict
judge_market(const struct risk *r, const struct risk_limits *lim,
	     const struct risk_instr_limits *il, const struct risk_instr *i,
	     const struct intent *in)
{
	const uint8_t mode = lim->leaf[in->strategy_idx].mode;

	if (unlikely(halt_is_on()))
		return halt_verdict(halt_reasons());
	if (unlikely(lim->halted))
		return RISK_REJECT_HALTED;
	if (unlikely(!lim->armed))
		return RISK_REJECT_DISARMED;
	if (unlikely(!il->allowed))
		return RISK_REJECT_NOT_ALLOWED;
	if (unlikely(il->halted != RISK_INSTR_GOES))
		return il->halted == RISK_INSTR_FROZEN ? RISK_REJECT_FROZEN
						       : RISK_REJECT_INSTR_HALTED;
	if (unlikely(il->restricted_mask >> in->strategy_idx & 1))
		return RISK_REJECT_RESTRICTED;
	if (unlikely(!(i->leaf_mask >> in->strategy_idx & 1)))
		return RISK_REJECT_UNASSIGNED;
	if (unlikely(mode > RISK_MODE_REDUCE_ONLY))
		return mode == RISK_MODE_CANCEL_ONLY ? RISK_REJECT_CANCEL_ONLY
						     : RISK_REJECT_NODE_HALTED;
	if (unlikely(i->confidence != CONFIDENCE_LIVE)) {
		if (i->confidence == CONFIDENCE_SUSPECT)
			return RISK_REJECT_BOOK_SUSPECT;
		return i->confidence == CONFIDENCE_RECOVERING ? RISK_REJECT_BOOK_RECOVERING
							      : RISK_REJECT_BOOK_STALE;
	}
	if (unlikely(i->state != TRADING_OPEN))
		return RISK_REJECT_STATE;
	if (unlikely(lim->hours != RISK_HOURS_ANY && !risk_hours_allow(lim->hours, i->phase)))
		return RISK_REJECT_HOURS;
	if (unlikely(lim->intent_age_max_ns != 0 && r->now_ns > in->head.rx_ns &&
		     r->now_ns - in->head.rx_ns > lim->intent_age_max_ns))
		return RISK_REJECT_AGE;
	return RISK_PASS;
}

/* Whether a distance from a price is within bp of it. */
static bool
is_near(int64_t px4, uint32_t from_px4, uint32_t bp)
{
	return risk_abs(px4 - from_px4) * BP_ONE <= (int64_t)from_px4 * bp; // both below 2^63
}

/* Whether the price stands on the instrument's tick: by default Regulation NMS 612. */
static bool
on_tick(int64_t px4, uint32_t tick_px4)
{
	if (likely(tick_px4 == 0))
		return px4 % 100 == 0 || px4 < 10000;
	return px4 % tick_px4 == 0;
}

/* Whether the price is one that may be asked for. */
static enum risk_verdict
judge_price(const struct risk_instr_limits *il, const struct risk_leaf_limits *leaf,
	    const struct risk_instr *i, int64_t px4, uint8_t side)
{
	if (unlikely(px4 <= 0 || px4 > PX4_MAX))
		return px4 == RISK_MARKET_PX4 ? RISK_REJECT_MARKET : RISK_REJECT_PRICE;
	if (unlikely(!on_tick(px4, il->tick_px4)))
		return RISK_REJECT_TICK;
	if (unlikely(i->ref_px4 == 0))
		return RISK_REJECT_NO_REFERENCE;
	if (unlikely(!is_near(px4, i->ref_px4,
			      il->collar_bp < leaf->collar_bp ? il->collar_bp : leaf->collar_bp)))
		return RISK_REJECT_COLLAR;
	if (unlikely(il->collar_last_bp != 0 && i->last_px4 != 0 &&
		     !is_near(px4, i->last_px4, il->collar_last_bp)))
		return RISK_REJECT_COLLAR_LAST;
	if (unlikely(side == SIDE_BUY && i->band_hi_px4 != 0 && px4 > i->band_hi_px4))
		return RISK_REJECT_BAND;
	if (unlikely(side == SIDE_SELL && px4 < i->band_lo_px4))
		return RISK_REJECT_BAND;
	return RISK_PASS;
}

/* Whether the order opens a quantity, price and value that it may. */
static enum risk_verdict
judge_terms(const struct risk_limits *lim, const struct risk_instr_limits *il,
	    const struct risk_instr *i, const struct intent *in, uint32_t want_qty)
{
	const struct risk_leaf_limits *leaf = &lim->leaf[in->strategy_idx];
	int64_t ntl4;
	enum risk_verdict v;

	if (unlikely(want_qty == 0 || want_qty > il->order_max_qty ||
		     want_qty > leaf->order_max_qty))
		return RISK_REJECT_QTY;
	if (unlikely(i->venue_lot_qty > 1) && want_qty % i->venue_lot_qty != 0)
		return RISK_REJECT_LOT;
	if (unlikely(il->lot_qty > 1) && want_qty % il->lot_qty != 0)
		return RISK_REJECT_LOT;
	v = judge_price(il, leaf, i, in->px4, in->side);
	if (unlikely(v != RISK_PASS))
		return v;
	ntl4 = ntl4_of(in->px4, want_qty);
	if (unlikely(ntl4 > il->order_max_ntl4 || ntl4 > leaf->order_max_ntl4))
		return RISK_REJECT_NOTIONAL;
	return RISK_PASS;
}

/* Whether the firm would come to sell more than it holds. */
static bool
oversells(const struct risk *r, const struct risk_instr *i, uint32_t grow_qty)
{
	const struct risk_cell *c = risk_firm_cell(r, i);

	return c->position_qty - (int64_t)risk_open_qty(r, c, SIDE_SELL) < (int64_t)grow_qty;
}

/* Whether a short sale may be: of a plan's entry, its cell and grow_qty. */
static enum risk_verdict
judge_short(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	    const struct risk_open *e, const struct risk_cell *c, uint32_t grow_qty)
{
	const struct risk_instr_limits *il = &lim->instr[in->head.instr_idx];
	const struct risk_instr *i = &r->instr[in->head.instr_idx];
	const struct risk_cell *account;

	if (unlikely(!il->short_allowed))
		return RISK_REJECT_SHORT;
	if (unlikely(in->kind == INTENT_REPLACE && !e->short_sale))
		return RISK_REJECT_SHORT; // a replace cannot mark the sale
	if (unlikely(i->short_sale != '0' && in->px4 <= i->bid_px4))
		return RISK_REJECT_SHORT_PRICE; // unknown counts as restricted
	if (likely(!il->locate_required))
		return RISK_PASS;
	account = &r->cell[c->up];
	if (unlikely((uint64_t)risk_located_used(r, account) + grow_qty >
		     risk_located_qty(lim, account->node_idx, in->head.instr_idx)))
		return RISK_REJECT_LOCATE;
	return RISK_PASS;
}

/* Whether what the firm has of the instrument leaves room for the plan. */
static enum risk_verdict
judge_instr(const struct risk *r, const struct risk_instr_limits *il, uint8_t side,
	    const struct risk_plan *plan)
{
	const struct risk_cell *c = risk_firm_cell(r, plan->instr);
	const int64_t open_ntl4[2] = { risk_firm_open_ntl4(r, plan->instr, SIDE_BUY),
				       risk_firm_open_ntl4(r, plan->instr, SIDE_SELL) };
	const uint64_t open_qty =
		(uint64_t)risk_open_qty(r, c, SIDE_BUY) + risk_open_qty(r, c, SIDE_SELL);
	const int64_t sign = side == SIDE_BUY ? 1 : -1;
	const int64_t worst_qty =
		sign * c->position_qty + (int64_t)risk_open_qty(r, c, side) + plan->grow_qty;
	// a position's value takes 63 bits, open orders RISK_ROOM_END at most, and so does the plan
	const uint64_t gross_ntl4 = (uint64_t)risk_abs(c->position_ntl4) +
				    (uint64_t)(open_ntl4[SIDE_BUY] + open_ntl4[SIDE_SELL]) +
				    (uint64_t)plan->grow_ntl4;

	if (unlikely(open_qty + plan->grow_qty > il->open_max_qty))
		return RISK_REJECT_OPEN;
	if (unlikely(plan->grow_qty != 0 && worst_qty > (int64_t)il->position_max_qty))
		return RISK_REJECT_POSITION;
	if (unlikely(il->gross_max_ntl4 != 0 && plan->grow_ntl4 != 0 &&
		     gross_ntl4 > (uint64_t)il->gross_max_ntl4))
		return RISK_REJECT_INSTR_GROSS;
	if (unlikely(il->net_max_ntl4 != 0 && plan->grow_ntl4 != 0 &&
		     (__int128)sign * c->position_ntl4 + open_ntl4[side] + plan->grow_ntl4 >
			     il->net_max_ntl4))
		return RISK_REJECT_INSTR_NET;
	return RISK_PASS;
}

/* Whether the order can only make the cell's position smaller, whatever else is executed. */
static bool
reduces(const struct risk *r, const struct risk_cell *c, uint8_t side, const struct risk_plan *plan)
{
	const int64_t against_qty = side == SIDE_BUY ? -c->position_qty : c->position_qty;

	return (int64_t)risk_open_qty(r, c, side) + plan->grow_qty <= against_qty;
}

static enum risk_verdict
judge_sums(const struct risk_node *n, uint8_t side, uint32_t var_bp, const struct risk_plan *plan)
{
	const struct risk_node_limits *nl = &n->lim;
	const __int128 net_ntl4 =
		(side == SIDE_BUY ? n->net_ntl4 : -n->net_ntl4) + risk_open_ntl4(n, side);
	const __int128 var_ntl4bp = n->held_var_ntl4bp + risk_open_var(n);

	if (risk_gross(n) + plan->grow_ntl4 > nl->gross_max_ntl4)
		return RISK_REJECT_GROSS;
	if (net_ntl4 + plan->grow_ntl4 > nl->net_max_ntl4)
		return RISK_REJECT_NET;
	if (risk_credit_used(n) + plan->grow_ntl4 > nl->credit_max_ntl4)
		return RISK_REJECT_CREDIT;
	if (var_ntl4bp + (__int128)plan->grow_ntl4 * var_bp > (__int128)nl->var_max_ntl4 * BP_ONE)
		return RISK_REJECT_VAR;
	return RISK_PASS;
}

static enum risk_verdict
judge_node(const struct risk *r, const struct risk_cell *c, const struct intent *in,
	   uint32_t var_bp, const struct risk_plan *plan)
{
	const struct risk_node *n = &r->node[c->node_idx];
	const struct risk_node_limits *nl = &n->lim;
	const int64_t worst_qty = (in->side == SIDE_BUY ? c->position_qty : -c->position_qty) +
				  (int64_t)risk_open_qty(r, c, in->side) + plan->grow_qty;
	const __int128 profit_ntl4 = risk_profit(n);
	const int64_t now_ns = (int64_t)in->head.rx_ns;
	enum risk_verdict v;

	if (!reduces(r, c, in->side, plan)) {
		if (n->mode != RISK_MODE_NORMAL)
			return RISK_REJECT_REDUCE_ONLY;
		if (-profit_ntl4 > nl->loss_max_ntl4)
			return RISK_REJECT_LOSS;
		if (n->high_ntl4 - profit_ntl4 > nl->drawdown_max_ntl4)
			return RISK_REJECT_DRAWDOWN;
	}
	if (plan->grow_qty != 0 && worst_qty > (int64_t)nl->position_max_qty)
		return RISK_REJECT_POSITION;
	if (in->kind == INTENT_NEW && risk_open_cnt(n) >= nl->open_orders_max)
		return RISK_REJECT_OPEN_ORDERS;
	v = plan->grow_ntl4 != 0 ? judge_sums(n, in->side, var_bp, plan) : RISK_PASS;
	if (v != RISK_PASS)
		return v;
	if ((int64_t)risk_rate_free_ns(n->order_ns, r->rate_mask, risk_order_cnt(n),
				       nl->order_rate_max, r->rate_window_ns) > now_ns)
		return RISK_REJECT_RATE;
	return n->cancel_free_ns > now_ns ? RISK_REJECT_CANCEL_RATE : RISK_PASS;
}

/*
 * Which level of the tree refuses the plan, and why.  plan->node_idx becomes the level.  A plan
 * that grows nothing needs no room in sums; it counts as an order all the same.
 */
static enum risk_verdict
judge_tree(const struct risk *r, const struct intent *in, uint32_t var_bp, struct risk_plan *plan)
{
	for (uint32_t k = plan->place; k != 0; k = r->cell[k].up) {
		const enum risk_verdict v = judge_node(r, &r->cell[k], in, var_bp, plan);

		if (v != RISK_PASS) {
			plan->node_idx = r->cell[k].node_idx;
			return v;
		}
	}
	return RISK_PASS;
}

COLD enum risk_verdict
risk_judge(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	   struct risk_plan *plan)
{
	const uint16_t idx = in->head.instr_idx;
	const struct risk_instr_limits *il;
	const struct risk_leaf_limits *leaf;
	const struct risk_instr *i;
	const struct risk_ledger *g;
	const struct risk_open *e;
	enum risk_verdict v;
	uint32_t want_qty = in->qty;
	int64_t worst_ntl4;

	*plan = (struct risk_plan){ 0 };
	if (unlikely(!risk_is_well_formed(in)))
		return RISK_REJECT_MALFORMED;
	if (unlikely(idx == INSTR_NONE || idx >= r->instr_cnt || idx >= lim->instr_cnt))
		return RISK_REJECT_INSTRUMENT;
	il = &lim->instr[idx];
	if (intent_takes_away(in->kind))
		return in->kind == INTENT_MODIFY && risk_short_flags(in) && !il->short_allowed
			       ? RISK_REJECT_SHORT
			       : RISK_PASS;
	i = &r->instr[idx];
	plan->instr = &r->instr[idx];
	plan->side = in->side;
	leaf = &lim->leaf[in->strategy_idx];
	v = judge_market(r, lim, il, i, in);
	if (unlikely(v != RISK_PASS))
		return v;

	plan->path = &r->path[in->strategy_idx];
	plan->place = risk_leaf_cell(i, in->strategy_idx);
	plan->room = &r->room[plan->place];
	plan->key = risk_open_key(in->strategy_idx,
				  in->kind == INTENT_NEW ? in->intent_id : in->orig_id);
	plan->slot = risk_open_find(r, plan->key);
	plan->entry = risk_open_at(r, plan->slot);
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
	v = judge_terms(lim, il, i, in, want_qty);
	if (unlikely(v != RISK_PASS))
		return v;

	// a free entry has no quantity, so a new order is a replace of nothing
	plan->grow_qty = want_qty > e->open_qty ? want_qty - e->open_qty : 0;
	worst_ntl4 = ntl4_of(in->px4 > e->px4 ? in->px4 : e->px4, e->open_qty + plan->grow_qty);
	plan->grow_ntl4 = worst_ntl4 - ntl4_of(e->px4, e->open_qty);

	if (unlikely(risk_px_meets(in->side, (uint32_t)in->px4, i->own_near[in->side ^ 1])) &&
	    !lim->self_match && risk_own_meets(r, i, in->side, in->px4))
		return RISK_REJECT_SELF_MATCH;
	plan->short_mark =
		risk_short_mark(oversells(r, i, plan->grow_qty), in, plan, in->kind == INTENT_NEW);
	if (plan->short_mark != 0) {
		v = judge_short(r, lim, in, e, &r->cell[plan->place], plan->grow_qty);
		if (unlikely(v != RISK_PASS))
			return v;
		plan->located_qty = il->locate_required ? plan->grow_qty : 0;
	}
	v = judge_instr(r, il, in->side, plan);
	if (unlikely(v != RISK_PASS))
		return v;
	v = judge_tree(r, in, i->var_bp, plan);
	if (unlikely(v != RISK_PASS))
		return v;
	g = &r->ledger[plan->place];
	if (unlikely(g->execution_cnt[in->side] >= leaf->execution_max &&
		     g->enable_seq == leaf->enable_seq))
		return RISK_REJECT_REPEATED;
	if (lim->duplicate_window_ns != 0 && in->kind == INTENT_NEW) {
		risk_plan_recent(r, in, plan);
		if (risk_is_same_order(lim, in, plan))
			return RISK_REJECT_SAME_ORDER;
	}
	if (unlikely(lim->session_message_max != 0 &&
		     r->message_cnt[in->session_idx] >= lim->session_message_max))
		return RISK_REJECT_MESSAGES;
	if (unlikely(in->kind == INTENT_NEW && r->open_cnt >= r->open_max))
		return RISK_REJECT_ORDERS;
	return RISK_PASS;
}

COLD void
risk_reserve_sums(struct risk *r, const struct intent *in, const struct risk_plan *plan)
{
	const uint32_t var_bp = r->instr[in->head.instr_idx].var_bp;

	for (uint32_t k = plan->place; k != 0; k = r->cell[k].up) {
		struct risk_cell *c = &r->cell[k];
		struct risk_node *n = &r->node[c->node_idx];

		c->open_and_room_qty[in->side] += plan->grow_qty;
		if (c->up == 0)
			c->open_and_room_ntl4[in->side] += (uint64_t)plan->grow_ntl4;
		n->open_ntl4[in->side] += plan->grow_ntl4;
		n->open_var_ntl4bp += (__int128)plan->grow_ntl4 * var_bp;
		n->open_cnt += in->kind == INTENT_NEW;
		*n->order_at++ = r->last_ns;
		if (n->order_at == n->order_end)
			risk_rate_settle(r, n);
		risk_cell_settle(r, c, n->position_max_qty);
		risk_node_settle(n);
	}
	risk_firm_settle(r, &r->instr[in->head.instr_idx]);
}

COLD bool
risk_on_intent_exact(struct risk *r, const struct risk_limits *lim, const struct intent *in,
		     struct order *out, struct verdict *no)
{
	struct risk_plan plan;
	struct risk_due due = { 0 };
	enum risk_verdict v;

	v = risk_judge(r, lim, in, &plan);
	if (likely(v == RISK_PASS)) {
		if (intent_takes_away(in->kind)) {
			risk_pass_cancel(r, lim, in, out);
		} else {
			risk_pass(r, lim, in, &plan, out);
			risk_due_of(&due, in, &plan, in->kind == INTENT_NEW);
			risk_enter(r, &due, in->kind == INTENT_NEW);
			risk_reserve_sums(r, in, &plan);
		}
		return true;
	}
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
