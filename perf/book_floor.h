/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_BOOK_FLOOR_H
#define SLUICE_PERF_BOOK_FLOOR_H

#include "ingress/book.h"

/*
 * The floor of whatever keeps orders and levels in memory: touching.  With all addresses known
 * beforehand, each message does nothing but read and write its order's record and then the level
 * that names, in tables of the same size and layout as the book's.  The addresses come from a book
 * that applies the same messages.  A record is the ring's, or the map's for the three orders in a
 * hundred that grew old: one after the other in one table, so that no branch asks which.
 */
struct book_touch {
	uint32_t rec_idx;
	uint32_t level_idx; // of an order that is new, else 0: the record knows
};

struct book_floor {
	const struct book *book;   // whose tables are copied
	struct order_rec *order;   // the floor's own: the ring, then the map
	struct price_level *level; // the same
	struct book_touch *touch;
	uint32_t touch_cnt;
	uint32_t touch_max;
	uint64_t noted_cnt; // messages, by whoever notes
};

/* Of a book that was initialised.  touch_max: a message touches once, a replace twice. */
void book_floor_init(struct book_floor *f, const struct book *b, uint32_t touch_max);

/* The floor's tables stand where the book's stand now. */
void book_floor_copy(struct book_floor *f);

/* What the message will touch: asked before it is applied, and again after it for a new order. */
void book_floor_note(struct book_floor *f, const struct md *m, bool before);

/* Cycles that the touches [from, to) take. */
uint64_t book_floor_time(struct book_floor *f, uint32_t from, uint32_t to);

#endif
