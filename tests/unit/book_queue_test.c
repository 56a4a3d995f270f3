/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book_queue.h"
#include "ingress/parse_itch50.h"

/* Queues of orders against a plain list that cannot be wrong: whoever came first stands first. */
enum {
	ORDERS = 700,
	LEVELS = 400,
	LOCATES = 3,
	STEPS = 400000,
	DAY_ORDERS = 1 << 14,
	LOOK = 1 << 20,
};

struct listed {
	uint64_t ref;
	uint32_t qty;
	uint32_t px4;
	uint16_t locate;
	uint8_t side;
};

static struct listed list[DAY_ORDERS]; // in the order in which they came
static unsigned list_cnt;
static struct book b;
static struct parse parse;
static uint8_t *memory;
static struct book_tally *tally;
static uint64_t rng = 88172645463325252;

static uint32_t
random_below(uint32_t n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((rng >> 33) % n);
}

static void
open_book(uint32_t orders_max, uint32_t levels_max, bool queues)
{
	const struct book_config c = {
		.locate_max = orders_max == ORDERS ? LOCATES : UINT16_MAX,
		.orders_max = orders_max,
		.levels_max = levels_max,
		.trades_max = 64,
		.trust_late_join = true,
		.queues = queues,
	};
	struct arena a = { .size_bytes = book_bytes(&c) };

	free(memory);
	free(tally);
	memory = aligned_alloc(CACHE_LINE, a.size_bytes);
	memset(memory, 0, a.size_bytes);
	a.base = memory;
	tally = malloc(book_tally_cnt(levels_max) * sizeof(*tally));
	assert_int_equal(book_init(&b, &c, &a), 0);
	assert_true(a.used_bytes <= a.size_bytes);
	book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
	list_cnt = 0;
}

static int
start(void **state)
{
	open_book(ORDERS, LEVELS, true);
	return 0;
}

static unsigned
find(uint64_t ref)
{
	unsigned i = 0;

	while (i < list_cnt && list[i].ref != ref)
		i++;
	return i;
}

static void
leave(unsigned i)
{
	memmove(&list[i], &list[i + 1], (--list_cnt - i) * sizeof(list[0]));
}

/* The rules of ITCH 5.0, for messages that keep them. */
static void
follow(const struct md *m)
{
	unsigned i;

	if (m->type < MD_ORDER_ADDED || m->type > MD_ORDER_REPLACED)
		return;
	i = find(m->order_ref);
	if (m->type == MD_ORDER_ADDED) {
		assert_true(list_cnt < DAY_ORDERS);
		list[list_cnt++] = (struct listed){ .ref = m->order_ref,
						    .qty = m->qty,
						    .px4 = m->px4,
						    .locate = m->locate,
						    .side = m->side };
		return;
	}
	if (i == list_cnt) // of before the file begins
		return;
	if (m->type == MD_ORDER_REPLACED) {
		struct listed fresh = list[i];

		fresh.ref = m->new_ref;
		fresh.px4 = m->px4;
		fresh.qty = m->qty;
		leave(i);
		list[list_cnt++] = fresh;
		return;
	}
	if (m->type != MD_ORDER_DELETED && m->qty < list[i].qty)
		list[i].qty -= m->qty;
	else
		leave(i);
}

static void
put(struct md m)
{
	struct mark mark;
	struct bbo bbo;

	book_on_md(&b, &m, &bbo, &mark);
	follow(&m);
}

static void
check_place(unsigned i)
{
	const struct listed *o = &list[i];
	uint64_t ahead_qty = 0, level_qty = 0;
	uint32_t ahead_cnt = 0, level_cnt = 0;
	struct book_place p;

	for (unsigned k = 0; k < list_cnt; k++) {
		const struct listed *x = &list[k];

		if (x->px4 != o->px4 || x->side != o->side || x->locate != o->locate)
			continue;
		ahead_cnt += k < i;
		ahead_qty += k < i ? x->qty : 0;
		level_cnt++;
		level_qty += x->qty;
	}
	assert_int_equal(book_place_of(&b, o->ref, LOOK, &p), 0);
	assert_int_equal(p.ahead_cnt, ahead_cnt);
	assert_int_equal(p.ahead_qty, ahead_qty);
	assert_int_equal(p.level_cnt, level_cnt);
	assert_int_equal(p.level_qty, level_qty);
	assert_int_equal(p.qty, o->qty);
	assert_int_equal(p.px4, o->px4);
	assert_int_equal(p.side, o->side);
	assert_int_equal(p.locate, o->locate);
}

