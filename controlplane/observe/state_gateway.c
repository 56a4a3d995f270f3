/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "boot/breaker_watch.h"
#include "boot/drop_watch.h"
#include "boot/capture.h"
#include "boot/gateway.h"
#include "boot/kill_switch.h"
#include "boot/latency_watch.h"
#include "boot/outlier_watch.h"
#include "boot/manifest_start.h"
#include "boot/port_start.h"
#include "boot/reload.h"
#include "ctl/ctl_server.h"
#include "err/err.h"
#include "observe/event_log.h"
#include "observe/state_ask.h"
#include "observe/state_actions.h"
#include "observe/state_books.h"
#include "observe/state_config.h"
#include "observe/state_feed.h"
#include "observe/state_risk.h"
#include "observe/state_journal.h"

/* Each module's list of counters. */

struct metric_def {
	const char *name;
	bool counter;
	const char *help;
};

enum {
	COUNTER = true,
	GAUGE = false,
};

#define METRIC(name, kind, help) { #name, kind, help },
// clang-format off
static const struct metric_def LANE_METRIC[] = {
#include "lane/lane_metrics.def"
};
static const struct metric_def RX_METRIC[] = {
#include "ingress/rx_metrics.def"
};
static const struct metric_def RECOVER_METRIC[] = {
#include "ingress/recover_metrics.def"
};
static const struct metric_def RECOVERY_METRIC[] = {
#include "lane/recovery_metrics.def"
};
static const struct metric_def DROP_COPY_METRIC[] = {
#include "returns/drop_copy_metrics.def"
};
static const struct metric_def DROP_SESSION_METRIC[] = {
#include "lane/drop_session_metrics.def"
};
static const struct metric_def ARB_METRIC[] = {
#include "ingress/arb_metrics.def"
};
static const struct metric_def ARB_LINE_METRIC[] = {
#include "ingress/arb_line_metrics.def"
};
static const struct metric_def PARSE_METRIC[] = {
#include "ingress/parse_itch50_metrics.def"
};
static const struct metric_def BOOK_METRIC[] = {
#include "ingress/book_metrics.def"
};
static const struct metric_def STRATEGY_METRIC[] = {
#include "decision/strategy_metrics.def"
};
static const struct metric_def RISK_METRIC[] = {
#include "decision/risk_metrics.def"
};
static const struct metric_def ORDERS_METRIC[] = {
#include "egress/orders_metrics.def"
};
static const struct metric_def ENCODE_METRIC[] = {
#include "egress/encode_metrics.def"
};
static const struct metric_def SESSION_METRIC[] = {
#include "lane/session_metrics.def"
};
static const struct metric_def ORDER_SESSION_METRIC[] = {
#include "net/order_session_metrics.def"
};
static const struct metric_def SOUP_METRIC[] = {
#include "net/soup_session_metrics.def"
};
static const struct metric_def TCP_METRIC[] = {
#include "net/tcp_metrics.def"
};
static const struct metric_def UNFRAME_METRIC[] = {
#include "returns/unframe_metrics.def"
};
static const struct metric_def REPORT_METRIC[] = {
#include "returns/report_metrics.def"
};
static const struct metric_def HOST_METRIC[] = {
#include "net/host_metrics.def"
};
static const struct metric_def ARP_METRIC[] = {
#include "net/arp_metrics.def"
};
static const struct metric_def ICMP_METRIC[] = {
#include "net/icmp_metrics.def"
};
static const struct metric_def IGMP_METRIC[] = {
#include "net/igmp_metrics.def"
};
static const struct metric_def CAPTURE_METRIC[] = {
#include "boot/capture_metrics.def"
};
static const struct metric_def CTL_METRIC[] = {
#include "ctl/ctl_server_metrics.def"
};
static const struct metric_def PORT_TX_METRIC[] = {
	METRIC(frame_sent, COUNTER, "Frames the lane handed to the port")
	METRIC(frame_dropped, COUNTER, "Frames the transmit queue had no room for")
	METRIC(buf_missing, COUNTER, "Times that no buffer was free for a frame")
};
// clang-format on
#undef METRIC

/*
 * Status
 */

static void
add_session_sums(const struct session *s, struct state_status *out)
{
	const struct orders_metrics *m = &s->orders.metrics;

	out->order_sent_cnt += metric_get(&m->new_sent);
	out->executed_cnt += metric_get(&m->execution);
	out->order_open_cnt += (uint32_t)metric_get(&m->open_order_cnt);
}

