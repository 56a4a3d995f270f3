/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "decision/risk.h"

/*
 * risk.all: how long an intent that passes every check spends in risk, its reservation at every
 * level of the tree and the order it becomes included.
 *
 * 8,000 instruments; a tree of three levels: the firm, 100 accounts, 32 strategies of as many
 * accounts.  Each instrument is traded by four strategies.  Every limit that there is is set, at
 * every level.
 *
 * Floor: copying the message of 64 bytes, which any stage that hands it on must do.
 *
 * How it could lie.  With few instruments every line would be in L1: all 32,000 pairs of strategy
 * and instrument are walked in an order that no prefetcher of the machine knows, so state and
 * the limits' terms (about 8 MB) come from L3.  As in a lane whose ring holds some more, the eight
 * intents behind the one in hand are looked at ahead (risk_look_...); "unseen" is without that, as
 * when a single intent comes alone. With few orders sent the rate limits would not look back: all
 * windows are full before the first sample. Each sample of the first two figures is the mean of 32
 * intents, which hides the tail of a single one: "one order" times each intent by itself, less the
 * timer's own time, and its p99 has a target. "cold" is a single intent after the caches were
 * emptied.  Fills that give the reservations back run between samples and are not timed.
 *
 * "accounts N" has the 32 strategies trade for N of the accounts, "instruments N" walks N of the
 * instruments: what the tree and the tables cost as they grow.  risk.all has 32 and 8,000.
 *
 * "check ..." is what one group of checks costs alone, with its lines in the cache: the mean of 32;
 * "one after another" is what an order costs that lacks something, before it is refused.
 */
enum {
	INSTR_CNT = 8001,
	ACCOUNT_CNT = 1 + 100, // the firm included
	NODE_CNT = ACCOUNT_CNT + STRATEGY_MAX,
	PER_INSTR = 4, // strategies that trade it
	PAIR_CNT = (INSTR_CNT - 1) * PER_INSTR,
	PER_SAMPLE = 32,
	AHEAD = 8, // as turn_look_ahead
	AHEAD_CELL = 5,
	AHEAD_ABOVE = 3,
	SAMPLES = 30000,
	SAMPLES_QUICK = 500,
	CHECK_SAMPLES = 4000,
	CHECK_SAMPLES_QUICK = 50,
	WARM = 1500,
	COLD_SAMPLES = 400,
	COLD_SAMPLES_QUICK = 10,
	PX4 = 1000000,
	HELD_QTY = 10000,
	SHORT_EVERY =
		16, // instruments of which nothing is held: sales are short, of located shares
	RATE_WINDOW_NS = 1000000,
	STEP_NS = 1000,      // ORDER_RATE_MAX of them exceed the window
	PAIR_STRIDE = 19937, // a prime that does not divide PAIR_CNT
};

static struct risk risk;
static struct risk_limits limits;
static uint16_t parent[NODE_CNT];
static uint16_t leaf[STRATEGY_MAX];
static struct risk_pair *pairs;
static uint32_t pair_cnt;
static uint32_t accounts_used = STRATEGY_MAX; // that strategies trade for
static uint32_t pairs_used = PAIR_CNT;        // of strategy and instrument, that are walked

/* Who trades what. */
static uint8_t
strategy_of(uint32_t pair)
{
	return (uint8_t)((pair / PER_INSTR + pair % PER_INSTR * (STRATEGY_MAX / PER_INSTR)) %
			 STRATEGY_MAX);
}

static uint16_t
instr_of(uint32_t pair)
{
	return (uint16_t)(1 + pair / PER_INSTR);
}

static void
make_tree(void)
{
	uint8_t(*has)[INSTR_CNT] = calloc(NODE_CNT, INSTR_CNT);

	pairs = calloc((size_t)NODE_CNT * INSTR_CNT, sizeof(*pairs));
	if (has == NULL || pairs == NULL)
		bench_die("no memory");
	pair_cnt = 0;
	for (uint16_t n = 1; n < ACCOUNT_CNT; n++)
		parent[n] = RISK_NODE_FIRM;
	for (uint16_t s = 0; s < STRATEGY_MAX; s++) {
		leaf[s] = (uint16_t)(ACCOUNT_CNT + s);
		parent[leaf[s]] = (uint16_t)(1 + 3 * (s % accounts_used));
	}
	for (uint32_t p = 0; p < PAIR_CNT; p++)
		for (uint16_t n = leaf[strategy_of(p)]; n != RISK_NODE_FIRM; n = parent[n])
			has[n][instr_of(p)] = 1;
	for (uint16_t n = 1; n < NODE_CNT; n++)
		for (uint16_t i = 1; i < INSTR_CNT; i++)
			if (has[n][i])
				pairs[pair_cnt++] = (struct risk_pair){ n, i };
	free(has);
}

