/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RETURNS_REPORT_OUCH42_H
#define SLUICE_RETURNS_REPORT_OUCH42_H

#include "returns/report.h"
#include "wire/ouch42.h"

/*
 * Turns one OUCH 4.2 message into *out.  rx_ns and instr_idx are the caller's to fill.  Lengths are
 * exact; a token that order_token_patch would not have written is foreign.
 */
COLD enum report_verdict report_ouch42_rare(struct report_decode *d, const uint8_t *msg,
					    uint16_t len, struct report *out);

HOT_INLINE enum report_verdict
report_ouch42_on_message(struct report_decode *d, const uint8_t *msg, uint16_t len,
			 struct report *out)
{
	const struct ouch42_executed *e = (const struct ouch42_executed *)msg;
	const struct ouch42_accepted *a = (const struct ouch42_accepted *)msg;
	const struct ouch42_canceled *c = (const struct ouch42_canceled *)msg;
	bool ok;

	if (unlikely(len == 0))
		return report_refuse(d, REPORT_LENGTH_BAD);
	memset(out, 0, sizeof(*out));
	switch (msg[0]) {
	case OUCH42_EXECUTED:
		if (unlikely(len != sizeof(*e)))
			return report_refuse(d, REPORT_LENGTH_BAD);
		if (unlikely(!order_token_get(&d->token_form, e->token.text, &out->token)))
			return report_refuse(d, REPORT_TOKEN_FOREIGN);
		out->type = REPORT_EXECUTED;
		out->qty = be32_get(e->qty);
		out->liquidity = e->liquidity;
		out->match_ref = be64_get(e->match_ref);
		ok = report_px4(be32_get(e->px4), &out->px4) && out->qty != 0;
		metric_add(&d->metrics.executed_received, ok);
		break;
	case OUCH42_ACCEPTED:
		if (unlikely(len != sizeof(*a)))
			return report_refuse(d, REPORT_LENGTH_BAD);
		if (unlikely(!order_token_get(&d->token_form, a->token.text, &out->token)))
			return report_refuse(d, REPORT_TOKEN_FOREIGN);
		out->type = REPORT_ACCEPTED;
		out->qty = be32_get(a->qty);
		out->order_ref = be64_get(a->order_ref);
		ok = report_side(a->side, &out->side);
		ok &= report_dead(a->state, &out->dead);
		ok &= report_px4(be32_get(a->px4), &out->px4);
		metric_add(&d->metrics.accepted_received, ok);
		break;
	case OUCH42_CANCELED:
		if (unlikely(len != sizeof(*c)))
			return report_refuse(d, REPORT_LENGTH_BAD);
		if (unlikely(!order_token_get(&d->token_form, c->token.text, &out->token)))
			return report_refuse(d, REPORT_TOKEN_FOREIGN);
		out->type = REPORT_CANCELED;
		out->qty = be32_get(c->qty);
		out->reason = c->reason;
		ok = true;
		metric_add(&d->metrics.canceled_received, 1);
		break;
	default:
		return report_ouch42_rare(d, msg, len, out);
	}
	if (unlikely(!ok))
		return report_refuse(d, REPORT_VALUE_BAD);
	out->ts_ns = be64_get(((const struct ouch42_head *)msg)->ts_ns);
	return REPORT_DECODED;
}

#endif
