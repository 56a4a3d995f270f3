/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_INTERNAL_H
#define SLUICE_NET_TCP_INTERNAL_H

#include "net/tcp.h"
#include "net/tcp_fast.h"
#include "net/tcp_options.h"

/* What the files of the TCP share with each other and with nobody else. */

enum {
	TCP_DUP_THRESH = 3, // RFC 5681 3.2
	TCP_IP_TCP_BYTES = sizeof(struct ipv4_head) + sizeof(struct tcp_head),
};

/* tcp_slow.c */

/* Builds the headers of data frames from configuration and what was agreed. */
COLD void tcp_template_build(struct tcp *c);
/* Segment size from configuration, path, peer and options. */
COLD void tcp_mss_update(struct tcp *c);
/* What follows from a changed state: window to announce, fast path's limit, persist timer. */
void tcp_refresh(struct tcp *c);
/* Timeouts go on although nothing said that the path is narrow: smaller segments (RFC 4821). */
COLD void tcp_mtu_black_hole(struct tcp *c);
/* Ends the connection: no timer runs, nothing is sent; bytes that arrived stay readable. */
COLD void tcp_finish(struct tcp *c, enum tcp_end why);
/* Ends it with a reset at the sequence number the peer expects. */
COLD void tcp_finish_with_rst(struct tcp *c, enum tcp_end why);
COLD void tcp_rst_queue(struct tcp *c, uint32_t seq, bool with_ack, uint32_t ack);

/* Time never goes back; what was sent before is booked with the time it was sent at. */
HOT_INLINE uint64_t
tcp_now(struct tcp *c, uint64_t now_ns)
{
	tcp_frames_sent(c);
	if (now_ns > c->now_ns)
		c->now_ns = now_ns;
	return c->now_ns;
}

HOT_INLINE bool
tcp_fin_sent(const struct tcp *c)
{
	return c->fin_wanted && c->snd_nxt == c->tx_end + 1;
}

/* True in the states in which our data or FIN may be on its way. */
HOT_INLINE bool
tcp_sends_data(const struct tcp *c)
{
	return c->state == TCP_STATE_ESTABLISHED || c->state == TCP_STATE_CLOSE_WAIT ||
	       c->state == TCP_STATE_FIN_WAIT_1 || c->state == TCP_STATE_CLOSING ||
	       c->state == TCP_STATE_LAST_ACK;
}

HOT_INLINE bool
tcp_takes_data(const struct tcp *c)
{
	return c->state == TCP_STATE_ESTABLISHED || c->state == TCP_STATE_FIN_WAIT_1 ||
	       c->state == TCP_STATE_FIN_WAIT_2;
}

/* tcp_output.c */

/* Bytes of new data that windows and silly window avoidance allow in one segment now. */
uint32_t tcp_new_len(const struct tcp *c);

/* tcp_recovery.c */

COLD void tcp_recovery_start(struct tcp *c);
COLD void tcp_recovery_on_rto(struct tcp *c);
COLD void tcp_recovery_on_idle(struct tcp *c);
COLD void tcp_recovery_on_mtu(struct tcp *c);
/* acked new bytes; snd_una has moved already, flight_len is what was in flight before. */
void tcp_recovery_on_ack(struct tcp *c, uint32_t acked, uint32_t flight_len);
COLD void tcp_recovery_on_dup(struct tcp *c);
/* When the tail of what is in flight is to be probed (RFC 8985 7.2); 0: not at all. */
uint64_t tcp_tail_deadline(const struct tcp *c);
/* What an acknowledgement says about a probe that is out (RFC 8985 7.4). */
COLD void tcp_tail_on_ack(struct tcp *c, uint32_t ack, bool duplicate);
/* The segment with the highest number in flight.  Returns its length, FIN included. */
COLD uint32_t tcp_tail_next(const struct tcp *c, uint32_t *seq);
/* The one piece sent again at the end of a recovery (RFC 6675 4, NextSeg rule 4); 0 for none. */
COLD uint32_t tcp_rescue_next(const struct tcp *c, uint32_t *seq);
/* Takes the peer's SACK blocks.  True when they said something new. */
COLD bool tcp_sack_take(struct tcp *c, const struct tcp_options *o);
void tcp_rtt_sample(struct tcp *c, uint64_t rtt_ns);
/* Bytes that are on the network as far as we know (RFC 6675 4). */
uint32_t tcp_pipe(const struct tcp *c);
/*
 * The next piece to send again; desperate adds what is not known to be lost (RFC 6675 4, NextSeg
 * rule 3).  Returns its length, FIN included; 0 for none.
 */
COLD uint32_t tcp_rexmit_next(const struct tcp *c, uint32_t *seq, bool desperate);

/* tcp_gaps.c */

/* Stores payload that lies inside the window and moves rcv_nxt on as far as it is complete. */
void tcp_rx_put(struct tcp *c, uint32_t seq, const uint8_t *data, uint32_t len);
/* Forgets out-of-order data from a sequence number on. */
COLD void tcp_gaps_cut(struct tcp *c, uint32_t from_seq);
/* The SACK blocks to send, most recent first (RFC 2018 4).  Returns how many. */
COLD unsigned tcp_gaps_report(const struct tcp *c, struct tcp_range *out, unsigned max);

#endif
