/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "limits/limits.h"
#include "limits_config.h"

/* Nodes of the tree. */
enum {
	DESK = 1,
	BOOK,
	TAKER,
	MAKER,
};

static struct config config;
static struct limits limits;
static struct turn_count lane;
static struct err err;

static const struct risk_limits *
in_force(void)
{
	return published_get(&limits.published);
}

static int
start(void **unused)
{
	limits_config_small(&config);
	memset(&lane, 0, sizeof(lane));
	err_init(&err);
	config.instruments[1].trade = true;
	config.instruments[1].short_allowed = true;
	config.risk.execution_max = 1000;
	config.risk.var_bp = 200;
	// firm - desk - book; taker trades for book, maker for desk
	config.accounts_cnt = 3;
	strcpy(config.accounts[DESK].name, "desk");
	strcpy(config.accounts[BOOK].name, "book");
	config.accounts[BOOK].parent_idx = DESK;
	config.accounts[DESK].limits.gross_max_usd.usd4 = 40000000;
	config.strategies_cnt = 2;
	strcpy(config.strategies[0].name, "taker");
	config.strategies[0].account_idx = BOOK;
	strcpy(config.strategies[1].name, "maker");
	config.strategies[1].account_idx = DESK;
	config.strategies[1].limits.order_max_qty = 50;
	halt_set(HALT_DISARMED);
	halt_lift(HALT_OPERATOR);
	assert_int_equal(limits_open(&limits, &config, &err), 0);
	assert_int_equal(limits_add_lane(&limits, &lane), 0);
	return 0;
}

static int
end(void **unused)
{
	limits_close(&limits);
	return 0;
}

static void
the_configuration_is_version_1_and_disarmed(void **unused)
{
	const struct risk_limits *t = in_force();

	assert_int_equal(t->version, 1);
	assert_int_equal(t->armed, 0);
	assert_int_equal(t->halted, 0);
	assert_int_equal(t->instr_cnt, 3);
	assert_int_equal(t->order_rate_window_ns, 1000000000);
	assert_int_equal(t->node_cnt, 5);
	assert_int_equal(t->node[RISK_NODE_FIRM].gross_max_ntl4, 50000000);
	assert_int_equal(t->node[RISK_NODE_FIRM].net_max_ntl4, INT64_MAX);
	assert_int_equal(t->node[RISK_NODE_FIRM].order_rate_max, 100);
	assert_int_equal(t->node[DESK].gross_max_ntl4, 40000000);
	assert_int_equal(t->node[BOOK].gross_max_ntl4, INT64_MAX);
	assert_int_equal(t->leaf[0].order_max_qty, UINT32_MAX);
	assert_int_equal(t->leaf[1].order_max_qty, 50);
	assert_int_equal(t->leaf[1].execution_max, 1000);
	assert_int_equal(t->instr[2].var_bp, 200);
	assert_int_equal(t->var_version, 1);
	assert_int_equal(t->instr[1].order_max_qty, 500);
	assert_int_equal(t->instr[1].order_max_ntl4, 1000000);
	assert_int_equal(t->instr[1].allowed, 1);
	assert_int_equal(t->instr[1].short_allowed, 1);
	assert_int_equal(t->instr[2].allowed, 0);
	assert_int_equal(t->instr[2].short_allowed, 0);
}

