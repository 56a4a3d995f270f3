/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_text.h"

static struct config config;
static struct err err;

/* A breaker as the file has it, and what is said about it; NULL: nothing. */
static const struct {
	const char *what;
	const char *breaker;
	const char *want;
} CASES[] = {
	// clang-format off
	{ "a level by itself", "watch: loss_usd, threshold: 5000, action: kill, rearm: manual", NULL },
	{ "a level that must last", "watch: ring_depth_pct, of: parser, threshold: 80, window_ms: 100, action: halt, rearm: manual", NULL },
	{ "a count", "watch: venue_rejects, of: oe, threshold: 20, window_ms: 1000, action: halt, rearm: manual", NULL },
	{ "a round trip", "watch: round_trip_us, threshold: 5000, count: 3, window_ms: 1000, action: halt, rearm: manual", NULL },
	{ "an alarm that goes by itself", "watch: clock_error_us, threshold: 100, action: alarm, rearm: automatic, cool_down_ms: 1000, rearm_below: 50", NULL },
	{ "of a feed", "watch: feed_silent_ms, of: itch, threshold: 100, action: halt, rearm: manual", NULL },
	{ "of an account, and a mode for it", "watch: loss_usd, of: default, threshold: 5, action: reduce_only, node: default, rearm: automatic, cool_down_ms: 5", NULL },
	{ "a mode of a strategy", "watch: loss_usd, of: taker, threshold: 5, action: halted, node: taker, rearm: manual", NULL },
	{ "a mode of the firm", "watch: feed_silent_ms, threshold: 500, action: cancel_only, rearm: automatic, cool_down_ms: 5", NULL },
	{ "a mode of nobody", "watch: loss_usd, threshold: 5, action: halted, node: nobody, rearm: manual", "breaker 'b': there is no account and no strategy 'nobody'" },
	{ "a halt of an account", "watch: loss_usd, threshold: 5, action: halt, node: taker, rearm: manual", "breaker 'b': node goes with the actions reduce_only, cancel_only and halted; halt at c.yaml:44:" },
	{ "halted, and lifts itself", "watch: loss_usd, threshold: 5, action: halted, rearm: automatic, cool_down_ms: 5", "breaker 'b': what halted stopped at c.yaml:44:" },
	{ "of a strategy", "watch: intents, of: taker, threshold: 100, window_ms: 1000, action: halt, rearm: manual", NULL },

	{ "no threshold", "watch: loss_usd, action: kill, rearm: manual", "c.yaml:44:5: breakers[0].threshold: is missing; it has no default" },
	{ "no action", "watch: loss_usd, threshold: 5, rearm: manual", "breakers[0].action: is missing; it has no default" },
	{ "no rule to re-arm", "watch: loss_usd, threshold: 5, action: kill", "breakers[0].rearm: is missing; it has no default" },
	{ "a threshold of 0", "watch: loss_usd, threshold: 0, action: kill, rearm: manual", "breakers[0].threshold: 0 is outside 1..1000000000000" },
	{ "something nobody watches", "watch: moon_phase, threshold: 5, action: kill, rearm: manual", "breakers[0].watch: 'moon_phase' is not one of: loss_usd" },
	{ "a count without its window", "watch: venue_rejects, threshold: 5, action: kill, rearm: manual", "c.yaml:44:13: breaker 'b': venue_rejects is counted within window_ms, which is missing" },
	{ "a round trip without a count", "watch: round_trip_us, threshold: 5, window_ms: 10, action: kill, rearm: manual", "c.yaml:44:13: breaker 'b': round_trip_us needs count: how many trip it" },
	{ "a count where the threshold is one", "watch: venue_rejects, threshold: 5, count: 2, window_ms: 10, action: kill, rearm: manual", "breaker 'b': count is for round_trip_us; for venue_rejects threshold says it" },
	{ "a ring that is fuller than full", "watch: ring_depth_pct, threshold: 101, action: kill, rearm: manual", "breaker 'b': a ring is never fuller than 100 percent" },
	{ "re-armed above the threshold", "watch: loss_usd, threshold: 5, rearm_below: 6, action: kill, rearm: manual", "breaker 'b': rearm_below 6 is above the 5 at c.yaml:44:" },
	{ "re-armed above the count", "watch: round_trip_us, threshold: 500, count: 3, window_ms: 10, rearm_below: 4, action: kill, rearm: manual", "breaker 'b': rearm_below 4 is above the 3 at c.yaml:44:" },
	{ "a kill that would lift itself", "watch: loss_usd, threshold: 5, action: kill, rearm: automatic, cool_down_ms: 5", "breaker 'b': what kill stopped at c.yaml:44:" },
	{ "a halt that would lift itself", "watch: loss_usd, threshold: 5, action: halt, rearm: automatic, cool_down_ms: 5", "breaker 'b': what halt stopped at c.yaml:44:" },
	{ "automatic without a time", "watch: loss_usd, threshold: 5, action: alarm, rearm: automatic", "breaker 'b': rearm: automatic needs cool_down_ms" },
	{ "manual with a time", "watch: loss_usd, threshold: 5, action: alarm, rearm: manual, cool_down_ms: 5", "breaker 'b': cool_down_ms goes with rearm: automatic" },
	{ "of something the gateway has once", "watch: clock_error_us, of: taker, threshold: 5, action: kill, rearm: manual", "breaker 'b': clock_error_us is of the whole gateway; leave 'of' out" },
	{ "of a session that is not there", "watch: venue_rejects, of: taker, threshold: 5, window_ms: 5, action: kill, rearm: manual", "breaker 'b': venue_rejects is of a session, and there is no session 'taker'" },
	// clang-format on
};

