/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "wire/eth_ip.h"
#include "wire_load.h"
#include "wire_rig.h"

/*
 * wire.memif: tick to trade from the outside.  The whole program, `sluice run` with all stages in
 * one lane on a core of its own, behind two ports of shared memory; on the other core a generator
 * that is the feed and the venue.  A packet of market data changes the offer, the order that takes
 * it names the new price, so each order is matched with its tick by what it says.  A frame is made
 * before it is due, and leaves then.
 *
 * The loop is open: ticks have a plan (2,000 a second, each interval drawn between half and one and
 * a half of it), and a sample is from when the tick was to be sent, not from when the generator
 * came to it, to when rx_burst returned with the order.  A gateway that stops for a while is seen
 * in all ticks it held up.  A tick that met an unanswered order causes none; those are counted.
 *
 * The same generator and the same plan with others in the program's place, so that transport and
 * program are told apart:
 *
 *   wire.af_packet     the program on AF_PACKET ports at the two ends of two veth pairs
 *   wire.kernel        the lane's own stages between kernel sockets over the same pairs
 *   wire.dpdk_kernel   the same stages, market data from memif, orders by the kernel's TCP on veth
 *   wire.lwip          the same stages, market data from memif, orders by lwIP on memif
 *
 * Then rates and bursts (wire_load.h), and the CPU time of the gateway's process.
 *
 * Floor: a program on the gateway's core that only sends back what it receives, through one port of
 * the same kind, by the same plan, in turns with the gateway in the same run; of wire.memif only.
 *
 * How it could lie.  Shared memory is no wire: no NIC, no bus, no cable.  Both programs spin, and
 * the generator's own work (it is the venue, too) delays what it sees: that is in both figures,
 * more of it in the gateway's.  The program's control thread shares the generator's core; rivals
 * have none.  What the kernel does for a packet on veth it does in the generator's send, so the
 * rivals' CPU time lacks it.  Two cores of a virtual machine are the least there is: what its host
 * does to one of them is p99 and above.
 */
enum {
	ROUNDS = 12,
	ROUND_TICKS = 1000,
	ROUNDS_QUICK = 2,
	ROUND_TICKS_QUICK = 200,
	WARM_TICKS = 40, // after each change of turns
	INTERVAL_US = 500,
	NEAR_NS = 500,
	STALL_MS = 10,
	STALL_SEEN_NS_MIN = 5000000,
	ECHO_BYTES = 128, // about an order's frame
};

static struct wire wire;

static uint64_t
interval_cycles(const struct wire *w)
{
	return (uint64_t)(INTERVAL_US * 1e3 / w->b->ns_per_cycle);
}

/* Shortly before something is due nobody looks at anything but the clock, so that it leaves then.
 */
static bool
is_near(const struct wire *w, uint64_t due)
{
	return __rdtsc() + (uint64_t)(NEAR_NS / w->b->ns_per_cycle) >= due;
}

static void
spin_until(uint64_t due)
{
	while (__rdtsc() < due)
		; // to the clock's step
}

/* stall: the gateway is stopped for a while in the middle. */
static void
run_ticks(struct wire *w, unsigned ticks, struct bench_series *series, bool stall)
{
	uint64_t due = wire_next_due(w, __rdtsc(), interval_cycles(w)), stall_end = 0;

	w->series = series;
	for (unsigned n = 0; n < ticks; n++, due = wire_next_due(w, due, interval_cycles(w))) {
		wire_trigger(w, due);
		while (!is_near(w, due)) {
			wire_pump(w);
			if (stall_end != 0 && __rdtsc() > stall_end) {
				stall_end = 0;
				kill(w->gateway, SIGCONT);
			}
		}
		spin_until(due);
		wire_flush(w);
		if (stall && n == ticks / 2) {
			kill(w->gateway, SIGSTOP);
			stall_end = __rdtsc() + wire_cycles_of_ms(w, STALL_MS);
		}
	}
	wire_pump_for(w, WIRE_REST_MS);
	w->series = NULL;
	wire_give_up(w);
}

