/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/encode.h"

#include <errno.h>

/* Pads with spaces on the right.  False when src is longer than len or has no place in a field. */
static COLD bool
put_alpha(char *dst, size_t len, const char *src)
{
	const size_t have = strnlen(src, len + 1);

	if (have > len)
		return false;
	for (size_t i = 0; i < have; i++) {
		if (src[i] <= ' ' || src[i] > '~')
			return false;
	}
	memset(dst, ' ', len);
	memcpy(dst, src, have);
	return true;
}

static COLD bool
is_one_of(char c, const char *letters)
{
	return c != '\0' && strchr(letters, c) != NULL;
}

/*
 * Frames what was laid down behind the head and sets the template's length.  What is behind that
 * becomes 0: a message may be sent without its last field.
 */
static COLD void
frame_template(struct encode *e, unsigned style, enum encode_template t, size_t msg_len)
{
	const struct soup_head h = soup_head_of(SOUP_UNSEQUENCED, (uint16_t)msg_len);

	memcpy(e->packet[style][t], &h, sizeof(h));
	e->len[style][t] = (uint8_t)(sizeof(h) + msg_len);
	memset(e->packet[style][t] + e->len[style][t], 0, ENCODE_PACKET_MAX - e->len[style][t]);
	if (e->len[style][t] > e->packet_max)
		e->packet_max = e->len[style][t];
}

static COLD uint8_t *
message_of(struct encode *e, unsigned style, enum encode_template t)
{
	return e->packet[style][t] + sizeof(struct soup_head);
}

static COLD const struct encode_style *
style_of(const struct encode_config *c, unsigned i)
{
	static const struct encode_style PLAIN;

	return c->style_cnt == 0 ? &PLAIN : &c->style[i];
}

/* How long a day's order of the style lives. */
static COLD void
init_tif(struct encode *e, const struct encode_config *c, unsigned i)
{
	const struct encode_style *s = style_of(c, i);

	e->tif50[i][TIF_DAY] = c->extended_hours ? OUCH50_TIF_GTX : OUCH50_TIF_DAY;
	e->tif50[i][TIF_IOC] = OUCH50_TIF_IOC;
	e->tif42[i][TIF_DAY] =
		be32_of(c->extended_hours ? OUCH42_TIF_SYSTEM_HOURS : OUCH42_TIF_MARKET_HOURS);
	e->tif42[i][TIF_IOC] = be32_of(OUCH42_TIF_IOC);
	if (s->after_hours)
		e->tif50[i][TIF_DAY] = OUCH50_TIF_AFTER_HOURS;
	if (s->expire_s != 0) {
		e->tif50[i][TIF_DAY] = OUCH50_TIF_GTT;
		e->tif50[i][TIF_IOC] = 0; // its template has the option that goes with GTT
		e->tif42[i][TIF_DAY] = be32_of(s->expire_s);
	}
	e->discretion_px4[i] = s->discretion_px4;
	e->min_qty[i] = s->min_qty;
}

COLD uint8_t
encode_own_price_styles(const struct encode_config *c)
{
	uint8_t styles = 0;

	for (unsigned i = 0; i < c->style_cnt && i < ENCODE_STYLE_MAX; i++)
		if (c->style[i].discretion_px4 != 0 ||
		    (c->style[i].price_type != 0 && c->style[i].price_type != 'L'))
			styles |= (uint8_t)(1U << i);
	return styles;
}

static COLD int
init_common(struct encode *e, const struct encode_config *c)
{
	memset(e, 0, sizeof(*e));
	if (!order_token_form_init(&e->token_form, c->token_prefix) ||
	    c->style_cnt > ENCODE_STYLE_MAX)
		return -EINVAL;
	e->style_cnt = c->style_cnt == 0 ? 1 : c->style_cnt;
	e->packet_max = CACHE_LINE;
	e->user_ref_idx = c->user_ref_idx;
	for (unsigned short_flags = 0; short_flags < 4; short_flags++) {
		e->side[SIDE_BUY][short_flags] = OUCH_BUY; // short says nothing about a purchase
		e->side[SIDE_SELL][short_flags] = short_flags == 0  ? OUCH_SELL
						  : short_flags > 1 ? OUCH_SELL_SHORT_EXEMPT
								    : OUCH_SELL_SHORT;
	}
	for (unsigned i = 0; i < e->style_cnt; i++)
		init_tif(e, c, i);
	return 0;
}

static COLD bool
letter_is(char c, const char *letters)
{
	return c == '\0' || is_one_of(c, letters);
}

