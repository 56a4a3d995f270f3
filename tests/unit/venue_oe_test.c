/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "oe.h"
#include "wire/itch50.h"
#include "wire/ouch42.h"

/*
 * A client by hand: what it sends are bytes, what it checks is the text of the packets that come
 * back, as "S:A S:E ..." (packet type, and the letter of the message inside).
 */
enum { LOCATE = 3 };

static const char AAPL[8] = { 'A', 'A', 'P', 'L', ' ', ' ', ' ', ' ' };

static struct match match;
static struct faults faults;
static struct oe *oe;
static struct oe_conn conn;
static uint64_t now_ns;

static void
begin(enum ouch_version version)
{
	const struct oe_config c = {
		.version = version,
		.username = "TEST01",
		.password = "SECRET",
		.session = "OE1",
		.client_timeout_ns = 15 * NS_PER_SEC,
		.login_timeout_ns = 30 * NS_PER_SEC,
		.heartbeat_ns = NS_PER_SEC,
	};

	now_ns = 100 * NS_PER_SEC;
	assert_true(match_init(&match, oe_on_fill, NULL));
	match_name(&match, LOCATE, AAPL, false);
	oe = malloc(sizeof(*oe));
	assert_true(oe_init(oe, &c, &match, &faults, 1000));
	oe_conn_init(&conn, oe, now_ns);
}

static void
end(void)
{
	oe_conn_fini(&conn, now_ns);
	oe_fini(oe);
	free(oe);
	match_fini(&match);
	faults = (struct faults){ 0 };
}

static void
reconnect(void)
{
	oe_conn_fini(&conn, now_ns);
	oe_conn_init(&conn, oe, now_ns);
}

/* What came back since the last call. */
static const char *
answers(void)
{
	static char text[512];
	size_t at = 0, len = 0;

	text[0] = '\0';
	while (at < conn.out.len) {
		const struct soup_head *h = (const struct soup_head *)(conn.out.at + at);
		const bool data = h->type == 'S' && be16_get(h->len) > 1;

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c", len > 0 ? " " : "",
					h->type);
		if (data)
			len += (size_t)snprintf(text + len, sizeof(text) - len, ":%c",
						conn.out.at[at + sizeof(*h)]);
		at += SOUP_LEN_BYTES + be16_get(h->len);
	}
	assert_int_equal(at, conn.out.len); // whole packets
	return text;
}

/* Payload of the nth packet that waits. */
static const void *
payload(unsigned n)
{
	size_t at = 0;

	while (n-- > 0)
		at += SOUP_LEN_BYTES +
		      be16_get(((const struct soup_head *)(conn.out.at + at))->len);
	assert_true(at < conn.out.len);
	return conn.out.at + at + sizeof(struct soup_head);
}

static void
expect(const char *want)
{
	assert_string_equal(answers(), want);
	oe_conn_sent(&conn, conn.out.len);
}

static void
send_packet(uint8_t type, const void *data, size_t len)
{
	const struct soup_head h = soup_head_of((enum soup_type)type, (uint16_t)len);

	oe_conn_on_bytes(&conn, (const uint8_t *)&h, sizeof(h), now_ns);
	oe_conn_on_bytes(&conn, data, len, now_ns);
}

static void
login(const char *user, const char *password, const char *session, unsigned seq)
{
	char l[47];

	snprintf(l, sizeof(l), "%-6s%-10s%-10s%20u", user, password, session, seq);
	send_packet('L', l, 46);
}

static void
tape_add(uint64_t ref, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct itch50_add_order a = { .head = { 'A', be16_of(LOCATE), be16_of(0),
						be48_of(34200000000000ULL) },
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(qty),
				      .px4 = be32_of(px4) };

	match_on_itch(&match, (uint8_t *)&a, sizeof(a));
}

struct enter50 {
	struct ouch50_enter_order o;
	be16 options_len;
	uint8_t options[16];
};

static struct enter50
enter50(uint32_t ref, uint8_t side, uint32_t qty, uint64_t px4)
{
	struct enter50 e = { .o = { .type = 'O',
				    .user_ref = be32_of(ref),
				    .side = side,
				    .qty = be32_of(qty),
				    .px4 = be64_of(px4),
				    .tif = '0',
				    .display = 'Y',
				    .capacity = 'P',
				    .sweep = 'N',
				    .cross = 'N' } };

	memcpy(e.o.symbol, AAPL, 8);
	memset(e.o.cl_ord_id, 'c', sizeof(e.o.cl_ord_id));
	return e;
}

