/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_STRATEGY_SCENE_H
#define SLUICE_TESTS_UNIT_STRATEGY_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "decision/strategy.h"

/* One strategy on instrument 5, whose orders go to session 2, and a book that is good. */
enum {
	IDX = 5,
	SESSION = 2,
	STRATEGY_IDX = 3,
	ARENA_BYTES = 1 << 16,
};

#define T0_NS 1000000000000ULL

static struct arena arena;
static struct strategy s;
static struct bbo book;
static struct intent out[STRATEGY_INTENTS_MAX];

static inline struct strategy_config
config_of(enum strategy_kind kind)
{
	return (struct strategy_config){
		.kind = kind,
		.strategy_idx = STRATEGY_IDX,
		.qty = 100,
		.position_max_qty = 250,
		.imbalance_min_bp = 7000,
		.cooldown_ns = 1000,
		.instr_cnt = 1,
		.instr[0] = { .instr_idx = IDX, .session_idx = SESSION },
	};
}

static inline void
start(const struct strategy_config *c)
{
	memset(arena.base, 0, ARENA_BYTES);
	arena.used_bytes = 0;
	assert_int_equal(strategy_init(&s, c, &arena), 0);
	book = (struct bbo){
		.head = { .instr_idx = IDX, .rx_ns = T0_NS },
		.bid_px4 = 1000000,
		.ask_px4 = 1000100,
		.bid_qty = 700,
		.ask_qty = 300,
		.confidence = CONFIDENCE_LIVE,
		.state = TRADING_OPEN,
	};
}

static inline unsigned
look(void)
{
	memset(out, 0xEE, sizeof(out));
	return strategy_on_bbo(&s, &book, out);
}

static inline unsigned
look_later(uint64_t ns)
{
	book.head.rx_ns += ns;
	return look();
}

static inline void
answer(uint32_t id, enum side side, enum report_type cause, enum order_state state,
       uint32_t executed_qty, int64_t px4)
{
	const struct update u = {
		.head = { .instr_idx = IDX, .rx_ns = book.head.rx_ns },
		.px4 = px4,
		.intent_id = id,
		.executed_qty = executed_qty,
		.state = (uint8_t)state,
		.cause = (uint8_t)cause,
		.side = (uint8_t)side,
		.strategy_idx = STRATEGY_IDX,
	};

	strategy_on_update(&s, &u);
}

static inline void
refuse(const struct intent *in)
{
	const struct verdict v = {
		.head = { .instr_idx = IDX, .rx_ns = book.head.rx_ns },
		.intent_id = in->intent_id,
		.orig_id = in->orig_id,
		.kind = in->kind,
		.side = in->side,
		.strategy_idx = STRATEGY_IDX,
	};

	strategy_on_verdict(&s, &v);
}

#endif
