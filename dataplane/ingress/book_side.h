/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_SIDE_H
#define SLUICE_INGRESS_BOOK_SIDE_H

#include "base/arena.h"
#include "ingress/price_levels.h"
#include "msg/head.h"

/*
 * At which prices an instrument's sides have levels, in the order of price.
 *
 * Nearly everything happens near the touch.  So a side has a window of BOOK_NEAR price steps, one
 * bit each, in one cache line: a level comes or goes by one bit, and the next best price is found
 * by looking at one word as a rule.  The window moves with the market.  Prices beyond its worse
 * end, and prices that are no whole step, stand in a sorted array, so that any price has its place.
 * A whole step above the window moves it; only while it is empty and a price that is no whole step
 * is the best does the array take such steps, too.
 *
 * A key is the price of a bid and the complement of an offer's, a tick is the same of its step:
 * larger is better on both sides.
 */
enum {
	BOOK_NEAR = 512, // ticks of the window: one cache line
	BOOK_NEAR_WORDS = BOOK_NEAR / 64,
	BOOK_TICK_MASK = (1 << 26) - 1, // above the tick of any 32-bit price
	BOOK_BLOCK_MIN = 16,            // keys of the smallest array
	BOOK_BLOCK_KINDS = 21,          // 16 << 20 keys exceed any levels_max
};

struct book_side {
	uint32_t top_idx;   // level of the best price; 0: none
	uint32_t top_key;   // of the best price; 0 when there is none
	uint32_t near_from; // first tick of the window, a multiple of 64
	uint32_t far_best;  // best key outside of the window; 0 when there is none
};

/* Levels outside of the window: their keys ascend, cnt of them. */
struct book_far {
	uint32_t at; // in struct book_keys
	uint32_t cnt;
	uint32_t cap;
};

struct book_instr {
	// what an order touches
	struct book_side side[2];
	char symbol[8];
	uint16_t instr_idx; // INSTR_NONE: not configured
	uint8_t state;      // enum trading_state of 'H'
	bool market_halted; // 'h'
	bool known;         // symbol is valid
	bool defined;       // by a directory message
	bool suspect;       // broke an invariant
	bool crossed;       // bid above offer at this moment
	uint32_t top_px4[2];
	uint32_t top_qty[2];
	// what a level touches that comes or goes: a tick's bit is tick % BOOK_NEAR
	uint64_t near[2][BOOK_NEAR_WORDS];
	// what is rarer
	uint32_t last_px4;
	uint32_t band_lo_px4;
	uint32_t band_hi_px4;
	uint32_t round_lot_qty;
	uint64_t volume_qty;
	struct book_far far[2];
	uint8_t short_sale;
	uint8_t authenticity; // 'T': a test symbol
	uint8_t pad[14];
};
static_assert(sizeof(struct book_instr) == 4 * CACHE_LINE, "an order touches the first");
static_assert(offsetof(struct book_instr, near) == CACHE_LINE, "a level one more");
static_assert(offsetof(struct book_instr, last_px4) == 3 * CACHE_LINE, "a print the last");

/* The arrays of all sides, in blocks of BOOK_BLOCK_MIN << kind keys. */
struct book_keys {
	uint32_t *key;
	uint32_t fresh;
	uint32_t cnt;
	uint32_t free[BOOK_BLOCK_KINDS]; // a free block, +1; 0: none
};

/* The key of a price, and the price of a key. */
HOT_INLINE uint32_t
book_key(uint8_t side, uint32_t px4)
{
	return px4 ^ (0 - (uint32_t)side);
}

/* The tick of a price, and of a tick the step; what lies between two steps has the lower one's. */
HOT_INLINE uint32_t
book_tick(uint8_t side, uint32_t px4)
{
	return price_tick(px4) ^ ((0 - (uint32_t)side) & BOOK_TICK_MASK);
}