/* Every queue whole, from its first order to its last. */
static void
check_all(void)
{
	static bool met[DAY_ORDERS];
	const char *wrong = book_audit(&b, tally);

	if (wrong != NULL)
		fail_msg("%s", wrong);
	assert_int_equal(b.order.cnt, list_cnt);
	memset(met, 0, sizeof(met));
	for (unsigned i = 0; i < list_cnt; i++) {
		const struct listed *o = &list[i];
		struct book_queue q;
		struct book_order at;

		if (met[i])
			continue;
		assert_true(book_queue_start(&q, &b, o->locate, (enum side)o->side, o->px4));
		for (unsigned k = i; k < list_cnt; k++) {
			const struct listed *x = &list[k];

			if (x->px4 != o->px4 || x->side != o->side || x->locate != o->locate)
				continue;
			assert_true(book_queue_next(&q, &at));
			assert_int_equal(at.ref, x->ref);
			assert_int_equal(at.qty, x->qty);
			met[k] = true;
		}
		assert_false(book_queue_next(&q, &at));
	}
}

static struct md
added(uint64_t ref, uint32_t px4, uint32_t qty)
{
	struct md m = { .type = MD_ORDER_ADDED,
			.locate = 1,
			.order_ref = ref,
			.side = SIDE_SELL,
			.px4 = px4,
			.qty = qty };

	memcpy(m.symbol, "AAPL    ", sizeof(m.symbol));
	return m;
}

static const struct {
	const char *what;
	struct md md;     // after offers 1, 2, 3 of 100, 200, 300 at 1000
	uint64_t want[5]; // references in the queue at 1000
	uint32_t first_qty;
} CASES[] = {
	// clang-format off
	{ "nothing happens", { .type = MD_NONE }, { 1, 2, 3 }, 100 },
	{ "a fourth comes", { .type = MD_ORDER_ADDED, .order_ref = 4, .px4 = 1000, .qty = 7, .side = SIDE_SELL }, { 1, 2, 3, 4 }, 100 },
	{ "one comes at another price", { .type = MD_ORDER_ADDED, .order_ref = 4, .px4 = 1100, .qty = 7, .side = SIDE_SELL }, { 1, 2, 3 }, 100 },
	{ "the first is executed in part", { .type = MD_ORDER_EXECUTED, .order_ref = 1, .qty = 99 }, { 1, 2, 3 }, 1 },
	{ "the first is executed whole", { .type = MD_ORDER_EXECUTED, .order_ref = 1, .qty = 100 }, { 2, 3 }, 200 },
	{ "one in the middle is executed at a price", { .type = MD_ORDER_EXECUTED_AT_PRICE, .order_ref = 2, .qty = 200, .px4 = 990, .state = 'Y' }, { 1, 3 }, 100 },
	{ "a part is canceled", { .type = MD_ORDER_REDUCED, .order_ref = 1, .qty = 40 }, { 1, 2, 3 }, 60 },
	{ "all is canceled", { .type = MD_ORDER_REDUCED, .order_ref = 3, .qty = 300 }, { 1, 2 }, 100 },
	{ "the first is deleted", { .type = MD_ORDER_DELETED, .order_ref = 1 }, { 2, 3 }, 200 },
	{ "the middle is deleted", { .type = MD_ORDER_DELETED, .order_ref = 2 }, { 1, 3 }, 100 },
	{ "the last is deleted", { .type = MD_ORDER_DELETED, .order_ref = 3 }, { 1, 2 }, 100 },
	{ "the first is replaced at its price", { .type = MD_ORDER_REPLACED, .order_ref = 1, .new_ref = 9, .px4 = 1000, .qty = 5 }, { 2, 3, 9 }, 200 },
	{ "the last is replaced at its price", { .type = MD_ORDER_REPLACED, .order_ref = 3, .new_ref = 9, .px4 = 1000, .qty = 5 }, { 1, 2, 9 }, 100 },
	{ "one moves away", { .type = MD_ORDER_REPLACED, .order_ref = 2, .new_ref = 9, .px4 = 1200, .qty = 5 }, { 1, 3 }, 100 },
	{ "its reference is far away", { .type = MD_ORDER_REPLACED, .order_ref = 2, .new_ref = 1ULL << 60, .px4 = 1000, .qty = 5 }, { 1, 3, 1ULL << 60 }, 100 },
	// clang-format on
};

