/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "day_internal.h"

static int
alias_init(struct alias *a, const uint64_t *weight, uint32_t cnt)
{
	unsigned __int128 sum = 0;
	uint32_t small_cnt = 0, large_cnt = 0;
	uint32_t *small, *large;
	uint64_t *scaled;

	a->cnt = cnt;
	a->keep = calloc(cnt, sizeof(*a->keep));
	a->other = calloc(cnt, sizeof(*a->other));
	scaled = calloc(cnt, sizeof(*scaled));
	small = calloc(cnt, sizeof(*small));
	large = calloc(cnt, sizeof(*large));
	if (a->keep == NULL || a->other == NULL || scaled == NULL || small == NULL ||
	    large == NULL) {
		free(scaled);
		free(small);
		free(large);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cnt; i++)
		sum += weight[i];
	for (uint32_t i = 0; i < cnt; i++) {
		scaled[i] = (uint64_t)(((unsigned __int128)weight[i] * cnt << 32) / sum);
		if (scaled[i] >> 32 == 0)
			small[small_cnt++] = i;
		else
			large[large_cnt++] = i;
	}
	while (small_cnt > 0 && large_cnt > 0) {
		const uint32_t s = small[--small_cnt], l = large[large_cnt - 1];

		a->keep[s] = (uint32_t)scaled[s];
		a->other[s] = l;
		scaled[l] -= (1ULL << 32) - scaled[s];
		if (scaled[l] >> 32 == 0) {
			large_cnt--;
			small[small_cnt++] = l;
		}
	}
	while (large_cnt > 0) {
		const uint32_t l = large[--large_cnt];

		a->keep[l] = UINT32_MAX;
		a->other[l] = l;
	}
	while (small_cnt > 0) { // what rounding left over
		const uint32_t s = small[--small_cnt];

		a->keep[s] = UINT32_MAX;
		a->other[s] = s;
	}
	free(scaled);
	free(small);
	free(large);
	return 0;
}

static void
alias_fini(struct alias *a)
{
	free(a->keep);
	free(a->other);
}

static inline uint32_t
alias_pick(const struct alias *a, struct rng *r)
{
	const uint64_t x = rng_next(r);
	const uint32_t i = (uint32_t)(((x >> 32) * a->cnt) >> 32);

	return (uint32_t)x <= a->keep[i] ? i : a->other[i];
}

/* --- the book --- */

static inline uint8_t
slot_of(int32_t tick)
{
	return (uint8_t)((uint32_t)tick % LADDER_SLOTS);
}

static inline struct day_level *
level_of(struct day *d, uint32_t sym, uint8_t slot)
{
	return &d->level[(size_t)sym * LADDER_SLOTS + slot];
}

static inline bool
level_has(const struct day_symbol *s, int32_t tick)
{
	const uint8_t slot = slot_of(tick);

	return s->bits[slot / 64] >> (slot % 64) & 1;
}

/* The first tick at or below from that holds an order, at most LADDER_REACH away; or NONE. */
static int32_t
tick_down(const struct day_symbol *s, int32_t from)
{
	for (int32_t gone = 0; gone <= LADDER_REACH;) {
		const uint8_t slot = slot_of(from - gone);
		const uint64_t word = s->bits[slot / 64] << (63 - slot % 64);

		if (word != 0) {
			gone += __builtin_clzll(word);
			return gone <= LADDER_REACH ? from - gone : NONE;
		}
		gone += slot % 64 + 1;
	}
	return NONE;
}

static int32_t
tick_up(const struct day_symbol *s, int32_t from)
{
	for (int32_t gone = 0; gone <= LADDER_REACH;) {
		const uint8_t slot = slot_of(from + gone);
		const uint64_t word = s->bits[slot / 64] >> (slot % 64);

		if (word != 0) {
			gone += __builtin_ctzll(word);
			return gone <= LADDER_REACH ? from + gone : NONE;
		}
		gone += 64 - slot % 64;
	}
	return NONE;
}

