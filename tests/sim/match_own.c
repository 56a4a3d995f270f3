/* SPDX-License-Identifier: Apache-2.0 */
#include "match.h"

/*
 * Own orders that are not simply in a queue: pegs, which follow the public book; orders for an
 * auction, which wait for the tape's; hidden ones that take what locks them.
 */

static const struct match_side *
side_of(const struct match *m, uint16_t locate, uint8_t side)
{
	return &m->symbol[locate].side[side == 'B' ? 0 : 1];
}

static uint8_t
opposite(uint8_t side)
{
	return side == 'B' ? 'S' : 'B';
}

static void
list_join(struct match_order_list *l, struct match_order *o, enum match_list which)
{
	struct match_order *last = LIST_FIRST(l);

	while (last != NULL && LIST_NEXT(last, link) != NULL)
		last = LIST_NEXT(last, link);
	if (last == NULL)
		LIST_INSERT_HEAD(l, o, link);
	else
		LIST_INSERT_AFTER(last, o, link);
	o->list = which;
}

static void
list_leave(struct match_order *o)
{
	if (o->list != MATCH_NO_LIST)
		LIST_REMOVE(o, link);
	o->list = MATCH_NO_LIST;
}

void
match_leave(struct match *m, struct match_order *o)
{
	match_pull(m, o);
	list_leave(o);
}

/* --- pegs --- */

uint32_t
match_public_best(const struct match *m, uint16_t locate, uint8_t side)
{
	const struct match_side *s = side_of(m, locate, side);

	for (uint32_t i = s->level_cnt; i-- > 0;)
		for (int32_t n = s->level[i].head; n != MATCH_NONE; n = m->node[n].next)
			if (m->node[n].own == NULL && m->node[n].qty > m->node[n].taken_qty)
				return s->level[i].px4;
	return 0;
}

/* What the peg's price is now; 0: the book does not say. */
static uint32_t
peg_px4(const struct match *m, const struct match_order *o)
{
	const uint32_t bid_px4 = match_public_best(m, o->locate, 'B');
	const uint32_t ask_px4 = match_public_best(m, o->locate, 'S');
	const bool to_bid = (o->peg == 'R') == (o->side == 'B'); // its own side, or the other
	int64_t px4;

	if (o->peg == 'M' || o->peg == 'm') {
		if (bid_px4 == 0 || ask_px4 == 0 || bid_px4 >= ask_px4)
			return 0;
		px4 = ((int64_t)bid_px4 + ask_px4) / 2;
	} else {
		px4 = to_bid ? bid_px4 : ask_px4;
		if (px4 == 0)
			return 0;
	}
	px4 += o->peg_offset_px4;
	if (o->side == 'B' ? px4 > o->limit_px4 : px4 < o->limit_px4)
		px4 = o->limit_px4;
	return px4 > 0 ? (uint32_t)px4 : 0;
}

/* False when it stays where it is. */
static bool
peg_follow(struct match *m, struct match_order *o)
{
	const uint32_t px4 = peg_px4(m, o);

	if (px4 == o->px4)
		return false;
	match_pull(m, o);
	o->px4 = px4;
	if (px4 == 0)
		return true;
	match_take(m, o);
	if (o->open_qty != 0)
		match_rest(m, o);
	return true;
}

void
match_repeg(struct match *m, uint16_t locate)
{
	struct match_order *o;

	if (!match_trading(m, locate))
		return;
	do { // from the first again: an execution may have ended any of them
		LIST_FOREACH(o, &m->symbol[locate].pegged, link)
		if (peg_follow(m, o))
			break;
	} while (o != NULL);
}

void
match_peg(struct match *m, struct match_order *o)
{
	o->px4 = 0;
	list_join(&m->symbol[o->locate].pegged, o, MATCH_PEGGED);
	match_repeg(m, o->locate);
}

/* --- auctions --- */

void
match_wait(struct match *m, struct match_order *o)
{
	list_join(&m->symbol[o->locate].waiting, o, MATCH_WAITING);
}

