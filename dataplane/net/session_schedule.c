/* SPDX-License-Identifier: Apache-2.0 */
#include "net/session_schedule.h"

#include "base/units.h"

enum {
	DAY_S = 24 * 3600,
	DAY_OF_1970 = 3, // 1 January 1970 was a Thursday
	WEEK_DAYS = 7,
};

/* Seconds since 1970 on the schedule's own clock. */
static COLD int64_t
local_s(const struct session_schedule *s, uint64_t now_ns)
{
	const int64_t t = (int64_t)(now_ns / NS_PER_SEC) + s->utc_offset_s;

	return t < 0 ? 0 : t;
}

static COLD bool
has_day(const struct session_schedule *s, int64_t day)
{
	return day >= 0 && (s->days >> ((day + DAY_OF_1970) % WEEK_DAYS) & 1);
}

static COLD bool
open_at(const struct session_schedule *s, int64_t t)
{
	const int64_t day = t / DAY_S;
	const uint32_t at_s = (uint32_t)(t % DAY_S);

	if (s->connect_s < s->disconnect_s)
		return has_day(s, day) && at_s >= s->connect_s && at_s < s->disconnect_s;
	return (has_day(s, day) && at_s >= s->connect_s) ||
	       (has_day(s, day - 1) && at_s < s->disconnect_s);
}

COLD bool
session_schedule_is_open(const struct session_schedule *s, uint64_t now_ns)
{
	return !s->on || open_at(s, local_s(s, now_ns));
}

COLD uint64_t
session_schedule_next_ns(const struct session_schedule *s, uint64_t now_ns)
{
	const int64_t now_s = local_s(s, now_ns);
	const bool open = open_at(s, now_s);
	uint64_t best_ns = UINT64_MAX;

	if (!s->on)
		return UINT64_MAX;
	for (int64_t day = now_s / DAY_S; day <= now_s / DAY_S + WEEK_DAYS; day++) {
		const int64_t edge_s[] = { day * DAY_S + s->connect_s,
					   day * DAY_S + s->disconnect_s };

		for (unsigned i = 0; i < ARRAY_CNT(edge_s); i++) {
			const uint64_t ns = (uint64_t)(edge_s[i] - s->utc_offset_s) * NS_PER_SEC;

			if (edge_s[i] > now_s && open_at(s, edge_s[i]) != open && ns < best_ns)
				best_ns = ns;
		}
	}
	return best_ns;
}
