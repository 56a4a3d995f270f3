/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RETURNS_REPORT_OUCH50_H
#define SLUICE_RETURNS_REPORT_OUCH50_H

#include "returns/report.h"

/*
 * Turns one OUCH 5.0 message into *out.  rx_ns and instr_idx are the caller's to fill.
 *
 * Lengths are exact: the fixed part, then the appendage the document requires or allows.  A message
 * that fails is not half used: what *out then holds must not be looked at.
 */
COLD enum report_verdict report_ouch50_rare(struct report_decode *d, const uint8_t *msg,
					    uint16_t len, struct report *out);

/* What may follow a message's fixed part. */
enum ouch50_rest {
	OUCH50_REST_NONE,
	OUCH50_REST_OPTIONS, // an appendage, perhaps an empty one
	OUCH50_REST_IF_ANY,  // an appendage or nothing
};

/*
 * Reads the options of an appendage.  Only our own channel's messages are ours.  An option we do
 * not know, or of a value it cannot have, is counted and noted in out->odd: an execution must not
 * be lost because of an echo.
 *
 * Returns  REPORT_DECODED, REPORT_LENGTH_BAD, REPORT_TOKEN_FOREIGN
 */
COLD enum report_verdict report_ouch50_options(struct report_decode *d, const uint8_t *rest,
					       size_t len, struct report *out);

/* The len bytes from the end of the fixed part on: the same verdicts. */
HOT_INLINE enum report_verdict
report_ouch50_rest(struct report_decode *d, const uint8_t *rest, ptrdiff_t len,
		   enum ouch50_rest want, struct report *out)
{
	if (unlikely(len < 0))
		return REPORT_LENGTH_BAD;
	if (want == OUCH50_REST_NONE)
		return len == 0 ? REPORT_DECODED : REPORT_LENGTH_BAD;
	if (len == 0) {
		if (unlikely(want != OUCH50_REST_IF_ANY))
			return REPORT_LENGTH_BAD;
		return likely(d->user_ref_idx == 0) ? REPORT_DECODED : REPORT_TOKEN_FOREIGN;
	}
	if (likely(len == sizeof(be16) && rest[0] == 0 && rest[1] == 0 && d->user_ref_idx == 0))
		return REPORT_DECODED; // no options
	return report_ouch50_options(d, rest, (size_t)len, out);
}

HOT_INLINE enum report_verdict
report_ouch50_on_message(struct report_decode *d, const uint8_t *msg, uint16_t len,
			 struct report *out)
{
	const struct ouch50_executed *e = (const struct ouch50_executed *)msg;
	const struct ouch50_accepted *a = (const struct ouch50_accepted *)msg;
	const struct ouch50_canceled *c = (const struct ouch50_canceled *)msg;
	enum report_verdict v;
	bool ok;

	if (unlikely(len == 0))
		return report_refuse(d, REPORT_LENGTH_BAD);
	memset(out, 0, sizeof(*out));
	switch (msg[0]) {
	case OUCH50_EXECUTED:
		v = report_ouch50_rest(d, msg + sizeof(*e), len - (ptrdiff_t)sizeof(*e),
				       OUCH50_REST_IF_ANY, out);
		if (unlikely(v != REPORT_DECODED))
			return report_refuse(d, v);
		out->type = REPORT_EXECUTED;
		out->token = be32_get(e->user_ref);
		out->qty = be32_get(e->qty);
		out->liquidity = e->liquidity;
		out->match_ref = be64_get(e->match_ref);
		ok = report_px4(be64_get(e->px4), &out->px4) && out->qty != 0;
		metric_add(&d->metrics.executed_received, ok);
		break;
	case OUCH50_ACCEPTED:
		v = report_ouch50_rest(d, msg + sizeof(*a), len - (ptrdiff_t)sizeof(*a),
				       OUCH50_REST_OPTIONS, out);
		if (unlikely(v != REPORT_DECODED))
			return report_refuse(d, v);
		out->type = REPORT_ACCEPTED;
		out->token = be32_get(a->user_ref);
		out->qty = be32_get(a->qty);
		out->order_ref = be64_get(a->order_ref);
		ok = report_side(a->side, &out->side);
		ok &= report_dead(a->state, &out->dead);
		ok &= report_px4(be64_get(a->px4), &out->px4);
		metric_add(&d->metrics.accepted_received, ok);
		break;
	case OUCH50_CANCELED:
		v = report_ouch50_rest(d, msg + sizeof(*c), len - (ptrdiff_t)sizeof(*c),
				       OUCH50_REST_IF_ANY, out);
		if (unlikely(v != REPORT_DECODED))
			return report_refuse(d, v);
		out->type = REPORT_CANCELED;
		out->token = be32_get(c->user_ref);
		out->qty = be32_get(c->qty);
		out->reason = c->reason;
		ok = true;
		metric_add(&d->metrics.canceled_received, 1);
		break;
	default:
		return report_ouch50_rare(d, msg, len, out);
	}
	if (unlikely(!ok))
		return report_refuse(d, REPORT_VALUE_BAD);
	out->ts_ns = be64_get(((const struct ouch50_head *)msg)->ts_ns);
	return REPORT_DECODED;
}

#endif
