/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/event.h"
#include "base/kill.h"

enum { SLOTS = 4 };

_Alignas(CACHE_LINE) static uint8_t slot[SLOTS * CACHE_LINE];
static struct event_sink sink;

static int
fresh_sink(void **state)
{
	event_sink_init(&sink, 3, slot, SLOTS);
	halt_flag.reasons = HALT_DISARMED;
	kill_switch_flag.cause = KILL_NONE;
	return 0;
}

static void
an_event_carries_its_lane_its_turn_and_its_numbers(void **state)
{
	struct event e;

	assert_false(event_take(&sink, &e));
	event_sink_turn(&sink, 77);
	event_put(&sink, EVENT_GAP_OPENED, 1, 20, 30);
	assert_true(event_take(&sink, &e));
	assert_int_equal(e.code, EVENT_GAP_OPENED);
	assert_int_equal(e.lane_idx, 3);
	assert_int_equal(e.tsc, 77);
	assert_int_equal(e.arg[0], 1);
	assert_int_equal(e.arg[1], 20);
	assert_int_equal(e.arg[2], 30);
	assert_int_equal(e.arg[3], 0);
	assert_int_equal(e.arg[4], 0);
	assert_int_equal(e.lost_cnt, 0);
	assert_false(event_take(&sink, &e));
}

static void
a_full_ring_loses_the_newest_and_counts_it(void **state)
{
	struct event e;

	for (uint64_t i = 0; i < SLOTS + 3; i++)
		event_put(&sink, EVENT_ARMED, i);
	assert_int_equal(metric_get(&sink.lost_cnt), 3);
	for (uint64_t i = 0; i < SLOTS; i++) {
		assert_true(event_take(&sink, &e));
		assert_int_equal(e.arg[0], i);
	}
	assert_false(event_take(&sink, &e));
	event_put(&sink, EVENT_ARMED, 9);
	assert_true(event_take(&sink, &e));
	assert_int_equal(e.lost_cnt, 3);
}

static void
no_sink_takes_nothing(void **state)
{
	event_put(NULL, EVENT_ARMED, 1);
	event_put(NULL, EVENT_ARMED);
}

static void
text_becomes_a_number_and_stays_in_its_eight_bytes(void **state)
{
	char back[9] = { 0 };
	uint64_t arg = event_text("AAPL    rest", 12);

	memcpy(back, &arg, 8);
	assert_string_equal(back, "AAPL    ");
	arg = event_text("ab", 2);
	memcpy(back, &arg, 8);
	assert_string_equal(back, "ab");
}

static void
orders_start_off_and_a_reason_is_lifted_alone(void **state)
{
	assert_true(halt_is_on());
	assert_int_equal(halt_reasons(), HALT_DISARMED);
	halt_set(HALT_OPERATOR);
	halt_lift(HALT_DISARMED);
	assert_int_equal(halt_reasons(), HALT_OPERATOR);
	assert_true(halt_is_on());
	halt_lift(HALT_OPERATOR);
	assert_false(halt_is_on());
}

static void
nothing_lifts_a_broken_invariant(void **state)
{
	halt_set(HALT_MUST);
	halt_lift(HALT_MUST | HALT_DISARMED);
	assert_int_equal(halt_reasons(), HALT_MUST);
}

/* What a stage deep inside a lane does. */
static void
stage(unsigned have_qty, unsigned take_qty, unsigned *left_qty)
{
	must(take_qty <= have_qty, EVENT_MUST_OPEN_QTY, 7, (uint64_t)have_qty - take_qty);
	*left_qty = have_qty - take_qty;
}

static void
a_must_that_holds_changes_nothing(void **state)
{
	struct must_exit way_out;
	unsigned left_qty = 0;
	struct event e;

	if (must_open(&way_out, &sink))
		fail();
	stage(5, 5, &left_qty);
	must_close();
	assert_int_equal(left_qty, 0);
	assert_int_equal(halt_reasons(), HALT_DISARMED);
	assert_false(event_take(&sink, &e));
}

static void
a_broken_must_stops_orders_leaves_an_event_and_ends_the_lane(void **state)
{
	volatile bool went_on = false;
	struct must_exit way_out;
	unsigned left_qty = 0;
	struct event e;

	halt_lift(HALT_DISARMED);
	if (!must_open(&way_out, &sink)) {
		stage(5, 6, &left_qty);
		went_on = true;
	}
	assert_false(went_on);
	assert_int_equal(halt_reasons(), HALT_MUST | HALT_KILLED);
	assert_int_equal(kill_switch_flag.cause, KILL_BROKEN);
	assert_true(event_take(&sink, &e));
	assert_int_equal(e.code, EVENT_MUST_OPEN_QTY);
	assert_int_equal(e.arg[0], 7);
	assert_int_equal((int64_t)e.arg[1], -1);
	assert_in_range(e.arg[4], 1, __LINE__); // the source line
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_event_carries_its_lane_its_turn_and_its_numbers,
				       fresh_sink),
		cmocka_unit_test_setup(a_full_ring_loses_the_newest_and_counts_it, fresh_sink),
		cmocka_unit_test_setup(no_sink_takes_nothing, fresh_sink),
		cmocka_unit_test_setup(text_becomes_a_number_and_stays_in_its_eight_bytes,
				       fresh_sink),
		cmocka_unit_test_setup(orders_start_off_and_a_reason_is_lifted_alone, fresh_sink),
		cmocka_unit_test_setup(nothing_lifts_a_broken_invariant, fresh_sink),
		cmocka_unit_test_setup(a_must_that_holds_changes_nothing, fresh_sink),
		cmocka_unit_test_setup(a_broken_must_stops_orders_leaves_an_event_and_ends_the_lane,
				       fresh_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