/* What both protocols require of a style. */
static COLD const char *
common_fault(const struct encode_style *s)
{
	if (!letter_is(s->display, "YNA") || !letter_is(s->cross, "NOCHSREA") ||
	    !letter_is(s->customer, "RN") || !letter_is(s->price_type, "LPMRQm") ||
	    !letter_is(s->discretion_type, "LPMR"))
		return "a letter that OUCH does not have";
	if (!letter_is(s->handle_inst, "IOTQBDR"))
		return "handle_inst is none of I O T Q B D R";
	if (s->expire_s > ENCODE_EXPIRE_MAX_S)
		return "expire_s is a day or more";
	if (s->expire_s != 0 && s->after_hours)
		return "expire_s and after_hours both say how long an order lives";
	if (s->random_reserve_qty != 0 && s->max_floor_qty == 0)
		return "random_reserve_qty without max_floor_qty";
	if (s->max_floor_qty != 0 && s->display == 'N')
		return "max_floor_qty of an order that is hidden";
	if (s->discretion_type != 0 && s->discretion_px4 == 0)
		return "discretion_type without discretion_usd";
	if (s->discretion_peg_offset_px4 != 0 && s->discretion_type == 0)
		return "discretion_offset_usd without discretion_type";
	if (s->peg_offset_px4 != 0 && s->price_type == 0)
		return "peg_offset_usd without price_type";
	return NULL;
}

/* The letter that says display, post-only and more in OUCH 4.2; 0: there is none. */
static COLD char
display42(const struct encode_style *s, char display, bool post)
{
	const bool midpoint = s->price_type == 'M' || s->price_type == 'm';

	if (s->handle_inst != 0)
		return post || midpoint || s->trade_now ? 0 : s->handle_inst;
	if (midpoint)
		return post ? (s->trade_now ? 0 : 'W') : (s->trade_now ? 'm' : 'M');
	if (s->trade_now)
		return display == 'N' && !post ? 'n' : 0;
	if (!post)
		return display;
	return display == 'A' ? 'L' : display == 'N' ? 0 : 'P';
}

COLD const char *
encode_style_fault(const struct encode_style *s, enum encode_protocol protocol)
{
	const char *fault = common_fault(s);

	if (fault != NULL || protocol == ENCODE_OUCH50)
		return fault;
	if (s->max_floor_qty != 0)
		return "OUCH 4.2 has no max_floor_qty";
	if (s->discretion_px4 != 0 || s->discretion_type != 0)
		return "OUCH 4.2 has no discretion";
	if (s->price_type != 0 && s->price_type != 'L' && s->price_type != 'M' &&
	    s->price_type != 'm')
		return "OUCH 4.2 has no price_type but midpoint";
	if (s->peg_offset_px4 != 0)
		return "OUCH 4.2 has no peg_offset_usd";
	if (s->group_id != 0 || s->shares_located || s->locate_broker[0] || s->aiq_strategy ||
	    s->aiq_group[0])
		return "OUCH 4.2 has no group_id, shares_located, locate_broker, aiq_strategy or "
		       "aiq_group";
	if (s->after_hours)
		return "OUCH 4.2 has no after_hours";
	if (s->cross == 'A')
		return "OUCH 4.2 has no cross after hours";
	if (s->handle_inst != 0 && !is_one_of(s->handle_inst, "IOTQ"))
		return "OUCH 4.2 has no handle_inst but I O T Q";
	if (display42(s, s->display ? s->display : 'Y', false) == 0)
		return "OUCH 4.2 has no letter for this trade_now, price_type and handle_inst "
		       "together";
	return NULL;
}

/* An appendage while it is written. */
struct options {
	uint8_t *start; // behind its length
	uint8_t *end;
};

static COLD void
put_option(struct options *o, enum ouch50_tag tag, const void *value)
{
	const uint8_t len = ouch50_option_bytes((uint8_t)tag);
	const struct ouch50_option_head h = { .len = (uint8_t)(len + 1), .tag = (uint8_t)tag };

	memcpy(o->end, &h, sizeof(h));
	memcpy(o->end + sizeof(h), value, len);
	o->end += sizeof(h) + len;
}

static COLD void
put_letter(struct options *o, enum ouch50_tag tag, char letter)
{
	if (letter != '\0')
		put_option(o, tag, &letter);
}

static COLD void
put_number(struct options *o, enum ouch50_tag tag, uint32_t value)
{
	const be32 wire = be32_of(value);

	if (value != 0)
		put_option(o, tag, &wire);
}

