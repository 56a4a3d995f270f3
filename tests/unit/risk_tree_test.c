/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "risk_scene.h"

/*
 * The tree of limits: every check that a node has, at every level, one below its limit, at it and
 * one above.  The scene's tree is the firm (0), an account (1) and strategy 0 (2).
 */
enum {
	FIRM = 0,
	ACCOUNT = 1,
	LEAF = 2,
	LEVEL_CNT = 3,
	OTHER_LEAF = 3, // strategy 1, of the same account
};

static void
mark_at(struct scene *s, uint32_t px4)
{
	s->mark.bid_px4 = px4 - 100;
	s->mark.ask_px4 = px4 + 100;
	s->mark.last_px4 = px4;
	on_mark(&s->r, &s->mark);
}

static void
cancel(struct scene *s)
{
	struct intent in = s->in;
	struct verdict no;
	struct order out;

	in.kind = INTENT_CANCEL;
	assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
}

/* Each makes a situation and says what the scene's intent would bring the measure to. */
static int64_t
gross(struct scene *s)
{
	hold(s, -50);
	send(s, 2, SIDE_SELL, 1000100, 10);
	return 50 * 1000000 + 10 * 1000100 + 100 * 1000000;
}

static int64_t
net_long(struct scene *s)
{
	hold(s, 50);
	send(s, 2, SIDE_SELL, 1000100, 10); // may never be executed: helps nothing
	send(s, 3, SIDE_BUY, 1000000, 10);
	return 160 * 1000000;
}

static int64_t
net_short(struct scene *s)
{
	hold(s, -50);
	s->in.side = SIDE_SELL;
	return 150 * 1000000;
}

static int64_t
credit_after_loss(struct scene *s)
{
	hold(s, 50);
	mark_at(s, 990000);
	return 50 * 990000 + 100 * 1000000 + 50 * 10000;
}

static int64_t
credit_after_profit(struct scene *s)
{
	hold(s, 50);
	mark_at(s, 1010000);
	return 50 * 1010000 + 100 * 1000000; // a profit buys nothing
}

static int64_t
loss_unrealised(struct scene *s)
{
	hold(s, 50);
	mark_at(s, 990000);
	return 50 * 10000;
}

static int64_t
loss_realised(struct scene *s)
{
	struct fill sold = fill_of(9998, SIDE_SELL, 50, 0, false);

	hold(s, 50);
	sold.px4 = 990000;
	on_fill(&s->r, &sold);
	return 50 * 10000;
}

static int64_t
drawdown(struct scene *s)
{
	hold(s, 50);
	mark_at(s, 1020000);
	mark_at(s, 1010000); // still a profit
	return 50 * 10000;
}

static int64_t
var(struct scene *s)
{
	s->lim.instr[IDX].var_bp = 300;
	s->lim.var_version = 1;
	hold(s, -50);
	s->lim.var_version++;
	risk_take_limits(&s->r, &s->lim);
	send(s, 2, SIDE_SELL, 1000100, 10);
	return (50 * 1000000LL + 10 * 1000100 + 100 * 1000000) * 300 / 10000;
}

static int64_t
position(struct scene *s)
{
	hold(s, 50);
	send(s, 2, SIDE_BUY, 1000000, 10);
	return 160;
}

static int64_t
open_orders(struct scene *s)
{
	for (uint32_t id = 2; id < 5; id++)
		send(s, id, SIDE_BUY, 1000000, 1);
	return 4;
}

static int64_t
order_rate(struct scene *s)
{
	struct verdict no;
	struct order out;

	on_mark(&s->r, &s->mark);
	for (uint32_t id = 2; id < 5; id++) {
		struct intent in = s->in;

		in.intent_id = id;
		in.qty = 1;
		assert_true(on_intent(&s->r, &s->lim, &in, &out, &no));
	}
	return 4;
}

static int64_t
cancel_rate(struct scene *s)
{
	for (int n = 0; n < 4; n++)
		cancel(s);
	return 4;
}

#define SET(name, field)                                               \
	static void set_##name(struct risk_node_limits *nl, int64_t x) \
	{                                                              \
		nl->field = (typeof(nl->field))x;                      \
	}
SET(gross, gross_max_ntl4)
SET(net, net_max_ntl4)
SET(credit, credit_max_ntl4)
SET(loss, loss_max_ntl4)
SET(drawdown, drawdown_max_ntl4)
SET(var, var_max_ntl4)
SET(position, position_max_qty)
SET(open_orders, open_orders_max)
SET(order_rate, order_rate_max)
SET(cancel_rate, cancel_rate_max)

