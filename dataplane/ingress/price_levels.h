/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_PRICE_LEVELS_H
#define SLUICE_INGRESS_PRICE_LEVELS_H

#include <string.h>

#include "base/arena.h"

/*
 * All price levels of all instruments in one table of fixed size, found by instrument, side and
 * price.  Where a level is follows from the message alone, so that it can be fetched before the
 * message's turn comes, and any price from 0.0001 to 199,999.99 costs the same: there is no window
 * that could be left.
 *
 * Open addressing in the manner of base/u64_map.h: a level never moves while it lives, its index
 * stays valid, and a removed one leaves nothing behind.  Neighbouring prices, one tick apart, share
 * a cache line, because what happens next happens nearby.  A slot that is taken is made up for by
 * the same slot of the next line: it is rarely taken, too, and can be looked at without a branch.
 * Indices begin at 1: 0 is no level, and reads as one of no price and no shares, as does the line
 * after the last one.
 */
struct price_level {
	// low to high: price 32 bits, instrument 16, side 8, living keys pushed past here 8
	uint64_t key;
	// orders in the low 24 bits, shares in the upper 40; 0: unused
	uint64_t sum;
};
static_assert(sizeof(struct price_level) == 16, "four levels, one cache line");

#define PRICE_LEVEL_ONE      (1ULL << 24) // one share, in sum
#define PRICE_LEVEL_CNT_MAX  (PRICE_LEVEL_ONE - 1)
#define PRICE_LEVEL_QTY_MAX  ((1ULL << 40) - 1)
#define PRICE_LEVEL_GREAT    (0xFFULL << 56 | 1ULL << 23) // 2^32 shares or 2^23 orders, in sum
#define PRICE_LEVEL_PASS_ONE (1ULL << 56)                 // one key pushed past, in key
#define PRICE_LEVEL_KEY      (PRICE_LEVEL_PASS_ONE - 1)   // price, instrument and side, in key

enum {
	PRICE_LEVELS_MAX = 6000000,
	PRICE_LEVEL_SLOTS_MAX = 1 << 23, // an index fits 24 bits
	PRICE_LEVEL_GROUP = 4,
	PRICE_TICK_PX4 = 100, // a cent; the tick of prices from one dollar on
	PRICE_TICK_FROM_PX4 = 10000,
	PRICE_TICKS_BELOW = PRICE_TICK_FROM_PX4 - PRICE_TICK_FROM_PX4 / PRICE_TICK_PX4,
};

struct price_levels {
	struct price_level *level; // [0] is no level; [1] begins a cache line
	uint32_t mask;             // slots - 1
	uint32_t group_mask;       // groups of slots - 1
	uint32_t cnt;
	uint32_t max; // most levels
};

/* Three eighths of them are used at most; where so many would be too many, three quarters. */
static inline uint32_t
price_levels_slots(uint32_t max)
{
	uint32_t slots = 4 * PRICE_LEVEL_GROUP;

	while (slots < 2 * (max + max / 3ULL) && slots < PRICE_LEVEL_SLOTS_MAX)
		slots *= 2;
	return slots;
}

static inline size_t
price_levels_bytes(uint32_t max)
{
	return ((size_t)price_levels_slots(max) + 2 * PRICE_LEVEL_GROUP) *
	       sizeof(struct price_level);
}

/*
 * Memory   price_levels_bytes(max) from the arena.
 * Returns  false when the arena is used up or max is above PRICE_LEVELS_MAX
 */
static inline bool
price_levels_init(struct price_levels *t, uint32_t max, struct arena *a)
{
	struct price_level *base;

	if (max == 0 || max > PRICE_LEVELS_MAX)
		return false;
	base = (struct price_level *)arena_take(a, price_levels_bytes(max));
	if (base == NULL)
		return false;
	*t = (struct price_levels){
		.level = base + PRICE_LEVEL_GROUP - 1,
		.mask = price_levels_slots(max) - 1,
		.max = max,
	};
	t->group_mask = t->mask / PRICE_LEVEL_GROUP;
	return true;
}

HOT_INLINE uint64_t
price_key(uint16_t locate, uint8_t side, uint32_t px4)
{
	return (uint64_t)side << 48 | (uint64_t)locate << 32 | px4;
}

/* How many steps a price is above 0: of a cent from a dollar on, of 1/10000 dollar below. */
HOT_INLINE uint32_t
price_tick(uint32_t px4)
{
	return (uint32_t)pick(px4 < PRICE_TICK_FROM_PX4, px4,
			      px4 / PRICE_TICK_PX4 + PRICE_TICKS_BELOW);
}

HOT_INLINE uint32_t
price_of_tick(uint32_t tick)
{
	return tick < PRICE_TICK_FROM_PX4 ? tick : (tick - PRICE_TICKS_BELOW) * PRICE_TICK_PX4;
}

/* Whether the price is a whole number of steps, as stocks are quoted. */
HOT_INLINE bool
price_on_tick(uint32_t px4)
{
	return (px4 % PRICE_TICK_PX4 == 0) | (px4 < PRICE_TICK_FROM_PX4);
}

HOT_INLINE uint32_t
price_level_px4(const struct price_level *l)
{
	return (uint32_t)l->key;
}

HOT_INLINE uint16_t
price_level_locate(const struct price_level *l)
{
	return (uint16_t)(l->key >> 32);
}

HOT_INLINE uint8_t
price_level_side(const struct price_level *l)
{
	return (uint8_t)(l->key >> 48);
}

HOT_INLINE uint64_t
price_level_qty(const struct price_level *l)
{
	return l->sum >> 24;
}

