/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"

/*
 * Every lane in a thread of its own, the smallest rings the configuration allows, and a feed and a
 * venue that go as fast as they are taken: nothing is lost, nothing is stuck.
 *
 * The test thread plays both.  When all market data is read it waits until nothing moves, cancels
 * what rests, stops the lanes, and then does the accounts: each message, intent, order, execution
 * and buffer is found again on the other side of every ring.
 */
#if WITH_ASAN || WITH_TSAN
#define SLOW 5 // about what a sanitizer costs
#else
#define SLOW 1
#endif

enum {
	MESSAGES = 400000 / SLOW,
	PER_PACKET_MAX = 12,
	PACKET_MAX_BYTES = 1200,
	CASE_S_MAX = 60 * SLOW,
	REST_LOOKS = 3, // of housekeeping in each lane while nothing moved: it came to rest
	RESEND_NS = 5000000,
	HEARTBEAT_NS = 500000000,
	EXECUTE_EVERY = 3, // packets between two executions of orders that rest
	WATCHDOG_S = 90 * SLOW,
};

#define NAMES                                                                          \
	"AAPL, SYM01, SYM02, SYM03, SYM04, SYM05, SYM06, SYM07, SYM08, SYM09, SYM10, " \
	"SYM11, SYM12, SYM13, SYM14, SYM15"

/* Rings need room for what one price can cause: four intents of each strategy. */
static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [" NAMES "], qty: 100, position_max_qty: "
	"2000, imbalance_min_bp: 5500, cooldown_us: 0 }\n"
	"  - { name: maker, kind: quote, instruments: [" NAMES
	"], qty: 200, position_max_qty: 1000, "
	"cooldown_us: 0 }\n";
static const char MORE_STRATEGIES[] = "  - { name: taker, kind: take, instruments: [" NAMES
				      "], qty: 100, position_max_qty: 2000, "
				      "imbalance_min_bp: 5500, cooldown_us: 0 }\n"
				      "  - { name: taker2, kind: take, instruments: [" NAMES
				      "], qty: 300, position_max_qty: 900, "
				      "imbalance_min_bp: 6500, cooldown_us: 0 }\n"
				      "  - { name: maker, kind: quote, instruments: [" NAMES
				      "], qty: 200, position_max_qty: 1000, "
				      "cooldown_us: 0 }\n"
				      "  - { name: maker2, kind: quote, instruments: [" NAMES
				      "], qty: 100, position_max_qty: 1000, "
				      "cooldown_us: 0, edge_usd: 0.02 }\n"
				      "  - { name: maker3, kind: quote, instruments: [" NAMES
				      "], qty: 300, position_max_qty: 600, "
				      "cooldown_us: 0, edge_usd: 0.05 }\n";

static const char RISK_MORE[] = "  order_rate_window_ms: 20\n"; // 4096 in it

/* Runs of one lane, of all maps that are shipped, and of one with a ring at every hop. */
static const struct {
	const char *what;
	const char *lanes;
} MAPS[] = {
	{ "two lanes", "rx arb parse book strategy risk | orders encode tcp report" },
	{ "three lanes", "rx arb | parse book strategy risk | orders encode tcp report" },
	{ "four lanes", "rx arb | parse book strategy | risk | orders encode tcp report" },
	{ "five lanes", "rx arb | parse book | strategy | risk | orders encode tcp report" },
	{ "strategy and risk together",
	  "rx arb parse book | strategy risk | orders encode tcp report" },
	{ "risk beside the wire", "rx arb | parse book strategy | risk orders encode tcp report" },
};

struct run {
	struct lab *lab;
	pthread_t thread[LANE_MAX];
	const struct flow *flow;
	size_t at; // of the flow
	uint64_t rng;
	uint64_t begun_ns;
	uint64_t turn[LANE_MAX];  // of each lane, as its housekeeping last said
	uint32_t looks[LANE_MAX]; // how often it said so since anything moved
	uint64_t heartbeat_ns;
	uint64_t resend_ns;
	uint32_t resend_una;
	uint64_t taken; // by all lanes, as last seen
	uint32_t execute_next;
	uint64_t cancel_all_cnt; // cancels that no strategy wished for
	bool tiny;               // rings so small that they must get full
	bool stuck;
	bool command_failed;
};

