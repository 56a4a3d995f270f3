/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/evidence_quotes.h"
#include "decision/risk_state.h"
#include "journal_bytes.h"
#include "msg/intent.h"
#include "msg/verdict.h"

/* Which records of a journal the evidence quotes, and in which words. */

static struct journal_bytes day;
static char folder[64], path[128];

static const char *const COUNTER[] = { "risk_intent_rejected_qty", "risk_intent_rejected_price" };
static const char *const TEXT[] = { "breaker", "kill switch" };

static int
make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/sluice-quotes-test.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/journal-0000000001.sj", folder);
	journal_bytes_start(&day, JOURNAL_BYTES_MAX);
	return 0;
}

static int
remove_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void
said(uint8_t kind, uint32_t arg, uint64_t ns, const char *text)
{
	const struct journal_text t = { .arg = arg, .ns = ns };
	uint8_t payload[512];

	memcpy(payload, &t, sizeof(t));
	memcpy(payload + sizeof(t), text, strlen(text));
	journal_bytes_put(&day, kind, payload, (uint32_t)(sizeof(t) + strlen(text)));
}

static void
names(void)
{
	said(JOURNAL_NAME, JOURNAL_NAME_STRATEGY | 1 << 8, 1, "maker\ndesk");
	said(JOURNAL_NAME, JOURNAL_NAME_INSTR | 3 << 8, 1, "AAPL");
	said(JOURNAL_NAME, JOURNAL_NAME_VERDICT | RISK_REJECT_QTY << 8, 1, "REJECT_QTY");
	said(JOURNAL_NAME, JOURNAL_NAME_VERDICT | RISK_REJECT_PRICE << 8, 1, "REJECT_PRICE");
}

/* A wish to buy that risk refused. */
static void
refused(enum risk_verdict why, uint32_t qty, uint64_t ns)
{
	const struct verdict v = { .verdict = (uint8_t)why,
				   .kind = INTENT_NEW,
				   .side = SIDE_BUY,
				   .strategy_idx = 1,
				   .px4 = 5850000,
				   .qty = qty };
	struct journal_slot s;

	memcpy(&s, &v, sizeof(s));
	s.kind = JOURNAL_VERDICT;
	s.instr_idx = 3;
	s.ns = ns;
	s.arg = 7;
	s.feed_seq = 0;
	journal_bytes_put(&day, s.kind, &s, sizeof(s));
}

/* The journal as a file. */
static struct evidence_quotes *
read_day(void)
{
	FILE *f = fopen(path, "w");
	struct evidence_quotes *q;
	struct err e;

	err_init(&e);
	assert_non_null(f);
	assert_int_equal(fwrite(day.data, 1, day.len, f), day.len);
	fclose(f);
	q = evidence_quotes_read(folder, COUNTER, 2, TEXT, 2, &e);
	if (q == NULL)
		fail_msg("%s", e.text);
	return q;
}

/* What of it is written, and how often it happened. */
static char *
quoted(size_t (*of)(FILE *, const struct evidence_quotes *, const char *),
       const struct evidence_quotes *q, const char *what, size_t *cnt)
{
	static char *text;
	size_t len;
	FILE *f;

	free(text);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	*cnt = of(f, q, what);
	fclose(f);
	return text;
}

static void
a_refusal_is_quoted_with_who_what_and_which_limits(void **state)
{
	struct evidence_quotes *q;
	size_t cnt;

	names();
	refused(RISK_REJECT_QTY, 600, 1700000000000000005);
	refused(RISK_REJECT_PRICE, 100, 1700000001000000000);
	q = read_day();
	assert_string_equal(quoted(evidence_quotes_of_counter, q, COUNTER[0], &cnt),
			    "    2023-11-14T22:13:20.000000005Z record 5: new of strategy maker "
			    "(account desk), buy 600 AAPL at 585.0000: REJECT_QTY by limits "
			    "version 7\n");
	assert_int_equal(cnt, 1);
	assert_non_null(strstr(quoted(evidence_quotes_of_counter, q, COUNTER[1], &cnt),
			       "buy 100 AAPL at 585.0000: REJECT_PRICE"));
	assert_int_equal(cnt, 1);
	evidence_quotes_free(q);
}

