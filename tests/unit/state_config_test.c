/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/state_config.h"

enum { ROW_MAX = 4096 };

static struct config config;
static struct state_config row[ROW_MAX];
static struct err fault;
static int cnt;

static int
load(void **state)
{
	if (config_load(&config, SLUICE_SAMPLE, &fault) != 0)
		fail_msg("%s", fault.text);
	cnt = state_config_rows(&config, row, ROW_MAX);
	return 0;
}

static int
unload(void **state)
{
	config_free(&config);
	return 0;
}

static const struct state_config *
row_of(const char *key)
{
	for (int i = 0; i < cnt; i++)
		if (strcmp(row[i].key, key) == 0)
			return &row[i];
	fail_msg("no row for %s", key);
	return NULL;
}

static void
every_key_is_there_once(void **state)
{
	assert_true(cnt > 50 && cnt <= ROW_MAX);
	for (int i = 0; i < cnt; i++)
		for (int k = i + 1; k < cnt; k++)
			assert_string_not_equal(row[i].key, row[k].key);
}

static void
values_read_as_in_a_file(void **state)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", environment_word(config.environment));
	assert_string_equal(row_of("environment")->value, text);
	snprintf(text, sizeof(text), "\"%.60s\"", config.control.socket);
	assert_string_equal(row_of("control.socket")->value, text);
	snprintf(text, sizeof(text), "%u", config.control.http_port);
	assert_string_equal(row_of("control.http_port")->value, text);
	snprintf(text, sizeof(text), "%u.%u.%u.%u", config.feeds[0].lines[0].group >> 24,
		 config.feeds[0].lines[0].group >> 16 & 255,
		 config.feeds[0].lines[0].group >> 8 & 255, config.feeds[0].lines[0].group & 255);
	assert_string_equal(row_of("feeds[0].lines[0].group")->value, text);
	snprintf(text, sizeof(text), "\"%s\"", config.instruments[1].symbol);
	assert_string_equal(row_of("instruments[0].symbol")->value, text);
	assert_non_null(strstr(row_of("core_map.lanes[0].stages")->value, "rx"));
}

static void
the_place_is_told_or_that_it_is_the_default(void **state)
{
	unsigned default_cnt = 0, file_cnt = 0;

	for (int i = 0; i < cnt; i++) {
		if (strcmp(row[i].source, "default") == 0)
			default_cnt++;
		else if (strstr(row[i].source, "sluice.sample.yaml:") != NULL)
			file_cnt++;
		else
			fail_msg("%s comes from '%s'", row[i].key, row[i].source);
	}
	assert_true(default_cnt > 0);
	assert_true(file_cnt > 20);
	assert_string_not_equal(row_of("environment")->source, "default");
}

static void
fewer_rows_may_be_asked_for(void **state)
{
	memset(&row[1], 0xff, sizeof(row[1]));
	assert_int_equal(state_config_rows(&config, row, 1), cnt);
	assert_int_equal((unsigned char)row[1].key[0], 0xff);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, load, unload)
	const struct CMUnitTest tests[] = {
		TEST(every_key_is_there_once),
		TEST(values_read_as_in_a_file),
		TEST(the_place_is_told_or_that_it_is_the_default),
		TEST(fewer_rows_may_be_asked_for),
	};

	err_init(&fault);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
