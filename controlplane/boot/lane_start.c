/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "boot/day_start.h"
#include "boot/drop_start.h"
#include "boot/journal_start.h"
#include "boot/lane_latency.h"
#include "boot/lane_start.h"
#include "boot/last_path.h"
#include "boot/outlier_watch.h"
#include "boot/page_ready.h"
#include "boot/risk_tree.h"
#include "lane/housekeeping.h"
#include "lane/lane_api.h"
#include "lane/rehearsal.h"
#include "port/port_tx_stamp.h"

enum {
	EVENT_SLOTS = 1024,            // notes between two looks of the control thread
	HOUSEKEEPING_TURNS = 2048,     // an empty turn takes about 50 ns: ten times a millisecond
	HOUSEKEEPING_TURNS_SHARED = 4, // a turn may last a scheduler's slice
	ARENA_SLACK_BYTES = 1 << 20,
	STOP_WAIT_MS = 2000,
	TCP_MSS_USUAL = 1460,
	SNAPSHOT_RX_BYTES = 1 << 20, // half is the window: 5 Gbit/s at a round trip of 1 ms
	SNAPSHOT_TX_BYTES = 4096,    // logins and heartbeats
	SNAPSHOT_RTO_MIN_MS = 5,
	SNAPSHOT_HEARTBEAT_S = 1, // SoupBinTCP: what a server expects
	SNAPSHOT_SILENCE_S = 15,  // ... and what a client may expect
};

#define QUERY_WAIT_NS      5000000000ULL // guess: an account query is answered in microseconds
#define THROTTLE_MARGIN_NS 1000000ULL    // guess: a turn takes less, from its clock to the wire
#define SETTLE_NS          20000000ULL   // guess: a replay has no pause of 20 ms

static_assert((int)SESSION_KEEP == ON_DISCONNECT_KEEP &&
		      (int)SESSION_VENUE_CANCELS == ON_DISCONNECT_VENUE_CANCELS &&
		      (int)SESSION_CANCEL_ON_RECONNECT == ON_DISCONNECT_CANCEL_ON_RECONNECT &&
		      (int)SESSION_PEER_MAX == 1 + SESSION_BACKUP_MAX &&
		      (int)THROTTLE_MAX == THROTTLE_MESSAGES_MAX,
	      "a lane's words are the configuration's");

/* Of a replay's connections, where nothing may be at random. */
enum {
	REPLAY_ISN = 1000000,
	REPLAY_PORT = 40000,
};

struct build {
	struct gateway *g;
	uint32_t idx;
	struct err *e;
	struct lane *lane; // the result
};

static void *
take(struct lane *l, size_t bytes, struct err *e)
{
	void *p = arena_take(&l->arena, bytes);

	if (p == NULL)
		err_set(e, -ENOMEM, "lane '%s': its memory of %zu bytes is used up", l->name,
			l->arena.size_bytes);
	return p;
}

static void
book_config_of(const struct config *c, uint32_t feed_idx, struct book_ours_config *ours,
	       struct book_config *out)
{
	const struct config_feed *f = &c->feeds[feed_idx];
	unsigned cnt = 0;

	for (uint32_t i = 1; i < c->instruments_cnt; i++) {
		if (c->instruments[i].feed_idx != feed_idx)
			continue;
		memset(ours[cnt].symbol, ' ', sizeof(ours[cnt].symbol));
		memcpy(ours[cnt].symbol, c->instruments[i].symbol,
		       strlen(c->instruments[i].symbol));
		ours[cnt++].instr_idx = (uint16_t)i;
	}
	*out = (struct book_config){
		.feed_idx = (uint16_t)feed_idx,
		.locate_max = UINT16_MAX,
		.orders_max = f->orders_max,
		.levels_max = f->levels_max,
		.trades_max = f->trades_max,
		.trust_late_join = f->trust_late_join,
		.queues = f->depth == FEED_ORDERS,
		.ours_cnt = cnt,
		.ours = ours,
	};
}

static uint32_t
power_of_two(uint32_t n)
{
	uint32_t p = TCP_BUF_MIN;

	while (p < n)
		p *= 2;
	return p;
}

