/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "net/order_session.h"
#include "returns/report_ouch42.h"
#include "returns/report_ouch50.h"
#include "returns/unframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * An order session against a venue of our own, both versions of OUCH.  The bytes are a program: the
 * venue numbers messages, says other things between them, the connection brings a piece of what was
 * said, is cut, time passes.  The venue remembers its day and goes on where a login asks it to.
 */
enum {
	DAY_MAX = 256,
	WIRE_MAX = 1 << 16,
	OPS_MAX = 512,
	OWN_TOKEN = 7,
};

struct numbered {
	uint8_t bytes[64];
	uint16_t len;
	uint32_t qty; // 0: no decoder takes it
	uint64_t match_ref;
};

static struct {
	struct order_session life;
	struct unframe unframe;
	struct report_decode decode;
	struct numbered day[DAY_MAX];
	uint32_t day_cnt;
	uint32_t given_cnt; // messages the session brought
	uint32_t report_cnt;
	uint32_t said_cnt; // messages on this connection's way
	uint8_t wire[WIRE_MAX];
	size_t wire_len;
	size_t shown; // bytes of it that arrived
	size_t used;  // bytes of those that were read
	bool connected;
	bool logged_in;
	bool spoiled; // what is on the way breaks the protocol
	bool is50;
	uint64_t now_ns;
} w;

#define MS 1000000ULL

static void
say(uint8_t type, const void *payload, uint16_t len)
{
	const struct soup_head h = soup_head_of((enum soup_type)type, len);

	if (w.wire_len + sizeof(h) + len > WIRE_MAX)
		return;
	memcpy(w.wire + w.wire_len, &h, sizeof(h));
	memcpy(w.wire + w.wire_len + sizeof(h), payload, len);
	w.wire_len += sizeof(h) + len;
}

/* The venue's next message of the day. */
static void
number(uint8_t choice)
{
	struct numbered *n = &w.day[w.day_cnt];
	const uint64_t match_ref = w.day_cnt + 1000;
	const uint32_t qty = choice % 4 == 3 ? 0 : choice + 1;

	if (w.day_cnt == DAY_MAX)
		return;
	*n = (struct numbered){ .qty = qty, .match_ref = match_ref };
	if (choice % 4 == 3) { // of a type nobody knows, or cut
		n->bytes[0] = choice & 4 ? 'z' : 'E';
		n->len = choice & 8 ? 0 : 1 + choice % 16;
	} else if (w.is50) {
		const struct ouch50_executed e = { .head = { .type = OUCH50_EXECUTED },
						   .user_ref = be32_of(OWN_TOKEN),
						   .qty = be32_of(qty),
						   .px4 = be64_of(10000),
						   .match_ref = be64_of(match_ref) };
		memcpy(n->bytes, &e, sizeof(e));
		n->len = sizeof(e) + (choice % 4 == 1 ? 0 : 2);
	} else {
		struct ouch42_executed e = { .head = { .type = OUCH42_EXECUTED },
					     .qty = be32_of(qty),
					     .px4 = be32_of(10000),
					     .match_ref = be64_of(match_ref) };

		memcpy(e.token.text, w.decode.token_form.text, sizeof(e.token.text));
		order_token_patch(&w.decode.token_form, OWN_TOKEN, e.token.text);
		memcpy(n->bytes, &e, sizeof(e));
		n->len = sizeof(e);
	}
	w.day_cnt++;
}

/* What is numbered and not said yet, once somebody is logged in. */
static void
say_numbered(void)
{
	while (w.logged_in && !w.spoiled && w.said_cnt < w.day_cnt && w.wire_len + 128 < WIRE_MAX) {
		say(SOUP_SEQUENCED, w.day[w.said_cnt].bytes, w.day[w.said_cnt].len);
		w.said_cnt++;
	}
}

