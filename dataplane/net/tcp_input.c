/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_internal.h"

/* Segments that arrive: RFC 9293 3.10.7 with RFC 5961 (blind attacks) and RFC 7323 (timestamps). */

enum {
	CHALLENGE_MAX = 10
}; // challenge acknowledgements a second; guess, RFC 5961 7 asks for a limit

static const uint64_t CHALLENGE_SPAN_NS = 1000000000;
/* After that long without a segment the peer's timestamp clock may have wrapped (RFC 7323 5.5). */
static const uint64_t TS_RECENT_VALID_NS = 24ull * 24 * 3600 * 1000000000;

/* A segment in host order, trimmed while it is judged. */
struct segment {
	uint32_t seq;
	uint32_t ack;
	uint32_t len; // payload bytes
	uint32_t wnd; // not scaled
	const uint8_t *data;
	uint8_t flags;
	struct tcp_options opt;
};

static uint32_t
seq_len(const struct segment *s)
{
	return s->len + !!(s->flags & TCP_FLAG_SYN) + !!(s->flags & TCP_FLAG_FIN);
}

/* An acknowledgement as an answer to something suspicious (RFC 5961 7). */
static COLD void
challenge(struct tcp *c)
{
	if (c->now_ns - c->challenge_ns >= CHALLENGE_SPAN_NS) {
		c->challenge_ns = c->now_ns;
		c->challenge_cnt = 0;
	}
	if (c->challenge_cnt == CHALLENGE_MAX) {
		metric_add(&c->metrics.challenge_ack_withheld, 1);
		return;
	}
	c->challenge_cnt++;
	c->ack_pending = true;
	metric_add(&c->metrics.challenge_ack_sent, 1);
}

/* RFC 9293 3.10.7.1: nothing is open here. */
static COLD void
on_closed(struct tcp *c, const struct segment *s)
{
	metric_add(&c->metrics.dropped_closed, 1);
	if (s->flags & TCP_FLAG_RST)
		return;
	if (s->flags & TCP_FLAG_ACK)
		tcp_rst_queue(c, s->ack, false, 0);
	else
		tcp_rst_queue(c, 0, true, s->seq + seq_len(s));
}

/* What the peer's SYN says about the connection. */
static COLD void
syn_take(struct tcp *c, const struct segment *s)
{
	const struct tcp_options *o = &s->opt;

	c->rcv_isn = s->seq;
	c->rcv_nxt = c->last_ack_sent = s->seq + 1;
	c->rcv_adv = c->rcv_nxt + (c->rx_window > UINT16_MAX ? UINT16_MAX : c->rx_window);
	c->rcv_adv_next = c->rcv_adv;
	c->peer_mss = o->has_mss ? o->mss : TCP_MSS_UNSAID;
	c->wscale_on = c->config.window_scaling && o->has_wscale;
	if (c->wscale_on) {
		c->snd_wscale = o->wscale;
		c->rcv_wscale = c->rcv_wscale_offer;
	}
	c->sack_on = c->config.sack && o->sack_permitted;
	c->ts_on = c->config.timestamps && o->has_ts;
	if (c->ts_on) {
		c->ts_recent = o->ts_value;
		c->ts_recent_ns = c->now_ns;
	}
	c->snd_wnd = c->snd_wnd_max = s->wnd; // never scaled in a SYN (RFC 7323 2.2)
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	tcp_mss_update(c);
}

/* Our SYN is acknowledged. */
static COLD void
establish(struct tcp *c, uint32_t ack)
{
	if (c->rtt_running && !c->syn_resent)
		tcp_rtt_sample(c, c->now_ns - c->rtt_start_ns);
	c->rtt_running = false;
	c->snd_una = ack;
	c->syn_due = false;
	c->rto_deadline_ns = c->connect_deadline_ns = 0;
	c->rto_ns = c->rto_base_ns;
	c->backoff_cnt = 0;
	c->last_tx_ns = c->progress_ns = c->last_rx_ns = c->now_ns;
	tcp_recovery_start(c);
	c->state = c->fin_wanted ? TCP_STATE_FIN_WAIT_1 : TCP_STATE_ESTABLISHED;
	if (c->config.keepalive_idle_ns)
		c->keepalive_deadline_ns = c->now_ns + c->config.keepalive_idle_ns;
}

static COLD void
time_wait_start(struct tcp *c)
{
	c->state = TCP_STATE_TIME_WAIT;
	c->rto_deadline_ns = c->persist_deadline_ns = c->keepalive_deadline_ns = 0;
	c->recovery = TCP_RECOVERY_NONE;
	c->rexmit_now = false;
	c->close_deadline_ns = c->now_ns + c->config.time_wait_ns;
}

