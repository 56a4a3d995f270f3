/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/u64_map.h"

enum { KEYS = 1000 };

static struct u64_map map;
static uint8_t memory[1 << 16] cache_aligned;

static int
fresh_map(void **state)
{
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	return u64_map_init(&map, KEYS, &a) ? 0 : -1;
}

static void
a_key_is_found_until_it_is_removed(void **state)
{
	struct u64_slot *s;

	assert_null(u64_map_find(&map, 0));
	s = u64_map_add(&map, 0, 7, 9); // 0 is a key like any other
	assert_non_null(s);
	assert_ptr_equal(u64_map_find(&map, 0), s);
	assert_int_equal(s->value, 7);
	assert_int_equal(s->tag, 9);
	u64_map_remove(&map, s);
	assert_null(u64_map_find(&map, 0));
}

static void
a_full_map_takes_no_more(void **state)
{
	for (uint64_t k = 0; k < KEYS; k++)
		assert_non_null(u64_map_add(&map, k << 40, 0, 1));
	assert_null(u64_map_add(&map, 1, 0, 1));
	assert_int_equal(map.cnt, KEYS);
	u64_map_clear(&map);
	assert_int_equal(map.cnt, 0);
	assert_null(u64_map_find(&map, 0));
	assert_non_null(u64_map_add(&map, 1, 0, 1));
}

/* Keys come and go for long; slots stay where they are and nobody is lost behind a free slot. */
static void
churn_leaves_nothing_behind(void **state)
{
	static struct u64_slot *where[KEYS];
	uint64_t x = 88172645463325252;

	for (unsigned n = 0; n < 200000; n++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		const unsigned k = x % KEYS;
		const uint64_t key = (uint64_t)k * 4096; // a hostile stride

		assert_ptr_equal(u64_map_find(&map, key), where[k]);
		if (where[k] != NULL) {
			assert_int_equal(where[k]->value, k);
			u64_map_remove(&map, where[k]);
			where[k] = NULL;
		} else {
			where[k] = u64_map_add(&map, key, k, 1);
			assert_non_null(where[k]);
		}
	}
	for (unsigned k = 0; k < KEYS; k++)
		if (where[k] != NULL)
			u64_map_remove(&map, where[k]);
	assert_int_equal(map.cnt, 0);
	for (uint32_t i = 0; i <= map.mask; i++) {
		assert_int_equal(map.slot[i].tag, 0);
		assert_int_equal(map.slot[i].passed, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_key_is_found_until_it_is_removed, fresh_map),
		cmocka_unit_test_setup(a_full_map_takes_no_more, fresh_map),
		cmocka_unit_test_setup(churn_leaves_nothing_behind, fresh_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
