/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_LANE_PORT_H
#define SLUICE_LANE_LANE_PORT_H

#include "net/host.h"
#include "port/port_tx.h"

/* A port's own address, ARP, ICMP, IGMP, and the way out.  Belongs to the lane that owns the port.
 */
struct lane_port {
	struct host host;
	struct port_tx tx;
	uint8_t port_idx;
};

#endif
