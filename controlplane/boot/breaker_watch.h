/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_BREAKER_WATCH_H
#define SLUICE_BOOT_BREAKER_WATCH_H

#include "boot/gateway.h"

/*
 * Feeds the circuit breakers of the configuration and does what a trip asks for.  The values are
 * counters and gauges that the lanes keep anyway, read by the control thread; only profit and loss
 * are asked of the risk's lane.
 *
 * Bound: each breaker is looked at once per turn of the control loop, 20 ms, and what follows is
 * done in the same turn; profit and loss each 100 ms.  A turn that waits for a lane can last up to
 * a second. What must stop a single order is not here but in risk, which judges each one.
 *
 * Thread   control plane
 */

/* Returns 0 or -ENOMEM, named in *e. */
int breaker_watch_open(struct gateway *g, struct err *e);
void breaker_watch_close(struct gateway *g);

/* One look.  Each turn of the control loop. */
void breaker_watch_look(struct gateway *g);

/* The kill switch was released by name: breakers that had fired it are armed again, and fire it
 * again when what they saw is still there. */
void breaker_watch_released(struct gateway *g);

/* The configuration was read again: modes that breakers set are set above the new ones. */
void breaker_watch_reloaded(struct gateway *g);

/* For struct state_source; ctx: the gateway. */
int breaker_source_rows(void *ctx, struct state_breaker *row, size_t row_max);
int breaker_source_rearm(void *ctx, const char *breaker, const char *name, const char *reason,
			 struct err *e);
void breaker_watch_metrics(struct gateway *g, state_metric_fn *fn, void *arg);

#endif
