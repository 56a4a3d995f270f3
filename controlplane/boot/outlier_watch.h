/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_OUTLIER_WATCH_H
#define SLUICE_BOOT_OUTLIER_WATCH_H

#include "boot/gateway.h"

/*
 * Takes what lanes note about slow orders and stalls (lane/slow.h), adds what the kernel counted on
 * their cores meanwhile, and keeps the worst with their explanation.
 *
 * Thread: control plane, but where it says otherwise.
 */

/* Returns 0, or -ENOMEM with the words in *e. */
int outlier_watch_open(struct gateway *g, struct err *e);
void outlier_watch_close(struct gateway *g);

/* Each tick.  Reads /proc once a second, and ten times a second while there is something new. */
void outlier_watch_look(struct gateway *g);

/* For struct state_source. */
int outlier_source_rows(void *ctx, struct state_outlier *row, size_t row_max);
void outlier_source_reset(void *ctx);

/* The slowest few, for the summary at the end. */
void outlier_watch_summary(struct gateway *g);

/* Thread: the lane, before its loop: the kernel's name of it is remembered. */
void outlier_watch_lane_runs(uint32_t lane_idx);

#endif
