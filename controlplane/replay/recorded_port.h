/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_RECORDED_PORT_H
#define SLUICE_REPLAY_RECORDED_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * The capture of a port, read as two files: what it received and what it sent.  A frame that the
 * port's own address sent is ours; multicast that a switch reflects does not count as received, no
 * NIC gives it back.
 */
struct recorded_frame {
	uint64_t ns;
	uint64_t no; // in the capture, from 1, as Wireshark counts
	uint16_t len;
	const uint8_t *data; // until the next one of the same direction is asked for
};

/* Where a connection of ours began. */
struct recorded_syn {
	uint32_t peer_ip; // host order
	uint32_t isn;
	uint16_t peer_port;
	uint16_t local_port;
};

struct recorded_port {
	struct recorded_reader {
		void *pcap;
		bool ours; // frames of that direction only
		bool may_be_cut;
		uint8_t mac[6];
		uint64_t no;
		char path[1200];
	} in, out;
	struct recorded_syn *syn; // each once, in order
	size_t syn_cnt;
};

/*
 * may_be_cut: the process was killed while it wrote; a part of a frame is the file's end.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int recorded_port_open(struct recorded_port *p, const char *path, const uint8_t mac[6],
		       bool may_be_cut, struct err *e);
void recorded_port_close(struct recorded_port *p);

/*
 * Returns  1, 0 at the end, or a negative errno with the words in *e: the file is damaged, or
 *          has only a part of a frame, or none was opened
 */
int recorded_next(struct recorded_reader *r, struct recorded_frame *out, struct err *e);

#endif
