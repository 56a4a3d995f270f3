/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Our TCP for packetdrill's --so_filename, from the public header alone.  One connection, real
 * time. packetdrill's two threads (the script, a call that blocks) meet at one lock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>

#include "net/tcp.h"
#include "packetdrill.h" // from packetdrill's own source

enum { FD = 3, FRAMES = 256, STEP_US = 50, CONNECT_WAIT_NS = 2000000000 };

static struct {
	pthread_mutex_t lock;
	struct tcp c;
	struct tcp_config config;
	uint8_t rx[1 << 18], tx[1 << 17];
	struct {
		uint16_t len;
		uint64_t at_ns;
		uint8_t bytes[2048];
	} frame[FRAMES];
	uint32_t put_cnt, taken_cnt;
	int file_flags; // as fcntl() tells them
} s = { .lock = PTHREAD_MUTEX_INITIALIZER, .file_flags = O_RDWR };

static uint64_t
now_ns(void)
{
	struct timeval t;

	gettimeofday(&t, NULL);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

/* Timers, then all it has to say.  The lock is held. */
static void
pump(void)
{
	tcp_advance(&s.c, now_ns());
	while (s.put_cnt - s.taken_cnt < FRAMES) {
		const uint32_t at = s.put_cnt % FRAMES;

		s.frame[at].at_ns = now_ns();
		s.frame[at].len = tcp_next_frame(&s.c, s.frame[at].bytes, 2048, s.frame[at].at_ns);
		if (s.frame[at].len == 0)
			return;
		s.put_cnt++;
	}
}

/* Every call of the script: under the lock, with a pump behind it. */
#define CALL(...)                              \
	do {                                   \
		pthread_mutex_lock(&s.lock);   \
		__VA_ARGS__;                   \
		pump();                        \
		pthread_mutex_unlock(&s.lock); \
	} while (0)

static int
fail(int why)
{
	errno = why;
	return -1;
}

static int
on_socket(void *u, int domain, int type, int protocol)
{
	(void)u, (void)protocol;
	return domain == AF_INET && type == SOCK_STREAM ? FD : fail(EAFNOSUPPORT);
}

static int
on_bind(void *u, int fd, const struct sockaddr *a, socklen_t len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;

	(void)u, (void)fd, (void)len;
	s.config.local_ip = ntohl(in->sin_addr.s_addr);
	s.config.local_port = ntohs(in->sin_port);
	return 0;
}

static int
on_connect(void *u, int fd, const struct sockaddr *a, socklen_t len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	const uint64_t until_ns = now_ns() + CONNECT_WAIT_NS;
	enum tcp_state state = TCP_STATE_SYN_SENT;

	(void)u, (void)fd, (void)len;
	s.config.peer_ip = ntohl(in->sin_addr.s_addr);
	s.config.peer_port = ntohs(in->sin_port);
	s.config.rx_buf = s.rx;
	s.config.rx_buf_bytes = sizeof(s.rx);
	s.config.tx_buf = s.tx;
	s.config.tx_buf_bytes = sizeof(s.tx);
	if (tcp_init(&s.c, &s.config) != 0)
		return fail(EINVAL);
	CALL(tcp_connect(&s.c, now_ns()));
	if (s.file_flags & O_NONBLOCK)
		return fail(EINPROGRESS);
	while (state == TCP_STATE_SYN_SENT && now_ns() < until_ns) {
		usleep(STEP_US);
		CALL(state = tcp_state_of(&s.c));
	}
	return state == TCP_STATE_ESTABLISHED ? 0 : fail(ECONNREFUSED);
}

static ssize_t
on_write(void *u, int fd, const void *buf, size_t len)
{
	uint32_t n = 0;

	(void)u, (void)fd;
	CALL(n = tcp_send(&s.c, buf, (uint32_t)len));
	return n != 0 || len == 0 ? (ssize_t)n : fail(tcp_can_send(&s.c) ? EAGAIN : EPIPE);
}

static ssize_t
on_send(void *u, int fd, const void *buf, size_t len, int flags)
{
	(void)flags;
	return on_write(u, fd, buf, len);
}

static ssize_t
on_read(void *u, int fd, void *buf, size_t len)
{
	const uint8_t *data;
	bool at_end = false;
	uint32_t n = 0;

	(void)u, (void)fd;
	do {
		CALL(at_end = tcp_at_end(&s.c); n = tcp_peek(&s.c, &data);
		     n = n < len ? n : (uint32_t)len; memcpy(buf, data, n); tcp_consume(&s.c, n));
		if (n == 0 && !at_end && s.file_flags & O_NONBLOCK)
			return fail(EAGAIN);
		if (n == 0 && !at_end)
			usleep(STEP_US);
	} while (n == 0 && !at_end);
	return n == 0 && tcp_end_of(&s.c) == TCP_END_RESET ? fail(ECONNRESET) : (ssize_t)n;
}

static ssize_t
on_recv(void *u, int fd, void *buf, size_t len, int flags)
{
	(void)flags;
	return on_read(u, fd, buf, len);
}

static int
on_close(void *u, int fd)
{
	(void)u, (void)fd;
	CALL(tcp_close(&s.c, now_ns()));
	return 0;
}

static int
on_shutdown(void *u, int fd, int how)
{
	(void)u, (void)fd;
	if (how != SHUT_RD)
		CALL(tcp_shutdown(&s.c, now_ns()));
	return 0;
}

static int
on_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
	(void)u, (void)fd, (void)len;
	if (level == IPPROTO_TCP && name == TCP_MAXSEG)
		s.config.mss = (uint16_t) * (const int *)value;
	return 0;
}

