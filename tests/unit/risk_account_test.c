/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "risk_scene.h"

/* What is reserved of IDX in the firm's cell. */
static uint32_t
firm_open_qty(uint8_t side)
{
	return risk_open_qty(&scene.r, risk_firm_cell(&scene.r, &scene.r.instr[IDX]), side);
}

static int64_t
firm_open_ntl4(uint8_t side)
{
	return risk_firm_open_ntl4(&scene.r, &scene.r.instr[IDX], side);
}

/* What risk remembers: references, reservations, positions, open orders. */

static void
the_reference_follows_trade_and_touch(void **unused)
{
	static const struct {
		const char *what;
		uint32_t bid, ask, last, want;
	} marks[] = {
		{ "trade inside the spread", 100, 200, 150, 150 },
		{ "trade below the bid", 100, 200, 50, 100 },
		{ "trade above the offer", 100, 200, 250, 200 },
		{ "no trade: the middle", 100, 201, 0, 150 },
		{ "no trade, locked", 100, 100, 0, 100 },
		{ "only a bid", 100, 0, 0, 0 },
		{ "only an offer", 0, 100, 0, 0 },
		{ "bid above the trade", 100, 0, 50, 100 },
		{ "offer below the trade", 0, 100, 150, 100 },
		{ "only a trade", 0, 0, 150, 150 },
		{ "crossed", 200, 100, 150, 150 },
		{ "crossed without a trade", 200, 100, 0, 0 },
		{ "the largest prices", 2000000000, 2000000000, 0, 2000000000 },
		{ "nothing", 0, 0, 0, 0 },
	};

	for (size_t n = 0; n < ARRAY_CNT(marks); n++) {
		const struct mark m = {
			.bid_px4 = marks[n].bid,
			.ask_px4 = marks[n].ask,
			.last_px4 = marks[n].last,
		};

		if (risk_reference_px4(&m) != marks[n].want)
			fail_msg("%s: %u", marks[n].what, risk_reference_px4(&m));
	}
}

static void
a_book_that_is_not_live_moves_no_price(void **unused)
{
	scene_start(&scene);
	hold(&scene, 10);
	assert_true(risk_gross(&scene.r.node[RISK_NODE_FIRM]) == 10 * 1000000);
	scene.mark.confidence = CONFIDENCE_SUSPECT;
	scene.mark.last_px4 = scene.mark.bid_px4 = scene.mark.ask_px4 = 1;
	on_mark(&scene.r, &scene.mark);
	assert_true(risk_gross(&scene.r.node[RISK_NODE_FIRM]) == 10 * 1000000);
	assert_int_equal(scene.r.instr[IDX].ref_px4, 1000000);
}

static void
a_sale_is_marked_short_by_the_position(void **unused)
{
	struct verdict no;
	struct order out;

	scene_start(&scene);
	hold(&scene, 100);
	scene.in.side = SIDE_SELL;
	assert_true(judged(&scene, &out, &no));
	assert_int_equal(out.flags & INTENT_SHORT, 0);
	scene.in.intent_id = 2; // the first may be executed: this one sells what is not there
	scene.in.qty = 1;
	assert_true(judged(&scene, &out, &no));
	assert_int_equal(out.flags & INTENT_SHORT, INTENT_SHORT);
}

