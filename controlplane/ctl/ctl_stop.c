/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_stop.h"

#include <errno.h>

#include "ctl/ctl_json.h"

json_t *
ctl_halt_words(uint32_t reasons)
{
	json_t *list = json_array();

	for (uint32_t bit = 0; state_halt_word(bit) != NULL; bit++)
		if (reasons >> bit & 1)
			json_array_append_new(list, json_string(state_halt_word(bit)));
	return list;
}

/* What to say after something was changed: how it is now. */
static json_t *
changed(const struct state_source *s, int rc)
{
	struct state_status st = { 0 };

	if (rc < 0)
		return NULL;
	s->status(s->ctx, &st);
	return json_pack("{s:b,s:o}", "orders_on", st.halt_reasons == 0, "orders_off_because",
			 ctl_halt_words(st.halt_reasons));
}

/* A long reason is cut, and none at all is none: nothing here is a cause to refuse a stop. */
static void
reason_of(const json_t *args, char out[STATE_TEXT_MAX])
{
	const char *given = json_string_value(json_object_get(args, "reason"));

	snprintf(out, STATE_TEXT_MAX, "%s", given == NULL ? "no reason given" : given);
}

/* Who lifts something: a name that is asked for, because a user id is often shared. */
static const char *
operator_of(const json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "operator"));

	if (name == NULL)
		err_set(e, -EINVAL, "it needs --operator NAME: the person who takes the decision");
	return name;
}

json_t *
ctl_halt(const struct state_source *s, const json_t *args, struct err *e)
{
	char reason[STATE_TEXT_MAX];

	reason_of(args, reason);
	return changed(s, s->halt(s->ctx, reason, e));
}

json_t *
ctl_resume(const struct state_source *s, const json_t *args, struct err *e)
{
	return changed(s, s->resume(s->ctx, e));
}

json_t *
ctl_arm(const struct state_source *s, const json_t *args, struct err *e)
{
	return changed(s, s->arm(s->ctx, e));
}

json_t *
ctl_disarm(const struct state_source *s, const json_t *args, struct err *e)
{
	return changed(s, s->disarm(s->ctx, e));
}

json_t *
ctl_kill(const struct state_source *s, const json_t *args, struct err *e)
{
	char reason[STATE_TEXT_MAX];

	reason_of(args, reason);
	return changed(s, s->kill(s->ctx, reason, e));
}

json_t *
ctl_kill_release(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *name = operator_of(args, e);
	char reason[STATE_TEXT_MAX];

	if (name == NULL)
		return NULL;
	reason_of(args, reason);
	return changed(s, s->kill_release(s->ctx, name, reason, e));
}

json_t *
ctl_kill_status(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_kill k = { 0 };

	if (s->kill_state(s->ctx, &k) < 0) {
		err_set(e, -EIO, "the gateway's state cannot be read");
		return NULL;
	}
	return json_pack("{s:b,s:o,s:o,s:o,s:o,s:o}", "on", k.on, "cause", words(k.cause), "when",
			 words(k.when), "who", words(k.who), "why", words(k.why), "latch_file",
			 words(k.latch_file));
}

json_t *
ctl_breakers(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_breaker row[STATE_BREAKER_MAX];
	const int found = s->breakers(s->ctx, row, STATE_BREAKER_MAX);
	json_t *list = json_array();

	for (int i = 0; i < found && i < STATE_BREAKER_MAX; i++)
		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:o,s:o,s:b,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:I,s:I}",
				  "name", words(row[i].name), "watch", words(row[i].watch), "of",
				  words(row[i].of), "unit", words(row[i].unit), "tripped",
				  row[i].tripped, "value", number(row[i].value), "threshold",
				  number(row[i].threshold), "count", number(row[i].count),
				  "window_ms", number(row[i].window_ms), "action",
				  words(row[i].action), "rearm", words(row[i].rearm), "worst",
				  words(row[i].worst), "since_ns", number(row[i].since_ns),
				  "trip_cnt", number(row[i].trip_cnt), "max", number(row[i].max)));
	return list;
}

json_t *
ctl_breaker_rearm(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *breaker = json_string_value(json_object_get(args, "name"));
	const char *name = operator_of(args, e);
	char reason[STATE_TEXT_MAX];

	if (name == NULL)
		return NULL;
	reason_of(args, reason);
	return changed(s, s->breaker_rearm(s->ctx, breaker, name, reason, e));
}

static json_t *
drop_findings(const struct state_source *s, struct err *e)
{
	struct state_drop_finding *row = rows_take(STATE_FINDING_MAX, sizeof(*row), e);
	json_t *list;
	size_t cnt;

	if (row == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->drop_findings(s->ctx, row, STATE_FINDING_MAX), STATE_FINDING_MAX);
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(list,
				      json_pack("{s:I,s:o,s:o,s:o,s:o,s:b}", "ns",
						number(row[i].ns), "session", words(row[i].session),
						"symbol", words(row[i].symbol), "difference",
						words(row[i].difference), "text",
						words(row[i].text), "frozen", row[i].frozen));
	free(row);
	return list;
}

json_t *
ctl_drop_copy(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_drop_copy row[SESSION_MAX];
	json_t *list, *findings = drop_findings(s, e);
	size_t cnt;

	if (findings == NULL)
		return NULL;
	list = json_array();
	cnt = rows_in(s->drop_copies(s->ctx, row, SESSION_MAX), SESSION_MAX);
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "session",
				  words(row[i].session), "peer", words(row[i].peer), "up",
				  row[i].up, "venue_session", words(row[i].venue_session), "up_ns",
				  number(row[i].up_ns), "next_seq", number(row[i].next_seq),
				  "matched", number(row[i].matched_cnt), "added",
				  number(row[i].added_cnt), "missing", number(row[i].missing_cnt),
				  "altered", number(row[i].altered_cnt), "unread",
				  number(row[i].unread_cnt), "pending",
				  number(row[i].pending_cnt)));
	return json_pack("{s:o,s:o}", "drop_copies", list, "findings", findings);
}

json_t *
ctl_drop_copy_release(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *symbol = json_string_value(json_object_get(args, "symbol"));
	const char *name = operator_of(args, e);
	char reason[STATE_TEXT_MAX];

	if (name == NULL)
		return NULL;
	reason_of(args, reason);
	return changed(s, s->drop_release(s->ctx, symbol, name, reason, e));
}
