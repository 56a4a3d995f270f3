/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_H
#define SLUICE_DECISION_RISK_H

#include "base/arena.h"
#include "base/metric.h"
#include "base/must.h"
#include "base/units.h"
#include "decision/risk_limits.h"
#include "msg/fill.h"
#include "msg/intent.h"
#include "msg/mark.h"
#include "msg/order.h"
#include "msg/verdict.h"

/*
 * The last word before an order exists.  Knows prices, halts and book confidence from the book
 * (mark), executions from orders (fill), limits from the control plane, and believes a strategy
 * nothing.  One instance per process; its lane writes everything here.
 *
 * What it reserves.  A passed intent holds back its shares at its price until fills give them back.
 * While a replace is not answered the order holds back the worse of both: the larger quantity at
 * the higher price.  Limits on open shares, positions and exposure count every reserved share as
 * if it were executed, and none as if it helped.
 */

/* Why an intent may not become an order.  Each value has a counter. */
enum risk_verdict {
#define VERDICT(NAME, counter, text) RISK_##NAME,
#include "decision/risk_verdicts.def"
#undef VERDICT
	RISK_VERDICT_CNT,
};

struct risk_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "decision/risk_metrics.def"
#undef METRIC
};

/* risk_count takes a verdict for the index of its counter. */
#define VERDICT(NAME, counter, text)                                                     \
	static_assert(offsetof(struct risk_metrics, counter) == 8 * (size_t)RISK_##NAME, \
		      "risk_metrics.def does not follow risk_verdicts.def at " #counter);
#include "decision/risk_verdicts.def"
#undef VERDICT

/* Positions beyond this are not a market any more; sums of two still fit everywhere. */
#define RISK_POSITION_END (1LL << 40)

struct risk_instr {
	// from the book's last mark
	uint32_t bid_px4;
	uint32_t ref_px4;     // what the collar is around, 0: unknown; see risk_reference_px4
	uint32_t mark_px4;    // what a position is worth: the last reference known
	uint32_t band_lo_px4; // 0: none
	uint32_t band_hi_px4;
	uint8_t confidence;
	uint8_t state;
	uint8_t short_sale;
	uint8_t pad;
	uint32_t lot_qty; // only multiples of it are accepted; 1: any
	// reserved for open orders, by side
	uint32_t open_qty[2];
	int64_t open_ntl4; // both sides; at most gross_max_ntl4 when it last grew
	// executed
	int64_t position_qty;  // negative: short
	int64_t position_ntl4; // |position_qty| at mark_px4
	// line 2: what only people ask for
	cache_aligned int64_t cost_ntl4; // what the position cost: its sign is the position's
	int64_t realised_ntl4;           // by the average-cost method
	uint64_t bought_qty;             // without broken trades
	uint64_t sold_qty;
	int64_t bought_ntl4;
	int64_t sold_ntl4;
};
static_assert(sizeof(struct risk_instr) == 2 * CACHE_LINE, "a judgement needs the first line only");

/* One open order.  Found by key, in an open-addressed table. */
struct risk_open {
	uint64_t key; // risk_open_key, 0: free
	uint32_t px4; // the reserved shares' price
	uint32_t open_qty;
	uint32_t executed_qty;
	uint16_t instr_idx;
	uint8_t side;
	uint8_t short_sale;      // it went out as a short sale
	uint8_t replace_pending; // and was not answered yet
	uint8_t pad[7];
};
static_assert(sizeof(struct risk_open) == CACHE_LINE / 2, "no entry straddles a line");

struct risk {
	struct risk_instr *instr; // by instr_idx
	struct risk_open *open;
	uint32_t instr_cnt;
	uint32_t open_mask;
	uint32_t open_shift; // 64 - bits of open_mask
	uint32_t open_cnt;
	uint32_t open_max; // at most half the table, so that every search ends
	uint64_t last_ns;  // of the last order; sent_ns never goes back
	uint64_t sent_cnt;
	__int128 gross_ntl4; // sum of position_ntl4 and open_ntl4 over all instruments
	struct risk_metrics metrics;
	uint64_t sent_ns[ORDER_RATE_MAX]; // when the last orders passed, a ring
};

struct risk_config {
	uint32_t instr_cnt;       // one past the last instr_idx
	uint32_t open_orders_max; // orders with a reservation; one more is refused
};

/* What passing would reserve; filled by risk_judge for a verdict of RISK_PASS. */
struct risk_plan {
	struct risk_open *entry; // replace: the order; new: the free place it takes
	int64_t grow_ntl4;       // never negative
	uint32_t grow_qty;
	bool short_sale;
};

/* For `positions` and the state dump. */
struct risk_position {
	int64_t position_qty;
	int64_t average_px4; // of the position, 0 without one
	int64_t realised_ntl4;
	int64_t unrealised_ntl4;
	int64_t exposure_ntl4; // of position and open orders
	uint64_t bought_qty;
	uint64_t sold_qty;
	int64_t bought_ntl4;
	int64_t sold_ntl4;
	uint32_t open_buy_qty;
	uint32_t open_sell_qty;
	uint32_t mark_px4;
	uint8_t confidence;
	uint8_t state;
};

/*
 * Memory   from the arena: 128 bytes per instrument, 64 to 128 per open order.
 * Returns  0, -ENOMEM (the arena is used up), -EINVAL (a count is 0 or above its maximum)
 */
int risk_init(struct risk *r, const struct risk_config *c, struct arena *a);

/* Thread: the lane that owns r.  False when the instrument does not exist. */
bool risk_position_of(const struct risk *r, uint16_t instr_idx, struct risk_position *out);

const char *risk_verdict_name(enum risk_verdict v); // "REJECT_QTY"
const char *risk_verdict_text(enum risk_verdict v);

/*
 * The price that a collar is laid around: the last trade, moved into the spread when the best
 * prices have left it behind; without a trade the middle of the spread.  One side alone, or a
 * crossed book, says nothing by itself (a lone price may be a stub quote), but bounds a last trade.
 * 0: there is none.
 */
HOT_INLINE uint32_t
risk_reference_px4(const struct mark *m)
{
	const bool crossed = m->bid_px4 != 0 && m->ask_px4 != 0 && m->bid_px4 > m->ask_px4;

	if (m->last_px4 == 0) {
		if (m->bid_px4 == 0 || m->ask_px4 == 0 || crossed)
			return 0;
		return m->bid_px4 + (m->ask_px4 - m->bid_px4) / 2;
	}
	if (crossed)
		return m->last_px4;
	if (m->bid_px4 != 0 && m->last_px4 < m->bid_px4)
		return m->bid_px4;
	if (m->ask_px4 != 0 && m->last_px4 > m->ask_px4)
		return m->ask_px4;
	return m->last_px4;
}

HOT_INLINE uint64_t
risk_open_key(uint8_t strategy_idx, uint32_t intent_id)
{
	return 1ULL << 63 | (uint64_t)strategy_idx << 32 | intent_id;
}

HOT_INLINE uint32_t
risk_open_home(const struct risk *r, uint64_t key)
{
	return (uint32_t)(key * 0x9E3779B97F4A7C15ULL >> r->open_shift);
}

/* The entry of that key, or the free one where it belongs. */
HOT_INLINE struct risk_open *
risk_open_of(const struct risk *r, uint64_t key)
{
	uint32_t i = risk_open_home(r, key);

	while (r->open[i].key != key && r->open[i].key != 0)
		i = (i + 1) & r->open_mask;
	return &r->open[i];
}

/* Whether one more order keeps to order_rate_max in any window of order_rate_window_ns. */
HOT_INLINE bool
risk_rate_allows(const struct risk *r, const struct risk_limits *lim, uint64_t now_ns)
{
	uint64_t oldest_ns;

	if (r->sent_cnt < lim->order_rate_max)
		return true;
	oldest_ns = r->sent_ns[(r->sent_cnt - lim->order_rate_max) % ORDER_RATE_MAX];
	return now_ns >= oldest_ns && now_ns - oldest_ns >= lim->order_rate_window_ns;
}

/* Which of the reasons to send nothing weighs most. */
HOT_INLINE enum risk_verdict
risk_halt_verdict(uint32_t reasons)
{
	if (reasons & ~(uint32_t)(HALT_DISARMED | HALT_OPERATOR))
		return RISK_REJECT_STOPPED;
	return reasons & HALT_OPERATOR ? RISK_REJECT_HALTED : RISK_REJECT_DISARMED;
}

/* Whether an intent of this kind may be sent for the instrument at all, whatever its terms. */
HOT_INLINE enum risk_verdict
risk_judge_market(const struct risk_limits *lim, const struct risk_instr_limits *il,
		  const struct risk_instr *i)
{
	if (unlikely(halt_is_on()))
		return risk_halt_verdict(halt_reasons());
	if (unlikely(lim->halted))
		return RISK_REJECT_HALTED;
	if (unlikely(!lim->armed))
		return RISK_REJECT_DISARMED;
	if (unlikely(!il->allowed))
		return RISK_REJECT_NOT_ALLOWED;
	if (unlikely(il->halted))
		return RISK_REJECT_INSTR_HALTED;
	if (unlikely(i->confidence != CONFIDENCE_LIVE)) {
		if (i->confidence == CONFIDENCE_SUSPECT)
			return RISK_REJECT_BOOK_SUSPECT;
		return i->confidence == CONFIDENCE_RECOVERING ? RISK_REJECT_BOOK_RECOVERING
							      : RISK_REJECT_BOOK_STALE;
	}
	if (unlikely(i->state != TRADING_OPEN))
		return RISK_REJECT_STATE;
	return RISK_PASS;
}

/* Whether the price is one that may be asked for. */
HOT_INLINE enum risk_verdict
risk_judge_price(const struct risk_instr_limits *il, const struct risk_instr *i, int64_t px4,
		 uint8_t side)
{
	int64_t off_px4;

	if (unlikely(px4 <= 0 || px4 > PX4_MAX))
		return RISK_REJECT_PRICE;
	if (unlikely(i->ref_px4 == 0))
		return RISK_REJECT_NO_REFERENCE;
	off_px4 = px4 - i->ref_px4;
	if (off_px4 < 0)
		off_px4 = -off_px4;
	if (unlikely(off_px4 * BP_ONE > (int64_t)i->ref_px4 * il->collar_bp)) // both below 2^63
		return RISK_REJECT_COLLAR;
	if (unlikely(side == SIDE_BUY && i->band_hi_px4 != 0 && px4 > i->band_hi_px4))
		return RISK_REJECT_BAND;
	if (unlikely(side == SIDE_SELL && px4 < i->band_lo_px4))
		return RISK_REJECT_BAND;
	return RISK_PASS;
}

/* Whether what is already there leaves room for the plan. */
HOT_INLINE enum risk_verdict
risk_judge_room(const struct risk *r, const struct risk_limits *lim,
		const struct risk_instr_limits *il, const struct risk_instr *i, uint8_t side,
		const struct risk_plan *plan)
{
	const uint64_t open_qty = (uint64_t)i->open_qty[SIDE_BUY] + i->open_qty[SIDE_SELL];
	const int64_t worst_qty = (side == SIDE_BUY ? i->position_qty : -i->position_qty) +
				  (int64_t)i->open_qty[side] + plan->grow_qty;

	if (unlikely(open_qty + plan->grow_qty > il->open_max_qty))
		return RISK_REJECT_OPEN;
	if (unlikely(plan->grow_qty != 0 && worst_qty > (int64_t)il->position_max_qty))
		return RISK_REJECT_POSITION;
	if (unlikely(plan->grow_ntl4 != 0 && r->gross_ntl4 + plan->grow_ntl4 > lim->gross_max_ntl4))
		return RISK_REJECT_GROSS;
	return RISK_PASS;
}

/* How the intent asks a sale to be marked. */
HOT_INLINE uint8_t
risk_short_flags(const struct intent *in)
{
	return in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
}

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
	const struct risk_instr *i;
	const struct risk_open *e;
	enum risk_verdict v;
	uint32_t want_qty = in->qty;
	int64_t worst_ntl4;

	if (unlikely(in->kind > INTENT_MODIFY || in->side > SIDE_SELL || in->tif > TIF_IOC ||
		     in->strategy_idx >= STRATEGY_MAX || in->session_idx >= SESSION_MAX))
		return RISK_REJECT_MALFORMED;
	if (unlikely(idx == INSTR_NONE || idx >= r->instr_cnt || idx >= lim->instr_cnt))
		return RISK_REJECT_INSTRUMENT;
	il = &lim->instr[idx];
	if (intent_takes_away(in->kind)) {
		*plan = (struct risk_plan){ 0 };
		return in->kind == INTENT_MODIFY && risk_short_flags(in) && !il->short_allowed
			       ? RISK_REJECT_SHORT
			       : RISK_PASS;
	}
	i = &r->instr[idx];
	v = risk_judge_market(lim, il, i);
	if (unlikely(v != RISK_PASS))
		return v;

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
	if (unlikely(want_qty == 0 || want_qty > il->order_max_qty))
		return RISK_REJECT_QTY;
	if (unlikely(i->lot_qty > 1) && want_qty % i->lot_qty != 0)
		return RISK_REJECT_LOT;
	v = risk_judge_price(il, i, in->px4, in->side);
	if (unlikely(v != RISK_PASS))
		return v;
	if (unlikely(ntl4_of(in->px4, want_qty) > il->order_max_ntl4))
		return RISK_REJECT_NOTIONAL;

	// a free entry has no quantity, so a new order is a replace of nothing
	plan->grow_qty = want_qty > e->open_qty ? want_qty - e->open_qty : 0;
	worst_ntl4 = ntl4_of(in->px4 > e->px4 ? in->px4 : e->px4, e->open_qty + plan->grow_qty);
	plan->grow_ntl4 = worst_ntl4 - ntl4_of(e->px4, e->open_qty);

	plan->short_sale = false;
	if (in->side == SIDE_SELL) {
		const bool uncovered =
			plan->grow_qty != 0 &&
			i->position_qty - (int64_t)i->open_qty[SIDE_SELL] - plan->grow_qty < 0;

		plan->short_sale = uncovered || e->short_sale ||
				   (in->kind == INTENT_NEW && risk_short_flags(in) != 0);
		if (unlikely(plan->short_sale && !il->short_allowed))
			return RISK_REJECT_SHORT;
		if (unlikely(plan->short_sale && in->kind == INTENT_REPLACE && !e->short_sale))
			return RISK_REJECT_SHORT; // a replace cannot mark the sale
		if (unlikely(plan->short_sale && i->short_sale != '0' && in->px4 <= i->bid_px4))
			return RISK_REJECT_SHORT_PRICE; // unknown counts as restricted
	}
	v = risk_judge_room(r, lim, il, i, in->side, plan);
	if (unlikely(v != RISK_PASS))
		return v;
	if (unlikely(in->kind == INTENT_NEW && r->open_cnt >= r->open_max))
		return RISK_REJECT_ORDERS;
	if (unlikely(!risk_rate_allows(r, lim, in->head.rx_ns)))
		return RISK_REJECT_RATE;
	return RISK_PASS;
}

