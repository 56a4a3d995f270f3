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
 * profit.  Of an earlier day (06:00 UTC begins one) it takes nothing.
 *
 * Thread   control plane; day_start_session and day_start_risk: the lane's core, before it runs
 */

/* Reads the journal.  NULL: there is no day to go on with, or it cannot be read (told). */
struct day_start *day_start_open(struct gateway *g);
void day_start_close(struct day_start *d);

/* The orders of the day; *damaged: parts of the journal were passed over. */
struct story *day_start_story(struct day_start *d, bool *damaged);

/* What a session's table takes from its lane's arena. */
size_t day_start_bytes(const struct gateway *g, uint32_t session_idx);
int day_start_session(struct gateway *g, struct lane *l, uint32_t session_idx, struct err *e);
void day_start_risk(const struct gateway *g, struct risk *r);

/* Says once a second what the next start cannot know otherwise, when it changed. */
void day_start_keep(struct gateway *g, struct journal_writer *w, uint64_t now_ns);

#endif
