/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_SOUP_SESSION_H
#define SLUICE_NET_SOUP_SESSION_H

#include "base/metric.h"
#include "wire/soupbintcp.h"

/*
 * The client's side of a SoupBinTCP session: login, heartbeats both ways, sequence numbers, logout.
 * It reads packets and writes packets; the connection below it and the clock are the caller's.
 *
 *   CLOSED --on_connect--> LOGIN --'A'--> UP --'Z'--> ENDED
 *      ^                     |             |            |
 *      +------on_close-------+-------------+------------+
 *
 * The session's name and the next sequence number outlive a connection: the next login goes on
 * where this one stopped.  After ENDED the next login begins a new session.
 */
enum soup_state {
	SOUP_CLOSED,
	SOUP_LOGIN,
	SOUP_UP,
	SOUP_LOGGING_OUT, // the request is on its way; the server closes
	SOUP_ENDED,       // no message will come any more
	SOUP_STATE_CNT,
};

/* What a packet or the time brought.  After those marked * the caller closes the connection. */
enum soup_event {
	SOUP_EVENT_NONE,        // nothing the caller must act on
	SOUP_EVENT_MESSAGE,     // 'S': its number is soup_session_seq() - 1
	SOUP_EVENT_UNSEQUENCED, // 'U', since 4.00
	SOUP_EVENT_UP,          // login accepted
	SOUP_EVENT_REJECTED,    // * login refused: reject_reason
	SOUP_EVENT_ENDED,       // * end of session
	SOUP_EVENT_LOGIN_LATE,  // * no answer to the login
	SOUP_EVENT_SILENT,      // * nothing received for silence_ns
	SOUP_EVENT_BROKEN,      // * the server broke the protocol
	SOUP_EVENT_CNT,
};

struct soup_session_config {
	enum soup_edition edition;
	char username[SOUP_USERNAME_LEN + 1];
	char password[SOUP_PASSWORD_LEN + 1];
	char session[SOUP_SESSION_LEN + 1]; // empty: the one in progress
	uint64_t first_seq;                 // of the first login: 1 all of the day, 0 from now on
	uint64_t heartbeat_ns;              // longest silence of ours; the document says 1 s
	uint64_t silence_ns;                // longest silence of the server's; 15 s is usual
	uint64_t login_wait_ns; // longest wait for an answer to the login; 30 s is usual
};

struct soup_session_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "net/soup_session_metrics.def"
#undef METRIC
};

/*
 * Owned by the lane of the session.  The password is in it: fini wipes it, and nothing prints it.
 * Times are nanoseconds of any clock that does not go back.
 */
struct soup_session {
	uint8_t state; // enum soup_state
	uint8_t edition;
	bool want_login; // packets to be taken
	bool want_logout;
	bool want_heartbeat;
	uint8_t reject_reason; // of the last rejected login, 0: none yet
	uint64_t next_seq;   // of the next sequenced message; before the login: the one to ask for
	uint64_t back_seq;   // what we asked for when the server last went on below it
	uint64_t missed_cnt; // messages we asked for at the last login and will not get
	uint64_t tx_ns;      // when something was last sent
	uint64_t rx_ns;      // when something was last received
	uint64_t connect_ns;
	uint64_t heartbeat_ns;
	uint64_t silence_ns;
	uint64_t login_wait_ns;
	uint64_t first_seq;
	char session[SOUP_SESSION_LEN]; // padded on the right; blank: any
	char config_session[SOUP_SESSION_LEN];
	bool session_known; // session is one that the server named
	char username[SOUP_USERNAME_LEN];
	char password[SOUP_PASSWORD_LEN];
	struct soup_session_metrics metrics;
};

/*
 * Returns  0
 *          -EINVAL  a name is too long or not printable ASCII, or a time is 0
 */
int soup_session_init(struct soup_session *s, const struct soup_session_config *c);

/* Wipes the password. */
void soup_session_fini(struct soup_session *s);

/* The connection is there: a login is ready to be taken. */
void soup_session_on_connect(struct soup_session *s, uint64_t now_ns);

/* The connection is gone, whoever closed it. */
void soup_session_on_close(struct soup_session *s);

/* Asks the server to close.  Without effect unless UP. */
void soup_session_logout(struct soup_session *s);

/* Forgets the session and its numbers: the next login is the first again. */
void soup_session_restart(struct soup_session *s);

/*
 * Writes one packet that the session itself wants to send; call until it returns 0.
 *
 * Returns  bytes written; 0 when there is nothing, or cap has no room for it
 */
size_t soup_session_take(struct soup_session *s, uint8_t *buf, size_t cap, uint64_t now_ns);

/* Longest packet that soup_session_take writes. */
#define SOUP_SESSION_TAKE_MAX sizeof(struct soup_login_request_410)

/* Looks at the timers.  Call at least every heartbeat_ns / 4. */
enum soup_event soup_session_on_time(struct soup_session *s, uint64_t now_ns);

/* Number of the next sequenced message. */
HOT_INLINE uint64_t
soup_session_seq(const struct soup_session *s)
{
	return s->next_seq;
}

/* The caller sent a packet of its own on the connection: a heartbeat is not due for a while. */
HOT_INLINE void
soup_session_on_sent(struct soup_session *s, uint64_t now_ns)
{
	s->tx_ns = now_ns;
}

COLD enum soup_event soup_session_on_rare(struct soup_session *s, uint8_t type,
					  const uint8_t *payload, uint16_t len, uint64_t now_ns);

/* A packet came.  For SOUP_EVENT_MESSAGE the payload is one message of the protocol above. */
HOT_INLINE enum soup_event
soup_session_on_packet(struct soup_session *s, uint8_t type, const uint8_t *payload, uint16_t len,
		       uint64_t now_ns)
{
	s->rx_ns = now_ns;
	if (likely(type == SOUP_SEQUENCED && s->state == SOUP_UP)) {
		s->next_seq++;
		metric_add(&s->metrics.sequenced_received, 1);
		return SOUP_EVENT_MESSAGE;
	}
	return soup_session_on_rare(s, type, payload, len, now_ns);
}

/* Words for people: the control plane prints them. */
const char *soup_state_words(enum soup_state state);
const char *soup_event_words(enum soup_event event);
const char *soup_reject_words(uint8_t reason);

/*
 * Describes the session in one line: state, user, session, next number.  Never the password.
 *
 * Returns  characters written, without the final 0; cut at cap - 1
 */
size_t soup_session_dump(const struct soup_session *s, char *buf, size_t cap);

#endif
