/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_ORDER_QUEUE_H
#define SLUICE_INGRESS_ORDER_QUEUE_H

#include "ingress/order_table.h"

/*
 * The orders of each level in the venue's order: the first to come is the first to be executed.
 * Kept where the configuration asks for it (order_table_keep_queues).
 *
 * Two ids per order, of the one before and the one behind it, and two per level, of the first and
 * the last.  They stand in tables of their own, at the order's slot and at the level's index, and
 * not in the records: who keeps no queues must not pay for them in cache lines.  An order that
 * leaves the ring for the map takes a new id and tells its neighbours (order_table_relink), so it
 * keeps its place however old it gets.
 */

/* The order is the last of its level's queue now. */
HOT_INLINE void
order_queue_push(struct order_table *t, const struct order_rec *r)
{
	struct order_ends *e = &t->ends[r->level_idx];
	const uint32_t id = 1 + order_table_slot_of(t, r);

	t->link[id - 1] = (struct order_link){ .before = e->last };
	if (e->last != 0)
		t->link[e->last - 1].after = id;
	else
		e->first = id;
	e->last = id;
}

/* The order leaves its queue; its record is still there. */
HOT_INLINE void
order_queue_pull(struct order_table *t, const struct order_rec *r)
{
	struct order_ends *e = &t->ends[r->level_idx];
	const struct order_link l = t->link[order_table_slot_of(t, r)];

	if (l.before != 0)
		t->link[l.before - 1].after = l.after;
	else
		e->first = l.after;
	if (l.after != 0)
		t->link[l.after - 1].before = l.before;
	else
		e->last = l.before;
}

/*
 * Three looks ahead beside those of the book: at the ids of the order in place, at the ends of the
 * level, and at the neighbours that will be told.
 */
HOT_INLINE void
order_queue_prefetch(const struct order_table *t, const struct order_rec *place)
{
	__builtin_prefetch(&t->link[order_table_slot_of(t, place)], 1);
}

HOT_INLINE void
order_queue_prefetch_ends(const struct order_table *t, uint32_t level_idx)
{
	__builtin_prefetch(&t->ends[level_idx], 1);
}

HOT_INLINE void
order_queue_prefetch_pull(const struct order_table *t, const struct order_rec *place)
{
	const struct order_link l = t->link[order_table_slot_of(t, place)];

	__builtin_prefetch(&t->link[l.before == 0 ? 0 : l.before - 1], 1);
	__builtin_prefetch(&t->link[l.after == 0 ? 0 : l.after - 1], 1);
}

HOT_INLINE void
order_queue_prefetch_push(const struct order_table *t, uint32_t level_idx)
{
	const uint32_t last = t->ends[level_idx].last;

	__builtin_prefetch(&t->link[last == 0 ? 0 : last - 1], 1);
}

/*
 * What is wrong with the queue of a level of so many orders and shares, or NULL.  Ends, though the
 * links go round in a circle.
 */
const char *order_queue_audit(const struct order_table *t, uint32_t level_idx, uint32_t order_cnt,
			      uint64_t qty);

#endif
