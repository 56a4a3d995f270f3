/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_MD_WALK_H
#define SLUICE_LANE_MD_WALK_H

#include "ingress/book.h"
#include "ingress/parse_itch50.h"

/*
 * The way of a datagram's messages from parse to book.  A book of millions of orders lives in
 * memory, far from the core: what a message touches takes longer to arrive than the message takes
 * to apply.  So parse runs some messages ahead; each one's order and instrument are asked for as
 * soon as it is decoded, its level once the order is there.  Nothing is applied early: the book
 * takes the messages one by one, in order.
 *
 * The next datagram may be known before this one is through: parse then goes on with it, so that
 * its first messages, too, are asked for ahead.
 */
enum {
	MD_AHEAD = 16,      // messages decoded ahead; a power of two
	MD_AHEAD_FIRST = 3, // before the first one goes to the book
	MD_AHEAD_LEVEL = 6, // from here on the order is there
	MD_AHEAD_QUEUE = 3, // from here on its place in a queue is
};

struct md_walk {
	struct parse_walk walk;
	uint32_t from; // next message of the book
	uint32_t end;  // next message of parse
	uint32_t seam; // where the next datagram begins; MD_NO_SEAM: it is not known
	struct md md[MD_AHEAD];
};

#define MD_NO_SEAM UINT32_MAX

HOT_INLINE void
md_walk_start(struct md_walk *w, const struct datagram *d)
{
	parse_start(&w->walk, d);
	w->from = w->end = 0;
	w->seam = MD_NO_SEAM;
}

/* Parse is through with the datagram, and the next one is not known yet. */
HOT_INLINE bool
md_walk_wants_next(const struct md_walk *w)
{
	return w->walk.left_cnt == 0 && w->seam == MD_NO_SEAM;
}

/* Whether messages wait behind the one that md_walk_next gave. */
HOT_INLINE bool
md_walk_has_more(const struct md_walk *w)
{
	return w->from != w->end;
}

/* From the end of a datagram into the one appended to it. */
HOT_INLINE void
md_walk_cross(struct md_walk *w)
{
	const uint32_t whole = w->seam / MD_AHEAD * MD_AHEAD; // places stay what they are

	w->end = w->end == w->seam ? 0 : w->end - whole;
	w->from = w->end == 0 ? 0 : w->seam - whole;
	w->seam = MD_NO_SEAM;
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

	in_register(m);
	if (!parse_next(p, &w->walk, m))
		return false;
	book_prefetch(b, m);
	w->end++;
	return true;
}

/* The looks that only a book with queues needs, at the messages that have come so far. */
HOT_INLINE void
md_walk_look_at_queues(const struct md_walk *w, const struct book *b)
{
	const uint32_t ahead = w->end - w->from;

	book_prefetch_link(b, &w->md[(w->end - 1) % MD_AHEAD]);
	if (likely(ahead > MD_AHEAD_LEVEL))
		book_prefetch_ends(b, &w->md[(w->from + MD_AHEAD_LEVEL) % MD_AHEAD]);
	if (likely(ahead > MD_AHEAD_QUEUE))
		book_prefetch_queue(b, &w->md[(w->from + MD_AHEAD_QUEUE) % MD_AHEAD]);
}

/*
 * There is more room ahead than one message takes: what begins is not looked at ahead, and must not
 * wait until all that follows is.  So parse gets ahead by one more with each message, and levels
 * are looked at half way.
 */
static __attribute__((noinline)) void
md_walk_gain(struct md_walk *w, struct parse *p, const struct book *b)
{
	uint32_t cnt = w->from == w->end ? MD_AHEAD_FIRST : 1, half;

	while (cnt != 0 && md_walk_decode(w, p, b)) {
		if (book_has_queues(b))
			book_prefetch_link(b, &w->md[(w->end - 1) % MD_AHEAD]);
		cnt--;
	}
	half = (w->end - w->from) / 2;
	if (half != 0) {
		book_prefetch_level(b, &w->md[(w->from + half) % MD_AHEAD]);
		book_prefetch_level(b, &w->md[(w->from + half - 1) % MD_AHEAD]);
	}
	if (half > 1 && book_has_queues(b))
		book_prefetch_queue(b, &w->md[(w->from + half / 2) % MD_AHEAD]);
	md_walk_decode(w, p, b);
}

/*
 * The datagram that comes after the one in hand: parse goes on with it.  It has no flags, and
 * stays where it is until md_walk_next said NULL, and md_walk_cross was called instead of
 * md_walk_start, and its own messages are through.
 */
HOT_INLINE void
md_walk_append(struct md_walk *w, const struct datagram *d, struct parse *p, const struct book *b)
{
	parse_start(&w->walk, d);
	w->seam = w->end;
}

/* A last message with none before it goes to the book at once: there is nothing to look ahead to.
 */
HOT_INLINE struct md *
md_walk_lone(struct md_walk *w, struct parse *p)
{
	struct md *m = &w->md[w->end % MD_AHEAD];

	if (!parse_next(p, &w->walk, m))
		return NULL;
	w->from = ++w->end;
	return m;
}

/* The next message for the book; NULL at the end of the datagram.  Valid until the next call. */
HOT_INLINE struct md *
md_walk_next(struct md_walk *w, struct parse *p, const struct book *b)
{
	struct md *m;

	in_register(w);

	if (unlikely(w->from == w->seam))
		return NULL;
	if (w->walk.left_cnt != 0 && w->end - w->from >= MD_AHEAD - 1) {
		md_walk_decode(w, p, b);
		book_prefetch_level(b, &w->md[(w->from + MD_AHEAD_LEVEL) % MD_AHEAD]);
	} else {
		if (likely(w->walk.left_cnt != 0)) {
			if (w->from == w->end && w->walk.left_cnt == 1)
				return md_walk_lone(w, p);
			md_walk_gain(w, p, b);
		}
		if (w->end - w->from > MD_AHEAD_LEVEL)
			book_prefetch_level(b, &w->md[(w->from + MD_AHEAD_LEVEL) % MD_AHEAD]);
		else if (w->from == w->end)
			return NULL;
	}
	if (unlikely(book_has_queues(b)))
		md_walk_look_at_queues(w, b);
	m = &w->md[w->from++ % MD_AHEAD];
	in_register(m);
	return m;
}

#endif
