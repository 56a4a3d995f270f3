/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "day.h"
#include "wire/itch50.h"

/*
 * The judge: a book as plain as can be, which shares nothing with the generator.  Orders are an
 * array by reference, prices are counted per symbol and side in a table by cent.
 */
enum { REF_MAX = 4000000, CENT_MAX = 120000 };

struct judge_order {
	uint32_t qty; // 0: not alive
	uint32_t px4;
	uint16_t locate;
	uint8_t side;
};

struct judge {
	struct judge_order *order;
	uint32_t *bids, *asks; // of locate 1, by cent
	int32_t best_bid, best_ask;
	uint64_t type_cnt[256];
	uint64_t msg_cnt;
	uint64_t last_ns;
	uint64_t crossed_cnt;
	uint32_t alive_cnt;
	uint32_t alive_max;
	char events[16];
	unsigned event_cnt;
	uint8_t *state; // last 'H' of each locate
};

static struct day_config
small_day(uint64_t seed)
{
	struct day_config c;

	day_config_init(&c);
	c.seed = seed;
	c.flow_cnt = 200000;
	c.symbol_cnt = 40;
	c.live_cnt = 3000;
	c.named_cnt = 1;
	memcpy(c.named[0].symbol, "AAPL    ", 8);
	c.named[0].px4 = 1500000;
	return c;
}

static void
judge_level(struct judge *j, const struct judge_order *o, bool joins)
{
	const uint32_t cent = o->px4 / 100;

	if (o->locate != 1)
		return;
	assert_true(cent < CENT_MAX);
	(o->side == 'B' ? j->bids : j->asks)[cent] += joins ? 1 : -1;
}

/* The touch of locate 1, searched from one end to the other: slow and obvious. */
static void
judge_touch(struct judge *j)
{
	j->best_bid = -1;
	j->best_ask = CENT_MAX;
	for (int32_t c = 10000; c < 20000; c++) {
		if (j->bids[c] > 0)
			j->best_bid = c;
		if (j->asks[c] > 0 && j->best_ask == CENT_MAX)
			j->best_ask = c;
	}
	j->crossed_cnt += j->best_bid >= j->best_ask;
}

static struct judge_order *
judge_known(struct judge *j, be64 ref, const struct itch50_head *h)
{
	const uint64_t r = be64_get(ref);

	assert_true(r < REF_MAX);
	assert_true(j->order[r].qty > 0);
	assert_int_equal(j->order[r].locate, be16_get(h->locate));
	return &j->order[r];
}

static void
judge_new(struct judge *j, be64 ref, struct judge_order o)
{
	const uint64_t r = be64_get(ref);

	assert_true(r > 0 && r < REF_MAX);
	assert_int_equal(j->order[r].px4, 0); // never used before
	assert_true(o.qty > 0 && o.px4 > 0 && o.px4 < ITCH50_PX4_MAX);
	j->order[r] = o;
	judge_level(j, &o, true);
	j->alive_cnt++;
	if (j->alive_cnt > j->alive_max)
		j->alive_max = j->alive_cnt;
}

static void
judge_reduce(struct judge *j, struct judge_order *o, uint32_t qty)
{
	assert_true(qty > 0 && qty <= o->qty);
	o->qty -= qty;
	if (o->qty == 0) {
		judge_level(j, o, false);
		j->alive_cnt--;
	}
}

