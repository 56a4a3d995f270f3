/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_DAY_START_H
#define SLUICE_BOOT_DAY_START_H

#include "boot/gateway.h"
#include "err/err.h"
#include "journal/story.h"
#include "journal/writer.h"

/*
 * What a start takes over of the day from the journal: whose orders the earlier processes sent, so
 * that the venue's replay books their executions for strategy, account and firm, with turnover,
 * profit, repeated executions and located shares; each session's messages; each level's highest
 * profit.  All of it by name: the configuration may be another than the earlier processes'.  Of an
 * earlier day (06:00 UTC begins one) it takes nothing.
 *
 * Thread   control plane; day_start_session and day_start_risk: the lane's core, before it runs
 */

/* Reads the journal.  NULL: there is no day to go on with, or it cannot be read (told). */
struct day_start *day_start_open(struct gateway *g);
void day_start_close(struct day_start *d);

/* The orders of the day; *damaged: parts of the journal were passed over. */
struct story *day_start_story(struct day_start *d, bool *damaged);

/*
 * Orders that may be in the market, and positions, of sessions, instruments and strategies that
 * this configuration has not: nobody here looks after them.  Each is told, as an error of the log
 * and all of them as one recovery record; with journal.recovery: halt orders stay off until an
 * operator resumes.  After the journal has begun, before the lanes run.
 */
void day_start_begin(struct gateway *g, struct journal_writer *w);

/* How many of them there are. */
uint32_t day_start_gone_cnt(const struct day_start *d);

/* The order's instrument here; INSTR_NONE: it is not configured, or not known. */
uint16_t day_start_instr(const struct day_start *d, const struct story_order *o);

/* Whether the order's instrument is known and not configured any more with the session. */
bool day_start_is_gone(const struct day_start *d, const struct config *c, uint32_t session_idx,
		       const struct story_order *o);

/* What a session's table takes from its lane's arena. */
size_t day_start_bytes(const struct gateway *g, uint32_t session_idx);
int day_start_session(struct gateway *g, struct lane *l, uint32_t session_idx, struct err *e);
void day_start_risk(const struct gateway *g, struct risk *r);

/* Says once a second what the next start cannot know otherwise, when it changed. */
void day_start_keep(struct gateway *g, struct journal_writer *w, uint64_t now_ns);

#endif
