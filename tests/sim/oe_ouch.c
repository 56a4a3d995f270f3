/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "oe.h"
#include "wire/ouch42.h"

enum { ANSWER_MAX = 256 };

/* --- keys --- */

static void
key50(uint8_t key[OE_KEY_LEN], uint8_t channel, uint32_t user_ref)
{
	memset(key, 0, OE_KEY_LEN);
	memcpy(key, &user_ref, sizeof(user_ref));
	key[sizeof(user_ref)] = channel;
}

static void
key42(uint8_t key[OE_KEY_LEN], const struct ouch42_token *t)
{
	memset(key, 0, OE_KEY_LEN);
	memcpy(key, t->text, sizeof(t->text));
}

static struct ouch42_token
token_of(const uint8_t key[OE_KEY_LEN])
{
	struct ouch42_token t;

	memcpy(t.text, key, sizeof(t.text));
	return t;
}

/* --- OUCH 5.0 requests --- */

static void
option_apply(struct oe_request *r, const struct ouch50_option *o)
{
	be32 word;

	switch (o->tag) {
	case OUCH50_TAG_FIRM:
		memcpy(r->firm, o->value, sizeof(r->firm));
		break;
	case OUCH50_TAG_MIN_QTY:
		memcpy(&word, o->value, sizeof(word));
		r->min_qty = be32_get(word);
		break;
	case OUCH50_TAG_PRICE_TYPE:
		r->price_type = o->value[0];
		break;
	case OUCH50_TAG_PEG_OFFSET:
		memcpy(&word, o->value, sizeof(word));
		r->peg_offset_px4 = (int32_t)be32_get(word);
		break;
	case OUCH50_TAG_TRADE_NOW:
		r->trade_now = o->value[0] == 'Y';
		break;
	case OUCH50_TAG_HANDLE_INST:
		r->imbalance_only = o->value[0] == 'I';
		break;
	case OUCH50_TAG_POST_ONLY:
		r->post_only = o->value[0] == 'P';
		break;
	case OUCH50_TAG_EXPIRE_TIME:
		memcpy(&word, o->value, sizeof(word));
		r->live_s = be32_get(word);
		break;
	case OUCH50_TAG_SIDE:
		r->side = o->value[0];
		break;
	case OUCH50_TAG_USER_REF_IDX:
		r->channel = o->value[0];
		break;
	case OUCH50_TAG_GROUP_ID:
		r->group_id = (uint16_t)(o->value[0] << 8 | o->value[1]);
		break;
	case OUCH50_TAG_MAX_FLOOR:
		memcpy(&word, o->value, sizeof(word));
		r->max_floor_qty = be32_get(word);
		break;
	case OUCH50_TAG_CUSTOMER_TYPE: // what follows has no effect on matching here
	case OUCH50_TAG_DISCRETION_PRICE_TYPE:
	case OUCH50_TAG_RANDOM_RESERVES:
	case OUCH50_TAG_SHARES_LOCATED:
	case OUCH50_TAG_LOCATE_BROKER:
	case OUCH50_TAG_AIQ_STRATEGY:
	case OUCH50_TAG_AIQ_GROUP_ID:
		break;
	default:
		r->options_bad = true;
	}
	if (o->tag != OUCH50_TAG_LOCATE_BROKER &&
	    r->options_len + 2U + o->len <= sizeof(r->options)) {
		r->options[r->options_len++] = (uint8_t)(1 + o->len);
		r->options[r->options_len++] = o->tag;
		memcpy(r->options + r->options_len, o->value, o->len);
		r->options_len = (uint8_t)(r->options_len + o->len);
	}
}

/* The appendage behind a fixed part.  False when the bytes are none. */
static bool
options_read(struct oe_request *r, const uint8_t *rest, size_t len)
{
	struct ouch50_walk w;
	struct ouch50_option o;

	if (!ouch50_options_start(&w, rest, len))
		return false;
	while (ouch50_options_next(&w, &o))
		option_apply(r, &o);
	return !w.bad;
}

