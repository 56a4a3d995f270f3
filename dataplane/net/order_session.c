/* SPDX-License-Identifier: Apache-2.0 */
#include "net/order_session.h"

#include <errno.h>

#include "base/units.h"
#include "wire/ouch50.h"

enum {
	TOKENS_PER_MS = 40, // 24 h of them fit in 32 bits
	DAY_START_HOUR = 6, // UTC
	BACKOFF_SHIFT_MAX = 16,
};

static COLD void
enter(struct order_session *o, enum order_session_state state, uint64_t now_ns)
{
	o->state = (uint8_t)state;
	o->since_ns = now_ns;
	metric_set(&o->metrics.state, (uint64_t)state);
}

COLD int
order_session_init(struct order_session *o, const struct order_session_config *c)
{
	int err;

	memset(o, 0, sizeof(*o));
	err = soup_session_init(&o->soup, &c->soup);
	if (err != 0)
		return err;
	if (c->protocol > ORDER_SESSION_OUCH42 || c->connect_wait_ns == 0 ||
	    c->query_wait_ns == 0 || c->reconnect_ns == 0) {
		order_session_fini(o);
		return -EINVAL;
	}
	o->protocol = (uint8_t)c->protocol;
	o->user_ref_idx = c->user_ref_idx;
	o->connect_wait_ns = c->connect_wait_ns;
	o->query_wait_ns = c->query_wait_ns;
	o->settle_ns = c->settle_ns;
	o->reconnect_ns = c->reconnect_ns;
	o->reconnect_max_ns =
		c->reconnect_max_ns > c->reconnect_ns ? c->reconnect_max_ns : c->reconnect_ns;
	o->attempts_max = c->attempts_max;
	o->schedule = c->schedule;
	o->schedule_ns = UINT64_MAX;
	o->peer_cnt = c->peer_cnt == 0 ? 1 : c->peer_cnt;
	o->peer_attempts = c->peer_attempts == 0 ? 1 : c->peer_attempts;
	o->token_base = 1; // OUCH 5.0: the first may be any number from 1 on
	return 0;
}

COLD void
order_session_fini(struct order_session *o)
{
	soup_session_fini(&o->soup);
	o->state = ORDER_SESSION_STOPPED;
}

COLD uint32_t
order_session_clock_token(uint64_t now_ns)
{
	const uint64_t day_ns = 24 * 3600 * NS_PER_SEC;
	const uint64_t since_ns = (now_ns + day_ns - DAY_START_HOUR * 3600 * NS_PER_SEC) % day_ns;

	return (uint32_t)(since_ns * TOKENS_PER_MS / 1000000) + 1;
}

/* How long to wait after so many failures in a row. */
static COLD uint64_t
backoff_ns(const struct order_session *o)
{
	const uint32_t doubled =
		o->failed_cnt < BACKOFF_SHIFT_MAX ? o->failed_cnt : BACKOFF_SHIFT_MAX;
	uint64_t wait_ns;

	if (__builtin_mul_overflow(o->reconnect_ns, 1ULL << doubled, &wait_ns) ||
	    wait_ns > o->reconnect_max_ns)
		return o->reconnect_max_ns;
	return wait_ns;
}

/* The connection is over, or about to be: what comes next depends on why. */
static COLD enum order_session_act
leave(struct order_session *o, enum order_session_why why, uint64_t now_ns)
{
	const bool final = why == ORDER_SESSION_WHY_ENDED || why == ORDER_SESSION_WHY_STOPPED ||
			   why == ORDER_SESSION_WHY_SCHEDULE || o->state == ORDER_SESSION_LOGOUT ||
			   (why == ORDER_SESSION_WHY_REJECTED &&
			    o->soup.reject_reason == SOUP_REJECT_NOT_AUTHORIZED);

	soup_session_on_close(&o->soup);
	o->why = (uint8_t)why;
	o->want_query = false;
	if (final) {
		enter(o, ORDER_SESSION_STOPPED, now_ns);
		return ORDER_SESSION_CLOSE;
	}
	o->retry_ns = now_ns + backoff_ns(o);
	o->failed_cnt++;
	metric_set(&o->metrics.attempt_cnt, o->failed_cnt);
	if (o->attempts_max != 0 && o->failed_cnt >= o->attempts_max) {
		metric_add(&o->metrics.gave_up, 1);
		enter(o, ORDER_SESSION_STOPPED, now_ns);
		return ORDER_SESSION_CLOSE;
	}
	if (++o->peer_failed_cnt >= o->peer_attempts && o->peer_cnt > 1) {
		o->peer_idx = (o->peer_idx + 1) % o->peer_cnt;
		o->peer_failed_cnt = 0;
		o->retry_ns = now_ns + o->reconnect_ns;
		metric_add(&o->metrics.peer_changed, 1);
	}
	enter(o, ORDER_SESSION_WAIT, now_ns);
	return ORDER_SESSION_CLOSE;
}

