/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/ctl_server.h"
#include "fake_state.h"

static struct fake_state fake;
static struct state_source source;
static struct err fault;
static char folder[64];
static char path[100];

static int
fresh(void **state)
{
	fake_state_init(&fake, &source);
	err_init(&fault);
	snprintf(folder, sizeof(folder), "/tmp/sluice_ctl_test_XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/run/sluice.sock", folder);
	return 0;
}

static int
clean(void **state)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.lock", path);
	unlink(name);
	unlink(path);
	snprintf(name, sizeof(name), "%s/run", folder);
	rmdir(name);
	return rmdir(folder);
}

/*
 * Requests
 */

static const struct {
	const char *what;
	const char *request;
	const char *error; // NULL: it is done
	const char *words; // part of the error's text
} REQUESTS[] = {
	// clang-format off
	{ "a plain command", "{\"command\":\"status\"}", NULL, NULL },
	{ "empty args", "{\"command\":\"status\",\"args\":{}}", NULL, NULL },
	{ "an argument", "{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\"}}", NULL, NULL },
	{ "two arguments", "{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\",\"depth\":50}}", NULL, NULL },
	{ "depth beyond the table", "{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\",\"depth\":51}}", "EINVAL", "1..50" },
	{ "depth of nothing", "{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\",\"depth\":0}}", "EINVAL", "depth" },
	{ "depth as a text", "{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\",\"depth\":\"5\"}}", "EINVAL", "depth" },
	{ "a missing argument", "{\"command\":\"books\"}", "EINVAL", "books needs symbol" },
	{ "an empty argument", "{\"command\":\"books\",\"args\":{\"symbol\":\"\"}}", "EINVAL", "symbol" },
	{ "a number for a text", "{\"command\":\"books\",\"args\":{\"symbol\":5}}", "EINVAL", "symbol" },
	{ "an unknown argument", "{\"command\":\"status\",\"args\":{\"x\":1}}", "EINVAL", "no argument 'x'" },
	{ "an unknown symbol", "{\"command\":\"books\",\"args\":{\"symbol\":\"NOPE\"}}", "ENOENT", "NOPE" },
	{ "a misspelled command", "{\"command\":\"lannes\"}", "ENOENT", "did you mean 'lanes'" },
	{ "the beginning of a command", "{\"command\":\"pos\"}", "ENOENT", "did you mean 'positions'" },
	{ "a flag as a number", "{\"command\":\"orders\",\"args\":{\"all\":1}}", "EINVAL", "true or false" },
	{ "too many events", "{\"command\":\"events\",\"args\":{\"count\":513}}", "EINVAL", "1..512" },
	{ "a session's connection", "{\"command\":\"tcp\",\"args\":{\"session\":\"oe\"}}", NULL, NULL },
	{ "an unknown session", "{\"command\":\"tcp\",\"args\":{\"session\":\"x\"}}", "ENOENT", "no session 'x'" },
	{ "a mass cancel without its session", "{\"command\":\"session_mass_cancel\"}", "EINVAL", "session mass-cancel needs session" },
	{ "a mass cancel of a side that is none", "{\"command\":\"session_mass_cancel\",\"args\":{\"session\":\"oe\",\"side\":\"up\"}}", "EINVAL", "none of buy" },
	{ "a mass cancel of a group beyond 16 bits", "{\"command\":\"session_mass_cancel\",\"args\":{\"session\":\"oe\",\"group\":65536}}", "EINVAL", "above 65535" },
	{ "a modify that marks a purchase", "{\"command\":\"modify\",\"args\":{\"token\":1,\"qty\":1,\"mark\":\"buy\"}}", "EINVAL", "none of short" },
	{ "a modify to nothing", "{\"command\":\"modify\",\"args\":{\"token\":1,\"qty\":0}}", "EINVAL", "" },
	{ "a mass cancel for nobody", "{\"command\":\"session_mass_cancel\",\"args\":{\"session\":\"x\"}}", "ENOENT", "no session 'x'" },
	{ "args as a list", "{\"command\":\"status\",\"args\":[]}", "EINVAL", "args" },
	{ "command as a number", "{\"command\":1}", "EINVAL", "command" },
	{ "a list", "[\"status\"]", "EINVAL", "object" },
	{ "a bare text", "\"status\"", "EBADMSG", "JSON" },
	{ "no JSON", "status", "EBADMSG", "JSON" },
	{ "half an object", "{\"command\":\"sta", "EBADMSG", "JSON" },
	{ "two objects", "{\"command\":\"status\"}{}", "EBADMSG", "JSON" },
	{ "the same key twice", "{\"command\":\"halt\",\"command\":\"status\"}", "EBADMSG", "duplicate" },
	{ "a zero inside a text", "{\"command\":\"st\\u0000\"}", "EBADMSG", "JSON" },
	{ "an unknown limit", "{\"command\":\"limits_set\",\"args\":{\"key\":\"x\",\"value\":\"1\"}}", "EINVAL", "no limit 'x'" },
	{ "a limit without its value", "{\"command\":\"limits_set\",\"args\":{\"key\":\"x\"}}", "EINVAL", "limits set needs value" },
	{ "nobody enables a strategy", "{\"command\":\"limits_enable\",\"args\":{\"strategy\":\"maker\"}}", "EINVAL", "--by NAME" },
	{ "a level there is not", "{\"command\":\"risk\",\"args\":{\"name\":\"floor\"}}", "EINVAL", "no account or strategy" },
	{ "two levels at once", "{\"command\":\"positions\",\"args\":{\"account\":\"a\",\"strategy\":\"b\"}}", "EINVAL", "one of them" },
	// clang-format on
};

