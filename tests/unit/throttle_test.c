/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "egress/throttle.h"

#define WINDOW_NS 1000000000ULL

static struct arena arena;

static int
open_arena(void **state)
{
	return arena_open(&arena, 1 << 20);
}

static int
close_arena(void **state)
{
	arena_close(&arena);
	return 0;
}

static struct throttle
fresh(uint32_t msg_max, uint32_t reserve_cnt)
{
	const struct throttle_config c = { .msg_max = msg_max,
					   .reserve_cnt = reserve_cnt,
					   .window_ns = WINDOW_NS };
	struct throttle t;

	assert_int_equal(throttle_init(&t, &c, &arena), 0);
	return t;
}

static const struct {
	const char *what;
	struct throttle_config c;
	int want;
} CONFIGS[] = {
	// clang-format off
	{ "no limit needs no window",        { 0, 0, 0 },                         0 },
	{ "one message",                     { 1, 0, 1 },                         0 },
	{ "the largest limit",               { THROTTLE_MAX, 0, 1 },              0 },
	{ "one more",                        { THROTTLE_MAX + 1, 0, 1 },          -EINVAL },
	{ "a reserve that leaves one order", { 10, 9, 1 },                        0 },
	{ "a reserve that leaves none",      { 10, 10, 1 },                       -EINVAL },
	{ "no window",                       { 10, 0, 0 },                        -EINVAL },
	// clang-format on
};

static void
a_limit_must_leave_room_for_orders(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CONFIGS); i++) {
		struct throttle t;

		print_message("# %s\n", CONFIGS[i].what);
		assert_int_equal(throttle_init(&t, &CONFIGS[i].c, &arena), CONFIGS[i].want);
	}
}

static void
without_a_limit_everything_may_leave(void **state)
{
	struct throttle t = fresh(0, 0);

	for (int i = 0; i < 1000; i++) {
		assert_true(throttle_allows(&t, false, 5));
		throttle_on_sent(&t, 5);
	}
}

static void
a_message_counts_from_when_its_burst_was_handed_over(void **state)
{
	struct throttle t = fresh(2, 0);

	throttle_on_sent(&t, 100);
	throttle_on_sent(&t, 100);
	throttle_on_burst(&t, 3400);
	throttle_on_burst(&t, 9000); // of a burst without us
	assert_false(throttle_allows(&t, false, 3399 + WINDOW_NS));
	assert_true(throttle_allows(&t, false, 3400 + WINDOW_NS));
	throttle_on_sent(&t, 3400 + WINDOW_NS); // queued: from when it leaves
	throttle_on_queued(&t);
	throttle_on_burst(&t, 5000 + WINDOW_NS);
	assert_int_equal(t.waiting_cnt, 1);
	throttle_on_wait(&t, false, 6000 + WINDOW_NS);
	throttle_on_wait(&t, true, 7000 + WINDOW_NS); // the turn begins in which it leaves
	throttle_on_burst(&t, 8000 + WINDOW_NS);      // and it has
	throttle_on_burst(&t, 9000 + WINDOW_NS);
	throttle_on_sent(&t, 9000 + WINDOW_NS);
	assert_false(throttle_allows(&t, false, 7999 + 2 * WINDOW_NS));
	assert_true(throttle_allows(&t, false, 8000 + 2 * WINDOW_NS));
}

/* The burst is handed over while what was written last still waits for TCP's window. */
static void
a_message_before_one_that_waits_counts_from_its_burst(void **state)
{
	struct throttle t = fresh(2, 0);

	throttle_on_sent(&t, 100);
	throttle_on_sent(&t, 100);
	throttle_on_queued(&t);
	throttle_on_burst(&t, 5000);
	throttle_on_wait(&t, true, 6000);
	throttle_on_burst(&t, 7000);
	assert_false(throttle_allows(&t, false, 4999 + WINDOW_NS));
	assert_true(throttle_allows(&t, false, 5000 + WINDOW_NS));
	throttle_on_sent(&t, 5000 + WINDOW_NS);
	assert_false(throttle_allows(&t, false, 6999 + WINDOW_NS));
	assert_true(throttle_allows(&t, false, 7000 + WINDOW_NS));
}

