/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "lab.h"
#include "rival_gateway.h"
#include "shm_port.h"
#include "tick.h"
#include "wire/eth_ip.h"

/*
 * wire.memif: tick to trade from the outside.  The whole program, `sluice run` with all stages in
 * one lane on a core of its own, behind two ports of shared memory; on the other core a generator
 * that is the feed and the venue.  A packet of market data changes the offer, the order that takes
 * it names the new price, so each order is matched with its tick by what it says.
 *
 * The loop is open: ticks have a plan (2,000 a second, each interval drawn between half and one and
 * a half of it), and a sample is from when the tick was to be sent, not from when the generator
 * came to it, to when rx_burst returned with the order.  A gateway that stops for a while is seen
 * in all ticks it held up.  A tick that met an unanswered order causes none; those are counted.
 *
 * wire.af_packet: the same program and generator, on AF_PACKET ports at the two ends of two veth
 * pairs.  wire.kernel: a gateway on kernel sockets with the lane's own stages in its place, over
 * the same pairs (rival_gateway.h).  The first of them to wire.memif is what the transport costs,
 * the second to the first what the kernel's sockets do.  They have no floor.
 *
 * Floor: a program on the gateway's core that only sends back what it receives, through one port of
 * the same kind, by the same plan, in turns with the gateway in the same run.
 *
 * How it could lie.  Shared memory is no wire: no NIC, no bus, no cable.  Both programs spin, and
 * the generator's own work (it is the venue, too) delays what it sees: that is in both figures,
 * more of it in the gateway's.  The control thread shares the generator's core.  Ticks arrive one
 * by one; a burst would wait in line.  Two cores of a virtual machine are the least there is: what
 * its host does to one of them is p99 and above.
 */
enum {
	ROUNDS = 12,
	ROUND_TICKS = 1000,
	ROUNDS_QUICK = 2,
	ROUND_TICKS_QUICK = 200,
	WARM_TICKS = 40, // after each change of turns
	INTERVAL_US = 500,
	PRICES = 64, // offers in turn: so many ticks may be on their way
	BID_PX4 = 1000000,
	ASK_PX4 = 1000100,
	STEP_PX4 = 100,
	BID_QTY = 5000,
	ASK_QTY = 100,
	BURST = 32,
	HEARTBEAT_MS = 300,
	RESEND_MS = 5,
	START_MS = 20000,
	STALL_MS = 10,
	STALL_SEEN_NS_MIN = 5000000,
	REST_MS = 50,
	VENUE_IP = 0x0a0a0201, // 10.10.2.1
	VENUE_PORT = 26488,
	ECHO_BYTES = 128, // about an order's frame
};

#ifdef WIRE_KERNEL
#define WIRE_NAME "wire.kernel"
#elif defined(WIRE_VETH)
#define WIRE_NAME "wire.af_packet"
#else
#define WIRE_NAME "wire.memif"
#endif

#define TAKER                                                                                      \
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 100000, " \
	"imbalance_min_bp: 6000, cooldown_us: 0 }\n"

#ifdef WIRE_VETH
enum { OVER_VETH = true };
#define MD_DEVICE "net_af_packet0,iface=md1,framecnt=8192"
#define OE_DEVICE "net_af_packet1,iface=oe1"
#define PROFILE   "af_packet"
#define MD_MAC    ""
#define OE_MAC    ""
#else
enum { OVER_VETH = false };
#define MD_DEVICE "net_memif0,id=0,role=client,socket=%1$s/md.memif"
#define OE_DEVICE "net_memif1,id=1,role=client,socket=%1$s/oe.memif"
#define PROFILE   "memif"
#define MD_MAC    ", mac: \"02:00:00:00:00:01\""
#define OE_MAC    ", mac: \"02:00:00:00:00:02\""
#endif

