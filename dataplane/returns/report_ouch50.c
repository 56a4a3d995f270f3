/* SPDX-License-Identifier: Apache-2.0 */
#include "returns/report_ouch50.h"

#include <string.h>

/* The fixed parts and what may follow them, by type.  A size of 0: no such message. */
static const struct {
	uint8_t bytes;
	uint8_t rest; // enum ouch50_rest
} SHAPE[UINT8_MAX + 1] = {
	// clang-format off
	[OUCH50_SYSTEM_EVENT]    = { sizeof(struct ouch50_system_event),    OUCH50_REST_NONE },
	[OUCH50_REPLACED]        = { sizeof(struct ouch50_replaced),        OUCH50_REST_OPTIONS },
	[OUCH50_AIQ_CANCELED]    = { sizeof(struct ouch50_aiq_canceled),    OUCH50_REST_IF_ANY },
	[OUCH50_BROKEN_TRADE]    = { sizeof(struct ouch50_broken_trade),    OUCH50_REST_IF_ANY },
	[OUCH50_REJECTED]        = { sizeof(struct ouch50_rejected),        OUCH50_REST_IF_ANY },
	[OUCH50_CANCEL_PENDING]  = { sizeof(struct ouch50_cancel_notice),   OUCH50_REST_IF_ANY },
	[OUCH50_CANCEL_REJECT]   = { sizeof(struct ouch50_cancel_notice),   OUCH50_REST_IF_ANY },
	[OUCH50_PRIORITY_UPDATE] = { sizeof(struct ouch50_priority_update), OUCH50_REST_IF_ANY },
	[OUCH50_MODIFIED]        = { sizeof(struct ouch50_modified),        OUCH50_REST_IF_ANY },
	[OUCH50_RESTATED]        = { sizeof(struct ouch50_restated),        OUCH50_REST_OPTIONS },
	[OUCH50_MASS_CANCELED]   = { sizeof(struct ouch50_mass_canceled),   OUCH50_REST_OPTIONS },
	[OUCH50_ENTRY_DISABLED]  = { sizeof(struct ouch50_entry_switched),  OUCH50_REST_OPTIONS },
	[OUCH50_ENTRY_ENABLED]   = { sizeof(struct ouch50_entry_switched),  OUCH50_REST_OPTIONS },
	[OUCH50_ACCOUNT_ANSWER]  = { sizeof(struct ouch50_account_answer),  OUCH50_REST_IF_ANY },
	// clang-format on
};

static COLD enum report_verdict
shape_of(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	const ptrdiff_t bytes = SHAPE[msg[0]].bytes;

	// a text of 2023 has AIQ Canceled without its last field
	if (msg[0] == OUCH50_AIQ_CANCELED && len == bytes - 1)
		return report_ouch50_rest(d, msg + len, 0, OUCH50_REST_IF_ANY, out);
	return report_ouch50_rest(d, msg + bytes, len - bytes, SHAPE[msg[0]].rest, out);
}

/* The letters an option of one byte may have; NULL: it is no letter. */
static COLD const char *
letters_of(uint8_t tag)
{
	switch (tag) {
	case OUCH50_TAG_CUSTOMER_TYPE:
		return "RN";
	case OUCH50_TAG_PRICE_TYPE:
		return "LPMRQm";
	case OUCH50_TAG_DISCRETION_PRICE_TYPE:
		return "LPMR";
	case OUCH50_TAG_POST_ONLY:
		return "PN";
	case OUCH50_TAG_TRADE_NOW:
	case OUCH50_TAG_SHARES_LOCATED:
		return "YN";
	case OUCH50_TAG_HANDLE_INST:
		return "IOTQBDR ";
	case OUCH50_TAG_BBO_WEIGHT:
		return "0123SN ";
	case OUCH50_TAG_SIDE:
		return "BSTE";
	case OUCH50_TAG_AIQ_STRATEGY:
		return "N*YDOWRydowrZEPXS01245";
	default:
		return NULL;
	}
}

