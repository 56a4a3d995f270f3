/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_rig.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "lab.h"
#include "rival_gateway.h"
#include "shm_port.h"
#include "tick.h"
#include "wire/eth_ip.h"
#include "wire/moldudp64.h"

enum {
	BID_PX4 = 1000000,
	ASK_PX4 = 1000100,
	STEP_PX4 = 100,
	FAR_PX4 = 900000,
	BID_QTY = 5000,
	ASK_QTY = 100,
	HEARTBEAT_MS = 300,
	RESEND_MS = 5,
	START_MS = 20000,
	TRADES_TICKS = 20,
	TRADES_TRIES = 3,
	TRADES_WAIT_MS = 250,
	SESSION_END_MS = 20,
	VENUE_IP = 0x0a0a0201, // 10.10.2.1
	VENUE_PORT = 26488,
	FILLER_REF = 1 << 24, // far from those of ticks
};

// clang-format off
const struct wire_kind WIRE_KINDS[] = {
	[WIRE_MEMIF] = { .name = "wire.memif", .has_echo = true },
	[WIRE_AF_PACKET] = { .name = "wire.af_packet", .md_veth = true, .oe_veth = true },
	[WIRE_KERNEL] = { .name = "wire.kernel", .md_veth = true, .oe_veth = true, .rival = true },
	[WIRE_DPDK_KERNEL] = { .name = "wire.dpdk_kernel", .oe_veth = true, .rival = true },
	[WIRE_LWIP] = { .name = "wire.lwip", .rival = true },
};
// clang-format on

#define TAKER                                                                                      \
	"  - { name: taker, kind: take, instruments: [AAPL], qty: 100, position_max_qty: 100000, " \
	"imbalance_min_bp: 6000, cooldown_us: 0 }\n"

/* 1: folder, 2: process, 3: the control thread's core, 4: the lane's, 5 and 6: the ports. */
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
	"  - { name: md, %5$s, address: 10.10.1.2/24 }\n"
	"  - { name: oe, %6$s, address: 10.10.2.2/24 }\n"
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

static char folder[] = "/tmp/sluice-bench-wire.XXXXXX";
static pid_t gateway, echoer;

static void
clean_up(void)
{
	const pid_t child[] = { gateway, echoer };

	for (unsigned i = 0; i < ARRAY_CNT(child); i++)
		if (child[i] > 0) {
			kill(child[i], SIGCONT);
			kill(child[i], i == 0 ? SIGTERM : SIGKILL);
			waitpid(child[i], NULL, 0);
		}
}

void
wire_die(const char *what)
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

static int ready[2], given[2];

/* In the network namespaces of both: name is md or oe, there when its port lies over veth. */
static bool
veth_shell(const struct wire_kind *k, const char *format, long number)
{
	const char *const name[] = { k->md_veth ? "md" : NULL, k->oe_veth ? "oe" : NULL };
	char text[512], numbered[256];

	snprintf(numbered, sizeof(numbered), format, number);
	for (unsigned i = 0; i < ARRAY_CNT(name); i++) {
		if (name[i] == NULL)
			continue;
		snprintf(text, sizeof(text), "n=%s; a=%u; %s", name[i], i + 1, numbered);
		if (system(text) != 0)
			return false;
	}
	return true;
}

/*
 * A pair per port in a network namespace of our own, gone when both processes are.  Checksums are
 * filled by whoever sends: there is no card that would.
 */
static void
veth_open(const struct wire_kind *k)
{
	if (!k->md_veth && !k->oe_veth)
		return;
	if (geteuid() != 0) {
		printf("%s: skipped: only root makes network namespaces\n", k->name);
		exit(0);
	}
	if (unshare(CLONE_NEWNET) != 0 || pipe(ready) != 0 || pipe(given) != 0 ||
	    !veth_shell(
		    k,
		    "sysctl -q -w net.ipv6.conf.default.disable_ipv6=1 2>/dev/null;"
		    "ip link add ${n}0 type veth peer name ${n}1 || exit 1;"
		    "for i in ${n}0 ${n}1; do"
		    " ethtool -K $i tx off rx off tso off gso off gro off >/dev/null 2>&1; done;"
		    "ip link set ${n}0 up",
		    0))
		bench_die("no veth pairs: this needs root, ip and ethtool");
}

