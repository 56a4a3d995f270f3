/* SPDX-License-Identifier: Apache-2.0 */
#include "risk_cases.h"

/*
 * What risk decides: each limit of an order's terms and of an instrument at its edge.  Conduct,
 * lists and prices we set ourselves are in risk_conduct_test.c, levels of the tree in
 * risk_tree_test.c, what is remembered in risk_account_test.c.
 */

static void
qty(struct scene *s, int64_t x)
{
	s->in.qty = (uint32_t)x;
}

static void
px(struct scene *s, int64_t x)
{
	s->in.px4 = x;
}

static void
sell_px(struct scene *s, int64_t x)
{
	s->in.px4 = x;
	s->in.side = SIDE_SELL;
}

static void
order_ntl(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].order_max_ntl4 = x;
}

static void
open_beside(struct scene *s, int64_t x)
{
	for (uint32_t id = 2; x > 0; id++, x -= 500)
		send(s, id, id & 1, 1000000, (uint32_t)(x < 500 ? x : 500));
}

static void
long_position(struct scene *s, int64_t x)
{
	hold(s, x);
}

static void
long_with_open_sell(struct scene *s, int64_t x)
{
	hold(s, x);
	send(s, 2, SIDE_SELL, 1000000, 500); // may never be executed: helps nothing
}

static void
long_with_open_buy(struct scene *s, int64_t x)
{
	hold(s, x - 300);
	send(s, 2, SIDE_BUY, 1000000, 300);
}

static void
short_position(struct scene *s, int64_t x)
{
	hold(s, -x);
	s->in.side = SIDE_SELL;
}

static void
far_too_long_selling(struct scene *s, int64_t x)
{
	hold(s, x);
	s->in.side = SIDE_SELL;
}

static void
gross(struct scene *s, int64_t x)
{
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = x;
}

static void
gross_with_position(struct scene *s, int64_t x)
{
	hold(s, -1000); // 1000 * 1000000
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = x;
}

static void
gross_with_other_mark(struct scene *s, int64_t x)
{
	hold(s, 1000);
	s->mark.bid_px4 = 1009900;
	s->mark.ask_px4 = 1010100;
	s->mark.last_px4 = 1010000;
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = x;
}

static void
rate(struct scene *s, int64_t x)
{
	struct verdict no;
	struct order out;

	on_mark(&s->r, &s->mark);
	for (uint32_t id = 0; id < x; id++) {
		struct intent in = s->in;

		in.qty = 1;
		in.intent_id = 100 + id;
		assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
	}
}

static void
rate_later(struct scene *s, int64_t x)
{
	rate(s, 10);
	s->in.head.rx_ns += (uint64_t)x;
}

static void
rate_back(struct scene *s, int64_t x)
{
	rate(s, 10);
	s->in.head.rx_ns -= (uint64_t)x;
}

static void
rate_of_4096(struct scene *s, int64_t x)
{
	s->lim.node[RISK_NODE_FIRM].order_rate_max = ORDER_RATE_MAX;
	s->r.node[RISK_NODE_FIRM].order_cnt = (uint64_t)x;
	s->r.node[RISK_NODE_FIRM].order_end = s->r.node[RISK_NODE_FIRM].order_at;
	for (uint64_t i = 0; i < ORDER_RATE_MAX; i++)
		s->r.node[RISK_NODE_FIRM].order_ns[i] = s->in.head.rx_ns;
}

static void
armed(struct scene *s, int64_t x)
{
	s->lim.armed = (uint8_t)x;
}

static void
kill_switch(struct scene *s, int64_t x)
{
	s->lim.halted = (uint8_t)x;
}

static void
halt_reason(struct scene *s, int64_t x)
{
	halt_set((enum halt_reason)x);
}

static void
allowed(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].allowed = (uint8_t)x;
}

static void
instr_halted(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].halted = (uint8_t)x;
}

static void
instrument(struct scene *s, int64_t x)
{
	struct mark m = s->mark;

	for (m.head.instr_idx = 1; m.head.instr_idx < INSTR_CNT; m.head.instr_idx++)
		on_mark(&s->r, &m);
	s->in.head.instr_idx = (uint16_t)x;
}

static void
confidence(struct scene *s, int64_t x)
{
	s->mark.confidence = (uint8_t)x;
}

