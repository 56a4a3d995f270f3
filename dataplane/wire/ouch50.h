/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_OUCH50_H
#define SLUICE_WIRE_OUCH50_H

#include "base/wire_int.h"

/*
 * OUCH 5.0, revision 1.05 of October 2025, and what differs in the text of April 2023.  A request
 * travels in a SoupBinTCP 'U', an answer in an 'S', one message per packet.  Letters are used both
 * ways with different meanings.
 *
 * The structs are the fixed parts.  An appendage follows them: a be16 with the number of bytes that
 * follow it, then elements of length, tag, value.  Whether the be16 may be missing depends on the
 * message; ouch50_options_start takes both forms.
 */
enum ouch50_request_type {
	OUCH50_ENTER_ORDER = 'O',
	OUCH50_REPLACE_ORDER = 'U',
	OUCH50_CANCEL_ORDER = 'X',
	OUCH50_MODIFY_ORDER = 'M',
	OUCH50_MASS_CANCEL = 'C',   // since revision 1.05
	OUCH50_DISABLE_ENTRY = 'D', // since revision 1.05
	OUCH50_ENABLE_ENTRY = 'E',  // since revision 1.05
	OUCH50_ACCOUNT_QUERY = 'Q',
};

enum ouch50_answer_type {
	OUCH50_SYSTEM_EVENT = 'S',
	OUCH50_ACCEPTED = 'A',
	OUCH50_REPLACED = 'U',
	OUCH50_CANCELED = 'C',
	OUCH50_AIQ_CANCELED = 'D',
	OUCH50_EXECUTED = 'E',
	OUCH50_BROKEN_TRADE = 'B',
	OUCH50_REJECTED = 'J',
	OUCH50_CANCEL_PENDING = 'P',
	OUCH50_CANCEL_REJECT = 'I',
	OUCH50_PRIORITY_UPDATE = 'T',
	OUCH50_MODIFIED = 'M',
	OUCH50_RESTATED = 'R',
	OUCH50_MASS_CANCELED = 'X',  // since revision 1.05
	OUCH50_ENTRY_DISABLED = 'G', // since revision 1.05
	OUCH50_ENTRY_ENABLED = 'K',  // since revision 1.05
	OUCH50_ACCOUNT_ANSWER = 'Q',
};

enum ouch50_tif {
	OUCH50_TIF_DAY = '0',
	OUCH50_TIF_IOC = '3',
	OUCH50_TIF_GTX = '5',
	OUCH50_TIF_GTT = '6', // needs OUCH50_TAG_EXPIRE_TIME
	OUCH50_TIF_AFTER_HOURS = 'E',
};

/* Side, in both versions of OUCH. */
enum ouch_side {
	OUCH_BUY = 'B',
	OUCH_SELL = 'S',
	OUCH_SELL_SHORT = 'T',
	OUCH_SELL_SHORT_EXEMPT = 'E',
};

/* Order state in Accepted and Replaced, in both versions of OUCH. */
enum ouch_order_state {
	OUCH_ORDER_LIVE = 'L',
	OUCH_ORDER_DEAD = 'D', // nothing more will come for this order
};

enum {
	OUCH_QTY_MAX = 999999,        // on new orders and replaces, in both versions
	OUCH_PX4_MAX = 1999999900,    // $199,999.9900; above it lie the codes for market orders
	OUCH_PX4_MARKET = 0x7FFFFFFF, // market order in a cross
	OUCH_CL_ORD_ID_LEN = 14,
	OUCH_FIRM_LEN = 4,
	OUCH_SYMBOL_LEN = 8,
};

/* --- requests ------------------------------------------------------------------------------- */

