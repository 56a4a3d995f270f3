/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "ctl/ctl_evidence.h"
#include "ctl/evidence_quotes.h"

enum {
	EXTRACTS_MAX = 5, // newest lines of the log for one text
};

enum row_kind {
	ROW_CHECK,
	ROW_CLAUSE,
	ROW_LIMIT,
	ROW_CONFIG,
	ROW_COUNTER,
	ROW_SAID,
	ROW_TEST,
};

/* evidence.def, line by line. */
static const struct row {
	enum row_kind kind;
	const char *a, *b, *c;
} ROW[] = {
#define CHECK(id, title, what)         { ROW_CHECK, #id, title, what },
#define CLAUSE(document, clause, gist) { ROW_CLAUSE, document, clause, gist },
#define LIMIT(key)                     { ROW_LIMIT, #key, NULL, NULL },
#define CONFIG(key)                    { ROW_CONFIG, #key, NULL, NULL },
#define COUNTER(name)                  { ROW_COUNTER, #name, NULL, NULL },
#define SAID(text)                     { ROW_SAID, text, NULL, NULL },
#define TEST(name, words)              { ROW_TEST, #name, words, NULL },
#include "ctl/evidence.def"
#undef CHECK
#undef CLAUSE
#undef LIMIT
#undef CONFIG
#undef COUNTER
#undef SAID
#undef TEST
};

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL ? "" : text;
}

static void
when_text(json_int_t ns, char *out, size_t out_bytes)
{
	const time_t s = (time_t)(ns / (json_int_t)NS_PER_SEC);
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL || strftime(out, out_bytes, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, out_bytes, "?");
}

static void
show_limit(FILE *out, const json_t *limits, const char *key)
{
	const json_t *row;
	size_t i, found = 0;

	json_array_foreach(limits, i, row)
	{
		const char *symbol = text_of(row, "symbol");

		if (strcmp(text_of(row, "key"), key) != 0)
			continue;
		fprintf(out, "| limit `%s`%s%s | %s %s |\n", key, symbol[0] == '\0' ? "" : " of ",
			symbol, text_of(row, "value"), text_of(row, "unit"));
		found++;
	}
	if (found == 0)
		fprintf(out, "| limit `%s` | not in force |\n", key);
}

/* "sessions[0].throttle.max_messages" is the key sessions.throttle.max_messages. */
static bool
is_key(const char *path, const char *key)
{
	for (; *path != '\0'; path++) {
		if (*path == '[') {
			while (*path != '\0' && *path != ']')
				path++;
			if (*path == '\0')
				return false;
		} else if (*path != *key++) {
			return false;
		}
	}
	return *key == '\0';
}

static void
show_config(FILE *out, const json_t *config, const char *key)
{
	const json_t *row;
	size_t i, found = 0;

	json_array_foreach(config, i, row)
	{
		if (!is_key(text_of(row, "key"), key))
			continue;
		fprintf(out, "| `%s` | %s (%s) |\n", text_of(row, "key"), text_of(row, "value"),
			text_of(row, "source"));
		found++;
	}
	if (found == 0)
		fprintf(out, "| `%s` | nothing configured |\n", key);
}

static void
show_counter(FILE *out, const json_t *counters, const char *name)
{
	const json_t *value = json_object_get(counters, name);

	if (value == NULL)
		fprintf(out, "| counter `sluice_%s` | none now |\n", name);
	else
		fprintf(out, "| counter `sluice_%s` | %lld |\n", name,
			(long long)json_integer_value(value));
}

/* The newest lines of the log with that text. */
static void
show_said(FILE *out, const json_t *events, const char *text)
{
	size_t cnt = 0, at = json_array_size(events);

	for (; at > 0 && cnt < EXTRACTS_MAX; at--)
		cnt += strstr(text_of(json_array_get(events, at - 1), "text"), text) != NULL;
	for (; at < json_array_size(events); at++) {
		const json_t *row = json_array_get(events, at);
		char when[32];

		if (strstr(text_of(row, "text"), text) == NULL)
			continue;
		when_text(json_integer_value(json_object_get(row, "ns")), when, sizeof(when));
		fprintf(out, "    %s %s %s: %s\n", when, text_of(row, "severity"),
			text_of(row, "lane"), text_of(row, "text"));
	}
	if (cnt == 0)
		fprintf(out, "    (the log does not say '%s' in its newest %zu lines)\n", text,
			json_array_size(events));
}

