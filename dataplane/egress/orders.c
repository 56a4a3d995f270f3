/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "egress/orders.h"

enum {
	ORDERS_TABLE_MAX = 1 << 24,
};

const uint8_t order_transition[ORDER_STATE_CNT][ORDER_EVENT_CNT] = {
#define TRANSITION(from, event, to) [ORDER_##from][ORDER_EVENT_##event] = ORDER_##to,
#include "egress/orders_transitions.def"
#undef TRANSITION
};

static uint32_t
round_up_pow2(uint32_t n)
{
	uint32_t p = 16;

	while (p < n)
		p *= 2;
	return p;
}

COLD int
orders_init(struct orders *o, const struct orders_config *c, struct arena *a)
{
	uint32_t slot_cnt, execution_cnt;

	if (c->orders_max == 0 || c->orders_max > ORDERS_TABLE_MAX || c->executions_max == 0 ||
	    c->executions_max > ORDERS_TABLE_MAX || c->session_idx >= SESSION_MAX)
		return -EINVAL;
	slot_cnt = round_up_pow2(c->orders_max);
	execution_cnt = round_up_pow2(c->executions_max);
	memset(o, 0, sizeof(*o));
	o->entry = arena_take(a, (size_t)slot_cnt * sizeof(*o->entry));
	o->name_head = arena_take(a, (size_t)slot_cnt * sizeof(*o->name_head));
	o->execution = arena_take(a, (size_t)execution_cnt * sizeof(*o->execution));
	o->match_head = arena_take(a, (size_t)execution_cnt * sizeof(*o->match_head));
	if (o->entry == NULL || o->name_head == NULL || o->execution == NULL ||
	    o->match_head == NULL)
		return -ENOMEM;
	o->slot_mask = slot_cnt - 1;
	o->open_max = slot_cnt / 2;
	o->execution_mask = execution_cnt - 1;
	o->execution_shift = (uint32_t)__builtin_clz(execution_cnt) + 1;
	o->next_token = c->first_token == 0 ? 1 : c->first_token;
	o->walk_slot = slot_cnt;
	o->session_idx = c->session_idx;
	metric_set(&o->metrics.next_token, o->next_token);
	return 0;
}

COLD const char *
order_state_name(enum order_state state)
{
	static const char *const NAME[ORDER_STATE_CNT] = {
		[ORDER_FREE] = "free",
		[ORDER_PENDING_NEW] = "pending new",
		[ORDER_LIVE] = "live",
		[ORDER_PARTIALLY_FILLED] = "partially filled",
		[ORDER_PENDING_REPLACE] = "pending replace",
		[ORDER_PENDING_CANCEL] = "pending cancel",
		[ORDER_FILLED] = "filled",
		[ORDER_CANCELED] = "canceled",
		[ORDER_REPLACED] = "replaced",
		[ORDER_REJECTED] = "rejected",
		[ORDER_UNKNOWN] = "unknown",
	};

	return state < ORDER_STATE_CNT ? NAME[state] : "?";
}

/* Moves the entry along the table.  False, counted and nothing changed when the step is illegal. */
static bool
step(struct orders *o, struct order_entry *e, enum order_event event)
{
	uint8_t to = order_transition[e->state][event];

	if (unlikely(to == ORDER_FREE)) {
		metric_add(&o->metrics.illegal_transition, 1);
		return false;
	}
	if (to == ORDER_RESTING)
		to = e->executed_qty != 0 ? ORDER_PARTIALLY_FILLED : ORDER_LIVE;
	if (order_state_is_end(to)) {
		e->open_qty = 0;
		metric_set(&o->metrics.open_order_cnt, --o->open_cnt);
	}
	e->state = to;
	return true;
}

static void
fill_start(const struct orders *o, const struct order_entry *e, struct fill *fill)
{
	*fill = (struct fill){
		.head.instr_idx = e->instr_idx,
		.intent_id = e->intent_id,
		.side = e->side,
		.strategy_idx = e->strategy_idx,
		.session_idx = o->session_idx,
	};
}

