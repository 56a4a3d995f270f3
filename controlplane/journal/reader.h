/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_READER_H
#define SLUICE_JOURNAL_READER_H

#include "err/err.h"
#include "journal/format.h"

/*
 * Reads segments.  Believes nothing: a record is given only when its length, checksum, number and
 * shape are right, and where that ends the reader says why and at which byte.  It never guesses.
 */

/* Why a walk ended. */
enum journal_end {
	JOURNAL_END_NOT_YET,
	JOURNAL_END_CLOSED, // its last record says so: nothing is missing
	JOURNAL_END_OPEN,   // being written, or its writer was killed between two records
	JOURNAL_END_CUT,    // bytes are missing behind: the file was longer
	JOURNAL_END_TORN,   // the last record was not finished
	JOURNAL_END_DAMAGED,
	JOURNAL_END_FOREIGN, // no segment, or one this program cannot read
};

enum {
	JOURNAL_WHY_MAX = 256,
};

struct journal_record {
	struct journal_frame frame;
	const uint8_t *payload; // frame.len bytes, of the right shape for frame.kind
	size_t offset;          // of the frame
};

struct journal_walk {
	const uint8_t *data;
	size_t len;
	size_t at; // of the next frame; at the end: where it ended
	struct journal_head head;
	uint64_t next_seq;
	uint64_t record_cnt;
	enum journal_end end;
	size_t resume_at;          // DAMAGED: of the next good record; 0: there is none
	uint64_t missing_cnt;      // ... records before it that are lost
	char why[JOURNAL_WHY_MAX]; // for people; empty when all is well
};

/* False when the head is not one that can be read; end and why say it. */
bool journal_walk_start(struct journal_walk *w, const void *data, size_t len);

/* The next record; false at the end.  Valid as long as the data. */
bool journal_walk_next(struct journal_walk *w, struct journal_record *out);

/* Goes on behind damage, where there is something.  False when there is nothing. */
bool journal_walk_resume(struct journal_walk *w);

/* Whether somebody should act: anything but CLOSED and OPEN. */
static inline bool
journal_end_is_bad(enum journal_end end)
{
	return end > JOURNAL_END_OPEN;
}

const char *journal_end_word(enum journal_end end);

/* The parts of a record.  Copies, because a payload is not aligned. */
static inline struct journal_slot
journal_slot_of(const struct journal_record *r)
{
	struct journal_slot s;

	memcpy(&s, r->payload, sizeof(s));
	return s;
}

static inline struct journal_text
journal_text_of(const struct journal_record *r)
{
	struct journal_text t;

	memcpy(&t, r->payload, sizeof(t));
	return t;
}

static inline bool
journal_kind_is_lane(uint32_t kind)
{
	return kind <= JOURNAL_KILL;
}

/* When, since 1970. */
uint64_t journal_record_ns(const struct journal_record *r);

/* The bytes of a WIRE_OUT or WIRE_IN record; returns how many. */
uint32_t journal_wire_bytes(const struct journal_record *r, uint8_t out[JOURNAL_WIRE_MAX]);

/* A file in memory, decompressed where it is compressed. */
struct journal_file {
	char path[1024];
	uint8_t *data;
	size_t len;
	bool compressed;
	char why[JOURNAL_WHY_MAX]; // the compressed bytes are damaged: what came out is there
};

int journal_file_open(struct journal_file *f, const char *path, struct err *e);
void journal_file_close(struct journal_file *f);

/* The segments of a folder, in order; a file is a list of itself. */
struct journal_list {
	struct journal_list_row {
		uint64_t no;
		char path[1024];
	} * row;
	size_t cnt;
};

int journal_list_open(struct journal_list *l, const char *path, struct err *e);
void journal_list_close(struct journal_list *l);

/* "journal-0000000001.sj", the same with ".zst"; 0: another file's name. */
uint64_t journal_segment_no_of(const char *name, bool *compressed);

#endif
