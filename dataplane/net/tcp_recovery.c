/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_internal.h"

/*
 * Loss and congestion: round-trip times (RFC 6298), congestion window (RFC 5681), recovery with
 * SACK (RFC 6675) and without (RFC 6582), probes of the tail (RFC 8985 7).
 *
 * snd_nxt never goes back.  What is to be sent again lies between rexmit_seq and recover_seq, minus
 * what the peer reported; tcp_pipe() says how much of all that is still on its way.
 */

enum {
	RTT_GRANULARITY_NS = 1000, // G of RFC 6298; a lane turns faster than this
	INITIAL_SEGMENTS = 10,     // RFC 6928 2
	INITIAL_BYTES = 14600,     // RFC 6928 2
};

static const uint64_t RTO_AFTER_LOST_SYN_NS = 3 * 1000000000ull; // RFC 6298 5.7

static uint64_t
rto_bounded(const struct tcp *c, uint64_t rto_ns)
{
	if (rto_ns < c->config.rto_min_ns)
		return c->config.rto_min_ns;
	return rto_ns > c->config.rto_max_ns ? c->config.rto_max_ns : rto_ns;
}

static void
rto_set(struct tcp *c, uint64_t rto_ns)
{
	c->rto_base_ns = c->rto_ns = rto_bounded(c, rto_ns);
	c->backoff_cnt = 0;
	metric_set(&c->metrics.rto_ns, c->rto_ns);
}

/* RFC 6298 2.2 and 2.3. */
void
tcp_rtt_sample(struct tcp *c, uint64_t rtt_ns)
{
	uint64_t var4;

	if (c->srtt_ns == 0) {
		c->srtt_ns = rtt_ns ? rtt_ns : 1;
		c->rttvar_ns = rtt_ns / 2;
	} else {
		const uint64_t off =
			rtt_ns > c->srtt_ns ? rtt_ns - c->srtt_ns : c->srtt_ns - rtt_ns;

		c->rttvar_ns = (3 * c->rttvar_ns + off) / 4;
		c->srtt_ns = (7 * c->srtt_ns + rtt_ns) / 8;
		if (c->srtt_ns == 0)
			c->srtt_ns = 1;
	}
	var4 = 4 * c->rttvar_ns;
	rto_set(c, c->srtt_ns + (var4 > RTT_GRANULARITY_NS ? var4 : RTT_GRANULARITY_NS));
	metric_set(&c->metrics.rtt_smoothed_ns, c->srtt_ns);
}

static void
cwnd_set(struct tcp *c, uint32_t bytes)
{
	c->cwnd = c->config.cwnd_fixed_bytes ? c->config.cwnd_fixed_bytes : bytes;
	metric_set(&c->metrics.congestion_window_bytes, c->cwnd);
}

static uint32_t
cwnd_initial(const struct tcp *c)
{
	const uint32_t mss = c->mss_eff;
	const uint32_t bytes = 2 * mss > INITIAL_BYTES ? 2 * mss : INITIAL_BYTES;

	return INITIAL_SEGMENTS * mss < bytes ? INITIAL_SEGMENTS * mss : bytes;
}

/* The connection is established: the segment size is known. */
COLD void
tcp_recovery_start(struct tcp *c)
{
	c->ssthresh = c->config.tx_buf_bytes;
	c->recover_seq = c->isn;
	c->recovery = TCP_RECOVERY_NONE;
	if (c->syn_resent) {
		cwnd_set(c, c->mss_eff); // RFC 5681 3.1
		if (c->srtt_ns == 0)
			rto_set(c, c->config.rto_initial_ns > RTO_AFTER_LOST_SYN_NS
					   ? c->config.rto_initial_ns
					   : RTO_AFTER_LOST_SYN_NS);
	} else {
		cwnd_set(c, cwnd_initial(c));
	}
}

/* RFC 5681 4.1: nothing was sent for longer than the timeout. */
COLD void
tcp_recovery_on_idle(struct tcp *c)
{
	if (c->cwnd > cwnd_initial(c))
		cwnd_set(c, cwnd_initial(c));
}

