/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"

/* An order of an earlier process is known by its symbol; a strategy of ours does not hear of it. */
static struct session *session;

static uint16_t
found(uint8_t protocol, uint8_t type, const void *msg)
{
	struct report r = { .type = type };

	session->protocol = protocol;
	session_find_instrument(session, msg, &r);
	return r.instr_idx;
}

static void
each_answer_that_makes_an_order_names_its_instrument(void **state)
{
	const struct ouch50_accepted a50 = { .symbol = "AAPL    " };
	const struct ouch50_replaced r50 = { .symbol = "AAPL    " };
	const struct ouch42_accepted a42 = { .symbol = "AAPL    " };
	const struct ouch42_replaced r42 = { .symbol = "AAPL    " };
	const struct ouch50_accepted foreign = { .symbol = "AAPLX   " };

	assert_int_equal(found(ORDER_SESSION_OUCH50, REPORT_ACCEPTED, &a50), 1);
	assert_int_equal(found(ORDER_SESSION_OUCH50, REPORT_REPLACED, &r50), 1);
	assert_int_equal(found(ORDER_SESSION_OUCH42, REPORT_ACCEPTED, &a42), 1);
	assert_int_equal(found(ORDER_SESSION_OUCH42, REPORT_REPLACED, &r42), 1);
	assert_int_equal(found(ORDER_SESSION_OUCH50, REPORT_ACCEPTED, &foreign), INSTR_NONE);
}

/* What the venue's replay says when we have never heard of the order. */
static void
a_replayed_order_and_its_execution_become_our_position(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct lane *l = lab_lane_with(lab, ORDERS);
	struct session *mine = l->session[0];
	struct orders *o = &l->session[0]->orders;
	struct report report = { .type = REPORT_ACCEPTED, .token = 77, .qty = 100, .px4 = 5850000 };
	const struct ouch50_accepted a50 = { .symbol = "AAPL    " };
	struct risk_position position;
	struct update update;
	struct fill fill;
	unsigned said;

	session_find_instrument(mine, (const uint8_t *)&a50, &report);
	said = orders_on_report(o, &report, &fill, &update);
	assert_true(said & ORDERS_UPDATE);
	assert_int_equal(update.strategy_idx, STRATEGY_NONE);
	report.type = REPORT_EXECUTED;
	report.match_ref = 9;
	said = orders_on_report(o, &report, &fill, &update);
	assert_true(said & ORDERS_FILL);
	risk_on_fill(l->risk, &fill);
	assert_true(risk_position_of(l->risk, 1, &position));
	assert_int_equal(position.position_qty, 100);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_that_makes_an_order_names_its_instrument),
		cmocka_unit_test(a_replayed_order_and_its_execution_become_our_position),
	};
	int rc;

	lab_eal();
	session = calloc(1, sizeof(*session));
	memcpy(&session->encode.symbol[1], "AAPL    ", 8);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(session);
	return rc;
}