static void
cut(void)
{
	if (w.connected)
		order_session_on_lost(&w.life, w.now_ns);
	w.connected = w.logged_in = w.spoiled = false;
	w.wire_len = w.shown = w.used = 0;
}

/* One message came: it must be the next of the day, and read as it was written. */
static void
on_report(const struct unframe_packet *p)
{
	const struct numbered *n = &w.day[w.given_cnt];
	enum report_verdict v;
	struct report r;

	if (w.given_cnt >= w.day_cnt || soup_session_seq(&w.life.soup) != w.given_cnt + 2 ||
	    p->len != n->len || memcmp(p->payload, n->bytes, n->len) != 0)
		abort();
	w.given_cnt++;
	v = w.is50 ? report_ouch50_on_message(&w.decode, p->payload, p->len, &r)
		   : report_ouch42_on_message(&w.decode, p->payload, p->len, &r);
	if ((v == REPORT_DECODED) != (n->qty != 0))
		abort();
	if (n->qty == 0)
		return;
	if (r.type != REPORT_EXECUTED || r.token != OWN_TOKEN || r.qty != n->qty ||
	    r.match_ref != n->match_ref || r.odd != 0)
		abort();
	w.report_cnt++;
}

/* So many more bytes arrive. */
static void
arrive(size_t cnt)
{
	const size_t left = w.wire_len - w.shown;
	struct unframe_packet p;
	enum unframe_verdict v;
	struct unframe_walk walk;
	uint8_t *range;
	size_t len;

	if (!w.connected || left == 0)
		return;
	w.shown += cnt < left ? cnt : left;
	len = w.shown - w.used;
	range = malloc(len); // nothing outside it may be read
	memcpy(range, w.wire + w.used, len);
	unframe_start(&walk, range, len);
	while ((v = unframe_next(&w.unframe, &walk, &p)) == UNFRAME_PACKET) {
		const enum order_session_act act =
			order_session_on_packet(&w.life, p.type, p.payload, p.len, w.now_ns);

		if (act == ORDER_SESSION_REPORT)
			on_report(&p);
		if (act != ORDER_SESSION_CLOSE)
			continue;
		if (!w.spoiled)
			abort(); // we said nothing that may end it
		free(range);
		cut();
		return;
	}
	w.used += unframe_used(&walk);
	free(range);
	if (v != UNFRAME_BROKEN)
		return;
	if (!w.spoiled)
		abort();
	cut();
}

/* Reads the number a login asks for. */
static uint64_t
asked_of(const uint8_t *login)
{
	uint64_t seq = 0;

	for (unsigned i = 29; i < 49; i++)
		if (login[i] != ' ')
			seq = seq * 10 + (uint64_t)(login[i] - '0');
	return seq;
}

static void
on_login(const uint8_t *packet)
{
	char accepted[31];
	const uint64_t seq = asked_of(packet);

	if (seq != w.given_cnt + 1) // it asks for the first message it has not seen
		abort();
	snprintf(accepted, sizeof(accepted), "%10s%20llu", "S1", (unsigned long long)seq);
	say(SOUP_LOGIN_ACCEPTED, accepted, 30);
	w.said_cnt = (uint32_t)seq - 1;
	w.logged_in = true;
}

/* Time, and whatever the session wants to do or say because of it. */
static void
pass(uint64_t ns)
{
	uint8_t packet[ORDER_SESSION_TAKE_MAX];
	size_t len;

	w.now_ns += ns;
	switch (order_session_on_time(&w.life, w.now_ns)) {
	case ORDER_SESSION_CONNECT:
		unframe_init(&w.unframe);
		w.connected = true;
		order_session_on_connected(&w.life, w.now_ns);
		break;
	case ORDER_SESSION_CLOSE:
		w.connected = w.logged_in = w.spoiled = false;
		w.wire_len = w.shown = w.used = 0;
		break;
	default:
		break;
	}
	while (w.connected &&
	       (len = order_session_take(&w.life, packet, sizeof(packet), w.now_ns)) != 0)
		if (packet[2] == SOUP_LOGIN_REQUEST)
			on_login(packet);
}