static void
a_request_is_done_or_refused_with_a_reason(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(REQUESTS); i++) {
		enum ctl_command command;
		json_t *a = ctl_execute_bytes(&source, REQUESTS[i].request,
					      strlen(REQUESTS[i].request), &command);
		const json_t *error = json_object_get(a, "error");

		print_message("# %s\n", REQUESTS[i].what);
		assert_int_equal(json_is_true(json_object_get(a, "ok")), REQUESTS[i].error == NULL);
		assert_int_equal(command == CTL_COMMAND_CNT, REQUESTS[i].error != NULL);
		if (REQUESTS[i].error != NULL) {
			const char *text = json_string_value(json_object_get(error, "text"));

			assert_string_equal(json_string_value(json_object_get(error, "code")),
					    REQUESTS[i].error);
			if (strstr(text, REQUESTS[i].words) == NULL)
				fail_msg("'%s' is not in '%s'", REQUESTS[i].words, text);
		} else {
			assert_non_null(json_object_get(a, "result"));
		}
		json_decref(a);
	}
	assert_int_equal(fake.halt_reasons, HALT_DISARMED);
}

static json_t *
done(const char *request)
{
	enum ctl_command command;
	json_t *a = ctl_execute_bytes(&source, request, strlen(request), &command), *result;

	assert_true(json_is_true(json_object_get(a, "ok")));
	result = json_incref(json_object_get(a, "result"));
	json_decref(a);
	return result;
}

static void
every_command_that_reads_has_a_result(void **state)
{
	for (unsigned c = 0; c < CTL_COMMAND_CNT; c++) {
		char request[128];
		json_t *result;

		if (CTL_COMMAND[c].changes)
			continue;
		snprintf(request, sizeof(request), "{\"command\":\"%s\",\"args\":{%s}}",
			 CTL_COMMAND[c].name,
			 c == CTL_books            ? "\"symbol\":\"AAPL\""
			 : c == CTL_session_unread ? "\"session\":\"oe\""
						   : "");
		result = done(request);
		// a row whose members do not fit its pattern would be missing without a word
		assert_true(json_is_object(result) || json_array_size(result) != 0);
		json_decref(result);
	}
}

static void
books_show_the_orders_of_a_level_when_asked(void **state)
{
	static const char ASK[] =
		"{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\",\"orders\":true}}";
	json_t *r = done("{\"command\":\"books\",\"args\":{\"symbol\":\"AAPL\"}}");
	const json_t *bid, *orders;
	enum ctl_command command;

	assert_int_equal(json_array_size(json_object_get(r, "bid")), 10);
	assert_null(json_object_get(json_array_get(json_object_get(r, "bid"), 0), "orders"));
	json_decref(r);
	r = done(ASK);
	bid = json_object_get(r, "bid");
	assert_int_equal(json_array_size(bid), 2);
	assert_int_equal(json_integer_value(json_object_get(r, "order_cnt")), 11);
	orders = json_object_get(json_array_get(bid, 0), "orders");
	assert_int_equal(json_array_size(orders), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(orders, 1), "ref")),
			 1234567890123);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(orders, 1), "qty")),
			 200);
	orders = json_object_get(json_array_get(bid, 1), "orders");
	assert_int_equal(json_array_size(orders), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(orders, 0), "ref")), 5);
	json_decref(r);
	fake.levels_only = true;
	r = ctl_execute_bytes(&source, ASK, sizeof(ASK) - 1, &command);
	assert_false(json_is_true(json_object_get(r, "ok")));
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(r, "error"), "text")),
		       "levels only"));
	json_decref(r);
}

