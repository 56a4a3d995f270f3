/* SPDX-License-Identifier: Apache-2.0 */
#include "strategy_scene.h"

static struct strategy_quote_instr *
ours(void)
{
	return &s.quote.instr[s.base.slot_of[IDX]];
}

/* Both sides live at the touch; names[] are theirs. */
static void
quote_both(const struct strategy_config *c, uint32_t names[2])
{
	start(c);
	assert_int_equal(look(), 2);
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(out[n].kind, INTENT_NEW);
		assert_int_equal(out[n].side, n);
		names[n] = out[n].intent_id;
		answer(names[n], (enum side)n, REPORT_ACCEPTED, ORDER_LIVE, 0, out[n].px4);
	}
}

static const struct {
	const char *what;
	uint32_t bid_px4, ask_px4, edge_px4;
	int64_t position_qty;
	uint32_t want_bid_px4, want_ask_px4; // 0: no order on that side
} PRICES[] = {
	// clang-format off
	{ "joins both",              1000000, 1000100, 0,   0,    1000000, 1000100 },
	{ "two cents behind",        1000000, 1000300, 200, 0,    999800,  1000500 },
	{ "off the tick goes away",  1000000, 1000300, 150, 0,    999800,  1000500 },
	{ "below a dollar",          9998,    9999,    1,   0,    9997,    10000 },
	{ "bid would be 0",          5,       9,       5,   0,    0,       14 },
	{ "99 held is not a step",   1000000, 1000100, 0,   99,   1000000, 1000100 },
	{ "100 held is one tick",    1000000, 1000100, 0,   100,  999900,  1000100 },
	{ "short: the offer goes up", 1000000, 1000100, 0,  -200, 1000000, 1000300 },
	{ "long to the limit",       1000000, 1000100, 0,   250,  0,       1000100 },
	{ "short to the limit",      1000000, 1000100, 0,   -250, 1000000, 0 },
	{ "at the venue's end",      PX4_MAX - 100, PX4_MAX, 100, 0, PX4_MAX - 200, 0 },
	// clang-format on
};

static void
each_price_stands_where_it_should(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);

	for (size_t n = 0; n < ARRAY_CNT(PRICES); n++) {
		uint32_t px4[2] = { 0 };
		unsigned cnt;

		c.edge_px4 = PRICES[n].edge_px4;
		start(&c);
		ours()->position_qty = PRICES[n].position_qty;
		book.bid_px4 = PRICES[n].bid_px4;
		book.ask_px4 = PRICES[n].ask_px4;
		cnt = look();
		for (unsigned k = 0; k < cnt; k++)
			px4[out[k].side] = (uint32_t)out[k].px4;
		if (px4[SIDE_BUY] != PRICES[n].want_bid_px4 ||
		    px4[SIDE_SELL] != PRICES[n].want_ask_px4)
			fail_msg("%s: %u and %u", PRICES[n].what, px4[0], px4[1]);
	}
}

static void
post_only_is_passed_on(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);

	start(&c);
	assert_int_equal(look(), 2);
	assert_int_equal(out[0].flags | out[1].flags, 0);
	assert_int_equal(out[0].tif, TIF_DAY);
	c.post_only = true;
	start(&c);
	assert_int_equal(look(), 2);
	assert_int_equal(out[0].flags & out[1].flags, INTENT_POST_ONLY);
}

/* What makes both orders leave: one thing about the book, looked at once they are live. */
static const struct {
	const char *what;
	uint8_t confidence, state;
	uint32_t ask_px4;
	bool leave;
} WITHDRAWALS[] = {
	{ "nothing", CONFIDENCE_LIVE, TRADING_OPEN, 1000100, false },
	{ "stale", CONFIDENCE_STALE, TRADING_OPEN, 1000100, true },
	{ "suspect", CONFIDENCE_SUSPECT, TRADING_OPEN, 1000100, true },
	{ "halted", CONFIDENCE_LIVE, TRADING_HALTED, 1000100, true },
	{ "paused", CONFIDENCE_LIVE, TRADING_PAUSED, 1000100, true },
	{ "crossed", CONFIDENCE_LIVE, TRADING_OPEN, 999900, true },
	{ "no offer", CONFIDENCE_LIVE, TRADING_OPEN, 0, true },
	{ "spread too wide", CONFIDENCE_LIVE, TRADING_OPEN, 1000600, true },
};

static void
a_book_nobody_trades_on_withdraws_both(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	c.spread_max_px4 = 500;
	for (size_t n = 0; n < ARRAY_CNT(WITHDRAWALS); n++) {
		quote_both(&c, names);
		book.confidence = WITHDRAWALS[n].confidence;
		book.state = WITHDRAWALS[n].state;
		book.ask_px4 = WITHDRAWALS[n].ask_px4;
		// at once: a cancel waits for no cooldown
		if (look() != (WITHDRAWALS[n].leave ? 2 : 0))
			fail_msg("%s", WITHDRAWALS[n].what);
		if (!WITHDRAWALS[n].leave)
			continue;
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(out[k].kind, INTENT_CANCEL);
			assert_int_equal(out[k].orig_id, names[k]);
			assert_int_equal(out[k].qty, 0);
		}
		assert_int_equal(look_later(NS_PER_SEC), 0); // once, while it waits
	}
}

