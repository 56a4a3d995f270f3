/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match.h"
#include "wire/itch50.h"

enum { LOCATE = 7, FILLS_MAX = 16 };

static struct {
	struct match_order *o;
	uint32_t qty;
	uint32_t px4;
	uint8_t liquidity;
	uint64_t match_ref;
} fills[FILLS_MAX];
static unsigned fill_cnt;

static void
keep_fill(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity,
	  uint64_t match_ref)
{
	assert_true(fill_cnt < FILLS_MAX);
	fills[fill_cnt].o = o;
	fills[fill_cnt].qty = qty;
	fills[fill_cnt].px4 = px4;
	fills[fill_cnt].liquidity = liquidity;
	fills[fill_cnt++].match_ref = match_ref;
}

static void
check_fill(unsigned i, const struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity)
{
	assert_true(i < fill_cnt);
	assert_ptr_equal(fills[i].o, o);
	assert_int_equal(fills[i].qty, qty);
	assert_int_equal(fills[i].px4, px4);
	assert_int_equal(fills[i].liquidity, liquidity);
}

static struct itch50_head
head(uint8_t type)
{
	return (struct itch50_head){ type, be16_of(LOCATE), be16_of(0), be48_of(1) };
}

static void
tape_add(struct match *m, uint64_t ref, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct itch50_add_order a = { .head = head('A'),
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(qty),
				      .symbol = "AAPL   ",
				      .px4 = be32_of(px4) };

	match_on_itch(m, (uint8_t *)&a, sizeof(a));
}

static void
tape_exec(struct match *m, uint64_t ref, uint32_t qty)
{
	struct itch50_order_executed e = { head('E'), be64_of(ref), be32_of(qty), be64_of(1) };

	match_on_itch(m, (uint8_t *)&e, sizeof(e));
}

static void
tape_cancel(struct match *m, uint64_t ref, uint32_t qty)
{
	struct itch50_order_cancel x = { head('X'), be64_of(ref), be32_of(qty) };

	match_on_itch(m, (uint8_t *)&x, sizeof(x));
}

static void
tape_delete(struct match *m, uint64_t ref)
{
	struct itch50_order_delete d = { head('D'), be64_of(ref) };

	match_on_itch(m, (uint8_t *)&d, sizeof(d));
}

static void
tape_replace(struct match *m, uint64_t ref, uint64_t new_ref, uint32_t qty, uint32_t px4)
{
	struct itch50_order_replace u = { head('U'), be64_of(ref), be64_of(new_ref), be32_of(qty),
					  be32_of(px4) };

	match_on_itch(m, (uint8_t *)&u, sizeof(u));
}

static void
tape_print(struct match *m, uint32_t qty, uint32_t px4)
{
	struct itch50_trade p = {
		.head = head('P'), .side = 'B', .qty = be32_of(qty), .px4 = be32_of(px4)
	};

	match_on_itch(m, (uint8_t *)&p, sizeof(p));
}

static struct match_order
own(uint8_t side, uint32_t qty, uint32_t px4)
{
	return (struct match_order){
		.locate = LOCATE, .side = side, .px4 = px4, .open_qty = qty, .node = MATCH_NONE
	};
}

static void
begin(struct match *m)
{
	static const char SYMBOL[8] = { 'A', 'A', 'P', 'L', ' ', ' ', ' ', ' ' };

	assert_true(match_init(m, keep_fill, NULL));
	match_name(m, LOCATE, SYMBOL, false);
	assert_int_equal(match_locate(m, SYMBOL), LOCATE);
	fill_cnt = 0;
}

static void
taking_walks_the_book_best_price_and_oldest_first(void **state)
{
	struct match m;
	struct match_order o = own('B', 350, 1000200);

	begin(&m);
	tape_add(&m, 1, 'S', 100, 1000100);
	tape_add(&m, 2, 'S', 100, 1000000);
	tape_add(&m, 3, 'S', 100, 1000000);
	tape_add(&m, 4, 'S', 100, 1000300); // beyond the limit
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000200), 300);
	match_take(&m, &o);
	assert_int_equal(fill_cnt, 3);
	check_fill(0, &o, 100, 1000000, 'R');
	check_fill(1, &o, 100, 1000000, 'R');
	check_fill(2, &o, 100, 1000100, 'R');
	assert_int_equal(o.open_qty, 50);
	match_fini(&m);
}

static void
what_was_taken_cannot_be_taken_again(void **state)
{
	struct match m;
	struct match_order a = own('B', 60, 1000000), b = own('B', 100, 1000000);

	begin(&m);
	tape_add(&m, 1, 'S', 100, 1000000);
	match_take(&m, &a);
	match_take(&m, &b);
	check_fill(1, &b, 40, 1000000, 'R');
	assert_int_equal(b.open_qty, 60);
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000000), 0);
	tape_cancel(&m, 1, 50); // smaller on the tape than what we took
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000000), 0);
	tape_replace(&m, 1, 2, 70, 1000000); // a new order is new quantity
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000000), 70);
	match_fini(&m);
}