/* 'O'; appendage required. */
struct ouch50_enter_order {
	uint8_t type;
	be32 user_ref; // above every one used before
	uint8_t side;
	be32 qty;
	char symbol[OUCH_SYMBOL_LEN];
	be64 px4;
	uint8_t tif;
	uint8_t display;  // 'Y' visible, 'N' hidden, 'A' attributable
	uint8_t capacity; // 'A' agency, 'P' principal, 'R' riskless, 'O' other
	uint8_t sweep;    // inter-market sweep eligibility, 'Y' or 'N'
	uint8_t cross;    // 'N' continuous
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_enter_order) == 45, "OUCH 5.0: Enter Order");
static_assert(offsetof(struct ouch50_enter_order, cl_ord_id) == 31, "OUCH 5.0: Enter Order");

/* 'U'; appendage required. */
struct ouch50_replace_order {
	uint8_t type;
	be32 orig_user_ref;
	be32 user_ref; // above every one used before
	be32 qty;      // of the whole chain, executed shares included
	be64 px4;
	uint8_t tif;
	uint8_t display;
	uint8_t sweep;
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_replace_order) == 38, "OUCH 5.0: Replace Order Request");
static_assert(offsetof(struct ouch50_replace_order, cl_ord_id) == 24,
	      "OUCH 5.0: Replace Order Request");

/* 'X'; appendage optional. */
struct ouch50_cancel_order {
	uint8_t type;
	be32 user_ref; // of the order
	be32 qty;      // intended total, executed shares included; 0 cancels all
};
static_assert(sizeof(struct ouch50_cancel_order) == 9, "OUCH 5.0: Cancel Order Request");
static_assert(offsetof(struct ouch50_cancel_order, qty) == 5, "OUCH 5.0: Cancel Order Request");

/* 'M'; appendage optional. */
struct ouch50_modify_order {
	uint8_t type;
	be32 user_ref; // of the order
	uint8_t side;  // 'S' to 'E', 'S' to 'T', 'E' to 'T'
	be32 qty;      // intended total
};
static_assert(sizeof(struct ouch50_modify_order) == 10, "OUCH 5.0: Modify Order Request");
static_assert(offsetof(struct ouch50_modify_order, qty) == 6, "OUCH 5.0: Modify Order Request");

/* 'C'; appendage required. */
struct ouch50_mass_cancel {
	uint8_t type;
	be32 user_ref;
	char firm[OUCH_FIRM_LEN];
	char symbol[OUCH_SYMBOL_LEN]; // blank: all
};
static_assert(sizeof(struct ouch50_mass_cancel) == 17, "OUCH 5.0: Mass Cancel Request");
static_assert(offsetof(struct ouch50_mass_cancel, symbol) == 9, "OUCH 5.0: Mass Cancel Request");

/* 'D' and 'E'; appendage required. */
struct ouch50_entry_switch {
	uint8_t type;
	be32 user_ref;
	char firm[OUCH_FIRM_LEN];
};
static_assert(sizeof(struct ouch50_entry_switch) == 9, "OUCH 5.0: Disable/Enable Order Entry");
static_assert(offsetof(struct ouch50_entry_switch, firm) == 5,
	      "OUCH 5.0: Disable/Enable Order Entry");

/* 'Q'; appendage optional. */
struct ouch50_account_query {
	uint8_t type;
};
static_assert(sizeof(struct ouch50_account_query) == 1, "OUCH 5.0: Account Query Request");

/* --- answers -------------------------------------------------------------------------------- */

/* In front of every answer. */
struct ouch50_head {
	uint8_t type;
	be64 ts_ns; // since midnight, US/Eastern
};
static_assert(sizeof(struct ouch50_head) == 9, "OUCH 5.0: outbound messages");

/* 'S'; no appendage. */
struct ouch50_system_event {
	struct ouch50_head head;
	uint8_t event; // 'S' start of day, 'E' end of day
};
static_assert(sizeof(struct ouch50_system_event) == 10, "OUCH 5.0: System Event");
static_assert(offsetof(struct ouch50_system_event, event) == 9, "OUCH 5.0: System Event");

