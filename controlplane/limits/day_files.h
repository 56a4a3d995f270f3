/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_DAY_FILES_H
#define SLUICE_LIMITS_DAY_FILES_H

#include "config/config.h"

/*
 * What a day begins with, from files beside the configuration: CSV, a line each, # begins a
 * comment, the first line may name the columns.
 *
 *   risk.positions_file   symbol,account,quantity,price    AAPL,desk1,-1500,187.25
 *   risk.locates_file     symbol,account,quantity          AAPL,desk1,5000
 */
struct day_position {
	uint16_t node_idx; // an account
	uint16_t instr_idx;
	int64_t qty; // negative: short
	int64_t px4;
};

/*
 * Reads risk.positions_file; none configured is none held.
 *
 * Memory   *out is the caller's to free
 * Returns  how many there are, or a negative errno; *e then has a line "file:line: ..." per fault
 */
int day_positions_load(const struct config *c, struct day_position **out, struct err *e);

/* Reads risk.locates_file into RISK_LOCATE_MAX places.  Returns 0 or as above. */
int day_locates_load(const struct config *c, struct risk_locate *out, uint32_t *cnt, struct err *e);

#endif