/* Half of what was in flight, but two segments at least (RFC 5681 3.1, equation 4). */
static uint32_t
half_flight(const struct tcp *c)
{
	const uint32_t half = (tcp_in_flight(c) - c->limited_bytes) / 2;

	return half > 2u * c->mss_eff ? half : 2u * c->mss_eff;
}

static void
loss_assumed(struct tcp *c)
{
	c->recover_seq = c->snd_nxt;
	c->rexmit_seq = c->snd_una;
	c->rexmit_now = true;
	c->dup_ack_cnt = 0;
	c->limited_bytes = 0;
	c->rtt_running = false;
	c->tail_due = c->tail_out = c->rescued = false;
}

COLD void
tcp_recovery_on_rto(struct tcp *c)
{
	const uint32_t half = half_flight(c);

	metric_add(&c->metrics.rto_expired, 1);
	c->rto_ns = rto_bounded(c, 2 * c->rto_ns);
	c->backoff_cnt++;
	metric_set(&c->metrics.rto_ns, c->rto_ns);
	c->rtt_running = false; // Karn: what is sent again is not timed
	if (c->state == TCP_STATE_SYN_SENT || c->state == TCP_STATE_SYN_RECEIVED) {
		c->syn_due = c->syn_resent = true;
		return;
	}
	if (c->snd_wnd == 0) {
		c->rexmit_now = true; // a probe says nothing about congestion
		return;
	}
	if (c->backoff_cnt == 1)
		c->ssthresh = half;
	if (c->config.black_hole_rtos != 0 && c->backoff_cnt >= c->config.black_hole_rtos &&
	    tcp_in_flight(c) > TCP_MSS_UNSAID)
		tcp_mtu_black_hole(c);
	c->tail_arrived = false;
	cwnd_set(c, c->mss_eff);
	c->cwnd_acked = 0;
	c->sacked_cnt = 0; // RFC 2018 8: the peer may have changed its mind
	loss_assumed(c);
	c->recovery = TCP_RECOVERY_RTO;
}

/* The path is narrower than thought: all in flight is lost, but not by congestion (RFC 1191 6.5).
 */
COLD void
tcp_recovery_on_mtu(struct tcp *c)
{
	if (tcp_in_flight(c) == 0)
		return;
	c->sacked_cnt = 0;
	loss_assumed(c);
	c->recovery = TCP_RECOVERY_RTO;
}

/* RFC 5681 3.1, counting bytes. */
static void
cwnd_grow(struct tcp *c, uint32_t acked, uint32_t flight_len)
{
	const uint32_t mss = c->mss_eff;

	if (c->cwnd >= c->config.tx_buf_bytes)
		return; // never more in flight than the store holds
	if (c->cwnd < c->ssthresh) {
		if (2 * flight_len >= c->cwnd)
			cwnd_set(c, c->cwnd + (acked < mss ? acked : mss));
		return;
	}
	if (flight_len + mss <= c->cwnd)
		return; // the window was not what held us back (RFC 7661 4.4.1)
	c->cwnd_acked += acked;
	if (c->cwnd_acked >= c->cwnd) {
		c->cwnd_acked -= c->cwnd;
		cwnd_set(c, c->cwnd + mss);
	}
}

static COLD void
sacked_cut(struct tcp *c)
{
	unsigned gone = 0;

	/*
	 * An acknowledgement into a block means that the peer forgot the rest of it (it may, RFC
	 * 2018 8): that block goes as a whole.
	 */
	while (gone < c->sacked_cnt && seq_up_to(c->sacked[gone].start_seq, c->snd_una))
		gone++;
	c->sacked_cnt = (uint8_t)(c->sacked_cnt - gone);
	memmove(c->sacked, c->sacked + gone, c->sacked_cnt * sizeof(c->sacked[0]));
}

