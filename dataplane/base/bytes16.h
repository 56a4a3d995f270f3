/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_BYTES16_H
#define SLUICE_BASE_BYTES16_H

#include <string.h>
#if defined(__SSE4_1__)
#include <smmintrin.h>
#elif defined(__SSSE3__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/compiler.h"

/* Sixteen bytes that move together: fields of a wire message into those of ours. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* In an order: this byte of the result is zero. */
#define BYTES16_ZERO 0x80

/* No alignment is needed. */
HOT_INLINE bytes16
bytes16_load(const void *from)
{
	bytes16 v;

	memcpy(&v, from, sizeof(v));
	return v;
}

HOT_INLINE void
bytes16_store(void *to, bytes16 v)
{
	memcpy(to, &v, sizeof(v));
}

/* Byte i of the result is byte order[i] of v; order has 0..15 or BYTES16_ZERO. */
HOT_INLINE bytes16
bytes16_pick_plain(bytes16 v, bytes16 order)
{
	bytes16 out;

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = order[i] & BYTES16_ZERO ? 0 : v[order[i] & 15];
	return out;
}

/* The same by one instruction, where the machine has it. */
HOT_INLINE bytes16
bytes16_pick(bytes16 v, bytes16 order)
{
#if defined(__SSSE3__)
	return (bytes16)_mm_shuffle_epi8((__m128i)v, (__m128i)order);
#elif defined(__aarch64__)
	return (bytes16)vqtbl1q_u8((uint8x16_t)v, (uint8x16_t)order);
#else
	return bytes16_pick_plain(v, order);
#endif
}

/* Whether every byte is zero. */
HOT_INLINE bool
bytes16_none(bytes16 v)
{
#if defined(__SSE4_1__)
	return _mm_testz_si128((__m128i)v, (__m128i)v);
#else
	uint64_t half[2];

	memcpy(half, &v, sizeof(half));
	return (half[0] | half[1]) == 0;
#endif
}

#endif
