/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "venue.h"
#include "wire/itch50.h"

enum {
	READ_BYTES = 65536,
	FEED_BURST = 32,      // packets between two looks at the orders
	LOCATE_EXTRA = 65535, // symbols besides the tape's count down from here
	EVENTS_MAX = 64,
};

#define SWEEP_NS   (10 * 1000000ULL) // how often timeouts are looked at
#define DRAIN_NS   NS_PER_SEC        // how long a closed connection may take to end
#define GOODBYE_NS (2 * NS_PER_SEC)  // how long clients have to take the end of the day

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

int
venue_watch(struct venue *v, int fd, enum venue_source source, unsigned idx, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)source << 32 | idx };

	return epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

int
venue_fail(const char *what, const char *why)
{
	fprintf(stderr, "sluice-venue: %s: %s\n", what, why);
	return 1;
}

/* --- market data --- */

static void
send_line(void *ctx, unsigned line, const uint8_t *packet, uint16_t len)
{
	struct venue *v = ctx;

	if (v->line_fd[line] < 0)
		return;
	if (send(v->line_fd[line], packet, len, 0) == (ssize_t)len)
		return;
	if (v->send_error_cnt++ == 0)
		fprintf(stderr, "sluice-venue: line %c: %s (counted from now on)\n",
			'A' + (int)line, strerror(errno));
}

static void
apply(void *ctx, const uint8_t *msg, uint16_t len)
{
	struct venue *v = ctx;

	match_on_itch(&v->match, msg, len);
	spin_state_on_itch(&v->spin_state, msg, len);
	if (len != sizeof(struct itch50_system_event) || msg[0] != 'S')
		return;
	for (unsigned i = 0; i < v->c.account_cnt; i++)
		oe_on_system_event(v->oe[i], ((const struct itch50_system_event *)msg)->event);
}

static void
next_session(void *ctx)
{
	struct venue *v = ctx;

	for (unsigned i = 0; i < v->c.account_cnt; i++)
		oe_cancel_all(v->oe[i], 'E');
	match_clear(&v->match);
	spin_state_clear(&v->spin_state);
}

static int
open_line(struct venue *v, unsigned l)
{
	const struct venue_config *c = &v->c;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int ttl = (int)c->ttl, buffer_bytes = 4 << 20;
	struct ip_mreqn where = { .imr_address = c->source_ip };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = c->source_ip };

	if (fd < 0)
		return venue_fail("line", strerror(errno));
	v->line_fd[l] = fd;
	if (c->iface != NULL) {
		where.imr_ifindex = (int)if_nametoindex(c->iface);
		if (where.imr_ifindex == 0)
			return venue_fail(c->iface, strerror(errno));
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	if ((c->source_ip.s_addr != 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) != 0 ||
	    ((c->iface != NULL || c->source_ip.s_addr != 0) &&
	     setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof(where)) != 0) ||
	    connect(fd, (const struct sockaddr *)&c->line[l], sizeof(c->line[l])) != 0)
		return venue_fail(l == 0 ? "line A" : "line B", strerror(errno));
	return 0;
}

/* Which symbols the tape will trade, and what it will tell about them. */
static void
learn_tape(struct venue *v, bool *hours_told)
{
	static bool state_told[MATCH_LOCATE_MAX];
	struct tape_walk w = tape_seek(&v->tape, 1);
	const uint8_t *msg;
	uint16_t len;

	*hours_told = false;
	for (; tape_peek(&v->tape, &w, &msg, &len); tape_skip(&v->tape, &w)) {
		if (len != ITCH50_LEN[msg[0]])
			continue;
		if (msg[0] == 'H')
			state_told[be16_get(((const struct itch50_head *)msg)->locate)] = true;
		if (msg[0] == 'S' && ((const struct itch50_system_event *)msg)->event == 'S')
			*hours_told = true;
	}
	w = tape_seek(&v->tape, 1);
	for (; tape_peek(&v->tape, &w, &msg, &len); tape_skip(&v->tape, &w)) {
		const uint16_t locate = be16_get(((const struct itch50_head *)msg)->locate);

		if (msg[0] == 'R' && len == ITCH50_LEN['R'])
			match_name(&v->match, locate,
				   ((const struct itch50_stock_directory *)msg)->symbol,
				   state_told[locate]);
	}
}

