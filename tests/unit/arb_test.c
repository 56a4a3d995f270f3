/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/arb.h"

enum {
	STEPS_MAX = 12,
	REORDER = 4,
};

#define MS     1000000ULL
#define NOW_NS (1000 * MS)

/* What a step puts in.  Heartbeat and end: seq is the next number. */
enum kind { NONE, DATA, BEAT, END, OTHER, CUT, WAIT, DOWN };

struct step {
	enum kind kind;
	uint8_t line;
	uint64_t seq; // WAIT: milliseconds
	uint16_t cnt;
};

/*
 * Each case is a conversation, and what comes out as text: "1+2" is a datagram of messages 1 and 2;
 * N G E S H are its flags (new session, gap, end, silent, heard); "~" gives back a buffer.
 */
static const struct {
	const char *what;
	uint64_t first_seq;
	struct step step[STEPS_MAX];
	const char *want;
} CASES[] = {
	// clang-format off
	{ "packets in order pass", 1,
	  { { DATA, 0, 1, 2 }, { DATA, 0, 3, 1 } }, "N1+2 3+1 " },
	{ "the second line's copy is dropped", 1,
	  { { DATA, 0, 1, 2 }, { DATA, 1, 1, 2 }, { DATA, 1, 3, 1 }, { DATA, 0, 3, 1 } }, "N1+2 3+1 " },
	{ "lines that pack differently are merged by message", 1,
	  { { DATA, 0, 1, 2 }, { DATA, 1, 1, 3 }, { DATA, 0, 3, 2 } }, "N1+2 3+1 4+1 " },
	{ "a late packet of the other line fills the gap", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 3, 1 }, { DATA, 1, 2, 1 } }, "N1+1 2+1 3+1 " },
	{ "a kept packet that was overtaken is given back", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 3, 1 }, { DATA, 1, 2, 3 } }, "N1+1 2+3 ~ " },
	{ "of a kept packet only the rest passes", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 3, 3 }, { DATA, 1, 2, 2 } }, "N1+1 2+2 4+2 " },
	{ "a gap nobody fills is given up after its time", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 4, 1 }, { WAIT, 0, 4, 0 }, { WAIT, 0, 2, 0 } }, "N1+1 G4+1 " },
	{ "a heartbeat shows a gap at the end", 1,
	  { { DATA, 0, 1, 1 }, { BEAT, 0, 3, 0 }, { WAIT, 0, 6, 0 }, { DATA, 1, 3, 1 } }, "N1+1 G 3+1 " },
	{ "what is found missing later waits as long", 1,
	  { { DATA, 0, 1, 1 }, { BEAT, 0, 3, 0 }, { WAIT, 0, 4, 0 }, { BEAT, 0, 4, 0 }, { WAIT, 0, 2, 0 }, { DATA, 1, 3, 1 } },
	  "N1+1 G 3+1 " },
	{ "a heartbeat of a line behind means nothing", 1,
	  { { DATA, 0, 1, 2 }, { BEAT, 1, 1, 0 }, { DATA, 0, 3, 1 } }, "N1+2 3+1 " },
	{ "too many kept packets give the gap up", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 3, 1 }, { DATA, 0, 4, 1 }, { DATA, 0, 5, 1 }, { DATA, 0, 6, 1 } },
	  "N1+1 G3+1 4+1 5+1 6+1 " },
	{ "a copy of a kept packet takes no room", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 3, 1 }, { DATA, 1, 3, 1 }, { DATA, 1, 2, 1 } }, "N1+1 2+1 3+1 " },
	{ "a late joiner takes what comes and says so", 0,
	  { { DATA, 0, 70, 2 }, { DATA, 0, 72, 1 } }, "NG70+2 72+1 " },
	{ "a joiner at number 1 has missed nothing", 0,
	  { { BEAT, 0, 1, 0 }, { DATA, 0, 1, 1 } }, "N 1+1 " },
	{ "a configured beginning that is gone is a gap", 1,
	  { { DATA, 0, 5, 1 }, { WAIT, 0, 6, 0 } }, "N G5+1 " },
	{ "the end comes once, and after it nothing", 1,
	  { { DATA, 0, 1, 1 }, { END, 0, 2, 0 }, { END, 1, 2, 0 }, { DATA, 0, 2, 1 } }, "N1+1 E " },
	{ "an end with something missing waits for it", 1,
	  { { DATA, 0, 1, 1 }, { END, 0, 3, 0 }, { DATA, 1, 2, 1 } }, "N1+1 2+1 E " },
	{ "another session is ignored while ours lives", 1,
	  { { DATA, 0, 1, 1 }, { OTHER, 0, 2, 1 }, { DATA, 0, 2, 1 } }, "N1+1 2+1 " },
	{ "another session is taken after the end", 1,
	  { { DATA, 0, 1, 1 }, { END, 0, 2, 0 }, { OTHER, 0, 1, 1 } }, "N1+1 E N1+1 " },
	{ "another session is taken after silence", 1,
	  { { DATA, 0, 1, 1 }, { WAIT, 0, 60, 0 }, { OTHER, 0, 1, 1 } }, "N1+1 S N1+1 " },
	{ "the only heard line's link goes down: silent at once", 1,
	  { { DATA, 0, 1, 1 }, { DOWN, 0, 0, 0 }, { DATA, 0, 2, 1 } }, "N1+1 S H2+1 " },
	{ "a link goes down, the other line is heard: nothing", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 1, 1, 1 }, { DOWN, 0, 0, 0 }, { DATA, 1, 2, 1 } }, "N1+1 2+1 " },
	{ "silence is told, and its end", 1,
	  { { DATA, 0, 1, 1 }, { WAIT, 0, 60, 0 }, { DATA, 1, 2, 1 } }, "N1+1 S H2+1 " },
	{ "a malformed packet is dropped whole", 1,
	  { { CUT, 0, 1, 2 }, { DATA, 0, 1, 1 } }, "N1+1 " },
	{ "number 0 is no number", 1,
	  { { DATA, 0, 0, 1 }, { DATA, 0, 1, 1 } }, "N1+1 " },
	{ "a number that no session reaches is damage", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 1ULL << 50, 1 }, { DATA, 0, 2, 1 } }, "N1+1 2+1 " },
	{ "a number far ahead that no other packet confirms", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 1ULL << 40, 1 }, { WAIT, 0, 6, 0 }, { DATA, 0, 2, 1 } }, "N1+1 2+1 " },
	{ "lies far ahead while the feed goes on", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 1ULL << 40, 1 }, { DATA, 1, 2, 1 }, { DATA, 0, (1ULL << 40) + 1, 1 }, { DATA, 1, 3, 1 }, { DATA, 0, (1ULL << 40) + 2, 1 }, { WAIT, 0, 6, 0 }, { DATA, 1, 4, 1 } },
	  "N1+1 2+1 3+1 4+1 " },
	{ "a heartbeat far ahead is not believed either", 1,
	  { { DATA, 0, 1, 1 }, { BEAT, 0, 1ULL << 40, 0 }, { WAIT, 0, 6, 0 }, { DATA, 0, 2, 1 } }, "N1+1 2+1 " },
	{ "lines that went on far ahead of us are believed", 1,
	  { { DATA, 0, 1, 1 }, { DATA, 0, 1ULL << 30, 1 }, { DATA, 0, (1ULL << 30) + 1, 1 }, { DATA, 0, (1ULL << 30) + 2, 1 }, { WAIT, 0, 6, 0 }, { DATA, 1, (1ULL << 30) + 2, 2 } },
	  "N1+1 G1073741826+1 1073741827+1 " },
	{ "a first number that was damage is left behind after silence", 0,
	  { { DATA, 0, 1ULL << 40, 1 }, { DATA, 0, 5, 1 }, { WAIT, 0, 60, 0 }, { DATA, 0, 6, 1 }, { DATA, 0, 7, 1 } },
	  "NG1099511627776+1 S NG6+1 7+1 " },
	// clang-format on
};

