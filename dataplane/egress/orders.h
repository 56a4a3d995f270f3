/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ORDERS_H
#define SLUICE_EGRESS_ORDERS_H

#include "base/arena.h"
#include "base/metric.h"
#include "base/units.h"
#include "egress/venue_request.h"
#include "msg/fill.h"
#include "msg/order.h"
#include "msg/report.h"
#include "msg/update.h"

/*
 * The state of every order of one session.  Turns allowed orders into venue requests and the
 * venue's reports into fills (for risk) and updates (for the strategy).  Its lane writes everything
 * here.
 *
 * Names.  The venue knows a token per request: OUCH 5.0 UserRefNum, strictly increasing, with gaps
 * where a slot is still taken.  A token's slot is its low bits, so finding an order is one load.
 * Strategy and risk know an order by the intent that created it; a replace gives it a new token,
 * and the replacement is a new entry that takes over the name when the venue says so.
 *
 * Quantities.  reserved_qty is what risk holds back for the order.  Every share of it is released
 * by exactly one fill; none is left when the order is gone.  It sits with the entry that has the
 * name.
 */

/* What a call produced; several may be set.  Nothing is produced that is not flagged. */
enum orders_verdict {
	ORDERS_SEND = 1 << 0,
	ORDERS_FILL = 1 << 1,
	ORDERS_UPDATE = 1 << 2,
};

/* update.reject_code when not the venue but this stage refused; the venue's codes are smaller. */
enum orders_refusal {
	ORDERS_REFUSED_SESSION_DOWN = 0xFF01,
	ORDERS_REFUSED_TABLE_FULL,
	ORDERS_REFUSED_DUPLICATE,
	ORDERS_REFUSED_UNKNOWN_ORDER,
	ORDERS_REFUSED_GONE,
	ORDERS_REFUSED_PENDING,
	ORDERS_REFUSED_QUANTITY,
	ORDERS_REFUSED_THROTTLE,
	ORDERS_REFUSED_MARK,
	ORDERS_REFUSED_NO_TOKEN,
	ORDERS_REFUSED_HALTED,
};

enum order_event {
	ORDER_EVENT_SEND_CANCEL,
	ORDER_EVENT_SEND_REPLACE,
	ORDER_EVENT_ACCEPTED,
	ORDER_EVENT_ACCEPTED_DEAD,
	ORDER_EVENT_REJECTED,
	ORDER_EVENT_EXECUTED,
	ORDER_EVENT_EXECUTED_ALL,
	ORDER_EVENT_CANCELED,
	ORDER_EVENT_REDUCED,
	ORDER_EVENT_CANCELED_ALL,
	ORDER_EVENT_CANCEL_PENDING,
	ORDER_EVENT_CANCEL_REJECTED,
	ORDER_EVENT_REPLACED,
	ORDER_EVENT_REPLACE_FAILED,
	ORDER_EVENT_SESSION_DOWN,
	ORDER_EVENT_STILL_THERE,
	ORDER_EVENT_NOT_PROCESSED,
	ORDER_EVENT_DOUBTED,
	ORDER_EVENT_CNT,
};

/* In the table of transitions: LIVE, PARTIALLY_FILLED when shares were executed, or PENDING_NEW. */
#define ORDER_RESTING ORDER_STATE_CNT

/* [from][event]; ORDER_FREE: illegal. */
extern const uint8_t order_transition[ORDER_STATE_CNT][ORDER_EVENT_CNT];

struct orders_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "egress/orders_metrics.def"
#undef METRIC
};

enum order_flag {
	ORDER_ACCEPTED = 1 << 0,    // the venue has said so
	ORDER_REPLACEMENT = 1 << 1, // waits to take over link_token's name
	ORDER_REDUCING = 1 << 2,    // the pending cancel keeps some shares
	ORDER_ADOPTED = 1 << 3,     // of an earlier process: nothing is reserved
	ORDER_NAMED = 1 << 4,       // found by its name
	ORDER_SHORT = INTENT_SHORT << 4,
	ORDER_SHORT_EXEMPT = INTENT_SHORT_EXEMPT << 4,
	ORDER_OWN_PRICE = 1 << 7, // the venue shows it at another price: a peg, or with discretion
	ORDER_MARKS = ORDER_SHORT | ORDER_SHORT_EXEMPT, // how the sale is marked
};
static_assert(ORDER_SHORT == 1 << 5 && ORDER_SHORT_EXEMPT == 1 << 6 && ORDER_OWN_PRICE == 1 << 7,
	      "flags of their own, and orders_style_flag");

/* An intent's flags as an entry's, and back. */
HOT_INLINE uint8_t
order_mark_of(uint8_t intent_flags)
{
	return (uint8_t)((intent_flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT)) << 4);
}

