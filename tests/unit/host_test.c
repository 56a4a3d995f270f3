/* SPDX-License-Identifier: Apache-2.0 */
#include "host_rig.h"

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

#define OTHER_CLAIMS                                              \
	"ffffffffffff0200000000070806000108000604000102000000000" \
	"70a0a01090000000000000a0a0109"

static void
start_with_peer(struct host *h)
{
	uint8_t mac[6];

	start_quiet(h, &CONFIG);
	host_find_mac(h, PEER, T0, mac);
	give(h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
}

static void
a_claim_moves_nobody_who_answers(void **state)
{
	const char *ask = PEER_MAC US_MAC ARP_OUR(1) "0000000000000a0a0109";
	static struct host h;
	uint8_t mac[6];

	start_with_peer(&h);
	const uint32_t change_cnt = h.arp.change_cnt;

	for (unsigned i = 0; i < 100; i++) // a flood of them asks once
		give(&h, OTHER_CLAIMS, T0 + i);
	take_is(&h, ask, T0 + 100);
	nothing_is_due(&h, T0 + 100);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0 + 200);
	give(&h, OTHER_CLAIMS, T0 + 300); // at once again
	nothing_is_due(&h, T0 + 300);
	give(&h, OTHER_CLAIMS, T0 + 2 * NS_PER_SEC); // and later
	take_is(&h, ask, T0 + 2 * NS_PER_SEC);
	give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0 + 2 * NS_PER_SEC);
	assert_true(host_find_mac(&h, PEER, T0 + 3 * NS_PER_SEC, mac));
	assert_memory_equal(mac, PEER_MAC_BYTES, 6);
	assert_int_equal(h.arp.change_cnt, change_cnt);
	assert_int_equal(h.arp.metrics.neighbour_claimed, 102);
	assert_int_equal(h.arp.metrics.neighbour_claim_refuted, 2);
	assert_int_equal(h.arp.metrics.neighbour_changed, 0);
}

