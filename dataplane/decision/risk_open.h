/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_OPEN_H
#define SLUICE_DECISION_RISK_OPEN_H

#include "decision/risk_state.h"
#include "msg/intent.h"

/*
 * The table of open orders, and a list of them per instrument and side.
 *
 * Self-match: own_px4 of an instrument's side is never further from the other side than the nearest
 * open order is, so most orders are cleared by one comparison.  It may be nearer: when the nearest
 * order leaves, at most OWN_LOOK orders are looked through for the next one.  An order that
 * own_px4 would refuse is compared with every open order of the other side, so the verdict is
 * exact.  An order whose replace is not answered counts with the nearer of both prices.
 */
enum {
	RISK_OWN_LOOK = 16, // guess: more of our own orders on one side of one book are rare
};

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

/* Whether price a of a side is nearer to the other side than b; 0 is nowhere. */
HOT_INLINE bool
risk_px_nearer(uint8_t side, uint32_t a, uint32_t b)
{
	return b == 0 || (side == SIDE_BUY ? a > b : a < b);
}

/* Whether an order of that side and price could meet one at own_px4 of the other side. */
HOT_INLINE bool
risk_px_meets(uint8_t side, int64_t px4, uint32_t own_px4)
{
	return own_px4 != 0 && (side == SIDE_BUY ? px4 >= own_px4 : px4 <= own_px4);
}

/* Whether it would meet one of our own.  Looks at each: only what own_px4 would refuse comes here.
 */
COLD bool risk_own_meets(const struct risk *r, const struct risk_instr *i, uint8_t side,
			 int64_t px4);

/* The nearest order of a side left; see above. */
COLD void risk_own_look(const struct risk *r, struct risk_instr *i, uint8_t side);

/* The order may stand at px4 from now on. */
HOT_INLINE void
risk_own_near(struct risk_instr *i, struct risk_open *e, uint32_t px4)
{
	if (risk_px_nearer(e->side, px4, e->near_px4))
		e->near_px4 = px4;
	if (risk_px_nearer(e->side, px4, i->own_px4[e->side]))
		i->own_px4[e->side] = px4;
}

HOT_INLINE void
risk_own_add(struct risk *r, struct risk_instr *i, struct risk_open *e)
{
	const uint32_t place = (uint32_t)(e - r->open) + 1;

	e->prev = 0;
	e->next = i->own_head[e->side];
	if (e->next != 0)
		r->open[e->next - 1].prev = place;
	i->own_head[e->side] = place;
	e->near_px4 = 0;
	risk_own_near(i, e, e->px4);
}

HOT_INLINE void
risk_own_drop(struct risk *r, struct risk_instr *i, const struct risk_open *e)
{
	if (e->prev != 0)
		r->open[e->prev - 1].next = e->next;
	else
		i->own_head[e->side] = e->next;
	if (e->next != 0)
		r->open[e->next - 1].prev = e->prev;
	if (i->own_head[e->side] == 0)
		i->own_px4[e->side] = 0;
	else if (e->near_px4 == i->own_px4[e->side])
		risk_own_look(r, i, e->side);
}

/* Its replace was answered: it stands at one price again. */
HOT_INLINE void
risk_own_settle(struct risk *r, struct risk_instr *i, struct risk_open *e)
{
	const bool nearest = e->near_px4 == i->own_px4[e->side];

	if (likely(e->near_px4 == e->px4))
		return;
	e->near_px4 = e->px4;
	if (risk_px_nearer(e->side, e->px4, i->own_px4[e->side]))
		i->own_px4[e->side] = e->px4;
	else if (nearest)
		risk_own_look(r, i, e->side);
}

/* An entry moved in the table: its neighbours and the head must know. */
HOT_INLINE void
risk_own_moved(struct risk *r, const struct risk_open *e)
{
	const uint32_t place = (uint32_t)(e - r->open) + 1;

	if (e->prev != 0)
		r->open[e->prev - 1].next = place;
	else
		r->instr[e->instr_idx].own_head[e->side] = place;
	if (e->next != 0)
		r->open[e->next - 1].prev = place;
}

/* Takes the entry out and moves up those behind it that would no longer be found. */
HOT_INLINE void
risk_open_drop(struct risk *r, struct risk_open *e)
{
	uint32_t hole = (uint32_t)(e - r->open), i = hole;

	risk_own_drop(r, &r->instr[e->instr_idx], e);
	for (;;) {
		uint32_t home;

		i = (i + 1) & r->open_mask;
		if (r->open[i].key == 0)
			break;
		home = risk_open_home(r, r->open[i].key);
		if (((i - home) & r->open_mask) >= ((i - hole) & r->open_mask)) {
			r->open[hole] = r->open[i];
			risk_own_moved(r, &r->open[hole]);
			hole = i;
		}
	}
	r->open[hole] = (struct risk_open){ 0 };
	metric_set(&r->metrics.open_order_cnt, --r->open_cnt);
}

#endif
