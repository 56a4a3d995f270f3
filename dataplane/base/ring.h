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
 * with indexes on lines of their own moves two (perf/ring.hop measures it against ck_ring).
 *
 * A slot at position p holds a message when its ring_seq is p + 1; positions wrap at 2^32.
 */
struct ring {
	// written once, read by both
	uint8_t *slot; // slot_cnt messages of CACHE_LINE bytes
	uint32_t mask; // slot_cnt - 1
	// the putter's
	cache_aligned uint32_t put_pos;
	uint32_t taken_seen; // taken_pos as the putter last saw it
	// the taker's
	cache_aligned uint32_t take_pos;
	// written by the taker, read by the putter when its room runs out
	cache_aligned uint32_t taken_pos;
};

/*
 * Thread   before either lane runs.
 * Memory   slot: slot_cnt * CACHE_LINE bytes, aligned to CACHE_LINE; stays the caller's.
 *          slot_cnt is a power of two.
 */
static inline void
ring_init(struct ring *r, void *slot, uint32_t slot_cnt)
{
	memset(r, 0, sizeof(*r));
	memset(slot, 0, (size_t)slot_cnt * CACHE_LINE);
	r->slot = slot;
	r->mask = slot_cnt - 1;
}

/* Whether want more messages fit.  Thread: the putter. */
HOT_INLINE bool
ring_room(struct ring *r, uint32_t want)
{
	if (likely(r->mask + 1 - (r->put_pos - r->taken_seen) >= want))
		return true;
	r->taken_seen = load_acquire_u32(&r->taken_pos); // pairs with ring_take's release
	return r->mask + 1 - (r->put_pos - r->taken_seen) >= want;
}

/*
 * Puts a copy of the message at m, whose first field is its ring_seq.  Thread: the putter, after
 * ring_room said yes.
 */
HOT_INLINE void
ring_put(struct ring *r, const void *m)
{
	uint8_t *slot = r->slot + (size_t)(r->put_pos & r->mask) * CACHE_LINE;

	memcpy(slot + sizeof(uint32_t), (const uint8_t *)m + sizeof(uint32_t),
	       CACHE_LINE - sizeof(uint32_t));
	store_relaxed_u32(&r->put_pos, r->put_pos + 1); // relaxed: the control plane reads depths
	store_release_u32((uint32_t *)(void *)slot, r->put_pos); // pairs with ring_take's acquire
}

/* Takes the next message into m; false when there is none.  Thread: the taker. */
HOT_INLINE bool
ring_take(struct ring *r, void *m)
{
	const uint8_t *slot = r->slot + (size_t)(r->take_pos & r->mask) * CACHE_LINE;

	if (load_acquire_u32((const uint32_t *)(const void *)slot) != r->take_pos + 1)
		return false;
	memcpy(m, slot, CACHE_LINE);
	r->take_pos++;
	store_release_u32(&r->taken_pos, r->take_pos); // pairs with ring_room's acquire
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
	const uint8_t *slot = r->slot + (size_t)(pos & r->mask) * CACHE_LINE;

	return load_acquire_u32((const uint32_t *)(const void *)slot) == pos + 1 ? slot : NULL;
}

/* Messages in the ring, as any thread may see it: a moment old. */
HOT_INLINE uint32_t
ring_depth(const struct ring *r)
{
	const uint32_t taken = load_relaxed_u32(&r->taken_pos);

	return load_relaxed_u32(&r->put_pos) - taken;
}

#endif
