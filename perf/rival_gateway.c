/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "lab.h"
#include "lane/turn.h"
#include "rival_gateway.h"

enum {
	HERE = LANE_SET_rx_to_wire,
	BATCH = 32,
	DATAGRAM_MAX = 2048,
	STREAM_MAX = 65536,
	SOCKET_BUFFER = 4 << 20,
	MD_PORT = 26400,
	VENUE_PORT = 26488,
	HEARTBEAT_MS = 300,
	CONNECT_TRIES = 1000,
};

#include "lane/housekeeping.h"

static int order_socket;

/* In place of the frame that session_send writes: the same bytes, given to the kernel. */
static enum session_send
kernel_send(struct session *s, const struct venue_request *q, uint64_t now_ns)
{
	uint8_t packet[ENCODE_PACKET_MAX];
	const uint16_t len = session_encode(s, q, packet);

	if (len == 0 || send(order_socket, packet, len, MSG_DONTWAIT) != len)
		return SESSION_REFUSED;
	throttle_on_sent(&s->throttle, now_ns);
	return SESSION_SENT;
}

/* The kernel's connection takes what there is. */
static inline bool
kernel_is_open(const struct session *s)
{
	return s != NULL;
}

// The pipeline is the lane's own; only what it sends by is another.
#define session_send    kernel_send
#define session_is_open kernel_is_open
#include "lane/pipeline.h"

static int
open_md(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(MD_PORT) };
	const struct ip_mreq group = { .imr_multiaddr.s_addr = inet_addr("239.10.1.1"),
				       .imr_interface.s_addr = inet_addr("10.10.1.2") };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = SOCKET_BUFFER;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		bench_die("the rival does not get its market data socket");
	return fd;
}

/* Connects and logs in; what the venue says to that is read by the loop. */
static int
open_orders(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(VENUE_PORT),
					.sin_addr.s_addr = inet_addr("10.10.2.1") };
	static const char LOGIN[] = "\0\057L"
				    "TEST01secret    "
				    "                             1";
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
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    send(fd, LOGIN, sizeof(LOGIN) - 1, 0) != sizeof(LOGIN) - 1)
		bench_die("the rival does not reach the venue");
	return fd;
}

/* report -> orders -> fill, update, as a lane does. */
static void
read_reports(struct lane *l, struct session *s)
{
	static uint8_t stream[STREAM_MAX];
	static size_t have;
	const ssize_t got = recv(order_socket, stream + have, sizeof(stream) - have, MSG_DONTWAIT);
	struct unframe_packet packet;
	struct unframe_walk walk;
	struct update update;
	struct report report;
	struct fill fill;

	if (got == 0)
		exit(0); // the bench has ended
	if (got < 0)
		return;
	have += (size_t)got;
	unframe_start(&walk, stream, have);
	while (unframe_next(&s->unframe, &walk, &packet) == UNFRAME_PACKET) {
		unsigned said;

		if (packet.type != SOUP_SEQUENCED ||
		    report_ouch50_on_message(&s->decode, packet.payload, packet.len, &report) !=
			    REPORT_DECODED)
			continue;
		report.rx_ns = l->now_ns;
		said = orders_on_report(&s->orders, &report, &fill, &update);
		give_back(l, s, report.token, said, &fill, &update);
	}
	have -= unframe_used(&walk);
	memmove(stream, stream + unframe_used(&walk), have);
}

_Noreturn void
rival_gateway_run(unsigned core, const char *strategies, const char *risk_more)
{
	static uint8_t data[BATCH][DATAGRAM_MAX];
	static struct iovec part[BATCH];
	static struct mmsghdr msg[BATCH];
	static const uint8_t HEARTBEAT[] = { 0, 1, SOUP_CLIENT_HEARTBEAT };
	const double ns_per_cycle = bench_ns_per_cycle();
	uint64_t start_ns, start_tsc, heartbeat_ns;
	struct session *s;
	struct lane *l;
	struct lab *lab;
	int md;

	lab_eal();
	bench_pin(core);
	lab = lab_open(&(struct lab_setup){
		.strategies = strategies, .risk_more = risk_more, .no_warm_up = true });
	lab_session_up(lab); // against a venue in memory: orders and risk are ready then
	l = lab->g.lane[0];
	s = l->session[0];
	md = open_md();
	order_socket = open_orders();
	for (unsigned i = 0; i < BATCH; i++) {
		part[i] = (struct iovec){ data[i], DATAGRAM_MAX };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
	}
	start_ns = heartbeat_ns = lab->now_ns;
	start_tsc = __rdtsc();
	for (;;) {
		const int cnt = recvmmsg(md, msg, BATCH, MSG_DONTWAIT, NULL);

		l->now_ns = start_ns + (uint64_t)((double)(__rdtsc() - start_tsc) * ns_per_cycle);
		l->limits = published_get(l->limits_published);
		for (int i = 0; i < cnt; i++) {
			struct frame f = { .head.rx_ns = l->now_ns,
					   .data = data[i],
					   .len = (uint16_t)msg[i].msg_len,
					   .heard_ns = l->now_ns };

			give_frame(l, &f);
			while (l->walking) {
				walk_datagram(l);
				l->sent_cnt = 0;
			}
		}
		read_reports(l, s);
		if (l->now_ns - heartbeat_ns > HEARTBEAT_MS * 1000000ULL) {
			heartbeat_ns = l->now_ns;
			send(order_socket, HEARTBEAT, sizeof(HEARTBEAT), MSG_DONTWAIT);
		}
	}
}
