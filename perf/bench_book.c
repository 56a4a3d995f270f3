/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "book_floor.h"
#include "day_memory.h"
#include "ingress/book.h"
#include "ingress/parse_itch50.h"
#include "lane/md_walk.h"

/*
 * book.l2: one message of a generated day through parse and the books of all 8,000 symbols (drawn
 * by Zipf's law), price levels kept, each change of a best price found.  book.l2/apply leaves parse
 * out: messages decoded beforehand.  book.l2/single times each message of the stream by itself,
 * parse and the looks ahead for later messages included; book.l2/alone applies messages that
 * nothing was fetched for, as if each were alone in its datagram; book.l2/cold does so after the
 * caches were emptied.  The timer's own time is in all three.  book.l3 is the same with the queue
 * of each level's orders (BENCH_QUEUES).
 *
 * Floor: touching.  The same messages, with all addresses known beforehand, do nothing but read and
 * write the order's record and then the level it names, in tables of the same size and layout.  No
 * book that keeps orders and levels in memory can do less.
 *
 * How it could lie.  A young book is small and fits the cache: the day is first built up, untimed,
 * to over a million living orders.  The floor's addresses come from the book's own run over the
 * first third of what follows, so both have the same locality, and its tables begin as copies of
 * the book's; it runs alone and warm, before and after the book, which is the strictest way.  The
 * book is timed in slices of a tenth of a millisecond: being put aside lengthens a slice, and the
 * median passes over it.  A slice tells nothing of a single message: book.l2/single does.  Its
 * timer waits for all that was begun, so a single message costs more than its share of a slice.
 */
enum {
	SYMBOL_CNT = 8000,
	LIVE_CNT = 1700000,
	LIVE_CNT_QUICK = 50000,
	MESSAGES = 6000000, // timed
	MESSAGES_QUICK = 300000,
	SLICE_PACKETS = 64, // about 2,800 messages
	SLICE_PACKETS_QUICK = 32,
	SLICE_MESSAGES_MAX = 1 << 17,
	TOUCH_SLICE = 1 << 12,
	ORDERS_MAX =
		2000000, // these two as feeds.orders_max, levels_max have them when nobody says
	LEVELS_MAX = 500000,
	BUILD_BYTES = 1 << 20,
	COLD_SAMPLES = 400,
	COLD_SAMPLES_QUICK = 20,
};

#ifndef BENCH_QUEUES
#define BENCH_QUEUES false
#endif

struct rig {
	struct book book;
	struct parse parse;
	struct book_floor floor;
	struct md md[SLICE_MESSAGES_MAX];
	uint32_t md_cnt;
};

static struct rig *r;

static void
start_books(void)
{
	const struct book_config c = {
		.locate_max = SYMBOL_CNT + 1,
		.orders_max = ORDERS_MAX,
		.levels_max = LEVELS_MAX,
		.trades_max = 1 << 16,
		.queues = BENCH_QUEUES,
	};
	struct arena a;

	if (arena_open(&a, book_bytes(&c)) != 0 || book_init(&r->book, &c, &a) != 0 ||
	    parse_init(&r->parse, &(struct parse_config){ .shard_cnt = 1 }) != 0)
		bench_die("the books do not start");
	book_on_datagram_flags(&r->book, DATAGRAM_NEW_SESSION);
}

HOT_INLINE void
apply(const struct md *m)
{
	struct mark mark;
	struct bbo bbo;
	const unsigned said = book_on_md(&r->book, m, &bbo, &mark);

	bench_keep(&said);
}

/*
 * As the lane does it with the datagrams of a burst: what the next messages touch comes near while
 * this one is applied, across the end of a datagram.
 */
