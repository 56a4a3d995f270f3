/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/recover.h"

/*
 * Random lines, servers and snapshots, good and bad, against a reference that knows the truth:
 *
 *   - who is believed has every message exactly once and in order, and lost none;
 *   - a rebuild begins with the number its snapshot names, misses nothing after it, and ends where
 *     the lines are;
 *   - memory stays within the store;
 *   - when the world becomes good again, so do the books.
 */
enum {
	ROUNDS = 400,
	BAD_STEPS = 5000,
	GOOD_STEPS = 6000,
	STORE_BYTES = RECOVER_STORE_MIN,
	ROOM_BYTES = 600,
	PENDING_MAX = 4,
};

#define MS    1000000ULL
#define NEVER UINT64_MAX
#define CHECK(cond)                                                                     \
	do {                                                                            \
		if (!(cond))                                                            \
			fail_msg("seed %llu step %llu: %s", (unsigned long long)w.seed, \
				 (unsigned long long)w.step, #cond);                    \
	} while (0)

/* A request on its way to a server, or its answer back. */
struct pending {
	struct recover_request q;
	uint64_t due_ns; // NEVER: unused
};

static struct world {
	uint64_t seed, step, rng;
	uint64_t now_ns;
	bool good;
	// the lines
	char session[MOLD_SESSION_LEN];
	uint64_t line_seq; // the next message they bring
	uint64_t lost_from_seq;
	uint64_t lost_since_ns;
	bool ended;
	// servers
	struct pending pending[PENDING_MAX];
	// the snapshot server
	uint32_t snapshot_id;
	uint32_t spin_left;
	uint64_t snapshot_seq; // of its end
	uint64_t spin_due_ns;
	bool connected;
	// who is not affected, unless the feed has a hole
	bool live, broken;
	uint64_t upto_seq;
	// who is
	bool rebuilding, replaying;
	uint64_t rebuilt_seq; // after the last message replayed
	uint64_t end_seq;     // that the last whole snapshot named; 1: all of the day
	uint64_t spin_cnt;    // messages of this rebuild's snapshot
	uint64_t spin_want_cnt;
} w;

static uint8_t memory[STORE_BYTES + 4096] cache_aligned;
static struct recover r;
static struct recover_metrics sum; // over all rounds: nothing is left untried

static uint64_t
any(uint64_t below)
{
	w.rng += 0x9E3779B97F4A7C15;
	uint64_t z = w.rng;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (z ^ z >> 31) % below;
}

static bool
one_in(uint64_t n)
{
	return any(n) == 0;
}

/* Message seq of a session: its number and the session's last letter, and some length. */
static uint16_t
write_message(uint8_t *at, uint64_t seq)
{
	const uint16_t len = (uint16_t)(9 + seq % 40);

	*(be16 *)at = be16_of(len);
	memset(at + 2, 0x5a, len);
	*(be64 *)(at + 2) = be64_of(seq);
	at[10] = (uint8_t)w.session[9];
	return (uint16_t)(len + 2);
}

static void
check_messages(const struct datagram *d)
{
	const uint8_t *at = d->data;

	for (unsigned i = 0; i < d->msg_cnt; i++) {
		CHECK(be64_get(*(const be64 *)(at + 2)) == d->seq + i);
		CHECK(at[10] == (uint8_t)w.session[9]);
		at += 2 + be16_get(*(const be16 *)at);
	}
	CHECK(at == d->data + d->len);
}

/* The book's side: what a delivered datagram means. */
static void
take(const struct datagram *d)
{
	CHECK(d->msg_cnt == 0 || d->flags == 0 || d->flags == DATAGRAM_SNAPSHOT ||
	      d->flags == DATAGRAM_REPLAY || (d->flags & DATAGRAM_NEW_SESSION) ||
	      (d->flags & DATAGRAM_GAP));
	if (d->flags & DATAGRAM_NEW_SESSION) {
		w.live = !(d->flags & DATAGRAM_GAP);
		w.upto_seq = 1;
		w.rebuilding = w.replaying = w.broken = false;
	}
	if (d->flags & DATAGRAM_GAP) {
		w.live = false;
		w.broken = false;
	}
	if (d->flags & DATAGRAM_RECOVERING) {
		w.rebuilding = true;
		w.replaying = false;
		w.spin_cnt = 0;
		w.end_seq = 1;
	}
	if (d->flags & DATAGRAM_LOST) {
		w.rebuilding = false;
		w.broken = true; // whoever is not live now stays so until a rebuild
	}
	if (d->flags & DATAGRAM_RECOVERED) {
		if (w.rebuilding) {
			if (!w.replaying)
				w.rebuilt_seq = w.end_seq;
			CHECK(w.rebuilt_seq == w.line_seq);
			CHECK(w.spin_cnt == w.spin_want_cnt || w.end_seq == 1);
			CHECK(!w.live || w.upto_seq == w.line_seq);
		} else {
			CHECK(!w.broken && w.upto_seq == w.line_seq);
		}
		w.live = true;
		w.broken = w.rebuilding = w.replaying = false;
		w.upto_seq = w.line_seq;
	}
	if (d->msg_cnt == 0)
		return;
	if (d->flags & DATAGRAM_SNAPSHOT) {
		CHECK(w.rebuilding && !w.replaying && d->data[2] == 'S');
		w.spin_cnt += d->msg_cnt;
		return;
	}
	check_messages(d);
	if (d->flags & DATAGRAM_REPLAY) {
		CHECK(w.rebuilding);
		if (!w.replaying)
			w.rebuilt_seq = w.end_seq;
		w.replaying = true;
		CHECK(d->seq == w.rebuilt_seq);
		w.rebuilt_seq += d->msg_cnt;
		return;
	}
	CHECK(!w.live || d->seq == w.upto_seq);
	if (d->seq != w.upto_seq)
		w.broken = true;
	w.upto_seq = d->seq + d->msg_cnt;
}

static struct recover_feed
feed_now(void)
{
	return (struct recover_feed){ .session = w.session,
				      .expected_seq = w.line_seq,
				      .lost_from_seq = w.lost_from_seq,
				      .lost_since_ns = w.lost_since_ns };
}

static bool
deliver_one(void)
{
	static uint8_t bytes[ROOM_BYTES];
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	struct datagram d;

	if (!recover_next(&r, w.now_ns, &room, &d))
		return false;
	CHECK(d.flags != 0 || d.msg_cnt != 0);
	take(&d);
	return true;
}

static void
lines_bring(uint64_t seq, uint16_t cnt, unsigned flags)
{
	static uint8_t bytes[8192];
	const struct recover_feed feed = feed_now();
	struct datagram d = { .buf = bytes,
			      .data = bytes,
			      .seq = seq,
			      .msg_cnt = cnt,
			      .flags = (uint16_t)flags,
			      .head.rx_ns = w.now_ns };

	for (unsigned i = 0; i < cnt; i++)
		d.len = (uint16_t)(d.len + write_message(bytes + d.len, seq + i));
	while (r.tell_cnt != 0)
		deliver_one();
	if (!recover_is_busy(&r) && flags == 0)
		take(&d);
	else if (recover_on_datagram(&r, &d, &feed, w.now_ns) == RECOVER_PASS)
		take(&d);
}

static void
new_session(void)
{
	const uint64_t seq = one_in(2) ? 1 : 2 + any(3000);

	w.session[9] = (char)('A' + any(26));
	w.ended = false;
	w.line_seq = seq + 1;
	w.lost_from_seq = 1;
	w.lost_since_ns = w.now_ns;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		w.pending[i].due_ns = NEVER;
	lines_bring(seq, 1, DATAGRAM_NEW_SESSION | (seq > 1 ? DATAGRAM_GAP : 0));
}

static void
lines_step(void)
{
	const uint16_t cnt = (uint16_t)(1 + (one_in(4) ? any(60) : any(4)));
	uint64_t seq = w.line_seq;

	if (w.ended) {
		if (one_in(20) || w.good)
			new_session();
		return;
	}
	if (!w.good && one_in(30)) {
		lines_bring(seq, 0, one_in(2) ? DATAGRAM_SILENT : DATAGRAM_HEARD);
	} else if (!w.good && one_in(60)) { // both lines lost something
		w.lost_from_seq = seq;
		w.lost_since_ns = w.now_ns;
		seq += 1 + (one_in(5) ? any(5000) : any(40));
		if (one_in(4)) { // a heartbeat told of it
			w.line_seq = seq;
			lines_bring(seq, 0, DATAGRAM_GAP);
		} else {
			w.line_seq = seq + cnt;
			lines_bring(seq, cnt, DATAGRAM_GAP);
		}
	} else if (!w.good && one_in(2000)) {
		w.ended = true;
		lines_bring(seq, 0, DATAGRAM_END);
	} else {
		w.line_seq = seq + cnt;
		lines_bring(seq, cnt, 0);
	}
}

/* A server's datagram about a request, in one of many ways. */
static void
answer(const struct recover_request *q)
{
	static uint8_t bytes[65536];
	struct mold_head *h = (struct mold_head *)bytes;
	uint64_t seq = q->seq;
	uint16_t cnt = (uint16_t)(1 + any(q->msg_cnt < 30 ? q->msg_cnt : 30));
	struct frame f = { .data = bytes, .buf = bytes, .len = sizeof(*h) };
	struct datagram d;

	if (!w.good && one_in(8))
		seq += any(20);
	else if (!w.good && one_in(8))
		seq -= any(seq < 20 ? seq : 20);
	if (!w.good && one_in(8))
		cnt = (uint16_t)any(80);
	mold_request_write(h, w.session, seq, cnt);
	for (unsigned i = 0; i < cnt; i++)
		f.len = (uint16_t)(f.len + write_message(bytes + f.len, seq + i));
	if (!w.good && one_in(10))
		h->session[any(MOLD_SESSION_LEN)] ^= 1;
	if (!w.good && one_in(10))
		h->msg_cnt = be16_of((uint16_t)any(65536));
	if (!w.good && one_in(10))
		f.len = (uint16_t)any(f.len + 1U);
	if (recover_on_answer(&r, &f, w.now_ns, &d) == RECOVER_PASS) {
		CHECK(d.data >= bytes && d.data + d.len <= bytes + f.len);
		take(&d);
	}
}

static void
servers_step(void)
{
	struct recover_request q;

	if (recover_request(&r, w.now_ns, &q)) {
		CHECK(q.msg_cnt != 0 && q.msg_cnt <= r.config.request_max_messages);
		CHECK(q.server_idx < r.server_cnt && q.seq < w.line_seq);
		CHECK(memcmp(q.session, w.session, sizeof(q.session)) == 0);
		for (unsigned i = 0; i < PENDING_MAX; i++)
			if (w.pending[i].due_ns == NEVER && (w.good || !one_in(3))) {
				w.pending[i].q = q;
				w.pending[i].due_ns = w.now_ns + any(w.good ? MS : 30 * MS);
				break;
			}
	}
	for (unsigned i = 0; i < PENDING_MAX; i++)
		if (w.pending[i].due_ns <= w.now_ns) {
			if (w.good || !one_in(5)) // otherwise it comes twice
				w.pending[i].due_ns = NEVER;
			answer(&w.pending[i].q);
		}
}

static void
snapshot_opened(void)
{
	w.snapshot_id = r.snapshot_id;
	w.connected = true;
	w.spin_left = w.spin_want_cnt = any(200);
	w.snapshot_seq = 0;
	w.spin_due_ns = w.now_ns + any(w.good ? MS : 60 * MS);
	if (!w.good && one_in(8))
		w.spin_due_ns = NEVER - 1; // never
	recover_on_snapshot_step(&r, w.now_ns);
}

/* One message of the snapshot into the room; false when no more fits. */
static bool
spin(struct recover_room *room)
{
	uint8_t msg[64];
	uint16_t len = 12;

	memset(msg, 0x77, sizeof(msg));
	msg[0] = 'S';
	if (w.spin_left == 0) {
		if (w.snapshot_seq == 0) {
			w.snapshot_seq = w.line_seq;
			if (!w.good && one_in(3))
				w.snapshot_seq += any(40);
			else if (!w.good && one_in(2))
				w.snapshot_seq -= any(w.line_seq < 3000 ? w.line_seq : 3000);
		}
		snprintf((char *)msg, sizeof(msg), one_in(2) ? "G%20llu" : "G%-20llu",
			 (unsigned long long)w.snapshot_seq);
		len = 21;
		if (!w.good && one_in(10))
			msg[1 + any(20)] = 'x';
	} else if (!w.good && one_in(300)) {
		len = (uint16_t)any(sizeof(msg));
		msg[0] = (uint8_t)any(256);
		if (len == 12 && msg[0] == 'S')
			w.spin_left--;
		else if (len != 0 && msg[0] != 'S')
			len = 1;
	}
	switch (recover_on_snapshot(&r, msg, len, room, w.now_ns)) {
	case RECOVER_PUT_FULL:
		return false;
	case RECOVER_PUT_END:
		w.connected = false;
		if (r.state == RECOVER_REPLAYING)
			w.end_seq = w.snapshot_seq;
		return false;
	case RECOVER_PUT_TAKEN:
		if (msg[0] == 'S' && len == 12 && w.spin_left != 0)
			w.spin_left--;
		return true;
	}
	return false;
}

static void
snapshot_step(void)
{
	static uint8_t bytes[ROOM_BYTES];
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	struct datagram d;

	if (!recover_wants_snapshot(&r)) {
		w.connected = false;
		return;
	}
	if (!w.connected || w.snapshot_id != r.snapshot_id) {
		if (!w.connected && w.snapshot_id == r.snapshot_id) {
			recover_on_snapshot_lost(&r, w.now_ns);
			return;
		}
		snapshot_opened();
		return;
	}
	if (!w.good && one_in(200)) {
		w.connected = false;
		recover_on_snapshot_lost(&r, w.now_ns);
		return;
	}
	if (w.spin_due_ns > w.now_ns || r.tell_cnt != 0)
		return;
	w.spin_due_ns = w.now_ns + any(MS);
	for (unsigned n = 1 + (unsigned)any(80); n != 0 && spin(&room); n--)
		;
	if (room.msg_cnt == 0)
		return;
	recover_snapshot_datagram(&r, &room, w.now_ns, &d);
	take(&d);
}

static void
step(void)
{
	const struct recover_feed feed = feed_now();

	w.step++;
	w.now_ns += any(one_in(50) ? 20 * MS : MS / 2);
	recover_on_time(&r, &feed, w.now_ns);
	for (unsigned n = (unsigned)any(10); n != 0 && deliver_one(); n--)
		;
	servers_step();
	if (recover_is_busy(&r))
		snapshot_step();
	if (one_in(w.good ? 5 : 2))
		lines_step();
	if (!w.good && one_in(1000) && !w.ended)
		recover_start(&r, &feed, w.now_ns);
	CHECK(recover_check(&r));
	if (recover_is_busy(&r) && (r.state == RECOVER_SYNCHRONISED))
		CHECK(r.tell_cnt != 0 || r.ending);
}

static void
open_world(uint64_t seed)
{
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct recover_config c = {
		.request_max_messages = 100,
		.request_attempts = 3,
		.request_wait_ns = 10 * MS,
		.request_interval_ns = MS / 10,
		.request_max_hole = 4000,
		.snapshot_attempts = 2,
		.snapshot_timeout_ns = 50 * MS,
		.snapshot_retry_ns = 20 * MS,
		.store_bytes = STORE_BYTES,
	};

	memset(&w, 0, sizeof(w));
	w.seed = w.rng = seed;
	w.now_ns = 1000 * MS;
	c.server_cnt = (uint8_t)any(3);
	c.has_snapshot = c.server_cnt == 0 || !one_in(3);
	memcpy(w.session, "PROPERTY  ", sizeof(w.session));
	assert_int_equal(recover_init(&r, &c, &arena, w.now_ns), 0);
	new_session();
}

static void
add_metrics(void)
{
	const uint64_t *from = (const uint64_t *)&r.metrics;
	uint64_t *to = (uint64_t *)&sum;

	for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static void
who_is_believed_has_every_message_once(void **state)
{
	const char *from = getenv("RECOVER_SEED");
	const uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1;
	unsigned whole = 0, stale = 0;

	print_message("seeds %llu to %llu, %u steps each\n", (unsigned long long)first,
		      (unsigned long long)first + ROUNDS - 1, BAD_STEPS + GOOD_STEPS);
	for (uint64_t seed = first; seed < first + ROUNDS; seed++) {
		open_world(seed);
		for (unsigned i = 0; i < BAD_STEPS; i++)
			step();
		w.good = true;
		for (unsigned i = 0; i < GOOD_STEPS; i++)
			step();
		add_metrics();
		if (r.state == RECOVER_SYNCHRONISED) {
			while (deliver_one())
				;
			CHECK(w.live && w.upto_seq == w.line_seq);
			whole++;
		} else {
			// only where there is nobody left to ask
			CHECK(!w.live && r.state == RECOVER_FAILED && !r.has_snapshot);
			stale++;
		}
	}
	print_message("%u ended whole, %u stale\n", whole, stale);
	assert_true(whole > ROUNDS / 2);
	assert_true(stale > 0);
}

static void
nothing_was_left_untried(void **state)
{
	static const struct {
		const char *name;
		size_t at;
	} METRICS[] = {
#define METRIC(name, kind, help) { #name, offsetof(struct recover_metrics, name) },
#include "ingress/recover_metrics.def"
#undef METRIC
	};

	for (size_t i = 0; i < ARRAY_CNT(METRICS); i++) {
		uint64_t value;

		memcpy(&value, (uint8_t *)&sum + METRICS[i].at, sizeof(value));
		if (strcmp(METRICS[i].name, "message_too_long") == 0 || // its own test
		    strcmp(METRICS[i].name, "store_used_bytes") == 0)   // empty again at the end
			continue;
		if (getenv("RECOVER_SHOW") != NULL)
			print_message("%-22s %llu\n", METRICS[i].name, (unsigned long long)value);
		if (value == 0)
			fail_msg("%s never happened", METRICS[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_believed_has_every_message_once),
		cmocka_unit_test(nothing_was_left_untried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