static void
a_claim_moves_a_neighbour_that_is_silent(void **state)
{
	static struct host h;
	uint8_t frame[HOST_FRAME_MAX], mac[6];

	start_with_peer(&h);
	const uint32_t change_cnt = h.arp.change_cnt;

	give(&h, OTHER_CLAIMS, T0);
	for (unsigned i = 0; i < ARP_TRIES_MAX; i++) {
		host_on_time(&h, T0 + i * ARP_CONTEST_RETRY_NS);
		assert_int_not_equal(take(&h, frame, T0 + i * ARP_CONTEST_RETRY_NS), 0);
		assert_true(host_find_mac(&h, PEER, T0, mac));
		assert_memory_equal(mac, PEER_MAC_BYTES, 6);
	}
	give(&h, OTHER_CLAIMS, T0 + ARP_CONTEST_NS - 1); // its answer to the last, to everybody
	host_on_time(&h, T0 + ARP_CONTEST_NS);
	assert_true(host_find_mac(&h, PEER, T0 + ARP_CONTEST_NS, mac));
	assert_int_equal(mac[5], 7);
	assert_int_equal(h.arp.change_cnt, change_cnt + 1);
	assert_int_equal(h.arp.metrics.neighbour_changed, 1);
	nothing_is_due(&h, T0 + 2 * NS_PER_SEC);
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

/* Whatever it claims, it changes no neighbour and gets no answer; an address probe (RFC 5227) does.
 */
static void
forged_arp_is_counted_and_changes_nothing(void **state)
{
	static const struct {
		const char *what;
		const char *frame;
		size_t metric;
		unsigned answers;
	} CASES[] = {
#define COUNTS_ARP(name) offsetof(struct arp_metrics, name)
		// clang-format off
		{ "from a group's MAC address", "ffffffffffff" "020000000009" "0806" "0001080006040002" "010000000009" "0a0a0109" US_MAC "0a0a0102", COUNTS_ARP(invalid), 0 },
		{ "from no MAC address",        "ffffffffffff" "020000000009" "0806" "0001080006040002" "000000000000" "0a0a0109" US_MAC "0a0a0102", COUNTS_ARP(invalid), 0 },
		{ "for a group's IP address",   "ffffffffffff" "020000000007" "0806" "0001080006040002" "020000000007" "ef0a0101" US_MAC "0a0a0102", COUNTS_ARP(invalid), 0 },
		{ "for the broadcast address",  "ffffffffffff" "020000000007" "0806" "0001080006040002" "020000000007" "0a0a01ff" US_MAC "0a0a0102", COUNTS_ARP(invalid), 0 },
		{ "of an unknown operation",    "ffffffffffff" "020000000007" "0806" "0001080006040003" "020000000007" "0a0a0109" US_MAC "0a0a0102", COUNTS_ARP(invalid), 0 },
		{ "our own, reflected",         "ffffffffffff" US_MAC         "0806" "0001080006040001" US_MAC         "0a0a0102" "000000000000" "0a0a0102", COUNTS_ARP(foreign), 0 },
		{ "of somebody unknown",        US_MAC         "020000000007" "0806" "0001080006040002" "020000000007" "0a0a0155" US_MAC "0a0a0102", COUNTS_ARP(foreign), 0 },
		{ "a probe for our address",    "ffffffffffff" "020000000007" "0806" "0001080006040001" "020000000007" "00000000" "000000000000" "0a0a0102", COUNTS_ARP(request_received), 1 },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		static struct host h;
		uint8_t mac[6], buf[HOST_FRAME_MAX];
		unsigned sent = 0;

		print_message("# %s\n", CASES[i].what);
		start_quiet(&h, &CONFIG);
		host_find_mac(&h, PEER, T0, mac);
		give(&h, US_MAC PEER_MAC ARP_PEER(2) US_MAC "0a0a0102", T0);
		give(&h, CASES[i].frame, T0);
		while (take(&h, buf, T0) != 0)
			sent++;
		assert_int_equal(sent, CASES[i].answers);
		assert_int_equal(*(uint64_t *)((uint8_t *)&h.arp.metrics + CASES[i].metric), 1);
		assert_true(host_find_mac(&h, PEER, T0, mac));
		assert_memory_equal(mac, PEER_MAC_BYTES, 6);
		assert_false(host_find_mac(&h, IP(10, 10, 1, 0x55), T0, mac));
	}
}

static void
a_tagged_host_speaks_and_hears_in_its_vlan(void **state)
{
	struct host_config c = CONFIG;
	static struct host h;
	uint8_t mac[6];

	c.vlan_id = 7;
	start_quiet(&h, &c);
	give(&h, "ffffffffffff" PEER_MAC ARP_PEER(1) "0000000000000a0a0102", T0);
	nothing_is_due(&h, T0); // without a tag
	give(&h, "ffffffffffff" PEER_MAC "81000008" ARP_PEER(1) "0000000000000a0a0102", T0);
	nothing_is_due(&h, T0); // of another VLAN
	assert_int_equal(h.metrics.drop_vlan, 2);
	give(&h, "ffffffffffff" PEER_MAC "81000007" ARP_PEER(1) "0000000000000a0a0102", T0);
	take_is(&h, PEER_MAC US_MAC "81000007" ARP_OUR(2) PEER_MAC "0a0a0109", T0);
	host_find_mac(&h, PEER, T0, mac);
	take_is(&h, "ffffffffffff" US_MAC "81000007" ARP_OUR(1) "0000000000000a0a0109", T0);
	give(&h, US_MAC PEER_MAC "81000007" ARP_PEER(2) US_MAC "0a0a0102", T0);
	assert_true(host_find_mac(&h, PEER, T0, mac));
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

/* Such packets are many, and each is followed by a look for frames to send. */
static void
a_tcp_packet_makes_nothing_due(void **state)
{
	static const uint8_t SEGMENT[20] = { 0 };
	uint8_t frame[256];
	static struct host h;
	size_t len;

	start_quiet(&h, &CONFIG);
	nothing_is_due(&h, T0);
	assert_int_equal(h.due_ns, UINT64_MAX);
	len = make_ip(frame, US_MAC, PEER, US, 6, SEGMENT, sizeof(SEGMENT));
	assert_int_equal(give_bytes(&h, frame, len, T0), HOST_TCP);
	assert_int_equal(h.due_ns, UINT64_MAX);
	assert_int_equal(give(&h, "ffffffffffff" PEER_MAC ARP_PEER(1) "0000000000000a0a0102", T0),
			 HOST_CONSUMED);
	assert_true(h.due_ns <= T0);
}

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
		cmocka_unit_test(a_claim_moves_nobody_who_answers),
		cmocka_unit_test(a_claim_moves_a_neighbour_that_is_silent),
		cmocka_unit_test(strangers_get_no_entry_and_change_no_configured_one),
		cmocka_unit_test(far_peers_are_reached_by_the_gateway),
		cmocka_unit_test(a_conflict_is_counted_and_answered_now_and_then),
		cmocka_unit_test(forged_arp_is_counted_and_changes_nothing),
		cmocka_unit_test(a_tagged_host_speaks_and_hears_in_its_vlan),
		cmocka_unit_test(an_echo_comes_back),
		cmocka_unit_test(echoes_are_limited),
		cmocka_unit_test(errors_about_our_connections_reach_tcp),
		cmocka_unit_test(a_tcp_packet_makes_nothing_due),
		cmocka_unit_test(frames_not_for_us_are_counted_by_reason),
		cmocka_unit_test(a_host_has_a_possible_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
