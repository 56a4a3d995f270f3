/* SPDX-License-Identifier: Apache-2.0 */
#include "core_map/core_map.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core_map/check.h"
#include "err/fault.h"

/* Who gives which message to whom; a lane gives to itself by a call. */
struct pairs {
	bool is_pair[HOP_CNT][LANE_MAX][LANE_MAX];
};

struct resolve {
	struct core_map *m;
	const struct config *c;
	struct err *e;
	struct pairs pairs;
	uint32_t risk_lane;
	uint32_t rx_lane[FEED_MAX];
	uint32_t parse_lane[FEED_MAX][SHARD_MAX];
	uint32_t strategy_lane[STRATEGY_MAX];
	uint32_t session_lane[SESSION_MAX];
};

static const char *const STAGE_WORD[STAGE_CNT] = {
#define STAGE(id, word, most) [id] = #word,
#include "lane/stages.def"
#undef STAGE
};

const struct core_map_hop HOPS[HOP_CNT] = {
#define HOP(message, from, to, needs_room) [HOP_##message] = { #message, from, to, needs_room },
#include "lane/hops.def"
#undef HOP
};

static const struct {
	const char *name;
	stage_set set;
} LANE_KIND[LANE_KIND_CNT] = {
#define LANE(name, set) [LANE_KIND_##name] = { #name, set },
#include "lane/lanes.def"
#undef LANE
};

const char *
hop_word(enum hop hop)
{
	return (unsigned)hop < HOP_CNT ? HOPS[hop].word : "?";
}

const char *
lane_kind_word(enum lane_kind kind)
{
	return (unsigned)kind < LANE_KIND_CNT ? LANE_KIND[kind].name : "?";
}

struct stages_text
stages_text_of(stage_set set)
{
	struct stages_text t = { "" };
	size_t len = 0;

	for (unsigned i = 0; i < STAGE_CNT; i++)
		if (holds(set, i))
			len += (size_t)snprintf(t.text + len, sizeof(t.text) - len, "%s%s",
						len ? " " : "", STAGE_WORD[i]);
	return t;
}

struct core_map_where
core_map_where(const struct config *c, const void *field)
{
	struct core_map_where w;

	config_where(c, field, w.text, sizeof(w.text));
	return w;
}

/* Adds a fault of a lane, at one of its values. */
__attribute__((format(printf, 4, 5))) static void
complain(struct resolve *r, uint32_t lane_idx, const void *field, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_add(r->e, -EINVAL, "%s: core_map.lanes[%u] '%s': %s", core_map_where(r->c, field).text,
		lane_idx, r->m->lane[lane_idx].name, what);
}

/* The units a set has only a part of, or false. */
static bool
unit_is_torn(stage_set set, struct stages_text *unit)
{
	static const stage_set UNITS[] = { UNIT_RX, UNIT_PARSE, UNIT_WIRE };

	for (size_t i = 0; i < ARRAY_CNT(UNITS); i++) {
		if ((set & UNITS[i]) && (set & UNITS[i]) != UNITS[i]) {
			*unit = stages_text_of(UNITS[i]);
			return true;
		}
	}
	return false;
}

static void
kind_resolve(struct resolve *r, uint32_t idx)
{
	struct core_map_lane *l = &r->m->lane[idx];
	const void *at = &r->c->core_map.lanes[idx].stages;
	char offered[512] = "";
	struct stages_text unit;
	size_t len = 0;

	for (unsigned i = 0; i < LANE_KIND_CNT; i++) {
		if (LANE_KIND[i].set == l->stages) {
			l->kind = i;
			return;
		}
		len += (size_t)snprintf(offered + len, sizeof(offered) - len, " %s",
					LANE_KIND[i].name);
	}
	if (unit_is_torn(l->stages, &unit))
		complain(r, idx, at, "found the stages '%s'; '%s' always share a lane",
			 stages_text_of(l->stages).text, unit.text);
	else
		complain(r, idx, at,
			 "no lane in this program runs exactly '%s'; the stages of a lane are "
			 "neighbours on a message's way, and it has:%s; choose one of them",
			 stages_text_of(l->stages).text, offered);
}

