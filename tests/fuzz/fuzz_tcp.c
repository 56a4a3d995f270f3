/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/tcp_fast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * An established connection meets anything: segments with chosen fields around the interesting
 * numbers, raw frames, ICMP errors, jumps in time, a user who sends, reads and closes.  Input: a
 * byte of options, then steps of one byte and its arguments.
 *
 * The peer's stream is a fixed function of the position, and intact segments carry just that (the
 * checksum cannot tell); so whatever becomes readable must be the stream, in order, from the start.
 * Segments that lie carry something else, but only where the stream has arrived.
 * Frames we send have correct lengths and sums and carry our own stream; tcp_check() always holds.
 */
enum {
	CAP = 1600,
	RX_BYTES = 8192,
	TX_BYTES = 4096,
	STEPS_MAX = 400,
	ISN = 0xfffff800, // wraps soon
	PEER_ISN = 0x7ffffc00,
	LOCAL_IP = 0x0a000001,
	PEER_IP = 0x0a000002,
	LOCAL_PORT = 40000,
	PEER_PORT = 26488,
};

static struct {
	const uint8_t *in, *end;
	struct tcp c;
	uint64_t now_ns;
	uint32_t sent;      // bytes of our stream given to the connection
	uint32_t read;      // bytes of the peer's stream read
	uint32_t told_edge; // furthest right edge we ever announced, a sequence number
	bool told;
	uint8_t rx[RX_BYTES];
	uint8_t tx[TX_BYTES];
} z;

static uint32_t
take(unsigned bytes)
{
	uint32_t x = 0;

	for (; bytes; bytes--)
		x = x << 8 | (z.in < z.end ? *z.in++ : 0);
	return x;
}

static uint8_t
stream_byte(uint32_t pos, bool peers)
{
	return (uint8_t)(pos * 167 + (pos >> 8) * 13 + (peers ? 5 : 0));
}

static void
must_hold(bool ok)
{
	if (!ok)
		abort();
}

/* A frame we send: intact, ours, and its payload is our stream at the place it claims. */
static void
frame_judge(const uint8_t *f, uint16_t len, uint16_t cap)
{
	const struct tcp_head *t;
	struct eth_ip e;
	uint32_t head_len, edge;

	must_hold(len <= cap);
	must_hold(eth_ip_walk(f, len, false, &e) == ETH_IP_L4);
	must_hold(e.l4 + e.l4_len == f + len && e.proto == IP_PROTO_TCP && eth_ip_l4_sum_ok(&e));
	must_hold(be32_get(e.src) == LOCAL_IP && be32_get(e.dst) == PEER_IP);
	t = (const struct tcp_head *)e.l4;
	head_len = (t->data_off >> 4) * 4u;
	must_hold(head_len >= sizeof(*t) && head_len <= e.l4_len);
	if (t->flags & (TCP_FLAG_SYN | TCP_FLAG_RST))
		return;
	for (uint32_t i = head_len; i < e.l4_len; i++) {
		const uint32_t pos = be32_get(t->seq) - ISN - 1 + i - head_len;

		must_hold(pos < z.sent && e.l4[i] == stream_byte(pos, false));
	}
	edge = be32_get(t->ack) + ((uint32_t)be16_get(t->window) << z.c.rcv_wscale);
	if ((int32_t)(edge - z.told_edge) > 0)
		z.told_edge = edge;
}

static void
drain(void)
{
	uint8_t f[CAP];
	uint16_t len;

	for (int i = 0; i < 400; i++) {
		len = tcp_next_frame(&z.c, f, sizeof(f), z.now_ns);
		must_hold(tcp_check(&z.c));
		if (len == 0)
			return;
		frame_judge(f, len, sizeof(f));
	}
	abort(); // it never has that much to say without hearing something
}

static size_t
segment_put(uint8_t *f, uint32_t seq, uint32_t ack, uint8_t flags, uint16_t wnd, uint16_t len,
	    const uint8_t *opt, uint8_t opt_len, bool intact)
{
	struct eth_head *eth = (struct eth_head *)f;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(*t) + opt_len + len);
	const uint32_t data_seq = seq + !!(flags & TCP_FLAG_SYN);

	memset(f, 0, sizeof(*eth) + sizeof(*ip) + sizeof(*t));
	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(PEER_IP);
	ip->dst = be32_of(LOCAL_IP);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	t->src_port = be16_of(PEER_PORT);
	t->dst_port = be16_of(LOCAL_PORT);
	t->seq = be32_of(seq);
	t->ack = be32_of(ack);
	t->data_off = (uint8_t)((sizeof(*t) + opt_len) / 4 << 4);
	t->flags = flags;
	t->window = be16_of(wnd);
	memcpy(t + 1, opt, opt_len);
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)(t + 1))[opt_len + i] = stream_byte(data_seq + i - PEER_ISN - 1, true);
	t->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), t, l4_len));
	if (!intact) // other bytes than the sum is of: must not be delivered
		((uint8_t *)(t + 1))[opt_len + len - 1] ^= 0x40;
	return sizeof(*eth) + sizeof(*ip) + l4_len;
}