/* What the journal has of it; else the newest lines of the log. */
static void
show_text(FILE *out, const json_t *events, const struct evidence_quotes *q, const char *text)
{
	if (evidence_quotes_of_text(out, q, text) != 0)
		return;
	if (q != NULL)
		fprintf(out, "    (the journal has no note with '%s')\n", text);
	else
		show_said(out, events, text);
}

/* The refusals behind a check's counters, word for word from the journal. */
static void
show_fired(FILE *out, size_t first, const struct evidence_quotes *q)
{
	bool headed = false;

	for (size_t i = first; q != NULL && i < ARRAY_CNT(ROW) && ROW[i].kind != ROW_CHECK; i++) {
		const char *name = ROW[i].a;

		if (ROW[i].kind != ROW_COUNTER ||
		    strncmp(name, "risk_intent_rejected_", strlen("risk_intent_rejected_")) != 0)
			continue;
		if (!headed)
			fputs("\nThe journal, of it firing:\n\n", out);
		headed = true;
		if (evidence_quotes_of_counter(out, q, name) == 0)
			fprintf(out, "    (%s never)\n", name + strlen("risk_intent_"));
	}
}

/* Rows of one kind from a check's first row on; the heading only when there is one. */
static void
show_part(FILE *out, size_t first, enum row_kind from, enum row_kind to, const char *heading,
	  const json_t *r, const struct evidence_quotes *q)
{
	bool headed = false;

	for (size_t i = first; i < ARRAY_CNT(ROW) && ROW[i].kind != ROW_CHECK; i++) {
		const struct row *x = &ROW[i];

		if (x->kind < from || x->kind > to)
			continue;
		if (!headed)
			fputs(heading, out);
		headed = true;
		switch (x->kind) {
		case ROW_CHECK:
			break;
		case ROW_CLAUSE:
			fprintf(out, "| %s | %s | %s |\n", x->a, x->b, x->c);
			break;
		case ROW_LIMIT:
			show_limit(out, json_object_get(r, "limits"), x->a);
			break;
		case ROW_CONFIG:
			show_config(out, json_object_get(r, "config"), x->a);
			break;
		case ROW_COUNTER:
			show_counter(out, json_object_get(r, "counters"), x->a);
			break;
		case ROW_SAID:
			show_text(out, json_object_get(r, "events"), q, x->a);
			break;
		case ROW_TEST:
			fprintf(out, "| `meson test %s` | %s |\n", x->a, x->b);
			break;
		}
	}
}

static void
show_breakers(FILE *out, const json_t *breakers)
{
	const json_t *row;
	size_t i;

	fputs("\n| breaker | watches | trips at | within ms | action | re-armed | now | state | "
	      "trips "
	      "|\n|---|---|---|---|---|---|---|---|---|\n",
	      out);
	json_array_foreach(breakers, i, row)
		fprintf(out, "| %s | %s | %lld | %lld | %s | %s | %lld | %s | %lld |\n",
			text_of(row, "name"), text_of(row, "watch"),
			(long long)json_integer_value(json_object_get(row, "threshold")),
			(long long)json_integer_value(json_object_get(row, "window_ms")),
			text_of(row, "action"), text_of(row, "rearm"),
			(long long)json_integer_value(json_object_get(row, "value")),
			json_is_true(json_object_get(row, "tripped")) ? "tripped" : "armed",
			(long long)json_integer_value(json_object_get(row, "trip_cnt")));
	if (json_array_size(breakers) == 0)
		fputs("| none is configured | | | | | | | | |\n", out);
}

