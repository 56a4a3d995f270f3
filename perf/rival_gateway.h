/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_RIVAL_GATEWAY_H
#define SLUICE_PERF_RIVAL_GATEWAY_H

/*
 * Gateways to compare with: the lane's own stages and hops from arb to encode and back, in one
 * thread on one core, between transports that others use.  The venue is at 10.10.2.1:26488; where
 * the kernel has part in it the interfaces md1 (10.10.1.2) and oe1 (10.10.2.2) are there.
 */
enum rival_md {
	RIVAL_MD_SOCKET, // busy-polled recvmmsg(), into buffers of DPDK's pool
	RIVAL_MD_MEMIF,  // DPDK: rx_burst of a memif port, then our rx
};

enum rival_tcp {
	RIVAL_TCP_KERNEL, // send() with TCP_NODELAY, recv() without waiting
	RIVAL_TCP_LWIP,   // lwIP's raw API over a memif port
};

struct rival_gateway_setup {
	unsigned core;
	const char *strategies; // as struct lab_setup's
	const char *risk_more;  // the same
	const char *folder;     // of the memif sockets md.memif and oe.memif
	enum rival_md md;
	enum rival_tcp tcp;
};

/* Never returns. */
_Noreturn void rival_gateway_run(const struct rival_gateway_setup *setup);

#endif
