/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_RECORDING_H
#define SLUICE_REPLAY_RECORDING_H

#include "journal/names.h"
#include "msg/head.h"

/*
 * What the journal says about a recorded run (RECORDING.md): how it began, and its records, kind by
 * kind.  A day's journal is larger than memory, so each reader of it walks the segments by itself
 * and holds one of them.
 */
struct recording_port {
	bool used;
	bool stamped; // its device stamps frames: those times are in no record
	uint8_t mac[6];
	bool ended; // the run ended as asked, and said what the port's capture has:
	uint64_t frame_cnt;
	uint64_t dropped_cnt;
	uint64_t cut_cnt;
};

struct recording {
	char folder[1024];
	struct journal_list list;
	struct journal_names names;
	uint32_t run;
	uint32_t lane_cnt;
	uint64_t base_ns; // the clock when the lane was built
	uint64_t base_tsc;
	uint32_t housekeeping_every; // turns
	bool earlier_run;            // the day had begun before, with another process
	struct recording_port port[PORT_MAX];
	uint32_t first_token[SESSION_MAX];
	bool half_open[SESSION_MAX]; // an earlier process had left a connection
	uint64_t lost_cnt;           // records that found no room
	uint64_t lost_ns;            // the first of them
	char *config;                // the text as the run read it; not terminated
	size_t config_len;
};

/*
 * run: which start of the gateway; 0: the last that was recorded.
 *
 * Returns  0, or a negative errno with the words in *e: -ENOENT: no such run was recorded
 */
int recording_open(struct recording *r, const char *folder, uint32_t run, struct err *e);
void recording_close(struct recording *r);

/*
 * recording_open's step: keeps what a record says of the run; 0: of any, so of the last.
 *
 * Returns  0, or -ENOMEM
 */
int recording_note(struct recording *r, const struct journal_record *rec, uint32_t run);

/* Walks the records of some kinds of the run, in the journal's order. */
struct recording_walk {
	const struct recording *of;
	uint64_t kinds; // RECORDING_KIND(...) of those it gives
	size_t next_file;
	bool file_open;
	struct journal_file file;
	struct journal_walk walk;
	bool has; // record is the next one
	struct journal_record record;
	struct err *e; // where the words go when a segment cannot be read
	int rc;
};

#define RECORDING_KIND(NAME) (1ULL << JOURNAL_##NAME)

void recording_walk_start(struct recording_walk *w, const struct recording *of, uint64_t kinds,
			  struct err *e);
void recording_walk_end(struct recording_walk *w);

/* The next record, or NULL: there is none, or rc says why not.  It stays the next one ... */
const struct journal_record *recording_peek(struct recording_walk *w);

/* ... until it is taken. */
static inline void
recording_take(struct recording_walk *w)
{
	w->has = false;
}

#endif