HOT_INLINE void
walk_packets(const struct datagram *d, size_t cnt)
{
	static struct md_walk w;
	const struct md *m;

	md_walk_start(&w, d);
	for (const struct datagram *end = d + cnt, *next = d + 1;;) {
		if (unlikely(md_walk_wants_next(&w)) && next != end)
			md_walk_append(&w, next++, &r->parse, &r->book);
		m = md_walk_next(&w, &r->parse, &r->book);
		if (likely(m != NULL))
			apply(m);
		else if (w.seam != MD_NO_SEAM)
			md_walk_cross(&w);
		else
			break;
	}
}

static void
decode_slice(const struct day_memory *m, size_t first, size_t cnt)
{
	r->md_cnt = 0;
	for (size_t i = first; i < first + cnt; i++) {
		struct parse_walk w;

		parse_start(&w, &m->packet[i]);
		while (r->md_cnt < SLICE_MESSAGES_MAX &&
		       parse_next(&r->parse, &w, &r->md[r->md_cnt]))
			r->md_cnt++;
	}
}

/* The touches of some packets, found on a replay that the book makes, untimed. */
static void
note_packets(const struct day_memory *m, size_t packet_cnt)
{
	for (size_t k = 0; k < packet_cnt; k++) {
		decode_slice(m, k, 1);
		for (uint32_t i = 0; i < r->md_cnt; i++) {
			book_floor_note(&r->floor, &r->md[i], true);
			apply(&r->md[i]);
			book_floor_note(&r->floor, &r->md[i], false);
		}
		r->floor.noted_cnt += m->packet[k].msg_cnt;
	}
}

/* Builds the day up to its steady state; returns how many messages that took. */
static uint64_t
build_up(struct day *d, uint32_t live_cnt)
{
	static uint8_t buf[BUILD_BYTES];
	uint64_t msg_cnt = 0;

	while (day_live_cnt(d) < live_cnt) {
		const size_t n = day_fill(d, buf, sizeof(buf));
		size_t at = 0;

		if (n == 0)
			bench_die("the day ended before it was under way");
		while (at < n) {
			struct datagram one = { .data = buf + at, .msg_cnt = 1 };

			one.len = (uint16_t)(sizeof(be16) + be16_get(*(const be16 *)(buf + at)));
			walk_packets(&one, 1);
			at += one.len;
			msg_cnt++;
		}
	}
	return msg_cnt;
}

struct result {
	struct bench_series whole; // parse and book
	struct bench_series apply;
	struct bench_series touch; // per message
	struct bench_series single;
	struct bench_series alone;
	struct bench_series cold;
	struct bench_series cold_touch;
};

/* A sample is a thousandth of a cycle per message: slices hold different numbers. */
static void
add_slice(struct bench_series *s, uint64_t cycles, uint64_t msg_cnt)
{
	bench_add(s, cycles * 1000 / msg_cnt);
}

static void
time_single(struct result *out, const struct datagram *d, size_t cnt)
{
	static struct md_walk w;
	const struct md *m;

	md_walk_start(&w, d);
	for (const struct datagram *end = d + cnt, *next = d + 1;;) {
		const uint64_t start = bench_start();

		if (unlikely(md_walk_wants_next(&w)) && next != end)
			md_walk_append(&w, next++, &r->parse, &r->book);
		m = md_walk_next(&w, &r->parse, &r->book);
		if (likely(m != NULL)) {
			apply(m);
			bench_add(&out->single, bench_since(start));
		} else if (w.seam != MD_NO_SEAM) {
			md_walk_cross(&w);
		} else {
			break;
		}
	}
}

static void
time_alone(struct result *out)
{
	for (uint32_t i = 0; i < r->md_cnt; i++) {
		const uint64_t start = bench_start();

		apply(&r->md[i]);
		bench_add(&out->alone, bench_since(start));
	}
}

