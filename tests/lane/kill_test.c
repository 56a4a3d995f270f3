/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/kill.h"
#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"

/* The kill switch as a lane knows it, judged by what the venue sees; no control thread does
 * anything. */
enum {
	MESSAGES = 1000,
};

#define MS_NS 1000000ULL

static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 1000, "
	"imbalance_min_bp: 5500, cooldown_us: 0 }\n"
	"  - { name: maker, kind: quote, instruments: [AAPL], qty: 100, position_max_qty: 500, "
	"cooldown_us: 0, spread_max_usd: 100 }\n";
static const char *const MAPS[] = {
	NULL,
	"rx arb | parse book strategy | risk | orders encode tcp report",
};

static struct flow flow;
static size_t flow_at;

/* The next messages of the day, one packet each. */
static void
play(struct lab *lab, unsigned cnt)
{
	for (; cnt > 0 && flow_at < flow.len; cnt--) {
		const size_t len = 2 + (size_t)be16_get(*(const be16 *)(flow.data + flow_at));

		lab_market_data(lab, 0, flow.data + flow_at, len, 1);
		lab_advance(lab, 20 * MS_NS);
		if (cnt % 25 == 0)
			peer_heartbeat(&lab->peer);
		flow_at += len;
	}
}

static struct lab *
open_trading(const char *lanes, bool ouch42)
{
	struct lab *lab = lab_open(
		&(struct lab_setup){ .lanes = lanes, .ouch42 = ouch42, .strategies = STRATEGIES });

	lab_session_up(lab);
	flow_make(&flow, MESSAGES, 3);
	flow_at = 0;
	play(lab, MESSAGES / 2);
	// it has a lot to say; with OUCH 4.2 this venue answers too little for that
	assert_true(ouch42 || lab->peer.enter_cnt + lab->peer.replace_cnt >= 20);
	assert_true(lab_lane_with(lab, ORDERS)->session[0]->orders.open_cnt >= 2);
	return lab;
}

static int
clean(void **state)
{
	halt_kill_release();
	halt_set(HALT_DISARMED);
	control_beat_stop();
	flow_free(&flow);
	flow.data = NULL;
	return 0;
}

/* How many messages of a type the venue got since. */
static unsigned
told(const struct lab *lab, size_t since, const char *types)
{
	unsigned cnt = 0;

	for (size_t at = since; at < lab->peer.log_len;
	     at += 2 + (size_t)be16_get(*(const be16 *)(lab->peer.log + at)))
		cnt += strchr(types, lab->peer.log[at + 2]) != NULL;
	return cnt;
}

static void
one_mass_cancel_then_each_order_and_nothing_new(void **state)
{
	for (size_t m = 0; m < ARRAY_CNT(MAPS); m++) {
		struct lab *lab = open_trading(MAPS[m], false);
		const struct session *s = lab_lane_with(lab, ORDERS)->session[0];
		const uint32_t working = s->orders.open_cnt;
		size_t since = lab->peer.log_len;

		halt_kill(KILL_SIGNAL, 0);
		for (unsigned i = 0; i < 20; i++)
			lab_advance(lab, MS_NS); // housekeeping comes to it
		assert_int_equal(told(lab, since, "C"), 1);
		assert_int_equal(metric_get(&s->metrics.kill_mass_cancel), 1);
		play(lab, 50);
		// this venue does not know mass cancels: after a while they go one by one
		for (unsigned i = 0; i < 150; i++)
			lab_advance(lab, MS_NS);
		assert_int_equal(told(lab, since, "C"), 1);
		assert_true(told(lab, since, "X") >= working);
		assert_int_equal(s->orders.open_cnt, 0);
		play(lab, MESSAGES);
		assert_int_equal(told(lab, since, "OU"), 0);
		assert_true(halt_kill_release());
		lab_advance(lab, MS_NS);
		lab_close(lab);
		clean(NULL);
	}
}

static void
without_a_mass_cancel_each_order_is_cancelled_at_once(void **state)
{
	struct lab *lab = open_trading(NULL, true);
	const struct session *s = lab_lane_with(lab, ORDERS)->session[0];
	const uint32_t before = lab->peer.cancel_cnt;
	struct orders_view view;
	uint32_t cursor = 0;
	const size_t since = lab->peer.log_len;

	halt_kill(KILL_CONTROL, 0);
	for (unsigned i = 0; i < 20; i++)
		lab_advance(lab, MS_NS);
	// this venue answers no cancel: each order waits for that
	assert_true(lab->peer.cancel_cnt > before);
	while (orders_view_next(&s->orders, &cursor, &view))
		assert_true(order_state_is_end(view.order.state) ||
			    view.order.state == ORDER_PENDING_CANCEL);
	assert_int_equal(metric_get(&s->metrics.kill_mass_cancel), 0);
	assert_true(metric_get(&s->metrics.kill_cancel_round) >= 1);
	play(lab, MESSAGES);
	assert_int_equal(told(lab, since, "OU"), 0);
	lab_close(lab);
}

