/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_PCAP_OUT_H
#define SLUICE_SIM_PCAP_OUT_H

#include <netinet/in.h>
#include <stdio.h>

#include "base/compiler.h"

/* Writes UDP payloads as Ethernet frames into a nanosecond pcap file. */
struct pcap_out {
	FILE *f;
	uint64_t midnight_ns; // added to every time, since 1970
	uint16_t ip_id;
};

/* 0 or a negative errno. */
int pcap_out_open(struct pcap_out *p, const char *path, uint64_t midnight_ns);
/* 0 or a negative errno: the file may be short. */
int pcap_out_close(struct pcap_out *p);

/* One datagram, at ts_ns since midnight; the group's Ethernet address is derived from `to`. */
void pcap_out_udp(struct pcap_out *p, uint64_t ts_ns, const struct sockaddr_in *from,
		  const struct sockaddr_in *to, const uint8_t *payload, uint16_t len);

#endif
