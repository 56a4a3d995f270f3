/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_ITCH50_H
#define SLUICE_WIRE_ITCH50_H

#include "base/wire_int.h"

/*
 * NASDAQ TotalView-ITCH 5.0, every message of the text of 19 February 2026.  Prices are in 1/10000
 * dollar (px4) unless a field says otherwise; times are nanoseconds since midnight US/Eastern.
 */

enum {
	ITCH50_SYMBOL_LEN = 8,
	ITCH50_MSG_LEN_MIN = 12,
	ITCH50_MSG_LEN_MAX = 50,
};

/* Largest legal price(4): 200,000 dollars. */
#define ITCH50_PX4_MAX 2000000000u

/*
 * Every message: letter, name, bytes.  The letter alone gives the length; a transport length that
 * differs is an error of the sender.
 */
// clang-format off
#define ITCH50_MESSAGES(MSG)                       \
	MSG('S', system_event,             12)     \
	MSG('R', stock_directory,          39)     \
	MSG('H', trading_action,           25)     \
	MSG('Y', reg_sho,                  20)     \
	MSG('L', participant_position,     26)     \
	MSG('V', mwcb_levels,              35)     \
	MSG('W', mwcb_status,              12)     \
	MSG('K', ipo_quoting,              28)     \
	MSG('J', luld_collar,              35)     \
	MSG('h', operational_halt,         21)     \
	MSG('A', add_order,                36)     \
	MSG('F', add_order_mpid,           40)     \
	MSG('E', order_executed,           31)     \
	MSG('C', order_executed_at_price,  36)     \
	MSG('X', order_cancel,             23)     \
	MSG('D', order_delete,             19)     \
	MSG('U', order_replace,            35)     \
	MSG('P', trade,                    44)     \
	MSG('Q', cross_trade,              40)     \
	MSG('B', broken_trade,             19)     \
	MSG('I', noii,                     50)     \
	MSG('N', rpii,                     20)     \
	MSG('O', direct_listing,           48)
// clang-format on

/* Bytes of the message whose letter is the index; 0: no such message. */
#define ITCH50_LEN_ENTRY(letter, name, len) [letter] = len,
static const uint8_t ITCH50_LEN[256] = { ITCH50_MESSAGES(ITCH50_LEN_ENTRY) };
#undef ITCH50_LEN_ENTRY

/* What every message begins with. */
struct itch50_head {
	uint8_t type;
	be16 locate; // index of the security, assigned afresh every day; 0: not about one security
	be16 tracking;
	be48 ts_ns;
};
static_assert(sizeof(struct itch50_head) == 11, "ITCH 5.0: common header");
static_assert(offsetof(struct itch50_head, ts_ns) == 5, "ITCH 5.0: common header");

/* 'S' */
struct itch50_system_event {
	struct itch50_head head; // locate is always 0
	uint8_t event;           // 'O' 'S' 'Q' 'M' 'E' 'C', in the order of a day
};
static_assert(sizeof(struct itch50_system_event) == 12, "ITCH 5.0: System Event");
static_assert(offsetof(struct itch50_system_event, event) == 11, "ITCH 5.0: System Event");

/* 'R' */
struct itch50_stock_directory {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN]; // padded with spaces on the right
	uint8_t market_category;
	uint8_t financial_status;
	be32 round_lot_qty;
	uint8_t round_lots_only; // 'Y' or 'N'
	uint8_t issue_class;
	char issue_subtype[2];
	uint8_t authenticity; // 'P' live, 'T' test
	uint8_t short_sale_threshold;
	uint8_t ipo_flag;
	uint8_t luld_tier; // '1', '2' or space
	uint8_t etp_flag;
	be32 etp_leverage;
	uint8_t inverse;
};
static_assert(sizeof(struct itch50_stock_directory) == 39, "ITCH 5.0: Stock Directory");
static_assert(offsetof(struct itch50_stock_directory, inverse) == 38, "ITCH 5.0: Stock Directory");

/* 'H': market-wide trading state of a security. */
struct itch50_trading_action {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t state; // 'H' halted, 'P' paused, 'Q' quotation only, 'T' trading
	uint8_t reserved;
	char reason[4];
};
static_assert(sizeof(struct itch50_trading_action) == 25, "ITCH 5.0: Stock Trading Action");
static_assert(offsetof(struct itch50_trading_action, reason) == 21,
	      "ITCH 5.0: Stock Trading Action");

/* 'Y' */
struct itch50_reg_sho {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t action; // '0' none, '1' in effect, '2' remains in effect
};
static_assert(sizeof(struct itch50_reg_sho) == 20, "ITCH 5.0: Reg SHO Restriction");
static_assert(offsetof(struct itch50_reg_sho, action) == 19, "ITCH 5.0: Reg SHO Restriction");

