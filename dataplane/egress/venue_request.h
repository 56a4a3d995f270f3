/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EGRESS_VENUE_REQUEST_H
#define SLUICE_EGRESS_VENUE_REQUEST_H

#include "msg/intent.h"

/*
 * orders -> encode: one request to the venue, whatever the protocol.  Both stages always share the
 * session's lane, so it never crosses a ring and carries no head.
 *
 * token is our own order number: OUCH 5.0 UserRefNum, and the number inside an OUCH 4.2 token.
 * Tokens of a session only ever grow (order_session_token_base says where they start).
 *
 *                 INTENT_NEW        INTENT_REPLACE                     INTENT_CANCEL
 *   token         of the new order  of the replacement                 of the order
 *   orig_token    -                 of the live order                  -
 *   qty           shares            of the chain, executed included    total to keep; 0: none
 *   px4           limit             limit                              -
 *   side          yes               -                                  -
 *   tif, flags,   yes               yes: the venue inherits none       -
 *   style
 *
 * INTENT_MODIFY: token of the order, qty in total, side and flags as the order shall be marked.
 */
struct venue_request {
	int64_t px4;
	uint32_t token;
	uint32_t orig_token;
	uint32_t qty;
	uint16_t instr_idx;
	uint8_t kind;  // enum intent_kind
	uint8_t side;  // enum side
	uint8_t tif;   // enum tif
	uint8_t flags; // enum intent_flag
	uint8_t style; // of a new order or a replace
	// for the journal alone
	uint8_t strategy_idx;
	uint32_t intent_id; // the order's name
	uint32_t feed_seq;  // of the feed's message that caused it; 0: none
	uint32_t pad;
	uint64_t rx_ns; // when that was received
};
static_assert(sizeof(struct venue_request) == 48, "it never crosses a ring");

#endif
