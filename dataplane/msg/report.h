/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_REPORT_H
#define SLUICE_MSG_REPORT_H

#include "msg/head.h"

enum report_type {
	REPORT_NONE = 0, // understood, and no order changes (system event, priority update, ...)
	REPORT_ACCEPTED,
	REPORT_REPLACED,
	REPORT_CANCELED, // qty: shares removed now
	REPORT_EXECUTED,
	REPORT_TRADE_BROKEN,
	REPORT_REJECTED,
	REPORT_CANCEL_PENDING,
	REPORT_CANCEL_REJECTED,
	REPORT_RESTATED,
	REPORT_MODIFIED,  // qty: shares left now; mark
	REPORT_PRIORITY,  // order_ref: the new one
	REPORT_CORRECTED, // px4: what the execution of match_ref really cost; qty: its shares
	REPORT_TYPE_CNT,
};

/* What somebody should look at in a message that was applied all the same. */
enum report_odd {
	REPORT_ODD_OPTION_UNKNOWN = 1 << 0, // an option that nobody has defined
	REPORT_ODD_OPTION_VALUE = 1 << 1,   // a value that its option cannot have
	REPORT_ODD_CORRECTION = 1 << 2,     // the price of an execution was corrected
};

/*
 * report -> orders: one message of the venue about one of our orders, whatever the protocol.  Never
 * crosses a ring: both stages share the session's lane.  token is our own order number: OUCH 5.0
 * UserRefNum, and the number inside the 14 characters of an OUCH 4.2 token.
 */
struct report {
	uint8_t type;   // enum report_type
	uint8_t side;   // enum side, where the message says it
	uint8_t dead;   // REPORT_ACCEPTED, REPORT_REPLACED: order state D, nothing more will come
	uint8_t reason; // REPORT_CANCELED and OUCH 4.2 rejects: the venue's letter
	uint16_t reject_code; // REPORT_REJECTED: OUCH 5.0 code, or the OUCH 4.2 letter
	uint16_t instr_idx;
	uint32_t token;
	uint32_t orig_token; // REPORT_REPLACED
	uint32_t qty;
	uint8_t liquidity;
	uint8_t mark; // REPORT_MODIFIED: INTENT_SHORT, INTENT_SHORT_EXEMPT or neither
	uint8_t odd;  // enum report_odd: understood, but not all of it as the document says
	uint8_t pad;
	int64_t px4;
	uint64_t match_ref; // executions, breaks and corrections
	uint64_t order_ref; // the venue's number, also found on market data
	uint64_t ts_ns;     // exchange time since midnight
	uint64_t rx_ns;
};
static_assert(sizeof(struct report) == CACHE_LINE, "one message, one cache line");

#endif
