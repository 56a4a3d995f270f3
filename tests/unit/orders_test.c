/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "egress/orders.h"

enum {
	IDX = 3,
	STRATEGY = 2,
};

static struct arena arena;
static struct orders o;
static struct venue_request req;
static struct fill fill;
static struct update up;
static unsigned made;

static void
start_with(uint32_t orders_max, uint32_t first_token)
{
	const struct orders_config c = {
		.orders_max = orders_max,
		.executions_max = 16,
		.first_token = first_token,
		.session_idx = 1,
	};

	arena.used_bytes = 0;
	memset(arena.base, 0, arena.size_bytes);
	assert_int_equal(orders_init(&o, &c, &arena), 0);
	orders_on_session_up(&o, 0);
}

static void
start(void)
{
	start_with(64, 1);
}

static void
ask(enum intent_kind kind, uint32_t name, uint32_t qty, uint32_t px4, uint32_t reserve_qty)
{
	const struct order in = {
		.head = { .instr_idx = IDX, .rx_ns = 5 },
		.px4 = px4,
		.qty = qty,
		.reserve_qty = reserve_qty,
		.intent_id = kind == INTENT_NEW ? name : 1000 + name,
		.orig_id = kind == INTENT_NEW ? 0 : name,
		.kind = (uint8_t)kind,
		.side = SIDE_SELL,
		.strategy_idx = STRATEGY,
	};

	memset(&fill, 0, sizeof(fill));
	memset(&up, 0, sizeof(up));
	made = orders_on_order(&o, &in, &req, &fill, &up);
}

static void
hear(struct report r)
{
	memset(&fill, 0, sizeof(fill));
	memset(&up, 0, sizeof(up));
	made = orders_on_report(&o, &r, &fill, &up);
}

#define HEAR(kind, ...) hear((struct report){ .type = REPORT_##kind, __VA_ARGS__ })

/* A living order of 300 at 50; returns its token. */
static uint32_t
living(uint32_t name)
{
	uint32_t token;

	ask(INTENT_NEW, name, 300, 50, 300);
	assert_int_equal(made, ORDERS_SEND);
	token = req.token;
	HEAR(ACCEPTED, .token = token, .qty = 300, .px4 = 50, .order_ref = 70);
	assert_int_equal(up.state, ORDER_LIVE);
	return token;
}

static void
check_fill(uint32_t executed, uint32_t released, bool gone)
{
	assert_true(made & ORDERS_FILL);
	assert_int_equal(fill.executed_qty, executed);
	assert_int_equal(fill.released_qty, released);
	assert_int_equal(fill.order_gone, gone);
	assert_int_equal(fill.side, SIDE_SELL);
	assert_int_equal(fill.strategy_idx, STRATEGY);
	assert_int_equal(fill.head.instr_idx, IDX);
	assert_int_equal(fill.session_idx, 1);
}

static void
check_update(uint32_t name, uint8_t state, uint32_t open_qty)
{
	assert_true(made & ORDERS_UPDATE);
	assert_int_equal(up.intent_id, name);
	assert_int_equal(up.state, state);
	assert_int_equal(up.open_qty, open_qty);
	assert_int_equal(up.strategy_idx, STRATEGY);
}

static void
an_end_state_is_never_left(void **unused)
{
	static const uint8_t ends[] = { ORDER_FREE, ORDER_FILLED, ORDER_CANCELED, ORDER_REPLACED,
					ORDER_REJECTED };
	bool entered[ORDER_STATE_CNT + 1] = { false };

	for (size_t i = 0; i < ARRAY_CNT(ends); i++) {
		assert_true(order_state_is_end(ends[i]));
		for (int ev = 0; ev < ORDER_EVENT_CNT; ev++)
			assert_int_equal(order_transition[ends[i]][ev], ORDER_FREE);
	}
	for (int s = 0; s < ORDER_STATE_CNT; s++)
		for (int ev = 0; ev < ORDER_EVENT_CNT; ev++)
			entered[order_transition[s][ev]] = true;
	for (int s = 0; s < ORDER_STATE_CNT; s++)
		if (!entered[s] && s != ORDER_PENDING_NEW && s != ORDER_LIVE)
			fail_msg("nothing leads to %s", order_state_name(s));
}

