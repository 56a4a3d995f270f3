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
		const struct book_level *lv = &b->level[s->key[s->cap + i - 1]];

		out[n] = (struct book_depth_row){
			.px4 = lv->px4,
			.order_cnt = lv->order_cnt,
			.qty = lv->qty,
		};
	}
	return n;
}

COLD uint32_t
book_order_cnt(const struct book *b, uint16_t locate)
{
	uint32_t cnt = 0;

	for (unsigned side = 0; side < 2 && locate <= b->locate_max; side++) {
		const struct book_side *s = &b->instr[locate].side[side];

		for (uint32_t i = 0; i < s->cnt; i++)
			cnt += b->level[s->key[s->cap + i]].order_cnt;
	}
	return cnt;
}

static uint64_t
digest_part(const struct book_level *lv, uint64_t qty)
{
	return (2 * (uint64_t)lv->locate + lv->side + 1) * lv->px4 * qty;
}

COLD uint64_t
book_digest(const struct book *b)
{
	uint64_t sum = 0;

	for (uint32_t l = 0; l <= b->locate_max; l++) {
		for (unsigned side = 0; side < 2; side++) {
			const struct book_side *s = &b->instr[l].side[side];

			for (uint32_t i = 0; i < s->cnt; i++) {
				const struct book_level *lv = &b->level[s->key[s->cap + i]];

				sum += digest_part(lv, lv->qty);
			}
		}
	}
	return sum;
}

COLD uint64_t
book_digest_of_orders(const struct book *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= b->order.mask; i++) {
		const struct u64_slot *s = &b->order.slot[i];

		if (s->tag != 0)
			sum += digest_part(&b->level[s->tag], s->value);
	}
	return sum;
}

COLD void
book_set_gauges(struct book *b)
{
	metric_set(&b->metrics.order_now, b->order.cnt);
	if (b->order.cnt > b->metrics.order_peak)
		metric_set(&b->metrics.order_peak, b->order.cnt);
	metric_set(&b->metrics.level_now, b->level_cnt);
}

/* What is wrong with one side's array, or NULL. */
static const char *
audit_side(const struct book *b, const struct book_side *s, uint32_t locate, uint8_t side,
	   const struct book_tally *tally)
{
	if (s->top_idx != (s->cnt == 0 ? 0 : s->key[s->cap + s->cnt - 1]))
		return "the best level is not the last one";
	for (uint32_t i = 0; i < s->cnt; i++) {
		const uint32_t idx = s->key[s->cap + i];
		const struct book_level *lv;

		if (idx == 0 || idx >= b->level_fresh)
			return "a side names a level that does not exist";
		lv = &b->level[idx];
		if (i != 0 && s->key[i] <= s->key[i - 1])
			return "prices of a side are out of order";
		if (lv->locate != locate || lv->side != side ||
		    book_key(side, lv->px4) != s->key[i])
			return "a level belongs elsewhere";
		if (lv->order_cnt == 0)
			return "a level has no orders";
		if (lv->order_cnt != tally[idx].order_cnt)
			return "a level's orders are not as many as it says";
		if (lv->qty != tally[idx].qty)
			return "a level's quantity is not the sum of its orders";
	}
	for (uint32_t i = s->cnt; i < s->cap; i++)
		if (s->key[i] != 0)
			return "an unused price is not 0";
	return NULL;
}

COLD const char *
book_audit(const struct book *b, struct book_tally *tally)
{
	uint32_t level_cnt = 0, order_cnt = 0, order_in_side_cnt = 0;

	memset(tally, 0, (b->levels_max + 1ULL) * sizeof(*tally));
	for (uint32_t i = 0; i <= b->order.mask; i++) {
		const struct u64_slot *s = &b->order.slot[i];

		if (s->tag == 0)
			continue;
		if (s->tag >= b->level_fresh)
			return "an order names a level that does not exist";
		if (s->value == 0)
			return "an order has no shares";
		if (u64_map_find(&b->order, s->key) != s)
			return "an order cannot be found";
		tally[s->tag].order_cnt++;
		tally[s->tag].qty += s->value;
		order_cnt++;
	}
	for (uint32_t l = 0; l <= b->locate_max; l++) {
		for (uint8_t side = 0; side < 2; side++) {
			const struct book_side *s = &b->instr[l].side[side];
			const char *wrong = audit_side(b, s, l, side, tally);

			if (wrong != NULL)
				return wrong;
			level_cnt += s->cnt;
			for (uint32_t i = 0; i < s->cnt; i++)
				order_in_side_cnt += b->level[s->key[s->cap + i]].order_cnt;
		}
	}
	if (order_in_side_cnt != order_cnt)
		return "an order is of a level that no side has";
	if (level_cnt != b->level_cnt)
		return "levels are not as many as counted";
	return order_cnt != b->order.cnt ? "orders are not as many as counted" : NULL;
}
