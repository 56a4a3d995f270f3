/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "hex.h"
#include "net/order_session.h"

#define MS 1000000ULL
#define T0 (1000 * NS_PER_SEC)

static const struct order_session_config CONFIG = {
	.protocol = ORDER_SESSION_OUCH50,
	.soup = {
		.username = "user01",
		.password = "secret",
		.first_seq = 1,
		.heartbeat_ns = NS_PER_SEC,
		.silence_ns = 15 * NS_PER_SEC,
		.login_wait_ns = 30 * NS_PER_SEC,
	},
	.connect_wait_ns = 2 * NS_PER_SEC,
	.query_wait_ns = 5 * NS_PER_SEC,
	.settle_ns = 50 * MS,
	.reconnect_ns = NS_PER_SEC,
	.reconnect_max_ns = 5 * NS_PER_SEC,
};

static enum order_session_act
give(struct order_session *o, char type, const void *payload, size_t len, uint64_t now_ns)
{
	uint8_t *copy = malloc(len + 1);
	enum order_session_act act;

	memcpy(copy, payload, len);
	act = order_session_on_packet(o, (uint8_t)type, copy, (uint16_t)len, now_ns);
	free(copy);
	return act;
}

static enum order_session_act
give_answer(struct order_session *o, uint32_t next, uint64_t now_ns)
{
	uint8_t m[13] = { 'Q' };

	m[9] = (uint8_t)(next >> 24);
	m[10] = (uint8_t)(next >> 16);
	m[11] = (uint8_t)(next >> 8);
	m[12] = (uint8_t)next;
	return give(o, 'S', m, sizeof(m), now_ns);
}

static enum order_session_act
give_accepted(struct order_session *o, uint64_t now_ns)
{
	return give(o, 'A', "  20261008                   1", 30, now_ns);
}

static void
connect_to_login(struct order_session *o, uint64_t now_ns)
{
	uint8_t buf[ORDER_SESSION_TAKE_MAX];

	assert_int_equal(order_session_on_time(o, now_ns), ORDER_SESSION_CONNECT);
	order_session_on_connected(o, now_ns);
	assert_int_equal(o->state, ORDER_SESSION_LOGIN);
	assert_int_equal(order_session_take(o, buf, sizeof(buf), now_ns), 49);
	assert_int_equal(buf[2], 'L');
}

static void
connect_to_query(struct order_session *o, uint64_t now_ns)
{
	uint8_t buf[ORDER_SESSION_TAKE_MAX];

	connect_to_login(o, now_ns);
	assert_int_equal(give_accepted(o, now_ns), ORDER_SESSION_NONE);
	assert_int_equal(o->state, ORDER_SESSION_QUERY);
	if (o->protocol == ORDER_SESSION_OUCH42)
		return;
	assert_int_equal(order_session_take(o, buf, 3, now_ns), 0); // no room
	assert_int_equal(order_session_take(o, buf, sizeof(buf), now_ns), 4);
	assert_memory_equal(buf, "\0\002UQ", 4);
	assert_int_equal(order_session_take(o, buf, sizeof(buf), now_ns), 0);
}

static void
start(struct order_session *o, const struct order_session_config *c)
{
	assert_int_equal(order_session_init(o, c), 0);
	assert_int_equal(order_session_on_time(o, T0), ORDER_SESSION_NONE); // nobody said start
	order_session_start(o, T0);
}

static void
bring_up(struct order_session *o, const struct order_session_config *c)
{
	start(o, c);
	connect_to_query(o, T0);
	assert_int_equal(give_answer(o, 7, T0), ORDER_SESSION_REPORT);
	assert_false(order_session_is_up(o));
	assert_int_equal(order_session_on_time(o, T0 + 50 * MS), ORDER_SESSION_READY);
	assert_true(order_session_is_up(o));
}

