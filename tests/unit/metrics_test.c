/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_state.h"
#include "observe/metric_set.h"
#include "observe/metrics_export.h"

static struct fake_state fake;
static struct state_source source;
static struct metrics_export *http;
static struct err fault;

static int
fresh(void **state)
{
	fake_state_init(&fake, &source);
	err_init(&fault);
	if (metrics_export_open(&http, 0, &source, &fault) != 0)
		fail_msg("%s", fault.text);
	return 0;
}

static int
clean(void **state)
{
	metrics_export_close(http);
	return 0;
}

static char *
text_of_metrics(void)
{
	struct metric_set m;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(metric_set_collect(&m, &source), 0);
	metric_set_write(&m, f);
	metric_set_fini(&m);
	fclose(f);
	return text;
}

static void
a_family_stands_together_under_its_help(void **state)
{
	char *text = text_of_metrics();

	assert_non_null(strstr(text,
			       "# HELP sluice_risk_intent_passed_total Intents that became orders\n"
			       "# TYPE sluice_risk_intent_passed_total counter\n"
			       "sluice_risk_intent_passed_total{lane=\"a\\\"b\\\\c\\nd\"} 12\n"
			       "sluice_risk_intent_passed_total{lane=\"rest\"} 34\n"
			       "# HELP sluice_risk_open_max_qty Largest open quantity\n"
			       "# TYPE sluice_risk_open_max_qty gauge\n"
			       "sluice_risk_open_max_qty{lane=\"rest\"} 12\n"));
	free(text);
}

static void
each_family_is_declared_once(void **state)
{
	char *text = text_of_metrics(), *line, *save, *seen[256], family[128];
	size_t seen_cnt = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# TYPE %127s", family) == 1) {
			for (size_t i = 0; i < seen_cnt; i++)
				assert_string_not_equal(seen[i], family);
			assert_true(seen_cnt < ARRAY_CNT(seen));
			seen[seen_cnt++] = strdup(family);
		} else if (line[0] != '#') {
			// each sample belongs to the family declared last
			assert_memory_equal(line, seen[seen_cnt - 1], strlen(seen[seen_cnt - 1]));
		}
	}
	assert_true(seen_cnt > 20);
	while (seen_cnt > 0)
		free(seen[--seen_cnt]);
	free(text);
}

