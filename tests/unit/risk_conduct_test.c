/* SPDX-License-Identifier: Apache-2.0 */
#include "risk_cases.h"

/*
 * What risk decides beside an order's own terms: conduct (what came before), lists, hours, our own
 * orders on the other side, and the limits that a level of the tree has for each order.
 */

static void
px(struct scene *s, int64_t x)
{
	s->in.px4 = x;
}

/* The same order again, x ns later. */
static void
same_order_later(struct scene *s, int64_t x)
{
	s->lim.duplicate_window_ns = 1000;
	send(s, 2, SIDE_BUY, s->in.px4, s->in.qty);
	s->in.head.rx_ns += (uint64_t)x;
}

/* Another order and then the same one again, but for x shares. */
static void
same_order_after_another(struct scene *s, int64_t x)
{
	s->lim.duplicate_window_ns = 1000;
	send(s, 2, SIDE_BUY, s->in.px4, s->in.qty);
	send(s, 3, SIDE_BUY, s->in.px4 - 100, s->in.qty);
	s->in.qty += (uint32_t)x;
}

static void
same_order_other_strategy(struct scene *s, int64_t x)
{
	same_order_later(s, 0);
	s->in.strategy_idx = (uint8_t)x;
}

static void
age(struct scene *s, int64_t x)
{
	s->lim.intent_age_max_ns = 5000;
	s->r.now_ns = s->in.head.rx_ns + (uint64_t)x;
}

static void
hours_market(struct scene *s, int64_t x)
{
	s->lim.hours = RISK_HOURS_MARKET;
	s->mark.phase = (uint8_t)x;
}

static void
hours_extended(struct scene *s, int64_t x)
{
	s->lim.hours = RISK_HOURS_EXTENDED;
	s->mark.phase = (uint8_t)x;
}

static void
tick_us(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].tick_px4 = 0;
	s->in.px4 = x;
}

static void
tick_us_penny(struct scene *s, int64_t x)
{
	tick_us(s, x);
	s->lim.instr[IDX].collar_bp = 5000;
	s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 10000;
}

static void
tick_own(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].tick_px4 = 500;
	s->in.px4 = x;
}

static void
lot_own(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].lot_qty = 10;
	s->in.qty = (uint32_t)x;
}

static void
collar_last(struct scene *s, int64_t x)
{
	s->mark.bid_px4 = 1009900;
	s->mark.ask_px4 = 1010100; // the reference moved up to the bid
	s->lim.instr[IDX].collar_last_bp = 100;
	s->in.px4 = x;
}

/* More of a collar than 16 bits hold, at seven times the last trade. */
static void
collar_last_wide(struct scene *s, int64_t x)
{
	s->mark.bid_px4 = 999900;
	s->mark.ask_px4 = 1000100;
	s->mark.last_px4 = 125000;
	s->lim.instr[IDX].collar_last_bp = 70000;
	s->in.px4 = x;
}

static void
leaf_qty(struct scene *s, int64_t x)
{
	s->lim.leaf[0].order_max_qty = (uint32_t)x;
}

static void
leaf_ntl(struct scene *s, int64_t x)
{
	s->lim.leaf[0].order_max_ntl4 = x;
}

static void
leaf_collar(struct scene *s, int64_t x)
{
	s->lim.leaf[0].collar_bp = 100;
	s->in.px4 = x;
}

/* An open sale of another strategy at x. */
static void
own_sale(struct scene *s, int64_t x)
{
	s->in.strategy_idx = 3;
	send(s, 7, SIDE_SELL, x, 10);
	s->in.strategy_idx = 0;
	s->lim.self_match = 0;
}

static void
own_sale_allowed(struct scene *s, int64_t x)
{
	own_sale(s, x);
	s->lim.self_match = 1;
}

static void
own_purchase(struct scene *s, int64_t x)
{
	send(s, 7, SIDE_BUY, x, 10);
	s->lim.self_match = 0;
	s->in.side = SIDE_SELL;
}

/* The nearest sale left, and there is another one at x. */
static void
own_sale_behind(struct scene *s, int64_t x)
{
	const struct fill gone = fill_of(8, SIDE_SELL, 0, 10, true);

	send(s, 7, SIDE_SELL, x, 10);
	send(s, 8, SIDE_SELL, 999000, 10);
	on_fill(&s->r, &gone);
	s->lim.self_match = 0;
}

