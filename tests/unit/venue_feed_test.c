/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "feed.h"
#include "wire/itch50.h"

/* 100 messages, 1 ms apart, as a tape; what the lines sent, as counts per message. */
enum { MSGS = 100, MSG_BYTES = 12 };

static uint8_t tape_bytes[MSGS * (2 + MSG_BYTES)];
static struct tape tape;
static struct faults faults;
static struct feed feed;
static uint16_t seen[FEED_LINES][MSGS + 1];
static uint64_t last_seq[FEED_LINES];
static unsigned packets[FEED_LINES], marks[FEED_LINES], ends[FEED_LINES], odd[FEED_LINES];
static unsigned backwards[FEED_LINES];
static unsigned jumped[FEED_LINES];  // packets numbered 2^40 higher
static unsigned renamed[FEED_LINES]; // packets of the next session
static uint64_t renamed_seq;         // the tape's number of its first message
static unsigned applied;

static void
keep(void *ctx, unsigned l, const uint8_t *packet, uint16_t len)
{
	const struct mold_head *h = (const struct mold_head *)packet;
	struct mold_walk w = { 0 };
	struct mold_msg m;
	uint64_t seq;

	if (!mold_packet_exact(packet, len) || memcmp(h->session, "SIM000000", 9) != 0 ||
	    !mold_walk_start(&w, packet, len)) {
		odd[l]++;
		return;
	}
	seq = be64_get(h->seq);
	if (seq > FEED_SEQ_JUMP) {
		jumped[l]++;
		seq -= FEED_SEQ_JUMP;
	}
	if (h->session[9] == '2') {
		renamed[l]++;
		seq += renamed_seq - 1;
	}
	if (be16_get(h->msg_cnt) == MOLD_HEARTBEAT_CNT)
		marks[l]++;
	else if (be16_get(h->msg_cnt) == MOLD_END_OF_SESSION_CNT)
		ends[l]++;
	else
		packets[l]++;
	backwards[l] += w.left_cnt > 0 && seq < last_seq[l];
	if (w.left_cnt > 0)
		last_seq[l] = seq;
	for (; mold_walk_next(&w, &m); seq++) {
		assert_true(seq >= 1 && seq <= MSGS);
		assert_int_equal(m.data[11], (uint8_t)seq); // the right message under the number
		seen[l][seq]++;
	}
}

static void
count_applied(void *ctx, const uint8_t *msg, uint16_t len)
{
	applied++;
}

static void
count_session(void *ctx)
{
}

static void
begin(const struct feed_config *c, const char *fault)
{
	for (unsigned i = 0; i < MSGS; i++) {
		struct itch50_system_event *m =
			(struct itch50_system_event *)(tape_bytes + i * (2 + MSG_BYTES) + 2);
		const be16 len = be16_of(MSG_BYTES);

		memcpy(tape_bytes + i * (2 + MSG_BYTES), &len, sizeof(len));
		m->head = (struct itch50_head){ 'S', be16_of(0), be16_of(0),
						be48_of(1000000000ULL + i * 1000000ULL) };
		m->event = (uint8_t)(i + 1);
	}
	assert_null(tape_of(&tape, tape_bytes, sizeof(tape_bytes)));
	assert_int_equal(tape.msg_cnt, MSGS);
	faults = (struct faults){ 0 };
	assert_null(faults_parse(&faults, fault));
	memset(seen, 0, sizeof(seen));
	memset(last_seq, 0, sizeof(last_seq));
	memset(packets, 0, sizeof(packets));
	memset(marks, 0, sizeof(marks));
	memset(ends, 0, sizeof(ends));
	memset(odd, 0, sizeof(odd));
	memset(backwards, 0, sizeof(backwards));
	memset(jumped, 0, sizeof(jumped));
	memset(renamed, 0, sizeof(renamed));
	applied = 0;
	feed_init(&feed, c, &tape, &faults);
	feed.send = keep;
	feed.apply = count_applied;
	feed.next_session = count_session;
}

static void
end(void)
{
	feed_fini(&feed);
	tape_close(&tape);
}

/* Runs from due time to due time; returns when the last message was applied. */
static uint64_t
run_through(uint64_t start_ns)
{
	uint64_t now_ns = start_ns, last_ns = 0;

	feed.sent_ns = start_ns;
	feed_start(&feed, now_ns);
	while (feed.state != FEED_OVER) {
		const unsigned before = applied;

		feed_run(&feed, now_ns, 32);
		if (applied != before)
			last_ns = now_ns;
		if (feed.state != FEED_OVER) {
			const uint64_t due_ns = feed_due_ns(&feed);

			now_ns = due_ns > now_ns ? due_ns : now_ns;
		}
	}
	feed_run(&feed, now_ns + NS_PER_SEC, 32); // what was delayed
	return last_ns - start_ns;
}

static unsigned
missing(unsigned l)
{
	unsigned n = 0;

	for (unsigned i = 1; i <= MSGS; i++)
		n += seen[l][i] == 0;
	return n;
}

