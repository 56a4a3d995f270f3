/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/eth_ip.h"

/* A UDP packet 10.0.0.1:1000 -> 10.0.0.2:2000, payload "abc", behind any number of tags. */
static size_t
udp_frame(uint8_t *f, unsigned tags, uint16_t outer_type)
{
	struct eth_head *eth = (struct eth_head *)f;
	size_t at = sizeof(*eth);
	struct ipv4_head *ip;
	struct udp_head *udp;

	memset(f, 0, 128);
	eth->type = be16_of(tags ? outer_type : ETH_TYPE_IPV4);
	for (unsigned i = 0; i < tags; i++, at += sizeof(struct vlan_tag)) {
		struct vlan_tag *tag = (struct vlan_tag *)(f + at);

		tag->tci = be16_of((uint16_t)(0x6000 | (100 + i)));
		tag->type = be16_of(i + 1 == tags ? ETH_TYPE_IPV4 : ETH_TYPE_VLAN);
	}
	ip = (struct ipv4_head *)(f + at);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of(31);
	ip->ttl = 64;
	ip->proto = IP_PROTO_UDP;
	ip->src = be32_of(0x0a000001);
	ip->dst = be32_of(0x0a000002);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	udp = (struct udp_head *)(ip + 1);
	udp->src_port = be16_of(1000);
	udp->dst_port = be16_of(2000);
	udp->len = be16_of(11);
	memcpy(udp + 1, "abc", 3);
	udp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_UDP, 11), udp, 11));
	return at + 31;
}

static void
the_checksum_of_known_headers_is_right(void **state)
{
	/* A header of 115 bytes from 192.168.0.1 to 192.168.0.199 whose sum is b861, worked by
	 * hand. */
	static const uint8_t HEAD[20] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
					  0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
					  0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };
	/* RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2. */
	static const uint8_t RFC1071[8] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint8_t zeroed[20];

	assert_true(ip_sum_ok(ip_sum_bytes(0, HEAD, sizeof(HEAD))));
	memcpy(zeroed, HEAD, sizeof(zeroed));
	zeroed[10] = zeroed[11] = 0;
	assert_int_equal(be16_get(ip_sum_finish(ip_sum_bytes(0, zeroed, 20))), 0xb861);
	assert_int_equal(be16_get(ip_sum_fold(ip_sum_bytes(0, RFC1071, 8))), 0xddf2);
}

static void
the_checksum_agrees_with_a_slow_one_for_every_length(void **state)
{
	enum { GUARD = 0xA5 };
	uint8_t data[700], copy[8 + sizeof(data) + 16];

	srand(7);
	for (size_t len = 0; len <= sizeof(data); len++) {
		uint32_t slow = 0;

		for (size_t i = 0; i < len; i++) {
			data[i] = (uint8_t)rand();
			slow += i & 1 ? data[i] : (uint32_t)data[i] << 8;
		}
		slow = (slow & 0xffff) + (slow >> 16);
		slow = (slow & 0xffff) + (slow >> 16);
		assert_int_equal(be16_get(ip_sum_fold(ip_sum_bytes(0, data, len))), slow);
		memset(copy, GUARD, sizeof(copy));
		assert_int_equal(be16_get(ip_sum_fold(ip_sum_copy(0, copy + 8, data, len))), slow);
		assert_memory_equal(copy + 8, data, len);
		for (size_t i = 0; i < 8; i++) {
			assert_int_equal(copy[i], GUARD);
			assert_int_equal(copy[8 + len + i], GUARD);
		}
	}
	memset(data, 0xff, sizeof(data));
	for (size_t len = 2; len <= sizeof(data); len += 2) // each word carries
		assert_int_equal(be16_get(ip_sum_fold(ip_sum_bytes(UINT32_MAX, data, len))),
				 0xffff);
}

