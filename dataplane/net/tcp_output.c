/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_fast.h"
#include "net/tcp_internal.h"

/*
 * Everything the fast path does not send: SYN, FIN, reset, pure acknowledgements, probes, queued
 * and retransmitted data.
 */

/* A frame being written. */
struct out {
	uint8_t *buf;
	uint16_t cap;
};

static uint8_t *
opt_put(uint8_t *p, uint8_t kind, uint8_t len)
{
	p[0] = kind;
	p[1] = len;
	return p + 2;
}

static uint8_t *
opt_put32(uint8_t *p, uint32_t x)
{
	const be32 v = be32_of(x);

	memcpy(p, v.b, sizeof(v));
	return p + sizeof(v);
}

static uint8_t *
opt_put_timestamps(const struct tcp *c, uint8_t *p)
{
	*p++ = TCP_OPT_NOP;
	*p++ = TCP_OPT_NOP;
	p = opt_put(p, TCP_OPT_TIMESTAMP, 10);
	p = opt_put32(p, tcp_timestamp(c, c->now_ns));
	return opt_put32(p, c->ts_recent);
}

/* What we offer, or in a SYN|ACK agree to. */
static COLD uint8_t *
opt_put_syn(const struct tcp *c, uint8_t *p)
{
	const bool offer = c->state == TCP_STATE_SYN_SENT;

	p = opt_put(p, TCP_OPT_MSS, 4);
	*p++ = (uint8_t)(c->config.mss >> 8);
	*p++ = (uint8_t)c->config.mss;
	if (offer ? c->config.sack : c->sack_on) {
		*p++ = TCP_OPT_NOP;
		*p++ = TCP_OPT_NOP;
		p = opt_put(p, TCP_OPT_SACK_PERMITTED, 2);
	}
	if (offer ? c->config.timestamps : c->ts_on)
		p = opt_put_timestamps(c, p);
	if (offer ? c->config.window_scaling : c->wscale_on) {
		*p++ = TCP_OPT_NOP;
		p = opt_put(p, TCP_OPT_WSCALE, 3);
		*p++ = c->rcv_wscale_offer;
	}
	return p;
}

static COLD uint8_t *
opt_put_sack(struct tcp *c, uint8_t *p)
{
	struct tcp_range block[TCP_SACK_BLOCKS_MAX];
	const unsigned max = c->ts_on ? TCP_SACK_BLOCKS_MAX - 1 : TCP_SACK_BLOCKS_MAX;
	unsigned cnt = 0;

	if (c->dup_seen) { // what arrived twice comes first (RFC 2883 4)
		block[cnt++] = c->dup;
		c->dup_seen = false;
		metric_add(&c->metrics.duplicate_reported, 1);
	}
	cnt += tcp_gaps_report(c, block + cnt, max - cnt);

	*p++ = TCP_OPT_NOP;
	*p++ = TCP_OPT_NOP;
	p = opt_put(p, TCP_OPT_SACK, (uint8_t)(2 + 8 * cnt));
	for (unsigned i = 0; i < cnt; i++) {
		p = opt_put32(p, block[i].start_seq);
		p = opt_put32(p, block[i].end_seq);
	}
	return p;
}

/* Copies queued bytes out of the ring. */
static void
store_get(const struct tcp *c, uint32_t seq, uint8_t *to, uint32_t len)
{
	const uint32_t at = (seq - c->isn - 1) & c->tx_mask;
	const uint32_t first = c->tx_mask + 1 - at;

	if (likely(len <= first)) {
		memcpy(to, c->tx_buf + at, len);
		return;
	}
	memcpy(to, c->tx_buf + at, first);
	memcpy(to + first, c->tx_buf, len - first);
}