HOT_INLINE uint8_t
order_flags_of(uint8_t mark)
{
	return (uint8_t)(mark >> 4);
}

struct order_entry {
	uint32_t token; // 0: free
	uint32_t intent_id;
	uint32_t name_next; // slot + 1 of the next entry with the same hash of its name
	uint32_t px4;
	uint32_t total_qty; // asked for, executed shares included
	uint32_t open_qty;  // in the market, or about to be
	uint32_t executed_qty;
	uint32_t reserved_qty;
	uint32_t link_token; // the replacement that waits, 0: none; of one that waits: its original
	uint32_t limits_version; // that let it pass
	uint64_t order_ref;      // the venue's number
	uint64_t sent_ns;        // when its trigger was received, since 1970
	uint16_t instr_idx;
	uint16_t reject_code; // the venue's last refusal
	uint8_t strategy_idx;
	uint8_t side;
	uint8_t state; // enum order_state
	uint8_t flags; // enum order_flag
};
static_assert(sizeof(struct order_entry) == CACHE_LINE, "one order, one cache line");

/* One execution, remembered to know it again and to be able to take it back. */
struct orders_execution {
	uint64_t match_ref;
	uint32_t token; // 0: free
	uint32_t px4;
	uint32_t qty;
	uint32_t intent_id;
	uint32_t next; // index + 1 of the next with the same hash
	uint16_t instr_idx;
	uint8_t strategy_idx;
	bool is_sell : 1;
	bool broken : 1;
};
static_assert(sizeof(struct orders_execution) == CACHE_LINE / 2, "two per cache line");

struct orders {
	struct order_entry *entry; // slot_mask + 1
	uint32_t *name_head;       // slot + 1 of the first entry with that hash
	struct orders_execution *execution;
	uint32_t *match_head;
	uint32_t slot_mask;
	uint32_t next_token; // the least that may be used
	uint32_t token_end;  // none from here on may be used: others are not reserved durably
	uint32_t open_cnt;   // entries that are neither free nor in an end state
	uint32_t open_max;
	uint32_t execution_mask;
	uint32_t execution_shift;
	uint32_t execution_cnt; // ever; the ring overwrites the oldest
	uint32_t walk_slot;     // orders_next; beyond slot_mask: no walk
	uint32_t walk_token;    // the only one it is for; 0: all
	uint8_t walk;           // enum order_event the walk brings
	uint8_t session_idx;
	bool is_up;
	bool any_mark;
	uint8_t own_price_styles; // bit per style
	struct orders_metrics metrics;
};

struct orders_config {
	uint32_t orders_max; // orders remembered; rounded up to a power of two, half may be open
	uint32_t executions_max; // executions remembered, for duplicates and broken trades
	uint32_t first_token;    // 0 counts as 1
	uint32_t
		token_end; // first one that may not be used yet, see orders_allow_tokens; 0: no end
	uint8_t session_idx;
	bool any_mark;            // a modify may change a sale's mark to any other (OUCH 4.2)
	uint8_t own_price_styles; // bit per style: the venue's answers have another price
};

/* One order for people and dumps. */
struct orders_view {
	struct order_entry order;
	uint8_t session_idx;
};

/*
 * Memory   from the arena: 68 bytes per order, 36 per execution.
 * Returns  0, -ENOMEM (the arena is used up), -EINVAL (a count is 0 or above 2^24)
 */
int orders_init(struct orders *o, const struct orders_config *c, struct arena *a);

/*
 * The session lost its connection: requests are refused from now on, and what was asked but not
 * answered is of unknown fate.  Follow with orders_next until it returns 0, before anything else.
 */
void orders_on_session_down(struct orders *o);

/*
 * The session is logged in again and the reports it had missed were given to orders_on_report.
 * next_token is the least number the venue will take (OUCH 5.0 Account Query); with it what the
 * replay left open is settled: the venue did not process it.  0: the venue cannot say (OUCH 4.2),
 * then orders of unknown fate stay so until a report, or orders_on_replay_end.  Follow with
 * orders_next until it returns 0, before anything else.
 */
void orders_on_session_up(struct orders *o, uint32_t next_token);

/* Nothing missed is still to come: settles as above.  Follow with orders_next. */
void orders_on_replay_end(struct orders *o);

/*
 * What the venue told is not all there was: messages were lost, at its end or ours.  Whatever has
 * not ended is of unknown fate, until a report ends it or somebody who has asked the venue settles
 * it.  Follow with orders_next.
 */
void orders_doubt(struct orders *o);

