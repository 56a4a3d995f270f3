/* SPDX-License-Identifier: Apache-2.0 */
#include "decision/risk.h"
#include "egress/orders.h"
#include "strategy_scene.h"

/*
 * The quoting strategy with risk and orders as they are, against a venue of our own, every way
 * between them delayed at random as in split lanes.  Whatever prices, stale books, executions,
 * rejections and refusals come:
 *
 *   the venue never has more than one order of a side;
 *   the position, with all that is open executed, never passes position_max_qty;
 *   a price causes at most one wish per side, and time at most one order per side and cooldown;
 *   once the book is not to be traded on, nothing is left, and all positions agree.
 */
enum {
	STEPS = 200000,
	QUEUE_MAX = 256,
	TOKEN_MAX = 1 << 18,
	COOLDOWN_NS = 1000,
};

struct queue {
	uint32_t put, take;
	uint64_t slot[QUEUE_MAX][8];
};

struct venue_order {
	uint32_t open_qty;
	uint32_t done_qty; // by the chain
	uint32_t px4;
	uint8_t side;
};

static struct queue to_venue, to_us, updates, verdicts;
static struct venue_order venue[TOKEN_MAX];
static uint32_t token_of[2]; // the order that is live on a side, 0: none
static int64_t venue_position_qty;
static uint64_t match_ref, rng = 88172645463325252ULL;
static struct risk risk;
static struct orders orders;
static struct risk_limits limits;
static struct arena big;
static uint64_t order_ns[2]; // when a side last wished for a new order or a replace

static uint32_t
below(uint32_t n)
{
	rng ^= rng << 13; // xorshift64
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 33) % n;
}

static void
put(struct queue *q, const void *m, size_t len)
{
	assert_true(q->put - q->take < QUEUE_MAX);
	memcpy(q->slot[q->put++ % QUEUE_MAX], m, len);
}

static const void *
take(struct queue *q)
{
	return q->put == q->take ? NULL : q->slot[q->take++ % QUEUE_MAX];
}

static void
say(const struct report *r)
{
	put(&to_us, r, sizeof(*r));
}

/* The venue. */

static void
venue_execute(uint32_t token, uint32_t qty)
{
	struct venue_order *v = &venue[token];

	qty = qty < v->open_qty ? qty : v->open_qty;
	v->open_qty -= qty;
	v->done_qty += qty;
	venue_position_qty += v->side == SIDE_BUY ? (int64_t)qty : -(int64_t)qty;
	if (v->open_qty == 0)
		token_of[v->side] = 0;
	say(&(struct report){ .type = REPORT_EXECUTED,
			      .token = token,
			      .qty = qty,
			      .px4 = v->px4,
			      .match_ref = ++match_ref });
}

static void
venue_cancel(uint32_t token)
{
	struct venue_order *v = &venue[token];

	say(&(struct report){ .type = REPORT_CANCELED, .token = token, .qty = v->open_qty });
	v->open_qty = 0;
	token_of[v->side] = 0;
}

static void
venue_new(const struct venue_request *q)
{
	if (below(10) == 0) {
		say(&(struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 1 });
		return;
	}
	assert_int_equal(token_of[q->side], 0); // one order of a side
	venue[q->token] = (struct venue_order){ q->qty, 0, (uint32_t)q->px4, q->side };
	token_of[q->side] = q->token;
	say(&(struct report){
		.type = REPORT_ACCEPTED, .token = q->token, .qty = q->qty, .px4 = q->px4 });
}

static void
venue_replace(const struct venue_request *q)
{
	struct venue_order *v = &venue[q->orig_token];

	if (v->open_qty == 0)
		return; // ignored in silence
	if (below(10) == 0) {
		say(&(struct report){
			.type = REPORT_REJECTED, .token = q->token, .reject_code = 2 });
		return;
	}
	if (q->qty <= v->done_qty) {
		venue_cancel(q->orig_token);
		return;
	}
	assert_int_equal(token_of[v->side], q->orig_token);
	venue[q->token] = (struct venue_order){ q->qty - v->done_qty, v->done_qty, (uint32_t)q->px4,
						v->side };
	v->open_qty = 0;
	token_of[v->side] = q->token;
	say(&(struct report){ .type = REPORT_REPLACED,
			      .token = q->token,
			      .orig_token = q->orig_token,
			      .qty = venue[q->token].open_qty,
			      .px4 = q->px4 });
}

static void
venue_step(void)
{
	const struct venue_request *q = take(&to_venue);

	if (q == NULL)
		return;
	assert_true(q->token < TOKEN_MAX);
	if (q->kind == INTENT_NEW)
		venue_new(q);
	else if (q->kind == INTENT_REPLACE)
		venue_replace(q);
	else if (venue[q->token].open_qty != 0)
		venue_cancel(q->token);
}

/* Our side. */

static void
give_back(unsigned said, const struct fill *f, const struct update *u)
{
	if (said & ORDERS_FILL)
		risk_on_fill(&risk, f);
	if (said & ORDERS_UPDATE)
		put(&updates, u, sizeof(*u));
}

static void
report_step(void)
{
	const struct report *r = take(&to_us);
	struct update u;
	struct fill f;

	if (r != NULL)
		give_back(orders_on_report(&orders, r, &f, &u), &f, &u);
}

static void
answer_step(void)
{
	const struct verdict *v;
	const struct update *u;

	if ((u = take(&updates)) != NULL)
		strategy_on_update(&s, u);
	if ((v = take(&verdicts)) != NULL)
		strategy_on_verdict(&s, v);
}

