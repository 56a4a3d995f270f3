/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "decision/risk.h"
#include "egress/orders.h"
#include "orders_model.h"

/*
 * Risk and orders against a model that knows nothing of tables: what each request and report may do
 * is written down once more, in other words, and both must say the same after every step: what goes
 * back to risk and strategy, states, shares open, executed and reserved, positions and money, and
 * which reports no order may get.  Two kinds of sequences by turns:
 *
 *   honest   the venue keeps to its rules and its day; requests and reports cross each other, are
 *            late, executions come twice, trades are broken and corrected, the connection goes away
 *            and the replay brings what was missed.  At the end the gateway has what the venue has.
 *   hostile  besides, reports are lost, and others come that nobody ought to send: of any kind,
 *            about any order.  At the end an operator settles what is left, and nothing is
 * reserved.
 *
 *     orders_model_test FIRST LAST     those seeds only, and says how often each thing happened
 */
enum { SEQUENCES = 20000 }; // of the ordinary run: below 2 s under a sanitizer, too

/* ---- what is tested ---- */

static struct arena arena;
static struct risk r;
static struct risk_limits lim;
static struct orders o;

/* ---- both, step by step ---- */

static struct fill to_risk_queue[QUEUE];
static uint32_t to_risk_put, to_risk_take;

static uint64_t
odd_cnt(void)
{
	const struct orders_metrics *x = &o.metrics;

	return x->report_unknown_token + x->execution_unknown + x->break_unknown +
	       x->correction_unknown + x->correction_mismatch;
}

static void
compare_said(unsigned made, const struct fill *f, const struct update *u)
{
	CHECK(made == want.made);
	if (made & ORDERS_FILL) {
		CHECK(f->intent_id == want.f.intent_id && f->strategy_idx == want.f.strategy_idx);
		CHECK(f->head.instr_idx == want.f.head.instr_idx && f->side == want.f.side);
		CHECK(f->released_qty == want.f.released_qty);
		CHECK(f->executed_qty == want.f.executed_qty && f->px4 == want.f.px4);
		CHECK(f->order_gone == want.f.order_gone);
		CHECK(f->replace_done == want.f.replace_done);
		CHECK(f->reserved_px4 == want.f.reserved_px4);
		CHECK(f->broken == want.f.broken && f->corrected == want.f.corrected);
		CHECK(f->was_px4 == want.f.was_px4);
		CHECK(to_risk_put - to_risk_take < QUEUE);
		to_risk_queue[to_risk_put++ % QUEUE] = *f;
	}
	if (made & ORDERS_UPDATE) {
		CHECK(u->intent_id == want.name && u->strategy_idx == want.strategy);
		CHECK(u->state == want.state);
		CHECK(u->open_qty == want.open);
		CHECK(u->executed_qty == want.executed);
	}
}

static void
compare_entry(const struct m_token *t)
{
	const struct order_entry *e = orders_of_token(&o, t->token);
	const struct m_order *m = &ord[t->order];

	CHECK(e != NULL);
	if (t->role == PAST) {
		CHECK(e->state == t->end && e->open_qty == 0 && e->reserved_qty == 0);
		return;
	}
	CHECK(e->instr_idx == m->instr && e->side == m->side);
	CHECK(e->intent_id == m->name && e->strategy_idx == m->strategy);
	if (t->role == HEIR) {
		CHECK(e->state == (m->unknown       ? ORDER_UNKNOWN
				   : m->heir_cancel ? ORDER_PENDING_CANCEL
						    : ORDER_PENDING_NEW));
		CHECK(e->reserved_qty == 0 && e->link_token == m->token);
		return;
	}
	CHECK(e->state == state_of(m));
	CHECK(e->total_qty == m->total && e->executed_qty == m->done);
	CHECK(e->open_qty == m->open && e->reserved_qty == m->reserved);
	CHECK(e->px4 == m->px4 && e->link_token == m->heir);
	CHECK(order_flags_of(e->flags & ORDER_MARKS) == m->mark);
}

