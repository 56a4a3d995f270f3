/* SPDX-License-Identifier: Apache-2.0 */
#include "net/host.h"

#include <errno.h>

static const uint8_t ZERO[ETH_ADDR_BYTES];

enum { VLAN_ID_MAX = 4094 }; // IEEE 802.1Q: 4095 is reserved

static COLD bool
ip_is_near(const struct host_addr *a, uint32_t ip)
{
	return ((ip ^ a->ip) & host_mask(a)) == 0;
}

/* Whether a host may have this address: neither the network's own nor everybody's. */
static COLD bool
ip_is_host(const struct host_addr *a, uint32_t ip)
{
	if (ip == 0 || ip >> 28 >= 0xe || ip >> 24 == 127 || host_ip_is_broadcast(a, ip))
		return false;
	return a->prefix_len >= 31 || !ip_is_near(a, ip) || (ip & ~host_mask(a)) != 0;
}

COLD int
host_init(struct host *h, const struct host_config *c, uint64_t now_ns)
{
	memset(h, 0, sizeof(*h));
	h->us = (struct host_addr){
		.vlan_id = c->vlan_id,
		.ip = c->ip,
		.prefix_len = c->prefix_len,
	};
	memcpy(h->us.mac, c->mac, sizeof(h->us.mac));
	h->gateway = c->gateway;
	h->arp.log = c->log;
	if ((c->mac[0] & 1) != 0 || memcmp(c->mac, ZERO, sizeof(ZERO)) == 0 || c->prefix_len == 0 ||
	    c->prefix_len > 32 || c->vlan_id > VLAN_ID_MAX || !ip_is_host(&h->us, c->ip) ||
	    c->igmp_version < 2 || c->igmp_version > 3)
		return -EINVAL;
	if (c->gateway != 0 && (!ip_is_near(&h->us, c->gateway) || c->gateway == c->ip ||
				!ip_is_host(&h->us, c->gateway)))
		return -EINVAL;
	icmp_init(&h->icmp, now_ns);
	igmp_init(&h->igmp, c->igmp_version, c->seed ^ ((uint64_t)c->ip << 16) ^ c->mac[5], c->log);
	return 0;
}

COLD void
host_on_link(struct host *h, bool up, uint64_t now_ns)
{
	if (up == h->link_up)
		return;
	h->link_up = up;
	metric_add(up ? &h->metrics.link_up : &h->metrics.link_down, 1);
	if (!up)
		return;
	h->due_ns = 0;
	arp_start(&h->arp, now_ns);
	igmp_start(&h->igmp, now_ns);
}

COLD bool
host_find_mac(struct host *h, uint32_t ip, uint64_t now_ns, uint8_t mac[ETH_ADDR_BYTES])
{
	static const uint32_t NOWHERE = 0;
	const uint32_t hop = ip_is_near(&h->us, ip) ? ip : h->gateway;

	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++) { // configured for a peer behind a gateway
		const struct arp_neighbour *n = &h->arp.neighbour[i];

		if (n->state == ARP_STATIC && n->ip == ip)
			return arp_find(&h->arp, ip, now_ns, mac);
	}
	if (hop != NOWHERE && arp_find(&h->arp, hop, now_ns, mac))
		return true;
	h->due_ns = 0; // it is looked for
	return false;
}

COLD bool
host_add_static(struct host *h, uint32_t ip, const uint8_t mac[ETH_ADDR_BYTES])
{
	return arp_add_static(&h->arp, ip, mac);
}

COLD int
host_join(struct host *h, uint32_t group, uint32_t source, uint64_t now_ns)
{
	h->due_ns = 0;
	return igmp_join(&h->igmp, group, source, now_ns);
}

COLD bool
host_leave(struct host *h, uint32_t group, uint32_t source, uint64_t now_ns)
{
	h->due_ns = 0;
	return igmp_leave(&h->igmp, group, source, now_ns);
}

COLD void
host_leave_all(struct host *h, uint64_t now_ns)
{
	h->due_ns = 0;
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++) {
		const struct igmp_member m = h->igmp.member[i];

		while (m.state == IGMP_JOINED && igmp_leave(&h->igmp, m.group, m.source, now_ns))
			;
	}
}

static COLD enum host_verdict
drop(uint64_t *counter)
{
	metric_add(counter, 1);
	return HOST_DROP;
}

/* The counter for a frame whose walk ended early. */
static COLD uint64_t *
reason_of(struct host *h, enum eth_ip_verdict v)
{
	switch (v) {
	case ETH_IP_FRAGMENT:
		return &h->metrics.drop_fragment;
	case ETH_IP_OTHER_TYPE:
		return &h->metrics.drop_type;
	case ETH_IP_BAD_SUM:
		return &h->metrics.drop_sum;
	case ETH_IP_DEEP_VLAN:
		return &h->metrics.drop_vlan;
	default:
		return &h->metrics.drop_malformed;
	}
}

