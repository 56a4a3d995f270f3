/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/wire_int.h"
#include "flow.h"
#include "lab.h"
#include "lane/lane_api.h"

/*
 * limits_race_test [CHANGES]: a limit is changed again and again while lanes, each a thread, judge
 * orders.  What the audit journal has of each new order says by which version it was judged: that
 * version was published, no earlier one follows it, and what it allowed fits the order; a refusal
 * by quantity is one that the version wants.  A table that was read in part, or too early freed,
 * would not: ThreadSanitizer sees the rest (scripts/soak limits-race runs 10,000 changes under it).
 *
 * The test thread plays feed and venue and empties the journal; another one changes the limit.
 */
enum {
	CHANGES = 400,
	CHANGES_MAX = 100000,
	MESSAGES_PER_CHANGE = 24, // guess: some orders for each version
	SLOTS = 1 << 16,
	PER_PACKET = 8,
	EXECUTE_EVERY = 3,
	REST_LOOKS = 3,
	LOOKS_APART = 4096, // turns between two looks at what may hang
	PATIENCE_S = 120, // and a fifth of a second for each change: a sanitizer on a busy machine
	GRACE_S = 20,     // for what hangs where nothing looks at the time
	EVENTS_SHOWN = 8,
};

#define NAMES "AAPL, SYM01, SYM02, SYM03, SYM04, SYM05, SYM06, SYM07"

static const char STRATEGIES[] =
	"  - { name: taker, kind: take, instruments: [" NAMES "], qty: 100, position_max_qty: "
	"2000, imbalance_min_bp: 5500, cooldown_us: 0 }\n"
	"  - { name: maker, kind: quote, instruments: [" NAMES "], qty: 200, position_max_qty: "
	"1000, cooldown_us: 0 }\n";

static const struct {
	const char *what;
	const char *lanes;
} MAPS[] = {
	{ "risk alone", "rx arb | parse book strategy | risk | orders encode tcp report" },
	{ "risk with strategies", "rx arb parse book strategy risk | orders encode tcp report" },
};

/* The limit takes one of these; orders have 100 and 200 shares. */
static const uint32_t QTY[] = { 99, 100, 199, 200, 500 };

static uint32_t changes = CHANGES;
static uint32_t qty_of[CHANGES_MAX + 64]; // by version; 0: never published
static uint32_t changed_cnt;              // atomic
static uint32_t served_cnt;               // atomic: the changes whose messages were judged
static struct lab *lab;
static struct flow flow;
static size_t flow_at;
static uint8_t *ring;
static struct journal journal;
static struct journal_taker taker;
static uint64_t record_cnt, judged_cnt, refused_cnt;
static uint32_t last_version, version_cnt, execute_next;
static time_t give_up_s;

static time_t
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* A lane that ended would be waited for in vain; whoever reads of it wants to know what stood. */
static void
go_on_or_say(const char *doing)
{
	const bool broken = (halt_reasons() & HALT_MUST) != 0;

	if (!broken && now_s() < give_up_s)
		return;
	fprintf(stderr,
		"# %s: %u of %u changes made, %u served, %llu records, flow %zu of %zu, backlog "
		"%zu, "
		"%u executions, journal lost %llu, halted for %#x\n",
		doing, load_acquire_u32(&changed_cnt), changes, served_cnt,
		(unsigned long long)record_cnt, flow_at, flow.len, lab->peer.backlog_len,
		lab->peer.execution_cnt, (unsigned long long)journal.metrics.lost, halt_reasons());
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		struct lane *l = lab->g.lane[i];
		struct event e;

		fprintf(stderr, "# lane %u: turn %llu, %llu messages taken\n", i,
			(unsigned long long)load_relaxed_u64(&l->metrics.turn),
			(unsigned long long)load_relaxed_u64(&l->metrics.message_taken));
		for (unsigned n = 0; n < EVENTS_SHOWN && event_take(&l->events, &e); n++)
			fprintf(stderr, "#   event %u: %llu %llu %llu %llu %llu\n", e.code,
				(unsigned long long)e.arg[0], (unsigned long long)e.arg[1],
				(unsigned long long)e.arg[2], (unsigned long long)e.arg[3],
				(unsigned long long)e.arg[4]);
	}
	fail_msg("%s: %s", doing, broken ? "a lane's must() failed" : "it takes too long");
}

