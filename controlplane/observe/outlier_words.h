/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_OUTLIER_WORDS_H
#define SLUICE_OBSERVE_OUTLIER_WORDS_H

#include "observe/state.h"

/*
 * Says in o->cause and o->words why the order took long, as far as the rest of *o tells: what is
 * certain is said as certain, what only may be as that, and what nobody knows, too.
 */
void outlier_explain(struct state_outlier *o);

/* The name of a stage, 0 to LATENCY_STAGE_CNT - 1. */
const char *outlier_stage_name(uint32_t stage_idx);

#endif
