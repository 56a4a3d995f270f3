/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_clear.h"

#include <string.h>

enum {
	CLEAR_TTL = 64,
};

COLD uint16_t
tcp_bare_put(const struct tcp_way *w, uint32_t seq, uint32_t ack, uint8_t flags, uint8_t *buf)
{
	struct eth_head eth = { .type = be16_of(w->vlan_id != 0 ? ETH_TYPE_VLAN : ETH_TYPE_IPV4) };
	const struct vlan_tag tag = { be16_of(w->vlan_id), be16_of(ETH_TYPE_IPV4) };
	struct ipv4_head ip = {
		.version_ihl = 0x45,
		.total_len = be16_of(sizeof(struct ipv4_head) + sizeof(struct tcp_head)),
		.frag = be16_of(IP_FRAG_DF),
		.ttl = CLEAR_TTL,
		.proto = IP_PROTO_TCP,
		.src = be32_of(w->local_ip),
		.dst = be32_of(w->peer_ip),
	};
	struct tcp_head t = {
		.src_port = be16_of(w->local_port),
		.dst_port = be16_of(w->peer_port),
		.seq = be32_of(seq),
		.ack = be32_of(flags & TCP_FLAG_ACK ? ack : 0),
		.data_off = sizeof(t) / 4 << 4,
		.flags = flags,
	};
	uint8_t *p = buf;

	memset(buf, 0, TCP_BARE_BYTES);
	memcpy(eth.dst, w->peer_mac, sizeof(eth.dst));
	memcpy(eth.src, w->local_mac, sizeof(eth.src));
	memcpy(p, &eth, sizeof(eth));
	p += sizeof(eth);
	if (w->vlan_id != 0) {
		memcpy(p, &tag, sizeof(tag));
		p += sizeof(tag);
	}
	ip.sum = ip_sum_finish(ip_sum_bytes(0, &ip, sizeof(ip)));
	t.sum = ip_sum_finish(ip_sum_bytes(ip_sum_pseudo(ip.src, ip.dst, IP_PROTO_TCP, sizeof(t)),
					   &t, sizeof(t)));
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), &t, sizeof(t));
	p += sizeof(ip) + sizeof(t);
	return p - buf < ETH_FRAME_MIN ? ETH_FRAME_MIN : (uint16_t)(p - buf);
}

COLD void
tcp_clear_start(struct tcp_clear *c, const struct tcp_way *w, uint32_t snd_una, uint32_t rcv_nxt,
		uint64_t now_ns)
{
	*c = (struct tcp_clear){
		.way = *w,
		.seq = snd_una - 1,
		.ack = rcv_nxt,
		.state = TCP_CLEAR_ASKING,
		.next_ns = now_ns,
	};
}

COLD bool
tcp_clear_on_packet(struct tcp_clear *c, const struct eth_ip *e)
{
	const struct tcp_head *t = (const struct tcp_head *)e->l4;

	if (c->state != TCP_CLEAR_ASKING || e->proto != IP_PROTO_TCP || e->l4_len < sizeof(*t) ||
	    be32_get(e->src) != c->way.peer_ip || be32_get(e->dst) != c->way.local_ip ||
	    be16_get(t->src_port) != c->way.peer_port || be16_get(t->dst_port) != c->way.local_port)
		return false;
	if (t->flags & TCP_FLAG_RST) {
		// the answer to a question has its acknowledgement as number (RFC 9293 3.10.7.1);
		// anybody may send another
		if (be32_get(t->seq) == c->ack)
			c->state = TCP_CLEAR_GONE;
		return true;
	}
	if ((t->flags & TCP_FLAG_ACK) == 0)
		return true;
	c->rst_seq = be32_get(t->ack); // the next number the peer expects
	c->rst_due = true;
	c->ask_due = true; // behind the reset: is it gone?
	return true;
}

COLD void
tcp_clear_on_time(struct tcp_clear *c, uint64_t now_ns)
{
	if (c->state != TCP_CLEAR_ASKING || now_ns < c->next_ns)
		return;
	if (c->try_cnt == TCP_CLEAR_TRIES) {
		c->state = TCP_CLEAR_UNPROVEN;
		return;
	}
	c->try_cnt++;
	c->ask_due = true;
	c->next_ns = now_ns + TCP_CLEAR_WAIT_NS;
}

COLD uint16_t
tcp_clear_take(struct tcp_clear *c, uint8_t *buf)
{
	if (c->state != TCP_CLEAR_ASKING)
		return 0;
	if (c->rst_due) {
		c->rst_due = false;
		c->rst_cnt++;
		return tcp_bare_put(&c->way, c->rst_seq, 0, TCP_FLAG_RST, buf);
	}
	if (!c->ask_due)
		return 0;
	c->ask_due = false;
	return tcp_bare_put(&c->way, c->seq, c->ack, TCP_FLAG_ACK, buf);
}
