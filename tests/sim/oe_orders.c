/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "oe.h"
#include "wire/drop_copy.h"

enum {
	DOLLAR_PX4 = 10000,
	CENT_PX4 = 100,
};

// when orders of the opening and of the closing cross may not be taken back any more: 9:28, 15:55
#define OPENING_LATE_NS ((9 * 3600 + 28 * 60) * NS_PER_SEC)
#define CLOSING_LATE_NS ((15 * 3600 + 55 * 60) * NS_PER_SEC)

uint64_t
oe_order_cnt(const struct oe *oe)
{
	return oe->n.entered;
}

/* --- the orders of the day, by key --- */

static uint32_t
key_hash(const uint8_t key[OE_KEY_LEN])
{
	uint64_t a, b;

	memcpy(&a, key, sizeof(a));
	memcpy(&b, key + sizeof(a), sizeof(b));
	return (uint32_t)(((a ^ b * 31) * 0x9E3779B97F4A7C15ULL) >> 40) & (OE_HASH_ROOM - 1);
}

struct oe_order *
oe_order_find(const struct oe *oe, const uint8_t key[OE_KEY_LEN])
{
	struct oe_order *o = oe->hash[key_hash(key)];

	while (o != NULL && memcmp(o->r.key, key, OE_KEY_LEN) != 0)
		o = o->hash_next;
	return o;
}

struct oe_order *
oe_order_new(struct oe *oe, const struct oe_request *r)
{
	const uint32_t at = key_hash(r->key);
	struct oe_order *o = calloc(1, sizeof(*o));

	if (o == NULL)
		abort(); // a test program: nothing sensible to do
	o->oe = oe;
	o->r = *r;
	o->m.node = MATCH_NONE;
	o->hash_next = oe->hash[at];
	oe->hash[at] = o;
	TAILQ_INSERT_TAIL(&oe->all, o, all_link);
	oe_state_changed(o);
	return o;
}

static void
order_live(struct oe *oe, struct oe_order *o)
{
	o->alive = true;
	TAILQ_INSERT_TAIL(&oe->alive, o, alive_link);
	oe_state_changed(o);
}

static void
order_die(struct oe *oe, struct oe_order *o)
{
	if (!o->alive)
		return;
	match_leave(oe->match, &o->m);
	o->m.open_qty = 0;
	o->alive = false;
	TAILQ_REMOVE(&oe->alive, o, alive_link);
	oe_state_changed(o);
}

/* Takes shares away from an order; with the last one it dies. */
static void
order_cut(struct oe *oe, struct oe_order *o, uint32_t qty, uint8_t reason)
{
	o->m.open_qty -= qty;
	oe_state_changed(o);
	if (o->m.open_qty == 0)
		order_die(oe, o);
	oe->n.canceled++;
	oe_answer_canceled(oe, o, qty, reason);
}

void
oe_cancel_all(struct oe *oe, uint8_t reason)
{
	struct oe_order *o;

	while ((o = TAILQ_FIRST(&oe->alive)) != NULL)
		order_cut(oe, o, o->m.open_qty, reason);
}

/* --- fills --- */

static void
position_add(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4)
{
	struct oe_position *p = &oe->position[o->m.locate];

	if (o->m.side == 'B') {
		p->bought_qty += qty;
		p->bought_ntl4 += (uint64_t)qty * px4;
	} else {
		p->sold_qty += qty;
		p->sold_ntl4 += (uint64_t)qty * px4;
	}
}

static void
position_drop(struct oe *oe, const struct oe_order *o, uint32_t qty, uint32_t px4)
{
	struct oe_position *p = &oe->position[o->m.locate];

	if (o->m.side == 'B') {
		p->bought_qty -= qty;
		p->bought_ntl4 -= (uint64_t)qty * px4;
	} else {
		p->sold_qty -= qty;
		p->sold_ntl4 -= (uint64_t)qty * px4;
	}
}

