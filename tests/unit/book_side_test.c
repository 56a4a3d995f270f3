/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book_side.h"
#include "random_below.h"

enum {
	LEVELS = 600,
	KEYS = 4096,
	STEPS = 60000,
};

static uint32_t memory[KEYS];
static struct book_keys keys;
static struct book_instr in;

/* The plain model: the keys that are there, ascending. */
static uint32_t model[LEVELS];
static uint32_t model_cnt;

static const char *doing = "a market";

static int
start(void **state)
{
	in = (struct book_instr){ 0 };
	keys = (struct book_keys){ .key = memory, .cnt = KEYS };
	book_keys_clear(&keys);
	model_cnt = 0;
	seed = 88172645463325252;
	return 0;
}

static uint32_t
model_place(uint32_t key)
{
	uint32_t i = 0;

	while (i < model_cnt && model[i] < key)
		i++;
	return i;
}

/* Adds the price, or takes it away when it is there. */
static void
toggle(uint8_t side, uint32_t px4)
{
	const uint32_t key = book_key(side, px4), at = model_place(key);
	struct book_side *s = &in.side[side];

	if (at < model_cnt && model[at] == key) {
		memmove(&model[at], &model[at + 1], (model_cnt - at - 1) * sizeof(model[0]));
		model_cnt--;
		book_side_remove(&keys, &in, side, px4);
		if (key == s->top_key && !book_side_fall(&keys, &in, side, &s->top_key))
			s->top_key = 0;
		return;
	}
	if (model_cnt == LEVELS)
		return;
	memmove(&model[at + 1], &model[at], (model_cnt - at) * sizeof(model[0]));
	model[at] = key;
	model_cnt++;
	assert_true(book_side_add(&keys, &in, side, px4, 1));
}

static void
check(uint8_t side)
{
	const char *wrong = book_side_audit(&keys, &in, side);
	uint64_t end = 1ULL << 32;
	uint32_t key;

	if (wrong != NULL)
		fail_msg("%s: %s", doing, wrong);
	if (book_side_level_cnt(&in, side) != model_cnt)
		fail_msg("%s: another number of levels", doing);
	if (in.side[side].top_key != (model_cnt == 0 ? 0 : model[model_cnt - 1]))
		fail_msg("%s: another best price", doing);
	for (uint32_t i = model_cnt; i != 0; i--, end = key)
		if (!book_side_next(&keys, &in, side, end, &key) || key != model[i - 1])
			fail_msg("%s: another price in the walk", doing);
	if (book_side_next(&keys, &in, side, end, &key))
		fail_msg("%s: a price more in the walk", doing);
}

/* A market whose prices lie around a middle that walks: px4 = middle + [-spread, spread] * step. */
static const struct {
	const char *what;
	uint32_t middle_px4;
	uint32_t spread; // steps
	uint32_t step_px4;
	int32_t drift_px4; // of the middle, every 16 steps of the test
	uint32_t odd;      // one price of so many is between two steps; 0: none
	uint32_t far;      // one price of so many is anywhere at all; 0: none
} MARKETS[] = {
	// clang-format off
	{ "cents within a window",            1000000,   100, 100,    0,   0,   0 },
	{ "cents beyond a window",            5000000,   900, 100,    0,   0,   0 },
	{ "five cents",                       3000000,   120, 500,    0,   0,   0 },
	{ "below a dollar",                   4000,      300, 1,      0,   0,   0 },
	{ "around a dollar",                  10000,     400, 25,     0,   0,   0 },
	{ "a dollar apart",                   20000000,  300, 10000,  0,   0,   0 },
	{ "between two cents",                150000,    200, 37,     0,   0,   0 },
	{ "rises",                            200000,    150, 100,    100, 0,   0 },
	{ "falls",                            900000,    150, 100,    -100, 0,  0 },
	{ "rises, odd and far prices",        200000,    150, 100,    300, 9,   50 },
	{ "falls, odd and far prices",        2000000,   300, 100,    -300, 9,  50 },
	{ "jumps from end to end",            500000,    600, 2500,   0,   5,   2 },
	{ "the least prices",                 3,         3,   1,      0,   0,   900 },
	{ "the largest prices",               4294966000u, 12, 100,   0,   3,   900 },
	// clang-format on
};

static uint32_t
price_of(size_t market, uint32_t middle_px4)
{
	const uint32_t spread = MARKETS[market].spread, step_px4 = MARKETS[market].step_px4;
	uint32_t px4 = middle_px4 - spread * step_px4 + random_below(2 * spread + 1) * step_px4;

	if (MARKETS[market].odd != 0 && random_below(MARKETS[market].odd) == 0)
		px4 += random_below(100);
	if (MARKETS[market].far != 0 && random_below(MARKETS[market].far) == 0)
		px4 = random_below(UINT32_MAX) >> random_below(32);
	return px4;
}

static void
every_price_has_its_place(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_CNT(MARKETS); i++) {
		const uint8_t side = i % 2 == 0 ? SIDE_BUY : SIDE_SELL;
		uint32_t middle_px4 = MARKETS[i / 2].middle_px4;

		doing = MARKETS[i / 2].what;
		start(NULL);
		for (unsigned step = 0; step < STEPS; step++) {
			const uint32_t gone = random_below(4);

			if (step % 16 == 0 && step < STEPS / 2)
				middle_px4 += (uint32_t)MARKETS[i / 2].drift_px4;
			// a side that grows, one that shrinks, and whose top is taken away
			if (model_cnt != 0 && (step / 1000 % 2 == 0 ? gone == 0 : gone != 0))
				toggle(side,
				       book_key(side, model[random_below(3) == 0
								    ? model_cnt - 1
								    : random_below(model_cnt)]));
			else
				toggle(side, price_of(i / 2, middle_px4));
			if (step % 64 == 0)
				check(side);
		}
		while (model_cnt != 0)
			toggle(side, book_key(side, model[model_cnt - 1]));
		check(side);
	}
}

static void
ticks_ascend_with_the_price(void **state)
{
	for (uint32_t px4 = 1; px4 < 3000000; px4++) {
		assert_in_range(price_tick(px4) - price_tick(px4 - 1), 0, 1);
		if (price_on_tick(px4))
			assert_int_equal(price_of_tick(price_tick(px4)), px4);
		else
			assert_int_equal(price_tick(px4), price_tick(px4 - 1));
	}
	assert_in_range(price_tick(UINT32_MAX), 1, BOOK_TICK_MASK - BOOK_NEAR);
}

/* The arrays' memory is used up by one side: nothing of it is lost, nothing else is changed. */
static void
a_price_without_room_changes_nothing(void **state)
{
	uint32_t cnt = 0;

	keys.cnt = 64; // blocks of 16 and 32
	while (cnt < 100 && book_side_add(&keys, &in, SIDE_BUY, 10001 + 100 * cnt, 1))
		model[cnt] = 10001 + 100 * cnt, cnt++;
	assert_int_equal(cnt, 32);
	model_cnt = cnt;
	check(SIDE_BUY);
	// whole steps have the window; what leaves it has no room
	toggle(SIDE_BUY, 1000000);
	check(SIDE_BUY);
	assert_false(book_side_add(&keys, &in, SIDE_BUY, 2000000, 1));
	check(SIDE_BUY);
	toggle(SIDE_BUY, 10001);
	toggle(SIDE_BUY, 2000000);
	check(SIDE_BUY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_price_has_its_place, start),
		cmocka_unit_test_setup(ticks_ascend_with_the_price, start),
		cmocka_unit_test_setup(a_price_without_room_changes_nothing, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
