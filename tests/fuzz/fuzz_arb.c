/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ingress/arb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PACKETS_MAX = 512,
	PACKET_BYTES_MAX = 256,
	REORDER = 5,
};

static struct {
	uint8_t bytes[PACKET_BYTES_MAX];
	bool out; // arb or a datagram has it
} packet[PACKETS_MAX];
static unsigned out_cnt;

static uint64_t next_seq; // the lowest number that may still come
static bool started;

static void
give_back(void *buf)
{
	const size_t i = (size_t)((uint8_t *)buf - packet[0].bytes) / sizeof(packet[0]);

	if (i >= PACKETS_MAX || buf != packet[i].bytes || !packet[i].out)
		abort(); // not ours, or given back twice
	packet[i].out = false;
	out_cnt--;
}

/* Each message holds its own number and its session's letter. */
static void
take(const struct datagram *d, char session)
{
	const uint8_t *at = d->data;

	if (d->flags & DATAGRAM_NEW_SESSION)
		started = false;
	if (d->msg_cnt != 0) {
		if (started && d->seq != next_seq &&
		    !((d->flags & DATAGRAM_GAP) && d->seq > next_seq))
			abort(); // twice, backwards, or a hole nobody named
		next_seq = d->seq;
		started = true;
	} else if (d->buf == NULL) {
		if (d->flags == 0 || (started && d->seq < next_seq))
			abort();
		if (d->flags & DATAGRAM_GAP)
			next_seq = d->seq;
	}
	for (unsigned i = 0; i < d->msg_cnt; i++, next_seq++) {
		const uint16_t len = be16_get(*(const be16 *)at);
		be64 stored;

		if (at + sizeof(be16) + len > d->data + d->len)
			abort();
		if (len >= sizeof(stored) + 1) {
			memcpy(&stored, at + sizeof(be16), sizeof(stored));
			if (be64_get(stored) != next_seq ||
			    at[sizeof(be16) + 8] != (uint8_t)session)
				abort();
		}
		at += sizeof(be16) + len;
	}
	if (d->msg_cnt != 0 && at != d->data + d->len)
		abort();
	if (d->buf != NULL)
		give_back(d->buf);
}

/* A packet of cnt messages from seq on, packed as the line likes. */
static uint16_t
build(uint8_t *out, char session, uint64_t seq, unsigned cnt, bool empties)
{
	uint8_t *at = out + sizeof(struct mold_head);

	mold_request_write((struct mold_head *)out, "----------", seq, (uint16_t)cnt);
	out[3] = (uint8_t)session;
	if (cnt == MOLD_END_OF_SESSION_CNT)
		return sizeof(struct mold_head);
	for (unsigned i = 0; i < cnt; i++) {
		const uint16_t len = empties && i % 2 ? 0 : 9;
		const be16 len_be = be16_of(len);
		const be64 seq_be = be64_of(seq + i);

		memcpy(at, &len_be, sizeof(len_be));
		at += sizeof(len_be);
		if (len == 0)
			continue;
		memcpy(at, &seq_be, sizeof(seq_be));
		at[8] = (uint8_t)session;
		at += len;
	}
	return (uint16_t)(at - out);
}

/*
 * Four bytes make a packet: line, kind and damage; number relative to what was passed on; count;
 * time.  Whatever packets come on whatever lines, each message of a session is passed on at most
 * once and in order, a hole has a GAP before it, every buffer is given back exactly once, and never
 * more than reorder_packets are kept.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[1 << 16] cache_aligned;
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct arb_config c = {
		.line_cnt = 3,
		.reorder_packets = REORDER,
		.gap_wait_ns = 500,
		.silence_ns = 20000,
	};
	uint64_t now_ns = 1000000;
	char session = 'A';
	struct datagram d;
	struct arb a;

	if (size < 1)
		return 0;
	c.first_seq = data[0] & 3; // 0 joins late
	c.session_fixed = data[0] & 4;
	memcpy(c.session, "---A------", sizeof(c.session));
	if (arb_init(&a, &c, &arena) != 0)
		abort();
	memset(packet, 0, sizeof(packet));
	out_cnt = 0;
	next_seq = 0;
	started = false;
	for (unsigned i = 0; i < PACKETS_MAX && (i + 1) * 4 < size; i++) {
		const uint8_t *op = data + 1 + i * 4;
		const uint64_t base = a.adopted ? a.expected_seq : 100;
		const int64_t rel = (int8_t)op[1] / 8;
		const uint64_t seq = rel < 0 && base < (uint64_t)-rel ? 1 : base + (uint64_t)rel;
		unsigned cnt = op[2] % 9;
		struct frame f = { .buf = packet[i].bytes, .data = packet[i].bytes };
		enum arb_verdict v;

		if ((op[0] & 0x1c) == 0x1c)
			cnt = MOLD_END_OF_SESSION_CNT;
		if ((op[0] & 0xe0) == 0xe0)
			session = session == 'A' ? 'B' : 'A';
		f.line_idx = op[0] % 3;
		f.len = build(packet[i].bytes, session, seq, cnt, op[2] & 0x40);
		if ((op[0] & 0xe0) == 0xc0) // damage that UDP let through
			packet[i].bytes[18 + (op[3] & 1)] ^= op[2] | 1;
		if ((op[0] & 0xe0) == 0xa0)
			f.len = (uint16_t)(f.len - op[3] % f.len);
		now_ns += (uint64_t)op[3] << (op[3] & 7);
		f.head.rx_ns = f.heard_ns = now_ns;
		packet[i].out = true;
		out_cnt++;
		v = arb_on_frame(&a, &f, NULL, &d);
		if (v == ARB_DELIVER && d.msg_cnt == 0)
			abort(); // nothing new, and yet passed on
		if (v == ARB_DELIVER)
			take(&d, (char)a.session[3]);
		else if (v == ARB_DROP)
			give_back(f.buf);
		else if (v != ARB_KEPT)
			abort();
		if (out_cnt != a.held_cnt || out_cnt > REORDER)
			abort();
		while (arb_next(&a, now_ns, &d))
			take(&d, (char)a.session[3]);
		if (out_cnt != a.held_cnt || out_cnt >= REORDER)
			abort();
		if (arb_state_name(arb_state(&a))[0] == '?')
			abort();
	}
	arb_give_back(&a);
	while (arb_next(&a, now_ns, &d))
		take(&d, (char)a.session[3]);
	if (out_cnt != 0 || arb_next(&a, now_ns, &d))
		abort();
	return 0;
}