static void
send50(const struct enter50 *e)
{
	send_packet('U', e, sizeof(e->o) + 2 + be16_get(e->options_len));
}

static void
enter(uint32_t ref, uint8_t side, uint32_t qty, uint64_t px4)
{
	const struct enter50 e = enter50(ref, side, qty, px4);

	send50(&e);
}

static void
replace(uint32_t orig, uint32_t ref, uint32_t qty, uint64_t px4)
{
	struct {
		struct ouch50_replace_order o;
		be16 options_len;
	} u = { .o = { .type = 'U',
		       .orig_user_ref = be32_of(orig),
		       .user_ref = be32_of(ref),
		       .qty = be32_of(qty),
		       .px4 = be64_of(px4),
		       .tif = '0',
		       .display = 'Y',
		       .sweep = 'N' } };

	send_packet('U', &u, sizeof(u));
}

static void
cancel(uint32_t ref, uint32_t qty)
{
	const struct ouch50_cancel_order x = { 'X', be32_of(ref), be32_of(qty) };

	send_packet('U', &x, sizeof(x));
}

static void
begin_up(enum ouch_version version)
{
	begin(version);
	login("TEST01", "SECRET", "", 1);
	expect("A S:S");
}

static void
logins_follow_the_rules(void **state)
{
	static const struct {
		const char *what, *user, *password, *session;
		unsigned seq;
		const char *want;
	} CASES[] = {
		// clang-format off
		{ "the right one",              "TEST01", "SECRET", "",    1,  "A S:S" },
		{ "case does not matter",       "test01", "secret", "",    1,  "A S:S" },
		{ "the session by name",        "TEST01", "SECRET", "OE1", 1,  "A S:S" },
		{ "sequence 0 is live only",    "TEST01", "SECRET", "",    0,  "A" },
		{ "the next message is known",  "TEST01", "SECRET", "",    2,  "A" },
		{ "a number from the future",   "TEST01", "SECRET", "",    99, "A" },
		{ "another user",               "TEST02", "SECRET", "",    1,  "J" },
		{ "another password",           "TEST01", "SECRE",  "",    1,  "J" },
		{ "another session",            "TEST01", "SECRET", "OE2", 1,  "J" },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		begin(OUCH_50);
		login(CASES[i].user, CASES[i].password, CASES[i].session, CASES[i].seq);
		if (strcmp(answers(), CASES[i].want) != 0)
			fail_msg("%s: %s", CASES[i].what, answers());
		assert_int_equal(conn.cut, CASES[i].want[0] == 'A' ? OE_KEEP : OE_CLOSE);
		end();
	}
}

static void
reject_codes_tell_why(void **state)
{
	begin(OUCH_50);
	login("TEST01", "WRONG", "", 1);
	assert_int_equal(*(const uint8_t *)payload(0), 'A');
	reconnect();
	login("TEST01", "SECRET", "OTHER", 1);
	assert_int_equal(*(const uint8_t *)payload(0), 'S');
	end();
}

static void
a_login_of_version_4_10_brings_its_timeout(void **state)
{
	char l[52];

	begin(OUCH_50);
	snprintf(l, sizeof(l), "%-6s%-10s%-10s%20u%5u", "TEST01", "SECRET", "", 1, 2000);
	send_packet('L', l, 51);
	expect("A S:S");
	now_ns += 1900000000;
	oe_conn_on_time(&conn, now_ns);
	expect("H");
	assert_int_equal(conn.cut, OE_KEEP);
	now_ns += 200000000;
	oe_conn_on_time(&conn, now_ns);
	expect("+");
	assert_int_equal(conn.cut, OE_CLOSE);
	end();
}

static void
silence_is_answered_by_heartbeats_and_then_by_the_end(void **state)
{
	begin_up(OUCH_50);
	for (unsigned s = 1; s <= 15; s++) {
		now_ns += NS_PER_SEC;
		oe_conn_on_time(&conn, now_ns);
		expect("H");
	}
	send_packet('R', "", 0);
	for (unsigned s = 1; s <= 15; s++) {
		now_ns += NS_PER_SEC;
		oe_conn_on_time(&conn, now_ns);
		expect("H");
	}
	now_ns += NS_PER_SEC;
	oe_conn_on_time(&conn, now_ns);
	expect("+");
	assert_int_equal(conn.cut, OE_CLOSE);
	end();
}

