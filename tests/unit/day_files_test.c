/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "limits/day_files.h"

/* Files of the day's start: what is read, and what is said about each fault. */

static struct config config;
static struct err err;
static char path[] = "/tmp/sluice-day-XXXXXX";

static int
start(void **unused)
{
	memset(&config, 0, sizeof(config));
	err_init(&err);
	config.instruments_cnt = 3;
	strcpy(config.instruments[1].symbol, "AAPL");
	strcpy(config.instruments[2].symbol, "MSFT");
	config.accounts_cnt = 3;
	strcpy(config.accounts[1].name, "desk");
	strcpy(config.accounts[2].name, "book");
	strcpy(config.risk.positions_file, path);
	strcpy(config.risk.locates_file, path);
	return 0;
}

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	err_init(&err);
}

static void
positions_are_read_as_they_stand(void **unused)
{
	struct day_position *p;

	write_file("# of yesterday's close\n"
		   "symbol,account,quantity,price\n"
		   "\n"
		   "AAPL,desk,-1500,187.25\n"
		   " MSFT , book , 2147483647 , 200000 # all of it\r\n"
		   "AAPL,book,1,0.0001");
	assert_int_equal(day_positions_load(&config, &p, &err), 3);
	assert_int_equal(p[0].node_idx, 1);
	assert_int_equal(p[0].instr_idx, 1);
	assert_int_equal(p[0].qty, -1500);
	assert_int_equal(p[0].px4, 1872500);
	assert_int_equal(p[1].node_idx, 2);
	assert_int_equal(p[1].qty, INT32_MAX);
	assert_int_equal(p[1].px4, 2000000000);
	assert_int_equal(p[2].px4, 1);
	free(p);
	config.risk.positions_file[0] = '\0';
	assert_int_equal(day_positions_load(&config, &p, &err), 0);
	assert_null(p);
}

static void
each_fault_is_told_with_its_line(void **unused)
{
	static const struct {
		const char *what, *line, *want;
	} faults[] = {
		{ "an unknown symbol", "IBM,desk,1,1", ":2: 'IBM' is not in instruments" },
		{ "an unknown account", "AAPL,floor,1,1", ":2: 'floor' is not in accounts" },
		{ "the firm is no account", "AAPL,firm,1,1", ":2: 'firm' is not in accounts" },
		{ "no shares", "AAPL,desk,0,1", ":2: '0' is no quantity" },
		{ "half a share", "AAPL,desk,1.5,1", ":2: '1.5' is no quantity" },
		{ "too many shares", "AAPL,desk,2147483648,1", ":2: '2147483648' is no quantity" },
		{ "more than 64 bits", "AAPL,desk,99999999999999999999,1", "is no quantity" },
		{ "a plus sign", "AAPL,desk,+1,1", ":2: '+1' is no quantity" },
		{ "no quantity", "AAPL,desk,,1", ":2: '' is no quantity" },
		{ "a price of nothing", "AAPL,desk,1,0", ":2: '0' is no price" },
		{ "a negative price", "AAPL,desk,1,-1", ":2: '-1' is no price" },
		{ "five decimals", "AAPL,desk,1,1.00001", ":2: '1.00001' is no price" },
		{ "a bare point", "AAPL,desk,1,1.", ":2: '1.' is no price" },
		{ "above the venue's end", "AAPL,desk,1,200000.0001", "is no price" },
		{ "an exponent", "AAPL,desk,1,1e3", ":2: '1e3' is no price" },
		{ "a column missing", "AAPL,desk,1", ":2: found 3 columns, there must be 4" },
		{ "a column too many", "AAPL,desk,1,1,1", ":2: found 5 columns" },
		{ "a second heading", "symbol,account,quantity,price", ":2: 'symbol' is not in" },
		{ "twice", "AAPL,desk,1,1\nMSFT,desk,1,1\nAAPL,desk,2,1",
		  ":4: 'AAPL' of 'desk' stands there twice, first in line 2" },
	};

	for (size_t n = 0; n < ARRAY_CNT(faults); n++) {
		struct day_position *p = (void *)1;
		char text[512];

		snprintf(text, sizeof(text), "symbol,account,quantity,price\n%s\n", faults[n].line);
		write_file(text);
		assert_int_equal(day_positions_load(&config, &p, &err), -EINVAL);
		if (strstr(err.text, faults[n].want) == NULL ||
		    strncmp(err.text, path, strlen(path)) != 0)
			fail_msg("%s: %s", faults[n].what, err.text);
		assert_null(p);
		assert_int_equal(day_positions_load(&config, &p, NULL), -EINVAL);
	}
	memset(config.risk.positions_file, 'x', 10);
	assert_int_equal(day_positions_load(&config, &(struct day_position *){ 0 }, &err), -ENOENT);
}

static void
a_line_without_end_is_told(void **unused)
{
	struct day_position *p;
	char text[1024];

	memset(text, 'A', sizeof(text));
	text[1023] = '\0';
	write_file(text);
	assert_int_equal(day_positions_load(&config, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":1: the line is longer"));
}

static void
every_fault_is_told(void **unused)
{
	struct day_position *p;

	write_file("IBM,desk,1,1\nAAPL,desk,1,1\nAAPL,desk,x,1\n");
	assert_int_equal(day_positions_load(&config, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":1: "));
	assert_non_null(strstr(err.text, ":3: "));
}

static void
located_shares_are_read(void **unused)
{
	static struct risk_locate list[RISK_LOCATE_MAX];
	uint32_t cnt = 99;

	write_file("symbol,account,quantity\nAAPL,book,5000\nMSFT,desk,4294967295\n");
	assert_int_equal(day_locates_load(&config, list, &cnt, &err), 0);
	assert_int_equal(cnt, 2);
	assert_int_equal(list[0].node_idx, 2);
	assert_int_equal(list[0].qty, 5000);
	assert_int_equal(list[1].qty, UINT32_MAX);
	write_file("AAPL,book,5000\nAAPL,book,1\n");
	assert_int_equal(day_locates_load(&config, list, &cnt, &err), -EINVAL);
	assert_non_null(strstr(err.text, ":2: 'AAPL' of 'book' stands there twice"));
	write_file("AAPL,book,-1\n");
	assert_int_equal(day_locates_load(&config, list, &cnt, &err), -EINVAL);
	write_file("");
	assert_int_equal(day_locates_load(&config, list, &cnt, &err), 0);
	assert_int_equal(cnt, 0);
}

int
main(void)
{
#define DAY_TEST(f) cmocka_unit_test_setup(f, start)
	const struct CMUnitTest tests[] = {
		DAY_TEST(positions_are_read_as_they_stand),
		DAY_TEST(each_fault_is_told_with_its_line),
		DAY_TEST(a_line_without_end_is_told),
		DAY_TEST(every_fault_is_told),
		DAY_TEST(located_shares_are_read),
	};
	const int fd = mkstemp(path);
	int rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