HOT_INLINE void
risk_count(struct risk *r, enum risk_verdict v)
{
	metric_add(&r->metrics.intent_passed + v, 1);
}

HOT_INLINE void
risk_gross_add(struct risk *r, __int128 ntl4)
{
	int64_t seen_ntl4;

	r->gross_ntl4 += ntl4;
	seen_ntl4 = r->gross_ntl4 > INT64_MAX ? INT64_MAX : (int64_t)r->gross_ntl4;
	metric_set(&r->metrics.gross_exposure_usd, (uint64_t)seen_ntl4 / 10000);
}

/* Takes what the plan reserves. */
HOT_INLINE void
risk_reserve(struct risk *r, const struct intent *in, const struct risk_plan *plan)
{
	struct risk_instr *i = &r->instr[in->head.instr_idx];
	struct risk_open *e = plan->entry;

	if (in->kind == INTENT_NEW) {
		e->key = risk_open_key(in->strategy_idx, in->intent_id);
		e->px4 = (uint32_t)in->px4;
		e->open_qty = in->qty;
		e->executed_qty = 0;
		e->instr_idx = in->head.instr_idx;
		e->side = in->side;
		e->short_sale = plan->short_sale;
		e->replace_pending = 0;
		metric_set(&r->metrics.open_order_cnt, ++r->open_cnt);
	} else {
		e->open_qty += plan->grow_qty;
		e->px4 = in->px4 > e->px4 ? (uint32_t)in->px4 : e->px4;
		e->replace_pending = 1;
	}
	i->open_qty[in->side] += plan->grow_qty;
	i->open_ntl4 += plan->grow_ntl4;
	risk_gross_add(r, plan->grow_ntl4);

	if (in->head.rx_ns > r->last_ns)
		r->last_ns = in->head.rx_ns;
	r->sent_ns[r->sent_cnt++ % ORDER_RATE_MAX] = r->last_ns;

	// a strategy counts its intents: where the next one's entry will be comes near meanwhile
	__builtin_prefetch(
		&r->open[risk_open_home(r, risk_open_key(in->strategy_idx, in->intent_id + 1))], 1);
}

