/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_JUDGE_H
#define SLUICE_DECISION_RISK_JUDGE_H

#include <string.h>

#include "base/must.h"
#include "decision/risk_open.h"

/*
 * The usual way through all checks.  Each group below says whether an order lacks anything by them,
 * without a branch; an order that lacks nothing at all passes.  They refuse nothing: whatever lacks
 * something goes the exact way (risk_exact.c), one check after another, which finds the reason or
 * lets it pass.  So a group may be tighter than its checks where that is cheaper, and never looser.
 * None changes anything.
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
risk_signed(uint8_t side, int64_t x)
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

/* Market, halts, modes, hours, age, lists: whether the strategy may send it an order at all. */
HOT_INLINE bool
risk_lacks_leave(const struct risk *r, const struct risk_leaf_limits *leaf,
		 const struct risk_instr *i, const struct intent *in)
{
	const uint64_t rx_ns = in->head.rx_ns;

	return (halt_reasons() | r->stopped) != 0 || // on every core's lines, and never
	       (!(i->trade_mask >> in->strategy_idx & 1)) | (leaf->mode > RISK_MODE_REDUCE_ONLY) |
		       ((r->now_ns > rx_ns) & (r->now_ns - rx_ns > r->age_max_ns));
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

	return (want_qty - 1 >= i->order_max_qty) | (want_qty > leaf->order_max_qty) |
	       (want_qty % i->lot_qty != 0) | (px4 < i->lo_px4) | (px4 > i->hi_px4) |
	       ((uint32_t)px4 % i->tick_px4 != 0) |
	       (off_px4 * BP_ONE > (uint64_t)i->ref_px4 * leaf->collar_bp) |
	       (ntl4 > (uint64_t)i->order_max_ntl4) | (ntl4 > (uint64_t)leaf->order_max_ntl4);
}

/* Whether it could meet an order of our own, as far as one look says. */
HOT_INLINE bool
risk_may_meet(const struct risk_instr *i, uint8_t side, int64_t px4)
{
	const uint32_t own_px4 = i->own_px4[side ^ 1];

	return (own_px4 != 0) &
	       (((side == SIDE_BUY) & (px4 >= own_px4)) | ((side == SIDE_SELL) & (px4 <= own_px4)));
}

/* How the intent asks a sale to be marked. */
HOT_INLINE uint8_t
risk_short_flags(const struct intent *in)
{
	return in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
}

/* Whether a sale by this plan is a short one; never of a purchase. */
HOT_INLINE bool
risk_is_short(const struct risk_cell *firm, const struct intent *in, const struct risk_plan *plan)
{
	const int64_t left_qty =
		firm->position_qty - (int64_t)firm->open_qty[SIDE_SELL] - plan->grow_qty;

	return (in->side == SIDE_SELL) &
	       (((plan->grow_qty != 0) & (left_qty < 0)) | plan->entry->short_sale |
		((in->kind == INTENT_NEW) & (risk_short_flags(in) != 0)));
}

/* Whether a short sale may be: of a plan's entry, its cell and grow_qty. */
enum risk_verdict risk_judge_short(const struct risk *r, const struct risk_limits *lim,
				   const struct intent *in, const struct risk_open *e,
				   const struct risk_cell *c, uint32_t grow_qty);

/* Whether a short sale of the instrument is of shares that were located. */
HOT_INLINE bool
risk_locates(const struct risk_limits *lim, const struct intent *in)
{
	return lim->instr[in->head.instr_idx].locate_required;
}

/* Open shares, position, gross, net of what the firm has of the instrument. */
HOT_INLINE bool
risk_lacks_instr_room(const struct risk_instr *i, const struct risk_cell *c, uint8_t side,
		      const struct risk_plan *plan)
{
	const uint64_t open_qty =
		(uint64_t)c->open_qty[SIDE_BUY] + c->open_qty[SIDE_SELL] + plan->grow_qty;
	const int64_t worst_qty =
		risk_signed(side, c->position_qty) + (int64_t)c->open_qty[side] + plan->grow_qty;
	const uint64_t gross_ntl4 = (uint64_t)risk_abs(c->position_ntl4) +
				    (uint64_t)c->open_ntl4[SIDE_BUY] +
				    (uint64_t)c->open_ntl4[SIDE_SELL] + (uint64_t)plan->grow_ntl4;
	// where gross does not exceed 63 bits, net does not either
	const uint64_t net_ntl4 = (uint64_t)risk_signed(side, c->position_ntl4) +
				  (uint64_t)c->open_ntl4[side] + (uint64_t)plan->grow_ntl4;

	return (open_qty > i->open_max_qty) | (worst_qty > (int64_t)i->position_max_qty) |
	       (gross_ntl4 > (uint64_t)i->gross_max_ntl4) | ((int64_t)net_ntl4 > i->net_max_ntl4);
}