/* All noted touches twice; the first time brings the tables to where they are in steady state. */
static void
run_touches(struct result *out)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i + TOUCH_SLICE <= r->floor.touch_cnt; i += TOUCH_SLICE) {
			const uint64_t cycles = book_floor_time(&r->floor, i, i + TOUCH_SLICE);

			if (pass != 0)
				add_slice(&out->touch, cycles * r->floor.touch_cnt / TOUCH_SLICE,
					  r->floor.noted_cnt);
		}
	}
}

/* Applies what was decoded, with the looks ahead. */
static void
apply_all(void)
{
	for (uint32_t i = 0; i < r->md_cnt + MD_AHEAD; i++) {
		const bool queues = book_has_queues(&r->book);

		if (likely(i < r->md_cnt)) {
			book_prefetch(&r->book, &r->md[i]);
			if (queues)
				book_prefetch_link(&r->book, &r->md[i]);
		}
		if (likely(i - (MD_AHEAD - MD_AHEAD_LEVEL) < r->md_cnt)) {
			book_prefetch_level(&r->book, &r->md[i - (MD_AHEAD - MD_AHEAD_LEVEL)]);
			if (queues)
				book_prefetch_ends(&r->book,
						   &r->md[i - (MD_AHEAD - MD_AHEAD_LEVEL)]);
		}
		if (queues && likely(i - (MD_AHEAD - MD_AHEAD_QUEUE) < r->md_cnt))
			book_prefetch_queue(&r->book, &r->md[i - (MD_AHEAD - MD_AHEAD_QUEUE)]);
		if (likely(i - MD_AHEAD < r->md_cnt))
			apply(&r->md[i - MD_AHEAD]);
	}
}

/* Each slice from the first packet on is gone through in one way. */
static void
run_slices(struct result *out, const struct day_memory *m, size_t first, size_t slice_packets)
{
	for (unsigned way = 0; first + slice_packets <= m->packet_cnt; way = (way + 1) % 5) {
		uint64_t msg_cnt = 0, start;

		for (size_t i = first; i < first + slice_packets; i++)
			msg_cnt += m->packet[i].msg_cnt;
		switch (way) {
		case 0:
		case 2:
			start = bench_start();
			walk_packets(&m->packet[first], slice_packets);
			add_slice(&out->whole, bench_since(start), msg_cnt);
			break;
		case 1:
			decode_slice(m, first, slice_packets);
			start = bench_start();
			apply_all();
			add_slice(&out->apply, bench_since(start), msg_cnt);
			break;
		case 3:
			time_single(out, &m->packet[first], slice_packets);
			break;
		default:
			decode_slice(m, first, slice_packets);
			time_alone(out);
			break;
		}
		first += slice_packets;
	}
}

/* Over packets that come after all the others. */
static void
run_cold(struct result *out, const struct day_memory *m, unsigned samples)
{
	decode_slice(m, 0, m->packet_cnt);
	for (uint32_t i = 0; i < r->md_cnt && out->cold.cnt < samples; i++) {
		uint64_t start;

		r->floor.touch_cnt = 0; // the noted ones are done with
		book_floor_note(&r->floor, &r->md[i], true);
		bench_evict();
		start = bench_start();
		apply(&r->md[i]);
		bench_add(&out->cold, bench_since(start));
		book_floor_note(&r->floor, &r->md[i], false);
		if (r->floor.touch_cnt == 0)
			continue;
		bench_evict();
		bench_add(&out->cold_touch, book_floor_time(&r->floor, 0, r->floor.touch_cnt));
	}
}

/* Nothing that should not have happened did. */
static void
check_books(void)
{
	const struct book_metrics *x = &r->book.metrics;

	if (x->order_table_full + x->level_table_full + x->ref_unknown_deleted +
		    x->ref_unknown_executed + x->ref_unknown_reduced + x->ref_unknown_replaced +
		    x->ref_repeated + x->book_crossed !=
	    0)
		bench_die("the books broke an invariant on a day without fault");
	if (book_digest(&r->book) != book_digest_of_orders(&r->book))
		bench_die("the books' levels are not the sum of their orders");
	if (BENCH_QUEUES) {
		const char *wrong = book_audit(&r->book, bench_memory(book_tally_cnt(LEVELS_MAX) *
								      sizeof(struct book_tally)));

		if (wrong != NULL)
			bench_die(wrong);
	}
}

