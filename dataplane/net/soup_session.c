/* SPDX-License-Identifier: Apache-2.0 */
#include "net/soup_session.h"

#include <errno.h>

/* Pads with spaces on the right.  False when src is too long or no printable ASCII. */
static COLD bool
put_alpha(char *dst, size_t len, const char *src)
{
	const size_t have = strnlen(src, len + 1);

	if (have > len)
		return false;
	for (size_t i = 0; i < have; i++) {
		if (src[i] < ' ' || src[i] > '~')
			return false;
	}
	memset(dst, ' ', len);
	memcpy(dst, src, have);
	return true;
}

/* Decimal digits at the right end, spaces before them.  False when value has too many digits. */
static COLD bool
put_decimal(char *dst, size_t len, uint64_t value)
{
	memset(dst, ' ', len);
	do {
		if (len == 0)
			return false;
		dst[--len] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return true;
}

/* Digits with spaces on either side.  False for anything else, and beyond 64 bits. */
static COLD bool
get_decimal(const char *src, size_t len, uint64_t *value)
{
	size_t at = 0, digits = 0;

	*value = 0;
	while (at < len && src[at] == ' ')
		at++;
	for (; at < len && src[at] >= '0' && src[at] <= '9'; at++, digits++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(src[at] - '0'), value))
			return false;
	}
	while (at < len && src[at] == ' ')
		at++;
	return at == len && digits != 0;
}

/* Moves what stands on the right side of a field to the left: servers pad on either. */
static COLD void
align_left(char *dst, const char *src, size_t len)
{
	size_t from = 0;

	while (from < len && src[from] == ' ')
		from++;
	memset(dst, ' ', len);
	memcpy(dst, src + from, len - from);
}

COLD int
soup_session_init(struct soup_session *s, const struct soup_session_config *c)
{
	memset(s, 0, sizeof(*s));
	if (c->heartbeat_ns == 0 || c->silence_ns == 0 || c->login_wait_ns == 0 ||
	    c->edition > SOUP_EDITION_410 ||
	    !put_alpha(s->username, sizeof(s->username), c->username) ||
	    !put_alpha(s->config_session, sizeof(s->config_session), c->session) ||
	    !put_alpha(s->password, sizeof(s->password), c->password)) {
		soup_session_fini(s);
		return -EINVAL;
	}
	s->edition = (uint8_t)c->edition;
	s->first_seq = c->first_seq;
	s->heartbeat_ns = c->heartbeat_ns;
	s->silence_ns = c->silence_ns;
	s->login_wait_ns = c->login_wait_ns;
	soup_session_restart(s);
	return 0;
}

COLD void
soup_session_fini(struct soup_session *s)
{
	explicit_bzero(s->password, sizeof(s->password));
	s->state = SOUP_CLOSED;
}

COLD void
soup_session_restart(struct soup_session *s)
{
	memcpy(s->session, s->config_session, sizeof(s->session));
	s->session_known = false;
	s->next_seq = s->first_seq;
}

COLD void
soup_session_on_connect(struct soup_session *s, uint64_t now_ns)
{
	if (s->state == SOUP_ENDED) { // that session cannot be logged into again
		soup_session_restart(s);
		memset(s->session, ' ', sizeof(s->session));
		s->next_seq = 1;
	}
	s->state = SOUP_LOGIN;
	s->want_login = true;
	s->want_logout = s->want_heartbeat = false;
	s->connect_ns = s->rx_ns = s->tx_ns = now_ns;
}

COLD void
soup_session_on_close(struct soup_session *s)
{
	if (s->state != SOUP_ENDED)
		s->state = SOUP_CLOSED;
	s->want_login = s->want_logout = s->want_heartbeat = false;
}

COLD void
soup_session_logout(struct soup_session *s)
{
	if (s->state != SOUP_UP)
		return;
	s->state = SOUP_LOGGING_OUT;
	s->want_logout = true;
	s->want_heartbeat = false;
}

static COLD size_t
write_login(struct soup_session *s, uint8_t *buf, size_t cap)
{
	struct soup_login_request_410 m;
	const size_t len = s->edition == SOUP_EDITION_410 ? sizeof(m) : sizeof(m.login);
	const uint64_t silence_ms = s->heartbeat_ns / 1000000 * 15; // as many as the 15 s of 3.00

	if (cap < len)
		return 0;
	m.login.head = soup_head_of(SOUP_LOGIN_REQUEST, (uint16_t)(len - sizeof(m.login.head)));
	memcpy(m.login.username, s->username, sizeof(m.login.username));
	memcpy(m.login.password, s->password, sizeof(m.login.password));
	memcpy(m.login.session, s->session, sizeof(m.login.session));
	put_decimal(m.login.seq, sizeof(m.login.seq), s->next_seq);
	if (!put_decimal(m.heartbeat_ms, sizeof(m.heartbeat_ms), silence_ms ? silence_ms : 1))
		memset(m.heartbeat_ms, '9', sizeof(m.heartbeat_ms));
	memcpy(buf, &m, len);
	explicit_bzero(&m, sizeof(m));
	metric_add(&s->metrics.login_sent, 1);
	return len;
}

/* A packet without payload. */
static COLD size_t
write_bare(enum soup_type type, uint8_t *buf, size_t cap)
{
	const struct soup_head h = soup_head_of(type, 0);

	if (cap < sizeof(h))
		return 0;
	memcpy(buf, &h, sizeof(h));
	return sizeof(h);
}

