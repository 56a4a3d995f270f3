/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "bench.h"
#include "book_floor.h"
#include "day_memory.h"
#include "lab.h"
#include "lane/lane_api.h"
#include "wire/eth_ip.h"
#include "wire/moldudp64.h"

/*
 * feed.sustained: a generated day of 8,000 symbols, 1.7 million orders alive, in packets of up to
 * 1,400 bytes (some 45 messages), through a lane that has rx, arb, parse and book, on one core from
 * a memory port.  Best prices and marks of the eight most active symbols go on to another lane.
 *
 * The first figure is the lane's own time per message while there is always a packet for it:
 * nothing but its turns is timed, the packets of 512 frames at a time.  lossless is the other way
 * round: a generator on another core puts packets into the port's queue of 1,024 by a plan, at
 * rates 2.5 percent apart from above what the first figure allows, and a packet that finds the
 * queue full is lost.  It is the highest rate at which none was, in one of two tries of 2.5 million
 * messages: the queue itself hides 2% of them.
 *
 * later is the first figure again when 40 million messages of the day or more are through: orders
 * have outlived their place in the ring by then, and levels' homes were taken.
 *
 * Floor: framing and touching.  Framing takes the same packets off the same port, walks their
 * length prefixes, counts types and frees the buffers; touching is that of book.l2, with the
 * addresses that this lane's book used.
 *
 * How it could lie.  A small book fits the cache: it is built up first, through the lane, and small
 * is a figure of its own.  Frames are in the third level cache when the lane takes them, where a
 * NIC would put them.  UDP checksums are summed in software, because the port says nothing of them:
 * most NICs do that themselves.  Two virtual cores: the host may take the lane's for longer than
 * the queue lasts (2.3 ms at 20 million a second), which is a loss of its own, hence two tries.  A
 * generator that fell behind its plan ends the search: what it did not offer proves nothing.
 */
enum {
	SYMBOL_CNT = 8000,
	LIVE_CNT = 1700000,
	SMALL_SYMBOL_CNT = 400, // one of twenty shards
	SMALL_LIVE_CNT = 85000,
	LIVE_CNT_QUICK = 20000,
	MESSAGES = 5000000, // timed
	MESSAGES_QUICK = 200000,
	NOTED = 1000000, // the floor's
	NOTED_QUICK = 50000,
	TRY_MESSAGES = 2500000,
	TRY_MESSAGES_QUICK = 200000,
	TRIES = 2,
	RATE_STEPS = 28,
	LATER = 40000000,
	LATER_QUICK = 2000000,
	CHUNK_MESSAGES = 500000,
	BATCH_FRAMES = 512,
	FRAME_STRIDE = 1536,
	BURST = 32,
	TOUCH_SLICE = 1 << 12,
	FEED_IDX = 1,
	LINE = 2, // of the lab: the only line of the second feed
	NAMED_CNT = 8,
};

#define TARGET_RATE 20.0 // million messages a second

static const char FEEDS_MORE[] =
	"  - name: market\n    venue: sim\n    protocol: itch50\n    silence_ms: 600000\n"
	"    lines:\n      - { port: md, group: 239.10.1.3, udp_port: 26402 }\n";
static const char NAMED[NAMED_CNT][9] = { "MSFT    ", "NVDA    ", "AMZN    ", "META    ",
					  "TSLA    ", "AMD     ", "INTC    ", "CSCO    " };

/* Packets as they are on the wire. */
struct frames {
	uint8_t *data; // FRAME_STRIDE each
	uint16_t *len;
	uint16_t *msg_cnt;
	size_t cnt;
	uint64_t msgs;
};

struct rig {
	struct bench *b;
	struct lab *lab;
	struct lane *lane; // rx arb parse book
	struct lane *rest; // what it tells of best prices goes there
	struct day *day;
	struct book_floor floor;
	uint64_t seq;
	uint16_t md_id;
};