static void
update_start(const struct order_entry *e, enum report_type cause, struct update *up)
{
	*up = (struct update){
		.head.instr_idx = e->instr_idx,
		.px4 = e->px4,
		.intent_id = e->intent_id,
		.open_qty = e->open_qty,
		.state = e->state,
		.cause = (uint8_t)cause,
		.side = e->side,
		.strategy_idx = e->strategy_idx,
	};
}

/* Releases up to qty of what the entry holds. */
static void
release(struct order_entry *e, uint32_t qty, struct fill *fill)
{
	if (qty > e->reserved_qty)
		qty = e->reserved_qty;
	e->reserved_qty -= qty;
	fill->released_qty += qty;
}

/*
 * Gives back what can no longer come to be open.  While a replace waits, its shares may: the venue
 * counts them from what was executed, whatever it has cancelled before it reads the replace.
 */
static void
release_unneeded(const struct orders *o, struct order_entry *e, struct fill *fill)
{
	const struct order_entry *b = orders_of_token(o, e->link_token);
	uint32_t need_qty = e->open_qty;

	if (b != NULL && b->total_qty > e->executed_qty &&
	    b->total_qty - e->executed_qty > need_qty)
		need_qty = b->total_qty - e->executed_qty;
	if (e->reserved_qty > need_qty)
		release(e, e->reserved_qty - need_qty, fill);
}

/* The replacement that waited for e will never be. */
static void
void_replacement(struct orders *o, struct order_entry *e, struct fill *fill)
{
	struct order_entry *b = orders_of_token(o, e->link_token);

	e->link_token = 0;
	if (b != NULL && (b->flags & ORDER_REPLACEMENT)) {
		b->flags &= (uint8_t)~ORDER_REPLACEMENT;
		b->link_token = 0;
		step(o, b, ORDER_EVENT_NOT_PROCESSED);
	}
	fill->replace_done = 1;
}

/* The order has left the market: nothing stays reserved, nothing waits. */
static void
finish(struct orders *o, struct order_entry *e, struct fill *fill)
{
	if (e->link_token != 0) {
		void_replacement(o, e, fill);
		metric_add(&o->metrics.replace_void, 1);
	}
	release(e, e->reserved_qty, fill);
	fill->order_gone = 1;
}

/* The order stays as it was before the replace was asked for. */
static void
keep_original(struct orders *o, struct order_entry *e, struct fill *fill)
{
	void_replacement(o, e, fill);
	release_unneeded(o, e, fill);
	fill->reserved_px4 = e->px4;
}

/* Requests. */

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
		.cause = in->kind == INTENT_CANCEL ? REPORT_CANCEL_REJECTED : REPORT_REJECTED,
		.side = in->side,
		.strategy_idx = in->strategy_idx,
		.reject_code = (uint16_t)why,
	};
	if (in->kind == INTENT_CANCEL)
		return ORDERS_UPDATE;
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
		return orders_refuse(o, in, ORDERS_REFUSED_TABLE_FULL, fill, up);
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
		.flags = ORDER_REPLACEMENT,
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
	};
	metric_add(&o->metrics.replace_sent, 1);
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
	return send_replace(o, in, e, out, fill, up);
}

/* Executions. */

static uint32_t *
match_head_of(const struct orders *o, uint32_t token, uint64_t match_ref)
{
	const uint64_t h = (match_ref ^ (uint64_t)token << 40) * 0x9E3779B97F4A7C15ULL;

	return &o->match_head[(uint32_t)(h >> 32) >> o->execution_shift];
}

static struct orders_execution *
execution_of(const struct orders *o, uint32_t token, uint64_t match_ref)
{
	uint32_t next = *match_head_of(o, token, match_ref);

	while (next != 0) {
		struct orders_execution *x = &o->execution[next - 1];

		if (x->match_ref == match_ref && x->token == token)
			return x;
		next = x->next;
	}
	return NULL;
}