static void
garbage_ends_the_connection_with_words(void **state)
{
	static const struct {
		const char *what;
		bool up;
		size_t len;
		const char *bytes;
	} CASES[] = {
		// clang-format off
		{ "a length of 0",             true,  2, "\0\0" },
		{ "a length beyond reason",    true,  3, "\xff\xff\x55" },
		{ "an unknown packet",         true,  3, "\0\1?" },
		{ "an unknown request",        true,  4, "\0\2Uz" },
		{ "an empty request",          true,  3, "\0\1U" },
		{ "half an order",             true,  5, "\0\3UOO" },
		{ "a second login",            true,  3, "\0\1L" },
		{ "an order before the login", false, 4, "\0\2UO" },
		{ "a heartbeat before it",     false, 3, "\0\1R" },
		{ "a login that is too short", false, 4, "\0\2Lx" },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		begin(OUCH_50);
		if (CASES[i].up) {
			login("TEST01", "SECRET", "", 1);
			expect("A S:S");
		}
		oe_conn_on_bytes(&conn, (const uint8_t *)CASES[i].bytes, CASES[i].len, now_ns);
		if (strcmp(answers(), "+") != 0 || conn.cut != OE_CLOSE)
			fail_msg("%s: %s", CASES[i].what, answers());
		end();
	}
}

static void
an_order_lives_its_life_in_ouch50(void **state)
{
	const struct ouch50_accepted *a;
	const struct ouch50_executed *e;
	const struct ouch50_replaced *u;
	const struct ouch50_canceled *c;

	begin_up(OUCH_50);
	tape_add(1, 'S', 100, 1000000);
	enter(1, 'B', 300, 1000000); // takes 100, 200 rest
	assert_string_equal(answers(), "S:A S:E");
	a = payload(0);
	assert_int_equal(be32_get(a->user_ref), 1);
	assert_int_equal(be32_get(a->qty), 300);
	assert_int_equal(be64_get(a->px4), 1000000);
	assert_int_equal(a->state, 'L');
	assert_memory_equal(a->symbol, AAPL, 8);
	e = payload(1);
	assert_int_equal(be32_get(e->qty), 100);
	assert_int_equal(e->liquidity, 'R');
	oe_conn_sent(&conn, conn.out.len);

	replace(1, 2, 400, 999900); // 100 are executed: 300 stay open
	assert_string_equal(answers(), "S:U");
	u = payload(0);
	assert_int_equal(be32_get(u->orig_user_ref), 1);
	assert_int_equal(be32_get(u->user_ref), 2);
	assert_int_equal(be32_get(u->qty), 300);
	oe_conn_sent(&conn, conn.out.len);

	tape_add(2, 'S', 50, 999900); // crosses us
	assert_string_equal(answers(), "S:E");
	e = payload(0);
	assert_int_equal(be32_get(e->user_ref), 2);
	assert_int_equal(be32_get(e->qty), 50);
	assert_int_equal(e->liquidity, 'A');
	oe_conn_sent(&conn, conn.out.len);

	cancel(2, 250); // intended total: 150 done, 100 may stay of 250
	c = payload(0);
	assert_int_equal(be32_get(c->qty), 150);
	assert_int_equal(c->reason, 'U');
	expect("S:C");
	cancel(2, 250); // does not reduce any more
	cancel(1, 0);   // replaced long ago
	expect("");
	cancel(2, 0);
	c = payload(0);
	assert_int_equal(be32_get(c->qty), 100);
	expect("S:C");
	assert_int_equal(oe->position[LOCATE].bought_qty, 150);
	assert_int_equal(oe->position[LOCATE].bought_ntl4, 100 * 1000000ULL + 50 * 999900ULL);
	end();
}

static void
numbers_must_grow(void **state)
{
	const uint8_t query = 'Q';
	const struct ouch50_account_answer *q;

	begin_up(OUCH_50);
	enter(5, 'B', 100, 1000000);
	expect("S:A");
	enter(5, 'B', 100, 1000000);
	enter(4, 'B', 100, 1000000);
	expect("");
	assert_int_equal(oe->n.entered_ignored, 2);
	send_packet('U', &query, 1);
	q = payload(0);
	assert_int_equal(be32_get(q->next_user_ref), 6);
	expect("S:Q");
	enter(6, 'B', 0, 1000000); // rejected, and its number is gone all the same
	expect("S:J");
	enter(6, 'B', 100, 1000000);
	expect("");
	end();
}

