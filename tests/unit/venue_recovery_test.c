/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "day.h"
#include "glimpse.h"
#include "requests.h"
#include "wire/itch50.h"

/* A day of 20,000 messages in 12 symbols, played without pauses up to where a test wants it. */

enum { DAY_BYTES = 2 << 20, SERVERS = 2, PLAYED = 9000 };

static uint8_t day_bytes[DAY_BYTES];
static struct tape tape;
static struct faults faults;
static struct feed feed;
static struct requests requests;
static struct match match;
static struct spin_state spin_state;
static struct glimpse glimpse;
static uint64_t now_ns;

static void
no_line(void *ctx, unsigned l, const uint8_t *packet, uint16_t len)
{
}

static void
apply(void *ctx, const uint8_t *msg, uint16_t len)
{
	match_on_itch(&match, msg, len);
	spin_state_on_itch(&spin_state, msg, len);
}

static void
no_fill(void *ctx, struct match_order *o, uint32_t qty, uint32_t px4, uint8_t liquidity,
	uint64_t match_ref)
{
	fail_msg("there are no own orders");
}

static void
snapshot(void *ctx, uint64_t old_cnt, struct spin *out)
{
	const uint64_t next_seq = feed_next_seq(&feed);

	if (old_cnt == 0)
		spin_make(out, &spin_state, &match, next_seq);
	else
		assert_true(spin_make_past(out, &tape, next_seq - old_cnt, next_seq - old_cnt));
}

/* --- what request servers answered --- */

static struct {
	unsigned cnt;
	unsigned server;
	uint16_t len;
	uint8_t bytes[MOLD_PAYLOAD_MAX];
} answer;

static void
keep_answer(void *ctx, unsigned server, const struct sockaddr_in *to, const uint8_t *bytes,
	    uint16_t len)
{
	assert_int_equal(to->sin_port, htons(4711));
	answer.cnt++;
	answer.server = server;
	answer.len = len;
	memcpy(answer.bytes, bytes, len);
}

static void
ask(unsigned server, uint64_t seq, uint16_t cnt)
{
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4711) };
	struct mold_head q;

	memset(&answer, 0, sizeof(answer));
	mold_request_write(&q, "SIM0000001", seq, cnt);
	requests_on_datagram(&requests, server, &from, (const uint8_t *)&q, sizeof(q), now_ns);
}

static void
play_until(uint64_t seq)
{
	feed_start(&feed, now_ns);
	while (feed.walk.seq < seq) {
		if (feed_due_ns(&feed) > now_ns)
			now_ns = feed_due_ns(&feed);
		feed_run(&feed, now_ns, 1);
	}
}

static void
begin(const char *fault)
{
	static const struct glimpse_config GLIMPSE = { .username = "SNAP",
						       .password = "SHOT",
						       .client_timeout_ns = 15 * NS_PER_SEC,
						       .login_timeout_ns = 30 * NS_PER_SEC,
						       .heartbeat_ns = NS_PER_SEC,
						       .linger_ns = 2 * NS_PER_SEC };
	struct feed_config c;

	feed_config_init(&c);
	c.pace = FEED_RATE;
	c.rate = 1000000;
	c.pack_cnt = 4;
	faults = (struct faults){ 0 };
	assert_null(faults_parse(&faults, fault));
	now_ns = NS_PER_SEC;
	feed_init(&feed, &c, &tape, &faults);
	feed.send = no_line;
	feed.apply = apply;
	requests_init(&requests, &feed, &faults, 1);
	requests.send = keep_answer;
	assert_true(match_init(&match, no_fill, NULL));
	assert_true(spin_state_init(&spin_state));
	glimpse_init(&glimpse, &GLIMPSE, &faults, 1);
	glimpse.snapshot = snapshot;
}

static void
end(void)
{
	feed_fini(&feed);
	requests_fini(&requests);
	spin_state_fini(&spin_state);
	match_fini(&match);
}

static uint64_t
answer_seq(void)
{
	return be64_get(((const struct mold_head *)answer.bytes)->seq);
}

static unsigned
answer_cnt(void)
{
	return be16_get(((const struct mold_head *)answer.bytes)->msg_cnt);
}

