/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_RING_FILE_H
#define SLUICE_JOURNAL_RING_FILE_H

#include "base/journal.h"
#include "err/err.h"

/*
 * The rings' memory: one named file per lane, so that it outlives the process.  In huge pages where
 * libhugetlbfs has a mount and enough of them are free, else an ordinary file in the journal's
 * folder: then a disk that stands still stops lanes, when they touch a page that the kernel has
 * written to it.
 */
enum {
	RING_FILE_PATH_MAX = 640,
};

struct ring_file {
	char path[RING_FILE_PATH_MAX];
	struct journal_ring_head *head; // NULL: not mapped
	size_t bytes;
	bool huge;
};

struct ring_file_config {
	const char *folder; // the journal's
	uint64_t journal_id;
	uint32_t lane_idx;
	uint32_t slot_cnt; // a power of two
	uint32_t run;
	uint64_t start_ns;
	const char *lane_name;
	const char *boot_id;
};

/*
 * Makes a fresh ring; what had its name is gone.
 *
 * Thread   the lane's own, so that the pages are near
 * Returns  0, or a negative errno with the words in *e
 */
int ring_file_make(struct ring_file *f, const struct ring_file_config *c, struct err *e);

/* Unmaps; with remove, the file is gone too. */
void ring_file_close(struct ring_file *f, bool remove);

/* Whether what was found can be read: every check of the head.  why: what is wrong, for people. */
enum ring_found {
	RING_GOOD,
	RING_OF_EARLIER_BOOT, // ordinary files only: nobody knows what of it reached the disk
	RING_DAMAGED,
};
enum ring_found ring_file_judge(const struct ring_file *f, const char *boot_id, const char **why);

/*
 * Maps the rings that an earlier process of this journal left, in both places.
 *
 * Returns  how many, at most max
 */
uint32_t ring_file_find(const char *folder, uint64_t journal_id, struct ring_file *out,
			uint32_t max);

#endif
