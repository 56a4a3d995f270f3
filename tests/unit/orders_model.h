/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_ORDERS_MODEL_H
#define SLUICE_TESTS_UNIT_ORDERS_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/orders.h"

/*
 * What orders and risk must do, written down once more without their tables and states: an order is
 * one record through all its replaces, and its state follows from what is known of it.  Of the code
 * under test it uses the
 * messages and the names of states and flags only.
 */
enum {
	SLOTS = 64, // of the table; a sequence uses fewer numbers, so that none is forgotten
	TOKENS = 56,
	ORDERS = 64,
	EXECUTIONS = 48,
	QUEUE = 512,
	INSTRS = 3,
	IN_HAND = 1000000, // so that no sale is short
	MARK_PX4 = 1000000,
};

static uint64_t seed, sequence;

static _Noreturn void
oops(const char *what, int line)
{
	fprintf(stderr, "sequence %llu: line %d: %s\n", (unsigned long long)sequence, line, what);
	abort();
}

#define CHECK(cond)                               \
	do {                                      \
		if (__builtin_expect(!(cond), 0)) \
			oops(#cond, __LINE__);    \
	} while (0)

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % below);
}

/* What the sequences were worth: each must have happened in a whole run. */
// clang-format off
#define HAPPENED(X) \
	X(sent) X(refused) X(accepted) X(taken_less) X(dead) X(rejected) X(filled) \
	X(executed) X(executed_before_accepted) X(late) X(excess) X(duplicate) \
	X(broken) X(corrected) X(canceled_all) X(canceled_some) X(modified) \
	X(modified_up) X(cancel_pending) X(cancel_rejected) X(replaced) \
	X(replaced_dead) X(replace_rejected) X(replace_void) X(cancel_behind_replace) \
	X(adopted) X(adopted_over_ours) X(illegal) X(unknown) X(downs) X(ups) \
	X(not_processed) X(still_there) X(doubts) X(settled) X(lost_reports) \
	X(stale_replace)
// clang-format on
// clang-format off
#define HAPPENED(X)                                                                             \
	X(sent) X(refused) X(accepted) X(taken_less) X(dead) X(rejected) X(filled) X(executed)  \
	X(executed_before_accepted) X(late) X(excess) X(duplicate) X(broken) X(corrected)       \
	X(canceled_all) X(canceled_some) X(modified) X(modified_up) X(cancel_pending)           \
	X(cancel_rejected) X(replaced) X(replaced_dead) X(replace_rejected) X(replace_void)     \
	X(cancel_behind_replace) X(adopted) X(adopted_over_ours) X(illegal) X(unknown)          \
	X(downs) X(ups) X(not_processed) X(still_there) X(doubts) X(settled) X(lost_reports)    \
	X(stale_replace)
// clang-format on
static struct happened {
#define FIELD(name) uint64_t name;
	HAPPENED(FIELD)
#undef FIELD
} did;

enum role { NOBODY, CURRENT, HEIR, PAST };

struct m_token {
	uint32_t token;
	uint8_t role;
	uint8_t order; // index
	uint8_t end;   // PAST: how
};

/* One order through all its replaces. */
struct m_order {
	uint32_t name;
	uint32_t token;
	uint32_t total, done, open, reserved, px4;
	uint32_t heir, heir_total, heir_px4; // token 0: no replace waits
	uint16_t instr;
	uint8_t side, strategy;
	uint8_t mark;
	bool ended, answered, unknown;
	bool cancel, reducing, heir_cancel;
};

struct m_execution {
	uint64_t match_ref;
	uint32_t token, qty, px4;
	uint16_t instr;
	uint8_t side, strategy;
	uint32_t name;
	bool broken;
};

/* What risk holds back for a name, and what it has seen of it. */
struct m_reserve {
	uint32_t qty, px4, done;
	uint16_t instr;
	uint8_t side;
	bool there, replacing;
};

static struct m_token tok[SLOTS];
static struct m_order ord[ORDERS];
static uint32_t ord_cnt, open_cnt, next_token, first_token;
static struct m_execution exe[EXECUTIONS];
static uint32_t exe_cnt;
static struct m_reserve res[ORDERS];
static int64_t position[INSTRS], cash_ntl4[INSTRS];
static bool is_up;

