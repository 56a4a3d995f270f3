/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/feed_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/latency.h"

enum {
	ROW_MAX = FEED_MAX * (1 + FEED_LINE_MAX),
	ASK_WAIT_MS = 500,
	HEAL_WAIT_MAX_S = 60, // the wait doubles with each time in a row, up to this
};

struct feed_watch {
	struct latency *times;
	struct latency_def def[ROW_MAX];
	char name[ROW_MAX][STATE_NAME_MAX];
	uint32_t row_cnt;
	uint64_t suspect_ns[FEED_MAX]; // since when a book is suspect; 0: none is
	uint64_t heal_wait_ns[FEED_MAX];
	uint64_t heal_ns[FEED_MAX]; // when the last attempt was made
};

/* The lane that has the feed's arbiter. */
static const struct lane *
lane_of(const struct gateway *g, uint32_t feed_idx, uint32_t *lane_idx)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->arb[feed_idx] != NULL) {
			*lane_idx = i;
			return g->lane[i];
		}
	return NULL;
}

static void
add_row(struct feed_watch *w, const struct hist *h, const char *from, const char *to,
	bool end_point, const struct hist **of)
{
	w->def[w->row_cnt] = (struct latency_def){
		.name = w->name[w->row_cnt],
		.from = from,
		.to = to,
		.end_point = end_point,
	};
	of[w->row_cnt++] = h;
}

int
feed_watch_open(struct gateway *g, struct err *e)
{
	struct feed_watch *w = calloc(1, sizeof(*w));
	const struct hist *of[ROW_MAX];

	g->feed_watch = w;
	if (w == NULL)
		return err_set(e, -ENOMEM, "no memory for the feeds' times");
	for (uint32_t f = 0; f < g->config->feeds_cnt; f++) {
		const char *feed = g->config->feeds[f].name;
		uint32_t lane_idx;
		const struct lane *l = lane_of(g, f, &lane_idx);

		if (l == NULL)
			continue;
		if (l->recovery[f] != NULL) {
			snprintf(w->name[w->row_cnt], STATE_NAME_MAX, "%s_recovery", feed);
			add_row(w, l->recovery[f]->config.recover.recovery_ns,
				"messages found missing", "books live again", true, of);
		}
		for (uint32_t k = 0; k < l->arb[f]->line_cnt; k++) {
			snprintf(w->name[w->row_cnt], STATE_NAME_MAX, "%s_line%u_lag", feed, k);
			add_row(w, l->arb[f]->line[k].lag_ns, "first copy of a packet",
				"this line's copy", false, of);
		}
	}
	// recorded in ns: one tick of the table's clock is one
	if (latency_open(&w->times, w->def, w->row_cnt, 1ULL << 32) != 0)
		return err_set(e, -ENOMEM, "no memory for the feeds' times");
	for (uint32_t i = 0; i < w->row_cnt; i++)
		latency_add(w->times, i, of[i]);
	return 0;
}

void
feed_watch_close(struct gateway *g)
{
	if (g->feed_watch == NULL)
		return;
	latency_close(g->feed_watch->times);
	free(g->feed_watch);
	g->feed_watch = NULL;
}

int
feed_watch_rows(struct gateway *g, struct state_latency_row *row, size_t row_max)
{
	if (g->feed_watch == NULL || g->feed_watch->times == NULL)
		return 0;
	return latency_rows(g->feed_watch->times, row, row_max);
}

void
feed_watch_reset(struct gateway *g)
{
	if (g->feed_watch != NULL && g->feed_watch->times != NULL)
		latency_reset(g->feed_watch->times);
}

void
feed_watch_write_all(struct gateway *g, FILE *out)
{
	struct feed_watch *w = g->feed_watch;

	for (uint32_t i = 0; w != NULL && w->times != NULL && i < w->row_cnt; i++)
		if (latency_hist(w->times, i)->cnt != 0)
			latency_write_percentiles(w->times, i, out);
}

/* Books of the feed that contradicted themselves, in all lanes. */
static uint64_t
suspect_cnt(const struct gateway *g, uint32_t feed_idx)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->book[feed_idx] != NULL)
			cnt += metric_get(&g->lane[i]->book[feed_idx]->metrics.instrument_suspect);
	return cnt;
}

static void
heal_feed(struct gateway *g, uint32_t feed_idx, uint64_t now_ns)
{
	const struct config_recovery *c = &g->config->feeds[feed_idx].recovery;
	const struct command request = { .kind = COMMAND_FEED_RECOVER, .arg = { feed_idx } };
	struct feed_watch *w = g->feed_watch;
	uint32_t lane_idx;
	const struct lane *l = lane_of(g, feed_idx, &lane_idx);
	const struct arb_metrics *arb;

	if (c->snapshot.ip == 0 || c->snapshot_heal_ms == 0 || l == NULL ||
	    l->recovery[feed_idx] == NULL)
		return;
	if (suspect_cnt(g, feed_idx) == 0) {
		w->suspect_ns[feed_idx] = 0;
		if (now_ns - w->heal_ns[feed_idx] > 2 * w->heal_wait_ns[feed_idx])
			w->heal_wait_ns[feed_idx] = 0; // it lasted
		return;
	}
	if (w->suspect_ns[feed_idx] == 0)
		w->suspect_ns[feed_idx] = now_ns;
	if (w->heal_wait_ns[feed_idx] == 0)
		w->heal_wait_ns[feed_idx] = c->snapshot_heal_ms * 1000000ULL;
	arb = &l->arb[feed_idx]->metrics;
	if (now_ns - w->suspect_ns[feed_idx] < c->snapshot_heal_ms * 1000000ULL ||
	    now_ns - w->heal_ns[feed_idx] < w->heal_wait_ns[feed_idx] ||
	    metric_get(&arb->session_ended) == metric_get(&arb->session_started) ||
	    metric_get(&l->recovery[feed_idx]->recover.metrics.state) != RECOVER_SYNCHRONISED)
		return;
	w->heal_ns[feed_idx] = now_ns;
	w->heal_wait_ns[feed_idx] *= 2;
	if (w->heal_wait_ns[feed_idx] > HEAL_WAIT_MAX_S * NS_PER_SEC &&
	    c->snapshot_heal_ms < HEAL_WAIT_MAX_S * 1000U)
		w->heal_wait_ns[feed_idx] = HEAL_WAIT_MAX_S * NS_PER_SEC;
	gateway_ask(g, lane_idx, &request, ASK_WAIT_MS);
}

void
feed_watch_heal(struct gateway *g, uint64_t now_ns)
{
	for (uint32_t f = 0; g->feed_watch != NULL && f < g->config->feeds_cnt; f++)
		heal_feed(g, f, now_ns);
}