static void
replaces_have_four_answers(void **state)
{
	begin_up(OUCH_50);
	replace(1, 2, 100, 1000000); // no such order
	expect("");
	enter(1, 'B', 100, 1000000);
	expect("S:A");
	replace(1, 1, 100, 1000000); // a used number
	expect("");
	replace(1, 2, 1000000, 1000000); // too many shares: the original goes
	expect("S:C");
	enter(2, 'B', 100, 1000000); // and number 2 is still free
	expect("S:A");
	replace(2, 3, 200, 1000100);
	expect("S:U");
	end();
}

static void
orders_are_refused_for_a_reason(void **state)
{
	static const struct {
		const char *what;
		uint8_t side;
		uint32_t qty;
		uint64_t px4;
		uint8_t tif, display, cross;
		const char *symbol;
		uint16_t code;
	} CASES[] = {
		// clang-format off
		{ "no share",             'B', 0,       1000000,    '0', 'Y', 'N', "AAPL    ", 0x0013 },
		{ "a million shares",     'B', 1000000, 1000000,    '0', 'Y', 'N', "AAPL    ", 0x001E },
		{ "no price",             'B', 100,     0,          '0', 'Y', 'N', "AAPL    ", 0x001D },
		{ "above the highest",    'B', 100,     1999999901, '0', 'Y', 'N', "AAPL    ", 0x001D },
		{ "half a cent",          'B', 100,     1000050,    '0', 'Y', 'N', "AAPL    ", 0x001D },
		{ "an unknown symbol",    'B', 100,     1000000,    '0', 'Y', 'N', "AAPLX   ", 0x0017 },
		{ "an unknown side",      'X', 100,     1000000,    '0', 'Y', 'N', "AAPL    ", 0x0009 },
		{ "an unknown display",   'B', 100,     1000000,    '0', 'Q', 'N', "AAPL    ", 0x0003 },
		{ "no auction it has",    'B', 100,     1000000,    '0', 'Y', 'S', "AAPL    ", 0x0014 },
		{ "an unknown TIF",       'B', 100,     1000000,    '9', 'Y', 'N', "AAPL    ", 0x000F },
		{ "a time without one",   'B', 100,     1000000,    '6', 'Y', 'N', "AAPL    ", 0x000F },
		{ "the highest price",    'B', 999999,  1999999900, '0', 'Y', 'N', "AAPL    ", 0 },
		{ "half a cent of cents", 'B', 1,       5050,       '0', 'Y', 'N', "AAPL    ", 0 },
		{ "a short sale",         'T', 1,       1000000,    '0', 'Y', 'N', "AAPL    ", 0 },
		// clang-format on
	};

	begin_up(OUCH_50);
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct enter50 e =
			enter50((uint32_t)i + 1, CASES[i].side, CASES[i].qty, CASES[i].px4);
		const struct ouch50_rejected *j;

		e.o.tif = CASES[i].tif;
		e.o.display = CASES[i].display;
		e.o.cross = CASES[i].cross;
		memcpy(e.o.symbol, CASES[i].symbol, 8);
		send50(&e);
		j = payload(0);
		if (strcmp(answers(), CASES[i].code != 0 ? "S:J" : "S:A") != 0 ||
		    (CASES[i].code != 0 && be16_get(j->reason) != CASES[i].code))
			fail_msg("%s: %s", CASES[i].what, answers());
		oe_conn_sent(&conn, conn.out.len);
		cancel((uint32_t)i + 1, 0);
		oe_conn_sent(&conn, conn.out.len);
	}
	end();
}

static void
halted_symbols_take_no_orders(void **state)
{
	const struct ouch50_rejected *j;

	begin_up(OUCH_50);
	match.symbol[LOCATE].state = 'P';
	enter(1, 'B', 100, 1000000);
	j = payload(0);
	assert_int_equal(be16_get(j->reason), 0x0007);
	end();
}