static void
tif50(struct oe_request *r, uint8_t tif)
{
	r->tif_wire = tif;
	switch (tif) {
	case OUCH50_TIF_DAY:
		r->tif = OE_TIF_DAY;
		break;
	case OUCH50_TIF_IOC:
		r->tif = OE_TIF_IOC;
		break;
	case OUCH50_TIF_GTX:
	case OUCH50_TIF_AFTER_HOURS:
		r->tif = OE_TIF_SYSTEM_HOURS;
		break;
	case OUCH50_TIF_GTT:
		r->tif = OE_TIF_TIMED;
		r->tif_bad = r->live_s == 0 || r->live_s >= 86400;
		break;
	default:
		r->tif_bad = true;
	}
}

static const char *
on_enter50(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch50_enter_order *e = (const struct ouch50_enter_order *)msg;
	struct oe_request r = { .firm = "    " };

	// the appendage length is required here
	if (len < sizeof(*e) + sizeof(be16) ||
	    !options_read(&r, msg + sizeof(*e), len - sizeof(*e)))
		return "Enter Order of a wrong length";
	r.user_ref = be32_get(e->user_ref);
	r.side = e->side;
	r.qty = be32_get(e->qty);
	memcpy(r.symbol, e->symbol, sizeof(r.symbol));
	r.px4 = be64_get(e->px4);
	r.display = e->display;
	r.capacity = e->capacity;
	r.sweep = e->sweep;
	r.cross = e->cross;
	memcpy(r.cl_ord_id, e->cl_ord_id, sizeof(r.cl_ord_id));
	tif50(&r, e->tif);
	key50(r.key, r.channel, r.user_ref);
	oe_enter(oe, &r);
	return NULL;
}

static const char *
on_replace50(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch50_replace_order *u = (const struct ouch50_replace_order *)msg;
	struct oe_request r = { .firm = "    " };

	if (len < sizeof(*u) + sizeof(be16) ||
	    !options_read(&r, msg + sizeof(*u), len - sizeof(*u)))
		return "Replace Order Request of a wrong length";
	r.user_ref = be32_get(u->user_ref);
	r.qty = be32_get(u->qty);
	r.px4 = be64_get(u->px4);
	r.display = u->display;
	r.sweep = u->sweep;
	memcpy(r.cl_ord_id, u->cl_ord_id, sizeof(r.cl_ord_id));
	tif50(&r, u->tif);
	key50(r.key, r.channel, r.user_ref);
	key50(r.orig_key, r.channel, be32_get(u->orig_user_ref));
	oe_replace(oe, &r);
	return NULL;
}

static const char *
on_cancel50(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch50_cancel_order *x = (const struct ouch50_cancel_order *)msg;
	struct oe_request r = { 0 };

	if (len < sizeof(*x) || !options_read(&r, msg + sizeof(*x), len - sizeof(*x)))
		return "Cancel Order Request of a wrong length";
	key50(r.key, r.channel, be32_get(x->user_ref));
	r.qty = be32_get(x->qty);
	oe_cancel(oe, &r);
	return NULL;
}

static const char *
on_modify50(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch50_modify_order *m = (const struct ouch50_modify_order *)msg;
	struct oe_request r = { 0 };

	if (len < sizeof(*m) || !options_read(&r, msg + sizeof(*m), len - sizeof(*m)))
		return "Modify Order Request of a wrong length";
	key50(r.key, r.channel, be32_get(m->user_ref));
	r.side = m->side;
	r.qty = be32_get(m->qty);
	oe_modify(oe, &r);
	return NULL;
}

static const char *
on_mass_cancel50(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch50_mass_cancel *c = (const struct ouch50_mass_cancel *)msg;
	struct oe_request r = { 0 };

	if (len < sizeof(*c) + sizeof(be16) ||
	    !options_read(&r, msg + sizeof(*c), len - sizeof(*c)))
		return "Mass Cancel Request of a wrong length";
	r.user_ref = be32_get(c->user_ref);
	memcpy(r.firm, c->firm, sizeof(r.firm));
	memcpy(r.symbol, c->symbol, sizeof(r.symbol));
	oe_mass_cancel(oe, &r);
	return NULL;
}