/* Remembers an execution in place of the oldest one. */
static void
execution_keep(struct orders *o, const struct order_entry *e, const struct report *r)
{
	struct orders_execution *x = &o->execution[o->execution_cnt & o->execution_mask];
	const uint32_t self = (o->execution_cnt & o->execution_mask) + 1;
	uint32_t *head;

	if (x->token != 0) {
		uint32_t *at = match_head_of(o, x->token, x->match_ref);

		while (*at != self)
			at = &o->execution[*at - 1].next;
		*at = x->next;
	}
	head = match_head_of(o, r->token, r->match_ref);
	*x = (struct orders_execution){
		.match_ref = r->match_ref,
		.token = r->token,
		.px4 = (uint32_t)r->px4,
		.qty = r->qty,
		.intent_id = e->intent_id,
		.next = *head,
		.instr_idx = e->instr_idx,
		.strategy_idx = e->strategy_idx,
		.is_sell = e->side == SIDE_SELL,
	};
	*head = self;
	o->execution_cnt++;
}

static unsigned
on_executed(struct orders *o, struct order_entry *e, const struct report *r, struct fill *fill,
	    struct update *up)
{
	if (unlikely(execution_of(o, r->token, r->match_ref) != NULL)) {
		metric_add(&o->metrics.execution_duplicate, 1);
		return 0;
	}
	execution_keep(o, e, r);
	metric_add(&o->metrics.execution, 1);
	metric_add(&o->metrics.execution_qty, r->qty);
	fill_start(o, e, fill);
	fill->px4 = r->px4;
	fill->executed_qty = r->qty;
	if (unlikely(__builtin_add_overflow(e->executed_qty, r->qty, &e->executed_qty)))
		e->executed_qty = UINT32_MAX;
	if (unlikely(order_state_is_end(e->state) || (e->flags & ORDER_REPLACEMENT))) {
		metric_add(&o->metrics.execution_late, 1);
	} else {
		if (unlikely(r->qty > e->open_qty))
			metric_add(&o->metrics.execution_excess, 1);
		e->open_qty = r->qty < e->open_qty ? e->open_qty - r->qty : 0;
		release_unneeded(o, e, fill);
		step(o, e, e->open_qty == 0 ? ORDER_EVENT_EXECUTED_ALL : ORDER_EVENT_EXECUTED);
		if (e->open_qty == 0) {
			metric_add(&o->metrics.order_filled, 1);
			finish(o, e, fill);
		}
	}
	update_start(e, REPORT_EXECUTED, up);
	up->px4 = r->px4;
	up->executed_qty = r->qty;
	return ORDERS_FILL | ORDERS_UPDATE;
}

static unsigned
on_broken(struct orders *o, const struct report *r, struct fill *fill, struct update *up)
{
	struct orders_execution *x = execution_of(o, r->token, r->match_ref);
	const struct order_entry *e = orders_of_token(o, r->token);

	if (unlikely(x == NULL)) {
		metric_add(&o->metrics.break_unknown, 1);
		return 0;
	}
	if (unlikely(x->broken)) {
		metric_add(&o->metrics.break_duplicate, 1);
		return 0;
	}
	x->broken = 1;
	metric_add(&o->metrics.break_applied, 1);
	*fill = (struct fill){
		.head.instr_idx = x->instr_idx,
		.px4 = x->px4,
		.intent_id = x->intent_id,
		.executed_qty = x->qty,
		.side = x->is_sell ? SIDE_SELL : SIDE_BUY,
		.strategy_idx = x->strategy_idx,
		.session_idx = o->session_idx,
		.broken = 1,
	};
	*up = (struct update){
		.head.instr_idx = x->instr_idx,
		.px4 = x->px4,
		.intent_id = x->intent_id,
		.executed_qty = x->qty,
		.open_qty = e == NULL ? 0 : e->open_qty,
		.state = e == NULL ? ORDER_FILLED : e->state,
		.cause = REPORT_TRADE_BROKEN,
		.side = x->is_sell ? SIDE_SELL : SIDE_BUY,
		.strategy_idx = x->strategy_idx,
	};
	return ORDERS_FILL | ORDERS_UPDATE;
}

