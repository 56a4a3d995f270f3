/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_PORT_START_H
#define SLUICE_BOOT_PORT_START_H

#include "boot/gateway.h"

/*
 * Configures and starts every port a lane uses: queues, buffers, offloads and multicast filters as
 * its profile says, as far as the device can; what it cannot do is announced.  Where the order
 * connection's lane is not the one that polls the port, a flow rule brings the connection to a
 * queue of its own; a NIC that cannot steer costs one hop more.
 *
 * Thread   control plane, after eal_start
 * Returns  0, or a negative errno with the words in *e; ports_stop takes back what was started
 */
int ports_start(struct gateway *g, struct err *e);
void ports_stop(struct gateway *g);

/*
 * Looks at the links; a change is noted in gateway_port.link_up.
 *
 * Returns  a mask with bit i for each port whose link changed
 */
uint32_t ports_link_changed(struct gateway *g);

/*
 * Ticks and TSC of one moment, and of a later one: how to read stamps from the later one on.  The
 * longer the time between them, the better.  False when the device's clock stood still.
 */
bool port_clock_fit(const struct clock_map *tsc_clock, const uint64_t ticks[2],
		    const uint64_t tsc[2], struct clock_map *out);

/*
 * Where the receive times of a port that was started come from, into gateway_port.rx_stamp.
 *
 * Returns  0; -EIO, words in *e: the profile asks for the device's and they cannot be read
 */
int port_choose_stamps(struct gateway *g, uint32_t port_idx, struct err *e);

/*
 * The same of transmit times, into gateway_port.tx_stamps.
 *
 * Returns  0; -EIO, words in *e: the profile asks for them and the device has none
 */
int port_choose_tx_stamps(struct gateway *g, uint32_t port_idx, struct err *e);

/*
 * Measures the device's clock against ours, into gateway_port.stamp.
 *
 * Returns  0, or a negative errno when the port has no such clock or it stands still
 */
int port_clock_measure(struct gateway *g, uint32_t port_idx);

/* A port's counters as its driver has them; rx_missed and rx_nombuf are named causes of a gap. */
struct port_counters {
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t rx_missed;
	uint64_t rx_errors;
	uint64_t rx_nombuf;
	uint64_t tx_errors;
	uint32_t buf_free; // of the port's pool, in lanes' caches too
	uint32_t link_mbps;
	bool link_up;
};
int port_counters_get(const struct gateway *g, uint32_t port_idx, struct port_counters *out);

#endif