static void
a_queue_is_what_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct md m = CASES[i].md;
		struct book_order o = { 0 };
		struct book_queue q;
		unsigned n = 0;

		start(NULL);
		for (uint32_t ref = 1; ref <= 3; ref++)
			put(added(ref, 1000, 100 * ref));
		m.locate = 1;
		if (m.type == MD_ORDER_ADDED) // else a new reference stands there
			memcpy(m.symbol, "AAPL    ", sizeof(m.symbol));
		put(m);
		if (!book_queue_start(&q, &b, 1, SIDE_SELL, 1000))
			fail_msg("%s: no queue", CASES[i].what);
		for (; book_queue_next(&q, &o); n++)
			if (o.ref != CASES[i].want[n] || (n == 0 && o.qty != CASES[i].first_qty))
				fail_msg("%s: place %u is of %lu with %u", CASES[i].what, n, o.ref,
					 o.qty);
		if (CASES[i].want[n] != 0)
			fail_msg("%s: the queue ends after %u", CASES[i].what, n);
		check_all();
	}
}

static void
questions_without_an_answer_are_refused(void **state)
{
	struct book_queue q;
	struct book_order o;
	struct book_place p;

	for (uint32_t ref = 1; ref <= 101; ref++)
		put(added(ref, 1000, 10));
	assert_false(book_queue_start(&q, &b, 1, SIDE_BUY, 1000));
	assert_false(book_queue_next(&q, &o));
	assert_false(book_queue_start(&q, &b, 1, SIDE_SELL, 999));
	assert_false(book_queue_start(&q, &b, LOCATES + 1, SIDE_SELL, 1000));
	assert_int_equal(book_place_of(&b, 102, LOOK, &p), -ENOENT);
	assert_int_equal(book_place_of(&b, 51, 49, &p), -E2BIG);
	assert_int_equal(p.level_qty, 1010);
	assert_int_equal(book_place_of(&b, 51, 50, &p), 0);
	assert_int_equal(p.ahead_qty, 500);
	assert_int_equal(book_place_of(&b, 3, 2, &p), 0); // the nearer end
	assert_int_equal(p.ahead_qty, 20);
	assert_int_equal(book_place_of(&b, 99, 2, &p), 0);
	assert_int_equal(p.ahead_qty, 980);
	open_book(ORDERS, LEVELS, false);
	put(added(1, 1000, 10));
	assert_false(book_has_queues(&b));
	assert_false(book_queue_start(&q, &b, 1, SIDE_SELL, 1000));
	assert_int_equal(book_place_of(&b, 1, LOOK, &p), -ENOENT);
	assert_int_equal(book_queue_digest(&b), 0);
}

/* Levels come whole, best first; a new level is begun while few orders are out. */
static void
people_get_queues_in_pieces(void **state)
{
	static const uint32_t CNT[] = { 30, 33, 1, 260, 2 }; // orders of offers 1000, 1001, ...
	static const uint32_t PIECES[] = { 3, 1, 1 };        // levels
	static struct book_queues got;
	uint32_t ref = 1, from_key = 0, want_ref = 1, level = 0;

	for (uint32_t i = 0; i < ARRAY_CNT(CNT); i++)
		for (uint32_t k = 0; k < CNT[i]; k++, ref++)
			put(added(ref, 1000 + i, ref));
	for (uint32_t piece = 0; piece < ARRAY_CNT(PIECES); piece++) {
		uint32_t at = 0;

		book_queues_fill(&b, 1, SIDE_SELL, from_key, 50, &got);
		assert_int_equal(got.row_cnt, PIECES[piece]);
		for (uint32_t i = 0; i < got.row_cnt; i++, level++) {
			const uint32_t shown = CNT[level] < BOOK_QUEUES_PER_LEVEL
						       ? CNT[level]
						       : BOOK_QUEUES_PER_LEVEL;

			assert_int_equal(got.row[i].px4, 1000 + level);
			assert_int_equal(got.row[i].order_cnt, CNT[level]);
			assert_int_equal(got.row[i].shown_cnt, shown);
			for (uint32_t k = 0; k < shown; k++, at++) {
				assert_int_equal(got.order[at].ref, want_ref + k);
				assert_int_equal(got.order[at].qty, want_ref + k);
			}
			want_ref += CNT[level];
		}
		assert_int_equal(at, got.order_cnt);
		from_key = got.next_key;
	}
	assert_int_equal(from_key, 0);
	book_queues_fill(&b, 1, SIDE_SELL, 0, 2, &got);
	assert_int_equal(got.row_cnt, 2);
	assert_int_equal(got.next_key, 0);
	book_queues_fill(&b, 1, SIDE_BUY, 0, 50, &got);
	assert_int_equal(got.row_cnt, 0);
}

