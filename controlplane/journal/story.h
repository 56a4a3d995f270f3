/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_STORY_H
#define SLUICE_JOURNAL_STORY_H

#include "err/err.h"
#include "journal/reader.h"

/*
 * What a journal knows of each session's day at the venue: its orders, and how much of each was
 * executed.  A login to another venue session begins a new day.  Replays of the same message count
 * once.
 */
enum {
	STORY_SESSIONS = 4,
	STORY_SESSION_LEN = 10, // the venue's name for a day
	STORY_NAMES = 255,      // strategies of all runs
	STORY_LEVELS = 256,     // of the tree of limits
	STORY_NAME_LEN = 48,
};

struct story_order {
	uint32_t token;
	uint32_t qty; // asked for
	uint32_t
		executed_qty; // those of the orders it replaced included, as egress/orders.h has it
	uint16_t instr_idx;
	uint8_t side;     // enum side
	uint8_t strategy; // whose it was: 1 more than its place in story->strategy; 0: unknown
	bool short_sale;  // it was sent as one
	bool sent;        // its bytes are there
	bool accepted;    // the venue knew it
};

struct story_session {
	bool ouch42;          // set by whoever reads, before it does: where a request has its side
	uint64_t last_ns;     // of the last request
	uint32_t request_cnt; // orders, replaces, cancels and modifies
	char venue_session[STORY_SESSION_LEN]; // of the last login; blank: none was accepted
	uint64_t execution_cnt;
	uint32_t token_max;
	struct story_order *order; // by token, in a table; token 0: free
	uint32_t mask;
	uint32_t cnt;
	uint64_t *seen; // executions, hashed by token and match number; 0: free
	uint32_t seen_mask;
	uint32_t seen_cnt;
};

/* The highest profit of the day of a level of the tree, as the last DAY record has it. */
struct story_high {
	char level[STORY_NAME_LEN]; // "firm", "account NAME", "strategy NAME"
	int64_t ntl4;
};

struct story {
	struct story_session session[STORY_SESSIONS];
	char strategy[STORY_NAMES][STORY_NAME_LEN]; // indexes of a run belong to its configuration
	uint32_t strategy_cnt;
	uint8_t strategy_of[256]; // of the run being read: 1 more than the place; 0: no name
	uint32_t run;
	struct story_high high[STORY_LEVELS];
	uint32_t high_cnt;
	uint64_t high_ns;
	bool no_memory;
};

void story_init(struct story *s);
void story_fini(struct story *s);

/* Learns from a record. */
void story_take(struct story *s, const struct journal_record *r);

/* NULL: no such order. */
const struct story_order *story_find(const struct story_session *s, uint32_t token);

/*
 * Reads a journal's folder, from the first segment that is younger than from_ns.
 *
 * Returns  0, or a negative errno; damage is passed over, *damaged says so
 */
int story_read(struct story *s, const char *folder, uint64_t from_ns, bool *damaged, struct err *e);

#endif