static int
get_status(void *ctx, struct state_status *out)
{
	struct gateway *g = ctx;

	memset(out, 0, sizeof(*out));
	TEXT(out->version, "%s", SLUICE_VERSION);
	TEXT(out->environment, "%s", environment_word(g->config->environment));
	TEXT(out->config_file, "%.120s", g->config->file);
	TEXT(out->halt_text, "%.120s", g->limits.halt_reason);
	out->start_ns = g->start_ns;
	out->now_ns = now_ns();
	out->halt_reasons = halt_reasons();
	out->journal_failing = state_journal_failing(g);
	out->limits_version = g->limits.current == NULL ? 0 : g->limits.current->version;
	out->huge_pages = g->hugepages;
	out->shared_cores = g->map->shared_cores;
	out->pid = getpid();
	out->control_core = g->map->control_core;
	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		const struct lane *lane = g->lane[l];

		for (uint32_t i = 0; i < FEED_MAX; i++) {
			if (lane->arb[i] == NULL)
				continue;
			out->md_cnt += metric_get(&lane->arb[i]->metrics.message_delivered);
			out->md_lost_cnt += metric_get(&lane->arb[i]->metrics.message_lost);
		}
		for (uint32_t i = 0; i < SESSION_MAX; i++)
			if (lane->has.session[i] != NULL)
				add_session_sums(lane->has.session[i], out);
		if (lane->has.risk != NULL) {
			// the first counters are the verdicts, RISK_PASS the first of them
			const uint64_t *verdict = (const uint64_t *)&lane->has.risk->metrics;

			for (uint32_t i = 0; i < RISK_VERDICT_CNT; i++) {
				out->intent_cnt += metric_get(&verdict[i]);
				out->rejected_cnt += i == RISK_PASS ? 0 : metric_get(&verdict[i]);
			}
		}
	}
	return 0;
}

/*
 * Ports and lanes
 */

static int
get_ports(void *ctx, struct state_port *row, size_t row_max)
{
	struct gateway *g = ctx;

	for (uint32_t i = 0; i < g->config->ports_cnt && i < row_max; i++) {
		const struct config_port *c = &g->config->ports[i];
		const struct gateway_port *p = &g->port[i];
		struct port_counters n = { 0 };

		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].name, "%s", c->name);
		TEXT(row[i].device, "%.120s", c->device);
		TEXT(row[i].driver, "%.31s", p->driver);
		TEXT(row[i].profile, "%.31s", c->profile);
		TEXT(row[i].mac, "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1], p->mac[2],
		     p->mac[3], p->mac[4], p->mac[5]);
		text_of_ip(c->address.ip, row[i].address, sizeof(row[i].address), '/',
			   c->address.prefix_len);
		row[i].rx_hw_time = p->rx_stamp != RX_STAMP_NONE;
		row[i].rx_steering = p->steers;
		row[i].rx_queue_cnt = p->rx_queue_cnt;
		row[i].tx_queue_cnt = p->tx_queue_cnt;
		row[i].buffer_cnt = p->mbuf_cnt;
		if (port_counters_get(g, i, &n) != 0)
			continue;
		row[i].link_up = n.link_up;
		row[i].link_mbps = n.link_mbps;
		row[i].rx_packet_cnt = n.rx_packets;
		row[i].rx_bytes = n.rx_bytes;
		row[i].rx_missed_cnt = n.rx_missed;
		row[i].rx_no_buffer_cnt = n.rx_nombuf;
		row[i].rx_error_cnt = n.rx_errors;
		row[i].tx_packet_cnt = n.tx_packets;
		row[i].tx_bytes = n.tx_bytes;
		row[i].tx_error_cnt = n.tx_errors;
		row[i].buffer_free_cnt = n.buf_free;
	}
	return (int)g->config->ports_cnt;
}

static void
text_of_stages(stage_set set, char *out, size_t out_bytes)
{
	static const char *const WORD[] = {
#define STAGE(id, word, most) #word,
#include "lane/stages.def"
#undef STAGE
	};
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < ARRAY_CNT(WORD) && len < out_bytes; i++)
		if (set >> i & 1)
			len += (size_t)snprintf(out + len, out_bytes - len, "%s%s",
						len == 0 ? "" : " ", WORD[i]);
}

static void
fill_rings(const struct gateway *g, uint32_t lane_idx, struct state_lane *out)
{
	uint32_t seen[HOP_CNT] = { 0 }; // a lane keeps them by hop, in the order of the map

	for (uint32_t i = 0; i < g->map->ring_cnt; i++) {
		const struct core_map_ring *m = &g->map->ring[i];
		const uint32_t nth = m->taker == lane_idx ? seen[m->hop]++ : 0;
		struct state_ring *r = &out->ring[out->ring_cnt];

		if (m->taker != lane_idx || nth >= g->lane[lane_idx]->in_cnt[m->hop] ||
		    out->ring_cnt == STATE_RING_MAX)
			continue;
		TEXT(r->kind, "%s", hop_word(m->hop));
		TEXT(r->from, "%s", g->map->lane[m->putter].name);
		r->slot_cnt = m->slots;
		r->depth = ring_depth(g->lane[lane_idx]->in[m->hop][nth]);
		out->ring_cnt++;
	}
}

