/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/exchange_day.h"

#include <stdbool.h>
#include <time.h>

#include "base/units.h"

enum {
	HOUR_S = 3600,
	DAY_S = 86400,
	WINTER_S = -5 * HOUR_S, // east of Greenwich
	SUMMER_S = -4 * HOUR_S,
	MARCH = 2, // as in struct tm
	NOVEMBER = 10,
	SUNDAYS_OF_MARCH = 2,
	SUNDAYS_OF_NOVEMBER = 1,
};

/* 1970 to the nth Sunday of a month, in days. */
static int64_t
sunday_of(int year, int month, int nth)
{
	struct tm tm = { .tm_year = year, .tm_mon = month, .tm_mday = 1 };
	const int64_t first = timegm(&tm) / DAY_S; // fills tm_wday, too

	return first + (7 - tm.tm_wday) % 7 + 7 * (nth - 1);
}

static bool
is_summer(int64_t utc_s)
{
	const time_t t = utc_s + WINTER_S; // the year never changes in summer
	struct tm tm;
	int64_t from_s, to_s;

	gmtime_r(&t, &tm);
	from_s = sunday_of(tm.tm_year, MARCH, SUNDAYS_OF_MARCH) * DAY_S + 2 * HOUR_S - WINTER_S;
	to_s = sunday_of(tm.tm_year, NOVEMBER, SUNDAYS_OF_NOVEMBER) * DAY_S + 2 * HOUR_S - SUMMER_S;
	return utc_s >= from_s && utc_s < to_s;
}

uint64_t
exchange_midnight_ns(uint64_t now_ns)
{
	const int64_t now_s = (int64_t)(now_ns / NS_PER_SEC);
	const int64_t local_s = now_s + (is_summer(now_s) ? SUMMER_S : WINTER_S);
	const int64_t day_s = local_s - local_s % DAY_S; // midnight by the clock on the wall
	// on the two Sundays of change midnight is still of the day before's time
	const int64_t midnight_s = day_s - (is_summer(day_s - WINTER_S) ? SUMMER_S : WINTER_S);

	return (uint64_t)midnight_s * NS_PER_SEC;
}