static void
px_of_a_book_never_live(struct scene *s, int64_t x)
{
	s->mark.confidence = CONFIDENCE_STALE;
	s->in.px4 = x;
}

static void
state(struct scene *s, int64_t x)
{
	s->mark.state = (uint8_t)x;
}

static void
odd_lot(struct scene *s, int64_t x)
{
	s->mark.round_lot_qty = 100;
	s->mark.lots_only = 1;
	s->in.qty = (uint32_t)x;
}

static void
kind(struct scene *s, int64_t x)
{
	s->in.kind = (uint8_t)x;
}

static void
side(struct scene *s, int64_t x)
{
	s->in.side = (uint8_t)x;
}

static void
tif(struct scene *s, int64_t x)
{
	s->in.tif = (uint8_t)x;
}

static void
strategy(struct scene *s, int64_t x)
{
	s->in.strategy_idx = (uint8_t)x;
}

static void
session(struct scene *s, int64_t x)
{
	s->in.session_idx = (uint8_t)x;
}

static void
no_prices(struct scene *s, int64_t x)
{
	s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 0;
	s->mark.bid_px4 = (uint32_t)x;
}

static void
only_trade(struct scene *s, int64_t x)
{
	s->mark.bid_px4 = s->mark.ask_px4 = 0;
	s->in.px4 = x;
}

static void
crossed(struct scene *s, int64_t x)
{
	s->mark.bid_px4 = 1100000;
	s->mark.ask_px4 = 900000;
	s->mark.last_px4 = (uint32_t)x;
}

static void
band_hi(struct scene *s, int64_t x)
{
	s->mark.band_lo_px4 = 990000;
	s->mark.band_hi_px4 = 1010000;
	s->in.px4 = x;
}

static void
band_lo(struct scene *s, int64_t x)
{
	band_hi(s, x);
	s->in.side = SIDE_SELL;
}

static void
short_sale(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].short_allowed = 0;
	hold(s, x);
	s->in.side = SIDE_SELL;
}

static void
short_sale_beside(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].short_allowed = 0;
	hold(s, x);
	send(s, 2, SIDE_SELL, 1000000, 50);
	s->in.side = SIDE_SELL;
}

static void
short_flag(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].short_allowed = (uint8_t)x;
	hold(s, 1000);
	s->in.side = SIDE_SELL;
	s->in.flags = INTENT_SHORT;
}

static void
reg_sho(struct scene *s, int64_t x)
{
	s->mark.short_sale = '1';
	s->in.side = SIDE_SELL;
	s->in.px4 = x;
}

static void
reg_sho_unknown(struct scene *s, int64_t x)
{
	reg_sho(s, x);
	s->mark.short_sale = 0;
}

static void
reg_sho_long(struct scene *s, int64_t x)
{
	hold(s, 100);
	reg_sho(s, x);
}

static void
same_name(struct scene *s, int64_t x)
{
	send(s, (uint32_t)x, SIDE_BUY, 1000000, 1);
}

static void
open_orders(struct scene *s, int64_t x)
{
	for (uint32_t id = 1; id <= x; id++)
		send(s, 1000 + id, SIDE_BUY, 1000000, 1);
}

/* A replace of an order of 300 shares, of which 100 are executed, to x in all. */
static void
replace_to(struct scene *s, int64_t x)
{
	struct fill f = fill_of(2, SIDE_BUY, 100, 100, false);

	send(s, 2, SIDE_BUY, 1000000, 300);
	on_fill(&s->r, &f);
	s->in.kind = INTENT_REPLACE;
	s->in.orig_id = 2;
	s->in.qty = (uint32_t)x;
}

static void
replace_open_limit(struct scene *s, int64_t x)
{
	replace_to(s, 400);
	s->lim.instr[IDX].open_max_qty = (uint32_t)x;
}

static void
replace_position_limit(struct scene *s, int64_t x)
{
	replace_to(s, 400);
	s->lim.instr[IDX].position_max_qty = (uint32_t)x;
}

static void
replace_gross_limit(struct scene *s, int64_t x)
{
	replace_to(s, 400);
	s->in.px4 = 1000100;
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = x;
}

static void
replace_smaller_over_limits(struct scene *s, int64_t x)
{
	replace_to(s, x);
	s->lim.instr[IDX].position_max_qty = 1;
	s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = 1;
}

static void
replace_name(struct scene *s, int64_t x)
{
	replace_to(s, 300);
	s->in.orig_id = (uint32_t)x;
}

