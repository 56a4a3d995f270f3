/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CORE_MAP_CHECK_H
#define SLUICE_CORE_MAP_CHECK_H

#include "core_map/core_map.h"

/* A row of hops.def. */
struct core_map_hop {
	const char *word;
	enum stage from;
	enum stage to;
	bool needs_room;
};

extern const struct core_map_hop HOPS[HOP_CNT];

/*
 * Checks a map's list of rings: no lane puts to itself, no ring is there twice (so each has one
 * putter and one taker), and on every loop of rings some message needs no room, so that the loop
 * always moves.
 *
 * Returns  0, or -EINVAL with one line per fault added to *e
 */
int core_map_check_rings(const struct core_map *m, struct err *e);

struct core_map_where {
	char text[300];
};

/* "file:line:column" of a value of the configuration. */
struct core_map_where core_map_where(const struct config *c, const void *field);

#endif
