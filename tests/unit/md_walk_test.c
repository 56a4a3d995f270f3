/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lane/md_walk.h"

/*
 * Datagrams of random length go through the look ahead, some of them appended to the one before and
 * some not: the book is given the messages that parse alone gives, in each datagram, in order.
 */
enum {
	DATAGRAMS = 3000,
	MESSAGES_MAX = 40,
	MESSAGE_BYTES = 64,
	LOCATES = 50,
	RARE_FROM = 19, // bytes of rare messages from here on are random: behind most symbols
	SEEDS = 4,
};

struct flow {
	uint8_t bytes[MESSAGES_MAX * MESSAGE_BYTES];
	struct datagram d;
};

static struct flow flow[DATAGRAMS];
static struct parse parse, plain_parse;
static struct book book, plain_book;
static uint32_t rng;

static uint32_t
below(uint32_t n)
{
	rng = rng * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)rng * n >> 32);
}

static uint16_t
put_message(uint8_t *out, uint64_t *last_ref)
{
	// 'L': the book has no use for it; 'Z': no type
	static const char USUAL[] = "AAAADXUELZ", RARE[] = "CPQBRHYJSVWKINOh";
	const bool rare = below(8) == 0;
	const uint8_t type =
		(uint8_t)(rare ? RARE[below(sizeof(RARE) - 1)] : USUAL[below(sizeof(USUAL) - 1)]);
	const uint16_t len = type == 'Z' ? 7 : ITCH50_LEN[type];
	uint8_t *msg = out + sizeof(be16);
	const uint64_t ref = type == 'A' ? ++*last_ref : 1 + below((uint32_t)*last_ref + 1);

	memset(msg, 0, len);
	*(be16 *)out = be16_of(len);
	msg[0] = type;
	msg[2] = (uint8_t)(1 + ref % LOCATES);
	if (type == 'Z' || type == 'L')
		return (uint16_t)(len + sizeof(be16));
	for (uint16_t i = RARE_FROM; rare && i < len; i++)
		msg[i] = (uint8_t)below(256);
	if (rare && type != 'C')
		return (uint16_t)(len + sizeof(be16));
	((struct itch50_order_delete *)msg)->order_ref = be64_of(ref);
	if (type == 'A') {
		struct itch50_add_order *a = (struct itch50_add_order *)msg;

		a->side = below(2) ? 'B' : 'S';
		a->qty = be32_of(1 + below(500));
		a->px4 = be32_of((a->side == 'B' ? 100000 : 200000) + below(40) * 100);
	} else if (type == 'X' || type == 'E') {
		((struct itch50_order_cancel *)msg)->qty = be32_of(1 + below(100));
	} else if (type == 'U') {
		struct itch50_order_replace *u = (struct itch50_order_replace *)msg;

		// the instrument follows from the reference
		while (++*last_ref % LOCATES != ref % LOCATES)
			continue;
		u->new_ref = be64_of(*last_ref);
		u->qty = be32_of(1 + below(500));
		u->px4 = be32_of(150000 + below(10) * 100);
	}
	return (uint16_t)(len + sizeof(be16));
}

static void
make_flow(void)
{
	uint64_t last_ref = 0, seq = 1;

	for (struct flow *f = flow; f < flow + DATAGRAMS; f++) {
		const uint32_t cnt = below(3) == 0 ? below(4) : below(MESSAGES_MAX);

		f->d = (struct datagram){ .data = f->bytes, .seq = seq, .msg_cnt = (uint16_t)cnt };
		for (uint32_t i = 0; i < cnt; i++)
			f->d.len =
				(uint16_t)(f->d.len + put_message(f->bytes + f->d.len, &last_ref));
		seq += cnt;
	}
}

static void
start(struct parse *p, struct book *b)
{
	const struct book_config c = { .locate_max = LOCATES + 1,
				       .orders_max = 100000,
				       .levels_max = 20000,
				       .trades_max = 16 };
	struct arena a;

	assert_int_equal(0, arena_open(&a, book_bytes(&c)));
	assert_int_equal(0, book_init(b, &c, &a));
	assert_int_equal(0, parse_init(p, &(struct parse_config){ .shard_cnt = 1 }));
	book_on_datagram_flags(b, DATAGRAM_NEW_SESSION);
}

/* Everything of one datagram by parse alone, against what the look ahead gives for it. */
static void
walk_one(struct md_walk *w, struct flow *f, bool *next_known, bool append)
{
	struct parse_walk plain;
	struct mark mark;
	struct bbo bbo;
	struct md want;

	parse_start(&plain, &f->d);
	for (;;) {
		const bool more = parse_next(&plain_parse, &plain, &want);
		const struct md *m;

		if (append && md_walk_wants_next(w)) {
			md_walk_append(w, &f[1].d, &parse, &book);
			*next_known = true;
		}
		m = md_walk_next(w, &parse, &book);
		assert_true(more == (m != NULL));
		if (m == NULL)
			return;
		assert_int_equal(want.seq, m->seq);
		assert_int_equal(want.type, m->type);
		assert_int_equal(want.order_ref, m->order_ref);
		// looks ahead make notes where orders have nothing
		if (m->type > MD_ORDER_REPLACED)
			assert_memory_equal(&want, m, sizeof(want));
		assert_true(md_walk_seq(w) > m->seq);
		assert_int_equal(book_on_md(&book, m, &bbo, &mark),
				 book_on_md_as(&plain_book, &want, true, &bbo, &mark));
	}
}

static void
messages_come_in_order_across_the_ends_of_datagrams(void **state)
{
	(void)state;
	for (rng = 1; rng <= SEEDS; rng++) {
		const uint32_t seed = rng;
		struct md_walk w;
		bool known = false;
		unsigned crossed = 0;

		start(&parse, &book);
		start(&plain_parse, &plain_book);
		plain_book.usual = 0; // each message by the way that is for all
		make_flow();
		for (struct flow *f = flow; f < flow + DATAGRAMS; f++) {
			crossed += known;
			if (known)
				md_walk_cross(&w);
			else
				md_walk_start(&w, &f->d);
			known = false;
			walk_one(&w, f, &known, f + 1 < flow + DATAGRAMS && below(8) != 0);
		}
		assert_true(crossed > DATAGRAMS / 2);
		assert_memory_equal(&parse.metrics, &plain_parse.metrics, sizeof(parse.metrics));
		assert_memory_equal(&book.metrics, &plain_book.metrics, sizeof(book.metrics));
		assert_memory_equal(book.info, plain_book.info, (LOCATES + 2) * sizeof(*book.info));
		assert_true(book.metrics.trade_printed > 300);
		assert_true(book.order.cnt > 1000);
		assert_int_equal(book_digest(&book), book_digest(&plain_book));
		assert_int_equal(book_digest(&book), book_digest_of_orders(&book));
		rng = seed;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_in_order_across_the_ends_of_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
