/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "bench.h"
#include "lane_rig.h"

/*
 * lane.fused: tick to trade, software only.  All stages in one lane on ports made of memory; a
 * market data packet lies in the receive ring, one turn of the lane runs, the order's frame lies in
 * the transmit ring.  Measured from before the turn, so with rx_burst, to when tx_burst has
 * returned.  Beside it stand the lane's own histogram, which begins when rx_burst has returned, and
 * lane.fused/turn, which ends when the lane has tidied up and is ready to poll again.
 *
 * Floor: receiving one packet from such a port and transmitting one, by the same calls.
 *
 * How it could lie.  No wire, no NIC, no bus is in it.  The lane is warm: between two triggers it
 * makes the empty turns that it would make while it waits, and the venue's answers, which share its
 * core here, are digested before them.  The book is small in lane.fused; the trigger's kinds take
 * turns (an order joins the best price, leaves it, is executed) so that no branch is learnt by
 * heart.  lane.fused/flow replays a livelier flow with two strategies, whatever message causes an
 * order.  lane.fused/walked walks another working set before the turn, so that data and code
 * come from the shared cache; lane.fused/cold empties all caches, so that they come from memory.
 * "own" beside them begins when rx_burst has returned.  A trigger that causes no order ends
 * the bench: nothing but orders is ever counted.
 */
enum {
	TRIGGERS = 40000,
	TRIGGERS_QUICK = 2000,
	WARM = 1000,
	COLD_TRIGGERS = 400,
	COLD_TRIGGERS_QUICK = 20,
	FLOW_MESSAGES = 60000,
	FLOW_MESSAGES_QUICK = 4000,
};

struct turn_time {
	uint64_t sent_cycles; // until tx_burst returned, when the lane reads its clock
	uint64_t own_cycles;  // the same since rx_burst returned
	uint64_t turn_cycles;
};

/* What happens to the caches before a turn. */
enum caches {
	CACHES_WARM,
	CACHES_WALKED,
	CACHES_COLD,
};

static void
treat(enum caches caches)
{
	if (caches == CACHES_WALKED)
		bench_walk();
	else if (caches == CACHES_COLD)
		bench_evict();
}

/* One turn with a packet in the receive ring; false when it caused no order. */
static bool
time_turn(struct lab *lab, struct turn_time *t)
{
	struct lane *l = lab->g.lane[0];
	const uint32_t before = rte_ring_count(lab->oe_out);
	const uint64_t start = bench_start();

	lane_turn_once(l);
	t->turn_cycles = bench_since(start);
	t->sent_cycles = l->now_tsc - start;
	t->own_cycles = l->now_tsc - l->slow.burst_tsc;
	return rte_ring_count(lab->oe_out) != before;
}

static struct turn_time
time_trigger(struct lab *lab, uint64_t *nr, enum caches caches)
{
	const struct block b = next_trigger(nr);
	struct turn_time t;

	rest(lab);
	lab_market_data(lab, 0, b.data, b.len, 1);
	treat(caches);
	if (!time_turn(lab, &t))
		bench_die("a trigger caused no order");
	return t;
}

/* The same ports, one packet in and one out. */
static uint64_t
time_floor(struct lab *lab, enum caches caches)
{
	const uint16_t md_id = lab->g.port[0].port_id, oe_id = lab->g.port[1].port_id;
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->pool), *got = NULL;
	uint64_t start, cycles;
	uint16_t cnt;

	if (rte_ring_count(lab->oe_out) != 0)
		lab_carry(lab); // a heartbeat or an acknowledgement became due meanwhile
	if (m == NULL || rte_ring_enqueue(lab->md_in, m) != 0)
		bench_die("no buffer for the floor");
	treat(caches);
	start = bench_start();
	cnt = rte_eth_rx_burst(md_id, 0, &got, 1);
	cnt += rte_eth_tx_burst(oe_id, 0, &got, cnt);
	cycles = bench_since(start);
	if (cnt != 2 || rte_ring_dequeue(lab->oe_out, (void **)&m) != 0 || m != got)
		bench_die("the floor's packet went astray");
	rte_pktmbuf_free(m);
	return cycles;
}

static void
check_frames(const struct lab *lab)
{
	if (lab->bad_frame_cnt != 0)
		bench_die("a frame that left does not parse");
}