static void
an_order_lives_and_is_filled(void **unused)
{
	uint32_t token;

	start();
	ask(INTENT_NEW, 7, 300, 50, 300);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.kind, INTENT_NEW);
	assert_int_equal(req.qty, 300);
	assert_int_equal(req.px4, 50);
	assert_int_equal(req.token, 1);
	token = req.token;
	HEAR(ACCEPTED, .token = token, .qty = 300, .px4 = 51, .order_ref = 70);
	assert_int_equal(made, ORDERS_UPDATE);
	check_update(7, ORDER_LIVE, 300);
	assert_int_equal(up.px4, 51); // better than asked for
	HEAR(EXECUTED, .token = token, .qty = 100, .px4 = 51, .match_ref = 1);
	check_fill(100, 100, false);
	check_update(7, ORDER_PARTIALLY_FILLED, 200);
	assert_int_equal(up.executed_qty, 100);
	assert_int_equal(up.px4, 51);
	HEAR(EXECUTED, .token = token, .qty = 200, .px4 = 52, .match_ref = 2);
	check_fill(200, 200, true);
	check_update(7, ORDER_FILLED, 0);
	assert_int_equal(o.open_cnt, 0);
	assert_int_equal(o.metrics.illegal_transition, 0);
}

static void
an_order_may_be_refused_dead_or_smaller(void **unused)
{
	start();
	ask(INTENT_NEW, 7, 300, 50, 300);
	HEAR(REJECTED, .token = req.token, .reject_code = 0x1D);
	check_fill(0, 300, true);
	check_update(7, ORDER_REJECTED, 0);
	assert_int_equal(up.reject_code, 0x1D);
	ask(INTENT_NEW, 8, 300, 50, 300);
	HEAR(ACCEPTED, .token = req.token, .qty = 300, .dead = 1);
	check_fill(0, 300, true);
	check_update(8, ORDER_CANCELED, 0);
	ask(INTENT_NEW, 9, 300, 50, 300);
	HEAR(ACCEPTED, .token = req.token, .qty = 200);
	check_fill(0, 100, false);
	check_update(9, ORDER_LIVE, 200);
	HEAR(REJECTED, .token = req.token); // too late: it was accepted
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.illegal_transition, 1);
	assert_int_equal(o.open_cnt, 1);
}

static void
a_cancel_ends_an_order_by_steps(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.token, token);
	assert_int_equal(req.qty, 0);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_UPDATE);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_PENDING);
	HEAR(EXECUTED, .token = token, .qty = 50, .match_ref = 1);
	check_fill(50, 50, false);
	check_update(7, ORDER_PENDING_CANCEL, 250);
	HEAR(CANCELED, .token = token, .qty = 100);
	check_fill(0, 100, false);
	check_update(7, ORDER_PENDING_CANCEL, 150);
	HEAR(CANCELED, .token = token, .qty = 150);
	check_fill(0, 150, true);
	check_update(7, ORDER_CANCELED, 0);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_UPDATE);
	check_update(7, ORDER_CANCELED, 0);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_GONE);
	ask(INTENT_CANCEL, 8, 0, 0, 0);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_UNKNOWN_ORDER);
}

static void
ask_modify(uint32_t name, uint32_t qty, uint8_t flags)
{
	const struct order in = {
		.head = { .instr_idx = IDX, .rx_ns = 5 },
		.qty = qty,
		.intent_id = 1000 + name,
		.orig_id = name,
		.kind = INTENT_MODIFY,
		.side = SIDE_SELL,
		.flags = flags,
		.strategy_idx = STRATEGY,
	};

	memset(&fill, 0, sizeof(fill));
	memset(&up, 0, sizeof(up));
	made = orders_on_order(&o, &in, &req, &fill, &up);
}

