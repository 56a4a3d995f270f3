/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_RING_H
#define SLUICE_BASE_RING_H

#include <string.h>

#include "base/ordered.h"

/*
 * A queue of messages by value: one putter, one taker, each of them a lane.
 *
 * Payload and sequence number share a cache line: the putter writes the message, then its number
 * with release; the taker spins on the slot it wants.  One line moves per message, where a ring
 * with indexes on lines of their own moves two.
 *
 * A line that both sides used a moment ago moves faster than one of a thousand messages ago.  So
 * while the taker keeps up, messages go round in RING_NEAR slots that stay in both cores' first
 * caches; only what lies further ahead of the taker goes to the slots of the caller's memory.  The
 * taker looks at both places for the number it waits for.
 *
 * In a stream lines move side by side.  The putter asks for far ones ahead.  The taker tells how
 * far it is only when it finds nothing more or after a quarter of the slots, for a line that the
 * putter reads must not change owner with each message; so long the putter may find a quarter
 * missing.  And the taker marks a far slot that it took from: a line that it only reads would stay
 * with both cores, and of such lines the putter gets one after another, of the taker's own many at
 * once.  A near one it does not mark, for the message that answers would wait behind that.
 * (perf/run --only ring.hop: the bare line, this ring, ck_ring and rte_ring; and a stream.)
 *
 * The message at position p has ring_seq p + 1; positions wrap at 2^32.  What a slot held 2^32
 * positions ago is never taken for it: the mark is p, which no position of that slot waits for,
 * and near slots are marked, too, once in 2^30 positions.  tests/model/ring.pml has the orderings,
 * and what breaks without each.
 */
enum {
	RING_NEAR = 8,             // a power of two
	RING_LOOK = 4,             // puts between two looks at what was taken
	RING_ASK = 4,              // far slots ahead whose line the putter asks for
	RING_LONG = 128,           // slots; of a shorter ring each place is given back at once
	RING_TELL = 4,             // words of a long ring's taker, while it goes round once
	RING_MARK = (1 << 30) - 1, // near slots are marked once in so many positions and one
};

struct ring {
	// written once, read by both
	uint8_t *slot;      // slot_cnt messages of CACHE_LINE bytes: the far ones
	uint32_t mask;      // slot_cnt - 1
	uint32_t tell_mask; // messages between two words of the taker, less 1
	// the putter's
	cache_aligned uint32_t put_pos;
	uint32_t taken_seen; // taken_pos as the putter last saw it
	// the taker's
	cache_aligned uint32_t take_pos;
	uint32_t told_pos; // as taken_pos, whose line may be the putter's
	// written by the taker, read by the putter now and then
	cache_aligned uint32_t taken_pos;
	cache_aligned uint8_t near_slot[RING_NEAR * CACHE_LINE];
};

/* Whether want more messages fit.  Thread: the putter. */
HOT_INLINE bool
ring_room(struct ring *r, uint32_t want)
{
	if (likely(r->mask + 1 - (r->put_pos - r->taken_seen) >= want))
		return true;
	r->taken_seen = load_acquire_u32(&r->taken_pos); // pairs with ring_tell's release
	return r->mask + 1 - (r->put_pos - r->taken_seen) >= want;
}

HOT_INLINE uint8_t *
ring_near(const struct ring *r, uint32_t pos)
{
	return (uint8_t *)(uintptr_t)r->near_slot + (size_t)(pos % RING_NEAR) * CACHE_LINE;
}

HOT_INLINE uint8_t *
ring_far(const struct ring *r, uint32_t pos)
{
	return r->slot + (size_t)(pos & r->mask) * CACHE_LINE;
}

/* Whether the message at position pos goes to a near slot. */
HOT_INLINE bool
ring_goes_near(const struct ring *r, uint32_t pos)
{
	return pos - r->taken_seen < RING_NEAR;
}

/* Where the message at position pos goes: by a branch, which need not wait for taken_seen. */
HOT_INLINE uint8_t *
ring_choose(const struct ring *r, uint32_t pos)
{
	if (likely(ring_goes_near(r, pos)))
		return ring_near(r, pos);
	return ring_far(r, pos);
}

/* The slot gets a number that no position of it waits for.  Thread: the taker of pos. */
HOT_INLINE void
ring_mark(uint8_t *slot, uint32_t pos)
{
	store_relaxed_u64((uint64_t *)(void *)slot, pos); // before ring_tell's release
}

/* As ring_init, and the first message has position pos: for tests of what happens far from 0. */
static inline void
ring_init_at(struct ring *r, void *slot, uint32_t slot_cnt, uint32_t pos)
{
	memset(r, 0, sizeof(*r));
	memset(slot, 0, (size_t)slot_cnt * CACHE_LINE);
	r->slot = slot;
	r->mask = slot_cnt - 1;
	r->tell_mask = slot_cnt < RING_LONG ? 0 : slot_cnt / RING_TELL - 1;
	for (uint32_t i = 0; i < slot_cnt; i++)
		ring_mark(ring_far(r, i), i);
	for (uint32_t i = 0; i < RING_NEAR; i++)
		ring_mark(ring_near(r, i), i);
	r->put_pos = r->taken_seen = r->take_pos = r->told_pos = r->taken_pos = pos;
}

