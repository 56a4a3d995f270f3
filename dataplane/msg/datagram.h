/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_DATAGRAM_H
#define SLUICE_MSG_DATAGRAM_H

#include "msg/head.h"

/* What a datagram tells besides its messages. */
enum datagram_flag {
	DATAGRAM_GAP = 1 << 0, // messages before seq were given up as lost: books are suspect
	DATAGRAM_END = 1 << 1, // end of session; no messages
	DATAGRAM_NEW_SESSION = 1 << 2, // first of a new session: every book starts empty
	DATAGRAM_SILENT = 1 << 3,      // no line was heard for the configured time; no messages
	DATAGRAM_HEARD = 1 << 4,       // a line is heard again after DATAGRAM_SILENT; no messages
};

/*
 * arb -> parse: messages of one packet, in sequence, each number exactly once.  Carries the buffer
 * on (buf is NULL when the datagram only tells an event).
 */
struct datagram {
	struct msg_head head;
	void *buf;
	const uint8_t *data; // first message block to deliver: be16 length, then the message
	uint64_t seq;        // sequence number of that block
	uint16_t len;        // bytes at data; exactly msg_cnt whole blocks
	uint16_t msg_cnt;
	uint8_t flags; // enum datagram_flag
	uint8_t line_idx;
	uint16_t pad;
};
static_assert(sizeof(struct datagram) == CACHE_LINE, "one message, one cache line");

#endif