static void
a_replace_reserves_the_worse_of_both(void **unused)
{
	struct verdict no;
	struct order out;
	struct fill f;

	scene_start(&scene);
	send(&scene, 2, SIDE_BUY, 1000000, 300);
	scene.in.kind = INTENT_REPLACE;
	scene.in.orig_id = 2;
	scene.in.qty = 200;
	scene.in.px4 = 1000100; // fewer shares at a higher price
	assert_true(judged(&scene, &out, &no));
	assert_int_equal(out.reserve_qty, 0);
	assert_int_equal(firm_open_qty(SIDE_BUY), 300);
	assert_int_equal(firm_open_ntl4(SIDE_BUY), 300 * 1000100);
	f = fill_of(2, SIDE_BUY, 0, 100, false); // replaced: 200 at the new price stay
	f.replace_done = 1;
	f.reserved_px4 = 1000100;
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_ntl4(SIDE_BUY), 200 * 1000100);
	f = fill_of(2, SIDE_BUY, 200, 200, true);
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_ntl4(SIDE_BUY), 0);
	assert_int_equal(scene.r.open_cnt, 0);
	assert_int_equal(scene.r.metrics.release_excess, 0);
	assert_true(risk_gross(&scene.r.node[RISK_NODE_FIRM]) == 200 * 1000000);
}

/* The order was filled while its replace was on its way to orders, which refuses it. */
static void
a_replace_that_comes_too_late_gives_all_back(void **unused)
{
	struct verdict no;
	struct order out;
	struct fill f;

	scene_start(&scene);
	send(&scene, 2, SIDE_BUY, 1000000, 300);
	scene.in.kind = INTENT_REPLACE;
	scene.in.orig_id = 2;
	scene.in.qty = 400;
	assert_true(judged(&scene, &out, &no));
	assert_int_equal(out.reserve_qty, 100);
	f = fill_of(2, SIDE_BUY, 300, 300, true);
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_qty(SIDE_BUY), 100);
	f = fill_of(2, SIDE_BUY, 0, 100, true);
	f.replace_done = 1;
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_qty(SIDE_BUY), 0);
	assert_int_equal(firm_open_ntl4(SIDE_BUY), 0);
	assert_int_equal(scene.r.open_cnt, 0);
	assert_int_equal(scene.r.metrics.release_excess, 0);
}

static void
a_fill_that_releases_too_much_releases_what_there_is(void **unused)
{
	struct fill f = fill_of(1, SIDE_BUY, 0, 101, true);
	struct verdict no;
	struct order out;

	scene_start(&scene);
	assert_true(judged(&scene, &out, &no));
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_qty(SIDE_BUY), 0);
	assert_int_equal(scene.r.metrics.release_excess, 1);
	on_fill(&scene.r, &f);
	assert_int_equal(firm_open_qty(SIDE_BUY), 0);
	assert_int_equal(scene.r.metrics.fill_unreserved, 1);
	f.head.instr_idx = INSTR_CNT;
	on_fill(&scene.r, &f);
	assert_int_equal(scene.r.metrics.index_out_of_range, 1);
}

static void
profit_is_exact_over_a_day(void **unused)
{
	static const struct {
		const char *what;
		int64_t qty; // negative: sold
		int64_t px4;
		bool broken;
		int64_t position, average, realised, unrealised; // at a mark of 1000000
	} steps[] = {
		{ "buy", 100, 990000, false, 100, 990000, 0, 1000000 },
		{ "buy more, dearer", 100, 1010000, false, 200, 1000000, 0, 0 },
		{ "sell half", -100, 1005000, false, 100, 1000000, 500000, 0 },
		{ "sell through zero", -300, 1001000, false, -200, 1001000, 600000, 200000 },
		{ "buy back some", 50, 1000000, false, -150, 1001000, 650000, 150000 },
		{ "that trade is broken", 50, 1000000, true, -200, 1000750, 650000, 150000 },
		{ "buy back all", 200, 1000750, false, 0, 0, 650000, 0 },
	};

	scene_start(&scene);
	on_mark(&scene.r, &scene.mark);
	for (size_t n = 0; n < ARRAY_CNT(steps); n++) {
		struct risk_position p;
		struct fill f = fill_of(77, steps[n].qty < 0 ? SIDE_SELL : SIDE_BUY,
					(uint32_t)(steps[n].qty < 0 ? -steps[n].qty : steps[n].qty),
					0, false);

		f.px4 = steps[n].px4;
		f.broken = steps[n].broken;
		on_fill(&scene.r, &f);
		assert_true(risk_position_of(&scene.r, IDX, &p));
		if (p.position_qty != steps[n].position || p.average_px4 != steps[n].average ||
		    p.realised_ntl4 != steps[n].realised ||
		    p.unrealised_ntl4 != steps[n].unrealised)
			fail_msg("%s: %lld at %lld, realised %lld, unrealised %lld", steps[n].what,
				 (long long)p.position_qty, (long long)p.average_px4,
				 (long long)p.realised_ntl4, (long long)p.unrealised_ntl4);
		// all money together is what the cash and the position are worth
		assert_int_equal(p.realised_ntl4 + p.unrealised_ntl4,
				 p.sold_ntl4 - p.bought_ntl4 + p.position_qty * 1000000);
	}
}

