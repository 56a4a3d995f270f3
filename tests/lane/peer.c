/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "wire/eth_ip.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

enum {
	PEER_ISN = 1000000,
	PEER_WINDOW = 65535,
	PEER_MSS = 1460,
	OUT_RESERVED = 8, // of out[], for frames without payload
	TS_NS = 1,        // the peer has no clock: every message carries the same time
};

void
peer_init(struct peer *p, uint32_t ip, uint16_t port)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->mac, (uint8_t[]){ 0x02, 0, 0, 0, 0, 0x99 }, sizeof(p->mac));
	p->ip = ip;
	p->port = port;
	p->snd_nxt = PEER_ISN;
}

static struct peer_frame *
next_out(struct peer *p)
{
	if (p->out_cnt == PEER_OUT_MAX) {
		fprintf(stderr, "peer: more than %d answers at once\n", PEER_OUT_MAX);
		abort();
	}
	return &p->out[p->out_cnt++];
}

static void
send_segment_at(struct peer *p, uint32_t seq, uint8_t flags, const void *payload, size_t len)
{
	struct peer_frame *f = next_out(p);
	struct eth_head *eth = (struct eth_head *)f->data;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *tcp = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(*tcp) + len);

	memset(f->data, 0, sizeof(*eth) + sizeof(*ip) + sizeof(*tcp));
	memcpy(eth->dst, p->client_mac, ETH_ADDR_BYTES);
	memcpy(eth->src, p->mac, ETH_ADDR_BYTES);
	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->ttl = 64;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(p->ip);
	ip->dst = be32_of(p->client_ip);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of(p->port);
	tcp->dst_port = be16_of(p->client_port);
	tcp->seq = be32_of(seq);
	tcp->ack = be32_of(p->rcv_nxt);
	tcp->data_off = 5 << 4;
	tcp->flags = flags;
	tcp->window = be16_of(PEER_WINDOW);
	if (len != 0)
		memcpy(tcp + 1, payload, len);
	tcp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), tcp, l4_len));
	f->len = (uint16_t)(sizeof(*eth) + sizeof(*ip) + l4_len);
}

static void
send_segment(struct peer *p, uint8_t flags)
{
	send_segment_at(p, p->snd_nxt, flags, NULL, 0);
	p->snd_nxt += (flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) != 0;
}

/* Sends what of the backlog the client's window has room for. */
static void
send_backlog(struct peer *p)
{
	size_t sent = p->snd_nxt - p->snd_una;

	while (sent < p->backlog_len && sent < p->snd_wnd &&
	       p->out_cnt < PEER_OUT_MAX - OUT_RESERVED) {
		size_t len = p->backlog_len - sent;

		len = len < p->snd_wnd - sent ? len : p->snd_wnd - sent;
		len = len < PEER_MSS ? len : PEER_MSS;
		send_segment_at(p, p->snd_nxt, TCP_FLAG_ACK | TCP_FLAG_PSH, p->backlog + sent, len);
		p->snd_nxt += (uint32_t)len;
		sent += len;
	}
}

void
peer_resend(struct peer *p)
{
	size_t len = p->snd_nxt - p->snd_una;

	if (!p->connected || p->backlog_len == 0 || p->out_cnt >= PEER_OUT_MAX - OUT_RESERVED)
		return;
	if (len == 0) { // a closed window: one byte asks whether it still is
		len = 1;
		p->snd_nxt++;
	}
	send_segment_at(p, p->snd_una, TCP_FLAG_ACK | TCP_FLAG_PSH, p->backlog,
			len < PEER_MSS ? len : PEER_MSS);
}

static void
on_ack(struct peer *p, const struct tcp_head *tcp)
{
	const uint32_t acked = be32_get(tcp->ack) - p->snd_una;
	const size_t bytes = acked < p->backlog_len ? acked : p->backlog_len; // our FIN is no byte

	if (acked > p->snd_nxt - p->snd_una)
		return; // older than what we know
	memmove(p->backlog, p->backlog + bytes, p->backlog_len - bytes);
	p->backlog_len -= bytes;
	p->snd_una += acked;
	p->snd_wnd = be16_get(tcp->window);
	send_backlog(p);
}

static void
send_soup(struct peer *p, enum soup_type type, const void *payload, size_t len)
{
	const struct soup_head head = soup_head_of(type, (uint16_t)len);

	if (p->backlog_len + sizeof(head) + len > PEER_BACKLOG_MAX) {
		fprintf(stderr, "peer: the client does not read\n");
		abort();
	}
	memcpy(p->backlog + p->backlog_len, &head, sizeof(head));
	if (len != 0)
		memcpy(p->backlog + p->backlog_len + sizeof(head), payload, len);
	p->backlog_len += sizeof(head) + len;
	send_backlog(p);
}

