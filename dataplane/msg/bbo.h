/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_BBO_H
#define SLUICE_MSG_BBO_H

#include "msg/head.h"

/*
 * book -> strategy: the best bid or offer of one of our instruments changed, or how far to believe
 * it.  A side without orders has price 0 and quantity 0.
 */
struct bbo {
	struct msg_head head;
	uint32_t bid_px4;
	uint32_t ask_px4;
	uint32_t bid_qty; // sum of the level, saturated at 2^32-1
	uint32_t ask_qty;
	uint64_t ts_ns; // exchange time since midnight
	uint32_t last_px4;
	uint8_t confidence; // enum confidence
	uint8_t state;      // enum trading_state
	uint8_t phase;      // enum feed_phase
	uint8_t pad;
};
static_assert(sizeof(struct bbo) == CACHE_LINE, "one message, one cache line");

#endif
