/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CORE_MAP_SPLIT_H
#define SLUICE_CORE_MAP_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lane/stage_set.h"

/*
 * Which stages shall share a lane: judged from what each stage costs and what a hop costs.  Stages
 * that always share one (stage_set.h) are a unit here; cuts lie between two units.
 */
enum {
	SPLIT_UNIT_CNT = 5,
	SPLIT_CNT = 1 << (SPLIT_UNIT_CNT - 1), // every set of cuts
	SPLIT_LOAD_MAX = 700,                  // permille of a lane: above, queues grow in a burst
};

extern const stage_set SPLIT_UNIT[SPLIT_UNIT_CNT];

/* What was measured. */
struct split_cost {
	uint32_t unit_ns[SPLIT_UNIT_CNT]; // of one message
	uint32_t hop_ns;                  // from lane to lane
	uint32_t md_per_s;                // messages of market data in the busiest second
	uint32_t orders_per_s;            // orders in it
};

/* One way to split; bit i of cuts: a hop follows unit i. */
struct split {
	uint32_t cuts;
	uint32_t lane_cnt;
	uint32_t tick_ns;              // a trigger through all units and hops
	uint32_t load[SPLIT_UNIT_CNT]; // of each lane, permille
	uint32_t load_max;
};

void split_judge(const struct split_cost *c, uint32_t cuts, struct split *out);

/*
 * The quickest split of at most lane_max lanes whose lanes are all below SPLIT_LOAD_MAX; when there
 * is none, the one whose busiest lane has least to do (out->load_max tells).  Of equals, the one
 * with fewer lanes.
 */
void split_best(const struct split_cost *c, uint32_t lane_max, struct split *out);

/* The stages of a split's lane. */
stage_set split_lane(const struct split *s, uint32_t lane_idx);

#endif
