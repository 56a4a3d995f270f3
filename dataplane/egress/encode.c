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

/* Frames what was laid down behind the head and sets the template's length. */
static COLD void
frame_template(struct encode *e, enum encode_template t, size_t msg_len)
{
	const struct soup_head h = soup_head_of(SOUP_UNSEQUENCED, (uint16_t)msg_len);

	memcpy(e->packet[t], &h, sizeof(h));
	e->len[t] = (uint16_t)(sizeof(h) + msg_len);
}

static COLD int
init_common(struct encode *e, const struct encode_config *c)
{
	memset(e, 0, sizeof(*e));
	if (!order_token_form_init(&e->token_form, c->token_prefix))
		return -EINVAL;
	e->side[SIDE_BUY][0] = OUCH_BUY;
	e->side[SIDE_BUY][1] = OUCH_BUY; // short says nothing about a purchase
	e->side[SIDE_SELL][0] = OUCH_SELL;
	e->side[SIDE_SELL][1] = OUCH_SELL_SHORT;
	e->tif50[TIF_DAY] = c->extended_hours ? OUCH50_TIF_GTX : OUCH50_TIF_DAY;
	e->tif50[TIF_IOC] = OUCH50_TIF_IOC;
	e->tif42[TIF_DAY] =
		be32_of(c->extended_hours ? OUCH42_TIF_SYSTEM_HOURS : OUCH42_TIF_MARKET_HOURS);
	e->tif42[TIF_IOC] = be32_of(OUCH42_TIF_IOC);
	return 0;
}

/* Appends one element; returns the new end. */
static COLD uint8_t *
put_option(uint8_t *at, enum ouch50_tag tag, const void *value)
{
	const uint8_t len = ouch50_option_bytes((uint8_t)tag);
	const struct ouch50_option_head h = { .len = (uint8_t)(len + 1), .tag = (uint8_t)tag };

	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), value, len);
	return at + sizeof(h) + len;
}

/* Closes a message whose appendage holds the given options.  firm may be NULL. */
static COLD void
close_ouch50(struct encode *e, enum encode_template t, size_t fixed_len, const char *firm,
	     bool post_only)
{
	uint8_t *msg = e->packet[t] + sizeof(struct soup_head);
	uint8_t *options = msg + fixed_len + sizeof(be16), *end = options;
	be16 len;

	if (firm != NULL)
		end = put_option(end, OUCH50_TAG_FIRM, firm);
	if (post_only)
		end = put_option(end, OUCH50_TAG_POST_ONLY, "P");
	len = be16_of((uint16_t)(end - options));
	memcpy(msg + fixed_len, &len, sizeof(len));
	frame_template(e, t, (size_t)(end - msg));
}

COLD uint16_t
encode_ouch50_ask(struct encode *e, enum encode_ask ask, uint32_t token,
		  const char symbol[OUCH_SYMBOL_LEN], uint8_t *out)
{
	const struct ouch50_account_query account = { .type = OUCH50_ACCOUNT_QUERY };
	struct ouch50_mass_cancel mass = { .type = OUCH50_MASS_CANCEL, .user_ref = be32_of(token) };
	struct ouch50_entry_switch entry = {
		.type = ask == ENCODE_ASK_ENABLE ? OUCH50_ENABLE_ENTRY : OUCH50_DISABLE_ENTRY,
		.user_ref = be32_of(token),
	};
	const be16 no_options = be16_of(0);
	uint8_t *msg = out + sizeof(struct soup_head);
	const void *fixed = &account;
	size_t len = sizeof(account);
	struct soup_head head;

	if (ask == ENCODE_ASK_MASS_CANCEL) {
		memcpy(mass.firm, e->firm, sizeof(mass.firm));
		memset(mass.symbol, ' ', sizeof(mass.symbol));
		if (symbol != NULL)
			memcpy(mass.symbol, symbol, sizeof(mass.symbol));
		fixed = &mass;
		len = sizeof(mass);
	} else if (ask != ENCODE_ASK_ACCOUNT) {
		memcpy(entry.firm, e->firm, sizeof(entry.firm));
		fixed = &entry;
		len = sizeof(entry);
	}
	memcpy(msg, fixed, len);
	if (ask != ENCODE_ASK_ACCOUNT) { // there it may be missing, and is for older texts
		memcpy(msg + len, &no_options, sizeof(no_options));
		len += sizeof(no_options);
	}
	head = soup_head_of(SOUP_UNSEQUENCED, (uint16_t)len);
	memcpy(out, &head, sizeof(head));
	metric_add(&e->metrics.ask_encoded, 1);
	return (uint16_t)(sizeof(head) + len);
}

