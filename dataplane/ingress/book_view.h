/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_VIEW_H
#define SLUICE_INGRESS_BOOK_VIEW_H

#include "base/seqlock.h"
#include "ingress/book_info.h"

enum {
	BOOK_VIEW_DEPTH = 10,
};

struct book_depth_row {
	uint32_t px4;
	uint32_t order_cnt;
	uint64_t qty;
};

/*
 * What other threads may know of a configured instrument, all of one moment: after every message
 * below next_seq, none later.  The lane writes it off the order path, a few instruments at a time;
 * now_ns says when.
 */
struct book_view {
	char symbol[8];
	uint64_t next_seq;
	uint64_t now_ns;                   // the lane's time, since 1970
	uint64_t ts_ns;                    // exchange time of the feed's last message
	uint64_t since_ns;                 // since when it has its confidence; 0: no time known
	uint64_t spent_ns[CONFIDENCE_CNT]; // in each one before that
	uint64_t mwcb_px8[3]; // levels of the market-wide circuit breaker; 0: not heard
	uint64_t volume_qty;
	uint64_t volume_ntl4; // sum of price times quantity
	uint32_t trade_cnt;
	uint32_t last_px4;
	uint32_t cross_px4[CROSS_CNT];
	uint32_t band_lo_px4;
	uint32_t band_hi_px4;
	uint32_t round_lot_qty;
	uint32_t lot_px4[2];   // where the book is a round lot deep; 0: nowhere in the rows
	uint32_t row_cnt[2];   // rows filled
	uint32_t level_cnt[2]; // levels there are
	uint16_t locate;
	uint8_t confidence;
	uint8_t state;
	uint8_t phase;
	uint8_t short_sale;
	uint8_t authenticity;
	bool found;          // the feed has named the symbol
	bool broken;         // its own book broke, whatever the feed's confidence
	bool volume_partial; // prints may be missing from the volume
	uint8_t breach_level;
	char reason[4]; // of the last trading action
	uint8_t pad[1];
	struct md_directory directory;
	struct book_notes notes;
	struct book_depth_row row[2][BOOK_VIEW_DEPTH]; // best first
};
static_assert(sizeof(struct book_view) % sizeof(uint64_t) == 0, "copied by words");

/* A view and its lock.  Written by the book's lane, read by anyone. */
struct book_view_slot {
	struct seqlock lock;
	cache_aligned uint64_t word[sizeof(struct book_view) / sizeof(uint64_t)];
};

/*
 * Copies a view.  False when it was never written, or the lane wrote whenever it was looked at: it
 * takes less than a microsecond, so that means a stopped lane.  Thread: any.
 */
static inline bool
book_view_get(const struct book_view_slot *s, struct book_view *out)
{
	enum {
		TRIES = 1000,
	};

	for (unsigned i = 0; i < TRIES; i++)
		if (seqlock_get(&s->lock, (uint64_t *)out, s->word, ARRAY_CNT(s->word)))
			return true;
	return false;
}

#endif
