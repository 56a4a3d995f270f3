/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_SERVER_H
#define SLUICE_CTL_CTL_SERVER_H

#include "ctl/ctl_proto.h"

enum {
	CTL_CLIENT_MAX = 16,
};

struct ctl_server_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "ctl/ctl_server_metrics.def"
#undef METRIC
};

struct ctl_server_config {
	const char *path; // of the socket
	const struct state_source *source;
	uint32_t idle_ms; // a client that does nothing for so long is disconnected; 0: 60 s
	/* Tells who changed what, for the log; NULL: nobody. */
	void (*audit)(void *ctx, const char *text);
	void *audit_ctx;
	/* Says who sends the request that is answered next; NULL: nobody wants to know. */
	void (*calling)(void *audit_ctx, uint32_t uid, uint32_t pid);
	/* Every request that changed something or was refused, as it came; NULL: nobody. */
	void (*journal)(void *ctx, uint32_t uid, uint32_t pid, bool done, const void *request,
			size_t len);
	void *journal_ctx;
};

/*
 * The control socket.  Only root and the user who runs the gateway may speak: the file has mode
 * 0600 and each peer's credentials are checked.  No client can make a call wait: sockets never
 * block, and one request per client is in work at a time.
 *
 * Thread: control plane.
 */
struct ctl_server;

/*
 * Creates the socket, and its folder (0700) when that is missing.  A socket that a dead gateway
 * left is replaced; a lock file beside it (path.lock) decides who is dead.
 *
 * Returns  0
 *          -EADDRINUSE  another gateway serves this path: *e names its pid
 *          other        named in *e; nothing is left behind
 */
int ctl_server_open(struct ctl_server **out, const struct ctl_server_config *c, struct err *e);

/* Removes the socket.  Answers that were not sent are lost. */
void ctl_server_close(struct ctl_server *s);

/* For epoll, level triggered: readable when ctl_server_poll has something to do. */
int ctl_server_fd(const struct ctl_server *s);

/*
 * Serves what is there, waiting at most timeout_ms for it.  To be called at least once a second, so
 * that idle clients are noticed.  Returns how many requests were answered.
 */
unsigned ctl_server_poll(struct ctl_server *s, int timeout_ms);

/* Serves a connected stream socket as if it had been accepted; takes the fd.  For tests. */
int ctl_server_adopt(struct ctl_server *s, int fd);

const struct ctl_server_metrics *ctl_server_metrics(const struct ctl_server *s);

#endif
