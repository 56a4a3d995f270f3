/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_FEED_WATCH_H
#define SLUICE_BOOT_FEED_WATCH_H

#include "boot/gateway.h"

/*
 * What the control thread does for feeds: a table of how long recoveries took and how much later
 * each line's copies came, and books that broke by themselves are built anew.
 *
 * Thread: control plane.
 */

/* Returns 0, or -ENOMEM with the words in *e. */
int feed_watch_open(struct gateway *g, struct err *e);
void feed_watch_close(struct gateway *g);

/* Rows like those of latency_rows; 0 before feed_watch_open. */
int feed_watch_rows(struct gateway *g, struct state_latency_row *row, size_t row_max);

/* Counts from now on. */
void feed_watch_reset(struct gateway *g);

/* Each row that has a sample, as HdrHistogram writes percentiles. */
void feed_watch_write_all(struct gateway *g, FILE *out);

/* Asks lanes to heal books that are suspect by themselves, at most as often as configured. */
void feed_watch_heal(struct gateway *g, uint64_t now_ns);

#endif
