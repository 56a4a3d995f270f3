/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_HOST_H
#define SLUICE_NET_HOST_H

#include "net/arp.h"
#include "net/icmp.h"
#include "net/igmp.h"

/*
 * What a port must do to live on a network, beside market data and TCP: ARP, ICMP, IGMP.  One per
 * port address, owned by one lane.  Frames in, frames out, time as an argument; no thread, no
 * clock, no allocation.
 *
 * A turn of the owner: host_on_frame() for each frame that is not market data, host_on_time() when
 * the time it last returned has come (or at every housekeeping), then host_take() until it returns
 * 0.  Nothing leaves before host_on_link(h, true, now).
 *
 * IP addresses are in host order; now_ns is any clock that does not go back.
 */
enum host_verdict {
	HOST_CONSUMED,  // ours, and done with
	HOST_TCP,       // a TCP packet for our address: *e is filled
	HOST_TCP_ERROR, // an ICMP error that quotes a TCP packet of ours: *e for tcp_on_icmp
	HOST_OTHER,     // another packet for our address, such as UDP: *e is filled
	HOST_DROP,      // not for us, or broken; counted by reason
};

struct host_config {
	uint8_t mac[ETH_ADDR_BYTES];
	uint16_t vlan_id; // 0: untagged
	uint32_t ip;
	uint32_t prefix_len;
	uint32_t gateway;      // 0: none
	unsigned igmp_version; // 3, or 2 to speak nothing else
	uint64_t seed;         // of delays; any number, better not the same on every machine
	struct host_log log;
};

struct host_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/host_metrics.def"
#undef METRIC
};

struct host {
	struct host_addr us;
	uint32_t gateway;
	bool link_up;
	uint64_t due_ns; // no timer runs out before; what may change that sets it to 0
	struct arp arp;
	struct igmp igmp;
	struct icmp icmp;
	struct host_metrics metrics;
};

/*
 * Returns  0
 *          -EINVAL  the MAC address is multicast or zero, the IP address or prefix cannot be a
 *                   host's, the gateway is not on the network, or the VLAN id is above 4094
 */
int host_init(struct host *h, const struct host_config *c, uint64_t now_ns);

/* The link's state changed.  Up: announces our address and tells all memberships again. */
void host_on_link(struct host *h, bool up, uint64_t now_ns);

/* Takes one received frame; copies what it keeps.  *e points into the frame. */
enum host_verdict host_on_frame(struct host *h, const uint8_t *frame, uint16_t len, uint64_t now_ns,
				struct eth_ip *e);

/*
 * Writes one frame that is due; call until it returns 0.  Costs nothing while nothing can be due,
 * so a TCP packet may be followed by it.
 *
 * Returns  bytes of the frame; 0 when nothing is due, or cap is below HOST_FRAME_MAX
 */
uint16_t host_take(struct host *h, uint8_t *buf, uint16_t cap, uint64_t now_ns);
#define HOST_FRAME_MAX 1518 // an echo reply may be as long as the request; tagged

/*
 * Lets timers run out; returns when to call again, UINT64_MAX for when something happens.  Costs
 * nothing before.
 */
uint64_t host_on_time(struct host *h, uint64_t now_ns);

/*
 * The MAC address for packets to ip: the peer's, or the gateway's when ip is not on our network.
 * The first call begins to look for it; ask again at housekeeping.  arp.change_cnt grows whenever
 * an answer may have changed.
 *
 * Returns  true when mac is filled
 */
bool host_find_mac(struct host *h, uint32_t ip, uint64_t now_ns, uint8_t mac[ETH_ADDR_BYTES]);

/* A configured MAC address for packets to ip.  False when the table is full. */
bool host_add_static(struct host *h, uint32_t ip, const uint8_t mac[ETH_ADDR_BYTES]);

/* See igmp_join and igmp_leave. */
int host_join(struct host *h, uint32_t group, uint32_t source, uint64_t now_ns);
bool host_leave(struct host *h, uint32_t group, uint32_t source, uint64_t now_ns);

/* Leaves every group, whoever joined it: the end. */
void host_leave_all(struct host *h, uint64_t now_ns);

#endif
