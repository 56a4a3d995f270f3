/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "base/compiler.h"

enum arena_backing {
	ARENA_HUGE,        // a hugetlbfs region from libhugetlbfs
	ARENA_TRANSPARENT, // ordinary pages; the kernel was asked for transparent huge pages
};

/*
 * All memory a lane will ever use, taken once before the first packet.  Memory is given out in
 * order, aligned to a cache line, zeroed, touched (so that no page fault is left), and returned
 * only as a whole.
 */
struct arena {
	uint8_t *base;
	size_t size_bytes;
	size_t used_bytes;
	enum arena_backing backing;
};

/*
 * Thread   the one that will own the memory, so that its pages are near (first touch).
 * Returns  0
 *          -ENOMEM  neither huge nor ordinary pages are left; *a is empty
 */
int arena_open(struct arena *a, size_t size_bytes);
void arena_close(struct arena *a);

/* NULL when the arena is used up. */
void *arena_take(struct arena *a, size_t bytes);

#endif
