/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_ring.h>

#include "bench.h"
#include "lane_rig.h"

/*
 * lane.scale: what a trigger costs, rx_burst returned to tx_burst returned, as a fused lane gets
 * more feeds or sessions to look after that are quiet meanwhile, and what its empty turn costs
 * then; and the same trigger when its way goes over two lanes on two cores.
 *
 * How it could lie.  The other feeds' books and the other sessions are not used, so their lines are
 * not in the caches' way: this is what merely having them costs.  For what they cost when they are
 * busy see book.growth (orders, symbols), risk.all (accounts, instruments) and the rates of
 * wire.memif.  Other sessions wait for an address that nobody answers for.  The two cores may be
 * near or far (ring.hop).
 */
enum {
	TRIGGERS = 5000,
	TRIGGERS_QUICK = 300,
	WARM = 500,
	EMPTY_TURNS = 64,
	EMPTY_SAMPLES = 5000,
	TRIGGER_US = 300, // the rate limit
	WAIT_MS = 10,
};

static char password[] = "/tmp/sluice-bench-scale.XXXXXX";

static void
drop_password(void)
{
	unlink(password);
}

static void
make_password(void)
{
	const int fd = mkstemp(password); // mode 0600

	if (fd < 0 || write(fd, "secret\n", 7) != 7)
		bench_die("no password file");
	close(fd);
	atexit(drop_password);
}

static const char *
feeds_yaml(unsigned more, char *out, size_t out_bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < more; i++)
		len += (size_t)snprintf(out + len, out_bytes - len,
					"  - name: more%u\n    venue: sim\n    protocol: itch50\n"
					"    orders_max: 65536\n    levels_max: 65536\n    lines:\n"
					"      - { port: md, group: 239.10.2.%u, udp_port: %u }\n",
					i, i + 1, 27000 + i);
	return out;
}

static const char *
sessions_yaml(unsigned more, char *out, size_t out_bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < more; i++)
		len += (size_t)snprintf(
			out + len, out_bytes - len,
			"  - { name: more%u, venue: sim, protocol: ouch50, port: oe, "
			"peer: \"10.10.2.%u:26488\", username: MORE%02u, "
			"password_file: \"%s\", capacity: principal }\n",
			i, i + 100, i, password);
	return out;
}

static uint64_t
time_empty(struct lane *l)
{
	const uint64_t start = bench_start();

	for (unsigned i = 0; i < EMPTY_TURNS; i++)
		lane_turn_once(l);
	return bench_since(start);
}

static void
run_more(struct bench *b, unsigned feeds, unsigned sessions)
{
	const unsigned triggers = b->quick ? TRIGGERS_QUICK : TRIGGERS;
	char feeds_more[2048], sessions_more[2048], suffix[64];
	struct bench_series own, empty;
	struct lab *lab = lab_open(&(struct lab_setup){
		.sample_every = 64,
		.strategies = TAKER,
		.real_clock = true,
		.feeds_more = feeds_yaml(feeds - 1, feeds_more, sizeof(feeds_more)),
		.sessions_more = sessions_yaml(sessions - 1, sessions_more, sizeof(sessions_more)),
	});
	struct lane *l = lab->g.lane[0];
	uint64_t nr = 0;

	bench_pin(b->core);
	lab_session_up(lab);
	start_day(lab);
	bench_series_init(&own, triggers, 1);
	bench_series_init(&empty, EMPTY_SAMPLES, EMPTY_TURNS);
	for (unsigned i = 0; i < WARM + triggers; i++) {
		const struct block t = next_trigger(&nr);

		rest(lab);
		lab_market_data(lab, 0, t.data, t.len, 1);
		lane_turn_once(l);
		if (rte_ring_empty(lab->oe_out))
			bench_die("a trigger caused no order");
		if (i >= WARM)
			bench_add(&own, l->now_tsc - l->slow.burst_tsc);
	}
	rest(lab);
	for (unsigned i = 0; i < EMPTY_SAMPLES; i++)
		bench_add(&empty, time_empty(l));
	snprintf(suffix, sizeof(suffix), "feeds %u, sessions %u", feeds, sessions);
	bench_report(b, suffix, &own, NULL, BENCH_P50, (struct bench_target){ 0 });
	snprintf(suffix, sizeof(suffix), "feeds %u, sessions %u, empty turn", feeds, sessions);
	bench_report(b, suffix, &empty, NULL, BENCH_P50, (struct bench_target){ 0 });
	lab_close(lab);
}

