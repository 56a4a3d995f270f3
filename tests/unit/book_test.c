/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book.h"

enum {
	ORDERS = 600,
	LEVELS = 300,
};

static uint8_t memory[1 << 20] cache_aligned;
static struct book_tally tally[BOOK_TALLY_MAX(LEVELS)];
static struct book b;
static struct bbo bbo;
static struct mark mark;

static void
open_book_as(bool trust_late_join, bool queues)
{
	static const struct book_ours_config OURS[] = { { "AAPL    ", 5 }, { "MSFT    ", 9 } };
	const struct book_config c = {
		.feed_idx = 1,
		.locate_max = 7,
		.orders_max = ORDERS,
		.levels_max = LEVELS,
		.trades_max = 2,
		.trust_late_join = trust_late_join,
		.queues = queues,
		.ours_cnt = 2,
		.ours = OURS,
	};
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	assert_int_equal(book_init(&b, &c, &a), 0);
	assert_true(a.used_bytes <= book_bytes(&c));
}

static void
open_book(bool trust_late_join)
{
	open_book_as(trust_late_join, true);
}

static unsigned
put(struct md m)
{
	const unsigned what = book_on_md(&b, &m, &bbo, &mark);

	assert_null(book_audit(&b, tally));
	return what;
}

static struct md
added(uint64_t ref, uint8_t side, uint32_t px4, uint32_t qty)
{
	return (struct md){ .type = MD_ORDER_ADDED,
			    .locate = 1,
			    .order_ref = ref,
			    .side = side,
			    .px4 = px4,
			    .qty = qty,
			    .symbol = "AAPL   " };
}

static struct md
about(uint8_t type, uint64_t ref, uint32_t qty)
{
	return (struct md){ .type = type, .locate = 1, .order_ref = ref, .qty = qty };
}

/* A session from its first message on; AAPL is locate 1 and trades. */
static int
start_day(bool queues)
{
	struct md r = {
		.type = MD_DIRECTORY, .locate = 1, .symbol = "AAPL   ", .round_lot_qty = 100
	};
	const struct md t = {
		.type = MD_TRADING_STATE, .locate = 1, .symbol = "AAPL   ", .state = TRADING_OPEN
	};

	open_book_as(false, queues);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	r.symbol[7] = ' ';
	put(r);
	b.instr[1].state = t.state;
	memset(&bbo, 0, sizeof(bbo));
	memset(&mark, 0, sizeof(mark));
	return 0;
}

static int
fresh_day(void **state)
{
	return start_day(true);
}

/* Without queues nearly all goes by book_on_usual. */
static int
usual_day(void **state)
{
	return start_day(false);
}

static struct md
padded(struct md m)
{
	m.symbol[7] = ' ';
	return m;
}

static unsigned
add(uint64_t ref, uint8_t side, uint32_t px4, uint32_t qty)
{
	return put(padded(added(ref, side, px4, qty)));
}

