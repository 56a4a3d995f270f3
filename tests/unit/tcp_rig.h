/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_TCP_RIG_H
#define SLUICE_TESTS_UNIT_TCP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/tcp_fast.h"

/*
 * A connection and a scripted peer: segments are built by hand, whatever comes out is checked as
 * bytes (lengths, addresses, both checksums) before a test looks at its fields.
 */
enum {
	RIG_ISN = 1000,
	RIG_PEER_ISN = 5000,
	RIG_RX_BYTES = 131072,
	RIG_TX_BYTES = 65536,
	RIG_CAP = 2048,
	RIG_MS = 1000000,
	LOCAL_IP = 0x0a0a0201,
	PEER_IP = 0x0a0a0202,
	LOCAL_PORT = 40000,
	PEER_PORT = 26488,
	F = TCP_FLAG_FIN,
	S = TCP_FLAG_SYN,
	R = TCP_FLAG_RST,
	P = TCP_FLAG_PSH,
	A = TCP_FLAG_ACK,
};

/* A segment, in either direction. */
struct seg {
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t wnd;
	const void *data;
	uint16_t len;
	const void *opt;
	uint8_t opt_len;
};

struct rig {
	struct tcp c;
	struct tcp_config config;
	uint64_t now_ns;
	struct seg out; // the last one taken
	uint8_t frame[RIG_CAP];
	uint8_t rx[RIG_RX_BYTES];
	uint8_t tx[RIG_TX_BYTES];
};

/* Writes a frame from the peer to us.  Returns its length. */
static inline uint16_t
seg_frame(uint8_t *f, const struct seg *s)
{
	struct eth_head *eth = (struct eth_head *)f;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(*t) + s->opt_len + s->len);

	memset(f, 0, sizeof(*eth) + sizeof(*ip) + sizeof(*t));
	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->ttl = 64;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(PEER_IP);
	ip->dst = be32_of(LOCAL_IP);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	t->src_port = be16_of(PEER_PORT);
	t->dst_port = be16_of(LOCAL_PORT);
	t->seq = be32_of(s->seq);
	t->ack = be32_of(s->ack);
	t->data_off = (uint8_t)((sizeof(*t) + s->opt_len) / 4 << 4);
	t->flags = s->flags;
	t->window = be16_of(s->wnd);
	if (s->opt_len)
		memcpy(t + 1, s->opt, s->opt_len);
	if (s->len)
		memcpy((uint8_t *)(t + 1) + s->opt_len, s->data, s->len);
	t->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), t, l4_len));
	return (uint16_t)(sizeof(*eth) + sizeof(*ip) + l4_len);
}

/* Reads a frame of ours.  Fails the test unless every byte of the headers is right. */
static inline void
seg_read(const struct tcp_config *k, const uint8_t *f, uint16_t len, struct seg *s)
{
	const struct tcp_head *t;
	struct eth_ip e;

	assert_int_equal(eth_ip_walk(f, len, false, &e), ETH_IP_L4);
	assert_true(eth_ip_l4_sum_ok(&e));
	assert_ptr_equal(e.l4 + e.l4_len, f + len);
	assert_int_equal(be32_get(e.src), k->local_ip);
	assert_int_equal(be32_get(e.dst), k->peer_ip);
	assert_int_equal(e.vlan_id, k->vlan_id);
	assert_memory_equal(f, k->peer_mac, 6);
	assert_memory_equal(f + 6, k->local_mac, 6);
	t = (const struct tcp_head *)e.l4;
	assert_int_equal(be16_get(t->src_port), k->local_port);
	assert_int_equal(be16_get(t->dst_port), k->peer_port);
	*s = (struct seg){
		.seq = be32_get(t->seq),
		.ack = be32_get(t->ack),
		.flags = t->flags,
		.wnd = be16_get(t->window),
		.opt = t + 1,
		.opt_len = (uint8_t)((t->data_off >> 4) * 4 - sizeof(*t)),
	};
	s->data = (const uint8_t *)(t + 1) + s->opt_len;
	s->len = (uint16_t)(e.l4_len - sizeof(*t) - s->opt_len);
}

