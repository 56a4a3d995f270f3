/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "limits/limits.h"
#include "limits_config.h"

/* Nodes of the tree. */
enum {
	DESK = 1,
	TAKER,
};

static struct config config, next;
static struct limits limits;
static struct turn_count lane;
static struct err err;
static char folder[64], path[128];
static char told[4096];

static int
start(void **unused)
{
	static char kept[8192];

	limits_config_small(&config);
	memset(&lane, 0, sizeof(lane));
	err_init(&err);
	config.accounts_cnt = 2;
	strcpy(config.accounts[DESK].name, "desk");
	config.strategies_cnt = 1;
	strcpy(config.strategies[0].name, "taker");
	config.strategies[0].account_idx = DESK;
	next = config;
	halt_set(HALT_DISARMED);
	assert_int_equal(limits_open(&limits, &config, &err), 0);
	assert_int_equal(limits_add_lane(&limits, &lane), 0);
	strcpy(folder, "/tmp/sluice-reload.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/kept", folder);
	assert_int_equal(limits_keep_open(&limits, path, kept, sizeof(kept), &err), 0);
	return 0;
}

static int
end(void **unused)
{
	limits_close(&limits);
	unlink(path);
	return rmdir(folder);
}

static void
reload(void)
{
	if (limits_reload(&limits, &next, told, sizeof(told), &err) != 0)
		fail_msg("%s", err.text);
	config = next;
}

static void
every_level_follows_the_file_under_one_version(void **unused)
{
	const uint32_t version = limits.current->version;

	next.risk.order_max_qty = 300;
	next.accounts[DESK].limits.gross_max_usd.usd4 = 4000;
	next.strategies[0].limits.order_max_qty = 70;
	next.risk.instruments_cnt = 1;
	next.risk.instruments[0] =
		(struct config_risk_instrument){ .instr_idx = 2, .halted = true };
	strcpy(next.accounts[DESK].restricted[0], "AAPL");
	next.accounts[DESK].restricted_cnt = 1;
	reload();
	assert_int_equal(limits.current->version, version + 1);
	assert_int_equal(limits.current->instr[1].order_max_qty, 300);
	assert_int_equal(limits.current->node[DESK].gross_max_ntl4, 4000);
	assert_int_equal(limits.current->leaf[0].order_max_qty, 70);
	assert_int_equal(limits.current->instr[2].halted, RISK_INSTR_HALTED);
	assert_int_equal(limits.current->instr[1].restricted_mask, 1);
	assert_string_equal(told, "");
	// and back
	next = config;
	next.risk.instruments_cnt = 0;
	next.accounts[DESK].restricted_cnt = 0;
	reload();
	assert_int_equal(limits.current->instr[2].halted, RISK_INSTR_GOES);
	assert_int_equal(limits.current->instr[1].restricted_mask, 0);
}

static void
what_was_set_by_hand_stays_and_is_told(void **unused)
{
	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	assert_int_equal(limits_restrict(&limits, DESK, "MSFT", true, &err), 0);
	assert_int_equal(limits_freeze(&limits, 1, "odd", &err), 0);
	next.risk.order_max_qty = 300;
	next.risk.open_max_qty = 1000;
	reload();
	assert_int_equal(limits.current->instr[1].order_max_qty, 200);
	assert_int_equal(limits.current->instr[1].open_max_qty, 1000);
	assert_int_equal(limits.current->instr[2].restricted_mask, 1);
	assert_int_equal(limits.current->instr[1].halted, RISK_INSTR_FROZEN);
	assert_non_null(strstr(told, "limit order_max_qty stays 200 for firm"));
	// given up, it is as the file says now
	assert_int_equal(limits_forget(&limits, &err), 0);
	assert_int_equal(limits.current->instr[1].order_max_qty, 300);
	assert_int_equal(limits.current->instr[1].halted, RISK_INSTR_FROZEN);
}

static void
a_mode_of_a_breaker_is_not_loosened(void **unused)
{
	assert_int_equal(limits_set_mode(&limits, DESK, RISK_MODE_CANCEL_ONLY, &err), 0);
	next.risk.order_max_qty = 300;
	next.accounts[DESK].limits.mode = RISK_MODE_REDUCE_ONLY;
	reload();
	assert_int_equal(limits.current->mode[DESK], RISK_MODE_CANCEL_ONLY);
	assert_int_equal(limits.mode_by_hand[DESK], RISK_MODE_REDUCE_ONLY);
}

static void
what_the_file_says_is_no_change_by_hand_at_the_next_start(void **unused)
{
	char kept[1024] = "";
	FILE *f;

	next.risk.order_max_qty = 300;
	reload();
	f = fopen(path, "re");
	assert_non_null(f);
	assert_true(fread(kept, 1, sizeof(kept) - 1, f) > 0);
	fclose(f);
	assert_null(strstr(kept, "order_max_qty"));
}

static void
limits_that_cannot_be_change_nothing(void **unused)
{
	const uint32_t version = limits.current->version;

	next.risk.order_max_qty = 0;
	assert_int_equal(limits_reload(&limits, &next, told, sizeof(told), &err), -EINVAL);
	assert_int_equal(limits.current->version, version);
	assert_int_equal(limits.current->instr[1].order_max_qty, 500);
	assert_int_equal(limits.keep_base->risk.order_max_qty, 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_level_follows_the_file_under_one_version,
						start, end),
		cmocka_unit_test_setup_teardown(what_was_set_by_hand_stays_and_is_told, start, end),
		cmocka_unit_test_setup_teardown(a_mode_of_a_breaker_is_not_loosened, start, end),
		cmocka_unit_test_setup_teardown(
			what_the_file_says_is_no_change_by_hand_at_the_next_start, start, end),
		cmocka_unit_test_setup_teardown(limits_that_cannot_be_change_nothing, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