static const char *
on_entry_switch50(struct oe *oe, const uint8_t *msg, size_t len, bool enable)
{
	const struct ouch50_entry_switch *s = (const struct ouch50_entry_switch *)msg;
	struct oe_request r = { 0 };

	if (len < sizeof(*s) + sizeof(be16) ||
	    !options_read(&r, msg + sizeof(*s), len - sizeof(*s)))
		return "Disable/Enable Order Entry Request of a wrong length";
	r.user_ref = be32_get(s->user_ref);
	memcpy(r.firm, s->firm, sizeof(r.firm));
	oe_entry_switch(oe, &r, enable);
	return NULL;
}

static const char *
on_message50(struct oe *oe, const uint8_t *msg, size_t len)
{
	struct oe_request r = { 0 };

	switch (msg[0]) {
	case OUCH50_ENTER_ORDER:
		return on_enter50(oe, msg, len);
	case OUCH50_REPLACE_ORDER:
		return on_replace50(oe, msg, len);
	case OUCH50_CANCEL_ORDER:
		return on_cancel50(oe, msg, len);
	case OUCH50_MODIFY_ORDER:
		return on_modify50(oe, msg, len);
	case OUCH50_MASS_CANCEL:
		return on_mass_cancel50(oe, msg, len);
	case OUCH50_DISABLE_ENTRY:
		return on_entry_switch50(oe, msg, len, false);
	case OUCH50_ENABLE_ENTRY:
		return on_entry_switch50(oe, msg, len, true);
	case OUCH50_ACCOUNT_QUERY:
		if (!options_read(&r, msg + 1, len - 1))
			return "Account Query Request of a wrong length";
		oe_answer_account(oe, r.channel);
		return NULL;
	default:
		return "unknown OUCH 5.0 message type";
	}
}

/* --- OUCH 4.2 requests --- */

static void
tif42(struct oe_request *r, uint32_t tif)
{
	r->tif_wire = tif;
	if (tif == OUCH42_TIF_IOC) {
		r->tif = OE_TIF_IOC;
	} else if (tif == OUCH42_TIF_MARKET_HOURS) {
		r->tif = OE_TIF_DAY;
	} else if (tif >= OUCH42_TIF_SYSTEM_HOURS) { // above: treated as system hours
		r->tif = OE_TIF_SYSTEM_HOURS;
		r->tif_wire = OUCH42_TIF_SYSTEM_HOURS;
	} else {
		r->tif = OE_TIF_TIMED;
		r->live_s = tif;
	}
}

/* What the display letter says beside who sees the order. */
static void
display42(struct oe_request *r, uint8_t letter)
{
	r->display = letter;
	r->post_only = letter == 'P' || letter == 'L' || letter == 'W';
	r->price_type = letter == 'M' || letter == 'W' || letter == 'm' ? 'M' : 'L';
	r->trade_now = letter == 'm' || letter == 'n';
	r->imbalance_only = letter == 'I';
}

static const char *
on_enter42(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch42_enter_order *e = (const struct ouch42_enter_order *)msg;
	struct oe_request r = { 0 };

	if (len != sizeof(*e))
		return "Enter Order of a wrong length";
	key42(r.key, &e->token);
	r.side = e->side;
	r.qty = be32_get(e->qty);
	memcpy(r.symbol, e->symbol, sizeof(r.symbol));
	r.px4 = be32_get(e->px4);
	memcpy(r.firm, e->firm, sizeof(r.firm));
	display42(&r, e->display);
	r.capacity =
		e->capacity == 'A' || e->capacity == 'P' || e->capacity == 'R' ? e->capacity : 'O';
	r.sweep = e->sweep;
	r.min_qty = be32_get(e->min_qty);
	r.cross = e->cross;
	r.customer = e->customer;
	tif42(&r, be32_get(e->tif));
	oe_enter(oe, &r);
	return NULL;
}