void
oe_on_fill(void *ctx, struct match_order *m, uint32_t qty, uint32_t px4, uint8_t liquidity,
	   uint64_t match_ref)
{
	struct oe_order *o = (struct oe_order *)m;
	struct oe *oe = o->oe;
	const uint64_t break_every = fault_number(oe->faults, FAULT_break_every);
	const uint64_t correct_every = oe->c.version == OUCH_50
					       ? 0 // has no such message
					       : fault_number(oe->faults, FAULT_correct_every);

	if (m->peg == 'M' || m->peg == 'm')
		liquidity = liquidity == 'A' ? 'k' : 'm';
	o->done_qty += qty;
	oe_state_changed(o);
	oe->n.executions++;
	oe->n.executed_pegged += m->peg != 0;
	oe->n.executed_cross += m->list == MATCH_WAITING;
	oe->n.executed_qty += qty;
	position_add(oe, o, qty, px4);
	if (m->open_qty == 0)
		order_die(oe, o);
	oe_answer_executed(oe, o, qty, px4, liquidity, match_ref);
	oe_copy_execution(oe, o, DROP_COPY_EXECUTED, qty, px4, liquidity, match_ref);
	if (correct_every != 0 && oe->n.executions % correct_every == 0) {
		position_drop(oe, o, qty, px4);
		px4 += CENT_PX4;
		position_add(oe, o, qty, px4);
		oe->n.corrected++;
		oe_answer_corrected(oe, o, qty, px4, liquidity, match_ref);
		oe_copy_execution(oe, o, DROP_COPY_CORRECTED, qty, px4, liquidity, match_ref);
	}
	if (break_every != 0 && oe->n.executions % break_every == 0) {
		position_drop(oe, o, qty, px4);
		oe->n.broken++;
		oe_answer_broken(oe, o, match_ref);
		oe_copy_execution(oe, o, DROP_COPY_BROKEN, qty, px4, liquidity, match_ref);
	}
}

void
oe_on_refresh(void *ctx, struct match_order *m)
{
	struct oe_order *o = (struct oe_order *)m;
	struct oe *oe = o->oe;

	oe->n.restated++;
	oe_answer_restated(oe, o, oe->next_order_ref++);
}

/* Whether the order waits for an auction that is too near to take it back. */
static bool
is_late(const struct oe *oe, const struct oe_order *o)
{
	const uint64_t ts_ns = oe->match->ts_ns;

	return o->m.list == MATCH_WAITING && ((o->m.cross == 'O' && ts_ns >= OPENING_LATE_NS) ||
					      (o->m.cross == 'C' && ts_ns >= CLOSING_LATE_NS));
}

/* The whole order is to go: now, or right behind its auction. */
static void
order_withdraw(struct oe *oe, struct oe_order *o)
{
	if (!is_late(oe, o)) {
		order_cut(oe, o, o->m.open_qty, 'U');
		return;
	}
	if (o->cancel_due)
		return;
	o->cancel_due = true;
	oe->n.cancel_pending++;
	oe_answer_cancel_pending(oe, o);
}

/* --- what may be entered --- */

static bool
price_ok(uint64_t px4)
{
	return px4 > 0 && px4 <= OUCH_PX4_MAX && (px4 < DOLLAR_PX4 || px4 % CENT_PX4 == 0);
}

static bool
is_peg(const struct oe_request *r)
{
	return r->price_type != 0 && r->price_type != 'L';
}

/* Auctions this venue has, while they are still to come. */
static bool
cross_ok(const struct oe *oe, const struct oe_request *r, uint16_t locate)
{
	switch (r->cross) {
	case 'N':
	case 'H':
		return true;
	case 'O':
		return !oe->match->symbol[locate].opened;
	case 'C':
		return !oe->match->symbol[locate].closed;
	default:
		return false;
	}
}

static bool
firm_disabled(const struct oe *oe, const char firm[4])
{
	for (unsigned i = 0; i < oe->disabled_firm_cnt; i++) {
		if (memcmp(oe->disabled_firm[i], firm, 4) == 0)
			return true;
	}
	return false;
}

static bool
system_open(const struct oe *oe)
{
	if (oe->c.always_open)
		return true;
	if (oe->day_over)
		return false;
	return !oe->c.hours_told ||
	       (oe->match->system_event != 0 && oe->match->system_event != 'O');
}

