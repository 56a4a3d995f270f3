/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NET_HOST_ADDR_H
#define SLUICE_NET_HOST_ADDR_H

#include "base/event.h"
#include "wire/eth_ip.h"

/* Who a port is on its network.  IP addresses are in host order. */
struct host_addr {
	uint8_t mac[ETH_ADDR_BYTES];
	uint16_t vlan_id; // 0: no tag
	uint32_t ip;
	uint32_t prefix_len;
};

/* Where a port's ARP and IGMP say what an operator may want to know. */
struct host_log {
	struct event_sink *events; // NULL says nothing
	uint32_t port_idx;
};

/* An Ethernet address as one argument of an event, for {n:mac}. */
static inline uint64_t
host_mac_arg(const uint8_t mac[ETH_ADDR_BYTES])
{
	uint64_t arg = 0;

	for (unsigned i = 0; i < ETH_ADDR_BYTES; i++)
		arg = arg << 8 | mac[i];
	return arg;
}

#define HOST_IP_BROADCAST 0xffffffffu

static inline bool
host_ip_is_multicast(uint32_t ip)
{
	return ip >> 28 == 0xe;
}

static inline uint32_t
host_mask(const struct host_addr *a)
{
	return a->prefix_len == 0 ? 0 : ~0u << (32 - a->prefix_len);
}

static inline bool
host_ip_is_broadcast(const struct host_addr *a, uint32_t ip)
{
	return ip == HOST_IP_BROADCAST || (a->prefix_len < 31 && ip == (a->ip | ~host_mask(a)));
}

/* Bytes of host_put_eth. */
static inline size_t
host_eth_bytes(const struct host_addr *a)
{
	return sizeof(struct eth_head) + (a->vlan_id ? sizeof(struct vlan_tag) : 0);
}

/* Begins a frame; returns the place behind the header. */
static inline uint8_t *
host_put_eth(const struct host_addr *a, const uint8_t dst[ETH_ADDR_BYTES], uint16_t type,
	     uint8_t *buf)
{
	const struct vlan_tag tag = { be16_of(a->vlan_id), be16_of(type) };
	struct eth_head h = { .type = be16_of(a->vlan_id ? ETH_TYPE_VLAN : type) };

	memcpy(h.dst, dst, sizeof(h.dst));
	memcpy(h.src, a->mac, sizeof(h.src));
	memcpy(buf, &h, sizeof(h));
	if (a->vlan_id == 0)
		return buf + sizeof(h);
	memcpy(buf + sizeof(h), &tag, sizeof(tag));
	return buf + sizeof(h) + sizeof(tag);
}

/* Fills a frame with zeros up to Ethernet's least length; returns its length. */
static inline uint16_t
host_pad(uint8_t *buf, size_t len)
{
	if (len < ETH_FRAME_MIN) {
		memset(buf + len, 0, ETH_FRAME_MIN - len);
		len = ETH_FRAME_MIN;
	}
	return (uint16_t)len;
}

#endif
