/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"

/* What an operator may ask of a lane that owns a session, judged by what the venue sees. */
enum {
	MESSAGES = 400,
	TOKENS = 64,
};

#define SECOND_NS 1000000000ULL

static const char QUOTES[] =
	"  - { name: maker, kind: quote, instruments: [AAPL], qty: 100, position_max_qty: 500 }\n";

static struct lab *
open_with_resting_orders(uint32_t token[TOKENS], unsigned *cnt)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .strategies = QUOTES });
	struct flow flow;

	lab_session_up(lab);
	flow_make(&flow, MESSAGES, 3);
	for (size_t at = 0, end; at < flow.len; at = end) {
		end = at + 2 + be16_get(*(const be16 *)(flow.data + at));
		lab_market_data(lab, 0, flow.data + at, end - at, 1);
		lab_settle(lab);
	}
	flow_free(&flow);
	*cnt = 0;
	for (uint32_t t = 1; t <= lab->peer.token_max && *cnt < TOKENS; t++)
		if (lab->peer.open_qty[t] != 0)
			token[(*cnt)++] = t;
	return lab;
}

static int
ask(struct lab *lab, uint32_t kind, uint32_t arg1)
{
	struct lane *wire = lab_lane_with(lab, ORDERS);
	struct command *c = &wire->command;

	c->kind = kind;
	memset(c->arg, 0, sizeof(c->arg));
	c->arg[1] = arg1;
	c->reply = lab->g.reply[wire->idx];
	c->reply_max = COMMAND_REPLY_MAX;
	command_ask(c);
	for (unsigned n = 0; n < 100 && !command_idle(c); n++)
		lane_turn_once(wire);
	assert_true(command_idle(c));
	return c->result;
}

static void
one_order_is_cancelled_by_its_token(void **state)
{
	uint32_t token[TOKENS];
	unsigned cnt;
	struct lab *lab = open_with_resting_orders(token, &cnt);
	const uint32_t before = lab->peer.cancel_cnt;

	assert_true(cnt >= 2); // a bid and an offer rest
	assert_int_equal(ask(lab, COMMAND_CANCEL, token[0]), 0);
	assert_int_equal(ask(lab, COMMAND_CANCEL, token[0]), -EALREADY);
	lab_settle(lab);
	assert_int_equal(lab->peer.cancel_cnt, before + 1);
	assert_int_equal(lab->peer.open_qty[token[0]], 0);
	assert_true(lab->peer.open_qty[token[1]] != 0);
	assert_int_equal(ask(lab, COMMAND_CANCEL, token[0]), -ENOENT); // it has gone
	assert_int_equal(ask(lab, COMMAND_CANCEL, 0), -ENOENT);
	assert_int_equal(ask(lab, COMMAND_CANCEL, 4000000000), -ENOENT);
	lab_settle(lab);
	assert_int_equal(lab->peer.cancel_cnt, before + 1);
	lab_close(lab);
}

static void
all_orders_are_cancelled_while_disarmed(void **state)
{
	uint32_t token[TOKENS];
	struct lab *lab;
	struct err e;
	unsigned cnt;

	lab = open_with_resting_orders(token, &cnt);
	err_init(&e);
	assert_int_equal(limits_disarm(&lab->g.limits, &e), 0);
	assert_int_equal(ask(lab, COMMAND_CANCEL_ALL, 0), 0);
	assert_int_equal(lab_lane_with(lab, ORDERS)->command.reply_cnt, cnt);
	lab_settle(lab);
	for (unsigned i = 0; i < cnt; i++)
		assert_int_equal(lab->peer.open_qty[token[i]], 0);
	assert_int_equal(lab_lane_with(lab, ORDERS)->session[0]->orders.open_cnt, 0);
	lab_close(lab);
}

