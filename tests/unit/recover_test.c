/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/recover.h"

enum {
	STEPS_MAX = 24,
	ROOM_BYTES = 64, // six messages
};

#define MS     1000000ULL
#define NOW_NS (1000 * MS)

/* What a step puts in. */
enum kind {
	NONE,
	LINE,    // cnt messages from seq on, in sequence
	GAP,     // the same, and what is between the last and seq is missing
	HEART,   // GAP without messages
	JOIN,    // LINE of a new session; from another number than 1 it is a gap
	END,     // of the session
	SILENT,  //
	ANSWER,  // of a server: cnt messages from seq on
	FOREIGN, // an answer of another session
	CUT,     // an answer that lies about its blocks
	SPIN,    // seq messages of a snapshot
	DONE,    // its end: number seq
	BROKEN,  // a message of the snapshot with a wrong length
	LOST,    // its connection
	WAIT,    // seq milliseconds
	START,   // the operator says so; cnt: the answer's negative errno
};

struct step {
	enum kind kind;
	uint64_t seq;
	uint16_t cnt;
};

/*
 * Each case is a conversation, and what comes out as text.  Delivered: "1+2" messages 1 and 2,
 * "r1+2" replayed, "s3" three of a snapshot; flags alone: N new session, G gap, E end, S silent, B
 * books begin anew, R recovered, L lost.  Wanted: "?3+4@1" a request of four from 3 on to server 1,
 * "<" a snapshot, ">" no longer.
 */