/* An order that passed risk and waits on the ring to its session when the switch is thrown. */
static void
what_waits_behind_risk_is_refused_too(void **state)
{
	struct lab *lab = open_trading(MAPS[1], false);
	struct lane *risk = lab_lane_with(lab, RISK), *wire = lab_lane_with(lab, ORDERS);
	const struct orders_metrics *m = &wire->session[0]->orders.metrics;
	const size_t since = lab->peer.log_len;
	struct order order = {
		.head.instr_idx = 1,
		.px4 = 5850000,
		.qty = 100,
		.reserve_qty = 100,
		.kind = INTENT_NEW,
		.intent_id = 4000000,
		.session_idx = 0,
	};

	ring_put(risk->order_out[0], &order);
	order.kind = INTENT_CANCEL;
	order.orig_id = order.intent_id;
	ring_put(risk->order_out[0], &order);
	halt_kill(KILL_OPERATOR, 0);
	lab_settle(lab);
	assert_int_equal(told(lab, since, "OU"), 0);
	assert_int_equal(metric_get(&m->refused_halted), 1);
	assert_int_equal(metric_get(&m->refused_unknown_order), 1); // the cancel was looked at
	lab_close(lab);
}

static void
a_silent_control_thread_makes_the_lane_fire(void **state)
{
	struct lab *lab = open_trading(NULL, false);
	struct lane *l = lab_lane_with(lab, ORDERS);
	const size_t since = lab->peer.log_len;

	l->control_silence_cycles = 1ULL << 40; // minutes
	control_beat_start();
	for (unsigned i = 0; i < 20; i++)
		lab_advance(lab, MS_NS);
	assert_false(halt_is_killed());
	store_relaxed_u64(&control_beat.tsc, clock_tsc() - 1000);
	l->control_silence_cycles = 999;
	for (unsigned i = 0; i < 20; i++)
		lab_advance(lab, MS_NS);
	assert_true(halt_is_killed());
	assert_int_equal(kill_switch_flag.cause, KILL_CONTROL);
	assert_int_equal(told(lab, since, "C"), 1);
	play(lab, MESSAGES);
	assert_int_equal(told(lab, since, "OU"), 0);
	lab_close(lab);
}

static void
nobody_is_silent_before_the_control_loop_runs(void **state)
{
	struct lab *lab = open_trading(NULL, false);

	lab_lane_with(lab, ORDERS)->control_silence_cycles = 1;
	for (unsigned i = 0; i < 20; i++)
		lab_advance(lab, MS_NS);
	assert_false(halt_is_killed());
	lab_close(lab);
}

static void
a_late_answer_counts_once(void **state)
{
	struct lab *lab = open_trading(NULL, false);
	struct session *s = lab_lane_with(lab, ORDERS)->session[0];
	const uint64_t before = metric_get(&s->metrics.ack_late);

	s->ack_late_cycles = 1; // every answer is late
	play(lab, 100);
	assert_true(metric_get(&s->metrics.ack_late) > before);
	// one that never comes: counted while it is waited for, and not again when it comes
	s->ack_token = 77;
	s->ack_sent_tsc = clock_tsc() - 1000;
	s->ack_late_told = 0;
	session_look_at_ack(s);
	session_look_at_ack(s);
	assert_int_equal(s->ack_late_told, 77);
	assert_true(metric_get(&s->metrics.ack_late) > before + 1);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_mass_cancel_then_each_order_and_nothing_new, clean),
		cmocka_unit_test_teardown(without_a_mass_cancel_each_order_is_cancelled_at_once,
					  clean),
		cmocka_unit_test_teardown(what_waits_behind_risk_is_refused_too, clean),
		cmocka_unit_test_teardown(a_silent_control_thread_makes_the_lane_fire, clean),
		cmocka_unit_test_teardown(nobody_is_silent_before_the_control_loop_runs, clean),
		cmocka_unit_test_teardown(a_late_answer_counts_once, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
