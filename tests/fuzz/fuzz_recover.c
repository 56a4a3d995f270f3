/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ingress/recover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Any bytes may arrive as a request server's answer or as a snapshot, at any moment.  Whatever they
 * are: memory stays within the store, every block delivered lies in the bytes it was made of, who
 * is believed has every number once and in order, a replay has no hole, and a rebuild ends where
 * the lines are.
 *
 * The input is a list of operations, each a byte and what it needs.
 */
enum {
	ROOM_BYTES = 256,   // the longest message fits: a longer one would be skipped
	DELIVER_MAX = 4096, // more than a store holds records of one message
};

#define MS 1000000ULL

static uint8_t memory[RECOVER_STORE_MIN + 4096] cache_aligned;
static struct recover r;
static struct recover_feed feed;
static uint64_t now_ns;
static char session[MOLD_SESSION_LEN];

static bool live, rebuilding, replaying;
static uint64_t upto_seq, replayed_seq;

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

static uint8_t
byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static void
check_blocks(const struct datagram *d, const uint8_t *from, size_t bytes)
{
	const uint8_t *at = d->data;

	if (d->msg_cnt == 0)
		return;
	if (at < from || d->len > bytes - (size_t)(at - from))
		abort();
	for (unsigned i = 0; i < d->msg_cnt; i++) {
		if ((size_t)(d->data + d->len - at) < sizeof(be16))
			abort();
		at += sizeof(be16) + be16_get(*(const be16 *)at);
	}
	if (at != d->data + d->len)
		abort();
}

static void
take(const struct datagram *d, const uint8_t *from, size_t bytes)
{
	check_blocks(d, from, bytes);
	if (d->flags & DATAGRAM_NEW_SESSION) {
		live = true;
		rebuilding = replaying = false;
		upto_seq = 1;
	}
	if (d->flags & (DATAGRAM_GAP | DATAGRAM_LOST))
		live = live && !(d->flags & DATAGRAM_GAP);
	if (d->flags & DATAGRAM_RECOVERING) {
		rebuilding = true;
		replaying = false;
	}
	if (d->flags & DATAGRAM_LOST)
		rebuilding = replaying = false;
	if (d->flags & DATAGRAM_RECOVERED) {
		if (rebuilding ? replaying && replayed_seq != feed.expected_seq
			       : upto_seq != feed.expected_seq)
			abort();
		if (live && upto_seq != feed.expected_seq)
			abort();
		live = true;
		rebuilding = replaying = false;
		upto_seq = feed.expected_seq;
	}
	if (d->msg_cnt == 0 || (d->flags & DATAGRAM_SNAPSHOT)) {
		if (d->msg_cnt != 0 && (!rebuilding || replaying))
			abort();
		return;
	}
	if (d->flags & DATAGRAM_REPLAY) {
		if (!rebuilding || (replaying && d->seq != replayed_seq))
			abort();
		replaying = true;
		replayed_seq = d->seq + d->msg_cnt;
		return;
	}
	if (live && d->seq != upto_seq)
		abort();
	upto_seq = d->seq + d->msg_cnt;
}

static void
deliver(unsigned cnt)
{
	static uint8_t bytes[ROOM_BYTES];
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	struct datagram d;

	while ((cnt-- != 0 || r.tell_cnt != 0) && recover_next(&r, now_ns, &room, &d))
		take(&d, bytes, sizeof(bytes));
}

static void
lines_bring(struct input *in, unsigned flags)
{
	static uint8_t bytes[1 << 14];
	const uint8_t cnt = byte(in) % 64;
	const uint16_t len = (uint16_t)(byte(in) % 200);
	const uint64_t skip = flags & DATAGRAM_GAP ? 1ULL + byte(in) * (uint64_t)byte(in) : 0;
	struct datagram d = { .buf = bytes, .data = bytes, .msg_cnt = cnt };

	deliver(0);
	if (flags & DATAGRAM_NEW_SESSION) {
		session[0]++;
		feed.expected_seq = 1;
	}
	feed.lost_from_seq = feed.expected_seq;
	feed.lost_since_ns = now_ns;
	d.seq = feed.expected_seq + skip;
	d.flags = (uint16_t)flags;
	feed.expected_seq = d.seq + cnt;
	for (unsigned i = 0; i < cnt; i++) {
		*(be16 *)(bytes + d.len) = be16_of(len);
		d.len = (uint16_t)(d.len + sizeof(be16) + len);
	}
	if (d.msg_cnt == 0 && flags == 0)
		return;
	if ((!recover_is_busy(&r) && flags == 0) ||
	    recover_on_datagram(&r, &d, &feed, now_ns) == RECOVER_PASS)
		take(&d, bytes, sizeof(bytes));
}

