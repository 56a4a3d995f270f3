/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "glimpse.h"
#include "soup_field.h"
#include "wire/itch50.h"

enum {
	OUT_LOW_BYTES = 1 << 16, // more of the spin is moved while less than this waits
	GARBAGE_BYTES = 60,
};

void
glimpse_init(struct glimpse *g, const struct glimpse_config *c, const struct faults *f,
	     uint64_t seed)
{
	memset(g, 0, sizeof(*g));
	g->c = *c;
	g->faults = f;
	g->rng.state = seed * 5 + 1000;
}

void
glimpse_conn_init(struct glimpse_conn *c, struct glimpse *g, uint64_t now_ns)
{
	memset(c, 0, sizeof(*c));
	c->g = g;
	c->opened_ns = c->rx_ns = c->tx_ns = now_ns;
	g->n.connects++;
}

void
glimpse_conn_fini(struct glimpse_conn *c)
{
	if (c->state == OE_UP && !c->ended)
		c->g->n.broken_off++;
	spin_fini(&c->spin);
	free(c->out.at);
	c->out = (struct oe_bytes){ 0 };
}

static void
conn_send(struct glimpse_conn *c, const void *bytes, size_t len, uint64_t now_ns)
{
	if (c->mute || c->cut == OE_RESET)
		return;
	oe_bytes_put(&c->out, bytes, len);
	c->tx_ns = now_ns;
}

static void
conn_packet(struct glimpse_conn *c, enum soup_type type, const void *payload, uint16_t len,
	    uint64_t now_ns)
{
	const struct soup_head h = soup_head_of(type, len);

	conn_send(c, &h, sizeof(h), now_ns);
	if (len > 0)
		conn_send(c, payload, len, now_ns);
}

static void
conn_end(struct glimpse_conn *c, enum oe_cut cut)
{
	c->cut = cut;
	c->state = OE_ENDING;
}

/* The client broke the protocol: says so and ends the connection. */
static void
conn_fail(struct glimpse_conn *c, const char *why, uint64_t now_ns)
{
	conn_packet(c, SOUP_DEBUG, why, (uint16_t)strlen(why), now_ns);
	c->g->n.protocol_errors++;
	conn_end(c, OE_CLOSE);
}

static void
login_reject(struct glimpse_conn *c, enum soup_reject why, uint64_t now_ns)
{
	const uint8_t reason = (uint8_t)why;

	conn_packet(c, SOUP_LOGIN_REJECTED, &reason, sizeof(reason), now_ns);
	c->g->n.logins_rejected++;
	conn_end(c, OE_CLOSE);
}

/* A fault's number where it strikes this spin, else 0. */
static uint64_t
number_of(const struct glimpse_conn *c, enum fault which)
{
	const struct fault_value *v = &c->g->faults->value[which];

	return c->faulty && (v->spin == 0 || v->spin == c->nth) ? v->number : 0;
}

static void
spin_begin(struct glimpse_conn *c, uint64_t now_ns)
{
	struct glimpse *g = c->g;
	struct soup_login_accepted a = { .head = soup_head_of(SOUP_LOGIN_ACCEPTED, 30) };
	char field[24];

	c->nth = ++g->n.logins;
	c->faulty = !g->faults->value[FAULT_snapshot_faulty].on ||
		    fault_strikes(g->faults, FAULT_snapshot_faulty, &g->rng, g->n.logins, 1);
	c->state = OE_UP;
	c->spin_ns = now_ns;
	snprintf(field, sizeof(field), "%10llu",
		 (unsigned long long)(g->n.logins % 10000000000ULL));
	memcpy(a.session, field, sizeof(a.session));
	snprintf(field, sizeof(field), "%20d", 1);
	memcpy(a.seq, field, sizeof(a.seq));
	conn_send(c, &a, sizeof(a), now_ns);
	g->snapshot(g->ctx, number_of(c, FAULT_snapshot_old), &c->spin);
	g->last_seq = c->spin.next_seq;
}