/* What the model says comes back for the step. */
static struct {
	unsigned made;
	struct fill f;
	uint32_t name, open, executed;
	uint8_t state, strategy;
	unsigned illegal, unknown;
} want;

static struct m_token *
token_of(uint32_t token)
{
	struct m_token *t = &tok[token % SLOTS];

	return t->token == token && t->role != NOBODY ? t : NULL;
}

static void
token_is(uint32_t token, enum role role, const struct m_order *m)
{
	tok[token % SLOTS] = (struct m_token){ token, (uint8_t)role, (uint8_t)(m - ord), 0 };
}

static void
token_ends(uint32_t token, enum order_state how)
{
	tok[token % SLOTS].role = PAST;
	tok[token % SLOTS].end = (uint8_t)how;
	open_cnt--;
}

/* The newest order of the name. */
static struct m_order *
named(uint32_t name)
{
	for (uint32_t i = ord_cnt; i-- > 0;)
		if (ord[i].name == name && ord[i].strategy == 0)
			return &ord[i];
	return NULL;
}

static enum order_state
state_of(const struct m_order *m)
{
	if (m->ended)
		return tok[m->token % SLOTS].end;
	if (m->unknown)
		return ORDER_UNKNOWN;
	if (m->cancel)
		return ORDER_PENDING_CANCEL;
	if (m->heir != 0)
		return ORDER_PENDING_REPLACE;
	if (!m->answered)
		return ORDER_PENDING_NEW;
	return m->done != 0 ? ORDER_PARTIALLY_FILLED : ORDER_LIVE;
}

static void
to_risk(const struct m_order *m)
{
	want.made |= ORDERS_FILL;
	want.f.intent_id = m->name;
	want.f.strategy_idx = m->strategy;
	want.f.side = m->side;
	want.f.head.instr_idx = m->instr;
}

static void
to_strategy(const struct m_order *m)
{
	want.made |= ORDERS_UPDATE;
	want.name = m->name;
	want.strategy = m->strategy;
	want.state = (uint8_t)state_of(m);
	want.open = m->open;
}

/* Shares that can no longer come to be open are given back. */
static void
trim(struct m_order *m)
{
	uint32_t need = m->open;

	if (m->heir != 0 && m->heir_total > m->done && m->heir_total - m->done > need)
		need = m->heir_total - m->done;
	if (m->reserved > need) {
		want.f.released_qty += m->reserved - need;
		m->reserved = need;
	}
}

static void
heir_ends(struct m_order *m)
{
	token_ends(m->heir, ORDER_REJECTED);
	m->heir = 0;
	m->heir_cancel = false;
	want.f.replace_done = 1;
}

static void
ends(struct m_order *m, enum order_state how)
{
	if (m->heir != 0) {
		heir_ends(m);
		did.replace_void++;
	}
	token_ends(m->token, how);
	want.f.released_qty += m->reserved;
	want.f.order_gone = 1;
	m->reserved = m->open = 0;
	m->ended = true;
	to_risk(m);
}

/* Told to risk only when there is something to give back. */
static void
to_risk_if_any(const struct m_order *m)
{
	if (want.f.released_qty != 0 || want.f.order_gone)
		to_risk(m);
}

static void
illegal(void)
{
	want.illegal = 1;
	did.illegal++;
}

/* ---- requests, as the model sees them ---- */

static void
m_refuse(const struct order *in, const struct m_order *m)
{
	const bool is_new = in->kind == INTENT_NEW;
	const bool gone = is_new || m == NULL || m->ended;

	did.refused++;
	want.made = ORDERS_UPDATE;
	want.name = is_new ? in->intent_id : in->orig_id;
	want.strategy = in->strategy_idx;
	want.state = is_new || m == NULL ? ORDER_REJECTED : (uint8_t)state_of(m);
	want.open = is_new || m == NULL ? 0 : m->open;
	if (in->kind == INTENT_CANCEL || in->kind == INTENT_MODIFY)
		return;
	want.made |= ORDERS_FILL;
	want.f.intent_id = want.name;
	want.f.side = in->side;
	want.f.head.instr_idx = in->head.instr_idx;
	want.f.released_qty = in->reserve_qty;
	want.f.order_gone = gone;
	want.f.replace_done = !is_new;
	want.f.reserved_px4 = gone ? 0 : m->px4;
}