static void
the_best_is_told_when_it_changes_and_only_then(void **state)
{
	assert_int_equal(add(1, SIDE_BUY, 1000, 100), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(bbo.head.instr_idx, 5);
	assert_int_equal(bbo.head.feed_idx, 1);
	assert_int_equal(bbo.bid_px4, 1000);
	assert_int_equal(bbo.bid_qty, 100);
	assert_int_equal(bbo.ask_px4, 0);
	assert_int_equal(bbo.confidence, CONFIDENCE_LIVE);
	assert_int_equal(bbo.state, TRADING_OPEN);
	assert_int_equal(add(2, SIDE_BUY, 900, 100), 0);
	assert_int_equal(add(3, SIDE_BUY, 1000, 50), BOOK_TOP | BOOK_BBO);
	assert_int_equal(bbo.bid_qty, 150);
	assert_int_equal(put(about(MD_ORDER_REDUCED, 2, 50)), 0);
	assert_int_equal(put(about(MD_ORDER_DELETED, 1, 0)), BOOK_TOP | BOOK_BBO);
	assert_int_equal(put(about(MD_ORDER_REDUCED, 3, 50)), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.bid_px4, 900);
	assert_int_equal(bbo.bid_qty, 50);
	assert_int_equal(put(about(MD_ORDER_DELETED, 2, 0)), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(bbo.bid_px4, 0);
	assert_int_equal(bbo.bid_qty, 0);
	assert_int_equal(b.levels.cnt, 0);
}

/* An order whose reference was far ahead stands in the map, also when the ring has come to it. */
static void
a_reference_far_ahead_is_not_used_twice(void **state)
{
	uint64_t ref = 1000;

	for (unsigned queues = 0; queues < 2; queues++) {
		start_day(queues != 0);
		add(ref, SIDE_BUY, 1000, 10);
		add(ref + 200, SIDE_BUY, 1000, 10);
		assert_int_equal(b.order.far_cnt, 1);
		for (unsigned i = 1; i <= 5; i++)
			add(ref + 48 * i, SIDE_BUY, 1000, 10);
		assert_true(order_table_in_ring(&b.order, ref + 200));
		assert_int_equal(b.metrics.ref_repeated, 0);
		add(ref + 200, SIDE_BUY, 1000, 10);
		assert_int_equal(b.metrics.ref_repeated, 1);
		assert_int_equal(b.order.cnt, 7);
		assert_true(b.instr[1].suspect);
		put(about(MD_ORDER_DELETED, ref + 200, 0));
		assert_int_equal(b.order.cnt, 6);
	}
}

static void
an_execution_moves_price_and_volume(void **state)
{
	struct md c = about(MD_ORDER_EXECUTED_AT_PRICE, 1, 10);
	struct md broken = { .type = MD_TRADE_BROKEN, .locate = 1, .new_ref = 77 };
	struct md e = about(MD_ORDER_EXECUTED, 1, 30);

	add(1, SIDE_SELL, 2000, 100);
	e.new_ref = 77;
	assert_int_equal(put(e), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.last_px4, 2000);
	assert_int_equal(bbo.ask_qty, 70);
	c.px4 = 1990;
	c.state = 'N';
	c.new_ref = 78;
	put(c);
	assert_int_equal(b.instr[1].volume_qty, 30);
	assert_int_equal(b.instr[1].last_px4, 2000);
	c.state = 'Y';
	put(c);
	assert_int_equal(b.instr[1].volume_qty, 40);
	assert_int_equal(b.instr[1].last_px4, 1990);
	put(broken);
	assert_int_equal(b.instr[1].volume_qty, 10);
	put(broken); // once is enough
	assert_int_equal(b.instr[1].volume_qty, 10);
	broken.new_ref = 1234;
	put(broken);
	assert_int_equal(b.metrics.match_unknown, 1);
	e.qty = 50; // all that is left, and the level with it
	e.new_ref = 79;
	assert_int_equal(put(e), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(b.instr[1].volume_qty, 60);
	assert_int_equal(mark.last_px4, 2000);
	assert_int_equal(mark.ask_px4, 0);
	assert_int_equal(b.order.cnt, 0);
}

static void
a_replaced_order_keeps_its_side(void **state)
{
	struct md u = about(MD_ORDER_REPLACED, 1, 300);

	add(1, SIDE_SELL, 2000, 100);
	u.new_ref = 2;
	u.px4 = 1900;
	assert_int_equal(put(u), BOOK_TOP | BOOK_BBO | BOOK_MARK);
	assert_int_equal(bbo.ask_px4, 1900);
	assert_int_equal(bbo.ask_qty, 300);
	assert_int_equal(b.order.cnt, 1);
	u.order_ref = 2;
	u.new_ref = 3;
	u.px4 = 1900;
	assert_int_equal(put(u), 0); // the same price and quantity again
}

static const struct {
	const char *what;
	struct md md; // after a bid 1 of 100 at 1000
	size_t counter;
	bool suspect;
	uint32_t bid_qty; // afterwards
} ODD[] = {
// clang-format off
#define COUNTER(name) offsetof(struct book_metrics, name)
	{ "a reference in use", { .type = MD_ORDER_ADDED, .order_ref = 1, .px4 = 1000, .qty = 5 }, COUNTER(ref_repeated), true, 100 },
	{ "reference 0", { .type = MD_ORDER_ADDED, .order_ref = 0, .px4 = 1000, .qty = 5 }, COUNTER(ref_zero), true, 105 },
	{ "no shares", { .type = MD_ORDER_ADDED, .order_ref = 2, .px4 = 1000 }, COUNTER(qty_zero), true, 100 },
	{ "no price", { .type = MD_ORDER_ADDED, .order_ref = 2, .qty = 5 }, COUNTER(price_zero), true, 100 },
	{ "a price beyond all", { .type = MD_ORDER_ADDED, .order_ref = 2, .side = 1, .px4 = 2000000001, .qty = 5 }, COUNTER(price_above_max), true, 100 },
	{ "the largest price", { .type = MD_ORDER_ADDED, .order_ref = 2, .side = 1, .px4 = 2000000000, .qty = 5 }, COUNTER(price_above_max), false, 100 },
	{ "no side", { .type = MD_ORDER_ADDED, .order_ref = 2, .side = 2, .px4 = 1000, .qty = 5 }, COUNTER(side_invalid), true, 100 },
	{ "an unknown order executed", { .type = MD_ORDER_EXECUTED, .order_ref = 9, .qty = 5 }, COUNTER(ref_unknown_executed), true, 100 },
	{ "an unknown order reduced", { .type = MD_ORDER_REDUCED, .order_ref = 9, .qty = 5 }, COUNTER(ref_unknown_reduced), true, 100 },
	{ "an unknown order deleted", { .type = MD_ORDER_DELETED, .order_ref = 9 }, COUNTER(ref_unknown_deleted), true, 100 },
	{ "an unknown order replaced", { .type = MD_ORDER_REPLACED, .order_ref = 9, .new_ref = 10, .qty = 1, .px4 = 1 }, COUNTER(ref_unknown_replaced), true, 100 },
	{ "a replacement that is in use", { .type = MD_ORDER_REPLACED, .order_ref = 1, .new_ref = 1, .qty = 1, .px4 = 1 }, COUNTER(ref_repeated), true, 0 },
	{ "more executed than there is", { .type = MD_ORDER_EXECUTED, .order_ref = 1, .qty = 101 }, COUNTER(qty_negative), true, 0 },
	{ "nothing reduced", { .type = MD_ORDER_REDUCED, .order_ref = 1 }, COUNTER(qty_zero), false, 100 },
	{ "an order of another instrument", { .type = MD_ORDER_DELETED, .locate = 2, .order_ref = 1 }, COUNTER(locate_mismatch), true, 100 },
	{ "another symbol", { .type = MD_ORDER_ADDED, .order_ref = 2, .px4 = 900, .qty = 5, .symbol = "IBM" }, COUNTER(symbol_mismatch), true, 100 },
	{ "a locate beyond the table", { .type = MD_ORDER_DELETED, .locate = 8, .order_ref = 1 }, COUNTER(locate_above_max), false, 100 },
	{ "a crossing offer", { .type = MD_ORDER_ADDED, .order_ref = 2, .side = 1, .px4 = 999, .qty = 5 }, COUNTER(book_crossed), true, 100 },
	{ "a locking offer", { .type = MD_ORDER_ADDED, .order_ref = 2, .side = 1, .px4 = 1000, .qty = 5 }, COUNTER(book_locked), false, 100 },
	// clang-format on
};

static void
oddities_are_counted_and_the_instrument_is_believed_no_more(void **state)
{
	for (size_t k = 0; k < 2 * ARRAY_CNT(ODD); k++) {
		const size_t i = k / 2;
		const uint64_t want_cnt =
			ODD[i].counter != COUNTER(price_above_max) || ODD[i].suspect;
		struct md m = ODD[i].md;
		unsigned what;

		start_day(k % 2 != 0);
		add(1, SIDE_BUY, 1000, 100);
		if (m.locate == 0)
			m.locate = 1;
		if (m.symbol[0] == '\0')
			memcpy(m.symbol, "AAPL    ", 8);
		what = put(m);
		if (((const uint64_t *)&b.metrics)[ODD[i].counter / 8] != want_cnt)
			fail_msg("%s: is not counted", ODD[i].what);
		if (b.instr[1].suspect != ODD[i].suspect)
			fail_msg("%s: suspect or not", ODD[i].what);
		if (ODD[i].suspect &&
		    !((what & BOOK_MARK) && mark.confidence == CONFIDENCE_SUSPECT))
			fail_msg("%s: risk does not hear of it", ODD[i].what);
		if (b.instr[1].top_qty[SIDE_BUY] != ODD[i].bid_qty)
			fail_msg("%s: bid of %u", ODD[i].what, b.instr[1].top_qty[SIDE_BUY]);
	}
}

/* What is not there looks as if it were of locate 0. */
static void
an_unknown_order_of_locate_0_is_unknown(void **state)
{
	static const uint8_t TYPE[] = { MD_ORDER_EXECUTED, MD_ORDER_REDUCED, MD_ORDER_DELETED,
					MD_ORDER_REPLACED };

	for (unsigned i = 0; i < ARRAY_CNT(TYPE); i++) {
		struct md m = { .type = TYPE[i], .order_ref = 1, .qty = 5, .new_ref = 3 };

		usual_day(NULL);
		add(2, SIDE_BUY, 1000, 100); // the ring has a place for reference 1
		m.px4 = m.type == MD_ORDER_REPLACED ? 1000 : 0;
		if (m.type == MD_ORDER_DELETED)
			m.qty = 0;
		put(m);
		assert_int_equal(b.metrics.ref_unknown_executed + b.metrics.ref_unknown_reduced +
					 b.metrics.ref_unknown_deleted +
					 b.metrics.ref_unknown_replaced,
				 1);
		assert_true(b.instr[0].suspect);
		assert_int_equal(b.order.cnt, 1);
	}
}

static void
full_tables_lose_orders_and_say_so(void **state)
{
	for (uint32_t i = 0; i < LEVELS; i++)
		add(10 + i, SIDE_BUY, 1000 + i, 1);
	assert_false(b.instr[1].suspect);
	add(9999, SIDE_BUY, 500, 1);
	assert_int_equal(b.metrics.level_table_full, 1);
	assert_true(b.instr[1].suspect);
	for (uint32_t i = 0; i < ORDERS - LEVELS; i++)
		add(5000 + i, SIDE_BUY, 1000, 1);
	assert_int_equal(b.metrics.order_table_full, 0);
	add(9998, SIDE_BUY, 1000, 1);
	assert_int_equal(b.metrics.order_table_full, 1);
	for (uint32_t i = 0; i < LEVELS; i++) // from the far end to the touch
		put(about(MD_ORDER_DELETED, 10 + i, 0));
	assert_int_equal(b.levels.cnt, 1);
}

/* Whether the bids are those of the n prices from 100 up, without the one at `but` (n: none is
 * out). */
static void
check_bids(uint32_t n, uint32_t but)
{
	struct book_depth_row row[64];
	uint32_t k = 0;

	assert_int_equal(book_depth(&b, 1, SIDE_BUY, row, 64), n - (but < n));
	for (uint32_t i = n; i-- != 0;)
		if (i != but)
			assert_int_equal(row[k++].px4, 100 * (i + 1));
	assert_int_equal(book_side_level_cnt(&b.instr[1], SIDE_BUY), n - (but < n));
}

static void
a_level_comes_and_goes_at_every_place_of_a_side(void **state)
{
	uint64_t ref_of[40], ref = 1;

	for (uint32_t n = 1; n <= 40; n++) {
		ref_of[n - 1] = ref++;
		add(ref_of[n - 1], SIDE_BUY, 100 * n, 1);
		for (uint32_t at = 0; at < n; at++) {
			put(about(MD_ORDER_DELETED, ref_of[at], 0));
			check_bids(n, at);
			ref_of[at] = ref++;
			add(ref_of[at], SIDE_BUY, 100 * (at + 1), 1);
			check_bids(n, n);
		}
	}
}

static void
levels_come_best_first(void **state)
{
	struct book_depth_row row[40];

	for (uint32_t i = 0; i < 40; i++) { // 17 steps through 40 prices: in no order
		add(1 + i, SIDE_BUY, 1000 + i * 17 % 40, 1 + i);
		add(101 + i, SIDE_SELL, 2000 + i * 17 % 40, 1 + i);
	}
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(book_depth(&b, 1, side, row, 40), 40);
		for (uint32_t i = 0; i < 40; i++)
			assert_int_equal(row[i].px4, side == SIDE_BUY ? 1039 - i : 2000 + i);
	}
	assert_int_equal(book_depth(&b, 1, SIDE_BUY, row, 3), 3);
	assert_int_equal(book_depth(&b, 8, SIDE_BUY, row, 3), 0);
	assert_int_equal(book_digest(&b), book_digest_of_orders(&b));
}

static const struct {
	const char *what;
	uint16_t flags[3];
	bool trust;
	uint8_t want; // confidence
} CONFIDENCE[] = {
	// clang-format off
	{ "no data yet",                     { 0 }, false, CONFIDENCE_STALE },
	{ "from the first message on",       { DATAGRAM_NEW_SESSION }, false, CONFIDENCE_LIVE },
	{ "joined late",                     { DATAGRAM_NEW_SESSION | DATAGRAM_GAP }, false, CONFIDENCE_SUSPECT },
	{ "joined late, and trusted",        { DATAGRAM_NEW_SESSION | DATAGRAM_GAP }, true, CONFIDENCE_LIVE },
	{ "trust does not cover a gap",      { DATAGRAM_NEW_SESSION, DATAGRAM_GAP }, true, CONFIDENCE_SUSPECT },
	{ "a gap",                           { DATAGRAM_NEW_SESSION, DATAGRAM_GAP }, false, CONFIDENCE_SUSPECT },
	{ "silence",                         { DATAGRAM_NEW_SESSION, DATAGRAM_SILENT }, false, CONFIDENCE_STALE },
	{ "heard again",                     { DATAGRAM_NEW_SESSION, DATAGRAM_SILENT, DATAGRAM_HEARD }, false, CONFIDENCE_LIVE },
	{ "heard again after a gap",         { DATAGRAM_NEW_SESSION, DATAGRAM_SILENT | DATAGRAM_GAP, DATAGRAM_HEARD }, false, CONFIDENCE_SUSPECT },
	{ "the end",                         { DATAGRAM_NEW_SESSION, DATAGRAM_END }, false, CONFIDENCE_STALE },
	{ "a new session heals a gap",       { DATAGRAM_NEW_SESSION, DATAGRAM_GAP, DATAGRAM_NEW_SESSION }, false, CONFIDENCE_LIVE },
	// clang-format on
};

static void
confidence_is_what_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CONFIDENCE); i++) {
		open_book(CONFIDENCE[i].trust);
		for (unsigned k = 0; k < 3 && CONFIDENCE[i].flags[k] != 0; k++)
			book_on_datagram_flags(&b, CONFIDENCE[i].flags[k]);
		if (book_confidence(&b, &b.instr[1]) != CONFIDENCE[i].want)
			fail_msg("%s: confidence %u", CONFIDENCE[i].what,
				 book_confidence(&b, &b.instr[1]));
	}
}

