/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "hex.h"
#include "net/soup_session.h"

static const struct soup_session_config CONFIG = {
	.username = "user01",
	.password = "secret",
	.first_seq = 1,
	.heartbeat_ns = NS_PER_SEC,
	.silence_ns = 15 * NS_PER_SEC,
	.login_wait_ns = 30 * NS_PER_SEC,
};

#define T0 (1000 * NS_PER_SEC)

static enum soup_event
give(struct soup_session *s, char type, const char *payload, uint64_t now_ns)
{
	// of its own, so that a byte read outside is found by a sanitizer
	const size_t len = strlen(payload);
	uint8_t *copy = malloc(len + 1);
	enum soup_event event;

	memcpy(copy, payload, len);
	event = soup_session_on_packet(s, (uint8_t)type, copy, (uint16_t)len, now_ns);
	free(copy);
	return event;
}

#define ACCEPTED_42 "  20261008                  42"

static void
take_is(struct soup_session *s, const char *hex, uint64_t now_ns)
{
	uint8_t want[64], got[64];
	const size_t len = hex_bytes(hex, want, sizeof(want));

	assert_int_equal(soup_session_take(s, got, sizeof(got), now_ns), len);
	assert_memory_equal(got, want, len);
}

static void
bring_up(struct soup_session *s, const struct soup_session_config *c)
{
	uint8_t buf[SOUP_SESSION_TAKE_MAX];

	assert_int_equal(soup_session_init(s, c), 0);
	soup_session_on_connect(s, T0);
	assert_true(soup_session_take(s, buf, sizeof(buf), T0) > 0);
	assert_int_equal(give(s, 'A', ACCEPTED_42, T0), SOUP_EVENT_UP);
}

/* The bytes of the protocol's fact sheet. */
static void
the_login_is_the_documents(void **state)
{
	struct soup_session_config c = CONFIG;
	struct soup_session s;
	uint8_t buf[64];

	assert_int_equal(soup_session_init(&s, &c), 0);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0), 0); // not before a connection
	soup_session_on_connect(&s, T0);
	assert_int_equal(soup_session_take(&s, buf, 48, T0), 0); // no room
	take_is(&s,
		"002f4c757365723031736563726574202020202020202020202020202020"
		"20202020202020202020202020202020202031",
		T0);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0), 0);
	c.edition = SOUP_EDITION_410;
	assert_int_equal(soup_session_init(&s, &c), 0);
	soup_session_on_connect(&s, T0);
	take_is(&s,
		"00344c757365723031736563726574202020202020202020202020202020"
		"20202020202020202020202020202020202031"
		"3135303030",
		T0);
	soup_session_fini(&s);
}

