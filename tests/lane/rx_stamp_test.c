/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_bus_vdev.h>
#include <rte_mbuf_dyn.h>
#include <rte_ring.h>

#include "base/wire_int.h"
#include "boot/port_start.h"
#include "flow.h"
#include "lab.h"

/* What the device says about a frame's arrival is the time every stage knows. */
enum {
	FRAME_CNT = 3,
	FRAME_LEN = 60,
	MESSAGES = 400,
};

#define PACKET_NS  1000000ULL
#define LATE_NS    777ULL // of our clock behind the device's stamp
#define ANCIENT_NS (2 * NS_PER_SEC)
#define CAPTURED_S 1340285400U // 2012-06-21 09:30 in New York
#define ONE_TO_ONE (1ULL << 32)

static const char PCAP_CONFIG[] =
	"environment: simulation\n"
	"core_map:\n  control: 0\n  shared_cores: true\n  lanes:\n    - { name: all, core: 0, "
	"stages: [rx, arb, parse, book, strategy, risk, orders, encode, tcp, report] }\n"
	"ports:\n  - { name: md, device: net_pcap_stamp, profile: %s, address: 10.10.1.2/24, mac: "
	"\"02:00:00:00:00:01\" }\n"
	"venues:\n  - { name: sim, environment: simulation }\n"
	"feeds:\n  - { name: itch, venue: sim, protocol: itch50, lines: [ { port: md, group: "
	"239.10.1.1, udp_port: 26400 } ] }\n"
	"instruments:\n  - { symbol: AAPL, feed: itch, trade: false }\n"
	"risk: { order_max_qty: 500, order_max_usd: 400000, collar_bp: 500, open_max_qty: 5000, "
	"position_max_qty: 10000, gross_max_usd: 9000000, order_rate_max: 100 }\n";

static uint32_t
captured_ns(uint32_t i)
{
	return 123456789 + i * 1001;
}

/* Three frames in a nanosecond capture. */
static void
write_capture(const char *path)
{
	const uint32_t head[6] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, 1 };
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(head, sizeof(head), 1, f), 1);
	for (uint32_t i = 0; i < FRAME_CNT; i++) {
		const uint32_t record[4] = { CAPTURED_S, captured_ns(i), FRAME_LEN, FRAME_LEN };
		const uint8_t frame[FRAME_LEN] = { 1, 0, 0x5e, 10, 1, 1 };

		assert_int_equal(fwrite(record, sizeof(record), 1, f), 1);
		assert_int_equal(fwrite(frame, sizeof(frame), 1, f), 1);
	}
	assert_int_equal(fclose(f), 0);
}

static void
start_capture_port(struct gateway *g, const char *config_profile, const char *path)
{
	char text[2048], args[256];
	struct err e;

	err_init(&e);
	snprintf(text, sizeof(text), PCAP_CONFIG, config_profile);
	snprintf(args, sizeof(args), "rx_pcap=%s", path);
	assert_int_equal(rte_vdev_init("net_pcap_stamp", args), 0);
	if (config_load_text(g->config, "stamp", text, strlen(text), &e) != 0 ||
	    core_map_resolve(g->map, g->config, &e) != 0 ||
	    profile_load(&g->port[0].profile, PMD_CONFIG_DIR, config_profile, &e) != 0 ||
	    ports_start(g, &e) != 0)
		fail_msg("%s", e.text);
}

static void
stop_capture_port(struct gateway *g)
{
	struct rte_mempool *pool = g->port[0].pool;

	ports_stop(g);
	rte_vdev_uninit("net_pcap_stamp");
	rte_mempool_free(pool);
	config_free(g->config);
}

