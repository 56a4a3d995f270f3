/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/kill.h"
#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "lane/housekeeping.h"

/*
 * What a lane writes down for a replay is what was done to it: each burst with its turn and time,
 * each look at the timers, each command and version of the limits, and whether the kill switch was
 * seen, in order.
 */
enum {
	SLOTS = 1 << 16,
	MESSAGES = 60,
	EVERY = 10, // turns; the lab looks at timers by itself
	DID_MAX = 4096,
};

/* What the test did, in order. */
struct did {
	uint8_t kind;
	uint32_t turn;
	uint64_t ns;
	uint32_t what; // frames; the command; 1: killed
};

static struct did did[DID_MAX];
static uint32_t did_cnt, said_cnt;
static struct journal journal;
static struct journal_taker taker;
static struct tape tape;

static void
note(const struct lab *lab, uint8_t kind, uint32_t what)
{
	assert_true(did_cnt < DID_MAX);
	did[did_cnt++] = (struct did){ .kind = kind,
				       .turn = (uint32_t)(lab->g.lane[0]->turn.turn >> 1),
				       .ns = lab->offline.now_ns,
				       .what = what };
}

static void
expect(const struct did *want, const struct journal_slot *s, uint32_t turn, uint64_t ns,
       uint32_t what)
{
	assert_int_equal(s->kind, want->kind);
	assert_int_equal(turn, want->turn);
	assert_int_equal(ns, want->ns);
	assert_int_equal(what, want->what);
}

/* All records of the tape, against what was done. */
static void
compare(void)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	uint32_t len;

	while (journal_take(&taker, record, &len) == JOURNAL_FOUND_RECORD) {
		struct journal_asked asked;
		struct journal_burst burst;
		struct journal_ticks ticks;
		struct journal_slot s;
		uint64_t ns;

		memcpy(&s, record, sizeof(s));
		journal_taken(&taker);
		ns = s.ns;
		switch (s.kind) {
		case JOURNAL_TICKS:
			memcpy(&ticks, s.body, sizeof(ticks));
			assert_in_range(s.feed_seq, 1, TAPE_TICKS_MAX);
			for (uint32_t i = 0; i < s.feed_seq; i++) {
				ns += i == 0 ? 0 : ticks.after_ns[i - 1];
				expect(&did[said_cnt++], &s, s.arg + i * EVERY, ns, 0);
			}
			break;
		case JOURNAL_BURST:
			memcpy(&burst, s.body, sizeof(burst));
			assert_int_equal(s.feed_seq, burst.frame_cnt[0] + burst.frame_cnt[1]);
			expect(&did[said_cnt++], &s, s.arg, ns, s.feed_seq);
			break;
		case JOURNAL_ASKED:
			memcpy(&asked, s.body, sizeof(asked));
			expect(&did[said_cnt++], &s, s.arg, ns, asked.kind);
			break;
		case JOURNAL_TOOK:
		case JOURNAL_KILL:
			expect(&did[said_cnt++], &s, s.arg, ns, s.feed_seq);
			break;
		default:
			break;
		}
	}
	assert_int_equal(journal.metrics.lost, 0);
}

static void
give_tape(struct lab *lab)
{
	struct journal_ring_head *head =
		aligned_alloc(CACHE_LINE, JOURNAL_RING_HEAD_BYTES + (size_t)SLOTS * CACHE_LINE);

	assert_non_null(head);
	memset(head, 0, JOURNAL_RING_HEAD_BYTES + (size_t)SLOTS * CACHE_LINE);
	head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	head->slot_cnt = SLOTS;
	journal_init(&journal, head, NULL, false);
	journal_taker_init(&taker, head);
	tape.journal = &journal;
	lab->g.lane[0]->tape = &tape;
	lab->g.lane[0]->housekeeping_every = EVERY;
}

/* So many turns.  The lane takes its frames when it is through with what it has to say. */
static void
turns(struct lab *lab, uint32_t cnt)
{
	struct lane *l = lab->g.lane[0];

	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t before = l->metrics.frame_received;

		l->housekeeping_left = UINT32_MAX;
		note(lab, JOURNAL_BURST, 0);
		offline_turn(&lab->offline);
		did[did_cnt - 1].what = (uint32_t)(l->metrics.frame_received - before);
		if (did[did_cnt - 1].what == 0)
			did_cnt--;
	}
}

/* killed: the kill switch is on from now on; it was not, or was, so far. */
static void
tick(struct lab *lab, uint64_t after_ns, enum command_kind command, bool killed)
{
	const struct command ask = { .kind = command };

	offline_set_time(&lab->offline, lab->offline.now_ns + after_ns);
	if (killed != halt_is_killed()) {
		note(lab, JOURNAL_KILL, killed);
		if (killed)
			halt_kill(KILL_OPERATOR, 0);
		else
			halt_kill_release();
	}
	note(lab, JOURNAL_TICKS, 0);
	if (command == COMMAND_NONE) {
		offline_housekeeping(&lab->offline);
		return;
	}
	if (command == COMMAND_CANCEL_ALL)
		note(lab, JOURNAL_ASKED, command);
	gateway_ask(&lab->g, 0, &ask, 1);
}

static void
put_frames(struct lab *lab, const struct flow *flow, size_t *at, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const size_t to = *at + 2 + be16_get(*(const be16 *)(flow->data + *at));

		lab_market_data(lab, 0, flow->data + *at, to - *at, 1);
		*at = to;
	}
}

static void
what_was_done_to_the_lane_is_on_the_tape(void **state)
{
	struct lab *lab = lab_open(&(struct lab_setup){ .no_warm_up = true });
	struct flow flow;
	size_t at = 0;
	struct err e;

	err_init(&e);
	lab_session_up(lab); // and armed; nothing of it is on the tape
	give_tape(lab);
	flow_make(&flow, MESSAGES, 5);
	for (uint32_t round = 0; round < 40; round++) {
		// one, two, ... frames in a burst, and turns between looks as the lane counts them
		const uint32_t frames = round % 4;

		offline_set_time(&lab->offline, lab->offline.now_ns + 700 + round);
		put_frames(lab, &flow, &at, frames);
		if (round == 20) { // another version of the limits, from the next turn on
			assert_int_equal(
				limits_set(&lab->g.limits, "order_max_qty", "123", NULL, &e), 0);
			// the clock was last read by the look before
			did[did_cnt++] = (struct did){
				.kind = JOURNAL_TOOK,
				.turn = (uint32_t)(lab->g.lane[0]->turn.turn >> 1),
				.ns = lab->g.lane[0]->now_ns,
				.what = lab->g.limits.current->version,
			};
		}
		turns(lab, EVERY);
		// a question leaves no record, a command does; a long pause begins a new one
		tick(lab, round == 30 ? 5000000000 : 1000,
		     round == 10   ? COMMAND_CANCEL_ALL
		     : round == 11 ? COMMAND_SESSION
				   : COMMAND_NONE,
		     round >= 15 && round < 18);
	}
	// as many looks in a row as want more than one record; then something, so that all are put
	for (uint32_t i = 0; i < 3 * TAPE_TICKS_MAX + 1; i++) {
		turns(lab, EVERY);
		tick(lab, 50, COMMAND_NONE, false);
	}
	tick(lab, 50, COMMAND_CANCEL_ALL, false);
	compare();
	assert_int_equal(said_cnt, did_cnt);
	assert_true(did_cnt > 100);
	flow_free(&flow);
	free(journal.head);
	lab_close(lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_done_to_the_lane_is_on_the_tape),
	};

	lab_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
