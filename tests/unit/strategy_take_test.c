/* SPDX-License-Identifier: Apache-2.0 */
#include "strategy_scene.h"

static int64_t
position(void)
{
	return s.take.instr[s.base.slot_of[IDX]].position_qty;
}

static const struct {
	const char *what;
	uint32_t bid_px4, ask_px4, bid_qty, ask_qty;
	uint8_t confidence, state;
	uint32_t want_qty; // 0: nothing is sent
	uint8_t want_side;
	size_t held; // the counter that says why
} LOOKS[] = {
// clang-format off
#define HELD(name) offsetof(struct strategy_metrics, name)
#define GOOD CONFIDENCE_LIVE, TRADING_OPEN
	{ "bid exactly at the threshold",  1000000, 1000100, 700, 300, GOOD, 100, SIDE_BUY, 0 },
	{ "bid one share below it",        1000000, 1000100, 699, 301, GOOD, 0, 0, 0 },
	{ "offer exactly at the threshold", 1000000, 1000100, 300, 700, GOOD, 100, SIDE_SELL, 0 },
	{ "offer one share below it",      1000000, 1000100, 301, 699, GOOD, 0, 0, 0 },
	{ "largest quantities",            1000000, 1000100, UINT32_MAX, 1, GOOD, 1, SIDE_BUY, 0 },
	{ "largest on both sides",         1000000, 1000100, UINT32_MAX, UINT32_MAX, GOOD, 0, 0, 0 },
	{ "no more than the offer shows",  1000000, 1000100, 700, 40, GOOD, 40, SIDE_BUY, 0 },
	{ "no more than the bid shows",    1000000, 1000100, 30, 700, GOOD, 30, SIDE_SELL, 0 },
	{ "narrowest spread allowed",      1000000, 1000100, 700, 300, GOOD, 100, SIDE_BUY, 0 },
	{ "spread too narrow",             1000000, 1000099, 700, 300, GOOD, 0, 0, HELD(held_by_spread) },
	{ "widest spread allowed",         1000000, 1000500, 700, 300, GOOD, 100, SIDE_BUY, 0 },
	{ "spread too wide",               1000000, 1000501, 700, 300, GOOD, 0, 0, HELD(held_by_spread) },
	{ "locked",                        1000000, 1000000, 700, 300, GOOD, 0, 0, HELD(held_by_book) },
	{ "crossed",                       1000100, 1000000, 700, 300, GOOD, 0, 0, HELD(held_by_book) },
	{ "no bid",                        0,       1000100, 0,   300, GOOD, 0, 0, HELD(held_by_book) },
	{ "no offer",                      1000000, 0,       700, 0,   GOOD, 0, 0, HELD(held_by_book) },
	{ "stale",    1000000, 1000100, 700, 300, CONFIDENCE_STALE,      TRADING_OPEN,   0, 0, HELD(held_by_book) },
	{ "suspect",  1000000, 1000100, 700, 300, CONFIDENCE_SUSPECT,    TRADING_OPEN,   0, 0, HELD(held_by_book) },
	{ "recovering", 1000000, 1000100, 700, 300, CONFIDENCE_RECOVERING, TRADING_OPEN, 0, 0, HELD(held_by_book) },
	{ "halted",   1000000, 1000100, 700, 300, CONFIDENCE_LIVE, TRADING_HALTED,       0, 0, HELD(held_by_book) },
	{ "quotes only", 1000000, 1000100, 700, 300, CONFIDENCE_LIVE, TRADING_QUOTATION_ONLY, 0, 0, HELD(held_by_book) },
	{ "state unknown", 1000000, 1000100, 700, 300, CONFIDENCE_LIVE, TRADING_UNKNOWN, 0, 0, HELD(held_by_book) },
	// clang-format on
};

