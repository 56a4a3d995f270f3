/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_LIMITS_H
#define SLUICE_DECISION_RISK_LIMITS_H

#include "msg/head.h"

/*
 * The tree of limits.  A node is the firm, an account or a strategy: the firm is node 0, each
 * account names the one above it, a strategy is a leaf below an account.  An order must keep to the
 * limits of every node from its strategy up to the firm.
 */
enum {
	ORDER_RATE_MAX = 4096, // the largest rate: risk remembers that many orders per node
	CANCEL_RATE_MAX = ORDER_RATE_MAX - 1, // it looks one further back
	ACCOUNT_MAX = 220,                    // the firm at 0 included
	ACCOUNT_DEPTH_MAX = 4,                // accounts above one another
	RISK_NODE_MAX = 256,                  // accounts and strategies
	RISK_PATH_MAX = 6,                    // a strategy, its accounts, the firm
	RISK_PATH_USUAL = 3,                  // a strategy, its account, the firm
	RISK_NODE_FIRM = 0,
	RISK_LOCATE_MAX = 4096,                  // accounts' shares located for short sales
	RISK_LOCATE_SLOTS = 4 * RISK_LOCATE_MAX, // of their table, a power of two
};
static_assert(ACCOUNT_MAX + STRATEGY_MAX <= RISK_NODE_MAX, "every account and strategy is a node");

/* What a node lets pass.  The worst on the way up holds; cancels pass in each. */
enum risk_mode {
	RISK_MODE_NORMAL,
	RISK_MODE_REDUCE_ONLY, // only what makes the node's position in the instrument smaller
	RISK_MODE_CANCEL_ONLY,
	RISK_MODE_HALTED,
	RISK_MODE_CNT,
};

/* When orders may be sent, by the feed's phase of the day. */
enum risk_hours {
	RISK_HOURS_ANY,
	RISK_HOURS_EXTENDED, // from the start of system hours to their end
	RISK_HOURS_MARKET,   // market hours only
};

/* Why an instrument gets no new order, whoever asks. */
enum risk_instr_stop {
	RISK_INSTR_GOES,
	RISK_INSTR_HALTED, // by the operator
	RISK_INSTR_FROZEN, // our executions of it are in doubt, until a named person releases it
};

/* What one node's orders must keep to.  Where the operator set nothing: the largest value. */
struct risk_node_limits {
	int64_t gross_max_ntl4;    // |positions| and open orders
	int64_t net_max_ntl4;      // positions, and open orders of one side as if executed
	int64_t credit_max_ntl4;   // gross and the day's loss
	int64_t loss_max_ntl4;     // of the day
	int64_t drawdown_max_ntl4; // from the day's highest profit
	int64_t var_max_ntl4;
	uint32_t position_max_qty; // of one instrument, long and short
	uint32_t open_orders_max;
	uint32_t order_rate_max;  // within order_rate_window_ns; 0: none
	uint32_t cancel_rate_max; // 0: none
};
static_assert(sizeof(struct risk_node_limits) == CACHE_LINE, "one line per level of the tree");

/* What one strategy's orders must keep to, whatever the level it was set at: the tightest. */
struct risk_leaf_limits {
	int64_t order_max_ntl4;
	uint32_t order_max_qty;
	uint32_t collar_bp;
	uint32_t execution_max; // executions of an instrument's side, then it is disabled
	uint32_t enable_seq;    // counts how often a person enabled the strategy again
	uint8_t mode;           // the worst on the way up
	uint8_t pad[39];
};
static_assert(sizeof(struct risk_leaf_limits) == CACHE_LINE, "one line per strategy");

/* What one instrument's orders must keep to.  The tighter of global and own limits, ready to use.
 */
