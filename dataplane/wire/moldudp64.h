/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_MOLDUDP64_H
#define SLUICE_WIRE_MOLDUDP64_H

#include "base/wire_int.h"

/* MoldUDP64 1.00: one UDP datagram is one packet. */

enum {
	MOLD_SESSION_LEN = 10,
	MOLD_HEARTBEAT_CNT = 0,           // msg_cnt of a heartbeat; seq is the next number
	MOLD_END_OF_SESSION_CNT = 0xFFFF, // msg_cnt of an end of session; seq is the next number
};

/* Downstream packet; a request has the same layout (session, first missing, how many). */
struct mold_head {
	char session[MOLD_SESSION_LEN]; // compared with all its bytes, padding included
	be64 seq;                       // number of the first message in this packet
	be16 msg_cnt;
};
static_assert(sizeof(struct mold_head) == 20, "MoldUDP64 1.00: downstream packet");
static_assert(offsetof(struct mold_head, msg_cnt) == 18, "MoldUDP64 1.00: downstream packet");

/* Before each message; the next block follows the message without padding. */
struct mold_block {
	be16 len; // of the message alone; 0 is legal and uses up a sequence number
};
static_assert(sizeof(struct mold_block) == 2, "MoldUDP64 1.00: message block");

/* One message inside a packet. */
struct mold_msg {
	const uint8_t *data;
	uint16_t len;
};

/* The way through a packet's blocks. */
struct mold_walk {
	const uint8_t *at;
	const uint8_t *end;
	uint32_t left_cnt;
};

/* False when the packet is shorter than its header. */
HOT_INLINE bool
mold_walk_start(struct mold_walk *w, const uint8_t *data, size_t len)
{
	uint16_t cnt;

	if (unlikely(len < sizeof(struct mold_head)))
		return false;
	cnt = be16_get(((const struct mold_head *)data)->msg_cnt);
	w->at = data + sizeof(struct mold_head);
	w->end = data + len;
	w->left_cnt = cnt == MOLD_END_OF_SESSION_CNT ? 0 : cnt;
	return true;
}

/*
 * The next message.  False at the end: with left_cnt 0 when every promised message was returned,
 * otherwise the packet lies about its lengths and is malformed.
 */
HOT_INLINE bool
mold_walk_next(struct mold_walk *w, struct mold_msg *m)
{
	const size_t room = (size_t)(w->end - w->at);
	uint16_t len;

	if (w->left_cnt == 0 || unlikely(room < sizeof(struct mold_block)))
		return false;
	len = be16_get(((const struct mold_block *)w->at)->len);
	if (unlikely(room - sizeof(struct mold_block) < len))
		return false;
	*m = (struct mold_msg){ .data = w->at + sizeof(struct mold_block), .len = len };
	w->at = m->data + len;
	w->left_cnt--;
	return true;
}

/*
 * Whether a data packet's blocks fill it exactly: neither do they run past its end nor do bytes
 * remain.  Heartbeats and ends of session have no blocks; bytes after their header are ignored.
 */
HOT_INLINE bool
mold_packet_exact(const uint8_t *data, size_t len)
{
	struct mold_walk w;
	struct mold_msg m;

	if (!mold_walk_start(&w, data, len))
		return false;
	while (mold_walk_next(&w, &m))
		;
	return w.left_cnt == 0 && w.at == w.end;
}

/* A request for cnt messages from seq on.  cnt 0 and 0xFFFF are never sent. */
HOT_INLINE void
mold_request_write(struct mold_head *out, const char session[MOLD_SESSION_LEN], uint64_t seq,
		   uint16_t cnt)
{
	memcpy(out->session, session, MOLD_SESSION_LEN);
	out->seq = be64_of(seq);
	out->msg_cnt = be16_of(cnt);
}

#endif
