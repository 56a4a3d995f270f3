/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_JOURNAL_TOKENS_H
#define SLUICE_JOURNAL_TOKENS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"

/*
 * Order numbers are reserved before they are used: the file says up to where each session may have
 * used them.  It is written and synced by a thread of its own before a lane is told; so a process
 * that was killed at any moment has used none that the file does not cover.
 *
 * A line per session: name, day (since 1970, of its last reservation), the first number that is not
 * reserved; a checksum at the end.
 */
enum {
	TOKENS_SESSIONS = 4,
	TOKENS_NAME_LEN = 64,
	TOKENS_LINES = 32, // sessions of earlier configurations are remembered too
};

struct tokens_line {
	char name[TOKENS_NAME_LEN];
	uint32_t day;
	uint32_t end;
};

struct tokens {
	char path[640];
	struct tokens_line line[TOKENS_LINES];
	uint32_t line_cnt;
	uint32_t row[TOKENS_SESSIONS]; // index in line, plus one; 0: the session is not known
	uint32_t want[TOKENS_SESSIONS];
	uint32_t durable[TOKENS_SESSIONS];
	uint64_t failed_cnt;
	bool running;
	bool stop;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

/*
 * Reads the file; a missing one is empty.  Returns 0, or -EBADMSG: it is damaged, named in *e with
 * what to do.
 */
int tokens_open(struct tokens *t, const char *folder, struct err *e);
int tokens_start(struct tokens *t);
void tokens_close(struct tokens *t);

/* See journal_tokens_* in writer.h. */
uint32_t tokens_floor(struct tokens *t, uint32_t session_idx, const char *name, bool daily,
		      uint64_t now_ns);
void tokens_want(struct tokens *t, uint32_t session_idx, uint32_t end);
uint32_t tokens_end(struct tokens *t, uint32_t session_idx);

#endif
