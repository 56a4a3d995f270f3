/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "lane/session.h"

enum {
	LOCAL_PORT_FIRST = 32768, // the ephemeral range that Linux uses too (ip_local_port_range)
	LOCAL_PORT_CNT = 28232,
	FRAMES_PER_EMIT = 16, // of one connection in one turn; the rest follows in the next
};

#define CLEAR_MAC_WAIT_NS 5000000000ULL // guess: a neighbour that is there has answered by then

int
session_init(struct session *s, const struct session_config *c, struct lane_port *port,
	     struct event_sink *events, struct arena *arena)
{
	const struct orders_config orders = {
		.orders_max = c->orders_max,
		.executions_max = c->executions_max,
		.first_token = c->first_token,
		.token_end = c->token_end,
		.session_idx = c->session_idx,
		.any_mark = c->life.protocol == ORDER_SESSION_OUCH42,
		.own_price_styles = encode_own_price_styles(&c->encode),
	};
	int rc;

	memset(s, 0, sizeof(*s));
	s->idx = c->session_idx;
	s->protocol = (uint8_t)c->life.protocol;
	s->port = port;
	s->events = events;
	s->fixed_local_port = c->tcp.local_port != 0;
	s->tcp_config = c->tcp;
	s->tcp_config.rx_buf = arena_take(arena, c->tcp.rx_buf_bytes);
	s->tcp_config.tx_buf = arena_take(arena, c->tcp.tx_buf_bytes);
	if (s->tcp_config.rx_buf == NULL || s->tcp_config.tx_buf == NULL)
		return -ENOMEM;
	s->on_disconnect = c->on_disconnect;
	s->link_down_ns = c->link_down_ns;
	s->ack_late_cycles = c->ack_late_cycles;
	s->half_open = c->half_open;
	memcpy(s->peer, c->peer, sizeof(s->peer));
	if (c->life.peer_cnt > SESSION_PEER_MAX)
		return -EINVAL;
	rc = throttle_init(&s->throttle, &c->throttle, arena);
	if (rc == 0)
		rc = orders_init(&s->orders, &orders, arena);
	if (rc != 0)
		return rc;
	rc = order_session_init(&s->life, &c->life);
	if (rc != 0)
		return rc;
	if (!report_init(&s->decode, c->encode.token_prefix))
		return -EINVAL;
	s->decode.user_ref_idx = c->encode.user_ref_idx;
	rc = s->protocol == ORDER_SESSION_OUCH50 ? encode_ouch50_init(&s->encode, &c->encode)
						 : encode_ouch42_init(&s->encode, &c->encode);
	for (uint16_t i = 1; rc == 0 && i < c->instr_cnt; i++)
		if (c->symbol[i] != NULL)
			rc = encode_name_instrument(&s->encode, i, c->symbol[i]);
	unframe_init(&s->unframe);
	if (rc == 0 && tcp_init(&s->tcp, &s->tcp_config) != 0)
		rc = -EINVAL;
	return rc;
}

void
session_fini(struct session *s)
{
	order_session_fini(&s->life);
}

/* A port number of our own for each connection, so that an old one's late segments do not fit. */
static uint16_t
next_local_port(struct session *s)
{
	const uint32_t n = (uint32_t)(clock_tsc() >> 12) + (uint32_t)s->metrics.connect_tried;

	return (uint16_t)(LOCAL_PORT_FIRST + n % LOCAL_PORT_CNT);
}

/* Opens the connection as soon as the way to the venue is known. */
static void
connect_now(struct session *s, uint64_t now_ns)
{
	struct tcp_config *c = &s->tcp_config;
	const struct session_peer *peer = &s->peer[s->life.peer_idx];

	if (peer->ip != 0) {
		c->peer_ip = peer->ip;
		c->peer_port = peer->port;
	}
	if (!host_find_mac(&s->port->host, c->peer_ip, now_ns, c->peer_mac))
		return; // the host asks; housekeeping comes back here
	s->awaits_mac = false;
	if (!s->fixed_local_port)
		c->local_port = next_local_port(s);
	unframe_init(&s->unframe);
	if (tcp_init(&s->tcp, c) != 0 || !tcp_connect(&s->tcp, now_ns)) {
		s->connecting = false;
		order_session_on_lost(&s->life, now_ns);
		return;
	}
	event_put(s->events, EVENT_TCP_CONNECTING, s->idx, c->peer_ip, c->peer_port);
	session_emit(s, now_ns);
}