static void
a_modify_takes_shares_or_marks_a_sale(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 100, .match_ref = 1);
	ask_modify(7, 300, 0); // nothing would change
	assert_int_equal(made, ORDERS_UPDATE);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_QUANTITY);
	ask_modify(7, 301, 0); // it may not grow
	assert_int_equal(up.reject_code, ORDERS_REFUSED_QUANTITY);
	ask_modify(7, 100, 0); // nothing would be left
	assert_int_equal(up.reject_code, ORDERS_REFUSED_QUANTITY);
	ask_modify(7, 250, INTENT_SHORT_EXEMPT);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.kind, INTENT_MODIFY);
	assert_int_equal(req.token, token);
	assert_int_equal(req.qty, 250);
	assert_int_equal(req.flags, INTENT_SHORT_EXEMPT);
	HEAR(MODIFIED, .token = token, .qty = 150, .mark = INTENT_SHORT_EXEMPT);
	check_fill(0, 50, false);
	check_update(7, ORDER_PARTIALLY_FILLED, 150);
	ask_modify(7, 250, INTENT_SHORT); // exempt to short
	assert_int_equal(made, ORDERS_SEND);
	HEAR(MODIFIED, .token = token, .qty = 150, .mark = INTENT_SHORT);
	assert_int_equal(made, ORDERS_UPDATE);   // nothing to give back
	ask_modify(7, 250, INTENT_SHORT_EXEMPT); // and not back again
	assert_int_equal(up.reject_code, ORDERS_REFUSED_MARK);
	o.any_mark = true; // OUCH 4.2
	ask_modify(7, 250, INTENT_SHORT_EXEMPT);
	assert_int_equal(made, ORDERS_SEND);
	HEAR(MODIFIED, .token = token, .qty = 400); // nobody asked for it
	assert_int_equal(o.metrics.modify_excess, 1);
	HEAR(MODIFIED, .token = token, .qty = 0);
	check_fill(0, 150, true);
	check_update(7, ORDER_CANCELED, 0);
	HEAR(MODIFIED, .token = token, .qty = 10); // it is gone
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.illegal_transition, 1);
	assert_int_equal(o.metrics.modify_sent, 3);
}

static void
the_venues_new_number_is_remembered(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(PRIORITY, .token = token, .order_ref = 99, .px4 = 50);
	assert_int_equal(made, 0);
	assert_int_equal(orders_of_token(&o, token)->order_ref, 99);
	HEAR(PRIORITY, .token = token + 1, .order_ref = 99);
	assert_int_equal(o.metrics.report_unknown_token, 1);
}

static void
a_cancel_may_keep_some_shares(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 100, .match_ref = 1);
	ask(INTENT_CANCEL, 7, 300, 0, 0); // takes nothing away: the venue would not answer
	assert_int_equal(up.reject_code, ORDERS_REFUSED_QUANTITY);
	ask(INTENT_CANCEL, 7, 100, 0, 0);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_QUANTITY);
	ask(INTENT_CANCEL, 7, 101, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.qty, 101);
	HEAR(CANCELED, .token = token, .qty = 199);
	check_fill(0, 199, false);
	check_update(7, ORDER_PARTIALLY_FILLED, 1);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
}

static void
a_cancel_before_the_answer_is_in_order(void **unused)
{
	start();
	ask(INTENT_NEW, 7, 300, 50, 300);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
	HEAR(ACCEPTED, .token = 1, .qty = 300);
	check_update(7, ORDER_PENDING_CANCEL, 300);
	HEAR(CANCELED, .token = 1, .qty = 300);
	check_fill(0, 300, true);
	assert_int_equal(o.metrics.illegal_transition, 0);
}

static void
a_cancel_the_venue_cannot_do_leaves_the_order(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	HEAR(CANCEL_REJECTED, .token = token);
	assert_int_equal(made, ORDERS_UPDATE);
	check_update(7, ORDER_LIVE, 300);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	HEAR(CANCEL_PENDING, .token = token);
	check_update(7, ORDER_PENDING_CANCEL, 300);
	HEAR(CANCELED, .token = token, .qty = 300);
	check_fill(0, 300, true);
}

/* OUCH: the quantity of a replace is the chain's, executed shares included. */
static void
a_replace_counts_what_was_executed(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 100, .match_ref = 1);
	ask(INTENT_REPLACE, 7, 500, 60, 200); // 400 to be open, 200 are
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.kind, INTENT_REPLACE);
	assert_int_equal(req.orig_token, token);
	assert_int_equal(req.token, token + 1);
	assert_int_equal(req.qty, 500);
	assert_int_equal(req.side, SIDE_SELL);
	HEAR(EXECUTED, .token = token, .qty = 50, .match_ref = 2); // before the venue read it
	check_fill(50, 50, false);
	check_update(7, ORDER_PENDING_REPLACE, 150);
	HEAR(REPLACED, .token = token + 1, .orig_token = token, .qty = 350, .px4 = 60);
	check_fill(0, 0, false);
	assert_int_equal(fill.replace_done, 1);
	assert_int_equal(fill.reserved_px4, 60);
	check_update(7, ORDER_PARTIALLY_FILLED, 350);
	assert_int_equal(up.px4, 60);
	HEAR(EXECUTED, .token = token, .qty = 1, .match_ref = 3); // late: the original is gone
	check_fill(1, 0, false);
	assert_int_equal(o.metrics.execution_late, 1);
	HEAR(EXECUTED, .token = token + 1, .qty = 350, .match_ref = 4);
	check_fill(350, 350, true);
	check_update(7, ORDER_FILLED, 0);
	assert_int_equal(o.open_cnt, 0);
}

