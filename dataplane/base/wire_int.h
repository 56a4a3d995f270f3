/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_WIRE_INT_H
#define SLUICE_BASE_WIRE_INT_H

#include <string.h>

#include "base/compiler.h"

/*
 * Integers as bytes on the wire.  Each is a struct of bytes: alignment one, so no wire struct needs
 * a packed attribute, and no arithmetic, so a forgotten byte swap does not compile.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sluice runs on little-endian machines");

typedef struct {
	uint8_t b[2];
} be16;
typedef struct {
	uint8_t b[4];
} be32;
typedef struct {
	uint8_t b[6];
} be48;
typedef struct {
	uint8_t b[8];
} be64;

HOT_INLINE uint16_t
be16_get(be16 v)
{
	uint16_t x;

	memcpy(&x, v.b, sizeof(x));
	return __builtin_bswap16(x);
}

HOT_INLINE be16
be16_of(uint16_t x)
{
	be16 v;

	x = __builtin_bswap16(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

HOT_INLINE uint32_t
be32_get(be32 v)
{
	uint32_t x;

	memcpy(&x, v.b, sizeof(x));
	return __builtin_bswap32(x);
}

HOT_INLINE be32
be32_of(uint32_t x)
{
	be32 v;

	x = __builtin_bswap32(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

/* Two loads that lie inside the six bytes: nothing beside the field is read. */
HOT_INLINE uint64_t
be48_get(be48 v)
{
	uint16_t hi;
	uint32_t lo;

	memcpy(&hi, v.b, sizeof(hi));
	memcpy(&lo, v.b + sizeof(hi), sizeof(lo));
	return (uint64_t)__builtin_bswap16(hi) << 32 | __builtin_bswap32(lo);
}

/* The upper 16 bits of x are lost. */
HOT_INLINE be48
be48_of(uint64_t x)
{
	const uint16_t hi = __builtin_bswap16((uint16_t)(x >> 32));
	const uint32_t lo = __builtin_bswap32((uint32_t)x);
	be48 v;

	memcpy(v.b, &hi, sizeof(hi));
	memcpy(v.b + sizeof(hi), &lo, sizeof(lo));
	return v;
}

HOT_INLINE uint64_t
be64_get(be64 v)
{
	uint64_t x;

	memcpy(&x, v.b, sizeof(x));
	return __builtin_bswap64(x);
}

HOT_INLINE be64
be64_of(uint64_t x)
{
	be64 v;

	x = __builtin_bswap64(x);
	memcpy(v.b, &x, sizeof(x));
	return v;
}

#endif