static void
a_captures_times_are_its_files_in_microseconds(void **state)
{
	struct gateway *g = calloc(1, sizeof(*g));
	struct port_rx q = { 0 };
	char path[] = "/tmp/sluice_stamp_XXXXXX";
	void *buf[8];
	uint32_t seen = 0;

	close(mkstemp(path));
	write_capture(path);
	g->config = calloc(1, sizeof(*g->config));
	g->map = calloc(1, sizeof(*g->map));
	start_capture_port(g, "pcap", path);
	assert_int_equal(g->port[0].rx_stamp, RX_STAMP_CAPTURE);
	assert_int_equal(port_clock_measure(g, 0), -ENOTSUP);
	q.port_id = g->port[0].port_id;
	q.stamp = g->port[0].stamp;
	for (unsigned round = 0; round < 10 && seen < FRAME_CNT; round++) {
		const uint16_t n = port_rx_burst(&q, buf, 8);

		for (uint16_t i = 0; i < n; i++, seen++) {
			const uint64_t us = CAPTURED_S * 1000000ULL + captured_ns(seen) / 1000;

			assert_true(port_buf_stamped(&q, buf[i]));
			assert_int_equal(port_buf_stamp_ns(&q, buf[i]), us * 1000);
			port_buf_free(buf[i]);
		}
	}
	assert_int_equal(seen, FRAME_CNT);
	stop_capture_port(g);
	unlink(path);
	free(g->map);
	free(g->config);
	free(g);
}

/* The frame that lab_mold has just queued, as if the device had stamped it. */
static void
stamp_queued(struct lab *lab, const struct port_stamp *stamp, uint64_t ticks)
{
	struct rte_mbuf *m = NULL;

	assert_int_equal(rte_ring_dequeue(lab->md_in, (void **)&m), 0);
	*RTE_MBUF_DYNFIELD(m, stamp->offset, uint64_t *) = ticks;
	m->ol_flags |= stamp->flag;
	assert_int_equal(rte_ring_enqueue(lab->md_in, m), 0);
}

static struct port_stamp *
stamp_of_port(struct lane *l, uint32_t port_idx)
{
	for (uint32_t i = 0; i < l->rxq_cnt; i++)
		if (l->rxq[i].port_idx == port_idx)
			return &l->rxq[i].q.stamp;
	return NULL;
}

/* A day whose packets carry stamps early_ns before the lane's clock; wanted: what orders say. */
static void
run_stamped(uint64_t early_ns, uint64_t wanted_early_ns)
{
	const struct lab_setup setup = { 0 };
	struct lab *lab = lab_open(&setup);
	struct port_stamp stamp = {
		.plausible_ns = NS_PER_SEC,
		.clock = { .ns_per_2_32_cycles = ONE_TO_ONE },
	};
	struct lane *rx = lab_lane_with(lab, RX);
	struct orders *orders = &lab_lane_with(lab, ORDERS)->session[0]->orders;
	uint32_t sent_cnt = 0, packet_cnt = 0;
	struct flow flow;
	size_t at = 0;

	assert_int_equal(rte_mbuf_dyn_rx_timestamp_register(&stamp.offset, &stamp.flag), 0);
	*stamp_of_port(rx, 0) = stamp;
	flow_make(&flow, MESSAGES, 7);
	lab_session_up(lab);
	while (at < flow.len) {
		const size_t end = at + 2 + be16_get(*(const be16 *)(flow.data + at));
		const uint32_t first_token = orders->next_token;

		lab_market_data(lab, 0, flow.data + at, end - at, 1);
		lab->now_ns += PACKET_NS;
		stamp_queued(lab, &stamp, lab->now_ns - early_ns);
		packet_cnt++;
		lab_advance(lab, 0);
		for (uint32_t t = first_token; t < orders->next_token; t++, sent_cnt++)
			assert_int_equal(orders->entry[t & orders->slot_mask].sent_ns,
					 lab->now_ns - wanted_early_ns);
		at = end;
	}
	assert_true(sent_cnt > 10);
	assert_int_equal(rx->metrics.stamp_used, early_ns == wanted_early_ns ? packet_cnt : 0);
	assert_int_equal(rx->metrics.stamp_implausible,
			 early_ns == wanted_early_ns ? 0 : packet_cnt);
	flow_free(&flow);
	lab_close(lab);
}

static void
an_order_says_when_the_device_received_its_trigger(void **state)
{
	run_stamped(LATE_NS, LATE_NS);
}