COLD size_t
soup_session_take(struct soup_session *s, uint8_t *buf, size_t cap, uint64_t now_ns)
{
	size_t len = 0;

	if (s->want_login) {
		len = write_login(s, buf, cap);
		s->want_login = len == 0;
	} else if (s->want_logout) {
		len = write_bare(SOUP_LOGOUT_REQUEST, buf, cap);
		s->want_logout = len == 0;
		metric_add(&s->metrics.logout_sent, len != 0);
	} else if (s->want_heartbeat) {
		len = write_bare(SOUP_CLIENT_HEARTBEAT, buf, cap);
		s->want_heartbeat = len == 0;
		metric_add(&s->metrics.heartbeat_sent, len != 0);
	}
	if (len != 0)
		s->tx_ns = now_ns;
	return len;
}

COLD enum soup_event
soup_session_on_time(struct soup_session *s, uint64_t now_ns)
{
	metric_set(&s->metrics.next_seq, s->next_seq);
	switch (s->state) {
	case SOUP_LOGIN:
		if (now_ns - s->connect_ns < s->login_wait_ns)
			return SOUP_EVENT_NONE;
		metric_add(&s->metrics.login_timeout, 1);
		return SOUP_EVENT_LOGIN_LATE;
	case SOUP_UP:
	case SOUP_LOGGING_OUT:
		if (now_ns - s->rx_ns >= s->silence_ns) {
			metric_add(&s->metrics.silence, 1);
			return SOUP_EVENT_SILENT;
		}
		if (s->state == SOUP_UP && now_ns - s->tx_ns >= s->heartbeat_ns)
			s->want_heartbeat = true;
		return SOUP_EVENT_NONE;
	default:
		return SOUP_EVENT_NONE;
	}
}

static COLD enum soup_event
broken(struct soup_session *s)
{
	metric_add(&s->metrics.protocol_error, 1);
	return SOUP_EVENT_BROKEN;
}

static COLD enum soup_event
on_login_accepted(struct soup_session *s, const uint8_t *payload, uint16_t len)
{
	const char *fields = (const char *)payload;
	char session[SOUP_SESSION_LEN];
	uint64_t seq;

	if (s->state != SOUP_LOGIN || s->want_login || len != SOUP_SESSION_LEN + SOUP_SEQ_LEN ||
	    !get_decimal(fields + SOUP_SESSION_LEN, SOUP_SEQ_LEN, &seq) || seq == 0)
		return broken(s);
	align_left(session, fields, sizeof(session));
	if (s->session_known && memcmp(session, s->session, sizeof(session)) != 0)
		metric_add(&s->metrics.session_changed, 1);
	s->missed_cnt = 0;
	if (s->next_seq != 0 && s->next_seq != seq) { // the server's word counts
		s->missed_cnt = seq > s->next_seq ? seq - s->next_seq : 0;
		metric_add(&s->metrics.sequence_moved, 1);
		if (seq < s->next_seq) {
			s->back_seq = s->next_seq;
			metric_add(&s->metrics.sequence_back, 1);
		}
	}
	memcpy(s->session, session, sizeof(session));
	s->session_known = true;
	s->next_seq = seq;
	s->state = SOUP_UP;
	metric_add(&s->metrics.login_accepted, 1);
	return SOUP_EVENT_UP;
}

static COLD enum soup_event
on_login_rejected(struct soup_session *s, const uint8_t *payload, uint16_t len)
{
	if (s->state != SOUP_LOGIN || len != 1)
		return broken(s);
	s->reject_reason = payload[0];
	metric_add(&s->metrics.login_rejected, 1);
	return SOUP_EVENT_REJECTED;
}

/* A packet that only a session in progress may receive. */
static COLD enum soup_event
on_session_packet(struct soup_session *s, uint8_t type, uint16_t len)
{
	switch (type) {
	case SOUP_SEQUENCED: // on the way of our logout
		s->next_seq++;
		metric_add(&s->metrics.sequenced_received, 1);
		return SOUP_EVENT_MESSAGE;
	case SOUP_UNSEQUENCED:
		if (s->edition == SOUP_EDITION_300)
			return broken(s);
		metric_add(&s->metrics.unsequenced_received, 1);
		return SOUP_EVENT_UNSEQUENCED;
	case SOUP_SERVER_HEARTBEAT:
		if (len != 0)
			return broken(s);
		metric_add(&s->metrics.heartbeat_received, 1);
		return SOUP_EVENT_NONE;
	case SOUP_END_OF_SESSION:
		if (len != 0)
			return broken(s);
		s->state = SOUP_ENDED;
		s->want_logout = s->want_heartbeat = false;
		metric_add(&s->metrics.session_ended, 1);
		return SOUP_EVENT_ENDED;
	default:
		return broken(s);
	}
}

COLD enum soup_event
soup_session_on_rare(struct soup_session *s, uint8_t type, const uint8_t *payload, uint16_t len,
		     uint64_t now_ns)
{
	(void)now_ns;
	switch (type) {
	case SOUP_DEBUG:
		metric_add(&s->metrics.debug_received, 1);
		return SOUP_EVENT_NONE;
	case SOUP_LOGIN_ACCEPTED:
		return on_login_accepted(s, payload, len);
	case SOUP_LOGIN_REJECTED:
		return on_login_rejected(s, payload, len);
	default:
		if (s->state != SOUP_UP && s->state != SOUP_LOGGING_OUT)
			return broken(s);
		return on_session_packet(s, type, len);
	}
}