static int
on_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
	(void)u, (void)fd, (void)len;
	if (level != SOL_SOCKET || name != SO_ERROR)
		return fail(ENOPROTOOPT);
	*(int *)value = tcp_end_of(&s.c) == TCP_END_REFUSED ? ECONNREFUSED : 0;
	return 0;
}

static int
on_fcntl(void *u, int fd, int cmd, ...)
{
	va_list args;

	(void)u, (void)fd;
	va_start(args, cmd);
	if (cmd == F_SETFL)
		s.file_flags = va_arg(args, int);
	va_end(args);
	return cmd == F_GETFL ? s.file_flags : 0;
}

/* A packet of the script, from IP on. */
static int
on_netdev_send(void *u, const void *packet, size_t len)
{
	uint8_t f[2048] = { [12] = ETH_TYPE_IPV4 >> 8 };
	struct eth_ip e;

	(void)u;
	if (len > sizeof(f) - sizeof(struct eth_head))
		return -1;
	memcpy(f + sizeof(struct eth_head), packet, len);
	len += sizeof(struct eth_head);
	CALL(if (eth_ip_walk(f, (uint16_t)len, false, &e) == ETH_IP_L4 && e.proto == IP_PROTO_ICMP)
		     tcp_on_icmp(&s.c, &e, now_ns());
	     else tcp_on_frame(&s.c, f, (uint16_t)len, false, now_ns()));
	return 0;
}

static int
on_netdev_receive(void *u, void *packet, size_t *len, long long *at_us)
{
	(void)u;
	for (;;) {
		bool found = false;

		pthread_mutex_lock(&s.lock);
		pump();
		if (s.taken_cnt != s.put_cnt) {
			const uint32_t at = s.taken_cnt++ % FRAMES;

			found = true;
			*len = s.frame[at].len - sizeof(struct eth_head);
			memcpy(packet, s.frame[at].bytes + sizeof(struct eth_head), *len);
			*at_us = (long long)(s.frame[at].at_ns / 1000);
		}
		pthread_mutex_unlock(&s.lock);
		if (found)
			return 0;
		usleep(STEP_US);
	}
}

static int
on_usleep(void *u, useconds_t us)
{
	const uint64_t until_ns = now_ns() + us * 1000ull;

	(void)u;
	while (now_ns() < until_ns) {
		CALL((void)0); // timers run out meanwhile
		usleep(STEP_US);
	}
	return 0;
}

static int
on_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	(void)u;
	return gettimeofday(tv, tz);
}

static void
on_free(void *u)
{
	(void)u;
}

/* flags: letters of what is offered: s SACK, t timestamps, w window scaling, p probes of the tail
 */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc);

void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	if (flags == NULL)
		flags = "";
	s.config = (struct tcp_config){
		.sack = strchr(flags, 's') != NULL,
		.timestamps = strchr(flags, 't') != NULL,
		.window_scaling = strchr(flags, 'w') != NULL,
		.tail_probe = strchr(flags, 'p') != NULL,
		.rto_min_ns = 200000000, // Linux's
	};
	*ifc = (struct packetdrill_interface){
		.free = on_free,
		.socket = on_socket,
		.bind = on_bind,
		.connect = on_connect,
		.read = on_read,
		.recv = on_recv,
		.write = on_write,
		.send = on_send,
		.close = on_close,
		.shutdown = on_shutdown,
		.setsockopt = on_setsockopt,
		.getsockopt = on_getsockopt,
		.fcntl = on_fcntl,
		.netdev_send = on_netdev_send,
		.netdev_receive = on_netdev_receive,
		.usleep = on_usleep,
		.gettimeofday = on_gettimeofday,
	};
}