static COLD void
put_text(struct options *o, enum ouch50_tag tag, const char *text)
{
	char field[OUCH_FIRM_LEN];

	if (text[0] != '\0' && put_alpha(field, ouch50_option_bytes((uint8_t)tag), text))
		put_option(o, tag, field);
}

static COLD struct options
options_of(uint8_t *msg, size_t fixed_len)
{
	uint8_t *start = msg + fixed_len + sizeof(be16);

	return (struct options){ start, start };
}

/* Writes the length before the options and returns the message's.  Without any it may be left out.
 */
static COLD size_t
close_options(struct options *o, const uint8_t *msg, bool may_lack)
{
	const be16 len = be16_of((uint16_t)(o->end - o->start));

	if (may_lack && o->end == o->start)
		return (size_t)(o->start - msg) - sizeof(len);
	memcpy(o->start - sizeof(len), &len, sizeof(len));
	return (size_t)(o->end - msg);
}

static COLD void
put_channel(const struct encode *e, struct options *o)
{
	if (e->user_ref_idx != 0)
		put_option(o, OUCH50_TAG_USER_REF_IDX, &e->user_ref_idx);
}

/* What a style appends to new orders and replaces, by tag; firm, customer and group to new ones. */
static COLD size_t
put_style(struct encode *e, const struct encode_config *c, unsigned i, enum encode_template t,
	  size_t fixed_len)
{
	const bool is_new = t == ENCODE_ENTER || t == ENCODE_ENTER_POST;
	const bool post_only = t == ENCODE_ENTER_POST || t == ENCODE_REPLACE_POST;
	uint8_t *msg = message_of(e, i, t);
	const struct encode_style *s = style_of(c, i);
	struct options o = options_of(msg, fixed_len);
	const be16 group = be16_of(s->group_id);
	const be64 no_px4 = be64_of(0); // each order's own is written there

	if (is_new)
		put_text(&o, OUCH50_TAG_FIRM, c->firm);
	put_number(&o, OUCH50_TAG_MIN_QTY, s->min_qty);
	if (is_new)
		put_letter(&o, OUCH50_TAG_CUSTOMER_TYPE, s->customer);
	put_number(&o, OUCH50_TAG_MAX_FLOOR, s->max_floor_qty);
	put_letter(&o, OUCH50_TAG_PRICE_TYPE, s->price_type);
	put_number(&o, OUCH50_TAG_PEG_OFFSET, (uint32_t)s->peg_offset_px4);
	if (s->discretion_px4 != 0) {
		e->discretion_at[i][t] =
			(uint8_t)(o.end + sizeof(struct ouch50_option_head) - e->packet[i][t]);
		put_option(&o, OUCH50_TAG_DISCRETION_PRICE, &no_px4);
	}
	put_letter(&o, OUCH50_TAG_DISCRETION_PRICE_TYPE, s->discretion_type);
	put_number(&o, OUCH50_TAG_DISCRETION_PEG_OFFSET, (uint32_t)s->discretion_peg_offset_px4);
	put_letter(&o, OUCH50_TAG_POST_ONLY, post_only ? 'P' : '\0');
	put_number(&o, OUCH50_TAG_RANDOM_RESERVES, s->random_reserve_qty);
	put_number(&o, OUCH50_TAG_EXPIRE_TIME, s->expire_s);
	put_letter(&o, OUCH50_TAG_TRADE_NOW, s->trade_now ? 'Y' : '\0');
	put_letter(&o, OUCH50_TAG_HANDLE_INST, s->handle_inst);
	if (is_new && s->group_id != 0)
		put_option(&o, OUCH50_TAG_GROUP_ID, &group);
	put_letter(&o, OUCH50_TAG_SHARES_LOCATED, s->shares_located ? 'Y' : '\0');
	put_text(&o, OUCH50_TAG_LOCATE_BROKER, s->locate_broker);
	put_channel(e, &o);
	put_letter(&o, OUCH50_TAG_AIQ_STRATEGY, s->aiq_strategy);
	put_text(&o, OUCH50_TAG_AIQ_GROUP_ID, s->aiq_group);
	return close_options(&o, msg, false);
}

