/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DECISION_RISK_LIMITS_H
#define SLUICE_DECISION_RISK_LIMITS_H

#include "msg/head.h"

enum {
	ORDER_RATE_MAX = 4096, // the largest order_rate_max: risk remembers that many orders
};

/* What one instrument's orders must keep to.  The tighter of global and own limits, ready to use.
 */
struct risk_instr_limits {
	int64_t order_max_ntl4;
	uint32_t order_max_qty;
	uint32_t open_max_qty;     // both sides together
	uint32_t position_max_qty; // long and short
	uint32_t collar_bp;        // distance of a price from the reference
	uint8_t allowed;           // on the list of instruments that may be traded
	uint8_t halted;            // by the operator
	uint8_t short_allowed;     // a sale may make the position negative
	uint8_t pad[5];
};
static_assert(sizeof(struct risk_instr_limits) == CACHE_LINE / 2, "two instruments per cache line");

/*
 * The limits in force.  Written by the control plane before it publishes them, never after; every
 * lane that holds risk reads them (base/published.h).  A change is a new table with a higher
 * version.
 */
struct risk_limits {
	uint32_t version; // counts from 1; each order carries it
	uint8_t armed;    // 0: no new order leaves
	uint8_t halted;   // 1: the kill switch
	uint8_t pad[2];
	uint32_t order_rate_max; // new orders and replaces within the window, 1..ORDER_RATE_MAX
	uint32_t instr_cnt;      // instr[1] .. instr[instr_cnt - 1] are in use
	uint64_t order_rate_window_ns;
	int64_t gross_max_ntl4; // positions and open orders of all instruments
	cache_aligned struct risk_instr_limits instr[INSTR_MAX];
};

#endif
