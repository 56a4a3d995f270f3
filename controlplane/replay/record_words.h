/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_RECORD_WORDS_H
#define SLUICE_REPLAY_RECORD_WORDS_H

#include "journal/describe.h"

/*
 * How two records of a lane differ, for people: what each says, and the first field in which they
 * do.  NULL: one side has none.  A lane's own count of cycles is no difference.
 *
 * Returns  false: they do not differ
 */
bool record_words(const struct journal_names *names, const struct journal_record *recorded,
		  const struct journal_record *replayed, char *out, size_t out_bytes);

/*
 * The first line in which two texts differ: "there '...', here '...'".  Neither text is terminated.
 *
 * Returns  false: they do not differ
 */
bool line_words(const char *recorded, size_t recorded_len, const char *replayed,
		size_t replayed_len, char *out, size_t out_bytes);

#endif
