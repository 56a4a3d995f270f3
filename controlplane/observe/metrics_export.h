/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_METRICS_EXPORT_H
#define SLUICE_OBSERVE_METRICS_EXPORT_H

#include "observe/state.h"

/*
 * HTTP on the loopback address, for whoever collects metrics:
 *
 *   GET /metrics   every counter and gauge, Prometheus text format
 *   GET /healthz   200 or 503 and { "healthy": ..., "reasons": [...] }
 *
 * Has no thread: the control thread calls metrics_export_poll when the fd is readable, and at
 * least once a second so that idle connections are closed.  A slow or hostile client costs one of a
 * few connections for a few seconds and never makes a call wait.
 */
struct metrics_export;

/*
 * port 0: the kernel chooses, see metrics_export_port.
 *
 * Returns  0, -EADDRINUSE or another negative errno with the words in *e
 */
int metrics_export_open(struct metrics_export **out, uint16_t port, const struct state_source *s,
			struct err *e);
void metrics_export_close(struct metrics_export *x);

uint16_t metrics_export_port(const struct metrics_export *x);

/* For epoll, level triggered. */
int metrics_export_fd(const struct metrics_export *x);

/* Serves what can be served without waiting. */
void metrics_export_poll(struct metrics_export *x);

#endif
