/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_H
#define SLUICE_INGRESS_BOOK_H

#include "base/arena.h"
#include "base/event.h"
#include "base/metric.h"
#include "base/u64_map.h"
#include "ingress/book_info.h"
#include "ingress/book_side.h"
#include "ingress/book_view.h"
#include "ingress/order_queue.h"
#include "ingress/trade_log.h"
#include "msg/bbo.h"
#include "msg/datagram.h"
#include "msg/mark.h"
#include "msg/md.h"

/*
 * The books of all instruments of a feed's shard: order by order into price levels.
 *
 * One record per order, at the place of its reference (shares left, level); one record per level,
 * found by its price; per instrument and side a bit for each price near the touch, which nobody
 * looks at unless a level comes or goes.  Indices have 32 bits; nothing is allocated.
 * What a hostile feed says is counted by kind, and an instrument whose book can no longer be
 * believed is SUSPECT until a snapshot or a new session: out of the market beats wrong in it.
 */

struct book_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/book_metrics.def"
#undef METRIC
};

/* What book_on_md and book_next return: which messages were filled, and what else happened. */
enum book_flag {
	BOOK_BBO = 1 << 0,  // *bbo is filled
	BOOK_MARK = 1 << 1, // *mark is filled; goes out before *bbo
	BOOK_TOP = 1 << 2,  // the best of md's instrument changed, configured or not
	BOOK_ALL = 1 << 3,  // confidence or state of many instruments: call book_next until 0
};

/* An instrument of the configuration. */
struct book_ours_config {
	char symbol[8]; // padded with spaces on the right
	uint16_t instr_idx;
};

struct book_config {
	uint16_t feed_idx;
	uint16_t locate_max;  // largest locate; 65535 takes all
	uint32_t orders_max;  // orders alive at once
	uint32_t levels_max;  // price levels alive at once, at most PRICE_LEVELS_MAX
	uint32_t trades_max;  // matches remembered in case one is broken later, below 2^24
	bool trust_late_join; // books joined in mid-day without a snapshot may be LIVE: simulations
	bool queues;          // the orders of each level in their order, too (book_queue.h)
	unsigned ours_cnt;
	const struct book_ours_config *ours; // read by book_init only
	struct event_sink *events;           // the lane's; NULL says nothing
};

#define BOOK_PX4_MAX 2000000000u // ITCH 5.0: 200,000 dollars

/* What was told of a configured instrument. */
struct book_ours {
	uint64_t since_ns;                 // when it got its confidence
	uint64_t spent_ns[CONFIDENCE_CNT]; // in each one before
	char symbol[8];
	uint16_t locate;
	uint8_t confidence;
	uint8_t state;
	bool found; // locate is valid
	bool told;
	bool configured;
	uint8_t phase;
};

/* Why no book of the feed may be believed, as bits. */
enum book_stale {
	BOOK_NO_SESSION = 1 << 0,
	BOOK_SILENT = 1 << 1,
	BOOK_ENDED = 1 << 2, // the session, or its messages for the day
};

