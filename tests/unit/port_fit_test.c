/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "boot/port_fit.h"

/* A device that can do all that the profile asks for, and the one thing a case changes. */
struct given {
	struct config_port port;
	struct profile profile;
	struct rte_eth_dev_info info;
	struct port_want want;
};

static void
make(struct given *g)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->port.name, sizeof(g->port.name), "md");
	snprintf(g->port.profile, sizeof(g->port.profile), "ice");
	g->port.mtu_bytes = 1500;
	snprintf(g->profile.driver.value, sizeof(g->profile.driver.value), "net_ice");
	g->profile.mbuf_data_bytes.value = 2176;
	g->profile.rx_offloads.value = RX_OFFLOAD_UDP_CKSUM | RX_OFFLOAD_TCP_CKSUM;
	g->profile.tx_offloads.value = TX_OFFLOAD_MBUF_FAST_FREE;
	g->info.driver_name = "net_ice";
	g->info.max_rx_queues = 2;
	g->info.max_tx_queues = 1;
	g->info.min_mtu = 68;
	g->info.max_mtu = 9000;
	g->info.min_rx_bufsize = 1024;
	g->info.rx_desc_lim =
		(struct rte_eth_desc_lim){ .nb_max = 4096, .nb_min = 64, .nb_align = 32 };
	g->info.tx_desc_lim = g->info.rx_desc_lim;
	g->info.rx_offload_capa = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	g->info.tx_offload_capa = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	g->want = (struct port_want){
		.port = &g->port,
		.profile = &g->profile,
		.rx_queue_cnt = 2,
		.tx_queue_cnt = 1,
		.rx_desc = 2048,
		.tx_desc = 512,
	};
}

static void
another_driver(struct given *g)
{
	g->info.driver_name = "net_iavf";
	g->info.rx_offload_capa = 0; // which the wrong profile cannot judge
}
static void
no_driver(struct given *g)
{
	g->info.driver_name = NULL;
}
static void
rx_offload_missing(struct given *g)
{
	g->info.rx_offload_capa = RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
}
static void
two_offloads_missing(struct given *g)
{
	g->profile.rx_offloads.value |= RX_OFFLOAD_TIMESTAMP | RX_OFFLOAD_VLAN_STRIP;
}
static void
tx_offload_missing(struct given *g)
{
	g->info.tx_offload_capa = 0;
}
static void
one_rx_queue(struct given *g)
{
	g->info.max_rx_queues = 1;
}
static void
no_tx_queue(struct given *g)
{
	g->info.max_tx_queues = 0;
}
static void
ring_too_large(struct given *g)
{
	g->want.rx_desc = 8192;
}
static void
ring_too_small(struct given *g)
{
	g->want.tx_desc = 32;
}
static void
ring_off_the_steps(struct given *g)
{
	g->want.rx_desc = 1000;
}
static void
least_off_the_steps(struct given *g)
{
	g->info.rx_desc_lim.nb_min = 70;
	g->want.rx_desc = 64;
}
static void
unlimited_rings(struct given *g)
{
	g->info.rx_desc_lim = (struct rte_eth_desc_lim){ 0 };
	g->want.rx_desc = 777;
}
static void
mtu_above_the_device(struct given *g)
{
	g->port.mtu_bytes = 9001;
	g->profile.mbuf_data_bytes.value = 16000;
}
static void
mtu_above_the_interface(struct given *g)
{
	g->want.interface_mtu = 1400;
}
static void
mtu_of_the_interface(struct given *g)
{
	g->want.interface_mtu = 1500;
}
static void
buffer_below_the_mtu(struct given *g)
{
	g->profile.mbuf_data_bytes.value = 1500 + 22 + RTE_PKTMBUF_HEADROOM - 1;
}
static void
buffer_of_just_a_frame(struct given *g)
{
	g->profile.mbuf_data_bytes.value = 1500 + 22 + RTE_PKTMBUF_HEADROOM;
}
static void
buffer_below_the_drivers_least(struct given *g)
{
	g->info.min_rx_bufsize = 2100;
}

