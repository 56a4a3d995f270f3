/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "venue.h"

enum { READ_BYTES = 4096, REQUEST_BURST = 32 };

#define DRAIN_NS     NS_PER_SEC // how long a closed connection may take to end
#define SLOW_SPIN_NS 1000000ULL // how often a spin that is paced goes on

/* --- request servers --- */

static void
send_answer(void *ctx, unsigned server, const struct sockaddr_in *to, const uint8_t *bytes,
	    uint16_t len)
{
	struct venue *v = ctx;

	if (sendto(v->request_fd[server], bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)) <
	    0)
		v->send_error_cnt++;
}

static void
serve_requests(struct venue *v, unsigned server, uint64_t now_ns)
{
	uint8_t request[2048];
	struct sockaddr_in from;

	for (unsigned n = 0; n < REQUEST_BURST; n++) {
		socklen_t from_len = sizeof(from);
		const ssize_t len = recvfrom(v->request_fd[server], request, sizeof(request), 0,
					     (struct sockaddr *)&from, &from_len);

		if (len < 0)
			return;
		requests_on_datagram(&v->requests, server, &from, request, (size_t)len, now_ns);
	}
}

/* Binds a socket of the recovery address; *port is the one bound afterwards. */
static int
open_at(struct venue *v, int type, uint16_t *port, int *out)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = v->c.recovery_ip,
				  .sin_port = htons(*port) };
	socklen_t at_len = sizeof(at);
	const int one = 1;

	*out = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*out < 0)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(*out, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(*out, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    getsockname(*out, (struct sockaddr *)&at, &at_len) != 0)
		return -1;
	*port = ntohs(at.sin_port);
	return 0;
}

/* --- the snapshot server --- */

static void
snapshot(void *ctx, uint64_t old_cnt, struct spin *out)
{
	struct venue *v = ctx;
	const uint64_t next_seq = feed_next_seq(&v->feed);
	const uint64_t past_seq = next_seq > old_cnt ? next_seq - old_cnt : 1;
	const uint64_t tape_seq = feed_tape_seq(&v->feed, past_seq);

	if (old_cnt == 0 || tape_seq == 0 || !spin_make_past(out, &v->tape, tape_seq, past_seq))
		spin_make(out, &v->spin_state, &v->match, next_seq);
}

static void
snapshot_close(struct venue_snapshot *s)
{
	if (!s->draining)
		glimpse_conn_fini(&s->conn);
	close(s->fd);
	s->fd = -1;
}

static void
snapshot_reset(struct venue_snapshot *s)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	snapshot_close(s);
}

static void
snapshot_watch(struct venue *v, struct venue_snapshot *s, bool output)
{
	struct epoll_event e = {
		.events = EPOLLIN | (output ? EPOLLOUT : 0),
		.data.u64 = (uint64_t)SOURCE_SNAPSHOT << 32 | (uint32_t)(s - v->snapshot),
	};

	if (s->writable_wanted == output)
		return;
	s->writable_wanted = output;
	epoll_ctl(v->epoll_fd, EPOLL_CTL_MOD, s->fd, &e);
}

/* Our side is done: what the client still sends is read and forgotten until it ends too. */
static void
snapshot_drain(struct venue *v, struct venue_snapshot *s, uint64_t now_ns)
{
	shutdown(s->fd, SHUT_WR);
	glimpse_conn_fini(&s->conn);
	s->draining = true;
	s->drain_until_ns = now_ns + DRAIN_NS;
	snapshot_watch(v, s, false);
}

/* Sends as much as the client takes, and ends the connection if that is due. */
static void
snapshot_flush(struct venue *v, struct venue_snapshot *s, uint64_t now_ns)
{
	do {
		while (s->conn.out.len > 0) {
			const ssize_t sent = send(s->fd, s->conn.out.at, s->conn.out.len,
						  MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent < 0 && errno == EINTR)
				continue;
			if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
				snapshot_watch(v, s, true);
				return;
			}
			if (sent < 0) {
				snapshot_close(s);
				return;
			}
			glimpse_conn_sent(&s->conn, (size_t)sent);
		}
	} while (glimpse_conn_fill(&s->conn, now_ns));
	snapshot_watch(v, s, false);
	if (s->conn.cut == OE_RESET)
		snapshot_reset(s);
	else if (s->conn.cut != OE_KEEP && s->conn.out.len == 0)
		snapshot_drain(v, s, now_ns);
}

static void
snapshot_read(struct venue *v, struct venue_snapshot *s, uint64_t now_ns)
{
	uint8_t bytes[READ_BYTES];
	const ssize_t len = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (len <= 0) {
		snapshot_close(s);
		return;
	}
	if (s->draining)
		return;
	glimpse_conn_on_bytes(&s->conn, bytes, (size_t)len, now_ns);
	snapshot_flush(v, s, now_ns);
}

