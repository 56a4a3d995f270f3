/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_MARK_H
#define SLUICE_MSG_MARK_H

#include "msg/head.h"

/*
 * book -> risk: what risk must know of an instrument to judge by itself.  Sent whenever one of the
 * fields changed, always before the bbo of the same cause.  Needs no room anywhere.
 */
struct mark {
	struct msg_head head;
	uint32_t bid_px4;
	uint32_t ask_px4;
	uint32_t last_px4;
	uint32_t band_lo_px4; // 0: no band
	uint32_t band_hi_px4;
	uint32_t round_lot_qty;
	uint8_t confidence; // enum confidence
	uint8_t state;      // enum trading_state
	uint8_t short_sale; // Reg SHO action, '0' none, '1' or '2' restricted, 0 unknown
	uint8_t phase;      // enum feed_phase
	uint8_t lots_only;  // 1: only multiples of round_lot_qty are accepted
	uint8_t pad[3];
};
static_assert(sizeof(struct mark) == CACHE_LINE, "one message, one cache line");

#endif
