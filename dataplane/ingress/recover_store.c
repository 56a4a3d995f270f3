/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/recover_store.h"

#include "base/wire_int.h"

/* Where a record of so many bytes can begin; UINT64_MAX: nowhere. */
static uint64_t
place_of(const struct recover_store *s, uint64_t bytes)
{
	if (s->cnt == 0 || s->tail > s->head) {
		if (s->bytes - s->tail >= bytes)
			return s->tail;
		return s->head >= bytes ? 0 : UINT64_MAX; // the rest of the end stays empty
	}
	return s->head - s->tail >= bytes ? s->tail : UINT64_MAX;
}

COLD bool
recover_store_put(struct recover_store *s, const struct datagram *d)
{
	const uint64_t bytes = (sizeof(struct recover_record) + d->len + 7U) & ~7ULL;
	const uint64_t at = place_of(s, bytes);
	struct recover_record *rec;

	if (at == UINT64_MAX)
		return false;
	if (at != s->tail)
		s->end = s->tail;
	rec = (struct recover_record *)(s->base + at);
	*rec = (struct recover_record){
		.seq = d->seq,
		.rx_ns = d->head.rx_ns,
		.bytes = (uint32_t)bytes,
		.len = d->len,
		.msg_cnt = d->msg_cnt,
		.line_idx = d->line_idx,
	};
	memcpy(rec + 1, d->data, d->len);
	s->tail = at + bytes;
	s->used_bytes += bytes;
	s->cnt++;
	return true;
}

COLD void
recover_store_drop(struct recover_store *s)
{
	const uint32_t bytes = recover_store_head(s)->bytes;

	s->head += bytes;
	s->used_bytes -= bytes;
	s->cnt--;
	if (s->cnt == 0) {
		recover_store_clear(s);
	} else if (s->head == s->end) {
		s->head = 0;
		s->end = s->bytes;
	}
}

COLD void
recover_record_skip(struct recover_record *rec)
{
	const uint16_t len =
		(uint16_t)(sizeof(be16) + be16_get(*(const be16 *)recover_record_data(rec)));

	rec->seq++;
	rec->msg_cnt--;
	rec->at = (uint16_t)(rec->at + len);
	rec->len = (uint16_t)(rec->len - len);
}
