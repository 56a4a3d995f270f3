/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_ORDER_H
#define SLUICE_MSG_ORDER_H

#include "msg/intent.h"

/*
 * risk -> orders: an intent that may go out.  The layout is the intent's, so that passing costs a
 * copy; the version says which limits allowed it.
 *
 * reserve_qty is what risk newly holds back for this order: all shares of a new one, the growth of
 * a replaced one.  Orders gives back exactly that, in fills, by the time the order is gone.
 */
struct order {
	struct msg_head head;
	uint32_t px4; // risk has seen to it that the price fits
	uint32_t reserve_qty;
	uint32_t qty;
	uint32_t intent_id;
	uint32_t orig_id;
	uint8_t kind;
	uint8_t side;
	uint8_t tif;
	uint8_t flags;
	uint8_t strategy_idx;
	uint8_t session_idx;
	uint8_t confidence;
	uint8_t style;
	uint32_t limits_version;
};
static_assert(sizeof(struct order) == CACHE_LINE, "one message, one cache line");
static_assert(offsetof(struct order, qty) == offsetof(struct intent, qty) &&
		      offsetof(struct order, style) == offsetof(struct intent, style),
	      "an order is an intent that was allowed");

#endif
