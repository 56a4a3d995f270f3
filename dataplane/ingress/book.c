/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/book.h"

/*
 * Every side that ever had a price outside of its window keeps a smallest block; a side of n such
 * prices has at most 2n keys, and what it outgrew on the way there is at most as much again, of
 * which others take some.
 */
static size_t
key_cnt_for(const struct book_config *c)
{
	return ((size_t)c->locate_max + 1) * 2 * BOOK_BLOCK_MIN + (size_t)c->levels_max * 3;
}

static size_t
rounded(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t
ours_max(const struct book_config *c)
{
	size_t max = 0;

	for (unsigned i = 0; i < c->ours_cnt; i++)
		if (c->ours[i].instr_idx > max && c->ours[i].instr_idx < INSTR_MAX)
			max = c->ours[i].instr_idx;
	return max;
}

/* A power of two, so that a look ahead at any locate stays inside. */
static size_t
instr_cnt_for(const struct book_config *c)
{
	size_t cnt = 1;

	while (cnt <= c->locate_max)
		cnt *= 2;
	return cnt;
}

/* One end of a queue for each index of a level. */
static size_t
ends_cnt_for(const struct book_config *c)
{
	return price_levels_slots(c->levels_max) + 1ULL;
}

COLD size_t
book_bytes(const struct book_config *c)
{
	const size_t ends = ends_cnt_for(c);

	return (c->queues ? rounded(order_table_queue_bytes(c->orders_max, ends)) : 0) +
	       rounded(instr_cnt_for(c) * sizeof(struct book_instr)) +
	       rounded(price_levels_bytes(c->levels_max)) +
	       rounded(key_cnt_for(c) * sizeof(uint32_t)) +
	       rounded(order_table_bytes(c->orders_max)) + trade_log_bytes(c->trades_max) +
	       rounded(((size_t)c->locate_max + 1) * sizeof(struct book_info)) +
	       rounded((ours_max(c) + 1) * sizeof(struct book_notes)) +
	       rounded((ours_max(c) + 1) * sizeof(struct book_view_slot)) +
	       rounded(u64_map_bytes((uint32_t)ours_max(c) + 1));
}

static int
take_ours(struct book *b, const struct book_config *c)
{
	for (unsigned i = 0; i < c->ours_cnt; i++) {
		const struct book_ours_config *o = &c->ours[i];
		const uint64_t key = book_symbol_key(o->symbol);

		if (o->instr_idx == INSTR_NONE || o->instr_idx >= INSTR_MAX ||
		    b->ours[o->instr_idx].configured || u64_map_find(&b->symbol, key) != NULL)
			return -EINVAL;
		u64_map_add(&b->symbol, key, 0, o->instr_idx);
		memcpy(b->ours[o->instr_idx].symbol, o->symbol, sizeof(o->symbol));
		b->ours[o->instr_idx].configured = true;
		if (o->instr_idx >= b->ours_end)
			b->ours_end = o->instr_idx + 1u;
	}
	return 0;
}

COLD int
book_init(struct book *b, const struct book_config *c, struct arena *arena)
{
	const size_t instr_bytes = instr_cnt_for(c) * sizeof(*b->instr);

	if (c->orders_max == 0 || c->orders_max > 1U << 27 || c->levels_max == 0 ||
	    c->levels_max > PRICE_LEVELS_MAX || c->trades_max == 0 ||
	    c->trades_max >= U64_TAG_MAX || c->ours_cnt >= INSTR_MAX)
		return -EINVAL;
	*b = (struct book){
		.instr = (struct book_instr *)arena_take(arena, instr_bytes),
		.locate_max = c->locate_max,
		.locate_mask = (uint32_t)instr_cnt_for(c) - 1,
		.locate_end = c->locate_max + 1u,
		.usual = c->queues ? 0 : BOOK_USUAL,
		.info = (struct book_info *)arena_take(arena, ((size_t)c->locate_max + 1) *
								      sizeof(struct book_info)),
		.feed_idx = c->feed_idx,
		.events = c->events,
		.stale = BOOK_NO_SESSION,
		.view = (struct book_view_slot *)arena_take(
			arena, (ours_max(c) + 1) * sizeof(struct book_view_slot)),
		.notes = (struct book_notes *)arena_take(arena, (ours_max(c) + 1) *
									sizeof(struct book_notes)),
		.trust_late_join = c->trust_late_join,
		.keys.cnt = (uint32_t)key_cnt_for(c),
	};
	b->keys.key = (uint32_t *)arena_take(arena, key_cnt_for(c) * sizeof(*b->keys.key));
	if (!price_levels_init(&b->levels, c->levels_max, arena) ||
	    !order_table_init(&b->order, c->orders_max, arena) ||
	    !trade_log_init(&b->trades, c->trades_max, arena) ||
	    !u64_map_init(&b->symbol, (uint32_t)ours_max(c) + 1, arena) || b->instr == NULL ||
	    b->keys.key == NULL || b->info == NULL || b->notes == NULL || b->view == NULL)
		return -ENOMEM;
	if (c->queues && !order_table_keep_queues(&b->order, ends_cnt_for(c), arena))
		return -ENOMEM;
	return take_ours(b, c);
}

/* Every book empty, every locate forgotten. */
static COLD void
empty_all(struct book *b)
{
	order_table_clear(&b->order);
	trade_log_clear(&b->trades);
	memset(b->instr, 0, (b->locate_max + 1) * sizeof(*b->instr));
	memset(b->info, 0, (b->locate_max + 1) * sizeof(*b->info));
	price_levels_clear(&b->levels);
	book_keys_clear(&b->keys);
	b->system_event = 0;
	b->next_seq = 0;
	b->phase = PHASE_UNKNOWN;
	b->breach_cnt = 0;
	b->breach_level = 0;
	b->breach_seq = 0;
	memset(b->mwcb_px8, 0, sizeof(b->mwcb_px8));
	memset(b->notes, 0, b->ours_end * sizeof(*b->notes));
	b->ts_ns = 0;
	metric_set(&b->metrics.instrument_known, 0);
	metric_set(&b->metrics.instrument_suspect, 0);
	for (uint32_t i = 0; i < b->ours_end; i++)
		b->ours[i].found = false;
}

COLD unsigned
book_on_datagram_flags(struct book *b, uint16_t flags)
{
	if (flags & DATAGRAM_NEW_SESSION) {
		empty_all(b);
		book_recover_reset(b);
		b->stale = 0;
		b->suspect = b->closed = b->late_joined = false;
		metric_add(&b->metrics.session, 1);
	}
	if ((flags & DATAGRAM_GAP) && (flags & DATAGRAM_NEW_SESSION) && b->trust_late_join) {
		b->late_joined = true;
	} else if (flags & DATAGRAM_GAP) {
		b->suspect = true;
		metric_add(&b->metrics.gap, 1);
	}
	if (flags & DATAGRAM_SILENT)
		b->stale |= BOOK_SILENT;
	if (flags & DATAGRAM_END)
		b->stale |= BOOK_ENDED;
	if (flags & DATAGRAM_HEARD)
		b->stale &= (uint8_t)~BOOK_SILENT;
	if (book_recover_on_flags(b, flags))
		return BOOK_ALL;
	if ((flags & ~(DATAGRAM_SNAPSHOT | DATAGRAM_REPLAY)) == 0 || b->ours_end == 0)
		return 0;
	b->walk_idx = 0;
	return BOOK_ALL;
}

static void
fill_bbo(const struct book *b, const struct book_instr *in, const struct book_ours *o,
	 struct bbo *bbo)
{
	bbo->head.instr_idx = (uint16_t)(o - b->ours);
	bbo->head.feed_idx = b->feed_idx;
	bbo->bid_px4 = in->top_px4[SIDE_BUY];
	bbo->ask_px4 = in->top_px4[SIDE_SELL];
	bbo->bid_qty = in->top_qty[SIDE_BUY];
	bbo->ask_qty = in->top_qty[SIDE_SELL];
	bbo->ts_ns = b->ts_ns;
	bbo->last_px4 = in->last_px4;
	bbo->confidence = o->confidence;
	bbo->state = o->state;
	bbo->phase = b->phase;
	bbo->pad = 0;
}

static void
fill_mark(const struct book *b, const struct book_instr *in, const struct book_ours *o,
	  struct mark *mark)
{
	mark->head.instr_idx = (uint16_t)(o - b->ours);
	mark->head.feed_idx = b->feed_idx;
	mark->bid_px4 = in->top_px4[SIDE_BUY];
	mark->ask_px4 = in->top_px4[SIDE_SELL];
	mark->last_px4 = in->last_px4;
	mark->band_lo_px4 = in->band_lo_px4;
	mark->band_hi_px4 = in->band_hi_px4;
	mark->round_lot_qty = in->round_lot_qty;
	mark->confidence = o->confidence;
	mark->state = o->state;
	mark->short_sale = in->short_sale;
	mark->phase = b->phase;
	mark->lots_only = o->found && b->info[o->locate].directory.round_lots_only == 'Y';
	memset(mark->pad, 0, sizeof(mark->pad));
}

/* The confidence of a configured instrument from now on, and how long it had the one before. */
static COLD void
set_confidence(struct book *b, struct book_ours *o, uint8_t confidence)
{
	if (o->since_ns != 0)
		o->spent_ns[o->confidence] += b->now_ns - o->since_ns;
	o->since_ns = b->now_ns;
	o->confidence = confidence;
}

COLD void
book_on_time(struct book *b, uint64_t now_ns)
{
	if (b->now_ns == 0)
		for (uint32_t i = 0; i < b->ours_end; i++)
			if (b->ours[i].configured) {
				b->ours[i].since_ns = now_ns;
				b->view_due[i / 64] |= 1ULL << i % 64;
			}
	if (now_ns > b->now_ns)
		b->now_ns = now_ns;
}

/* What the log says of a configured instrument whose confidence or state is another than told. */
static COLD void
say_change(const struct book *b, const struct book_ours *o, uint16_t instr_idx, uint8_t confidence,
	   uint8_t state)
{
	if (!o->told || o->state != state)
		event_put(b->events, EVENT_TRADING_STATE, instr_idx, state);
	if (o->told && o->confidence != confidence && confidence == CONFIDENCE_LIVE)
		event_put(b->events, EVENT_BOOK_LIVE, b->feed_idx, instr_idx);
}

unsigned
book_tell(struct book *b, const struct book_instr *in, unsigned what, struct bbo *bbo,
	  struct mark *mark)
{
	struct book_ours *o = &b->ours[in->instr_idx];
	const uint8_t confidence = book_confidence(b, in), state = book_state(b, in);

	if (in->instr_idx == INSTR_NONE)
		return what & BOOK_TOP;
	if (unlikely(!o->told || o->confidence != confidence || o->state != state ||
		     o->phase != b->phase)) {
		what |= BOOK_BBO | BOOK_MARK;
		say_change(b, o, in->instr_idx, confidence, state);
		if (o->confidence != confidence)
			set_confidence(b, o, confidence);
	}
	o->told = true;
	o->state = state;
	o->phase = b->phase;
	b->view_due[in->instr_idx / 64] |= 1ULL << in->instr_idx % 64;
	if (what & BOOK_BBO) {
		fill_bbo(b, in, o, bbo);
		metric_add(&b->metrics.bbo, 1);
	}
	if (what & BOOK_MARK) {
		fill_mark(b, in, o, mark);
		metric_add(&b->metrics.mark, 1);
	}
	return what;
}

COLD unsigned
book_next(struct book *b, struct bbo *bbo, struct mark *mark)
{
	static const struct book_instr NOWHERE; // what this session has not named yet

	if (unlikely(b->due_flags != 0)) {
		if (book_recover_next(b) || b->ours_end == 0)
			return b->due_flags != 0 ? BOOK_ALL : 0;
		b->walk_idx = 0;
	}
	while (b->walk_idx < b->ours_end) {
		const uint16_t instr_idx = (uint16_t)b->walk_idx++;
		struct book_ours *o = &b->ours[instr_idx];
		const struct book_instr *in = o->found ? &b->instr[o->locate] : &NOWHERE;
		const uint8_t confidence = o->found ? book_confidence(b, in) : CONFIDENCE_STALE;
		const uint8_t state = o->found ? book_state(b, in) : TRADING_UNKNOWN;

		// what was never told is another shard's, or told when it is found
		if (!o->told || (o->confidence == confidence && o->state == state &&
				 o->phase == b->phase && o->found))
			continue;
		say_change(b, o, instr_idx, confidence, state);
		if (o->confidence != confidence)
			set_confidence(b, o, confidence);
		b->view_due[instr_idx / 64] |= 1ULL << instr_idx % 64;
		o->told = o->found;
		o->state = state;
		o->phase = b->phase;
		fill_mark(b, in, o, mark);
		fill_bbo(b, in, o, bbo);
		metric_add(&b->metrics.mark, 1);
		metric_add(&b->metrics.bbo, 1);
		return BOOK_BBO | BOOK_MARK;
	}
	return 0;
}

/* Which of EVENT_BOOK_BROKEN's reasons the oddity is, by its counter. */
static COLD unsigned
broken_reason(const struct book *b, const uint64_t *counter)
{
	const struct book_metrics *m = &b->metrics;

	if (counter == &m->ref_unknown_executed || counter == &m->ref_unknown_reduced ||
	    counter == &m->ref_unknown_deleted || counter == &m->ref_unknown_replaced)
		return 0;
	if (counter == &m->qty_negative)
		return 1;
	if (counter == &m->ref_repeated)
		return 2;
	if (counter == &m->order_table_full || counter == &m->level_table_full)
		return 3;
	return counter == &m->book_crossed ? 4 : 5;
}

void
book_believe_no_more(struct book *b, struct book_instr *in, const uint64_t *counter)
{
	if (in->suspect)
		return;
	metric_add(&b->metrics.instrument_suspect, 1);
	in->suspect = true;
	if (!b->suspect && !b->stale) // else the gap before it was said already
		event_put(b->events, EVENT_BOOK_BROKEN, b->feed_idx, event_text(in->symbol, 8),
			  (uint64_t)(in - b->instr), broken_reason(b, counter));
}

COLD unsigned
book_odd(struct book *b, struct book_instr *in, uint64_t *counter, struct bbo *bbo,
	 struct mark *mark)
{
	if (counter != NULL)
		metric_add(counter, 1);
	if (in->suspect)
		return 0;
	book_believe_no_more(b, in, counter);
	return book_tell(b, in, BOOK_BBO | BOOK_MARK, bbo, mark);
}

COLD unsigned
book_unknown(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	uint64_t *counter = &b->metrics.ref_unknown_deleted;

	if (m->type == MD_ORDER_EXECUTED || m->type == MD_ORDER_EXECUTED_AT_PRICE)
		counter = &b->metrics.ref_unknown_executed;
	else if (m->type == MD_ORDER_REDUCED)
		counter = &b->metrics.ref_unknown_reduced;
	else if (m->type == MD_ORDER_REPLACED)
		counter = &b->metrics.ref_unknown_replaced;
	if (b->late_joined) { // of an order from before we came
		metric_add(counter, 1);
		return 0;
	}
	return book_odd(b, &b->instr[m->locate], counter, bbo, mark);
}

COLD unsigned
book_mismatch(struct book *b, const struct md *m, uint16_t order_locate, struct bbo *bbo,
	      struct mark *mark)
{
	unsigned what;

	// one message tells of one instrument; book_next tells of the other
	what = book_odd(b, &b->instr[order_locate], &b->metrics.locate_mismatch, bbo, mark);
	if (what != 0) {
		book_believe_no_more(b, &b->instr[m->locate], NULL);
		b->walk_idx = 0;
		return what | BOOK_ALL;
	}
	return book_odd(b, &b->instr[m->locate], NULL, bbo, mark);
}

COLD bool
book_odd_order(struct book *b, const struct md *m)
{
	const uint64_t ref = m->type == MD_ORDER_REPLACED ? m->new_ref : m->order_ref;

	if (ref == 0)
		metric_add(&b->metrics.ref_zero, 1);
	if (m->px4 == 0)
		metric_add(&b->metrics.price_zero, 1);
	if (m->px4 > BOOK_PX4_MAX)
		metric_add(&b->metrics.price_above_max, 1);
	if (m->type == MD_ORDER_ADDED && m->side > SIDE_SELL) {
		metric_add(&b->metrics.side_invalid, 1);
		return false;
	}
	if (m->qty == 0) {
		metric_add(&b->metrics.qty_zero, 1);
		return false;
	}
	return true;
}

/* Gives the instrument its name, and its place among the configured ones.  0 or BOOK_ALL. */
COLD unsigned
book_learn_symbol(struct book *b, struct book_instr *in, uint16_t locate, const char symbol[8])
{
	const struct u64_slot *s = u64_map_find(&b->symbol, book_symbol_key(symbol));
	struct book_ours *o;

	memcpy(in->symbol, symbol, sizeof(in->symbol));
	in->known = true;
	metric_add(&b->metrics.instrument_known, 1);
	if (s == NULL)
		return 0;
	o = &b->ours[s->tag];
	if (o->found) { // two instruments claim it: neither can be believed
		metric_add(&b->metrics.symbol_repeated, 1);
		book_believe_no_more(b, &b->instr[o->locate], NULL);
		book_believe_no_more(b, in, NULL);
		b->walk_idx = 0;
		return BOOK_ALL;
	}
	o->found = true;
	o->locate = locate;
	in->instr_idx = (uint16_t)s->tag;
	return 0;
}

COLD unsigned
book_meet(struct book *b, struct book_instr *in, const struct md *m, struct bbo *bbo,
	  struct mark *mark)
{
	unsigned what;

	if (in->known)
		return book_odd(b, in, &b->metrics.symbol_mismatch, bbo, mark);
	metric_add(&b->metrics.locate_undefined, 1);
	what = book_learn_symbol(b, in, m->locate, m->symbol);
	return what | book_tell(b, in, BOOK_BBO | BOOK_MARK, bbo, mark);
}

void
book_check_crossed(struct book *b, struct book_instr *in)
{
	const uint32_t bid_px4 = in->top_px4[SIDE_BUY], ask_px4 = in->top_px4[SIDE_SELL];
	const bool both = in->side[SIDE_BUY].top_idx != 0 && in->side[SIDE_SELL].top_idx != 0;
	const bool was = in->crossed;

	in->crossed = both && bid_px4 > ask_px4;
	if (both && bid_px4 == ask_px4 && in->state == TRADING_OPEN)
		metric_add(&b->metrics.book_locked, 1);
	if (!in->crossed || was)
		return;
	if (in->state !=
	    TRADING_OPEN) { // orders wait for an auction; believed again once uncrossed
		metric_add(&b->metrics.book_crossed_halted, 1);
		return;
	}
	metric_add(&b->metrics.book_crossed, 1);
	book_believe_no_more(b, in, &b->metrics.book_crossed);
}

void
book_top_fall(struct book *b, struct book_instr *in, uint8_t side)
{
	struct book_side *s = &in->side[side];
	uint32_t key;

	if (unlikely(!book_side_fall(&b->keys, in, side, &key))) {
		s->top_idx = s->top_key = 0;
		return;
	}
	s->top_key = key;
	s->top_idx = price_levels_find(
		&b->levels, price_key((uint16_t)(in - b->instr), side, book_key(side, key)));
}

/* A print whose match number is not above all before it: another one has it, or it comes late. */
static COLD void
remember_stray(struct book *b, uint64_t match_ref, const struct trade *t)
{
	struct trade *known = trade_log_find(&b->trades, match_ref);

	if (known == NULL) {
		trade_log_add_stray(&b->trades, match_ref, t);
		return;
	}
	metric_add(&b->metrics.match_repeated, 1);
	known->qty += t->qty;
	known->ntl4 += t->ntl4;
}

/* Remembers a print, in case it is broken later; the oldest one is forgotten. */
static void
remember_match(struct book *b, const struct md *m, uint64_t qty, uint32_t px4)
{
	if (likely(m->new_ref > b->trades.last_ref))
		trade_log_add(&b->trades, m->new_ref, m->locate, qty, qty * px4);
	else
		remember_stray(
			b, m->new_ref,
			&(struct trade){ .qty = qty, .ntl4 = qty * px4, .locate = m->locate });
}

/* Counts a print: its volume, and its price as the last one. */
unsigned
book_print(struct book *b, struct book_instr *in, const struct md *m, uint64_t qty, uint32_t px4,
	   struct bbo *bbo, struct mark *mark)
{
	struct book_info *info = &b->info[in - b->instr];

	in->volume_qty += qty;
	info->volume_ntl4 += qty * px4;
	info->trade_cnt++;
	metric_add(&b->metrics.trade_printed, 1);
	remember_match(b, m, qty, px4);
	if (px4 == in->last_px4)
		return 0;
	in->last_px4 = px4;
	return in->instr_idx == INSTR_NONE ? 0 : book_tell(b, in, BOOK_MARK, bbo, mark);
}

unsigned
book_on_execution(struct book *b, struct book_instr *in, const struct md *m, uint32_t order_px4,
		  struct bbo *bbo, struct mark *mark)
{
	if (m->type == MD_ORDER_EXECUTED_AT_PRICE && m->state != 'Y')
		return 0; // a bulk print will include it
	if (m->qty == 0)
		return 0;
	return book_print(b, in, m, m->qty, m->type == MD_ORDER_EXECUTED ? order_px4 : m->px4, bbo,
			  mark);
}

unsigned
book_added_apart(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	return book_on_added(b, m, bbo, mark);
}

unsigned
book_level_gone(struct book *b, struct book_instr *in, struct order_rec *order, struct bbo *bbo,
		struct mark *mark)
{
	const uint8_t side = price_level_side(&b->levels.level[order->level_idx]);
	const bool top = order->level_idx == in->side[side].top_idx;

	book_remove(b, in, order);
	return top ? book_settle(b, in, side, bbo, mark) : 0;
}

unsigned
book_replace_apart(struct book *b, const struct md *m, struct order_rec *order, struct bbo *bbo,
		   struct mark *mark)
{
	return book_replace(b, m, order, bbo, mark);
}

unsigned
book_on_any(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	return book_by_kind(b, m, bbo, mark);
}
