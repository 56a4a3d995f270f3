/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oe.h"
#include "wire/itch50.h"
#include "wire/ouch42.h"

/*
 * Pegs, auctions and Trade Now of the simulator: requests go in as a client's bytes would say them,
 * and what is judged is the letters of the venue's answers, with shares and price of executions.
 */
enum { LOCATE = 3, OTHER = 4 };

static struct match match;
static struct faults faults;
static struct oe *oe;
static size_t read_len; // of the account's store
static uint32_t user_ref;

static void
begin(enum ouch_version version)
{
	const struct oe_config c = {
		.version = version, .username = "TEST01", .password = "SECRET", .session = "OE1"
	};

	assert_true(match_init(&match, oe_on_fill, NULL));
	match_name(&match, LOCATE, "AAPL    ", false);
	oe = malloc(sizeof(*oe));
	assert_true(oe_init(oe, &c, &match, &faults, 1000));
	read_len = oe->store.len;
	user_ref = 0;
}

static void
end(void)
{
	oe_fini(oe);
	free(oe);
	match_fini(&match);
}

/* The answers since the last call: letters; of executions also number, shares, price, liquidity. */
static const char *
answers(void)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	while (read_len < oe->store.len) {
		const struct soup_head *h = (const struct soup_head *)(oe->store.at + read_len);
		const uint8_t *m = oe->store.at + read_len + sizeof(*h);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c", len > 0 ? " " : "",
					m[0]);
		if (m[0] == 'E' && oe->c.version == OUCH_50) {
			const struct ouch50_executed *e = (const struct ouch50_executed *)m;

			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u:%u@%lu%c",
						be32_get(e->user_ref), be32_get(e->qty),
						(unsigned long)be64_get(e->px4), e->liquidity);
		}
		if (m[0] == 'C' && oe->c.version == OUCH_50) {
			const struct ouch50_canceled *c = (const struct ouch50_canceled *)m;

			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u:%u%c",
						be32_get(c->user_ref), be32_get(c->qty), c->reason);
		}
		if (m[0] == 'J' && oe->c.version == OUCH_50)
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, ":%x",
				be16_get(((const struct ouch50_rejected *)m)->reason));
		read_len += SOUP_LEN_BYTES + be16_get(h->len);
	}
	return text;
}

static struct itch50_head
head(uint8_t type, uint64_t s_of_day)
{
	return (struct itch50_head){ type, be16_of(LOCATE), be16_of(0),
				     be48_of(s_of_day * NS_PER_SEC) };
}

static void
tape_add(uint64_t ref, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct itch50_add_order a = { .head = head('A', 1),
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(qty),
				      .px4 = be32_of(px4) };

	match_on_itch(&match, (uint8_t *)&a, sizeof(a));
}

static void
tape_delete(uint64_t ref)
{
	struct itch50_order_delete d = { head('D', 1), be64_of(ref) };

	match_on_itch(&match, (uint8_t *)&d, sizeof(d));
}

static void
tape_exec(uint64_t ref, uint32_t qty)
{
	struct itch50_order_executed e = { head('E', 1), be64_of(ref), be32_of(qty), be64_of(1) };

	match_on_itch(&match, (uint8_t *)&e, sizeof(e));
}

static void
tape_cross(uint8_t cross, uint64_t qty, uint32_t px4, uint64_t s_of_day)
{
	struct itch50_cross_trade q = { .head = head('Q', s_of_day),
					.qty = be64_of(qty),
					.px4 = be32_of(px4),
					.match_ref = be64_of(77),
					.cross = cross };

	match_on_itch(&match, (uint8_t *)&q, sizeof(q));
}

static void
clock_is(uint64_t s_of_day)
{
	match.ts_ns = s_of_day * NS_PER_SEC;
}

/* A plain day order, to be changed. */
static struct oe_request
order(uint8_t side, uint32_t qty, uint32_t px4)
{
	struct oe_request r = { .user_ref = ++user_ref,
				.side = side,
				.qty = qty,
				.px4 = px4,
				.tif = OE_TIF_DAY,
				.display = 'Y',
				.capacity = 'P',
				.cross = 'N' };

	memcpy(r.key, &r.user_ref, sizeof(r.user_ref));
	memcpy(r.symbol, "AAPL    ", sizeof(r.symbol));
	return r;
}

