/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/orders_step.h"

/* What is asked of the venue, or refused here. */

COLD unsigned
orders_refuse(struct orders *o, const struct order *in, enum orders_refusal why, struct fill *fill,
	      struct update *up)
{
	const bool is_new = in->kind == INTENT_NEW;
	const uint32_t name = is_new ? in->intent_id : in->orig_id;
	const struct order_entry *e = is_new ? NULL : orders_of_name(o, in->strategy_idx, name);
	const bool gone = e == NULL || order_state_is_end(e->state);

	metric_add(&o->metrics.refused_session_down + (why - ORDERS_REFUSED_SESSION_DOWN), 1);
	*up = (struct update){
		.head = in->head,
		.px4 = e == NULL ? in->px4 : e->px4,
		.intent_id = name,
		.open_qty = e == NULL ? 0 : e->open_qty,
		.state = e == NULL ? ORDER_REJECTED : e->state,
		.cause = in->kind == INTENT_CANCEL || in->kind == INTENT_MODIFY
				 ? REPORT_CANCEL_REJECTED
				 : REPORT_REJECTED,
		.side = in->side,
		.strategy_idx = in->strategy_idx,
		.reject_code = (uint16_t)why,
	};
	if (in->kind == INTENT_CANCEL || in->kind == INTENT_MODIFY)
		return ORDERS_UPDATE; // nothing was reserved for it
	*fill = (struct fill){
		.head = in->head,
		.reserved_px4 = gone ? 0 : e->px4,
		.intent_id = name,
		.released_qty = in->reserve_qty,
		.side = in->side,
		.strategy_idx = in->strategy_idx,
		.session_idx = o->session_idx,
		.order_gone = gone,
		.replace_done = !is_new,
	};
	return ORDERS_FILL | ORDERS_UPDATE;
}

static unsigned
send_cancel(struct orders *o, const struct order *in, struct order_entry *e,
	    struct venue_request *out, struct fill *fill, struct update *up)
{
	struct order_entry *b;

	if (e->state == ORDER_PENDING_CANCEL && (!(e->flags & ORDER_REDUCING) || in->qty != 0))
		return orders_refuse(o, in, ORDERS_REFUSED_PENDING, fill, up);
	if (in->qty != 0 && (e->state == ORDER_PENDING_REPLACE || e->state == ORDER_UNKNOWN))
		return orders_refuse(o, in, ORDERS_REFUSED_PENDING, fill, up);
	// a total that takes nothing away would not be answered
	if (in->qty != 0 &&
	    (in->qty <= e->executed_qty || in->qty - e->executed_qty >= e->open_qty))
		return orders_refuse(o, in, ORDERS_REFUSED_QUANTITY, fill, up);
	e->flags = (uint8_t)((e->flags & ~ORDER_REDUCING) | (in->qty != 0 ? ORDER_REDUCING : 0));
	*out = (struct venue_request){
		.token = e->token,
		.qty = in->qty,
		.instr_idx = e->instr_idx,
		.kind = INTENT_CANCEL,
	};
	// the venue works in order: when it reads this, the replacement has taken over, or never
	// will
	b = orders_of_token(o, e->link_token);
	if (b != NULL) {
		out->token = b->token;
		step(o, b, ORDER_EVENT_SEND_CANCEL);
	}
	step(o, e, ORDER_EVENT_SEND_CANCEL);
	metric_add(&o->metrics.cancel_sent, 1);
	return ORDERS_SEND;
}

static unsigned
send_replace(struct orders *o, const struct order *in, struct order_entry *e,
	     struct venue_request *out, struct fill *fill, struct update *up)
{
	struct order_entry *b;

