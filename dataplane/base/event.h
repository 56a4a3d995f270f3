/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_EVENT_H
#define SLUICE_BASE_EVENT_H

#include <string.h>

#include "base/metric.h"
#include "base/ring.h"

/* What may be said, one line each in events.def. */
enum event_code {
	EVENT_NONE = 0,
#define EVENT(code, severity, key_cnt, text) EVENT_##code,
#include "base/events.def"
#undef EVENT
	EVENT_CNT,
};

enum event_severity {
	EVENT_DEBUG,
	EVENT_INFO,
	EVENT_NOTICE,
	EVENT_WARNING,
	EVENT_ERROR,
	EVENT_CRITICAL,
};

enum {
	EVENT_ARGS = 5,
	EVENT_LANE_CONTROL = 255, // lane_idx of the control thread
};

/*
 * A note a lane leaves for the log: fixed size, nothing formatted.  The control thread turns it
 * into text (controlplane/observe/event_log.h).
 */
struct event {
	uint32_t ring_seq;
	uint16_t code; // enum event_code
	uint8_t lane_idx;
	uint8_t pad;
	uint64_t tsc;
	uint64_t lost_cnt; // events this sink had lost when it took this one
	uint64_t arg[EVENT_ARGS];
};
static_assert(sizeof(struct event) == CACHE_LINE, "one message, one cache line");

/*
 * Where one lane leaves its events.  Written by that lane; the control thread takes from the ring
 * and reads lost_cnt.  now_tsc is set once per turn, so that whoever leaves an event needs no
 * clock.
 */
struct event_sink {
	struct ring ring;
	cache_aligned uint64_t now_tsc;
	uint64_t lost_cnt; // the ring was full
	uint8_t lane_idx;
};

/*
 * Thread   before the lane runs.
 * Memory   slot: slot_cnt (a power of two) cache lines, aligned to one; stays the caller's.
 */
void event_sink_init(struct event_sink *s, uint8_t lane_idx, void *slot, uint32_t slot_cnt);

/* The time that events of this turn carry.  Thread: the lane. */
HOT_INLINE void
event_sink_turn(struct event_sink *s, uint64_t now_tsc)
{
	s->now_tsc = now_tsc;
}

/*
 * Leaves an event with up to EVENT_ARGS numbers; those not given are 0.  Never blocks: when the
 * ring is full the event is lost and counted.  A NULL sink takes nothing, which lets a stage be
 * tested without one.  Thread: the sink's lane.
 *
 *   event_put(s, EVENT_GAP_OPENED, feed_idx, from_seq, to_seq);
 */
#define event_put(sink, code, ...) \
	event_put_args((sink), (code), (const uint64_t[EVENT_ARGS]){ __VA_ARGS__ })
COLD void event_put_args(struct event_sink *s, enum event_code code,
			 const uint64_t arg[EVENT_ARGS]);

/* Takes the oldest event; false when there is none.  Thread: control. */
static inline bool
event_take(struct event_sink *s, struct event *e)
{
	return ring_take(&s->ring, e);
}

/* Up to 8 characters as one argument, for {n:text}. */
static inline uint64_t
event_text(const char *text, size_t len)
{
	uint64_t arg = 0;

	memcpy(&arg, text, len < sizeof(arg) ? len : sizeof(arg));
	return arg;
}

#endif
