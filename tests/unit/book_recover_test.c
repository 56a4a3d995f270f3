/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/book_queue.h"

/*
 * A book that lost its way and recovered equals one that heard the whole day, from there on; and
 * instruments that were not affected never notice.
 */
enum {
	LOCATES = 2500, // more than one slice of forgetting
	ORDERS = 20000, // dito
	LEVELS = 5000,
	INSTRS = 12,     // locates 1..12 have orders
	OURS = 5,        // of which 1..5 are configured, instr_idx = 2 * locate
	MESSAGES = 3000, // of a day
	ALIVE_MAX = 400,
	DAYS = 60,
};

static const struct book_config CONFIG = {
	.locate_max = LOCATES,
	.orders_max = ORDERS,
	.levels_max = LEVELS,
	.trades_max = 64,
	.queues = true,
};

struct alive {
	uint64_t ref;
	uint32_t px4;
	uint32_t qty;
	uint16_t locate;
	uint8_t side;
};

/* A day: its messages, and who lives after each of them is found by playing them. */
static struct md day[MESSAGES];
static struct book whole, cut;
static uint8_t *memory[2];
static struct book_tally tally[BOOK_TALLY_MAX(LEVELS)];
static uint64_t rng;

static uint32_t
random_below(uint32_t n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((rng >> 33) % n);
}

/* One copy for all cases: a sanitizer's build of an inlined book takes long. */
HOT_APART static unsigned
on_md(struct book *k, const struct md *m, struct bbo *bbo, struct mark *mark)
{
	return book_on_md(k, m, bbo, mark);
}

static void
name_of(uint16_t locate, char symbol[8])
{
	memcpy(symbol, "SYM     ", 8);
	symbol[3] = (char)('A' + locate);
}

static struct md
added(const struct alive *o)
{
	struct md m = { .type = MD_ORDER_ADDED,
			.locate = o->locate,
			.order_ref = o->ref,
			.side = o->side,
			.px4 = o->px4,
			.qty = o->qty };

	name_of(o->locate, m.symbol);
	return m;
}

static struct md
plain(uint8_t type, uint16_t locate, uint8_t state)
{
	struct md m = { .type = type, .locate = locate, .state = state };

	if (locate != 0)
		name_of(locate, m.symbol);
	return m;
}

/* Bids below 1000, offers above: a day that never crosses. */
static uint32_t
random_px4(uint8_t side)
{
	return side == SIDE_BUY ? 900 + random_below(100) : 1001 + random_below(100);
}

static void
leave(struct alive *alive, unsigned *cnt, unsigned i)
{
	memmove(&alive[i], &alive[i + 1], (--*cnt - i) * sizeof(*alive));
}

/* Follows one message in a list of living orders, the one with the longest standing first. */
static void
follow(struct alive *alive, unsigned *cnt, const struct md *m)
{
	unsigned i = 0;

	if (m->type < MD_ORDER_ADDED || m->type > MD_ORDER_REPLACED)
		return;
	while (i < *cnt && alive[i].ref != m->order_ref)
		i++;
	switch (m->type) {
	case MD_ORDER_ADDED:
		alive[(*cnt)++] = (struct alive){ .ref = m->order_ref,
						  .px4 = m->px4,
						  .qty = m->qty,
						  .locate = m->locate,
						  .side = m->side };
		break;
	case MD_ORDER_REPLACED:
		alive[*cnt] = alive[i];
		alive[*cnt].ref = m->new_ref;
		alive[*cnt].px4 = m->px4;
		alive[(*cnt)++].qty = m->qty;
		leave(alive, cnt, i);
		break;
	default:
		alive[i].qty -= m->type == MD_ORDER_DELETED ? alive[i].qty : m->qty;
		if (alive[i].qty == 0)
			leave(alive, cnt, i);
	}
}

