/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "boot/lane_latency.h"
#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"
#include "lane/rehearsal.h"
#include "lane/turn.h"
#include "observe/state_gateway.h"

/* Sending an order without sending one: what it may change, and that it happens at all. */
enum {
	MESSAGES = 300,
	QUIET_NS = 2000000, // longer than warm_up_us
};

static const char *const LANES[] = {
	"rx arb parse book strategy risk orders encode tcp report",
	"rx arb parse book strategy | risk orders encode tcp report",
	"rx arb | parse book strategy risk | orders encode tcp report",
	"rx arb | parse book strategy | risk | orders encode tcp report",
	"rx arb | parse book | strategy | risk | orders encode tcp report",
	"rx arb parse book | strategy risk orders encode tcp report",
};

static uint64_t
rehearsals(const struct lab *lab, bool broken_off)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		cnt += broken_off ? lab->g.lane[i]->metrics.rehearsal_broken_off
				  : lab->g.lane[i]->metrics.rehearsal;
	return cnt;
}

static void
a_quiet_lane_rehearses_and_nothing_changes(void **state)
{
	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		struct lab *lab = lab_open(&(struct lab_setup){ .lanes = LANES[n] });
		struct lane *risk = lab_lane_with(lab, RISK), *wire = lab_lane_with(lab, ORDERS);
		const struct session *s = wire->session[0];
		const unsigned lanes = risk == wire ? 1 : 2;
		struct orders_metrics orders;
		struct risk_metrics judged;
		uint64_t sent_cnt, cnt;
		uint32_t snd_nxt, token;
		size_t log_len;

		print_message("# %s\n", LANES[n]);
		lab_session_up(lab);
		orders = s->orders.metrics;
		judged = risk->risk->metrics;
		snd_nxt = s->tcp.snd_nxt;
		token = s->orders.next_token;
		sent_cnt = wire->metrics.order_sent;
		log_len = lab->peer.log_len;
		cnt = rehearsals(lab, false);
		for (unsigned i = 0; i < 20; i++)
			lab_advance(lab, QUIET_NS);
		assert_in_range(rehearsals(lab, false) - cnt, 18 * lanes, 22 * lanes);
		assert_int_equal(rehearsals(lab, true), 0);
		assert_memory_equal(&orders, &s->orders.metrics, sizeof(orders));
		assert_memory_equal(&judged, &risk->risk->metrics, sizeof(judged));
		assert_int_equal(s->tcp.snd_nxt, snd_nxt);
		assert_int_equal(s->orders.next_token, token);
		assert_int_equal(s->orders.open_cnt, 0);
		assert_int_equal(risk->risk->metrics.intent_passed, 0);
		assert_true(risk_gross(&risk->risk->node[RISK_NODE_FIRM]) == 0);
		assert_int_equal(wire->metrics.order_sent, sent_cnt);
		assert_int_equal(wire->metrics.order_refused, 0);
		assert_int_equal(lab->peer.log_len, log_len);
		assert_int_equal(lab->peer.bad_cnt, 0);
		lab_close(lab);
	}
}

/* A day with pauses; what the venue got. */
static uint8_t *
play(const char *lanes, bool no_warm_up, size_t *len, uint64_t *cnt)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .lanes = lanes, .no_warm_up = no_warm_up });
	struct flow flow;
	uint8_t *log;

	lab_session_up(lab);
	flow_make(&flow, MESSAGES, 11);
	for (size_t at = 0, end; at < flow.len; at = end) {
		end = at + 2 + be16_get(*(const be16 *)(flow.data + at));
		lab_market_data(lab, 0, flow.data + at, end - at, 1);
		lab_settle(lab);
		lab_advance(lab, QUIET_NS);
	}
	flow_free(&flow);
	*len = lab->peer.log_len;
	log = malloc(*len);
	assert_non_null(log);
	memcpy(log, lab->peer.log, *len);
	*cnt = rehearsals(lab, false);
	assert_true(lab->peer.enter_cnt > 10);
	assert_int_equal(lab->peer.bad_cnt, 0);
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
	return log;
}