static void
requests_to_the_venue_reach_the_gateway(void **state)
{
	json_decref(done("{\"command\":\"session_mass_cancel\",\"args\":{\"session\":\"oe\","
			 "\"symbol\":\"AAPL\"}}"));
	assert_int_equal(fake.asked, STATE_ASK_MASS_CANCEL);
	assert_string_equal(fake.limit_symbol, "AAPL");
	assert_int_equal(fake.asked_side, 0);
	json_decref(done("{\"command\":\"session_mass_cancel\",\"args\":{\"session\":\"oe\","
			 "\"side\":\"short\",\"group\":65535}}"));
	assert_string_equal(fake.limit_symbol, "*");
	assert_int_equal(fake.asked_side, 'T');
	assert_int_equal(fake.asked_group, 65535);
	json_decref(done("{\"command\":\"modify\",\"args\":{\"token\":17,\"qty\":40,"
			 "\"mark\":\"exempt\"}}"));
	assert_int_equal(fake.cancel_token, 17);
	assert_int_equal(fake.modify_qty, 40);
	assert_int_equal(fake.modify_mark, 'E');
	json_decref(done("{\"command\":\"session_disable\",\"args\":{\"session\":\"oe\"}}"));
	assert_int_equal(fake.asked, STATE_ASK_DISABLE);
	assert_string_equal(fake.limit_symbol, "*");
	json_decref(done("{\"command\":\"session_enable\",\"args\":{\"session\":\"oe\"}}"));
	assert_int_equal(fake.asked, STATE_ASK_ENABLE);
	json_decref(done("{\"command\":\"session_account_query\",\"args\":{\"session\":\"oe\"}}"));
	assert_int_equal(fake.asked, STATE_ASK_ACCOUNT);
}

static void
cancels_and_sessions_reach_the_gateway(void **state)
{
	static const struct {
		const char *args;
		const char *error; // NULL: done
		uint32_t token;
		int order_cnt;
	} CANCELS[] = {
		{ "{\"what\":\"all\"}", NULL, 0, 4 },
		{ "{\"what\":\"oe\"}", NULL, 0, 4 },
		{ "{\"what\":\"17\"}", NULL, 17, 1 },
		{ "{\"what\":\"17\",\"session\":\"oe\"}", NULL, 17, 1 },
		{ "{\"what\":\"4294967295\"}", NULL, UINT32_MAX, 1 },
		{ "{\"what\":\"nosuch\"}", "ENOENT", 0, 0 },
		{ "{\"what\":\"0\"}", "EINVAL", 0, 0 },
		{ "{\"what\":\"17x\"}", "EINVAL", 0, 0 },
		{ "{\"what\":\"4294967296\"}", "EINVAL", 0, 0 },
		{ "{\"what\":\"99999999999999999999999\"}", "EINVAL", 0, 0 },
		{ "{\"what\":\"all\",\"session\":\"oe\"}", "EINVAL", 0, 0 },
		{ "{\"what\":\"\"}", "EINVAL", 0, 0 },
		{ "{}", "EINVAL", 0, 0 },
	};
	uint32_t done_cnt = 0;

	for (unsigned i = 0; i < ARRAY_CNT(CANCELS); i++) {
		enum ctl_command command;
		char request[160];
		json_t *a;

		print_message("# %s\n", CANCELS[i].args);
		snprintf(request, sizeof(request), "{\"command\":\"cancel\",\"args\":%s}",
			 CANCELS[i].args);
		a = ctl_execute_bytes(&source, request, strlen(request), &command);
		if (CANCELS[i].error != NULL) {
			assert_string_equal(json_string_value(json_object_get(
						    json_object_get(a, "error"), "code")),
					    CANCELS[i].error);
		} else {
			done_cnt++;
			assert_int_equal(fake.cancel_token, CANCELS[i].token);
			assert_int_equal(json_integer_value(json_object_get(
						 json_object_get(a, "result"), "order_cnt")),
					 CANCELS[i].order_cnt);
		}
		assert_int_equal(fake.cancel_cnt, done_cnt);
		json_decref(a);
	}
	json_decref(done("{\"command\":\"settle\",\"args\":{\"what\":\"19\"}}"));
	assert_int_equal(fake.settle_cnt, 1);
	assert_int_equal(fake.cancel_token, 19);
	json_decref(done("{\"command\":\"settle\",\"args\":{\"what\":\"all\"}}"));
	assert_int_equal(fake.settle_cnt, 2);
	assert_int_equal(fake.cancel_token, 0);
	assert_int_equal(fake.cancel_cnt, done_cnt); // which asks the venue for nothing
	json_decref(done("{\"command\":\"session_disconnect\",\"args\":{\"name\":\"oe\"}}"));
	assert_int_equal(fake.session_run, STATE_SESSION_DOWN);
	json_decref(done("{\"command\":\"session_connect\",\"args\":{\"name\":\"oe\"}}"));
	assert_int_equal(fake.session_run, STATE_SESSION_CONNECTING);
}