static int
get_lanes(void *ctx, struct state_lane *row, size_t row_max)
{
	struct gateway *g = ctx;

	for (uint32_t i = 0; i < g->map->lane_cnt && i < row_max; i++) {
		const struct core_map_lane *m = &g->map->lane[i];
		const struct lane *l = g->lane[i];

		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].name, "%s", m->name);
		text_of_stages(m->stages, row[i].stages, sizeof(row[i].stages));
		row[i].core = (int32_t)m->core;
		row[i].run = STATE_LANE_STOPPED;
		if (l == NULL)
			continue;
		if (lane_runs(g, i))
			row[i].run = STATE_LANE_RUNNING;
		else if (halt_reasons() & HALT_MUST)
			row[i].run = STATE_LANE_ENDED;
		row[i].turn_cnt = metric_get(&l->metrics.turn);
		row[i].busy_turn_cnt = metric_get(&l->metrics.turn_busy);
		row[i].msg_cnt = metric_get(&l->metrics.message_taken);
		row[i].pause_max_ns = metric_get(&l->metrics.pause_max_ns);
		row[i].stall_cnt = metric_get(&l->metrics.stall);
		row[i].stall_max_ns = metric_get(&l->metrics.stall_max_ns);
		row[i].event_lost_cnt = metric_get(&l->events.lost_cnt);
		row[i].memory_bytes = l->arena.size_bytes;
		fill_rings(g, i, &row[i]);
	}
	return (int)g->map->lane_cnt;
}

/*
 * Sessions
 */

static uint32_t
session_run_of(const struct command_session *s)
{
	switch ((enum order_session_state)s->life) {
	case ORDER_SESSION_STOPPED:
		if (s->why == ORDER_SESSION_WHY_REJECTED)
			return STATE_SESSION_REFUSED;
		return s->why == ORDER_SESSION_WHY_ENDED ? STATE_SESSION_ENDED : STATE_SESSION_DOWN;
	case ORDER_SESSION_CONNECTING:
		return STATE_SESSION_CONNECTING;
	case ORDER_SESSION_LOGIN:
	case ORDER_SESSION_QUERY:
		return STATE_SESSION_LOGIN;
	case ORDER_SESSION_UP:
		return STATE_SESSION_UP;
	case ORDER_SESSION_WAIT:
	case ORDER_SESSION_LOGOUT:
	case ORDER_SESSION_STATE_CNT:
		break;
	}
	return STATE_SESSION_DOWN;
}

static void
fill_session(const struct session *s, struct state_session *out)
{
	out->order_sent_cnt = metric_get(&s->orders.metrics.new_sent) +
			      metric_get(&s->orders.metrics.replace_sent) +
			      metric_get(&s->orders.metrics.cancel_sent);
	out->order_open_cnt = (uint32_t)metric_get(&s->orders.metrics.open_order_cnt);
	out->report_cnt = metric_get(&s->metrics.report_received);
	out->connect_cnt = metric_get(&s->metrics.connect_done);
	out->tx_segment_cnt = metric_get(&s->tcp.metrics.segment_sent);
	out->resent_segment_cnt = metric_get(&s->tcp.metrics.segment_retransmitted);
	out->rx_segment_cnt = metric_get(&s->tcp.metrics.segment_received);
	out->rtt_ns = metric_get(&s->tcp.metrics.rtt_smoothed_ns);
}

static void
fill_session_asked(const struct config *c, uint32_t session_idx, const struct command_session *s,
		   struct state_session *out)
{
	const struct config_session *cs = &c->sessions[session_idx];

	out->run = session_run_of(s);
	out->next_seq = s->next_seq;
	out->up_since_ns = s->up_ns;
	out->order_max = s->order_max;
	out->rtt_ns = s->srtt_ns;
	TEXT(out->tcp, "%.31s", tcp_state_name((enum tcp_state)s->tcp_state));
	text_of_padded(s->venue_session, sizeof(s->venue_session), out->venue_session);
	text_of_ip(c->ports[cs->port_idx].address.ip, out->local, sizeof(out->local), ':',
		   s->local_port);
	if (s->why == ORDER_SESSION_WHY_LOST)
		TEXT(out->lost_reason, "%s: %s",
		     order_session_why_words((enum order_session_why)s->why),
		     tcp_end_name((enum tcp_end)s->tcp_end));
	else if (s->why != ORDER_SESSION_WHY_NONE)
		TEXT(out->lost_reason, "%s",
		     order_session_why_words((enum order_session_why)s->why));
}