static void
enter_peg(uint8_t side, uint32_t qty, uint32_t limit_px4, uint8_t peg, int32_t offset_px4)
{
	struct oe_request r = order(side, qty, limit_px4);

	r.price_type = peg;
	r.peg_offset_px4 = offset_px4;
	oe_enter(oe, &r);
}

static uint32_t
enter_cross(uint8_t side, uint32_t qty, uint64_t px4, uint8_t cross, enum oe_tif tif)
{
	struct oe_request r = order(side, qty, 0);

	r.px4 = px4;
	r.cross = cross;
	r.tif = tif;
	oe_enter(oe, &r);
	return r.user_ref;
}

static void
cancel(uint32_t ref, uint32_t keep_qty)
{
	struct oe_request r = { .qty = keep_qty };

	memcpy(r.key, &ref, sizeof(ref));
	oe_cancel(oe, &r);
}

static void
a_midpoint_peg_follows_both_sides_and_trades_between_them(void **state)
{
	begin(OUCH_50);
	enter_peg('B', 100, 1100000, 'M', 0); // no price yet
	assert_string_equal(answers(), "A");
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 500, 1000200);
	tape_add(3, 'S', 40, 1000100); // arrives at the middle: trades with it
	assert_string_equal(answers(), "E1:40@1000100k");
	tape_delete(3);
	tape_add(4, 'B', 10, 1000100); // the middle is now at 100.0150
	tape_exec(1, 20);              // flow at the bid meets the better price first
	assert_string_equal(answers(), "E1:20@1000150k");
	tape_delete(2); // one side is empty: nobody can trade with it
	tape_add(5, 'B', 10, 1000050);
	tape_exec(5, 10);
	assert_string_equal(answers(), "");
	assert_int_equal(oe->n.executed_pegged, 2);
	end();
}

static void
a_peg_is_never_worse_than_its_limit(void **state)
{
	begin(OUCH_50);
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 500, 1000400);
	enter_peg('B', 100, 1000100, 'M', 0); // the middle would be 100.02
	tape_add(3, 'S', 30, 1000200);        // at the middle, not at the limit
	assert_string_equal(answers(), "A");
	tape_add(4, 'S', 30, 1000100);
	assert_string_equal(answers(), "E1:30@1000100k");
	end();
}

static void
a_primary_peg_moves_with_its_own_side(void **state)
{
	begin(OUCH_50);
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 500, 1000500);
	enter_peg('B', 100, 1100000, 'R', 100); // a cent above the bid
	tape_exec(1, 10);
	assert_string_equal(answers(), "A E1:10@1000100A");
	tape_add(3, 'B', 100, 1000200);
	tape_exec(3, 10);
	assert_string_equal(answers(), "E1:10@1000300A");
	tape_delete(3); // back
	tape_exec(1, 10);
	assert_string_equal(answers(), "E1:10@1000100A");
	enter_peg('S', 50, 900000, 'R', 0); // joins the offer, behind it
	tape_exec(2, 500);
	assert_string_equal(answers(), "A");
	end();
}

static void
a_market_peg_without_an_offset_takes(void **state)
{
	begin(OUCH_50);
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 30, 1000500);
	tape_add(3, 'S', 500, 1000600);
	enter_peg('B', 100, 1000500, 'P', 0); // up to its limit, then it rests there
	assert_string_equal(answers(), "A E1:30@1000500R");
	tape_exec(1, 20);
	assert_string_equal(answers(), "E1:20@1000500A");
	enter_peg('S', 100, 1, 'P', 200); // two cents above the bid; price below a dollar
	assert_string_equal(answers(), "A E2:50@1000500R E1:50@1000500A");
	end();
}

static void
pegs_that_cannot_be_are_refused(void **state)
{
	struct oe_request r;

	begin(OUCH_50);
	enter_peg('B', 100, 1000000, 'Q', 0); // market maker peg: no maker is registered here
	enter_peg('B', 100, 1000000, 'Z', 0);
	r = order('B', 100, 1000000);
	r.price_type = 'M';
	r.cross = 'O';
	oe_enter(oe, &r);
	assert_string_equal(answers(), "J:5 J:5 J:11");
	r = order('B', 100, 1000000);
	r.price_type = 'M';
	r.tif = OE_TIF_IOC; // nothing to meet
	oe_enter(oe, &r);
	assert_string_equal(answers(), "A C4:100I");
	end();
}

