/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/bytes16.h"

static void
a_pick_takes_bytes_by_their_position(void **state)
{
	const bytes16 from = bytes16_load("0123456789abcdef");
	const bytes16 order = { 15, 0, BYTES16_ZERO, 7, 7, 255, 8, 1, 2, 3, 4, 5, 6, 9, 10, 128 };
	char out[17] = "";

	(void)state;
	bytes16_store(out, bytes16_pick(from, order));
	assert_memory_equal(out,
			    "f0\00077\0008123456"
			    "9a\0",
			    16);
}

static void
one_instruction_picks_what_the_loop_picks(void **state)
{
	uint64_t x = 1;

	(void)state;
	for (unsigned n = 0; n < 100000; n++) {
		bytes16 from, order, fast, plain;

		for (unsigned i = 0; i < sizeof(from); i++) {
			x = x * 6364136223846793005 + 1442695040888963407;
			from[i] = (uint8_t)(x >> 56);
			order[i] = x >> 55 & 1 ? BYTES16_ZERO : x >> 40 & 15;
		}
		fast = bytes16_pick(from, order);
		plain = bytes16_pick_plain(from, order);
		assert_memory_equal(&fast, &plain, sizeof(fast));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pick_takes_bytes_by_their_position),
		cmocka_unit_test(one_instruction_picks_what_the_loop_picks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