static void
make_day(uint64_t seed)
{
	static struct alive alive[ALIVE_MAX + 2];
	unsigned cnt = 0, n = 0;
	uint64_t ref = 1;

	rng = seed;
	for (uint16_t l = 1; l <= INSTRS; l++) {
		day[n] = plain(MD_DIRECTORY, l, 'P');
		day[n++].round_lot_qty = 100;
		day[n++] = plain(MD_TRADING_STATE, l, TRADING_OPEN);
		day[n++] = plain(MD_SHORT_SALE, l, '0');
	}
	for (; n < MESSAGES; n++) {
		const unsigned what = random_below(10);
		const struct alive *o = &alive[cnt == 0 ? 0 : random_below(cnt)];
		struct alive fresh = { .ref = ref, .qty = 1 + random_below(500) };

		fresh.locate = (uint16_t)(1 + random_below(INSTRS));
		fresh.side = (uint8_t)random_below(2);
		fresh.px4 = random_px4(fresh.side);
		if (random_below(200) == 0) {
			day[n] = plain(MD_TRADING_STATE, fresh.locate,
				       random_below(2) ? TRADING_OPEN : TRADING_HALTED);
			continue;
		}
		if (cnt == 0 || (what < 4 && cnt < ALIVE_MAX)) {
			day[n] = added(&fresh);
			ref++;
		} else {
			day[n] = (struct md){ .locate = o->locate,
					      .order_ref = o->ref,
					      .qty = 1 + random_below(o->qty) };
			if (what < 6) {
				day[n].type = MD_ORDER_DELETED;
			} else if (what == 6) {
				day[n].type = MD_ORDER_REPLACED;
				day[n].new_ref = ref++;
				day[n].px4 = random_px4(o->side);
			} else {
				day[n].type = what == 7 ? MD_ORDER_REDUCED : MD_ORDER_EXECUTED;
				day[n].new_ref = 1000000 + n;
			}
		}
		follow(alive, &cnt, &day[n]);
	}
	for (n = 0; n < MESSAGES; n++)
		day[n].seq = n + 1;
}

static void
open_book(struct book *b, unsigned which)
{
	struct book_ours_config ours[OURS];
	struct book_config c = CONFIG;
	struct arena a = { 0 };

	for (uint16_t i = 0; i < OURS; i++) {
		name_of((uint16_t)(i + 1), ours[i].symbol);
		ours[i].instr_idx = (uint16_t)(2 * (i + 1));
	}
	c.ours_cnt = OURS;
	c.ours = ours;
	a.size_bytes = book_bytes(&c);
	free(memory[which]);
	memory[which] = aligned_alloc(CACHE_LINE, a.size_bytes);
	memset(memory[which], 0, a.size_bytes);
	a.base = memory[which];
	assert_int_equal(book_init(b, &c, &a), 0);
}

/* What a book told last of each of ours. */
struct told {
	struct bbo bbo;
	struct mark mark;
};

static struct told of_whole[2 * OURS + 1], of_cut[2 * OURS + 1];

static void
note(struct told *t, unsigned said, const struct bbo *bbo, const struct mark *mark)
{
	if (said & BOOK_BBO)
		t[bbo->head.instr_idx].bbo = *bbo;
	if (said & BOOK_MARK)
		t[mark->head.instr_idx].mark = *mark;
}

static void
walk(struct book *b, struct told *t)
{
	struct bbo bbo = { 0 };
	struct mark mark = { 0 };
	unsigned said;

	while ((said = book_next(b, &bbo, &mark)) != 0)
		note(t, said, &bbo, &mark);
}

/* A datagram begins. */
static void
flags(struct book *b, struct told *t, uint16_t f)
{
	if ((f != 0 || book_wants_flags(b)) && book_on_datagram_flags(b, f))
		walk(b, t);
}

static unsigned
put(struct book *b, struct told *t, const struct md *m)
{
	struct bbo bbo = { 0 };
	struct mark mark = { 0 };
	const unsigned said = on_md(b, m, &bbo, &mark);

	note(t, said, &bbo, &mark);
	if (said & BOOK_ALL)
		walk(b, t);
	return said;
}

/* The spin of a server that has seen the messages before n. */
static void
spin(struct book *b, unsigned n, bool repeat_one)
{
	static struct alive alive[ALIVE_MAX + 2];
	uint8_t state[INSTRS + 1] = { 0 };
	unsigned cnt = 0;

	for (unsigned i = 0; i < n; i++) {
		follow(alive, &cnt, &day[i]);
		if (day[i].type == MD_TRADING_STATE)
			state[day[i].locate] = day[i].state;
	}
	for (uint16_t l = 1; l <= INSTRS; l++) {
		struct md m = plain(MD_DIRECTORY, l, 'P');

		m.round_lot_qty = 100;
		flags(b, of_cut, DATAGRAM_SNAPSHOT);
		put(b, of_cut, &m);
		m = plain(MD_TRADING_STATE, l, state[l]);
		put(b, of_cut, &m);
		m = plain(MD_SHORT_SALE, l, '0');
		put(b, of_cut, &m);
	}
	flags(b, of_cut, DATAGRAM_SNAPSHOT);
	for (unsigned i = 0; i < cnt; i++) {
		const struct md m = added(&alive[i]);

		put(b, of_cut, &m);
		if (repeat_one && i == 0)
			put(b, of_cut, &m);
	}
}

