/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_map/check.h"

static struct config config;
static struct core_map map;
static struct err err;

#define HOLDS(what)                                                                              \
	do {                                                                                     \
		if (!(what)) {                                                                   \
			fprintf(stderr, "%s:%d: %s\n%s\n", __FILE__, __LINE__, #what, err.text); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

static uint32_t
line_cnt(const uint8_t *data, size_t size)
{
	uint32_t cnt = 1;

	// Line breaks of YAML 1.1.
	for (size_t i = 0; i + 1 < size; i++)
		cnt += data[i] == '\n' || (data[i] == '\r' && data[i + 1] != '\n') ||
		       (data[i] == 0xc2 && data[i + 1] == 0x85) ||
		       (i + 3 < size && data[i] == 0xe2 && data[i + 1] == 0x80 &&
			(data[i + 2] == 0xa8 || data[i + 2] == 0xa9));
	return cnt;
}

/* Each line of a refusal names the file, and a place in it that exists. */
static void
refusal_is_useful(uint32_t lines)
{
	char *save = NULL;
	unsigned cnt = 0;

	HOLDS(err.text[0]);
	for (char *l = strtok_r(err.text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		unsigned line, column;
		int n = 0;

		if (strncmp(l, "and ", 4) == 0) {
			HOLDS(cnt == ERR_LINE_MAX);
			continue;
		}
		HOLDS(strncmp(l, "c.yaml:", 7) == 0);
		if (sscanf(l, "c.yaml:%u:%u: %n", &line, &column, &n) == 2) {
			HOLDS(line >= 1 && line <= lines && column >= 1);
			HOLDS(l[n]);
		}
		for (const char *t = l; *t; t++)
			HOLDS((unsigned char)*t >= 0x20 && *t != 0x7f);
		cnt++;
	}
	HOLDS(cnt >= 1 && cnt <= ERR_LINE_MAX);
}

/* What the rest of the program relies on without asking again. */
static void
acceptance_is_sound(void)
{
	const struct config *c = &config;

	HOLDS(c->core_map.lanes_cnt >= 1 && c->core_map.lanes_cnt <= LANE_MAX);
	HOLDS(c->ports_cnt >= 1 && c->ports_cnt <= PORT_MAX);
	HOLDS(c->instruments_cnt >= 2 && c->instruments_cnt <= INSTR_MAX);
	HOLDS(c->risk.order_max_qty >= 1 && c->risk.order_max_qty <= 999999);
	HOLDS(c->risk.order_max_usd.usd4 >= 1 && c->risk.gross_max_usd.usd4 >= 1);
	HOLDS(config_memory_bytes(c) <= (uint64_t)c->hugepages.memory_mb << 20);
	for (uint32_t i = 0; i < c->feeds_cnt; i++) {
		const struct config_feed *f = &c->feeds[i];

		HOLDS(c->venues[f->venue_idx].environment == c->environment);
		HOLDS(f->shards >= 1 && f->shards <= SHARD_MAX && f->lines_cnt >= 1);
		for (uint32_t j = 0; j < f->lines_cnt; j++) {
			HOLDS(f->lines[j].port_idx < c->ports_cnt);
			HOLDS(f->lines[j].group >> 28 == 14);
		}
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		HOLDS(c->venues[c->sessions[i].venue_idx].environment == c->environment);
		HOLDS(c->sessions[i].port_idx < c->ports_cnt && c->sessions[i].peer.port);
	}
	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		HOLDS(c->instruments[i].symbol[0] && !c->instruments[i].symbol[8]);
		HOLDS(c->instruments[i].feed_idx < c->feeds_cnt);
		HOLDS(!c->instruments[i].trade || c->instruments[i].session_idx < c->sessions_cnt);
	}
	for (uint32_t i = 0; i < c->strategies_cnt; i++)
		for (uint32_t j = 0; j < c->strategies[i].instruments_cnt; j++)
			HOLDS(c->strategies[i].instr_idx[j] >= 1 &&
			      c->strategies[i].instr_idx[j] < c->instruments_cnt);
	for (uint32_t i = 0; i < c->risk.instruments_cnt; i++) {
		const struct config_risk_instrument *in = &c->risk.instruments[i];

		HOLDS(in->instr_idx >= 1 && in->instr_idx < c->instruments_cnt);
		HOLDS(in->order_max_qty >= 1 && in->order_max_qty <= c->risk.order_max_qty);
		HOLDS(in->collar_bp >= 1 && in->collar_bp <= c->risk.collar_bp);
	}
}

static void
map_is_sound(void)
{
	uint32_t feeds = 0, sessions = 0, strategies = 0, risk_cnt = 0;

	HOLDS(map.ring_cnt <= CORE_MAP_RING_MAX);
	for (uint32_t i = 0; i < map.lane_cnt; i++) {
		const struct core_map_lane *l = &map.lane[i];

		HOLDS(l->kind < LANE_KIND_CNT && l->ring_slots >= 8 * l->burst);
		HOLDS((l->ring_slots & (l->ring_slots - 1)) == 0);
		HOLDS(!holds(l->stages, RX) || !(feeds & l->feed_mask));
		HOLDS(!(sessions & l->session_mask) && !(strategies & l->strategy_mask));
		feeds |= holds(l->stages, RX) ? l->feed_mask : 0;
		sessions |= l->session_mask;
		strategies |= l->strategy_mask;
		risk_cnt += holds(l->stages, RISK);
	}
	HOLDS(feeds == (1U << config.feeds_cnt) - 1);
	HOLDS(sessions == (1U << config.sessions_cnt) - 1);
	HOLDS(strategies == (1U << config.strategies_cnt) - 1);
	HOLDS(risk_cnt == 1);
	for (uint32_t i = 0; i < map.ring_cnt; i++) {
		const struct core_map_ring *g = &map.ring[i];

		HOLDS(g->putter < map.lane_cnt && g->taker < map.lane_cnt && g->putter != g->taker);
		HOLDS(holds(map.lane[g->putter].stages, HOPS[g->hop].from) || g->hop == HOP_frame);
		HOLDS(holds(map.lane[g->taker].stages, HOPS[g->hop].to) || g->hop == HOP_frame);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Whatever an operator's file contains: either it is a configuration on which the whole program can
 * rely, or it is refused with lines that name places inside the file.  In both cases nothing leaks.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint32_t lines = line_cnt(data, size);

	if (config_load_text(&config, "c.yaml", (const char *)data, size, &err) != 0) {
		HOLDS(!config.marks);
		// A core map in another file has lines of its own.
		if (!memmem(data, size, "core_map_file", 13))
			refusal_is_useful(lines);
		return 0;
	}
	acceptance_is_sound();
	if (core_map_resolve(&map, &config, &err) == 0)
		map_is_sound();
	else
		refusal_is_useful(lines);
	config_free(&config);
	return 0;
}
