/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_ORDER_TABLE_H
#define SLUICE_INGRESS_ORDER_TABLE_H

#include "base/u64_map.h"

/*
 * The living orders of all instruments, by the venue's reference, in memory fixed at start.
 *
 * A venue gives references out in ascending order and most orders die young.  So the youngest
 * references, a few times as many as orders may live, stand in a ring at the reference's own place:
 * eight bytes each, no search, and new orders fill one cache line after the other.  An order that
 * outlives its place moves to a map, as does one whose reference is far from all others: no
 * sequence of references, however sparse or hostile, costs more than a bounded step or loses an
 * order while there is room for it.
 *
 * A record's address is valid until the next order is added.
 */
struct order_rec {
	uint32_t qty;            // shares left
	uint32_t level_idx : 24; // never 0: 0 is no order
	uint32_t spare : 8;      // the map's own in records of the map
};
static_assert(sizeof(struct order_rec) == 8, "eight orders, one cache line");
static_assert(offsetof(struct u64_slot, value) == 8 && sizeof(struct u64_slot) == 16,
	      "the second half of a map's slot is a record");

/* Queues of levels (order_queue.h), optional.  Ids are slots, plus 1; 0 is none. */
struct order_link {
	uint32_t before;
	uint32_t after;
};
struct order_ends {
	uint32_t first;
	uint32_t last;
};

struct order_table {
	struct order_rec *ring;
	uint64_t ref_end;   // the ring is of the references before it
	uint32_t mask;      // places of the ring - 1
	uint32_t cnt;       // orders alive
	uint32_t max;       // most orders
	struct u64_map old; // all others
	uint64_t moved_cnt; // orders that outlived their place
	uint64_t far_cnt;   // orders whose reference was too far from the ring
	uint64_t stray_max; // largest reference in the map that the ring may have come to since
	struct order_link *link; // NULL: no queues are kept
	struct order_ends *ends; // by level
	size_t ends_cnt;
};

enum {
	ORDER_STRIP = 32,    // cleared at once: fewer would mispredict a branch more often
	ORDER_STEP_MAX = 64, // places of the ring that one new order may clear
	ORDER_AHEAD = 64,    // places ahead at which a survivor's new slot is fetched
	ORDER_FAR_AHEAD = 2 * ORDER_AHEAD, // and at which the place itself is
};

/*
 * At least five for each order that may live.  On the day of feed.sustained, whose table is nearly
 * full, 5 in 100 messages met an order in the map when there were four places, and none with eight.
 */
static inline uint32_t
order_table_places(uint32_t max)
{
	uint32_t places = 2 * ORDER_STEP_MAX;

	while (places < 5ULL * max && places < 1U << 30)
		places *= 2;
	return places;
}

/* What the map is sized for: it is at most four fifths full when every order is in it. */
static inline uint32_t
order_table_map_max(uint32_t max)
{
	return (uint32_t)(max * 5ULL / 8) + 1;
}

/* Slots, of ring and map: what an id may be. */
static inline size_t
order_table_slots(uint32_t max)
{
	return (size_t)order_table_places(max) + u64_map_slots(order_table_map_max(max));
}

static inline size_t
order_table_bytes(uint32_t max)
{
	return order_table_places(max) * sizeof(struct order_rec) +
	       u64_map_bytes(order_table_map_max(max));
}