static void
two_pegs_at_the_middle_trade_with_each_other(void **state)
{
	begin(OUCH_50);
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 500, 1000100);
	enter_peg('B', 100, 1100000, 'M', 0);
	enter_peg('S', 60, 900000, 'M', 0);
	assert_string_equal(answers(), "A A E2:60@1000050m E1:60@1000050k");
	end();
}

static void
an_opening_cross_fills_by_price_and_the_rest_goes_on(void **state)
{
	begin(OUCH_50);
	match.symbol[LOCATE].state = 'Q'; // before the open
	enter_cross('B', 100, 1000000, 'O', OE_TIF_DAY);
	enter_cross('B', 100, 1000200, 'O', OE_TIF_DAY);
	enter_cross('B', 100, 0x7FFFFFFF, 'O', OE_TIF_IOC); // without a limit
	enter_cross('B', 100, 990000, 'O', OE_TIF_DAY);     // too low
	enter_cross('S', 500, 1000000, 'O', OE_TIF_IOC);
	enter_cross('S', 10, 1000000, 'C', OE_TIF_DAY); // another auction
	assert_string_equal(answers(), "A A A A A A");
	match.symbol[LOCATE].state = 'T';
	tape_cross('O', 250, 1000000, 9 * 3600 + 30 * 60);
	// 250 shares on each side; what is left of the sale was for this moment only
	assert_string_equal(answers(), "E3:100@1000000O E2:100@1000000O E1:50@1000000O "
				       "E5:250@1000000O C5:250I");
	tape_add(1, 'S', 500, 990000); // the first and the fourth are in the book now
	assert_string_equal(answers(), "E1:50@1000000A E4:100@990000A");
	enter_cross('B', 100, 1000000, 'O', OE_TIF_DAY); // too late
	assert_string_equal(answers(), "J:14");
	assert_int_equal(oe->n.executed_cross, 4);
	assert_int_equal(oe->position[LOCATE].sold_qty, 250);
	end();
}

static void
a_closing_cross_is_the_end_of_what_waited_for_it(void **state)
{
	struct oe_request r;

	begin(OUCH_50);
	enter_cross('S', 100, 1000000, 'C', OE_TIF_DAY);
	r = order('S', 50, 900000);
	r.cross = 'C';
	r.imbalance_only = true;
	oe_enter(oe, &r);
	enter_cross('S', 100, 1100000, 'C', OE_TIF_DAY);
	oe_on_system_event(oe, 'M'); // the market closes before its cross is told
	assert_string_equal(answers(), "A A A");
	tape_cross('C', 120, 1000000, 16 * 3600);
	assert_string_equal(answers(), "E2:50@1000000L E1:70@1000000C C1:30E C3:100E");
	end();
}

static void
an_auction_that_comes_to_nothing_fills_nobody(void **state)
{
	begin(OUCH_50);
	match.symbol[LOCATE].state = 'Q';
	enter_cross('S', 100, 1000000, 'O', OE_TIF_DAY);
	tape_cross('O', 0, 0, 9 * 3600 + 30 * 60);
	assert_string_equal(answers(), "A C1:100H"); // the symbol is still halted
	end();
}

static void
what_is_taken_back_late_goes_behind_the_auction(void **state)
{
	struct oe_request r;

	begin(OUCH_50);
	enter_cross('B', 100, 1000000, 'O', OE_TIF_DAY);
	enter_cross('B', 100, 1000000, 'O', OE_TIF_DAY);
	clock_is(9 * 3600 + 28 * 60 - 1);
	cancel(1, 40); // in time
	assert_string_equal(answers(), "A A C1:60U");
	clock_is(9 * 3600 + 28 * 60);
	cancel(1, 10); // of a part: never
	cancel(1, 10); // told once
	cancel(2, 0);
	cancel(2, 0);
	assert_string_equal(answers(), "I P");
	r = order('B', 200, 1000100);
	memcpy(r.orig_key, &(uint32_t){ 1 }, sizeof(uint32_t));
	oe_replace(oe, &r);
	assert_string_equal(answers(), "J:14"); // the original stays
	tape_cross('O', 90, 1000000, 9 * 3600 + 30 * 60);
	assert_string_equal(answers(), "E1:40@1000000O E2:50@1000000O C2:50U");
	assert_int_equal(oe->n.cancel_pending, 1);
	assert_int_equal(oe->n.cancel_refused, 1);
	end();
}

