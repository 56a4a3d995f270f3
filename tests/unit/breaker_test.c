/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limits/breaker.h"
#include "limits/breaker_kind.h"

#define MS 1000000ULL
#define T0 (1000 * MS)

static struct breaker b;
static struct config_breaker config;
static struct err err;

static int
start(void **state)
{
	memset(&config, 0, sizeof(config));
	strcpy(config.name, "test");
	err_init(&err);
	return 0;
}

static int
end(void **state)
{
	err_end(&err);
	return 0;
}

static enum breaker_said
look(uint64_t raw, uint64_t now_ns)
{
	breaker_feed(&b, 0, raw, now_ns);
	return breaker_judge(&b, now_ns);
}

static void
watch(enum breaker_what what, uint64_t threshold, uint32_t window_ms)
{
	config.watch = what;
	config.threshold = threshold;
	config.window_ms = window_ms;
	if (BREAKER_DEF[what].kind == BREAKER_LATE)
		config.count = 3;
	breaker_init(&b, &config);
}

/* Every watch, at the value below its limit, at it, and above. */
static void
each_breaker_trips_at_its_threshold_and_not_one_below(void **state)
{
	for (uint32_t what = 0; what < BREAKER_WATCH_CNT; what++) {
		const bool level = BREAKER_DEF[what].kind == BREAKER_LEVEL;

		for (int off = -1; off <= 1; off++) {
			uint64_t limit;

			start(NULL);
			watch((enum breaker_what)what, 50, level ? 0 : 1000);
			limit = breaker_limit(&config);
			assert_int_equal(limit, BREAKER_DEF[what].kind == BREAKER_LATE ? 3 : 50);
			if (!level)
				assert_int_equal(look(7, T0), BREAKER_QUIET); // 7 were before
			assert_int_equal(look((level ? 0 : 7) + limit + (uint64_t)off, T0 + MS),
					 off < 0 ? BREAKER_QUIET : BREAKER_TRIPS);
			assert_int_equal(b.tripped, off >= 0);
			assert_int_equal(b.trip_cnt, off >= 0);
			assert_int_equal(b.value, limit + (uint64_t)off);
			if (off < 0)
				continue;
			assert_int_equal(b.since_ns, T0 + MS);
			assert_int_equal(look(1000, T0 + 2 * MS), BREAKER_QUIET); // once
		}
	}
}

static void
what_was_counted_before_the_window_does_not_count(void **state)
{
	watch(BREAKER_REJECTS, 10, 1000);
	assert_int_equal(look(0, T0), BREAKER_QUIET);
	assert_int_equal(look(9, T0 + 10 * MS), BREAKER_QUIET);
	// all nine are still within the window, so one more trips it
	breaker_feed(&b, 0, 10, T0 + 1009 * MS);
	assert_int_equal(b.track[0].value, 10);
	// two slots later they are not
	start(NULL);
	watch(BREAKER_REJECTS, 10, 1000);
	look(0, T0);
	look(9, T0 + 10 * MS);
	for (uint64_t ms = 20; ms <= 1100; ms += 20)
		assert_int_equal(look(9, T0 + ms * MS), BREAKER_QUIET);
	assert_int_equal(b.value, 0);
	assert_int_equal(look(18, T0 + 1110 * MS), BREAKER_QUIET);
	assert_int_equal(b.value, 9);
	assert_int_equal(look(19, T0 + 1120 * MS), BREAKER_TRIPS);
}

/* Whatever the pace, the window holds at least window_ms and at most a 32nd, or a look, more. */
static void
the_window_is_never_too_short(void **state)
{
	static const uint32_t STEP_MS[] = { 1, 7, 20, 31, 100, 999 };

	for (size_t i = 0; i < ARRAY_CNT(STEP_MS); i++) {
		const uint64_t step = STEP_MS[i];
		const uint64_t more = step > 1000 / 32 ? step : 1000 / 32 + step;

		start(NULL);
		watch(BREAKER_INTENTS, 1000000, 1000);
		// one each millisecond: the value is the window's length in ms
		for (uint64_t ms = 0; ms < 20000; ms += step) {
			look(ms, T0 + ms * MS);
			if (ms < 2000)
				continue;
			assert_true(b.value >= 1000);
			assert_true(b.value <= 1000 + more);
		}
	}
}

