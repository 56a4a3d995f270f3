/* SPDX-License-Identifier: Apache-2.0 */
#include "returns/report_ouch50.h"

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

static COLD bool
shape_fits(const uint8_t *msg, uint16_t len)
{
	const ptrdiff_t bytes = SHAPE[msg[0]].bytes;

	if (report_ouch50_rest(msg + bytes, len - bytes, SHAPE[msg[0]].rest))
		return true;
	// a text of 2023 has AIQ Canceled without its last field
	return msg[0] == OUCH50_AIQ_CANCELED && len == bytes - 1;
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

/* No order's open quantity changes; the new number is told all the same. */
static COLD bool
decode_priority_update(const struct ouch50_priority_update *m, struct report *out)
{
	out->token = be32_get(m->user_ref);
	out->order_ref = be64_get(m->order_ref);
	return report_px4(be64_get(m->px4), &out->px4);
}

/* We send no Modify, so nobody acts on its answer. */
static COLD bool
decode_modified(const struct ouch50_modified *m, struct report *out)
{
	out->token = be32_get(m->user_ref);
	out->qty = be32_get(m->qty);
	return report_side(m->side, &out->side);
}

COLD enum report_verdict
report_ouch50_rare(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	const void *m = msg;
	uint64_t *counter;
	bool ok = true;

	if (SHAPE[msg[0]].bytes == 0)
		return report_refuse(d, REPORT_TYPE_UNKNOWN);
	if (!shape_fits(msg, len))
		return report_refuse(d, REPORT_LENGTH_BAD);
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