struct book {
	struct book_instr *instr; // locate_max + 1
	struct order_table order;
	struct price_levels levels;
	uint32_t locate_max;
	uint32_t locate_mask; // covers locate_max; the table is as large
	uint32_t locate_end;  // messages of locates below go straight on; 0 while some may not
	uint32_t usual;       // types that book_on_usual takes, as bits: BOOK_USUAL, or none
	uint16_t feed_idx;
	uint8_t stale;    // enum book_stale: why nothing may be believed
	bool suspect;     // a gap, or joined late
	bool closed;      // system hours are over
	bool late_joined; // and trusted: unknown references are no surprise
	bool trust_late_join;
	uint8_t system_event;  // last 'S' code
	uint64_t ts_ns;        // of the last message
	struct book_keys keys; // of the sides
	uint64_t next_seq;     // after the datagram in hand
	uint64_t now_ns;       // lane's time of the last datagram or look at the time
	// of the whole market
	uint8_t phase;           // enum feed_phase
	uint8_t breach_cnt;      // times the market-wide circuit breaker tripped
	uint8_t breach_level;    // '1'..'3', 0: none
	uint64_t breach_seq;     // number of its message
	uint64_t mwcb_px8[3];    // levels, 1/100000000; 0: not heard
	struct trade_log trades; // that may be broken
	struct event_sink *events;
	// recovery
	struct book_info *info; // locate_max + 1
	bool recovering;        // the affected set waits for a snapshot and what came since
	bool lost;              // recovery failed: the set is stale
	bool set_all;           // the set is every instrument; otherwise book_info has it
	bool forgetting;        // the set's orders, in slices
	uint16_t source_flags;  // SNAPSHOT or REPLAY of the datagram in hand
	uint16_t due_flags;     // a datagram's, to be carried out when all is forgotten
	uint32_t forget_locate; // how far forgetting came
	uint32_t forget_order;
	// configured instruments
	struct u64_map symbol; // symbol -> instr_idx
	uint32_t walk_idx;     // book_next
	uint32_t ours_end;
	struct book_notes *notes;          // by instr_idx
	struct book_view_slot *view;       // by instr_idx, for other threads
	uint64_t view_seq[INSTR_MAX];      // what the view is of
	uint64_t view_due[INSTR_MAX / 64]; // bit per instrument: its best or state changed
	uint32_t view_next;                // in turn
	cache_aligned struct book_metrics metrics;
	struct book_ours ours[INSTR_MAX];
};

/* Memory that book_init takes from the arena, at most. */
size_t book_bytes(const struct book_config *c);

/*
 * Returns  0
 *          -EINVAL  a capacity is 0 or too large, or an instr_idx is out of range or repeated
 *          -ENOMEM  the arena is used up
 */
int book_init(struct book *b, const struct book_config *c, struct arena *arena);

/*
 * Takes what arb says besides messages: a gap, silence, a new session.  Returns BOOK_ALL when
 * book_next has something to tell.
 */
unsigned book_on_datagram_flags(struct book *b, uint16_t flags);

/* Whether a datagram without flags must be told, too. */
HOT_INLINE bool
book_wants_flags(const struct book *b)
{
	return b->source_flags != 0 || b->forgetting;
}

/*
 * The next configured instrument whose confidence or state changed by what came before; 0 when
 * all were told.  Resumes from the beginning with each new cause.  BOOK_ALL alone is a slice of
 * longer work, with more to come: the lane may look at something else before it calls again.
 */
unsigned book_next(struct book *b, struct bbo *bbo, struct mark *mark);

/* Copies the best row_max levels, best first; returns how many.  Thread: the owner. */
unsigned book_depth(const struct book *b, uint16_t locate, enum side side,
		    struct book_depth_row *out, unsigned row_max);

/* Sum modulo 2^64 over all levels of (2 * locate + side + 1) * px4 * quantity. */
uint64_t book_digest(const struct book *b);
/* The same, computed from the orders. */
uint64_t book_digest_of_orders(const struct book *b);

struct book_tally {
	uint64_t qty;
	uint32_t order_cnt;
};

/* One per slot of the levels' table, and one for no level. */
static inline size_t
book_tally_cnt(uint32_t levels_max)
{
	return price_levels_slots(levels_max) + 1ULL;
}

/* A constant that is not less. */
#define BOOK_TALLY_MAX(levels_max) (6 * (levels_max) + 32)

/*
 * Adds up everything anew.  NULL when it agrees with what the book says, otherwise the first thing
 * that does not.
 *
 * Thread   the owner, or anyone while the owner does nothing.
 * Time     all orders and levels: not for a lane that trades.
 * Memory   tally: book_tally_cnt(levels_max) of them, the caller's.
 */
const char *book_audit(const struct book *b, struct book_tally *tally);

/* The lane's time; confidence is measured by it.  Thread: the owner, now and then. */
void book_on_time(struct book *b, uint64_t now_ns);

