/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/login_blank.h"

#include <string.h>

#include "wire/eth_ip.h"
#include "wire/soupbintcp.h"

enum {
	PASSWORD_AT = offsetof(struct soup_login_request, password), // in the stream
	PASSWORD_END = PASSWORD_AT + SOUP_PASSWORD_LEN,
	LOGIN_LEN = sizeof(struct soup_login_request) - SOUP_LEN_BYTES,
	LOGIN_LEN_410 = sizeof(struct soup_login_request_410) - SOUP_LEN_BYTES,
	BLANK = '*',
	PAST_BYTES = 1 << 30,
};

/* A TCP segment inside a frame, as far as it is there. */
struct segment {
	uint32_t dst_ip;
	struct tcp_head *tcp;
	uint8_t *payload;
	size_t payload_len;
};

/* Looks no closer than needed: a frame that is damaged or cut short is still one of ours. */
static bool
segment_of(uint8_t *frame, size_t len, struct segment *s)
{
	size_t at = offsetof(struct eth_head, type), end, head_len;
	const struct ipv4_head *ip;
	uint16_t type;

	for (unsigned tags = 0;; tags++) {
		if (at + sizeof(be16) > len)
			return false;
		type = be16_get(*(const be16 *)(frame + at));
		at += sizeof(be16);
		if ((type != ETH_TYPE_VLAN && type != ETH_TYPE_QINQ) || tags == ETH_VLAN_TAGS_MAX)
			break;
		at += sizeof(be16); // tag control; the next type follows
	}
	if (type != ETH_TYPE_IPV4 || at + sizeof(*ip) > len)
		return false;
	ip = (const struct ipv4_head *)(frame + at);
	if (ip->proto != IP_PROTO_TCP || (be16_get(ip->frag) & IP_FRAG_OFFSET_MASK) != 0)
		return false;
	end = at + be16_get(ip->total_len);
	end = end < len ? end : len; // without Ethernet's padding
	at += (size_t)(ip->version_ihl & 0x0f) * 4;
	if (at + sizeof(struct tcp_head) > end)
		return false;
	s->dst_ip = be32_get(ip->dst);
	s->tcp = (struct tcp_head *)(frame + at);
	head_len = (size_t)(s->tcp->data_off >> 4) * 4;
	if (head_len < sizeof(struct tcp_head))
		return false;
	s->payload = frame + at + head_len;
	s->payload_len = at + head_len < end ? end - at - head_len : 0;
	return true;
}

/* Bytes from..to-1 of the payload become BLANK, and the checksum what it would be then. */
static bool
blank(struct segment *s, size_t from, size_t to)
{
	uint32_t sum = (uint16_t)~be16_get(s->tcp->sum);
	bool did = false;

	to = to < s->payload_len ? to : s->payload_len;
	for (size_t i = from; i < to; i++) {
		const unsigned shift = i % 2 == 0 ? 8 : 0; // headers are even

		// RFC 1624: the old word's complement and the new word are added
		sum += (uint16_t) ~((uint32_t)s->payload[i] << shift);
		sum += (uint32_t)BLANK << shift;
		did |= s->payload[i] != BLANK;
		s->payload[i] = BLANK;
	}
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	if (did)
		s->tcp->sum = be16_of((uint16_t)~sum);
	return did;
}

static struct login_blank_peer *
find(struct login_blank *b, uint32_t ip, uint16_t port)
{
	for (uint32_t i = 0; i < b->peer_cnt; i++)
		if (b->peer[i].ip == ip && b->peer[i].port == port)
			return &b->peer[i];
	return NULL;
}

bool
login_blank_add(struct login_blank *b, uint32_t ip, uint16_t port)
{
	if (find(b, ip, port) != NULL)
		return true;
	if (b->peer_cnt == LOGIN_BLANK_PEER_MAX)
		return false;
	b->peer[b->peer_cnt++] = (struct login_blank_peer){ .ip = ip, .port = port };
	return true;
}

void
login_blank_tell(struct login_blank *b, uint32_t ip, uint16_t port, uint16_t local_port,
		 uint32_t isn)
{
	struct login_blank_peer *p = find(b, ip, port);

	if (p == NULL)
		return;
	p->known = true;
	p->past = false;
	p->local_port = local_port;
	p->isn = isn;
}

void
login_blank_forget(struct login_blank *b)
{
	for (uint32_t i = 0; i < b->peer_cnt; i++)
		b->peer[i].known = false;
}

bool
login_blank_frame(struct login_blank *b, uint8_t *frame, size_t len)
{
	struct login_blank_peer *p;
	struct segment s;
	size_t head_len;
	uint32_t at;

	if (!segment_of(frame, len, &s))
		return false;
	p = find(b, s.dst_ip, be16_get(s.tcp->dst_port));
	if (p == NULL)
		return false;
	if (s.tcp->flags & TCP_FLAG_SYN)
		login_blank_tell(b, p->ip, p->port, be16_get(s.tcp->src_port),
				 be32_get(s.tcp->seq));
	if (s.payload_len == 0)
		return false;
	if (!p->known || p->local_port != be16_get(s.tcp->src_port))
		return blank(&s, 0, s.payload_len);
	// the SYN takes one number: the stream's first byte has the next
	at = be32_get(s.tcp->seq) - (p->isn + !(s.tcp->flags & TCP_FLAG_SYN));
	p->past |= at >= PAST_BYTES && at < 2U * PAST_BYTES;
	if (!p->past && at < PASSWORD_END && at + s.payload_len > PASSWORD_AT)
		return blank(&s, at < PASSWORD_AT ? PASSWORD_AT - at : 0, PASSWORD_END - at);
	head_len = s.payload_len < sizeof(struct soup_head) ? 0 : be16_get(*(be16 *)s.payload);
	if ((head_len == LOGIN_LEN || head_len == LOGIN_LEN_410) &&
	    s.payload[offsetof(struct soup_head, type)] == SOUP_LOGIN_REQUEST)
		return blank(&s, PASSWORD_AT, PASSWORD_END); // a second login, or an older one
	return false;
}