static void
immediate_orders_and_post_only_leave_nothing_behind(void **state)
{
	const struct ouch50_canceled *c;
	struct enter50 e = enter50(1, 'B', 150, 1000000);

	begin_up(OUCH_50);
	tape_add(1, 'S', 100, 1000000);
	e.o.tif = '3';
	send50(&e);
	assert_string_equal(answers(), "S:A S:E S:C");
	c = payload(2);
	assert_int_equal(be32_get(c->qty), 50);
	assert_int_equal(c->reason, 'I');
	oe_conn_sent(&conn, conn.out.len);

	tape_add(2, 'S', 100, 1000000); // fill or kill: not enough there
	e = enter50(2, 'B', 150, 1000000);
	e.o.tif = '3';
	e.options_len = be16_of(6);
	memcpy(e.options, (uint8_t[]){ 5, OUCH50_TAG_MIN_QTY, 0, 0, 0, 150 }, 6);
	send50(&e);
	c = payload(1);
	assert_int_equal(be32_get(c->qty), 150);
	expect("S:A S:C");

	e = enter50(3, 'B', 150, 1000000); // post-only that would take
	e.options_len = be16_of(3);
	memcpy(e.options, (uint8_t[]){ 2, OUCH50_TAG_POST_ONLY, 'P' }, 3);
	send50(&e);
	c = payload(1);
	assert_int_equal(c->reason, 'G');
	expect("S:A S:C");
	e.o.user_ref = be32_of(4);
	e.o.px4 = be64_of(999900);
	send50(&e);
	expect("S:A");
	end();
}

static void
timed_orders_expire(void **state)
{
	const struct ouch50_canceled *c;
	struct enter50 e = enter50(1, 'B', 150, 1000000);

	begin_up(OUCH_50);
	e.o.tif = '6';
	e.options_len = be16_of(6);
	memcpy(e.options, (uint8_t[]){ 5, OUCH50_TAG_EXPIRE_TIME, 0, 0, 0, 2 }, 6);
	send50(&e);
	expect("S:A");
	oe_on_time(oe, now_ns + 1999999999);
	expect("");
	oe_on_time(oe, now_ns + 2000000000);
	c = payload(0);
	assert_int_equal(c->reason, 'T');
	expect("S:C");
	end();
}

static void
a_reserve_is_restated_when_it_shows_shares_again(void **state)
{
	static const uint8_t WANT[] = { 0, 26, 9, 1,  0, 0,  0, 0, 0, 0, 3, 233, 5,  22,
					0, 0,  0, 20, 9, 23, 0, 0, 0, 0, 0, 15,  66, 64 };
	struct enter50 e = enter50(1, 'B', 50, 1000000);
	const struct ouch50_restated *r;

	begin_up(OUCH_50);
	e.options_len = be16_of(6);
	memcpy(e.options, (uint8_t[]){ 5, OUCH50_TAG_MAX_FLOOR, 0, 0, 0, 30 }, 6);
	send50(&e);
	expect("S:A");
	tape_add(1, 'S', 10, 1000000);
	expect("S:E"); // 20 are shown still
	tape_add(2, 'S', 20, 1000000);
	assert_string_equal(answers(), "S:E S:R");
	r = payload(1);
	assert_int_equal(be32_get(r->user_ref), 1);
	assert_int_equal(r->reason, 'R');
	assert_memory_equal(r + 1, WANT, sizeof(WANT)); // number, 20 shares, $100
	expect("S:E S:R");
	tape_add(3, 'S', 20, 1000000);
	expect("S:E"); // the last shares: nothing to show
	assert_int_equal(oe->n.restated, 1);
	end();
}

static void
channels_have_numbers_of_their_own(void **state)
{
	struct enter50 e = enter50(1, 'B', 100, 1000000);

	begin_up(OUCH_50);
	enter(1, 'B', 100, 999900);
	expect("S:A");
	e.options_len = be16_of(3);
	memcpy(e.options, (uint8_t[]){ 2, OUCH50_TAG_USER_REF_IDX, 9 }, 3);
	send50(&e);
	expect("S:A");
	send50(&e);
	expect("");
	cancel(1, 0); // of channel 0
	expect("S:C");
	assert_int_equal(match_available(&match, LOCATE, 'S', 1000000), 100);
	end();
}