static void
orders_wait_for_the_venues_number(void **state)
{
	struct order_session o;

	bring_up(&o, &CONFIG);
	assert_int_equal(order_session_token_base(&o), 7);
	assert_int_equal(give(&o, 'S', "E", 1, T0), ORDER_SESSION_REPORT);
	assert_int_equal(give(&o, 'H', "", 0, T0), ORDER_SESSION_NONE);
	assert_int_equal(give_answer(&o, 9, T0), ORDER_SESSION_REPORT); // somebody else's question
	assert_int_equal(order_session_token_base(&o), 9);
	assert_int_equal(give_answer(&o, 8, T0), ORDER_SESSION_REPORT);
	assert_int_equal(order_session_token_base(&o), 9); // never back
}

static void
an_answer_from_an_old_login_does_not_count_alone(void **state)
{
	struct order_session o;

	start(&o, &CONFIG);
	connect_to_query(&o, T0);
	assert_int_equal(give_answer(&o, 1, T0), ORDER_SESSION_REPORT); // replayed from the morning
	for (unsigned i = 1; i <= 100; i++)                             // ... and the day since
		assert_int_equal(give(&o, 'S', "A", 1, T0 + i * 40 * MS), ORDER_SESSION_REPORT);
	assert_int_equal(order_session_on_time(&o, T0 + 4040 * MS), ORDER_SESSION_NONE);
	assert_int_equal(give_answer(&o, 101, T0 + 4041 * MS), ORDER_SESSION_REPORT);
	assert_int_equal(order_session_on_time(&o, T0 + 4090 * MS), ORDER_SESSION_NONE);
	assert_int_equal(order_session_on_time(&o, T0 + 4091 * MS), ORDER_SESSION_READY);
	assert_int_equal(order_session_token_base(&o), 101);
}

static void
a_venue_that_does_not_answer_is_left(void **state)
{
	struct order_session o;

	start(&o, &CONFIG);
	connect_to_query(&o, T0);
	assert_int_equal(order_session_on_time(&o, T0 + 5 * NS_PER_SEC - 1), ORDER_SESSION_NONE);
	assert_int_equal(order_session_on_time(&o, T0 + 5 * NS_PER_SEC), ORDER_SESSION_CLOSE);
	assert_int_equal(o.why, ORDER_SESSION_WHY_QUERY_LATE);
	assert_int_equal(o.state, ORDER_SESSION_WAIT);
}

static void
each_failure_waits_longer_until_it_works(void **state)
{
	static const uint64_t WAIT_S[] = { 1, 2, 4, 5, 5 };
	struct order_session o;
	uint64_t now_ns = T0;

	start(&o, &CONFIG);
	for (size_t i = 0; i < ARRAY_CNT(WAIT_S); i++) {
		assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_CONNECT);
		assert_int_equal(o.state, ORDER_SESSION_CONNECTING);
		order_session_on_lost(&o, now_ns);
		assert_int_equal(o.why, ORDER_SESSION_WHY_LOST);
		now_ns += WAIT_S[i] * NS_PER_SEC;
		assert_int_equal(order_session_on_time(&o, now_ns - 1), ORDER_SESSION_NONE);
	}
	connect_to_query(&o, now_ns);
	give_answer(&o, 1, now_ns);
	assert_int_equal(order_session_on_time(&o, now_ns + 50 * MS), ORDER_SESSION_READY);
	order_session_on_lost(&o, now_ns + 50 * MS);
	assert_false(order_session_is_up(&o));
	assert_int_equal(order_session_on_time(&o, now_ns + 1050 * MS - 1), ORDER_SESSION_NONE);
	assert_int_equal(order_session_on_time(&o, now_ns + 1050 * MS), ORDER_SESSION_CONNECT);
	// ... and one that never comes up at all
	assert_int_equal(order_session_on_time(&o, now_ns + 3050 * MS - 1), ORDER_SESSION_NONE);
	assert_int_equal(order_session_on_time(&o, now_ns + 3050 * MS), ORDER_SESSION_CLOSE);
	assert_int_equal(o.why, ORDER_SESSION_WHY_CONNECT_LATE);
	assert_int_equal(o.metrics.connect_late, 1);
}

