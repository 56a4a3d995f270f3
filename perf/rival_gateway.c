/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "lab.h"
#include "lane/turn.h"
#include "rival_gateway.h"
#include "rival_lwip.h"
#include "shm_port.h"

enum {
	HERE = LANE_SET_rx_to_wire,
	BATCH = 32,
	STREAM_MAX = 65536,
	SOCKET_BUFFER = 4 << 20,
	MD_PORT = 26400,
	VENUE_PORT = 26488,
	LOCAL_IP = 0x0a0a0202, // 10.10.2.2
	VENUE_IP = 0x0a0a0201,
	HEARTBEAT_MS = 300,
	LWIP_TIMER_MS = 250, // as its own thread would call it
	ARB_US = 100,
	CONNECT_TRIES = 1000,
	FRAME_MAX = 1514,
};

#include "lane/housekeeping.h"

static struct rival {
	enum rival_md md;
	enum rival_tcp tcp;
	struct rte_mempool *pool;
	uint16_t md_port;
	uint16_t oe_port;
	int md_socket;
	int order_socket;
	struct rte_mbuf *out; // the frame lwIP is writing
	uint8_t stream[STREAM_MAX];
	size_t have;
	struct iovec part[BATCH];
	struct mmsghdr msg[BATCH];
	struct rte_mbuf *into[BATCH];
} rival;

static bool
send_bytes(const void *bytes, uint16_t len)
{
	if (rival.tcp == RIVAL_TCP_LWIP)
		return rival_lwip_send(bytes, len);
	return send(rival.order_socket, bytes, len, MSG_DONTWAIT) == len;
}

/* In place of the frame that session_send writes: the same bytes, given to another TCP. */
static enum session_send
rival_send(struct session *s, const struct venue_request *q, uint64_t now_ns)
{
	uint8_t packet[ENCODE_PACKET_MAX];
	const uint16_t len = session_encode(s, q, packet);

	if (len == 0 || !send_bytes(packet, len))
		return SESSION_REFUSED;
	return SESSION_SENT;
}

/* Its connection takes what there is. */
static inline bool
rival_is_open(const struct session *s)
{
	return s != NULL;
}

// The pipeline is the lane's own; only what it sends by is another.
#define session_send(...) rival_send(__VA_ARGS__)
#define session_is_open   rival_is_open
#include "lane/pipeline.h"

static struct rte_mbuf *
buffer(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rival.pool);

	if (m == NULL)
		bench_die("the rival has no buffers");
	return m;
}

static void
open_memif(const char *folder, const char *name, unsigned nr, uint16_t *port)
{
	char file[32], device[32], args[PATH_MAX + 64];

	snprintf(file, sizeof(file), "%s.memif", name);
	snprintf(device, sizeof(device), "net_memif%u", nr);
	snprintf(args, sizeof(args), "id=%u,role=client,rsize=10,socket=%s/%s,socket-abstract=no",
		 nr, folder, file);
	if (rte_vdev_init(device, args) != 0 || rte_eth_dev_get_port_by_name(device, port) != 0)
		bench_die("the rival does not get its memif port");
	shm_start_client(*port, rival.pool, folder, file);
}

static void
receive_into(unsigned i)
{
	rival.into[i] = buffer();
	rival.part[i] = (struct iovec){ rte_pktmbuf_mtod(rival.into[i], void *),
					RTE_MBUF_DEFAULT_DATAROOM };
	rival.msg[i].msg_hdr = (struct msghdr){ .msg_iov = &rival.part[i], .msg_iovlen = 1 };
}

static void
open_md_socket(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(MD_PORT) };
	const struct ip_mreq group = { .imr_multiaddr.s_addr = inet_addr("239.10.1.1"),
				       .imr_interface.s_addr = inet_addr("10.10.1.2") };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = SOCKET_BUFFER;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		bench_die("the rival does not get its market data socket");
	rival.md_socket = fd;
	for (unsigned i = 0; i < BATCH; i++)
		receive_into(i);
}