static void
disconnected_by_hand_stays_so_until_connect(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .strategies = QUOTES });
	const struct session *s = lab_lane_with(lab, ORDERS)->session[0];

	lab_session_up(lab);
	assert_int_equal(ask(lab, COMMAND_SESSION_DISCONNECT, 0), 0);
	for (unsigned i = 0; i < 300; i++) {
		lab_advance(lab, SECOND_NS);
		assert_false(order_session_is_up(&s->life));
	}
	assert_false(lab->peer.connected);
	assert_int_equal(s->life.state, ORDER_SESSION_STOPPED);
	assert_int_equal(ask(lab, COMMAND_SESSION_DISCONNECT, 0), 0); // once more is no harm
	assert_int_equal(ask(lab, COMMAND_SESSION_CONNECT, 0), 0);
	for (unsigned i = 0; i < 400 && !order_session_is_up(&s->life); i++)
		lab_advance(lab, SECOND_NS / 100);
	assert_true(order_session_is_up(&s->life));
	assert_int_equal(lab->peer.bad_cnt, 0);
	lab_close(lab);
}

/* The peer numbers its messages from 1 again: it has forgotten the day. */
static void
orders_a_venue_has_forgotten_are_settled_by_hand(void **state)
{
	uint32_t token[TOKENS];
	unsigned cnt;
	const struct risk_cell *i;
	const struct risk *r;
	uint32_t open_qty, before;
	struct session *s;
	struct lab *lab;

	halt_lift(HALT_CONTROL); // of the test before: its peer forgot, too
	lab = open_with_resting_orders(token, &cnt);
	s = lab_lane_with(lab, ORDERS)->session[0];
	r = lab_lane_with(lab, RISK)->risk;
	i = risk_firm_cell(r, &r->instr[1]);
	assert_true(cnt >= 2);                                        // a bid and an offer
	assert_int_equal(ask(lab, COMMAND_SETTLE, token[0]), -EBUSY); // it works
	session_lost(s, lab_lane_with(lab, ORDERS)->now_ns);
	for (unsigned n = 0; n < 400 && !order_session_is_up(&s->life); n++)
		lab_advance(lab, SECOND_NS / 100);
	lab_settle(lab);
	assert_true(order_session_is_up(&s->life));
	assert_true(halt_reasons() & HALT_CONTROL);
	for (unsigned n = 0; n < cnt; n++)
		assert_int_equal(orders_of_token(&s->orders, token[n])->state, ORDER_UNKNOWN);
	open_qty = risk_open_qty(r, i, SIDE_BUY) + risk_open_qty(r, i, SIDE_SELL);

	before = lab->peer.open_qty[token[0]];
	assert_int_equal(ask(lab, COMMAND_SETTLE, token[0]), 0);
	assert_int_equal(lab_lane_with(lab, ORDERS)->command.reply_cnt, 1);
	lab_settle(lab);
	assert_int_equal(orders_of_token(&s->orders, token[0])->state, ORDER_CANCELED);
	assert_int_equal(risk_open_qty(r, i, SIDE_BUY) + risk_open_qty(r, i, SIDE_SELL),
			 open_qty - before);
	assert_int_equal(ask(lab, COMMAND_SETTLE, token[0]), -ENOENT);
	assert_int_equal(ask(lab, COMMAND_SETTLE, 4000000000), -ENOENT);

	before = lab->peer.cancel_cnt;
	assert_int_equal(ask(lab, COMMAND_CANCEL, token[1]), 0); // which still works there
	lab_settle(lab);
	assert_int_equal(lab->peer.cancel_cnt, before + 1);
	assert_int_equal(orders_of_token(&s->orders, token[1])->state, ORDER_CANCELED);
	assert_int_equal(ask(lab, COMMAND_SETTLE, 0), 0);
	assert_int_equal(lab_lane_with(lab, ORDERS)->command.reply_cnt, cnt - 2); // all others
	lab_settle(lab);
	assert_int_equal(s->orders.open_cnt, 0);
	assert_int_equal(risk_open_qty(r, i, SIDE_BUY) + risk_open_qty(r, i, SIDE_SELL), 0);
	assert_int_equal(lab->peer.bad_cnt, 0);
	halt_lift(HALT_CONTROL);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_order_is_cancelled_by_its_token),
		cmocka_unit_test(all_orders_are_cancelled_while_disarmed),
		cmocka_unit_test(disconnected_by_hand_stays_so_until_connect),
		cmocka_unit_test(orders_a_venue_has_forgotten_are_settled_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
