/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/soup_session.h"
#include "returns/unframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came out of a stream, in short. */
struct digest {
	uint64_t hash;
	size_t packet_cnt;
	size_t bytes;
	bool broken;
};

static void
mix(struct digest *d, uint8_t byte)
{
	d->hash = (d->hash ^ byte) * 0x100000001b3; // FNV-1a
}

/* Counts a packet in, and holds it against the session's state. */
static void
on_packet(struct digest *d, struct soup_session *s, const struct unframe_packet *p)
{
	const uint64_t seq = soup_session_seq(s);
	const uint8_t was = s->state;
	enum soup_event event;

	mix(d, p->type);
	mix(d, (uint8_t)p->len);
	mix(d, (uint8_t)(p->len >> 8));
	for (uint16_t i = 0; i < p->len; i++)
		mix(d, p->payload[i]);
	d->packet_cnt++;
	d->bytes += sizeof(struct soup_head) + p->len;
	event = soup_session_on_packet(s, p->type, p->payload, p->len, d->packet_cnt);
	switch (event) {
	case SOUP_EVENT_MESSAGE:
		if (p->type != SOUP_SEQUENCED || soup_session_seq(s) != seq + 1 || s->state != was)
			abort();
		break;
	case SOUP_EVENT_UP:
		if (p->type != SOUP_LOGIN_ACCEPTED || was != SOUP_LOGIN || s->state != SOUP_UP ||
		    soup_session_seq(s) == 0)
			abort();
		break;
	case SOUP_EVENT_ENDED:
		if (s->state != SOUP_ENDED)
			abort();
		break;
	default:
		if (soup_session_seq(s) != seq || s->state != was)
			abort();
		break;
	}
}

/* Runs the stream in pieces of step bytes; keep says who holds what is left of each. */
static struct digest
run(const uint8_t *data, size_t size, size_t step, bool keep)
{
	static const struct soup_session_config CONFIG = {
		.edition = SOUP_EDITION_400,
		.username = "user01",
		.password = "secret",
		.first_seq = 1,
		.heartbeat_ns = 1,
		.silence_ns = 1,
		.login_wait_ns = 1,
	};
	struct digest d = { .hash = 0xcbf29ce484222325 };
	uint8_t login[SOUP_SESSION_TAKE_MAX];
	size_t from = 0, to = 0;
	static struct unframe u;
	struct soup_session s;

	unframe_init(&u);
	if (soup_session_init(&s, &CONFIG) != 0)
		abort();
	soup_session_on_connect(&s, 0);
	soup_session_take(&s, login, sizeof(login), 0);
	while (to < size && !d.broken) {
		enum unframe_verdict v;
		struct unframe_packet p;
		struct unframe_walk w;
		uint8_t *range;

		to = to + step < size ? to + step : size;
		range = malloc(to - from); // a range of its own: nothing outside it may be read
		memcpy(range, data + from, to - from);
		unframe_start(&w, range, to - from);
		while ((v = unframe_next(&u, &w, &p)) == UNFRAME_PACKET)
			on_packet(&d, &s, &p);
		d.broken = v == UNFRAME_BROKEN;
		if (keep && !d.broken) {
			unframe_keep(&u, &w);
			if (unframe_used(&w) != to - from || u.kept_len >= UNFRAME_PACKET_MAX)
				abort();
		}
		if (unframe_used(&w) > to - from)
			abort();
		from += unframe_used(&w);
		free(range);
	}
	if (!d.broken && from - u.kept_len != d.bytes)
		abort();
	return d;
}

/*
 * TCP cuts a stream wherever it likes.  Whatever the bytes are, the packets that come out are the
 * same ones, in whole pieces or byte by byte, with the rest shown again or kept; they lie inside
 * what was shown and account for every byte.  The session counts each message once, and changes its
 * state for no other reason than a login or the end.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t STEPS[] = { 1, 3, 7, 64 };
	struct digest whole;

	if (size == 0 || size > 1 << 14)
		return 0;
	whole = run(data, size, size, false);
	for (size_t i = 0; i < ARRAY_CNT(STEPS); i++) {
		for (int keep = 0; keep < 2; keep++) {
			const struct digest d = run(data, size, STEPS[i], keep);

			if (d.hash != whole.hash || d.packet_cnt != whole.packet_cnt ||
			    d.broken != whole.broken)
				abort();
		}
	}
	return 0;
}