static struct m_order *
m_new(uint32_t token, uint32_t name, uint8_t strategy)
{
	struct m_order *m = &ord[ord_cnt++];

	CHECK(ord_cnt < ORDERS);
	*m = (struct m_order){ .name = name, .token = token, .strategy = strategy };
	token_is(token, CURRENT, m);
	open_cnt++;
	return m;
}

static bool
mark_may_become(const struct m_order *m, uint8_t mark)
{
	if (m->mark == mark)
		return true;
	if (m->side != SIDE_SELL)
		return false;
	return mark == INTENT_SHORT || (mark == INTENT_SHORT_EXEMPT && m->mark == 0);
}

/* True when it is to be sent; *token: what it names. */
static bool
m_order_request(const struct order *in, uint32_t *token)
{
	struct m_order *m = named(in->kind == INTENT_NEW ? in->intent_id : in->orig_id);
	const uint8_t asked = in->flags & (INTENT_SHORT | INTENT_SHORT_EXEMPT);
	uint32_t left;
	bool rests;

	if (!is_up)
		return m_refuse(in, m), false;
	if (in->kind == INTENT_NEW) {
		if (m != NULL && !m->ended)
			return m_refuse(in, m), false;
		m = m_new(next_token, in->intent_id, 0);
		m->total = m->open = in->qty;
		m->reserved = in->reserve_qty;
		m->px4 = in->px4;
		m->instr = in->head.instr_idx;
		m->side = in->side;
		*token = next_token++;
		return true;
	}
	if (m == NULL || m->ended)
		return m_refuse(in, m), false;
	rests = m->answered && !m->unknown && !m->cancel && m->heir == 0;
	left = in->qty > m->done ? in->qty - m->done : 0;
	*token = m->heir != 0 ? m->heir : m->token;
	switch (in->kind) {
	case INTENT_CANCEL:
		if (m->cancel && !m->unknown && !(m->reducing && in->qty == 0))
			return m_refuse(in, m), false;
		if (in->qty != 0 && (m->heir != 0 || m->unknown))
			return m_refuse(in, m), false;
		if (in->qty != 0 && (left == 0 || left >= m->open))
			return m_refuse(in, m), false;
		if (m->unknown)
			return true; // nobody knows whether it will be answered
		m->cancel = true;
		m->reducing = in->qty != 0;
		did.cancel_behind_replace += m->heir != 0;
		m->heir_cancel = m->heir != 0;
		return true;
	case INTENT_MODIFY:
		if (m->unknown || m->cancel || m->heir != 0 ||
		    !mark_may_become(m, asked == 0 ? m->mark : asked) || left == 0 ||
		    left > m->open || (left == m->open && (asked == 0 || asked == m->mark)))
			return m_refuse(in, m), false;
		return true;
	default:
		if (!rests || left == 0 || left > m->reserved + in->reserve_qty) {
			did.stale_replace += rests;
			return m_refuse(in, m), false;
		}
		m->heir = *token = next_token++;
		m->heir_total = in->qty;
		m->heir_px4 = in->px4;
		m->reserved += in->reserve_qty;
		token_is(m->heir, HEIR, m);
		open_cnt++;
		return true;
	}
}

/* ---- reports, as the model sees them ---- */

static struct m_order *
m_adopt(const struct report *rep)
{
	struct m_order *m;

	if (rep->instr_idx == INSTR_NONE)
		return NULL;
	m = m_new(rep->token, rep->token, STRATEGY_NONE);
	m->total = m->open = rep->qty;
	m->px4 = (uint32_t)rep->px4;
	m->instr = rep->instr_idx;
	m->side = rep->side;
	did.adopted++;
	return m;
}