static void
a_change_is_checked_and_becomes_a_version(void **unused)
{
	static const struct {
		const char *what, *key, *value, *symbol;
		int rc;
	} changes[] = {
		{ "least value", "order_max_qty", "1", NULL, 0 },
		{ "below the least", "order_max_qty", "0", NULL, -EINVAL },
		{ "largest value", "order_max_qty", "999999", NULL, 0 },
		{ "above the largest", "order_max_qty", "1000000", NULL, -EINVAL },
		{ "with its block", "risk.collar_bp", "100", NULL, 0 },
		{ "no number", "collar_bp", "many", NULL, -EINVAL },
		{ "empty", "collar_bp", "", NULL, -EINVAL },
		{ "no such key", "colar_bp", "1", NULL, -EINVAL },
		{ "money", "gross_max_usd", "123.4567", NULL, 0 },
		{ "money with five decimals", "gross_max_usd", "1.00001", NULL, -EINVAL },
		{ "an instrument's", "open_max_qty", "10", "AAPL", 0 },
		{ "an instrument's, as large as all", "open_max_qty", "2000", "AAPL", 0 },
		{ "an instrument's, looser", "open_max_qty", "2001", "AAPL", -EINVAL },
		{ "an instrument's own no more", "open_max_qty", "global", "AAPL", 0 },
		{ "no such instrument", "open_max_qty", "10", "GOOG", -EINVAL },
		{ "not an instrument's", "gross_max_usd", "10", "AAPL", -EINVAL },
		{ "halting an instrument", "halted", "true", "AAPL", 0 },
		{ "halting no instrument", "halted", "true", NULL, -EINVAL },
		{ "a word", "mode", "reduce_only", NULL, 0 },
		{ "a word there is not", "mode", "slow", NULL, -EINVAL },
		{ "an instrument's measure, looser", "var_bp", "900", "AAPL", 0 },
		{ "no limit", "loss_max_usd", "0", NULL, 0 },
		{ "an account's", "limits.gross_max_usd", "1", NULL, -EINVAL },
		{ "the largest rate", "order_rate_max", "4096", NULL, 0 },
		{ "above the largest rate", "order_rate_max", "4097", NULL, -EINVAL },
		{ "what needs a restart", "socket", "x", NULL, -EINVAL },
	};

	for (size_t n = 0; n < ARRAY_CNT(changes); n++) {
		const struct risk_limits before = *in_force();
		int rc;

		err_init(&err);
		rc = limits_set(&limits, changes[n].key, changes[n].value, changes[n].symbol, &err);
		if (rc != changes[n].rc)
			fail_msg("%s: %d %s", changes[n].what, rc, err.text);
		if (rc == 0)
			assert_int_equal(in_force()->version, before.version + 1);
		else
			assert_memory_equal(in_force(), &before, sizeof(before));
		if (rc != 0 && strlen(err.text) < 20)
			fail_msg("%s: says nothing", changes[n].what);
	}
	assert_int_equal(in_force()->node[RISK_NODE_FIRM].gross_max_ntl4, 1234567);
	assert_int_equal(in_force()->instr[1].order_max_qty, 999999);
	assert_int_equal(in_force()->instr[1].halted, 1);
	assert_int_equal(in_force()->instr[2].halted, 0);
}

static void
the_tighter_limit_counts(void **unused)
{
	assert_int_equal(limits_set(&limits, "order_max_qty", "300", "AAPL", &err), 0);
	assert_int_equal(in_force()->instr[1].order_max_qty, 300);
	assert_int_equal(in_force()->instr[2].order_max_qty, 500);
	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	assert_int_equal(in_force()->instr[1].order_max_qty, 200);
	assert_int_equal(limits_set(&limits, "order_max_qty", "400", NULL, &err), 0);
	assert_int_equal(in_force()->instr[1].order_max_qty, 300);
	assert_int_equal(in_force()->instr[2].order_max_qty, 400);
}

static const struct limits_row *
row_of(const struct limits_row *row, int cnt, const char *key, const char *symbol)
{
	for (int i = 0; i < cnt; i++)
		if (strcmp(row[i].key, key) == 0 && strcmp(row[i].symbol, symbol) == 0)
			return &row[i];
	fail_msg("no row %s %s", key, symbol);
	return NULL;
}

