/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_MD_H
#define SLUICE_MSG_MD_H

#include "msg/head.h"

enum md_type {
	MD_NONE = 0, // decoded and counted, and the book has no use for it
	MD_ORDER_ADDED,
	MD_ORDER_EXECUTED,
	MD_ORDER_EXECUTED_AT_PRICE,
	MD_ORDER_REDUCED, // partial cancel
	MD_ORDER_DELETED,
	MD_ORDER_REPLACED,
	MD_TRADED, // against a hidden order, or a cross: no book effect
	MD_TRADE_BROKEN,
	MD_DIRECTORY,     // a symbol and its locate
	MD_TRADING_STATE, // 'H'
	MD_MARKET_HALT,   // 'h': halt or resume of this market only
	MD_SHORT_SALE,    // 'Y'
	MD_BANDS,         // 'J': auction collar
	MD_SYSTEM_EVENT,  // 'S'
	MD_TYPE_CNT,
};

/*
 * parse -> book: one venue message as an event.  Never crosses a ring: parse and book always share
 * a lane, so it carries no head; time and trace are the datagram's.
 */
struct md {
	uint8_t type;  // enum md_type
	uint8_t side;  // enum side
	uint8_t state; // MD_TRADING_STATE, MD_MARKET_HALT: enum trading_state; MD_SHORT_SALE:
		       // '0'..'2'; MD_SYSTEM_EVENT: event code; MD_TRADED,
		       // MD_ORDER_EXECUTED_AT_PRICE: printable 'Y'/'N'
	uint8_t venue_type; // the message's own type letter
	uint16_t locate;
	uint16_t pad;
	uint32_t qty;
	uint32_t px4;
	uint64_t order_ref;
	uint64_t new_ref; // MD_ORDER_REPLACED; match number of executions and trades
	uint64_t ts_ns;   // exchange time since midnight
	uint64_t seq;     // sequence number of the message in its session
	union {
		char symbol[8]; // MD_DIRECTORY, MD_ORDER_ADDED: padded with spaces on the right
		struct {
			uint32_t lo_px4;
			uint32_t hi_px4;
		} band;             // MD_BANDS
		uint64_t cross_qty; // MD_TRADED by a cross: 64-bit quantity
	};
	uint32_t round_lot_qty; // MD_DIRECTORY
	uint32_t pad2;
};
static_assert(sizeof(struct md) == CACHE_LINE, "one message, one cache line");

#endif
