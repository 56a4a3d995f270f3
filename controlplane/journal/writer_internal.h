/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_WRITER_INTERNAL_H
#define SLUICE_JOURNAL_WRITER_INTERNAL_H

#include <pthread.h>

#include "journal/helper.h"
#include "journal/ring_file.h"
#include "journal/segment.h"
#include "journal/tokens.h"
#include "journal/writer.h"

enum {
	SAID_BYTES = 4 << 20,     // what the control thread may say while the disk stands still
	NAMES_TEXT_BYTES = 16384, // of one record
};

/* Records of the control side that wait for the writer. */
struct said {
	uint8_t *bytes; // kind and length, then the payload, one behind the other
	size_t len;
};

struct journal_writer {
	struct journal_writer_config c;
	char folder[SEGMENT_PATH_MAX];
	char build[32];
	int lock_fd;
	uint64_t journal_id;
	uint32_t run;
	struct journal_name *name;
	uint32_t name_cnt;
	uint32_t name_room;
	struct ring_file ring[JOURNAL_WRITER_LANES];
	struct tokens tokens;
	bool started;
	pthread_t writer, keeper;
	struct helper helper;
	uint32_t stop;      // atomic: the writer empties everything once more and ends
	uint32_t stop_keep; // atomic
	// the writer's own
	struct segment segment;
	struct journal_taker taker[JOURNAL_WRITER_LANES];
	uint64_t next_seq;
	uint64_t retry_ns;
	uint64_t synced_ns;
	int helper_error;    // as last seen
	struct said writing; // taken from waiting, not all of it framed yet
	size_t writing_at;
	uint64_t taken_cnt; // of said_cnt, as far as they are in writing
	uint64_t done_cnt;  // atomic: of said_cnt, as far as the file has them
	// between the control thread and the writer
	pthread_mutex_t mutex;
	pthread_cond_t keeper_cond; // stop_keep was set, or c.keep is another
	uint32_t keep_no;           // how often c.keep was set
	struct said waiting;
	uint64_t said_cnt; // records said, kept or not
	uint64_t lost_cnt; // said and not kept since the last GAP record
	uint64_t lost_ns;
	// atomics, for stats
	struct journal_stats stats;
	uint64_t round_ns;
	uint64_t helper_ns; // since when the helper waits for the disk; 0: it does not
	uint64_t open_no;   // of the segment that is written
};

uint64_t journal_monotonic_ns(void);

/* A segment with the next number.  Returns 0 or a negative errno. */
int writer_next_segment(struct journal_writer *w);

/* A record with the next number; more: what follows the payload. */
void writer_put(struct journal_writer *w, uint8_t kind, uint8_t lane_idx, uint16_t flags,
		uint32_t run, const void *payload, uint32_t len);

/* The last record of a segment, then the file is closed. */
int writer_end_segment(struct journal_writer *w, uint32_t run, uint16_t flags);

/* Finishes what an earlier process left; fills journal_id, run and next_seq. */
int writer_recover(struct journal_writer *w, struct journal_recovered *found, struct err *e);

#endif
