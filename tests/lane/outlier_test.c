/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/units.h"
#include "boot/lane_latency.h"
#include "boot/latency_watch.h"
#include "boot/outlier_watch.h"
#include "err/err.h"
#include "lab.h"
#include "lane/housekeeping.h"
#include "lane/lane_api.h"
#include "observe/state_gateway.h"
#include "taker_day.h"

/* Orders that take long, made slow on purpose, and what the gateway says about them. */
enum {
	WARM = 200,
	STEP_NS = 1000000,
	FIRST_REF = 1000,
	SLOW_MS = 8, // above the limit where lanes share cores
};

static struct lab *lab;
static uint64_t next_ref;

/* A bid that joins the best price: the taker answers each with an order. */
static struct block
trigger(void)
{
	return block_add(next_ref++, 'B', TAKER_DAY_QTY, TAKER_DAY_BID_PX4);
}

static void
open_lab(const char *lanes, uint32_t sample_every)
{
	struct block b;

	lab = lab_open(&(struct lab_setup){ .lanes = lanes,
					    .strategies = TAKER_DAY,
					    .sample_every = sample_every,
					    .real_clock = true,
					    .no_warm_up = true });
	next_ref = FIRST_REF;
	lab_session_up(lab);
	taker_day_begin(lab);
	for (unsigned i = 0; i < WARM; i++) {
		b = trigger();
		taker_day_tell(lab, &b);
		lab_advance(lab, STEP_NS);
	}
}

static struct lane *
wire(void)
{
	return lab_lane_with(lab, ORDERS);
}

static uint64_t
order_cnt(void)
{
	return wire()->latency[LATENCY_TICK_TO_TRADE]->cnt;
}

/* Nobody turns the lanes for a while. */
static void
stand_still(void)
{
	const struct timespec t = { .tv_nsec = SLOW_MS * 1000000L };

	nanosleep(&t, NULL);
}

static void
drop_notes(void)
{
	struct err e;

	err_init(&e);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		union slow_note s;

		while (ring_take(&lab->g.lane[i]->slow.ring, &s))
			continue;
		outlier_watch_lane_runs(i); // we are the lanes' thread
	}
	if (lab->g.outliers == NULL)
		assert_int_equal(outlier_watch_open(&lab->g, &e), 0);
	outlier_watch_look(&lab->g); // a first reading
}

static void
close_lab(void)
{
	outlier_watch_close(&lab->g);
	lab_close(lab);
}

static const struct state_outlier *
worst(void)
{
	static struct state_outlier row[1];
	const struct timespec t = { .tv_nsec = 120000000L }; // until /proc is read again

	outlier_watch_look(&lab->g);
	nanosleep(&t, NULL);
	outlier_watch_look(&lab->g);
	assert_true(outlier_source_rows(&lab->g, row, 1) >= 1);
	print_message("# %s: %s\n", row[0].cause, row[0].words);
	return row;
}

static void
a_stall_before_the_trigger_is_its_time(void **state)
{
	const struct state_outlier *o;
	struct block b;

	open_lab(NULL, 64);
	drop_notes();
	for (unsigned i = 0; i < 40; i++) // the clock was read a moment ago
		lane_turn_once(lab->g.lane[0]);
	b = trigger();
	lab_market_data(lab, 0, b.data, b.len, 1);
	stand_still();
	lab_settle(lab);
	o = worst();
	assert_in_range(o->waited_ns, SLOW_MS * 1000000, SLOW_MS * 100000000ULL);
	assert_true(o->stall_ns >= o->waited_ns / 2);
	assert_in_range(o->took_ns, 1, SLOW_MS * 1000000); // itself it was no slower
	assert_string_equal(o->strategy, "taker");
	assert_string_equal(o->session, "oe");
	assert_int_equal(o->burst_cnt, 1);
	assert_true(o->window_ns != 0);
	assert_true(o->core.own_switches != 0);  // nanosleep
	if (strcmp(o->cause, "hypervisor") == 0) // a busy host took the core meanwhile, too
		assert_true(o->core.steal_ns >= o->stall_ns / 4);
	else
		assert_true(strcmp(o->cause, "gave the core away") == 0 ||
			    strcmp(o->cause, "competing thread") == 0 ||
			    strcmp(o->cause, "page fault") == 0);
	assert_true(metric_get(&lab->g.lane[0]->metrics.stall) >= 1);
	assert_true(metric_get(&lab->g.lane[0]->metrics.stall_max_ns) >= SLOW_MS * 1000000);
	outlier_source_reset(&lab->g);
	assert_int_equal(outlier_source_rows(&lab->g, NULL, 0), 0);
	close_lab();
}