static void *
run_control(void *unused)
{
	struct limits *l = &lab->g.limits;
	char value[16];
	struct err e;

	(void)unused;
	for (uint32_t n = 0; n < changes; n++) {
		const uint32_t qty = QTY[(n * 7 + n / 5) % ARRAY_CNT(QTY)];

		err_init(&e);
		qty_of[l->current->version + 1] = qty; // this thread alone publishes
		snprintf(value, sizeof(value), "%u", qty);
		while (limits_set(l, "order_max_qty", value, NULL, &e) != 0) {
			fprintf(stderr, "# change %u: %s\n", n, e.text); // a lane was too slow
			err_init(&e);
			qty_of[l->current->version + 1] = qty;
			sched_yield();
		}
		store_release_u32(&changed_cnt, n + 1);
		// Two changes come at once and the lanes meet one of them: else a slow machine
		// would make all changes before it judges anything.
		while (n % 2 == 1 && load_acquire_u32(&served_cnt) <= n)
			sched_yield();
	}
	return NULL;
}

static void
give_ring(struct lane *l)
{
	struct journal_ring_head *head;

	ring = aligned_alloc(CACHE_LINE, JOURNAL_RING_HEAD_BYTES + (size_t)SLOTS * CACHE_LINE);
	assert_non_null(ring);
	memset(ring, 0, JOURNAL_RING_HEAD_BYTES + (size_t)SLOTS * CACHE_LINE);
	head = (struct journal_ring_head *)(void *)ring;
	head->head_bytes = JOURNAL_RING_HEAD_BYTES;
	head->slot_cnt = SLOTS;
	journal_init(&journal, head, NULL, false);
	journal_taker_init(&taker, head);
	l->journal = &journal;
}

/* What risk said about a new order, and by which limits. */
static void
look(const struct journal_slot *s)
{
	uint32_t version = s->arg, limit;
	struct order o;

	if (s->kind != JOURNAL_ORDER && s->kind != JOURNAL_VERDICT)
		return;
	memcpy(&o, s, sizeof(o));
	if (s->kind == JOURNAL_ORDER)
		version = o.limits_version;
	if (version == 0 || version >= ARRAY_CNT(qty_of) || qty_of[version] == 0)
		fail_msg("an order was judged by version %u, which was never published", version);
	if (version < last_version)
		fail_msg("version %u after %u", version, last_version);
	record_cnt++;
	version_cnt += version != last_version;
	last_version = version;
	limit = qty_of[version];
	if (s->kind == JOURNAL_ORDER) {
		if (o.kind != INTENT_NEW)
			return;
		judged_cnt++;
		if (o.qty > limit)
			fail_msg("version %u allows %u shares, an order of %u passed", version,
				 limit, o.qty);
	} else {
		struct verdict v;

		memcpy(&v, s, sizeof(v));
		if (v.kind != INTENT_NEW || v.verdict != RISK_REJECT_QTY)
			return;
		refused_cnt++;
		if (v.qty <= limit)
			fail_msg("version %u allows %u shares, an order of %u was refused for it",
				 version, limit, v.qty);
	}
}

static unsigned
empty_journal(void)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	struct journal_slot s;
	unsigned cnt = 0;
	uint32_t len;

	while (journal_take(&taker, record, &len) == JOURNAL_FOUND_RECORD) {
		memcpy(&s, record, sizeof(s));
		look(&s);
		cnt++;
	}
	journal_taken(&taker);
	return cnt;
}

/* The feed keeps step with the changes, so that each version judges something. */
static unsigned
feed(void)
{
	const size_t from = flow_at;
	const uint64_t due = (uint64_t)(load_acquire_u32(&changed_cnt) + 1) * flow.len / changes;
	uint16_t cnt = 0;

	if (flow_at >= due || flow_at == flow.len || !lab_md_has_room(lab))
		return 0;
	for (; flow_at < flow.len && cnt < PER_PACKET; cnt++)
		flow_at += 2 + be16_get(*(const be16 *)(flow.data + flow_at));
	lab_market_data(lab, 0, flow.data + from, flow_at - from, cnt);
	return 1;
}

static unsigned
execute_some(void)
{
	struct peer *p = &lab->peer;

	if (p->out_cnt > PEER_OUT_MAX / 2)
		return 0;
	for (uint32_t n = 0; n < 64; n++) {
		execute_next = execute_next >= p->token_max ? 0 : execute_next + 1;
		if (peer_execute(p, execute_next, 100))
			return 1;
	}
	return 0;
}

static uint64_t
taken_by_lanes(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		sum += load_relaxed_u64(&lab->g.lane[i]->metrics.message_taken);
	return sum;
}

/* A change is served by a judgement since it was made, or by all its messages without one. */
static void
serve(bool still)
{
	static uint64_t seen_cnt;
	const uint32_t change_cnt = load_acquire_u32(&changed_cnt);

	if (change_cnt == load_acquire_u32(&served_cnt))
		seen_cnt = record_cnt;
	else if (record_cnt != seen_cnt || still)
		store_release_u32(&served_cnt, change_cnt);
}

