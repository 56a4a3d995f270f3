/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book.h"

COLD unsigned
book_depth(const struct book *b, uint16_t locate, enum side side, struct book_depth_row *out,
	   unsigned row_max)
{
	const struct book_side *s;
	unsigned n = 0;

	if (locate > b->locate_max)
		return 0;
	s = &b->instr[locate].side[side];
	for (uint32_t i = s->cnt; i > 0 && n < row_max; i--, n++) {
		const struct price_level *lv =
			&b->levels.level[book_level_at(b, locate, (uint8_t)side, i - 1)];

		out[n] = (struct book_depth_row){
			.px4 = price_level_px4(lv),
			.order_cnt = price_level_order_cnt(lv),
			.qty = price_level_qty(lv),
		};
	}
	return n;
}

COLD uint32_t
book_order_cnt(const struct book *b, uint16_t locate)
{
	uint32_t cnt = 0;

	for (uint8_t side = 0; side < 2 && locate <= b->locate_max; side++) {
		for (uint32_t i = 0; i < b->instr[locate].side[side].cnt; i++)
			cnt += price_level_order_cnt(
				&b->levels.level[book_level_at(b, locate, side, i)]);
	}
	return cnt;
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
			for (uint32_t i = 0; i < b->instr[l].side[side].cnt; i++) {
				const struct price_level *lv =
					&b->levels.level[book_level_at(b, (uint16_t)l, side, i)];

				sum += digest_part(lv, price_level_qty(lv));
			}
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

/* What is wrong with one side's array, or NULL. */
static const char *
audit_side(const struct book *b, uint16_t locate, uint8_t side, const struct book_tally *tally)
{
	const struct book_side *s = &b->instr[locate].side[side];
	const uint32_t *keys = &b->key[s->key_at];

	if (s->top_idx != (s->cnt == 0 ? 0 : book_level_at(b, locate, side, s->cnt - 1)))
		return "the best level is not the last one";
	for (uint32_t i = 0; i < s->cnt; i++) {
		const uint32_t idx = book_level_at(b, locate, side, i);
		const struct price_level *lv = &b->levels.level[idx];

		if (idx == 0)
			return "a side names a price that has no level";
		if (i != 0 && keys[i] <= keys[i - 1])
			return "prices of a side are out of order";
		if (price_level_order_cnt(lv) != tally[idx].order_cnt)
			return "a level's orders are not as many as it says";
		if (price_level_qty(lv) != tally[idx].qty)
			return "a level's quantity is not the sum of its orders";
		if (book_has_queues(b)) {
			const char *wrong = order_queue_audit(
				&b->order, idx, price_level_order_cnt(lv), price_level_qty(lv));

			if (wrong != NULL)
				return wrong;
		}
	}
	for (uint32_t i = s->cnt; i < s->cap; i++)
		if (keys[i] != 0)
			return "an unused price is not 0";
	return NULL;
}

COLD const char *
book_audit(const struct book *b, struct book_tally *tally)
{
	uint32_t level_cnt = 0, order_cnt = 0, order_in_side_cnt = 0;
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
			const struct book_side *s = &b->instr[l].side[side];
			const char *wrong = audit_side(b, (uint16_t)l, side, tally);

			if (wrong != NULL)
				return wrong;
			level_cnt += s->cnt;
			for (uint32_t i = 0; i < s->cnt; i++)
				order_in_side_cnt += price_level_order_cnt(
					&b->levels.level[book_level_at(b, (uint16_t)l, side, i)]);
		}
	}
	for (uint32_t i = 0; i < b->order.ends_cnt; i++)
		if (b->order.ends[i].first != 0 && tally[i].order_cnt == 0)
			return "a level without orders has a queue";
	if (order_in_side_cnt != order_cnt)
		return "an order is of a level that no side has";
	if (level_cnt != b->levels.cnt)
		return "levels are not as many as counted";
	return order_cnt != b->order.cnt ? "orders are not as many as counted" : NULL;
}