static COLD void
fin_take(struct tcp *c)
{
	c->fin_taken = true;
	c->rcv_nxt = c->fin_seq + 1;
	c->gap_cnt = 0;
	c->ack_pending = true;
	switch (c->state) {
	case TCP_STATE_ESTABLISHED:
		c->state = TCP_STATE_CLOSE_WAIT;
		break;
	case TCP_STATE_FIN_WAIT_1: // our FIN is not acknowledged, or it would be FIN_WAIT_2
		c->state = TCP_STATE_CLOSING;
		break;
	case TCP_STATE_FIN_WAIT_2:
		time_wait_start(c);
		break;
	default:
		break;
	}
}

/* Payload and FIN, inside the window already. */
static void
text_take(struct tcp *c, struct segment *s)
{
	const bool fin = s->flags & TCP_FLAG_FIN;

	if (s->len == 0 && !fin)
		return;
	c->ack_pending = true;
	if (unlikely(!tcp_takes_data(c))) {
		if (s->len) // behind a FIN that was taken there is nothing
			metric_add(&c->metrics.dropped_after_fin, 1);
		return;
	}
	if (unlikely(s->len && c->closed_by_user)) { // RFC 9293 3.6.1: say that it was lost
		tcp_finish_with_rst(c, TCP_END_ABORTED);
		return;
	}
	if (unlikely(fin && !c->fin_seen)) {
		c->fin_seen = true;
		c->fin_seq = s->seq + s->len;
		tcp_gaps_cut(c, c->fin_seq);
	}
	if (unlikely(c->fin_seen && seq_before(c->fin_seq, s->seq + s->len))) {
		metric_add(&c->metrics.dropped_after_fin, 1);
		if (!seq_before(s->seq, c->fin_seq))
			return;
		s->len = c->fin_seq - s->seq;
	}
	if (s->len)
		tcp_rx_put(c, s->seq, s->data, s->len);
	if (unlikely(c->fin_seen && c->rcv_nxt == c->fin_seq))
		fin_take(c);
}

/* RFC 9293 3.10.7.3. */
static COLD void
on_syn_sent(struct tcp *c, struct segment *s)
{
	const bool has_ack = s->flags & TCP_FLAG_ACK;
	const bool ack_ok = has_ack && c->snd_nxt != c->isn && s->ack == c->snd_nxt;

	if (has_ack && !ack_ok) {
		metric_add(&c->metrics.dropped_bad_ack, 1);
		if (!(s->flags & TCP_FLAG_RST))
			tcp_rst_queue(c, s->ack, false, 0);
		return;
	}
	if (s->flags & TCP_FLAG_RST) {
		if (!ack_ok) {
			metric_add(&c->metrics.dropped_rst, 1);
			return;
		}
		metric_add(&c->metrics.rst_received, 1);
		tcp_finish(c, TCP_END_REFUSED);
		return;
	}
	if (!(s->flags & TCP_FLAG_SYN)) {
		metric_add(&c->metrics.dropped_no_syn, 1);
		return;
	}
	syn_take(c, s);
	if (!has_ack) { // both sides connect at once: answer with SYN|ACK
		c->state = TCP_STATE_SYN_RECEIVED;
		c->syn_due = true;
		c->rtt_running = false;
		return;
	}
	establish(c, s->ack);
	c->ack_pending = true;
	s->seq++;
	s->flags &= (uint8_t)~TCP_FLAG_SYN;
	if (s->len > c->rcv_adv - c->rcv_nxt) {
		s->len = c->rcv_adv - c->rcv_nxt;
		s->flags &= (uint8_t)~TCP_FLAG_FIN;
	}
	text_take(c, s);
	tcp_refresh(c);
}

/*
 * RFC 7323 5.3, R1.  A SYN is challenged with whatever timestamp it has or has not: it may be of a
 * peer that started anew (RFC 5961 4.2).  False: the segment is dropped.
 */
static bool
timestamp_ok(struct tcp *c, const struct segment *s)
{
	if (s->flags & (TCP_FLAG_RST | TCP_FLAG_SYN))
		return true;
	if (unlikely(!s->opt.has_ts)) {
		metric_add(&c->metrics.dropped_no_timestamp, 1); // RFC 7323 3.2
		return false;
	}
	if (unlikely(seq_before(s->opt.ts_value, c->ts_recent) &&
		     c->now_ns - c->ts_recent_ns < TS_RECENT_VALID_NS)) {
		metric_add(&c->metrics.dropped_paws, 1);
		if (seq_len(s))
			c->ack_pending = true;
		else
			challenge(c); // limited, as in out_of_window()
		return false;
	}
	return true;
}