/* How a connection in use ends, and whether we come back by ourselves. */
static const struct {
	const char *what;
	char type;
	const char *payload;
	enum order_session_why why;
	enum order_session_state then;
} ENDS[] = {
	// clang-format off
	{ "end of session",     'Z', "",  ORDER_SESSION_WHY_ENDED,  ORDER_SESSION_STOPPED },
	{ "a broken packet",    'H', "x", ORDER_SESSION_WHY_BROKEN, ORDER_SESSION_WAIT },
	{ "a second login",     'J', "A", ORDER_SESSION_WHY_BROKEN, ORDER_SESSION_WAIT },
	// clang-format on
};

static void
the_end_of_a_connection_decides_what_follows(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(ENDS); i++) {
		struct order_session o;

		print_message("# %s\n", ENDS[i].what);
		bring_up(&o, &CONFIG);
		assert_int_equal(
			give(&o, ENDS[i].type, ENDS[i].payload, strlen(ENDS[i].payload), T0),
			ORDER_SESSION_CLOSE);
		assert_int_equal(o.why, ENDS[i].why);
		assert_int_equal(o.state, ENDS[i].then);
		order_session_on_lost(&o, T0); // the close we asked for
		assert_int_equal(o.why, ENDS[i].why);
		assert_int_equal(o.metrics.connect_lost, 0);
	}
}

static void
a_wrong_password_is_not_tried_again(void **state)
{
	struct order_session o;

	start(&o, &CONFIG);
	connect_to_login(&o, T0);
	assert_int_equal(give(&o, 'J', "A", 1, T0), ORDER_SESSION_CLOSE);
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	assert_int_equal(order_session_on_time(&o, T0 + 999 * NS_PER_SEC), ORDER_SESSION_NONE);
	order_session_start(&o, T0); // the operator has corrected it
	connect_to_login(&o, T0);
	assert_int_equal(give(&o, 'J', "S", 1, T0), ORDER_SESSION_CLOSE);
	assert_int_equal(o.state, ORDER_SESSION_WAIT); // no session yet: later perhaps
}

static void
silence_ends_a_connection(void **state)
{
	struct order_session o;
	uint8_t buf[ORDER_SESSION_TAKE_MAX];

	bring_up(&o, &CONFIG);
	assert_int_equal(order_session_on_time(&o, T0 + 2 * NS_PER_SEC), ORDER_SESSION_NONE);
	assert_int_equal(order_session_take(&o, buf, sizeof(buf), T0 + 2 * NS_PER_SEC), 3);
	assert_memory_equal(buf, "\0\001R", 3);
	assert_int_equal(order_session_on_time(&o, T0 + 15 * NS_PER_SEC), ORDER_SESSION_CLOSE);
	assert_int_equal(o.why, ORDER_SESSION_WHY_SILENT);
}

static void
stop_logs_out_first(void **state)
{
	struct order_session o;
	uint8_t buf[ORDER_SESSION_TAKE_MAX];

	bring_up(&o, &CONFIG);
	assert_int_equal(order_session_stop(&o, T0), ORDER_SESSION_NONE);
	assert_false(order_session_is_up(&o));
	assert_int_equal(order_session_take(&o, buf, sizeof(buf), T0), 3);
	assert_memory_equal(buf, "\0\001O", 3);
	assert_int_equal(give(&o, 'S', "C", 1, T0), ORDER_SESSION_REPORT); // still told of
	order_session_on_lost(&o, T0);
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	assert_int_equal(o.why, ORDER_SESSION_WHY_STOPPED);
	order_session_start(&o, T0);
	assert_int_equal(order_session_stop(&o, T0), ORDER_SESSION_NONE);
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	bring_up(&o, &CONFIG);
	order_session_stop(&o, T0);
	assert_int_equal(order_session_on_time(&o, T0 + 5 * NS_PER_SEC), ORDER_SESSION_CLOSE);
}