static const struct {
	const char *what;
	unsigned tags;
	uint16_t outer_type;
	int at; // byte of the frame that is changed; -1 none, counted behind the tags
	uint8_t value;
	bool fix_sum; // keep the header checksum right in spite of the change
	int cut_to;   // length of the frame; 0 whole
	enum eth_ip_verdict want;
} CASES[] = {
	// clang-format off
	{ "a good packet",                      0, 0,      -1, 0,    0, 0,  ETH_IP_L4 },
	{ "one tag",                            1, 0x8100, -1, 0,    0, 0,  ETH_IP_L4 },
	{ "a service tag and a customer tag",   2, 0x88a8, -1, 0,    0, 0,  ETH_IP_L4 },
	{ "three tags",                         3, 0x88a8, -1, 0,    0, 0,  ETH_IP_DEEP_VLAN },
	{ "nothing at all",                     0, 0,      -1, 0,    0, -1, ETH_IP_SHORT_ETH },
	{ "one byte less than a header",        0, 0,      -1, 0,    0, 13, ETH_IP_SHORT_ETH },
	{ "cut inside a tag",                   1, 0x8100, -1, 0,    0, 17, ETH_IP_SHORT_ETH },
	{ "cut inside the second tag",          2, 0x88a8, -1, 0,    0, 21, ETH_IP_SHORT_ETH },
	{ "IPv6 by type",                       0, 0,      12, 0x86, 0, 0,  ETH_IP_OTHER_TYPE },
	{ "cut inside the IPv4 header",         0, 0,      -1, 0,    0, 33, ETH_IP_SHORT_IP },
	{ "version 6 inside",                   0, 0,      14, 0x65, 1, 0,  ETH_IP_BAD_VERSION },
	{ "a header of four words",             0, 0,      14, 0x44, 1, 0,  ETH_IP_BAD_IHL },
	{ "options beyond the frame",           0, 0,      14, 0x4f, 1, 0,  ETH_IP_SHORT_IP },
	{ "total length one beyond the frame",  0, 0,      17, 32,   1, 0,  ETH_IP_BAD_LEN },
	{ "total length below the header",      0, 0,      17, 19,   1, 0,  ETH_IP_BAD_LEN },
	{ "total length of the header alone",   0, 0,      17, 20,   1, 0,  ETH_IP_L4 },
	{ "one wrong bit in the header",        0, 0,      22, 65,   0, 0,  ETH_IP_BAD_SUM },
	{ "more fragments follow",              0, 0,      20, 0x20, 1, 0,  ETH_IP_FRAGMENT },
	{ "a later fragment",                   0, 0,      21, 1,    1, 0,  ETH_IP_FRAGMENT },
	{ "don't fragment is no fragment",      0, 0,      20, 0x40, 1, 0,  ETH_IP_L4 },
	// clang-format on
};

static void
a_walk_ends_where_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const size_t tag_bytes = CASES[i].tags * sizeof(struct vlan_tag);
		struct eth_ip e;
		uint8_t f[128];
		size_t len = udp_frame(f, CASES[i].tags, CASES[i].outer_type);

		if (CASES[i].at >= 0)
			f[(size_t)CASES[i].at + tag_bytes] = CASES[i].value;
		if (CASES[i].fix_sum) {
			struct ipv4_head *ip = (struct ipv4_head *)(f + 14 + tag_bytes);

			ip->sum = be16_of(0);
			ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
		}
		if (CASES[i].cut_to)
			len = CASES[i].cut_to < 0 ? 0 : (size_t)CASES[i].cut_to;
		if (eth_ip_walk(f, len, false, &e) != CASES[i].want)
			fail_msg("%s", CASES[i].what);
		if (CASES[i].want == ETH_IP_L4 && CASES[i].at < 0) {
			const uint8_t *data;
			uint16_t data_len;

			assert_ptr_equal(e.l4, f + 34 + tag_bytes);
			assert_int_equal(e.l4_len, 11);
			assert_int_equal(e.vlan_cnt, CASES[i].tags);
			assert_int_equal(e.vlan_id, CASES[i].tags ? 99 + CASES[i].tags : 0);
			assert_int_equal(be32_get(e.dst), 0x0a000002);
			assert_true(eth_ip_l4_sum_ok(&e));
			assert_true(eth_ip_udp_payload(&e, &data, &data_len));
			assert_int_equal(data_len, 3);
			assert_memory_equal(data, "abc", 3);
		}
	}
}

static void
padding_is_not_payload(void **state)
{
	struct eth_ip e;
	uint8_t f[128];

	udp_frame(f, 0, 0);
	assert_int_equal(eth_ip_walk(f, ETH_FRAME_MIN, false, &e), ETH_IP_L4);
	assert_int_equal(e.l4_len, 11);
}