static void
a_level_must_last_for_its_window(void **state)
{
	watch(BREAKER_RING_DEPTH, 80, 100);
	assert_int_equal(look(80, T0), BREAKER_QUIET);
	assert_int_equal(look(80, T0 + 99 * MS), BREAKER_QUIET);
	assert_int_equal(look(79, T0 + 100 * MS), BREAKER_QUIET); // and begins anew
	assert_int_equal(look(80, T0 + 110 * MS), BREAKER_QUIET);
	assert_int_equal(look(90, T0 + 209 * MS), BREAKER_QUIET);
	assert_int_equal(look(81, T0 + 210 * MS), BREAKER_TRIPS);
}

static void
the_worst_of_several_is_told(void **state)
{
	watch(BREAKER_FEED_SILENT, 100, 0);
	breaker_feed(&b, 0, 5, T0);
	breaker_feed(&b, 3, 99, T0);
	assert_int_equal(breaker_judge(&b, T0), BREAKER_QUIET);
	assert_int_equal(b.worst, 3);
	assert_int_equal(b.value, 99);
	breaker_feed(&b, 0, 6, T0 + MS);
	breaker_feed(&b, 3, 120, T0 + MS);
	assert_int_equal(breaker_judge(&b, T0 + MS), BREAKER_TRIPS);
	assert_int_equal(b.worst, 3);
	assert_int_equal(b.max, 120);
}

static void
events_of_different_sessions_do_not_add_up(void **state)
{
	watch(BREAKER_REJECTS, 10, 1000);
	breaker_feed(&b, 0, 0, T0);
	breaker_feed(&b, 1, 0, T0);
	breaker_feed(&b, 0, 9, T0 + MS);
	breaker_feed(&b, 1, 9, T0 + MS);
	assert_int_equal(breaker_judge(&b, T0 + MS), BREAKER_QUIET);
}

static void
automatic_re_arming_waits_below_its_own_level(void **state)
{
	config.rearm = BREAKER_AUTOMATIC;
	config.cool_down_ms = 500;
	config.rearm_below = 40;
	watch(BREAKER_CONTROL_PAUSE, 50, 0);
	assert_int_equal(look(50, T0), BREAKER_TRIPS);
	assert_int_equal(look(40, T0 + 100 * MS), BREAKER_QUIET); // not below 40
	assert_int_equal(look(39, T0 + 200 * MS), BREAKER_QUIET);
	assert_int_equal(look(45, T0 + 300 * MS), BREAKER_QUIET); // between: begins anew
	assert_int_equal(look(39, T0 + 400 * MS), BREAKER_QUIET);
	assert_int_equal(look(39, T0 + 899 * MS), BREAKER_QUIET);
	assert_true(b.tripped);
	assert_int_equal(look(39, T0 + 900 * MS), BREAKER_REARMS);
	assert_false(b.tripped);
	assert_int_equal(look(49, T0 + 901 * MS),
			 BREAKER_QUIET); // armed: only the threshold counts
	assert_int_equal(look(50, T0 + 902 * MS), BREAKER_TRIPS);
	assert_int_equal(b.trip_cnt, 2);
}

static void
without_rearm_below_the_threshold_counts(void **state)
{
	config.rearm = BREAKER_AUTOMATIC;
	config.cool_down_ms = 10;
	watch(BREAKER_CONTROL_PAUSE, 50, 0);
	assert_int_equal(look(50, T0), BREAKER_TRIPS);
	assert_int_equal(look(49, T0 + MS), BREAKER_QUIET);
	assert_int_equal(look(50, T0 + 5 * MS), BREAKER_QUIET);
	assert_int_equal(look(49, T0 + 6 * MS), BREAKER_QUIET);
	assert_int_equal(look(49, T0 + 15 * MS), BREAKER_QUIET);
	assert_int_equal(look(49, T0 + 16 * MS), BREAKER_REARMS);
}

static void
a_manual_one_never_re_arms_by_itself(void **state)
{
	watch(BREAKER_FEED_SILENT, 50, 0);
	assert_int_equal(look(50, T0), BREAKER_TRIPS);
	for (uint64_t s = 1; s < 1000; s++)
		assert_int_equal(look(0, T0 + s * 1000 * MS), BREAKER_QUIET);
	assert_true(b.tripped);
	assert_int_equal(breaker_rearm(&b, T0 + 1000000 * MS, &err), 0);
	assert_false(b.tripped);
	assert_int_equal(breaker_rearm(&b, T0 + 1000000 * MS, &err), -EALREADY);
}

