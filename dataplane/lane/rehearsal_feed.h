/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_REHEARSAL_FEED_H
#define SLUICE_LANE_REHEARSAL_FEED_H

#include "lane/lane.h"

enum {
	REHEARSAL_FRAMES = 6,
	REHEARSAL_FRAME_BYTES = 128,
	REHEARSAL_INSTR = 1, // the doubles know one instrument
	REHEARSAL_QTY = 100, // of its orders
	REHEARSAL_BID_PX4 = 999900,
	REHEARSAL_ASK_PX4 = 1000100,
};

/*
 * A feed that nobody sends, for a lane that holds all stages: a made-up packet goes through the
 * lane's own turn_in, so that what the processor learns is of the very code that the next real one
 * takes.  It has an rx, an arbiter, a parser, a book and a strategy of each kind that the lane has,
 * and they know one instrument.  They lie in the places of the lane behind the last feed and the
 * last queue, where no other thread looks; only the lane's strategies are replaced meanwhile.
 *
 * The instrument's bid is heavy and changes with each packet, so a taker wishes an order each time.
 * The packets differ: an order comes, is executed, is reduced, leaves, and the offer moves to
 * another price and back.  Each has the same sequence number; the arbiter is set back.
 */
struct rehearsal_feed {
	struct rx rx;
	struct arb arb;
	struct parse parse;
	struct strategy wisher[STRATEGY_KIND_CNT];
	struct strategy silent;   // asked last: so no order is its cause's last and flushed
	struct strategy *wishing; // the one asked last
	uint32_t wisher_cnt;
	uint32_t next;
	uint64_t seq; // of each packet
	struct rte_mbuf buf;
	uint16_t frame_len[REHEARSAL_FRAMES];
	cache_aligned uint8_t frame[REHEARSAL_FRAMES][REHEARSAL_FRAME_BYTES];
	// the lane's own, meanwhile
	struct strategy *strategy_here[2];
	uint8_t strategy_cnt;
	uint32_t sample_every;
	uint64_t burst_tsc;
	struct book book;
};

/* Whether a lane with these stages rehearses market data, too. */
static inline bool
rehearses_feed(stage_set stages)
{
	return holds(stages, RX) && holds(stages, PARSE) && holds(stages, STRATEGY) &&
	       holds(stages, RISK) && holds(stages, ORDERS);
}

/* What rehearsal_feed_open takes from the lane's arena, at most. */
size_t rehearsal_feed_bytes(void);

/* NULL: the arena is used up.  Thread: before the lane runs; its strategies are in place. */
COLD struct rehearsal_feed *rehearsal_feed_open(struct lane *l);

/*
 * The next packet is the lane's frame in hand, and the wishes it causes are for that session. False
 * when this is no moment for it: the lane has frames or datagrams in hand, or is recovering.  Call
 * turn_in without a poll until the lane walks no more, and take away its l->sent each time.
 */
COLD bool rehearsal_feed_begin(struct rehearsal_feed *f, struct lane *l, uint8_t session_idx);

/* The lane has its own strategies back. */
COLD void rehearsal_feed_end(struct rehearsal_feed *f, struct lane *l);

/* What became of a wish. */
COLD void rehearsal_feed_on_update(struct rehearsal_feed *f, const struct update *u);

#endif
