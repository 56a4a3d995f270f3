/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_CONTROL_H
#define SLUICE_BOOT_CONTROL_H

#include "boot/gateway.h"

/*
 * The slow thread: commands, metrics, events, links, until a signal or a failed lane ends it.
 *
 * Thread   control plane, between lanes_launch and lanes_stop
 * Returns  0 after SIGTERM or SIGINT; -EFAULT when a lane ended by a must()
 */
int control_run(struct gateway *g, struct err *e);

/* Opens the socket, the exporters and the log; refuses when another sluice has the socket. */
int control_open(struct gateway *g, struct err *e);
void control_close(struct gateway *g);

/* What the run came to, for people. */
void control_summary(struct gateway *g);

#endif
