/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"

/*
 * Instances of one stage on several lanes: shards of a feed's books, strategies apart.  What
 * leaves, and what the books hold, is the same as on one lane; every buffer that several lanes
 * shared comes back.
 */
enum {
	MESSAGES = 2000,
	PACKET_NS = 1000000,
	LOCATE_AT = 1, // ITCH 5.0: stock locate
	REF_AT = 11,   // order reference of A, E, X, D, U
	NEW_REF_AT = 19,
	SYMBOL_AT_R = 11,
};

struct result {
	size_t log_len;
	uint8_t *log;
	uint64_t digest; // of all books together
	uint32_t enter_cnt;
};

/* The same flow for another symbol, which falls into the other shard and is not configured. */
static void
make_other(struct flow *f)
{
	for (size_t at = 0; at < f->len;) {
		const uint16_t len = be16_get(*(const be16 *)(f->data + at));
		uint8_t *m = f->data + at + 2;

		if (m[0] != 'S')
			m[LOCATE_AT + 1]++;
		if (strchr("AEXDU", m[0]) != NULL)
			m[REF_AT] = 1; // the most significant byte: no reference meets another's
		if (m[0] == 'U')
			m[NEW_REF_AT] = 1;
		if (m[0] == 'R' || m[0] == 'H')
			memcpy(m + SYMBOL_AT_R, "MSFT    ", 8);
		if (m[0] == 'A')
			memcpy(m + 24, "MSFT    ", 8);
		at += 2 + len;
	}
}

static size_t
send_one(struct lab *lab, const struct flow *f, size_t at)
{
	const size_t len = 2 + be16_get(*(const be16 *)(f->data + at));

	lab_market_data(lab, 0, f->data + at, len, 1);
	lab_advance(lab, PACKET_NS);
	return at + len;
}

static void
run(const struct lab_setup *setup, struct result *out)
{
	struct lab *lab = lab_open(setup);
	struct flow ours, other;
	size_t at = 0, other_at = 0;

	flow_make(&ours, MESSAGES, 11);
	flow_make(&other, MESSAGES, 12);
	make_other(&other);
	lab->peer.executes = true;
	lab_session_up(lab);
	while (at < ours.len || other_at < other.len) {
		if (at < ours.len)
			at = send_one(lab, &ours, at);
		if (other_at < other.len)
			other_at = send_one(lab, &other, other_at);
	}
	assert_int_equal(lab->peer.bad_cnt, 0);
	*out = (struct result){
		.log_len = lab->peer.log_len,
		.log = malloc(lab->peer.log_len + 1),
		.enter_cnt = lab->peer.enter_cnt,
	};
	assert_non_null(out->log);
	memcpy(out->log, lab->peer.log, lab->peer.log_len);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		if (lab->g.lane[i]->book[0] != NULL) {
			out->digest += book_digest(lab->g.lane[i]->book[0]);
			assert_int_equal(lab->g.lane[i]->parse[0]->metrics.message_type_unknown, 0);
		}
	assert_int_equal(lab_lost_buffers(lab), 0);
	lab_close(lab);
	flow_free(&ours);
	flow_free(&other);
}

static void
instances_apart_equal_one_lane(void **state)
{
	static const struct lab_setup SETUP[] = {
		{ .lanes = NULL },
		{ .lanes = "rx arb | parse book shards=0 | parse book shards=1 | "
			   "strategy risk orders encode tcp report",
		  .shards = 2 },
		{ .lanes = "rx arb | parse book shards=1 | parse book shards=0 | strategy | risk | "
			   "orders encode tcp report",
		  .shards = 2,
		  .ring_slots = 64,
		  .burst = 8 },
		{ .lanes = "rx arb parse book | strategy strategies=taker | strategy "
			   "strategies=maker | risk orders encode tcp report" },
		{ .lanes = "rx arb | parse book | strategy strategies=taker | strategy "
			   "strategies=maker | risk | orders encode tcp report" },
	};
	struct result one, apart;

	run(&SETUP[0], &one);
	assert_true(one.enter_cnt > 10);
	for (unsigned i = 1; i < ARRAY_CNT(SETUP); i++) {
		run(&SETUP[i], &apart);
		if (apart.log_len != one.log_len || memcmp(apart.log, one.log, one.log_len) != 0)
			fail_msg("lanes '%s' sent %u orders in %zu bytes, one lane %u in %zu",
				 SETUP[i].lanes, apart.enter_cnt, apart.log_len, one.enter_cnt,
				 one.log_len);
		assert_int_equal(apart.digest, one.digest);
		free(apart.log);
	}
	free(one.log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances_apart_equal_one_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
