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
	MD_MWCB_LEVELS,   // 'V': market-wide circuit breaker
	MD_MWCB_BREACH,   // 'W'
	MD_IPO_QUOTING,   // 'K'
	MD_IMBALANCE,     // 'I'
	MD_RETAIL,        // 'N'
	MD_LISTING,       // 'O': price discovery of a direct listing
	MD_TYPE_CNT,
};

/* What a directory message says beside symbol, round lot and authenticity: letters of the venue. */
struct md_directory {
	uint8_t market_category;
	uint8_t financial_status;
	uint8_t round_lots_only; // 'Y': an order of an odd or mixed lot is refused
	uint8_t issue_class;
	char issue_subtype[2];
	uint8_t short_sale_threshold;
	uint8_t ipo;
	uint8_t luld_tier;
	uint8_t etp;
	uint8_t inverse;
	uint8_t pad;
	uint32_t etp_leverage;
};
static_assert(sizeof(struct md_directory) == 16, "a quarter of a message");

/*
 * parse -> book: one venue message as an event.  Never crosses a ring: parse and book always share
 * a lane, so it carries no head; time and trace are the datagram's.
 *
 * The order of the fields is parse's: what a frequent message has lies in 16 bytes from ts_ns and
 * 16 from qty, each written by one store.
 */
struct md {
	uint8_t type;  // enum md_type
	uint8_t side;  // enum side
	uint8_t state; // MD_TRADING_STATE, MD_MARKET_HALT: enum trading_state; MD_SHORT_SALE:
		       // '0'..'2'; MD_SYSTEM_EVENT: event code; MD_TRADED,
		       // MD_ORDER_EXECUTED_AT_PRICE: printable 'Y'/'N'; MD_DIRECTORY:
		       // authenticity; MD_MWCB_BREACH: level '1'..'3'; MD_IMBALANCE: direction;
		       // MD_IPO_QUOTING: qualifier; MD_RETAIL: interest; MD_LISTING: eligible
	uint8_t venue_type; // the message's own type letter
	uint16_t locate;
	uint8_t cross;     // MD_TRADED: type of the cross, 0: none; MD_IMBALANCE
	uint8_t variation; // MD_IMBALANCE
	uint64_t seq;      // sequence number of the message in its session
	uint64_t ts_ns;    // exchange time since midnight
	uint64_t order_ref;
	union {
		uint32_t qty; // MD_BANDS: extensions so far; MD_IPO_QUOTING: release, s since
			      // midnight
		uint32_t round_lot_qty; // MD_DIRECTORY
	};
	uint32_t px4; // MD_BANDS, MD_IMBALANCE: reference; MD_LISTING: near price
	union {
		uint64_t new_ref; // MD_ORDER_REPLACED; match number of executions, trades
		char symbol[8];   // MD_DIRECTORY, MD_ORDER_ADDED, MD_TRADING_STATE, MD_MARKET_HALT,
				  // MD_SHORT_SALE, MD_IPO_QUOTING: padded with spaces on the right
		struct {
			uint32_t lo_px4;
			uint32_t hi_px4;
		} band;              // MD_BANDS; MD_LISTING: collar; MD_IMBALANCE: far, near price
		uint64_t level3_px8; // MD_MWCB_LEVELS
	};
	union {
		struct md_directory directory; // MD_DIRECTORY
		uint64_t level_px8[2];         // MD_MWCB_LEVELS 1 and 2
		struct {
			uint64_t paired_qty;
			uint64_t imbalance_qty;
		}; // MD_IMBALANCE
		struct {
			uint32_t min_px4;
			uint32_t max_px4;
			uint64_t near_ts_ns;
		};                  // MD_LISTING
		uint64_t cross_qty; // MD_TRADED by a cross: 64-bit quantity
		char reason[4];     // MD_TRADING_STATE
		struct {
			// of orders only, the book's own notes; the first two are 0 from parse
			uint32_t level_at; // where the level of its price is looked for
			uint32_t home_at;  // that price's home among levels
			const void *place; // not set by parse
		};
	};
};
static_assert(sizeof(struct md) == CACHE_LINE, "one message, one cache line");
static_assert(offsetof(struct md, ts_ns) == 16 && offsetof(struct md, order_ref) == 24,
	      "one store");
static_assert(offsetof(struct md, qty) == 32 && offsetof(struct md, px4) == 36 &&
		      offsetof(struct md, new_ref) == 40 && offsetof(struct md, symbol) == 40,
	      "one store");

#endif
