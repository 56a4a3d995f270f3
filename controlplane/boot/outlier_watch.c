/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/outlier_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "err/err.h"
#include "observe/latency.h"
#include "observe/outlier_words.h"

enum {
	WORST_MAX = 64,     // outliers kept
	PENDING_MAX = 64,   // that wait for the next reading of /proc; the slowest of more
	STAGES_MAX = 512,   // sampled triggers remembered per lane
	STALLS_MAX = 64,    // stalls remembered per lane
	READINGS_MAX = 32,  // of /proc, per lane: three seconds of bad times
	THREADS_SHARE = 20, // one part in so many of the control thread's time
	THREADS_MAX = 3,    // readings of all threads: now, and one surely older than an order
	SUMMARY_ROWS = 3,
};

#define READ_BUSY_NS    100000000ULL // between two readings while there are new outliers
#define READ_QUIET_NS   1000000000ULL
#define READ_THREADS_NS 10000000000ULL // of all threads, while there is nothing to explain
#define COLD_NS         1000000ULL     // guess: a lane that did nothing else for so long is cold

/* What a lane has told and what the kernel has said about it; positions only grow. */
struct watched_lane {
	struct slow_stages stages[STAGES_MAX];
	struct slow_stall stall[STALLS_MAX];
	struct core_counts reading[READINGS_MAX];
	uint64_t stages_cnt;
	uint64_t stall_cnt;
	uint64_t reading_cnt;
};

struct pending {
	struct slow_order order;
	uint32_t lane_idx;
};

struct outlier_watch {
	struct watched_lane lane[LANE_MAX];
	struct pending pending[PENDING_MAX];
	uint32_t pending_cnt;
	struct state_outlier worst[WORST_MAX]; // the slowest first
	uint32_t worst_cnt;
	uint64_t read_tsc;
	struct core_threads threads[THREADS_MAX];
	uint64_t threads_cnt;    // readings so far
	uint64_t threads_tsc;    // when the last one was ready; 0: none yet
	uint64_t threads_cycles; // it took
};

/* Written by each lane once; 0: it does not run yet. */
static uint32_t lane_tid[LANE_MAX];

void
outlier_watch_lane_runs(uint32_t lane_idx)
{
	store_relaxed_u32(&lane_tid[lane_idx], (uint32_t)gettid());
}

int
outlier_watch_open(struct gateway *g, struct err *e)
{
	g->outliers = calloc(1, sizeof(*g->outliers));
	return g->outliers != NULL ? 0 : err_set(e, -ENOMEM, "no memory for outliers");
}

void
outlier_watch_close(struct gateway *g)
{
	for (uint32_t i = 0; g->outliers != NULL && i < THREADS_MAX; i++)
		core_threads_free(&g->outliers->threads[i]);
	free(g->outliers);
	g->outliers = NULL;
}

static uint64_t
ns_of(const struct gateway *g, uint64_t cycles)
{
	return clock_cycles_to_ns(&g->clock, cycles);
}

static uint64_t
order_ns(const struct gateway *g, const struct slow_order *o)
{
	return ns_of(g, o->tx_tsc - o->rx_tsc) + o->stall_us * 1000ULL;
}

/* One more order to be explained; when there are too many, the fastest is left out. */
static void
add_pending(struct gateway *g, uint32_t lane_idx, const struct slow_order *o)
{
	struct outlier_watch *w = g->outliers;
	uint32_t at = w->pending_cnt;

	if (at == PENDING_MAX) {
		at = 0;
		for (uint32_t i = 1; i < PENDING_MAX; i++)
			if (order_ns(g, &w->pending[i].order) < order_ns(g, &w->pending[at].order))
				at = i;
		if (order_ns(g, o) <= order_ns(g, &w->pending[at].order))
			return;
	} else {
		w->pending_cnt++;
	}
	w->pending[at] = (struct pending){ .order = *o, .lane_idx = lane_idx };
}