static void
a_stamp_that_cannot_be_true_is_replaced_by_our_clock(void **state)
{
	run_stamped(ANCIENT_NS, 0);
	run_stamped((uint64_t)-1000, 0); // from the future
}

static void
a_devices_ticks_are_read_by_two_moments_of_both_clocks(void **state)
{
	const struct clock_map tsc_clock = { .base_tsc = 1000,
					     .base_ns = 5000000000ULL,
					     .ns_per_2_32_cycles = ONE_TO_ONE / 2 }; // 2 GHz
	const uint64_t tsc[2] = { 1000, 1000 + 2000000000ULL };                      // one second
	const uint64_t ticks[2] = { 70, 70 + 156250000ULL };                         // 6.4 ns each
	const uint64_t still[2] = { 70, 70 };
	struct clock_map clock;
	struct port_rx q = { .stamp.flag = 1 };
	struct rte_mbuf m;

	memset(&m, 0, sizeof(m));
	assert_int_equal(rte_mbuf_dyn_rx_timestamp_register(&q.stamp.offset, &q.stamp.flag), 0);
	assert_false(port_clock_fit(&tsc_clock, still, tsc, &clock));
	assert_true(port_clock_fit(&tsc_clock, ticks, tsc, &clock));
	q.stamp.clock = clock;
	// our own clock was measured anew between the two moments
	assert_true(port_clock_fit(&(struct clock_map){ .base_tsc = 1000 + 1600000000ULL,
							.base_ns = 5800000000ULL,
							.ns_per_2_32_cycles = ONE_TO_ONE / 2 },
				   ticks, tsc, &clock));
	assert_memory_equal(&clock, &q.stamp.clock, sizeof(clock));
	assert_false(port_buf_stamped(&q, &m));
	m.ol_flags = q.stamp.flag;
	assert_true(port_buf_stamped(&q, &m));
	*RTE_MBUF_DYNFIELD(&m, q.stamp.offset, uint64_t *) = ticks[1];
	assert_int_equal(port_buf_stamp_ns(&q, &m), 6000000000ULL);
	*RTE_MBUF_DYNFIELD(&m, q.stamp.offset, uint64_t *) = ticks[1] + 15625;
	assert_in_range(port_buf_stamp_ns(&q, &m), 6000099999ULL, 6000100000ULL);
	*RTE_MBUF_DYNFIELD(&m, q.stamp.offset, uint64_t *) = ticks[1] - 15625; // before
	assert_in_range(port_buf_stamp_ns(&q, &m), 5999900000ULL, 5999900001ULL);
}

/* The control thread's letter reaches the lane that polls the port, and only such a port. */
static void
a_lane_reads_stamps_as_it_was_last_told(void **state)
{
	const struct lab_setup setup = { 0 };
	struct lab *lab = lab_open(&setup);
	struct lane *l = lab_lane_with(lab, RX);
	struct clock_map told = { .base_tsc = 3, .base_ns = 4, .ns_per_2_32_cycles = 5 };
	struct command *c = &l->command;

	for (uint64_t flag = 0; flag < 2; flag++) {
		stamp_of_port(l, 0)->flag = flag;
		c->kind = COMMAND_CLOCK;
		c->arg[0] = 0;
		c->reply = &told;
		c->reply_max = sizeof(told);
		command_ask(c);
		lab_settle(lab);
		assert_true(command_idle(c));
		assert_int_equal(c->result, flag == 0 ? -EINVAL : 0);
	}
	assert_memory_equal(&stamp_of_port(l, 0)->clock, &told, sizeof(told));
	stamp_of_port(l, 0)->flag = 0;
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_captures_times_are_its_files_in_microseconds),
		cmocka_unit_test(an_order_says_when_the_device_received_its_trigger),
		cmocka_unit_test(a_stamp_that_cannot_be_true_is_replaced_by_our_clock),
		cmocka_unit_test(a_devices_ticks_are_read_by_two_moments_of_both_clocks),
		cmocka_unit_test(a_lane_reads_stamps_as_it_was_last_told),
	};

	lab_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
