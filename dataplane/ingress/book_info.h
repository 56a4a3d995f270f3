/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_BOOK_INFO_H
#define SLUICE_INGRESS_BOOK_INFO_H

#include "msg/md.h"

/*
 * What is known of an instrument beside its orders: one per locate, touched by rare messages and
 * prints only.  Written by the book's lane.
 */
struct book_info {
	uint64_t volume_ntl4; // sum of price times quantity of the prints: VWAP's numerator
	uint32_t trade_cnt;   // prints
	bool in_set;          // of the affected set of a recovery, or of one that failed
	bool volume_partial;  // prints may be missing from the day's volume
	uint8_t pad[2];
	uint8_t pad2[48];
};
static_assert(sizeof(struct book_info) == CACHE_LINE, "one instrument, one cache line");

#endif
