/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include "boot/port_start.h"

/* A port of memory: it starts, and has no clock. */
static struct config config;
static struct gateway gateway = { .config = &config };
static struct gateway_port *port = &gateway.port[0];

static void
make(bool asked, uint32_t offloads, const char *driver)
{
	port->profile.hardware_timestamps.value = asked;
	port->profile.rx_offloads.value = offloads;
	snprintf(port->driver, sizeof(port->driver), "%s", driver);
	port->stamp = (struct port_stamp){ .offset = -1 };
}

static void
times_that_are_promised_and_missing_are_S314(void **unused)
{
	struct err e;

	err_init(&e);
	make(true, RX_OFFLOAD_TIMESTAMP, "net_ring");
	assert_int_equal(port_choose_stamps(&gateway, 0, &e), -EIO);
	assert_non_null(strstr(e.text, "ports 'md': profile memory asks for the device's receive "
				       "times: the device's clock cannot be read"));
	assert_string_equal(e.text + strlen(e.text) - strlen("[S314]"), "[S314]");
	assert_int_equal(port->rx_stamp, RX_STAMP_NONE);
	assert_int_equal(port->stamp.offset, 0);
}

static void
times_nobody_asks_for_are_not_missed(void **unused)
{
	struct err e;

	err_init(&e);
	make(false, RX_OFFLOAD_TIMESTAMP, "net_ring");
	assert_int_equal(port_choose_stamps(&gateway, 0, &e), 0);
	make(true, 0, "net_ring");
	assert_int_equal(port_choose_stamps(&gateway, 0, &e), 0);
	assert_int_equal(port->rx_stamp, RX_STAMP_NONE);
}

static void
a_capture_has_its_own(void **unused)
{
	struct err e;

	err_init(&e);
	make(true, 0, "net_pcap");
	assert_int_equal(port_choose_stamps(&gateway, 0, &e), 0);
	assert_int_equal(port->rx_stamp, RX_STAMP_CAPTURE);
	assert_true(port->stamp.offset >= 0);
}

int
main(void)
{
	static char prefix[64];
	static char *args[] = {
		"port_stamps_test", "--no-huge",           "-m", "64", "--no-pci", "--no-telemetry",
		"--no-shconf",      "--log-level=*:error", "-l", "0",  prefix
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_that_are_promised_and_missing_are_S314),
		cmocka_unit_test(times_nobody_asks_for_are_not_missed),
		cmocka_unit_test(a_capture_has_its_own),
	};
	struct rte_ring *ring;
	int port_id, rc;

	snprintf(prefix, sizeof(prefix), "--file-prefix=sluicestamps%ld", (long)getpid());
	if (rte_eal_init(ARRAY_CNT(args), args) < 0) {
		printf("1..0 # SKIP DPDK does not start here\n");
		return 0;
	}
	ring = rte_ring_create("memory", 64, 0, 0);
	port_id = ring == NULL ? -1 : rte_eth_from_rings("net_ring_memory", &ring, 1, &ring, 1, 0);
	if (port_id < 0) {
		printf("1..0 # SKIP no port of memory can be made\n");
		return 0;
	}
	snprintf(config.ports[0].name, sizeof(config.ports[0].name), "md");
	snprintf(config.ports[0].profile, sizeof(config.ports[0].profile), "memory");
	config.ports_cnt = 1;
	port->port_id = (uint16_t)port_id;
	port->started = true;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rte_eal_cleanup();
	rmdir(rte_eal_get_runtime_dir()); // DPDK leaves it
	return rc;
}