static void
the_switches_reach_the_gateway(void **state)
{
	json_t *r = done("{\"command\":\"arm\"}");

	assert_int_equal(fake.halt_reasons, 0);
	assert_true(json_is_true(json_object_get(r, "orders_on")));
	json_decref(r);

	r = done("{\"command\":\"halt\",\"args\":{\"reason\":\"fat finger\"}}");
	assert_int_equal(fake.halt_reasons, HALT_OPERATOR);
	assert_string_equal(fake.halt_text, "fat finger");
	assert_true(json_is_false(json_object_get(r, "orders_on")));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(r, "orders_off_because"), 0)),
		"halted");
	json_decref(r);

	json_decref(done("{\"command\":\"halt\"}"));
	assert_int_equal(fake.halt_reasons, HALT_OPERATOR);
	json_decref(done("{\"command\":\"resume\"}"));
	assert_int_equal(fake.halt_reasons, 0);
	json_decref(done("{\"command\":\"disarm\"}"));
	assert_int_equal(fake.halt_reasons, HALT_DISARMED);
}

static void
the_kill_switch_is_released_by_a_name_alone(void **state)
{
	static const char *const NAMELESS[] = {
		"{\"command\":\"kill_release\"}",
		"{\"command\":\"kill_release\",\"args\":{\"reason\":\"over\"}}",
		"{\"command\":\"breaker_rearm\",\"args\":{\"name\":\"loss\"}}",
	};
	enum ctl_command command;
	json_t *r = done("{\"command\":\"kill\",\"args\":{\"reason\":\"odd prices\"}}");

	assert_int_equal(fake.halt_reasons, HALT_DISARMED | HALT_KILLED);
	assert_string_equal(fake.halt_text, "odd prices");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(r, "orders_off_because"), 1)),
		"killed");
	json_decref(r);
	for (size_t i = 0; i < ARRAY_CNT(NAMELESS); i++) {
		r = ctl_execute_bytes(&source, NAMELESS[i], strlen(NAMELESS[i]), &command);
		assert_non_null(strstr(
			json_string_value(json_object_get(json_object_get(r, "error"), "text")),
			"--operator NAME"));
		json_decref(r);
	}
	assert_true(fake.halt_reasons & HALT_KILLED);
	r = done("{\"command\":\"kill_status\"}");
	assert_true(json_is_true(json_object_get(r, "on")));
	json_decref(r);
	json_decref(done("{\"command\":\"kill_release\",\"args\":{\"operator\":\"Ada\"}}"));
	assert_int_equal(fake.halt_reasons, HALT_DISARMED);
	assert_string_equal(fake.operator_name, "Ada");
	fake.halt_reasons |= HALT_BREAKER;
	json_decref(done("{\"command\":\"breaker_rearm\",\"args\":{\"name\":\"loss\","
			 "\"operator\":\"Grace\"}}"));
	assert_int_equal(fake.halt_reasons, HALT_DISARMED);
	assert_string_equal(fake.operator_name, "Grace");
}

static void
a_capture_is_begun_shown_and_ended(void **state)
{
	json_t *r = done("{\"command\":\"capture_start\",\"args\":{\"port\":\"md\","
			 "\"file\":\"/tmp/a.pcap\",\"max_mb\":5}}");

	assert_string_equal(fake.capture_file, "/tmp/a.pcap");
	assert_int_equal(fake.capture_max_mb, 5);
	assert_int_equal(json_array_size(r), 1);
	assert_true(json_is_true(json_object_get(json_array_get(r, 0), "running")));
	json_decref(r);
	r = done("{\"command\":\"capture_stop\",\"args\":{\"port\":\"md\"}}");
	assert_true(json_is_false(json_object_get(json_array_get(r, 0), "running")));
	json_decref(r);
}

static void
a_reload_says_what_needs_a_restart(void **state)
{
	json_t *r = done("{\"command\":\"reload\"}");

	assert_int_equal(json_integer_value(json_object_get(r, "changed_cnt")), 2);
	assert_int_equal(json_integer_value(json_object_get(r, "restart_cnt")), 1);
	json_decref(r);
}

static void
a_long_reason_is_cut_and_still_halts(void **state)
{
	char request[1200];
	int len =
		snprintf(request, sizeof(request), "{\"command\":\"halt\",\"args\":{\"reason\":\"");

	memset(request + len, 'x', 1000);
	snprintf(request + len + 1000, sizeof(request) - (size_t)len - 1000, "\"}}");
	json_decref(done(request));
	assert_true(fake.halt_reasons & HALT_OPERATOR);
}