static int
get_sessions(void *ctx, struct state_session *row, size_t row_max)
{
	struct gateway *g = ctx;
	const struct config *c = g->config;

	for (uint32_t i = 0; i < c->sessions_cnt && i < row_max; i++) {
		const struct command request = { .kind = COMMAND_SESSION, .arg = { i } };

		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].name, "%s", c->sessions[i].name);
		TEXT(row[i].protocol, "%s", session_protocol_word(c->sessions[i].protocol));
		text_of_ip(c->sessions[i].peer.ip, row[i].peer, sizeof(row[i].peer), ':',
			   c->sessions[i].peer.port);
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			if (g->lane[l]->has.session[i] == NULL)
				continue;
			fill_session(g->lane[l]->has.session[i], &row[i]);
			if (ask(g, l, &request) == 0)
				fill_session_asked(c, i, g->reply[l], &row[i]);
		}
	}
	return (int)c->sessions_cnt;
}

static void
fill_tcp_options(const struct command_tcp *t, struct state_tcp *out)
{
	TEXT(out->options, "%s%s%s", t->sack_on ? "sack " : "", t->ts_on ? "timestamps " : "",
	     t->wscale_on ? "scaling " : "");
	if (out->options[0] != '\0')
		out->options[strlen(out->options) - 1] = '\0';
}

static void
fill_tcp_error(const struct command_tcp *t, struct state_tcp *out)
{
	const enum order_session_why why = (enum order_session_why)t->why;

	if (why == ORDER_SESSION_WHY_LOST)
		TEXT(out->last_error, "%s", tcp_end_name((enum tcp_end)t->end));
	else if (why != ORDER_SESSION_WHY_NONE)
		TEXT(out->last_error, "%s", order_session_why_words(why));
	else if (t->soft_icmp_type != 0)
		TEXT(out->last_error, "still there; ICMP type %u code %u was noted",
		     t->soft_icmp_type, t->soft_icmp_code);
}

/* Only what is not zero: the rest says nothing. */
static void
fill_tcp_counters(const struct tcp_metrics *m, struct state_tcp *out)
{
	const uint64_t *value = (const uint64_t *)m;

	static_assert(ARRAY_CNT(TCP_METRIC) <= STATE_TCP_COUNTER_MAX, "all of them fit");
	for (uint32_t i = 0; i < ARRAY_CNT(TCP_METRIC); i++)
		if (TCP_METRIC[i].counter && value[i] != 0)
			out->counter[out->counter_cnt++] =
				(struct state_counter){ .name = TCP_METRIC[i].name,
							.help = TCP_METRIC[i].help,
							.value = value[i] };
}

static void
fill_tcp(const struct command_tcp *t, struct state_tcp *out)
{
	static const char *const RECOVERY[] = {
		[TCP_RECOVERY_NONE] = "none",
		[TCP_RECOVERY_FAST] = "fast",
		[TCP_RECOVERY_RTO] = "timeout",
	};

	TEXT(out->state, "%s", tcp_state_name((enum tcp_state)t->state));
	TEXT(out->recovery, "%s", RECOVERY[t->recovery]);
	text_of_ip(t->local_ip, out->local, sizeof(out->local), ':', t->local_port);
	text_of_ip(t->peer_ip, out->peer, sizeof(out->peer), ':', t->peer_port);
	fill_tcp_options(t, out);
	fill_tcp_error(t, out);
	out->snd_una = t->snd_una;
	out->snd_nxt = t->snd_nxt;
	out->rcv_nxt = t->rcv_nxt;
	out->mss_bytes = t->mss;
	out->peer_mss_bytes = t->peer_mss;
	out->snd_wnd_bytes = t->snd_wnd;
	out->rcv_wnd_bytes = t->rcv_wnd;
	out->cwnd_bytes = t->cwnd;
	out->ssthresh_bytes = t->ssthresh >= INT32_MAX ? 0 : t->ssthresh;
	out->in_flight_bytes = t->in_flight;
	out->unsent_bytes = t->unsent;
	out->unread_bytes = t->unread;
	out->gap_cnt = t->gap_cnt;
	out->gap_bytes = t->gap_bytes;
	out->sacked_bytes = t->sacked_bytes;
	out->timeout_cnt = t->backoff_cnt;
	out->rtt_ns = t->srtt_ns;
	out->rtt_var_ns = t->rttvar_ns;
	out->rto_ns = t->rto_ns;
	out->rto_in_ns = t->rto_in_ns;
	out->tx_ago_ns = t->tx_ago_ns;
	out->rx_ago_ns = t->rx_ago_ns;
	fill_tcp_counters(&t->metrics, out);
}

