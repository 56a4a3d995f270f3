/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"
#include "day_internal.h"

void
day_emit_system_event(struct day *d, uint8_t event)
{
	struct itch50_system_event *m = day_emit(d, 'S', 0);

	m->event = event;
}

void
day_emit_directory(struct day *d, uint32_t sym)
{
	struct itch50_stock_directory *m = day_emit(d, 'R', locate_of(sym));

	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->market_category = "QGSNAPZ"[rng_below(&d->rng, 7)];
	m->financial_status = 'N';
	m->round_lot_qty = be32_of(100);
	m->round_lots_only = 'N';
	m->issue_class = 'C';
	memcpy(m->issue_subtype, "Z ", 2);
	m->authenticity = 'P';
	m->short_sale_threshold = 'N';
	m->ipo_flag = 'N';
	m->luld_tier = sym < 1000 ? '1' : '2';
	m->etp_flag = 'N';
	m->etp_leverage = be32_of(0);
	m->inverse = 'N';
}

void
day_emit_action(struct day *d, uint32_t sym, uint8_t state, const char reason[4])
{
	struct itch50_trading_action *m = day_emit(d, 'H', locate_of(sym));

	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->state = state;
	m->reserved = ' ';
	memcpy(m->reason, reason, sizeof(m->reason));
	d->symbol[sym].state = state;
}

void
day_emit_reg_sho(struct day *d, uint32_t sym, uint8_t action)
{
	struct itch50_reg_sho *m = day_emit(d, 'Y', locate_of(sym));

	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->action = action;
}

void
day_emit_position(struct day *d, uint32_t sym)
{
	struct itch50_participant_position *m = day_emit(d, 'L', locate_of(sym));

	memcpy(m->mpid, "SIMA", 4);
	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->primary = 'Y';
	m->mode = 'N';
	m->state = 'A';
}

void
day_emit_cross(struct day *d, uint32_t sym, uint8_t cross)
{
	const struct day_symbol *s = &d->symbol[sym];
	struct itch50_cross_trade *m = day_emit(d, 'Q', locate_of(sym));

	m->qty = be64_of(sym < d->c.symbol_cnt / 2 + 1 ? 100 * rng_below(&d->rng, 10000) : 0);
	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->px4 = be32_of(tick_px4(s, s->bid_tick));
	m->match_ref = be64_of(day_match_next(d, sym));
	m->cross = cross;
}

void
day_emit_trade(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	struct itch50_trade *m = day_emit(d, 'P', locate_of(sym));

	m->order_ref = be64_of(0);
	m->side = 'B';
	m->qty = be32_of(day_pick_qty(d));
	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->px4 = be32_of(tick_px4(s, s->bid_tick) + s->step_px4 / 2);
	m->match_ref = be64_of(day_match_next(d, sym));
}

static void
emit_noii(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	const uint32_t px4 = tick_px4(s, s->bid_tick);
	struct itch50_noii *m = day_emit(d, 'I', locate_of(sym));

	m->paired_qty = be64_of(100 * rng_below(&d->rng, 5000));
	m->imbalance_qty = be64_of(100 * rng_below(&d->rng, 500));
	m->direction = "BSN"[rng_below(&d->rng, 3)];
	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->far_px4 = be32_of(px4 - s->step_px4);
	m->near_px4 = be32_of(px4 + s->step_px4);
	m->ref_px4 = be32_of(px4);
	m->cross = d->phase == PHASE_PRE ? 'O' : 'C';
	m->variation = 'L';
}

static void
emit_collar(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	const uint32_t px4 = tick_px4(s, s->bid_tick);
	struct itch50_luld_collar *m = day_emit(d, 'J', locate_of(sym));

	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->ref_px4 = be32_of(px4);
	m->upper_px4 = be32_of(px4 + px4 / 10);
	m->lower_px4 = be32_of(px4 - px4 / 10);
	m->extension = be32_of(0);
}