static void
judge_message(struct judge *j, const uint8_t *m, uint16_t len)
{
	const struct itch50_head *h = (const struct itch50_head *)m;
	const uint16_t locate = be16_get(h->locate);
	struct judge_order *o, was;

	assert_int_equal(ITCH50_LEN[h->type], len);
	assert_true(be48_get(h->ts_ns) >= j->last_ns);
	j->last_ns = be48_get(h->ts_ns);
	j->type_cnt[h->type]++;
	j->msg_cnt++;
	switch (h->type) {
	case 'S':
		assert_true(j->event_cnt < sizeof(j->events) - 1);
		j->events[j->event_cnt++] = (char)((const struct itch50_system_event *)m)->event;
		break;
	case 'H':
		j->state[locate] = ((const struct itch50_trading_action *)m)->state;
		break;
	case 'A':
	case 'F': {
		const struct itch50_add_order *a = (const struct itch50_add_order *)m;

		judge_new(j, a->order_ref,
			  (struct judge_order){ be32_get(a->qty), be32_get(a->px4), locate,
						a->side });
		break;
	}
	case 'E': {
		const struct itch50_order_executed *e = (const struct itch50_order_executed *)m;

		assert_int_equal(j->state[locate], 'T');
		o = judge_known(j, e->order_ref, h);
		judge_reduce(j, o, be32_get(e->qty));
		break;
	}
	case 'C': {
		const struct itch50_order_executed_at_price *e =
			(const struct itch50_order_executed_at_price *)m;

		judge_reduce(j, judge_known(j, e->order_ref, h), be32_get(e->qty));
		break;
	}
	case 'X': {
		const struct itch50_order_cancel *x = (const struct itch50_order_cancel *)m;

		o = judge_known(j, x->order_ref, h);
		assert_true(be32_get(x->qty) < o->qty); // partial
		judge_reduce(j, o, be32_get(x->qty));
		break;
	}
	case 'D':
		o = judge_known(j, ((const struct itch50_order_delete *)m)->order_ref, h);
		judge_reduce(j, o, o->qty);
		break;
	case 'U': {
		const struct itch50_order_replace *u = (const struct itch50_order_replace *)m;

		o = judge_known(j, u->orig_ref, h);
		was = *o;
		judge_reduce(j, o, o->qty);
		judge_new(j, u->new_ref,
			  (struct judge_order){ be32_get(u->qty), be32_get(u->px4), was.locate,
						was.side });
		break;
	}
	default:
		break;
	}
	if (locate == 1 && strchr("AFECXDU", h->type) != NULL)
		judge_touch(j);
}

static void
judge_day(struct judge *j, const struct day_config *c)
{
	static uint8_t chunk[65536];
	const char *why;
	struct day *d = day_open(c, &why);
	size_t bytes;

	assert_non_null(d);
	memset(j, 0, sizeof(*j));
	j->order = calloc(REF_MAX, sizeof(*j->order));
	j->bids = calloc(CENT_MAX, sizeof(*j->bids));
	j->asks = calloc(CENT_MAX, sizeof(*j->asks));
	j->state = calloc(65536, 1);
	while ((bytes = day_fill(d, chunk, sizeof(chunk))) > 0) {
		const uint8_t *at = chunk;

		while (at < chunk + bytes) {
			const uint16_t len = be16_get(*(const be16 *)at);

			judge_message(j, at + 2, len);
			at += 2 + len;
		}
		assert_ptr_equal(at, chunk + bytes); // whole messages only
	}
	assert_int_equal(day_live_cnt(d), j->alive_cnt);
	day_close(d);
	free(j->order);
	free(j->bids);
	free(j->asks);
	free(j->state);
}

static void
references_are_valid_and_the_book_never_crosses(void **state)
{
	const struct day_config c = small_day(7);
	struct judge j;

	judge_day(&j, &c);
	assert_int_equal(j.crossed_cnt, 0);
	assert_string_equal(j.events, "OSQMEC");
	assert_int_equal(j.type_cnt['R'], 40);
	assert_true(j.type_cnt['Q'] >= 80); // an opening and a closing cross each
	assert_int_equal(j.type_cnt['V'], 1);
	// directory, action, reg sho, position, two crosses per symbol; six events; one 'V'
	assert_int_equal(j.msg_cnt, c.flow_cnt + 6 * 40 + 6 + 1);
	assert_true(j.alive_max >= 2500 && j.alive_max <= 3500);
}

static void
crossed_days_cross(void **state)
{
	struct day_config c = small_day(7);
	struct judge j;

	c.crossed = true;
	judge_day(&j, &c);
	assert_true(j.crossed_cnt > 0);
}

static uint64_t
share_permyriad(const struct judge *j, const char *types, uint64_t of)
{
	uint64_t n = 0;

	for (const char *t = types; *t != '\0'; t++)
		n += j->type_cnt[(uint8_t)*t];
	return n * 10000 / of;
}

