/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/order_queue.h"
#include "ingress/price_levels.h"

enum {
	ORDERS = 300,
	PLACES = 2048, // of its ring
	LEVELS = 8,
};

static uint8_t memory[1 << 16] cache_aligned;
static struct order_table t;

static int
start(void **state)
{
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	assert_true(order_table_init(&t, ORDERS, &a));
	assert_int_equal(a.used_bytes, order_table_bytes(ORDERS));
	assert_int_equal(t.mask + 1, PLACES);
	assert_true(order_table_keep_queues(&t, LEVELS, &a));
	assert_int_equal(a.used_bytes,
			 order_table_bytes(ORDERS) + order_table_queue_bytes(ORDERS, LEVELS));
	return 0;
}

static bool
add(uint64_t ref, uint32_t qty)
{
	struct order_rec *r = order_table_add(&t, ref, qty, 1 + ref % (LEVELS - 1));

	if (r == NULL)
		return false;
	order_queue_push(&t, r);
	return true;
}

static void
take(uint64_t ref)
{
	struct order_rec *r = order_table_find(&t, ref);

	assert_non_null(r);
	order_queue_pull(&t, r);
	order_table_remove(&t, r);
	assert_null(order_table_find(&t, ref));
}

static void
see(uint64_t ref, uint32_t qty)
{
	const struct order_rec *r = order_table_find(&t, ref);

	assert_non_null(r);
	assert_int_equal(r->qty, qty);
	assert_int_equal(r->level_idx, 1 + ref % (LEVELS - 1));
	assert_int_equal(order_table_ref_at(&t, order_table_slot_of(&t, r)), ref);
	assert_ptr_equal(order_table_rec_at(&t, order_table_slot_of(&t, r)), r);
}

static void
orders_that_outlive_their_place_are_found_all_the_same(void **state)
{
	for (uint64_t ref = 1000; ref < 1000 + 20 * PLACES; ref += 3) {
		assert_true(add(ref, (uint32_t)ref));
		if (ref % 1000 != 0)
			take(ref);
	}
	assert_true(t.moved_cnt > 0);
	assert_int_equal(t.far_cnt, 0);
	for (uint64_t ref = 1000; ref < 1000 + 20 * PLACES; ref += 3) {
		if (ref % 1000 == 0)
			see(ref, (uint32_t)ref);
		else
			assert_null(order_table_find(&t, ref));
	}
}

static void
it_takes_as_many_as_it_says(void **state)
{
	for (uint64_t i = 0; i < ORDERS; i++)
		assert_true(add(i << 40, 1)); // none is near another
	assert_false(add(1, 1));
	for (uint64_t i = 0; i < ORDERS; i++)
		see(i << 40, 1);
	order_table_clear(&t);
	assert_int_equal(t.cnt, 0);
	for (uint64_t i = 0; i < ORDERS; i++) {
		assert_null(order_table_find(&t, i << 40));
		assert_true(add(7000 + i, 1));
	}
	assert_false(add(1, 1));
	assert_true(t.far_cnt > ORDERS / 2);
}

static void
after_a_jump_the_ring_follows(void **state)
{
	add(50, 1);
	for (uint64_t ref = 1ULL << 50; ref < (1ULL << 50) + 4 * PLACES; ref++) {
		assert_true(add(ref, 2));
		see(ref, 2);
		see(50, 1);
		if (ref % 64 != 0)
			take(ref);
	}
	assert_true(t.far_cnt <= PLACES / ORDER_STEP_MAX + 1);
	see(1ULL << 50, 2); // was in the map already when the ring came to its place
}

static void
references_may_wrap(void **state)
{
	for (uint64_t ref = UINT64_MAX - 99; ref != 100; ref++)
		assert_true(add(ref, 3));
	for (uint64_t ref = UINT64_MAX - 99; ref != 100; ref++)
		see(ref, 3);
	assert_int_equal(t.far_cnt, 0);
}