static const char *
on_replace42(struct oe *oe, const uint8_t *msg, size_t len)
{
	const struct ouch42_replace_order *u = (const struct ouch42_replace_order *)msg;
	struct oe_request r = { 0 };

	if (len != sizeof(*u))
		return "Replace Order of a wrong length";
	key42(r.orig_key, &u->orig_token);
	key42(r.key, &u->token);
	r.qty = be32_get(u->qty);
	r.px4 = be32_get(u->px4);
	display42(&r, u->display);
	r.sweep = u->sweep;
	r.min_qty = be32_get(u->min_qty);
	tif42(&r, be32_get(u->tif));
	oe_replace(oe, &r);
	return NULL;
}

static const char *
on_message42(struct oe *oe, const uint8_t *msg, size_t len)
{
	struct oe_request r = { 0 };

	switch (msg[0]) {
	case OUCH42_ENTER_ORDER:
		return on_enter42(oe, msg, len);
	case OUCH42_REPLACE_ORDER:
		return on_replace42(oe, msg, len);
	case OUCH42_CANCEL_ORDER:
		if (len != sizeof(struct ouch42_cancel_order))
			return "Cancel Order of a wrong length";
		key42(r.key, &((const struct ouch42_cancel_order *)msg)->token);
		r.qty = be32_get(((const struct ouch42_cancel_order *)msg)->qty);
		oe_cancel(oe, &r);
		return NULL;
	case OUCH42_MODIFY_ORDER:
		if (len != sizeof(struct ouch42_modify_order))
			return "Modify Order of a wrong length";
		key42(r.key, &((const struct ouch42_modify_order *)msg)->token);
		r.side = ((const struct ouch42_modify_order *)msg)->side;
		r.qty = be32_get(((const struct ouch42_modify_order *)msg)->qty);
		oe_modify(oe, &r);
		return NULL;
	case OUCH42_TRADE_NOW_REQUEST:
		if (len != sizeof(struct ouch42_trade_now_request))
			return "Trade Now of a wrong length";
		key42(r.key, &((const struct ouch42_trade_now_request *)msg)->token);
		oe_trade_now(oe, &r);
		return NULL;
	default:
		return "unknown OUCH 4.2 message type";
	}
}

const char *
oe_on_message(struct oe *oe, const uint8_t *msg, size_t len)
{
	if (len == 0)
		return "empty request";
	return oe->c.version == OUCH_50 ? on_message50(oe, msg, len) : on_message42(oe, msg, len);
}

/* --- answers --- */

static struct ouch50_head
head50(const struct oe *oe, enum ouch50_answer_type type)
{
	return (struct ouch50_head){ (uint8_t)type, be64_of(oe->match->ts_ns) };
}

static struct ouch42_head
head42(const struct oe *oe, enum ouch42_answer_type type)
{
	return (struct ouch42_head){ (uint8_t)type, be64_of(oe->match->ts_ns) };
}

/* A 5.0 answer with these options behind it; `required`: their length is there even if it is 0. */
static void
put50(struct oe *oe, const void *fixed, size_t fixed_len, bool required, const uint8_t *options,
      uint16_t options_len)
{
	uint8_t msg[ANSWER_MAX];
	const be16 wire_len = be16_of(options_len);
	size_t len = fixed_len;

	memcpy(msg, fixed, fixed_len);
	if (required || options_len > 0) {
		memcpy(msg + len, &wire_len, sizeof(wire_len));
		len += sizeof(wire_len);
		memcpy(msg + len, options, options_len);
		len += options_len;
	}
	oe_put(oe, msg, (uint16_t)len);
}

/* The same, with nothing but the channel's number, and that only when it is not 0. */
static void
put50_channel(struct oe *oe, const void *fixed, size_t fixed_len, bool required, uint8_t channel)
{
	const uint8_t option[] = { 2, OUCH50_TAG_USER_REF_IDX, channel };

	put50(oe, fixed, fixed_len, required, option, channel != 0 ? sizeof(option) : 0);
}

