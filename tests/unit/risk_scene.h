/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_RISK_SCENE_H
#define SLUICE_TESTS_UNIT_RISK_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "decision/risk.h"

/* One situation: everything a judgement depends on.  A case changes one thing of a good one. */
struct scene {
	struct risk r;
	struct risk_limits lim;
	struct mark mark;
	struct intent in;
};

enum {
	IDX = 1,
	INSTR_CNT = 4,
	NOW_S = 1000,
	SCENE_BYTES = 4 << 20,
};

static struct arena arena;
static struct scene scene;

/* One copy of each for all cases: a sanitizer's build of an inlined stage takes half a minute. */
HOT_APART static bool
on_intent(struct risk *r, const struct risk_limits *lim, const struct intent *in, struct order *out,
	  struct verdict *no)
{
	return risk_on_intent(r, lim, in, out, no);
}

HOT_APART static void
on_fill(struct risk *r, const struct fill *f)
{
	risk_on_fill(r, f);
}

HOT_APART static void
on_mark(struct risk *r, const struct mark *m)
{
	risk_on_mark(r, m);
}

static inline void
scene_start(struct scene *s)
{
	const struct risk_config c = { .instr_cnt = INSTR_CNT, .open_orders_max = 64 };

	memset(s, 0, sizeof(*s));
	memset(arena.base, 0, arena.used_bytes);
	arena.used_bytes = 0;
	assert_int_equal(risk_init(&s->r, &c, &arena), 0);
	halt_lift(HALT_DISARMED);
	halt_lift(HALT_OPERATOR);
	halt_lift(HALT_CONTROL);
	risk_limits_init(&s->lim);
	s->lim.version = 7;
	s->lim.armed = 1;
	s->lim.self_match = 1;
	s->lim.node[RISK_NODE_FIRM].order_rate_max = 10;
	s->lim.order_rate_window_ns = NS_PER_SEC;
	s->lim.instr_cnt = INSTR_CNT;
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = 1000000000000;
	for (int i = 1; i < INSTR_CNT; i++)
		s->lim.instr[i] = (struct risk_instr_limits){
			.order_max_ntl4 = 1000000000,
			.order_max_qty = 500,
			.open_max_qty = 2000,
			.position_max_qty = 3000,
			.collar_bp = 500,
			.tick_px4 = TICK_FREE,
			.allowed = 1,
			.short_allowed = 1,
		};
	s->mark = (struct mark){
		.head.instr_idx = IDX,
		.bid_px4 = 999900,
		.ask_px4 = 1000100,
		.last_px4 = 1000000,
		.confidence = CONFIDENCE_LIVE,
		.state = TRADING_OPEN,
		.short_sale = '0',
	};
	s->in = (struct intent){
		.head = { .instr_idx = IDX, .rx_ns = NOW_S * NS_PER_SEC },
		.px4 = 1000000,
		.qty = 100,
		.intent_id = 1,
	};
}

static inline bool
judged(struct scene *s, struct order *out, struct verdict *no)
{
	on_mark(&s->r, &s->mark);
	return on_intent(&s->r, &s->lim, &s->in, out, no);
}

static inline void
send(struct scene *s, uint32_t id, uint8_t side, int64_t px4, uint32_t qty)
{
	struct intent in = s->in;
	struct verdict no;
	struct order out;

	in.intent_id = id;
	in.side = side;
	in.px4 = px4;
	in.qty = qty;
	in.kind = INTENT_NEW;
	on_mark(&s->r, &s->mark);
	assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
	for (uint32_t k = 0; k < s->r.node_cnt; k++) { // rates are not what the case is about
		struct risk_node *n = &s->r.node[k];

		n->order_cnt = risk_order_left(n); // none
		risk_rate_settle(&s->r, n);
	}
}

static inline struct fill
fill_of(uint32_t id, uint8_t side, uint32_t executed_qty, uint32_t released_qty, bool gone)
{
	return (struct fill){
		.head.instr_idx = IDX,
		.px4 = 1000000,
		.intent_id = id,
		.executed_qty = executed_qty,
		.released_qty = released_qty,
		.side = side,
		.order_gone = gone,
	};
}

static inline void
hold(struct scene *s, int64_t position_qty)
{
	struct fill f;

	f = fill_of(9999, position_qty < 0 ? SIDE_SELL : SIDE_BUY,
		    (uint32_t)(position_qty < 0 ? -position_qty : position_qty), 0, false);
	on_mark(&s->r, &s->mark);
	on_fill(&s->r, &f);
}

#endif
