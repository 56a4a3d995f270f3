/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/port_fit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err/fault.h"

enum {
	FRAME_EXTRA = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 4, // with a VLAN tag
};

/* A word of profile.def and DPDK's bit for it. */
struct offload {
	const char *word;
	uint32_t ours;
	uint64_t dpdk;
};

static const struct offload RX_OFFLOAD[] = {
	{ "ipv4_cksum", RX_OFFLOAD_IPV4_CKSUM, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM },
	{ "udp_cksum", RX_OFFLOAD_UDP_CKSUM, RTE_ETH_RX_OFFLOAD_UDP_CKSUM },
	{ "tcp_cksum", RX_OFFLOAD_TCP_CKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM },
	{ "vlan_strip", RX_OFFLOAD_VLAN_STRIP, RTE_ETH_RX_OFFLOAD_VLAN_STRIP },
	{ "timestamp", RX_OFFLOAD_TIMESTAMP, RTE_ETH_RX_OFFLOAD_TIMESTAMP },
};

static const struct offload TX_OFFLOAD[] = {
	{ "ipv4_cksum", TX_OFFLOAD_IPV4_CKSUM, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM },
	{ "udp_cksum", TX_OFFLOAD_UDP_CKSUM, RTE_ETH_TX_OFFLOAD_UDP_CKSUM },
	{ "tcp_cksum", TX_OFFLOAD_TCP_CKSUM, RTE_ETH_TX_OFFLOAD_TCP_CKSUM },
	{ "vlan_insert", TX_OFFLOAD_VLAN_INSERT, RTE_ETH_TX_OFFLOAD_VLAN_INSERT },
	{ "mbuf_fast_free", TX_OFFLOAD_MBUF_FAST_FREE, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE },
};

static uint64_t
bits_of(const struct offload *row, size_t row_cnt, uint32_t words)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < row_cnt; i++)
		bits |= words & row[i].ours ? row[i].dpdk : 0;
	return bits;
}

uint64_t
port_rx_offloads(uint32_t words)
{
	return bits_of(RX_OFFLOAD, RTE_DIM(RX_OFFLOAD), words);
}

uint64_t
port_tx_offloads(uint32_t words)
{
	return bits_of(TX_OFFLOAD, RTE_DIM(TX_OFFLOAD), words);
}

static void
offloads_check(const struct port_want *w, const char *key, const struct offload *row,
	       size_t row_cnt, uint32_t words, uint64_t capa, struct err *e)
{
	char missing[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < row_cnt; i++)
		if (words & row[i].ours && !(capa & row[i].dpdk))
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len != 0 ? ", " : "", row[i].word);
	if (len != 0)
		err_add(e, -ENOTSUP,
			"ports '%s': profile %s asks for %s: %s, which this device does not have; "
			"copy the profile, take it out and name the copy %s",
			w->port->name, w->port->profile, key, missing,
			fault_tag(FAULT_PORT_OFFLOAD));
}

static void
queues_check(const struct port_want *w, const char *what, uint16_t want, uint16_t max,
	     struct err *e)
{
	if (want > max)
		err_add(e, -ENOTSUP,
			"ports '%s': %u %s queues are asked for and the device has %u; let one "
			"lane "
			"own its feeds and its order connection, or copy profile %s with "
			"flow_steering: no %s",
			w->port->name, want, what, max, w->port->profile,
			fault_tag(FAULT_PORT_QUEUES));
}

static void
descriptors_check(const struct port_want *w, const char *key, uint32_t want,
		  const struct rte_eth_desc_lim *lim, struct err *e)
{
	const uint32_t align = lim->nb_align != 0 ? lim->nb_align : 1;
	const uint32_t max = lim->nb_max != 0 ? lim->nb_max : UINT16_MAX;
	uint32_t fits = want;

	if (fits < lim->nb_min)
		fits = lim->nb_min;
	if (fits > max)
		fits = max;
	fits -= fits % align;
	if (fits < lim->nb_min)
		fits += align;
	if (fits != want)
		err_add(e, -ENOTSUP,
			"ports '%s': %s: %u is asked for, and the device takes %u..%u in steps of "
			"%u; the nearest is %u %s",
			w->port->name, key, want, lim->nb_min, max, align, fits,
			fault_tag(FAULT_PORT_DESCRIPTORS));
}

static void
mtu_check(const struct port_want *w, const struct rte_eth_dev_info *info, struct err *e)
{
	const uint32_t mtu = w->port->mtu_bytes != 0 ? w->port->mtu_bytes : RTE_ETHER_MTU;
	const uint32_t room = w->profile->mbuf_data_bytes.value > RTE_PKTMBUF_HEADROOM
				      ? w->profile->mbuf_data_bytes.value - RTE_PKTMBUF_HEADROOM
				      : 0;
	const uint32_t least =
		info->min_rx_bufsize > mtu + FRAME_EXTRA ? info->min_rx_bufsize : mtu + FRAME_EXTRA;

	if (info->max_mtu != 0 && (mtu > info->max_mtu || mtu < info->min_mtu))
		err_add(e, -ENOTSUP, "ports '%s': mtu_bytes: %u; the device takes %u..%u %s",
			w->port->name, mtu, info->min_mtu, info->max_mtu,
			fault_tag(FAULT_PORT_MTU));
	if (w->interface_mtu != 0 && mtu > w->interface_mtu)
		err_add(e, -ENOTSUP,
			"ports '%s': mtu_bytes: %u, and the interface behind it has %u: ip link "
			"set "
			"IFACE mtu %u, or lower mtu_bytes %s",
			w->port->name, mtu, w->interface_mtu, mtu, fault_tag(FAULT_PORT_MTU));
	if (room < least)
		err_add(e, -ENOTSUP,
			"ports '%s': profile %s: mbuf_data_bytes: %u leave %u for a frame, and %u "
			"are needed; copy the profile with %u %s",
			w->port->name, w->port->profile, w->profile->mbuf_data_bytes.value, room,
			least, least + RTE_PKTMBUF_HEADROOM, fault_tag(FAULT_PORT_BUFFER));
}

int
port_fit_check(const struct port_want *w, const struct rte_eth_dev_info *info, struct err *e)
{
	const char *driver = info->driver_name != NULL ? info->driver_name : "";

	err_init(e);
	if (strcmp(driver, w->profile->driver.value) != 0)
		// the rest would judge the device by another's profile
		return err_set(e, -ENOTSUP,
			       "ports '%s': its driver is %s, while profile %s is for %s; name the "
			       "profile of this driver (pmd_config/README.md) %s",
			       w->port->name, driver, w->port->profile, w->profile->driver.value,
			       fault_tag(FAULT_PORT_PROFILE));
	queues_check(w, "receive", w->rx_queue_cnt, info->max_rx_queues, e);
	queues_check(w, "transmit", w->tx_queue_cnt, info->max_tx_queues, e);
	descriptors_check(w, "rx_descriptors", w->rx_desc, &info->rx_desc_lim, e);
	descriptors_check(w, "tx_descriptors", w->tx_desc, &info->tx_desc_lim, e);
	offloads_check(w, "rx_offloads", RX_OFFLOAD, RTE_DIM(RX_OFFLOAD),
		       w->profile->rx_offloads.value, info->rx_offload_capa, e);
	offloads_check(w, "tx_offloads", TX_OFFLOAD, RTE_DIM(TX_OFFLOAD),
		       w->profile->tx_offloads.value, info->tx_offload_capa, e);
	mtu_check(w, info, e);
	err_end(e);
	return e->code;
}