/* Whether a goes before b: no limit, then the better one, then who came first. */
static bool
goes_before(const struct match_order *a, const struct match_order *b)
{
	const bool a_market = a->px4 >= MATCH_MARKET_PX4, b_market = b->px4 >= MATCH_MARKET_PX4;

	if (a_market || b_market)
		return a_market && !b_market;
	return a->side == 'B' ? a->px4 > b->px4 : a->px4 < b->px4;
}

/* The next one to be executed at the price; NULL: nobody is. */
static struct match_order *
next_in_cross(const struct match *m, uint16_t locate, uint8_t cross, uint8_t side, uint32_t px4)
{
	struct match_order *o, *best = NULL;

	LIST_FOREACH(o, &m->symbol[locate].waiting, link)
	{
		if (o->cross != cross || o->side != side || o->open_qty == 0)
			continue;
		if (o->px4 < MATCH_MARKET_PX4 && (side == 'B' ? o->px4 < px4 : o->px4 > px4))
			continue;
		if (best == NULL || goes_before(o, best))
			best = o;
	}
	return best;
}

static uint8_t
cross_liquidity(const struct match_order *o)
{
	if (!o->imbalance_only)
		return o->cross;
	return o->cross == 'O' ? 'M' : o->cross == 'C' ? 'L' : 'K';
}

/* Shares of a side's own orders in the auction: no more than the tape traded. */
static void
cross_side(struct match *m, uint16_t locate, uint8_t cross, uint8_t side, uint64_t left_qty,
	   uint32_t px4, uint64_t match_ref)
{
	struct match_order *o;

	while (left_qty > 0 && (o = next_in_cross(m, locate, cross, side, px4)) != NULL) {
		const uint32_t qty = o->open_qty < left_qty ? o->open_qty : (uint32_t)left_qty;

		left_qty -= qty;
		match_fill(m, o, qty, px4, cross_liquidity(o), match_ref);
	}
}

void
match_on_cross(struct match *m, uint16_t locate, uint8_t cross, uint64_t qty, uint32_t px4,
	       uint64_t match_ref)
{
	struct match_symbol *s = &m->symbol[locate];
	struct match_order *o;

	s->opened |= cross == 'O';
	s->closed |= cross == 'C';
	if (px4 != 0) { // otherwise it came to nothing
		cross_side(m, locate, cross, 'B', qty, px4, match_ref);
		cross_side(m, locate, cross, 'S', qty, px4, match_ref);
	}
	do {
		LIST_FOREACH(o, &s->waiting, link)
		if (o->cross == cross)
			break;
		if (o == NULL)
			return;
		list_leave(o);
		o->cross = 0;
		if (m->on_cross != NULL && o->open_qty != 0)
			m->on_cross(m->ctx, o);
	} while (true);
}

/* --- locks --- */

uint64_t
match_displayed(const struct match *m, uint16_t locate, uint8_t side, uint32_t px4)
{
	const struct match_side *s = side_of(m, locate, opposite(side));
	uint64_t qty = 0;

	for (uint32_t i = s->level_cnt; i-- > 0;) {
		if (side == 'B' ? px4 < s->level[i].px4 : px4 > s->level[i].px4)
			break;
		for (int32_t n = s->level[i].head; n != MATCH_NONE; n = m->node[n].next) {
			const struct match_order *own = m->node[n].own;

			if (own == NULL)
				qty += m->node[n].qty - m->node[n].taken_qty;
			else if (!own->hidden)
				qty += own->open_qty;
		}
	}
	return qty;
}

/* The best order of a side that wants to trade now and can; NULL: none. */
static struct match_order *
next_locked(const struct match *m, uint16_t locate, uint8_t side)
{
	const struct match_side *s = side_of(m, locate, side);

	for (uint32_t i = s->level_cnt; i-- > 0;)
		for (int32_t n = s->level[i].head; n != MATCH_NONE; n = m->node[n].next) {
			struct match_order *o = m->node[n].own;

			if (o != NULL && o->trade_now &&
			    match_available(m, locate, side, o->px4) != 0)
				return o;
		}
	return NULL;
}

void
match_trade_now(struct match *m, uint16_t locate, uint8_t side)
{
	struct match_order *o;

	while ((o = next_locked(m, locate, side)) != NULL)
		match_take(m, o);
}