static void
rows_show_what_holds(void **unused)
{
	struct limits_row row[128];
	int cnt;

	assert_int_equal(limits_set(&limits, "collar_bp", "50", "MSFT", &err), 0);
	cnt = limits_rows(&limits, NULL, row, 128, &err);
	assert_string_equal(row_of(row, cnt, "collar_bp", "")->value, "500");
	assert_string_equal(row_of(row, cnt, "collar_bp", "MSFT")->value, "50");
	assert_string_equal(row_of(row, cnt, "order_max_usd", "")->value, "100.0000");
	assert_string_equal(row_of(row, cnt, "order_rate_max", "")->allowed, "1..4096");
	assert_string_equal(row_of(row, cnt, "mode", "")->value, "normal");
	assert_string_equal(row_of(row, cnt, "mode", "")->allowed,
			    "normal reduce_only cancel_only halted");
	assert_string_equal(row[cnt - 2].node, "account desk");
	assert_string_equal(row[cnt - 2].key, "gross_max_usd");
	assert_string_equal(row[cnt - 2].value, "4000.0000");
	assert_string_equal(row[cnt - 1].node, "strategy maker");
	assert_string_equal(row[cnt - 1].key, "order_max_qty");
	cnt = limits_rows(&limits, "MSFT", row, 128, &err);
	assert_string_equal(row_of(row, cnt, "collar_bp", "MSFT")->value, "50");
	assert_string_equal(row_of(row, cnt, "open_max_qty", "MSFT")->value, "2000");
	assert_string_equal(row_of(row, cnt, "halted", "MSFT")->value, "false");
	assert_int_equal(limits_rows(&limits, "GOOG", row, 128, &err), -EINVAL);
	assert_int_equal(limits_rows(&limits, "MSFT", row, 2, &err), cnt); // counts beyond
}

static void
a_level_of_the_tree_has_limits_of_its_own(void **unused)
{
	static const struct {
		const char *what, *key, *value;
		uint32_t node;
		int rc;
	} changes[] = {
		{ "an account's", "gross_max_usd", "3000", BOOK, 0 },
		{ "a strategy's", "open_orders_max", "7", TAKER, 0 },
		{ "looser than above it", "gross_max_usd", "90000", BOOK, 0 },
		{ "the firm's", "gross_max_usd", "4900", RISK_NODE_FIRM, 0 },
		{ "taken away", "gross_max_usd", "0", DESK, 0 },
		{ "above the largest rate", "order_rate_max", "4097", DESK, -EINVAL },
		{ "above the largest cancel rate", "cancel_rate_max", "4096", DESK, -EINVAL },
		{ "an instrument's", "halted", "true", DESK, -EINVAL },
		{ "what only the firm has", "hours", "any", DESK, -EINVAL },
		{ "no such node", "gross_max_usd", "1", 5, -EINVAL },
	};

	for (size_t n = 0; n < ARRAY_CNT(changes); n++) {
		const uint32_t version = in_force()->version;
		int rc;

		err_init(&err);
		rc = limits_set_node(&limits, changes[n].key, changes[n].value, changes[n].node,
				     &err);
		if (rc != changes[n].rc)
			fail_msg("%s: %d %s", changes[n].what, rc, err.text);
		assert_int_equal(in_force()->version, version + (rc == 0));
	}
	assert_int_equal(in_force()->node[BOOK].gross_max_ntl4, 900000000);
	assert_int_equal(in_force()->node[TAKER].open_orders_max, 7);
	assert_int_equal(in_force()->node[MAKER].open_orders_max, UINT32_MAX);
	assert_int_equal(in_force()->node[DESK].gross_max_ntl4, INT64_MAX);
	assert_int_equal(in_force()->node[RISK_NODE_FIRM].gross_max_ntl4, 49000000);
}

static void
names_lead_to_levels(void **unused)
{
	uint32_t node = 99;

	assert_int_equal(limits_node_of(&limits, "firm", "", &node, &err), 0);
	assert_int_equal(node, RISK_NODE_FIRM);
	assert_int_equal(limits_node_of(&limits, "account", "book", &node, &err), 0);
	assert_int_equal(node, BOOK);
	assert_int_equal(limits_node_of(&limits, "strategy", "maker", &node, &err), 0);
	assert_int_equal(node, MAKER);
	assert_int_equal(limits_node_of(&limits, "strategy", "book", &node, &err), -EINVAL);
	assert_non_null(strstr(err.text, "taker maker"));
	assert_int_equal(limits_node_of(&limits, "floor", "book", &node, &err), -EINVAL);
}

