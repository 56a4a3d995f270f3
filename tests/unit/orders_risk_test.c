/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decision/risk.h"
#include "egress/orders.h"

/*
 * Risk and orders against a venue of our own, with queues of random delay between all three, as
 * split lanes have them.  Whatever the interleaving of intents, executions, cancels, replaces,
 * rejects, breaks, duplicates and lost connections:
 *
 *   reserved by risk = held by orders + on its way between them, at every step;
 *   what risk may have open is never less than what the venue has open;
 *   when all is quiet, orders equals the venue, and positions equal the venue's executions.
 */
enum {
	IDX_CNT = 4,
	QUEUE_MAX = 4096,
	VENUE_MAX_ORDERS = 1 << 16,
	STEPS = 150000,
};

struct queue {
	uint32_t put, take;
	uint64_t slot[QUEUE_MAX][8];
};

struct venue_order {
	uint32_t open_qty;
	uint32_t done_qty; // executed by the chain
	uint32_t px4;
	uint16_t instr_idx;
	uint8_t side;
	bool live;
};

struct trade {
	uint64_t match_ref;
	uint32_t token;
	uint32_t qty;
	uint16_t instr_idx;
	uint8_t side;
	bool broken;
};

static struct arena arena;
static struct risk r;
static struct risk_limits lim;
static struct orders o;
static struct queue to_orders, to_risk, to_venue, to_us;
static struct venue_order venue[VENUE_MAX_ORDERS];
static uint32_t venue_last;
static struct trade trade[VENUE_MAX_ORDERS];
static uint32_t trade_cnt;
static int64_t venue_position[IDX_CNT];
static uint32_t intent_id;
static uint64_t seed;
static uint64_t now_ns;
static bool connected;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % below);
}

static bool
is_empty(const struct queue *q)
{
	return q->put == q->take;
}

static void
put(struct queue *q, const void *m, size_t bytes)
{
	assert_true(q->put - q->take < QUEUE_MAX);
	memcpy(q->slot[q->put++ % QUEUE_MAX], m, bytes);
}

static void *
take(struct queue *q)
{
	return q->slot[q->take++ % QUEUE_MAX];
}

/* The venue. */

static void
say(struct report rep)
{
	put(&to_us, &rep, sizeof(rep));
	// the same execution again: a replay that overlaps
	if (rep.type == REPORT_EXECUTED && rnd(50) == 0)
		put(&to_us, &rep, sizeof(rep));
}

static void
venue_execute(uint32_t token, uint32_t qty)
{
	struct venue_order *v = &venue[token];
	struct trade *t = &trade[trade_cnt++];

	*t = (struct trade){ trade_cnt, token, qty, v->instr_idx, v->side, false };
	v->open_qty -= qty;
	v->done_qty += qty;
	v->live = v->open_qty != 0;
	venue_position[v->instr_idx] += v->side == SIDE_BUY ? (int64_t)qty : -(int64_t)qty;
	say((struct report){ .type = REPORT_EXECUTED,
			     .token = token,
			     .qty = qty,
			     .px4 = v->px4,
			     .match_ref = t->match_ref });
}

static void
venue_cancel(uint32_t token, uint32_t qty)
{
	venue[token].open_qty -= qty;
	venue[token].live = venue[token].open_qty != 0;
	say((struct report){ .type = REPORT_CANCELED, .token = token, .qty = qty, .reason = 'U' });
}

static void
venue_on_new(const struct venue_request *q)
{
	struct venue_order *v = &venue[q->token];
	const bool dead = rnd(20) == 0;

	if (q->token <= venue_last)
		return; // taken for a retransmission
	venue_last = q->token;
	if (rnd(15) == 0) {
		say((struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 7 });
		return;
	}
	*v = (struct venue_order){ q->qty, 0, (uint32_t)q->px4, q->instr_idx, q->side, !dead };
	if (rnd(30) == 0 && q->qty > 1)
		v->open_qty = q->qty - 1; // takes fewer
	say((struct report){ .type = REPORT_ACCEPTED,
			     .token = q->token,
			     .qty = v->open_qty,
			     .px4 = q->px4,
			     .dead = dead });
	if (dead)
		v->open_qty = 0;
	else if (q->tif == TIF_IOC) {
		if (rnd(2))
			venue_execute(q->token, 1 + rnd(v->open_qty));
		if (v->live)
			venue_cancel(q->token, v->open_qty);
	}
}

