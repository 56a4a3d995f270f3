/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_HOP_H
#define SLUICE_LANE_HOP_H

/* Messages that may cross from lane to lane, each on rings of its own. */
enum hop {
#define HOP(message, from, to, needs_room) HOP_##message,
#include "lane/hops.def"
#undef HOP
	HOP_CNT,
};

#endif
