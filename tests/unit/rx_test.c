/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/rx.h"

enum {
	GROUP = 0xEF0A0101, // 239.10.1.1
	PORT = 26400,
	PAYLOAD_LEN = 21, // odd: the checksum's last byte stands alone
	FRAME_LEN = 14 + 20 + 8 + PAYLOAD_LEN,
};

static const struct rx_config CONFIG = {
	.port_idx = 4,
	.line_cnt = 2,
	.line = { { GROUP, 0, PORT, 2, 1 }, { GROUP + 1, 0x0A0A0101, PORT, 2, 0 } },
};

/* A good frame of the first line, with a VLAN tag when vlan is not 0. */
static uint16_t
build(uint8_t *out, uint16_t vlan)
{
	struct eth_head *eth = (struct eth_head *)out;
	struct ipv4_head *ip;
	struct udp_head *udp;
	struct eth_ip e;
	uint8_t *at = out + sizeof(*eth);

	memcpy(eth->dst, (uint8_t[]){ 1, 0, 0x5e, 10, 1, 1 }, 6);
	memcpy(eth->src, (uint8_t[]){ 2, 0, 0, 0, 0, 1 }, 6);
	eth->type = be16_of(vlan ? ETH_TYPE_VLAN : ETH_TYPE_IPV4);
	if (vlan) {
		*(struct vlan_tag *)at = (struct vlan_tag){ be16_of(vlan), be16_of(ETH_TYPE_IPV4) };
		at += sizeof(struct vlan_tag);
	}
	ip = (struct ipv4_head *)at;
	*ip = (struct ipv4_head){ .version_ihl = 0x45,
				  .ttl = 16,
				  .proto = IP_PROTO_UDP,
				  .total_len = be16_of(28 + PAYLOAD_LEN),
				  .src = be32_of(0x0A0A0102),
				  .dst = be32_of(GROUP) };
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	udp = (struct udp_head *)(ip + 1);
	*udp = (struct udp_head){ be16_of(9), be16_of(PORT), be16_of(8 + PAYLOAD_LEN), { { 0 } } };
	for (unsigned i = 0; i < PAYLOAD_LEN; i++)
		((uint8_t *)(udp + 1))[i] = (uint8_t)(i * 37);
	assert_int_equal(eth_ip_walk(out, 200, false, &e), ETH_IP_L4);
	udp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(e.src, e.dst, e.proto, e.l4_len), e.l4, e.l4_len));
	return (uint16_t)((uint8_t *)(udp + 1) + PAYLOAD_LEN - out);
}

#define COUNTER(name) offsetof(struct rx_metrics, name)

static const struct {
	const char *what;
	uint16_t vlan;    // of the frame
	uint16_t vlan_id; // of the port
	int at;           // byte that is changed; -1 none
	uint8_t value;
	bool fix_ip_sum;
	bool hw_csum_ok;
	uint16_t cut;
	enum rx_verdict want;
	size_t counter;
} CASES[] = {
	// clang-format off
	{ "a good frame",                         0,   0,   -1, 0,    0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "no tag where none is checked",         0,   RX_VLAN_ANY, -1, 0, 0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "other addresses that differ by frame", 0,   0,   8,  99,   0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "another first byte on a tagged port",  0,   141, 0,  0xfe, 0, 0, 0, RX_DROP, COUNTER(frame_vlan) },
	{ "a first fragment's flag",              0,   0,   20, 0x20, 1, 1, 0, RX_DROP, COUNTER(ip_fragment) },
	{ "a time to live, summed",               0,   0,   22, 99,   1, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "a tag on an untagged port",            141, 0,   -1, 0,    0, 0, 0, RX_DROP, COUNTER(frame_vlan) },
	{ "the port's own tag",                   141, 141, -1, 0,    0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "a tag with priority bits",             0x608D, 141, -1, 0, 0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "a priority tag on an untagged port",   0x6000, 0, -1, 0,   0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "another tag",                          142, 141, -1, 0,    0, 0, 0, RX_DROP, COUNTER(frame_vlan) },
	{ "no tag on a tagged port",              0,   141, -1, 0,    0, 0, 0, RX_DROP, COUNTER(frame_vlan) },
	{ "any tag where none is checked",        142, RX_VLAN_ANY, -1, 0, 0, 0, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "cut in the payload",                   0,   0,   -1, 0,    0, 0, 1, RX_DROP, COUNTER(ip_length) },
	{ "cut in the IPv4 header",               0,   0,   -1, 0,    0, 0, 30, RX_DROP, COUNTER(frame_short) },
	{ "a wrong IPv4 checksum",                0,   0,   22, 99,   0, 0, 0, RX_DROP, COUNTER(ip_checksum) },
	{ "a fragment",                           0,   0,   20, 0x20, 1, 0, 0, RX_DROP, COUNTER(ip_fragment) },
	{ "IPv6",                                 0,   0,   12, 0x86, 0, 0, 0, RX_DROP, COUNTER(frame_type) },
	{ "a wrong UDP checksum",                 0,   0,   60, 99,   0, 0, 0, RX_DROP, COUNTER(udp_checksum) },
	{ "a UDP checksum the NIC has checked",   0,   0,   60, 99,   0, 1, 0, RX_MARKET_DATA, COUNTER(frame_market_data) },
	{ "a UDP length beyond the packet",       0,   0,   39, 200,  0, 0, 0, RX_DROP, COUNTER(udp_length) },
	{ "a UDP length below its header",        0,   0,   39, 7,    0, 0, 0, RX_DROP, COUNTER(udp_length) },
	{ "another port of the group",            0,   0,   37, 33,   0, 0, 0, RX_DROP, COUNTER(multicast_foreign) },
	{ "a group nobody wants",                 0,   0,   33, 9,    1, 0, 0, RX_DROP, COUNTER(multicast_foreign) },
	{ "a group in a frame for another",       0,   0,   5,  9,    0, 0, 0, RX_DROP, COUNTER(multicast_mac) },
	{ "a single host's address",              0,   0,   30, 10,   1, 0, 0, RX_HOST, COUNTER(frame_host) },
	{ "IGMP to a group",                      0,   0,   23, 2,    1, 0, 0, RX_HOST, COUNTER(frame_host) },
	{ "TCP to a group",                       0,   0,   23, 6,    1, 0, 0, RX_DROP, COUNTER(ip_protocol) },
	// clang-format on
};