static void
a_corrected_price_is_cost_where_shares_are_held_and_realised_where_not(void **unused)
{
	static const struct {
		const char *what;
		int64_t qty; // negative: sold
		int64_t px4;
		int64_t was_px4; // 0: an execution
		int64_t position, average, realised;
	} steps[] = {
		{ "buy", 100, 990000, 0, 100, 990000, 0 },
		{ "it cost 1 less", 100, 989999, 990000, 100, 989999, 0 },
		{ "it cost 2 more", 100, 990001, 989999, 100, 990001, 0 },
		{ "buy more", 100, 1010001, 0, 200, 1000001, 0 },
		{ "which cost less", 100, 1009999, 1010001, 200, 1000000, 0 },
		{ "sell most of it", -150, 1001000, 0, 50, 1000000, 150000 },
		{ "which brought 10 more", -150, 1001010, 1001000, 50, 1000000, 151500 },
		{ "the first was dearer, and half is sold", 100, 990011, 990001, 50, 1000010,
		  151000 },
		{ "sell through zero", -100, 1000010, 0, -50, 1000010, 151000 },
		{ "which brought less, half for what was held", -100, 1000000, 1000010, -50,
		  1000000, 150500 },
		{ "buy back", 50, 1000000, 0, 0, 0, 150500 },
		{ "all is sold, and was dearer", 50, 1000001, 1000000, 0, 0, 150450 },
	};

	scene_start(&scene);
	on_mark(&scene.r, &scene.mark);
	for (size_t n = 0; n < ARRAY_CNT(steps); n++) {
		struct risk_position p;
		struct fill f = fill_of(77, steps[n].qty < 0 ? SIDE_SELL : SIDE_BUY,
					(uint32_t)(steps[n].qty < 0 ? -steps[n].qty : steps[n].qty),
					0, false);

		f.px4 = (uint32_t)steps[n].px4;
		f.was_px4 = (uint32_t)steps[n].was_px4;
		f.corrected = steps[n].was_px4 != 0;
		on_fill(&scene.r, &f);
		assert_true(risk_position_of(&scene.r, IDX, &p));
		if (p.position_qty != steps[n].position || p.average_px4 != steps[n].average ||
		    p.realised_ntl4 != steps[n].realised)
			fail_msg("%s: %lld at %lld, realised %lld", steps[n].what,
				 (long long)p.position_qty, (long long)p.average_px4,
				 (long long)p.realised_ntl4);
		// all money together is what the cash and the position are worth
		assert_int_equal(p.realised_ntl4 + p.unrealised_ntl4,
				 p.sold_ntl4 - p.bought_ntl4 + p.position_qty * 1000000);
	}
	assert_int_equal(scene.r.metrics.fill_corrected, 7);
}

