/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_STATE_H
#define SLUICE_DECISION_RISK_STATE_H

#include <string.h>

#include "base/arena.h"
#include "base/metric.h"
#include "base/units.h"
#include "decision/risk_limits.h"
#include "msg/intent.h"

/*
 * What risk remembers.  Its lane writes everything here.
 *
 * Three kinds of things: instruments (prices, from the book), nodes of the tree (sums over all
 * instruments), and cells (one node's holding of one instrument).  A strategy's cell leads by `up`
 * to its account's, and so on to the firm's.
 */

/* Why an intent may not become an order.  Each value has a counter. */
enum risk_verdict {
#define VERDICT(NAME, counter, text) RISK_##NAME,
#include "decision/risk_verdicts.def"
#undef VERDICT
	RISK_VERDICT_CNT,
};

struct risk_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "decision/risk_metrics.def"
#undef METRIC
};

/* risk_count takes a verdict for the index of its counter. */
#define VERDICT(NAME, counter, text)                                                     \
	static_assert(offsetof(struct risk_metrics, counter) == 8 * (size_t)RISK_##NAME, \
		      "risk_metrics.def does not follow risk_verdicts.def at " #counter);
#include "decision/risk_verdicts.def"
#undef VERDICT

enum {
	RISK_RECENT_CNT = 1024, // orders remembered for the check of duplicates
	RISK_RATE_AHEAD = 1024, // orders that one look at the window may allow, at most
};

/* Positions beyond this are not a market any more; sums of two still fit everywhere. */
#define RISK_POSITION_END (1LL << 40)

/*
 * One node's holding of one instrument.  The firm's cells come first, by instr_idx; place 0 is
 * none.  An order that passes all checks at once takes from the cell's room only (struct
 * risk_cell_room; the firm's are the instrument's), so what is open is kept as its sum with the
 * room: that stays as it is, and says what is open (risk_open_qty, risk_firm_open_ntl4).  Sums may
 * wrap.
 */
struct risk_cell {
	int64_t position_qty;           // negative: short
	int64_t position_ntl4;          // its value at the instrument's mark, with its sign
	uint64_t open_and_room_ntl4[2]; // the firm's only, by side; of net exposure
	uint32_t open_and_room_qty[2];  // by side; of the position
	uint32_t located_and_room_qty;  // an account's: in use by short sales, and not
	uint32_t located_max_qty;       // of how many; as terms_seq of the instrument says
	uint8_t pad[8];
	uint16_t node_idx;
	uint16_t instr_idx;
	uint32_t up; // of the node above; 0: this is the firm's
};
static_assert(sizeof(struct risk_cell) == CACHE_LINE, "one line per level of the tree");

/* located_max_qty where short sales need no located shares. */
#define RISK_LOCATED_ANY UINT32_MAX

/*
 * What an order asks of a cell, and takes; at the same place of another table.  Those of a strategy
 * and of its account are mostly of one line or of two beside one another.
 */
struct risk_cell_room {
	int32_t qty[2];       // not of the firm's: what orders of a side may add to the position
	uint32_t located_qty; // an account's: not in use; RISK_LOCATED_ANY: none are needed
	uint32_t up;          // the cell's
};
static_assert(CACHE_LINE % sizeof(struct risk_cell_room) == 0, "none lies on two lines");

/* What only fills and people ask for of a cell; at the same place of another table. */
struct risk_ledger {
	int64_t cost_ntl4;     // what the position cost: its sign is the position's
	int64_t realised_ntl4; // by the average-cost method
	uint64_t bought_qty;   // without broken trades
	uint64_t sold_qty;
	int64_t bought_ntl4;
	int64_t sold_ntl4;
	uint16_t execution_cnt[2]; // a strategy's, by side
	uint32_t enable_seq;       // execution_cnt is since the same number
};

/*
 * One instrument.  Its terms are what the limits and the last mark leave of an order's price and
 * quantity: made when either changes (risk_instr_refresh, risk_instr_settle), never looser than the
 * exact checks, and all that the usual order asks.  Its rooms are what the firm's holding of it
 * leaves, made when that changes (risk_firm_settle); an order that passes takes from them.
 */
struct risk_instr {
	uint32_t terms_seq;  // the limits' part is of risk->terms_seq
	uint32_t plain_mask; // bit per strategy that may trade it by no other terms than these
	int64_t lo_px4;      // prices within every collar and the band; none while the book or
	int64_t hi_px4;      // the market is not open for orders
	int64_t order_max_ntl4;
	uint32_t order_max_qty; // 31 bits
	uint32_t var_bp;        // as the limits said when the nodes' sums were last made
	// our own open orders, by side
	uint32_t own_near[2]; // risk_near of no order of that side is more; 0: there is none
	uint32_t own_head[2]; // first of a list, its place in risk->open; 0: none
	uint32_t leaf_mask;   // bit per strategy that has a cell
	uint32_t cell;        // first of those of leaf_mask, in order; then the accounts'
	// line 2
	int64_t room_gross_ntl4;
	int64_t room_net_ntl4[2]; // by side
	int32_t room_position_qty[2];
	int32_t room_open_qty;
	uint32_t short_px4;  // the least price of a short sale; UINT32_MAX: none is allowed
	uint64_t lot_part;   // risk_part_of the lot, the venue's and ours
	uint64_t tick_part;  // of the tick above a dollar
	uint32_t trade_mask; // bit per strategy that the lists let trade it
	int32_t short_below; // a sale that leaves less of room_position_qty[SIDE_SELL] is short
	// line 3: limits of what the firm holds of it
	int64_t gross_max_ntl4;
	int64_t net_max_ntl4;
	uint32_t open_max_qty;
	uint32_t position_max_qty; // the instrument's and the firm's, the lesser
	// from the book's last mark
	uint32_t bid_px4;
	uint32_t last_px4;    // 0: none
	uint32_t mark_px4;    // what a position is worth: the last reference known
	uint32_t band_lo_px4; // 0: none
	uint32_t band_hi_px4;
	uint32_t venue_lot_qty; // only multiples of it are accepted; 1: any
	uint8_t confidence;
	uint8_t state;
	uint8_t short_sale;
	uint8_t phase;
	uint16_t collar_bp;      // the limits', at most UINT16_MAX
	uint16_t collar_last_bp; // UINT16_MAX also for none
	uint16_t cell_cnt;
	uint8_t short_allowed; // the limits'
	uint8_t pad;
	uint32_t ref_px4; // what the collar is around, 0: unknown; see risk_reference_px4
};
static_assert(offsetof(struct risk_instr, gross_max_ntl4) == 2 * CACHE_LINE,
	      "an order needs two lines");
static_assert(sizeof(struct risk_instr) == 3 * CACHE_LINE, "whole lines");

/*
 * What a node may still add before a limit, in the limit's unit.  An order needs so much of each;
 * when no level has too little, it passes all of them and takes what it needs.
 */
enum risk_room {
	RISK_ROOM_GROSS, // ntl4: of gross exposure and of buying power, the lesser
	RISK_ROOM_BUY,   // ntl4: of net exposure; one of these two is asked
	RISK_ROOM_SELL,
	RISK_ROOM_VAR,    // ntl4 times bp
	RISK_ROOM_ORDERS, // of open ones and of order_left, the lesser; -1: see reduces_only
	RISK_ROOM_CNT,
};

/* More room than any market has; sums of two still fit. */
#define RISK_ROOM_END (1LL << 62)

/*
 * One node of the tree.  Sums over positions use 128 bits, because each summand may use 64.  An
 * order that passes all checks at once takes from the rooms only: what is open now is what was
 * open when the rooms were made, and what they lost since (risk_open_ntl4 and the like).
 */
struct risk_node {
	cache_aligned int64_t room[RISK_ROOM_CNT]; // made by risk_node_settle
	uint64_t *order_at; // where the time of the next order goes; before order_end
	int64_t free_ns;    // from then on orders may be sent up to order_end, by both rates
	uint32_t position_max_qty;
	uint32_t pad;
	// line 2
	int64_t room_then[RISK_ROOM_CNT]; // the rooms when they were made
	int64_t open_ntl4[2];             // then: open orders, by side
	uint64_t *order_end;              // there the rate is looked at again
	// line 3
	__int128 held_ntl4; // |positions| at their marks
	__int128 net_ntl4;  // positions at their marks
	__int128 cash_ntl4; // what sales brought less what purchases cost; with net: profit
	__int128 high_ntl4; // the day's highest profit, at least 0
	// line 4
	__int128 held_var_ntl4bp; // |positions| times their instruments' var_bp
	__int128 open_var_ntl4bp; // then: open orders times the same
	uint64_t *order_ns;       // when orders passed, a ring of rate_slots
	uint64_t *cancel_ns;      // the same of cancels and modifies
	uint64_t cancel_cnt;      // that passed
	uint64_t order_cnt;       // new orders and replaces that passed, when order_at is order_end
	// line 5
	int64_t order_free_ns;  // free_ns by the rate of orders
	int64_t cancel_free_ns; // and by the rate of cancels
	uint64_t refused_cnt;   // intents that a limit of this node refused
	uint32_t open_cnt;      // then: open orders
	uint32_t order_ahead;   // how many the last look at the rate allowed
	uint32_t cell_cnt;
	uint16_t parent_idx;
	uint8_t mode;         // enum risk_mode
	uint8_t strategy;     // 1 more than the idx of the strategy whose leaf it is; 0: an account
	uint8_t reduces_only; // by its mode, after a loss or a drawdown
	uint8_t pad_5[23];
	// line 6: as last taken
	struct risk_node_limits lim;
};
static_assert(offsetof(struct risk_node, room_then) == CACHE_LINE, "an order needs the first line");
static_assert(sizeof(struct risk_node) == 6 * CACHE_LINE, "whole lines");

/* The way from a strategy up to the firm. */
struct risk_path {
	struct risk_node *at[RISK_PATH_MAX]; // the strategy first
	uint32_t cnt;                        // 0: no such strategy
	uint32_t pad[3];
};
static_assert(sizeof(struct risk_path) == CACHE_LINE, "one line per strategy");

/* One open order.  Found by risk->open_slot.  All of a free one but `next` is 0. */
struct risk_open {
	uint64_t key; // risk_open_key, 0: free
	uint32_t px4; // the reserved shares' price
	uint32_t open_qty;
	uint32_t executed_qty;
	uint32_t near; // risk_near of the price nearest to the other side that it may stand at
	uint32_t cell; // the strategy's; 0: none
	uint32_t next; // of the same instrument and side, or the next free one; 0: none
	uint32_t prev; // if that one's next is this; see risk_own_before
	uint16_t instr_idx;
	uint8_t side;
	uint8_t short_sale;      // it went out as a short sale
	uint8_t replace_pending; // and was not answered yet
	uint8_t pad[3];
	uint32_t located_qty; // shares of the account's located ones that it holds
	uint8_t pad_end[16];
};
static_assert(sizeof(struct risk_open) == CACHE_LINE, "one line per open order");

/* When a strategy last sent an order with these very terms. */
struct risk_recent {
	uint64_t what; // price and quantity; 0: none
	uint64_t who;  // strategy, instrument, side
	uint64_t ns;
	uint8_t pad[8];
};
static_assert(CACHE_LINE % sizeof(struct risk_recent) == 0, "none lies on two lines");

/* What passing would reserve; filled by risk_judge for a verdict of RISK_PASS. */
struct risk_plan {
	struct risk_open *entry;     // replace: the order; new: the free place it takes
	struct risk_cell_room *room; // of the strategy's cell
	struct risk_instr *instr;
	const struct risk_path *path;
	uint64_t side;
	int64_t grow_ntl4; // never negative
	uint32_t grow_qty;
	uint32_t slot;              // of the index: the order's name, or where it goes
	uint32_t place;             // of the strategy's cell
	int64_t var_ntl4bp;         // grow_ntl4 times var_bp; of what passes at once only
	struct risk_recent *recent; // where a new order's terms are remembered; NULL: not asked
	uint64_t what, who;         // these terms
	uint64_t key;               // risk_open_key
	uint32_t located_qty;       // newly taken from the located shares
	uint16_t node_idx;          // of a refusal: the level whose limit it was
	uint8_t short_mark;         // 0, or the flag that marks a short sale
};

/* What risk_due is of. */
enum risk_due_kind {
	RISK_DUE_NOTHING,
	RISK_DUE_NEW,
	RISK_DUE_REPLACE,
};

/* What the last intent that passed takes and enters, and has not yet: risk_decide. */
struct risk_due {
	uint8_t kind; // enum risk_due_kind
	uint8_t short_mark;
	uint8_t session_idx;
	uint16_t instr_idx;
	uint32_t grow_qty;
	uint64_t side;
	int64_t grow_ntl4;
	int64_t var_ntl4bp;
	struct risk_instr *instr;
	const struct risk_path *path;
	struct risk_open *entry;    // of a replace
	struct risk_recent *recent; // NULL: not asked for, nor what and who
	uint64_t what, who;
	uint64_t key;
	uint64_t rx_ns;
	uint32_t px4;
	uint32_t slot;
	uint32_t place;       // of the strategy's cell
	uint32_t located_qty; // of a short sale
};

struct risk {
	struct risk_instr *instr; // by instr_idx
	struct risk_node *node;
	struct risk_cell *cell;
	struct risk_cell_room *room; // of each cell
	struct risk_ledger *ledger;  // the same
	struct risk_open *open;      // place 0 is no order's
	uint64_t *open_slot;         // the index to them; see risk_open_slot
	uint32_t instr_cnt;
	uint32_t node_cnt;
	uint32_t open_mask; // of the index
	uint32_t open_cnt;
	uint32_t open_max;       // at most an eighth of the index, so that a search ends at once
	uint32_t open_free;      // the entry to take next; 0: none is left
	uint32_t rate_mask;      // rate_slots - 1
	uint32_t limits_version; // that the nodes' rooms were made by
	uint32_t terms_seq;      // counts the tables of limits taken over
	uint32_t message_max;    // of a session's day; UINT32_MAX: any
	uint32_t instr_last;     // of this and the limits, the lesser
	int64_t age_max_ns;      // of an intent; INT64_MAX: any
	uint8_t hours;           // enum risk_hours
	uint32_t var_version;
	uint64_t rate_window_ns;
	uint64_t now_ns;    // the lane's time when the turn began; 0: no age is judged
	uint64_t last_ns;   // of the last order; what is remembered never goes back
	int64_t free_ns;    // of no node it is later
	uint32_t may_trade; // bit per strategy that may send orders, by the limits and all modes
	uint32_t cell_cnt;
	uint32_t message_cnt[SESSION_MAX];    // of the day
	uint32_t execution_max[STRATEGY_MAX]; // as the limits say
	cache_aligned struct risk_path path[STRATEGY_MAX];
	struct risk_recent *recent;
	struct risk_metrics metrics;
	struct risk_due due;
};

/* A node that may come to hold an instrument, or trade it. */
struct risk_pair {
	uint16_t node_idx;
	uint16_t instr_idx;
};

struct risk_config {
	uint32_t instr_cnt;       // one past the last instr_idx
	uint32_t open_orders_max; // orders with a reservation; one more is refused
	uint32_t rate_slots;      // a power of two, the largest rate; 0: ORDER_RATE_MAX
	/*
	 * The tree.  node_cnt 0: the firm, one account, each strategy below it with each
	 * instrument.
	 */
	uint32_t node_cnt;
	const uint16_t *node_parent;  // by node; the firm's is itself
	const uint16_t *leaf_node;    // by strategy_idx, STRATEGY_MAX of them; 0: no such strategy
	const struct risk_pair *pair; // by node, then instrument; with all nodes above but the firm
	uint32_t pair_cnt;
};

/* For `positions` and the state dump. */
struct risk_position {
	int64_t position_qty;
	int64_t average_px4; // of the position, 0 without one
	int64_t realised_ntl4;
	int64_t unrealised_ntl4;
	int64_t exposure_ntl4; // of position and open orders
	uint64_t bought_qty;
	uint64_t sold_qty;
	int64_t bought_ntl4;
	int64_t sold_ntl4;
	uint32_t open_buy_qty;
	uint32_t open_sell_qty;
	uint32_t mark_px4;
	uint16_t instr_idx;
	uint8_t confidence;
	uint8_t state;
};

/* For `risk`: what a node's limits are held against.  Sums beyond 64 bits are shown at their end.
 */
struct risk_node_view {
	int64_t gross_ntl4;
	int64_t net_ntl4;       // positions
	int64_t net_worst_ntl4; // the larger way, with the open orders of that side
	int64_t credit_ntl4;
	int64_t profit_ntl4;   // realised and unrealised, of the day
	int64_t drawdown_ntl4; // below the day's high
	int64_t var_ntl4;
	uint64_t position_qty; // the largest of one instrument, open orders included
	uint64_t order_cnt;
	uint64_t cancel_cnt;
	uint64_t refused_cnt;
	uint32_t order_rate; // within the window, now
	uint32_t cancel_rate;
	uint32_t open_orders;
	uint32_t execution_cnt; // a strategy's: the most of one instrument's side
	uint16_t node_idx;
	uint8_t pad[6]; // 0, so that two views can be compared
};

/* Bytes risk_init takes from the arena, at most. */
size_t risk_bytes(const struct risk_config *c);

/*
 * Returns  0, -ENOMEM (the arena is used up), -EINVAL (a count is 0 or above its maximum, or the
 *          tree or its pairs break a rule above)
 */
int risk_init(struct risk *r, const struct risk_config *c, struct arena *a);

/* Thread: the lane that owns r.  False when the instrument does not exist. */
bool risk_position_of(const struct risk *r, uint16_t instr_idx, struct risk_position *out);

/*
 * The next holding of a node, from *cursor on, which begins at 0.  Thread: the lane that owns r.
 * False after the last.
 */
bool risk_position_next(const struct risk *r, uint16_t node_idx, uint32_t *cursor,
			struct risk_position *out);

/* Thread: the lane that owns r.  False when the node does not exist. */
bool risk_node_of(const struct risk *r, const struct risk_limits *lim, uint16_t node_idx,
		  struct risk_node_view *out);

/*
 * An account begins the day with a position, bought or sold at px4.  All nodes above have it too.
 *
 * Thread   before the lane runs, or the lane that owns r
 * Returns  0, -EINVAL (no such node, or it may not hold the instrument), -ERANGE (qty or px4)
 */
int risk_load_position(struct risk *r, uint16_t node_idx, uint16_t instr_idx, int64_t qty,
		       int64_t px4);

/* What an earlier process of the same day left, beside positions: those come with its executions.
 */
struct risk_day {
	uint32_t message_cnt[SESSION_MAX];
	int64_t high_ntl4[RISK_NODE_MAX]; // the highest profit
};

/*
 * Goes on where an earlier process stopped.  Executions of before count against execution_max as if
 * the strategy had been enabled before the first of them: whoever enabled it since, does so again.
 *
 * Thread   before the lane runs
 */
COLD void risk_restore(struct risk *r, const struct risk_limits *lim, const struct risk_day *day);

/*
 * Takes over a new table: the rooms of every node, and the sums with var_bp when those changed.  20
 * ns for each node, a few for each cell.  risk_on_intent does it by itself.
 */
COLD void risk_take_limits(struct risk *r, const struct risk_limits *lim);

/* Takes what is due.  Thread: the lane that owns r. */
void risk_take_due(struct risk *r);

/*
 * Nothing is due from here on: before anything else that reads or changes what is reserved. Thread:
 * the lane that owns r.
 */
HOT_INLINE void
risk_reserve_due(struct risk *r)
{
	if (r->due.kind != RISK_DUE_NOTHING)
		risk_take_due(r);
}

/* Brings the gauges up to date.  Thread: the lane that owns r, now and then. */
COLD void risk_set_gauges(struct risk *r);

const char *risk_verdict_name(enum risk_verdict v); // "REJECT_QTY"
const char *risk_mode_word(enum risk_mode m);       // "reduce_only"

/* What the firm holds of an instrument: these cells stand first, in the instruments' order. */
HOT_INLINE struct risk_cell *
risk_firm_cell(const struct risk *r, const struct risk_instr *i)
{
	return &r->cell[i - r->instr];
}

/* Place of the strategy's cell, if it has one. */
HOT_INLINE uint32_t
risk_leaf_place(const struct risk_instr *i, uint8_t strategy_idx)
{
	// those up to its own are pushed out of no bit, it is the last of them
	return i->cell - 1 + (uint32_t)__builtin_popcount(i->leaf_mask << (31 - strategy_idx % 32));
}
static_assert(STRATEGY_MAX == 32, "leaf_mask has a bit for each");

/* The same, 0: none. */
HOT_INLINE uint32_t
risk_leaf_cell(const struct risk_instr *i, uint8_t strategy_idx)
{
	return i->leaf_mask >> strategy_idx & 1 ? risk_leaf_place(i, strategy_idx) : 0;
}

/* A cell's reserved shares of a side. */
HOT_INLINE uint32_t
risk_open_qty(const struct risk *r, const struct risk_cell *c, uint8_t side)
{
	const int32_t room_qty = c->up == 0 ? r->instr[c->instr_idx].room_position_qty[side]
					    : r->room[c - r->cell].qty[side];

	return c->open_and_room_qty[side] - (uint32_t)room_qty;
}

/* What is reserved for open orders of a side in the firm's cell. */
HOT_INLINE int64_t
risk_firm_open_ntl4(const struct risk *r, const struct risk_instr *i, uint8_t side)
{
	return (int64_t)(risk_firm_cell(r, i)->open_and_room_ntl4[side] -
			 (uint64_t)i->room_net_ntl4[side]);
}

/* The same in any cell: looks at each open order of the instrument's side. */
COLD int64_t risk_cell_open_ntl4(const struct risk *r, uint32_t cell, uint8_t side);

/* Located shares in use by an account's short sales. */
HOT_INLINE uint32_t
risk_located_used(const struct risk *r, const struct risk_cell *c)
{
	return c->located_and_room_qty - r->room[c - r->cell].located_qty;
}

/* So many are in use, of so many. */
HOT_INLINE void
risk_located_settle(const struct risk *r, struct risk_cell *c, uint32_t used_qty, uint32_t max_qty)
{
	const uint32_t left_qty = max_qty == RISK_LOCATED_ANY ? max_qty
				  : max_qty > used_qty        ? max_qty - used_qty
							      : 0;

	r->room[c - r->cell].located_qty = left_qty;
	c->located_and_room_qty = used_qty + left_qty;
	c->located_max_qty = max_qty;
}

HOT_INLINE int64_t
risk_abs(int64_t x)
{
	return x < 0 ? -x : x;
}

/* The day's profit of a node, realised and not. */
HOT_INLINE __int128
risk_profit(const struct risk_node *n)
{
	return n->net_ntl4 + n->cash_ntl4;
}

/* What a node's rooms lost since they were made, to orders that passed. */
HOT_INLINE int64_t
risk_room_taken(const struct risk_node *n, enum risk_room room)
{
	return n->room_then[room] - n->room[room];
}

/* Value of a node's open orders of a side; that of both is below 2^63. */
HOT_INLINE int64_t
risk_open_ntl4(const struct risk_node *n, uint8_t side)
{
	return n->open_ntl4[side] + risk_room_taken(n, RISK_ROOM_BUY + side);
}
static_assert(RISK_ROOM_SELL == RISK_ROOM_BUY + SIDE_SELL, "found by the side");

HOT_INLINE __int128
risk_open_var(const struct risk_node *n)
{
	return n->open_var_ntl4bp + risk_room_taken(n, RISK_ROOM_VAR);
}

HOT_INLINE uint32_t
risk_open_cnt(const struct risk_node *n)
{
	return n->open_cnt + (uint32_t)risk_room_taken(n, RISK_ROOM_ORDERS);
}

/* How many more may be sent before the rate is looked at again. */
HOT_INLINE uint32_t
risk_order_left(const struct risk_node *n)
{
	return (uint32_t)(n->order_end - n->order_at);
}

/* Orders that passed. */
HOT_INLINE uint64_t
risk_order_cnt(const struct risk_node *n)
{
	return n->order_cnt - risk_order_left(n);
}

HOT_INLINE __int128
risk_gross(const struct risk_node *n)
{
	return n->held_ntl4 + risk_open_ntl4(n, SIDE_BUY) + risk_open_ntl4(n, SIDE_SELL);
}

/* Gross and the day's loss: a profit buys nothing. */
HOT_INLINE __int128
risk_credit_used(const struct risk_node *n)
{
	const __int128 profit_ntl4 = risk_profit(n);

	return risk_gross(n) - (profit_ntl4 < 0 ? profit_ntl4 : 0);
}

HOT_INLINE int64_t
risk_room_of(__int128 room)
{
	return room > RISK_ROOM_END    ? RISK_ROOM_END
	       : room < -RISK_ROOM_END ? -RISK_ROOM_END
				       : (int64_t)room;
}

/* What is left of open orders, of the rate or of the mode changed. */
HOT_INLINE void
risk_orders_settle(struct risk_node *n)
{
	int64_t room;

	n->open_cnt = risk_open_cnt(n);
	room = (int64_t)n->lim.open_orders_max - n->open_cnt;
	if (room > risk_order_left(n))
		room = risk_order_left(n);
	n->room[RISK_ROOM_ORDERS] = n->reduces_only ? -1 : room;
	n->room_then[RISK_ROOM_ORDERS] = n->room[RISK_ROOM_ORDERS];
}

/*
 * The sums changed: the day's high and the rooms follow.  Net and cash must be of one moment.  A
 * change of what was open then is one of what is open now.
 */
HOT_INLINE void
risk_node_settle(struct risk_node *n)
{
	const struct risk_node_limits *nl = &n->lim;
	const __int128 profit_ntl4 = risk_profit(n);
	const __int128 gross_room = nl->gross_max_ntl4 - risk_gross(n);
	const __int128 credit_room = nl->credit_max_ntl4 - risk_credit_used(n);
	const __int128 var_ntl4bp = risk_open_var(n);
	const int64_t buy_ntl4 = risk_open_ntl4(n, SIDE_BUY);
	const int64_t sell_ntl4 = risk_open_ntl4(n, SIDE_SELL);
	bool reduces_only = n->mode != RISK_MODE_NORMAL;

	if (profit_ntl4 > n->high_ntl4)
		n->high_ntl4 = profit_ntl4;
	reduces_only |= -profit_ntl4 > nl->loss_max_ntl4;
	reduces_only |= n->high_ntl4 - profit_ntl4 > nl->drawdown_max_ntl4;
	n->reduces_only = reduces_only;
	risk_orders_settle(n);
	n->open_var_ntl4bp = var_ntl4bp;
	n->open_ntl4[SIDE_BUY] = buy_ntl4;
	n->open_ntl4[SIDE_SELL] = sell_ntl4;
	n->room[RISK_ROOM_GROSS] =
		risk_room_of(gross_room < credit_room ? gross_room : credit_room);
	n->room[RISK_ROOM_BUY] = risk_room_of(nl->net_max_ntl4 - n->net_ntl4 - buy_ntl4);
	n->room[RISK_ROOM_SELL] = risk_room_of(nl->net_max_ntl4 + n->net_ntl4 - sell_ntl4);
	n->room[RISK_ROOM_VAR] =
		risk_room_of((__int128)nl->var_max_ntl4 * BP_ONE - n->held_var_ntl4bp - var_ntl4bp);
	memcpy(n->room_then, n->room, sizeof(n->room_then));
}

/* When one more keeps to max in any window: as soon as the max-th before it is old enough. */
HOT_INLINE uint64_t
risk_rate_free_ns(const uint64_t *sent_ns, uint32_t mask, uint64_t cnt, uint32_t max,
		  uint64_t window_ns)
{
	return max == 0 || cnt < max ? 0 : sent_ns[(cnt - max) & mask] + window_ns;
}

/* The rates of orders and of cancels both hold. */
HOT_INLINE void
risk_free_settle(struct risk *r, struct risk_node *n)
{
	n->free_ns = n->order_free_ns > n->cancel_free_ns ? n->order_free_ns : n->cancel_free_ns;
	if (n->free_ns > r->free_ns)
		r->free_ns = n->free_ns;
}

/*
 * Some orders passed, or the limits changed.  While the window is far from full it is asked for
 * many orders at once, RISK_RATE_AHEAD at most: when the last of them were free to go by now, the
 * others are.  They end where the ring does.
 */
COLD void risk_rate_settle(struct risk *r, struct risk_node *n);

/* The same of those levels of a risk_path that have no room for orders. */
COLD void risk_rates_settle(struct risk *r, const struct risk_path *path);

/* A cancel passed: it cannot be kept, so what it exceeds is paid by orders, from one too many on.
 */
HOT_INLINE void
risk_cancel_rate_settle(struct risk *r, struct risk_node *n)
{
	n->cancel_free_ns =
		n->cancel_cnt == 0
			? 0
			: (int64_t)risk_rate_free_ns(n->cancel_ns, r->rate_mask, n->cancel_cnt - 1,
						     n->lim.cancel_rate_max, r->rate_window_ns);
	risk_free_settle(r, n);
}

/* Of shares: none below 0 matters, and more than 31 bits are looked at again. */
HOT_INLINE int32_t
risk_room_qty_of(int64_t room_qty)
{
	return room_qty > INT32_MAX ? INT32_MAX : room_qty < -1 ? -1 : (int32_t)room_qty;
}

/*
 * What is held, side is SIDE_BUY, or open changed, or the limit.  Of the firm's nothing follows
 * here: risk_firm_settle.
 */
HOT_INLINE void
risk_cell_settle_side(const struct risk *r, struct risk_cell *c, uint32_t position_max_qty,
		      const uint8_t side)
{
	const int64_t held_qty = side == SIDE_BUY ? c->position_qty : -c->position_qty;
	const uint32_t open_qty = risk_open_qty(r, c, side);
	const int32_t room_qty = risk_room_qty_of(position_max_qty - held_qty - open_qty);

	if (c->up == 0)
		return;
	r->room[c - r->cell].qty[side] = room_qty;
	c->open_and_room_qty[side] = open_qty + (uint32_t)room_qty;
}

HOT_INLINE void
risk_cell_settle(const struct risk *r, struct risk_cell *c, uint32_t position_max_qty)
{
	risk_cell_settle_side(r, c, position_max_qty, SIDE_BUY);
	risk_cell_settle_side(r, c, position_max_qty, SIDE_SELL);
}

/* What a limit leaves of money, where a position and open orders count; less, beyond 64 bits. */
HOT_INLINE int64_t
risk_room_ntl4_of(int64_t max_ntl4, int64_t position_ntl4, int64_t open_ntl4)
{
	int64_t room_ntl4;

	if (unlikely(__builtin_sub_overflow(max_ntl4, position_ntl4, &room_ntl4)))
		room_ntl4 = INT64_MAX; // it is short
	if (unlikely(__builtin_sub_overflow(room_ntl4, open_ntl4, &room_ntl4)))
		room_ntl4 = -1;
	return room_ntl4;
}

/*
 * The same of what the firm has of the instrument.  From what it holds and does not offer yet
 * follows which sale is short: both this and the room of sales lose what sales take, so the room
 * says it of both.
 */
HOT_INLINE void
risk_firm_settle(const struct risk *r, struct risk_instr *i)
{
	struct risk_cell *c = risk_firm_cell(r, i);
	const int64_t buy_ntl4 = risk_firm_open_ntl4(r, i, SIDE_BUY);
	const int64_t sell_ntl4 = risk_firm_open_ntl4(r, i, SIDE_SELL);
	const int64_t buy_qty = risk_open_qty(r, c, SIDE_BUY);
	const int64_t sell_qty = risk_open_qty(r, c, SIDE_SELL);
	const int64_t max_qty = i->position_max_qty;
	const int32_t long_qty = risk_room_qty_of(c->position_qty - sell_qty);

	i->room_open_qty = risk_room_qty_of(i->open_max_qty - buy_qty - sell_qty);
	i->room_position_qty[SIDE_BUY] = risk_room_qty_of(max_qty - c->position_qty - buy_qty);
	i->room_position_qty[SIDE_SELL] = risk_room_qty_of(max_qty + c->position_qty - sell_qty);
	i->room_gross_ntl4 = risk_room_ntl4_of(i->gross_max_ntl4, risk_abs(c->position_ntl4),
					       buy_ntl4 + sell_ntl4); // together below 2^63
	i->room_net_ntl4[SIDE_BUY] = risk_room_ntl4_of(i->net_max_ntl4, c->position_ntl4, buy_ntl4);
	i->room_net_ntl4[SIDE_SELL] =
		risk_room_ntl4_of(i->net_max_ntl4, -c->position_ntl4, sell_ntl4);
	i->short_below = i->room_position_qty[SIDE_SELL] - (long_qty > 0 ? long_qty : 0);
	c->open_and_room_qty[SIDE_BUY] = (uint32_t)(buy_qty + i->room_position_qty[SIDE_BUY]);
	c->open_and_room_qty[SIDE_SELL] = (uint32_t)(sell_qty + i->room_position_qty[SIDE_SELL]);
	c->open_and_room_ntl4[SIDE_BUY] = (uint64_t)buy_ntl4 + (uint64_t)i->room_net_ntl4[SIDE_BUY];
	c->open_and_room_ntl4[SIDE_SELL] =
		(uint64_t)sell_ntl4 + (uint64_t)i->room_net_ntl4[SIDE_SELL];
}

/* Adds, and stays at the end of 64 bits when the sum meets it; false then. */
HOT_INLINE bool
risk_sum(int64_t *sum, int64_t x)
{
	if (likely(!__builtin_add_overflow(*sum, x, sum)))
		return true;
	*sum = x < 0 ? -INT64_MAX : INT64_MAX; // both ends may be negated
	return false;
}

#endif
