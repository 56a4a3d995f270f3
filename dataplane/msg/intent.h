/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_INTENT_H
#define SLUICE_MSG_INTENT_H

#include "msg/head.h"

enum intent_kind {
	INTENT_NEW,
	INTENT_REPLACE,
	INTENT_CANCEL,
};

enum tif {
	TIF_DAY,
	TIF_IOC,
};

enum intent_flag {
	INTENT_POST_ONLY = 1 << 0,
	INTENT_SHORT = 1 << 1, // the sale is short: OUCH side 'T'
};

/*
 * strategy -> risk: a wish, not yet allowed.  A strategy numbers its intents itself: intent_id is
 * unique per strategy.  An order is named by the intent_id that created it, for its whole life:
 * replace and cancel name it by orig_id, also after earlier replaces, and the intent_id of a
 * replace or cancel names only that request (a verdict repeats it).
 */
struct intent {
	struct msg_head head;
	int64_t px4;
	uint32_t
		qty; // shares wanted in total, those executed included; cancel: to keep, 0 for none
	uint32_t intent_id;
	uint32_t orig_id; // INTENT_REPLACE, INTENT_CANCEL
	uint8_t kind;     // enum intent_kind
	uint8_t side;     // enum side
	uint8_t tif;      // enum tif
	uint8_t flags;    // enum intent_flag
	uint8_t strategy_idx;
	uint8_t session_idx;
	uint8_t confidence; // of the book it was made from
	uint8_t pad[5];
};
static_assert(sizeof(struct intent) == CACHE_LINE, "one message, one cache line");

#endif
