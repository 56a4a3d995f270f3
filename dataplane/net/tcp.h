/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_H
#define SLUICE_NET_TCP_H

#include "base/metric.h"
#include "wire/eth_ip.h"

/*
 * One TCP connection over IPv4, client side (RFC 9293): frames in, frames out, time as an argument.
 * No thread, no clock, no allocation; whoever calls owns the struct, one caller at a time.
 *
 * A turn of the owner:
 *   tcp_on_frame() for each frame received, tcp_peek()/tcp_consume() what became readable,
 *   tcp_frame_start()/tcp_frame_finish() (net/tcp_fast.h) or tcp_send() for what it wants to say,
 *   tcp_advance() when the deadline it last returned has come, or at every housekeeping,
 *   then tcp_next_frame() until it returns 0.
 * Acknowledgements are never delayed, but one frame acknowledges everything taken before it.
 *
 * now_ns may be any clock that does not jump; a value below an earlier one counts as that one.
 * Addresses and ports in arguments are in host order.
 */

enum {
	TCP_HEAD_MAX = 72,   // Ethernet 14, VLAN 4, IPv4 20, TCP 20, timestamps 12; rounded up to 8
	TCP_FRAME_MIN = 98,  // least cap for tcp_next_frame(): headers with a full option field
	TCP_GAPS_MAX = 32,   // pieces of out-of-order data kept at once
	TCP_SACKED_MAX = 32, // pieces of sent data the peer may have reported at once
	TCP_MSS_UNSAID = 536, // RFC 9293 3.7.1: for IPv4, when the peer says nothing
	TCP_BUF_MIN = 2048,
};

enum tcp_state {
	TCP_STATE_CLOSED,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_RECEIVED, // both sides connected at once
	TCP_STATE_ESTABLISHED,
	TCP_STATE_FIN_WAIT_1,
	TCP_STATE_FIN_WAIT_2,
	TCP_STATE_CLOSE_WAIT,
	TCP_STATE_CLOSING,
	TCP_STATE_LAST_ACK,
	TCP_STATE_TIME_WAIT,
	TCP_STATE_CNT,
};

/* Why a connection is closed. */
enum tcp_end {
	TCP_END_NONE,        // it is not, or was never opened
	TCP_END_CLOSED,      // both sides said FIN and both were acknowledged
	TCP_END_REFUSED,     // the peer answered the SYN with a reset
	TCP_END_RESET,       // the peer reset it
	TCP_END_ABORTED,     // we reset it: tcp_abort(), or tcp_close() with data unread
	TCP_END_CONNECT,     // no answer within connect_timeout_ns
	TCP_END_TIMEOUT,     // sent data stayed unacknowledged for user_timeout_ns
	TCP_END_KEEPALIVE,   // silent peer, probes unanswered
	TCP_END_UNREACHABLE, // a hard ICMP error while connecting
	TCP_END_CNT,
};

/* All of it is copied by tcp_init(), except the two buffers, which it uses until the end. */
struct tcp_config {
	uint8_t local_mac[ETH_ADDR_BYTES];
	uint8_t peer_mac[ETH_ADDR_BYTES]; // of the peer or of the gateway
	uint32_t local_ip;
	uint32_t peer_ip;
	uint16_t local_port;
	uint16_t peer_port;
	uint16_t vlan_id; // 0: no tag
	uint16_t mss;     // largest segment to send and to receive, without options; 0: 1460
	uint8_t tos;
	uint8_t ttl;         // 0: 64
	bool window_scaling; // offered; used when the peer offers it too (RFC 7323)
	bool sack;           // offered (RFC 2018)
	bool timestamps;     // offered; costs 12 bytes a frame (RFC 7323)
	bool isn_fixed;      // start at isn; for tests and replay
	bool tail_probe;     // RFC 8985 7, when SACK was agreed
	bool sum_offload;    // the NIC fills the TCP checksum: leave the pseudo header's sum there
	bool rx_sum_trusted; // never verify checksums: the port drops bad frames itself
	uint32_t isn;
	uint64_t isn_secret[2];         // random bits, the same for all connections of the process
	uint32_t cwnd_fixed_bytes;      // not 0: this instead of RFC 5681; for a link nobody shares
	uint64_t rto_initial_ns;        // 0: 1 s (RFC 6298 2.1)
	uint64_t rto_min_ns;            // 0: 1 s (RFC 6298 2.4), at least 1 us; far less on a LAN
	uint64_t rto_max_ns;            // 0: 60 s
	uint64_t peer_ack_delay_ns;     // how long the peer may hold an acknowledgement back: the
					// probe of a lone segment waits for it
	uint64_t connect_timeout_ns;    // 0: 180 s (RFC 9293 3.8.3: at least 3 minutes)
	uint64_t user_timeout_ns;       // 0: 100 s (RFC 9293 3.8.3, R2)
	uint64_t keepalive_idle_ns;     // 0: no keep-alive
	uint64_t keepalive_interval_ns; // 0: 1 s
	uint32_t keepalive_probes;      // 0: 5
	uint32_t black_hole_rtos;       // after so many timeouts in a row segments get smaller (RFC
					// 4821); 0: never
	uint64_t fin_wait_2_ns; // after tcp_close(), how long the peer may hold its half open; 0:
				// 60 s
	uint64_t time_wait_ns;  // 0: 60 s, twice the maximum segment lifetime of 30 s
	uint8_t *rx_buf;        // half of it is the receive window, so that all that is readable
	uint32_t rx_buf_bytes;  // always lies in one piece; TCP_BUF_MIN .. 2^31
	uint8_t *tx_buf;        // what is unacknowledged or unsent; a power of two,
	uint32_t tx_buf_bytes;  // TCP_BUF_MIN .. 2^30
};

