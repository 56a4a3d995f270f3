/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_SLOW_H
#define SLUICE_LANE_SLOW_H

#include "base/ring.h"
#include "lane/latency_id.h"

/*
 * What a lane notes about orders that took long, for the control thread to explain: the order, the
 * stages of its trigger where that was a sampled one, and each time the lane stood still.  Notes go
 * over one ring per lane; when it is full they are lost and counted.
 */
enum slow_kind {
	SLOW_ORDER = 1, // a tick-to-trade above the moving threshold
	SLOW_STAGES,    // of a sampled trigger: what this lane's stages and hops took
	SLOW_STALL,     // the lane did not come round for longer than its work explains
};

enum slow_flag {
	SLOW_HOUSEKEEPING = 1 << 0, // a stall: the lane's own housekeeping lies in it
	SLOW_REHEARSED = 1 << 1,    // an order: the lane rehearsed one since the last that left
};

struct slow_order {
	uint32_t ring_seq;
	uint8_t kind; // SLOW_ORDER
	uint8_t flags;
	uint8_t strategy_idx;
	uint8_t session_idx;
	uint64_t rx_tsc;       // the burst with the trigger had arrived
	uint64_t tx_tsc;       // tx_burst had returned
	uint64_t idle_cycles;  // the lane had sent no order before for so long; 0: it is the first
	uint64_t limit_cycles; // the threshold that it exceeded
	uint32_t stall_us;     // the lane had stood still for so long when the burst came
	uint32_t feed_seq;
	uint32_t token;
	uint16_t burst_cnt;  // frames in the burst; 0: another lane received it
	uint16_t burst_pos;  // which of them, from 1
	uint16_t sent_cnt;   // orders of the same transmit burst
	uint16_t ring_depth; // of the fullest ring the lane takes from
	uint8_t ring_hop;
	uint8_t pad[3];
};
static_assert(sizeof(struct slow_order) == CACHE_LINE, "one message, one cache line");

struct slow_stages {
	uint32_t ring_seq;
	uint8_t kind; // SLOW_STAGES
	uint8_t pad[3];
	uint64_t rx_tsc;                          // of the trigger
	uint32_t stage_cycles[LATENCY_STAGE_CNT]; // sums; 0: not in this lane
};
static_assert(sizeof(struct slow_stages) == CACHE_LINE, "one message, one cache line");

struct slow_stall {
	uint32_t ring_seq;
	uint8_t kind; // SLOW_STALL
	uint8_t flags;
	uint8_t pad[2];
	uint64_t from_tsc;
	uint64_t to_tsc;
	uint64_t taken_cnt; // messages and frames of that time
	uint64_t rest[4];
};
static_assert(sizeof(struct slow_stall) == CACHE_LINE, "one message, one cache line");

enum {
	SLOW_LIMIT_BITS = 16, // of slow.limit_q16 behind the point
	SLOW_NOTED_MAX = 32,  // stages of sampled triggers until they are recorded
};

/* A stage's time, to be recorded when nothing waits for it. */
struct slow_noted {
	uint64_t cycles;
	uint64_t id; // enum latency_id
};

/* Any of them; kind tells. */
union slow_note {
	struct slow_order order;
	struct slow_stages stages;
	struct slow_stall stall;
};

/* What a lane keeps for it.  Written by its lane only. */
struct lane_slow {
	struct ring ring; // to the control thread
	// read at each look at the clock
	uint64_t seen_tsc;           // the clock as last read; 0: not yet
	uint64_t stall_limit_cycles; // UINT64_MAX: none
	uint64_t stall_cycles;       // of the last stall
	struct slow_stall stall;     // the longest that was not told yet; to_tsc 0: none
	uint64_t burst_tsc;          // when the burst in hand had arrived
	uint64_t burst_stall_cycles; // the lane stood still so long before it
	/*
	 * The moving threshold in 1/65536 cycles; 0: no order yet.  An order above it raises it by
	 * 1/32, one below lowers it by 1/4096: it settles where one order in 129 is above.
	 */
	uint64_t limit_q16;
	uint64_t order_tsc;      // when an order last left; 0: none did
	uint64_t rehearsal_cnt;  // of the lane, then
	uint64_t seen_taken_cnt; // messages taken when the clock was last read
	uint64_t work_cycles;    // that a message taken may last without being a stall
	uint32_t noted_cnt;
	struct slow_noted noted[SLOW_NOTED_MAX];
	struct slow_stages trip; // of the sampled trigger that is underway
};

struct lane;
struct lane_sent;
struct trace;

/* Thread: before the lane runs.  slot: slot_cnt cache lines.  A limit of 0: no stalls are noted. */
void slow_init(struct lane_slow *s, void *slot, uint32_t slot_cnt, uint64_t stall_limit_cycles,
	       uint64_t work_cycles);

/* What counts as a stall from now on; 0: nothing does.  Thread: the lane, or before it runs. */
COLD void slow_set_limit(struct lane_slow *s, uint64_t stall_limit_cycles);

/*
 * The clock went on by more than stall_limit_cycles, or back: remembered, and told when there is
 * time.  Thread: the lane, as all below.
 */
COLD void slow_gap(struct lane *l, uint64_t from_tsc, uint64_t to_tsc);
COLD void slow_tell(struct lane *l);

/* An order above the threshold, one of those that just left. */
COLD void slow_order(struct lane *l, const struct lane_sent *sent);

/* A sampled trigger's stage id took until now_tsc.  Noted only: histograms lie far away. */
COLD void slow_stage(struct lane *l, struct trace *t, enum latency_id id, uint64_t now_tsc);

/* What was noted goes into the histograms.  At the end of a turn that noted something. */
COLD void slow_record(struct lane *l);

/* A sampled trigger leaves for another lane. */
COLD void slow_pass_on(struct lane *l, const struct trace *t);

/* How old a sampled message was when it came: by the exchange's stamp in it. */
COLD void slow_feed_age(struct lane *l, uint32_t feed_idx, uint64_t rx_ns);

/* A time that cannot be: below 0, or beyond what a histogram holds. */
COLD void slow_odd_time(struct lane *l, uint64_t cycles);

#endif