/* The two books hold the same of an instrument, and say the same of it. */
static bool
same(uint16_t locate)
{
	struct book_depth_row a[128], z[128];

	for (unsigned side = 0; side < 2; side++) {
		const unsigned n = book_depth(&whole, locate, (enum side)side, a, ARRAY_CNT(a));

		if (book_depth(&cut, locate, (enum side)side, z, ARRAY_CNT(z)) != n ||
		    memcmp(a, z, n * sizeof(a[0])) != 0)
			return false;
		if (whole.instr[locate].top_px4[side] != cut.instr[locate].top_px4[side] ||
		    whole.instr[locate].top_qty[side] != cut.instr[locate].top_qty[side])
			return false;
	}
	return whole.instr[locate].state == cut.instr[locate].state &&
	       book_confidence(&cut, &cut.instr[locate]) == CONFIDENCE_LIVE;
}

static void
assert_same(const char *when, uint64_t seed)
{
	const char *wrong = book_audit(&cut, tally);

	if (wrong != NULL)
		fail_msg("%s, seed %lu: %s", when, seed, wrong);
	for (uint16_t l = 1; l <= INSTRS; l++)
		if (!same(l))
			fail_msg("%s, seed %lu: locate %u differs", when, seed, l);
	if (book_queue_digest(&whole) != book_queue_digest(&cut))
		fail_msg("%s, seed %lu: orders stand in another order", when, seed);
	for (unsigned i = 2; i <= 2 * OURS; i += 2) {
		const struct told *w = &of_whole[i], *c = &of_cut[i];

		if (w->bbo.bid_px4 != c->bbo.bid_px4 || w->bbo.ask_px4 != c->bbo.ask_px4 ||
		    w->bbo.bid_qty != c->bbo.bid_qty || w->bbo.ask_qty != c->bbo.ask_qty ||
		    c->bbo.confidence != CONFIDENCE_LIVE || c->mark.confidence != CONFIDENCE_LIVE ||
		    w->mark.bid_px4 != c->mark.bid_px4 || w->mark.ask_px4 != c->mark.ask_px4 ||
		    w->mark.state != c->mark.state || c->mark.round_lot_qty != 100)
			fail_msg("%s, seed %lu: instrument %u was told otherwise", when, seed, i);
	}
}

static void
open_both(uint64_t seed)
{
	make_day(seed);
	open_book(&whole, 0);
	open_book(&cut, 1);
	memset(of_whole, 0, sizeof(of_whole));
	memset(of_cut, 0, sizeof(of_cut));
	flags(&whole, of_whole, DATAGRAM_NEW_SESSION);
	flags(&cut, of_cut, DATAGRAM_NEW_SESSION);
	rng = seed ^ 0x5DEECE66D;
}

/* Both hear the rest of the day, and say the same, message by message. */
static void
hear_the_rest(unsigned from, uint64_t seed)
{
	for (unsigned i = from; i < MESSAGES; i++) {
		struct bbo a = { 0 }, z = { 0 };
		struct mark ma = { 0 }, mz = { 0 };
		const unsigned said = on_md(&whole, &day[i], &a, &ma);
		unsigned heard;

		note(of_whole, said, &a, &ma);
		flags(&cut, of_cut, 0);
		heard = on_md(&cut, &day[i], &z, &mz);
		note(of_cut, heard, &z, &mz);
		if (day[i].type == MD_ORDER_EXECUTED) // its price may be news for one of them
			ma = mz = (struct mark){ 0 };
		else if (heard != said)
			fail_msg("seed %lu: message %u is answered otherwise", seed, i);
		if ((heard ^ said) & BOOK_BBO)
			fail_msg("seed %lu: message %u is answered otherwise", seed, i);
		a.last_px4 = z.last_px4 = ma.last_px4 = mz.last_px4 = 0; // prints were missed
		if (memcmp(&a, &z, sizeof(a)) != 0 || memcmp(&ma, &mz, sizeof(ma)) != 0)
			fail_msg("seed %lu: message %u is told otherwise", seed, i);
	}
	assert_int_equal(book_digest(&whole), book_digest(&cut));
}

/*
 * Messages a..b are lost, a snapshot stands for those before n, those from there on were kept until
 * c.
 */
