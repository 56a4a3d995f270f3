/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_MUST_H
#define SLUICE_BASE_MUST_H

#include <setjmp.h>

#include "base/event.h"

/*
 * Why no order may leave.  Several may hold at once; orders are on when none does.
 */
enum halt_reason {
	HALT_DISARMED = 1 << 0, // the state at start; sluicectl arm
	HALT_OPERATOR = 1 << 1, // sluicectl halt: an operator's pause
	HALT_MUST = 1 << 2,     // a broken invariant: only a new start lifts it
	HALT_CONTROL = 1 << 3,  // the gateway's own doubt: a lost report, a gap in the journal, ...
	HALT_KILLED = 1 << 4,   // the kill switch (base/kill.h): latched, released by name
	HALT_BREAKER = 1 << 5,  // a circuit breaker with the action halt tripped
};

/*
 * The process-wide halt flag.  It begins as HALT_DISARMED.  Every lane that lets orders out reads
 * it; the control plane and a failing must() write it, which is rare, by atomic or and and.
 */
struct halt_flag {
	cache_aligned uint32_t reasons; // enum halt_reason
};
extern struct halt_flag halt_flag;

/* Whether orders are off.  One relaxed load of a line that stays in every reader's cache. */
HOT_INLINE bool
halt_is_on(void)
{
	return load_relaxed_u32(&halt_flag.reasons) != 0;
}

static inline uint32_t
halt_reasons(void)
{
	return load_relaxed_u32(&halt_flag.reasons);
}

/* Thread: any.  On return every later halt_is_on of any thread sees the reason. */
COLD void halt_set(enum halt_reason why);

/* Thread: control plane.  HALT_MUST cannot be lifted, HALT_KILLED only by halt_kill_release. */
COLD void halt_lift(enum halt_reason why);

/*
 * A lane's way out when must() fails.  Thread-local: the thread that opens it is the one that
 * ends.
 *
 *   struct must_exit way_out;
 *
 *   if (must_open(&way_out, &lane->events))
 *           return lane_ended(lane);        // a must() failed somewhere below
 *   ... the lane's loop ...
 *   must_close();
 *
 * must_open is a macro because setjmp must be called by the function that stays.
 */
struct must_exit {
	jmp_buf jump;
	struct event_sink *sink;
};

#define must_open(way_out, event_sink) \
	(must_set_exit((way_out), (event_sink)), _setjmp((way_out)->jump) != 0)
void must_set_exit(struct must_exit *way_out, struct event_sink *sink);
void must_close(void);

/*
 * A broken invariant.  First orders stop everywhere (HALT_MUST) and the kill switch is latched,
 * then the event is left, then the lane ends: we would rather be out of the market than wrong in
 * it.  In a thread without a way out the process aborts.
 *
 *   must(qty <= o->open_qty, EVENT_MUST_OPEN_QTY, o->instr_idx, o->open_qty - qty);
 *
 * Up to four numbers; the fifth is the source line.
 */
#define must(cond, code, ...)                                                                     \
	do {                                                                                      \
		if (unlikely(!(cond)))                                                            \
			must_fail((code), __LINE__, (const uint64_t[EVENT_ARGS]){ __VA_ARGS__ }); \
	} while (0)
COLD _Noreturn void must_fail(enum event_code code, unsigned line, const uint64_t arg[EVENT_ARGS]);

#endif