static bool
answer_is_ours(void)
{
	return memcmp(answer.bytes, "SIM0000001", MOLD_SESSION_LEN) == 0;
}

static void
every_request_server_answers_alike(void **state)
{
	begin("");
	play_until(PLAYED);
	for (unsigned s = 0; s < SERVERS; s++) {
		ask(s, 5000, 7);
		assert_int_equal(answer.cnt, 1);
		assert_int_equal(answer.server, s);
		assert_int_equal(answer_seq(), 5000);
		assert_int_equal(answer_cnt(), 7);
		assert_true(mold_packet_exact(answer.bytes, answer.len));
		assert_true(answer_is_ours());
	}
	ask(0, feed_next_seq(&feed), 1);
	assert_int_equal(answer.cnt, 0);
	assert_int_equal(requests.server[0].n.refused, 1);
	end();
}

static void
a_faulty_request_server_is_bad_in_the_way_asked_for(void **state)
{
	static const struct {
		const char *fault;
		unsigned cnt; // answers
		uint64_t seq;
		unsigned msg_cnt;
		bool exact;
		bool ours;
	} CASES[] = {
		// clang-format off
		{ "request_ignore=1",    0, 0,    0,  false, false },
		{ "request_deaf=1",      0, 0,    0,  false, false },
		{ "request_range=1",     1, 4000, 7,  true,  true  },
		{ "request_session=1",   1, 5000, 7,  true,  false },
		{ "request_count=1",     1, 5000, 14, false, true  },
		{ "request_twice=1",     2, 5000, 7,  true,  true  },
		{ "request_part=3",      1, 5000, 3,  true,  true  },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		char fault[64];

		snprintf(fault, sizeof(fault), "request_faulty=2,%s", CASES[i].fault);
		begin(fault);
		play_until(PLAYED);
		ask(0, 5000, 7); // the other one is as good as ever
		assert_int_equal(answer.cnt, 1);
		assert_int_equal(answer_cnt(), 7);
		ask(1, 5000, 7);
		if (answer.cnt != CASES[i].cnt ||
		    (answer.cnt > 0 &&
		     (answer_seq() != CASES[i].seq || answer_cnt() != CASES[i].msg_cnt ||
		      mold_packet_exact(answer.bytes, answer.len) != CASES[i].exact ||
		      answer_is_ours() != CASES[i].ours)))
			fail_msg("%s", CASES[i].fault);
		if (strstr(fault, "part") == NULL) { // those strike the first request only
			ask(1, 5000, 7);
			assert_int_equal(answer.cnt, 1);
			assert_int_equal(answer_cnt(), 7);
			assert_true(answer_is_ours());
		}
		end();
	}
	begin("request_more=100%");
	play_until(PLAYED);
	ask(0, 5000, 7);
	assert_true(answer_cnt() > 7);
	assert_true(mold_packet_exact(answer.bytes, answer.len));
	end();
	begin("request_garbage=100%");
	play_until(PLAYED);
	ask(0, 5000, 7);
	assert_false(answer.len >= MOLD_SESSION_LEN && answer_is_ours());
	end();
}

static void
a_late_answer_comes_when_it_is_due(void **state)
{
	begin("request_late_ms=30");
	play_until(PLAYED);
	assert_int_equal(requests_due_ns(&requests), UINT64_MAX);
	ask(0, 5000, 7);
	assert_int_equal(answer.cnt, 0);
	assert_int_equal(requests_due_ns(&requests), now_ns + 30000000);
	requests_run(&requests, now_ns + 29999999);
	assert_int_equal(answer.cnt, 0);
	requests_run(&requests, now_ns + 30000000);
	assert_int_equal(answer.cnt, 1);
	assert_int_equal(answer_seq(), 5000);
	ask(0, 1, 1); // left for requests_fini
	end();
}