static void
mass_cancel_and_the_entry_switch(void **state)
{
	struct {
		struct ouch50_mass_cancel c;
		be16 options_len;
	} mass = { .c = { 'C', be32_of(3), "    ", "        " } };
	struct {
		struct ouch50_entry_switch s;
		be16 options_len;
	} off = { .s = { 'D', be32_of(4), "    " } }, on = { .s = { 'E', be32_of(6), "    " } };

	begin_up(OUCH_50);
	enter(1, 'B', 100, 999900);
	enter(2, 'S', 100, 1000000);
	expect("S:A S:A");
	send_packet('U', &mass, sizeof(mass));
	expect("S:X S:C S:C");
	send_packet('U', &off, sizeof(off));
	enter(5, 'B', 100, 999900);
	expect("S:G S:J");
	send_packet('U', &on, sizeof(on));
	enter(7, 'B', 100, 999900);
	expect("S:K S:A");
	end();
}

static void
a_client_that_comes_back_gets_what_it_missed(void **state)
{
	char *all, *tail;
	size_t all_len, tail_len;

	begin_up(OUCH_50);
	enter(1, 'B', 100, 999900);
	enter(2, 'B', 100, 999900);
	expect("S:A S:A");
	reconnect();
	oe_cancel_all(oe, 'Z'); // nobody listens
	login("TEST01", "SECRET", "OE1", 1);
	assert_string_equal(answers(), "A S:S S:A S:A S:C S:C");
	all_len = conn.out.len - 33;
	all = malloc(all_len);
	memcpy(all, conn.out.at + 33, all_len);
	reconnect();
	login("TEST01", "SECRET", "OE1", 4);
	assert_string_equal(answers(), "A S:C S:C");
	assert_memory_equal(conn.out.at + 13, "                   4", 20);
	tail_len = conn.out.len - 33;
	tail = (char *)conn.out.at + 33;
	assert_memory_equal(tail, all + all_len - tail_len, tail_len); // the same bytes
	free(all);
	oe_conn_sent(&conn, conn.out.len);
	oe_end(oe);
	expect("S:S Z");
	assert_int_equal(conn.cut, OE_CLOSE);
	end();
}

/* What a killed process leaves: the file as it stood at that moment. */
static void
a_day_outlives_its_process(void **state)
{
	char path[] = "/tmp/venue-state-XXXXXX";
	const int fd = mkstemp(path);
	struct oe_position before;
	size_t store_len;
	uint8_t *store;

	assert_true(fd >= 0);
	begin(OUCH_50);
	assert_null(oe_state_open(oe, path));
	login("TEST01", "SECRET", "", 1);
	tape_add(70, 'S', 50, 1500000);
	enter(1, 'B', 100, 1500000); // 50 of it at once
	enter(2, 'S', 30, 1600000);
	cancel(2, 0);
	enter(3, 'S', 40, 1700000);
	oe_state_save(oe);
	before = oe->position[LOCATE];
	store_len = oe->store.len;
	store = malloc(store_len);
	memcpy(store, oe->store.at, store_len);
	assert_int_equal(before.bought_qty, 50);
	enter(4, 'B', 1, 1000000); // what follows is half a batch in the file
	oe_state_save(oe);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 3), 0);
	end();

	begin(OUCH_50);
	assert_null(oe_state_open(oe, path));
	assert_memory_equal(&oe->position[LOCATE], &before, sizeof(before));
	assert_true(oe->store.len > store_len);
	assert_memory_equal(oe->store.at, store, store_len); // and two canceled behind it
	assert_true(TAILQ_EMPTY(&oe->alive));
	assert_int_equal(oe->n.entered, 3);
	assert_int_equal(oe->n.executions, 1);
	login("TEST01", "SECRET", "OE1", 1);
	expect("A S:S S:A S:E S:A S:C S:A S:C S:C");
	enter(3, 'B', 1, 1000000); // a number that was used
	expect("");
	enter(4, 'B', 1, 1000000);
	expect("S:A");
	end();

	begin(OUCH_50);
	assert_int_equal(pwrite(fd, "?", 1, 0), 1);
	assert_non_null(oe_state_open(oe, path));
	end();
	free(store);
	close(fd);
	unlink(path);
}

static void
cancel_on_disconnect_is_an_option(void **state)
{
	begin_up(OUCH_50);
	enter(1, 'B', 100, 999900);
	reconnect();
	assert_int_equal(oe->n.canceled, 0);
	oe->c.cancel_on_disconnect = true;
	login("TEST01", "SECRET", "", 3);
	reconnect();
	assert_int_equal(oe->n.canceled, 1);
	end();
}

