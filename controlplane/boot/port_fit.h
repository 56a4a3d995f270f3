/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_PORT_FIT_H
#define SLUICE_BOOT_PORT_FIT_H

#include <rte_ethdev.h>

#include "config/config.h"
#include "config/profile.h"

/* What a port is about to be asked for. */
struct port_want {
	const struct config_port *port;
	const struct profile *profile;
	uint16_t rx_queue_cnt;
	uint16_t tx_queue_cnt;
	uint32_t rx_desc;
	uint32_t tx_desc;
	uint32_t interface_mtu; // of the kernel's interface behind the port; 0: there is none
};

/* The profile's words as DPDK's bits. */
uint64_t port_rx_offloads(uint32_t words);
uint64_t port_tx_offloads(uint32_t words);

/*
 * Whether the device can do what its profile and the configuration ask for.  Nothing is done
 * quietly in another way: what is missing is a fault that names the key to change.
 *
 * Returns  0, or -ENOTSUP with a line for each fault in *e
 */
int port_fit_check(const struct port_want *w, const struct rte_eth_dev_info *info, struct err *e);

#endif
