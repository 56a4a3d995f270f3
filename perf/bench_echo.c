/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "bench.h"
#include "net/tcp_fast.h"
#include "rival_kernel.h"
#include "shm_port.h"

/*
 * wire.echo: a round trip of an order's bytes over one TCP connection.  From before the first byte
 * is written to when the last of the echo can be read; both ends spin, each on a core.
 *
 *   ours     our TCP at both ends (it connects by a simultaneous open), a port of shared memory
 *   kernel   the kernel's at both ends, a veth pair, TCP_NODELAY, sockets that are never waited for
 *
 * Floor: frames of the same length back and forth through the same shared memory, without a TCP.
 *
 * How it could lie.  veth is no wire and neither is shared memory: what is compared is the whole
 * way through each.  One message is under way at a time.  The kernel's receive work runs in the
 * sender's send() here, so its two cores share it better than two machines would.
 */
enum {
	SAMPLES = 20000,
	SAMPLES_QUICK = 500,
	TURN = 500, // round trips before the next one's turn
	WARM = 50,
	MESSAGE_BYTES = 50, // an OUCH 5.0 order in its SoupBinTCP packet
	BURST = 32,
	BUF_BYTES = 65536,
	FRAME_CAP = 1600,
	BARE_TYPE = 0x88b5, // IEEE 802: local experiments
	PORT_A = 30001,
	PORT_B = 30002,
	CONNECT_MS = 10000,
};

static char folder[] = "/tmp/sluice-bench-echo.XXXXXX";
static pid_t echoer;

struct end {
	struct tcp tcp;
	struct rte_mempool *pool;
	double ns_per_cycle;
	uint64_t bare_cnt; // frames without TCP that came
	bool bounce;       // they go back
	uint8_t rx[BUF_BYTES];
	uint8_t tx[BUF_BYTES];
};
static struct end end;

static void
clean_up(void)
{
	if (echoer > 0) {
		kill(echoer, SIGKILL);
		waitpid(echoer, NULL, 0);
	}
}

static uint64_t
now_ns(const struct end *e)
{
	return (uint64_t)((double)__rdtsc() * e->ns_per_cycle);
}

static struct rte_mbuf *
buffer(struct end *e)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);

	if (m == NULL)
		bench_die("no buffers");
	return m;
}

static void
transmit(struct rte_mbuf *m, uint16_t len)
{
	m->data_len = len;
	m->pkt_len = len;
	if (rte_eth_tx_burst(0, 0, &m, 1) != 1)
		rte_pktmbuf_free(m);
}

/* One message by the fast path, as a lane sends an order. */
static void
send_message(struct end *e, const uint8_t *message)
{
	struct rte_mbuf *m = buffer(e);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t len;

	memcpy(tcp_frame_start(&e->tcp, frame), message, MESSAGE_BYTES);
	len = tcp_frame_finish(&e->tcp, frame, MESSAGE_BYTES, now_ns(e));
	if (len == 0)
		bench_die("the connection takes no message");
	transmit(m, len);
}

/* Takes what came, and sends what the connection wants to say by itself. */
static void
poll_port(struct end *e)
{
	struct rte_mbuf *m[BURST];
	const uint16_t cnt = rte_eth_rx_burst(0, 0, m, BURST);
	const uint64_t now = cnt != 0 ? now_ns(e) : 0;

	for (uint16_t i = 0; i < cnt; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(m[i], const uint8_t *);

		if (tcp_on_frame(&e->tcp, frame, m[i]->data_len, false, now)) {
			rte_pktmbuf_free(m[i]);
			continue;
		}
		e->bare_cnt++;
		if (e->bounce)
			transmit(m[i], m[i]->data_len);
		else
			rte_pktmbuf_free(m[i]);
	}
}

static void
emit(struct end *e)
{
	uint8_t frame[FRAME_CAP];
	uint16_t len;

	tcp_advance(&e->tcp, now_ns(e));
	while ((len = tcp_next_frame(&e->tcp, frame, sizeof(frame), now_ns(e))) != 0) {
		struct rte_mbuf *m = buffer(e);

		memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
		transmit(m, len);
	}
}

static void
open_end(struct end *e, const struct bench *b, bool echoes)
{
	const struct tcp_config config = {
		.local_mac = { 2, 0, 0, 0, 0, echoes },
		.peer_mac = { 2, 0, 0, 0, 0, !echoes },
		.local_ip = 0x0a000001 + echoes,
		.peer_ip = 0x0a000001 + !echoes,
		.local_port = echoes ? PORT_B : PORT_A,
		.peer_port = echoes ? PORT_A : PORT_B,
		.rto_initial_ns = 20000000,
		.rto_min_ns = 5000000,
		.rx_buf = e->rx,
		.rx_buf_bytes = sizeof(e->rx),
		.tx_buf = e->tx,
		.tx_buf_bytes = sizeof(e->tx),
	};

	e->ns_per_cycle = b->ns_per_cycle;
	e->bounce = echoes;
	e->pool = shm_make_pool();
	if (echoes)
		shm_start_port(0, e->pool);
	else
		shm_start_client(0, e->pool, folder, "echo.memif");
	if (tcp_init(&e->tcp, &config) != 0 || !tcp_connect(&e->tcp, now_ns(e)))
		bench_die("no connection can be begun");
}

