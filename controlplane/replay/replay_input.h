/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_REPLAY_INPUT_H
#define SLUICE_REPLAY_REPLAY_INPUT_H

#include "config/config.h"

/*
 * Recorded market data as frames with their times: a capture (pcap or pcapng, as libpcap reads it),
 * or a file of length-prefixed ITCH messages, each of which becomes one MoldUDP64 packet on the
 * first line of a feed.
 */
struct replay_input_config {
	const struct config *config;
	const char *pcap;  // a capture's path, or
	const char *itch;  // an ITCH file's
	uint32_t feed_idx; // that the ITCH file belongs to
	uint64_t day_ns;   // midnight before its times
};

struct replay_frame {
	uint64_t ns;
	uint32_t port_idx; // it comes in by
	uint16_t len;
	const uint8_t *data; // until the next call
};

struct replay_input_counts {
	uint64_t frame;    // or messages of an ITCH file
	uint64_t fed;      // market data, or to an address of ours over UDP
	uint64_t other;    // left out: no feed's line
	uint64_t cut;      // left out: the capture has only a part (snaplen)
	uint64_t too_long; // left out
	uint64_t back;     // their time lies before the one of the frame ahead, whose time they get
};

struct replay_input;

/* Returns  0, or a negative errno with the words in *e */
int replay_input_open(struct replay_input **out, const struct replay_input_config *c,
		      struct err *e);
void replay_input_close(struct replay_input *in);

/*
 * The next frame a port takes; times never go back.
 *
 * Returns  1, 0 at the end, or a negative errno with the words in *e: the file is damaged
 */
int replay_input_next(struct replay_input *in, struct replay_frame *f, struct err *e);

const struct replay_input_counts *replay_input_counts(const struct replay_input *in);

#endif
