/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book.h"

COLD bool
book_walk_next(struct book_walk *w)
{
	const struct book *b = w->book;
	uint32_t key;

	if (!book_side_next(&b->keys, &b->instr[w->locate], w->side, w->end_key, &key))
		return false;
	w->end_key = key;
	w->idx = price_levels_find(&b->levels,
				   price_key(w->locate, w->side, book_key(w->side, key)));
	return true;
}

COLD unsigned
book_depth(const struct book *b, uint16_t locate, enum side side, struct book_depth_row *out,
	   unsigned row_max)
{
	struct book_walk w = book_walk_start(b, locate, (uint8_t)side);
	unsigned n;

	if (locate > b->locate_max)
		return 0;
	for (n = 0; n < row_max && book_walk_next(&w); n++) {
		const struct price_level *lv = &b->levels.level[w.idx];

		out[n] = (struct book_depth_row){
			.px4 = price_level_px4(lv),
			.order_cnt = price_level_order_cnt(lv),
			.qty = price_level_qty(lv),
		};
	}
	return n;
}

static uint64_t
digest_part(const struct price_level *lv, uint64_t qty)
{
	return (2 * (uint64_t)price_level_locate(lv) + price_level_side(lv) + 1) *
	       price_level_px4(lv) * qty;
}

COLD uint64_t
book_digest(const struct book *b)
{
	uint64_t sum = 0;

	for (uint32_t l = 0; l <= b->locate_max; l++) {
		for (uint8_t side = 0; side < 2; side++) {
			struct book_walk w = book_walk_start(b, (uint16_t)l, side);

			while (book_walk_next(&w))
				sum += digest_part(&b->levels.level[w.idx],
						   price_level_qty(&b->levels.level[w.idx]));
		}
	}
	return sum;
}

COLD uint64_t
book_digest_of_orders(const struct book *b)
{
	const struct order_rec *o;
	uint64_t sum = 0;

	for (uint32_t at = 0; (o = order_table_next(&b->order, &at, UINT32_MAX)) != NULL;)
		sum += digest_part(&b->levels.level[o->level_idx], o->qty);
	return sum;
}

COLD void
book_set_gauges(struct book *b)
{
	metric_set(&b->metrics.order_now, b->order.cnt);
	if (b->order.cnt > b->metrics.order_peak)
		metric_set(&b->metrics.order_peak, b->order.cnt);
	metric_set(&b->metrics.level_now, b->levels.cnt);
}

/* What is wrong with one side's levels, or NULL; adds up how many they are, and their orders. */
static const char *
audit_side(const struct book *b, uint16_t locate, uint8_t side, const struct book_tally *tally,
	   struct book_tally *sum)
{
	const struct book_side *s = &b->instr[locate].side[side];
	struct book_walk w = book_walk_start(b, locate, side);
	bool first = true;

	for (; book_walk_next(&w); first = false) {
		const struct price_level *lv = &b->levels.level[w.idx];

		if (w.idx == 0)
			return "a side names a price that has no level";
		if (first && (w.idx != s->top_idx || w.end_key != s->top_key))
			return "the best level is another one";
		if (price_level_order_cnt(lv) != tally[w.idx].order_cnt)
			return "a level's orders are not as many as it says";
		if (price_level_qty(lv) != tally[w.idx].qty)
			return "a level's quantity is not the sum of its orders";
		if (book_has_queues(b)) {
			const char *wrong = order_queue_audit(
				&b->order, w.idx, price_level_order_cnt(lv), price_level_qty(lv));

			if (wrong != NULL)
				return wrong;
		}
		sum->order_cnt += price_level_order_cnt(lv);
		sum->qty++;
	}
	if (first && s->top_idx != 0)
		return "a side without prices has a best level";
	return book_side_audit(&b->keys, &b->instr[locate], side);
}

COLD const char *
book_audit(const struct book *b, struct book_tally *tally)
{
	struct book_tally of_sides = { 0 }; // qty: how many levels
	uint32_t order_cnt = 0;
	const struct order_rec *o;

	memset(tally, 0, book_tally_cnt(b->levels.max) * sizeof(*tally));
	for (uint32_t at = 0; (o = order_table_next(&b->order, &at, UINT32_MAX)) != NULL;) {
		if (o->level_idx > b->levels.mask + 1 || b->levels.level[o->level_idx].sum == 0)
			return "an order names a level that does not exist";
		if (o->qty == 0)
			return "an order has no shares";
		if (order_table_find(&b->order, order_table_ref_at(&b->order, at - 1)) != o)
			return "an order cannot be found";
		tally[o->level_idx].order_cnt++;
		tally[o->level_idx].qty += o->qty;
		order_cnt++;
	}
	for (uint32_t l = 0; l <= b->locate_max; l++) {
		for (uint8_t side = 0; side < 2; side++) {
			const char *wrong = audit_side(b, (uint16_t)l, side, tally, &of_sides);

			if (wrong != NULL)
				return wrong;
		}
	}
	for (uint32_t i = 0; i < b->order.ends_cnt; i++)
		if (b->order.ends[i].first != 0 && tally[i].order_cnt == 0)
			return "a level without orders has a queue";
	if (of_sides.order_cnt != order_cnt)
		return "an order is of a level that no side has";
	if (of_sides.qty != b->levels.cnt)
		return "levels are not as many as counted";
	return order_cnt != b->order.cnt ? "orders are not as many as counted" : NULL;
}
