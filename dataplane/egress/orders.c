/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "egress/orders_step.h"

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
	o->token_end = c->token_end == 0 ? UINT32_MAX : c->token_end;
	o->walk_slot = slot_cnt;
	o->session_idx = c->session_idx;
	o->any_mark = c->any_mark;
	o->own_price_styles = c->own_price_styles;
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
	fill->px4 = (uint32_t)r->px4;
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

/* The execution had another price.  No quantity changes, so nobody but risk has to know. */
static COLD unsigned
on_corrected(struct orders *o, const struct report *r, struct fill *fill)
{
	struct orders_execution *x = execution_of(o, r->token, r->match_ref);

	if (x == NULL) {
		metric_add(&o->metrics.correction_unknown, 1);
		return 0;
	}
	if (x->broken || x->px4 == r->px4) {
		metric_add(&o->metrics.correction_duplicate, 1);
		return 0;
	}
	metric_add(&o->metrics.correction_mismatch, r->qty != x->qty);
	metric_add(&o->metrics.correction_applied, 1);
	*fill = (struct fill){
		.head.instr_idx = x->instr_idx,
		.px4 = (uint32_t)r->px4,
		.was_px4 = x->px4,
		.intent_id = x->intent_id,
		.executed_qty = x->qty,
		.side = x->is_sell ? SIDE_SELL : SIDE_BUY,
		.strategy_idx = x->strategy_idx,
		.session_idx = o->session_idx,
		.corrected = 1,
	};
	x->px4 = (uint32_t)r->px4;
	return ORDERS_FILL;
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

/* The venue's word about what is left and how a sale is marked, whoever asked for it. */
static COLD unsigned
on_modified(struct orders *o, struct order_entry *e, const struct report *r, struct fill *fill,
	    struct update *up)
{
	if (unlikely(order_state_is_end(e->state) || (e->flags & ORDER_REPLACEMENT))) {
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
	metric_add(&o->metrics.order_modified, 1);
	e->flags = (uint8_t)((e->flags & ~ORDER_MARKS) | order_mark_of(r->mark));
	fill_start(o, e, fill);
	if (unlikely(r->qty > e->open_qty)) // we never ask for more
		metric_add(&o->metrics.modify_excess, 1);
	if (r->qty != e->open_qty) {
		e->open_qty = r->qty;
		step(o, e, r->qty == 0 ? ORDER_EVENT_CANCELED_ALL : ORDER_EVENT_CANCELED);
		release_unneeded(o, e, fill);
	}
	if (e->open_qty == 0) {
		metric_add(&o->metrics.order_canceled, 1);
		finish(o, e, fill);
	}
	update_start(e, REPORT_MODIFIED, up);
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
	if (r->px4 != 0 && !(e->flags & ORDER_OWN_PRICE))
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
		metric_add(r->reject_code >= ORDERS_REFUSED_SESSION_DOWN
				   ? &o->metrics.order_unsent
				   : &o->metrics.order_rejected,
			   1);
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

/* Whether the venue has said that a is there, and what takes its place is an order like it. */
static bool
may_be_replaced(const struct order_entry *a, const struct order_entry *b, const struct report *r)
{
	return !(a->flags & ORDER_REPLACEMENT) &&
	       order_transition[a->state][ORDER_EVENT_REPLACED] != ORDER_FREE &&
	       (b != NULL || r->instr_idx == INSTR_NONE ||
		(r->instr_idx == a->instr_idx && r->side == a->side));
}

static unsigned
on_replaced(struct orders *o, const struct report *r, struct fill *fill, struct update *up)
{
	struct order_entry *a = orders_of_token(o, r->orig_token);
	struct order_entry *b = orders_of_token(o, r->token);
	uint32_t reserved_qty = 0;
	const bool asked = b != NULL; // otherwise it is not our replace that is answered
	bool dead = r->dead || r->qty == 0;

	if (a != NULL && order_state_is_end(a->state))
		a = NULL; // nothing is left of it to take over
	if (unlikely(a != NULL && !may_be_replaced(a, b, r))) {
		metric_add(&o->metrics.illegal_transition, 1);
		return 0;
	}
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
	if (a != NULL) {
		if (unlikely(a->link_token != 0 && a->link_token != b->token))
			void_replacement(o, a, fill); // another took its place
		step(o, a, ORDER_EVENT_REPLACED);
		reserved_qty = a->reserved_qty;
		a->reserved_qty = 0;
		a->link_token = 0;
		b->executed_qty = a->executed_qty;
		b->flags = (uint8_t)((b->flags & ~ORDER_MARKS) | (a->flags & ORDER_MARKS));
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
	fill->replace_done |= asked;
	step(o, b, dead ? ORDER_EVENT_ACCEPTED_DEAD : ORDER_EVENT_ACCEPTED);
	if (unlikely(dead)) {
		metric_add(&o->metrics.order_dead_on_arrival, 1);
		finish(o, b, fill);
	}
	update_start(b, REPORT_REPLACED, up);
	if (r->px4 != 0 && !(b->flags & ORDER_OWN_PRICE))
		up->px4 = r->px4;
	return ORDERS_FILL | ORDERS_UPDATE;
}

static unsigned
on_cancel_answer(struct orders *o, struct order_entry *e, enum order_event event,
		 enum report_type cause, struct update *up)
{
	// of one that the venue has not said to exist, or whose cancel named its replacement
	if (unlikely((e->flags & ORDER_REPLACEMENT) ||
		     (event == ORDER_EVENT_CANCEL_REJECTED && e->state == ORDER_PENDING_CANCEL &&
		      e->link_token != 0))) {
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
	case REPORT_CORRECTED:
		return on_corrected(o, r, fill);
	case REPORT_RESTATED:
		metric_add(&o->metrics.restated, 1);
		return 0;
	case REPORT_PRIORITY:
		if (e == NULL)
			break;
		e->order_ref = r->order_ref;
		metric_add(&o->metrics.priority_changed, 1);
		return 0;
	case REPORT_MODIFIED:
		if (e != NULL)
			return on_modified(o, e, r, fill, up);
		break;
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