/* What each packet does in each state. */
static const struct {
	const char *what;
	enum soup_state in;
	char type;
	const char *payload;
	enum soup_event want;
	enum soup_state then;
} STEPS[] = {
	// clang-format off
	{ "login: accepted",              SOUP_LOGIN, 'A', ACCEPTED_42, SOUP_EVENT_UP, SOUP_UP },
	{ "login: padded on the right",   SOUP_LOGIN, 'A', "20261008  42                  ", SOUP_EVENT_UP, SOUP_UP },
	{ "login: leading zeros",         SOUP_LOGIN, 'A', "20261008  00000000000000000042", SOUP_EVENT_UP, SOUP_UP },
	{ "login: one byte too few",      SOUP_LOGIN, 'A', "20261008                   42", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: one byte too many",     SOUP_LOGIN, 'A', "20261008                     42", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: no number",             SOUP_LOGIN, 'A', "20261008                      ", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: number 0",              SOUP_LOGIN, 'A', "20261008                     0", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: letters in the number", SOUP_LOGIN, 'A', "20261008                   4x2", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: two numbers",           SOUP_LOGIN, 'A', "20261008                   4 2", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: beyond 64 bits",        SOUP_LOGIN, 'A', "20261008  18446744073709551616", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: rejected",              SOUP_LOGIN, 'J', "A", SOUP_EVENT_REJECTED, SOUP_LOGIN },
	{ "login: rejected for no reason", SOUP_LOGIN, 'J', "", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: a banner",              SOUP_LOGIN, '+', "hello", SOUP_EVENT_NONE, SOUP_LOGIN },
	{ "login: data",                  SOUP_LOGIN, 'S', "x", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: a heartbeat",           SOUP_LOGIN, 'H', "", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "login: the end",               SOUP_LOGIN, 'Z', "", SOUP_EVENT_BROKEN, SOUP_LOGIN },
	{ "up: data",                     SOUP_UP, 'S', "x", SOUP_EVENT_MESSAGE, SOUP_UP },
	{ "up: data without data",        SOUP_UP, 'S', "", SOUP_EVENT_MESSAGE, SOUP_UP },
	{ "up: a heartbeat",              SOUP_UP, 'H', "", SOUP_EVENT_NONE, SOUP_UP },
	{ "up: a heartbeat with a load",  SOUP_UP, 'H', "x", SOUP_EVENT_BROKEN, SOUP_UP },
	{ "up: unsequenced, in 3.00",     SOUP_UP, 'U', "x", SOUP_EVENT_BROKEN, SOUP_UP },
	{ "up: debug",                    SOUP_UP, '+', "", SOUP_EVENT_NONE, SOUP_UP },
	{ "up: accepted once more",       SOUP_UP, 'A', ACCEPTED_42, SOUP_EVENT_BROKEN, SOUP_UP },
	{ "up: rejected after all",       SOUP_UP, 'J', "A", SOUP_EVENT_BROKEN, SOUP_UP },
	{ "up: the end",                  SOUP_UP, 'Z', "", SOUP_EVENT_ENDED, SOUP_ENDED },
	{ "up: the end with a load",      SOUP_UP, 'Z', "x", SOUP_EVENT_BROKEN, SOUP_UP },
	{ "up: a client's packet",        SOUP_UP, 'R', "", SOUP_EVENT_BROKEN, SOUP_UP },
	{ "logout: data on the way",      SOUP_LOGGING_OUT, 'S', "x", SOUP_EVENT_MESSAGE, SOUP_LOGGING_OUT },
	{ "logout: a heartbeat",          SOUP_LOGGING_OUT, 'H', "", SOUP_EVENT_NONE, SOUP_LOGGING_OUT },
	{ "logout: the end",              SOUP_LOGGING_OUT, 'Z', "", SOUP_EVENT_ENDED, SOUP_ENDED },
	{ "closed: anything",             SOUP_CLOSED, 'S', "x", SOUP_EVENT_BROKEN, SOUP_CLOSED },
	{ "ended: data",                  SOUP_ENDED, 'S', "x", SOUP_EVENT_BROKEN, SOUP_ENDED },
	// clang-format on
};

static void
each_packet_does_what_the_state_allows(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(STEPS); i++) {
		uint8_t buf[SOUP_SESSION_TAKE_MAX];
		struct soup_session s;
		uint64_t seq;

		print_message("# %s\n", STEPS[i].what);
		assert_int_equal(soup_session_init(&s, &CONFIG), 0);
		if (STEPS[i].in != SOUP_CLOSED) {
			soup_session_on_connect(&s, T0);
			soup_session_take(&s, buf, sizeof(buf), T0);
		}
		if (STEPS[i].in != SOUP_CLOSED && STEPS[i].in != SOUP_LOGIN)
			assert_int_equal(give(&s, 'A', ACCEPTED_42, T0), SOUP_EVENT_UP);
		if (STEPS[i].in == SOUP_LOGGING_OUT)
			soup_session_logout(&s);
		if (STEPS[i].in == SOUP_ENDED)
			assert_int_equal(give(&s, 'Z', "", T0), SOUP_EVENT_ENDED);
		assert_int_equal(s.state, STEPS[i].in);
		seq = soup_session_seq(&s);
		assert_int_equal(give(&s, STEPS[i].type, STEPS[i].payload, T0), STEPS[i].want);
		assert_int_equal(s.state, STEPS[i].then);
		assert_int_equal(s.metrics.protocol_error, STEPS[i].want == SOUP_EVENT_BROKEN);
		if (STEPS[i].want == SOUP_EVENT_UP)
			assert_int_equal(soup_session_seq(&s), 42);
		else
			assert_int_equal(soup_session_seq(&s),
					 seq + (STEPS[i].want == SOUP_EVENT_MESSAGE));
	}
}

static void
an_answer_before_the_question_is_refused(void **state)
{
	struct soup_session s;

	assert_int_equal(soup_session_init(&s, &CONFIG), 0);
	soup_session_on_connect(&s, T0);
	assert_int_equal(give(&s, 'A', ACCEPTED_42, T0), SOUP_EVENT_BROKEN);
}

static void
unsequenced_data_is_for_later_editions(void **state)
{
	struct soup_session_config c = CONFIG;
	struct soup_session s;

	c.edition = SOUP_EDITION_400;
	bring_up(&s, &c);
	assert_int_equal(give(&s, 'U', "x", T0), SOUP_EVENT_UNSEQUENCED);
	assert_int_equal(soup_session_seq(&s), 42);
}

static void
a_heartbeat_leaves_after_a_second_of_silence(void **state)
{
	struct soup_session s;
	uint8_t buf[64];

	bring_up(&s, &CONFIG);
	assert_int_equal(soup_session_on_time(&s, T0 + NS_PER_SEC - 1), SOUP_EVENT_NONE);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0 + NS_PER_SEC - 1), 0);
	soup_session_on_time(&s, T0 + NS_PER_SEC);
	take_is(&s, "000152", T0 + NS_PER_SEC);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0 + NS_PER_SEC), 0);
	soup_session_on_sent(&s, T0 + NS_PER_SEC * 3 / 2); // an order went out
	soup_session_on_time(&s, T0 + 2 * NS_PER_SEC);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0 + 2 * NS_PER_SEC), 0);
	soup_session_on_time(&s, T0 + NS_PER_SEC * 5 / 2);
	take_is(&s, "000152", T0 + NS_PER_SEC * 5 / 2);
}