static int
get_tcp(void *ctx, const char *session, struct state_tcp *row, size_t row_max, struct err *e)
{
	struct gateway *g = ctx;
	bool known = session == NULL;
	size_t cnt = 0;

	for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
		const char *name = g->config->sessions[i].name;
		const struct command request = { .kind = COMMAND_TCP, .arg = { i } };

		if (session != NULL && strcmp(session, name) != 0)
			continue;
		known = true;
		for (uint32_t l = 0; l < g->lane_cnt && cnt < row_max; l++) {
			if (g->lane[l]->has.session[i] == NULL || ask(g, l, &request) != 0)
				continue;
			memset(&row[cnt], 0, sizeof(row[cnt]));
			TEXT(row[cnt].session, "%s", name);
			fill_tcp(g->reply[l], &row[cnt++]);
		}
	}
	return known ? (int)cnt : err_set(e, -ENOENT, "there is no session '%.32s'", session);
}

/* The lane that has the session and its index; -ENOENT with the words when there is none. */
static int
lane_of_session(const struct gateway *g, const char *name, uint32_t *session_idx, struct err *e)
{
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		for (uint32_t l = 0; l < g->lane_cnt; l++)
			if (strcmp(g->config->sessions[i].name, name) == 0 &&
			    g->lane[l]->has.session[i] != NULL) {
				*session_idx = i;
				return (int)l;
			}
	return err_set(e, -ENOENT, "there is no session '%.32s'", name);
}

static int
ask_venue(void *ctx, const char *session, enum state_ask what, const struct state_scope *scope,
	  struct err *e)
{
	static const char *const WORD[] = {
		[STATE_ASK_MASS_CANCEL] = "mass cancel",
		[STATE_ASK_DISABLE] = "disable order entry",
		[STATE_ASK_ENABLE] = "enable order entry",
		[STATE_ASK_ACCOUNT] = "account query",
	};
	struct command request = { .kind = COMMAND_SESSION_ASK };
	const char *symbol = scope->symbol;
	struct gateway *g = ctx;
	int lane, rc;

	static_assert((int)STATE_ASK_MASS_CANCEL == ENCODE_ASK_MASS_CANCEL &&
			      (int)STATE_ASK_DISABLE == ENCODE_ASK_DISABLE &&
			      (int)STATE_ASK_ENABLE == ENCODE_ASK_ENABLE &&
			      (int)STATE_ASK_ACCOUNT == ENCODE_ASK_ACCOUNT,
		      "the numbers are the lane's");
	if (symbol != NULL && strlen(symbol) > sizeof(request.symbol))
		return err_set(e, -EINVAL, "symbol: '%.20s' is longer than %zu characters", symbol,
			       sizeof(request.symbol));
	lane = lane_of_session(g, session, &request.arg[0], e);
	if (lane < 0)
		return lane;
	request.arg[1] = what;
	request.arg[2] = (uint8_t)scope->side | (uint32_t)scope->group_id << 16;
	memset(request.symbol, ' ', sizeof(request.symbol));
	if (symbol != NULL)
		memcpy(request.symbol, symbol, strlen(symbol));
	rc = ask(g, (uint32_t)lane, &request);
	if (rc == -ENOTCONN)
		return err_set(e, rc, "session %s is not up; nothing was sent", session);
	if (rc == -ENOTSUP)
		return err_set(e, rc, "session %s speaks OUCH 4.2, which has no %s", session,
			       WORD[what]);
	if (rc == -EAGAIN)
		return err_set(e, rc,
			       "session %s: the venue's limit of messages is reached; try again",
			       session);
	if (rc != 0)
		return err_set(e, rc, "session %s cannot be asked: %s", session, strerror(-rc));
	event_log_say(g->log, now_ns(), EVENT_NOTICE, "session %s: %s sent, %s", session,
		      WORD[what], symbol == NULL ? "for all symbols" : symbol);
	return 0;
}