static void
a_gap_of_the_feed_is_healed_by_a_snapshot(void **state)
{
	for (uint64_t seed = 1; seed <= DAYS; seed++) {
		unsigned a, b, n, c;
		bool lost_once = seed % 3 == 0;

		open_both(seed);
		a = seed % 5 == 0 ? 0 : random_below(MESSAGES - 200); // 0: a late start
		b = a + 1 + random_below(100);
		n = b + random_below(50);
		c = n + random_below(50);
		for (unsigned i = 0; i < a; i++)
			put(&cut, of_cut, &day[i]);
		for (unsigned i = 0; i < c; i++)
			put(&whole, of_whole, &day[i]);
		flags(&cut, of_cut, DATAGRAM_GAP);
		if (a > 100)
			assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_SUSPECT);
		for (unsigned i = b; i < b + 5 && seed % 2 == 0; i++)
			put(&cut, of_cut, &day[i]); // before anybody decided to recover
		flags(&cut, of_cut, DATAGRAM_RECOVERING);
		if (a > 100)
			assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_RECOVERING);
		if (lost_once) {
			spin(&cut, n / 2, false);
			flags(&cut, of_cut, DATAGRAM_LOST);
			for (unsigned l = 1; l <= INSTRS; l++)
				assert_int_equal(book_confidence(&cut, &cut.instr[l]),
						 CONFIDENCE_STALE);
			flags(&cut, of_cut, DATAGRAM_RECOVERING);
		}
		spin(&cut, n, false);
		for (unsigned i = n; i < c; i++) {
			flags(&cut, of_cut, DATAGRAM_REPLAY);
			put(&cut, of_cut, &day[i]);
		}
		flags(&cut, of_cut, DATAGRAM_RECOVERED);
		assert_same("after a gap", seed);
		hear_the_rest(c, seed);
		assert_same("at the end", seed);
	}
}

/* Some instruments break; all messages come, and those of the others must not change at all. */
static void
broken_instruments_are_healed_and_the_others_never_notice(void **state)
{
	for (uint64_t seed = 1; seed <= DAYS; seed++) {
		bool broken[INSTRS + 1] = { false };
		unsigned a, n, c, k, spun;

		open_both(seed);
		a = 3 * INSTRS + random_below(MESSAGES - 400);
		n = a + random_below(100); // may be older than the beginning of the recovery
		spun = n + random_below(100);
		c = spun + random_below(100);
		for (unsigned i = 0; i < a; i++) {
			put(&whole, of_whole, &day[i]);
			put(&cut, of_cut, &day[i]);
		}
		for (uint16_t l = 1; l <= INSTRS; l++) {
			const struct md bad = { .type = MD_ORDER_DELETED,
						.locate = l,
						.order_ref = 1ULL << 60 };

			broken[l] = random_below(3) == 0;
			if (broken[l])
				put(&cut, of_cut, &bad);
		}
		k = a + random_below(20); // live messages before the recovery begins
		for (unsigned i = a; i < c; i++) {
			const uint16_t l = day[i].locate;
			struct bbo x = { 0 }, z = { 0 };
			struct mark mx = { 0 }, mz = { 0 };
			const unsigned said = on_md(&whole, &day[i], &x, &mx);
			unsigned heard;

			note(of_whole, said, &x, &mx);
			if (i == k)
				flags(&cut, of_cut, DATAGRAM_RECOVERING);
			flags(&cut, of_cut, 0);
			heard = on_md(&cut, &day[i], &z, &mz);
			note(of_cut, heard, &z, &mz);
			if (!broken[l] && (heard != said || memcmp(&x, &z, sizeof(x)) != 0 ||
					   memcmp(&mx, &mz, sizeof(mx)) != 0))
				fail_msg("seed %lu: locate %u noticed message %u", seed, l, i);
			if (i == spun) {
				if (k >= spun) // the snapshot came before it was asked for
					break;
				spin(&cut, n, false);
			}
		}
		if (k >= spun)
			continue;
		for (unsigned i = n; i < c; i++) {
			flags(&cut, of_cut, DATAGRAM_REPLAY);
			put(&cut, of_cut, &day[i]);
		}
		assert_int_equal(cut.metrics.instrument_suspect, 0);
		flags(&cut, of_cut, DATAGRAM_RECOVERED);
		for (uint16_t l = 1; l <= INSTRS; l++)
			assert_int_equal(cut.info[l].volume_partial, broken[l]);
		assert_same("after the recovery", seed);
		hear_the_rest(c, seed);
	}
}