void
peer_heartbeat(struct peer *p)
{
	if (p->logged_in)
		send_soup(p, SOUP_SERVER_HEARTBEAT, NULL, 0);
}

void
peer_send_sequenced(struct peer *p, const void *msg, size_t len)
{
	send_soup(p, SOUP_SEQUENCED, msg, len);
}

static uint32_t
token_at(struct peer *p, const uint8_t *be_token)
{
	const uint32_t token = be32_get(*(const be32 *)be_token);

	if (token >= PEER_TOKEN_MAX) {
		fprintf(stderr, "peer: token %u\n", token);
		abort();
	}
	p->token_max = token > p->token_max ? token : p->token_max;
	return token;
}

/* Offsets are those of fact sheet 4a: the peer does not write its answers with our own structs. */
static void
canceled_ouch50(struct peer *p, const uint8_t *be_token, uint8_t reason)
{
	const be64 ts = be64_of(TS_NS);
	uint32_t *open_qty = &p->open_qty[token_at(p, be_token)];
	const be32 qty = be32_of(*open_qty);
	uint8_t out[18] = { 'C' };

	if (*open_qty == 0)
		return; // a venue says nothing about an order that is gone
	memcpy(out + 1, &ts, 8);
	memcpy(out + 9, be_token, 4);
	memcpy(out + 13, &qty, 4);
	out[17] = reason;
	*open_qty = 0;
	peer_send_sequenced(p, out, sizeof(out));
}

bool
peer_execute(struct peer *p, uint32_t token, uint32_t qty)
{
	const be64 ts = be64_of(TS_NS), match_ref = be64_of(p->match_ref + 1);
	const be32 be_token = be32_of(token);
	const be64 px4 = be64_of(p->px4[token]);
	uint8_t out[36] = { 'E' };
	be32 be_qty;

	qty = qty < p->open_qty[token] ? qty : p->open_qty[token];
	if (qty == 0)
		return false;
	be_qty = be32_of(qty);
	p->match_ref++;
	p->execution_cnt++;
	p->open_qty[token] -= qty;
	p->executed_qty[token] += qty;
	p->position_qty += p->side[token] == 'B' ? qty : -(int64_t)qty;
	memcpy(out + 1, &ts, 8);
	memcpy(out + 9, &be_token, 4);
	memcpy(out + 13, &be_qty, 4);
	memcpy(out + 17, &px4, 8);
	out[25] = 'R';
	memcpy(out + 26, &match_ref, 8);
	peer_send_sequenced(p, out, sizeof(out));
	return true;
}

static void
rejected_ouch50(struct peer *p, const uint8_t *m)
{
	const be64 ts = be64_of(TS_NS);
	uint8_t out[31] = { 'J' };

	memcpy(out + 1, &ts, 8);
	memcpy(out + 9, m + 1, 4);
	out[14] = 0x10; // a reason; the client knows none it would treat otherwise
	memcpy(out + 15, m + 31, 14);
	p->reject_cnt++;
	peer_send_sequenced(p, out, sizeof(out));
}

static bool
is_each(uint32_t n, uint32_t every)
{
	return every != 0 && n % every == 0;
}

static void
entered_ouch50(struct peer *p, const uint8_t *m)
{
	const be64 ts = be64_of(TS_NS);
	const be64 order_ref = be64_of(++p->order_ref);
	const uint32_t token = token_at(p, m + 1);
	uint8_t out[64] = { 'A' };

	if (is_each(++p->enter_cnt, p->rejects_every)) {
		rejected_ouch50(p, m);
		return;
	}
	p->open_qty[token] = be32_get(*(const be32 *)(m + 6));
	p->executed_qty[token] = 0;
	p->px4[token] = be64_get(*(const be64 *)(m + 18));
	p->side[token] = m[5];
	memcpy(out + 1, &ts, 8);
	memcpy(out + 9, m + 1, 4);   // UserRefNum
	memcpy(out + 13, m + 5, 21); // side, quantity, symbol, price
	memcpy(out + 34, m + 26, 2); // time in force, display
	memcpy(out + 36, &order_ref, 8);
	memcpy(out + 44, m + 28, 3); // capacity, sweep, cross type
	out[47] = 'L';
	memcpy(out + 48, m + 31, 14); // ClOrdID
	peer_send_sequenced(p, out, sizeof(out));
	if (p->executes || is_each(p->enter_cnt, p->executes_every))
		peer_execute(p, token, UINT32_MAX);
	else if (m[26] == '3')
		canceled_ouch50(p, m + 1, 'I'); // immediate or cancel, and nothing was there
}