static void
flow_fills_only_what_stands_in_front(void **state)
{
	struct match m;
	struct match_order o = own('B', 100, 1000000), better = own('B', 30, 1000100);

	begin(&m);
	tape_add(&m, 1, 'B', 100, 1000000);
	match_rest(&m, &o);
	tape_add(&m, 2, 'B', 100, 1000000);
	tape_exec(&m, 1, 50); // in front of us
	assert_int_equal(fill_cnt, 0);
	tape_exec(&m, 2, 40); // behind us: the flow would have met us first
	assert_int_equal(fill_cnt, 1);
	check_fill(0, &o, 40, 1000000, 'A');
	match_rest(&m, &better);
	tape_exec(&m, 1, 50); // trades below our better price
	check_fill(1, &better, 30, 1000100, 'A');
	assert_int_equal(fill_cnt, 2); // and order 1 was still in front of the other
	assert_int_equal(better.node, MATCH_NONE);
	assert_int_equal(o.open_qty, 60);
	match_fini(&m);
}

static unsigned refresh_cnt;

static void
count_refresh(void *ctx, struct match_order *o)
{
	refresh_cnt++;
}

static void
a_reserve_shows_itself_bit_by_bit_behind_the_others(void **state)
{
	struct match m;
	struct match_order o = own('B', 100, 1000000), taker = own('S', 50, 1000000);
	struct match_order alone = own('S', 70, 1000100);

	begin(&m);
	m.on_refresh = count_refresh;
	refresh_cnt = 0;
	o.floor_qty = alone.floor_qty = 30;
	match_rest(&m, &o);
	tape_add(&m, 1, 'B', 100, 1000000);
	assert_int_equal(match_available(&m, LOCATE, 'S', 1000000), 200);
	tape_exec(&m, 1, 40); // 30 met us, and the reserve stands behind order 1
	assert_int_equal(fill_cnt, 1);
	check_fill(0, &o, 30, 1000000, 'A');
	assert_int_equal(o.shown_qty, 30);
	assert_int_equal(refresh_cnt, 1);
	tape_exec(&m, 1, 10); // which is in front of us now
	assert_int_equal(fill_cnt, 1);
	match_take(&m, &taker); // all that is left of order 1, a seller of our own
	assert_int_equal(fill_cnt, 2);
	check_fill(1, &taker, 50, 1000000, 'R');
	taker = own('S', 45, 1000000);
	match_take(&m, &taker);
	assert_int_equal(fill_cnt, 6); // 30, then 15 of the next 30, each told to both
	check_fill(2, &taker, 30, 1000000, 'R');
	check_fill(3, &o, 30, 1000000, 'A');
	check_fill(4, &taker, 15, 1000000, 'R');
	check_fill(5, &o, 15, 1000000, 'A');
	assert_int_equal(o.shown_qty, 15);
	assert_int_equal(o.open_qty, 25);
	assert_int_equal(refresh_cnt, 2);
	match_rest(&m, &alone);
	tape_print(&m, 65, 1000200); // the only order of its level, which must not lose its place
	assert_int_equal(fill_cnt, 9);
	check_fill(8, &alone, 5, 1000100, 'A');
	assert_int_equal(alone.open_qty, 5);
	assert_int_equal(alone.shown_qty, 5);
	assert_int_equal(refresh_cnt, 4);
	match_fini(&m);
}

static void
flow_that_crosses_us_trades_with_us_first(void **state)
{
	struct match m;
	struct match_order ask = own('S', 100, 1000000), second = own('S', 100, 1000100);
	struct match_order hit = own('S', 100, 1000000);

	begin(&m);
	match_rest(&m, &ask);
	match_rest(&m, &second);
	tape_add(&m, 1, 'B', 150, 1000000); // reaches the first, not the second
	assert_int_equal(fill_cnt, 1);
	check_fill(0, &ask, 100, 1000000, 'A');
	// 100 of the 150 that the tape now shows are spent
	assert_int_equal(match_available(&m, LOCATE, 'S', 1000000), 50);
	match_take(&m, &hit);
	check_fill(1, &hit, 50, 1000000, 'R');
	tape_replace(&m, 1, 2, 150, 1000100);
	check_fill(2, &second, 100, 1000100, 'A');
	match_fini(&m);
}

static void
prints_fill_only_through_our_price(void **state)
{
	struct match m;
	struct match_order bid = own('B', 100, 1000000), ask = own('S', 100, 1000500);

	begin(&m);
	match_rest(&m, &bid);
	match_rest(&m, &ask);
	tape_print(&m, 50, 1000000); // at our price: the hidden order may have been first
	tape_print(&m, 50, 1000500);
	assert_int_equal(fill_cnt, 0);
	tape_print(&m, 50, 999900);
	check_fill(0, &bid, 50, 1000000, 'A');
	tape_print(&m, 500, 1000600);
	check_fill(1, &ask, 100, 1000500, 'A');
	match_fini(&m);
}