static void
the_mix_is_what_was_asked_for(void **state)
{
	static const struct {
		const char *types;
		uint32_t want_permyriad;
	} SHARES[] = {
		{ "AF", 4400 }, { "D", 4100 }, { "U", 500 }, { "EC", 300 }, { "X", 200 },
	};
	const struct day_config c = small_day(11);
	struct judge j;

	judge_day(&j, &c);
	for (size_t i = 0; i < ARRAY_CNT(SHARES); i++) {
		const uint64_t got = share_permyriad(&j, SHARES[i].types, c.flow_cnt);
		// the ramp to live_cnt and the steering around it move adds and deletes a little
		const uint64_t slack = SHARES[i].want_permyriad > 1000 ? 200 : 30;

		if (got + slack < SHARES[i].want_permyriad ||
		    got > SHARES[i].want_permyriad + slack)
			fail_msg("%s: %lu of 10000, wanted %u", SHARES[i].types, (unsigned long)got,
				 SHARES[i].want_permyriad);
	}
	assert_true(j.type_cnt['F'] > 0 && j.type_cnt['C'] > 0 && j.type_cnt['P'] > 0);
	assert_true(j.type_cnt['I'] > 0 && j.type_cnt['B'] > 0 && j.type_cnt['J'] > 0);
	assert_true(j.type_cnt['h'] > 0 && j.type_cnt['N'] > 0 && j.type_cnt['O'] > 0);
}

/* Asks for the day in portions of `room` bytes. */
static uint64_t
day_hash(const struct day_config *c, size_t room, uint64_t *bytes_total)
{
	uint8_t *buf = malloc(room);
	const char *why;
	struct day *d = day_open(c, &why);
	uint64_t hash = 14695981039346656037ULL;
	size_t bytes;

	assert_non_null(d);
	*bytes_total = 0;
	while ((bytes = day_fill(d, buf, room)) > 0) {
		for (size_t i = 0; i < bytes; i++)
			hash = (hash ^ buf[i]) * 1099511628211ULL; // FNV-1a
		*bytes_total += bytes;
	}
	day_close(d);
	free(buf);
	return hash;
}

static void
the_same_seed_gives_the_same_bytes(void **state)
{
	const struct day_config one = small_day(1), two = small_day(2);
	uint64_t bytes_a, bytes_b, bytes_c;
	const uint64_t a = day_hash(&one, 1 << 20, &bytes_a);
	const uint64_t b = day_hash(&one, DAY_FILL_ROOM_MIN, &bytes_b);
	const uint64_t c = day_hash(&two, 1 << 20, &bytes_c);

	assert_int_equal(a, b);
	assert_int_equal(bytes_a, bytes_b);
	assert_int_not_equal(a, c);
}

static void
impossible_days_are_refused(void **state)
{
	static const struct {
		const char *what;
		uint32_t symbol_cnt;
		uint32_t named_cnt;
		uint32_t burst_permille;
		uint64_t lead_s;
		uint64_t session_s;
		bool ok;
	} CASES[] = {
		// clang-format off
		{ "an ordinary day",               40,    0, 0,    10,    10,    true  },
		{ "no symbol",                     0,     0, 0,    10,    10,    false },
		{ "more symbols than locates",     70000, 0, 0,    10,    10,    false },
		{ "more names than symbols",       1,     2, 0,    10,    10,    false },
		{ "bursts without an end",         40,    0, 1000, 10,    10,    false },
		{ "a first message before midnight", 40,  0, 0,    34201, 10,    false },
		{ "a last message after midnight", 40,    0, 0,    10,    53000, false },
		{ "no lead at all",                40,    0, 0,    0,     10,    true  },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct day_config c;
		const char *why;
		struct day *d;

		day_config_init(&c);
		c.flow_cnt = 100;
		c.symbol_cnt = CASES[i].symbol_cnt;
		c.named_cnt = CASES[i].named_cnt;
		c.burst_permille = CASES[i].burst_permille;
		c.lead_ns = CASES[i].lead_s * NS_PER_SEC;
		c.session_ns = CASES[i].session_s * NS_PER_SEC;
		d = day_open(&c, &why);
		if ((d != NULL) != CASES[i].ok)
			fail_msg("%s: %s", CASES[i].what, d != NULL ? "accepted" : why);
		day_close(d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_valid_and_the_book_never_crosses),
		cmocka_unit_test(crossed_days_cross),
		cmocka_unit_test(the_mix_is_what_was_asked_for),
		cmocka_unit_test(the_same_seed_gives_the_same_bytes),
		cmocka_unit_test(impossible_days_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