COLD uint64_t
encode_ouch50_discretion(const struct encode *e, const struct venue_request *q, uint8_t *out)
{
	const uint8_t at = e->discretion_at[q->style][encode_template_of(q)];
	const uint32_t behind_px4 = e->discretion_px4[q->style];
	const be64 limit = be64_of((uint64_t)q->px4);

	if (at == 0)
		return (uint64_t)q->px4; // a cancel
	memcpy(out + at, &limit, sizeof(limit));
	if (q->side == SIDE_BUY) // shown lower, but never for nothing
		return q->px4 > behind_px4 ? (uint64_t)q->px4 - behind_px4 : 1;
	return q->px4 + (int64_t)behind_px4 < OUCH_PX4_MAX ? (uint64_t)q->px4 + behind_px4
							   : OUCH_PX4_MAX;
}

COLD uint16_t
encode_ouch50_ask(struct encode *e, enum encode_ask ask, uint32_t token,
		  const struct encode_scope *scope, uint8_t *out)
{
	const struct ouch50_account_query account = { .type = OUCH50_ACCOUNT_QUERY };
	struct ouch50_mass_cancel mass = { .type = OUCH50_MASS_CANCEL, .user_ref = be32_of(token) };
	struct ouch50_entry_switch entry = {
		.type = ask == ENCODE_ASK_ENABLE ? OUCH50_ENABLE_ENTRY : OUCH50_DISABLE_ENTRY,
		.user_ref = be32_of(token),
	};
	uint8_t *msg = out + sizeof(struct soup_head);
	const void *fixed = &account;
	size_t len = sizeof(account);
	struct soup_head head;
	struct options o;

	if (ask == ENCODE_ASK_MASS_CANCEL) {
		memcpy(mass.firm, e->firm, sizeof(mass.firm));
		memset(mass.symbol, ' ', sizeof(mass.symbol));
		if (scope != NULL && scope->symbol[0] != '\0')
			memcpy(mass.symbol, scope->symbol, sizeof(mass.symbol));
		fixed = &mass;
		len = sizeof(mass);
	} else if (ask != ENCODE_ASK_ACCOUNT) {
		memcpy(entry.firm, e->firm, sizeof(entry.firm));
		fixed = &entry;
		len = sizeof(entry);
	}
	memcpy(msg, fixed, len);
	o = options_of(msg, len);
	if (ask == ENCODE_ASK_MASS_CANCEL && scope != NULL) {
		const be16 group = be16_of(scope->group_id);

		if (scope->group_id != 0)
			put_option(&o, OUCH50_TAG_GROUP_ID, &group);
		put_letter(&o, OUCH50_TAG_SIDE, scope->side);
	}
	put_channel(e, &o);
	len = close_options(&o, msg, ask == ENCODE_ASK_ACCOUNT); // missing in older texts
	head = soup_head_of(SOUP_UNSEQUENCED, (uint16_t)len);
	memcpy(out, &head, sizeof(head));
	metric_add(&e->metrics.ask_encoded, 1);
	return (uint16_t)(sizeof(head) + len);
}

/* Enter and replace of one style. */
static COLD void
init_style50(struct encode *e, const struct encode_config *c, unsigned i)
{
	const struct encode_style *s = style_of(c, i);
	struct ouch50_replace_order replace = { .type = OUCH50_REPLACE_ORDER };
	struct ouch50_enter_order enter = { .type = OUCH50_ENTER_ORDER };

	if (encode_style_fault(s, ENCODE_OUCH50) != NULL)
		return;
	enter.display = replace.display = (uint8_t)(s->display ? s->display : c->display);
	enter.sweep = replace.sweep = s->sweep ? 'Y' : 'N';
	enter.capacity = (uint8_t)c->capacity;
	enter.cross = s->cross ? (uint8_t)s->cross : 'N';
	memcpy(enter.cl_ord_id, e->token_form.text, sizeof(enter.cl_ord_id));
	memcpy(replace.cl_ord_id, e->token_form.text, sizeof(replace.cl_ord_id));
	for (unsigned post = 0; post < 2; post++) {
		enum encode_template t = ENCODE_ENTER + post;

		memcpy(message_of(e, i, t), &enter, sizeof(enter));
		frame_template(e, i, t, put_style(e, c, i, t, sizeof(enter)));
		if (s->after_hours)
			continue; // a replace has no such life
		t = ENCODE_REPLACE + post;
		memcpy(message_of(e, i, t), &replace, sizeof(replace));
		frame_template(e, i, t, put_style(e, c, i, t, sizeof(replace)));
	}
}