/* What the lane recorded itself. */
static void
report_own(struct bench *b, const struct lab *lab, struct hist *before)
{
	static const struct {
		const char *suffix;
		uint32_t per_million;
		double ns_max;
	} ROW[] = { { "own p50", BENCH_P50, 200 },
		    { "own p99", BENCH_P99, 500 },
		    { "own p99.9", BENCH_P999 } };
	const struct hist *h = lab->g.lane[0]->latency[LATENCY_TICK_TO_TRADE];
	struct hist run = *h;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		run.bucket[i] -= before->bucket[i];
	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++)
		bench_figure(b, ROW[i].suffix,
			     (double)hist_percentile(&run, ROW[i].per_million) * b->ns_per_cycle,
			     "ns", 0, (struct bench_target){ .value_max = ROW[i].ns_max });
}

static void
report_stages(struct bench *b, const struct lab *lab)
{
	static const char *const NAME[] = {
#define LATENCY(id, name, ...) name,
#include "lane/latency.def"
#undef LATENCY
	};

	for (unsigned i = LATENCY_RX; i <= LATENCY_SEND; i++) {
		const struct hist *h = lab->g.lane[0]->latency[i];
		char suffix[48] = "stage ";

		if (h == NULL || h->cnt == 0)
			continue;
		strncat(suffix, NAME[i], sizeof(suffix) - strlen(suffix) - 1);
		bench_figure(b, suffix, (double)hist_percentile(h, BENCH_P50) * b->ns_per_cycle,
			     "ns", 0, (struct bench_target){ 0 });
	}
}

/* The same with caches that something else has been through. */
static void
run_cold(struct bench *b, struct lab *lab, uint64_t *nr, enum caches caches)
{
	const unsigned triggers = b->quick ? COLD_TRIGGERS_QUICK : COLD_TRIGGERS;
	const bool cold = caches == CACHES_COLD;
	struct bench_series value, own, floor;

	bench_series_init(&value, triggers, 1);
	bench_series_init(&own, triggers, 1);
	bench_series_init(&floor, triggers, 1);
	for (unsigned i = 0; i < triggers; i++) {
		const struct turn_time t = time_trigger(lab, nr, caches);

		bench_add(&value, t.sent_cycles);
		bench_add(&own, t.own_cycles);
		rest(lab);
		bench_add(&floor, time_floor(lab, caches));
	}
	bench_report(b, cold ? "cold" : "walked", &value, &floor, BENCH_P50,
		     (struct bench_target){ 0 });
	bench_report(b, cold ? "cold own p50" : "walked own p50", &own, &floor, BENCH_P50,
		     (struct bench_target){ .value_max = 1500 });
	bench_report(b, cold ? "cold own p99" : "walked own p99", &own, &floor, BENCH_P99,
		     (struct bench_target){ 0 });
}

static struct hist own_before; // large

static void
run_triggers(struct bench *b)
{
	const unsigned triggers = b->quick ? TRIGGERS_QUICK : TRIGGERS;
	struct lab *lab = lab_open(
		&(struct lab_setup){ .sample_every = 64, .strategies = TAKER, .real_clock = true });
	struct bench_series value, turn, floor;
	uint64_t nr = 0;

	lab_session_up(lab);
	start_day(lab);
	bench_series_init(&value, triggers, 1);
	bench_series_init(&turn, triggers, 1);
	bench_series_init(&floor, triggers, 1);
	for (unsigned i = 0; i < WARM; i++)
		time_trigger(lab, &nr, CACHES_WARM);
	own_before = *lab->g.lane[0]->latency[LATENCY_TICK_TO_TRADE];
	for (unsigned i = 0; i < triggers; i++) {
		const struct turn_time t = time_trigger(lab, &nr, CACHES_WARM);

		bench_add(&value, t.sent_cycles);
		bench_add(&turn, t.turn_cycles);
		rest(lab);
		bench_add(&floor, time_floor(lab, CACHES_WARM));
	}
	bench_report(b, "", &value, &floor, BENCH_P50, (struct bench_target){ .value_max = 300 });
	bench_report(b, "p99", &value, &floor, BENCH_P99, (struct bench_target){ 0 });
	bench_report(b, "p99.9", &value, &floor, BENCH_P999, (struct bench_target){ 0 });
	bench_report(b, "turn", &turn, &floor, BENCH_P50, (struct bench_target){ 0 });
	report_own(b, lab, &own_before);
	report_stages(b, lab);
	run_cold(b, lab, &nr, CACHES_WALKED);
	run_cold(b, lab, &nr, CACHES_COLD);
	check_frames(lab);
	lab_close(lab);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, "lane.fused", argc, argv);
	lab_eal();
	bench_pin(b.core); // EAL pinned this thread to its own choice
	run_triggers(&b);
	return bench_close(&b);
}