static void
compare_all(void)
{
	uint64_t open_qty[INSTRS][2] = { 0 };

	risk_reserve_due(&r);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (tok[i].role != NOBODY)
			compare_entry(&tok[i]);
	CHECK(o.open_cnt == open_cnt && o.next_token == next_token);
	for (uint32_t i = 0; i < ORDERS; i++)
		if (res[i].there)
			open_qty[res[i].instr][res[i].side] += res[i].qty;
	for (uint16_t i = 1; i < INSTRS; i++) {
		struct risk_position p;

		CHECK(risk_position_of(&r, i, &p));
		CHECK(p.position_qty == position[i]);
		CHECK(p.open_buy_qty == open_qty[i][SIDE_BUY]);
		CHECK(p.open_sell_qty == open_qty[i][SIDE_SELL]);
		// whatever was booked where, all money together is cash and what is held
		CHECK(p.realised_ntl4 + p.unrealised_ntl4 == cash_ntl4[i] + position[i] * MARK_PX4);
		CHECK(p.sold_ntl4 - p.bought_ntl4 == cash_ntl4[i]);
	}
}

static void
fill_step(void)
{
	const struct fill *f = &to_risk_queue[to_risk_take++ % QUEUE];

	m_fill(f);
	risk_on_fill(&r, f);
}

static void
report_step(const struct report *rep)
{
	const uint64_t illegal_before = o.metrics.illegal_transition, odd_before = odd_cnt();
	struct update u;
	struct fill f;
	unsigned made;

	memset(&want, 0, sizeof(want));
	m_report(rep);
	made = orders_on_report(&o, rep, &f, &u);
	CHECK(o.metrics.illegal_transition - illegal_before == want.illegal);
	CHECK(odd_cnt() - odd_before == want.unknown);
	compare_said(made, &f, &u);
}

/* What a walk over all orders says, each order once, in any order. */
static void
walk(void (*each)(struct m_order *m))
{
	bool told[ORDERS] = { false };
	unsigned expected = 0, seen = 0, made;
	struct update u;
	struct fill f;

	for (uint32_t i = 0; i < ord_cnt; i++) {
		struct m_order was = ord[i];
		struct m_token tokens[SLOTS];
		const uint32_t was_open = open_cnt;
		const struct happened was_did = did;

		if (ord[i].ended)
			continue;
		memcpy(tokens, tok, sizeof(tokens));
		memset(&want, 0, sizeof(want));
		each(&ord[i]);
		expected += want.made != 0;
		ord[i] = was; // only asked: what is said comes in the table's order
		memcpy(tok, tokens, sizeof(tokens));
		open_cnt = was_open;
		did = was_did;
	}
	while ((made = orders_next(&o, &f, &u)) != 0) {
		uint32_t i = 0;

		CHECK(made & ORDERS_UPDATE);
		while (i < ord_cnt &&
		       (ord[i].name != u.intent_id || ord[i].strategy != u.strategy_idx ||
			ord[i].ended || told[i]))
			i++;
		CHECK(i < ord_cnt);
		told[i] = true;
		memset(&want, 0, sizeof(want));
		each(&ord[i]);
		compare_said(made, &f, &u);
		seen++;
	}
	CHECK(seen == expected);
	for (uint32_t i = 0; i < ord_cnt; i++) // those of which nothing is told
		if (!ord[i].ended && !told[i]) {
			memset(&want, 0, sizeof(want));
			each(&ord[i]);
			CHECK(want.made == 0);
		}
}

static void
goes_down(struct m_order *m)
{
	if (m->unknown || (m->answered && !m->cancel && m->heir == 0))
		return; // the replay tells what becomes of it
	m->unknown = true;
	m->cancel = m->reducing = m->heir_cancel = false;
	to_strategy(m);
}

static void
comes_up(struct m_order *m)
{
	if (!m->unknown)
		return;
	m->unknown = false;
	if (m->heir != 0) {
		heir_ends(m);
		trim(m);
		want.f.reserved_px4 = m->px4;
		to_risk(m);
		did.not_processed++;
	} else if (m->answered) {
		did.still_there++;
	} else {
		ends(m, ORDER_REJECTED);
		did.not_processed++;
	}
	to_strategy(m);
}

static void
is_doubted(struct m_order *m)
{
	if (m->unknown)
		return;
	m->unknown = true;
	m->cancel = m->reducing = m->heir_cancel = false;
	to_strategy(m);
}

static void
is_settled(struct m_order *m)
{
	if (!m->unknown)
		return;
	m->unknown = false;
	ends(m, ORDER_CANCELED);
	to_strategy(m);
	did.settled++;
}

/* ---- the venue: one that keeps to its rules ---- */

struct v_order {
	uint32_t open, done, px4;
	uint16_t instr;
	uint8_t side;
	bool works;
};

