/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/units.h"
#include "err/err.h"
#include "observe/event_log.h"

enum { SLOTS = 4096 };

#define NOON_NS (1700000000ULL * NS_PER_SEC)

_Alignas(CACHE_LINE) static uint8_t slot[SLOTS * CACHE_LINE];
static struct event_sink sink;
static struct event_log *log_;
static struct err fault;
static char path[64];
static int out[2]; // what would be stderr

static const char *
name(void *ctx, enum event_name kind, uint64_t idx)
{
	if (kind == EVENT_NAME_FEED && idx == 0)
		return "itch";
	if (kind == EVENT_NAME_LANE && idx == 3)
		return "receive";
	return NULL;
}

static int
fresh(void **state)
{
	struct event_log_config c = { .file = path, .least = EVENT_INFO, .name = name };
	int fd;

	snprintf(path, sizeof(path), "/tmp/sluice_event_log_test_XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	c.text_fd = out[1];
	err_init(&fault);
	event_sink_init(&sink, 3, slot, SLOTS);
	assert_int_equal(event_log_open(&log_, &c, &fault), 0);
	assert_int_equal(event_log_add_sink(log_, &sink), 0);
	return 0;
}

static int
clean(void **state)
{
	event_log_close(log_);
	close(out[0]);
	close(out[1]);
	return unlink(path);
}

/* What stderr got since the last call. */
static const char *
written(void)
{
	static char text[128 * 1024];
	ssize_t n = read(out[0], text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static unsigned
lines_in(const char *text)
{
	unsigned cnt = 0;

	for (; *text != '\0'; text++)
		cnt += *text == '\n';
	return cnt;
}

static const struct {
	const char *what;
	enum event_code code;
	uint64_t arg[EVENT_ARGS];
	const char *text;
} TEXTS[] = {
	// clang-format off
	{ "names and durations", EVENT_LINE_SILENT, { 0, 1, 3000000000 }, "feed itch: nothing heard on line 1 for 3000.0 ms" },
	{ "an index without a name", EVENT_LINE_HEARD, { 9, 0, 500 }, "feed 9: line 0 is heard again after 500 ns" },
	{ "two halves of a text", EVENT_MD_SESSION_ADOPTED, { 0, 0x3837363534333231, 0x3039, 17 }, "feed itch: session 1234567890 adopted at message 17" },
	{ "a text padded with spaces", EVENT_MD_SESSION_ADOPTED, { 0, 0x2020202020434241, 0x2020, 1 }, "feed itch: session ABC adopted at message 1" },
	{ "bytes that move a cursor", EVENT_VENUE_DEBUG, { 0, 0x4a325b1b0a41 }, "session 0: the venue says: A..[2J" },
	{ "an address", EVENT_NEIGHBOUR_RESOLVED, { 2, 0x0a0a0102, 0x0200000000ff }, "port 2: 10.10.1.2 is at 02:00:00:00:00:ff" },
	{ "a letter", EVENT_LOGIN_REJECTED, { 0, 'A' }, "session 0: login rejected with 'A' ('A' user name or password: not tried again by itself; 'S' session not available: tried again)" },
	{ "a chosen word", EVENT_HALTED, { 1 }, "halted by the control thread: no order leaves until resume" },
	{ "the last word for what is beyond", EVENT_HALTED, { 99 }, "halted by the configuration: no order leaves until resume" },
	{ "a negative number", EVENT_MUST_OPEN_QTY, { 5, (uint64_t)-1, 0, 0, 77 }, "broken invariant at line 77: 5 would have -1 shares open" },
	{ "a code that does not exist", EVENT_CNT, { 0 }, "event " },
	// clang-format on
};

static void
an_event_reads_well(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(TEXTS); i++) {
		struct event e = { .code = (uint16_t)TEXTS[i].code };
		char text[256];

		memcpy(e.arg, TEXTS[i].arg, sizeof(e.arg));
		print_message("# %s\n", TEXTS[i].what);
		event_log_format(log_, &e, text, sizeof(text));
		if (TEXTS[i].code == EVENT_CNT)
			text[strlen(TEXTS[i].text)] = '\0';
		assert_string_equal(text, TEXTS[i].text);
	}
}

static void
every_event_has_a_text_without_holes(void **state)
{
	for (unsigned code = 1; code < EVENT_CNT; code++) {
		struct event e = { .code = (uint16_t)code, .arg = { 1, 2, 3, 4, 5 } };
		char text[256], cut[10];

		event_log_format(log_, &e, text, sizeof(text));
		if (strpbrk(text, "{}") != NULL || strlen(text) == 0)
			fail_msg("event %u reads '%s'", code, text);
		event_log_format(log_, &e, cut, sizeof(cut));
		assert_true(strlen(cut) < sizeof(cut));
	}
}

static void
a_line_has_time_severity_lane_and_text(void **state)
{
	event_sink_turn(&sink, NOON_NS + 123456000);
	event_put(&sink, EVENT_GAP_OPENED, 0, 20, 30);
	assert_int_equal(event_log_poll(log_, NOON_NS), 1);
	assert_string_equal(written(), "2023-11-14T22:13:20.123456Z notice   receive: feed itch: "
				       "messages 20 to 30 are missing on every line so far\n");
	event_log_put(log_, NOON_NS, EVENT_ARMED);
	assert_string_equal(written(), "2023-11-14T22:13:20.000000Z notice   control: armed: "
				       "orders may leave\n");
	event_log_say(log_, NOON_NS, EVENT_ERROR, "port %s: %s", "md", "no such\ndevice");
	assert_string_equal(written(), "2023-11-14T22:13:20.000000Z error    control: port md: no "
				       "such.device\n");
}

static void
the_file_has_the_same_lines_and_survives_being_moved(void **state)
{
	char moved[80], text[512] = { 0 };
	FILE *f;

	event_log_put(log_, NOON_NS, EVENT_ARMED);
	snprintf(moved, sizeof(moved), "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(event_log_reopen(log_, &fault), 0);
	event_log_put(log_, NOON_NS, EVENT_DISARMED);
	f = fopen(moved, "r");
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	assert_non_null(strstr(text, "control: armed"));
	assert_null(strstr(text, "disarmed"));
	fclose(f);
	memset(text, 0, sizeof(text));
	f = fopen(path, "r");
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	assert_non_null(strstr(text, "control: disarmed"));
	fclose(f);
	unlink(moved);
}

static void
equal_events_are_counted(void **state)
{
	struct state_event row[512];
	const char *text;
	int cnt;

	for (uint64_t i = 0; i < 1000; i++) {
		event_put(&sink, EVENT_GAP_OPENED, 0, i, i);
		event_put(&sink, EVENT_GAP_OPENED, 1, i, i); // another feed: not the same
	}
	assert_int_equal(event_log_poll(log_, NOON_NS), 1024); // a poll has an end
	assert_int_equal(event_log_poll(log_, NOON_NS), 976);
	assert_int_equal(lines_in(written()), 6);
	cnt = event_log_recent(log_, row, ARRAY_CNT(row));
	assert_int_equal(cnt, 6);
	assert_int_equal(row[0].cnt, 1);
	assert_int_equal(row[4].cnt, 998); // the third of each kind stands for the rest
	assert_int_equal(row[5].cnt, 998);

	assert_int_equal(event_log_poll(log_, NOON_NS + 9 * NS_PER_SEC), 0);
	assert_int_equal(lines_in(written()), 0);
	event_log_poll(log_, NOON_NS + 10 * NS_PER_SEC);
	text = written();
	assert_int_equal(lines_in(text), 2);
	assert_non_null(strstr(text, "messages 999 to 999 are missing on every line so far (and "
				     "996 more like it)"));
	event_put(&sink, EVENT_GAP_OPENED, 0, 1, 1); // and a new window writes again
	event_log_poll(log_, NOON_NS + 11 * NS_PER_SEC);
	assert_int_equal(lines_in(written()), 1);
}

static void
what_is_held_back_is_written_at_the_end(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		event_log_put(log_, NOON_NS, EVENT_ARMED);
	assert_int_equal(lines_in(written()), 3);
	event_log_close(log_);
	assert_non_null(strstr(written(), "armed: orders may leave (and 1 more like it)"));
	close(out[0]);
	close(out[1]);
	unlink(path);
	fresh(state);
}

static void
different_events_are_held_to_a_rate(void **state)
{
	for (uint64_t i = 0; i < 400; i++)
		event_put(&sink, EVENT_PORT_MISSED + (i & 1), i, i);
	event_log_poll(log_, NOON_NS);
	assert_int_equal(lines_in(written()), 100);
	event_log_put(log_, NOON_NS, EVENT_MUST_INDEX, 1); // a critical one always gets out
	assert_int_equal(lines_in(written()), 1);
	event_log_put(log_, NOON_NS + NS_PER_SEC, EVENT_ARMED);
	assert_non_null(strstr(written(), "300 lines were not written"));
}

static void
lost_events_are_an_event(void **state)
{
	struct state_event row[8];
	int cnt;

	for (uint64_t i = 0; i < SLOTS + 5; i++)
		event_put(&sink, EVENT_GAP_OPENED, 0, i, i);
	event_log_poll(log_, NOON_NS);
	assert_non_null(strstr(written(), "5 events of lane receive were lost"));
	cnt = event_log_recent(log_, row, ARRAY_CNT(row));
	assert_string_equal(row[cnt - 1].code, "events_lost");
	event_log_poll(log_, NOON_NS);
	assert_null(strstr(written(), "events of lane"));
}

static void
a_reader_that_does_not_read_stops_nothing(void **state)
{
	char junk[4096] = { 0 };

	while (write(out[1], junk, sizeof(junk)) > 0)
		;
	assert_int_equal(event_log_lost(log_), 0);
	event_log_put(log_, NOON_NS, EVENT_ARMED);
	assert_int_equal(event_log_lost(log_), 1);
}

static void
less_severe_ones_are_not_kept(void **state)
{
	struct state_event row[8];

	event_log_say(log_, NOON_NS, EVENT_DEBUG, "detail");
	assert_int_equal(lines_in(written()), 0);
	assert_int_equal(event_log_recent(log_, row, ARRAY_CNT(row)), 0);
}

static void
the_newest_are_remembered_in_order(void **state)
{
	struct state_event row[600];

	for (unsigned i = 0; i < 600; i++)
		event_log_say(log_, NOON_NS + i * NS_PER_SEC, EVENT_INFO, "line %u", i);
	assert_int_equal(event_log_recent(log_, row, 2), 512);
	assert_string_equal(row[0].text, "line 598");
	assert_string_equal(row[1].text, "line 599");
	assert_int_equal(event_log_recent(log_, row, ARRAY_CNT(row)), 512);
	assert_string_equal(row[0].text, "line 88");
	assert_string_equal(row[511].text, "line 599");
}

static void
a_file_that_cannot_be_opened_is_named(void **state)
{
	const struct event_log_config c = { .file = "/tmp/no/such/folder/log", .text_fd = -1 };
	struct event_log *other = NULL;

	assert_int_equal(event_log_open(&other, &c, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, "/tmp/no/such/folder/log"));
	assert_non_null(strstr(fault.text, "control.event_log"));
	assert_null(other);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
	const struct CMUnitTest tests[] = {
		TEST(an_event_reads_well),
		TEST(every_event_has_a_text_without_holes),
		TEST(a_line_has_time_severity_lane_and_text),
		TEST(the_file_has_the_same_lines_and_survives_being_moved),
		TEST(equal_events_are_counted),
		TEST(what_is_held_back_is_written_at_the_end),
		TEST(different_events_are_held_to_a_rate),
		TEST(lost_events_are_an_event),
		TEST(a_reader_that_does_not_read_stops_nothing),
		TEST(less_severe_ones_are_not_kept),
		TEST(the_newest_are_remembered_in_order),
		TEST(a_file_that_cannot_be_opened_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