static void
level_put(struct day *d, int32_t idx)
{
	struct day_order *o = &d->order[idx];
	struct day_level *l = level_of(d, o->sym, o->slot);

	o->next = NONE;
	o->prev = l->tail;
	if (l->tail != NONE)
		d->order[l->tail].next = idx;
	else
		l->head = idx;
	l->tail = idx;
	d->symbol[o->sym].bits[o->slot / 64] |= 1ULL << (o->slot % 64);
}

static void
level_take(struct day *d, int32_t idx)
{
	struct day_order *o = &d->order[idx];
	struct day_level *l = level_of(d, o->sym, o->slot);

	if (o->prev != NONE)
		d->order[o->prev].next = o->next;
	else
		l->head = o->next;
	if (o->next != NONE)
		d->order[o->next].prev = o->prev;
	else
		l->tail = o->prev;
	if (l->head == NONE)
		d->symbol[o->sym].bits[o->slot / 64] &= ~(1ULL << (o->slot % 64));
}

static int32_t
order_new(struct day *d)
{
	const int32_t idx = d->free_head;
	struct day_order *o = &d->order[idx];

	d->free_head = o->next;
	o->live_idx = d->live_cnt;
	d->live[d->live_cnt++] = idx;
	return idx;
}

static void
order_die(struct day *d, int32_t idx)
{
	struct day_order *o = &d->order[idx];
	const int32_t moved = d->live[--d->live_cnt];

	level_take(d, idx);
	d->live[o->live_idx] = moved;
	d->order[moved].live_idx = o->live_idx;
	o->next = d->free_head;
	d->free_head = idx;
}

/* --- choices --- */

static uint32_t
pick_symbol(struct day *d)
{
	if (rng_below(&d->rng, 1000) >= d->c.burst_permille)
		d->last_sym = alias_pick(&d->by_rank, &d->rng);
	return d->last_sym;
}

/* Near the touch mostly: half at it, a quarter two ticks away, ...; an eighth anywhere. */
static int32_t
pick_depth(struct day *d)
{
	const uint64_t x = rng_next(&d->rng);

	if ((x & 7) == 0)
		return (int32_t)((x >> 32) % DEPTH_MAX);
	return 2 * __builtin_ctzll(x >> 8 | 1ULL << 16) + (int32_t)(x >> 40 & 1);
}

/* Lets the touch walk when its way is free. */
static void
walk(struct day *d, struct day_symbol *s)
{
	const uint64_t x = rng_next(&d->rng);

	if ((x & 63) == 0) {
		const int32_t away = s->bid_tick - s->ref_tick;
		const int32_t pull = away > 400 ? -1 : away < -400 ? 1 : 0;

		s->drift = (int8_t)((int32_t)(x >> 32) % 3 - 1);
		if ((x & 64) != 0 && pull != 0)
			s->drift = (int8_t)pull;
	}
	if ((x >> 6 & 7) != 0 || s->drift == 0)
		return;
	if (s->drift > 0) {
		if (level_has(s, s->bid_tick + 1) || level_has(s, s->bid_tick - LADDER_REACH) ||
		    tick_px4(s, s->bid_tick + LADDER_SLOTS) > ITCH50_PX4_MAX / 2)
			return;
		s->bid_tick++;
	} else {
		if (level_has(s, s->bid_tick) || level_has(s, s->bid_tick + 1 + LADDER_REACH) ||
		    s->bid_tick <= TICK_FLOOR)
			return;
		s->bid_tick--;
	}
}

/* An order of this symbol to be deleted, canceled or replaced; NONE when it has none. */
static int32_t
pick_order_of(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	const uint64_t x = rng_next(&d->rng);
	const int32_t depth = pick_depth(d);
	const struct day_level *l;
	int32_t tick = NONE;

	if (s->drift > 0 && (x & 1) && level_has(s, s->bid_tick - LADDER_REACH))
		tick = s->bid_tick - LADDER_REACH; // would fall out of the window
	else if (s->drift > 0 && (x & 2) && level_has(s, s->bid_tick + 1))
		tick = s->bid_tick + 1; // in the way
	else if (s->drift < 0 && (x & 1) && level_has(s, s->bid_tick + 1 + LADDER_REACH))
		tick = s->bid_tick + 1 + LADDER_REACH;
	else if (s->drift < 0 && (x & 2) && level_has(s, s->bid_tick))
		tick = s->bid_tick;
	else if (x & 4)
		tick = tick_down(s, s->bid_tick - depth);
	else
		tick = tick_up(s, s->bid_tick + 1 + depth);
	// the scans above may run past the far side's window: what they find is an order all the
	// same
	if (tick == NONE)
		tick = tick_down(s, s->bid_tick);
	if (tick == NONE)
		tick = tick_up(s, s->bid_tick + 1);
	if (tick == NONE)
		return NONE;
	l = level_of(d, sym, slot_of(tick));
	return x & 8 ? l->head : l->tail;
}