static void
m_accepted(struct m_order *m, const struct report *rep)
{
	if (m->ended || m->answered)
		return illegal();
	m->answered = true;
	did.accepted++;
	if (rep->qty < m->total && !rep->dead) {
		const uint32_t less = m->total - rep->qty;

		m->total = rep->qty;
		m->open -= less < m->open ? less : m->open;
		trim(m);
		did.taken_less++;
	}
	m->unknown = false;
	if (rep->dead || m->open == 0) {
		ends(m, ORDER_CANCELED);
		did.dead++;
	}
	to_risk_if_any(m);
	to_strategy(m);
}

static void
m_rejected(struct m_order *m, bool is_heir)
{
	if (is_heir) {
		heir_ends(m);
		m->cancel = m->unknown = false;
		trim(m);
		want.f.reserved_px4 = m->px4;
		to_risk(m);
		to_strategy(m);
		did.replace_rejected++;
		return;
	}
	if (m->ended || m->answered)
		return illegal();
	ends(m, ORDER_REJECTED);
	to_strategy(m);
	did.rejected++;
}

static struct m_execution *
execution_of(uint32_t token, uint64_t match_ref)
{
	for (uint32_t i = 0; i < exe_cnt; i++)
		if (exe[i].token == token && exe[i].match_ref == match_ref)
			return &exe[i];
	return NULL;
}

static void
m_executed(struct m_order *m, const struct m_token *t, const struct report *rep)
{
	const bool current = t->role == CURRENT;

	if (execution_of(rep->token, rep->match_ref) != NULL) {
		did.duplicate++;
		return;
	}
	CHECK(exe_cnt < EXECUTIONS);
	exe[exe_cnt++] = (struct m_execution){ .match_ref = rep->match_ref,
					       .token = rep->token,
					       .qty = rep->qty,
					       .px4 = (uint32_t)rep->px4,
					       .instr = m->instr,
					       .side = m->side,
					       .strategy = m->strategy,
					       .name = m->name };
	want.f.executed_qty = rep->qty;
	want.f.px4 = (uint32_t)rep->px4;
	if (current) {
		did.executed++;
		did.excess += rep->qty > m->open;
		did.executed_before_accepted += !m->answered;
		m->done += rep->qty;
		m->open -= rep->qty < m->open ? rep->qty : m->open;
		trim(m);
		if (m->open == 0) {
			ends(m, ORDER_FILLED);
			did.filled++;
		}
	} else {
		did.late++;
	}
	to_risk(m);
	to_strategy(m);
	want.executed = rep->qty;
	if (!current) { // the entry's own state, which is not the order's
		want.state = t->role == PAST  ? t->end
			     : m->unknown     ? ORDER_UNKNOWN
			     : m->heir_cancel ? ORDER_PENDING_CANCEL
					      : ORDER_PENDING_NEW;
		want.open = 0;
	}
}

static void
from_execution(const struct m_execution *x)
{
	want.made = ORDERS_FILL;
	want.f.intent_id = x->name;
	want.f.strategy_idx = x->strategy;
	want.f.side = x->side;
	want.f.head.instr_idx = x->instr;
	want.f.executed_qty = x->qty;
	want.f.px4 = x->px4;
}

static void
m_broken(struct m_execution *x, const struct m_token *t)
{
	const struct m_order *m = t == NULL ? NULL : &ord[t->order];

	if (x->broken)
		return;
	x->broken = true;
	did.broken++;
	from_execution(x);
	want.f.broken = 1;
	want.made |= ORDERS_UPDATE;
	want.name = x->name;
	want.strategy = x->strategy;
	want.executed = x->qty;
	want.state = m == NULL            ? ORDER_FILLED
		     : t->role == CURRENT ? (uint8_t)state_of(m)
		     : t->role == PAST    ? t->end
		     : m->unknown         ? ORDER_UNKNOWN
		     : m->heir_cancel     ? ORDER_PENDING_CANCEL
					  : ORDER_PENDING_NEW;
	want.open = m != NULL && t->role == CURRENT ? m->open : 0;
}

