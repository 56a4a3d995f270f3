/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_FILL_H
#define SLUICE_MSG_FILL_H

#include "msg/head.h"

/*
 * orders -> risk: how an order's open quantity changed and what was executed.  One fill may say
 * both.  Risk reserved a quantity at a price when it let the order pass; released_qty of it is no
 * longer reserved, and what stays is reserved at reserved_px4.  Over an order's life the released
 * quantities add up to the reserved ones.  Needs no room anywhere, so the loop through risk and
 * orders always moves.
 */
struct fill {
	struct msg_head head;
	uint32_t px4;          // of the execution
	uint32_t was_px4;      // a correction: what it was told to have cost
	uint32_t reserved_px4; // 0: as before
	uint32_t intent_id;    // the order's name
	uint32_t executed_qty; // 0: nothing was executed
	uint32_t released_qty; // shares no longer open, executed ones included
	uint8_t side;
	uint8_t strategy_idx; // STRATEGY_NONE: an order this process did not send
	uint8_t session_idx;
	uint8_t order_gone;   // 1: the order left the market with this
	uint8_t broken;       // 1: executed_qty is taken back (broken trade)
	uint8_t replace_done; // 1: the order's replace was answered, whatever the answer
	uint8_t corrected;    // 1: executed_qty is not new, its price is; nothing else counts
	uint8_t booked_as; // of an earlier process's order: FILL_BOOKED of who sent it; 0: nobody
			   // knows, or strategy_idx is who
};

/*
 * Whose position an execution is when its order's name is not known any more: strategy_idx says how
 * an order is named, and names begin anew with each process.
 */
enum {
	FILL_BOOKED_SHORT = 0x80, // it was sent as a short sale
};
#define FILL_BOOKED(strategy_idx) ((uint8_t)((strategy_idx) + 1))
static_assert((int)STRATEGY_MAX < (int)FILL_BOOKED_SHORT, "both fit one byte");
static_assert(sizeof(struct fill) == CACHE_LINE, "one message, one cache line");

#endif