static void
replace_side(struct scene *s, int64_t x)
{
	replace_to(s, 300);
	s->in.side = (uint8_t)x;
}

static void
replace_of_other(struct scene *s, int64_t x)
{
	instrument(s, IDX);
	replace_to(s, 300);
	s->in.head.instr_idx = (uint16_t)x;
}

static void
replace_twice(struct scene *s, int64_t x)
{
	struct verdict no;
	struct order out;

	replace_to(s, 300);
	assert_true(on_intent(&s->r, &s->lim, &s->in, &out, &no));
	if (x) {
		struct fill f = fill_of(2, SIDE_BUY, 0, 0, false);

		f.replace_done = 1;
		on_fill(&s->r, &f);
	}
}

static void
replace_turns_short(struct scene *s, int64_t x)
{
	hold(s, 300);
	send(s, 2, SIDE_SELL, 1000000, 300);
	s->in.kind = INTENT_REPLACE;
	s->in.side = SIDE_SELL;
	s->in.orig_id = 2;
	s->in.qty = (uint32_t)x;
}

static const struct risk_case CASES[] = {
	// clang-format off
	{ "one below the largest order",               qty, 499, RISK_PASS },
	{ "exactly the largest order",                 qty, 500, RISK_PASS },
	{ "one share more than the largest order",     qty, 501, RISK_REJECT_QTY },
	{ "one share",                                 qty, 1, RISK_PASS },
	{ "no share",                                  qty, 0, RISK_REJECT_QTY },
	{ "all 32 bits of shares",                     qty, UINT32_MAX, RISK_REJECT_QTY },

	{ "worth one less than the largest value",     order_ntl, 100000001, RISK_PASS },
	{ "worth exactly the largest value",           order_ntl, 100000000, RISK_PASS },
	{ "worth one more than the largest value",     order_ntl, 99999999, RISK_REJECT_NOTIONAL },

	{ "a price of 0",                              px, 0, RISK_REJECT_PRICE },
	{ "a negative price",                          px, -1, RISK_REJECT_PRICE },
	{ "the most negative price",                   px, INT64_MIN, RISK_REJECT_PRICE },
	{ "the largest price the venue knows",         px, PX4_MAX, RISK_REJECT_COLLAR },
	{ "one above the largest price",               px, PX4_MAX + 1, RISK_REJECT_PRICE },
	{ "the largest price of 64 bits",              px, INT64_MAX, RISK_REJECT_PRICE },
	{ "one tick inside the upper collar",          px, 1049999, RISK_PASS },
	{ "on the upper collar",                       px, 1050000, RISK_PASS },
	{ "one tick above the upper collar",           px, 1050001, RISK_REJECT_COLLAR },
	{ "one tick inside the lower collar",          px, 950001, RISK_PASS },
	{ "on the lower collar",                       px, 950000, RISK_PASS },
	{ "one tick below the lower collar",           px, 949999, RISK_REJECT_COLLAR },
	{ "selling above the upper collar",            sell_px, 1050001, RISK_REJECT_COLLAR },
	{ "selling below the lower collar",            sell_px, 949999, RISK_REJECT_COLLAR },
	{ "no price at all is known",                  no_prices, 0, RISK_REJECT_NO_REFERENCE },
	{ "a lone bid is no reference",                no_prices, 1000000, RISK_REJECT_NO_REFERENCE },
	{ "a trade alone is a reference",              only_trade, 1050000, RISK_PASS },
	{ "a trade alone has a collar",                only_trade, 1050001, RISK_REJECT_COLLAR },
	{ "a crossed book leaves the trade",           crossed, 1000000, RISK_PASS },
	{ "a crossed book without a trade",            crossed, 0, RISK_REJECT_NO_REFERENCE },
	{ "buying on the upper band",                  band_hi, 1010000, RISK_PASS },
	{ "buying one tick above the band",            band_hi, 1010001, RISK_REJECT_BAND },
	{ "buying below the band waits there",         band_hi, 989999, RISK_PASS },
	{ "selling on the lower band",                 band_lo, 990000, RISK_PASS },
	{ "selling one tick below the band",           band_lo, 989999, RISK_REJECT_BAND },
	{ "selling above the band waits there",        band_lo, 1010001, RISK_PASS },

	{ "one below the open limit",                  open_beside, 1899, RISK_PASS },
	{ "fills up the open limit",                   open_beside, 1900, RISK_PASS },
	{ "one above the open limit",                  open_beside, 1901, RISK_REJECT_OPEN },

	{ "one below the long limit",                  long_position, 2899, RISK_PASS },
	{ "fills up the long limit",                   long_position, 2900, RISK_PASS },
	{ "one above the long limit",                  long_position, 2901, RISK_REJECT_POSITION },
	{ "open sells do not make room to buy",        long_with_open_sell, 2901, RISK_REJECT_POSITION },
	{ "open buys fill up the long limit",          long_with_open_buy, 2900, RISK_PASS },
	{ "open buys count as bought",                 long_with_open_buy, 2901, RISK_REJECT_POSITION },
	{ "one below the short limit",                 short_position, 2899, RISK_PASS },
	{ "fills up the short limit",                  short_position, 2900, RISK_PASS },
	{ "one above the short limit",                 short_position, 2901, RISK_REJECT_POSITION },
	{ "a position beyond the limit may be sold",   far_too_long_selling, 100000, RISK_PASS },
	{ "a position at the end of counting",         far_too_long_selling, UINT32_MAX, RISK_REJECT_GROSS },

	{ "one below the gross limit",                 gross, 100000001, RISK_PASS },
	{ "fills up the gross limit",                  gross, 100000000, RISK_PASS },
	{ "one above the gross limit",                 gross, 99999999, RISK_REJECT_GROSS },
	{ "a short position fills up the gross limit", gross_with_position, 1100000000, RISK_PASS },
	{ "a short position counts in gross",          gross_with_position, 1099999999, RISK_REJECT_GROSS },
	{ "gross follows the mark",                    gross_with_other_mark, 1110000000, RISK_PASS },
	{ "gross follows the mark, one above",         gross_with_other_mark, 1109999999, RISK_REJECT_GROSS },

	{ "one order below the rate",                  rate, 8, RISK_PASS },
	{ "fills up the rate",                         rate, 9, RISK_PASS },
	{ "one order above the rate",                  rate, 10, RISK_REJECT_RATE },
	{ "one nanosecond inside the window",          rate_later, NS_PER_SEC - 1, RISK_REJECT_RATE },
	{ "the window has just passed",                rate_later, NS_PER_SEC, RISK_PASS },
	{ "a clock that goes back opens no room",      rate_back, NS_PER_SEC, RISK_REJECT_RATE },
	{ "fills up the largest rate",                 rate_of_4096, ORDER_RATE_MAX - 1, RISK_PASS },
	{ "one above the largest rate",                rate_of_4096, ORDER_RATE_MAX, RISK_REJECT_RATE },
	{ "far above the largest rate",                rate_of_4096, 3 * ORDER_RATE_MAX + 5, RISK_REJECT_RATE },

	{ "armed",                                     armed, 1, RISK_PASS },
	{ "disarmed",                                  armed, 0, RISK_REJECT_DISARMED },
	{ "the kill switch is off",                    kill_switch, 0, RISK_PASS },
	{ "the kill switch is on",                     kill_switch, 1, RISK_REJECT_HALTED },
	{ "the halt flag says disarmed",               halt_reason, HALT_DISARMED, RISK_REJECT_DISARMED },
	{ "the halt flag says operator",               halt_reason, HALT_OPERATOR, RISK_REJECT_HALTED },
	{ "the halt flag says control plane",          halt_reason, HALT_CONTROL, RISK_REJECT_STOPPED },
	{ "an instrument to trade",                    allowed, 1, RISK_PASS },
	{ "an instrument to observe only",             allowed, 0, RISK_REJECT_NOT_ALLOWED },
	{ "an instrument the operator halted",         instr_halted, 1, RISK_REJECT_INSTR_HALTED },
	{ "an instrument the drop copy froze",         instr_halted, 2, RISK_REJECT_FROZEN },
	{ "no instrument",                             instrument, 0, RISK_REJECT_INSTRUMENT },
	{ "the last instrument",                       instrument, INSTR_CNT - 1, RISK_PASS },
	{ "one past the last instrument",              instrument, INSTR_CNT, RISK_REJECT_INSTRUMENT },
	{ "the largest instrument index",              instrument, UINT16_MAX, RISK_REJECT_INSTRUMENT },
	{ "a live book",                               confidence, CONFIDENCE_LIVE, RISK_PASS },
	{ "a stale book",                              confidence, CONFIDENCE_STALE, RISK_REJECT_BOOK_STALE },
	{ "a price of 0 before the first prices",      px_of_a_book_never_live, 0, RISK_REJECT_BOOK_STALE },
	{ "a price of 1 before the first prices",      px_of_a_book_never_live, 1, RISK_REJECT_BOOK_STALE },
	{ "a suspect book",                            confidence, CONFIDENCE_SUSPECT, RISK_REJECT_BOOK_SUSPECT },
	{ "a recovering book",                         confidence, CONFIDENCE_RECOVERING, RISK_REJECT_BOOK_RECOVERING },
	{ "a confidence that does not exist",          confidence, 200, RISK_REJECT_BOOK_STALE },
	{ "trading is open",                           state, TRADING_OPEN, RISK_PASS },
	{ "trading state unknown",                     state, TRADING_UNKNOWN, RISK_REJECT_STATE },
	{ "trading is halted",                         state, TRADING_HALTED, RISK_REJECT_STATE },
	{ "trading is paused",                         state, TRADING_PAUSED, RISK_REJECT_STATE },
	{ "quotation only",                            state, TRADING_QUOTATION_ONLY, RISK_REJECT_STATE },
	{ "a test symbol",                             state, TRADING_TEST, RISK_REJECT_STATE },
	{ "a round lot where nothing else goes",       odd_lot, 100, RISK_PASS },
	{ "three round lots where nothing else goes",  odd_lot, 300, RISK_PASS },
	{ "an odd lot where only round ones go",       odd_lot, 99, RISK_REJECT_LOT },
	{ "a mixed lot where only round ones go",      odd_lot, 150, RISK_REJECT_LOT },

	{ "a kind that does not exist",                kind, INTENT_MODIFY + 1, RISK_REJECT_MALFORMED },
	{ "a side that does not exist",                side, SIDE_SELL + 1, RISK_REJECT_MALFORMED },
	{ "a time in force that does not exist",       tif, TIF_IOC + 1, RISK_REJECT_MALFORMED },
	{ "the last strategy",                         strategy, STRATEGY_MAX - 1, RISK_PASS },
	{ "a strategy that does not exist",            strategy, STRATEGY_MAX, RISK_REJECT_MALFORMED },
	{ "the last session",                          session, SESSION_MAX - 1, RISK_PASS },
	{ "a session that does not exist",             session, SESSION_MAX, RISK_REJECT_MALFORMED },

	{ "selling all that is held",                  short_sale, 100, RISK_PASS },
	{ "selling one more than is held",             short_sale, 99, RISK_REJECT_SHORT },
	{ "open sells use up what is held",            short_sale_beside, 150, RISK_PASS },
	{ "open sells leave one too few",              short_sale_beside, 149, RISK_REJECT_SHORT },
	{ "marked short where it is allowed",          short_flag, 1, RISK_PASS },
	{ "marked short where it is not allowed",      short_flag, 0, RISK_REJECT_SHORT },
	{ "short above the best bid while restricted", reg_sho, 999901, RISK_PASS },
	{ "short at the best bid while restricted",    reg_sho, 999900, RISK_REJECT_SHORT_PRICE },
	{ "short below the bid while restricted",      reg_sho, 999899, RISK_REJECT_SHORT_PRICE },
	{ "short above the bid, restriction unknown",  reg_sho_unknown, 999901, RISK_PASS },
	{ "short at the bid, restriction unknown",     reg_sho_unknown, 999900, RISK_REJECT_SHORT_PRICE },
	{ "long sale at the bid while restricted",     reg_sho_long, 999900, RISK_PASS },

	{ "a name that is free",                       same_name, 2, RISK_PASS },
	{ "a name that an open order has",             same_name, 1, RISK_REJECT_DUPLICATE },
	{ "room for one more open order",              open_orders, 63, RISK_PASS },
	{ "no room for one more open order",           open_orders, 64, RISK_REJECT_ORDERS },

	{ "a replace to what is executed",             replace_to, 100, RISK_REJECT_QTY },
	{ "a replace to one more than is executed",    replace_to, 101, RISK_PASS },
	{ "a replace that opens the largest order",    replace_to, 600, RISK_PASS },
	{ "a replace that opens one more",             replace_to, 601, RISK_REJECT_QTY },
	{ "a replace grows into the open limit",       replace_open_limit, 300, RISK_PASS },
	{ "a replace grows beyond the open limit",     replace_open_limit, 299, RISK_REJECT_OPEN },
	{ "a replace grows into the position limit",   replace_position_limit, 400, RISK_PASS },
	{ "a replace grows beyond the position limit", replace_position_limit, 399, RISK_REJECT_POSITION },
	{ "a replace grows into the gross limit",      replace_gross_limit, 100000000 + 300 * 1000100LL, RISK_PASS },
	{ "a replace grows beyond the gross limit",    replace_gross_limit, 100000000 + 300 * 1000100LL - 1, RISK_REJECT_GROSS },
	{ "a replace that shrinks needs no room",      replace_smaller_over_limits, 250, RISK_PASS },
	{ "a replace that grows needs room",           replace_smaller_over_limits, 301, RISK_REJECT_POSITION },
	{ "a replace of no order",                     replace_name, 3, RISK_REJECT_UNKNOWN_ORDER },
	{ "a replace with the other side",             replace_side, SIDE_SELL, RISK_REJECT_UNKNOWN_ORDER },
	{ "a replace for another instrument",          replace_of_other, 2, RISK_REJECT_UNKNOWN_ORDER },
	{ "a replace while one is not answered",       replace_twice, 0, RISK_REJECT_REPLACE_PENDING },
	{ "a replace after the last was answered",     replace_twice, 1, RISK_PASS },
	{ "a replace that stays a long sale",          replace_turns_short, 300, RISK_PASS },
	{ "a replace that would become a short sale",  replace_turns_short, 301, RISK_REJECT_SHORT },
	// clang-format on
};