static void
size_resolve(struct resolve *r, uint32_t idx)
{
	const struct config_lane *cl = &r->c->core_map.lanes[idx];
	struct core_map_lane *l = &r->m->lane[idx];
	const void *at = cl->ring_slots ? (const void *)&cl->ring_slots
					: (const void *)&r->c->core_map.ring_slots;
	uint32_t burst_max = r->c->core_map.burst;

	l->burst = cl->burst ? cl->burst : r->c->core_map.burst;
	l->ring_slots = cl->ring_slots ? cl->ring_slots : r->c->core_map.ring_slots;
	for (uint32_t i = 0; i < r->c->core_map.lanes_cnt; i++)
		if (r->c->core_map.lanes[i].burst > burst_max)
			burst_max = r->c->core_map.lanes[i].burst;
	if (l->ring_slots & (l->ring_slots - 1))
		complain(r, idx, at,
			 "ring_slots is %u, allowed are powers of two, such as 512 or 1024",
			 l->ring_slots);
	else if (l->ring_slots < 8 * burst_max)
		complain(r, idx, at,
			 "ring_slots is %u, while the largest burst is %u; allowed are at least "
			 "eight bursts: %u",
			 l->ring_slots, burst_max, 8 * burst_max);
	// a price is looked at only when all it may cause has room: in less, never
	else if (l->ring_slots < STRATEGY_MOST * r->c->strategies_cnt)
		complain(r, idx, at,
			 "ring_slots is %u, and %u strategies may wish for %u orders at one price; "
			 "allowed are at least so many, in a power of two",
			 l->ring_slots, r->c->strategies_cnt, STRATEGY_MOST * r->c->strategies_cnt);
}

/*
 * A lane's list of names as a mask over the elements they name; an empty list stands for all.  A
 * list on a lane without the stages it speaks of is a fault.
 */
static uint32_t
mask_resolve(struct resolve *r, uint32_t idx, const char *key, bool has_stage,
	     const char (*list)[NAME_MAX_LEN], uint32_t list_cnt, const void *first, size_t stride,
	     uint32_t cnt)
{
	uint32_t mask = 0;

	if (!has_stage) {
		if (list_cnt)
			complain(r, idx, list, "lists %s, and runs no stage that has any", key);
		return 0;
	}
	if (!list_cnt)
		return (1U << cnt) - 1;
	for (uint32_t i = 0; i < list_cnt; i++) {
		uint32_t j = 0;

		while (j < cnt && strcmp((const char *)first + j * stride, list[i]) != 0)
			j++;
		if (j == cnt)
			complain(r, idx, list[i], "%s: there is no '%s'", key, list[i]);
		else if (mask & 1U << j)
			complain(r, idx, list[i], "%s: '%s' stands there twice", key, list[i]);
		else
			mask |= 1U << j;
	}
	return mask;
}

static void
shards_resolve(struct resolve *r, uint32_t idx)
{
	const struct config_lane *cl = &r->c->core_map.lanes[idx];
	struct core_map_lane *l = &r->m->lane[idx];
	uint32_t mask = 0, known = 0;

	if (!holds(l->stages, PARSE)) {
		if (cl->shards_cnt)
			complain(r, idx, cl->shards,
				 "lists shards, and runs no stage that has any");
		return;
	}
	for (uint32_t i = 0; i < cl->shards_cnt; i++)
		mask |= cl->shards[i] < SHARD_MAX ? 1U << cl->shards[i] : 0;
	for (uint32_t f = 0; f < r->c->feeds_cnt; f++) {
		const uint32_t all = (1U << r->c->feeds[f].shards) - 1;

		if (!(l->feed_mask & 1U << f))
			continue;
		known |= all;
		l->shard_mask[f] = cl->shards_cnt ? mask & all : all;
	}
	for (uint32_t i = 0; i < cl->shards_cnt; i++)
		if (cl->shards[i] >= SHARD_MAX || !(known & 1U << cl->shards[i]))
			complain(r, idx, &cl->shards[i],
				 "shard %u: no feed of this lane has so many; shards count from 0 "
				 "to below the feed's shards",
				 cl->shards[i]);
}

