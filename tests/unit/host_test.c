/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "hex.h"
#include "net/host.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define US             IP(10, 10, 1, 2)
#define PEER           IP(10, 10, 1, 9)
#define GATEWAY        IP(10, 10, 1, 1)
#define GROUP          IP(239, 10, 1, 1)
#define SOURCE         IP(10, 20, 30, 40)
#define T0             (1000 * NS_PER_SEC)
#define US_MAC         "020000000002"
#define PEER_MAC       "020000000009"

static const struct host_config CONFIG = {
	.mac = { 2, 0, 0, 0, 0, 2 },
	.ip = US,
	.prefix_len = 24,
	.gateway = GATEWAY,
	.igmp_version = 3,
	.seed = 42,
};
static const uint8_t PEER_MAC_BYTES[6] = { 2, 0, 0, 0, 0, 9 };

static uint16_t
take(struct host *h, uint8_t *buf, uint64_t now_ns)
{
	memset(buf, 0xee, HOST_FRAME_MAX);
	return host_take(h, buf, HOST_FRAME_MAX, now_ns);
}

/* The next frame is exactly this, padded with zeros. */
static void
take_is(struct host *h, const char *hex, uint64_t now_ns)
{
	uint8_t want[256] = { 0 }, got[HOST_FRAME_MAX];
	size_t len = hex_bytes(hex, want, sizeof(want));

	if (len < 60)
		len = 60;
	assert_int_equal(take(h, got, now_ns), len);
	assert_memory_equal(got, want, len);
}

static void
nothing_is_due(struct host *h, uint64_t now_ns)
{
	uint8_t buf[HOST_FRAME_MAX];

	assert_int_equal(take(h, buf, now_ns), 0);
}

/* Gives a copy in memory of its own, so that a byte read outside is found by a sanitizer. */
static enum host_verdict
give_bytes(struct host *h, const uint8_t *frame, size_t len, uint64_t now_ns)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum host_verdict v;
	struct eth_ip e;

	memcpy(copy, frame, len);
	v = host_on_frame(h, copy, (uint16_t)len, now_ns, &e);
	free(copy);
	return v;
}

static enum host_verdict
give(struct host *h, const char *hex, uint64_t now_ns)
{
	uint8_t frame[256];
	const size_t len = hex_bytes(hex, frame, sizeof(frame));

	return give_bytes(h, frame, len, now_ns);
}

/* A frame with an IPv4 packet for the tests; sums are right.  Returns its length. */
static size_t
make_ip(uint8_t *buf, const char *dst_mac, uint32_t src, uint32_t dst, uint8_t proto,
	const uint8_t *payload, size_t len)
{
	struct ipv4_head ip = {
		.version_ihl = 0x45,
		.total_len = be16_of((uint16_t)(sizeof(ip) + len)),
		.ttl = 1,
		.proto = proto,
		.src = be32_of(src),
		.dst = be32_of(dst),
	};

	hex_bytes(dst_mac, buf, 6);
	memcpy(buf + 6, PEER_MAC_BYTES, 6);
	buf[12] = 8;
	buf[13] = 0;
	ip.sum = ip_sum_finish(ip_sum_bytes(0, &ip, sizeof(ip)));
	memcpy(buf + 14, &ip, sizeof(ip));
	memcpy(buf + 34, payload, len);
	return 34 + len;
}

/* The same for IGMP and ICMP, whose sum stands in bytes 2 and 3. */
static enum host_verdict
give_summed(struct host *h, const char *dst_mac, uint32_t dst, uint8_t proto, const char *hex,
	    uint64_t now_ns)
{
	uint8_t frame[256], payload[128];
	const size_t len = hex_bytes(hex, payload, sizeof(payload));
	be16 sum;

	payload[2] = payload[3] = 0;
	sum = ip_sum_finish(ip_sum_bytes(0, payload, len));
	memcpy(payload + 2, &sum, 2);
	return give_bytes(h, frame, make_ip(frame, dst_mac, PEER, dst, proto, payload, len),
			  now_ns);
}

static void
start_quiet(struct host *h, const struct host_config *c)
{
	assert_int_equal(host_init(h, c, T0), 0);
	nothing_is_due(h, T0); // the link is not up yet
	host_on_link(h, true, T0);
	h->arp.announce_left = 0;
}

#define ARP_OUR(op) \
	"0806"      \
	"000108000604000" #op US_MAC "0a0a0102"
