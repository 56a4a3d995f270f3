/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_RIVAL_GATEWAY_H
#define SLUICE_PERF_RIVAL_GATEWAY_H

/*
 * A gateway on kernel sockets, for comparison: the lane's own stages and hops from arb to encode
 * and back, in one thread on one core, between a busy-polled recvmmsg() and a send() with
 * TCP_NODELAY. The interfaces md1 (10.10.1.2) and oe1 (10.10.2.2) are there, the venue
 * at 10.10.2.1:26488.
 *
 * strategies: as struct lab_setup's.  Never returns.
 */
_Noreturn void rival_gateway_run(unsigned core, const char *strategies, const char *risk_more);

#endif
