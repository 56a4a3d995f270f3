/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_COMPILER_H
#define SLUICE_BASE_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

/* On the way of a message: always part of its caller, so that constant arguments fold. */
#define HOT_INLINE static inline __attribute__((always_inline))
/* On the way of a message, and one copy of it for all callers: who rehearses it warms it. */
#define HOT_APART __attribute__((noinline, unused))
/* Rare and long: kept out of the hot path's cache lines. */
#define COLD __attribute__((cold, noinline))

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define cache_aligned __attribute__((aligned(CACHE_LINE)))

#define ARRAY_CNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