/* More of our sales than are looked through when the nearest leaves. */
static void
own_sales_many(struct scene *s, int64_t x)
{
	const struct fill gone = fill_of(8, SIDE_SELL, 0, 10, true);

	for (uint32_t n = 0; n < RISK_OWN_LOOK + 4; n++)
		send(s, 100 + n, SIDE_SELL, x, 1);
	send(s, 8, SIDE_SELL, 999000, 10);
	on_fill(&s->r, &gone);
	s->lim.self_match = 0;
}

/* A sale is replaced from 1001000 to x, which is not answered (or it is). */
static void
own_replace(struct scene *s, int64_t x, bool answered, uint32_t px4)
{
	struct intent in = s->in;
	struct fill f = fill_of(7, SIDE_SELL, 0, 0, false);
	struct verdict no;
	struct order out;

	s->lim.self_match = 0;
	send(s, 7, SIDE_SELL, 1001000, 10);
	in.kind = INTENT_REPLACE;
	in.side = SIDE_SELL;
	in.orig_id = 7;
	in.qty = 10;
	in.px4 = x;
	assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
	f.replace_done = 1;
	f.reserved_px4 = px4;
	if (answered)
		on_fill(&s->r, &f);
}

static void
own_replace_pending(struct scene *s, int64_t x)
{
	own_replace(s, x, false, 0);
}

static void
own_replace_refused(struct scene *s, int64_t x)
{
	own_replace(s, x, true, 1001000);
}

static void
instr_gross(struct scene *s, int64_t x)
{
	hold(s, -100);
	send(s, 2, SIDE_SELL, 1000100, 10);
	s->lim.instr[IDX].gross_max_ntl4 = x;
}

static void
instr_net(struct scene *s, int64_t x)
{
	hold(s, 100);
	send(s, 2, SIDE_SELL, 1000100, 10); // may never be executed
	s->lim.instr[IDX].net_max_ntl4 = x;
}

static void
instr_net_short(struct scene *s, int64_t x)
{
	hold(s, -100);
	s->in.side = SIDE_SELL;
	s->lim.instr[IDX].net_max_ntl4 = x;
}

static void
restricted(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].restricted_mask = (uint32_t)x;
}

static void
unassigned(struct scene *s, int64_t x)
{
	s->r.instr[IDX].leaf_mask &= ~(1U << x);
}

static void
mode_of_leaf(struct scene *s, int64_t x)
{
	s->lim.leaf[0].mode = (uint8_t)x;
}

static void
reduce_only(struct scene *s, int64_t x)
{
	hold(s, 300);
	send(s, 2, SIDE_SELL, 1000000, 50);
	s->in.side = SIDE_SELL;
	s->in.qty = (uint32_t)x;
	s->lim.leaf[0].mode = RISK_MODE_REDUCE_ONLY;
	s->lim.mode[1] = RISK_MODE_REDUCE_ONLY;
}

static void
executions(struct scene *s, int64_t x)
{
	s->lim.leaf[0].execution_max = 3;
	for (int64_t n = 0; n < x; n++)
		hold(s, 1);
}

static void
executions_of_other_side(struct scene *s, int64_t x)
{
	executions(s, x);
	s->in.side = SIDE_SELL;
}

static void
executions_and_enabled(struct scene *s, int64_t x)
{
	executions(s, x);
	s->lim.leaf[0].enable_seq = 1;
}

static void
executions_after_enabled(struct scene *s, int64_t x)
{
	executions_and_enabled(s, 100);
	send(s, 2, SIDE_BUY, 1000000, 1);
	executions(s, x);
}

static void
located(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].locate_required = 1;
	assert_true(risk_locate_add(&s->lim, 1, IDX, (uint32_t)x));
	assert_true(risk_locate_add(&s->lim, 0, IDX, 1000000)); // of others
	assert_true(risk_locate_add(&s->lim, 1, IDX + 1, 1000000));
	s->in.side = SIDE_SELL;
}

/* 50 shares were sold short, 30 more of an order for 40 were not. */
static void
located_and_used(struct scene *s, int64_t x)
{
	struct fill f = fill_of(2, SIDE_SELL, 10, 10, false);

	located(s, x);
	send(s, 2, SIDE_SELL, 1000000, 40);
	send(s, 3, SIDE_SELL, 1000000, 40);
	on_fill(&s->r, &f);
	f = fill_of(2, SIDE_SELL, 0, 30, true);
	on_fill(&s->r, &f);
	f = fill_of(3, SIDE_SELL, 40, 40, true);
	on_fill(&s->r, &f);
}

