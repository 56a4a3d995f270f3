/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book.h"

enum {
	VIEWS_AT_ONCE = 2,  // of one look: some microseconds between turns
	VIEWS_IN_TURN = 64, // are looked at for one that a message may have changed
};

/*
 * The best price at which at least a round lot is offered, the better odd lots counted in: what a
 * consolidated quote shows.  Our own best price counts odd lots, as the feed displays them.
 */
static uint32_t
lot_px4_of(const struct book_depth_row *row, uint32_t row_cnt, uint32_t lot_qty)
{
	uint64_t sum_qty = 0;

	for (uint32_t i = 0; i < row_cnt; i++) {
		sum_qty += row[i].qty;
		if (sum_qty >= (lot_qty == 0 ? 1 : lot_qty))
			return row[i].px4;
	}
	return 0;
}

static void
fill_found(const struct book *b, const struct book_ours *o, struct book_view *v)
{
	const struct book_instr *in = &b->instr[o->locate];
	const struct book_info *info = &b->info[o->locate];

	v->locate = o->locate;
	v->confidence = book_confidence(b, in);
	v->state = book_state(b, in);
	v->broken = in->suspect;
	v->volume_qty = in->volume_qty;
	v->volume_ntl4 = info->volume_ntl4;
	v->trade_cnt = info->trade_cnt;
	v->volume_partial = info->volume_partial;
	v->last_px4 = in->last_px4;
	memcpy(v->cross_px4, info->cross_px4, sizeof(v->cross_px4));
	v->band_lo_px4 = in->band_lo_px4;
	v->band_hi_px4 = in->band_hi_px4;
	v->round_lot_qty = in->round_lot_qty;
	v->short_sale = in->short_sale;
	v->authenticity = in->authenticity;
	v->directory = info->directory;
	memcpy(v->reason, info->reason, sizeof(v->reason));
	for (unsigned side = 0; side < 2; side++) {
		v->level_cnt[side] = book_side_level_cnt(in, (uint8_t)side);
		v->row_cnt[side] =
			book_depth(b, o->locate, (enum side)side, v->row[side], BOOK_VIEW_DEPTH);
		v->lot_px4[side] = lot_px4_of(v->row[side], v->row_cnt[side], v->round_lot_qty);
	}
}

static COLD void
publish(struct book *b, uint32_t instr_idx, uint64_t next_seq)
{
	const struct book_ours *o = &b->ours[instr_idx];
	struct book_view v;

	memset(&v, 0, sizeof(v)); // what lies between the fields is published, too
	memcpy(v.symbol, o->symbol, sizeof(v.symbol));
	v.next_seq = next_seq;
	v.now_ns = b->now_ns;
	v.ts_ns = b->ts_ns;
	v.since_ns = o->since_ns;
	memcpy(v.spent_ns, o->spent_ns, sizeof(v.spent_ns));
	v.phase = b->phase;
	v.breach_level = b->breach_level;
	memcpy(v.mwcb_px8, b->mwcb_px8, sizeof(v.mwcb_px8));
	v.found = o->found;
	v.confidence = o->confidence;
	v.notes = b->notes[instr_idx];
	if (o->found)
		fill_found(b, o, &v);
	seqlock_put(&b->view[instr_idx].lock, b->view[instr_idx].word, (const uint64_t *)&v,
		    ARRAY_CNT(b->view[instr_idx].word));
	b->view_seq[instr_idx] = next_seq;
	metric_add(&b->metrics.view_written, 1);
}

/*
 * Those whose best price or state changed, else the next one in turn that any message may have
 * changed since: depth below the best moves without telling.
 */
COLD void
book_publish(struct book *b, uint64_t next_seq)
{
	unsigned left = VIEWS_AT_ONCE;

	for (uint32_t n = 0; n * 64 < b->ours_end && left != 0; n++) {
		uint64_t *due = &b->view_due[n];

		while (*due != 0 && left != 0) {
			const uint32_t bit = (uint32_t)__builtin_ctzll(*due);

			*due &= *due - 1;
			publish(b, n * 64 + bit, next_seq);
			left--;
		}
	}
	for (uint32_t n = 1; n < b->ours_end && n <= VIEWS_IN_TURN && left != 0; n++) {
		if (++b->view_next >= b->ours_end)
			b->view_next = 1;
		if (b->ours[b->view_next].configured && b->view_seq[b->view_next] != next_seq) {
			publish(b, b->view_next, next_seq);
			left--;
		}
	}
}