/* Two frames arrive at once, and the first is answered: the second has waited for that. */
static void
a_frame_behind_another_is_timed_from_its_burst(void **state)
{
	uint64_t cnt, rx_cnt, rx_tsc = 0;
	union slow_note s;
	struct lane *l;

	open_lab(NULL, 1);
	drop_notes();
	l = lab->g.lane[0];
	cnt = order_cnt();
	rx_cnt = l->latency[LATENCY_RX]->cnt;
	for (unsigned i = 0; i < 2; i++) {
		const struct block b = trigger();

		lab_market_data(lab, 0, b.data, b.len, 1);
	}
	l->slow.limit_q16 = 1; // whatever it takes, it is told
	for (unsigned i = 0; l->latency[LATENCY_RX]->cnt < rx_cnt + 2 && i < 10; i++)
		lane_turn_once(l);
	assert_int_equal(l->latency[LATENCY_RX]->cnt, rx_cnt + 2);
	assert_int_equal(order_cnt(), cnt + 1);
	while (ring_take(&l->slow.ring, &s))
		if (s.order.kind == SLOW_ORDER) {
			assert_int_equal(s.order.burst_cnt, 2);
			assert_int_equal(s.order.burst_pos, 1);
			rx_tsc = s.order.rx_tsc;
			assert_true(s.order.tx_tsc > rx_tsc);
		}
	assert_true(rx_tsc != 0);
	assert_true(l->slow.trip.rx_tsc == rx_tsc); // the second's way began when the first's did
	assert_true(l->now_tsc > rx_tsc);           // although the clock was read since
	close_lab();
}

static void
stages_of_a_sampled_trigger_come_from_every_lane_of_its_way(void **state)
{
	static const char *const LANES[] = {
		"rx arb parse book strategy risk orders encode tcp report",
		"rx arb | parse book strategy | risk | orders encode tcp report",
		"rx arb | parse book | strategy | risk | orders encode tcp report",
	};

	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		const struct state_outlier *o;
		uint64_t sum_ns = 0, cnt;
		struct block b;

		print_message("# %s\n", LANES[n]);
		open_lab(LANES[n], 1);
		drop_notes();
		cnt = order_cnt();
		wire()->slow.limit_q16 = 1;
		b = trigger();
		taker_day_tell(lab, &b);
		assert_int_equal(order_cnt(), cnt + 1);
		o = worst();
		assert_true(o->staged);
		for (uint32_t i = LATENCY_RX; i <= LATENCY_SEND; i++)
			assert_true(o->stage_ns[i - LATENCY_STAGE_FIRST] != 0);
		assert_true((o->stage_ns[LATENCY_HOP_INTENT - LATENCY_STAGE_FIRST] != 0) ==
			    (n > 0));
		assert_true((o->stage_ns[LATENCY_HOP_BBO - LATENCY_STAGE_FIRST] != 0) == (n > 1));
		for (uint32_t i = 0; i < LATENCY_STAGE_CNT; i++)
			sum_ns += o->stage_ns[i];
		assert_in_range(sum_ns, 1, o->took_ns);
		close_lab();
	}
}

