/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "err/err.h"

static struct err err;

static void
the_cause_comes_first_and_callers_add_where(void **state)
{
	err_init(&err);
	assert_int_equal(err_set(&err, -EINVAL, "%d is too much", 7), -EINVAL);
	err_in(&err, "risk.%s", "collar_bp");
	err_in(&err, "a.yaml:1");
	assert_string_equal(err.text, "a.yaml:1: risk.collar_bp: 7 is too much");
	assert_int_equal(err.code, -EINVAL);
	assert_int_equal(err_set(&err, -EIO, "other"), -EIO);
	assert_string_equal(err.text, "other");
}

static void
the_code_is_that_of_the_first_fault(void **state)
{
	err_init(&err);
	assert_int_equal(err_add(&err, -ENOENT, "one"), -ENOENT);
	assert_int_equal(err_add(&err, -EINVAL, "two"), -ENOENT);
	err_in(&err, "x");
	assert_string_equal(err.text, "x: one\nx: two");
	assert_int_equal(err.line_cnt, 2);
}

static void
faults_beyond_the_limit_are_counted_once(void **state)
{
	err_init(&err);
	for (unsigned i = 0; i < ERR_LINE_MAX + 3; i++)
		err_add(&err, -EINVAL, "f");
	err_end(&err);
	err_end(&err);
	assert_non_null(strstr(err.text, "f\nand 3 more"));
	assert_null(strstr(err.text, "more\n"));
}

static void
a_text_too_long_is_cut_with_dots(void **state)
{
	static char longer[ERR_TEXT_MAX + 10];

	memset(longer, 'a', sizeof(longer) - 1);
	err_init(&err);
	err_set(&err, -EINVAL, "%s", longer);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 5, "a...");
	err_in(&err, "where");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 5, "a...");
	err_add(&err, -EINVAL, "more");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void
without_a_place_for_words_the_code_remains(void **state)
{
	assert_int_equal(err_set(NULL, -EIO, "lost"), -EIO);
	assert_int_equal(err_add(NULL, -EIO, "lost"), -EIO);
	err_in(NULL, "nowhere");
	err_end(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cause_comes_first_and_callers_add_where),
		cmocka_unit_test(the_code_is_that_of_the_first_fault),
		cmocka_unit_test(faults_beyond_the_limit_are_counted_once),
		cmocka_unit_test(a_text_too_long_is_cut_with_dots),
		cmocka_unit_test(without_a_place_for_words_the_code_remains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
