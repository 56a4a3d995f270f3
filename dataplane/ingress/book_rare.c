/* SPDX-License-Identifier: Apache-2.0 */
#include "ingress/book.h"

/*
 * What is no order: directory, trading states, prints that name no order, the venue's
 * announcements. ingress/README.md says what becomes of each message.
 */

static unsigned
on_traded(struct book *b, struct book_instr *in, const struct md *m, struct bbo *bbo,
	  struct mark *mark)
{
	struct book_info *info = &b->info[m->locate];

	if (m->cross_qty == 0) { // nothing crossed
		metric_add(&b->metrics.match_zero_qty, 1);
		return 0;
	}
	if (m->cross != 0)
		info->cross_px4[m->cross == 'O'   ? CROSS_OPEN
				: m->cross == 'C' ? CROSS_CLOSE
						  : CROSS_HALT] = m->px4;
	return book_print(b, in, m, m->cross_qty, m->px4, bbo, mark);
}

static void
on_trade_broken(struct book *b, const struct md *m)
{
	struct trade *t = trade_log_find(&b->trades, m->new_ref);

	if (t == NULL) {
		metric_add(&b->metrics.match_unknown, 1);
		return;
	}
	b->instr[t->locate].volume_qty -= t->qty;
	b->info[t->locate].volume_ntl4 -= t->ntl4;
	if (t->qty != 0)
		b->info[t->locate].trade_cnt--;
	t->qty = t->ntl4 = 0; // a second break takes nothing
	metric_add(&b->metrics.trade_broken, 1);
}

static unsigned
on_directory(struct book *b, struct book_instr *in, const struct md *m, struct bbo *bbo,
	     struct mark *mark)
{
	unsigned what = 0;

	if (!in->known)
		what = book_learn_symbol(b, in, m->locate, m->symbol);
	else if (memcmp(in->symbol, m->symbol, sizeof(in->symbol)) != 0)
		what = book_odd(b, in, &b->metrics.symbol_mismatch, bbo, mark);
	in->defined = true;
	in->round_lot_qty = m->round_lot_qty;
	in->authenticity = m->state;
	b->info[m->locate].directory = m->directory;
	return what | book_tell(b, in, BOOK_BBO | BOOK_MARK, bbo, mark);
}

/* A message that names its instrument may be the first one to do so. */
static unsigned
meet_quietly(struct book *b, struct book_instr *in, const struct md *m)
{
	if (in->known)
		return 0;
	metric_add(&b->metrics.locate_undefined, 1);
	return book_learn_symbol(b, in, m->locate, m->symbol);
}

static unsigned
on_system_event(struct book *b, const struct md *m)
{
	static const char CODE[PHASE_CNT] = {
		[PHASE_MESSAGES] = 'O',     [PHASE_SYSTEM] = 'S',     [PHASE_MARKET] = 'Q',
		[PHASE_AFTER_MARKET] = 'M', [PHASE_SYSTEM_END] = 'E', [PHASE_END] = 'C'
	};
	uint8_t phase = PHASE_MESSAGES;

	b->system_event = m->state;
	while (phase < PHASE_CNT && CODE[phase] != (char)m->state)
		phase++;
	if (phase == PHASE_CNT || phase == b->phase) {
		metric_add(&b->metrics.system_event_unknown, phase == PHASE_CNT);
		return 0;
	}
	b->phase = phase;
	b->closed = phase >= PHASE_SYSTEM_END; // too early an order the venue refuses by itself
	if (phase == PHASE_END)                // nothing may be believed until the next session
		b->stale |= BOOK_ENDED;
	event_put(b->events, EVENT_FEED_PHASE, b->feed_idx, phase);
	b->walk_idx = 0;
	return BOOK_ALL;
}

/*
 * Every instrument is halted until an 'H' after the breach says otherwise: the venue halts and
 * resumes each by itself, and there is no message that ends a breach.
 */
static unsigned
on_breach(struct book *b, const struct md *m)
{
	// the same one again, over a snapshot that may be older and say that everybody trades
	const bool replayed = (b->source_flags & DATAGRAM_REPLAY) && m->seq == b->breach_seq;

	metric_add(&b->metrics.mwcb_breached, 1);
	if (m->state <= b->breach_level && !replayed)
		return 0; // said before
	b->breach_seq = m->seq;
	b->breach_level = m->state;
	b->breach_cnt++;
	event_put(b->events, EVENT_MARKET_BREAKER, b->feed_idx, m->state);
	b->walk_idx = 0;
	return BOOK_ALL;
}

