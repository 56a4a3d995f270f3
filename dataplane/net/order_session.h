/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_ORDER_SESSION_H
#define SLUICE_NET_ORDER_SESSION_H

#include "base/metric.h"
#include "net/session_schedule.h"
#include "net/soup_session.h"

/*
 * What stands between a TCP connection and sending orders on it, as one state that the lane's
 * housekeeping drives:
 *
 *   STOPPED --start--> WAIT --time--> CONNECTING --on_connected--> LOGIN --'A'--> QUERY --> UP
 *      ^                ^                 |                          |              |       |
 *      |                +------ lost, late, silent, rejected: each failure waits longer ----+
 *      +-- stop, end of session, wrong password
 *
 * QUERY finds the lowest order number (token) that may be used.  OUCH 5.0 has a question for it,
 * 'Q'.  A login may replay the day, answers to old questions included, and nothing in an answer
 * tells a new one from an old one; so UP waits until the stream has been quiet for settle_ns, and
 * the last answer counts.  OUCH 4.2 has no such question: there the base is the time of day, in
 * steps so fine that no session can have used them up (see order_session_clock_token), and at least
 * the highest token seen.
 *
 * The venue may have several addresses, and each is as good as another: the SoupBinTCP session and
 * the next message's number carry over.  After peer_attempts failures in a row with one, a lost
 * connection included, the next is taken, and after the last the first again.  The first attempt
 * with another address waits reconnect_ns only.
 *
 * A schedule starts and stops the session by itself at its times; between them it does not
 * interfere, so what an operator asked for lasts until the next of its times.  After attempts_max
 * failures in a row the session stays STOPPED.
 *
 * One rule for the lane: an order may leave only while order_session_is_up().
 */
enum order_session_state {
	ORDER_SESSION_STOPPED, // until order_session_start
	ORDER_SESSION_WAIT,    // until retry_ns
	ORDER_SESSION_CONNECTING,
	ORDER_SESSION_LOGIN,
	ORDER_SESSION_QUERY,
	ORDER_SESSION_UP,
	ORDER_SESSION_LOGOUT,
	ORDER_SESSION_STATE_CNT,
};

/* What the lane must do now. */
enum order_session_act {
	ORDER_SESSION_NONE,
	ORDER_SESSION_REPORT,  // the payload is a message of the venue: give it to report
	ORDER_SESSION_CONNECT, // open the connection
	ORDER_SESSION_CLOSE, // close the connection; why says the reason, the state is the next one
	ORDER_SESSION_READY, // orders may go out; their tokens begin at order_session_token_base
};

enum order_session_protocol {
	ORDER_SESSION_OUCH50,
	ORDER_SESSION_OUCH42,
};

/* Why a connection was closed, or is not there. */
enum order_session_why {
	ORDER_SESSION_WHY_NONE,
	ORDER_SESSION_WHY_LOST, // TCP said so
	ORDER_SESSION_WHY_CONNECT_LATE,
	ORDER_SESSION_WHY_QUERY_LATE,
	ORDER_SESSION_WHY_REJECTED, // soup.reject_reason
	ORDER_SESSION_WHY_ENDED,
	ORDER_SESSION_WHY_LOGIN_LATE,
	ORDER_SESSION_WHY_SILENT,
	ORDER_SESSION_WHY_BROKEN,
	ORDER_SESSION_WHY_LINK, // the lane gave it up: no link for too long
	ORDER_SESSION_WHY_NEIGHBOUR,
	ORDER_SESSION_WHY_STOPPED,  // order_session_stop
	ORDER_SESSION_WHY_SCHEDULE, // its hours are over
	ORDER_SESSION_WHY_CNT,
};

struct order_session_config {
	enum order_session_protocol protocol;
	uint8_t user_ref_idx; // OUCH 5.0: our channel of the account
	struct soup_session_config soup;
	uint64_t connect_wait_ns;
	uint64_t query_wait_ns;
	uint64_t settle_ns;        // quiet time after which a replay is over
	uint64_t reconnect_ns;     // wait after the first failure; doubles with each further one
	uint64_t reconnect_max_ns; // longest wait
	uint32_t attempts_max;     // failures in a row before it stays STOPPED; 0: no end
	struct session_schedule schedule;
	uint32_t peer_cnt;      // addresses of the venue; 0 counts as 1
	uint32_t peer_attempts; // failures with one before the next is taken; 0 counts as 1
};

struct order_session_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/order_session_metrics.def"
#undef METRIC
};

