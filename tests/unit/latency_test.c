/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/latency.h"

/* One cycle is 2 ns here. */
#define NS_PER_2_32_CYCLES (2ULL << 32)

static const struct latency_def DEF[] = {
	{ "tick_to_trade", "burst received", "order handed to the NIC", true },
	{ "risk", "strategy done", "risk done", false },
};

static struct hist lane[2];
static struct latency *l;
static struct state_latency_row row[ARRAY_CNT(DEF)];

static int
fresh(void **state)
{
	memset(lane, 0, sizeof(lane));
	assert_int_equal(latency_open(&l, DEF, ARRAY_CNT(DEF), NS_PER_2_32_CYCLES), 0);
	assert_int_equal(latency_add(l, 0, &lane[0]), 0);
	assert_int_equal(latency_add(l, 0, &lane[1]), 0);
	return 0;
}

static int
clean(void **state)
{
	latency_close(l);
	return 0;
}

static void
nothing_recorded_reads_as_nothing(void **state)
{
	assert_int_equal(latency_rows(l, row, 2), 2);
	assert_int_equal(row[0].cnt, 0);
	assert_int_equal(row[0].max_ns, 0);
	assert_int_equal(row[0].p50_ns, 0);
	assert_string_equal(row[0].name, "tick_to_trade");
	assert_string_equal(row[0].from, "burst received");
	assert_string_equal(row[0].to, "order handed to the NIC");
	assert_true(row[0].end_point);
	assert_false(row[1].end_point);
}

static void
lanes_are_merged_and_cycles_become_ns(void **state)
{
	for (uint64_t i = 1; i <= 500; i++)
		hist_record(&lane[0], i);
	for (uint64_t i = 501; i <= 1000; i++)
		hist_record(&lane[1], i);
	latency_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 1000);
	assert_int_equal(row[0].min_ns, 2);
	assert_int_equal(row[0].p50_ns, 1000);
	assert_int_equal(row[0].p90_ns, 1800);
	assert_int_equal(row[0].p99_ns, 1980);
	assert_int_equal(row[0].p999_ns, 1998);
	assert_int_equal(row[0].p9999_ns, 2000);
	assert_int_equal(row[0].max_ns, 2000);
	assert_int_equal(row[0].sum_ns, 1001000);
	assert_int_equal(row[1].cnt, 0);
}

static void
a_reset_counts_from_then_on(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		hist_record(&lane[0], 1000);
	latency_reset(l);
	latency_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 0);
	assert_int_equal(row[0].max_ns, 0);

	for (unsigned i = 0; i < 10; i++)
		hist_record(&lane[1], 30);
	latency_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 10);
	assert_int_equal(row[0].min_ns, 60);
	assert_int_equal(row[0].p99_ns, 60);
	assert_int_equal(row[0].max_ns, 60); // the 2,000 ns are from before

	hist_record(&lane[0], 1234567); // a new record is known exactly
	latency_rows(l, row, 2);
	assert_int_equal(row[0].max_ns, 2469134);
}

static void
an_interval_has_what_came_since_the_one_before(void **state)
{
	latency_interval_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 0); // none has ended
	for (unsigned i = 0; i < 100; i++)
		hist_record(&lane[0], 1000);
	assert_int_equal(latency_interval_end(l), 0);
	latency_interval_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 100);
	assert_int_equal(row[0].max_ns, 2000);
	for (unsigned i = 0; i < 10; i++)
		hist_record(&lane[1], 30);
	latency_interval_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 100); // those are of the next
	latency_reset(l);                  // is nothing to intervals
	assert_int_equal(latency_interval_end(l), 0);
	latency_interval_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 10);
	assert_int_equal(row[0].max_ns, 60);
	assert_int_equal(row[0].min_ns, 60);
	assert_int_equal(latency_interval_end(l), 0);
	latency_interval_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 0);
	assert_int_equal(row[0].max_ns, 0);
	latency_rows(l, row, 2);
	assert_int_equal(row[0].cnt, 0); // since the reset
}

static void
source_and_notes_are_said_once(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	latency_rows(l, row, 2);
	for (unsigned i = 0; i < 2; i++) {
		strcpy(row[i].source, "TSC at 1 MHz");
		strcpy(row[i].note, "3 times were below 0 and are left out.");
	}
	latency_print(f, row, 2);
	fclose(f);
	assert_non_null(strstr(text, "times by TSC at 1 MHz\nNOTE: 3 times were"));
	assert_null(strstr(strstr(text, "NOTE") + 1, "NOTE"));
	free(text);
}

