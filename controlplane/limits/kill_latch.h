/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_KILL_LATCH_H
#define SLUICE_LIMITS_KILL_LATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/kill.h"
#include "err/err.h"

/*
 * The latch of the kill switch: a text file of ours whose beginning is mapped, so that firing is
 * one store that outlives the process.
 *
 *   sluice kill switch 1
 *   state:  KILLED                      the word a lane or signal handler may store by itself
 *   cause:  OPERATOR
 *   when:   2026-11-21T14:03:07.123456789Z
 *   who:    uid 0, pid 4711, on the control socket
 *   why:    the spread looks wrong
 *   2026-11-21T14:03:07.123456789Z killed, OPERATOR, uid 0, ...: the spread looks wrong
 *   2026-11-21T14:20:00.000000000Z released, NONE, Ada Byron (uid 0, pid 4712): looked at it
 *
 * Each line up to "why" has a fixed length; one line per change follows, the history.  The file is
 * written and synced before whoever asked gets an answer.
 *
 * Fails closed.  A file that is not there yet is made, released.  One that is cut off or does not
 * read like this is put aside under another name, and the switch is on with the cause DAMAGED.  One
 * that may not be read, belongs to somebody else, may be written by others or is no plain file
 * makes opening fail: nobody can tell then whether the switch was on.
 */
enum {
	KILL_LATCH_BYTES = 512, // of the part with fixed lengths
	KILL_WHO_MAX = 112,     // bytes, the final 0 included
	KILL_WHY_MAX = 176,
	KILL_WHEN_MAX = 40,
};

struct kill_record {
	bool on;
	enum kill_cause cause;
	char when[KILL_WHEN_MAX]; // UTC; empty when the process ended before it could say
	char who[KILL_WHO_MAX];
	char why[KILL_WHY_MAX];
};

struct kill_latch {
	int fd; // -1: closed
	char *page;
	char path[PATH_MAX];
};

/*
 * Opens or makes the file, and lets halt_kill write into it from now on.  When the latch is on,
 * orders are off (HALT_KILLED) on return.  *old is what the file said.
 *
 * Returns  0
 *          a negative errno, named in *e with what to do; then the gateway must not start
 */
int kill_latch_open(struct kill_latch *k, const char *path, struct kill_record *old, struct err *e);

/* halt_kill writes nowhere any more.  The file stays as it is. */
void kill_latch_close(struct kill_latch *k);

/*
 * Writes who, when and why, adds to the history and syncs.  r->on is not written where it would
 * release: the words are halt_kill's and halt_kill_release's, which the caller has called.  Bytes
 * that are no printable ASCII become '?'.
 *
 * Returns  0, or a negative errno with the words in *e: the words in the mapped page hold all the
 *          same, but may be lost with the machine
 */
int kill_latch_write(struct kill_latch *k, const struct kill_record *r, struct err *e);

/*
 * Reads the fixed part of a file's len bytes.  False when it is none, or not whole: then the switch
 * counts as on.
 */
bool kill_latch_parse(const char *text, size_t len, struct kill_record *out);

/* ns since 1970 as 2026-11-21T14:03:07.123456789Z. */
void kill_when_text(uint64_t ns, char out[KILL_WHEN_MAX]);

#endif