static struct flow flow;
static uint64_t want_digest; // of the books at its end
static struct lab *open_lab;

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint32_t
below(struct run *r, uint32_t n)
{
	r->rng ^= r->rng << 13; // xorshift64
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	return (uint32_t)(r->rng >> 33) % n;
}

static void
say_where(struct run *r)
{
	struct lab *lab = r->lab;

	fprintf(stderr, "%zu of %zu bytes fed; the venue owes %zu bytes, window %u\n", r->at,
		r->flow->len, lab->peer.backlog_len, lab->peer.snd_wnd);
	for (uint32_t i = 0; i < lab->g.map->ring_cnt; i++) {
		const struct core_map_ring *m = &lab->g.map->ring[i];
		const struct lane *taker = lab->g.lane[m->taker];

		for (uint32_t k = 0; k < taker->in_cnt[m->hop]; k++)
			fprintf(stderr, "lane %u takes hop %u: %u of %u\n", m->taker, m->hop,
				ring_depth(taker->in[m->hop][k]), m->slots);
	}
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		fprintf(stderr, "lane %u: turns %lu, took %lu, no room %lu\n", i,
			load_relaxed_u64(&lab->g.lane[i]->metrics.turn),
			load_relaxed_u64(&lab->g.lane[i]->metrics.message_taken),
			load_relaxed_u64(&lab->g.lane[i]->metrics.room_missing));
}

/* One packet of a few messages on line A, the same on line B, if the port has room for both. */
static bool
feed(struct run *r)
{
	const uint32_t want = 1 + below(r, PER_PACKET_MAX);
	const size_t from = r->at;
	uint16_t cnt = 0;
	uint64_t seq;

	if (r->at == r->flow->len || !lab_md_has_room(r->lab))
		return false;
	while (r->at < r->flow->len && cnt < want && r->at - from < PACKET_MAX_BYTES) {
		r->at += 2 + be16_get(*(const be16 *)(r->flow->data + r->at));
		cnt++;
	}
	seq = r->lab->md_seq;
	lab_market_data(r->lab, 0, r->flow->data + from, r->at - from, cnt);
	if (lab_md_has_room(r->lab))
		lab_mold(r->lab, 1, seq, r->flow->data + from, r->at - from, cnt);
	return true;
}

/* A part of some order that rests at the venue is executed. */
static bool
execute_some(struct run *r)
{
	struct peer *p = &r->lab->peer;

	if (p->out_cnt > PEER_OUT_MAX / 2)
		return false;
	for (uint32_t n = 0; n < 64; n++) {
		r->execute_next = r->execute_next >= p->token_max ? 0 : r->execute_next + 1;
		if (peer_execute(p, r->execute_next, 50 * (1 + below(r, 4))))
			return true;
	}
	return false;
}

static void
play_time(struct run *r)
{
	struct peer *p = &r->lab->peer;
	const uint64_t t = now();

	if (t - r->heartbeat_ns > HEARTBEAT_NS) {
		r->heartbeat_ns = t;
		peer_heartbeat(p);
	}
	if (p->snd_una != r->resend_una || p->backlog_len == 0) {
		r->resend_una = p->snd_una;
		r->resend_ns = t;
	} else if (t - r->resend_ns > RESEND_NS) {
		r->resend_ns = t;
		peer_resend(p);
	}
	if (!r->stuck && t - r->begun_ns > CASE_S_MAX * 1000000000ULL) {
		say_where(r);
		r->stuck = true;
	}
}

static uint64_t
taken_by_lanes(const struct lab *lab)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		sum += load_relaxed_u64(&lab->g.lane[i]->metrics.message_taken);
	return sum;
}

/*
 * Whether each lane had turns enough to take whatever there was, however slowly the machine lets
 * them run, and the venue has every byte.
 */
static bool
at_rest(struct run *r)
{
	const struct lab *lab = r->lab;
	bool rest = r->at == r->flow->len && lab->peer.backlog_len == 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		const uint64_t turn = load_relaxed_u64(&lab->g.lane[i]->metrics.turn);

		r->looks[i] += turn != r->turn[i];
		r->turn[i] = turn;
		rest &= r->looks[i] > REST_LOOKS;
	}
	return rest;
}

static void ask(struct run *r, struct lane *l, uint32_t kind);