static int32_t
pick_order(struct day *d)
{
	const uint32_t sym = pick_symbol(d);
	int32_t idx = NONE;

	walk(d, &d->symbol[sym]);
	if (rng_next(&d->rng) & 1)
		idx = pick_order_of(d, sym);
	if (idx == NONE && d->live_cnt > 0)
		idx = d->live[rng_below(&d->rng, d->live_cnt)];
	return idx;
}

/* --- events, one message each; false when this event is impossible now --- */

static void
order_place(struct day *d, struct day_order *o)
{
	struct day_symbol *s = &d->symbol[o->sym];
	int32_t depth = pick_depth(d);
	int32_t tick;

	if (d->c.crossed && rng_below(&d->rng, 2000) == 0)
		depth = -3; // through the touch
	tick = o->side == 'B' ? s->bid_tick - depth : s->bid_tick + 1 + depth;
	o->slot = slot_of(tick);
	o->px4 = tick_px4(s, tick);
	o->qty = day_pick_qty(d);
	o->ref = d->next_ref;
	d->next_ref += 1 + rng_below(&d->rng, 4);
}

static bool
event_add(struct day *d)
{
	const uint32_t sym = pick_symbol(d);
	struct itch50_add_order *m;
	struct day_order *o;
	uint64_t x;
	int32_t idx;

	if (d->free_head == NONE)
		return false;
	walk(d, &d->symbol[sym]);
	x = rng_next(&d->rng);
	idx = order_new(d);
	o = &d->order[idx];
	o->sym = (uint16_t)sym;
	o->side = x & 1 ? 'B' : 'S';
	order_place(d, o);
	level_put(d, idx);
	if ((x >> 1 & 31) == 0) {
		struct itch50_add_order_mpid *f = day_emit(d, 'F', locate_of(sym));

		memcpy(f->mpid, &"SIMASIMBSIMCSIMD"[4 * (x >> 6 & 3)], 4);
		m = &f->add;
	} else {
		m = day_emit(d, 'A', locate_of(sym));
	}
	m->order_ref = be64_of(o->ref);
	m->side = o->side;
	m->qty = be32_of(o->qty);
	memcpy(m->symbol, d->symbol[sym].symbol, sizeof(m->symbol));
	m->px4 = be32_of(o->px4);
	return true;
}

static bool
event_delete(struct day *d)
{
	const int32_t idx = pick_order(d);
	struct itch50_order_delete *m;

	if (idx == NONE)
		return false;
	m = day_emit(d, 'D', locate_of(d->order[idx].sym));
	m->order_ref = be64_of(d->order[idx].ref);
	order_die(d, idx);
	return true;
}

static bool
event_replace(struct day *d)
{
	const int32_t idx = pick_order(d);
	struct itch50_order_replace *m;
	struct day_order *o;

	if (idx == NONE)
		return false;
	o = &d->order[idx];
	m = day_emit(d, 'U', locate_of(o->sym));
	m->orig_ref = be64_of(o->ref);
	level_take(d, idx);
	order_place(d, o);
	level_put(d, idx);
	m->new_ref = be64_of(o->ref);
	m->qty = be32_of(o->qty);
	m->px4 = be32_of(o->px4);
	return true;
}

