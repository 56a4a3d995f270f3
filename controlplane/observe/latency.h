/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_LATENCY_H
#define SLUICE_OBSERVE_LATENCY_H

#include <stdio.h>

#include "base/clock.h"
#include "base/hist.h"
#include "observe/state.h"

/* One row of the table: the time between two named points. */
struct latency_def {
	const char *name;
	const char *from;
	const char *to;
	bool end_point; // always recorded; otherwise sampled
};

/*
 * Merges the histograms that lanes record into one row each.  Lanes never stop for it: a reset
 * remembers what was there and subtracts it from then on.
 *
 * Thread: control plane.
 */
struct latency;

/*
 * Memory   copies nothing of def: its texts live as long as *out.  About 500 KB per row.
 * Returns  0, or -ENOMEM; latency_close takes it back
 */
int latency_open(struct latency **out, const struct latency_def *def, size_t row_cnt,
		 uint64_t ns_per_2_32_cycles);
void latency_close(struct latency *l);

/*
 * A histogram, in cycles, that counts for a row; there may be several, one per lane.  It must live
 * as long as l.  Returns 0, or -ENOSPC beyond LANE_MAX of them.
 */
int latency_add(struct latency *l, size_t row_idx, const struct hist *h);

/* Fills at most row_max rows, of now; returns how many there are. */
int latency_rows(struct latency *l, struct state_latency_row *row, size_t row_max);

/* Counts from now on.  Intervals do not notice. */
void latency_reset(struct latency *l);

/*
 * Ends an interval, of all rows at once: what was recorded since the one before, or since the
 * start.
 *
 * Memory   about 500 KB more per row, taken by the first
 * Returns  0, or -ENOMEM: the interval goes on
 */
int latency_interval_end(struct latency *l);

/* The last interval that ended, as latency_rows; no samples before there was one. */
int latency_interval_rows(struct latency *l, struct state_latency_row *row, size_t row_max);

/*
 * The histogram behind a row, in cycles: since the last reset, or of the last interval.  Valid
 * until the next call for l.
 */
const struct hist *latency_hist(struct latency *l, size_t row_idx);
const struct hist *latency_interval_hist(const struct latency *l, size_t row_idx);

/* Only its rate counts. */
const struct clock_map *latency_clock(const struct latency *l);

/*
 * One row as HdrHistogram writes percentiles: columns Value (ns), Percentile, TotalCount and
 * 1/(1-Percentile), five steps per halving of the rest.
 */
void latency_write_percentiles(struct latency *l, size_t row_idx, FILE *out);

/* The table for people; both end points stand beside each row. */
void latency_print(FILE *out, const struct state_latency_row *row, size_t row_cnt);

/* A duration as people read it: "1.234 us".  Returns out. */
char *latency_ns_text(uint64_t ns, char *out, size_t out_bytes);

#endif
