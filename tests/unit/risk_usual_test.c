/* SPDX-License-Identifier: Apache-2.0 */
#include "risk_scene.h"

/*
 * The usual way through the checks (risk_passes) against the exact one (risk_judge): random limits,
 * books, holdings and orders, most of them at an edge or one beside it.  What the usual way lets
 * pass, the exact way lets pass, too; and the other way round for most, or it would be no usual
 * way.
 */
enum {
	WORLDS = 4000,
	ORDERS = 60,
};

static uint64_t seed = 42;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((seed >> 33) % below);
}

/* Mostly no limit, otherwise one that is near what orders come to. */
static uint32_t
near_or_any(uint32_t near_max)
{
	return rnd(4) != 0 ? UINT32_MAX : near_max - 2 + rnd(5);
}

static int64_t
ntl_near_or_any(int64_t near_ntl4)
{
	return rnd(4) != 0 ? INT64_MAX : near_ntl4 - 1 + rnd(3);
}

static void
random_limits(struct risk_limits *lim)
{
	const struct risk_leaf_limits other = { INT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

	lim->version++;
	lim->var_version++;
	lim->armed = rnd(50) != 0;
	lim->halted = rnd(50) == 0;
	lim->hours = (uint8_t)rnd(3);
	lim->self_match = (uint8_t)rnd(2);
	lim->session_message_max = rnd(3) != 0 ? 0 : 20 + rnd(20);
	lim->duplicate_window_ns = rnd(2) * 1000;
	lim->intent_age_max_ns = rnd(2) * 1000;
	for (uint32_t n = 0; n <= 2; n++) {
		struct risk_node_limits *nl = &lim->node[n];

		nl->gross_max_ntl4 = ntl_near_or_any(3000000000);
		nl->net_max_ntl4 = ntl_near_or_any(2000000000);
		nl->credit_max_ntl4 = ntl_near_or_any(3000000000);
		nl->loss_max_ntl4 = ntl_near_or_any(10000);
		nl->drawdown_max_ntl4 = ntl_near_or_any(10000);
		nl->var_max_ntl4 = ntl_near_or_any(30000000);
		nl->position_max_qty = near_or_any(2000);
		nl->open_orders_max = near_or_any(20);
		nl->order_rate_max = rnd(3) != 0 ? 0 : 20 + rnd(20);
		nl->cancel_rate_max = rnd(3) != 0 ? 0 : 1 + rnd(20);
		lim->mode[n] = rnd(20) != 0 ? RISK_MODE_NORMAL : RISK_MODE_REDUCE_ONLY;
	}
	lim->leaf[0] = (struct risk_leaf_limits){
		.order_max_ntl4 = ntl_near_or_any(100000000),
		.order_max_qty = near_or_any(100),
		.collar_bp = near_or_any(100),
		.execution_max = near_or_any(4),
		.enable_seq = rnd(2),
		.mode = rnd(20) != 0 ? RISK_MODE_NORMAL : (uint8_t)rnd(RISK_MODE_CNT),
	};
	// the same limits for all are the instruments' terms, wider ones of another are not
	for (uint32_t n = 1, same = rnd(2); n < STRATEGY_MAX; n++)
		lim->leaf[n] = same ? lim->leaf[0] : other;
	for (int i = 1; i < INSTR_CNT; i++)
		lim->instr[i] = (struct risk_instr_limits){
			.order_max_ntl4 = ntl_near_or_any(100000000),
			.gross_max_ntl4 = rnd(2) ? 0 : ntl_near_or_any(1000000000),
			.net_max_ntl4 = rnd(2) ? 0 : ntl_near_or_any(500000000),
			.order_max_qty = near_or_any(100),
			.open_max_qty = near_or_any(1000),
			.position_max_qty = near_or_any(1000),
			.collar_bp = near_or_any(100),
			.collar_last_bp = rnd(2) ? 0 : near_or_any(100),
			.tick_px4 = rnd(4)   ? TICK_FREE
				    : rnd(2) ? 0
					     : 50,
			.lot_qty = rnd(3) ? 0 : 10,
			.restricted_mask = rnd(30) == 0,
			.var_bp = rnd(300),
			.allowed = rnd(30) != 0,
			.halted = rnd(30) != 0 ? RISK_INSTR_GOES : (uint8_t)rnd(3),
			.short_allowed = rnd(4) != 0,
			.locate_required = rnd(2) != 0,
		};
	memset(lim->locate, 0, sizeof(lim->locate));
	lim->locate_cnt = 0;
	for (uint16_t i = 1; i < INSTR_CNT; i++)
		risk_locate_add(lim, 1, i, rnd(3) * 100 + rnd(3));
}

static void
random_mark(struct scene *s, uint16_t idx)
{
	struct mark m = {
		.head.instr_idx = idx,
		.last_px4 = rnd(20) == 0 ? 0 : 1000000 + rnd(3) * 100,
		.band_lo_px4 = rnd(3) ? 0 : 990000 + rnd(3),
		.band_hi_px4 = rnd(3) ? 0 : 1010000 + rnd(3),
		.round_lot_qty = rnd(2) ? 4 : 100,
		.confidence = rnd(30) != 0 ? CONFIDENCE_LIVE : (uint8_t)rnd(CONFIDENCE_CNT),
		.state = rnd(30) != 0 ? TRADING_OPEN : (uint8_t)rnd(TRADING_STATE_CNT),
		.short_sale = rnd(10) != 0 ? '0' : '1',
		.phase = rnd(10) != 0 ? PHASE_MARKET : (uint8_t)rnd(PHASE_CNT),
		.lots_only = rnd(4) == 0,
	};

	if (rnd(20) == 0) // below a dollar, where ticks differ
		m.last_px4 = 9900 + rnd(200);
	m.bid_px4 = m.last_px4 - rnd(2) * 100;
	m.ask_px4 = m.last_px4 + rnd(2) * 100;
	on_mark(&s->r, &m);
}

static struct intent
random_intent(struct scene *s, uint32_t id)
{
	static const int64_t px4[] = { 990000, 1010000, 999900, 1000000, 1000100, 1000050, 9950 };
	struct intent in = {
		.head = { .instr_idx = (uint16_t)(1 + rnd(INSTR_CNT - 1)),
			  .rx_ns = NOW_S * NS_PER_SEC + id * 10 },
		.px4 = px4[rnd(ARRAY_CNT(px4))] + (rnd(3) ? 0 : (int64_t)rnd(5) - 2),
		.qty = rnd(3) ? 100 : rnd(104),
		.intent_id = id,
		.kind = rnd(4) ? INTENT_NEW : INTENT_REPLACE,
		.side = (uint8_t)rnd(2),
		.flags = rnd(10) ? 0 : INTENT_SHORT,
	};

	if (rnd(100) == 0)
		in.px4 = (int64_t)(seed * 0x9E3779B97F4A7C15ULL);
	if (rnd(100) == 0)
		in.qty = UINT32_MAX - rnd(2);
	if (in.kind == INTENT_REPLACE && id > 1) {
		const struct risk_open *e;

		in.orig_id = id - 1 - rnd(id < 10 ? id - 1 : 10);
		e = risk_open_of(&s->r, risk_open_key(0, in.orig_id));
		if (e->key != 0 && rnd(20) != 0) {
			in.head.instr_idx = e->instr_idx;
			in.side = e->side;
		}
	}
	s->r.now_ns = in.head.rx_ns + 999 + rnd(3);
	return in;
}

HOT_APART static bool
usual(const struct risk *r, const struct risk_limits *lim, const struct intent *in,
      struct risk_plan *plan)
{
	risk_instr_refresh(r, lim, in->head.instr_idx);
	return risk_passes(r, lim, in, plan);
}

/* What is open at each level is what the open orders say, and its rooms are what that leaves. */
static void
check_sums(const struct scene *s)
{
	int64_t open_ntl4[2] = { 0 };
	__int128 var_ntl4bp = 0;
	uint32_t open_cnt = 0;

	for (uint32_t k = 1; k <= s->r.open_max; k++) {
		const struct risk_open *e = &s->r.open[k];

		if (e->key == 0)
			continue;
		open_cnt++;
		open_ntl4[e->side] += ntl4_of(e->px4, e->open_qty);
		var_ntl4bp +=
			(__int128)ntl4_of(e->px4, e->open_qty) * s->r.instr[e->instr_idx].var_bp;
	}
	assert_int_equal(s->r.open_cnt, open_cnt);
	for (uint32_t n = 0; n <= 2; n++) { // the firm, the account, the strategy
		struct risk_node settled = s->r.node[n];

		for (uint8_t side = 0; side < 2; side++)
			assert_int_equal(risk_open_ntl4(&settled, side), open_ntl4[side]);
		assert_true(risk_open_var(&settled) == var_ntl4bp);
		assert_int_equal(risk_open_cnt(&settled), open_cnt);
		risk_node_settle(&settled);
		for (int room = 0; room < RISK_ROOM_CNT; room++)
			assert_true(s->r.node[n].room[room] == settled.room[room] ||
				    (settled.room[room] == RISK_ROOM_END &&
				     s->r.node[n].room[room] < RISK_ROOM_END) ||
				    (room == RISK_ROOM_ORDERS && settled.room[room] == -1 &&
				     s->r.node[n].room[room] < 0));
	}
}

/* The same of one node's holding of one instrument. */
static void
check_cell(const struct scene *s, uint32_t cell)
{
	const struct risk_cell *c = &s->r.cell[cell];
	const struct risk_instr *i = &s->r.instr[c->instr_idx];
	const uint32_t max_qty =
		c->up == 0 ? i->position_max_qty : s->r.node[c->node_idx].position_max_qty;

	for (uint8_t side = 0; side < 2; side++) {
		const int64_t held_qty = side == SIDE_BUY ? c->position_qty : -c->position_qty;
		int64_t open_ntl4 = 0, open_qty = 0;
		int32_t room_qty;

		for (uint32_t n = 1; n <= s->r.open_max; n++) {
			const struct risk_open *e = &s->r.open[n];
			uint32_t k = e->cell;

			while (k != cell && k != 0)
				k = s->r.cell[k].up;
			if (e->key == 0 || e->side != side || k == 0)
				continue;
			open_qty += e->open_qty;
			open_ntl4 += ntl4_of(e->px4, e->open_qty);
		}
		assert_int_equal(risk_open_qty(&s->r, c, side), open_qty);
		assert_int_equal(risk_cell_open_ntl4(&s->r, cell, side), open_ntl4);
		if (c->up == 0)
			assert_int_equal(risk_firm_open_ntl4(&s->r, i, side), open_ntl4);
		room_qty = risk_room_qty_of(max_qty - held_qty - open_qty);
		if (c->up != 0)
			assert_int_equal(s->r.room[cell].up, c->up);
		assert_true((c->up == 0 ? i->room_position_qty : s->r.room[cell].qty)[side] ==
				    room_qty ||
			    room_qty == INT32_MAX || i->terms_seq != s->r.terms_seq);
	}
}

/* The firm's, the account's and the sending strategy's of each instrument. */
static void
check_cells(const struct scene *s)
{
	for (uint16_t idx = 1; idx < INSTR_CNT; idx++)
		for (uint32_t k = risk_leaf_cell(&s->r.instr[idx], 0); k != 0; k = s->r.cell[k].up)
			check_cell(s, k);
}

/* A holding above 31 bits, whose rooms are cut: a sale is short from the same share on. */
static void
a_sale_is_short_beyond_what_is_held(void **unused)
{
	static const int64_t HELD_QTY[] = { -1,
					    0,
					    1,
					    499,
					    500,
					    501,
					    INT32_MAX - 500LL,
					    INT32_MAX - 1LL,
					    INT32_MAX,
					    INT32_MAX + 1LL,
					    INT32_MAX + 500LL,
					    2LL * INT32_MAX + 3 };
	static const uint32_t QTY[] = { 1, 499, 500, 501, INT32_MAX - 500, INT32_MAX };
	struct scene *s = &scene;

	for (size_t h = 0; h < ARRAY_CNT(HELD_QTY); h++)
		for (size_t q = 0; q < ARRAY_CNT(QTY) * ARRAY_CNT(QTY); q++) {
			const uint32_t qty[] = { QTY[q % ARRAY_CNT(QTY)], QTY[q / ARRAY_CNT(QTY)] };
			int64_t left_qty = HELD_QTY[h];

			scene_start(s);
			s->lim.node[RISK_NODE_FIRM].gross_max_ntl4 = INT64_MAX;
			s->lim.instr[IDX].order_max_ntl4 = INT64_MAX;
			s->lim.instr[IDX].order_max_qty = UINT32_MAX;
			s->lim.instr[IDX].open_max_qty = UINT32_MAX;
			s->lim.instr[IDX].position_max_qty = UINT32_MAX;
			on_mark(&s->r, &s->mark);
			while (left_qty != 0) {
				const int64_t part = left_qty < INT32_MAX ? left_qty : INT32_MAX;

				assert_int_equal(risk_load_position(&s->r, 2, IDX, part, 1000000),
						 0);
				left_qty -= part;
			}
			left_qty = HELD_QTY[h];
			for (uint32_t n = 0; n < 2; n++) {
				struct risk_plan plan;
				struct verdict no;
				struct order out;

				s->in.side = SIDE_SELL;
				s->in.intent_id = 1 + n;
				s->in.qty = qty[n];
				left_qty -= qty[n];
				if (usual(&s->r, &s->lim, &s->in, &plan))
					assert_int_equal(plan.short_mark,
							 left_qty < 0 ? INTENT_SHORT : 0);
				if (!on_intent(&s->r, &s->lim, &s->in, &out, &no))
					break;
				assert_int_equal(out.flags, left_qty < 0 ? INTENT_SHORT : 0);
			}
		}
}

static void
what_passes_at_once_passes_one_by_one(void **unused)
{
	uint32_t usual_cnt = 0, pass_cnt = 0, refused_cnt = 0, seen_cnt = 0;
	bool seen[RISK_VERDICT_CNT] = { false };
	struct scene *s = &scene;

	for (uint32_t world = 0; world < WORLDS; world++) {
		scene_start(s);
		random_limits(&s->lim);
		for (uint16_t i = 1; i < INSTR_CNT; i++)
			random_mark(s, i);
		hold(s, (int64_t)rnd(401) - 200);
		for (uint32_t id = 1; id <= ORDERS; id++) {
			struct risk_plan at_once, one_by_one;
			const struct intent in = random_intent(s, id);
			enum risk_verdict v;
			struct verdict no;
			struct order out;
			bool quick, pass;

			if (rnd(10) == 0)
				random_mark(s, (uint16_t)(1 + rnd(INSTR_CNT - 1)));
			if (rnd(20) == 0)
				random_limits(&s->lim);
			if (s->lim.version != s->r.limits_version)
				risk_take_limits(&s->r, &s->lim);
			v = risk_judge(&s->r, &s->lim, &in, &one_by_one);
			quick = usual(&s->r, &s->lim, &in, &at_once);
			if (quick && v != RISK_PASS)
				fail_msg("world %u, order %u: %s, but passes at once", world, id,
					 risk_verdict_name(v));
			if (quick) {
				assert_ptr_equal(at_once.entry, one_by_one.entry);
				assert_ptr_equal(at_once.room, one_by_one.room);
				assert_int_equal(at_once.place, one_by_one.place);
				assert_int_equal(at_once.grow_ntl4, one_by_one.grow_ntl4);
				assert_int_equal(at_once.grow_qty, one_by_one.grow_qty);
				assert_int_equal(at_once.located_qty, one_by_one.located_qty);
				assert_int_equal(at_once.short_mark, one_by_one.short_mark);
				assert_int_equal(at_once.key, one_by_one.key);
				assert_ptr_equal(at_once.recent, one_by_one.recent);
			}
			pass = on_intent(&s->r, &s->lim, &in, &out, &no);
			check_sums(s);
			check_cells(s);
			assert_int_equal(pass, v == RISK_PASS);
			if (!pass)
				assert_int_equal(no.verdict, v);
			usual_cnt += quick;
			pass_cnt += pass;
			refused_cnt += !pass;
			seen_cnt += !seen[v];
			seen[v] = true;
			if (pass && rnd(3) == 0) {
				struct fill f = fill_of(in.kind == INTENT_NEW ? id : in.orig_id,
							in.side, rnd(2) * (in.qty / 2), 0, false);

				f.head.instr_idx = in.head.instr_idx;
				f.released_qty = f.executed_qty;
				f.replace_done = in.kind == INTENT_REPLACE;
				on_fill(&s->r, &f);
			}
		}
	}
	print_message("# %u passed, %u at once, %u refused for %u reasons\n", pass_cnt, usual_cnt,
		      refused_cnt, seen_cnt - seen[RISK_PASS]);
	assert_true(pass_cnt > WORLDS * ORDERS / 10 && refused_cnt > WORLDS * ORDERS / 10);
	assert_true(usual_cnt > pass_cnt / 10 * 8);
	assert_true(seen_cnt > 30);
}

HOT_APART static bool
decide(struct risk *r, const struct risk_limits *lim, const struct intent *in, struct order *out,
       struct verdict *no)
{
	return risk_decide(r, lim, in, out, no);
}

static void
assert_same_state(const struct scene *a, const struct scene *b)
{
	for (uint16_t n = 0; n < a->r.node_cnt; n++) {
		struct risk_node_view x, y;

		assert_true(risk_node_of(&a->r, &a->lim, n, &x));
		assert_true(risk_node_of(&b->r, &a->lim, n, &y));
		assert_memory_equal(&x, &y, sizeof(x));
	}
	for (uint16_t i = 1; i < INSTR_CNT; i++) {
		struct risk_position x, y;

		assert_true(risk_position_of(&a->r, i, &x));
		assert_true(risk_position_of(&b->r, i, &y));
		assert_memory_equal(&x, &y, sizeof(x));
	}
	assert_int_equal(a->r.open_cnt, b->r.open_cnt);
	assert_memory_equal(a->r.message_cnt, b->r.message_cnt, sizeof(a->r.message_cnt));
	assert_memory_equal(&a->r.metrics, &b->r.metrics, sizeof(a->r.metrics));
}

/* Two of a kind, one of which takes what it reserves at once: no verdict, no sum tells them apart.
 */
static void
what_is_taken_later_is_judged_the_same(void **unused)
{
	static struct scene at_once, later;
	struct arena other;
	uint32_t due_cnt = 0;

	assert_int_equal(arena_open(&other, SCENE_BYTES), 0);
	for (uint32_t world = 0; world < WORLDS / 4; world++) {
		const uint64_t begin = seed;

		for (int twin = 0; twin < 2; twin++) {
			struct scene *s = twin ? &later : &at_once;
			const struct arena mine = arena;

			if (twin)
				arena = other;
			seed = begin;
			scene_start(s);
			if (twin) {
				other = arena;
				arena = mine;
			}
			random_limits(&s->lim);
			for (uint16_t i = 1; i < INSTR_CNT; i++)
				random_mark(s, i);
			hold(s, (int64_t)rnd(401) - 200);
		}
		for (uint32_t id = 1; id <= ORDERS; id++) {
			const struct intent in = random_intent(&at_once, id);
			const uint32_t then = rnd(8);
			struct verdict no = { 0 }, no_2 = { 0 };
			struct order out = { 0 }, out_2 = { 0 };
			bool pass;

			if (rnd(20) == 0) { // between two turns
				risk_reserve_due(&later.r);
				random_limits(&at_once.lim);
				later.lim = at_once.lim;
			}
			later.r.now_ns = at_once.r.now_ns;
			pass = on_intent(&at_once.r, &at_once.lim, &in, &out, &no);
			assert_int_equal(decide(&later.r, &later.lim, &in, &out_2, &no_2), pass);
			assert_memory_equal(&out, &out_2, sizeof(out));
			assert_memory_equal(&no, &no_2, sizeof(no));
			due_cnt += later.r.due.kind != RISK_DUE_NOTHING;
			if (then == 0) { // it left, and the turn ends
				risk_reserve_due(&later.r);
				assert_same_state(&at_once, &later);
			} else if (then == 1) {
				const uint64_t before = seed;

				random_mark(&at_once, in.head.instr_idx);
				seed = before;
				random_mark(&later, in.head.instr_idx);
			} else if (then < 4 && pass) {
				struct fill f = fill_of(in.kind == INTENT_NEW ? id : in.orig_id,
							in.side, rnd(2) * (in.qty / 2), 0, false);

				f.head.instr_idx = in.head.instr_idx;
				f.released_qty = f.executed_qty;
				f.replace_done = in.kind == INTENT_REPLACE;
				on_fill(&at_once.r, &f);
				on_fill(&later.r, &f);
			}
		}
		risk_reserve_due(&later.r);
		assert_same_state(&at_once, &later);
	}
	assert_true(due_cnt > WORLDS / 4 * ORDERS / 20);
	arena_close(&other);
}

/*
 * Whether one more at now_ns makes more than max of any window.  The times of those that passed do
 * not go back.
 */
static bool
window_is_full(const uint64_t *ns, uint32_t cnt, uint32_t max, uint64_t window_ns, uint64_t now_ns)
{
	uint32_t within = 0;

	for (uint32_t k = cnt; k-- > 0 && ns[k] + window_ns > now_ns;)
		within++;
	return within >= max;
}

/* Also where the window is asked for many orders at once, and while it fills up and empties. */
static void
a_window_slides_by_the_nanosecond(void **unused)
{
	static const uint32_t max[] = { 1, 10, 64, 65, 66, 100, 128, 200, 1000, 4096 };
	enum { WINDOW_NS = 10000, STEPS = 6000 };
	static uint64_t passed_ns[STEPS];
	struct scene *s = &scene;

	for (size_t m = 0; m < ARRAY_CNT(max); m++) {
		uint32_t passed_cnt = 0, refused_cnt = 0;
		uint64_t now_ns = NOW_S * NS_PER_SEC;

		scene_start(s);
		on_mark(&s->r, &s->mark);
		s->lim.node[RISK_NODE_FIRM].order_rate_max = max[m];
		s->lim.order_rate_window_ns = WINDOW_NS;
		for (uint32_t id = 1; id <= STEPS; id++) {
			const uint32_t pace = WINDOW_NS / max[m] * (id / 500 % 3) / 2;
			struct intent in = s->in;
			struct verdict no;
			struct order out;
			struct fill gone;
			bool full;

			now_ns += rnd(2 * pace + 2);
			in.head.rx_ns = rnd(20) ? now_ns : now_ns - rnd(3);
			in.intent_id = id;
			in.qty = 1;
			full = window_is_full(passed_ns, passed_cnt, max[m], WINDOW_NS,
					      in.head.rx_ns);
			assert_int_equal(on_intent(&s->r, &s->lim, &in, &out, &no), !full);
			refused_cnt += full;
			if (full) {
				assert_int_equal(no.verdict, RISK_REJECT_RATE);
				continue;
			}
			passed_ns[passed_cnt] = in.head.rx_ns;
			if (passed_cnt != 0 && passed_ns[passed_cnt - 1] > in.head.rx_ns)
				passed_ns[passed_cnt] = passed_ns[passed_cnt - 1];
			passed_cnt++;
			gone = fill_of(id, SIDE_BUY, 0, 1, true);
			on_fill(&s->r, &gone);
		}
		assert_true(passed_cnt > STEPS / 10 && refused_cnt > STEPS / 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_slides_by_the_nanosecond),
		cmocka_unit_test(a_sale_is_short_beyond_what_is_held),
		cmocka_unit_test(what_passes_at_once_passes_one_by_one),
		cmocka_unit_test(what_is_taken_later_is_judged_the_same),
	};

	if (arena_open(&arena, SCENE_BYTES) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
