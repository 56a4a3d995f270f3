/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_IGMP_H
#define SLUICE_NET_IGMP_H

#include "base/metric.h"
#include "net/host_addr.h"
#include "wire/igmp.h"

/*
 * Group membership of one port as a host: IGMPv3 (RFC 3376), and IGMPv2 (RFC 2236) while a querier
 * of that version is heard or when configured.  A bound NIC has nobody else to do it.
 *
 * A membership is a group and perhaps one source; without a source it is "exclude nothing", with
 * one it is "include this one".  Version 2 knows no sources and joins the whole group.
 */
enum {
	IGMP_MEMBER_MAX = 16,
	IGMP_ROBUSTNESS = 2,         // RFC 3376 8.1; a querier may tell another
	IGMP_QUERY_SOURCES_MAX = 32, // sources of one query looked at; more: as if it named none
	IGMP_FRAME_MAX = 14 + 4 + 24 + 8 + IGMP_MEMBER_MAX * 12,
};
#define IGMP_V3_REPEAT_NS      1000000000ULL   // RFC 3376 8.11: unsolicited report interval
#define IGMP_V2_REPEAT_NS      10000000000ULL  // RFC 2236 8.10
#define IGMP_QUERY_INTERVAL_NS 125000000000ULL // RFC 3376 8.2
#define IGMP_QUERY_RESPONSE_NS 10000000000ULL  // RFC 3376 8.3

enum igmp_member_state {
	IGMP_FREE,
	IGMP_JOINED,
	IGMP_LEAVING, // the leave is still being repeated
};

struct igmp_member {
	uint32_t group;
	uint32_t source;     // 0: any
	uint32_t use_cnt;    // joins without a leave
	uint8_t state;       // enum igmp_member_state
	uint8_t change_left; // times the join or leave is still to be told
	bool answer;         // a query about this group waits for answer_ns
	bool told;           // the network has heard of this state at least once
	bool was_last;       // version 2: we reported last, so a leave is worth sending
	uint64_t change_ns;  // when to tell it next
	uint64_t answer_ns;
};

struct igmp_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/igmp_metrics.def"
#undef METRIC
};

struct igmp {
	struct igmp_member member[IGMP_MEMBER_MAX];
	uint64_t random;      // state of the delays
	uint64_t general_ns;  // answer to a general query; UINT64_MAX: none waits
	uint64_t v2_until_ns; // version 2 is spoken until then; UINT64_MAX: always
	uint16_t ip_id;
	uint8_t robustness;
	uint8_t told_version; // of the querier, as the log knows it
	struct host_log log;
	struct igmp_metrics metrics;
};

/*
 * version: 3, or 2 for a network whose switches know no other.
 * seed: any number; delays after it are always the same.
 */
void igmp_init(struct igmp *g, unsigned version, uint64_t seed, struct host_log log);

/*
 * Joins and tells so; joining twice needs two leaves.
 *
 * Returns  0
 *          -EINVAL  group is no multicast address that can be joined, or source is one
 *          -EEXIST  the group is joined from any source and from one: choose
 *          -ENOSPC  IGMP_MEMBER_MAX memberships are in use
 */
int igmp_join(struct igmp *g, uint32_t group, uint32_t source, uint64_t now_ns);

/* False when there is no such membership. */
bool igmp_leave(struct igmp *g, uint32_t group, uint32_t source, uint64_t now_ns);

/* Whether a frame to this group is for us. */
bool igmp_is_member(const struct igmp *g, uint32_t group);

/* The link came up: tells every membership again, as if just joined. */
void igmp_start(struct igmp *g, uint64_t now_ns);

/* e: a walked IGMP packet. */
void igmp_on_packet(struct igmp *g, const struct host_addr *us, const struct eth_ip *e,
		    uint64_t now_ns);

/* When a report is due next, UINT64_MAX for never. */
uint64_t igmp_on_time(struct igmp *g, uint64_t now_ns);

/* Writes one frame that is due; 0 when there is none.  buf holds IGMP_FRAME_MAX bytes. */
uint16_t igmp_take(struct igmp *g, const struct host_addr *us, uint8_t *buf, uint64_t now_ns);

#endif