COLD void
order_session_begin(struct order_session *o, uint64_t now_ns)
{
	o->schedule_ns = session_schedule_next_ns(&o->schedule, now_ns);
	if (session_schedule_is_open(&o->schedule, now_ns)) {
		order_session_start(o, now_ns);
		return;
	}
	o->why = ORDER_SESSION_WHY_SCHEDULE;
	enter(o, ORDER_SESSION_STOPPED, now_ns);
}

COLD void
order_session_start(struct order_session *o, uint64_t now_ns)
{
	if (o->state != ORDER_SESSION_STOPPED && o->state != ORDER_SESSION_WAIT)
		return;
	o->failed_cnt = o->peer_failed_cnt = 0;
	o->retry_ns = now_ns;
	enter(o, ORDER_SESSION_WAIT, now_ns);
}

/* Why a session that is asked to stop is gone. */
static COLD enum order_session_why
stop_why(const struct order_session *o)
{
	return o->by_schedule ? ORDER_SESSION_WHY_SCHEDULE : ORDER_SESSION_WHY_STOPPED;
}

static COLD enum order_session_act
stop(struct order_session *o, uint64_t now_ns)
{
	switch (o->state) {
	case ORDER_SESSION_STOPPED:
	case ORDER_SESSION_LOGOUT:
		return ORDER_SESSION_NONE;
	case ORDER_SESSION_WAIT:
		o->why = (uint8_t)stop_why(o);
		enter(o, ORDER_SESSION_STOPPED, now_ns);
		return ORDER_SESSION_NONE;
	case ORDER_SESSION_CONNECTING:
	case ORDER_SESSION_LOGIN:
		return leave(o, stop_why(o), now_ns);
	default:
		soup_session_logout(&o->soup);
		o->want_query = false;
		enter(o, ORDER_SESSION_LOGOUT, now_ns);
		return ORDER_SESSION_NONE;
	}
}

COLD enum order_session_act
order_session_stop(struct order_session *o, uint64_t now_ns)
{
	o->by_schedule = false;
	return stop(o, now_ns);
}

/* One of the schedule's times has come. */
static COLD enum order_session_act
on_schedule(struct order_session *o, uint64_t now_ns)
{
	o->schedule_ns = session_schedule_next_ns(&o->schedule, now_ns);
	if (session_schedule_is_open(&o->schedule, now_ns)) {
		metric_add(&o->metrics.schedule_connected, 1);
		order_session_start(o, now_ns);
		return ORDER_SESSION_NONE;
	}
	metric_add(&o->metrics.schedule_disconnected, 1);
	o->by_schedule = true;
	return stop(o, now_ns);
}

COLD void
order_session_on_connected(struct order_session *o, uint64_t now_ns)
{
	if (o->state != ORDER_SESSION_CONNECTING)
		return;
	soup_session_on_connect(&o->soup, now_ns);
	enter(o, ORDER_SESSION_LOGIN, now_ns);
}

COLD void
order_session_on_lost(struct order_session *o, uint64_t now_ns)
{
	if (o->state == ORDER_SESSION_STOPPED || o->state == ORDER_SESSION_WAIT)
		return; // we asked for it
	metric_add(&o->metrics.connect_lost, 1);
	(void)leave(o, o->state == ORDER_SESSION_LOGOUT ? stop_why(o) : ORDER_SESSION_WHY_LOST,
		    now_ns);
}

COLD enum order_session_act
order_session_give_up(struct order_session *o, enum order_session_why why, uint64_t now_ns)
{
	if (o->state == ORDER_SESSION_STOPPED || o->state == ORDER_SESSION_WAIT)
		return ORDER_SESSION_NONE;
	metric_add(&o->metrics.connect_lost, 1);
	return leave(o, why, now_ns);
}