/* A number near one that matters. */
static uint32_t
near(uint32_t base)
{
	const uint32_t how = take(1);

	return how < 128 ? base + (how & 7) * (how >> 3) - (how & 3)
			 : base + take(4) * (how & 1) + (int16_t)take(2);
}

static void
step_segment(bool intact)
{
	static const uint8_t FLAGS[16] = { 0x10, 0x10, 0x10, 0x10, 0x18, 0x18, 0x10, 0x10,
					   0x11, 0x04, 0x02, 0x12, 0x00, 0x14, 0x31, 0xff };
	const uint32_t shape = take(1);
	const uint32_t seq = shape & 16 ? near(z.c.rcv_nxt) : near(z.c.rcv_adv);
	const uint32_t ack = shape & 32 ? near(z.c.snd_nxt) : near(z.c.snd_una);
	const uint16_t wnd = (uint16_t)(shape & 64 ? take(2) : 60000);
	uint16_t len = (uint16_t)(shape & 128 ? take(2) % 1400 : 0);
	uint8_t f[CAP], opt[40] = { 0 };
	uint8_t opt_len = 0;
	size_t bytes;

	if (take(1) & 1) {
		opt_len = (uint8_t)(take(1) % 11 * 4);
		for (unsigned i = 0; i < opt_len; i++)
			opt[i] = (uint8_t)take(1);
	} else if (z.c.ts_on) {
		const be32 ts = be32_of(near(z.c.ts_recent));

		opt_len = 12;
		memcpy(opt, "\x01\x01\x08\x0a", 4);
		memcpy(opt + 4, ts.b, 4);
	} else if (z.c.sack_on && shape & 8) {
		const be32 a = be32_of(near(z.c.snd_una)), b = be32_of(near(z.c.snd_nxt));

		opt_len = 12;
		memcpy(opt, "\x01\x01\x05\x0a", 4);
		memcpy(opt + 4, a.b, 4);
		memcpy(opt + 8, b.b, 4);
	}
	if (!intact && len + opt_len == 0)
		len = 1;
	bytes = segment_put(f, seq, ack, FLAGS[shape & 15], wnd, len, opt, opt_len, intact);
	tcp_on_frame(&z.c, f, (uint16_t)bytes, false, z.now_ns);
}

/* Another stream over bytes that have arrived: what came first stays. */
static void
step_liar(void)
{
	const struct tcp_range *g = &z.c.gap[take(1) % z.c.gap_cnt];
	const uint32_t have = g->end_seq - g->start_seq;
	const uint32_t from = take(2) % have;
	uint32_t len = 1 + take(2) % (have - from);
	uint8_t f[CAP], opt[12] = { 1, 1, 8, 10 };
	const be32 ts = be32_of(z.c.ts_recent);
	struct tcp_head *t =
		(struct tcp_head *)(f + sizeof(struct eth_head) + sizeof(struct ipv4_head));
	size_t bytes;

	if (len > 1400)
		len = 1400;
	memcpy(opt + 4, ts.b, 4);
	bytes = segment_put(f, g->start_seq + from, z.c.snd_una, TCP_FLAG_ACK, 60000, (uint16_t)len,
			    opt, z.c.ts_on ? 12 : 0, true);
	for (uint32_t i = 0; i < len; i++)
		f[bytes - 1 - i] ^= 0x5a;
	t->sum = be16_of(0);
	t->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(be32_of(PEER_IP), be32_of(LOCAL_IP), IP_PROTO_TCP,
					   (uint16_t)(bytes - ((uint8_t *)t - f))),
			     t, bytes - (size_t)((uint8_t *)t - f)));
	tcp_on_frame(&z.c, f, (uint16_t)bytes, false, z.now_ns);
}

/* What is readable is the peer's stream, and not more of it than we allowed.  Returns how much. */
static uint32_t
readable_judge(void)
{
	const uint8_t *p;
	const uint32_t len = tcp_peek(&z.c, &p);

	must_hold(len <= RX_BYTES / 2 && p >= z.rx && p + len <= z.rx + RX_BYTES);
	must_hold(len == 0 || (int32_t)(z.c.rcv_isn + 1 + z.read + len - z.told_edge) <= 0);
	for (uint32_t i = 0; i < len; i++)
		must_hold(p[i] == stream_byte(z.c.rcv_isn + z.read + i - PEER_ISN, true));
	return len;
}

static void
step_read(void)
{
	const uint32_t len = readable_judge();
	const uint32_t want = take(2);

	tcp_consume(&z.c, want);
	z.read += want < len ? want : len;
}

static void
step_send(bool fast)
{
	const uint16_t want = (uint16_t)(take(2) % 1500);
	uint8_t f[TCP_HEAD_MAX + 1500];
	uint8_t *p = tcp_frame_start(&z.c, f);
	uint16_t len;

	for (uint32_t i = 0; i < want; i++)
		p[i] = stream_byte(z.sent + i, false);
	if (!fast) {
		z.sent += tcp_send(&z.c, p, want);
		return;
	}
	len = tcp_frame_finish(&z.c, f, want, z.now_ns);
	if (len == 0)
		return;
	z.sent += want;
	frame_judge(f, len, sizeof(f));
}

