/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_DAY_MEMORY_H
#define SLUICE_PERF_DAY_MEMORY_H

#include "base/wire_int.h"
#include "msg/datagram.h"
#include "sim/day.h"

/*
 * A stretch of ITCH 5.0 in memory, each message behind its be16 length, and where packets of it
 * begin: whole messages, at most PACKET_BYTES, as a venue sends them.
 */
struct day_memory {
	uint8_t *data;
	size_t len;
	size_t room; // bytes
	uint64_t msg_cnt;
	struct datagram *packet;
	size_t packet_cnt;
};

/* The next msg_cnt messages of a generated day.  Ends the process when memory is short. */
void day_memory_fill(struct day_memory *m, struct day *d, uint64_t msg_cnt);

/* Gives back what day_memory_fill took. */
void day_memory_empty(struct day_memory *m);

/* A file of length-prefixed messages; false when it cannot be read. */
bool day_memory_load(struct day_memory *m, const char *path);

#endif
