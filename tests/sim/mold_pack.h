/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_MOLD_PACK_H
#define SLUICE_SIM_MOLD_PACK_H

#include "wire/moldudp64.h"

/* 1,500 bytes of MTU without IP options. */
enum { MOLD_PAYLOAD_MAX = 1472 };

/* One downstream packet in the making. */
struct mold_pack {
	char session[MOLD_SESSION_LEN];
	uint64_t next_seq; // of the message that comes next
	uint16_t msg_cnt;  // in the packet so far
	uint16_t len;
	uint8_t bytes[MOLD_PAYLOAD_MAX];
};

/* Session id: up to ten characters, padded on the right. */
static inline void
mold_pack_init(struct mold_pack *p, const char *session, uint64_t first_seq)
{
	const size_t n = strnlen(session, MOLD_SESSION_LEN);

	memset(p->session, ' ', MOLD_SESSION_LEN);
	memcpy(p->session, session, n);
	p->next_seq = first_seq;
	p->msg_cnt = 0;
	p->len = sizeof(struct mold_head);
}

static inline void
mold_head_write(uint8_t *out, const char session[MOLD_SESSION_LEN], uint64_t seq, uint16_t cnt)
{
	struct mold_head *h = (struct mold_head *)out;

	memcpy(h->session, session, MOLD_SESSION_LEN);
	h->seq = be64_of(seq);
	h->msg_cnt = be16_of(cnt);
}

/* Appends a message; false when it does not fit into this packet any more. */
static inline bool
mold_pack_put(struct mold_pack *p, const uint8_t *msg, uint16_t len)
{
	const be16 wire_len = be16_of(len);

	if (p->len + sizeof(wire_len) + len > sizeof(p->bytes))
		return false;
	memcpy(p->bytes + p->len, &wire_len, sizeof(wire_len));
	memcpy(p->bytes + p->len + sizeof(wire_len), msg, len);
	p->len = (uint16_t)(p->len + sizeof(wire_len) + len);
	p->msg_cnt++;
	p->next_seq++;
	return true;
}

/* Completes the header.  The packet is then bytes[0..len). */
static inline void
mold_pack_finish(struct mold_pack *p)
{
	mold_head_write(p->bytes, p->session, p->next_seq - p->msg_cnt, p->msg_cnt);
}

/* The next packet starts empty. */
static inline void
mold_pack_next(struct mold_pack *p)
{
	p->msg_cnt = 0;
	p->len = sizeof(struct mold_head);
}

#endif
