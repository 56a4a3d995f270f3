/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book_queue.h"

#include <errno.h>

bool
book_queue_start(struct book_queue *q, const struct book *b, uint16_t locate, enum side side,
		 uint32_t px4)
{
	uint32_t idx;

	*q = (struct book_queue){ .book = b };
	if (!book_has_queues(b) || locate > b->locate_max)
		return false;
	idx = price_levels_find(&b->levels, price_key(locate, (uint8_t)side, px4));
	if (idx == 0)
		return false;
	q->id = b->order.ends[idx].first;
	return true;
}

int
book_place_of(const struct book *b, uint64_t ref, uint32_t look_max, struct book_place *out)
{
	const struct order_table *t = &b->order;
	const struct order_rec *r = book_has_queues(b) ? order_table_find(t, ref) : NULL;
	uint64_t ahead_qty = 0, behind_qty = 0;
	const struct price_level *lv;
	uint32_t ahead, behind, n = 0;

	*out = (struct book_place){ 0 };
	if (r == NULL)
		return -ENOENT;
	lv = &b->levels.level[r->level_idx];
	*out = (struct book_place){
		.level_qty = price_level_qty(lv),
		.level_cnt = price_level_order_cnt(lv),
		.qty = r->qty,
		.px4 = price_level_px4(lv),
		.locate = price_level_locate(lv),
		.side = price_level_side(lv),
	};
	ahead = t->link[order_table_slot_of(t, r)].before;
	behind = t->link[order_table_slot_of(t, r)].after;
	for (; ahead != 0 && behind != 0; n++) {
		if (n == look_max)
			return -E2BIG;
		ahead_qty += order_table_rec_at(t, ahead - 1)->qty;
		behind_qty += order_table_rec_at(t, behind - 1)->qty;
		ahead = t->link[ahead - 1].before;
		behind = t->link[behind - 1].after;
	}
	if (ahead == 0) {
		out->ahead_cnt = n;
		out->ahead_qty = ahead_qty;
	} else {
		out->ahead_cnt = out->level_cnt - 1 - n;
		out->ahead_qty = out->level_qty - out->qty - behind_qty;
	}
	return 0;
}

/* One level; its first orders. */
static void
add_row(const struct book *b, uint16_t locate, enum side side, uint32_t px4,
	struct book_queues *out)
{
	struct book_queue_row *row = &out->row[out->row_cnt++];
	const uint32_t idx = price_levels_find(&b->levels, price_key(locate, (uint8_t)side, px4));
	const struct price_level *lv = &b->levels.level[idx];
	struct book_queue q;

	*row = (struct book_queue_row){ .px4 = px4,
					.order_cnt = price_level_order_cnt(lv),
					.qty = price_level_qty(lv) };
	if (!book_queue_start(&q, b, locate, side, px4))
		return;
	while (row->shown_cnt < BOOK_QUEUES_PER_LEVEL &&
	       book_queue_next(&q, &out->order[out->order_cnt])) {
		row->shown_cnt++;
		out->order_cnt++;
	}
}

COLD void
book_queues_fill(const struct book *b, uint16_t locate, enum side side, uint32_t from_key,
		 uint32_t depth, struct book_queues *out)
{
	struct book_walk w = book_walk_start(b, locate, (uint8_t)side);

	out->row_cnt = out->order_cnt = out->next_key = 0;
	if (from_key != 0)
		w.end_key = from_key;
	while (out->row_cnt < depth && out->row_cnt < BOOK_QUEUES_LEVELS) {
		const uint32_t last_key = (uint32_t)w.end_key;

		if (!book_walk_next(&w))
			return;
		if (out->order_cnt >= BOOK_QUEUES_ENOUGH) {
			out->next_key = last_key;
			return;
		}
		add_row(b, locate, side, book_key((uint8_t)side, (uint32_t)w.end_key), out);
	}
}

/* Of one level. */
static uint64_t
digest_of(struct book_queue *q)
{
	struct book_order o;
	uint64_t sum = 0;

	for (uint64_t place = 1; book_queue_next(q, &o); place++)
		sum += place * o.ref * o.qty;
	return sum;
}

COLD uint64_t
book_queue_digest(const struct book *b)
{
	uint64_t sum = 0;

	for (uint32_t l = 0; l <= b->locate_max && book_has_queues(b); l++) {
		for (uint8_t side = 0; side < 2; side++) {
			struct book_walk w = book_walk_start(b, (uint16_t)l, side);

			while (book_walk_next(&w)) {
				struct book_queue q = { .book = b,
							.id = b->order.ends[w.idx].first };

				sum += digest_of(&q);
			}
		}
	}
	return sum;
}
