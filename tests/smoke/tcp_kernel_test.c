/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Our TCP against the kernel's: a TAP device in a network namespace of its own, an echo server on
 * an ordinary socket, bytes there and back, with different options, over a wire that loses,
 * doubles, reorders, damages and delays frames in both directions.  The wire is this program: what
 * it does follows from the seed (and from what the kernel sends when).
 *
 *   tcp_kernel_test                        the rounds of the table, seconds
 *   tcp_kernel_test --random SECONDS SEED  rounds at random; prints each and the seed
 *   tcp_kernel_test --long MESSAGES        64 bytes each, one connection, across the number's wrap
 *   tcp_kernel_test --connects COUNT       one after another; memory stays what it was
 *
 * A round passes when the bytes that come back are the bytes sent, the connection ends in order,
 * and no acknowledgement of ours was waited for longer than STALL_MAX.
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
#include <signal.h>
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
	RX_BYTES = 1 << 19,
	TX_BYTES = 1 << 18,
	KERNEL_PORT = 7007,
	LOCAL_PORT = 40000,
};

static const uint32_t LOCAL_IP = 0x0afe0002;
static const uint32_t KERNEL_IP = 0x0afe0001;
static const char IF_NAME[] = "sltcp0";
static const uint64_t NS_PER_MS = 1000000;
static const uint64_t STALL_MAX_NS = 30000000000; // 2 s between two attempts at most, in a row
static const uint64_t LIMIT_NS = 120000000000;    // and 1 us a byte: the kernel's timeouts get long

struct round {
	char what[96];
	uint32_t bytes;
	uint32_t message_bytes;                          // of one send; 0: different ones
	unsigned loss_pm, dup_pm, reorder_pm, damage_pm; // per mille of the frames, each way
	unsigned delay_ms;                               // each way, to it and half as much again
	bool sack, timestamps, scaling, we_close_first;
};

static const struct round ROUNDS[] = {
	// clang-format off
	{ "plain",                     10 << 20, .we_close_first = true },
	{ "every option",              10 << 20, .sack = true, .timestamps = true, .scaling = true },
	{ "loss, plain",               4 << 20, .loss_pm = 5, .we_close_first = true },
	{ "loss, SACK",                4 << 20, .loss_pm = 20, .sack = true, .scaling = true,
	  .we_close_first = true },
	{ "loss, SACK and timestamps", 4 << 20, .loss_pm = 20, .sack = true, .timestamps = true,
	  .scaling = true },
	{ "everything, near",          1 << 20, .loss_pm = 10, .dup_pm = 20, .reorder_pm = 50,
	  .damage_pm = 10, .delay_ms = 1, .sack = true, .we_close_first = true },
	{ "everything, far, no SACK",  128 << 10, .loss_pm = 10, .dup_pm = 20, .reorder_pm = 20,
	  .damage_pm = 5, .delay_ms = 20, .timestamps = true, .we_close_first = true },
	// clang-format on
};
static const struct round *round_now; // what the echo server is to do

/* A frame on the wire. */
struct flying {
	uint64_t due_ns; // 0: a free place
	uint16_t len;
	uint8_t data[2048];
};

enum { FLYING_MAX = 4096 };

struct wire {
	uint64_t rng;
	uint32_t cnt;
	uint32_t full_cnt;
	struct flying frame[FLYING_MAX];
};