static void
take_notes(struct gateway *g, uint32_t lane_idx)
{
	struct watched_lane *t = &g->outliers->lane[lane_idx];
	union slow_note s;

	while (ring_take(&g->lane[lane_idx]->slow.ring, &s))
		switch ((enum slow_kind)s.order.kind) {
		case SLOW_ORDER:
			add_pending(g, lane_idx, &s.order);
			break;
		case SLOW_STAGES:
			t->stages[t->stages_cnt++ % STAGES_MAX] = s.stages;
			break;
		case SLOW_STALL:
			t->stall[t->stall_cnt++ % STALLS_MAX] = s.stall;
			break;
		}
}

/* Whether a lane waited for its core between its last two readings. */
static bool
was_taken(const struct watched_lane *t)
{
	const uint64_t last = t->reading_cnt - 1;

	return t->reading_cnt >= 2 && t->reading[last % READINGS_MAX].wait_ns !=
					      t->reading[(last - 1) % READINGS_MAX].wait_ns;
}

/*
 * All threads are read to explain an order while somebody took a core, and else so often that the
 * last time is near; on a machine with many threads less often than that.
 */
static void
read_threads(struct gateway *g, bool taken)
{
	struct outlier_watch *w = g->outliers;
	const uint64_t now = clock_tsc(), since = now - w->threads_tsc;

	if ((!(taken && w->pending_cnt != 0) && ns_of(g, since) < READ_THREADS_NS) ||
	    since < w->threads_cycles * THREADS_SHARE)
		return;
	if (core_threads_read("/proc", &w->threads[w->threads_cnt % THREADS_MAX]) == 0)
		w->threads_cnt++;
	w->threads_tsc = clock_tsc();
	w->threads_cycles = w->threads_tsc - now;
}

static void
read_cores(struct gateway *g)
{
	bool taken = false;

	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		struct watched_lane *t = &g->outliers->lane[i];
		const uint32_t tid = load_relaxed_u32(&lane_tid[i]);

		if (tid != 0 && core_counts_read("/proc", (int)tid, g->lane[i]->core,
						 &t->reading[t->reading_cnt % READINGS_MAX]) == 0) {
			t->reading_cnt++;
			taken |= was_taken(t);
		}
	}
	g->outliers->read_tsc = clock_tsc();
	read_threads(g, taken);
}

/* The stages of the trigger, from every lane it came through. */
static void
add_stages(struct gateway *g, uint64_t rx_tsc, struct state_outlier *out)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		const struct watched_lane *t = &g->outliers->lane[i];
		const uint64_t cnt = t->stages_cnt < STAGES_MAX ? t->stages_cnt : STAGES_MAX;
		const struct slow_stages *newest = NULL;

		for (uint64_t k = t->stages_cnt - cnt; k < t->stages_cnt; k++)
			if (t->stages[k % STAGES_MAX].rx_tsc == rx_tsc)
				newest = &t->stages[k % STAGES_MAX];
		for (uint32_t k = 0; newest != NULL && k < LATENCY_STAGE_CNT; k++)
			if (newest->stage_cycles[k] != 0)
				out->stage_ns[k] = ns_of(g, newest->stage_cycles[k]);
		out->staged |= newest != NULL;
	}
}

/* How much of a lane's stall lies within the time. */
static uint64_t
overlap(const struct slow_stall *s, uint64_t from_tsc, uint64_t to_tsc)
{
	const uint64_t from = s->from_tsc > from_tsc ? s->from_tsc : from_tsc;
	const uint64_t to = s->to_tsc < to_tsc ? s->to_tsc : to_tsc;

	return to > from ? to - from : 0;
}

