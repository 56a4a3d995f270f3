/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_COMPILER_H
#define SLUICE_BASE_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

/* The sanitizer of this build.  clang 14 tells by features what gcc tells by macros. */
#if defined(__has_feature)
#define WITH_ASAN __has_feature(address_sanitizer)
#define WITH_TSAN __has_feature(thread_sanitizer)
#else
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif
#ifdef __SANITIZE_THREAD__
#define WITH_TSAN 1
#else
#define WITH_TSAN 0
#endif
#endif

/*
 * On the way of a message: always part of its caller, so that constant arguments fold.  With
 * AddressSanitizer a lane's one function would take the compiler a minute.
 */
#if WITH_ASAN
#define HOT_INLINE static inline __attribute__((unused))
#else
#define HOT_INLINE static inline __attribute__((always_inline))
#endif
/* On the way of a message, and one copy of it for all callers: who rehearses it warms it. */
#define HOT_APART __attribute__((noinline, unused))
/* Rare and long: kept out of the hot path's cache lines. */
#define COLD __attribute__((cold, noinline))

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define cache_aligned __attribute__((aligned(CACHE_LINE)))

#define ARRAY_CNT(a) (sizeof(a) / sizeof((a)[0]))

/*
 * x is in a register from here on: the compiler knows neither how it could compute it anew, which
 * it likes to do with addresses, nor where it could read it again.
 */
#define in_register(x) __asm__("" : "+r"(x))

/*
 * a where c, else 0, without a branch: for what cannot be foreseen.  A compiler makes branches even
 * of `c ? a : b` when it believes that one side costs a load.
 */
HOT_INLINE uint64_t
keep_if(bool c, uint64_t a)
{
	uint64_t mask = -(uint64_t)c;

	in_register(mask);
	return a & mask;
}

/* All bits where c, else none, in the same way. */
HOT_INLINE uint64_t
mask_of(bool c)
{
	return keep_if(c, UINT64_MAX);
}

/* c ? a : b, in the same way. */
HOT_INLINE uint64_t
pick(bool c, uint64_t a, uint64_t b)
{
	return b ^ keep_if(c, a ^ b);
}

#endif