static struct wire to_kernel, to_us;

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

	for (;;) {
		const int s = accept(listener, NULL, NULL);
		size_t total = 0;
		ssize_t n;

		while ((n = read(s, buf, sizeof(buf))) > 0) {
			for (ssize_t at = 0, k; at < n; at += k)
				if ((k = write(s, buf + at, (size_t)(n - at))) <= 0)
					break;
			total += (size_t)n;
			if (total == round_now->bytes && !round_now->we_close_first)
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

static uint32_t
draw(struct wire *w, uint32_t below)
{
	w->rng ^= w->rng << 13; // xorshift64
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 33) % below;
}

static void
wire_put(struct wire *w, const struct round *r, const uint8_t *f, uint16_t len, uint64_t at_ns)
{
	unsigned copies = draw(w, 1000) < r->loss_pm ? 0 : 1;

	copies += draw(w, 1000) < r->dup_pm;
	for (; copies != 0; copies--) {
		struct flying *x = w->frame;
		const uint64_t delay_ns = r->delay_ms * NS_PER_MS;

		while (x < w->frame + FLYING_MAX && x->due_ns != 0)
			x++;
		if (x == w->frame + FLYING_MAX) {
			w->full_cnt++; // lost like any other
			return;
		}
		memcpy(x->data, f, len);
		x->len = len;
		x->due_ns = at_ns + delay_ns;
		if (draw(w, 1000) < r->reorder_pm) // later than what follows it
			x->due_ns += draw(w, (uint32_t)(delay_ns / 2 + 300000));
		if (draw(w, 1000) < r->damage_pm)
			x->data[14 + draw(w, len - 14u)] ^= (uint8_t)(1 << draw(w, 8));
		w->cnt++;
	}
}

/* The next frame whose time has come; it must be freed by due_ns = 0. */
static struct flying *
wire_take(struct wire *w, uint64_t at_ns)
{
	struct flying *first = NULL;

	if (w->cnt == 0)
		return NULL;
	for (struct flying *x = w->frame; x < w->frame + FLYING_MAX; x++)
		if (x->due_ns != 0 && x->due_ns <= at_ns &&
		    (first == NULL || x->due_ns < first->due_ns))
			first = x;
	w->cnt -= first != NULL;
	return first;
}

static bool
wire_carry(int tap, struct tcp *c, uint64_t at_ns)
{
	struct flying *x;

	while ((x = wire_take(&to_us, at_ns)) != NULL) {
		tcp_on_frame(c, x->data, x->len, false, at_ns);
		x->due_ns = 0;
	}
	while ((x = wire_take(&to_kernel, at_ns)) != NULL) {
		if (write(tap, x->data, x->len) != x->len && errno != EAGAIN)
			return false;
		x->due_ns = 0;
	}
	return true;
}

struct transfer {
	struct tcp c;
	uint32_t sent;
	uint32_t read;
	uint32_t una; // as last seen, and when it moved or nothing was owed
	uint64_t moved_ns;
	uint64_t stall_ns; // the longest
};

/* Alternates between the fast path and the queue. */
static void
transfer_send(struct transfer *t, const struct round *r, uint64_t at_ns)
{
	uint8_t f[2048];

	for (int i = 0; i < 32 && t->sent < r->bytes && tcp_can_send(&t->c); i++) {
		uint8_t *p = tcp_frame_start(&t->c, f);
		uint32_t len =
			r->message_bytes ? r->message_bytes : 1 + (t->sent * 7u) % t->c.mss_eff;
		uint16_t n;

		if (len > r->bytes - t->sent)
			len = r->bytes - t->sent;
		for (uint32_t k = 0; k < len; k++)
			p[k] = byte_of(t->sent + k);
		n = tcp_frame_finish(&t->c, f, (uint16_t)len, at_ns);
		if (n) {
			t->sent += len;
			wire_put(&to_kernel, r, f, n, at_ns);
			continue;
		}
		len = tcp_send(&t->c, p, len);
		if (len == 0)
			break;
		t->sent += len;
	}
}

static void
watch_stall(struct transfer *t, uint64_t at_ns)
{
	if (t->c.snd_una != t->una || tcp_in_flight(&t->c) == 0) {
		t->una = t->c.snd_una;
		t->moved_ns = at_ns;
	} else if (at_ns - t->moved_ns > t->stall_ns) {
		t->stall_ns = at_ns - t->moved_ns;
	}
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
turn(struct transfer *t, int tap, const struct round *r)
{
	const uint64_t at_ns = now_ns();
	uint8_t f[2048];
	ssize_t n;
	uint16_t len;

	for (int i = 0; i < 64 && (n = read(tap, f, sizeof(f))) > 0; i++)
		wire_put(&to_us, r, f, (uint16_t)n, at_ns);
	if (!wire_carry(tap, &t->c, at_ns) || !transfer_read(t))
		return false;
	transfer_send(t, r, at_ns);
	if (t->sent == r->bytes && (r->we_close_first ? t->read == r->bytes : tcp_at_end(&t->c)))
		tcp_shutdown(&t->c, at_ns);
	tcp_advance(&t->c, at_ns);
	while ((len = tcp_next_frame(&t->c, f, sizeof(f), at_ns)) != 0)
		wire_put(&to_kernel, r, f, len, at_ns);
	watch_stall(t, at_ns);
	return wire_carry(tap, &t->c, at_ns) && tcp_check(&t->c);
}

/* What is left of a round: the kernel's end must not wait for us, no frame reaches the next one. */
static void
round_end(struct transfer *t, int tap)
{
	uint8_t f[2048];
	uint16_t len;

	tcp_abort(&t->c, now_ns());
	while ((len = tcp_next_frame(&t->c, f, sizeof(f), now_ns())) != 0)
		if (write(tap, f, len) != len)
			break;
	for (unsigned i = 0; i < FLYING_MAX; i++)
		to_us.frame[i].due_ns = to_kernel.frame[i].due_ns = 0;
	to_us.cnt = to_kernel.cnt = 0;
}

static bool
round_run(const struct round *r, int tap, struct tcp_config *k)
{
	static struct transfer t;
	const uint64_t start_ns = now_ns();
	struct pollfd p = { .fd = tap, .events = POLLIN };
	const struct tcp_metrics *m = &t.c.metrics;
	bool passed;

	round_now = r;
	k->sack = r->sack;
	k->timestamps = r->timestamps;
	k->window_scaling = r->scaling;
	k->local_port++;
	t = (struct transfer){ 0 };
	if (tcp_init(&t.c, k) != 0 || !tcp_connect(&t.c, start_ns))
		return false;
	while (tcp_state_of(&t.c) != TCP_STATE_CLOSED) {
		if (now_ns() - start_ns > LIMIT_NS + 1000ull * r->bytes || !turn(&t, tap, r))
			break;
		poll(&p, 1, to_us.cnt + to_kernel.cnt == 0);
	}
	passed = t.read == r->bytes && tcp_state_of(&t.c) == TCP_STATE_CLOSED &&
		 tcp_end_of(&t.c) == TCP_END_CLOSED &&
		 (r->damage_pm != 0 || m->dropped_bad_sum == 0) && t.c.sack_on == r->sack &&
		 t.c.ts_on == r->timestamps && t.c.wscale_on == r->scaling &&
		 t.stall_ns <= STALL_MAX_NS;
	printf("%s%s: %u sent, %u back, %s; %llu ms, longest wait %llu ms; again %llu, timeouts "
	       "%llu, "
	       "probes %llu, fast path %llu\n",
	       passed ? "" : "FAILED ", r->what, t.sent, t.read, tcp_end_name(tcp_end_of(&t.c)),
	       (unsigned long long)((now_ns() - start_ns) / NS_PER_MS),
	       (unsigned long long)(t.stall_ns / NS_PER_MS),
	       (unsigned long long)m->segment_retransmitted, (unsigned long long)m->rto_expired,
	       (unsigned long long)m->tail_probe_sent, (unsigned long long)m->fast_sent);
	round_end(&t, tap);
	return passed;
}

/* Anything between a good wire and one that loses 30% each way or takes half a second. */
static struct round
random_round(struct wire *w)
{
	static const uint32_t LOSS_PM[] = { 0, 10, 50, 100, 200, 300 };
	static const uint32_t DELAY_MS[] = { 0, 0, 1, 10, 50, 200, 500 };
	struct round r = {
		.loss_pm = LOSS_PM[draw(w, ARRAY_CNT(LOSS_PM))],
		.dup_pm = draw(w, 2) * draw(w, 100),
		.reorder_pm = draw(w, 2) * draw(w, 300),
		.damage_pm = draw(w, 2) * draw(w, 50),
		.delay_ms = DELAY_MS[draw(w, ARRAY_CNT(DELAY_MS))],
		.sack = draw(w, 4) != 0,
		.timestamps = draw(w, 2),
		.scaling = draw(w, 2),
		.we_close_first = draw(w, 2),
	};

	// a bad wire carries a few segments a second
	r.bytes = r.loss_pm >= 100 || r.delay_ms >= 200 ? 16 << 10 : 256 << 10;
	snprintf(r.what, sizeof(r.what),
		 "loss %u, twice %u, reordered %u, damaged %u per mille, %u ms%s%s%s", r.loss_pm,
		 r.dup_pm, r.reorder_pm, r.damage_pm, r.delay_ms, r.sack ? ", SACK" : "",
		 r.timestamps ? ", timestamps" : "", r.scaling ? ", scaling" : "");
	return r;
}

/* Pages of memory this process has, as /proc says. */
static long
resident_pages(void)
{
	long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &all, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return resident;
}

static int
run_long(uint32_t messages, int tap, struct tcp_config *k)
{
	struct round r = { .what = "messages of 64 bytes across the wrap",
			   .bytes = messages * 64,
			   .message_bytes = 64,
			   .sack = true,
			   .scaling = true,
			   .we_close_first = true };

	struct round first = r;
	long before;

	if (messages == 0 || messages > UINT32_MAX / 64)
		return 2;
	first.bytes = 1 << 20; // touches every page there is
	k->isn_fixed = true;
	k->isn = 0u - (1u << 20);
	if (!round_run(&first, tap, k))
		return 1;
	before = resident_pages();
	if (!round_run(&r, tap, k))
		return 1;
	printf("resident pages %ld before, %ld after\n", before, resident_pages());
	return resident_pages() > before + 64;
}

static int
run_connects(unsigned count, int tap, struct tcp_config *k)
{
	static struct round r = { .what = "a short connection",
				  .bytes = 1024,
				  .we_close_first = true };
	const uint64_t time_wait_ns = k->time_wait_ns;
	long before = 0;

	k->time_wait_ns = NS_PER_MS; // each has a port of its own
	for (unsigned i = 0; i < count; i++) {
		if (!round_run(&r, tap, k))
			return 1;
		if (i == count / 2)
			before = resident_pages();
	}
	k->time_wait_ns = time_wait_ns;
	printf("%u connections; resident pages %ld half way, %ld at the end\n", count, before,
	       resident_pages());
	return resident_pages() > before + 64; // pages of the wire that were never needed before
}

static int
run_random(unsigned seconds, uint64_t seed, int tap, struct tcp_config *k)
{
	const uint64_t end_ns = now_ns() + seconds * 1000000000ull;
	struct wire dice = { .rng = seed * 0x9e3779b97f4a7c15 + 1 };
	unsigned passed = 0, failed = 0;

	printf("seed %llu\n", (unsigned long long)seed);
	do {
		static struct round r;

		r = random_round(&dice);
		if (round_run(&r, tap, k))
			passed++;
		else
			failed++;
	} while (now_ns() < end_ns);
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

int
main(int argc, char **argv)
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
		.rto_max_ns = 2000000000,
		.tail_probe = true,
		.peer_ack_delay_ns = 40000000,
		.black_hole_rtos = 3,
		.time_wait_ns = 200000000,
		.rx_buf = rx,
		.rx_buf_bytes = RX_BYTES,
		.tx_buf = tx,
		.tx_buf_bytes = TX_BYTES,
	};
	const bool random = argc == 4 && strcmp(argv[1], "--random") == 0;
	const bool is_long = argc == 3 && strcmp(argv[1], "--long") == 0;
	const bool connects = argc == 3 && strcmp(argv[1], "--connects") == 0;
	struct sockaddr_in here = { 0 };
	pthread_t echo;
	int listener, tap;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 1 && !random && !is_long && !connects) {
		fprintf(stderr, "usage: tcp_kernel_test [--random SECONDS SEED | --long MESSAGES | "
				"--connects COUNT]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	to_us.rng = random ? strtoull(argv[3], NULL, 0) * 2 + 1 : 2463534242;
	to_kernel.rng = to_us.rng + 2;
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
	if (random)
		return run_random((unsigned)strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0),
				  tap, &k);
	if (is_long)
		return run_long((uint32_t)strtoul(argv[2], NULL, 0), tap, &k);
	if (connects)
		return run_connects((unsigned)strtoul(argv[2], NULL, 0), tap, &k);
	for (size_t i = 0; i < ARRAY_CNT(ROUNDS); i++)
		if (!round_run(&ROUNDS[i], tap, &k))
			return 1;
	return 0;
}
