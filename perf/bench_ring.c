/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <ck_ring.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "base/ring.h"
#include "bench.h"

/*
 * ring.hop: one way of a 64-byte message from one core to another, written and read whole, by the
 * project's ring and by two others that a user would pick.  Two threads pass a message to and fro;
 * one way is half of it.
 *
 * Floor: a bare cache line passed to and fro, eight bytes of it written.
 *
 * How it could lie.  Two cores of a virtual machine are near or far from each other (they share a
 * cache, or not), and where they are changes within seconds: so all ways are measured in turns of a
 * fraction of a millisecond, and rounds are told apart by the bare line's own time, which stands at
 * both ends of a round: a round whose two lines differ by more than a fifth was moved or disturbed
 * and counts for nothing (unsettled/rounds).  By one line alone a near round that the host held up
 * for a moment passed for a far one, and the ring for a quarter of it.  Where both regimes occurred
 * both are shown; ring.hop is the near one if that occurred, and near/rounds or far/rounds says
 * which.  On a mesh of cores a line takes longer the further its home is from both, and a single
 * one may be lucky (124 to 161 ns by address): each round has another bare line.  All takers wait
 * as a lane does after an empty turn, by spin_settle(): the bare line and the rivals are faster by
 * it, too.  A ping-pong has one message under way, so it says nothing of a stream:
 * ring.hop/stream is one thread putting and the other taking as fast as they can, between two bare
 * lines as well.  With fewer than two cores there is nothing to measure.
 */
enum {
	TRIPS = 256, // to and fro per turn
	ROUNDS = 6000,
	ROUNDS_QUICK = 200,
	STREAM = 1 << 16, // messages per turn
	STREAM_TURNS = 300,
	STREAM_TURNS_QUICK = 10,
	SLOTS = 1024,
	LINES = 64,
	NEAR_NS_MAX = 100, // cores of one cache take 45 to 55, others 125 to 290
	REGIME_SHARE = 50, // one round in so many, else it was no regime
	SETTLED_PERCENT = 20,
};

struct hop {
	uint32_t ring_seq; // as in every message: the ring's own
	uint32_t nr;
	uint64_t body[7];
};
static_assert(sizeof(struct hop) == CACHE_LINE, "one message, one cache line");

CK_RING_PROTOTYPE(hop, hop)

enum way {
	WAY_LINE,
	WAY_RING,
	WAY_CK,
	WAY_RTE,
	WAY_LINE_AGAIN,
	WAY_CNT,
	WAY_STREAM, // the project's ring, one direction
	WAY_END,
};

/* One direction of each. */
struct link {
	cache_aligned uint64_t line[LINES][CACHE_LINE / sizeof(uint64_t)];
	cache_aligned struct ring ring;
	cache_aligned struct ck_ring ck;
	struct hop *ck_slot;
	struct rte_ring *rte;
};

static struct link link_to, link_fro;
/* What the far side does next: turn number << 8 | way. */
static cache_aligned uint64_t order;
static cache_aligned uint64_t done;
static unsigned line_idx; // of this round; changed between turns

