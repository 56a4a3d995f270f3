/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_HOST_RIG_H
#define SLUICE_TESTS_UNIT_HOST_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "hex.h"
#include "net/host.h"

/* One port of a host, the frames it is given, and those it sends. */

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

static inline uint16_t
take(struct host *h, uint8_t *buf, uint64_t now_ns)
{
	memset(buf, 0xee, HOST_FRAME_MAX);
	return host_take(h, buf, HOST_FRAME_MAX, now_ns);
}

/* The next frame is exactly this, padded with zeros. */
static inline void
take_is(struct host *h, const char *hex, uint64_t now_ns)
{
	uint8_t want[256] = { 0 }, got[HOST_FRAME_MAX];
	size_t len = hex_bytes(hex, want, sizeof(want));

	if (len < 60)
		len = 60;
	assert_int_equal(take(h, got, now_ns), len);
	assert_memory_equal(got, want, len);
}

static inline void
nothing_is_due(struct host *h, uint64_t now_ns)
{
	uint8_t buf[HOST_FRAME_MAX];

	assert_int_equal(take(h, buf, now_ns), 0);
}

/* Gives a copy in memory of its own, so that a byte read outside is found by a sanitizer. */
static inline enum host_verdict
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

static inline enum host_verdict
give(struct host *h, const char *hex, uint64_t now_ns)
{
	uint8_t frame[256];
	const size_t len = hex_bytes(hex, frame, sizeof(frame));

	return give_bytes(h, frame, len, now_ns);
}

/* A frame with an IPv4 packet for the tests; sums are right.  Returns its length. */
static inline size_t
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
static inline enum host_verdict
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

static inline void
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

#endif
