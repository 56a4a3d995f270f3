/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/price_levels.h"

enum { LEVELS = 600 };

static uint8_t memory[1 << 16] cache_aligned;
static struct price_levels t;

static int
start(void **state)
{
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	assert_true(price_levels_init(&t, LEVELS, &a));
	assert_int_equal(a.used_bytes, price_levels_bytes(LEVELS));
	return 0;
}

static uint32_t
make(uint64_t key)
{
	const uint32_t idx = price_levels_add(&t, key, price_levels_home(&t, key));

	if (idx != 0)
		price_level_add_order(&t.level[idx], 100);
	return idx;
}

static void
drop(uint32_t idx)
{
	price_level_remove_order(&t.level[idx], 100);
	price_levels_remove(&t, idx);
}

static void
a_level_tells_all_of_itself(void **state)
{
	const uint32_t idx = make(price_key(65535, 1, UINT32_MAX));
	struct price_level *l = &t.level[idx];

	assert_int_not_equal(idx, 0);
	assert_int_equal(price_levels_find(&t, price_key(65535, 1, UINT32_MAX)), idx);
	assert_int_equal(price_levels_find(&t, price_key(65535, 0, UINT32_MAX)), 0);
	assert_int_equal(price_levels_find(&t, price_key(65534, 1, UINT32_MAX)), 0);
	assert_int_equal(price_levels_find(&t, price_key(65535, 1, UINT32_MAX - 1)), 0);
	assert_int_equal(price_level_locate(l), 65535);
	assert_int_equal(price_level_side(l), 1);
	assert_int_equal(price_level_px4(l), UINT32_MAX);
	price_level_add_order(l, UINT32_MAX);
	price_level_reduce(l, 50);
	assert_int_equal(price_level_qty(l), 50 + (uint64_t)UINT32_MAX);
	assert_int_equal(price_level_order_cnt(l), 2);
	price_level_remove_order(l, UINT32_MAX);
	assert_int_equal(price_level_qty(l), 50);
	assert_int_equal(price_level_order_cnt(l), 1);
}

static void
a_level_counts_no_further_than_it_can(void **state)
{
	struct price_level *l = &t.level[make(price_key(1, 0, 10000))];

	while (price_level_qty(l) + UINT32_MAX <= PRICE_LEVEL_QTY_MAX)
		price_level_add_order(l, UINT32_MAX);
	assert_true(price_level_is_full(l, UINT32_MAX));
	assert_false(price_level_is_full(l, 100));
	l->sum = PRICE_LEVEL_CNT_MAX;
	assert_true(price_level_is_full(l, 0));
	l->sum--;
	assert_false(price_level_is_full(l, 0));
}

static void
no_level_reads_as_nothing(void **state)
{
	assert_int_equal(price_level_px4(&t.level[0]), 0);
	assert_int_equal(price_level_qty(&t.level[0]), 0);
	assert_int_equal((uintptr_t)&t.level[1] % CACHE_LINE, 0);
	for (uint32_t i = 1; i <= PRICE_LEVEL_GROUP; i++) // as far as a guess may go
		assert_true(t.level[1 + t.mask + i].key == 0 && t.level[1 + t.mask + i].sum == 0);
}

static void
four_cents_share_a_cache_line(void **state)
{
	const uint32_t first = make(price_key(7, 0, 400 * PRICE_TICK_PX4));

	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(make(price_key(7, 0, (400 + i) * PRICE_TICK_PX4)), first + i);
}

static void
a_full_table_says_so(void **state)
{
	for (uint32_t i = 0; i < LEVELS; i++)
		assert_int_not_equal(make(price_key(1, 0, 10000 + i * 100)), 0);
	assert_int_equal(make(price_key(2, 0, 5)), 0);
	price_levels_clear(&t);
	assert_int_equal(t.cnt, 0);
	assert_int_equal(price_levels_find(&t, price_key(1, 0, 10000)), 0);
	assert_int_not_equal(make(price_key(2, 0, 5)), 0);
}

/* Where a level is: 0 at home, 1 a line on, both as guessed; 2 elsewhere, 3 nowhere. */
static unsigned
look(uint64_t key, uint32_t where)
{
	const uint32_t home = 1 + price_levels_home(&t, key);
	const uint32_t guess = price_levels_guess(&t, home, (uint32_t)key);

	if (where == home) {
		assert_int_equal(guess, home);
		return 0;
	}
	assert_true(guess == home || guess == home + PRICE_LEVEL_GROUP);
	if (where == 0)
		return 3;
	if (where != home + PRICE_LEVEL_GROUP)
		return 2;
	if (price_level_px4(&t.level[home]) != (uint32_t)key) // or it looks as if it were at home
		assert_int_equal(guess, where);
	return 1;
}

/* Any order of adds and removes, prices of every kind: an array of flags knows better. */
static void
it_finds_exactly_what_lives(void **state)
{
	enum { KEYS = 1200 };
	static uint64_t key[KEYS];
	static uint32_t where[KEYS];
	uint64_t x = 88172645463325252;
	unsigned seen[4] = { 0 };

	for (uint32_t k = 0; k < KEYS; k++) // cents, hundredths of a cent, near zero, far apart
		key[k] = price_key((uint16_t)(k % 5), k & 1,
				   k % 4 == 0   ? 10000 + k * 100
				   : k % 4 == 1 ? 500000 + k
				   : k % 4 == 2 ? 1 + k
						: 2000000000 - k * 1000003);
	for (unsigned step = 0; step < 200000; step++) {
		uint32_t k;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		k = (uint32_t)(x % KEYS);
		assert_int_equal(price_levels_find(&t, key[k]), where[k]);
		seen[look(key[k], where[k])]++;
		if (where[k] != 0) {
			drop(where[k]);
			where[k] = 0;
		} else if (t.cnt < LEVELS) {
			where[k] = make(key[k]);
			assert_int_not_equal(where[k], 0);
		}
	}
	for (uint32_t k = 0; k < KEYS; k++) {
		assert_int_equal(price_levels_find(&t, key[k]), where[k]);
		if (where[k] != 0)
			drop(where[k]);
	}
	assert_true(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000 && seen[3] > 1000);
	for (uint32_t i = 0; i <= t.mask; i++) // nobody was pushed past anything any more
		assert_true(t.level[1 + i].key < PRICE_LEVEL_PASS_ONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_level_tells_all_of_itself, start),
		cmocka_unit_test_setup(a_level_counts_no_further_than_it_can, start),
		cmocka_unit_test_setup(no_level_reads_as_nothing, start),
		cmocka_unit_test_setup(four_cents_share_a_cache_line, start),
		cmocka_unit_test_setup(a_full_table_says_so, start),
		cmocka_unit_test_setup(it_finds_exactly_what_lives, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
