/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_SESSION_H
#define SLUICE_LANE_SESSION_H

#include "base/event.h"
#include "base/journal.h"
#include "egress/encode_ouch42.h"
#include "egress/encode_ouch50.h"
#include "egress/orders.h"
#include "egress/throttle.h"
#include "lane/lane_port.h"
#include "net/order_session.h"
#include "net/tcp_clear.h"
#include "net/tcp_fast.h"
#include "returns/report_ouch42.h"
#include "returns/report_ouch50.h"
#include "returns/unframe.h"

/* What became of a request that was to be sent. */
enum session_send {
	SESSION_SENT,    // in the port's next burst
	SESSION_QUEUED,  // a cancel that waits for the window
	SESSION_REFUSED, // nothing left, and nothing will
};

struct session_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "lane/session_metrics.def"
#undef METRIC
};

enum {
	SESSION_PEER_MAX = 4,
};

struct drop_session;

/*
 * An order of an earlier process, and whose position its executions are (fill.booked_as).  0: it
 * ended, and its instrument is not configured any more: what a replay says of it is left out.
 */
struct session_booked {
	uint32_t token;
	uint8_t booked_as;
};

/* One of the venue's addresses, in host order. */
struct session_peer {
	uint32_t ip;
	uint16_t port;
};

/* What becomes of orders that worked when the connection was lost. */
enum session_on_disconnect {
	SESSION_KEEP,
	SESSION_VENUE_CANCELS,       // what the replay does not end is cancelled, and told
	SESSION_CANCEL_ON_RECONNECT, // as soon as the session is up again
};

/* A connection that an earlier process may have left at the venue. */
struct session_half_open {
	bool known;
	uint32_t local_ip;
	uint32_t peer_ip;
	uint16_t local_port;
	uint16_t peer_port;
	uint32_t snd_una;
	uint32_t rcv_nxt;
};

enum {
	SESSION_UNREAD_ODD = REPORT_DECODED,           // it counted, but something in it is odd
	SESSION_UNREAD_OUT_OF_ORDER = REPORT_NO_ORDER, // no order of ours can get it
	SESSION_UNREAD_MAX = 32,
	SESSION_UNREAD_BYTES = 108, // the longest fixed part has 66; what is longer is cut
};

/* A message of the venue that was not understood, as it came. */
struct session_unread {
	uint64_t rx_ns;
	uint64_t seq; // of the message in the SoupBinTCP session
	uint16_t len; // of the whole message
	uint8_t why;  // enum report_verdict; SESSION_UNREAD_ODD, SESSION_UNREAD_OUT_OF_ORDER
	uint8_t pad;
	uint8_t bytes[SESSION_UNREAD_BYTES];
};
static_assert(sizeof(struct session_unread) == 2 * CACHE_LINE, "thirty-two are a page");

struct session_config {
	uint8_t session_idx;
	struct session_half_open half_open;         // cleared before the first login
	uint8_t on_disconnect;                      // enum session_on_disconnect
	struct session_peer peer[SESSION_PEER_MAX]; // the first is tcp's; life.peer_cnt of them
	struct throttle_config throttle;
	uint64_t ack_late_cycles; // see struct session
	uint64_t link_down_ns;    // how long link or neighbour may be away
	struct order_session_config life;
	struct tcp_config tcp; // without its buffers; local_port 0: one of the ephemeral range
	struct encode_config encode;
	uint32_t orders_max;
	uint32_t executions_max;
	uint32_t first_token; // 0 counts as 1
	uint32_t token_end;   // see orders_allow_tokens; 0: no end
	uint16_t instr_cnt;
	const char *const *symbol; // by instr_idx; NULL for those of other sessions
};

/*
 * An order connection: orders, encode, tcp and report of one session.  Everything here is written
 * by the session's lane.
 */
