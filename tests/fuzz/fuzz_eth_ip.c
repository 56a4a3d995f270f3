/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wire/eth_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Any bytes may arrive on a port.  Whatever they are, what the walk calls a packet lies inside the
 * frame, its lengths add up, its header sum is right, and it is the same with the sum check left to
 * the NIC; a UDP payload lies inside its packet.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct eth_ip e, again;
	const enum eth_ip_verdict v = eth_ip_walk(data, size, false, &e);
	const enum eth_ip_verdict trusting = eth_ip_walk(data, size, true, &again);
	const uint8_t *end = data + size;
	const uint8_t *payload;
	uint16_t len;

	if ((unsigned)v >= ETH_IP_VERDICT_CNT || e.vlan_cnt > ETH_VLAN_TAGS_MAX)
		abort();
	if (v != trusting && v != ETH_IP_BAD_SUM)
		abort();
	if (v == ETH_IP_ARP && e.l3 + sizeof(struct arp_head) > end)
		abort();
	if (v != ETH_IP_L4 && v != ETH_IP_FRAGMENT)
		return 0;
	if (e.l3 != data + sizeof(struct eth_head) + e.vlan_cnt * sizeof(struct vlan_tag))
		abort();
	if (e.l4 < e.l3 + sizeof(struct ipv4_head) || e.l4 > end || e.l4_len > end - e.l4)
		abort();
	if (be16_get(((const struct ipv4_head *)e.l3)->total_len) != e.l4 - e.l3 + e.l4_len)
		abort();
	if (!ip_sum_ok(ip_sum_bytes(0, e.l3, (size_t)(e.l4 - e.l3))))
		abort();
	if (v != ETH_IP_L4)
		return 0;
	(void)eth_ip_l4_sum_ok(&e);
	if (e.proto == IP_PROTO_UDP && eth_ip_udp_payload(&e, &payload, &len) &&
	    (payload != e.l4 + sizeof(struct udp_head) || len > e.l4 + e.l4_len - payload))
		abort();
	return 0;
}