static void
m_corrected(struct m_execution *x, const struct report *rep)
{
	if (x->broken || x->px4 == rep->px4)
		return;
	want.illegal = 0;
	want.unknown = rep->qty != x->qty; // somebody should look
	want.f.was_px4 = x->px4;
	want.f.corrected = 1;
	x->px4 = (uint32_t)rep->px4;
	from_execution(x);
	did.corrected++;
}

static void
m_canceled(struct m_order *m, const struct report *rep)
{
	const uint32_t qty = rep->qty < m->open ? rep->qty : m->open;

	m->open -= qty;
	trim(m);
	if (m->open == 0) {
		ends(m, ORDER_CANCELED);
		did.canceled_all++;
	} else {
		if (m->cancel && m->reducing)
			m->cancel = m->reducing = false; // it was what we asked for
		did.canceled_some++;
	}
	to_risk_if_any(m);
	to_strategy(m);
}

static void
m_modified(struct m_order *m, const struct report *rep)
{
	m->mark = rep->mark;
	did.modified++;
	did.modified_up += rep->qty > m->open;
	if (rep->qty == 0) {
		m->open = 0;
		ends(m, ORDER_CANCELED);
	} else if (rep->qty != m->open) {
		m->open = rep->qty;
		trim(m);
	}
	to_risk_if_any(m);
	to_strategy(m);
}

static void
m_replaced(const struct report *rep)
{
	struct m_token *ta = token_of(rep->orig_token), *tb = token_of(rep->token);
	struct m_order *a = ta == NULL ? NULL : &ord[ta->order];
	const bool a_works = ta != NULL && ta->role != PAST;
	const uint32_t left = rep->dead ? 0 : rep->qty;
	struct m_order *m;

	if (a_works && (ta->role == HEIR || state_of(a) == ORDER_PENDING_NEW))
		return illegal();
	if (a_works && tb == NULL && rep->instr_idx != INSTR_NONE &&
	    (rep->instr_idx != a->instr || rep->side != a->side))
		return illegal();
	if (tb != NULL && (tb->role != HEIR || !a_works || a->heir != rep->token))
		return illegal();
	if (tb == NULL && rep->instr_idx == INSTR_NONE) {
		want.unknown = 1;
		return;
	}
	if (!a_works) { // of an earlier process
		m = m_adopt(rep);
		m->open = left;
		m->answered = true;
	} else {
		m = a;
		did.adopted_over_ours += tb == NULL;
		did.adopted += tb == NULL;
		if (m->heir != 0 && tb == NULL)
			heir_ends(m);
		m->total = tb == NULL ? rep->qty : m->heir_total;
		m->px4 = tb == NULL ? (uint32_t)rep->px4 : m->heir_px4;
		if (tb == NULL) {
			m->heir_cancel = false;
			open_cnt++;
		}
		token_ends(m->token, ORDER_REPLACED);
		m->token = rep->token;
		token_is(m->token, CURRENT, m);
		m->cancel = m->heir_cancel;
		m->reducing = m->unknown = m->heir_cancel = false;
		m->heir = 0;
		m->open = left;
		m->answered = true;
	}
	did.replaced++;
	trim(m);
	want.f.replace_done |= tb != NULL; // otherwise no replace of ours was answered
	want.f.reserved_px4 = m->px4;
	to_risk(m);
	if (left == 0) {
		ends(m, ORDER_CANCELED);
		did.replaced_dead++;
	}
	to_strategy(m);
}