static void
lane_resolve(struct resolve *r, uint32_t idx)
{
	const struct config *c = r->c;
	const struct config_lane *cl = &c->core_map.lanes[idx];
	struct core_map_lane *l = &r->m->lane[idx];

	memcpy(l->name, cl->name, sizeof(l->name));
	l->core = cl->core;
	l->stages = cl->stages;
	kind_resolve(r, idx);
	size_resolve(r, idx);
	l->feed_mask =
		mask_resolve(r, idx, "feeds", holds(l->stages, RX) || holds(l->stages, PARSE),
			     cl->feeds, cl->feeds_cnt, c->feeds, sizeof(c->feeds[0]), c->feeds_cnt);
	shards_resolve(r, idx);
	l->strategy_mask = mask_resolve(r, idx, "strategies", holds(l->stages, STRATEGY),
					cl->strategies, cl->strategies_cnt, c->strategies,
					sizeof(c->strategies[0]), c->strategies_cnt);
	l->session_mask = mask_resolve(r, idx, "sessions", holds(l->stages, ORDERS), cl->sessions,
				       cl->sessions_cnt, c->sessions, sizeof(c->sessions[0]),
				       c->sessions_cnt);
}

/* Notes that a stage instance runs on a lane; what: "parse and book of feed 'a', shard 1". */
static void
instance_claim(struct resolve *r, uint32_t *owner, uint32_t idx, const char *what)
{
	const struct config_lane *lanes = r->c->core_map.lanes;

	if (*owner == LANE_MAX) {
		*owner = idx;
		return;
	}
	complain(r, idx, &lanes[idx].stages,
		 "%s runs here and on lane '%s' at %s; each runs exactly once: take it from one "
		 "of them",
		 what, r->m->lane[*owner].name, core_map_where(r->c, &lanes[*owner].stages).text);
}

static void
instance_missing(struct resolve *r, uint32_t owner, const char *what, const char *fix)
{
	if (owner == LANE_MAX)
		err_add(r->e, -EINVAL, "%s: core_map: %s runs on no lane; %s",
			core_map_where(r->c, r->c->core_map.lanes).text, what, fix);
}

static void
feeds_resolve(struct resolve *r)
{
	char what[96];

	for (uint32_t f = 0; f < r->c->feeds_cnt; f++) {
		const struct config_feed *feed = &r->c->feeds[f];

		r->rx_lane[f] = LANE_MAX;
		snprintf(what, sizeof(what), "rx and arb of feed '%s'", feed->name);
		for (uint32_t i = 0; i < r->m->lane_cnt; i++)
			if (holds(r->m->lane[i].stages, RX) && r->m->lane[i].feed_mask & 1U << f)
				instance_claim(r, &r->rx_lane[f], i, what);
		instance_missing(r, r->rx_lane[f], what,
				 "add the feed to a lane with the stages rx, arb");
		for (uint32_t s = 0; s < feed->shards; s++) {
			r->parse_lane[f][s] = LANE_MAX;
			snprintf(what, sizeof(what), "parse and book of feed '%s', shard %u",
				 feed->name, s);
			for (uint32_t i = 0; i < r->m->lane_cnt; i++)
				if (r->m->lane[i].shard_mask[f] & 1U << s)
					instance_claim(r, &r->parse_lane[f][s], i, what);
			instance_missing(r, r->parse_lane[f][s], what,
					 "add it to a lane with the stages parse, book");
		}
	}
}