/* 'A'; appendage required. */
struct ouch50_accepted {
	struct ouch50_head head;
	be32 user_ref;
	uint8_t side;
	be32 qty;
	char symbol[OUCH_SYMBOL_LEN];
	be64 px4; // accepted, perhaps better than entered
	uint8_t tif;
	uint8_t display;
	be64 order_ref; // also found on market data
	uint8_t capacity;
	uint8_t sweep;
	uint8_t cross;
	uint8_t state; // enum ouch_order_state
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_accepted) == 62, "OUCH 5.0: Order Accepted");
static_assert(offsetof(struct ouch50_accepted, cl_ord_id) == 48, "OUCH 5.0: Order Accepted");

/* 'U'; appendage required. */
struct ouch50_replaced {
	struct ouch50_head head;
	be32 orig_user_ref;
	be32 user_ref;
	uint8_t side;
	be32 qty; // outstanding now
	char symbol[OUCH_SYMBOL_LEN];
	be64 px4;
	uint8_t tif;
	uint8_t display;
	be64 order_ref; // a new one
	uint8_t capacity;
	uint8_t sweep;
	uint8_t cross;
	uint8_t state; // enum ouch_order_state
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_replaced) == 66, "OUCH 5.0: Order Replaced");
static_assert(offsetof(struct ouch50_replaced, cl_ord_id) == 52, "OUCH 5.0: Order Replaced");

/* 'C'; appendage optional. */
struct ouch50_canceled {
	struct ouch50_head head;
	be32 user_ref;
	be32 qty; // shares removed now; the order may still be partly alive
	uint8_t reason;
};
static_assert(sizeof(struct ouch50_canceled) == 18, "OUCH 5.0: Order Canceled");
static_assert(offsetof(struct ouch50_canceled, reason) == 17, "OUCH 5.0: Order Canceled");

/* 'D'; appendage optional.  Some texts of 2023 lack the last field. */
struct ouch50_aiq_canceled {
	struct ouch50_head head;
	be32 user_ref;
	be32 qty; // shares removed now
	uint8_t reason;
	be32 prevented_qty;
	be64 px4; // it would have traded at
	uint8_t liquidity;
	uint8_t strategy;
};
static_assert(sizeof(struct ouch50_aiq_canceled) == 32, "OUCH 5.0: AIQ Canceled");
static_assert(offsetof(struct ouch50_aiq_canceled, strategy) == 31, "OUCH 5.0: AIQ Canceled");

/* 'E'; appendage required, its absence tolerated. */
struct ouch50_executed {
	struct ouch50_head head;
	be32 user_ref;
	be32 qty; // executed now
	be64 px4;
	uint8_t liquidity;
	be64 match_ref; // shared by both sides
};
static_assert(sizeof(struct ouch50_executed) == 34, "OUCH 5.0: Order Executed");
static_assert(offsetof(struct ouch50_executed, match_ref) == 26, "OUCH 5.0: Order Executed");

/* 'B'; appendage optional. */
struct ouch50_broken_trade {
	struct ouch50_head head;
	be32 user_ref;
	be64 match_ref;
	uint8_t reason; // 'E' erroneous, 'C' consent, 'S' supervisory, 'X' external
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_broken_trade) == 36, "OUCH 5.0: Broken Trade");
static_assert(offsetof(struct ouch50_broken_trade, cl_ord_id) == 22, "OUCH 5.0: Broken Trade");

/* 'J'; appendage optional. */
struct ouch50_rejected {
	struct ouch50_head head;
	be32 user_ref;
	be16 reason;
	char cl_ord_id[OUCH_CL_ORD_ID_LEN];
};
static_assert(sizeof(struct ouch50_rejected) == 29, "OUCH 5.0: Rejected");
static_assert(offsetof(struct ouch50_rejected, cl_ord_id) == 15, "OUCH 5.0: Rejected");

