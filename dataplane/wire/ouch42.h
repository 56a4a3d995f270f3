/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_OUCH42_H
#define SLUICE_WIRE_OUCH42_H

#include "base/wire_int.h"

/*
 * OUCH 4.2, text of 7 December 2018, and what differs in the edition of October 2025.  A request
 * travels in a SoupBinTCP 'U', an answer in an 'S', one message per packet.  Every message has a
 * fixed length.  Sides and order states: enum ouch_side and ouch_order_state in wire/ouch50.h.
 */
enum ouch42_request_type {
	OUCH42_ENTER_ORDER = 'O',
	OUCH42_REPLACE_ORDER = 'U',
	OUCH42_CANCEL_ORDER = 'X',
	OUCH42_MODIFY_ORDER = 'M',
	OUCH42_TRADE_NOW_REQUEST = 'N', // until 2018
};

enum ouch42_answer_type {
	OUCH42_SYSTEM_EVENT = 'S',
	OUCH42_ACCEPTED = 'A',
	OUCH42_REPLACED = 'U',
	OUCH42_CANCELED = 'C',
	OUCH42_AIQ_CANCELED = 'D',
	OUCH42_EXECUTED = 'E',
	OUCH42_BROKEN_TRADE = 'B',
	OUCH42_EXECUTED_REFERENCE = 'G',
	OUCH42_TRADE_CORRECTION = 'F', // until 2018
	OUCH42_REJECTED = 'J',
	OUCH42_CANCEL_PENDING = 'P',
	OUCH42_CANCEL_REJECT = 'I',
	OUCH42_PRIORITY_UPDATE = 'T',
	OUCH42_MODIFIED = 'M',
	OUCH42_TRADE_NOW = 'N', // until 2018
};

/* Time in force: seconds to live, or one of these. */
enum ouch42_tif {
	OUCH42_TIF_IOC = 0,
	OUCH42_TIF_MARKET_HOURS = 99998,
	OUCH42_TIF_SYSTEM_HOURS = 99999,
};

enum {
	OUCH42_TOKEN_LEN = 14,
	OUCH42_FIRM_LEN = 4,
	OUCH42_SYMBOL_LEN = 8,
};

/* Letters, digits and spaces; case matters; each used once a day. */
struct ouch42_token {
	char text[OUCH42_TOKEN_LEN];
};
static_assert(sizeof(struct ouch42_token) == 14, "OUCH 4.2: Order Token");

/* --- requests ------------------------------------------------------------------------------- */

/* 'O' */
struct ouch42_enter_order {
	uint8_t type;
	struct ouch42_token token;
	uint8_t side;
	be32 qty;
	char symbol[OUCH42_SYMBOL_LEN];
	be32 px4;
	be32 tif;
	char firm[OUCH42_FIRM_LEN]; // blank: the account's own
	uint8_t display;            // 'Y' price to comply, 'P' post-only, 'N' hidden, ...
	uint8_t capacity;           // 'A', 'P', 'R'
	uint8_t sweep;              // 'Y', 'N'
	be32 min_qty;               // 0: none
	uint8_t cross;              // 'N' continuous
	uint8_t customer;           // 'R' retail, 'N' not
};
static_assert(sizeof(struct ouch42_enter_order) == 49, "OUCH 4.2: Enter Order");
static_assert(offsetof(struct ouch42_enter_order, customer) == 48, "OUCH 4.2: Enter Order");

/* 'U' */
struct ouch42_replace_order {
	uint8_t type;
	struct ouch42_token orig_token;
	struct ouch42_token token;
	be32 qty; // of the whole chain, executed shares included
	be32 px4;
	be32 tif;
	uint8_t display;
	uint8_t sweep;
	be32 min_qty;
};
static_assert(sizeof(struct ouch42_replace_order) == 47, "OUCH 4.2: Replace Order");
static_assert(offsetof(struct ouch42_replace_order, min_qty) == 43, "OUCH 4.2: Replace Order");