HOT_INLINE uint32_t
price_level_order_cnt(const struct price_level *l)
{
	return (uint32_t)(l->sum & PRICE_LEVEL_CNT_MAX);
}

/* Whether one more order of qty shares would be beyond what a level can count. */
HOT_INLINE bool
price_level_is_full(const struct price_level *l, uint32_t qty)
{
	return price_level_qty(l) + qty > PRICE_LEVEL_QTY_MAX ||
	       price_level_order_cnt(l) == PRICE_LEVEL_CNT_MAX;
}

HOT_INLINE void
price_level_add_order(struct price_level *l, uint32_t qty)
{
	l->sum += qty * PRICE_LEVEL_ONE + 1;
}

HOT_INLINE void
price_level_remove_order(struct price_level *l, uint32_t qty)
{
	l->sum -= qty * PRICE_LEVEL_ONE + 1;
}

HOT_INLINE void
price_level_reduce(struct price_level *l, uint32_t qty)
{
	l->sum -= qty * PRICE_LEVEL_ONE;
}

/*
 * Four ticks share a group; a price between two cents is grouped by hundredths of a cent.  Both
 * sides share it, too: so a level's home is known before its side is.
 */
HOT_INLINE uint32_t
price_levels_home(const struct price_levels *t, uint64_t key)
{
	// a multiple of 100 times the inverse of 25, its two low bits turned to the top, is cents;
	// of any other number it is more than any cents are
	const uint32_t px4 = (uint32_t)key, turned = px4 * 0xC28F5C29;
	const uint32_t cents = turned >> 2 | turned << 30;
	const bool on_tick = cents - PRICE_TICK_FROM_PX4 / PRICE_TICK_PX4 <=
			     (UINT32_MAX - PRICE_TICK_FROM_PX4) / PRICE_TICK_PX4;
	const uint32_t tick = (uint32_t)pick(on_tick, cents, px4);
	const uint64_t group = (key & 0xFFFF00000000) | (tick / PRICE_LEVEL_GROUP);
	// 2^64 / golden ratio; every bit of the group is in the low bits of the product's upper
	// half
	const unsigned __int128 h = (unsigned __int128)group * 0x9E3779B97F4A7C15;

	return (((uint32_t)(h >> 64) ^ (uint32_t)h) & t->group_mask) * PRICE_LEVEL_GROUP +
	       tick % PRICE_LEVEL_GROUP;
}

HOT_INLINE bool
price_level_is(const struct price_level *l, uint64_t key)
{
	return ((l->key ^ key) << 8 == 0) & (l->sum != 0);
}

/* Where to look after slot i: a line after the home, and from there on one by one. */
HOT_INLINE uint32_t
price_levels_after(const struct price_levels *t, uint32_t i, uint32_t home)
{
	return (i + (i == home ? PRICE_LEVEL_GROUP : 1)) & t->mask;
}

/* The level's index; 0 when it is not there. */
HOT_INLINE uint32_t
price_levels_find_at(const struct price_levels *t, uint64_t key, uint32_t home)
{
	for (uint32_t i = home;; i = price_levels_after(t, i, home)) {
		const struct price_level *l = &t->level[1 + i];

		if (likely(price_level_is(l, key)))
			return 1 + i;
		if (l->key < PRICE_LEVEL_PASS_ONE)
			return 0;
	}
}

HOT_INLINE uint32_t
price_levels_find(const struct price_levels *t, uint64_t key)
{
	return price_levels_find_at(t, key, price_levels_home(t, key));
}

/*
 * Where a price's level is nearly always, home_idx being its home's index: there, or, when keys
 * were pushed past the home and another price has it, one line beyond, which may be the one after
 * the last.  A guess: the level may be elsewhere, or there is none.
 */
HOT_INLINE uint32_t
price_levels_guess(const struct price_levels *t, uint32_t home_idx, uint32_t px4)
{
	const uint64_t key = t->level[home_idx].key;
	const bool beyond = (key >= PRICE_LEVEL_PASS_ONE) & ((uint32_t)key != px4);

	return home_idx + PRICE_LEVEL_GROUP * beyond;
}

/*
 * Makes a level that is not there, with no order yet, home being its key's: the caller adds one, or
 * removes the level, before it asks for another.  0 when the table is full, or when the levels
 * around it are so many (more than 255 pushed past one slot) that only an attack explains it.
 */
static inline uint32_t
price_levels_add(struct price_levels *t, uint64_t key, uint32_t home)
{
	uint32_t i = home;

	if (unlikely(t->cnt == t->max))
		return 0;
	while (t->level[1 + i].sum != 0) {
		if (unlikely(t->level[1 + i].key >= UINT64_MAX - PRICE_LEVEL_PASS_ONE + 1))
			return 0;
		i = price_levels_after(t, i, home);
	}
	for (uint32_t k = home; k != i; k = price_levels_after(t, k, home))
		t->level[1 + k].key += PRICE_LEVEL_PASS_ONE;
	t->level[1 + i].key = (t->level[1 + i].key >> 56 << 56) | key;
	t->cnt++;
	return 1 + i;
}

static inline void
price_levels_remove(struct price_levels *t, uint32_t idx)
{
	struct price_level *l = &t->level[idx];

	const uint32_t home = price_levels_home(t, l->key << 8 >> 8);

	for (uint32_t k = home; k != idx - 1; k = price_levels_after(t, k, home))
		t->level[1 + k].key -= PRICE_LEVEL_PASS_ONE;
	l->sum = 0;
	t->cnt--;
}

/* Removes every level. */
static inline void
price_levels_clear(struct price_levels *t)
{
	memset(t->level, 0, ((size_t)t->mask + 2) * sizeof(*t->level));
	t->cnt = 0;
}

#endif