/* In the gateway's process: it waits for its ends. */
static void
veth_take_ends(const struct wire_kind *k)
{
	char byte;

	if (!k->md_veth && !k->oe_veth)
		return;
	if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1 ||
	    read(given[0], &byte, 1) != 1 ||
	    !veth_shell(k,
			"sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 "
			"net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
			"2>/dev/null; ip link set ${n}1 up",
			0) ||
	    (k->rival && !veth_shell(k, "ip addr add 10.10.$a.2/24 dev ${n}1", 0)))
		_exit(126);
}

static void
veth_give_ends(const struct wire_kind *k, pid_t to)
{
	char byte;

	if (!k->md_veth && !k->oe_veth)
		return;
	if (read(ready[0], &byte, 1) != 1 ||
	    !veth_shell(k, "ip link set ${n}1 netns %ld", (long)to) || write(given[1], "", 1) != 1)
		bench_die("the gateway does not get its ends of the pairs");
}

static const char *
port_lines(const struct wire_kind *k, unsigned i, char *out, size_t out_bytes)
{
	const char *name = i == 0 ? "md" : "oe";

	if (i == 0 ? k->md_veth : k->oe_veth)
		snprintf(out, out_bytes,
			 "device: \"net_af_packet%u,iface=%s1,framecnt=8192\", profile: af_packet",
			 i, name);
	else
		snprintf(out, out_bytes,
			 "device: \"net_memif%u,id=%u,role=client,socket=%s/%s.memif\", profile: "
			 "memif, mac: \"02:00:00:00:00:0%u\"",
			 i, i, folder, name, i + 1);
	return out;
}

/* The program lies beside us in the build. */
static void
start_gateway(const struct wire *w)
{
	char self[PATH_MAX], program[PATH_MAX + 32], config[PATH_MAX], line[2][256];
	const struct bench *b = w->b;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f = create("sluice.yaml", 0600);

	fprintf(f, CONFIG, folder, (int)getpid(), b->far_core, b->core,
		port_lines(w->kind, 0, line[0], sizeof(line[0])),
		port_lines(w->kind, 1, line[1], sizeof(line[1])));
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
		veth_take_ends(w->kind);
		if (w->kind->rival)
			rival_gateway_run(&(struct rival_gateway_setup){
				.core = b->core,
				.strategies = TAKER,
				.folder = folder,
				.md = w->kind->md_veth ? RIVAL_MD_SOCKET : RIVAL_MD_MEMIF,
				.tcp = w->kind->oe_veth ? RIVAL_TCP_KERNEL : RIVAL_TCP_LWIP });
		execl(program, program, "run", "-c", config, NULL);
		_exit(127);
	}
	fclose(f);
	veth_give_ends(w->kind, gateway);
}