/* Every way in which references may come, against an array that knows better. */
static void
it_finds_exactly_what_lives_in_the_order_it_came(void **state)
{
	static struct {
		uint64_t ref;
		uint64_t came;
		uint32_t qty;
	} model[ORDERS];
	uint64_t x = 88172645463325252, next = 5, came = 0;
	uint32_t cnt = 0, met = 0;

	for (unsigned step = 0; step < 300000; step++) {
		uint32_t k;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		k = (uint32_t)(x >> 32) % ORDERS;
		if (k < cnt && (x & 3) != 0) {
			see(model[k].ref, model[k].qty);
			take(model[k].ref);
			model[k] = model[--cnt];
		} else if (cnt < ORDERS) {
			uint64_t ref = next += 1 + (x & 7);

			if ((x >> 8) % 512 == 0) // far ahead
				ref = next += x >> (20 + (x >> 16) % 40);
			else if ((x >> 8) % 64 == 1) // anywhere
				ref = x >> (x >> 16) % 64;
			else if ((x >> 8) % 64 == 2) // an old one
				ref = next - (x >> 20) % (4 * PLACES);
			if (order_table_find(&t, ref) != NULL)
				continue;
			model[cnt].ref = ref;
			model[cnt].qty = (uint32_t)x;
			model[cnt++].came = came++;
			assert_true(add(ref, (uint32_t)x));
		}
		assert_int_equal(t.cnt, cnt);
		if (step % 512 != 0)
			continue;
		for (uint32_t i = 0; i < cnt; i++)
			see(model[i].ref, model[i].qty);
		for (uint32_t at = 0, slots = (uint32_t)order_table_slots(ORDERS); at < slots;)
			met += order_table_next(&t, &at, 100) != NULL;
		assert_int_equal(met, cnt);
		met = 0;
		for (uint32_t l = 1; l < LEVELS; l++) { // each queue: all of its level, in order
			uint64_t last_came = 0, in_level = 0;

			for (uint32_t id = t.ends[l].first; id != 0; id = t.link[id - 1].after) {
				const uint64_t ref = order_table_ref_at(&t, id - 1);
				uint32_t i = 0;

				while (model[i].ref != ref)
					assert_true(++i < cnt);
				assert_true(in_level == 0 || model[i].came > last_came);
				last_came = model[i].came;
				in_level++;
				if (t.link[id - 1].after == 0)
					assert_int_equal(t.ends[l].last, id);
			}
			for (uint32_t i = 0; i < cnt; i++)
				in_level -= 1 + model[i].ref % (LEVELS - 1) == l;
			assert_int_equal(in_level, 0);
		}
	}
	assert_true(t.moved_cnt > 100 && t.far_cnt > 100);
}

/* What the configuration promises and reserves (QUEUE_ORDER_BYTES, QUEUE_LEVEL_BYTES). */
static void
queues_take_no_more_than_is_said(void **state)
{
	for (uint32_t max = 1024; max <= 100000000; max += 1 + max / 97) {
		const uint32_t levels_max = max < PRICE_LEVELS_MAX ? max : PRICE_LEVELS_MAX;
		const size_t bytes = order_table_queue_bytes(max, 0);

		assert_true(order_table_bytes(max) <= 120ULL * max);
		assert_true(bytes <= 100ULL * max);
		assert_true(order_table_queue_bytes(max, price_levels_slots(levels_max) + 1ULL) -
				    bytes <=
			    44ULL * levels_max);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(orders_that_outlive_their_place_are_found_all_the_same,
				       start),
		cmocka_unit_test_setup(it_takes_as_many_as_it_says, start),
		cmocka_unit_test_setup(after_a_jump_the_ring_follows, start),
		cmocka_unit_test_setup(references_may_wrap, start),
		cmocka_unit_test_setup(it_finds_exactly_what_lives_in_the_order_it_came, start),
		cmocka_unit_test(queues_take_no_more_than_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