static void
a_silent_server_is_given_up(void **state)
{
	struct soup_session s;

	bring_up(&s, &CONFIG);
	assert_int_equal(give(&s, 'H', "", T0 + 10 * NS_PER_SEC), SOUP_EVENT_NONE);
	assert_int_equal(soup_session_on_time(&s, T0 + 25 * NS_PER_SEC - 1), SOUP_EVENT_NONE);
	assert_int_equal(soup_session_on_time(&s, T0 + 25 * NS_PER_SEC), SOUP_EVENT_SILENT);
	soup_session_on_close(&s);
	assert_int_equal(soup_session_on_time(&s, T0 + 99 * NS_PER_SEC), SOUP_EVENT_NONE);
	soup_session_on_connect(&s, T0);
	assert_int_equal(soup_session_on_time(&s, T0 + 30 * NS_PER_SEC - 1), SOUP_EVENT_NONE);
	assert_int_equal(soup_session_on_time(&s, T0 + 30 * NS_PER_SEC), SOUP_EVENT_LOGIN_LATE);
	assert_int_equal(s.metrics.silence, 1);
	assert_int_equal(s.metrics.login_timeout, 1);
}

static void
a_reconnect_goes_on_where_it_stopped(void **state)
{
	struct soup_session s;

	bring_up(&s, &CONFIG);
	assert_int_equal(give(&s, 'S', "x", T0), SOUP_EVENT_MESSAGE);
	assert_int_equal(give(&s, 'S', "y", T0), SOUP_EVENT_MESSAGE);
	soup_session_on_close(&s);
	soup_session_on_connect(&s, T0);
	take_is(&s,
		"002f4c75736572303173656372657420202020"
		"32303236313030382020" // the server's name for it
		"2020202020202020202020202020202020203434",
		T0);
	assert_int_equal(give(&s, 'A', "  20261008                  47", T0), SOUP_EVENT_UP);
	assert_int_equal(s.metrics.sequence_moved, 2); // 42 instead of 1 was the first
	assert_int_equal(s.missed_cnt, 3);
	assert_int_equal(s.metrics.session_changed, 0);
	soup_session_on_close(&s);
	soup_session_on_connect(&s, T0);
	s.want_login = false;
	assert_int_equal(give(&s, 'A', "  20261009                   1", T0), SOUP_EVENT_UP);
	assert_int_equal(s.metrics.session_changed, 1);
	assert_int_equal(s.missed_cnt, 0);
	assert_int_equal(s.metrics.sequence_back, 1); // 1 after 47: somebody must look
	assert_int_equal(s.back_seq, 47);
}

