/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lets Wireshark read what we send: the login, heartbeat, logout and every OUCH 4.2 request on one
 * TCP connection, and the ARP and IGMP frames of a port.  Nothing may be malformed, and each
 * message must be recognized.  Skipped without tshark.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/units.h"
#include "egress/encode_ouch42.h"
#include "net/host.h"
#include "net/soup_session.h"

enum { SKIPPED = 77, VENUE_PORT = 26488 };

static FILE *pcap;
static uint32_t tcp_seq = 1;

static void
put_frame(const uint8_t *frame, uint32_t len)
{
	const uint32_t record[4] = { 1, tcp_seq, len, len };

	fwrite(record, sizeof(record), 1, pcap);
	fwrite(frame, len, 1, pcap);
}

/* One TCP segment from us to the venue. */
static void
put_segment(const uint8_t *data, size_t len)
{
	struct eth_head eth = { { 2, 0, 0, 0, 0, 9 },
				{ 2, 0, 0, 0, 0, 2 },
				be16_of(ETH_TYPE_IPV4) };
	struct ipv4_head ip = {
		.version_ihl = 0x45,
		.total_len = be16_of((uint16_t)(40 + len)),
		.ttl = 64,
		.proto = IP_PROTO_TCP,
		.src = be32_of(0x0a0a0202),
		.dst = be32_of(0x0a0a0201),
	};
	struct tcp_head tcp = {
		.src_port = be16_of(49153),
		.dst_port = be16_of(VENUE_PORT),
		.seq = be32_of(tcp_seq),
		.ack = be32_of(1),
		.data_off = 5 << 4,
		.flags = TCP_FLAG_PSH | TCP_FLAG_ACK,
		.window = be16_of(65535),
	};
	uint8_t frame[256];

	ip.sum = ip_sum_finish(ip_sum_bytes(0, &ip, sizeof(ip)));
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + 14, &ip, sizeof(ip));
	memcpy(frame + 34, &tcp, sizeof(tcp));
	memcpy(frame + 54, data, len);
	put_frame(frame, (uint32_t)(54 + len));
	tcp_seq += (uint32_t)len;
}

static void
put_session(void)
{
	static const struct soup_session_config CONFIG = { .username = "user01",
							   .password = "secret",
							   .first_seq = 1,
							   .heartbeat_ns = NS_PER_SEC,
							   .silence_ns = 15 * NS_PER_SEC,
							   .login_wait_ns = NS_PER_SEC };
	static const uint8_t ACCEPTED[] = "  20261008                   1";
	uint8_t buf[SOUP_SESSION_TAKE_MAX];
	struct soup_session s;

	if (soup_session_init(&s, &CONFIG) != 0)
		abort();
	soup_session_on_connect(&s, 0);
	put_segment(buf, soup_session_take(&s, buf, sizeof(buf), 0));
	soup_session_on_packet(&s, 'A', ACCEPTED, 30, 0);
	soup_session_on_time(&s, NS_PER_SEC);
	put_segment(buf, soup_session_take(&s, buf, sizeof(buf), NS_PER_SEC));
	soup_session_logout(&s);
	put_segment(buf, soup_session_take(&s, buf, sizeof(buf), NS_PER_SEC));
}

static void
put_orders(void)
{
	static const struct encode_config CONFIG = {
		.firm = "LIME", .token_prefix = "TOK000", .capacity = 'P', .display = 'Y'
	};
	static const struct venue_request REQUESTS[] = {
		{ .kind = INTENT_NEW, .token = 1, .instr_idx = 1, .qty = 100, .px4 = 1891234 },
		{ .kind = INTENT_NEW,
		  .token = 2,
		  .instr_idx = 1,
		  .qty = 5,
		  .px4 = 1,
		  .side = 1,
		  .tif = TIF_IOC,
		  .flags = INTENT_SHORT | INTENT_POST_ONLY },
		{ .kind = INTENT_REPLACE, .orig_token = 1, .token = 3, .qty = 7, .px4 = 1 },
		{ .kind = INTENT_CANCEL, .token = 3 },
	};
	uint8_t packet[ENCODE_PACKET_MAX];
	static struct encode e;

	if (encode_ouch42_init(&e, &CONFIG) != 0 || encode_name_instrument(&e, 1, "AAPL") != 0)
		abort();
	for (size_t i = 0; i < ARRAY_CNT(REQUESTS); i++)
		put_segment(packet, encode_ouch42_request(&e, &REQUESTS[i], packet));
}