static void
make_limits(void)
{
	risk_limits_init(&limits);
	limits.version = 1;
	limits.armed = 1;
	limits.hours = RISK_HOURS_MARKET;
	limits.instr_cnt = INSTR_CNT;
	limits.node_cnt = NODE_CNT;
	limits.session_message_max = UINT32_MAX;
	limits.order_rate_window_ns = RATE_WINDOW_NS;
	limits.duplicate_window_ns = 1;
	limits.intent_age_max_ns = NS_PER_SEC;
	limits.var_version = 1;
	for (uint32_t n = 0; n < NODE_CNT; n++)
		limits.node[n] = (struct risk_node_limits){
			.gross_max_ntl4 = INT64_MAX / 4,
			.net_max_ntl4 = INT64_MAX / 4,
			.credit_max_ntl4 = INT64_MAX / 4,
			.loss_max_ntl4 = INT64_MAX / 4,
			.drawdown_max_ntl4 = INT64_MAX / 4,
			.var_max_ntl4 = INT64_MAX / 4,
			.position_max_qty = 10000000,
			.open_orders_max = 1000000,
			.order_rate_max = ORDER_RATE_MAX,
			.cancel_rate_max = CANCEL_RATE_MAX,
		};
	for (uint32_t s = 0; s < STRATEGY_MAX; s++)
		limits.leaf[s] = (struct risk_leaf_limits){
			.order_max_ntl4 = INT64_MAX / 4,
			.order_max_qty = 1000,
			.collar_bp = 400,
			.execution_max = 1000,
		};
	for (uint32_t i = 1; i < INSTR_CNT; i++)
		limits.instr[i] = (struct risk_instr_limits){
			.order_max_ntl4 = INT64_MAX / 4,
			.gross_max_ntl4 = INT64_MAX / 4,
			.net_max_ntl4 = INT64_MAX / 4,
			.order_max_qty = 1000,
			.open_max_qty = 100000,
			.position_max_qty = 10000000,
			.collar_bp = 500,
			.collar_last_bp = 600,
			.lot_qty = 100,
			.var_bp = 250,
			.allowed = 1,
			.short_allowed = 1,
			.locate_required = 1,
		};
}

/* Where the walk over all pairs of strategy and instrument is. */
static uint32_t walk_pair, walk_cnt;
static uint32_t walk_id[STRATEGY_MAX]; // each numbers its own
static uint64_t walk_ns = NS_PER_SEC;

/* Two open orders of another strategy stand behind the market in each instrument. */
static void
rest_orders(uint16_t idx)
{
	for (uint8_t side = SIDE_BUY; side <= SIDE_SELL; side++) {
		const struct intent in = {
			.head = { .instr_idx = idx, .rx_ns = walk_ns += STEP_NS },
			.px4 = side == SIDE_BUY ? PX4 - 1000 : PX4 + 10000,
			.qty = 100,
			.intent_id = 0x80000000U + idx * 2U + side,
			.side = side,
			.strategy_idx = strategy_of((idx - 1U) * PER_INSTR + side),
		};
		struct verdict no;
		struct order out;

		if (!risk_on_intent(&risk, &limits, &in, &out, &no))
			bench_die(risk_verdict_name(no.verdict));
	}
}

