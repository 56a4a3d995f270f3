/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_LOGIN_BLANK_H
#define SLUICE_OBSERVE_LOGIN_BLANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Takes the passwords out of captured frames.  A SoupBinTCP login is the first thing a client says
 * on a connection, so its password lies at fixed bytes of the stream.  Where a connection's first
 * byte is known (its SYN was seen, or the session told) just these ten bytes become '*'.  Of a
 * connection whose beginning is not known, every byte the client sends is blanked: rather a hole in
 * the capture than a password.  Checksums are kept right.
 */
enum {
	LOGIN_BLANK_PEER_MAX = 128,
};

/* A server that is logged in to. */
struct login_blank_peer {
	uint32_t ip; // host order
	uint16_t port;
	uint16_t local_port; // of the connection whose beginning is known
	bool known;
	bool past;    // so far behind its beginning that sequence numbers may come again
	uint32_t isn; // of its SYN
};

struct login_blank {
	uint32_t peer_cnt;
	struct login_blank_peer peer[LOGIN_BLANK_PEER_MAX];
};

/* One more server; false when there are too many.  The same one twice is one. */
bool login_blank_add(struct login_blank *b, uint32_t ip, uint16_t port);

/* What a session says about its connection to the server. */
void login_blank_tell(struct login_blank *b, uint32_t ip, uint16_t port, uint16_t local_port,
		      uint32_t isn);

/* Frames were lost, a SYN perhaps: no connection's beginning is known any more. */
void login_blank_forget(struct login_blank *b);

/* Blanks what is to be blanked in a frame, which may be cut short.  True when something was. */
bool login_blank_frame(struct login_blank *b, uint8_t *frame, size_t len);

#endif
