/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/latency_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "boot/feed_watch.h"
#include "err/err.h"
#include "observe/event_log.h"
#include "observe/hdr_log.h"
#include "observe/jitter.h"
#include "observe/latency.h"
#include "port/port_tx_stamp.h"

enum {
	ROW_MAX = LATENCY_CNT + STRATEGY_MAX + 3 * SESSION_MAX + FEED_MAX + 3,
	TSC_READINGS = 2000,
};

struct latency_watch {
	struct latency *times;
	struct latency_def def[ROW_MAX];
	char name[ROW_MAX][STATE_NAME_MAX];
	char source[STATE_TEXT_MAX]; // of all times but those of feed_watch
	bool tsc_constant;
	size_t row_cnt;
	FILE *log; // NULL: none
	uint64_t start_ns;
	uint64_t from_ns; // the interval that is underway
};

/* A further row; its histograms are added by the caller. */
static size_t
add_row(struct latency_watch *w, const char *what, const char *whose, const char *from,
	const char *to, bool end_point)
{
	const size_t row = w->row_cnt++;

	snprintf(w->name[row], STATE_NAME_MAX, "%s%s%s", what, whose[0] == '\0' ? "" : " ", whose);
	w->def[row] = (struct latency_def){
		.name = w->name[row], .from = from, .to = to, .end_point = end_point
	};
	return row;
}

static const struct latency_def FIXED[LATENCY_CNT] = {
#define LATENCY_RECORDED_ALWAYS  true
#define LATENCY_RECORDED_SAMPLED false
#define LATENCY(id, name_, recorded, from_, to_) \
	[LATENCY_##id] = { .name = (name_),      \
			   .from = (from_),      \
			   .to = (to_),          \
			   .end_point = LATENCY_RECORDED_##recorded },
#include "lane/latency.def"
#undef LATENCY
};

/* Whether a lane learns when orders left; both: and when the device received what caused them. */
static bool
has_wire_stamps(const struct gateway *g, bool both)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if ((both ? g->lane[i]->device_to_wire : g->lane[i]->tick_to_wire) != NULL)
			return true;
	return false;
}

static bool
has_device_stamps(const struct gateway *g)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->device_to_trade != NULL)
			return true;
	return false;
}

/* Rows in the order in which add_histograms goes through them. */
static void
name_rows(struct latency_watch *w, const struct gateway *g)
{
	const struct latency_def *whole = &FIXED[LATENCY_TICK_TO_TRADE];
	const struct latency_def *ack = &FIXED[LATENCY_ORDER_TO_ACK];
	const struct config *c = g->config;

	for (uint32_t i = 0; i < LATENCY_CNT; i++)
		add_row(w, FIXED[i].name, "", FIXED[i].from, FIXED[i].to, FIXED[i].end_point);
	for (uint32_t i = 0; i < c->strategies_cnt; i++)
		add_row(w, "tick-to-trade of", c->strategies[i].name, whole->from, whole->to, true);
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		add_row(w, "tick-to-trade on", c->sessions[i].name, whole->from, whole->to, true);
		add_row(w, "order-to-ack on", c->sessions[i].name, ack->from, ack->to, true);
	}
	for (uint32_t i = 0; i < c->venues_cnt; i++)
		add_row(w, "tick-to-trade at", c->venues[i].name, whole->from, whole->to, true);
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		add_row(w, "feed age", c->feeds[i].name,
			"the exchange's stamp in the message (its clock)",
			"frame received (our clock)", false);
	if (has_device_stamps(g))
		add_row(w, "device-to-trade", "", "the device stamped the trigger's frame",
			"tx_burst returned with the order (TSC)", true);
	if (has_wire_stamps(g, false))
		add_row(w, "tick-to-wire", "", "rx_burst returned the trigger (TSC)",
			"the device stamped the order's frame as it left (sampled)", true);
	if (has_wire_stamps(g, true))
		add_row(w, "device-to-wire", "", "the device stamped the trigger's frame",
			"the device stamped the order's frame as it left (sampled)", true);
}

static void
add_hist(struct latency_watch *w, size_t row, const struct hist *h)
{
	if (h != NULL && row < w->row_cnt)
		latency_add(w->times, row, h);
}