static void
take_echoes(struct wire *w, struct bench_series *series)
{
	struct rte_mbuf *m[WIRE_BURST];
	const uint16_t cnt = rte_eth_rx_burst(w->echo, 0, m, WIRE_BURST);
	const uint64_t now = __rdtsc();

	host_watch_look(w->host, now);
	for (uint16_t i = 0; i < cnt; i++) {
		uint64_t due;

		memcpy(&due, rte_pktmbuf_mtod(m[i], uint8_t *) + sizeof(struct eth_head),
		       sizeof(due));
		if (series != NULL)
			bench_add(series, now - due);
		rte_pktmbuf_free(m[i]);
	}
}

static void
run_echoes(struct wire *w, unsigned frames, struct bench_series *series)
{
	uint64_t due = wire_next_due(w, __rdtsc(), interval_cycles(w)), until;
	uint8_t frame[ECHO_BYTES] = { 0 };

	for (unsigned n = 0; n < frames; n++, due = wire_next_due(w, due, interval_cycles(w))) {
		struct rte_mbuf *m;

		memcpy(frame + sizeof(struct eth_head), &due, sizeof(due));
		m = wire_frame(w, frame, sizeof(frame));
		while (!is_near(w, due))
			take_echoes(w, series);
		spin_until(due);
		if (rte_eth_tx_burst(w->echo, 0, &m, 1) == 0)
			rte_pktmbuf_free(m);
	}
	until = __rdtsc() + wire_cycles_of_ms(w, WIRE_REST_MS);
	while (__rdtsc() < until)
		take_echoes(w, series);
}

static void
report(struct wire *w, struct bench_series *value, struct bench_series *floor)
{
	static const struct {
		const char *suffix;
		const char *floor_suffix;
		uint32_t per_million;
	} ROW[] = { { "", "echo", BENCH_P50 },
		    { "p99", "echo p99", BENCH_P99 },
		    { "p99.9", "echo p99.9", BENCH_P999 },
		    { "p99.99", "echo p99.99", BENCH_P9999 },
		    { "max", "echo max", BENCH_MAX } };
	struct bench *b = w->b;

	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++) {
		b->unusable = host_watch_judge(&w->with_gateway, ROW[i].per_million);
		if (b->unusable == NULL && floor->cnt != 0)
			b->unusable = host_watch_judge(&w->with_echo, ROW[i].per_million);
		bench_figure(b, ROW[i].suffix, bench_ns(b, value, ROW[i].per_million), "ns",
			     floor->cnt != 0 ? bench_ns(b, floor, ROW[i].per_million) : 0,
			     (struct bench_target){ 0 });
	}
	for (unsigned i = 0; i < ARRAY_CNT(ROW) && floor->cnt != 0; i++) {
		b->unusable = host_watch_judge(&w->with_echo, ROW[i].per_million);
		bench_figure(b, ROW[i].floor_suffix, bench_ns(b, floor, ROW[i].per_million), "ns",
			     0, (struct bench_target){ 0 });
	}
	b->unusable = NULL;
	bench_figure(b, "ticks without an order", (double)w->unanswered_cnt, "ticks", 0,
		     (struct bench_target){ 0 });
}

/*
 * The gateway is stopped for 10 ms, once.  The plan goes on meanwhile, so the ticks that it held up
 * must be seen in the tail; a generator that waited for an answer would have seen one of them. Here
 * an order also answers the ticks before its own, which caused none while it was on its way.
 */