/*
 * Writes a few views anew.  next_seq is the sequence number of the first message the book has not
 * seen.  Thread: the owner, now and then.
 */
void book_publish(struct book *b, uint64_t next_seq);

/* Brings the gauges up to date.  Thread: the owner, now and then. */
void book_set_gauges(struct book *b);

/* Whether the instrument is one of the affected set. */
HOT_INLINE bool
book_in_set(const struct book *b, uint32_t locate)
{
	return b->set_all || b->info[locate].in_set;
}

/* How far an instrument may be believed, and whether it trades. */
HOT_INLINE uint8_t
book_confidence(const struct book *b, const struct book_instr *in)
{
	if (b->stale)
		return CONFIDENCE_STALE;
	if ((b->recovering || b->lost) && book_in_set(b, (uint32_t)(in - b->instr)))
		return b->lost ? CONFIDENCE_STALE : CONFIDENCE_RECOVERING;
	return b->suspect || in->suspect || in->crossed ? CONFIDENCE_SUSPECT : CONFIDENCE_LIVE;
}

HOT_INLINE uint8_t
book_state(const struct book *b, const struct book_instr *in)
{
	if (in->authenticity == 'T')
		return TRADING_TEST;
	if (b->closed || in->market_halted || b->info[in - b->instr].breach_cnt != b->breach_cnt)
		return TRADING_HALTED;
	return in->state;
}

/* Whether the order of a level's orders is known. */
HOT_INLINE bool
book_has_queues(const struct book *b)
{
	return b->order.link != NULL;
}

/* What book_on_usual takes, as bits. */
#define BOOK_USUAL                                                                 \
	(1U << MD_ORDER_ADDED | 1U << MD_ORDER_EXECUTED | 1U << MD_ORDER_REDUCED | \
	 1U << MD_ORDER_DELETED | 1U << MD_ORDER_REPLACED)

/* A symbol as a key of struct book's map. */
HOT_INLINE uint64_t
book_symbol_key(const char symbol[8])
{
	uint64_t v;

	memcpy(&v, symbol, sizeof(v));
	return v;
}

/*
 * Looks ahead: at the order, the instrument and the level that a price names; when the order has
 * arrived, at its level.  They change nothing but caches and m's own notes.  The second needs the
 * first, and none must be made.  Thread: the owner.
 */
HOT_INLINE void
book_prefetch(const struct book *b, struct md *m)
{
	const struct book_instr *in = &b->instr[m->locate & b->locate_mask];
	const uint64_t key = price_key(m->locate, 0, m->px4);
	const uint32_t home_at = 1 + price_levels_home(&b->levels, key);
	const struct order_rec *order = order_table_place(&b->order, m->order_ref);
	const struct price_level *level = &b->levels.level[home_at];

	__builtin_prefetch(in, 1);
	if (unlikely(m->type > MD_ORDER_REPLACED)) {
		__builtin_prefetch(&in->last_px4, 1);
		__builtin_prefetch(&b->info[m->locate & b->locate_mask], 1);
		return; // no order, and no room for notes
	}
	// what names no price looks at where price 0 would stand: cheaper than not to, and a branch
	// on the type could not be foreseen
	m->home_at = home_at;
	m->level_at = home_at;
	m->place = order;
	__builtin_prefetch(in->near[0], 1);
	__builtin_prefetch(in->near[1], 1);
	__builtin_prefetch(order, 1);
	__builtin_prefetch(level, 1);
}

/* The level that the message's order has; and that of its price, where its home is another's. */
HOT_INLINE void
book_prefetch_level(const struct book *b, struct md *m)
{
	const struct price_level *level = b->levels.level;
	uint32_t level_idx;

	if (unlikely(m->type > MD_ORDER_REPLACED))
		return;
	level_idx = ((const struct order_rec *)m->place)->level_idx;
	__builtin_prefetch(&level[level_idx], 1);
	m->level_at = price_levels_guess(&b->levels, m->home_at, m->px4);
	__builtin_prefetch(&level[m->level_at], 1);
}

