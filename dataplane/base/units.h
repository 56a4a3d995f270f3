/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_UNITS_H
#define SLUICE_BASE_UNITS_H

#include "base/compiler.h"

/*
 * Units are part of a name:
 *
 *   _px4     price in 1/10,000 dollar, int64_t in messages (uint32_t where the venue's field is)
 *   _qty     shares
 *   _ntl4    px4 times qty; int64_t, or __int128 where a sum may pass 2^63
 *   _ns      nanoseconds, since midnight of the trading day for exchange time, since 1970 for ours
 *   _cycles  TSC ticks; _tsc is a TSC reading
 *   _bp      1/100 percent
 */
enum {
	BP_ONE = 10000, // 100 percent
};

#define NS_PER_SEC 1000000000ULL

/* The venue's documents (ITCH 5.0 and OUCH 5.0, price encoding) cap a price at 200,000.0000. */
#define PX4_MAX 2000000000LL

/*
 * Price times quantity.  Cannot overflow: |px4| <= 2^31 and qty < 2^32 give less than 2^63 for
 * every price the venue can express; a price beyond that saturates, which every limit then refuses.
 */
HOT_INLINE int64_t
ntl4_of(int64_t px4, uint32_t qty)
{
	int64_t ntl4;

	if (unlikely(__builtin_mul_overflow(px4, (int64_t)qty, &ntl4)))
		return px4 < 0 ? INT64_MIN : INT64_MAX;
	return ntl4;
}

#endif
