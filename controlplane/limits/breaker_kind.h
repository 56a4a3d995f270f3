/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_BREAKER_KIND_H
#define SLUICE_LIMITS_BREAKER_KIND_H

#include "config/config.h"

/* breakers.def as tables. */
enum breaker_subject {
	BREAKER_OF_GATEWAY,
	BREAKER_OF_SESSION,
	BREAKER_OF_FEED,
	BREAKER_OF_LANE,
	BREAKER_OF_STRATEGY,
	BREAKER_OF_NODE, // of the tree of limits
};

enum breaker_kind {
	BREAKER_LEVEL,
	BREAKER_EVENTS,
	BREAKER_LATE,
};

struct breaker_def {
	const char *word;
	enum breaker_subject subject;
	enum breaker_kind kind;
	const char *unit;
	const char *text;
};

static const struct breaker_def BREAKER_DEF[BREAKER_WATCH_CNT] = {
#define BREAKER(NAME, word, subject, kind, unit, text) \
	[BREAKER_##NAME] = { #word, BREAKER_OF_##subject, BREAKER_##kind, unit, text },
#include "limits/breakers.def"
#undef BREAKER
};

static const char *const BREAKER_SUBJECT_WORD[] = { "gateway", "session",  "feed",
						    "lane",    "strategy", "account or strategy" };
static const char *const BREAKER_ACTION_WORD[] = { "alarm",  "reduce_only", "cancel_only",
						   "halted", "halt",        "kill" };
static const char *const BREAKER_REARM_WORD[] = { "manual", "automatic" };

/* Whether the action is a mode of a level of the tree of limits. */
static inline bool
breaker_sets_mode(enum breaker_action a)
{
	return a >= BREAKER_REDUCE_ONLY && a <= BREAKER_HALTED;
}

#endif