static const struct {
	const char *what;
	int64_t (*situation)(struct scene *s);
	void (*set)(struct risk_node_limits *nl, int64_t x);
	enum risk_verdict want;
} CHECKS[] = {
	{ "gross exposure", gross, set_gross, RISK_REJECT_GROSS },
	{ "net exposure, long", net_long, set_net, RISK_REJECT_NET },
	{ "net exposure, short", net_short, set_net, RISK_REJECT_NET },
	{ "buying power after a loss", credit_after_loss, set_credit, RISK_REJECT_CREDIT },
	{ "buying power after a profit", credit_after_profit, set_credit, RISK_REJECT_CREDIT },
	{ "loss, not realised", loss_unrealised, set_loss, RISK_REJECT_LOSS },
	{ "loss, realised", loss_realised, set_loss, RISK_REJECT_LOSS },
	{ "drawdown", drawdown, set_drawdown, RISK_REJECT_DRAWDOWN },
	{ "value-at-risk", var, set_var, RISK_REJECT_VAR },
	{ "position", position, set_position, RISK_REJECT_POSITION },
	{ "open orders", open_orders, set_open_orders, RISK_REJECT_OPEN_ORDERS },
	{ "order rate", order_rate, set_order_rate, RISK_REJECT_RATE },
	{ "cancel rate", cancel_rate, set_cancel_rate, RISK_REJECT_CANCEL_RATE },
};

static void
each_node_limit_holds_at_each_level(void **unused)
{
	for (size_t n = 0; n < ARRAY_CNT(CHECKS); n++)
		for (uint16_t level = 0; level < LEVEL_CNT; level++)
			for (int off = -1; off <= 1; off++) {
				struct scene *s = &scene;
				struct verdict no = { 0 };
				uint64_t refused_cnt;
				struct order out;
				int64_t x;
				bool pass;

				scene_start(s);
				on_mark(&s->r, &s->mark);
				x = CHECKS[n].situation(s) + off;
				CHECKS[n].set(&s->lim.node[level], x);
				risk_take_limits(&s->r, &s->lim);
				refused_cnt = s->r.node[level].refused_cnt;
				pass = on_intent(&s->r, &s->lim, &s->in, &out, &no);
				if (pass != (off >= 0) || (!pass && no.verdict != CHECKS[n].want))
					fail_msg("%s, level %u, limit %+d: %s", CHECKS[n].what,
						 level, off,
						 pass ? "passed" : risk_verdict_name(no.verdict));
				if (!pass) {
					assert_int_equal(no.node_idx, level);
					assert_int_equal(no.limits_version, s->lim.version);
					assert_int_equal(s->r.node[level].refused_cnt,
							 refused_cnt + 1);
				}
			}
}

/* Whatever lost too much may still come out of what it holds. */
static void
a_loser_may_reduce(void **unused)
{
	for (uint16_t level = 0; level < LEVEL_CNT; level++)
		for (int drawn = 0; drawn < 2; drawn++) {
			struct scene *s = &scene;
			struct verdict no;
			struct order out;

			scene_start(s);
			hold(s, 300);
			mark_at(s, 990000);
			if (drawn)
				s->lim.node[level].drawdown_max_ntl4 = 1;
			else
				s->lim.node[level].loss_max_ntl4 = 1;
			risk_take_limits(&s->r, &s->lim);
			assert_false(on_intent(&s->r, &s->lim, &s->in, &out, &no));
			assert_int_equal(no.verdict,
					 drawn ? RISK_REJECT_DRAWDOWN : RISK_REJECT_LOSS);
			s->in.side = SIDE_SELL;
			s->in.qty = 300;
			assert_true(on_intent(&s->r, &s->lim, &s->in, &out, &no));
			s->in.intent_id = 2; // what is open already would be sold twice
			s->in.qty = 1;
			assert_false(on_intent(&s->r, &s->lim, &s->in, &out, &no));
		}
}