static void
open_order_socket(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(VENUE_PORT),
					.sin_addr.s_addr = inet_addr("10.10.2.1") };
	const int one = 1;
	int fd = -1;

	for (unsigned i = 0; i < CONNECT_TRIES; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			break;
		close(fd);
		fd = -1;
		usleep(10000);
	}
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		bench_die("the rival does not reach the venue");
	rival.order_socket = fd;
}

static uint8_t *
lwip_room(void *arg)
{
	rival.out = buffer();
	return rte_pktmbuf_mtod(rival.out, uint8_t *);
}

static void
lwip_flush(void *arg, uint16_t frame_len)
{
	rival.out->data_len = frame_len;
	rival.out->pkt_len = frame_len;
	if (rte_eth_tx_burst(rival.oe_port, 0, &rival.out, 1) != 1)
		rte_pktmbuf_free(rival.out); // lost on the way, to TCP
}

static void
take_bytes(void *arg, const uint8_t *bytes, uint16_t len)
{
	if (rival.have + len > sizeof(rival.stream))
		bench_die("the venue tells the rival too much at once");
	memcpy(rival.stream + rival.have, bytes, len);
	rival.have += len;
}

static void
poll_lwip(void)
{
	struct rte_mbuf *m[BATCH];
	const uint16_t cnt = rte_eth_rx_burst(rival.oe_port, 0, m, BATCH);

	for (uint16_t i = 0; i < cnt; i++) {
		const struct eth_head *eth = rte_pktmbuf_mtod(m[i], const struct eth_head *);

		if (be16_get(eth->type) == ETH_TYPE_IPV4 &&
		    !rival_lwip_input((const uint8_t *)eth, m[i]->data_len))
			bench_die("lwIP has no buffers");
		rte_pktmbuf_free(m[i]);
	}
}

static void
open_lwip(const char *folder)
{
	static const struct rival_lwip_port PORT = { .room = lwip_room,
						     .send = lwip_flush,
						     .data = take_bytes };
	const char *why;

	open_memif(folder, "oe", 1, &rival.oe_port);
	why = rival_lwip_open(&PORT, LOCAL_IP, VENUE_IP, VENUE_PORT);
	if (why != NULL)
		bench_die(why);
	for (unsigned i = 0; i < CONNECT_TRIES && !rival_lwip_connected(); i++) {
		poll_lwip();
		rival_lwip_on_time();
		usleep(1000);
	}
	if (!rival_lwip_connected())
		bench_die("lwIP does not reach the venue");
}

/* Parse, book and what comes of it, to the end of the datagram. */
static void
walk(struct lane *l)
{
	while (l->walking) {
		walk_datagram(l);
		l->sent_cnt = 0;
	}
}

/* What the arbiter let go of since: after a gap. */
static void
settle_arb(struct lane *l)
{
	struct datagram d;

	while (arb_next(l->arb[0], l->now_ns, &d)) {
		if (d.msg_cnt == 0 && d.flags == 0) {
			port_buf_free(d.buf);
			continue;
		}
		give_arbitrated(l, &d);
		walk(l);
	}
}

static void
take_frame(struct lane *l, struct frame *f, struct rte_mbuf *m)
{
	f->buf = m;
	f->head.rx_ns = l->now_ns;
	f->heard_ns = l->now_ns;
	give_frame(l, f);
	walk(l);
}

static int
poll_socket(struct lane *l)
{
	const int cnt = recvmmsg(rival.md_socket, rival.msg, BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < cnt; i++) {
		struct frame f = { .data = rte_pktmbuf_mtod(rival.into[i], const uint8_t *),
				   .len = (uint16_t)rival.msg[i].msg_len };

		take_frame(l, &f, rival.into[i]);
		receive_into((unsigned)i);
	}
	return cnt;
}

static int
poll_memif(struct lane *l)
{
	struct rte_mbuf *m[BATCH];
	const uint16_t cnt = rte_eth_rx_burst(rival.md_port, 0, m, BATCH);

	for (uint16_t i = 0; i < cnt; i++) {
		struct frame f;

		if (rx_on_bytes(l->rxq[0].rx, rte_pktmbuf_mtod(m[i], const uint8_t *),
				m[i]->data_len, false, &f) == RX_MARKET_DATA) {
			f.head.trace = (struct trace){ 0 };
			take_frame(l, &f, m[i]);
		} else {
			rte_pktmbuf_free(m[i]);
		}
	}
	return cnt;
}

