/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_REPLAY_VENUE_H
#define SLUICE_REPLAY_REPLAY_VENUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * The venue of a replay: the order port's other side, made of memory.  One venue answers one order
 * session: ARP, TCP without loss, SoupBinTCP, OUCH 5.0 or 4.2.  It knows no time but the caller's
 * and no market but what the caller's `best` says.  What it does with orders stands in README.md of
 * this folder; a change there changes every replay.
 */
enum {
	REPLAY_FRAME_MAX = 1600,
};

/* The best price of a side of a symbol, as the replayed book has it; qty 0: none. */
struct replay_best {
	uint32_t px4;
	uint32_t qty;
};

/* What the venue asks and tells its owner. */
struct replay_venue_owner {
	void *ctx;
	/* A frame for the gateway. */
	void (*send)(void *ctx, const uint8_t *frame, uint16_t len);
	/* An OUCH message of the gateway arrived, behind its SoupBinTCP head. */
	void (*on_message)(void *ctx, const uint8_t *packet, uint16_t packet_len);
	/* buy: the best bid, otherwise the best offer; symbol is padded with spaces. */
	struct replay_best (*best)(void *ctx, const char symbol[8], bool buy);
};

struct replay_venue_config {
	uint32_t ip; // host order
	uint16_t port;
	bool ouch42;
	bool match;        // against the replayed book; otherwise orders only rest
	uint64_t delay_ns; // from a message's arrival to what the venue does about it
};

struct replay_venue_counts {
	uint64_t message; // OUCH messages of the gateway
	uint64_t enter;
	uint64_t replace;
	uint64_t cancel;
	uint64_t accepted;
	uint64_t rejected;
	uint64_t canceled;
	uint64_t execution;
	uint64_t executed_qty;
	uint64_t unreadable; // what no client of ours may send
};

struct replay_venue;

struct replay_venue *replay_venue_open(const struct replay_venue_config *c,
				       const struct replay_venue_owner *owner);
void replay_venue_close(struct replay_venue *v);

/* A frame the gateway sent on the venue's port; others' are ignored. */
void replay_venue_on_frame(struct replay_venue *v, const uint8_t *frame, uint16_t len,
			   uint64_t now_ns);

/* When the venue has something to do next; UINT64_MAX: nothing waits. */
uint64_t replay_venue_due_ns(const struct replay_venue *v);

/* Does the oldest thing that is due. */
void replay_venue_act(struct replay_venue *v, uint64_t now_ns);

/* The book may have changed: orders that rest and are met now are executed. */
void replay_venue_on_market(struct replay_venue *v, uint64_t now_ns);

/* Heartbeats. */
void replay_venue_on_time(struct replay_venue *v, uint64_t now_ns);

bool replay_venue_logged_in(const struct replay_venue *v);
const struct replay_venue_counts *replay_venue_counts(const struct replay_venue *v);

/* One OUCH request in words, for people: "enter #12 buy 100 AAPL at 585.33, IOC". */
void replay_message_text(bool ouch42, const uint8_t *message, size_t len, char *out,
			 size_t out_bytes);

#endif
