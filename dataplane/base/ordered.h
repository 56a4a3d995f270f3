/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_ORDERED_H
#define SLUICE_BASE_ORDERED_H

#include <ck_pr.h>

#include "base/compiler.h"

/*
 * Loads and stores between threads, with their order in the name.  Built on Concurrency Kit's
 * ck_pr; ThreadSanitizer does not know its fences, so each operation tells it what it orders.
 */
#if WITH_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define ORDERED_ACQUIRED(p) __tsan_acquire((void *)(uintptr_t)(p))
#define ORDERED_RELEASES(p) __tsan_release((void *)(uintptr_t)(p))
#else
#define ORDERED_ACQUIRED(p) ((void)0)
#define ORDERED_RELEASES(p) ((void)0)
#endif

/* What follows in program order is not done before this load.  Pairs with store_release_*. */
HOT_INLINE uint32_t
load_acquire_u32(const uint32_t *p)
{
	const uint32_t x = ck_pr_load_32(p);

	ck_pr_fence_acquire();
	ORDERED_ACQUIRED(p);
	return x;
}

HOT_INLINE uint64_t
load_acquire_u64(const uint64_t *p)
{
	const uint64_t x = ck_pr_load_64(p);

	ck_pr_fence_acquire();
	ORDERED_ACQUIRED(p);
	return x;
}

HOT_INLINE void *
load_acquire_ptr(void *const *p)
{
	void *x = ck_pr_load_ptr(p);

	ck_pr_fence_acquire();
	ORDERED_ACQUIRED(p);
	return x;
}

/* What precedes in program order is visible before this store.  Pairs with load_acquire_*. */
HOT_INLINE void
store_release_u32(uint32_t *p, uint32_t x)
{
	ORDERED_RELEASES(p);
	ck_pr_fence_release();
	ck_pr_store_32(p, x);
}

HOT_INLINE void
store_release_u64(uint64_t *p, uint64_t x)
{
	ORDERED_RELEASES(p);
	ck_pr_fence_release();
	ck_pr_store_64(p, x);
}

HOT_INLINE void
store_release_ptr(void **p, void *x)
{
	ORDERED_RELEASES(p);
	ck_pr_fence_release();
	ck_pr_store_ptr(p, x);
}

/* Puts x there and returns what was there, in one step and ordered both ways. */
HOT_INLINE uint32_t
swap_ordered_u32(uint32_t *p, uint32_t x)
{
	return __atomic_exchange_n(p, x, __ATOMIC_SEQ_CST);
}

/* No order at all, but never half a number: counters, statistics, hints. */
HOT_INLINE uint32_t
load_relaxed_u32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

HOT_INLINE uint64_t
load_relaxed_u64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

HOT_INLINE void
store_relaxed_u32(uint32_t *p, uint32_t x)
{
	__atomic_store_n(p, x, __ATOMIC_RELAXED);
}

HOT_INLINE void
store_relaxed_u64(uint64_t *p, uint64_t x)
{
	__atomic_store_n(p, x, __ATOMIC_RELAXED);
}

/*
 * Between two looks at a line that another core will write.  A core that spins without it has
 * begun dozens of further looks when the line changes, and what it did with their results is thrown
 * away first: some 10 ns on the reference machine.
 */
HOT_INLINE void
spin_settle(void)
{
	ck_pr_fence_strict_load();
}

/*
 * Asks for a line that this core will write soon.  Not __builtin_prefetch: for the portable x86-64
 * that fetches a copy to read, which the store then has to ask for again.
 */
HOT_INLINE void
fetch_for_write(const void *line)
{
#ifdef __x86_64__
	__asm__ volatile("prefetchw %0" ::"m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

#endif