static void
requests_follow_numbers_that_jump(void **state)
{
	begin("seq_jump_at=4003");
	play_until(PLAYED);
	assert_int_equal(feed_next_seq(&feed), feed.walk.seq + FEED_SEQ_JUMP);
	ask(0, 4000, 100);
	assert_int_equal(answer_seq(), 4000);
	assert_int_equal(answer_cnt(), 3); // what follows has another number
	ask(0, 4003, 100);
	assert_int_equal(answer.cnt, 0);
	ask(0, 4003 + FEED_SEQ_JUMP, 5);
	assert_int_equal(answer_seq(), 4003 + FEED_SEQ_JUMP);
	assert_int_equal(answer_cnt(), 5);
	end();
	begin("session_change_at=4003");
	play_until(PLAYED);
	assert_int_equal(feed_next_seq(&feed), feed.walk.seq - 4002);
	assert_memory_equal(feed.pack.session, "SIM0000002", MOLD_SESSION_LEN);
	ask(0, 4000, 1);
	assert_int_equal(answer.cnt, 0); // the old session is gone
	end();
}

/* --- snapshots --- */

static void
apply_spin(struct match *m, const struct spin *s)
{
	for (size_t at = 0; at < s->len;) {
		const uint16_t len = be16_get(*(const be16 *)(s->bytes + at));

		match_on_itch(m, s->bytes + at + sizeof(be16), len); // passes over the 'G'
		at += sizeof(be16) + len;
	}
}

/* The same levels with the same orders in the same queues. */
static void
check_same_books(const struct match *a, const struct match *b)
{
	uint64_t orders = 0;

	for (uint32_t i = 0; i < MATCH_LOCATE_MAX; i++) {
		assert_int_equal(a->symbol[i].state, b->symbol[i].state);
		for (unsigned k = 0; k < 2; k++) {
			const struct match_side *x = &a->symbol[i].side[k];
			const struct match_side *y = &b->symbol[i].side[k];

			assert_int_equal(x->level_cnt, y->level_cnt);
			for (uint32_t l = 0; l < x->level_cnt; l++) {
				int32_t p = x->level[l].head, q = y->level[l].head;

				assert_int_equal(x->level[l].px4, y->level[l].px4);
				for (; p != MATCH_NONE && q != MATCH_NONE;
				     p = a->node[p].next, q = b->node[q].next) {
					assert_int_equal(a->node[p].ref, b->node[q].ref);
					assert_int_equal(a->node[p].qty, b->node[q].qty);
					assert_int_equal(a->node[p].attributed,
							 b->node[q].attributed);
					orders++;
				}
				assert_int_equal(p, MATCH_NONE);
				assert_int_equal(q, MATCH_NONE);
			}
		}
	}
	assert_true(orders > 100);
}

static void
a_snapshot_and_what_follows_make_the_days_book(void **state)
{
	static const uint64_t CUTS[] = { 1500, 4000, PLAYED, 15000 };

	for (size_t i = 0; i < ARRAY_CNT(CUTS); i++) {
		struct spin now = { 0 }, past = { 0 };
		struct tape_walk w;
		struct match late;
		const uint8_t *msg;
		uint16_t len;

		begin("");
		play_until(CUTS[i]);
		spin_make(&now, &spin_state, &match, feed_next_seq(&feed));
		assert_true(
			spin_make_past(&past, &tape, feed_next_seq(&feed), feed_next_seq(&feed)));
		assert_int_equal(now.len, past.len);
		assert_memory_equal(now.bytes, past.bytes, now.len);
		assert_true(match_init(&late, no_fill, NULL));
		apply_spin(&late, &now);
		check_same_books(&match, &late);
		play_until(tape.msg_cnt - 2000);
		for (w = tape_seek(&tape, now.next_seq);
		     w.seq < feed.walk.seq && tape_peek(&tape, &w, &msg, &len);
		     tape_skip(&tape, &w))
			match_on_itch(&late, msg, len);
		check_same_books(&match, &late);
		assert_int_equal(late.bad_ref_cnt, 0);
		spin_fini(&now);
		spin_fini(&past);
		match_fini(&late);
		end();
	}
}

/* --- the snapshot server's client --- */

static struct {
	struct glimpse_conn conn;
	unsigned type_cnt[256]; // packets
	unsigned msg_cnt[256];  // messages in sequenced ones
	bool broken;            // no packet can follow any more
	char end[21];
	uint8_t reject;
	uint64_t last_ref;
	unsigned repeated;
} client;

