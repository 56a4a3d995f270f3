/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_RX_H
#define SLUICE_INGRESS_RX_H

#include "base/bytes16.h"
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

	// where a frame without a tag and without IP options has things
	RX_IP_AT = sizeof(struct eth_head),
	RX_UDP_AT = RX_IP_AT + sizeof(struct ipv4_head),
	RX_HEAD_LEN = RX_UDP_AT + sizeof(struct udp_head),
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
	uint8_t head[RX_HEAD_LEN];   // of a usual frame, see rx_on_usual; 0 where mask is
	uint8_t mask[RX_HEAD_LEN];   // its bits that are the same in each
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
		if (likely(r->slot[i].key == key && key != 0))
			return &r->slot[i];
		if (r->slot[i].key == 0)
			return NULL;
	}
}

/* The frame is the line's; its payload is given. */
HOT_INLINE void
rx_fill(struct rx *r, const struct rx_slot *s, const uint8_t *data, uint16_t len, be32 src,
	struct frame *out)
{
	out->head.feed_idx = s->feed_idx;
	out->head.instr_idx = INSTR_NONE;
	out->data = data;
	out->len = len;
	out->line_idx = s->line_idx;
	out->port_idx = r->port_idx;
	out->src_ip = be32_get(src);
	metric_add(&r->metrics.frame_market_data, 1);
}

/* Whether the headers are a usual frame's, apart from lengths and checksums: 42 bytes, or more. */
HOT_INLINE bool
rx_head_usual(const struct rx_slot *s, const uint8_t *eth)
{
	enum {
		LAST = RX_HEAD_LEN - sizeof(bytes16),
	};
	const bytes16 a = bytes16_load(eth) & bytes16_load(s->mask);
	const bytes16 b = bytes16_load(eth + 16) & bytes16_load(s->mask + 16);
	const bytes16 c = bytes16_load(eth + LAST) & bytes16_load(s->mask + LAST);

	static_assert(RX_HEAD_LEN >= 32 && RX_HEAD_LEN <= 48, "three loads");
	return bytes16_none((a ^ bytes16_load(s->head)) | (b ^ bytes16_load(s->head + 16)) |
			    (c ^ bytes16_load(s->head + LAST)));
}

/* Both checksums of such a frame, or none of UDP.  udp_len bytes lie in it. */
HOT_INLINE bool
rx_sums_usual(const uint8_t *eth, uint16_t udp_len)
{
	const struct ipv4_head *ip = (const struct ipv4_head *)(eth + RX_IP_AT);
	const struct udp_head *udp = (const struct udp_head *)(eth + RX_UDP_AT);
	const uint64_t pseudo =
		ip_sum_be16(ip_sum_be16(0, (be16){ { 0, IP_PROTO_UDP } }), udp->len);
	uint32_t ttl_proto_sum;
	uint64_t sum;

	memcpy(&ttl_proto_sum, &ip->ttl, sizeof(ttl_proto_sum));
	sum = ip_sum_wide(ttl_proto_sum, (const uint8_t *)ip, 8);
	sum = ip_sum_wide(sum, ip->src.b, 8);
	if (unlikely(!ip_sum_ok(sum)))
		return false;
	// the addresses, too, lie before what UDP's covers
	return be16_get(udp->sum) == 0 || ip_sum_ok(ip_sum_bytes(pseudo, ip->src.b, 8u + udp_len));
}

/*
 * A frame of market data as nearly all are: no tag, no IP options, no fragment, the lengths of one
 * another's.  What may differ from frame to frame is looked at by itself, all else by one compare
 * with what was prepared for the line.  False says nothing of the frame, and nothing was counted.
 */
HOT_INLINE bool
rx_on_usual(struct rx *r, const uint8_t *eth, uint16_t len, bool hw_csum_ok, struct frame *out)
{
	const struct ipv4_head *ip = (const struct ipv4_head *)(eth + RX_IP_AT);
	const struct udp_head *udp = (const struct udp_head *)(eth + RX_UDP_AT);
	const struct rx_slot *s;
	uint16_t udp_len;

	if (unlikely(len < RX_HEAD_LEN))
		return false;
	s = rx_find(r, be32_get(ip->dst), be16_get(udp->dst_port));
	if (unlikely(s == NULL))
		return false;
	in_register(s);
	if (unlikely(!rx_head_usual(s, eth)))
		return false;
	udp_len = be16_get(udp->len);
	if (unlikely(udp_len < sizeof(*udp) || udp_len > len - RX_UDP_AT ||
		     be16_get(ip->total_len) != udp_len + sizeof(*ip)))
		return false;
	if (!hw_csum_ok && unlikely(!rx_sums_usual(eth, udp_len)))
		return false;
	if (unlikely(be16_get(udp->sum) == 0))
		metric_add(&r->metrics.udp_unchecked, 1);
	metric_add(&r->metrics.frame, 1);
	rx_fill(r, s, eth + RX_HEAD_LEN, (uint16_t)(udp_len - sizeof(*udp)), ip->src, out);
	return true;
}

/*
 * Judges one received frame.  hw_csum_ok: the NIC has verified the IPv4 and UDP checksums.  Fills
 * data, len, port_idx, and for market data line_idx, src_ip, head.feed_idx; buf and the times are
 * the lane's.
 */
enum rx_verdict rx_by_steps(struct rx *r, const uint8_t *eth, uint16_t len, bool hw_csum_ok,
			    struct frame *out);

/* The same, the usual way first. */
HOT_INLINE enum rx_verdict
rx_on_bytes(struct rx *r, const uint8_t *eth, uint16_t len, bool hw_csum_ok, struct frame *out)
{
	if (likely(rx_on_usual(r, eth, len, hw_csum_ok, out)))
		return RX_MARKET_DATA;
	return rx_by_steps(r, eth, len, hw_csum_ok, out);
}

#endif
