/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_EAL_START_H
#define SLUICE_BOOT_EAL_START_H

#include "boot/gateway.h"

/*
 * What would make eal_start fail and can be known before anything is touched: our user, huge pages,
 * the ports' devices.  Decides whether we run on huge pages.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int eal_check(struct gateway *g, struct err *e);

/*
 * Starts DPDK's environment: one EAL lcore per lane (lcore i + 1 is lane i, pinned to its core) and
 * lcore 0 for the control plane, the ports' devices, and memory from huge pages with the
 * configuration shared, so that dpdk-dumpcap and dpdk-telemetry can attach.  Without enough huge
 * pages it starts on ordinary ones when hugepages.degraded_ok allows that, and says so loudly.
 *
 * Thread   control plane, once, after eal_check; it is pinned to the control core from then on
 * Returns  0, or a negative errno with the words in *e
 */
int eal_start(struct gateway *g, struct err *e);

/* Gives everything back, down to DPDK's files. */
void eal_stop(struct gateway *g);

#endif