static int
get_unread(void *ctx, const char *session, struct state_unread *row, size_t row_max, struct err *e)
{
	static const char *const WHY[] = {
		[SESSION_UNREAD_ODD] = "counted, with something odd",
		[SESSION_UNREAD_OUT_OF_ORDER] = "no order of ours can get it",
		[REPORT_TYPE_UNKNOWN] = "unknown type",
		[REPORT_LENGTH_BAD] = "wrong length",
		[REPORT_VALUE_BAD] = "impossible value",
		[REPORT_TOKEN_FOREIGN] = "not our token",
	};
	struct command request = { .kind = COMMAND_SESSION_UNREAD };
	const struct session_unread *u;
	struct gateway *g = ctx;
	const int lane = lane_of_session(g, session, &request.arg[0], e);
	uint32_t cnt;
	int rc;

	static_assert((int)STATE_UNREAD_MAX == SESSION_UNREAD_MAX &&
			      (int)STATE_UNREAD_BYTES == SESSION_UNREAD_BYTES,
		      "all of them fit");
	if (lane < 0)
		return lane;
	rc = ask(g, (uint32_t)lane, &request);
	if (rc != 0)
		return err_set(e, rc, "session %s cannot be asked: %s", session, strerror(-rc));
	u = g->reply[lane];
	cnt = g->lane[lane]->command.reply_cnt;
	for (uint32_t i = 0; i < cnt && i < row_max; i++) {
		row[i] =
			(struct state_unread){ .ns = u[i].rx_ns, .seq = u[i].seq, .len = u[i].len };
		TEXT(row[i].why, "%s", u[i].why < ARRAY_CNT(WHY) ? WHY[u[i].why] : "?");
		for (uint32_t k = 0; k < u[i].len && k < SESSION_UNREAD_BYTES; k++)
			snprintf(row[i].hex + 2 * k, 3, "%02x", u[i].bytes[k]);
	}
	return (int)cnt;
}

bool
state_gateway_sessions_closed(struct gateway *g)
{
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			const struct command request = { .kind = COMMAND_SESSION, .arg = { i } };
			const struct command_session *s = g->reply[l];

			if (g->lane[l]->has.session[i] == NULL || ask(g, l, &request) != 0)
				continue; // who cannot answer cannot close either
			if (s->tcp_state != TCP_STATE_CLOSED && s->tcp_state != TCP_STATE_TIME_WAIT)
				return false;
		}
	return true;
}

/*
 * Books, orders, positions: what only their lanes may read
 */

static int
get_book(void *ctx, const char *symbol, uint32_t depth, struct state_book *out, struct err *e)
{
	return state_books_get(ctx, symbol, depth, now_ns(), out, e);
}

static int
get_queues(void *ctx, const char *symbol, uint32_t depth, struct state_queues *out, struct err *e)
{
	return state_books_queues(ctx, symbol, depth, out, e);
}

static void
fill_order(const struct gateway *g, const struct orders_view *v, struct state_order *out)
{
	const struct config *c = g->config;
	const char *symbol = config_symbol(c, v->order.instr_idx);

	memset(out, 0, sizeof(*out));
	if (symbol != NULL)
		TEXT(out->symbol, "%s", symbol);
	if (v->session_idx < c->sessions_cnt)
		TEXT(out->session, "%s", c->sessions[v->session_idx].name);
	if (v->order.strategy_idx < c->strategies_cnt)
		TEXT(out->strategy, "%s", c->strategies[v->order.strategy_idx].name);
	out->token = v->order.token;
	out->venue_ref = v->order.order_ref;
	out->side = v->order.side;
	out->state = v->order.state;
	out->px4 = v->order.px4;
	out->qty = v->order.total_qty;
	out->open_qty = v->order.open_qty;
	out->executed_qty = v->order.executed_qty;
	out->reject_code = v->order.reject_code;
	out->sent_ns = v->order.sent_ns;
}

struct order_rows {
	const struct gateway *g;
	struct state_order *row;
	size_t row_max;
	size_t cnt; // may be more
};

static void
take_orders(void *ctx, const void *row, uint32_t cnt)
{
	const struct orders_view *view = row;
	struct order_rows *to = ctx;

	for (uint32_t i = 0; i < cnt; i++, to->cnt++)
		if (to->cnt < to->row_max)
			fill_order(to->g, &view[i], &to->row[to->cnt]);
}

static int
get_orders(void *ctx, bool all, struct state_order *row, size_t row_max, struct err *e)
{
	struct gateway *g = ctx;
	struct order_rows rows = { .g = g, .row = row, .row_max = row_max };

	for (uint32_t s = 0; s < g->config->sessions_cnt; s++)
		for (uint32_t l = 0; l < g->lane_cnt; l++) {
			struct command request = { .kind = COMMAND_ORDERS, .arg = { s, 0, all } };
			int rc;

			if (g->lane[l]->has.session[s] == NULL)
				continue;
			rc = ask_all(g, l, &request, 1, take_orders, &rows, e);
			if (rc < 0)
				return rc;
		}
	return (int)rows.cnt;
}

/*
 * Latency, configuration, events
 */

static int
get_config(void *ctx, struct state_config *row, size_t row_max)
{
	return state_config_rows(((struct gateway *)ctx)->config, row, row_max);
}

static int
get_events(void *ctx, struct state_event *row, size_t row_max)
{
	struct gateway *g = ctx;

	return g->log == NULL ? 0 : event_log_recent(g->log, row, row_max);
}