static const struct {
	const char *what;
	void (*change)(struct given *g);
	const char *say[2]; // NULL: it fits
} CASES[] = {
	// clang-format off
	{ "a device that can do all of it", NULL, { NULL } },
	{ "the profile of another driver", another_driver, { "[S307]", "its driver is net_iavf, while profile ice is for net_ice" } },
	{ "a driver without a name", no_driver, { "[S307]", "its driver is ," } },
	{ "a receive offload is missing", rx_offload_missing, { "[S308]", "rx_offloads: udp_cksum, which" } },
	{ "two offloads are missing", two_offloads_missing, { "[S308]", "rx_offloads: vlan_strip, timestamp, which" } },
	{ "a transmit offload is missing", tx_offload_missing, { "[S308]", "tx_offloads: mbuf_fast_free, which" } },
	{ "two receive queues and the device has one", one_rx_queue, { "[S309]", "2 receive queues are asked for and the device has 1" } },
	{ "no transmit queue", no_tx_queue, { "[S309]", "1 transmit queues" } },
	{ "a ring above the largest", ring_too_large, { "[S310]", "rx_descriptors: 8192 is asked for, and the device takes 64..4096 in steps of 32; the nearest is 4096" } },
	{ "a ring below the least", ring_too_small, { "[S310]", "tx_descriptors: 32 is asked for, and the device takes 64..4096 in steps of 32; the nearest is 64" } },
	{ "a ring between the steps", ring_off_the_steps, { "[S310]", "the nearest is 992" } },
	{ "a least that is no step", least_off_the_steps, { "[S310]", "the nearest is 96" } },
	{ "a device without limits on rings", unlimited_rings, { NULL } },
	{ "an MTU above the device's", mtu_above_the_device, { "[S311]", "mtu_bytes: 9001; the device takes 68..9000" } },
	{ "an MTU above the interface's", mtu_above_the_interface, { "[S311]", "the interface behind it has 1400" } },
	{ "the interface's own MTU", mtu_of_the_interface, { NULL } },
	{ "a buffer one byte too small", buffer_below_the_mtu, { "[S313]", "leave 1521 for a frame, and 1522 are needed; copy the profile with 1650" } },
	{ "a buffer of just a frame", buffer_of_just_a_frame, { NULL } },
	{ "a buffer below the driver's least", buffer_below_the_drivers_least, { "[S313]", "2100 are needed" } },
	// clang-format on
};

static void
what_the_device_cannot_do_is_a_fault(void **state)
{
	for (size_t i = 0; i < RTE_DIM(CASES); i++) {
		struct given g;
		struct err e;
		int rc;

		make(&g);
		if (CASES[i].change != NULL)
			CASES[i].change(&g);
		rc = port_fit_check(&g.want, &g.info, &e);
		if ((rc != 0) != (CASES[i].say[0] != NULL))
			fail_msg("%s: %d '%s'", CASES[i].what, rc, e.text);
		for (unsigned k = 0; k < 2 && CASES[i].say[k] != NULL; k++)
			if (strstr(e.text, CASES[i].say[k]) == NULL)
				fail_msg("%s: '%s' does not say '%s'", CASES[i].what, e.text,
					 CASES[i].say[k]);
		if (rc != 0)
			assert_int_equal(e.line_cnt, 1);
	}
}

static void
all_faults_are_told_at_once(void **state)
{
	struct given g;
	struct err e;

	make(&g);
	rx_offload_missing(&g);
	tx_offload_missing(&g);
	one_rx_queue(&g);
	mtu_above_the_interface(&g);
	assert_int_equal(port_fit_check(&g.want, &g.info, &e), -ENOTSUP);
	assert_int_equal(e.line_cnt, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_device_cannot_do_is_a_fault),
		cmocka_unit_test(all_faults_are_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
