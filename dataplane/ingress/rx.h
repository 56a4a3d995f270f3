/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_RX_H
#define SLUICE_INGRESS_RX_H

#include "base/metric.h"
#include "msg/frame.h"
#include "wire/eth_ip.h"

struct rx_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ingress/rx_metrics.def"
#undef METRIC
};

enum {
	RX_LINE_MAX = FEED_MAX * FEED_LINE_MAX,
	RX_SLOTS = 64, // of the group table: at most a quarter of them is used
	RX_VLAN_ANY = 0xFFFF,
	RX_SERVER_MAX = 4, // of one feed
};

/* One line of one feed, as this port receives it.  Addresses in host order. */
struct rx_line_config {
	uint32_t group_ip;
	uint32_t source_ip; // 0: any
	uint16_t udp_port;
	uint16_t feed_idx;
	uint8_t line_idx;
};

/* Where a feed's request servers answer to.  Addresses in host order. */
struct rx_answer_config {
	uint32_t our_ip;
	uint16_t udp_port; // ours
	uint16_t feed_idx;
	unsigned server_cnt;
	struct {
		uint32_t ip;
		uint16_t udp_port;
	} server[RX_SERVER_MAX];
};

struct rx_config {
	uint8_t port_idx;
	uint16_t vlan_id; // 0: untagged (or tagged with priority only); RX_VLAN_ANY: not checked
	unsigned line_cnt;
	struct rx_line_config line[RX_LINE_MAX];
	unsigned answer_cnt;
	struct rx_answer_config answer[FEED_MAX];
};

enum rx_verdict {
	RX_MARKET_DATA, // *out is a line's UDP payload
	RX_ANSWER,      // *out is a request server's: line_idx is the server's place
	RX_HOST,        // *out is the whole frame: ARP, IGMP, or IPv4 to a single host
	RX_DROP,        // counted by reason
};

struct rx_slot {
	uint64_t key; // group_ip << 16 | udp_port; 0: empty
	uint32_t source_ip;
	uint16_t feed_idx;
	uint8_t line_idx;
	uint8_t mac[ETH_ADDR_BYTES]; // RFC 1112 6.4
};

/* Checks headers and finds the feed, for the frames of one port.  Written by its lane. */
struct rx {
	uint16_t vlan_id;
	uint8_t port_idx;
	uint8_t answer_cnt;
	struct rx_slot slot[RX_SLOTS];
	struct rx_answer_config answer[FEED_MAX];
	cache_aligned struct rx_metrics metrics;
};

/*
 * Returns  0
 *          -EINVAL  too many lines or servers, a feed or line index out of range, port 0, or an
 *                   address that is no multicast group
 *          -EEXIST  two lines have the same group and port, or two feeds' answers the same port
 */
int rx_init(struct rx *r, const struct rx_config *c);

/* Counts why the walk over the headers ended early. */
void rx_count_drop(struct rx *r, enum eth_ip_verdict v);

HOT_INLINE uint32_t
rx_home(uint64_t key)
{
	return (uint32_t)(key * 0x9E3779B97F4A7C15 >> 58); // 6 bits: RX_SLOTS
}

/* NULL when no line has this group and port. */
HOT_INLINE const struct rx_slot *
rx_find(const struct rx *r, uint32_t group_ip, uint16_t udp_port)
{
	const uint64_t key = (uint64_t)group_ip << 16 | udp_port;

	for (uint32_t i = rx_home(key);; i = (i + 1) % RX_SLOTS) {
		if (likely(r->slot[i].key == key))
			return &r->slot[i];
		if (r->slot[i].key == 0)
			return NULL;
	}
}

HOT_INLINE bool
rx_vlan_ours(const struct rx *r, const struct eth_ip *e)
{
	return r->vlan_id == RX_VLAN_ANY || e->vlan_id == r->vlan_id;
}

HOT_INLINE enum rx_verdict
rx_drop(uint64_t *reason)
{
	metric_add(reason, 1);
	return RX_DROP;
}

HOT_INLINE enum rx_verdict
rx_host(struct rx *r, const uint8_t *eth, uint16_t len, struct frame *out)
{
	out->data = eth;
	out->len = len;
	out->port_idx = r->port_idx;
	metric_add(&r->metrics.frame_host, 1);
	return RX_HOST;
}

/* A multicast packet with good headers. */
HOT_INLINE enum rx_verdict
rx_on_multicast(struct rx *r, const uint8_t *eth, const struct eth_ip *e, bool hw_csum_ok,
		struct frame *out)
{
	const struct udp_head *udp = (const struct udp_head *)e->l4;
	const struct rx_slot *s;
	const uint8_t *data;
	uint16_t len;

	if (unlikely(e->proto != IP_PROTO_UDP))
		return rx_drop(&r->metrics.ip_protocol);
	if (unlikely(!eth_ip_udp_payload(e, &data, &len)))
		return rx_drop(&r->metrics.udp_length);
	s = rx_find(r, be32_get(e->dst), be16_get(udp->dst_port));
	if (unlikely(s == NULL))
		return rx_drop(&r->metrics.multicast_foreign);
	if (unlikely(memcmp(((const struct eth_head *)eth)->dst, s->mac, ETH_ADDR_BYTES) != 0))
		return rx_drop(&r->metrics.multicast_mac);
	if (unlikely(s->source_ip != 0 && s->source_ip != be32_get(e->src)))
		return rx_drop(&r->metrics.source_foreign);
	if (unlikely(be16_get(udp->sum) == 0))
		metric_add(&r->metrics.udp_unchecked, 1);
	else if (unlikely(!hw_csum_ok && !eth_ip_l4_sum_ok(e)))
		return rx_drop(&r->metrics.udp_checksum);
	out->head.feed_idx = s->feed_idx;
	out->head.instr_idx = INSTR_NONE;
	out->data = data;
	out->len = len;
	out->line_idx = s->line_idx;
	out->port_idx = r->port_idx;
	out->src_ip = be32_get(e->src);
	metric_add(&r->metrics.frame_market_data, 1);
	return RX_MARKET_DATA;
}

/* UDP that is no multicast: an answer, or for the host. */
enum rx_verdict rx_on_unicast(struct rx *r, const uint8_t *eth, uint16_t len,
			      const struct eth_ip *e, struct frame *out);

/*
 * Judges one received frame.  hw_csum_ok: the NIC has verified the IPv4 and UDP checksums.  Fills
 * data, len, port_idx, and for market data line_idx, src_ip, head.feed_idx; buf and the times are
 * the lane's.
 */
HOT_INLINE enum rx_verdict
rx_on_bytes(struct rx *r, const uint8_t *eth, uint16_t len, bool hw_csum_ok, struct frame *out)
{
	struct eth_ip e;
	const enum eth_ip_verdict v = eth_ip_walk(eth, len, hw_csum_ok, &e);

	metric_add(&r->metrics.frame, 1);
	if (unlikely(v != ETH_IP_L4 && v != ETH_IP_ARP)) {
		rx_count_drop(r, v);
		return RX_DROP;
	}
	if (unlikely(!rx_vlan_ours(r, &e)))
		return rx_drop(&r->metrics.frame_vlan);
	if (likely(v == ETH_IP_L4 && e.dst.b[0] >> 4 == 0xE && e.proto != IP_PROTO_IGMP))
		return rx_on_multicast(r, eth, &e, hw_csum_ok, out);
	if (r->answer_cnt != 0 && v == ETH_IP_L4 && e.proto == IP_PROTO_UDP)
		return rx_on_unicast(r, eth, len, &e, out);
	return rx_host(r, eth, len, out);
}

#endif
