/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hist.h"
#include "base/ring.h"

struct note {
	uint32_t ring_seq;
	uint32_t pad;
	uint64_t value[7];
};
static_assert(sizeof(struct note) == CACHE_LINE, "one message, one cache line");

static void
a_full_ring_has_no_room(void **state)
{
	_Alignas(CACHE_LINE) static uint8_t slot[4 * CACHE_LINE];
	struct note out, n = { 0 };
	struct ring r;

	ring_init(&r, slot, 4);
	assert_false(ring_take(&r, &out));
	for (uint64_t i = 0; i < 4; i++) {
		assert_true(ring_room(&r, (uint32_t)(4 - i)));
		assert_false(ring_room(&r, (uint32_t)(5 - i)));
		n.value[0] = i;
		ring_put(&r, &n);
	}
	assert_int_equal(ring_depth(&r), 4);
	assert_false(ring_room(&r, 1));
	assert_true(ring_take(&r, &out));
	assert_int_equal(out.value[0], 0);
	assert_true(ring_room(&r, 1));
}

/* Of a long ring the taker says rarely where it is, but always when it finds nothing. */
static void
an_empty_look_gives_all_places_back(void **state)
{
	_Alignas(CACHE_LINE) static uint8_t slot[RING_LONG * CACHE_LINE];
	enum { KEPT_MAX = RING_LONG / RING_TELL };
	struct note n = { 0 };
	struct ring r;

	ring_init(&r, slot, RING_LONG);
	for (uint32_t start = 0; start < KEPT_MAX; start++) {
		for (uint32_t i = 0; i < RING_LONG; i++) {
			assert_true(ring_room(&r, 1));
			ring_put(&r, &n);
		}
		for (uint32_t i = 0; i < RING_LONG; i++) {
			assert_true(ring_take(&r, &n));
			assert_true(ring_room(&r, i + 2 > KEPT_MAX ? i + 2 - KEPT_MAX : 0));
		}
		assert_false(ring_take(&r, &n));
		assert_true(ring_room(&r, RING_LONG));
		ring_put(&r, &n); // the next round begins at another position
		assert_true(ring_take(&r, &n));
		assert_false(ring_take(&r, &n));
	}
}

/* Whether no position of the slot waits for its number. */
static bool
is_marked(const uint8_t *slot, uint32_t slot_idx, uint32_t slot_cnt)
{
	return *(const uint32_t *)(const void *)slot % slot_cnt == slot_idx;
}

static void
put_and_take(struct ring *r, uint32_t put_cnt, uint32_t take_cnt)
{
	struct note n = { 0 };

	for (; put_cnt != 0; put_cnt--) {
		assert_true(ring_room(r, 1));
		ring_put(r, &n);
	}
	for (; take_cnt != 0; take_cnt--)
		assert_true(ring_take(r, &n));
}

/* Numbers of 2^32 positions ago would be taken for new ones, if slots kept them for so long. */
static void
no_slot_keeps_a_number_for_long(void **state)
{
	_Alignas(CACHE_LINE) static uint8_t slot[256 * CACHE_LINE];
	static const uint32_t BOUNDARY[] = { RING_MARK + 1U, 0 };
	static struct ring r;

	for (uint32_t size = 16; size <= 256; size *= 2)
		for (unsigned b = 0; b < ARRAY_CNT(BOUNDARY); b++) {
			struct note n = { 0 };

			ring_init_at(&r, slot, size, BOUNDARY[b] - 100);
			for (uint32_t i = 0; i < 80; i++) { // one at a time: near, and not marked
				put_and_take(&r, 1, 1);
				assert_false(ring_take(&r, &n));
			}
			for (uint32_t i = 0; i < RING_NEAR; i++)
				assert_false(is_marked(ring_near(&r, i), i, RING_NEAR));
			put_and_take(&r, size / 2, 0);
			for (uint32_t i = 0; i < 100; i++) // so far ahead that all of them go far
				put_and_take(&r, 1, 1);
			for (uint32_t i = 0; i < RING_NEAR; i++)
				assert_true(is_marked(ring_near(&r, i), i, RING_NEAR));
			put_and_take(&r, 0, size / 2);
			for (uint32_t i = 0; i < size; i++)
				assert_true(is_marked(ring_far(&r, i), i, size));
			assert_false(ring_take(&r, &n));

			ring_init_at(&r, slot, size, BOUNDARY[b] - 1);
			for (uint32_t i = 0; i <= RING_NEAR; i++) { // and all of them near
				put_and_take(&r, 1, 1);
				assert_false(ring_take(&r, &n));
			}
			for (uint32_t i = 0; i < RING_NEAR; i++)
				assert_true(is_marked(ring_near(&r, i), i, RING_NEAR));
		}
}

