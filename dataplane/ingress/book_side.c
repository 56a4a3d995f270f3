/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book_side.h"

/* The keys of one side's array. */
static uint32_t *
keys_of(const struct book_keys *k, const struct book_instr *in, uint8_t side)
{
	return &k->key[in->far[side].at];
}

COLD void
book_keys_clear(struct book_keys *k)
{
	memset(k->free, 0, sizeof(k->free));
	k->fresh = 0;
}

/* Room for twice as many keys. */
static COLD bool
grow(struct book_keys *k, struct book_far *f)
{
	const unsigned kind =
		f->cap == 0 ? 0 : (unsigned)__builtin_ctz(f->cap / BOOK_BLOCK_MIN) + 1;
	uint32_t at;

	if (kind >= BOOK_BLOCK_KINDS)
		return false;
	if (k->free[kind] != 0) {
		at = k->free[kind] - 1;
		k->free[kind] = k->key[at];
	} else {
		if ((uint32_t)BOOK_BLOCK_MIN << kind > k->cnt - k->fresh)
			return false;
		at = k->fresh;
		k->fresh += BOOK_BLOCK_MIN << kind;
	}
	if (f->cap != 0) {
		memcpy(&k->key[at], &k->key[f->at], f->cnt * sizeof(uint32_t));
		k->key[f->at] = k->free[kind - 1];
		k->free[kind - 1] = f->at + 1;
	}
	f->at = at;
	f->cap = BOOK_BLOCK_MIN << kind;
	return true;
}

/* How many keys of the array are below key. */
static uint32_t
below_cnt(const uint32_t *keys, uint32_t cnt, uint64_t key)
{
	uint32_t lo = 0, end = cnt;

	while (lo < end) { // keys before lo are below, keys from end on are not
		const uint32_t mid = lo + (end - lo) / 2;

		if (keys[mid] < key)
			lo = mid + 1;
		else
			end = mid;
	}
	return lo;
}

static void
set_far_best(const struct book_keys *k, struct book_instr *in, uint8_t side)
{
	const uint32_t cnt = in->far[side].cnt;

	in->side[side].far_best = cnt == 0 ? 0 : keys_of(k, in, side)[cnt - 1];
}

static bool
insert_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t key)
{
	struct book_far *f = &in->far[side];
	uint32_t *keys;
	uint32_t at;

	if (f->cnt == f->cap && !grow(k, f))
		return false;
	keys = keys_of(k, in, side);
	at = below_cnt(keys, f->cnt, key);
	memmove(keys + at + 1, keys + at, (f->cnt - at) * sizeof(*keys));
	keys[at] = key;
	f->cnt++;
	set_far_best(k, in, side);
	return true;
}

static uint32_t
key_of_tick(uint8_t side, uint32_t tick)
{
	return book_key(side, book_px4_of_tick(side, tick));
}

/* The least key of a window, whose worst ticks no 32-bit price may have. */
static uint32_t
first_key(uint8_t side, uint32_t from)
{
	const uint32_t step_max = price_tick(UINT32_MAX);

	if (side == SIDE_SELL && (from ^ BOOK_TICK_MASK) > step_max)
		return 0;
	return key_of_tick(side, from);
}

/* Where the window begins that ends with the word of a tick. */
static uint32_t
window_below(uint32_t tick)
{
	const uint32_t end = (tick & ~63u) + 64;

	return end < BOOK_NEAR ? 0 : end - BOOK_NEAR;
}

/* Whether the word of the window that begins at a tick is in the window from `from` on, too. */
static bool
stays(uint32_t at, uint32_t from)
{
	return at - from < BOOK_NEAR;
}

/* The window's levels that will not be in it any more go into the array, which has room. */
static void
let_go(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t from, uint32_t gone_cnt)
{
	const uint32_t first = in->side[side].near_from;
	struct book_far *f = &in->far[side];
	uint32_t *keys = keys_of(k, in, side);
	uint32_t left = f->cnt, out = f->cnt + gone_cnt;

	f->cnt = out;
	for (uint32_t n = BOOK_NEAR_WORDS; n != 0 && out != left; n--) { // best first
		const uint32_t at = first + (n - 1) * 64;
		uint64_t *word = &in->near[side][at / 64 % BOOK_NEAR_WORDS];

		if (stays(at, from))
			continue;
		while (*word != 0) {
			const uint32_t bit = 63 - (uint32_t)__builtin_clzll(*word);
			const uint32_t key = key_of_tick(side, at + bit);

			*word &= ~(1ULL << bit);
			while (left != 0 && keys[left - 1] > key)
				keys[--out] = keys[--left];
			keys[--out] = key;
		}
	}
}