/* EVENT_TCP_LOST's list of reasons. */
static uint64_t
lost_reason(const struct session *s)
{
	static const uint8_t REASON[TCP_END_CNT] = {
		[TCP_END_CLOSED] = 1,   [TCP_END_RESET] = 2,       [TCP_END_CONNECT] = 3,
		[TCP_END_REFUSED] = 4,  [TCP_END_TIMEOUT] = 5,     [TCP_END_KEEPALIVE] = 6,
		[TCP_END_ABORTED] = 10, [TCP_END_UNREACHABLE] = 7,
	};

	if (s->life.why == ORDER_SESSION_WHY_BROKEN)
		return 11;
	if (s->life.why == ORDER_SESSION_WHY_NEIGHBOUR)
		return 7;
	if (s->life.why == ORDER_SESSION_WHY_LINK)
		return 8;
	if (tcp_state_of(&s->tcp) != TCP_STATE_CLOSED)
		return 1; // the venue's half is closed, and nothing is left to read
	return REASON[tcp_end_of(&s->tcp)];
}

/* Orders learn that nothing more is answered on this connection. */
static void
orders_down(struct session *s)
{
	if (s->is_up)
		event_put(s->events, EVENT_SESSION_DOWN, s->idx, s->orders.open_cnt);
	if (s->is_up && s->in_doubt)
		s->in_doubt = orders_unknown_cnt(&s->orders, 0) != 0;
	s->is_up = false;
	s->ack_token = 0;
	orders_on_session_down(&s->orders);
	s->wants_turn = true;
}

void
session_lost(struct session *s, uint64_t now_ns)
{
	if (!s->connecting)
		return;
	s->connecting = false;
	metric_add(&s->metrics.session_lost, 1);
	event_put(s->events, EVENT_TCP_LOST, s->idx, lost_reason(s));
	if (s->life.why == ORDER_SESSION_WHY_BROKEN)
		tcp_abort(&s->tcp, now_ns);
	else if (tcp_state_of(&s->tcp) != TCP_STATE_CLOSED)
		tcp_close(&s->tcp, now_ns); // the venue closed first: so do we, in order
	session_emit(s, now_ns);
	orders_down(s);
	order_session_on_lost(&s->life, now_ns);
}

void
session_journal_packet(struct session *s, const uint8_t *packet, uint16_t len, uint64_t now_ns)
{
	const struct soup_head *head = (const struct soup_head *)packet;
	const struct venue_request none = { .kind = JOURNAL_NO_ORDER,
					    .strategy_idx = STRATEGY_NONE };
	uint8_t copy[ORDER_SESSION_TAKE_MAX];

	if (s->journal == NULL || len < sizeof(*head) || head->type == SOUP_CLIENT_HEARTBEAT)
		return;
	if (head->type != SOUP_LOGIN_REQUEST) {
		session_journal_request(s, &none, packet, len, now_ns);
		return;
	}
	if (len > sizeof(copy))
		len = sizeof(copy);
	memcpy(copy, packet, len);
	if (len > offsetof(struct soup_login_request, password)) {
		const size_t at = offsetof(struct soup_login_request, password);
		const size_t end = at + SOUP_PASSWORD_LEN;

		memset(copy + at, '*', (end < len ? end : len) - at);
	}
	session_journal_request(s, &none, copy, len, now_ns);
}

