/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	US = 0x0a0a0102,    // 10.10.1.2
	GROUP = 0xef0a0101, // 239.10.1.1
	FRAMES_PER_TURN_MAX = ARP_REPLY_MAX + ARP_NEIGHBOUR_MAX + 2 * IGMP_MEMBER_MAX + 4,
};

static const struct host_config CONFIG = {
	.mac = { 2, 0, 0, 0, 0, 2 },
	.ip = US,
	.prefix_len = 24,
	.gateway = 0x0a0a0101,
	.igmp_version = 3,
	.seed = 42,
};

/* A frame we send is whole, ours, and what a strict reader takes for one. */
static void
check_frame(const uint8_t *frame, uint16_t len)
{
	const struct arp_head *arp;
	enum eth_ip_verdict v;
	struct eth_ip e;

	if (len < ETH_FRAME_MIN || len > HOST_FRAME_MAX)
		abort();
	if (memcmp(frame + ETH_ADDR_BYTES, CONFIG.mac, sizeof(CONFIG.mac)) != 0)
		abort();
	v = eth_ip_walk(frame, len, false, &e);
	if (v == ETH_IP_ARP) {
		arp = (const struct arp_head *)e.l3;
		if (be32_get(arp->sender_ip) != US ||
		    memcmp(arp->sender_mac, CONFIG.mac, sizeof(CONFIG.mac)) != 0)
			abort();
		return;
	}
	if (v != ETH_IP_L4 || be32_get(e.src) != US ||
	    (e.proto != IP_PROTO_ICMP && e.proto != IP_PROTO_IGMP) ||
	    !ip_sum_ok(ip_sum_bytes(0, e.l4, e.l4_len)))
		abort();
	if (e.proto == IP_PROTO_IGMP && (frame[0] != 0x01 || e.l4_len < sizeof(struct igmp_head)))
		abort();
}

/* Everything that is due now; an answer never causes another by itself. */
static void
take_all(struct host *h, uint64_t now_ns)
{
	static uint8_t buf[HOST_FRAME_MAX];
	unsigned frame_cnt = 0;
	uint64_t due_ns;
	uint16_t len;

	while ((len = host_take(h, buf, sizeof(buf), now_ns)) != 0) {
		if (++frame_cnt > FRAMES_PER_TURN_MAX)
			abort();
		check_frame(buf, len);
	}
	due_ns = host_on_time(h, now_ns);
	if (h->link_up && h->igmp.metrics.querier_v2 != (now_ns < h->igmp.v2_until_ns))
		abort(); // nobody looked when the older version was over
	h->due_ns = 0;
	if (host_take(h, buf, sizeof(buf), now_ns) != 0)
		abort(); // it was not looked for
	if (host_on_time(h, now_ns) != due_ns)
		abort(); // a timer that was not known runs out before
	if (h->link_up && due_ns <= now_ns)
		abort(); // said to be due, and nothing came
}

static void
give(struct host *h, const uint8_t *data, size_t len, uint64_t now_ns)
{
	uint8_t *frame = malloc(len ? len : 1); // nothing outside it may be read
	enum host_verdict v;
	struct eth_ip e;

	memcpy(frame, data, len);
	v = host_on_frame(h, frame, (uint16_t)len, now_ns, &e);
	if ((v == HOST_TCP || v == HOST_TCP_ERROR || v == HOST_OTHER) &&
	    (be32_get(e.dst) != US || e.l4 + e.l4_len > frame + len ||
	     (v == HOST_TCP) != (e.proto == IP_PROTO_TCP) ||
	     (v == HOST_TCP_ERROR) != (e.proto == IP_PROTO_ICMP)))
		abort();
	free(frame);
}

/*
 * The input is a play: what happens, one byte, how long or which, another, then the bytes of a
 * frame.  Whatever happens, in whatever order: frames we send are sound and few, nothing stays due,
 * no timer is forgotten, TCP gets only whole packets for our address, and only what was asked for
 * is learned.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now_ns = 1000000000000;
	static struct host h;
	uint8_t mac[ETH_ADDR_BYTES];
	unsigned asked_cnt = 1, known_cnt = 0; // the gateway

	if (host_init(&h, &CONFIG, now_ns) != 0)
		abort();
	host_on_link(&h, true, now_ns);
	while (size >= 2) {
		const uint8_t what = data[0], n = data[1];
		const size_t len = n < size - 2 ? n : size - 2;

		data += 2;
		size -= 2;
		switch (what % 8) {
		case 0:
			now_ns += (uint64_t)n * 100000000;
			break;
		case 1:
			(void)host_join(&h, GROUP + n % 20, n & 0x80 ? 0x0a141e28 : 0, now_ns);
			break;
		case 2:
			(void)host_leave(&h, GROUP + n % 20, n & 0x80 ? 0x0a141e28 : 0, now_ns);
			break;
		case 3:
			host_on_link(&h, n & 1, now_ns);
			break;
		case 4:
			asked_cnt += asked_cnt < ARP_NEIGHBOUR_MAX;
			(void)host_find_mac(&h, 0x0a0a0100u + n, now_ns, mac);
			break;
		default:
			give(&h, data, len, now_ns);
			data += len;
			size -= len;
			break;
		}
		if ((what & 8) == 0)
			(void)host_on_time(&h, now_ns);
		take_all(&h, now_ns);
	}
	for (unsigned i = 0; i < ARP_NEIGHBOUR_MAX; i++)
		known_cnt += h.arp.neighbour[i].state != ARP_FREE;
	if (known_cnt > asked_cnt)
		abort();
	return 0;
}
