/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config_merge.h"
#include "config_text.h"

#define BREAKERS                                                                              \
	"breakers:\n"                                                                         \
	"  - { name: rejects, watch: venue_rejects, threshold: 20, window_ms: 1000, action: " \
	"halt, rearm: manual }\n"
#define JOURNAL "journal: { directory: /tmp, keep_mb: 100 }\n"
#define RUNNING CONFIG_GOOD BREAKERS JOURNAL

enum { CHANGE_MAX = 16 };

static struct config running, file, merged;
static struct config_change change[CHANGE_MAX];
static unsigned change_cnt;
static struct err err;

static void
note(void *arg, const struct config_change *c)
{
	assert_in_range(change_cnt, 0, CHANGE_MAX - 1);
	change[change_cnt++] = *c;
}

static void
load(struct config *c, const char *text)
{
	if (config_load_text(c, "test.yaml", text, strlen(text), &err) != 0)
		fail_msg("%s", err.text);
}

/* What becomes of the running configuration when one thing of its file is changed. */
static int
merge(const char *from, const char *to)
{
	static char text[8192];
	int rc;

	assert_true(text_change(text, sizeof(text), RUNNING, from, to));
	change_cnt = 0;
	err_init(&err);
	load(&running, RUNNING);
	load(&file, text);
	rc = config_merge(&merged, &running, &file, note, NULL, &err);
	return rc;
}

static void
done(void)
{
	config_free(&running);
	config_free(&file);
	config_free(&merged);
}

static void
the_same_file_changes_nothing(void **unused)
{
	assert_int_equal(merge("risk:", "risk:"), 0);
	assert_int_equal(change_cnt, 0);
	done();
}

static const struct {
	const char *what;
	const char *from;
	const char *to;
	const char *key;
	const char *was;
	const char *now;
	bool live;
} CASES[] = {
	// clang-format off
	{ "a limit", "  order_max_qty: 500", "  order_max_qty: 300",
	  "risk.order_max_qty", "500", "300", true },
	{ "a limit that had its default", "  collar_bp: 500", "  collar_bp: 500\n  execution_max: 7",
	  "risk.execution_max", "0", "7", true },
	{ "money", "100000.25", "99.5", "risk.order_max_usd", "100000.2500", "99.5000", true },
	{ "a limit of a strategy", "position_max_qty: 1000 }", "position_max_qty: 1000, limits: { order_max_qty: 50 } }",
	  "strategies[taker].limits.order_max_qty", "0", "50", true },
	{ "an instrument's own limit", "AAPL, order_max_qty: 200", "AAPL, order_max_qty: 100",
	  "risk.instruments[AAPL].order_max_qty", "200", "100", true },
	{ "an instrument that gives its own limit up", "[ { symbol: AAPL, order_max_qty: 200 } ]", "[]",
	  "risk.instruments[AAPL].order_max_qty", "200", "not set", true },
	{ "an instrument that gets a limit", "order_max_qty: 200 }", "order_max_qty: 200 }, { symbol: MSFT, collar_bp: 10 }",
	  "risk.instruments[MSFT].collar_bp", "not set", "10", true },
	{ "a threshold", "threshold: 20", "threshold: 10", "breakers[rejects].threshold", "20", "10", true },
	{ "how often stages are stamped", "risk:", "latency: { stage_sample_every: 1 }\nrisk:",
	  "latency.stage_sample_every", "64", "1", true },
	{ "what a stall is", "risk:", "latency: { stall_us: 0 }\nrisk:", "latency.stall_us", "20", "0", true },
	{ "when a lane rehearses", "risk:", "latency: { warm_up_us: 0 }\nrisk:", "latency.warm_up_us", "1000", "0", true },
	{ "how many segments are kept", "keep_mb: 100", "keep_mb: 100, keep_segments: 3",
	  "journal.keep_segments", "0", "3", true },
	{ "how much is kept", "keep_mb: 100", "keep_mb: 200", "journal.keep_mb", "100", "200", true },
	{ "how long is kept", "keep_mb: 100", "keep_mb: 100, keep_days: 7", "journal.keep_days", "0", "7", true },
	{ "whether segments are compressed", "keep_mb: 100", "keep_mb: 100, compress: false",
	  "journal.compress", "true", "false", true },
	{ "how many numbers are reserved", "keep_mb: 100", "keep_mb: 100, token_block: 1024",
	  "journal.token_block", "65536", "1024", true },
	{ "where the journal is", "directory: /tmp", "directory: /var/tmp", "journal.directory", "\"/tmp\"", "\"/var/tmp\"", false },
	{ "what a breaker does", "action: halt", "action: kill", "breakers[rejects].action", "halt", "kill", false },
	{ "a peer", "10.1.2.1:26488", "10.1.2.1:26489", "sessions[oe].peer", "10.1.2.1:26488", "10.1.2.1:26489", false },
	{ "a line of a feed", "239.1.1.2", "239.1.1.3", "feeds[itch].lines[1].group", "239.1.1.2", "239.1.1.3", false },
	{ "a lane's core", "core: 3", "core: 7", "core_map.lanes[parser].core", "3", "7", false },
	{ "a strategy's own quantity", "qty: 100,", "qty: 200,", "strategies[taker].qty", "100", "200", false },
	{ "a renamed strategy's new name", "name: taker", "name: other", "strategies[taker]", "configured", "gone", false },
	{ "an instrument more", "  - { symbol: MSFT, feed: itch }", "  - { symbol: MSFT, feed: itch }\n  - { symbol: IBM, feed: itch }",
	  "instruments[IBM]", "not there", "new", false },
	// clang-format on
};