static void
venue_on_replace(const struct venue_request *q)
{
	struct venue_order *a = &venue[q->orig_token], *b = &venue[q->token];
	const bool dead = rnd(20) == 0;

	if (!a->live || q->token <= venue_last)
		return;                              // ignored silently, number not used
	if (rnd(20) == 0 || q->qty <= a->done_qty) { // invalid details: the original goes
		venue_cancel(q->orig_token, a->open_qty);
		return;
	}
	venue_last = q->token;
	if (rnd(10) == 0) {
		say((struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 9 });
		return;
	}
	*b = *a;
	b->px4 = (uint32_t)q->px4;
	b->open_qty = dead ? 0 : q->qty - a->done_qty;
	b->live = !dead;
	a->live = false;
	a->open_qty = 0;
	say((struct report){ .type = REPORT_REPLACED,
			     .token = q->token,
			     .orig_token = q->orig_token,
			     .qty = q->qty - a->done_qty,
			     .px4 = q->px4,
			     .dead = dead });
}

static void
venue_on_cancel(const struct venue_request *q)
{
	struct venue_order *v = &venue[q->token];
	const uint32_t total_qty = v->open_qty + v->done_qty;

	if (!v->live || q->qty >= total_qty)
		return; // superfluous: no answer
	if (q->qty == 0 && rnd(20) == 0) {
		say((struct report){ .type = REPORT_CANCEL_REJECTED, .token = q->token });
		return;
	}
	if (q->qty <= v->done_qty)
		venue_cancel(q->token, v->open_qty);
	else
		venue_cancel(q->token, total_qty - q->qty);
}

static void
venue_step(void)
{
	const struct venue_request *q = take(&to_venue);

	if (q->kind == INTENT_NEW)
		venue_on_new(q);
	else if (q->kind == INTENT_REPLACE)
		venue_on_replace(q);
	else
		venue_on_cancel(q);
}

/* Something happens at the venue without us. */
static void
venue_act(void)
{
	const uint32_t token = venue_last - rnd(venue_last < 600 ? venue_last + 1 : 600);
	struct venue_order *v = &venue[token];
	struct trade *t;

	if (v->live && rnd(3) != 0) {
		if (rnd(4) != 0)
			venue_execute(token, rnd(2) ? v->open_qty : 1 + rnd(v->open_qty));
		else
			venue_cancel(token, rnd(2) ? v->open_qty : 1 + rnd(v->open_qty));
	} else if (trade_cnt != 0 && rnd(200) == 0) {
		t = &trade[trade_cnt - 1 - rnd(trade_cnt < 100 ? trade_cnt : 100)];
		if (!t->broken) {
			t->broken = true;
			venue_position[t->instr_idx] -=
				t->side == SIDE_BUY ? (int64_t)t->qty : -(int64_t)t->qty;
		}
		say((struct report){ .type = REPORT_TRADE_BROKEN,
				     .token = t->token,
				     .match_ref = t->match_ref });
	}
}

/* Our side. */

static void
give_back(unsigned made, const struct fill *f, const struct update *u)
{
	if (made & ORDERS_FILL) {
		put(&to_risk, f, sizeof(*f));
		assert_true(f->released_qty != 0 || f->executed_qty != 0 || f->order_gone ||
			    f->replace_done);
	}
	if (made & ORDERS_UPDATE)
		assert_true(u->state < ORDER_STATE_CNT);
}

static void
orders_step(void)
{
	const struct order *in = take(&to_orders);
	struct venue_request q;
	struct update u;
	struct fill f;
	const unsigned made = orders_on_order(&o, in, &q, &f, &u);

	if (made & ORDERS_SEND)
		put(&to_venue, &q, sizeof(q));
	give_back(made, &f, &u);
}

