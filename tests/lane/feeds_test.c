/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "wire/moldudp64.h"

/*
 * Several feeds, each on a lane of its own, under one risk; and a feed whose day is over and begins
 * again with other locates and the same references.
 */
enum {
	MESSAGES = 1500,
	PACKET_NS = 1000000,
	OTHER_LINE = 2, // of the lab: the only line of the second feed
	LOCATE_AT = 1,  // ITCH 5.0
};

static const char FEEDS_MORE[] = "  - name: other\n    venue: sim\n    protocol: itch50\n    "
				 "orders_max: 262144\n    depth: orders\n"
				 "    levels_max: 65536\n    lines:\n"
				 "      - { port: md, group: 239.10.1.3, udp_port: 26402 }\n";
static const char INSTRUMENTS_MORE[] =
	"  - { symbol: MSFT, feed: other, session: oe, trade: true, short_allowed: true }\n";
static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [AAPL, MSFT], qty: 100, "
	"position_max_qty: 1000, imbalance_min_bp: 7000 }\n";

/* The same flow for another symbol, with other locates. */
static void
make_other(struct flow *f, const char *symbol, uint8_t locate_add)
{
	for (size_t at = 0; at < f->len;) {
		const uint16_t len = be16_get(*(const be16 *)(f->data + at));
		uint8_t *m = f->data + at + 2;

		if (m[0] != 'S')
			m[LOCATE_AT + 1] = (uint8_t)(m[LOCATE_AT + 1] + locate_add);
		if (m[0] == 'R' || m[0] == 'H')
			memcpy(m + 11, symbol, 8);
		if (m[0] == 'A')
			memcpy(m + 24, symbol, 8);
		at += 2 + len;
	}
}

static size_t
send_one(struct lab *lab, unsigned line, uint64_t *seq, const struct flow *f, size_t at)
{
	const size_t len = 2 + be16_get(*(const be16 *)(f->data + at));

	if (at >= f->len)
		return at;
	lab_mold(lab, line, (*seq)++, f->data + at, len, 1);
	lab_advance(lab, PACKET_NS);
	return at + len;
}

static void
send_all(struct lab *lab, uint64_t *seq, const struct flow *f)
{
	for (size_t at = 0; at < f->len;)
		at = send_one(lab, 0, seq, f, at);
}

static const struct book *
book_of(struct lab *lab, uint32_t feed_idx)
{
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		if (lab->g.lane[i]->book[feed_idx] != NULL)
			return lab->g.lane[i]->book[feed_idx];
	fail_msg("no lane has a book of feed %u", feed_idx);
	return NULL;
}

/* Of all shards of the feed together; none has a book that broke. */
static uint64_t
digest_of(struct lab *lab, uint32_t feed_idx)
{
	uint64_t digest = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		const struct book *b = lab->g.lane[i]->book[feed_idx];

		if (b == NULL)
			continue;
		assert_int_equal(b->metrics.instrument_suspect, 0);
		digest += book_digest(b);
	}
	return digest;
}

/* Also with two shards of each feed: six lanes, one risk. */
static void
two_feeds_on_two_lanes_send_what_one_lane_sends(void **state)
{
	static const char *const LANES[] = {
		NULL,
		"rx arb | parse book feeds=itch | parse book feeds=other | strategy risk orders "
		"encode tcp report",
		"rx arb | parse book feeds=other | parse book feeds=itch | strategy | risk | "
		"orders encode tcp report",
		"rx arb | parse book feeds=itch shards=0 | parse book feeds=itch shards=1 | "
		"parse book feeds=other shards=1 | parse book feeds=other shards=0 | "
		"strategy risk orders encode tcp report",
	};
	static const char SHARDED[] =
		"  - name: other\n    venue: sim\n    protocol: itch50\n    shards: 2\n"
		"    orders_max: 262144\n    levels_max: 65536\n    lines:\n"
		"      - { port: md, group: 239.10.1.3, udp_port: 26402 }\n";
	uint64_t digest[2] = { 0 };
	uint8_t *log = NULL;
	size_t log_len = 0;

	for (size_t i = 0; i < ARRAY_CNT(LANES); i++) {
		const bool sharded = i == ARRAY_CNT(LANES) - 1;
		const struct lab_setup setup = { .lanes = LANES[i],
						 .shards = sharded ? 2 : 1,
						 .feeds_more = sharded ? SHARDED : FEEDS_MORE,
						 .instruments_more = INSTRUMENTS_MORE,
						 .strategies = STRATEGIES };
		struct lab *lab = lab_open(&setup);
		uint64_t seq = 1, other_seq = 1;
		struct flow ours, other;
		size_t at = 0, other_at = 0;

		flow_make(&ours, MESSAGES, 21);
		flow_make(&other, MESSAGES, 22);
		make_other(&other, "MSFT    ", 0); // locates and references of two feeds may meet
		lab->peer.executes = true;
		lab_session_up(lab);
		while (at < ours.len || other_at < other.len) {
			at = send_one(lab, 0, &seq, &ours, at);
			other_at = send_one(lab, OTHER_LINE, &other_seq, &other, other_at);
		}
		assert_int_equal(lab->peer.bad_cnt, 0);
		assert_int_equal(lab_lost_buffers(lab), 0);
		for (uint32_t f = 0; f < 2; f++) {
			if (i == 0)
				digest[f] = digest_of(lab, f);
			assert_int_equal(digest_of(lab, f), digest[f]);
		}
		if (i == 0) {
			assert_true(lab->peer.enter_cnt > 10);
			log_len = lab->peer.log_len;
			log = malloc(log_len);
			assert_non_null(log);
			memcpy(log, lab->peer.log, log_len);
		} else if (lab->peer.log_len != log_len ||
			   memcmp(lab->peer.log, log, log_len) != 0) {
			fail_msg("lanes '%s' send other bytes", LANES[i]);
		}
		lab_close(lab);
		flow_free(&ours);
		flow_free(&other);
	}
	assert_true(digest[0] != digest[1]);
	free(log);
}

