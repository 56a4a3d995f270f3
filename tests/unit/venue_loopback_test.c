/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/units.h"
#include "day.h"
#include "wire/itch50.h"
#include "wire/moldudp64.h"
#include "wire/ouch42.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

/* The program itself on the loopback interface, with a client of sockets in front of it. */

enum { WAIT_MS = 60000, DAY_BYTES = 1 << 20, PACKET_MAX = 256 };

static const char *venue_path;
static char tape_path[] = "/tmp/sluice-venue-test-XXXXXX";
static uint64_t tape_msg_cnt;

static struct {
	pid_t pid;
	unsigned order_port;
	unsigned request_port;
	unsigned snapshot_port;
	int line_fd;
	char report_path[64];
} venue;

static struct {
	int fd;
	uint8_t packet[PACKET_MAX]; // the last one, without its length
	size_t len;
	int64_t position; // by the executions seen
	uint64_t executed_cnt;
} client;

static void
write_tape(void)
{
	static uint8_t bytes[DAY_BYTES];
	struct day_config c;
	const char *why;
	struct day *d;
	size_t len;
	const int fd = mkstemp(tape_path);

	day_config_init(&c);
	c.seed = 3;
	c.flow_cnt = 5000;
	c.symbol_cnt = 3;
	c.live_cnt = 300;
	c.lead_ns = 2 * NS_PER_SEC;
	c.session_ns = 3600 * NS_PER_SEC;
	c.named_cnt = 1;
	memcpy(c.named[0].symbol, "AAPL    ", 8);
	c.named[0].px4 = 1500000;
	d = day_open(&c, &why);
	assert_non_null(d);
	assert_true(fd >= 0);
	len = day_fill(d, bytes, sizeof(bytes));
	assert_int_equal(day_fill(d, bytes + len, sizeof(bytes) - len), 0); // the whole day
	// what follows the close would cancel the test's orders
	for (size_t at = 0; at < len; at += 2U + be16_get(*(be16 *)(bytes + at))) {
		const uint8_t *msg = bytes + at + 2;

		if (msg[0] == 'S' && ((const struct itch50_system_event *)msg)->event == 'M') {
			len = at;
			break;
		}
		tape_msg_cnt++;
	}
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	day_close(d);
}

