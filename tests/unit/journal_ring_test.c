/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/journal.h"
#include "base/must.h"

/* The lane's end of the journal's ring and the other one. */

enum {
	SLOTS = 32,
};

static _Alignas(CACHE_LINE) uint8_t file[JOURNAL_RING_HEAD_BYTES + SLOTS * CACHE_LINE];
static struct journal_ring_head *const head = (struct journal_ring_head *)(void *)file;
static struct journal j;
static struct journal_taker t;

/* An empty ring whose next position is pos. */
static void
start(uint32_t pos, bool stop)
{
	memset(file, 0, sizeof(file));
	head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	head->slot_cnt = SLOTS;
	head->taken_pos = pos;
	journal_init(&j, head, NULL, stop);
	j.put_pos = j.taken_seen = pos;
	journal_taker_init(&t, head);
}

static uint8_t
byte_of(uint32_t n, uint32_t at)
{
	return (uint8_t)(n * 31 + at * 7 + (at >> 3));
}

static void
put_wire(uint32_t n, uint32_t len)
{
	struct journal_slot s = { .kind = JOURNAL_WIRE_OUT, .ns = n };
	struct journal_wire w = { .token = n };
	uint8_t bytes[JOURNAL_WIRE_MAX + 100];

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = byte_of(n, i);
	memcpy(s.body, &w, sizeof(w));
	journal_put_wire(&j, &s, bytes, len);
}

/* The next record is the n-th with so many bytes. */
static void
expect_wire(uint32_t n, uint32_t len)
{
	uint8_t out[JOURNAL_RECORD_MAX];
	struct journal_slot s;
	struct journal_wire w;
	uint32_t got = 0;

	assert_int_equal(journal_take(&t, out, &got), JOURNAL_FOUND_RECORD);
	memcpy(&s, out, sizeof(s));
	memcpy(&w, s.body, sizeof(w));
	assert_int_equal(s.ns, n);
	assert_int_equal(w.token, n);
	assert_int_equal(w.len, len);
	assert_int_equal(got, len <= JOURNAL_WIRE_FIRST ? CACHE_LINE
							: CACHE_LINE + len - JOURNAL_WIRE_FIRST);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(i < JOURNAL_WIRE_FIRST ? w.bytes[i]
							: out[CACHE_LINE + i - JOURNAL_WIRE_FIRST],
				 byte_of(n, i));
	journal_taken(&t);
}

static void
expect_nothing(void)
{
	uint8_t out[JOURNAL_RECORD_MAX];
	uint32_t len;

	assert_int_equal(journal_take(&t, out, &len), JOURNAL_FOUND_NOTHING);
}

static void
put_note(uint64_t ns)
{
	const struct journal_slot s = { .kind = JOURNAL_INTENT, .ns = ns };

	journal_put(&j, &s);
}

static void
take_slot(struct journal_slot *out)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	uint32_t len;

	assert_int_equal(journal_take(&t, record, &len), JOURNAL_FOUND_RECORD);
	assert_int_equal(len, CACHE_LINE);
	memcpy(out, record, sizeof(*out));
	journal_taken(&t);
}

static void
records_of_every_length_come_back_across_the_wrap(void **state)
{
	start(UINT32_MAX - 1000, false);
	for (uint32_t n = 0; n < 4000; n++) {
		const uint32_t len = n % (JOURNAL_WIRE_MAX + 1);

		put_wire(n, len);
		expect_wire(n, len);
	}
	expect_nothing();
	assert_int_equal(j.metrics.lost, 0);
}

static void
a_message_longer_than_the_most_is_cut(void **state)
{
	start(0, false);
	put_wire(7, JOURNAL_WIRE_MAX + 50);
	expect_wire(7, JOURNAL_WIRE_MAX);
}

static void
what_does_not_fit_is_said_before_what_fits_again(void **state)
{
	struct journal_lane_gap gap;
	struct journal_slot s;

	start(0, false);
	for (uint64_t i = 0; i < SLOTS + 5; i++)
		put_note(100 + i);
	assert_int_equal(j.metrics.lost, 5);
	assert_int_equal(j.metrics.gap, 1);
	assert_int_equal(head->lost_cnt, 5); // a start after a crash finds it here
	assert_int_equal(halt_reasons() & HALT_CONTROL, 0);
	for (uint64_t i = 0; i < SLOTS; i++) {
		take_slot(&s);
		assert_int_equal(s.ns, 100 + i);
	}
	put_note(900);
	take_slot(&s);
	assert_int_equal(s.kind, JOURNAL_LANE_GAP);
	memcpy(&gap, s.body, sizeof(gap));
	assert_int_equal(gap.lost_cnt, 5);
	assert_int_equal(gap.from_ns, 100 + SLOTS);
	assert_int_equal(gap.to_ns, 100 + SLOTS + 4);
	take_slot(&s);
	assert_int_equal(s.ns, 900);
	expect_nothing();
	assert_int_equal(head->lost_cnt, 0);
}

/* Room for the record alone is not room for it and for what must be said before. */
static void
a_gap_needs_its_own_place(void **state)
{
	struct journal_slot s;

	start(0, false);
	for (uint64_t i = 0; i < SLOTS + 1; i++)
		put_note(i);
	take_slot(&s);
	put_note(50);
	assert_int_equal(j.metrics.lost, 2);
	take_slot(&s);
	put_note(51);
	assert_int_equal(j.metrics.lost, 2);
	assert_int_equal(j.metrics.gap, 1);
}