static void
ouch42_takes_its_numbers_from_the_clock(void **state)
{
	// 2026-10-08 13:30:00 UTC, and one second before and after the day's start
	const uint64_t open_ns = 1791466200 * NS_PER_SEC;
	const uint64_t start_ns = open_ns - 27000 * NS_PER_SEC;
	struct order_session_config c = CONFIG;
	struct order_session o;

	assert_int_equal(order_session_clock_token(open_ns), 27000u * 40000u + 1);
	assert_int_equal(order_session_clock_token(start_ns), 1);
	assert_int_equal(order_session_clock_token(start_ns - 1), 86400u * 40000u);
	c.protocol = ORDER_SESSION_OUCH42;
	start(&o, &c);
	connect_to_query(&o, open_ns);
	order_session_on_token(&o, 27000u * 40000u + 5); // another run was as quick
	assert_int_equal(order_session_on_time(&o, open_ns + 50 * MS), ORDER_SESSION_READY);
	assert_int_equal(order_session_token_base(&o), 27000u * 40000u + 6);
	order_session_on_token(&o, UINT32_MAX - 5); // while up the tokens are orders' own
	assert_int_equal(order_session_token_base(&o), 27000u * 40000u + 6);
}

static void
a_bad_configuration_is_refused(void **state)
{
	struct order_session_config c = CONFIG;
	struct order_session o;

	c.reconnect_ns = 0;
	assert_int_equal(order_session_init(&o, &c), -EINVAL);
	assert_null(memmem(&o, sizeof(o), "secret", 6));
	c = CONFIG;
	c.soup.username[0] = '\t';
	assert_int_equal(order_session_init(&o, &c), -EINVAL);
	for (unsigned i = 0; i < ORDER_SESSION_STATE_CNT; i++)
		assert_non_null(order_session_state_words(i));
	for (unsigned i = 0; i < ORDER_SESSION_WHY_CNT; i++)
		assert_non_null(order_session_why_words(i));
}

static void
the_next_address_is_taken_after_enough_failures(void **state)
{
	struct order_session_config c = CONFIG;
	struct order_session o;
	uint64_t now_ns = T0 + 100 * MS;

	c.peer_cnt = 3;
	c.peer_attempts = 2;
	bring_up(&o, &c);
	order_session_on_lost(&o, now_ns); // the lost connection counts
	assert_int_equal(o.peer_idx, 0);
	for (uint32_t i = 1; i <= 4; i++) { // 1, 1, 2, 2, then the first again
		now_ns = o.retry_ns;
		assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_CONNECT);
		order_session_on_lost(&o, now_ns);
		assert_int_equal(o.peer_idx, (i + 1) / 2 % 3);
		if (i % 2 == 1)
			assert_int_equal(o.retry_ns, now_ns + c.reconnect_ns);
	}
	assert_int_equal(o.metrics.peer_changed, 2);
	assert_int_equal(o.metrics.attempt_cnt, 5);
	assert_int_equal(soup_session_seq(&o.soup), 2); // the answer was 1: it goes on behind it
	order_session_on_time(&o, o.retry_ns);
	order_session_on_lost(&o, o.retry_ns);
	assert_int_equal(o.peer_idx, 0);
}

static void
with_one_address_only_the_wait_grows(void **state)
{
	struct order_session o;

	start(&o, &CONFIG);
	for (int i = 0; i < 5; i++) {
		const uint64_t now_ns = o.retry_ns;

		assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_CONNECT);
		order_session_on_lost(&o, now_ns);
		assert_int_equal(o.peer_idx, 0);
		assert_int_equal(o.retry_ns - now_ns, i < 3 ? NS_PER_SEC << i : 5 * NS_PER_SEC);
	}
	assert_int_equal(o.metrics.peer_changed, 0);
}

static void
the_lane_may_give_a_connection_up(void **state)
{
	struct order_session o;

	bring_up(&o, &CONFIG);
	assert_int_equal(order_session_give_up(&o, ORDER_SESSION_WHY_LINK, T0 + 60 * MS),
			 ORDER_SESSION_CLOSE);
	assert_int_equal(o.why, ORDER_SESSION_WHY_LINK);
	assert_int_equal(o.state, ORDER_SESSION_WAIT);
	assert_int_equal(order_session_give_up(&o, ORDER_SESSION_WHY_LINK, T0 + 60 * MS),
			 ORDER_SESSION_NONE);
}

