/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_WRITER_H
#define SLUICE_JOURNAL_WRITER_H

#include "err/err.h"
#include "journal/format.h"
#include "journal/keeper.h"

/*
 * The journal of a gateway: takes what lanes and the control thread write down, and keeps it in
 * segments.  Four threads of its own, all on the control core: one writes, one does what waits for
 * a sync (helper.h), one compresses closed segments and removes old ones, one makes reserved order
 * numbers durable.  So a disk that is slow or stands still stops neither a lane nor the control
 * thread: rings fill, and what does not fit is counted and said.
 */
struct journal_name {
	uint8_t what; // enum journal_name_what
	uint16_t idx;
	char text[JOURNAL_NAME_LEN];
};

enum {
	JOURNAL_WRITER_LANES = 16,
};

struct journal_writer_config {
	const char *folder;
	const char *build;
	uint64_t start_ns;
	uint64_t segment_bytes;
	uint32_t ring_slots; // a power of two
	struct keeper_config keep;
	uint32_t sync_ms; // most time between a record and its safety from a power cut; 0: at once
	bool stop_on_gap;
};

/* What an earlier process left, and what became of it. */
struct journal_recovered {
	bool crashed; // the last process did not end as asked
	uint32_t run; // its number
	uint32_t ring_cnt;
	uint64_t record_cnt;  // taken out of rings
	uint64_t again_cnt;   // in a ring and in the segment already
	uint64_t lost_cnt;    // a lane had lost and not said
	uint32_t torn_cnt;    // rings whose next record was not finished
	uint32_t refused_cnt; // rings that could not be believed
	uint64_t cut_bytes;   // of an unfinished record at the segment's end
	char why[256];        // the last ring's that was refused
};

struct journal_stats {
	uint32_t run;
	uint64_t segment_no;
	uint64_t segment_at;
	uint64_t segment_bytes;
	uint64_t record; // since the start
	uint64_t byte;
	uint64_t segment_closed;
	uint64_t segment_compressed;
	uint64_t segment_removed;
	uint64_t capture_removed;
	uint64_t sync;
	uint64_t write_failed; // writes that the disk refused; each was tried again
	uint64_t lost;         // of the control side: no room in memory
	uint64_t torn;
	uint64_t next_seq;
	uint64_t synced_seq; // of the first record that a power cut may take
	uint64_t behind_ns;  // since the writer last came round
	int64_t error;       // negative errno of the last write, 0: it worked
};

struct journal_writer;
struct ring_file;

/*
 * Opens the folder, finishes what an earlier process left, and begins a segment.  No thread yet.
 *
 * Returns  0
 *          -EADDRINUSE  another gateway writes there
 *          other        named in *e; nothing was lost, the next start tries again
 */
int journal_writer_open(struct journal_writer **out, const struct journal_writer_config *c,
			struct journal_recovered *found, struct err *e);

/*
 * A name that every segment shall explain.  Before journal_writer_start.
 *
 * Returns  0
 *          -ENOMEM  it is not kept, and the journal should not begin
 */
int journal_writer_name(struct journal_writer *w, const struct journal_name *n);

/*
 * The ring of one lane: fills *out.
 *
 * Thread   the lane's core, before it runs, and before journal_writer_start
 */
int journal_writer_ring(struct journal_writer *w, uint32_t lane_idx, const char *lane_name,
			struct event_sink *events, struct journal *out, struct err *e);

/* What holds that lane's ring (ring_file.h); NULL: it has none. */
const struct ring_file *journal_writer_ring_file(const struct journal_writer *w, uint32_t lane_idx);

/* The threads begin. */
int journal_writer_start(struct journal_writer *w, struct err *e);

/*
 * A record of the control side; head->ns 0: now.  Never waits.  What does not fit is counted, and
 * said when there is room again.  Thread: control; also before journal_writer_start.
 */
void journal_writer_say(struct journal_writer *w, enum journal_kind kind,
			const struct journal_text *head, const char *text, size_t len);

/*
 * Waits until what was said before is in the file, so that it outlives the process; at most
 * wait_ms. False: it is not there yet.  Thread: control.
 */
bool journal_writer_settle(struct journal_writer *w, uint32_t wait_ms);

/* What becomes of closed segments from now on; looked at once, at once.  Thread: control. */
void journal_writer_keep(struct journal_writer *w, const struct keeper_config *keep);

void journal_writer_stats(const struct journal_writer *w, struct journal_stats *out);

uint64_t journal_now_ns(void); // since 1970

/* Which boot of the machine this is. */
const char *journal_boot_id(void);

/*
 * Order numbers of a session: below journal_tokens_floor some may have been used before this start,
 * and none below journal_tokens_end is used again by a later one.  journal_tokens_want asks for
 * more, and returns at once; they are there when journal_tokens_end says so.
 *
 * name: the session's.  daily: numbers may begin again each day (OUCH 4.2's clock).
 */
uint32_t journal_tokens_floor(struct journal_writer *w, uint32_t session_idx, const char *name,
			      bool daily);
void journal_tokens_want(struct journal_writer *w, uint32_t session_idx, uint32_t end);
uint32_t journal_tokens_end(struct journal_writer *w, uint32_t session_idx);

/* The lanes have ended.  Writes what is left, closes the segment, removes the rings. */
void journal_writer_close(struct journal_writer *w);

#endif
