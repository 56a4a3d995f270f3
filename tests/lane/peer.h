/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_LANE_PEER_H
#define SLUICE_TESTS_LANE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A venue's order port made of memory: frames in, frames out, no time.  Answers ARP, accepts one
 * TCP connection, logs it in (SoupBinTCP 3.00), answers OUCH 5.0 and 4.2 with "accepted" and, when
 * told to, with an execution of the whole order or a rejection.  Keeps every byte the client sent
 * and respects its window.  A link that loses frames needs peer_resend now and then; sluice-venue
 * (tests/sim) is the venue with faults.
 */
enum {
	PEER_FRAME_MAX = 1600,
	PEER_OUT_MAX = 256,
	PEER_LOG_MAX = 1 << 23,
	PEER_TOKEN_MAX = 1 << 17,
	PEER_BACKLOG_MAX = 1 << 20,
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
	// the same, and a rejection, for some new orders only: each so many-th, 0 none; OUCH 5.0
	uint32_t executes_every;
	uint32_t rejects_every;

	bool connected;
	bool logged_in;
	uint8_t client_mac[6];
	uint32_t client_ip;
	uint16_t client_port;
	uint32_t snd_una; // the backlog's first byte
	uint32_t snd_nxt;
	uint32_t snd_wnd;
	uint32_t rcv_nxt;
	uint64_t match_ref;
	uint64_t order_ref;

	uint32_t enter_cnt;
	uint32_t replace_cnt;
	uint32_t cancel_cnt;
	uint32_t reject_cnt;
	uint32_t execution_cnt;
	uint32_t bad_cnt;   // what no client of ours may send: tests want 0
	uint32_t again_cnt; // segments that came before, as after a timeout
	uint32_t early_cnt; // segments behind a lost one

	// by UserRefNum; OUCH 5.0 only
	uint32_t open_qty[PEER_TOKEN_MAX];
	uint32_t executed_qty[PEER_TOKEN_MAX]; // of the whole chain of replaces
	uint64_t px4[PEER_TOKEN_MAX];
	uint8_t side[PEER_TOKEN_MAX];
	uint32_t token_max;   // the largest seen
	int64_t position_qty; // what the executions add up to

	size_t log_len; // OUCH messages of the client, each behind a be16 length
	uint8_t log[PEER_LOG_MAX];
	size_t stream_len;
	uint8_t stream[65536]; // bytes not yet a whole Soup packet
	size_t backlog_len;
	uint8_t backlog[PEER_BACKLOG_MAX]; // bytes to the client it has not acknowledged

	struct peer_frame out[PEER_OUT_MAX]; // frames for the client
	unsigned out_cnt;
};

void peer_init(struct peer *p, uint32_t ip, uint16_t port);

/* One frame from the client; answers land in out[]. */
void peer_on_frame(struct peer *p, const uint8_t *frame, size_t len);

/* Sends a sequenced OUCH message of the test's own. */
void peer_send_sequenced(struct peer *p, const void *msg, size_t len);

/* Executes up to qty shares of an order that rests here; false when it does not.  OUCH 5.0. */
bool peer_execute(struct peer *p, uint32_t token, uint32_t qty);

void peer_heartbeat(struct peer *p);

/* Sends the oldest bytes not acknowledged once more, past a closed window at least one. */
void peer_resend(struct peer *p);

#endif