static void
run_stall(struct wire *w)
{
	const unsigned ticks = w->b->quick ? ROUND_TICKS_QUICK : ROUND_TICKS;
	struct bench_series series;

	bench_series_init(&series, (size_t)ticks, 1);
	w->held = true;
	run_ticks(w, ticks, &series, true);
	w->held = false;
	bench_figure(w->b, "stalled 10 ms p50", bench_ns(w->b, &series, BENCH_P50), "ns", 0,
		     (struct bench_target){ 0 });
	bench_figure(w->b, "stalled 10 ms p99.9", bench_ns(w->b, &series, BENCH_P999), "ns", 0,
		     (struct bench_target){ 0 });
	if (bench_ns(w->b, &series, BENCH_P999) < STALL_SEEN_NS_MIN)
		wire_die("a gateway that stood still for 10 ms does not show in p99.9");
}

/* What the gateway's process uses of cores, spinning included. */
static void
report_cpu(struct wire *w, double cpu_s, double system_s, uint64_t start_tsc)
{
	const double s = (double)(__rdtsc() - start_tsc) * w->b->ns_per_cycle / 1e9;

	bench_figure(w->b, "cores used", cpu_s / s, "cores", 0, (struct bench_target){ 0 });
	bench_figure(w->b, "of that the kernel", system_s / s, "cores", 0,
		     (struct bench_target){ 0 });
}

static void
run(struct wire *w)
{
	const unsigned rounds = w->b->quick ? ROUNDS_QUICK : ROUNDS;
	const unsigned ticks = w->b->quick ? ROUND_TICKS_QUICK : ROUND_TICKS;
	struct bench_series value, floor;
	double cpu = 0, system = 0, before, before_system;
	uint64_t start;

	bench_series_init(&value, (size_t)rounds * ticks, 1);
	bench_series_init(&floor, (size_t)rounds * ticks, 1);
	for (unsigned i = 0; i < rounds; i++) {
		if (w->echoer != 0) {
			kill(w->echoer, SIGSTOP);
			kill(w->gateway, SIGCONT);
		}
		wire_pump_for(w, WIRE_REST_MS); // what it still held
		run_ticks(w, WARM_TICKS, NULL, false);
		w->unanswered_cnt = i == 0 ? 0 : w->unanswered_cnt;
		host_watch_start(&w->with_gateway);
		run_ticks(w, ticks, &value, false);
		host_watch_stop(&w->with_gateway);
		if (w->echoer == 0)
			continue;
		kill(w->gateway, SIGSTOP);
		kill(w->echoer, SIGCONT);
		w->host = &w->with_echo;
		run_echoes(w, WARM_TICKS, NULL);
		host_watch_start(&w->with_echo);
		run_echoes(w, ticks, &floor);
		host_watch_stop(&w->with_echo);
		w->host = &w->with_gateway;
	}
	if (w->echoer != 0)
		kill(w->echoer, SIGSTOP);
	kill(w->gateway, SIGCONT);
	wire_pump_for(w, WIRE_REST_MS);
	printf("%zu of %zu ticks had an order\n", value.cnt, value.max);
	if (w->echoer != 0)
		printf("%zu of %zu frames came back from the echo\n", floor.cnt, floor.max);
	if ((w->echoer != 0 && floor.cnt < floor.max / 2) ||
	    (!w->b->quick && value.cnt < value.max / 2))
		wire_die("fewer than half of the frames came back: the machine is too busy for "
			 "this");
	if (value.cnt == 0)
		wire_die("no tick had an order");
	report(w, &value, &floor);
	before = wire_gateway_cpu_s(w, &before_system);
	start = __rdtsc();
	run_ticks(w, ticks, NULL, false);
	cpu = wire_gateway_cpu_s(w, &system) - before;
	report_cpu(w, cpu, system - before_system, start);
	run_stall(w);
	wire_bursts(w);
	wire_sweep(w);
	if (w->peer.bad_cnt != 0)
		wire_die("the venue saw a broken frame");
	if (w->unasked_cnt != 0)
		wire_die("an order came that no tick asked for");
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, WIRE_KINDS[WIRE_KIND].name, argc, argv);
	wire_open(&wire, &b, WIRE_KIND);
	run(&wire);
	return bench_close(&b);
}