static void
messages(struct scene *s, int64_t x)
{
	struct verdict no;
	struct order out;

	s->lim.session_message_max = 5;
	for (int64_t n = 0; n < x; n++) {
		struct intent in = s->in;

		in.kind = INTENT_CANCEL;
		assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
	}
}

static void
messages_of_other(struct scene *s, int64_t x)
{
	messages(s, 100);
	s->in.session_idx = (uint8_t)x;
}

#define NODE_TWEAK(name, field)                                         \
	static void name(struct scene *s, int64_t x)                    \
	{                                                               \
		s->lim.node[1].field = (typeof(s->lim.node[1].field))x; \
	}
NODE_TWEAK(node_open_orders, open_orders_max)
NODE_TWEAK(node_net, net_max_ntl4)
NODE_TWEAK(node_credit, credit_max_ntl4)

static void
node_loss(struct scene *s, int64_t x)
{
	hold(s, 100);
	s->lim.node[1].loss_max_ntl4 = x;
	s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 990000;
}

static void
node_drawdown(struct scene *s, int64_t x)
{
	hold(s, 100);
	s->lim.node[1].drawdown_max_ntl4 = x;
	s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 1010000;
	on_mark(&s->r, &s->mark);
	s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 990000;
}

static void
node_var(struct scene *s, int64_t x)
{
	s->lim.instr[IDX].var_bp = 250;
	s->lim.node[1].var_max_ntl4 = x;
	s->lim.var_version++;
	risk_take_limits(&s->r, &s->lim);
}

static void
node_cancels(struct scene *s, int64_t x)
{
	messages(s, x);
	s->lim.session_message_max = 0;
	s->lim.node[1].cancel_rate_max = 4;
}