/* The tightest of all levels, and the worst of all modes, are what a strategy gets. */
static void
a_strategy_gets_the_tightest_of_its_levels(void **unused)
{
	assert_int_equal(limits_set_mode(&limits, DESK, RISK_MODE_REDUCE_ONLY, &err), 0);
	assert_int_equal(in_force()->mode[DESK], RISK_MODE_REDUCE_ONLY);
	assert_int_equal(in_force()->leaf[0].mode, RISK_MODE_REDUCE_ONLY);
	assert_int_equal(in_force()->leaf[1].mode, RISK_MODE_REDUCE_ONLY);
	assert_int_equal(limits_set_mode(&limits, BOOK, RISK_MODE_HALTED, &err), 0);
	assert_int_equal(in_force()->leaf[0].mode, RISK_MODE_HALTED);
	assert_int_equal(in_force()->leaf[1].mode, RISK_MODE_REDUCE_ONLY);
	assert_int_equal(limits_set_mode(&limits, DESK, RISK_MODE_NORMAL, &err), 0);
	assert_int_equal(in_force()->leaf[0].mode, RISK_MODE_HALTED);
	assert_int_equal(in_force()->leaf[1].mode, RISK_MODE_NORMAL);
	assert_int_equal(limits_set_mode(&limits, RISK_NODE_FIRM, RISK_MODE_CANCEL_ONLY, &err), 0);
	assert_int_equal(in_force()->leaf[1].mode, RISK_MODE_CANCEL_ONLY);
	assert_int_equal(limits_set_node(&limits, "order_max_qty", "70", DESK, &err), 0);
	assert_int_equal(limits_set_node(&limits, "order_max_qty", "60", BOOK, &err), 0);
	assert_int_equal(in_force()->leaf[0].order_max_qty, 60);
	assert_int_equal(in_force()->leaf[1].order_max_qty, 50);
	assert_int_equal(limits_set_node(&limits, "execution_max", "2000", MAKER, &err), 0);
	assert_int_equal(in_force()->leaf[1].execution_max, 1000);
	assert_int_equal(limits_set_node(&limits, "execution_max", "5", MAKER, &err), 0);
	assert_int_equal(in_force()->leaf[1].execution_max, 5);
}

static void
a_restricted_instrument_is_so_for_all_below(void **unused)
{
	assert_int_equal(limits_restrict(&limits, BOOK, "AAPL", true, &err), 0);
	assert_int_equal(in_force()->instr[1].restricted_mask, 1);
	assert_int_equal(limits_restrict(&limits, DESK, "AAPL", true, &err), 0);
	assert_int_equal(in_force()->instr[1].restricted_mask, 3);
	assert_int_equal(in_force()->instr[2].restricted_mask, 0);
	assert_int_equal(limits_restrict(&limits, DESK, "AAPL", false, &err), 0);
	assert_int_equal(in_force()->instr[1].restricted_mask, 1);
	assert_int_equal(limits_restrict(&limits, RISK_NODE_FIRM, "MSFT", true, &err), 0);
	assert_int_equal(in_force()->instr[2].restricted_mask, UINT32_MAX);
	assert_int_equal(limits_restrict(&limits, DESK, "GOOG", true, &err), -EINVAL);
}

static void
only_a_named_person_enables_a_strategy(void **unused)
{
	assert_int_equal(limits_enable(&limits, "maker", "", &err), -EINVAL);
	assert_int_equal(limits_enable(&limits, "maker", NULL, &err), -EINVAL);
	assert_int_equal(limits_enable(&limits, "nobody", "Ada", &err), -EINVAL);
	assert_int_equal(in_force()->version, 1);
	assert_int_equal(limits_enable(&limits, "maker", "Ada", &err), 0);
	assert_int_equal(in_force()->leaf[1].enable_seq, 1);
	assert_int_equal(in_force()->leaf[0].enable_seq, 0);
}