static struct v_order ven[SLOTS];
static struct venue_request to_venue[QUEUE];
static uint32_t to_venue_put, to_venue_take;
static struct report said[QUEUE]; // the venue's day
static uint32_t said_cnt, heard_cnt;
static uint32_t venue_last, match_cnt;
static int64_t venue_position[INSTRS];
static bool hostile;

static void
say(struct report rep)
{
	CHECK(said_cnt + 1 < QUEUE);
	said[said_cnt++] = rep;
	if (rep.type == REPORT_EXECUTED && rnd(30) == 0)
		said[said_cnt++] = rep; // the same once more
}

static void
v_execute(uint32_t token, uint32_t qty)
{
	struct v_order *v = &ven[token % SLOTS];

	v->open -= qty;
	v->done += qty;
	v->works = v->open != 0;
	venue_position[v->instr] += v->side == SIDE_BUY ? (int64_t)qty : -(int64_t)qty;
	say((struct report){ .type = REPORT_EXECUTED,
			     .token = token,
			     .qty = qty,
			     .px4 = v->px4 + rnd(3) - 1,
			     .match_ref = ++match_cnt });
	if (rnd(12) == 0)
		say((struct report){ .type = REPORT_CORRECTED,
				     .token = token,
				     .qty = qty,
				     .px4 = v->px4 + 5,
				     .match_ref = match_cnt });
	if (rnd(12) == 0) {
		venue_position[v->instr] -= v->side == SIDE_BUY ? (int64_t)qty : -(int64_t)qty;
		for (uint32_t n = rnd(4) == 0 ? 2 : 1; n != 0; n--)
			say((struct report){ .type = REPORT_TRADE_BROKEN,
					     .token = token,
					     .match_ref = match_cnt });
	}
}

static void
v_cancel(uint32_t token, uint32_t qty)
{
	struct v_order *v = &ven[token % SLOTS];

	v->open -= qty;
	v->works = v->open != 0;
	say((struct report){ .type = REPORT_CANCELED, .token = token, .qty = qty });
}

static void
v_new(const struct venue_request *q)
{
	struct v_order *v = &ven[q->token % SLOTS];
	const bool dead = rnd(16) == 0;

	if (q->token <= venue_last)
		return;
	venue_last = q->token;
	*v = (struct v_order){ q->qty, 0, (uint32_t)q->px4, q->instr_idx, q->side, false };
	if (rnd(12) == 0) {
		say((struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 7 });
		return;
	}
	v->works = !dead;
	if (!dead && q->qty > 1 && rnd(16) == 0)
		v->open = 1 + rnd(q->qty - 1); // takes fewer
	say((struct report){ .type = REPORT_ACCEPTED,
			     .token = q->token,
			     .qty = v->open,
			     .px4 = q->px4,
			     .dead = dead });
}

static void
v_replace(const struct venue_request *q)
{
	struct v_order *a = &ven[q->orig_token % SLOTS], *b = &ven[q->token % SLOTS];
	const bool dead = rnd(16) == 0;

	if (!a->works || q->token <= venue_last)
		return; // ignored silently
	if (q->qty <= a->done || rnd(16) == 0) {
		v_cancel(q->orig_token, a->open); // invalid details: the original goes
		return;
	}
	venue_last = q->token;
	if (rnd(8) == 0) {
		say((struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 9 });
		return;
	}
	*b = *a;
	b->px4 = (uint32_t)q->px4;
	b->open = dead ? 0 : q->qty - a->done;
	b->works = !dead;
	a->works = false;
	say((struct report){ .type = REPORT_REPLACED,
			     .token = q->token,
			     .orig_token = q->orig_token,
			     .qty = q->qty - a->done,
			     .px4 = q->px4,
			     .dead = dead });
}

static void
venue_step(void)
{
	const struct venue_request *q = &to_venue[to_venue_take++ % QUEUE];
	struct v_order *v = &ven[q->token % SLOTS];
	const uint32_t left = q->qty > v->done ? q->qty - v->done : 0;

	switch (q->kind) {
	case INTENT_NEW:
		return v_new(q);
	case INTENT_REPLACE:
		return v_replace(q);
	case INTENT_MODIFY:
		if (!v->works)
			return;
		if (left == 0)
			return v_cancel(q->token, v->open);
		v->open = left < v->open ? left : v->open;
		say((struct report){ .type = REPORT_MODIFIED,
				     .token = q->token,
				     .qty = v->open,
				     .mark = q->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT) });
		return;
	default:
		if (!v->works || (q->qty != 0 && left >= v->open))
			return; // superfluous
		if (rnd(12) == 0) {
			say((struct report){ .type = rnd(2) ? REPORT_CANCEL_REJECTED
							    : REPORT_CANCEL_PENDING,
					     .token = q->token });
			return;
		}
		v_cancel(q->token, v->open - left);
	}
}

