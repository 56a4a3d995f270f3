/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_HEAD_H
#define SLUICE_MSG_HEAD_H

#include "base/compiler.h"

/*
 * What every message that may cross a ring begins with.  A stage copies trace and rx_ns from the
 * message that caused its own; only pipeline.h looks into them.
 */
struct trace {
	uint64_t rx_tsc;      // when the burst with the trigger had arrived: start of tick-to-trade
	uint32_t stage_ticks; // after rx_tsc the previous stage was done; 0: not sampled
	uint32_t feed_seq;    // of the feed's message that caused this: its low 32 bits
};

/*
 * A sampled message's stage is done at tsc.  One that is underway for more than 2^32 ticks is not
 * sampled any more.
 */
HOT_INLINE void
trace_stage_done(struct trace *t, uint64_t tsc)
{
	const uint64_t ticks = tsc - t->rx_tsc;

	t->stage_ticks = likely(ticks <= UINT32_MAX) ? (uint32_t)ticks | (ticks == 0) : 0;
}

/* When the previous stage was done, of a sampled message. */
HOT_INLINE uint64_t
trace_stage_tsc(const struct trace *t)
{
	return t->rx_tsc + t->stage_ticks;
}

struct msg_head {
	uint32_t ring_seq; // written by the ring only
	uint16_t instr_idx;
	uint16_t feed_idx;
	struct trace trace;
	uint64_t rx_ns; // when the trigger was received, since 1970; the only time a stage knows
};
static_assert(sizeof(struct msg_head) == 32, "half a cache line is left for the message");

/* Index 0 of every instrument table stands for "not one of ours". */
#define INSTR_NONE 0

enum {
	INSTR_MAX =
		8256, // instruments the configuration may name, index 0 included; of 64 a multiple
	FEED_MAX = 4,
	FEED_LINE_MAX = 4, // lines per feed; limits.h has a macro LINE_MAX
	SESSION_MAX = 4,
	STRATEGY_MAX = 32,
	PORT_MAX = 8,
	LANE_MAX = 16,
};

/* A strategy_idx that is nobody's: an order of an earlier process, found in the venue's replay. */
#define STRATEGY_NONE UINT8_MAX

/* Wire bytes of a side in ITCH and OUCH are letters; inside, a side is an index. */
enum side {
	SIDE_BUY = 0,
	SIDE_SELL = 1,
};

/* How far a book may be believed.  Only LIVE lets a new order pass. */
enum confidence {
	CONFIDENCE_STALE = 0, // no data yet, feed silent, end of session
	CONFIDENCE_SUSPECT,   // a gap is open, or the book broke an invariant
	CONFIDENCE_RECOVERING,
	CONFIDENCE_LIVE,
	CONFIDENCE_CNT,
};

/* Trading state of an instrument: ITCH 5.0 Stock Trading Action 'H' and Operational Halt 'h'. */
enum trading_state {
	TRADING_UNKNOWN = 0, // no 'H' yet: to be treated as halted (ITCH 5.0, pre-open spin)
	TRADING_HALTED,
	TRADING_PAUSED,
	TRADING_QUOTATION_ONLY,
	TRADING_OPEN,
	TRADING_TEST, // a test symbol: never traded
	TRADING_STATE_CNT,
};

/* What part of its day a feed is in: ITCH 5.0 System Event 'S'. */
enum feed_phase {
	PHASE_UNKNOWN = 0,  // none was heard since the session was joined
	PHASE_MESSAGES,     // 'O': messages have begun, no orders yet
	PHASE_SYSTEM,       // 'S': orders are accepted
	PHASE_MARKET,       // 'Q': market hours
	PHASE_AFTER_MARKET, // 'M': market hours are over, orders are still accepted
	PHASE_SYSTEM_END,   // 'E': no new orders
	PHASE_END,          // 'C': the last message of the day
	PHASE_CNT,
};

#endif
