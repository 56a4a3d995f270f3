/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_SEQLOCK_H
#define SLUICE_BASE_SEQLOCK_H

#include "base/ordered.h"

/*
 * A record that one thread writes now and then and any others read, none of them ever waiting for
 * another.  A reader that met a write finds out and tries again; the writer never notices readers.
 *
 * The record is an array of 64-bit words, each read and written whole, so that a copy that turns
 * out to be torn was at least no data race.
 */
struct seqlock {
	uint64_t seq; // odd while the record is being written; 0: never was
};

/* Thread: the writer. */
static inline void
seqlock_put(struct seqlock *s, uint64_t *record, const uint64_t *from, size_t word_cnt)
{
	const uint64_t seq = s->seq;

	store_relaxed_u64(&s->seq, seq + 1);
	ck_pr_fence_store(); // no word before the odd number; pairs with seqlock_get's second look
	for (size_t i = 0; i < word_cnt; i++)
		store_relaxed_u64(&record[i], from[i]);
	store_release_u64(&s->seq, seq + 2); // pairs with seqlock_get's first look
}

/* Thread: any.  False when the record was never written, or is being written: try again. */
static inline bool
seqlock_get(const struct seqlock *s, uint64_t *to, const uint64_t *record, size_t word_cnt)
{
	const uint64_t seq = load_acquire_u64(&s->seq); // pairs with seqlock_put's last store

	if (seq == 0 || (seq & 1) != 0)
		return false;
	for (size_t i = 0; i < word_cnt; i++)
		to[i] = load_relaxed_u64(&record[i]);
	ck_pr_fence_load(); // no word after the second look; pairs with seqlock_put's fence
	return load_relaxed_u64(&s->seq) == seq;
}

#endif