static void
step_icmp(void)
{
	uint8_t b[48] = { 0 };
	struct icmp_head *h = (struct icmp_head *)b;
	struct ipv4_head *ip = (struct ipv4_head *)(h + 1);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	struct eth_ip e = { .l4 = b, .proto = IP_PROTO_ICMP };

	h->type = (uint8_t)(take(1) % 13);
	h->code = (uint8_t)(take(1) % 6);
	h->seq_or_mtu = be16_of((uint16_t)take(2));
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)take(2));
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(LOCAL_IP);
	ip->dst = be32_of(PEER_IP);
	t->src_port = be16_of(LOCAL_PORT);
	t->dst_port = be16_of(PEER_PORT);
	t->seq = be32_of(near(z.c.snd_una));
	e.l4_len = (uint16_t)(36 - (take(1) & 1) * take(1) % 37);
	tcp_on_icmp(&z.c, &e, z.now_ns);
}

static void
step_raw(void)
{
	uint8_t f[256];
	struct eth_ip e;
	uint16_t len = (uint16_t)(take(1));

	for (uint16_t i = 0; i < len; i++)
		f[i] = (uint8_t)take(1);
	/* By chance or by a clever fuzzer it could be intact and carry another stream. */
	if (eth_ip_walk(f, len, false, &e) == ETH_IP_L4 && tcp_is_mine(&z.c, &e) &&
	    eth_ip_l4_sum_ok(&e))
		return;
	tcp_on_frame(&z.c, f, len, false, z.now_ns);
}

static void
step(void)
{
	switch (take(1) & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		step_segment(true);
		break;
	case 4:
		if (z.c.gap_cnt != 0)
			step_liar();
		else
			step_segment(true);
		break;
	case 5:
		step_segment(false);
		break;
	case 6:
		step_read();
		break;
	case 7:
	case 8:
		step_send(true);
		break;
	case 9:
		step_send(false);
		break;
	case 10:
		z.now_ns += (uint64_t)take(2) << (take(1) % 24);
		tcp_advance(&z.c, z.now_ns);
		break;
	case 11: {
		const uint64_t next_ns = tcp_advance(&z.c, z.now_ns);

		must_hold(next_ns > z.now_ns); // a lane that obeys it does not spin
		if (next_ns != UINT64_MAX)
			tcp_advance(&z.c, z.now_ns = next_ns);
		break;
	}
	case 12:
		step_icmp();
		break;
	case 13:
		step_raw();
		break;
	case 14: {
		const uint32_t how = take(1);

		if (how < 64)
			tcp_shutdown(&z.c, z.now_ns);
		else if (how < 96)
			tcp_close(&z.c, z.now_ns);
		else if (how < 100)
			tcp_abort(&z.c, z.now_ns);
		break;
	}
	default:
		drain();
	}
	must_hold(tcp_check(&z.c));
	if (!z.told && z.c.state > TCP_STATE_SYN_SENT) { // the window of our SYN
		z.told = true;
		z.told_edge = z.c.rcv_isn + 1 + RX_BYTES / 2;
	}
	readable_judge();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ALL[] = {
		2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7
	};
	uint8_t f[CAP];
	uint32_t how;
	struct tcp_config k = {
		.local_ip = LOCAL_IP,
		.peer_ip = PEER_IP,
		.local_port = LOCAL_PORT,
		.peer_port = PEER_PORT,
		.isn_fixed = true,
		.isn = ISN,
		.rto_min_ns = 1000000,
		.rx_buf = z.rx,
		.rx_buf_bytes = RX_BYTES,
		.tx_buf = z.tx,
		.tx_buf_bytes = TX_BYTES,
	};

	z.in = data;
	z.end = data + size;
	z.now_ns = 1000000;
	z.sent = z.read = 0;
	z.told = false;
	how = take(1);
	k.timestamps = how & 1;
	k.sack = how & 2;
	k.tail_probe = !(how & 64);
	k.black_hole_rtos = how & 128 ? 2 : 0;
	k.window_scaling = how & 4;
	k.cwnd_fixed_bytes = how & 8 ? 3000 : 0;
	k.keepalive_idle_ns = how & 16 ? 1000000000 : 0;
	must_hold(tcp_init(&z.c, &k) == 0);
	must_hold(tcp_connect(&z.c, z.now_ns));
	if (!(how & 32)) { // else the hostile segments meet SYN_SENT
		drain();
		tcp_on_frame(&z.c, f,
			     (uint16_t)segment_put(f, PEER_ISN, ISN + 1,
						   TCP_FLAG_SYN | TCP_FLAG_ACK, 60000, 0, ALL,
						   sizeof(ALL), true),
			     false, z.now_ns);
		must_hold(tcp_state_of(&z.c) == TCP_STATE_ESTABLISHED);
		z.told = true;
		z.told_edge = (uint32_t)PEER_ISN + 1 + RX_BYTES / 2;
	} else {
		z.c.rcv_nxt = PEER_ISN; // where near() looks
	}
	for (int i = 0; i < STEPS_MAX && z.in < z.end; i++)
		step();
	drain();
	return 0;
}
