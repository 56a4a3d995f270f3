/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ENCODE_OUCH42_H
#define SLUICE_EGRESS_ENCODE_OUCH42_H

#include "egress/encode.h"

/*
 * Writes a request as a whole SoupBinTCP packet with one OUCH 4.2 message.
 *
 * Memory   out: ENCODE_PACKET_MAX bytes, all of them may be written
 * Returns  bytes of the packet; 0 when the protocol cannot say it (counted; nothing may be sent)
 */
HOT_INLINE uint16_t
encode_ouch42_request(struct encode *e, const struct venue_request *q, uint8_t *out)
{
	uint8_t *msg = out + sizeof(struct soup_head);
	struct ouch42_replace_order *replace = (struct ouch42_replace_order *)msg;
	struct ouch42_cancel_order *cancel = (struct ouch42_cancel_order *)msg;
	struct ouch42_enter_order *enter = (struct ouch42_enter_order *)msg;
	struct ouch42_modify_order *modify = (struct ouch42_modify_order *)msg;
	uint16_t len;

	if (unlikely(!encode_can_say(e, q))) {
		metric_add(&e->metrics.request_refused, 1);
		return 0;
	}
	len = encode_start(e, q, out);
	switch ((enum intent_kind)q->kind) {
	case INTENT_NEW:
		order_token_patch(&e->token_form, q->token, enter->token.text);
		enter->side = encode_side(e, q);
		enter->qty = be32_of(q->qty);
		memcpy(enter->symbol, &e->symbol[q->instr_idx], sizeof(enter->symbol));
		enter->px4 = be32_of((uint32_t)q->px4);
		enter->tif = e->tif42[q->style][q->tif];
		metric_add(&e->metrics.enter_encoded, 1);
		break;
	case INTENT_REPLACE:
		order_token_patch(&e->token_form, q->orig_token, replace->orig_token.text);
		order_token_patch(&e->token_form, q->token, replace->token.text);
		replace->qty = be32_of(q->qty);
		replace->px4 = be32_of((uint32_t)q->px4);
		replace->tif = e->tif42[q->style][q->tif];
		metric_add(&e->metrics.replace_encoded, 1);
		break;
	case INTENT_MODIFY:
		order_token_patch(&e->token_form, q->token, modify->token.text);
		modify->side = encode_side(e, q);
		modify->qty = be32_of(q->qty);
		metric_add(&e->metrics.modify_encoded, 1);
		break;
	case INTENT_CANCEL:
		order_token_patch(&e->token_form, q->token, cancel->token.text);
		cancel->qty = be32_of(q->qty);
		metric_add(&e->metrics.cancel_encoded, 1);
		break;
	}
	return len;
}

#endif
