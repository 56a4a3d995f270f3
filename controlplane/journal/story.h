/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_STORY_H
#define SLUICE_JOURNAL_STORY_H

#include "err/err.h"
#include "journal/names.h"

/*
 * What a journal knows of each session's day at the venue: its orders, and how much of each was
 * executed.  A login to another venue session begins a new day.  Replays of the same message count
 * once.
 *
 * Indexes in records belong to the configuration of their run, so everything here has the name the
 * journal gives it: sessions, instruments and strategies may change places between two runs, be
 * added and go away.
 */
enum {
	STORY_SESSIONS = 16,    // of all runs
	STORY_SESSION_LEN = 10, // the venue's name for a day
	STORY_NAMES = 255,      // strategies of all runs
	STORY_LEVELS = 256,     // of the tree of limits
	STORY_NAME_LEN = JOURNAL_NAME_LEN,
	STORY_LEVEL_LEN = 48,
	STORY_INDEXES = 256, // of sessions and strategies in a record
};

/* A line of a RECOVERY record: the venue's replay was over and had not the order.  name, token */
#define STORY_NEVER_GOT "session %s: the venue never got order %u"

struct story_order {
	uint32_t token;
	uint32_t qty; // asked for
	uint32_t
		executed_qty; // those of the orders it replaced included, as egress/orders.h has it
	uint32_t own_qty;     // executed under this token alone, less what was broken
	uint32_t broken_qty;
	uint32_t open_qty; // left in the market, as far as it is known
	uint16_t instr;    // 1 more than its place in story->instr; 0: unknown
	uint8_t side;      // enum side
	uint8_t strategy;  // whose it was: 1 more than its place in story->strategy; 0: unknown
	bool short_sale;   // it was sent as one
	bool sent;         // its bytes are there
	bool accepted;     // the venue knew it
	bool ended;        // nothing of it is in the market any more; a replay changes that no more
};

/* An execution that was told, to know it again and to take it back. */
struct story_execution {
	uint64_t match_ref;
	uint32_t token; // 0: free
	uint32_t qty;   // 0: the trade was broken
};

struct story_session {
	char name[STORY_NAME_LEN];
	bool ouch42;                           // of those that story_session_add named
	bool configured;                       // ... it did
	uint64_t last_ns;                      // of the last request
	uint32_t request_cnt;                  // orders, replaces, cancels and modifies
	char venue_session[STORY_SESSION_LEN]; // of the last login; blank: none was accepted
	uint64_t execution_cnt;
	uint32_t token_max;
	struct story_order *order; // by token, in a table; token 0: free
	uint32_t mask;
	uint32_t cnt;
	struct story_execution *seen; // hashed by token and match number
	uint32_t seen_mask;
	uint32_t seen_cnt;
};

/* The highest profit of the day of a level of the tree, as the last DAY record has it. */
struct story_high {
	char level[STORY_LEVEL_LEN]; // "firm", "account NAME", "strategy NAME"
	int64_t ntl4;
};

struct story {
	struct story_session session[STORY_SESSIONS]; // those that were named first, in their order
	uint32_t session_cnt;
	char strategy[STORY_NAMES][STORY_NAME_LEN];
	uint32_t strategy_cnt;
	char (*instr)[STORY_NAME_LEN];
	uint32_t instr_cnt;
	uint32_t instr_room;
	struct journal_names names; // of the run being read, and where each has its place here:
	uint32_t run;
	uint8_t session_of[STORY_INDEXES];  // 1 more than the place; 0: not looked up yet
	uint8_t strategy_of[STORY_INDEXES]; // the same
	uint16_t *instr_of;                 // the same; UINT16_MAX + 1 of them
	struct story_high high[STORY_LEVELS];
	uint32_t high_cnt;
	uint64_t high_ns;
	bool no_memory;
	bool too_many; // sessions or strategies of all runs: some records were passed over
};

/* What a session left with an instrument on behalf of a strategy. */
struct story_left {
	const char *session;
	const char *instr;    // NULL: the journal does not say which
	const char *strategy; // NULL: nobody's, or it does not say whose
	uint32_t open_cnt;    // orders that may be in the market
	uint64_t open_qty;    // their shares, where they are known
	int64_t net_qty;      // bought less sold
};

void story_init(struct story *s);
void story_fini(struct story *s);

/*
 * A session of the configuration: story->session has them in this order, whatever place they had
 * when a record was made.  Before anything is read.
 */
void story_session_add(struct story *s, const char *name, bool ouch42);

/* Learns from a record. */
void story_take(struct story *s, const struct journal_record *r);

/* NULL: no such order. */
const struct story_order *story_find(const struct story_session *s, uint32_t token);

/*
 * What is open or not flat at the end, a row for each session, instrument and strategy; those whose
 * day is not that of now_ns (the session's last request tells) have none.  The caller frees *out.
 *
 * Returns  0 or -ENOMEM
 */
int story_left(const struct story *s, bool (*is_today)(uint64_t last_ns, uint64_t now_ns),
	       uint64_t now_ns, struct story_left **out, size_t *cnt);

/*
 * Reads a journal's folder, from the first segment that is younger than from_ns.
 *
 * Returns  0, or a negative errno; damage is passed over, *damaged says so
 */
int story_read(struct story *s, const char *folder, uint64_t from_ns, bool *damaged, struct err *e);

#endif