/* 'L' */
struct itch50_participant_position {
	struct itch50_head head;
	char mpid[4];
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t primary; // 'Y' or 'N'
	uint8_t mode;
	uint8_t state;
};
static_assert(sizeof(struct itch50_participant_position) == 26,
	      "ITCH 5.0: Market Participant Position");
static_assert(offsetof(struct itch50_participant_position, state) == 25,
	      "ITCH 5.0: Market Participant Position");

/* 'V': levels in 1/100000000 dollar. */
struct itch50_mwcb_levels {
	struct itch50_head head;
	be64 level1_px8;
	be64 level2_px8;
	be64 level3_px8;
};
static_assert(sizeof(struct itch50_mwcb_levels) == 35, "ITCH 5.0: MWCB Decline Level");
static_assert(offsetof(struct itch50_mwcb_levels, level3_px8) == 27,
	      "ITCH 5.0: MWCB Decline Level");

/* 'W' */
struct itch50_mwcb_status {
	struct itch50_head head;
	uint8_t level; // '1' '2' '3'
};
static_assert(sizeof(struct itch50_mwcb_status) == 12, "ITCH 5.0: MWCB Status");
static_assert(offsetof(struct itch50_mwcb_status, level) == 11, "ITCH 5.0: MWCB Status");

/* 'K' */
struct itch50_ipo_quoting {
	struct itch50_head head; // the text says locate is 0; accept any
	char symbol[ITCH50_SYMBOL_LEN];
	be32 release_s;    // SECONDS since midnight; 0 when cancelled
	uint8_t qualifier; // 'A' anticipated, 'C' cancelled
	be32 px4;
};
static_assert(sizeof(struct itch50_ipo_quoting) == 28, "ITCH 5.0: Quoting Period Update");
static_assert(offsetof(struct itch50_ipo_quoting, px4) == 24, "ITCH 5.0: Quoting Period Update");

/* 'J' */
struct itch50_luld_collar {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	be32 ref_px4;
	be32 upper_px4;
	be32 lower_px4;
	be32 extension; // 0: the first collar
};
static_assert(sizeof(struct itch50_luld_collar) == 35, "ITCH 5.0: LULD Auction Collar");
static_assert(offsetof(struct itch50_luld_collar, extension) == 31,
	      "ITCH 5.0: LULD Auction Collar");

/* 'h': halt of one Nasdaq-operated market. */
struct itch50_operational_halt {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t market; // 'Q' Nasdaq, 'B' Nasdaq Texas, 'X' PSX
	uint8_t action; // 'H' halted, 'T' resumed
};
static_assert(sizeof(struct itch50_operational_halt) == 21, "ITCH 5.0: Operational Halt");
static_assert(offsetof(struct itch50_operational_halt, action) == 20, "ITCH 5.0: Operational Halt");

/* 'A': an order without attribution joined the book. */
struct itch50_add_order {
	struct itch50_head head;
	be64 order_ref;
	uint8_t side; // 'B' or 'S'
	be32 qty;
	char symbol[ITCH50_SYMBOL_LEN];
	be32 px4;
};
static_assert(sizeof(struct itch50_add_order) == 36, "ITCH 5.0: Add Order");
static_assert(offsetof(struct itch50_add_order, px4) == 32, "ITCH 5.0: Add Order");

/* 'F': an 'A' with the name of its participant behind. */
struct itch50_add_order_mpid {
	struct itch50_add_order add;
	char mpid[4];
};
static_assert(sizeof(struct itch50_add_order_mpid) == 40, "ITCH 5.0: Add Order with MPID");
static_assert(offsetof(struct itch50_add_order_mpid, mpid) == 36, "ITCH 5.0: Add Order with MPID");

/* 'E': executed at the order's own price. */
struct itch50_order_executed {
	struct itch50_head head;
	be64 order_ref;
	be32 qty; // executed now
	be64 match_ref;
};
static_assert(sizeof(struct itch50_order_executed) == 31, "ITCH 5.0: Order Executed");
static_assert(offsetof(struct itch50_order_executed, match_ref) == 23, "ITCH 5.0: Order Executed");

/* 'C': executed at another price. */
struct itch50_order_executed_at_price {
	struct itch50_head head;
	be64 order_ref;
	be32 qty;
	be64 match_ref;
	uint8_t printable; // 'N': a later bulk print includes it
	be32 px4;
};
static_assert(sizeof(struct itch50_order_executed_at_price) == 36,
	      "ITCH 5.0: Order Executed With Price");
static_assert(offsetof(struct itch50_order_executed_at_price, px4) == 32,
	      "ITCH 5.0: Order Executed With Price");

