/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/moldudp64.h"

/*
 * Whether a packet's blocks fill it, and that a packet walked ahead of its turn is judged no
 * differently: however far the walk had come, and also when more bytes were walked than the packet
 * turned out to have, or those of another packet.
 */
enum {
	BLOCKS_MAX = 12,
	PACKET_MAX = 512,
};

static const struct {
	const char *what;
	uint8_t len[BLOCKS_MAX]; // of the messages
	unsigned cnt;
	int cnt_claimed; // more than there are
	int last_len;    // more than the last message has
	int bytes;       // more than the blocks take
	bool exact;
} CASES[] = {
	// clang-format off
	{ "one message", { 12 }, 1, 0, 0, 0, true },
	{ "twelve messages", { 36, 19, 23, 36, 31, 35, 40, 36, 19, 19, 36, 36 }, 12, 0, 0, 0, true },
	{ "empty messages", { 0, 0, 12, 0 }, 4, 0, 0, 0, true },
	{ "nothing but an empty message", { 0 }, 1, 0, 0, 0, true },
	{ "one message fewer claimed", { 12, 12, 12 }, 3, -1, 0, 0, false },
	{ "one message more claimed", { 12, 12, 12 }, 3, 1, 0, 0, false },
	{ "all messages fewer claimed", { 12, 12, 12, 12, 12, 12 }, 6, -5, 0, 0, false },
	{ "the last length too long by one", { 12, 12, 12 }, 3, 0, 1, 0, false },
	{ "the last length too short by one", { 12, 12, 12 }, 3, 0, -1, 0, false },
	{ "one byte behind the last", { 36, 19 }, 2, 0, 0, 1, false },
	{ "one byte of the last is missing", { 36, 19 }, 2, 0, 0, -1, false },
	{ "half a length behind the last, and one more claimed", { 36, 19 }, 2, 1, 0, 1, false },
	{ "a whole empty message more claimed, and there", { 36, 19 }, 2, 1, 0, 2, true },
	{ "the end of the session has no blocks", { 12 }, 1, MOLD_END_OF_SESSION_CNT - 1, 0, 0, false },
	// clang-format on
};

static size_t
write_packet(uint8_t out[PACKET_MAX], size_t i)
{
	uint8_t *at = out + sizeof(struct mold_head);

	memset(out, 0, PACKET_MAX);
	mold_request_write((struct mold_head *)out, "SESSION001", 7,
			   (uint16_t)((int)CASES[i].cnt + CASES[i].cnt_claimed));
	for (unsigned k = 0; k < CASES[i].cnt; k++) {
		const int more = k + 1 == CASES[i].cnt ? CASES[i].last_len : 0;

		*(be16 *)at = be16_of((uint16_t)(CASES[i].len[k] + more));
		at += sizeof(be16) + CASES[i].len[k];
	}
	return (size_t)(at - out + CASES[i].bytes);
}

/* Walked step_cnt blocks ahead as one of ahead_len bytes. */
static void
judge(size_t i, const uint8_t *packet, size_t len, size_t ahead_len, unsigned step_cnt)
{
	struct mold_ahead a;

	mold_ahead_start(&a, packet, ahead_len);
	for (unsigned n = 0; n < step_cnt; n++)
		mold_ahead_step(&a);
	if (mold_packet_exact_ahead(packet, len, &a) != CASES[i].exact)
		fail_msg("%s: judged wrongly after %u steps in %zu of %zu bytes", CASES[i].what,
			 step_cnt, ahead_len, len);
}

static void
a_walk_ahead_changes_no_answer(void **state)
{
	static uint8_t packet[PACKET_MAX];

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const size_t len = write_packet(packet, i);

		if (mold_packet_exact(packet, len) != CASES[i].exact)
			fail_msg("%s: judged wrongly", CASES[i].what);
		for (size_t ahead_len = 0; ahead_len <= len + 80; ahead_len++)
			for (unsigned n = 0; n <= CASES[i].cnt + 2; n++)
				judge(i, packet, len, ahead_len, n);
	}
}

/* What was taken for the packet began before it, as when a frame has a tag; and no packet at all.
 */
static void
another_packets_walk_is_not_looked_at(void **state)
{
	static uint8_t frame[4 + PACKET_MAX];
	uint8_t *packet = frame + 4;
	struct mold_ahead a, none = { 0 };
	size_t len;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		len = write_packet(packet, i);
		mold_ahead_start(&a, frame, sizeof(frame));
		for (unsigned n = 0; n < BLOCKS_MAX; n++) {
			assert_int_equal(mold_packet_exact_ahead(packet, len, &a), CASES[i].exact);
			mold_ahead_step(&a);
		}
		mold_ahead_step(&none);
		assert_int_equal(mold_packet_exact_ahead(packet, len, &none), CASES[i].exact);
		assert_int_equal(mold_packet_exact_ahead(packet, len, NULL), CASES[i].exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_ahead_changes_no_answer),
		cmocka_unit_test(another_packets_walk_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
