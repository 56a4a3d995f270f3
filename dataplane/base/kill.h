/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BASE_KILL_H
#define SLUICE_BASE_KILL_H

#include "base/clock.h"
#include "base/must.h"

/*
 * The kill switch.  Any thread fires it, a signal handler too: one atomic or of the halt flag, then
 * one store into a page that is mapped from the latch file, so that it is still on after a restart
 * whatever happens to this process next.  Only the control plane releases it.
 *
 * Unlike halt, which is an operator's pause: kill is latched, cancels what works at the venues
 * (lane/session_kill.c), leaves the gateway disarmed, and takes a named person to release.
 */
enum kill_cause {
#define KILL_CAUSE(NAME, word, text) KILL_##NAME,
#include "base/kill_causes.def"
#undef KILL_CAUSE
	KILL_CAUSE_CNT,
};

enum {
	KILL_WORD_LEN = 8,
};

/* "KILLED  " and "RELEASED", and a cause's word, as the latch file has them. */
extern const char KILL_ON_WORD[KILL_WORD_LEN + 1];
extern const char KILL_OFF_WORD[KILL_WORD_LEN + 1];
extern const char *const KILL_CAUSE_WORD[KILL_CAUSE_CNT];
extern const char *const KILL_CAUSE_TEXT[KILL_CAUSE_CNT];

/*
 * The first firing since the last release.  cause is taken by whoever comes first; the rest is a
 * moment later.  Written by any thread, read by the control plane.
 */
struct kill_switch_flag {
	cache_aligned uint32_t cause; // enum kill_cause
	uint64_t tsc;                 // when
	uint64_t arg;                 // SIGNAL: uid and 32 bits above pid; CONTROL: ns of silence
	uint64_t *state_word;         // in the latch file, or NULL
	uint64_t *cause_word;
};
extern struct kill_switch_flag kill_switch_flag;

/*
 * Fires.  On return every later halt_is_on of any thread sees it, and the latch file, when there is
 * one, says so to the next process.  Firing what is on changes nothing.
 *
 * Thread   any, also in a signal handler
 */
COLD void halt_kill(enum kill_cause cause, uint64_t arg);

/* Where the latch file's two words are, or NULL twice.  Thread: control plane. */
void halt_kill_latch(uint64_t *state_word, uint64_t *cause_word);

/*
 * Releases.  False when it fired again meanwhile: then it is on, and latched.
 *
 * Thread   control plane
 */
COLD bool halt_kill_release(void);

static inline bool
halt_is_killed(void)
{
	return (halt_reasons() & HALT_KILLED) != 0;
}

/*
 * The control thread's heartbeat: the TSC of its last sign of life, 0 while nobody shall watch.
 * Lanes look at it in housekeeping.
 */
struct control_beat {
	cache_aligned uint64_t tsc;
};
extern struct control_beat control_beat;

/* Thread: control plane; in its loop, and wherever it waits. */
static inline void
control_beat_now(void)
{
	if (load_relaxed_u64(&control_beat.tsc) != 0)
		store_relaxed_u64(&control_beat.tsc, clock_tsc());
}

static inline void
control_beat_start(void)
{
	store_relaxed_u64(&control_beat.tsc, clock_tsc());
}

static inline void
control_beat_stop(void)
{
	store_relaxed_u64(&control_beat.tsc, 0);
}

/* For how many cycles the control thread has been silent at now_tsc; 0 while nobody watches. */
static inline uint64_t
control_silence_cycles(uint64_t now_tsc)
{
	const uint64_t beat_tsc = load_relaxed_u64(&control_beat.tsc);

	return beat_tsc == 0 || now_tsc <= beat_tsc ? 0 : now_tsc - beat_tsc;
}

#endif
