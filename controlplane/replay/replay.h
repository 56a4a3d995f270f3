/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_REPLAY_H
#define SLUICE_REPLAY_REPLAY_H

#include <stdio.h>

#include "boot/gateway.h"
#include "replay/replay_input.h"
#include "replay/replay_venue.h"

/*
 * A recorded day through the whole gateway, in one thread, with the recorded times as the only
 * clock: the same input and configuration give the same orders at the same times, whatever the core
 * map.  README.md of this folder says what the venue does and what the files hold.
 */
struct replay_config {
	const char *pcap; // one of both
	const char *itch;
	const char *feed;       // of the ITCH file; NULL: the first
	uint64_t day_ns;        // of the ITCH file
	const char *out_pcap;   // every OUCH message as a frame; NULL: none, as below
	const char *out_text;   // every OUCH message in words
	const char *out_frames; // every frame of the order ports as it was sent
	bool match;             // orders meet the replayed book
	bool verbose;           // what lanes note, on stderr; otherwise only warnings
	uint64_t venue_delay_ns;
};

struct replay_result {
	struct replay_input_counts input;
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t message_cnt;
	uint64_t digest; // FNV-1a over time, session and bytes of every message
	uint64_t book_digest;
	struct replay_venue_counts venue[SESSION_MAX];
};

struct replay;

/*
 * Prepares a gateway whose configuration and core map are loaded.  Its ports become memory.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int replay_open(struct replay **out, struct gateway *g, const struct replay_config *c,
		struct err *e);

/*
 * Everything there is in the input, and a second more.  The gateway's state can be asked for
 * through g->source afterwards.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int replay_run(struct replay *r, struct replay_result *result, struct err *e);

void replay_close(struct replay *r);

/* Notes of lanes, on stderr; verbose: not only warnings. */
int replay_open_log(struct gateway *g, bool verbose, struct err *e);

/* `sluice replay ...`; argv[0] is "replay".  Returns what the process answers. */
int replay_command(struct gateway *g, int argc, char **argv);

#endif