static void
snapshot_accept(struct venue *v, uint64_t now_ns)
{
	struct glimpse *g = &v->glimpse;
	const int one = 1;
	int fd;

	while ((fd = accept4(v->snapshot_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct venue_snapshot *s = v->snapshot;

		while (s < v->snapshot + VENUE_SNAPSHOTS_MAX && s->fd >= 0)
			s++;
		if (g->n.dropped < fault_number(&v->c.faults, FAULT_snapshot_drop) ||
		    s == v->snapshot + VENUE_SNAPSHOTS_MAX) {
			g->n.dropped++;
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		s->fd = fd;
		s->draining = s->writable_wanted = false;
		glimpse_conn_init(&s->conn, g, now_ns);
		if (venue_watch(v, fd, SOURCE_SNAPSHOT, (unsigned)(s - v->snapshot), EPOLLIN) != 0)
			snapshot_close(s);
	}
}

/* --- both --- */

int
recovery_open(struct venue *v)
{
	requests_init(&v->requests, &v->feed, &v->c.faults, v->c.feed.seed);
	v->requests.send = send_answer;
	v->requests.ctx = v;
	for (unsigned i = 0; i < v->c.request_port_cnt; i++) {
		if (open_at(v, SOCK_DGRAM, &v->c.request_port[i], &v->request_fd[i]) != 0 ||
		    venue_watch(v, v->request_fd[i], SOURCE_REQUEST, i, EPOLLIN) != 0)
			return venue_fail("request server", strerror(errno));
	}
	glimpse_init(&v->glimpse, &v->c.glimpse, &v->c.faults, v->c.feed.seed);
	v->glimpse.snapshot = snapshot;
	v->glimpse.ctx = v;
	if (!v->c.serve_snapshots)
		return 0;
	if (open_at(v, SOCK_STREAM, &v->c.snapshot_port, &v->snapshot_fd) != 0 ||
	    listen(v->snapshot_fd, VENUE_SNAPSHOTS_MAX) != 0 ||
	    venue_watch(v, v->snapshot_fd, SOURCE_SNAPSHOT_LISTEN, 0, EPOLLIN) != 0)
		return venue_fail("snapshot server", strerror(errno));
	return 0;
}

void
recovery_close(struct venue *v)
{
	for (unsigned i = 0; i < VENUE_SNAPSHOTS_MAX; i++) {
		if (v->snapshot[i].fd >= 0)
			snapshot_close(&v->snapshot[i]);
	}
	for (unsigned i = 0; i < v->c.request_port_cnt; i++) {
		if (v->request_fd[i] >= 0)
			close(v->request_fd[i]);
	}
	if (v->snapshot_fd >= 0)
		close(v->snapshot_fd);
	requests_fini(&v->requests);
}

void
recovery_on_event(struct venue *v, enum venue_source source, unsigned idx, uint32_t events,
		  uint64_t now_ns)
{
	struct venue_snapshot *s = &v->snapshot[idx % VENUE_SNAPSHOTS_MAX];

	switch (source) {
	case SOURCE_REQUEST:
		serve_requests(v, idx, now_ns);
		break;
	case SOURCE_SNAPSHOT_LISTEN:
		snapshot_accept(v, now_ns);
		break;
	default:
		if (s->fd >= 0 && !s->draining && (events & EPOLLOUT))
			snapshot_flush(v, s, now_ns);
		if (s->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			snapshot_read(v, s, now_ns);
	}
}

void
recovery_run(struct venue *v, uint64_t now_ns)
{
	requests_run(&v->requests, now_ns);
	for (unsigned i = 0; i < VENUE_SNAPSHOTS_MAX; i++) {
		struct venue_snapshot *s = &v->snapshot[i];

		if (s->fd >= 0 && !s->draining && !s->writable_wanted)
			snapshot_flush(v, s, now_ns);
	}
}

uint64_t
recovery_due_ns(const struct venue *v)
{
	uint64_t due_ns = requests_due_ns(&v->requests);

	if (fault_number(&v->c.faults, FAULT_snapshot_rate) == 0)
		return due_ns;
	for (unsigned i = 0; i < VENUE_SNAPSHOTS_MAX; i++) {
		const struct glimpse_conn *c = &v->snapshot[i].conn;

		if (v->snapshot[i].fd >= 0 && !v->snapshot[i].draining && c->state == OE_UP &&
		    !c->ended && !c->stalled && c->tx_ns + SLOW_SPIN_NS < due_ns)
			due_ns = c->tx_ns + SLOW_SPIN_NS;
	}
	return due_ns;
}

void
recovery_sweep(struct venue *v, uint64_t now_ns)
{
	for (unsigned i = 0; i < VENUE_SNAPSHOTS_MAX; i++) {
		struct venue_snapshot *s = &v->snapshot[i];

		if (s->fd < 0)
			continue;
		if (!s->draining)
			glimpse_conn_on_time(&s->conn, now_ns);
		else if (now_ns > s->drain_until_ns)
			snapshot_close(s);
	}
}
