/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_RISK_H
#define SLUICE_OBSERVE_STATE_RISK_H

#include "observe/state.h"

/* Positions, limits and what is held against them; see struct state_source.  ctx: the gateway. */
int state_positions(void *ctx, const char *kind, const char *name, struct state_position *row,
		    size_t row_max, struct err *e);
int state_limits(void *ctx, const char *symbol, struct state_limit *row, size_t row_max,
		 struct err *e);
int state_risk_rows(void *ctx, struct state_risk *row, size_t row_max, struct err *e);

#endif