static enum oe_reject
judge_enter(const struct oe *oe, const struct oe_request *r)
{
	const uint64_t every = fault_number(oe->faults, FAULT_reject_every);
	const uint16_t locate = match_locate(oe->match, r->symbol);

	if (!system_open(oe))
		return OE_REJECT_CLOSED;
	if (r->options_bad || r->tif_bad)
		return OE_REJECT_OTHER;
	if (strchr("BSTE", r->side) == NULL || r->side == '\0')
		return OE_REJECT_SIDE;
	if (locate == 0)
		return OE_REJECT_SYMBOL;
	if (r->qty == 0)
		return OE_REJECT_QTY;
	if (r->qty > OUCH_QTY_MAX)
		return OE_REJECT_THRESHOLD;
	if (!cross_ok(oe, r, locate))
		return OE_REJECT_CROSS;
	if (is_peg(r) && strchr("MmRP", r->price_type) == NULL)
		return OE_REJECT_PEG_TYPE;
	if (is_peg(r) && r->cross != 'N')
		return OE_REJECT_PEG;
	if (!price_ok(r->px4) && (r->cross == 'N' || r->px4 < MATCH_MARKET_PX4))
		return OE_REJECT_PRICE;
	if (r->display == '\0' ||
	    strchr(oe->c.version == OUCH_50 ? "YNA" : "AYNPLMWImn", r->display) == NULL)
		return OE_REJECT_DISPLAY;
	if (r->capacity == '\0' || strchr("APRO", r->capacity) == NULL)
		return OE_REJECT_OTHER;
	if (r->min_qty > r->qty)
		return OE_REJECT_MIN_QTY;
	if (firm_disabled(oe, r->firm))
		return OE_REJECT_FIRM;
	if (r->cross == 'N' && !match_trading(oe->match, locate))
		return OE_REJECT_HALTED;
	if (every != 0 && oe->n.entered % every == 0)
		return OE_REJECT_OTHER;
	return OE_REJECT_NONE;
}

/* A number already used, or one that must not come back. */
static bool
key_spent(const struct oe *oe, const struct oe_request *r, const uint8_t key[OE_KEY_LEN])
{
	if (oe->c.version == OUCH_50)
		return r->user_ref < oe->next_user_ref[r->channel];
	return oe_order_find(oe, key) != NULL;
}

static void
key_spend(struct oe *oe, const struct oe_request *r)
{
	if (oe->c.version == OUCH_50)
		oe->next_user_ref[r->channel] = (uint64_t)r->user_ref + 1;
}

/* --- requests --- */

/* An accepted order meets the book: what it takes, and what remains of it. */
static void
order_work(struct oe *oe, struct oe_order *o)
{
	uint64_t has_qty;

	if (o->m.cross != 0) {
		match_wait(oe->match, &o->m);
		return;
	}
	if (o->m.peg != 0) {
		match_peg(oe->match, &o->m);
		if (o->alive && o->r.tif == OE_TIF_IOC)
			order_cut(oe, o, o->m.open_qty, 'I');
		return;
	}
	if (o->r.post_only) { // what nobody sees may be locked
		if (match_displayed(oe->match, o->m.locate, o->m.side, o->m.px4) > 0) {
			order_cut(oe, o, o->m.open_qty, 'G');
			return;
		}
		match_rest(oe->match, &o->m);
		match_trade_now(oe->match, o->m.locate, o->m.side == 'B' ? 'S' : 'B');
		return;
	}
	has_qty = match_available(oe->match, o->m.locate, o->m.side, o->m.px4);
	if (has_qty > 0 && has_qty >= o->r.min_qty)
		match_take(oe->match, &o->m);
	if (o->alive && o->r.tif == OE_TIF_IOC)
		order_cut(oe, o, o->m.open_qty, 'I');
	else if (o->alive)
		match_rest(oe->match, &o->m);
	match_repeg(oe->match, o->m.locate);
}

/* Its auction is over: the day's orders for the opening and after a halt go on in the book. */
void
oe_on_cross(void *ctx, struct match_order *m)
{
	struct oe_order *o = (struct oe_order *)m;
	struct oe *oe = o->oe;

	if (o->cancel_due)
		order_cut(oe, o, m->open_qty, 'U');
	else if (o->r.cross == 'C')
		order_cut(oe, o, m->open_qty, 'E');
	else if (o->r.tif == OE_TIF_IOC || m->px4 >= MATCH_MARKET_PX4)
		order_cut(oe, o, m->open_qty, 'I');
	else if (!match_trading(oe->match, m->locate))
		order_cut(oe, o, m->open_qty, 'H');
	else
		order_work(oe, o);
}

static void
order_begin(struct oe *oe, struct oe_order *o, uint16_t locate, uint32_t open_qty)
{
	o->m.locate = locate;
	o->m.side = o->r.side == 'B' ? 'B' : 'S';
	o->m.px4 = (uint32_t)o->r.px4;
	o->m.open_qty = open_qty;
	o->m.limit_px4 = o->m.px4;
	o->m.peg = is_peg(&o->r) ? o->r.price_type : 0;
	o->m.peg_offset_px4 = o->r.peg_offset_px4;
	o->m.hidden =
		o->r.display == 'N' || o->r.display == 'n' || o->m.peg == 'M' || o->m.peg == 'm';
	o->m.trade_now = o->r.trade_now;
	o->m.cross = o->r.cross != 'N' ? o->r.cross : 0;
	o->m.imbalance_only = o->r.imbalance_only;
	if (o->r.display != 'N') // what nobody sees has nothing to show
		o->m.floor_qty = o->r.max_floor_qty;
	o->order_ref = oe->next_order_ref++;
	if (o->r.tif == OE_TIF_TIMED)
		o->expires_ns = oe->now_ns + o->r.live_s * NS_PER_SEC;
}