#define ARP_PEER(op) \
	"0806"       \
	"000108000604000" #op PEER_MAC "0a0a0109"

static void
our_address_is_announced_twice(void **state)
{
	static struct host h;

	assert_int_equal(host_init(&h, &CONFIG, T0), 0);
	host_on_link(&h, true, T0);
	assert_int_equal(host_on_time(&h, T0), T0);
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0102", T0);
	nothing_is_due(&h, T0 + 2 * NS_PER_SEC - 1);
	assert_int_equal(host_on_time(&h, T0), T0 + 2 * NS_PER_SEC);
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0102", T0 + 2 * NS_PER_SEC);
	assert_int_equal(host_on_time(&h, T0 + 2 * NS_PER_SEC), UINT64_MAX);
	host_on_link(&h, true, T0 + 9 * NS_PER_SEC); // no change
	nothing_is_due(&h, T0 + 9 * NS_PER_SEC);
	host_on_link(&h, false, T0 + 9 * NS_PER_SEC);
	host_on_link(&h, true, T0 + 9 * NS_PER_SEC);
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0102", T0 + 9 * NS_PER_SEC);
	assert_int_equal(h.metrics.link_up, 2);
}

static void
who_asks_for_us_is_answered(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(give(&h, "ffffffffffff" PEER_MAC ARP_PEER(1) "0000000000000a0a0102", T0),
			 HOST_CONSUMED);
	take_is(&h, PEER_MAC US_MAC ARP_OUR(2) PEER_MAC "0a0a0109", T0);
	nothing_is_due(&h, T0);
	assert_int_equal(give(&h, "ffffffffffff" PEER_MAC ARP_PEER(1) "0000000000000a0a0103", T0),
			 HOST_CONSUMED);
	nothing_is_due(&h, T0); // that was for somebody else
	assert_int_equal(h.arp.metrics.foreign, 1);
}

static void
a_flood_of_questions_is_answered_in_part(void **state)
{
	static struct host h;
	uint8_t frame[60] = { 0 };
	uint8_t buf[HOST_FRAME_MAX];
	unsigned sent = 0;

	start_quiet(&h, &CONFIG);
	hex_bytes("ffffffffffff" PEER_MAC ARP_PEER(1) "0000000000000a0a0102", frame, sizeof(frame));
	for (unsigned i = 0; i < 20; i++) {
		frame[27] = (uint8_t)(16 + i); // another sender each time
		frame[31] = (uint8_t)(100 + i);
		give_bytes(&h, frame, sizeof(frame), T0);
	}
	while (take(&h, buf, T0) != 0)
		sent++;
	assert_int_equal(sent, ARP_REPLY_MAX);
	assert_int_equal(h.arp.metrics.reply_dropped, 20 - ARP_REPLY_MAX);
}

static void
a_neighbour_is_asked_for_learned_and_asked_again(void **state)
{
	const char *broadcast = "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0109";
	const uint64_t known_ns = T0 + 1500000000;
	static struct host h;
	uint8_t mac[6];

	start_quiet(&h, &CONFIG);
	assert_false(host_find_mac(&h, PEER, T0, mac));
	take_is(&h, broadcast, T0);
	nothing_is_due(&h, T0 + NS_PER_SEC - 1);
	take_is(&h, broadcast, T0 + NS_PER_SEC);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", known_ns);
	assert_true(host_find_mac(&h, PEER, known_ns, mac));
	assert_memory_equal(mac, PEER_MAC_BYTES, 6);
	assert_int_equal(h.arp.metrics.neighbour_learned, 1);
	assert_int_equal(host_on_time(&h, known_ns), known_ns + 60 * NS_PER_SEC);
	nothing_is_due(&h, known_ns + 60 * NS_PER_SEC - 1);
	// a minute later it is asked directly, twice, then everybody is
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t now_ns = known_ns + (60 + i) * NS_PER_SEC;

		host_on_time(&h, now_ns);
		assert_true(host_find_mac(&h, PEER, now_ns, mac)); // good until proven otherwise
		take_is(&h, i < 2 ? PEER_MAC US_MAC ARP_OUR(1) "0000000000000a0a0109" : broadcast,
			now_ns);
	}
	host_on_time(&h, known_ns + 63 * NS_PER_SEC);
	assert_false(host_find_mac(&h, PEER, known_ns + 63 * NS_PER_SEC, mac));
	assert_int_equal(h.arp.metrics.neighbour_failed, 1);
	nothing_is_due(&h, known_ns + 68 * NS_PER_SEC - 1);
	host_on_time(&h, known_ns + 68 * NS_PER_SEC);
	take_is(&h, broadcast, known_ns + 68 * NS_PER_SEC); // it may come back
}