/* 1: folder, 2: process, 3: the control thread's core, 4: the lane's. */
static const char CONFIG[] =
	"environment: simulation\n"
	"arm_at_start: true\n"
	"hugepages: { memory_mb: 256, degraded_ok: true }\n"
	"eal: { file_prefix: sluice-bench-%2$d }\n"
	"control: { socket: %1$s/ctl.sock, http_port: 0 }\n"
	"pmd_config_dir: " PMD_CONFIG_DIR "\n"
	"core_map:\n  control: %3$u\n  lanes:\n"
	"    - { name: all, core: %4$u, stages: [rx, arb, parse, book, strategy, risk, orders, "
	"encode, tcp, "
	"report] }\n"
	"ports:\n"
	"  - { name: md, device: \"" MD_DEVICE "\", profile: " PROFILE
	", address: 10.10.1.2/24" MD_MAC " }\n"
	"  - { name: oe, device: \"" OE_DEVICE "\", profile: " PROFILE
	", address: 10.10.2.2/24" OE_MAC " }\n"
	"venues:\n  - { name: sim, environment: simulation }\n"
	"feeds:\n  - name: itch\n    venue: sim\n    protocol: itch50\n    orders_max: 65536\n"
	"    levels_max: 65536\n    silence_ms: 60000\n    lines:\n"
	"      - { port: md, group: 239.10.1.1, udp_port: 26400 }\n"
	"sessions:\n  - { name: oe, venue: sim, protocol: ouch50, port: oe, peer: "
	"\"10.10.2.1:26488\", "
	"username: TEST01, password_file: \"%1$s/password\", capacity: principal }\n"
	"instruments:\n  - { symbol: AAPL, feed: itch, session: oe, trade: true }\n"
	"strategies:\n" TAKER
	"risk:\n  order_max_qty: 500\n  order_max_usd: 400000\n  collar_bp: 500\n  open_max_qty: "
	"5000\n"
	"  position_max_qty: 100000\n  gross_max_usd: 90000000\n  order_rate_max: 4096\n";

struct wire {
	struct bench *b;
	uint16_t md;
	uint16_t oe;
	uint16_t echo;
	struct rte_mempool *pool;
	struct peer peer;
	uint64_t interval_cycles;
	uint64_t heartbeat_tsc;
	uint64_t resend_tsc;
	uint64_t rng;
	uint64_t md_seq;
	uint64_t tick; // the next one's number
	uint64_t ask_ref;
	uint64_t pending_tsc[PRICES]; // when the tick with that price was to leave; 0: answered
	struct bench_series *series;  // NULL: not recorded
	bool held;                    // an order answers all ticks up to its own
	uint64_t stall_end_tsc;       // when a gateway that was stopped goes on; 0: none is
	uint64_t order_cnt;
	uint64_t unanswered_cnt;
	uint64_t unasked_cnt; // orders that no tick asked for: tests want 0
};

static char folder[] = "/tmp/sluice-bench-wire.XXXXXX";
static pid_t gateway, echoer;
static struct wire wire;

static void
clean_up(void)
{
	static const char *const FILES[] = { "sluice.yaml",     "password",      "gateway.log",
					     "ctl.sock",        "ctl.sock.lock", "md.memif",
					     "oe.memif",        "echo.memif",    "ctl.sock.kill",
					     "ctl.sock.limits", "ctl.sock.tcp" };
	const pid_t child[] = { gateway, echoer };
	char path[PATH_MAX];

	for (unsigned i = 0; i < ARRAY_CNT(child); i++)
		if (child[i] > 0) {
			kill(child[i], SIGCONT);
			kill(child[i], i == 0 ? SIGTERM : SIGKILL);
			waitpid(child[i], NULL, 0);
		}
	for (unsigned i = 0; i < ARRAY_CNT(FILES); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, FILES[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* The end of what the gateway said stands above the bench's own words. */
static _Noreturn void
die(const char *what)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "tail -n 8 %s/gateway.log >&2", folder);
	if (system(command) != 0)
		fprintf(stderr, "the gateway said nothing\n");
	bench_die(what);
}

static FILE *
create(const char *name, mode_t mode)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0)
		bench_die("cannot write its files");
	return fdopen(fd, "w");
}

