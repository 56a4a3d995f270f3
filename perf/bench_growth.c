/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "day_memory.h"
#include "ingress/book.h"
#include "ingress/parse_itch50.h"
#include "lane/md_walk.h"

/*
 * book.growth: how the cost of one message, parse and books together, grows with the orders that
 * are alive and with the symbols they are spread over.  One figure for each pair; perf/plot-growth
 * draws them.  The tables have the same size in every case, for 10 million orders and 2 million
 * levels, so that a small day pays for a large table's pages, too.
 *
 * book.growth/memory is what those tables take, of which 1 GiB is the most allowed; the run with
 * 10 million living orders shows that they hold what they promise.
 *
 * How it could lie.  A day that is not yet under way has young orders only: each is built up,
 * untimed, until as many orders live, and goes on as long again before it is timed, but no longer
 * than BUILD_MORE_MAX messages: the oldest of 10 million orders are younger than in a day of weeks.
 * Slices of some thousand messages are timed and their median told: no tail of a single message can
 * be seen here.  Symbols are drawn by Zipf's law: with 10,000 of them most messages are still about
 * a few hundred.
 */
enum {
	ORDERS_MAX = 10500000,
	LEVELS_MAX = 2000000,
	LOCATE_MAX = 10000,
	MESSAGES = 600000, // timed
	BUILD_MORE_MAX = 4000000,
	SLICE_PACKETS = 64,
	BUILD_BYTES = 1 << 20,
	GIB_MB = 1024,
};

static struct rig {
	struct book book;
	struct parse parse;
	struct md_walk walk;
} * r;

static void
start_books(struct bench *b)
{
	const struct book_config c = {
		.locate_max = LOCATE_MAX,
		.orders_max = ORDERS_MAX,
		.levels_max = LEVELS_MAX,
		.trades_max = 1 << 16,
	};
	const double mb = (double)book_bytes(&c) / (1 << 20);
	struct arena a;

	if (arena_open(&a, book_bytes(&c)) != 0 || book_init(&r->book, &c, &a) != 0 ||
	    parse_init(&r->parse, &(struct parse_config){ .shard_cnt = 1 }) != 0)
		bench_die("the books do not start");
	bench_figure(b, "memory", mb, "MiB", 0, (struct bench_target){ .value_max = GIB_MB });
	bench_figure(b, "memory/order table", (double)order_table_bytes(ORDERS_MAX) / ORDERS_MAX,
		     "bytes", 0, (struct bench_target){ 0 });
	bench_figure(b, "memory/level table", (double)price_levels_bytes(LEVELS_MAX) / LEVELS_MAX,
		     "bytes", 0, (struct bench_target){ 0 });
}

HOT_INLINE void
walk_packet(const struct datagram *d)
{
	const struct md *m;

	md_walk_start(&r->walk, d);
	while ((m = md_walk_next(&r->walk, &r->parse, &r->book)) != NULL) {
		struct mark mark;
		struct bbo bbo;
		const unsigned said = book_on_md(&r->book, m, &bbo, &mark);

		bench_keep(&said);
	}
}

/* Some of the day, message by message; returns how many. */
static uint64_t
go_on(struct day *d)
{
	static uint8_t buf[BUILD_BYTES];
	const size_t n = day_fill(d, buf, sizeof(buf));
	uint64_t msg_cnt = 0;

	if (n == 0)
		bench_die("the day ended before it was under way");
	for (size_t at = 0; at < n; msg_cnt++) {
		struct datagram one = { .data = buf + at, .msg_cnt = 1 };

		one.len = (uint16_t)(sizeof(be16) + be16_get(*(const be16 *)(buf + at)));
		walk_packet(&one);
		at += one.len;
	}
	return msg_cnt;
}

static void
check_books(uint32_t live_cnt)
{
	const struct book_metrics *x = &r->book.metrics;

	if (x->order_table_full + x->level_table_full + x->ref_unknown_deleted +
		    x->ref_unknown_executed + x->ref_unknown_reduced + x->ref_unknown_replaced +
		    x->ref_repeated + x->book_crossed !=
	    0)
		bench_die("the books broke an invariant on a day without fault");
	if (r->book.order.cnt < live_cnt - live_cnt / 50)
		bench_die("fewer orders live than the figure's name says");
	if (book_digest(&r->book) != book_digest_of_orders(&r->book))
		bench_die("the books' levels are not the sum of their orders");
}

static void
run_point(struct bench *b, uint32_t live_cnt, uint32_t symbol_cnt, struct bench_series *s)
{
	char suffix[64];
	uint64_t built_cnt = 0, more_cnt = 0;
	struct day_config c;
	struct day_memory m;
	const char *why;
	struct day *d;

	day_config_init(&c);
	c.seed = b->seed;
	c.symbol_cnt = symbol_cnt;
	c.live_cnt = live_cnt;
	c.flow_cnt = (uint64_t)live_cnt * 20 + (MESSAGES + BUILD_MORE_MAX) * 2;
	d = day_open(&c, &why);
	if (d == NULL)
		bench_die(why);
	book_on_datagram_flags(&r->book, DATAGRAM_NEW_SESSION);
	while (day_live_cnt(d) < live_cnt)
		built_cnt += go_on(d);
	while (more_cnt < built_cnt && more_cnt < BUILD_MORE_MAX)
		more_cnt += go_on(d);
	day_memory_fill(&m, d, MESSAGES);
	day_close(d);
	s->cnt = 0;
	s->sorted = false;
	for (size_t i = 0; i + SLICE_PACKETS <= m.packet_cnt; i += SLICE_PACKETS) {
		uint64_t msg_cnt = 0, start;

		for (size_t k = i; k < i + SLICE_PACKETS; k++)
			msg_cnt += m.packet[k].msg_cnt;
		start = bench_start();
		for (size_t k = i; k < i + SLICE_PACKETS; k++)
			walk_packet(&m.packet[k]);
		bench_add(s, bench_since(start) * 1000 / msg_cnt);
	}
	check_books(live_cnt);
	snprintf(suffix, sizeof(suffix), "%u orders, %u symbols", live_cnt, symbol_cnt);
	bench_report(b, suffix, s, NULL, BENCH_P50, (struct bench_target){ 0 });
}

int
main(int argc, char **argv)
{
	static const uint32_t LIVE_CNT[] = { 10000, 100000, 1000000, 10000000 };
	static const uint32_t SYMBOL_CNT[] = { 10, 1000, 10000 };
	struct bench_series s;
	struct bench b;

	bench_open(&b, "book.growth", argc, argv);
	r = bench_memory(sizeof(*r));
	start_books(&b);
	bench_series_init(&s, MESSAGES, 1000);
	for (unsigned i = 0; i < ARRAY_CNT(LIVE_CNT) - 2 * b.quick; i++)
		for (unsigned k = 0; k < ARRAY_CNT(SYMBOL_CNT); k++)
			run_point(&b, LIVE_CNT[i], SYMBOL_CNT[k], &s);
	return bench_close(&b);
}
