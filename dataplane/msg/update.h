/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_UPDATE_H
#define SLUICE_MSG_UPDATE_H

#include "msg/head.h"

/* The order state machine; orders owns it, everyone else only hears of it. */
enum order_state {
	ORDER_FREE = 0,
	ORDER_PENDING_NEW,
	ORDER_LIVE,
	ORDER_PARTIALLY_FILLED,
	ORDER_PENDING_REPLACE,
	ORDER_PENDING_CANCEL,
	ORDER_FILLED,
	ORDER_CANCELED,
	ORDER_REPLACED,
	ORDER_REJECTED,
	ORDER_UNKNOWN, // the connection went away before the venue answered
	ORDER_STATE_CNT,
};

/* orders -> strategy: what became of an order.  Needs no room anywhere. */
struct update {
	struct msg_head head;
	int64_t px4;           // REPORT_EXECUTED: of the execution, otherwise of the order
	uint32_t intent_id;    // the order's name: of the intent that created it
	uint32_t executed_qty; // by this update
	uint32_t open_qty;     // left in the market after it
	uint8_t state;         // enum order_state after it
	uint8_t cause;         // enum report_type
	uint8_t side;
	uint8_t strategy_idx;
	uint16_t reject_code; // the venue's, or enum orders_refusal
	uint8_t pad[6];
};
static_assert(sizeof(struct update) == CACHE_LINE, "one message, one cache line");

#endif