void
oe_answer_system_event(struct oe *oe, uint8_t event)
{
	const struct ouch50_system_event m = { head50(oe, OUCH50_SYSTEM_EVENT), event };

	oe_put(oe, &m, sizeof(m)); // 4.2 has the same
}

/* What the answers to new orders and replaces say alike in both versions. */
// clang-format off
#define TERMS(o, shares, is_dead)                                                         \
	.side = (o)->r.side, .qty = be32_of(shares), .display = (o)->r.display,           \
	.order_ref = be64_of((o)->order_ref), .capacity = (o)->r.capacity,                \
	.sweep = (o)->r.sweep, .cross = (o)->r.cross,                                     \
	.state = (is_dead) ? OUCH_ORDER_DEAD : OUCH_ORDER_LIVE
// clang-format on

void
oe_answer_accepted(struct oe *oe, const struct oe_order *o, bool dead)
{
	if (oe->c.version == OUCH_50) {
		struct ouch50_accepted a = {
			.head = head50(oe, OUCH50_ACCEPTED),
			.user_ref = be32_of(o->r.user_ref),
			TERMS(o, o->r.qty, dead),
			.px4 = be64_of(o->r.px4),
			.tif = (uint8_t)o->r.tif_wire,
		};

		memcpy(a.symbol, o->r.symbol, sizeof(a.symbol));
		memcpy(a.cl_ord_id, o->r.cl_ord_id, sizeof(a.cl_ord_id));
		put50(oe, &a, sizeof(a), true, o->r.options, o->r.options_len);
	} else {
		struct ouch42_accepted a = {
			.head = head42(oe, OUCH42_ACCEPTED),
			.token = token_of(o->r.key),
			TERMS(o, o->r.qty, dead),
			.px4 = be32_of((uint32_t)o->r.px4),
			.tif = be32_of(o->r.tif_wire),
			.min_qty = be32_of(o->r.min_qty),
			.bbo_weight = ' ',
		};

		memcpy(a.symbol, o->r.symbol, sizeof(a.symbol));
		memcpy(a.firm, o->r.firm, sizeof(a.firm));
		oe_put(oe, &a, sizeof(a));
	}
}

void
oe_answer_replaced(struct oe *oe, const struct oe_order *o, const struct oe_order *orig, bool dead)
{
	if (oe->c.version == OUCH_50) {
		struct ouch50_replaced a = {
			.head = head50(oe, OUCH50_REPLACED),
			.orig_user_ref = be32_of(orig->r.user_ref),
			.user_ref = be32_of(o->r.user_ref),
			TERMS(o, o->m.open_qty, dead),
			.px4 = be64_of(o->r.px4),
			.tif = (uint8_t)o->r.tif_wire,
		};

		memcpy(a.symbol, o->r.symbol, sizeof(a.symbol));
		memcpy(a.cl_ord_id, o->r.cl_ord_id, sizeof(a.cl_ord_id));
		put50(oe, &a, sizeof(a), true, o->r.options, o->r.options_len);
	} else {
		struct ouch42_replaced a = {
			.head = head42(oe, OUCH42_REPLACED),
			.token = token_of(o->r.key),
			TERMS(o, o->m.open_qty, dead),
			.px4 = be32_of((uint32_t)o->r.px4),
			.tif = be32_of(o->r.tif_wire),
			.min_qty = be32_of(o->r.min_qty),
			.orig_token = token_of(orig->r.key),
			.bbo_weight = ' ',
		};

		memcpy(a.symbol, o->r.symbol, sizeof(a.symbol));
		memcpy(a.firm, o->r.firm, sizeof(a.firm));
		oe_put(oe, &a, sizeof(a));
	}
}