static const struct risk_case CASES[] = {
	// clang-format off
	{ "one share below the strategy's largest",    leaf_qty, 101, RISK_PASS },
	{ "exactly the strategy's largest order",      leaf_qty, 100, RISK_PASS },
	{ "one share above the strategy's largest",    leaf_qty, 99, RISK_REJECT_QTY },
	{ "exactly the strategy's largest value",      leaf_ntl, 100000000, RISK_PASS },
	{ "one above the strategy's largest value",    leaf_ntl, 99999999, RISK_REJECT_NOTIONAL },
	{ "on the strategy's collar",                  leaf_collar, 1010000, RISK_PASS },
	{ "one tick above the strategy's collar",      leaf_collar, 1010001, RISK_REJECT_COLLAR },
	{ "on the collar around the last trade",       collar_last, 1010000, RISK_PASS },
	{ "one above the collar of the last trade",    collar_last, 1010001, RISK_REJECT_COLLAR_LAST },
	{ "on the lower collar of the last trade",     collar_last, 990000, RISK_PASS },
	{ "one below the collar of the last trade",    collar_last, 989999, RISK_REJECT_COLLAR_LAST },
	{ "on a wide collar around the last trade",    collar_last_wide, 1000000, RISK_PASS },
	{ "one above a wide collar of the last trade", collar_last_wide, 1000001, RISK_REJECT_COLLAR_LAST },
	{ "a market order by OUCH's price",            px, RISK_MARKET_PX4, RISK_REJECT_MARKET },
	{ "one below OUCH's market price",             px, RISK_MARKET_PX4 - 1, RISK_REJECT_PRICE },
	{ "one above OUCH's market price",             px, RISK_MARKET_PX4 + 1LL, RISK_REJECT_PRICE },
	{ "a whole cent",                              tick_us, 1000100, RISK_PASS },
	{ "just above a cent",                         tick_us, 1000101, RISK_REJECT_TICK },
	{ "just below a cent",                         tick_us, 1000099, RISK_REJECT_TICK },
	{ "a hundredth of a cent below a dollar",      tick_us_penny, 9999, RISK_PASS },
	{ "a dollar",                                  tick_us_penny, 10000, RISK_PASS },
	{ "a hundredth of a cent above a dollar",      tick_us_penny, 10001, RISK_REJECT_TICK },
	{ "on the instrument's own tick",              tick_own, 1000500, RISK_PASS },
	{ "a cent, but not on the own tick",           tick_own, 1000400, RISK_REJECT_TICK },
	{ "the instrument's own lot",                  lot_own, 110, RISK_PASS },
	{ "one below the own lot",                     lot_own, 109, RISK_REJECT_LOT },
	{ "one above the own lot",                     lot_own, 111, RISK_REJECT_LOT },

	{ "one below the instrument's gross limit",    instr_gross, 210001001, RISK_PASS },
	{ "fills up the instrument's gross limit",     instr_gross, 210001000, RISK_PASS },
	{ "one above the instrument's gross limit",    instr_gross, 210000999, RISK_REJECT_INSTR_GROSS },
	{ "fills up the instrument's net limit",       instr_net, 200000000, RISK_PASS },
	{ "one above the instrument's net limit",      instr_net, 199999999, RISK_REJECT_INSTR_NET },
	{ "fills up the net limit, short",             instr_net_short, 200000000, RISK_PASS },
	{ "one above the net limit, short",            instr_net_short, 199999999, RISK_REJECT_INSTR_NET },

	{ "the same order inside the window",          same_order_later, 999, RISK_REJECT_SAME_ORDER },
	{ "the same order when the window has passed", same_order_later, 1000, RISK_PASS },
	{ "the same order after another one",          same_order_after_another, 0, RISK_REJECT_SAME_ORDER },
	{ "one share more is another order",           same_order_after_another, 1, RISK_PASS },
	{ "another strategy's order is another",       same_order_other_strategy, 1, RISK_PASS },
	{ "one ns younger than the oldest",            age, 4999, RISK_PASS },
	{ "as old as the oldest",                      age, 5000, RISK_PASS },
	{ "one ns too old",                            age, 5001, RISK_REJECT_AGE },
	{ "from the future by another clock",          age, -1000000, RISK_PASS },
	{ "market hours in market hours",              hours_market, PHASE_MARKET, RISK_PASS },
	{ "before market hours",                       hours_market, PHASE_SYSTEM, RISK_REJECT_HOURS },
	{ "after market hours",                        hours_market, PHASE_AFTER_MARKET, RISK_REJECT_HOURS },
	{ "a phase nobody knows",                      hours_market, PHASE_UNKNOWN, RISK_REJECT_HOURS },
	{ "before the open, extended",                 hours_extended, PHASE_SYSTEM, RISK_PASS },
	{ "after the close, extended",                 hours_extended, PHASE_AFTER_MARKET, RISK_PASS },
	{ "before system hours, extended",             hours_extended, PHASE_MESSAGES, RISK_REJECT_HOURS },
	{ "after system hours, extended",              hours_extended, PHASE_SYSTEM_END, RISK_REJECT_HOURS },

	{ "one above our own sale",                    own_sale, 999999, RISK_REJECT_SELF_MATCH },
	{ "at our own sale",                           own_sale, 1000000, RISK_REJECT_SELF_MATCH },
	{ "one below our own sale",                    own_sale, 1000001, RISK_PASS },
	{ "at our own sale, which is allowed",         own_sale_allowed, 1000000, RISK_PASS },
	{ "selling above our own purchase",            own_purchase, 999999, RISK_PASS },
	{ "selling at our own purchase",               own_purchase, 1000000, RISK_REJECT_SELF_MATCH },
	{ "selling below our own purchase",            own_purchase, 1000001, RISK_REJECT_SELF_MATCH },
	{ "the nearest left, the next is away",        own_sale_behind, 1000001, RISK_PASS },
	{ "the nearest left, the next is here",        own_sale_behind, 1000000, RISK_REJECT_SELF_MATCH },
	{ "the nearest of many left, none is here",    own_sales_many, 1000001, RISK_PASS },
	{ "the nearest of many left, some are here",   own_sales_many, 1000000, RISK_REJECT_SELF_MATCH },
	{ "our sale may come to where we buy",         own_replace_pending, 1000000, RISK_REJECT_SELF_MATCH },
	{ "our sale may come close",                   own_replace_pending, 1000001, RISK_PASS },
	{ "our sale stayed where it was",              own_replace_refused, 1000000, RISK_PASS },

	{ "restricted for others",                     restricted, 0xfffffffe, RISK_PASS },
	{ "restricted for the strategy",               restricted, 1, RISK_REJECT_RESTRICTED },
	{ "not an instrument of another strategy",     unassigned, 1, RISK_PASS },
	{ "not an instrument of the strategy",         unassigned, 0, RISK_REJECT_UNASSIGNED },
	{ "may only cancel",                           mode_of_leaf, RISK_MODE_CANCEL_ONLY, RISK_REJECT_CANCEL_ONLY },
	{ "the tree says halted",                      mode_of_leaf, RISK_MODE_HALTED, RISK_REJECT_NODE_HALTED },
	{ "reduces to nothing with what is open",      reduce_only, 250, RISK_PASS },
	{ "one more would turn the position",          reduce_only, 251, RISK_REJECT_REDUCE_ONLY },
	{ "one execution below the limit",             executions, 2, RISK_PASS },
	{ "executed too often",                        executions, 3, RISK_REJECT_REPEATED },
	{ "executed far too often",                    executions, 400, RISK_REJECT_REPEATED },
	{ "executed too often on the other side",      executions_of_other_side, 3, RISK_PASS },
	{ "executed too often and enabled again",      executions_and_enabled, 3, RISK_PASS },
	{ "enabled again, one below the limit",        executions_after_enabled, 2, RISK_PASS },
	{ "enabled again and executed too often",      executions_after_enabled, 3, RISK_REJECT_REPEATED },

	{ "one located share more than sold short",    located, 101, RISK_PASS },
	{ "as many located as sold short",             located, 100, RISK_PASS },
	{ "one located too few",                       located, 99, RISK_REJECT_LOCATE },
	{ "located shares that were sold are gone",    located_and_used, 150, RISK_PASS },
	{ "one located too few after others",          located_and_used, 149, RISK_REJECT_LOCATE },
	{ "one message is left for the day",           messages, 4, RISK_PASS },
	{ "the day's messages are used up",            messages, 5, RISK_REJECT_MESSAGES },
	{ "cancels went on",                           messages, 6, RISK_REJECT_MESSAGES },
	{ "another session's are used up",             messages_of_other, 1, RISK_PASS },

	{ "one open order is allowed",                 node_open_orders, 1, RISK_PASS },
	{ "no open order is allowed",                  node_open_orders, 0, RISK_REJECT_OPEN_ORDERS },
	{ "fills up the account's net limit",          node_net, 100000000, RISK_PASS },
	{ "one above the account's net limit",         node_net, 99999999, RISK_REJECT_NET },
	{ "fills up the account's buying power",       node_credit, 100000000, RISK_PASS },
	{ "one above the account's buying power",      node_credit, 99999999, RISK_REJECT_CREDIT },
	{ "lost exactly what it may",                  node_loss, 1000000, RISK_PASS },
	{ "lost one more than it may",                 node_loss, 999999, RISK_REJECT_LOSS },
	{ "as far below the high as it may",           node_drawdown, 2000000, RISK_PASS },
	{ "one further below the high than it may",    node_drawdown, 1999999, RISK_REJECT_DRAWDOWN },
	{ "fills up the value-at-risk",                node_var, 2500000, RISK_PASS },
	{ "one above the value-at-risk",               node_var, 2499999, RISK_REJECT_VAR },
	{ "one cancel below the rate",                 node_cancels, 3, RISK_PASS },
	{ "as many cancels as may be",                 node_cancels, 4, RISK_PASS },
	{ "one cancel above the rate",                 node_cancels, 5, RISK_REJECT_CANCEL_RATE },
	// clang-format on
};

