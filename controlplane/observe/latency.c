/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_WIDTH_MIN = 16, // of latency_print's first column
};

struct latency_row {
	const struct latency_def *def;
	const struct hist *source[LANE_MAX];
	size_t source_cnt;
	struct hist *base; // what was there at the last reset
	bool reset;        // max and min of the sources are from before a reset
	uint64_t base_max; // largest value at the last reset
	struct hist *mark; // what was there when the interval began; NULL: the first has not ended
	struct hist *last; // the last interval
};

struct latency {
	struct clock_map clock; // only its rate
	size_t row_cnt;
	struct hist *merged; // scratch
	struct latency_row row[];
};

int
latency_open(struct latency **out, const struct latency_def *def, size_t row_cnt,
	     uint64_t ns_per_2_32_cycles)
{
	struct latency *l = calloc(1, sizeof(*l) + row_cnt * sizeof(l->row[0]));

	if (l == NULL)
		return -ENOMEM;
	l->clock.ns_per_2_32_cycles = ns_per_2_32_cycles;
	l->row_cnt = row_cnt;
	l->merged = calloc(1, sizeof(*l->merged));
	for (size_t i = 0; i < row_cnt; i++) {
		l->row[i].def = &def[i];
		l->row[i].base = calloc(1, sizeof(struct hist));
		if (l->row[i].base == NULL || l->merged == NULL) {
			latency_close(l);
			return -ENOMEM;
		}
	}
	*out = l;
	return 0;
}

static void
free_row(struct latency_row *row)
{
	free(row->base);
	free(row->mark);
	free(row->last);
}

void
latency_close(struct latency *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->row_cnt; i++)
		free_row(&l->row[i]);
	free(l->merged);
	free(l);
}

int
latency_add(struct latency *l, size_t row_idx, const struct hist *h)
{
	struct latency_row *row = &l->row[row_idx];

	if (row->source_cnt == ARRAY_CNT(row->source))
		return -ENOSPC;
	row->source[row->source_cnt++] = h;
	return 0;
}

/* All that was recorded since the start. */
static void
merge(const struct latency_row *row, struct hist *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < row->source_cnt; i++)
		hist_merge(out, row->source[i]);
}

/*
 * Takes away from h what base had then.  The exact largest value is known only if it is a new
 * record since; otherwise it is the top of its bucket.
 */
static void
subtract(struct hist *h, const struct hist *base, uint64_t base_max)
{
	uint64_t max = 0, min = 0;

	h->cnt = 0;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		h->bucket[i] -= base->bucket[i];
		if (h->bucket[i] == 0)
			continue;
		h->cnt += h->bucket[i];
		if (min == 0)
			min = hist_bucket_top(i);
		max = hist_bucket_top(i);
	}
	if (h->max <= base_max)
		h->max = max;
	h->min = min;
}

/* What was recorded since the last reset. */
static const struct hist *
merged_since_reset(struct latency *l, const struct latency_row *row)
{
	merge(row, l->merged);
	if (row->reset)
		subtract(l->merged, row->base, row->base_max);
	return l->merged;
}

static uint64_t
sum_cycles(const struct hist *h)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		sum += h->bucket[i] * hist_bucket_top(i);
	return sum;
}

static void
fill_row(const struct latency *l, const struct latency_def *def, const struct hist *h,
	 struct state_latency_row *row)
{
	const struct clock_map *c = &l->clock;

	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s", def->name);
	snprintf(row->from, sizeof(row->from), "%s", def->from);
	snprintf(row->to, sizeof(row->to), "%s", def->to);
	row->end_point = def->end_point;
	row->cnt = h->cnt;
	row->min_ns = clock_cycles_to_ns(c, h->min);
	row->p50_ns = clock_cycles_to_ns(c, hist_percentile(h, 500000));
	row->p90_ns = clock_cycles_to_ns(c, hist_percentile(h, 900000));
	row->p99_ns = clock_cycles_to_ns(c, hist_percentile(h, 990000));
	row->p999_ns = clock_cycles_to_ns(c, hist_percentile(h, 999000));
	row->p9999_ns = clock_cycles_to_ns(c, hist_percentile(h, 999900));
	row->max_ns = clock_cycles_to_ns(c, h->max);
	row->sum_ns = clock_cycles_to_ns(c, sum_cycles(h));
}

int
latency_rows(struct latency *l, struct state_latency_row *row, size_t row_max)
{
	for (size_t i = 0; i < l->row_cnt && i < row_max; i++)
		fill_row(l, l->row[i].def, merged_since_reset(l, &l->row[i]), &row[i]);
	return (int)l->row_cnt;
}

