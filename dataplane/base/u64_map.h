/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_U64_MAP_H
#define SLUICE_BASE_U64_MAP_H

#include <string.h>

#include "base/arena.h"

/*
 * A map of fixed size from 64-bit references to a small record, kept in the slot itself so that one
 * entry is one touch of memory.
 *
 * Open addressing, linear probing.  A slot remembers how many living keys were pushed past it; a
 * search ends where nobody was, so a removed key leaves no tombstone, the table never needs
 * rebuilding, and a slot never moves: its address stays valid until its key is removed.
 */
struct u64_slot {
	uint64_t key;
	uint32_t value;    // the owner's
	uint32_t tag : 24; // the owner's, never 0: 0 is an empty slot
	uint32_t passed : 8;
};
static_assert(sizeof(struct u64_slot) == 16, "four slots, one cache line");

enum {
	U64_TAG_MAX = (1 << 24) - 1,
	U64_PASSED_MAX = 255,
	U64_GROUP = 4, // neighbouring keys share a cache line: references are given out in order
};

struct u64_map {
	struct u64_slot *slot;
	uint32_t mask;  // slots - 1
	uint32_t shift; // 64 - log2(groups)
	uint32_t cnt;
	uint32_t max; // most keys; half of the slots or less
};

/* Slots for max keys at no more than half full. */
static inline uint32_t
u64_map_slots(uint32_t max)
{
	uint32_t slots = 4 * U64_GROUP;

	while (slots < 2ULL * max && slots < 1U << 31)
		slots *= 2;
	return slots;
}

static inline size_t
u64_map_bytes(uint32_t max)
{
	return (size_t)u64_map_slots(max) * sizeof(struct u64_slot);
}

/*
 * Memory   u64_map_bytes(max) from the arena.
 * Returns  false when the arena is used up or max is above 2^30
 */
static inline bool
u64_map_init(struct u64_map *m, uint32_t max, struct arena *a)
{
	const uint32_t slots = u64_map_slots(max);

	if (max > 1U << 30)
		return false;
	m->slot = (struct u64_slot *)arena_take(a, u64_map_bytes(max));
	m->mask = slots - 1;
	m->shift = 64 - (uint32_t)__builtin_ctz(slots / U64_GROUP);
	m->cnt = 0;
	m->max = max;
	return m->slot != NULL;
}

HOT_INLINE uint32_t
u64_map_home(const struct u64_map *m, uint64_t key)
{
	uint64_t h = key / U64_GROUP;

	h ^= h >> 32;
	h *= 0x9E3779B97F4A7C15; // 2^64 / golden ratio
	h ^= h >> 29;            // strides that are multiples of large powers of two
	h *= 0xBF58476D1CE4E5B9;
	return (uint32_t)(h >> m->shift) * U64_GROUP + (uint32_t)(key % U64_GROUP);
}

HOT_INLINE void
u64_map_prefetch(const struct u64_map *m, uint64_t key)
{
	__builtin_prefetch(&m->slot[u64_map_home(m, key)], 1);
}

/* NULL when the key is not there. */
HOT_INLINE struct u64_slot *
u64_map_find(const struct u64_map *m, uint64_t key)
{
	uint32_t i = u64_map_home(m, key);

	for (;;) {
		struct u64_slot *s = &m->slot[i];

		if (likely(s->key == key && s->tag != 0))
			return s;
		if (likely(s->passed == 0))
			return NULL;
		i = (i + 1) & m->mask;
	}
}

/*
 * Adds a key that is not there; tag is not 0.  NULL when the map is full, or when the keys around
 * it are so many (more than 255 pushed past one slot) that only an attack explains it.
 */
HOT_INLINE struct u64_slot *
u64_map_add(struct u64_map *m, uint64_t key, uint32_t value, uint32_t tag)
{
	const uint32_t home = u64_map_home(m, key);
	uint32_t i = home;

	if (unlikely(m->cnt == m->max))
		return NULL;
	while (unlikely(m->slot[i].tag != 0)) {
		if (unlikely(m->slot[i].passed == U64_PASSED_MAX))
			return NULL;
		i = (i + 1) & m->mask;
	}
	for (uint32_t k = home; unlikely(k != i); k = (k + 1) & m->mask)
		m->slot[k].passed++;
	m->slot[i].key = key;
	m->slot[i].value = value;
	m->slot[i].tag = tag & U64_TAG_MAX;
	m->cnt++;
	return &m->slot[i];
}

HOT_INLINE void
u64_map_remove(struct u64_map *m, struct u64_slot *s)
{
	const uint32_t at = (uint32_t)(s - m->slot);

	for (uint32_t k = u64_map_home(m, s->key); unlikely(k != at); k = (k + 1) & m->mask)
		m->slot[k].passed--;
	s->tag = 0;
	m->cnt--;
}

/* Removes every key. */
static inline void
u64_map_clear(struct u64_map *m)
{
	if (m->cnt != 0)
		memset(m->slot, 0, ((size_t)m->mask + 1) * sizeof(struct u64_slot));
	m->cnt = 0;
}

#endif