static void
add_histograms(struct latency_watch *w, const struct gateway *g, const struct lane *l)
{
	const struct config *c = g->config;
	size_t row = 0;

	for (uint32_t i = 0; i < LATENCY_CNT; i++)
		add_hist(w, row++, l->latency[i]);
	for (uint32_t i = 0; i < c->strategies_cnt; i++)
		add_hist(w, row++, l->of_strategy[i]);
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		add_hist(w, row++, l->of_session[i]);
		add_hist(w, row++, l->ack_of_session[i]);
	}
	for (uint32_t i = 0; i < c->venues_cnt; i++, row++)
		for (uint32_t s = 0; s < c->sessions_cnt; s++)
			if (c->sessions[s].venue_idx == i)
				add_hist(w, row, l->of_session[s]);
	for (uint32_t i = 0; i < c->feeds_cnt; i++)
		add_hist(w, row++, l->age_of_feed[i]);
	if (has_device_stamps(g))
		add_hist(w, row++, l->device_to_trade);
	if (has_wire_stamps(g, false))
		add_hist(w, row++, l->tick_to_wire);
	if (has_wire_stamps(g, true))
		add_hist(w, row, l->device_to_wire);
}

/*
 * What the TSC is worth as a clock: its rate, and the median of what two readings one after the
 * other differ by, when they do.
 */
static void
describe_tsc(struct latency_watch *w, const struct gateway *g)
{
	const uint64_t rate = g->clock.ns_per_2_32_cycles;
	struct hist *steps = calloc(1, sizeof(*steps));
	uint64_t before = clock_tsc();
	struct jitter_host host;

	for (unsigned i = 0; steps != NULL && i < TSC_READINGS; i++) {
		const uint64_t now = clock_tsc();

		if (now > before)
			hist_record(steps, now - before);
		before = now;
	}
	jitter_read_host("/sys", "/proc", 0, &host);
	w->tsc_constant = host.tsc_constant;
	snprintf(w->source, sizeof(w->source), "TSC at %.1f MHz, told apart from %.0f ns on",
		 rate == 0 ? 0.0 : 4294967296.0 * 1e3 / (double)rate,
		 steps == NULL
			 ? 0.0
			 : (double)hist_percentile(steps, 500000) * (double)rate / 4294967296.0);
	free(steps);
}

/* Which ends are a device's, and which are software's. */
static void
describe_ends(struct latency_watch *w, const struct gateway *g)
{
	static const char *const WORDS[2][2] = {
		{ "no device stamps frames: the ends are rx_burst and tx_burst",
		  "a device stamps what leaves (tick-to-wire), none what comes" },
		{ "devices stamp what comes (device-to-trade), none what leaves",
		  "devices stamp what comes and what leaves (device-to-wire)" },
	};
	const size_t len = strlen(w->source);

	snprintf(w->source + len, sizeof(w->source) - len, "; %s",
		 WORDS[has_device_stamps(g)][has_wire_stamps(g, false)]);
}

static int
open_log(struct gateway *g, struct err *e)
{
	struct latency_watch *w = g->latency;
	const char *path = g->config->latency.log_file;

	if (path[0] == '\0')
		return 0;
	w->log = fopen(path, "ae"); // what an earlier run wrote stays
	if (w->log == NULL)
		return err_set(e, -errno, "latency.log_file: %s: %s", path, strerror(errno));
	hdr_log_head(w->log, w->start_ns);
	return 0;
}

int
latency_log_try(const char *path, struct err *e)
{
	FILE *f = path[0] == '\0' ? NULL : fopen(path, "ae");

	if (path[0] != '\0' && f == NULL)
		return err_set(e, -errno, "latency.log_file: %s: %s", path, strerror(errno));
	if (f != NULL)
		fclose(f);
	return 0;
}

int
latency_watch_move(struct gateway *g, struct err *e)
{
	struct latency_watch *w = g->latency;

	if (w == NULL)
		return 0;
	if (w->log != NULL)
		fclose(w->log);
	w->log = NULL;
	return open_log(g, e);
}

int
latency_watch_open(struct gateway *g, struct err *e)
{
	struct latency_watch *w = calloc(1, sizeof(*w));

	g->latency = w;
	if (w == NULL)
		return err_set(e, -ENOMEM, "no memory for the latency table");
	w->start_ns = w->from_ns = g->start_ns;
	name_rows(w, g);
	describe_tsc(w, g);
	describe_ends(w, g);
	if (latency_open(&w->times, w->def, w->row_cnt, g->clock.ns_per_2_32_cycles) != 0)
		return err_set(e, -ENOMEM, "no memory for the latency table");
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		add_histograms(w, g, g->lane[i]);
	return open_log(g, e);
}

