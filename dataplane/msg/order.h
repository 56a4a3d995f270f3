/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_ORDER_H
#define SLUICE_MSG_ORDER_H

#include "msg/intent.h"

/*
 * risk -> orders: an intent that may go out.  The layout is the intent's, so that passing costs a
 * copy; the version says which limits allowed it.
 */
struct order {
	struct msg_head head;
	int64_t px4;
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
	uint8_t pad;
	uint32_t limits_version;
};
static_assert(sizeof(struct order) == CACHE_LINE, "one message, one cache line");
static_assert(offsetof(struct order, confidence) == offsetof(struct intent, confidence),
	      "an order is an intent that was allowed");

#endif