static void
the_newest_three_are_quoted_oldest_first(void **state)
{
	struct evidence_quotes *q;
	const char *text;
	size_t cnt;

	names();
	for (uint32_t i = 1; i <= 5; i++)
		refused(RISK_REJECT_QTY, 600 + i, 1700000000000000000 + i);
	q = read_day();
	text = quoted(evidence_quotes_of_counter, q, COUNTER[0], &cnt);
	assert_int_equal(cnt, 5);
	assert_null(strstr(text, "buy 602 "));
	assert_true(strstr(text, "buy 603 ") < strstr(text, "buy 604 "));
	assert_true(strstr(text, "buy 604 ") < strstr(text, "buy 605 "));
	assert_non_null(strstr(text, "\n    (the newest of 5)\n"));
	evidence_quotes_free(q);
}

static void
a_note_is_quoted_by_its_words(void **state)
{
	struct evidence_quotes *q;
	size_t cnt;

	said(JOURNAL_NOTE, 0, 1700000000000000000, "control: breaker loss tripped");
	said(JOURNAL_NOTE, 0, 1700000001000000000, "control: something else");
	said(JOURNAL_COMMAND, 0, 1700000002000000000, "breaker rearm loss"); // is no note
	q = read_day();
	assert_string_equal(quoted(evidence_quotes_of_text, q, "breaker", &cnt),
			    "    2023-11-14T22:13:20.000000000Z record 1: control: breaker loss "
			    "tripped\n");
	assert_int_equal(cnt, 1);
	assert_string_equal(quoted(evidence_quotes_of_text, q, "kill switch", &cnt), "");
	assert_int_equal(cnt, 0);
	assert_string_equal(quoted(evidence_quotes_of_text, q, "nobody asked for it", &cnt), "");
	evidence_quotes_free(q);
	assert_string_equal(quoted(evidence_quotes_of_text, NULL, "breaker", &cnt), ""); // none
}

static void
the_summary_says_how_much_and_whether_it_is_whole(void **state)
{
	struct evidence_quotes *q;
	char text[256];
	FILE *f;

	said(JOURNAL_NOTE, 0, 1700000000000000000, "one");
	said(JOURNAL_NOTE, 0, 1700000060000000000, "two");
	said(JOURNAL_END, 0, 1700000060000000000, "");
	for (int damaged = 0; damaged <= 1; damaged++) {
		if (damaged)
			day.data[day.at[1] + sizeof(struct journal_frame)] ^= 1;
		q = read_day();
		f = fmemopen(text, sizeof(text), "w");
		evidence_quotes_summary(f, q);
		fclose(f);
		assert_string_equal(text,
				    damaged ? "2 records, 2023-11-14T22:13:20.000000000Z to "
					      "2023-11-14T22:14:20.000000000Z; parts of it are "
					      "damaged (sluice-journal verify)"
					    : "3 records, 2023-11-14T22:13:20.000000000Z to "
					      "2023-11-14T22:14:20.000000000Z");
		evidence_quotes_free(q);
	}
}

static void
a_folder_that_is_not_there_is_said(void **state)
{
	struct err e;

	err_init(&e);
	assert_null(evidence_quotes_read("/nowhere/journal", COUNTER, 2, TEXT, 2, &e));
	assert_non_null(strstr(e.text, "/nowhere/journal"));
	err_end(&e);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_refusal_is_quoted_with_who_what_and_which_limits),
		TEST(the_newest_three_are_quoted_oldest_first),
		TEST(a_note_is_quoted_by_its_words),
		TEST(the_summary_says_how_much_and_whether_it_is_whole),
		cmocka_unit_test(a_folder_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