/* Seconds since 1970 of Monday, 2 November 2026, 00:00 UTC. */
#define MONDAY_S 1793577600ULL
#define AT_NS(day, hour, minute) \
	((MONDAY_S + (day)*86400ULL + (hour)*3600ULL + (minute)*60ULL) * NS_PER_SEC)

static void
a_schedule_knows_its_hours(void **state)
{
	enum { WORKDAYS = 0x1f, FRIDAY = 0x10 };
	static const struct {
		const char *what;
		struct session_schedule s;
		uint64_t at_ns;
		bool open;
		uint64_t next_ns;
	} HOURS[] = {
		// clang-format off
		{ "before the day", { true, WORKDAYS, 7 * 3600, 20 * 3600, 0 }, AT_NS(0, 6, 59), false, AT_NS(0, 7, 0) },
		{ "its first second", { true, WORKDAYS, 7 * 3600, 20 * 3600, 0 }, AT_NS(0, 7, 0), true, AT_NS(0, 20, 0) },
		{ "its last minute", { true, WORKDAYS, 7 * 3600, 20 * 3600, 0 }, AT_NS(0, 19, 59), true, AT_NS(0, 20, 0) },
		{ "the end", { true, WORKDAYS, 7 * 3600, 20 * 3600, 0 }, AT_NS(0, 20, 0), false, AT_NS(1, 7, 0) },
		{ "over the weekend", { true, WORKDAYS, 7 * 3600, 20 * 3600, 0 }, AT_NS(4, 21, 0), false, AT_NS(7, 7, 0) },
		{ "no day", { true, 0, 7 * 3600, 20 * 3600, 0 }, AT_NS(0, 8, 0), false, UINT64_MAX },
		{ "over midnight, the day after", { true, FRIDAY, 22 * 3600, 2 * 3600, 0 }, AT_NS(5, 1, 0), true, AT_NS(5, 2, 0) },
		{ "over midnight, not on the day before", { true, FRIDAY, 22 * 3600, 2 * 3600, 0 }, AT_NS(4, 1, 0), false, AT_NS(4, 22, 0) },
		{ "five hours west", { true, WORKDAYS, 7 * 3600, 20 * 3600, -5 * 3600 }, AT_NS(0, 11, 0), false, AT_NS(0, 12, 0) },
		{ "a Monday that began on Sunday, UTC", { true, WORKDAYS, 0, 3600, 10 * 3600 }, AT_NS(0, 0, 0) - 10 * 3600 * NS_PER_SEC, true, AT_NS(0, 0, 0) - 9 * 3600 * NS_PER_SEC },
		{ "none", { false, 0, 0, 0, 0 }, AT_NS(0, 0, 0), true, UINT64_MAX },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(HOURS); i++) {
		print_message("# %s\n", HOURS[i].what);
		assert_int_equal(session_schedule_is_open(&HOURS[i].s, HOURS[i].at_ns),
				 HOURS[i].open);
		assert_true(session_schedule_next_ns(&HOURS[i].s, HOURS[i].at_ns) ==
			    HOURS[i].next_ns);
	}
}

