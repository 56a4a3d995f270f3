/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Our TCP against the kernel's: a TAP device in a network namespace of its own, an echo server on
 * an ordinary socket, 10 MB there and back, with different options and with loss in both directions
 * (netem for what the kernel sends where it is available, dropped here otherwise).
 *
 * Needs root and /dev/net/tun; exits with 77 where they are missing.  The namespace ends with the
 * process, so nothing is left behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/tcp_fast.h"

enum {
	SKIPPED = 77, // Meson's word for a test that cannot run here
	TOTAL = 10 << 20,
	RX_BYTES = 1 << 19,
	TX_BYTES = 1 << 18,
	KERNEL_PORT = 7007,
	LOCAL_PORT = 40000,
};

static const uint32_t LOCAL_IP = 0x0afe0002;
static const uint32_t KERNEL_IP = 0x0afe0001;
static const char IF_NAME[] = "sltcp0";
static const char NETEM[] = "tc qdisc replace dev sltcp0 root netem loss 0.5% 2>/dev/null";
static const char NO_NETEM[] = "tc qdisc del dev sltcp0 root 2>/dev/null";
static const uint64_t LIMIT_NS = 60000000000; // a round takes about a second

static const struct round {
	const char *what;
	unsigned loss_every; // one frame in so many is lost; 0: none
	bool sack, timestamps, scaling, we_close_first;
} ROUNDS[] = {
	// clang-format off
	{ "plain",                     0,   false, false, false, true },
	{ "every option",              0,   true,  true,  true,  false },
	{ "loss, plain",               200, false, false, false, true },
	{ "loss, SACK",                50,  true,  false, true,  true },
	{ "loss, SACK and timestamps", 50,  true,  true,  true,  false },
	// clang-format on
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int
skip(const char *why)
{
	printf("skipped: %s: %s\n", why, strerror(errno));
	return SKIPPED;
}

static void
address_set(struct sockaddr *a, uint32_t ip)
{
	struct sockaddr_in *in = (struct sockaddr_in *)a;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(ip);
}

/* Opens the device and tells the kernel its address and ours.  Returns the descriptor or -1. */
static int
tap_open(uint8_t kernel_mac[6], const uint8_t local_mac[6])
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct arpreq arp = { .arp_flags = ATF_PERM | ATF_COM };
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	const int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || s < 0)
		return -1;
	strcpy(r.ifr_name, IF_NAME);
	if (ioctl(fd, TUNSETIFF, &r) != 0)
		return -1;
	address_set(&r.ifr_addr, KERNEL_IP);
	if (ioctl(s, SIOCSIFADDR, &r) != 0)
		return -1;
	address_set(&r.ifr_netmask, 0xffffff00);
	if (ioctl(s, SIOCSIFNETMASK, &r) != 0)
		return -1;
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r) != 0 || ioctl(s, SIOCGIFHWADDR, &r) != 0)
		return -1;
	memcpy(kernel_mac, r.ifr_hwaddr.sa_data, 6);
	address_set(&arp.arp_pa, LOCAL_IP);
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, local_mac, 6);
	strcpy(arp.arp_dev, IF_NAME);
	if (ioctl(s, SIOCSARP, &arp) != 0)
		return -1;
	close(s);
	return fd;
}

/* Echoes each connection until its end; closes first when told so by the round. */
static void *
echo_run(void *arg)
{
	const int listener = *(int *)arg;
	static uint8_t buf[65536];

	for (size_t i = 0; i < ARRAY_CNT(ROUNDS); i++) {
		const int s = accept(listener, NULL, NULL);
		size_t total = 0;
		ssize_t n;

		while ((n = read(s, buf, sizeof(buf))) > 0) {
			for (ssize_t at = 0, k; at < n; at += k)
				if ((k = write(s, buf + at, (size_t)(n - at))) <= 0)
					return NULL;
			total += (size_t)n;
			if (total == TOTAL && !ROUNDS[i].we_close_first)
				break;
		}
		close(s);
	}
	return NULL;
}

static uint8_t
byte_of(uint32_t pos)
{
	return (uint8_t)((pos * 2654435761u) >> 17);
}

/* xorshift: the same frames each time, as far as the kernel sends the same. */
static bool
unlucky(const struct round *r)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return r->loss_every && x % r->loss_every == 0;
}

static bool
frame_give(int tap, const struct round *r, const uint8_t *f, uint16_t len)
{
	return unlucky(r) || write(tap, f, len) == len || errno == EAGAIN;
}

struct transfer {
	struct tcp c;
	uint32_t sent;
	uint32_t read;
};

/* Alternates between the fast path and the queue. */
static bool
transfer_send(struct transfer *t, int tap, const struct round *r, uint64_t at_ns)
{
	uint8_t f[2048];

	for (int i = 0; i < 32 && t->sent < TOTAL && tcp_can_send(&t->c); i++) {
		uint8_t *p = tcp_frame_start(&t->c, f);
		uint32_t len = 1 + (t->sent * 7u) % t->c.mss_eff;
		uint16_t n;

		if (len > TOTAL - t->sent)
			len = TOTAL - t->sent;
		for (uint32_t k = 0; k < len; k++)
			p[k] = byte_of(t->sent + k);
		n = tcp_frame_finish(&t->c, f, (uint16_t)len, at_ns);
		if (n) {
			t->sent += len;
			if (!frame_give(tap, r, f, n))
				return false;
			continue;
		}
		len = tcp_send(&t->c, p, len);
		if (len == 0)
			break;
		t->sent += len;
	}
	return true;
}