/* 'X' */
struct ouch42_cancel_order {
	uint8_t type;
	struct ouch42_token token;
	be32 qty; // intended total; 0 cancels all
};
static_assert(sizeof(struct ouch42_cancel_order) == 19, "OUCH 4.2: Cancel Order");
static_assert(offsetof(struct ouch42_cancel_order, qty) == 15, "OUCH 4.2: Cancel Order");

/* 'M' */
struct ouch42_modify_order {
	uint8_t type;
	struct ouch42_token token;
	uint8_t side;
	be32 qty; // of the whole chain
};
static_assert(sizeof(struct ouch42_modify_order) == 20, "OUCH 4.2: Modify Order");
static_assert(offsetof(struct ouch42_modify_order, qty) == 16, "OUCH 4.2: Modify Order");

/* 'N' */
struct ouch42_trade_now_request {
	uint8_t type;
	struct ouch42_token token;
};
static_assert(sizeof(struct ouch42_trade_now_request) == 15, "OUCH 4.2: Trade Now");
static_assert(offsetof(struct ouch42_trade_now_request, token) == 1, "OUCH 4.2: Trade Now");

/* --- answers -------------------------------------------------------------------------------- */

/* In front of every answer. */
struct ouch42_head {
	uint8_t type;
	be64 ts_ns; // since midnight, US/Eastern
};
static_assert(sizeof(struct ouch42_head) == 9, "OUCH 4.2: outbound messages");

/* 'S' */
struct ouch42_system_event {
	struct ouch42_head head;
	uint8_t event; // 'S' start of day, 'E' end of day
};
static_assert(sizeof(struct ouch42_system_event) == 10, "OUCH 4.2: System Event");
static_assert(offsetof(struct ouch42_system_event, event) == 9, "OUCH 4.2: System Event");

/* 'A' */
struct ouch42_accepted {
	struct ouch42_head head;
	struct ouch42_token token;
	uint8_t side;
	be32 qty;
	char symbol[OUCH42_SYMBOL_LEN];
	be32 px4;
	be32 tif;
	char firm[OUCH42_FIRM_LEN];
	uint8_t display;
	be64 order_ref; // also found on market data
	uint8_t capacity;
	uint8_t sweep;
	be32 min_qty;
	uint8_t cross;
	uint8_t state; // enum ouch_order_state
	uint8_t bbo_weight;
};
static_assert(sizeof(struct ouch42_accepted) == 66, "OUCH 4.2: Accepted");
static_assert(offsetof(struct ouch42_accepted, bbo_weight) == 65, "OUCH 4.2: Accepted");

/* 'U' */
struct ouch42_replaced {
	struct ouch42_head head;
	struct ouch42_token token; // of the replacement
	uint8_t side;
	be32 qty; // outstanding now
	char symbol[OUCH42_SYMBOL_LEN];
	be32 px4;
	be32 tif;
	char firm[OUCH42_FIRM_LEN];
	uint8_t display;
	be64 order_ref;
	uint8_t capacity;
	uint8_t sweep;
	be32 min_qty;
	uint8_t cross;
	uint8_t state; // enum ouch_order_state
	struct ouch42_token orig_token;
	uint8_t bbo_weight;
};
static_assert(sizeof(struct ouch42_replaced) == 80, "OUCH 4.2: Replaced");
static_assert(offsetof(struct ouch42_replaced, bbo_weight) == 79, "OUCH 4.2: Replaced");

/* 'C' */
struct ouch42_canceled {
	struct ouch42_head head;
	struct ouch42_token token;
	be32 qty; // shares removed now
	uint8_t reason;
};
static_assert(sizeof(struct ouch42_canceled) == 28, "OUCH 4.2: Canceled");
static_assert(offsetof(struct ouch42_canceled, reason) == 27, "OUCH 4.2: Canceled");

