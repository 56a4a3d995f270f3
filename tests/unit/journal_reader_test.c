/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "journal_bytes.h"

/* Whatever happened to a segment, all before it is read, and the place is named. */

static struct journal_bytes good;

/* Reads as far as it goes; the records must be the good ones from the first on. */
static uint32_t
read_and_compare(const uint8_t *data, size_t len, struct journal_walk *w)
{
	struct journal_record r;
	uint32_t cnt = 0;

	if (!journal_walk_start(w, data, len))
		return 0;
	while (journal_walk_next(w, &r)) {
		assert_true(cnt < good.cnt);
		assert_int_equal(r.offset, good.at[cnt]);
		assert_int_equal(r.frame.seq, cnt + 1);
		assert_memory_equal(r.payload, good.data + r.offset + sizeof(r.frame), r.frame.len);
		cnt++;
	}
	return cnt;
}

static uint32_t
whole_records_in(size_t len)
{
	uint32_t cnt = 0;

	while (cnt < good.cnt && (cnt + 1 < good.cnt ? good.at[cnt + 1] : good.len) <= len)
		cnt++;
	return cnt;
}

static void
a_closed_segment_is_read_to_its_end(void **state)
{
	struct journal_walk w;

	journal_bytes_start(&good, 4096);
	journal_bytes_fill(&good, true);
	assert_int_equal(read_and_compare(good.data, good.len, &w), good.cnt);
	assert_int_equal(w.end, JOURNAL_END_CLOSED);
	assert_int_equal(w.why[0], '\0');
}

static void
one_that_is_being_written_ends_in_zeros(void **state)
{
	struct journal_walk w;

	journal_bytes_start(&good, JOURNAL_BYTES_MAX);
	journal_bytes_fill(&good, false);
	assert_int_equal(read_and_compare(good.data, JOURNAL_BYTES_MAX, &w), good.cnt);
	assert_int_equal(w.end, JOURNAL_END_OPEN);
	assert_int_equal(w.at, good.len);
}

static void
a_segment_cut_at_any_byte_gives_all_before_and_says_where(void **state)
{
	uint8_t *exact;

	journal_bytes_start(&good, 4096);
	journal_bytes_fill(&good, true);
	for (size_t len = 0; len < good.len; len++) {
		const uint32_t want = len < JOURNAL_HEAD_BYTES ? 0 : whole_records_in(len);
		struct journal_walk w;

		exact = malloc(len + 1); // so that a sanitizer sees a byte too many
		memcpy(exact, good.data, len);
		assert_int_equal(read_and_compare(exact, len, &w), want);
		free(exact);
		assert_true(journal_end_is_bad(w.end));
		if (len >= JOURNAL_HEAD_BYTES) {
			char place[64];

			assert_int_equal(w.end, JOURNAL_END_CUT);
			assert_int_equal(w.at, good.at[want]);
			snprintf(place, sizeof(place), "offset %zu:", w.at);
			assert_non_null(strstr(w.why, place));
		}
	}
}

/* ... and the same when its zeros are still behind: the writer was killed. */
static void
a_record_torn_at_any_byte_is_not_believed(void **state)
{
	static uint8_t data[JOURNAL_BYTES_MAX];

	journal_bytes_start(&good, JOURNAL_BYTES_MAX);
	journal_bytes_fill(&good, false);
	for (size_t len = JOURNAL_HEAD_BYTES; len < good.len; len++) {
		const uint32_t want = whole_records_in(len);
		struct journal_walk w;
		uint32_t cnt;

		memset(data, 0, sizeof(data));
		memcpy(data, good.data, len);
		cnt = read_and_compare(data, sizeof(data), &w);
		// what was cut off may have been zeros: then the record is whole
		assert_true(cnt == want ||
			    (cnt == want + 1 &&
			     memcmp(data, good.data,
				    want + 1 < good.cnt ? good.at[want + 1] : good.len) == 0));
		assert_true(w.end == JOURNAL_END_TORN || w.end == JOURNAL_END_OPEN);
		assert_int_equal(w.at, cnt < good.cnt ? good.at[cnt] : good.len);
	}
}

