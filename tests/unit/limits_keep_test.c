/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "limits/limits.h"
#include "limits_config.h"

/* Nodes of the tree. */
enum {
	DESK = 1,
	TAKER,
	MAKER,
};

static struct config config;
static struct limits limits;
static struct turn_count lane;
static struct err err;
static char folder[64], path[128], told[8192];

static const struct risk_limits *
in_force(void)
{
	return published_get(&limits.published);
}

/* As a new process does. */
static int
begin(void)
{
	int rc;

	err_init(&err);
	memset(&lane, 0, sizeof(lane));
	assert_int_equal(limits_open(&limits, &config, &err), 0);
	rc = limits_keep_open(&limits, path, told, sizeof(told), &err);
	if (rc == 0)
		assert_int_equal(limits_add_lane(&limits, &lane), 0);
	return rc;
}

static void
again(void)
{
	limits_close(&limits);
	assert_int_equal(begin(), 0);
}

static int
start(void **unused)
{
	limits_config_small(&config);
	config.accounts_cnt = 2;
	strcpy(config.accounts[DESK].name, "desk");
	config.strategies_cnt = 2;
	strcpy(config.strategies[0].name, "taker");
	config.strategies[0].account_idx = DESK;
	strcpy(config.strategies[1].name, "maker");
	config.strategies[1].account_idx = DESK;
	strcpy(folder, "/tmp/sluice-limits.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/kept", folder);
	return begin();
}

static int
end(void **unused)
{
	limits_close(&limits);
	chmod(folder, 0700);
	unlink(path);
	return rmdir(folder);
}

static size_t
read_kept(char *out, size_t out_bytes)
{
	FILE *f = fopen(path, "re");
	size_t len;

	assert_non_null(f);
	len = fread(out, 1, out_bytes, f);
	fclose(f);
	return len;
}

static void
write_kept(const char *text, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	chmod(path, 0600);
}

static void
what_was_set_by_hand_survives_a_restart_and_is_told(void **unused)
{
	struct limits_set before;

	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	assert_int_equal(limits_set(&limits, "order_max_qty", "100", "AAPL", &err), 0);
	assert_int_equal(limits_set(&limits, "halted", "true", "MSFT", &err), 0);
	assert_int_equal(limits_set(&limits, "hours", "market", NULL, &err), 0);
	assert_int_equal(limits_set_node(&limits, "gross_max_usd", "4000", DESK, &err), 0);
	assert_int_equal(limits_set_node(&limits, "mode", "reduce_only", MAKER, &err), 0);
	assert_int_equal(limits_restrict(&limits, DESK, "MSFT", true, &err), 0);
	assert_int_equal(limits_locate(&limits, "desk", "AAPL", 5000, &err), 0);
	assert_int_equal(limits_enable(&limits, "taker", "Ada", &err), 0);
	assert_int_equal(limits_freeze(&limits, 1, "order 7, match 9", &err), 0);
	before = limits.set;
	again();
	assert_memory_equal(&limits.set, &before, sizeof(before));
	assert_int_equal(in_force()->instr[1].order_max_qty, 100);
	assert_int_equal(in_force()->instr[1].halted, RISK_INSTR_FROZEN);
	assert_int_equal(in_force()->instr[2].halted, RISK_INSTR_HALTED);
	assert_int_equal(in_force()->leaf[1].mode, RISK_MODE_REDUCE_ONLY);
	assert_int_equal(in_force()->leaf[0].enable_seq, 1);
	assert_int_equal(risk_located_qty(in_force(), DESK, 1), 5000);
	assert_string_equal(limits.frozen_why[1], "order 7, match 9");
	assert_non_null(strstr(told, "limit order_max_qty is 200 for firm, set by hand; the "
				     "configuration has 500\n"));
	assert_non_null(strstr(told, "limit mode is reduce_only for strategy maker"));
	assert_non_null(strstr(told, "AAPL is frozen: order 7, match 9"));
	again(); // and once more, without a change
	assert_memory_equal(&limits.set, &before, sizeof(before));
}

static void
no_version_is_used_twice(void **unused)
{
	uint32_t last = in_force()->version;

	for (int start_no = 0; start_no < 4; start_no++) {
		for (int i = start_no == 0 ? 0 : 1090; i < 1100; i++) // 1,024 are reserved at once
			assert_int_equal(limits_disarm(&limits, &err), 0);
		last = in_force()->version;
		again();
		assert_true(in_force()->version > last);
	}
}

static void
what_a_breaker_did_is_not_kept(void **unused)
{
	assert_int_equal(limits_set_node(&limits, "mode", "reduce_only", DESK, &err), 0);
	assert_int_equal(limits_set_mode(&limits, DESK, RISK_MODE_HALTED, &err), 0);
	assert_int_equal(limits_set_mode(&limits, RISK_NODE_FIRM, RISK_MODE_CANCEL_ONLY, &err), 0);
	assert_int_equal(in_force()->mode[DESK], RISK_MODE_HALTED);
	assert_int_equal(limits_set(&limits, "collar_bp", "50", NULL, &err), 0);
	again();
	assert_int_equal(in_force()->mode[DESK], RISK_MODE_REDUCE_ONLY);
	assert_int_equal(in_force()->mode[RISK_NODE_FIRM], RISK_MODE_NORMAL);
	assert_int_equal(in_force()->instr[1].collar_bp, 50);
}

