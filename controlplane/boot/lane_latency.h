/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_LANE_LATENCY_H
#define SLUICE_BOOT_LANE_LATENCY_H

#include "boot/gateway.h"

struct err;

enum {
	LANE_LATENCY_SLOTS = 512, // notes about slow orders between two looks
};

/* How many histograms a lane takes from its arena. */
uint32_t lane_latency_hists(const struct config *c, const struct core_map_lane *m);

/* The same in bytes, of those that only a device's stamps fill. */
size_t lane_latency_wire_bytes(const struct gateway *g, const struct core_map_lane *m);

/*
 * What a lane measures itself with: histograms, and the ring for its notes.
 *
 * Thread   on the lane's core, before it runs
 * Returns  0, or -ENOMEM with the words in *e
 */
int lane_latency_build(struct gateway *g, struct lane *l, const struct core_map_lane *m,
		       struct err *e);

/*
 * The configuration has new values of latency.stage_sample_every, stall_us or warm_up_us: each lane
 * is told.  One that does not answer in time is told again by lane_latency_look, each second.
 *
 * Thread   control plane
 * Time     the slowest lane's turn
 */
void lane_latency_reloaded(struct gateway *g);
void lane_latency_look(struct gateway *g);

#endif
