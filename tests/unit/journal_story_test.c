/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "journal/story.h"
#include "journal_bytes.h"
#include "msg/intent.h"
#include "msg/report.h"
#include "msg/update.h"

/* What the records of a day add up to. */

static struct journal_bytes day;
static struct story story;

static void
sent(uint32_t token, uint8_t kind)
{
	const struct journal_wire w = { .token = token, .kind = kind };
	struct journal_slot s = { .kind = JOURNAL_WIRE_OUT, .instr_idx = 3 };

	memcpy(s.body, &w, sizeof(w));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

static void
report(enum report_type type, uint32_t token, uint32_t orig_token, uint32_t qty, uint64_t match_ref)
{
	const struct journal_report m = {
		.token = token, .orig_token = orig_token, .qty = qty, .match_ref = match_ref
	};
	struct journal_slot s = { .kind = JOURNAL_REPORT, .arg = type, .instr_idx = 3 };

	memcpy(s.body, &m, sizeof(m));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

/* The venue accepted a login and named its day. */
static void
login(const char *name)
{
	uint8_t payload[JOURNAL_RECORD_MAX] = { 0 };
	struct journal_wire w = { .kind = 'A', .len = 30 };
	struct journal_slot s = { .kind = JOURNAL_WIRE_IN };

	memcpy(w.bytes, name, STORY_SESSION_LEN);
	memcpy(s.body, &w, sizeof(w));
	memcpy(payload, &s, sizeof(s));
	journal_bytes_put(&day, s.kind, payload, sizeof(s) + 30 - JOURNAL_WIRE_FIRST);
}

static void
begin(void)
{
	journal_bytes_start(&day, 4096);
	story_fini(&story);
	story_init(&story);
}

static void
take_all(void)
{
	struct journal_record r;
	struct journal_walk w;

	assert_true(journal_walk_start(&w, day.data, day.len));
	while (journal_walk_next(&w, &r))
		story_take(&story, &r);
	assert_int_equal(w.record_cnt, day.cnt);
}

static void
executions_count_once_however_often_they_are_replayed(void **state)
{
	const struct story_order *o;

	begin();
	login("OE00000001");
	sent(1, INTENT_NEW);
	for (int i = 0; i < 3; i++) { // the day, and two replays of it
		report(REPORT_ACCEPTED, 1, 0, 300, 0);
		report(REPORT_EXECUTED, 1, 0, 100, 7);
		report(REPORT_EXECUTED, 1, 0, 50, 8);
		login("OE00000001");
	}
	take_all();
	o = story_find(&story.session[0], 1);
	assert_non_null(o);
	assert_int_equal(o->executed_qty, 150);
	assert_true(o->accepted);
	assert_int_equal(story.session[0].execution_cnt, 2);
}

static void
a_replacement_takes_over_what_was_executed(void **state)
{
	begin();
	sent(1, INTENT_NEW);
	report(REPORT_ACCEPTED, 1, 0, 300, 0);
	report(REPORT_EXECUTED, 1, 0, 100, 7);
	sent(2, INTENT_REPLACE);
	report(REPORT_REPLACED, 2, 1, 200, 0);
	report(REPORT_EXECUTED, 2, 0, 20, 9);
	report(REPORT_REPLACED, 2, 1, 200, 0); // again, in a replay
	take_all();
	assert_int_equal(story_find(&story.session[0], 2)->executed_qty, 120);
	assert_string_equal(story.instr[story_find(&story.session[0], 2)->instr - 1],
			    "number 3 of run 1"); // nobody named it
}

static void
what_was_sent_and_never_answered_is_known_as_that(void **state)
{
	begin();
	sent(5, INTENT_NEW);
	sent(6, INTENT_NEW);
	report(REPORT_REJECTED, 6, 0, 0, 0);
	sent(7, INTENT_CANCEL); // no order of its own
	take_all();
	assert_true(story_find(&story.session[0], 5)->sent);
	assert_false(story_find(&story.session[0], 5)->accepted);
	assert_false(story_find(&story.session[0], 6)->sent);
	assert_null(story_find(&story.session[0], 7));
}

static void
another_day_of_the_venue_begins_anew(void **state)
{
	begin();
	login("OE00000001");
	sent(1, INTENT_NEW);
	report(REPORT_ACCEPTED, 1, 0, 300, 0);
	login("OE00000002");
	take_all();
	assert_null(story_find(&story.session[0], 1));
	assert_int_equal(story.session[0].cnt, 0);
	assert_memory_equal(story.session[0].venue_session, "OE00000002", STORY_SESSION_LEN);
}

/* More orders than the first table has room for; the largest tokens, too. */
static void
many_orders_are_all_found_again(void **state)
{
	begin();
	for (uint32_t i = 0; i < 5000; i++) {
		struct journal_bytes *b = &day;
		struct journal_record r;
		struct journal_walk w;

		journal_bytes_start(b, 4096);
		sent(UINT32_MAX - i * 17, INTENT_NEW);
		report(REPORT_EXECUTED, UINT32_MAX - i * 17, 0, i + 1, i);
		assert_true(journal_walk_start(&w, b->data, b->len));
		while (journal_walk_next(&w, &r))
			story_take(&story, &r);
	}
	assert_int_equal(story.session[0].cnt, 5000);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(story_find(&story.session[0], UINT32_MAX - i * 17)->executed_qty,
				 i + 1);
	story_fini(&story);
}

/* The text of a control side's record. */
static void
said(uint8_t kind, uint32_t arg, const char *text)
{
	const struct journal_text t = { .arg = arg, .ns = 5 };
	uint8_t payload[512];

	memcpy(payload, &t, sizeof(t));
	memcpy(payload + sizeof(t), text, strlen(text));
	journal_bytes_put(&day, kind, payload, (uint32_t)(sizeof(t) + strlen(text)));
}

/* An Enter Order's bytes, as they lie in SoupBinTCP. */
static void
sent_by(uint32_t token, uint8_t kind, uint8_t strategy_idx, uint32_t orig_token, const char *bytes)
{
	struct journal_wire w = {
		.token = token, .kind = kind, .strategy_idx = strategy_idx, .len = 20
	};
	struct journal_slot s = { .kind = JOURNAL_WIRE_OUT, .instr_idx = 3, .arg = orig_token };

	memcpy(w.bytes, bytes, strlen(bytes));
	memcpy(s.body, &w, sizeof(w));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

static void
whose_an_order_was_is_known_by_name(void **state)
{
	const struct story_session *s = &story.session[0];

	begin();
	story_session_add(&story, "oe", false);
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION, "oe");
	said(JOURNAL_NAME, JOURNAL_NAME_STRATEGY | 0 << 8, "taker\ndesk");
	said(JOURNAL_NAME, JOURNAL_NAME_STRATEGY | 1 << 8, "maker\ndesk");
	login("OE00000001");
	sent_by(1, INTENT_NEW, 1, 0, "..UOnnnnTqqqq");
	sent_by(2, INTENT_REPLACE, 1, 1, "..UUoooonnnn");
	sent_by(3, INTENT_NEW, 0, 0, "..UOnnnnSqqqq");
	sent_by(3, INTENT_CANCEL, 0, 3, "..UX");
	report(REPORT_REPLACED, 5, 2, 100, 0); // the venue's own number of it
	take_all();
	assert_string_equal(story.strategy[story_find(s, 1)->strategy - 1], "maker");
	assert_string_equal(story.strategy[story_find(s, 2)->strategy - 1], "maker");
	assert_string_equal(story.strategy[story_find(s, 3)->strategy - 1], "taker");
	assert_string_equal(story.strategy[story_find(s, 5)->strategy - 1], "maker");
	assert_true(story_find(s, 1)->short_sale);
	assert_true(story_find(s, 2)->short_sale);
	assert_true(story_find(s, 5)->short_sale);
	assert_false(story_find(s, 3)->short_sale);
	assert_int_equal(s->request_cnt, 4);
}

static void
a_short_sale_of_ouch_42_is_one(void **state)
{
	begin();
	story_session_add(&story, "oe", true);
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION, "oe");
	sent_by(1, INTENT_NEW, 0, 0, "..UOS00000001     Eqq");
	sent_by(2, INTENT_NEW, 0, 0, "..UOE0000000E     Sqq");
	take_all();
	assert_true(story_find(&story.session[0], 1)->short_sale);
	assert_false(story_find(&story.session[0], 2)->short_sale);
	assert_int_equal(story_find(&story.session[0], 1)->strategy, 0); // nobody named it
}

/* What the session's table said of an order. */
static void
became(uint8_t session_idx, uint32_t token, enum order_state state, uint32_t open_qty)
{
	const struct update m = { .state = (uint8_t)state, .open_qty = open_qty };
	struct journal_slot s;

	memcpy(&s, &m, sizeof(s));
	s.kind = JOURNAL_UPDATE;
	s.source_idx = session_idx;
	s.arg = token;
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

/* A new order of 100 shares, accepted, and so many of them executed. */
static void
traded(uint8_t session_idx, uint32_t token, uint16_t instr_idx, enum side side, uint32_t qty)
{
	const struct journal_wire w = {
		.token = token,
		.kind = INTENT_NEW,
		.len = 20,
		.bytes = { 0, 0, 'U', 'O', 0, 0, 0, 0, side == SIDE_BUY ? 'B' : 'S' },
	};
	struct journal_slot s = {
		.kind = JOURNAL_WIRE_OUT, .instr_idx = instr_idx, .source_idx = session_idx, .ns = 7
	};
	struct journal_report m = { .token = token, .qty = 100 };

	memcpy(s.body, &w, sizeof(w));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
	s.kind = JOURNAL_REPORT;
	s.arg = REPORT_ACCEPTED | (uint32_t)side << 8;
	memcpy(s.body, &m, sizeof(m));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
	if (qty == 0)
		return;
	s.arg = REPORT_EXECUTED;
	m.qty = qty;
	m.match_ref = token;
	memcpy(s.body, &m, sizeof(m));
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

static const char *
symbol_of(uint32_t session, uint32_t token)
{
	const struct story_order *o = story_find(&story.session[session], token);

	assert_non_null(o);
	assert_int_not_equal(o->instr, 0);
	return story.instr[o->instr - 1];
}

/* Two starts in a day, and between them the configuration was put into another order. */
static void
each_run_has_its_own_order_of_sessions_and_instruments(void **state)
{
	begin();
	story_session_add(&story, "oe", false);
	story_session_add(&story, "alt", false);
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION | 0 << 8, "alt");
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION | 1 << 8, "oe");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 1 << 8, "AAPL");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 2 << 8, "MSFT");
	traded(1, 10, 1, SIDE_BUY, 40);
	traded(0, 10, 2, SIDE_SELL, 100);
	day.run = 2;
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION | 0 << 8, "oe");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 1 << 8, "ZVZZT");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 2 << 8, "AAPL");
	traded(0, 11, 2, SIDE_SELL, 40);
	traded(0, 12, 1, SIDE_BUY, 0);
	traded(2, 13, 3, SIDE_BUY, 0); // a session and an instrument without a name
	take_all();
	assert_int_equal(story.session[0].cnt, 3);
	assert_int_equal(story.session[1].cnt, 1);
	assert_string_equal(symbol_of(0, 10), "AAPL");
	assert_string_equal(symbol_of(0, 11), "AAPL");
	assert_string_equal(symbol_of(0, 12), "ZVZZT");
	assert_string_equal(symbol_of(1, 10), "MSFT");
	assert_int_equal(story.session_cnt, 3);
	assert_string_equal(story.session[2].name, "number 2 of run 2");
	assert_string_equal(symbol_of(2, 13), "number 3 of run 2");
}

