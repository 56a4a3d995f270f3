/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "returns/drop_copy.h"
#include "wire/drop_copy.h"

enum {
	PENDING = 16,
};

#define WAIT_NS 1000
#define UP_NS   1 // both streams, since long

static const char *const SYMBOL[] = { NULL, "AAPL", "MSFT", NULL };
static struct drop_copy d;
static struct arena arena;

static void
open_for(bool ouch42, uint8_t channel)
{
	const struct drop_copy_config c = {
		.pending_max = PENDING,
		.wait_ns = WAIT_NS,
		.ouch42 = ouch42,
		.channel = channel,
		.token_prefix = "S",
		.instr_cnt = 4,
		.symbol = SYMBOL,
	};

	assert_int_equal(arena_open(&arena, drop_copy_bytes(&c) + 65536), 0);
	assert_int_equal(drop_copy_init(&d, &c, &arena), 0);
}

static int
start(void **unused)
{
	open_for(false, 0);
	return 0;
}

static int
end(void **unused)
{
	assert_true(drop_copy_check(&d));
	arena_close(&arena);
	return 0;
}

static struct drop_fill
fill(uint64_t ns, uint64_t match_ref)
{
	return (struct drop_fill){
		.ns = ns,
		.match_ref = match_ref,
		.token = 7,
		.qty = 100,
		.px4 = 5869700,
		.instr_idx = 1,
		.side = SIDE_SELL,
	};
}

static struct drop_copy_execution
message(uint64_t match_ref)
{
	struct drop_copy_execution m = {
		.head.type = DROP_COPY_EXECUTED,
		.side = 'S',
		.qty = be32_of(100),
		.px4 = be64_of(5869700),
		.match_ref = be64_of(match_ref),
	};

	memcpy(m.token, "7             ", sizeof(m.token));
	memcpy(m.symbol, "AAPL    ", sizeof(m.symbol));
	return m;
}

static void
told(const struct drop_copy_execution *m, uint64_t ns)
{
	drop_copy_on_message(&d, (const uint8_t *)m, sizeof(*m), ns);
}

static const struct drop_finding *
last(void)
{
	return &d.finding[(d.finding_cnt - 1) % DROP_FINDING_MAX];
}

static void
both_orders_of_telling_match(void **unused)
{
	const struct drop_fill own[] = { fill(10, 1), fill(10, 2) };
	const struct drop_copy_execution m[] = { message(1), message(2) };

	drop_copy_take(&d, DROP_OWN, &own[0]);
	told(&m[0], 20);
	told(&m[1], 30);
	drop_copy_take(&d, DROP_OWN, &own[1]);
	drop_copy_on_time(&d, UP_NS, UP_NS, 1000000);
	assert_int_equal(d.metrics.matched, 2);
	assert_int_equal(d.finding_cnt, 0);
	assert_int_equal(d.metrics.pending, 0);
}

/* What makes a copy of the same execution another one. */
static void
an_altered_fill_is_told_at_once(void **unused)
{
	static const struct {
		const char *what;
		int change;
	} CASES[] = {
		{ "a share more", 0 },       { "a tick more", 1 },    { "the other side", 2 },
		{ "another instrument", 3 }, { "one nobody has", 4 },
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const struct drop_fill own = fill(10, 100 + i);
		struct drop_copy_execution m = message(100 + i);

		switch (CASES[i].change) {
		case 0:
			m.qty = be32_of(101);
			break;
		case 1:
			m.px4 = be64_of(5869701);
			break;
		case 2:
			m.side = 'B';
			break;
		case 3:
			memcpy(m.symbol, "MSFT    ", sizeof(m.symbol));
			break;
		default:
			memcpy(m.symbol, "ZZZZ    ", sizeof(m.symbol));
			break;
		}
		drop_copy_take(&d, DROP_OWN, &own);
		told(&m, 20);
		if (d.metrics.altered != i + 1)
			fail_msg("%s was not found", CASES[i].what);
		assert_int_equal(last()->difference, DROP_ALTERED);
		assert_int_equal(drop_finding_instr(last()), 1);
		assert_int_equal(last()->own.match_ref, 100 + i);
		assert_int_equal(d.metrics.pending, 0);
	}
}