struct other {
	struct lane *lane; // NULL: all is one lane
	unsigned core;
	atomic_bool stop;
};

static void *
turn_other(void *arg)
{
	struct other *o = arg;

	bench_pin(o->core);
	if (rte_thread_register() != 0)
		bench_die("a lane's thread is none of DPDK's");
	while (!atomic_load_explicit(&o->stop, memory_order_relaxed))
		lane_turn_once(o->lane);
	rte_thread_unregister();
	return NULL;
}

/* The venue answers, and whatever it said is digested. */
static void
settle(struct bench *b, struct lab *lab, unsigned us)
{
	const uint64_t until = __rdtsc() + (uint64_t)(us * 1e3 / b->ns_per_cycle);

	while (__rdtsc() < until) {
		lab_carry(lab);
		lane_turn_once(lab->g.lane[0]);
	}
	lab->peer.log_len = 0;
}

/* The same procedure for one lane and for two, the second on the other core. */
static void
run_lanes(struct bench *b, const char *lanes, const char *suffix)
{
	const unsigned triggers = b->quick ? TRIGGERS_QUICK : TRIGGERS;
	struct lab *lab = lab_open(&(struct lab_setup){
		.sample_every = 64, .strategies = TAKER, .real_clock = true, .lanes = lanes });
	struct lane *wire = lab_lane_with(lab, ORDERS);
	struct other o = { .core = b->far_core };
	static struct hist before, run;
	pthread_t thread;
	uint64_t nr = 0;

	bench_pin(b->core);
	lab_session_up(lab);
	start_day(lab);
	if (wire != lab->g.lane[0]) {
		o.lane = wire;
		if (pthread_create(&thread, NULL, turn_other, &o) != 0)
			bench_die("no thread");
	}
	for (unsigned i = 0; i < WARM + triggers; i++) {
		const struct block t = next_trigger(&nr);
		const uint64_t until = __rdtsc() + (uint64_t)(WAIT_MS * 1e6 / b->ns_per_cycle);

		// one that finds the last order unanswered causes none: the other core was away
		lab_market_data(lab, 0, t.data, t.len, 1);
		while (rte_ring_empty(lab->oe_out)) {
			lane_turn_once(lab->g.lane[0]);
			if (__rdtsc() > until)
				break;
		}
		settle(b, lab, TRIGGER_US);
		if (i == WARM)
			before = *wire->latency[LATENCY_TICK_TO_TRADE];
	}
	if (o.lane != NULL) {
		atomic_store(&o.stop, true);
		pthread_join(thread, NULL);
	}
	run = *wire->latency[LATENCY_TICK_TO_TRADE];
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		run.bucket[i] -= before.bucket[i];
	run.cnt -= before.cnt;
	if (run.cnt < triggers / 2)
		bench_die("fewer than half of the triggers caused an order");
	bench_figure(b, suffix, (double)hist_percentile(&run, BENCH_P50) * b->ns_per_cycle, "ns", 0,
		     (struct bench_target){ 0 });
	lab_close(lab);
}

int
main(int argc, char **argv)
{
	static const struct {
		unsigned feeds, sessions;
	} MORE[] = { { 1, 1 }, { 2, 1 }, { 4, 1 }, { 1, 2 }, { 1, 4 }, { 4, 4 } };
	struct bench b;

	bench_open(&b, "lane.scale", argc, argv);
	make_password();
	lab_eal();
	for (unsigned i = 0; i < ARRAY_CNT(MORE); i++)
		run_more(&b, MORE[i].feeds, MORE[i].sessions);
	run_lanes(&b, NULL, "lanes 1");
	if (b.core != b.far_core) {
		run_lanes(&b, "rx arb parse book|strategy risk orders encode tcp report",
			  "lanes 2, after book");
		run_lanes(&b, "rx arb parse book strategy risk|orders encode tcp report",
			  "lanes 2, after risk");
	}
	return bench_close(&b);
}