static bool
always(uint64_t last_ns, uint64_t now_ns)
{
	return last_ns <= now_ns;
}

static bool
never(uint64_t last_ns, uint64_t now_ns)
{
	return last_ns > now_ns;
}

static const struct story_left *
left_with(const struct story_left *left, size_t cnt, const char *instr)
{
	for (size_t i = 0; i < cnt; i++)
		if (strcmp(left[i].instr, instr) == 0)
			return &left[i];
	return NULL;
}

static void
what_is_open_or_not_flat_is_left(void **state)
{
	const struct story_left *l;
	struct story_left *left;
	size_t cnt;

	begin();
	story_session_add(&story, "oe", false);
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION, "oe");
	said(JOURNAL_NAME, JOURNAL_NAME_STRATEGY, "taker\ndesk");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 1 << 8, "FLAT");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 2 << 8, "LONG");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 3 << 8, "OPEN");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 4 << 8, "BROKEN");
	traded(0, 1, 1, SIDE_BUY, 60);
	became(0, 1, ORDER_CANCELED, 0);
	traded(0, 2, 1, SIDE_SELL, 60);
	became(0, 2, ORDER_CANCELED, 0);
	became(0, 2, ORDER_LIVE, 40); // a replay goes through the order's life again
	traded(0, 3, 2, SIDE_BUY, 100);
	traded(0, 4, 3, SIDE_SELL, 30);
	traded(0, 5, 4, SIDE_BUY, 100);
	report(REPORT_TRADE_BROKEN, 5, 0, 0, 5);
	report(REPORT_TRADE_BROKEN, 5, 0, 0, 5); // again, in a replay
	take_all();
	assert_int_equal(story_left(&story, always, 9, &left, &cnt), 0);
	assert_int_equal(cnt, 2);
	l = left_with(left, cnt, "LONG");
	assert_non_null(l);
	assert_string_equal(l->session, "oe");
	assert_string_equal(l->strategy, "taker");
	assert_int_equal(l->net_qty, 100);
	assert_int_equal(l->open_cnt, 0);
	l = left_with(left, cnt, "OPEN");
	assert_non_null(l);
	assert_int_equal(l->net_qty, -30);
	assert_int_equal(l->open_cnt, 1);
	assert_int_equal(l->open_qty, 70);
	assert_int_equal(story_find(&story.session[0], 5)->broken_qty, 100);
	assert_int_equal(story_find(&story.session[0], 5)->executed_qty, 100);
	free(left);
	assert_int_equal(story_left(&story, never, 9, &left, &cnt), 0);
	assert_int_equal(cnt, 0);
	free(left);
}

