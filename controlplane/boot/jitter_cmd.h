/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_JITTER_CMD_H
#define SLUICE_BOOT_JITTER_CMD_H

#include "core_map/core_map.h"

/*
 * sluice jitter: measures cores and says what they are worth to a lane.  argv[0] is "jitter".
 *
 * Returns  the exit status: 0 every core is quiet or fair, 2 wrong usage, 3 a fault in the
 *          configuration, 4 nothing could be measured, 6 a core is worse
 */
int jitter_command(struct config *c, struct core_map *map, int argc, char **argv);

/*
 * Before the lanes run: their cores, as long as latency.jitter_test_ms says; told on standard
 * error. A core that is not good enough is no cause not to start.
 */
void jitter_before_lanes(const struct config *c, const struct core_map *map,
			 uint64_t ns_per_2_32_cycles);

#endif