static void
each_look_takes_or_says_why_not(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_TAKE);

	c.spread_min_px4 = 100;
	c.spread_max_px4 = 500;
	for (size_t n = 0; n < ARRAY_CNT(LOOKS); n++) {
		unsigned cnt;

		start(&c);
		book.bid_px4 = LOOKS[n].bid_px4;
		book.ask_px4 = LOOKS[n].ask_px4;
		book.bid_qty = LOOKS[n].bid_qty;
		book.ask_qty = LOOKS[n].ask_qty;
		book.confidence = LOOKS[n].confidence;
		book.state = LOOKS[n].state;
		cnt = look();
		if (cnt != (LOOKS[n].want_qty != 0) ||
		    (cnt == 1 &&
		     (out[0].qty != LOOKS[n].want_qty || out[0].side != LOOKS[n].want_side)))
			fail_msg("%s: %u intents of %u", LOOKS[n].what, cnt, out[0].qty);
		if (LOOKS[n].held != 0 &&
		    *(uint64_t *)((uint8_t *)&s.base.metrics + LOOKS[n].held) != 1)
			fail_msg("%s: not counted", LOOKS[n].what);
		if (cnt == 0)
			continue;
		assert_int_equal(out[0].kind, INTENT_NEW);
		assert_int_equal(out[0].tif, TIF_IOC);
		assert_int_equal(out[0].session_idx, SESSION);
		assert_int_equal(out[0].strategy_idx, STRATEGY_IDX);
		assert_int_equal(out[0].px4,
				 out[0].side == SIDE_BUY ? LOOKS[n].ask_px4 : LOOKS[n].bid_px4);
	}
}

static void
one_order_at_a_time(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);
	uint32_t id;

	start(&c);
	assert_int_equal(look(), 1);
	id = out[0].intent_id;
	assert_int_equal(look_later(1000000), 0);
	assert_int_equal(s.base.metrics.held_by_pending, 1);
	answer(id, SIDE_BUY, REPORT_ACCEPTED, ORDER_LIVE, 0, 1000100);
	assert_int_equal(look_later(1000000), 0);
	answer(id, SIDE_BUY, REPORT_EXECUTED, ORDER_PARTIALLY_FILLED, 30, 1000100);
	assert_int_equal(look_later(1000000), 0);
	answer(id, SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 1000100);
	assert_int_equal(position(), 30);
	assert_int_equal(look_later(1000000), 1);
	assert_int_not_equal(out[0].intent_id, id);
}

static void
the_cooldown_ends_on_its_last_nanosecond(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);

	start(&c);
	assert_int_equal(look(), 1);
	answer(out[0].intent_id, SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 0);
	assert_int_equal(look_later(999), 0);
	assert_int_equal(s.base.metrics.held_by_cooldown, 1);
	assert_int_equal(look_later(1), 1);
}

static void
the_position_never_passes_its_limit(void **unused)
{
	static const uint32_t WANT[] = { 100, 100, 50 };
	const struct strategy_config c = config_of(STRATEGY_TAKE);

	start(&c);
	for (size_t n = 0; n < ARRAY_CNT(WANT); n++) {
		assert_int_equal(look_later(10000), 1);
		assert_int_equal(out[0].qty, WANT[n]);
		answer(out[0].intent_id, SIDE_BUY, REPORT_EXECUTED, ORDER_FILLED, out[0].qty, 0);
	}
	assert_int_equal(look_later(10000), 0);
	assert_int_equal(s.base.metrics.held_by_position, 1);
	book.bid_qty = 300; // the other way has room for all of it, and more
	book.ask_qty = 700;
	assert_int_equal(look_later(10000), 1);
	assert_int_equal(out[0].side, SIDE_SELL);
	assert_int_equal(out[0].qty, 100);
}

/* A short position mirrors it; a break gives the shares back. */
static void
executions_and_breaks_move_the_position(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);

	start(&c);
	answer(77, SIDE_SELL, REPORT_EXECUTED, ORDER_FILLED, 300, 0); // late: of no order we follow
	assert_int_equal(position(), -300);
	assert_int_equal(s.base.metrics.answer_foreign, 1);
	book.bid_qty = 300;
	book.ask_qty = 700;
	assert_int_equal(look_later(10000), 0); // beyond the limit: no more sales
	answer(77, SIDE_SELL, REPORT_TRADE_BROKEN, ORDER_FILLED, 100, 0);
	assert_int_equal(position(), -200);
	assert_int_equal(s.base.metrics.execution_broken, 1);
	assert_int_equal(look_later(10000), 1);
	assert_int_equal(out[0].qty, 50);
}

