/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book.h"

/* What is no order: the parts of the day, halts, prints, announcements; and time measured. */
enum {
	AAPL = 1, // locates
	MSFT = 2,
	TEST = 3,
	AAPL_IDX = 5, // instr_idx
	MSFT_IDX = 9,
	TEST_IDX = 2,
};

static uint8_t memory[1 << 20] cache_aligned;
static struct book b;
static struct mark mark[16]; // last one of each instr_idx
static struct bbo bbo[16];

static unsigned
note(unsigned said, const struct bbo *x, const struct mark *m)
{
	if (said & BOOK_BBO)
		bbo[x->head.instr_idx] = *x;
	if (said & BOOK_MARK)
		mark[m->head.instr_idx] = *m;
	return said;
}

static void
walk(void)
{
	struct bbo x;
	struct mark m;

	while (note(book_next(&b, &x, &m), &x, &m) != 0)
		;
}

static unsigned
put(const struct md *m)
{
	struct bbo x;
	struct mark k;
	const unsigned said = note(book_on_md(&b, m, &x, &k), &x, &k);

	if (said & BOOK_ALL)
		walk();
	return said;
}

static void
flags(uint16_t f)
{
	if (book_on_datagram_flags(&b, f))
		walk();
}

static void
event(char code)
{
	const struct md m = { .type = MD_SYSTEM_EVENT, .state = (uint8_t)code };

	put(&m);
}

static const char NAMES[][9] = { "", "AAPL    ", "MSFT    ", "ZVZZT   " };

static struct md
about(uint8_t type, uint16_t locate, uint8_t state)
{
	struct md m = { .type = type, .locate = locate, .state = state };

	memcpy(m.symbol, NAMES[locate], sizeof(m.symbol));
	return m;
}

static int
a_day(void **state)
{
	static const struct book_ours_config OURS[] = { { "AAPL    ", AAPL_IDX },
							{ "MSFT    ", MSFT_IDX },
							{ "ZVZZT   ", TEST_IDX } };
	const struct book_config c = { .locate_max = 7,
				       .orders_max = 100,
				       .levels_max = 100,
				       .trades_max = 8,
				       .ours_cnt = ARRAY_CNT(OURS),
				       .ours = OURS };
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	memset(mark, 0, sizeof(mark));
	assert_int_equal(book_init(&b, &c, &a), 0);
	assert_true(a.used_bytes <= book_bytes(&c));
	book_on_time(&b, 1000);
	flags(DATAGRAM_NEW_SESSION);
	for (uint16_t l = AAPL; l <= TEST; l++) {
		struct md m = about(MD_DIRECTORY, l, l == TEST ? 'T' : 'P');

		m.round_lot_qty = 100;
		put(&m);
		m = about(MD_TRADING_STATE, l, TRADING_OPEN);
		put(&m);
	}
	return 0;
}

static void
the_parts_of_the_day_are_told_and_no_order_leaves_after_hours(void **state)
{
	static const struct {
		char code;
		uint8_t phase;
		uint8_t state;
	} DAY[] = {
		{ 'O', PHASE_MESSAGES, TRADING_OPEN },
		{ 'S', PHASE_SYSTEM, TRADING_OPEN },
		{ 'Q', PHASE_MARKET, TRADING_OPEN },
		{ 'M', PHASE_AFTER_MARKET, TRADING_OPEN },
		{ 'E', PHASE_SYSTEM_END, TRADING_HALTED },
		{ 'C', PHASE_END, TRADING_HALTED },
	};

	assert_int_equal(mark[AAPL_IDX].phase, PHASE_UNKNOWN);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_OPEN); // joined, nothing says otherwise
	for (unsigned i = 0; i < ARRAY_CNT(DAY); i++) {
		event(DAY[i].code);
		assert_int_equal(mark[AAPL_IDX].phase, DAY[i].phase);
		assert_int_equal(bbo[MSFT_IDX].phase, DAY[i].phase);
		assert_int_equal(mark[AAPL_IDX].state, DAY[i].state);
		assert_int_equal(mark[AAPL_IDX].confidence,
				 DAY[i].code == 'C' ? CONFIDENCE_STALE : CONFIDENCE_LIVE);
	}
	flags(DATAGRAM_SILENT);
	flags(DATAGRAM_HEARD);
	assert_int_equal(mark[AAPL_IDX].confidence,
			 CONFIDENCE_STALE); // the day is over all the same
	event('X');
	assert_int_equal(b.metrics.system_event_unknown, 1);
	assert_int_equal(b.phase, PHASE_END);
}

