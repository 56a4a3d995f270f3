/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"

/*
 * Every grouping of the stages into lanes sends the same bytes for the same market data.  Two kinds
 * of input that meet in risk may do so in either order, so each message settles before the next.
 */
#if WITH_ASAN
#define MESSAGES 1500 // ten times slower
#else
#define MESSAGES 3000
#endif

enum {
	PER_PACKET_B = 3,
	PACKET_NS = 1000000,
	UNIT_CNT = 5,
	GROUPINGS = 1 << (UNIT_CNT - 1),
};

static const char *const UNIT[UNIT_CNT] = { "rx arb", "parse book", "strategy", "risk",
					    "orders encode tcp report" };

/* Bit i of n: a new lane begins behind unit i. */
static void
grouping_text(unsigned n, char *out, size_t out_bytes)
{
	out[0] = '\0';
	for (unsigned i = 0; i < UNIT_CNT; i++) {
		strncat(out, UNIT[i], out_bytes - strlen(out) - 1);
		if (i + 1 < UNIT_CNT)
			strncat(out, n >> i & 1 ? " | " : " ", out_bytes - strlen(out) - 1);
	}
}

struct result {
	size_t log_len;
	uint8_t *log;
	uint32_t enter_cnt;
	uint32_t replace_cnt;
	uint32_t cancel_cnt;
	int64_t position_qty;
	uint64_t digest;
};

static void
run(const struct lab_setup *setup, bool executes, const uint8_t *data, size_t len,
    struct result *out)
{
	struct lab *lab = lab_open(setup);
	struct risk_position position;
	size_t at = 0, b_start = 0;
	unsigned b_cnt = 0;

	lab->peer.executes = executes;
	lab_session_up(lab);
	while (at < len) {
		const size_t end = at + 2 + be16_get(*(const be16 *)(data + at));

		lab_market_data(lab, 0, data + at, end - at, 1);
		lab_advance(lab, PACKET_NS);
		// line B packs the same messages otherwise, and comes late
		if (++b_cnt == PER_PACKET_B) {
			lab_mold(lab, 1, lab->md_seq - PER_PACKET_B, data + b_start, end - b_start,
				 PER_PACKET_B);
			lab_advance(lab, PACKET_NS);
			b_start = end;
			b_cnt = 0;
		}
		at = end;
	}
	lab_advance(lab, 1000000);
	assert_int_equal(lab->peer.bad_cnt, 0);
	assert_int_equal(lab->peer.again_cnt + lab->peer.early_cnt, 0);
	assert_int_equal(lab->bad_frame_cnt, 0);
	assert_true(risk_position_of(lab_lane_with(lab, RISK)->risk, 1, &position));
	*out = (struct result){
		.log_len = lab->peer.log_len,
		.log = malloc(lab->peer.log_len + 1),
		.enter_cnt = lab->peer.enter_cnt,
		.replace_cnt = lab->peer.replace_cnt,
		.cancel_cnt = lab->peer.cancel_cnt,
		.position_qty = position.position_qty,
		.digest = book_digest(lab_lane_with(lab, BOOK)->book[0]),
	};
	assert_non_null(out->log);
	memcpy(out->log, lab->peer.log, lab->peer.log_len);
	lab_close(lab);
}

static void
all_groupings(bool executes, const uint8_t *data, size_t len)
{
	struct result fused, split;
	char text[256];

	for (unsigned n = 0; n < GROUPINGS; n++) {
		const struct lab_setup setup = { .lanes = text, .sample_every = 3 };

		grouping_text(n, text, sizeof(text));
		run(&setup, executes, data, len, n == 0 ? &fused : &split);
		if (n == 0) {
			assert_true(fused.enter_cnt > 10);
			continue;
		}
		if (split.log_len != fused.log_len ||
		    memcmp(split.log, fused.log, fused.log_len) != 0)
			fail_msg("lanes '%s' sent other bytes than one lane: %zu bytes, %u orders "
				 "instead of %zu, %u",
				 text, split.log_len, split.enter_cnt, fused.log_len,
				 fused.enter_cnt);
		assert_int_equal(split.position_qty, fused.position_qty);
		assert_int_equal(split.digest, fused.digest);
		free(split.log);
	}
	print_message("%u orders, %u replaces, %u cancels, %zu bytes, the same from %d groupings\n",
		      fused.enter_cnt, fused.replace_cnt, fused.cancel_cnt, fused.log_len,
		      GROUPINGS);
	free(fused.log);
}

static void
made_flow_gives_the_same_bytes(void **state)
{
	struct flow f;

	flow_make(&f, MESSAGES, 7);
	all_groupings(true, f.data, f.len);
	flow_free(&f);
}

/* Orders rest: quotes are replaced and cancelled. */
static void
resting_orders_give_the_same_bytes(void **state)
{
	struct flow f;

	flow_make(&f, MESSAGES, 9);
	all_groupings(false, f.data, f.len);
	flow_free(&f);
}

static struct flow real;

static void
real_flow_gives_the_same_bytes(void **state)
{
	all_groupings(true, real.data, real.len);
}

/* Small bursts and rings must change when things happen, never what. */
static void
small_rings_give_the_same_bytes(void **state)
{
	static const uint32_t SLOTS[] = { 64, 128 };
	struct result fused, split;
	struct flow f;

	flow_make(&f, MESSAGES, 8);
	run(&(struct lab_setup){ 0 }, true, f.data, f.len, &fused);
	for (unsigned i = 0; i < ARRAY_CNT(SLOTS); i++) {
		const struct lab_setup setup = {
			.lanes = "rx arb | parse book | strategy | risk | orders encode tcp report",
			.ring_slots = SLOTS[i],
			.burst = 1,
		};

		run(&setup, true, f.data, f.len, &split);
		assert_int_equal(split.log_len, fused.log_len);
		assert_memory_equal(split.log, fused.log, fused.log_len);
		free(split.log);
	}
	free(fused.log);
	flow_free(&f);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest made_tests[] = {
		cmocka_unit_test(made_flow_gives_the_same_bytes),
		cmocka_unit_test(resting_orders_give_the_same_bytes),
		cmocka_unit_test(small_rings_give_the_same_bytes),
	};
	const struct CMUnitTest real_tests[] = {
		cmocka_unit_test(real_flow_gives_the_same_bytes),
	};
	int rc;

	if (argc < 2)
		return cmocka_run_group_tests(made_tests, NULL, NULL);
	real.data = lab_read_file(argv[1], &real.len);
	if (real.data == NULL)
		return 77; // skipped: the shared data is not there
	rc = cmocka_run_group_tests(real_tests, NULL, NULL);
	flow_free(&real);
	return rc;
}
