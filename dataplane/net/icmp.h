/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_ICMP_H
#define SLUICE_NET_ICMP_H

#include "base/metric.h"
#include "net/host_addr.h"

/*
 * ICMP (RFC 792) as a host that wants to be found and not to be used: it answers a few echo
 * requests per second, and passes errors about its own TCP packets on.
 */
enum {
	ICMP_ECHO_MAX = 1500, // longest packet answered, IPv4 header included
	ICMP_ECHO_BURST = 10, // guess: a person with ping never notices
};
#define ICMP_ECHO_INTERVAL_NS 100000000ULL // on average ten a second

enum icmp_verdict {
	ICMP_CONSUMED,
	ICMP_TCP_ERROR, // for tcp_on_icmp; the checksum was right
};

struct icmp_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/icmp_metrics.def"
#undef METRIC
};

struct icmp {
	uint64_t echo_ns; // when the allowance was last topped up
	uint32_t echo_left;
	uint16_t reply_len; // ICMP bytes of the answer that waits; 0: none
	uint16_t ip_id;
	uint32_t reply_ip;
	uint8_t reply_mac[ETH_ADDR_BYTES];
	uint8_t reply[ICMP_ECHO_MAX];
	struct icmp_metrics metrics;
};

void icmp_init(struct icmp *i, uint64_t now_ns);

/* e: a walked packet for our own address; src_mac: who sent the frame. */
enum icmp_verdict icmp_on_packet(struct icmp *i, const struct host_addr *us, const struct eth_ip *e,
				 const uint8_t src_mac[ETH_ADDR_BYTES], uint64_t now_ns);

/* Writes the answer that waits; 0 when there is none or cap is too small for it. */
uint16_t icmp_take(struct icmp *i, const struct host_addr *us, uint8_t *buf, uint16_t cap);

#endif
