/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_risk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_json.h"
#include "decision/risk_limits.h"
#include "err/err.h"

enum {
	LIMIT_ROW_MAX = 8192,
	RISK_ROW_MAX = RISK_NODE_MAX * 12, // checks of a level
};

/* A level of the tree as an operator names it. */
struct level {
	const char *kind;
	const char *name;
};

static const char *
text_arg(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

static bool
level_of_options(const json_t *args, struct level *at, struct err *e)
{
	const char *strategy = text_arg(args, "strategy");
	const char *account = text_arg(args, "account");

	if (strategy != NULL && account != NULL) {
		err_set(e, -EINVAL, "--account and --strategy: one of them");
		return false;
	}
	if (account != NULL)
		*at = (struct level){ "account", account };
	if (strategy != NULL)
		*at = (struct level){ "strategy", strategy };
	return true;
}

json_t *
ctl_positions(const struct state_source *s, const json_t *args, struct err *e)
{
	struct state_position *row = rows_take(INSTR_MAX, sizeof(*row), e);
	struct level at = { "firm", "" };
	json_t *list;
	int found;

	if (row == NULL)
		return NULL;
	if (!level_of_options(args, &at, e)) {
		free(row);
		return NULL;
	}
	found = s->positions(s->ctx, at.kind, at.name, row, INSTR_MAX, e);
	if (found < 0) {
		free(row);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < rows_in(found, INSTR_MAX); i++)
		json_array_append_new(
			list,
			json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s}",
				  "symbol", words(row[i].symbol), "position_qty",
				  (json_int_t)row[i].position_qty, "open_buy_qty",
				  number(row[i].open_buy_qty), "open_sell_qty",
				  number(row[i].open_sell_qty), "bought_qty",
				  number(row[i].bought_qty), "sold_qty", number(row[i].sold_qty),
				  "bought_ntl4", (json_int_t)row[i].bought_ntl4, "sold_ntl4",
				  (json_int_t)row[i].sold_ntl4, "average_px4",
				  (json_int_t)row[i].average_px4, "realised_ntl4",
				  (json_int_t)row[i].realised_ntl4, "unrealised_ntl4",
				  (json_int_t)row[i].unrealised_ntl4, "exposure_ntl4",
				  (json_int_t)row[i].exposure_ntl4, "mark_px4",
				  (json_int_t)row[i].mark_px4, "confidence",
				  state_confidence_word(row[i].confidence), "state",
				  state_trading_word(row[i].state)));
	free(row);
	return list;
}

json_t *
ctl_limits_get(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *symbol = json_string_value(json_object_get(args, "symbol"));
	struct state_limit *row = rows_take(LIMIT_ROW_MAX, sizeof(*row), e);
	json_t *list;
	int found;

	if (row == NULL)
		return NULL;
	found = s->limits(s->ctx, symbol, row, LIMIT_ROW_MAX, e);
	if (found < 0) {
		free(row);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < rows_in(found, LIMIT_ROW_MAX); i++)
		json_array_append_new(
			list, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "key", words(row[i].key),
					"symbol", words(row[i].symbol), "level", words(row[i].node),
					"value", words(row[i].value), "unit", words(row[i].unit),
					"allowed", words(row[i].allowed)));
	free(row);
	return list;
}

/* The answer to every change: what was asked, and the version that has it. */
static json_t *
changed(const struct state_source *s, json_t *answer)
{
	struct state_status st = { 0 };

	s->status(s->ctx, &st);
	json_object_set_new(answer, "limits_version", json_integer(number(st.limits_version)));
	return answer;
}

static json_t *
null_or_words(const char *text)
{
	return text == NULL ? json_null() : words(text);
}

json_t *
ctl_limits_set(const struct state_source *s, const json_t *args, struct err *e)
{
	const char *symbol = text_arg(args, "symbol");
	const char *name = text_arg(args, "name");
	struct state_limits_wish w = {
		.act = STATE_LIMITS_NODE,
		.kind = symbol,
		.name = name == NULL ? "" : name,
		.key = text_arg(args, "key"),
		.value = text_arg(args, "value"),
	};
	int rc;

	if (strncmp(w.key, "risk.", strlen("risk.")) == 0)
		w.key += strlen("risk.");
	if (symbol != NULL && (name != NULL || strcmp(symbol, "firm") == 0))
		rc = s->limits_change(s->ctx, &w, e);
	else
		rc = s->limits_set(s->ctx, w.key, w.value, symbol, e);
	if (rc < 0)
		return NULL;
	return changed(s,
		       json_pack("{s:o,s:o,s:o,s:o}", "key", words(w.key), "value", words(w.value),
				 "symbol", null_or_words(symbol), "name", null_or_words(name)));
}