static void
a_second_client_has_to_wait(void **state)
{
	struct oe_conn first;

	begin_up(OUCH_50);
	first = conn;
	oe->active = &first;
	oe_conn_init(&conn, oe, now_ns);
	login("TEST01", "SECRET", "", 1);
	expect("J");
	oe_conn_fini(&first, now_ns);
	reconnect();
	login("TEST01", "SECRET", "", 2);
	expect("A");
	end();
}

static struct ouch42_token
token(const char *text)
{
	struct ouch42_token t;
	char padded[OUCH42_TOKEN_LEN + 1];

	snprintf(padded, sizeof(padded), "%-14s", text);
	memcpy(t.text, padded, sizeof(t.text));
	return t;
}

static void
enter42(const char *tok, uint8_t side, uint32_t qty, uint32_t px4, uint32_t tif, uint8_t display)
{
	struct ouch42_enter_order e = { .type = 'O',
					.token = token(tok),
					.side = side,
					.qty = be32_of(qty),
					.px4 = be32_of(px4),
					.tif = be32_of(tif),
					.firm = { ' ', ' ', ' ', ' ' },
					.display = display,
					.capacity = 'P',
					.sweep = 'N',
					.cross = 'N',
					.customer = 'N' };

	memcpy(e.symbol, AAPL, 8);
	send_packet('U', &e, sizeof(e));
}

static void
an_order_lives_its_life_in_ouch42(void **state)
{
	struct ouch42_replace_order u = { .type = 'U',
					  .orig_token = token("A1"),
					  .token = token("A2"),
					  .qty = be32_of(400),
					  .px4 = be32_of(999900),
					  .tif = be32_of(99999),
					  .display = 'Y',
					  .sweep = 'N' };
	struct ouch42_cancel_order x = { 'X', token("A2"), be32_of(0) };
	const struct ouch42_accepted *a;
	const struct ouch42_executed *e;
	const struct ouch42_replaced *r;
	const struct ouch42_canceled *c;
	const struct ouch42_rejected *j;

	begin_up(OUCH_42);
	tape_add(1, 'S', 100, 1000000);
	enter42("A1", 'B', 300, 1000000, 99998, 'Y');
	assert_string_equal(answers(), "S:A S:E");
	a = payload(0);
	assert_memory_equal(a->token.text, "A1            ", 14);
	assert_int_equal(a->state, 'L');
	e = payload(1);
	assert_int_equal(be32_get(e->qty), 100);
	assert_int_equal(be32_get(e->px4), 1000000);
	oe_conn_sent(&conn, conn.out.len);
	enter42("A1", 'B', 300, 1000000, 99998, 'Y'); // a used token
	expect("");
	send_packet('U', &u, sizeof(u));
	r = payload(0);
	assert_memory_equal(r->token.text, "A2            ", 14);
	assert_memory_equal(r->orig_token.text, "A1            ", 14);
	assert_int_equal(be32_get(r->qty), 300);
	expect("S:U");
	send_packet('U', &u, sizeof(u)); // again: the original is gone
	expect("");
	send_packet('U', &x, sizeof(x));
	c = payload(0);
	assert_int_equal(be32_get(c->qty), 300);
	expect("S:C");
	enter42("A3", 'B', 100, 1000000, 0, 'Y'); // nothing to take
	expect("S:A S:C");
	enter42("A4", 'B', 100, 0, 0, 'Y');
	j = payload(0);
	assert_int_equal(j->reason, 'X');
	expect("S:J");
	enter42("A4", 'B', 100, 1000000, 0, 'Y'); // a refused token is used, too
	expect("");
	tape_add(2, 'S', 10, 1000000);
	enter42("A5", 'B', 100, 1000000, 99999, 'P'); // post-only
	c = payload(1);
	assert_int_equal(c->reason, 'G');
	expect("S:A S:C");
	end();
}

static void
modify_changes_side_and_shrinks(void **state)
{
	const struct ouch50_modify_order m = { 'M', be32_of(1), 'T', be32_of(60) };
	const struct ouch50_modify_order back = { 'M', be32_of(1), 'S', be32_of(50) };
	const struct ouch50_modified *a;

	begin_up(OUCH_50);
	enter(1, 'S', 100, 1000000);
	expect("S:A");
	send_packet('U', &m, sizeof(m));
	a = payload(0);
	assert_int_equal(a->side, 'T');
	assert_int_equal(be32_get(a->qty), 60);
	expect("S:M");
	send_packet('U', &back, sizeof(back)); // T to S is not for 5.0
	expect("");
	end();
}

