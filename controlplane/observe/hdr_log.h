/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_HDR_LOG_H
#define SLUICE_OBSERVE_HDR_LOG_H

#include <stdio.h>

#include "base/clock.h"
#include "base/hist.h"

/*
 * HdrHistogram's log, version 1.3, with histograms in encoding V2: what the usual HdrHistogram
 * tools read.  Values are nanoseconds with three significant digits.
 *
 * Thread: control plane; allocates.
 */

/* The file's head.  start_ns: since 1970. */
void hdr_log_head(FILE *out, uint64_t start_ns);

/*
 * One line: h holds TSC cycles, which c turns into nanoseconds.  from_ns and to_ns since 1970.
 *
 * Returns  0, -ENOMEM, or -EIO when it cannot be written
 */
int hdr_log_line(FILE *out, const char *tag, const struct hist *h, const struct clock_map *c,
		 uint64_t start_ns, uint64_t from_ns, uint64_t to_ns);

/*
 * The encoded histogram alone, before its compression.
 *
 * Memory   *out is the caller's to free
 * Returns  its bytes, or -ENOMEM
 */
int64_t hdr_encode(const struct hist *ns, uint8_t **out);

/* Cycles to nanoseconds, bucket by bucket.  *out is written whole. */
void hdr_hist_in_ns(const struct hist *cycles, const struct clock_map *c, struct hist *out);

#endif
