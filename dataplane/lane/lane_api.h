/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_LANE_API_H
#define SLUICE_LANE_LANE_API_H

#include "lane/stage_set.h"

struct lane;

/*
 * The loop of a lane, until a command or a must() ends it.
 *
 * Thread   the lane's own, for as long as it runs
 * Returns  0 when it was told to stop, -EFAULT when a must() ended it
 */
int lane_run(struct lane *l);

/* One turn, housekeeping included when it is due; for tests and benches, which drive lanes
 * themselves. */
uint32_t lane_turn_once(struct lane *l);

#endif
