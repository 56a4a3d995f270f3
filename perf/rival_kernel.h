/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_RIVAL_KERNEL_H
#define SLUICE_PERF_RIVAL_KERNEL_H

#include "base/compiler.h"

/*
 * One TCP connection of the kernel's over a veth pair into a network namespace of its own, where a
 * child process reads, and throws away or sends back.  TCP_NODELAY.  Both are gone when the bench
 * ends, however it ends.
 *
 * What veth costs is in it: the kernel carries a frame to the peer's stack within send().
 */

/* The connected socket; -1 when this user may not make namespaces (errno). */
int rival_kernel_open(void);

/* The same, but the child spins on a core of its own and sends back what it reads. */
int rival_kernel_open_echo(unsigned core);

/* The child leaves its core to others, or comes back to it. */
void rival_kernel_pause(bool pause);

/* Waits until the peer has read everything sent. */
void rival_kernel_settle(int fd);

#endif