/* A server's bytes; mostly its header is likely, so that what follows is looked at. */
static void
answer(struct input *in)
{
	static uint8_t bytes[512];
	struct mold_head *h = (struct mold_head *)bytes;
	const uint8_t how = byte(in);
	uint16_t len = (uint16_t)(byte(in) * 2);
	struct frame f = { .buf = bytes, .data = bytes };
	struct datagram d;

	for (uint16_t i = 0; i < len; i++)
		bytes[i] = byte(in);
	if (how & 1 && len >= sizeof(*h))
		mold_request_write(h, session, r.next_seq + (how >> 4) - 2,
				   be16_get(h->msg_cnt) % 16);
	if (how & 2 && len >= sizeof(*h)) { // whole blocks
		uint16_t cnt = 0, at = sizeof(*h);

		while (at + sizeof(be16) <= len) {
			const uint16_t room = (uint16_t)(len - at - sizeof(be16));
			const uint16_t block = bytes[at] < room ? bytes[at] : room;

			*(be16 *)(bytes + at) = be16_of(block);
			at = (uint16_t)(at + sizeof(be16) + block);
			cnt++;
		}
		len = at;
		h->msg_cnt = be16_of(cnt);
	}
	f.len = len;
	if (recover_on_answer(&r, &f, now_ns, &d) == RECOVER_PASS)
		take(&d, bytes, len);
}

static void
snapshot(struct input *in)
{
	static uint8_t bytes[ROOM_BYTES];
	static const uint8_t LEN[] = { 12, 36, 21, 39 };
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	const uint8_t cnt = byte(in) % 8;
	uint8_t msg[256] = { 0 };
	struct datagram d;

	for (unsigned n = 0; n < cnt && recover_wants_snapshot(&r); n++) {
		const uint8_t how = byte(in);
		const uint16_t len = how & 0x80 ? LEN[how & 3] : how;
		enum recover_put put;

		for (uint16_t i = 0; i < len; i++)
			msg[i] = byte(in);
		if (how & 0x40 && len == 21) { // a number near the lines'
			const uint64_t seq = feed.expected_seq + (how >> 2 & 7) - 3;

			msg[0] = 'G';
			memset(msg + 1, ' ', 20);
			for (uint64_t i = 20, left = seq; left != 0 && i > 0; i--, left /= 10)
				msg[i] = (uint8_t)('0' + left % 10);
		}
		put = recover_on_snapshot(&r, msg, len, &room, now_ns);
		if (put == RECOVER_PUT_END)
			break;
		if (put == RECOVER_PUT_FULL) {
			if (room.msg_cnt != 0) {
				recover_snapshot_datagram(&r, &room, now_ns, &d);
				take(&d, bytes, sizeof(bytes));
				room.len = room.msg_cnt = 0;
			}
			deliver(0);
		}
	}
	if (room.msg_cnt != 0 && recover_wants_snapshot(&r)) {
		recover_snapshot_datagram(&r, &room, now_ns, &d);
		take(&d, bytes, sizeof(bytes));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	const uint8_t kind = byte(&in);
	const struct recover_config c = {
		.server_cnt = kind & 3,
		.has_snapshot = (kind & 3) == 0 || (kind & 4) != 0,
		.request_max_messages = 50,
		.request_attempts = 2,
		.request_wait_ns = 10 * MS,
		.request_interval_ns = MS,
		.request_max_hole = 300,
		.snapshot_attempts = 2,
		.snapshot_timeout_ns = 50 * MS,
		.snapshot_retry_ns = 20 * MS,
		.store_bytes = RECOVER_STORE_MIN,
	};
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct recover_request q;

	memcpy(session, "FUZZ      ", sizeof(session));
	feed = (struct recover_feed){ .session = session, .expected_seq = UINT64_MAX };
	now_ns = 1000 * MS;
	live = rebuilding = replaying = false;
	upto_seq = 1;
	if (recover_init(&r, &c, &arena, now_ns) != 0)
		return 0;
	lines_bring(&in, DATAGRAM_NEW_SESSION);
	while (in.at < in.end) {
		switch (byte(&in) % 12) {
		case 0:
		case 1:
			lines_bring(&in, 0);
			break;
		case 2:
			lines_bring(&in, DATAGRAM_GAP);
			break;
		case 3:
			lines_bring(&in, byte(&in) & 1 ? DATAGRAM_NEW_SESSION
						       : DATAGRAM_NEW_SESSION | DATAGRAM_GAP);
			break;
		case 4:
		case 5:
			answer(&in);
			break;
		case 6:
		case 7:
			snapshot(&in);
			break;
		case 8:
			recover_on_snapshot_lost(&r, now_ns);
			break;
		case 9:
			now_ns += byte(&in) * MS;
			recover_on_time(&r, &feed, now_ns);
			break;
		case 10:
			recover_start(&r, &feed, now_ns);
			break;
		case 11:
			deliver(byte(&in));
			break;
		}
		if (recover_request(&r, now_ns, &q) &&
		    (q.msg_cnt == 0 || q.msg_cnt > c.request_max_messages ||
		     q.server_idx >= c.server_cnt || q.seq >= feed.expected_seq))
			abort();
		if (!recover_check(&r) || r.store.used_bytes > RECOVER_STORE_MIN)
			abort();
	}
	for (unsigned n = 0; n < DELIVER_MAX && recover_is_busy(&r); n++)
		deliver(1); // ends: nothing is delivered for ever
	return 0;
}