static const struct {
	const char *what;
	unsigned servers;
	bool snapshot;
	struct step step[STEPS_MAX];
	const char *want;
	enum recover_state state;
} CASES[] = {
	// clang-format off
	{ "what is in sequence passes", 1, true,
	  { { JOIN, 1, 2 }, { LINE, 3, 1 } }, "N1+2 3+1 ", RECOVER_SYNCHRONISED },
	{ "a hole is asked for and what follows waits", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 1 }, { LINE, 6, 1 } }, "N1+2 G ?3+2@0 ", RECOVER_REQUESTING },
	{ "an answer fills the hole and everything goes on", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 1 }, { LINE, 6, 1 }, { ANSWER, 3, 2 }, { LINE, 7, 1 } },
	  "N1+2 G ?3+2@0 3+2 5+1 6+1 R 7+1 ", RECOVER_SYNCHRONISED },
	{ "a partial answer is taken and the rest asked for", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 6, 1 }, { ANSWER, 3, 1 }, { WAIT, 1, 0 }, { ANSWER, 4, 2 } },
	  "N1+2 G ?3+3@0 3+1 ?4+2@0 4+2 6+1 R ", RECOVER_SYNCHRONISED },
	{ "an answer that began earlier is trimmed", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 1 }, { ANSWER, 1, 4 } }, "N1+2 G ?3+2@0 3+2 5+1 R ", RECOVER_SYNCHRONISED },
	{ "an answer that goes on behind the hole is cut", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 2 }, { ANSWER, 3, 4 } }, "N1+2 G ?3+2@0 3+2 5+2 R ", RECOVER_SYNCHRONISED },
	{ "an answer beside the hole, of another session, or damaged is dropped", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 1 }, { ANSWER, 4, 1 }, { ANSWER, 1, 2 }, { FOREIGN, 3, 2 }, { CUT, 3, 2 } },
	  "N1+2 G ?3+2@0 ", RECOVER_REQUESTING },
	{ "an answer twice is delivered once", 1, false,
	  { { JOIN, 1, 2 }, { GAP, 5, 1 }, { ANSWER, 3, 2 }, { ANSWER, 3, 2 } },
	  "N1+2 G ?3+2@0 3+2 5+1 R ", RECOVER_SYNCHRONISED },
	{ "silent servers are asked in turn, then the hole is lost", 2, false,
	  { { JOIN, 1, 1 }, { GAP, 3, 1 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { LINE, 4, 1 } },
	  "N1+1 G ?2+1@0 ?2+1@1 ?2+1@0 L 3+1 4+1 ", RECOVER_FAILED },
	{ "silent servers, then a snapshot", 1, true,
	  { { JOIN, 1, 1 }, { GAP, 3, 1 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { SPIN, 2, 0 }, { LINE, 4, 1 }, { DONE, 3, 0 }, { LINE, 5, 1 } },
	  "N1+1 G ?2+1@0 ?2+1@0 ?2+1@0 B <s2 >r3+1 r4+1 R 5+1 ", RECOVER_SYNCHRONISED },
	{ "without servers a hole means a snapshot", 0, true,
	  { { JOIN, 1, 1 }, { GAP, 3, 1 }, { LINE, 4, 2 }, { SPIN, 1, 0 }, { DONE, 5, 0 } },
	  "N1+1 G B <s1 >r5+1 R ", RECOVER_SYNCHRONISED },
	{ "a hole that is too large means a snapshot", 1, true,
	  { { JOIN, 1, 1 }, { GAP, 103, 1 }, { SPIN, 1, 0 }, { DONE, 104, 0 } },
	  "N1+1 G B <s1 >R ", RECOVER_SYNCHRONISED },
	{ "two holes are filled one after the other", 1, false,
	  { { JOIN, 1, 1 }, { GAP, 3, 1 }, { GAP, 5, 1 }, { ANSWER, 2, 3 }, { WAIT, 1, 0 }, { ANSWER, 4, 1 } },
	  "N1+1 G ?2+1@0 2+1 3+1 ?4+1@0 4+1 5+1 R ", RECOVER_SYNCHRONISED },
	{ "a hole at the end that heartbeats told of", 1, false,
	  { { JOIN, 1, 1 }, { HEART, 3, 0 }, { ANSWER, 2, 1 } }, "N1+1 G ?2+1@0 2+1 R ", RECOVER_SYNCHRONISED },
	{ "the end of session waits for what is missing", 1, false,
	  { { JOIN, 1, 1 }, { HEART, 3, 0 }, { END, 3, 0 }, { ANSWER, 2, 1 } }, "N1+1 G ?2+1@0 2+1 R E ", RECOVER_SYNCHRONISED },
	{ "silence is told at once", 1, false,
	  { { JOIN, 1, 1 }, { GAP, 3, 1 }, { SILENT, 4, 0 } }, "N1+1 G ?2+1@0 S ", RECOVER_REQUESTING },
	{ "a new session ends all that", 1, true,
	  { { JOIN, 1, 1 }, { GAP, 103, 1 }, { JOIN, 1, 1 } }, "N1+1 G B <N1+1 >", RECOVER_SYNCHRONISED },
	{ "a start in mid-day is a snapshot", 0, true,
	  { { JOIN, 70, 1 }, { LINE, 71, 1 }, { SPIN, 3, 0 }, { DONE, 71, 0 }, { LINE, 72, 1 } },
	  "NG B <s3 >r71+1 R 72+1 ", RECOVER_SYNCHRONISED },
	{ "a start soon after the beginning asks for it", 1, false,
	  { { JOIN, 3, 1 }, { ANSWER, 1, 2 } }, "NG ?1+2@0 1+2 3+1 R ", RECOVER_SYNCHRONISED },
	{ "a start in mid-day with nobody to ask is as it was", 1, false,
	  { { JOIN, 1000, 1 }, { LINE, 1001, 1 } }, "NG1000+1 1001+1 ", RECOVER_FAILED },
	{ "a snapshot older than what was kept, the hole asked for", 1, true,
	  { { JOIN, 70, 1 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { WAIT, 11, 0 }, { SPIN, 1, 0 }, { DONE, 68, 0 }, { ANSWER, 68, 2 } },
	  "NG ?1+69@0 ?1+69@0 ?1+69@0 B <s1 >?68+2@0 r68+2 r70+1 R ", RECOVER_SYNCHRONISED },
	{ "a snapshot older than what was kept and nobody to ask: another one", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { DONE, 68, 0 }, { WAIT, 21, 0 }, { SPIN, 1, 0 }, { DONE, 71, 0 } },
	  "NG B <s1 >B <s1 >R ", RECOVER_SYNCHRONISED },
	{ "a snapshot ahead of the lines waits for them", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { DONE, 73, 0 }, { LINE, 71, 1 }, { LINE, 72, 2 }, { LINE, 74, 1 } },
	  "NG B <s1 >r73+1 R 74+1 ", RECOVER_SYNCHRONISED },
	{ "a snapshot ahead of the lines is not waited for for ever", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { DONE, 1 << 30, 0 }, { LINE, 71, 1 }, { WAIT, 51, 0 } },
	  "NG B <s1 >", RECOVER_SNAPSHOT },
	{ "snapshots that end early, then none is tried: lost", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { LOST, 0, 0 }, { WAIT, 21, 0 }, { LOST, 0, 0 }, { LINE, 71, 1 } },
	  "NG B <s1 >B <L >70+1 71+1 ", RECOVER_FAILED },
	{ "a snapshot that cannot be read has failed", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { BROKEN, 0, 0 } }, "NG B <s1 >", RECOVER_SNAPSHOT },
	{ "a snapshot that stops has failed", 0, true,
	  { { JOIN, 70, 1 }, { SPIN, 1, 0 }, { WAIT, 51, 0 } }, "NG B <s1 >", RECOVER_SNAPSHOT },
	{ "a number that is none ends the snapshot", 0, true,
	  { { JOIN, 70, 1 }, { DONE, 0, 0 } }, "NG B <>", RECOVER_SNAPSHOT },
	{ "what failed is tried again later", 0, true,
	  { { JOIN, 70, 1 }, { LOST, 0, 0 }, { WAIT, 21, 0 }, { LOST, 0, 0 }, { WAIT, 41, 0 }, { DONE, 71, 0 } },
	  "NG B <>B <L >70+1 B <>R ", RECOVER_SYNCHRONISED },
	{ "some books alone: everybody else goes on meanwhile", 0, true,
	  { { JOIN, 1, 1 }, { START, 0, 0 }, { LINE, 2, 1 }, { SPIN, 1, 0 }, { LINE, 3, 1 }, { DONE, 3, 0 }, { LINE, 4, 1 } },
	  "N1+1 B <2+1 s1 3+1 >r3+1 R 4+1 ", RECOVER_SYNCHRONISED },
	{ "a hole meanwhile concerns all books: again from the beginning", 0, true,
	  { { JOIN, 1, 1 }, { START, 0, 0 }, { SPIN, 1, 0 }, { GAP, 5, 1 }, { SPIN, 1, 0 }, { DONE, 6, 0 } },
	  "N1+1 B <s1 G B ><s1 >R ", RECOVER_SYNCHRONISED },
	{ "without a snapshot server the whole day is replayed", 1, false,
	  { { JOIN, 1, 3 }, { START, 0, 0 }, { LINE, 4, 1 }, { ANSWER, 1, 3 }, { LINE, 5, 1 } },
	  "N1+3 B ?1+3@0 4+1 r1+3 r4+1 R 5+1 ", RECOVER_SYNCHRONISED },
	{ "nobody can replay a long day", 1, false,
	  { { JOIN, 1, 1 }, { LINE, 2, 200 }, { START, 0, ENOTSUP } }, "N1+1 2+200 ", RECOVER_SYNCHRONISED },
	{ "recovery that is going on is not begun again", 0, true,
	  { { JOIN, 1, 1 }, { START, 0, 0 }, { START, 0, EALREADY } }, "N1+1 B <", RECOVER_SNAPSHOT },
	{ "before a session there is nothing to recover", 0, true,
	  { { START, 0, ENOTCONN } }, "", RECOVER_SYNCHRONISED },
	{ "kept messages that do not fit one buffer take several", 1, false,
	  { { JOIN, 1, 1 }, { GAP, 3, 8 }, { ANSWER, 2, 1 } }, "N1+1 G ?2+1@0 2+1 3+6 9+2 R ", RECOVER_SYNCHRONISED },
	// clang-format on
};