/* References as venues give them out, and as an enemy would. */
static uint64_t
random_ref(uint64_t *next)
{
	const uint32_t kind = random_below(200);

	if (kind == 0)
		return *next += 1 + ((uint64_t)random_below(1 << 30) << random_below(24));
	if (kind == 1)
		return ((uint64_t)random_below(UINT32_MAX) << 32 | rng >> 32) >> random_below(63);
	if (kind == 2)
		return *next - random_below(16 * ORDERS);
	return *next += 1 + random_below(8);
}

/* Bids below 1000, offers above; few prices, so that queues get long. */
static struct md
random_message(uint64_t *next)
{
	const uint8_t side = (uint8_t)random_below(2);
	const uint32_t px4 = side == SIDE_BUY ? 990 + random_below(10) : 1001 + random_below(10);
	struct md m = added(random_ref(next), px4, 1 + random_below(500));
	const uint32_t what = random_below(100);

	m.side = side;
	m.locate = (uint16_t)(1 + random_below(LOCATES));
	if (list_cnt == 0 || what < 40)
		return m;
	m.new_ref = m.order_ref;
	m.order_ref = list[random_below(list_cnt)].ref;
	m.locate = list[find(m.order_ref)].locate;
	if (what < 60) {
		m.type = MD_ORDER_DELETED;
	} else if (what < 75) {
		m.type = MD_ORDER_REPLACED;
		if (list[find(m.order_ref)].side == SIDE_BUY)
			m.px4 = 990 + random_below(10);
		else
			m.px4 = 1001 + random_below(10);
	} else {
		m.type = what < 85   ? MD_ORDER_EXECUTED
			 : what < 92 ? MD_ORDER_EXECUTED_AT_PRICE
				     : MD_ORDER_REDUCED;
		m.state = 'Y';
	}
	return m;
}

static void
forget_set(void)
{
	for (unsigned i = 0; i < list_cnt;)
		if (book_in_set(&b, list[i].locate))
			leave(i);
		else
			i++;
}

/* Sessions end and recoveries of one or of all happen in between. */
static void
interrupt(void)
{
	struct bbo bbo;
	struct mark mark;

	if (random_below(4) == 0) {
		book_on_datagram_flags(&b, DATAGRAM_NEW_SESSION);
		list_cnt = 0;
		return;
	}
	if (random_below(2) == 0)
		book_on_datagram_flags(&b, DATAGRAM_GAP);
	else
		book_believe_no_more(&b, &b.instr[1 + random_below(LOCATES)], NULL);
	book_on_datagram_flags(&b, DATAGRAM_RECOVERING);
	while (b.forgetting)
		book_recover_some(&b);
	forget_set();
	check_all();
	book_on_datagram_flags(&b, DATAGRAM_RECOVERED);
	while (book_next(&b, &bbo, &mark) != 0)
		;
}

static void
queues_equal_a_plain_list_whatever_comes(void **state)
{
	uint64_t next = 1000, moved_cnt = 0;
	uint32_t longest = 0;
	struct book_walk w;

	for (unsigned step = 0; step < STEPS; step++) {
		const struct md m = random_message(&next);
		const uint64_t fresh = m.type == MD_ORDER_ADDED ? m.order_ref : m.new_ref;

		if (random_below(20000) == 0) {
			moved_cnt += b.order.moved_cnt;
			interrupt();
			continue;
		}
		if (m.type == MD_ORDER_ADDED && list_cnt == ORDERS)
			continue;
		if ((m.type == MD_ORDER_ADDED || m.type == MD_ORDER_REPLACED) &&
		    (fresh == 0 || find(fresh) != list_cnt))
			continue;
		put(m);
		if (list_cnt != 0 && step % 16 == 0)
			check_place(random_below(list_cnt));
		if (step % 256 == 0)
			check_all();
		w = book_walk_start(&b, 1, SIDE_BUY);
		while (step % 4096 == 0 && book_walk_next(&w)) {
			const uint32_t cnt = price_level_order_cnt(&b.levels.level[w.idx]);

			longest = cnt > longest ? cnt : longest;
		}
	}
	check_all();
	assert_int_equal(b.metrics.order_table_full + b.metrics.level_table_full +
				 b.metrics.ref_repeated + b.metrics.ref_unknown_deleted +
				 b.metrics.locate_mismatch + b.metrics.qty_zero,
			 0);
	assert_true(moved_cnt > 100 && longest > 10);
}

