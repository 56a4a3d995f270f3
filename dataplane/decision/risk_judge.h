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

	i->short_px4 = !i->short_allowed             ? UINT32_MAX
		       : i->short_sale == '0'        ? 0
		       : i->bid_px4 < UINT32_MAX - 1 ? i->bid_px4 + 1
						     : UINT32_MAX;
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
risk_lacks_leave(const struct risk *r, const struct intent *in)
{
	return unlikely(halt_reasons() != 0) || // on every core's lines, and never
	       unlikely((int64_t)(r->now_ns - in->head.rx_ns) > r->age_max_ns);
}

/*
 * A divisor as a part of 2^64: what it divides, times the part and once more, comes to no more than
 * the part.  True of numbers of 32 bits: D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct
 * computation" (2019).
 */
HOT_INLINE uint64_t
risk_part_of(uint32_t divisor)
{
	return UINT64_MAX / divisor;
}

HOT_INLINE bool
risk_divides(uint64_t part, uint32_t x)
{
	return part * x + x <= part;
}

/* Quantity, lot, price, tick, collars, band, value; hours and book, too, as no price is left then.
 */
HOT_INLINE bool
risk_lacks_terms(const struct risk_instr *i, int64_t px4, uint32_t want_qty)
{
	const int64_t ntl4 = (int64_t)((uint64_t)(uint32_t)px4 * want_qty);

	return unlikely(want_qty - 1 >= i->order_max_qty) || unlikely(px4 < i->lo_px4) ||
	       unlikely(px4 > i->hi_px4) || unlikely(!risk_divides(i->lot_part, want_qty)) ||
	       unlikely(!risk_divides(i->tick_part, (uint32_t)px4)) ||
	       unlikely(ntl4 > i->order_max_ntl4);
}

/* What a strategy must keep to beside the instrument's terms, if it is not of plain_mask. */
HOT_INLINE bool
risk_lacks_own_terms(const struct risk *r, const struct risk_limits *lim,
		     const struct risk_instr *i, const struct intent *in, uint32_t want_qty)
{
	const struct risk_leaf_limits *leaf = &lim->leaf[(size_t)in->strategy_idx];
	const struct risk_ledger *g = &r->ledger[risk_leaf_place(i, in->strategy_idx)];
	const uint64_t px = (uint64_t)in->px4;
	const uint64_t off_px4 = px > i->ref_px4 ? px - i->ref_px4 : i->ref_px4 - px;

	return !(i->trade_mask >> in->strategy_idx & 1) || want_qty > leaf->order_max_qty ||
	       off_px4 * BP_ONE > (uint64_t)i->ref_px4 * leaf->collar_bp ||
	       (int64_t)(px * want_qty) > leaf->order_max_ntl4 ||
	       g->execution_cnt[in->side] >= leaf->execution_max;
}

/* How the intent asks a sale to be marked. */
HOT_INLINE uint8_t
risk_short_flags(const struct intent *in)
{
	return in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
}

/*
 * Whether the firm would come to sell more than it holds, of a plan that its room of sales has.
 * Exact: the room was below 0 or what is held above 31 bits only where no such sale is short.
 */
HOT_INLINE bool
risk_oversells(const struct risk_instr *i, const struct risk_plan *plan)
{
	return (int64_t)i->room_position_qty[SIDE_SELL] - plan->grow_qty < i->short_below;
}

/*
 * How a sale is marked: 0, or as a short one, if it oversells; a replace's order went out with its
 * mark.  Never of a purchase.
 */
HOT_INLINE uint8_t
risk_short_mark(const bool oversells, const struct intent *in, const struct risk_plan *plan,
		const bool new)
{
	bool is_short = oversells & (plan->grow_qty != 0);

	is_short |= new ? risk_short_flags(in) != 0 : plan->entry->short_sale;
	if (likely(!(is_short & (uint8_t)plan->side)))
		return 0;
	return in->flags & INTENT_SHORT_EXEMPT ? INTENT_SHORT_EXEMPT : INTENT_SHORT;
}
static_assert(SIDE_SELL == 1, "a bit to be asked with the others");

/* Whether a short sale lacks leave or located shares. */
HOT_INLINE bool
risk_lacks_short(const struct risk *r, const struct risk_instr *i, const struct intent *in,
		 const struct risk_plan *plan)
{
	const uint32_t left_qty = r->room[plan->room->up].located_qty; // many, if none are needed

	return (in->px4 < i->short_px4) |
	       ((in->kind == INTENT_REPLACE) & !plan->entry->short_sale) |
	       (plan->grow_qty > left_qty) | (left_qty == 0); // more than all may be in use
}

/* Open shares, position, gross, net of what the firm has of the instrument. */
HOT_INLINE bool
risk_lacks_instr_room(const struct risk_instr *i, size_t side, const struct risk_plan *plan)
{
	const int32_t grow_qty = (int32_t)plan->grow_qty; // no more than order_max_qty

	return unlikely(grow_qty > i->room_open_qty) ||
	       unlikely(grow_qty > i->room_position_qty[side]) ||
	       unlikely(plan->grow_ntl4 > i->room_gross_ntl4) ||
	       unlikely(plan->grow_ntl4 > i->room_net_ntl4[side]);
}

/*
 * Whether a level of the tree lacks room for the plan, as far as rooms say: a level that may
 * reduce, sums beyond RISK_ROOM_END, and a plan that grows nothing pass the exact way.
 */
HOT_INLINE bool
risk_lacks_room(const struct risk_node *n, size_t side, const struct risk_plan *plan)
{
	return unlikely(plan->grow_ntl4 > n->room[RISK_ROOM_GROSS]) ||
	       unlikely(plan->var_ntl4bp > n->room[RISK_ROOM_VAR]) ||
	       unlikely(plan->grow_ntl4 > (n->room + RISK_ROOM_BUY)[side]) ||
	       unlikely(n->room[RISK_ROOM_ORDERS] <= 0);
}