struct tcp_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/tcp_metrics.def"
#undef METRIC
};

/* Sequence numbers start .. end-1. */
struct tcp_range {
	uint32_t start_seq;
	uint32_t end_seq;
};

enum tcp_recovery {
	TCP_RECOVERY_NONE,
	TCP_RECOVERY_FAST, // duplicate acknowledgements or SACK (RFC 6582, RFC 6675)
	TCP_RECOVERY_RTO,  // the timer ran out: everything up to recover_seq counts as lost
};

/*
 * A connection.  Written by its owner only; fields are read through the functions below, except by
 * tcp_fast.h and tests.  The first lines are those the fast path touches.
 */
struct tcp {
	cache_aligned uint8_t head[TCP_HEAD_MAX]; // headers of a data frame, ready but for numbers
	uint64_t head_ip_sum;                     // of the IPv4 header without id and total length
	uint64_t head_tcp_sum; // pseudo header and TCP header without the numbers
	uint16_t head_len;
	uint16_t l3_off;
	uint16_t mss_eff; // largest payload of a segment now
	uint16_t ip_id;
	uint32_t snd_una;
	uint32_t snd_nxt;        // behind the highest byte ever sent
	uint32_t tx_end;         // behind the last byte in tx_buf
	uint32_t fast_limit_seq; // the fast path may send up to here; at most snd_nxt: not at all
	uint32_t rcv_nxt;
	uint32_t rcv_adv;      // right edge of the window as the peer knows it
	uint32_t rcv_adv_next; // right edge the next frame announces
	uint32_t last_ack_sent;
	uint32_t isn;
	uint32_t tx_mask;
	uint8_t *tx_buf;
	uint64_t now_ns;
	uint64_t rto_deadline_ns; // 0: not running
	uint64_t rto_ns;          // with backoff
	uint64_t progress_ns;     // when the peer last moved our data on
	uint64_t last_tx_ns;
	uint64_t rtt_start_ns;
	uint32_t rtt_seq;      // a segment ending here is being timed
	uint32_t ts_recent;    // newest timestamp of the peer
	uint32_t ts_offset;    // our timestamp at now_ns == 0
	uint16_t window_field; // for the next frame, scaled
	bool rtt_running;
	bool ack_pending;
	bool ts_on;
	bool sum_offload;
	uint8_t state; // enum tcp_state
	uint8_t gap_cnt;
	uint32_t unbooked_bytes; // of frames finished since tcp_frames_sent()
	uint32_t unbooked_cnt;
	uint32_t line_at; // where in tx_buf the payload in line goes
	bool line_kept;
	cache_aligned uint8_t line[CACHE_LINE]; // of the last frame, until tcp_frames_sent()

	/* receiving */
	cache_aligned uint8_t *rx_buf;
	uint32_t rx_window; // most bytes readable and out of order together
	uint32_t rx_off;    // where in rx_buf the first readable byte lies
	uint32_t rx_len;    // readable bytes
	uint32_t rcv_isn;
	uint32_t fin_seq; // the peer's FIN, when fin_seen
	bool fin_seen;    // it arrived, maybe before data ahead of it
	bool fin_taken;   // rcv_nxt has passed it
	uint8_t rcv_wscale;
	uint8_t snd_wscale;
	uint8_t rcv_wscale_offer; // rcv_wscale once the peer agreed
	bool wscale_on;
	bool dup_seen;                      // dup arrived twice and was not reported yet
	struct tcp_range dup;               // (RFC 2883)
	uint32_t gap_clock;                 // counts out-of-order arrivals
	struct tcp_range gap[TCP_GAPS_MAX]; // out-of-order data: ascending, apart
	uint32_t gap_stamp[TCP_GAPS_MAX];   // gap_clock of the last arrival in each
	uint64_t ts_recent_ns;              // when ts_recent was taken
	uint64_t last_rx_ns;

