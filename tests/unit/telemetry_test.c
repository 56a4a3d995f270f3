/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <rte_eal.h>

#include "fake_state.h"
#include "observe/telemetry.h"

static struct fake_state fake;
static struct state_source source;
static struct telemetry *t;
static struct err fault;

static int
dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char info[1024];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.80s/dpdk_telemetry.v2",
		 rte_eal_get_runtime_dir());
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_true(recv(fd, info, sizeof(info), 0) > 0); // DPDK introduces itself
	return fd;
}

/* Asks as dpdk-telemetry.py does while the control thread polls: what stands under the command. */
static json_t *
ask(const char *command)
{
	static char text[64 * 1024];
	const int fd = dial();
	json_t *all, *under;
	ssize_t n = -1;

	assert_true(send(fd, command, strlen(command), 0) > 0);
	for (unsigned i = 0; i < 30000 && n < 0; i++) {
		telemetry_poll(t);
		n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
		if (n < 0)
			usleep(1000);
	}
	assert_true(n > 0);
	all = json_loadb(text, (size_t)n, 0, NULL);
	if (all == NULL)
		fail_msg("no JSON: %.*s", (int)n, text);
	under = json_incref(json_object_iter_value(json_object_iter(all)));
	json_decref(all);
	close(fd);
	return under;
}

static void
status_is_a_dictionary(void **state)
{
	json_t *r = ask("/sluice/status");

	assert_int_equal(json_integer_value(json_object_get(r, "pid")), 4242);
	assert_string_equal(json_string_value(json_object_get(r, "environment")), "simulation");
	assert_int_equal(json_integer_value(json_object_get(r, "orders_on")), 0);
	json_decref(r);
}

static void
rows_are_found_by_their_names(void **state)
{
	json_t *r = ask("/sluice/lanes"), *rest = json_object_get(r, "rest");

	assert_int_equal(json_object_size(r), 2);
	assert_int_equal(json_integer_value(json_object_get(rest, "busy_turn_cnt")), 25);
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(json_object_get(rest, "rings"), "row_0"), "depth")),
		3);
	json_decref(r);
}

static void
an_argument_follows_a_comma(void **state)
{
	json_t *r = ask("/sluice/books,AAPL");

	assert_string_equal(json_string_value(json_object_get(r, "symbol")), "AAPL");
	json_decref(r);
	r = ask("/sluice/books,NOPE");
	assert_string_equal(json_string_value(json_object_get(r, "code")), "ENOENT");
	json_decref(r);
	r = ask("/sluice/books");
	assert_string_equal(json_string_value(json_object_get(r, "code")), "EINVAL");
	json_decref(r);
}

static void
metrics_are_flat_and_can_be_narrowed(void **state)
{
	json_t *r = ask("/sluice/metrics");

	assert_int_equal(json_integer_value(json_object_get(r, "risk_intent_passed_total_rest")),
			 34);
	assert_non_null(json_object_get(r, "gateway_orders_on"));
	json_decref(r);
	r = ask("/sluice/metrics,sluice_risk");
	assert_int_equal(json_object_size(r), 3);
	json_decref(r);
}

static void
a_negative_position_stays_negative(void **state)
{
	json_t *r = ask("/sluice/positions");

	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(r, "AAPL"), "position_qty")),
		-300);
	json_decref(r);
}

static void
too_many_rows_are_counted(void **state)
{
	json_t *r, *orders;

	fake.order_cnt = 1000;
	r = ask("/sluice/orders");
	orders = json_object_get(r, "orders");
	assert_int_equal(json_integer_value(json_object_get(r, "order_cnt")), 500);
	assert_int_equal(json_integer_value(json_object_get(orders, "left_out")), 436);
	json_decref(r);
	fake.order_cnt = 4;
}

static void
what_changes_something_is_not_on_offer(void **state)
{
	json_t *r = ask("/sluice/arm");

	assert_true(json_is_null(r));
	assert_int_equal(fake.halt_reasons, HALT_DISARMED);
	json_decref(r);
}

static void
nobody_waits_for_a_closed_one(void **state)
{
	const int fd = dial();
	char text[256] = { 0 };

	telemetry_close(t);
	assert_true(send(fd, "/sluice/status", 14, 0) > 0);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "null"));
	close(fd);
	assert_int_equal(telemetry_open(&t, &source, &fault), 0); // and it can be opened again
	json_decref(ask("/sluice/version"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_a_dictionary),
		cmocka_unit_test(rows_are_found_by_their_names),
		cmocka_unit_test(an_argument_follows_a_comma),
		cmocka_unit_test(metrics_are_flat_and_can_be_narrowed),
		cmocka_unit_test(a_negative_position_stays_negative),
		cmocka_unit_test(too_many_rows_are_counted),
		cmocka_unit_test(what_changes_something_is_not_on_offer),
		cmocka_unit_test(nobody_waits_for_a_closed_one),
	};
	char socket[128];
	char prefix[64], *args[] = { "telemetry_test", "--no-shconf", "--no-huge", "-m",  "32",
				     "--no-pci",       "-l",          "0",         prefix };
	int rc;

	snprintf(prefix, sizeof(prefix), "--file-prefix=sluicetest%ld", (long)getpid());
	if (rte_eal_init(ARRAY_CNT(args), args) < 0) {
		printf("1..0 # SKIP the EAL does not start here\n");
		return 0;
	}
	fake_state_init(&fake, &source);
	err_init(&fault);
	if (telemetry_open(&t, &source, &fault) != 0) {
		printf("Bail out! %s\n", fault.text);
		return 1;
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	telemetry_close(t);
	rte_eal_cleanup();
	snprintf(socket, sizeof(socket), "%.80s/dpdk_telemetry.v2", rte_eal_get_runtime_dir());
	unlink(socket); // DPDK leaves both
	rmdir(rte_eal_get_runtime_dir());
	return rc;
}