/*
 * Metrics: every module's list, once per instance
 */

struct emitter {
	state_metric_fn *fn;
	void *arg;
};

static void
emit(const struct emitter *to, const char *module, const struct metric_def *def, size_t cnt,
     const uint64_t *value, const struct state_label *label, uint32_t label_cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		struct state_metric m = {
			.module = module,
			.name = def[i].name,
			.help = def[i].help,
			.counter = def[i].counter,
			.label_cnt = label_cnt,
			.value = metric_get(&value[i]),
		};

		if (label_cnt != 0)
			memcpy(m.label, label, label_cnt * sizeof(*label));
		to->fn(to->arg, &m);
	}
}

/* All of one struct of counters; one that is not just its list is a build error. */
#define EMIT(to, module, def, metrics, ...)                                                      \
	do {                                                                                     \
		const struct state_label label_[] = { __VA_ARGS__ };                             \
                                                                                                 \
		static_assert(sizeof(*(metrics)) == ARRAY_CNT(def) * sizeof(uint64_t),           \
			      "the counters of " module " are those of its list");               \
		emit((to), (module), (def), ARRAY_CNT(def), (const uint64_t *)(metrics), label_, \
		     ARRAY_CNT(label_));                                                         \
	} while (0)

static void
emit_recovery(const struct emitter *to, const struct recovery *r, const char *feed)
{
	EMIT(to, "recover", RECOVER_METRIC, &r->recover.metrics, { "feed", feed });
	EMIT(to, "recovery", RECOVERY_METRIC, &r->metrics, { "feed", feed });
	if (!r->recover.has_snapshot)
		return;
	EMIT(to, "soup", SOUP_METRIC, &r->soup.metrics, { "feed", feed });
	EMIT(to, "tcp", TCP_METRIC, &r->tcp.metrics, { "feed", feed });
}

static void
emit_ingress(const struct emitter *to, const struct gateway *g, const struct lane *l)
{
	const struct config *c = g->config;

	for (uint32_t i = 0; i < l->rxq_cnt; i++)
		if (l->rxq[i].rx != NULL)
			EMIT(to, "rx", RX_METRIC, &l->rxq[i].rx->metrics, { "lane", l->name },
			     { "port", c->ports[l->rxq[i].port_idx].name });
	for (uint32_t f = 0; f < c->feeds_cnt; f++) {
		const char *feed = c->feeds[f].name;

		if (l->arb[f] != NULL) {
			EMIT(to, "arb", ARB_METRIC, &l->arb[f]->metrics, { "feed", feed });
			for (uint32_t i = 0; i < l->arb[f]->line_cnt; i++) {
				const char line[] = { (char)('0' + i), '\0' };

				EMIT(to, "arb_line", ARB_LINE_METRIC, &l->arb[f]->line[i].metrics,
				     { "feed", feed }, { "line", line });
			}
		}
		if (l->recovery[f] != NULL)
			emit_recovery(to, l->recovery[f], feed);
		if (l->parse[f] != NULL)
			EMIT(to, "parse", PARSE_METRIC, &l->parse[f]->metrics, { "lane", l->name },
			     { "feed", feed });
		if (l->book[f] != NULL)
			EMIT(to, "book", BOOK_METRIC, &l->book[f]->metrics, { "lane", l->name },
			     { "feed", feed });
	}
}

static void
emit_drop_copy(const struct emitter *to, const struct drop_session *d, const char *session)
{
	char name[STATE_NAME_MAX];

	EMIT(to, "drop_copy", DROP_COPY_METRIC, &d->copy.metrics, { "session", session });
	EMIT(to, "drop_session", DROP_SESSION_METRIC, &d->metrics, { "session", session });
	snprintf(name, sizeof(name), "%.20s.copy", session); // its own of what sessions have too
	EMIT(to, "soup", SOUP_METRIC, &d->soup.metrics, { "session", name });
	EMIT(to, "tcp", TCP_METRIC, &d->tcp.metrics, { "session", name });
	EMIT(to, "unframe", UNFRAME_METRIC, &d->unframe.metrics, { "session", name });
}

static void
emit_session(const struct emitter *to, const struct session *s, const char *name)
{
	if (s->drop != NULL)
		emit_drop_copy(to, s->drop, name);
	EMIT(to, "orders", ORDERS_METRIC, &s->orders.metrics, { "session", name });
	EMIT(to, "encode", ENCODE_METRIC, &s->encode.metrics, { "session", name });
	EMIT(to, "session", SESSION_METRIC, &s->metrics, { "session", name });
	EMIT(to, "order_session", ORDER_SESSION_METRIC, &s->life.metrics, { "session", name });
	EMIT(to, "soup", SOUP_METRIC, &s->life.soup.metrics, { "session", name });
	EMIT(to, "tcp", TCP_METRIC, &s->tcp.metrics, { "session", name });
	EMIT(to, "unframe", UNFRAME_METRIC, &s->unframe.metrics, { "session", name });
	EMIT(to, "report", REPORT_METRIC, &s->decode.metrics, { "session", name });
}