void
oe_enter(struct oe *oe, const struct oe_request *r)
{
	const uint64_t dead_every = fault_number(oe->faults, FAULT_accept_dead);
	enum oe_reject why;
	struct oe_order *o;

	if (key_spent(oe, r, r->key)) {
		oe->n.entered_ignored++;
		return;
	}
	key_spend(oe, r);
	oe->n.entered++;
	o = oe_order_new(oe, r);
	why = judge_enter(oe, r);
	if (why != OE_REJECT_NONE) {
		oe->n.rejected++;
		oe_answer_rejected(oe, r, why);
		return;
	}
	order_begin(oe, o, match_locate(oe->match, r->symbol), r->qty);
	oe->n.accepted++;
	if (dead_every != 0 && oe->n.entered % dead_every == 0) {
		oe->n.accepted_dead++;
		oe_answer_accepted(oe, o, true);
		o->m.open_qty = 0;
		return;
	}
	order_live(oe, o);
	oe_answer_accepted(oe, o, false);
	order_work(oe, o);
}

/* Side, symbol and so on are the original's; the rest is the request's. */
static struct oe_request
request_inherit(const struct oe_request *orig, const struct oe_request *r)
{
	struct oe_request n = *r;

	if (n.side == 0)
		n.side = orig->side;
	memcpy(n.symbol, orig->symbol, sizeof(n.symbol));
	memcpy(n.firm, orig->firm, sizeof(n.firm));
	n.capacity = orig->capacity;
	n.cross = orig->cross;
	n.customer = orig->customer;
	n.group_id = orig->group_id;
	return n;
}

void
oe_replace(struct oe *oe, const struct oe_request *r)
{
	struct oe_order *orig = oe_order_find(oe, r->orig_key);
	struct oe_request merged;
	struct oe_order *o;

	if (orig == NULL || !orig->alive || key_spent(oe, r, r->key)) {
		oe->n.replace_ignored++;
		return;
	}
	merged = request_inherit(&orig->r, r);
	if (is_late(oe, orig)) { // it stays in its auction
		key_spend(oe, r);
		oe_order_new(oe, &merged);
		oe->n.rejected++;
		oe_answer_rejected(oe, &merged, OE_REJECT_CROSS);
		return;
	}
	// details that cannot be: the original goes, the new number stays free
	if (r->qty == 0 || r->qty > OUCH_QTY_MAX || r->qty <= orig->done_qty ||
	    (!price_ok(r->px4) && (merged.cross == 'N' || r->px4 < MATCH_MARKET_PX4)) ||
	    r->tif_bad || r->options_bad || (merged.side == 'B') != (orig->r.side == 'B')) {
		order_cut(oe, orig, orig->m.open_qty, 'U');
		return;
	}
	key_spend(oe, r);
	o = oe_order_new(oe, &merged);
	o->done_qty = orig->done_qty;
	order_begin(oe, o, orig->m.locate, r->qty - orig->done_qty);
	if (orig->m.cross == 0)
		o->m.cross = 0; // its auction is over
	order_die(oe, orig);
	order_live(oe, o);
	oe->n.replaced++;
	oe_answer_replaced(oe, o, orig, false);
	if (match_trading(oe->match, o->m.locate) || o->m.cross != 0 || o->m.peg != 0)
		order_work(oe, o);
	else
		match_rest(oe->match, &o->m);
}

void
oe_cancel(struct oe *oe, const struct oe_request *r)
{
	struct oe_order *o = oe_order_find(oe, r->key);
	uint32_t keep_qty;

	if (o == NULL || !o->alive) {
		oe->n.cancel_ignored++;
		return;
	}
	keep_qty = r->qty > o->done_qty ? r->qty - o->done_qty : 0;
	if (keep_qty >= o->m.open_qty) {
		oe->n.cancel_ignored++;
		return;
	}
	if (keep_qty == 0) {
		order_withdraw(oe, o);
		return;
	}
	if (is_late(oe, o)) {
		if (!o->cancel_refused) {
			o->cancel_refused = true;
			oe->n.cancel_refused++;
			oe_answer_cancel_refused(oe, o);
		}
		return;
	}
	order_cut(oe, o, o->m.open_qty - keep_qty, 'U');
}