static COLD void
recovery_on_ack(struct tcp *c, uint32_t acked, uint32_t flight_len)
{
	const uint32_t mss = c->mss_eff;
	const bool fast = c->recovery == TCP_RECOVERY_FAST;

	c->rexmit_seq = seq_max(c->rexmit_seq, c->snd_una);
	if (!seq_before(c->snd_una, c->recover_seq)) {
		c->recovery = TCP_RECOVERY_NONE;
		c->tail_arrived = false;
		c->rexmit_now = false;
		if (fast && c->sack_on) {
			cwnd_set(c, c->ssthresh);
		} else if (fast) {
			const uint32_t flight = tcp_in_flight(c);
			const uint32_t calm = (flight > mss ? flight : mss) + mss;

			cwnd_set(c, calm < c->ssthresh ? calm : c->ssthresh); // RFC 6582 3.2, 3
		} else {
			cwnd_grow(c, acked, flight_len);
		}
		return;
	}
	if (!fast) {
		cwnd_grow(c, acked, c->cwnd);
		return;
	}
	if (c->sack_on)
		return;
	/* A partial acknowledgement: the next segment is lost too (RFC 6582 3.2, 3). */
	cwnd_set(c, (c->cwnd > acked + mss ? c->cwnd - acked : mss) + (acked >= mss ? mss : 0));
	c->rexmit_now = true;
}

void
tcp_recovery_on_ack(struct tcp *c, uint32_t acked, uint32_t flight_len)
{
	if (unlikely(c->sacked_cnt))
		sacked_cut(c);
	c->dup_ack_cnt = 0;
	c->limited_bytes = 0;
	if (likely(c->recovery == TCP_RECOVERY_NONE)) {
		c->rexmit_now = false;
		cwnd_grow(c, acked, flight_len);
		return;
	}
	recovery_on_ack(c, acked, flight_len);
}

/* Bytes reported above the hole in front of sacked[idx], and whether they prove it lost. */
static bool
hole_is_lost(const struct tcp *c, unsigned idx)
{
	uint32_t above = 0;

	if (c->sacked_cnt - idx >= TCP_DUP_THRESH)
		return true;
	if (c->tail_arrived && seq_before(c->sacked[idx].start_seq, c->tail_end_seq))
		return true;
	for (unsigned i = idx; i < c->sacked_cnt; i++)
		above += c->sacked[i].end_seq - c->sacked[i].start_seq;
	return above > (TCP_DUP_THRESH - 1u) * c->mss_eff;
}

static COLD void
recovery_fast_start(struct tcp *c)
{
	metric_add(&c->metrics.fast_retransmit, 1);
	c->ssthresh = half_flight(c);
	loss_assumed(c);
	c->recovery = TCP_RECOVERY_FAST;
	cwnd_set(c, c->ssthresh + (c->sack_on ? 0 : TCP_DUP_THRESH * (uint32_t)c->mss_eff));
}

COLD void
tcp_recovery_on_dup(struct tcp *c)
{
	metric_add(&c->metrics.ack_duplicate, 1);
	if (c->recovery == TCP_RECOVERY_FAST) {
		if (!c->sack_on && c->cwnd < c->config.tx_buf_bytes)
			cwnd_set(c, c->cwnd + c->mss_eff); // one segment has left the network
		return;
	}
	if (c->recovery == TCP_RECOVERY_RTO)
		return;
	c->dup_ack_cnt++;
	/* Without SACK, echoes of what an earlier recovery sent twice look the same (RFC 6582 4.1).
	 */
	if (!c->sack_on && !seq_before(c->recover_seq, c->snd_una))
		return;
	if (c->dup_ack_cnt >= TCP_DUP_THRESH || (c->sacked_cnt && hole_is_lost(c, 0)))
		recovery_fast_start(c);
}

/*
 * A tail that nobody acknowledges is probed after two round-trip times, long before the timeout
 * forgets all that is known; a peer that holds back the acknowledgement of a lone segment gets the
 * time for it.  Nothing is stored when a segment leaves: the deadline follows from its time.
 */
