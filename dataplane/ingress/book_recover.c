/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book.h"

/*
 * The book's side of recovery.  The affected set is who is not believed when it begins; its orders
 * are forgotten in slices while everybody else's go on, a snapshot and the messages kept meanwhile
 * are applied to it alone, and then it is believed again or lost.
 *
 * The set is the whole feed (set_all) after a gap, because a sequence number does not say whose
 * message is missing.  Otherwise the feed has no hole, and what is no order (halts, directory,
 * prints) is taken from the live messages, where it is never late.
 */
enum {
	SLICE_LOCATES = 256, // of a table of 256-byte records
	SLICE_WORK = 4096,   // places of the order table looked at: 64 KiB, about 3 us,
	REMOVE_WORK = 64,    // or orders removed at this price each: two or three touches of memory
};

static bool
is_order(uint8_t type)
{
	return type >= MD_ORDER_ADDED && type <= MD_ORDER_REPLACED;
}

static COLD void
forget_order(struct book *b, struct book_instr *in, struct order_rec *order)
{
	const uint8_t side = price_level_side(&b->levels.level[order->level_idx]);
	const struct price_level *top;
	uint64_t qty;

	book_remove(b, in, order);
	top = &b->levels.level[in->side[side].top_idx];
	qty = price_level_qty(top);
	in->top_px4[side] = price_level_px4(top);
	in->top_qty[side] = qty > UINT32_MAX ? UINT32_MAX : (uint32_t)qty;
	in->crossed = false;
}

/* Believes the instrument's troubles no more; what a snapshot will tell anew is unknown until then.
 */
static void
begin_anew(struct book *b, uint32_t locate)
{
	struct book_instr *in = &b->instr[locate];

	if (in->suspect)
		metric_set(&b->metrics.instrument_suspect, b->metrics.instrument_suspect - 1);
	in->suspect = false;
	b->info[locate].volume_partial = true;
	if (!b->set_all)
		return;
	in->state = TRADING_UNKNOWN; // no 'H' in a snapshot: halted since before the session
	in->market_halted = false;   // 'h' is in a snapshot only when one was declared
	in->short_sale = 0;
	in->band_lo_px4 = in->band_hi_px4 = 0;
}

/* One slice of forgetting.  False when nothing is left to forget. */
static COLD bool
forget_slice(struct book *b)
{
	const uint32_t order_end = (uint32_t)order_table_slots(b->order.max);

	if (!b->forgetting)
		return false;
	if (b->forget_locate <= b->locate_max) {
		uint32_t end = b->forget_locate + SLICE_LOCATES;

		if (end > b->locate_max + 1)
			end = b->locate_max + 1;
		for (uint32_t l = b->forget_locate; l < end; l++)
			if (book_in_set(b, l))
				begin_anew(b, l);
		b->forget_locate = end;
		return true;
	}
	for (uint32_t work = 0; work < SLICE_WORK;) {
		const uint32_t from = b->forget_order;
		struct order_rec *order =
			order_table_next(&b->order, &b->forget_order, SLICE_WORK - work);
		uint16_t locate;

		work += b->forget_order - from;
		if (order == NULL)
			break;
		locate = price_level_locate(&b->levels.level[order->level_idx]);
		if (book_in_set(b, locate)) {
			forget_order(b, &b->instr[locate], order);
			metric_add(&b->metrics.order_forgotten, 1);
			work += REMOVE_WORK;
		}
	}
	b->forgetting = b->forget_order < order_end;
	return b->forgetting;
}

/* The set of a recovery that begins: those not believed now, and those of one that failed. */
static void
choose_set(struct book *b)
{
	b->set_all |= b->suspect || b->late_joined;
	for (uint32_t l = 0; l <= b->locate_max && !b->set_all; l++)
		b->info[l].in_set |= b->instr[l].suspect;
}

static void
leave_set(struct book *b)
{
	for (uint32_t l = 0; l <= b->locate_max; l++)
		b->info[l].in_set = false;
	b->set_all = false;
}

static void
begin(struct book *b)
{
	choose_set(b);
	b->recovering = true;
	b->lost = false;
	b->late_joined = false;
	b->forgetting = true;
	b->forget_locate = 0;
	b->forget_order = 0;
	b->locate_end = 0; // every message is asked for its way
	metric_add(&b->metrics.recovery_begun, 1);
}

static void
end_well(struct book *b)
{
	if (b->recovering || b->lost)
		leave_set(b);
	b->recovering = b->lost = b->suspect = false;
	b->locate_end = b->locate_max + 1;
	metric_add(&b->metrics.recovery_done, 1);
}

/*
 * The set's books are empty and stay so.  A failure that nothing was forgotten for is of all that
 * is not believed; those books go on as they are.
 */
static void
end_badly(struct book *b)
{
	if (!b->recovering && !b->lost)
		choose_set(b);
	b->recovering = false;
	b->lost = true;
	metric_add(&b->metrics.recovery_lost, 1);
}

void
book_recover_reset(struct book *b)
{
	if (b->recovering || b->lost)
		leave_set(b);
	b->recovering = b->lost = b->forgetting = false;
	b->due_flags = 0;
	b->source_flags = 0;
	b->locate_end = b->locate_max + 1;
}

/* Only RECOVERING finds nothing forgotten behind it: all else waits until that is done. */
COLD bool
book_recover_on_flags(struct book *b, uint16_t flags)
{
	const uint16_t source = flags & (DATAGRAM_SNAPSHOT | DATAGRAM_REPLAY);

	b->source_flags = source;
	if (source == 0 &&
	    (flags & (DATAGRAM_RECOVERING | DATAGRAM_RECOVERED | DATAGRAM_LOST)) == 0) {
		forget_slice(b); // a live datagram takes a little of the work along
		return false;
	}
	if (b->forgetting) {
		b->due_flags = flags;
		return true;
	}
	if (flags & DATAGRAM_LOST)
		end_badly(b);
	if (flags & DATAGRAM_RECOVERED)
		end_well(b);
	if (flags & DATAGRAM_RECOVERING)
		begin(b);
	b->due_flags = b->forgetting ? source : 0; // its messages wait, too
	return b->due_flags != 0;
}

COLD bool
book_recover_next(struct book *b)
{
	const uint16_t flags = b->due_flags;

	if (forget_slice(b))
		return true;
	b->due_flags = 0;
	book_recover_on_flags(b, flags);
	return false;
}

COLD void
book_recover_some(struct book *b)
{
	if (b->forgetting)
		forget_slice(b);
}

/*
 * Live messages are for everybody else, those of a snapshot or kept ones for the set alone.  The
 * set's best prices are told when it is believed again.
 */
unsigned
book_on_guarded(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	const bool known = m->locate <= b->locate_max;
	const bool member = known && (m->locate == 0 ? b->set_all : book_in_set(b, m->locate));
	unsigned what;

	if (!known)
		return book_on_rare(b, m, bbo, mark);
	if (b->source_flags == 0) {
		if (member && is_order(m->type)) {
			metric_add(&b->metrics.message_awaiting_replay, 1);
			return 0;
		}
		return book_apply(b, m, bbo, mark);
	}
	if (!member || (!b->set_all && !is_order(m->type))) {
		metric_add(&b->metrics.message_unaffected, 1);
		return 0;
	}
	what = book_apply(b, m, bbo, mark);
	return what & (BOOK_TOP | BOOK_ALL);
}
