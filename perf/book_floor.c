/* SPDX-License-Identifier: Apache-2.0 */
#include "book_floor.h"

#include <string.h>

#include "bench.h"

static size_t
ring_bytes(const struct book *b)
{
	return order_table_places(b->order.max) * sizeof(struct order_rec);
}

static size_t
map_bytes(const struct book *b)
{
	return (b->order.old.mask + 1ULL) * sizeof(struct u64_slot);
}

/* Where the floor has the record of a slot. */
static uint32_t
rec_idx_of(const struct book *b, uint32_t slot_idx)
{
	const uint32_t map_idx = b->order.mask + 1;

	if (slot_idx < map_idx)
		return slot_idx;
	return map_idx + (slot_idx - map_idx) * (uint32_t)(sizeof(struct u64_slot) / 8) +
	       (uint32_t)(offsetof(struct u64_slot, value) / 8);
}

void
book_floor_init(struct book_floor *f, const struct book *b, uint32_t touch_max)
{
	*f = (struct book_floor){
		.book = b,
		.order = bench_memory(ring_bytes(b) + map_bytes(b)),
		.level = bench_memory(price_levels_bytes(b->levels.max)),
		.touch = bench_memory((size_t)touch_max * sizeof(struct book_touch)),
		.touch_max = touch_max,
	};
}

void
book_floor_copy(struct book_floor *f)
{
	const struct book *b = f->book;

	memcpy(f->order, b->order.ring, ring_bytes(b));
	memcpy(&f->order[b->order.mask + 1], b->order.old.slot, map_bytes(b));
	memcpy(f->level, b->levels.level - 3, price_levels_bytes(b->levels.max));
}

static void
add(struct book_floor *f, uint64_t ref, bool fresh)
{
	const struct order_rec *s = order_table_find(&f->book->order, ref);
	uint32_t rec_idx;

	if (f->touch_cnt == f->touch_max)
		bench_die("the floor has no room for so many touches");
	if (s == NULL)
		return;
	rec_idx = rec_idx_of(f->book, order_table_slot_of(&f->book->order, s));
	if (!order_table_is_of_ring(&f->book->order, s))
		f->order[rec_idx].level_idx = s->level_idx; // it may have moved since the copy
	f->touch[f->touch_cnt++] = (struct book_touch){
		.rec_idx = rec_idx,
		.level_idx = fresh ? s->level_idx : 0,
	};
}

void
book_floor_note(struct book_floor *f, const struct md *m, bool before)
{
	switch (m->type) {
	case MD_ORDER_ADDED:
		if (!before)
			add(f, m->order_ref, true);
		break;
	case MD_ORDER_REPLACED:
		if (before)
			add(f, m->order_ref, false);
		else
			add(f, m->new_ref, true);
		break;
	case MD_ORDER_EXECUTED:
	case MD_ORDER_EXECUTED_AT_PRICE:
	case MD_ORDER_REDUCED:
	case MD_ORDER_DELETED:
		if (before)
			add(f, m->order_ref, false);
		break;
	default:
		break;
	}
}

HOT_INLINE void
touch_one(struct book_floor *f, const struct book_touch *t)
{
	struct order_rec *s = &f->order[t->rec_idx];
	const uint32_t level_idx = t->level_idx != 0 ? t->level_idx : s->level_idx;
	struct price_level *lv = &f->level[level_idx + 3];

	s->qty++;
	s->level_idx = level_idx & U64_TAG_MAX;
	lv->sum++;
}

uint64_t
book_floor_time(struct book_floor *f, uint32_t from, uint32_t to)
{
	const uint64_t start = bench_start();

	for (uint32_t i = from; i < to; i++)
		touch_one(f, &f->touch[i]);
	bench_keep(f->level);
	return bench_since(start);
}
