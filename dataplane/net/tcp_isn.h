/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_TCP_ISN_H
#define SLUICE_NET_TCP_ISN_H

#include "base/compiler.h"

/* The four values that name a connection; host order. */
struct tcp_tuple {
	uint32_t local_ip;
	uint32_t peer_ip;
	uint16_t local_port;
	uint16_t peer_port;
};

/*
 * An initial sequence number nobody can guess: a clock of 4 us plus a keyed hash of the addresses
 * (RFC 6528 3).  secret is the process's own, random, and stays the same while the process lives.
 */
COLD uint32_t tcp_isn_of(const struct tcp_tuple *t, const uint64_t secret[2], uint64_t now_ns);

#endif
