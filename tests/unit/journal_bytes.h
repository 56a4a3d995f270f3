/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_JOURNAL_BYTES_H
#define SLUICE_TESTS_JOURNAL_BYTES_H

#include "journal/reader.h"

/* A segment made in memory, record by record. */

enum {
	JOURNAL_BYTES_MAX = 1 << 16,
};

struct journal_bytes {
	uint8_t data[JOURNAL_BYTES_MAX];
	size_t len;
	uint64_t seq;
	size_t at[256]; // offset of each record
	uint32_t cnt;
	uint32_t run; // of the records that follow
};

static inline void
journal_bytes_start(struct journal_bytes *b, uint32_t segment_bytes)
{
	struct journal_head h = {
		.byte_order = JOURNAL_BYTE_ORDER,
		.version = JOURNAL_VERSION,
		.head_bytes = JOURNAL_HEAD_BYTES,
		.slot_version = JOURNAL_RING_VERSION,
		.journal_id = 0x1234,
		.segment_no = 1,
		.first_seq = 1,
		.run = 1,
		.segment_bytes = segment_bytes,
		.machine = "here",
		.build = "test",
	};

	memset(b, 0, sizeof(*b));
	memcpy(h.magic, JOURNAL_MAGIC, sizeof(h.magic));
	h.crc = journal_head_crc(&h);
	memcpy(b->data, &h, sizeof(h));
	b->len = JOURNAL_HEAD_BYTES;
	b->seq = 1;
	b->run = 1;
}

static inline void
journal_bytes_put(struct journal_bytes *b, uint8_t kind, const void *payload, uint32_t len)
{
	struct journal_frame f = { .len = len, .seq = b->seq++, .kind = kind, .run = b->run };

	f.crc = journal_frame_crc(&f, payload);
	b->at[b->cnt++] = b->len;
	memcpy(b->data + b->len, &f, sizeof(f));
	memcpy(b->data + b->len + sizeof(f), payload, len);
	b->len += journal_frame_bytes(len);
}

/* One of each kind that lanes write, a few of the control side's, and the end. */
static inline void
journal_bytes_fill(struct journal_bytes *b, bool closed)
{
	static const uint8_t LANE[] = { JOURNAL_INTENT,  JOURNAL_VERDICT, JOURNAL_ORDER,
					JOURNAL_SENT,    JOURNAL_REPORT,  JOURNAL_UPDATE,
					JOURNAL_LANE_GAP };
	static const uint32_t WIRE[] = {
		0, 1, JOURNAL_WIRE_FIRST, JOURNAL_WIRE_FIRST + 1, 64, 121
	};
	uint8_t payload[JOURNAL_RECORD_MAX] = { 0 };
	struct journal_slot s = { .instr_idx = 1, .ns = 1700000000000000000, .feed_seq = 77 };
	struct journal_text t = { .ns = 1700000000000000001 };

	for (size_t i = 0; i < sizeof(LANE); i++) {
		s.ring_seq = (uint32_t)b->cnt + 1;
		s.kind = LANE[i];
		memset(s.body, (int)i + 1, sizeof(s.body));
		journal_bytes_put(b, s.kind, &s, sizeof(s));
	}
	for (size_t i = 0; i < sizeof(WIRE) / sizeof(WIRE[0]); i++) {
		struct journal_wire w = { .token = 9, .len = (uint16_t)WIRE[i] };

		s.kind = i % 2 == 0 ? JOURNAL_WIRE_OUT : JOURNAL_WIRE_IN;
		memcpy(s.body, &w, sizeof(w));
		memcpy(payload, &s, sizeof(s));
		memset(payload + sizeof(s), 0xA5, sizeof(payload) - sizeof(s));
		journal_bytes_put(
			b, s.kind, payload,
			(uint32_t)(sizeof(s) +
				   (w.len > JOURNAL_WIRE_FIRST ? w.len - JOURNAL_WIRE_FIRST : 0)));
	}
	for (uint8_t k = JOURNAL_START; k <= JOURNAL_NOTE; k++) {
		memcpy(payload, &t, sizeof(t));
		memset(payload + sizeof(t), 'x', 40);
		journal_bytes_put(b, k, payload, (uint32_t)sizeof(t) + k - JOURNAL_START);
	}
	if (closed)
		journal_bytes_put(b, JOURNAL_END, &t, sizeof(t));
}

#endif