/* Everything a lane takes from its arena, with room to spare. */
static size_t
arena_bytes(const struct gateway *g, const struct core_map_lane *m)
{
	const struct config *c = g->config;
	size_t bytes = sizeof(struct lane) + ARENA_SLACK_BYTES;
	struct book_ours_config ours[INSTR_MAX];

	bytes += (size_t)lane_latency_hists(c, m) * sizeof(struct hist);
	bytes += lane_latency_wire_bytes(g, m);
	bytes += (EVENT_SLOTS + LANE_LATENCY_SLOTS) * CACHE_LINE;
	for (uint32_t i = 0; i < g->map->ring_cnt; i++)
		if (&g->map->lane[g->map->ring[i].taker] == m)
			bytes += (size_t)g->map->ring[i].slots * CACHE_LINE + sizeof(struct ring);
	bytes += (size_t)PORT_MAX * (sizeof(struct rx) + sizeof(struct lane_port));
	// also for warm_up_us: 0, which a reload may change
	bytes += REHEARSAL_BYTES + (size_t)c->sessions_cnt * REHEARSAL_SESSION_BYTES;
	if (rehearses_feed(m->stages))
		bytes += rehearsal_feed_bytes();
	for (uint32_t i = 0; i < c->feeds_cnt; i++) {
		struct book_config book;

		if (!(m->feed_mask >> i & 1))
			continue;
		bytes += sizeof(struct arb) + sizeof(struct parse) + sizeof(struct book);
		if (holds(m->stages, ARB)) {
			bytes += arb_bytes(c->feeds[i].reorder_packets);
			bytes += (c->feeds[i].lines_cnt + 1) * sizeof(struct hist);
		}
		if (holds(m->stages, ARB) && config_feed_recovers(&c->feeds[i]))
			bytes += sizeof(struct recovery) + SNAPSHOT_RX_BYTES + SNAPSHOT_TX_BYTES +
				 ((size_t)c->feeds[i].recovery.buffer_mb << 20);
		book_config_of(c, i, ours, &book);
		if (holds(m->stages, BOOK))
			bytes += book_bytes(&book);
	}
	bytes += (size_t)__builtin_popcount(m->strategy_mask) *
		 (sizeof(struct strategy) + (size_t)c->instruments_cnt * 1024);
	if (holds(m->stages, RISK)) {
		struct risk_tree tree;

		bytes += sizeof(struct risk);
		if (risk_tree_open(&tree, c, NULL) == 0) {
			bytes += risk_bytes(&tree.config);
			risk_tree_free(&tree);
		}
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		if (m->session_mask >> i & 1)
			bytes += sizeof(struct session) +
				 (size_t)power_of_two(c->sessions[i].orders_max) * 256 +
				 (size_t)power_of_two(c->sessions[i].executions_max) * 64 +
				 2 * (size_t)c->sessions[i].throttle.max_messages * 8 +
				 2 * (size_t)power_of_two(c->sessions[i].tcp.receive_buffer_bytes) +
				 2 * (size_t)power_of_two(c->sessions[i].tcp.send_buffer_bytes) +
				 drop_start_bytes(c, i) + day_start_bytes(g, i);
	return bytes;
}

static int
build_host(struct build *b, uint32_t port_idx)
{
	const struct config_port *c = &b->g->config->ports[port_idx];
	const struct gateway_port *gp = &b->g->port[port_idx];
	struct lane *l = b->lane;
	struct lane_port *p = take(l, sizeof(*p), b->e);
	struct host_config host = {
		.vlan_id = (uint16_t)c->vlan,
		.ip = c->address.ip,
		.prefix_len = c->address.prefix_len,
		.gateway = c->gateway,
		.igmp_version = 3,
		.seed = b->g->clock.base_tsc + port_idx,
		.log = { .events = &l->events, .port_idx = port_idx },
	};
	int rc;

	if (p == NULL)
		return -ENOMEM;
	memcpy(host.mac, gp->mac, sizeof(host.mac));
	for (uint32_t f = 0; f < b->g->config->feeds_cnt; f++)
		for (uint32_t k = 0; k < b->g->config->feeds[f].lines_cnt; k++)
			if (b->g->config->feeds[f].lines[k].port_idx == port_idx &&
			    b->g->config->feeds[f].igmp_version == 2)
				host.igmp_version = 2;
	rc = host_init(&p->host, &host, b->g->clock.base_ns);
	if (rc != 0)
		return err_set(b->e, rc, "ports '%s': address, mac or gateway cannot be a host's",
			       c->name);
	for (uint32_t f = 0; f < b->g->config->feeds_cnt; f++)
		for (uint32_t k = 0; k < b->g->config->feeds[f].lines_cnt; k++) {
			const struct config_line *line = &b->g->config->feeds[f].lines[k];

			if (line->port_idx != port_idx)
				continue;
			rc = host_join(&p->host, line->group, line->source, b->g->clock.base_ns);
			if (rc != 0)
				return err_set(b->e, rc,
					       "feeds '%s': group of line %u cannot be "
					       "joined on port '%s'",
					       b->g->config->feeds[f].name, k, c->name);
		}
	for (uint32_t f = 0; f < b->g->config->feeds_cnt; f++) {
		const struct config_recovery *r = &b->g->config->feeds[f].recovery;

		if (!config_feed_recovers(&b->g->config->feeds[f]) || r->port_idx != port_idx ||
		    !r->neighbour_mac.is_set)
			continue;
		for (uint32_t k = 0; k < r->servers_cnt; k++)
			host_add_static(&p->host, r->servers[k].ip, r->neighbour_mac.byte);
		if (r->snapshot.ip != 0)
			host_add_static(&p->host, r->snapshot.ip, r->neighbour_mac.byte);
	}
	for (uint32_t s = 0; s < b->g->config->sessions_cnt; s++) {
		const struct config_session *cs = &b->g->config->sessions[s];

		if (cs->port_idx == port_idx && cs->neighbour_mac.is_set)
			host_add_static(&p->host, cs->peer.ip, cs->neighbour_mac.byte);
		for (uint32_t k = 0;
		     cs->port_idx == port_idx && cs->neighbour_mac.is_set && k < cs->backup_cnt;
		     k++)
			host_add_static(&p->host, cs->backup[k].ip, cs->neighbour_mac.byte);
	}
	p->port_idx = (uint8_t)port_idx;
	p->tx = (struct port_tx){
		.port_id = gp->port_id,
		.frame_len_max =
			(uint16_t)(rte_pktmbuf_data_room_size(gp->pool) - RTE_PKTMBUF_HEADROOM),
		.pool = gp->pool,
	};
	if (gp->tx_stamps) {
		p->tx.stamp = take(l, sizeof(*p->tx.stamp), b->e);
		if (p->tx.stamp == NULL)
			return -ENOMEM;
		p->tx.stamp->every = b->g->config->latency.stage_sample_every;
	}
	host_on_link(&p->host, gp->link_up, b->g->clock.base_ns);
	l->port[port_idx] = p;
	l->tx[l->tx_cnt++] = &p->tx;
	return 0;
}

static int
build_rx(struct build *b, uint32_t port_idx)
{
	const struct config *c = b->g->config;
	const struct core_map_lane *m = &b->g->map->lane[b->idx];
	struct rx_config rx = {
		.port_idx = (uint8_t)port_idx,
		.vlan_id = (uint16_t)c->ports[port_idx].vlan,
	};
	struct lane *l = b->lane;
	struct lane_rxq *q;

	if (l->rxq_cnt == LANE_RXQ_MAX)
		return err_set(b->e, -E2BIG, "lane '%s' polls more than %d queues", l->name,
			       LANE_RXQ_MAX);
	q = &l->rxq[l->rxq_cnt++];
	*q = (struct lane_rxq){
		.q = { .port_id = b->g->port[port_idx].port_id,
		       .csum_offload = b->g->port[port_idx].csum_offload,
		       .stamp = b->g->port[port_idx].stamp },
		.port_idx = (uint8_t)port_idx,
	};
	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		for (uint32_t k = 0; (m->feed_mask >> f & 1) && k < c->feeds[f].lines_cnt; k++)
			if (c->feeds[f].lines[k].port_idx == port_idx)
				rx.line[rx.line_cnt++] = (struct rx_line_config){
					.group_ip = c->feeds[f].lines[k].group,
					.source_ip = c->feeds[f].lines[k].source,
					.udp_port = (uint16_t)c->feeds[f].lines[k].udp_port,
					.feed_idx = (uint16_t)f,
					.line_idx = (uint8_t)k,
				};
	for (uint32_t f = 0; f < c->feeds_cnt; f++) {
		const struct config_recovery *r = &c->feeds[f].recovery;
		struct rx_answer_config *a = &rx.answer[rx.answer_cnt];

		if (!(m->feed_mask >> f & 1) || r->servers_cnt == 0 || r->port_idx != port_idx)
			continue;
		rx.answer_cnt++;
		a->our_ip = c->ports[port_idx].address.ip;
		a->udp_port = (uint16_t)r->local_port;
		a->feed_idx = (uint16_t)f;
		a->server_cnt = r->servers_cnt;
		for (uint32_t k = 0; k < r->servers_cnt; k++) {
			a->server[k].ip = r->servers[k].ip;
			a->server[k].udp_port = (uint16_t)r->servers[k].port;
		}
	}
	if ((rx.line_cnt == 0 && rx.answer_cnt == 0) || !holds(m->stages, RX))
		return 0;
	q->rx = take(l, sizeof(*q->rx), b->e);
	if (q->rx == NULL)
		return -ENOMEM;
	if (rx_init(q->rx, &rx) != 0)
		return err_set(b->e, -EINVAL,
			       "ports '%s': two lines have the same group and port, or one is no "
			       "multicast group",
			       c->ports[port_idx].name);
	return 0;
}

static int
build_recovery(struct build *b, uint32_t feed_idx)
{
	const struct config_feed *f = &b->g->config->feeds[feed_idx];
	const struct config_recovery *c = &f->recovery;
	const struct config_port *port = &b->g->config->ports[c->port_idx];
	struct lane *l = b->lane;
	struct recovery_config rc = {
		.recover = {
			.feed_idx = (uint16_t)feed_idx,
			.server_cnt = (uint8_t)c->servers_cnt,
			.has_snapshot = c->snapshot.ip != 0,
			.request_max_messages = (uint16_t)c->request_max_messages,
			.request_attempts = c->request_attempts,
			.request_wait_ns = c->request_wait_ms * 1000000ULL,
			.request_interval_ns = c->request_interval_us * 1000ULL,
			.request_max_hole = c->request_max_hole,
			.snapshot_attempts = c->snapshot_attempts,
			.snapshot_timeout_ns = c->snapshot_timeout_ms * 1000000ULL,
			.snapshot_retry_ns = c->snapshot_retry_ms * 1000000ULL,
			.store_bytes = (uint64_t)c->buffer_mb << 20,
			.events = &l->events,
		},
		.local_port = (uint16_t)c->local_port,
		.soup = {
			.edition = SOUP_EDITION_300,
			.first_seq = 1, // GLIMPSE 5.0: required
			.heartbeat_ns = SNAPSHOT_HEARTBEAT_S * 1000000000ULL,
			.silence_ns = SNAPSHOT_SILENCE_S * 1000000000ULL,
			.login_wait_ns = c->snapshot_timeout_ms * 1000000ULL,
		},
		.tcp = {
			.local_ip = port->address.ip,
			.peer_ip = c->snapshot.ip,
			.peer_port = (uint16_t)c->snapshot.port,
			.vlan_id = (uint16_t)port->vlan,
			.mss = (uint16_t)(port->mtu_bytes - 40),
			.window_scaling = true,
			.sack = true,
			.rto_min_ns = SNAPSHOT_RTO_MIN_MS * 1000000ULL,
			.connect_timeout_ns = c->snapshot_timeout_ms * 1000000ULL,
			.rx_buf_bytes = SNAPSHOT_RX_BYTES,
			.tx_buf_bytes = SNAPSHOT_TX_BYTES,
		},
	};
	char secret[SECRET_MAX] = "";
	struct recovery *r;
	int code = 0;

	for (uint32_t i = 0; i < c->servers_cnt; i++) {
		rc.server[i].ip = c->servers[i].ip;
		rc.server[i].udp_port = (uint16_t)c->servers[i].port;
	}
	if (rc.tcp.mss > TCP_MSS_USUAL)
		rc.tcp.mss = TCP_MSS_USUAL;
	memcpy(rc.tcp.local_mac, b->g->port[c->port_idx].mac, sizeof(rc.tcp.local_mac));
	rc.tcp.isn_fixed = b->g->replay;
	if (!b->g->replay && getrandom(rc.tcp.isn_secret, sizeof(rc.tcp.isn_secret), 0) !=
				     (ssize_t)sizeof(rc.tcp.isn_secret))
		return err_set(b->e, -EIO, "no random bits for TCP's sequence numbers");
	snprintf(rc.soup.username, sizeof(rc.soup.username), "%s", c->snapshot_username);
	if (rc.recover.has_snapshot && !b->g->replay)
		code = secret_load_snapshot(f, secret, b->e);
	if (code < 0)
		return code;
	snprintf(rc.soup.password, sizeof(rc.soup.password), "%.*s", SOUP_PASSWORD_LEN, secret);
	explicit_bzero(secret, sizeof(secret));
	rc.recover.recovery_ns = take(l, sizeof(struct hist), b->e);
	r = take(l, sizeof(*r), b->e);
	code = r == NULL || rc.recover.recovery_ns == NULL
		       ? -ENOMEM
		       : recovery_init(r, &rc, l->arb[feed_idx], l->port[c->port_idx], &l->arena,
				       b->g->clock.base_ns);
	explicit_bzero(rc.soup.password, sizeof(rc.soup.password));
	if (code != 0)
		return err_set(b->e, code, "feeds '%s': recovery cannot start: %s", f->name,
			       strerror(-code));
	l->recovery[feed_idx] = r;
	return 0;
}

static int
build_feed(struct build *b, uint32_t feed_idx)
{
	const struct config_feed *c = &b->g->config->feeds[feed_idx];
	const struct core_map_lane *m = &b->g->map->lane[b->idx];
	struct book_ours_config ours[INSTR_MAX];
	struct lane *l = b->lane;
	struct book_config book;
	int rc;

	if (holds(m->stages, ARB)) {
		struct arb_config arb = {
			.feed_idx = (uint16_t)feed_idx,
			.line_cnt = (uint8_t)c->lines_cnt,
			.session_fixed = c->session[0] != '\0',
			.first_seq = c->first_seq,
			.reorder_packets = c->reorder_packets,
			.gap_wait_ns = c->gap_wait_us * 1000ULL,
			.silence_ns = c->silence_ms * 1000000ULL,
			.events = &l->events,
		};

		memset(arb.session, ' ', sizeof(arb.session));
		memcpy(arb.session, c->session, strnlen(c->session, sizeof(arb.session)));
		for (uint32_t k = 0; k < c->lines_cnt; k++) {
			arb.lag_ns[k] = take(l, sizeof(struct hist), b->e);
			if (arb.lag_ns[k] == NULL)
				return -ENOMEM;
		}
		l->arb[feed_idx] = take(l, sizeof(struct arb), b->e);
		if (l->arb[feed_idx] == NULL)
			return -ENOMEM;
		rc = arb_init(l->arb[feed_idx], &arb, &l->arena);
		if (rc != 0)
			return err_set(b->e, rc, "feeds '%s': arbitration cannot start", c->name);
		if (config_feed_recovers(c) && build_recovery(b, feed_idx) != 0)
			return b->e->code;
	}
	if (holds(m->stages, PARSE)) {
		const struct parse_config parse = {
			.feed_idx = (uint16_t)feed_idx,
			.shard_cnt = (uint16_t)c->shards,
			.shard_mask = m->shard_mask[feed_idx],
			.market = 'Q',
			.symbol = c->symbols,
			.symbol_cnt = c->symbols_cnt,
			.events = &l->events,
		};

		l->parse[feed_idx] = take(l, sizeof(struct parse), b->e);
		l->book[feed_idx] = take(l, sizeof(struct book), b->e);
		if (l->parse[feed_idx] == NULL || l->book[feed_idx] == NULL)
			return -ENOMEM;
		rc = parse_init(l->parse[feed_idx], &parse);
		if (rc != 0)
			return err_set(b->e, rc, "feeds '%s': shards", c->name);
		book_config_of(b->g->config, feed_idx, ours, &book);
		book.events = &l->events;
		rc = book_init(l->book[feed_idx], &book, &l->arena);
		if (rc != 0)
			return err_set(b->e, rc,
				       "feeds '%s': no room for its books (orders_max, "
				       "levels_max, depth)",
				       c->name);
	}
	return 0;
}

static int
build_strategy(struct build *b, uint32_t idx)
{
	const struct config_strategy *c = &b->g->config->strategies[idx];
	struct strategy_config *sc = calloc(1, sizeof(*sc));
	struct lane *l = b->lane;
	int rc;

	if (sc == NULL)
		return -ENOMEM;
	*sc = (struct strategy_config){
		.kind = c->kind,
		.strategy_idx = (uint8_t)idx,
		.post_only = c->post_only,
		.style = (uint8_t)c->style_idx,
		.qty = c->qty,
		.position_max_qty = c->position_max_qty,
		.spread_min_px4 = (uint32_t)c->spread_min_usd.usd4,
		.spread_max_px4 = (uint32_t)c->spread_max_usd.usd4,
		.imbalance_min_bp = c->imbalance_min_bp,
		.edge_px4 = (uint32_t)c->edge_usd.usd4,
		.requote_px4 = (uint32_t)c->requote_usd.usd4,
		.cooldown_ns = c->cooldown_us * 1000ULL,
		.instr_cnt = c->instruments_cnt,
	};
	for (uint32_t i = 0; i < c->instruments_cnt; i++)
		sc->instr[i] = (struct strategy_instr_config){
			.instr_idx = (uint16_t)c->instr_idx[i],
			.session_idx =
				(uint8_t)b->g->config->instruments[c->instr_idx[i]].session_idx,
		};
	l->strategy[idx] = take(l, sizeof(struct strategy), b->e);
	rc = l->strategy[idx] == NULL ? -ENOMEM : strategy_init(l->strategy[idx], sc, &l->arena);
	l->has.strategy[idx] = l->strategy[idx];
	l->strategy_here[l->strategy_cnt++] = l->strategy[idx];
	free(sc);
	return rc == 0 ? 0 : err_set(b->e, rc, "strategies '%s' cannot start", c->name);
}

static int
build_risk(struct build *b)
{
	struct lane *l = b->lane;
	struct risk_tree tree;
	int rc;

	l->risk = l->has.risk = take(l, sizeof(struct risk), b->e);
	if (l->risk == NULL)
		return -ENOMEM;
	rc = risk_tree_open(&tree, b->g->config, b->e);
	if (rc != 0)
		return rc;
	rc = risk_tree_start(&tree, b->g->config, l->risk, &l->arena, b->e);
	risk_tree_free(&tree);
	if (rc == 0)
		day_start_risk(b->g, l->risk);
	l->limits_published = &b->g->limits.published;
	return rc;
}

/* From when on an order's answer counts as late: what a breaker of the session says, or 0. */
static uint64_t
ack_late_cycles(const struct gateway *g, uint32_t session_idx)
{
	for (uint32_t i = 0; i < g->config->breakers_cnt; i++) {
		const struct config_breaker *c = &g->config->breakers[i];

		if (c->watch == BREAKER_ROUND_TRIP &&
		    (c->of[0] == '\0' || c->of_idx == session_idx))
			return clock_ns_to_cycles(&g->clock, c->threshold * 1000);
	}
	return 0;
}

static int
build_session(struct build *b, uint32_t idx)
{
	static const char CAPACITY[] = { 'A', 'P', 'R', 'O' };
	const struct config *c = b->g->config;
	const struct config_session *cs = &c->sessions[idx];
	const char *symbol[INSTR_MAX] = { 0 };
	struct session_config sc = {
		.session_idx = (uint8_t)idx,
		.orders_max = cs->orders_max,
		.executions_max = cs->executions_max,
		.instr_cnt = (uint16_t)c->instruments_cnt,
		.symbol = symbol,
		.half_open = b->g->half_open[idx],
		.on_disconnect = (uint8_t)cs->on_disconnect,
		.link_down_ns = cs->link_down_ms * 1000000ULL,
		.ack_late_cycles = ack_late_cycles(b->g, idx),
		.throttle = {
			.msg_max = cs->throttle.max_messages,
			.reserve_cnt = cs->throttle.cancel_reserve,
			.window_ns = cs->throttle.window_ms * 1000000ULL + THROTTLE_MARGIN_NS,
		},
		.encode = { .token_prefix = "S", .capacity = CAPACITY[cs->capacity], .display = 'Y' },
		.life = {
			.protocol = cs->protocol == SESSION_OUCH50 ? ORDER_SESSION_OUCH50 :
								     ORDER_SESSION_OUCH42,
			.connect_wait_ns = cs->tcp.connect_timeout_ms * 1000000ULL,
			.query_wait_ns = QUERY_WAIT_NS,
			.settle_ns = SETTLE_NS,
			.reconnect_ns = cs->reconnect_ms * 1000000ULL,
			.reconnect_max_ns = cs->reconnect_max_ms * 1000000ULL,
			.attempts_max = cs->reconnect_attempts,
			.peer_cnt = 1 + cs->backup_cnt,
			.peer_attempts = cs->peer_attempts,
			.soup = {
				.edition = (enum soup_edition)cs->soup_version,
				.first_seq = 1,
				.heartbeat_ns = cs->heartbeat_ms * 1000000ULL,
				.silence_ns = cs->silence_ms * 1000000ULL,
				.login_wait_ns = cs->login_timeout_ms * 1000000ULL,
			},
		},
		.tcp = {
			.local_ip = c->ports[cs->port_idx].address.ip,
			.peer_ip = cs->peer.ip,
			.local_port = (uint16_t)cs->local_port,
			.peer_port = (uint16_t)cs->peer.port,
			.vlan_id = (uint16_t)c->ports[cs->port_idx].vlan,
			.mss = (uint16_t)cs->tcp.mss_bytes,
			.window_scaling = cs->tcp.window_scaling,
			.cwnd_fixed_bytes = cs->tcp.cwnd_fixed_bytes,
			.user_timeout_ns = cs->tcp.user_timeout_ms * 1000000ULL,
			.sack = cs->tcp.sack,
			.timestamps = cs->tcp.timestamps,
			.tail_probe = cs->tcp.tail_probe,
			.peer_ack_delay_ns = cs->tcp.peer_ack_delay_us * 1000ULL,
			.black_hole_rtos = cs->tcp.black_hole_timeouts,
			.rto_initial_ns = cs->tcp.rto_max_ms < 1000 ? cs->tcp.rto_max_ms * 1000000ULL : 0,
			.rto_min_ns = cs->tcp.rto_min_us * 1000ULL,
			.rto_max_ns = cs->tcp.rto_max_ms * 1000000ULL,
			.connect_timeout_ns = cs->tcp.connect_timeout_ms * 1000000ULL,
			.keepalive_idle_ns = cs->tcp.keepalive_ms * 1000000ULL,
			.rx_buf_bytes = power_of_two(cs->tcp.receive_buffer_bytes),
			.tx_buf_bytes = power_of_two(cs->tcp.send_buffer_bytes),
		},
	};
	struct encode_style style[ENCODE_STYLE_MAX];
	char secret[SECRET_MAX];
	struct lane *l = b->lane;
	struct session *s;
	int rc;

	for (uint32_t i = 0; i < c->order_styles_cnt; i++)
		config_style_of(c, i, &style[i]);
	gateway_journal_tokens(b->g, idx, &sc.first_token, &sc.token_end);
	if (!b->g->replay || b->g->recorded)
		(void)config_schedule_of(cs, &sc.life.schedule); // config_check has seen it
	sc.encode.style = style;
	sc.encode.style_cnt = (uint8_t)c->order_styles_cnt;
	sc.encode.user_ref_idx = (uint8_t)cs->user_ref_idx;
	sc.life.user_ref_idx = (uint8_t)cs->user_ref_idx;
	memcpy(sc.tcp.local_mac, b->g->port[cs->port_idx].mac, sizeof(sc.tcp.local_mac));
	if (b->g->replay) {
		sc.tcp.isn_fixed = true;
		sc.tcp.isn = REPLAY_ISN;
		sc.tcp.local_port = (uint16_t)(REPLAY_PORT + idx);
	} else if (getrandom(sc.tcp.isn_secret, sizeof(sc.tcp.isn_secret), 0) !=
		   (ssize_t)sizeof(sc.tcp.isn_secret)) {
		return err_set(b->e, -EIO, "no random bits for TCP's sequence numbers");
	}
	snprintf(sc.encode.firm, sizeof(sc.encode.firm), "%s", cs->firm);
	snprintf(sc.life.soup.username, sizeof(sc.life.soup.username), "%s", cs->username);
	snprintf(sc.life.soup.session, sizeof(sc.life.soup.session), "%s", cs->session);
	sc.peer[0] = (struct session_peer){ cs->peer.ip, (uint16_t)cs->peer.port };
	for (uint32_t i = 0; i < cs->backup_cnt; i++)
		sc.peer[1 + i] =
			(struct session_peer){ cs->backup[i].ip, (uint16_t)cs->backup[i].port };
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (c->instruments[i].session_idx == idx)
			symbol[i] = c->instruments[i].symbol;

	rc = b->g->replay ? 0 : secret_load(cs, secret, b->e);
	if (rc < 0)
		return rc;
	if ((size_t)rc >= sizeof(sc.life.soup.password)) {
		explicit_bzero(secret, sizeof(secret));
		return err_set(b->e, -EINVAL,
			       "sessions '%s': the password has %d characters; SoupBinTCP has room "
			       "for %d",
			       cs->name, rc, SOUP_PASSWORD_LEN);
	}
	memcpy(sc.life.soup.password, secret, (size_t)rc);
	explicit_bzero(secret, sizeof(secret));

	s = take(l, sizeof(*s), b->e);
	rc = s == NULL ? -ENOMEM
		       : session_init(s, &sc, l->port[cs->port_idx], &l->events, &l->arena);
	explicit_bzero(sc.life.soup.password, sizeof(sc.life.soup.password));
	if (rc != 0)
		return err_set(b->e, rc, "sessions '%s': cannot start: %s", cs->name,
			       strerror(-rc));
	s->journal = l->journal;
	l->session[idx] = l->has.session[idx] = s;
	l->session_here[l->session_cnt++] = s;
	order_session_begin(&s->life, b->g->clock.base_ns);
	return 0;
}

/* Runs on the lane's own core, so that its memory is near. */
static int
build_lane(void *arg)
{
	struct build *b = arg;
	struct gateway *g = b->g;
	const struct core_map_lane *m = &g->map->lane[b->idx];
	struct arena arena;
	struct lane *l;
	void *slots;
	int rc;

	rc = arena_open(&arena, arena_bytes(g, m));
	if (rc != 0)
		return err_set(b->e, rc, "lane '%s': no memory of %zu bytes", m->name,
			       arena_bytes(g, m));
	l = arena_take(&arena, sizeof(*l));
	b->lane = l;
	g->lane[b->idx] = l;
	l->arena = arena;
	l->idx = (uint8_t)b->idx;
	l->name = m->name;
	l->kind = m->kind;
	l->core = m->core;
	l->stages = m->stages;
	l->burst = (uint16_t)m->burst;
	l->clock = g->clock;
	l->yields = g->map->shared_cores;
	if (g->lcores) // otherwise whoever turns the lanes is the control thread
		l->control_silence_cycles = clock_ns_to_cycles(
			&g->clock, g->config->kill_switch.control_silence_ms * 1000000ULL);
	l->sample_every = g->config->latency.stage_sample_every;
	l->sample_left = 1;
	l->sample_rng = (uint32_t)clock_tsc() | 1;
	l->housekeeping_every = l->yields ? HOUSEKEEPING_TURNS_SHARED : HOUSEKEEPING_TURNS;
	l->housekeeping_left = 1;
	slots = take(l, EVENT_SLOTS * CACHE_LINE, b->e);
	if (slots == NULL)
		return -ENOMEM;
	event_sink_init(&l->events, l->idx, slots, EVENT_SLOTS);
	rc = lane_latency_build(g, l, m, b->e);
	if (rc != 0)
		return rc;
	lane_clock(l);
	rc = gateway_journal_lane(g, l, b->e);
	for (uint32_t p = 0; rc == 0 && p < g->config->ports_cnt; p++) {
		if (m->host_port_mask >> p & 1)
			rc = build_host(b, p);
		if (rc == 0 && m->rx_port_mask >> p & 1)
			rc = build_rx(b, p);
		if (rc == 0 && g->map->port_host_lane[p] == b->idx &&
		    g->map->port_rx_lane[p] != b->idx && g->port[p].rx_queue_cnt == 2) {
			rc = build_rx(b, p);
			if (rc == 0)
				l->rxq[l->rxq_cnt - 1].q.queue_id = 1;
		}
	}
	for (uint32_t f = 0; rc == 0 && f < g->config->feeds_cnt; f++)
		if (m->feed_mask >> f & 1)
			rc = build_feed(b, f);
	for (uint32_t s = 0; rc == 0 && s < g->config->strategies_cnt; s++)
		if (m->strategy_mask >> s & 1)
			rc = build_strategy(b, s);
	if (rc == 0 && holds(m->stages, RISK))
		rc = build_risk(b);
	for (uint32_t s = 0; rc == 0 && s < g->config->sessions_cnt; s++)
		if (m->session_mask >> s & 1) {
			rc = build_session(b, s);
			if (rc == 0)
				rc = drop_start(g, l, s, b->e);
			if (rc == 0)
				rc = day_start_session(g, l, s, b->e);
		}
	if (rc == 0) {
		l->rehearsal = rehearsal_open(l, g->config->latency.warm_up_us * 1000ULL);
		if (l->rehearsal == NULL)
			return err_set(b->e, -ENOMEM, "lane '%s': no room for warm_up_us", m->name);
	}
	l->rxq_burst = (uint16_t)(l->burst / (l->rxq_cnt != 0 ? l->rxq_cnt : 1));
	if (l->rxq_burst == 0)
		l->rxq_burst = 1;
	return rc;
}

/* Each ring of the map: memory from the taker, then both ends. */
static int
wire_ring(struct gateway *g, const struct core_map_ring *m, struct err *e)
{
	struct lane *putter = g->lane[m->putter], *taker = g->lane[m->taker];
	const struct core_map_lane *to = &g->map->lane[m->taker];
	struct ring *r = take(taker, sizeof(*r), e);
	void *slots = take(taker, (size_t)m->slots * CACHE_LINE, e);

	if (r == NULL || slots == NULL)
		return -ENOMEM;
	ring_init(r, slots, m->slots);
	taker->in[m->hop][taker->in_cnt[m->hop]++] = r;
	switch (m->hop) {
	case HOP_frame:
		for (uint32_t i = 0; i < putter->rxq_cnt; i++)
			if (g->map->port_host_lane[putter->rxq[i].port_idx] == m->taker)
				putter->rxq[i].frame_out = r;
		break;
	case HOP_datagram:
		for (uint32_t f = 0; f < g->config->feeds_cnt; f++)
			if (putter->arb[f] != NULL && taker->parse[f] != NULL)
				putter->datagram_out[f][putter->datagram_out_cnt[f]++] = r;
		break;
	case HOP_bbo:
		for (uint32_t s = 0; s < g->config->strategies_cnt; s++)
			for (uint32_t i = 0; (to->strategy_mask >> s & 1) &&
					     i < g->config->strategies[s].instruments_cnt;
			     i++)
				putter->bbo_wanted[g->config->strategies[s].instr_idx[i]] |=
					(uint16_t)(1U << putter->bbo_out_cnt);
		putter->bbo_out[putter->bbo_out_cnt++] = r;
		break;
	case HOP_mark:
		putter->mark_out = r;
		break;
	case HOP_intent:
		putter->intent_out = r;
		break;
	case HOP_order:
		for (uint32_t s = 0; s < SESSION_MAX; s++)
			if (to->session_mask >> s & 1)
				putter->order_out[s] = r;
		putter->order_ring[putter->order_ring_cnt++] = r;
		break;
	case HOP_fill:
		putter->fill_out = r;
		break;
	case HOP_update:
		for (uint32_t s = 0; s < STRATEGY_MAX; s++)
			if (to->strategy_mask >> s & 1)
				putter->update_out[s] = r;
		putter->update_ring[putter->update_ring_cnt++] = r;
		break;
	case HOP_verdict:
		for (uint32_t s = 0; s < STRATEGY_MAX; s++)
			if (to->strategy_mask >> s & 1)
				putter->verdict_out[s] = r;
		putter->verdict_ring[putter->verdict_ring_cnt++] = r;
		break;
	case HOP_CNT:
		break;
	}
	return 0;
}

int
lanes_build(struct gateway *g, struct err *e)
{
	for (uint32_t i = 0; i < g->map->lane_cnt; i++) {
		struct build b = { .g = g, .idx = i, .e = e };
		int rc = 0;

		// lcore i + 1 is lane i (eal_start.c); in a test without lcores the caller builds
		if (g->lcores) {
			rc = rte_eal_remote_launch(build_lane, &b, i + 1);
			if (rc == 0)
				rc = rte_eal_wait_lcore(i + 1);
		} else {
			rc = build_lane(&b);
		}
		g->lane_cnt = i + 1;
		if (rc != 0)
			return e->code != 0 ? e->code
					    : err_set(e, rc, "lane %u cannot be built", i);
		g->reply[i] = calloc(1, COMMAND_REPLY_MAX);
		if (g->reply[i] == NULL)
			return err_set(e, -ENOMEM, "no memory for the answers of a lane");
	}
	for (uint32_t i = 0; i < g->map->ring_cnt; i++)
		if (wire_ring(g, &g->map->ring[i], e) != 0)
			return -ENOMEM;
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (limits_add_lane(&g->limits, &g->lane[i]->turn) != 0)
			return err_set(e, -ENOSPC, "too many lanes for the limits");
	return 0;
}

static int
run_lane(void *arg)
{
	struct lane *l = arg;

	last_path_register(l->idx);
	outlier_watch_lane_runs(l->idx);
	return lane_run(l);
}

int
lanes_launch(struct gateway *g, struct err *e)
{
	page_ready();
	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		const int rc = rte_eal_remote_launch(run_lane, g->lane[i], i + 1);

		if (rc != 0)
			return err_set(e, rc, "lane '%s' does not start", g->lane[i]->name);
	}
	return 0;
}