/* The quantity is that of the whole chain, what was executed included. */
static void
replaced_ouch50(struct peer *p, const uint8_t *m)
{
	const be64 ts = be64_of(TS_NS);
	const be64 order_ref = be64_of(++p->order_ref);
	const uint32_t old = token_at(p, m + 1), token = token_at(p, m + 5);
	const uint32_t total_qty = be32_get(*(const be32 *)(m + 9));
	uint8_t out[68] = { 'U' };
	be32 open_qty;

	p->replace_cnt++;
	if (p->open_qty[old] == 0)
		return;
	if (total_qty <= p->executed_qty[old]) {
		canceled_ouch50(p, m + 1, 'U');
		return;
	}
	p->open_qty[old] = 0;
	p->executed_qty[token] = p->executed_qty[old];
	p->open_qty[token] = total_qty - p->executed_qty[old];
	p->px4[token] = be64_get(*(const be64 *)(m + 13));
	p->side[token] = p->side[old];
	open_qty = be32_of(p->open_qty[token]);
	memcpy(out + 1, &ts, 8);
	memcpy(out + 9, m + 1, 8); // both numbers
	out[17] = p->side[token];
	memcpy(out + 18, &open_qty, 4);
	memset(out + 22, ' ', 8);
	memcpy(out + 30, m + 13, 8); // price
	memcpy(out + 38, m + 21, 2);
	memcpy(out + 40, &order_ref, 8);
	memcpy(out + 48, "PNNL", 4);
	memset(out + 52, ' ', 14);
	peer_send_sequenced(p, out, sizeof(out));
}

static void
answer_ouch50(struct peer *p, const uint8_t *m)
{
	const be64 ts = be64_of(TS_NS);
	uint8_t out[13] = { 'Q' };

	switch (m[0]) {
	case 'Q':
		memcpy(out + 1, &ts, 8);
		out[12] = 1; // the next UserRefNum
		peer_send_sequenced(p, out, sizeof(out));
		break;
	case 'O':
		entered_ouch50(p, m);
		break;
	case 'U':
		replaced_ouch50(p, m);
		break;
	case 'X':
		p->cancel_cnt++;
		canceled_ouch50(p, m + 1, 'U');
		break;
	default:
		p->bad_cnt++;
	}
}

static void
answer_ouch42(struct peer *p, const uint8_t *m)
{
	const be64 ts = be64_of(TS_NS);
	uint8_t out[128] = { 0 };

	switch (m[0]) {
	case 'O': // fact sheet 4b
		p->enter_cnt++;
		out[0] = 'A';
		memcpy(out + 1, &ts, 8);
		memcpy(out + 9, m + 1, 14 + 1 + 4 + 8 + 4 + 4 + 4); // token .. firm
		out[48] = m[40];
		*(be64 *)(out + 49) = be64_of(++p->order_ref);
		out[57] = m[41];
		out[58] = m[42];
		memcpy(out + 59, m + 43, 4);
		out[63] = m[47];
		out[64] = 'L';
		out[65] = ' ';
		peer_send_sequenced(p, out, 66);
		if (p->executes) {
			memset(out, 0, sizeof(out));
			out[0] = 'E';
			memcpy(out + 1, &ts, 8);
			memcpy(out + 9, m + 1, 14);
			memcpy(out + 23, m + 16, 4);
			memcpy(out + 27, m + 28, 4);
			out[31] = 'R';
			*(be64 *)(out + 32) = be64_of(++p->match_ref);
			peer_send_sequenced(p, out, 40);
		}
		break;
	case 'U':
		p->replace_cnt++;
		break;
	case 'X':
		p->cancel_cnt++;
		break;
	default:
		p->bad_cnt++;
	}
}

static void
on_unsequenced(struct peer *p, const uint8_t *m, size_t len)
{
	const be16 be_len = be16_of((uint16_t)len);

	if (p->log_len + len + sizeof(be_len) > PEER_LOG_MAX) {
		fprintf(stderr, "peer: log full\n");
		abort();
	}
	memcpy(p->log + p->log_len, &be_len, sizeof(be_len));
	memcpy(p->log + p->log_len + sizeof(be_len), m, len);
	p->log_len += sizeof(be_len) + len;
	if (p->ouch42)
		answer_ouch42(p, m);
	else
		answer_ouch50(p, m);
}

static void
on_soup(struct peer *p, uint8_t type, const uint8_t *payload, size_t len)
{
	uint8_t accepted[30];

	switch (type) {
	case SOUP_LOGIN_REQUEST:
		memset(accepted, ' ', sizeof(accepted));
		memcpy(accepted + 4, "LANE01", 6);
		accepted[29] = '1';
		send_soup(p, SOUP_LOGIN_ACCEPTED, accepted, sizeof(accepted));
		p->logged_in = true;
		break;
	case SOUP_UNSEQUENCED:
		if (!p->logged_in || len == 0)
			p->bad_cnt++;
		else
			on_unsequenced(p, payload, len);
		break;
	case SOUP_CLIENT_HEARTBEAT:
	case SOUP_LOGOUT_REQUEST:
	case SOUP_DEBUG:
		break;
	default:
		p->bad_cnt++;
	}
}