struct session {
	struct tcp tcp;
	struct order_session life;
	struct unframe unframe;
	struct report_decode decode;
	struct orders orders;
	struct lane_port *port;
	struct event_sink *events;
	struct journal *journal;             // the lane's; NULL: nothing is written down
	const struct session_booked *booked; // earlier processes' orders, by token
	uint32_t booked_cnt;
	struct drop_session *drop; // what its executions are compared with; NULL: nothing
	uint8_t idx;
	uint8_t protocol; // enum order_session_protocol
	uint8_t on_disconnect;
	bool wants_turn; // there is more to give back than there was room for
	bool cancel_all; // every working order is to be cancelled
	bool connecting; // tcp is in use, or waits for the neighbour
	bool awaits_mac;
	bool established; // life knows that the connection is there
	bool is_up;       // orders knows that it may send
	bool fixed_local_port;
	bool in_doubt;      // the venue has not told all, and orders of unknown fate are left
	uint32_t ack_token; // an order whose answer is timed, 0: none
	uint64_t ack_sent_tsc;
	uint64_t ack_late_cycles; // an answer that takes longer is counted; 0: none
	uint32_t ack_late_told;   // the timed order that was counted before its answer came
	uint64_t doubt_told;      // reports lost or not understood, as far as they were acted on
	uint32_t cancel_cursor;   // where the walk over working orders stands
	uint32_t cancel_token;    // one order to cancel or modify; 0: none
	uint32_t modify_qty;      // 0: to cancel
	uint8_t modify_flags;     // enum intent_flag: how a sale shall be marked; 0: as it is
	uint64_t up_ns;           // when it last became UP
	uint64_t away_ns;         // since when link or neighbour are away; 0: they are there
	uint64_t link_down_ns;
	struct session_half_open half_open; // known: to be cleared before anything else
	struct tcp_clear clear;
	uint64_t clear_ns;     // when that began
	uint64_t back_told;    // logins that went back, as far as they were acted on
	uint64_t back_up;      // the same, as far as orders were doubted for it
	uint64_t kill_next_ns; // when the kill switch cancels again
	uint8_t kill_step;     // of session_look_at_kill
	struct throttle throttle;
	struct session_peer peer[SESSION_PEER_MAX];
	struct tcp_config tcp_config;
	struct session_metrics metrics;
	struct encode encode;
	const uint8_t *in_hand; // the message of the last report, until the next one is asked for
	uint16_t in_hand_len;
	uint64_t out_of_order_told;
	uint64_t gave_up_told;
	uint64_t schedule_on_told;
	uint64_t schedule_off_told;
	uint64_t unread_cnt; // ever; the newest SESSION_UNREAD_MAX are kept
	struct session_unread unread[SESSION_UNREAD_MAX];
};

/*
 * Memory   the order table and both TCP buffers, from the arena.
 * Returns  0, or a negative errno; *s is then not to be used
 */
COLD int session_init(struct session *s, const struct session_config *c, struct lane_port *port,
		      struct event_sink *events, struct arena *arena);

/* Wipes the password. */
COLD void session_fini(struct session *s);

/*
 * Timers of the connection, the login and the orders; opens and closes the connection.
 *
 * killed   the kill switch is on
 * Thread   the lane, in housekeeping
 */
COLD void session_housekeeping(struct session *s, bool killed, uint64_t now_ns);

/* An execution of an order that this process did not send: whose it is, where the journal knows. */
COLD void session_book(const struct session *s, uint32_t token, struct fill *f);

/* Whether reports about an order nobody here knows are left out: booked_as. */
COLD bool session_leaves_out(const struct session *s, uint32_t token);

/* The connection is gone or closed: what was not answered is now unknown. */
COLD void session_lost(struct session *s, uint64_t now_ns);

/* Anything but a report; what it asks for is done. */
COLD void session_act(struct session *s, enum order_session_act act, uint64_t now_ns);

/*
 * Sends an operator's request.  scope: which orders a mass cancel means.
 *
 * Returns  0
 *          -ENOTCONN  the session is not up
 *          -ENOTSUP   OUCH 4.2 has no such request
 *          -EAGAIN    the venue's limit of messages is reached, or TCP's buffer full
 *          -ERANGE    no number is left for it today
 */
COLD int session_ask(struct session *s, enum encode_ask ask, const struct encode_scope *scope,
		     uint64_t now_ns);

/* Keeps a message that was not understood, and tells. */
COLD void session_keep_unread(struct session *s, const uint8_t *msg, uint16_t len,
			      enum report_verdict why, uint64_t now_ns);

