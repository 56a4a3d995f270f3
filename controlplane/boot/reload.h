/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_RELOAD_H
#define SLUICE_BOOT_RELOAD_H

#include "boot/gateway.h"

/*
 * Reads the configuration file again, checks it whole, and puts in force what can change while the
 * gateway runs: limits under their next version, thresholds of circuit breakers, where logs go, how
 * lanes measure themselves, what is kept of the journal.
 * Every key that differs is a row, is told in the log, and is noted in the journal; those that need
 * a restart keep their value.  Then the log's file is opened anew.
 *
 * Thread   control plane
 * Time     reading the file, and the slowest lane's turn
 * Returns  how many keys differ; at most row_max rows are filled
 *          -EINVAL and the like   the file or what it asks for has a fault, a line of *e each;
 *                                 nothing has changed
 *          -ETIMEDOUT, -EIO       the limits are in force, but a lane was slow or they cannot be
 *                                 kept (limits.h); everything else is in force too
 */
int gateway_reload(struct gateway *g, struct state_reload *row, size_t row_max, struct err *e);

/* For struct state_source; ctx: the gateway. */
int reload_source(void *ctx, struct state_reload *row, size_t row_max, struct err *e);
int log_reopen_source(void *ctx, struct err *e);

/* SIGHUP: the same, with all that is to be said in the log. */
void gateway_reload_by_signal(struct gateway *g);

#endif
