/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_evidence.h"

#include <errno.h>
#include <string.h>

/* The counters that the document names. */
static const char *const COUNTED[] = {
#define CHECK(id, title, what)
#define CLAUSE(document, clause, gist)
#define LIMIT(key)
#define CONFIG(key)
#define COUNTER(name) "sluice_" #name,
#define SAID(text)
#define TEST(name, words)
#include "ctl/evidence.def"
#undef CHECK
#undef CLAUSE
#undef LIMIT
#undef CONFIG
#undef COUNTER
#undef SAID
#undef TEST
};

/* The result of another command; NULL with the words in *e. */
static json_t *
result_of(const struct state_source *s, json_t *request, struct err *e)
{
	enum ctl_command command;
	json_t *answer = ctl_execute(s, request, &command), *result;
	const json_t *error = json_object_get(answer, "error");

	json_decref(request);
	result = json_incref(json_object_get(answer, "result"));
	if (result == NULL)
		err_set(e, -EIO, "%s",
			json_is_string(json_object_get(error, "text"))
				? json_string_value(json_object_get(error, "text"))
				: "no memory for the answer");
	json_decref(answer);
	return result;
}

/* The family's name without _total. */
static size_t
family_len(const char *name)
{
	const size_t len = strlen(name), tail = strlen("_total");

	return len > tail && strcmp(name + len - tail, "_total") == 0 ? len - tail : len;
}

static json_t *
counters_of(const json_t *metrics)
{
	json_t *sums = json_object();

	for (size_t k = 0; k < ARRAY_CNT(COUNTED); k++) {
		const size_t len = strlen(COUNTED[k]);
		const json_t *row;
		json_int_t sum = 0;
		bool found = false;
		size_t i;

		json_array_foreach(metrics, i, row)
		{
			const char *name = json_string_value(json_object_get(row, "name"));

			if (name == NULL || family_len(name) != len ||
			    strncmp(name, COUNTED[k], len) != 0)
				continue;
			sum += json_integer_value(json_object_get(row, "value"));
			found = true;
		}
		if (found)
			json_object_set_new(sums, COUNTED[k] + strlen("sluice_"),
					    json_integer(sum));
	}
	return sums;
}

json_t *
ctl_evidence(const struct state_source *s, const json_t *args, struct err *e)
{
	static const struct {
		const char *key, *command;
		int count;
	} PART[] = {
		{ "status", "status", 0 },     { "limits", "limits_get", 0 },
		{ "breakers", "breakers", 0 }, { "kill", "kill_status", 0 },
		{ "config", "config", 0 },     { "events", "events", 512 },
	};
	json_t *all = json_object(), *metrics;

	for (size_t i = 0; i < ARRAY_CNT(PART); i++) {
		json_t *request = json_pack("{s:s}", "command", PART[i].command);
		json_t *part;

		if (PART[i].count != 0)
			json_object_set_new(request, "args",
					    json_pack("{s:i}", "count", PART[i].count));
		part = result_of(s, request, e);
		if (part == NULL) {
			json_decref(all);
			return NULL;
		}
		json_object_set_new(all, PART[i].key, part);
	}
	metrics = result_of(s, json_pack("{s:s}", "command", "metrics"), e);
	if (metrics == NULL) {
		json_decref(all);
		return NULL;
	}
	json_object_set_new(all, "counters", counters_of(metrics));
	json_decref(metrics);
	return all;
}