/*
 * Lets an intent become an order, or says why not.  True when *out was filled, otherwise *no was.
 */
HOT_INLINE bool
risk_on_intent(struct risk *r, const struct risk_limits *lim, const struct intent *in,
	       struct order *out, struct verdict *no)
{
	struct risk_plan plan;
	const enum risk_verdict v = risk_judge(r, lim, in, &plan);
	const bool cancel = intent_takes_away(in->kind);

	if (unlikely(v != RISK_PASS)) {
		risk_count(r, v);
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
		metric_add(&r->metrics.cancel_passed, 1);
		return true;
	}
	risk_count(r, v);
	metric_set(&r->metrics.limits_version, lim->version);
	if (!plan.short_sale) // the sale is marked here, by the position
		out->flags &= (uint8_t)~INTENT_SHORT_EXEMPT;
	else if (!(out->flags & INTENT_SHORT_EXEMPT))
		out->flags |= INTENT_SHORT;
	risk_reserve(r, in, &plan);
	return true;
}

/* Values the position at the mark again. */
HOT_INLINE void
risk_value(struct risk *r, struct risk_instr *i)
{
	const int64_t old_ntl4 = i->position_ntl4;
	const int64_t qty = i->position_qty < 0 ? -i->position_qty : i->position_qty;
	int64_t ntl4;

	if (unlikely(__builtin_mul_overflow(qty, (int64_t)i->mark_px4, &ntl4))) {
		ntl4 = INT64_MAX; // every exposure limit refuses from here on
		metric_add(&r->metrics.sum_saturated, 1);
	}
	i->position_ntl4 = ntl4;
	risk_gross_add(r, (__int128)ntl4 - old_ntl4);
}