/*
 * Where queues are kept, one look beside each of the two, and a third: at the order's place in its
 * queue, at the ends of that queue, and at the orders that it stands beside, or will.
 */
HOT_INLINE void
book_prefetch_link(const struct book *b, const struct md *m)
{
	if (likely(m->type <= MD_ORDER_REPLACED))
		order_queue_prefetch(&b->order, m->place);
}

HOT_INLINE void
book_prefetch_ends(const struct book *b, const struct md *m)
{
	if (likely(m->type <= MD_ORDER_REPLACED))
		order_queue_prefetch_ends(
			&b->order, (uint32_t)pick(m->type == MD_ORDER_ADDED, m->level_at,
						  ((const struct order_rec *)m->place)->level_idx));
}

HOT_INLINE void
book_prefetch_queue(const struct book *b, const struct md *m)
{
	if (unlikely(m->type > MD_ORDER_REPLACED))
		return;
	if (m->type == MD_ORDER_ADDED)
		order_queue_prefetch_push(&b->order, m->level_at);
	else
		order_queue_prefetch_pull(&b->order, m->place);
}

/* While a recovery runs or has failed: what goes to whom.  Out of line. */
unsigned book_on_guarded(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark);
/* True when the flags have to wait for book_recover_next to return false. */
bool book_recover_on_flags(struct book *b, uint16_t flags);
bool book_recover_next(struct book *b);
void book_recover_reset(struct book *b);
/* A slice of what is left to forget.  Thread: the owner, in housekeeping. */
void book_recover_some(struct book *b);

/* Rare messages and oddities, out of line; each returns enum book_flag. */
unsigned book_on_rare(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark);
/* Gives the instrument its name, and its place among the configured ones.  0 or BOOK_ALL. */
unsigned book_learn_symbol(struct book *b, struct book_instr *in, uint16_t locate,
			   const char symbol[8]);
void book_believe_no_more(struct book *b, struct book_instr *in, const uint64_t *counter);
/* Counts a print: its volume, and its price as the last one. */
unsigned book_print(struct book *b, struct book_instr *in, const struct md *m, uint64_t qty,
		    uint32_t px4, struct bbo *bbo, struct mark *mark);
/* Counts one oddity and believes the instrument no more. */
unsigned book_odd(struct book *b, struct book_instr *in, uint64_t *counter, struct bbo *bbo,
		  struct mark *mark);
/* An order whose reference is unknown. */
unsigned book_unknown(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark);
/* An order whose instrument is not the one its message names. */
unsigned book_mismatch(struct book *b, const struct md *m, uint16_t order_locate, struct bbo *bbo,
		       struct mark *mark);
/* A new order with a value out of its range.  True when it enters the book all the same. */
bool book_odd_order(struct book *b, const struct md *m);
/* An order of an instrument with another symbol than known, or none. */
unsigned book_meet(struct book *b, struct book_instr *in, const struct md *m, struct bbo *bbo,
		   struct mark *mark);
/* After a change of best price: whether the sides cross. */
void book_check_crossed(struct book *b, struct book_instr *in);
/* Counts an execution's volume and price. */
unsigned book_on_execution(struct book *b, struct book_instr *in, const struct md *m,
			   uint32_t order_px4, struct bbo *bbo, struct mark *mark);
/* Fills the messages of a configured instrument. */
unsigned book_tell(struct book *b, const struct book_instr *in, unsigned what, struct bbo *bbo,
		   struct mark *mark);
/* The level that has become a side's best, after the best one went. */
void book_top_fall(struct book *b, struct book_instr *in, uint8_t side);

/* A new level, with no order yet; 0 when there is no room. */
HOT_INLINE uint32_t
book_level_make(struct book *b, struct book_instr *in, uint64_t key, uint32_t home)
{
	const uint32_t idx = price_levels_add(&b->levels, key, home);

	if (unlikely(idx == 0))
		return 0;
	if (unlikely(!book_side_add(&b->keys, in, (uint8_t)(key >> 48), (uint32_t)key, idx))) {
		price_levels_remove(&b->levels, idx);
		return 0;
	}
	return idx;
}

