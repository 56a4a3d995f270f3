/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_LANE_PEER_H
#define SLUICE_TESTS_LANE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A venue's order port made of memory: frames in, frames out, no time.  Answers ARP, accepts one
 * TCP connection, logs it in (SoupBinTCP 3.00), answers OUCH 5.0 and 4.2 with "accepted" and, when
 * told to, with an execution of the whole order.  Keeps every byte the client sent.  The link is
 * assumed to lose nothing; sluice-venue (tests/sim) is the one with faults.
 */
enum {
	PEER_FRAME_MAX = 1600,
	PEER_OUT_MAX = 256,
	PEER_LOG_MAX = 1 << 22,
	PEER_TOKEN_MAX = 1 << 16,
};

struct peer_frame {
	uint16_t len;
	uint8_t data[PEER_FRAME_MAX];
};

struct peer {
	// set by the test
	uint8_t mac[6];
	uint32_t ip; // host order
	uint16_t port;
	bool ouch42;
	bool executes; // every accepted order is executed at once, wholly

	bool connected;
	bool logged_in;
	uint8_t client_mac[6];
	uint32_t client_ip;
	uint16_t client_port;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint64_t match_ref;
	uint64_t order_ref;

	uint32_t enter_cnt;
	uint32_t replace_cnt;
	uint32_t cancel_cnt;
	uint32_t bad_cnt; // frames with a wrong checksum or unexpected sequence: tests want 0

	uint32_t open_qty[PEER_TOKEN_MAX]; // by UserRefNum; OUCH 5.0 only
	uint8_t side[PEER_TOKEN_MAX];

	size_t log_len; // OUCH messages of the client, each behind a be16 length
	uint8_t log[PEER_LOG_MAX];
	size_t stream_len;
	uint8_t stream[65536]; // bytes not yet a whole Soup packet

	struct peer_frame out[PEER_OUT_MAX]; // frames for the client
	unsigned out_cnt;
};

void peer_init(struct peer *p, uint32_t ip, uint16_t port);

/* One frame from the client; answers land in out[]. */
void peer_on_frame(struct peer *p, const uint8_t *frame, size_t len);

/* Sends a sequenced OUCH message of the test's own. */
void peer_send_sequenced(struct peer *p, const void *msg, size_t len);

#endif