static void
each_limit_holds_at_its_edge(void **unused)
{
	run_cases(CASES, ARRAY_CNT(CASES), ~CONDUCT_VERDICTS);
}

static void
a_cancel_always_passes(void **unused)
{
	static const struct {
		const char *what;
		tweak_fn *tweak;
		int64_t x;
		bool pass;
	} cancels[] = {
		{ "normal", armed, 1, true },
		{ "disarmed", armed, 0, true },
		{ "halted", kill_switch, 1, true },
		{ "stopped", halt_reason, HALT_CONTROL, true },
		{ "not allowed", allowed, 0, true },
		{ "instrument halted", instr_halted, 1, true },
		{ "stale", confidence, CONFIDENCE_STALE, true },
		{ "suspect", confidence, CONFIDENCE_SUSPECT, true },
		{ "recovering", confidence, CONFIDENCE_RECOVERING, true },
		{ "a test symbol", state, TRADING_TEST, true },
		{ "round lots only", odd_lot, 7, true },
		{ "trading halted", state, TRADING_HALTED, true },
		{ "rate used up", rate, 10, true },
		{ "no instrument", instrument, 0, false },
		{ "unknown instrument", instrument, INSTR_CNT, false },
	};

	for (size_t n = 0; n < ARRAY_CNT(cancels); n++) {
		struct verdict no;
		struct order out;

		scene_start(&scene);
		cancels[n].tweak(&scene, cancels[n].x);
		scene.in.kind = INTENT_CANCEL;
		scene.in.orig_id = 5;
		scene.in.qty = 0;
		scene.in.px4 = INT64_MIN;
		if (judged(&scene, &out, &no) != cancels[n].pass)
			fail_msg("%s", cancels[n].what);
		if (cancels[n].pass) {
			assert_int_equal(out.orig_id, 5);
			assert_int_equal(out.reserve_qty, 0);
			assert_int_equal(out.px4, 0);
		}
	}
}

static void
judging_changes_nothing(void **unused)
{
	static struct risk before;
	struct risk_plan plan;

	scene_start(&scene);
	hold(&scene, 10);
	risk_take_limits(&scene.r, &scene.lim);
	before = scene.r;
	for (int n = 0; n < 3; n++)
		assert_int_equal(risk_judge(&scene.r, &scene.lim, &scene.in, &plan), RISK_PASS);
	assert_memory_equal(&scene.r, &before, sizeof(before));
	assert_int_equal(plan.grow_qty, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_holds_at_its_edge),
		cmocka_unit_test(a_cancel_always_passes),
		cmocka_unit_test(judging_changes_nothing),
	};

	if (arena_open(&arena, SCENE_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