/* Until all changes are made, served and read, and the lanes have looked about since. */
static void
play(void)
{
	uint64_t turn[LANE_MAX] = { 0 }, taken = 0, now_taken;
	uint32_t looks[LANE_MAX] = { 0 };
	bool still, rest = false;

	for (unsigned n = 0; !rest; n++) {
		unsigned moved = lab_carry(lab) + feed() + empty_journal();

		if (n % EXECUTE_EVERY == 0 && flow_at != flow.len)
			moved += execute_some();
		if (n % LOOKS_APART == 0) {
			go_on_or_say("playing");
			if (lab->peer.backlog_len != 0)
				peer_resend(&lab->peer);
		}
		now_taken = taken_by_lanes();
		still = moved == 0 && now_taken == taken;
		if (!still) {
			memset(looks, 0, sizeof(looks));
		} else {
			for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
				const uint64_t now =
					load_relaxed_u64(&lab->g.lane[i]->metrics.turn);

				looks[i] += now != turn[i];
				turn[i] = now;
				still &= looks[i] > REST_LOOKS;
			}
			sched_yield();
		}
		taken = now_taken;
		serve(still);
		// not before the last one is served: the other thread waits for that
		rest = still && flow_at == flow.len && lab->peer.backlog_len == 0 &&
		       served_cnt == changes;
	}
}

static void
stop(struct lane *l)
{
	struct command *c = &l->command;

	c->kind = COMMAND_STOP;
	memset(c->arg, 0, sizeof(c->arg));
	c->reply = lab->g.reply[l->idx];
	c->reply_max = COMMAND_REPLY_MAX;
	command_ask(c);
	for (unsigned n = 0; !command_idle(c); n++) {
		if (n % LOOKS_APART == 0)
			go_on_or_say("stopping a lane");
		lab_carry(lab);
		empty_journal();
		sched_yield();
	}
}

static void
race(const char *lanes, const char *what)
{
	const struct lab_setup setup = {
		.lanes = lanes,
		.real_clock = true,
		.instr_cnt = 8,
		.strategies = STRATEGIES,
		.risk_more = "  order_rate_window_ms: 20\n",
	};
	pthread_t thread[LANE_MAX], control;

	memset(qty_of, 0, sizeof(qty_of));
	changed_cnt = served_cnt = last_version = version_cnt = execute_next = 0;
	judged_cnt = refused_cnt = flow_at = 0;
	lab = lab_open(&setup);
	lab_session_up(lab);
	lab->peer.executes_every = 3;
	qty_of[lab->g.limits.current->version] = lab->g.limits.set.risk.order_max_qty;
	give_ring(lab_lane_with(lab, RISK));
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, lab_run_lane, lab->g.lane[i]), 0);
	assert_int_equal(pthread_create(&control, NULL, run_control, NULL), 0);
	play();
	pthread_join(control, NULL);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++)
		stop(lab->g.lane[i]);
	for (uint32_t i = 0; i < lab->g.lane_cnt; i++) {
		void *rc;

		pthread_join(thread[i], &rc);
		assert_null(rc);
	}
	empty_journal();
	print_message("%s: %u changes, %llu orders judged and %llu refused by %u versions\n", what,
		      changes, (unsigned long long)judged_cnt, (unsigned long long)refused_cnt,
		      version_cnt);
	assert_int_equal(journal.metrics.lost, 0);
	assert_true(version_cnt > changes / 20); // the two ran at the same time
	assert_true(judged_cnt > 0 && refused_cnt > 0);
	assert_int_equal(lab->g.limits.retired_cnt, 0);
	assert_int_equal(halt_reasons() & HALT_MUST, 0);
	lab_close(lab);
	free(ring);
}

static void
each_order_is_judged_by_one_published_version(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_CNT(MAPS); i++) {
		give_up_s = now_s() + PATIENCE_S + changes / 5;
		alarm(PATIENCE_S + changes / 5 + GRACE_S);
		race(MAPS[i].lanes, MAPS[i].what);
		alarm(0);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_order_is_judged_by_one_published_version),
	};
	int status;

	if (argc > 1)
		changes = (uint32_t)strtoul(argv[1], NULL, 10);
	if (changes == 0 || changes > CHANGES_MAX) {
		fprintf(stderr, "usage: %s [CHANGES], at most %d\n", argv[0], CHANGES_MAX);
		return 2;
	}
	flow_make_many(&flow, changes * MESSAGES_PER_CHANGE, 23, 8);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	flow_free(&flow);
	return status;
}
