/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "net/tcp_fast.h"
#include "net/tcp_internal.h"
#include "net/tcp_isn.h"

/* What is rare: beginning, end, timers, ICMP. */

enum {
	MSS_MIN = 64,                  // smaller ones are nonsense or an attack
	PEER_MSS_MIN = 48,             // guess: what a peer may ask for at least
	PATH_MSS_MIN = TCP_MSS_UNSAID, // below it routers may fragment instead
	MSS_ETHERNET = 1460,
};

static const uint64_t NS_PER_S = 1000000000;
static const uint64_t RTO_FLOOR_NS = 1000;

static void
default_to(uint64_t *v, uint64_t ns)
{
	if (*v == 0)
		*v = ns;
}

static bool
buffer_ok(const uint8_t *buf, uint32_t bytes, uint32_t max)
{
	return buf && bytes >= TCP_BUF_MIN && bytes <= max;
}

COLD int
tcp_init(struct tcp *c, const struct tcp_config *config)
{
	struct tcp_config *k = &c->config;

	memset(c, 0, sizeof(*c));
	*k = *config;
	if (k->mss == 0)
		k->mss = MSS_ETHERNET;
	if (k->ttl == 0)
		k->ttl = 64; // RFC 1700
	if (k->keepalive_probes == 0)
		k->keepalive_probes = 5;
	default_to(&k->rto_initial_ns, NS_PER_S);
	default_to(&k->rto_min_ns, NS_PER_S);
	default_to(&k->rto_max_ns, 60 * NS_PER_S);
	default_to(&k->connect_timeout_ns, 180 * NS_PER_S);
	default_to(&k->user_timeout_ns, 100 * NS_PER_S);
	default_to(&k->keepalive_interval_ns, NS_PER_S);
	default_to(&k->fin_wait_2_ns, 60 * NS_PER_S);
	default_to(&k->time_wait_ns, 60 * NS_PER_S);
	if (!buffer_ok(k->rx_buf, k->rx_buf_bytes, 1u << 31) ||
	    !buffer_ok(k->tx_buf, k->tx_buf_bytes, 1u << 30) ||
	    (k->tx_buf_bytes & (k->tx_buf_bytes - 1)) != 0)
		return -EINVAL;
	if (k->mss < MSS_MIN || k->vlan_id > 4094 || k->rto_min_ns < RTO_FLOOR_NS ||
	    k->rto_min_ns > k->rto_max_ns || k->rto_initial_ns > k->rto_max_ns)
		return -EINVAL;
	if (k->cwnd_fixed_bytes && k->cwnd_fixed_bytes < k->mss)
		k->cwnd_fixed_bytes = k->mss;
	if (k->cwnd_fixed_bytes > k->tx_buf_bytes)
		k->cwnd_fixed_bytes = k->tx_buf_bytes;
	c->rx_buf = k->rx_buf;
	c->tx_buf = k->tx_buf;
	c->tx_mask = k->tx_buf_bytes - 1;
	c->rx_window = k->rx_buf_bytes / 2;
	while (c->rcv_wscale_offer < TCP_WSCALE_MAX &&
	       (uint32_t)UINT16_MAX << c->rcv_wscale_offer < c->rx_window)
		c->rcv_wscale_offer++;
	c->sum_offload = k->sum_offload;
	c->path_mss = k->mss;
	c->peer_mss = TCP_MSS_UNSAID;
	c->state = TCP_STATE_CLOSED;
	tcp_mss_update(c);
	return 0;
}

COLD void
tcp_mss_update(struct tcp *c)
{
	const uint16_t mss = c->peer_mss < c->path_mss ? c->peer_mss : c->path_mss;

	c->mss_eff = (uint16_t)((mss < PEER_MSS_MIN ? PEER_MSS_MIN : mss) -
				(c->ts_on ? TCP_TS_BYTES : 0));
	tcp_template_build(c);
}

