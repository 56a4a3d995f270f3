/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book.h"

/* What other threads may see of a book. */
enum {
	IDX_MAX = 130, // three words of bits
};

static uint8_t memory[1 << 21] cache_aligned;
static struct book b;
static struct bbo bbo;
static struct mark mark;

static int
a_book_of(uint16_t ours_cnt)
{
	static struct book_ours_config ours[IDX_MAX];
	const struct book_config c = { .locate_max = 255,
				       .orders_max = 400,
				       .levels_max = 200,
				       .trades_max = 8,
				       .ours_cnt = ours_cnt,
				       .ours = ours };
	struct arena a = { .base = memory, .size_bytes = sizeof(memory) };

	memset(memory, 0, sizeof(memory));
	for (uint16_t i = 0; i < IDX_MAX; i++) {
		memcpy(ours[i].symbol, "S       ", 8);
		ours[i].symbol[1] = (char)('0' + i);
		ours[i].instr_idx = (uint16_t)(i + 1);
	}
	assert_int_equal(book_init(&b, &c, &a), 0);
	assert_true(a.used_bytes <= book_bytes(&c));
	return 0;
}

static int
a_book(void **state)
{
	return a_book_of(IDX_MAX);
}

static int
a_book_of_one(void **state)
{
	return a_book_of(1);
}

static void
put(struct md m)
{
	if (book_on_md(&b, &m, &bbo, &mark) & BOOK_ALL)
		while (book_next(&b, &bbo, &mark) != 0)
			;
}

/* Of locate, which is instrument `locate`. */
static struct md
added(uint16_t locate, uint64_t ref, uint8_t side, uint32_t px4, uint32_t qty)
{
	struct md m = { .type = MD_ORDER_ADDED,
			.locate = locate,
			.order_ref = ref,
			.side = side,
			.px4 = px4,
			.qty = qty,
			.ts_ns = ref,
			.symbol = "S      " };

	m.symbol[1] = (char)('0' + locate - 1);
	m.symbol[7] = ' ';
	return m;
}

static struct book_view
view_of(uint32_t idx)
{
	struct book_view v;

	assert_true(book_view_get(&b.view[idx], &v));
	return v;
}

static void
publish_all(uint64_t next_seq)
{
	for (unsigned i = 0; i < IDX_MAX; i++)
		book_publish(&b, next_seq);
}

static void
a_view_shows_one_moment(void **state)
{
	struct md r = added(3, 0, 0, 0, 0);
	struct book_view v;

	assert_false(book_view_get(&b.view[3], &v)); // never written
	book_on_time(&b, 1000);
	publish_all(0);
	v = view_of(3);
	assert_memory_equal(v.symbol, "S2      ", 8);
	assert_false(v.found);
	assert_int_equal(v.confidence, CONFIDENCE_STALE);
	assert_int_equal(v.since_ns, 1000);

	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	r.type = MD_DIRECTORY;
	r.round_lot_qty = 100;
	put(r);
	for (uint32_t i = 0; i < 15; i++) {
		put(added(3, 10 + i, SIDE_BUY, 1000 - i, 30));
		put(added(3, 50 + i, SIDE_SELL, 1001 + i, 40));
	}
	put(added(3, 99, SIDE_SELL, 1001, 7));
	put((struct md){ .type = MD_TRADED, .locate = 3, .px4 = 500, .cross_qty = 10, .ts_ns = 7 });
	book_on_time(&b, 2000);
	publish_all(77);
	v = view_of(3);
	assert_true(v.found);
	assert_int_equal(v.next_seq, 77);
	assert_int_equal(v.now_ns, 2000);
	assert_int_equal(v.ts_ns, 7);
	assert_int_equal(v.confidence, CONFIDENCE_LIVE);
	assert_int_equal(v.row_cnt[SIDE_BUY], BOOK_VIEW_DEPTH);
	assert_int_equal(v.level_cnt[SIDE_SELL], 15);
	assert_int_equal(v.row[SIDE_BUY][0].px4, 1000);
	assert_int_equal(v.row[SIDE_BUY][9].px4, 991);
	assert_int_equal(v.row[SIDE_SELL][0].qty, 47);
	assert_int_equal(v.row[SIDE_SELL][0].order_cnt, 2);
	assert_int_equal(v.volume_ntl4, 5000);
	assert_int_equal(v.last_px4, 500);
	// odd lots make a round one together: 30 + 30 + 30 + 30 and 47 + 40 + 40
	assert_int_equal(v.lot_px4[SIDE_BUY], 997);
	assert_int_equal(v.lot_px4[SIDE_SELL], 1003);
}

static void
what_changed_comes_first_and_depth_in_turn(void **state)
{
	struct book_view v;
	unsigned looks = 0;

	book_on_time(&b, 1000);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	for (uint16_t l = 1; l <= IDX_MAX; l++)
		put(added(l, l, SIDE_BUY, 1000, 100));
	publish_all(1);
	put(added(IDX_MAX, 1000, SIDE_BUY, 1001, 100)); // a new best
	book_publish(&b, 2);
	v = view_of(IDX_MAX);
	assert_int_equal(v.row[SIDE_BUY][0].px4, 1001);
	assert_int_equal(v.next_seq, 2);
	publish_all(2);
	put(added(20, 1001, SIDE_BUY, 900, 5)); // below the best: nobody was told
	do {
		book_publish(&b, 3);
		v = view_of(20);
	} while (v.row_cnt[SIDE_BUY] != 2 && ++looks < 100);
	assert_true(looks <= IDX_MAX / 2);
	publish_all(3);
	looks = (unsigned)b.metrics.view_written;
	publish_all(3); // nothing came: nothing is written
	assert_int_equal(b.metrics.view_written, looks);
}

static void
the_only_one_is_in_turn_each_time(void **state)
{
	book_on_time(&b, 1000);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	put(added(1, 1, SIDE_BUY, 1000, 100));
	book_publish(&b, 1);
	put(added(1, 2, SIDE_BUY, 900, 5));
	book_publish(&b, 2);
	assert_int_equal(view_of(1).row_cnt[SIDE_BUY], 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_view_shows_one_moment, a_book),
		cmocka_unit_test_setup(what_changed_comes_first_and_depth_in_turn, a_book),
		cmocka_unit_test_setup(the_only_one_is_in_turn_each_time, a_book_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