/* Something happens there without us. */
static void
venue_act(void)
{
	const uint32_t span = venue_last - first_token + 1;
	const uint32_t token = venue_last - rnd(span == 0 ? 1 : span);
	const struct v_order *v = &ven[token % SLOTS];

	if (venue_last < first_token || !v->works || match_cnt + 4 >= EXECUTIONS / 2)
		return;
	switch (rnd(8)) {
	case 0:
		return v_cancel(token, rnd(2) ? v->open : 1 + rnd(v->open));
	case 1:
		return say((struct report){ .type = REPORT_PRIORITY, .token = token });
	case 2:
		return say((struct report){ .type = REPORT_RESTATED, .token = token });
	default:
		return v_execute(token, rnd(2) ? v->open : 1 + rnd(v->open));
	}
}

/* ---- our side ---- */

static void
order_step(const struct order *in)
{
	const uint64_t illegal_before = o.metrics.illegal_transition;
	struct venue_request q;
	struct update u;
	struct fill f;
	uint32_t token = 0;
	unsigned made;
	bool send;

	memset(&want, 0, sizeof(want));
	send = m_order_request(in, &token);
	if (send)
		want.made = ORDERS_SEND;
	made = orders_on_order(&o, in, &q, &f, &u);
	CHECK(o.metrics.illegal_transition == illegal_before);
	compare_said(made, &f, &u);
	if (!send)
		return;
	did.sent++;
	CHECK(q.token == token && q.kind == in->kind);
	CHECK(to_venue_put - to_venue_take < QUEUE);
	to_venue[to_venue_put++ % QUEUE] = q;
}

static uint32_t names;
static uint64_t now_ns;
static struct order order_queue[QUEUE];
static uint32_t order_put, order_take;

static void
wish(void)
{
	const uint32_t name = names == 0 || rnd(3) == 0 ? ++names : 1 + rnd(names);
	const struct m_reserve *v = &res[name];
	struct intent in = {
		.head = { .instr_idx = (uint16_t)(1 + rnd(INSTRS - 1)), .rx_ns = now_ns++ },
		.px4 = MARK_PX4 - 500 + rnd(1000),
		.qty = 1 + rnd(200),
		.intent_id = name,
		.orig_id = name,
		.kind = (uint8_t)(rnd(v->there ? 8 : 6) != 0 ? v->there ? 1 + rnd(3) : INTENT_NEW
							     : rnd(4)),
		.side = (uint8_t)rnd(2),
	};
	struct verdict no;
	struct order out;
	uint32_t reserve_qty;
	bool pass;

	if (v->there && rnd(20) != 0) {
		in.head.instr_idx = v->instr;
		in.side = v->side;
		in.qty += v->done;
	}
	if (in.kind == INTENT_CANCEL && rnd(3) != 0)
		in.qty = 0;
	if (in.kind == INTENT_MODIFY && rnd(3) == 0)
		in.flags = rnd(2) ? INTENT_SHORT : INTENT_SHORT_EXEMPT;
	if (in.kind == INTENT_MODIFY && v->there && rnd(2))
		in.qty = v->done + 1 + rnd(v->qty + 1);
	pass = m_intent(&in, &reserve_qty);
	CHECK(risk_decide(&r, &lim, &in, &out, &no) == pass);
	if (in.intent_id % 2 != 0) // the turn ends; else something else comes first
		risk_reserve_due(&r);
	if (!pass)
		return;
	CHECK(out.reserve_qty == reserve_qty);
	order_queue[order_put++ % QUEUE] = out;
}

static void
go_down(void)
{
	is_up = false;
	to_venue_take = to_venue_put; // lost on the way
	did.downs++;
	orders_on_session_down(&o);
	walk(goes_down);
}

/* A report, or in a hostile sequence perhaps not. */
static void
hear_next(void)
{
	const struct report *rep = &said[heard_cnt++];

	if (hostile && rnd(12) == 0) {
		did.lost_reports++;
		return;
	}
	report_step(rep);
}

static void
come_up(bool doubt)
{
	while (heard_cnt < said_cnt) // the replay
		hear_next();
	is_up = true;
	did.ups++;
	if (doubt) {
		orders_on_session_up(&o, 0);
		orders_doubt(&o);
		did.doubts++;
		walk(is_doubted);
		return;
	}
	if (venue_last + 1 > next_token)
		next_token = venue_last + 1;
	orders_on_session_up(&o, venue_last + 1);
	walk(comes_up);
}