/* The longest stall of any lane while the order was underway, or waited to be. */
static uint32_t
add_stall(struct gateway *g, const struct pending *p, struct state_outlier *out)
{
	const struct slow_order *o = &p->order;
	const uint64_t waited_cycles = clock_ns_to_cycles(&g->clock, o->stall_us * 1000ULL);
	uint32_t lane_idx = p->lane_idx;
	uint64_t most = 0;

	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		const struct watched_lane *t = &g->outliers->lane[i];
		const uint64_t cnt = t->stall_cnt < STALLS_MAX ? t->stall_cnt : STALLS_MAX;

		for (uint64_t k = t->stall_cnt - cnt; k < t->stall_cnt; k++) {
			const struct slow_stall *s = &t->stall[k % STALLS_MAX];
			const uint64_t cycles = overlap(s, o->rx_tsc - waited_cycles, o->tx_tsc);

			if (cycles <= most)
				continue;
			most = cycles;
			lane_idx = i;
			out->stall_taken_cnt = s->taken_cnt;
			out->in_housekeeping = (s->flags & SLOW_HOUSEKEEPING) != 0;
		}
	}
	out->stall_ns = ns_of(g, most);
	snprintf(out->stall_lane, sizeof(out->stall_lane), "%s", g->lane[lane_idx]->name);
	out->stall_core = (int32_t)g->lane[lane_idx]->core;
	return lane_idx;
}

/* Who ran on the core between a reading of all threads before the time and one behind it. */
static void
add_rivals(struct gateway *g, uint64_t from_tsc, uint64_t to_tsc, uint32_t lane_idx,
	   struct state_outlier *out)
{
	const struct outlier_watch *w = g->outliers;
	const struct core_threads *from, *to;
	uint64_t at = w->threads_cnt;

	if (at < 2)
		return;
	to = &w->threads[--at % THREADS_MAX];
	do
		from = &w->threads[--at % THREADS_MAX];
	while (from->tsc >= from_tsc && at > 0 && at + THREADS_MAX > w->threads_cnt);
	if (from->tsc >= from_tsc || to->tsc <= to_tsc)
		return;
	core_rivals(from, to, g->lane[lane_idx]->core, (int)lane_tid[lane_idx], out->rivals);
	out->rivals_ns = ns_of(g, to->tsc - from->tsc);
}

/* What the kernel counted between the last reading before the order and the first after it. */
static void
add_core(struct gateway *g, const struct pending *p, uint32_t lane_idx, struct state_outlier *out)
{
	const struct watched_lane *t = &g->outliers->lane[lane_idx];
	const uint64_t cnt = t->reading_cnt < READINGS_MAX ? t->reading_cnt : READINGS_MAX;
	const uint64_t waited_cycles = clock_ns_to_cycles(&g->clock, p->order.stall_us * 1000ULL);
	const struct core_counts *before = NULL, *after = NULL;

	for (uint64_t k = t->reading_cnt - cnt; k < t->reading_cnt; k++) {
		const struct core_counts *c = &t->reading[k % READINGS_MAX];

		if (c->tsc < p->order.rx_tsc - waited_cycles)
			before = c;
		else if (after == NULL && c->tsc > p->order.tx_tsc)
			after = c;
	}
	if (before == NULL || after == NULL)
		return;
	core_counts_between(before, after, &out->core);
	out->window_ns = ns_of(g, after->tsc - before->tsc);
	if (out->core.wait_ns != 0)
		add_rivals(g, p->order.rx_tsc - waited_cycles, p->order.tx_tsc, lane_idx, out);
}

static uint64_t
usual_ns(const struct gateway *g, uint32_t lane_idx)
{
	const struct hist *h = g->lane[lane_idx]->latency[LATENCY_TICK_TO_TRADE];

	return h == NULL ? 0 : ns_of(g, hist_percentile(h, 500000));
}

/* Whether each burst that is sent by the driver is a system call. */
static bool
asks_kernel(const char *driver)
{
	return strcmp(driver, "net_af_packet") == 0 || strcmp(driver, "net_af_xdp") == 0 ||
	       strcmp(driver, "net_pcap") == 0;
}