int
session_ask(struct session *s, enum encode_ask ask, const struct encode_scope *scope,
	    uint64_t now_ns)
{
	uint8_t packet[ENCODE_PACKET_MAX];
	uint32_t token = 0;
	uint16_t len;

	if (s->protocol != ORDER_SESSION_OUCH50)
		return -ENOTSUP;
	if (!order_session_is_up(&s->life) || !tcp_can_send(&s->tcp))
		return -ENOTCONN;
	if (tcp_send_room(&s->tcp) < sizeof(packet) || !session_may_send(s, INTENT_CANCEL, now_ns))
		return -EAGAIN;
	if (ask != ENCODE_ASK_ACCOUNT) {
		token = orders_take_number(&s->orders);
		if (token == 0)
			return -ERANGE;
	}
	len = encode_ouch50_ask(&s->encode, ask, token, scope, packet);
	session_journal_packet(s, packet, len, now_ns);
	tcp_send(&s->tcp, packet, len);
	order_session_on_sent(&s->life, now_ns);
	throttle_on_sent(&s->throttle, now_ns);
	throttle_on_queued(&s->throttle);
	session_emit(s, now_ns);
	return 0;
}

static const struct session_unread *
keep(struct session *s, const uint8_t *msg, uint16_t len, uint8_t why, uint64_t now_ns)
{
	struct session_unread *u = &s->unread[s->unread_cnt++ % SESSION_UNREAD_MAX];

	*u = (struct session_unread){
		.rx_ns = now_ns,
		.seq = soup_session_seq(&s->life.soup) - 1,
		.len = len,
		.why = why,
	};
	memcpy(u->bytes, msg, len < sizeof(u->bytes) ? len : sizeof(u->bytes));
	metric_add(&s->metrics.message_unread, 1);
	return u;
}

void
session_keep_unread(struct session *s, const uint8_t *msg, uint16_t len, enum report_verdict why,
		    uint64_t now_ns)
{
	const struct session_unread *u = keep(s, msg, len, (uint8_t)why, now_ns);

	event_put(s->events, EVENT_REPORT_MALFORMED, s->idx, u->seq, len == 0 ? 0 : msg[0], len);
}

void
session_keep_odd(struct session *s, uint8_t odd, uint64_t now_ns)
{
	const struct session_unread *u =
		keep(s, s->in_hand, s->in_hand_len, SESSION_UNREAD_ODD, now_ns);

	event_put(s->events, EVENT_REPORT_ODD, s->idx, u->seq, s->in_hand[0], odd);
}

void
session_keep_out_of_order(struct session *s, uint64_t now_ns)
{
	const struct session_unread *u =
		keep(s, s->in_hand, s->in_hand_len, SESSION_UNREAD_OUT_OF_ORDER, now_ns);

	s->out_of_order_told = session_out_of_order_cnt(s);
	event_put(s->events, EVENT_REPORT_OUT_OF_ORDER, s->idx, u->seq, s->in_hand[0]);
}

void
session_tell_debug(struct session *s, const uint8_t *text, uint16_t len)
{
	char piece[4 * 8];

	for (unsigned i = 0, at = 0; i < 4 && at < len; i++, at += sizeof(piece)) {
		const size_t n = len - at < sizeof(piece) ? len - at : sizeof(piece);

		memset(piece, 0, sizeof(piece));
		for (size_t k = 0; k < n; k++)
			piece[k] = text[at + k] >= ' ' && text[at + k] <= '~' ? (char)text[at + k]
									      : '?';
		event_put(s->events, EVENT_VENUE_DEBUG, s->idx, event_text(piece, 8),
			  event_text(piece + 8, 8), event_text(piece + 16, 8),
			  event_text(piece + 24, 8));
	}
}

int
session_settle(struct session *s, uint32_t token)
{
	struct orders_view v;

	if (orders_walks(&s->orders)) // they are being told, one by one
		return -EBUSY;
	if (token != 0 &&
	    (!orders_view_token(&s->orders, token, &v) || order_state_is_end(v.order.state)))
		return -ENOENT;
	if (token != 0 && v.order.state != ORDER_UNKNOWN)
		return -EBUSY;
	s->wants_turn = true;
	return (int)orders_settle(&s->orders, token);
}

void
session_cancel_all(struct session *s)
{
	s->cancel_all = true;
	s->cancel_cursor = 0;
	s->wants_turn = true;
}

