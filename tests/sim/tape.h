/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_TAPE_H
#define SLUICE_SIM_TAPE_H

#include "base/compiler.h"

/* A recorded day: ITCH messages, each with its length before it (be16), numbered from 1. */
struct tape {
	const uint8_t *bytes;
	size_t len;
	size_t *mark; // where every TAPE_STRIDE-th message starts
	uint64_t msg_cnt;
	size_t mapped_len; // 0: the bytes are the caller's
};

enum {
	TAPE_STRIDE = 256,
	TAPE_MSG_LEN_MAX = 1024, // fits into any packet
};

/* What comes next on a tape. */
struct tape_walk {
	size_t at;
	uint64_t seq;
};

/*
 * Maps a file and counts its messages.  Returns NULL, or what is wrong (static memory).  A length
 * of 0 ends the tape; bytes after the last whole message are an error.
 */
const char *tape_open(struct tape *t, const char *path);
/* The same over bytes of the caller's, which stay his. */
const char *tape_of(struct tape *t, const uint8_t *bytes, size_t len);
void tape_close(struct tape *t);

/* Message number seq and what follows; seq beyond the end: the end. */
struct tape_walk tape_seek(const struct tape *t, uint64_t seq);

/* The next message without taking it; false at the end. */
bool tape_peek(const struct tape *t, const struct tape_walk *w, const uint8_t **msg, uint16_t *len);
void tape_skip(const struct tape *t, struct tape_walk *w);

#endif