/*
 * The book goes stale while an order waits for its answer, and then nothing comes any more: the
 * order must not stay because there is no next look.
 */
static void
an_answer_after_the_last_look_withdraws(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	start(&c);
	assert_int_equal(look(), 2);
	names[0] = out[0].intent_id;
	names[1] = out[1].intent_id;
	book.confidence = CONFIDENCE_STALE;
	assert_int_equal(look_later(1000), 0); // both wait
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns, out), 0);
	answer(names[0], SIDE_BUY, REPORT_ACCEPTED, ORDER_LIVE, 0, 1000000);
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns + 1, out), 1);
	assert_int_equal(out[0].kind, INTENT_CANCEL);
	assert_int_equal(out[0].orig_id, names[0]);
	assert_int_equal(out[0].side, SIDE_BUY);
	assert_int_equal(out[0].head.instr_idx, IDX);
	assert_int_equal(out[0].session_idx, SESSION);
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns + 2, out), 0); // once
	answer(names[1], SIDE_SELL, REPORT_ACCEPTED, ORDER_LIVE, 0, 1000100);
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns + 3, out), 1);
	assert_int_equal(out[0].orig_id, names[1]);
	// a cancel that risk or the venue refuses is tried again, but not at once
	answer(names[1], SIDE_SELL, REPORT_CANCEL_REJECTED, ORDER_LIVE, 0, 1000100);
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns + 4, out), 0);
	assert_int_equal(strategy_on_time(&s, book.head.rx_ns + 2 * BACKOFF_MIN_NS, out), 1);
}

static void
it_replaces_from_the_threshold_on(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	c.requote_px4 = 200;
	quote_both(&c, names);
	book.bid_px4 += 100;
	book.ask_px4 += 100;
	assert_int_equal(look_later(1000), 0);
	book.bid_px4 += 100;
	book.ask_px4 += 100;
	book.head.rx_ns -= 1; // a nanosecond before the cooldown ends
	assert_int_equal(look(), 0);
	assert_int_equal(s.base.metrics.held_by_cooldown, 2);
	assert_int_equal(look_later(1), 2);
	assert_int_equal(out[0].kind, INTENT_REPLACE);
	assert_int_equal(out[0].orig_id, names[0]);
	assert_int_equal(out[0].px4, 1000200);
	assert_int_equal(out[0].qty, 100);
	assert_int_equal(look_later(NS_PER_SEC), 0);
	assert_int_equal(s.base.metrics.held_by_pending, 2);
}

/* The replace names the whole chain: what was executed and what shall be open. */
static void
a_replace_counts_what_was_executed(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	quote_both(&c, names);
	answer(names[0], SIDE_BUY, REPORT_EXECUTED, ORDER_PARTIALLY_FILLED, 30, 1000000);
	book.bid_px4 += 100;
	book.ask_px4 += 100;
	assert_int_equal(look_later(1000), 2);
	assert_int_equal(out[0].qty, 130);
	assert_int_equal(out[1].qty, 100);
	// an execution meets the replace on its way: it counts in the next one
	answer(names[0], SIDE_BUY, REPORT_EXECUTED, ORDER_PENDING_REPLACE, 20, 1000000);
	assert_int_equal(look_later(1000), 0);
	answer(names[0], SIDE_BUY, REPORT_REPLACED, ORDER_LIVE, 0, 1000100);
	book.bid_px4 -= 100;
	assert_int_equal(look_later(1000), 1);
	assert_int_equal(out[0].kind, INTENT_REPLACE);
	assert_int_equal(out[0].qty, 150);
	assert_int_equal(ours()->position_qty, 50);
}

static void
a_long_chain_begins_anew(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	c.position_max_qty = 2000000;
	quote_both(&c, names);
	answer(names[0], SIDE_BUY, REPORT_EXECUTED, ORDER_PARTIALLY_FILLED, QUOTE_CHAIN_MAX_QTY,
	       1000000);
	ours()->position_qty = 0;
	assert_int_equal(look_later(1000), 0);
	answer(names[0], SIDE_BUY, REPORT_EXECUTED, ORDER_PARTIALLY_FILLED, 1, 1000000);
	ours()->position_qty = 0;
	assert_int_equal(look_later(1000), 1);
	assert_int_equal(out[0].kind, INTENT_CANCEL);
	answer(names[0], SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 1000000);
	assert_int_equal(look_later(1000), 1);
	assert_int_equal(out[0].kind, INTENT_NEW);
	assert_int_equal(out[0].qty, 100);
}