void
latency_watch_close(struct gateway *g)
{
	struct latency_watch *w = g->latency;

	if (w == NULL)
		return;
	latency_close(w->times);
	if (w->log != NULL)
		fclose(w->log);
	free(w);
	g->latency = NULL;
}

/* A line of the log per row that has a sample in the interval. */
static void
write_interval(struct gateway *g, uint64_t to_ns)
{
	struct latency_watch *w = g->latency;
	int rc = 0;

	for (size_t i = 0; i < w->row_cnt && rc == 0; i++) {
		const struct hist *h = latency_interval_hist(w->times, i);

		if (h->cnt != 0)
			rc = hdr_log_line(w->log, w->name[i], h, latency_clock(w->times),
					  w->start_ns, w->from_ns, to_ns);
	}
	if (rc == 0 && fflush(w->log) != 0)
		rc = -errno;
	if (rc == 0)
		return;
	event_log_say(g->log, to_ns, EVENT_ERROR, "latency.log_file: %s: %s; it ends here",
		      g->config->latency.log_file, strerror(-rc));
	fclose(w->log);
	w->log = NULL;
}

static void
end_interval(struct gateway *g, uint64_t now_ns)
{
	struct latency_watch *w = g->latency;

	if (latency_interval_end(w->times) != 0)
		return; // no memory: the interval goes on
	if (w->log != NULL)
		write_interval(g, now_ns);
	w->from_ns = now_ns;
}

void
latency_watch_look(struct gateway *g, uint64_t now_ns)
{
	struct latency_watch *w = g->latency;

	if (w == NULL || w->times == NULL)
		return;
	if (now_ns < w->from_ns)
		w->from_ns = now_ns; // the clock was set back
	if (now_ns - w->from_ns >= g->config->latency.interval_s * NS_PER_SEC)
		end_interval(g, now_ns);
}

/* What was measured and is not in any row, or makes a row worth less. */
static void
add_notes(const struct gateway *g, struct state_latency_row *row)
{
	const struct latency_watch *w = g->latency;
	uint64_t back = 0, over = 0, foreign = 0, lost = 0, missing = 0, doubt_ns = 0;
	size_t len = 0;

	for (uint32_t i = 0; i < g->lane_cnt; i++) {
		back += metric_get(&g->lane[i]->metrics.time_backwards);
		over += metric_get(&g->lane[i]->metrics.time_overflow);
		foreign += metric_get(&g->lane[i]->metrics.feed_age_implausible);
		lost += metric_get(&g->lane[i]->metrics.note_lost);
		missing += metric_get(&g->lane[i]->metrics.tx_stamp_missing);
		for (uint32_t t = 0; t < g->lane[i]->tx_cnt; t++) {
			const struct port_tx_stamp *s = g->lane[i]->tx[t]->stamp;

			if (s != NULL && load_relaxed_u64(&s->doubt_max_ns) > doubt_ns)
				doubt_ns = load_relaxed_u64(&s->doubt_max_ns);
		}
	}
#define NOTE(...)                        \
	(len += len >= sizeof(row->note) \
			? 0              \
			: (size_t)snprintf(row->note + len, sizeof(row->note) - len, __VA_ARGS__))
	row->note[0] = '\0';
	if (!w->tsc_constant)
		NOTE("The processor does not promise a TSC of one rate. ");
	if (g->clock_steps != 0)
		NOTE("The system's clock was set %llu times; times are of the TSC and went on. ",
		     (unsigned long long)g->clock_steps);
	if (back != 0)
		NOTE("%llu times were below 0 and are left out. ", (unsigned long long)back);
	if (over != 0)
		NOTE("%llu were longer than 2^38 cycles and count as that. ",
		     (unsigned long long)over);
	if (lost != 0)
		NOTE("%llu notes about slow orders found no room. ", (unsigned long long)lost);
	if (strstr(row->name, "-to-wire") != NULL) {
		NOTE("%s: good to %llu ns either way, half of the longest reading of the device's "
		     "clock. ",
		     row->name, (unsigned long long)doubt_ns);
		if (missing != 0)
			NOTE("The device told nothing of %llu orders it was asked about. ",
			     (unsigned long long)missing);
	}
	if (row->cnt == 0 && foreign != 0 && strncmp(row->name, "feed age", 8) == 0)
		NOTE("%s: no sample, the stamps of %llu messages are not of now. ", row->name,
		     (unsigned long long)foreign);
#undef NOTE
	if (len != 0)
		row->note[strlen(row->note) - 1] = '\0';
}