/* What the book says of an instrument: the only source of prices. */
HOT_INLINE void
risk_on_mark(struct risk *r, const struct mark *m)
{
	struct risk_instr *i;

	if (unlikely(m->head.instr_idx == INSTR_NONE || m->head.instr_idx >= r->instr_cnt)) {
		metric_add(&r->metrics.index_out_of_range, 1);
		return;
	}
	metric_add(&r->metrics.mark_applied, 1);
	i = &r->instr[m->head.instr_idx];
	i->confidence = m->confidence;
	i->state = m->state;
	i->short_sale = m->short_sale;
	i->lot_qty = m->lots_only ? m->round_lot_qty : 1;
	i->band_lo_px4 = m->band_lo_px4;
	i->band_hi_px4 = m->band_hi_px4;
	if (m->confidence != CONFIDENCE_LIVE)
		return; // its prices are not to be believed; nothing passes until it is live again
	i->bid_px4 = m->bid_px4;
	i->ref_px4 = risk_reference_px4(m);
	if (i->ref_px4 != 0 && i->ref_px4 != i->mark_px4) {
		i->mark_px4 = i->ref_px4;
		if (i->position_qty != 0)
			risk_value(r, i);
	}
}

/* Adds, and stays at the end of 64 bits when the sum meets it; false then. */
HOT_INLINE bool
risk_sum(int64_t *sum, int64_t x)
{
	if (likely(!__builtin_add_overflow(*sum, x, sum)))
		return true;
	*sum = x < 0 ? -INT64_MAX : INT64_MAX; // both ends may be negated
	return false;
}

