/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bench.h"
#include "decision/risk.h"

/*
 * risk.all: how long an intent that passes every check spends in risk, its reservation and the
 * order it becomes included.
 *
 * Floor: copying the message of 64 bytes, which any stage that hands it on must do.
 *
 * How it could lie.  With one instrument every line would be in L1: all 1,023 are walked, buys and
 * sells by turns, so state and limits come from L2.  With few orders sent the rate limit would not
 * look back: the window is full before the first sample, so every intent reads its oldest entry.
 * Each sample is the mean of 32 intents, so the tail of a single intent is not visible there;
 * risk.all/cold times single intents after the caches were emptied, the timer's own time included.
 * Fills that give the reservations back run between samples and are not timed.
 */
enum {
	INSTR_CNT = INSTR_MAX,
	PER_SAMPLE = 32,
	STRIDE = 7, // walks all 1,023 instruments
	SAMPLES = 40000,
	SAMPLES_QUICK = 2000,
	WARM = 500,
	COLD_SAMPLES = 400,
	COLD_SAMPLES_QUICK = 10,
	PX4 = 1000000,
	RATE_WINDOW_NS = 1000000,
	STEP_NS = 1000, // ORDER_RATE_MAX of them exceed the window
};

static struct risk risk;
static struct risk_limits limits;

static void
start_risk(void)
{
	const struct risk_config c = { .instr_cnt = INSTR_CNT, .open_orders_max = 65536 };
	struct arena a;

	if (arena_open(&a, 32 << 20) != 0 || risk_init(&risk, &c, &a) != 0)
		bench_die("risk does not start");
	limits = (struct risk_limits){ .version = 1,
				       .armed = 1,
				       .order_rate_max = ORDER_RATE_MAX,
				       .instr_cnt = INSTR_CNT,
				       .order_rate_window_ns = RATE_WINDOW_NS,
				       .gross_max_ntl4 = INT64_MAX / 4 };
	halt_lift(HALT_DISARMED);
	for (uint16_t i = 1; i < INSTR_CNT; i++) {
		const struct mark m = { .head.instr_idx = i,
					.bid_px4 = PX4 - 100,
					.ask_px4 = PX4 + 100,
					.last_px4 = PX4,
					.confidence = CONFIDENCE_LIVE,
					.state = TRADING_OPEN,
					.short_sale = '0' };

		limits.instr[i] = (struct risk_instr_limits){ .order_max_ntl4 = INT64_MAX / 4,
							      .order_max_qty = 1000,
							      .open_max_qty = 100000,
							      .position_max_qty = 100000,
							      .collar_bp = 500,
							      .allowed = 1,
							      .short_allowed = 1 };
		risk_on_mark(&risk, &m);
	}
}

static void
next_intent(struct intent *in)
{
	in->head.instr_idx = (uint16_t)(in->head.instr_idx + STRIDE);
	if (in->head.instr_idx >= INSTR_CNT)
		in->head.instr_idx = (uint16_t)(in->head.instr_idx - INSTR_CNT + 1);
	in->head.rx_ns += STEP_NS;
	in->intent_id++;
	in->side = (uint8_t)(in->intent_id & 1);
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

static uint64_t
time_risk(struct intent *in, struct order out[], unsigned cnt)
{
	struct verdict no;
	uint64_t start = bench_start(), cycles;
	unsigned passed = 0;

	for (unsigned k = 0; k < cnt; k++) {
		next_intent(in);
		passed += risk_on_intent(&risk, &limits, in, &out[k], &no);
		bench_keep(&out[k]);
	}
	cycles = bench_since(start);
	if (passed != cnt)
		bench_die("risk refused an intent that was to pass");
	for (unsigned k = 0; k < cnt; k++)
		give_back(&out[k]);
	return cycles;
}

static uint64_t
time_floor(struct intent *in, struct order out[], unsigned cnt)
{
	const uint64_t start = bench_start();

	for (unsigned k = 0; k < cnt; k++) {
		next_intent(in);
		memcpy(&out[k], in, sizeof(out[k]));
		bench_keep(&out[k]);
	}
	return bench_since(start);
}

int
main(int argc, char **argv)
{
	struct intent in = { .head.rx_ns = 1,
			     .head.instr_idx = 1,
			     .px4 = PX4 + 50, // above the bid: a short sale may ask for it
			     .qty = 100,
			     .tif = TIF_IOC,
			     .confidence = CONFIDENCE_LIVE };
	struct intent floor_in = in;
	struct bench_series value, floor, cold, cold_floor;
	struct order out[PER_SAMPLE];
	unsigned samples, cold_samples;
	struct bench b;

	bench_open(&b, "risk.all", argc, argv);
	samples = b.quick ? SAMPLES_QUICK : SAMPLES;
	cold_samples = b.quick ? COLD_SAMPLES_QUICK : COLD_SAMPLES;
	start_risk();
	bench_series_init(&value, samples, PER_SAMPLE);
	bench_series_init(&floor, samples, PER_SAMPLE);
	bench_series_init(&cold, cold_samples, 1);
	bench_series_init(&cold_floor, cold_samples, 1);
	for (unsigned i = 0; i < WARM; i++)
		time_risk(&in, out, PER_SAMPLE);
	for (unsigned i = 0; i < samples; i++) {
		bench_add(&floor, time_floor(&floor_in, out, PER_SAMPLE));
		bench_add(&value, time_risk(&in, out, PER_SAMPLE));
	}
	for (unsigned i = 0; i < cold_samples; i++) {
		bench_evict();
		bench_add(&cold_floor, time_floor(&floor_in, out, 1));
		bench_evict();
		bench_add(&cold, time_risk(&in, out, 1));
	}
	bench_report(&b, "", &value, &floor, BENCH_P50, (struct bench_target){ .value_max = 40 });
	bench_report(&b, "p99", &value, &floor, BENCH_P99, (struct bench_target){ 0 });
	bench_report(&b, "cold", &cold, &cold_floor, BENCH_P50, (struct bench_target){ 0 });
	return bench_close(&b);
}