static void
frames_go_where_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rx_config c = CONFIG;
		uint8_t bytes[256] = { 0 };
		struct frame f = { 0 };
		uint16_t len = build(bytes, CASES[i].vlan);
		struct ipv4_head *ip = (struct ipv4_head *)(bytes + sizeof(struct eth_head));
		enum rx_verdict v;
		struct rx r;

		c.vlan_id = CASES[i].vlan_id;
		assert_int_equal(rx_init(&r, &c), 0);
		if (CASES[i].at >= 0)
			bytes[CASES[i].at] = CASES[i].value;
		if (CASES[i].fix_ip_sum) {
			ip->sum = be16_of(0);
			ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
		}
		v = rx_on_bytes(&r, bytes, (uint16_t)(len - CASES[i].cut), CASES[i].hw_csum_ok, &f);
		if (v != CASES[i].want)
			fail_msg("%s: verdict %d, want %d", CASES[i].what, v, CASES[i].want);
		if (((const uint64_t *)&r.metrics)[CASES[i].counter / sizeof(uint64_t)] != 1)
			fail_msg("%s: is not counted", CASES[i].what);
		assert_int_equal(rx_by_steps(&r, bytes, (uint16_t)(len - CASES[i].cut),
					     CASES[i].hw_csum_ok, &f),
				 v);
		if (v == RX_MARKET_DATA) {
			assert_int_equal(f.len, PAYLOAD_LEN);
			assert_ptr_equal(f.data, bytes + len - PAYLOAD_LEN);
			assert_int_equal(f.line_idx, 1);
			assert_int_equal(f.head.feed_idx, 2);
			assert_int_equal(f.src_ip, 0x0A0A0102);
		}
		if (v == RX_HOST)
			assert_ptr_equal(f.data, bytes);
	}
}

static void
a_line_with_a_source_takes_no_other(void **state)
{
	uint8_t bytes[256] = { 0 };
	struct rx_config c = CONFIG;
	struct frame f;
	struct rx r;
	uint16_t len;

	c.line[0].source_ip = 0x0A0A0103;
	assert_int_equal(rx_init(&r, &c), 0);
	len = build(bytes, 0);
	assert_int_equal(rx_on_bytes(&r, bytes, len, false, &f), RX_DROP);
	assert_int_equal(r.metrics.source_foreign, 1);
	c.line[0].source_ip = 0x0A0A0102;
	assert_int_equal(rx_init(&r, &c), 0);
	assert_int_equal(rx_on_bytes(&r, bytes, len, false, &f), RX_MARKET_DATA);
}

static void
lines_that_cannot_be_told_apart_are_refused(void **state)
{
	struct rx_config c = CONFIG;
	struct rx r;

	c.line[1] = c.line[0];
	assert_int_equal(rx_init(&r, &c), -17);
	c.line[1].group_ip = 0x0A000001;
	assert_int_equal(rx_init(&r, &c), -22);
	c.line[1] = CONFIG.line[1];
	c.line_cnt = RX_LINE_MAX + 1;
	assert_int_equal(rx_init(&r, &c), -22);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_where_the_table_says),
		cmocka_unit_test(a_line_with_a_source_takes_no_other),
		cmocka_unit_test(lines_that_cannot_be_told_apart_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
