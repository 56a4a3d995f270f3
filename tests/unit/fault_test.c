/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err/fault.h"

static const unsigned NUMBER[] = {
#define FAULT(id, number, what, why, fix, test) number,
#include "err/faults.def"
#undef FAULT
};

static void
numbers_rise_and_have_three_digits(void **state)
{
	for (size_t i = 0; i < FAULT_CNT; i++) {
		assert_in_range(NUMBER[i], 100, 999);
		if (i > 0)
			assert_true(NUMBER[i] > NUMBER[i - 1]);
	}
}

static void
a_tag_names_a_message(void **state)
{
	char text[64];

	for (size_t i = 0; i < FAULT_CNT; i++) {
		snprintf(text, sizeof(text), "no such thing %s", fault_tag((enum fault)i));
		assert_true(fault_is_named(text));
	}
	assert_false(fault_is_named("no such thing"));
	assert_false(fault_is_named("[S30x]"));
	assert_false(fault_is_named("[S304] "));
	assert_false(fault_is_named("304]"));
	assert_false(fault_is_named(""));
	assert_true(fault_is_named("[S304]"));
}

/* What a function that writes to a stream wrote. */
static char *
written(int (*explain)(const char *, FILE *), const char *arg, int want)
{
	static char text[4096];
	FILE *f = fmemopen(text, sizeof(text), "w");

	memset(text, 0, sizeof(text));
	assert_non_null(f);
	assert_int_equal(explain(arg, f), want);
	fclose(f);
	return text;
}

static void
a_number_is_explained_however_it_is_written(void **state)
{
	static const char *const WAYS[] = { "S304", "s304", "304", "[S304]" };

	for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
		const char *text = written(fault_explain, WAYS[i], 0);

		assert_non_null(strstr(text, "S304  The NIC is not bound"));
		assert_non_null(strstr(text, "\nfix   `sluicectl bind bind --yes ADDRESS`"));
	}
	assert_string_equal(written(fault_explain, "S099", -ENOENT), "");
	assert_string_equal(written(fault_explain, "", -ENOENT), "");
	assert_string_equal(written(fault_explain, "S304x", -ENOENT), "");
	assert_string_equal(written(fault_explain, "port", -ENOENT), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_rise_and_have_three_digits),
		cmocka_unit_test(a_tag_names_a_message),
		cmocka_unit_test(a_number_is_explained_however_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