/* The floor's program: what comes goes back. */
static void
start_echoer(const struct bench *b)
{
	static const char *const VDEV[] = { "--vdev=net_memif0,id=2,role=server,rsize=10,socket=%s/"
					    "echo.memif,socket-abstract=no" };
	struct rte_mbuf *m[WIRE_BURST];

	echoer = fork();
	if (echoer != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shm_start_eal(folder, b->core, VDEV, ARRAY_CNT(VDEV));
	shm_start_port(0, shm_make_pool());
	for (;;) {
		const uint16_t cnt = rte_eth_rx_burst(0, 0, m, WIRE_BURST);
		const uint16_t sent = cnt != 0 ? rte_eth_tx_burst(0, 0, m, cnt) : 0;

		if (sent < cnt)
			rte_pktmbuf_free_bulk(&m[sent], cnt - sent);
	}
}

uint64_t
wire_cycles_of_ms(const struct wire *w, unsigned ms)
{
	return (uint64_t)(ms * 1e6 / w->b->ns_per_cycle);
}

struct rte_mbuf *
wire_frame(struct wire *w, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		wire_die("the generator has no buffers");
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	return m;
}

bool
wire_send(struct wire *w, uint16_t port, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = wire_frame(w, frame, len);

	if (rte_eth_tx_burst(port, 0, &m, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

void
wire_flush(struct wire *w)
{
	const unsigned sent = rte_eth_tx_burst(w->md, 0, w->batch, (uint16_t)w->batch_cnt);

	if (sent < w->batch_cnt) {
		w->untaken_cnt += w->batch_cnt - sent;
		rte_pktmbuf_free_bulk(&w->batch[sent], w->batch_cnt - sent);
	}
	w->batch_cnt = 0;
}

static void
tell_mold(struct wire *w, const uint8_t *data, size_t len, uint16_t msg_cnt)
{
	uint8_t frame[LAB_FRAME_MAX];
	const size_t frame_len =
		lab_mold_frame(frame, w->session, 0, w->md_seq, data, len, msg_cnt);

	if (w->batch_cnt == WIRE_BURST)
		wire_flush(w);
	w->batch[w->batch_cnt++] = wire_frame(w, frame, frame_len);
}

void
wire_tell(struct wire *w, const struct block *b)
{
	tell_mold(w, b->data, b->len, 1);
	w->md_seq++;
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
	w->unasked_cnt += slot >= WIRE_PRICES;
	if (slot >= WIRE_PRICES || w->pending_tsc[slot] == 0)
		return; // or it was sent again, or its tick was given up
	due = w->pending_tsc[slot];
	for (unsigned i = 0; i < WIRE_PRICES; i++) {
		const uint64_t other = w->pending_tsc[i];

		if (i != slot && (!w->held || other == 0 || other > due))
			continue;
		if (w->series != NULL)
			bench_add(w->series, seen_tsc - other);
		w->pending_tsc[i] = 0;
	}
}

/* What the gateway sends on the port of market data is not for the venue. */
static void
drop_memberships(struct wire *w)
{
	struct rte_mbuf *m[WIRE_BURST];
	const uint16_t cnt = rte_eth_rx_burst(w->md, 0, m, WIRE_BURST);

	rte_pktmbuf_free_bulk(m, cnt);
}

void
wire_pump(struct wire *w)
{
	struct rte_mbuf *m[WIRE_BURST];
	uint16_t cnt = rte_eth_rx_burst(w->oe, 0, m, WIRE_BURST);
	const uint64_t now = __rdtsc();

	host_watch_look(w->host, now);
	for (uint16_t i = 0; i < cnt; i++)
		match_order(w, rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len, now);
	for (uint16_t i = 0; i < cnt; i++) {
		peer_on_frame(&w->peer, rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len);
		rte_pktmbuf_free(m[i]);
	}
	w->peer.log_len = 0;
	if (now - w->heartbeat_tsc > wire_cycles_of_ms(w, HEARTBEAT_MS)) {
		w->heartbeat_tsc = now;
		peer_heartbeat(&w->peer);
		drop_memberships(w);
	}
	if (w->peer.backlog_len == 0 || cnt != 0) {
		w->resend_tsc = now;
	} else if (now - w->resend_tsc > wire_cycles_of_ms(w, RESEND_MS)) {
		w->resend_tsc = now;
		peer_resend(&w->peer);
	}
	for (unsigned i = 0; i < w->peer.out_cnt; i++) // what is not taken TCP sends again
		wire_send(w, w->oe, w->peer.out[i].data, w->peer.out[i].len);
	w->peer.out_cnt = 0;
}

void
wire_pump_for(struct wire *w, unsigned ms)
{
	const uint64_t until = __rdtsc() + wire_cycles_of_ms(w, ms);

	while (__rdtsc() < until)
		wire_pump(w);
}

static void
wait_for_gateway(struct wire *w)
{
	const uint64_t until = __rdtsc() + wire_cycles_of_ms(w, START_MS);

	while (!w->peer.logged_in || !shm_link_is_up(w->md)) {
		if (__rdtsc() > until)
			wire_die("the gateway did not log in");
		if (waitpid(gateway, NULL, WNOHANG) == gateway) {
			gateway = 0;
			wire_die("the gateway ended by itself");
		}
		wire_pump(w);
		usleep(100); // its control thread shares our core
	}
	wire_pump_for(w, 500); // the first UserRefNum is asked for, then orders may go
}

static void
start_day(struct wire *w)
{
	struct block b = block_listed("AAPL    ", TICK_LOCATE);

	w->md_seq = 1;
	wire_tell(w, &b);
	b = block_trading();
	wire_tell(w, &b);
	b = block_add(2, 'B', BID_QTY, BID_PX4);
	wire_tell(w, &b);
	w->ask_ref = 10;
	b = block_add(w->ask_ref, 'S', ASK_QTY, ASK_PX4);
	wire_tell(w, &b);
	wire_flush(w);
	w->filler_ref = FILLER_REF;
	wire_pump_for(w, 200);
	w->unasked_cnt = 0; // the first offer is no tick
	w->tick = 1;
	wire_give_up(w);
}

uint64_t
wire_next_due(struct wire *w, uint64_t due, uint64_t interval_cycles)
{
	w->rng = w->rng * 6364136223846793005ULL + 1442695040888963407ULL; // Knuth's LCG
	return due + interval_cycles / 2 + (w->rng >> 33) * interval_cycles / (1ULL << 31);
}

void
wire_trigger(struct wire *w, uint64_t due_tsc)
{
	const uint64_t slot = w->tick++ % WIRE_PRICES;
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
	wire_tell(w, &b);
}

void
wire_filler(struct wire *w)
{
	const uint64_t nr = w->filler_ref++;
	const struct itch50_order_delete d = { .head = head_of('D'), .order_ref = be64_of(nr - 1) };
	const struct block b =
		nr % 2 == 0 ? block_add(nr, 'B', ASK_QTY, FAR_PX4) : block_of(&d, sizeof(d));

	wire_tell(w, &b);
}

void
wire_give_up(struct wire *w)
{
	for (unsigned i = 0; i < WIRE_PRICES; i++) {
		w->unanswered_cnt += w->pending_tsc[i] != 0;
		w->pending_tsc[i] = 0;
	}
}

/* Whether some of a few slow ticks have an order. */
static bool
trades_now(struct wire *w)
{
	const uint64_t before = w->order_cnt;

	for (unsigned i = 0; i < TRADES_TICKS; i++) {
		wire_trigger(w, __rdtsc());
		wire_flush(w);
		wire_pump_for(w, 2);
	}
	wire_give_up(w);
	return w->order_cnt - before >= TRADES_TICKS / 4;
}

bool
wire_trades(struct wire *w)
{
	wire_pump_for(w, WIRE_REST_MS); // what was still under way
	wire_give_up(w);
	for (unsigned i = 0; i < TRADES_TRIES; i++) {
		if (trades_now(w))
			return true;
		wire_pump_for(w, TRADES_WAIT_MS); // TCP may still be at it
	}
	return false;
}

void
wire_new_session(struct wire *w)
{
	tell_mold(w, NULL, 0, MOLD_END_OF_SESSION_CNT);
	wire_flush(w);
	wire_pump_for(w, SESSION_END_MS); // the gap before it is given up
	tell_mold(w, NULL, 0, MOLD_END_OF_SESSION_CNT);
	wire_flush(w);
	wire_pump_for(w, SESSION_END_MS);
	w->session[sizeof(w->session) - 1]++;
	start_day(w);
}

void
wire_watch_gateway(struct wire *w)
{
	host_watch_init(&w->with_gateway, w->b, w->gateway, w->b->core);
}

double
wire_gateway_cpu_s(const struct wire *w, double *system)
{
	unsigned long user_ticks, system_ticks;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)w->gateway);
	f = fopen(path, "r");
	if (f == NULL ||
	    fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		   &user_ticks, &system_ticks) != 2)
		bench_die("the gateway has no CPU time");
	fclose(f);
	*system = (double)system_ticks / (double)sysconf(_SC_CLK_TCK);
	return (double)user_ticks / (double)sysconf(_SC_CLK_TCK) + *system;
}

void
wire_open(struct wire *w, struct bench *b, enum wire_kind_id id)
{
	static const char *const VETH[] = { "--vdev=net_af_packet0,iface=md0,framecnt=8192",
					    "--vdev=net_af_packet1,iface=oe0,framecnt=8192" };
	// clang-format off
	static const char *const MEMIF[] = {
		"--vdev=net_memif0,id=0,role=server,rsize=10,socket=%s/md.memif,socket-abstract=no",
		"--vdev=net_memif1,id=1,role=server,rsize=10,socket=%s/oe.memif,socket-abstract=no",
		"--vdev=net_memif2,id=2,role=client,rsize=10,socket=%s/echo.memif,socket-abstract=no",
	};
	// clang-format on
	const struct wire_kind *k = &WIRE_KINDS[id];
	const char *const vdev[] = { k->md_veth ? VETH[0] : MEMIF[0],
				     k->oe_veth ? VETH[1] : MEMIF[1], MEMIF[2] };
	const unsigned vdev_cnt = k->has_echo ? 3 : 2;
	// a rival has its own EAL, and the ends of veth pairs leave our namespace
	const bool gateway_first = k->rival || k->md_veth || k->oe_veth;

	*w = (struct wire){ .b = b, .kind = k, .rng = b->seed, .session = "LAB     00" };
	if (b->core == b->far_core)
		bench_die("needs two cores: the gateway's lane and the generator");
	if (mkdtemp(folder) == NULL)
		bench_die("cannot make its folder");
	shm_leave_nothing(folder);
	veth_open(k);
	if (k->has_echo)
		start_echoer(b);
	atexit(clean_up);
	if (gateway_first)
		start_gateway(w);
	shm_start_eal(folder, b->far_core, vdev, vdev_cnt);
	w->pool = shm_make_pool();
	for (unsigned i = 0; i < vdev_cnt; i++) {
		static const char *const NAME[2][3] = {
			{ "net_memif0", "net_memif1", "net_memif2" },
			{ "net_af_packet0", "net_af_packet1", "" },
		};
		uint16_t *id_of[] = { &w->md, &w->oe, &w->echo };
		const bool veth = (i == 0 && k->md_veth) || (i == 1 && k->oe_veth);

		if (rte_eth_dev_get_port_by_name(NAME[veth][i], id_of[i]) != 0)
			bench_die("a port of the generator's is not there");
		if (i < 2)
			shm_start_port(*id_of[i], w->pool);
		else
			shm_start_client(w->echo, w->pool, folder, "echo.memif");
	}
	peer_init(&w->peer, VENUE_IP, VENUE_PORT);
	if (k->has_echo)
		kill(echoer, SIGSTOP); // until its turn
	if (!gateway_first)
		start_gateway(w);
	w->gateway = gateway;
	w->echoer = echoer;
	w->host = &w->with_gateway;
	wait_for_gateway(w);
	wire_watch_gateway(w);
	if (k->has_echo)
		host_watch_init(&w->with_echo, b, echoer, b->core);
	start_day(w);
}