/* What the peer may send, as far as it knows. */
static uint32_t
window_len(const struct tcp *c)
{
	return seq_before(c->rcv_nxt, c->rcv_adv) ? c->rcv_adv - c->rcv_nxt : 0;
}

/* Arrived twice: the next acknowledgement says so (RFC 2883 4). */
static void
duplicate_note(struct tcp *c, uint32_t start_seq, uint32_t end_seq)
{
	c->dup_seen = c->sack_on && start_seq != end_seq;
	c->dup = (struct tcp_range){ start_seq, end_seq };
}

/*
 * The test of RFC 9293 3.10.7.4, first step, and trimming to the window.  A FIN at the right edge
 * of the window is welcome: it needs no memory.  False: outside.
 */
static bool
window_take(struct tcp *c, struct segment *s)
{
	const uint32_t wnd = window_len(c);
	const uint32_t edge = c->rcv_nxt + wnd;
	const uint32_t len = seq_len(s);
	const uint32_t end = s->seq + len;

	if (likely(s->seq == c->rcv_nxt && s->len <= wnd))
		return true;
	if (len == 0)
		return s->seq == c->rcv_nxt ||
		       (seq_before(c->rcv_nxt, s->seq) && seq_before(s->seq, edge));
	if (seq_up_to(end, c->rcv_nxt) || !seq_before(s->seq, edge + (wnd == 0)))
		return false;
	if (seq_before(s->seq, c->rcv_nxt)) {
		uint32_t old = c->rcv_nxt - s->seq;

		s->seq = c->rcv_nxt;
		if (old > s->len)
			old = s->len;
		duplicate_note(c, c->rcv_nxt - old, c->rcv_nxt);
		s->data += old;
		s->len -= old;
		metric_add(&c->metrics.byte_trimmed, old);
	}
	if (seq_before(edge, s->seq + s->len)) {
		const uint32_t beyond = s->seq + s->len - edge;

		s->len -= beyond;
		s->flags &= (uint8_t)~TCP_FLAG_FIN;
		c->ack_pending = true;
		metric_add(&c->metrics.byte_trimmed, beyond);
		if (s->len == 0) // a probe of our closed window: its acknowledgement still counts
			metric_add(&c->metrics.dropped_out_of_window, 1);
	}
	return true;
}

static COLD void
out_of_window(struct tcp *c, const struct segment *s)
{
	metric_add(&c->metrics.dropped_out_of_window, 1);
	if (seq_up_to(s->seq + s->len, c->rcv_nxt))
		duplicate_note(c, s->seq, s->seq + s->len);
	if (c->state == TCP_STATE_TIME_WAIT && (s->flags & TCP_FLAG_FIN))
		c->close_deadline_ns = c->now_ns + c->config.time_wait_ns;
	if (seq_len(s))
		c->ack_pending = true;
	else
		challenge(c); // limited, or two confused ends would answer each other for ever
}

/* RFC 5961 3.2: only the exact number resets, another one inside the window asks back. */
static COLD void
on_rst(struct tcp *c, const struct segment *s)
{
	if (s->seq != c->rcv_nxt) {
		metric_add(&c->metrics.dropped_rst, 1);
		if (s->seq - c->rcv_nxt < window_len(c))
			challenge(c);
		return;
	}
	metric_add(&c->metrics.rst_received, 1);
	if (c->state == TCP_STATE_TIME_WAIT)
		tcp_finish(c, TCP_END_CLOSED);
	else
		tcp_finish(c, c->state == TCP_STATE_SYN_RECEIVED ? TCP_END_REFUSED : TCP_END_RESET);
}

static void
window_update(struct tcp *c, const struct segment *s)
{
	const bool was_closed = c->snd_wnd == 0;

	if (!seq_before(c->snd_wl1, s->seq) &&
	    (c->snd_wl1 != s->seq || seq_before(s->ack, c->snd_wl2)))
		return;
	c->snd_wnd = s->wnd << c->snd_wscale;
	c->snd_wl1 = s->seq;
	c->snd_wl2 = s->ack;
	if (c->snd_wnd > c->snd_wnd_max)
		c->snd_wnd_max = c->snd_wnd;
	if (likely(c->snd_wnd && !was_closed))
		return;
	c->progress_ns = c->now_ns; // a peer that answers probes is alive (RFC 9293 3.8.6.1)
	if (c->snd_wnd && was_closed) {
		c->rto_ns = c->rto_base_ns;
		c->backoff_cnt = 0;
		if (tcp_in_flight(c)) { // the probe was thrown away
			c->rexmit_now = true;
			c->rto_deadline_ns = c->now_ns + c->rto_ns;
		}
	}
}