/* What the generator's thread is told and tells. */
struct plan {
	struct rig *r;
	const struct frames *f;
	double cycles_per_msg;
	uint64_t lost_cnt;
	double took; // of the time that was planned
	atomic_bool done;
};

static struct frames
make_frames(struct rig *r, const struct day_memory *m)
{
	struct frames f = { .data = bench_memory(m->packet_cnt * FRAME_STRIDE),
			    .len = bench_memory(m->packet_cnt * sizeof(uint16_t)),
			    .msg_cnt = bench_memory(m->packet_cnt * sizeof(uint16_t)),
			    .cnt = m->packet_cnt,
			    .msgs = m->msg_cnt };

	for (size_t i = 0; i < f.cnt; i++) {
		const struct datagram *d = &m->packet[i];
		uint8_t frame[LAB_FRAME_MAX];

		f.len[i] = (uint16_t)lab_mold_frame(frame, "LAB       ", LINE, r->seq, d->data,
						    d->len, d->msg_cnt);
		f.msg_cnt[i] = d->msg_cnt;
		memcpy(f.data + i * FRAME_STRIDE, frame, f.len[i]);
		r->seq += d->msg_cnt;
	}
	return f;
}

static struct frames
next_frames(struct rig *r, uint64_t msgs)
{
	struct day_memory m;
	struct frames f;

	day_memory_fill(&m, r->day, msgs);
	if (m.msg_cnt < msgs)
		bench_die("the day ended too early");
	f = make_frames(r, &m);
	day_memory_empty(&m);
	return f;
}

static void
free_frames(struct frames *f)
{
	bench_memory_back(f->data, f->cnt * FRAME_STRIDE);
	bench_memory_back(f->len, f->cnt * sizeof(*f->len));
	bench_memory_back(f->msg_cnt, f->cnt * sizeof(*f->msg_cnt));
}

/* False: the port's queue is full. */
static bool
put_frame(struct rig *r, const struct frames *f, size_t i)
{
	struct rte_mbuf *m;

	if (rte_ring_full(r->lab->md_in))
		return false;
	m = rte_pktmbuf_alloc(r->lab->pool);
	if (m == NULL)
		bench_die("no buffers");
	memcpy(rte_pktmbuf_append(m, f->len[i]), f->data + i * FRAME_STRIDE, f->len[i]);
	if (rte_ring_enqueue(r->lab->md_in, m) != 0)
		bench_die("a queue that had room is full");
	return true;
}

static bool
lane_is_idle(const struct rig *r)
{
	const struct lane *l = r->lane;

	return rte_ring_empty(r->lab->md_in) && l->rx_next == l->rx_cnt && !l->walking &&
	       !l->next_known;
}

/* The lane's turns until nothing is left; cycles of its own. */
static uint64_t
run_lane(struct rig *r)
{
	uint64_t cycles = 0;

	while (!lane_is_idle(r)) {
		const uint64_t start = bench_start();

		lane_turn_once(r->lane);
		cycles += bench_since(start);
		lane_turn_once(r->rest);
	}
	return cycles;
}

/* A thousandth of a cycle per message is a sample; batches hold different numbers. */
static void
add_batch(struct bench_series *s, uint64_t cycles, uint64_t msg_cnt)
{
	bench_add(s, cycles * 1000 / msg_cnt);
}

/* All frames, as fast as the lane takes them. */
static void
run_frames(struct rig *r, const struct frames *f, struct bench_series *s)
{
	for (size_t i = 0; i < f->cnt;) {
		uint64_t msg_cnt = 0, cycles;

		for (size_t end = i + BATCH_FRAMES; i < end && i < f->cnt; i++) {
			put_frame(r, f, i);
			msg_cnt += f->msg_cnt[i];
		}
		cycles = run_lane(r);
		if (s != NULL)
			add_batch(s, cycles, msg_cnt);
	}
}