static void
on_login(struct glimpse_conn *c, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	const struct soup_login_request *l = (const struct soup_login_request *)packet;
	struct glimpse *g = c->g;
	char user[SOUP_USERNAME_LEN + 1], password[SOUP_PASSWORD_LEN + 1];
	char session[SOUP_SESSION_LEN + 1];
	uint64_t seq;

	if (len != sizeof(*l)) { // 3.00 only
		conn_fail(c, "login request of a wrong length", now_ns);
		return;
	}
	soup_field_text(user, l->username, sizeof(l->username));
	soup_field_text(password, l->password, sizeof(l->password));
	soup_field_text(session, l->session, sizeof(l->session));
	if (!soup_field_number(l->seq, sizeof(l->seq), &seq))
		conn_fail(c, "requested sequence number is not a number", now_ns);
	else if (strcasecmp(user, g->c.username) != 0 || strcasecmp(password, g->c.password) != 0 ||
		 g->n.logins_rejected < fault_number(g->faults, FAULT_snapshot_reject))
		login_reject(c, SOUP_REJECT_NOT_AUTHORIZED, now_ns);
	else if (session[0] != '\0' || seq != 1) // a spin belongs to one login
		login_reject(c, SOUP_REJECT_NO_SESSION, now_ns);
	else
		spin_begin(c, now_ns);
}

/* A whole packet, length field included. */
static void
on_packet(struct glimpse_conn *c, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	const uint8_t type = ((const struct soup_head *)packet)->type;

	if (c->state == OE_LOGIN) {
		if (type == SOUP_LOGIN_REQUEST)
			on_login(c, packet, len, now_ns);
		else if (type != SOUP_DEBUG)
			conn_fail(c, "not logged in", now_ns);
		return;
	}
	switch (type) {
	case SOUP_CLIENT_HEARTBEAT:
		if (len != sizeof(struct soup_head))
			conn_fail(c, "heartbeat with a payload", now_ns);
		break;
	case SOUP_LOGOUT_REQUEST:
		c->g->n.logouts++;
		c->g->n.broken_off += !c->ended;
		conn_end(c, OE_CLOSE);
		break;
	case SOUP_DEBUG:
		break;
	default:
		conn_fail(c, "nothing but heartbeats and a logout is expected", now_ns);
	}
}

void
glimpse_conn_on_bytes(struct glimpse_conn *c, const uint8_t *data, size_t len, uint64_t now_ns)
{
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
			on_packet(c, c->in, want, now_ns);
		} else if (be16_get(*packet_len) == 0 ||
			   be16_get(*packet_len) > GLIMPSE_CLIENT_PACKET_MAX) {
			conn_fail(c, "packet of an impossible length", now_ns);
		}
	}
}

void
glimpse_conn_on_time(struct glimpse_conn *c, uint64_t now_ns)
{
	if (c->state == OE_LOGIN && now_ns - c->opened_ns > c->g->c.login_timeout_ns)
		conn_fail(c, "no login", now_ns);
	if (c->state != OE_UP)
		return;
	if (now_ns > c->rx_ns && now_ns - c->rx_ns > c->g->c.client_timeout_ns) {
		conn_fail(c, "client silent", now_ns);
		return;
	}
	if (c->ended && now_ns - c->ended_ns > c->g->c.linger_ns) {
		conn_packet(c, SOUP_END_OF_SESSION, NULL, 0, now_ns);
		conn_end(c, OE_CLOSE);
		return;
	}
	if (now_ns - c->tx_ns >= c->g->c.heartbeat_ns)
		conn_packet(c, SOUP_SERVER_HEARTBEAT, NULL, 0, now_ns);
}

/* --- the spin --- */

static bool
is_order(const uint8_t *msg)
{
	return msg[0] == 'A' || msg[0] == 'F';
}

/* The end of a spin with another number in it than the true one. */
static void
send_end(struct glimpse_conn *c, const uint8_t *msg, uint16_t len, uint64_t now_ns)
{
	const uint64_t future = number_of(c, FAULT_snapshot_future);
	uint8_t g[64];
	char number[24];

	memcpy(g, msg, len);
	snprintf(number, sizeof(number), "%20llu", (unsigned long long)(c->spin.next_seq + future));
	if (number_of(c, FAULT_snapshot_bad_number) != 0)
		snprintf(number, sizeof(number), "%20s", "4711x");
	memcpy(g + 1, number, 20);
	conn_packet(c, SOUP_SEQUENCED, g, len, now_ns);
	c->ended = true;
	c->ended_ns = now_ns;
	c->g->n.completed++;
}