static void
a_day_sends_the_same_bytes_with_and_without(void **state)
{
	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		size_t with_len, without_len;
		uint64_t cnt;
		uint8_t *with, *without;

		print_message("# %s\n", LANES[n]);
		without = play(LANES[n], true, &without_len, &cnt);
		assert_int_equal(cnt, 0);
		with = play(LANES[n], false, &with_len, &cnt);
		assert_true(cnt > MESSAGES / 2);
		assert_int_equal(with_len, without_len);
		assert_memory_equal(with, without, with_len);
		free(with);
		free(without);
	}
}

static void
nothing_is_rehearsed_while_orders_may_not_leave(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	uint64_t cnt;

	lab_advance(lab, QUIET_NS); // no session yet
	assert_int_equal(rehearsals(lab, false), 0);
	lab_session_up(lab);
	cnt = rehearsals(lab, false);
	halt_set(HALT_OPERATOR);
	for (unsigned i = 0; i < 10; i++)
		lab_advance(lab, QUIET_NS);
	assert_int_equal(rehearsals(lab, false), cnt);
	halt_lift(HALT_OPERATOR);
	lab_advance(lab, QUIET_NS);
	assert_int_equal(rehearsals(lab, false), cnt + 1);
	lab_close(lab);
}

/* All counters are 0 but those in mask. */
static void
assert_only(const void *metrics, size_t bytes, uint64_t mask)
{
	const uint64_t *counter = metrics;

	for (size_t i = 0; i < bytes / sizeof(*counter); i++)
		if (!(mask >> i & 1))
			assert_int_equal(counter[i], 0);
}

#define COUNTER(metrics, name) (1ULL << offsetof(struct metrics, name) / sizeof(uint64_t))

/*
 * In a lane that holds all stages a made-up packet goes all the way, by each kind of strategy and
 * each kind of message; the doubles find nothing odd in it, however often, and the lane's own see
 * nothing of it.
 */
