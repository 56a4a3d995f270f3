/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_DAY_INTERNAL_H
#define SLUICE_SIM_DAY_INTERNAL_H

#include "day.h"
#include "rng.h"
#include "wire/itch50.h"

/* What day.c, the flow of orders, and day_emit.c, all other messages, share. */

/*
 * Every symbol has a ladder: a window of LADDER_SLOTS price ticks around its touch, one FIFO of
 * orders per tick.  Bids live at ticks <= bid_tick, asks above, so the book cannot cross.  The
 * touch walks by one tick at a time, and only when no order stands in its way or would fall out of
 * the window; deletes and executions are steered to the orders that do.
 */
enum {
	LADDER_SLOTS = 256,
	LADDER_REACH = LADDER_SLOTS / 2 - 1, // farthest tick from the touch on either side
	DEPTH_MAX = 100,                     // farthest tick at which an order is added
	TICK_FLOOR = 300,                    // the walk turns here
	NONE = -1,
	MATCH_KEPT = 64, // recent match numbers, for broken trades
};

struct day_order {
	uint64_t ref;
	uint32_t px4;
	uint32_t qty;
	int32_t next; // in its level; in the free list while unused
	int32_t prev;
	uint32_t live_idx;
	uint16_t sym;
	uint8_t slot;
	uint8_t side;
};
static_assert(sizeof(struct day_order) == 32, "two orders per cache line");

struct day_level {
	int32_t head;
	int32_t tail;
};

struct day_symbol {
	uint64_t bits[LADDER_SLOTS / 64]; // levels that hold an order
	int32_t bid_tick;
	int32_t ref_tick;
	uint32_t step_px4; // price of one tick
	int8_t drift;      // where the touch wants to go
	uint8_t state;     // last trading state published
	char symbol[8];
};

/* Walker's alias method: a weighted choice by one random number. */
struct alias {
	uint32_t cnt;
	uint32_t *keep; // of 2^32
	uint32_t *other;
};

enum day_phase {
	PHASE_START, // S/O
	PHASE_DIRECTORY,
	PHASE_ACTION,
	PHASE_REG_SHO,
	PHASE_POSITION,
	PHASE_MWCB,
	PHASE_SYSTEM, // S/S
	PHASE_PRE,
	PHASE_OPEN, // S/Q
	PHASE_OPEN_CROSS,
	PHASE_MARKET,
	PHASE_CLOSE, // S/M
	PHASE_CLOSE_CROSS,
	PHASE_POST,
	PHASE_SYSTEM_END, // S/E
	PHASE_STOP,       // S/C
	PHASE_END,
};

struct day {
	struct day_config c;
	struct rng rng;
	uint8_t *out;     // where the next message goes
	uint64_t ts_1024; // time of the next message, ns * 1024
	uint64_t seg_end_1024;
	uint64_t seg_left; // messages left in this segment
	uint64_t gap_1024; // mean
	uint64_t next_ref;
	uint64_t next_match;
	struct day_order *order;
	struct day_level *level;
	struct day_symbol *symbol;
	int32_t *live;
	uint32_t live_cnt;
	uint32_t live_room;
	int32_t free_head;
	struct alias by_rank;
	struct alias by_kind;
	uint32_t last_sym;
	uint32_t phase_at; // symbol a spin is at
	enum day_phase phase;
	int32_t halted_sym;
	int32_t op_halted_sym;
	uint32_t halt_step;
	uint64_t pre_cnt, market_cnt, post_cnt;
	struct {
		uint64_t match;
		uint16_t locate;
	} match_kept[MATCH_KEPT];
	uint32_t match_kept_cnt;
};

/* Reserves room for one message of this type and fills its head. */
static inline void *
day_emit(struct day *d, uint8_t type, uint16_t locate)
{
	const uint16_t len = ITCH50_LEN[type];
	const be16 wire_len = be16_of(len);
	struct itch50_head *h = (struct itch50_head *)(d->out + sizeof(be16));

	memcpy(d->out, &wire_len, sizeof(wire_len));
	d->out += sizeof(be16) + len;
	h->type = type;
	h->locate = be16_of(locate);
	h->tracking = be16_of(0);
	h->ts_ns = be48_of(d->ts_1024 >> 10);
	return h;
}

static inline uint16_t
locate_of(uint32_t sym)
{
	return (uint16_t)(sym + 1);
}

static inline uint32_t
tick_px4(const struct day_symbol *s, int32_t tick)
{
	return (uint32_t)tick * s->step_px4;
}

static inline uint64_t
day_match_next(struct day *d, uint32_t sym)
{
	const uint32_t at = d->match_kept_cnt++ % MATCH_KEPT;

	d->match_kept[at].match = d->next_match;
	d->match_kept[at].locate = locate_of(sym);
	return d->next_match++;
}

static inline uint32_t
day_pick_qty(struct day *d)
{
	const uint64_t x = rng_next(&d->rng);

	if ((x & 7) == 0)
		return 1 + (uint32_t)(x >> 32) % 99; // an odd lot
	return 100 * (1 + (uint32_t)__builtin_ctzll(x >> 8 | 1ULL << 12));
}

/* One message each, of a symbol. */
void day_emit_system_event(struct day *d, uint8_t event);
void day_emit_directory(struct day *d, uint32_t sym);
void day_emit_action(struct day *d, uint32_t sym, uint8_t state, const char reason[4]);
void day_emit_reg_sho(struct day *d, uint32_t sym, uint8_t action);
void day_emit_position(struct day *d, uint32_t sym);
void day_emit_cross(struct day *d, uint32_t sym, uint8_t cross);
void day_emit_trade(struct day *d, uint32_t sym);

/* Any of those that are neither order flow nor the day's frame. */
void day_emit_other(struct day *d, uint32_t sym);

#endif