/* What the venue says for people: in the log, in pieces of 32 characters, four at most. */
COLD void session_tell_debug(struct session *s, const uint8_t *text, uint16_t len);

/* Keeps the message in hand, which counted although something in it is odd. */
COLD void session_keep_odd(struct session *s, uint8_t odd, uint64_t now_ns);

/* The same for one that no order of ours can get, and orders counted. */
COLD void session_keep_out_of_order(struct session *s, uint64_t now_ns);

/* Reports so far about orders that nobody knows, or that cannot get them in their state. */
HOT_INLINE uint64_t
session_out_of_order_cnt(const struct session *s)
{
	const struct orders_metrics *m = &s->orders.metrics;

	return m->illegal_transition + m->report_unknown_token + m->execution_unknown +
	       m->break_unknown + m->correction_unknown + m->correction_mismatch;
}

/* Orders has read the report that session_next_report gave. */
HOT_INLINE void
session_after_report(struct session *s, uint64_t now_ns)
{
	if (unlikely(session_out_of_order_cnt(s) != s->out_of_order_told))
		session_keep_out_of_order(s, now_ns);
}

/* Cancels every order that works now; those that come later are not meant. */
COLD void session_cancel_all(struct session *s);

/*
 * An operator says that orders of unknown fate are not in the market; token 0: all of them.
 *
 * Returns  how many
 *          -ENOENT  no such order is in the market
 *          -EBUSY   its fate is known, or about to be
 */
COLD int session_settle(struct session *s, uint32_t token);

/*
 * While the kill switch is on, what works at the venue is cancelled: by one mass cancel where the
 * protocol has it, then one by one within the throttle, again each second until nothing is left.
 * The session's lane does so by itself, whether the control thread lives or not.
 *
 * Thread   the lane, in housekeeping
 */
COLD void session_look_at_kill(struct session *s, bool killed, uint64_t now_ns);

/* A timed order whose answer is not there after ack_late_cycles is counted before it comes. */
COLD void session_look_at_ack(struct session *s);

/*
 * What an operator asked for one order; then the next working order as a cancel, while cancel_all
 * is on.  False when none is left.
 */
COLD bool session_next_cancel(struct session *s, struct order *out);

/* Whatever the connection has to send by itself: acknowledgements, retransmissions, queued bytes.
 */
COLD void session_emit(struct session *s, uint64_t now_ns);

/* The audit journal gets a request's bytes, as they go to the connection. */
HOT_INLINE void
session_journal_request(struct session *s, const struct venue_request *q, const uint8_t *bytes,
			uint16_t len, uint64_t now_ns)
{
	struct journal_slot slot;
	struct journal_wire *w = (struct journal_wire *)(void *)slot.body;

	if (s->journal == NULL)
		return;
	slot.instr_idx = q->instr_idx;
	slot.source_idx = s->idx;
	slot.kind = JOURNAL_WIRE_OUT;
	slot.ns = now_ns > q->rx_ns ? now_ns : q->rx_ns;
	slot.arg = q->orig_token;
	slot.feed_seq = q->feed_seq;
	slot.rx_ns = q->rx_ns;
	w->token = q->token;
	w->intent_id = q->intent_id;
	w->strategy_idx = q->strategy_idx;
	w->kind = q->kind;
	journal_put_wire(s->journal, &slot, bytes, len);
}

/* What is said on the connection beside orders.  A login's password is blanked. */
COLD void session_journal_packet(struct session *s, const uint8_t *packet, uint16_t len,
				 uint64_t now_ns);

/* The audit journal gets a message of the venue; token: the order it is about, 0: none. */
HOT_INLINE void
session_journal_message(struct session *s, uint8_t type, const uint8_t *payload, uint16_t len,
			uint32_t token, uint64_t now_ns)
{
	struct journal_slot slot;
	struct journal_wire *w = (struct journal_wire *)(void *)slot.body;

	if (s->journal == NULL)
		return;
	slot.instr_idx = 0;
	slot.source_idx = s->idx;
	slot.kind = JOURNAL_WIRE_IN;
	slot.ns = now_ns;
	slot.arg = (uint32_t)soup_session_seq(&s->life.soup) - 1;
	slot.feed_seq = 0;
	slot.rx_ns = now_ns;
	w->token = token;
	w->intent_id = 0;
	w->strategy_idx = 0;
	w->kind = type;
	journal_put_wire(s->journal, &slot, payload, len);
}