COLD int
encode_ouch50_init(struct encode *e, const struct encode_config *c)
{
	static const struct ouch50_cancel_order CANCEL = { .type = OUCH50_CANCEL_ORDER };
	static const struct ouch50_modify_order MODIFY = { .type = OUCH50_MODIFY_ORDER };
	struct options o;
	uint8_t *msg;

	if (init_common(e, c) != 0 || !put_alpha(e->firm, sizeof(e->firm), c->firm) ||
	    !is_one_of(c->capacity, "APRO") || !is_one_of(c->display, "YNA"))
		return -EINVAL;
	for (unsigned i = 0; i < e->style_cnt; i++)
		init_style50(e, c, i);
	msg = message_of(e, 0, ENCODE_CANCEL);
	memcpy(msg, &CANCEL, sizeof(CANCEL));
	o = options_of(msg, sizeof(CANCEL));
	put_channel(e, &o);
	frame_template(e, 0, ENCODE_CANCEL, close_options(&o, msg, true));
	msg = message_of(e, 0, ENCODE_MODIFY);
	memcpy(msg, &MODIFY, sizeof(MODIFY));
	o = options_of(msg, sizeof(MODIFY));
	put_channel(e, &o);
	frame_template(e, 0, ENCODE_MODIFY, close_options(&o, msg, true));
	return 0;
}

static COLD void
init_style42(struct encode *e, const struct encode_config *c, unsigned i)
{
	const struct encode_style *s = style_of(c, i);
	struct ouch42_replace_order replace = { .type = OUCH42_REPLACE_ORDER };
	struct ouch42_enter_order enter = { .type = OUCH42_ENTER_ORDER };

	if (encode_style_fault(s, ENCODE_OUCH42) != NULL)
		return;
	(void)put_alpha(enter.firm, sizeof(enter.firm), c->firm);
	memcpy(enter.token.text, e->token_form.text, sizeof(enter.token.text));
	memcpy(replace.token.text, e->token_form.text, sizeof(replace.token.text));
	memcpy(replace.orig_token.text, e->token_form.text, sizeof(replace.orig_token.text));
	enter.sweep = replace.sweep = s->sweep ? 'Y' : 'N';
	enter.min_qty = replace.min_qty = be32_of(s->min_qty);
	enter.capacity = (uint8_t)c->capacity;
	enter.cross = s->cross ? (uint8_t)s->cross : 'N';
	enter.customer = s->customer ? (uint8_t)s->customer : 'N';
	for (unsigned post = 0; post < 2; post++) {
		const char display = display42(s, s->display ? s->display : c->display, post != 0);

		if (display == 0)
			continue;
		enter.display = replace.display = (uint8_t)display;
		memcpy(message_of(e, i, ENCODE_ENTER + post), &enter, sizeof(enter));
		frame_template(e, i, ENCODE_ENTER + post, sizeof(enter) - c->no_customer_type);
		memcpy(message_of(e, i, ENCODE_REPLACE + post), &replace, sizeof(replace));
		frame_template(e, i, ENCODE_REPLACE + post, sizeof(replace));
	}
}

COLD int
encode_ouch42_init(struct encode *e, const struct encode_config *c)
{
	struct ouch42_cancel_order cancel = { .type = OUCH42_CANCEL_ORDER };
	struct ouch42_modify_order modify = { .type = OUCH42_MODIFY_ORDER };

	if (init_common(e, c) != 0 || !put_alpha(e->firm, sizeof(e->firm), c->firm) ||
	    !is_one_of(c->capacity, "APR") || !is_one_of(c->display, "YNA") || c->user_ref_idx != 0)
		return -EINVAL;
	for (unsigned i = 0; i < e->style_cnt; i++)
		init_style42(e, c, i);
	memcpy(cancel.token.text, e->token_form.text, sizeof(cancel.token.text));
	memcpy(message_of(e, 0, ENCODE_CANCEL), &cancel, sizeof(cancel));
	frame_template(e, 0, ENCODE_CANCEL, sizeof(cancel));
	memcpy(modify.token.text, e->token_form.text, sizeof(modify.token.text));
	memcpy(message_of(e, 0, ENCODE_MODIFY), &modify, sizeof(modify));
	frame_template(e, 0, ENCODE_MODIFY, sizeof(modify));
	return 0;
}

COLD int
encode_name_instrument(struct encode *e, uint16_t instr_idx, const char *symbol)
{
	char padded[OUCH_SYMBOL_LEN];

	if (instr_idx == INSTR_NONE || instr_idx >= INSTR_MAX || symbol[0] == '\0' ||
	    !put_alpha(padded, sizeof(padded), symbol))
		return -EINVAL;
	memcpy(&e->symbol[instr_idx], padded, sizeof(padded));
	return 0;
}
