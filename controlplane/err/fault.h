/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ERR_FAULT_H
#define SLUICE_ERR_FAULT_H

#include <stdio.h>

/*
 * The numbers of what can go wrong at start, from faults.def.  A message ends with its number in
 * brackets; the number, not the words, is what an operator's tools may look for.
 */
enum fault {
#define FAULT(id, ...) FAULT_##id,
#include "err/faults.def"
#undef FAULT
	FAULT_CNT,
};

/* "[S211]", to be written at the end of a message. */
const char *fault_tag(enum fault f);

/* Whether the last line of the text ends with a number already. */
int fault_is_named(const char *text);

/*
 * Everything the table knows of "S211" or "211", for people.
 *
 * Returns  0, or -ENOENT when there is no such number
 */
int fault_explain(const char *number, FILE *out);

/* One line for each, and the whole page FAULTS.md. */
int fault_list(FILE *out);
int fault_page(FILE *out);

#endif