	if (order_transition[e->state][ORDER_EVENT_SEND_REPLACE] == ORDER_FREE)
		return orders_refuse(o, in, ORDERS_REFUSED_PENDING, fill, up);
	// risk may have judged before it knew of an execution or a cancel that is known here
	if (in->qty <= e->executed_qty ||
	    in->qty - e->executed_qty > (uint64_t)e->reserved_qty + in->reserve_qty)
		return orders_refuse(o, in, ORDERS_REFUSED_QUANTITY, fill, up);
	b = orders_claim(o);
	if (b == NULL)
		return orders_refuse(o, in, orders_claim_refusal(o), fill, up);
	*b = (struct order_entry){
		.token = b->token,
		.intent_id = e->intent_id,
		.px4 = in->px4,
		.total_qty = in->qty,
		.link_token = e->token,
		.instr_idx = e->instr_idx,
		.strategy_idx = e->strategy_idx,
		.side = e->side,
		.state = ORDER_PENDING_NEW,
		.flags = (uint8_t)(ORDER_REPLACEMENT | (e->flags & ORDER_MARKS) |
				   orders_style_flag(o, in->style)),
		.limits_version = in->limits_version,
		.sent_ns = in->head.rx_ns,
	};
	e->link_token = b->token;
	e->reserved_qty += in->reserve_qty;
	step(o, e, ORDER_EVENT_SEND_REPLACE);
	*out = (struct venue_request){
		.px4 = in->px4,
		.token = b->token,
		.orig_token = e->token,
		.qty = in->qty,
		.instr_idx = e->instr_idx,
		.kind = INTENT_REPLACE,
		.side = e->side,
		.tif = in->tif,
		.flags = in->flags,
		.style = in->style,
	};
	metric_add(&o->metrics.replace_sent, 1);
	return ORDERS_SEND;
}

/* Whether a sale marked so may become one marked so; the marks of a purchase say nothing. */
static COLD bool
mark_may_become(const struct orders *o, const struct order_entry *e, uint8_t mark)
{
	const uint8_t was = e->flags & ORDER_MARKS;

	if (was == mark)
		return true;
	if (e->side != SIDE_SELL)
		return false;
	if (o->any_mark)
		return true;
	return mark == ORDER_SHORT || (mark == ORDER_SHORT_EXEMPT && was == 0);
}

/*
 * Nothing is pending after a modify: the order goes on working, and the venue's answer says how
 * many shares are left and how the sale is marked.
 */
static COLD unsigned
send_modify(struct orders *o, const struct order *in, struct order_entry *e,
	    struct venue_request *out, struct fill *fill, struct update *up)
{
	const uint8_t asked = in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
	const uint8_t was = e->flags & ORDER_MARKS;
	const uint8_t mark = asked == 0 ? was : order_mark_of(asked);
	const uint32_t left_qty = in->qty > e->executed_qty ? in->qty - e->executed_qty : 0;

	if (e->state != ORDER_PENDING_NEW && e->state != ORDER_LIVE &&
	    e->state != ORDER_PARTIALLY_FILLED)
		return orders_refuse(o, in, ORDERS_REFUSED_PENDING, fill, up);
	if (!mark_may_become(o, e, mark))
		return orders_refuse(o, in, ORDERS_REFUSED_MARK, fill, up);
	if (left_qty == 0 || left_qty > e->open_qty || (left_qty == e->open_qty && mark == was))
		return orders_refuse(o, in, ORDERS_REFUSED_QUANTITY, fill, up);
	*out = (struct venue_request){
		.token = e->token,
		.qty = in->qty,
		.instr_idx = e->instr_idx,
		.kind = INTENT_MODIFY,
		.side = e->side,
		.flags = order_flags_of(mark),
	};
	metric_add(&o->metrics.modify_sent, 1);
	return ORDERS_SEND;
}

unsigned
orders_on_change(struct orders *o, const struct order *in, struct venue_request *out,
		 struct fill *fill, struct update *up)
{
	struct order_entry *e;

	if (unlikely(!o->is_up))
		return orders_refuse(o, in, ORDERS_REFUSED_SESSION_DOWN, fill, up);
	e = orders_of_name(o, in->strategy_idx, in->orig_id);
	if (unlikely(e == NULL))
		return orders_refuse(o, in, ORDERS_REFUSED_UNKNOWN_ORDER, fill, up);
	if (unlikely(order_state_is_end(e->state)))
		return orders_refuse(o, in, ORDERS_REFUSED_GONE, fill, up);
	if (in->kind == INTENT_CANCEL)
		return send_cancel(o, in, e, out, fill, up);
	if (in->kind == INTENT_MODIFY)
		return send_modify(o, in, e, out, fill, up);
	return send_replace(o, in, e, out, fill, up);
}