static int
open_market(struct venue *v)
{
	bool hours_told = false;
	const char *why;
	int status;

	if (v->c.tape_path != NULL) {
		why = tape_open(&v->tape, v->c.tape_path);
		if (why != NULL)
			return venue_fail(v->c.tape_path, why);
		learn_tape(v, &hours_told);
	}
	for (unsigned i = 0; i < v->c.symbol_cnt; i++) {
		if (match_locate(&v->match, v->c.symbol[i]) == 0)
			match_name(&v->match, (uint16_t)(LOCATE_EXTRA - i), v->c.symbol[i], false);
	}
	for (unsigned i = 0; i < v->c.account_cnt; i++)
		v->c.account[i].c.hours_told = hours_told;
	feed_init(&v->feed, &v->c.feed, &v->tape, &v->c.faults);
	v->feed.send = send_line;
	v->feed.apply = apply;
	v->feed.next_session = next_session;
	v->feed.ctx = v;
	for (unsigned l = 0; l < FEED_LINES; l++) {
		if (v->c.line[l].sin_family == 0)
			continue;
		status = open_line(v, l);
		if (status != 0)
			return status;
	}
	return recovery_open(v);
}

/* --- order connections --- */

static int
open_account(struct venue *v, unsigned i)
{
	struct venue_account *a = &v->c.account[i];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = v->c.listen_ip,
				  .sin_port = htons(a->port) };
	socklen_t at_len = sizeof(at);
	const int one = 1;
	const char *why;
	char path[4096];

	v->oe[i] = malloc(sizeof(*v->oe[i]));
	if (v->oe[i] == NULL ||
	    !oe_init(v->oe[i], &a->c, &v->match, &v->c.faults, 0x5100000000ULL + i * 100000000ULL))
		return venue_fail("account", "out of memory");
	if (a->c.is_copy)
		v->oe[a->copy_of]->copy = v->oe[i];
	if (v->c.state_path != NULL) {
		snprintf(path, sizeof(path), "%s.%s", v->c.state_path, a->c.username);
		why = oe_state_open(v->oe[i], path);
		if (why != NULL)
			return venue_fail(path, why);
	}
	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0)
		return venue_fail("order port", strerror(errno));
	setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (v->c.receive_buffer_bytes > 0)
		setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &v->c.receive_buffer_bytes,
			   sizeof(v->c.receive_buffer_bytes));
	if (bind(a->fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(a->fd, 16) != 0 ||
	    getsockname(a->fd, (struct sockaddr *)&at, &at_len) != 0 ||
	    venue_watch(v, a->fd, SOURCE_LISTEN, i, EPOLLIN) != 0)
		return venue_fail("order port", strerror(errno));
	a->port = ntohs(at.sin_port);
	return 0;
}

static void
client_watch(struct venue *v, struct venue_client *c, bool input, bool output)
{
	struct epoll_event e = {
		.events = (input ? EPOLLIN : 0) | (output ? EPOLLOUT : 0),
		.data.u64 = (uint64_t)SOURCE_CLIENT << 32 | (uint32_t)(c - v->client),
	};

	if (c->armed == input && c->writable_wanted == output)
		return;
	c->armed = input;
	c->writable_wanted = output;
	epoll_ctl(v->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void
client_close(struct venue_client *c, uint64_t now_ns)
{
	if (!c->draining)
		oe_conn_fini(&c->conn, now_ns);
	close(c->fd);
	c->fd = -1;
}

static void
client_reset(struct venue_client *c, uint64_t now_ns)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client_close(c, now_ns);
}

/* Our side is done: what the client still sends is read and forgotten until it ends too. */
static void
client_drain(struct venue *v, struct venue_client *c, uint64_t now_ns)
{
	shutdown(c->fd, SHUT_WR);
	oe_conn_fini(&c->conn, now_ns);
	c->draining = true;
	c->drain_until_ns = now_ns + DRAIN_NS;
	client_watch(v, c, true, false);
}

/* Sends what waits, and ends the connection if that is due. */
static void
client_flush(struct venue *v, struct venue_client *c, uint64_t now_ns)
{
	const uint64_t most = fault_number(&v->c.faults, FAULT_write_bytes);

	if (c->conn.cut == OE_RESET) {
		client_reset(c, now_ns);
		return;
	}
	if (c->conn.cut == OE_DROP) {
		client_drain(v, c, now_ns);
		return;
	}
	oe_state_save(c->conn.oe); // what is sent is never forgotten
	while (c->conn.out.len > 0) {
		const size_t part =
			most > 0 && most < c->conn.out.len ? (size_t)most : c->conn.out.len;
		const ssize_t sent = send(c->fd, c->conn.out.at, part, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			client_watch(v, c, c->armed, true);
			return;
		}
		if (sent < 0) {
			client_close(c, now_ns);
			return;
		}
		oe_conn_sent(&c->conn, (size_t)sent);
	}
	client_watch(v, c, c->armed, false);
	if (c->conn.cut == OE_CLOSE)
		client_drain(v, c, now_ns);
}

/* The kernel forgets the wish now and then: it is told after each read. */
static void
wish_late_acks(const struct venue *v, int fd)
{
	const int zero = 0;

	if (fault_number(&v->c.faults, FAULT_late_acks) != 0)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof(zero));
}

