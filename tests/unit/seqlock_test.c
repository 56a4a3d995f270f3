/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/seqlock.h"

enum {
	WORDS = 100,
	WRITES = 200000,
	READERS = 2,
};

static struct {
	struct seqlock lock;
	uint64_t record[WORDS];
} shared;

static uint64_t done;

static void
a_record_that_was_never_written_cannot_be_read(void **state)
{
	struct seqlock s = { 0 };
	uint64_t record[2] = { 0 }, out[2];
	const uint64_t two[2] = { 7, 8 };

	assert_false(seqlock_get(&s, out, record, 2));
	seqlock_put(&s, record, two, 2);
	assert_true(seqlock_get(&s, out, record, 2));
	assert_memory_equal(out, two, sizeof(two));
	s.seq++; // a writer is at it
	assert_false(seqlock_get(&s, out, record, 2));
}

/* Word i of record n is n * (i + 1): a mixture of two shows. */
static void *
write_records(void *arg)
{
	uint64_t word[WORDS];

	(void)arg;
	for (uint64_t n = 1; n <= WRITES; n++) {
		for (uint64_t i = 0; i < WORDS; i++)
			word[i] = n * (i + 1);
		seqlock_put(&shared.lock, shared.record, word, WORDS);
	}
	store_release_u64(&done, 1);
	return NULL;
}

struct reader {
	uint64_t whole_cnt;
	uint64_t torn_cnt;
	uint64_t back_cnt;
};

static void *
read_records(void *arg)
{
	struct reader *r = arg;
	uint64_t word[WORDS], last = 0;
	bool stop = false;

	while (!stop) {
		stop = load_acquire_u64(&done) != 0;
		if (!seqlock_get(&shared.lock, word, shared.record, WORDS))
			continue;
		r->whole_cnt++;
		r->back_cnt += word[0] < last;
		last = word[0];
		for (uint64_t i = 0; i < WORDS; i++)
			r->torn_cnt += word[i] != last * (i + 1);
	}
	return NULL;
}

static void
readers_see_whole_records_only(void **state)
{
	struct reader r[READERS] = { 0 };
	pthread_t writer, reader[READERS];
	uint64_t word[WORDS];

	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_records, &r[i]), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_records, NULL), 0);
	pthread_join(writer, NULL);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		assert_int_equal(r[i].torn_cnt, 0);
		assert_int_equal(r[i].back_cnt, 0);
		assert_true(r[i].whole_cnt > 0);
	}
	assert_true(seqlock_get(&shared.lock, word, shared.record, WORDS));
	assert_int_equal(word[0], WRITES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_that_was_never_written_cannot_be_read),
		cmocka_unit_test(readers_see_whole_records_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