static void
the_threshold_settles_where_one_in_some_hundred_is_above(void **state)
{
	struct lane *l;
	uint64_t told = 0, rng = 1, orders = 0;

	open_lab(NULL, 0);
	l = lab->g.lane[0];
	l->slow.limit_q16 = 1000ULL << SLOW_LIMIT_BITS;
	for (unsigned i = 0; i < 400000; i++) { // as turn_tick_to_trade does
		const uint64_t cycles =
			500 + (rng = rng * 6364136223846793005 + 1) / (UINT64_MAX / 4000);
		struct lane_sent sent = { .rx_tsc = l->now_tsc - cycles,
					  .session = l->session_here[0],
					  .strategy_idx = 0 };

		if (cycles << SLOW_LIMIT_BITS <= l->slow.limit_q16) {
			l->slow.limit_q16 -= l->slow.limit_q16 >> 12;
		} else {
			slow_order(l, &sent);
			told += i >= 200000;
		}
		orders += i >= 200000;
	}
	assert_in_range(told * 1000 / orders, 4, 12);        // 7.7 per thousand
	assert_true(metric_get(&l->metrics.note_lost) != 0); // nobody took them, and it is said
	close_lab();
}

static void
times_that_cannot_be_are_counted_and_left_out(void **state)
{
	struct lane *l;
	struct hist *h;
	uint64_t cnt;
	struct block b;

	open_lab(NULL, 64);
	l = lab->g.lane[0];
	h = l->latency[LATENCY_TICK_TO_TRADE];
	cnt = h->cnt;
	record_time(l, h, (uint64_t)-5); // the TSC of another core
	assert_int_equal(h->cnt, cnt);
	assert_int_equal(metric_get(&l->metrics.time_backwards), 1);
	record_time(l, h, 1ULL << HIST_MAX_BITS);
	assert_int_equal(h->cnt, cnt + 1);
	assert_int_equal(metric_get(&l->metrics.time_overflow), 1);
	l->slow.seen_tsc = clock_tsc() + (1ULL << 40); // the clock goes back
	b = trigger();
	taker_day_tell(lab, &b);
	assert_true(metric_get(&l->metrics.time_backwards) >= 2);
	assert_int_equal(h->cnt, cnt + 2);
	close_lab();
}

static void
each_strategy_and_session_has_its_own_histogram(void **state)
{
	struct lane *l;

	open_lab("rx arb parse book strategy | risk orders encode tcp report", 64);
	l = wire();
	assert_true(order_cnt() >= WARM / 2);
	assert_int_equal(l->of_strategy[0]->cnt, order_cnt());
	assert_int_equal(l->of_session[0]->cnt, order_cnt());
	assert_int_equal(l->ack_of_session[0]->cnt, l->latency[LATENCY_ORDER_TO_ACK]->cnt);
	assert_true(l->ack_of_session[0]->cnt != 0);
	close_lab();
}

/* What lanes record in nanoseconds of the day comes to the same clock as the rest. */
static void
times_of_the_device_and_the_exchange_are_differences(void **state)
{
	static struct hist device;
	struct lane *l;
	struct hist *age;
	struct block b;
	uint64_t cnt;

	open_lab(NULL, 1);
	l = lab->g.lane[0];
	age = l->age_of_feed[0];
	memset(&device, 0, sizeof(device));
	l->device_to_trade = &device; // as if the port had stamped the frame when the burst came
	cnt = order_cnt();
	assert_int_equal(age->cnt, 0); // the messages' time is midnight, years ago
	assert_true(metric_get(&l->metrics.feed_age_implausible) != 0);
	lane_housekeeping(l);
	l->midnight_ns = l->now_ns - 5000000; // 5 ms before now
	b = trigger();
	taker_day_tell(lab, &b);
	assert_int_equal(order_cnt(), cnt + 1);
	assert_int_equal(device.cnt, 1);
	assert_in_range(clock_cycles_to_ns(&l->clock, device.max), 1, 1000000000);
	assert_int_equal(age->cnt, 1);
	assert_in_range(clock_cycles_to_ns(&l->clock, age->max), 4990000, 5000000000);
	l->device_to_trade = NULL;
	close_lab();
}

static const struct state_latency_row *
row_named(const struct state_latency_row *row, int cnt, const char *name)
{
	for (int i = 0; i < cnt; i++)
		if (strcmp(row[i].name, name) == 0)
			return &row[i];
	fail_msg("there is no row '%s'", name);
	return NULL;
}