/* ... and what it says about an order. */
HOT_INLINE void
session_journal_report(struct session *s, const struct report *r, uint64_t now_ns)
{
	struct journal_slot slot = {
		.instr_idx = r->instr_idx,
		.source_idx = s->idx,
		.kind = JOURNAL_REPORT,
		.ns = now_ns,
		.arg = r->type | (uint32_t)r->side << 8 |
		       (uint32_t)(r->type == REPORT_CANCELED ? r->reason : r->reject_code) << 16,
		.rx_ns = r->ts_ns,
	};
	const struct journal_report body = {
		.token = r->token,
		.orig_token = r->orig_token,
		.qty = r->qty,
		.px4 = (uint32_t)r->px4,
		.match_ref = r->match_ref,
		.order_ref = r->order_ref,
	};

	memcpy(slot.body, &body, sizeof(body));
	journal_put(s->journal, &slot);
}

/* Whether an order can leave at once. */
HOT_INLINE bool
session_is_open(const struct session *s)
{
	return order_session_is_up(&s->life) && s->port->host.link_up &&
	       tcp_fast_has_room(&s->tcp, s->encode.packet_max);
}

/* Whether the venue's limit of messages leaves room for one more. */
HOT_INLINE bool
session_may_send(struct session *s, uint8_t kind, uint64_t now_ns)
{
	if (likely(throttle_allows(&s->throttle, kind == INTENT_CANCEL, now_ns)))
		return true;
	metric_add(&s->metrics.throttle_reached, 1);
	return false;
}

/* Writes a request as bytes of the venue's protocol. */
HOT_INLINE uint16_t
session_encode(struct session *s, const struct venue_request *q, uint8_t *out)
{
	return s->protocol == ORDER_SESSION_OUCH50 ? encode_ouch50_request(&s->encode, q, out)
						   : encode_ouch42_request(&s->encode, q, out);
}

/* A request left: heartbeats and the venue's limit of messages go by it. */
HOT_INLINE void
session_on_sent(struct session *s, uint64_t now_ns)
{
	order_session_on_sent(&s->life, now_ns);
	throttle_on_sent(&s->throttle, now_ns);
}

/* Of an order with many options. */
static HOT_APART uint16_t
session_finish_long(struct tcp *c, uint8_t *frame, uint16_t len, uint64_t now_ns)
{
	return tcp_frame_finish(c, frame, len, now_ns);
}

/* What session_encode wrote becomes a frame: tcp_frame_finish. */
HOT_INLINE uint16_t
session_finish(struct session *s, uint8_t *frame, uint16_t len, uint64_t now_ns)
{
	if (likely(len <= CACHE_LINE)) // encode fills it up
		return tcp_frame_finish_as(&s->tcp, frame, len, now_ns, true);
	return session_finish_long(&s->tcp, frame, len, now_ns);
}

/*
 * Makes the request a frame in the port's next burst.  The venue's bytes are written where they are
 * sent from.  A new order or a replace leaves now or not at all: one that waits for a window is
 * older than its decision.  A cancel may wait.  After SESSION_SENT follows session_on_sent, before
 * anything else of the session.
 */
HOT_INLINE enum session_send
session_send(struct session *s, const struct venue_request *q, uint64_t now_ns)
{
	struct port_tx *tx = &s->port->tx;
	uint8_t *frame = port_tx_room(tx);
	uint16_t len, frame_len;
	uint8_t *payload;

	if (unlikely(frame == NULL)) { // the burst is full, or the pool empty
		port_tx_flush(tx);
		frame = port_tx_room(tx);
		if (frame == NULL)
			return SESSION_REFUSED;
	}
	payload = tcp_frame_start(&s->tcp, frame);
	len = session_encode(s, q, payload);
	if (unlikely(len == 0))
		return SESSION_REFUSED;
	frame_len = session_finish(s, frame, len, now_ns);
	if (likely(frame_len != 0)) {
		session_journal_request(s, q, payload, len, now_ns);
		port_tx_add(tx, frame_len);
		return SESSION_SENT;
	}
	if (q->kind != INTENT_CANCEL || !tcp_can_send(&s->tcp) || tcp_send_room(&s->tcp) < len)
		return SESSION_REFUSED;
	session_journal_request(s, q, payload, len, now_ns);
	tcp_send(&s->tcp, payload, len);
	session_on_sent(s, now_ns);
	throttle_on_queued(&s->throttle);
	return SESSION_QUEUED;
}

