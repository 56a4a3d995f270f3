/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_JUDGE_H
#define SLUICE_DECISION_RISK_JUDGE_H

#include <string.h>

#include "base/must.h"
#include "decision/risk_open.h"

/*
 * The usual way through all checks.  Each group below says whether an order lacks anything by them;
 * an order that lacks nothing at all passes.  They refuse nothing: whatever lacks something goes
 * the exact way (risk_exact.c), one check after another, which finds the reason or lets it pass.
 * So a group may be tighter than its checks where that is cheaper, and never looser.  None changes
 * anything.  No branch of theirs is taken by an order that passes, so all of them are foreseen.
 */

/*
 * What OUCH 5.0 and 4.2 read as "at the market".  An intent has no other way to say it, and no
 * price above PX4_MAX passes, so a market order cannot become an order here.
 */
#define RISK_MARKET_PX4 0x7FFFFFFF

/* Whether the feed's phase is one in which orders may be sent. */
HOT_INLINE bool
risk_hours_allow(uint8_t hours, uint8_t phase)
{
	if (hours == RISK_HOURS_MARKET)
		return phase == PHASE_MARKET;
	return phase == PHASE_SYSTEM || phase == PHASE_MARKET || phase == PHASE_AFTER_MARKET;
}

/* Shares or money in the order's direction: what is bought grows a long position. */
HOT_INLINE int64_t
risk_signed(size_t side, int64_t x)
{
	return (x ^ -(int64_t)side) + side;
}
static_assert(SIDE_BUY == 0 && SIDE_SELL == 1, "risk_signed negates by the side");

/*
 * What the limits and the book leave of the instrument's prices.  A collar is a distance: what
 * lies bp of a price away from it, at most, is allowed.
 */
HOT_INLINE void
risk_narrow(uint32_t *lo_px4, uint32_t *hi_px4, uint32_t from_px4, uint32_t bp)
{
	const uint64_t off_px4 = (uint64_t)from_px4 * bp / BP_ONE;

	if (off_px4 < from_px4 && from_px4 - off_px4 > *lo_px4)
		*lo_px4 = (uint32_t)(from_px4 - off_px4);
	if (from_px4 + off_px4 < *hi_px4)
		*hi_px4 = (uint32_t)(from_px4 + off_px4);
}

/* The book spoke, or the limits changed: the terms that depend on both follow. */
HOT_INLINE void
risk_instr_settle(const struct risk *r, struct risk_instr *i)
{
	uint32_t lo_px4 = 1, hi_px4 = (uint32_t)PX4_MAX;

	if (i->confidence != CONFIDENCE_LIVE || i->state != TRADING_OPEN || i->ref_px4 == 0 ||
	    (r->hours != RISK_HOURS_ANY && !risk_hours_allow(r->hours, i->phase))) {
		i->lo_px4 = 1; // no price lies between: 0 is none either
		i->hi_px4 = 0;
		return;
	}
	risk_narrow(&lo_px4, &hi_px4, i->ref_px4, i->collar_bp);
	if (i->last_px4 != 0 && i->collar_last_bp != UINT16_MAX)
		risk_narrow(&lo_px4, &hi_px4, i->last_px4, i->collar_last_bp);
	if (i->band_lo_px4 > lo_px4)
		lo_px4 = i->band_lo_px4; // also of a purchase, which lies in it anyway
	if (i->band_hi_px4 != 0 && i->band_hi_px4 < hi_px4)
		hi_px4 = i->band_hi_px4;
	i->lo_px4 = lo_px4;
	i->hi_px4 = hi_px4;
}

/* The terms of a table that the instrument has not seen yet. */
COLD void risk_instr_refresh(const struct risk *r, const struct risk_limits *lim, uint16_t idx);

/*
 * Market, halts, modes, age, lists: whether the strategy may send it an order at all.  What says to
 * be of a time beyond 63 bits may look old here; the exact way sees that it is not.
 */
HOT_INLINE bool
risk_lacks_leave(const struct risk *r, const struct risk_instr *i, const struct intent *in)
{
	return unlikely(!(i->trade_mask >> in->strategy_idx & 1)) ||
	       unlikely(halt_reasons() != 0) || // on every core's lines, and never
	       unlikely((int64_t)(r->now_ns - in->head.rx_ns) > r->age_max_ns);
}

/* Quantity, lot, price, tick, collars, band, value; hours and book, too, as no price is left then.
 */