/* 'P' and 'I'; appendage optional. */
struct ouch50_cancel_notice {
	struct ouch50_head head;
	be32 user_ref;
};
static_assert(sizeof(struct ouch50_cancel_notice) == 13, "OUCH 5.0: Cancel Pending, Cancel Reject");
static_assert(offsetof(struct ouch50_cancel_notice, user_ref) == 9,
	      "OUCH 5.0: Cancel Pending, Cancel Reject");

/* 'T'; appendage optional. */
struct ouch50_priority_update {
	struct ouch50_head head;
	be32 user_ref;
	be64 px4;
	uint8_t display;
	be64 order_ref; // the new one
};
static_assert(sizeof(struct ouch50_priority_update) == 30, "OUCH 5.0: Order Priority Update");
static_assert(offsetof(struct ouch50_priority_update, order_ref) == 22,
	      "OUCH 5.0: Order Priority Update");

/* 'M'; appendage optional. */
struct ouch50_modified {
	struct ouch50_head head;
	be32 user_ref;
	uint8_t side;
	be32 qty; // outstanding
};
static_assert(sizeof(struct ouch50_modified) == 18, "OUCH 5.0: Order Modified");
static_assert(offsetof(struct ouch50_modified, qty) == 14, "OUCH 5.0: Order Modified");

/* 'R'; appendage required. */
struct ouch50_restated {
	struct ouch50_head head;
	be32 user_ref;
	uint8_t reason; // 'R' display refreshed, 'P' displayed price updated
};
static_assert(sizeof(struct ouch50_restated) == 14, "OUCH 5.0: Order Restated");
static_assert(offsetof(struct ouch50_restated, reason) == 13, "OUCH 5.0: Order Restated");

/* 'X'; appendage required. */
struct ouch50_mass_canceled {
	struct ouch50_head head;
	be32 user_ref; // of the request
	char firm[OUCH_FIRM_LEN];
	char symbol[OUCH_SYMBOL_LEN];
};
static_assert(sizeof(struct ouch50_mass_canceled) == 25, "OUCH 5.0: Mass Cancel Response");
static_assert(offsetof(struct ouch50_mass_canceled, symbol) == 17,
	      "OUCH 5.0: Mass Cancel Response");

/* 'G' and 'K'; appendage required. */
struct ouch50_entry_switched {
	struct ouch50_head head;
	be32 user_ref; // of the request
	char firm[OUCH_FIRM_LEN];
};
static_assert(sizeof(struct ouch50_entry_switched) == 17,
	      "OUCH 5.0: Disable/Enable Order Entry Response");
static_assert(offsetof(struct ouch50_entry_switched, firm) == 13,
	      "OUCH 5.0: Disable/Enable Order Entry Response");

/* 'Q'; appendage optional. */
struct ouch50_account_answer {
	struct ouch50_head head;
	be32 next_user_ref; // the lowest that may be used
};
static_assert(sizeof(struct ouch50_account_answer) == 13, "OUCH 5.0: Account Query Response");
static_assert(offsetof(struct ouch50_account_answer, next_user_ref) == 9,
	      "OUCH 5.0: Account Query Response");

/* --- appendage ------------------------------------------------------------------------------ */