static void
order_step(const struct intent *in)
{
	struct venue_request q;
	struct verdict no;
	struct update u;
	struct order o;
	struct fill f;
	unsigned said;

	if (!risk_on_intent(&risk, &limits, in, &o, &no)) {
		put(&verdicts, &no, sizeof(no));
		return;
	}
	said = orders_on_order(&orders, &o, &q, &f, &u);
	if (said & ORDERS_SEND)
		put(&to_venue, &q, sizeof(q));
	give_back(said, &f, &u);
}

/* A price moves, or the book becomes one nobody trades on; the strategy looks. */
static void
price_step(bool good)
{
	const uint64_t now_ns = book.head.rx_ns + below(2000);
	struct mark m = {
		.head = { .instr_idx = IDX, .rx_ns = now_ns },
		.last_px4 = 1000000,
		.confidence = CONFIDENCE_LIVE,
		.state = TRADING_OPEN,
	};
	unsigned side_cnt[2] = { 0 };
	unsigned cnt;

	book.head.rx_ns = now_ns;
	book.confidence = good ? CONFIDENCE_LIVE : CONFIDENCE_STALE;
	book.bid_px4 = 1000000 + 100 * below(8);
	book.ask_px4 = book.bid_px4 + 100 * (1 + below(3));
	m.bid_px4 = book.bid_px4;
	m.ask_px4 = book.ask_px4;
	risk_on_mark(&risk, &m);
	cnt = look();
	assert_true(cnt <= 2);
	for (unsigned n = 0; n < cnt; n++) {
		assert_int_equal(++side_cnt[out[n].side], 1);
		if (out[n].kind != INTENT_CANCEL) {
			assert_true(good);
			assert_true(now_ns - order_ns[out[n].side] >= COOLDOWN_NS);
			order_ns[out[n].side] = now_ns;
		}
		order_step(&out[n]);
	}
}

static void
check(uint32_t position_max_qty)
{
	const int64_t most = venue_position_qty + venue[token_of[SIDE_BUY]].open_qty;
	const int64_t least = venue_position_qty - venue[token_of[SIDE_SELL]].open_qty;

	assert_true(most <= (int64_t)position_max_qty);
	assert_true(least >= -(int64_t)position_max_qty);
}

static void
a_quote_stays_within_its_bounds(void **unused)
{
	struct strategy_config c = config_of(STRATEGY_QUOTE);
	uint32_t good_left = 1000;
	struct risk_position p;

	c.cooldown_ns = COOLDOWN_NS;
	start(&c);
	for (uint32_t n = 0; n < STEPS; n++) {
		const uint32_t side = below(2);

		if (good_left-- == 0)
			good_left = 1000 + below(1000);
		switch (below(6)) {
		case 0:
			price_step(good_left > 50);
			break;
		case 1:
			venue_step();
			break;
		case 2:
			report_step();
			break;
		case 3:
			answer_step();
			break;
		case 4:
			if (token_of[side] != 0 && below(4) == 0)
				venue_execute(token_of[side], 1 + below(120));
			break;
		default:
			break;
		}
		check(c.position_max_qty);
	}
	for (uint32_t n = 0; n < 100; n++) {
		price_step(false);
		venue_step();
		report_step();
		answer_step();
	}
	assert_int_equal(token_of[SIDE_BUY] + token_of[SIDE_SELL], 0);
	assert_int_equal(orders.open_cnt, 0);
	assert_int_equal(orders.metrics.illegal_transition, 0);
	assert_true(risk_position_of(&risk, IDX, &p));
	assert_int_equal(p.open_buy_qty + p.open_sell_qty, 0);
	assert_int_equal(p.position_qty, venue_position_qty);
	assert_int_equal(s.quote.instr[1].position_qty, venue_position_qty);
	assert_int_equal(s.quote.instr[1].side[0].state, QUOTE_NONE);
	assert_int_equal(s.quote.instr[1].side[1].state, QUOTE_NONE);
	// every way was gone
	assert_true(s.base.metrics.new_wished > 100 && s.base.metrics.replace_wished > 100);
	assert_true(s.base.metrics.cancel_wished > 20 && s.base.metrics.execution > 100);
	assert_true(s.base.metrics.verdict_refused > 10 && s.base.metrics.order_refused > 10);
	print_message("%lu new, %lu replaces, %lu cancels, %lu executions, refused %lu and %lu\n",
		      s.base.metrics.new_wished, s.base.metrics.replace_wished,
		      s.base.metrics.cancel_wished, s.base.metrics.execution,
		      s.base.metrics.verdict_refused, s.base.metrics.order_refused);
}

static int
open_all(void **unused)
{
	const struct risk_config rc = { .instr_cnt = IDX + 1, .open_orders_max = 64 };
	const struct orders_config oc = { .orders_max = 1024,
					  .executions_max = 1024,
					  .session_idx = SESSION };

	if (arena_open(&arena, ARENA_BYTES) != 0 || arena_open(&big, 1 << 22) != 0 ||
	    risk_init(&risk, &rc, &big) != 0 || orders_init(&orders, &oc, &big) != 0)
		return -1;
	orders_on_session_up(&orders, 1);
	halt_lift(HALT_DISARMED);
	risk_limits_init(&limits);
	limits.version = 1;
	limits.armed = 1;
	limits.node[RISK_NODE_FIRM].order_rate_max = 20; // refuses now and then
	limits.order_rate_window_ns = 20 * COOLDOWN_NS;
	limits.instr_cnt = IDX + 1;
	limits.node[RISK_NODE_FIRM].gross_max_ntl4 = 1000000000000;
	limits.instr[IDX] = (struct risk_instr_limits){
		.order_max_ntl4 = 10000000000,
		.order_max_qty = 100000,
		.open_max_qty = 1000,
		.position_max_qty = 10000,
		.collar_bp = 500,
		.allowed = 1,
		.short_allowed = 1,
	};
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quote_stays_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, open_all, NULL);
}