/* Memory for intervals, of all rows or of none. */
static int
take_interval_memory(struct latency *l)
{
	for (size_t i = 0; i < l->row_cnt; i++) {
		struct latency_row *row = &l->row[i];

		row->mark = row->mark == NULL ? calloc(1, sizeof(struct hist)) : row->mark;
		row->last = row->last == NULL ? calloc(1, sizeof(struct hist)) : row->last;
		if (row->mark == NULL || row->last == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
latency_interval_end(struct latency *l)
{
	if (take_interval_memory(l) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < l->row_cnt; i++) {
		struct latency_row *row = &l->row[i];

		merge(row, l->merged);
		*row->last = *l->merged;
		subtract(row->last, row->mark, row->mark->max);
		*row->mark = *l->merged;
	}
	return 0;
}

const struct hist *
latency_hist(struct latency *l, size_t row_idx)
{
	return merged_since_reset(l, &l->row[row_idx]);
}

const struct hist *
latency_interval_hist(const struct latency *l, size_t row_idx)
{
	static const struct hist none;

	return l->row[row_idx].last != NULL ? l->row[row_idx].last : &none;
}

int
latency_interval_rows(struct latency *l, struct state_latency_row *row, size_t row_max)
{
	for (size_t i = 0; i < l->row_cnt && i < row_max; i++)
		fill_row(l, l->row[i].def, latency_interval_hist(l, i), &row[i]);
	return (int)l->row_cnt;
}

const struct clock_map *
latency_clock(const struct latency *l)
{
	return &l->clock;
}

void
latency_reset(struct latency *l)
{
	for (size_t i = 0; i < l->row_cnt; i++) {
		struct latency_row *row = &l->row[i];

		merge(row, row->base);
		row->base_max = row->base->max;
		row->reset = true;
	}
}

static uint64_t
value_at(const struct hist *h, uint64_t rank)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return hist_bucket_top(i) < h->max ? hist_bucket_top(i) : h->max;
	}
	return h->max;
}

void
latency_write_percentiles(struct latency *l, size_t row_idx, FILE *out)
{
	enum { STEPS_PER_HALVING = 5 };
	const struct latency_row *row = &l->row[row_idx];
	const struct hist *h = merged_since_reset(l, row);
	const struct clock_map *c = &l->clock;
	double rest = 1.0, step;

	fprintf(out, "# %s, ns: from %s to %s\n", row->def->name, row->def->from, row->def->to);
	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (unsigned n = 0; h->cnt != 0; n++) {
		const double share = 1.0 - rest;
		uint64_t rank = (uint64_t)(share * (double)h->cnt + 0.999999);

		if (rank == 0)
			rank = 1;
		if (rank >= h->cnt || rest * (double)h->cnt < 1.0)
			break;
		fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14.2f\n",
			(double)clock_cycles_to_ns(c, value_at(h, rank)), share, rank, 1.0 / rest);
		step = 1.0 / STEPS_PER_HALVING / (double)(2ULL << (n / STEPS_PER_HALVING));
		rest -= step;
	}
	if (h->cnt != 0)
		fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14s\n",
			(double)clock_cycles_to_ns(c, h->max), 1.0, h->cnt, "inf");
	fprintf(out, "#[Mean    = %12.3f, TotalCount     = %12" PRIu64 "]\n",
		h->cnt == 0 ? 0.0 : (double)clock_cycles_to_ns(c, sum_cycles(h)) / (double)h->cnt,
		h->cnt);
	fprintf(out, "#[Max     = %12.3f, SubBuckets     = %12d]\n",
		(double)clock_cycles_to_ns(c, h->max), HIST_SUB);
}

char *
latency_ns_text(uint64_t ns, char *out, size_t out_bytes)
{
	if (ns < 1000)
		snprintf(out, out_bytes, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(out, out_bytes, "%.3f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(out, out_bytes, "%.3f ms", (double)ns / 1e6);
	else
		snprintf(out, out_bytes, "%.3f s", (double)ns / 1e9);
	return out;
}

void
latency_print(FILE *out, const struct state_latency_row *row, size_t row_cnt)
{
	static const char *const HEAD[] = { "p50", "p90", "p99", "p99.9", "p99.99", "max" };
	int width = NAME_WIDTH_MIN;

	for (size_t i = 0; i < row_cnt; i++)
		if ((int)strlen(row[i].name) > width)
			width = (int)strlen(row[i].name);
	fprintf(out, "%-*s %12s", width, "latency", "count");
	for (size_t k = 0; k < ARRAY_CNT(HEAD); k++)
		fprintf(out, " %11s", HEAD[k]);
	fprintf(out, "  between\n");
	for (size_t i = 0; i < row_cnt; i++) {
		const uint64_t ns[] = { row[i].p50_ns,  row[i].p90_ns,   row[i].p99_ns,
					row[i].p999_ns, row[i].p9999_ns, row[i].max_ns };
		char text[32];

		static_assert(ARRAY_CNT(ns) == ARRAY_CNT(HEAD), "a heading per column");
		fprintf(out, "%-*s %12" PRIu64, width, row[i].name, row[i].cnt);
		for (size_t k = 0; k < ARRAY_CNT(ns); k++)
			fprintf(out, " %11s",
				row[i].cnt == 0 ? "-" : latency_ns_text(ns[k], text, sizeof(text)));
		fprintf(out, "  %s -> %s%s\n", row[i].from, row[i].to,
			row[i].end_point ? "" : " (sampled)");
	}
	for (size_t i = 0; i < row_cnt; i++) {
		if (row[i].source[0] != '\0' &&
		    (i == 0 || strcmp(row[i].source, row[i - 1].source) != 0))
			fprintf(out, "times by %s\n", row[i].source);
		if (row[i].note[0] != '\0' && (i == 0 || strcmp(row[i].note, row[i - 1].note) != 0))
			fprintf(out, "NOTE: %s\n", row[i].note);
	}
}