/* Writes the whole frame.  ack is ignored without the flag; len bytes come from the store. */
static uint16_t
frame_put(struct tcp *c, struct out o, uint32_t seq, uint32_t ack, uint8_t flags, uint32_t len)
{
	const bool syn = flags & TCP_FLAG_SYN, rst = flags & TCP_FLAG_RST;
	struct ipv4_head *ip = (struct ipv4_head *)(o.buf + c->l3_off);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	uint8_t *p = (uint8_t *)(t + 1);
	uint16_t window = c->window_field;
	uint16_t l4_len;

	memcpy(o.buf, c->head, c->l3_off + sizeof(*ip));
	if (syn) {
		window = c->rx_window > UINT16_MAX ? UINT16_MAX : (uint16_t)c->rx_window;
		p = opt_put_syn(c, p);
	} else if (!rst) {
		if (c->ts_on)
			p = opt_put_timestamps(c, p);
		if (len == 0 && c->sack_on && (c->gap_cnt || c->dup_seen))
			p = opt_put_sack(c, p);
	}
	*t = (struct tcp_head){
		.src_port = be16_of(c->config.local_port),
		.dst_port = be16_of(c->config.peer_port),
		.seq = be32_of(seq),
		.data_off = (uint8_t)((p - (uint8_t *)t) / 4 << 4),
		.flags = flags,
		.window = be16_of(rst ? 0 : window),
	};
	if (flags & TCP_FLAG_ACK)
		t->ack = be32_of(ack);
	store_get(c, seq, p, len);
	l4_len = (uint16_t)(p + len - (uint8_t *)t);
	ip->total_len = be16_of((uint16_t)(l4_len + sizeof(*ip)));
	ip->id = be16_of(c->ip_id++);
	ip->sum = ip_sum_finish(ip_sum_be16(ip_sum_be16(c->head_ip_sum, ip->total_len), ip->id));
	t->sum = ip_sum_fold(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len));
	if (!c->sum_offload)
		t->sum =
			ip_sum_finish(ip_sum_bytes(0, t, l4_len)); // the field holds the pseudo sum
	metric_add(&c->metrics.segment_sent, 1);
	return (uint16_t)(p + len - o.buf);
}

/* A segment of the connection: acknowledges all that came in. */
static uint16_t
segment_put(struct tcp *c, struct out o, uint32_t seq, uint8_t flags, uint32_t len)
{
	const uint16_t bytes = frame_put(c, o, seq, c->rcv_nxt, flags | TCP_FLAG_ACK, len);

	c->last_ack_sent = c->rcv_nxt;
	if (!(flags & TCP_FLAG_SYN))
		c->rcv_adv = c->rcv_adv_next;
	if (len == 0 || c->gap_cnt == 0)
		c->ack_pending = false; // a gap is reported by a segment without data
	return bytes;
}

/* Something that must be acknowledged is leaving. */
static void
timers_start(struct tcp *c)
{
	c->last_tx_ns = c->now_ns;
	if (c->rto_deadline_ns)
		return;
	c->rto_deadline_ns = c->now_ns + c->rto_ns;
	c->progress_ns = c->now_ns;
}

static COLD uint16_t
syn_put(struct tcp *c, struct out o)
{
	uint16_t bytes;

	c->syn_due = false;
	c->snd_nxt = c->isn + 1;
	if (c->syn_resent) {
		metric_add(&c->metrics.segment_retransmitted, 1);
	} else if (!c->rtt_running) {
		c->rtt_running = true;
		c->rtt_seq = c->snd_nxt;
		c->rtt_start_ns = c->now_ns;
	}
	if (c->state == TCP_STATE_SYN_SENT)
		bytes = frame_put(c, o, c->isn, 0, TCP_FLAG_SYN, 0);
	else
		bytes = segment_put(c, o, c->isn, TCP_FLAG_SYN, 0);
	timers_start(c);
	return bytes;
}

static COLD uint16_t
rst_put(struct tcp *c, struct out o)
{
	c->rst_due = false;
	metric_add(&c->metrics.rst_sent, 1);
	return frame_put(c, o, c->rst_seq, c->rst_ack,
			 TCP_FLAG_RST | (c->rst_with_ack ? TCP_FLAG_ACK : 0), 0);
}

