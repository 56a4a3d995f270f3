/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "observe/hdr_log.h"

/* One cycle is half a nanosecond here. */
static const struct clock_map CLOCK = { .ns_per_2_32_cycles = 1ULL << 31 };

enum {
	KINDS = 6,
	START_S = 1700000000,
};

static const char *const NAME[KINDS] = { "empty", "one", "small", "wide", "longest", "two, words" };

/* The same histograms for the reader in JavaScript. */
static void
make(unsigned kind, struct hist *h)
{
	uint64_t rng = 12345;

	memset(h, 0, sizeof(*h));
	switch (kind) {
	case 1:
		hist_record(h, 2 * 1234567);
		break;
	case 2:
		for (uint64_t i = 0; i < 2000; i++)
			hist_record(h, 2 * i);
		break;
	case 3:
		for (unsigned i = 0; i < 200000; i++) {
			rng = rng * 6364136223846793005 + 1442695040888963407;
			hist_record(h, 400 + (rng >> (24 + rng % 40)));
		}
		break;
	case 4:
		hist_record(h, 1000);
		hist_record(h, 1ULL << 50); // counts as the largest there is
		break;
	case 5:
		for (unsigned i = 0; i < 100; i++)
			hist_record(h, 2 * 500);
		hist_record(h, 2 * 700000);
		break;
	default:
		break;
	}
}

/*
 * What HdrHistogram says of a percentile: the largest value that is told apart from the one at that
 * rank.
 */
static uint64_t
value_at(const struct hist *ns, double percent)
{
	uint64_t rank = (uint64_t)(percent / 100.0 * (double)ns->cnt + 0.5), seen = 0;

	if (ns->cnt == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += ns->bucket[i];
		if (seen >= rank)
			return hist_bucket_top(i);
	}
	return 0;
}

static int
write_all(const char *path)
{
	static const double AT[] = { 50, 90, 99, 99.9, 100 };
	FILE *f = fopen(path, "w");
	static struct hist h, ns;

	if (f == NULL)
		return 1;
	hdr_log_head(f, START_S * 1000000000ULL);
	for (unsigned k = 0; k < KINDS; k++) {
		make(k, &h);
		hdr_hist_in_ns(&h, &CLOCK, &ns);
		if (hdr_log_line(f, NAME[k], &h, &CLOCK, START_S * 1000000000ULL,
				 (START_S + 1) * 1000000000ULL, (START_S + 2) * 1000000000ULL) != 0)
			return 1;
		printf("%s %" PRIu64, k == 5 ? "two__words" : NAME[k], ns.cnt);
		for (unsigned i = 0; i < ARRAY_CNT(AT); i++)
			printf(" %" PRIu64, value_at(&ns, AT[i]));
		printf("\n");
	}
	return fclose(f);
}

static uint64_t
be_at(const uint8_t *b, unsigned bytes)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < bytes; i++)
		x = x << 8 | b[i];
	return x;
}

/* Our own reading of the format; hdr_js_test.sh has it read by others. */
static void
decode(const uint8_t *b, size_t len, struct hist *out)
{
	uint32_t at = 0;

	memset(out, 0, sizeof(*out));
	assert_true(len >= 40);
	assert_int_equal(be_at(b, 4), 0x1c849313);
	assert_int_equal(be_at(b + 4, 4), len - 40);
	assert_int_equal(be_at(b + 8, 4), 0);
	assert_int_equal(be_at(b + 12, 4), 3);
	assert_int_equal(be_at(b + 16, 8), 1);
	for (size_t i = 40; i < len;) {
		uint64_t z = 0;
		unsigned shift = 0;
		int64_t x;

		do {
			assert_true(i < len && shift < 63);
			z |= (uint64_t)(b[i] & 0x7f) << shift;
			shift += 7;
		} while (b[i++] & 0x80);
		x = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
		if (x < 0) {
			assert_true(x < -1); // a single zero is written as one
			at += (uint32_t)-x;
			continue;
		}
		assert_true(at < HIST_BUCKETS);
		out->bucket[at++] = (uint64_t)x;
		out->cnt += (uint64_t)x;
	}
}

static void
what_is_encoded_is_decoded_bucket_by_bucket(void **state)
{
	static struct hist h, ns, back;

	for (unsigned k = 0; k < KINDS; k++) {
		uint8_t *b = NULL;
		int64_t len;

		print_message("# %s\n", NAME[k]);
		make(k, &h);
		hdr_hist_in_ns(&h, &CLOCK, &ns);
		assert_int_equal(ns.cnt, h.cnt);
		len = hdr_encode(&ns, &b);
		assert_true(len > 0);
		decode(b, (size_t)len, &back);
		assert_int_equal(back.cnt, h.cnt);
		assert_memory_equal(back.bucket, ns.bucket, sizeof(ns.bucket));
		free(b);
	}
}

static void
cycles_become_nanoseconds(void **state)
{
	static struct hist h, ns;

	make(5, &h);
	hdr_hist_in_ns(&h, &CLOCK, &ns);
	assert_int_equal(value_at(&ns, 50), 500);
	assert_in_range(value_at(&ns, 100), 700000, 700000 * 1.002);
	assert_int_equal(ns.max, 700000);
	assert_int_equal(ns.min, 500);
}

static void
a_line_has_its_tag_its_times_and_the_packed_histogram(void **state)
{
	static struct hist h;
	char *text = NULL, *line;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	make(5, &h);
	hdr_log_head(f, START_S * 1000000000ULL);
	assert_int_equal(hdr_log_line(f, "tick-to-trade of a,b", &h, &CLOCK,
				      START_S * 1000000000ULL, START_S * 1000000000ULL + 1500000000,
				      START_S * 1000000000ULL + 4000000000),
			 0);
	fclose(f);
	assert_non_null(strstr(text, "#[StartTime: 1700000000.000 (seconds since epoch), "
				     "Tue Nov 14 22:13:20 UTC 2023]\n"));
	line = strstr(text, "Tag=");
	assert_non_null(line);
	assert_int_equal(
		strncmp(line, "Tag=tick-to-trade_of_a_b,1.500,2.500,0.700000,HISTFAAA", 54), 0);
	free(text);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded_bucket_by_bucket),
		cmocka_unit_test(cycles_become_nanoseconds),
		cmocka_unit_test(a_line_has_its_tag_its_times_and_the_packed_histogram),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_all(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