/* Our FIN is acknowledged. */
static COLD void
fin_acked(struct tcp *c)
{
	switch (c->state) {
	case TCP_STATE_FIN_WAIT_1:
		c->state = TCP_STATE_FIN_WAIT_2;
		if (c->closed_by_user)
			c->close_deadline_ns = c->now_ns + c->config.fin_wait_2_ns;
		break;
	case TCP_STATE_CLOSING:
		time_wait_start(c);
		break;
	case TCP_STATE_LAST_ACK:
		tcp_finish(c, TCP_END_CLOSED);
		break;
	default:
		break;
	}
}

static void
ack_advance(struct tcp *c, const struct segment *s)
{
	const uint32_t acked = s->ack - c->snd_una;
	const uint32_t flight_len = tcp_in_flight(c);

	c->snd_una = s->ack;
	c->progress_ns = c->now_ns;
	if (c->rtt_running && seq_up_to(c->rtt_seq, s->ack)) {
		c->rtt_running = false;
		tcp_rtt_sample(c, c->now_ns - c->rtt_start_ns);
	} else if (unlikely(c->backoff_cnt && c->ts_on && s->opt.ts_echo)) {
		/* The echo tells which copy was acknowledged (RFC 7323 4.1): ends the backoff. */
		const uint32_t now_ms = c->ts_offset + (uint32_t)(c->now_ns / 1000000);
		const uint32_t rtt_ms = now_ms - s->opt.ts_echo;

		if (rtt_ms < 1u << 20)
			tcp_rtt_sample(c, (rtt_ms ? rtt_ms : 1) * 1000000ull);
	}
	c->rto_deadline_ns = c->snd_una == c->snd_nxt ? 0 : c->now_ns + c->rto_ns;
	tcp_recovery_on_ack(c, acked, flight_len);
}

/* RFC 9293 3.10.7.4, fifth step.  False: nothing more of the segment is used. */
static bool
ack_take(struct tcp *c, const struct segment *s)
{
	const uint32_t was_wnd = c->snd_wnd;
	bool sack_news = false;

	/* RFC 5961 5.2 */
	if (unlikely(seq_before(c->snd_nxt, s->ack) ||
		     seq_before(s->ack, c->snd_una - c->snd_wnd_max))) {
		metric_add(&c->metrics.dropped_bad_ack, 1);
		challenge(c);
		return false;
	}
	if (seq_before(s->ack, c->snd_una))
		return true; // old, but its text may be new
	if (s->ack != c->snd_una) {
		ack_advance(c, s);
		if (unlikely(s->opt.sack_cnt && c->sack_on))
			sack_news = tcp_sack_take(c, &s->opt);
		window_update(c, s);
		if (unlikely(sack_news && c->recovery == TCP_RECOVERY_NONE))
			tcp_recovery_on_dup(c);
		if (unlikely(c->tail_out))
			tcp_tail_on_ack(c, s->ack, false);
		if (unlikely(c->fin_wanted && c->snd_una == c->tx_end + 1))
			fin_acked(c);
		return c->state != TCP_STATE_CLOSED;
	}
	if (unlikely(s->opt.sack_cnt && c->sack_on))
		sack_news = tcp_sack_take(c, &s->opt);
	window_update(c, s);
	if (unlikely(c->tail_out))
		tcp_tail_on_ack(c, s->ack, s->len == 0 && c->snd_wnd == was_wnd);
	if (tcp_in_flight(c) == 0 || c->snd_wnd == 0 || was_wnd == 0)
		return true;
	/* RFC 5681 2 and, with SACK, RFC 6675 2 */
	if (sack_news ||
	    (!c->sack_on && s->len == 0 && !(s->flags & TCP_FLAG_FIN) && c->snd_wnd == was_wnd))
		tcp_recovery_on_dup(c);
	return true;
}