/* Bytes that fit into one segment of this frame buffer. */
static uint32_t
segment_max(const struct tcp *c, struct out o)
{
	const uint32_t room = (uint32_t)o.cap - c->head_len;

	return room < c->mss_eff ? room : c->mss_eff;
}

static COLD uint16_t
again_put(struct tcp *c, struct out o, uint32_t seq, uint32_t len)
{
	uint32_t data_len = len;
	uint8_t flags = 0;

	if (tcp_fin_sent(c) && seq + len == c->snd_nxt) {
		data_len--;
		flags = TCP_FLAG_FIN;
	}
	if (data_len && seq + data_len == c->tx_end)
		flags |= TCP_FLAG_PSH;
	if (c->rtt_running && seq_before(seq, c->rtt_seq))
		c->rtt_running = false;
	metric_add(&c->metrics.segment_retransmitted, 1);
	metric_add(&c->metrics.byte_retransmitted, data_len);
	timers_start(c);
	return segment_put(c, o, seq, flags, data_len);
}

static COLD uint16_t
rexmit_put(struct tcp *c, struct out o, bool desperate)
{
	uint32_t seq, len;

	len = tcp_rexmit_next(c, &seq, desperate);
	if (len == 0)
		return 0;
	if (!c->rexmit_now) {
		const uint32_t room = tcp_pipe(c);

		if (room + (len < c->mss_eff ? len : c->mss_eff) > c->cwnd)
			return 0;
	}
	if (len > segment_max(c, o))
		len = segment_max(c, o);
	if (c->rexmit_now && c->snd_wnd == 0)
		metric_add(&c->metrics.window_probe_sent, 1);
	c->rexmit_now = false;
	c->rexmit_seq = seq_max(c->rexmit_seq, seq + len);
	return again_put(c, o, seq, len);
}

uint32_t
tcp_new_len(const struct tcp *c)
{
	const uint32_t unsent = seq_before(c->snd_nxt, c->tx_end) ? c->tx_end - c->snd_nxt : 0;
	const uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t len = seq_before(c->snd_nxt, edge) ? edge - c->snd_nxt : 0; // usable window
	uint32_t cwnd = c->cwnd;

	if (unsent == 0)
		return 0;
	if (c->probe_len && len == 0)
		return 1;
	if (len > unsent)
		len = unsent;
	if (len > c->mss_eff)
		len = c->mss_eff;
	if (c->recovery == TCP_RECOVERY_NONE && c->dup_ack_cnt) // RFC 3042: two more segments
		cwnd += (c->dup_ack_cnt < TCP_DUP_THRESH ? c->dup_ack_cnt : TCP_DUP_THRESH - 1u) *
			c->mss_eff;
	if (tcp_pipe(c) + len > cwnd && !c->tail_due)
		return 0;
	/* Sender's silly window avoidance, without Nagle (RFC 9293 3.8.6.2.1). */
	if (len == unsent || len == c->mss_eff || c->probe_len || c->tail_due ||
	    len >= c->snd_wnd_max / 2)
		return len;
	return 0;
}

static uint16_t
data_put(struct tcp *c, struct out o)
{
	uint32_t len = tcp_new_len(c);
	uint8_t flags = 0;
	bool fin;

	if (len > segment_max(c, o))
		len = segment_max(c, o);
	fin = c->fin_wanted && c->snd_nxt + len == c->tx_end;
	if (len == 0 && !fin)
		return 0;
	if (c->snd_nxt + len == c->tx_end && len)
		flags |= TCP_FLAG_PSH;
	if (fin)
		flags |= TCP_FLAG_FIN;
	if (c->probe_len) {
		metric_add(&c->metrics.window_probe_sent, 1);
		c->probe_len = 0;
		c->persist_deadline_ns = 0;
	}
	if (c->recovery == TCP_RECOVERY_NONE && c->dup_ack_cnt)
		c->limited_bytes += len;
	timers_start(c);
	const uint32_t seq = c->snd_nxt;
	c->snd_nxt += len + fin;
	if (!c->rtt_running) {
		c->rtt_running = true;
		c->rtt_seq = c->snd_nxt;
		c->rtt_start_ns = c->now_ns;
	}
	metric_add(&c->metrics.byte_sent, len);
	return segment_put(c, o, seq, flags, len);
}