static void
client_read(struct venue *v, struct venue_client *c, uint64_t now_ns)
{
	static uint8_t bytes[READ_BYTES];
	const ssize_t len = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (len <= 0) {
		client_close(c, now_ns);
		return;
	}
	wish_late_acks(v, c->fd);
	if (c->draining)
		return;
	oe_conn_on_bytes(&c->conn, bytes, (size_t)len, now_ns);
	if (c->conn.hold_until_ns > now_ns) {
		c->read_at_ns = c->conn.hold_until_ns;
		client_watch(v, c, false, c->writable_wanted);
	}
	client_flush(v, c, now_ns);
}

static void
client_input(struct venue *v, struct venue_client *c, uint64_t now_ns)
{
	const uint64_t delay_ms = fault_number(&v->c.faults, FAULT_read_delay_ms);

	if (c->draining || delay_ms == 0) {
		client_read(v, c, now_ns);
		return;
	}
	c->read_at_ns = now_ns + delay_ms * 1000000;
	client_watch(v, c, false, c->writable_wanted);
}

static void
accept_clients(struct venue *v, unsigned account, uint64_t now_ns)
{
	struct venue_account *a = &v->c.account[account];
	const int one = 1;
	int fd;

	while ((fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct venue_client *c = v->client;

		while (c < v->client + VENUE_CLIENTS_MAX && c->fd >= 0)
			c++;
		if (a->accepted_cnt++ < fault_number(&v->c.faults, FAULT_accept_drop) ||
		    c == v->client + VENUE_CLIENTS_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		wish_late_acks(v, fd);
		c->fd = fd;
		c->account = account;
		c->draining = false;
		c->read_at_ns = 0;
		c->armed = true;
		c->writable_wanted = false;
		oe_conn_init(&c->conn, v->oe[account], now_ns);
		if (venue_watch(v, fd, SOURCE_CLIENT, (unsigned)(c - v->client), EPOLLIN) != 0)
			client_close(c, now_ns);
	}
}

/* --- the loop --- */

static bool
market_may_start(const struct venue *v)
{
	for (unsigned i = 0; i < v->c.account_cnt; i++) {
		if (v->c.account[i].c.is_copy)
			continue;
		if (v->c.start == VENUE_START_AT_CONNECT && v->c.account[i].accepted_cnt > 0)
			return true;
		if (v->c.start == VENUE_START_AT_LOGIN && v->oe[i]->n.logins > 0)
			return true;
	}
	return v->c.start == VENUE_START_AT_ONCE;
}

static void
start_market(struct venue *v, uint64_t now_ns)
{
	if (v->feed.state != FEED_WAITING || v->c.tape_path == NULL)
		return;
	if (v->started_after_ns == 0 && market_may_start(v))
		v->started_after_ns = now_ns;
	if (v->started_after_ns != 0 && now_ns >= v->started_after_ns + v->c.start_delay_ns)
		feed_start(&v->feed, now_ns);
}

/* The last session is over: tells the accounts, and stops when the clients have gone. */
static void
end_day(struct venue *v, uint64_t now_ns)
{
	bool gone = true;

	if (v->c.tape_path == NULL || v->feed.state != FEED_OVER || v->c.stay)
		return;
	if (v->end_ns == 0) {
		for (unsigned i = 0; i < v->c.account_cnt; i++)
			oe_end(v->oe[i]);
		v->end_ns = now_ns;
	}
	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++)
		gone = gone && v->client[i].fd < 0;
	if (gone || now_ns > v->end_ns + GOODBYE_NS)
		v->stop = true;
}

/* Everything that goes by time and not by the nanosecond. */
static void
sweep(struct venue *v, uint64_t now_ns)
{
	v->swept_ns = now_ns;
	for (unsigned i = 0; i < v->c.account_cnt; i++)
		oe_on_time(v->oe[i], now_ns);
	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++) {
		struct venue_client *c = &v->client[i];

		if (c->fd < 0)
			continue;
		if (c->draining) {
			if (now_ns > c->drain_until_ns)
				client_close(c, now_ns);
			continue;
		}
		oe_conn_on_time(&c->conn, now_ns);
	}
	recovery_sweep(v, now_ns);
	start_market(v, now_ns);
	end_day(v, now_ns);
	if (v->c.exit_after_ns != 0 && now_ns - v->begin_ns >= v->c.exit_after_ns)
		v->stop = true;
}