static void
made_up_packets_go_all_the_way(const char *feeds_more, bool queues)
{
	enum { ROUNDS = 20 * REHEARSAL_FRAMES };
	struct lab *lab =
		lab_open(&(struct lab_setup){ .sample_every = 1, .feeds_more = feeds_more });
	struct lane *l = lab->g.lane[0];
	const struct rehearsal_feed *f = l->rehearsal->feed;
	const struct orders *orders = &l->rehearsal->session[0]->orders;
	const struct parse_metrics *parse = &f->parse.metrics;
	const uint64_t half = ROUNDS / 2;
	struct strategy_metrics *wisher[2];
	uint64_t digest, received_cnt;

	assert_non_null(f);
	assert_int_equal(book_has_queues(&f->book), queues);
	assert_int_equal(f->wisher_cnt, ARRAY_CNT(wisher)); // the lab has a taker and a maker
	lab_session_up(lab);
	digest = book_digest(l->book[0]);
	received_cnt = l->metrics.frame_received;
	while (f->next % (2 * REHEARSAL_FRAMES) != 0)
		lab_advance(lab, QUIET_NS);
	for (unsigned k = 0; k < ARRAY_CNT(wisher); k++) {
		wisher[k] = (struct strategy_metrics *)&f->wisher[k].base.metrics;
		memset(wisher[k], 0, sizeof(*wisher[k]));
	}
	memset((void *)parse, 0, sizeof(*parse));
	l->sent[0].rx_tsc = 1;
	for (unsigned i = 0; i < ROUNDS; i++)
		lab_advance(lab, QUIET_NS);
	assert_int_equal(parse->add_order, ROUNDS / REHEARSAL_FRAMES);
	assert_int_equal(parse->order_executed, ROUNDS / REHEARSAL_FRAMES);
	assert_int_equal(parse->order_cancel, ROUNDS / REHEARSAL_FRAMES);
	assert_int_equal(parse->order_delete, ROUNDS / REHEARSAL_FRAMES);
	assert_int_equal(parse->order_replace, 2 * ROUNDS / REHEARSAL_FRAMES);
	assert_int_equal(wisher[0]->bbo_seen, half);
	assert_int_equal(wisher[0]->new_wished, half); // one order each
	assert_int_equal(wisher[1]->bbo_seen, half);
	assert_int_equal(wisher[1]->new_wished, 2 * half); // a bid and an offer
	for (unsigned k = 0; k < ARRAY_CNT(wisher); k++)
		assert_only(wisher[k], sizeof(*wisher[k]),
			    COUNTER(strategy_metrics, bbo_seen) |
				    COUNTER(strategy_metrics, new_wished));
	assert_only(&f->book.metrics, sizeof(f->book.metrics),
		    COUNTER(book_metrics, instrument_known) | COUNTER(book_metrics, top_changed) |
			    COUNTER(book_metrics, bbo) | COUNTER(book_metrics, mark) |
			    COUNTER(book_metrics, trade_printed) | COUNTER(book_metrics, session));
	assert_only(
		&f->arb.metrics, sizeof(f->arb.metrics),
		COUNTER(arb_metrics, packet_delivered) | COUNTER(arb_metrics, message_delivered) |
			COUNTER(arb_metrics, session_started) | COUNTER(arb_metrics, expected_seq));
	assert_only(&f->rx.metrics, sizeof(f->rx.metrics),
		    COUNTER(rx_metrics, frame) | COUNTER(rx_metrics, frame_market_data));
	assert_only(&orders->metrics, sizeof(orders->metrics),
		    COUNTER(orders_metrics, new_sent) | COUNTER(orders_metrics, order_accepted) |
			    COUNTER(orders_metrics, order_canceled) |
			    COUNTER(orders_metrics, next_token));
	assert_int_equal(orders->open_cnt, 0);
	assert_int_equal(l->rehearsal->risk.open_cnt, 0);
	assert_int_equal(orders->metrics.new_sent, l->rehearsal->risk.metrics.intent_passed);
	assert_int_equal(l->sent[0].rx_tsc, 0); // how trace points tell that it is none
	// nothing of it is the lane's
	assert_int_equal(l->metrics.frame_received, received_cnt);
	assert_int_equal(book_digest(l->book[0]), digest);
	assert_int_equal(l->strategy_cnt, 2);
	assert_ptr_equal(l->strategy_here[0], l->has.strategy[0]);
	assert_ptr_equal(l->strategy_here[1], l->has.strategy[1]);
	assert_int_equal(l->sample_every, 1);
	assert_int_equal(l->latency[LATENCY_RX]->cnt, 0);
	assert_int_equal(l->metrics.room_missing, 0);
	assert_int_equal(rehearsals(lab, true), 0);
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
}

static void
a_made_up_packet_goes_all_the_way(void **state)
{
	made_up_packets_go_all_the_way(NULL, false);
}

/* With a feed of depth orders the made-up book keeps each level's orders, too. */
static void
a_made_up_packet_goes_through_queues(void **state)
{
	made_up_packets_go_all_the_way("  - name: deep\n    venue: sim\n    protocol: itch50\n"
				       "    depth: orders\n    orders_max: 65536\n"
				       "    levels_max: 65536\n    lines:\n"
				       "      - { port: md, group: 239.10.1.3, udp_port: 26402 }\n",
				       true);
}

