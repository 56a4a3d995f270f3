/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CORE_MAP_SUGGEST_H
#define SLUICE_CORE_MAP_SUGGEST_H

#include <stdio.h>

#include "core_map/core_map.h"

enum {
	PLAN_LANE_MAX = 4, // one_lane to four_lane; tune knows further splits
	PLAN_WHY_MAX = 256,
	PLAN_LIST_MAX = 256,
};

/* What is known beside the topology. */
struct core_wish {
	uint32_t lane_cnt;    // 0: as many as fit, at most PLAN_LANE_MAX
	int32_t node;         // NUMA node of the NICs; -1: unknown
	const char *node_why; // who says so: "NIC 0000:3b:00.0 is on it"
	const char *isolated; // cores the kernel isolates, "2-5"; empty: none
};

struct core_plan_lane {
	const char *name;
	uint32_t core;
	stage_set stages;
	char why[PLAN_WHY_MAX];
};

/* A core map, and why each choice was made. */
struct core_plan {
	uint32_t control;
	bool shared_cores;
	uint32_t lane_cnt;
	struct core_plan_lane lane[PLAN_LANE_MAX];
	char control_why[PLAN_WHY_MAX];
	char node_why[PLAN_WHY_MAX];
	char cache_why[PLAN_WHY_MAX];
	char count_why[PLAN_WHY_MAX];
	char isolate[PLAN_LIST_MAX]; // the lanes' cores, "2-5"
	char idle[PLAN_LIST_MAX];    // their SMT siblings; empty: none
	bool is_isolated;            // the kernel isolates all of them
};

/*
 * Chooses cores: on the NICs' node, one thread of a physical core each, never the one the kernel
 * booted on unless there is no other, isolated ones first, all below one L3; the control thread on
 * a core that is none of those.
 *
 * Returns  0; -EINVAL when the wish cannot be met (too few cores for the lanes asked for, no such
 *          node, no list), with the words in *e
 */
int core_plan_make(struct core_plan *p, const struct core_map_topology *t,
		   const struct core_wish *w, struct err *e);

/* As YAML with its reasons as comments: ready for the configuration or core_map_file. */
void core_plan_print(const struct core_plan *p, FILE *out);

/* The stages of a set as YAML wants them: "[rx, arb]". */
void core_plan_stages(stage_set set, char *out, size_t out_bytes);

/* A lane, or something else that sits on a core, for core_draw. */
struct core_mark {
	uint32_t core;
	char text[PLAN_WHY_MAX];
};

/* A NIC, for core_draw. */
struct core_nic {
	int32_t node; // -1: not told
	char name[64];
};

/* Draws the machine: sockets, NUMA nodes with their NICs, L3 caches, cores, threads, and what runs
 * there. */
void core_draw(FILE *out, const struct core_map_topology *t, const char *isolated,
	       const struct core_mark *mark, size_t mark_cnt, const struct core_nic *nic,
	       size_t nic_cnt);

/* From an XML file as lstopo writes it. */
int core_map_topology_xml(struct core_map_topology *t, const char *path, struct err *e);

#endif