/* The echoing end: what it reads goes back, and acknowledges. */
static void
start_echoer(const struct bench *b)
{
	static const char *const VDEV[] = {
		"--vdev=net_memif0,role=server,rsize=10,socket=%s/echo.memif,socket-abstract=no"
	};
	uint32_t turn = 0;

	echoer = fork();
	if (echoer != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shm_start_eal(folder, b->far_core, VDEV, ARRAY_CNT(VDEV));
	open_end(&end, b, true);
	for (;;) {
		const uint8_t *data;

		poll_port(&end);
		if (tcp_peek(&end.tcp, &data) >= MESSAGE_BYTES) {
			send_message(&end, data);
			tcp_consume(&end.tcp, MESSAGE_BYTES);
		} else if (++turn % 64 == 0) {
			emit(&end);
		}
	}
}

static uint64_t
time_ours(struct end *e, const uint8_t *message)
{
	const uint64_t start = bench_start();
	const uint8_t *data;
	uint64_t cycles;

	send_message(e, message);
	while (tcp_peek(&e->tcp, &data) < MESSAGE_BYTES)
		poll_port(e);
	cycles = bench_since(start);
	if (memcmp(data, message, MESSAGE_BYTES) != 0)
		bench_die("the echo says something else");
	tcp_consume(&e->tcp, MESSAGE_BYTES);
	emit(e); // the acknowledgement, off the way
	return cycles;
}

static uint64_t
time_floor(struct end *e)
{
	const uint64_t before = e->bare_cnt, start = bench_start();
	struct rte_mbuf *m = buffer(e);
	struct eth_head *eth = rte_pktmbuf_mtod(m, struct eth_head *);

	memset(eth, 0, e->tcp.head_len + MESSAGE_BYTES);
	eth->type = be16_of(BARE_TYPE);
	transmit(m, (uint16_t)(e->tcp.head_len + MESSAGE_BYTES));
	while (e->bare_cnt == before)
		poll_port(e);
	return bench_since(start);
}

static uint64_t
time_kernel(int fd, const uint8_t *message)
{
	uint8_t back[MESSAGE_BYTES];
	const uint64_t start = bench_start();
	size_t got = 0;

	if (send(fd, message, MESSAGE_BYTES, 0) != MESSAGE_BYTES)
		bench_die("the kernel takes no message");
	while (got < MESSAGE_BYTES) {
		const ssize_t n = recv(fd, back + got, sizeof(back) - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			bench_die("the kernel's connection is gone");
	}
	return bench_since(start);
}

static void
connect_both(struct end *e)
{
	const uint64_t until = now_ns(e) + CONNECT_MS * 1000000ULL;

	while (e->tcp.state != TCP_STATE_ESTABLISHED) {
		poll_port(e);
		emit(e);
		if (e->tcp.state == TCP_STATE_CLOSED || now_ns(e) > until)
			bench_die("the two ends do not find each other");
	}
}

/* One of the two echoing processes has the other core. */
static void
take_turn(bool kernel)
{
	kill(echoer, kernel ? SIGSTOP : SIGCONT);
	rival_kernel_pause(!kernel);
}

/* An echo of an earlier message would be noticed. */
static const uint8_t *
vary(uint8_t *message, unsigned i)
{
	message[0] = (uint8_t)i;
	message[1] = (uint8_t)(i >> 8);
	return message;
}

static void
add_when_warm(struct bench_series *s, uint64_t cycles, unsigned i)
{
	if (i >= WARM)
		bench_add(s, cycles);
}

static void
report(struct bench *b, struct bench_series *ours, struct bench_series *kernel,
       struct bench_series *floor)
{
	static const struct {
		const char *ours, *kernel;
		uint32_t share;
	} ROW[] = { { "", "kernel", BENCH_P50 },
		    { "p99", "kernel p99", BENCH_P99 },
		    { "p99.9", "kernel p99.9", BENCH_P999 } };

	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++) {
		const double ns = bench_ns(b, ours, ROW[i].share);

		bench_figure(b, ROW[i].ours, ns, "ns", bench_ns(b, floor, ROW[i].share),
			     (struct bench_target){ 0 });
		bench_figure(b, ROW[i].kernel, bench_ns(b, kernel, ROW[i].share), "ns", ns,
			     (struct bench_target){ 0 });
	}
}

int
main(int argc, char **argv)
{
	static const char *const VDEV[] = {
		"--vdev=net_memif0,role=client,rsize=10,socket=%s/echo.memif,socket-abstract=no"
	};
	struct bench_series ours, kernel, floor;
	uint8_t message[MESSAGE_BYTES];
	struct bench b;
	unsigned samples;
	int fd;

	bench_open(&b, "wire.echo", argc, argv);
	if (b.core == b.far_core)
		bench_die("needs two cores, one for each end");
	if (mkdtemp(folder) == NULL)
		bench_die("cannot make its folder");
	shm_leave_nothing(folder);
	fd = rival_kernel_open_echo(b.far_core); // before DPDK: it makes a namespace
	if (fd < 0)
		bench_die("cannot make a veth pair: root is needed");
	rival_kernel_pause(true);
	start_echoer(&b);
	atexit(clean_up);
	shm_start_eal(folder, b.core, VDEV, ARRAY_CNT(VDEV));
	open_end(&end, &b, false);
	connect_both(&end);
	samples = b.quick ? SAMPLES_QUICK : SAMPLES;
	bench_series_init(&ours, samples, 1);
	bench_series_init(&kernel, samples, 1);
	bench_series_init(&floor, samples, 1);
	memset(message, 'x', sizeof(message));
	while (floor.cnt < samples) {
		take_turn(false);
		for (unsigned i = 0; i < WARM + TURN; i++) {
			const uint64_t o = time_ours(&end, vary(message, i));
			const uint64_t f = time_floor(&end);

			add_when_warm(&ours, o, i);
			add_when_warm(&floor, f, i);
		}
		take_turn(true);
		for (unsigned i = 0; i < WARM + TURN; i++)
			add_when_warm(&kernel, time_kernel(fd, vary(message, i)), i);
	}
	report(&b, &ours, &kernel, &floor);
	return bench_close(&b);
}
