/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_HOLDING_H
#define SLUICE_DECISION_RISK_HOLDING_H

#include "decision/risk_judge.h"
#include "msg/fill.h"
#include "msg/mark.h"

/*
 * What is held: positions, their value and their profit, of each cell and node.  Marks and fills
 * come here.
 */

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

/* Values a cell's position at the mark again.  The node is not settled yet. */
HOT_INLINE void
risk_value(struct risk *r, const struct risk_instr *i, struct risk_cell *c)
{
	const int64_t old_ntl4 = c->position_ntl4;
	struct risk_node *n = &r->node[c->node_idx];
	__int128 held_ntl4;
	int64_t ntl4;

	if (unlikely(__builtin_mul_overflow(c->position_qty, (int64_t)i->mark_px4, &ntl4))) {
		ntl4 = c->position_qty < 0 ? -INT64_MAX : INT64_MAX; // each limit refuses it
		metric_add(&r->metrics.sum_saturated, 1);
	}
	c->position_ntl4 = ntl4;
	held_ntl4 = (__int128)risk_abs(ntl4) - risk_abs(old_ntl4);
	n->net_ntl4 += (__int128)ntl4 - old_ntl4;
	n->held_ntl4 += held_ntl4;
	n->held_var_ntl4bp += held_ntl4 * i->var_bp;
}

/* The mark moved: every cell with a position is worth something else. */
HOT_INLINE void
risk_value_all(struct risk *r, const struct risk_instr *i)
{
	struct risk_cell *c = risk_firm_cell(r, i), *next = &r->cell[i->cell];
	uint32_t left = i->cell_cnt;

	for (;; c = next++) {
		if (c->position_qty != 0) {
			risk_value(r, i, c);
			risk_node_settle(&r->node[c->node_idx]);
		}
		if (left-- == 0)
			break;
	}
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
	risk_reserve_due(r);
	metric_add(&r->metrics.mark_applied, 1);
	i = &r->instr[m->head.instr_idx];
	i->confidence = m->confidence;
	i->state = m->state;
	i->short_sale = m->short_sale;
	i->phase = m->phase;
	i->band_lo_px4 = m->band_lo_px4;
	i->band_hi_px4 = m->band_hi_px4;
	if (unlikely((m->lots_only ? m->round_lot_qty : 1) != i->venue_lot_qty)) {
		i->venue_lot_qty = m->lots_only ? m->round_lot_qty : 1;
		i->terms_seq = 0; // none is
	}
	if (m->confidence != CONFIDENCE_LIVE) {
		i->hi_px4 = 0;
		return; // its prices are not to be believed; nothing passes until it is live again
	}
	i->bid_px4 = m->bid_px4;
	i->last_px4 = m->last_px4;
	i->ref_px4 = risk_reference_px4(m);
	risk_instr_settle(r, i);
	if (i->ref_px4 != 0 && i->ref_px4 != i->mark_px4) {
		i->mark_px4 = i->ref_px4;
		risk_value_all(r, i);
		risk_firm_settle(r, i);
	}
}

/*
 * Books an execution in one cell.  Average-cost method: closing takes its share of the cost,
 * rounded towards zero per share; what rounding leaves stays in the cost and comes out with the
 * last share.
 */