/* A wish that is refused, as by a halt that comes meanwhile, does not end the wishes. */
static void
a_refused_wish_is_not_the_last(void **state)
{
	enum { ROUNDS = 4 * REHEARSAL_FRAMES, LONG_NS = 100000000 }; // no backoff is as long here
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct rehearsal *r = lab->g.lane[0]->rehearsal;
	const struct strategy_metrics *wisher[2];
	uint64_t wished_cnt[2];

	lab_session_up(lab);
	for (unsigned k = 0; k < ARRAY_CNT(wisher); k++)
		wisher[k] = &r->feed->wisher[k].base.metrics;
	r->limits.armed = 0;
	risk_take_limits(&r->risk, &r->limits);
	for (unsigned i = 0; i < ROUNDS; i++)
		lab_advance(lab, QUIET_NS);
	r->limits.armed = 1;
	risk_take_limits(&r->risk, &r->limits);
	for (unsigned k = 0; k < ARRAY_CNT(wisher); k++) {
		assert_true(wisher[k]->verdict_refused != 0);
		wished_cnt[k] = wisher[k]->new_wished;
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		lab_advance(lab, LONG_NS);
	for (unsigned k = 0; k < ARRAY_CNT(wisher); k++)
		assert_true(wisher[k]->new_wished >= wished_cnt[k] + ROUNDS / 2);
	lab_close(lab);
}

/* Should a double's burst ever be flushed, DPDK takes nothing of it, and the lane ends. */
static void
a_flushed_double_sends_nothing_and_ends_the_lane(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	struct lane *l = lab->g.lane[0];
	struct session *s = l->session[0];
	struct port_tx *tx = &l->rehearsal->port[0].tx;
	struct must_exit way_out;
	volatile bool ended = false;
	uint64_t frame_sent;

	lab_session_up(lab);
	frame_sent = s->port->tx.metrics.frame_sent;
	assert_true(rehearsal_begin(l->rehearsal, l, s));
	assert_ptr_equal(l->session[0]->port, &l->rehearsal->port[0]);
	assert_non_null(port_tx_room(tx));
	rte_mbuf_refcnt_set(tx->ready, 2); // a flush gives it back, and it is the port's own
	port_tx_add(tx, ETH_FRAME_MIN);
	assert_int_equal(port_tx_flush(tx), 0);
	if (must_open(&way_out, &l->events))
		ended = true;
	else
		rehearsal_end(l->rehearsal, l, s);
	must_close();
	assert_true(ended);
	assert_true(halt_reasons() & HALT_MUST);
	assert_int_equal(s->port->tx.metrics.frame_sent, frame_sent);
	assert_int_equal(tx->metrics.frame_sent, frame_sent);
	lab_close(lab);
}

static bool
is_kept_near(const struct rehearsal *r, const void *p)
{
	const uintptr_t at = (uintptr_t)p;

	for (uint32_t i = 0; i < r->near_cnt; i++)
		if (at - (uintptr_t)r->near[i].at < r->near[i].bytes)
			return true;
	return false;
}

/* turn.ld has found the code; a lane that sends nothing keeps its own near as well. */
static void
a_quiet_lane_keeps_code_and_state_near(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .lanes = LANES[3] });
	const struct lane *rx = lab_lane_with(lab, RX), *parse = lab_lane_with(lab, PARSE);
	const struct lane *risk = lab_lane_with(lab, RISK), *wire = lab_lane_with(lab, ORDERS);

	assert_true(is_kept_near(rx->rehearsal, (void *)turn_rx));
	assert_true(is_kept_near(parse->rehearsal, (void *)turn_parse_to_strategy));
	assert_true(is_kept_near(risk->rehearsal, (void *)turn_risk));
	assert_true(is_kept_near(wire->rehearsal, (void *)turn_wire));
	assert_false(is_kept_near(rx->rehearsal, (void *)turn_wire));
	assert_true(is_kept_near(rx->rehearsal, rx->arb[0]));
	assert_true(is_kept_near(parse->rehearsal, (void *)book_tell));
	assert_true(is_kept_near(parse->rehearsal, parse->book[0]));
	assert_false(is_kept_near(parse->rehearsal, (void *)rehearsal_open)); // COLD
	lab_session_up(lab);
	lab_advance(lab, QUIET_NS);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		struct lane *l = lab->g.lane[i];
		unsigned turns = 0;

		assert_true(l->rehearsal_due);
		while (l->rehearsal_due && turns++ < 1000)
			lane_turn_once(l);
		assert_false(l->rehearsal_due);
		assert_int_equal(l->rehearsal->near_next, 0);
	}
	lab_close(lab);
}

