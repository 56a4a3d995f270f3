/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_BREAKER_H
#define SLUICE_LIMITS_BREAKER_H

#include "config/config.h"
#include "err/err.h"

/*
 * A circuit breaker: compares what it is fed with its threshold, and remembers that it tripped.
 * Pure: time is an argument, and what a trip does is the caller's (boot/breaker_watch.c).
 *
 * What is counted (EVENTS, LATE) is fed as a counter that only grows.  The window is made of at
 * most BREAKER_SLOTS readings: it counts all of the last window_ms and at most a 32nd of it, or one
 * reading, more.  Everything else (LEVEL) is fed as it is, and trips when each reading of the last
 * window_ms was at or over the threshold.
 *
 * Re-arming.  Automatic: every value was below rearm_below for cool_down_ms.  By hand: what is
 * counted or summed up counts anew from that moment, because a person has decided that what was is
 * no reason to stop any more; a level that is still at rearm_below or above is refused.
 */
enum {
	BREAKER_SUBJECTS = 32, // sessions, feeds, lanes, strategies at most
	BREAKER_SLOTS = 64,
};

enum breaker_said {
	BREAKER_QUIET,
	BREAKER_TRIPS,  // just now
	BREAKER_REARMS, // just now, by itself
};

struct breaker_track {
	bool fed;
	uint64_t value;    // as compared
	uint64_t raw;      // as fed
	uint64_t base;     // LEVEL that is summed up: counted from here
	uint64_t since_ns; // at or over the threshold since; 0: not
	uint32_t slot_cnt; // ever
	uint64_t slot_ns[BREAKER_SLOTS];
	uint64_t slot_raw[BREAKER_SLOTS];
};

struct breaker {
	const struct config_breaker *config;
	bool tripped;
	uint32_t worst;    // subject with the largest value
	uint64_t value;    // its
	uint64_t max;      // since the start
	uint64_t since_ns; // when it tripped or was re-armed; 0: neither yet
	uint64_t below_ns; // tripped: below rearm_below since; 0: not
	uint64_t trip_cnt;
	struct breaker_track track[BREAKER_SUBJECTS];
};

/* c must outlive *b and have passed config_check. */
void breaker_init(struct breaker *b, const struct config_breaker *c);

/* A reading of one subject.  Readings of a subject do not go back in time. */
void breaker_feed(struct breaker *b, uint32_t subject, uint64_t raw, uint64_t now_ns);

/* After the readings of this look. */
enum breaker_said breaker_judge(struct breaker *b, uint64_t now_ns);

/*
 * Re-arms by hand.
 *
 * Returns  0
 *          -EALREADY  it has not tripped
 *          -EBUSY     the level is still there, named in *e
 */
int breaker_rearm(struct breaker *b, uint64_t now_ns, struct err *e);

/* The number that value is compared with. */
uint64_t breaker_limit(const struct config_breaker *c);

#endif