static void
who_says_nothing_for_too_long_has_it_missing_or_added(void **unused)
{
	const struct drop_fill own = fill(5000, 1);
	const struct drop_copy_execution m = message(2);

	drop_copy_take(&d, DROP_OWN, &own);
	told(&m, 5000);
	drop_copy_on_time(&d, UP_NS, UP_NS, 5000 + WAIT_NS);
	assert_int_equal(d.finding_cnt, 0); // to the nanosecond
	drop_copy_on_time(&d, UP_NS, UP_NS, 5001 + WAIT_NS);
	assert_int_equal(d.metrics.missing, 1);
	assert_int_equal(d.metrics.added, 1);
	assert_int_equal(d.finding[0].difference, DROP_MISSING);
	assert_int_equal(d.finding[0].own.match_ref, 1);
	assert_int_equal(d.finding[1].difference, DROP_ADDED);
	assert_int_equal(d.finding[1].copy.match_ref, 2);
	assert_int_equal(drop_finding_instr(&d.finding[1]), 1);
}

static void
a_stream_that_is_down_may_yet_tell(void **unused)
{
	const struct drop_fill own = fill(10, 1);
	const struct drop_copy_execution m = message(2);

	drop_copy_take(&d, DROP_OWN, &own);
	told(&m, 10);
	drop_copy_on_time(&d, 0, 0, 1000000);
	assert_int_equal(d.finding_cnt, 0);
	// it came back: the wait begins then
	drop_copy_on_time(&d, 999500, 999500, 1000000);
	assert_int_equal(d.finding_cnt, 0);
	drop_copy_on_time(&d, 0, 999500, 2000000);
	assert_int_equal(d.metrics.missing, 1);
	assert_int_equal(d.metrics.added, 0);
}

static void
breaks_corrections_and_self_matches_are_executions_of_their_own(void **unused)
{
	struct drop_fill own[4] = { fill(1, 1), fill(1, 1), fill(1, 1), fill(1, 1) };
	struct drop_copy_execution m[4] = { message(1), message(1), message(1), message(1) };

	own[1].what = DROP_BROKEN;
	m[1].head.type = DROP_COPY_BROKEN;
	own[2].what = DROP_CORRECTED;
	m[2].head.type = DROP_COPY_CORRECTED;
	own[3].token = 8; // the other side of the match is ours too
	own[3].side = SIDE_BUY;
	memcpy(m[3].token, "8 ", 2);
	m[3].side = 'B';
	for (int i = 0; i < 4; i++)
		drop_copy_take(&d, DROP_OWN, &own[i]);
	for (int i = 3; i >= 0; i--)
		told(&m[i], 2);
	assert_int_equal(d.metrics.matched, 4);
	assert_int_equal(d.finding_cnt, 0);
}

static void
a_copy_that_is_told_twice_is_one_too_many(void **unused)
{
	const struct drop_fill own = fill(10, 1);
	const struct drop_copy_execution m = message(1);

	drop_copy_take(&d, DROP_OWN, &own);
	told(&m, 10);
	told(&m, 10);
	drop_copy_on_time(&d, UP_NS, UP_NS, 1000000);
	assert_int_equal(d.metrics.added, 1);
}

static void
the_copy_waits_when_there_is_no_room(void **unused)
{
	for (uint64_t i = 0; i < PENDING; i++) {
		const struct drop_copy_execution m = message(i + 1);

		assert_true(drop_copy_has_room(&d));
		told(&m, 10);
	}
	assert_false(drop_copy_has_room(&d));
	assert_true(drop_copy_check(&d));
	for (uint64_t i = PENDING; i > 0; i--) {
		const struct drop_fill own = fill(20, i);

		drop_copy_take(&d, DROP_OWN, &own);
		assert_true(drop_copy_check(&d));
	}
	assert_int_equal(d.metrics.matched, PENDING);
	assert_true(drop_copy_has_room(&d));
}

