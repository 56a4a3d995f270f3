/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_ring.h>

#include "bench.h"
#include "lane/turn.h"
#include "lane_rig.h"

/*
 * measure.cost: what the lane's measuring of itself costs, from a packet in the receive ring to the
 * end of the turn that answered it: fused lane, ports made of memory, as lane.fused.  With stage
 * stamps of one trigger in 64 (the default), of each, and, as the floor, of none.  The three take
 * turns in blocks, so that what disturbs the machine disturbs all of them.
 *
 * A sample is the sum of a block of 64 triggers: on average one of them is stamped, and the median
 * of single triggers would never see it.
 *
 * What is always done is in the floor, too: the two readings of the clock, three histograms per
 * order, the threshold, the look for stalls.  measure.cost/order is that part alone: recording one
 * order's time as turn_tick_to_trade does, against an empty loop.
 *
 * measure.cost/trace points: the turn with trace points that are off, against the same one compiled
 * without them (no_trace.h), in turns.
 *
 * How it could lie.  The histograms' lines are warm here, and the stamped trigger's code is nearly
 * so.  The two turns of the trace points are two copies of the code, and where a copy lies moves
 * its time by a hundredth or two: perf/instructions_test counts what they differ in.
 */
enum {
	BLOCK = 64,
	BLOCKS = 600,
	BLOCKS_QUICK = 20,
	WARM = 1000,
	DEFAULT_EVERY = 64,
	RECORDS = 64,
	SAMPLES = 20000,
	SAMPLES_QUICK = 500,
};

/* The turns of one block, with stages of one trigger in `every`; 0: of none. */
static uint64_t
time_block(struct lab *lab, uint64_t *nr, uint32_t every)
{
	struct lane *l = lab->g.lane[0];
	uint64_t sum = 0;

	l->sample_every = every;
	l->sample_left = every == 0 ? 1 : 1 + every / 2;
	for (unsigned i = 0; i < BLOCK; i++) {
		const struct block b = next_trigger(nr);
		uint32_t before;
		uint64_t start;

		rest(lab);
		lab_market_data(lab, 0, b.data, b.len, 1);
		before = rte_ring_count(lab->oe_out);
		start = bench_start();
		lane_turn_once(l);
		sum += bench_since(start);
		if (rte_ring_count(lab->oe_out) == before)
			bench_die("a trigger caused no order");
	}
	return sum;
}

static void
run_stages(struct bench *b)
{
	const unsigned blocks = b->quick ? BLOCKS_QUICK : BLOCKS;
	struct lab *lab = lab_open(&(struct lab_setup){
		.sample_every = DEFAULT_EVERY, .strategies = TAKER, .real_clock = true });
	struct bench_series usual, each, none;
	uint64_t nr = 0;

	lab_session_up(lab);
	start_day(lab);
	bench_series_init(&usual, blocks, BLOCK);
	bench_series_init(&each, blocks, BLOCK);
	bench_series_init(&none, blocks, BLOCK);
	for (unsigned i = 0; i < WARM / BLOCK; i++)
		time_block(lab, &nr, 1);
	for (unsigned i = 0; i < blocks; i++) {
		bench_add(&none, time_block(lab, &nr, 0));
		bench_add(&usual, time_block(lab, &nr, DEFAULT_EVERY));
		bench_add(&each, time_block(lab, &nr, 1));
	}
	bench_report(b, "", &usual, &none, BENCH_P50, (struct bench_target){ .ratio_max = 1.03 });
	bench_report(b, "every trigger", &each, &none, BENCH_P50, (struct bench_target){ 0 });
	lab_close(lab);
}

uint32_t turn_untraced(struct lane *l); // turn.c again, with no_trace.h

/* The turns of one block.  Each copy makes the empty turns before its own. */
static uint64_t
time_copy(struct lab *lab, uint64_t *nr, uint32_t (*turn)(struct lane *))
{
	struct lane *l = lab->g.lane[0];
	uint64_t sum = 0;

	for (unsigned i = 0; i < BLOCK; i++) {
		const struct block b = next_trigger(nr);
		uint32_t before;
		uint64_t start;

		rest(lab);
		for (unsigned n = 0; n < IDLE_TURNS; n++)
			turn(l);
		lab_market_data(lab, 0, b.data, b.len, 1);
		before = rte_ring_count(lab->oe_out);
		start = bench_start();
		turn(l);
		sum += bench_since(start);
		if (rte_ring_count(lab->oe_out) == before)
			bench_die("a trigger caused no order");
	}
	return sum;
}

static void
run_trace_points(struct bench *b)
{
	const unsigned blocks = b->quick ? BLOCKS_QUICK : BLOCKS;
	struct lab *lab = lab_open(&(struct lab_setup){
		.sample_every = DEFAULT_EVERY, .strategies = TAKER, .real_clock = true });
	struct bench_series with, without;
	uint64_t nr = 0;

	lab_session_up(lab);
	start_day(lab);
	bench_series_init(&with, blocks, BLOCK);
	bench_series_init(&without, blocks, BLOCK);
	for (unsigned i = 0; i < WARM / BLOCK; i++) {
		time_copy(lab, &nr, turn_rx_to_wire);
		time_copy(lab, &nr, turn_untraced);
	}
	for (unsigned i = 0; i < blocks; i++) {
		bench_add(&without, time_copy(lab, &nr, turn_untraced));
		bench_add(&with, time_copy(lab, &nr, turn_rx_to_wire));
	}
	bench_report(b, "trace points", &with, &without, BENCH_P50,
		     (struct bench_target){ .ratio_max = 1.02 });
	lab_close(lab);
}

static struct hist hist[3]; // as of all, of a session, of a strategy

static void
run_order(struct bench *b)
{
	const unsigned samples = b->quick ? SAMPLES_QUICK : SAMPLES;
	struct bench_series order;
	uint64_t rng = 1, limit_q16 = 1ULL << 40;

	bench_series_init(&order, samples, RECORDS);
	for (unsigned i = 0; i < samples; i++) {
		uint64_t cycles[RECORDS], start;

		for (unsigned k = 0; k < RECORDS; k++) {
			rng = rng * 6364136223846793005 + 1442695040888963407;
			cycles[k] = 500 + (rng >> 56);
		}
		start = bench_start();
		for (unsigned k = 0; k < RECORDS; k++) {
			for (unsigned h = 0; h < ARRAY_CNT(hist); h++)
				hist_record(&hist[h], cycles[k]);
			if (likely(cycles[k] << SLOW_LIMIT_BITS <= limit_q16))
				limit_q16 -= limit_q16 >> 40;
			bench_keep(&limit_q16);
		}
		bench_add(&order, bench_since(start));
	}
	bench_report(b, "order", &order, NULL, BENCH_P50, (struct bench_target){ 0 });
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, "measure.cost", argc, argv);
	lab_eal();
	bench_pin(b.core); // EAL pinned this thread to its own choice
	run_stages(&b);
	run_trace_points(&b);
	run_order(&b);
	return bench_close(&b);
}
