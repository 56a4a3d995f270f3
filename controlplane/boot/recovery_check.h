/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_RECOVERY_CHECK_H
#define SLUICE_BOOT_RECOVERY_CHECK_H

#include "boot/day_start.h"
#include "boot/gateway.h"
#include "journal/writer.h"

/*
 * After a process was killed: what its journal knows of the venue's day is held against what the
 * venue's replay gave the new one.  Orders and executions that one has and the other does not are
 * told, each by itself; positions too.  With journal.recovery: halt orders stay off until both
 * agree or an operator resumes.
 *
 * What happened at the venue while nobody was there is no difference: the journal cannot have it.
 */
struct recovery_check;

/* The day stays the caller's, and is used until the end.  NULL: no memory. */
struct recovery_check *recovery_check_open(struct gateway *g, struct day_start *day);

/* Before the lanes run: orders are off where the configuration says so. */
void recovery_check_begin(struct recovery_check *r);

/* Each turn of the control loop.  True when it is done: every session was compared. */
bool recovery_check_look(struct recovery_check *r, struct journal_writer *w);

void recovery_check_close(struct recovery_check *r);

#endif