static void
a_neighbour_that_moved_is_noticed(void **state)
{
	static struct host h;
	uint8_t mac[6];
	uint32_t change_cnt;

	start_quiet(&h, &CONFIG);
	host_find_mac(&h, PEER, T0, mac);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
	change_cnt = h.arp.change_cnt;
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
	assert_int_equal(h.arp.change_cnt, change_cnt);
	give(&h,
	     "ffffffffffff02000000000708060001080006040001"
	     "020000000007"
	     "0a0a0109"
	     "0000000000000a0a0109",
	     T0);
	assert_int_equal(h.arp.change_cnt, change_cnt + 1);
	assert_true(host_find_mac(&h, PEER, T0, mac));
	assert_int_equal(mac[5], 7);
	assert_int_equal(h.arp.metrics.neighbour_changed, 1);
}

static void
strangers_get_no_entry_and_change_no_configured_one(void **state)
{
	static struct host h;
	uint8_t mac[6];

	start_quiet(&h, &CONFIG);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
	assert_false(host_find_mac(&h, PEER, T0, mac)); // nobody had asked
	start_quiet(&h, &CONFIG);
	assert_true(host_add_static(&h, PEER, (const uint8_t[]){ 2, 0, 0, 0, 0, 0x55 }));
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
	assert_true(host_find_mac(&h, PEER, T0, mac));
	assert_int_equal(mac[5], 0x55);
	nothing_is_due(&h, T0 + 999 * NS_PER_SEC);
}

static void
far_peers_are_reached_by_the_gateway(void **state)
{
	struct host_config c = CONFIG;
	static struct host h;
	uint8_t mac[6];

	start_quiet(&h, &CONFIG);
	assert_false(host_find_mac(&h, IP(8, 8, 8, 8), T0, mac));
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0101", T0);
	c.gateway = 0;
	start_quiet(&h, &c);
	assert_false(host_find_mac(&h, IP(8, 8, 8, 8), T0, mac));
	nothing_is_due(&h, T0);
	assert_true(host_add_static(&h, IP(8, 8, 8, 8), PEER_MAC_BYTES));
	assert_true(host_find_mac(&h, IP(8, 8, 8, 8), T0, mac));
}

static void
a_conflict_is_counted_and_answered_now_and_then(void **state)
{
	const char *thief = "ffffffffffff" PEER_MAC "0806"
			    "00010800060400"
			    "01" PEER_MAC "0a0a0102"
			    "0000000000000a0a0102";
	static struct host h;

	start_quiet(&h, &CONFIG);
	give(&h, thief, T0);
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0102", T0);
	give(&h, thief, T0 + 10 * NS_PER_SEC - 1);
	nothing_is_due(&h, T0 + 10 * NS_PER_SEC - 1);
	give(&h, thief, T0 + 10 * NS_PER_SEC);
	take_is(&h, "ffffffffffff" US_MAC ARP_OUR(1) "0000000000000a0a0102", T0 + 10 * NS_PER_SEC);
	assert_int_equal(h.arp.metrics.conflict, 3);
}

/* --- ICMP ----------------------------------------------------------------------------------- */

static void
an_echo_comes_back(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(give_summed(&h, US_MAC, US, 1,
				     "0800000012340001"
				     "68656c6c6f",
				     T0),
			 HOST_CONSUMED);
	take_is(&h,
		PEER_MAC US_MAC "0800"
				"4500002100004000400124be0a0a01020a0a0109"
				"0000a9f81234000168656c6c6f",
		T0);
	nothing_is_due(&h, T0);
}