HOT_INLINE bool
risk_lacks_terms(const struct risk_leaf_limits *leaf, const struct risk_instr *i, int64_t px4,
		 uint32_t want_qty)
{
	const uint64_t px = (uint64_t)px4; // of any price; lo and hi refuse what is none
	const uint64_t off_px4 = px > i->ref_px4 ? px - i->ref_px4 : i->ref_px4 - px;
	const uint64_t ntl4 = (uint64_t)(uint32_t)px4 * want_qty;

	return unlikely(want_qty - 1 >= i->order_max_qty) ||
	       unlikely(want_qty > leaf->order_max_qty) || unlikely(px4 < i->lo_px4) ||
	       unlikely(px4 > i->hi_px4) || unlikely(want_qty % i->lot_qty != 0) ||
	       unlikely((uint32_t)px4 % i->tick_px4 != 0) ||
	       unlikely(off_px4 * BP_ONE > (uint64_t)i->ref_px4 * leaf->collar_bp) ||
	       unlikely(ntl4 > (uint64_t)i->order_max_ntl4) ||
	       unlikely(ntl4 > (uint64_t)leaf->order_max_ntl4);
}

/* How the intent asks a sale to be marked. */
HOT_INLINE uint8_t
risk_short_flags(const struct intent *in)
{
	return in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
}

/*
 * How a sale is marked: 0, or as a short one, which follows from the worst_qty that the firm comes
 * to by it; a replace's order went out with its mark.  Never of a purchase.
 */
HOT_INLINE uint8_t
risk_short_mark(int64_t worst_qty, const struct intent *in, const struct risk_plan *plan,
		const bool new)
{
	bool is_short = (plan->grow_qty != 0) & (worst_qty > 0);

	is_short |= new ? risk_short_flags(in) != 0 : plan->entry->short_sale;
	if (likely(!(is_short & (in->side == SIDE_SELL))))
		return 0;
	return in->flags & INTENT_SHORT_EXEMPT ? INTENT_SHORT_EXEMPT : INTENT_SHORT;
}

/* Whether a short sale lacks leave or located shares; c is the strategy's cell. */
HOT_INLINE bool
risk_lacks_short(const struct risk *r, const struct risk_instr *i, const struct risk_cell *c,
		 const struct intent *in, const struct risk_plan *plan)
{
	const struct risk_cell *account = &r->cell[c->up];
	const uint64_t located_qty = (uint64_t)account->located_qty + plan->grow_qty;

	return (!i->short_allowed) | ((in->kind == INTENT_REPLACE) & !plan->entry->short_sale) |
	       ((i->short_sale != '0') & (in->px4 <= i->bid_px4)) |
	       (i->locate_required & (located_qty > account->located_max_qty));
}

/* The largest position in the order's direction that a cell can come to with so much more. */
HOT_INLINE int64_t
risk_worst_qty(const struct risk_cell *c, size_t side, uint32_t grow_qty)
{
	return risk_signed(side, c->position_qty) + (int64_t)c->open_qty[side] + grow_qty;
}

/* Open shares, position, gross, net of what the firm has of the instrument. */
HOT_INLINE bool
risk_lacks_instr_room(const struct risk_instr *i, const struct risk_cell *c, size_t side,
		      int64_t worst_qty, const struct risk_plan *plan)
{
	const uint64_t open_qty =
		(uint64_t)c->open_qty[SIDE_BUY] + c->open_qty[SIDE_SELL] + plan->grow_qty;
	const uint64_t gross_ntl4 = (uint64_t)risk_abs(c->position_ntl4) +
				    (uint64_t)c->open_ntl4[SIDE_BUY] +
				    (uint64_t)c->open_ntl4[SIDE_SELL] + (uint64_t)plan->grow_ntl4;
	// where gross does not exceed 63 bits, net does not either
	const uint64_t net_ntl4 = (uint64_t)risk_signed(side, c->position_ntl4) +
				  (uint64_t)c->open_ntl4[side] + (uint64_t)plan->grow_ntl4;

	return unlikely(open_qty > i->open_max_qty) ||
	       unlikely(worst_qty > (int64_t)i->position_max_qty) ||
	       unlikely(gross_ntl4 > (uint64_t)i->gross_max_ntl4) ||
	       unlikely((int64_t)net_ntl4 > i->net_max_ntl4);
}

/*
 * Whether a level of the tree lacks room for the plan, as far as rooms say: a level that may
 * reduce, sums beyond RISK_ROOM_END, and a plan that grows nothing pass the exact way.
 */