#ifdef WIRE_VETH
static int ready[2], given[2];

/*
 * Two pairs in a network namespace of our own, gone when both processes are.  Checksums are filled
 * by whoever sends: there is no card that would.
 */
static void
veth_open(void)
{
	if (geteuid() != 0) {
		printf(WIRE_NAME ": skipped: only root makes network namespaces\n");
		exit(0);
	}
	if (unshare(CLONE_NEWNET) != 0 || pipe(ready) != 0 || pipe(given) != 0 ||
	    system("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1 2>/dev/null;"
		   "for n in md oe; do ip link add ${n}0 type veth peer name ${n}1 || exit 1;"
		   "for i in ${n}0 ${n}1; do"
		   " ethtool -K $i tx off rx off tso off gso off gro off >/dev/null 2>&1; done;"
		   "ip link set ${n}0 up; done") != 0)
		bench_die("no veth pairs: this needs root, ip and ethtool");
}

/* In the gateway's process: it waits for its ends. */
static void
veth_take_ends(void)
{
	char byte;

	if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1 ||
	    read(given[0], &byte, 1) != 1 ||
	    system("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 "
		   "net.ipv4.conf.default.rp_filter=0 2>/dev/null;"
		   "ip link set md1 up && ip link set oe1 up") != 0)
		_exit(126);
#ifdef WIRE_KERNEL
	if (system("ip addr add 10.10.1.2/24 dev md1 && ip addr add 10.10.2.2/24 dev oe1") != 0)
		_exit(126);
#endif
}

static void
veth_give_ends(pid_t to)
{
	char text[128], byte;

	snprintf(text, sizeof(text), "ip link set md1 netns %d && ip link set oe1 netns %d",
		 (int)to, (int)to);
	if (read(ready[0], &byte, 1) != 1 || system(text) != 0 || write(given[1], "", 1) != 1)
		bench_die("the gateway does not get its ends of the pairs");
}
#else
static void
veth_open(void)
{
}
static void
veth_take_ends(void)
{
}
static void
veth_give_ends(pid_t to)
{
}
#endif

