/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_measure.h"

#include "ctl/ctl_json.h"
#include "observe/outlier_words.h"

enum {
	OUTLIER_ROW_MAX = 64,
	OUTLIER_ROW_DEFAULT = 5,
};

json_t *
ctl_latency(const struct state_source *s, const json_t *args, struct err *e)
{
	const bool stages = json_is_true(json_object_get(args, "stages"));
	struct state_latency_row *row = rows_take(STATE_LATENCY_MAX, sizeof(*row), e);
	json_t *list;
	size_t cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(json_is_true(json_object_get(args, "interval"))
			      ? s->latency_interval(s->ctx, row, STATE_LATENCY_MAX)
			      : s->latency(s->ctx, row, STATE_LATENCY_MAX),
		      STATE_LATENCY_MAX);
	for (size_t i = 0; i < cnt; i++) {
		if (!stages && !row[i].end_point)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:o,s:o,s:o,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
				  "name", words(row[i].name), "from", words(row[i].from), "to",
				  words(row[i].to), "clock", words(row[i].source), "note",
				  words(row[i].note), "end_point", row[i].end_point, "count",
				  number(row[i].cnt), "min_ns", number(row[i].min_ns), "p50_ns",
				  number(row[i].p50_ns), "p90_ns", number(row[i].p90_ns), "p99_ns",
				  number(row[i].p99_ns), "p99.9_ns", number(row[i].p999_ns),
				  "p99.99_ns", number(row[i].p9999_ns), "max_ns",
				  number(row[i].max_ns), "sum_ns", number(row[i].sum_ns)));
	}
	free(row);
	if (json_is_true(json_object_get(args, "reset")))
		s->latency_reset(s->ctx);
	return list;
}

json_t *
ctl_latency_export(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *file = json_string_value(json_object_get(args, "file"));
	const char *format = json_string_value(json_object_get(args, "format"));

	if (s->latency_export(s->ctx, file, format == NULL ? "hdr" : format, e) < 0)
		return NULL;
	return json_pack("{s:o}", "file", words(file));
}

/* The stages that are known, by name. */
static json_t *
stages_of(const struct state_outlier *o)
{
	json_t *stages = json_object();

	for (uint32_t i = 0; i < LATENCY_STAGE_CNT; i++)
		if (o->stage_ns[i] != 0)
			json_object_set_new(stages, outlier_stage_name(i),
					    json_integer(number(o->stage_ns[i])));
	return stages;
}

static json_t *
core_of(const struct state_outlier *o)
{
	return json_pack(
		"{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I}", "core", (int)o->stall_core,
		"window_ns", number(o->window_ns), "forced_switches",
		number(o->core.forced_switches), "own_switches", number(o->core.own_switches),
		"wait_ns", number(o->core.wait_ns), "minor_faults", number(o->core.minor_faults),
		"major_faults", number(o->core.major_faults), "steal_ns", number(o->core.steal_ns),
		"interrupts", number(o->core.interrupts), "most_of_them", words(o->core.irq_name),
		"rivals", words(o->rivals), "rivals_window_ns", number(o->rivals_ns));
}

json_t *
ctl_outliers(const struct state_source *s, const json_t *args, struct err *e)
{
	const json_int_t asked = json_integer_value(json_object_get(args, "count"));
	const size_t want = asked <= 0                ? OUTLIER_ROW_DEFAULT
			    : asked < OUTLIER_ROW_MAX ? (size_t)asked
						      : OUTLIER_ROW_MAX;
	struct state_outlier *row = rows_take(OUTLIER_ROW_MAX, sizeof(*row), e);
	json_t *list;
	size_t cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->outliers(s->ctx, row, OUTLIER_ROW_MAX), OUTLIER_ROW_MAX);
	for (size_t i = 0; i < cnt && i < want; i++)
		json_array_append_new(
			list,
			json_pack(
				"{s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:o,"
				"s:I,s:b,s:I,s:o,s:o,s:o}",
				"when_ns", number(row[i].when_ns), "took_ns",
				number(row[i].took_ns), "waited_ns", number(row[i].waited_ns),
				"threshold_ns", number(row[i].limit_ns), "median_ns",
				number(row[i].usual_ns), "strategy", words(row[i].strategy),
				"session", words(row[i].session), "lane", words(row[i].lane),
				"token", number(row[i].token), "feed_seq", number(row[i].feed_seq),
				"stages_ns", stages_of(&row[i]), "burst_cnt",
				number(row[i].burst_cnt), "burst_pos", number(row[i].burst_pos),
				"sent_cnt", number(row[i].sent_cnt), "ring_depth",
				number(row[i].ring_depth), "ring", words(row[i].ring), "idle_ns",
				number(row[i].idle_ns), "cold", row[i].cold, "stall_ns",
				number(row[i].stall_ns), "on_core", core_of(&row[i]), "cause",
				words(row[i].cause), "words", words(row[i].words)));
	free(row);
	if (json_is_true(json_object_get(args, "reset")))
		s->outliers_reset(s->ctx);
	return list;
}