static void
a_gap_is_told_once_for_each_of_ours(void **state)
{
	assert_int_equal(book_on_datagram_flags(&b, DATAGRAM_GAP), BOOK_ALL);
	assert_int_equal(book_next(&b, &bbo, &mark), BOOK_BBO | BOOK_MARK); // MSFT was never told
	assert_int_equal(mark.head.instr_idx, 5);
	assert_int_equal(mark.confidence, CONFIDENCE_SUSPECT);
	assert_int_equal(bbo.confidence, CONFIDENCE_SUSPECT);
	assert_int_equal(book_next(&b, &bbo, &mark), 0);
	book_on_datagram_flags(&b, DATAGRAM_GAP);
	assert_int_equal(book_next(&b, &bbo, &mark), 0);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION); // locates are forgotten
	assert_int_equal(book_next(&b, &bbo, &mark), BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.confidence, CONFIDENCE_STALE);
	assert_int_equal(mark.state, TRADING_UNKNOWN);
	assert_int_equal(book_next(&b, &bbo, &mark), 0);
}

static void
halts_and_the_end_of_the_day_stop_trading(void **state)
{
	struct md h = { .type = MD_TRADING_STATE, .locate = 1, .state = TRADING_PAUSED };
	struct md s = { .type = MD_SYSTEM_EVENT, .state = 'E' };

	assert_true(put(h) & BOOK_MARK);
	assert_int_equal(mark.state, TRADING_PAUSED);
	h.type = MD_MARKET_HALT;
	h.state = TRADING_HALTED;
	put(h);
	assert_int_equal(mark.state, TRADING_HALTED);
	h.type = MD_TRADING_STATE;
	h.state = TRADING_OPEN;
	put(h);
	assert_int_equal(mark.state, TRADING_HALTED); // this market is still halted
	h.type = MD_MARKET_HALT;
	put(h);
	assert_int_equal(mark.state, TRADING_OPEN);
	assert_int_equal(put(s), BOOK_ALL);
	assert_int_equal(book_next(&b, &bbo, &mark), BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.state, TRADING_HALTED);
	s.state = 'C';
	assert_int_equal(put(s), BOOK_ALL);
	assert_int_equal(book_next(&b, &bbo, &mark), BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.confidence, CONFIDENCE_STALE);
}