static void
link_open(struct link *l)
{
	const ssize_t bytes = rte_ring_get_memsize_elem(sizeof(struct hop), SLOTS);

	ring_init(&l->ring, bench_memory(SLOTS * CACHE_LINE), SLOTS);
	ck_ring_init(&l->ck, SLOTS);
	l->ck_slot = bench_memory(SLOTS * sizeof(struct hop));
	l->rte = bench_memory((size_t)bytes);
	if (bytes < 0 || rte_ring_init(l->rte, "hop", SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
		bench_die("DPDK's ring does not start");
}

HOT_INLINE void
put(struct link *l, enum way way, const struct hop *m)
{
	switch (way) {
	case WAY_LINE:
		store_release_u64(l->line[line_idx], m->nr);
		return;
	case WAY_RING:
		while (!ring_room(&l->ring, 1))
			;
		ring_put(&l->ring, m);
		return;
	case WAY_CK:
		while (!CK_RING_ENQUEUE_SPSC(hop, &l->ck, l->ck_slot, (struct hop *)m))
			;
		return;
	default:
		while (rte_ring_sp_enqueue_elem(l->rte, (void *)m, sizeof(*m)) != 0)
			;
	}
}

HOT_INLINE void
take(struct link *l, enum way way, struct hop *m, uint32_t nr)
{
	switch (way) {
	case WAY_LINE:
		while (load_acquire_u64(l->line[line_idx]) != nr)
			spin_settle();
		return;
	case WAY_RING:
		while (!ring_take(&l->ring, m))
			spin_settle();
		break;
	case WAY_CK:
		while (!CK_RING_DEQUEUE_SPSC(hop, &l->ck, l->ck_slot, m))
			spin_settle();
		break;
	default:
		while (rte_ring_sc_dequeue_elem(l->rte, m, sizeof(*m)) != 0)
			spin_settle();
	}
	bench_keep(m);
	if (unlikely(m->nr != nr))
		bench_die("a ring gave another message than was put");
}

/* Answers every message with one of its own. */
HOT_INLINE void
echo(enum way way)
{
	struct hop m = { 0 };

	for (uint32_t i = 1; i <= TRIPS; i++) {
		take(&link_to, way, &m, i);
		m.nr = i;
		bench_keep(&m);
		put(&link_fro, way, &m);
	}
}

HOT_INLINE uint64_t
trips(enum way way)
{
	struct hop m = { 0 };
	uint64_t start;

	start = bench_start();
	for (uint32_t i = 1; i <= TRIPS; i++) {
		m.nr = i;
		bench_keep(&m);
		put(&link_to, way, &m);
		take(&link_fro, way, &m, i);
	}
	return bench_since(start);
}

static void
stream_take(void)
{
	struct hop m;

	for (uint32_t i = 1; i <= STREAM; i++)
		take(&link_to, WAY_RING, &m, i);
}

static void *
far_side(void *arg)
{
	uint64_t seen = 0;

	bench_pin(*(const unsigned *)arg);
	for (;;) {
		const uint64_t now = load_acquire_u64(&order);

		if (now == seen)
			continue;
		seen = now;
		switch ((enum way)(now & 0xff)) {
		case WAY_LINE:
		case WAY_LINE_AGAIN:
			echo(WAY_LINE);
			break;
		case WAY_RING:
			echo(WAY_RING);
			break;
		case WAY_CK:
			echo(WAY_CK);
			break;
		case WAY_RTE:
			echo(WAY_RTE);
			break;
		case WAY_STREAM:
			stream_take();
			break;
		default:
			return NULL;
		}
		store_release_u64(&done, now);
	}
}

/* The far side begins; the line of the order is then in its cache only. */
static uint64_t
begin(enum way way)
{
	static uint64_t turn;

	link_to.line[line_idx][0] = link_fro.line[line_idx][0] = 0;
	store_release_u64(&order, ++turn << 8 | way);
	return turn << 8 | way;
}

static uint64_t
turn_of(enum way way)
{
	const uint64_t nr = begin(way);
	uint64_t cycles = 0;

	switch (way) {
	case WAY_LINE:
	case WAY_LINE_AGAIN:
		cycles = trips(WAY_LINE);
		break;
	case WAY_RING:
		cycles = trips(WAY_RING);
		break;
	case WAY_CK:
		cycles = trips(WAY_CK);
		break;
	default:
		cycles = trips(WAY_RTE);
		break;
	}
	while (load_acquire_u64(&done) != nr)
		;
	return cycles;
}

static uint64_t
turn_of_stream(void)
{
	const uint64_t nr = begin(WAY_STREAM);
	const uint64_t start = bench_start();
	struct hop m = { 0 };

	for (uint32_t i = 1; i <= STREAM; i++) {
		m.nr = i;
		bench_keep(&m);
		put(&link_to, WAY_RING, &m);
	}
	while (load_acquire_u64(&done) != nr)
		;
	return bench_since(start);
}

enum regime {
	REGIME_NEAR,
	REGIME_FAR,
	REGIME_UNSETTLED,
};

/* By the bare line's turns before and after. */
static enum regime
regime_of(const struct bench *b, uint64_t line, uint64_t again)
{
	const uint64_t low = line < again ? line : again, high = line < again ? again : line;

	if (high * 100 > low * (100 + SETTLED_PERCENT))
		return REGIME_UNSETTLED;
	return (double)low * b->ns_per_cycle / (2 * TRIPS) > NEAR_NS_MAX ? REGIME_FAR : REGIME_NEAR;
}

static enum regime
regime_of_round(const struct bench *b, const struct bench_series round[WAY_CNT], size_t i)
{
	return regime_of(b, round[WAY_LINE].cycles[i], round[WAY_LINE_AGAIN].cycles[i]);
}

/* False when there were too few rounds of that regime. */
static bool
report_regime(struct bench *b, const struct bench_series round[WAY_CNT], enum regime regime,
	      bool first)
{
	static const char *const SUFFIX[2][WAY_CNT] = {
		{ "line", "", "ck_ring", "rte_ring" },
		{ "far/line", "far", "far/ck_ring", "far/rte_ring" },
	};
	struct bench_series kept[WAY_CNT];
	const size_t cnt = round[WAY_LINE].cnt;

	for (unsigned w = 0; w < WAY_CNT; w++)
		bench_series_init(&kept[w], cnt, 2 * TRIPS);
	for (size_t i = 0; i < cnt; i++)
		for (unsigned w = 0; w < WAY_CNT && regime_of_round(b, round, i) == regime; w++)
			bench_add(&kept[w], round[w].cycles[i]);
	if (kept[WAY_LINE].cnt < cnt / REGIME_SHARE)
		return false;
	bench_figure(b, regime == REGIME_FAR ? "far/rounds" : "near/rounds",
		     (double)kept[WAY_LINE].cnt, "rounds", 0, (struct bench_target){ 0 });
	for (unsigned w = WAY_RING; w <= WAY_RTE; w++)
		bench_report(
			b, SUFFIX[regime == REGIME_FAR && !first][w], &kept[w], &kept[WAY_LINE],
			BENCH_P50,
			(struct bench_target){ .ratio_max = w == WAY_RING && first ? 1.1 : 0 });
	return true;
}

/* One direction as fast as it goes; its floor is one way of a bare line, of which many move at
 * once. */
static void
run_stream(struct bench *b)
{
	static const char *const SUFFIX[] = { "stream", "far/stream" };
	const unsigned turns = b->quick ? STREAM_TURNS_QUICK : STREAM_TURNS;
	struct bench_series stream[2], line[2];

	for (unsigned i = 0; i < ARRAY_CNT(stream); i++) {
		bench_series_init(&stream[i], turns, STREAM);
		bench_series_init(&line[i], turns, 2 * TRIPS);
	}
	for (unsigned i = 0; i < turns; i++) {
		uint64_t before, cycles;
		enum regime regime;

		line_idx = i % LINES;
		before = turn_of(WAY_LINE);
		cycles = turn_of_stream();
		regime = regime_of(b, before, turn_of(WAY_LINE_AGAIN));
		if (regime == REGIME_UNSETTLED)
			continue;
		bench_add(&stream[regime], cycles);
		bench_add(&line[regime], before);
	}
	for (unsigned i = 0; i < ARRAY_CNT(stream); i++)
		if (stream[i].cnt != 0 && stream[i].cnt >= turns / REGIME_SHARE)
			bench_report(
				b, SUFFIX[i], &stream[i], &line[i], BENCH_P50,
				(struct bench_target){ .value_max = i == REGIME_NEAR ? 8.33 : 0 });
}

int
main(int argc, char **argv)
{
	struct bench_series round[WAY_CNT];
	unsigned rounds, unsettled = 0;
	bool near_seen;
	pthread_t thread;
	struct bench b;

	bench_open(&b, "ring.hop", argc, argv);
	if (b.core == b.far_core)
		bench_die("ring.hop needs two cores");
	rounds = b.quick ? ROUNDS_QUICK : ROUNDS;
	link_open(&link_to);
	link_open(&link_fro);
	for (unsigned w = 0; w < WAY_CNT; w++)
		bench_series_init(&round[w], rounds, 2 * TRIPS);
	if (pthread_create(&thread, NULL, far_side, &b.far_core) != 0)
		bench_die("no second thread");
	for (unsigned i = 0; i < rounds; i++) {
		line_idx = i % LINES;
		for (unsigned w = 0; w < WAY_CNT; w++)
			bench_add(&round[w], turn_of((enum way)w));
	}
	for (unsigned i = 0; i < rounds; i++)
		unsettled += regime_of_round(&b, round, i) == REGIME_UNSETTLED;
	bench_figure(&b, "unsettled/rounds", unsettled, "rounds", 0, (struct bench_target){ 0 });
	near_seen = report_regime(&b, round, REGIME_NEAR, true);
	if (!report_regime(&b, round, REGIME_FAR, !near_seen) && !near_seen)
		bench_die("too few rounds in either regime");
	run_stream(&b);
	begin(WAY_END);
	pthread_join(thread, NULL);
	return bench_close(&b);
}
