/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_JOURNAL_START_H
#define SLUICE_BOOT_JOURNAL_START_H

#include "boot/gateway.h"
#include "journal/writer.h"

/*
 * The audit journal of a gateway: opened before anything else, so that what a killed process left
 * is safe; filled with what the control side knows; told to lanes.  All of it does nothing when
 * journal.enabled is false.  Thread: control plane.
 */

/* Finishes the last process's journal and begins a new run.  The log is open. */
int gateway_journal_open(struct gateway *g, struct err *e);

/* What a session's lane is given: the least number it may use, and none beyond end. */
void gateway_journal_tokens(struct gateway *g, uint32_t session_idx, uint32_t *first,
			    uint32_t *end);

/*
 * The lane's end of its ring, from its own memory; *out NULL: this lane writes nothing down.
 *
 * Thread   the lane's core, before it runs
 */
int gateway_journal_lane(struct gateway *g, struct lane *l, struct err *e);

/* The lanes are built: the journal's threads begin. */
int gateway_journal_start(struct gateway *g, struct err *e);

/* Order numbers, new limits, what the disk does: each turn of the control loop. */
void gateway_journal_look(struct gateway *g, uint64_t now_ns);

/* The configuration has new values of journal.keep_* or compress. */
void gateway_journal_reloaded(struct gateway *g);

/* A request on the control socket. */
void gateway_journal_command(void *gateway, uint32_t uid, uint32_t pid, bool done,
			     const void *request, size_t len);

/* A line of the log that a reader of the journal wants to find, too: "LANE: TEXT". */
void gateway_journal_note(void *gateway, const char *lane, const char *text);

/* Which start of the gateway this is, for its journal; 0: there is none. */
uint32_t gateway_journal_run(const struct gateway *g);

/* What a replay of this run must know besides (boot/record_run.h). */
void gateway_journal_recording(struct gateway *g, const char *text, size_t len);

/* The lanes have ended.  The journal says that it is complete. */
void gateway_journal_close(struct gateway *g);

const struct journal_metrics *gateway_journal_lane_metrics(const struct gateway *g,
							   uint32_t lane_idx);

/* False: there is no journal. */
bool gateway_journal_stats(const struct gateway *g, struct journal_stats *out);

#endif
