/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"

#define DAY_NS (86400 * NS_PER_SEC)

#define TOKEN_PREFIX "S" // as lane_start.c gives it to every session

void
replay_wire_init(struct replay_wire *w, bool ouch42)
{
	w->ouch42 = ouch42;
	order_token_form_init(&w->form, TOKEN_PREFIX);
}

/* Whether OUCH 5.0's appendage has the post-only tag. */
static bool
is_post_only(const uint8_t *at, size_t len)
{
	struct ouch50_option o;
	struct ouch50_walk w;

	if (!ouch50_options_start(&w, at, len))
		return false;
	while (ouch50_options_next(&w, &o))
		if (o.tag == OUCH50_TAG_POST_ONLY)
			return o.value[0] == 'P';
	return false;
}

static enum replay_request_kind
request50(const uint8_t *m, size_t len, struct replay_request *q)
{
	const struct ouch50_enter_order *enter = (const struct ouch50_enter_order *)m;
	const struct ouch50_replace_order *replace = (const struct ouch50_replace_order *)m;
	const struct ouch50_cancel_order *cancel = (const struct ouch50_cancel_order *)m;

	switch (m[0]) {
	case 'O':
		if (len < sizeof(*enter) || be64_get(enter->px4) > OUCH_PX4_MARKET)
			return REPLAY_UNREADABLE;
		q->token = be32_get(enter->user_ref);
		q->qty = be32_get(enter->qty);
		q->px4 = (uint32_t)be64_get(enter->px4);
		q->side = enter->side;
		q->ioc = enter->tif == OUCH50_TIF_IOC;
		q->post_only = is_post_only(m + sizeof(*enter), len - sizeof(*enter));
		memcpy(q->symbol, enter->symbol, sizeof(q->symbol));
		return REPLAY_ENTER;
	case 'U':
		if (len < sizeof(*replace) || be64_get(replace->px4) > OUCH_PX4_MARKET)
			return REPLAY_UNREADABLE;
		q->orig_token = be32_get(replace->orig_user_ref);
		q->token = be32_get(replace->user_ref);
		q->qty = be32_get(replace->qty);
		q->px4 = (uint32_t)be64_get(replace->px4);
		q->ioc = replace->tif == OUCH50_TIF_IOC;
		q->post_only = is_post_only(m + sizeof(*replace), len - sizeof(*replace));
		return REPLAY_REPLACE;
	case 'X':
		if (len < sizeof(*cancel))
			return REPLAY_UNREADABLE;
		q->token = be32_get(cancel->user_ref);
		q->qty = be32_get(cancel->qty);
		return REPLAY_CANCEL;
	case 'Q':
		return REPLAY_QUERY;
	default:
		return REPLAY_UNREADABLE;
	}
}

static enum replay_request_kind
request42(const struct replay_wire *w, const uint8_t *m, size_t len, struct replay_request *q)
{
	const struct ouch42_enter_order *enter = (const struct ouch42_enter_order *)m;
	const struct ouch42_replace_order *replace = (const struct ouch42_replace_order *)m;
	const struct ouch42_cancel_order *cancel = (const struct ouch42_cancel_order *)m;

	switch (m[0]) {
	case 'O':
		if (len < sizeof(*enter) ||
		    !order_token_get(&w->form, enter->token.text, &q->token))
			return REPLAY_UNREADABLE;
		q->qty = be32_get(enter->qty);
		q->px4 = be32_get(enter->px4);
		q->side = enter->side;
		q->ioc = be32_get(enter->tif) == OUCH42_TIF_IOC;
		q->post_only = enter->display == 'P';
		memcpy(q->symbol, enter->symbol, sizeof(q->symbol));
		return REPLAY_ENTER;
	case 'U':
		if (len < sizeof(*replace) ||
		    !order_token_get(&w->form, replace->orig_token.text, &q->orig_token) ||
		    !order_token_get(&w->form, replace->token.text, &q->token))
			return REPLAY_UNREADABLE;
		q->qty = be32_get(replace->qty);
		q->px4 = be32_get(replace->px4);
		q->ioc = be32_get(replace->tif) == OUCH42_TIF_IOC;
		q->post_only = replace->display == 'P';
		return REPLAY_REPLACE;
	case 'X':
		if (len < sizeof(*cancel) ||
		    !order_token_get(&w->form, cancel->token.text, &q->token))
			return REPLAY_UNREADABLE;
		q->qty = be32_get(cancel->qty);
		return REPLAY_CANCEL;
	default:
		return REPLAY_UNREADABLE;
	}
}

enum replay_request_kind
replay_wire_request(const struct replay_wire *w, const uint8_t *m, size_t len,
		    struct replay_request *q)
{
	memset(q, 0, sizeof(*q));
	if (len == 0)
		return REPLAY_UNREADABLE;
	q->len = (uint8_t)(len < sizeof(q->enter) ? len : sizeof(q->enter));
	memcpy(q->enter, m, q->len);
	return w->ouch42 ? request42(w, m, len, q) : request50(m, len, q);
}

