/* SPDX-License-Identifier: Apache-2.0 */
/* The captures of recorded runs go with the segments they belong to, and never before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "journal/captures.h"
#include "journal/keeper.h"
#include "journal_bytes.h"

enum {
	NOW_S = 1700000000,
	DAY_S = 86400,
	CAPTURE_BYTES = 1000,
	ALL = UINT32_MAX,
};

static char folder[64];
static const uint32_t GO_ON;

static const char *
at(const char *name)
{
	static char path[4][256];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", folder, name);
	return path[n];
}

static void
write_file(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(at(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* A segment that a run began, so many days old. */
static void
put_segment(uint64_t no, uint32_t run, bool compressed, unsigned days)
{
	static struct journal_bytes b;
	struct timeval when[2] = { { .tv_sec = NOW_S - (time_t)days * DAY_S } };
	uint8_t packed[JOURNAL_BYTES_MAX];
	struct journal_head h;
	char name[64];

	journal_bytes_start(&b, 1 << 20);
	memcpy(&h, b.data, sizeof(h));
	h.segment_no = no;
	h.run = run;
	h.crc = journal_head_crc(&h);
	memcpy(b.data, &h, sizeof(h));
	journal_bytes_fill(&b, true);
	snprintf(name, sizeof(name), "journal-%010u.sj%s", (unsigned)no, compressed ? ".zst" : "");
	if (compressed)
		write_file(name, packed, ZSTD_compress(packed, sizeof(packed), b.data, b.len, 1));
	else
		write_file(name, b.data, b.len);
	when[1] = when[0];
	assert_int_equal(utimes(at(name), when), 0);
}

static void
put_capture(const char *name)
{
	static const uint8_t FRAMES[CAPTURE_BYTES];

	write_file(name, FRAMES, sizeof(FRAMES));
}

static bool
is_there(const char *name)
{
	return access(at(name), F_OK) == 0;
}

static struct keeper_did
round_of(struct keeper_config c, uint64_t open_no)
{
	return keeper_round(folder, &c, open_no, NOW_S * 1000000000ULL, &GO_ON);
}

/*
 * Runs 1 and 2 in segment 1, run 2 goes on in 2, run 3 in 3 (compressed) and 4, run 5 begins in
 * the open one, 5.
 */
static int
five_segments(void **state)
{
	strcpy(folder, "/tmp/sluice-captures.XXXXXX");
	assert_non_null(mkdtemp(folder));
	put_segment(1, 1, false, 40);
	put_segment(2, 2, true, 30);
	put_segment(3, 3, true, 20);
	put_segment(4, 3, false, 10);
	put_segment(5, 5, false, 0);
	put_capture("ports-000001-md.pcap");
	put_capture("ports-000002-md.pcap");
	put_capture("ports-000002-oe-2.pcap");
	put_capture("ports-000003-md.pcap");
	put_capture("ports-000005-md.pcap");
	return 0;
}