static bool
event_cancel(struct day *d)
{
	struct itch50_order_cancel *m;
	struct day_order *o;
	int32_t idx = NONE;
	uint32_t cut_qty;

	for (unsigned tries = 0; tries < 8; tries++) {
		idx = pick_order(d);
		if (idx == NONE || d->order[idx].qty > 1)
			break;
	}
	if (idx == NONE || d->order[idx].qty <= 1)
		return false;
	o = &d->order[idx];
	cut_qty = o->qty > 100 ? 100 * (1 + rng_below(&d->rng, (o->qty - 1) / 100))
			       : 1 + rng_below(&d->rng, o->qty - 1);
	m = day_emit(d, 'X', locate_of(o->sym));
	m->order_ref = be64_of(o->ref);
	m->qty = be32_of(cut_qty);
	o->qty -= cut_qty;
	return true;
}

/* The best order of the side that the drift wants out of its way, else of a random side. */
static int32_t
pick_touch(struct day *d, uint32_t sym)
{
	const struct day_symbol *s = &d->symbol[sym];
	const bool ask = s->drift > 0 || (s->drift == 0 && (rng_next(&d->rng) & 1));
	int32_t tick = ask ? tick_up(s, s->bid_tick + 1) : tick_down(s, s->bid_tick);

	if (tick == NONE)
		tick = ask ? tick_down(s, s->bid_tick) : tick_up(s, s->bid_tick + 1);
	return tick == NONE ? NONE : level_of(d, sym, slot_of(tick))->head;
}

static bool
event_execute(struct day *d)
{
	struct day_order *o;
	int32_t idx = NONE;
	uint32_t qty;
	uint64_t x;

	for (unsigned tries = 0; tries < 8 && idx == NONE && d->live_cnt > 0; tries++) {
		const uint32_t sym =
			tries < 4 ? pick_symbol(d)
				  : d->order[d->live[rng_below(&d->rng, d->live_cnt)]].sym;

		walk(d, &d->symbol[sym]);
		if (d->symbol[sym].state == 'T')
			idx = pick_touch(d, sym);
	}
	if (idx == NONE)
		return false;
	o = &d->order[idx];
	x = rng_next(&d->rng);
	qty = o->qty;
	if (qty > 1 && (x & 1))
		qty = qty > 100 ? 100 * (1 + (uint32_t)(x >> 32) % ((qty - 1) / 100))
				: 1 + (uint32_t)(x >> 32) % (qty - 1);
	if ((x >> 1) % 24 == 0) {
		struct itch50_order_executed_at_price *m = day_emit(d, 'C', locate_of(o->sym));

		m->order_ref = be64_of(o->ref);
		m->qty = be32_of(qty);
		m->match_ref = be64_of(day_match_next(d, o->sym));
		m->printable = x >> 60 ? 'Y' : 'N';
		m->px4 = be32_of(o->side == 'B' ? o->px4 + 50 : o->px4 - 50); // half a cent better
	} else {
		struct itch50_order_executed *m = day_emit(d, 'E', locate_of(o->sym));

		m->order_ref = be64_of(o->ref);
		m->qty = be32_of(qty);
		m->match_ref = be64_of(day_match_next(d, o->sym));
	}
	o->qty -= qty;
	if (o->qty == 0)
		order_die(d, idx);
	return true;
}

/* One message of order flow. */
static void
flow(struct day *d)
{
	enum day_kind kind = alias_pick(&d->by_kind, &d->rng);
	bool done = false;

	// the number of living orders is steered to live_cnt: fewer deletes below, more above
	if (kind == DAY_DELETE && d->live_cnt < d->c.live_cnt && (rng_next(&d->rng) & 3) == 0)
		kind = DAY_ADD;
	if (kind == DAY_ADD && d->live_cnt > d->c.live_cnt && (rng_next(&d->rng) & 31) == 0)
		kind = DAY_DELETE;
	if (kind == DAY_EXECUTE && d->phase != PHASE_MARKET)
		kind = rng_next(&d->rng) & 1 ? DAY_ADD : DAY_DELETE;
	switch (kind) {
	case DAY_ADD:
		done = event_add(d);
		break;
	case DAY_DELETE:
		done = event_delete(d);
		break;
	case DAY_REPLACE:
		done = event_replace(d);
		break;
	case DAY_EXECUTE:
		done = event_execute(d);
		break;
	case DAY_CANCEL:
		done = event_cancel(d);
		break;
	default:
		day_emit_other(d, pick_symbol(d));
		done = true;
	}
	if (!done && !event_add(d) && !event_delete(d))
		day_emit_trade(d, pick_symbol(d));
}

