/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "base/compiler.h"
#include "wire/itch50.h"

enum {
	LOCATE = 14,
	MESSAGE_MAX = 64,
	LIVE_MAX = 200,
	TICK_PX4 = 100,
	START_PX4 = 1000000,
};

struct live {
	uint64_t ref;
	uint32_t qty;
	uint32_t px4;
	uint8_t side;
};

/* One instrument's orders and price. */
struct market {
	uint16_t locate;
	char symbol[9];
	uint32_t mid_px4;
	unsigned live_cnt;
	struct live live[LIVE_MAX];
};

struct maker {
	struct flow *f;
	uint64_t rng;
	uint64_t ts_ns;
	uint64_t next_ref;
	struct market *k; // the one being told about
	struct market market[FLOW_INSTR_MAX];
};

static uint32_t
below(struct maker *m, uint32_t n)
{
	m->rng ^= m->rng << 13; // xorshift64
	m->rng ^= m->rng >> 7;
	m->rng ^= m->rng << 17;
	return (uint32_t)(m->rng >> 33) % n;
}

static void
emit(struct maker *m, void *msg, uint16_t len)
{
	struct itch50_head *h = msg;
	const be16 be_len = be16_of(len);

	m->ts_ns += 1000 + below(m, 100000);
	h->locate = be16_of(h->type == 'S' ? 0 : m->k->locate);
	h->ts_ns = be48_of(m->ts_ns);
	memcpy(m->f->data + m->f->len, &be_len, sizeof(be_len));
	memcpy(m->f->data + m->f->len + sizeof(be_len), msg, len);
	m->f->len += sizeof(be_len) + len;
	m->f->msg_cnt++;
}

static void
emit_system(struct maker *m, char code)
{
	struct itch50_system_event s = { .head.type = 'S', .event = (uint8_t)code };

	emit(m, &s, sizeof(s));
}

/* A price that does not cross the other side. */
static uint32_t
pick_price(struct maker *m, uint8_t side)
{
	const uint32_t off_px4 = TICK_PX4 * (1 + below(m, 5));

	return side == 'B' ? m->k->mid_px4 - off_px4 : m->k->mid_px4 + off_px4;
}

static void
drop(struct maker *m, unsigned i)
{
	m->k->live[i] = m->k->live[--m->k->live_cnt];
}

static void
add(struct maker *m)
{
	struct live *o = &m->k->live[m->k->live_cnt++];
	struct itch50_add_order a = { .head.type = 'A' };

	o->side = below(m, 2) ? 'B' : 'S';
	o->ref = m->next_ref++;
	o->qty = 100 * (1 + below(m, 9));
	o->px4 = pick_price(m, o->side);
	a.order_ref = be64_of(o->ref);
	a.side = o->side;
	a.qty = be32_of(o->qty);
	memcpy(a.symbol, m->k->symbol, 8);
	a.px4 = be32_of(o->px4);
	emit(m, &a, sizeof(a));
}

/* The price steps only when no order is left that it would cross. */
static void
walk(struct maker *m)
{
	const uint32_t next_px4 = below(m, 2) ? m->k->mid_px4 + TICK_PX4 : m->k->mid_px4 - TICK_PX4;

	for (unsigned i = 0; i < m->k->live_cnt; i++)
		if (m->k->live[i].px4 == next_px4)
			return;
	m->k->mid_px4 = next_px4;
}

static void
change(struct maker *m)
{
	const unsigned i = below(m, m->k->live_cnt);
	struct live *o = &m->k->live[i];

	switch (below(m, 10)) {
	case 0: {
		struct itch50_order_executed e = { .head.type = 'E' };
		const uint32_t qty = below(m, 2) ? o->qty : o->qty / 2;

		e.order_ref = be64_of(o->ref);
		e.qty = be32_of(qty);
		e.match_ref = be64_of(m->next_ref++);
		emit(m, &e, sizeof(e));
		o->qty -= qty;
		if (o->qty == 0)
			drop(m, i);
		break;
	}
	case 1: {
		struct itch50_order_cancel x = { .head.type = 'X' };

		if (o->qty < 200)
			return;
		x.order_ref = be64_of(o->ref);
		x.qty = be32_of(100);
		o->qty -= 100;
		emit(m, &x, sizeof(x));
		break;
	}
	case 2:
	case 3: {
		struct itch50_order_replace u = { .head.type = 'U' };

		u.orig_ref = be64_of(o->ref);
		o->ref = m->next_ref++;
		o->qty = 100 * (1 + below(m, 9));
		o->px4 = pick_price(m, o->side);
		u.new_ref = be64_of(o->ref);
		u.qty = be32_of(o->qty);
		u.px4 = be32_of(o->px4);
		emit(m, &u, sizeof(u));
		break;
	}
	default: {
		struct itch50_order_delete d = { .head.type = 'D' };

		d.order_ref = be64_of(o->ref);
		emit(m, &d, sizeof(d));
		drop(m, i);
	}
	}
}

/* What a day begins with, of one instrument. */
static void
emit_directory(struct maker *m)
{
	struct itch50_stock_directory r = { .head.type = 'R' };

	memcpy(r.symbol, m->k->symbol, 8);
	r.round_lot_qty = be32_of(100);
	r.authenticity = 'P';
	emit(m, &r, sizeof(r));
}

static void
emit_open(struct maker *m)
{
	struct itch50_trading_action h = { .head.type = 'H' };

	memcpy(h.symbol, m->k->symbol, 8);
	h.state = 'T';
	emit(m, &h, sizeof(h));
}

void
flow_symbol(unsigned i, char symbol[9])
{
	if (i == 0)
		memcpy(symbol, "AAPL    ", 9);
	else
		snprintf(symbol, 9, "SYM%02u   ", i % 100);
}

void
flow_make(struct flow *f, uint32_t msg_cnt, uint64_t seed)
{
	flow_make_many(f, msg_cnt, seed, 1);
}

void
flow_make_many(struct flow *f, uint32_t msg_cnt, uint64_t seed, unsigned instr_cnt)
{
	struct maker *m = calloc(1, sizeof(*m));

	*f = (struct flow){ .data = malloc((size_t)(msg_cnt + 2 * FLOW_INSTR_MAX + 8) *
					   MESSAGE_MAX) };
	if (m == NULL || f->data == NULL || instr_cnt == 0 || instr_cnt > FLOW_INSTR_MAX)
		abort();
	*m = (struct maker){ .f = f, .rng = seed * 2 + 1, .ts_ns = 34200000000000, .next_ref = 1 };
	for (unsigned i = 0; i < instr_cnt; i++) {
		m->market[i].locate = (uint16_t)(LOCATE + i);
		m->market[i].mid_px4 = START_PX4;
		flow_symbol(i, m->market[i].symbol);
	}
	m->k = m->market;
	emit_system(m, 'O');
	for (m->k = m->market; m->k < m->market + instr_cnt; m->k++)
		emit_directory(m);
	emit_system(m, 'S');
	for (m->k = m->market; m->k < m->market + instr_cnt; m->k++)
		emit_open(m);
	emit_system(m, 'Q');
	while (f->msg_cnt < msg_cnt) {
		m->k = &m->market[instr_cnt > 1 ? below(m, instr_cnt) : 0];
		if (m->k->live_cnt < 10 || (m->k->live_cnt < LIVE_MAX && below(m, 100) < 48))
			add(m);
		else
			change(m);
		if (below(m, 20) == 0)
			walk(m);
	}
	free(m);
}

void
flow_free(struct flow *f)
{
	free(f->data);
}