/* How much of each room an order needs; false when 64 bits do not hold it. */
HOT_INLINE bool
risk_need(const struct intent *in, uint32_t var_bp, int64_t grow_ntl4, struct risk_rooms *need)
{
	const int64_t since_ns = -(int64_t)in->head.rx_ns;
	int64_t var_ntl4bp;
	const bool fits = !__builtin_mul_overflow(grow_ntl4, (int64_t)var_bp, &var_ntl4bp);

	need->pair[RISK_ROOM_GROSS / 2] = (risk_pair_of_rooms){ grow_ntl4, var_ntl4bp };
	need->pair[RISK_ROOM_ORDERS / 2] = (risk_pair_of_rooms){ in->kind == INTENT_NEW, 0 };
	need->pair[RISK_ROOM_RATE / 2] = (risk_pair_of_rooms){ since_ns, since_ns };
	return fits;
}
static_assert(RISK_ROOM_GROSS % 2 == 0 && RISK_ROOM_VAR == RISK_ROOM_GROSS + 1 &&
		      RISK_ROOM_ORDERS % 2 == 0 && RISK_ROOM_PROFIT == RISK_ROOM_ORDERS + 1,
	      "the pairs that risk_need makes");

/*
 * Whether some level of the tree lacks room for the plan, as far as rooms say: a level that may
 * reduce, sums beyond RISK_ROOM_END, and a plan that grows nothing pass the exact way.
 */
HOT_INLINE bool
risk_lacks_tree_room(const struct risk *r, uint8_t side, const struct risk_plan *plan)
{
	const struct risk_cell *const cell = r->cell, *c = plan->cell;
	const struct risk_node *const node = r->node;
	const struct risk_rooms need = plan->need;
	const int64_t grow_ntl4 = plan->grow_ntl4, grow_qty = plan->grow_qty;
	risk_pair_of_rooms lacks = { 0, 0 };
	int64_t all_lacks = 0;

	for (;;) {
		const struct risk_node *n = &node[c->node_idx];
		const int64_t worst_qty =
			risk_signed(side, c->position_qty) + (int64_t)c->open_qty[side] + grow_qty;

		for (int p = 0; p < RISK_ROOM_PAIRS; p++)
			lacks |= need.pair[p] > n->room_pair[p];
		all_lacks |= -(int64_t)(grow_ntl4 > n->room[RISK_ROOM_BUY + side]);
		all_lacks |= (int64_t)n->position_max_qty - worst_qty; // its sign
		if (c->up == 0)
			break;
		c = &cell[c->up];
	}
	return (all_lacks | lacks[0] | lacks[1]) < 0;
}
static_assert(RISK_ROOM_SELL == RISK_ROOM_BUY + SIDE_SELL, "found by the side");

/*
 * Which of all checks refuses the intent, and changes nothing: the same intent may be judged twice.
 * *plan is complete when the verdict is RISK_PASS.  Cancels and modifies pass whenever they name an
 * instrument, also when disarmed or halted: they only take away.
 */
COLD enum risk_verdict risk_judge(const struct risk *r, const struct risk_limits *lim,
				  const struct intent *in, struct risk_plan *plan);

/* A hash of what makes two orders of a strategy the same one; never 0. */
HOT_INLINE uint64_t
risk_terms_of(const struct intent *in)
{
	const uint64_t who =
		(uint64_t)in->strategy_idx << 17 | (uint64_t)in->head.instr_idx << 1 | in->side;
	const uint64_t what = (uint64_t)in->px4 << 32 ^ in->qty;
	uint64_t x = (who + 1) * 0x9E3779B97F4A7C15ULL ^ what * 0xC2B2AE3D27D4EB4FULL;

	x ^= x >> 29;
	x *= 0xBF58476D1CE4E5B9ULL;
	return (x ^ x >> 32) | 1;
}

