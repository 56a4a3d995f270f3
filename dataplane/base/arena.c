/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <hugetlbfs.h>

#include "base/arena.h"

enum {
	HUGE_PAGE_BYTES =
		2 << 20, // regions are whole huge pages, also when ordinary pages stand in
};

/* Asking for more than there is would make the library complain on stderr. */
static bool
huge_pages_free(size_t bytes)
{
	unsigned long free_cnt = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

	if (f == NULL)
		return false;
	if (fscanf(f, "%lu", &free_cnt) != 1)
		free_cnt = 0;
	fclose(f);
	return free_cnt >= bytes / HUGE_PAGE_BYTES;
}

int
arena_open(struct arena *a, size_t size_bytes)
{
	const size_t size = (size_bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	void *base = huge_pages_free(size) ? get_hugepage_region(size, GHR_STRICT) : NULL;

	*a = (struct arena){ .size_bytes = size, .backing = ARENA_HUGE };
	if (base == NULL) {
		base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED) {
			a->size_bytes = 0;
			return -ENOMEM;
		}
		madvise(base, size, MADV_HUGEPAGE); // a hint; the caller announces what it got
		a->backing = ARENA_TRANSPARENT;
	}
	memset(base, 0, size);
	a->base = base;
	return 0;
}

void
arena_close(struct arena *a)
{
	if (a->base == NULL)
		return;
	if (a->backing == ARENA_HUGE)
		free_hugepage_region(a->base);
	else
		munmap(a->base, a->size_bytes);
	*a = (struct arena){ 0 };
}

void *
arena_take(struct arena *a, size_t bytes)
{
	const size_t aligned = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	void *p = a->base + a->used_bytes;

	if (aligned < bytes || aligned > a->size_bytes - a->used_bytes)
		return NULL;
	a->used_bytes += aligned;
	return p;
}