COLD void
tcp_template_build(struct tcp *c)
{
	const struct tcp_config *k = &c->config;
	struct eth_head *eth = (struct eth_head *)c->head;
	struct ipv4_head *ip;
	struct tcp_head *t;
	uint16_t tcp_len;

	memset(c->head, 0, sizeof(c->head));
	memcpy(eth->dst, k->peer_mac, sizeof(eth->dst));
	memcpy(eth->src, k->local_mac, sizeof(eth->src));
	eth->type = be16_of(k->vlan_id ? ETH_TYPE_VLAN : ETH_TYPE_IPV4);
	c->l3_off = sizeof(*eth);
	if (k->vlan_id) {
		struct vlan_tag *tag = (struct vlan_tag *)(eth + 1);

		tag->tci = be16_of(k->vlan_id);
		tag->type = be16_of(ETH_TYPE_IPV4);
		c->l3_off += (uint16_t)sizeof(*tag);
	}
	ip = (struct ipv4_head *)(c->head + c->l3_off);
	ip->version_ihl = 0x45;
	ip->tos = k->tos;
	ip->frag = be16_of(c->df_off ? 0 : IP_FRAG_DF);
	ip->ttl = k->ttl;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(k->local_ip);
	ip->dst = be32_of(k->peer_ip);
	c->head_ip_sum = ip_sum_bytes(0, ip, sizeof(*ip));

	t = (struct tcp_head *)(ip + 1);
	tcp_len = (uint16_t)(sizeof(*t) + (c->ts_on ? TCP_TS_BYTES : 0));
	t->src_port = be16_of(k->local_port);
	t->dst_port = be16_of(k->peer_port);
	t->data_off = (uint8_t)(tcp_len / 4 << 4);
	t->flags = TCP_FLAG_ACK | TCP_FLAG_PSH;
	if (c->ts_on)
		memcpy(t + 1, "\x01\x01\x08\x0a", 4); // NOP NOP timestamps, ten bytes
	c->head_tcp_sum =
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, 0), t, tcp_len);
	c->head_len = (uint16_t)(c->l3_off + sizeof(*ip) + tcp_len);
}

COLD bool
tcp_connect(struct tcp *c, uint64_t now_ns)
{
	const struct tcp_config *k = &c->config;
	const struct tcp_tuple tuple = { k->local_ip, k->peer_ip, k->local_port, k->peer_port };

	if (c->state != TCP_STATE_CLOSED || c->end != TCP_END_NONE)
		return false;
	now_ns = tcp_now(c, now_ns);
	c->isn = k->isn_fixed ? k->isn : tcp_isn_of(&tuple, k->isn_secret, now_ns);
	c->ts_offset = k->isn_fixed ? 0 : tcp_isn_of(&tuple, k->isn_secret, ~now_ns);
	c->ip_id = (uint16_t)c->isn;
	c->snd_una = c->snd_nxt = c->isn;
	c->tx_end = c->isn + 1;
	c->fast_limit_seq = c->snd_nxt;
	c->rto_ns = c->rto_base_ns = k->rto_initial_ns;
	c->state = TCP_STATE_SYN_SENT;
	c->syn_due = true;
	c->connect_deadline_ns = now_ns + k->connect_timeout_ns;
	return true;
}

COLD void
tcp_set_peer_mac(struct tcp *c, const uint8_t mac[ETH_ADDR_BYTES])
{
	memcpy(c->config.peer_mac, mac, ETH_ADDR_BYTES);
	tcp_template_build(c);
}

/* The window to announce, without ever taking back what was announced. */
static void
window_refresh(struct tcp *c)
{
	const uint32_t field_max = (uint32_t)UINT16_MAX << c->rcv_wscale;
	const uint32_t free = c->rx_window - c->rx_len;
	const uint32_t step = c->rx_window / 2 < c->config.mss ? c->rx_window / 2 : c->config.mss;
	uint32_t edge = c->rcv_nxt + (free < field_max ? free : field_max);
	uint32_t field;

	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt); // a FIN needs no window
	if ((int32_t)(edge - c->rcv_adv) < (int32_t)step)
		edge = c->rcv_adv; // receiver's silly window avoidance (RFC 9293 3.8.6.2.2)
	field = (edge - c->rcv_nxt) >> c->rcv_wscale;
	c->window_field = (uint16_t)(field < UINT16_MAX ? field : UINT16_MAX);
	c->rcv_adv_next =
		seq_max(c->rcv_adv, c->rcv_nxt + ((uint32_t)c->window_field << c->rcv_wscale));
}