static struct ouch42_token
token42(const struct replay_wire *w, uint32_t token)
{
	struct ouch42_token t;

	memcpy(t.text, w->form.text, sizeof(t.text));
	order_token_patch(&w->form, token, t.text);
	return t;
}

static struct ouch50_head
head50(enum ouch50_answer_type type, uint64_t now_ns)
{
	return (struct ouch50_head){ (uint8_t)type, be64_of(now_ns % DAY_NS) };
}

static struct ouch42_head
head42(enum ouch42_answer_type type, uint64_t now_ns)
{
	return (struct ouch42_head){ (uint8_t)type, be64_of(now_ns % DAY_NS) };
}

/* An answer and its empty appendage, where the version has one. */
static size_t
finish50(uint8_t *out, const void *answer, size_t len, bool appendage)
{
	const be16 none = be16_of(0);

	memcpy(out, answer, len);
	if (!appendage)
		return len;
	memcpy(out + len, &none, sizeof(none));
	return len + sizeof(none);
}

size_t
replay_wire_accepted(const struct replay_wire *w, uint64_t now_ns, const struct replay_request *q,
		     uint64_t order_ref, uint8_t *out)
{
	const struct ouch50_enter_order *e50 = (const struct ouch50_enter_order *)q->enter;
	const struct ouch42_enter_order *e42 = (const struct ouch42_enter_order *)q->enter;

	if (w->ouch42) {
		struct ouch42_accepted a = {
			.head = head42(OUCH42_ACCEPTED, now_ns),
			.token = e42->token,
			.side = e42->side,
			.qty = e42->qty,
			.px4 = e42->px4,
			.tif = e42->tif,
			.display = e42->display,
			.order_ref = be64_of(order_ref),
			.capacity = e42->capacity,
			.sweep = e42->sweep,
			.min_qty = e42->min_qty,
			.cross = e42->cross,
			.state = OUCH_ORDER_LIVE,
			.bbo_weight = ' ',
		};

		memcpy(a.symbol, e42->symbol, sizeof(a.symbol));
		memcpy(a.firm, e42->firm, sizeof(a.firm));
		memcpy(out, &a, sizeof(a));
		return sizeof(a);
	}
	struct ouch50_accepted a = {
		.head = head50(OUCH50_ACCEPTED, now_ns),
		.user_ref = e50->user_ref,
		.side = e50->side,
		.qty = e50->qty,
		.px4 = e50->px4,
		.tif = e50->tif,
		.display = e50->display,
		.order_ref = be64_of(order_ref),
		.capacity = e50->capacity,
		.sweep = e50->sweep,
		.cross = e50->cross,
		.state = OUCH_ORDER_LIVE,
	};

	memcpy(a.symbol, e50->symbol, sizeof(a.symbol));
	memcpy(a.cl_ord_id, e50->cl_ord_id, sizeof(a.cl_ord_id));
	return finish50(out, &a, sizeof(a), true);
}

size_t
replay_wire_replaced(const struct replay_wire *w, uint64_t now_ns, const struct replay_request *q,
		     uint32_t open_qty, uint64_t order_ref, uint8_t *out)
{
	const struct ouch50_replace_order *r50 = (const struct ouch50_replace_order *)q->enter;
	const struct ouch42_replace_order *r42 = (const struct ouch42_replace_order *)q->enter;

	if (w->ouch42) {
		struct ouch42_replaced a = {
			.head = head42(OUCH42_REPLACED, now_ns),
			.token = r42->token,
			.side = q->side,
			.qty = be32_of(open_qty),
			.px4 = r42->px4,
			.tif = r42->tif,
			.firm = "    ",
			.display = r42->display,
			.order_ref = be64_of(order_ref),
			.capacity = 'P',
			.sweep = r42->sweep,
			.min_qty = r42->min_qty,
			.cross = 'N',
			.state = OUCH_ORDER_LIVE,
			.orig_token = r42->orig_token,
			.bbo_weight = ' ',
		};

		memcpy(a.symbol, q->symbol, sizeof(a.symbol));
		memcpy(out, &a, sizeof(a));
		return sizeof(a);
	}
	struct ouch50_replaced a = {
		.head = head50(OUCH50_REPLACED, now_ns),
		.orig_user_ref = r50->orig_user_ref,
		.user_ref = r50->user_ref,
		.side = q->side,
		.qty = be32_of(open_qty),
		.px4 = r50->px4,
		.tif = r50->tif,
		.display = r50->display,
		.order_ref = be64_of(order_ref),
		.capacity = 'P',
		.sweep = r50->sweep,
		.cross = 'N',
		.state = OUCH_ORDER_LIVE,
	};

	memcpy(a.symbol, q->symbol, sizeof(a.symbol));
	memcpy(a.cl_ord_id, r50->cl_ord_id, sizeof(a.cl_ord_id));
	return finish50(out, &a, sizeof(a), true);
}