/* The same frames off the same port, and nothing but their framing. */
static void
run_framing(struct rig *r, const struct frames *f, struct bench_series *s)
{
	static uint64_t type_cnt[256];
	const size_t head = sizeof(struct eth_head) + sizeof(struct ipv4_head) +
			    sizeof(struct udp_head) + sizeof(struct mold_head);

	for (size_t i = 0; i + BATCH_FRAMES <= f->cnt; i += BATCH_FRAMES) {
		uint64_t msg_cnt = 0, start;
		struct rte_mbuf *m[BURST];
		uint16_t cnt;

		for (size_t k = i; k < i + BATCH_FRAMES; k++) {
			put_frame(r, f, k);
			msg_cnt += f->msg_cnt[k];
		}
		start = bench_start();
		while ((cnt = rte_eth_rx_burst(r->md_id, 0, m, BURST)) != 0) {
			for (uint16_t k = 0; k < cnt; k++) {
				const uint8_t *at = rte_pktmbuf_mtod(m[k], uint8_t *) + head;
				const uint8_t *end = at + m[k]->data_len - head;

				while (at < end) {
					type_cnt[at[2]]++;
					at += sizeof(be16) + be16_get(*(const be16 *)at);
				}
				rte_pktmbuf_free(m[k]);
			}
		}
		add_batch(s, bench_since(start), msg_cnt);
	}
	bench_keep(type_cnt);
}

/* Messages one by one through the lane, and what each touched. */
static void
note(struct rig *r, uint64_t msgs)
{
	static struct parse parse;
	struct day_memory m;

	if (parse_init(&parse, &(struct parse_config){ .shard_cnt = 1 }) != 0)
		bench_die("parse does not start");
	day_memory_fill(&m, r->day, msgs);
	book_floor_init(&r->floor, r->lane->book[FEED_IDX], (uint32_t)(2 * m.msg_cnt));
	book_floor_copy(&r->floor);
	for (size_t at = 0; at < m.len; r->floor.noted_cnt++) {
		struct datagram one = { .data = m.data + at, .seq = r->seq++, .msg_cnt = 1 };
		struct parse_walk w;
		bool known;
		struct md md;

		one.len = (uint16_t)(sizeof(be16) + be16_get(*(const be16 *)one.data));
		parse_start(&w, &one);
		known = parse_next(&parse, &w, &md);
		if (known)
			book_floor_note(&r->floor, &md, true);
		lab_mold(r->lab, LINE, one.seq, one.data, one.len, 1);
		run_lane(r);
		if (known)
			book_floor_note(&r->floor, &md, false);
		at += one.len;
	}
}

/* Twice: the first time brings the tables to where they are in steady state. */
static void
run_touches(struct rig *r, struct bench_series *s)
{
	struct book_floor *f = &r->floor;

	for (unsigned pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i + TOUCH_SLICE <= f->touch_cnt; i += TOUCH_SLICE) {
			const uint64_t cycles = book_floor_time(f, i, i + TOUCH_SLICE);

			if (pass != 0)
				add_batch(s, cycles * f->touch_cnt / TOUCH_SLICE, f->noted_cnt);
		}
}

/* The generator: each packet when its first message is due, whatever the lane does. */
static void *
generate(void *arg)
{
	struct plan *p = arg;
	struct rig *r = p->r;
	uint64_t start, msgs = 0;

	bench_pin(r->b->far_core);
	if (rte_thread_register() != 0)
		bench_die("the generator is no thread of DPDK's");
	start = __rdtsc();
	for (size_t i = 0; i < p->f->cnt; i++) {
		const uint64_t due = start + (uint64_t)((double)msgs * p->cycles_per_msg);

		do
			lane_turn_once(r->rest);
		while (__rdtsc() < due);
		if (!put_frame(r, p->f, i)) {
			p->lost_cnt++; // and still delivered: the books of the next try are whole
			while (!put_frame(r, p->f, i))
				lane_turn_once(r->rest);
		}
		msgs += p->f->msg_cnt[i];
	}
	p->took = (double)(__rdtsc() - start) / ((double)msgs * p->cycles_per_msg);
	rte_thread_unregister();
	atomic_store(&p->done, true);
	for (unsigned i = 0; i < 100000; i++) // while the lane is at its last ones
		lane_turn_once(r->rest);
	return NULL;
}

