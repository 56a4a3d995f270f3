/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_OPEN_H
#define SLUICE_DECISION_RISK_OPEN_H

#include "decision/risk_state.h"
#include "msg/intent.h"

/*
 * The table of open orders, and a list of them per instrument and side.
 *
 * Self-match: own_near of an instrument's side is never less than that of the open order nearest to
 * the other side, so most orders are cleared by one comparison.  It may be more: when the nearest
 * order leaves, at most RISK_OWN_LOOK orders are looked through for the next one.  An order that
 * own_near would refuse is compared with every open order of the other side, so the verdict is
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

/*
 * What a slot of the index says of an entry: its name, all of it, and its place.  A place stays an
 * order's until it is gone, and the last one left is the first one taken: its line is still near.
 */
enum {
	RISK_OPEN_PLACE_BITS = 24, // 37 of the name stand above them
};
static_assert(STRATEGY_MAX <= 1 << 5, "32 bits of the intent, 5 of the strategy");

HOT_INLINE uint64_t
risk_open_slot(uint64_t key, uint32_t place)
{
	return key << RISK_OPEN_PLACE_BITS | place;
}

/*
 * Bits 8 and above of a CRC32C: of as many names in a row as the index has room for, no two have
 * the same home, whatever the size of the index.
 */
HOT_INLINE uint32_t
risk_open_home(const struct risk *r, uint64_t slot)
{
	return (uint32_t)(__builtin_ia32_crc32di(0, slot >> RISK_OPEN_PLACE_BITS) >> 8) &
	       r->open_mask;
}

/*
 * A strategy numbers its intents, so the next one's place in the index is known now: a random line
 * of a large table, which nothing else would bring near before it is needed.
 */
HOT_INLINE void
risk_open_prepare(const struct risk *r, uint8_t strategy_idx, uint32_t next_id)
{
	const uint64_t name = risk_open_slot(risk_open_key(strategy_idx, next_id), 0);

	__builtin_prefetch(&r->open_slot[risk_open_home(r, name)], 1);
}

/* Whether a slot is neither free nor of that name. */
HOT_INLINE bool
risk_open_is_others(const struct risk *r, uint32_t at, uint64_t name)
{
	const uint64_t slot = r->open_slot[at];

	return (slot != 0) & ((slot ^ name) >> RISK_OPEN_PLACE_BITS != 0);
}

/*
 * Where the name stands in the index, or the free slot where it belongs.  Of a table as full as it
 * gets, one name in eight finds its home taken, and cannot be foreseen: the first step is taken
 * without a branch.
 */
HOT_INLINE uint32_t
risk_open_find(const struct risk *r, uint64_t key)
{
	const uint64_t name = risk_open_slot(key, 0);
	uint32_t at = risk_open_home(r, name);
	uint32_t step = risk_open_is_others(r, at, name);

	in_register(step);
	at = (at + step) & r->open_mask;
	while (unlikely(risk_open_is_others(r, at, name)))
		at = (at + 1) & r->open_mask;
	return at;
}

/* The entry that the slot leads to; of a free slot the free one that an order would take. */
HOT_INLINE struct risk_open *
risk_open_at(const struct risk *r, uint32_t at)
{
	const uint64_t slot = r->open_slot[at];

	return &r->open[slot != 0 ? slot & ((1U << RISK_OPEN_PLACE_BITS) - 1) : r->open_free];
}

/* The entry of that key, or the free one. */
HOT_INLINE struct risk_open *
risk_open_of(const struct risk *r, uint64_t key)
{
	return risk_open_at(r, risk_open_find(r, key));
}

/*
 * The free entry, the next one, becomes that of a new order, whose name was found at slot `at`; the
 * caller fills the rest of it.
 */
HOT_INLINE void
risk_open_take(struct risk *r, struct risk_open *e, uint32_t at, uint64_t key)
{
	r->open_slot[at] = risk_open_slot(key, r->open_free);
	r->open_free = e->next;
	r->open_cnt++;
	e->key = key;
}

/* How near to the other side a price is: more is nearer; 0 is nowhere. */
HOT_INLINE uint32_t
risk_near(uint8_t side, uint32_t px4)
{
	return px4 ^ -(uint32_t)side;
}
static_assert(SIDE_BUY == 0 && SIDE_SELL == 1, "of a sale, less is nearer");

