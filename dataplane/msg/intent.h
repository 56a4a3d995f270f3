/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_INTENT_H
#define SLUICE_MSG_INTENT_H

#include "msg/head.h"

enum intent_kind {
	INTENT_NEW,
	INTENT_REPLACE,
	INTENT_CANCEL,
	INTENT_MODIFY, // keeps its place in the queue: fewer shares, or another mark of a sale
};

/* Whether nothing can come to be open by it. */
HOT_INLINE bool
intent_takes_away(uint8_t kind)
{
	return kind >= INTENT_CANCEL;
}

enum tif {
	TIF_DAY,
	TIF_IOC,
};

enum intent_flag {
	INTENT_POST_ONLY = 1 << 0,
	INTENT_SHORT = 1 << 1,        // the sale is short: OUCH side 'T'
	INTENT_SHORT_EXEMPT = 1 << 2, // and exempt from the price test: side 'E'
};

/*
 * strategy -> risk: a wish, not yet allowed.  A strategy numbers its intents itself: intent_id is
 * unique per strategy.  An order is named by the intent_id that created it, for its whole life:
 * replace, cancel and modify name it by orig_id, also after earlier replaces, and the intent_id of
 * these names only that request (a verdict repeats it).
 */
struct intent {
	struct msg_head head;
	int64_t px4;
	uint32_t qty; // shares wanted in total, executed ones included; cancel: to keep, 0 for none
	uint32_t intent_id;
	uint32_t orig_id; // INTENT_REPLACE, INTENT_CANCEL, INTENT_MODIFY
	uint8_t kind;     // enum intent_kind
	uint8_t side;     // enum side
	uint8_t tif;      // enum tif
	uint8_t flags;    // enum intent_flag
	uint8_t strategy_idx;
	uint8_t session_idx;
	uint8_t confidence; // of the book it was made from
	uint8_t style;      // how the venue shall treat it: the configuration's order_styles
	uint8_t pad[4];
};
static_assert(sizeof(struct intent) == CACHE_LINE, "one message, one cache line");

#endif