static void
each_key_that_differs_is_named_and_judged(void **unused)
{
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		if (merge(CASES[i].from, CASES[i].to) != 0)
			fail_msg("%s: %s", CASES[i].what, err.text);
		if (change_cnt == 0 || strcmp(change[0].key, CASES[i].key) != 0 ||
		    strcmp(change[0].was, CASES[i].was) != 0 ||
		    strcmp(change[0].now, CASES[i].now) != 0 || change[0].live != CASES[i].live)
			fail_msg("%s: %u: %s: %s -> %s (%d)", CASES[i].what, change_cnt,
				 change[0].key, change[0].was, change[0].now, change[0].live);
		done();
	}
}

static void
only_live_values_come_into_force(void **unused)
{
	assert_int_equal(merge("order_max_qty: 500\n", "order_max_qty: 300\n"), 0);
	assert_int_equal(merged.risk.order_max_qty, 300);
	assert_int_equal(running.risk.order_max_qty, 500);
	done();
	assert_int_equal(merge("10.1.2.1:26488", "10.1.2.1:26489"), 0);
	assert_int_equal(merged.sessions[0].peer.port, 26488);
	done();
	assert_int_equal(merge("name: taker", "name: other"), 0);
	assert_int_equal(merged.strategies_cnt, 1);
	assert_string_equal(merged.strategies[0].name, "taker");
	assert_int_equal(change_cnt, 2); // one is gone, one is new
	done();
}

static void
limits_of_an_instrument_that_is_new_wait_for_the_restart(void **unused)
{
	static char text[8192], more[8192];

	assert_true(
		text_change(text, sizeof(text), RUNNING, "  - { symbol: MSFT, feed: itch }",
			    "  - { symbol: IBM, feed: itch }\n  - { symbol: MSFT, feed: itch }"));
	assert_true(text_change(more, sizeof(more), text, "[ { symbol: AAPL",
				"[ { symbol: IBM, collar_bp: 5 }, { symbol: AAPL"));
	change_cnt = 0;
	load(&running, RUNNING);
	load(&file, more);
	assert_int_equal(config_merge(&merged, &running, &file, note, NULL, &err), 0);
	assert_int_equal(merged.risk.instruments_cnt, 1);
	assert_string_equal(merged.risk.instruments[0].symbol, "AAPL");
	assert_int_equal(merged.risk.instruments[0].instr_idx, 1);
	assert_true(config_is_set(&merged, &merged.risk.instruments[0].order_max_qty));
	assert_false(config_is_set(&merged, &merged.risk.instruments[0].collar_bp));
	assert_int_equal(change_cnt, 2);
	assert_string_equal(change[0].key, "instruments[IBM]");
	assert_string_equal(change[1].key, "risk.instruments[IBM]");
	assert_false(change[1].live);
	done();
}

/* Each file is right, and what would be in force is not. */
static void
a_mixture_that_does_not_fit_is_refused(void **unused)
{
	static char text[8192], more[8192];

	assert_true(text_change(text, sizeof(text), RUNNING, "  order_max_qty: 500\n",
				"  order_max_qty: 6000\n"));
	assert_true(text_change(more, sizeof(more), text, "  open_max_qty: 5000\n",
				"  open_max_qty: 7000\n"));
	change_cnt = 0;
	load(&running, RUNNING);
	load(&file, more);
	assert_int_equal(config_merge(&merged, &running, &file, note, NULL, &err), 0);
	assert_int_equal(merged.risk.open_max_qty, 7000); // both live: they fit each other
	done();
	// what is kept is live, the size of a segment is not
	assert_true(text_change(text, sizeof(text), RUNNING, "keep_mb: 100",
				"keep_mb: 20, segment_mb: 16"));
	load(&running, RUNNING);
	load(&file, text);
	err_init(&err);
	assert_int_equal(config_merge(&merged, &running, &file, note, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "journal.keep_mb: 20 is less than one segment"));
	config_free(&running);
	config_free(&file);
	// a breaker's window is live, and what it watches is not
	assert_true(text_change(text, sizeof(text), RUNNING,
				"watch: venue_rejects, threshold: 20, window_ms: 1000",
				"watch: clock_error_us, threshold: 20"));
	load(&running, RUNNING);
	load(&file, text);
	err_init(&err);
	assert_int_equal(config_merge(&merged, &running, &file, note, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "keep their value until a restart"));
	config_free(&running);
	config_free(&file);
}

static void
places_are_those_of_the_new_file(void **unused)
{
	char where[300];

	assert_int_equal(merge("environment: simulation\n",
			       "# a line more\n# and one\nenvironment: simulation\n"),
			 0);
	config_where(&merged, &merged.environment, where, sizeof(where));
	assert_string_equal(where, "test.yaml:3:14");
	config_where(&merged, &merged.risk.instruments[0].order_max_qty, where, sizeof(where));
	assert_null(strstr(where, ":1:1"));
	assert_int_equal(change_cnt, 0);
	done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_file_changes_nothing),
		cmocka_unit_test(each_key_that_differs_is_named_and_judged),
		cmocka_unit_test(only_live_values_come_into_force),
		cmocka_unit_test(limits_of_an_instrument_that_is_new_wait_for_the_restart),
		cmocka_unit_test(a_mixture_that_does_not_fit_is_refused),
		cmocka_unit_test(places_are_those_of_the_new_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