static inline void
rig_config(struct rig *r)
{
	r->now_ns = 1000 * RIG_MS;
	r->config = (struct tcp_config){
		.local_mac = { 2, 0, 0, 0, 0, 1 },
		.peer_mac = { 2, 0, 0, 0, 0, 2 },
		.local_ip = LOCAL_IP,
		.peer_ip = PEER_IP,
		.local_port = LOCAL_PORT,
		.peer_port = PEER_PORT,
		.mss = 1000,
		.isn_fixed = true,
		.isn = RIG_ISN,
		.rto_min_ns = RIG_MS,
		.rx_buf = r->rx,
		.rx_buf_bytes = 2 * 20000,
		.tx_buf = r->tx,
		.tx_buf_bytes = RIG_TX_BYTES,
	};
}

static inline struct rig *
rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig_config(r);
	return r;
}

static inline void
rig_start(struct rig *r)
{
	assert_int_equal(tcp_init(&r->c, &r->config), 0);
	assert_true(tcp_connect(&r->c, r->now_ns));
	assert_true(tcp_check(&r->c));
}

static inline void
rig_in(struct rig *r, const struct seg *s)
{
	uint8_t f[RIG_CAP];
	const uint16_t len = seg_frame(f, s);

	assert_true(tcp_on_frame(&r->c, f, len, false, r->now_ns));
	assert_true(tcp_check(&r->c));
}

/* A segment without data or options. */
static inline void
rig_say(struct rig *r, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd)
{
	rig_in(r, &(struct seg){ .flags = flags, .seq = seq, .ack = ack, .wnd = wnd });
}

static inline void
rig_data(struct rig *r, uint32_t seq, uint32_t ack, const void *data, uint16_t len)
{
	rig_in(r, &(struct seg){ .flags = A,
				 .seq = seq,
				 .ack = ack,
				 .wnd = 60000,
				 .data = data,
				 .len = len });
}

/* Takes the next frame into r->out.  False when there is none. */
static inline bool
rig_take(struct rig *r)
{
	const uint16_t len = tcp_next_frame(&r->c, r->frame, sizeof(r->frame), r->now_ns);

	assert_true(tcp_check(&r->c));
	if (len == 0)
		return false;
	assert_true(len <= sizeof(r->frame));
	seg_read(&r->config, r->frame, len, &r->out);
	return true;
}

/* The next frame must be this one; seq and ack count from the two initial sequence numbers. */
#define RIG_EXPECT(r, want_flags, want_seq, want_ack, want_len)                  \
	do {                                                                     \
		assert_true(rig_take(r));                                        \
		assert_int_equal((r)->out.flags, want_flags);                    \
		assert_int_equal((r)->out.seq - (r)->config.isn, want_seq);      \
		if ((want_flags)&A)                                              \
			assert_int_equal((r)->out.ack - RIG_PEER_ISN, want_ack); \
		assert_int_equal((r)->out.len, want_len);                        \
	} while (0)
#define RIG_QUIET(r) assert_false(rig_take(r))

static inline uint64_t
rig_wait(struct rig *r, uint64_t ns)
{
	uint64_t next_ns;

	r->now_ns += ns;
	next_ns = tcp_advance(&r->c, r->now_ns);
	assert_true(tcp_check(&r->c));
	return next_ns;
}

/* Handshake with the given options of the peer; takes 1 ms. */
static inline void
rig_connect(struct rig *r, const void *opt, uint8_t opt_len)
{
	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	RIG_QUIET(r);
	rig_wait(r, RIG_MS);
	rig_in(r, &(struct seg){ .flags = S | A,
				 .seq = RIG_PEER_ISN,
				 .ack = r->config.isn + 1,
				 .wnd = 60000,
				 .opt = opt,
				 .opt_len = opt_len });
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	RIG_EXPECT(r, A, 1, 1, 0);
	RIG_QUIET(r);
}

static const uint8_t RIG_MSS[4] = { 2, 4, 1000 >> 8, 1000 & 255 };

static inline struct rig *
rig_connected(void)
{
	struct rig *r = rig_new();

	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	return r;
}

static inline uint16_t
rig_fast(struct rig *r, const void *data, uint16_t len)
{
	uint8_t f[RIG_CAP];
	uint16_t bytes;

	memcpy(tcp_frame_start(&r->c, f), data, len);
	bytes = tcp_frame_finish(&r->c, f, len, r->now_ns);
	assert_true(tcp_check(&r->c));
	if (bytes) {
		memcpy(r->frame, f, bytes);
		seg_read(&r->config, r->frame, bytes, &r->out);
	}
	return bytes;
}

static const uint8_t RIG_FILL[4096] = { 'x', 'y', 'z' };

#endif