static void
poll_orders(void)
{
	ssize_t got;

	if (rival.tcp == RIVAL_TCP_LWIP) {
		poll_lwip();
		return;
	}
	got = recv(rival.order_socket, rival.stream + rival.have, sizeof(rival.stream) - rival.have,
		   MSG_DONTWAIT);
	if (got == 0)
		exit(0); // the bench has ended
	if (got > 0)
		rival.have += (size_t)got;
}

/* report -> orders -> fill, update, as a lane does. */
static void
read_reports(struct lane *l, struct session *s)
{
	struct unframe_packet packet;
	struct unframe_walk w;
	struct update update;
	struct report report;
	struct fill fill;

	poll_orders();
	if (rival.have == 0)
		return;
	unframe_start(&w, rival.stream, rival.have);
	while (unframe_next(&s->unframe, &w, &packet) == UNFRAME_PACKET) {
		unsigned said;

		if (packet.type != SOUP_SEQUENCED ||
		    report_ouch50_on_message(&s->decode, packet.payload, packet.len, &report) !=
			    REPORT_DECODED)
			continue;
		report.rx_ns = l->now_ns;
		said = orders_on_report(&s->orders, &report, &fill, &update);
		give_back(l, s, report.token, said, &fill, &update);
	}
	rival.have -= unframe_used(&w);
	memmove(rival.stream, rival.stream + unframe_used(&w), rival.have);
}

static void
log_in(void)
{
	static const char LOGIN[] = "\0\057L"
				    "TEST01secret    "
				    "                             1";

	if (!send_bytes(LOGIN, sizeof(LOGIN) - 1))
		bench_die("the rival does not log in");
}

_Noreturn void
rival_gateway_run(const struct rival_gateway_setup *setup)
{
	static const uint8_t HEARTBEAT[] = { 0, 1, SOUP_CLIENT_HEARTBEAT };
	const double ns_per_cycle = bench_ns_per_cycle();
	uint64_t start_ns, start_tsc, heartbeat_ns, timer_ns, arb_ns;
	struct session *s;
	struct lane *l;
	struct lab *lab;

	rival.md = setup->md;
	rival.tcp = setup->tcp;
	lab_eal();
	bench_pin(setup->core);
	lab = lab_open(&(struct lab_setup){ .strategies = setup->strategies,
					    .risk_more = setup->risk_more,
					    .no_warm_up = true });
	lab_session_up(lab); // against a venue in memory: orders and risk are ready then
	l = lab->g.lane[0];
	s = l->session[0];
	rival.pool = shm_make_pool();
	if (rival.md == RIVAL_MD_MEMIF)
		open_memif(setup->folder, "md", 0, &rival.md_port);
	else
		open_md_socket();
	if (rival.tcp == RIVAL_TCP_LWIP)
		open_lwip(setup->folder);
	else
		open_order_socket();
	log_in();
	start_ns = heartbeat_ns = timer_ns = arb_ns = lab->now_ns;
	start_tsc = __rdtsc();
	for (;;) {
		int cnt;

		l->now_ns = start_ns + (uint64_t)((double)(__rdtsc() - start_tsc) * ns_per_cycle);
		l->limits = published_get(l->limits_published);
		cnt = rival.md == RIVAL_MD_MEMIF ? poll_memif(l) : poll_socket(l);
		if (cnt > 0 || l->now_ns - arb_ns > ARB_US * 1000ULL) {
			arb_ns = l->now_ns;
			settle_arb(l);
		}
		read_reports(l, s);
		if (l->now_ns - heartbeat_ns > HEARTBEAT_MS * 1000000ULL) {
			heartbeat_ns = l->now_ns;
			send_bytes(HEARTBEAT, sizeof(HEARTBEAT));
		}
		if (rival.tcp == RIVAL_TCP_LWIP &&
		    l->now_ns - timer_ns > LWIP_TIMER_MS * 1000000ULL) {
			timer_ns = l->now_ns;
			rival_lwip_on_time();
		}
	}
}