/* Whether an order of that side and price could meet one that is as near from the other side. */
HOT_INLINE bool
risk_px_meets(uint8_t side, uint32_t px4, uint32_t other_near)
{
	return other_near >= ~risk_near(side, px4); // nobody is at price 0, or at the end
}

/* Whether it would meet one of our own.  Looks at each: only what own_near would refuse comes here.
 */
COLD bool risk_own_meets(const struct risk *r, const struct risk_instr *i, uint8_t side,
			 int64_t px4);

/* The nearest order of a side left; see above. */
COLD void risk_own_look(const struct risk *r, struct risk_instr *i, uint8_t side);

/* The order may stand at px4 from now on. */
HOT_INLINE void
risk_own_near(struct risk_instr *i, struct risk_open *e, uint32_t px4)
{
	const uint32_t near = risk_near(e->side, px4);

	if (near > e->near)
		e->near = near;
	if (near > i->own_near[e->side])
		i->own_near[e->side] = near;
}

/*
 * A new order, at that place, joins the list of its side at the head.  The one that was the head is
 * not told: its line would be fetched for it.
 */
HOT_INLINE void
risk_own_add(struct risk_instr *i, struct risk_open *e, uint32_t place, uint8_t side, uint32_t px4)
{
	const uint32_t near = risk_near(side, px4), own_near = i->own_near[side];

	e->next = i->own_head[side];
	e->near = near;
	i->own_head[side] = place;
	i->own_near[side] = near > own_near ? near : own_near;
}

/*
 * The one before e, which is not the head.  e->prev is right if that one leads to e.  Otherwise all
 * that joined since the last walk are told: from the head to e, and on to the first that knows.
 */
HOT_INLINE struct risk_open *
risk_own_before(struct risk *r, const struct risk_instr *i, const struct risk_open *e)
{
	const uint32_t place = (uint32_t)(e - r->open);
	uint32_t at = e->prev, next;
	bool passed = false;

	if (likely(at != 0 && r->open[at].key != 0 && r->open[at].next == place))
		return &r->open[at];
	for (at = i->own_head[e->side]; (next = r->open[at].next) != 0; at = next) {
		if (passed && r->open[next].prev == at)
			break;
		r->open[next].prev = at;
		passed |= next == place;
	}
	return &r->open[e->prev];
}

HOT_INLINE void
risk_own_drop(struct risk *r, struct risk_instr *i, const struct risk_open *e)
{
	if (i->own_head[e->side] == (uint32_t)(e - r->open)) {
		i->own_head[e->side] = e->next;
	} else {
		struct risk_open *before = risk_own_before(r, i, e);

		before->next = e->next;
		if (e->next != 0)
			r->open[e->next].prev = (uint32_t)(before - r->open);
	}
	if (i->own_head[e->side] == 0)
		i->own_near[e->side] = 0;
	else if (e->near == i->own_near[e->side])
		risk_own_look(r, i, e->side);
}

/* Its replace was answered: it stands at one price again. */
HOT_INLINE void
risk_own_settle(struct risk *r, struct risk_instr *i, struct risk_open *e)
{
	const uint32_t near = risk_near(e->side, e->px4), own_near = i->own_near[e->side];
	const bool nearest = e->near == own_near;

	if (likely(e->near == near))
		return;
	e->near = near;
	if (near > own_near)
		i->own_near[e->side] = near;
	else if (nearest)
		risk_own_look(r, i, e->side);
}

/* Takes the order out, and moves up those of the index that would no longer be found. */
HOT_INLINE void
risk_open_drop(struct risk *r, struct risk_open *e)
{
	uint32_t hole = risk_open_find(r, e->key), at = hole;

	risk_own_drop(r, &r->instr[e->instr_idx], e);
	for (;;) {
		uint32_t home;

		at = (at + 1) & r->open_mask;
		if (r->open_slot[at] == 0)
			break;
		home = risk_open_home(r, r->open_slot[at]);
		if (((at - home) & r->open_mask) >= ((at - hole) & r->open_mask)) {
			r->open_slot[hole] = r->open_slot[at];
			hole = at;
		}
	}
	r->open_slot[hole] = 0;
	*e = (struct risk_open){ .next = r->open_free };
	r->open_free = (uint32_t)(e - r->open);
	r->open_cnt--;
}

#endif