HOT_INLINE void
risk_execute(struct risk *r, const struct risk_instr *i, uint32_t cell, uint8_t side, int64_t px4,
	     uint32_t qty)
{
	struct risk_ledger *g = &r->ledger[cell];
	struct risk_cell *c = &r->cell[cell];
	struct risk_node *n = &r->node[c->node_idx];
	const int64_t sign = side == SIDE_BUY ? 1 : -1;
	const int64_t held_qty = c->position_qty * sign < 0 ? -c->position_qty * sign : 0;
	const int64_t close_qty = qty < held_qty ? qty : held_qty;
	bool full = false;

	if (close_qty != 0) {
		const int64_t paid_ntl4 =
			close_qty == held_qty ? g->cost_ntl4 : g->cost_ntl4 / held_qty * close_qty;

		// selling a long position earns; buying back a short one pays
		full |= !risk_sum(&g->realised_ntl4, -sign * ntl4_of(px4, (uint32_t)close_qty));
		full |= !risk_sum(&g->realised_ntl4, -paid_ntl4);
		g->cost_ntl4 -= paid_ntl4;
	}
	full |= !risk_sum(&g->cost_ntl4, sign * ntl4_of(px4, (uint32_t)(qty - close_qty)));
	c->position_qty += sign * qty;
	if (unlikely(c->position_qty > RISK_POSITION_END || c->position_qty < -RISK_POSITION_END)) {
		c->position_qty = sign * RISK_POSITION_END;
		full = true;
	}
	if (unlikely(full))
		metric_add(&r->metrics.sum_saturated, 1);
	risk_value(r, i, c);
	risk_cell_settle(r, c, n->position_max_qty);
	n->cash_ntl4 -= (__int128)sign * ntl4_of(px4, qty);
	risk_node_settle(n);
}

/* The day's turnover, without broken trades.  Wraps rather than saturates: nothing is judged by it.
 */
HOT_INLINE void
risk_count_execution(struct risk_ledger *g, const struct fill *f)
{
	const uint64_t ntl4 = (uint64_t)ntl4_of(f->px4, f->executed_qty);
	const uint64_t qty = f->executed_qty;

	if (f->side == SIDE_BUY) {
		g->bought_qty += f->broken ? -qty : qty;
		g->bought_ntl4 = (int64_t)((uint64_t)g->bought_ntl4 + (f->broken ? -ntl4 : ntl4));
	} else {
		g->sold_qty += f->broken ? -qty : qty;
		g->sold_ntl4 = (int64_t)((uint64_t)g->sold_ntl4 + (f->broken ? -ntl4 : ntl4));
	}
}

/* Less of an order is open in one cell; ntl4 is the change.  Neither it nor its node is settled. */
HOT_INLINE void
risk_release_cell(struct risk *r, const struct risk_instr *i, struct risk_cell *c, uint8_t side,
		  uint32_t qty, int64_t ntl4, bool gone)
{
	struct risk_node *n = &r->node[c->node_idx];

	c->open_and_room_qty[side] -= qty;
	if (c->up == 0)
		c->open_and_room_ntl4[side] += (uint64_t)ntl4;
	n->open_ntl4[side] += ntl4;
	n->open_var_ntl4bp += (__int128)ntl4 * i->var_bp;
	n->open_cnt -= gone;
}

/*
 * A room grows by what is open no longer, and says itself what it lost: *taken.  One made at its
 * end is there again when it lost no more than that.  False, and nothing changed: it must be made
 * anew.
 */
HOT_INLINE bool
risk_room_grows(const struct risk_node *n, enum risk_room room, int64_t freed, int64_t *grown,
		int64_t *taken)
{
	const int64_t then = n->room_then[room];

	*taken = then - n->room[room];
	*grown = then == RISK_ROOM_END ? then : n->room[room] + freed;
	if (unlikely((uint64_t)freed >= RISK_ROOM_END))
		return false;
	if (then == RISK_ROOM_END)
		return likely(*taken <= freed);
	return likely(then < RISK_ROOM_END - freed) && likely(then > -RISK_ROOM_END);
}