/* The same of each of the cnt levels from the strategy to the firm, and its position. */
HOT_INLINE bool
risk_lacks_levels(const struct risk *r, const struct risk_plan *plan, const uint32_t cnt)
{
	const struct risk_cell_room *const room = r->room, *c = plan->room;
	const size_t side = plan->side;

	for (uint32_t k = 0; k < cnt; k++) {
		if (risk_lacks_room(plan->path->at[k], side, plan))
			return true;
		if (k + 1 == cnt) // the firm: its position is the instrument's
			break;
		if (unlikely((int32_t)plan->grow_qty > c->qty[side]))
			return true;
		c = &room[c->up];
	}
	return false;
}

HOT_INLINE bool
risk_lacks_tree_room(const struct risk *r, const struct risk_plan *plan)
{
	return likely(plan->path->cnt == RISK_PATH_USUAL)
		       ? risk_lacks_levels(r, plan, RISK_PATH_USUAL)
		       : risk_lacks_levels(r, plan, plan->path->cnt);
}

/* Whether a rate of a level is used up; asked when that of any is. */
HOT_INLINE bool
risk_lacks_rate(const struct risk_path *p, const struct intent *in)
{
	bool lacks = false;

	for (uint32_t k = 0; k < p->cnt; k++)
		lacks |= (int64_t)in->head.rx_ns < p->at[k]->free_ns;
	return lacks;
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
	plan->what = (uint64_t)in->px4 << 32 | in->qty; // not 0 of an order that passes
	plan->who =
		(uint64_t)in->strategy_idx << 17 | (uint64_t)in->head.instr_idx << 1 | plan->side;
	plan->recent = &r->recent[__builtin_ia32_crc32di(plan->who, plan->what) % RISK_RECENT_CNT];
}
static_assert((RISK_RECENT_CNT & (RISK_RECENT_CNT - 1)) == 0, "a mask takes the slot");

/* Whether the strategy may have meant to send this twice. */
HOT_INLINE bool
risk_is_same_order(const struct risk_limits *lim, const struct intent *in,
		   const struct risk_plan *plan)
{
	const struct risk_recent *last = plan->recent;

	return unlikely(last->who == plan->who) && last->what == plan->what &&
	       in->head.rx_ns < last->ns + lim->duplicate_window_ns;
}

/*
 * Whether its indexes are ones that exist.  Each of these counts is a power of two, so a bit above
 * says it of all at once.
 */
HOT_INLINE bool
risk_is_formed_as(const struct intent *in, uint8_t kinds)
{
	const struct intent none = {
		.kind = (uint8_t)~kinds,
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

HOT_INLINE bool
risk_is_well_formed(const struct intent *in)
{
	return risk_is_formed_as(in, INTENT_MODIFY);
}

/* The same, and it is a new order. */
HOT_INLINE bool
risk_is_new(const struct intent *in)
{
	return risk_is_formed_as(in, INTENT_NEW);
}
static_assert(offsetof(struct intent, style) == offsetof(struct intent, kind) + 7,
	      "eight bytes beside one another");
static_assert(INTENT_NEW == 0 && (INTENT_MODIFY & (INTENT_MODIFY + 1)) == 0 && SIDE_SELL == 1 &&
		      TIF_IOC == 1 && (STRATEGY_MAX & (STRATEGY_MAX - 1)) == 0 &&
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
	struct risk_instr *const i = &r->instr[in->head.instr_idx];
	const struct risk_path *path = &r->path[(size_t)in->strategy_idx];
	size_t side = in->side;
	uint32_t want_qty;

	in_register(side);
	in_register(path);
	plan->instr = i;
	plan->side = side;
	plan->path = path;
	if (risk_lacks_leave(r, in))
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
	if (risk_lacks_terms(i, in->px4, want_qty) ||
	    (unlikely(!(i->plain_mask >> in->strategy_idx & 1)) &&
	     risk_lacks_own_terms(r, lim, i, in, want_qty)) ||
	    (unlikely(risk_px_meets((uint8_t)side, (uint32_t)in->px4, i->own_near[side ^ 1])) &&
	     !lim->self_match))
		return false;
	if (new) // order_max_ntl4 sees to it that the product has 63 bits
		plan->var_ntl4bp = plan->grow_ntl4 * i->var_bp;
	else if (unlikely(__builtin_mul_overflow(plan->grow_ntl4, (int64_t)i->var_bp,
						 &plan->var_ntl4bp)))
		return false;
	plan->place = risk_leaf_place(i, in->strategy_idx);
	plan->room = &r->room[plan->place];
	if (risk_lacks_instr_room(i, side, plan) || risk_lacks_tree_room(r, plan) ||
	    (unlikely((int64_t)in->head.rx_ns < r->free_ns) && risk_lacks_rate(plan->path, in)) ||
	    unlikely(r->message_cnt[in->session_idx] >= r->message_max))
		return false;
	plan->recent = NULL;
	if (new &&likely(lim->duplicate_window_ns != 0)) {
		risk_plan_recent(r, in, plan);
		if (risk_is_same_order(lim, in, plan))
			return false;
	}
	plan->located_qty = 0;
	plan->short_mark = risk_short_mark(risk_oversells(i, plan), in, plan, new);
	if (unlikely(plan->short_mark != 0)) {
		if (unlikely(risk_lacks_short(r, i, in, plan)))
			return false;
		if (r->room[plan->room->up].located_qty != RISK_LOCATED_ANY)
			plan->located_qty = plan->grow_qty;
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