static void
each_limit_holds_at_its_edge(void **unused)
{
	run_cases(CASES, ARRAY_CNT(CASES), CONDUCT_VERDICTS);
}

static void
a_cancel_always_passes(void **unused)
{
	static const struct {
		const char *what;
		tweak_fn *tweak;
		int64_t x;
	} cancels[] = {
		{ "node halted", mode_of_leaf, RISK_MODE_HALTED },
		{ "cancels only", mode_of_leaf, RISK_MODE_CANCEL_ONLY },
		{ "reducing only", reduce_only, 1 },
		{ "restricted", restricted, -1 },
		{ "unassigned", unassigned, 0 },
		{ "too many cancels", node_cancels, 100 },
		{ "messages used up", messages, 100 },
		{ "executed too often", executions, 100 },
		{ "too old", age, 1000000 },
		{ "out of hours", hours_market, PHASE_END },
		{ "lost too much", node_loss, 1 },
		{ "at our own sale", own_sale, 1000000 },
	};

	for (size_t n = 0; n < ARRAY_CNT(cancels); n++) {
		struct verdict no;
		struct order out;

		scene_start(&scene);
		cancels[n].tweak(&scene, cancels[n].x);
		scene.in.kind = INTENT_CANCEL;
		scene.in.orig_id = 5;
		scene.in.qty = 0;
		if (!judged(&scene, &out, &no))
			fail_msg("%s: %s", cancels[n].what, risk_verdict_name(no.verdict));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_holds_at_its_edge),
		cmocka_unit_test(a_cancel_always_passes),
	};

	if (arena_open(&arena, SCENE_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