/* 'D'; the last field is missing before October 2025. */
struct ouch42_aiq_canceled {
	struct ouch42_head head;
	struct ouch42_token token;
	be32 qty; // shares removed now
	uint8_t reason;
	be32 prevented_qty;
	be32 px4; // it would have traded at
	uint8_t liquidity;
	uint8_t strategy;
};
static_assert(sizeof(struct ouch42_aiq_canceled) == 38, "OUCH 4.2: AIQ Cancelled");
static_assert(offsetof(struct ouch42_aiq_canceled, strategy) == 37, "OUCH 4.2: AIQ Cancelled");

/* 'E' */
struct ouch42_executed {
	struct ouch42_head head;
	struct ouch42_token token;
	be32 qty; // executed now
	be32 px4;
	uint8_t liquidity;
	be64 match_ref;
};
static_assert(sizeof(struct ouch42_executed) == 40, "OUCH 4.2: Executed");
static_assert(offsetof(struct ouch42_executed, match_ref) == 32, "OUCH 4.2: Executed");

/* 'B' */
struct ouch42_broken_trade {
	struct ouch42_head head;
	struct ouch42_token token;
	be64 match_ref;
	uint8_t reason;
};
static_assert(sizeof(struct ouch42_broken_trade) == 32, "OUCH 4.2: Broken Trade");
static_assert(offsetof(struct ouch42_broken_trade, reason) == 31, "OUCH 4.2: Broken Trade");

/* 'G' */
struct ouch42_executed_reference {
	struct ouch42_executed exec;
	be32 reference_px4;
	uint8_t reference_type; // 'I' intraday indicative value
};
static_assert(sizeof(struct ouch42_executed_reference) == 45,
	      "OUCH 4.2: Executed with Reference Price");
static_assert(offsetof(struct ouch42_executed_reference, reference_type) == 44,
	      "OUCH 4.2: Executed with Reference Price");

/* 'F' */
struct ouch42_trade_correction {
	struct ouch42_executed exec;
	uint8_t reason; // 'N' adjusted to NAV
};
static_assert(sizeof(struct ouch42_trade_correction) == 41, "OUCH 4.2: Trade Correction");
static_assert(offsetof(struct ouch42_trade_correction, reason) == 40, "OUCH 4.2: Trade Correction");

/* 'J' */
struct ouch42_rejected {
	struct ouch42_head head;
	struct ouch42_token token;
	uint8_t reason;
};
static_assert(sizeof(struct ouch42_rejected) == 24, "OUCH 4.2: Rejected");
static_assert(offsetof(struct ouch42_rejected, reason) == 23, "OUCH 4.2: Rejected");

/* 'P', 'I' and 'N' */
struct ouch42_notice {
	struct ouch42_head head;
	struct ouch42_token token;
};
static_assert(sizeof(struct ouch42_notice) == 23,
	      "OUCH 4.2: Cancel Pending, Cancel Reject, Trade Now");
static_assert(offsetof(struct ouch42_notice, token) == 9,
	      "OUCH 4.2: Cancel Pending, Cancel Reject, Trade Now");

/* 'T' */
struct ouch42_priority_update {
	struct ouch42_head head;
	struct ouch42_token token;
	be32 px4;
	uint8_t display;
	be64 order_ref; // the new one
};
static_assert(sizeof(struct ouch42_priority_update) == 36, "OUCH 4.2: Order Priority Update");
static_assert(offsetof(struct ouch42_priority_update, order_ref) == 28,
	      "OUCH 4.2: Order Priority Update");

/* 'M' */
struct ouch42_modified {
	struct ouch42_head head;
	struct ouch42_token token;
	uint8_t side;
	be32 qty; // outstanding
};
static_assert(sizeof(struct ouch42_modified) == 28, "OUCH 4.2: Order Modified");
static_assert(offsetof(struct ouch42_modified, qty) == 24, "OUCH 4.2: Order Modified");

#endif