/* Takes an empty level out. */
HOT_INLINE void
book_level_drop(struct book *b, struct book_instr *in, uint32_t idx)
{
	const struct price_level *lv = &b->levels.level[idx];
	const uint8_t side = price_level_side(lv);

	book_side_remove(&b->keys, in, side, price_level_px4(lv));
	price_levels_remove(&b->levels, idx);
	if (idx == in->side[side].top_idx)
		book_top_fall(b, in, side);
}

/* A walk along the levels of a side, best first.  Valid until the book's next message. */
struct book_walk {
	const struct book *book;
	uint64_t end_key; // levels whose keys are below are still to come
	uint32_t idx;     // the level in hand
	uint16_t locate;
	uint8_t side;
};

HOT_INLINE struct book_walk
book_walk_start(const struct book *b, uint16_t locate, uint8_t side)
{
	return (struct book_walk){
		.book = b, .end_key = 1ULL << 32, .locate = locate, .side = side
	};
}

/* False after the last level.  idx is 0 when the price has no level, which only audits see. */
bool book_walk_next(struct book_walk *w);

/* Compares the best of one side with what was told of it. */
HOT_INLINE unsigned
book_settle(struct book *b, struct book_instr *in, uint8_t side, struct bbo *bbo, struct mark *mark)
{
	const struct price_level *top = &b->levels.level[in->side[side].top_idx];
	const uint64_t sum_qty = price_level_qty(top);
	const uint32_t qty = sum_qty > UINT32_MAX ? UINT32_MAX : (uint32_t)sum_qty;
	const uint32_t px4 = price_level_px4(top);
	unsigned what = BOOK_TOP | BOOK_BBO;

	if (px4 == in->top_px4[side] && qty == in->top_qty[side])
		return 0;
	if (px4 != in->top_px4[side]) {
		what |= BOOK_MARK;
		in->top_px4[side] = px4;
		in->top_qty[side] = qty;
		if (unlikely(in->top_px4[SIDE_BUY] >= in->top_px4[SIDE_SELL] || in->crossed))
			book_check_crossed(b, in);
	}
	in->top_qty[side] = qty;
	metric_add(&b->metrics.top_changed, 1);
	if (in->instr_idx == INSTR_NONE)
		return BOOK_TOP;
	return book_tell(b, in, what, bbo, mark);
}

/* Puts a new order into its level. Returns the level; 0: no room, counted. */
HOT_INLINE uint32_t
book_insert(struct book *b, struct book_instr *in, const struct md *m, uint64_t ref, uint8_t side)
{
	const uint64_t key = price_key(m->locate, side, m->px4);
	const uint32_t home = m->home_at != 0 ? m->home_at - 1 : price_levels_home(&b->levels, key);
	struct order_rec *order;
	uint32_t idx;

	if (unlikely(b->order.cnt == b->order.max)) {
		metric_add(&b->metrics.order_table_full, 1);
		return 0;
	}
	idx = price_levels_find_at(&b->levels, key, home);
	if (idx == 0)
		idx = book_level_make(b, in, key, home);
	if (unlikely(idx == 0 || price_level_is_full(&b->levels.level[idx], m->qty))) {
		metric_add(&b->metrics.level_table_full, 1);
		return 0;
	}
	order = order_table_add(&b->order, ref, m->qty, idx);
	if (unlikely(order == NULL)) {
		metric_add(&b->metrics.order_table_full, 1);
		if (price_level_order_cnt(&b->levels.level[idx]) == 0)
			book_level_drop(b, in, idx);
		return 0;
	}
	price_level_add_order(&b->levels.level[idx], m->qty);
	if (book_has_queues(b))
		order_queue_push(&b->order, order);
	return idx;
}