static void
faults_strike_where_they_should(void **state)
{
	begin(OUCH_50);
	assert_null(
		faults_parse(&faults, "login_reject=1,cut_after=2,accept_dead=4,break_every=1"));
	login("TEST01", "SECRET", "", 1);
	expect("J");
	reconnect();
	login("TEST01", "SECRET", "", 1);
	expect("A S:S");
	enter(1, 'B', 100, 1000000);
	expect("S:A");
	enter(2, 'B', 100, 1000000);
	assert_int_equal(conn.cut, OE_DROP);
	expect(""); // happened, but unsent
	reconnect();
	login("TEST01", "SECRET", "", 3);
	expect("A S:A");
	tape_add(1, 'S', 30, 1000000);
	expect("S:E S:B");
	assert_int_equal(oe->position[LOCATE].bought_qty, 0);
	enter(3, 'B', 100, 999900);
	enter(4, 'B', 100, 999900);
	assert_int_equal(((const struct ouch50_accepted *)payload(1))->state, 'D');
	expect("S:A S:A");
	cancel(4, 0);
	expect(""); // dead already
	end();
}

static void
an_odd_message_has_a_number_and_is_replayed(void **state)
{
	begin(OUCH_50);
	assert_null(faults_parse(&faults, "odd_after=2"));
	login("TEST01", "SECRET", "", 1);
	expect("A S:S");
	enter(1, 'B', 100, 1000000);
	expect("S:A S:z");
	reconnect();
	login("TEST01", "SECRET", "", 3);
	expect("A S:z");
	end();
}

static void
a_price_is_corrected_in_ouch42_only(void **state)
{
	const struct ouch42_trade_correction *f;
	const struct ouch42_executed *e;

	assert_null(faults_parse(&faults, "correct_every=1"));
	begin_up(OUCH_42);
	tape_add(1, 'S', 100, 1000000);
	enter42("A1", 'B', 100, 1000000, 99998, 'Y');
	assert_string_equal(answers(), "S:A S:E S:F");
	e = payload(1);
	f = payload(2);
	assert_int_equal(be32_get(f->exec.px4), 1000100);
	assert_memory_equal(&f->exec.match_ref, &e->match_ref, sizeof(e->match_ref));
	assert_int_equal(oe->position[LOCATE].bought_qty, 100);
	assert_int_equal(oe->position[LOCATE].bought_ntl4, 100010000);
	end();
	assert_null(faults_parse(&faults, "correct_every=1"));
	begin_up(OUCH_50);
	tape_add(1, 'S', 100, 1000000);
	enter(1, 'B', 100, 1000000);
	expect("S:A S:E");
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_follow_the_rules),
		cmocka_unit_test(reject_codes_tell_why),
		cmocka_unit_test(a_login_of_version_4_10_brings_its_timeout),
		cmocka_unit_test(silence_is_answered_by_heartbeats_and_then_by_the_end),
		cmocka_unit_test(garbage_ends_the_connection_with_words),
		cmocka_unit_test(an_order_lives_its_life_in_ouch50),
		cmocka_unit_test(numbers_must_grow),
		cmocka_unit_test(replaces_have_four_answers),
		cmocka_unit_test(orders_are_refused_for_a_reason),
		cmocka_unit_test(halted_symbols_take_no_orders),
		cmocka_unit_test(immediate_orders_and_post_only_leave_nothing_behind),
		cmocka_unit_test(timed_orders_expire),
		cmocka_unit_test(a_reserve_is_restated_when_it_shows_shares_again),
		cmocka_unit_test(channels_have_numbers_of_their_own),
		cmocka_unit_test(mass_cancel_and_the_entry_switch),
		cmocka_unit_test(a_client_that_comes_back_gets_what_it_missed),
		cmocka_unit_test(a_day_outlives_its_process),
		cmocka_unit_test(cancel_on_disconnect_is_an_option),
		cmocka_unit_test(a_second_client_has_to_wait),
		cmocka_unit_test(an_order_lives_its_life_in_ouch42),
		cmocka_unit_test(modify_changes_side_and_shrinks),
		cmocka_unit_test(faults_strike_where_they_should),
		cmocka_unit_test(an_odd_message_has_a_number_and_is_replayed),
		cmocka_unit_test(a_price_is_corrected_in_ouch42_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
