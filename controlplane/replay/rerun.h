/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_RERUN_H
#define SLUICE_REPLAY_RERUN_H

#include "boot/gateway.h"

/*
 * Does a recorded run again (RECORDING.md): the lane gets the frames it got, in the turns it got
 * them, with the clock it read, and is told the commands and limits it was told.  Whatever it
 * decides and sends is held against what the run decided and sent, up to the first difference.
 */
struct rerun_config {
	const char *folder; // the journal's
	uint32_t run;       // 0: the last one that was recorded
	bool verbose;
};

enum {
	RERUN_WORDS_MAX = 4096,
};

struct rerun_result {
	uint32_t run;
	bool ended;        // the run ended as asked: what is missing at its end is a difference
	bool other_config; // the configuration is not the text the run read
	bool earlier_run;  // the run took over what an earlier process of the day had left
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t turn_cnt;  // of the run's lane
	uint64_t burst_cnt; // fed again
	uint64_t frame_cnt;
	uint64_t tick_cnt;    // looks at timers
	uint64_t command_cnt; // of the control side to the lane
	uint64_t limits_cnt;  // versions of the limits taken
	// compared and equal
	uint64_t record_cnt; // of the journal: intents, verdicts, orders, wire messages, ...
	uint64_t sent_cnt;   // frames
	uint64_t sent_bytes;
	uint64_t message_cnt;        // requests to the venue
	char words[RERUN_WORDS_MAX]; // the first difference; empty: there is none
};

/*
 * The gateway's configuration and core map are loaded.
 *
 * Returns  0, also when something differs; a negative errno with the words in *e: the run cannot be
 *          done again
 */
int rerun(struct gateway *g, const struct rerun_config *c, struct rerun_result *out, struct err *e);

#endif
