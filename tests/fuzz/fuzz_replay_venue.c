/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "replay/replay_venue.h"
#include "wire/eth_ip.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CLIENT_IP = 0x0a0a0202,
	VENUE_IP = 0x0a0a0201,
	CLIENT_PORT = 40000,
	VENUE_PORT = 26488,
	ISN = 77,
	PIECE_MAX = 1400,
	DELAY_NS = 1000,
};

struct world {
	uint32_t venue_nxt;    // what we acknowledge
	uint64_t promised_qty; // of accepted orders and replaces
	uint64_t sent_cnt;
};

/* Each frame of the venue is whole, with right checksums. */
static void
on_send(void *ctx, const uint8_t *frame, uint16_t len)
{
	struct world *w = ctx;
	const struct tcp_head *tcp;
	struct eth_ip e;

	w->sent_cnt++;
	if (len > REPLAY_FRAME_MAX || eth_ip_walk(frame, len, false, &e) != ETH_IP_L4 ||
	    e.proto != IP_PROTO_TCP || !eth_ip_l4_sum_ok(&e))
		abort();
	tcp = (const struct tcp_head *)e.l4;
	w->venue_nxt = be32_get(tcp->seq) + (uint32_t)(e.l4_len - sizeof(*tcp)) +
		       ((tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) != 0);
}

/* Orders' quantities, so that executions can be compared with them. */
static void
on_message(void *ctx, const uint8_t *packet, uint16_t len)
{
	const uint8_t *m = packet + sizeof(struct soup_head);
	struct world *w = ctx;

	if (len <= sizeof(struct soup_head))
		abort();
	len = (uint16_t)(len - sizeof(struct soup_head));
	if (m[0] == 'O' && len >= sizeof(struct ouch50_enter_order))
		w->promised_qty += be32_get(((const struct ouch50_enter_order *)m)->qty);
	else if (m[0] == 'U' && len >= sizeof(struct ouch50_replace_order))
		w->promised_qty += be32_get(((const struct ouch50_replace_order *)m)->qty);
}

static struct replay_best
best(void *ctx, const char symbol[8], bool buy)
{
	const uint8_t c = (uint8_t)symbol[0];

	return (struct replay_best){ .px4 = buy ? 999900 : 1000100, .qty = c & 1 ? 0 : 50U + c };
}

static void
segment(struct replay_venue *v, const struct world *w, uint8_t flags, uint32_t seq,
	const uint8_t *payload, size_t len, uint64_t now_ns)
{
	uint8_t frame[64 + PIECE_MAX] = { 0 };
	struct eth_head *eth = (struct eth_head *)frame;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *tcp = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(*tcp) + len);

	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(CLIENT_IP);
	ip->dst = be32_of(VENUE_IP);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of(CLIENT_PORT);
	tcp->dst_port = be16_of(VENUE_PORT);
	tcp->seq = be32_of(seq);
	tcp->ack = be32_of(w->venue_nxt);
	tcp->data_off = 5 << 4;
	tcp->flags = flags;
	tcp->window = be16_of(UINT16_MAX);
	if (len != 0)
		memcpy(tcp + 1, payload, len);
	tcp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), tcp, l4_len));
	replay_venue_on_frame(v, frame, (uint16_t)(sizeof(*eth) + sizeof(*ip) + l4_len), now_ns);
}

/*
 * Any bytes may come on the connection after the login, in pieces of any size; a piece's first byte
 * is its length.  Whatever they are, the venue's frames are whole, it never executes more shares
 * than were ordered, everything that waits is done in order of time, and it ends.
 */
static void
converse(const uint8_t *data, size_t size, bool ouch42)
{
	static const uint8_t LOGIN[] = "\0\x2fL                                              ";
	struct world w = { 0 };
	const struct replay_venue_owner owner = {
		.ctx = &w, .send = on_send, .on_message = on_message, .best = best
	};
	const struct replay_venue_config c = { .ip = VENUE_IP,
					       .port = VENUE_PORT,
					       .ouch42 = ouch42,
					       .match = true,
					       .delay_ns = DELAY_NS };
	struct replay_venue *v = replay_venue_open(&c, &owner);
	const struct replay_venue_counts *n = replay_venue_counts(v);
	uint64_t now_ns = 1000000000, last_ns = 0;
	uint32_t seq = ISN + 1;

	segment(v, &w, TCP_FLAG_SYN, ISN, NULL, 0, now_ns);
	segment(v, &w, TCP_FLAG_ACK, seq, LOGIN, 49, now_ns);
	seq += 49;
	if (!replay_venue_logged_in(v))
		abort();
	while (size > 1) {
		size_t len = data[0];

		data++;
		size--;
		len = len < size ? len : size;
		segment(v, &w, TCP_FLAG_ACK, seq, data, len, now_ns);
		seq += (uint32_t)len;
		data += len;
		size -= len;
		now_ns += 300;
		while (replay_venue_due_ns(v) <= now_ns) {
			if (replay_venue_due_ns(v) < last_ns)
				abort();
			last_ns = replay_venue_due_ns(v);
			replay_venue_act(v, now_ns);
		}
		replay_venue_on_market(v, now_ns);
	}
	while (replay_venue_due_ns(v) != UINT64_MAX)
		replay_venue_act(v, replay_venue_due_ns(v));
	if (!ouch42 && n->executed_qty > w.promised_qty)
		abort();
	if (n->accepted + n->rejected > n->enter + n->replace || n->enter > n->message)
		abort();
	replay_venue_close(v);
	replay_venue_close(NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[8];

	converse(data, size, false);
	converse(data, size, true);
	// a text that is too long is cut, whatever the bytes
	replay_message_text(false, data, size, text, sizeof(text));
	replay_message_text(true, data, size, text, sizeof(text));
	return 0;
}
