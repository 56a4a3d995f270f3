/* SPDX-License-Identifier: Apache-2.0 */
#include "book_floor.h"

#include <string.h>

#include "bench.h"

void
book_floor_init(struct book_floor *f, const struct book *b, uint32_t touch_max)
{
	*f = (struct book_floor){
		.book = b,
		.order = bench_memory(order_table_places(b->order.max) * sizeof(struct order_rec)),
		.level = bench_memory(price_levels_bytes(b->levels.max)),
		.touch = bench_memory((size_t)touch_max * sizeof(struct book_touch)),
		.touch_max = touch_max,
	};
}

void
book_floor_copy(struct book_floor *f)
{
	const struct book *b = f->book;

	memcpy(f->order, b->order.ring,
	       order_table_places(b->order.max) * sizeof(struct order_rec));
	memcpy(f->level, b->levels.level - 3, price_levels_bytes(b->levels.max));
}

static void
add(struct book_floor *f, uint64_t ref, bool fresh)
{
	const struct order_rec *s = order_table_find(&f->book->order, ref);

	if (f->touch_cnt == f->touch_max)
		bench_die("the floor has no room for so many touches");
	if (s != NULL && order_table_slot_of(&f->book->order, s) <= f->book->order.mask)
		f->touch[f->touch_cnt++] = (struct book_touch){
			.slot_idx = order_table_slot_of(&f->book->order, s),
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
	struct order_rec *s = &f->order[t->slot_idx];
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
