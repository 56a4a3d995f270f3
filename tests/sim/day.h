/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_DAY_H
#define SLUICE_SIM_DAY_H

#include "base/compiler.h"

/*
 * A trading day made of nothing but a seed: legal ITCH 5.0 messages in the order of a real day,
 * with valid references and a book that never crosses (unless asked to).  The same configuration
 * gives the same bytes on every machine.
 */

enum {
	DAY_NAMED_MAX = 256,
	DAY_SYMBOL_MAX = 60000,  // locate is 16 bits
	DAY_FILL_ROOM_MIN = 256, // bytes day_fill() needs to make progress
};

/* What the order flow between start and end of system hours consists of. */
enum day_kind {
	DAY_ADD,     // 'A', every 32nd an 'F'
	DAY_DELETE,  // 'D'
	DAY_REPLACE, // 'U'
	DAY_EXECUTE, // 'E', every 24th a 'C'
	DAY_CANCEL,  // 'X'
	DAY_OTHER,   // 'P' mostly; 'I' 'B' 'L' 'Y' 'h' 'H' 'J' 'Q' 'N' 'K' 'O'
	DAY_KIND_CNT,
};

struct day_named {
	char symbol[8]; // padded with spaces
	uint32_t px4;   // 0: chosen
};

struct day_config {
	uint64_t seed;
	uint64_t flow_cnt;          // messages of order flow; the day's frame comes on top
	uint32_t symbol_cnt;        // named ones included
	uint32_t live_cnt;          // orders alive once the day is under way; 0: flow_cnt / 50
	uint32_t mix[DAY_KIND_CNT]; // weights
	uint32_t burst_permille;    // how often an event follows its predecessor at once
	uint64_t open_ns;           // start of market hours, since midnight
	uint64_t session_ns;        // length of market hours
	uint64_t lead_ns;           // from the first message to the open
	bool crossed;               // now and then an order crosses the book and stays there
	bool halts_named;           // named symbols may be halted too
	uint32_t named_cnt;
	struct day_named named[DAY_NAMED_MAX];
};

struct day;

/* The defaults of every field but seed and named. */
void day_config_init(struct day_config *c);

/* NULL when the configuration is impossible or memory is short; *why says which. */
struct day *day_open(const struct day_config *c, const char **why);
void day_close(struct day *d);

/*
 * Writes whole messages, each with its length before it (be16), into buf.  Returns the bytes
 * written; 0 at the end of the day.  room is at least DAY_FILL_ROOM_MIN.
 */
size_t day_fill(struct day *d, uint8_t *buf, size_t room);

/* Orders alive now. */
uint32_t day_live_cnt(const struct day *d);

#endif