/*
 * Orders of unknown fate are not in the market: the one of the token, or all with 0.  What the
 * venue tells of them later counts all the same.  Follow with orders_next.
 *
 * Returns how many; 0 when the token's order is none of them
 */
uint32_t orders_settle(struct orders *o, uint32_t token);

/* Orders of unknown fate: whether that of the token is one, or with 0 how many there are. */
uint32_t orders_unknown_cnt(const struct orders *o, uint32_t token);

/* What the calls above changed, one order at a time: ORDERS_FILL | ORDERS_UPDATE, 0 when done. */
unsigned orders_next(struct orders *o, struct fill *fill, struct update *up);

/* One message of the venue.  At most one fill and one update: ORDERS_FILL | ORDERS_UPDATE. */
unsigned orders_on_report(struct orders *o, const struct report *r, struct fill *fill,
			  struct update *up);

/* Requests other than new orders: orders_ask and orders_enter of those. */
unsigned orders_on_change(struct orders *o, const struct order *in, struct venue_request *out,
			  struct fill *fill, struct update *up);

/* What goes back for an order that is not sent. */
unsigned orders_refuse(struct orders *o, const struct order *in, enum orders_refusal why,
		       struct fill *fill, struct update *up);

/*
 * Walks the remembered orders for a dump: *cursor begins as 0.  False at the end.
 * Thread: the lane that owns o.
 */
bool orders_view_next(const struct orders *o, uint32_t *cursor, struct orders_view *out);
bool orders_view_token(const struct orders *o, uint32_t token, struct orders_view *out);

/* Whether orders_next has more to tell. */
HOT_INLINE bool
orders_walks(const struct orders *o)
{
	return o->walk_slot <= o->slot_mask;
}

const char *order_state_name(enum order_state state);

HOT_INLINE bool
order_state_is_end(uint8_t state)
{
	return state == ORDER_FREE || state == ORDER_FILLED || state == ORDER_CANCELED ||
	       state == ORDER_REPLACED || state == ORDER_REJECTED;
}

HOT_INLINE struct order_entry *
orders_of_token(const struct orders *o, uint32_t token)
{
	struct order_entry *e = &o->entry[token & o->slot_mask];

	return e->token == token && token != 0 ? e : NULL;
}

/* A strategy counts its intents: neighbours share a cache line, and the last ones never collide. */
HOT_INLINE uint32_t
orders_name_hash(const struct orders *o, uint8_t strategy_idx, uint32_t intent_id)
{
	return (intent_id + strategy_idx * 0x9E3779B1U) & o->slot_mask;
}

HOT_INLINE uint8_t
orders_style_flag(const struct orders *o, uint8_t style)
{
	return (uint8_t)((o->own_price_styles >> (style & 7) & 1) << 7);
}

/* The newest entry with that name, NULL when it is not remembered. */
HOT_INLINE struct order_entry *
orders_of_name(const struct orders *o, uint8_t strategy_idx, uint32_t intent_id)
{
	uint32_t next = o->name_head[orders_name_hash(o, strategy_idx, intent_id)];

	while (next != 0) {
		struct order_entry *e = &o->entry[next - 1];

		if (e->intent_id == intent_id && e->strategy_idx == strategy_idx)
			return e;
		next = e->name_next;
	}
	return NULL;
}

HOT_INLINE void
orders_name(struct orders *o, struct order_entry *e)
{
	uint32_t *head = &o->name_head[orders_name_hash(o, e->strategy_idx, e->intent_id)];

	e->name_next = *head;
	e->flags |= ORDER_NAMED;
	*head = (uint32_t)(e - o->entry) + 1;
}

/* The name no longer leads to the entry. */
HOT_INLINE void
orders_unname(struct orders *o, struct order_entry *e)
{
	uint32_t *at = &o->name_head[orders_name_hash(o, e->strategy_idx, e->intent_id)];
	const uint32_t self = (uint32_t)(e - o->entry) + 1;

	if (!(e->flags & ORDER_NAMED))
		return;
	while (*at != self)
		at = &o->entry[*at - 1].name_next;
	*at = e->name_next;
	e->flags &= (uint8_t)~ORDER_NAMED;
}

/*
 * A place for the next order, with its token; NULL when half the table is open or no number is
 * left.  Steps over slots of orders that live long: at most half are taken, so it ends.
 */
HOT_INLINE struct order_entry *
orders_claim(struct orders *o)
{
	uint32_t token = o->next_token;
	struct order_entry *e = &o->entry[token & o->slot_mask];

	if (unlikely(o->open_cnt >= o->open_max))
		return NULL;
	while (unlikely(!order_state_is_end(e->state)))
		e = &o->entry[++token & o->slot_mask];
	if (unlikely(token < o->next_token || token >= o->token_end))
		return NULL;
	orders_unname(o, e);
	e->token = token;
	o->next_token = token + 1;
	metric_set(&o->metrics.next_token, o->next_token);
	metric_set(&o->metrics.open_order_cnt, ++o->open_cnt);
	return e;
}