/* Where announcements of an instrument are noted; NULL when it is not configured. */
static struct book_notes *
notes_of(struct book *b, const struct book_instr *in)
{
	return in->instr_idx == INSTR_NONE ? NULL : &b->notes[in->instr_idx];
}

/* An IPO's message need not have a locate, it has the symbol. */
static void
on_ipo_quoting(struct book *b, const struct md *m)
{
	const struct u64_slot *s = u64_map_find(&b->symbol, book_symbol_key(m->symbol));

	if (s == NULL)
		return;
	b->notes[s->tag].ipo.release_s = m->qty;
	b->notes[s->tag].ipo.px4 = m->px4;
	b->notes[s->tag].ipo.qualifier = m->state;
}

static void
on_announcement(struct book *b, const struct book_instr *in, const struct md *m)
{
	struct book_notes *n = notes_of(b, in);

	if (n == NULL)
		return;
	switch (m->type) {
	case MD_IMBALANCE:
		n->imbalance.paired_qty = m->paired_qty;
		n->imbalance.imbalance_qty = m->imbalance_qty;
		n->imbalance.ts_ns = m->ts_ns;
		n->imbalance.far_px4 = m->band.lo_px4;
		n->imbalance.near_px4 = m->band.hi_px4;
		n->imbalance.ref_px4 = m->px4;
		n->imbalance.direction = m->state;
		n->imbalance.cross = m->cross;
		n->imbalance.variation = m->variation;
		break;
	case MD_LISTING:
		n->listing.eligible = m->state;
		n->listing.near_px4 = m->px4;
		n->listing.near_ts_ns = m->near_ts_ns;
		n->listing.min_px4 = m->min_px4;
		n->listing.max_px4 = m->max_px4;
		n->listing.lo_px4 = m->band.lo_px4;
		n->listing.hi_px4 = m->band.hi_px4;
		break;
	case MD_RETAIL:
		n->retail = m->state;
		break;
	default:
		break;
	}
}

static void
set_bands(struct book *b, struct book_instr *in, uint32_t lo_px4, uint32_t hi_px4, uint32_t ref_px4,
	  uint32_t extension)
{
	struct book_notes *n = notes_of(b, in);

	in->band_lo_px4 = lo_px4;
	in->band_hi_px4 = hi_px4;
	if (n == NULL)
		return;
	n->collar_ref_px4 = ref_px4;
	n->collar_extension = extension;
}

unsigned
book_on_rare(struct book *b, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	struct book_instr *in = &b->instr[m->locate];
	unsigned what;

	if (m->locate > b->locate_max) {
		metric_add(&b->metrics.locate_above_max, 1);
		return 0;
	}
	if (likely(m->type == MD_TRADED))
		return on_traded(b, in, m, bbo, mark);
	switch (m->type) {
	case MD_TRADE_BROKEN:
		on_trade_broken(b, m);
		return 0;
	case MD_DIRECTORY:
		return on_directory(b, in, m, bbo, mark);
	case MD_SYSTEM_EVENT:
		return on_system_event(b, m);
	case MD_TRADING_STATE:
		what = meet_quietly(b, in, m);
		in->state = m->state;
		memcpy(b->info[m->locate].reason, m->reason, sizeof(m->reason));
		b->info[m->locate].breach_cnt = b->breach_cnt;
		if (m->state == TRADING_OPEN) // collars were the auction's
			set_bands(b, in, 0, 0, 0, 0);
		return what | book_tell(b, in, BOOK_BBO | BOOK_MARK, bbo, mark);
	case MD_MARKET_HALT:
		what = meet_quietly(b, in, m);
		in->market_halted = m->state != TRADING_OPEN;
		return what | book_tell(b, in, BOOK_BBO | BOOK_MARK, bbo, mark);
	case MD_SHORT_SALE:
		what = meet_quietly(b, in, m);
		in->short_sale = m->state;
		return what | book_tell(b, in, BOOK_MARK, bbo, mark);
	case MD_BANDS:
		set_bands(b, in, m->band.lo_px4, m->band.hi_px4, m->px4, m->qty);
		return book_tell(b, in, BOOK_MARK, bbo, mark);
	case MD_MWCB_LEVELS:
		b->mwcb_px8[0] = m->level_px8[0];
		b->mwcb_px8[1] = m->level_px8[1];
		b->mwcb_px8[2] = m->level3_px8;
		return 0;
	case MD_MWCB_BREACH:
		return on_breach(b, m);
	case MD_IPO_QUOTING:
		on_ipo_quoting(b, m);
		return 0;
	case MD_IMBALANCE:
	case MD_RETAIL:
	case MD_LISTING:
		on_announcement(b, in, m);
		return 0;
	default:
		return 0;
	}
}
