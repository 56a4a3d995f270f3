/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_SLOW_STAGE_H
#define SLUICE_PERF_SLOW_STAGE_H

#include "decision/risk.h"

/*
 * Included before turn.c to make a lane whose risk stage is slower by a fifth of the way from tick
 * to trade: what perf/compare is for must be noticed.
 */
static inline void
slow_down(void)
{
	volatile uint32_t left = 100;

	while (left != 0)
		left = left - 1;
}

#define risk_decide(...) (slow_down(), risk_decide(__VA_ARGS__))

#endif
