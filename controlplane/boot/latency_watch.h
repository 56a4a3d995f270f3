/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_LATENCY_WATCH_H
#define SLUICE_BOOT_LATENCY_WATCH_H

#include "boot/gateway.h"

/*
 * The gateway's table of measured times: stages, hops and tick-to-trade of all lanes, and one row
 * for each strategy, session, venue and feed; whole run and intervals, and their files.
 *
 * Thread: control plane.
 */

/* Returns 0, or a negative errno with the words in *e. */
int latency_watch_open(struct gateway *g, struct err *e);
void latency_watch_close(struct gateway *g);

/* Whether an interval's log can be written there; changes nothing. */
int latency_log_try(const char *path, struct err *e);

/* latency.log_file is another one: the next interval goes there. */
int latency_watch_move(struct gateway *g, struct err *e);

/* Each tick: ends an interval when its time has come, and writes it to latency.log_file. */
void latency_watch_look(struct gateway *g, uint64_t now_ns);

/* The end: the interval that was begun, and latency.histogram_file. */
void latency_watch_end(struct gateway *g, uint64_t now_ns);

/* For struct state_source. */
int latency_source_rows(void *ctx, struct state_latency_row *row, size_t row_max);
int latency_source_interval(void *ctx, struct state_latency_row *row, size_t row_max);
void latency_source_reset(void *ctx);
int latency_source_export(void *ctx, const char *file, const char *format, struct err *e);

#endif
