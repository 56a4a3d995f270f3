/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_IGMP_H
#define SLUICE_WIRE_IGMP_H

#include "base/wire_int.h"

/* Group membership: IGMPv3 (RFC 3376) and IGMPv2 (RFC 2236).  Addresses are in host order. */
enum {
	IGMP_QUERY = 0x11,
	IGMP_V1_REPORT = 0x12,
	IGMP_V2_REPORT = 0x16,
	IGMP_V2_LEAVE = 0x17,
	IGMP_V3_REPORT = 0x22,

	IGMP_ALL_HOSTS = 0xe0000001,   // 224.0.0.1: general queries go there
	IGMP_ALL_ROUTERS = 0xe0000002, // 224.0.0.2: version 2 leaves
	IGMP_V3_ROUTERS = 0xe0000016,  // 224.0.0.22: version 3 reports

	IGMP_ROUTER_ALERT = 0x94040000, // IPv4 option (RFC 2113)
};

/* What a group record of a version 3 report says (RFC 3376 4.2.12). */
enum igmp_record_type {
	IGMP_IS_INCLUDE = 1,
	IGMP_IS_EXCLUDE = 2,
	IGMP_TO_INCLUDE = 3,
	IGMP_TO_EXCLUDE = 4,
	IGMP_ALLOW_SOURCES = 5,
	IGMP_BLOCK_SOURCES = 6,
};

/* All of version 2, and how a version 3 query begins. */
struct igmp_head {
	uint8_t type;
	uint8_t max_resp; // 1/10 s; 0: a query of version 1; above 127 a float in version 3
	be16 sum;         // over the whole IP payload
	be32 group;       // 0: general query
};
static_assert(sizeof(struct igmp_head) == 8, "RFC 2236 2: format");
static_assert(offsetof(struct igmp_head, group) == 4, "RFC 2236 2: format");

/* Sources follow, a be32 each. */
struct igmp_v3_query {
	struct igmp_head head;
	uint8_t s_qrv; // bit 3: routers only; bits 0 to 2: robustness
	uint8_t qqic;  // the querier's interval
	be16 source_cnt;
};
static_assert(sizeof(struct igmp_v3_query) == 12, "RFC 3376 4.1: query");
static_assert(offsetof(struct igmp_v3_query, source_cnt) == 10, "RFC 3376 4.1: query");

/* Group records follow. */
struct igmp_v3_report {
	uint8_t type;
	uint8_t reserved;
	be16 sum;
	be16 reserved2;
	be16 record_cnt;
};
static_assert(sizeof(struct igmp_v3_report) == 8, "RFC 3376 4.2: report");
static_assert(offsetof(struct igmp_v3_report, record_cnt) == 6, "RFC 3376 4.2: report");

/* Sources follow, a be32 each. */
struct igmp_v3_record {
	uint8_t type; // enum igmp_record_type
	uint8_t aux_words;
	be16 source_cnt;
	be32 group;
};
static_assert(sizeof(struct igmp_v3_record) == 8, "RFC 3376 4.2: group record");
static_assert(offsetof(struct igmp_v3_record, group) == 4, "RFC 3376 4.2: group record");

/* The value a code of version 3 stands for, in its own unit (RFC 3376 4.1.1, 4.1.7). */
HOT_INLINE uint32_t
igmp_code_value(uint8_t code)
{
	if (code < 128)
		return code;
	return ((code & 15u) | 16u) << ((code >> 4 & 7u) + 3);
}

#endif