HOT_INLINE struct risk_recent *
risk_recent_of(const struct risk *r, uint64_t terms)
{
	return &r->recent[terms >> 54]; // 10 bits
}
static_assert(RISK_RECENT_CNT == 1 << 10, "risk_recent_of takes 10 bits");

/*
 * Whether the strategy may have meant to send this twice.  The last order of each of
 * RISK_RECENT_CNT slots is remembered, so of two that fall into one slot the older is forgotten;
 * two different orders are taken for the same once in 2^53.
 */
HOT_INLINE bool
risk_is_same_order(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
		   uint64_t terms)
{
	const struct risk_recent *last = risk_recent_of(r, terms);

	return last->terms == terms && in->head.rx_ns < last->ns + lim->duplicate_window_ns;
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

/* What became of the order that a replace names, or of nothing: a new order's entry is free. */
HOT_INLINE bool
risk_lacks_entry(const struct risk_open *e, const struct intent *in)
{
	if (in->kind == INTENT_NEW)
		return e->key != 0;
	return (e->key == 0) | (e->instr_idx != in->head.instr_idx) | (e->side != in->side) |
	       (e->replace_pending != 0);
}

/*
 * Whether a new order or a replace passes every check; *plan is complete then.  False says only
 * that the exact way must look.  Its instrument exists and has the terms of the limits in force.
 */
HOT_INLINE bool
risk_passes(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
	    struct risk_plan *plan)
{
	const uint8_t side = in->side, strategy_idx = in->strategy_idx;
	const struct risk_leaf_limits *leaf = &lim->leaf[strategy_idx];
	const struct risk_instr *i = &r->instr[in->head.instr_idx];
	const struct risk_cell *firm = risk_firm_cell(r, i);
	const bool new = in->kind == INTENT_NEW;
	const int64_t px4 = in->px4;
	const struct risk_open *e;
	const struct risk_cell *c;
	uint32_t want_qty, open_qty, worst_px4;
	uint64_t before_ntl4;
	bool lacks;

	plan->cell = &r->cell[risk_leaf_cell(i, strategy_idx)];
	plan->slot =
		risk_open_find(r, risk_open_key(strategy_idx, new ? in->intent_id : in->orig_id));
	plan->entry = risk_open_at(r, plan->slot);
	c = plan->cell;
	e = plan->entry;
	lacks = risk_lacks_entry(e, in);

	// a free entry has no quantity, so a new order is a replace of nothing
	open_qty = e->open_qty;
	worst_px4 = e->px4;
	before_ntl4 = (uint64_t)worst_px4 * open_qty;
	want_qty = in->qty > e->executed_qty ? in->qty - e->executed_qty : 0;
	plan->grow_qty = want_qty > open_qty ? want_qty - open_qty : 0;
	if (worst_px4 < (uint32_t)px4)
		worst_px4 = (uint32_t)px4;
	plan->grow_ntl4 =
		(int64_t)((uint64_t)worst_px4 * (open_qty + plan->grow_qty) - before_ntl4);
	lacks |= !risk_need(in, i->var_bp, plan->grow_ntl4, &plan->need);

	lacks |= risk_lacks_leave(r, leaf, i, in);
	lacks |= risk_lacks_terms(leaf, i, px4, want_qty);
	lacks |= risk_may_meet(i, side, px4) & !lim->self_match;
	lacks |= risk_lacks_instr_room(i, firm, side, plan);
	lacks |= risk_lacks_tree_room(r, side, plan);
	lacks |= (c->execution_cnt[side] >= leaf->execution_max) &
		 (c->enable_seq == leaf->enable_seq);
	lacks |= r->message_cnt[in->session_idx] >= r->message_max;
	lacks |= new &(r->open_cnt >= r->open_max);
	plan->terms = 0;
	if (lim->duplicate_window_ns != 0 && new) {
		plan->terms = risk_terms_of(in);
		lacks |= risk_is_same_order(r, lim, in, plan->terms);
	}
	plan->located_qty = 0;
	plan->short_sale = risk_is_short(firm, in, plan);
	if (unlikely(lacks))
		return false;
	if (unlikely(plan->short_sale)) {
		if (risk_judge_short(r, lim, in, e, c, plan->grow_qty) != RISK_PASS)
			return false;
		plan->located_qty = risk_locates(lim, in) ? plan->grow_qty : 0;
	}
	return true;
}

#endif
