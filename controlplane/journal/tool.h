/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_TOOL_H
#define SLUICE_JOURNAL_TOOL_H

#include <stdio.h>

#include "journal/describe.h"

/* What the commands of sluice-journal share. */

struct tool_filter {
	uint32_t token; // 0: any
	const char *symbol;
	const char *session;
	const char *strategy;
	const char *account;
	uint32_t kind; // 0: any
	uint32_t run;  // 0: any
	uint64_t from_ns;
	uint64_t to_ns; // 0: no end
};

bool tool_wants(const struct tool_filter *f, const struct journal_row *row);

/* Called for each record, in the order of the files.  False ends the walk. */
typedef bool (*tool_on_record)(void *ctx, const struct journal_names *n,
			       const struct journal_record *r);

/*
 * Reads a folder or a file to its end.  Damage is told on stderr, with the file and the offset;
 * with skip_damage the walk goes on behind it.
 *
 * Returns  0 all was good, 1 something was not, 2 nothing could be read
 */
int tool_walk(const char *path, bool skip_damage, tool_on_record on_record, void *ctx);

/* One record as a line for people, without its time. */
void tool_print_row(FILE *out, const struct journal_row *row);

int why_command(const char *path, uint32_t token, const struct tool_filter *f);
int sqlite_command(const char *path, const char *db, const struct tool_filter *f, bool skip_damage);

#endif