static void
echoes_are_limited(void **state)
{
	static struct host h;
	uint8_t buf[HOST_FRAME_MAX];
	unsigned sent = 0;

	start_quiet(&h, &CONFIG);
	for (unsigned i = 0; i < 100; i++) {
		give_summed(&h, US_MAC, US, 1, "0800000012340001", T0);
		sent += take(&h, buf, T0) != 0;
	}
	assert_int_equal(sent, ICMP_ECHO_BURST);
	assert_int_equal(h.icmp.metrics.echo_limited, 100 - ICMP_ECHO_BURST);
	give_summed(&h, US_MAC, US, 1, "0800000012340001", T0 + 99999999);
	nothing_is_due(&h, T0 + 99999999);
	give_summed(&h, US_MAC, US, 1, "0800000012340001", T0 + 100000000);
	assert_true(take(&h, buf, T0 + 100000000) != 0);
	give_summed(&h, US_MAC, US, 1, "0800000012340001", T0 + 9 * NS_PER_SEC);
	give_summed(&h, US_MAC, US, 1, "0800000012340001", T0 + 9 * NS_PER_SEC);
	assert_int_equal(h.icmp.metrics.echo_dropped, 1); // one waits already
}

/* The quoted packet: IPv4, TCP, from us to the peer. */
#define QUOTE(src)             \
	"4500003c000040004006" \
	"0000" src "0a0a0109"  \
	"c0016788"             \
	"00000001"

static const struct {
	const char *what;
	const char *icmp;
	enum host_verdict want;
} ERRORS[] = {
	// clang-format off
	{ "port unreachable",               "0303000000000000" QUOTE("0a0a0102"), HOST_TCP_ERROR },
	{ "fragmentation needed",           "03040000000005aa" QUOTE("0a0a0102"), HOST_TCP_ERROR },
	{ "time exceeded",                  "0b00000000000000" QUOTE("0a0a0102"), HOST_TCP_ERROR },
	{ "about somebody else's packet",   "0303000000000000" QUOTE("0a0a0103"), HOST_CONSUMED },
	{ "about half a header",            "0303000000000000" "4500003c0000", HOST_CONSUMED },
	{ "about too few bytes behind it",  "0303000000000000" "4500003c0000400040060000" "0a0a0102" "0a0a0109" "c0016788", HOST_CONSUMED },
	{ "a redirect",                     "0501000000000000" QUOTE("0a0a0102"), HOST_CONSUMED },
	{ "shorter than its header",        "03030000", HOST_CONSUMED },
	// clang-format on
};

static void
errors_about_our_connections_reach_tcp(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	for (size_t i = 0; i < ARRAY_CNT(ERRORS); i++) {
		print_message("# %s\n", ERRORS[i].what);
		assert_int_equal(give_summed(&h, US_MAC, US, 1, ERRORS[i].icmp, T0),
				 ERRORS[i].want);
	}
	assert_int_equal(h.icmp.metrics.error_received, 3);
	assert_int_equal(h.icmp.metrics.error_foreign, 3);
	assert_int_equal(h.icmp.metrics.type_ignored, 1);
	assert_int_equal(h.icmp.metrics.invalid, 1);
}

/* --- IGMP ----------------------------------------------------------------------------------- */

#define ALERT "94040000"

/* The next frame is an IGMP message to dst with these bytes behind its checksum. */
static void
take_igmp(struct host *h, uint32_t dst, uint8_t type, const char *rest, uint64_t now_ns)
{
	uint8_t got[HOST_FRAME_MAX], want[128], mac[6];
	const size_t len = hex_bytes(rest, want, sizeof(want));
	const uint16_t n = take(h, got, now_ns);
	struct eth_ip e;

	assert_int_not_equal(n, 0);
	assert_int_equal(eth_ip_walk(got, n, false, &e), ETH_IP_L4);
	host_multicast_mac(dst, mac);
	assert_memory_equal(got, mac, 6);
	assert_memory_equal(got + 6, h->us.mac, 6);
	assert_int_equal(e.l3[0], 0x46);
	assert_int_equal(e.l3[1], 0xc0);
	assert_int_equal(e.l3[8], 1); // TTL
	assert_memory_equal(e.l3 + 20, "\x94\x04\0\0", 4);
	assert_int_equal(e.proto, 2);
	assert_int_equal(be32_get(e.src), US);
	assert_int_equal(be32_get(e.dst), dst);
	assert_int_equal(e.l4_len, 4 + len);
	assert_true(ip_sum_ok(ip_sum_bytes(0, e.l4, e.l4_len)));
	assert_int_equal(e.l4[0], type);
	assert_int_equal(e.l4[1], 0);
	assert_memory_equal(e.l4 + 4, want, len);
}