/* --- time --- */

/* -ln(u) * 1024 of a random u, by the position of its highest bit and a straight line below it. */
static uint64_t
exponential_1024(struct rng *r)
{
	const uint64_t x = rng_next(r) | 1;
	const unsigned k = (unsigned)__builtin_clzll(x);
	const uint64_t frac = (x << k << 1) >> 54; // ten bits behind the highest

	return (((uint64_t)k << 10) + 1024 - frac) * 710 >> 10; // ln 2 = 710/1024
}

static void
segment_start(struct day *d, uint64_t from_ns, uint64_t to_ns, uint64_t msg_cnt)
{
	if (d->ts_1024 < from_ns << 10)
		d->ts_1024 = from_ns << 10;
	d->seg_end_1024 = to_ns << 10;
	d->seg_left = msg_cnt;
	d->gap_1024 = 0;
}

static void
time_advance(struct day *d)
{
	uint64_t gap_1024;

	if ((d->seg_left & 255) == 0 || d->gap_1024 == 0)
		d->gap_1024 = (d->seg_end_1024 - d->ts_1024) / (d->seg_left + 1) + 1;
	if (rng_below(&d->rng, 1000) < d->c.burst_permille) {
		gap_1024 = d->gap_1024 >> 6;
	} else {
		gap_1024 = (d->gap_1024 * exponential_1024(&d->rng) >> 10) * 1000 /
			   (1001 - d->c.burst_permille);
	}
	d->ts_1024 += gap_1024;
	if (d->ts_1024 > d->seg_end_1024)
		d->ts_1024 = d->seg_end_1024;
}

/* --- the day --- */

static void
phase_next(struct day *d)
{
	const uint64_t first_ns = d->c.open_ns - d->c.lead_ns;
	const uint64_t close_ns = d->c.open_ns + d->c.session_ns;

	d->phase++;
	d->phase_at = 0;
	switch (d->phase) {
	case PHASE_DIRECTORY: // the spins share the first fifth of the lead
		segment_start(d, first_ns, first_ns + d->c.lead_ns / 5, 4ULL * d->c.symbol_cnt + 2);
		break;
	case PHASE_SYSTEM:
		segment_start(d, first_ns + d->c.lead_ns / 5, first_ns + d->c.lead_ns / 5, 0);
		break;
	case PHASE_PRE:
		segment_start(d, first_ns + d->c.lead_ns / 5, d->c.open_ns, d->pre_cnt);
		break;
	case PHASE_OPEN:
		segment_start(d, d->c.open_ns, d->c.open_ns, 0);
		break;
	case PHASE_OPEN_CROSS:
		segment_start(d, d->c.open_ns, d->c.open_ns + d->c.session_ns / 1000,
			      d->c.symbol_cnt);
		break;
	case PHASE_MARKET:
		segment_start(d, 0, close_ns, d->market_cnt);
		break;
	case PHASE_CLOSE:
		segment_start(d, close_ns, close_ns, 0);
		break;
	case PHASE_CLOSE_CROSS:
		segment_start(d, close_ns, close_ns + d->c.session_ns / 1000, d->c.symbol_cnt);
		break;
	case PHASE_POST:
		segment_start(d, 0, close_ns + d->c.session_ns / 100, d->post_cnt);
		break;
	case PHASE_SYSTEM_END:
		segment_start(d, close_ns + d->c.session_ns / 100, close_ns + d->c.session_ns / 100,
			      0);
		break;
	default:
		break;
	}
}

/* Writes one message of a spin over all symbols; false when it is through. */
static bool
spin(struct day *d)
{
	if (d->phase_at == d->c.symbol_cnt)
		return false;
	time_advance(d);
	switch (d->phase) {
	case PHASE_DIRECTORY:
		day_emit_directory(d, d->phase_at);
		break;
	case PHASE_ACTION:
		day_emit_action(d, d->phase_at, 'T', "    ");
		break;
	case PHASE_REG_SHO:
		day_emit_reg_sho(d, d->phase_at, '0');
		break;
	case PHASE_POSITION:
		day_emit_position(d, d->phase_at);
		break;
	default:
		day_emit_cross(d, d->phase_at, d->phase == PHASE_OPEN_CROSS ? 'O' : 'C');
	}
	d->phase_at++;
	if (d->seg_left > 0)
		d->seg_left--;
	return true;
}