static void
add_words(const struct gateway *g, struct state_latency_row *row, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		snprintf(row[i].source, sizeof(row[i].source), "%s", g->latency->source);
		add_notes(g, &row[i]);
	}
}

int
latency_source_rows(void *ctx, struct state_latency_row *row, size_t row_max)
{
	struct gateway *g = ctx;
	const struct latency_watch *w = g->latency;
	size_t cnt;

	if (w == NULL || w->times == NULL)
		return 0;
	cnt = (size_t)latency_rows(w->times, row, row_max);
	add_words(g, row, cnt < row_max ? cnt : row_max);
	if (cnt >= row_max)
		return (int)cnt;
	return (int)cnt + feed_watch_rows(g, row + cnt, row_max - cnt);
}

int
latency_source_interval(void *ctx, struct state_latency_row *row, size_t row_max)
{
	struct gateway *g = ctx;
	const struct latency_watch *w = g->latency;
	size_t cnt;

	if (w == NULL || w->times == NULL)
		return 0;
	cnt = (size_t)latency_interval_rows(w->times, row, row_max);
	add_words(g, row, cnt < row_max ? cnt : row_max);
	return (int)cnt;
}

void
latency_source_reset(void *ctx)
{
	struct gateway *g = ctx;

	if (g->latency != NULL && g->latency->times != NULL)
		latency_reset(g->latency->times);
	feed_watch_reset(g);
}

/* Every row that has a sample, one after another. */
static int
write_rows(struct gateway *g, FILE *out, bool hdr, uint64_t now_ns)
{
	struct latency_watch *w = g->latency;
	int rc = 0;

	if (hdr)
		hdr_log_head(out, w->start_ns);
	for (size_t i = 0; i < w->row_cnt && rc == 0; i++) {
		const struct hist *h = latency_hist(w->times, i);

		if (h->cnt == 0)
			continue;
		if (hdr)
			rc = hdr_log_line(out, w->name[i], h, latency_clock(w->times), w->start_ns,
					  w->start_ns, now_ns);
		else
			latency_write_percentiles(w->times, i, out);
	}
	if (!hdr)
		feed_watch_write_all(g, out);
	return rc;
}

int
latency_source_export(void *ctx, const char *file, const char *format, struct err *e)
{
	const bool hdr = strcmp(format, "hdr") == 0;
	struct gateway *g = ctx;
	FILE *out;
	int fd, rc;

	if (!hdr && strcmp(format, "percentiles") != 0)
		return err_set(e, -EINVAL,
			       "format '%.20s' is not known; there are hdr and percentiles",
			       format);
	if (g->latency == NULL || g->latency->times == NULL)
		return err_set(e, -EAGAIN, "the lanes do not run yet");
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return err_set(e, rc, "%s: %s", file, strerror(-rc));
	}
	rc = write_rows(g, out, hdr, clock_ns_of(&g->clock, clock_tsc()));
	if (fclose(out) != 0 && rc == 0)
		rc = -errno;
	return rc == 0 ? 0 : err_set(e, rc, "%s: %s", file, strerror(-rc));
}

void
latency_watch_end(struct gateway *g, uint64_t now_ns)
{
	const char *path = g->config->latency.histogram_file;
	FILE *f;

	if (g->latency == NULL || g->latency->times == NULL)
		return;
	end_interval(g, now_ns);
	if (path[0] == '\0')
		return;
	f = fopen(path, "we");
	if (f == NULL) {
		fprintf(stderr, "sluice: latency.histogram_file: %s: %s\n", path, strerror(errno));
		return;
	}
	write_rows(g, f, false, now_ns);
	if (fclose(f) != 0)
		fprintf(stderr, "sluice: latency.histogram_file: %s: %s\n", path, strerror(errno));
}
