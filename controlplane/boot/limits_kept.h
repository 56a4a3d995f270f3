/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_LIMITS_KEPT_H
#define SLUICE_BOOT_LIMITS_KEPT_H

#include "boot/gateway.h"
#include "err/err.h"

/*
 * What was set by hand before this start is in force again (limits_keep_open), and the log says
 * each of it.  After limits_open, before any lane runs.  Returns 0, or a negative errno with the
 * words in *e: then the gateway must not start.
 */
int limits_kept_open(struct gateway *g, struct err *e);

/* The log says once when the file cannot be written, and once when it can again. */
void limits_kept_look(struct gateway *g);

#endif
