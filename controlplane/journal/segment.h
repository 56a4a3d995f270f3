/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_SEGMENT_H
#define SLUICE_JOURNAL_SEGMENT_H

#include "journal/format.h"

/*
 * A segment that is written.  Records collect in memory and go to the file in one piece; what the
 * file did not take stays, and is tried again.
 */
enum {
	SEGMENT_PATH_MAX = 640,
	SEGMENT_PIECE_BYTES = 1 << 20, // records collect up to here
	SEGMENT_BUF_BYTES = SEGMENT_PIECE_BYTES + JOURNAL_PAYLOAD_MAX + 4096,
};

struct segment {
	char path[SEGMENT_PATH_MAX];
	int fd; // -1: none
	uint64_t no;
	uint64_t at;    // bytes in the file
	uint64_t bytes; // it was made with
	uint64_t record_cnt;
	uint8_t *buf; // SEGMENT_BUF_BYTES
	size_t buf_len;
	size_t buf_written; // of them are in the file already
	bool dirty;         // not synced
	bool ended;         // its last record is in the piece or in the file
};

int segment_init(struct segment *s); // 0 or -ENOMEM
void segment_fini(struct segment *s);

/*
 * Makes the file as large as it may become, so that the disk cannot be full later, and writes its
 * head.  spare_fd: of segment_make_spare with the same size, taken over whatever is returned; -1:
 * none, and then the file is synced here.  Returns 0 or a negative errno; nothing is left then.
 */
int segment_make(struct segment *s, const char *folder, const struct journal_head *head,
		 int spare_fd);

/* A file without a name of a segment yet.  Returns its descriptor or a negative errno. */
int segment_make_spare(const char *folder, uint64_t bytes);
void segment_drop_spare(const char *folder);

/* The folder's entry of a new file is on the disk too. */
void segment_sync_folder(const char *folder);

/* Cuts a segment's file to its true size, syncs and closes it.  Returns 0 or a negative errno. */
int segment_finish(int fd, uint64_t bytes);

/* Goes on behind the last good record of a file that was not closed. */
int segment_reopen(struct segment *s, const char *path, uint64_t no, uint64_t at,
		   uint64_t record_cnt);

/* Bytes of records that still fit into the piece and, roughly, into the file. */
static inline bool
segment_has_room(const struct segment *s)
{
	return s->buf_len < SEGMENT_PIECE_BYTES && s->at + s->buf_len + 4096 < s->bytes;
}

/* Nothing more should go into this one. */
static inline bool
segment_is_full(const struct segment *s)
{
	return s->at + s->buf_len - s->buf_written + 4096 >= s->bytes;
}

/* Adds a record to the piece; the caller has asked whether there is room. */
void segment_put(struct segment *s, const struct journal_frame *frame, const void *payload,
		 const void *more, uint32_t more_len);

/* Writes the piece.  Returns 0 or a negative errno: call again, nothing is lost. */
int segment_flush(struct segment *s);

int segment_sync(struct segment *s);

/* The file gets its true size and is closed; its last record is the caller's. */
int segment_close(struct segment *s);

#endif
