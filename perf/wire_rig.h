/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_WIRE_RIG_H
#define SLUICE_PERF_WIRE_RIG_H

#include <sys/types.h>

#include "bench.h"
#include "host_watch.h"
#include "peer.h"

struct rte_mempool;

/*
 * A gateway in a process and on a core of its own, and on the other core the one who is its feed
 * and its venue.  Which gateway, and what lies between, is the kind.
 */
enum wire_kind_id {
	WIRE_MEMIF,       // the program on two memif ports
	WIRE_AF_PACKET,   // the program on AF_PACKET ports over veth
	WIRE_KERNEL,      // the lane's stages between kernel sockets over veth
	WIRE_DPDK_KERNEL, // the same, market data from a memif port, orders by the kernel's TCP
	WIRE_LWIP,        // the same, orders by lwIP on a second memif port
};

struct wire_kind {
	const char *name;
	bool md_veth;
	bool oe_veth;
	bool rival; // rival_gateway.h instead of the program
	bool has_echo;
};

extern const struct wire_kind WIRE_KINDS[];

enum {
	WIRE_PRICES = 64, // offers in turn: so many ticks may be on their way
	WIRE_BURST = 32,
	WIRE_REST_MS = 50,
};

struct wire {
	struct bench *b;
	const struct wire_kind *kind;
	uint16_t md;
	uint16_t oe;
	uint16_t echo;
	struct rte_mempool *pool;
	struct peer peer;
	uint64_t heartbeat_tsc;
	uint64_t resend_tsc;
	uint64_t rng;
	char session[10]; // of the market data
	uint64_t md_seq;
	uint64_t tick; // the next one's number
	uint64_t ask_ref;
	uint64_t filler_ref;
	uint64_t pending_tsc[WIRE_PRICES]; // when the tick with that price was due; 0: answered
	struct bench_series *series;       // NULL: not recorded
	struct host_watch *host;           // who looks; never NULL
	struct host_watch with_gateway, with_echo;
	bool held; // an order answers all ticks up to its own
	uint64_t order_cnt;
	uint64_t unanswered_cnt;
	uint64_t unasked_cnt; // orders that no tick asked for: tests want 0
	uint64_t untaken_cnt; // packets of market data that the port did not take
	struct rte_mbuf *batch[WIRE_BURST];
	unsigned batch_cnt;
	pid_t gateway;
	pid_t echoer; // 0: none
};

/* Everything up to a gateway that is logged in and has a book with a bid and an offer. */
void wire_open(struct wire *w, struct bench *b, enum wire_kind_id kind);

/* Ends the process with words; the end of what the gateway said stands above them. */
void wire_die(const char *what) __attribute__((noreturn));

/* What the gateway sent is read, timed and answered. */
void wire_pump(struct wire *w);
void wire_pump_for(struct wire *w, unsigned ms);

/* The watch of the gateway's host begins anew; its stretches are the caller's. */
void wire_watch_gateway(struct wire *w);

/* One ITCH message, for the next wire_flush. */
struct block;
void wire_tell(struct wire *w, const struct block *b);

/* The offer moves to the next price, which asks for an order. */
void wire_trigger(struct wire *w, uint64_t due_tsc);

/* An order far from the best price comes or goes, which asks for nothing. */
void wire_filler(struct wire *w);

/* What was told leaves in one burst.  What the port does not take is lost, and counted. */
void wire_flush(struct wire *w);

/* A buffer with the frame, for whoever sends it. */
struct rte_mbuf *wire_frame(struct wire *w, const uint8_t *frame, size_t len);

/* A frame as it is, at once; false when the port did not take it. */
bool wire_send(struct wire *w, uint16_t port, const uint8_t *frame, size_t len);

/* Ticks that still have no order are given up. */
void wire_give_up(struct wire *w);

/* Whether slow ticks still cause orders: after a lost packet the book is not trusted. */
bool wire_trades(struct wire *w);

/* The market data's session ends and another begins, with the same book. */
void wire_new_session(struct wire *w);

/* When something that comes about every interval is due after the last one. */
uint64_t wire_next_due(struct wire *w, uint64_t due, uint64_t interval_cycles);

uint64_t wire_cycles_of_ms(const struct wire *w, unsigned ms);

/* CPU time of the gateway's process so far, all threads, in seconds; *system: the kernel's part. */
double wire_gateway_cpu_s(const struct wire *w, double *system);

#endif