/* The replay is over: orders of before the disconnect may still work. */
static void
cancel_survivors(struct session *s)
{
	if (s->on_disconnect == SESSION_KEEP || s->orders.open_cnt == 0)
		return;
	event_put(s->events,
		  s->on_disconnect == SESSION_VENUE_CANCELS ? EVENT_ORDERS_SURVIVED
							    : EVENT_ORDERS_LEFT,
		  s->idx, s->orders.open_cnt);
	session_cancel_all(s);
}

/*
 * Orders may leave again.  Whatever the replay did not end is settled by it, unless messages are
 * missing in it, or were in an earlier one and nobody has settled what that left open: then nobody
 * knows of any order whether it works.
 */
static void
orders_up(struct session *s)
{
	const uint32_t next_token = order_session_token_base(&s->life);
	const uint64_t back_cnt = s->life.soup.metrics.sequence_back;

	s->in_doubt |= s->life.soup.missed_cnt != 0 || back_cnt != s->back_up;
	s->back_up = back_cnt;
	if (likely(!s->in_doubt)) {
		orders_on_session_up(&s->orders, next_token);
		return;
	}
	orders_on_session_up(&s->orders, 0);
	orders_raise_number(&s->orders, next_token);
	orders_doubt(&s->orders);
	if (s->orders.open_cnt != 0)
		event_put(s->events, EVENT_ORDERS_UNKNOWN, s->idx, s->orders.open_cnt);
}

void
session_act(struct session *s, enum order_session_act act, uint64_t now_ns)
{
	switch (act) {
	case ORDER_SESSION_CONNECT:
		metric_add(&s->metrics.connect_tried, 1);
		s->connecting = true;
		s->awaits_mac = true;
		s->established = false;
		connect_now(s, now_ns);
		break;
	case ORDER_SESSION_CLOSE:
		if (s->life.why == ORDER_SESSION_WHY_LINK ||
		    s->life.why == ORDER_SESSION_WHY_NEIGHBOUR)
			event_put(s->events, EVENT_TCP_LOST, s->idx, lost_reason(s));
		if (s->life.why == ORDER_SESSION_WHY_REJECTED)
			event_put(s->events, EVENT_LOGIN_REJECTED, s->idx,
				  s->life.soup.reject_reason);
		else if (s->life.why == ORDER_SESSION_WHY_ENDED)
			event_put(s->events, EVENT_SESSION_ENDED, s->idx);
		else if (s->life.why == ORDER_SESSION_WHY_SILENT)
			event_put(s->events, EVENT_SESSION_SILENT, s->idx, s->life.soup.silence_ns);
		if (s->connecting) {
			metric_add(&s->metrics.session_lost, 1);
			if (s->life.why == ORDER_SESSION_WHY_STOPPED ||
			    s->life.why == ORDER_SESSION_WHY_SCHEDULE ||
			    s->life.why == ORDER_SESSION_WHY_ENDED)
				tcp_close(&s->tcp, now_ns);
			else
				tcp_abort(&s->tcp, now_ns);
			session_emit(s, now_ns);
		}
		s->connecting = false;
		orders_down(s);
		break;
	case ORDER_SESSION_READY:
		metric_add(&s->metrics.session_up, 1);
		event_put(s->events, EVENT_LOGIN_ACCEPTED, s->idx,
			  event_text(s->life.soup.session, 8),
			  event_text(s->life.soup.session + 8, 2), soup_session_seq(&s->life.soup));
		event_put(s->events, EVENT_SESSION_UP, s->idx);
		s->is_up = true;
		s->up_ns = now_ns;
		orders_up(s);
		s->wants_turn = true;
		cancel_survivors(s);
		break;
	case ORDER_SESSION_NONE:
	case ORDER_SESSION_REPORT:
		break;
	}
}

/* The rest of session_emit, when the venue's limit counts what waits for TCP's window. */
static void
note_waiting(struct session *s, uint64_t now_ns)
{
	if (s->throttle.waiting_cnt != 0)
		throttle_on_wait(&s->throttle, !seq_before(s->tcp.snd_nxt, s->tcp.tx_end), now_ns);
}

