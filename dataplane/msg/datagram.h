/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_DATAGRAM_H
#define SLUICE_MSG_DATAGRAM_H

#include "msg/head.h"

/*
 * What a datagram tells besides its messages; a flag is told before them.
 *
 * The affected set are the instruments that are not believed when recovery begins: all of the feed
 * after a GAP, otherwise those whose own book broke.  Everything from RECOVERING to RECOVERED or
 * LOST concerns it alone: datagrams with neither SNAPSHOT nor REPLAY go on for all others.
 */
enum datagram_flag {
	DATAGRAM_GAP = 1 << 0, // messages before seq are missing: no book of the feed is believed
	DATAGRAM_END = 1 << 1, // end of session; no messages
	DATAGRAM_NEW_SESSION = 1 << 2, // first of a new session: every book starts empty
	DATAGRAM_SILENT = 1 << 3,      // no line was heard for the configured time; no messages
	DATAGRAM_HEARD = 1 << 4,       // a line is heard again after DATAGRAM_SILENT; no messages
	DATAGRAM_RECOVERING = 1 << 5,  // forget the affected set's orders: a snapshot comes
	DATAGRAM_SNAPSHOT =
		1 << 6,           // messages of a snapshot, for the affected set; seq means nothing
	DATAGRAM_REPLAY = 1 << 7, // live messages kept meanwhile, for the affected set
	DATAGRAM_RECOVERED = 1 << 8, // nothing is missing any more: all are believed again
	DATAGRAM_LOST = 1 << 9,      // recovery failed: the affected set is stale
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
	uint16_t flags; // enum datagram_flag
	uint8_t line_idx;
	uint8_t pad;
};
static_assert(sizeof(struct datagram) == CACHE_LINE, "one message, one cache line");

#endif