static void
a_join_is_said_twice_and_so_is_a_leave(void **state)
{
	static struct host h;
	uint64_t next_ns;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0);
	// byte for byte: 224.0.0.22, router alert, one record: change to "exclude nothing"
	take_is(&h,
		"01005e000016" US_MAC "0800"
		"46c00028000040000102f8ed0a0a0102e0000016" ALERT "2200e9f200000001"
		"04000000ef0a0101",
		T0);
	next_ns = host_on_time(&h, T0);
	assert_true(next_ns > T0 && next_ns <= T0 + NS_PER_SEC);
	nothing_is_due(&h, next_ns - 1);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "04000000ef0a0101",
		  next_ns);
	assert_int_equal(host_on_time(&h, next_ns), UINT64_MAX);
	assert_true(host_leave(&h, GROUP, 0, T0));
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "03000000ef0a0101",
		  T0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "03000000ef0a0101",
		  T0 + NS_PER_SEC);
	nothing_is_due(&h, T0 + 99 * NS_PER_SEC);
	assert_false(host_leave(&h, GROUP, 0, T0));
}

static void
a_source_is_allowed_and_blocked(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0); // two lines of one feed
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0 + NS_PER_SEC);
	assert_true(host_leave(&h, GROUP, SOURCE, T0));
	nothing_is_due(&h, T0 + 9 * NS_PER_SEC);
	assert_true(host_leave(&h, GROUP, SOURCE, T0));
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "06000001ef0a0101"
		  "0a141e28",
		  T0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0); // back before the leave was repeated
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "05000001ef0a0101"
		  "0a141e28",
		  T0);
}

/* Joins two memberships and lets the reports pass. */
static void
start_joined(struct host *h, const struct host_config *c)
{
	uint8_t buf[HOST_FRAME_MAX];

	start_quiet(h, c);
	assert_int_equal(host_join(h, GROUP, 0, T0), 0);
	assert_int_equal(host_join(h, GROUP + 1, SOURCE, T0), 0);
	for (uint64_t now_ns = T0; now_ns <= T0 + 20 * NS_PER_SEC; now_ns += NS_PER_SEC) {
		host_on_time(h, now_ns);
		while (take(h, buf, now_ns) != 0)
			;
	}
	assert_int_equal(host_on_time(h, T0), UINT64_MAX);
}

#define T1 (T0 + 30 * NS_PER_SEC)

static void
a_general_query_is_answered_once_for_all(void **state)
{
	static struct host h;
	uint64_t next_ns;

	start_joined(&h, &CONFIG);
	// at most 10 s; robustness 3, every 125 s
	assert_int_equal(give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2,
				     "1164000000000000"
				     "037d0000",
				     T1),
			 HOST_CONSUMED);
	next_ns = host_on_time(&h, T1);
	assert_true(next_ns > T1 && next_ns < T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, next_ns - 1);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000002"
		  "02000000ef0a0101"
		  "01000001ef0a0102"
		  "0a141e28",
		  next_ns);
	nothing_is_due(&h, T1 + 99 * NS_PER_SEC);
	assert_int_equal(h.igmp.robustness, 3);
}