static void
one_flipped_bit_anywhere_is_found_and_all_before_it_is_read(void **state)
{
	static uint8_t data[JOURNAL_BYTES_MAX];

	journal_bytes_start(&good, 4096);
	journal_bytes_fill(&good, true);
	memcpy(data, good.data, good.len);
	for (size_t at = 0; at < good.len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			const uint32_t want = at < JOURNAL_HEAD_BYTES ? 0 : whole_records_in(at);
			struct journal_record r;
			struct journal_walk w;

			// zeros behind the head's last field belong to nobody
			if (at >= offsetof(struct journal_head, crc) + 4 && at < JOURNAL_HEAD_BYTES)
				continue;
			data[at] ^= (uint8_t)(1 << bit);
			assert_int_equal(read_and_compare(data, good.len, &w), want);
			assert_true(journal_end_is_bad(w.end));
			if (at >= JOURNAL_HEAD_BYTES)
				assert_int_equal(w.at, good.at[want]);
			// behind it the next good record is found, none is made up
			if (at >= JOURNAL_HEAD_BYTES && want + 1 < good.cnt) {
				uint32_t n = want + 1;

				assert_int_equal(w.end, JOURNAL_END_DAMAGED);
				assert_int_equal(w.missing_cnt, 1);
				assert_true(journal_walk_resume(&w));
				while (journal_walk_next(&w, &r)) {
					assert_int_equal(r.offset, good.at[n]);
					n++;
				}
				assert_int_equal(n, good.cnt);
				assert_int_equal(w.end, JOURNAL_END_CLOSED);
			}
			data[at] ^= (uint8_t)(1 << bit);
		}
}

/* One field of the head is another; its checksum is right. */
static void
change_head(size_t at, uint32_t value)
{
	struct journal_head h;

	memcpy(good.data + at, &value, sizeof(value));
	memcpy(&h, good.data, sizeof(h));
	h.crc = journal_head_crc(&h);
	memcpy(good.data, &h, sizeof(h));
}

static void
a_segment_of_another_version_or_machine_says_what_to_do(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *word;
	} CASES[] = {
		{ offsetof(struct journal_head, version), JOURNAL_VERSION + 1, "version" },
		{ offsetof(struct journal_head, slot_version), JOURNAL_RING_VERSION + 1,
		  "version" },
		{ offsetof(struct journal_head, byte_order), 0x04030201, "byte order" },
		{ offsetof(struct journal_head, magic), 0, "does not begin as" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct journal_walk w;

		journal_bytes_start(&good, 4096);
		journal_bytes_fill(&good, true);
		change_head(CASES[i].at, CASES[i].value);
		assert_false(journal_walk_start(&w, good.data, good.len));
		assert_int_equal(w.end, JOURNAL_END_FOREIGN);
		assert_non_null(strstr(w.why, CASES[i].word));
		assert_non_null(strstr(w.why, "offset"));
	}
}

static void
a_record_out_of_its_place_is_damage(void **state)
{
	struct journal_text t = { .ns = 1 };
	struct journal_walk w;

	journal_bytes_start(&good, 4096);
	journal_bytes_put(&good, JOURNAL_START, &t, sizeof(t));
	good.seq = 5;
	journal_bytes_put(&good, JOURNAL_NOTE, &t, sizeof(t));
	assert_int_equal(read_and_compare(good.data, good.len, &w), 1);
	assert_int_equal(w.end, JOURNAL_END_DAMAGED);
	assert_int_equal(w.missing_cnt, 3);
}

static void
the_checksum_is_castagnolis(void **state)
{
	assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283); // RFC 3720, as everybody checks it
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xE3069283);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_segment_is_read_to_its_end),
		cmocka_unit_test(one_that_is_being_written_ends_in_zeros),
		cmocka_unit_test(a_segment_cut_at_any_byte_gives_all_before_and_says_where),
		cmocka_unit_test(a_record_torn_at_any_byte_is_not_believed),
		cmocka_unit_test(one_flipped_bit_anywhere_is_found_and_all_before_it_is_read),
		cmocka_unit_test(a_segment_of_another_version_or_machine_says_what_to_do),
		cmocka_unit_test(a_record_out_of_its_place_is_damage),
		cmocka_unit_test(the_checksum_is_castagnolis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