HOT_INLINE uint32_t
book_px4_of_tick(uint8_t side, uint32_t tick)
{
	return price_of_tick(tick ^ ((0 - (uint32_t)side) & BOOK_TICK_MASK));
}

/* Whether a price, of this tick, has a bit in the window. */
HOT_INLINE bool
book_side_is_near(const struct book_side *s, uint32_t tick, uint32_t px4)
{
	return (tick - s->near_from < BOOK_NEAR) & price_on_tick(px4);
}

/* The best tick of the window that is not above `from`.  False when there is none. */
HOT_INLINE bool
book_near_best(const struct book_instr *in, uint8_t side, uint32_t from, uint32_t *tick)
{
	const uint32_t first = in->side[side].near_from;
	const uint64_t *near = in->near[side];
	uint64_t word;
	uint32_t at;

	if (unlikely(from - first >= BOOK_NEAR)) {
		if (from < first)
			return false;
		from = first + BOOK_NEAR - 1;
	}
	word = near[from / 64 % BOOK_NEAR_WORDS] << (63 - from % 64) >> (63 - from % 64);
	for (at = from & ~63u; word == 0; word = near[at / 64 % BOOK_NEAR_WORDS]) {
		if (at == first)
			return false;
		at -= 64;
	}
	*tick = at + 63 - (uint32_t)__builtin_clzll(word);
	return true;
}

/*
 * A price that has no bit: the window moves to it, or it goes into the array.  False when there is
 * no room for it, and nothing was changed.
 *
 * Time     the levels of a window, and the keys of the array that are above the price or in the
 *          window.
 */
bool book_side_add_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4);
/* Takes out a price that has no bit. */
void book_side_remove_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4);
/* The best key outside of a window that is empty; the window moves to it.  False: there is none. */
bool book_side_fall_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t *key);
/* The best key below end, which may be 2^32.  False when there is none. */
bool book_side_next(const struct book_keys *k, const struct book_instr *in, uint8_t side,
		    uint64_t end, uint32_t *key);
/* How many levels the side has. */
uint32_t book_side_level_cnt(const struct book_instr *in, uint8_t side);
/* What is wrong with the side's own order, or NULL. */
const char *book_side_audit(const struct book_keys *k, const struct book_instr *in, uint8_t side);
/* No side has any array. */
void book_keys_clear(struct book_keys *k);

/* A level appears at a price that has none.  False when there is no room for it. */
HOT_INLINE bool
book_side_add(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4, uint32_t idx)
{
	const uint32_t tick = book_tick(side, px4), key = book_key(side, px4);
	struct book_side *s = &in->side[side];

	if (likely(book_side_is_near(s, tick, px4)))
		in->near[side][tick / 64 % BOOK_NEAR_WORDS] |= 1ULL << tick % 64;
	else if (!book_side_add_far(k, in, side, px4))
		return false;
	if (key >= s->top_key) {
		s->top_key = key;
		s->top_idx = idx;
	}
	return true;
}

/* The level of a price goes.  The top is the caller's to find anew, if it was that. */
HOT_INLINE void
book_side_remove(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4)
{
	const uint32_t tick = book_tick(side, px4);

	if (likely(book_side_is_near(&in->side[side], tick, px4)))
		in->near[side][tick / 64 % BOOK_NEAR_WORDS] &= ~(1ULL << tick % 64);
	else
		book_side_remove_far(k, in, side, px4);
}

/* The best key of the side now; false when it is empty. */
HOT_INLINE bool
book_side_fall(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t *key)
{
	const struct book_side *s = &in->side[side];
	const uint32_t from = book_tick(side, book_key(side, s->top_key));
	uint32_t tick;

	if (unlikely(!book_near_best(in, side, from, &tick)))
		return book_side_fall_far(k, in, side, key);
	*key = book_key(side, book_px4_of_tick(side, tick));
	if (unlikely(s->far_best > *key))
		*key = s->far_best;
	return true;
}

#endif