static json_t *
change(const struct state_source *s, const struct state_limits_wish *w, struct err *e)
{
	if (s->limits_change(s->ctx, w, e) < 0)
		return NULL;
	return changed(s, json_pack("{s:o,s:o,s:I}", "symbol", null_or_words(w->symbol), "name",
				    null_or_words(w->name), "qty", (json_int_t)w->qty));
}

json_t *
ctl_limits_enable(const struct state_source *s, const json_t *args, struct err *e)
{
	const struct state_limits_wish w = {
		.act = STATE_LIMITS_ENABLE,
		.name = text_arg(args, "strategy"),
		.who = text_arg(args, "by"),
	};

	if (w.who == NULL) {
		err_set(e, -EINVAL,
			"limits enable needs --by NAME: only a named person enables a strategy "
			"again");
		return NULL;
	}
	return change(s, &w, e);
}

/* An instrument for an account, or for the firm. */
static json_t *
restrict_symbol(const struct state_source *s, const json_t *args, enum state_limits_act act,
		struct err *e)
{
	const char *account = text_arg(args, "account");
	const struct state_limits_wish w = {
		.act = act,
		.kind = account == NULL ? "firm" : "account",
		.name = account == NULL ? "firm" : account,
		.symbol = text_arg(args, "symbol"),
	};

	return change(s, &w, e);
}

json_t *
ctl_limits_restrict(const struct state_source *s, const json_t *args, struct err *e)
{
	return restrict_symbol(s, args, STATE_LIMITS_RESTRICT, e);
}

json_t *
ctl_limits_release(const struct state_source *s, const json_t *args, struct err *e)
{
	return restrict_symbol(s, args, STATE_LIMITS_RELEASE, e);
}

json_t *
ctl_limits_locate(const struct state_source *s, const json_t *args, struct err *e)
{
	const json_int_t qty = json_integer_value(json_object_get(args, "qty"));
	const struct state_limits_wish w = {
		.act = STATE_LIMITS_LOCATE,
		.name = text_arg(args, "account"),
		.symbol = text_arg(args, "symbol"),
		.qty = (uint32_t)qty,
	};

	if (qty > UINT32_MAX) {
		err_set(e, -EINVAL, "qty: %lld is above %u", (long long)qty, UINT32_MAX);
		return NULL;
	}
	return change(s, &w, e);
}

json_t *
ctl_limits_forget(const struct state_source *s, const json_t *args, struct err *e)
{
	const struct state_limits_wish w = { .act = STATE_LIMITS_FORGET };

	return change(s, &w, e);
}

json_t *
ctl_risk(const struct state_source *s, const json_t *args, struct err *e)
{
	const bool all = json_is_true(json_object_get(args, "all"));
	struct state_risk *row = rows_take(RISK_ROW_MAX, sizeof(*row), e);
	const char *name = text_arg(args, "name");
	bool found_name = name == NULL;
	json_t *list;
	int found;

	if (row == NULL)
		return NULL;
	found = s->risk(s->ctx, row, RISK_ROW_MAX, e);
	list = found < 0 ? NULL : json_array();
	for (size_t i = 0; i < rows_in(found, RISK_ROW_MAX); i++) {
		const struct state_risk *r = &row[i];

		if (name != NULL && strcmp(r->name, name) != 0)
			continue;
		found_name = true;
		if (!all && r->limit[0] == '\0')
			continue;
		json_array_append_new(list,
				      json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "kind",
						words(r->kind), "name", words(r->name), "parent",
						words(r->parent), "mode", words(r->mode), "check",
						words(r->check), "value", words(r->value), "limit",
						words(r->limit), "unit", words(r->unit),
						"refused_cnt", number(r->refused_cnt)));
	}
	free(row);
	if (list != NULL && !found_name) {
		err_set(e, -EINVAL, "'%.32s' is no account or strategy, and not the word firm",
			name);
		json_decref(list);
		return NULL;
	}
	return list;
}