enum outcome {
	LOSSLESS,
	LOST,
	NOT_OFFERED,
};

static enum outcome
try_rate(struct rig *r, double msgs_per_us)
{
	struct frames f = next_frames(r, r->b->quick ? TRY_MESSAGES_QUICK : TRY_MESSAGES);
	struct plan p = { .r = r, .f = &f };
	pthread_t thread;

	p.cycles_per_msg = 1000 / msgs_per_us / r->b->ns_per_cycle;
	if (pthread_create(&thread, NULL, generate, &p) != 0)
		bench_die("no thread for the generator");
	while (!atomic_load(&p.done))
		lane_turn_once(r->lane);
	pthread_join(thread, NULL);
	run_lane(r);
	free_frames(&f);
	if (p.lost_cnt != 0)
		return LOST;
	return p.took > 1.02 ? NOT_OFFERED : LOSSLESS;
}

/* The highest rate without loss, in million messages a second; 0: none. */
static double
find_lossless(struct rig *r, double served)
{
	double rate = served * 1.025;

	for (unsigned i = 0; i < (r->b->quick ? 2 : RATE_STEPS); i++, rate -= served * 0.025)
		for (unsigned n = 0; n < TRIES; n++) {
			const enum outcome o = try_rate(r, rate);

			printf("    %5.2f million a second: %s\n", rate,
			       o == LOSSLESS ? "no loss"
			       : o == LOST   ? "loss"
					     : "the generator fell behind");
			if (o == LOSSLESS)
				return rate;
		}
	return 0;
}

/* Nothing that should not have happened did. */
static void
check(const struct rig *r)
{
	const struct book *book = r->lane->book[FEED_IDX];
	const struct book_metrics *x = &book->metrics;
	const struct arb_metrics *a = &r->lane->arb[FEED_IDX]->metrics;

	if (a->message_lost != 0 || a->message_delivered != r->seq - 1)
		bench_die("the lane did not take every message once");
	if (x->order_table_full + x->level_table_full + x->ref_unknown_deleted +
		    x->ref_unknown_executed + x->ref_unknown_reduced + x->ref_unknown_replaced +
		    x->ref_repeated + x->book_crossed !=
	    0)
		bench_die("the books broke an invariant on a day without fault");
	if (book_digest(book) != book_digest_of_orders(book))
		bench_die("the books' levels are not the sum of their orders");
}

static void
open_rig(struct rig *r, uint32_t symbol_cnt, uint32_t live_cnt)
{
	struct day_config c;
	char instruments[1024] = "";
	const char *why;

	day_config_init(&c);
	c.seed = r->b->seed;
	c.symbol_cnt = symbol_cnt;
	c.live_cnt = live_cnt;
	c.flow_cnt = (uint64_t)live_cnt * 20 + 300000000;
	c.named_cnt = NAMED_CNT;
	for (unsigned i = 0; i < NAMED_CNT; i++) {
		memcpy(c.named[i].symbol, NAMED[i], sizeof(c.named[i].symbol));
		snprintf(instruments + strlen(instruments),
			 sizeof(instruments) - strlen(instruments),
			 "  - { symbol: %.*s, feed: market, session: oe, trade: false }\n",
			 (int)strcspn(NAMED[i], " "), NAMED[i]);
	}
	r->day = day_open(&c, &why);
	if (r->day == NULL)
		bench_die(why);
	r->lab = lab_open(&(struct lab_setup){
		.lanes = "rx arb parse book|strategy risk orders encode tcp report",
		.feeds_more = FEEDS_MORE,
		.instruments_more = instruments,
		.sample_every = 64,
		.real_clock = true,
	});
	bench_pin(r->b->core); // EAL pinned this thread to its own choice
	r->lane = lab_lane_with(r->lab, BOOK);
	r->rest = lab_lane_with(r->lab, RISK);
	r->seq = 1;
	if (rte_eth_dev_get_port_by_name("net_ring_md", &r->md_id) != 0)
		bench_die("no port for market data");
	while (day_live_cnt(r->day) < live_cnt) {
		struct frames f = next_frames(r, CHUNK_MESSAGES / 5);

		run_frames(r, &f, NULL);
		free_frames(&f);
	}
}