static void
a_replace_may_shrink(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_REPLACE, 7, 200, 60, 0);
	HEAR(REPLACED, .token = token + 1, .orig_token = token, .qty = 200, .px4 = 60);
	check_fill(0, 100, false);
	ask(INTENT_REPLACE, 7, 250, 61, 50); // by the same name again
	assert_int_equal(req.orig_token, token + 1);
	HEAR(REPLACED, .token = token + 2, .orig_token = token + 1, .dead = 1, .qty = 250);
	check_fill(0, 250, true);
	check_update(7, ORDER_CANCELED, 0);
	assert_int_equal(o.open_cnt, 0);
}

static void
a_refused_replace_leaves_the_order(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_REPLACE, 7, 500, 60, 200);
	ask(INTENT_REPLACE, 7, 600, 61, 100); // one is not answered
	check_fill(0, 100, false);
	assert_int_equal(fill.replace_done, 1);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_PENDING);
	HEAR(REJECTED, .token = token + 1, .reject_code = 9);
	check_fill(0, 200, false);
	assert_int_equal(fill.replace_done, 1);
	assert_int_equal(fill.reserved_px4, 50);
	check_update(7, ORDER_LIVE, 300);
	assert_int_equal(up.cause, REPORT_REJECTED);
	ask(INTENT_REPLACE, 7, 500, 60, 200);
	assert_int_equal(made, ORDERS_SEND);
	HEAR(CANCELED, .token = token, .qty = 300); // its details were invalid
	check_fill(0, 500, true);
	assert_int_equal(fill.replace_done, 1);
	assert_int_equal(o.metrics.replace_void, 1);
	assert_int_equal(o.open_cnt, 0);
	ask(INTENT_REPLACE, 7, 500, 60, 500);
	check_fill(0, 500, true);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_GONE);
}

static void
a_fill_beats_the_replace(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_REPLACE, 7, 500, 60, 200);
	HEAR(EXECUTED, .token = token, .qty = 300, .match_ref = 1);
	check_fill(300, 500, true);
	assert_int_equal(fill.replace_done, 1);
	check_update(7, ORDER_FILLED, 0);
	assert_int_equal(o.open_cnt, 0);
	assert_int_equal(o.metrics.replace_void, 1);
}

static void
a_cancel_follows_the_replace(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	ask(INTENT_REPLACE, 7, 300, 60, 0);
	ask(INTENT_CANCEL, 7, 0, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.token, token + 1); // the replacement
	HEAR(REPLACED, .token = token + 1, .orig_token = token, .qty = 300, .px4 = 60);
	check_update(7, ORDER_PENDING_CANCEL, 300);
	HEAR(CANCELED, .token = token + 1, .qty = 300);
	check_fill(0, 300, true);
	token = living(8);
	ask(INTENT_REPLACE, 8, 300, 60, 0);
	ask(INTENT_CANCEL, 8, 0, 0, 0);
	HEAR(REJECTED, .token = token + 1); // so the cancel named nothing
	check_update(8, ORDER_LIVE, 300);
	assert_int_equal(o.metrics.illegal_transition, 0);
}

static void
an_execution_counts_once_and_may_be_broken(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 100, .px4 = 55, .match_ref = 1);
	HEAR(EXECUTED, .token = token, .qty = 100, .px4 = 55, .match_ref = 1);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.execution_duplicate, 1);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 1);
	check_fill(100, 0, false);
	assert_int_equal(fill.broken, 1);
	assert_int_equal(fill.px4, 55);
	check_update(7, ORDER_PARTIALLY_FILLED, 200);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 1);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.break_duplicate, 1);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 2);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.break_unknown, 1);
	for (uint64_t m = 10; m < 26; m++) // the memory of 16 forgets the first
		HEAR(EXECUTED, .token = token, .qty = 1, .match_ref = m);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 1);
	assert_int_equal(o.metrics.break_unknown, 2);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 10);
	assert_int_equal(o.metrics.break_applied, 2);
}