static void
a_limit_may_be_named_with_or_without_risk(void **state)
{
	json_decref(done("{\"command\":\"limits_set\",\"args\":{\"key\":\"risk.order_max_qty\","
			 "\"value\":\"200\",\"symbol\":\"AAPL\"}}"));
	assert_string_equal(fake.limit_key, "order_max_qty");
	assert_string_equal(fake.limit_value, "200");
	assert_string_equal(fake.limit_symbol, "AAPL");
	json_decref(done("{\"command\":\"limits_set\",\"args\":{\"key\":\"order_max_qty\","
			 "\"value\":\"300\"}}"));
	assert_string_equal(fake.limit_value, "300");
	assert_string_equal(fake.limit_symbol, "*");
}

static void
a_limit_may_be_a_levels(void **state)
{
	json_t *r;

	json_decref(done("{\"command\":\"limits_set\",\"args\":{\"key\":\"gross_max_usd\","
			 "\"value\":\"5\",\"symbol\":\"account\",\"name\":\"desk\"}}"));
	assert_int_equal(fake.limit_act, STATE_LIMITS_NODE);
	assert_string_equal(fake.limit_key, "gross_max_usd");
	assert_string_equal(fake.limit_level, "desk");
	json_decref(done("{\"command\":\"limits_enable\",\"args\":{\"strategy\":\"maker\","
			 "\"by\":\"Ada\"}}"));
	assert_int_equal(fake.limit_act, STATE_LIMITS_ENABLE);
	json_decref(done("{\"command\":\"limits_restrict\",\"args\":{\"symbol\":\"AAPL\"}}"));
	assert_int_equal(fake.limit_act, STATE_LIMITS_RESTRICT);
	assert_string_equal(fake.limit_level, "firm");
	json_decref(done("{\"command\":\"limits_locate\",\"args\":{\"symbol\":\"AAPL\","
			 "\"account\":\"desk\",\"qty\":700}}"));
	assert_int_equal(fake.limit_qty, 700);
	r = done("{\"command\":\"risk\"}"); // what has no limit is left out
	assert_int_equal(json_array_size(r), 1);
	json_decref(r);
	r = done("{\"command\":\"risk\",\"args\":{\"name\":\"desk\",\"all\":true}}");
	assert_int_equal(json_array_size(r), 2);
	json_decref(r);
}

static void
latency_shows_stages_only_when_asked(void **state)
{
	json_t *r = done("{\"command\":\"latency\"}");

	assert_int_equal(json_array_size(r), 1);
	assert_int_equal(fake.reset_cnt, 0);
	json_decref(r);
	r = done("{\"command\":\"latency\",\"args\":{\"stages\":true,\"reset\":true}}");
	assert_int_equal(json_array_size(r), 2);
	assert_int_equal(fake.reset_cnt, 1);
	json_decref(r);
}

static void
outliers_come_with_their_words_as_many_as_asked_for(void **state)
{
	json_t *r = done("{\"command\":\"outliers\"}");

	assert_int_equal(json_array_size(r), 5);
	assert_int_equal(fake.reset_cnt, 0);
	json_decref(r);
	r = done("{\"command\":\"outliers\",\"args\":{\"count\":6,\"reset\":true}}");
	assert_int_equal(json_array_size(r), 6);
	assert_string_equal(json_string_value(json_object_get(json_array_get(r, 0), "cause")),
			    "burst");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_array_get(r, 0), "stages_ns"), "book")),
			 7);
	assert_int_equal(fake.reset_cnt, 1);
	json_decref(r);
}

static void
more_orders_than_rows_are_counted(void **state)
{
	json_t *r;

	fake.order_cnt = 5000;
	r = done("{\"command\":\"orders\",\"args\":{\"all\":true}}");
	assert_int_equal(json_integer_value(json_object_get(r, "order_cnt")), 5000);
	assert_int_equal(json_array_size(json_object_get(r, "orders")), 4096);
	json_decref(r);
}

/*
 * One connection, without a socket
 */

static void
feed(struct ctl_conn *c, const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len != 0) {
		uint8_t *to = NULL;
		size_t want = ctl_conn_want(c, &to);

		if (want == 0)
			return;
		if (want > len)
			want = len;
		memcpy(to, from, want);
		ctl_conn_got(c, &source, want);
		from += want;
		len -= want;
	}
}

static void
feed_request(struct ctl_conn *c, const char *request)
{
	const be32 head = be32_of((uint32_t)strlen(request));

	feed(c, &head, sizeof(head));
	feed(c, request, strlen(request));
}

/* The answer that waits, and takes it away. */
static json_t *
answer_of(struct ctl_conn *c)
{
	const uint8_t *from = NULL;
	const size_t len = ctl_conn_out(c, &from);
	json_t *a;
	be32 head;

	assert_true(len > CTL_HEAD_BYTES);
	memcpy(&head, from, sizeof(head));
	assert_int_equal(be32_get(head), len - CTL_HEAD_BYTES);
	a = json_loadb((const char *)from + CTL_HEAD_BYTES, len - CTL_HEAD_BYTES, 0, NULL);
	assert_non_null(a);
	ctl_conn_sent(c, len);
	assert_int_equal(ctl_conn_out(c, &from), 0);
	return a;
}

