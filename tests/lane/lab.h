/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_LANE_LAB_H
#define SLUICE_TESTS_LANE_LAB_H

#include "boot/offline.h"
#include "peer.h"

/*
 * A whole gateway in one process without a NIC and without a clock: ports are net_ring devices, the
 * venue is peer.h, lanes are turned one after another by the test, and time is what the test says.
 * The same input therefore gives the same bytes, whatever the core map.
 */
enum {
	LAB_RING_CNT = 1024,
	LAB_FRAME_MAX = 1600,
};

struct lab {
	struct gateway g;
	struct core_map map;
	struct config config;
	struct offline offline;
	struct peer peer;
	uint64_t now_ns;
	uint64_t md_seq; // of the next market data message
	char md_session[10];
	struct rte_ring *md_in; // those of offline
	struct rte_ring *md_out;
	struct rte_ring *oe_in;
	struct rte_ring *oe_out;
	struct rte_mempool *pool;
	uint64_t bad_frame_cnt; // frames we sent that do not parse
	unsigned peer_sent;     // of peer.out, those already in oe_in
};

/*
 * Lanes of a core map: "rx arb parse book strategy risk orders encode tcp report" split by '|'.  A
 * word like "shards=0" or "strategies=taker" is a key of the lane's with one instance.
 */
struct lab_setup {
	const char *lanes; // NULL: all in one
	uint32_t shards;   // of the feed; 0: one
	uint32_t ring_slots;
	uint32_t burst;
	uint32_t sample_every;
	bool ouch42;
	uint32_t instr_cnt;     // of flow_symbol(); 0: AAPL alone
	const char *strategies; // YAML of the list; NULL: a taker and a maker on AAPL
	const char *risk_more;  // YAML of further keys of risk, or NULL
	const char *feeds_more; // YAML of further feeds and instruments, or NULL
	const char *instruments_more;
	const char *sessions_more; // YAML of further sessions, or NULL
	bool no_warm_up;           // lanes never rehearse
	bool real_clock;           // for benches: the TSC counts
};

/* Starts EAL once per process. */
void lab_eal(void);

/* Everything up to lanes that may be turned; aborts with words when something fails. */
struct lab *lab_open(const struct lab_setup *s);
void lab_close(struct lab *lab);

/*
 * Carries what is there to and from the venue, whose answers wait while the port's queue is full.
 * Returns how many frames moved.  Thread: the one that plays the venue and the feed.
 */
unsigned lab_carry(struct lab *lab);

/* Whether the next packet of market data has room in the port's queue. */
bool lab_md_has_room(const struct lab *lab);

/* Turns every lane and carries frames to and from the venue until nothing moves any more. */
void lab_settle(struct lab *lab);

/* Time goes on for everyone, then settles. */
void lab_advance(struct lab *lab, uint64_t ns);

/* Connects, logs in, arms. */
void lab_session_up(struct lab *lab);

/* One MoldUDP64 packet with cnt ITCH messages, each behind its be16 length, on a line of the feed.
 */
void lab_market_data(struct lab *lab, unsigned line, const uint8_t *blocks, size_t len,
		     uint16_t cnt);
/* The same with a sequence number of the caller's. */
void lab_mold(struct lab *lab, unsigned line, uint64_t seq, const uint8_t *blocks, size_t len,
	      uint16_t cnt);

/* The frame of such a packet; returns its length. */
size_t lab_mold_frame(uint8_t frame[LAB_FRAME_MAX], const char session[MOLD_SESSION_LEN],
		      unsigned line, uint64_t seq, const uint8_t *blocks, size_t len, uint16_t cnt);

/*
 * Buffers of all pools that nobody accounts for.  Every lane keeps one ready for each port it sends
 * on; none may be held elsewhere.  Thread: no lane runs any more; frames in the rings are freed.
 */
unsigned lab_lost_buffers(struct lab *lab);

struct lane *lab_lane_with(struct lab *lab, enum stage stage);

/* A thread's function: runs the lane it is given until that ends, on any core of the machine. */
void *lab_run_lane(void *lane);

/* A whole file into memory; NULL when it cannot be read. */
uint8_t *lab_read_file(const char *path, size_t *len);

#endif
