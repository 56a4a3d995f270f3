/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_CLOCK_WATCH_H
#define SLUICE_BOOT_CLOCK_WATCH_H

#include "boot/gateway.h"

/*
 * Keeps the lanes' time of day on the system's clock, as observe/clock_follow.h does it: g->clock
 * and each lane's copy get a new rate once a second.  A system clock that was set far away is told
 * in the log, and not followed.
 *
 * Thread: control plane.
 */

/* Returns 0, or -ENOMEM with the words in *e. */
int clock_watch_open(struct gateway *g, struct err *e);
void clock_watch_close(struct gateway *g);

/* Once a second. */
void clock_watch_look(struct gateway *g);

#endif