static void
risk_refusing_a_replace_withdraws_the_order(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	struct intent replace;
	uint32_t names[2];

	quote_both(&c, names);
	book.bid_px4 -= 100; // only the bid moves
	assert_int_equal(look_later(1000), 1);
	replace = out[0];
	refuse(&replace);
	refuse(&replace); // a second one finds nothing that waits
	assert_int_equal(s.base.metrics.answer_foreign, 1);
	assert_int_equal(look(), 1); // no backoff holds a cancel
	assert_int_equal(out[0].kind, INTENT_CANCEL);
	assert_int_equal(out[0].orig_id, names[0]);
	answer(names[0], SIDE_BUY, REPORT_CANCELED, ORDER_CANCELED, 0, 1000000);
	assert_int_equal(look_later(BACKOFF_MIN_NS - 1), 0);
	assert_int_equal(s.base.metrics.held_by_backoff, 1);
	assert_int_equal(look_later(1), 1);
	assert_int_equal(out[0].kind, INTENT_NEW);
}

static void
refusals_of_a_new_order_wait_longer_each_time(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint64_t want_ns = BACKOFF_MIN_NS;

	start(&c);
	ours()->position_qty = -250; // only the bid
	assert_int_equal(look(), 1);
	for (unsigned n = 0; n < 13; n++) {
		if (n % 2 != 0)
			refuse(&out[0]);
		else
			answer(out[0].intent_id, SIDE_BUY, REPORT_REJECTED, ORDER_REJECTED, 0, 0);
		assert_int_equal(look_later(want_ns - 1), 0);
		assert_int_equal(look_later(1), 1);
		want_ns = want_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : want_ns * 2;
	}
	assert_int_equal(want_ns, BACKOFF_MAX_NS);
	answer(out[0].intent_id, SIDE_BUY, REPORT_ACCEPTED, ORDER_LIVE, 0, out[0].px4);
	assert_int_equal(ours()->side[SIDE_BUY].backoff.delay_ns, 0);
}

/* The venue refused a replace and the order stayed; the book goes bad before it may ask again. */
static void
a_refused_replace_holds_no_withdrawal(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	for (size_t n = 1; n < ARRAY_CNT(WITHDRAWALS) - 1; n++) {
		quote_both(&c, names);
		book.bid_px4 += 1000;
		book.ask_px4 += 1000;
		assert_int_equal(look_later(NS_PER_SEC), 2);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(out[k].kind, INTENT_REPLACE);
			answer(names[k], (enum side)k, REPORT_REJECTED, ORDER_LIVE, 0, 0);
		}
		assert_int_equal(look_later(BACKOFF_MIN_NS - 1), 0);
		book.confidence = WITHDRAWALS[n].confidence;
		book.state = WITHDRAWALS[n].state;
		if (WITHDRAWALS[n].ask_px4 != 1000100)
			book.ask_px4 = WITHDRAWALS[n].ask_px4;
		if (look() != 2)
			fail_msg("%s", WITHDRAWALS[n].what);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(out[k].kind, INTENT_CANCEL);
			assert_int_equal(out[k].orig_id, names[k]);
		}
	}
}

static void
an_unknown_fate_is_left_alone(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	quote_both(&c, names);
	answer(names[0], SIDE_BUY, REPORT_NONE, ORDER_UNKNOWN, 0, 1000000);
	assert_int_equal(s.base.metrics.order_unknown, 1);
	book.confidence = CONFIDENCE_STALE;
	assert_int_equal(look_later(1000), 1); // the offer only
	assert_int_equal(out[0].side, SIDE_SELL);
	answer(names[0], SIDE_BUY, REPORT_NONE, ORDER_LIVE, 0, 1000000);
	assert_int_equal(look_later(1000), 1);
	assert_int_equal(out[0].kind, INTENT_CANCEL);
	assert_int_equal(out[0].side, SIDE_BUY);
}

static void
late_and_repeated_updates_move_only_the_position(void **unused)
{
	const struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t names[2];

	quote_both(&c, names);
	answer(names[1], SIDE_SELL, REPORT_CANCELED, ORDER_CANCELED, 0, 1000100);
	answer(names[1], SIDE_SELL, REPORT_CANCELED, ORDER_CANCELED, 0, 1000100);
	answer(names[1], SIDE_SELL, REPORT_EXECUTED, ORDER_CANCELED, 40, 1000100);
	assert_int_equal(s.base.metrics.answer_foreign, 2);
	assert_int_equal(ours()->position_qty, -40);
	assert_int_equal(ours()->side[SIDE_SELL].state, QUOTE_NONE);
	assert_int_equal(ours()->side[SIDE_BUY].state, QUOTE_LIVE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_price_stands_where_it_should),
		cmocka_unit_test(post_only_is_passed_on),
		cmocka_unit_test(a_book_nobody_trades_on_withdraws_both),
		cmocka_unit_test(an_answer_after_the_last_look_withdraws),
		cmocka_unit_test(it_replaces_from_the_threshold_on),
		cmocka_unit_test(a_replace_counts_what_was_executed),
		cmocka_unit_test(a_long_chain_begins_anew),
		cmocka_unit_test(risk_refusing_a_replace_withdraws_the_order),
		cmocka_unit_test(refusals_of_a_new_order_wait_longer_each_time),
		cmocka_unit_test(a_refused_replace_holds_no_withdrawal),
		cmocka_unit_test(an_unknown_fate_is_left_alone),
		cmocka_unit_test(late_and_repeated_updates_move_only_the_position),
	};

	if (arena_open(&arena, ARENA_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