/* A kill came between the journal and the wire; the start after it has found out. */
static void
what_the_venue_never_got_is_not_open(void **state)
{
	struct story_left *left;
	size_t cnt;

	begin();
	story_session_add(&story, "oe", false);
	said(JOURNAL_NAME, JOURNAL_NAME_SESSION, "oe");
	sent(1, INTENT_NEW);
	sent(2, INTENT_NEW);
	sent(3, INTENT_NEW);
	report(REPORT_ACCEPTED, 3, 0, 100, 0);
	said(JOURNAL_RECOVERY, 0,
	     "session oe: the venue never got order 1\nsession alt: the venue never got order 2\n"
	     "session oe: the venue never got order 3\nsession oe: the venue never got order 2 \n"
	     "session oe: the venue never got order 2");
	take_all();
	story.session[0].last_ns = 1;
	assert_int_equal(story_left(&story, always, 9, &left, &cnt), 0);
	assert_int_equal(cnt, 1);
	assert_int_equal(left[0].open_cnt, 2); // the second, and the third, which it does have
	free(left);
}

static void
executions_with_numbers_beside_each_other_are_two(void **state)
{
	begin();
	sent(1, INTENT_NEW);
	report(REPORT_ACCEPTED, 1, 0, 300, 0);
	report(REPORT_EXECUTED, 1, 0, 100, 6);
	report(REPORT_EXECUTED, 1, 0, 50, 7);
	take_all();
	assert_int_equal(story_find(&story.session[0], 1)->executed_qty, 150);
}