static uint8_t memory[1 << 18] cache_aligned;
static struct recover r;
static struct recover_feed feed;
static uint64_t now_ns;
static char said[512];
static uint32_t snapshot_id; // of the one that is open; 0: none

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	const size_t used = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + used, sizeof(said) - used, fmt, ap);
	va_end(ap);
}

static void
say_datagram(const struct datagram *d)
{
	static const struct {
		unsigned flag;
		char letter;
	} LETTER[] = {
		{ DATAGRAM_NEW_SESSION, 'N' }, { DATAGRAM_GAP, 'G' },
		{ DATAGRAM_END, 'E' },         { DATAGRAM_SILENT, 'S' },
		{ DATAGRAM_RECOVERING, 'B' },  { DATAGRAM_RECOVERED, 'R' },
		{ DATAGRAM_LOST, 'L' },        { DATAGRAM_SNAPSHOT, 's' },
		{ DATAGRAM_REPLAY, 'r' },
	};
	const uint8_t *at = d->data;

	for (size_t i = 0; i < ARRAY_CNT(LETTER); i++)
		if (d->flags & LETTER[i].flag)
			say("%c", LETTER[i].letter);
	if (d->flags & DATAGRAM_SNAPSHOT)
		say("%u", d->msg_cnt);
	else if (d->msg_cnt != 0)
		say("%llu+%u", (unsigned long long)d->seq, d->msg_cnt);
	say(" ");
	for (unsigned i = 0; i < d->msg_cnt && !(d->flags & DATAGRAM_SNAPSHOT); i++, at += 10)
		assert_int_equal(be64_get(*(const be64 *)(at + 2)), d->seq + i);
	for (unsigned i = 0; i < d->msg_cnt && (d->flags & DATAGRAM_SNAPSHOT); i++, at += 14)
		assert_int_equal(at[2], 'S');
	assert_int_equal(at - d->data, d->msg_cnt == 0 ? 0 : d->len);
}

