/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_LAST_PATH_H
#define SLUICE_BOOT_LAST_PATH_H

#include "boot/gateway.h"

/*
 * The way out when this process must die: nobody else closes the order connections of a stack in
 * user space, and behind an open one orders rest at the venue.
 *
 * On SEGV, BUS, FPE, ILL, ABRT, whoever they hit: orders halt and the kill switch is latched, the
 * other lanes are stopped where they are, each order connection gets a reset straight through its
 * port (at both ends of what is in flight, because the peer takes one at exactly the number it
 * expects), then the process dies with the signal.  Buffers are taken beforehand; nothing
 * allocates, locks or formats.
 *
 * Not covered: SIGKILL, a power cut, a stack that overflowed, a driver whose transmit queue was
 * damaged by the fault itself.  The next start clears what they leave (saved_tcp.h).
 */

/* Thread: control plane, after lanes_launch.  Returns 0, or -ENOMEM with the words in *e. */
int last_path_open(struct gateway *g, struct err *e);

/*
 * Resets the connections of lanes that do not run any more.  Returns how many.
 *
 * Thread   control plane
 */
uint32_t last_path_reset_ended(struct gateway *g);

/* Back to the signals' own ways. */
void last_path_close(struct gateway *g);

/* Thread: a lane, when it begins. */
void last_path_register(uint32_t lane_idx);

#endif