static void
the_newest_highs_of_the_day_count(void **state)
{
	begin();
	said(JOURNAL_DAY, 0, "firm 100\nstrategy taker 50\n");
	said(JOURNAL_DAY, 0, "firm 120\nno value\nstrategy taker -3\ncut off 7");
	take_all();
	assert_int_equal(story.high_cnt, 3);
	assert_string_equal(story.high[0].level, "firm");
	assert_int_equal(story.high[0].ntl4, 120);
	assert_int_equal(story.high[1].ntl4, 0);
	assert_string_equal(story.high[2].level, "strategy taker");
	assert_int_equal(story.high[2].ntl4, -3);
	assert_int_equal(story.high_ns, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(executions_count_once_however_often_they_are_replayed),
		cmocka_unit_test(a_replacement_takes_over_what_was_executed),
		cmocka_unit_test(what_was_sent_and_never_answered_is_known_as_that),
		cmocka_unit_test(another_day_of_the_venue_begins_anew),
		cmocka_unit_test(many_orders_are_all_found_again),
		cmocka_unit_test(whose_an_order_was_is_known_by_name),
		cmocka_unit_test(a_short_sale_of_ouch_42_is_one),
		cmocka_unit_test(each_run_has_its_own_order_of_sessions_and_instruments),
		cmocka_unit_test(what_is_open_or_not_flat_is_left),
		cmocka_unit_test(what_the_venue_never_got_is_not_open),
		cmocka_unit_test(executions_with_numbers_beside_each_other_are_two),
		cmocka_unit_test(the_newest_highs_of_the_day_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
