/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_INFO_H
#define SLUICE_INGRESS_BOOK_INFO_H

#include "msg/mark.h"
#include "msg/md.h"

/* The crosses of a day, by the venue's letters 'O', 'C' and 'H'. */
enum book_cross {
	CROSS_OPEN,
	CROSS_CLOSE,
	CROSS_HALT, // IPO, or after a halt or pause: the last one
	CROSS_CNT,
};

/*
 * What is known of an instrument beside its orders: one per locate, touched by rare messages and
 * prints only.  Written by the book's lane.
 */
struct book_info {
	uint64_t volume_ntl4; // sum of price times quantity of the prints: VWAP's numerator
	uint32_t trade_cnt;   // prints
	uint32_t cross_px4[CROSS_CNT];
	struct md_directory directory;
	char reason[4];      // of the last 'H'
	uint8_t breach_cnt;  // breaches of the feed that were over when the last 'H' came
	bool in_set;         // of the affected set of a recovery, or of one that failed
	bool volume_partial; // prints may be missing from the day's volume
	uint8_t pad[17];
};
static_assert(sizeof(struct book_info) == CACHE_LINE, "one instrument, one cache line");

/* What the venue announced for a configured instrument: for views, no decision is made by it. */
struct book_notes {
	struct {
		uint64_t paired_qty;
		uint64_t imbalance_qty;
		uint64_t ts_ns; // 0: there was none
		uint32_t far_px4;
		uint32_t near_px4;
		uint32_t ref_px4;
		uint8_t direction; // 'B' 'S' 'N' 'O' 'P'
		uint8_t cross;     // 'O' 'C' 'H' 'A'
		uint8_t variation; // 'L' '1'..'9' 'A' 'B' 'C' or space
		uint8_t pad;
	} imbalance; // the last NOII
	struct {
		uint32_t release_s; // since midnight
		uint32_t px4;
		uint8_t qualifier; // 'A' anticipated, 'C' cancelled; 0: there was none
		uint8_t pad[7];
	} ipo;
	struct {
		uint64_t near_ts_ns;
		uint32_t near_px4;
		uint32_t min_px4;
		uint32_t max_px4;
		uint32_t lo_px4;
		uint32_t hi_px4;
		uint8_t eligible; // 'Y' 'N'; 0: there was none
		uint8_t pad[3];
	} listing;
	uint32_t collar_ref_px4; // of the last auction collar, while it is in force
	uint32_t collar_extension;
	uint8_t retail; // 'B' 'S' 'A' 'N'; 0: there was none
	uint8_t pad[7];
};

#endif