/* What queues need on top; levels is one more than the largest index of a level. */
static inline size_t
order_table_queue_bytes(uint32_t max, size_t levels)
{
	return order_table_slots(max) * sizeof(struct order_link) +
	       (levels * sizeof(struct order_ends) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

/*
 * Memory   order_table_bytes(max) from the arena.
 * Returns  false when the arena is used up or max is above 2^27
 */
static inline bool
order_table_init(struct order_table *t, uint32_t max, struct arena *a)
{
	if (max == 0 || max > 1U << 27)
		return false;
	*t = (struct order_table){ .mask = order_table_places(max) - 1, .max = max };
	t->ring = (struct order_rec *)arena_take(a, (t->mask + 1ULL) * sizeof(*t->ring));
	if (t->ring == NULL || !u64_map_init(&t->old, order_table_map_max(max), a))
		return false;
	t->old.max = max;
	return true;
}

/*
 * From now on queues are kept.  Memory: order_table_queue_bytes() from the arena, whole cache
 * lines: the book may look at ends a few places beyond the last level's.
 */
static inline bool
order_table_keep_queues(struct order_table *t, size_t levels, struct arena *a)
{
	t->link = (struct order_link *)arena_take(a, order_table_slots(t->max) * sizeof(*t->link));
	t->ends = (struct order_ends *)arena_take(a, levels * sizeof(*t->ends));
	t->ends_cnt = levels;
	return t->link != NULL && t->ends != NULL;
}

HOT_INLINE bool
order_table_in_ring(const struct order_table *t, uint64_t ref)
{
	return t->ref_end - 1 - ref <= t->mask;
}

HOT_INLINE struct order_rec *
order_rec_of(struct u64_slot *s)
{
	return (struct order_rec *)&s->value;
}

/* NULL when there is no such order. */
HOT_INLINE struct order_rec *
order_table_find(const struct order_table *t, uint64_t ref)
{
	const int64_t behind = (int64_t)(t->ref_end - 1 - ref);
	struct u64_slot *s;

	if (likely(behind <= (int64_t)t->mask)) { // a place of the ring, or ahead of it
		struct order_rec *r = &t->ring[ref & t->mask];

		if (likely(behind >= 0 && r->level_idx != 0))
			return r;
		if (likely(ref > t->stray_max))
			return NULL;
	}
	s = u64_map_find(&t->old, ref);
	return s == NULL ? NULL : order_rec_of(s);
}

/* The record that find would look at first: the order's, another's, or none's. */
HOT_INLINE struct order_rec *
order_table_place(const struct order_table *t, uint64_t ref)
{
	if (likely((int64_t)(t->ref_end - 1 - ref) <= (int64_t)t->mask))
		return &t->ring[ref & t->mask];
	return order_rec_of(&t->old.slot[u64_map_home(&t->old, ref)]);
}

HOT_INLINE bool
order_table_is_of_ring(const struct order_table *t, const struct order_rec *r)
{
	return (uintptr_t)r - (uintptr_t)t->ring <= t->mask * sizeof(*r);
}

/* The record's place in the table; changes when the order moves to the map. */
HOT_INLINE uint32_t
order_table_slot_of(const struct order_table *t, const struct order_rec *r)
{
	if (likely(order_table_is_of_ring(t, r)))
		return (uint32_t)(r - t->ring);
	return t->mask + 1 +
	       (uint32_t)(((uintptr_t)r - (uintptr_t)t->old.slot) / sizeof(struct u64_slot));
}

HOT_INLINE struct order_rec *
order_table_rec_at(const struct order_table *t, uint32_t slot_idx)
{
	if (likely(slot_idx <= t->mask))
		return &t->ring[slot_idx];
	return order_rec_of(&t->old.slot[slot_idx - t->mask - 1]);
}

/* The reference of the order in a slot. */
static inline uint64_t
order_table_ref_at(const struct order_table *t, uint32_t slot_idx)
{
	if (slot_idx <= t->mask)
		return t->ref_end - 1 - ((t->ref_end - 1 - slot_idx) & t->mask);
	return t->old.slot[slot_idx - t->mask - 1].key;
}

/* The ring comes to the strip of ref: places are cleared, their survivors move. */
bool order_table_advance(struct order_table *t, uint64_t ref);
/* A new order whose reference is not within a step of the ring. */
struct order_rec *order_table_add_far(struct order_table *t, uint64_t ref, uint32_t qty,
				      uint32_t level_idx);
/* An order left its slot for another: its neighbours are told. */
void order_table_relink(struct order_table *t, uint32_t from_idx, uint32_t to_idx,
			uint32_t level_idx);
void order_table_clear(struct order_table *t);

/*
 * The ring comes to the place of an order that will be added, when that is near: asked before find
 * is, neither find nor add meets a branch that cannot be foreseen.
 */
HOT_INLINE void
order_table_reach(struct order_table *t, uint64_t ref)
{
	if (!order_table_in_ring(t, ref) && likely(ref - t->ref_end < ORDER_STEP_MAX))
		order_table_advance(t, ref);
}

/*
 * Adds an order that is not there.  NULL when the table is full, or when so many references crowd
 * around it in the map that only an attack explains it.
 */
HOT_INLINE struct order_rec *
order_table_add(struct order_table *t, uint64_t ref, uint32_t qty, uint32_t level_idx)
{
	struct order_rec *r;

	if (unlikely(t->cnt == t->max))
		return NULL;
	if (!order_table_in_ring(t, ref) &&
	    unlikely(ref - t->ref_end >= ORDER_STEP_MAX || !order_table_advance(t, ref)))
		return order_table_add_far(t, ref, qty, level_idx);
	r = &t->ring[ref & t->mask];
	*r = (struct order_rec){ .qty = qty, .level_idx = level_idx & U64_TAG_MAX };
	t->cnt++;
	return r;
}

HOT_INLINE void
order_table_remove(struct order_table *t, struct order_rec *r)
{
	t->cnt--;
	if (likely(order_table_is_of_ring(t, r)))
		*r = (struct order_rec){ 0 };
	else
		u64_map_remove(&t->old, (struct u64_slot *)((uint8_t *)r -
							    offsetof(struct u64_slot, value)));
}

/*
 * The next living order in the slots from *slot_idx on, looking at look_max of them at most; NULL
 * when there was none.  *slot_idx is moved on; the walk is over when it is order_table_slots(max).
 * Orders that live during the whole walk are met at least once, also when orders are added and
 * removed between two calls: they move from the ring to the map only, which comes after it.
 */
struct order_rec *order_table_next(const struct order_table *t, uint32_t *slot_idx,
				   uint32_t look_max);

#endif
