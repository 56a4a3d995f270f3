/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_EVIDENCE_QUOTES_H
#define SLUICE_CTL_EVIDENCE_QUOTES_H

#include <stdio.h>

#include "err/err.h"

/*
 * What the audit journal has of checks that fired: for a counter of risk the newest refusals that
 * it counted, for words of the log the newest notes with them.  Read by sluicectl itself: the
 * gateway is not in the way.
 */
struct evidence_quotes;

/*
 * Reads a journal's folder, all of it.  counters and texts are what will be asked for; they must
 * live as long.
 *
 * Returns  NULL with the words in *e: there is none, or it may not be read
 */
struct evidence_quotes *evidence_quotes_read(const char *folder, const char *const *counter,
					     size_t counter_cnt, const char *const *text,
					     size_t text_cnt, struct err *e);
void evidence_quotes_free(struct evidence_quotes *q);

/* Writes the extracts, oldest first, a line each behind four spaces; returns how many. */
size_t evidence_quotes_of_counter(FILE *out, const struct evidence_quotes *q, const char *counter);
size_t evidence_quotes_of_text(FILE *out, const struct evidence_quotes *q, const char *text);

/* "journal of N records, FROM to TO" */
void evidence_quotes_summary(FILE *out, const struct evidence_quotes *q);

#endif