static void
located_shares_are_an_accounts(void **unused)
{
	assert_int_equal(risk_located_qty(in_force(), BOOK, 1), 0);
	assert_int_equal(limits_locate(&limits, "book", "AAPL", 500, &err), 0);
	assert_int_equal(limits_locate(&limits, "desk", "AAPL", 10, &err), 0);
	assert_int_equal(risk_located_qty(in_force(), BOOK, 1), 500);
	assert_int_equal(risk_located_qty(in_force(), DESK, 1), 10);
	assert_int_equal(risk_located_qty(in_force(), BOOK, 2), 0);
	assert_int_equal(limits_locate(&limits, "book", "AAPL", 0, &err), 0);
	assert_int_equal(risk_located_qty(in_force(), BOOK, 1), 0);
	assert_int_equal(limits_locate(&limits, "firm", "AAPL", 1, &err), -EINVAL);
	assert_int_equal(limits_locate(&limits, "book", "GOOG", 1, &err), -EINVAL);
}

/* Lanes make their sums anew only when they must. */
static void
only_another_var_bp_changes_its_version(void **unused)
{
	assert_int_equal(limits_set(&limits, "collar_bp", "77", NULL, &err), 0);
	assert_int_equal(in_force()->var_version, 1);
	assert_int_equal(limits_set(&limits, "var_bp", "201", NULL, &err), 0);
	assert_int_equal(in_force()->var_version, 2);
	assert_int_equal(limits_set(&limits, "var_bp", "201", "AAPL", &err), 0);
	assert_int_equal(in_force()->var_version, 2);
	assert_int_equal(limits_set(&limits, "var_bp", "5000", "AAPL", &err), 0);
	assert_int_equal(in_force()->var_version, 3);
	assert_int_equal(in_force()->instr[1].var_bp, 5000);
	assert_int_equal(in_force()->instr[2].var_bp, 201);
}

static void
permission_is_flag_and_version(void **unused)
{
	assert_int_equal(halt_reasons(), HALT_DISARMED);
	assert_int_equal(limits_arm(&limits, &err), 0);
	assert_int_equal(halt_reasons(), 0);
	assert_int_equal(in_force()->armed, 1);
	assert_int_equal(limits_halt(&limits, "too many rejects", &err), 0);
	assert_int_equal(halt_reasons(), HALT_OPERATOR);
	assert_int_equal(in_force()->halted, 1);
	assert_string_equal(limits.halt_reason, "too many rejects");
	assert_int_equal(limits_set(&limits, "collar_bp", "7", NULL, &err), 0);
	assert_int_equal(in_force()->halted, 1); // a change of limits lifts nothing
	assert_int_equal(limits_resume(&limits, &err), 0);
	assert_int_equal(halt_reasons(), 0);
	assert_int_equal(in_force()->halted, 0);
	assert_int_equal(limits_disarm(&limits, &err), 0);
	assert_int_equal(halt_reasons(), HALT_DISARMED);
	assert_int_equal(in_force()->armed, 0);
	assert_int_equal(limits_resume(&limits, &err), 0);
	assert_int_equal(halt_reasons(), HALT_DISARMED); // resume does not arm
	assert_int_equal(in_force()->version, 7);
}

static void
a_venue_of_another_environment_keeps_orders_off(void **unused)
{
	config.venues[0].environment = ENVIRONMENT_LIVE;
	assert_int_equal(limits_arm(&limits, &err), -EPERM);
	assert_int_equal(halt_reasons(), HALT_DISARMED);
	assert_int_equal(in_force()->armed, 0);
	assert_non_null(strstr(err.text, "live"));
	limits_close(&limits);
	config.arm_at_start = true;
	assert_int_equal(limits_open(&limits, &config, &err), -EPERM);
	config.venues[0].environment = ENVIRONMENT_SIMULATION;
	assert_int_equal(limits_open(&limits, &config, &err), 0);
	assert_int_equal(in_force()->armed, 1);
	assert_int_equal(halt_reasons(), 0);
}