/* Takes what the server has to say, as TCP would: 1 MB at most. */
static void
take(void)
{
	const struct glimpse_conn *c = &client.conn;

	for (unsigned n = 0; n < 10000; n++) {
		size_t at = 0;

		while (at + SOUP_LEN_BYTES <= c->out.len) {
			const struct soup_head *h = (const void *)(c->out.at + at);
			const uint8_t *msg = c->out.at + at + sizeof(*h);
			const uint16_t len = be16_get(h->len);

			if (len == 0) {
				client.broken = true;
				break;
			}
			assert_true(at + SOUP_LEN_BYTES + len <= c->out.len);
			client.type_cnt[h->type]++;
			if (h->type == SOUP_LOGIN_REJECTED)
				client.reject = msg[0];
			if (h->type == SOUP_SEQUENCED)
				client.msg_cnt[msg[0]]++;
			if (h->type == SOUP_SEQUENCED && msg[0] == 'G')
				memcpy(client.end, msg + 1, 20);
			if (h->type == SOUP_SEQUENCED && (msg[0] == 'A' || msg[0] == 'F')) {
				const struct itch50_add_order *a = (const void *)msg;

				client.repeated += be64_get(a->order_ref) == client.last_ref;
				client.last_ref = be64_get(a->order_ref);
			}
			at += SOUP_LEN_BYTES + (size_t)len;
		}
		glimpse_conn_sent(&client.conn, c->out.len);
		if (!glimpse_conn_fill(&client.conn, now_ns))
			return;
		assert_true(c->out.len < 1 << 20);
	}
	fail_msg("no end");
}

static void
login(const char *user, const char *password, const char *session, const char *seq)
{
	struct soup_login_request l = { .head = soup_head_of(SOUP_LOGIN_REQUEST, 46) };
	char text[64];

	memset(&client, 0, sizeof(client));
	glimpse_conn_init(&client.conn, &glimpse, now_ns);
	snprintf(text, sizeof(text), "%-6s%-10s%-10s%20s", user, password, session, seq);
	memcpy(l.username, text, 46);
	for (size_t i = 0; i < sizeof(l); i += 5) // in pieces
		glimpse_conn_on_bytes(&client.conn, (const uint8_t *)&l + i,
				      sizeof(l) - i < 5 ? sizeof(l) - i : 5, now_ns);
	take();
}

static void
hang_up(void)
{
	glimpse_conn_fini(&client.conn);
}

static void
a_login_needs_name_password_and_the_start(void **state)
{
	static const struct {
		const char *user, *password, *session, *seq;
		uint8_t reject; // 0: accepted
	} CASES[] = {
		{ "SNAP", "SHOT", "", "1", 0 },      { "snap", "shot", "", "1", 0 },
		{ "SNAP", "WRONG", "", "1", 'A' },   { "NOBODY", "SHOT", "", "1", 'A' },
		{ "SNAP", "SHOT", "ABC", "1", 'S' }, { "SNAP", "SHOT", "", "2", 'S' },
		{ "SNAP", "SHOT", "", "0", 'S' },
	};

	begin("");
	play_until(PLAYED);
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		login(CASES[i].user, CASES[i].password, CASES[i].session, CASES[i].seq);
		assert_int_equal(client.reject, CASES[i].reject);
		assert_int_equal(client.msg_cnt['G'], CASES[i].reject == 0);
		assert_int_equal(client.conn.cut, CASES[i].reject == 0 ? OE_KEEP : OE_CLOSE);
		hang_up();
	}
	login("SNAP", "SHOT", "", "one");
	assert_int_equal(client.type_cnt[SOUP_DEBUG], 1);
	assert_int_equal(client.conn.cut, OE_CLOSE);
	hang_up();
	assert_int_equal(glimpse.n.logins, 2);
	assert_int_equal(glimpse.n.logins_rejected, 5);
	end();
}

