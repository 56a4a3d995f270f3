/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "ingress/rx.h"

static int
add_line(struct rx *r, const struct rx_line_config *l)
{
	const uint64_t key = (uint64_t)l->group_ip << 16 | l->udp_port;
	uint32_t i = rx_home(key);

	if (l->group_ip >> 28 != 0xE || l->udp_port == 0 || l->feed_idx >= FEED_MAX ||
	    l->line_idx >= FEED_LINE_MAX)
		return -EINVAL;
	for (; r->slot[i].key != 0; i = (i + 1) % RX_SLOTS)
		if (r->slot[i].key == key)
			return -EEXIST;
	r->slot[i] = (struct rx_slot){
		.key = key,
		.source_ip = l->source_ip,
		.feed_idx = l->feed_idx,
		.line_idx = l->line_idx,
		.mac = { 0x01, 0x00, 0x5e, (uint8_t)(l->group_ip >> 16 & 0x7f),
			 (uint8_t)(l->group_ip >> 8), (uint8_t)l->group_ip },
	};
	return 0;
}

COLD int
rx_init(struct rx *r, const struct rx_config *c)
{
	int rc = 0;

	*r = (struct rx){ .vlan_id = c->vlan_id, .port_idx = c->port_idx };
	if (c->line_cnt > RX_LINE_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < c->line_cnt && rc == 0; i++)
		rc = add_line(r, &c->line[i]);
	return rc;
}

COLD void
rx_count_drop(struct rx *r, enum eth_ip_verdict v)
{
	struct rx_metrics *m = &r->metrics;

	switch (v) {
	case ETH_IP_FRAGMENT:
		metric_add(&m->ip_fragment, 1);
		return;
	case ETH_IP_OTHER_TYPE:
		metric_add(&m->frame_type, 1);
		return;
	case ETH_IP_DEEP_VLAN:
		metric_add(&m->frame_vlan, 1);
		return;
	case ETH_IP_BAD_ARP:
		metric_add(&m->arp_malformed, 1);
		return;
	case ETH_IP_BAD_VERSION:
	case ETH_IP_BAD_IHL:
		metric_add(&m->ip_header, 1);
		return;
	case ETH_IP_BAD_LEN:
		metric_add(&m->ip_length, 1);
		return;
	case ETH_IP_BAD_SUM:
		metric_add(&m->ip_checksum, 1);
		return;
	case ETH_IP_SHORT_ETH:
	case ETH_IP_SHORT_ARP:
	case ETH_IP_SHORT_IP:
	case ETH_IP_L4:
	case ETH_IP_ARP:
	case ETH_IP_VERDICT_CNT:
		metric_add(&m->frame_short, 1);
		return;
	}
}
