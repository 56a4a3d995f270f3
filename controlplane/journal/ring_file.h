/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_RING_FILE_H
#define SLUICE_JOURNAL_RING_FILE_H

#include "base/journal.h"
#include "err/err.h"

/*
 * The rings' memory: one named file per lane, so that it outlives the process.  A lane must never
 * wait for a disk, so it lies in memory: huge pages where libhugetlbfs has a mount and enough of
 * them are free, else a tmpfs.  Only where neither can be used it is a file in the journal's
 * folder: the kernel writes its pages to that disk, and a lane that touches one then waits for a
 * disk that stands still.
 *
 * The folder of the tmpfs is everybody's.  A file there is taken only if it is ours, and who has a
 * ring open holds a lock on it (flock), which the kernel gives back when the process dies: a copy
 * of the journal's folder, which has the same journal_id, does not get the rings of a gateway that
 * runs.
 */
enum {
	RING_FILE_PATH_MAX = 640,
};

/* Where a ring may lie, the best first. */
enum ring_place {
	RING_HUGE,
	RING_TMPFS,
	RING_FOLDER,
	RING_PLACE_CNT,
};

/* Folders by enum ring_place; NULL: there is none. */
struct ring_places {
	const char *folder[RING_PLACE_CNT];
};

/* Those of this machine; folder: the journal's. */
struct ring_places ring_places_of(const char *folder);

struct ring_file {
	char path[RING_FILE_PATH_MAX];
	char why[256]; // made: why not in memory; found and not mapped: what is against it
	struct journal_ring_head *head; // NULL: not mapped
	size_t bytes;
	int fd; // holds the lock while it is mapped
	uint32_t lane_idx;
	uint64_t journal_id;
	enum ring_place place;
	bool locked; // made in memory: its pages cannot be swapped out
	bool in_use; // found: its process lives
};

struct ring_file_config {
	struct ring_places places;
	uint64_t journal_id;
	uint32_t lane_idx;
	uint32_t slot_cnt; // a power of two
	uint32_t run;
	uint64_t start_ns;
	const char *lane_name;
	const char *boot_id;
};

/*
 * Makes a fresh ring in the best place that takes it, all of its pages there: what is short is an
 * error here and never a signal in a lane.  A file that has its name already stays.
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
	RING_OF_EARLIER_BOOT, // of the journal's folder: nobody knows what of it reached the disk
	RING_DAMAGED,
	RING_NOT_OURS, // not mapped: of another user, no file, not to be opened
	RING_IN_USE,   // not mapped: its process lives
};
enum ring_found ring_file_judge(const struct ring_file *f, const char *boot_id, const char **why);

/*
 * Maps the rings that an earlier process of this journal left, in all places, of lanes below
 * lane_cnt.
 *
 * out      room for RING_PLACE_CNT times lane_cnt
 * Returns  how many there are, mapped or not
 */
uint32_t ring_file_find(const struct ring_places *places, uint64_t journal_id, uint32_t lane_cnt,
			struct ring_file *out);

#endif