static void
sums_meet_the_end_of_64_bits_and_stay(void **unused)
{
	struct fill f = fill_of(77, SIDE_BUY, UINT32_MAX, 0, false);
	struct risk_position p;
	struct verdict no;
	struct order out;

	scene_start(&scene);
	scene.mark.last_px4 = scene.mark.bid_px4 = scene.mark.ask_px4 = (uint32_t)PX4_MAX;
	on_mark(&scene.r, &scene.mark);
	f.px4 = PX4_MAX;
	for (int n = 0; n < 300; n++) // beyond RISK_POSITION_END
		on_fill(&scene.r, &f);
	assert_true(scene.r.metrics.sum_saturated > 0);
	assert_int_equal(risk_firm_cell(&scene.r, &scene.r.instr[IDX])->position_qty,
			 RISK_POSITION_END);
	assert_int_equal(risk_firm_cell(&scene.r, &scene.r.instr[IDX])->position_ntl4, INT64_MAX);
	assert_true(risk_position_of(&scene.r, IDX, &p));
	assert_int_equal(p.exposure_ntl4, INT64_MAX);
	scene.in.px4 = PX4_MAX;
	scene.in.qty = 1;
	scene.lim.node[RISK_NODE_FIRM].gross_max_ntl4 = INT64_MAX;
	scene.lim.instr[IDX].order_max_ntl4 = INT64_MAX;
	scene.lim.instr[IDX].position_max_qty = UINT32_MAX;
	scene.in.side = SIDE_SELL; // even where the position would let it
	assert_false(on_intent(&scene.r, &scene.lim, &scene.in, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_GROSS);
}

/* Names that hash together are all found again while others go. */
static void
the_table_of_open_orders_loses_nothing(void **unused)
{
	uint32_t live[64], live_cnt = 0, next_id = 1, x = 12345;

	scene_start(&scene);
	scene.lim.instr[IDX].open_max_qty = 1000000;
	for (int n = 0; n < 20000; n++) {
		x = x * 1664525 + 1013904223;
		if (live_cnt < 64 && (live_cnt == 0 || (x >> 16) % 2)) {
			send(&scene, next_id, SIDE_BUY, 1000000, 1);
			live[live_cnt++] = next_id++;
		} else {
			const uint32_t at = (x >> 8) % live_cnt;
			const struct fill f = fill_of(live[at], SIDE_BUY, 0, 1, true);

			on_fill(&scene.r, &f);
			live[at] = live[--live_cnt];
		}
		assert_int_equal(scene.r.open_cnt, live_cnt);
		for (uint32_t i = 0; i < live_cnt; i++)
			assert_int_equal(
				risk_open_of(&scene.r, risk_open_key(0, live[i]))->open_qty, 1);
	}
	assert_int_equal(scene.r.metrics.fill_unreserved, 0);
	assert_int_equal(firm_open_qty(SIDE_BUY), live_cnt);
}

/* Strategy 3's order of an earlier process: named by nobody here, and booked for all above. */
static void
an_execution_of_an_earlier_process_is_booked_for_who_sent_it(void **unused)
{
	struct fill f = fill_of(1, SIDE_SELL, 40, 40, false);
	uint32_t cell;

	scene_start(&scene);
	scene.in.side = SIDE_SELL;
	send(&scene, 1, SIDE_BUY, 1000000, 100); // the same name in this process
	f.strategy_idx = STRATEGY_NONE;
	f.booked_as = FILL_BOOKED(3) | FILL_BOOKED_SHORT;
	on_fill(&scene.r, &f);
	cell = risk_leaf_cell(&scene.r.instr[IDX], 3);
	for (uint32_t k = cell; k != 0; k = scene.r.cell[k].up) {
		assert_int_equal(scene.r.cell[k].position_qty, -40);
		assert_int_equal(scene.r.ledger[k].sold_qty, 40);
	}
	assert_int_equal(scene.r.ledger[cell].execution_cnt[SIDE_SELL], 1);
	assert_int_equal(risk_located_used(&scene.r, &scene.r.cell[scene.r.cell[cell].up]), 40);
	assert_int_equal(scene.r.metrics.fill_unassigned, 0);
	assert_int_equal(risk_open_of(&scene.r, risk_open_key(0, 1))->open_qty, 100);
	f.broken = 1; // the bust of a part of it
	f.executed_qty = 10;
	on_fill(&scene.r, &f);
	assert_int_equal(scene.r.cell[cell].position_qty, -30);
	assert_int_equal(risk_located_used(&scene.r, &scene.r.cell[scene.r.cell[cell].up]), 30);
	f.booked_as = 0; // nobody knows whose
	f.broken = 0;
	on_fill(&scene.r, &f);
	assert_int_equal(scene.r.cell[cell].position_qty, -30);
	assert_int_equal(scene.r.metrics.fill_unassigned, 1);
}

static void
a_day_goes_on_where_an_earlier_process_stopped(void **unused)
{
	static struct risk_day day;
	struct verdict no;
	struct order out;
	struct fill f = fill_of(5, SIDE_BUY, 1, 1, false);

	scene_start(&scene);
	scene.lim.session_message_max = 10;
	scene.lim.leaf[0].execution_max = 2;
	scene.lim.leaf[0].enable_seq = 4; // somebody had enabled it
	scene.lim.node[RISK_NODE_FIRM].drawdown_max_ntl4 = 50;
	day.message_cnt[0] = 9;
	day.high_ntl4[RISK_NODE_FIRM] = 50;
	risk_restore(&scene.r, &scene.lim, &day);
	assert_true(judged(&scene, &out, &no)); // at the drawdown's limit, the tenth message
	scene.in.intent_id = 2;
	assert_false(judged(&scene, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_MESSAGES);
	scene.lim.session_message_max = 0;
	scene.lim.version++;
	f.strategy_idx = STRATEGY_NONE;
	f.booked_as = FILL_BOOKED(0);
	on_fill(&scene.r, &f);
	assert_true(judged(&scene, &out, &no));
	on_fill(&scene.r, &f);
	scene.in.intent_id = 3;
	assert_false(judged(&scene, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_REPEATED);
	scene.lim.leaf[0].execution_max = 3;
	scene.r.node[RISK_NODE_FIRM].high_ntl4 = 51;
	scene.lim.version++;
	assert_false(judged(&scene, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_DRAWDOWN);
}

static void
a_table_too_large_is_refused(void **unused)
{
	struct risk_config c = { .instr_cnt = INSTR_MAX + 1, .open_orders_max = 1 };
	struct arena small = { .base = arena.base, .size_bytes = 64 };

	assert_int_equal(risk_init(&scene.r, &c, &arena), -EINVAL);
	c.instr_cnt = 2;
	c.open_orders_max = 0;
	assert_int_equal(risk_init(&scene.r, &c, &arena), -EINVAL);
	c.open_orders_max = 8;
	assert_int_equal(risk_init(&scene.r, &c, &small), -ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reference_follows_trade_and_touch),
		cmocka_unit_test(a_book_that_is_not_live_moves_no_price),
		cmocka_unit_test(a_sale_is_marked_short_by_the_position),
		cmocka_unit_test(a_replace_reserves_the_worse_of_both),
		cmocka_unit_test(a_replace_that_comes_too_late_gives_all_back),
		cmocka_unit_test(a_fill_that_releases_too_much_releases_what_there_is),
		cmocka_unit_test(profit_is_exact_over_a_day),
		cmocka_unit_test(
			a_corrected_price_is_cost_where_shares_are_held_and_realised_where_not),
		cmocka_unit_test(sums_meet_the_end_of_64_bits_and_stay),
		cmocka_unit_test(the_table_of_open_orders_loses_nothing),
		cmocka_unit_test(an_execution_of_an_earlier_process_is_booked_for_who_sent_it),
		cmocka_unit_test(a_day_goes_on_where_an_earlier_process_stopped),
		cmocka_unit_test(a_table_too_large_is_refused),
	};

	if (arena_open(&arena, SCENE_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