static const struct {
	const char *what;
	uint32_t dst;
	const char *dst_mac;
	const char *igmp;
	const char *answer; // NULL: none
} QUERIES[] = {
	// clang-format off
	{ "about one group",              GROUP, "01005e0a0101", "110a0000ef0a0101" "027d0000",
	  "00000001" "02000000ef0a0101" },
	{ "about the other, its source",  GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0001" "0a141e28",
	  "00000001" "01000001ef0a0102" "0a141e28" },
	{ "... among two",                GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0002" "01020304" "0a141e28",
	  "00000001" "01000001ef0a0102" "0a141e28" },
	{ "... another source",           GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0001" "01020304", NULL },
	{ "about a group we are not in",  IGMP_ALL_HOSTS, "01005e000001", "110a0000ef0a0103" "027d0000", NULL },
	{ "promising more sources",       GROUP + 1, "01005e0a0102", "110a0000ef0a0102" "027d0003" "0a141e28", NULL },
	{ "sources of no group",          IGMP_ALL_HOSTS, "01005e000001", "110a000000000000" "027d0001" "0a141e28", NULL },
	{ "about an address, no group",   IGMP_ALL_HOSTS, "01005e000001", "110a00000a0a0101" "027d0000", NULL },
	{ "of nine bytes",                IGMP_ALL_HOSTS, "01005e000001", "110a000000000000" "02", NULL },
	{ "of seven bytes",               IGMP_ALL_HOSTS, "01005e000001", "110a0000000000", NULL },
	{ "of version 1",                 IGMP_ALL_HOSTS, "01005e000001", "1100000000000000", NULL },
	// clang-format on
};

static void
queries_are_answered_as_far_as_they_concern_us(void **state)
{
	static struct host h;

	for (size_t i = 0; i < ARRAY_CNT(QUERIES); i++) {
		print_message("# %s\n", QUERIES[i].what);
		start_joined(&h, &CONFIG);
		assert_int_equal(
			give_summed(&h, QUERIES[i].dst_mac, QUERIES[i].dst, 2, QUERIES[i].igmp, T1),
			HOST_CONSUMED);
		if (QUERIES[i].answer != NULL)
			take_igmp(&h, IGMP_V3_ROUTERS, 0x22, QUERIES[i].answer, T1 + NS_PER_SEC);
		nothing_is_due(&h, T1 + 99 * NS_PER_SEC);
	}
}

static void
an_old_querier_hears_version_2(void **state)
{
	static struct host h;

	start_joined(&h, &CONFIG);
	assert_int_equal(give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, "1164000000000000", T1),
			 HOST_CONSUMED);
	host_on_time(&h, T1 + 10 * NS_PER_SEC);
	assert_int_equal(h.igmp.metrics.querier_v2, 1);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T1 + 10 * NS_PER_SEC);
	take_igmp(&h, GROUP + 1, 0x16, "ef0a0102", T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, T1 + 20 * NS_PER_SEC);
	// another host answers first
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2, "1164000000000000", T1);
	host_on_time(&h, T1);
	give_summed(&h, "01005e0a0101", GROUP, 2, "16000000ef0a0101", T1);
	take_igmp(&h, GROUP + 1, 0x16, "ef0a0102", T1 + 10 * NS_PER_SEC);
	nothing_is_due(&h, T1 + 20 * NS_PER_SEC);
	assert_int_equal(h.igmp.metrics.report_suppressed, 1);
	// who reported last says so when it leaves, the other does not
	assert_true(host_leave(&h, GROUP, 0, T1));
	nothing_is_due(&h, T1);
	assert_true(host_leave(&h, GROUP + 1, SOURCE, T1));
	take_igmp(&h, IGMP_ALL_ROUTERS, 0x17, "ef0a0102", T1);
	// twice the usual query interval and a response later it is forgotten (RFC 3376 8.12)
	assert_int_equal(host_join(&h, GROUP, 0, T1 + 260 * NS_PER_SEC), 0);
	take_igmp(&h, IGMP_V3_ROUTERS, 0x22,
		  "00000001"
		  "04000000ef0a0101",
		  T1 + 260 * NS_PER_SEC);
}

static void
version_2_can_be_all_we_speak(void **state)
{
	struct host_config c = CONFIG;
	static struct host h;

	c.igmp_version = 2;
	start_quiet(&h, &c);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), 0);
	take_is(&h,
		"01005e0a0101" US_MAC "0800"
		"46c00020000040000102e900"
		"0a0a0102ef0a0101" ALERT "1600f9f3ef0a0101",
		T0);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T0 + 10 * NS_PER_SEC);
	give_summed(&h, "01005e000001", IGMP_ALL_HOSTS, 2,
		    "110a000000000000"
		    "027d0000",
		    T1);
	take_igmp(&h, GROUP, 0x16, "ef0a0101", T1 + NS_PER_SEC);
}

static void
joins_that_cannot_be_are_refused(void **state)
{
	static struct host h;

	start_quiet(&h, &CONFIG);
	assert_int_equal(host_join(&h, US, 0, T0), -EINVAL);
	assert_int_equal(host_join(&h, IGMP_ALL_HOSTS, 0, T0), -EINVAL);
	assert_int_equal(host_join(&h, GROUP, GROUP, T0), -EINVAL);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0);
	assert_int_equal(host_join(&h, GROUP, SOURCE, T0), -EEXIST);
	for (unsigned i = 1; i < IGMP_MEMBER_MAX; i++)
		assert_int_equal(host_join(&h, GROUP + i, 0, T0), 0);
	assert_int_equal(host_join(&h, GROUP + 99, 0, T0), -ENOSPC);
	assert_int_equal(host_join(&h, GROUP, 0, T0), 0); // that one is there
}