static const char *
error_of(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
}

static struct ctl_conn conn;

static void
requests_follow_each_other_on_one_connection(void **state)
{
	ctl_conn_init(&conn);
	for (unsigned n = 0; n < 3; n++) {
		json_t *a;

		feed_request(&conn, "{\"command\":\"version\"}");
		a = answer_of(&conn);
		assert_true(json_is_true(json_object_get(a, "ok")));
		assert_false(conn.closing);
		json_decref(a);
	}
	feed_request(&conn, "garbage");
	json_decref(answer_of(&conn));
	assert_false(conn.closing); // the next request has its own length: nothing is lost
	ctl_conn_fini(&conn);
}

static void
nothing_is_taken_while_an_answer_waits(void **state)
{
	uint8_t *to;

	ctl_conn_init(&conn);
	feed_request(&conn, "{\"command\":\"version\"}");
	assert_int_equal(ctl_conn_want(&conn, &to), 0);
	json_decref(answer_of(&conn));
	assert_int_equal(ctl_conn_want(&conn, &to), CTL_HEAD_BYTES);
	ctl_conn_fini(&conn);
}

static const struct {
	const char *what;
	uint32_t announced;
	const char *error; // NULL: the body is awaited
} LENGTHS[] = {
	// clang-format off
	{ "nothing",          0,                   "EMSGSIZE" },
	{ "one byte",         1,                   NULL },
	{ "the largest",      CTL_REQUEST_MAX,     NULL },
	{ "one byte more",    CTL_REQUEST_MAX + 1, "EMSGSIZE" },
	{ "a gigabyte",       1u << 30,            "EMSGSIZE" },
	{ "all there is",     UINT32_MAX,          "EMSGSIZE" },
	{ "an HTTP request",  0x47455420,          "EMSGSIZE" }, // "GET "
	// clang-format on
};

static void
a_length_is_believed_only_up_to_its_limit(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(LENGTHS); i++) {
		const be32 head = be32_of(LENGTHS[i].announced);
		uint8_t *to;

		print_message("# %s\n", LENGTHS[i].what);
		ctl_conn_init(&conn);
		feed(&conn, &head, sizeof(head));
		if (LENGTHS[i].error == NULL) {
			assert_int_equal(ctl_conn_want(&conn, &to), LENGTHS[i].announced);
		} else {
			json_t *a = answer_of(&conn);

			assert_string_equal(error_of(a), LENGTHS[i].error);
			assert_true(conn.closing);
			assert_int_equal(ctl_conn_want(&conn, &to), 0);
			json_decref(a);
		}
		ctl_conn_fini(&conn);
	}
}

static void
a_half_request_is_answered_when_its_client_ends(void **state)
{
	const be32 head = be32_of(100);
	json_t *a;

	ctl_conn_init(&conn);
	feed(&conn, &head, sizeof(head));
	feed(&conn, "{\"comm", 7);
	ctl_conn_end(&conn);
	a = answer_of(&conn);
	assert_string_equal(error_of(a), "EPROTO");
	assert_true(conn.closing);
	json_decref(a);

	ctl_conn_init(&conn); // and one that said nothing at all just goes
	ctl_conn_end(&conn);
	assert_true(conn.closing);
	assert_null(conn.out);
}

/*
 * The server
 */

static struct ctl_server *
open_server(uint32_t idle_ms)
{
	const struct ctl_server_config c = { .path = path, .source = &source, .idle_ms = idle_ms };
	struct ctl_server *s = NULL;

	if (ctl_server_open(&s, &c, &fault) != 0)
		fail_msg("%s", fault.text);
	return s;
}