static uint16_t
write_messages(uint8_t *at, uint64_t seq, uint16_t cnt)
{
	for (uint16_t i = 0; i < cnt; i++, at += 10) {
		*(be16 *)at = be16_of(8);
		*(be64 *)(at + 2) = be64_of(seq + i);
	}
	return (uint16_t)(cnt * 10);
}

static void
say_connection(void)
{
	if (snapshot_id != 0 && (!recover_wants_snapshot(&r) || r.snapshot_id != snapshot_id)) {
		snapshot_id = 0;
		say(">");
	}
	if (snapshot_id == 0 && recover_wants_snapshot(&r)) {
		snapshot_id = r.snapshot_id;
		say("<");
	}
}

/* Everything that comes out by itself. */
static void
settle(void)
{
	static uint8_t bytes[ROOM_BYTES];
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	struct recover_request q;
	struct datagram d;

	while (r.tell_cnt != 0 && recover_next(&r, now_ns, &room, &d))
		say_datagram(&d);
	say_connection();
	do {
		while (recover_next(&r, now_ns, &room, &d))
			say_datagram(&d);
		if (recover_request(&r, now_ns, &q))
			say("?%llu+%u@%u ", (unsigned long long)q.seq, q.msg_cnt, q.server_idx);
	} while (r.tell_cnt != 0);
	say_connection();
	assert_true(recover_check(&r));
}

static void
lines(const struct step *s)
{
	static uint8_t bytes[8192];
	struct datagram d = { .buf = bytes, .data = bytes, .seq = s->seq, .msg_cnt = s->cnt };

	if (s->kind == JOIN) {
		d.flags = DATAGRAM_NEW_SESSION | (s->seq > 1 ? DATAGRAM_GAP : 0);
		feed.lost_from_seq = 1;
	} else if (s->kind == GAP || s->kind == HEART) {
		d.flags = DATAGRAM_GAP;
		feed.lost_from_seq = feed.expected_seq;
	} else if (s->kind == END) {
		d.flags = DATAGRAM_END;
	} else if (s->kind == SILENT) {
		d.flags = DATAGRAM_SILENT;
	}
	feed.lost_since_ns = now_ns;
	feed.expected_seq = s->seq + s->cnt;
	d.len = write_messages(bytes, s->seq, s->cnt);
	if ((!recover_is_busy(&r) && d.flags == 0) ||
	    recover_on_datagram(&r, &d, &feed, now_ns) == RECOVER_PASS)
		say_datagram(&d);
}

static void
answer(const struct step *s)
{
	static uint8_t bytes[2048];
	struct frame f = { .buf = bytes, .data = bytes };
	struct datagram d;

	mold_request_write((struct mold_head *)bytes,
			   s->kind == FOREIGN ? "OTHER     " : feed.session, s->seq, s->cnt);
	f.len = (uint16_t)(sizeof(struct mold_head) +
			   write_messages(bytes + sizeof(struct mold_head), s->seq, s->cnt));
	if (s->kind == CUT)
		f.len--;
	if (recover_on_answer(&r, &f, now_ns, &d) == RECOVER_PASS) {
		assert_ptr_equal(d.buf, bytes);
		say_datagram(&d);
	}
}

