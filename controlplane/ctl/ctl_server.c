/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_server.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/metric.h"
#include "err/err.h"
#include "err/fault.h"

enum {
	IDLE_MS_DEFAULT = 60000,
	EPOLL_BATCH = CTL_CLIENT_MAX + 1,
};

struct client {
	int fd; // -1: free
	uint32_t polled;
	uint64_t active_ms; // when it last sent or took a byte
	uid_t uid;
	pid_t pid;
	struct ctl_conn conn;
};

struct ctl_server {
	struct ctl_server_config c;
	char *path;
	int epoll_fd;
	int listen_fd;
	int lock_fd;
	uint32_t client_cnt;
	struct ctl_server_metrics metrics;
	struct client client[CTL_CLIENT_MAX];
};

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/*
 * Opening
 */

/* The folder, made when missing.  Nobody else may be able to put another socket there. */
static int
folder_ready(const char *path, struct err *e)
{
	char copy[PATH_MAX];
	struct stat st;
	const char *folder;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return err_set(e, -errno,
			       "folder %s cannot be made: %s; make it, or set "
			       "control.socket to another path %s",
			       folder, strerror(errno), fault_tag(FAULT_SOCKET_FOLDER));
	if (stat(folder, &st) != 0)
		return err_set(e, -errno, "folder %s: %s %s", folder, strerror(errno),
			       fault_tag(FAULT_SOCKET_FOLDER));
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR,
			       "%s is not a folder; set control.socket to another path %s", folder,
			       fault_tag(FAULT_SOCKET_FOLDER));
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)))
		return err_set(e, -EPERM,
			       "folder %s belongs to or may be written by other users; "
			       "chown it to the gateway's user and chmod it to 0700 %s",
			       folder, fault_tag(FAULT_SOCKET_FOLDER));
	return 0;
}

/* The pid a lock's owner wrote into it; 0 when unreadable. */
static long
lock_owner(int fd)
{
	char text[24] = { 0 };

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* Whoever holds the lock serves the path.  The kernel gives it back when its owner dies. */
static int
lock_take(struct ctl_server *s, struct err *e)
{
	char path[PATH_MAX], text[24];
	int len;

	snprintf(path, sizeof(path), "%s.lock", s->path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return err_set(e, -errno,
			       "%s cannot be opened: %s; start the gateway as the user "
			       "who owns it %s",
			       path, strerror(errno), fault_tag(FAULT_SOCKET_FILE));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		const long pid = lock_owner(s->lock_fd);
		char who[32] = "";

		if (pid > 0)
			snprintf(who, sizeof(who), " (pid %ld)", pid);
		return err_set(e, -EADDRINUSE,
			       "a gateway%s already runs with control socket %s; stop it, or give "
			       "this one another control.socket and eal.file_prefix %s",
			       who, s->path, fault_tag(FAULT_SECOND_SOCKET));
	}
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, text, (size_t)len, 0) != len)
		return err_set(e, -EIO, "%s cannot be written", path);
	return 0;
}

/* Removes what a dead gateway left.  Something else under that name is not ours to remove. */
static int
stale_remove(const char *path, const struct sockaddr_un *addr, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST,
			       "%s exists and is no socket; set control.socket to "
			       "another path or remove it %s",
			       path, fault_tag(FAULT_SOCKET_FILE));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, -errno, "no socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (rc == 0 || errno == EAGAIN) {
		struct ucred peer = { 0 };
		socklen_t len = sizeof(peer);

		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
		close(fd);
		return err_set(e, -EADDRINUSE,
			       "process %ld listens on %s; stop it, or set control.socket to "
			       "another path %s",
			       (long)peer.pid, path, fault_tag(FAULT_SECOND_SOCKET));
	}
	close(fd);
	return unlink(path) == 0 ? 0
				 : err_set(e, -errno, "%s cannot be removed: %s %s", path,
					   strerror(errno), fault_tag(FAULT_SOCKET_FILE));
}

static int
watch(struct ctl_server *s, int op, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	return epoll_ctl(s->epoll_fd, op, fd, &ev);
}