/* Every fill level, every size, where positions wrap and where near slots are marked. */
static void
messages_near_and_far_come_in_order(void **state)
{
	_Alignas(CACHE_LINE) static uint8_t slot[256 * CACHE_LINE];
	static const uint32_t START[] = { 0, (1U << 30) - 700, UINT32_MAX - 700 };
	static struct ring r;
	uint32_t rng = 1;

	for (uint32_t size = 2; size <= 256; size *= 2)
		for (unsigned s = 0; s < ARRAY_CNT(START); s++) {
			uint32_t in = 0, out = 0;
			struct note n = { 0 };

			ring_init_at(&r, slot, size, START[s]);
			while (out < 3000) {
				rng = rng * 1103515245 + 12345;
				for (uint32_t k = rng >> 16 & 63; k != 0 && ring_room(&r, 1); k--) {
					n.value[6] = in++;
					ring_put(&r, &n);
				}
				assert_true(in - out <= size);
				assert_int_equal(ring_depth(&r), in - out);
				for (uint32_t k = 0; k < in - out; k++) {
					const struct note *at = ring_ahead(&r, k);

					assert_non_null(at);
					assert_int_equal(at->value[6], out + k);
				}
				assert_null(ring_ahead(&r, in - out));
				for (uint32_t k = rng >> 22 & 63; k != 0; k--) {
					assert_int_equal(ring_take(&r, &n), in != out);
					if (in == out)
						break;
					assert_int_equal(n.value[6], out++);
				}
			}
		}
}

enum { CROSSINGS = 200000 };

static void *
put_all(void *arg)
{
	struct ring *r = arg;
	struct note n = { 0 };

	for (uint64_t i = 0; i < CROSSINGS; i++) {
		while (!ring_room(r, 1))
			sched_yield();
		for (unsigned k = 0; k < ARRAY_CNT(n.value); k++)
			n.value[k] = i * 7 + k;
		ring_put(r, &n);
	}
	return NULL;
}

static void
two_threads_lose_and_tear_nothing(void **state)
{
	_Alignas(CACHE_LINE) static uint8_t slot[RING_LONG * CACHE_LINE];
	static struct ring r;
	pthread_t putter;
	struct note n;

	for (uint32_t size = 64; size <= RING_LONG; size += RING_LONG - 64) { // more than are near
		ring_init_at(&r, slot, size, UINT32_MAX - 1000);              // wraps on the way
		assert_int_equal(pthread_create(&putter, NULL, put_all, &r), 0);
		for (uint64_t i = 0; i < CROSSINGS; i++) {
			while (!ring_take(&r, &n))
				sched_yield();
			for (unsigned k = 0; k < ARRAY_CNT(n.value); k++)
				assert_int_equal(n.value[k], i * 7 + k);
		}
		pthread_join(putter, NULL);
		assert_int_equal(ring_depth(&r), 0);
	}
}

static void
a_histogram_keeps_three_digits(void **state)
{
	static struct hist h;

	for (uint64_t v = 1; v < 1ULL << 45; v = v + v / 3 + 1) {
		const uint64_t top = hist_bucket_top(hist_bucket_of(v));

		if (v >> HIST_MAX_BITS) {
			assert_int_equal(hist_bucket_of(v), HIST_BUCKETS - 1);
			continue;
		}
		assert_true(top >= v);
		assert_true(top - v <= v / 1024);
	}
	assert_int_equal(hist_percentile(&h, 500000), 0);
	for (uint64_t v = 1; v <= 1000; v++)
		hist_record(&h, v);
	assert_int_equal(hist_percentile(&h, 500000), 500);
	assert_int_equal(hist_percentile(&h, 990000), 990);
	assert_int_equal(hist_percentile(&h, 1000000), 1000);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_ring_has_no_room),
		cmocka_unit_test(an_empty_look_gives_all_places_back),
		cmocka_unit_test(no_slot_keeps_a_number_for_long),
		cmocka_unit_test(messages_near_and_far_come_in_order),
		cmocka_unit_test(two_threads_lose_and_tear_nothing),
		cmocka_unit_test(a_histogram_keeps_three_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
