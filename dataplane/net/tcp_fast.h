/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_FAST_H
#define SLUICE_NET_TCP_FAST_H

#include "net/tcp.h"

/*
 * Sending without a detour: headers are laid into a frame before there is something to say, the
 * payload is written behind them, and finishing patches the numbers.
 *
 *   data = tcp_frame_start(c, buf);            before
 *   len = encode(data);                        during
 *   n = tcp_frame_finish(c, buf, len, now_ns); n != 0: give n bytes to the port
 */

/* Where the byte of that number is in the retransmit store, a ring. */
HOT_INLINE uint32_t
tcp_store_at(const struct tcp *c, uint32_t seq)
{
	return (seq - c->isn - 1) & c->tx_mask;
}

/* Where the next payload is kept comes near.  After a frame was sent, off its way. */
HOT_INLINE void
tcp_fast_prepare(const struct tcp *c)
{
	const uint32_t at = tcp_store_at(c, c->snd_nxt);

	__builtin_prefetch(c->tx_buf + at, 1);
	__builtin_prefetch(c->tx_buf + ((at + CACHE_LINE) & c->tx_mask), 1);
}

/*
 * Lays the headers into a frame buffer of at least TCP_HEAD_MAX + payload bytes.
 *
 * Returns  where the payload goes; room for c->mss_eff bytes of it.  A frame may be prepared long
 *          before it is finished, and any number of them; one prepared before the connection was
 *          established or before tcp_set_peer_mac() is to be prepared again.
 */
HOT_INLINE uint8_t *
tcp_frame_start(const struct tcp *c, uint8_t *buf)
{
	__builtin_prefetch(c->line, 1); // while the payload is written
	memcpy(buf, c->head, sizeof(c->head));
	return buf + c->head_len;
}

/* True when tcp_frame_finish() would accept this many bytes now. */
HOT_INLINE bool
tcp_fast_has_room(const struct tcp *c, uint16_t payload_len)
{
	return payload_len != 0 && payload_len <= c->mss_eff &&
	       (int32_t)(c->fast_limit_seq - c->snd_nxt) >= (int32_t)payload_len;
}

HOT_INLINE void
tcp_store_put(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	const uint32_t at = tcp_store_at(c, seq);
	const uint32_t first = c->tx_mask + 1 - at;

	if (likely(len <= first)) {
		memcpy(c->tx_buf + at, data, len);
		return;
	}
	memcpy(c->tx_buf + at, data, first);
	memcpy(c->tx_buf, data + first, len - first);
}

/* tcp_store_put, and the bytes are added to the checksum on the way. */
HOT_INLINE uint64_t
tcp_store_sum(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len, uint64_t sum)
{
	const uint32_t at = tcp_store_at(c, seq);

	if (likely(len <= c->tx_mask + 1 - at))
		return ip_sum_copy(sum, c->tx_buf + at, data, len);
	tcp_store_put(c, seq, data, len);
	return ip_sum_bytes(sum, data, len);
}

/* The last frame's payload goes where retransmissions are made of. */
HOT_INLINE void
tcp_line_put(struct tcp *c)
{
	memcpy(c->tx_buf + c->line_at, c->line, CACHE_LINE);
	c->line_kept = false;
}

/*
 * The same of a payload that is filled up with zeros to a whole cache line: neither sum nor copy
 * asks where it ends.  The zeros go where nothing is kept yet.
 *
 * It stays in a line of the connection's own until the frame has left: the store's next place is
 * another one each time.  One order in 80 crossed a page there, and each load of what lay at the
 * same place of another page waited for these stores, also those of the port and its driver.
 */
HOT_INLINE uint64_t
tcp_store_line(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len, uint64_t sum)
{
	const uint32_t at = tcp_store_at(c, seq);

	if (unlikely(at > c->tx_mask + 1 - CACHE_LINE) ||
	    unlikely((int32_t)(c->fast_limit_seq - seq) < CACHE_LINE))
		return tcp_store_sum(c, seq, data, len, sum);
	memcpy(c->line, data, CACHE_LINE);
	c->line_at = at;
	c->line_kept = true;
	return ip_sum_wide(ip_sum_wide(sum, data, 32), data + 32, 32);
}

/* Our timestamp clock: one tick a millisecond (RFC 7323 4.1 allows 1 ms to 1 s). */
HOT_INLINE uint32_t
tcp_timestamp(const struct tcp *c, uint64_t now_ns)
{
	return c->ts_offset + (uint32_t)(now_ns / 1000000);
}

/*
 * What frames that were finished change beside the numbers of the next one: the last payload's way
 * into the store, timers, what the peer knows of our window, counters.  After the port has taken
 * them, off their way; every other call does it, too, before anything else.
 */
