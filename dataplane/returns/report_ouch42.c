/* SPDX-License-Identifier: Apache-2.0 */
#include "returns/report_ouch42.h"

/* Message sizes by type.  0: no such message. */
static const uint8_t BYTES[UINT8_MAX + 1] = {
	// clang-format off
	[OUCH42_SYSTEM_EVENT]       = sizeof(struct ouch42_system_event),
	[OUCH42_REPLACED]           = sizeof(struct ouch42_replaced),
	[OUCH42_AIQ_CANCELED]       = sizeof(struct ouch42_aiq_canceled),
	[OUCH42_BROKEN_TRADE]       = sizeof(struct ouch42_broken_trade),
	[OUCH42_EXECUTED_REFERENCE] = sizeof(struct ouch42_executed_reference),
	[OUCH42_TRADE_CORRECTION]   = sizeof(struct ouch42_trade_correction),
	[OUCH42_REJECTED]           = sizeof(struct ouch42_rejected),
	[OUCH42_CANCEL_PENDING]     = sizeof(struct ouch42_notice),
	[OUCH42_CANCEL_REJECT]      = sizeof(struct ouch42_notice),
	[OUCH42_PRIORITY_UPDATE]    = sizeof(struct ouch42_priority_update),
	[OUCH42_MODIFIED]           = sizeof(struct ouch42_modified),
	[OUCH42_TRADE_NOW]          = sizeof(struct ouch42_notice),
	// clang-format on
};

static COLD bool
length_fits(uint8_t type, uint16_t len)
{
	// before October 2025 AIQ Cancelled lacks its last field
	return len == BYTES[type] || (type == OUCH42_AIQ_CANCELED && len == BYTES[type] - 1);
}

static COLD bool
decode_replaced(const struct ouch42_replaced *m, struct report *out)
{
	bool ok = report_side(m->side, &out->side);

	out->type = REPORT_REPLACED;
	out->qty = be32_get(m->qty);
	out->order_ref = be64_get(m->order_ref);
	ok &= report_dead(m->state, &out->dead);
	ok &= report_px4(be32_get(m->px4), &out->px4);
	return ok;
}

/* The price is the one it would have traded at: the order's own has not changed. */
static COLD bool
decode_aiq_canceled(const struct ouch42_aiq_canceled *m, struct report *out)
{
	out->type = REPORT_CANCELED;
	out->qty = be32_get(m->qty);
	out->reason = m->reason;
	return true;
}

static COLD bool
decode_broken_trade(const struct ouch42_broken_trade *m, struct report *out)
{
	out->type = REPORT_TRADE_BROKEN;
	out->match_ref = be64_get(m->match_ref);
	out->reason = m->reason;
	return true;
}

/* An execution like any other; the reference price is for the statistics of others. */
static COLD bool
decode_executed_reference(const struct ouch42_executed_reference *m, struct report *out)
{
	out->type = REPORT_EXECUTED;
	out->qty = be32_get(m->exec.qty);
	out->liquidity = m->exec.liquidity;
	out->match_ref = be64_get(m->exec.match_ref);
	return report_px4(be32_get(m->exec.px4), &out->px4) && out->qty != 0;
}

/* The price of an execution that was told before; no quantity changes.  Somebody should know. */
static COLD bool
decode_trade_correction(const struct ouch42_trade_correction *m, struct report *out)
{
	out->type = REPORT_CORRECTED;
	out->qty = be32_get(m->exec.qty);
	out->match_ref = be64_get(m->exec.match_ref);
	out->reason = m->reason;
	out->odd |= REPORT_ODD_CORRECTION;
	return report_px4(be32_get(m->exec.px4), &out->px4);
}

static COLD bool
decode_rejected(const struct ouch42_rejected *m, struct report *out)
{
	out->type = REPORT_REJECTED;
	out->reason = m->reason;
	out->reject_code = m->reason;
	return true;
}

static COLD bool
decode_priority_update(const struct ouch42_priority_update *m, struct report *out)
{
	out->type = REPORT_PRIORITY;
	out->order_ref = be64_get(m->order_ref);
	return report_px4(be32_get(m->px4), &out->px4);
}

static COLD bool
decode_modified(const struct ouch42_modified *m, struct report *out)
{
	out->type = REPORT_MODIFIED;
	out->mark = report_mark(m->side);
	out->qty = be32_get(m->qty);
	return report_side(m->side, &out->side);
}

/* Every answer but the system event has its token, or the replacement's, right behind the head. */
static COLD bool
tokens_are_ours(struct report_decode *d, const uint8_t *msg, struct report *out)
{
	const struct ouch42_replaced *r = (const struct ouch42_replaced *)msg;
	const struct ouch42_notice *n = (const struct ouch42_notice *)msg;

	if (!order_token_get(&d->token_form, n->token.text, &out->token))
		return false;
	return msg[0] != OUCH42_REPLACED ||
	       order_token_get(&d->token_form, r->orig_token.text, &out->orig_token);
}

COLD enum report_verdict
report_ouch42_rare(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	const void *m = msg;
	uint64_t *counter;
	bool ok = true;

	if (BYTES[msg[0]] == 0)
		return report_refuse(d, REPORT_TYPE_UNKNOWN);
	if (!length_fits(msg[0], len))
		return report_refuse(d, REPORT_LENGTH_BAD);
	if (msg[0] != OUCH42_SYSTEM_EVENT && !tokens_are_ours(d, msg, out))
		return report_refuse(d, REPORT_TOKEN_FOREIGN);
	out->ts_ns = be64_get(((const struct ouch42_head *)m)->ts_ns);
	switch (msg[0]) {
	case OUCH42_REPLACED:
		ok = decode_replaced(m, out);
		counter = &d->metrics.replaced_received;
		break;
	case OUCH42_AIQ_CANCELED:
		ok = decode_aiq_canceled(m, out);
		counter = &d->metrics.canceled_received;
		break;
	case OUCH42_BROKEN_TRADE:
		ok = decode_broken_trade(m, out);
		counter = &d->metrics.trade_broken_received;
		break;
	case OUCH42_EXECUTED_REFERENCE:
		ok = decode_executed_reference(m, out);
		counter = &d->metrics.executed_received;
		break;
	case OUCH42_TRADE_CORRECTION:
		ok = decode_trade_correction(m, out);
		counter = &d->metrics.correction_received;
		break;
	case OUCH42_REJECTED:
		ok = decode_rejected(m, out);
		counter = &d->metrics.rejected_received;
		break;
	case OUCH42_CANCEL_PENDING:
		out->type = REPORT_CANCEL_PENDING;
		counter = &d->metrics.cancel_pending_received;
		break;
	case OUCH42_CANCEL_REJECT:
		out->type = REPORT_CANCEL_REJECTED;
		counter = &d->metrics.cancel_rejected_received;
		break;
	case OUCH42_PRIORITY_UPDATE:
		ok = decode_priority_update(m, out);
		counter = &d->metrics.priority_received;
		break;
	case OUCH42_MODIFIED:
		ok = decode_modified(m, out);
		counter = &d->metrics.modified_received;
		break;
	case OUCH42_TRADE_NOW:
		counter = &d->metrics.trade_now_received;
		break;
	default: // OUCH42_SYSTEM_EVENT
		counter = &d->metrics.system_event_received;
		break;
	}
	if (!ok)
		return report_refuse(d, REPORT_VALUE_BAD);
	metric_add(counter, 1);
	return out->type == REPORT_NONE ? REPORT_NO_ORDER : REPORT_DECODED;
}