/* Keys of the array that have a bit from now on. */
static void
take_in(struct book_keys *k, struct book_instr *in, uint8_t side)
{
	const struct book_side *s = &in->side[side];
	struct book_far *f = &in->far[side];
	uint32_t *keys = keys_of(k, in, side);
	const uint32_t begin = below_cnt(keys, f->cnt, first_key(side, s->near_from));
	uint32_t kept = begin;

	for (uint32_t i = begin; i < f->cnt; i++) {
		const uint32_t px4 = book_key(side, keys[i]), tick = book_tick(side, px4);

		if (book_side_is_near(s, tick, px4))
			in->near[side][tick / 64 % BOOK_NEAR_WORDS] |= 1ULL << tick % 64;
		else
			keys[kept++] = keys[i];
	}
	f->cnt = kept;
}

/* The window is moved.  False when the array has no room for what leaves it. */
static COLD bool
move_window(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t from)
{
	struct book_side *s = &in->side[side];
	uint32_t gone_cnt = 0;

	for (uint32_t at = s->near_from; at != s->near_from + BOOK_NEAR; at += 64)
		if (!stays(at, from))
			gone_cnt += (uint32_t)__builtin_popcountll(
				in->near[side][at / 64 % BOOK_NEAR_WORDS]);
	while (in->far[side].cap - in->far[side].cnt < gone_cnt)
		if (!grow(k, &in->far[side]))
			return false;
	if (gone_cnt != 0)
		let_go(k, in, side, from, gone_cnt);
	s->near_from = from;
	if (in->far[side].cnt != 0)
		take_in(k, in, side);
	set_far_best(k, in, side);
	return true;
}

/*
 * Better than all of the window: it moves up, and its worst prices leave.  Worse than it: it moves
 * down when it then still has its best price.
 */
COLD bool
book_side_add_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4)
{
	struct book_side *s = &in->side[side];
	uint32_t tick = book_tick(side, px4), best = tick, from;

	if (!price_on_tick(px4))
		return insert_far(k, in, side, book_key(side, px4));
	if (tick < s->near_from)
		book_near_best(in, side, s->near_from + BOOK_NEAR - 1, &best);
	from = window_below(best);
	if (tick < from)
		return insert_far(k, in, side, book_key(side, px4));
	if (!move_window(k, in, side, from))
		return false;
	in->near[side][tick / 64 % BOOK_NEAR_WORDS] |= 1ULL << tick % 64;
	return true;
}

COLD void
book_side_remove_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t px4)
{
	struct book_far *f = &in->far[side];
	uint32_t *keys = keys_of(k, in, side);
	const uint32_t at = below_cnt(keys, f->cnt, book_key(side, px4));

	f->cnt--;
	memmove(keys + at, keys + at + 1, (f->cnt - at) * sizeof(*keys));
	set_far_best(k, in, side);
}

COLD bool
book_side_fall_far(struct book_keys *k, struct book_instr *in, uint8_t side, uint32_t *key)
{
	const struct book_far *f = &in->far[side];
	uint32_t px4;

	if (f->cnt == 0)
		return false;
	*key = keys_of(k, in, side)[f->cnt - 1];
	px4 = book_key(side, *key);
	if (price_on_tick(px4))
		move_window(k, in, side, window_below(book_tick(side, px4)));
	return true;
}

COLD bool
book_side_next(const struct book_keys *k, const struct book_instr *in, uint8_t side, uint64_t end,
	       uint32_t *key)
{
	const uint32_t *keys = keys_of(k, in, side);
	const uint32_t far_cnt = below_cnt(keys, in->far[side].cnt, end);
	const uint32_t last = end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
	uint32_t from = book_tick(side, book_key(side, last)), tick;
	bool found = book_near_best(in, side, from, &tick);

	if (found && key_of_tick(side, tick) >= end) // end is a whole step itself
		found = tick != 0 && book_near_best(in, side, tick - 1, &tick);
	if (found)
		*key = key_of_tick(side, tick);
	if (far_cnt != 0 && (!found || keys[far_cnt - 1] > *key)) {
		*key = keys[far_cnt - 1];
		found = true;
	}
	return found;
}

COLD uint32_t
book_side_level_cnt(const struct book_instr *in, uint8_t side)
{
	uint32_t cnt = in->far[side].cnt;

	for (unsigned i = 0; i < BOOK_NEAR_WORDS; i++)
		cnt += (uint32_t)__builtin_popcountll(in->near[side][i]);
	return cnt;
}

COLD const char *
book_side_audit(const struct book_keys *k, const struct book_instr *in, uint8_t side)
{
	const struct book_side *s = &in->side[side];
	const struct book_far *f = &in->far[side];
	const uint32_t *keys = keys_of(k, in, side);

	if (s->near_from % 64 != 0)
		return "a window begins within a word";
	for (uint32_t i = 0; i < f->cnt; i++) {
		const uint32_t px4 = book_key(side, keys[i]), tick = book_tick(side, px4);

		if (i != 0 && keys[i] <= keys[i - 1])
			return "prices of a side are out of order";
		if (book_side_is_near(s, tick, px4))
			return "a price of the window stands outside of it";
	}
	if (s->far_best != (f->cnt == 0 ? 0 : keys[f->cnt - 1]))
		return "the best price outside of the window is another one";
	return NULL;
}