enum ouch50_tag {
	OUCH50_TAG_SECONDARY_REF = 1,
	OUCH50_TAG_FIRM = 2,
	OUCH50_TAG_MIN_QTY = 3,
	OUCH50_TAG_CUSTOMER_TYPE = 4,
	OUCH50_TAG_MAX_FLOOR = 5,
	OUCH50_TAG_PRICE_TYPE = 6,
	OUCH50_TAG_PEG_OFFSET = 7,
	OUCH50_TAG_DISCRETION_PRICE = 9,
	OUCH50_TAG_DISCRETION_PRICE_TYPE = 10,
	OUCH50_TAG_DISCRETION_PEG_OFFSET = 11,
	OUCH50_TAG_POST_ONLY = 12, // 'P' post only, 'N' not
	OUCH50_TAG_RANDOM_RESERVES = 13,
	OUCH50_TAG_ROUTE = 14,
	OUCH50_TAG_EXPIRE_TIME = 15,
	OUCH50_TAG_TRADE_NOW = 16,
	OUCH50_TAG_HANDLE_INST = 17,
	OUCH50_TAG_BBO_WEIGHT = 18,
	OUCH50_TAG_DISPLAY_QTY = 22,
	OUCH50_TAG_DISPLAY_PRICE = 23,
	OUCH50_TAG_GROUP_ID = 24,
	OUCH50_TAG_SHARES_LOCATED = 25,
	OUCH50_TAG_LOCATE_BROKER = 26, // this and what follows: since revision 1.05
	OUCH50_TAG_SIDE = 27,
	OUCH50_TAG_USER_REF_IDX = 28,
	OUCH50_TAG_AIQ_STRATEGY = 29,
	OUCH50_TAG_AIQ_GROUP_ID = 30,
	OUCH50_TAG_MAX = 30,
};

/* In front of the value of one element. */
struct ouch50_option_head {
	uint8_t len; // of tag and value
	uint8_t tag;
};
static_assert(sizeof(struct ouch50_option_head) == 2, "OUCH 5.0: optional appendage");

/* Bytes of a tag's value; 0 for a tag that nobody has defined. */
HOT_INLINE uint8_t
ouch50_option_bytes(uint8_t tag)
{
	// clang-format off
	static const uint8_t BYTES[OUCH50_TAG_MAX + 1] = {
		[1] = 8,  [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,  [9] = 8,
		[10] = 1, [11] = 4, [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1,
		[18] = 1, [22] = 4, [23] = 8, [24] = 2, [25] = 1, [26] = 4, [27] = 1, [28] = 1,
		[29] = 1, [30] = 2,
	};
	// clang-format on

	return tag <= OUCH50_TAG_MAX ? BYTES[tag] : 0;
}

struct ouch50_option {
	const uint8_t *value;
	uint8_t tag;
	uint8_t len; // of the value; equals ouch50_option_bytes(tag) unless that is 0
};

struct ouch50_walk {
	const uint8_t *at;
	const uint8_t *end;
	bool bad; // an element that does not fit, or a known tag of a wrong length
};

/*
 * Begins a walk over the len bytes that follow a message's fixed part.  False when they are not
 * exactly one appendage; nothing at all is an empty one.
 */
HOT_INLINE bool
ouch50_options_start(struct ouch50_walk *w, const uint8_t *rest, size_t len)
{
	be16 promised;

	*w = (struct ouch50_walk){ .at = rest, .end = rest };
	if (len == 0)
		return true;
	if (unlikely(len < sizeof(promised)))
		return false;
	memcpy(&promised, rest, sizeof(promised));
	if (unlikely(be16_get(promised) != len - sizeof(promised)))
		return false;
	w->at = rest + sizeof(promised);
	w->end = rest + len;
	return true;
}

/* The next element, unknown tags included; false at the end, or when w->bad became true. */
HOT_INLINE bool
ouch50_options_next(struct ouch50_walk *w, struct ouch50_option *o)
{
	const size_t left = (size_t)(w->end - w->at);
	struct ouch50_option_head h;
	uint8_t want;

	if (likely(left == 0))
		return false;
	if (left < sizeof(h))
		goto bad;
	memcpy(&h, w->at, sizeof(h));
	if (h.len == 0 || (size_t)h.len + sizeof(h.len) > left)
		goto bad;
	*o = (struct ouch50_option){ w->at + sizeof(h), h.tag, (uint8_t)(h.len - 1) };
	want = ouch50_option_bytes(h.tag);
	if (want != 0 && want != o->len)
		goto bad;
	w->at += sizeof(h.len) + h.len;
	return true;
bad:
	w->bad = true;
	w->at = w->end;
	return false;
}

#endif