/* Which changes of the side letter a version allows. */
static bool
modify_side_ok(enum ouch_version version, uint8_t from, uint8_t to)
{
	if (from == to || to == 0)
		return true;
	if (version == OUCH_50)
		return (from == 'S' && (to == 'E' || to == 'T')) || (from == 'E' && to == 'T');
	return from != 'B' && to != '\0' && strchr("STE", to) != NULL;
}

void
oe_modify(struct oe *oe, const struct oe_request *r)
{
	struct oe_order *o = oe_order_find(oe, r->key);
	uint32_t keep_qty;

	if (o == NULL || !o->alive || !modify_side_ok(oe->c.version, o->r.side, r->side)) {
		oe->n.cancel_ignored++;
		return;
	}
	keep_qty = r->qty > o->done_qty ? r->qty - o->done_qty : 0;
	if (keep_qty == 0) {
		order_cut(oe, o, o->m.open_qty, 'U');
		return;
	}
	if (keep_qty < o->m.open_qty)
		o->m.open_qty = keep_qty;
	if (r->side != 0)
		o->r.side = r->side;
	oe->n.modified++;
	oe_state_changed(o);
	oe_answer_modified(oe, o);
}

void
oe_mass_cancel(struct oe *oe, const struct oe_request *r)
{
	static const char BLANK[8] = { ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ' };
	struct oe_order *o, *next;

	if (key_spent(oe, r, r->key)) {
		oe->n.cancel_ignored++;
		return;
	}
	key_spend(oe, r);
	oe_answer_mass_canceled(oe, r);
	for (o = TAILQ_FIRST(&oe->alive); o != NULL; o = next) {
		next = TAILQ_NEXT(o, alive_link);
		if (o->r.channel != r->channel || memcmp(o->r.firm, r->firm, 4) != 0 ||
		    (memcmp(r->symbol, BLANK, 8) != 0 && memcmp(r->symbol, o->r.symbol, 8) != 0) ||
		    (r->side != 0 && r->side != o->r.side) ||
		    (r->group_id != 0 && r->group_id != o->r.group_id))
			continue;
		order_withdraw(oe, o);
	}
}

void
oe_trade_now(struct oe *oe, const struct oe_request *r)
{
	struct oe_order *o = oe_order_find(oe, r->key);

	if (o == NULL || !o->alive || o->m.node == MATCH_NONE)
		return;
	oe->n.traded_now++;
	oe_answer_trade_now(oe, o);
	if (match_available(oe->match, o->m.locate, o->m.side, o->m.px4) != 0)
		match_take(oe->match, &o->m);
}

void
oe_entry_switch(struct oe *oe, const struct oe_request *r, bool enable)
{
	if (key_spent(oe, r, r->key)) {
		oe->n.cancel_ignored++;
		return;
	}
	key_spend(oe, r);
	for (unsigned i = 0; enable && i < oe->disabled_firm_cnt; i++) {
		if (memcmp(oe->disabled_firm[i], r->firm, 4) != 0)
			continue;
		memcpy(oe->disabled_firm[i], oe->disabled_firm[--oe->disabled_firm_cnt], 4);
		i--;
	}
	if (!enable && !firm_disabled(oe, r->firm) &&
	    oe->disabled_firm_cnt < ARRAY_CNT(oe->disabled_firm))
		memcpy(oe->disabled_firm[oe->disabled_firm_cnt++], r->firm, 4);
	oe_answer_entry_switched(oe, r, enable);
}

/* --- time --- */

void
oe_on_time(struct oe *oe, uint64_t now_ns)
{
	struct oe_order *o, *next;

	oe->now_ns = now_ns;
	for (o = TAILQ_FIRST(&oe->alive); o != NULL; o = next) {
		next = TAILQ_NEXT(o, alive_link);
		if (o->expires_ns != 0 && now_ns >= o->expires_ns)
			order_cut(oe, o, o->m.open_qty, 'T');
	}
}

void
oe_on_system_event(struct oe *oe, uint8_t event)
{
	struct oe_order *o, *next;

	if (event == 'M') {
		for (o = TAILQ_FIRST(&oe->alive); o != NULL; o = next) {
			next = TAILQ_NEXT(o, alive_link);
			if (o->r.tif == OE_TIF_DAY && o->m.list != MATCH_WAITING)
				order_cut(oe, o, o->m.open_qty, 'E');
		}
	}
	if (event == 'E' || event == 'C') {
		oe_cancel_all(oe, 'E');
		oe->day_over = true;
	}
	if (event == 'O' || event == 'S' || event == 'Q')
		oe->day_over = false;
}