static int
remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void
names_that_are_captures(void **state)
{
	static const struct {
		const char *name;
		uint32_t run;
	} CASES[] = {
		{ "ports-000001-md.pcap", 1 },
		{ "ports-000042-oe-2.pcap", 42 },
		{ "ports-1234567-a.pcap", 1234567 },
		{ "ports-000000-md.pcap", 0 },
		{ "ports-000001-md.pcap.part", 0 },
		{ "ports-000001.pcap", 0 },
		{ "ports--00001-md.pcap", 0 },
		{ "ports- 00001-md.pcap", 0 },
		{ "ports-4294967296-md.pcap", 0 },
		{ "ports-99999999999999999999-md.pcap", 0 },
		{ "ports-md.pcap", 0 },
		{ "ports-", 0 },
		{ ".pcap", 0 },
		{ "", 0 },
		{ "journal-0000000001.sj", 0 },
		{ "md-000001-ports.pcap", 0 },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_int_equal(captures_run_of(CASES[i].name), CASES[i].run);
}

static void
a_capture_goes_with_the_last_segment_of_its_run(void **state)
{
	struct keeper_did did = round_of((struct keeper_config){ .keep_segments = 3 }, 5);

	assert_int_equal(did.removed_cnt, 1);
	assert_int_equal(did.captures_removed_cnt, 1);
	assert_false(is_there("ports-000001-md.pcap"));
	assert_true(is_there("ports-000002-md.pcap")); // its second segment is still there
	did = round_of((struct keeper_config){ .keep_segments = 2 }, 5);
	assert_int_equal(did.removed_cnt, 1);
	assert_int_equal(did.captures_removed_cnt, 2);
	assert_false(is_there("ports-000002-md.pcap"));
	assert_false(is_there("ports-000002-oe-2.pcap"));
	did = round_of((struct keeper_config){ .keep_segments = 1 }, 5);
	assert_int_equal(did.removed_cnt, 1);
	assert_int_equal(did.captures_removed_cnt, 0); // segment 3 of two
	assert_true(is_there("ports-000003-md.pcap"));
	assert_int_equal(did.error, 0);
}

static void
days_take_captures_too(void **state)
{
	const struct keeper_did did = round_of((struct keeper_config){ .keep_days = 15 }, 5);

	assert_int_equal(did.removed_cnt, 3);
	assert_int_equal(did.captures_removed_cnt, 3);
	assert_true(is_there("ports-000003-md.pcap"));
	assert_true(is_there("ports-000005-md.pcap"));
}

static void
what_captures_take_counts(void **state)
{
	struct stat st;
	struct keeper_config c = { 0 };
	struct keeper_did did;

	assert_int_equal(stat(at("journal-0000000004.sj"), &st), 0);
	// room for segment 4 and the capture of run 3, but for one byte
	c.keep_bytes = (uint64_t)st.st_size + CAPTURE_BYTES - 1;
	did = round_of(c, 5);
	assert_int_equal(did.removed_cnt, 4);
	assert_int_equal(did.captures_removed_cnt, 4);
	assert_true(is_there("ports-000005-md.pcap")); // is being written
	assert_true(is_there("journal-0000000005.sj"));
}

static void
exactly_what_fits_is_kept(void **state)
{
	struct stat st;
	struct keeper_did did;

	assert_int_equal(stat(at("journal-0000000004.sj"), &st), 0);
	did = round_of((struct keeper_config){ .keep_bytes = (uint64_t)st.st_size + CAPTURE_BYTES },
		       5);
	assert_int_equal(did.removed_cnt, 3);
	assert_true(is_there("journal-0000000004.sj"));
	assert_true(is_there("ports-000003-md.pcap"));
}

static void
without_an_end_nothing_is_removed(void **state)
{
	put_capture("ports-000001-old.pcap");
	assert_int_equal(unlink(at("journal-0000000001.sj")), 0);
	assert_int_equal(
		round_of((struct keeper_config){ .compress = true }, 5).captures_removed_cnt, 0);
	assert_true(is_there("ports-000001-md.pcap"));
}

static void
what_a_killed_round_left_goes_in_the_next(void **state)
{
	assert_int_equal(unlink(at("journal-0000000001.sj")), 0);
	assert_int_equal(unlink(at("journal-0000000002.sj.zst")), 0);
	assert_int_equal(
		round_of((struct keeper_config){ .keep_segments = ALL }, 5).captures_removed_cnt,
		3);
	assert_false(is_there("ports-000002-md.pcap"));
	assert_true(is_there("ports-000003-md.pcap"));
}

static void
a_run_that_goes_on_in_the_open_segment_is_kept(void **state)
{
	// segment 4 is written, and run 3 with it
	const struct keeper_did did = round_of((struct keeper_config){ .keep_days = 1 }, 4);

	assert_int_equal(did.removed_cnt, 3);
	assert_true(is_there("ports-000003-md.pcap"));
	assert_true(is_there("ports-000005-md.pcap"));
}

static void
a_segment_that_cannot_be_read_removes_nothing_too_early(void **state)
{
	static const char JUNK[] = "no segment at all";

	write_file("journal-0000000004.sj", JUNK, sizeof(JUNK));
	assert_int_equal(round_of((struct keeper_config){ .keep_segments = 1 }, 5).removed_cnt, 3);
	assert_true(is_there("ports-000003-md.pcap"));
	assert_true(is_there("ports-000001-md.pcap")); // it may belong to segment 4
	assert_true(is_there("ports-000005-md.pcap"));
}

static void
other_files_stay(void **state)
{
	put_capture("md-ports.pcap");
	assert_int_equal(mkdir(at("ports-000001-folder.pcap"), 0700), 0);
	assert_int_equal(symlink("/etc/hostname", at("ports-000001-link.pcap")), 0);
	round_of((struct keeper_config){ .keep_segments = 1 }, 5);
	assert_true(is_there("md-ports.pcap"));
	assert_true(is_there("ports-000001-folder.pcap"));
	assert_true(is_there("ports-000001-link.pcap"));
	assert_false(is_there("ports-000001-md.pcap"));
}

int
main(void)
{
#define ON_FIVE(test) cmocka_unit_test_setup_teardown(test, five_segments, remove_folder)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_are_captures),
		ON_FIVE(a_capture_goes_with_the_last_segment_of_its_run),
		ON_FIVE(days_take_captures_too),
		ON_FIVE(what_captures_take_counts),
		ON_FIVE(exactly_what_fits_is_kept),
		ON_FIVE(without_an_end_nothing_is_removed),
		ON_FIVE(what_a_killed_round_left_goes_in_the_next),
		ON_FIVE(a_run_that_goes_on_in_the_open_segment_is_kept),
		ON_FIVE(a_segment_that_cannot_be_read_removes_nothing_too_early),
		ON_FIVE(other_files_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