static void
the_schedule_connects_and_logs_out_and_lets_an_operator_have_his_way(void **state)
{
	struct order_session_config c = CONFIG;
	uint8_t buf[ORDER_SESSION_TAKE_MAX];
	struct order_session o;

	c.schedule = (struct session_schedule){ true, 0x1f, 7 * 3600, 20 * 3600, 0 };
	assert_int_equal(order_session_init(&o, &c), 0);
	order_session_begin(&o, AT_NS(0, 6, 0));
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	assert_int_equal(o.why, ORDER_SESSION_WHY_SCHEDULE);
	assert_int_equal(order_session_on_time(&o, AT_NS(0, 7, 0) - 1), ORDER_SESSION_NONE);
	connect_to_query(&o, AT_NS(0, 7, 0));
	assert_int_equal(o.metrics.schedule_connected, 1);
	(void)give_answer(&o, 1, AT_NS(0, 7, 0));
	assert_int_equal(order_session_on_time(&o, AT_NS(0, 7, 0) + 100 * MS), ORDER_SESSION_READY);
	(void)order_session_stop(&o, AT_NS(0, 7, 1)); // an operator's
	assert_int_equal(order_session_take(&o, buf, sizeof(buf), AT_NS(0, 7, 1)), 3);
	order_session_on_lost(&o, AT_NS(0, 7, 1));
	assert_int_equal(o.why, ORDER_SESSION_WHY_STOPPED);
	assert_int_equal(order_session_on_time(&o, AT_NS(0, 19, 0)), ORDER_SESSION_NONE);
	order_session_start(&o, AT_NS(0, 19, 0));
	connect_to_query(&o, AT_NS(0, 19, 0));
	(void)give(&o, 'H', "", 0, AT_NS(0, 20, 0));
	assert_int_equal(order_session_on_time(&o, AT_NS(0, 20, 0)), ORDER_SESSION_NONE);
	assert_int_equal(o.state, ORDER_SESSION_LOGOUT);
	assert_int_equal(order_session_take(&o, buf, sizeof(buf), AT_NS(0, 20, 0)), 3);
	assert_int_equal(buf[2], 'O');
	order_session_on_lost(&o, AT_NS(0, 20, 0));
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	assert_int_equal(o.why, ORDER_SESSION_WHY_SCHEDULE);
	order_session_start(&o, AT_NS(0, 21, 0)); // an operator's, in the evening
	connect_to_login(&o, AT_NS(0, 21, 0));
	order_session_on_lost(&o, AT_NS(0, 21, 0));
	assert_int_equal(o.state, ORDER_SESSION_WAIT);
	assert_int_equal(order_session_on_time(&o, AT_NS(1, 7, 0)), ORDER_SESSION_CONNECT);
}

static void
after_enough_failures_it_stays_stopped_until_it_is_asked(void **state)
{
	struct order_session_config c = CONFIG;
	struct order_session o;
	uint64_t now_ns = T0;

	c.attempts_max = 3;
	assert_int_equal(order_session_init(&o, &c), 0);
	order_session_begin(&o, now_ns);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_CONNECT);
		order_session_on_lost(&o, now_ns);
		now_ns += 60 * NS_PER_SEC;
	}
	assert_int_equal(o.state, ORDER_SESSION_STOPPED);
	assert_int_equal(o.why, ORDER_SESSION_WHY_LOST);
	assert_int_equal(o.metrics.gave_up, 1);
	assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_NONE);
	order_session_start(&o, now_ns);
	assert_int_equal(order_session_on_time(&o, now_ns), ORDER_SESSION_CONNECT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schedule_knows_its_hours),
		cmocka_unit_test(
			the_schedule_connects_and_logs_out_and_lets_an_operator_have_his_way),
		cmocka_unit_test(after_enough_failures_it_stays_stopped_until_it_is_asked),
		cmocka_unit_test(the_next_address_is_taken_after_enough_failures),
		cmocka_unit_test(with_one_address_only_the_wait_grows),
		cmocka_unit_test(the_lane_may_give_a_connection_up),
		cmocka_unit_test(orders_wait_for_the_venues_number),
		cmocka_unit_test(an_answer_from_an_old_login_does_not_count_alone),
		cmocka_unit_test(a_venue_that_does_not_answer_is_left),
		cmocka_unit_test(each_failure_waits_longer_until_it_works),
		cmocka_unit_test(the_end_of_a_connection_decides_what_follows),
		cmocka_unit_test(a_wrong_password_is_not_tried_again),
		cmocka_unit_test(silence_ends_a_connection),
		cmocka_unit_test(stop_logs_out_first),
		cmocka_unit_test(ouch42_takes_its_numbers_from_the_clock),
		cmocka_unit_test(a_bad_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