static void
the_table_has_rows_of_its_own_for_who_sends(void **state)
{
	static struct state_latency_row row[STATE_LATENCY_MAX];
	char path[] = "/tmp/sluice_export_XXXXXX", line[256];
	uint64_t orders;
	struct err e;
	FILE *f;
	int cnt;

	err_init(&e);
	open_lab(NULL, 64);
	assert_int_equal(latency_watch_open(&lab->g, &e), 0);
	orders = order_cnt();
	metric_add(&wire()->metrics.time_backwards, 3);
	cnt = latency_source_rows(&lab->g, row, STATE_LATENCY_MAX);
	assert_int_equal(row_named(row, cnt, "tick-to-trade")->cnt, orders);
	assert_int_equal(row_named(row, cnt, "tick-to-trade of taker")->cnt, orders);
	assert_int_equal(row_named(row, cnt, "tick-to-trade on oe")->cnt, orders);
	assert_int_equal(row_named(row, cnt, "tick-to-trade at sim")->cnt, orders);
	assert_true(row_named(row, cnt, "order-to-ack on oe")->cnt != 0);
	assert_int_equal(row_named(row, cnt, "feed age itch")->cnt, 0);
	assert_non_null(strstr(row[0].source, "TSC at "));
	assert_non_null(strstr(row[0].note, "3 times were below 0 and are left out."));
	assert_true(latency_source_interval(&lab->g, row, 1) > 1);
	assert_int_equal(row[0].cnt, 0); // none has ended
	latency_watch_look(&lab->g, lab->g.start_ns + 10 * NS_PER_SEC);
	latency_source_interval(&lab->g, row, 1);
	assert_int_equal(row[0].cnt, orders);

	close(mkstemp(path));
	assert_int_equal(latency_source_export(&lab->g, path, "hdr", &e), -EEXIST);
	unlink(path);
	assert_int_equal(latency_source_export(&lab->g, path, "gif", &e), -EINVAL);
	assert_int_equal(latency_source_export(&lab->g, path, "hdr", &e), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "#[Histogram log format version 1.3]\n");
	fclose(f);
	unlink(path);
	latency_watch_close(&lab->g);
	close_lab();
}

static void
a_lane_takes_a_new_clock_where_the_old_one_is(void **state)
{
	struct command_time time;
	struct command *c;
	struct lane *l;
	uint64_t before_ns;

	open_lab(NULL, 64);
	l = lab->g.lane[0];
	lane_housekeeping(l);
	before_ns = l->now_ns;
	time = (struct command_time){ .clock = l->clock, .midnight_ns = 77 };
	time.clock.base_ns = l->now_ns;
	time.clock.base_tsc = l->now_tsc;
	time.clock.ns_per_2_32_cycles += time.clock.ns_per_2_32_cycles / 2000;
	c = &l->command;
	c->kind = COMMAND_TIME;
	c->reply = &time;
	c->reply_max = sizeof(time);
	command_ask(c);
	lane_housekeeping(l);
	assert_int_equal(c->result, 0);
	assert_memory_equal(&l->clock, &time.clock, sizeof(time.clock));
	assert_int_equal(l->midnight_ns, 77);
	lane_housekeeping(l);
	assert_true(l->now_ns > before_ns);
	time.clock.base_ns -= 2000000000; // nothing that corrects a drift
	command_ask(c);
	lane_housekeeping(l);
	assert_int_equal(c->result, -EINVAL);
	assert_true(l->clock.base_ns != time.clock.base_ns);
	close_lab();
}

