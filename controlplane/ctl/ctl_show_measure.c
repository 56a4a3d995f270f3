/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/units.h"
#include "ctl/ctl_measure.h"
#include "observe/latency.h"

enum {
	LINE_MAX_CHARS = 96, // of an explanation
};

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL || text[0] == '\0' ? "-" : text;
}

static const char *
text_or_none(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL ? "" : text;
}

static uint64_t
ns_in(const json_t *row, const char *key)
{
	const json_int_t x = json_integer_value(json_object_get(row, key));

	return x < 0 ? 0 : (uint64_t)x;
}

void
ctl_show_latency(FILE *out, const json_t *r)
{
	const size_t cnt = json_array_size(r);
	struct state_latency_row *row = calloc(cnt + 1, sizeof(*row));

	for (size_t i = 0; row != NULL && i < cnt; i++) {
		const json_t *x = json_array_get(r, i);

		snprintf(row[i].name, sizeof(row[i].name), "%s", text_of(x, "name"));
		snprintf(row[i].from, sizeof(row[i].from), "%s", text_of(x, "from"));
		snprintf(row[i].to, sizeof(row[i].to), "%s", text_of(x, "to"));
		snprintf(row[i].source, sizeof(row[i].source), "%s", text_or_none(x, "clock"));
		snprintf(row[i].note, sizeof(row[i].note), "%s", text_or_none(x, "note"));
		row[i].end_point = json_is_true(json_object_get(x, "end_point"));
		row[i].cnt = ns_in(x, "count");
		row[i].p50_ns = ns_in(x, "p50_ns");
		row[i].p90_ns = ns_in(x, "p90_ns");
		row[i].p99_ns = ns_in(x, "p99_ns");
		row[i].p999_ns = ns_in(x, "p99.9_ns");
		row[i].p9999_ns = ns_in(x, "p99.99_ns");
		row[i].max_ns = ns_in(x, "max_ns");
	}
	if (row != NULL)
		latency_print(out, row, cnt);
	free(row);
}

/* In lines of bearable length, each set in. */
static void
show_words(FILE *out, const char *words)
{
	while (*words != '\0') {
		size_t len = strlen(words);

		if (len > LINE_MAX_CHARS) {
			len = LINE_MAX_CHARS;
			while (len > 0 && words[len] != ' ')
				len--;
			if (len == 0)
				len = LINE_MAX_CHARS;
		}
		fprintf(out, "   %.*s\n", (int)len, words);
		words += len + strspn(words + len, " ");
	}
}

void
ctl_show_outliers(FILE *out, const json_t *r)
{
	const json_t *row;
	size_t i;

	json_array_foreach(r, i, row)
	{
		const time_t s = (time_t)(ns_in(row, "when_ns") / NS_PER_SEC);
		char took[32], when[16] = "-";
		struct tm tm;

		if (localtime_r(&s, &tm) != NULL)
			strftime(when, sizeof(when), "%H:%M:%S", &tm);
		latency_ns_text(ns_in(row, "took_ns") + ns_in(row, "waited_ns"), took,
				sizeof(took));
		fprintf(out, "%zu. %s at %s.%06d: %s; order %lld of %s on %s\n", i + 1, took, when,
			(int)(ns_in(row, "when_ns") % NS_PER_SEC / 1000), text_of(row, "cause"),
			(long long)ns_in(row, "token"), text_of(row, "strategy"),
			text_of(row, "session"));
		show_words(out, text_of(row, "words"));
	}
	if (json_array_size(r) == 0)
		fputs("(none: no order was slower than the moving threshold)\n", out);
}