/* A lost session of one feed is nothing to the other. */
static void
a_gap_of_one_feed_leaves_the_other_alone(void **state)
{
	const struct lab_setup setup = { .feeds_more = FEEDS_MORE,
					 .instruments_more = INSTRUMENTS_MORE,
					 .strategies = STRATEGIES };
	struct lab *lab = lab_open(&setup);
	uint64_t seq = 1, other_seq = 1;
	struct flow ours, other;
	size_t at = 0, other_at = 0;
	uint32_t enter_cnt;

	flow_make(&ours, MESSAGES, 23);
	flow_make(&other, MESSAGES, 24);
	make_other(&other, "MSFT    ", 0);
	lab_session_up(lab);
	for (unsigned i = 0; i < 200; i++) {
		at = send_one(lab, 0, &seq, &ours, at);
		other_at = send_one(lab, OTHER_LINE, &other_seq, &other, other_at);
	}
	seq += 3; // on no line
	at = send_one(lab, 0, &seq, &ours, at);
	lab_advance(lab, 10 * PACKET_NS);
	assert_true(book_of(lab, 0)->suspect);
	assert_false(book_of(lab, 1)->suspect);
	enter_cnt = lab->peer.enter_cnt;
	while (at < ours.len)
		at = send_one(lab, 0, &seq, &ours, at);
	assert_int_equal(lab->peer.enter_cnt, enter_cnt);
	while (other_at < other.len)
		other_at = send_one(lab, OTHER_LINE, &other_seq, &other, other_at);
	assert_true(lab->peer.enter_cnt > enter_cnt);
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
	flow_free(&ours);
	flow_free(&other);
}

static void
a_new_day_begins_without_a_restart(void **state)
{
	const struct lab_setup setup = { .lanes = NULL };
	struct lab *lab = lab_open(&setup);
	uint64_t seq = 1, digest;
	struct flow day, next;
	uint32_t enter_cnt, order_cnt;

	flow_make(&day, MESSAGES, 31);
	flow_make(&next, MESSAGES, 32);
	make_other(&next, "AAPL    ", 9); // the same references, other locates
	lab_session_up(lab);
	send_all(lab, &seq, &day);
	assert_true(book_digest(book_of(lab, 0)) != 0);
	for (unsigned line = 0; line < 2; line++)
		lab_mold(lab, line, seq, day.data, 0, MOLD_END_OF_SESSION_CNT);
	lab_advance(lab, 10 * PACKET_NS);
	assert_true(book_of(lab, 0)->stale != 0);
	enter_cnt = lab->peer.enter_cnt;
	assert_true(enter_cnt > 0);

	memcpy(lab->md_session, "LAB2      ", sizeof(lab->md_session));
	seq = 1;
	send_all(lab, &seq, &next);
	assert_int_equal(book_of(lab, 0)->stale, 0);
	assert_int_equal(book_of(lab, 0)->metrics.instrument_suspect, 0);
	assert_int_equal(book_of(lab, 0)->metrics.ref_repeated, 0);
	assert_int_equal(book_of(lab, 0)->metrics.session, 2);
	assert_true(lab->peer.enter_cnt > enter_cnt);
	digest = book_digest(book_of(lab, 0));
	order_cnt = book_of(lab, 0)->order.cnt;
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);

	lab = lab_open(&setup); // one that never saw the first day
	memcpy(lab->md_session, "LAB2      ", sizeof(lab->md_session));
	seq = 1;
	send_all(lab, &seq, &next);
	assert_int_equal(book_digest(book_of(lab, 0)), digest);
	assert_int_equal(book_of(lab, 0)->order.cnt, order_cnt);
	lab_close(lab);
	flow_free(&day);
	flow_free(&next);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_feeds_on_two_lanes_send_what_one_lane_sends),
		cmocka_unit_test(a_gap_of_one_feed_leaves_the_other_alone),
		cmocka_unit_test(a_new_day_begins_without_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