static void
fast_refresh(struct tcp *c)
{
	uint32_t most = c->snd_wnd < c->cwnd ? c->snd_wnd : c->cwnd;

	c->fast_limit_seq = c->snd_nxt;
	if (!tcp_can_send(c) || c->recovery != TCP_RECOVERY_NONE || c->rexmit_now ||
	    c->snd_nxt != c->tx_end)
		return;
	if (most > c->tx_mask + 1)
		most = c->tx_mask + 1;
	c->fast_limit_seq = c->snd_una + most;
}

/* Runs while the peer's window holds back all we have (RFC 9293 3.8.6.1). */
static void
persist_refresh(struct tcp *c)
{
	if (likely(c->snd_nxt == c->tx_end) || !tcp_sends_data(c) || tcp_in_flight(c) != 0 ||
	    tcp_fin_sent(c) || tcp_new_len(c) != 0) {
		c->persist_deadline_ns = 0;
		return;
	}
	if (c->persist_deadline_ns == 0 && c->probe_len == 0) {
		c->persist_deadline_ns = c->now_ns + c->rto_ns;
		c->progress_ns = c->now_ns;
	}
}

void
tcp_refresh(struct tcp *c)
{
	window_refresh(c);
	fast_refresh(c);
	persist_refresh(c);
}

COLD void
tcp_finish(struct tcp *c, enum tcp_end why)
{
	c->state = TCP_STATE_CLOSED;
	c->end = (uint8_t)why;
	c->fast_limit_seq = c->snd_nxt;
	c->rto_deadline_ns = c->persist_deadline_ns = c->keepalive_deadline_ns = 0;
	c->connect_deadline_ns = c->close_deadline_ns = 0;
	c->ack_pending = c->rexmit_now = c->syn_due = c->keepalive_due = false;
	c->rtt_running = false;
	c->probe_len = 0;
	c->tail_due = c->tail_out = c->dup_seen = false;
	c->recovery = TCP_RECOVERY_NONE;
	c->gap_cnt = c->sacked_cnt = 0;
}

COLD void
tcp_rst_queue(struct tcp *c, uint32_t seq, bool with_ack, uint32_t ack)
{
	c->rst_due = true;
	c->rst_seq = seq;
	c->rst_with_ack = with_ack;
	c->rst_ack = ack;
}

COLD void
tcp_finish_with_rst(struct tcp *c, enum tcp_end why)
{
	tcp_rst_queue(c, c->snd_nxt, true, c->rcv_nxt);
	tcp_finish(c, why);
}

uint32_t
tcp_send_room(const struct tcp *c)
{
	const uint32_t base = c->snd_una == c->isn ? c->isn + 1 : c->snd_una;

	if (c->state == TCP_STATE_CLOSED || c->fin_wanted || c->state > TCP_STATE_CLOSE_WAIT)
		return 0;
	return c->tx_mask + 1 - (c->tx_end - base);
}

uint32_t
tcp_send(struct tcp *c, const uint8_t *data, uint32_t len)
{
	const uint32_t room = tcp_send_room(c);

	tcp_frames_sent(c);
	if (len > room)
		len = room;
	if (len == 0)
		return 0;
	tcp_store_put(c, c->tx_end, data, len);
	c->tx_end += len;
	if (c->state > TCP_STATE_SYN_RECEIVED)
		tcp_refresh(c);
	return len;
}

COLD void
tcp_shutdown(struct tcp *c, uint64_t now_ns)
{
	tcp_now(c, now_ns);
	if (c->fin_wanted)
		return;
	switch (c->state) {
	case TCP_STATE_SYN_SENT:
		tcp_finish(c, TCP_END_ABORTED);
		return;
	case TCP_STATE_SYN_RECEIVED: // becomes FIN_WAIT_1 when established
		c->fin_wanted = true;
		return;
	case TCP_STATE_ESTABLISHED:
		c->state = TCP_STATE_FIN_WAIT_1;
		break;
	case TCP_STATE_CLOSE_WAIT:
		c->state = TCP_STATE_LAST_ACK;
		break;
	default:
		return;
	}
	c->fin_wanted = true;
	tcp_refresh(c);
}