HOT_INLINE bool
risk_lacks_room(const struct risk_node *n, const struct intent *in, const struct risk_plan *plan,
		const bool new)
{
	const size_t side = in->side;

	return unlikely(plan->grow_ntl4 > n->room[RISK_ROOM_GROSS]) ||
	       unlikely(plan->var_ntl4bp > n->room[RISK_ROOM_VAR]) ||
	       unlikely(plan->grow_ntl4 > (n->room + RISK_ROOM_BUY)[side]) ||
	       unlikely(n->room[RISK_ROOM_ORDERS] < new) ||
	       unlikely((int64_t)in->head.rx_ns < n->free_ns);
}

/* The same of each level from the strategy to the firm, and its position. */
HOT_INLINE bool
risk_lacks_tree_room(const struct risk *r, const struct intent *in, const struct risk_plan *plan,
		     const bool new)
{
	const struct risk_cell *const cell = r->cell, *c = plan->cell;
	const struct risk_node *const node = r->node;

	do { // not the firm: its position is the instrument's
		const struct risk_node *n = &node[c->node_idx];

		if (risk_lacks_room(n, in, plan, new) ||
		    unlikely(risk_worst_qty(c, in->side, plan->grow_qty) >
			     (int64_t)n->position_max_qty))
			return true;
		c = &cell[c->up];
	} while (c->up != 0);
	return risk_lacks_room(&node[RISK_NODE_FIRM], in, plan, new);
}

/*
 * Which of all checks refuses the intent, and changes nothing: the same intent may be judged twice.
 * *plan is complete when the verdict is RISK_PASS.  Cancels and modifies pass whenever they name an
 * instrument, also when disarmed or halted: they only take away.
 */
COLD enum risk_verdict risk_judge(const struct risk *r, const struct risk_limits *lim,
				  const struct intent *in, struct risk_plan *plan);

/*
 * What makes two orders of a strategy the same one, and where it is remembered.  The last order of
 * each of RISK_RECENT_CNT slots is, so of two that fall into one slot the older is forgotten.
 */
HOT_INLINE void
risk_plan_recent(const struct risk *r, const struct intent *in, struct risk_plan *plan)
{
	const uint64_t multiplier = 0x9E3779B97F4A7C15ULL; // 2^64 by the golden ratio
	uint64_t hash;

	plan->what = (uint64_t)in->px4 << 32 | in->qty; // not 0 of an order that passes
	plan->who = (uint64_t)in->strategy_idx << 17 | (uint64_t)in->head.instr_idx << 1 | in->side;
	hash = (plan->what + plan->who * multiplier) * multiplier;
	plan->recent = &r->recent[hash >> 54]; // 10 bits
}
static_assert(RISK_RECENT_CNT == 1 << 10, "risk_plan_recent takes 10 bits");

/* Whether the strategy may have meant to send this twice. */
HOT_INLINE bool
risk_is_same_order(const struct risk_limits *lim, const struct intent *in,
		   const struct risk_plan *plan)
{
	const struct risk_recent *last = plan->recent;

	return unlikely(last->what == plan->what) && last->who == plan->who &&
	       in->head.rx_ns < last->ns + lim->duplicate_window_ns;
}

/*
 * Whether its indexes are ones that exist.  Each of these counts is a power of two, so a bit above
 * says it of all at once.
 */
HOT_INLINE bool
risk_is_well_formed(const struct intent *in)
{
	const struct intent none = {
		.kind = (uint8_t)~INTENT_MODIFY,
		.side = (uint8_t)~SIDE_SELL,
		.tif = (uint8_t)~TIF_IOC,
		.strategy_idx = (uint8_t) ~(STRATEGY_MAX - 1),
		.session_idx = (uint8_t) ~(SESSION_MAX - 1),
	};
	uint64_t said, wrong;

	memcpy(&said, (const uint8_t *)in + offsetof(struct intent, kind), sizeof(said));
	memcpy(&wrong, (const uint8_t *)&none + offsetof(struct intent, kind), sizeof(wrong));
	return (said & wrong) == 0;
}
static_assert(offsetof(struct intent, style) == offsetof(struct intent, kind) + 7,
	      "eight bytes beside one another");
static_assert((INTENT_MODIFY & (INTENT_MODIFY + 1)) == 0 && SIDE_SELL == 1 && TIF_IOC == 1 &&
		      (STRATEGY_MAX & (STRATEGY_MAX - 1)) == 0 &&
		      (SESSION_MAX & (SESSION_MAX - 1)) == 0,
	      "the largest of each is all ones");

