/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "oe.h"
#include "soup_field.h"

void
oe_bytes_put(struct oe_bytes *b, const void *data, size_t len)
{
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2;
		b->at = realloc(b->at, b->room);
		if (b->at == NULL)
			abort(); // a test program: nothing sensible to do
	}
	memcpy(b->at + b->len, data, len);
	b->len += len;
}

static void
conn_send(struct oe_conn *c, const void *bytes, size_t len)
{
	if (c->mute || c->cut == OE_DROP || c->cut == OE_RESET)
		return;
	oe_bytes_put(&c->out, bytes, len);
	c->tx_ns = c->oe->now_ns;
}

static void
conn_packet(struct oe_conn *c, enum soup_type type, const void *payload, uint16_t len)
{
	const struct soup_head h = soup_head_of(type, len);

	conn_send(c, &h, sizeof(h));
	if (len > 0)
		conn_send(c, payload, len);
}

/* The client broke the protocol: says so and ends the connection. */
static void
conn_fail(struct oe_conn *c, const char *why)
{
	conn_packet(c, SOUP_DEBUG, why, (uint16_t)strlen(why));
	c->oe->n.protocol_errors++;
	c->cut = OE_CLOSE;
	c->state = OE_ENDING;
}

static void
login_reject(struct oe_conn *c, enum soup_reject why)
{
	const uint8_t reason = (uint8_t)why;

	conn_packet(c, SOUP_LOGIN_REJECTED, &reason, sizeof(reason));
	c->oe->n.logins_rejected++;
	c->cut = OE_CLOSE;
	c->state = OE_ENDING;
}

static void
on_login(struct oe_conn *c, const uint8_t *packet, size_t len)
{
	const struct soup_login_request *l = (const struct soup_login_request *)packet;
	struct oe *oe = c->oe;
	struct soup_login_accepted a = { .head = soup_head_of(SOUP_LOGIN_ACCEPTED, 30) };
	char user[SOUP_USERNAME_LEN + 1], password[SOUP_PASSWORD_LEN + 1];
	char session[SOUP_SESSION_LEN + 1], field[24];
	uint64_t seq, timeout_ms;

	if (len != sizeof(*l) && len != sizeof(struct soup_login_request_410)) {
		conn_fail(c, "login request of a wrong length");
		return;
	}
	soup_field_text(user, l->username, sizeof(l->username));
	soup_field_text(password, l->password, sizeof(l->password));
	soup_field_text(session, l->session, sizeof(l->session));
	if (!soup_field_number(l->seq, sizeof(l->seq), &seq)) {
		conn_fail(c, "requested sequence number is not a number");
		return;
	}
	if (len == sizeof(struct soup_login_request_410)) {
		const struct soup_login_request_410 *l4 = (const void *)packet;

		if (!soup_field_number(l4->heartbeat_ms, sizeof(l4->heartbeat_ms), &timeout_ms)) {
			conn_fail(c, "heartbeat timeout is not a number");
			return;
		}
		if (timeout_ms > 0)
			c->client_timeout_ns = timeout_ms * 1000000;
	}
	if (strcasecmp(user, oe->c.username) != 0 || strcasecmp(password, oe->c.password) != 0 ||
	    (!oe->c.is_copy &&
	     oe->n.logins_rejected < fault_number(oe->faults, FAULT_login_reject))) {
		login_reject(c, SOUP_REJECT_NOT_AUTHORIZED);
		return;
	}
	if ((session[0] != '\0' && strcmp(session, oe->c.session) != 0) || oe->active != NULL ||
	    oe->ended) {
		login_reject(c, SOUP_REJECT_NO_SESSION);
		return;
	}
	// above what exists: start with the next message, as most servers do
	if (seq == 0 || seq > oe->store_cnt + 1)
		seq = oe->store_cnt + 1;
	snprintf(field, sizeof(field), "%10s", oe->c.session);
	memcpy(a.session, field, sizeof(a.session));
	snprintf(field, sizeof(field), "%20llu", (unsigned long long)seq);
	memcpy(a.seq, field, sizeof(a.seq));
	conn_send(c, &a, sizeof(a));
	c->state = OE_UP;
	oe->active = c;
	oe->n.logins++;
	if (seq <= oe->store_cnt) {
		const size_t from = oe->store_off[seq - 1];

		conn_send(c, oe->store.at + from, oe->store.len - from);
	}
}