static void
columns_stand_below_their_heads_whatever_the_names(void **state)
{
	char *text = NULL, *line;
	size_t len, column;
	FILE *f = open_memstream(&text, &len);

	latency_rows(l, row, 2);
	strcpy(row[1].name, "tick-to-trade of a strategy");
	latency_print(f, row, 2);
	fclose(f);
	column = (size_t)(strstr(text, "  between\n") - text);
	for (line = strchr(text, '\n') + 1; strstr(line, " -> ") != NULL;
	     line = strchr(line, '\n') + 1)
		assert_int_equal(strncmp(line + column, "  ", 2), 0);
	assert_true(line > text + 2 * column);
	free(text);
}

static void
fewer_rows_than_there_are_may_be_asked_for(void **state)
{
	memset(row, 0xff, sizeof(row));
	assert_int_equal(latency_rows(l, row, 1), 2);
	assert_int_equal(row[1].cnt, UINT64_MAX);
}

static char *
percentiles_of(size_t row_idx)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	latency_write_percentiles(l, row_idx, f);
	fclose(f);
	return text;
}

static void
the_percentile_file_rises_to_the_largest_value(void **state)
{
	double value, share, before = -1, share_before = -1;
	unsigned long total, total_before = 0;
	unsigned line_cnt = 0;
	char *text, *line, *save;

	for (uint64_t i = 1; i <= 10000; i++)
		hist_record(&lane[0], i);
	text = percentiles_of(0);
	assert_non_null(strstr(text, "Value     Percentile TotalCount 1/(1-Percentile)"));
	assert_non_null(strstr(text, "TotalCount     =        10000"));
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#' || sscanf(line, "%lf %lf %lu", &value, &share, &total) != 3)
			continue;
		assert_true(value >= before);
		assert_true(share > share_before);
		assert_true(total >= total_before);
		// each value is the one at that rank: 2 ns a step, to the width of its bucket
		assert_true(value >= 2.0 * (double)total && value <= 2.0 * (double)total * 1.002);
		before = value;
		share_before = share;
		total_before = total;
		line_cnt++;
	}
	assert_true(line_cnt > 30);
	assert_true(before == 20000.0);
	assert_true(share_before == 1.0);
	assert_int_equal(total_before, 10000);
	free(text);
}

static void
an_empty_percentile_file_says_so(void **state)
{
	char *text = percentiles_of(1);

	assert_non_null(strstr(text, "TotalCount     =            0"));
	assert_null(strstr(text, "inf"));
	assert_null(strstr(text, "nan"));
	free(text);
}

static void
the_table_names_both_end_points(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	hist_record(&lane[0], 617);
	latency_rows(l, row, 2);
	latency_print(f, row, 2);
	fclose(f);
	assert_non_null(strstr(text, "burst received -> order handed to the NIC\n"));
	assert_non_null(strstr(text, "strategy done -> risk done (sampled)\n"));
	assert_non_null(strstr(text, "1.234 us"));
	free(text);
}

static const struct {
	uint64_t ns;
	const char *text;
} NS[] = {
	{ 0, "0 ns" },           { 999, "999 ns" },
	{ 1000, "1.000 us" },    { 999999, "999.999 us" },
	{ 1000000, "1.000 ms" }, { 1500000000, "1.500 s" },
};

static void
durations_read_well(void **state)
{
	char text[32];

	for (size_t i = 0; i < ARRAY_CNT(NS); i++)
		assert_string_equal(latency_ns_text(NS[i].ns, text, sizeof(text)), NS[i].text);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
	const struct CMUnitTest tests[] = {
		TEST(nothing_recorded_reads_as_nothing),
		TEST(lanes_are_merged_and_cycles_become_ns),
		TEST(a_reset_counts_from_then_on),
		TEST(an_interval_has_what_came_since_the_one_before),
		TEST(source_and_notes_are_said_once),
		TEST(columns_stand_below_their_heads_whatever_the_names),
		TEST(fewer_rows_than_there_are_may_be_asked_for),
		TEST(the_percentile_file_rises_to_the_largest_value),
		TEST(an_empty_percentile_file_says_so),
		TEST(the_table_names_both_end_points),
		TEST(durations_read_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
