/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_RIVAL_LWIP_H
#define SLUICE_PERF_RIVAL_LWIP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One TCP connection of lwIP's raw API over a port of the caller's.  Debian's library as it is:
 * locks of its sys_arch, checksums in software while copying.  No Nagle.  Its packets are copied
 * behind one fixed Ethernet header, without ARP, which favours it.
 *
 * lwIP has global state: one of these per process.  Its names are ours too (tcp_connect), so it is
 * loaded apart and no other header of ours stands beside this one.
 */
struct rival_lwip_port {
	uint8_t *(*room)(void *arg);                 // for one frame; NULL: none
	void (*send)(void *arg, uint16_t frame_len); // what was written there is with the port then
	void (*data)(void *arg, const uint8_t *bytes, uint16_t len); // received; NULL: thrown away
	void *arg;
};

/* Opens with local and peer addresses in host order.  NULL, or the words of what is missing. */
const char *rival_lwip_open(const struct rival_lwip_port *port, uint32_t local_ip, uint32_t peer_ip,
			    uint16_t peer_port);

/* tcp_write and tcp_output: the frame is with the port when it returns.  False: refused. */
bool rival_lwip_send(const uint8_t *payload, uint16_t len);

/* A frame from the peer.  False: no buffer. */
bool rival_lwip_input(const uint8_t *frame, uint16_t len);

bool rival_lwip_connected(void);

/* Retransmissions and delayed acknowledgements: every 250 ms. */
void rival_lwip_on_time(void);

#endif