static void
two_instruments_cannot_have_one_symbol(void **state)
{
	const struct md r = { .type = MD_DIRECTORY, .locate = 2, .symbol = "AAPL   " };

	assert_true(put(padded(r)) & BOOK_ALL);
	assert_int_equal(b.metrics.symbol_repeated, 1);
	assert_true(b.instr[1].suspect && b.instr[2].suspect);
	assert_int_equal(book_next(&b, &bbo, &mark), BOOK_BBO | BOOK_MARK);
	assert_int_equal(mark.confidence, CONFIDENCE_SUSPECT);
}

static void
ten_million_orders_fit_in_one_gib(void **state)
{
	const struct book_config c = {
		.locate_max = 10000,
		.orders_max = 10000000,
		.levels_max = 2000000,
		.trades_max = 1 << 16,
	};

	(void)state;
	assert_in_range(book_bytes(&c), 1, 1 << 30);
	// what ingress/README.md says of one order and one level, whatever the rounding
	for (uint32_t max = 1000; max < 100000000; max += max / 7)
		assert_in_range(order_table_bytes(max) / max, 60, 120);
	for (uint32_t max = 1000; max < PRICE_LEVELS_MAX; max += max / 7)
		assert_in_range(price_levels_bytes(max) / max, max < 3100000 ? 42 : 21, 86);
	for (uint32_t max = 1; max < PRICE_LEVELS_MAX; max += 1 + max / 97)
		assert_true(book_tally_cnt(max) <= BOOK_TALLY_MAX(max));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_best_is_told_when_it_changes_and_only_then, fresh_day),
		cmocka_unit_test_setup(the_best_is_told_when_it_changes_and_only_then, usual_day),
		cmocka_unit_test(a_reference_far_ahead_is_not_used_twice),
		cmocka_unit_test_setup(an_execution_moves_price_and_volume, fresh_day),
		cmocka_unit_test_setup(an_execution_moves_price_and_volume, usual_day),
		cmocka_unit_test_setup(a_replaced_order_keeps_its_side, fresh_day),
		cmocka_unit_test_setup(a_replaced_order_keeps_its_side, usual_day),
		cmocka_unit_test(oddities_are_counted_and_the_instrument_is_believed_no_more),
		cmocka_unit_test(an_unknown_order_of_locate_0_is_unknown),
		cmocka_unit_test_setup(full_tables_lose_orders_and_say_so, fresh_day),
		cmocka_unit_test_setup(a_level_comes_and_goes_at_every_place_of_a_side, fresh_day),
		cmocka_unit_test_setup(levels_come_best_first, fresh_day),
		cmocka_unit_test(confidence_is_what_the_table_says),
		cmocka_unit_test_setup(a_gap_is_told_once_for_each_of_ours, fresh_day),
		cmocka_unit_test_setup(halts_and_the_end_of_the_day_stop_trading, fresh_day),
		cmocka_unit_test_setup(two_instruments_cannot_have_one_symbol, fresh_day),
		cmocka_unit_test(ten_million_orders_fit_in_one_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