/* What nobody ought to send. */
static void
lie(void)
{
	const uint32_t span = next_token - first_token + 2;
	struct report rep = {
		.type = (uint8_t)rnd(REPORT_TYPE_CNT),
		.side = (uint8_t)rnd(2),
		.dead = rnd(8) == 0,
		.instr_idx = (uint16_t)rnd(INSTRS),
		.token = first_token + rnd(span),
		.orig_token = first_token + rnd(span),
		.qty = rnd(6) == 0 ? 0 : 1 + rnd(250),
		.px4 = MARK_PX4 - 500 + rnd(1000),
		.match_ref = 1 + rnd(match_cnt + 3),
		.mark = (uint8_t)(rnd(3) << 1),
	};

	if (rep.type == REPORT_EXECUTED && rep.qty == 0)
		rep.qty = 1; // is not even read
	if (exe_cnt + 2 >= EXECUTIONS || next_token - first_token + 3 >= TOKENS)
		return;
	report_step(&rep);
}

static void
settle_down(void)
{
	while (order_take != order_put || to_risk_take != to_risk_put ||
	       (is_up && (to_venue_take != to_venue_put || heard_cnt < said_cnt))) {
		if (order_take != order_put)
			order_step(&order_queue[order_take++ % QUEUE]);
		else if (is_up && to_venue_take != to_venue_put)
			venue_step();
		else if (is_up && heard_cnt < said_cnt)
			hear_next();
		else
			fill_step();
	}
	compare_all();
}

/* The gateway has what the venue has. */
static void
compare_with_venue(void)
{
	uint32_t works_cnt = 0;

	for (uint32_t token = first_token; token <= venue_last; token++) {
		const struct v_order *v = &ven[token % SLOTS];
		const struct order_entry *e = orders_of_token(&o, token);

		if (!v->works)
			continue;
		works_cnt++;
		CHECK(e != NULL && !order_state_is_end(e->state));
		CHECK(e->open_qty == v->open && e->executed_qty == v->done);
		CHECK(e->reserved_qty == v->open);
	}
	CHECK(works_cnt == o.open_cnt);
	for (int i = 1; i < INSTRS; i++)
		CHECK(position[i] == IN_HAND + venue_position[i]);
	CHECK(o.metrics.illegal_transition == 0 && odd_cnt() == 0);
	CHECK(o.metrics.execution_late == 0 && o.metrics.execution_excess == 0);
	CHECK(o.metrics.cancel_excess == 0 && o.metrics.replace_excess == 0);
}

static void
start(void)
{
	// the firm, an account, a strategy; small, as each day makes it anew
	static const uint16_t parent[] = { 0, 0, 1 };
	static const uint16_t leaf[STRATEGY_MAX] = { 2 };
	struct risk_pair pair[2 * INSTRS];
	struct risk_config rc = { .instr_cnt = INSTRS,
				  .open_orders_max = ORDERS,
				  .rate_slots = 2,
				  .node_cnt = ARRAY_CNT(parent),
				  .node_parent = parent,
				  .leaf_node = leaf,
				  .pair = pair };
	const struct orders_config oc = { .orders_max = SLOTS,
					  .executions_max = SLOTS,
					  .first_token = first_token = 1 + rnd(1 << 30) };

	for (uint16_t node = 1; node <= 2; node++)
		for (uint16_t i = 1; i < INSTRS; i++)
			pair[rc.pair_cnt++] = (struct risk_pair){ node, i };
	memset(arena.base, 0, arena.used_bytes);
	arena.used_bytes = 0;
	CHECK(risk_init(&r, &rc, &arena) == 0 && orders_init(&o, &oc, &arena) == 0);
	memset(tok, 0, sizeof(tok));
	memset(res, 0, sizeof(res));
	memset(ven, 0, sizeof(ven));
	ord_cnt = open_cnt = exe_cnt = names = 0;
	next_token = first_token;
	venue_last = first_token - 1;
	to_risk_put = to_risk_take = to_venue_put = to_venue_take = order_put = order_take = 0;
	said_cnt = heard_cnt = match_cnt = 0;
	now_ns = 1;
	hostile = rnd(2) != 0;
	lim.version = 1;
	lim.armed = 1;
	lim.self_match = 1;
	lim.instr_cnt = INSTRS;
	for (uint16_t i = 1; i < INSTRS; i++) {
		const struct mark mark = { .head.instr_idx = i,
					   .last_px4 = MARK_PX4,
					   .confidence = CONFIDENCE_LIVE,
					   .state = TRADING_OPEN,
					   .short_sale = '0' };
		const struct fill held = { .head.instr_idx = i,
					   .px4 = MARK_PX4,
					   .executed_qty = IN_HAND,
					   .strategy_idx = STRATEGY_NONE };

		lim.instr[i] = (struct risk_instr_limits){ .order_max_ntl4 = INT64_MAX,
							   .order_max_qty = 999999,
							   .open_max_qty = 100000000,
							   .position_max_qty = 100000000,
							   .collar_bp = 1000,
							   .tick_px4 = TICK_FREE,
							   .allowed = 1,
							   .short_allowed = 1 };
		venue_position[i] = position[i] = cash_ntl4[i] = 0;
		risk_on_mark(&r, &mark);
		m_fill(&held);
		risk_on_fill(&r, &held);
	}
	is_up = true;
	orders_on_session_up(&o, 0);
}