static bool
transfer_read(struct transfer *t)
{
	const uint8_t *p;
	const uint32_t len = tcp_peek(&t->c, &p);

	for (uint32_t i = 0; i < len; i++) {
		if (p[i] == byte_of(t->read + i))
			continue;
		printf("byte %u is wrong\n", t->read + i);
		return false;
	}
	t->read += len;
	tcp_consume(&t->c, len);
	return true;
}

static bool
turn(struct transfer *t, int tap, const struct round *r, bool netem)
{
	const uint64_t at_ns = now_ns();
	uint8_t f[2048];
	ssize_t n;
	uint16_t len;

	for (int i = 0; i < 64 && (n = read(tap, f, sizeof(f))) > 0; i++)
		if (netem || !unlucky(r))
			tcp_on_frame(&t->c, f, (uint16_t)n, false, at_ns);
	if (!transfer_read(t) || !transfer_send(t, tap, r, at_ns))
		return false;
	if (t->sent == TOTAL && (r->we_close_first ? t->read == TOTAL : tcp_at_end(&t->c)))
		tcp_shutdown(&t->c, at_ns);
	tcp_advance(&t->c, at_ns);
	while ((len = tcp_next_frame(&t->c, f, sizeof(f), at_ns)) != 0)
		if (!frame_give(tap, r, f, len))
			return false;
	return tcp_check(&t->c);
}

static bool
round_run(const struct round *r, int tap, struct tcp_config *k)
{
	static struct transfer t;
	const bool netem = r->loss_every && system(NETEM) == 0;
	const uint64_t start_ns = now_ns();
	struct pollfd p = { .fd = tap, .events = POLLIN };

	k->sack = r->sack;
	k->tail_probe = true;
	k->timestamps = r->timestamps;
	k->window_scaling = r->scaling;
	k->local_port++;
	t = (struct transfer){ 0 };
	if (tcp_init(&t.c, k) != 0 || !tcp_connect(&t.c, start_ns))
		return false;
	while (tcp_state_of(&t.c) != TCP_STATE_CLOSED) {
		if (now_ns() - start_ns > LIMIT_NS || !turn(&t, tap, r, netem))
			break;
		poll(&p, 1, 1);
	}
	if (netem && system(NO_NETEM) != 0)
		return false;
	printf("%s%s: %u sent, %u back, %s; %llu ms, %llu again, %llu timeouts, %llu fast, window "
	       "%u\n",
	       r->what, netem ? " (netem)" : "", t.sent, t.read, tcp_end_name(tcp_end_of(&t.c)),
	       (unsigned long long)(now_ns() - start_ns) / 1000000,
	       (unsigned long long)t.c.metrics.segment_retransmitted,
	       (unsigned long long)t.c.metrics.rto_expired,
	       (unsigned long long)t.c.metrics.fast_sent, t.c.cwnd);
	return t.read == TOTAL && tcp_end_of(&t.c) == TCP_END_CLOSED &&
	       t.c.metrics.dropped_bad_sum == 0 && t.c.sack_on == r->sack &&
	       t.c.ts_on == r->timestamps && t.c.wscale_on == r->scaling;
}

int
main(void)
{
	static uint8_t rx[RX_BYTES], tx[TX_BYTES];
	struct tcp_config k = {
		.local_mac = { 2, 0x5c, 0, 0, 0, 1 },
		.local_ip = LOCAL_IP,
		.peer_ip = KERNEL_IP,
		.local_port = LOCAL_PORT,
		.peer_port = KERNEL_PORT,
		.isn_secret = { now_ns(), (uint64_t)getpid() },
		.rto_min_ns = 5000000,
		.time_wait_ns = 200000000,
		.rx_buf = rx,
		.rx_buf_bytes = RX_BYTES,
		.tx_buf = tx,
		.tx_buf_bytes = TX_BYTES,
	};
	struct sockaddr_in here = { 0 };
	pthread_t echo;
	int listener, tap;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (unshare(CLONE_NEWNET) != 0)
		return skip("a network namespace");
	tap = tap_open(k.peer_mac, k.local_mac);
	if (tap < 0)
		return skip("a TAP device");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address_set((struct sockaddr *)&here, KERNEL_IP);
	here.sin_port = htons(KERNEL_PORT);
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) != 0 ||
	    listen(listener, 4) != 0 || pthread_create(&echo, NULL, echo_run, &listener) != 0) {
		perror("echo server");
		return 1;
	}
	for (size_t i = 0; i < ARRAY_CNT(ROUNDS); i++)
		if (!round_run(&ROUNDS[i], tap, &k))
			return 1;
	return 0;
}
