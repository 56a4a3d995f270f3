/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_REHEARSAL_H
#define SLUICE_LANE_REHEARSAL_H

#include "lane/lane.h"
#include "lane/rehearsal_feed.h"

enum {
	REHEARSAL_JOURNAL_SLOTS = 32, // an order needs four
	REHEARSAL_NEAR_MAX = 6 + LANE_RXQ_MAX + 4 * FEED_MAX + 2 * STRATEGY_MAX,
	REHEARSAL_NEAR_BYTES = 2048, // in one turn: some 50 ns when they are near already
};

/* Code or data that shall stay near. */
struct rehearsal_near {
	const uint8_t *at;
	size_t bytes;
};

/*
 * Sending an order without sending one, so that the first order after a quiet minute finds the way
 * as warm as the thousandth.
 *
 * In a lane that holds all stages a made-up packet goes through them (rehearsal_feed.h), in others
 * a made-up intent through the functions that a real one takes (give_intent, give_order).  There is
 * one copy of each function in a lane, so the code and what the processor learnt of it are warm.
 * The lane's pointers lead to doubles meanwhile: a second risk, a second limits, a second session,
 * a second end of the ring to the next lane.  The session's double begins as a copy of the
 * connection and writes into the frame buffer and the retransmit store where the next order will be
 * written; that warms these lines, and copying reads the connection's.  What else the next order
 * will touch of the real ones is prefetched.
 *
 * Why nothing can leave: the double's burst is its own copy and is never flushed (if it were: DPDK
 * has no port of the double's number and takes nothing, and the lane ends by must), the ring leads
 * nowhere, the connection's own numbers do not move, and the store's bytes behind tx_end are never
 * sent.  Real counters, limits, tokens, orders and positions are not touched.
 *
 * The empty turns after it ask for what the stages hold, and for the lane's code and theirs,
 * without what is COLD (turn.ld).  All of it as data: that brings code into the second level cache,
 * and the places of its pages into the TLB.  A lane that has no part in sending orders does only
 * this.
 *
 * Only an empty turn rehearses; a packet that arrives meanwhile waits for its end: some 1.25 us in
 * every warm_up_us (perf/README.md).
 */
struct rehearsal {
	struct risk risk;
	struct session *session[SESSION_MAX]; // doubles, by session_idx; NULL where none is here
	struct lane_port port[SESSION_MAX];   // theirs
	struct ring order_ring;               // where the next lane would be
	struct intent intent;
	struct order order;
	uint64_t every_ns; // how long a lane is quiet before it rehearses; 0: it never does
	uint64_t last_ns;
	uint64_t seen_order_cnt;
	struct rehearsal_near near[REHEARSAL_NEAR_MAX];
	uint32_t near_cnt;
	uint32_t near_next;          // to be asked for
	size_t near_done;            // bytes of it
	bool rehearsed;              // an order was, now what else is needed comes near
	uint32_t sent_cnt;           // orders of the rehearsal that goes on
	struct rehearsal_feed *feed; // NULL: the lane does not hold all stages
	// the lane's own, while the doubles stand in
	struct {
		struct risk *risk;
		const struct risk_limits *limits;
		struct session *session;
		struct strategy *strategy;
		struct ring *order_out;
		struct ring *update_out;
		struct ring *verdict_out;
		struct ring *fill_out;
		struct journal *journal;
	} own;
	struct journal journal; // its ring follows, and nobody reads it
	cache_aligned uint8_t order_slot[2 * CACHE_LINE];
	cache_aligned uint8_t
		journal_ring[JOURNAL_RING_HEAD_BYTES + REHEARSAL_JOURNAL_SLOTS * CACHE_LINE];
	struct risk_limits limits;
};

/* From the arena: the double of risk, and of each session. */
#define REHEARSAL_BYTES         (sizeof(struct rehearsal) + 32768)
#define REHEARSAL_SESSION_BYTES (sizeof(struct session) + 8192)

/*
 * Notes what is to be near, and prepares the doubles of a lane that holds risk, sessions or both.
 *
 * Thread   before the lane runs; its stages are in place.
 * Memory   from the lane's arena, see above.
 * Returns  the doubles, or NULL: the arena is used up
 */
COLD struct rehearsal *rehearsal_open(struct lane *l, uint64_t every_ns);

/* Whether the lane was quiet for long enough.  Thread: the lane, in housekeeping. */
COLD bool rehearsal_is_due(struct rehearsal *r, const struct lane *l);

/* Asks for the next few lines.  False after the last ones. */
COLD bool rehearsal_near(struct rehearsal *r);

/*
 * The doubles take their places.  s: the session to send by; NULL in a lane without sessions.
 * False when this is no moment for it: a session that is not up, a halt, frames that wait to be
 * sent.  Nothing has changed then.
 */
COLD bool rehearsal_begin(struct rehearsal *r, struct lane *l, struct session *s);

/* The lane has its own back, and the doubles are as before. */
COLD void rehearsal_end(struct rehearsal *r, struct lane *l, struct session *s);

#endif