static void
cancel_all(void)
{
	for (uint32_t i = 0; i < ord_cnt; i++) {
		const struct order cancel = { .head.instr_idx = ord[i].instr,
					      .orig_id = ord[i].name,
					      .kind = INTENT_CANCEL,
					      .side = ord[i].side,
					      .strategy_idx = ord[i].strategy };

		if (!ord[i].ended)
			order_step(&cancel);
	}
}

static void
one_sequence(uint64_t number)
{
	const uint64_t begun = number * 0x9E3779B97F4A7C15ULL + 1;
	uint32_t steps;

	sequence = number;
	seed = begun == 0 ? 1 : begun;
	rnd(2);
	start();
	for (steps = 30 + rnd(120); steps != 0; steps--) {
		const uint32_t dice = rnd(100);

		if (dice < 24 && next_token - first_token + 2 < TOKENS - 8 && names < 30)
			wish();
		else if (dice < 40 && order_take != order_put)
			order_step(&order_queue[order_take++ % QUEUE]);
		else if (dice < 52 && to_risk_take != to_risk_put)
			fill_step();
		else if (dice < 64 && is_up && to_venue_take != to_venue_put)
			venue_step();
		else if (dice < 78 && is_up && heard_cnt < said_cnt)
			hear_next();
		else if (dice < 90)
			venue_act();
		else if (dice < 96 && hostile)
			lie();
		else if (dice >= 97 && is_up)
			go_down();
		else if (dice >= 97)
			come_up(hostile && rnd(3) == 0);
	}
	if (!is_up)
		come_up(false);
	settle_down();
	if (!hostile)
		compare_with_venue();
	for (int n = 0; n < 8 && open_cnt != 0; n++) { // one that the venue refuses is asked again
		go_down();
		come_up(hostile);
		if (hostile) {
			CHECK(orders_settle(&o, 0) == orders_unknown_cnt(&o, 0));
			walk(is_settled);
		} else {
			cancel_all();
		}
		settle_down();
	}
	if (open_cnt == 0)
		for (uint32_t i = 0; i < ORDERS; i++)
			CHECK(!res[i].there);
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All of it happened, more than by a single chance. */
static void
expect_all_happened(void)
{
#define WANT(name) CHECK(did.name >= 10);
	HAPPENED(WANT)
#undef WANT
}

static void
model_and_gateway_say_the_same(void **unused)
{
	for (uint64_t n = 1; n <= SEQUENCES; n++)
		one_sequence(n);
	expect_all_happened();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_and_gateway_say_the_same),
	};
	uint64_t last, first;
	double begin;

	risk_limits_init(&lim);
	if (arena_open(&arena, 1 << 20) != 0)
		return 1;
	halt_lift(HALT_DISARMED);
	if (argc != 3)
		return cmocka_run_group_tests(tests, NULL, NULL);
	begin = now_s();
	first = strtoull(argv[1], NULL, 10);
	last = strtoull(argv[2], NULL, 10);
	for (uint64_t n = first; n <= last; n++)
		one_sequence(n);
	printf("%llu sequences in %.1f s:", (unsigned long long)(last - first + 1),
	       now_s() - begin);
#define SHOW(name) printf(" %s %llu", #name, (unsigned long long)did.name);
	HAPPENED(SHOW)
#undef SHOW
	printf("\n");
	return 0;
}
