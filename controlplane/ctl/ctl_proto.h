/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_PROTO_H
#define SLUICE_CTL_CTL_PROTO_H

#include "base/wire_int.h"
#include "ctl/ctl_commands.h"

/*
 * The control socket's conversation: a Unix stream; each request and each answer is a 32-bit
 * big-endian length and that many bytes of JSON (ctl_commands.h).  A client may ask again on the
 * same connection after it has its answer.
 */
enum {
	CTL_HEAD_BYTES = 4,
	CTL_REQUEST_MAX = 64 * 1024,      // bytes of JSON
	CTL_ANSWER_MAX = 8 * 1024 * 1024, // bytes of JSON
};

#define CTL_SOCKET_DEFAULT "/run/sluice/sluice.sock"

/*
 * The server's side of one connection, without the socket.  It takes one request at a time: while
 * an answer waits to be sent, nothing more is taken, so memory is bounded whatever the client does.
 */
struct ctl_conn {
	uint32_t have_bytes; // of head, then of body
	uint32_t body_bytes; // 0: the head is not complete
	uint8_t head[CTL_HEAD_BYTES];
	bool closing;                  // close when the answer is sent
	enum ctl_command last_command; // of the last request; CTL_COMMAND_CNT: refused
	uint32_t last_bytes;           // of its body, which is still there
	uint8_t *out;                  // the answer with its head, NULL when there is none
	size_t out_bytes;
	size_t sent_bytes;
	uint8_t body[CTL_REQUEST_MAX];
};

void ctl_conn_init(struct ctl_conn *c);
void ctl_conn_fini(struct ctl_conn *c);

/* Where to read to and how many bytes are wanted; 0 while an answer waits or after closing. */
size_t ctl_conn_want(struct ctl_conn *c, uint8_t **to);

/* n bytes were read to where ctl_conn_want said.  A complete request is done and answered. */
void ctl_conn_got(struct ctl_conn *c, const struct state_source *s, size_t n);

/* The client will send no more.  A half request is answered with an error. */
void ctl_conn_end(struct ctl_conn *c);

/* What is left to send; 0 when nothing is. */
size_t ctl_conn_out(const struct ctl_conn *c, const uint8_t **from);

/* n bytes of it were sent. */
void ctl_conn_sent(struct ctl_conn *c, size_t n);

/* Refuses: one error answer, then the connection ends. */
void ctl_conn_refuse(struct ctl_conn *c, int code, const char *text);

#endif