static void
m_report(const struct report *rep)
{
	struct m_token *t = token_of(rep->token);
	struct m_order *m = t == NULL ? NULL : &ord[t->order];
	struct m_execution *x = execution_of(rep->token, rep->match_ref);
	const bool works = t != NULL && t->role == CURRENT;

	if (rep->type != REPORT_NONE && rep->token >= next_token)
		next_token = rep->token + 1;
	switch ((enum report_type)rep->type) {
	case REPORT_REPLACED:
		return m_replaced(rep);
	case REPORT_TRADE_BROKEN:
		want.unknown = x == NULL;
		return x == NULL ? (void)0 : m_broken(x, t);
	case REPORT_CORRECTED:
		want.unknown = x == NULL;
		return x == NULL ? (void)0 : m_corrected(x, rep);
	case REPORT_RESTATED:
	case REPORT_NONE:
	case REPORT_TYPE_CNT:
		return;
	case REPORT_ACCEPTED:
		if (t == NULL)
			m = m_adopt(rep);
		if (m == NULL)
			break;
		if (t != NULL && t->role != CURRENT)
			return illegal();
		return m_accepted(m, rep);
	default:
		break;
	}
	if (t == NULL) {
		want.unknown = 1;
		did.unknown++;
		return;
	}
	switch ((enum report_type)rep->type) {
	case REPORT_EXECUTED:
		return m_executed(m, t, rep);
	case REPORT_PRIORITY:
		return;
	case REPORT_REJECTED:
		if (t->role == PAST)
			return illegal();
		return m_rejected(m, t->role == HEIR);
	case REPORT_CANCELED:
		return works ? m_canceled(m, rep) : illegal();
	case REPORT_MODIFIED:
		return works ? m_modified(m, rep) : illegal();
	case REPORT_CANCEL_PENDING:
		if (!works || state_of(m) == ORDER_PENDING_NEW)
			return illegal();
		if (m->heir == 0 && !m->unknown)
			m->cancel = true;
		did.cancel_pending++;
		return to_strategy(m);
	case REPORT_CANCEL_REJECTED:
		if (!works || state_of(m) == ORDER_PENDING_NEW ||
		    (state_of(m) == ORDER_PENDING_CANCEL && m->heir != 0))
			return illegal();
		m->cancel = m->reducing = false;
		did.cancel_rejected++;
		return to_strategy(m);
	default:
		return;
	}
}

/* ---- risk, as the model sees it ---- */

static bool
m_intent(const struct intent *in, uint32_t *reserve_qty)
{
	struct m_reserve *v = &res[in->kind == INTENT_NEW ? in->intent_id : in->orig_id];
	uint32_t left;

	*reserve_qty = 0;
	if (in->kind == INTENT_CANCEL || in->kind == INTENT_MODIFY)
		return true;
	if (in->kind == INTENT_NEW) {
		if (v->there)
			return false;
		*v = (struct m_reserve){ .qty = in->qty,
					 .px4 = (uint32_t)in->px4,
					 .instr = in->head.instr_idx,
					 .side = in->side,
					 .there = true };
		*reserve_qty = in->qty;
		return true;
	}
	if (!v->there || v->instr != in->head.instr_idx || v->side != in->side || v->replacing)
		return false;
	left = in->qty > v->done ? in->qty - v->done : 0;
	if (left == 0)
		return false;
	*reserve_qty = left > v->qty ? left - v->qty : 0;
	v->qty += *reserve_qty;
	v->px4 = in->px4 > v->px4 ? (uint32_t)in->px4 : v->px4;
	v->replacing = true;
	return true;
}

static void
m_fill(const struct fill *f)
{
	const int64_t sign = (f->side == SIDE_BUY) != f->broken ? 1 : -1;
	const uint16_t i = f->head.instr_idx;
	struct m_reserve *v = f->strategy_idx == 0 ? &res[f->intent_id] : NULL;

	if (f->corrected) {
		cash_ntl4[i] -= sign * ((int64_t)f->px4 - f->was_px4) * f->executed_qty;
		return;
	}
	position[i] += sign * f->executed_qty;
	cash_ntl4[i] -= sign * (int64_t)f->px4 * f->executed_qty;
	if (v == NULL || !v->there || v->instr != i)
		return;
	CHECK(f->released_qty <= v->qty);
	v->qty -= f->released_qty;
	v->done += f->broken ? 0 : f->executed_qty;
	if (f->reserved_px4 != 0)
		v->px4 = f->reserved_px4;
	// a replace that left before risk heard of the end is answered on its own
	if (f->order_gone && (!v->replacing || f->replace_done)) {
		CHECK(v->qty == 0);
		v->there = false;
	}
	if (f->replace_done)
		v->replacing = false;
}

#endif
