/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_FILL_H
#define SLUICE_MSG_FILL_H

#include "msg/head.h"

/*
 * orders -> risk: how an order's open quantity changed and what was executed.  One fill may say
 * both. Risk reserved a quantity at a price when it let the order pass; released_qty at
 * reserved_px4 is no longer reserved.  Needs no room anywhere, so the loop through risk and orders
 * always moves.
 */
struct fill {
	struct msg_head head;
	int64_t px4;           // of the execution
	int64_t reserved_px4;  // the price the released quantity was reserved at
	uint32_t executed_qty; // 0: nothing was executed
	uint32_t released_qty; // shares no longer open, executed ones included
	uint8_t side;
	uint8_t strategy_idx;
	uint8_t session_idx;
	uint8_t order_gone; // 1: the order left the market with this
	uint8_t broken;     // 1: executed_qty is taken back (broken trade)
	uint8_t pad[3];
};
static_assert(sizeof(struct fill) == CACHE_LINE, "one message, one cache line");

#endif