static uint8_t memory[1 << 16] cache_aligned;
static uint8_t packet[STEPS_MAX][256];
static int buffers;
static char said[256];

static void
open_arb(struct arb *a, uint64_t first_seq)
{
	const struct arb_config c = {
		.feed_idx = 3,
		.line_cnt = 2,
		.first_seq = first_seq,
		.reorder_packets = REORDER,
		.gap_wait_ns = 5 * MS,
		.silence_ns = 50 * MS,
	};
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };

	assert_int_equal(arb_init(a, &c, &arena), 0);
	buffers = 0;
	said[0] = '\0';
}

static void
say(const struct datagram *d)
{
	static const char LETTER[] = "GENSH"; // in the order of enum datagram_flag
	char *at = said + strlen(said);
	const uint8_t *block = d->data;

	for (const char *l = "NGESH"; *l != '\0'; l++)
		if (d->flags & 1 << (strchr(LETTER, *l) - LETTER))
			*at++ = *l;
	if (d->msg_cnt != 0)
		at += sprintf(at, "%llu+%u", (unsigned long long)d->seq, d->msg_cnt);
	else if (d->buf != NULL)
		*at++ = '~';
	strcpy(at, " ");
	for (unsigned i = 0; i < d->msg_cnt; i++, block += 3) // each message is its number
		assert_int_equal(block[2], (uint8_t)(d->seq + i));
	if (d->msg_cnt != 0)
		assert_ptr_equal(block, d->data + d->len);
	assert_int_equal(d->head.feed_idx, 3);
	buffers -= d->buf != NULL;
}