/* What the next order will touch comes near.  After orders were sent, off their way. */
HOT_INLINE void
session_prepare(struct session *s)
{
	tcp_frames_sent(&s->tcp);
	orders_prepare(&s->orders);
	encode_prepare(&s->encode, s->orders.next_token);
	tcp_fast_prepare(&s->tcp);
}

/*
 * Finds the instrument of an order that an earlier process sent: the venue's answer to it, in the
 * replay, has the symbol.  msg is the message *out was made of.
 */
COLD void session_find_instrument(const struct session *s, const uint8_t *msg, struct report *out);

/*
 * The next message of the venue that is about an order; false when there is none.  Everything else
 * that came before it was dealt with.
 */
HOT_INLINE bool
session_next_report(struct session *s, struct report *out, uint64_t now_ns)
{
	const uint8_t *data;

	for (;;) {
		const uint32_t len = tcp_peek(&s->tcp, &data);
		struct unframe_packet packet;
		struct unframe_walk walk;
		enum report_verdict verdict;
		enum unframe_verdict found;
		enum order_session_act act;

		if (len == 0)
			return false;
		unframe_start(&walk, data, len);
		found = unframe_next(&s->unframe, &walk, &packet);
		if (found == UNFRAME_MORE)
			return false;
		if (unlikely(found == UNFRAME_BROKEN)) {
			s->life.why = ORDER_SESSION_WHY_BROKEN;
			session_lost(s, now_ns);
			return false;
		}
		act = order_session_on_packet(&s->life, packet.type, packet.payload, packet.len,
					      now_ns);
		if (likely(act == ORDER_SESSION_REPORT)) {
			verdict = s->protocol == ORDER_SESSION_OUCH50
					  ? report_ouch50_on_message(&s->decode, packet.payload,
								     packet.len, out)
					  : report_ouch42_on_message(&s->decode, packet.payload,
								     packet.len, out);
			if (unlikely(verdict == REPORT_DECODED &&
				     (out->type == REPORT_ACCEPTED ||
				      out->type == REPORT_REPLACED) &&
				     orders_of_token(&s->orders, out->token) == NULL))
				session_find_instrument(s, packet.payload, out);
			session_journal_message(s, packet.type, packet.payload, packet.len,
						verdict == REPORT_DECODED ? out->token : 0, now_ns);
			if (unlikely(verdict > REPORT_NO_ORDER))
				session_keep_unread(s, packet.payload, packet.len, verdict, now_ns);
			tcp_consume(&s->tcp, (uint32_t)unframe_used(&walk));
			metric_add(&s->metrics.report_received, 1);
			if (unlikely(verdict <= REPORT_NO_ORDER && out->odd != 0)) {
				s->in_hand = packet.payload;
				s->in_hand_len = packet.len;
				session_keep_odd(s, out->odd, now_ns);
			}
			if (verdict == REPORT_DECODED) {
				s->in_hand = packet.payload;
				s->in_hand_len = packet.len;
				out->rx_ns = now_ns;
				session_journal_report(s, out, now_ns);
				order_session_on_token(&s->life, out->token);
				if (unlikely(orders_of_token(&s->orders, out->token) == NULL) &&
				    session_leaves_out(s, out->token)) {
					metric_add(&s->metrics.report_left_out, 1);
					continue;
				}
				return true;
			}
			continue;
		}
		if (packet.type != SOUP_SERVER_HEARTBEAT)
			session_journal_message(s, packet.type, packet.payload, packet.len, 0,
						now_ns);
		if (unlikely(packet.type == SOUP_DEBUG))
			session_tell_debug(s, packet.payload, packet.len);
		tcp_consume(&s->tcp, (uint32_t)unframe_used(&walk));
		if (act != ORDER_SESSION_NONE)
			session_act(s, act, now_ns);
	}
}

#endif