/* The other reports. */

static unsigned
on_canceled(struct orders *o, struct order_entry *e, const struct report *r, struct fill *fill,
	    struct update *up)
{
	enum order_event event = ORDER_EVENT_CANCELED_ALL;
	uint32_t qty = r->qty;

	if (unlikely(order_state_is_end(e->state) || (e->flags & ORDER_REPLACEMENT))) {
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
	if (unlikely(qty > e->open_qty)) {
		metric_add(&o->metrics.cancel_excess, 1);
		qty = e->open_qty;
	}
	if (qty < e->open_qty)
		event = e->state == ORDER_PENDING_CANCEL && (e->flags & ORDER_REDUCING)
				? ORDER_EVENT_REDUCED
				: ORDER_EVENT_CANCELED;
	fill_start(o, e, fill);
	e->open_qty -= qty;
	release_unneeded(o, e, fill);
	step(o, e, event);
	if (e->open_qty == 0) {
		metric_add(&o->metrics.order_canceled, 1);
		finish(o, e, fill);
	}
	update_start(e, REPORT_CANCELED, up);
	up->reject_code = r->reason;
	return ORDERS_UPDATE | (fill->released_qty != 0 || fill->order_gone ? ORDERS_FILL : 0);
}

static unsigned
on_accepted(struct orders *o, struct order_entry *e, const struct report *r, struct fill *fill,
	    struct update *up)
{
	const enum order_event event = r->dead ? ORDER_EVENT_ACCEPTED_DEAD : ORDER_EVENT_ACCEPTED;

	if (unlikely((e->flags & (ORDER_ACCEPTED | ORDER_REPLACEMENT)) ||
		     order_transition[e->state][event] == ORDER_FREE)) {
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
	fill_start(o, e, fill);
	e->flags |= ORDER_ACCEPTED;
	e->order_ref = r->order_ref;
	metric_add(&o->metrics.order_accepted, 1);
	if (unlikely(r->qty > e->total_qty))
		metric_add(&o->metrics.accept_mismatch, 1);
	if (unlikely(r->qty < e->total_qty && !r->dead)) { // the venue took less
		const uint32_t less_qty = e->total_qty - r->qty;
		const uint32_t cut_qty = less_qty < e->open_qty ? less_qty : e->open_qty;

		e->total_qty = r->qty;
		e->open_qty -= cut_qty;
		release_unneeded(o, e, fill);
	}
	step(o, e, e->open_qty == 0 ? ORDER_EVENT_ACCEPTED_DEAD : event);
	if (unlikely(order_state_is_end(e->state))) {
		metric_add(&o->metrics.order_dead_on_arrival, 1);
		finish(o, e, fill);
	}
	update_start(e, REPORT_ACCEPTED, up);
	if (r->px4 != 0)
		up->px4 = r->px4; // the venue may give a better price than asked for
	return ORDERS_UPDATE | (fill->released_qty != 0 || fill->order_gone ? ORDERS_FILL : 0);
}

static unsigned
on_rejected(struct orders *o, struct order_entry *e, const struct report *r, struct fill *fill,
	    struct update *up)
{
	struct order_entry *a = e;