static void
drain(struct arb *a, uint64_t now_ns)
{
	struct datagram d;

	while (arb_next(a, now_ns, &d))
		say(&d);
	assert_int_equal(buffers, a->held_cnt);
	assert_true(buffers < REORDER);
}

static void
put(struct arb *a, const struct step *s, uint8_t *out, uint64_t now_ns)
{
	struct frame f = { .buf = out,
			   .data = out,
			   .line_idx = s->line,
			   .head.rx_ns = now_ns,
			   .heard_ns = now_ns };
	uint16_t cnt = s->cnt;
	struct datagram d;
	enum arb_verdict v;

	if (s->kind == BEAT || s->kind == END)
		cnt = s->kind == BEAT ? MOLD_HEARTBEAT_CNT : MOLD_END_OF_SESSION_CNT;
	mold_request_write((struct mold_head *)out, s->kind == OTHER ? "SESSION002" : "SESSION001",
			   s->seq, cnt);
	f.len = sizeof(struct mold_head);
	for (uint16_t i = 0; i < s->cnt; i++) {
		out[f.len++] = 0;
		out[f.len++] = 1;
		out[f.len++] = (uint8_t)(s->seq + i);
	}
	f.len = (uint16_t)(f.len - (s->kind == CUT));
	buffers++;
	v = arb_on_frame(a, &f, NULL, &d);
	if (v == ARB_DELIVER)
		say(&d);
	if (v == ARB_DROP)
		buffers--;
}

static void
what_comes_out_is_what_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		uint64_t now_ns = NOW_NS;
		struct arb a;

		open_arb(&a, CASES[i].first_seq);
		for (unsigned k = 0; k < STEPS_MAX && CASES[i].step[k].kind != NONE; k++) {
			const struct step *s = &CASES[i].step[k];

			if (s->kind == WAIT)
				now_ns += s->seq * MS;
			else if (s->kind == DOWN)
				arb_line_down(&a, s->line, now_ns);
			else
				put(&a, s, packet[k], now_ns);
			drain(&a, now_ns);
		}
		if (strcmp(said, CASES[i].want) != 0)
			fail_msg("%s: came out '%s', want '%s'", CASES[i].what, said,
				 CASES[i].want);
	}
}

static void
lines_are_counted_apart(void **state)
{
	static const struct step STEP[] = {
		{ DATA, 0, 1, 2 }, { DATA, 1, 1, 2 }, { DATA, 1, 3, 1 }, { DATA, 0, 4, 1 },
		{ CUT, 0, 5, 1 },  { DATA, 0, 3, 1 }, { BEAT, 0, 5, 0 },
	};
	const struct arb_line_metrics *l0, *l1;
	struct arb a;

	open_arb(&a, 1);
	for (unsigned k = 0; k < ARRAY_CNT(STEP); k++) {
		put(&a, &STEP[k], packet[k], NOW_NS);
		drain(&a, NOW_NS);
	}
	l0 = &a.line[0].metrics;
	l1 = &a.line[1].metrics;
	assert_int_equal(l0->packet, 5);
	assert_int_equal(l0->message_first, 3);
	assert_int_equal(l0->message_duplicate, 1);
	assert_int_equal(l0->gap, 1);
	assert_int_equal(l0->message_missing, 1);
	assert_int_equal(l0->packet_out_of_order, 1);
	assert_int_equal(l0->packet_malformed, 1);
	assert_int_equal(l0->packet_heartbeat, 1);
	assert_int_equal(l1->message_first, 1);
	assert_int_equal(l1->message_duplicate, 2);
	assert_int_equal(a.metrics.message_delivered, 4);
	assert_int_equal(a.metrics.message_lost, 0);
}

static void
an_open_gap_has_a_name(void **state)
{
	static const struct step FIRST = { DATA, 0, 1, 1 }, LATER = { DATA, 0, 6, 1 };
	uint64_t from_seq, to_seq;
	struct arb a;

	open_arb(&a, 1);
	assert_string_equal(arb_state_name(arb_state(&a)), "init");
	put(&a, &FIRST, packet[0], NOW_NS);
	drain(&a, NOW_NS);
	assert_false(arb_gap(&a, &from_seq, &to_seq));
	put(&a, &LATER, packet[1], NOW_NS);
	drain(&a, NOW_NS);
	assert_true(arb_gap(&a, &from_seq, &to_seq));
	assert_int_equal(from_seq, 2);
	assert_int_equal(to_seq, 6);
	assert_string_equal(arb_state_name(arb_state(&a)), "gap");
	arb_give_back(&a);
	drain(&a, NOW_NS);
	assert_int_equal(buffers, 0);
}

