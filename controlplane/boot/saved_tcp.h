/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_SAVED_TCP_H
#define SLUICE_BOOT_SAVED_TCP_H

#include "boot/gateway.h"

/*
 * Which order connections this process has, in a file beside the control socket
 * (control.state_file), so that the next one can clear what a kill left at the venue
 * (net/tcp_clear.h).  One line each:
 *
 *   SESSION LOCAL_IP LOCAL_PORT PEER_IP PEER_PORT SND_UNA RCV_NXT
 *
 * Written as a whole and renamed into place, whenever a connection was made or ended, looked at
 * each 20 ms, and once a second.  A connection younger than that is not in it: after a kill in its
 * first 20 ms the venue keeps it until its own timeout.
 */

/* What the last process left, into g->half_open[].  A file that is not there, or not whole, has
 * none. */
void saved_tcp_load(struct gateway *g);

/*
 * Writes the file when it is due.  Thread: control plane.
 *
 * Returns  0; or a negative errno, told once
 */
int saved_tcp_keep(struct gateway *g, uint64_t now_ns);

/* The last time: what is closed by now is not in it. */
void saved_tcp_close(struct gateway *g);

#endif