static void
a_correction_changes_a_price_and_nothing_else(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 100, .px4 = 55, .match_ref = 1);
	HEAR(CORRECTED, .token = token, .qty = 100, .px4 = 57, .match_ref = 1);
	assert_int_equal(made, ORDERS_FILL); // no strategy has to know
	check_fill(100, 0, false);
	assert_int_equal(fill.corrected, 1);
	assert_int_equal(fill.px4, 57);
	assert_int_equal(fill.was_px4, 55);
	HEAR(CORRECTED, .token = token, .qty = 100, .px4 = 57, .match_ref = 1);
	assert_int_equal(made, 0); // known
	assert_int_equal(o.metrics.correction_duplicate, 1);
	HEAR(CORRECTED, .token = token, .qty = 40, .px4 = 58, .match_ref = 1);
	check_fill(100, 0, false); // of other shares: the price is meant for all that were executed
	assert_int_equal(fill.was_px4, 57);
	assert_int_equal(o.metrics.correction_mismatch, 1);
	HEAR(CORRECTED, .token = token, .qty = 100, .px4 = 58, .match_ref = 2);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.correction_unknown, 1);
	HEAR(TRADE_BROKEN, .token = token, .match_ref = 1);
	assert_int_equal(fill.px4, 58); // is taken back at the price that was right
	HEAR(CORRECTED, .token = token, .qty = 100, .px4 = 59, .match_ref = 1);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.correction_duplicate, 2);
	assert_int_equal(o.metrics.correction_applied, 2);
	assert_int_equal(orders_of_token(&o, token)->open_qty, 200);
	assert_int_equal(orders_of_token(&o, token)->executed_qty, 100);
}

static void
what_the_venue_must_not_say_changes_no_quantity_twice(void **unused)
{
	uint32_t token;

	start();
	token = living(7);
	HEAR(EXECUTED, .token = token, .qty = 301, .match_ref = 1); // more than there is
	check_fill(301, 300, true);
	assert_int_equal(o.metrics.execution_excess, 1);
	HEAR(CANCELED, .token = token, .qty = 300);
	assert_int_equal(made, 0);
	HEAR(ACCEPTED, .token = token, .qty = 300);
	assert_int_equal(made, 0);
	HEAR(CANCEL_REJECTED, .token = token);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.illegal_transition, 3);
	HEAR(EXECUTED, .token = token, .qty = 10, .match_ref = 2);
	check_fill(10, 0, false);
	assert_int_equal(o.metrics.execution_late, 1);
	token = living(8);
	HEAR(CANCELED, .token = token, .qty = UINT32_MAX);
	check_fill(0, 300, true);
	assert_int_equal(o.metrics.cancel_excess, 1);
	HEAR(EXECUTED, .token = 55, .qty = 10, .match_ref = 3);
	assert_int_equal(made, 0);
	assert_int_equal(o.metrics.execution_unknown, 1);
	HEAR(CANCELED, .token = 55, .qty = 10);
	HEAR(REJECTED, .token = 0);
	HEAR(REPLACED, .token = 56, .orig_token = 55);
	assert_int_equal(o.metrics.report_unknown_token, 3);
	hear((struct report){ .type = REPORT_TYPE_CNT, .token = token });
	hear((struct report){ .type = 255, .token = token });
	assert_int_equal(o.metrics.report_unknown_type, 2);
	HEAR(RESTATED, .token = token);
	HEAR(NONE, .token = 0);
	assert_int_equal(made, 0);
	// a replacement that the venue has not confirmed
	token = living(9);
	ask(INTENT_REPLACE, 9, 300, 60, 0);
	HEAR(CANCELED, .token = token + 1, .qty = 300);
	assert_int_equal(made, 0);
	HEAR(CANCEL_REJECTED, .token = token + 1);
	assert_int_equal(made, 0);
	HEAR(ACCEPTED, .token = token + 1, .qty = 300);
	assert_int_equal(made, 0);
	HEAR(REPLACED, .token = token + 1, .orig_token = token + 2, .qty = 300);
	assert_int_equal(made, 0);
	HEAR(REPLACED, .token = token + 1, .orig_token = token, .qty = 301); // more than asked
	assert_int_equal(o.metrics.replace_excess, 1);
	HEAR(CANCELED, .token = token + 1, .qty = 301);
	check_fill(0, 300, true);
	assert_int_equal(o.open_cnt, 0);
}