/* Less is open of a node's orders: its rooms follow.  False, and nothing changed: settle it. */
HOT_INLINE bool
risk_rooms_grow(struct risk_node *n, uint8_t side, int64_t freed_ntl4, int64_t freed_var_ntl4bp)
{
	const enum risk_room net = (enum risk_room)(RISK_ROOM_BUY + side);
	int64_t gross_room, net_room, var_room, gross_taken, net_taken, var_taken;

	if (!risk_room_grows(n, RISK_ROOM_GROSS, freed_ntl4, &gross_room, &gross_taken) ||
	    !risk_room_grows(n, net, freed_ntl4, &net_room, &net_taken) ||
	    !risk_room_grows(n, RISK_ROOM_VAR, freed_var_ntl4bp, &var_room, &var_taken))
		return false;
	n->open_ntl4[side] += net_taken;
	n->open_var_ntl4bp += var_taken;
	n->room[RISK_ROOM_GROSS] = n->room_then[RISK_ROOM_GROSS] = gross_room;
	n->room[net] = n->room_then[net] = net_room;
	n->room[RISK_ROOM_VAR] = n->room_then[RISK_ROOM_VAR] = var_room;
	risk_orders_settle(n);
	return true;
}

/* That cell, those above it and their nodes, after a release. */
HOT_INLINE void
risk_release_settle(struct risk *r, const struct risk_instr *i, uint32_t cell, uint8_t side,
		    int64_t freed_ntl4)
{
	int64_t freed_var_ntl4bp;

	if (unlikely(__builtin_mul_overflow(freed_ntl4, (int64_t)i->var_bp, &freed_var_ntl4bp)))
		freed_var_ntl4bp = -1;
	for (; cell != 0; cell = r->cell[cell].up) {
		struct risk_cell *c = &r->cell[cell];
		struct risk_node *n = &r->node[c->node_idx];

		risk_cell_settle_side(r, c, n->position_max_qty, side);
		if (unlikely(!risk_rooms_grow(n, side, freed_ntl4, freed_var_ntl4bp)))
			risk_node_settle(n);
	}
}

/* Located shares that were not sold after all may be sold by another order. */
HOT_INLINE void
risk_release_located(struct risk *r, struct risk_open *e, uint32_t released_qty,
		     uint32_t executed_qty)
{
	uint32_t back_qty = released_qty > executed_qty ? released_qty - executed_qty : 0;
	struct risk_cell *account = &r->cell[r->cell[e->cell].up];

	if (back_qty > e->located_qty)
		back_qty = e->located_qty;
	e->located_qty -= back_qty;
	risk_located_settle(r, account, risk_located_used(r, account) - back_qty,
			    account->located_max_qty);
}

/* Gives back what the fill says is no longer open.  Levels that it executes at settle afterwards.
 */
HOT_INLINE void
risk_release(struct risk *r, struct risk_instr *i, struct risk_open *e, const struct fill *f,
	     uint32_t executed_cell)
{
	const int64_t before_ntl4 = ntl4_of(e->px4, e->open_qty);
	// a replace that orders had not seen yet is answered on its own, and holds its growth till
	// then
	const bool settled = !e->replace_pending || f->replace_done;
	const bool gone = f->order_gone && settled;
	uint32_t released_qty = f->released_qty;
	const uint32_t cell = e->cell;
	const uint8_t side = e->side;
	int64_t freed_ntl4;

	if (unlikely(released_qty > e->open_qty || (gone && released_qty < e->open_qty))) {
		metric_add(&r->metrics.release_excess, 1);
		released_qty = e->open_qty;
	}
	e->open_qty -= released_qty;
	if (!f->broken)
		e->executed_qty += f->executed_qty;
	if (f->reserved_px4 != 0 && settled)
		e->px4 = f->reserved_px4;
	if (f->replace_done)
		e->replace_pending = 0;
	if (settled)
		risk_own_settle(r, i, e);
	freed_ntl4 = before_ntl4 - ntl4_of(e->px4, e->open_qty);
	if (unlikely(e->located_qty != 0))
		risk_release_located(r, e, released_qty, f->broken ? 0 : f->executed_qty);
	for (uint32_t k = cell; k != 0; k = r->cell[k].up)
		risk_release_cell(r, i, &r->cell[k], side, released_qty, -freed_ntl4, gone);
	if (gone)
		risk_open_drop(r, e);
	if (cell != executed_cell)
		risk_release_settle(r, i, cell, side, freed_ntl4);
}

