/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CORE_MAP_PROBE_H
#define SLUICE_CORE_MAP_PROBE_H

#include <stdint.h>

#include "err/err.h"

/*
 * What a hop from one core to another costs: a message of 64 bytes on the project's ring to and fro
 * between two pinned threads, half of it.  Keeps both cores busy for about ms_max.
 *
 * How it could lie: two cores of a virtual machine may be near or far, and change within seconds;
 * a lane of a running gateway on one of them makes it slow, and suffers.
 *
 * Returns  0 with the median in *ns; negative when a thread cannot be pinned there, named in *e
 */
int probe_hop(uint32_t from, uint32_t to, uint32_t ms_max, uint32_t *ns, struct err *e);

/* What a core lost to others while a thread did nothing but read the TSC on it. */
struct probe_jitter {
	uint64_t lost_ns_per_s; // time in gaps above 1 us
	uint64_t worst_ns;      // the longest
};

int probe_jitter(uint32_t core, uint32_t ms, struct probe_jitter *out, struct err *e);

#endif
