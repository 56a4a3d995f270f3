/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "lane_rig.h"

/*
 * lane.idle: the first order after a second without one.  A fused lane on memory ports turns for a
 * second, then a trigger lies in its receive ring; measured as lane.fused is.  Once the lane
 * rehearses meanwhile (latency.warm_up_us, at its default), once it does not, in turns.
 *
 *   quiet   nothing arrives in that second
 *   feed    20,000 packets of other symbols' orders go through parse and book, and through the
 *           caches: what a gateway that waits for its moment sees
 *
 *   turn    what a packet waits for if it comes just then: the turn that rehearses, in either;
 *           housekeeping: the one that housekeeping lies in
 *
 * Floor: the same trigger when the last order was a millisecond ago.
 *
 * How it could lie.  The packets are made on the lane's own core, which takes more of the caches
 * than a NIC would; in both variants.  Few samples (a second each): no tail is claimed beyond p90.
 */
enum {
	SAMPLES = 20,
	SAMPLES_QUICK = 3,
	IDLE_MS = 1000,
	IDLE_MS_QUICK = 30,
	WARM = 500,
	FLOORS = 2000,
	PACKET_US = 50,
	PACKET_MESSAGES = 4,
	LOCATE_MAX = 8000,
	REF_BASE = 1 << 24,
	OTHER_ORDERS = 1 << 16, // of other symbols in the books at once
	HOUSEKEEPING_TURNS = 256,
};

struct others {
	uint64_t rng;
	uint64_t next_ref;
	uint64_t oldest_ref;
};

static uint32_t
draw(struct others *o, uint32_t below)
{
	o->rng = o->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((o->rng >> 32) * below >> 32);
}

/* One message about another symbol: a new order, and the oldest goes when there are many. */
static struct block
other_message(struct others *o)
{
	struct itch50_head head = head_of('A');
	struct itch50_add_order a;
	struct itch50_order_delete d;

	if (o->next_ref - o->oldest_ref >= OTHER_ORDERS) {
		const uint32_t locate = 100 + (uint32_t)(o->oldest_ref * 2654435761U) % LOCATE_MAX;

		head.type = 'D';
		head.locate = be16_of((uint16_t)locate);
		d = (struct itch50_order_delete){ .head = head,
						  .order_ref = be64_of(o->oldest_ref++) };
		return block_of(&d, sizeof(d));
	}
	head.locate = be16_of((uint16_t)(100 + (uint32_t)(o->next_ref * 2654435761U) % LOCATE_MAX));
	a = (struct itch50_add_order){ .head = head,
				       .order_ref = be64_of(o->next_ref++),
				       .side = draw(o, 2) ? 'B' : 'S',
				       .qty = be32_of(100),
				       .symbol = "OTHER   ",
				       .px4 = be32_of(500000 + 100 * draw(o, 200)) };
	return block_of(&a, sizeof(a));
}

static void
other_packet(struct lab *lab, struct others *o)
{
	uint8_t data[PACKET_MESSAGES * TICK_BLOCK_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < PACKET_MESSAGES; i++) {
		const struct block b = other_message(o);

		memcpy(data + len, b.data, b.len);
		len += b.len;
	}
	lab_market_data(lab, 0, data, len, PACKET_MESSAGES);
}

/* Turns that do more than look, in one of the variants. */
struct turns {
	struct bench_series rehearsal;
	struct bench_series housekeeping;
};

/* One turn; t is NULL for one that is not recorded. */
static void
turn(struct lane *l, uint64_t now, struct turns *t)
{
	const uint64_t before = l->metrics.rehearsal;
	const bool keeps_house = l->housekeeping_left == 1;

	lane_turn_once(l);
	if (t != NULL && (l->metrics.rehearsal != before || keeps_house))
		bench_add(keeps_house ? &t->housekeeping : &t->rehearsal, __rdtsc() - now);
}

static void
idle(const struct bench *b, struct lab *lab, struct others *o, bool feed, struct turns *turns)
{
	const uint64_t ms = b->quick ? IDLE_MS_QUICK : IDLE_MS;
	const uint64_t start = __rdtsc();
	const uint64_t end = start + (uint64_t)((double)ms * 1e6 / b->ns_per_cycle);
	const uint64_t step = (uint64_t)(PACKET_US * 1e3 / b->ns_per_cycle);
	uint64_t next = start;

	for (uint64_t now = start; now < end; now = __rdtsc()) {
		if (feed && now >= next) {
			other_packet(lab, o);
			next += step;
			now = __rdtsc();
		}
		turn(lab->g.lane[0], now, turns);
	}
	lab_settle(lab); // what the venue said meanwhile
	while (lab->g.lane[0]->housekeeping_left < IDLE_TURNS)
		lane_turn_once(lab->g.lane[0]);
}