static void
emit_port(const struct emitter *to, const struct lane_port *p, const char *name)
{
	EMIT(to, "host", HOST_METRIC, &p->host.metrics, { "port", name });
	EMIT(to, "arp", ARP_METRIC, &p->host.arp.metrics, { "port", name });
	EMIT(to, "icmp", ICMP_METRIC, &p->host.icmp.metrics, { "port", name });
	EMIT(to, "igmp", IGMP_METRIC, &p->host.igmp.metrics, { "port", name });
	EMIT(to, "port_tx", PORT_TX_METRIC, &p->tx.metrics, { "port", name });
}

static int
get_metrics(void *ctx, state_metric_fn *fn, void *arg)
{
	const struct emitter to = { .fn = fn, .arg = arg };
	struct gateway *g = ctx;
	const struct config *c = g->config;

	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		const struct lane *l = g->lane[i];

		EMIT(&to, "lane_loop", LANE_METRIC, &l->metrics, { "lane", l->name });
		emit_ingress(&to, g, l);
		for (uint32_t k = 0; k < c->strategies_cnt; k++)
			if (l->has.strategy[k] != NULL)
				EMIT(&to, "strategy", STRATEGY_METRIC,
				     &l->has.strategy[k]->base.metrics,
				     { "strategy", c->strategies[k].name });
		if (l->has.risk != NULL)
			EMIT(&to, "risk", RISK_METRIC, &l->has.risk->metrics, { "lane", l->name });
		for (uint32_t k = 0; k < c->sessions_cnt; k++)
			if (l->has.session[k] != NULL)
				emit_session(&to, l->has.session[k], c->sessions[k].name);
		for (uint32_t k = 0; k < c->ports_cnt; k++)
			if (l->port[k] != NULL)
				emit_port(&to, l->port[k], c->ports[k].name);
	}
	for (uint32_t i = 0; i < c->ports_cnt; i++)
		if (capture_metrics_of(g, i) != NULL)
			EMIT(&to, "capture", CAPTURE_METRIC, capture_metrics_of(g, i),
			     { "port", c->ports[i].name });
	state_books_metrics(g, now_ns(), fn, arg);
	breaker_watch_metrics(g, fn, arg);
	state_journal_metrics(g, fn, arg);
	if (g->ctl != NULL)
		emit(&to, "ctl", CTL_METRIC, ARRAY_CNT(CTL_METRIC),
		     (const uint64_t *)ctl_server_metrics(g->ctl), NULL, 0);
	return 0;
}

void
state_gateway_source(struct gateway *g, struct state_source *out)
{
	*out = (struct state_source){
		.ctx = g,
		.status = get_status,
		.ports = get_ports,
		.lanes = get_lanes,
		.feeds = state_feed_rows,
		.feed_recover = state_feed_recover,
		.sessions = get_sessions,
		.tcp = get_tcp,
		.session_ask = ask_venue,
		.session_unread = get_unread,
		.book = get_book,
		.queues = get_queues,
		.orders = get_orders,
		.positions = state_positions,
		.latency = latency_source_rows,
		.latency_reset = latency_source_reset,
		.latency_interval = latency_source_interval,
		.latency_export = latency_source_export,
		.outliers = outlier_source_rows,
		.outliers_reset = outlier_source_reset,
		.limits = state_limits,
		.limits_set = state_set_limit,
		.limits_change = state_change_limits,
		.risk = state_risk_rows,
		.config = get_config,
		.manifest = gateway_manifest_rows,
		.metrics = get_metrics,
		.events = get_events,
		.cancel = state_cancel,
		.settle = state_settle,
		.modify = state_modify,
		.session_set = state_session_set,
		.halt = state_halt,
		.resume = state_resume,
		.arm = state_arm,
		.disarm = state_disarm,
		.kill = kill_source_fire,
		.kill_release = kill_source_release,
		.kill_state = kill_source_state,
		.drop_copies = drop_source_rows,
		.drop_findings = drop_source_findings,
		.drop_release = drop_source_release,
		.breakers = breaker_source_rows,
		.breaker_rearm = breaker_source_rearm,
		.reload = reload_source,
		.log_reopen = log_reopen_source,
		.capture_start = capture_source_start,
		.capture_stop = capture_source_stop,
		.captures = capture_source_rows,
	};
}
