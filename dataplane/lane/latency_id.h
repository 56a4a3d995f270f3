/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_LATENCY_ID_H
#define SLUICE_LANE_LATENCY_ID_H

/* The times a lane measures: latency.def says between which points. */
enum latency_id {
#define LATENCY(id, name, recorded, from, to) LATENCY_##id,
#include "lane/latency.def"
#undef LATENCY
	LATENCY_CNT,
	// those of a sampled trigger's way, in the order of the table
	LATENCY_STAGE_FIRST = LATENCY_RX,
	LATENCY_STAGE_LAST = LATENCY_HOP_ORDER,
	LATENCY_STAGE_CNT = LATENCY_STAGE_LAST - LATENCY_STAGE_FIRST + 1,
};

#endif