/* Who was executed: whoever stood first at the best price, or somebody else. */
struct executed {
	unsigned cnt;
	unsigned at_best;
	unsigned first_of_best;
	unsigned oldest; // not the first, but those before it have larger references
};

static bool
is_oldest(const struct book_place *p, uint64_t ref)
{
	struct book_order o = { 0 };
	struct book_queue q;

	book_queue_start(&q, &b, p->locate, (enum side)p->side, p->px4);
	while (book_queue_next(&q, &o) && o.ref != ref)
		if (o.ref < ref)
			return false;
	return true;
}

static void
count_execution(struct executed *x, const struct md *m)
{
	struct book_place p;
	const uint32_t *best;

	if (m->type != MD_ORDER_EXECUTED || book_place_of(&b, m->order_ref, LOOK, &p) != 0)
		return;
	best = b.instr[p.locate].top_px4;
	x->cnt++;
	x->at_best += p.px4 == best[p.side];
	x->first_of_best += p.px4 == best[p.side] && p.ahead_cnt == 0;
	x->oldest += p.ahead_cnt != 0 && is_oldest(&p, m->order_ref);
}

/* False when the shared data is not there. */
static bool
play_file(const char *name, struct executed *x)
{
	const char *shared = getenv("SLUICE_SHARED"), *root = getenv("SLUICE_SOURCE_ROOT");
	static uint8_t bytes[1 << 22];
	char path[1024];
	size_t len, at = 0;
	unsigned n = 0;
	FILE *f;

	if (shared != NULL)
		snprintf(path, sizeof(path), "%s/data/itch/%s", shared, name);
	else
		snprintf(path, sizeof(path), "%s/../shared/data/itch/%s", root == NULL ? "." : root,
			 name);
	f = fopen(path, "rb");
	if (f == NULL) { // not cmocka's skip(): Meson takes its "not ok # SKIP" for a failure
		print_message("# skipped: there is no %s\n", path);
		return false;
	}
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_true(len < sizeof(bytes));
	assert_int_equal(parse_init(&parse, &(struct parse_config){ .shard_cnt = 1 }), 0);
	open_book(DAY_ORDERS, DAY_ORDERS, true);
	while (at + sizeof(be16) <= len) {
		const uint16_t msg_len = be16_get(*(const be16 *)(bytes + at));
		const struct datagram d = { .data = bytes + at,
					    .seq = n + 1,
					    .msg_cnt = 1,
					    .len = (uint16_t)(sizeof(be16) + msg_len) };
		struct parse_walk w;
		struct md m;

		parse_start(&w, &d);
		while (parse_next(&parse, &w, &m)) {
			count_execution(x, &m);
			put(m);
		}
		at += d.len;
		if (++n % 500 == 0)
			check_all();
	}
	check_all();
	return true;
}

/*
 * A recorded opening of AAPL (2012): of 557 executions, all at the best price, 539 are of the order
 * that stands first.  15 are of orders that were there before the recording began and that the file
 * adds late, behind younger ones: their references are smaller than those before them.  3 pass over
 * one order that stands there all the time.  A script that shares no code counts the same.
 */
static void
executions_of_a_recorded_day_meet_the_first_order(void **state)
{
	struct executed x = { 0 };

	if (!play_file("aapl-20120621-open.itch50", &x))
		return;
	assert_int_equal(x.cnt, 557);
	assert_int_equal(x.at_best, 557);
	assert_int_equal(x.first_of_best, 539);
	assert_int_equal(x.oldest, 15);
}

static void
queues_of_a_generated_day_equal_a_plain_list(void **state)
{
	struct executed x = { 0 };

	if (!play_file("synthetic-50-symbols.itch50", &x))
		return;
	assert_int_equal(x.cnt, 1993);
	assert_int_equal(x.first_of_best, 1993);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_queue_is_what_the_table_says, start),
		cmocka_unit_test_setup(questions_without_an_answer_are_refused, start),
		cmocka_unit_test_setup(people_get_queues_in_pieces, start),
		cmocka_unit_test_setup(queues_equal_a_plain_list_whatever_comes, start),
		cmocka_unit_test(executions_of_a_recorded_day_meet_the_first_order),
		cmocka_unit_test(queues_of_a_generated_day_equal_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
