/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_MD_WALK_H
#define SLUICE_LANE_MD_WALK_H

#include "ingress/book.h"
#include "ingress/parse_itch50.h"

/*
 * The way of a datagram's messages from parse to book.  A book of millions of orders lives in
 * memory, far from the core: what a message touches takes longer to arrive than the message takes
 * to apply.  So parse runs some messages ahead; each one's order is asked for as soon as it is
 * decoded, its level once the order is there, and the prices of its side when a level will come or
 * go.  Nothing is applied early: the book takes the messages one by one, in order.
 */
enum {
	MD_AHEAD = 16,      // messages decoded ahead; a power of two
	MD_AHEAD_LEVEL = 8, // from here on the order is there
	MD_AHEAD_SIDE = 4,  // from here on the level is
};

struct md_walk {
	struct parse_walk walk;
	uint32_t from; // next message of the book
	uint32_t end;  // next message of parse
	struct md md[MD_AHEAD];
};

HOT_INLINE void
md_walk_start(struct md_walk *w, const struct datagram *d)
{
	parse_start(&w->walk, d);
	w->from = w->end = 0;
}

/* The sequence number of the first message that the book has not taken. */
static inline uint64_t
md_walk_seq(const struct md_walk *w)
{
	return w->from == w->end ? w->walk.seq : w->md[w->from % MD_AHEAD].seq;
}

HOT_INLINE bool
md_walk_decode(struct md_walk *w, struct parse *p, const struct book *b)
{
	struct md *m = &w->md[w->end % MD_AHEAD];

	if (!parse_next(p, &w->walk, m))
		return false;
	book_prefetch(b, m);
	w->end++;
	return true;
}

/*
 * Decodes the first messages of a datagram.  What was asked for meanwhile is looked at as soon as
 * it can have arrived, and not only when all are decoded.
 */
static __attribute__((noinline)) void
md_walk_fill(struct md_walk *w, struct parse *p, const struct book *b)
{
	uint32_t level = 0, side = 0;

	while (w->end < MD_AHEAD - 1 && md_walk_decode(w, p, b)) {
		if (w->end >= MD_AHEAD_LEVEL)
			book_prefetch_level(b, &w->md[level++]);
		if (w->end >= MD_AHEAD - MD_AHEAD_SIDE)
			book_prefetch_side(b, &w->md[side++]);
	}
	for (; level < MD_AHEAD_LEVEL && level < w->end; level++)
		book_prefetch_level(b, &w->md[level]);
	for (; side < MD_AHEAD_SIDE && side < w->end; side++)
		book_prefetch_side(b, &w->md[side]);
}

/* The next message for the book; NULL at the end of the datagram.  Valid until the next call. */
HOT_INLINE struct md *
md_walk_next(struct md_walk *w, struct parse *p, const struct book *b)
{
	if (unlikely(w->end == 0))
		md_walk_fill(w, p, b);
	if (likely(w->walk.left_cnt != 0))
		md_walk_decode(w, p, b);
	if (unlikely(w->from == w->end))
		return NULL;
	if (likely(w->end - w->from > MD_AHEAD_LEVEL))
		book_prefetch_level(b, &w->md[(w->from + MD_AHEAD_LEVEL) % MD_AHEAD]);
	if (likely(w->end - w->from > MD_AHEAD_SIDE))
		book_prefetch_side(b, &w->md[(w->from + MD_AHEAD_SIDE) % MD_AHEAD]);
	return &w->md[w->from++ % MD_AHEAD];
}

#endif
