/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_TAPE_H
#define SLUICE_LANE_TAPE_H

#include "base/journal.h"

struct lane;

/*
 * What a lane does follows from the frames it is given, and from five things that no frame tells:
 * in which turn it took them, what its clock said then, when it looked at its timers, when it heard
 * of a command or of other limits, and whether it saw the kill switch.  With a tape it writes these
 * down, in its audit journal, and a replay does everything again as it was
 * (controlplane/replay/RECORDING.md).
 *
 * Looks at the timers are many: up to TAPE_TICKS_MAX in a row share a record.
 */
enum {
	TAPE_TICKS_MAX = 1 + sizeof(struct journal_ticks) / sizeof(uint32_t),
};

struct tape {
	struct journal *journal;
	struct journal_slot ticks; // being filled; feed_seq: how many so far
	uint64_t tick_ns;          // the last of them
	bool killed;               // what it last said of the kill switch
};

/* A burst is in hand, and the clock was read. */
COLD void tape_on_burst(struct lane *l);

/* The turn goes by another version of the limits than the one before. */
COLD void tape_on_limits(struct lane *l);

/* The clock was read to look at the timers, and l->killed was. */
COLD void tape_on_tick(struct lane *l);

/* A command is about to be answered. */
COLD void tape_on_command(struct lane *l);

#endif