/* The gateway lies beside us in the build. */
static void
start_gateway(const struct bench *b)
{
	char self[PATH_MAX], program[PATH_MAX + 32], config[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f = create("sluice.yaml", 0600);

	fprintf(f, CONFIG, folder, (int)getpid(), b->far_core, b->core);
	fclose(f);
	f = create("password", 0600);
	fputs("secret\n", f);
	fclose(f);
	f = create("gateway.log", 0600);
	self[n < 0 ? 0 : n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(program, sizeof(program), "%s/../controlplane/sluice", self);
	snprintf(config, sizeof(config), "%s/sluice.yaml", folder);
	gateway = fork();
	if (gateway == 0) {
		cpu_set_t all;

		CPU_ZERO(&all);
		CPU_SET(b->core, &all);
		CPU_SET(b->far_core, &all);
		sched_setaffinity(0, sizeof(all), &all);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fileno(f), STDOUT_FILENO);
		dup2(fileno(f), STDERR_FILENO);
		veth_take_ends();
#ifdef WIRE_KERNEL
		rival_gateway_run(b->core, TAKER, NULL);
#endif
		execl(program, program, "run", "-c", config, NULL);
		_exit(127);
	}
	fclose(f);
	veth_give_ends(gateway);
}

/* The floor's program: what comes goes back. */
static void
start_echoer(const struct bench *b)
{
	static const char *const VDEV[] = { "--vdev=net_memif0,id=2,role=server,rsize=10,socket=%s/"
					    "echo.memif,socket-abstract=no" };
	struct rte_mbuf *m[BURST];

	echoer = fork();
	if (echoer != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shm_start_eal(folder, b->core, VDEV, ARRAY_CNT(VDEV));
	shm_start_port(0, shm_make_pool());
	for (;;) {
		const uint16_t cnt = rte_eth_rx_burst(0, 0, m, BURST);
		const uint16_t sent = cnt != 0 ? rte_eth_tx_burst(0, 0, m, cnt) : 0;

		if (sent < cnt)
			rte_pktmbuf_free_bulk(&m[sent], cnt - sent);
	}
}

static uint64_t
cycles_of_ms(const struct wire *w, unsigned ms)
{
	return (uint64_t)(ms * 1e6 / w->b->ns_per_cycle);
}

static void
send_frame(struct wire *w, uint16_t port, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		die("the generator has no buffers");
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	if (rte_eth_tx_burst(port, 0, &m, 1) != 1)
		rte_pktmbuf_free(m); // TCP sends again; a tick stays without an order
}

static void
tell(struct wire *w, const struct block *b)
{
	uint8_t frame[LAB_FRAME_MAX];
	const size_t len = lab_mold_frame(frame, "LAB       ", 0, w->md_seq++, b->data, b->len, 1);

	send_frame(w, w->md, frame, len);
}

/* An order's frame, as it came: which tick asked for that price? */
static void
match_order(struct wire *w, const uint8_t *frame, size_t len, uint64_t seen_tsc)
{
	const struct tcp_head *tcp;
	const uint8_t *soup;
	struct eth_ip e;
	uint64_t slot, due;

	if (eth_ip_walk(frame, len, false, &e) != ETH_IP_L4 || e.proto != IP_PROTO_TCP)
		return;
	tcp = (const struct tcp_head *)e.l4;
	soup = e.l4 + (size_t)(tcp->data_off >> 4) * 4;
	if (soup + 3 + 26 > e.l4 + e.l4_len || soup[2] != 'U' || soup[3] != 'O')
		return;
	slot = (be64_get(*(const be64 *)(soup + 3 + 18)) - ASK_PX4) / STEP_PX4;
	w->order_cnt++;
	w->unasked_cnt += slot >= PRICES;
	if (slot >= PRICES || w->pending_tsc[slot] == 0)
		return; // or it was sent again, or its tick was given up
	due = w->pending_tsc[slot];
	for (unsigned i = 0; i < PRICES; i++) {
		const uint64_t other = w->pending_tsc[i];

		if (i != slot && (!w->held || other == 0 || other > due))
			continue;
		if (w->series != NULL)
			bench_add(w->series, seen_tsc - other);
		w->pending_tsc[i] = 0;
	}
}

/* What the gateway sent is read, timed and answered. */
static void
pump(struct wire *w)
{
	struct rte_mbuf *m[BURST];
	uint16_t cnt = rte_eth_rx_burst(w->oe, 0, m, BURST);
	const uint64_t now = __rdtsc();

	for (uint16_t i = 0; i < cnt; i++)
		match_order(w, rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len, now);
	for (uint16_t i = 0; i < cnt; i++) {
		peer_on_frame(&w->peer, rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		rte_pktmbuf_free(m[i]);
	}
	w->peer.log_len = 0;
	if (now - w->heartbeat_tsc > cycles_of_ms(w, HEARTBEAT_MS)) {
		w->heartbeat_tsc = now;
		peer_heartbeat(&w->peer);
	}
	if (w->peer.backlog_len == 0 || cnt != 0) {
		w->resend_tsc = now;
	} else if (now - w->resend_tsc > cycles_of_ms(w, RESEND_MS)) {
		w->resend_tsc = now;
		peer_resend(&w->peer);
	}
	for (unsigned i = 0; i < w->peer.out_cnt; i++)
		send_frame(w, w->oe, w->peer.out[i].data, w->peer.out[i].len);
	w->peer.out_cnt = 0;
	cnt = rte_eth_rx_burst(w->md, 0, m, BURST); // memberships
	rte_pktmbuf_free_bulk(m, cnt);
}

static void
pump_for(struct wire *w, unsigned ms)
{
	const uint64_t until = __rdtsc() + cycles_of_ms(w, ms);

	while (__rdtsc() < until)
		pump(w);
}

/* It stands still until its turn. */
static void
wait_for_echoer(const struct wire *w)
{
	const uint64_t until = __rdtsc() + cycles_of_ms(w, START_MS);

	while (!shm_link_is_up(w->echo)) {
		if (__rdtsc() > until)
			bench_die("the echo does not answer");
		usleep(1000);
	}
	kill(echoer, SIGSTOP);
}

static void
wait_for_gateway(struct wire *w)
{
	const uint64_t until = __rdtsc() + cycles_of_ms(w, START_MS);

	while (!w->peer.logged_in || !shm_link_is_up(w->md)) {
		if (__rdtsc() > until)
			die("the gateway did not log in");
		if (waitpid(gateway, NULL, WNOHANG) == gateway) {
			gateway = 0;
			die("the gateway ended by itself");
		}
		pump(w);
		usleep(100); // its control thread shares our core
	}
	pump_for(w, 500); // the first UserRefNum is asked for, then orders may go
}

static void
start_day(struct wire *w)
{
	struct itch50_stock_directory r = { .head = head_of('R'),
					    .symbol = "AAPL    ",
					    .round_lot_qty = be32_of(100),
					    .authenticity = 'P' };
	struct itch50_trading_action h = { .head = head_of('H'),
					   .symbol = "AAPL    ",
					   .state = 'T' };
	struct block b = block_of(&r, sizeof(r));

	tell(w, &b);
	b = block_of(&h, sizeof(h));
	tell(w, &b);
	b = block_add(2, 'B', BID_QTY, BID_PX4);
	tell(w, &b);
	w->ask_ref = 10;
	b = block_add(w->ask_ref, 'S', ASK_QTY, ASK_PX4);
	tell(w, &b);
	pump_for(w, 200);
	w->unasked_cnt = 0; // the first offer is no tick
	w->tick = 1;
}

/* When the tick after the last one is to leave. */
static uint64_t
next_due(struct wire *w, uint64_t due)
{
	w->rng = w->rng * 6364136223846793005ULL + 1442695040888963407ULL; // Knuth's LCG
	return due + w->interval_cycles / 2 + (w->rng >> 33) * w->interval_cycles / (1ULL << 31);
}

/* The offer moves to the next price. */
static void
send_tick(struct wire *w, uint64_t due_tsc)
{
	const uint64_t slot = w->tick++ % PRICES;
	const struct itch50_order_replace u = { .head = head_of('U'),
						.orig_ref = be64_of(w->ask_ref),
						.new_ref = be64_of(w->ask_ref + 1),
						.qty = be32_of(ASK_QTY),
						.px4 = be32_of(ASK_PX4 +
							       (uint32_t)slot * STEP_PX4) };
	const struct block b = block_of(&u, sizeof(u));

	w->ask_ref++;
	w->unanswered_cnt += w->pending_tsc[slot] != 0;
	w->pending_tsc[slot] = due_tsc;
	tell(w, &b);
}

static void
run_ticks(struct wire *w, unsigned ticks, struct bench_series *series)
{
	uint64_t due = next_due(w, __rdtsc());

	w->series = series;
	for (unsigned n = 0; n < ticks; n++, due = next_due(w, due)) {
		while (__rdtsc() < due) {
			pump(w);
			if (w->stall_end_tsc != 0 && __rdtsc() > w->stall_end_tsc) {
				w->stall_end_tsc = 0;
				kill(gateway, SIGCONT);
			}
		}
		send_tick(w, due);
		if (w->held && n == ticks / 2) {
			kill(gateway, SIGSTOP);
			w->stall_end_tsc = __rdtsc() + cycles_of_ms(w, STALL_MS);
		}
	}
	pump_for(w, REST_MS);
	w->series = NULL;
	for (unsigned i = 0; i < PRICES; i++) {
		w->unanswered_cnt += w->pending_tsc[i] != 0;
		w->pending_tsc[i] = 0;
	}
}

static void
take_echoes(struct wire *w, struct bench_series *series)
{
	struct rte_mbuf *m[BURST];
	const uint16_t cnt = rte_eth_rx_burst(w->echo, 0, m, BURST);
	const uint64_t now = __rdtsc();

	for (uint16_t i = 0; i < cnt; i++) {
		uint64_t due;

		memcpy(&due, rte_pktmbuf_mtod(m[i], uint8_t *) + sizeof(struct eth_head),
		       sizeof(due));
		if (series != NULL)
			bench_add(series, now - due);
		rte_pktmbuf_free(m[i]);
	}
}

static void
run_echoes(struct wire *w, unsigned frames, struct bench_series *series)
{
	uint64_t due = next_due(w, __rdtsc()), until;
	uint8_t frame[ECHO_BYTES] = { 0 };

	for (unsigned n = 0; n < frames; n++, due = next_due(w, due)) {
		while (__rdtsc() < due)
			take_echoes(w, series);
		memcpy(frame + sizeof(struct eth_head), &due, sizeof(due));
		send_frame(w, w->echo, frame, sizeof(frame));
	}
	until = __rdtsc() + cycles_of_ms(w, REST_MS);
	while (__rdtsc() < until)
		take_echoes(w, series);
}

static void
report(struct bench *b, struct bench_series *value, struct bench_series *floor)
{
	static const struct {
		const char *suffix;
		const char *floor_suffix;
		uint32_t per_million;
	} ROW[] = { { "", "echo", BENCH_P50 },
		    { "p99", "echo p99", BENCH_P99 },
		    { "p99.9", "echo p99.9", BENCH_P999 },
		    { "p99.99", "echo p99.99", BENCH_P9999 },
		    { "max", "echo max", BENCH_MAX } };

	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++)
		bench_figure(b, ROW[i].suffix, bench_ns(b, value, ROW[i].per_million), "ns",
			     floor->cnt != 0 ? bench_ns(b, floor, ROW[i].per_million) : 0,
			     (struct bench_target){ 0 });
	for (unsigned i = 0; i < ARRAY_CNT(ROW) && floor->cnt != 0; i++)
		bench_figure(b, ROW[i].floor_suffix, bench_ns(b, floor, ROW[i].per_million), "ns",
			     0, (struct bench_target){ 0 });
	bench_figure(b, "ticks without an order", (double)wire.unanswered_cnt, "ticks", 0,
		     (struct bench_target){ 0 });
}

/*
 * The gateway is stopped for 10 ms, once.  The plan goes on meanwhile, so the ticks that it held up
 * must be seen in the tail; a generator that waited for an answer would have seen one of them. Here
 * an order also answers the ticks before its own, which caused none while it was on its way.
 */
static void
run_stall(struct wire *w)
{
	const unsigned ticks = w->b->quick ? ROUND_TICKS_QUICK : ROUND_TICKS;
	struct bench_series series;

	bench_series_init(&series, (size_t)ticks, 1);
	w->held = true;
	run_ticks(w, ticks, &series);
	w->held = false;
	bench_figure(w->b, "stalled 10 ms p50", bench_ns(w->b, &series, BENCH_P50), "ns", 0,
		     (struct bench_target){ 0 });
	bench_figure(w->b, "stalled 10 ms p99.9", bench_ns(w->b, &series, BENCH_P999), "ns", 0,
		     (struct bench_target){ 0 });
	if (bench_ns(w->b, &series, BENCH_P999) < STALL_SEEN_NS_MIN)
		die("a gateway that stood still for 10 ms does not show in p99.9");
}

static void
run(struct bench *b)
{
	const unsigned rounds = b->quick ? ROUNDS_QUICK : ROUNDS;
	const unsigned ticks = b->quick ? ROUND_TICKS_QUICK : ROUND_TICKS;
	struct bench_series value, floor;
	struct wire *w = &wire;

	bench_series_init(&value, (size_t)rounds * ticks, 1);
	bench_series_init(&floor, (size_t)rounds * ticks, 1);
	for (unsigned i = 0; i < rounds; i++) {
		if (echoer != 0) {
			kill(echoer, SIGSTOP);
			kill(gateway, SIGCONT);
		}
		pump_for(w, REST_MS); // what it still held
		run_ticks(w, WARM_TICKS, NULL);
		w->unanswered_cnt = i == 0 ? 0 : w->unanswered_cnt;
		run_ticks(w, ticks, &value);
		if (echoer == 0)
			continue;
		kill(gateway, SIGSTOP);
		kill(echoer, SIGCONT);
		run_echoes(w, WARM_TICKS, NULL);
		run_echoes(w, ticks, &floor);
	}
	kill(gateway, SIGCONT);
	pump_for(w, REST_MS);
	printf("%zu of %zu ticks had an order\n", value.cnt, value.max);
	if (echoer != 0)
		printf("%zu of %zu frames came back from the echo\n", floor.cnt, floor.max);
	if ((echoer != 0 && floor.cnt < floor.max / 2) || (!b->quick && value.cnt < value.max / 2))
		die("fewer than half of the frames came back: the machine is too busy for this");
	if (value.cnt == 0)
		die("no tick had an order");
	if (w->peer.bad_cnt != 0)
		die("the venue saw a broken frame");
	if (w->unasked_cnt != 0)
		die("an order came that no tick asked for");
	report(b, &value, &floor);
	run_stall(w);
}

int
main(int argc, char **argv)
{
#ifdef WIRE_VETH
	static const char *const VDEV[] = { "--vdev=net_af_packet0,iface=md0,framecnt=8192",
					    "--vdev=net_af_packet1,iface=oe0,framecnt=8192" };
#else
	// clang-format off
	static const char *const VDEV[] = {
		"--vdev=net_memif0,id=0,role=server,rsize=10,socket=%s/md.memif,socket-abstract=no",
		"--vdev=net_memif1,id=1,role=server,rsize=10,socket=%s/oe.memif,socket-abstract=no",
		"--vdev=net_memif2,id=2,role=client,rsize=10,socket=%s/echo.memif,socket-abstract=no",
	};
	// clang-format on
#endif
	struct wire *w = &wire;
	struct bench b;

	bench_open(&b, WIRE_NAME, argc, argv);
	if (b.core == b.far_core)
		bench_die("needs two cores: the gateway's lane and the generator");
	if (mkdtemp(folder) == NULL)
		bench_die("cannot make its folder");
	veth_open();
	if (!OVER_VETH)
		start_echoer(&b);
	atexit(clean_up);
	if (OVER_VETH)
		start_gateway(&b); // before EAL: its ends leave our namespace
	shm_start_eal(folder, b.far_core, VDEV, ARRAY_CNT(VDEV));
	*w = (struct wire){ .b = &b, .oe = 1, .echo = 2, .rng = b.seed, .md_seq = 1 };
	w->interval_cycles = (uint64_t)(INTERVAL_US * 1e3 / b.ns_per_cycle);
	w->pool = shm_make_pool();
	if (!OVER_VETH)
		shm_wait_for_socket(folder, "echo.memif");
	for (uint16_t i = 0; i < ARRAY_CNT(VDEV); i++)
		shm_start_port(i, w->pool);
	peer_init(&w->peer, VENUE_IP, VENUE_PORT);
	if (!OVER_VETH) {
		wait_for_echoer(w);
		start_gateway(&b);
	}
	wait_for_gateway(w);
	start_day(w);
	run(&b);
	return bench_close(&b);
}