static void
a_wire_message_that_does_not_fit_whole_is_not_put_at_all(void **state)
{
	struct journal_slot s;

	start(0, false);
	for (uint64_t i = 0; i < SLOTS - 2; i++)
		put_note(i);
	put_wire(5, JOURNAL_WIRE_FIRST + 2 * JOURNAL_WIRE_NEXT + 1); // four slots
	assert_int_equal(j.metrics.lost, 1);
	for (uint64_t i = 0; i < SLOTS - 2; i++)
		take_slot(&s);
	expect_nothing();
}

static void
a_gap_stops_orders_when_it_is_told_to(void **state)
{
	start(0, true);
	for (uint64_t i = 0; i < SLOTS; i++)
		put_note(i);
	assert_int_equal(halt_reasons() & HALT_CONTROL, 0);
	put_note(SLOTS);
	assert_int_equal(halt_reasons() & HALT_CONTROL, HALT_CONTROL);
	halt_lift(HALT_CONTROL);
}

/* The process is killed between any two stores of a record: it is there whole or not at all. */
static void
a_record_that_was_not_finished_is_not_there(void **state)
{
	static uint8_t before[sizeof(file)], after[sizeof(file)];
	uint8_t out[JOURNAL_RECORD_MAX];
	uint32_t len;

	start(0, false);
	put_note(1);
	memcpy(before, file, sizeof(file));
	put_wire(2, 150); // first slot at 1, two behind
	memcpy(after, file, sizeof(file));
	// in the order of the stores: the slots behind, then the first one's body, then its number
	const size_t first = JOURNAL_RING_HEAD_BYTES + CACHE_LINE;

	for (size_t done = 0; done < 3 * CACHE_LINE; done++) {
		memcpy(file, before, sizeof(file));
		for (size_t i = 0; i < done; i++) {
			const size_t at = i < 2 * CACHE_LINE
						  ? first + CACHE_LINE + i
						  : first + (i - 2 * CACHE_LINE + 4) % CACHE_LINE;

			file[at] = after[at];
		}
		journal_taker_init(&t, head);
		assert_int_equal(journal_take(&t, out, &len), JOURNAL_FOUND_RECORD);
		if (done < 3 * CACHE_LINE - 3) // its number's lowest byte makes it valid
			assert_int_equal(journal_take(&t, out, &len), JOURNAL_FOUND_NOTHING);
	}
	memcpy(file, after, sizeof(file));
	journal_taker_init(&t, head);
	t.pos = 1;
	expect_wire(2, 150);
}

static void
a_record_whose_other_slots_are_not_its_own_is_torn(void **state)
{
	uint8_t out[JOURNAL_RECORD_MAX];
	uint32_t len;

	start(0, false);
	put_wire(1, 100);
	file[JOURNAL_RING_HEAD_BYTES + CACHE_LINE] ^= 1;
	assert_int_equal(journal_take(&t, out, &len), JOURNAL_FOUND_TORN);
	assert_int_equal(t.pos, 0);
}

static void
no_journal_takes_nothing(void **state)
{
	struct journal_slot s = { .kind = JOURNAL_INTENT };
	uint8_t bytes[30] = { 0 };

	journal_put(NULL, &s);
	journal_message(NULL, JOURNAL_INTENT, &s, 0, 0);
	journal_put_wire(NULL, &s, bytes, sizeof(bytes));
}

enum { CROSSINGS = 200000 };

static void *
put_all(void *arg)
{
	for (uint32_t n = 0; n < CROSSINGS; n++) {
		put_wire(n, n % 200);
		if (n % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Whatever the two threads do, each record is taken or told as lost, in order. */
static void
nothing_is_lost_untold_between_two_threads(void **state)
{
	uint64_t taken_cnt = 0, told_cnt = 0, next = 0;
	uint8_t out[JOURNAL_RECORD_MAX];
	bool over = false;
	pthread_t putter;
	uint32_t len;

	start(UINT32_MAX - 5000, false);
	assert_int_equal(pthread_create(&putter, NULL, put_all, NULL), 0);
	while (!over || next < CROSSINGS) {
		struct journal_slot s;

		if (journal_take(&t, out, &len) != JOURNAL_FOUND_RECORD) {
			if (over)
				break;
			over = pthread_tryjoin_np(putter, NULL) == 0;
			sched_yield();
			continue;
		}
		memcpy(&s, out, sizeof(s));
		if (s.kind == JOURNAL_LANE_GAP) {
			struct journal_lane_gap gap;

			memcpy(&gap, s.body, sizeof(gap));
			told_cnt += gap.lost_cnt;
			next += gap.lost_cnt;
		} else {
			assert_int_equal(s.ns, next);
			for (uint32_t i = CACHE_LINE; i < len; i++)
				assert_int_equal(out[i],
						 byte_of((uint32_t)next,
							 i - CACHE_LINE + JOURNAL_WIRE_FIRST));
			next++;
			taken_cnt++;
		}
		journal_taken(&t);
	}
	assert_int_equal(taken_cnt + told_cnt + head->lost_cnt, CROSSINGS);
	assert_int_equal(j.metrics.lost, told_cnt + head->lost_cnt);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_every_length_come_back_across_the_wrap),
		cmocka_unit_test(a_message_longer_than_the_most_is_cut),
		cmocka_unit_test(what_does_not_fit_is_said_before_what_fits_again),
		cmocka_unit_test(a_gap_needs_its_own_place),
		cmocka_unit_test(a_wire_message_that_does_not_fit_whole_is_not_put_at_all),
		cmocka_unit_test(a_gap_stops_orders_when_it_is_told_to),
		cmocka_unit_test(a_record_that_was_not_finished_is_not_there),
		cmocka_unit_test(a_record_whose_other_slots_are_not_its_own_is_torn),
		cmocka_unit_test(no_journal_takes_nothing),
		cmocka_unit_test(nothing_is_lost_untold_between_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
