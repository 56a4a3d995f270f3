/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_JUDGE_H
#define SLUICE_DECISION_RISK_JUDGE_H

#include "base/must.h"
#include "decision/risk_open.h"

/* The checks, in groups; risk_judge in risk.h asks them one after another.  None changes anything.
 */

/*
 * What OUCH 5.0 and 4.2 read as "at the market".  An intent has no other way to say it, and no
 * price above PX4_MAX passes, so a market order cannot become an order here.
 */
#define RISK_MARKET_PX4 0x7FFFFFFF

/* Which of the reasons to send nothing weighs most. */
HOT_INLINE enum risk_verdict
risk_halt_verdict(uint32_t reasons)
{
	if (reasons & ~(uint32_t)(HALT_DISARMED | HALT_OPERATOR))
		return RISK_REJECT_STOPPED;
	return reasons & HALT_OPERATOR ? RISK_REJECT_HALTED : RISK_REJECT_DISARMED;
}

/* Whether the feed's phase is one in which orders may be sent. */
HOT_INLINE bool
risk_hours_allow(uint8_t hours, uint8_t phase)
{
	if (hours == RISK_HOURS_MARKET)
		return phase == PHASE_MARKET;
	return phase == PHASE_SYSTEM || phase == PHASE_MARKET || phase == PHASE_AFTER_MARKET;
}