static void
start_risk(void)
{
	const struct risk_config c = {
		.instr_cnt = INSTR_CNT,
		.open_orders_max = 16384,
		.node_cnt = NODE_CNT,
		.node_parent = parent,
		.leaf_node = leaf,
		.pair = pairs,
		.pair_cnt = pair_cnt,
	};
	struct arena a;

	if (arena_open(&a, risk_bytes(&c)) != 0 || risk_init(&risk, &c, &a) != 0)
		bench_die("risk does not start");
	halt_lift(HALT_DISARMED);
	risk_take_limits(&risk, &limits);
	for (uint32_t p = 0; p < PAIR_CNT; p++)
		if (instr_of(p) % SHORT_EVERY != 0 &&
		    risk_load_position(&risk, leaf[strategy_of(p)], instr_of(p), HELD_QTY, PX4))
			bench_die("no position");
		else if (instr_of(p) % SHORT_EVERY == 0)
			risk_locate_add(&limits, parent[leaf[strategy_of(p)]], instr_of(p),
					HELD_QTY);
	for (uint16_t i = 1; i < INSTR_CNT; i++) {
		const struct mark m = { .head.instr_idx = i,
					.bid_px4 = PX4 - 100,
					.ask_px4 = PX4 + 100,
					.last_px4 = PX4,
					.band_lo_px4 = PX4 / 2,
					.band_hi_px4 = PX4 * 2,
					.confidence = CONFIDENCE_LIVE,
					.state = TRADING_OPEN,
					.phase = PHASE_MARKET,
					.short_sale = '0' };

		risk_on_mark(&risk, &m);
		if (i % SHORT_EVERY != 0)
			rest_orders(i);
	}
}

/* The walk: each pair of strategy and instrument, buys and sells by turns. */

static void
next_intent(struct intent *in)
{
	walk_pair = (walk_pair + PAIR_STRIDE) % pairs_used;
	walk_ns += STEP_NS;
	walk_cnt++;
	*in = (struct intent){
		.head = { .instr_idx = instr_of(walk_pair), .rx_ns = walk_ns },
		.px4 = PX4 + 100, // above the bid: a short sale may ask for it
		.qty = 100,
		.intent_id = ++walk_id[strategy_of(walk_pair)],
		.side = (uint8_t)(walk_cnt & 1),
		.tif = TIF_IOC,
		.strategy_idx = strategy_of(walk_pair),
		.confidence = CONFIDENCE_LIVE,
	};
}

/* Gives one order's reservation back. */
static void
give_back(const struct order *o)
{
	const struct fill f = { .head.instr_idx = o->head.instr_idx,
				.intent_id = o->intent_id,
				.released_qty = o->reserve_qty,
				.side = o->side,
				.strategy_idx = o->strategy_idx,
				.order_gone = 1 };

	risk_on_fill(&risk, &f);
}

static struct intent burst[PER_SAMPLE + AHEAD];
static struct order done[PER_SAMPLE];

static void
next_burst(unsigned cnt)
{
	for (unsigned k = 0; k < cnt; k++)
		next_intent(&burst[k]);
}

/* As a lane does it that takes intents from a ring, or without looking ahead. */
HOT_INLINE unsigned
judge_one(unsigned k, unsigned cnt, bool ahead)
{
	struct verdict no;
	bool pass;

	if (ahead && k + AHEAD_ABOVE < cnt)
		risk_look_above(&risk, &burst[k + AHEAD_ABOVE]);
	if (ahead && k + AHEAD_CELL < cnt)
		risk_look_at_cell(&risk, &burst[k + AHEAD_CELL]);
	if (ahead && k + AHEAD < cnt)
		risk_look_at_instr(&risk, &burst[k + AHEAD]);
	risk.now_ns = burst[k].head.rx_ns + 100;
	pass = risk_decide(&risk, &limits, &burst[k], &done[k], &no);
	risk_reserve_due(&risk); // as a lane does, with the order on its way
	return pass;
}

/* The first of a burst were looked at while those before them were judged. */
static void
look_before(unsigned cnt)
{
	for (unsigned k = 0; k < AHEAD && k < cnt; k++)
		risk_look_at_instr(&risk, &burst[k]);
	for (unsigned k = 0; k < AHEAD_CELL && k < cnt; k++)
		risk_look_at_cell(&risk, &burst[k]);
	for (unsigned k = 0; k < AHEAD_ABOVE && k < cnt; k++)
		risk_look_above(&risk, &burst[k]);
	bench_start(); // waits until all has been asked for
}

static void
give_all_back(unsigned cnt, unsigned passed)
{
	if (passed != cnt)
		bench_die("risk refused an intent that was to pass");
	for (unsigned k = 0; k < cnt; k++)
		give_back(&done[k]);
}