void
oe_answer_canceled(struct oe *oe, const struct oe_order *o, uint32_t qty, uint8_t reason)
{
	if (oe->c.version == OUCH_50) {
		const struct ouch50_canceled c = { head50(oe, OUCH50_CANCELED),
						   be32_of(o->r.user_ref), be32_of(qty), reason };

		put50_channel(oe, &c, sizeof(c), false, o->r.channel);
	} else {
		const struct ouch42_canceled c = { head42(oe, OUCH42_CANCELED), token_of(o->r.key),
						   be32_of(qty), reason };

		oe_put(oe, &c, sizeof(c));
	}
}

void
oe_answer_executed(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4,
		   uint8_t liquidity, uint64_t match_ref)
{
	if (oe->c.version == OUCH_50) {
		const struct ouch50_executed e = { head50(oe, OUCH50_EXECUTED),
						   be32_of(o->r.user_ref),
						   be32_of(qty),
						   be64_of(px4),
						   liquidity,
						   be64_of(match_ref) };

		put50_channel(oe, &e, sizeof(e), true, o->r.channel);
	} else {
		const struct ouch42_executed e = { head42(oe, OUCH42_EXECUTED),
						   token_of(o->r.key),
						   be32_of(qty),
						   be32_of(px4),
						   liquidity,
						   be64_of(match_ref) };

		oe_put(oe, &e, sizeof(e));
	}
}

static void
notice(struct oe *oe, const struct oe_order *o, enum ouch50_answer_type type50,
       enum ouch42_answer_type type42)
{
	if (oe->c.version == OUCH_50) {
		const struct ouch50_cancel_notice n = { head50(oe, type50),
							be32_of(o->r.user_ref) };

		put50_channel(oe, &n, sizeof(n), false, o->r.channel);
	} else {
		const struct ouch42_notice n = { head42(oe, type42), token_of(o->r.key) };

		oe_put(oe, &n, sizeof(n));
	}
}

void
oe_answer_cancel_pending(struct oe *oe, const struct oe_order *o)
{
	notice(oe, o, OUCH50_CANCEL_PENDING, OUCH42_CANCEL_PENDING);
}

void
oe_answer_cancel_refused(struct oe *oe, const struct oe_order *o)
{
	notice(oe, o, OUCH50_CANCEL_REJECT, OUCH42_CANCEL_REJECT);
}

void
oe_answer_trade_now(struct oe *oe, const struct oe_order *o)
{
	const struct ouch42_notice n = { head42(oe, OUCH42_TRADE_NOW), token_of(o->r.key) };

	oe_put(oe, &n, sizeof(n));
}

void
oe_answer_broken(struct oe *oe, const struct oe_order *o, uint64_t match_ref)
{
	if (oe->c.version == OUCH_50) {
		struct ouch50_broken_trade b = { .head = head50(oe, OUCH50_BROKEN_TRADE),
						 .user_ref = be32_of(o->r.user_ref),
						 .match_ref = be64_of(match_ref),
						 .reason = 'E' };

		memcpy(b.cl_ord_id, o->r.cl_ord_id, sizeof(b.cl_ord_id));
		put50_channel(oe, &b, sizeof(b), false, o->r.channel);
	} else {
		const struct ouch42_broken_trade b = { head42(oe, OUCH42_BROKEN_TRADE),
						       token_of(o->r.key), be64_of(match_ref),
						       'E' };

		oe_put(oe, &b, sizeof(b));
	}
}

void
oe_answer_corrected(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4,
		    uint8_t liquidity, uint64_t match_ref)
{
	const struct ouch42_trade_correction f = {
		.exec = { head42(oe, OUCH42_TRADE_CORRECTION), token_of(o->r.key), be32_of(qty),
			  be32_of(px4), liquidity, be64_of(match_ref) },
		.reason = 'N',
	};

	oe_put(oe, &f, sizeof(f));
}

/* One option; returns where the next one goes. */
static uint8_t *
option_put(uint8_t *at, enum ouch50_tag tag, const void *value)
{
	const uint8_t bytes = ouch50_option_bytes((uint8_t)tag);

	*at++ = (uint8_t)(1 + bytes);
	*at++ = (uint8_t)tag;
	memcpy(at, value, bytes);
	return at + bytes;
}