/* Whether an intent of this kind may be sent for the instrument at all, whatever its terms. */
HOT_INLINE enum risk_verdict
risk_judge_market(const struct risk *r, const struct risk_limits *lim,
		  const struct risk_instr_limits *il, const struct risk_instr *i,
		  const struct intent *in)
{
	const uint8_t mode = lim->leaf[in->strategy_idx].mode;

	if (unlikely(halt_is_on()))
		return risk_halt_verdict(halt_reasons());
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
HOT_INLINE bool
risk_is_near(int64_t px4, uint32_t from_px4, uint32_t bp)
{
	return risk_abs(px4 - from_px4) * BP_ONE <= (int64_t)from_px4 * bp; // both below 2^63
}

/* Whether the price stands on the instrument's tick: by default Regulation NMS 612. */
HOT_INLINE bool
risk_on_tick(int64_t px4, uint32_t tick_px4)
{
	if (likely(tick_px4 == 0))
		return px4 % 100 == 0 || px4 < 10000;
	return px4 % tick_px4 == 0;
}

/* Whether the price is one that may be asked for. */
HOT_INLINE enum risk_verdict
risk_judge_price(const struct risk_instr_limits *il, const struct risk_leaf_limits *leaf,
		 const struct risk_instr *i, int64_t px4, uint8_t side)
{
	if (unlikely(px4 <= 0 || px4 > PX4_MAX))
		return px4 == RISK_MARKET_PX4 ? RISK_REJECT_MARKET : RISK_REJECT_PRICE;
	if (unlikely(!risk_on_tick(px4, il->tick_px4)))
		return RISK_REJECT_TICK;
	if (unlikely(i->ref_px4 == 0))
		return RISK_REJECT_NO_REFERENCE;
	if (unlikely(!risk_is_near(px4, i->ref_px4,
				   il->collar_bp < leaf->collar_bp ? il->collar_bp
								   : leaf->collar_bp)))
		return RISK_REJECT_COLLAR;
	if (unlikely(il->collar_last_bp != 0 && i->last_px4 != 0 &&
		     !risk_is_near(px4, i->last_px4, il->collar_last_bp)))
		return RISK_REJECT_COLLAR_LAST;
	if (unlikely(side == SIDE_BUY && i->band_hi_px4 != 0 && px4 > i->band_hi_px4))
		return RISK_REJECT_BAND;
	if (unlikely(side == SIDE_SELL && px4 < i->band_lo_px4))
		return RISK_REJECT_BAND;
	return RISK_PASS;
}

/* Whether the order opens a quantity, price and value that it may. */
HOT_INLINE enum risk_verdict
risk_judge_terms(const struct risk_limits *lim, const struct risk_instr_limits *il,
		 const struct risk_instr *i, const struct intent *in, uint32_t want_qty)
{
	const struct risk_leaf_limits *leaf = &lim->leaf[in->strategy_idx];
	int64_t ntl4;
	enum risk_verdict v;

	if (unlikely(want_qty == 0 || want_qty > il->order_max_qty ||
		     want_qty > leaf->order_max_qty))
		return RISK_REJECT_QTY;
	if (unlikely(i->lot_qty > 1) && want_qty % i->lot_qty != 0)
		return RISK_REJECT_LOT;
	if (unlikely(il->lot_qty > 1) && want_qty % il->lot_qty != 0)
		return RISK_REJECT_LOT;
	v = risk_judge_price(il, leaf, i, in->px4, in->side);
	if (unlikely(v != RISK_PASS))
		return v;
	ntl4 = ntl4_of(in->px4, want_qty);
	if (unlikely(ntl4 > il->order_max_ntl4 || ntl4 > leaf->order_max_ntl4))
		return RISK_REJECT_NOTIONAL;
	return RISK_PASS;
}

/* How the intent asks a sale to be marked. */
HOT_INLINE uint8_t
risk_short_flags(const struct intent *in)
{
	return in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
}

/* A sale: whether it is short, and then whether it may be. */
HOT_INLINE enum risk_verdict
risk_judge_sale(const struct risk *r, const struct risk_limits *lim,
		const struct risk_instr_limits *il, const struct risk_instr *i,
		const struct intent *in, struct risk_plan *plan)
{
	const struct risk_open *e = plan->entry;
	const struct risk_cell *firm = risk_firm_cell(r, i), *account;
	const int64_t left_qty =
		firm->position_qty - (int64_t)firm->open_qty[SIDE_SELL] - plan->grow_qty;

	plan->short_sale = (plan->grow_qty != 0 && left_qty < 0) || e->short_sale ||
			   (in->kind == INTENT_NEW && risk_short_flags(in) != 0);
	if (likely(!plan->short_sale))
		return RISK_PASS;
	if (unlikely(!il->short_allowed))
		return RISK_REJECT_SHORT;
	if (unlikely(in->kind == INTENT_REPLACE && !e->short_sale))
		return RISK_REJECT_SHORT; // a replace cannot mark the sale
	if (unlikely(i->short_sale != '0' && in->px4 <= i->bid_px4))
		return RISK_REJECT_SHORT_PRICE; // unknown counts as restricted
	if (likely(!il->locate_required))
		return RISK_PASS;
	account = &r->cell[plan->cell->up];
	plan->located_qty = plan->grow_qty;
	if (unlikely((uint64_t)account->located_qty + plan->grow_qty >
		     risk_located_qty(lim, account->node_idx, in->head.instr_idx)))
		return RISK_REJECT_LOCATE;
	return RISK_PASS;
}

/* Whether what the firm has of the instrument leaves room for the plan. */
HOT_INLINE enum risk_verdict
risk_judge_instr(const struct risk_instr_limits *il, const struct risk_cell *c, uint8_t side,
		 const struct risk_plan *plan)
{
	const uint64_t open_qty = (uint64_t)c->open_qty[SIDE_BUY] + c->open_qty[SIDE_SELL];
	const int64_t sign = side == SIDE_BUY ? 1 : -1;
	const int64_t worst_qty =
		sign * c->position_qty + (int64_t)c->open_qty[side] + plan->grow_qty;
	// a position's value takes 63 bits, open orders RISK_ROOM_END at most, and so does the plan
	const uint64_t gross_ntl4 = (uint64_t)risk_abs(c->position_ntl4) +
				    (uint64_t)(c->open_ntl4[SIDE_BUY] + c->open_ntl4[SIDE_SELL]) +
				    (uint64_t)plan->grow_ntl4;

	if (unlikely(open_qty + plan->grow_qty > il->open_max_qty))
		return RISK_REJECT_OPEN;
	if (unlikely(plan->grow_qty != 0 && worst_qty > (int64_t)il->position_max_qty))
		return RISK_REJECT_POSITION;
	if (unlikely(il->gross_max_ntl4 != 0 && plan->grow_ntl4 != 0 &&
		     gross_ntl4 > (uint64_t)il->gross_max_ntl4))
		return RISK_REJECT_INSTR_GROSS;
	if (unlikely(il->net_max_ntl4 != 0 && plan->grow_ntl4 != 0 &&
		     (__int128)sign * c->position_ntl4 + c->open_ntl4[side] + plan->grow_ntl4 >
			     il->net_max_ntl4))
		return RISK_REJECT_INSTR_NET;
	return RISK_PASS;
}

/* Whether the order can only make the cell's position smaller, whatever else is executed. */
HOT_INLINE bool
risk_reduces(const struct risk_cell *c, uint8_t side, const struct risk_plan *plan)
{
	const int64_t against_qty = side == SIDE_BUY ? -c->position_qty : c->position_qty;

	return (int64_t)c->open_qty[side] + plan->grow_qty <= against_qty;
}

/* How much of each room the plan needs. */
HOT_INLINE void
risk_need(const struct intent *in, uint32_t var_bp, const struct risk_plan *plan,
	  struct risk_rooms *need)
{
	const int64_t nothing = -RISK_ROOM_END; // each room has more
	const int64_t ntl4 = plan->grow_ntl4 != 0 ? plan->grow_ntl4 : nothing;
	int64_t var_ntl4bp;

	if (unlikely(__builtin_mul_overflow(plan->grow_ntl4, (int64_t)var_bp, &var_ntl4bp)))
		var_ntl4bp = INT64_MAX; // the exact way decides
	*need = (struct risk_rooms){ {
		{ ntl4, in->side == SIDE_BUY ? ntl4 : nothing },
		{ in->side == SIDE_SELL ? ntl4 : nothing,
		  plan->grow_ntl4 != 0 ? var_ntl4bp : nothing },
		{ in->kind == INTENT_NEW, 0 },
		{ -(int64_t)in->head.rx_ns, -(int64_t)in->head.rx_ns },
	} };
}

/*
 * Whether every level of the tree has room for the plan.  False says only that the exact way must
 * look: a level that may reduce, and sums beyond RISK_ROOM_END, pass there.
 */
HOT_INLINE bool
risk_tree_has_room(const struct risk *r, const struct intent *in, uint32_t var_bp,
		   const struct risk_plan *plan)
{
	const int64_t sign = in->side == SIDE_BUY ? 1 : -1;
	uint32_t k = (uint32_t)(plan->cell - r->cell);
	risk_pair_of_rooms lacks = { 0, 0 };
	struct risk_rooms need;
	int64_t all_lacks = 0;

	risk_need(in, var_bp, plan, &need);
	do {
		const struct risk_cell *c = &r->cell[k];
		const struct risk_node *n = &r->node[c->node_idx];
		const int64_t worst_qty =
			sign * c->position_qty + (int64_t)c->open_qty[in->side] + plan->grow_qty;

		for (int p = 0; p < RISK_ROOM_PAIRS; p++)
			lacks |= need.pair[p] > n->room_pair[p];
		all_lacks |= (int64_t)n->position_max_qty - worst_qty; // its sign
		k = c->up;
	} while (k != 0);
	return (all_lacks | lacks[0] | lacks[1]) >= 0;
}

/*
 * The exact way: which level of the tree refuses the plan, and why.  plan->node_idx becomes the
 * level.  A plan that grows nothing needs no room in sums; it counts as an order all the same.
 */
COLD enum risk_verdict risk_judge_tree(const struct risk *r, const struct intent *in,
				       uint32_t var_bp, struct risk_plan *plan);

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
risk_is_same_order(const struct risk *r, const struct risk_limits *lim, const struct intent *in)
{
	const uint64_t terms = risk_terms_of(in);
	const struct risk_recent *last = risk_recent_of(r, terms);

	return last->terms == terms && in->head.rx_ns < last->ns + lim->duplicate_window_ns;
}

#endif