static void
report_step(void)
{
	const struct report *rep = take(&to_us);
	struct update u;
	struct fill f;

	give_back(orders_on_report(&o, rep, &f, &u), &f, &u);
}

static void
walk(void)
{
	struct update u;
	struct fill f;
	unsigned made;

	while ((made = orders_next(&o, &f, &u)) != 0)
		give_back(made, &f, &u);
}

static void
disconnect(void)
{
	connected = false;
	to_venue.take = to_venue.put; // lost on the way
	orders_on_session_down(&o);
	walk();
}

static void
reconnect(void)
{
	while (!is_empty(&to_us)) // the replay
		report_step();
	connected = true;
	orders_on_session_up(&o, venue_last + 1);
	walk();
}

static void
wish(bool may_open)
{
	const uint32_t id = ++intent_id;
	struct intent in = {
		.head = { .instr_idx = (uint16_t)(1 + rnd(IDX_CNT - 1)), .rx_ns = now_ns++ },
		.px4 = 999000 + rnd(2000),
		.qty = 1 + rnd(300),
		.intent_id = id,
		.orig_id = id - rnd(id < 60 ? id : 60),
		.kind = (uint8_t)rnd(3),
		.side = (uint8_t)rnd(2),
		.tif = rnd(5) == 0 ? TIF_IOC : TIF_DAY,
	};
	const struct risk_open *e;
	struct verdict no;
	struct order out;

	if (!may_open)
		in.kind = INTENT_CANCEL;
	if (in.kind != INTENT_NEW) {
		e = risk_open_of(&r, risk_open_key(0, in.orig_id));
		if (e->key != 0) { // otherwise a wrong name, which must be harmless
			in.head.instr_idx = e->instr_idx;
			in.side = e->side;
			in.qty += e->executed_qty;
			in.tif = TIF_DAY;
		}
		if (in.kind == INTENT_CANCEL && (rnd(4) != 0 || !may_open))
			in.qty = 0;
	}
	if (risk_on_intent(&r, &lim, &in, &out, &no))
		put(&to_orders, &out, sizeof(out));
}

/* The properties. */

/* A node's sums are those of its cells, and its rooms what the sums leave. */
static void
check_node(const struct risk_node *n)
{
	__int128 held_ntl4 = 0, net_ntl4 = 0, var_ntl4bp = 0;
	struct risk_node settled = *n;
	int64_t open_ntl4[2] = { 0 };

	for (uint32_t k = 1; k < r.cell_cnt; k++) {
		const struct risk_ledger *g = &r.ledger[k];
		const struct risk_cell *c = &r.cell[k];

		if (&r.node[c->node_idx] != n)
			continue;
		for (uint8_t side = 0; side < 2; side++) {
			const int64_t ntl4 = risk_cell_open_ntl4(&r, k, side);

			assert_true(ntl4 >= 0);
			assert_true((ntl4 == 0) == (risk_open_qty(&r, c, side) == 0));
			if (c->up == 0)
				assert_int_equal(
					risk_firm_open_ntl4(&r, &r.instr[c->instr_idx], side),
					ntl4);
			open_ntl4[side] += ntl4;
			var_ntl4bp += ntl4 * lim.instr[c->instr_idx].var_bp;
		}
		held_ntl4 += risk_abs(c->position_ntl4);
		net_ntl4 += c->position_ntl4;
		var_ntl4bp += risk_abs(c->position_ntl4) * lim.instr[c->instr_idx].var_bp;
		// all money together is what the cash and the position are worth
		assert_int_equal(g->realised_ntl4 - g->cost_ntl4, g->sold_ntl4 - g->bought_ntl4);
	}
	assert_true(n->held_ntl4 == held_ntl4);
	assert_true(n->net_ntl4 == net_ntl4);
	assert_true(n->held_var_ntl4bp + risk_open_var(n) == var_ntl4bp);
	assert_true(n->high_ntl4 >= risk_profit(n));
	for (uint8_t side = 0; side < 2; side++)
		assert_int_equal(risk_open_ntl4(n, side), open_ntl4[side]);
	assert_int_equal(risk_open_cnt(n), r.open_cnt);
	risk_node_settle(&settled);
	assert_memory_equal(settled.room, n->room, sizeof(settled.room));
	risk_cancel_rate_settle(&r, &settled);
	assert_int_equal(n->cancel_free_ns, settled.cancel_free_ns);
	settled.order_free_ns =
		(int64_t)risk_rate_free_ns(n->order_ns, r.rate_mask, risk_order_cnt(n),
					   n->lim.order_rate_max, r.rate_window_ns);
	assert_true(n->order_free_ns >= settled.order_free_ns); // never too early
	assert_true(n->free_ns >= n->order_free_ns && n->free_ns >= n->cancel_free_ns);
}