static void
the_pace_is_the_tapes_or_the_one_asked_for(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "");
	assert_int_equal(run_through(NS_PER_SEC), 99000000);
	assert_int_equal(missing(0) + missing(1), 0);
	assert_int_equal(packets[0], MSGS); // no two share a time
	assert_int_equal(ends[0], 3);       // 3 s of linger: at once, and after 1 and 2 s
	end();

	c.speed_1000 = 10000;
	begin(&c, "");
	assert_int_equal(run_through(NS_PER_SEC), 9900000);
	end();

	c.pace = FEED_RATE;
	c.rate = 3; // a period that is no whole number of nanoseconds
	begin(&c, "");
	assert_in_range(run_through(NS_PER_SEC), 33 * NS_PER_SEC - 1, 33 * NS_PER_SEC);
	end();

	feed_config_init(&c);
	c.skip_to_ns = 1050000000; // the first 50 at 100,000 a second
	begin(&c, "");
	assert_int_equal(run_through(NS_PER_SEC), 49 * 10000 + 49 * 1000000);
	end();

	feed_config_init(&c);
	c.gap_max_ns = 1000;
	begin(&c, "");
	assert_int_equal(run_through(NS_PER_SEC), 99000);
	end();
}

static void
packets_hold_what_was_asked_for(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	c.pack_cnt = 7;
	begin(&c, "");
	run_through(NS_PER_SEC);
	assert_int_equal(packets[0], 15); // 14 of 7, one of 2
	assert_int_equal(missing(0), 0);
	end();
}

static void
faults_strike_their_line_only(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "loss_a=3+10-12,dup_b=20,reorder_b=30,silent_b=90-");
	run_through(NS_PER_SEC);
	assert_int_equal(missing(0), 4);
	assert_int_equal(seen[0][11], 0);
	assert_int_equal(seen[0][13], 1);
	assert_int_equal(missing(1), 11); // 90 to 100
	assert_int_equal(ends[1], 0);     // silent for good
	assert_int_equal(ends[0], 3);
	assert_int_equal(seen[1][20], 2);
	assert_int_equal(seen[1][30], 1);
	assert_int_equal(backwards[1], 1);
	assert_int_equal(backwards[0], 0);
	assert_int_equal(feed.line[0].n.lost, 4);
	assert_int_equal(feed.line[1].n.duplicated, 1);
	assert_int_equal(feed.line[1].n.reordered, 1);
	end();
}

static void
intruders_do_not_disturb_the_session(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "garbage=10%,truncated=10%,wrong_session=10%,delay_b_us=300");
	run_through(NS_PER_SEC);
	assert_int_equal(missing(0) + missing(1), 0);
	assert_true(odd[0] > 10);
	assert_int_equal(odd[0], odd[1]);
	end();
}

static void
line_b_may_pack_by_itself(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	c.pace = FEED_RATE;
	c.rate = 100000;
	c.pack_cnt = 7;
	begin(&c, "pack_b=12");
	run_through(NS_PER_SEC);
	assert_int_equal(missing(0) + missing(1), 0);
	for (unsigned i = 1; i <= MSGS; i++)
		assert_int_equal(seen[0][i] + seen[1][i], 2);
	assert_int_equal(packets[0], 15);
	assert_true(packets[1] != packets[0]);
	assert_int_equal(backwards[1], 0);
	end();

	begin(&c, "pack_b=12,loss_both=20+60-70,loss_b=90"); // both lose the same
	run_through(NS_PER_SEC);
	assert_in_range(missing(0), 7, 27);
	for (unsigned i = 1; i <= 80; i++)
		assert_int_equal(seen[0][i], seen[1][i]);
	assert_int_equal(seen[0][90], 1);
	assert_int_equal(seen[1][90], 0);
	end();

	feed_config_init(&c);
	begin(&c, "pack_b=50"); // 1 ms apart: nothing waits for longer
	run_through(NS_PER_SEC);
	assert_int_equal(missing(1), 0);
	assert_true(packets[1] > 90);
	end();
}

static void
a_feed_on_hold_does_not_end(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	c.hold = true;
	begin(&c, "");
	feed.sent_ns = NS_PER_SEC;
	feed_start(&feed, NS_PER_SEC);
	for (uint64_t now_ns = NS_PER_SEC; now_ns < 6 * NS_PER_SEC; now_ns = feed_due_ns(&feed))
		feed_run(&feed, now_ns, 32);
	assert_int_equal(missing(0), 0);
	assert_int_equal(ends[0], 0);
	assert_in_range(marks[0], 4, 5);
	assert_int_equal(feed.state, FEED_PLAYING);
	end();
}

static void
a_flood_is_a_thousand_copies_on_one_line(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "flood_b=50");
	run_through(NS_PER_SEC);
	assert_int_equal(packets[0], MSGS);
	assert_int_equal(packets[1], MSGS + FEED_FLOOD_CNT);
	assert_int_equal(feed.line[1].n.flooded, 1);
	end();
}