COLD void
tcp_close(struct tcp *c, uint64_t now_ns)
{
	tcp_now(c, now_ns);
	if (c->state == TCP_STATE_CLOSED)
		return;
	c->closed_by_user = true;
	if (c->rx_len && c->state >= TCP_STATE_ESTABLISHED && c->state <= TCP_STATE_CLOSE_WAIT) {
		tcp_finish_with_rst(c, TCP_END_ABORTED);
		return;
	}
	tcp_shutdown(c, now_ns);
	if (c->state == TCP_STATE_FIN_WAIT_2)
		c->close_deadline_ns = c->now_ns + c->config.fin_wait_2_ns;
}

COLD void
tcp_abort(struct tcp *c, uint64_t now_ns)
{
	tcp_now(c, now_ns);
	if (c->state == TCP_STATE_CLOSED)
		return;
	if (c->state >= TCP_STATE_SYN_RECEIVED && c->state <= TCP_STATE_CLOSE_WAIT)
		tcp_finish_with_rst(c, TCP_END_ABORTED);
	else
		tcp_finish(c, TCP_END_ABORTED); // RFC 9293 3.10.5: these need no reset
}

static COLD void
keepalive_expired(struct tcp *c)
{
	if (tcp_in_flight(c) || c->snd_nxt != c->tx_end + tcp_fin_sent(c)) {
		c->keepalive_deadline_ns = c->now_ns + c->config.keepalive_idle_ns;
		return; // the retransmission timer watches the peer
	}
	if (c->keepalive_cnt == c->config.keepalive_probes) {
		tcp_finish_with_rst(c, TCP_END_KEEPALIVE);
		return;
	}
	c->keepalive_cnt++;
	c->keepalive_due = true;
	c->keepalive_deadline_ns = c->now_ns + c->config.keepalive_interval_ns;
}

static uint64_t
user_deadline(const struct tcp *c)
{
	if (c->state <= TCP_STATE_SYN_RECEIVED ||
	    (c->rto_deadline_ns == 0 && c->persist_deadline_ns == 0))
		return 0;
	return c->progress_ns + c->config.user_timeout_ns;
}

static bool
is_due(const struct tcp *c, uint64_t deadline_ns)
{
	return deadline_ns != 0 && deadline_ns <= c->now_ns;
}

static COLD void
timers_run(struct tcp *c)
{
	if (is_due(c, c->connect_deadline_ns)) {
		tcp_finish(c, TCP_END_CONNECT);
		return;
	}
	if (is_due(c, c->close_deadline_ns)) {
		tcp_finish(c, c->state == TCP_STATE_TIME_WAIT ? TCP_END_CLOSED : TCP_END_TIMEOUT);
		return;
	}
	if (is_due(c, user_deadline(c))) {
		tcp_finish_with_rst(c, TCP_END_TIMEOUT);
		return;
	}
	if (is_due(c, tcp_tail_deadline(c))) {
		c->tail_due = true;
		c->rto_deadline_ns = c->now_ns + c->rto_ns;
	} else if (is_due(c, c->rto_deadline_ns)) {
		tcp_recovery_on_rto(c);
		c->rto_deadline_ns = c->now_ns + c->rto_ns;
	}
	if (is_due(c, c->persist_deadline_ns)) {
		c->persist_deadline_ns = 0;
		c->probe_len = 1;
	}
	if (is_due(c, c->keepalive_deadline_ns))
		keepalive_expired(c);
}

static uint64_t
earlier(uint64_t at_ns, uint64_t deadline_ns)
{
	return deadline_ns != 0 && deadline_ns < at_ns ? deadline_ns : at_ns;
}

uint64_t
tcp_advance(struct tcp *c, uint64_t now_ns)
{
	uint64_t at_ns = UINT64_MAX;

	now_ns = tcp_now(c, now_ns);
	if (c->state == TCP_STATE_CLOSED)
		return UINT64_MAX;
	timers_run(c);
	if (c->state >= TCP_STATE_ESTABLISHED) {
		if (tcp_in_flight(c) == 0 && now_ns - c->last_tx_ns > c->rto_ns)
			tcp_recovery_on_idle(c);
		tcp_refresh(c);
	}
	at_ns = earlier(at_ns, c->connect_deadline_ns);
	at_ns = earlier(at_ns, c->close_deadline_ns);
	at_ns = earlier(at_ns, user_deadline(c));
	at_ns = earlier(at_ns, c->rto_deadline_ns);
	at_ns = earlier(at_ns, tcp_tail_deadline(c));
	at_ns = earlier(at_ns, c->persist_deadline_ns);
	return earlier(at_ns, c->keepalive_deadline_ns);
}