/* Takes a whole order out of its level. */
HOT_INLINE void
book_remove(struct book *b, struct book_instr *in, struct order_rec *order)
{
	struct price_level *lv = &b->levels.level[order->level_idx];

	if (book_has_queues(b))
		order_queue_pull(&b->order, order);
	price_level_remove_order(lv, order->qty);
	if (price_level_order_cnt(lv) == 0)
		book_level_drop(b, in, order->level_idx);
	order_table_remove(&b->order, order);
}

HOT_INLINE unsigned
book_on_added(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	struct book_instr *in = &b->instr[m->locate];
	unsigned what = 0;
	uint32_t idx;

	if (unlikely(memcmp(in->symbol, m->symbol, sizeof(in->symbol)) != 0 || !in->known))
		what = book_meet(b, in, m, bbo, mark);
	if (unlikely(m->order_ref == 0 || m->qty == 0 || m->px4 - 1 >= BOOK_PX4_MAX ||
		     m->side > SIDE_SELL)) {
		const bool enters = book_odd_order(b, m);

		what |= book_odd(b, in, NULL, bbo, mark);
		if (!enters)
			return what;
	}
	order_table_reach(&b->order, m->order_ref);
	if (unlikely(order_table_find(&b->order, m->order_ref) != NULL))
		return what | book_odd(b, in, &b->metrics.ref_repeated, bbo, mark);
	idx = book_insert(b, in, m, m->order_ref, m->side);
	if (unlikely(idx == 0))
		return what | book_odd(b, in, NULL, bbo, mark);
	if (likely(idx != in->side[m->side].top_idx))
		return what;
	return what | book_settle(b, in, m->side, bbo, mark);
}

/* Executions, partial cancels and deletes: qty shares leave the order. */
HOT_INLINE unsigned
book_on_left(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	struct book_instr *in = &b->instr[m->locate];
	struct order_rec *order = order_table_find(&b->order, m->order_ref);
	const struct price_level *lv;
	unsigned what = 0;
	uint8_t side;
	bool top;

	if (unlikely(order == NULL))
		return book_unknown(b, m, bbo, mark);
	lv = &b->levels.level[order->level_idx];
	if (unlikely(price_level_locate(lv) != m->locate))
		return book_mismatch(b, m, price_level_locate(lv), bbo, mark);
	side = price_level_side(lv);
	top = order->level_idx == in->side[side].top_idx;
	if (m->type == MD_ORDER_EXECUTED || unlikely(m->type == MD_ORDER_EXECUTED_AT_PRICE))
		what = book_on_execution(b, in, m, price_level_px4(lv), bbo, mark);
	if (m->type == MD_ORDER_DELETED) {
		book_remove(b, in, order);
	} else if (likely(m->qty < order->qty)) {
		if (unlikely(m->qty == 0))
			metric_add(&b->metrics.qty_zero, 1);
		order->qty -= m->qty;
		price_level_reduce(&b->levels.level[order->level_idx], m->qty);
	} else {
		if (unlikely(m->qty > order->qty))
			what |= book_odd(b, in, &b->metrics.qty_negative, bbo, mark);
		book_remove(b, in, order);
	}
	return top ? what | book_settle(b, in, side, bbo, mark) : what;
}

/* A replace of an order that is there, of the instrument that its message names. */
HOT_INLINE unsigned
book_replace(struct book *b, const struct md *m, struct order_rec *order, struct bbo *bbo,
	     struct mark *mark)
{
	struct book_instr *in = &b->instr[m->locate];
	const struct price_level *lv = &b->levels.level[order->level_idx];
	const uint8_t side = price_level_side(lv);
	const bool top = order->level_idx == in->side[side].top_idx;
	unsigned what = 0;
	uint32_t idx = 0;

