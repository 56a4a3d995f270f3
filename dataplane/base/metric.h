/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_METRIC_H
#define SLUICE_BASE_METRIC_H

#include "base/ordered.h"

/*
 * Counters are plain uint64_t fields, one struct per module, listed in the module's *_metrics.def:
 *
 *   METRIC(intent_passed, COUNTER, "Intents that became orders")
 *
 * Only the lane that owns the struct writes it; anyone may read.  A plain load and store: no locked
 * instruction, and a reader never sees half a number.  As one instruction where the machine has it:
 * a compiler makes three of an atomic store.
 */
HOT_INLINE void
metric_add(uint64_t *m, uint64_t n)
{
#if defined(__x86_64__) && !WITH_ASAN && !WITH_TSAN
	__asm__("addq %1, %0" : "+m"(*m) : "er"(n) : "cc");
#else
	store_relaxed_u64(m, *m + n);
#endif
}

HOT_INLINE void
metric_set(uint64_t *m, uint64_t value)
{
	store_relaxed_u64(m, value);
}

HOT_INLINE uint64_t
metric_get(const uint64_t *m)
{
	return load_relaxed_u64(m);
}

#endif