/* Our TCP sends again what found no room on the wire, but not at once. */
static bool
unsent(struct run *r)
{
	struct lane *wire = lab_lane_with(r->lab, ORDERS);
	const struct command_session *s = r->lab->g.reply[wire->idx];

	ask(r, wire, COMMAND_SESSION);
	return s->in_flight != 0;
}

/* Feed and venue play on until nothing moves. */
static void
play(struct run *r)
{
	bool market_data = true;

	for (unsigned n = 0; !r->stuck; n++) {
		unsigned moved = lab_carry(r->lab);
		uint64_t taken;

		if (market_data && n % EXECUTE_EVERY == 0)
			moved += execute_some(r);
		market_data = feed(r);
		moved += market_data;
		play_time(r);
		taken = taken_by_lanes(r->lab);
		if (moved != 0 || taken != r->taken)
			memset(r->looks, 0, sizeof(r->looks));
		else if (at_rest(r) && !unsent(r))
			return;
		else
			sched_yield();
		r->taken = taken;
	}
}

/*
 * The first lane runs, the one behind it does not yet: the ring between them gets full, whatever
 * the scheduler does later.  A map whose first lane holds the books too has no such ring.
 */
static void
fill_first_ring(struct run *r)
{
	const struct lane *first = r->lab->g.lane[0];

	if (holds(first->stages, BOOK))
		return;
	while (!r->stuck && load_relaxed_u64(&first->metrics.room_missing) == 0) {
		lab_carry(r->lab);
		if (r->at < r->flow->len / 4)
			feed(r);
		play_time(r);
		sched_yield();
	}
}

static void
ask(struct run *r, struct lane *l, uint32_t kind)
{
	struct command *c = &l->command;

	c->kind = kind;
	memset(c->arg, 0, sizeof(c->arg));
	c->reply = r->lab->g.reply[l->idx];
	c->reply_max = COMMAND_REPLY_MAX;
	command_ask(c);
	while (!command_idle(c)) {
		lab_carry(r->lab);
		play_time(r);
		sched_yield();
	}
	r->command_failed |= c->result != 0;
}

static uint64_t
sum_of(const uint64_t *metric, unsigned cnt)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cnt; i++)
		sum += metric[i];
	return sum;
}

static struct strategy *
strategy_at(struct lab *lab, uint32_t idx)
{
	return lab_lane_with(lab, STRATEGY)->strategy[idx];
}

static int64_t
position_of(struct lab *lab, uint32_t idx)
{
	const struct strategy *s = strategy_at(lab, idx);
	int64_t qty = 0;

	for (uint32_t slot = 1; slot <= FLOW_INSTR_MAX; slot++)
		qty += s->kind == STRATEGY_TAKE ? s->take.instr[slot].position_qty
						: s->quote.instr[slot].position_qty;
	return qty;
}

/* Each intent is an order or a verdict, each order a request or a refusal. */
static void
check_intents(const struct run *r)
{
	struct lab *lab = r->lab;
	const struct risk_metrics *risk = &lab_lane_with(lab, RISK)->risk->metrics;
	const struct lane *wire = lab_lane_with(lab, ORDERS);
	const struct orders_metrics *o = &wire->session[0]->orders.metrics;
	const uint64_t sent = sum_of(&o->new_sent, 3);
	const uint64_t refused = sum_of(&o->refused_session_down, 7);
	const uint64_t rejected = sum_of((const uint64_t *)risk + 1, RISK_VERDICT_CNT - 1);
	// given to the encoder, but the connection could not take it: given back
	const uint64_t unsent = wire->metrics.order_refused - o->refused_session_down;
	uint64_t wished = 0, verdicts = 0, refusals = 0, executions = 0, foreign = 0;

	for (uint32_t i = 0; i < lab->config.strategies_cnt; i++) {
		const struct strategy_metrics *m = &strategy_at(lab, i)->base.metrics;

		wished += sum_of(&m->new_wished, 3);
		verdicts += m->verdict_refused;
		refusals += m->order_refused;
		executions += m->execution;
		foreign += m->answer_foreign;
	}
	assert_int_equal(wished, risk->intent_passed + rejected + risk->cancel_passed);
	// a verdict about an order that has gone meanwhile is foreign, but so are some updates
	assert_in_range(rejected, verdicts, verdicts + foreign);
	assert_int_equal(risk->intent_passed + risk->cancel_passed + r->cancel_all_cnt,
			 sent + refused);
	assert_int_equal(sent - unsent, wire->metrics.order_sent + wire->metrics.order_queued);
	assert_int_equal(sent - unsent,
			 lab->peer.enter_cnt + lab->peer.replace_cnt + lab->peer.cancel_cnt);
	assert_int_equal(executions, lab->peer.execution_cnt);
	assert_true(refusals >= lab->peer.reject_cnt);
}