static void
clients_flush(struct venue *v, uint64_t now_ns)
{
	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++) {
		struct venue_client *c = &v->client[i];

		if (c->fd < 0 || c->draining)
			continue;
		if (c->read_at_ns != 0 && now_ns >= c->read_at_ns) {
			c->read_at_ns = 0;
			client_watch(v, c, true, c->writable_wanted);
			client_read(v, c, now_ns);
			if (c->fd < 0 || c->draining)
				continue;
		}
		if (c->conn.out.len > 0 ? !c->writable_wanted : c->conn.cut != OE_KEEP)
			client_flush(v, c, now_ns);
	}
}

/* Sets the timer to the next thing that is due; true when something is already. */
static bool
set_timer(struct venue *v, uint64_t now_ns)
{
	uint64_t due_ns = v->swept_ns + SWEEP_NS;
	struct itimerspec t = { 0 };

	if (feed_due_ns(&v->feed) < due_ns)
		due_ns = feed_due_ns(&v->feed);
	if (recovery_due_ns(v) < due_ns)
		due_ns = recovery_due_ns(v);
	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++) {
		const struct venue_client *c = &v->client[i];

		if (c->fd >= 0 && c->read_at_ns != 0 && c->read_at_ns < due_ns)
			due_ns = c->read_at_ns;
	}
	if (due_ns <= now_ns)
		return true;
	t.it_value.tv_sec = (time_t)(due_ns / NS_PER_SEC);
	t.it_value.tv_nsec = (long)(due_ns % NS_PER_SEC);
	timerfd_settime(v->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	return false;
}

/* SIGUSR1: what the report would say if we ended here. */
static void
report_now(const struct venue *v)
{
	const int err = v->c.report_path != NULL ? venue_report(v, v->c.report_path) : 0;

	if (err != 0)
		fprintf(stderr, "sluice-venue: %s: %s\n", v->c.report_path, strerror(-err));
}