static void
a_breach_halts_all_until_each_is_resumed(void **state)
{
	struct md w = { .type = MD_MWCB_BREACH, .state = '1' };
	struct md h = about(MD_TRADING_STATE, AAPL, TRADING_OPEN);

	event('Q');
	put(&w);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_HALTED);
	assert_int_equal(mark[MSFT_IDX].state, TRADING_HALTED);
	put(&h);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_OPEN);
	assert_int_equal(mark[MSFT_IDX].state, TRADING_HALTED);
	put(&w); // the same level once more
	assert_int_equal(mark[AAPL_IDX].state, TRADING_OPEN);
	w.state = '2';
	put(&w);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_HALTED);
	h.state = TRADING_HALTED;
	put(&h);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_HALTED);
	h.state = TRADING_OPEN;
	put(&h);
	assert_int_equal(mark[AAPL_IDX].state, TRADING_OPEN);
	assert_int_equal(b.metrics.mwcb_breached, 3);
	flags(DATAGRAM_NEW_SESSION); // another day
	assert_int_equal(b.breach_level, 0);
}

static void
a_test_symbol_never_trades(void **state)
{
	const struct md h = about(MD_TRADING_STATE, TEST, TRADING_OPEN);
	struct md r = about(MD_DIRECTORY, TEST, 'P');

	assert_int_equal(mark[TEST_IDX].state, TRADING_TEST);
	event('Q');
	put(&h);
	assert_int_equal(mark[TEST_IDX].state, TRADING_TEST);
	put(&r); // it was a mistake of the directory
	assert_int_equal(mark[TEST_IDX].state, TRADING_OPEN);
}

static void
the_directory_says_whether_odd_lots_are_accepted(void **state)
{
	struct md r = about(MD_DIRECTORY, AAPL, 'P');

	assert_int_equal(mark[AAPL_IDX].lots_only, 0);
	r.round_lot_qty = 40;
	r.directory.round_lots_only = 'Y';
	r.directory.luld_tier = '2';
	r.directory.etp_leverage = 3;
	put(&r);
	assert_int_equal(mark[AAPL_IDX].lots_only, 1);
	assert_int_equal(mark[AAPL_IDX].round_lot_qty, 40);
	assert_int_equal(b.info[AAPL].directory.luld_tier, '2');
	assert_int_equal(b.info[AAPL].directory.etp_leverage, 3);
}

static void
prints_make_volume_and_average_and_a_break_takes_them_back(void **state)
{
	struct md p = { .type = MD_TRADED,
			.locate = AAPL,
			.px4 = 1000,
			.cross_qty = 100,
			.new_ref = 1,
			.state = 'Y' };
	struct md q = p;
	struct md broken = { .type = MD_TRADE_BROKEN, .locate = AAPL, .new_ref = 1 };

	put(&p);
	q.cross = 'O';
	q.px4 = 1100;
	q.cross_qty = 300;
	q.new_ref = 2;
	put(&q);
	assert_int_equal(b.info[AAPL].cross_px4[CROSS_OPEN], 1100);
	assert_int_equal(b.info[AAPL].volume_ntl4, 1000 * 100 + 1100 * 300);
	assert_int_equal(b.instr[AAPL].volume_qty, 400);
	assert_int_equal(b.info[AAPL].trade_cnt, 2);
	q.cross = 'C';
	q.px4 = 0;
	q.cross_qty = 0; // nothing crossed
	put(&q);
	assert_int_equal(b.info[AAPL].cross_px4[CROSS_CLOSE], 0);
	q.cross = 'H';
	q.px4 = 1200;
	q.cross_qty = 1;
	q.new_ref = 3;
	put(&q);
	assert_int_equal(b.info[AAPL].cross_px4[CROSS_HALT], 1200);
	assert_int_equal(mark[AAPL_IDX].last_px4, 1200);
	put(&broken);
	put(&broken); // once is enough
	assert_int_equal(b.info[AAPL].volume_ntl4, 1100 * 300 + 1200);
	assert_int_equal(b.instr[AAPL].volume_qty, 301);
	assert_int_equal(b.info[AAPL].trade_cnt, 2);
}