static void
a_changed_configuration_counts_where_nothing_was_set(void **unused)
{
	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	config.risk.order_max_qty = 400;
	config.risk.open_max_qty = 1000;
	again();
	assert_int_equal(in_force()->instr[1].order_max_qty, 200);
	assert_int_equal(in_force()->instr[1].open_max_qty, 1000);
}

static void
forgetting_gives_the_configuration_back_and_frees_nothing(void **unused)
{
	const uint32_t version = in_force()->version;

	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	assert_int_equal(limits_set_node(&limits, "mode", "halted", DESK, &err), 0);
	assert_int_equal(limits_freeze(&limits, 2, "why", &err), 0);
	assert_int_equal(limits_forget(&limits, &err), 0);
	assert_int_equal(in_force()->instr[1].order_max_qty, 500);
	assert_int_equal(in_force()->mode[DESK], RISK_MODE_NORMAL);
	assert_int_equal(in_force()->instr[2].halted, RISK_INSTR_FROZEN);
	assert_int_equal(in_force()->version, version + 4);
	again();
	assert_int_equal(in_force()->instr[1].order_max_qty, 500);
	assert_int_equal(in_force()->mode[DESK], RISK_MODE_NORMAL);
	assert_int_equal(in_force()->instr[2].halted, RISK_INSTR_FROZEN);
	assert_int_equal(limits_release(&limits, "MSFT", "", &err), -EINVAL);
	assert_int_equal(limits_release(&limits, "MSFT", "Ada", &err), 0);
	assert_int_equal(limits_release(&limits, "MSFT", "Ada", &err), -EALREADY);
	again();
	assert_int_equal(in_force()->instr[2].halted, RISK_INSTR_GOES);
}

static void
what_is_gone_from_the_configuration_is_told_and_left_out(void **unused)
{
	assert_int_equal(limits_set(&limits, "order_max_qty", "100", "MSFT", &err), 0);
	assert_int_equal(limits_set_node(&limits, "order_max_qty", "50", MAKER, &err), 0);
	assert_int_equal(limits_set(&limits, "collar_bp", "50", NULL, &err), 0);
	config.instruments_cnt = 2;
	config.strategies_cnt = 1;
	again();
	assert_int_equal(in_force()->instr[1].collar_bp, 50);
	assert_non_null(strstr(told, "'MSFT' is not configured any more"));
	assert_non_null(strstr(told, "'maker' is not configured any more"));
}

/* Cut anywhere, or any byte another one: nobody guesses. */
static void
a_damaged_file_refuses_the_start(void **unused)
{
	char text[4096], bad[4096];
	size_t len;

	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	len = read_kept(text, sizeof(text));
	for (size_t at = 0; at < len; at++) {
		limits_close(&limits);
		write_kept(text, at);
		assert_int_equal(begin(), -EBADMSG);
		assert_non_null(strstr(err.text, path));
		limits_close(&limits);
		memcpy(bad, text, len);
		bad[at] ^= 4;
		write_kept(bad, len);
		assert_int_equal(begin(), -EBADMSG);
	}
	limits_close(&limits);
	write_kept(text, len);
	assert_int_equal(begin(), 0);
	assert_int_equal(in_force()->instr[1].order_max_qty, 200);
}

static void
a_file_that_others_may_write_refuses_the_start(void **unused)
{
	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), 0);
	limits_close(&limits);
	chmod(path, 0666);
	assert_int_equal(begin(), -EPERM);
	limits_close(&limits);
	chmod(path, 0600);
	assert_int_equal(begin(), 0);
}

static void
a_change_that_cannot_be_kept_says_so_and_is_in_force(void **unused)
{
	snprintf(limits.keep_path, sizeof(limits.keep_path), "%s/no/such", folder);
	assert_int_equal(limits_set(&limits, "order_max_qty", "200", NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the next start will not know it"));
	assert_int_equal(in_force()->instr[1].order_max_qty, 200);
	assert_int_equal(limits.keep_error, -ENOENT);
	err_init(&err);
	assert_int_equal(limits_halt(&limits, "stopping needs no disk", &err), 0);
	halt_lift(HALT_OPERATOR);
}

int
main(void)
{
#define KEEP_TEST(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		KEEP_TEST(what_was_set_by_hand_survives_a_restart_and_is_told),
		KEEP_TEST(no_version_is_used_twice),
		KEEP_TEST(what_a_breaker_did_is_not_kept),
		KEEP_TEST(a_changed_configuration_counts_where_nothing_was_set),
		KEEP_TEST(forgetting_gives_the_configuration_back_and_frees_nothing),
		KEEP_TEST(what_is_gone_from_the_configuration_is_told_and_left_out),
		KEEP_TEST(a_damaged_file_refuses_the_start),
		KEEP_TEST(a_file_that_others_may_write_refuses_the_start),
		KEEP_TEST(a_change_that_cannot_be_kept_says_so_and_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