static void
two_own_orders_trade_with_one_match_number(void **state)
{
	struct match m;
	struct match_order bid = own('B', 100, 1000000), ask = own('S', 40, 1000000);

	begin(&m);
	match_rest(&m, &bid);
	match_take(&m, &ask);
	assert_int_equal(fill_cnt, 2);
	check_fill(0, &ask, 40, 1000000, 'R');
	check_fill(1, &bid, 40, 1000000, 'A');
	assert_int_equal(fills[0].match_ref, fills[1].match_ref);
	assert_int_equal(bid.open_qty, 60);
	match_pull(&m, &bid);
	assert_int_equal(match_available(&m, LOCATE, 'S', 1000000), 0);
	match_fini(&m);
}

static void
bad_references_are_counted_and_change_nothing(void **state)
{
	struct match m;

	begin(&m);
	tape_add(&m, 1, 'S', 100, 1000000);
	tape_add(&m, 1, 'S', 100, 1000000); // twice
	tape_exec(&m, 9, 1);
	tape_delete(&m, 9);
	tape_replace(&m, 9, 10, 1, 1);
	assert_int_equal(m.bad_ref_cnt, 4);
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000000), 100);
	tape_exec(&m, 1, 101); // more than there is
	assert_int_equal(m.bad_ref_cnt, 5);
	assert_int_equal(match_available(&m, LOCATE, 'B', 1000000), 0);
	match_fini(&m);
}

/* Against an array searched from end to end: the map, the levels and the queues agree with it. */
static void
a_long_tape_agrees_with_a_plain_book(void **state)
{
	enum { REFS = 2000, STEPS = 60000 };
	static struct {
		uint32_t qty, px4;
		uint8_t side;
	} plain[REFS];
	uint64_t seed = 42;
	struct match m;

	begin(&m);
	memset(plain, 0, sizeof(plain));
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t ref, want_qty = 0;
		uint32_t limit_px4;
		uint8_t side;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		ref = (seed >> 33) % REFS;
		if (plain[ref].qty == 0) {
			plain[ref].side = seed >> 62 & 1 ? 'B' : 'S';
			plain[ref].qty = 1 + (uint32_t)(seed >> 40) % 500;
			plain[ref].px4 = (plain[ref].side == 'B' ? 990000 : 1000000) +
					 (uint32_t)(seed >> 20) % 100 * 100;
			tape_add(&m, ref << 32 | 5, plain[ref].side, plain[ref].qty,
				 plain[ref].px4);
		} else if (seed >> 61 & 1) {
			tape_delete(&m, ref << 32 | 5);
			plain[ref].qty = 0;
		} else {
			const uint32_t qty = 1 + (uint32_t)(seed >> 30) % plain[ref].qty;

			tape_exec(&m, ref << 32 | 5, qty);
			plain[ref].qty -= qty;
		}
		if (i % 64 != 0)
			continue;
		side = i & 64 ? 'B' : 'S';
		limit_px4 = 990000 + (uint32_t)(seed >> 25) % 200 * 100;
		for (unsigned r = 0; r < REFS; r++) {
			if (plain[r].qty > 0 && plain[r].side != side &&
			    (side == 'B' ? plain[r].px4 <= limit_px4 : plain[r].px4 >= limit_px4))
				want_qty += plain[r].qty;
		}
		assert_int_equal(match_available(&m, LOCATE, side, limit_px4), want_qty);
	}
	assert_int_equal(m.bad_ref_cnt, 0);
	match_fini(&m);
}

static void
trading_follows_the_tape(void **state)
{
	static const char SYMBOL[8] = { 'M', 'S', 'F', 'T', ' ', ' ', ' ', ' ' };
	struct itch50_trading_action h = { .head = head('H'), .state = 'T' };
	struct match m;

	begin(&m);
	assert_true(match_trading(&m, LOCATE));
	match_name(&m, 8, SYMBOL, true);
	assert_false(match_trading(&m, 8)); // no state yet: halted
	h.head.locate = be16_of(8);
	match_on_itch(&m, (uint8_t *)&h, sizeof(h));
	assert_true(match_trading(&m, 8));
	h.state = 'P';
	match_on_itch(&m, (uint8_t *)&h, sizeof(h));
	assert_false(match_trading(&m, 8));
	match_clear(&m);
	assert_true(match_trading(&m, LOCATE));
	assert_false(match_trading(&m, 8));
	assert_int_equal(match_locate(&m, SYMBOL), 8);
	match_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taking_walks_the_book_best_price_and_oldest_first),
		cmocka_unit_test(what_was_taken_cannot_be_taken_again),
		cmocka_unit_test(flow_fills_only_what_stands_in_front),
		cmocka_unit_test(a_reserve_shows_itself_bit_by_bit_behind_the_others),
		cmocka_unit_test(flow_that_crosses_us_trades_with_us_first),
		cmocka_unit_test(prints_fill_only_through_our_price),
		cmocka_unit_test(two_own_orders_trade_with_one_match_number),
		cmocka_unit_test(bad_references_are_counted_and_change_nothing),
		cmocka_unit_test(a_long_tape_agrees_with_a_plain_book),
		cmocka_unit_test(trading_follows_the_tape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