/* There is one account with one strategy that sends, so all levels hold the same. */
static void
check_tree(void)
{
	for (uint32_t k = 0; k <= 2; k++) {
		check_node(&r.node[k]);
		assert_true(r.node[k].cash_ntl4 == r.node[RISK_NODE_FIRM].cash_ntl4);
	}
}

/* The lists of our own orders are those of the table, and no order is nearer than own_near. */
static void
check_own(const struct risk_instr *i)
{
	for (uint8_t side = 0; side < 2; side++) {
		uint32_t listed_cnt = 0, open_cnt = 0;

		for (uint32_t at = i->own_head[side]; at != 0; at = r.open[at].next) {
			const struct risk_open *e = &r.open[at];

			assert_true(e->key != 0 && e->side == side && &r.instr[e->instr_idx] == i);
			assert_ptr_equal(risk_open_of(&r, e->key), e);
			assert_true(e->near != 0 && e->near <= i->own_near[side]);
			assert_true(e->replace_pending || e->near == risk_near(side, e->px4));
			listed_cnt++;
		}
		for (uint32_t k = 0; k <= r.open_max; k++)
			open_cnt += r.open[k].key != 0 && r.open[k].side == side &&
				    &r.instr[r.open[k].instr_idx] == i;
		assert_int_equal(listed_cnt, open_cnt);
		assert_true((listed_cnt == 0) == (i->own_near[side] == 0));
	}
}

static void
check_reservations(void)
{
	uint64_t reserved[IDX_CNT][2] = { 0 }, held[IDX_CNT][2] = { 0 };
	uint64_t venue_open[IDX_CNT][2] = { 0 };

	for (uint32_t i = 0; i <= r.open_max; i++)
		if (r.open[i].key != 0)
			reserved[r.open[i].instr_idx][r.open[i].side] += r.open[i].open_qty;
	for (uint32_t i = 0; i <= o.slot_mask; i++) {
		const struct order_entry *e = &o.entry[i];

		held[e->instr_idx][e->side] += e->reserved_qty;
		if (order_state_is_end(e->state))
			assert_int_equal(e->open_qty + e->reserved_qty, 0);
		assert_true(e->open_qty <= e->reserved_qty);
	}
	for (uint32_t at = to_orders.take; at != to_orders.put; at++) {
		const struct order *m = (const void *)to_orders.slot[at % QUEUE_MAX];

		held[m->head.instr_idx][m->side] += m->reserve_qty;
	}
	for (uint32_t at = to_risk.take; at != to_risk.put; at++) {
		const struct fill *m = (const void *)to_risk.slot[at % QUEUE_MAX];

		held[m->head.instr_idx][m->side] += m->released_qty;
	}
	for (uint32_t token = venue_last > 3000 ? venue_last - 3000 : 1; token <= venue_last;
	     token++)
		if (venue[token].live)
			venue_open[venue[token].instr_idx][venue[token].side] +=
				venue[token].open_qty;
	for (int i = 1; i < IDX_CNT; i++) {
		for (int side = 0; side < 2; side++) {
			assert_int_equal(
				risk_open_qty(&r, risk_firm_cell(&r, &r.instr[i]), (uint8_t)side),
				reserved[i][side]);
			assert_int_equal(reserved[i][side], held[i][side]);
			assert_true(venue_open[i][side] <= reserved[i][side]);
		}
		check_own(&r.instr[i]);
	}
	check_tree();
}

