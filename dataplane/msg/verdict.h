/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_VERDICT_H
#define SLUICE_MSG_VERDICT_H

#include "msg/head.h"

/* risk -> strategy: an intent was refused.  Needs no room anywhere. */
struct verdict {
	struct msg_head head;
	int64_t px4;
	uint32_t qty;
	uint32_t intent_id;
	uint32_t orig_id;
	uint8_t verdict; // enum risk_verdict
	uint8_t kind;
	uint8_t side;
	uint8_t strategy_idx;
	uint32_t limits_version; // of the limits that refused it
	uint16_t node_idx;       // of the tree of limits: whose limit it was; the firm's 0 also
				 // stands for what belongs to no level
	uint8_t pad[2];
};
static_assert(sizeof(struct verdict) == CACHE_LINE, "one message, one cache line");

#endif