static void
emit(struct session *s, uint64_t now_ns)
{
	struct port_tx *tx = &s->port->tx;

	for (unsigned i = 0; i < FRAMES_PER_EMIT; i++) {
		uint8_t *frame = port_tx_room(tx);
		uint16_t len;

		if (frame == NULL)
			return;
		len = tcp_next_frame(&s->tcp, frame, tx->frame_len_max, now_ns);
		if (len == 0)
			return;
		port_tx_add(tx, len);
	}
}

void
session_emit(struct session *s, uint64_t now_ns)
{
	emit(s, now_ns);
	note_waiting(s, now_ns);
}

/*
 * A report that was lost, could not be read, or is about an order nobody knows may be an execution:
 * our positions may be wrong, so no order leaves until somebody has looked.
 */
static void
look_for_doubt(struct session *s)
{
	const uint64_t unread = s->decode.metrics.length_bad + s->decode.metrics.value_bad;
	const uint64_t unknown =
		s->orders.metrics.execution_unknown + s->orders.metrics.break_unknown;
	const uint64_t doubt = unread + unknown + s->life.soup.missed_cnt;
	const uint64_t back_cnt = s->life.soup.metrics.sequence_back;

	if (unlikely(back_cnt != s->back_told)) {
		s->back_told = back_cnt;
		halt_set(HALT_CONTROL);
		event_put(s->events, EVENT_SESSION_WENT_BACK, s->idx,
			  soup_session_seq(&s->life.soup), s->life.soup.back_seq);
	}
	if (likely(doubt <= s->doubt_told)) {
		s->doubt_told = doubt; // a new login may have missed less
		return;
	}
	s->doubt_told = doubt;
	halt_set(HALT_CONTROL);
	event_put(s->events, EVENT_REPORTS_DOUBTFUL, s->idx, unread, unknown,
		  s->life.soup.missed_cnt);
}

/* The earlier process's connection is gone, or nobody can say: now ours may begin. */
static void
clear_ended(struct session *s, bool gone)
{
	s->half_open.known = false;
	if (gone) {
		metric_add(&s->metrics.half_open_cleared, 1);
		event_put(s->events, EVENT_HALF_OPEN_CLEARED, s->idx, s->half_open.local_port,
			  s->clear.rst_cnt);
	} else {
		metric_add(&s->metrics.half_open_unproven, 1);
		event_put(s->events, EVENT_HALF_OPEN_UNPROVEN, s->idx, s->half_open.local_port);
	}
}

/* Clears what an earlier process left, before the first login. */
static void
clear_half_open(struct session *s, uint64_t now_ns)
{
	const struct session_half_open *h = &s->half_open;
	struct tcp_way way = {
		.local_ip = h->local_ip,
		.peer_ip = h->peer_ip,
		.local_port = h->local_port,
		.peer_port = h->peer_port,
		.vlan_id = s->tcp_config.vlan_id,
	};
	uint8_t *frame;
	uint16_t len;

	if (s->clear_ns == 0)
		s->clear_ns = now_ns;
	if (s->clear.state == TCP_CLEAR_IDLE) {
		if (host_find_mac(&s->port->host, h->peer_ip, now_ns, way.peer_mac)) {
			memcpy(way.local_mac, s->tcp_config.local_mac, sizeof(way.local_mac));
			tcp_clear_start(&s->clear, &way, h->snd_una, h->rcv_nxt, now_ns);
		} else if (now_ns - s->clear_ns >= CLEAR_MAC_WAIT_NS) {
			clear_ended(s, false);
			return;
		}
	}
	tcp_clear_on_time(&s->clear, now_ns);
	while ((frame = port_tx_room(&s->port->tx)) != NULL &&
	       (len = tcp_clear_take(&s->clear, frame)) != 0)
		port_tx_add(&s->port->tx, len);
	if (s->clear.state > TCP_CLEAR_ASKING)
		clear_ended(s, s->clear.state == TCP_CLEAR_GONE);
}

/*
 * A connection without a link or a next hop is given up after a while: TCP alone would go on
 * sending again until its own timeout.  A hop that moved is followed.
 */