static void
on_stream(struct peer *p)
{
	size_t at = 0;

	while (p->stream_len - at >= 3) {
		const size_t len = be16_get(*(const be16 *)(p->stream + at));

		if (len == 0) {
			p->bad_cnt++;
			break;
		}
		if (p->stream_len - at < len + 2)
			break;
		on_soup(p, p->stream[at + 2], p->stream + at + 3, len - 1);
		at += len + 2;
	}
	memmove(p->stream, p->stream + at, p->stream_len - at);
	p->stream_len -= at;
}

static void
on_arp(struct peer *p, const struct arp_head *a)
{
	struct peer_frame *f;
	struct eth_head *eth;
	struct arp_head *answer;

	if (be16_get(a->op) != ARP_REQUEST || be32_get(a->target_ip) != p->ip)
		return;
	f = next_out(p);
	memset(f->data, 0, ETH_FRAME_MIN);
	eth = (struct eth_head *)f->data;
	answer = (struct arp_head *)(eth + 1);
	memcpy(eth->dst, a->sender_mac, ETH_ADDR_BYTES);
	memcpy(eth->src, p->mac, ETH_ADDR_BYTES);
	eth->type = be16_of(ETH_TYPE_ARP);
	*answer = *a;
	answer->op = be16_of(ARP_REPLY);
	memcpy(answer->sender_mac, p->mac, ETH_ADDR_BYTES);
	answer->sender_ip = be32_of(p->ip);
	memcpy(answer->target_mac, a->sender_mac, ETH_ADDR_BYTES);
	answer->target_ip = a->sender_ip;
	f->len = ETH_FRAME_MIN;
}

static void
on_tcp(struct peer *p, const uint8_t *frame, const struct eth_ip *e)
{
	const struct tcp_head *tcp = (const struct tcp_head *)e->l4;
	size_t head_len, len;

	if (e->l4_len < sizeof(*tcp) || !eth_ip_l4_sum_ok(e) ||
	    be16_get(tcp->dst_port) != p->port) {
		p->bad_cnt++;
		return;
	}
	head_len = (size_t)(tcp->data_off >> 4) * 4;
	len = e->l4_len - head_len;
	if (tcp->flags & TCP_FLAG_RST) {
		p->connected = false;
		return;
	}
	if (tcp->flags & TCP_FLAG_SYN) {
		memcpy(p->client_mac, frame + ETH_ADDR_BYTES, ETH_ADDR_BYTES);
		p->client_ip = be32_get(e->src);
		p->client_port = be16_get(tcp->src_port);
		p->rcv_nxt = be32_get(tcp->seq) + 1;
		p->snd_nxt = PEER_ISN;
		p->snd_una = PEER_ISN + 1;
		p->snd_wnd = be16_get(tcp->window);
		p->stream_len = 0;
		p->backlog_len = 0;
		p->logged_in = false;
		send_segment(p, TCP_FLAG_SYN | TCP_FLAG_ACK);
		p->connected = true;
		return;
	}
	on_ack(p, tcp);
	if (len == 0 && !(tcp->flags & TCP_FLAG_FIN))
		return; // an acknowledgement
	if (be32_get(tcp->seq) != p->rcv_nxt) {
		if ((int32_t)(be32_get(tcp->seq) - p->rcv_nxt) < 0)
			p->again_cnt++;
		else
			p->early_cnt++;
		send_segment(p, TCP_FLAG_ACK);
		return;
	}
	if (p->stream_len + len > sizeof(p->stream)) {
		fprintf(stderr, "peer: stream full\n");
		abort();
	}
	memcpy(p->stream + p->stream_len, e->l4 + head_len, len);
	p->stream_len += len;
	p->rcv_nxt += (uint32_t)len;
	if (tcp->flags & TCP_FLAG_FIN) {
		p->rcv_nxt++;
		send_segment(p, TCP_FLAG_ACK | TCP_FLAG_FIN);
		p->connected = false;
		return;
	}
	send_segment(p, TCP_FLAG_ACK);
	on_stream(p);
}

void
peer_on_frame(struct peer *p, const uint8_t *frame, size_t len)
{
	struct eth_ip e;

	switch (eth_ip_walk(frame, len, false, &e)) {
	case ETH_IP_ARP:
		on_arp(p, (const struct arp_head *)e.l3);
		break;
	case ETH_IP_L4:
		if (e.proto == IP_PROTO_TCP && be32_get(e.dst) == p->ip)
			on_tcp(p, frame, &e);
		break;
	default:
		p->bad_cnt++;
	}
}