uint64_t
tcp_tail_deadline(const struct tcp *c)
{
	const uint32_t flight_len = tcp_in_flight(c);
	uint64_t at_ns;

	if (!c->config.tail_probe || !c->sack_on || flight_len == 0 || c->srtt_ns == 0 ||
	    c->recovery != TCP_RECOVERY_NONE || c->tail_due || c->tail_out || c->rexmit_now ||
	    c->sacked_cnt != 0 || c->backoff_cnt != 0 || c->snd_wnd == 0 || !tcp_sends_data(c))
		return 0;
	at_ns = c->last_tx_ns > c->progress_ns ? c->last_tx_ns : c->progress_ns;
	at_ns += 2 * c->srtt_ns + (flight_len <= c->mss_eff ? c->config.peer_ack_delay_ns : 0);
	return at_ns < c->rto_deadline_ns ? at_ns : c->rto_deadline_ns;
}

COLD uint32_t
tcp_tail_next(const struct tcp *c, uint32_t *seq)
{
	const uint32_t flight_len = tcp_in_flight(c);
	const uint32_t most = c->mss_eff + tcp_fin_sent(c);
	const uint32_t len = flight_len < most ? flight_len : most;

	*seq = c->snd_nxt - len;
	return len;
}

COLD void
tcp_tail_on_ack(struct tcp *c, uint32_t ack, bool duplicate)
{
	const bool dup_of_probe = c->peer_dup_seen && c->peer_dup_seq == c->tail_end_seq;

	c->peer_dup_seen = false;
	if (c->sacked_cnt != 0 &&
	    !seq_before(c->sacked[c->sacked_cnt - 1].end_seq, c->tail_end_seq)) {
		// it arrived, and what had left two round trips earlier did not
		if (c->recovery == TCP_RECOVERY_NONE)
			recovery_fast_start(c);
		c->tail_out = false;
		c->tail_arrived = true;
		return;
	}
	if (seq_before(ack, c->tail_end_seq))
		return;
	if (c->tail_again && !dup_of_probe) {
		if (ack == c->tail_end_seq && !duplicate)
			return; // the other copy's acknowledgement may still come
		if (ack != c->tail_end_seq) {
			metric_add(&c->metrics.tail_loss_repaired, 1);
			c->ssthresh = half_flight(c);
			if (c->cwnd > c->ssthresh)
				cwnd_set(c, c->ssthresh);
		}
	}
	c->tail_out = false;
}

/* Adds one reported range.  True when it was not known in full before. */
static COLD bool
sacked_add(struct tcp *c, struct tcp_range r)
{
	unsigned first = 0;
	struct tcp_range *s;

	while (first < c->sacked_cnt && seq_before(c->sacked[first].end_seq, r.start_seq))
		first++;
	s = &c->sacked[first];
	if (first == c->sacked_cnt || seq_before(r.end_seq, s->start_seq)) {
		if (c->sacked_cnt == TCP_SACKED_MAX) {
			metric_add(&c->metrics.sack_ignored, 1);
			return false;
		}
		memmove(s + 1, s, (c->sacked_cnt - first) * sizeof(*s));
		c->sacked_cnt++;
		*s = r;
		return true;
	}
	if (seq_up_to(s->start_seq, r.start_seq) && seq_up_to(r.end_seq, s->end_seq))
		return false;
	s->start_seq = seq_min(s->start_seq, r.start_seq);
	s->end_seq = seq_max(s->end_seq, r.end_seq);
	while (first + 1u < c->sacked_cnt && seq_up_to(s[1].start_seq, s->end_seq)) {
		s->end_seq = seq_max(s->end_seq, s[1].end_seq);
		c->sacked_cnt--;
		memmove(s + 1, s + 2, (c->sacked_cnt - first - 1u) * sizeof(*s));
	}
	return true;
}

COLD bool
tcp_sack_take(struct tcp *c, const struct tcp_options *o)
{
	bool news = false;

	for (unsigned i = 0; i < o->sack_cnt; i++) {
		const struct tcp_range r = o->sack[i];

		/* At or below snd_una: a duplicate's report (RFC 2883). */
		if (seq_up_to(r.end_seq, c->snd_una) && seq_before(r.start_seq, r.end_seq)) {
			if (i == 0) {
				c->peer_dup_seen = true;
				c->peer_dup_seq = r.end_seq;
			}
			continue;
		}
		if (!seq_before(c->snd_una, r.start_seq) || !seq_before(r.start_seq, r.end_seq) ||
		    seq_before(c->snd_nxt, r.end_seq)) {
			metric_add(&c->metrics.sack_ignored, 1);
			continue;
		}
		news |= sacked_add(c, r);
	}
	return news;
}

