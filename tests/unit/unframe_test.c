/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hex.h"
#include "returns/unframe.h"

/* One of each type a server may send, with payloads of 0 to 30 bytes. */
static const char STREAM[] = "00062b68656c6c6f"
			     "001f41202032303236313030382020202020202020202020202020202020203432"
			     "00024a41"
			     "00065368656c6c6f"
			     "000153"
			     "000148"
			     "00035561 62"
			     "00015a";
static const char TYPES[] = "+AJSSHUZ";
static const uint16_t PAYLOADS[] = { 5, 30, 1, 5, 0, 0, 2, 0 };

/* How a caller feeds the walk. */
enum feed {
	FEED_SHOW_AGAIN, // takes out what was used and shows the rest again
	FEED_KEEP,       // lets the rest be kept
};

/* Feeds the stream in pieces of step bytes; every packet must come out whole, in order. */
static void
feed_in_pieces(size_t step, enum feed feed)
{
	static struct unframe u;
	uint8_t bytes[128];
	const size_t len = hex_bytes(STREAM, bytes, sizeof(bytes));
	size_t shown_from = 0, shown_to = 0;
	unsigned n = 0;

	unframe_init(&u);
	while (shown_to < len) {
		struct unframe_packet p;
		struct unframe_walk w;
		uint8_t *range;

		shown_to = shown_to + step < len ? shown_to + step : len;
		// a range of its own, so that a byte read outside is found by a sanitizer
		range = malloc(shown_to - shown_from);
		memcpy(range, bytes + shown_from, shown_to - shown_from);
		unframe_start(&w, range, shown_to - shown_from);
		while (unframe_next(&u, &w, &p) == UNFRAME_PACKET) {
			assert_true(n < ARRAY_CNT(PAYLOADS));
			assert_int_equal(p.type, TYPES[n]);
			assert_int_equal(p.len, PAYLOADS[n]);
			if (p.len == 5)
				assert_memory_equal(p.payload, "hello", 5);
			n++;
		}
		assert_false(u.broken);
		if (feed == FEED_KEEP) {
			unframe_keep(&u, &w);
			assert_int_equal(unframe_used(&w), shown_to - shown_from);
		}
		shown_from += unframe_used(&w);
		free(range);
	}
	assert_int_equal(shown_from, len);
	assert_int_equal(n, ARRAY_CNT(PAYLOADS));
	assert_int_equal(u.kept_len, 0);
}

static void
packets_come_out_whole_however_the_bytes_arrive(void **state)
{
	for (size_t step = 1; step < 100; step++) {
		feed_in_pieces(step, FEED_SHOW_AGAIN);
		feed_in_pieces(step, FEED_KEEP);
	}
}

static const struct {
	const char *what;
	const char *hex;
	size_t zeros; // behind the bytes
	enum unframe_verdict want;
} EDGES[] = {
	// clang-format off
	{ "nothing",                         "",       0,    UNFRAME_MORE },
	{ "half a length",                   "00",     0,    UNFRAME_MORE },
	{ "a length only",                   "0001",   0,    UNFRAME_MORE },
	{ "a length of 0",                   "0000",   0,    UNFRAME_BROKEN },
	{ "the longest packet",              "07fe53", 2045, UNFRAME_PACKET },
	{ "the longest packet, but a byte",  "07fe53", 2044, UNFRAME_MORE },
	{ "one byte longer",                 "07ff53", 2046, UNFRAME_BROKEN },
	{ "the longest of the protocol",     "ffff53", 0,    UNFRAME_BROKEN },
	{ "a login accepted, whatever it holds", "000141", 0, UNFRAME_PACKET },
	{ "a client's login",                "00014c", 0,    UNFRAME_BROKEN },
	{ "a client's heartbeat",            "000152", 0,    UNFRAME_BROKEN },
	{ "a client's logout",               "00014f", 0,    UNFRAME_BROKEN },
	{ "a type nobody has, half arrived", "000500", 0,    UNFRAME_BROKEN },
	// clang-format on
};

static void
what_is_no_soup_breaks_the_stream_for_good(void **state)
{
	static struct unframe u;
	static uint8_t bytes[4096];

	for (size_t i = 0; i < ARRAY_CNT(EDGES); i++) {
		struct unframe_packet p;
		struct unframe_walk w;
		size_t len;

		print_message("# %s\n", EDGES[i].what);
		unframe_init(&u);
		memset(bytes, 0, sizeof(bytes));
		len = hex_bytes(EDGES[i].hex, bytes, sizeof(bytes)) + EDGES[i].zeros;
		unframe_start(&w, bytes, len);
		assert_int_equal(unframe_next(&u, &w, &p), EDGES[i].want);
		if (EDGES[i].want == UNFRAME_MORE) { // the same, kept and fed nothing
			unframe_keep(&u, &w);
			unframe_start(&w, bytes, 0);
			assert_int_equal(unframe_next(&u, &w, &p), UNFRAME_MORE);
		}
		if (EDGES[i].want != UNFRAME_BROKEN)
			continue;
		hex_bytes("000148", bytes, sizeof(bytes));
		unframe_start(&w, bytes, 3);
		assert_int_equal(unframe_next(&u, &w, &p), UNFRAME_BROKEN);
		unframe_init(&u); // a new connection
		assert_int_equal(unframe_next(&u, &w, &p), UNFRAME_PACKET);
	}
	assert_int_equal(u.metrics.packet_empty, 1);
	assert_int_equal(u.metrics.packet_oversized, 2);
	assert_int_equal(u.metrics.packet_type_bad, 4);
}

/* All 256 types: those of a server pass. */
static void
seven_types_are_known(void **state)
{
	unsigned known_cnt = 0;

	for (unsigned type = 0; type < 256; type++)
		known_cnt += unframe_type_known((uint8_t)type);
	assert_int_equal(known_cnt, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out_whole_however_the_bytes_arrive),
		cmocka_unit_test(what_is_no_soup_breaks_the_stream_for_good),
		cmocka_unit_test(seven_types_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