static void
settle(void)
{
	if (!connected)
		reconnect();
	while (!is_empty(&to_orders) || !is_empty(&to_risk) || !is_empty(&to_venue) ||
	       !is_empty(&to_us)) {
		if (!is_empty(&to_orders))
			orders_step();
		if (!is_empty(&to_venue))
			venue_step();
		if (!is_empty(&to_us))
			report_step();
		if (!is_empty(&to_risk))
			risk_on_fill(&r, take(&to_risk));
	}
}

static void
check_quiet(void)
{
	uint32_t live_cnt = 0;

	settle();
	check_reservations();
	for (uint32_t token = 1; token <= venue_last; token++) {
		const struct order_entry *e = orders_of_token(&o, token);

		if (!venue[token].live)
			continue;
		live_cnt++;
		assert_non_null(e);
		assert_false(order_state_is_end(e->state));
		assert_int_equal(e->open_qty, venue[token].open_qty);
		assert_int_equal(e->reserved_qty, venue[token].open_qty);
		assert_int_equal(e->executed_qty, venue[token].done_qty);
		assert_int_equal(risk_open_of(&r, risk_open_key(0, e->intent_id))->open_qty,
				 venue[token].open_qty);
		assert_int_equal(risk_open_of(&r, risk_open_key(0, e->intent_id))->px4,
				 venue[token].px4);
	}
	assert_int_equal(o.open_cnt, live_cnt);
	assert_int_equal(r.open_cnt, live_cnt);
	for (int i = 1; i < IDX_CNT; i++)
		assert_int_equal(risk_firm_cell(&r, &r.instr[i])->position_qty, venue_position[i]);
}

static void
start(uint64_t with_seed)
{
	const struct risk_config rc = { .instr_cnt = IDX_CNT,
					.open_orders_max = 1024,
					.rate_slots = 64 };
	const struct orders_config oc = { .orders_max = 1024, .executions_max = 4096 };

	seed = with_seed * 0x9E3779B97F4A7C15ULL + 1;
	arena.used_bytes = 0;
	memset(arena.base, 0, arena.size_bytes);
	assert_int_equal(risk_init(&r, &rc, &arena), 0);
	assert_int_equal(orders_init(&o, &oc, &arena), 0);
	memset(venue, 0, sizeof(venue));
	memset(venue_position, 0, sizeof(venue_position));
	to_orders = to_risk = to_venue = to_us = (struct queue){ 0 };
	venue_last = trade_cnt = intent_id = 0;
	now_ns = 1;
	connected = true;
	halt_lift(HALT_DISARMED);
	risk_limits_init(&lim);
	lim.version = 1;
	lim.armed = 1;
	lim.instr_cnt = IDX_CNT;
	lim.self_match = 1;
	lim.var_version = 1;
	for (int k = 0; k <= 2; k++) // far away, so that rooms are not at their end
		lim.node[k] = (struct risk_node_limits){
			.gross_max_ntl4 = 1LL << 56,
			.net_max_ntl4 = 1LL << 56,
			.credit_max_ntl4 = 1LL << 55,
			.loss_max_ntl4 = 1LL << 56,
			.drawdown_max_ntl4 = 1LL << 55,
			.var_max_ntl4 = 1LL << 48,
			.position_max_qty = 1000000,
			.open_orders_max = 1000000,
			.order_rate_max = 32,
			.cancel_rate_max = 31,
		};
	for (int i = 1; i < IDX_CNT; i++) {
		const struct mark m = {
			.head.instr_idx = (uint16_t)i,
			.last_px4 = 1000000,
			.confidence = CONFIDENCE_LIVE,
			.state = TRADING_OPEN,
			.short_sale = '0',
		};

		lim.instr[i] = (struct risk_instr_limits){
			.order_max_ntl4 = INT64_MAX,
			.order_max_qty = 1000,
			.open_max_qty = 30000,
			.position_max_qty = 1000000,
			.collar_bp = 1000,
			.tick_px4 = TICK_FREE,
			.var_bp = 100 + (uint32_t)i,
			.allowed = 1,
			.short_allowed = 1,
		};
		risk_on_mark(&r, &m);
	}
	orders_on_session_up(&o, 0);
}