/*
 * Thread   before either lane runs.
 * Memory   slot: slot_cnt * CACHE_LINE bytes, aligned to CACHE_LINE; stays the caller's.
 *          slot_cnt is a power of two and not 1.
 */
static inline void
ring_init(struct ring *r, void *slot, uint32_t slot_cnt)
{
	ring_init_at(r, slot, slot_cnt, 0);
}

/* A slot's first eight bytes: the number and what stands behind it. */
union ring_head {
	uint64_t word;
	uint32_t seq;
};

/* Whether the message at position pos lies in that slot.  Pairs with ring_put's release. */
HOT_INLINE bool
ring_holds(const uint8_t *slot, uint32_t pos, union ring_head *head)
{
	head->word = load_acquire_u64((const uint64_t *)(const void *)slot);
	return head->seq == pos + 1;
}

/* All of a message but its head.  In words that cross no boundary of their own size. */
HOT_INLINE void
ring_copy_body(uint8_t *to, const uint8_t *from)
{
	memcpy(to + 8, from + 8, 8);
	memcpy(to + 16, from + 16, CACHE_LINE - 16);
}

/*
 * Puts a copy of the message at m, whose first field is its ring_seq.  Thread: the putter, after
 * ring_room said yes.
 */
HOT_INLINE void
ring_put(struct ring *r, const void *m)
{
	const uint32_t pos = r->put_pos;
	uint8_t *slot = ring_choose(r, pos);
	union ring_head head;
	uint32_t behind;

	// four bytes, as they were written a moment ago: a wider load would wait for the store
	memcpy(&behind, (const uint8_t *)m + sizeof(head.seq), sizeof(behind));
	head.word = (uint64_t)behind << 32;
	head.seq = pos + 1;
	ring_copy_body(slot, m);
	store_relaxed_u32(&r->put_pos, pos + 1); // relaxed: the control plane reads depths
	store_release_u64((uint64_t *)(void *)slot, head.word);  // pairs with ring_holds
	if ((pos + 1) % RING_LOOK == 0)                          // behind the message's back
		r->taken_seen = load_acquire_u32(&r->taken_pos); // pairs with ring_tell's release
	if (!ring_goes_near(r, pos + 1)) // a near one the taker looks at, which undoes it
		fetch_for_write(ring_far(r, pos + RING_ASK));
}

/* Gives back the places of all messages before pos.  Thread: the taker. */
HOT_INLINE void
ring_tell(struct ring *r, uint32_t pos)
{
	r->told_pos = pos;
	store_release_u32(&r->taken_pos, pos); // pairs with the putter's acquire
}

/* The message at position pos, which that far slot holds, to m.  Thread: the taker. */
static HOT_APART void
ring_take_far(uint8_t *slot, uint32_t pos, void *m)
{
	memcpy(m, slot, sizeof(union ring_head));
	ring_copy_body(m, slot);
	ring_mark(slot, pos);
}

/* Takes the next message into m; false when there is none.  Thread: the taker. */
HOT_INLINE bool
ring_take(struct ring *r, void *m)
{
	const uint32_t pos = r->take_pos, next = pos + 1;
	uint8_t *near = ring_near(r, pos), *far;
	union ring_head head;

	if (ring_holds(near, pos, &head)) {
		memcpy(m, &head, sizeof(head));
		ring_copy_body(m, near);
	} else {
		far = ring_far(r, pos);
		if (!ring_holds(far, pos, &head)) {
			if (r->told_pos != pos)
				ring_tell(r, pos);
			return false;
		}
		ring_take_far(far, pos, m);
	}
	// no later message lies there before pos is told
	if (unlikely((pos & RING_MARK) < RING_NEAR))
		ring_mark(near, pos);
	store_relaxed_u32(&r->take_pos, next); // relaxed: the control plane reads depths
	if ((next & r->tell_mask) == 0)
		ring_tell(r, next);
	return true;
}

/*
 * The message ahead places behind the next one, to be looked at where it lies and not taken; NULL
 * when it is not there yet.  Thread: the taker.
 */
HOT_INLINE const void *
ring_ahead(const struct ring *r, uint32_t ahead)
{
	const uint32_t pos = r->take_pos + ahead;
	union ring_head head;

	if (ring_holds(ring_near(r, pos), pos, &head))
		return ring_near(r, pos);
	return ring_holds(ring_far(r, pos), pos, &head) ? ring_far(r, pos) : NULL;
}

/* Messages in the ring, as any thread may see it: a moment old. */
HOT_INLINE uint32_t
ring_depth(const struct ring *r)
{
	const uint32_t taken = load_relaxed_u32(&r->take_pos);

	return load_relaxed_u32(&r->put_pos) - taken;
}

#endif