/* Whether a fault strikes now: after so many messages, at the latest before the end. */
static bool
strikes_now(const struct glimpse_conn *c, enum fault which)
{
	const uint64_t after_cnt = number_of(c, which);

	return c->sent_cnt == after_cnt ||
	       (c->sent_cnt < after_cnt && c->sent_cnt + 1 == c->spin.msg_cnt);
}

/* Faults that strike after so many messages of a spin.  False: it goes no further. */
static bool
faults_between(struct glimpse_conn *c, uint64_t now_ns)
{
	static const uint8_t BAD_LENGTH[] = { 0, 0 };
	uint8_t garbage[GARBAGE_BYTES];

	if (!c->faulty)
		return true;
	if (strikes_now(c, FAULT_snapshot_end_after)) {
		conn_packet(c, SOUP_END_OF_SESSION, NULL, 0, now_ns);
		c->g->n.broken_off++;
		conn_end(c, OE_CLOSE);
		return false;
	}
	if (strikes_now(c, FAULT_snapshot_cut_after)) {
		c->g->n.broken_off++;
		conn_end(c, OE_RESET);
		return false;
	}
	if (strikes_now(c, FAULT_snapshot_stall_after))
		c->stalled = true;
	if (strikes_now(c, FAULT_snapshot_mute_after))
		c->mute = c->stalled = true;
	if (strikes_now(c, FAULT_snapshot_bad_length_after))
		conn_send(c, BAD_LENGTH, sizeof(BAD_LENGTH), now_ns);
	if (strikes_now(c, FAULT_snapshot_garbage_after)) {
		for (size_t i = 0; i < sizeof(garbage); i++)
			garbage[i] = (uint8_t)rng_next(&c->g->rng);
		conn_packet(c, SOUP_SEQUENCED, garbage, sizeof(garbage), now_ns);
	}
	return !c->stalled;
}

/* Messages that a slow server may have sent by now. */
static uint64_t
allowed_cnt(const struct glimpse_conn *c, uint64_t now_ns)
{
	const uint64_t rate = number_of(c, FAULT_snapshot_rate);

	if (rate == 0)
		return UINT64_MAX;
	return (uint64_t)((unsigned __int128)(now_ns - c->spin_ns) * rate / NS_PER_SEC);
}

/* The next message of the spin. */
static void
send_next(struct glimpse_conn *c, uint64_t now_ns)
{
	const uint16_t len = be16_get(*(const be16 *)(c->spin.bytes + c->at));
	const uint8_t *msg = c->spin.bytes + c->at + sizeof(be16);

	c->at += sizeof(be16) + len;
	c->sent_cnt++;
	c->g->n.messages++;
	if (c->at == c->spin.len) {
		send_end(c, msg, len, now_ns);
		return;
	}
	conn_packet(c, SOUP_SEQUENCED, msg, len, now_ns);
	if (!is_order(msg))
		return;
	c->g->n.orders++;
	// orders are the last of a spin but one: their count follows from what is left
	if (c->sent_cnt + c->spin.order_cnt + 1 - c->spin.msg_cnt ==
	    number_of(c, FAULT_snapshot_repeat))
		conn_packet(c, SOUP_SEQUENCED, msg, len, now_ns);
}

bool
glimpse_conn_fill(struct glimpse_conn *c, uint64_t now_ns)
{
	const uint64_t before_cnt = c->sent_cnt;

	while (c->state == OE_UP && !c->ended && !c->stalled && c->out.len < OUT_LOW_BYTES &&
	       c->sent_cnt < allowed_cnt(c, now_ns)) {
		send_next(c, now_ns);
		if (!c->ended && !faults_between(c, now_ns))
			break;
	}
	return c->sent_cnt != before_cnt;
}

void
glimpse_conn_sent(struct glimpse_conn *c, size_t len)
{
	memmove(c->out.at, c->out.at + len, c->out.len - len);
	c->out.len -= len;
}
