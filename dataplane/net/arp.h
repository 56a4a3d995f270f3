/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_ARP_H
#define SLUICE_NET_ARP_H

#include "base/metric.h"
#include "net/host_addr.h"

/*
 * ARP (RFC 826) for one address: answers for it, announces and defends it (RFC 5227), and finds the
 * few neighbours the caller names.  Only named neighbours have an entry, so nobody can fill the
 * table.
 *
 * Who is known stays who he is while he answers.  When another station claims a known neighbour's
 * address, the known one is asked first, directly; only its silence lets the other take its place.
 * So a forged or mistaken packet moves nothing, and a real take-over costs ARP_CONTEST_NS.
 */
enum {
	ARP_NEIGHBOUR_MAX = 16,
	ARP_REPLY_MAX = 8,    // answers waiting to be taken
	ARP_TRIES_MAX = 3,    // requests in a row before a neighbour counts as gone
	ARP_ANNOUNCE_CNT = 2, // RFC 5227 1.1
};
#define ARP_RETRY_NS             1000000000ULL // RFC 1122 2.3.2.1: at most one a second
#define ARP_CONTEST_RETRY_NS     200000000ULL  // guess: a neighbour that is there answers in time
#define ARP_CONTEST_NS           (ARP_TRIES_MAX * ARP_CONTEST_RETRY_NS)
#define ARP_CONTEST_WAIT_NS      1000000000ULL // between two contests: a flood of claims asks no more
#define ARP_ANNOUNCE_INTERVAL_NS 2000000000ULL  // RFC 5227 1.1
#define ARP_DEFEND_INTERVAL_NS   10000000000ULL // RFC 5227 1.1
#define ARP_REFRESH_NS           60000000000ULL // RFC 1122 2.3.2.1: on the order of a minute
#define ARP_FAILED_WAIT_NS       5000000000ULL  // guess: how soon to ask again for one that is gone

enum arp_state {
	ARP_FREE,
	ARP_STATIC,  // configured; never asked for, never changed
	ARP_ASKING,  // unknown
	ARP_KNOWN,   // confirmed less than ARP_REFRESH_NS ago
	ARP_REFRESH, // known, being asked again
	ARP_FAILED,  // did not answer; asked again after a while
};

struct arp_neighbour {
	uint32_t ip;
	uint8_t mac[ETH_ADDR_BYTES];
	uint8_t state; // enum arp_state
	uint8_t try_cnt;
	bool lost_told; // that it does not answer stands in the log
	bool contested; // somebody else claims its address: claim_mac's, unless mac answers
	uint8_t claim_mac[ETH_ADDR_BYTES];
	uint64_t contest_ns; // when that began last
	uint64_t next_ns;    // when to ask next, or to begin a refresh
};

struct arp_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/arp_metrics.def"
#undef METRIC
};

struct arp {
	struct arp_neighbour neighbour[ARP_NEIGHBOUR_MAX];
	struct {
		uint32_t ip;
		uint8_t mac[ETH_ADDR_BYTES];
	} reply[ARP_REPLY_MAX];
	uint32_t reply_cnt;
	uint32_t announce_left;
	uint64_t announce_ns;
	uint64_t defended_ns; // 0: never
	struct host_log log;
	uint32_t change_cnt; // grows whenever a neighbour's address becomes known or changes
	struct arp_metrics metrics;
};

/* Announces our address again, and asks for every neighbour again: start, or link up. */
void arp_start(struct arp *a, uint64_t now_ns);

/* A neighbour whose MAC address is configured.  False when the table is full. */
bool arp_add_static(struct arp *a, uint32_t ip, const uint8_t mac[ETH_ADDR_BYTES]);

/*
 * The MAC address of a neighbour on our own network.  The first call begins to look for it.
 *
 * Returns  true when *mac is filled; a neighbour being asked again still counts as known
 */
bool arp_find(struct arp *a, uint32_t ip, uint64_t now_ns, uint8_t mac[ETH_ADDR_BYTES]);

void arp_on_packet(struct arp *a, const struct host_addr *us, const struct arp_head *p,
		   uint64_t now_ns);

/* Lets timers run out; returns when the next does, UINT64_MAX for never. */
uint64_t arp_on_time(struct arp *a, uint64_t now_ns);

/* Writes one frame that is due; 0 when there is none.  buf holds ETH_FRAME_MIN + 4 bytes. */
uint16_t arp_take(struct arp *a, const struct host_addr *us, uint8_t *buf, uint64_t now_ns);

#endif
