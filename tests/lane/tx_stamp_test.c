/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/units.h"
#include "boot/lane_latency.h"
#include "boot/port_start.h"
#include "err/err.h"
#include "lab.h"
#include "lane/housekeeping.h"
#include "port/port_tx_stamp.h"
#include "taker_day.h"

/*
 * A port of memory with a clock of its own: it stamps a frame that asks for it a known time after
 * it was handed over.  Its functions stand here in place of DPDK's.
 */
enum {
	EVERY = 4,        // orders
	LATER_NS = 50000, // from tx_burst to the wire
	ORDER_CNT = 40,
};

#define DEVICE_EPOCH_NS 77000000000ULL // it began somewhere else

static struct {
	bool has_clock;
	bool is_mute;
	bool stale; // it gives a stamp of long ago
	bool stamped;
	uint64_t left_ns;
	uint32_t asked_cnt;
	uint32_t frame_cnt;
} device;
static struct lab *lab;
static uint64_t next_ref = 1000;

static uint64_t
device_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return DEVICE_EPOCH_NS + (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static struct timespec
timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SEC),
				  .tv_nsec = (long)(ns % NS_PER_SEC) };
}

int
rte_eth_timesync_enable(uint16_t port_id)
{
	return device.has_clock ? 0 : -ENOTSUP;
}

int
rte_eth_timesync_read_time(uint16_t port_id, struct timespec *t)
{
	if (!device.has_clock)
		return -ENOTSUP;
	*t = timespec_of(device_ns());
	return 0;
}

int
rte_eth_timesync_read_tx_timestamp(uint16_t port_id, struct timespec *t)
{
	if (!device.stamped || device.is_mute || device_ns() < device.left_ns)
		return -EINVAL;
	*t = timespec_of(device.left_ns);
	device.stamped = false;
	return 0;
}

/* What the device does with a burst. */
static uint16_t
on_burst(uint16_t port_id, uint16_t queue, struct rte_mbuf **buf, uint16_t cnt, void *ctx)
{
	for (uint16_t i = 0; i < cnt; i++) {
		device.frame_cnt++;
		if (!(buf[i]->ol_flags & RTE_MBUF_F_TX_IEEE1588_TMST))
			continue;
		device.asked_cnt++;
		device.stamped = true;
		device.left_ns = device_ns() + LATER_NS - (device.stale ? NS_PER_SEC : 0);
	}
	return cnt;
}

/* A taker that answers each bid with an order; its port has a clock. */
static void
open_lab(void)
{
	static struct port_tx_stamp stamp;
	static struct hist to_wire, device_to_wire;
	struct session *s;
	struct lane *l;

	memset(&device, 0, sizeof(device));
	device.has_clock = true;
	lab = lab_open(&(struct lab_setup){
		.strategies = TAKER_DAY, .real_clock = true, .no_warm_up = true });
	l = lab->g.lane[0];
	s = l->session[0];
	stamp = (struct port_tx_stamp){ .every = EVERY };
	memset(&to_wire, 0, sizeof(to_wire));
	memset(&device_to_wire, 0, sizeof(device_to_wire));
	lab_session_up(lab);
	assert_non_null(rte_eth_add_tx_callback(s->port->tx.port_id, 0, on_burst, NULL));
	taker_day_begin(lab);
	s->port->tx.stamp = &stamp; // as build_host and lane_latency.c give them
	l->tick_to_wire = &to_wire;
	l->device_to_wire = &device_to_wire;
}

static void
order(void)
{
	const struct block b = block_add(next_ref++, 'B', TAKER_DAY_QTY, TAKER_DAY_BID_PX4);

	taker_day_tell(lab, &b);
	lab_advance(lab, 1000000);
}

/* The device's clock goes on until the frame has left. */
static void
wait_for_wire(void)
{
	const struct timespec t = { .tv_nsec = 2 * LATER_NS };

	nanosleep(&t, NULL);
	lane_housekeeping(lab->g.lane[0]);
}

static void
one_order_in_some_is_timed_until_it_left(void **state)
{
	struct lane *l;
	uint64_t least_ns, doubt_ns, sent;

	open_lab();
	l = lab->g.lane[0];
	sent = l->metrics.order_sent;
	for (unsigned i = 0; i < ORDER_CNT; i++) {
		order();
		wait_for_wire();
	}
	sent = l->metrics.order_sent - sent;
	assert_true(sent >= ORDER_CNT);
	assert_in_range(device.asked_cnt, sent / EVERY, sent / EVERY + 1);
	assert_true(device.frame_cnt >
		    device.asked_cnt); // acknowledgements and others are not asked
	assert_int_equal(l->metrics.tx_stamp_asked, device.asked_cnt);
	assert_int_equal(l->metrics.tx_stamp_taken, device.asked_cnt);
	assert_int_equal(l->metrics.tx_stamp_missing, 0);
	assert_int_equal(l->tick_to_wire->cnt, device.asked_cnt);
	// the wire is LATER_NS behind tx_burst, and nothing is in time before it; who is
	// interrupted between both clocks knows so
	doubt_ns = l->session[0]->port->tx.stamp->doubt_max_ns;
	assert_true(doubt_ns != 0);
	least_ns = clock_cycles_to_ns(&l->clock, l->tick_to_wire->min);
	assert_in_range(least_ns + doubt_ns, LATER_NS, 100 * LATER_NS + doubt_ns);
	assert_int_equal(l->device_to_wire->cnt, device.asked_cnt);
	lab_close(lab);
}