/* One message of a pause and its reopening; the steps of one symbol follow over the day. */
static bool
emit_halt_step(struct day *d)
{
	const uint32_t first = d->c.halts_named ? 0 : d->c.named_cnt;

	if (d->halted_sym == NONE) {
		if (first >= d->c.symbol_cnt)
			return false;
		d->halted_sym = (int32_t)(first + rng_below(&d->rng, d->c.symbol_cnt - first));
		d->halt_step = 0;
	}
	switch (d->halt_step++) {
	case 0:
		day_emit_action(d, (uint32_t)d->halted_sym, 'P', "LUDP");
		return true;
	case 1:
		emit_collar(d, (uint32_t)d->halted_sym);
		return true;
	case 2:
		day_emit_action(d, (uint32_t)d->halted_sym, 'Q', "T7  ");
		return true;
	case 3:
		day_emit_cross(d, (uint32_t)d->halted_sym, 'H');
		return true;
	default:
		day_emit_action(d, (uint32_t)d->halted_sym, 'T', "    ");
		d->halted_sym = NONE;
		return true;
	}
}

static void
emit_operational_halt(struct day *d)
{
	const bool resume = d->op_halted_sym != NONE;
	const uint32_t sym = resume ? (uint32_t)d->op_halted_sym : d->c.symbol_cnt - 1;
	struct itch50_operational_halt *m = day_emit(d, 'h', locate_of(sym));

	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->market = 'X'; // not our market: trading goes on
	m->action = resume ? 'T' : 'H';
	d->op_halted_sym = resume ? NONE : (int32_t)sym;
}

static void
emit_direct_listing(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	const uint32_t px4 = tick_px4(s, s->bid_tick);
	struct itch50_direct_listing *m = day_emit(d, 'O', locate_of(sym));

	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->open_eligible = 'N';
	m->min_px4 = be32_of(px4 - px4 / 5);
	m->max_px4 = be32_of(px4 + px4 / 5 * 4);
	m->near_px4 = be32_of(px4);
	m->near_ts_ns = be64_of(d->ts_1024 >> 10);
	m->lower_px4 = be32_of(px4 - px4 / 10);
	m->upper_px4 = be32_of(px4 + px4 / 10);
}

static void
emit_ipo_quoting(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	struct itch50_ipo_quoting *m = day_emit(d, 'K', 0);

	memcpy(m->symbol, s->symbol, sizeof(m->symbol));
	m->release_s = be32_of((uint32_t)((d->ts_1024 >> 10) / NS_PER_SEC) + 600);
	m->qualifier = 'A';
	m->px4 = be32_of(tick_px4(s, s->bid_tick));
}

static void
emit_broken(struct day *d)
{
	const uint32_t kept = d->match_kept_cnt < MATCH_KEPT ? d->match_kept_cnt : MATCH_KEPT;
	const uint32_t at = rng_below(&d->rng, kept);
	struct itch50_broken_trade *m = day_emit(d, 'B', d->match_kept[at].locate);

	m->match_ref = be64_of(d->match_kept[at].match);
}

void
day_emit_other(struct day *d, uint32_t sym)
{
	const uint32_t x = rng_below(&d->rng, 1000);
	struct itch50_rpii *n;

	if (x >= 700 && x < 860) {
		emit_noii(d, sym);
	} else if (x >= 860 && x < 880 && d->match_kept_cnt > 0) {
		emit_broken(d);
	} else if (x >= 880 && x < 900) {
		day_emit_position(d, sym);
	} else if (x >= 900 && x < 920) {
		day_emit_reg_sho(d, sym, (uint8_t)('0' + x % 3));
	} else if (x >= 920 && x < 930) {
		emit_operational_halt(d);
	} else if (x >= 930 && x < 970 && d->phase == PHASE_MARKET && emit_halt_step(d)) {
	} else if (x >= 970 && x < 985) {
		n = day_emit(d, 'N', locate_of(sym));
		memcpy(n->symbol, d->symbol[sym].symbol, sizeof(n->symbol));
		n->interest = "BSAN"[x % 4];
	} else if (x >= 985 && x < 992) {
		emit_ipo_quoting(d, d->c.symbol_cnt - 1);
	} else if (x >= 992) {
		emit_direct_listing(d, d->c.symbol_cnt - 1);
	} else {
		day_emit_trade(d, sym);
	}
}