static int
dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void
send_request(int fd, const char *request)
{
	const be32 head = be32_of((uint32_t)strlen(request));

	assert_int_equal(send(fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
}

/* Reads one answer while the server runs; NULL when the connection ended. */
static json_t *
recv_answer(struct ctl_server *s, int fd)
{
	uint8_t *body = NULL;
	size_t have = 0, want = CTL_HEAD_BYTES;
	json_t *a = NULL;
	be32 head;

	for (unsigned n = 0; n < 10000; n++) {
		uint8_t *to = body == NULL ? (uint8_t *)&head + have : body + have;
		ssize_t got;

		ctl_server_poll(s, 0);
		got = recv(fd, to, want - have, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		have += got < 0 ? 0 : (size_t)got;
		if (have < want)
			continue;
		if (body != NULL) {
			a = json_loadb((char *)body, want, 0, NULL);
			break;
		}
		want = be32_get(head);
		have = 0;
		body = malloc(want);
	}
	free(body);
	return a;
}

static bool
is_closed(struct ctl_server *s, int fd)
{
	char c;

	ctl_server_poll(s, 0);
	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

static void
the_socket_is_for_its_user_alone(void **state)
{
	struct ctl_server *s = open_server(0);
	char run[96];
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(run, sizeof(run), "%s/run", folder);
	assert_int_equal(stat(run, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	ctl_server_close(s);
	assert_int_equal(stat(path, &st), -1);
}

static void
a_client_asks_and_is_answered(void **state)
{
	struct ctl_server *s = open_server(0);
	const int fd = dial();
	json_t *a;

	for (unsigned n = 0; n < 3; n++) {
		send_request(fd, "{\"command\":\"lanes\"}");
		a = recv_answer(s, fd);
		assert_int_equal(json_array_size(json_object_get(a, "result")), 2);
		json_decref(a);
	}
	assert_int_equal(ctl_server_metrics(s)->request_done, 3);
	send_request(fd, "rubbish");
	a = recv_answer(s, fd);
	assert_string_equal(error_of(a), "EBADMSG");
	json_decref(a);
	assert_int_equal(ctl_server_metrics(s)->request_refused, 1);
	close(fd);
	ctl_server_poll(s, 0);
	assert_int_equal(ctl_server_metrics(s)->client, 0);
	ctl_server_close(s);
}

static void
a_gigabyte_is_refused_before_it_is_sent(void **state)
{
	struct ctl_server *s = open_server(0);
	const be32 head = be32_of(1u << 30);
	const int fd = dial();
	char junk[4096];
	json_t *a;

	memset(junk, 'x', sizeof(junk));
	assert_int_equal(send(fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(send(fd, junk, sizeof(junk), 0), sizeof(junk));
	a = recv_answer(s, fd);
	assert_string_equal(error_of(a), "EMSGSIZE");
	json_decref(a);
	assert_int_equal(ctl_server_metrics(s)->client, 0);
	close(fd);
	ctl_server_close(s);
}

static void
a_half_request_and_its_end_get_an_error(void **state)
{
	struct ctl_server *s = open_server(0);
	const int fd = dial();
	json_t *a;

	assert_int_equal(send(fd, "\0\0", 2, 0), 2);
	ctl_server_poll(s, 0);
	shutdown(fd, SHUT_WR);
	a = recv_answer(s, fd);
	assert_string_equal(error_of(a), "EPROTO");
	json_decref(a);
	assert_true(is_closed(s, fd));
	close(fd);
	ctl_server_close(s);
}

/* Asks for about 1 MB again and again, reads nothing, and does not keep another from its answer. */
static void
a_client_that_does_not_read_holds_nobody_up(void **state)
{
	struct ctl_server *s = open_server(0);
	const int slow = dial(), quick = dial();
	json_t *a;

	fake.order_cnt = 5000;
	for (unsigned n = 0; n < 50; n++)
		send_request(slow, "{\"command\":\"orders\",\"args\":{\"all\":true}}");
	for (unsigned n = 0; n < 20; n++) {
		send_request(quick, "{\"command\":\"version\"}");
		a = recv_answer(s, quick);
		assert_true(json_is_true(json_object_get(a, "ok")));
		json_decref(a);
	}
	// only the first of the slow one's requests was done: the others wait in its socket
	assert_int_equal(ctl_server_metrics(s)->request_done, 21);
	a = recv_answer(s, slow); // it begins to read at last, and gets all of it
	assert_int_equal(json_array_size(json_object_get(json_object_get(a, "result"), "orders")),
			 4096);
	json_decref(a);
	close(slow);
	close(quick);
	ctl_server_poll(s, 0);
	ctl_server_poll(s, 0);
	assert_int_equal(ctl_server_metrics(s)->client, 0);
	ctl_server_close(s);
}

static void
an_idle_client_loses_its_place(void **state)
{
	struct ctl_server *s = open_server(20);
	const int fd = dial();

	ctl_server_poll(s, 0);
	assert_int_equal(ctl_server_metrics(s)->client, 1);
	usleep(40000);
	ctl_server_poll(s, 0);
	assert_int_equal(ctl_server_metrics(s)->client, 0);
	assert_int_equal(ctl_server_metrics(s)->client_idle, 1);
	assert_true(is_closed(s, fd));
	close(fd);
	ctl_server_close(s);
}

static void
the_seventeenth_client_is_told_why(void **state)
{
	struct ctl_server *s = open_server(0);
	int fd[CTL_CLIENT_MAX + 1];
	json_t *a;

	for (unsigned i = 0; i < ARRAY_CNT(fd); i++) {
		fd[i] = dial();
		ctl_server_poll(s, 0);
	}
	a = recv_answer(s, fd[CTL_CLIENT_MAX]);
	assert_string_equal(error_of(a), "EBUSY");
	json_decref(a);
	assert_int_equal(ctl_server_metrics(s)->client, CTL_CLIENT_MAX);
	close(fd[3]);
	ctl_server_poll(s, 0);
	close(fd[CTL_CLIENT_MAX]);
	fd[CTL_CLIENT_MAX] = dial(); // a place is free again
	send_request(fd[CTL_CLIENT_MAX], "{\"command\":\"version\"}");
	a = recv_answer(s, fd[CTL_CLIENT_MAX]);
	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	for (unsigned i = 0; i < ARRAY_CNT(fd); i++)
		if (i != 3)
			close(fd[i]);
	ctl_server_close(s);
}

static void
a_second_gateway_learns_the_pid_of_the_first(void **state)
{
	const struct ctl_server_config c = { .path = path, .source = &source };
	struct ctl_server *s = open_server(0), *second = NULL;
	char pid[32];
	int fd;

	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_int_equal(ctl_server_open(&second, &c, &fault), -EADDRINUSE);
	assert_non_null(strstr(fault.text, pid));
	assert_non_null(strstr(fault.text, path));
	fd = dial(); // and the first one's socket is still there
	close(fd);
	ctl_server_close(s);
	s = open_server(0);
	ctl_server_close(s);
}

static void
the_socket_of_a_dead_gateway_is_replaced(void **state)
{
	struct ctl_server *s;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		open_server(0);
		_exit(0); // without closing
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(access(path, F_OK), 0);
	s = open_server(0);
	close(dial());
	ctl_server_close(s);
}

static void
what_is_not_a_socket_is_not_removed(void **state)
{
	const struct ctl_server_config c = { .path = path, .source = &source };
	struct ctl_server *s = open_server(0);
	FILE *f;

	ctl_server_close(s);
	f = fopen(path, "w");
	fclose(f);
	assert_int_equal(ctl_server_open(&s, &c, &fault), -EEXIST);
	assert_non_null(strstr(fault.text, "no socket"));
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_folder_that_others_may_write_is_refused(void **state)
{
	const struct ctl_server_config c = { .path = path, .source = &source };
	struct ctl_server *s = open_server(0);
	char run[96];

	ctl_server_close(s);
	snprintf(run, sizeof(run), "%s/run", folder);
	chmod(run, 0777);
	assert_int_equal(ctl_server_open(&s, &c, &fault), -EPERM);
	assert_non_null(strstr(fault.text, run));
	chmod(run, 01777); // as /tmp
	assert_int_equal(ctl_server_open(&s, &c, &fault), 0);
	ctl_server_close(s);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	struct ctl_server_config c = { .source = &source };
	struct ctl_server *s = NULL;
	char name[200];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	c.path = name;
	assert_int_equal(ctl_server_open(&s, &c, &fault), -ENAMETOOLONG);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_done_or_refused_with_a_reason),
		TEST(every_command_that_reads_has_a_result),
		TEST(books_show_the_orders_of_a_level_when_asked),
		TEST(requests_to_the_venue_reach_the_gateway),
		TEST(cancels_and_sessions_reach_the_gateway),
		TEST(the_switches_reach_the_gateway),
		TEST(the_kill_switch_is_released_by_a_name_alone),
		TEST(a_capture_is_begun_shown_and_ended),
		TEST(a_reload_says_what_needs_a_restart),
		TEST(a_long_reason_is_cut_and_still_halts),
		TEST(a_limit_may_be_named_with_or_without_risk),
		TEST(a_limit_may_be_a_levels),
		TEST(latency_shows_stages_only_when_asked),
		TEST(outliers_come_with_their_words_as_many_as_asked_for),
		TEST(more_orders_than_rows_are_counted),
		TEST(requests_follow_each_other_on_one_connection),
		TEST(nothing_is_taken_while_an_answer_waits),
		TEST(a_length_is_believed_only_up_to_its_limit),
		TEST(a_half_request_is_answered_when_its_client_ends),
		TEST(the_socket_is_for_its_user_alone),
		TEST(a_client_asks_and_is_answered),
		TEST(a_gigabyte_is_refused_before_it_is_sent),
		TEST(a_half_request_and_its_end_get_an_error),
		TEST(a_client_that_does_not_read_holds_nobody_up),
		TEST(an_idle_client_loses_its_place),
		TEST(the_seventeenth_client_is_told_why),
		TEST(a_second_gateway_learns_the_pid_of_the_first),
		TEST(the_socket_of_a_dead_gateway_is_replaced),
		TEST(what_is_not_a_socket_is_not_removed),
		TEST(a_folder_that_others_may_write_is_refused),
		TEST(a_path_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