	/* sending */
	uint32_t snd_wnd;
	uint32_t snd_wnd_max;
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t cwnd_acked;  // towards the next step of congestion avoidance
	uint32_t recover_seq; // snd_nxt when loss was seen last
	uint32_t rexmit_seq;  // next byte to look at for sending again
	uint32_t dup_ack_cnt;
	uint32_t limited_bytes; // sent by limited transmit since (RFC 3042)
	uint32_t tail_end_seq;
	uint32_t rescue_seq;
	uint32_t peer_dup_seq;
	uint32_t probe_len; // bytes the persist timer lets out in spite of the window
	uint8_t recovery;   // enum tcp_recovery
	bool rexmit_now;    // send the segment at snd_una again, whatever the windows say
	bool fin_wanted;    // a FIN follows tx_end
	bool tail_due;      // a probe of the tail is to be sent
	bool tail_out;      // one was sent, ending at tail_end_seq, and is not judged yet
	bool tail_again;    // it carried what had been sent before
	bool tail_arrived;  // it came through: what was sent before it and is missing, is lost
	bool rescued;       // RFC 6675 4, NextSeg rule 4: once up to rescue_seq
	bool peer_dup_seen; // the segment in hand reports a duplicate, ending at peer_dup_seq
	bool syn_due;
	bool syn_resent;
	bool sack_on;
	bool closed_by_user; // tcp_close(): nobody reads any more
	bool rst_due;
	bool rst_with_ack;
	bool df_off; // the path is narrower than our smallest segment
	bool keepalive_due;
	uint8_t end; // enum tcp_end
	uint8_t soft_icmp_type;
	uint8_t soft_icmp_code;
	uint8_t sacked_cnt;
	struct tcp_range sacked[TCP_SACKED_MAX]; // reported by the peer: ascending, apart
	uint32_t rst_seq;
	uint32_t rst_ack;
	uint32_t keepalive_cnt; // probes since the peer was last heard
	uint32_t backoff_cnt;
	uint32_t challenge_cnt; // in the second that began at challenge_ns
	uint16_t peer_mss;
	uint16_t path_mss; // what configuration and ICMP leave
	uint64_t challenge_ns;
	uint64_t srtt_ns;
	uint64_t rttvar_ns;
	uint64_t rto_base_ns; // without backoff
	uint64_t persist_deadline_ns;
	uint64_t keepalive_deadline_ns;
	uint64_t connect_deadline_ns;
	uint64_t close_deadline_ns; // end of TIME_WAIT or of an abandoned FIN_WAIT_2
	struct tcp_config config;
	struct tcp_metrics metrics;
};

/*
 * Prepares a connection; the state is TCP_STATE_CLOSED.  May be called again for the next one once
 * the last is closed.  Metrics start at zero.
 *
 * Returns  0
 *          -EINVAL  a buffer is missing, too small or no power of two, a segment size below 64, a
 *                   time out of order; *c is not to be used
 */
COLD int tcp_init(struct tcp *c, const struct tcp_config *config);

/* Starts to connect: tcp_next_frame() gives the SYN.  False when the state is not CLOSED. */
COLD bool tcp_connect(struct tcp *c, uint64_t now_ns);

/* Other headers from now on: the peer's or the gateway's MAC address changed. */
COLD void tcp_set_peer_mac(struct tcp *c, const uint8_t mac[ETH_ADDR_BYTES]);

/* True when a packet belongs to this connection. */
HOT_INLINE bool
tcp_is_mine(const struct tcp *c, const struct eth_ip *e)
{
	const struct tcp_head *t = (const struct tcp_head *)e->l4;

	return e->proto == IP_PROTO_TCP && e->l4_len >= sizeof(*t) &&
	       be32_get(e->src) == c->config.peer_ip && be32_get(e->dst) == c->config.local_ip &&
	       be16_get(t->src_port) == c->config.peer_port &&
	       be16_get(t->dst_port) == c->config.local_port;
}

/*
 * Takes one received frame; copies what it keeps.  False when it is not of this connection.
 * Everything that can be wrong with a frame is counted in metrics.
 *
 * sum_known_ok: the NIC has verified the checksums already.
 */