static void
a_hidden_order_that_trades_now_takes_what_locks_it(void **state)
{
	struct oe_request r;

	begin(OUCH_50);
	r = order('B', 100, 1000000); // waits for somebody
	r.display = 'N';
	oe_enter(oe, &r);
	r = order('B', 100, 1000000);
	r.display = 'N';
	r.trade_now = true;
	oe_enter(oe, &r);
	r = order('S', 150, 1000000);
	r.post_only = true; // nobody is shown there
	oe_enter(oe, &r);
	// the second one took, at the first's back: who does not ask stays locked
	assert_string_equal(answers(), "A A A E2:100@1000000R E3:100@1000000A");
	r = order('B', 10, 1000000);
	r.post_only = true; // what is left of it is shown
	oe_enter(oe, &r);
	assert_string_equal(answers(), "A C4:10G");
	end();
}

static void
ouch_42_asks_for_it_and_has_letters_for_pegs(void **state)
{
	struct ouch42_enter_order e = { .type = 'O',
					.side = 'B',
					.qty = be32_of(100),
					.px4 = be32_of(1000000),
					.tif = be32_of(OUCH42_TIF_MARKET_HOURS),
					.firm = "FIRM",
					.display = 'N',
					.capacity = 'P',
					.sweep = 'N',
					.cross = 'N' };
	struct ouch42_trade_now_request n = { .type = OUCH42_TRADE_NOW_REQUEST };

	begin(OUCH_42);
	memcpy(e.symbol, "AAPL    ", sizeof(e.symbol));
	memcpy(e.token.text, "AAAAAAAAAAAAA1", sizeof(e.token.text));
	n.token = e.token;
	assert_null(oe_on_message(oe, (uint8_t *)&e, sizeof(e)));
	memcpy(e.token.text, "AAAAAAAAAAAAA2", sizeof(e.token.text));
	e.side = 'S';
	e.display = 'P'; // post-only
	assert_null(oe_on_message(oe, (uint8_t *)&e, sizeof(e)));
	assert_string_equal(answers(), "A A");
	assert_null(oe_on_message(oe, (uint8_t *)&n, sizeof(n)));
	assert_string_equal(answers(), "N E E");
	assert_null(oe_on_message(oe, (uint8_t *)&n, sizeof(n))); // it is gone
	assert_string_equal(answers(), "");
	tape_add(1, 'B', 500, 1000000);
	tape_add(2, 'S', 500, 1000200);
	memcpy(e.token.text, "AAAAAAAAAAAAA3", sizeof(e.token.text));
	e.display = 'M';
	assert_null(oe_on_message(oe, (uint8_t *)&e, sizeof(e)));
	tape_add(3, 'B', 100, 1000100);
	assert_string_equal(answers(), "A E");
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_midpoint_peg_follows_both_sides_and_trades_between_them),
		cmocka_unit_test(a_peg_is_never_worse_than_its_limit),
		cmocka_unit_test(a_primary_peg_moves_with_its_own_side),
		cmocka_unit_test(a_market_peg_without_an_offset_takes),
		cmocka_unit_test(pegs_that_cannot_be_are_refused),
		cmocka_unit_test(two_pegs_at_the_middle_trade_with_each_other),
		cmocka_unit_test(an_opening_cross_fills_by_price_and_the_rest_goes_on),
		cmocka_unit_test(a_closing_cross_is_the_end_of_what_waited_for_it),
		cmocka_unit_test(an_auction_that_comes_to_nothing_fills_nobody),
		cmocka_unit_test(what_is_taken_back_late_goes_behind_the_auction),
		cmocka_unit_test(a_hidden_order_that_trades_now_takes_what_locks_it),
		cmocka_unit_test(ouch_42_asks_for_it_and_has_letters_for_pegs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