/* What the runs of one test have exercised together. */
struct done {
	uint32_t enter_cnt;
	uint32_t execution_cnt;
	uint64_t room_missing; // 0: no ring was ever full, and nothing was shown
};

/* All that was sent to a lane was taken, and each side of every ring has counted the same. */
static void
check_end(struct run *r, const char *what, struct done *done)
{
	struct lab *lab = r->lab;
	struct lane *parser = lab_lane_with(lab, BOOK), *wire = lab_lane_with(lab, ORDERS);
	const struct arb_metrics *arb = &lab_lane_with(lab, ARB)->arb[0]->metrics;
	const struct orders_metrics *o = &wire->session[0]->orders.metrics;
	const struct risk *risk = lab_lane_with(lab, RISK)->risk;
	uint64_t room_missing = 0;
	struct risk_position p;
	int64_t position_qty = 0, risk_position_qty = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		struct lane *l = lab->g.lane[i];

		for (uint32_t hop = 0; hop < HOP_CNT; hop++)
			for (uint32_t k = 0; k < l->in_cnt[hop]; k++)
				assert_int_equal(ring_depth(l->in[hop][k]), 0);
		for (uint32_t k = 0; k < l->tx_cnt; k++)
			assert_int_equal(l->tx[k]->metrics.buf_missing, 0);
		room_missing += l->metrics.room_missing;
	}
	assert_int_equal(halt_reasons() & HALT_MUST, 0);

	// market data: each message once
	assert_int_equal(arb->message_delivered, r->flow->msg_cnt);
	assert_int_equal(arb->gap_opened + arb->message_lost, 0);
	assert_int_equal(sum_of((const uint64_t *)&parser->parse[0]->metrics, 23),
			 r->flow->msg_cnt);

	// orders: each answered, none left
	assert_int_equal(lab->peer.bad_cnt + lab->bad_frame_cnt, 0);
	for (uint32_t t = 0; t <= lab->peer.token_max; t++)
		assert_int_equal(lab->peer.open_qty[t], 0);
	assert_int_equal(wire->session[0]->orders.open_cnt, 0);
	assert_int_equal(o->order_rejected + o->replace_rejected, lab->peer.reject_cnt);
	assert_int_equal(o->execution, lab->peer.execution_cnt);
	assert_int_equal(o->execution_duplicate + o->execution_late + o->execution_excess +
				 o->execution_unknown + o->report_unknown_token +
				 o->illegal_transition + o->cancel_excess + o->replace_excess,
			 0);

	// risk: nothing held back, and the venue's position
	for (uint16_t i = 1; i <= FLOW_INSTR_MAX; i++) {
		assert_true(risk_position_of(risk, i, &p));
		assert_int_equal(p.open_buy_qty, 0);
		assert_int_equal(p.open_sell_qty, 0);
		risk_position_qty += p.position_qty;
	}
	assert_int_equal(risk->open_cnt, 0);
	assert_int_equal(risk->metrics.release_excess + risk->metrics.fill_unreserved, 0);
	assert_int_equal(risk_position_qty, lab->peer.position_qty);
	for (uint32_t i = 0; i < lab->config.strategies_cnt; i++)
		position_qty += position_of(lab, i);
	assert_int_equal(position_qty, lab->peer.position_qty);

	print_message("%s: %u orders, %u replaces, %u cancels, %u executions, %u rejected, %lu by "
		      "risk; %lu times no room, again %u, early %u\n",
		      what, lab->peer.enter_cnt, lab->peer.replace_cnt, lab->peer.cancel_cnt,
		      lab->peer.execution_cnt, lab->peer.reject_cnt,
		      sum_of((const uint64_t *)&risk->metrics + 1, RISK_VERDICT_CNT - 1),
		      room_missing, lab->peer.again_cnt, lab->peer.early_cnt);
	done->enter_cnt += lab->peer.enter_cnt;
	done->execution_cnt += lab->peer.execution_cnt;
	done->room_missing += room_missing;
}

