/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_OFFLINE_H
#define SLUICE_BOOT_OFFLINE_H

#include "boot/gateway.h"

/*
 * A whole gateway in one thread, without a NIC, huge pages or a clock: its ports are queues in
 * memory, its lanes are turned by the caller one after another, and time is what the caller says.
 * Replays and tests are made of it.
 */
struct offline_port {
	struct rte_ring *in;  // what the port will receive
	struct rte_ring *out; // what it sent
};

struct offline {
	struct gateway *g;
	uint64_t now_ns;
	struct offline_port port[PORT_MAX];
	struct rte_mempool *pool; // of frames put in
	void (*on_send)(void *ctx);
	void *on_send_ctx;
};

struct offline_config {
	uint64_t start_ns;
	uint32_t memory_mb;      // of DPDK, for the process; 0: 256
	uint32_t ring_cnt;       // frames in and out of a port, a power of two
	uint32_t buf_cnt;        // frames put in that may be under way at once
	uint32_t frame_max;      // bytes of a frame put in
	bool real_clock;         // for benches: the TSC counts
	const char *profile_dir; // of the ring's profile; NULL: the configuration's
	uint64_t base_tsc;       // without real_clock: what seeds were made of
	// called by a lane that hands frames to a port, before it reads the clock for them; NULL:
	// nobody
	void (*on_send)(void *ctx);
	void *on_send_ctx;
};

/* DPDK's environment, once per process; no user rights are needed. */
int offline_eal(uint32_t memory_mb, struct err *e);

/*
 * Ports, limits and lanes of a gateway whose configuration and core map are loaded.  Everything up
 * to lanes that may be turned; the first time is start_ns.  In the configuration every port's
 * device becomes a ring, with a MAC address made up where none is set.
 *
 * Returns  0, or a negative errno with the words in *e; offline_close takes back what was made
 */
int offline_open(struct offline *o, struct gateway *g, const struct offline_config *c,
		 struct err *e);
void offline_close(struct offline *o);

/* A frame the port will receive; false when its queue or the pool is full. */
bool offline_put(struct offline *o, uint32_t port_idx, const void *frame, uint16_t len);

/*
 * The oldest frame of a port's in or out, NULL when there is none; the caller frees it.  See
 * port_buf.h for how a sanitizer learns that it is the caller's now.
 */
struct rte_mbuf *offline_frame(struct rte_ring *r);

/* The oldest frame the port sent, at *frame until the next call; 0 when there is none. */
uint16_t offline_take(struct offline *o, uint32_t port_idx, uint8_t *frame, uint16_t frame_max);

/* From now on it is that time, for every lane. */
void offline_set_time(struct offline *o, uint64_t now_ns);

/* Turns every lane once.  Returns how many messages they took. */
uint32_t offline_turn(struct offline *o);

/* Timers and commands of every lane. */
void offline_housekeeping(struct offline *o);

/* Every port's link comes up. */
void offline_link_up(struct offline *o);

#endif