static void
a_full_table_fits_one_frame(void **state)
{
	struct host_config c = CONFIG;
	uint8_t buf[HOST_FRAME_MAX];
	static struct host h;

	c.vlan_id = 7;
	start_quiet(&h, &c);
	for (unsigned i = 0; i < IGMP_MEMBER_MAX; i++)
		assert_int_equal(host_join(&h, GROUP + i, SOURCE, T0), 0);
	assert_int_equal(take(&h, buf, T0), IGMP_FRAME_MAX);
	assert_memory_equal(buf + 12, "\x81\0\0\x07\x08\0", 6);
}

static void
long_codes_are_floats(void **state)
{
	assert_int_equal(igmp_code_value(127), 127);
	assert_int_equal(igmp_code_value(128), 128);
	assert_int_equal(igmp_code_value(0x8f), 31 << 3);
	assert_int_equal(igmp_code_value(255), 31 << 10); // RFC 3376 4.1.1: 31744
}

/* --- what is not for us --------------------------------------------------------------------- */

static const struct {
	const char *what;
	const char *frame;
	enum host_verdict want;
	size_t metric;
} FRAMES[] = {
#define COUNTS(name) offsetof(struct host_metrics, name)
	// clang-format off
	{ "half a header",            "020000000002", HOST_DROP, COUNTS(drop_malformed) },
	{ "to another station",       "020000000003" PEER_MAC "0800", HOST_DROP, COUNTS(drop_not_ours) },
	{ "from a group",             US_MAC "030000000009" "0800", HOST_DROP, COUNTS(drop_source) },
	{ "version 6",                US_MAC PEER_MAC "86dd" "60", HOST_DROP, COUNTS(drop_type) },
	{ "of a VLAN",                US_MAC PEER_MAC "81000007" ARP_PEER(1) "0000000000000a0a0102", HOST_DROP, COUNTS(drop_vlan) },
	{ "half an ARP",              US_MAC PEER_MAC "08060001", HOST_DROP, COUNTS(drop_malformed) },
	{ "IPv4 with a wrong sum",    US_MAC PEER_MAC "0800" "450000140000000001060000" "0a0a0109" "0a0a0102", HOST_DROP, COUNTS(drop_sum) },
	// clang-format on
};

static void
frames_not_for_us_are_counted_by_reason(void **state)
{
	static const struct {
		const char *what;
		const char *dst_mac;
		uint32_t src;
		uint32_t dst;
		uint8_t proto;
		enum host_verdict want;
		size_t metric;
	} PACKETS[] = {
		// clang-format off
		{ "TCP to us",                 US_MAC,         PEER,  US, 6, HOST_TCP, COUNTS(tcp_received) },
		{ "UDP to us",                 US_MAC,         PEER,  US, 17, HOST_OTHER, COUNTS(other_received) },
		{ "TCP to another address",    US_MAC,         PEER,  US + 1, 6, HOST_DROP, COUNTS(drop_ip_not_ours) },
		{ "TCP in a broadcast frame",  "ffffffffffff", PEER,  US, 6, HOST_DROP, COUNTS(drop_ip_martian) },
		{ "TCP to everybody",          "ffffffffffff", PEER,  0xffffffff, 6, HOST_DROP, COUNTS(drop_ip_not_ours) },
		{ "UDP to a group not ours",   "01005e0a0109", PEER,  GROUP + 8, 17, HOST_DROP, COUNTS(drop_ip_not_ours) },
		{ "from ourselves",            US_MAC,         US,    US, 6, HOST_DROP, COUNTS(drop_source) },
		{ "from nobody",               US_MAC,         0,     US, 6, HOST_DROP, COUNTS(drop_source) },
		{ "from a group",              US_MAC,         GROUP, US, 6, HOST_DROP, COUNTS(drop_source) },
		{ "from our broadcast",        US_MAC,         US | 255, US, 6, HOST_DROP, COUNTS(drop_source) },
		// clang-format on
	};
	static const uint8_t PAYLOAD[20];
	static struct host h;

	for (size_t i = 0; i < ARRAY_CNT(FRAMES); i++) {
		print_message("# %s\n", FRAMES[i].what);
		start_quiet(&h, &CONFIG);
		assert_int_equal(give(&h, FRAMES[i].frame, T0), FRAMES[i].want);
		assert_int_equal(*(uint64_t *)((uint8_t *)&h.metrics + FRAMES[i].metric), 1);
	}
	for (size_t i = 0; i < ARRAY_CNT(PACKETS); i++) {
		uint8_t frame[128];
		const size_t len = make_ip(frame, PACKETS[i].dst_mac, PACKETS[i].src,
					   PACKETS[i].dst, PACKETS[i].proto, PAYLOAD, 20);

		print_message("# %s\n", PACKETS[i].what);
		start_quiet(&h, &CONFIG);
		assert_int_equal(give_bytes(&h, frame, len, T0), PACKETS[i].want);
		assert_int_equal(*(uint64_t *)((uint8_t *)&h.metrics + PACKETS[i].metric), 1);
	}
}