size_t
replay_wire_executed(const struct replay_wire *w, uint64_t now_ns, uint32_t token, uint32_t qty,
		     uint32_t px4, uint8_t liquidity, uint64_t match_ref, uint8_t *out)
{
	const struct ouch42_executed a42 = {
		.head = head42(OUCH42_EXECUTED, now_ns),
		.token = token42(w, token),
		.qty = be32_of(qty),
		.px4 = be32_of(px4),
		.liquidity = liquidity,
		.match_ref = be64_of(match_ref),
	};
	const struct ouch50_executed a50 = {
		.head = head50(OUCH50_EXECUTED, now_ns),
		.user_ref = be32_of(token),
		.qty = be32_of(qty),
		.px4 = be64_of(px4),
		.liquidity = liquidity,
		.match_ref = be64_of(match_ref),
	};

	if (!w->ouch42)
		return finish50(out, &a50, sizeof(a50), true);
	memcpy(out, &a42, sizeof(a42));
	return sizeof(a42);
}

size_t
replay_wire_canceled(const struct replay_wire *w, uint64_t now_ns, uint32_t token, uint32_t qty,
		     uint8_t reason, uint8_t *out)
{
	const struct ouch42_canceled a42 = {
		.head = head42(OUCH42_CANCELED, now_ns),
		.token = token42(w, token),
		.qty = be32_of(qty),
		.reason = reason,
	};
	const struct ouch50_canceled a50 = {
		.head = head50(OUCH50_CANCELED, now_ns),
		.user_ref = be32_of(token),
		.qty = be32_of(qty),
		.reason = reason,
	};

	if (!w->ouch42)
		return finish50(out, &a50, sizeof(a50), false);
	memcpy(out, &a42, sizeof(a42));
	return sizeof(a42);
}

size_t
replay_wire_rejected(const struct replay_wire *w, uint64_t now_ns, const struct replay_request *q,
		     uint8_t *out)
{
	const struct ouch42_rejected a42 = {
		.head = head42(OUCH42_REJECTED, now_ns),
		.token = token42(w, q->token),
		.reason = 'O', // other
	};
	struct ouch50_rejected a50 = {
		.head = head50(OUCH50_REJECTED, now_ns),
		.user_ref = be32_of(q->token),
		.reason = be16_of(0x10), // a reason; the client treats all alike
	};

	if (w->ouch42) {
		memcpy(out, &a42, sizeof(a42));
		return sizeof(a42);
	}
	memset(a50.cl_ord_id, ' ', sizeof(a50.cl_ord_id));
	return finish50(out, &a50, sizeof(a50), false);
}

size_t
replay_wire_query_answer(uint64_t now_ns, uint32_t next_token, uint8_t *out)
{
	const struct ouch50_account_answer a = {
		.head = head50(OUCH50_ACCOUNT_ANSWER, now_ns),
		.next_user_ref = be32_of(next_token),
	};

	return finish50(out, &a, sizeof(a), false);
}

static const char *
side_word(uint8_t side)
{
	switch (side) {
	case 'B':
		return "buy";
	case 'S':
		return "sell";
	case 'T':
		return "sell short";
	case 'E':
		return "sell short exempt";
	default:
		return "side?";
	}
}

void
replay_wire_text(enum replay_request_kind kind, const struct replay_request *q, char *out,
		 size_t out_bytes)
{
	const char *more = q->ioc ? " ioc" : (q->post_only ? " post-only" : "");
	int symbol_len = sizeof(q->symbol);

	while (symbol_len > 0 && q->symbol[symbol_len - 1] == ' ')
		symbol_len--;
	switch (kind) {
	case REPLAY_ENTER:
		snprintf(out, out_bytes, "enter #%u %s %u %.*s at %u.%04u%s", q->token,
			 side_word(q->side), q->qty, symbol_len, q->symbol, q->px4 / 10000,
			 q->px4 % 10000, more);
		break;
	case REPLAY_REPLACE:
		snprintf(out, out_bytes, "replace #%u by #%u, %u in all at %u.%04u%s",
			 q->orig_token, q->token, q->qty, q->px4 / 10000, q->px4 % 10000, more);
		break;
	case REPLAY_CANCEL:
		snprintf(out, out_bytes, "cancel #%u down to %u", q->token, q->qty);
		break;
	case REPLAY_QUERY:
		snprintf(out, out_bytes, "account query");
		break;
	case REPLAY_UNREADABLE:
		snprintf(out, out_bytes, "message of type 0x%02x, %u bytes", q->enter[0], q->len);
		break;
	}
}