static COLD enum order_session_act
on_login(struct order_session *o, uint64_t now_ns)
{
	o->answered = false;
	o->want_query = o->protocol == ORDER_SESSION_OUCH50;
	o->quiet_ns = now_ns;
	if (o->protocol == ORDER_SESSION_OUCH42) {
		const uint32_t base = order_session_clock_token(now_ns);

		// A reconnect goes on above what this run used: its orders told us (on_token).
		if (base > o->token_base)
			o->token_base = base;
	}
	enter(o, ORDER_SESSION_QUERY, now_ns);
	return ORDER_SESSION_NONE;
}

/* Whose numbers an answer is about; -1: nobody can say. */
static COLD int
channel_of(const uint8_t *rest, size_t len)
{
	struct ouch50_option o;
	struct ouch50_walk w;
	int channel = 0;

	if (!ouch50_options_start(&w, rest, len))
		return -1;
	while (ouch50_options_next(&w, &o))
		if (o.tag == OUCH50_TAG_USER_REF_IDX)
			channel = o.value[0];
	return w.bad ? -1 : channel;
}

/* Takes the venue's lowest usable number; false when the message is no account answer. */
static COLD bool
take_answer(struct order_session *o, const uint8_t *payload, uint16_t len)
{
	const struct ouch50_account_answer *m = (const struct ouch50_account_answer *)payload;

	if (o->protocol != ORDER_SESSION_OUCH50 || len < sizeof(*m) ||
	    payload[0] != OUCH50_ACCOUNT_ANSWER ||
	    channel_of(payload + sizeof(*m), len - sizeof(*m)) != o->user_ref_idx)
		return false;
	if (be32_get(m->next_user_ref) > o->token_base) {
		o->token_base = be32_get(m->next_user_ref);
		metric_add(&o->metrics.tokens_raised, 1);
	}
	if (!o->want_query) // it left: an earlier answer cannot be ours
		o->answered = true;
	return true;
}

static COLD enum order_session_why
why_of(enum soup_event event)
{
	switch (event) {
	case SOUP_EVENT_REJECTED:
		return ORDER_SESSION_WHY_REJECTED;
	case SOUP_EVENT_ENDED:
		return ORDER_SESSION_WHY_ENDED;
	case SOUP_EVENT_LOGIN_LATE:
		return ORDER_SESSION_WHY_LOGIN_LATE;
	case SOUP_EVENT_SILENT:
		return ORDER_SESSION_WHY_SILENT;
	default:
		return ORDER_SESSION_WHY_BROKEN;
	}
}

COLD enum order_session_act
order_session_on_rare(struct order_session *o, enum soup_event event, const uint8_t *payload,
		      uint16_t len, uint64_t now_ns)
{
	switch (event) {
	case SOUP_EVENT_NONE:
	case SOUP_EVENT_UNSEQUENCED: // OUCH sends nothing that may be lost
		return ORDER_SESSION_NONE;
	case SOUP_EVENT_UP:
		return on_login(o, now_ns);
	case SOUP_EVENT_MESSAGE:
		o->quiet_ns = now_ns;
		(void)take_answer(o, payload, len);
		return ORDER_SESSION_REPORT;
	default:
		return leave(o, why_of(event), now_ns);
	}
}

static COLD enum order_session_act
on_query_time(struct order_session *o, uint64_t now_ns)
{
	const bool known = o->protocol == ORDER_SESSION_OUCH42 || o->answered;

	if (known && now_ns - o->quiet_ns >= o->settle_ns) {
		o->failed_cnt = o->peer_failed_cnt = 0;
		metric_set(&o->metrics.attempt_cnt, 0);
		o->why = ORDER_SESSION_WHY_NONE;
		metric_add(&o->metrics.came_up, 1);
		enter(o, ORDER_SESSION_UP, now_ns);
		return ORDER_SESSION_READY;
	}
	// a long replay is progress: only silence counts
	if (now_ns - o->quiet_ns >= o->query_wait_ns) {
		metric_add(&o->metrics.query_late, 1);
		return leave(o, ORDER_SESSION_WHY_QUERY_LATE, now_ns);
	}
	return ORDER_SESSION_NONE;
}