static void
a_day(uint64_t with_seed)
{
	start(with_seed);
	for (int step = 0;
	     step < STEPS && venue_last < VENUE_MAX_ORDERS - 2 && trade_cnt < VENUE_MAX_ORDERS - 2;
	     step++) {
		const uint32_t dice = rnd(1000);

		if (dice < 150)
			wish(true);
		else if (dice < 280 && !is_empty(&to_orders))
			orders_step();
		else if (dice < 400 && !is_empty(&to_risk))
			risk_on_fill(&r, take(&to_risk));
		else if (dice < 530 && connected && !is_empty(&to_venue))
			venue_step();
		else if (dice < 700 && connected && !is_empty(&to_us))
			report_step();
		else if (dice < 980)
			venue_act();
		else if (dice == 980 && connected)
			disconnect();
		else if (dice > 980 && !connected)
			reconnect();
		if (step % 16 == 0)
			check_reservations();
		if (step % 4000 == 3999)
			check_quiet();
	}
	check_quiet();
	while (o.open_cnt != 0) { // cancel all
		wish(false);
		for (uint32_t i = 0; i <= o.slot_mask; i++) {
			const struct order_entry *e = &o.entry[i];
			const struct order cancel = {
				.head.instr_idx = e->instr_idx,
				.orig_id = e->intent_id,
				.kind = INTENT_CANCEL,
			};

			if (!order_state_is_end(e->state))
				put(&to_orders, &cancel, sizeof(cancel));
		}
		settle();
	}
	check_quiet();
	assert_int_equal(r.open_cnt, 0);
	for (int i = 1; i < IDX_CNT; i++) {
		assert_int_equal(risk_open_qty(&r, risk_firm_cell(&r, &r.instr[i]), SIDE_BUY), 0);
		assert_int_equal(risk_open_qty(&r, risk_firm_cell(&r, &r.instr[i]), SIDE_SELL), 0);
		assert_int_equal(risk_firm_open_ntl4(&r, &r.instr[i], SIDE_BUY), 0);
		assert_int_equal(risk_firm_open_ntl4(&r, &r.instr[i], SIDE_SELL), 0);
	}
	// a venue that keeps to its rules never surprises us
	assert_int_equal(o.metrics.illegal_transition, 0);
	assert_int_equal(o.metrics.execution_unknown, 0);
	assert_int_equal(o.metrics.execution_excess, 0);
	assert_int_equal(o.metrics.execution_late, 0);
	assert_int_equal(o.metrics.cancel_excess, 0);
	assert_int_equal(o.metrics.replace_excess, 0);
	assert_int_equal(o.metrics.report_unknown_token, 0);
	assert_int_equal(r.metrics.release_excess, 0);
	assert_int_equal(r.metrics.sum_saturated, 0);
	// and the day was worth the name
	assert_true(o.metrics.order_replaced > 100 && o.metrics.replace_rejected > 10 &&
		    o.metrics.replace_void > 10 && o.metrics.order_not_processed > 0 &&
		    o.metrics.execution_duplicate > 0 && o.metrics.break_applied > 0 &&
		    o.metrics.session_lost_unknown > 10 && o.metrics.refused_gone > 10 &&
		    o.metrics.refused_pending > 10 && o.metrics.order_dead_on_arrival > 10);
}

static void
whatever_the_venue_does_nothing_is_lost(void **unused)
{
	for (uint64_t s = 1; s <= 6; s++)
		a_day(s);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_the_venue_does_nothing_is_lost),
	};

	if (arena_open(&arena, 2 << 20) != 0)
		return 1;
	if (argc == 3) { // orders_risk_test FIRST LAST: other days, by seed
		for (uint64_t s = strtoull(argv[1], NULL, 10); s <= strtoull(argv[2], NULL, 10);
		     s++)
			a_day(s);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