static void
after_the_end_the_next_login_is_a_new_sessions_first(void **state)
{
	struct soup_session s;

	bring_up(&s, &CONFIG);
	assert_int_equal(give(&s, 'Z', "", T0), SOUP_EVENT_ENDED);
	soup_session_on_close(&s);
	assert_int_equal(s.state, SOUP_ENDED);
	soup_session_on_connect(&s, T0);
	take_is(&s,
		"002f4c757365723031736563726574202020202020202020202020202020"
		"20202020202020202020202020202020202031",
		T0);
}

static void
a_logout_says_so_once(void **state)
{
	struct soup_session s;
	uint8_t buf[64];

	bring_up(&s, &CONFIG);
	soup_session_logout(&s);
	soup_session_logout(&s);
	take_is(&s, "00014f", T0);
	assert_int_equal(soup_session_on_time(&s, T0 + 5 * NS_PER_SEC), SOUP_EVENT_NONE);
	assert_int_equal(soup_session_take(&s, buf, sizeof(buf), T0), 0); // no heartbeat any more
}

static bool
holds(const void *mem, size_t len, const char *text)
{
	return memmem(mem, len, text, strlen(text)) != NULL;
}

static void
nobody_sees_the_password(void **state)
{
	struct soup_session s;
	char text[256];

	bring_up(&s, &CONFIG);
	assert_true(holds(&s, sizeof(s), "secret"));
	assert_true(soup_session_dump(&s, text, sizeof(text)) > 0);
	assert_false(holds(text, strlen(text), "secret"));
	assert_true(holds(text, strlen(text), "user01"));
	assert_int_equal(soup_session_dump(&s, text, 5), 4);
	soup_session_fini(&s);
	assert_false(holds(&s, sizeof(s), "secret"));
}

static void
reasons_have_words(void **state)
{
	assert_non_null(strstr(soup_reject_words('A'), "not authorized"));
	assert_non_null(strstr(soup_reject_words('S'), "session not available"));
	assert_non_null(strstr(soup_reject_words('?'), "rejected"));
	for (unsigned i = 0; i < SOUP_STATE_CNT; i++)
		assert_non_null(soup_state_words(i));
	for (unsigned i = 0; i < SOUP_EVENT_CNT; i++)
		assert_non_null(soup_event_words(i));
}

static void
a_bad_configuration_is_refused(void **state)
{
	struct soup_session_config c = CONFIG;
	struct soup_session s;

	memcpy(c.username, "sevench", 7); // fills the array: no room for the end
	assert_int_equal(soup_session_init(&s, &c), -EINVAL);
	assert_false(holds(&s, sizeof(s), "secret"));
	c = CONFIG;
	c.session[0] = '\n';
	assert_int_equal(soup_session_init(&s, &c), -EINVAL);
	c = CONFIG;
	c.heartbeat_ns = 0;
	assert_int_equal(soup_session_init(&s, &c), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_login_is_the_documents),
		cmocka_unit_test(each_packet_does_what_the_state_allows),
		cmocka_unit_test(an_answer_before_the_question_is_refused),
		cmocka_unit_test(unsequenced_data_is_for_later_editions),
		cmocka_unit_test(a_heartbeat_leaves_after_a_second_of_silence),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(a_reconnect_goes_on_where_it_stopped),
		cmocka_unit_test(after_the_end_the_next_login_is_a_new_sessions_first),
		cmocka_unit_test(a_logout_says_so_once),
		cmocka_unit_test(nobody_sees_the_password),
		cmocka_unit_test(reasons_have_words),
		cmocka_unit_test(a_bad_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