static void
an_own_one_without_room_is_counted_and_comes_back_as_added(void **unused)
{
	const struct drop_copy_execution m = message(PENDING + 1);

	for (uint64_t i = 0; i <= PENDING; i++) {
		const struct drop_fill own = fill(10, i + 1);

		drop_copy_take(&d, DROP_OWN, &own);
	}
	assert_int_equal(d.metrics.own_unkept, 1);
	drop_copy_clear(&d);
	told(&m, 20);
	drop_copy_on_time(&d, UP_NS, UP_NS, 1000000);
	assert_int_equal(d.metrics.added, 1);
	assert_int_equal(d.metrics.missing, 0); // another day began
}

static void
what_cannot_be_read_is_a_difference(void **unused)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte;
	} CASES[] = {
		{ "an unknown type", 0, 'X' },
		{ "no side", offsetof(struct drop_copy_execution, side), 'T' },
		{ "no shares", offsetof(struct drop_copy_execution, qty) + 3, 0 },
		{ "a price beyond any", offsetof(struct drop_copy_execution, px4), 1 },
	};
	struct drop_copy_execution m;

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		m = message(1);
		((uint8_t *)&m)[CASES[i].at] = CASES[i].byte;
		told(&m, 10);
		if (d.metrics.unread != i + 1)
			fail_msg("%s was read", CASES[i].what);
	}
	m = message(1);
	drop_copy_on_message(&d, (const uint8_t *)&m, sizeof(m) - 1, 10);
	assert_int_equal(last()->difference, DROP_UNREAD);
	assert_int_equal(drop_finding_instr(last()), INSTR_NONE);
	drop_copy_on_message(&d, (const uint8_t *)"S12345678S", 10, 10); // the day begins
	assert_int_equal(d.metrics.unread, ARRAY_CNT(CASES) + 1);
	assert_int_equal(d.metrics.pending, 0);
}

static void
a_token_that_is_none_of_ours_is_an_added_fill(void **unused)
{
	static const char *const TOKEN[] = { "             7", "S0000000700000", "4294967296    ",
					     "7            x" };

	for (size_t i = 0; i < ARRAY_CNT(TOKEN); i++) {
		const struct drop_fill own = fill(10, i + 1);
		struct drop_copy_execution m = message(i + 1);

		memcpy(m.token, TOKEN[i], sizeof(m.token));
		drop_copy_take(&d, DROP_OWN, &own);
		told(&m, 10);
	}
	drop_copy_on_time(&d, UP_NS, UP_NS, 1000000);
	assert_int_equal(d.metrics.added, ARRAY_CNT(TOKEN));
	assert_int_equal(d.metrics.missing, ARRAY_CNT(TOKEN));
}

static void
ouch_42_and_channels_have_tokens_of_their_own(void **unused)
{
	const struct drop_fill own = fill(10, 1);
	struct drop_copy_execution m = message(1);

	m.channel = 3;
	told(&m, 10);
	assert_int_equal(d.metrics.foreign, 1);
	assert_int_equal(d.metrics.pending, 0);
	arena_close(&arena);
	open_for(true, 0);
	memcpy(m.token, "S00000007     ", sizeof(m.token));
	drop_copy_take(&d, DROP_OWN, &own);
	told(&m, 10);
	assert_int_equal(d.metrics.matched, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, start, end)
		CASE(both_orders_of_telling_match),
		CASE(an_altered_fill_is_told_at_once),
		CASE(who_says_nothing_for_too_long_has_it_missing_or_added),
		CASE(a_stream_that_is_down_may_yet_tell),
		CASE(breaks_corrections_and_self_matches_are_executions_of_their_own),
		CASE(a_copy_that_is_told_twice_is_one_too_many),
		CASE(the_copy_waits_when_there_is_no_room),
		CASE(an_own_one_without_room_is_counted_and_comes_back_as_added),
		CASE(what_cannot_be_read_is_a_difference),
		CASE(a_token_that_is_none_of_ours_is_an_added_fill),
		CASE(ouch_42_and_channels_have_tokens_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