static void
tell(struct gateway *g, const struct pending *p, struct state_outlier *out)
{
	const struct slow_order *o = &p->order;
	const struct config *c = g->config;

	memset(out, 0, sizeof(*out));
	out->when_ns = clock_ns_at(&g->clock, o->tx_tsc);
	out->took_ns = ns_of(g, o->tx_tsc - o->rx_tsc);
	out->waited_ns = o->stall_us * 1000ULL;
	out->limit_ns = ns_of(g, o->limit_cycles);
	out->usual_ns = usual_ns(g, p->lane_idx);
	if (o->strategy_idx < c->strategies_cnt)
		snprintf(out->strategy, sizeof(out->strategy), "%s",
			 c->strategies[o->strategy_idx].name);
	if (o->session_idx < c->sessions_cnt) {
		const struct config_session *s = &c->sessions[o->session_idx];

		snprintf(out->session, sizeof(out->session), "%s", s->name);
		if (asks_kernel(g->port[s->port_idx].driver))
			snprintf(out->kernel_port, sizeof(out->kernel_port), "%s",
				 c->ports[s->port_idx].name);
	}
	snprintf(out->lane, sizeof(out->lane), "%s", g->lane[p->lane_idx]->name);
	out->token = o->token;
	out->feed_seq = o->feed_seq;
	out->burst_cnt = o->burst_cnt;
	out->burst_pos = o->burst_pos;
	out->sent_cnt = o->sent_cnt;
	out->ring_depth = o->ring_depth;
	if (o->ring_depth != 0)
		snprintf(out->ring, sizeof(out->ring), "%s", hop_word((enum hop)o->ring_hop));
	out->idle_ns = ns_of(g, o->idle_cycles);
	out->cold = (o->idle_cycles == 0 || out->idle_ns > COLD_NS) && !(o->flags & SLOW_REHEARSED);
	add_stages(g, o->rx_tsc, out);
	add_core(g, p, add_stall(g, p, out), out);
	outlier_explain(out);
}

static void
keep(struct outlier_watch *w, const struct state_outlier *o)
{
	const uint64_t ns = o->took_ns + o->waited_ns;
	uint32_t at = w->worst_cnt;

	while (at > 0 && w->worst[at - 1].took_ns + w->worst[at - 1].waited_ns < ns)
		at--;
	if (at == WORST_MAX)
		return;
	if (w->worst_cnt < WORST_MAX)
		w->worst_cnt++;
	memmove(&w->worst[at + 1], &w->worst[at], (w->worst_cnt - 1 - at) * sizeof(w->worst[0]));
	w->worst[at] = *o;
}

void
outlier_watch_look(struct gateway *g)
{
	struct outlier_watch *w = g->outliers;
	const uint64_t since_ns = w == NULL ? 0 : ns_of(g, clock_tsc() - w->read_tsc);

	if (w == NULL)
		return;
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		take_notes(g, i);
	if (since_ns < (w->pending_cnt != 0 ? READ_BUSY_NS : READ_QUIET_NS))
		return;
	read_cores(g);
	for (uint32_t i = 0; i < w->pending_cnt; i++) {
		struct state_outlier o;

		tell(g, &w->pending[i], &o);
		keep(w, &o);
	}
	w->pending_cnt = 0;
}

int
outlier_source_rows(void *ctx, struct state_outlier *row, size_t row_max)
{
	const struct outlier_watch *w = ((struct gateway *)ctx)->outliers;

	if (w == NULL)
		return 0;
	for (uint32_t i = 0; i < w->worst_cnt && i < row_max; i++)
		row[i] = w->worst[i];
	return (int)w->worst_cnt;
}

void
outlier_source_reset(void *ctx)
{
	struct outlier_watch *w = ((struct gateway *)ctx)->outliers;

	if (w == NULL)
		return;
	w->worst_cnt = 0;
	w->pending_cnt = 0;
}

void
outlier_watch_summary(struct gateway *g)
{
	const struct outlier_watch *w = g->outliers;

	for (uint32_t i = 0; w != NULL && i < w->worst_cnt && i < SUMMARY_ROWS; i++)
		fprintf(stderr, "sluice: slow order %u, %s: %s\n", w->worst[i].token,
			w->worst[i].cause, w->worst[i].words);
}