/* The value of a configuration's key, without the quotes of a text; empty: it has none. */
static void
config_value(const json_t *config, const char *key, char *out, size_t out_bytes)
{
	const char *value = "";
	const json_t *row;
	size_t i, len;

	json_array_foreach(config, i, row) if (strcmp(text_of(row, "key"), key) == 0) value =
		text_of(row, "value");
	len = strlen(value);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	snprintf(out, out_bytes, "%.*s", (int)len, value);
}

/* The journal that the gateway writes; NULL: it writes none, or it cannot be read, which is said.
 */
static struct evidence_quotes *
read_quotes(FILE *out, const json_t *config)
{
	static const char *counter[ARRAY_CNT(ROW)], *text[ARRAY_CNT(ROW)];
	char enabled[16], folder[512];
	size_t counter_cnt = 0, text_cnt = 0;
	struct evidence_quotes *q;
	struct err e;

	config_value(config, "journal.enabled", enabled, sizeof(enabled));
	config_value(config, "journal.directory", folder, sizeof(folder));
	if (strcmp(enabled, "true") != 0) {
		fputs("\nNo audit journal is kept: what fired is quoted from the newest lines of "
		      "the log.\n",
		      out);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_CNT(ROW); i++)
		if (ROW[i].kind == ROW_COUNTER)
			counter[counter_cnt++] = ROW[i].a;
		else if (ROW[i].kind == ROW_SAID)
			text[text_cnt++] = ROW[i].a;
	err_init(&e);
	q = evidence_quotes_read(folder, counter, counter_cnt, text, text_cnt, &e);
	err_end(&e);
	if (q == NULL) {
		fprintf(out,
			"\nThe audit journal cannot be quoted (%s): what fired is quoted from the "
			"newest lines of the log.\n",
			e.text);
		return NULL;
	}
	fprintf(out, "\nQuoted from the audit journal %s: ", folder);
	evidence_quotes_summary(out, q);
	fputs(".\n", out);
	return q;
}

void
ctl_show_evidence(FILE *out, const json_t *r)
{
	struct evidence_quotes *q;

	const json_t *status = json_object_get(r, "status"), *kill = json_object_get(r, "kill");
	char now[32];

	when_text(json_integer_value(json_object_get(status, "now_ns")), now, sizeof(now));
	fprintf(out,
		"# Risk controls: evidence\n\n"
		"What this gateway checks, with which limits, which test shows it, and how often "
		"it "
		"fired. Evidence for whoever has to judge compliance; it claims none, and the "
		"rules "
		"are named in our words.\n\n"
		"Gateway %s, pid %lld, %s, configuration %s, limits version %lld, written %s UTC. "
		"Kill switch: %s.\n",
		text_of(status, "version"),
		(long long)json_integer_value(json_object_get(status, "pid")),
		text_of(status, "environment"), text_of(status, "config_file"),
		(long long)json_integer_value(json_object_get(status, "limits_version")), now,
		json_is_true(json_object_get(kill, "on")) ? "on" : "off");
	q = read_quotes(out, json_object_get(r, "config"));
	for (size_t i = 0; i < ARRAY_CNT(ROW); i++) {
		if (ROW[i].kind != ROW_CHECK)
			continue;
		fprintf(out, "\n## %s\n\n%s\n", ROW[i].b, ROW[i].c);
		show_part(out, i + 1, ROW_CLAUSE, ROW_CLAUSE,
			  "\n| rule | clause | asks for |\n|---|---|---|\n", r, q);
		show_part(out, i + 1, ROW_LIMIT, ROW_COUNTER, "\n| in force | now |\n|---|---|\n",
			  r, q);
		if (strcmp(ROW[i].a, "breakers") == 0)
			show_breakers(out, json_object_get(r, "breakers"));
		show_fired(out, i + 1, q);
		show_part(out, i + 1, ROW_SAID, ROW_SAID,
			  q != NULL ? "\nThe journal, of what was told:\n\n" : "\nThe log:\n\n", r,
			  q);
		show_part(out, i + 1, ROW_TEST, ROW_TEST, "\n| test | where it says |\n|---|---|\n",
			  r, q);
	}
	evidence_quotes_free(q);
}