static void
a_spin_tells_states_then_orders_then_its_number(void **state)
{
	static const uint8_t LOGOUT[] = { 0, 1, 'O' };
	char want[24];
	struct spin s = { 0 };

	begin("");
	play_until(PLAYED);
	login("SNAP", "SHOT", "", "1");
	spin_make(&s, &spin_state, &match, feed_next_seq(&feed));
	snprintf(want, sizeof(want), "%20llu", (unsigned long long)feed_next_seq(&feed));
	assert_memory_equal(client.end, want, 20);
	assert_int_equal(client.msg_cnt['R'], 12);
	assert_int_equal(client.msg_cnt['H'], 12);
	assert_true(client.msg_cnt['Y'] > 0 && client.msg_cnt['Y'] <= 12);
	assert_int_equal(client.msg_cnt['S'], 1);
	assert_int_equal(client.msg_cnt['A'] + client.msg_cnt['F'], s.order_cnt);
	assert_true(client.msg_cnt['F'] > 0 && client.msg_cnt['A'] > client.msg_cnt['F']);
	assert_int_equal(client.type_cnt[SOUP_SEQUENCED], s.msg_cnt);
	glimpse_conn_on_time(&client.conn, now_ns + NS_PER_SEC);
	take();
	assert_int_equal(client.type_cnt[SOUP_SERVER_HEARTBEAT], 1);
	glimpse_conn_on_bytes(&client.conn, LOGOUT, sizeof(LOGOUT), now_ns);
	assert_int_equal(client.conn.cut, OE_CLOSE);
	hang_up();
	assert_int_equal(glimpse.n.completed, 1);
	assert_int_equal(glimpse.n.broken_off, 0);
	login("SNAP", "SHOT", "", "1"); // who does not log out is told to go
	glimpse_conn_on_time(&client.conn, now_ns + 3 * NS_PER_SEC);
	take();
	assert_int_equal(client.type_cnt[SOUP_END_OF_SESSION], 1);
	assert_int_equal(client.conn.cut, OE_CLOSE);
	hang_up();
	spin_fini(&s);
	end();
}

static void
a_faulty_spin_is_bad_in_the_way_asked_for(void **state)
{
	static const struct {
		const char *fault;
		unsigned sequenced; // messages, 0: all
		bool g;
		enum oe_cut cut;
	} CASES[] = {
		// clang-format off
		{ "snapshot_end_after=50",          50, false, OE_CLOSE },
		{ "snapshot_cut_after=50",          50, false, OE_RESET },
		{ "snapshot_stall_after=50",        50, false, OE_KEEP  },
		{ "snapshot_mute_after=50",         50, false, OE_KEEP  },
		{ "snapshot_bad_length_after=50",   0,  true,  OE_KEEP  },
		{ "snapshot_garbage_after=50",      0,  true,  OE_KEEP  },
		{ "snapshot_repeat=20",             0,  true,  OE_KEEP  },
		{ "snapshot_old=3000",              0,  true,  OE_KEEP  },
		{ "snapshot_future=5",              0,  true,  OE_KEEP  },
		{ "snapshot_bad_number=1",          0,  true,  OE_KEEP  },
		{ "snapshot_end_after=99999999",    0,  false, OE_CLOSE },
		{ "snapshot_stall_after=99999999",  0,  false, OE_KEEP  },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const bool garbage = strstr(CASES[i].fault, "garbage") != NULL;
		const bool repeat = strstr(CASES[i].fault, "repeat") != NULL;
		const bool old = strstr(CASES[i].fault, "old") != NULL;
		const bool future = strstr(CASES[i].fault, "future") != NULL;
		const bool broken = strstr(CASES[i].fault, "bad_length") != NULL;
		unsigned all, all_orders;
		char fault[64], end_text[24];

		snprintf(fault, sizeof(fault), "snapshot_faulty=1,%s", CASES[i].fault);
		begin(fault);
		play_until(PLAYED);
		login("SNAP", "SHOT", "", "1");
		memcpy(end_text, client.end, sizeof(client.end));
		all = client.type_cnt[SOUP_SEQUENCED];
		all_orders = client.repeated;
		if (broken != client.broken ||
		    (!broken &&
		     (client.msg_cnt['G'] != CASES[i].g || client.conn.cut != CASES[i].cut)) ||
		    (CASES[i].sequenced != 0 && all != CASES[i].sequenced))
			fail_msg("%s: %u messages, cut %d", CASES[i].fault, all, client.conn.cut);
		assert_int_equal(all_orders, repeat);
		glimpse_conn_on_time(&client.conn, now_ns + NS_PER_SEC);
		take();
		if (strstr(CASES[i].fault, "stall") != NULL)
			assert_int_equal(client.type_cnt[SOUP_SERVER_HEARTBEAT], 1);
		if (strstr(CASES[i].fault, "mute") != NULL)
			assert_int_equal(client.type_cnt[SOUP_SERVER_HEARTBEAT], 0);
		hang_up();

		login("SNAP", "SHOT", "", "1"); // the second spin is a good one
		assert_int_equal(client.msg_cnt['G'], 1);
		if (old)
			assert_int_equal(strtoull(client.end, NULL, 10),
					 strtoull(end_text, NULL, 10) + 3000);
		else if (future)
			assert_int_equal(strtoull(client.end, NULL, 10) + 5,
					 strtoull(end_text, NULL, 10));
		else if (CASES[i].g && !broken)
			assert_int_equal(client.type_cnt[SOUP_SEQUENCED] + garbage + repeat, all);
		hang_up();
		end();
	}
}