static void
on_event(struct venue *v, const struct epoll_event *e, uint64_t now_ns)
{
	const unsigned idx = (unsigned)(e->data.u64 & 0xFFFFFFFF);
	struct signalfd_siginfo signal_info;
	uint64_t ticks;

	switch ((enum venue_source)(e->data.u64 >> 32)) {
	case SOURCE_TIMER:
		(void)!read(v->timer_fd, &ticks, sizeof(ticks));
		break;
	case SOURCE_SIGNAL:
		if (read(v->signal_fd, &signal_info, sizeof(signal_info)) != sizeof(signal_info))
			break;
		if (signal_info.ssi_signo == SIGUSR1)
			report_now(v);
		else
			v->stop = true;
		break;
	case SOURCE_LISTEN:
		accept_clients(v, idx, now_ns);
		break;
	case SOURCE_CLIENT: {
		struct venue_client *c = &v->client[idx];

		if (c->fd >= 0 && !c->draining && (e->events & EPOLLOUT))
			client_flush(v, c, now_ns);
		if (c->fd >= 0 && (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			c->armed ? client_input(v, c, now_ns) : client_close(c, now_ns);
		break;
	}
	default:
		recovery_on_event(v, (enum venue_source)(e->data.u64 >> 32), idx, e->events,
				  now_ns);
	}
}

void
venue_run(struct venue *v)
{
	struct epoll_event events[EVENTS_MAX];

	while (!v->stop) {
		uint64_t now_ns = clock_ns();
		const bool at_once = set_timer(v, now_ns) || v->c.spin;
		const int n = epoll_wait(v->epoll_fd, events, EVENTS_MAX, at_once ? 0 : -1);

		now_ns = clock_ns();
		for (unsigned i = 0; i < v->c.account_cnt; i++)
			v->oe[i]->now_ns = now_ns;
		for (int i = 0; i < n; i++)
			on_event(v, &events[i], now_ns);
		feed_run(&v->feed, now_ns, FEED_BURST);
		recovery_run(v, now_ns);
		if (now_ns - v->swept_ns >= SWEEP_NS)
			sweep(v, now_ns);
		for (unsigned i = 0; i < v->c.account_cnt; i++)
			oe_state_save(v->oe[i]);
		clients_flush(v, now_ns);
	}
}

/* --- start and end --- */

static int
open_loop(struct venue *v)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	v->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	v->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (v->epoll_fd < 0 || v->timer_fd < 0 || v->signal_fd < 0 ||
	    venue_watch(v, v->timer_fd, SOURCE_TIMER, 0, EPOLLIN) != 0 ||
	    venue_watch(v, v->signal_fd, SOURCE_SIGNAL, 0, EPOLLIN) != 0)
		return venue_fail("event loop", strerror(errno));
	return 0;
}

/* Tells whoever started us where we listen. */
static int
tell_ready(const struct venue *v)
{
	char text[1024], path[4096];
	size_t len = 0;
	FILE *f;

	for (unsigned i = 0; i < v->c.account_cnt; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "order_port_%s=%u\n",
					v->c.account[i].c.username, v->c.account[i].port);
	for (unsigned i = 0; i < v->c.request_port_cnt; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "request_port=%u\n",
					v->c.request_port[i]);
	if (v->c.serve_snapshots)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "snapshot_port=%u\n",
					v->c.snapshot_port);
	if (v->c.ready_fd >= 0) {
		if (write(v->c.ready_fd, text, len) != (ssize_t)len)
			return venue_fail("--ready-fd", strerror(errno));
		close(v->c.ready_fd);
	}
	if (v->c.ready_path == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s.tmp", v->c.ready_path); // appears whole or not at all
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || rename(path, v->c.ready_path) != 0)
		return venue_fail(v->c.ready_path, strerror(errno));
	return 0;
}

int
venue_open(struct venue *v, const struct venue_config *c)
{
	int status;

	memset(v, 0, sizeof(*v));
	v->c = *c;
	v->epoll_fd = v->timer_fd = v->signal_fd = v->snapshot_fd = -1;
	for (unsigned i = 0; i < REQUEST_SERVERS_MAX; i++)
		v->request_fd[i] = -1;
	for (unsigned i = 0; i < VENUE_SNAPSHOTS_MAX; i++)
		v->snapshot[i].fd = -1;
	v->line_fd[0] = v->line_fd[1] = -1;
	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++)
		v->client[i].fd = -1;
	for (unsigned i = 0; i < VENUE_ACCOUNTS_MAX; i++)
		v->c.account[i].fd = -1;
	if (!match_init(&v->match, oe_on_fill, NULL) || !spin_state_init(&v->spin_state))
		return venue_fail("books", "out of memory");
	status = open_loop(v);
	if (status == 0)
		status = open_market(v);
	for (unsigned i = 0; status == 0 && i < v->c.account_cnt; i++)
		status = open_account(v, i);
	if (status == 0)
		status = tell_ready(v);
	v->begin_ns = v->swept_ns = clock_ns();
	return status;
}

void
venue_close(struct venue *v)
{
	const uint64_t now_ns = clock_ns();
	const int fds[] = { v->epoll_fd, v->timer_fd, v->signal_fd, v->line_fd[0], v->line_fd[1] };

	for (unsigned i = 0; i < VENUE_CLIENTS_MAX; i++) {
		if (v->client[i].fd >= 0)
			client_close(&v->client[i], now_ns);
	}
	for (unsigned i = 0; i < v->c.account_cnt; i++) {
		if (v->c.account[i].fd >= 0)
			close(v->c.account[i].fd);
		if (v->oe[i] != NULL)
			oe_fini(v->oe[i]);
		free(v->oe[i]);
	}
	for (size_t i = 0; i < ARRAY_CNT(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	recovery_close(v);
	feed_fini(&v->feed);
	spin_state_fini(&v->spin_state);
	match_fini(&v->match);
	tape_close(&v->tape);
}
