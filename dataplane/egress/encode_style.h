/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_ENCODE_STYLE_H
#define SLUICE_EGRESS_ENCODE_STYLE_H

#include "base/compiler.h"

enum {
	ENCODE_STYLE_MAX = 8, // the plain one, 0, included
	ENCODE_EXPIRE_MAX_S = 86399,
};

/*
 * How the venue shall treat an order, beside its price, quantity and life.  An intent names a style
 * by its number, and each becomes templates of its own when the session starts.  Plain values from
 * the configuration, in the venue's letters; 0 or empty everywhere is a plain limit order.
 *
 * discretion_px4: the order is shown so far behind the price that risk allowed and trades up to
 * that price, so an order never trades at a price that nobody judged.
 */
struct encode_style {
	char display;         // 'Y' visible, 'A' attributable, 'N' hidden; 0: the session's
	char cross;           // auction: 'O' opening, 'C' closing, ...; 0: continuous trading
	char customer;        // 'R' retail, 'N' not; 0: not said
	char price_type;      // peg: 'P', 'M', 'R', 'Q', 'm'; 0: limit
	char discretion_type; // peg of the discretion: 'P', 'M', 'R'; 0: limit
	char handle_inst;
	char aiq_strategy;
	char aiq_group[3];
	char locate_broker[5];
	bool sweep;       // inter-market sweep
	bool after_hours; // the day's orders work after the close
	bool trade_now;
	bool shares_located;
	uint16_t group_id; // 0: none
	uint32_t min_qty;
	uint32_t max_floor_qty; // shown at a time
	uint32_t random_reserve_qty;
	uint32_t expire_s; // the day's orders live so long; 0: all of the day
	int32_t peg_offset_px4;
	int32_t discretion_peg_offset_px4;
	uint32_t discretion_px4;
};

enum encode_protocol {
	ENCODE_OUCH50,
	ENCODE_OUCH42,
};

/*
 * Why the protocol cannot say a style, in words that name the configuration's key; NULL: it can.
 */
COLD const char *encode_style_fault(const struct encode_style *s, enum encode_protocol protocol);

#endif