static void
look_at_way(struct session *s, uint64_t now_ns)
{
	const bool link_up = s->port->host.link_up;
	uint8_t mac[ETH_ADDR_BYTES];

	if (!s->established || !s->connecting) {
		s->away_ns = 0;
		return;
	}
	if (link_up && host_find_mac(&s->port->host, s->tcp_config.peer_ip, now_ns, mac)) {
		s->away_ns = 0;
		if (memcmp(mac, s->tcp_config.peer_mac, sizeof(mac)) != 0) {
			memcpy(s->tcp_config.peer_mac, mac, sizeof(mac));
			tcp_set_peer_mac(&s->tcp, mac);
			metric_add(&s->metrics.neighbour_moved, 1);
		}
		return;
	}
	if (s->away_ns == 0)
		s->away_ns = now_ns;
	if (now_ns - s->away_ns < s->link_down_ns)
		return;
	s->away_ns = 0;
	metric_add(&s->metrics.link_given_up, 1);
	session_act(s,
		    order_session_give_up(
			    &s->life,
			    link_up ? ORDER_SESSION_WHY_NEIGHBOUR : ORDER_SESSION_WHY_LINK, now_ns),
		    now_ns);
}

/* The session does not try again, or its schedule spoke. */
static void
tell_life(struct session *s)
{
	const struct order_session_metrics *m = &s->life.metrics;

	if (unlikely(m->gave_up != s->gave_up_told))
		event_put(s->events, EVENT_SESSION_GAVE_UP, s->idx, s->life.attempts_max);
	if (unlikely(m->schedule_connected != s->schedule_on_told))
		event_put(s->events, EVENT_SESSION_SCHEDULE, s->idx, 1);
	if (unlikely(m->schedule_disconnected != s->schedule_off_told))
		event_put(s->events, EVENT_SESSION_SCHEDULE, s->idx, 0);
	s->gave_up_told = m->gave_up;
	s->schedule_on_told = m->schedule_connected;
	s->schedule_off_told = m->schedule_disconnected;
}

/* The next of the venue's addresses was taken. */
static void
tell_peer(struct session *s, uint32_t peer_idx)
{
	if (unlikely(s->life.peer_idx != peer_idx))
		event_put(s->events, EVENT_SESSION_PEER, s->idx, s->life.peer_attempts,
			  s->peer[s->life.peer_idx].ip, s->peer[s->life.peer_idx].port);
}

/* What the session itself wants to say; a query is a message like an order. */
static void
take_packets(struct session *s, uint64_t now_ns)
{
	uint8_t packet[ORDER_SESSION_TAKE_MAX];
	size_t len;

	if (s->established && s->life.soup.want_login)
		event_put(s->events, EVENT_LOGIN_SENT, s->idx, soup_session_seq(&s->life.soup));
	while (s->established && tcp_can_send(&s->tcp) &&
	       tcp_send_room(&s->tcp) >= sizeof(packet)) {
		const bool query = s->life.want_query;

		if (query && !session_may_send(s, INTENT_CANCEL, now_ns))
			break;
		len = order_session_take(&s->life, packet, sizeof(packet), now_ns);
		if (len == 0)
			break;
		session_journal_packet(s, packet, (uint16_t)len, now_ns);
		tcp_send(&s->tcp, packet, (uint32_t)len);
		if (query) {
			throttle_on_sent(&s->throttle, now_ns);
			throttle_on_queued(&s->throttle);
		}
	}
	explicit_bzero(packet, sizeof(packet)); // a login has the password in it
}