static void
run_threads(const struct lab_setup *setup, const char *what, struct done *done)
{
	struct run r = {
		.flow = &flow, .rng = 0x1234567, .begun_ns = now(), .tiny = setup->burst == 1
	};
	struct lab *lab = r.lab = open_lab = lab_open(setup);
	struct lane *wire = lab_lane_with(lab, ORDERS);
	const uint64_t *cancel_sent = &wire->session[0]->orders.metrics.cancel_sent;
	uint64_t cancels;

	lab_session_up(lab);
	lab->peer.executes_every = 3;
	lab->peer.rejects_every = 7;
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		assert_int_equal(pthread_create(&r.thread[i], NULL, lab_run_lane, lab->g.lane[i]),
				 0);
		if (i == 0)
			fill_first_ring(&r);
	}
	play(&r);
	cancels = load_relaxed_u64(cancel_sent);
	ask(&r, wire, COMMAND_CANCEL_ALL);
	play(&r);
	r.cancel_all_cnt = load_relaxed_u64(cancel_sent) - cancels;
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		ask(&r, lab->g.lane[i], COMMAND_STOP);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		void *rc;

		pthread_join(r.thread[i], &rc);
		assert_null(rc);
	}
	lab_settle(lab); // what a strategy wished by the clock just before its lane ended
	if (r.stuck)
		fail_msg("%s: not at rest after %d seconds", what, CASE_S_MAX);
	assert_false(r.command_failed);
	check_end(&r, what, done);
	check_intents(&r);
	assert_int_equal(lab_lost_buffers(lab), 0);
	assert_int_equal(book_digest(lab_lane_with(lab, BOOK)->book[0]), want_digest);
	lab_close(lab);
	open_lab = NULL;
}

/* The books as one lane builds them that nobody hurries. */
static int
make_flow(void **state)
{
	struct lab *lab;

	flow_make_many(&flow, MESSAGES, 11, FLOW_INSTR_MAX);
	lab = lab_open(&(struct lab_setup){ .instr_cnt = FLOW_INSTR_MAX });
	for (size_t at = 0, end; at < flow.len; at = end) {
		end = at + 2 + be16_get(*(const be16 *)(flow.data + at));
		lab_market_data(lab, 0, flow.data + at, end - at, 1);
		lab_settle(lab);
	}
	want_digest = book_digest(lab_lane_with(lab, BOOK)->book[0]);
	lab_close(lab);
	return 0;
}

static int
drop_flow(void **state)
{
	flow_free(&flow);
	return 0;
}

/* After a failed run, so that the next test can have its ports. */
static int
close_lab(void **state)
{
	if (open_lab != NULL)
		lab_close(open_lab);
	open_lab = NULL;
	return 0;
}

static void
all_maps(const char *strategies, uint32_t ring_slots, uint32_t burst)
{
	struct done done = { 0 };

	for (unsigned i = 0; i < ARRAY_CNT(MAPS); i++) {
		const struct lab_setup setup = {
			.lanes = MAPS[i].lanes,
			.ring_slots = ring_slots,
			.burst = burst,
			.sample_every = 16,
			.real_clock = true,
			.instr_cnt = FLOW_INSTR_MAX,
			.strategies = strategies,
			.risk_more = RISK_MORE,
		};

		alarm(WATCHDOG_S);
		run_threads(&setup, MAPS[i].what, &done);
		alarm(0);
	}
	// How many depends on the scheduler; full_rings_test.c asks for each kind of answer.
	assert_true(done.enter_cnt > 0 && done.execution_cnt > 0);
	assert_true(done.room_missing > 0); // fill_first_ring saw to it
}

static void
rings_of_eight_lose_nothing(void **state)
{
	all_maps(STRATEGIES, 8, 1);
}

static void
the_smallest_rings_for_a_burst_of_32_lose_nothing(void **state)
{
	all_maps(STRATEGIES, 256, 32);
}

static void
many_strategies_lose_nothing(void **state)
{
	all_maps(MORE_STRATEGIES, 32, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(rings_of_eight_lose_nothing, close_lab),
		cmocka_unit_test_teardown(the_smallest_rings_for_a_burst_of_32_lose_nothing,
					  close_lab),
		cmocka_unit_test_teardown(many_strategies_lose_nothing, close_lab),
	};

	return cmocka_run_group_tests(tests, make_flow, drop_flow);
}