/* As sluicectl reload does it. */
static void
a_reload_changes_which_orders_are_asked_about(void **state)
{
	const struct lane *l;
	struct config *c;

	open_lab();
	c = lab->g.config;
	l = lab->g.lane[0];
	c->latency.stage_sample_every = 1;
	lane_latency_reloaded(&lab->g);
	for (unsigned i = 0; i < 3; i++) {
		order();
		wait_for_wire();
	}
	assert_int_equal(l->metrics.tx_stamp_asked, 3);
	c->latency.stage_sample_every = 0;
	lane_latency_reloaded(&lab->g);
	for (unsigned i = 0; i < 3; i++) {
		order();
		wait_for_wire();
	}
	assert_int_equal(l->metrics.tx_stamp_asked, 3);
	lab_close(lab);
}

static void
a_device_that_tells_nothing_is_counted_and_asked_again(void **state)
{
	struct port_tx_stamp *s;
	struct lane *l;

	open_lab();
	l = lab->g.lane[0];
	s = l->session[0]->port->tx.stamp;
	device.is_mute = true;
	order();
	wait_for_wire();
	assert_int_equal(l->metrics.tx_stamp_asked, 1);
	assert_int_equal(l->metrics.tx_stamp_missing, 0);
	for (unsigned i = 0; i < 2 * EVERY; i++)
		order(); // one is underway: no other is asked about
	assert_int_equal(l->metrics.tx_stamp_asked, 1);
	s->asked_tsc -= clock_ns_to_cycles(&l->clock, 2 * NS_PER_SEC); // two seconds go by
	wait_for_wire();
	assert_int_equal(l->metrics.tx_stamp_missing, 1);
	assert_int_equal(l->tick_to_wire->cnt, 0);
	device.is_mute = device.stamped = false;
	order();
	wait_for_wire();
	assert_int_equal(l->metrics.tx_stamp_asked, 2);
	assert_int_equal(l->tick_to_wire->cnt, 1);
	lab_close(lab);
}

static void
a_stamp_from_before_the_trigger_is_left_out(void **state)
{
	struct lane *l;
	uint64_t back;

	open_lab();
	l = lab->g.lane[0];
	back = l->metrics.time_backwards;
	device.stale = true;
	order();
	wait_for_wire();
	assert_int_equal(l->metrics.tx_stamp_taken, 1);
	assert_int_equal(l->tick_to_wire->cnt, 0);
	assert_true(l->metrics.time_backwards > back);
	lab_close(lab);
}

static void
a_port_that_has_none_is_a_fault_only_when_asked(void **state)
{
	static struct config config = { .ports_cnt = 1 };
	static struct gateway g = { .config = &config };
	struct err e;

	err_init(&e);
	snprintf(config.ports[0].name, sizeof(config.ports[0].name), "oe");
	snprintf(config.ports[0].profile, sizeof(config.ports[0].profile), "memory");
	device.has_clock = false;
	assert_int_equal(port_choose_tx_stamps(&g, 0, &e), 0);
	assert_false(g.port[0].tx_stamps);
	g.port[0].profile.transmit_timestamps.value = true;
	assert_int_equal(port_choose_tx_stamps(&g, 0, &e), -EIO);
	assert_non_null(strstr(e.text, "ports 'oe': profile memory asks for the device's transmit "
				       "times: it has none"));
	assert_non_null(strstr(e.text, "[S314]"));
	device.has_clock = true;
	err_init(&e);
	assert_int_equal(port_choose_tx_stamps(&g, 0, &e), 0);
	assert_true(g.port[0].tx_stamps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_order_in_some_is_timed_until_it_left),
		cmocka_unit_test(a_reload_changes_which_orders_are_asked_about),
		cmocka_unit_test(a_device_that_tells_nothing_is_counted_and_asked_again),
		cmocka_unit_test(a_stamp_from_before_the_trigger_is_left_out),
		cmocka_unit_test(a_port_that_has_none_is_a_fault_only_when_asked),
	};

	lab_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