COLD enum order_session_act
order_session_on_time(struct order_session *o, uint64_t now_ns)
{
	enum order_session_act act;
	enum soup_event event;

	if (unlikely(now_ns >= o->schedule_ns)) {
		act = on_schedule(o, now_ns);
		if (act != ORDER_SESSION_NONE)
			return act;
	}
	switch (o->state) {
	case ORDER_SESSION_STOPPED:
		return ORDER_SESSION_NONE;
	case ORDER_SESSION_WAIT:
		if (now_ns < o->retry_ns)
			return ORDER_SESSION_NONE;
		metric_add(&o->metrics.connect_started, 1);
		enter(o, ORDER_SESSION_CONNECTING, now_ns);
		return ORDER_SESSION_CONNECT;
	case ORDER_SESSION_CONNECTING:
		if (now_ns - o->since_ns < o->connect_wait_ns)
			return ORDER_SESSION_NONE;
		metric_add(&o->metrics.connect_late, 1);
		return leave(o, ORDER_SESSION_WHY_CONNECT_LATE, now_ns);
	default:
		break;
	}
	event = soup_session_on_time(&o->soup, now_ns);
	if (event != SOUP_EVENT_NONE)
		return leave(o, why_of(event), now_ns);
	if (o->state == ORDER_SESSION_QUERY)
		return on_query_time(o, now_ns);
	if (o->state == ORDER_SESSION_LOGOUT && now_ns - o->since_ns >= o->query_wait_ns)
		return leave(o, stop_why(o), now_ns); // the server did not close
	return ORDER_SESSION_NONE;
}

COLD size_t
order_session_take(struct order_session *o, uint8_t *buf, size_t cap, uint64_t now_ns)
{
	uint8_t msg[sizeof(struct ouch50_account_query) + sizeof(be16) + 3] = {
		OUCH50_ACCOUNT_QUERY, 0, 3, 2, OUCH50_TAG_USER_REF_IDX, o->user_ref_idx,
	};
	const uint16_t len =
		o->user_ref_idx == 0 ? sizeof(struct ouch50_account_query) : (uint16_t)sizeof(msg);
	const struct soup_head head = soup_head_of(SOUP_UNSEQUENCED, len);

	if (!o->want_query)
		return soup_session_take(&o->soup, buf, cap, now_ns);
	if (cap < sizeof(head) + len)
		return 0;
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), msg, len);
	o->want_query = false;
	metric_add(&o->metrics.query_sent, 1);
	soup_session_on_sent(&o->soup, now_ns);
	return sizeof(head) + len;
}

COLD const char *
order_session_state_words(enum order_session_state state)
{
	static const char *const WORDS[ORDER_SESSION_STATE_CNT] = {
		[ORDER_SESSION_STOPPED] = "stopped",
		[ORDER_SESSION_WAIT] = "waiting to connect again",
		[ORDER_SESSION_CONNECTING] = "connecting",
		[ORDER_SESSION_LOGIN] = "logging in",
		[ORDER_SESSION_QUERY] = "finding the next order number",
		[ORDER_SESSION_UP] = "up",
		[ORDER_SESSION_LOGOUT] = "logging out",
	};

	return state < ORDER_SESSION_STATE_CNT ? WORDS[state] : "unknown state";
}

COLD const char *
order_session_why_words(enum order_session_why why)
{
	static const char *const WORDS[ORDER_SESSION_WHY_CNT] = {
		[ORDER_SESSION_WHY_NONE] = "no reason",
		[ORDER_SESSION_WHY_LOST] = "the connection was refused, reset or closed",
		[ORDER_SESSION_WHY_CONNECT_LATE] = "the connection was not there in time",
		[ORDER_SESSION_WHY_QUERY_LATE] = "the venue did not answer the account query",
		[ORDER_SESSION_WHY_REJECTED] = "login rejected",
		[ORDER_SESSION_WHY_ENDED] = "the venue ended the session",
		[ORDER_SESSION_WHY_LOGIN_LATE] = "the venue did not answer the login in time",
		[ORDER_SESSION_WHY_SILENT] = "the venue was silent for too long",
		[ORDER_SESSION_WHY_BROKEN] = "the venue broke the session protocol",
		[ORDER_SESSION_WHY_LINK] = "the link was down for too long",
		[ORDER_SESSION_WHY_NEIGHBOUR] = "the neighbour did not answer for too long",
		[ORDER_SESSION_WHY_STOPPED] = "stopped on request",
		[ORDER_SESSION_WHY_SCHEDULE] = "outside the hours of its schedule",
	};

	return why < ORDER_SESSION_WHY_CNT ? WORDS[why] : "unknown reason";
}