int
main(int argc, char **argv)
{
	static struct result out;
	const char *why;
	struct day_config c;
	struct day_memory m, cold_day;
	uint64_t timed_cnt;
	size_t noted_packets;
	uint32_t live_cnt;
	unsigned cold_samples;
	struct day *d;
	struct bench b;

	bench_open(&b, BENCH_QUEUES ? "book.l3" : "book.l2", argc, argv);
	live_cnt = b.quick ? LIVE_CNT_QUICK : LIVE_CNT;
	timed_cnt = b.quick ? MESSAGES_QUICK : MESSAGES;
	cold_samples = b.quick ? COLD_SAMPLES_QUICK : COLD_SAMPLES;
	day_config_init(&c);
	c.seed = b.seed;
	c.symbol_cnt = SYMBOL_CNT;
	c.live_cnt = live_cnt;
	c.flow_cnt = (uint64_t)live_cnt * 20 + timed_cnt * 2;
	d = day_open(&c, &why);
	if (d == NULL)
		bench_die(why);
	r = bench_memory(sizeof(*r));
	start_books();
	build_up(d, live_cnt);
	day_memory_fill(&m, d, timed_cnt);
	bench_figure(&b, "live orders", (double)r->book.order.cnt, "orders", 0,
		     (struct bench_target){ 0 });
	bench_figure(&b, "levels", (double)r->book.levels.cnt, "levels", 0,
		     (struct bench_target){ 0 });
	bench_series_init(&out.whole, m.packet_cnt, 1000);
	bench_series_init(&out.apply, m.packet_cnt, 1000);
	bench_series_init(&out.touch, m.packet_cnt * 4, 1000);
	bench_series_init(&out.single, m.msg_cnt, 1);
	bench_series_init(&out.alone, m.msg_cnt, 1);
	bench_series_init(&out.cold, cold_samples, 1);
	bench_series_init(&out.cold_touch, cold_samples, 1);
	noted_packets = m.packet_cnt / 3;
	book_floor_init(&r->floor, &r->book, (uint32_t)(m.msg_cnt / 3 * 2 + SLICE_MESSAGES_MAX));
	book_floor_copy(&r->floor);
	note_packets(&m, noted_packets);
	run_touches(&out);
	run_slices(&out, &m, noted_packets, b.quick ? SLICE_PACKETS_QUICK : SLICE_PACKETS);
	run_touches(&out);
	check_books();
	day_memory_fill(&cold_day, d, 2 * cold_samples);
	run_cold(&out, &cold_day, cold_samples);
	day_close(d);
	bench_report(&b, "", &out.whole, &out.touch, BENCH_P50,
		     (struct bench_target){ .ratio_max = BENCH_QUEUES ? 9 : 3 });
	bench_report(&b, "apply", &out.apply, &out.touch, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "single p50", &out.single, NULL, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "single p99", &out.single, NULL, BENCH_P99,
		     (struct bench_target){ .value_max = BENCH_QUEUES ? 0 : 330 });
	bench_report(&b, "single p99.9", &out.single, NULL, BENCH_P999,
		     (struct bench_target){ .value_max = BENCH_QUEUES ? 0 : 500 });
	bench_report(&b, "alone p50", &out.alone, NULL, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "alone p99", &out.alone, NULL, BENCH_P99, (struct bench_target){ 0 });
	bench_report(&b, "alone p99.9", &out.alone, NULL, BENCH_P999, (struct bench_target){ 0 });
	bench_report(&b, "cold", &out.cold, &out.cold_touch, BENCH_P50, (struct bench_target){ 0 });
	return bench_close(&b);
}
