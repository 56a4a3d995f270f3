/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp_internal.h"

/*
 * Received data.  The readable bytes lie at rx_buf + rx_off, out-of-order data behind them at the
 * place it will have.  rx_buf is twice the window: whenever the first half is used up, the rest
 * moves to the front, which costs at most one copy of each byte and keeps all of it in one piece.
 */

static uint8_t *
place_of(struct tcp *c, uint32_t seq)
{
	return c->rx_buf + c->rx_off + c->rx_len + (seq - c->rcv_nxt);
}

static void
gap_remove(struct tcp *c, unsigned idx)
{
	c->gap_cnt--;
	memmove(&c->gap[idx], &c->gap[idx + 1], (c->gap_cnt - idx) * sizeof(c->gap[0]));
	memmove(&c->gap_stamp[idx], &c->gap_stamp[idx + 1],
		(c->gap_cnt - idx) * sizeof(c->gap_stamp[0]));
}

/*
 * Puts payload at its place, but never over bytes that are there already: of two copies that differ
 * the first counts, or whoever sends last could change what the other end reads.
 */
static COLD void
store_new(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	const uint32_t end_seq = seq + len;
	uint32_t at = seq;
	bool differs = false;

	for (unsigned i = 0; i < c->gap_cnt && seq_before(c->gap[i].start_seq, end_seq); i++) {
		const uint32_t from = seq_max(c->gap[i].start_seq, at);
		const uint32_t to = seq_min(c->gap[i].end_seq, end_seq);

		if (!seq_before(from, to))
			continue;
		memcpy(place_of(c, at), data + (at - seq), from - at);
		differs |= memcmp(place_of(c, from), data + (from - seq), to - from) != 0;
		at = to;
	}
	memcpy(place_of(c, at), data + (at - seq), end_seq - at);
	if (differs)
		metric_add(&c->metrics.overlap_differs, 1);
}

/* The first piece that is not before start_seq, or gap_cnt. */
static COLD unsigned
gap_at(const struct tcp *c, uint32_t start_seq)
{
	unsigned first = 0;

	while (first < c->gap_cnt && seq_before(c->gap[first].end_seq, start_seq))
		first++;
	return first;
}

/* A range that touches none of the others needs a place of its own. */
static COLD bool
gap_is_new(const struct tcp *c, unsigned first, uint32_t end_seq)
{
	return first == c->gap_cnt || seq_before(end_seq, c->gap[first].start_seq);
}

static COLD bool
gap_has_room(const struct tcp *c, uint32_t start_seq, uint32_t end_seq)
{
	return c->gap_cnt < TCP_GAPS_MAX || !gap_is_new(c, gap_at(c, start_seq), end_seq);
}

/* Adds a range and joins those it touches.  There is room. */
static COLD void
gap_add(struct tcp *c, uint32_t start_seq, uint32_t end_seq)
{
	const unsigned first = gap_at(c, start_seq);

	if (gap_is_new(c, first, end_seq)) {
		memmove(&c->gap[first + 1], &c->gap[first],
			(c->gap_cnt - first) * sizeof(c->gap[0]));
		memmove(&c->gap_stamp[first + 1], &c->gap_stamp[first],
			(c->gap_cnt - first) * sizeof(c->gap_stamp[0]));
		c->gap_cnt++;
		c->gap[first] = (struct tcp_range){ start_seq, end_seq };
	} else {
		struct tcp_range *g = &c->gap[first];

		g->start_seq = seq_min(g->start_seq, start_seq);
		g->end_seq = seq_max(g->end_seq, end_seq);
		while (first + 1u < c->gap_cnt &&
		       seq_up_to(c->gap[first + 1].start_seq, g->end_seq)) {
			g->end_seq = seq_max(g->end_seq, c->gap[first + 1].end_seq);
			gap_remove(c, first + 1);
		}
	}
	c->gap_stamp[first] = ++c->gap_clock;
}

static void
take_up_to(struct tcp *c, uint32_t end_seq)
{
	const uint32_t len = end_seq - c->rcv_nxt;

	c->rx_len += len;
	c->rcv_nxt = end_seq;
	metric_add(&c->metrics.byte_received, len);
}

void
tcp_rx_put(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	if (unlikely(seq != c->rcv_nxt)) {
		if (!gap_has_room(c, seq, seq + len)) {
			metric_add(&c->metrics.out_of_order_full, 1);
			return;
		}
		metric_add(&c->metrics.out_of_order, 1);
		store_new(c, seq, data, len);
		gap_add(c, seq, seq + len);
		return;
	}
	if (likely(c->gap_cnt == 0))
		memcpy(place_of(c, seq), data, len);
	else
		store_new(c, seq, data, len);
	take_up_to(c, seq + len);
	while (unlikely(c->gap_cnt) && seq_up_to(c->gap[0].start_seq, c->rcv_nxt)) {
		if (seq_before(c->rcv_nxt, c->gap[0].end_seq))
			take_up_to(c, c->gap[0].end_seq);
		gap_remove(c, 0);
	}
}

COLD void
tcp_gaps_cut(struct tcp *c, uint32_t from_seq)
{
	while (c->gap_cnt && !seq_before(c->gap[c->gap_cnt - 1].start_seq, from_seq))
		c->gap_cnt--;
	if (c->gap_cnt) {
		struct tcp_range *last = &c->gap[c->gap_cnt - 1];

		last->end_seq = seq_min(last->end_seq, from_seq);
	}
}

COLD unsigned
tcp_gaps_report(const struct tcp *c, struct tcp_range *out, unsigned max)
{
	uint32_t below_age = 0; // ages ascend from 0, the most recent
	unsigned cnt = 0;

	while (cnt < max && cnt < c->gap_cnt) {
		uint32_t best_age = UINT32_MAX;
		unsigned best = 0;

		for (unsigned i = 0; i < c->gap_cnt; i++) {
			const uint32_t age = c->gap_clock - c->gap_stamp[i];

			if (age >= below_age && age < best_age) {
				best_age = age;
				best = i;
			}
		}
		out[cnt++] = c->gap[best];
		below_age = best_age + 1;
	}
	return cnt;
}

/* Makes room for a whole window behind the first readable byte. */
static COLD void
rx_move_to_front(struct tcp *c)
{
	uint32_t len = c->rx_len;

	if (c->gap_cnt)
		len += c->gap[c->gap_cnt - 1].end_seq - c->rcv_nxt;
	memmove(c->rx_buf, c->rx_buf + c->rx_off, len);
	c->rx_off = 0;
}

void
tcp_consume(struct tcp *c, uint32_t len)
{
	const uint32_t adv = c->rcv_adv_next;

	tcp_frames_sent(c);
	if (len > c->rx_len)
		len = c->rx_len;
	c->rx_off += len;
	c->rx_len -= len;
	if (likely(c->rx_len == 0 && c->gap_cnt == 0))
		c->rx_off = 0;
	else if (unlikely(c->rx_off > c->rx_window))
		rx_move_to_front(c);
	if (!tcp_takes_data(c) || c->fin_taken)
		return;
	tcp_refresh(c);
	if (c->rcv_adv_next != adv && c->rcv_adv_next != c->rcv_adv)
		c->ack_pending = true; // a window worth telling (RFC 9293 3.8.6.2.2)
}