/* RFC 9293 3.10.7.4: everything but CLOSED and SYN_SENT. */
static void
on_synchronized(struct tcp *c, struct segment *s)
{
	if (c->ts_on && unlikely(!timestamp_ok(c, s)))
		return;
	/* The SYN|ACK of a peer that connected at the same time carries nothing but its ACK. */
	if (unlikely(c->state == TCP_STATE_SYN_RECEIVED &&
		     (s->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) ==
			     (TCP_FLAG_SYN | TCP_FLAG_ACK) &&
		     s->seq == c->rcv_isn && s->ack == c->snd_nxt)) {
		s->seq++;
		s->flags &= (uint8_t)~TCP_FLAG_SYN;
		c->ack_pending = true;
	}
	if (unlikely(s->flags & TCP_FLAG_SYN && !(s->flags & TCP_FLAG_RST))) { // RFC 5961 4.2
		metric_add(&c->metrics.dropped_syn, 1);
		if (c->state == TCP_STATE_SYN_RECEIVED && s->seq == c->rcv_isn)
			c->ack_pending = c->syn_due = true; // our SYN|ACK was lost
		else
			challenge(c);
		return;
	}
	if (unlikely(s->flags & TCP_FLAG_RST)) {
		on_rst(c, s);
		return;
	}
	if (unlikely(!window_take(c, s))) {
		out_of_window(c, s);
		return;
	}
	if (unlikely(!(s->flags & TCP_FLAG_ACK))) {
		metric_add(&c->metrics.dropped_no_ack, 1);
		return;
	}
	c->last_rx_ns = c->now_ns;
	if (c->keepalive_deadline_ns) {
		c->keepalive_cnt = 0;
		c->keepalive_due = false;
		c->keepalive_deadline_ns = c->now_ns + c->config.keepalive_idle_ns;
	}
	if (c->ts_on && seq_up_to(s->seq, c->last_ack_sent)) { // RFC 7323 4.3, (2)
		c->ts_recent = s->opt.ts_value;
		c->ts_recent_ns = c->now_ns;
	}
	if (unlikely(c->state == TCP_STATE_SYN_RECEIVED)) {
		if (c->snd_nxt == c->isn || s->ack != c->isn + 1) {
			metric_add(&c->metrics.dropped_bad_ack, 1);
			tcp_rst_queue(c, s->ack, false, 0);
			return;
		}
		establish(c, s->ack);
		c->snd_wnd = c->snd_wnd_max = s->wnd << c->snd_wscale;
		c->snd_wl1 = s->seq;
		c->snd_wl2 = s->ack;
	} else if (unlikely(!ack_take(c, s))) {
		return;
	}
	if (unlikely(s->flags & TCP_FLAG_URG))
		metric_add(&c->metrics.urgent_ignored, 1);
	text_take(c, s);
}

bool
tcp_on_packet(struct tcp *c, const struct eth_ip *e, bool sum_known_ok, uint64_t now_ns)
{
	const struct tcp_head *t = (const struct tcp_head *)e->l4;
	struct segment s;
	unsigned head_len;

	if (unlikely(!tcp_is_mine(c, e))) {
		metric_add(&c->metrics.dropped_not_ours, 1);
		return false;
	}
	tcp_now(c, now_ns);
	metric_add(&c->metrics.segment_received, 1);
	head_len = (t->data_off >> 4) * 4u;
	if (unlikely(head_len < sizeof(*t) || head_len > e->l4_len)) {
		metric_add(&c->metrics.dropped_bad_header, 1);
		return true;
	}
	if (unlikely(!sum_known_ok && !c->config.rx_sum_trusted && !eth_ip_l4_sum_ok(e))) {
		metric_add(&c->metrics.dropped_bad_sum, 1);
		return true;
	}
	if (unlikely(!tcp_options_read(&s.opt, e->l4 + sizeof(*t),
				       head_len - (unsigned)sizeof(*t)))) {
		metric_add(&c->metrics.dropped_bad_option, 1);
		return true;
	}
	s.seq = be32_get(t->seq);
	s.ack = be32_get(t->ack);
	s.wnd = be16_get(t->window);
	s.flags = t->flags;
	s.data = e->l4 + head_len;
	s.len = e->l4_len - head_len;
	if (unlikely(c->state == TCP_STATE_CLOSED)) {
		on_closed(c, &s);
	} else if (unlikely(c->state == TCP_STATE_SYN_SENT)) {
		on_syn_sent(c, &s);
	} else {
		on_synchronized(c, &s);
		if (c->state > TCP_STATE_SYN_RECEIVED)
			tcp_refresh(c);
	}
	return true;
}

bool
tcp_on_frame(struct tcp *c, const uint8_t *frame, uint16_t len, bool sum_known_ok, uint64_t now_ns)
{
	struct eth_ip e;

	if (unlikely(eth_ip_walk(frame, len, sum_known_ok, &e) != ETH_IP_L4)) {
		metric_add(&c->metrics.dropped_not_ours, 1);
		return false;
	}
	return tcp_on_packet(c, &e, sum_known_ok, now_ns);
}