HOT_INLINE void
tcp_frames_sent(struct tcp *c)
{
	const uint64_t now_ns = c->now_ns;

	if (c->unbooked_cnt == 0)
		return;
	if (likely(c->line_kept))
		tcp_line_put(c);
	if (c->rto_deadline_ns == 0) {
		c->rto_deadline_ns = now_ns + c->rto_ns;
		c->progress_ns = now_ns;
	}
	if (!c->rtt_running) {
		c->rtt_running = true;
		c->rtt_seq = c->snd_nxt;
		c->rtt_start_ns = now_ns;
	}
	c->last_tx_ns = now_ns;
	c->last_ack_sent = c->rcv_nxt;
	c->rcv_adv = c->rcv_adv_next;
	if (likely(c->gap_cnt == 0)) // a gap is reported with SACK, which takes the slow path
		c->ack_pending = false;
	metric_add(&c->metrics.byte_sent, c->unbooked_bytes);
	metric_add(&c->metrics.segment_sent, c->unbooked_cnt);
	metric_add(&c->metrics.fast_sent, c->unbooked_cnt);
	c->unbooked_bytes = c->unbooked_cnt = 0;
}

/*
 * Finishes a prepared frame with payload_len bytes behind the headers: one segment, pushed, that
 * also acknowledges everything received.  The payload is copied, for retransmission.
 *
 * is_line  a constant: the bytes behind the payload, to the end of a cache line's worth of them,
 * are there and 0
 *
 * Returns  bytes of the frame
 *          0 when it may not be sent now: not established, something queued before it or being
 *            sent again, the peer's or the congestion window full, no memory, longer than a
 *            segment.  Nothing has changed but a counter; the caller may tcp_send() the same bytes
 *            (late but in order) or give up on them.
 */
HOT_INLINE uint16_t
tcp_frame_finish_as(struct tcp *c, uint8_t *buf, uint16_t payload_len, uint64_t now_ns,
		    bool is_line)
{
	struct ipv4_head *ip = (struct ipv4_head *)(buf + c->l3_off);
	struct tcp_head *t = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len =
		(uint16_t)(c->head_len - c->l3_off - sizeof(struct ipv4_head) + payload_len);
	const be16 total_len = be16_of((uint16_t)(l4_len + sizeof(struct ipv4_head)));
	const uint32_t seq = c->snd_nxt;
	uint64_t sum;

	if (unlikely(!tcp_fast_has_room(c, payload_len))) {
		metric_add(&c->metrics.fast_refused, 1);
		return 0;
	}
	if (unlikely(now_ns < c->now_ns))
		now_ns = c->now_ns;
	c->now_ns = now_ns;
	if (unlikely(c->line_kept)) // of another frame of the same burst
		tcp_line_put(c);

	ip->total_len = total_len;
	ip->id = be16_of(c->ip_id++);
	ip->sum = ip_sum_finish(ip_sum_be16(ip_sum_be16(c->head_ip_sum, total_len), ip->id));

	t->seq = be32_of(seq);
	t->ack = be32_of(c->rcv_nxt);
	t->window = be16_of(c->window_field);
	sum = ip_sum_be16(c->head_tcp_sum, be16_of(l4_len));
	if (c->ts_on) {
		be32 *ts = (be32 *)(t + 1); // NOP NOP kind length, value, echo

		ts[1] = be32_of(tcp_timestamp(c, now_ns));
		ts[2] = be32_of(c->ts_recent);
	}
	if (c->sum_offload) {
		t->sum = ip_sum_fold(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len));
		tcp_store_put(c, seq, buf + c->head_len, payload_len);
	} else {
		if (c->ts_on)
			sum = ip_sum_bytes(sum, (uint8_t *)(t + 1) + 4, 8);
		sum = ip_sum_be16(ip_sum_be32(ip_sum_be32(sum, t->seq), t->ack), t->window);
		sum = is_line ? tcp_store_line(c, seq, buf + c->head_len, payload_len, sum)
			      : tcp_store_sum(c, seq, buf + c->head_len, payload_len, sum);
		t->sum = ip_sum_finish(sum);
	}

	c->snd_nxt = c->tx_end = seq + payload_len;
	c->unbooked_bytes += payload_len;
	c->unbooked_cnt++;
	return (uint16_t)(c->head_len + payload_len);
}

HOT_INLINE uint16_t
tcp_frame_finish(struct tcp *c, uint8_t *buf, uint16_t payload_len, uint64_t now_ns)
{
	return tcp_frame_finish_as(c, buf, payload_len, now_ns, false);
}

#endif