static void
a_lane_that_hangs_is_named_and_sees_its_old_table(void **unused)
{
	const struct risk_limits *seen;
	struct risk_limits next;

	turn_start(&lane);
	seen = in_force();
	next = *seen;
	for (uint32_t n = 0; n < LIMITS_RETIRED_MAX; n++) {
		assert_int_equal(limits_publish(&limits, &next, 1000, &err), -ETIMEDOUT);
		assert_int_equal(in_force()->version, 2 + n);
		assert_int_equal(seen->version, 1); // not freed
	}
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), -EBUSY);
	assert_int_equal(in_force()->version, 1 + LIMITS_RETIRED_MAX);
	turn_next(&lane);
	turn_next(&lane);
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), -ETIMEDOUT);
	assert_int_equal(limits.retired_cnt, 1);
	turn_stop(&lane);
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), 0);
	assert_int_equal(limits.retired_cnt, 0);
	next.node[DESK].order_rate_max = ORDER_RATE_MAX + 1;
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), -EINVAL);
	next.node[DESK].order_rate_max = 1;
	next.node[RISK_NODE_FIRM].order_rate_max = 0; // the firm must have one
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), -EINVAL);
	next.node[RISK_NODE_FIRM].order_rate_max = 1;
	next.instr[2].collar_bp = 0;
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), -EINVAL);
}

static uint32_t stop_lane;
static uint64_t torn_cnt, turns;

static void *
run_lane(void *unused)
{
	turn_start(&lane);
	while (!load_relaxed_u32(&stop_lane)) {
		const struct risk_limits *t = in_force();

		// collar and open limit are always set as a pair
		if (t->instr[1].collar_bp * 2 != t->instr[1].open_max_qty)
			torn_cnt++;
		turns++;
		turn_next(&lane);
		if (turns % 64 == 0)
			sched_yield();
	}
	turn_stop(&lane);
	return NULL;
}

static void
a_running_lane_never_sees_half_a_change(void **unused)
{
	struct risk_limits next = *in_force();
	pthread_t thread;

	next.instr[1].collar_bp = 1;
	next.instr[1].open_max_qty = 2;
	assert_int_equal(limits_publish(&limits, &next, 1000, &err), 0);
	stop_lane = 0;
	torn_cnt = turns = 0;
	assert_int_equal(pthread_create(&thread, NULL, run_lane, NULL), 0);
	while ((turn_mark(&lane) & 1) == 0)
		sched_yield();
	for (uint32_t n = 1; n <= 2000; n++) {
		next.instr[1].collar_bp = n;
		next.instr[1].open_max_qty = 2 * n;
		assert_int_equal(limits_publish(&limits, &next, 5000000000LL, &err), 0);
	}
	store_relaxed_u32(&stop_lane, 1);
	pthread_join(thread, NULL);
	assert_int_equal(torn_cnt, 0);
	assert_true(turns > 0);
	assert_int_equal(limits.retired_cnt, 0);
}

int
main(void)
{
#define LIMITS_TEST(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		LIMITS_TEST(the_configuration_is_version_1_and_disarmed),
		LIMITS_TEST(a_change_is_checked_and_becomes_a_version),
		LIMITS_TEST(the_tighter_limit_counts),
		LIMITS_TEST(rows_show_what_holds),
		LIMITS_TEST(a_level_of_the_tree_has_limits_of_its_own),
		LIMITS_TEST(names_lead_to_levels),
		LIMITS_TEST(a_strategy_gets_the_tightest_of_its_levels),
		LIMITS_TEST(a_restricted_instrument_is_so_for_all_below),
		LIMITS_TEST(only_a_named_person_enables_a_strategy),
		LIMITS_TEST(located_shares_are_an_accounts),
		LIMITS_TEST(only_another_var_bp_changes_its_version),
		LIMITS_TEST(permission_is_flag_and_version),
		LIMITS_TEST(a_venue_of_another_environment_keeps_orders_off),
		LIMITS_TEST(a_lane_that_hangs_is_named_and_sees_its_old_table),
		LIMITS_TEST(a_running_lane_never_sees_half_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