static void
a_level_that_is_still_there_is_not_re_armed(void **state)
{
	config.rearm_below = 30;
	watch(BREAKER_FEED_SILENT, 50, 0);
	assert_int_equal(look(50, T0), BREAKER_TRIPS);
	assert_int_equal(look(30, T0 + MS), BREAKER_QUIET);
	assert_int_equal(breaker_rearm(&b, T0 + MS, &err), -EBUSY);
	assert_non_null(strstr(err.text, "is still 30 ms, and must be below 30"));
	assert_int_equal(look(29, T0 + 2 * MS), BREAKER_QUIET);
	assert_int_equal(breaker_rearm(&b, T0 + 2 * MS, &err), 0);
}

static void
a_loss_counts_anew_from_its_re_arming(void **state)
{
	watch(BREAKER_LOSS, 5000, 0);
	assert_int_equal(look(4999, T0), BREAKER_QUIET);
	assert_int_equal(look(5200, T0 + MS), BREAKER_TRIPS);
	assert_int_equal(breaker_rearm(&b, T0 + 2 * MS, &err), 0);
	assert_int_equal(look(5200, T0 + 3 * MS), BREAKER_QUIET);
	assert_int_equal(look(3000, T0 + 4 * MS), BREAKER_QUIET); // won back: no new allowance
	assert_int_equal(look(10199, T0 + 5 * MS), BREAKER_QUIET);
	assert_int_equal(look(10200, T0 + 6 * MS), BREAKER_TRIPS);
}

static void
a_drawdown_counts_anew_from_its_best_since(void **state)
{
	watch(BREAKER_DRAWDOWN, 5000, 0);
	assert_int_equal(look(5000, T0), BREAKER_TRIPS);
	assert_int_equal(breaker_rearm(&b, T0 + MS, &err), 0);
	assert_int_equal(look(4000, T0 + 2 * MS), BREAKER_QUIET); // 1,000 won back
	assert_int_equal(look(8999, T0 + 3 * MS), BREAKER_QUIET);
	assert_int_equal(look(9000, T0 + 4 * MS), BREAKER_TRIPS);
}

static void
another_run_of_refusals_counts_from_its_own_beginning(void **state)
{
	watch(BREAKER_REFUSED_RUN, 100, 0);
	assert_int_equal(look(100, T0), BREAKER_TRIPS);
	assert_int_equal(breaker_rearm(&b, T0 + MS, &err), 0);
	assert_int_equal(look(150, T0 + 2 * MS), BREAKER_QUIET);
	assert_int_equal(look(3, T0 + 3 * MS), BREAKER_QUIET); // something passed
	assert_int_equal(look(99, T0 + 4 * MS), BREAKER_QUIET);
	assert_int_equal(look(100, T0 + 5 * MS), BREAKER_TRIPS);
}

static void
re_armed_events_are_forgotten(void **state)
{
	watch(BREAKER_REJECTS, 10, 60000);
	look(0, T0);
	assert_int_equal(look(10, T0 + MS), BREAKER_TRIPS);
	assert_int_equal(breaker_rearm(&b, T0 + 2 * MS, &err), 0);
	assert_int_equal(look(19, T0 + 3 * MS), BREAKER_QUIET);
	assert_int_equal(look(20, T0 + 4 * MS), BREAKER_TRIPS);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(each_breaker_trips_at_its_threshold_and_not_one_below),
		TEST(what_was_counted_before_the_window_does_not_count),
		TEST(the_window_is_never_too_short),
		TEST(a_level_must_last_for_its_window),
		TEST(the_worst_of_several_is_told),
		TEST(events_of_different_sessions_do_not_add_up),
		TEST(automatic_re_arming_waits_below_its_own_level),
		TEST(without_rearm_below_the_threshold_counts),
		TEST(a_manual_one_never_re_arms_by_itself),
		TEST(a_level_that_is_still_there_is_not_re_armed),
		TEST(a_loss_counts_anew_from_its_re_arming),
		TEST(a_drawdown_counts_anew_from_its_best_since),
		TEST(another_run_of_refusals_counts_from_its_own_beginning),
		TEST(re_armed_events_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
