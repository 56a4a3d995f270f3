/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_BOOKS_H
#define SLUICE_OBSERVE_STATE_BOOKS_H

#include "boot/gateway.h"

/*
 * Books, and configured instruments as their lanes show them (ingress/book_view.h): no lane is
 * asked for these, none is disturbed.  Thread: control.
 */

/* The instrument's view, from the shard that has it.  False before a lane has written one. */
bool state_books_view(const struct gateway *g, uint32_t instr_idx, struct book_view *out);

/* How long it was in each confidence until now_ns. */
void state_books_spent(const struct book_view *v, uint64_t now_ns, uint64_t out[CONFIDENCE_CNT]);

/*
 * A symbol's book: of a configured instrument from its view when that is deep enough, else its lane
 * is asked.
 */
int state_books_get(struct gateway *g, const char *symbol, uint32_t depth, uint64_t now_ns,
		    struct state_book *out, struct err *e);

/* The orders of its levels, asked of its lane piece by piece. */
int state_books_queues(struct gateway *g, const char *symbol, uint32_t depth,
		       struct state_queues *out, struct err *e);

/* One metric of one instrument after another. */
void state_books_metrics(const struct gateway *g, uint64_t now_ns, state_metric_fn *fn, void *arg);

/* At the end: which instruments were not believed, and for how long. */
void state_books_summary(const struct gateway *g, uint64_t now_ns);

#endif