void
oe_answer_restated(struct oe *oe, const struct oe_order *o, uint64_t shown_ref)
{
	const struct ouch50_restated r = { head50(oe, OUCH50_RESTATED), be32_of(o->r.user_ref),
					   'R' };
	const be32 qty = be32_of(o->m.shown_qty);
	const be64 px4 = be64_of(o->m.px4), ref = be64_of(shown_ref);
	uint8_t options[OE_OPTIONS_MAX], *end = options;

	if (oe->c.version != OUCH_50)
		return;
	end = option_put(end, OUCH50_TAG_SECONDARY_REF, &ref);
	end = option_put(end, OUCH50_TAG_DISPLAY_QTY, &qty);
	end = option_put(end, OUCH50_TAG_DISPLAY_PRICE, &px4);
	if (o->r.channel != 0)
		end = option_put(end, OUCH50_TAG_USER_REF_IDX, &o->r.channel);
	put50(oe, &r, sizeof(r), true, options, (uint16_t)(end - options));
}

void
oe_answer_modified(struct oe *oe, const struct oe_order *o)
{
	if (oe->c.version == OUCH_50) {
		const struct ouch50_modified m = { head50(oe, OUCH50_MODIFIED),
						   be32_of(o->r.user_ref), o->r.side,
						   be32_of(o->m.open_qty) };

		put50_channel(oe, &m, sizeof(m), false, o->r.channel);
	} else {
		const struct ouch42_modified m = { head42(oe, OUCH42_MODIFIED), token_of(o->r.key),
						   o->r.side, be32_of(o->m.open_qty) };

		oe_put(oe, &m, sizeof(m));
	}
}

void
oe_answer_mass_canceled(struct oe *oe, const struct oe_request *r)
{
	struct ouch50_mass_canceled m = { .head = head50(oe, OUCH50_MASS_CANCELED),
					  .user_ref = be32_of(r->user_ref) };

	memcpy(m.firm, r->firm, sizeof(m.firm));
	memcpy(m.symbol, r->symbol, sizeof(m.symbol));
	put50(oe, &m, sizeof(m), true, r->options, r->options_len);
}

void
oe_answer_entry_switched(struct oe *oe, const struct oe_request *r, bool enabled)
{
	struct ouch50_entry_switched m = {
		.head = head50(oe, enabled ? OUCH50_ENTRY_ENABLED : OUCH50_ENTRY_DISABLED),
		.user_ref = be32_of(r->user_ref),
	};

	memcpy(m.firm, r->firm, sizeof(m.firm));
	put50_channel(oe, &m, sizeof(m), true, r->channel);
}

void
oe_answer_account(struct oe *oe, uint8_t channel)
{
	const struct ouch50_account_answer a = { head50(oe, OUCH50_ACCOUNT_ANSWER),
						 be32_of((uint32_t)oe->next_user_ref[channel]) };

	put50_channel(oe, &a, sizeof(a), false, channel);
}

void
oe_answer_rejected(struct oe *oe, const struct oe_request *r, enum oe_reject why)
{
	static const struct {
		uint16_t code50;
		uint8_t code42;
	} CODE[] = {
#define OE_REJECT_CODE(name, code50, code42) [OE_REJECT_##name] = { code50, code42 },
		OE_REJECTS(OE_REJECT_CODE)
#undef OE_REJECT_CODE
	};

	if (oe->c.version == OUCH_50) {
		struct ouch50_rejected j = { .head = head50(oe, OUCH50_REJECTED),
					     .user_ref = be32_of(r->user_ref),
					     .reason = be16_of(CODE[why].code50) };

		memcpy(j.cl_ord_id, r->cl_ord_id, sizeof(j.cl_ord_id));
		put50_channel(oe, &j, sizeof(j), false, r->channel);
	} else {
		const struct ouch42_rejected j = { head42(oe, OUCH42_REJECTED), token_of(r->key),
						   CODE[why].code42 };

		oe_put(oe, &j, sizeof(j));
	}
}