/* As sluicectl reload does it. */
static void
a_reload_changes_what_is_stamped_and_what_a_stall_is(void **state)
{
	static const char *const LANES =
		"rx arb | parse book strategy | risk orders encode tcp report";
	const struct lane *rx, *wait;
	struct command *busy;
	uint64_t stamped, stalls;
	struct config *c;
	struct block b;

	open_lab(LANES, 0);
	c = lab->g.config;
	rx = lab->g.lane[0];
	assert_int_equal(rx->latency[LATENCY_RX]->cnt, 0);
	c->latency.stage_sample_every = 1;
	c->latency.stall_us = 0;
	// one lane has not read its last letter: it is told later, the others at once
	wait = lab->g.lane[1];
	busy = &lab->g.lane[1]->command;
	busy->kind = COMMAND_NONE;
	command_ask(busy);
	lane_latency_reloaded(&lab->g);
	assert_int_equal(lab->g.measure_due, 1 << 1);
	assert_int_equal(wait->sample_every, 0);
	lane_housekeeping(lab->g.lane[1]);
	lane_latency_look(&lab->g);
	assert_int_equal(lab->g.measure_due, 0);
	assert_int_equal(wait->sample_every, 1);
	stamped = rx->latency[LATENCY_RX]->cnt;
	for (unsigned i = 0; i < 10; i++) {
		b = trigger();
		taker_day_tell(lab, &b);
	}
	assert_int_equal(rx->latency[LATENCY_RX]->cnt, stamped + 10);
	for (unsigned i = 0; i < 40; i++)
		lane_turn_once(lab->g.lane[0]);
	stalls = metric_get(&rx->metrics.stall);
	stand_still();
	for (unsigned i = 0; i < 40; i++)
		lane_turn_once(lab->g.lane[0]);
	assert_int_equal(metric_get(&rx->metrics.stall), stalls);
	c->latency.stage_sample_every = 0;
	c->latency.stall_us = 20;
	lane_latency_reloaded(&lab->g);
	stamped = rx->latency[LATENCY_RX]->cnt;
	b = trigger();
	taker_day_tell(lab, &b);
	assert_int_equal(rx->latency[LATENCY_RX]->cnt, stamped);
	stand_still();
	for (unsigned i = 0; i < 40; i++)
		lane_turn_once(lab->g.lane[0]);
	assert_int_equal(metric_get(&rx->metrics.stall), stalls + 1);
	close_lab();
}

static void
lanes_show_the_rings_they_take_from(void **state)
{
	struct state_lane row[LANE_MAX];
	struct state_source source;

	open_lab("rx arb | parse book strategy | risk | orders encode tcp report", 64);
	state_gateway_source(&lab->g, &source);
	assert_int_equal(source.lanes(source.ctx, row, LANE_MAX), 4);
	assert_int_equal(row[1].ring_cnt, 3); // datagram, update, verdict
	assert_int_equal(row[2].ring_cnt, 3); // intent, mark, fill
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < row[i].ring_cnt; k++) {
			assert_true(row[i].ring[k].slot_cnt != 0);
			assert_int_equal(row[i].ring[k].depth, 0);
		}
	{
		struct lane *risk = lab_lane_with(lab, RISK);
		const struct intent in = { .strategy_idx = 0 };
		bool seen = false;

		ring_put(risk->in[HOP_intent][0], &in);
		assert_int_equal(source.lanes(source.ctx, row, LANE_MAX), 4);
		for (unsigned k = 0; k < row[2].ring_cnt; k++)
			if (strcmp(row[2].ring[k].kind, "intent") == 0) {
				assert_int_equal(row[2].ring[k].depth, 1);
				assert_string_equal(row[2].ring[k].from, "lane1");
				seen = true;
			}
		assert_true(seen);
	}
	close_lab();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stall_before_the_trigger_is_its_time),
		cmocka_unit_test(a_frame_behind_another_is_timed_from_its_burst),
		cmocka_unit_test(stages_of_a_sampled_trigger_come_from_every_lane_of_its_way),
		cmocka_unit_test(the_threshold_settles_where_one_in_some_hundred_is_above),
		cmocka_unit_test(times_that_cannot_be_are_counted_and_left_out),
		cmocka_unit_test(each_strategy_and_session_has_its_own_histogram),
		cmocka_unit_test(times_of_the_device_and_the_exchange_are_differences),
		cmocka_unit_test(the_table_has_rows_of_its_own_for_who_sends),
		cmocka_unit_test(a_lane_takes_a_new_clock_where_the_old_one_is),
		cmocka_unit_test(a_reload_changes_what_is_stamped_and_what_a_stall_is),
		cmocka_unit_test(lanes_show_the_rings_they_take_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