	if (e->flags & ORDER_REPLACEMENT) {
		a = orders_of_token(o, e->link_token);
		if (unlikely(a == NULL || a->link_token != e->token ||
			     !step(o, a, ORDER_EVENT_REPLACE_FAILED)))
			return 0; // cannot be: an entry that waits holds its original
		metric_add(&o->metrics.replace_rejected, 1);
		e->flags &= (uint8_t)~ORDER_REPLACEMENT;
		e->link_token = 0;
		e->reject_code = r->reject_code;
		step(o, e, ORDER_EVENT_REJECTED);
		fill_start(o, a, fill);
		keep_original(o, a, fill);
	} else {
		if (unlikely((e->flags & ORDER_ACCEPTED) || !step(o, e, ORDER_EVENT_REJECTED))) {
			metric_add(&o->metrics.illegal_transition,
				   e->flags & ORDER_ACCEPTED ? 1 : 0);
			return 0;
		}
		e->reject_code = r->reject_code;
		metric_add(&o->metrics.order_rejected, 1);
		fill_start(o, e, fill);
		finish(o, e, fill);
	}
	update_start(a, REPORT_REJECTED, up);
	up->reject_code = r->reject_code;
	return ORDERS_FILL | ORDERS_UPDATE;
}

/* A place for an order of an earlier process; NULL when its slot is taken. */
static struct order_entry *
adopt(struct orders *o, const struct report *r)
{
	struct order_entry *e = &o->entry[r->token & o->slot_mask];

	if (r->token == 0 || r->instr_idx == INSTR_NONE || !order_state_is_end(e->state) ||
	    o->open_cnt >= o->open_max)
		return NULL;
	orders_unname(o, e);
	*e = (struct order_entry){
		.token = r->token,
		.intent_id = r->token,
		.px4 = (uint32_t)r->px4,
		.total_qty = r->qty,
		.open_qty = r->qty,
		.order_ref = r->order_ref,
		.instr_idx = r->instr_idx,
		.strategy_idx = STRATEGY_NONE,
		.side = r->side,
		.state = ORDER_PENDING_NEW,
		.flags = ORDER_ADOPTED,
	};
	orders_name(o, e);
	metric_set(&o->metrics.open_order_cnt, ++o->open_cnt);
	metric_add(&o->metrics.order_adopted, 1);
	return e;
}

static unsigned
on_replaced(struct orders *o, const struct report *r, struct fill *fill, struct update *up)
{
	struct order_entry *a = orders_of_token(o, r->orig_token);
	struct order_entry *b = orders_of_token(o, r->token);
	uint32_t reserved_qty = 0;
	bool dead = r->dead || r->qty == 0;

	if (b == NULL) {
		b = adopt(o, r);
		if (b == NULL) {
			metric_add(&o->metrics.report_unknown_token, 1);
			return 0;
		}
		if (a != NULL) { // of the same earlier process: keep one name
			orders_unname(o, b);
			b->intent_id = a->intent_id;
			b->strategy_idx = a->strategy_idx;
			orders_name(o, b);
		}
	} else if (!(b->flags & ORDER_REPLACEMENT) || b->link_token != r->orig_token) {
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
	fill_start(o, b, fill);
	if (a != NULL && !order_state_is_end(a->state)) {
		step(o, a, ORDER_EVENT_REPLACED);
		reserved_qty = a->reserved_qty;
		a->reserved_qty = 0;
		a->link_token = 0;
		b->executed_qty = a->executed_qty;
		orders_unname(o, a);
	}
	if (!(b->flags & ORDER_NAMED))
		orders_name(o, b);
	metric_add(&o->metrics.order_replaced, 1);
	b->flags = (uint8_t)((b->flags & ~ORDER_REPLACEMENT) | ORDER_ACCEPTED);
	b->link_token = 0;
	b->order_ref = r->order_ref;
	b->open_qty = dead ? 0 : r->qty;
	if (unlikely(b->open_qty > reserved_qty && !(b->flags & ORDER_ADOPTED)))
		metric_add(&o->metrics.replace_excess, 1);
	b->reserved_qty = reserved_qty;
	if (reserved_qty > b->open_qty)
		release(b, reserved_qty - b->open_qty, fill);
	fill->reserved_px4 = b->px4;
	fill->replace_done = 1;
	step(o, b, dead ? ORDER_EVENT_ACCEPTED_DEAD : ORDER_EVENT_ACCEPTED);
	if (unlikely(dead)) {
		metric_add(&o->metrics.order_dead_on_arrival, 1);
		finish(o, b, fill);
	}
	update_start(b, REPORT_REPLACED, up);
	if (r->px4 != 0)
		up->px4 = r->px4;
	return ORDERS_FILL | ORDERS_UPDATE;
}

static unsigned
on_cancel_answer(struct orders *o, struct order_entry *e, enum order_event event,
		 enum report_type cause, struct update *up)
{
	if (unlikely(e->flags & ORDER_REPLACEMENT)) { // the venue has not said that it exists
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
	if (!step(o, e, event))
		return 0;
	metric_add(event == ORDER_EVENT_CANCEL_PENDING ? &o->metrics.cancel_pending
						       : &o->metrics.cancel_rejected,
		   1);
	update_start(e, cause, up);
	return ORDERS_UPDATE;
}

static unsigned
report_of_type(struct orders *o, const struct report *r, struct fill *fill, struct update *up)
{
	struct order_entry *e = orders_of_token(o, r->token);

	// our own numbers go on after the largest the venue has seen
	if (unlikely(r->type != REPORT_NONE && r->token >= o->next_token &&
		     r->token != UINT32_MAX)) {
		o->next_token = r->token + 1;
		metric_set(&o->metrics.next_token, o->next_token);
	}
	switch ((enum report_type)r->type) {
	case REPORT_NONE:
		return 0;
	case REPORT_REPLACED:
		return on_replaced(o, r, fill, up);
	case REPORT_TRADE_BROKEN:
		return on_broken(o, r, fill, up);
	case REPORT_RESTATED:
		metric_add(&o->metrics.restated, 1);
		return 0;
	case REPORT_TYPE_CNT:
		break;
	case REPORT_ACCEPTED:
		if (e == NULL)
			e = adopt(o, r);
		if (e == NULL)
			break;
		return on_accepted(o, e, r, fill, up);
	case REPORT_EXECUTED:
		if (e != NULL)
			return on_executed(o, e, r, fill, up);
		metric_add(&o->metrics.execution_unknown, 1);
		return 0;
	case REPORT_CANCELED:
		if (e != NULL)
			return on_canceled(o, e, r, fill, up);
		break;
	case REPORT_REJECTED:
		if (e != NULL)
			return on_rejected(o, e, r, fill, up);
		break;
	case REPORT_CANCEL_PENDING:
		if (e != NULL)
			return on_cancel_answer(o, e, ORDER_EVENT_CANCEL_PENDING,
						REPORT_CANCEL_PENDING, up);
		break;
	case REPORT_CANCEL_REJECTED:
		if (e != NULL)
			return on_cancel_answer(o, e, ORDER_EVENT_CANCEL_REJECTED,
						REPORT_CANCEL_REJECTED, up);
		break;
	}
	metric_add(r->type < REPORT_TYPE_CNT ? &o->metrics.report_unknown_token
					     : &o->metrics.report_unknown_type,
		   1);
	return 0;
}

unsigned
orders_on_report(struct orders *o, const struct report *r, struct fill *fill, struct update *up)
{
	const unsigned made = report_of_type(o, r, fill, up);

	if (made & ORDERS_FILL)
		fill->head.rx_ns = r->rx_ns;
	if (made & ORDERS_UPDATE)
		up->head.rx_ns = r->rx_ns;
	return made;
}

/* The session goes and comes. */

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
	if (o->next_token == UINT32_MAX)
		return 0;
	metric_set(&o->metrics.next_token, o->next_token + 1);
	return o->next_token++;
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

	step(o, e, ORDER_EVENT_SESSION_DOWN);
	if (e->state == from)
		return 0;
	metric_add(&o->metrics.session_lost_unknown, 1);
	if (e->flags & ORDER_REPLACEMENT)
		return 0;
	update_start(e, REPORT_NONE, up);
	return ORDERS_UPDATE;
}

COLD unsigned
orders_next(struct orders *o, struct fill *fill, struct update *up)
{
	while (o->walk_slot <= o->slot_mask) {
		struct order_entry *e = &o->entry[o->walk_slot++];
		unsigned made;

		if (order_state_is_end(e->state))
			continue;
		made = o->walk == ORDER_EVENT_SESSION_DOWN ? lose(o, e, up)
							   : settle(o, e, fill, up);
		if (made != 0)
			return made;
	}
	return 0;
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