/* Reducing is judged at the level that asks for it. */
static void
reduce_only_looks_at_its_own_level(void **unused)
{
	struct scene *s = &scene;
	struct verdict no;
	struct order out;

	scene_start(s);
	hold(s, 100); // strategy 0, so the account and the firm too
	s->lim.leaf[1].mode = RISK_MODE_REDUCE_ONLY;
	s->lim.mode[ACCOUNT] = RISK_MODE_REDUCE_ONLY;
	risk_take_limits(&s->r, &s->lim);
	s->in.strategy_idx = 1; // holds nothing, but the account does
	s->in.side = SIDE_SELL;
	assert_true(on_intent(&s->r, &s->lim, &s->in, &out, &no));
	s->in.intent_id = 2;
	s->in.qty = 1;
	assert_false(on_intent(&s->r, &s->lim, &s->in, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_REDUCE_ONLY);
	assert_int_equal(no.node_idx, ACCOUNT);
}

/* What one strategy does counts for its account and the firm, not for its neighbour. */
static void
a_level_counts_what_lies_below_it(void **unused)
{
	struct scene *s = &scene;
	struct risk_position p;
	struct risk_node_view v;
	uint32_t cursor = 0;

	scene_start(s);
	hold(s, 100);
	s->in.strategy_idx = 1;
	send(s, 2, SIDE_BUY, 1000000, 30);
	assert_true(risk_node_of(&s->r, &s->lim, LEAF, &v));
	assert_int_equal(v.gross_ntl4, 100 * 1000000);
	assert_int_equal(v.position_qty, 100);
	assert_int_equal(v.open_orders, 0);
	assert_true(risk_node_of(&s->r, &s->lim, OTHER_LEAF, &v));
	assert_int_equal(v.gross_ntl4, 30 * 1000000);
	assert_int_equal(v.net_ntl4, 0);
	assert_int_equal(v.net_worst_ntl4, 30 * 1000000);
	assert_int_equal(v.open_orders, 1);
	for (uint16_t level = FIRM; level <= ACCOUNT; level++) {
		assert_true(risk_node_of(&s->r, &s->lim, level, &v));
		assert_int_equal(v.gross_ntl4, 130 * 1000000);
		assert_int_equal(v.position_qty, 130);
		assert_int_equal(v.open_orders, 1);
	}
	assert_false(risk_node_of(&s->r, &s->lim, (uint16_t)s->r.node_cnt, &v));
	for (uint32_t n = 1; risk_position_next(&s->r, OTHER_LEAF, &cursor, &p); n++) {
		assert_int_equal(p.instr_idx, n);
		assert_int_equal(p.open_buy_qty, n == IDX ? 30 : 0);
		assert_int_equal(p.position_qty, 0);
	}
	assert_int_equal(cursor, INSTR_CNT);
}

static void
the_day_may_begin_with_a_position(void **unused)
{
	struct scene *s = &scene;
	struct risk_position p;
	struct risk_node_view v;
	uint32_t cursor = 0;

	scene_start(s);
	assert_int_equal(risk_load_position(&s->r, ACCOUNT, IDX, -200, 1010000), 0);
	assert_int_equal(risk_load_position(&s->r, ACCOUNT, INSTR_CNT, 1, 1), -EINVAL);
	assert_int_equal(risk_load_position(&s->r, RISK_NODE_MAX, IDX, 1, 1), -EINVAL);
	assert_int_equal(risk_load_position(&s->r, ACCOUNT, IDX, 1, 0), -ERANGE);
	assert_int_equal(risk_load_position(&s->r, ACCOUNT, IDX, 1, PX4_MAX + 1), -ERANGE);
	assert_int_equal(risk_load_position(&s->r, ACCOUNT, IDX, INT64_MAX, 1), -ERANGE);
	mark_at(s, 1000000);
	assert_true(risk_position_next(&s->r, ACCOUNT, &cursor, &p));
	assert_int_equal(p.position_qty, -200);
	assert_int_equal(p.average_px4, 1010000);
	assert_int_equal(p.unrealised_ntl4, 200 * 10000);
	assert_int_equal(p.sold_qty, 0); // not today
	assert_true(risk_node_of(&s->r, &s->lim, FIRM, &v));
	assert_int_equal(v.profit_ntl4, 200 * 10000);
	assert_true(risk_node_of(&s->r, &s->lim, LEAF, &v));
	assert_int_equal(v.gross_ntl4, 0);
}

/* A new table of var_bp holds for what is held already. */
static void
value_at_risk_follows_its_table(void **unused)
{
	struct scene *s = &scene;
	struct risk_node_view v;

	scene_start(s);
	hold(s, 100);
	send(s, 2, SIDE_BUY, 1000000, 10);
	for (uint32_t bp = 0; bp <= 200; bp += 100) {
		s->lim.instr[IDX].var_bp = bp;
		s->lim.var_version++;
		s->lim.var_version++;
		risk_take_limits(&s->r, &s->lim);
		assert_int_equal(s->r.var_version, s->lim.var_version);
		for (uint16_t level = 0; level < LEVEL_CNT; level++) {
			assert_true(risk_node_of(&s->r, &s->lim, level, &v));
			assert_int_equal(v.var_ntl4, 110 * 1000000LL * bp / 10000);
		}
	}
	mark_at(s, 500000);
	assert_true(risk_node_of(&s->r, &s->lim, ACCOUNT, &v));
	assert_int_equal(v.var_ntl4, (100 * 500000 + 10 * 1000000) / 50);
}

/* Sums of many values at the end of 64 bits are exact; what people see ends there. */
static void
sums_of_a_node_do_not_overflow(void **unused)
{
	struct scene *s = &scene;
	struct fill f = fill_of(77, SIDE_BUY, UINT32_MAX, 0, false);
	struct risk_node_view v;
	struct verdict no;
	struct order out;

	scene_start(s);
	f.px4 = PX4_MAX;
	for (uint16_t i = 1; i < INSTR_CNT; i++) {
		s->mark.head.instr_idx = i;
		s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = (uint32_t)PX4_MAX;
		s->lim.instr[i].var_bp = 100000;
		s->lim.instr[i].order_max_ntl4 = INT64_MAX;
		s->lim.instr[i].position_max_qty = UINT32_MAX;
		on_mark(&s->r, &s->mark);
		f.head.instr_idx = i;
		on_fill(&s->r, &f);
	}
	s->lim.node[FIRM].gross_max_ntl4 = INT64_MAX;
	s->lim.var_version++;
	risk_take_limits(&s->r, &s->lim);
	for (uint16_t level = 0; level < LEVEL_CNT; level++) {
		const struct risk_node *n = &s->r.node[level];
		const __int128 held_ntl4 = (__int128)(INSTR_CNT - 1) * UINT32_MAX * PX4_MAX;

		assert_true(risk_gross(n) == held_ntl4 && n->net_ntl4 == held_ntl4);
		assert_true(n->cash_ntl4 == -held_ntl4);
		assert_true(n->held_var_ntl4bp == held_ntl4 * 100000);
		assert_true(risk_node_of(&s->r, &s->lim, level, &v));
		assert_int_equal(v.gross_ntl4, INT64_MAX);
		assert_int_equal(v.var_ntl4, INT64_MAX);
		assert_int_equal(v.profit_ntl4, 0);
	}
	s->in.px4 = PX4_MAX;
	s->in.side = SIDE_SELL;
	s->in.qty = 1;
	assert_false(on_intent(&s->r, &s->lim, &s->in, &out, &no));
	assert_int_equal(no.verdict, RISK_REJECT_GROSS); // also where the position would let it
}

/* An order whose value times var_bp passes 64 bits leaves no more room than its limit says. */
static void
value_at_risk_does_not_overflow(void **unused)
{
	for (uint16_t level = 0; level < LEVEL_CNT; level++)
		for (int off = -1; off <= 1; off++) {
			struct scene *s = &scene;
			struct risk_node_view v;
			struct verdict no;
			struct order out;

			scene_start(s);
			s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 1000000000;
			s->lim.instr[IDX] = (struct risk_instr_limits){
				.order_max_ntl4 = INT64_MAX,
				.order_max_qty = UINT32_MAX,
				.open_max_qty = UINT32_MAX,
				.position_max_qty = UINT32_MAX,
				.collar_bp = 500,
				.tick_px4 = TICK_FREE,
				.var_bp = 100000,
				.allowed = 1,
			};
			s->lim.node[FIRM].gross_max_ntl4 = INT64_MAX;
			s->lim.node[level].var_max_ntl4 = 10000000000010000 + off;
			s->lim.var_version++;
			on_mark(&s->r, &s->mark);
			s->in.px4 = 1000000000;
			s->in.qty = 1000000; // 10^15, at a risk of ten times as much
			assert_true(on_intent(&s->r, &s->lim, &s->in, &out, &no));
			assert_true(risk_node_of(&s->r, &s->lim, level, &v));
			assert_int_equal(v.var_ntl4, 10000000000000000);
			s->in.intent_id = 2;
			s->in.px4 = 1000;
			s->mark.bid_px4 = s->mark.ask_px4 = s->mark.last_px4 = 1000;
			on_mark(&s->r, &s->mark);
			s->in.qty = 1;
			assert_int_equal(on_intent(&s->r, &s->lim, &s->in, &out, &no), off >= 0);
			if (off < 0)
				assert_int_equal(no.verdict, RISK_REJECT_VAR);
		}
}

static void
a_tree_that_is_none_is_refused(void **unused)
{
	static const uint16_t parent[] = { 0, 0, 1, 2, 3, 4, 5 };
	static const uint16_t beyond[] = { 0, 9, 1, 1, 1, 1 };
	static const uint16_t loop[] = { 0, 2, 1, 1 };
	static const uint16_t good_leaf[STRATEGY_MAX] = { 3 }, deep_leaf[STRATEGY_MAX] = { 6 };
	static const struct risk_pair good[] = { { 1, 1 }, { 1, 3 }, { 2, 3 }, { 3, 3 } };
	static const struct risk_pair unsorted[] = { { 1, 3 }, { 1, 1 } };
	static const struct risk_pair twice[] = { { 1, 1 }, { 1, 1 } };
	static const struct risk_pair orphan[] = { { 1, 1 }, { 2, 2 } };
	static const struct {
		const char *what;
		uint32_t node_cnt, pair_cnt;
		const uint16_t *parent, *leaf;
		const struct risk_pair *pair;
		int want;
	} trees[] = {
		{ "good", 4, 4, parent, good_leaf, good, 0 },
		{ "no pairs", 4, 0, parent, good_leaf, good, 0 },
		{ "not in order", 4, 2, parent, good_leaf, unsorted, -EINVAL },
		{ "the same pair twice", 4, 2, parent, good_leaf, twice, -EINVAL },
		{ "nothing above", 4, 2, parent, good_leaf, orphan, -EINVAL },
		{ "a leaf beyond the nodes", 3, 0, parent, good_leaf, good, -EINVAL },
		{ "a parent beyond the nodes", 6, 0, beyond, good_leaf, good, -EINVAL },
		{ "a way up without end", 4, 0, loop, good_leaf, good, -EINVAL },
		{ "too deep", 7, 0, parent, deep_leaf, good, -EINVAL },
	};

	for (size_t n = 0; n < ARRAY_CNT(trees); n++) {
		const struct risk_config c = {
			.instr_cnt = INSTR_CNT,
			.open_orders_max = 4,
			.rate_slots = 16,
			.node_cnt = trees[n].node_cnt,
			.node_parent = trees[n].parent,
			.leaf_node = trees[n].leaf,
			.pair = trees[n].pair,
			.pair_cnt = trees[n].pair_cnt,
		};
		int rc;

		arena.used_bytes = 0;
		memset(arena.base, 0, SCENE_BYTES);
		rc = risk_init(&scene.r, &c, &arena);
		if (rc != trees[n].want)
			fail_msg("%s: %d", trees[n].what, rc);
		assert_true(arena.used_bytes <= risk_bytes(&c));
	}
}

/* A fill of an order that is not a strategy's of ours is the firm's alone. */
static void
an_order_of_nobody_is_the_firms(void **unused)
{
	struct scene *s = &scene;
	struct fill f = fill_of(5, SIDE_BUY, 70, 0, false);
	struct risk_node_view v;

	scene_start(s);
	on_mark(&s->r, &s->mark);
	f.strategy_idx = STRATEGY_NONE;
	on_fill(&s->r, &f);
	assert_int_equal(s->r.metrics.fill_unassigned, 1);
	assert_true(risk_node_of(&s->r, &s->lim, FIRM, &v));
	assert_int_equal(v.net_ntl4, 70 * 1000000);
	assert_true(risk_node_of(&s->r, &s->lim, ACCOUNT, &v));
	assert_int_equal(v.net_ntl4, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_limit_holds_at_each_level),
		cmocka_unit_test(a_loser_may_reduce),
		cmocka_unit_test(reduce_only_looks_at_its_own_level),
		cmocka_unit_test(a_level_counts_what_lies_below_it),
		cmocka_unit_test(the_day_may_begin_with_a_position),
		cmocka_unit_test(value_at_risk_follows_its_table),
		cmocka_unit_test(sums_of_a_node_do_not_overflow),
		cmocka_unit_test(value_at_risk_does_not_overflow),
		cmocka_unit_test(a_tree_that_is_none_is_refused),
		cmocka_unit_test(an_order_of_nobody_is_the_firms),
	};

	if (arena_open(&arena, SCENE_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
