/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_FAULTS_H
#define SLUICE_SIM_FAULTS_H

#include "base/compiler.h"
#include "rng.h"

enum fault {
#define FAULT(name, kind, meaning) FAULT_##name,
#include "faults.def"
#undef FAULT
	FAULT_CNT,
};

enum fault_kind { FAULT_PACKETS, FAULT_SEQS, FAULT_REQUESTS, FAULT_NUMBER, FAULT_SPIN };

enum { FAULT_RANGE_MAX = 32 };

/* Message numbers, both ends included. */
struct fault_range {
	uint64_t from_seq;
	uint64_t to_seq;
};

struct fault_value {
	bool on;
	uint32_t ppm;    // PACKETS or REQUESTS as a rate
	uint64_t number; // NUMBER or SPIN
	uint64_t spin;   // SPIN: the only one it strikes; 0: all
	uint32_t range_cnt;
	struct fault_range range[FAULT_RANGE_MAX];
};

struct faults {
	struct fault_value value[FAULT_CNT];
};

/*
 * Reads "name=value,name=value".  Returns NULL, or what is wrong with it in words (static memory,
 * until the next call); the faults before the wrong one are set.
 */
const char *faults_parse(struct faults *f, const char *text);
/* The table, on stdout. */
void faults_print(void);
const char *fault_name(enum fault f);

static inline uint64_t
fault_number(const struct faults *f, enum fault which)
{
	return f->value[which].number;
}

/*
 * Whether a PACKETS or SEQS fault strikes a packet with cnt messages from first_seq on, or a
 * REQUESTS fault a request (its number as first_seq, cnt 1).
 */
static inline bool
fault_strikes(const struct faults *f, enum fault which, struct rng *rng, uint64_t first_seq,
	      uint32_t cnt)
{
	const struct fault_value *v = &f->value[which];

	if (!v->on)
		return false;
	if (v->range_cnt == 0)
		return rng_chance_ppm(rng, v->ppm);
	for (uint32_t i = 0; i < v->range_cnt; i++) {
		if (first_seq <= v->range[i].to_seq && first_seq + cnt > v->range[i].from_seq)
			return true;
	}
	return false;
}

#endif
