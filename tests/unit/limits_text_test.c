/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "limits/limits.h"
#include "limits_config.h"

/*
 * A version of the limits as the audit journal has it, and taken from there.
 */
enum {
	DESK = 1,
	TAKER,
	MAKER,
};

static struct config config;
static struct limits limits, other;
static struct turn_count lane;
static struct err err;
static unsigned told_cnt;
static uint32_t told_version;

static void
on_version(void *ctx)
{
	const struct limits *l = ctx;

	told_cnt++;
	told_version = l->current->version;
}

static void
begin(struct limits *l)
{
	assert_int_equal(limits_open(l, &config, &err), 0);
	assert_int_equal(limits_add_lane(l, &lane), 0);
}

static int
start(void **unused)
{
	err_init(&err);
	limits_config_small(&config);
	config.accounts_cnt = 2;
	strcpy(config.accounts[DESK].name, "desk");
	config.accounts[DESK].limits.order_max_qty = 300;
	config.strategies_cnt = 2;
	strcpy(config.strategies[0].name, "taker");
	config.strategies[0].account_idx = DESK;
	strcpy(config.strategies[1].name, "maker");
	config.strategies[1].account_idx = DESK;
	begin(&limits);
	begin(&other);
	limits.tell = on_version;
	limits.tell_ctx = &limits;
	told_cnt = 0;
	return 0;
}

static int
end(void **unused)
{
	limits_close(&limits);
	limits_close(&other);
	halt_set(HALT_DISARMED);
	halt_lift(HALT_OPERATOR);
	return 0;
}

/* What lanes judge by, but for its number. */
static void
expect_same_table(void)
{
	struct risk_limits *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

	*a = *limits.current;
	*b = *other.current;
	a->version = b->version = 0;
	assert_memory_equal(a, b, sizeof(*a));
	free(a);
	free(b);
}

/* The other has what the text says, and says the same. */
static void
hand_over(void)
{
	size_t len, other_len;
	char *text = limits_text(&limits, &len), *back;

	assert_non_null(text);
	assert_int_equal(limits_text_take(&other, text, len, &err), 0);
	expect_same_table();
	assert_memory_equal(&limits.set, &other.set, sizeof(limits.set));
	back = limits_text(&other, &other_len);
	assert_int_equal(len, other_len);
	assert_memory_equal(text, back, len);
	free(text);
	free(back);
}

static void
each_version_is_told_and_can_be_made_again(void **unused)
{
	static char told[4096];
	static struct config next;
	uint32_t version = limits.current->version;

#define CHANGED(...)                               \
	assert_int_equal((__VA_ARGS__), 0);        \
	assert_int_equal(told_cnt, 1);             \
	assert_int_equal(told_version, ++version); \
	told_cnt = 0;                              \
	hand_over()

	hand_over();
	CHANGED(limits_arm(&limits, &err));
	CHANGED(limits_set(&limits, "order_max_qty", "200", NULL, &err));
	CHANGED(limits_set(&limits, "order_max_qty", "100", "AAPL", &err));
	CHANGED(limits_set(&limits, "halted", "true", "MSFT", &err));
	CHANGED(limits_halt(&limits, "a pause", &err));
	CHANGED(limits_set_node(&limits, "gross_max_usd", "4000", DESK, &err));
	CHANGED(limits_set_node(&limits, "order_max_qty", "0", DESK,
				&err)); // the configuration's goes
	CHANGED(limits_set_node(&limits, "mode", "reduce_only", MAKER, &err));
	CHANGED(limits_set_mode(&limits, TAKER, RISK_MODE_HALTED, &err)); // a breaker
	CHANGED(limits_restrict(&limits, DESK, "MSFT", true, &err));
	CHANGED(limits_locate(&limits, "desk", "AAPL", 5000, &err));
	CHANGED(limits_enable(&limits, "taker", "Ada", &err));
	CHANGED(limits_freeze(&limits, 1, "order 7, match 9", &err));
	CHANGED(limits_resume(&limits, &err));
	next = config;
	next.risk.order_max_qty = 400;
	next.risk.open_max_qty = 1000;
	next.accounts[DESK].limits.order_max_qty = 250;
	CHANGED(limits_reload(&limits, &next, told, sizeof(told), &err));
	CHANGED(limits_set(&limits, "order_max_qty", "global", "AAPL", &err));
	CHANGED(limits_release(&limits, "AAPL", "Ada", &err));
	CHANGED(limits_disarm(&limits, &err));
#undef CHANGED
}

static void
every_limit_of_the_firm_and_of_a_node_has_a_line(void **unused)
{
	size_t len;
	char *text;

	assert_int_equal(limits_set_mode(&limits, RISK_NODE_FIRM, RISK_MODE_CANCEL_ONLY, &err), 0);
	text = limits_text(&limits, &len);
	assert_non_null(text);
	assert_ptr_equal(strstr(text, "armed 0\nhalted 0\nlimit "), text);
	assert_non_null(strstr(text, "\nlimit order_max_qty 500 firm\n"));
	assert_non_null(strstr(text, "\nlimit mode cancel_only firm\n"));
	assert_non_null(strstr(text, "\nlimit order_max_qty 300 account desk\n"));
	assert_string_equal(text + len - 5, "\nend\n");
	free(text);
}

/* Cut anywhere, or with a line that nobody writes. */
static void
what_no_sluice_wrote_changes_nothing(void **unused)
{
	static const char *const BAD[] = { "",
					   "armed 1\n",
					   "armed 2\nhalted 0\nend\n",
					   "armed 1\nhalted\nend\n",
					   "halted 0\narmed 1\nend\n",
					   "armed 1\nhalted 0\nlimit no_such 5 firm\nend\n",
					   "armed 1\nhalted 0\nlimit order_max_qty x firm\nend\n",
					   "armed 1\nhalted 0\nversions 5\nend\n" };
	const uint32_t version = other.current->version;
	struct limits_set *before = malloc(sizeof(*before));
	size_t len;
	char *text;

	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	text = limits_text(&limits, &len);
	*before = other.set;
	for (size_t at = 0; at + 1 < len; at++)
		assert_int_equal(limits_text_take(&other, text, at, &err), -EBADMSG);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_int_equal(limits_text_take(&other, BAD[i], strlen(BAD[i]), &err), -EBADMSG);
		assert_non_null(strstr(err.text, "limits:"));
	}
	text[len / 2] = '\0';
	assert_int_equal(limits_text_take(&other, text, len, &err), -EBADMSG);
	assert_int_equal(other.current->version, version);
	assert_memory_equal(&other.set, before, sizeof(*before));
	assert_false(other.armed);
	free(text);
	free(before);
}

int
main(void)
{
#define TEXT_TEST(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		TEXT_TEST(each_version_is_told_and_can_be_made_again),
		TEXT_TEST(every_limit_of_the_firm_and_of_a_node_has_a_line),
		TEXT_TEST(what_no_sluice_wrote_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