static void
numbers_only_grow_and_step_over_living_orders(void **unused)
{
	uint32_t first, last = 0;

	start_with(16, 14);
	first = living(7); // stays
	assert_int_equal(first, 14);
	for (uint32_t n = 100; n < 200; n++) {
		ask(INTENT_NEW, n, 10, 50, 10);
		assert_int_equal(made, ORDERS_SEND);
		assert_true(req.token > last);
		assert_int_not_equal(req.token % 16, first % 16);
		last = req.token;
		HEAR(REJECTED, .token = last);
		check_fill(0, 10, true);
	}
	HEAR(EXECUTED, .token = first, .qty = 300, .match_ref = 1);
	check_fill(300, 300, true);
	ask(INTENT_CANCEL, 100, 0, 0, 0); // long forgotten
	assert_int_equal(up.reject_code, ORDERS_REFUSED_UNKNOWN_ORDER);
	assert_int_equal(o.metrics.next_token, last + 1);
}

static void
half_the_table_may_be_open(void **unused)
{
	start_with(16, 1);
	for (uint32_t n = 1; n <= 8; n++)
		living(n);
	ask(INTENT_NEW, 9, 10, 50, 10);
	check_fill(0, 10, true);
	check_update(9, ORDER_REJECTED, 0);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_TABLE_FULL);
	ask(INTENT_REPLACE, 8, 300, 50, 0);
	check_fill(0, 0, false);
	check_update(8, ORDER_LIVE, 300);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_TABLE_FULL);
	HEAR(CANCELED, .token = 3, .qty = 300);
	ask(INTENT_NEW, 9, 10, 50, 10);
	assert_int_equal(made, ORDERS_SEND);
	ask(INTENT_NEW, 9, 10, 50, 10);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_DUPLICATE);
}

static void
no_number_is_used_before_it_is_reserved(void **unused)
{
	start_with(16, 0);
	o.token_end = 3; // as the control side says: 1 and 2 are safe
	ask(INTENT_NEW, 1, 10, 50, 10);
	assert_int_equal(req.token, 1);
	ask(INTENT_NEW, 2, 10, 50, 10);
	assert_int_equal(req.token, 2);
	ask(INTENT_NEW, 3, 10, 50, 10);
	assert_int_equal(made & ORDERS_SEND, 0);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_NO_TOKEN);
	assert_int_equal(fill.released_qty, 10);
	assert_int_equal(o.metrics.refused_no_token, 1);
	assert_int_equal(orders_take_number(&o), 0);
	orders_allow_tokens(&o, 2); // nothing is taken back
	assert_int_equal(o.token_end, 3);
	orders_allow_tokens(&o, 5);
	ask(INTENT_NEW, 4, 10, 50, 10);
	assert_int_equal(req.token, 3);
	assert_int_equal(orders_take_number(&o), 4);
	assert_int_equal(orders_take_number(&o), 0);
}

static void
the_last_number_is_not_used_twice(void **unused)
{
	start_with(16, UINT32_MAX - 1);
	ask(INTENT_NEW, 1, 10, 50, 10);
	assert_int_equal(made, ORDERS_SEND);
	assert_int_equal(req.token, UINT32_MAX - 1);
	ask(INTENT_NEW, 2, 10, 50, 10);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_NO_TOKEN);
}

static unsigned
next(void)
{
	memset(&fill, 0, sizeof(fill));
	memset(&up, 0, sizeof(up));
	made = orders_next(&o, &fill, &up);
	return made;
}

static void
a_disconnect_leaves_fates_open_until_the_venue_says(void **unused)
{
	start();
	living(1);                        // token 1: stays
	ask(INTENT_NEW, 2, 300, 50, 300); // token 2: accepted in the replay
	ask(INTENT_NEW, 3, 300, 50, 300); // token 3: never processed
	living(4);                        // token 4: its cancel is lost
	ask(INTENT_CANCEL, 4, 0, 0, 0);
	living(5); // token 5: its replace (6) is lost
	ask(INTENT_REPLACE, 5, 400, 60, 100);
	orders_on_session_down(&o);
	for (uint32_t name = 2; name <= 5; name++) {
		assert_int_equal(next(), ORDERS_UPDATE);
		check_update(name, ORDER_UNKNOWN, 300);
	}
	assert_int_equal(next(), 0);
	ask(INTENT_NEW, 9, 10, 50, 10);
	check_fill(0, 10, true);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_SESSION_DOWN);
	ask(INTENT_CANCEL, 1, 0, 0, 0);
	check_update(1, ORDER_LIVE, 300);
	assert_int_equal(up.reject_code, ORDERS_REFUSED_SESSION_DOWN);

	HEAR(ACCEPTED, .token = 2, .qty = 300);
	check_update(2, ORDER_LIVE, 300);
	orders_on_session_up(&o, 3);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 300, true);
	check_update(3, ORDER_REJECTED, 0);
	assert_int_equal(next(), ORDERS_UPDATE);
	check_update(4, ORDER_LIVE, 300);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 100, false);
	assert_int_equal(fill.replace_done, 1);
	assert_int_equal(fill.reserved_px4, 50);
	check_update(5, ORDER_LIVE, 300);
	assert_int_equal(next(), 0);
	assert_int_equal(o.open_cnt, 4);
	ask(INTENT_NEW, 9, 10, 50, 10);
	assert_int_equal(req.token, 7); // 3 would do for the venue, never for us
}

