/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_LANE_FLOW_H
#define SLUICE_TESTS_LANE_FLOW_H

#include <stddef.h>
#include <stdint.h>

enum {
	FLOW_INSTR_MAX = 16,
};

/*
 * Order flow of one symbol, AAPL, or of several as length-prefixed ITCH 5.0: the day's beginning,
 * then adds, executions, cancels, deletes and replaces around a walking price, the touch often
 * lopsided. Deterministic by seed.
 */
struct flow {
	uint8_t *data; // be16 length, message, ...
	size_t len;
	uint32_t msg_cnt;
};

void flow_make(struct flow *f, uint32_t msg_cnt, uint64_t seed);
/* The same of AAPL, SYM01, SYM02 ..., each with a price of its own. */
void flow_make_many(struct flow *f, uint32_t msg_cnt, uint64_t seed, unsigned instr_cnt);
/* The i-th symbol, padded with spaces, and a 0. */
void flow_symbol(unsigned i, char symbol[9]);
void flow_free(struct flow *f);

#endif