static void
each_refusal_doubles_the_wait_up_to_a_second(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);
	uint64_t want_ns = BACKOFF_MIN_NS;

	start(&c);
	assert_int_equal(look(), 1);
	for (unsigned n = 0; n < 14; n++) {
		if (n % 2 != 0)
			refuse(&out[0]);
		else
			answer(out[0].intent_id, SIDE_BUY, REPORT_REJECTED, ORDER_REJECTED, 0, 0);
		assert_int_equal(look_later(want_ns - 1), 0);
		assert_int_equal(look_later(1), 1);
		want_ns = want_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : want_ns * 2;
	}
	assert_int_equal(want_ns, BACKOFF_MAX_NS);
	assert_int_equal(s.base.metrics.verdict_refused, 7);
	assert_int_equal(s.base.metrics.order_refused, 7);
	answer(out[0].intent_id, SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 0);
	assert_int_equal(look_later(1000), 1); // one that came through forgets them
}

static void
an_unknown_fate_holds_until_it_is_settled(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);

	start(&c);
	assert_int_equal(look(), 1);
	answer(out[0].intent_id, SIDE_BUY, REPORT_NONE, ORDER_UNKNOWN, 0, 0);
	assert_int_equal(s.base.metrics.order_unknown, 1);
	assert_int_equal(look_later(NS_PER_SEC), 0);
	answer(s.take.instr[1].id, SIDE_BUY, REPORT_REJECTED, ORDER_REJECTED, 0, 0);
	assert_int_equal(look_later(BACKOFF_MIN_NS), 1);
}

static void
answers_for_others_change_nothing(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_TAKE);
	struct intent other;

	start(&c);
	assert_int_equal(look(), 1);
	other = out[0];
	other.intent_id++;
	refuse(&other);
	answer(other.intent_id, SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 0);
	assert_int_equal(s.base.metrics.answer_foreign, 2);
	assert_int_equal(look_later(10000), 0);
	answer(out[0].intent_id == 0 ? 1 : s.take.instr[1].id, SIDE_BUY, REPORT_CANCELED,
	       ORDER_CANCELED, 0, 0);
	answer(other.intent_id - 1, SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 0); // twice
	assert_int_equal(s.base.metrics.answer_foreign, 3);
	book.head.instr_idx = IDX + 1;
	assert_int_equal(look_later(10000), 0);
	assert_int_equal(s.base.metrics.bbo_foreign, 1);
	book.head.instr_idx = INSTR_MAX;
	assert_int_equal(look_later(10000), 0);
	assert_int_equal(s.base.metrics.bbo_foreign, 2);
}

static void
impossible_configurations_are_refused(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_TAKE);

	start(&c);
	c.qty = 0;
	assert_int_equal(strategy_init(&s, &c, &arena), -EINVAL);
	c = config_of(STRATEGY_KIND_CNT);
	assert_int_equal(strategy_init(&s, &c, &arena), -EINVAL);
	c = config_of(STRATEGY_TAKE);
	c.instr_cnt = 2; // the same instrument twice
	c.instr[1] = c.instr[0];
	assert_int_equal(strategy_init(&s, &c, &arena), -EINVAL);
	c.instr[1].instr_idx = INSTR_NONE;
	assert_int_equal(strategy_init(&s, &c, &arena), -EINVAL);
	c = config_of(STRATEGY_TAKE);
	arena.used_bytes = arena.size_bytes;
	assert_int_equal(strategy_init(&s, &c, &arena), -ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_look_takes_or_says_why_not),
		cmocka_unit_test(one_order_at_a_time),
		cmocka_unit_test(the_cooldown_ends_on_its_last_nanosecond),
		cmocka_unit_test(the_position_never_passes_its_limit),
		cmocka_unit_test(executions_and_breaks_move_the_position),
		cmocka_unit_test(each_refusal_doubles_the_wait_up_to_a_second),
		cmocka_unit_test(an_unknown_fate_holds_until_it_is_settled),
		cmocka_unit_test(answers_for_others_change_nothing),
		cmocka_unit_test(impossible_configurations_are_refused),
	};

	if (arena_open(&arena, ARENA_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
