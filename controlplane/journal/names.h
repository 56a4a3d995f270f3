/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_NAMES_H
#define SLUICE_JOURNAL_NAMES_H

#include "journal/reader.h"

/*
 * What the indexes in records stand for.  They belong to one run: the next one may have another
 * configuration.  Each segment says all names of its run before anything else, so a reader knows
 * them wherever it begins; it keeps those of the newest run it has seen.  As many as there are.
 */
struct journal_names {
	uint32_t run;
	struct journal_name_list {
		char (*text)[JOURNAL_NAME_LEN]; // by index; empty: no name
		uint32_t cnt;
	} of[JOURNAL_NAME_CNT], // of strategies: up to '\n'
		account;        // of strategies
	bool no_memory;         // some are not kept
};

/* All zeros is one without names. */
void journal_names_fini(struct journal_names *n);

/* Learns from a NAME record; any other changes nothing. */
void journal_names_take(struct journal_names *n, const struct journal_record *r);

/* NULL: the journal has no name for it, or another run is read meanwhile. */
const char *journal_name_of(const struct journal_names *n, enum journal_name_what what,
			    uint32_t idx, uint32_t run);

/* The account of a strategy; empty when it is not known. */
const char *journal_account_of(const struct journal_names *n, uint32_t strategy_idx, uint32_t run);

#endif