static void
snapshot(const struct step *s)
{
	static uint8_t bytes[1024];
	struct recover_room room = { .at = bytes, .bytes = sizeof(bytes) };
	uint8_t msg[64] = "S";
	struct datagram d;

	for (uint64_t i = 0; s->kind == SPIN && i < s->seq; i++)
		assert_int_equal(recover_on_snapshot(&r, msg, 12, &room, now_ns),
				 RECOVER_PUT_TAKEN);
	if (room.msg_cnt != 0) {
		recover_snapshot_datagram(&r, &room, now_ns, &d);
		say_datagram(&d);
	}
	if (s->kind == DONE) {
		snprintf((char *)msg, sizeof(msg), "G%20llu", (unsigned long long)s->seq);
		assert_int_equal(recover_on_snapshot(&r, msg, 21, &room, now_ns), RECOVER_PUT_END);
	}
	if (s->kind == BROKEN)
		assert_int_equal(recover_on_snapshot(&r, msg, 11, &room, now_ns), RECOVER_PUT_END);
	if (s->kind == LOST)
		recover_on_snapshot_lost(&r, now_ns);
}

static void
open_recover(unsigned servers, bool with_snapshot)
{
	const struct recover_config c = {
		.server_cnt = (uint8_t)servers,
		.has_snapshot = with_snapshot,
		.request_max_messages = 1000,
		.request_attempts = 3,
		.request_wait_ns = 10 * MS,
		.request_interval_ns = MS / 10,
		.request_max_hole = 100,
		.snapshot_attempts = 2,
		.snapshot_timeout_ns = 50 * MS,
		.snapshot_retry_ns = 20 * MS,
		.store_bytes = RECOVER_STORE_MIN,
	};
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };

	now_ns = NOW_NS;
	snapshot_id = 0;
	said[0] = '\0';
	feed = (struct recover_feed){ .session = "SESSION001", .expected_seq = UINT64_MAX };
	assert_int_equal(recover_init(&r, &c, &arena, now_ns), 0);
}

static void
do_step(const struct step *s)
{
	switch (s->kind) {
	case NONE:
		return;
	case LINE:
	case GAP:
	case HEART:
	case JOIN:
	case END:
	case SILENT:
		lines(s);
		break;
	case ANSWER:
	case FOREIGN:
	case CUT:
		answer(s);
		break;
	case SPIN:
	case DONE:
	case BROKEN:
	case LOST:
		snapshot(s);
		break;
	case WAIT:
		now_ns += s->seq * MS;
		recover_on_time(&r, &feed, now_ns);
		break;
	case START:
		assert_int_equal(recover_start(&r, &feed, now_ns), -(int)s->cnt);
		break;
	}
	settle();
}

static void
each_rule_holds(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		open_recover(CASES[i].servers, CASES[i].snapshot);
		for (unsigned k = 0; k < STEPS_MAX; k++)
			do_step(&CASES[i].step[k]);
		if (strcmp(said, CASES[i].want) != 0 || r.state != CASES[i].state)
			fail_msg("%s:\nsaid '%s', %s\nwant '%s', %s", CASES[i].what, said,
				 recover_state_name((enum recover_state)r.state), CASES[i].want,
				 recover_state_name(CASES[i].state));
	}
}

/* A room smaller than a message: it cannot be delivered, and does not hold up the others. */
static void
a_message_longer_than_a_buffer_is_skipped(void **state)
{
	static uint8_t bytes[256];
	struct recover_room room = { .at = bytes, .bytes = 30 };
	struct datagram d;

	open_recover(1, false);
	do_step(&(struct step){ JOIN, 1, 1 });
	feed.lost_from_seq = 2;
	feed.expected_seq = 6;
	d = (struct datagram){
		.buf = bytes, .data = bytes, .seq = 3, .msg_cnt = 3, .flags = DATAGRAM_GAP
	};
	d.len = write_messages(bytes, 3, 1);
	*(be16 *)(bytes + d.len) = be16_of(50);
	d.len = (uint16_t)(d.len + 52);
	d.len = (uint16_t)(d.len + write_messages(bytes + d.len, 5, 1));
	assert_int_equal(recover_on_datagram(&r, &d, &feed, now_ns), RECOVER_KEPT);
	assert_true(recover_next(&r, now_ns, &room, &d));
	answer(&(struct step){ ANSWER, 2, 1 });
	assert_true(recover_next(&r, now_ns, &room, &d));
	assert_int_equal(d.seq, 3);
	assert_int_equal(d.msg_cnt, 1);
	assert_true(recover_next(&r, now_ns, &room, &d));
	assert_int_equal(d.seq, 5);
	assert_int_equal(d.msg_cnt, 1);
	assert_true(recover_next(&r, now_ns, &room, &d));
	assert_int_equal(d.flags, DATAGRAM_RECOVERED);
	assert_int_equal(r.metrics.message_too_long, 1);
}