/* As sluicectl reload does it: the lanes take the new value between two turns. */
static void
a_reload_switches_rehearsals_off_and_on(void **state)
{
	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		struct lab *lab =
			lab_open(&(struct lab_setup){ .lanes = LANES[n], .no_warm_up = true });
		struct config *c = lab->g.config;
		uint64_t cnt;

		lab_session_up(lab);
		for (unsigned i = 0; i < 10; i++)
			lab_advance(lab, QUIET_NS);
		assert_int_equal(rehearsals(lab, false), 0);
		c->latency.warm_up_us = 1000;
		lane_latency_reloaded(&lab->g);
		assert_int_equal(lab->g.measure_due, 0);
		for (unsigned i = 0; i < 10; i++)
			lab_advance(lab, QUIET_NS);
		cnt = rehearsals(lab, false);
		assert_in_range(cnt, 8, 24);
		assert_int_equal(rehearsals(lab, true), 0);
		c->latency.warm_up_us = 0;
		lane_latency_reloaded(&lab->g);
		for (unsigned i = 0; i < 10; i++)
			lab_advance(lab, QUIET_NS);
		assert_int_equal(rehearsals(lab, false), cnt);
		lab_close(lab);
	}
}

/* What a lane goes by meanwhile are doubles; the control plane must not take them for the lane's.
 */
static void
others_see_the_real_ones_while_a_lane_rehearses(void **state)
{
	for (unsigned n = 0; n < ARRAY_CNT(LANES); n++) {
		struct lab *lab = lab_open(&(struct lab_setup){ .lanes = LANES[n] });
		struct lane *risk = lab_lane_with(lab, RISK), *wire = lab_lane_with(lab, ORDERS);
		struct session *s = wire->session_here[0];
		struct state_status before, during;
		struct state_source source;

		lab_session_up(lab);
		lab_settle(lab);
		metric_add(&s->orders.metrics.new_sent, 7);
		metric_add(&risk->risk->metrics.intent_passed, 8);
		state_gateway_source(&lab->g, &source);
		assert_int_equal(source.status(source.ctx, &before), 0);
		assert_int_equal(before.order_sent_cnt, 7);
		assert_int_equal(before.intent_cnt, 8);
		assert_true(rehearsal_begin(wire->rehearsal, wire, s));
		assert_ptr_not_equal(wire->session[s->idx], s);
		assert_int_equal(source.status(source.ctx, &during), 0);
		rehearsal_end(wire->rehearsal, wire, s);
		assert_int_equal(during.order_sent_cnt, 7);
		assert_int_equal(during.intent_cnt, 8);
		lab_close(lab);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_lane_rehearses_and_nothing_changes),
		cmocka_unit_test(a_day_sends_the_same_bytes_with_and_without),
		cmocka_unit_test(a_made_up_packet_goes_all_the_way),
		cmocka_unit_test(a_made_up_packet_goes_through_queues),
		cmocka_unit_test(a_refused_wish_is_not_the_last),
		cmocka_unit_test(nothing_is_rehearsed_while_orders_may_not_leave),
		cmocka_unit_test(a_quiet_lane_keeps_code_and_state_near),
		cmocka_unit_test(a_reload_switches_rehearsals_off_and_on),
		cmocka_unit_test(others_see_the_real_ones_while_a_lane_rehearses),
		// the last: what must() has halted stays so
		cmocka_unit_test(a_flushed_double_sends_nothing_and_ends_the_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