/* Owned by the lane of the session. */
struct order_session {
	struct soup_session soup;
	uint8_t state;    // enum order_session_state
	uint8_t protocol; // enum order_session_protocol
	uint8_t why;      // enum order_session_why, of the last close
	bool want_query;
	uint8_t user_ref_idx;
	bool answered;       // the venue named its lowest usable number since the login
	uint32_t failed_cnt; // failures since the last UP
	uint32_t peer_idx;   // which of the venue's addresses the next connection goes to
	uint32_t peer_cnt;
	uint32_t peer_attempts;
	uint32_t peer_failed_cnt; // failures in a row with that address
	uint32_t token_base;      // lowest token that may be used
	uint64_t since_ns;        // when the state began
	uint64_t quiet_ns;        // when the last sequenced message came
	uint64_t retry_ns;        // ORDER_SESSION_WAIT: until then
	uint64_t connect_wait_ns;
	uint64_t query_wait_ns;
	uint64_t settle_ns;
	uint64_t reconnect_ns;
	uint64_t reconnect_max_ns;
	uint32_t attempts_max;
	bool by_schedule; // the logout on its way is the schedule's
	struct session_schedule schedule;
	uint64_t schedule_ns; // when the schedule changes its mind
	struct order_session_metrics metrics;
};

/*
 * Returns  0
 *          -EINVAL  see soup_session_init; or a wait of 0
 */
int order_session_init(struct order_session *o, const struct order_session_config *c);
void order_session_fini(struct order_session *o); // wipes the password

/* The process begins: connects unless the schedule says that it is too early, or too late. */
void order_session_begin(struct order_session *o, uint64_t now_ns);

/* Connects as soon as the next on_time, if it is STOPPED or waits. */
void order_session_start(struct order_session *o, uint64_t now_ns);

/* Logs out if there is something to log out of, and stays STOPPED. */
enum order_session_act order_session_stop(struct order_session *o, uint64_t now_ns);

/* TCP: established; or refused, reset, closed, timed out. */
void order_session_on_connected(struct order_session *o, uint64_t now_ns);
void order_session_on_lost(struct order_session *o, uint64_t now_ns);

/* The lane gives the connection up, for a reason of its own. */
enum order_session_act order_session_give_up(struct order_session *o, enum order_session_why why,
					     uint64_t now_ns);

/* Timers.  Call at least every heartbeat_ns / 4. */
enum order_session_act order_session_on_time(struct order_session *o, uint64_t now_ns);

/*
 * Writes one packet that the session itself wants to send; call until it returns 0.
 *
 * Memory   buf: ORDER_SESSION_TAKE_MAX bytes are enough for any
 */
size_t order_session_take(struct order_session *o, uint8_t *buf, size_t cap, uint64_t now_ns);
#define ORDER_SESSION_TAKE_MAX SOUP_SESSION_TAKE_MAX

COLD enum order_session_act order_session_on_rare(struct order_session *o, enum soup_event event,
						  const uint8_t *payload, uint16_t len,
						  uint64_t now_ns);

/* A packet came on the connection.  At most one act. */
HOT_INLINE enum order_session_act
order_session_on_packet(struct order_session *o, uint8_t type, const uint8_t *payload, uint16_t len,
			uint64_t now_ns)
{
	const enum soup_event event = soup_session_on_packet(&o->soup, type, payload, len, now_ns);

	if (likely(event == SOUP_EVENT_MESSAGE && o->state == ORDER_SESSION_UP && len != 0 &&
		   payload[0] != 'Q')) // an account answer, in OUCH 5.0
		return ORDER_SESSION_REPORT;
	return order_session_on_rare(o, event, payload, len, now_ns);
}

/* The lane sent an order: a heartbeat is not due for a while. */
HOT_INLINE void
order_session_on_sent(struct order_session *o, uint64_t now_ns)
{
	soup_session_on_sent(&o->soup, now_ns);
}

HOT_INLINE bool
order_session_is_up(const struct order_session *o)
{
	return o->state == ORDER_SESSION_UP;
}

/* Lowest token that may be used: valid from ORDER_SESSION_READY on.  Grows only. */
HOT_INLINE uint32_t
order_session_token_base(const struct order_session *o)
{
	return o->token_base;
}

/*
 * The venue told of a token.  While the session is not UP this may be one that an earlier run of
 * this program used: no later one may repeat it.
 */
HOT_INLINE void
order_session_on_token(struct order_session *o, uint32_t token)
{
	if (unlikely(token >= o->token_base && o->state != ORDER_SESSION_UP))
		o->token_base = token == UINT32_MAX ? token : token + 1;
}

/*
 * A token from the clock: 40 per millisecond since 06:00 UTC, which is night on US exchanges in
 * summer and winter.  A run that starts later than another on the same day, and whose predecessor
 * sent fewer than 40,000 orders per second on average, starts above all it used.
 */
uint32_t order_session_clock_token(uint64_t now_ns);

const char *order_session_state_words(enum order_session_state state);
const char *order_session_why_words(enum order_session_why why);

#endif
