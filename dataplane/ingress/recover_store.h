/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_RECOVER_STORE_H
#define SLUICE_INGRESS_RECOVER_STORE_H

#include "msg/datagram.h"

/* One datagram of arb, kept; its blocks follow. */
struct recover_record {
	uint64_t seq; // of the first block not yet given
	uint64_t rx_ns;
	uint32_t bytes; // of the whole record, a multiple of 8
	uint16_t at;    // of that block behind the record
	uint16_t len;   // bytes from there
	uint16_t msg_cnt;
	uint8_t line_idx;
	uint8_t pad[5];
};
static_assert(sizeof(struct recover_record) == 32, "records stay aligned");

/*
 * Records one behind the other in a ring of bytes, first in first out; none is torn at the end.
 * Their numbers ascend, with holes between them.
 */
struct recover_store {
	uint8_t *base;
	uint64_t bytes;
	uint64_t head; // of the oldest record
	uint64_t tail; // behind the newest
	uint64_t end;  // behind the last record before the wrap; bytes when it did not wrap
	uint64_t cnt;
	uint64_t used_bytes;
};

static inline void
recover_store_clear(struct recover_store *s)
{
	s->head = s->tail = s->cnt = s->used_bytes = 0;
	s->end = s->bytes;
}

/* The oldest record; NULL when there is none. */
static inline struct recover_record *
recover_store_head(const struct recover_store *s)
{
	return s->cnt == 0 ? NULL : (struct recover_record *)(s->base + s->head);
}

static inline const uint8_t *
recover_record_data(const struct recover_record *rec)
{
	return (const uint8_t *)(rec + 1) + rec->at;
}

/* Copies a datagram's messages.  False when there is no room. */
bool recover_store_put(struct recover_store *s, const struct datagram *d);

/* Forgets the oldest record. */
void recover_store_drop(struct recover_store *s);

/* The head's first message was given. */
void recover_record_skip(struct recover_record *rec);

#endif