	if (unlikely(order_table_find(&b->order, m->new_ref) != NULL)) {
		what = book_odd(b, in, &b->metrics.ref_repeated, bbo, mark);
		book_remove(b, in, order);
	} else if (unlikely(m->new_ref == 0 || m->qty == 0 || m->px4 - 1 >= BOOK_PX4_MAX)) {
		const bool enters = book_odd_order(b, m);

		what = book_odd(b, in, NULL, bbo, mark);
		book_remove(b, in, order);
		if (enters)
			idx = book_insert(b, in, m, m->new_ref, side);
	} else {
		book_remove(b, in, order);
		idx = book_insert(b, in, m, m->new_ref, side);
		if (unlikely(idx == 0))
			what = book_odd(b, in, NULL, bbo, mark);
	}
	if (!top && idx != in->side[side].top_idx)
		return what;
	return what | book_settle(b, in, side, bbo, mark);
}

HOT_INLINE unsigned
book_on_replaced(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	struct order_rec *order = order_table_find(&b->order, m->order_ref);
	const struct price_level *lv;

	if (unlikely(order == NULL))
		return book_unknown(b, m, bbo, mark);
	lv = &b->levels.level[order->level_idx];
	if (unlikely(price_level_locate(lv) != m->locate))
		return book_mismatch(b, m, price_level_locate(lv), bbo, mark);
	return book_replace(b, m, order, bbo, mark);
}

/* What one event does to the book, whatever it is. */
HOT_INLINE unsigned
book_by_kind(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	switch (m->type) {
	case MD_ORDER_ADDED:
		return book_on_added(b, m, bbo, mark);
	case MD_ORDER_EXECUTED:
	case MD_ORDER_EXECUTED_AT_PRICE:
	case MD_ORDER_REDUCED:
	case MD_ORDER_DELETED:
		return book_on_left(b, m, bbo, mark);
	case MD_ORDER_REPLACED:
		return book_on_replaced(b, m, bbo, mark);
	default:
		return book_on_rare(b, m, bbo, mark);
	}
}

/* The same, out of line. */
unsigned book_on_any(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark);
/*
 * What book_on_usual finds on its way, each out of line and by itself: its own branches can be
 * foreseen.  A new order whose level is not there, or not at its home, or that is odd; an order
 * that leaves and was its level's last; a replace.
 */
unsigned book_added_apart(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark);
unsigned book_level_gone(struct book *b, struct book_instr *in, struct order_rec *order,
			 struct bbo *bbo, struct mark *mark);
unsigned book_replace_apart(struct book *b, const struct md *m, struct order_rec *order,
			    struct bbo *bbo, struct mark *mark);

/*
 * An order's message where all is as it nearly always is: its place in the ring, its level there
 * before and after, the instrument believed.  No branch depends on whether it is a new order, a
 * partial cancel or a delete, nor on whether the level is the best: neither can be foreseen.  An
 * execution is a partial cancel and a print; a replace has the first steps in common.  False when
 * something is another way: nothing but the ring was moved then, and book_on_any is asked.
 *
 * An instrument that is believed has no level at a price that is none: such an order makes it
 * suspect, and it is believed again when its orders are forgotten.
 */
HOT_INLINE bool
book_on_usual(struct book *b, const struct md *m, unsigned *what, struct bbo *bbo,
	      struct mark *mark)
{
	const uint64_t adds = mask_of(m->type == MD_ORDER_ADDED), ref = m->order_ref;
	const uint64_t deletes = mask_of(m->type == MD_ORDER_DELETED);
	struct book_instr *in = &b->instr[m->locate];
	const uint64_t want = price_key(m->locate, m->side, m->px4);
	uint64_t was, differs, sum, more, left, gone, top;
	uint32_t level_at = m->level_at, idx;
	struct order_rec *order;
	struct price_level *lv;
	uint8_t side;