void
session_housekeeping(struct session *s, bool killed, uint64_t now_ns)
{
	const uint32_t peer_idx = s->life.peer_idx;

	throttle_on_burst(&s->throttle, now_ns); // what waited and left was in no order's burst
	if (unlikely(s->half_open.known)) {
		clear_half_open(s, now_ns);
		return;
	}
	look_at_way(s, now_ns);
	if (s->connecting) {
		tcp_advance(&s->tcp, now_ns);
		if (s->awaits_mac) {
			connect_now(s, now_ns);
		} else if (!s->established && tcp_state_of(&s->tcp) == TCP_STATE_ESTABLISHED) {
			s->established = true;
			metric_add(&s->metrics.connect_done, 1);
			event_put(s->events, EVENT_TCP_CONNECTED, s->idx, s->tcp_config.peer_ip,
				  s->tcp_config.peer_port, now_ns - s->life.since_ns);
			order_session_on_connected(&s->life, now_ns);
		} else if (tcp_state_of(&s->tcp) == TCP_STATE_CLOSED || tcp_at_end(&s->tcp)) {
			session_lost(s, now_ns);
		}
	} else if (tcp_state_of(&s->tcp) != TCP_STATE_CLOSED) {
		tcp_advance(&s->tcp, now_ns); // the rest of an orderly close
	}
	session_act(s, order_session_on_time(&s->life, now_ns), now_ns);
	if (s->is_up) // an account answer may tell that somebody else used numbers
		orders_raise_number(&s->orders, order_session_token_base(&s->life));
	look_for_doubt(s);
	session_look_at_kill(s, killed, now_ns);
	session_look_at_ack(s);
	tell_peer(s, peer_idx);
	tell_life(s);
	take_packets(s, now_ns);
	session_emit(s, now_ns);
}

/* False when the order has ended, is being cancelled, or the replay will say what became of it. */
static bool
cancel_of(const struct session *s, const struct orders_view *v, struct order *out)
{
	if (order_state_is_end(v->order.state) || v->order.state == ORDER_PENDING_CANCEL ||
	    (v->order.state == ORDER_UNKNOWN && !s->is_up))
		return false;
	*out = (struct order){
		.head.instr_idx = v->order.instr_idx,
		.kind = INTENT_CANCEL,
		.side = v->order.side,
		.orig_id = v->order.intent_id,
		.intent_id = v->order.intent_id,
		.strategy_idx = v->order.strategy_idx,
		.session_idx = s->idx,
	};
	return true;
}

bool
session_next_cancel(struct session *s, struct order *out)
{
	const uint32_t token = s->cancel_token;
	struct orders_view v;

	s->cancel_token = 0;
	if (token != 0 && orders_view_token(&s->orders, token, &v) && cancel_of(s, &v, out)) {
		if (s->modify_qty != 0) {
			out->kind = INTENT_MODIFY;
			out->qty = s->modify_qty;
			out->flags = s->modify_flags;
		}
		return true;
	}
	while (s->cancel_all) {
		if (!orders_view_next(&s->orders, &s->cancel_cursor, &v)) {
			s->cancel_all = false;
			s->cancel_cursor = 0;
			return false;
		}
		if (cancel_of(s, &v, out))
			return true;
	}
	return false;
}

/* The earlier process's order of that number; NULL: none is known. */
static const struct session_booked *
booked_of(const struct session *s, uint32_t token)
{
	uint32_t from = 0, to = s->booked_cnt;

	while (from < to) {
		const uint32_t mid = from + (to - from) / 2;

		if (s->booked[mid].token == token)
			return &s->booked[mid];
		if (s->booked[mid].token < token)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

COLD void
session_book(const struct session *s, uint32_t token, struct fill *f)
{
	const struct session_booked *b = booked_of(s, token);

	if (b != NULL)
		f->booked_as = b->booked_as;
}

COLD bool
session_leaves_out(const struct session *s, uint32_t token)
{
	const struct session_booked *b = booked_of(s, token);

	return b != NULL && b->booked_as == 0;
}

COLD void
session_find_instrument(const struct session *s, const uint8_t *msg, struct report *out)
{
	const bool replaced = out->type == REPORT_REPLACED;
	const char *symbol;
	uint64_t wanted;

	if (s->protocol == ORDER_SESSION_OUCH50)
		symbol = replaced ? ((const struct ouch50_replaced *)msg)->symbol
				  : ((const struct ouch50_accepted *)msg)->symbol;
	else
		symbol = replaced ? ((const struct ouch42_replaced *)msg)->symbol
				  : ((const struct ouch42_accepted *)msg)->symbol;
	memcpy(&wanted, symbol, sizeof(wanted));
	for (uint16_t i = 1; i < INSTR_MAX; i++)
		if (s->encode.symbol[i] == wanted)
			out->instr_idx = i;
}