/* Why orders_claim gave none. */
HOT_INLINE enum orders_refusal
orders_claim_refusal(const struct orders *o)
{
	return o->open_cnt >= o->open_max ? ORDERS_REFUSED_TABLE_FULL : ORDERS_REFUSED_NO_TOKEN;
}

/*
 * Numbers below end may be used: a later process will use none of them.  Never takes back what was
 * allowed.
 */
COLD void orders_allow_tokens(struct orders *o, uint32_t end);

/* A number for a request that is no order; 0 when none is left. */
COLD uint32_t orders_take_number(struct orders *o);

/* The venue takes no number below this: somebody else used the ones between. */
COLD void orders_raise_number(struct orders *o, uint32_t next_token);

enum { ORDERS_LOOK = 8 }; // orders between the two looks of orders_prepare at a place

/*
 * Makes the next order's place ready, after one was sent and off its way: a table of many orders
 * leaves the caches, and what was remembered there gives up its name.  A place is asked for some
 * orders before it is read: where a page begins, no cache asks ahead for its first lines by itself.
 */
HOT_INLINE void
orders_prepare(struct orders *o)
{
	struct order_entry *e = &o->entry[o->next_token & o->slot_mask];

	if (order_state_is_end(e->state))
		orders_unname(o, e);
	__builtin_prefetch(e, 1); // the test above reads it only
	__builtin_prefetch(&o->entry[(o->next_token + ORDERS_LOOK) & o->slot_mask], 1);
}

/*
 * An order that risk has let pass.  Returns ORDERS_SEND when *out is to be encoded; otherwise what
 * goes back, ORDERS_FILL | ORDERS_UPDATE.  After ORDERS_SEND, and before any other call,
 * orders_enter: a new order has its number, and what is remembered of it can wait until it left.
 */
HOT_INLINE unsigned
orders_ask(struct orders *o, const struct order *in, struct venue_request *out, struct fill *fill,
	   struct update *up)
{
	struct order_entry *e;

	if (unlikely(in->kind != INTENT_NEW))
		return orders_on_change(o, in, out, fill, up);
	if (unlikely(!o->is_up))
		return orders_refuse(o, in, ORDERS_REFUSED_SESSION_DOWN, fill, up);
	e = orders_of_name(o, in->strategy_idx, in->intent_id);
	if (unlikely(e != NULL && !order_state_is_end(e->state)))
		return orders_refuse(o, in, ORDERS_REFUSED_DUPLICATE, fill, up);
	e = orders_claim(o);
	if (unlikely(e == NULL))
		return orders_refuse(o, in, orders_claim_refusal(o), fill, up);
	*out = (struct venue_request){
		.px4 = in->px4,
		.token = e->token,
		.qty = in->qty,
		.instr_idx = in->head.instr_idx,
		.kind = INTENT_NEW,
		.side = in->side,
		.tif = in->tif,
		.flags = in->flags,
		.style = in->style,
	};
	return ORDERS_SEND;
}

/* What orders_ask said is to be encoded, under that number, is remembered. */
HOT_INLINE void
orders_enter(struct orders *o, const struct order *in, uint32_t token)
{
	struct order_entry *e = &o->entry[token & o->slot_mask];

	if (unlikely(in->kind != INTENT_NEW))
		return;
	*e = (struct order_entry){
		.token = token,
		.intent_id = in->intent_id,
		.px4 = in->px4,
		.total_qty = in->qty,
		.open_qty = in->qty,
		.reserved_qty = in->reserve_qty,
		.instr_idx = in->head.instr_idx,
		.strategy_idx = in->strategy_idx,
		.side = in->side,
		.state = ORDER_PENDING_NEW,
		.flags = (uint8_t)(orders_style_flag(o, in->style) |
				   (in->side == SIDE_SELL ? order_mark_of(in->flags) : 0)),
		.limits_version = in->limits_version,
		.sent_ns = in->head.rx_ns,
	};
	orders_name(o, e);
	metric_add(&o->metrics.new_sent, 1);
}

/* Both at once. */
HOT_INLINE unsigned
orders_on_order(struct orders *o, const struct order *in, struct venue_request *out,
		struct fill *fill, struct update *up)
{
	const unsigned said = orders_ask(o, in, out, fill, up);

	if (likely(said & ORDERS_SEND))
		orders_enter(o, in, out->token);
	return said;
}

#endif