static uint32_t
overlap(uint32_t a_start, uint32_t a_end, uint32_t b_end)
{
	const uint32_t end = seq_min(a_end, b_end);

	return seq_before(a_start, end) ? end - a_start : 0;
}

uint32_t
tcp_pipe(const struct tcp *c)
{
	uint32_t at = c->snd_una;
	uint32_t pipe = 0;

	if (likely(c->recovery == TCP_RECOVERY_NONE) ||
	    (c->recovery == TCP_RECOVERY_FAST && !c->sack_on))
		return tcp_in_flight(c);
	for (unsigned i = 0; i <= c->sacked_cnt; i++) {
		const uint32_t end = i < c->sacked_cnt ? c->sacked[i].start_seq : c->snd_nxt;
		uint32_t lost = 0;

		if (c->recovery == TCP_RECOVERY_RTO)
			lost = overlap(at, end, c->recover_seq);
		else if (i < c->sacked_cnt && hole_is_lost(c, i))
			lost = end - at;
		pipe += end - at - lost + overlap(at, end, c->rexmit_seq);
		if (i < c->sacked_cnt)
			at = c->sacked[i].end_seq;
	}
	return pipe;
}

/* Cuts a piece to one segment and to what the peer's window still covers (one byte always). */
static uint32_t
rexmit_len(const struct tcp *c, uint32_t seq, uint32_t end_seq)
{
	const uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t len = end_seq - seq;

	if (seq_before(edge, end_seq))
		len = seq_before(seq, edge) ? edge - seq : 1;
	return len;
}

COLD uint32_t
tcp_rexmit_next(const struct tcp *c, uint32_t *seq, bool desperate)
{
	uint32_t at, limit;
	unsigned i = 0;

	if (tcp_in_flight(c) == 0)
		return 0;
	if (c->rexmit_now) {
		*seq = c->snd_una;
		return rexmit_len(c, c->snd_una,
				  c->sacked_cnt ? c->sacked[0].start_seq : c->snd_nxt);
	}
	if (c->recovery == TCP_RECOVERY_NONE ||
	    (c->recovery == TCP_RECOVERY_FAST && (!c->sack_on || c->sacked_cnt == 0)))
		return 0;
	limit = c->recovery == TCP_RECOVERY_RTO ? c->recover_seq
						: c->sacked[c->sacked_cnt - 1].start_seq;
	at = seq_max(c->rexmit_seq, c->snd_una);
	for (; i < c->sacked_cnt && !seq_before(at, c->sacked[i].start_seq); i++)
		at = seq_max(at, c->sacked[i].end_seq);
	if (!seq_before(at, limit))
		return 0;
	if (c->recovery == TCP_RECOVERY_FAST && !desperate && !hole_is_lost(c, i))
		return 0;
	if (seq_before(c->snd_una + c->snd_wnd, at + 1))
		return 0; // beyond a window that shrank: the first segment probes for all
	*seq = at;
	return rexmit_len(c, at, i < c->sacked_cnt ? c->sacked[i].start_seq : limit);
}

COLD uint32_t
tcp_rescue_next(const struct tcp *c, uint32_t *seq)
{
	uint32_t from_seq, len;

	if (c->recovery != TCP_RECOVERY_FAST || !c->sack_on || c->sacked_cnt == 0 ||
	    (c->rescued && !seq_before(c->rescue_seq, c->snd_una)))
		return 0;
	from_seq = c->sacked[c->sacked_cnt - 1].end_seq;
	len = tcp_tail_next(c, seq);
	if (seq_before(*seq, from_seq)) {
		*seq = from_seq;
		len = c->snd_nxt - from_seq;
	}
	if (seq_before(c->snd_una + c->snd_wnd, c->snd_nxt) || tcp_pipe(c) + len > c->cwnd)
		return 0;
	return len;
}
