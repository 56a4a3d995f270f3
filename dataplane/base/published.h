/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_PUBLISHED_H
#define SLUICE_BASE_PUBLISHED_H

#include "base/ordered.h"

/*
 * A table that the control plane replaces while lanes read it.
 *
 * A lane reads the pointer once per turn and uses that table until the turn ends; it counts its
 * turns in a turn_count.  The control plane stores the new pointer, then waits until every running
 * lane has begun a later turn: from then on nobody sees the old table.
 */
struct published {
	void *table;
};

/* One lane's turns.  Odd while the lane runs and may hold a table; even when it is parked or done.
 */
struct turn_count {
	cache_aligned uint64_t turn; // written by the lane
	uint32_t away;               // the same: it gave its core away and holds no table
};

/* Thread: a lane, at the beginning of a turn. */
HOT_INLINE const void *
published_get(const struct published *p)
{
	return load_acquire_ptr((void *const *)&p->table); // pairs with published_set
}

/* Thread: control plane, one caller at a time.  Returns the table that was in force. */
static inline void *
published_set(struct published *p, void *next)
{
	void *old = p->table;

	store_release_ptr(&p->table, next); // pairs with published_get
	ck_pr_fence_memory();               // the store is visible before turns are read
	return old;
}

/*
 * The lane's side: a turn begins.  The fence keeps the table's load from being done before the lane
 * has said that it runs; turn_next needs none, because the control plane waits for two steps.
 */
static inline void
turn_start(struct turn_count *t)
{
	store_release_u64(&t->turn, t->turn | 1);
	ck_pr_fence_memory();
}

/* Between two turns: tables read before are no longer used. */
HOT_INLINE void
turn_next(struct turn_count *t)
{
	store_release_u64(&t->turn, t->turn + 2); // pairs with turn_passed's acquire
}

/*
 * Between two turns the lane lets others have its core.  On a busy machine that may take a second,
 * and nobody who waits for its turns has to wait for that.
 */
HOT_INLINE void
turn_away(struct turn_count *t)
{
	store_release_u32(&t->away, 1); // pairs with turn_passed's acquire
}

HOT_INLINE void
turn_return(struct turn_count *t)
{
	store_relaxed_u32(&t->away, 0);
	ck_pr_fence_memory(); // as in turn_start: before the table is read
}

/* The lane holds no table any more. */
static inline void
turn_stop(struct turn_count *t)
{
	store_release_u64(&t->turn, (t->turn + 1) & ~1ULL);
}

/* What to remember when a table is replaced ... */
static inline uint64_t
turn_mark(const struct turn_count *t)
{
	return load_acquire_u64(&t->turn);
}

/*
 * ... and whether the lane can no longer see the old one.  Two whole turns: a lane's load of the
 * pointer may pass its own store of the turn's number, but not two of them.
 */
static inline bool
turn_passed(const struct turn_count *t, uint64_t mark)
{
	const uint64_t now = load_acquire_u64(&t->turn);

	return (mark & 1) == 0 || (now & 1) == 0 || now - mark >= 4 ||
	       load_acquire_u32(&t->away) != 0;
}

#endif