/* The strategy's cell, 0 when it has none for the instrument. */
HOT_INLINE uint32_t
risk_cell_of(const struct risk_instr *i, uint8_t strategy_idx)
{
	return strategy_idx < STRATEGY_MAX ? risk_leaf_cell(i, strategy_idx) : 0;
}

/* Whose position it is: the strategy that sent the order, also when that was an earlier process. */
HOT_INLINE uint8_t
risk_holder_of(const struct fill *f)
{
	return likely(f->booked_as == 0) ? f->strategy_idx
					 : (uint8_t)((f->booked_as & (FILL_BOOKED_SHORT - 1)) - 1);
}

/* Shares that an earlier process sold short were located; they stay in use. */
COLD void risk_book_located(struct risk *r, uint32_t cell, const struct fill *f);

/*
 * Books another price for an execution, in the cell and all above it.  Shares of it that the
 * position may still hold cost that much more; of the others it was realised.
 */
COLD void risk_correct(struct risk *r, uint32_t cell, const struct fill *f);

/* One more execution of a strategy: from its limit on, it has not only the instrument's terms. */
HOT_INLINE void
risk_count_repeated(struct risk *r, struct risk_instr *i, uint32_t cell, const struct fill *f)
{
	const uint8_t strategy_idx = r->node[r->cell[cell].node_idx].strategy - 1;
	uint16_t *cnt = &r->ledger[cell].execution_cnt[f->side];

	if (*cnt != UINT16_MAX)
		++*cnt;
	if (unlikely(*cnt >= r->execution_max[strategy_idx]))
		i->plain_mask &= ~(1U << strategy_idx);
}

/* What became of an order. */
HOT_INLINE void
risk_on_fill(struct risk *r, const struct fill *f)
{
	const uint16_t idx = f->head.instr_idx;
	const uint8_t side = f->broken ? f->side ^ 1 : f->side;
	struct risk_instr *i;
	struct risk_open *e;
	uint32_t cell;

	if (unlikely(idx == INSTR_NONE || idx >= r->instr_cnt || f->side > SIDE_SELL)) {
		metric_add(&r->metrics.index_out_of_range, 1);
		return;
	}
	risk_reserve_due(r);
	i = &r->instr[idx];
	metric_add(&r->metrics.fill_applied, 1);
	cell = risk_cell_of(i, risk_holder_of(f));
	if (unlikely(f->corrected)) {
		risk_correct(r, cell != 0 ? cell : idx, f); // the firm's stand first
		return;
	}
	e = risk_open_of(r, risk_open_key(f->strategy_idx, f->intent_id));
	if (unlikely(e->key == 0 || e->instr_idx != idx))
		metric_add(&r->metrics.fill_unreserved, 1);
	else
		risk_release(r, i, e, f, f->executed_qty != 0 ? cell : 0);
	if (f->executed_qty == 0) {
		risk_firm_settle(r, i);
		return;
	}
	if (unlikely(f->broken))
		metric_add(&r->metrics.fill_broken, 1);
	if (unlikely(i->mark_px4 == 0))
		i->mark_px4 = (uint32_t)f->px4; // until the book speaks; never a collar's reference
	if (unlikely(cell == 0)) {
		metric_add(&r->metrics.fill_unassigned, 1);
		cell = idx; // the firm's
	} else if (!f->broken) {
		risk_count_repeated(r, i, cell, f);
	}
	if (unlikely(f->booked_as & FILL_BOOKED_SHORT))
		risk_book_located(r, cell, f);
	for (; cell != 0; cell = r->cell[cell].up) {
		risk_count_execution(&r->ledger[cell], f);
		risk_execute(r, i, cell, side, f->px4, f->executed_qty);
	}
	risk_firm_settle(r, i);
}

#endif
