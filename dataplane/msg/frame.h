/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MSG_FRAME_H
#define SLUICE_MSG_FRAME_H

#include "msg/head.h"

/*
 * rx -> arb: one received UDP payload of a known feed; also rx -> the lane that owns a port's
 * neighbours and connections, for frames that are not market data.  Carries a buffer: whoever takes
 * the message owns it, and frees it or hands it on.
 */
struct frame {
	struct msg_head head;
	void *buf;           // the port's buffer (an mbuf, or a test's block)
	const uint8_t *data; // market data: first byte of the UDP payload; otherwise: of the
			     // Ethernet header
	uint16_t len;        // bytes at data
	uint8_t line_idx;    // market data: which line of the feed
	uint8_t port_idx;
	uint32_t src_ip;   // host order
	uint64_t heard_ns; // the lane's clock, whatever the NIC's stamp in head.rx_ns says
};
static_assert(sizeof(struct frame) == CACHE_LINE, "one message, one cache line");

#endif