static void
put_host(unsigned igmp_version)
{
	const struct host_config c = { .mac = { 2, 0, 0, 0, 0, 2 },
				       .ip = 0x0a0a0202,
				       .prefix_len = 24,
				       .igmp_version = igmp_version };
	uint8_t buf[HOST_FRAME_MAX], mac[ETH_ADDR_BYTES];
	static struct host h;
	uint16_t len;

	if (host_init(&h, &c, 1) != 0)
		abort();
	host_on_link(&h, true, 1);
	host_join(&h, 0xef0a0101, 0, 1);
	host_join(&h, 0xef0a0102, 0x0a141e28, 1);
	host_find_mac(&h, 0x0a0a0201, 1, mac);
	while ((len = host_take(&h, buf, sizeof(buf), 1)) != 0)
		put_frame(buf, len);
}

/* How many frames a display filter finds. */
static int
count(const char *path, const char *filter)
{
	char command[512];
	int n = 0, c;
	FILE *f;

	snprintf(command, sizeof(command),
		 "tshark -r %s -o ip.check_checksum:TRUE -d tcp.port==%d,soupbintcp "
		 "--enable-heuristic ouch_soupbintcp -Y '%s' 2>/dev/null",
		 path, VENUE_PORT, filter);
	f = popen(command, "r");
	if (f == NULL)
		exit(SKIPPED);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	return pclose(f) == 0 ? n : -1;
}

static const struct {
	const char *filter;
	int want;
} JUDGED[] = {
	// clang-format off
	{ "_ws.malformed",                                         0 },
	{ "ip.checksum.status == \"Bad\"",                         0 },
	{ "igmp.checksum.status == \"Bad\"",                       0 },
	{ "soupbintcp",                                            7 },
	{ "soupbintcp.packet_type == 76",                          1 }, // a login
	{ "ouch",                                                  4 },
	{ "ouch.packet_type == 79",                                2 },
	{ "ouch.order_token == \"TOK00000000003\"",                1 }, // the cancel
	{ "ouch.replacement_order_token == \"TOK00000000003\"",    1 },
	{ "arp.isgratuitous",                                      2 },
	{ "arp.opcode == 1",                                       4 },
	{ "igmp.type == 0x22 && igmp.num_grp_recs == 2",           1 },
	{ "igmp.type == 0x16",                                     2 },
	// clang-format on
};

int
main(void)
{
	static const uint32_t HEAD[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
	char path[] = "/tmp/sluice_judged_XXXXXX";
	int fd, bad = 0;

	if (system("command -v tshark >/dev/null 2>&1") != 0)
		return SKIPPED;
	fd = mkstemp(path);
	pcap = fd < 0 ? NULL : fdopen(fd, "w");
	if (pcap == NULL)
		return SKIPPED;
	fwrite(HEAD, sizeof(HEAD), 1, pcap);
	put_session();
	put_orders();
	put_host(3);
	put_host(2);
	fclose(pcap);
	printf("1..%zu\n", ARRAY_CNT(JUDGED));
	for (size_t i = 0; i < ARRAY_CNT(JUDGED); i++) {
		const int n = count(path, JUDGED[i].filter);
		const bool ok = n == JUDGED[i].want;

		printf("%s %zu - '%s' finds %d, expected %d\n", ok ? "ok" : "not ok", i + 1,
		       JUDGED[i].filter, n, JUDGED[i].want);
		bad |= !ok;
	}
	unlink(path);
	return bad;
}