static int
listen_start(struct ctl_server *s, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t old;
	int rc;

	memcpy(addr.sun_path, s->path, strlen(s->path) + 1);
	rc = stale_remove(s->path, &addr, e);
	if (rc < 0)
		return rc;
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return err_set(e, -errno, "no socket: %s", strerror(errno));
	old = umask(0177); // the file is never open to others, not even for a moment
	rc = bind(s->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	rc = rc == 0 ? 0 : -errno;
	umask(old);
	if (rc < 0) {
		close(s->listen_fd); // so that close does not remove what we did not make
		s->listen_fd = -1;
		return err_set(e, rc, "control socket %s cannot be made: %s", s->path,
			       strerror(-rc));
	}
	if (listen(s->listen_fd, CTL_CLIENT_MAX) != 0 ||
	    watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, CTL_CLIENT_MAX) != 0)
		return err_set(e, -errno, "control socket %s cannot listen: %s", s->path,
			       strerror(errno));
	return 0;
}

int
ctl_server_open(struct ctl_server **out, const struct ctl_server_config *c, struct err *e)
{
	const size_t len = strlen(c->path);
	struct ctl_server *s;
	int rc;

	if (len == 0 || len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(e, -ENAMETOOLONG,
			       "control socket path '%s' has %zu bytes, 1..%zu are allowed",
			       c->path, len, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(e, -ENOMEM, "no memory for the control socket");
	s->c = *c;
	s->epoll_fd = s->listen_fd = s->lock_fd = -1;
	if (s->c.idle_ms == 0)
		s->c.idle_ms = IDLE_MS_DEFAULT;
	for (unsigned i = 0; i < CTL_CLIENT_MAX; i++)
		s->client[i].fd = -1;
	s->path = strdup(c->path);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->path == NULL || s->epoll_fd < 0)
		rc = err_set(e, -ENOMEM, "no memory or no file for the control socket");
	else
		rc = folder_ready(s->path, e);
	if (rc == 0)
		rc = lock_take(s, e);
	if (rc == 0)
		rc = listen_start(s, e);
	if (rc < 0) {
		ctl_server_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

/*
 * Clients
 */

static void
client_drop(struct ctl_server *s, struct client *c)
{
	close(c->fd); // epoll forgets it too
	c->fd = -1;
	ctl_conn_fini(&c->conn);
	s->client_cnt--;
	metric_set(&s->metrics.client, s->client_cnt);
}

/* Sends what the socket takes.  False when the client is gone and was dropped. */
static bool
client_send(struct ctl_server *s, struct client *c)
{
	const uint8_t *from = NULL;
	size_t left;

	while ((left = ctl_conn_out(&c->conn, &from)) != 0) {
		const ssize_t n = send(c->fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0) {
			metric_add(&s->metrics.client_broken, 1);
			client_drop(s, c);
			return false;
		}
		ctl_conn_sent(&c->conn, (size_t)n);
		c->active_ms = now_ms();
	}
	if (!c->conn.closing)
		return true;
	client_drop(s, c);
	return false;
}

static void
audit(struct ctl_server *s, const struct client *c)
{
	char text[STATE_TEXT_MAX];

	if (s->c.audit == NULL || !CTL_COMMAND[c->conn.last_command].changes)
		return;
	snprintf(text, sizeof(text), "'%s' by uid %ld, pid %ld, on the control socket",
		 CTL_COMMAND[c->conn.last_command].words, (long)c->uid, (long)c->pid);
	s->c.audit(s->c.audit_ctx, text);
}

static void
journal(struct ctl_server *s, struct client *c)
{
	const bool done = c->conn.last_command != CTL_COMMAND_CNT;

	if (s->c.journal == NULL || (done && !CTL_COMMAND[c->conn.last_command].changes))
		return;
	s->c.journal(s->c.journal_ctx, (uint32_t)c->uid, (uint32_t)c->pid, done, c->conn.body,
		     c->conn.last_bytes);
}

/* Reads until one request is answered or nothing is there.  True when one was. */
static bool
client_read(struct ctl_server *s, struct client *c)
{
	uint8_t *to = NULL;
	size_t want;

	while ((want = ctl_conn_want(&c->conn, &to)) != 0) {
		const ssize_t n = recv(c->fd, to, want, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			ctl_conn_end(&c->conn);
			break;
		}
		c->active_ms = now_ms();
		c->conn.last_command = CTL_COMMAND_CNT;
		if (s->c.calling != NULL)
			s->c.calling(s->c.audit_ctx, (uint32_t)c->uid, (uint32_t)c->pid);
		c->conn.last_bytes = 0;
		ctl_conn_got(&c->conn, s->c.source, (size_t)n);
	}
	if (c->conn.out == NULL)
		return false;
	journal(s, c);
	if (c->conn.last_command == CTL_COMMAND_CNT) {
		metric_add(&s->metrics.request_refused, 1);
	} else {
		metric_add(&s->metrics.request_done, 1);
		audit(s, c);
	}
	return true;
}

static bool
client_serve(struct ctl_server *s, struct client *c, uint32_t events)
{
	const uint8_t *from;
	bool answered = false;
	uint32_t want;

	if (ctl_conn_out(&c->conn, &from) == 0)
		answered = client_read(s, c);
	else if (events & (EPOLLERR | EPOLLHUP)) {
		metric_add(&s->metrics.client_broken, 1);
		client_drop(s, c);
		return false;
	}
	if (!client_send(s, c))
		return answered;
	want = ctl_conn_out(&c->conn, &from) == 0 ? EPOLLIN : EPOLLOUT;
	if (want != c->polled &&
	    watch(s, EPOLL_CTL_MOD, c->fd, want, (uint64_t)(c - s->client)) == 0)
		c->polled = want;
	return answered;
}

/* One answer to somebody who gets no place, as far as the socket takes it at once. */
static void
turn_away(int fd, int code, const char *text)
{
	struct ctl_conn *conn = malloc(sizeof(*conn));
	const uint8_t *from;
	size_t len;

	if (conn != NULL) {
		ctl_conn_init(conn);
		ctl_conn_refuse(conn, code, text);
		len = ctl_conn_out(conn, &from);
		if (len != 0 && send(fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			len = 0; // it will see the end of the connection instead
		ctl_conn_fini(conn);
		free(conn);
	}
	close(fd);
}

int
ctl_server_adopt(struct ctl_server *s, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	struct client *c = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		metric_add(&s->metrics.client_refused_peer, 1);
		turn_away(fd, -EACCES, "only root and the user who runs the gateway may ask");
		return -EACCES;
	}
	for (unsigned i = 0; i < CTL_CLIENT_MAX && c == NULL; i++)
		if (s->client[i].fd < 0)
			c = &s->client[i];
	if (c == NULL || watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)(c - s->client)) != 0) {
		metric_add(&s->metrics.client_refused_many, 1);
		turn_away(fd, -EBUSY, "too many clients are connected, try again");
		return -EBUSY;
	}
	c->fd = fd;
	c->polled = EPOLLIN;
	c->active_ms = now_ms();
	c->uid = peer.uid;
	c->pid = peer.pid;
	ctl_conn_init(&c->conn);
	s->client_cnt++;
	metric_add(&s->metrics.client_accepted, 1);
	metric_set(&s->metrics.client, s->client_cnt);
	return 0;
}

static void
accept_all(struct ctl_server *s)
{
	for (unsigned n = 0; n < CTL_CLIENT_MAX; n++) {
		const int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		ctl_server_adopt(s, fd);
	}
}

static void
drop_idle(struct ctl_server *s)
{
	const uint64_t now = now_ms();

	for (unsigned i = 0; i < CTL_CLIENT_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || now - c->active_ms < s->c.idle_ms)
			continue;
		metric_add(&s->metrics.client_idle, 1);
		client_drop(s, c);
	}
}

unsigned
ctl_server_poll(struct ctl_server *s, int timeout_ms)
{
	struct epoll_event ev[EPOLL_BATCH];
	unsigned answered = 0;
	int cnt;

	drop_idle(s); // before the events, so that none of them names a client that is gone
	cnt = epoll_wait(s->epoll_fd, ev, EPOLL_BATCH, timeout_ms);
	for (int i = 0; i < cnt; i++) {
		if (ev[i].data.u64 == CTL_CLIENT_MAX)
			accept_all(s);
		else if (s->client[ev[i].data.u64].fd >= 0)
			answered += client_serve(s, &s->client[ev[i].data.u64], ev[i].events);
	}
	return answered;
}

int
ctl_server_fd(const struct ctl_server *s)
{
	return s->epoll_fd;
}

const struct ctl_server_metrics *
ctl_server_metrics(const struct ctl_server *s)
{
	return &s->metrics;
}

void
ctl_server_close(struct ctl_server *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < CTL_CLIENT_MAX; i++)
		if (s->client[i].fd >= 0)
			client_drop(s, &s->client[i]);
	if (s->listen_fd >= 0) {
		unlink(s->path);
		close(s->listen_fd);
	}
	if (s->lock_fd >= 0)
		close(s->lock_fd); // the file stays: removing it would let two have the lock
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s->path);
	free(s);
}
