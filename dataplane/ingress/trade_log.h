/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_TRADE_LOG_H
#define SLUICE_INGRESS_TRADE_LOG_H

#include "base/u64_map.h"

/*
 * The last prints, in case one of them is broken later.
 *
 * A venue gives match numbers out in ascending order, and hardly any is asked for again.  So prints
 * stand one after the other as they came, and one whose number is above all before it is remembered
 * by one store, without a search; who asks searches by halves.  A number that is not above all
 * before it is a stray: it stands in its turn, too, but a map finds it.
 */
struct trade {
	uint64_t last_ref; // largest number so far: its own, unless it is a stray
	uint64_t qty;
	uint64_t ntl4;
	uint32_t stray; // place in the map, +1; 0: not a stray
	uint16_t locate;
	uint16_t pad;
};
static_assert(sizeof(struct trade) == 32, "two prints, one cache line");

struct trade_log {
	struct trade *trade;
	uint64_t last_ref;
	uint32_t max;
	uint32_t cnt;
	uint32_t next; // place of the next one; the oldest stands there when all are taken
	struct u64_map stray;
};

enum { TRADE_LOG_AHEAD = 4 }; // prints: two cache lines

static inline size_t
trade_log_bytes(uint32_t max)
{
	return (max * sizeof(struct trade) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE +
	       u64_map_bytes(max);
}

/*
 * Memory   trade_log_bytes(max) from the arena.
 * Returns  false when the arena is used up, or max is 0 or above U64_TAG_MAX - 1
 */
static inline bool
trade_log_init(struct trade_log *l, uint32_t max, struct arena *a)
{
	if (max == 0 || max >= U64_TAG_MAX)
		return false;
	*l = (struct trade_log){ .max = max };
	l->trade = (struct trade *)arena_take(a, max * sizeof(*l->trade));
	if (l->trade == NULL || !u64_map_init(&l->stray, max, a))
		return false;
	l->stray.max = max + 1; // a stray comes before the oldest goes
	return true;
}

/* The print of a number that is not forgotten, or NULL. */
struct trade *trade_log_find(const struct trade_log *l, uint64_t ref);
/* Remembers a stray that is not there.  False when only an attack explains its neighbours. */
bool trade_log_add_stray(struct trade_log *l, uint64_t ref, const struct trade *t);
void trade_log_clear(struct trade_log *l);

/* The place of the next print; the oldest one is forgotten when there is no other. */
HOT_INLINE struct trade *
trade_log_take(struct trade_log *l)
{
	struct trade *t = &l->trade[l->next];

	if (unlikely(t->stray != 0))
		u64_map_remove(&l->stray, &l->stray.slot[t->stray - 1]);
	l->next = l->next + 1 == l->max ? 0 : l->next + 1;
	l->cnt += l->cnt != l->max;
	__builtin_prefetch(t + TRADE_LOG_AHEAD, 1);
	return t;
}

/* Remembers a print whose number is above all before it. */
HOT_INLINE void
trade_log_add(struct trade_log *l, uint64_t ref, uint16_t locate, uint64_t qty, uint64_t ntl4)
{
	l->last_ref = ref;
	*trade_log_take(l) =
		(struct trade){ .last_ref = ref, .qty = qty, .ntl4 = ntl4, .locate = locate };
}

#endif