static void
announcements_are_noted_for_configured_instruments(void **state)
{
	struct md i = { .type = MD_IMBALANCE, .locate = MSFT, .state = 'S', .cross = 'C' };
	struct md k = about(MD_IPO_QUOTING, AAPL, 'A');
	struct md j = {
		.type = MD_BANDS, .locate = AAPL, .px4 = 100, .qty = 2, .band = { 90, 110 }
	};
	const struct md h = about(MD_TRADING_STATE, AAPL, TRADING_OPEN);
	const struct md n = { .type = MD_RETAIL, .locate = AAPL, .state = 'B' };

	i.paired_qty = 1000;
	i.imbalance_qty = 77;
	i.ts_ns = 5;
	put(&i);
	assert_int_equal(b.notes[MSFT_IDX].imbalance.imbalance_qty, 77);
	assert_int_equal(b.notes[MSFT_IDX].imbalance.direction, 'S');
	k.locate = 0; // an IPO's message may have none
	k.px4 = 170000;
	k.qty = 34200;
	put(&k);
	assert_int_equal(b.notes[AAPL_IDX].ipo.px4, 170000);
	put(&j);
	assert_int_equal(mark[AAPL_IDX].band_hi_px4, 110);
	assert_int_equal(b.notes[AAPL_IDX].collar_ref_px4, 100);
	assert_int_equal(b.notes[AAPL_IDX].collar_extension, 2);
	put(&h); // trading resumes: the collar was the auction's
	assert_int_equal(mark[AAPL_IDX].band_hi_px4, 0);
	assert_int_equal(b.notes[AAPL_IDX].collar_ref_px4, 0);
	put(&n);
	assert_int_equal(b.notes[AAPL_IDX].retail, 'B');
	i.locate = 6; // nobody's
	put(&i);
	assert_int_equal(b.notes[0].imbalance.imbalance_qty, 0);
}

static void
time_in_each_confidence_adds_up(void **state)
{
	const struct book_ours *o = &b.ours[AAPL_IDX];
	uint64_t sum = 0;

	book_on_time(&b, 1500);
	flags(DATAGRAM_GAP);
	assert_int_equal(o->spent_ns[CONFIDENCE_LIVE], 500);
	book_on_time(&b, 1700);
	flags(DATAGRAM_RECOVERING);
	book_on_time(&b, 2700);
	book_on_time(&b, 2600); // stamps of two clocks: time never goes back
	flags(DATAGRAM_SNAPSHOT);
	flags(DATAGRAM_RECOVERED);
	book_on_time(&b, 3000);
	flags(DATAGRAM_SILENT);
	book_on_time(&b, 3001);
	flags(DATAGRAM_HEARD);
	assert_int_equal(o->spent_ns[CONFIDENCE_SUSPECT], 200);
	assert_int_equal(o->spent_ns[CONFIDENCE_RECOVERING], 1000);
	assert_int_equal(o->spent_ns[CONFIDENCE_LIVE], 800);
	assert_int_equal(o->spent_ns[CONFIDENCE_STALE], 1);
	for (unsigned i = 0; i < CONFIDENCE_CNT; i++)
		sum += o->spent_ns[i];
	assert_int_equal(sum, 3001 - 1000);
	assert_int_equal(o->since_ns, 3001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			the_parts_of_the_day_are_told_and_no_order_leaves_after_hours, a_day),
		cmocka_unit_test_setup(a_breach_halts_all_until_each_is_resumed, a_day),
		cmocka_unit_test_setup(a_test_symbol_never_trades, a_day),
		cmocka_unit_test_setup(the_directory_says_whether_odd_lots_are_accepted, a_day),
		cmocka_unit_test_setup(prints_make_volume_and_average_and_a_break_takes_them_back,
				       a_day),
		cmocka_unit_test_setup(announcements_are_noted_for_configured_instruments, a_day),
		cmocka_unit_test_setup(time_in_each_confidence_adds_up, a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