/*
 * Books an execution.  Average-cost method: closing takes its share of the cost, rounded towards
 * zero per share; what rounding leaves stays in the cost and comes out with the last share.
 */
HOT_INLINE void
risk_execute(struct risk *r, struct risk_instr *i, uint8_t side, int64_t px4, uint32_t qty)
{
	const int64_t sign = side == SIDE_BUY ? 1 : -1;
	const int64_t held_qty = i->position_qty * sign < 0 ? -i->position_qty * sign : 0;
	const int64_t close_qty = qty < held_qty ? qty : held_qty;
	bool full = false;

	if (close_qty != 0) {
		const int64_t paid_ntl4 =
			close_qty == held_qty ? i->cost_ntl4 : i->cost_ntl4 / held_qty * close_qty;

		// selling a long position earns; buying back a short one pays
		full |= !risk_sum(&i->realised_ntl4, -sign * ntl4_of(px4, (uint32_t)close_qty));
		full |= !risk_sum(&i->realised_ntl4, -paid_ntl4);
		i->cost_ntl4 -= paid_ntl4;
	}
	full |= !risk_sum(&i->cost_ntl4, sign * ntl4_of(px4, (uint32_t)(qty - close_qty)));
	i->position_qty += sign * qty;
	if (unlikely(i->position_qty > RISK_POSITION_END || i->position_qty < -RISK_POSITION_END)) {
		i->position_qty = sign * RISK_POSITION_END;
		full = true;
	}
	if (unlikely(full))
		metric_add(&r->metrics.sum_saturated, 1);
	if (unlikely(i->mark_px4 == 0))
		i->mark_px4 = (uint32_t)px4; // until the book speaks; never a collar's reference
	risk_value(r, i);
}