/* What no longer fits while a hole is asked for is asked for as well. */
static void
a_full_store_leaves_a_hole_that_is_asked_for(void **state)
{
	static uint8_t big[8192];
	uint64_t seq = 3;

	open_recover(1, false);
	do_step(&(struct step){ JOIN, 1, 1 });
	do_step(&(struct step){ GAP, 3, 1 });
	for (seq = 4; r.metrics.message_dropped == 0; seq += 5) {
		struct datagram d = { .buf = big, .data = big, .seq = seq, .msg_cnt = 5 };

		for (unsigned i = 0; i < 5; i++) {
			*(be16 *)(big + d.len) = be16_of(1000);
			d.len = (uint16_t)(d.len + 1002);
		}
		feed.expected_seq = seq + 5;
		assert_int_equal(recover_on_datagram(&r, &d, &feed, now_ns), RECOVER_KEPT);
		assert_true(recover_check(&r));
		assert_true(r.store.used_bytes <= RECOVER_STORE_MIN);
	}
	assert_int_equal(r.state, RECOVER_REQUESTING);
	assert_int_equal(r.metrics.message_dropped, 5);
	said[0] = '\0';
	answer(&(struct step){ ANSWER, 2, 1 });
	for (uint8_t room_bytes[2048], done = 0; !done;) {
		struct recover_room room = { .at = room_bytes, .bytes = sizeof(room_bytes) };
		struct datagram d;

		done = !recover_next(&r, now_ns, &room, &d);
	}
	now_ns += 1 * MS;
	settle();
	assert_int_equal(r.next_seq, seq - 5); // five at the end, once more from a server
	assert_int_equal(r.live_seq, seq);
}

static void
time_is_counted_by_state(void **state)
{
	open_recover(1, false);
	do_step(&(struct step){ JOIN, 1, 1 });
	do_step(&(struct step){ WAIT, 100, 0 });
	do_step(&(struct step){ GAP, 3, 1 });
	do_step(&(struct step){ WAIT, 7, 0 });
	do_step(&(struct step){ ANSWER, 2, 1 });
	do_step(&(struct step){ WAIT, 30, 0 });
	assert_int_equal(r.metrics.synchronised_ns, 130 * MS);
	assert_int_equal(r.metrics.requesting_ns, 7 * MS);
	assert_int_equal(r.metrics.state, RECOVER_SYNCHRONISED);
}

static void
a_configuration_that_cannot_work_is_refused(void **state)
{
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct recover_config good, c;
	struct recover other;

	open_recover(1, true);
	good = r.config;
	c = good;
	c.server_cnt = 0;
	c.has_snapshot = false;
	assert_int_equal(recover_init(&other, &c, &arena, 0), -EINVAL);
	c = good;
	c.server_cnt = RECOVER_SERVER_MAX + 1;
	assert_int_equal(recover_init(&other, &c, &arena, 0), -EINVAL);
	c = good;
	c.request_max_messages = UINT16_MAX;
	assert_int_equal(recover_init(&other, &c, &arena, 0), -EINVAL);
	c = good;
	c.store_bytes = RECOVER_STORE_MIN - 1;
	assert_int_equal(recover_init(&other, &c, &arena, 0), -EINVAL);
	c = good;
	c.store_bytes = 2 * sizeof(memory);
	assert_int_equal(recover_init(&other, &c, &arena, 0), -ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_holds),
		cmocka_unit_test(a_message_longer_than_a_buffer_is_skipped),
		cmocka_unit_test(a_full_store_leaves_a_hole_that_is_asked_for),
		cmocka_unit_test(time_is_counted_by_state),
		cmocka_unit_test(a_configuration_that_cannot_work_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