static void
each_spin_may_have_a_fault_of_its_own(void **state)
{
	begin("snapshot_end_after=60@1,snapshot_stall_after=70@2");
	play_until(PLAYED);
	login("SNAP", "SHOT", "", "1");
	assert_int_equal(client.type_cnt[SOUP_SEQUENCED], 60);
	hang_up();
	login("SNAP", "SHOT", "", "1");
	assert_int_equal(client.type_cnt[SOUP_SEQUENCED], 70);
	hang_up();
	login("SNAP", "SHOT", "", "1");
	assert_int_equal(client.msg_cnt['G'], 1);
	hang_up();
	assert_non_null(faults_parse(&faults, "snapshot_end_after=60@"));
	assert_non_null(faults_parse(&faults, "snapshot_end_after=60@2x"));
	assert_non_null(faults_parse(&faults, "snapshot_drop=60@2"));
	end();
}

static void
a_slow_spin_keeps_its_pace(void **state)
{
	begin("snapshot_rate=1000");
	play_until(PLAYED);
	login("SNAP", "SHOT", "", "1");
	assert_int_equal(client.type_cnt[SOUP_SEQUENCED], 0);
	now_ns += 100 * 1000000;
	take();
	assert_int_equal(client.type_cnt[SOUP_SEQUENCED], 100);
	hang_up();
	end();
}

static void
make_day(void)
{
	struct day_config c;
	const char *why;
	struct day *d;
	size_t len;

	day_config_init(&c);
	c.seed = 5;
	c.flow_cnt = 20000;
	c.symbol_cnt = 12;
	c.live_cnt = 1500;
	c.session_ns = 3600 * NS_PER_SEC;
	d = day_open(&c, &why);
	assert_non_null(d);
	len = day_fill(d, day_bytes, sizeof(day_bytes));
	assert_int_equal(day_fill(d, day_bytes + len, sizeof(day_bytes) - len), 0);
	day_close(d);
	assert_null(tape_of(&tape, day_bytes, len));
	assert_true(tape.msg_cnt > 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_server_answers_alike),
		cmocka_unit_test(a_faulty_request_server_is_bad_in_the_way_asked_for),
		cmocka_unit_test(a_late_answer_comes_when_it_is_due),
		cmocka_unit_test(requests_follow_numbers_that_jump),
		cmocka_unit_test(a_snapshot_and_what_follows_make_the_days_book),
		cmocka_unit_test(a_login_needs_name_password_and_the_start),
		cmocka_unit_test(a_spin_tells_states_then_orders_then_its_number),
		cmocka_unit_test(a_faulty_spin_is_bad_in_the_way_asked_for),
		cmocka_unit_test(each_spin_may_have_a_fault_of_its_own),
		cmocka_unit_test(a_slow_spin_keeps_its_pace),
	};
	int status;

	make_day();
	status = cmocka_run_group_tests(tests, NULL, NULL);
	tape_close(&tape);
	return status;
}
