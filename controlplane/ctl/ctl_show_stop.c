/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/units.h"
#include "ctl/ctl_stop.h"

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL || text[0] == '\0' ? "-" : text;
}

static long long
int_of(const json_t *row, const char *key)
{
	return (long long)json_integer_value(json_object_get(row, key));
}

void
ctl_show_kill(FILE *out, const json_t *r)
{
	const bool on = json_is_true(json_object_get(r, "on"));

	fprintf(out, "%-12s %s\n", "kill switch", on ? "ON" : "off");
	if (on)
		fprintf(out, "%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n", "  cause",
			text_of(r, "cause"), "  when", text_of(r, "when"), "  who",
			text_of(r, "who"), "  why", text_of(r, "why"));
	fprintf(out, "%-12s %s\n", "latch", text_of(r, "latch_file"));
}

/* Since when, as a time of day. */
static const char *
since_of(const json_t *row, const char *key, char *out, size_t out_bytes)
{
	const time_t s = (time_t)(int_of(row, key) / (long long)NS_PER_SEC);
	struct tm tm;

	if (s == 0 || localtime_r(&s, &tm) == NULL)
		return "-";
	strftime(out, out_bytes, "%H:%M:%S", &tm);
	return out;
}

void
ctl_show_breakers(FILE *out, const json_t *r)
{
	static const char FORM[] = "%-16s %-18s %-12s %-8s %12s %12s %-8s %-6s %-9s %8s  %s\n";
	const json_t *row;
	size_t i;

	fprintf(out, FORM, "breaker", "watches", "of", "state", "value", "trips at", "unit",
		"action", "re-armed", "since", "trips");
	json_array_foreach(r, i, row)
	{
		const long long count = int_of(row, "count");
		char value[32], limit[32], trips[32], since[16];

		snprintf(value, sizeof(value), "%lld", int_of(row, "value"));
		if (count != 0)
			snprintf(limit, sizeof(limit), "%lld > %lld", count,
				 int_of(row, "threshold"));
		else
			snprintf(limit, sizeof(limit), "%lld", int_of(row, "threshold"));
		snprintf(trips, sizeof(trips), "%lld", int_of(row, "trip_cnt"));
		fprintf(out, FORM, text_of(row, "name"), text_of(row, "watch"),
			text_of(row, "worst"),
			json_is_true(json_object_get(row, "tripped")) ? "TRIPPED" : "armed", value,
			limit, text_of(row, "unit"), text_of(row, "action"), text_of(row, "rearm"),
			since_of(row, "since_ns", since, sizeof(since)), trips);
	}
	if (json_array_size(r) == 0)
		fputs("(none)\n", out);
}

void
ctl_show_drop_copy(FILE *out, const json_t *r)
{
	static const char FORM[] = "%-12s %-22s %-5s %-8s %9s %8s %8s %8s %8s %8s  %s\n";
	const json_t *list = json_object_get(r, "drop_copies");
	const json_t *findings = json_object_get(r, "findings"), *row;
	size_t i;

	fprintf(out, FORM, "session", "drop copy", "state", "since", "matched", "added", "missing",
		"altered", "unread", "pending", "next message");
	json_array_foreach(list, i, row)
	{
		static const char *const KEY[] = { "matched", "added",   "missing", "altered",
						   "unread",  "pending", "next_seq" };
		char number[ARRAY_CNT(KEY)][24], since[16];

		for (size_t k = 0; k < ARRAY_CNT(KEY); k++)
			snprintf(number[k], sizeof(number[k]), "%lld", int_of(row, KEY[k]));
		fprintf(out, FORM, text_of(row, "session"), text_of(row, "peer"),
			json_is_true(json_object_get(row, "up")) ? "up" : "DOWN",
			since_of(row, "up_ns", since, sizeof(since)), number[0], number[1],
			number[2], number[3], number[4], number[5], number[6]);
	}
	if (json_array_size(list) == 0)
		fputs("(none)\n", out);
	json_array_foreach(findings, i, row)
	{
		char since[16];

		fprintf(out, "%s %-8s %s%s\n", since_of(row, "ns", since, sizeof(since)),
			text_of(row, "difference"), text_of(row, "text"),
			json_is_true(json_object_get(row, "frozen")) ? " [FROZEN]" : "");
	}
}
