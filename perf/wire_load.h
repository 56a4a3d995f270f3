/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_WIRE_LOAD_H
#define SLUICE_PERF_WIRE_LOAD_H

#include "wire_rig.h"

/*
 * Rates from 1,000 packets of market data a second to the limit, one message each.  Up to 2,000 of
 * a second ask for an order and are timed from when they were due; the others change a price far
 * from the best.  Each rate is held for a while by the plan.  A rate counts as without loss when
 * the gateway still trades after it: a packet that anyone lost makes the book suspect, and a
 * suspect book causes no orders.  Each may be tried twice, behind a new session of the feed: two
 * virtual cores lose packets for reasons of their host's.
 *
 * Figures   rate N p50, p99 (ns) of each rate that was held; lossless (packets a second);
 *           cpu at the limit (ns of all the gateway's threads per packet at that rate)
 */
void wire_sweep(struct wire *w);

/*
 * Microbursts: stretches of messages that a recorded hour has less than 20 us apart, at least 8 of
 * them, played with their recorded gaps to the nanosecond, one packet each; the last message of a
 * burst asks for an order.  Recorded is itch/aapl-20120621-open.itch50 of the shared data; without
 * it the day generator's own times stand in, and the figures are called so.
 */
void wire_bursts(struct wire *w);

#endif
