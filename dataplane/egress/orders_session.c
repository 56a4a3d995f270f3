/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/orders_step.h"

/* The session goes and comes; and the orders for people. */

COLD void
orders_on_session_down(struct orders *o)
{
	o->is_up = false;
	o->walk = ORDER_EVENT_SESSION_DOWN;
	o->walk_slot = 0;
}

COLD uint32_t
orders_take_number(struct orders *o)
{
	if (o->next_token >= o->token_end)
		return 0;
	metric_set(&o->metrics.next_token, o->next_token + 1);
	return o->next_token++;
}

COLD void
orders_allow_tokens(struct orders *o, uint32_t end)
{
	if (end > o->token_end)
		o->token_end = end;
}

COLD void
orders_raise_number(struct orders *o, uint32_t next_token)
{
	if (next_token <= o->next_token)
		return;
	o->next_token = next_token;
	metric_set(&o->metrics.next_token, next_token);
}

COLD void
orders_on_session_up(struct orders *o, uint32_t next_token)
{
	o->is_up = true;
	if (next_token > o->next_token) {
		o->next_token = next_token;
		metric_set(&o->metrics.next_token, o->next_token);
	}
	if (next_token != 0)
		orders_on_replay_end(o);
}

COLD void
orders_on_replay_end(struct orders *o)
{
	o->walk = ORDER_EVENT_STILL_THERE;
	o->walk_slot = 0;
}

COLD void
orders_doubt(struct orders *o)
{
	o->walk = ORDER_EVENT_DOUBTED;
	o->walk_slot = 0;
}

/* The order's fate is settled: what the replay did not say did not happen. */
static unsigned
settle(struct orders *o, struct order_entry *e, struct fill *fill, struct update *up)
{
	unsigned made = ORDERS_UPDATE;

	if (e->state != ORDER_UNKNOWN || (e->flags & ORDER_REPLACEMENT))
		return 0; // a replacement is settled with the order it was to replace
	fill_start(o, e, fill);
	if (e->link_token != 0) {
		step(o, e, ORDER_EVENT_REPLACE_FAILED);
		keep_original(o, e, fill);
		metric_add(&o->metrics.order_not_processed, 1);
		made |= ORDERS_FILL;
	} else if (e->flags & ORDER_ACCEPTED) {
		step(o, e, ORDER_EVENT_STILL_THERE);
	} else {
		step(o, e, ORDER_EVENT_NOT_PROCESSED);
		finish(o, e, fill);
		metric_add(&o->metrics.order_not_processed, 1);
		made |= ORDERS_FILL;
	}
	update_start(e, e->state == ORDER_REJECTED ? REPORT_REJECTED : REPORT_NONE, up);
	return made;
}

static unsigned
lose(struct orders *o, struct order_entry *e, struct update *up)
{
	const uint8_t from = e->state;

	step(o, e, (enum order_event)o->walk);
	if (e->state == from)
		return 0;
	metric_add(&o->metrics.session_lost_unknown, 1);
	if (e->flags & ORDER_REPLACEMENT)
		return 0;
	update_start(e, REPORT_NONE, up);
	return ORDERS_UPDATE;
}

/* A replacement is settled with the order it was to replace. */
static bool
is_unknown(const struct order_entry *e, uint32_t token)
{
	return e->state == ORDER_UNKNOWN && !(e->flags & ORDER_REPLACEMENT) &&
	       (token == 0 || e->token == token);
}

/* Somebody says that it is not in the market. */
static unsigned
drop(struct orders *o, struct order_entry *e, struct fill *fill, struct update *up)
{
	if (!is_unknown(e, o->walk_token))
		return 0;
	fill_start(o, e, fill);
	step(o, e, ORDER_EVENT_CANCELED_ALL);
	finish(o, e, fill);
	metric_add(&o->metrics.order_settled, 1);
	update_start(e, REPORT_CANCELED, up);
	return ORDERS_FILL | ORDERS_UPDATE;
}

COLD unsigned
orders_next(struct orders *o, struct fill *fill, struct update *up)
{
	while (o->walk_slot <= o->slot_mask) {
		struct order_entry *e = &o->entry[o->walk_slot++];
		unsigned made;

		if (order_state_is_end(e->state))
			continue;
		switch (o->walk) {
		case ORDER_EVENT_STILL_THERE:
			made = settle(o, e, fill, up);
			break;
		case ORDER_EVENT_CANCELED_ALL:
			made = drop(o, e, fill, up);
			break;
		default:
			made = lose(o, e, up);
			break;
		}
		if (made != 0)
			return made;
	}
	return 0;
}

COLD uint32_t
orders_unknown_cnt(const struct orders *o, uint32_t token)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i <= o->slot_mask; i++)
		cnt += is_unknown(&o->entry[i], token);
	return cnt;
}

COLD uint32_t
orders_settle(struct orders *o, uint32_t token)
{
	const uint32_t cnt = orders_unknown_cnt(o, token);

	o->walk = ORDER_EVENT_CANCELED_ALL;
	o->walk_token = token;
	o->walk_slot = 0;
	return cnt;
}

/* Dumps. */

COLD bool
orders_view_next(const struct orders *o, uint32_t *cursor, struct orders_view *out)
{
	while (*cursor <= o->slot_mask) {
		const struct order_entry *e = &o->entry[(*cursor)++];

		if (e->token == 0)
			continue;
		*out = (struct orders_view){ .order = *e, .session_idx = o->session_idx };
		return true;
	}
	return false;
}

COLD bool
orders_view_token(const struct orders *o, uint32_t token, struct orders_view *out)
{
	const struct order_entry *e = orders_of_token(o, token);

	if (e == NULL)
		return false;
	*out = (struct orders_view){ .order = *e, .session_idx = o->session_idx };
	return true;
}