static void
others_resolve(struct resolve *r)
{
	uint32_t strategy = LANE_MAX, wire = LANE_MAX;
	char what[96];

	r->risk_lane = LANE_MAX;
	for (uint32_t i = 0; i < r->m->lane_cnt; i++) {
		const stage_set stages = r->m->lane[i].stages;

		if (holds(stages, RISK))
			instance_claim(r, &r->risk_lane, i, "risk");
		strategy = holds(stages, STRATEGY) ? i : strategy;
		wire = holds(stages, ORDERS) ? i : wire;
	}
	instance_missing(r, r->risk_lane, "risk", "add it to a lane");
	instance_missing(r, strategy, "strategy", "add it to a lane");
	instance_missing(r, wire, "the unit orders, encode, tcp, report", "add it to a lane");
	for (uint32_t s = 0; s < r->c->strategies_cnt; s++) {
		r->strategy_lane[s] = LANE_MAX;
		snprintf(what, sizeof(what), "strategy '%s'", r->c->strategies[s].name);
		for (uint32_t i = 0; i < r->m->lane_cnt; i++)
			if (r->m->lane[i].strategy_mask & 1U << s)
				instance_claim(r, &r->strategy_lane[s], i, what);
		if (strategy != LANE_MAX)
			instance_missing(r, r->strategy_lane[s], what,
					 "add it to the strategies of a lane");
	}
	for (uint32_t s = 0; s < r->c->sessions_cnt; s++) {
		r->session_lane[s] = LANE_MAX;
		snprintf(what, sizeof(what), "orders, encode, tcp, report of session '%s'",
			 r->c->sessions[s].name);
		for (uint32_t i = 0; i < r->m->lane_cnt; i++)
			if (r->m->lane[i].session_mask & 1U << s)
				instance_claim(r, &r->session_lane[s], i, what);
		if (wire != LANE_MAX)
			instance_missing(r, r->session_lane[s], what,
					 "add it to the sessions of a lane");
	}
}

/* Whose queue is it: one lane polls a port, one owns its neighbours and connections. */
static void
port_claim(struct resolve *r, uint32_t *owner, uint32_t lane_idx, uint32_t port_idx,
	   const void *field, const char *who, const char *does)
{
	if (*owner != LANE_MAX && *owner != lane_idx)
		complain(r, lane_idx, &r->c->core_map.lanes[lane_idx].stages,
			 "%s (%s) makes it %s port '%s', which lane '%s' does already; one lane "
			 "does that for a port: run both on one lane, or use another port",
			 who, core_map_where(r->c, field).text, does, r->c->ports[port_idx].name,
			 r->m->lane[*owner].name);
	else
		*owner = lane_idx;
}

static void
ports_resolve(struct resolve *r)
{
	struct core_map *m = r->m;
	char who[64];

	for (uint32_t p = 0; p < r->c->ports_cnt; p++)
		m->port_rx_lane[p] = m->port_host_lane[p] = LANE_MAX;
	for (uint32_t f = 0; f < r->c->feeds_cnt; f++) {
		const struct config_feed *feed = &r->c->feeds[f];

		snprintf(who, sizeof(who), "feed '%s'", feed->name);
		for (uint32_t i = 0; i < feed->lines_cnt; i++)
			port_claim(r, &m->port_rx_lane[feed->lines[i].port_idx], r->rx_lane[f],
				   feed->lines[i].port_idx, feed->lines[i].port, who, "poll");
	}
	for (uint32_t s = 0; s < r->c->sessions_cnt; s++) {
		const struct config_session *session = &r->c->sessions[s];

		snprintf(who, sizeof(who), "session '%s'", session->name);
		port_claim(r, &m->port_host_lane[session->port_idx], r->session_lane[s],
			   session->port_idx, session->port, who, "answer for");
	}
	// answers come to the lane of the feed's rx: a ring between lanes brings it none
	for (uint32_t f = 0; f < r->c->feeds_cnt; f++) {
		const struct config_feed *feed = &r->c->feeds[f];
		const uint32_t p = feed->recovery.port_idx;

		if (!config_feed_recovers(feed))
			continue;
		snprintf(who, sizeof(who), "recovery of feed '%s'", feed->name);
		port_claim(r, &m->port_rx_lane[p], r->rx_lane[f], p, &feed->recovery.port, who,
			   "poll");
		port_claim(r, &m->port_host_lane[p], r->rx_lane[f], p, &feed->recovery.port, who,
			   "answer for");
	}
	for (uint32_t p = 0; p < r->c->ports_cnt; p++) {
		uint32_t *rx = &m->port_rx_lane[p], *host = &m->port_host_lane[p];

		if (*rx == LANE_MAX && *host == LANE_MAX) {
			err_add(&m->warnings, 0,
				"%s: port '%s' has no feed and no session; nobody polls it",
				core_map_where(r->c, &r->c->ports[p]).text, r->c->ports[p].name);
			continue;
		}
		if (*rx == LANE_MAX)
			*rx = *host;
		if (*host == LANE_MAX)
			*host = *rx;
		m->lane[*rx].rx_port_mask |= 1U << p;
		m->lane[*host].host_port_mask |= 1U << p;
		m->lane[*host].tx_port_mask |= 1U << p;
	}
}

