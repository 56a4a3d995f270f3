/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_STAGE_SET_H
#define SLUICE_LANE_STAGE_SET_H

#include "base/compiler.h"

enum stage {
#define STAGE(id, word, most) id,
#include "lane/stages.def"
#undef STAGE
	STAGE_CNT,
};

/* The most messages of one kind that one call of a stage can make. */
enum {
#define STAGE(id, word, most) id##_MOST = (most),
#include "lane/stages.def"
#undef STAGE
};

/* Which stages a lane runs.  A constant in every lane, so that each hop keeps only one half. */
typedef uint32_t stage_set;

#define SET(stage) ((stage_set)1 << (stage))

/* Stages that always share a lane. */
#define UNIT_RX       (SET(RX) | SET(ARB))
#define UNIT_PARSE    (SET(PARSE) | SET(BOOK))
#define UNIT_STRATEGY SET(STRATEGY)
#define UNIT_RISK     SET(RISK)
#define UNIT_WIRE     (SET(ORDERS) | SET(ENCODE) | SET(TCP) | SET(REPORT))

HOT_INLINE bool
holds(stage_set here, enum stage stage)
{
	return (here & SET(stage)) != 0;
}

/* Which of the offered sets a lane runs. */
enum lane_kind {
#define LANE(name, set) LANE_KIND_##name,
#include "lane/lanes.def"
#undef LANE
	LANE_KIND_CNT,
};

/* The set of each, by name. */
enum {
#define LANE(name, set) LANE_SET_##name = (int)(set),
#include "lane/lanes.def"
#undef LANE
};

#endif
