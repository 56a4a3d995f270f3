/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ENCODE_OUCH50_H
#define SLUICE_EGRESS_ENCODE_OUCH50_H

#include "egress/encode.h"

/* A new order. */
HOT_INLINE uint16_t
encode_ouch50_enter(struct encode *e, const struct venue_request *q, uint8_t *out)
{
	struct ouch50_enter_order *enter =
		(struct ouch50_enter_order *)(out + sizeof(struct soup_head));
	uint64_t px4 = (uint64_t)q->px4;
	uint16_t len;

	if (unlikely(!encode_can_enter(e, q))) {
		metric_add(&e->metrics.request_refused, 1);
		return 0;
	}
	len = encode_start(e, q, out);
	if (unlikely(e->discretion_px4[q->style] != 0))
		px4 = encode_ouch50_discretion(e, q, out);
	enter->user_ref = be32_of(q->token);
	enter->side = encode_side(e, q);
	enter->qty = be32_of(q->qty);
	memcpy(enter->symbol, &e->symbol[q->instr_idx], sizeof(enter->symbol));
	enter->px4 = be64_of(px4);
	enter->tif = e->tif50[q->style][q->tif];
	encode_token(e, q->token, enter->cl_ord_id);
	metric_add(&e->metrics.enter_encoded, 1);
	return len;
}

/*
 * Writes a request as a whole SoupBinTCP packet with one OUCH 5.0 message.
 *
 * Memory   out: ENCODE_PACKET_MAX bytes, all of them may be written
 * Returns  bytes of the packet; 0 when the protocol cannot say it (counted; nothing may be sent)
 */
HOT_INLINE uint16_t
encode_ouch50_request(struct encode *e, const struct venue_request *q, uint8_t *out)
{
	uint8_t *msg = out + sizeof(struct soup_head);
	struct ouch50_replace_order *replace = (struct ouch50_replace_order *)msg;
	struct ouch50_cancel_order *cancel = (struct ouch50_cancel_order *)msg;
	struct ouch50_modify_order *modify = (struct ouch50_modify_order *)msg;
	uint64_t px4 = (uint64_t)q->px4;
	uint16_t len;

	if (likely(q->kind == INTENT_NEW))
		return encode_ouch50_enter(e, q, out);
	if (unlikely(!encode_can_say(e, q))) {
		metric_add(&e->metrics.request_refused, 1);
		return 0;
	}
	len = encode_start(e, q, out);
	if (unlikely(e->discretion_px4[q->style] != 0))
		px4 = encode_ouch50_discretion(e, q, out);
	switch ((enum intent_kind)q->kind) {
	case INTENT_NEW: // above
		break;
	case INTENT_REPLACE:
		replace->orig_user_ref = be32_of(q->orig_token);
		replace->user_ref = be32_of(q->token);
		replace->qty = be32_of(q->qty);
		replace->px4 = be64_of(px4);
		replace->tif = e->tif50[q->style][q->tif];
		encode_token(e, q->token, replace->cl_ord_id);
		metric_add(&e->metrics.replace_encoded, 1);
		break;
	case INTENT_MODIFY:
		modify->user_ref = be32_of(q->token);
		modify->side = encode_side(e, q);
		modify->qty = be32_of(q->qty);
		metric_add(&e->metrics.modify_encoded, 1);
		break;
	case INTENT_CANCEL:
		cancel->user_ref = be32_of(q->token);
		cancel->qty = be32_of(q->qty);
		metric_add(&e->metrics.cancel_encoded, 1);
		break;
	}
	return len;
}

#endif