static void
orders_stop_before_cancels_do(void **state)
{
	struct throttle t = fresh(5, 2);

	for (int i = 0; i < 3; i++) {
		assert_true(throttle_allows(&t, false, 100));
		throttle_on_sent(&t, 100);
	}
	assert_false(throttle_allows(&t, false, 100));
	for (int i = 0; i < 2; i++) {
		assert_true(throttle_allows(&t, true, 100));
		throttle_on_sent(&t, 100);
	}
	assert_false(throttle_allows(&t, true, 100));
	assert_false(throttle_allows(&t, true, 100 + WINDOW_NS - 1));
	assert_true(throttle_allows(&t, true, 100 + WINDOW_NS));
	assert_true(throttle_allows(&t, false, 100 + WINDOW_NS));
}

/* A window that was closed opens: all that waited leaves at once, long after it was written. */
static void
what_waited_counts_from_when_it_leaves(void **state)
{
	struct throttle t = fresh(4, 0);

	throttle_on_sent(&t, 0);
	for (int i = 0; i < 2; i++) {
		throttle_on_sent(&t, 10);
		throttle_on_queued(&t);
	}
	throttle_on_wait(&t, false, WINDOW_NS);
	throttle_on_wait(&t, true, 2 * WINDOW_NS);
	assert_int_equal(t.waiting_cnt, 0);
	for (int i = 0; i < 2; i++) { // the two that just left, and two more
		assert_true(throttle_allows(&t, false, 2 * WINDOW_NS + 5));
		throttle_on_sent(&t, 2 * WINDOW_NS + 5);
	}
	assert_false(throttle_allows(&t, false, 2 * WINDOW_NS + 5));
	assert_false(throttle_allows(&t, false, 3 * WINDOW_NS - 1));
	assert_true(throttle_allows(&t, false, 3 * WINDOW_NS));
}

/*
 * Whatever is asked and whenever: no window of WINDOW_NS holds more than msg_max messages, none
 * holds more than order_max when a new order is let through, and nothing is refused without need.
 */
static void
no_window_ever_holds_too_many(void **state)
{
	enum { ROUNDS = 200, STEPS = 2000 };
	static uint64_t sent_ns[STEPS];
	uint64_t rng = 88172645463325252ULL; // xorshift64, Marsaglia 2003

	for (int round = 0; round < ROUNDS; round++) {
		const uint32_t msg_max = 1 + (uint32_t)(rng % 40);
		const uint32_t reserve_cnt = (uint32_t)(rng >> 20) % msg_max;
		struct throttle t;
		uint64_t now_ns = 0;
		uint32_t sent_cnt = 0;

		arena_close(&arena);
		assert_int_equal(arena_open(&arena, 1 << 16), 0);
		t = fresh(msg_max, reserve_cnt);
		for (int step = 0; step < STEPS; step++) {
			uint32_t within = 0;
			bool is_cancel, allowed;

			rng ^= rng << 13;
			rng ^= rng >> 7;
			rng ^= rng << 17;
			is_cancel = rng & 1;
			now_ns += (rng >> 8) % 16 == 0 ? rng >> 34 : (rng >> 12) % 4000000;
			for (uint32_t i = sent_cnt; i > 0 && now_ns - sent_ns[i - 1] < WINDOW_NS;
			     i--)
				within++;
			allowed = throttle_allows(&t, is_cancel, now_ns);
			assert_int_equal(allowed,
					 within < (is_cancel ? msg_max : msg_max - reserve_cnt));
			if (!allowed)
				continue;
			throttle_on_sent(&t, now_ns);
			sent_ns[sent_cnt++] = now_ns;
		}
		assert_true(sent_cnt > 0);
		for (uint32_t i = msg_max; i < sent_cnt; i++)
			assert_true(sent_ns[i] - sent_ns[i - msg_max] >= WINDOW_NS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_limit_must_leave_room_for_orders, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(without_a_limit_everything_may_leave, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(
			a_message_counts_from_when_its_burst_was_handed_over, open_arena,
			close_arena),
		cmocka_unit_test_setup_teardown(
			a_message_before_one_that_waits_counts_from_its_burst, open_arena,
			close_arena),
		cmocka_unit_test_setup_teardown(orders_stop_before_cancels_do, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(what_waited_counts_from_when_it_leaves, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(no_window_ever_holds_too_many, open_arena,
						close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
