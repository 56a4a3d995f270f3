/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_CAPTURES_H
#define SLUICE_JOURNAL_CAPTURES_H

#include "journal/reader.h"

/*
 * The captures of recorded runs (journal.record_ports), ports-RUN-PORT.pcap beside the segments.  A
 * capture belongs to the last segment that its run wrote to, and goes with it.
 */
struct captures {
	struct captures_row {
		uint32_t run;
		size_t owner; // of the list; CAPTURES_NO_OWNER: its segments are gone
		uint64_t bytes;
		char *path;
	} * row;
	size_t cnt;
};

enum {
	CAPTURES_NO_OWNER = -1,
};

/* Returns 0 or a negative errno; nothing is left then. */
int captures_open(struct captures *c, const char *folder, const struct journal_list *segments);
void captures_close(struct captures *c);

/* What those of one segment take, and their removal: returns 0 or the last error. */
uint64_t captures_bytes(const struct captures *c, size_t owner);
int captures_remove(const struct captures *c, size_t owner, uint32_t *removed_cnt);

/* The run in the name of a capture; 0: another file's name. */
uint32_t captures_run_of(const char *name);

#endif