static const struct {
	const char *what;
	uint8_t mac0;
	uint32_t ip;
	uint32_t prefix_len;
	uint32_t gateway;
	uint16_t vlan_id;
	int want;
} HOSTS[] = {
	// clang-format off
	{ "an ordinary one",              2, US, 24, GATEWAY, 0, 0 },
	{ "two on a wire",                2, US, 31, US + 1, 4094, 0 },
	{ "alone",                        2, US, 32, 0, 0, 0 },
	{ "a group's MAC address",        3, US, 24, GATEWAY, 0, -EINVAL },
	{ "a group",                      2, GROUP, 24, 0, 0, -EINVAL },
	{ "the network itself",           2, IP(10, 10, 1, 0), 24, GATEWAY, 0, -EINVAL },
	{ "everybody on the network",     2, IP(10, 10, 1, 255), 24, GATEWAY, 0, -EINVAL },
	{ "no address",                   2, 0, 24, 0, 0, -EINVAL },
	{ "the loopback",                 2, IP(127, 0, 0, 1), 8, 0, 0, -EINVAL },
	{ "a gateway out of reach",       2, US, 24, IP(10, 10, 2, 1), 0, -EINVAL },
	{ "its own gateway",              2, US, 24, US, 0, -EINVAL },
	{ "a prefix of 33",               2, US, 33, 0, 0, -EINVAL },
	{ "a reserved VLAN",              2, US, 24, 0, 4095, -EINVAL },
	// clang-format on
};

static void
a_host_has_a_possible_address(void **state)
{
	static struct host h;

	for (size_t i = 0; i < ARRAY_CNT(HOSTS); i++) {
		struct host_config c = CONFIG;

		print_message("# %s\n", HOSTS[i].what);
		c.mac[0] = HOSTS[i].mac0;
		c.ip = HOSTS[i].ip;
		c.prefix_len = HOSTS[i].prefix_len;
		c.gateway = HOSTS[i].gateway;
		c.vlan_id = HOSTS[i].vlan_id;
		assert_int_equal(host_init(&h, &c, T0), HOSTS[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_address_is_announced_twice),
		cmocka_unit_test(who_asks_for_us_is_answered),
		cmocka_unit_test(a_flood_of_questions_is_answered_in_part),
		cmocka_unit_test(a_neighbour_is_asked_for_learned_and_asked_again),
		cmocka_unit_test(a_neighbour_that_moved_is_noticed),
		cmocka_unit_test(strangers_get_no_entry_and_change_no_configured_one),
		cmocka_unit_test(far_peers_are_reached_by_the_gateway),
		cmocka_unit_test(a_conflict_is_counted_and_answered_now_and_then),
		cmocka_unit_test(an_echo_comes_back),
		cmocka_unit_test(echoes_are_limited),
		cmocka_unit_test(errors_about_our_connections_reach_tcp),
		cmocka_unit_test(a_join_is_said_twice_and_so_is_a_leave),
		cmocka_unit_test(a_source_is_allowed_and_blocked),
		cmocka_unit_test(a_general_query_is_answered_once_for_all),
		cmocka_unit_test(queries_are_answered_as_far_as_they_concern_us),
		cmocka_unit_test(an_old_querier_hears_version_2),
		cmocka_unit_test(version_2_can_be_all_we_speak),
		cmocka_unit_test(joins_that_cannot_be_are_refused),
		cmocka_unit_test(a_full_table_fits_one_frame),
		cmocka_unit_test(long_codes_are_floats),
		cmocka_unit_test(frames_not_for_us_are_counted_by_reason),
		cmocka_unit_test(a_host_has_a_possible_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