/* What became of the order that a replace names. */
HOT_INLINE bool
risk_lacks_entry(const struct risk_open *e, const struct intent *in)
{
	return (e->key == 0) | (e->instr_idx != in->head.instr_idx) | (e->side != in->side) |
	       (e->replace_pending != 0);
}

/* What a new order would take of all; the price was not looked at yet. */
HOT_INLINE void
risk_plan_new(const struct risk *r, const struct intent *in, struct risk_plan *plan)
{
	plan->entry = &r->open[r->open_free];
	plan->grow_qty = in->qty;
	plan->grow_ntl4 = (int64_t)((uint64_t)(uint32_t)in->px4 * in->qty);
}

/* What a replace would take; the larger quantity at the higher price.  Returns what it wants. */
HOT_INLINE uint32_t
risk_plan_replace(const struct risk *r, const struct intent *in, struct risk_plan *plan)
{
	const struct risk_open *e = risk_open_at(r, plan->slot);
	const uint32_t open_qty = e->open_qty, px4 = (uint32_t)in->px4;
	const uint32_t want_qty = in->qty > e->executed_qty ? in->qty - e->executed_qty : 0;
	const uint64_t worst_px4 = e->px4 < px4 ? px4 : e->px4;

	plan->entry = (struct risk_open *)e;
	plan->grow_qty = want_qty > open_qty ? want_qty - open_qty : 0;
	plan->grow_ntl4 =
		(int64_t)(worst_px4 * (open_qty + plan->grow_qty) - (uint64_t)e->px4 * open_qty);
	return want_qty;
}

/*
 * Whether a new order or a replace, as `new` says, passes every check; *plan is complete then.
 * False says only that the exact way must look.  Its instrument exists and has the terms of the
 * limits in force.
 */
HOT_INLINE bool
risk_passes_as(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	       struct risk_plan *plan, const bool new)
{
	const struct risk_leaf_limits *leaf = &lim->leaf[(size_t)in->strategy_idx];
	const struct risk_instr *i = &r->instr[in->head.instr_idx];
	const struct risk_cell *firm, *c;
	const size_t side = in->side;
	uint32_t want_qty;
	int64_t worst_qty;

	if (risk_lacks_leave(r, i, in))
		return false;
	plan->key = risk_open_key(in->strategy_idx, new ? in->intent_id : in->orig_id);
	plan->slot = risk_open_find(r, plan->key);
	if (new) {
		if (unlikely(r->open_slot[plan->slot] != 0) || unlikely(r->open_free == 0))
			return false;
		risk_plan_new(r, in, plan);
		want_qty = in->qty;
	} else {
		want_qty = risk_plan_replace(r, in, plan);
		if (unlikely(risk_lacks_entry(plan->entry, in)))
			return false;
	}
	if (risk_lacks_terms(leaf, i, in->px4, want_qty) ||
	    (unlikely(risk_px_meets(in->side, (uint32_t)in->px4, i->own_near[side ^ 1])) &&
	     !lim->self_match) ||
	    unlikely(
		    __builtin_mul_overflow(plan->grow_ntl4, (int64_t)i->var_bp, &plan->var_ntl4bp)))
		return false;
	firm = risk_firm_cell(r, i);
	worst_qty = risk_worst_qty(firm, side, plan->grow_qty);
	plan->cell = &r->cell[risk_leaf_place(i, in->strategy_idx)];
	c = plan->cell;
	if (risk_lacks_instr_room(i, firm, side, worst_qty, plan) ||
	    unlikely(c->execution_cnt[side] >= leaf->execution_max) ||
	    risk_lacks_tree_room(r, in, plan, new) ||
	    unlikely(r->message_cnt[in->session_idx] >= r->message_max))
		return false;
	plan->recent = NULL;
	if (new &&likely(lim->duplicate_window_ns != 0)) {
		risk_plan_recent(r, in, plan);
		if (risk_is_same_order(lim, in, plan))
			return false;
	}
	plan->located_qty = 0;
	plan->short_mark = risk_short_mark(worst_qty, in, plan, new);
	if (unlikely(plan->short_mark != 0)) {
		if (unlikely(risk_lacks_short(r, i, c, in, plan)))
			return false;
		plan->located_qty = i->locate_required ? plan->grow_qty : 0;
	}
	return true;
}

HOT_INLINE bool
risk_passes(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	    struct risk_plan *plan)
{
	return in->kind == INTENT_NEW ? risk_passes_as(r, lim, in, plan, true)
				      : risk_passes_as(r, lim, in, plan, false);
}

#endif