static void
numbers_may_jump_and_sessions_may_change(void **state)
{
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "seq_jump=50");
	run_through(NS_PER_SEC);
	assert_int_equal(jumped[0], 1);
	assert_int_equal(jumped[1], 1);
	assert_int_equal(seen[0][50], 2);
	assert_int_equal(feed_next_seq(&feed), MSGS + 1);
	end();

	c.pack_cnt = 4; // and no packet has numbers of both kinds
	begin(&c, "seq_jump_at=51");
	run_through(NS_PER_SEC);
	assert_int_equal(missing(0) + missing(1), 0);
	assert_int_equal(jumped[0], 13 + 3); // 50 messages, 3 ends of session
	assert_int_equal(feed_next_seq(&feed), MSGS + 1 + FEED_SEQ_JUMP);
	end();

	renamed_seq = 51;
	begin(&c, "session_change_at=51,pack_b=9");
	run_through(NS_PER_SEC);
	assert_int_equal(missing(0) + missing(1), 0);
	assert_int_equal(renamed[0], 13 + 3);
	assert_int_equal(feed_next_seq(&feed), 51);
	end();
}

static void
the_same_seed_loses_the_same_packets(void **state)
{
	uint16_t first[MSGS + 1];
	struct feed_config c;

	feed_config_init(&c);
	begin(&c, "loss_a=20%");
	run_through(NS_PER_SEC);
	memcpy(first, seen[0], sizeof(first));
	assert_true(missing(0) > 5 && missing(0) < 40);
	end();
	begin(&c, "loss_a=20%");
	run_through(5 * NS_PER_SEC);
	assert_memory_equal(seen[0], first, sizeof(first));
	end();
	c.seed = 2;
	begin(&c, "loss_a=20%");
	run_through(NS_PER_SEC);
	assert_memory_not_equal(seen[0], first, sizeof(first));
	end();
}

static void
requests_get_what_was_sent_and_nothing_else(void **state)
{
	static const struct {
		const char *what;
		uint64_t seq;
		uint16_t cnt;
		uint16_t want_cnt;
	} CASES[] = {
		// clang-format off
		{ "one",                       1,   1,      1   },
		{ "some in the middle",        40,  5,      5   },
		{ "more than there are",       99,  10,     2   },
		{ "all that fit",              1,   1000,   100 },
		{ "none",                      1,   0,      0   },
		{ "the end of session",        1,   0xFFFF, 0   },
		{ "number 0",                  0,   1,      0   },
		{ "the one that comes next",   101, 1,      0   },
		// clang-format on
	};
	uint8_t out[MOLD_PAYLOAD_MAX];
	struct feed_config c;
	struct mold_head r;

	feed_config_init(&c);
	begin(&c, "");
	run_through(NS_PER_SEC);
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		uint16_t len;

		mold_request_write(&r, "SIM0000001", CASES[i].seq, CASES[i].cnt);
		len = feed_on_request(&feed, (uint8_t *)&r, sizeof(r), out);
		if ((len > 0) != (CASES[i].want_cnt > 0) ||
		    (len > 0 &&
		     (be16_get(((struct mold_head *)out)->msg_cnt) != CASES[i].want_cnt ||
		      be64_get(((struct mold_head *)out)->seq) != CASES[i].seq ||
		      !mold_packet_exact(out, len))))
			fail_msg("%s", CASES[i].what);
	}
	mold_request_write(&r, "SIM0000002", 1, 1);
	assert_int_equal(feed_on_request(&feed, (uint8_t *)&r, sizeof(r), out), 0);
	assert_int_equal(feed_on_request(&feed, (uint8_t *)&r, sizeof(r) - 1, out), 0);
	end();
}

static void
a_broken_tape_is_refused(void **state)
{
	static const uint8_t CUT[] = { 0, 2, 'x' }, HALF[] = { 0 },
			     ENDED[] = { 0, 1, 'x', 0, 0, 9 };
	struct tape t;

	assert_non_null(tape_of(&t, CUT, sizeof(CUT)));
	tape_close(&t);
	assert_non_null(tape_of(&t, HALF, sizeof(HALF)));
	tape_close(&t);
	assert_null(tape_of(&t, ENDED, sizeof(ENDED))); // a length of 0 ends it
	assert_int_equal(t.msg_cnt, 1);
	tape_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pace_is_the_tapes_or_the_one_asked_for),
		cmocka_unit_test(packets_hold_what_was_asked_for),
		cmocka_unit_test(faults_strike_their_line_only),
		cmocka_unit_test(intruders_do_not_disturb_the_session),
		cmocka_unit_test(line_b_may_pack_by_itself),
		cmocka_unit_test(a_feed_on_hold_does_not_end),
		cmocka_unit_test(a_flood_is_a_thousand_copies_on_one_line),
		cmocka_unit_test(numbers_may_jump_and_sessions_may_change),
		cmocka_unit_test(the_same_seed_loses_the_same_packets),
		cmocka_unit_test(requests_get_what_was_sent_and_nothing_else),
		cmocka_unit_test(a_broken_tape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
