/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "ctl/ctl_json.h"
#include "err/err.h"

/* The venue's letter of a side, 0 when none is given, -EINVAL when it is no word for one. */
static int
side_letter(const char *word, struct err *e)
{
	static const struct {
		const char *word;
		char letter;
	} SIDE[] = { { "buy", 'B' }, { "sell", 'S' }, { "short", 'T' }, { "exempt", 'E' } };

	if (word == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_CNT(SIDE); i++)
		if (strcmp(word, SIDE[i].word) == 0)
			return SIDE[i].letter;
	return err_set(e, -EINVAL, "'%.20s' is none of buy, sell, short, exempt", word);
}

json_t *
ctl_ask_venue(const struct state_source *s, const json_t *args, enum state_ask ask, struct err *e)
{
	const char *session = json_string_value(json_object_get(args, "session"));
	const json_int_t group = json_integer_value(json_object_get(args, "group"));
	const int side = side_letter(json_string_value(json_object_get(args, "side")), e);
	const struct state_scope scope = {
		.symbol = json_string_value(json_object_get(args, "symbol")),
		.side = (char)side,
		.group_id = (uint16_t)group,
	};

	if (side < 0)
		return NULL;
	if (group > UINT16_MAX) {
		err_set(e, -EINVAL, "group: %lld is above %u", (long long)group, UINT16_MAX);
		return NULL;
	}
	if (s->session_ask(s->ctx, session, ask, &scope, e) < 0)
		return NULL;
	return json_pack("{s:o,s:b}", "session", words(session), "sent", 1);
}

typedef int orders_fn(void *ctx, const char *session, uint32_t token, struct err *e);

/* Which orders: all of them, those of a session, or one by its token. */
static json_t *
for_orders(const struct state_source *s, orders_fn *act, const json_t *args, struct err *e)
{
	const char *what = json_string_value(json_object_get(args, "what"));
	const char *session = json_string_value(json_object_get(args, "session"));
	const bool all = strcmp(what, "all") == 0;
	uint64_t token = 0;
	char *end;
	int cnt;

	if (what[0] >= '0' && what[0] <= '9') {
		token = strtoull(what, &end, 10);
		if (*end != '\0' || token == 0 || token > UINT32_MAX) {
			err_set(e, -EINVAL,
				"'%s' is no token: a whole number as sluicectl orders shows it",
				what);
			return NULL;
		}
	} else if (session != NULL) {
		err_set(e, -EINVAL, "session: goes with a token, not with '%s'", what);
		return NULL;
	} else if (!all) {
		session = what;
	}
	cnt = act(s->ctx, session, (uint32_t)token, e);
	if (cnt < 0)
		return NULL;
	return json_pack("{s:o,s:I}", "session", session == NULL ? json_null() : words(session),
			 "order_cnt", (json_int_t)cnt);
}

json_t *
ctl_cancel(const struct state_source *s, const json_t *args, struct err *e)
{
	return for_orders(s, s->cancel, args, e);
}

json_t *
ctl_settle(const struct state_source *s, const json_t *args, struct err *e)
{
	return for_orders(s, s->settle, args, e);
}

json_t *
ctl_modify(const struct state_source *s, const json_t *args, struct err *e)
{
	const json_int_t token = json_integer_value(json_object_get(args, "token"));
	const json_int_t qty = json_integer_value(json_object_get(args, "qty"));
	const char *session = json_string_value(json_object_get(args, "session"));
	const char *word = json_string_value(json_object_get(args, "mark"));
	const int mark = side_letter(word, e);

	if (mark < 0)
		return NULL;
	if (mark == 'B' || mark == 'S') {
		err_set(e, -EINVAL, "mark: '%s' is none of short, exempt", word);
		return NULL;
	}
	if (token <= 0 || token > UINT32_MAX || qty <= 0 || qty > UINT32_MAX) {
		err_set(e, -EINVAL, "token and qty are whole numbers above 0");
		return NULL;
	}
	if (s->modify(s->ctx, session, (uint32_t)token, (uint32_t)qty, (char)mark, e) < 0)
		return NULL;
	return json_pack("{s:I,s:I}", "token", token, "qty", qty);
}
