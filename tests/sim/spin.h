/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_SPIN_H
#define SLUICE_SIM_SPIN_H

#include "match.h"
#include "tape.h"

/*
 * A snapshot of the market as GLIMPSE 5.0 tells it: the state of every symbol, then every displayed
 * order with its remaining shares, its price of now and its number of now.
 */

/* The newest message of each kind that a snapshot repeats, as it stands on the tape. */
struct spin_symbol {
	const uint8_t *directory; // 'R'
	const uint8_t *action;    // 'H'
	const uint8_t *reg_sho;   // 'Y'
	const uint8_t *halt[3];   // 'h': of market Q, B, X
};

struct spin_state {
	struct spin_symbol *symbol;  // by locate
	const uint8_t *system_event; // 'S'; NULL: none yet
};

/* False when out of memory. */
bool spin_state_init(struct spin_state *s);
void spin_state_fini(struct spin_state *s);
void spin_state_clear(struct spin_state *s);
/* A message of the tape, whose bytes stay where they are. */
void spin_state_on_itch(struct spin_state *s, const uint8_t *msg, uint16_t len);

/* Messages, each with its length before it (be16). */
struct spin {
	uint8_t *bytes;
	size_t len;
	size_t room;
	uint64_t msg_cnt;   // with the end
	uint64_t order_cnt; // of these, orders
	uint64_t next_seq;  // number of the first message that is not in it
};

/* A snapshot of now; *out was empty. */
void spin_make(struct spin *out, const struct spin_state *s, const struct match *m,
	       uint64_t next_seq);
/* One of the tape before its message upto_seq, whose number on the lines is next_seq. */
bool spin_make_past(struct spin *out, const struct tape *t, uint64_t upto_seq, uint64_t next_seq);
void spin_fini(struct spin *s);

#endif