struct risk_instr_limits {
	int64_t order_max_ntl4;
	int64_t gross_max_ntl4; // of the firm's position and open orders; 0: none
	int64_t net_max_ntl4;   // 0: none
	uint32_t order_max_qty;
	uint32_t open_max_qty;     // both sides together
	uint32_t position_max_qty; // long and short
	uint32_t collar_bp;        // distance of a price from the reference
	uint32_t collar_last_bp;   // distance from the last trade; 0: none
	uint32_t tick_px4;         // 0: the venue's rule, TICK_FREE: any price
	uint32_t lot_qty;          // only multiples of it; 0: what the venue says
	uint32_t restricted_mask;  // bit per strategy that may not trade it
	uint32_t var_bp;           // loss per value held that value-at-risk assumes
	uint8_t allowed;           // on the list of instruments that may be traded
	uint8_t halted;            // enum risk_instr_stop
	uint8_t short_allowed;     // a sale may make the position negative
	uint8_t locate_required;   // ... of shares that were located before
};
static_assert(sizeof(struct risk_instr_limits) == CACHE_LINE, "one line per instrument");
static_assert(STRATEGY_MAX <= 32, "restricted_mask has a bit per strategy");

/* tick_px4 of an instrument that has no tick. */
#define TICK_FREE 1

/* Shares that an account located for short sales of an instrument.  qty 0: a free slot. */
struct risk_locate {
	uint16_t node_idx;
	uint16_t instr_idx;
	uint32_t qty;
};

/*
 * The limits in force.  Written by the control plane before it publishes them, never after; every
 * lane that holds risk reads them (base/published.h).  A change is a new table with a higher
 * version.
 */
struct risk_limits {
	uint32_t version;              // counts from 1; each order carries it
	uint8_t armed;                 // 0: no new order leaves
	uint8_t halted;                // 1: by the operator
	uint8_t hours;                 // enum risk_hours
	uint8_t self_match;            // 1: orders that would meet our own pass
	uint32_t instr_cnt;            // instr[1] .. instr[instr_cnt - 1] are in use
	uint32_t node_cnt;             // of the tree
	uint32_t session_message_max;  // per session and day; 0: none
	uint64_t order_rate_window_ns; // of both rates
	uint64_t duplicate_window_ns;  // 0: none
	uint64_t intent_age_max_ns;    // 0: none
	uint32_t var_version;          // changes when any var_bp does
	uint32_t locate_cnt;
	uint8_t pad[8];
	cache_aligned uint8_t mode[RISK_NODE_MAX];                // enum risk_mode
	cache_aligned struct risk_leaf_limits leaf[STRATEGY_MAX]; // by strategy_idx
	cache_aligned struct risk_node_limits node[RISK_NODE_MAX];
	cache_aligned struct risk_instr_limits instr[INSTR_MAX];
	cache_aligned struct risk_locate
		locate[RISK_LOCATE_SLOTS]; // open addressed by risk_locate_home
};

HOT_INLINE uint32_t
risk_locate_home(uint16_t node_idx, uint16_t instr_idx)
{
	return ((uint32_t)instr_idx << 8 ^ node_idx) * 0x9E3779B1U >> 18;
}
static_assert(RISK_LOCATE_SLOTS == 1 << 14, "risk_locate_home gives 14 bits");

/* How many shares the account may sell short. */
HOT_INLINE uint32_t
risk_located_qty(const struct risk_limits *lim, uint16_t node_idx, uint16_t instr_idx)
{
	uint32_t i = risk_locate_home(node_idx, instr_idx);

	for (; lim->locate[i].qty != 0; i = (i + 1) % RISK_LOCATE_SLOTS)
		if (lim->locate[i].node_idx == node_idx && lim->locate[i].instr_idx == instr_idx)
			return lim->locate[i].qty;
	return 0;
}

/* A table without a single limit, disarmed: what a limit is left at that nobody sets. */
COLD void risk_limits_init(struct risk_limits *lim);

/* False when RISK_LOCATE_MAX are there already; qty 0 is not entered. */
COLD bool risk_locate_add(struct risk_limits *lim, uint16_t node_idx, uint16_t instr_idx,
			  uint32_t qty);

#endif
