/* SPDX-License-Identifier: Apache-2.0 */
#include "net/icmp.h"

COLD void
icmp_init(struct icmp *i, uint64_t now_ns)
{
	memset(i, 0, sizeof(*i));
	i->echo_left = ICMP_ECHO_BURST;
	i->echo_ns = now_ns;
}

/* One echo request more: true while the allowance lasts. */
static COLD bool
echo_allowed(struct icmp *i, uint64_t now_ns)
{
	const uint64_t steps = (now_ns - i->echo_ns) / ICMP_ECHO_INTERVAL_NS;

	if (steps >= ICMP_ECHO_BURST - i->echo_left) {
		i->echo_left = ICMP_ECHO_BURST;
		i->echo_ns = now_ns;
	} else {
		i->echo_left += (uint32_t)steps;
		i->echo_ns += steps * ICMP_ECHO_INTERVAL_NS;
	}
	if (i->echo_left == 0)
		return false;
	i->echo_left--;
	return true;
}

static COLD void
on_echo(struct icmp *i, const struct host_addr *us, const struct eth_ip *e, const uint8_t *src_mac,
	uint64_t now_ns)
{
	const uint32_t src = be32_get(e->src);
	struct icmp_head *reply = (struct icmp_head *)i->reply;

	metric_add(&i->metrics.echo_received, 1);
	if (src == 0 || src == us->ip || host_ip_is_multicast(src) ||
	    host_ip_is_broadcast(us, src) || (src_mac[0] & 1) != 0 || i->reply_len != 0 ||
	    e->l4_len > ICMP_ECHO_MAX - sizeof(struct ipv4_head)) {
		metric_add(&i->metrics.echo_dropped, 1);
		return;
	}
	if (!echo_allowed(i, now_ns)) {
		metric_add(&i->metrics.echo_limited, 1);
		return;
	}
	memcpy(i->reply, e->l4, e->l4_len);
	reply->type = ICMP_ECHO_REPLY;
	reply->sum = be16_of(0);
	reply->sum = ip_sum_finish(ip_sum_bytes(0, i->reply, e->l4_len));
	i->reply_len = e->l4_len;
	i->reply_ip = src;
	memcpy(i->reply_mac, src_mac, sizeof(i->reply_mac));
}

/* Whether an error quotes a TCP packet that we may have sent. */
static COLD bool
quotes_us(const struct host_addr *us, const struct eth_ip *e)
{
	const struct ipv4_head *ip = (const struct ipv4_head *)(e->l4 + sizeof(struct icmp_head));
	const size_t have = e->l4_len - sizeof(struct icmp_head);
	size_t head_len;

	if (have < sizeof(*ip))
		return false;
	head_len = (size_t)(ip->version_ihl & 15) * 4;
	return ip->version_ihl >> 4 == 4 && head_len >= sizeof(*ip) &&
	       have >= head_len + 8 && // RFC 792: 64 bits of the packet's data
	       ip->proto == IP_PROTO_TCP && be32_get(ip->src) == us->ip;
}

COLD enum icmp_verdict
icmp_on_packet(struct icmp *i, const struct host_addr *us, const struct eth_ip *e,
	       const uint8_t src_mac[ETH_ADDR_BYTES], uint64_t now_ns)
{
	const struct icmp_head *m = (const struct icmp_head *)e->l4;

	if (e->l4_len < sizeof(*m) || !ip_sum_ok(ip_sum_bytes(0, e->l4, e->l4_len))) {
		metric_add(&i->metrics.invalid, 1);
		return ICMP_CONSUMED;
	}
	switch (m->type) {
	case ICMP_ECHO_REQUEST:
		if (m->code == 0)
			on_echo(i, us, e, src_mac, now_ns);
		else
			metric_add(&i->metrics.invalid, 1);
		return ICMP_CONSUMED;
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		if (!quotes_us(us, e)) {
			metric_add(&i->metrics.error_foreign, 1);
			return ICMP_CONSUMED;
		}
		metric_add(&i->metrics.error_received, 1);
		return ICMP_TCP_ERROR;
	default: // source quench among them (RFC 6633)
		metric_add(&i->metrics.type_ignored, 1);
		return ICMP_CONSUMED;
	}
}

COLD uint16_t
icmp_take(struct icmp *i, const struct host_addr *us, uint8_t *buf, uint16_t cap)
{
	struct ipv4_head ip = {
		.version_ihl = 4 << 4 | sizeof(ip) / 4,
		.total_len = be16_of((uint16_t)(sizeof(ip) + i->reply_len)),
		.id = be16_of(i->ip_id),
		.frag = be16_of(IP_FRAG_DF),
		.ttl = 64, // RFC 1700
		.proto = IP_PROTO_ICMP,
		.src = be32_of(us->ip),
		.dst = be32_of(i->reply_ip),
	};
	const size_t len = host_eth_bytes(us) + sizeof(ip) + i->reply_len;
	uint8_t *at;

	if (i->reply_len == 0)
		return 0;
	if (len > cap || cap < ETH_FRAME_MIN) {
		i->reply_len = 0;
		metric_add(&i->metrics.echo_dropped, 1);
		return 0;
	}
	ip.sum = ip_sum_finish(ip_sum_bytes(0, &ip, sizeof(ip)));
	at = host_put_eth(us, i->reply_mac, ETH_TYPE_IPV4, buf);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), i->reply, i->reply_len);
	i->reply_len = 0;
	i->ip_id++;
	metric_add(&i->metrics.echo_sent, 1);
	return host_pad(buf, len);
}