COLD int
encode_ouch50_init(struct encode *e, const struct encode_config *c)
{
	static const struct ouch50_cancel_order CANCEL = { .type = OUCH50_CANCEL_ORDER };
	struct ouch50_replace_order replace = { .type = OUCH50_REPLACE_ORDER };
	struct ouch50_enter_order enter = { .type = OUCH50_ENTER_ORDER };
	char firm[OUCH_FIRM_LEN];

	if (init_common(e, c) != 0 || !put_alpha(firm, sizeof(firm), c->firm) ||
	    !is_one_of(c->capacity, "APRO") || !is_one_of(c->display, "YNA"))
		return -EINVAL;
	memcpy(e->firm, firm, sizeof(e->firm));
	enter.display = replace.display = (uint8_t)c->display;
	enter.sweep = replace.sweep = 'N';
	enter.capacity = (uint8_t)c->capacity;
	enter.cross = 'N';
	memcpy(enter.cl_ord_id, e->token_form.text, sizeof(enter.cl_ord_id));
	memcpy(replace.cl_ord_id, e->token_form.text, sizeof(replace.cl_ord_id));
	for (unsigned post = 0; post < 2; post++) {
		uint8_t *at = e->packet[ENCODE_ENTER + post] + sizeof(struct soup_head);

		memcpy(at, &enter, sizeof(enter));
		close_ouch50(e, ENCODE_ENTER + post, sizeof(enter), c->firm[0] ? firm : NULL, post);
		at = e->packet[ENCODE_REPLACE + post] + sizeof(struct soup_head);
		memcpy(at, &replace, sizeof(replace));
		close_ouch50(e, ENCODE_REPLACE + post, sizeof(replace), NULL, post);
	}
	memcpy(e->packet[ENCODE_CANCEL] + sizeof(struct soup_head), &CANCEL, sizeof(CANCEL));
	frame_template(e, ENCODE_CANCEL, sizeof(CANCEL));
	return 0;
}

COLD int
encode_ouch42_init(struct encode *e, const struct encode_config *c)
{
	struct ouch42_replace_order replace = { .type = OUCH42_REPLACE_ORDER };
	struct ouch42_cancel_order cancel = { .type = OUCH42_CANCEL_ORDER };
	struct ouch42_enter_order enter = { .type = OUCH42_ENTER_ORDER };

	if (init_common(e, c) != 0 || !put_alpha(enter.firm, sizeof(enter.firm), c->firm) ||
	    !is_one_of(c->capacity, "APR") || !is_one_of(c->display, "YNA"))
		return -EINVAL;
	memcpy(enter.token.text, e->token_form.text, sizeof(enter.token.text));
	memcpy(replace.token.text, e->token_form.text, sizeof(replace.token.text));
	memcpy(replace.orig_token.text, e->token_form.text, sizeof(replace.orig_token.text));
	memcpy(cancel.token.text, e->token_form.text, sizeof(cancel.token.text));
	enter.sweep = replace.sweep = 'N';
	enter.capacity = (uint8_t)c->capacity;
	enter.cross = 'N';
	enter.customer = 'N';
	for (unsigned post = 0; post < 2; post++) {
		// 'P' is post-only, 'L' is post-only and attributable
		const char post_display = c->display == 'A' ? 'L' : 'P';

		if (post && c->display == 'N')
			break; // no letter means both hidden and post-only
		enter.display = replace.display = (uint8_t)(post ? post_display : c->display);
		memcpy(e->packet[ENCODE_ENTER + post] + sizeof(struct soup_head), &enter,
		       sizeof(enter));
		frame_template(e, ENCODE_ENTER + post, sizeof(enter) - c->no_customer_type);
		memcpy(e->packet[ENCODE_REPLACE + post] + sizeof(struct soup_head), &replace,
		       sizeof(replace));
		frame_template(e, ENCODE_REPLACE + post, sizeof(replace));
	}
	memcpy(e->packet[ENCODE_CANCEL] + sizeof(struct soup_head), &cancel, sizeof(cancel));
	frame_template(e, ENCODE_CANCEL, sizeof(cancel));
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
