/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/rx.h"

/* What the line's usual frames have in common. */
static void
prepare_head(struct rx_slot *s, uint32_t group_ip, uint16_t udp_port)
{
	struct eth_head *eth = (struct eth_head *)s->head;
	struct ipv4_head *ip = (struct ipv4_head *)(s->head + RX_IP_AT);
	struct udp_head *udp = (struct udp_head *)(s->head + RX_UDP_AT);
	struct eth_head *eth_mask = (struct eth_head *)s->mask;
	struct ipv4_head *ip_mask = (struct ipv4_head *)(s->mask + RX_IP_AT);
	struct udp_head *udp_mask = (struct udp_head *)(s->mask + RX_UDP_AT);

	memcpy(eth->dst, s->mac, sizeof(eth->dst));
	memset(eth_mask->dst, 0xff, sizeof(eth_mask->dst));
	eth->type = be16_of(ETH_TYPE_IPV4);
	eth_mask->type = be16_of(0xffff);
	ip->version_ihl = 0x45;
	ip_mask->version_ihl = 0xff;
	ip_mask->frag = be16_of(IP_FRAG_MF | IP_FRAG_OFFSET_MASK);
	ip->proto = IP_PROTO_UDP;
	ip_mask->proto = 0xff;
	ip->src = be32_of(s->source_ip);
	ip_mask->src = be32_of(s->source_ip == 0 ? 0 : UINT32_MAX);
	ip->dst = be32_of(group_ip);
	ip_mask->dst = be32_of(UINT32_MAX);
	udp->dst_port = be16_of(udp_port);
	udp_mask->dst_port = be16_of(0xffff);
}

static int
add_line(struct rx *r, const struct rx_line_config *l)
{
	const uint64_t key = (uint64_t)l->group_ip << 16 | l->udp_port;
	uint32_t i = rx_home(key);

	if (l->group_ip >> 28 != 0xE || l->udp_port == 0 || l->feed_idx >= FEED_MAX ||
	    l->line_idx >= FEED_LINE_MAX)
		return -EINVAL;
	for (; r->slot[i].key != 0; i = (i + 1) % RX_SLOTS)
		if (r->slot[i].key == key)
			return -EEXIST;
	r->slot[i] = (struct rx_slot){
		.key = key,
		.source_ip = l->source_ip,
		.feed_idx = l->feed_idx,
		.line_idx = l->line_idx,
	};
	eth_group_mac(l->group_ip, r->slot[i].mac);
	prepare_head(&r->slot[i], l->group_ip, l->udp_port);
	if (r->vlan_id != 0 && r->vlan_id != RX_VLAN_ANY)
		r->slot[i].mask[0] = 0; // no frame without a tag is ours: nothing is like head
	return 0;
}

static int
add_answer(struct rx *r, const struct rx_answer_config *a)
{
	if (a->udp_port == 0 || a->our_ip == 0 || a->feed_idx >= FEED_MAX || a->server_cnt == 0 ||
	    a->server_cnt > RX_SERVER_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < r->answer_cnt; i++)
		if (r->answer[i].our_ip == a->our_ip && r->answer[i].udp_port == a->udp_port)
			return -EEXIST;
	r->answer[r->answer_cnt++] = *a;
	return 0;
}

COLD int
rx_init(struct rx *r, const struct rx_config *c)
{
	int rc = 0;

	*r = (struct rx){ .vlan_id = c->vlan_id, .port_idx = c->port_idx };
	if (c->line_cnt > RX_LINE_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < c->line_cnt && rc == 0; i++)
		rc = add_line(r, &c->line[i]);
	if (c->answer_cnt > FEED_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < c->answer_cnt && rc == 0; i++)
		rc = add_answer(r, &c->answer[i]);
	return rc;
}

static enum rx_verdict
drop(uint64_t *reason)
{
	metric_add(reason, 1);
	return RX_DROP;
}

static enum rx_verdict
host(struct rx *r, const uint8_t *eth, uint16_t len, struct frame *out)
{
	out->data = eth;
	out->len = len;
	out->port_idx = r->port_idx;
	metric_add(&r->metrics.frame_host, 1);
	return RX_HOST;
}

/*
 * The server that a packet comes from; server_cnt: none of them.  MoldUDP64 does not say which port
 * an answer is sent from, so the address alone is enough when the port is another one.
 */
static unsigned
server_of(const struct rx_answer_config *a, uint32_t ip, uint16_t udp_port)
{
	unsigned found = a->server_cnt;

	for (unsigned i = 0; i < a->server_cnt; i++) {
		if (a->server[i].ip != ip)
			continue;
		if (a->server[i].udp_port == udp_port)
			return i;
		if (found == a->server_cnt)
			found = i;
	}
	return found;
}

/* UDP that is no multicast: an answer, or for the host. */
static COLD enum rx_verdict
on_unicast(struct rx *r, const uint8_t *eth, uint16_t len, const struct eth_ip *e,
	   struct frame *out)
{
	const struct udp_head *udp = (const struct udp_head *)e->l4;
	const struct rx_answer_config *a = NULL;
	const uint8_t *data;
	uint16_t data_len;
	unsigned server_idx;

