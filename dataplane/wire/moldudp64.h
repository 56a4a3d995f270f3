/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_MOLDUDP64_H
#define SLUICE_WIRE_MOLDUDP64_H

#include "base/wire_int.h"

/* MoldUDP64 1.00: one UDP datagram is one packet. */

enum {
	MOLD_SESSION_LEN = 10,
	MOLD_HEARTBEAT_CNT = 0,           // msg_cnt of a heartbeat; seq is the next number
	MOLD_END_OF_SESSION_CNT = 0xFFFF, // msg_cnt of an end of session; seq is the next number
	MOLD_AHEAD_LEFT = 4, // blocks of a packet that a walk ahead of it may still lack
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
 * A packet whose turn has not come, walked a block at a time between other work: each length says
 * where the next one stands, so a walk by itself waits for one after the other.  All zero: no
 * packet.
 */
struct mold_ahead {
	const uint8_t *data;
	const uint8_t *at;   // a block, or what comes after the last one
	const uint8_t *last; // the packet's last byte: no block begins there
	uint32_t cnt;        // blocks before at
};

/* Begins with len bytes, whatever they are.  They stay as they are until the packet was judged. */
HOT_INLINE void
mold_ahead_start(struct mold_ahead *a, const uint8_t *data, size_t len)
{
	*a = (struct mold_ahead){ 0 };
	if (unlikely(len < sizeof(struct mold_head) + sizeof(struct mold_block)))
		return;
	a->data = data;
	a->at = data + sizeof(struct mold_head);
	a->last = data + len - 1;
}

HOT_INLINE void
mold_ahead_step(struct mold_ahead *a)
{
	if (likely(a->at < a->last)) {
		a->at += sizeof(struct mold_block) +
			 be16_get(((const struct mold_block *)a->at)->len);
		a->cnt++;
	}
}

/*
 * To where the walk ahead has come, and some blocks further without a branch: it was walked beside
 * a packet of nearly as many, and which of the two has more cannot be foreseen.
 */
HOT_INLINE void
mold_walk_skip(struct mold_walk *w, const struct mold_ahead *a)
{
	const size_t last = (size_t)(a->last - a->data);
	size_t at = (size_t)(a->at - a->data); // the packet's first bytes stand in for what is none
	uint32_t cnt = a->cnt;

	for (unsigned i = 0; i < MOLD_AHEAD_LEFT; i++) {
		const uint64_t more = mask_of(at < last);
		const struct mold_block *block = (const struct mold_block *)(a->data + (at & more));

		at += (sizeof(*block) + be16_get(block->len)) & more;
		cnt += more & 1;
	}
	if (likely(at <= (size_t)(w->end - a->data) && cnt <= w->left_cnt)) {
		w->at = a->data + at;
		w->left_cnt -= cnt;
	}
}

/*
 * Whether a data packet's blocks fill it exactly: neither do they run past its end nor do bytes
 * remain.  Heartbeats and ends of session have no blocks; bytes after their header are ignored.
 * ahead is NULL, or of this packet or another one: the answer is the same.
 */
HOT_INLINE bool
mold_packet_exact_ahead(const uint8_t *data, size_t len, const struct mold_ahead *ahead)
{
	struct mold_walk w;
	struct mold_msg m;

	if (!mold_walk_start(&w, data, len))
		return false;
	if (ahead != NULL && ahead->data == data)
		mold_walk_skip(&w, ahead);
	while (mold_walk_next(&w, &m))
		;
	return w.left_cnt == 0 && w.at == w.end;
}

HOT_INLINE bool
mold_packet_exact(const uint8_t *data, size_t len)
{
	return mold_packet_exact_ahead(data, len, NULL);
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