static void
step(struct day *d)
{
	struct itch50_mwcb_levels *v;

	switch (d->phase) {
	case PHASE_START:
		d->ts_1024 = (d->c.open_ns - d->c.lead_ns) << 10;
		day_emit_system_event(d, 'O');
		break;
	case PHASE_DIRECTORY:
	case PHASE_ACTION:
	case PHASE_REG_SHO:
	case PHASE_POSITION:
	case PHASE_OPEN_CROSS:
	case PHASE_CLOSE_CROSS:
		if (spin(d))
			return;
		break;
	case PHASE_MWCB:
		v = day_emit(d, 'V', 0);
		v->level1_px8 = be64_of(418500000000ULL); // 7, 13 and 20 percent below 4,500
		v->level2_px8 = be64_of(391500000000ULL);
		v->level3_px8 = be64_of(360000000000ULL);
		break;
	case PHASE_SYSTEM:
		day_emit_system_event(d, 'S');
		break;
	case PHASE_OPEN:
		day_emit_system_event(d, 'Q');
		break;
	case PHASE_CLOSE:
		day_emit_system_event(d, 'M');
		break;
	case PHASE_SYSTEM_END:
		day_emit_system_event(d, 'E');
		break;
	case PHASE_STOP:
		day_emit_system_event(d, 'C');
		break;
	case PHASE_PRE:
	case PHASE_MARKET:
	case PHASE_POST:
		if (d->seg_left > 0) {
			time_advance(d);
			flow(d);
			d->seg_left--;
			return;
		}
		break;
	case PHASE_END:
		return;
	}
	phase_next(d);
}

size_t
day_fill(struct day *d, uint8_t *buf, size_t room)
{
	uint8_t *const end = buf + room;

	d->out = buf;
	while (d->phase != PHASE_END && (size_t)(end - d->out) >= sizeof(be16) + ITCH50_MSG_LEN_MAX)
		step(d);
	return (size_t)(d->out - buf);
}

uint32_t
day_live_cnt(const struct day *d)
{
	return d->live_cnt;
}

/* --- start --- */

void
day_config_init(struct day_config *c)
{
	*c = (struct day_config){
		.flow_cnt = 1000000,
		.symbol_cnt = 8000,
		.mix = { 4400, 4100, 500, 300, 200, 500 },
		.burst_permille = 300,
		.open_ns = 34200 * NS_PER_SEC,
		.session_ns = 23400 * NS_PER_SEC,
		.lead_ns = 23100 * NS_PER_SEC,
	};
}

static bool
symbol_taken(const struct day_config *c, const char symbol[8])
{
	for (uint32_t i = 0; i < c->named_cnt; i++) {
		if (memcmp(c->named[i].symbol, symbol, 8) == 0)
			return true;
	}
	return false;
}

static void
symbols_init(struct day *d)
{
	uint32_t word = 0;

	for (uint32_t i = 0; i < d->c.symbol_cnt; i++) {
		struct day_symbol *s = &d->symbol[i];
		uint32_t px4 = 0;

		if (i < d->c.named_cnt) {
			memcpy(s->symbol, d->c.named[i].symbol, sizeof(s->symbol));
			px4 = d->c.named[i].px4;
		} else {
			do {
				uint32_t w = word++;

				memcpy(s->symbol, "        ", sizeof(s->symbol));
				for (int k = 3; k >= 0; k--, w /= 26)
					s->symbol[k] = (char)('A' + w % 26);
			} while (symbol_taken(&d->c, s->symbol));
		}
		if (px4 == 0)
			px4 = 100000 + (rng_below(&d->rng, 4900) + 1) * 10 *
					       (1 + rng_below(&d->rng, 100)); // 10 .. 500 dollars
		s->step_px4 = px4 > 2000000 ? 500 : 100;
		s->bid_tick = s->ref_tick = (int32_t)(px4 / s->step_px4);
		s->state = ' ';
	}
	for (size_t i = 0; i < (size_t)d->c.symbol_cnt * LADDER_SLOTS; i++)
		d->level[i] = (struct day_level){ NONE, NONE };
}

