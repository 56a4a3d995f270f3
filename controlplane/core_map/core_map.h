/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CORE_MAP_CORE_MAP_H
#define SLUICE_CORE_MAP_CORE_MAP_H

#include "config/config.h"
#include "lane/hop.h"
#include "lane/stage_set.h"

const char *hop_word(enum hop hop);
const char *lane_kind_word(enum lane_kind kind);

/* The words of a set, in the order of the data's way. */
struct stages_text {
	char text[80];
};
struct stages_text stages_text_of(stage_set set);

/* One lane as the core map wants it.  Masks have bit i for the configuration's list element i. */
struct core_map_lane {
	char name[NAME_MAX_LEN];
	uint32_t core;
	stage_set stages;
	enum lane_kind kind;
	uint32_t burst;
	uint32_t ring_slots; // of the rings this lane takes from; a power of two
	uint32_t feed_mask; // whose rx and arb, or else parse and book, run here; if both: the same
	uint32_t shard_mask[FEED_MAX]; // shards of a feed whose parse and book run here
	uint32_t strategy_mask;
	uint32_t session_mask;
	uint32_t rx_port_mask;   // ports it polls
	uint32_t host_port_mask; // ports whose neighbours, groups and connections it owns
	uint32_t tx_port_mask;   // ports it sends to: the ones it owns
};

struct core_map_ring {
	enum hop hop;
	uint32_t putter; // lane index
	uint32_t taker;  // lane index
	uint32_t slots;
};

enum {
	CORE_MAP_RING_MAX = HOP_CNT * LANE_MAX * (LANE_MAX - 1),
};

struct core_map {
	uint32_t control_core;
	bool shared_cores;
	uint32_t lane_cnt;
	struct core_map_lane lane[LANE_MAX];
	uint32_t ring_cnt;
	struct core_map_ring ring[CORE_MAP_RING_MAX];
	uint32_t port_rx_lane[PORT_MAX];   // lane that polls the port; LANE_MAX: nobody
	uint32_t port_host_lane[PORT_MAX]; // lane that owns the port's host; LANE_MAX: nobody
	struct err warnings; // what is legal and probably not meant; announced at start
};

/*
 * Resolves lanes and instances, derives the rings, and checks all that needs no machine: each stage
 * instance once, offered sets only, no core used twice and the control core no lane's (unless
 * shared_cores), one putter per ring, neighbours in a lane belong together, no loop of rings in
 * which every message needs room.
 *
 * Returns  0, or -EINVAL with one line per fault in *e
 */
int core_map_resolve(struct core_map *m, const struct config *c, struct err *e);

/* What the machine has; tests make one up. */
struct core_map_topology {
	void *hwloc;                 // hwloc_topology_t
	int32_t port_node[PORT_MAX]; // NUMA node of each port's device, -1: unknown or virtual
};

/* This machine's cores, and the NUMA node of each port with a PCI address. */
int core_map_topology_open(struct core_map_topology *t, const struct config *c, struct err *e);

/* synthetic: as hwloc writes it, "node:2 core:4 pu:2". */
int core_map_topology_synthetic(struct core_map_topology *t, const char *synthetic, struct err *e);

void core_map_topology_close(struct core_map_topology *t);

/*
 * Checks a resolved map against a machine: the cores exist.  SMT siblings, and ports and rings that
 * cross NUMA nodes, become warnings in m->warnings.
 *
 * Returns  0, or -EINVAL with one line per fault in *e
 */
int core_map_check_machine(struct core_map *m, const struct config *c,
			   const struct core_map_topology *t, struct err *e);

/* A picture for people: a line per lane, a line per ring. */
void core_map_print(const struct core_map *m, const struct config *c, char *out, size_t out_bytes);

#endif