/* Things between the messages; some are not allowed. */
static void
say_other(uint8_t choice)
{
	static const uint8_t NOTHING[2];

	if (!w.connected || w.spoiled)
		return;
	switch (choice % 8) {
	case 0:
	case 1:
		say(SOUP_DEBUG, "hello", (uint16_t)(choice % 6));
		break;
	case 2:
	case 3:
		if (w.logged_in)
			say(SOUP_SERVER_HEARTBEAT, "", 0);
		break;
	case 4:
		w.spoiled = w.logged_in;
		if (w.spoiled) // a second acceptance
			say(SOUP_LOGIN_ACCEPTED, "        S1                   1", 30);
		break;
	case 5:
		w.spoiled = w.logged_in;
		if (w.spoiled)
			say('?', "", 0);
		break;
	case 6:
		if (w.wire_len + sizeof(NOTHING) <= WIRE_MAX) { // a packet of length 0
			memcpy(w.wire + w.wire_len, NOTHING, sizeof(NOTHING));
			w.wire_len += sizeof(NOTHING);
			w.spoiled = true;
		}
		break;
	default:
		w.spoiled = w.logged_in;
		if (w.spoiled)
			say(SOUP_UNSEQUENCED, "not in 3.00", 11);
		break;
	}
}

static void
begin(uint8_t how)
{
	struct order_session_config c = {
		.soup = {
			.username = "user01",
			.password = "secret",
			.first_seq = 1,
			.heartbeat_ns = 1000 * MS,
			.silence_ns = 15000 * MS,
			.login_wait_ns = 30000 * MS,
		},
		.connect_wait_ns = 2000 * MS,
		.query_wait_ns = 5000 * MS,
		.settle_ns = 50 * MS,
		.reconnect_ns = 10 * MS,
		.reconnect_max_ns = 100 * MS,
	};

	memset(&w, 0, sizeof(w));
	w.is50 = how & 1;
	c.protocol = w.is50 ? ORDER_SESSION_OUCH50 : ORDER_SESSION_OUCH42;
	w.now_ns = 1000000 * MS;
	if (order_session_init(&w.life, &c) != 0 || !report_init(&w.decode, "S"))
		abort();
	unframe_init(&w.unframe);
	order_session_start(&w.life, w.now_ns);
}

/*
 * Whatever is cut, delayed, said between or said wrongly: the session brings each message of the
 * day exactly once, in order and unchanged; its number is the venue's; each login asks for the
 * first message it has not seen; a connection ends only by what the protocol forbids; and when the
 * connection is good again, everything arrives.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t want_cnt = 0;

	if (size == 0 || size > 2 * OPS_MAX)
		return 0;
	begin(data[0]);
	for (size_t i = 1; i + 1 < size; i += 2) {
		const uint8_t arg = data[i + 1];

		switch (data[i] % 8) {
		case 0:
		case 1:
			number(arg);
			break;
		case 2:
		case 3:
		case 4:
			say_numbered();
			arrive((size_t)1 + arg);
			break;
		case 5:
			pass(arg * MS);
			break;
		case 6:
			say_numbered();
			say_other(arg);
			break;
		default:
			if (arg < 64)
				cut();
			else
				pass((uint64_t)arg * arg * MS);
			break;
		}
	}
	cut();
	for (unsigned i = 0; i < 64 && (w.given_cnt < w.day_cnt || !w.logged_in); i++) {
		pass(200 * MS);
		say_numbered();
		arrive(WIRE_MAX);
	}
	for (uint32_t i = 0; i < w.day_cnt; i++)
		want_cnt += w.day[i].qty != 0;
	if (w.given_cnt != w.day_cnt || w.report_cnt != want_cnt)
		abort();
	order_session_fini(&w.life);
	return 0;
}