static int
load(const char *breakers, const char *more)
{
	char text[8192];

	snprintf(text, sizeof(text), "%sbreakers:\n%s%s", CONFIG_GOOD, breakers, more);
	err_init(&err);
	return config_load_text(&config, "c.yaml", text, strlen(text), &err);
}

static void
each_breaker_has_what_it_needs_and_nothing_else(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		char line[512];
		int rc;

		snprintf(line, sizeof(line), "  - { name: b, %s }\n", CASES[i].breaker);
		rc = load(line, "");
		if (rc == 0)
			config_free(&config);
		if ((rc == 0) != (CASES[i].want == NULL) ||
		    (rc != 0 && strstr(err.text, CASES[i].want) == NULL))
			fail_msg("%s: %s", CASES[i].what,
				 rc == 0 ? "no fault was found" : err.text);
		err_end(&err);
	}
}

static void
names_lead_to_what_they_mean(void **state)
{
	assert_int_equal(
		load("  - { name: a, watch: ring_depth_pct, of: encoder, threshold: 80, action: "
		     "halt, "
		     "rearm: manual }\n"
		     "  - { name: c, watch: loss_usd, threshold: 5000, action: kill, rearm: manual "
		     "}\n",
		     ""),
		0);
	assert_int_equal(config.breakers_cnt, 2);
	assert_int_equal(config.breakers[0].of_idx, 3);
	assert_int_equal(config.breakers[0].watch, BREAKER_RING_DEPTH);
	assert_int_equal(config.breakers[1].action, BREAKER_KILL);
	assert_int_equal(config.kill_switch.control_silence_ms, 5000);
	config_free(&config);
	err_end(&err);
}

static void
two_breakers_of_one_name_or_two_round_trips_of_one_session_are_refused(void **state)
{
	assert_true(
		load("  - { name: a, watch: loss_usd, threshold: 5, action: halt, rearm: manual }\n"
		     "  - { name: a, watch: loss_usd, threshold: 9, action: kill, rearm: manual "
		     "}\n",
		     "") != 0);
	assert_non_null(strstr(err.text, "breaker 'a' stands there twice"));
	err_end(&err);
	assert_true(
		load("  - { name: a, watch: round_trip_us, threshold: 5, count: 2, window_ms: 9, "
		     "action: halt, rearm: manual }\n"
		     "  - { name: c, watch: round_trip_us, of: oe, threshold: 9, count: 2, "
		     "window_ms: 9, action: halt, rearm: manual }\n",
		     "") != 0);
	assert_non_null(strstr(err.text, "a session's orders are timed against one threshold"));
	err_end(&err);
}

static void
live_needs_a_latch_and_a_watched_control_thread(void **state)
{
	char text[8192], live[8192];

	assert_true(text_change(text, sizeof(text), CONFIG_GOOD, "environment: simulation",
				"environment: live\nkill_switch: { control_silence_ms: 0 }"));
	assert_true(text_change(live, sizeof(live), text, "name: sim, environment: simulation",
				"name: sim, environment: live"));
	err_init(&err);
	assert_true(config_load_text(&config, "c.yaml", live, strlen(live), &err) != 0);
	assert_non_null(strstr(err.text, "kill_switch.latch_file is not given while environment is "
					 "live at c.yaml:1:14"));
	assert_non_null(strstr(err.text, "c.yaml:2:36: kill_switch.control_silence_ms is 0"));
	err_end(&err);
	assert_true(text_change(text, sizeof(text), live, "{ control_silence_ms: 0 }",
				"{ latch_file: /var/lib/sluice/kill }"));
	err_init(&err);
	if (config_load_text(&config, "c.yaml", text, strlen(text), &err) != 0)
		fail_msg("%s", err.text);
	config_free(&config);
	err_end(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_breaker_has_what_it_needs_and_nothing_else),
		cmocka_unit_test(names_lead_to_what_they_mean),
		cmocka_unit_test(
			two_breakers_of_one_name_or_two_round_trips_of_one_session_are_refused),
		cmocka_unit_test(live_needs_a_latch_and_a_watched_control_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
