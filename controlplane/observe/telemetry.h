/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_TELEMETRY_H
#define SLUICE_OBSERVE_TELEMETRY_H

#include "observe/state.h"

/*
 * What sluicectl shows, for DPDK's tools (dpdk-telemetry.py): each command of the control socket
 * that changes nothing is /sluice/<command> there, its first argument after a comma:
 *
 *   /sluice/status   /sluice/lanes   /sluice/books,AAPL   /sluice/metrics,sluice_risk
 *
 * Lists become dictionaries, by name where rows have one.  DPDK limits an answer to 16 KB; what is
 * left out is counted in "left_out".
 *
 * DPDK asks on a thread of its own; the question is handed to the control thread, which answers in
 * telemetry_poll.  So everything that reads the gateway's state stays on one thread.
 */
struct telemetry;

/*
 * Thread   control plane, after the EAL was started; once per process at a time.
 * Returns  0, or a negative errno with the words in *e
 */
int telemetry_open(struct telemetry **out, const struct state_source *s, struct err *e);

/* DPDK cannot forget commands: from now on they are refused. */
void telemetry_close(struct telemetry *t);

/* For epoll: readable when a question waits. */
int telemetry_fd(const struct telemetry *t);

/* Answers the question that waits, if any. */
void telemetry_poll(struct telemetry *t);

#endif
