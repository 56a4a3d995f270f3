/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_HELPER_H
#define SLUICE_JOURNAL_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/segment.h"

/*
 * What waits for the disk, so that the writer does not: a thread that makes the next segment's file
 * ahead, syncs the one being written when it is due, and cuts, syncs and closes those that are
 * full, in their order.  At 2 million records a second a ring of 65,536 slots is full after 33 ms;
 * one fsync takes longer.
 */
enum {
	HELPER_CLOSING_MAX = 16,
};

struct helper {
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	// all below: under the mutex
	bool stop;
	char folder[SEGMENT_PATH_MAX];
	uint64_t segment_bytes;
	bool want_spare;
	int spare_fd; // of segment_make_spare; -1: none
	struct {
		int fd;
		uint64_t no;
		uint64_t bytes; // its true size
	} closing[HELPER_CLOSING_MAX];
	uint32_t closing_cnt;
	int sync_fd; // -1: nothing to sync
	uint64_t sync_seq;
	uint64_t sync_cnt;
	uint64_t synced_seq; // all below it are safe from a power cut
	uint64_t closed_no;  // and all segments up to it are closed
	bool folder_changed;
	int error;         // negative errno of the last try, 0: it worked
	uint64_t since_ns; // of what it is doing, CLOCK_MONOTONIC; 0: it waits
};

/* How far it has come. */
struct helper_state {
	uint64_t sync_cnt;
	uint64_t synced_seq;
	uint64_t closed_no;
	uint64_t since_ns;
	int error;
};

/* folder and its spare file are the caller's.  Returns 0 or a negative errno. */
int helper_start(struct helper *h, const char *folder, uint64_t segment_bytes);

/* Does all that was asked for, removes the spare file, ends.  May be called without a start. */
void helper_stop(struct helper *h);

/* A file for the next segment, as segment_make takes it over; -1: none is ready. */
int helper_take_spare(struct helper *h);

/* A segment got its name.  Thread of all these: the writer. */
void helper_folder_changed(struct helper *h);

/* Closes a full segment; -EBUSY: too many wait already. */
int helper_close(struct helper *h, int fd, uint64_t no, uint64_t bytes);

/* Syncs the segment; everything below seq is in it or in one before. */
void helper_sync(struct helper *h, int fd, uint64_t seq);

void helper_look(struct helper *h, struct helper_state *out);

#endif