/* A probe of the tail: new data if there is some, else the last segment (RFC 8985 7.3). */
static COLD uint16_t
tail_put(struct tcp *c, struct out o)
{
	uint32_t seq, len;
	uint16_t bytes = 0;

	if (!tcp_fin_sent(c))
		bytes = data_put(c, o);
	c->tail_due = false;
	c->tail_again = bytes == 0;
	if (bytes == 0) {
		len = tcp_tail_next(c, &seq);
		if (len == 0)
			return 0;
		if (len > segment_max(c, o)) {
			seq += len - segment_max(c, o);
			len = segment_max(c, o);
		}
		bytes = again_put(c, o, seq, len);
	}
	c->tail_out = true;
	c->tail_end_seq = c->snd_nxt;
	metric_add(&c->metrics.tail_probe_sent, 1);
	return bytes;
}

/* RFC 6675 4, NextSeg rule 4. */
static COLD uint16_t
rescue_put(struct tcp *c, struct out o)
{
	uint32_t seq;
	uint32_t len = tcp_rescue_next(c, &seq);

	if (len == 0)
		return 0;
	if (len > segment_max(c, o)) {
		seq += len - segment_max(c, o);
		len = segment_max(c, o);
	}
	c->rescued = true;
	c->rescue_seq = c->recover_seq;
	metric_add(&c->metrics.rescue_retransmit, 1);
	return again_put(c, o, seq, len);
}

static uint16_t
next_of_connection(struct tcp *c, struct out o)
{
	uint16_t bytes = 0;

	if (tcp_sends_data(c)) {
		if (unlikely(c->rexmit_now || c->recovery != TCP_RECOVERY_NONE))
			bytes = rexmit_put(c, o, false);
		else if (unlikely(c->tail_due))
			bytes = tail_put(c, o);
		if (bytes == 0 && !(tcp_fin_sent(c)))
			bytes = data_put(c, o);
		if (bytes == 0 && unlikely(c->recovery == TCP_RECOVERY_FAST && c->sack_on))
			bytes = rexmit_put(c, o, true);
		if (bytes == 0 && unlikely(c->recovery == TCP_RECOVERY_FAST && c->sack_on))
			bytes = rescue_put(c, o);
		if (bytes)
			return bytes;
	}
	if (unlikely(c->keepalive_due)) {
		c->keepalive_due = false;
		metric_add(&c->metrics.keepalive_sent, 1);
		return segment_put(c, o, c->snd_nxt - 1, 0, 0); // RFC 9293 3.8.4
	}
	if (c->ack_pending)
		return segment_put(c, o, c->snd_nxt, 0, 0);
	return 0;
}

uint16_t
tcp_next_frame(struct tcp *c, uint8_t *buf, uint16_t cap, uint64_t now_ns)
{
	const struct out o = { buf, cap };
	uint16_t bytes;

	if (unlikely(cap < TCP_FRAME_MIN))
		return 0;
	tcp_now(c, now_ns);
	if (unlikely(c->rst_due))
		return rst_put(c, o);
	if (c->state == TCP_STATE_CLOSED)
		return 0;
	if (unlikely(c->state <= TCP_STATE_SYN_RECEIVED)) {
		if (c->syn_due)
			return syn_put(c, o);
		if (c->state == TCP_STATE_SYN_RECEIVED && c->ack_pending)
			return segment_put(c, o, c->snd_nxt, 0, 0);
		return 0;
	}
	bytes = next_of_connection(c, o);
	tcp_refresh(c);
	return bytes;
}