static void
pair(struct resolve *r, enum hop hop, uint32_t from, uint32_t to)
{
	r->pairs.is_pair[hop][from][to] = true;
}

static void
strategy_pairs(struct resolve *r, uint32_t s)
{
	const struct config_strategy *strategy = &r->c->strategies[s];
	const uint32_t lane = r->strategy_lane[s];

	pair(r, HOP_intent, lane, r->risk_lane);
	pair(r, HOP_verdict, r->risk_lane, lane);
	for (uint32_t i = 0; i < strategy->instruments_cnt; i++) {
		const struct config_instrument *in = &r->c->instruments[strategy->instr_idx[i]];

		// Which shard an instrument is in is known only when the venue numbers it.
		for (uint32_t h = 0; h < r->c->feeds[in->feed_idx].shards; h++)
			pair(r, HOP_bbo, r->parse_lane[in->feed_idx][h], lane);
		if (in->session_idx < r->c->sessions_cnt)
			pair(r, HOP_update, r->session_lane[in->session_idx], lane);
	}
}

static void
pairs_resolve(struct resolve *r)
{
	for (uint32_t f = 0; f < r->c->feeds_cnt; f++) {
		for (uint32_t h = 0; h < r->c->feeds[f].shards; h++) {
			pair(r, HOP_datagram, r->rx_lane[f], r->parse_lane[f][h]);
			pair(r, HOP_mark, r->parse_lane[f][h], r->risk_lane);
		}
	}
	for (uint32_t s = 0; s < r->c->strategies_cnt; s++)
		strategy_pairs(r, s);
	for (uint32_t s = 0; s < r->c->sessions_cnt; s++) {
		pair(r, HOP_order, r->risk_lane, r->session_lane[s]);
		pair(r, HOP_fill, r->session_lane[s], r->risk_lane);
	}
	for (uint32_t p = 0; p < r->c->ports_cnt; p++)
		if (r->m->port_rx_lane[p] != LANE_MAX)
			pair(r, HOP_frame, r->m->port_rx_lane[p], r->m->port_host_lane[p]);
}

/*
 * A lane that runs both ends of a hop makes it a call, always: it neither puts that message on a
 * ring nor takes it from one.  So all it gives must stay here, and all it gets must come from here.
 */
static void
neighbours_check(struct resolve *r, enum hop hop, uint32_t from, uint32_t to)
{
	const struct core_map_hop *h = &HOPS[hop];
	const struct core_map_lane *f = &r->m->lane[from], *t = &r->m->lane[to];
	const bool from_has_both = holds(f->stages, h->from) && holds(f->stages, h->to);
	const uint32_t both = from_has_both ? from : to;

	if (!from_has_both && !(holds(t->stages, h->from) && holds(t->stages, h->to)))
		return;
	complain(r, both, &r->c->core_map.lanes[both].stages,
		 "runs %s and %s, so every %s between them must stay on this lane, and lane '%s' "
		 "%s at %s; a lane's %s is either always local or always on rings: move those "
		 "instances together, or give %s a lane without %s",
		 STAGE_WORD[h->from], STAGE_WORD[h->to], h->word,
		 r->m->lane[both == from ? to : from].name,
		 both == from ? "wants some of them" : "has more of them for it",
		 core_map_where(r->c, &r->c->core_map.lanes[both == from ? to : from].stages).text,
		 h->word, STAGE_WORD[h->to], STAGE_WORD[h->from]);
}

