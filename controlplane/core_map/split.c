/* SPDX-License-Identifier: Apache-2.0 */
#include "core_map/split.h"

#include <string.h>

const stage_set SPLIT_UNIT[SPLIT_UNIT_CNT] = { UNIT_RX, UNIT_PARSE, UNIT_STRATEGY, UNIT_RISK,
					       UNIT_WIRE };

/* Units that see every message of market data; the others see orders. */
enum {
	MD_UNIT_CNT = 3,
};

static uint32_t
load_of(const struct split_cost *c, unsigned unit)
{
	const uint64_t rate = unit < MD_UNIT_CNT ? c->md_per_s : c->orders_per_s;
	const uint64_t permille = rate * c->unit_ns[unit] / 1000000;

	return permille > UINT32_MAX / SPLIT_UNIT_CNT ? UINT32_MAX / SPLIT_UNIT_CNT
						      : (uint32_t)permille;
}

void
split_judge(const struct split_cost *c, uint32_t cuts, struct split *out)
{
	memset(out, 0, sizeof(*out));
	out->cuts = cuts & (SPLIT_CNT - 1);
	for (unsigned i = 0; i < SPLIT_UNIT_CNT; i++) {
		out->tick_ns += c->unit_ns[i];
		out->load[out->lane_cnt] += load_of(c, i);
		if (out->load[out->lane_cnt] > out->load_max)
			out->load_max = out->load[out->lane_cnt];
		if (i + 1 < SPLIT_UNIT_CNT && out->cuts >> i & 1) {
			out->tick_ns += c->hop_ns;
			out->lane_cnt++;
		}
	}
	out->lane_cnt++;
}

/* Whether a is the better choice than b. */
static bool
is_better(const struct split *a, const struct split *b)
{
	const bool a_fits = a->load_max <= SPLIT_LOAD_MAX, b_fits = b->load_max <= SPLIT_LOAD_MAX;

	if (a_fits != b_fits)
		return a_fits;
	if (!a_fits && a->load_max != b->load_max)
		return a->load_max < b->load_max;
	if (a->tick_ns != b->tick_ns)
		return a->tick_ns < b->tick_ns;
	if (a->lane_cnt != b->lane_cnt)
		return a->lane_cnt < b->lane_cnt;
	return a->load_max < b->load_max; // as quick with as many lanes: the more even one
}

void
split_best(const struct split_cost *c, uint32_t lane_max, struct split *out)
{
	split_judge(c, 0, out);
	for (uint32_t cuts = 1; cuts < SPLIT_CNT; cuts++) {
		struct split s;

		split_judge(c, cuts, &s);
		if (s.lane_cnt <= lane_max && is_better(&s, out))
			*out = s;
	}
}

stage_set
split_lane(const struct split *s, uint32_t lane_idx)
{
	stage_set set = 0;
	uint32_t lane = 0;

	for (unsigned i = 0; i < SPLIT_UNIT_CNT; i++) {
		if (lane == lane_idx)
			set |= SPLIT_UNIT[i];
		lane += s->cuts >> i & 1;
	}
	return set;
}