HOT_INLINE uint64_t
time_risk(unsigned cnt, bool ahead)
{
	unsigned passed = 0;
	uint64_t start, cycles;

	next_burst(cnt);
	if (ahead)
		look_before(cnt);
	start = bench_start();
	for (unsigned k = 0; k < cnt; k++) {
		passed += judge_one(k, cnt, ahead);
		bench_keep(&done[k]);
	}
	cycles = bench_since(start);
	give_all_back(cnt, passed);
	return cycles;
}

static uint64_t
time_floor(unsigned cnt)
{
	uint64_t start;

	next_burst(cnt);
	start = bench_start();
	for (unsigned k = 0; k < cnt; k++) {
		memcpy(&done[k], &burst[k], sizeof(done[k]));
		bench_keep(&done[k]);
	}
	return bench_since(start);
}

/* Each intent of a burst by itself; what the timer takes is in none of them. */
static void
time_single(const struct bench *b, struct bench_series *s)
{
	unsigned passed = 0;

	next_burst(PER_SAMPLE);
	for (unsigned k = 0; k < PER_SAMPLE; k++) {
		const uint64_t start = bench_start();
		uint64_t cycles;

		passed += judge_one(k, PER_SAMPLE, true);
		bench_keep(&done[k]);
		cycles = bench_since(start);
		if (k >= AHEAD) // those before were not seen ahead
			bench_add(s, cycles > b->timer_cycles ? cycles - b->timer_cycles : 0);
	}
	give_all_back(PER_SAMPLE, passed);
}

/* One group of checks, timed alone. */
#define CHECKS(X)                                                                                \
	X("market, halts, modes, lists, age",                                                    \
	  risk_lacks_leave(&risk, in) || !(i->plain_mask >> in->strategy_idx & 1))               \
	X("quantity, lot, price, tick, collars, band, value, book, hours",                       \
	  risk_lacks_terms(i, in->px4, in->qty))                                                 \
	X("name of the order",                                                                   \
	  risk_open_of(&risk, risk_open_key(in->strategy_idx, in->intent_id))->key == 0)         \
	X("self-match", risk_px_meets(in->side, (uint32_t)in->px4, i->own_near[in->side ^ 1]))   \
	X("whether a sale is short", risk_short_mark(risk_oversells(i, &plan), in, &plan, true)) \
	X("short sale, locate", risk_lacks_short(&risk, i, in, &plan))                           \
	X("instrument: open, position, gross, net", risk_lacks_instr_room(i, in->side, &plan))   \
	X("three levels: ten limits each", risk_lacks_tree_room(&risk, &plan))                   \
	X("the same order again",                                                                \
	  (risk_plan_recent(&risk, in, &plan), risk_is_same_order(&limits, in, &plan)))          \
	X("all, without reserving", risk_passes(&risk, &limits, in, &plan))                      \
	X("all, one after another", risk_judge(&risk, &limits, in, &plan))

static void
time_checks(struct bench *b, unsigned samples)
{
	struct bench_series s, floor;

#define X(name, expression)                                                                      \
	bench_series_init(&s, samples, PER_SAMPLE);                                              \
	bench_series_init(&floor, samples, PER_SAMPLE);                                          \
	for (unsigned x = 0; x < samples; x++) {                                                 \
		uint64_t start;                                                                  \
                                                                                                 \
		next_burst(PER_SAMPLE);                                                          \
		for (unsigned turn = 0; turn < 3; turn++) { /* warm, empty, timed */             \
			start = bench_start();                                                   \
			for (unsigned k = 0; k < PER_SAMPLE; k++) {                              \
				const struct intent *in = &burst[k];                             \
				const uint16_t idx = in->head.instr_idx;                         \
				const struct risk_instr *i = &risk.instr[idx];                   \
				struct risk_plan plan = {                                        \
					.entry = &risk.open[0],                                  \
					.room = &risk.room[risk_leaf_cell(i, in->strategy_idx)], \
					.path = &risk.path[(size_t)in->strategy_idx],            \
					.side = in->side,                                        \
					.grow_qty = 100,                                         \
					.grow_ntl4 = 100 * PX4,                                  \
					.var_ntl4bp = 100LL * PX4 * 250,                         \
				};                                                               \
				uint64_t said = 0;                                               \
                                                                                                 \
				__asm__ volatile("" : : "r"(in), "r"(i));                        \
				if (turn != 1)                                                   \
					said = (uint64_t)(expression);                           \
				__asm__ volatile("" : : "r"(said), "r"(&plan) : "memory");       \
			}                                                                        \
			if (turn == 1)                                                           \
				bench_add(&floor, bench_since(start));                           \
			if (turn == 2)                                                           \
				bench_add(&s, bench_since(start));                               \
		}                                                                                \
	}                                                                                        \
	bench_figure(b, "check " name,                                                           \
		     bench_ns(b, &s, BENCH_P50) - bench_ns(b, &floor, BENCH_P50), "ns", 0,       \
		     (struct bench_target){ 0 });
	CHECKS(X)
#undef X
}