static void
rings_resolve(struct resolve *r)
{
	struct core_map *m = r->m;

	for (unsigned h = 0; h < HOP_CNT; h++) {
		for (uint32_t from = 0; from < m->lane_cnt; from++) {
			for (uint32_t to = 0; to < m->lane_cnt; to++) {
				if (from == to || !r->pairs.is_pair[h][from][to])
					continue;
				neighbours_check(r, h, from, to);
				m->ring[m->ring_cnt++] =
					(struct core_map_ring){ h, from, to,
								m->lane[to].ring_slots };
			}
		}
	}
}

static void
cores_check(struct resolve *r)
{
	const struct config *c = r->c;

	for (uint32_t i = 0; i < r->m->lane_cnt; i++) {
		const struct config_lane *l = &c->core_map.lanes[i];
		const bool is_control = l->core == c->core_map.control;

		if (is_control && c->core_map.shared_cores)
			err_add(&r->m->warnings, 0,
				"lane '%s' shares core %u with the control thread (shared_cores)",
				l->name, l->core);
		else if (is_control)
			complain(r, i, &l->core,
				 "core %u is the control core (%s); give the lane another, or set "
				 "shared_cores: true for a test %s",
				 l->core, core_map_where(c, &c->core_map.control).text,
				 fault_tag(FAULT_CORE_SHARED));
		for (uint32_t j = 0; j < i; j++) {
			const struct config_lane *o = &c->core_map.lanes[j];

			if (o->core != l->core)
				continue;
			if (c->core_map.shared_cores)
				err_add(&r->m->warnings, 0,
					"lanes '%s' and '%s' share core %u (shared_cores)", o->name,
					l->name, l->core);
			else
				complain(
					r, i, &l->core,
					"core %u is that of lane '%s' at %s; give each its own, or "
					"set shared_cores: true for a test %s",
					l->core, o->name, core_map_where(c, &o->core).text,
					fault_tag(FAULT_CORE_SHARED));
		}
	}
}

int
core_map_resolve(struct core_map *m, const struct config *c, struct err *e)
{
	struct resolve r = { .m = m, .c = c, .e = e };

	memset(m, 0, sizeof(*m));
	err_init(e);
	err_init(&m->warnings);
	m->control_core = c->core_map.control;
	m->shared_cores = c->core_map.shared_cores;
	m->lane_cnt = c->core_map.lanes_cnt;
	for (uint32_t i = 0; i < m->lane_cnt; i++)
		lane_resolve(&r, i);
	cores_check(&r);
	if (!e->code) {
		feeds_resolve(&r);
		others_resolve(&r);
	}
	if (!e->code)
		ports_resolve(&r);
	if (!e->code) {
		pairs_resolve(&r);
		rings_resolve(&r);
	}
	if (!e->code)
		core_map_check_rings(m, e);
	err_end(e);
	return e->code;
}

void
core_map_print(const struct core_map *m, const struct config *c, char *out, size_t out_bytes)
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < m->lane_cnt && used < out_bytes; i++)
		used += (size_t)snprintf(out + used, out_bytes - used,
					 "lane %-12s core %-3u %-18s %s\n", m->lane[i].name,
					 m->lane[i].core, lane_kind_word(m->lane[i].kind),
					 stages_text_of(m->lane[i].stages).text);
	for (uint32_t i = 0; i < m->ring_cnt && used < out_bytes; i++) {
		const struct core_map_ring *g = &m->ring[i];

		used += (size_t)snprintf(out + used, out_bytes - used,
					 "ring %-12s %s -> %s, %u slots\n", hop_word(g->hop),
					 m->lane[g->putter].name, m->lane[g->taker].name, g->slots);
	}
	for (uint32_t p = 0; p < c->ports_cnt && used < out_bytes; p++)
		if (m->port_rx_lane[p] != LANE_MAX)
			used += (size_t)snprintf(out + used, out_bytes - used,
						 "port %-12s polled by %s, answered for by %s\n",
						 c->ports[p].name, m->lane[m->port_rx_lane[p]].name,
						 m->lane[m->port_host_lane[p]].name);
}
