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
 * Packets that wait behind one another in a port's queue are looked at while those before them are
 * worked through.  That changes nothing: the books are those of one message a packet, and a packet
 * whose lengths do not fill it is dropped whole wherever it stands, as if it had not come.
 */
enum {
	MESSAGES = 6000,
	PACKETS_MAX = 12, // of one burst
	BLOCKS_MAX = 40,  // of one packet
	PACKET_NS = 1000000,
	ROUNDS = 4,
};

static const char *const LANES[] = {
	NULL,
	"rx arb parse book | strategy risk orders encode tcp report",
	"rx arb | parse book strategy risk orders encode tcp report",
};

static uint32_t rng;

static uint32_t
below(uint32_t end)
{
	rng = rng * 1664525 + 1013904223; // Numerical Recipes' LCG
	return (uint32_t)((uint64_t)rng * end >> 32);
}

/* The blocks with one fault; returns how many messages are claimed. */
static uint16_t
damage(uint8_t *blocks, size_t *len, uint16_t cnt)
{
	size_t at = 0;

	switch (below(4)) {
	case 0:
		*len -= 1 + below(8);
		return cnt;
	case 1:
		*len += 1; // a byte of what comes after the packet
		return cnt;
	case 2:
		return (uint16_t)(cnt + 1);
	default:
		for (uint32_t n = below(cnt); n != 0; n--)
			at += sizeof(be16) + be16_get(*(const be16 *)(blocks + at));
		blocks[at + 1] ^= (uint8_t)(1 + below(60));
		return cnt;
	}
}

/* Packets of the messages from at on, some of them damaged at first; returns where they end. */
static size_t
send_burst(struct lab *lab, const struct flow *f, size_t at, uint32_t *damaged_cnt)
{
	for (uint32_t n = 1 + below(PACKETS_MAX); n != 0 && at < f->len; n--) {
		const uint32_t want = 1 + below(BLOCKS_MAX);
		uint8_t bad[LAB_FRAME_MAX];
		size_t end = at, bad_len;
		uint16_t cnt = 0, bad_cnt;

		while (cnt < want && end < f->len && end - at < LAB_FRAME_MAX - 200) {
			end += sizeof(be16) + be16_get(*(const be16 *)(f->data + end));
			cnt++;
		}
		if (below(4) == 0) {
			bad_len = end - at;
			memset(bad, 0, sizeof(bad));
			memcpy(bad, f->data + at, bad_len);
			bad_cnt = damage(bad, &bad_len, cnt);
			lab_mold(lab, 0, lab->md_seq, bad, bad_len, bad_cnt);
			(*damaged_cnt)++;
		}
		lab_market_data(lab, 0, f->data + at, end - at, cnt);
		at = end;
	}
	lab_advance(lab, PACKET_NS);
	return at;
}

static uint64_t
digest_of(struct lab *lab)
{
	const struct book *b = lab_lane_with(lab, BOOK)->book[0];

	assert_int_equal(b->metrics.instrument_suspect, 0);
	assert_int_equal(book_digest(b), book_digest_of_orders(b));
	return book_digest(b);
}

static uint64_t
one_by_one(const struct flow *f)
{
	struct lab *lab = lab_open(&(struct lab_setup){ 0 });
	uint64_t digest;

	for (size_t at = 0, end; at < f->len; at = end) {
		end = at + sizeof(be16) + be16_get(*(const be16 *)(f->data + at));
		lab_market_data(lab, 0, f->data + at, end - at, 1);
		lab_advance(lab, PACKET_NS);
	}
	digest = digest_of(lab);
	lab_close(lab);
	return digest;
}

static void
damaged_packets_of_a_burst_are_dropped_whole(void **state)
{
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct flow f;
		uint64_t digest;

		flow_make(&f, MESSAGES, 50 + round);
		digest = one_by_one(&f);
		for (size_t i = 0; i < ARRAY_CNT(LANES); i++) {
			struct lab *lab = lab_open(&(struct lab_setup){ .lanes = LANES[i] });
			uint32_t damaged_cnt = 0;
			const struct arb *arb;

			rng = round + 1;
			lab_session_up(lab);
			for (size_t at = 0; at < f.len;)
				at = send_burst(lab, &f, at, &damaged_cnt);
			arb = lab_lane_with(lab, ARB)->arb[0];
			assert_true(damaged_cnt > 20);
			assert_int_equal(arb->line[0].metrics.packet_malformed, damaged_cnt);
			assert_int_equal(arb->metrics.message_delivered, f.msg_cnt);
			assert_int_equal(arb->metrics.message_lost, 0);
			assert_int_equal(digest_of(lab), digest);
			assert_int_equal(lab_lost_buffers(lab), 0);
			lab_close(lab);
		}
		flow_free(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_packets_of_a_burst_are_dropped_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