/* The day goes on until so many of its messages are through. */
static void
age(struct rig *r, uint64_t msgs)
{
	while (r->seq < msgs) {
		struct frames f = next_frames(r, CHUNK_MESSAGES);

		run_frames(r, &f, NULL);
		free_frames(&f);
	}
}

static void
run(struct bench *b, const char *name, uint32_t symbol_cnt, uint32_t live_cnt)
{
	struct rig r = { .b = b };
	struct bench_series value, framing, touch, later;
	char suffix[4][64];
	struct frames f;
	double ns, floor, lossless;

	open_rig(&r, symbol_cnt, live_cnt);
	snprintf(suffix[0], sizeof(suffix[0]), "%s%sframing", name, name[0] != '\0' ? " " : "");
	snprintf(suffix[1], sizeof(suffix[1]), "%s%stouching", name, name[0] != '\0' ? " " : "");
	snprintf(suffix[2], sizeof(suffix[2]), "%s%slossless", name, name[0] != '\0' ? " " : "");
	snprintf(suffix[3], sizeof(suffix[3]), "%s%slater", name, name[0] != '\0' ? " " : "");
	note(&r, b->quick ? NOTED_QUICK : NOTED);
	f = next_frames(&r, b->quick ? MESSAGES_QUICK : MESSAGES);
	bench_series_init(&value, f.cnt, 1000);
	bench_series_init(&framing, f.cnt, 1000);
	bench_series_init(&touch, r.floor.touch_cnt, 1000);
	run_touches(&r, &touch);
	run_framing(&r, &f, &framing);
	run_frames(&r, &f, &value);
	check(&r);
	ns = bench_ns(b, &value, BENCH_P50);
	floor = bench_ns(b, &framing, BENCH_P50) + bench_ns(b, &touch, BENCH_P50);
	bench_figure(
		b, name, ns, "ns", floor,
		(struct bench_target){ .value_max = name[0] == '\0' ? 1000 / TARGET_RATE : 0 });
	bench_report(b, suffix[0], &framing, NULL, BENCH_P50, (struct bench_target){ 0 });
	bench_report(b, suffix[1], &touch, NULL, BENCH_P50, (struct bench_target){ 0 });
	lossless = b->core != b->far_core ? find_lossless(&r, 1000 / ns) : 0;
	free_frames(&f);
	age(&r, b->quick ? LATER_QUICK : LATER);
	f = next_frames(&r, b->quick ? MESSAGES_QUICK : MESSAGES);
	bench_series_init(&later, f.cnt, 1000);
	run_frames(&r, &f, &later);
	check(&r);
	bench_report(b, suffix[3], &later, NULL, BENCH_P50, (struct bench_target){ 0 });
	if (lossless != 0)
		bench_figure(
			b, suffix[2], lossless, "M/s", 0,
			(struct bench_target){ .value_min = name[0] == '\0' ? TARGET_RATE : 0 });
	day_close(r.day);
	lab_close(r.lab);
}

int
main(int argc, char **argv)
{
	struct bench b;

	bench_open(&b, "feed.sustained", argc, argv);
	lab_eal();
	run(&b, "", b.quick ? SMALL_SYMBOL_CNT : SYMBOL_CNT, b.quick ? LIVE_CNT_QUICK : LIVE_CNT);
	if (!b.quick)
		run(&b, "small", SMALL_SYMBOL_CNT, SMALL_LIVE_CNT);
	return bench_close(&b);
}
