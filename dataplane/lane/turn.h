/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_TURN_H
#define SLUICE_LANE_TURN_H

#include "lane/lane.h"

/* One turn of each set of stages this build offers; turn.c.  Returns how much was done. */
#define LANE(name, set) uint32_t turn_##name(struct lane *l);
#include "lane/lanes.def"
#undef LANE

#endif