static void
a_venue_that_cannot_say_leaves_fates_open(void **unused)
{
	start();
	ask(INTENT_NEW, 2, 300, 50, 300);
	orders_on_session_down(&o);
	assert_int_equal(next(), ORDERS_UPDATE);
	assert_int_equal(next(), 0);
	orders_on_session_up(&o, 0);
	assert_int_equal(next(), 0);
	ask(INTENT_CANCEL, 2, 0, 0, 0); // may be tried
	assert_int_equal(made, ORDERS_SEND);
	orders_on_session_down(&o);
	next();
	orders_on_session_up(&o, 0);
	orders_on_replay_end(&o);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 300, true);
	check_update(2, ORDER_REJECTED, 0);
}

static void
reports_that_are_missing_leave_fates_open_until_somebody_settles_them(void **unused)
{
	start();
	living(1);
	ask(INTENT_NEW, 2, 300, 50, 300); // token 2: never answered
	living(3);
	HEAR(EXECUTED, .token = 3, .qty = 100, .px4 = 55, .match_ref = 1);
	living(4); // token 4, and 5 that is to replace it
	ask(INTENT_REPLACE, 4, 400, 60, 100);
	orders_on_session_down(&o);
	while (next() != 0)
		;
	orders_on_session_up(&o, 0);
	orders_raise_number(&o, 6);
	orders_doubt(&o);
	assert_int_equal(next(), ORDERS_UPDATE); // 2 and 4 were unknown already
	check_update(1, ORDER_UNKNOWN, 300);
	assert_int_equal(next(), ORDERS_UPDATE);
	check_update(3, ORDER_UNKNOWN, 200);
	assert_true(orders_walks(&o));
	assert_int_equal(next(), 0);
	assert_false(orders_walks(&o));
	assert_int_equal(o.open_cnt, 5);

	ask(INTENT_CANCEL, 1, 0, 0, 0); // may be tried, more than once: it may not be there
	assert_int_equal(made, ORDERS_SEND);
	ask(INTENT_CANCEL, 1, 0, 0, 0);
	assert_int_equal(made, ORDERS_SEND);
	HEAR(CANCELED, .token = 1, .qty = 300); // it was
	check_fill(0, 300, true);
	assert_int_equal(orders_settle(&o, 1), 0);
	assert_int_equal(next(), 0);
	assert_int_equal(orders_settle(&o, 5),
			 0); // stands and falls with the one it was to replace
	assert_int_equal(next(), 0);
	assert_int_equal(orders_settle(&o, 3), 1);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 200, true);
	check_update(3, ORDER_CANCELED, 0);
	assert_int_equal(next(), 0);
	assert_int_equal(orders_settle(&o, 0), 2);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 300, true);
	check_update(2, ORDER_CANCELED, 0);
	assert_int_equal(next(), ORDERS_FILL | ORDERS_UPDATE);
	check_fill(0, 400, true); // with the growth that its replace had
	assert_int_equal(fill.replace_done, 1);
	check_update(4, ORDER_CANCELED, 0);
	assert_int_equal(next(), 0);
	assert_int_equal(o.open_cnt, 0);
	assert_int_equal(o.metrics.order_settled, 3);
	HEAR(EXECUTED, .token = 2, .qty = 50, .px4 = 55,
	     .match_ref = 2); // it was there all the same
	check_fill(50, 0, false);
	assert_int_equal(o.metrics.execution_late, 1);
}