/* Faults that strike when so many orders have come. */
static void
faults_after_order(struct oe_conn *c)
{
	const struct faults *f = c->oe->faults;
	const uint64_t n = oe_order_cnt(c->oe);

	if (n == fault_number(f, FAULT_cancel_after))
		oe_cancel_all(c->oe, 'Z');
	if (n == fault_number(f, FAULT_slow_after)) {
		const uint64_t ms = fault_number(f, FAULT_slow_ms);

		c->hold_until_ns = c->oe->now_ns + (ms == 0 ? 1000 : ms) * 1000000;
	}
}

/* Before an order is handled, so that its answers are stored but not sent. */
static void
faults_before_order(struct oe_conn *c)
{
	const struct faults *f = c->oe->faults;
	const uint64_t n = oe_order_cnt(c->oe) + 1;

	if (n == fault_number(f, FAULT_silent_after))
		c->mute = true;
	if (n == fault_number(f, FAULT_cut_after))
		c->cut = OE_DROP;
	if (n == fault_number(f, FAULT_rst_after))
		c->cut = OE_RESET;
}

static void
on_data(struct oe_conn *c, const uint8_t *msg, size_t len)
{
	const bool order = len > 0 && msg[0] == OUCH50_ENTER_ORDER; // in 4.2 too
	const uint64_t before = oe_order_cnt(c->oe);
	const char *why;

	if (c->oe->c.is_copy) {
		conn_fail(c, "a drop copy takes no orders");
		return;
	}
	if (order)
		faults_before_order(c);
	why = oe_on_message(c->oe, msg, len);
	if (why != NULL) {
		conn_fail(c, why);
		return;
	}
	if (order && oe_order_cnt(c->oe) != before)
		faults_after_order(c);
	if (c->cut == OE_DROP || c->cut == OE_RESET)
		c->state = OE_ENDING;
}

/* A whole packet, length field included. */
static void
on_packet(struct oe_conn *c, const uint8_t *packet, size_t len)
{
	const uint8_t type = ((const struct soup_head *)packet)->type;

	if (c->state == OE_LOGIN) {
		if (type == SOUP_LOGIN_REQUEST)
			on_login(c, packet, len);
		else if (type != SOUP_DEBUG)
			conn_fail(c, "not logged in");
		return;
	}
	switch (type) {
	case SOUP_UNSEQUENCED:
		on_data(c, packet + sizeof(struct soup_head), len - sizeof(struct soup_head));
		break;
	case SOUP_CLIENT_HEARTBEAT:
		if (len != sizeof(struct soup_head))
			conn_fail(c, "heartbeat with a payload");
		break;
	case SOUP_LOGOUT_REQUEST:
		c->cut = OE_CLOSE;
		c->state = OE_ENDING;
		break;
	case SOUP_DEBUG:
		break;
	case SOUP_LOGIN_REQUEST:
		conn_fail(c, "logged in already");
		break;
	default:
		conn_fail(c, "unknown packet type");
	}
}

/* Why a packet of this length cannot be; NULL when it can. */
static const char *
length_fault(uint16_t packet_len)
{
	if (packet_len == 0)
		return "packet of length 0";
	return packet_len > OE_CLIENT_PACKET_MAX ? "packet longer than any request" : NULL;
}

void
oe_conn_on_bytes(struct oe_conn *c, const uint8_t *data, size_t len, uint64_t now_ns)
{
	c->oe->now_ns = now_ns;
	c->rx_ns = now_ns;
	while (len > 0 && c->state != OE_ENDING) {
		const bool head = c->in_len < SOUP_LEN_BYTES;
		const be16 *packet_len = (const be16 *)c->in;
		const size_t want =
			head ? SOUP_LEN_BYTES : (size_t)SOUP_LEN_BYTES + be16_get(*packet_len);
		const size_t part = want - c->in_len < len ? want - c->in_len : len;

		memcpy(c->in + c->in_len, data, part);
		c->in_len += part;
		data += part;
		len -= part;
		if (c->in_len < want)
			return;
		if (!head) {
			c->in_len = 0;
			on_packet(c, c->in, want);
		} else if (length_fault(be16_get(*packet_len)) != NULL) {
			conn_fail(c, length_fault(be16_get(*packet_len)));
		}
	}
}

void
oe_conn_on_time(struct oe_conn *c, uint64_t now_ns)
{
	c->oe->now_ns = now_ns;
	if (c->state == OE_LOGIN && now_ns - c->opened_ns > c->oe->c.login_timeout_ns)
		conn_fail(c, "no login");
	if (c->state != OE_UP)
		return;
	if (c->hold_until_ns > c->rx_ns) // nobody listened until then
		c->rx_ns = c->hold_until_ns;
	if (now_ns > c->rx_ns && now_ns - c->rx_ns > c->client_timeout_ns) {
		conn_fail(c, "client silent");
		return;
	}
	if (now_ns - c->tx_ns >= c->oe->c.heartbeat_ns)
		conn_packet(c, SOUP_SERVER_HEARTBEAT, NULL, 0);
}