static void
udp_sums_and_lengths_are_judged(void **state)
{
	const uint8_t *data;
	struct udp_head *udp;
	uint16_t data_len;
	struct eth_ip e;
	uint8_t f[128];
	size_t len = udp_frame(f, 0, 0);

	udp = (struct udp_head *)(f + 34);
	assert_int_equal(eth_ip_walk(f, len, false, &e), ETH_IP_L4);
	f[44] ^= 1;
	assert_false(eth_ip_l4_sum_ok(&e));
	udp->sum = be16_of(0); // RFC 768: no checksum
	assert_true(eth_ip_l4_sum_ok(&e));
	udp->len = be16_of(7);
	assert_false(eth_ip_udp_payload(&e, &data, &data_len));
	udp->len = be16_of(12);
	assert_false(eth_ip_udp_payload(&e, &data, &data_len));
	udp->len = be16_of(8);
	assert_true(eth_ip_udp_payload(&e, &data, &data_len));
	assert_int_equal(data_len, 0);
	e.l4_len = 7;
	assert_false(eth_ip_udp_payload(&e, &data, &data_len));
}

static void
written_heads_are_what_the_walk_expects(void **state)
{
	struct udp_way way = { 0x0a000001, 0x0a000002, 1000, 2000, 64 };
	struct eth_ip e;
	uint8_t by_hand[128], f[128] = { 0 };
	const size_t len = udp_frame(by_hand, 0, 0);
	struct ipv4_head *ip = (struct ipv4_head *)(by_hand + 14);
	struct udp_head *udp = (struct udp_head *)(f + 34);
	const be16 ones = be16_of(0xffff);

	ip->frag = be16_of(IP_FRAG_DF);
	ip->sum = be16_of(0);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	((struct eth_head *)f)->type = be16_of(ETH_TYPE_IPV4);
	memcpy(f + 42, "abc", 3);
	assert_int_equal(14 + udp_write_heads(f + 14, &way, 3), len);
	assert_memory_equal(f, by_hand, len);

	// every port: one of them makes the sum 0, which is written as its other name
	for (uint32_t port = 0, ones_cnt = 0; port <= 0xffff; port++) {
		way.src_port = (uint16_t)port;
		udp_write_heads(f + 14, &way, 3);
		assert_int_equal(eth_ip_walk(f, len, false, &e), ETH_IP_L4);
		assert_true(eth_ip_l4_sum_ok(&e));
		assert_int_not_equal(be16_get(udp->sum), 0);
		ones_cnt += memcmp(&udp->sum, &ones, sizeof(ones)) == 0;
		assert_true(ones_cnt <= 1);
		assert_true(port < 0xffff || ones_cnt == 1);
	}
}

static void
a_group_has_its_lower_23_bits_as_address(void **state)
{
	static const uint8_t WANT[] = { 0x01, 0x00, 0x5e, 0x0a, 0x81, 0x02 };
	uint8_t mac[ETH_ADDR_BYTES];

	eth_group_mac(0xef8a8102, mac); // 239.138.129.2
	assert_memory_equal(mac, WANT, sizeof(WANT));
}

static void
arp_is_recognised_and_checked(void **state)
{
	struct eth_ip e;
	uint8_t f[64] = { 0 };
	struct arp_head *arp = (struct arp_head *)(f + 14);

	((struct eth_head *)f)->type = be16_of(ETH_TYPE_ARP);
	arp->hw_type = be16_of(1);
	arp->proto_type = be16_of(ETH_TYPE_IPV4);
	arp->hw_len = 6;
	arp->proto_len = 4;
	assert_int_equal(eth_ip_walk(f, 42, false, &e), ETH_IP_ARP);
	assert_ptr_equal(e.l3, arp);
	assert_int_equal(eth_ip_walk(f, 41, false, &e), ETH_IP_SHORT_ARP);
	arp->hw_len = 8;
	assert_int_equal(eth_ip_walk(f, 42, false, &e), ETH_IP_BAD_ARP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_of_known_headers_is_right),
		cmocka_unit_test(the_checksum_agrees_with_a_slow_one_for_every_length),
		cmocka_unit_test(a_walk_ends_where_the_table_says),
		cmocka_unit_test(padding_is_not_payload),
		cmocka_unit_test(udp_sums_and_lengths_are_judged),
		cmocka_unit_test(written_heads_are_what_the_walk_expects),
		cmocka_unit_test(a_group_has_its_lower_23_bits_as_address),
		cmocka_unit_test(arp_is_recognised_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