static void
requests_heal_a_gap_but_not_a_broken_instrument(void **state)
{
	const struct md bad = { .type = MD_ORDER_DELETED, .locate = 3, .order_ref = 1ULL << 60 };

	open_both(7);
	for (unsigned i = 0; i < 500; i++)
		put(&cut, of_cut, &day[i]);
	put(&cut, of_cut, &bad);
	flags(&cut, of_cut, DATAGRAM_GAP);
	assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_SUSPECT);
	flags(&cut, of_cut, DATAGRAM_RECOVERED);
	assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_LIVE);
	assert_int_equal(of_cut[6].mark.confidence, CONFIDENCE_SUSPECT);
	flags(&cut, of_cut, DATAGRAM_GAP);
	flags(&cut, of_cut, DATAGRAM_LOST); // nothing was forgotten: the books go on, unbelieved
	assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_STALE);
	put(&cut, of_cut, &day[500]);
	assert_int_equal(cut.metrics.message_awaiting_replay, 0);
	flags(&cut, of_cut, DATAGRAM_RECOVERED);
	assert_int_equal(of_cut[2].mark.confidence, CONFIDENCE_LIVE);
	assert_int_equal(of_cut[6].mark.confidence, CONFIDENCE_SUSPECT);
}

static void
a_snapshot_that_repeats_a_reference_is_not_believed(void **state)
{
	unsigned suspect_cnt = 0;

	open_both(8);
	flags(&cut, of_cut, DATAGRAM_GAP);
	flags(&cut, of_cut, DATAGRAM_RECOVERING);
	spin(&cut, 1000, true);
	flags(&cut, of_cut, DATAGRAM_RECOVERED);
	assert_int_equal(cut.metrics.ref_repeated, 1);
	for (uint16_t l = 1; l <= INSTRS; l++)
		suspect_cnt += book_confidence(&cut, &cut.instr[l]) == CONFIDENCE_SUSPECT;
	assert_int_equal(suspect_cnt, 1);
	// another one heals it
	flags(&cut, of_cut, DATAGRAM_RECOVERING);
	spin(&cut, 1000, false);
	flags(&cut, of_cut, DATAGRAM_RECOVERED);
	for (unsigned i = 0; i < 1000; i++)
		put(&whole, of_whole, &day[i]);
	assert_same("healed", 8);
}

static void
a_new_session_ends_a_recovery(void **state)
{
	open_both(9);
	for (unsigned i = 0; i < 500; i++)
		put(&cut, of_cut, &day[i]);
	flags(&cut, of_cut, DATAGRAM_GAP);
	flags(&cut, of_cut, DATAGRAM_RECOVERING);
	flags(&cut, of_cut, DATAGRAM_NEW_SESSION);
	for (unsigned i = 0; i < 1000; i++) {
		put(&whole, of_whole, &day[i]);
		flags(&cut, of_cut, 0);
		put(&cut, of_cut, &day[i]);
	}
	assert_same("in the new session", 9);
	assert_int_equal(cut.metrics.message_awaiting_replay, 0);
}

/* Forgetting is work for many turns: the next message of the set waits, others do not. */
static void
forgetting_is_done_in_slices(void **state)
{
	struct bbo bbo;
	struct mark mark;
	unsigned slices = 0, said;

	open_both(10);
	for (unsigned i = 0; i < 2000; i++)
		put(&cut, of_cut, &day[i]);
	flags(&cut, of_cut, DATAGRAM_GAP);
	flags(&cut, of_cut, DATAGRAM_RECOVERING);
	assert_true(cut.order.cnt > 0);
	assert_int_equal(book_on_datagram_flags(&cut, DATAGRAM_SNAPSHOT), BOOK_ALL);
	while ((said = book_next(&cut, &bbo, &mark)) == BOOK_ALL)
		slices++;
	assert_true(slices > 4);
	while (said != 0) // who is halted until the snapshot says otherwise
		said = book_next(&cut, &bbo, &mark);
	assert_int_equal(cut.order.cnt, 0);
	assert_int_equal(cut.levels.cnt, 0);
	assert_null(book_audit(&cut, tally));
	for (uint16_t l = 1; l <= INSTRS; l++)
		assert_int_equal(cut.instr[l].top_px4[0] | cut.instr[l].top_px4[1] |
					 cut.instr[l].top_qty[0] | cut.instr[l].top_qty[1],
				 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gap_of_the_feed_is_healed_by_a_snapshot),
		cmocka_unit_test(broken_instruments_are_healed_and_the_others_never_notice),
		cmocka_unit_test(requests_heal_a_gap_but_not_a_broken_instrument),
		cmocka_unit_test(a_snapshot_that_repeats_a_reference_is_not_believed),
		cmocka_unit_test(a_new_session_ends_a_recovery),
		cmocka_unit_test(forgetting_is_done_in_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