	if (!eth_ip_udp_payload(e, &data, &data_len))
		return host(r, eth, len, out); // it counts why
	for (unsigned i = 0; i < r->answer_cnt && a == NULL; i++)
		if (r->answer[i].our_ip == be32_get(e->dst) &&
		    r->answer[i].udp_port == be16_get(udp->dst_port))
			a = &r->answer[i];
	if (a == NULL)
		return host(r, eth, len, out);
	server_idx = server_of(a, be32_get(e->src), be16_get(udp->src_port));
	if (server_idx == a->server_cnt)
		return drop(&r->metrics.answer_foreign);
	if (be16_get(udp->sum) == 0)
		metric_add(&r->metrics.udp_unchecked, 1);
	else if (!eth_ip_l4_sum_ok(e))
		return drop(&r->metrics.udp_checksum);
	out->head.feed_idx = a->feed_idx;
	out->head.instr_idx = INSTR_NONE;
	out->data = data;
	out->len = data_len;
	out->line_idx = (uint8_t)server_idx;
	out->port_idx = r->port_idx;
	out->src_ip = be32_get(e->src);
	metric_add(&r->metrics.frame_answer, 1);
	return RX_ANSWER;
}

/* Counts why the walk over the headers ended early. */
static COLD void
count_drop(struct rx *r, enum eth_ip_verdict v)
{
	struct rx_metrics *m = &r->metrics;

	switch (v) {
	case ETH_IP_FRAGMENT:
		metric_add(&m->ip_fragment, 1);
		return;
	case ETH_IP_OTHER_TYPE:
		metric_add(&m->frame_type, 1);
		return;
	case ETH_IP_DEEP_VLAN:
		metric_add(&m->frame_vlan, 1);
		return;
	case ETH_IP_BAD_ARP:
		metric_add(&m->arp_malformed, 1);
		return;
	case ETH_IP_BAD_VERSION:
	case ETH_IP_BAD_IHL:
		metric_add(&m->ip_header, 1);
		return;
	case ETH_IP_BAD_LEN:
		metric_add(&m->ip_length, 1);
		return;
	case ETH_IP_BAD_SUM:
		metric_add(&m->ip_checksum, 1);
		return;
	case ETH_IP_SHORT_ETH:
	case ETH_IP_SHORT_ARP:
	case ETH_IP_SHORT_IP:
	case ETH_IP_L4:
	case ETH_IP_ARP:
	case ETH_IP_VERDICT_CNT:
		metric_add(&m->frame_short, 1);
		return;
	}
}

static bool
vlan_ours(const struct rx *r, const struct eth_ip *e)
{
	return r->vlan_id == RX_VLAN_ANY || e->vlan_id == r->vlan_id;
}

/* A multicast packet with good headers. */
static enum rx_verdict
on_multicast(struct rx *r, const uint8_t *eth, const struct eth_ip *e, bool hw_csum_ok,
	     struct frame *out)
{
	const struct udp_head *udp = (const struct udp_head *)e->l4;
	const struct rx_slot *s;
	const uint8_t *data;
	uint16_t len;

	if (unlikely(e->proto != IP_PROTO_UDP))
		return drop(&r->metrics.ip_protocol);
	if (unlikely(!eth_ip_udp_payload(e, &data, &len)))
		return drop(&r->metrics.udp_length);
	s = rx_find(r, be32_get(e->dst), be16_get(udp->dst_port));
	if (unlikely(s == NULL))
		return drop(&r->metrics.multicast_foreign);
	if (unlikely(memcmp(((const struct eth_head *)eth)->dst, s->mac, ETH_ADDR_BYTES) != 0))
		return drop(&r->metrics.multicast_mac);
	if (unlikely(s->source_ip != 0 && s->source_ip != be32_get(e->src)))
		return drop(&r->metrics.source_foreign);
	if (unlikely(be16_get(udp->sum) == 0))
		metric_add(&r->metrics.udp_unchecked, 1);
	else if (unlikely(!hw_csum_ok && !eth_ip_l4_sum_ok(e)))
		return drop(&r->metrics.udp_checksum);
	rx_fill(r, s, data, len, e->src, out);
	return RX_MARKET_DATA;
}

enum rx_verdict
rx_by_steps(struct rx *r, const uint8_t *eth, uint16_t len, bool hw_csum_ok, struct frame *out)
{
	struct eth_ip e;
	const enum eth_ip_verdict v = eth_ip_walk(eth, len, hw_csum_ok, &e);

	metric_add(&r->metrics.frame, 1);
	if (unlikely(v != ETH_IP_L4 && v != ETH_IP_ARP)) {
		count_drop(r, v);
		return RX_DROP;
	}
	if (unlikely(!vlan_ours(r, &e)))
		return drop(&r->metrics.frame_vlan);
	if (v == ETH_IP_L4 && e.dst.b[0] >> 4 == 0xE && e.proto != IP_PROTO_IGMP)
		return on_multicast(r, eth, &e, hw_csum_ok, out);
	if (r->answer_cnt != 0 && v == ETH_IP_L4 && e.proto == IP_PROTO_UDP)
		return on_unicast(r, eth, len, &e, out);
	return host(r, eth, len, out);
}