/* Joins a group on the loopback interface at a port of our own. */
static unsigned
listen_line(const char *group)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t at_len = sizeof(at);
	struct ip_mreqn join = { .imr_address.s_addr = htonl(INADDR_LOOPBACK) };
	const int buffer_bytes = 8 << 20;

	// bound to no address: answers of the request server come in here, too
	inet_pton(AF_INET, group, &join.imr_multiaddr);
	venue.line_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(venue.line_fd >= 0);
	setsockopt(venue.line_fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
	assert_int_equal(bind(venue.line_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(venue.line_fd, (struct sockaddr *)&at, &at_len), 0);
	assert_int_equal(
		setsockopt(venue.line_fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), 0);
	return ntohs(at.sin_port);
}

static void
start_venue(const char *ouch, const char *fault)
{
	char line[64], ready[16], text[256] = "";
	int pipe_fd[2];
	size_t len = 0;
	ssize_t n;

	snprintf(line, sizeof(line), "239.255.77.1:%u", listen_line("239.255.77.1"));
	snprintf(venue.report_path, sizeof(venue.report_path), "/tmp/sluice-venue-test-%d.json",
		 getpid());
	assert_int_equal(pipe(pipe_fd), 0);
	venue.pid = fork();
	if (venue.pid == 0) {
		close(pipe_fd[0]);
		snprintf(ready, sizeof(ready), "%d", pipe_fd[1]);
		execl(venue_path, venue_path, "--itch", tape_path, "--line-a", line, "--source-ip",
		      "127.0.0.1", "--listen-ip", "127.0.0.1", "--order-port", "0",
		      "--request-port", "0", "--snapshot-port", "0", "--ouch", ouch, "--rate",
		      "50000", "--wait-login", "--stay", "--exit-after", "60", "--ready-fd", ready,
		      "--report", venue.report_path, "--fault", fault, NULL);
		_exit(127);
	}
	close(pipe_fd[1]);
	while (len < sizeof(text) - 1 &&
	       (n = read(pipe_fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(pipe_fd[0]);
	if (sscanf(text, "order_port_TEST01=%u request_port=%u snapshot_port=%u", &venue.order_port,
		   &venue.request_port, &venue.snapshot_port) != 3)
		fail_msg("not ready: '%s'", text);
}

/* Ends the venue and returns its report. */
static json_t *
stop_venue(void)
{
	json_error_t error;
	json_t *report;
	int status;

	close(venue.line_fd);
	kill(venue.pid, SIGTERM);
	assert_int_equal(waitpid(venue.pid, &status, 0), venue.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	report = json_load_file(venue.report_path, 0, &error);
	unlink(venue.report_path);
	assert_non_null(report);
	return report;
}

static void
client_connect(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons((uint16_t)port) };
	const struct timeval wait = { .tv_sec = WAIT_MS / 1000 };

	client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	assert_int_equal(connect(client.fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void
client_send(uint8_t type, const void *data, size_t len)
{
	uint8_t bytes[PACKET_MAX];
	const struct soup_head h = soup_head_of((enum soup_type)type, (uint16_t)len);

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), data, len);
	assert_int_equal(send(client.fd, bytes, sizeof(h) + len, MSG_NOSIGNAL), sizeof(h) + len);
}

static void
client_login_at(unsigned port, unsigned seq)
{
	char l[64];

	client_connect(port);
	snprintf(l, sizeof(l), "%-6s%-10s%-10s%20u", "TEST01", "SECRET", "", seq);
	client_send('L', l, 46);
}

static void
client_login(unsigned seq)
{
	client_login_at(venue.order_port, seq);
}

static bool
read_bytes(void *out, size_t len)
{
	return recv(client.fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

/* The next packet that is no heartbeat; false when the connection ended. */
static bool
client_packet(void)
{
	be16 len;

	do {
		if (!read_bytes(&len, sizeof(len)))
			return false;
		client.len = be16_get(len);
		assert_true(client.len >= 1 && client.len <= sizeof(client.packet));
		if (!read_bytes(client.packet, client.len))
			return false;
	} while (client.packet[0] == 'H');
	return true;
}

/* The next message with one of these letters; executions on the way are booked. */
static const uint8_t *
client_message(const char *letters, int side)
{
	for (;;) {
		const uint8_t *msg = client.packet + 1;

		if (!client_packet())
			fail_msg("the venue ended the connection, waiting for one of %s", letters);
		if (client.packet[0] != 'S')
			fail_msg("packet %c, waiting for one of %s", client.packet[0], letters);
		if (msg[0] == 'E') {
			const bool v50 = client.len - 1 == sizeof(struct ouch50_executed) + 2;

			client.executed_cnt++;
			client.position +=
				side *
				(int64_t)be32_get(v50 ? ((const struct ouch50_executed *)msg)->qty
						      : ((const struct ouch42_executed *)msg)->qty);
		}
		if (strchr(letters, msg[0]) != NULL)
			return msg;
	}
}

/* Takes the whole tape from line A; what line A lost comes from the request server. */
static void
wait_for_tape(void)
{
	static bool seen[100000];
	uint64_t seen_cnt = 0;
	const struct sockaddr_in server = { .sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					    .sin_port = htons((uint16_t)venue.request_port) };
	struct pollfd p = { .fd = venue.line_fd, .events = POLLIN };
	char session[MOLD_SESSION_LEN] = "";
	bool over = false;

	memset(seen, 0, sizeof(seen));
	while (seen_cnt < tape_msg_cnt) {
		uint8_t packet[2048];
		const struct mold_head *h = (const struct mold_head *)packet;
		struct mold_walk w;
		struct mold_msg m;
		ssize_t len;

		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("%lu of %lu messages", (unsigned long)seen_cnt,
				 (unsigned long)tape_msg_cnt);
		len = recv(venue.line_fd, packet, sizeof(packet), 0);
		if (len < 0 || !mold_walk_start(&w, packet, (size_t)len) ||
		    !mold_packet_exact(packet, (size_t)len)) {
			fail_msg("a malformed packet of %zd bytes", len);
			return;
		}
		if (session[0] == '\0')
			memcpy(session, h->session, sizeof(session));
		assert_memory_equal(session, h->session, sizeof(session));
		for (uint64_t seq = be64_get(h->seq); mold_walk_next(&w, &m); seq++) {
			assert_true(seq >= 1 && seq <= tape_msg_cnt);
			assert_int_equal(ITCH50_LEN[m.data[0]], m.len);
			seen_cnt += !seen[seq];
			seen[seq] = true;
		}
		// once the tape is through, what was lost is asked for, hole by hole
		over = over || be16_get(h->msg_cnt) == MOLD_END_OF_SESSION_CNT;
		for (uint64_t seq = 1; over && seq <= tape_msg_cnt; seq++) {
			struct mold_head request;

			if (seen[seq])
				continue;
			mold_request_write(&request, session, seq, 1000);
			sendto(venue.line_fd, &request, sizeof(request), 0,
			       (const struct sockaddr *)&server, sizeof(server));
			break;
		}
	}
}

static void
send_enter50(uint32_t ref, uint8_t side, uint32_t qty, uint64_t px4)
{
	struct {
		struct ouch50_enter_order o;
		be16 options_len;
	} e = { .o = { .type = 'O',
		       .user_ref = be32_of(ref),
		       .side = side,
		       .qty = be32_of(qty),
		       .symbol = "AAPL   ",
		       .px4 = be64_of(px4),
		       .tif = '0',
		       .display = 'Y',
		       .capacity = 'P',
		       .sweep = 'N',
		       .cross = 'N' } };

	e.o.symbol[7] = ' ';
	client_send('U', &e, sizeof(e));
}

static const json_t *
account_of(const json_t *report)
{
	return json_array_get(json_object_get(report, "accounts"), 0);
}

static int64_t
number_of(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	if (!json_is_integer(n))
		fail_msg("no number '%s' in the report", key);
	return json_integer_value(n);
}

static void
check_report(const json_t *report)
{
	const json_t *a = account_of(report);
	const json_t *p = json_array_get(json_object_get(a, "positions"), 0);

	assert_string_equal(json_string_value(json_object_get(p, "symbol")), "AAPL");
	assert_int_equal(number_of(p, "net_qty"), client.position);
	assert_int_equal(number_of(a, "executions"), client.executed_cnt);
	assert_int_equal(number_of(json_object_get(report, "market_data"), "messages"),
			 tape_msg_cnt);
}

static void
ouch50_over_real_sockets(void **state)
{
	const struct ouch50_cancel_order x = { 'X', be32_of(4), be32_of(0) };
	struct {
		struct ouch50_replace_order u;
		be16 options_len;
	} u = { .u = { .type = 'U',
		       .orig_user_ref = be32_of(3),
		       .user_ref = be32_of(4),
		       .qty = be32_of(200),
		       .px4 = be64_of(1001000),
		       .tif = '0',
		       .display = 'Y',
		       .sweep = 'N' } };
	const struct ouch50_accepted *a;
	json_t *report;

	memset(&client, 0, sizeof(client));
	start_venue("50", "loss_a=5%,write_bytes=7");
	client_login(1);
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'A');
	client_message("S", 0);
	wait_for_tape();
	send_enter50(1, 'B', 300, 1700000); // far above the market: executes
	a = (const struct ouch50_accepted *)client_message("AJ", 1);
	assert_int_equal(a->head.type, 'A');
	assert_int_equal(be32_get(a->user_ref), 1);
	while (client.position < 300)
		client_message("E", 1);
	send_enter50(2, 'S', 100, 1300000);
	client_message("A", -1);
	while (client.position > 200)
		client_message("E", -1);
	send_enter50(3, 'B', 100, 1000000); // far below: rests
	client_message("A", 1);
	client_send('U', &u, sizeof(u));
	client_message("U", 1);
	client_send('U', &x, sizeof(x));
	client_message("C", 1);
	close(client.fd);

	// everything again from the start: S, then the same orders
	client_login(1);
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'A');
	client_message("S", 0);
	assert_int_equal(
		be32_get(((const struct ouch50_accepted *)client_message("A", 0))->user_ref), 1);
	client_message("U", 0);
	client_message("C", 0);
	client.executed_cnt /= 2; // seen twice
	close(client.fd);
	report = stop_venue();
	check_report(report);
	assert_int_equal(number_of(account_of(report), "logins"), 2);
	assert_int_equal(number_of(account_of(report), "open_orders"), 0);
	json_decref(report);
}

static void
send_enter42(const char *tok, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct ouch42_enter_order e = { .type = 'O',
					.side = side,
					.qty = be32_of(qty),
					.symbol = "AAPL   ",
					.px4 = be32_of(px4),
					.tif = be32_of(99999),
					.display = 'Y',
					.capacity = 'P',
					.sweep = 'N',
					.cross = 'N',
					.customer = 'N' };

	memcpy(e.token.text, tok, sizeof(e.token.text));
	memcpy(e.firm, "    ", sizeof(e.firm));
	e.symbol[7] = ' ';
	client_send('U', &e, sizeof(e));
}

static void
ouch42_over_real_sockets(void **state)
{
	struct ouch42_replace_order u = { .type = 'U',
					  .qty = be32_of(200),
					  .px4 = be32_of(1001000),
					  .tif = be32_of(99999),
					  .display = 'Y',
					  .sweep = 'N' };
	struct ouch42_cancel_order x = { .type = 'X', .qty = be32_of(0) };
	json_t *report;

	memcpy(u.orig_token.text, "TOKEN00000000B", 14);
	memcpy(u.token.text, "TOKEN00000000C", 14);
	memcpy(x.token.text, "TOKEN00000000C", 14);
	memset(&client, 0, sizeof(client));
	start_venue("42", "cut_after=3");
	client_login(1);
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'A');
	client_message("S", 0);
	wait_for_tape();
	send_enter42("TOKEN00000000A", 'B', 300, 1700000);
	client_message("A", 1);
	while (client.position < 300)
		client_message("E", 1);
	send_enter42("TOKEN00000000B", 'B', 100, 1000000);
	client_message("A", 1);
	client_send('U', &u, sizeof(u));
	client_message("U", 1);
	client_send('U', &x, sizeof(x));
	client_message("C", 1);
	send_enter42("TOKEN00000000D", 'B', 100, 1000000); // the venue hangs up on this one
	assert_false(client_packet());
	close(client.fd);

	client_login(3 + (unsigned)client.executed_cnt + 3); // S A E.. A U C were seen
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'A');
	assert_memory_equal(
		((const struct ouch42_accepted *)client_message("ASUCE", 1))->token.text,
		"TOKEN00000000D", 14);
	client_send('O', "", 0);
	assert_false(client_packet());
	close(client.fd);
	report = stop_venue();
	check_report(report);
	assert_int_equal(number_of(account_of(report), "open_orders"), 1);
	json_decref(report);
}

/* A spin after the whole tape; the first connection is dropped, the second login refused. */
static void
snapshots_over_real_sockets(void **state)
{
	const uint8_t *msg = client.packet + 1;
	unsigned directories = 0, orders = 0;
	char want[24];
	json_t *report;
	const json_t *server;

	memset(&client, 0, sizeof(client));
	start_venue("50", "snapshot_reject=1,snapshot_drop=1");
	client_login_at(venue.order_port, 1);
	wait_for_tape();
	close(client.fd);

	client_login_at(venue.snapshot_port, 1);
	assert_false(client_packet()); // dropped
	close(client.fd);
	client_login_at(venue.snapshot_port, 1);
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'J');
	assert_false(client_packet());
	close(client.fd);
	client_login_at(venue.snapshot_port, 1);
	assert_true(client_packet());
	assert_int_equal(client.packet[0], 'A');
	do {
		assert_true(client_packet());
		assert_int_equal(client.packet[0], 'S');
		directories += msg[0] == 'R';
		orders += msg[0] == 'A' || msg[0] == 'F';
	} while (msg[0] != 'G');
	snprintf(want, sizeof(want), "%20lu", (unsigned long)tape_msg_cnt + 1);
	assert_memory_equal(msg + 1, want, 20);
	assert_int_equal(directories, 3);
	client_send('O', "", 0);
	assert_false(client_packet());
	close(client.fd);
	report = stop_venue();
	server = json_object_get(json_object_get(report, "market_data"), "snapshot_server");
	assert_int_equal(number_of(server, "connects"), 2);
	assert_int_equal(number_of(server, "dropped"), 1);
	assert_int_equal(number_of(server, "logins_rejected"), 1);
	assert_int_equal(number_of(server, "completed"), 1);
	assert_int_equal(number_of(server, "logouts"), 1);
	assert_int_equal(number_of(server, "orders"), orders);
	assert_int_equal(number_of(server, "last_seq"), tape_msg_cnt + 1);
	json_decref(report);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ouch50_over_real_sockets),
		cmocka_unit_test(ouch42_over_real_sockets),
		cmocka_unit_test(snapshots_over_real_sockets),
	};
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: %s path-of-sluice-venue\n", argv[0]);
		return 2;
	}
	venue_path = argv[1];
	write_tape();
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(tape_path);
	return status;
}