static COLD enum host_verdict
on_group_packet(struct host *h, const struct eth_ip *e, uint64_t now_ns)
{
	const uint32_t dst = be32_get(e->dst);

	if (e->proto != IP_PROTO_IGMP)
		return drop(&h->metrics.drop_ip_not_ours);
	// reports of others reach us only where a switch does not snoop; leaves never concern us
	if (dst != IGMP_ALL_HOSTS && !igmp_is_member(&h->igmp, dst))
		return drop(&h->metrics.drop_ip_not_ours);
	h->due_ns = 0;
	igmp_on_packet(&h->igmp, &h->us, e, now_ns);
	return HOST_CONSUMED;
}

static COLD enum host_verdict
on_our_packet(struct host *h, const struct eth_ip *e, const uint8_t *src_mac, uint64_t now_ns)
{
	switch (e->proto) {
	case IP_PROTO_TCP:
		metric_add(&h->metrics.tcp_received, 1);
		return HOST_TCP;
	case IP_PROTO_ICMP:
		h->due_ns = 0;
		if (icmp_on_packet(&h->icmp, &h->us, e, src_mac, now_ns) == ICMP_TCP_ERROR)
			return HOST_TCP_ERROR;
		return HOST_CONSUMED;
	case IP_PROTO_IGMP:
		h->due_ns = 0;
		igmp_on_packet(&h->igmp, &h->us, e, now_ns);
		return HOST_CONSUMED;
	default:
		metric_add(&h->metrics.other_received, 1);
		return HOST_OTHER;
	}
}

COLD enum host_verdict
host_on_frame(struct host *h, const uint8_t *frame, uint16_t len, uint64_t now_ns, struct eth_ip *e)
{
	const struct eth_head *eth = (const struct eth_head *)frame;
	const enum eth_ip_verdict v = eth_ip_walk(frame, len, false, e);
	bool to_us;
	uint32_t src, dst;

	metric_add(&h->metrics.frame_received, 1);
	if (v == ETH_IP_SHORT_ETH)
		return drop(&h->metrics.drop_malformed);
	to_us = memcmp(eth->dst, h->us.mac, sizeof(eth->dst)) == 0;
	if (!to_us && (eth->dst[0] & 1) == 0)
		return drop(&h->metrics.drop_not_ours);
	if ((eth->src[0] & 1) != 0)
		return drop(&h->metrics.drop_source);
	if (v != ETH_IP_L4 && v != ETH_IP_ARP)
		return drop(reason_of(h, v));
	if (e->vlan_id != h->us.vlan_id || e->vlan_cnt > 1)
		return drop(&h->metrics.drop_vlan);
	if (v == ETH_IP_ARP) {
		h->due_ns = 0;
		arp_on_packet(&h->arp, &h->us, (const struct arp_head *)e->l3, now_ns);
		return HOST_CONSUMED;
	}
	src = be32_get(e->src);
	dst = be32_get(e->dst);
	if (host_ip_is_multicast(src) || host_ip_is_broadcast(&h->us, src) || src == h->us.ip)
		return drop(&h->metrics.drop_source);
	if (host_ip_is_multicast(dst))
		return on_group_packet(h, e, now_ns);
	if (dst != h->us.ip)
		return drop(&h->metrics.drop_ip_not_ours);
	if (src == 0) // a querier may say so (RFC 4541 2.1.1), nobody else
		return drop(&h->metrics.drop_source);
	if (!to_us) // RFC 1122 3.3.6: a unicast packet in a broadcast frame
		return drop(&h->metrics.drop_ip_martian);
	return on_our_packet(h, e, eth->src, now_ns);
}

COLD uint16_t
host_take(struct host *h, uint8_t *buf, uint16_t cap, uint64_t now_ns)
{
	uint16_t len;

	if (likely(now_ns < h->due_ns) || !h->link_up || cap < HOST_FRAME_MAX)
		return 0;
	len = arp_take(&h->arp, &h->us, buf, now_ns);
	if (len == 0)
		len = igmp_take(&h->igmp, &h->us, buf, now_ns);
	if (len == 0)
		len = icmp_take(&h->icmp, &h->us, buf, cap);
	metric_add(&h->metrics.frame_sent, len != 0);
	if (len == 0)
		host_on_time(h, now_ns);
	return len;
}

COLD uint64_t
host_on_time(struct host *h, uint64_t now_ns)
{
	uint64_t arp_ns, igmp_ns;

	if (likely(now_ns < h->due_ns) && h->link_up)
		return h->due_ns;
	arp_ns = arp_on_time(&h->arp, now_ns);
	igmp_ns = igmp_on_time(&h->igmp, now_ns);
	if (!h->link_up)
		return UINT64_MAX;
	h->due_ns = h->icmp.reply_len != 0 ? now_ns : arp_ns < igmp_ns ? arp_ns : igmp_ns;
	return h->due_ns;
}