static const char *
config_fault(const struct day_config *c)
{
	uint64_t mix_sum = 0;

	for (unsigned k = 0; k < DAY_KIND_CNT; k++)
		mix_sum += c->mix[k];
	if (c->symbol_cnt == 0 || c->symbol_cnt > DAY_SYMBOL_MAX)
		return "symbols must be 1..60000";
	if (c->named_cnt > DAY_NAMED_MAX || c->named_cnt > c->symbol_cnt)
		return "more named symbols than symbols, or more than 256";
	if (mix_sum == 0)
		return "the mix is empty";
	if (c->burst_permille > 999)
		return "burstiness must be 0..999 per mille";
	if (c->lead_ns > c->open_ns)
		return "the lead reaches back beyond midnight";
	if (c->open_ns + c->session_ns + c->session_ns / 50 >= 86400 * NS_PER_SEC)
		return "the session ends after midnight";
	if (c->live_cnt > 50000000 || c->flow_cnt / 50 > 50000000)
		return "more than 50,000,000 live orders";
	for (uint32_t i = 0; i < c->named_cnt; i++) {
		const uint32_t px4 = c->named[i].px4;

		// a ladder needs its room below and above
		if (px4 != 0 && (px4 < 2 * TICK_FLOOR * 100 || px4 > ITCH50_PX4_MAX / 4))
			return "a named symbol's price must be 6..50000 dollars";
	}
	return NULL;
}

static int
tables_init(struct day *d)
{
	uint64_t *rank = calloc(d->c.symbol_cnt, sizeof(*rank));
	uint64_t kind[DAY_KIND_CNT];
	int err;

	if (rank == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->c.symbol_cnt; i++)
		rank[i] = (1ULL << 40) / (i + 1); // Zipf's law
	for (unsigned k = 0; k < DAY_KIND_CNT; k++)
		kind[k] = d->c.mix[k];
	err = alias_init(&d->by_rank, rank, d->c.symbol_cnt);
	free(rank);
	return err != 0 ? err : alias_init(&d->by_kind, kind, DAY_KIND_CNT);
}

struct day *
day_open(const struct day_config *c, const char **why)
{
	struct day *d;

	*why = config_fault(c);
	if (*why != NULL)
		return NULL;
	*why = "out of memory";
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->c = *c;
	if (d->c.live_cnt == 0)
		d->c.live_cnt = (uint32_t)(c->flow_cnt / 50) + 10;
	d->rng.state = c->seed;
	d->next_ref = 1000;
	d->next_match = 500000;
	d->halted_sym = d->op_halted_sym = NONE;
	d->pre_cnt = c->lead_ns > 0 ? c->flow_cnt / 32 : 0;
	d->post_cnt = c->flow_cnt / 100;
	d->market_cnt = c->flow_cnt - d->pre_cnt - d->post_cnt;
	d->live_room = d->c.live_cnt + d->c.live_cnt / 8 + 64;
	d->order = calloc(d->live_room, sizeof(*d->order));
	d->live = calloc(d->live_room, sizeof(*d->live));
	d->symbol = calloc(c->symbol_cnt, sizeof(*d->symbol));
	d->level = calloc((size_t)c->symbol_cnt * LADDER_SLOTS, sizeof(*d->level));
	if (d->order == NULL || d->live == NULL || d->symbol == NULL || d->level == NULL ||
	    tables_init(d) != 0) {
		day_close(d);
		return NULL;
	}
	d->free_head = NONE;
	for (int32_t i = (int32_t)d->live_room - 1; i >= 0; i--) {
		d->order[i].next = d->free_head;
		d->free_head = i;
	}
	symbols_init(d);
	return d;
}

void
day_close(struct day *d)
{
	if (d == NULL)
		return;
	alias_fini(&d->by_rank);
	alias_fini(&d->by_kind);
	free(d->order);
	free(d->live);
	free(d->symbol);
	free(d->level);
	free(d);
}
