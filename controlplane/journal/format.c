/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/format.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t c = ~crc, word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		c = _mm_crc32_u64(c, word);
	}
	for (; len != 0; len--, at++)
		c = _mm_crc32_u8((uint32_t)c, *at);
	return ~(uint32_t)c;
}

#else

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	crc = ~crc;
	for (; len != 0; len--, at++) {
		crc ^= *at;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82F63B78U & -(crc & 1)); // the polynomial, reversed
	}
	return ~crc;
}

#endif

uint32_t
journal_frame_crc(const struct journal_frame *f, const void *payload)
{
	uint32_t crc = crc32c(0, &f->len, sizeof(f->len));

	crc = crc32c(crc, &f->seq, sizeof(*f) - offsetof(struct journal_frame, seq));
	return crc32c(crc, payload, f->len);
}

uint32_t
journal_head_crc(const struct journal_head *h)
{
	return crc32c(0, h, offsetof(struct journal_head, crc));
}

uint32_t
journal_ring_head_crc(const struct journal_ring_head *h)
{
	return crc32c(0, h, offsetof(struct journal_ring_head, crc));
}