void
oe_conn_init(struct oe_conn *c, struct oe *oe, uint64_t now_ns)
{
	memset(c, 0, offsetof(struct oe_conn, in));
	c->oe = oe;
	c->opened_ns = c->rx_ns = c->tx_ns = now_ns;
	c->client_timeout_ns = oe->c.client_timeout_ns;
	c->out = (struct oe_bytes){ 0 };
}

void
oe_conn_fini(struct oe_conn *c, uint64_t now_ns)
{
	struct oe *oe = c->oe;

	oe->now_ns = now_ns;
	if (oe->active == c) {
		oe->active = NULL;
		oe->n.disconnects++;
		if (oe->c.cancel_on_disconnect)
			oe_cancel_all(oe, 'Z');
	}
	free(c->out.at);
	c->out = (struct oe_bytes){ 0 };
}

void
oe_conn_sent(struct oe_conn *c, size_t len)
{
	memmove(c->out.at, c->out.at + len, c->out.len - len);
	c->out.len -= len;
}

/* Appends a numbered message, and sends it where somebody is logged in. */
static void
put_numbered(struct oe *oe, const void *msg, uint16_t len)
{
	const struct soup_head h = soup_head_of(SOUP_SEQUENCED, len);
	const size_t from = oe->store.len;

	if (oe->store_cnt == oe->store_room) {
		oe->store_room = oe->store_room == 0 ? 1024 : oe->store_room * 2;
		oe->store_off = realloc(oe->store_off, oe->store_room * sizeof(*oe->store_off));
		if (oe->store_off == NULL)
			abort();
	}
	oe->store_off[oe->store_cnt++] = from;
	oe_bytes_put(&oe->store, &h, sizeof(h));
	oe_bytes_put(&oe->store, msg, len);
	if (oe->active != NULL)
		conn_send(oe->active, oe->store.at + from, oe->store.len - from);
}

void
oe_put(struct oe *oe, const void *msg, uint16_t len)
{
	static const uint8_t BAD_TYPE[] = { 0, 1, '?' }, BAD_LENGTH[] = { 0, 0 };
	static const uint8_t ODD[] = "z is no type of any OUCH";

	put_numbered(oe, msg, len);
	if (oe->store_cnt == fault_number(oe->faults, FAULT_odd_after) && !oe->c.is_copy)
		put_numbered(oe, ODD, sizeof(ODD) - 1);
	if (oe->active == NULL || oe->c.is_copy)
		return;
	if (oe->store_cnt == fault_number(oe->faults, FAULT_bad_type_after))
		conn_send(oe->active, BAD_TYPE, sizeof(BAD_TYPE));
	if (oe->store_cnt == fault_number(oe->faults, FAULT_bad_length_after))
		conn_send(oe->active, BAD_LENGTH, sizeof(BAD_LENGTH));
}

void
oe_end(struct oe *oe)
{
	if (oe->ended)
		return;
	oe_answer_system_event(oe, 'E');
	oe->ended = true;
	if (oe->active == NULL)
		return;
	conn_packet(oe->active, SOUP_END_OF_SESSION, NULL, 0);
	oe->active->cut = OE_CLOSE;
	oe->active->state = OE_ENDING;
}

bool
oe_init(struct oe *oe, const struct oe_config *c, struct match *m, const struct faults *f,
	uint64_t order_ref_base)
{
	memset(oe, 0, sizeof(*oe));
	oe->c = *c;
	oe->match = m;
	m->on_refresh = oe_on_refresh;
	m->on_cross = oe_on_cross;
	oe->faults = f;
	oe->next_order_ref = order_ref_base;
	oe->state_fd = -1;
	for (unsigned i = 0; i < ARRAY_CNT(oe->next_user_ref); i++)
		oe->next_user_ref[i] = 1;
	TAILQ_INIT(&oe->alive);
	TAILQ_INIT(&oe->all);
	oe->position = calloc(MATCH_LOCATE_MAX, sizeof(*oe->position));
	if (oe->position == NULL)
		return false;
	oe_answer_system_event(oe, 'S');
	return true;
}

void
oe_fini(struct oe *oe)
{
	struct oe_order *o;

	oe_state_close(oe);
	while ((o = TAILQ_FIRST(&oe->all)) != NULL) {
		TAILQ_REMOVE(&oe->all, o, all_link);
		free(o);
	}
	free(oe->store.at);
	free(oe->store_off);
	free(oe->position);
}