/* RFC 1191 7.1: likely sizes of links, for routers that do not tell theirs. */
static uint16_t
plateau_below(uint16_t mtu)
{
	static const uint16_t PLATEAU[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

	for (size_t i = 0; i < ARRAY_CNT(PLATEAU); i++)
		if (PLATEAU[i] < mtu)
			return PLATEAU[i];
	return 68;
}

static COLD void
mtu_lower(struct tcp *c, uint16_t mtu, uint16_t quoted_len)
{
	uint16_t mss;

	if (mtu == 0)
		mtu = plateau_below(quoted_len);
	mss = mtu > TCP_IP_TCP_BYTES ? (uint16_t)(mtu - TCP_IP_TCP_BYTES) : 0;
	if (mss < PATH_MSS_MIN) {
		mss = PATH_MSS_MIN;
		c->df_off = true;
	}
	if (mss > c->path_mss || (mss == c->path_mss && !c->df_off)) {
		metric_add(&c->metrics.icmp_ignored, 1);
		return;
	}
	metric_add(&c->metrics.icmp_mtu_lowered, 1);
	c->path_mss = mss;
	tcp_mss_update(c);
	if (c->state > TCP_STATE_SYN_RECEIVED) {
		tcp_recovery_on_mtu(c);
		tcp_refresh(c);
	}
}

COLD void
tcp_mtu_black_hole(struct tcp *c)
{
	uint16_t mss = c->path_mss / 2;

	if (mss < PATH_MSS_MIN)
		mss = PATH_MSS_MIN;
	if (mss >= c->mss_eff)
		return;
	metric_add(&c->metrics.mtu_black_hole, 1);
	c->path_mss = mss;
	tcp_mss_update(c);
}

/* True when the packet quoted by an ICMP error is a segment we have in flight. */
static COLD bool
icmp_quotes_us(const struct tcp *c, const uint8_t *quote, size_t len)
{
	const struct ipv4_head *ip = (const struct ipv4_head *)quote;
	const struct tcp_head *t;
	size_t head_len;
	uint32_t seq;

	if (len < sizeof(*ip))
		return false;
	head_len = (size_t)(ip->version_ihl & 15) * 4;
	if (ip->version_ihl >> 4 != 4 || head_len < sizeof(*ip) || len < head_len + 8 ||
	    ip->proto != IP_PROTO_TCP)
		return false;
	t = (const struct tcp_head *)(quote + head_len); // eight bytes of it: ports and sequence
	if (be32_get(ip->src) != c->config.local_ip || be32_get(ip->dst) != c->config.peer_ip ||
	    be16_get(t->src_port) != c->config.local_port ||
	    be16_get(t->dst_port) != c->config.peer_port)
		return false;
	seq = be32_get(t->seq);
	return seq_up_to(c->snd_una, seq) && seq_before(seq, c->snd_nxt);
}

COLD bool
tcp_on_icmp(struct tcp *c, const struct eth_ip *e, uint64_t now_ns)
{
	const struct icmp_head *h = (const struct icmp_head *)e->l4;
	const uint8_t *quote = e->l4 + sizeof(*h);

	tcp_now(c, now_ns);
	if (e->proto != IP_PROTO_ICMP || e->l4_len < sizeof(*h))
		return false;
	if (c->state == TCP_STATE_CLOSED || !icmp_quotes_us(c, quote, e->l4_len - sizeof(*h))) {
		metric_add(&c->metrics.icmp_ignored, 1);
		return false;
	}
	if (h->type == ICMP_UNREACHABLE && h->code == ICMP_CODE_FRAG_NEEDED) {
		mtu_lower(c, be16_get(h->seq_or_mtu),
			  be16_get(((const struct ipv4_head *)quote)->total_len));
		return true;
	}
	if (h->type == ICMP_UNREACHABLE && c->state == TCP_STATE_SYN_SENT &&
	    (h->code == ICMP_CODE_PROTOCOL || h->code == ICMP_CODE_PORT)) {
		metric_add(&c->metrics.icmp_hard, 1);
		tcp_finish(c, TCP_END_UNREACHABLE);
		return true;
	}
	if (h->type != ICMP_UNREACHABLE && h->type != ICMP_TIME_EXCEEDED &&
	    h->type != ICMP_PARAMETER) {
		metric_add(&c->metrics.icmp_ignored, 1); // source quench: RFC 6633
		return true;
	}
	metric_add(&c->metrics.icmp_soft, 1);
	c->soft_icmp_type = h->type;
	c->soft_icmp_code = h->code;
	return true;
}

COLD const char *
tcp_state_name(enum tcp_state s)
{
	static const char *const NAME[TCP_STATE_CNT] = {
		"CLOSED",     "SYN_SENT",   "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1",
		"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",      "LAST_ACK",    "TIME_WAIT",
	};

	return (unsigned)s < TCP_STATE_CNT ? NAME[s] : "?";
}

COLD const char *
tcp_end_name(enum tcp_end e)
{
	static const char *const NAME[TCP_END_CNT] = {
		[TCP_END_NONE] = "not ended",
		[TCP_END_CLOSED] = "closed by both sides",
		[TCP_END_REFUSED] = "refused by the peer",
		[TCP_END_RESET] = "reset by the peer",
		[TCP_END_ABORTED] = "reset by us",
		[TCP_END_CONNECT] = "no answer to the SYN",
		[TCP_END_TIMEOUT] = "peer acknowledges no data",
		[TCP_END_KEEPALIVE] = "peer answers no keep-alive",
		[TCP_END_UNREACHABLE] = "ICMP says unreachable",
	};

	return (unsigned)e < TCP_END_CNT ? NAME[e] : "?";
}

/* Ranges ascend, are not empty, do not touch, and lie inside (lo, hi]. */
static COLD bool
ranges_ok(const struct tcp_range *r, unsigned cnt, uint32_t lo, uint32_t hi)
{
	for (unsigned i = 0; i < cnt; i++) {
		if (!seq_before(lo, r[i].start_seq) || !seq_before(r[i].start_seq, r[i].end_seq) ||
		    seq_before(hi, r[i].end_seq))
			return false;
		lo = r[i].end_seq;
	}
	return true;
}

COLD bool
tcp_check(const struct tcp *c)
{
	const uint32_t base = c->snd_una == c->isn ? c->isn + 1 : c->snd_una;

	if (c->state >= TCP_STATE_CNT || (c->state == TCP_STATE_CLOSED && c->end == TCP_END_NONE))
		return c->state == TCP_STATE_CLOSED;
	if (c->rx_len > c->rx_window || c->rx_off > c->rx_window || c->gap_cnt > TCP_GAPS_MAX ||
	    c->sacked_cnt > TCP_SACKED_MAX)
		return false;
	if (seq_before(c->snd_nxt, c->snd_una) || seq_before(c->tx_end + 1, c->snd_nxt) ||
	    (c->snd_nxt == c->tx_end + 1 && !c->fin_wanted && c->tx_end != c->isn))
		return false;
	if (c->snd_una != c->tx_end + 1 && c->tx_end - base > c->tx_mask + 1)
		return false;
	if (c->state == TCP_STATE_CLOSED)
		return c->rto_deadline_ns == 0 && c->fast_limit_seq == c->snd_nxt;
	if (c->unbooked_cnt == 0 && (tcp_in_flight(c) != 0) != (c->rto_deadline_ns != 0))
		return false;
	if (c->state <= TCP_STATE_SYN_RECEIVED)
		return c->fast_limit_seq == c->snd_nxt || c->snd_nxt == c->isn + 1;
	if (seq_before(c->rcv_adv, c->rcv_nxt - c->fin_taken) ||
	    c->rcv_adv - c->rcv_nxt + c->rx_len > c->rx_window)
		return false;
	if (!ranges_ok(c->gap, c->gap_cnt, c->rcv_nxt, c->rcv_adv) ||
	    !ranges_ok(c->sacked, c->sacked_cnt, c->snd_una, c->snd_nxt))
		return false;
	if (seq_before(c->snd_nxt, c->fast_limit_seq) &&
	    (c->fast_limit_seq - c->snd_una > c->snd_wnd || !tcp_can_send(c) ||
	     c->fast_limit_seq - c->snd_una > c->tx_mask + 1))
		return false;
	return c->mss_eff != 0 && c->head_len + c->mss_eff <= UINT16_MAX;
}
