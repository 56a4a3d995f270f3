/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_QUEUE_H
#define SLUICE_INGRESS_BOOK_QUEUE_H

#include "ingress/book.h"

/*
 * Questions to a book that keeps queues (book_config.queues); one without answers that there is
 * nothing.  Thread: the owner.  Each order looked at is up to three touches of memory.
 */

/* An order as it stands in its queue. */
struct book_order {
	uint64_t ref;
	uint32_t qty; // shares left
};

/* A walk along a level.  Valid until the book's next message. */
struct book_queue {
	const struct book *book;
	uint32_t id; // of the next order; 0: that was all
};

/* From the first order of a level, the next to be executed.  False when there is no such level. */
bool book_queue_start(struct book_queue *q, const struct book *b, uint16_t locate, enum side side,
		      uint32_t px4);

/* False after the last order. */
HOT_INLINE bool
book_queue_next(struct book_queue *q, struct book_order *out)
{
	const struct order_table *t = &q->book->order;

	if (q->id == 0)
		return false;
	*out = (struct book_order){ .ref = order_table_ref_at(t, q->id - 1),
				    .qty = order_table_rec_at(t, q->id - 1)->qty };
	q->id = t->link[q->id - 1].after;
	return true;
}

/* Where an order stands: as OUCH's accepted message gives its reference, so our own can be asked.
 */
struct book_place {
	uint64_t ahead_qty; // shares that are executed before it
	uint64_t level_qty;
	uint32_t ahead_cnt; // orders; 0: it is the first
	uint32_t level_cnt;
	uint32_t qty; // its own
	uint32_t px4;
	uint16_t locate;
	uint8_t side;
};

/*
 * Time     goes along the queue to both ends at once and stops at the nearer one: as many orders
 *          as stand before it or behind it, and look_max at most.
 * Returns  0
 *          -ENOENT  no order of that reference lives, or no queues are kept
 *          -E2BIG   neither end is within look_max orders: all but the ahead_* is filled
 */
int book_place_of(const struct book *b, uint64_t ref, uint32_t look_max, struct book_place *out);

enum {
	BOOK_QUEUES_LEVELS = 50,
	BOOK_QUEUES_ENOUGH = 64,     // orders, after which no further level is begun
	BOOK_QUEUES_PER_LEVEL = 256, // of one level, the first ones
};

struct book_queue_row {
	uint32_t px4;
	uint32_t order_cnt; // of the level
	uint64_t qty;
	uint32_t shown_cnt; // in struct book_queues
};

/* Some levels of a side and their orders, for people: a piece at a time, each level at once. */
struct book_queues {
	uint32_t row_cnt;
	uint32_t order_cnt;
	uint32_t next_key; // where a further piece goes on; 0: that was all
	struct book_queue_row row[BOOK_QUEUES_LEVELS];
	struct book_order order[BOOK_QUEUES_ENOUGH + BOOK_QUEUES_PER_LEVEL]; // of row after row
};

/*
 * The next levels of a side, best first, depth of them at most; from_key is 0 or the next_key of
 * the piece before.  Time: BOOK_QUEUES_ENOUGH orders, and those of the level in hand, some tens of
 * microseconds at worst.
 */
void book_queues_fill(const struct book *b, uint16_t locate, enum side side, uint32_t from_key,
		      uint32_t depth, struct book_queues *out);

/* Sum modulo 2^64 over all queues of (place + 1) * ref * quantity; place is 0 for the first. */
uint64_t book_queue_digest(const struct book *b);

#endif
