/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_CLEAR_H
#define SLUICE_NET_TCP_CLEAR_H

#include "wire/eth_ip.h"

/*
 * A connection that this process does not have: what an earlier one left behind when it was killed.
 * The peer believes in it until a timeout of its own, and a venue may refuse a second login until
 * then.
 *
 * A reset counts only with exactly the number the peer expects (RFC 5961 3.2), which nobody here
 * knows.  So it is asked for: a segment without data from before the peer's window must be answered
 * with an acknowledgement (RFC 9293 3.10.7.4) that carries the number; the reset has it then.  The
 * question is asked again after it: a peer without the connection answers with a reset of its own
 * (RFC 9293 3.10.7.1), which proves that it is gone.
 *
 * Plain C, time as an argument; owned by one lane.
 */

/* Where a segment goes: all that its headers need.  IP addresses and ports in host order. */
struct tcp_way {
	uint8_t local_mac[ETH_ADDR_BYTES];
	uint8_t peer_mac[ETH_ADDR_BYTES];
	uint32_t local_ip;
	uint32_t peer_ip;
	uint16_t local_port;
	uint16_t peer_port;
	uint16_t vlan_id; // 0: no tag
};

#define TCP_BARE_BYTES 64 // room for any frame of tcp_bare_put; the shortest Ethernet has

/*
 * Writes a segment without options and data.  Async-signal-safe: it touches nothing but *w and buf.
 *
 * Returns  bytes of the frame, at most TCP_BARE_BYTES
 */
COLD uint16_t tcp_bare_put(const struct tcp_way *w, uint32_t seq, uint32_t ack, uint8_t flags,
			   uint8_t *buf);

enum tcp_clear_state {
	TCP_CLEAR_IDLE,
	TCP_CLEAR_ASKING,
	TCP_CLEAR_GONE,     // the peer said that it has no such connection
	TCP_CLEAR_UNPROVEN, // it did not answer in time
};

enum {
	TCP_CLEAR_TRIES = 8,
};
#define TCP_CLEAR_WAIT_NS 250000000ULL // Linux answers such questions twice a second at most

struct tcp_clear {
	struct tcp_way way;
	uint32_t seq; // of the question: before anything the peer may expect
	uint32_t ack;
	uint32_t rst_seq; // what the peer expects, when it said so
	uint8_t state;    // enum tcp_clear_state
	uint8_t try_cnt;
	bool ask_due;
	bool rst_due;
	uint32_t rst_cnt; // resets sent
	uint64_t next_ns; // when to ask again
};

/*
 * Begins.  snd_una and rcv_nxt are of any moment of the connection's life: an old acknowledged
 * number is as good as the last one.
 */
COLD void tcp_clear_start(struct tcp_clear *c, const struct tcp_way *w, uint32_t snd_una,
			  uint32_t rcv_nxt, uint64_t now_ns);

/* Takes a packet whose checksum was verified; false when it is not of that connection. */
COLD bool tcp_clear_on_packet(struct tcp_clear *c, const struct eth_ip *e);

/* Lets time pass. */
COLD void tcp_clear_on_time(struct tcp_clear *c, uint64_t now_ns);

/* Writes one frame that is due; 0 when there is none.  buf has TCP_BARE_BYTES. */
COLD uint16_t tcp_clear_take(struct tcp_clear *c, uint8_t *buf);

#endif