void
lanes_stop(struct gateway *g)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	const struct command stop = { .kind = COMMAND_STOP };

	// a lane that was too slow for the question before hears the next one when it has answered
	for (uint32_t i = 0; i < g->lane_cnt && g->lcores; i++)
		while (rte_eal_get_lcore_state(i + 1) == RUNNING &&
		       gateway_ask(g, i, &stop, STOP_WAIT_MS) == -EBUSY)
			nanosleep(&nap, NULL);
	for (uint32_t i = 0; i < g->lane_cnt && g->lcores; i++)
		rte_eal_wait_lcore(i + 1);
}

void
lanes_free(struct gateway *g)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		struct lane *l = g->lane[i];
		struct arena arena;

		free(g->reply[i]);
		g->reply[i] = NULL;
		if (l == NULL)
			continue;
		for (uint32_t s = 0; s < l->session_cnt; s++) {
			if (l->session_here[s]->drop != NULL)
				drop_session_fini(l->session_here[s]->drop);
			session_fini(l->session_here[s]);
		}
		for (uint32_t f = 0; f < FEED_MAX; f++)
			if (l->recovery[f] != NULL)
				recovery_fini(l->recovery[f]);
		arena = l->arena; // the lane lies in it
		arena_close(&arena);
		g->lane[i] = NULL;
	}
	g->lane_cnt = 0;
}

uint32_t
lanes_ended(const struct gateway *g)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < g->lane_cnt; i++)
		cnt += rte_eal_get_lcore_state(i + 1) != RUNNING;
	return cnt;
}
