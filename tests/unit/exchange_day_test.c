/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/units.h"
#include "observe/exchange_day.h"

/* UTC, and the midnight in New York that it counts from, by hand. */
static const struct {
	const char *what;
	int now[5]; // year, month, day, hour, minute
	int midnight[5];
} CASES[] = {
	// clang-format off
	{ "a winter afternoon",               { 2026, 1, 15, 20, 0 },  { 2026, 1, 15, 5, 0 } },
	{ "a summer afternoon",               { 2026, 7, 15, 20, 0 },  { 2026, 7, 15, 4, 0 } },
	{ "still yesterday there",            { 2026, 1, 15, 4, 59 },  { 2026, 1, 14, 5, 0 } },
	{ "just midnight there",              { 2026, 1, 15, 5, 0 },   { 2026, 1, 15, 5, 0 } },
	{ "summer's first hour",              { 2026, 3, 8, 7, 0 },    { 2026, 3, 8, 5, 0 } },
	{ "the hour before it",               { 2026, 3, 8, 6, 59 },   { 2026, 3, 8, 5, 0 } },
	{ "the Monday after",                 { 2026, 3, 9, 14, 0 },   { 2026, 3, 9, 4, 0 } },
	{ "summer's last hour",               { 2026, 11, 1, 5, 59 },  { 2026, 11, 1, 4, 0 } },
	{ "winter's first day",               { 2026, 11, 1, 14, 0 },  { 2026, 11, 1, 4, 0 } },
	{ "the Monday after",                 { 2026, 11, 2, 14, 0 },  { 2026, 11, 2, 5, 0 } },
	{ "a March that begins on a Sunday",  { 2020, 3, 8, 12, 0 },   { 2020, 3, 8, 5, 0 } },
	{ "the last night of a year",         { 2025, 12, 31, 23, 59 },{ 2025, 12, 31, 5, 0 } },
	// clang-format on
};

static uint64_t
ns_of(const int t[5])
{
	struct tm tm = { .tm_year = t[0] - 1900,
			 .tm_mon = t[1] - 1,
			 .tm_mday = t[2],
			 .tm_hour = t[3],
			 .tm_min = t[4] };

	return (uint64_t)timegm(&tm) * NS_PER_SEC;
}

static void
each_moment_has_its_midnight(void **state)
{
	for (unsigned i = 0; i < ARRAY_CNT(CASES); i++) {
		print_message("# %s\n", CASES[i].what);
		assert_true(exchange_midnight_ns(ns_of(CASES[i].now)) == ns_of(CASES[i].midnight));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_moment_has_its_midnight) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