bool tcp_on_frame(struct tcp *c, const uint8_t *frame, uint16_t len, bool sum_known_ok,
		  uint64_t now_ns);

/* The same for a packet that was walked already. */
bool tcp_on_packet(struct tcp *c, const struct eth_ip *e, bool sum_known_ok, uint64_t now_ns);

/*
 * An ICMP error arrived: e is its packet (proto ICMP, checksum verified by the caller).  What it
 * quotes decides whether it concerns us (RFC 5927 4.1: sequence number in flight).  Hard errors end
 * a connection that is being opened; later they are noted only.  False when it is not ours.
 */
COLD bool tcp_on_icmp(struct tcp *c, const struct eth_ip *e, uint64_t now_ns);

/*
 * Writes the next frame to send.  Call until it returns 0.
 *
 * Returns  bytes of the frame, at most cap; 0 when there is nothing to send (or cap is below
 *          TCP_FRAME_MIN)
 */
uint16_t tcp_next_frame(struct tcp *c, uint8_t *buf, uint16_t cap, uint64_t now_ns);

/*
 * Lets timers run out.  What they cause comes out of tcp_next_frame().
 *
 * Returns  when to call again at the latest; UINT64_MAX when no timer runs
 */
uint64_t tcp_advance(struct tcp *c, uint64_t now_ns);

/*
 * Queues bytes to send, as many as there is memory for; they leave in tcp_next_frame().  May be
 * called before the connection is established.  While anything is queued the fast path refuses, so
 * that bytes leave in the order they were given.
 *
 * Returns  bytes taken; 0 when the memory is full or our half is closed
 */
uint32_t tcp_send(struct tcp *c, const uint8_t *data, uint32_t len);

/* How many bytes tcp_send() would take. */
uint32_t tcp_send_room(const struct tcp *c);

/*
 * All bytes that can be read, in one piece.  *data stays valid until tcp_consume(), however many
 * frames arrive.  Returns how many.
 */
HOT_INLINE uint32_t
tcp_peek(const struct tcp *c, const uint8_t **data)
{
	*data = c->rx_buf + c->rx_off;
	return c->rx_len;
}

/* The first len of them are done with; at most what tcp_peek() returned. */
void tcp_consume(struct tcp *c, uint32_t len);

/* True when the peer closed its half and everything before that was consumed. */
HOT_INLINE bool
tcp_at_end(const struct tcp *c)
{
	return c->rx_len == 0 && (c->fin_taken || c->state == TCP_STATE_CLOSED);
}

/* Closes our half: a FIN follows what was sent; reading goes on. */
COLD void tcp_shutdown(struct tcp *c, uint64_t now_ns);

/*
 * Closes both halves.  What was sent is still delivered; data unread or arriving later is answered
 * with a reset, so that the peer knows it was lost (RFC 9293 3.6.1).
 */
COLD void tcp_close(struct tcp *c, uint64_t now_ns);

/* Ends the connection now: tcp_next_frame() gives one reset, the state is CLOSED. */
COLD void tcp_abort(struct tcp *c, uint64_t now_ns);

HOT_INLINE enum tcp_state
tcp_state_of(const struct tcp *c)
{
	return (enum tcp_state)c->state;
}

HOT_INLINE enum tcp_end
tcp_end_of(const struct tcp *c)
{
	return (enum tcp_end)c->end;
}

/* Bytes (and FIN) sent and not acknowledged. */
HOT_INLINE uint32_t
tcp_in_flight(const struct tcp *c)
{
	return c->snd_nxt - c->snd_una;
}

/* True when a data segment may be sent now or later: ours is not closed. */
HOT_INLINE bool
tcp_can_send(const struct tcp *c)
{
	return (c->state == TCP_STATE_ESTABLISHED || c->state == TCP_STATE_CLOSE_WAIT) &&
	       !c->fin_wanted;
}

/* Words for people: "ESTABLISHED", "peer reset". */
COLD const char *tcp_state_name(enum tcp_state s);
COLD const char *tcp_end_name(enum tcp_end e);

/* True when everything that must always hold does.  For tests and fuzzing. */
COLD bool tcp_check(const struct tcp *c);

/* Sequence numbers compare modulo 2^32 (RFC 9293 3.4). */
HOT_INLINE bool
seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

HOT_INLINE bool
seq_up_to(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

HOT_INLINE uint32_t
seq_max(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

HOT_INLINE uint32_t
seq_min(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? a : b;
}

#endif