static void
a_fixed_session_takes_no_other(void **state)
{
	struct arb_config c = { .feed_idx = 3,
				.line_cnt = 1,
				.session_fixed = true,
				.reorder_packets = REORDER,
				.gap_wait_ns = MS,
				.silence_ns = MS };
	static const struct step OTHERS = { OTHER, 0, 1, 1 }, OURS = { DATA, 0, 1, 1 };
	struct arena arena = { .base = memory, .size_bytes = sizeof(memory) };
	struct arb a;

	open_arb(&a, 1);
	memcpy(c.session, "SESSION001", sizeof(c.session));
	assert_int_equal(arb_init(&a, &c, &arena), 0);
	put(&a, &OTHERS, packet[0], NOW_NS);
	drain(&a, NOW_NS);
	put(&a, &OURS, packet[1], NOW_NS);
	drain(&a, NOW_NS);
	assert_string_equal(said, "N1+1 ");
	assert_int_equal(a.metrics.packet_wrong_session, 1);
	c.line_cnt = 5;
	assert_int_equal(arb_init(&a, &c, &arena), -22);
}

/* Every event of a day with each kind of trouble, with the numbers it names. */
static void
the_log_names_what_happened(void **state)
{
	static const struct step STEP[] = {
		{ DATA, 0, 1, 1 }, { DATA, 1, 1, 1 }, { OTHER, 0, 2, 1 }, { DATA, 0, 4, 1 },
		{ DATA, 1, 2, 2 }, { DATA, 0, 8, 1 }, { WAIT, 0, 6, 0 },  { WAIT, 0, 60, 0 },
		{ DATA, 1, 9, 1 }, { END, 1, 10, 0 },
	};
	static const struct {
		enum event_code code;
		uint64_t arg[3]; // behind the feed
	} WANT[] = {
		// clang-format off
		{ EVENT_MD_SESSION_ADOPTED, { 0 } },
		{ EVENT_MD_SESSION_FOREIGN, { 0 } },
		{ EVENT_GAP_OPENED,         { 2, 3 } },
		{ EVENT_GAP_CLOSED,         { 2, 0 } },
		{ EVENT_GAP_OPENED,         { 5, 7 } },
		{ EVENT_GAP_GIVEN_UP,       { 5, 7, 6 * MS } },
		{ EVENT_LINE_SILENT,        { 0, 66 * MS } },
		{ EVENT_LINE_SILENT,        { 1, 66 * MS } },
		{ EVENT_FEED_SILENT,        { 66 * MS } },
		{ EVENT_LINE_HEARD,         { 1, 66 * MS } },
		{ EVENT_FEED_HEARD,         { 9 } },
		{ EVENT_MD_SESSION_ENDED,   { 0 } },
		// clang-format on
	};
	static uint8_t slot[64 * CACHE_LINE] cache_aligned;
	uint64_t now_ns = NOW_NS;
	struct event_sink sink;
	struct event e;
	struct arb a;

	event_sink_init(&sink, 0, slot, 64);
	open_arb(&a, 1);
	a.events = &sink;
	for (unsigned k = 0; k < ARRAY_CNT(STEP); k++) {
		if (STEP[k].kind == WAIT)
			now_ns += STEP[k].seq * MS;
		else
			put(&a, &STEP[k], packet[k], now_ns);
		drain(&a, now_ns);
	}
	for (unsigned i = 0; i < ARRAY_CNT(WANT); i++) {
		if (!event_take(&sink, &e))
			fail_msg("event %u of %zu is not there", i + 1, ARRAY_CNT(WANT));
		if (e.code != WANT[i].code)
			fail_msg("event %u is %u, want %u", i + 1, e.code, WANT[i].code);
		assert_int_equal(e.arg[0], 3);
		if (e.code == EVENT_MD_SESSION_ADOPTED || e.code == EVENT_MD_SESSION_FOREIGN ||
		    e.code == EVENT_MD_SESSION_ENDED) {
			assert_memory_equal(&e.arg[1], "SESSION0", 8);
			assert_int_equal(e.arg[3], e.code == EVENT_MD_SESSION_ADOPTED   ? 1
						   : e.code == EVENT_MD_SESSION_FOREIGN ? 2
											: 9);
		} else {
			assert_memory_equal(&e.arg[1], WANT[i].arg, sizeof(WANT[i].arg));
		}
	}
	assert_false(event_take(&sink, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_out_is_what_the_table_says),
		cmocka_unit_test(lines_are_counted_apart),
		cmocka_unit_test(an_open_gap_has_a_name),
		cmocka_unit_test(the_log_names_what_happened),
		cmocka_unit_test(a_fixed_session_takes_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