/* From before the turn to when tx_burst has returned. */
static uint64_t
time_trigger(struct lab *lab, uint64_t *nr)
{
	const struct block t = next_trigger(nr);
	struct lane *l = lab->g.lane[0];
	const uint64_t sent_cnt = l->metrics.order_sent;
	uint64_t start;

	lab_market_data(lab, 0, t.data, t.len, 1);
	start = bench_start();
	lane_turn_once(l);
	bench_since(start);
	if (l->metrics.order_sent == sent_cnt)
		bench_die("a trigger caused no order");
	return l->now_tsc - start;
}

int
main(int argc, char **argv)
{
	static const char *const SUFFIX[] = { "quiet cold", "quiet rehearsed", "feed cold",
					      "feed rehearsed" };
	static const char *const TURN_SUFFIX[][2] = { { "quiet turn", "quiet housekeeping" },
						      { "feed turn", "feed housekeeping" } };
	struct others others = { .next_ref = REF_BASE, .oldest_ref = REF_BASE };
	struct bench_series series[ARRAY_CNT(SUFFIX)], floor;
	struct turns turns[ARRAY_CNT(TURN_SUFFIX)];
	struct rehearsal *rehearsal;
	struct lab *lab;
	struct bench b;
	uint64_t nr = 0;
	unsigned samples;

	bench_open(&b, "lane.idle", argc, argv);
	lab_eal();
	bench_pin(b.core);
	others.rng = b.seed;
	samples = b.quick ? SAMPLES_QUICK : SAMPLES;
	lab = lab_open(&(struct lab_setup){ .strategies = TAKER, .real_clock = true });
	lab->g.lane[0]->housekeeping_every = HOUSEKEEPING_TURNS;
	rehearsal = lab->g.lane[0]->rehearsal;
	lab_session_up(lab);
	start_day(lab);
	bench_series_init(&floor, FLOORS, 1);
	for (unsigned i = 0; i < ARRAY_CNT(SUFFIX); i++)
		bench_series_init(&series[i], samples, 1);
	for (unsigned i = 0; i < ARRAY_CNT(turns); i++) {
		bench_series_init(&turns[i].rehearsal, samples * IDLE_MS, 1);
		bench_series_init(&turns[i].housekeeping, samples * IDLE_MS, 1);
	}
	for (unsigned i = 0; i < WARM + FLOORS; i++) {
		uint64_t cycles;

		rest(lab);
		cycles = time_trigger(lab, &nr);
		if (i >= WARM)
			bench_add(&floor, cycles);
	}
	while (others.next_ref - others.oldest_ref < OTHER_ORDERS) {
		other_packet(lab, &others);
		lab_settle(lab);
	}
	for (unsigned n = 0; n < samples; n++)
		for (unsigned i = 0; i < ARRAY_CNT(SUFFIX); i++) {
			const uint64_t before = lab->g.lane[0]->metrics.rehearsal;
			const bool on = i % 2 == 1;

			lab->g.lane[0]->rehearsal = on ? rehearsal : NULL;
			lab->g.lane[0]->rehearsal_due = false;
			rest(lab);
			idle(&b, lab, &others, i >= 2, on ? &turns[i / 2] : NULL);
			if (on != (lab->g.lane[0]->metrics.rehearsal > before))
				bench_die("the lane did not do as it was told");
			bench_add(&series[i], time_trigger(lab, &nr));
		}
	for (unsigned i = 0; i < ARRAY_CNT(SUFFIX); i++)
		bench_report(&b, SUFFIX[i], &series[i], &floor, BENCH_P50,
			     (struct bench_target){ 0 });
	for (unsigned i = 0; i < ARRAY_CNT(turns); i++) {
		bench_report(&b, TURN_SUFFIX[i][0], &turns[i].rehearsal, &floor, BENCH_P50,
			     (struct bench_target){ 0 });
		bench_report(&b, TURN_SUFFIX[i][1], &turns[i].housekeeping, &floor, BENCH_P50,
			     (struct bench_target){ 0 });
	}
	if (lab->bad_frame_cnt != 0 || lab->peer.bad_cnt != 0)
		bench_die("a frame that left does not parse");
	lab_close(lab);
	return bench_close(&b);
}