/* 'X': partial cancel. */
struct itch50_order_cancel {
	struct itch50_head head;
	be64 order_ref;
	be32 qty; // removed, not remaining
};
static_assert(sizeof(struct itch50_order_cancel) == 23, "ITCH 5.0: Order Cancel");
static_assert(offsetof(struct itch50_order_cancel, qty) == 19, "ITCH 5.0: Order Cancel");

/* 'D' */
struct itch50_order_delete {
	struct itch50_head head;
	be64 order_ref;
};
static_assert(sizeof(struct itch50_order_delete) == 19, "ITCH 5.0: Order Delete");
static_assert(offsetof(struct itch50_order_delete, order_ref) == 11, "ITCH 5.0: Order Delete");

/* 'U': side, symbol and participant are the original's; priority is lost. */
struct itch50_order_replace {
	struct itch50_head head;
	be64 orig_ref;
	be64 new_ref;
	be32 qty;
	be32 px4;
};
static_assert(sizeof(struct itch50_order_replace) == 35, "ITCH 5.0: Order Replace");
static_assert(offsetof(struct itch50_order_replace, px4) == 31, "ITCH 5.0: Order Replace");

/* 'P': executed against a hidden order. */
struct itch50_trade {
	struct itch50_head head;
	be64 order_ref; // always 0
	uint8_t side;   // always 'B'
	be32 qty;
	char symbol[ITCH50_SYMBOL_LEN];
	be32 px4;
	be64 match_ref;
};
static_assert(sizeof(struct itch50_trade) == 44, "ITCH 5.0: Trade");
static_assert(offsetof(struct itch50_trade, match_ref) == 36, "ITCH 5.0: Trade");

/* 'Q' */
struct itch50_cross_trade {
	struct itch50_head head;
	be64 qty; // 64 bits here; may be 0
	char symbol[ITCH50_SYMBOL_LEN];
	be32 px4;
	be64 match_ref;
	uint8_t cross; // 'O' opening, 'C' closing, 'H' IPO, halt or pause
};
static_assert(sizeof(struct itch50_cross_trade) == 40, "ITCH 5.0: Cross Trade");
static_assert(offsetof(struct itch50_cross_trade, cross) == 39, "ITCH 5.0: Cross Trade");

/* 'B': an execution or trade did not happen after all. */
struct itch50_broken_trade {
	struct itch50_head head;
	be64 match_ref;
};
static_assert(sizeof(struct itch50_broken_trade) == 19, "ITCH 5.0: Broken Trade");
static_assert(offsetof(struct itch50_broken_trade, match_ref) == 11, "ITCH 5.0: Broken Trade");

/* 'I' */
struct itch50_noii {
	struct itch50_head head;
	be64 paired_qty;
	be64 imbalance_qty;
	uint8_t direction; // 'B' 'S' 'N' 'O' 'P'
	char symbol[ITCH50_SYMBOL_LEN];
	be32 far_px4; // 0: not available
	be32 near_px4;
	be32 ref_px4;
	uint8_t cross; // 'O' 'C' 'H' 'A'
	uint8_t variation;
};
static_assert(sizeof(struct itch50_noii) == 50, "ITCH 5.0: Net Order Imbalance Indicator");
static_assert(offsetof(struct itch50_noii, variation) == 49,
	      "ITCH 5.0: Net Order Imbalance Indicator");

/* 'N' */
struct itch50_rpii {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t interest; // 'B' 'S' 'A' 'N'
};
static_assert(sizeof(struct itch50_rpii) == 20, "ITCH 5.0: Retail Price Improvement");
static_assert(offsetof(struct itch50_rpii, interest) == 19, "ITCH 5.0: Retail Price Improvement");

/* 'O' */
struct itch50_direct_listing {
	struct itch50_head head;
	char symbol[ITCH50_SYMBOL_LEN];
	uint8_t open_eligible; // 'Y' or 'N'
	be32 min_px4;
	be32 max_px4;
	be32 near_px4;
	be64 near_ts_ns;
	be32 lower_px4;
	be32 upper_px4;
};
static_assert(sizeof(struct itch50_direct_listing) == 48, "ITCH 5.0: Direct Listing");
static_assert(offsetof(struct itch50_direct_listing, upper_px4) == 44, "ITCH 5.0: Direct Listing");

/* The table and the structs say the same. */
#define ITCH50_SIZE_CHECK(letter, name, len) \
	static_assert(sizeof(struct itch50_##name) == (len), "ITCH 5.0: message index");
ITCH50_MESSAGES(ITCH50_SIZE_CHECK)
#undef ITCH50_SIZE_CHECK

#endif
