/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_HIST_H
#define SLUICE_BASE_HIST_H

#include "base/metric.h"

/*
 * A histogram of fixed memory and three significant digits (HdrHistogram's layout): values below
 * HIST_SUB are exact, above it each power of two is cut into HIST_SUB / 2 equal buckets, so a
 * bucket is at most 1/1024 of its value wide.  Lanes record TSC cycles; whoever reads converts.
 *
 * One lane records; anyone may read while it does, and may see a sample in cnt that is not yet in
 * its bucket.
 */
enum {
	HIST_SUB_BITS = 11,
	HIST_SUB = 1 << HIST_SUB_BITS,
	HIST_MAX_BITS = 38, // 2^38 cycles are 68 s at 4 GHz; longer ones count as that
	HIST_BUCKETS = (HIST_MAX_BITS - HIST_SUB_BITS + 2) * (HIST_SUB / 2),
};

struct hist {
	uint64_t cnt;
	uint64_t max;
	uint64_t min; // 0 while empty
	uint64_t pad[5];
	uint64_t bucket[HIST_BUCKETS];
};

HOT_INLINE uint32_t
hist_bucket_of(uint64_t value)
{
	uint32_t shift;

	if (value < HIST_SUB)
		return (uint32_t)value;
	if (unlikely(value >> HIST_MAX_BITS))
		value = (1ULL << HIST_MAX_BITS) - 1;
	shift = 63 - (uint32_t)__builtin_clzll(value) - (HIST_SUB_BITS - 1);
	return (shift << (HIST_SUB_BITS - 1)) + (uint32_t)(value >> shift);
}

/* The largest value that falls into the bucket. */
HOT_INLINE uint64_t
hist_bucket_top(uint32_t idx)
{
	uint32_t shift;

	if (idx < HIST_SUB)
		return idx;
	shift = (idx >> (HIST_SUB_BITS - 1)) - 1;
	return (((uint64_t)idx - ((uint64_t)shift << (HIST_SUB_BITS - 1)) + 1) << shift) - 1;
}

HOT_INLINE void
hist_record(struct hist *h, uint64_t value)
{
	metric_add(&h->bucket[hist_bucket_of(value)], 1);
	metric_add(&h->cnt, 1);
	if (unlikely(value > h->max))
		metric_set(&h->max, value);
	if (unlikely(value < h->min || h->cnt == 1))
		metric_set(&h->min, value);
}

/*
 * The value that a share of at least per_million / 1e6 of all samples does not exceed; 0 when
 * empty. Reads while the lane records: the answer is of about now.  Never above max.
 */
static inline uint64_t
hist_percentile(const struct hist *h, uint32_t per_million)
{
	uint64_t total = 0, want, seen = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		total += metric_get(&h->bucket[i]);
	if (total == 0)
		return 0;
	want = (uint64_t)(((unsigned __int128)total * per_million + 999999) / 1000000);
	if (want == 0)
		want = 1;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += metric_get(&h->bucket[i]);
		if (seen >= want) {
			const uint64_t top = hist_bucket_top(i);
			const uint64_t max = metric_get(&h->max);

			return top < max ? top : max;
		}
	}
	return metric_get(&h->max);
}

/* Adds src to dst, which nobody else may write.  Thread: any. */
static inline void
hist_merge(struct hist *dst, const struct hist *src)
{
	const uint64_t max = metric_get(&src->max), min = metric_get(&src->min);

	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		const uint64_t n = metric_get(&src->bucket[i]);

		dst->bucket[i] += n;
		dst->cnt += n;
	}
	if (max > dst->max)
		dst->max = max;
	if (min != 0 && (dst->min == 0 || min < dst->min))
		dst->min = min;
}

#endif