/* As risk.all, of a part of it. */
static void
time_part(struct bench *b, unsigned samples, uint32_t accounts, uint32_t instrs)
{
	struct bench_series value, floor;
	char suffix[48];

	accounts_used = accounts;
	pairs_used = instrs * PER_INSTR;
	make_tree();
	make_limits();
	start_risk();
	bench_series_init(&value, samples, PER_SAMPLE);
	bench_series_init(&floor, samples, PER_SAMPLE);
	for (unsigned i = 0; i < WARM; i++)
		time_risk(PER_SAMPLE, true);
	for (unsigned i = 0; i < samples; i++) {
		bench_add(&floor, time_floor(PER_SAMPLE));
		bench_add(&value, time_risk(PER_SAMPLE, true));
	}
	snprintf(suffix, sizeof(suffix), "accounts %u, instruments %u", accounts, instrs);
	bench_report(b, suffix, &value, &floor, BENCH_P50, (struct bench_target){ 0 });
}

int
main(int argc, char **argv)
{
	static const struct {
		uint32_t accounts, instrs;
	} PART[] = { { 1, 8000 }, { 8, 8000 }, { 32, 8000 }, { 32, 1000 }, { 1, 1000 } };
	struct bench_series value, unseen, floor, single, cold, cold_floor;
	unsigned samples, cold_samples;
	struct bench b;

	bench_open(&b, "risk.all", argc, argv);
	samples = b.quick ? SAMPLES_QUICK : SAMPLES;
	cold_samples = b.quick ? COLD_SAMPLES_QUICK : COLD_SAMPLES;
	make_tree();
	make_limits();
	start_risk();
	bench_series_init(&value, samples, PER_SAMPLE);
	bench_series_init(&unseen, samples, PER_SAMPLE);
	bench_series_init(&floor, samples, PER_SAMPLE);
	bench_series_init(&single, (size_t)samples * PER_SAMPLE, 1);
	bench_series_init(&cold, cold_samples, 1);
	bench_series_init(&cold_floor, cold_samples, 1);
	for (unsigned i = 0; i < WARM; i++)
		time_risk(PER_SAMPLE, true);
	for (unsigned i = 0; i < samples; i++) {
		bench_add(&floor, time_floor(PER_SAMPLE));
		bench_add(&value, time_risk(PER_SAMPLE, true));
		bench_add(&unseen, time_risk(PER_SAMPLE, false));
		time_single(&b, &single);
		next_intent(&burst[0]); // or each row would always meet the same strategies
	}
	for (unsigned i = 0; i < cold_samples; i++) {
		bench_evict();
		bench_add(&cold_floor, time_floor(1));
		bench_evict();
		bench_add(&cold, time_risk(1, false));
	}
	bench_report(&b, "", &value, &floor, BENCH_P50, (struct bench_target){ .value_max = 40 });
	bench_report(&b, "p99", &value, &floor, BENCH_P99,
		     (struct bench_target){ .value_max = 100 });
	bench_report(&b, "one order", &single, &floor, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "one order p99", &single, &floor, BENCH_P99,
		     (struct bench_target){ .value_max = 100 });
	bench_figure(&b, "one order, the timer taken off", (double)b.timer_cycles * b.ns_per_cycle,
		     "ns", 0, (struct bench_target){ 0 });
	bench_report(&b, "unseen", &unseen, &floor, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "cold", &cold, &cold_floor, BENCH_P50, (struct bench_target){ 0 });
	time_checks(&b, b.quick ? CHECK_SAMPLES_QUICK : CHECK_SAMPLES);
	for (unsigned i = 0; i < ARRAY_CNT(PART); i++)
		time_part(&b, samples / 4, PART[i].accounts, PART[i].instrs);
	return bench_close(&b);
}