static void
orders_of_an_earlier_process_are_adopted(void **unused)
{
	start();
	HEAR(ACCEPTED, .token = 40, .instr_idx = IDX, .side = SIDE_SELL, .qty = 100, .px4 = 50);
	assert_int_equal(up.strategy_idx, STRATEGY_NONE);
	assert_int_equal(o.metrics.order_adopted, 1);
	HEAR(EXECUTED, .token = 40, .qty = 60, .px4 = 50, .match_ref = 1);
	assert_int_equal(fill.executed_qty, 60);
	assert_int_equal(fill.released_qty, 0); // risk never reserved it
	assert_int_equal(fill.head.instr_idx, IDX);
	assert_int_equal(fill.strategy_idx, STRATEGY_NONE);
	HEAR(REPLACED, .token = 41, .orig_token = 40, .instr_idx = IDX, .side = SIDE_SELL,
	     .qty = 40, .px4 = 51);
	assert_int_equal(up.state, ORDER_PARTIALLY_FILLED);
	HEAR(CANCELED, .token = 41, .qty = 40);
	assert_int_equal(fill.order_gone, 1);
	assert_int_equal(o.open_cnt, 0);
	HEAR(ACCEPTED, .token = 42, .qty = 100); // not one of our instruments
	assert_int_equal(o.metrics.report_unknown_token, 1);
	ask(INTENT_NEW, 1, 10, 50, 10);
	assert_int_equal(req.token, 43);
}

static void
dumps_show_each_order_once(void **unused)
{
	struct orders_view v;
	uint32_t cursor = 0, cnt = 0;

	start();
	living(1);
	living(2);
	ask(INTENT_REPLACE, 2, 200, 60, 0);
	while (orders_view_next(&o, &cursor, &v))
		cnt++;
	assert_int_equal(cnt, 3);
	assert_true(orders_view_token(&o, 2, &v));
	assert_int_equal(v.order.state, ORDER_PENDING_REPLACE);
	assert_int_equal(v.session_idx, 1);
	assert_false(orders_view_token(&o, 4, &v));
	assert_false(orders_view_token(&o, 0, &v));
}

static void
a_table_too_large_is_refused(void **unused)
{
	struct orders_config c = { .orders_max = 1 << 25, .executions_max = 16 };
	struct arena small = { .base = arena.base, .size_bytes = 64 };

	assert_int_equal(orders_init(&o, &c, &arena), -EINVAL);
	c.orders_max = 16;
	c.session_idx = SESSION_MAX;
	assert_int_equal(orders_init(&o, &c, &arena), -EINVAL);
	c.session_idx = 0;
	assert_int_equal(orders_init(&o, &c, &small), -ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_state_is_never_left),
		cmocka_unit_test(an_order_lives_and_is_filled),
		cmocka_unit_test(an_order_may_be_refused_dead_or_smaller),
		cmocka_unit_test(a_cancel_ends_an_order_by_steps),
		cmocka_unit_test(a_modify_takes_shares_or_marks_a_sale),
		cmocka_unit_test(the_venues_new_number_is_remembered),
		cmocka_unit_test(a_cancel_may_keep_some_shares),
		cmocka_unit_test(a_cancel_before_the_answer_is_in_order),
		cmocka_unit_test(a_cancel_the_venue_cannot_do_leaves_the_order),
		cmocka_unit_test(a_replace_counts_what_was_executed),
		cmocka_unit_test(a_replace_may_shrink),
		cmocka_unit_test(a_refused_replace_leaves_the_order),
		cmocka_unit_test(a_fill_beats_the_replace),
		cmocka_unit_test(a_cancel_follows_the_replace),
		cmocka_unit_test(an_execution_counts_once_and_may_be_broken),
		cmocka_unit_test(a_correction_changes_a_price_and_nothing_else),
		cmocka_unit_test(what_the_venue_must_not_say_changes_no_quantity_twice),
		cmocka_unit_test(numbers_only_grow_and_step_over_living_orders),
		cmocka_unit_test(half_the_table_may_be_open),
		cmocka_unit_test(no_number_is_used_before_it_is_reserved),
		cmocka_unit_test(the_last_number_is_not_used_twice),
		cmocka_unit_test(a_disconnect_leaves_fates_open_until_the_venue_says),
		cmocka_unit_test(a_venue_that_cannot_say_leaves_fates_open),
		cmocka_unit_test(
			reports_that_are_missing_leave_fates_open_until_somebody_settles_them),
		cmocka_unit_test(orders_of_an_earlier_process_are_adopted),
		cmocka_unit_test(dumps_show_each_order_once),
		cmocka_unit_test(a_table_too_large_is_refused),
	};

	if (arena_open(&arena, 1 << 20) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