	if (unlikely(level_at == 0))
		level_at = 1 + price_levels_home(&b->levels, want);
	if (unlikely(!order_table_in_ring(&b->order, ref)) &&
	    (!adds || ref - b->order.ref_end >= ORDER_STEP_MAX ||
	     !order_table_advance(&b->order, ref)))
		return false;
	order = &b->order.ring[ref & b->order.mask];
	memcpy(&was, order, sizeof(was));
	idx = (uint32_t)(was >> 32 ^ ((level_at ^ was >> 32) & adds));
	lv = &b->levels.level[idx];
	sum = lv->sum;
	// another level or instrument, another symbol, an order that is in the ring already; below,
	// a reference that may be in the map, or is 0 and none: neither is above stray_max
	differs = (lv->key ^ want) & ((adds & PRICE_LEVEL_KEY) | 0xFFFFULL << 32);
	differs |= ((book_symbol_key(in->symbol) ^ m->new_ref) | was) & adds;
	more = m->qty + ((uint32_t)was & deletes);
	// no level: a new one, or no order, which looks as if it were of locate 0
	if (unlikely((differs != 0) | (sum == 0))) {
		if (!adds)
			return false;
		*what = book_added_apart(b, m, bbo, mark);
		return true;
	}
	if (unlikely(ref <= b->order.stray_max) || unlikely(in->suspect) || unlikely(more == 0) ||
	    unlikely(b->order.cnt == b->order.max))
		return false;
	if (unlikely(m->type == MD_ORDER_REPLACED)) {
		*what = book_replace_apart(b, m, order, bbo, mark);
		return true;
	}
	more = (more ^ ~adds) - ~adds; // shares leave: below 0
	left = (uint32_t)was + more;
	gone = mask_of(left == 0);
	more = sum + more * PRICE_LEVEL_ONE + gone - adds;
	if (unlikely((int64_t)left < 0))
		return false;
	in_register(left);
	if (unlikely(more == 0)) {
		if (!gone || m->type == MD_ORDER_EXECUTED)
			return false;
		*what = book_level_gone(b, in, order, bbo, mark);
		return true;
	}
	if (unlikely(((sum | more) & PRICE_LEVEL_GREAT) != 0)) // near what a level can count
		return false;
	b->order.cnt += (uint32_t)(gone - adds);
	was = ((uint64_t)idx << 32 | left) & ~gone;
	memcpy(order, &was, sizeof(was));
	lv->sum = more;
	side = price_level_side(lv);
	top = mask_of(idx == in->side[side].top_idx);
	in->top_qty[side] ^= (in->top_qty[side] ^ (uint32_t)(more >> 24)) & (uint32_t)top;
	metric_add(&b->metrics.top_changed, top & 1);
	*what = (unsigned)top & BOOK_TOP;
	if (unlikely(m->type == MD_ORDER_EXECUTED))
		*what |= book_print(b, in, m, m->qty, price_level_px4(lv), bbo, mark);
	if (unlikely(((uint32_t)top & in->instr_idx) != INSTR_NONE))
		*what |= book_tell(b, in, BOOK_TOP | BOOK_BBO, bbo, mark);
	return true;
}

/* What one event does to the book. */
HOT_INLINE unsigned
book_apply(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	unsigned what;

	if (likely(1U << m->type & b->usual) && likely(book_on_usual(b, m, &what, bbo, mark)))
		return what;
	if (m->type > MD_ORDER_REPLACED)
		return book_on_rare(b, m, bbo, mark);
	return book_on_any(b, m, bbo, mark);
}

/*
 * As book_on_md; lone: no message waits behind this one, so the way of fewer steps is the better,
 * whatever a branch costs that was not foreseen.
 */
HOT_INLINE unsigned
book_on_md_as(struct book *b, const struct md *m, bool lone, struct bbo *bbo, struct mark *mark)
{
	b->ts_ns = m->ts_ns;
	if (unlikely(m->locate >= b->locate_end))
		return book_on_guarded(b, m, bbo, mark);
	return lone ? book_by_kind(b, m, bbo, mark) : book_apply(b, m, bbo, mark);
}

/*
 * Applies one event.  *bbo and *mark are of a configured instrument when the flags say that they
 * are filled; the lane has set their head's trace and rx_ns before.
 */
HOT_INLINE unsigned
book_on_md(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	return book_on_md_as(b, m, false, bbo, mark);
}

#endif