/* Takes the entry out and moves up those behind it that would no longer be found. */
HOT_INLINE void
risk_open_drop(struct risk *r, struct risk_open *e)
{
	uint32_t hole = (uint32_t)(e - r->open), i = hole;

	for (;;) {
		uint32_t home;

		i = (i + 1) & r->open_mask;
		if (r->open[i].key == 0)
			break;
		home = risk_open_home(r, r->open[i].key);
		if (((i - home) & r->open_mask) >= ((i - hole) & r->open_mask)) {
			r->open[hole] = r->open[i];
			hole = i;
		}
	}
	r->open[hole] = (struct risk_open){ 0 };
	metric_set(&r->metrics.open_order_cnt, --r->open_cnt);
}

/* Gives back what the fill says is no longer open. */
HOT_INLINE void
risk_release(struct risk *r, struct risk_instr *i, struct risk_open *e, const struct fill *f)
{
	const int64_t before_ntl4 = ntl4_of(e->px4, e->open_qty);
	// a replace that orders had not seen yet is answered on its own, and holds its growth till
	// then
	const bool gone = f->order_gone && (!e->replace_pending || f->replace_done);
	uint32_t released_qty = f->released_qty;
	int64_t after_ntl4;

	if (unlikely(released_qty > e->open_qty || (gone && released_qty < e->open_qty))) {
		metric_add(&r->metrics.release_excess, 1);
		released_qty = e->open_qty;
	}
	e->open_qty -= released_qty;
	if (!f->broken)
		e->executed_qty += f->executed_qty;
	if (f->reserved_px4 != 0)
		e->px4 = f->reserved_px4;
	if (f->replace_done)
		e->replace_pending = 0;
	after_ntl4 = ntl4_of(e->px4, e->open_qty);
	i->open_qty[e->side] -= released_qty;
	i->open_ntl4 += after_ntl4 - before_ntl4;
	risk_gross_add(r, (__int128)after_ntl4 - before_ntl4);
	if (gone)
		risk_open_drop(r, e);
}

/* The day's turnover, without broken trades.  Wraps rather than saturates: nothing is judged by it.
 */
HOT_INLINE void
risk_count_execution(struct risk_instr *i, const struct fill *f)
{
	const uint64_t ntl4 = (uint64_t)ntl4_of(f->px4, f->executed_qty);
	const uint64_t qty = f->executed_qty;

	if (f->side == SIDE_BUY) {
		i->bought_qty += f->broken ? -qty : qty;
		i->bought_ntl4 = (int64_t)((uint64_t)i->bought_ntl4 + (f->broken ? -ntl4 : ntl4));
	} else {
		i->sold_qty += f->broken ? -qty : qty;
		i->sold_ntl4 = (int64_t)((uint64_t)i->sold_ntl4 + (f->broken ? -ntl4 : ntl4));
	}
}

/*
 * Books another price for an execution.  Shares of it that the position may still hold cost that
 * much more; of the others it was realised.
 */
COLD void risk_correct(struct risk *r, struct risk_instr *i, const struct fill *f);

/* What became of an order. */
HOT_INLINE void
risk_on_fill(struct risk *r, const struct fill *f)
{
	const uint16_t idx = f->head.instr_idx;
	struct risk_instr *i;
	struct risk_open *e;

	if (unlikely(idx == INSTR_NONE || idx >= r->instr_cnt || f->side > SIDE_SELL)) {
		metric_add(&r->metrics.index_out_of_range, 1);
		return;
	}
	i = &r->instr[idx];
	metric_add(&r->metrics.fill_applied, 1);
	if (unlikely(f->corrected)) {
		risk_correct(r, i, f);
		return;
	}
	e = risk_open_of(r, risk_open_key(f->strategy_idx, f->intent_id));
	if (unlikely(e->key == 0 || e->instr_idx != idx))
		metric_add(&r->metrics.fill_unreserved, 1);
	else
		risk_release(r, i, e, f);
	if (f->executed_qty == 0)
		return;
	risk_count_execution(i, f);
	if (unlikely(f->broken))
		metric_add(&r->metrics.fill_broken, 1);
	risk_execute(r, i, f->broken ? f->side ^ 1 : f->side, f->px4, f->executed_qty);
}

#endif