static void
snapshots_become_metrics_too(void **state)
{
	char *text = text_of_metrics();

	assert_non_null(strstr(text, "\nsluice_gateway_orders_on 0\n"));
	assert_non_null(strstr(text, "\nsluice_gateway_halted{reason=\"disarmed\"} 1\n"));
	assert_non_null(strstr(text, "\nsluice_gateway_halted{reason=\"halted\"} 0\n"));
	assert_non_null(strstr(text, "\nsluice_port_rx_packet_total{port=\"md\"} 55\n"));
	assert_non_null(strstr(text, "\nsluice_lane_busy_turn_total{lane=\"rest\"} 25\n"));
	assert_non_null(strstr(
		text,
		"\nsluice_ring_depth{lane=\"rest\",message=\"datagram\",from=\"receive\"} 3\n"));
	assert_non_null(strstr(text,
			       "\nsluice_latency_ns{name=\"tick_to_trade\",kind=\"end_point\","
			       "quantile=\"0.5\"} 1500\n"));
	assert_non_null(strstr(
		text, "\nsluice_latency_ns_count{name=\"tick_to_trade\",kind=\"end_point\"} 10\n"));
	free(text);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
dial(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(metrics_export_port(http)),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Lets the exporter work until the connection ends; the whole answer. */
static char *
recv_all(int fd)
{
	static char text[256 * 1024];
	const uint64_t start_ms = now_ms();
	size_t have = 0;

	while (now_ms() - start_ms < 5000) {
		struct pollfd p = { .fd = metrics_export_fd(http), .events = POLLIN };
		ssize_t n;

		poll(&p, 1, 10);
		metrics_export_poll(http);
		n = recv(fd, text + have, sizeof(text) - 1 - have, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		have += n < 0 ? 0 : (size_t)n;
	}
	text[have] = '\0';
	return text;
}

/* One request on a connection of its own; the answer until its end. */
static char *
get(const char *request)
{
	const int fd = dial();
	char *text;

	assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
	text = recv_all(fd);
	close(fd);
	return text;
}

#define REST " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static const struct {
	const char *what;
	const char *request;
	const char *status;
	const char *words;
} REQUESTS[] = {
	// clang-format off
	{ "metrics", "GET /metrics" REST, "HTTP/1.1 200", "sluice_risk_intent_passed_total" },
	{ "health", "GET /healthz" REST, "HTTP/1.1 200", "{\"healthy\":true,\"reasons\":[]}" },
	{ "another path", "GET /" REST, "HTTP/1.1 404", "/metrics" },
	{ "a path below", "GET /metrics/x" REST, "HTTP/1.1 404", "/metrics" },
	{ "a path that climbs", "GET /../../etc/passwd" REST, "HTTP/1.1 404", "/metrics" },
	{ "the head alone", "HEAD /metrics" REST, "HTTP/1.1 200", "text/plain; version=0.0.4" },
	{ "another method", "DELETE /metrics" REST, "HTTP/1.1 405", "Allow: GET, HEAD" },
	{ "a body", "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405", "" },
	{ "a gigabyte of body", "PUT /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\nabc", "HTTP/1.1 405", "" },
	{ "no HTTP: just ended", "hello\r\n\r\n", "", "" },
	// clang-format on
};

static void
a_request_gets_what_is_there_or_a_status(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(REQUESTS); i++) {
		const char *text = get(REQUESTS[i].request);

		print_message("# %s\n", REQUESTS[i].what);
		if (strncmp(text, REQUESTS[i].status, strlen(REQUESTS[i].status)) != 0)
			fail_msg("%s: '%s'", REQUESTS[i].what, text);
		if (strstr(text, REQUESTS[i].words) == NULL)
			fail_msg("%s: no '%s' in '%s'", REQUESTS[i].what, REQUESTS[i].words, text);
	}
}

static const struct {
	const char *what;
	uint32_t halt_reasons;
	uint32_t lane_run;
	uint32_t session_run;
	bool link_down;
	bool feed_silent;
	const char *reason; // NULL: healthy
} HEALTH[] = {
	// clang-format off
	{ "disarmed is no fault", HALT_DISARMED, STATE_LANE_RUNNING, STATE_SESSION_UP, false, false, NULL },
	{ "halted by the operator is no fault", HALT_OPERATOR, STATE_LANE_RUNNING, STATE_SESSION_UP, false, false, NULL },
	{ "the kill switch", HALT_KILLED, STATE_LANE_RUNNING, STATE_SESSION_UP, false, false, "the kill switch is on" },
	{ "a breaker that stopped orders", HALT_BREAKER, STATE_LANE_RUNNING, STATE_SESSION_UP, false, false, "a circuit breaker stopped orders" },
	{ "a broken invariant", HALT_MUST, STATE_LANE_RUNNING, STATE_SESSION_UP, false, false, "an invariant broke" },
	{ "a lane that ended", 0, STATE_LANE_ENDED, STATE_SESSION_UP, false, false, "lane rest is ended" },
	{ "a session in login", 0, STATE_LANE_RUNNING, STATE_SESSION_LOGIN, false, false, "session oe is login" },
	{ "a link down", 0, STATE_LANE_RUNNING, STATE_SESSION_UP, true, false, "port md: link is down" },
	{ "a silent feed", 0, STATE_LANE_RUNNING, STATE_SESSION_UP, false, true, "feed itch: no line is heard" },
	// clang-format on
};

static void
health_names_every_reason(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(HEALTH); i++) {
		const bool ok = HEALTH[i].reason == NULL;
		const char *text;

		print_message("# %s\n", HEALTH[i].what);
		fake.halt_reasons = HEALTH[i].halt_reasons;
		fake.lane_run = HEALTH[i].lane_run;
		fake.session_run = HEALTH[i].session_run;
		fake.link_down = HEALTH[i].link_down;
		fake.feed_silent = HEALTH[i].feed_silent;
		text = get("GET /healthz" REST);
		assert_memory_equal(text, ok ? "HTTP/1.1 200" : "HTTP/1.1 503", 12);
		assert_non_null(strstr(text, ok ? "\"healthy\":true" : "\"healthy\":false"));
		if (!ok)
			assert_non_null(strstr(text, HEALTH[i].reason));
	}
}

/* Clients that send a byte and wait: a call still returns at once, and they lose their places. */
static void
slow_clients_hold_nobody_up(void **state)
{
	uint64_t start_ms = now_ms();
	char *text = NULL;
	int fd[20];

	for (unsigned i = 0; i < ARRAY_CNT(fd); i++) {
		fd[i] = dial();
		assert_int_equal(send(fd[i], "G", 1, 0), 1);
	}
	for (unsigned i = 0; i < 100; i++)
		metrics_export_poll(http);
	assert_true(now_ms() - start_ms < 4000);
	for (start_ms = now_ms(); now_ms() - start_ms < 60000; usleep(200000)) {
		metrics_export_poll(http);
		text = get("GET /healthz" REST);
		if (strncmp(text, "HTTP/1.1 200", 12) == 0)
			break;
	}
	assert_memory_equal(text, "HTTP/1.1 200", 12);
	for (unsigned i = 0; i < ARRAY_CNT(fd); i++)
		close(fd[i]);
}

static void
a_port_in_use_is_named(void **state)
{
	struct metrics_export *second = NULL;
	char number[16];

	snprintf(number, sizeof(number), ":%u", metrics_export_port(http));
	assert_int_equal(metrics_export_open(&second, metrics_export_port(http), &source, &fault),
			 -EADDRINUSE);
	assert_non_null(strstr(fault.text, number));
	assert_non_null(strstr(fault.text, "control.http_port"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
	const struct CMUnitTest tests[] = {
		TEST(a_family_stands_together_under_its_help),
		TEST(each_family_is_declared_once),
		TEST(snapshots_become_metrics_too),
		TEST(a_request_gets_what_is_there_or_a_status),
		TEST(health_names_every_reason),
		TEST(slow_clients_hold_nobody_up),
		TEST(a_port_in_use_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