static COLD bool
is_text(const uint8_t *value, uint8_t len)
{
	for (uint8_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	return true;
}

static COLD bool
option_is_sound(const struct ouch50_option *o)
{
	const char *letters = letters_of(o->tag);
	be32 n;
	be64 px;

	if (letters != NULL)
		return o->value[0] != 0 && strchr(letters, o->value[0]) != NULL;
	switch (o->tag) {
	case OUCH50_TAG_MIN_QTY:
	case OUCH50_TAG_MAX_FLOOR:
	case OUCH50_TAG_RANDOM_RESERVES:
	case OUCH50_TAG_DISPLAY_QTY:
		memcpy(&n, o->value, sizeof(n));
		return be32_get(n) <= OUCH_QTY_MAX;
	case OUCH50_TAG_EXPIRE_TIME:
		memcpy(&n, o->value, sizeof(n));
		return be32_get(n) < 86400;
	case OUCH50_TAG_DISCRETION_PRICE:
	case OUCH50_TAG_DISPLAY_PRICE:
		memcpy(&px, o->value, sizeof(px));
		return be64_get(px) <= PX4_REPORT_MAX;
	case OUCH50_TAG_FIRM:
	case OUCH50_TAG_ROUTE:
	case OUCH50_TAG_LOCATE_BROKER:
	case OUCH50_TAG_AIQ_GROUP_ID:
		return is_text(o->value, o->len);
	default: // references, offsets, group and channel: any number
		return true;
	}
}

COLD enum report_verdict
report_ouch50_options(struct report_decode *d, const uint8_t *rest, size_t len, struct report *out)
{
	uint8_t user_ref_idx = 0;
	struct ouch50_option o;
	struct ouch50_walk w;
	uint32_t seen = 0;

	if (!ouch50_options_start(&w, rest, len))
		return REPORT_LENGTH_BAD;
	while (ouch50_options_next(&w, &o)) {
		if (ouch50_option_bytes(o.tag) == 0) {
			metric_add(&d->metrics.option_unknown, 1);
			out->odd |= REPORT_ODD_OPTION_UNKNOWN;
			continue;
		}
		if (!option_is_sound(&o) || (seen >> o.tag & 1)) {
			metric_add(&d->metrics.option_odd, 1);
			out->odd |= REPORT_ODD_OPTION_VALUE;
		}
		seen |= 1U << o.tag;
		if (o.tag == OUCH50_TAG_USER_REF_IDX)
			user_ref_idx = o.value[0];
	}
	if (w.bad)
		return REPORT_LENGTH_BAD;
	return user_ref_idx == d->user_ref_idx ? REPORT_DECODED : REPORT_TOKEN_FOREIGN;
}

static COLD bool
decode_replaced(const struct ouch50_replaced *m, struct report *out)
{
	bool ok = report_side(m->side, &out->side);

	out->type = REPORT_REPLACED;
	out->token = be32_get(m->user_ref);
	out->orig_token = be32_get(m->orig_user_ref);
	out->qty = be32_get(m->qty);
	out->order_ref = be64_get(m->order_ref);
	ok &= report_dead(m->state, &out->dead);
	ok &= report_px4(be64_get(m->px4), &out->px4);
	return ok;
}

/* The price is the one it would have traded at: the order's own has not changed. */
static COLD bool
decode_aiq_canceled(const struct ouch50_aiq_canceled *m, struct report *out)
{
	out->type = REPORT_CANCELED;
	out->token = be32_get(m->user_ref);
	out->qty = be32_get(m->qty);
	out->reason = m->reason;
	return true;
}

static COLD bool
decode_broken_trade(const struct ouch50_broken_trade *m, struct report *out)
{
	out->type = REPORT_TRADE_BROKEN;
	out->token = be32_get(m->user_ref);
	out->match_ref = be64_get(m->match_ref);
	out->reason = m->reason;
	return true;
}

static COLD bool
decode_rejected(const struct ouch50_rejected *m, struct report *out)
{
	out->type = REPORT_REJECTED;
	out->token = be32_get(m->user_ref);
	out->reject_code = be16_get(m->reason);
	return true;
}

static COLD bool
decode_cancel_notice(const struct ouch50_cancel_notice *m, struct report *out)
{
	out->type = m->head.type == OUCH50_CANCEL_PENDING ? REPORT_CANCEL_PENDING
							  : REPORT_CANCEL_REJECTED;
	out->token = be32_get(m->user_ref);
	return true;
}

static COLD bool
decode_restated(const struct ouch50_restated *m, struct report *out)
{
	out->type = REPORT_RESTATED;
	out->token = be32_get(m->user_ref);
	out->reason = m->reason;
	return true;
}

/* What is shown now, and under which number market data has it. */
static COLD void
read_restated(const uint8_t *msg, uint16_t len, struct report *out)
{
	struct ouch50_option o;
	struct ouch50_walk w;
	be32 qty;
	be64 n = be64_of(0);

	(void)ouch50_options_start(&w, msg + sizeof(struct ouch50_restated),
				   len - sizeof(struct ouch50_restated));
	while (ouch50_options_next(&w, &o)) {
		memcpy(&n, o.value, o.len < sizeof(n) ? o.len : sizeof(n));
		memcpy(&qty, &n, sizeof(qty));
		if (o.tag == OUCH50_TAG_DISPLAY_QTY)
			out->qty = be32_get(qty);
		else if (o.tag == OUCH50_TAG_DISPLAY_PRICE && be64_get(n) <= PX4_REPORT_MAX)
			out->px4 = (int64_t)be64_get(n);
		else if (o.tag == OUCH50_TAG_SECONDARY_REF)
			out->order_ref = be64_get(n);
	}
}

static COLD bool
decode_priority_update(const struct ouch50_priority_update *m, struct report *out)
{
	out->type = REPORT_PRIORITY;
	out->token = be32_get(m->user_ref);
	out->order_ref = be64_get(m->order_ref);
	return report_px4(be64_get(m->px4), &out->px4);
}

static COLD bool
decode_modified(const struct ouch50_modified *m, struct report *out)
{
	out->type = REPORT_MODIFIED;
	out->mark = report_mark(m->side);
	out->token = be32_get(m->user_ref);
	out->qty = be32_get(m->qty);
	return report_side(m->side, &out->side);
}

COLD enum report_verdict
report_ouch50_rare(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	const void *m = msg;
	enum report_verdict v;
	uint64_t *counter;
	bool ok = true;

	if (SHAPE[msg[0]].bytes == 0)
		return report_refuse(d, REPORT_TYPE_UNKNOWN);
	v = shape_of(d, msg, len, out);
	if (v != REPORT_DECODED)
		return report_refuse(d, v);
	out->ts_ns = be64_get(((const struct ouch50_head *)m)->ts_ns);
	switch (msg[0]) {
	case OUCH50_REPLACED:
		ok = decode_replaced(m, out);
		counter = &d->metrics.replaced_received;
		break;
	case OUCH50_AIQ_CANCELED:
		ok = decode_aiq_canceled(m, out);
		counter = &d->metrics.canceled_received;
		break;
	case OUCH50_BROKEN_TRADE:
		ok = decode_broken_trade(m, out);
		counter = &d->metrics.trade_broken_received;
		break;
	case OUCH50_REJECTED:
		ok = decode_rejected(m, out);
		counter = &d->metrics.rejected_received;
		break;
	case OUCH50_CANCEL_PENDING:
		ok = decode_cancel_notice(m, out);
		counter = &d->metrics.cancel_pending_received;
		break;
	case OUCH50_CANCEL_REJECT:
		ok = decode_cancel_notice(m, out);
		counter = &d->metrics.cancel_rejected_received;
		break;
	case OUCH50_RESTATED:
		ok = decode_restated(m, out);
		read_restated(msg, len, out);
		counter = &d->metrics.restated_received;
		break;
	case OUCH50_PRIORITY_UPDATE:
		ok = decode_priority_update(m, out);
		counter = &d->metrics.priority_received;
		break;
	case OUCH50_MODIFIED:
		ok = decode_modified(m, out);
		counter = &d->metrics.modified_received;
		break;
	case OUCH50_MASS_CANCELED:
		counter = &d->metrics.mass_cancel_received;
		break;
	case OUCH50_ENTRY_DISABLED:
	case OUCH50_ENTRY_ENABLED:
		counter = &d->metrics.entry_switch_received;
		break;
	case OUCH50_ACCOUNT_ANSWER:
		counter = &d->metrics.account_received;
		break;
	default: // OUCH50_SYSTEM_EVENT
		counter = &d->metrics.system_event_received;
		break;
	}
	if (!ok)
		return report_refuse(d, REPORT_VALUE_BAD);
	metric_add(counter, 1);
	return out->type == REPORT_NONE ? REPORT_NO_ORDER : REPORT_DECODED;
}
