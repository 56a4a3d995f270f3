/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "boot/buf_pool.h"
#include "boot/port_fit.h"
#include "boot/port_start.h"
#include "err/fault.h"

enum {
	BUF_CACHE_CNT = 256,   // buffers each lcore keeps to itself; DPDK's usual value
	BUF_MARGIN_CNT = 512,  // frames being built, in hand, or held by dumpcap's ring
	RECOVERY_BUF_CNT = 64, // recovered datagrams in hand, requests, a connection's segments
	FLOW_PATTERN_MAX = 5,
	CLOCK_READINGS = 5,              // the shortest one counts
	CLOCK_FIRST_PAUSE_NS = 50000000, // guess: 100 ns of doubt are 2 ppm of it
};

#define STAMP_PLAUSIBLE_NS NS_PER_SEC // guess: no receive ring holds frames for so long

/* "net_af_packet0,iface=veth1" is the device net_af_packet0. */
static void
device_name(const char *device, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%.*s", (int)strcspn(device, ","), device);
}

/* The MTU of the kernel's interface; 0 when it cannot be asked. */
static uint32_t
interface_mtu(uint32_t if_index)
{
	struct ifreq r = { .ifr_ifindex = (int)if_index };
	const int fd = if_index == 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mtu = 0;

	if (fd < 0)
		return 0;
	if (ioctl(fd, SIOCGIFNAME, &r) == 0 && ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu > 0)
		mtu = (uint32_t)r.ifr_mtu;
	close(fd);
	return mtu;
}

/* Every place that can hold a buffer of this port at once; with so many, receive never starves. */
static uint32_t
buf_cnt(const struct gateway *g, uint32_t port_idx, uint16_t rx_desc, uint16_t tx_desc)
{
	const struct config *c = g->config;
	uint32_t cnt = (uint32_t)rx_desc * 2 + tx_desc + BUF_MARGIN_CNT;

	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		for (uint32_t k = 0; k < c->feeds[f].lines_cnt; k++)
			if (c->feeds[f].lines[k].port_idx == port_idx)
				cnt += c->feeds[f].reorder_packets;
	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		if (config_feed_recovers(&c->feeds[f]) && c->feeds[f].recovery.port_idx == port_idx)
			cnt += RECOVERY_BUF_CNT;
	for (uint32_t r = 0; r < g->map->ring_cnt; r++)
		if (g->map->ring[r].hop == HOP_datagram || g->map->ring[r].hop == HOP_frame)
			cnt += g->map->ring[r].slots;
	for (uint32_t l = 0; l < g->map->lane_cnt; l++)
		cnt += g->map->lane[l].burst + BUF_CACHE_CNT * 3 / 2;
	return cnt;
}

static void
set_multicast(struct gateway *g, uint32_t port_idx)
{
	struct gateway_port *p = &g->port[port_idx];
	struct rte_ether_addr mac[FEED_MAX * LINE_MAX];
	const struct config *c = g->config;
	uint32_t cnt = 0;

	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		for (uint32_t k = 0; k < c->feeds[f].lines_cnt; k++) {
			const struct config_line *line = &c->feeds[f].lines[k];

			if (line->port_idx != port_idx)
				continue;
			eth_group_mac(line->group, mac[cnt++].addr_bytes);
		}
	if (cnt == 0)
		return;
	// from the profile's choice on, whatever the device accepts first
	switch (p->profile.multicast_filter.value) {
	case MULTICAST_MAC_LIST:
		if (rte_eth_dev_set_mc_addr_list(p->port_id, mac, cnt) == 0)
			return;
		// fall through
	case MULTICAST_ALLMULTI:
		if (rte_eth_allmulticast_enable(p->port_id) == 0)
			return;
		// fall through
	case MULTICAST_PROMISCUOUS:
		if (rte_eth_promiscuous_enable(p->port_id) == 0)
			return;
		break;
	case MULTICAST_NONE:
		return;
	}
	fprintf(stderr,
		"sluice: port %s: driver %s has no multicast filter; it is expected to pass every "
		"frame\n",
		c->ports[port_idx].name, p->driver);
}

/* What matches the pattern goes to the queue, if the NIC can do that. */
static int
steer(const struct gateway_port *p, const struct rte_flow_item *pattern, uint16_t queue_id)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_action_queue queue = { .index = queue_id };
	const struct rte_flow_action action[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error why;

	if (rte_flow_validate(p->port_id, &attr, pattern, action, &why) != 0)
		return -ENOTSUP;
	return rte_flow_create(p->port_id, &attr, pattern, action, &why) != NULL ? 0 : -EIO;
}

/* IPv4/TCP from a venue's address and port goes to queue 1, which the session's lane polls. */
static int
steer_peer(const struct gateway_port *p, const struct ip4_endpoint *peer)
{
	const struct rte_flow_item_ipv4 ip = { .hdr.src_addr = rte_cpu_to_be_32(peer->ip) };
	const struct rte_flow_item_ipv4 ip_mask = { .hdr.src_addr = UINT32_MAX };
	const struct rte_flow_item_tcp tcp = { .hdr.src_port =
						       rte_cpu_to_be_16((uint16_t)peer->port) };
	const struct rte_flow_item_tcp tcp_mask = { .hdr.src_port = UINT16_MAX };
	const struct rte_flow_item pattern[FLOW_PATTERN_MAX] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip, .mask = &ip_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_TCP, .spec = &tcp, .mask = &tcp_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};

	return steer(p, pattern, 1);
}

static int
steer_session(const struct gateway_port *p, const struct config_session *s)
{
	int rc = steer_peer(p, &s->peer);

	for (uint32_t i = 0; rc == 0 && i < s->backup_cnt; i++)
		rc = steer_peer(p, &s->backup[i]);
	return rc;
}

/* A line's group and UDP port go to queue 0, the feed lane's, whatever the NIC does by itself. */
static int
steer_line(const struct gateway_port *p, const struct config_line *line)
{
	const struct rte_flow_item_ipv4 ip = { .hdr.dst_addr = rte_cpu_to_be_32(line->group) };
	const struct rte_flow_item_ipv4 ip_mask = { .hdr.dst_addr = UINT32_MAX };
	const struct rte_flow_item_udp udp = { .hdr.dst_port =
						       rte_cpu_to_be_16((uint16_t)line->udp_port) };
	const struct rte_flow_item_udp udp_mask = { .hdr.dst_port = UINT16_MAX };
	const struct rte_flow_item pattern[FLOW_PATTERN_MAX] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip, .mask = &ip_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};

	return steer(p, pattern, 0);
}

/* The profile promises it without reserve: a device that cannot is a fault, no quiet detour. */
static bool
must_steer(const struct gateway_port *p)
{
	return p->profile.flow_steering.value == STEERING_YES;
}

/*
 * Every feed line and order connection of the port to the queue of its lane.  What a profile
 * promises without reserve and the device refuses is a fault.
 */
static int
steer_port(const struct gateway *g, uint32_t port_idx, struct err *e)
{
	const struct gateway_port *p = &g->port[port_idx];
	const struct config *c = g->config;

	for (uint32_t s = 0; s < c->sessions_cnt; s++) {
		if (c->sessions[s].port_idx != port_idx || steer_session(p, &c->sessions[s]) == 0)
			continue;
		if (must_steer(p))
			return err_set(
				e, -ENOTSUP,
				"ports '%s': profile %s says flow_steering: yes, and the "
				"device cannot bring session '%s' to a queue of its own; copy "
				"the profile with flow_steering: limited or no %s",
				c->ports[port_idx].name, c->ports[port_idx].profile,
				c->sessions[s].name, fault_tag(FAULT_PORT_STEERING));
		fprintf(stderr,
			"sluice: port %s: the NIC cannot steer session %s to a queue of its own; "
			"its frames take one hop more\n",
			c->ports[port_idx].name, c->sessions[s].name);
	}
	for (uint32_t f = 0; f < c->feeds_cnt; f++)
		for (uint32_t k = 0; k < c->feeds[f].lines_cnt; k++)
			if (c->feeds[f].lines[k].port_idx == port_idx &&
			    steer_line(p, &c->feeds[f].lines[k]) != 0)
				fprintf(stderr,
					"sluice: port %s: the NIC cannot steer feed %s; its frames "
					"come by the default queue\n",
					c->ports[port_idx].name, c->feeds[f].name);
	return 0;
}

bool
port_clock_fit(const struct clock_map *tsc_clock, const uint64_t ticks[2], const uint64_t tsc[2],
	       struct clock_map *out)
{
	const uint64_t ns = clock_ns_at(tsc_clock, tsc[1]) - clock_ns_at(tsc_clock, tsc[0]);

	if (ticks[1] <= ticks[0] || ns == 0)
		return false;
	*out = (struct clock_map){
		.base_tsc = ticks[1],
		.base_ns = clock_ns_at(tsc_clock, tsc[1]),
		.ns_per_2_32_cycles =
			(uint64_t)(((unsigned __int128)ns << 32) / (ticks[1] - ticks[0])),
	};
	return true;
}

/* The device's clock, and ours in the middle of the shortest of a few readings. */
static int
read_clock(const struct gateway_port *p, uint64_t *ticks, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < CLOCK_READINGS; i++) {
		const uint64_t before = clock_tsc();
		uint64_t now, took;
		const int rc = rte_eth_read_clock(p->port_id, &now);

		took = clock_tsc() - before;
		if (rc != 0)
			return rc;
		if (took < best) {
			best = took;
			*ticks = now;
			*tsc = before + took / 2;
		}
	}
	return 0;
}

int
port_clock_measure(struct gateway *g, uint32_t port_idx)
{
	struct gateway_port *p = &g->port[port_idx];
	uint64_t ticks[2] = { p->clock_ticks }, tsc[2] = { p->clock_tsc };
	int rc;

	if (!p->started || p->rx_stamp != RX_STAMP_DEVICE)
		return -ENOTSUP;
	rc = read_clock(p, &ticks[1], &tsc[1]);
	if (rc != 0)
		return rc;
	return port_clock_fit(&g->clock, ticks, tsc, &p->stamp.clock) ? 0 : -EIO;
}

/* The first two readings, some time apart: good to a few ppm until the next second's. */
static int
first_clock(struct gateway *g, uint32_t port_idx)
{
	const struct timespec pause = { .tv_nsec = CLOCK_FIRST_PAUSE_NS };
	struct gateway_port *p = &g->port[port_idx];
	int rc = read_clock(p, &p->clock_ticks, &p->clock_tsc);

	if (rc != 0)
		return rc;
	nanosleep(&pause, NULL);
	return port_clock_measure(g, port_idx);
}

int
port_choose_stamps(struct gateway *g, uint32_t port_idx, struct err *e)
{
	struct gateway_port *p = &g->port[port_idx];
	const char *why = NULL;

	p->rx_stamp = RX_STAMP_NONE;
	if (!p->profile.hardware_timestamps.value)
		return 0;
	if (strcmp(p->driver, "net_pcap") == 0)
		p->rx_stamp = RX_STAMP_CAPTURE; // fills the field without being asked
	else if (p->profile.rx_offloads.value & RX_OFFLOAD_TIMESTAMP)
		p->rx_stamp = RX_STAMP_DEVICE;
	else
		return 0; // the profile leaves them off, and says why
	if (rte_mbuf_dyn_rx_timestamp_register(&p->stamp.offset, &p->stamp.flag) != 0)
		why = "buffers have no room for them";
	if (why == NULL && p->rx_stamp == RX_STAMP_DEVICE && first_clock(g, port_idx) != 0)
		why = "the device's clock cannot be read";
	if (why != NULL) {
		p->rx_stamp = RX_STAMP_NONE;
		p->stamp = (struct port_stamp){ 0 };
		return err_set(
			e, -EIO,
			"ports '%s': profile %s asks for the device's receive times: %s; copy "
			"the profile without hardware_timestamps %s",
			g->config->ports[port_idx].name, g->config->ports[port_idx].profile, why,
			fault_tag(FAULT_PORT_STAMPS));
	}
	p->stamp.plausible_ns = STAMP_PLAUSIBLE_NS;
	if (p->rx_stamp == RX_STAMP_CAPTURE) {
		p->stamp.plausible_ns = UINT64_MAX; // of any day
		p->stamp.clock = (struct clock_map){ .ns_per_2_32_cycles = 1000ULL << 32 };
	}
	return 0;
}

int
port_choose_tx_stamps(struct gateway *g, uint32_t port_idx, struct err *e)
{
	struct gateway_port *p = &g->port[port_idx];
	struct timespec t;

	p->tx_stamps = false;
	if (!p->profile.transmit_timestamps.value)
		return 0;
	if (rte_eth_timesync_enable(p->port_id) != 0 ||
	    rte_eth_timesync_read_time(p->port_id, &t) != 0)
		return err_set(e, -EIO,
			       "ports '%s': profile %s asks for the device's transmit times: it "
			       "has none, or its clock cannot be read; copy the profile without "
			       "transmit_timestamps %s",
			       g->config->ports[port_idx].name, g->config->ports[port_idx].profile,
			       fault_tag(FAULT_PORT_STAMPS));
	p->tx_stamps = true;
	return 0;
}

/* Whether it is worth asking the NIC: another lane owns the connection, and the profile says it
 * can. */
static bool
wants_steering(const struct gateway *g, uint32_t port_idx)
{
	return g->map->port_host_lane[port_idx] != g->map->port_rx_lane[port_idx] &&
	       g->port[port_idx].profile.flow_steering.value != STEERING_NO;
}

static int
port_start(struct gateway *g, uint32_t port_idx, struct err *e)
{
	const struct config_port *c = &g->config->ports[port_idx];
	struct gateway_port *p = &g->port[port_idx];
	const struct profile *profile = &p->profile;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct port_want want;
	uint16_t rx_desc, tx_desc;
	char name[128];
	int rc;

	device_name(c->device, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, &p->port_id) != 0)
		return err_set(e, -ENODEV,
			       "ports '%s': device '%s': DPDK has no port of that name; is the "
			       "driver's package (librte-net-*) installed, and the --vdev name "
			       "right? %s",
			       c->name, name, fault_tag(FAULT_PORT_NO_DRIVER));
	rc = rte_eth_dev_info_get(p->port_id, &info);
	if (rc != 0)
		return err_set(e, rc, "ports '%s': device '%s' does not answer: %s", c->name, name,
			       rte_strerror(-rc));
	snprintf(p->driver, sizeof(p->driver), "%s", info.driver_name);
	p->if_index = info.if_index;
	p->steers = wants_steering(g, port_idx) && (info.max_rx_queues >= 2 || must_steer(p));
	p->rx_queue_cnt = p->steers ? 2 : 1;
	p->tx_queue_cnt = 1; // of the lane that owns the port's host
	want = (struct port_want){
		.port = c,
		.profile = profile,
		.rx_queue_cnt = p->rx_queue_cnt,
		.tx_queue_cnt = p->tx_queue_cnt,
		.rx_desc =
			c->rx_descriptors != 0 ? c->rx_descriptors : profile->rx_descriptors.value,
		.tx_desc =
			c->tx_descriptors != 0 ? c->tx_descriptors : profile->tx_descriptors.value,
		.interface_mtu = interface_mtu(info.if_index),
	};
	rc = port_fit_check(&want, &info, e);
	if (rc != 0)
		return rc;
	conf.rxmode.offloads = port_rx_offloads(profile->rx_offloads.value);
	conf.txmode.offloads = port_tx_offloads(profile->tx_offloads.value);
	p->csum_offload =
		(conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_CHECKSUM) == RTE_ETH_RX_OFFLOAD_CHECKSUM;
	rc = rte_eth_dev_configure(p->port_id, p->rx_queue_cnt, p->tx_queue_cnt, &conf);
	if (rc != 0)
		return err_set(e, rc, "ports '%s': %u receive queues cannot be configured: %s",
			       c->name, p->rx_queue_cnt, rte_strerror(-rc));

	rx_desc = (uint16_t)want.rx_desc;
	tx_desc = (uint16_t)want.tx_desc;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->port_id, &rx_desc, &tx_desc);
	if (rc != 0)
		return err_set(e, rc, "ports '%s': descriptors: %s", c->name, rte_strerror(-rc));

	p->rx_desc = rx_desc;
	p->mbuf_cnt = buf_cnt(g, port_idx, rx_desc, tx_desc);
	snprintf(name, sizeof(name), "sluice_%s", c->name);
	p->pool = buf_pool_create(name, p->mbuf_cnt, BUF_CACHE_CNT,
				  (uint16_t)profile->mbuf_data_bytes.value,
				  rte_eth_dev_socket_id(p->port_id));
	if (p->pool == NULL)
		return err_set(e, -ENOMEM,
			       "ports '%s': no memory for %u buffers of %u bytes (%s); raise "
			       "hugepages.memory_mb or lower reorder_packets, ring_slots or the "
			       "descriptors",
			       c->name, p->mbuf_cnt, profile->mbuf_data_bytes.value,
			       rte_strerror(rte_errno));
	for (uint16_t q = 0; q < p->rx_queue_cnt; q++) {
		rc = rte_eth_rx_queue_setup(p->port_id, q, rx_desc,
					    (unsigned)rte_eth_dev_socket_id(p->port_id), NULL,
					    p->pool);
		if (rc != 0)
			return err_set(e, rc, "ports '%s': receive queue %u: %s", c->name, q,
				       rte_strerror(-rc));
	}
	rc = rte_eth_tx_queue_setup(p->port_id, 0, tx_desc,
				    (unsigned)rte_eth_dev_socket_id(p->port_id), NULL);
	if (rc != 0)
		return err_set(e, rc, "ports '%s': transmit queue: %s", c->name, rte_strerror(-rc));

	if (c->mtu_bytes != 0 && c->mtu_bytes != RTE_ETHER_MTU) {
		rc = rte_eth_dev_set_mtu(p->port_id, (uint16_t)c->mtu_bytes);
		if (rc != 0)
			return err_set(e, rc, "ports '%s': mtu_bytes: the device refuses %u: %s",
				       c->name, c->mtu_bytes, rte_strerror(-rc));
	}
	if (c->mac.is_set) {
		memcpy(mac.addr_bytes, c->mac.byte, sizeof(c->mac.byte));
		rc = rte_eth_dev_default_mac_addr_set(p->port_id, &mac);
		if (rc != 0 && rc != -ENOTSUP)
			return err_set(e, rc, "ports '%s': mac: the device refuses it: %s", c->name,
				       rte_strerror(-rc));
	} else {
		rc = rte_eth_macaddr_get(p->port_id, &mac);
		if (rc != 0)
			return err_set(e, rc, "ports '%s': the device has no address; set mac",
				       c->name);
	}
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));

	rc = rte_eth_dev_start(p->port_id);
	if (rc != 0)
		return err_set(e, rc, "ports '%s': the device does not start: %s", c->name,
			       rte_strerror(-rc));
	p->started = true;
	rc = port_choose_stamps(g, port_idx, e);
	if (rc == 0)
		rc = port_choose_tx_stamps(g, port_idx, e);
	if (rc != 0)
		return rc;
	rc = p->steers ? steer_port(g, port_idx, e) : 0;
	if (rc == 0)
		set_multicast(g, port_idx);
	return rc;
}

int
ports_start(struct gateway *g, struct err *e)
{
	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		if (g->map->port_rx_lane[i] == LANE_MAX)
			continue; // nobody uses it: core_map said so
		const int rc = port_start(g, i, e);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void
ports_stop(struct gateway *g)
{
	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		struct gateway_port *p = &g->port[i];

		if (!p->started)
			continue;
		rte_eth_dev_stop(p->port_id);
		rte_eth_dev_close(p->port_id);
		p->started = false;
	}
}

/*
 * Whether the kernel's interface has a carrier.  An interface that is gone has none.  When the
 * kernel cannot be asked, the driver's word stands.
 */
static bool
interface_runs(uint32_t if_index)
{
	struct ifreq r = { .ifr_ifindex = (int)if_index };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool runs;

	if (fd < 0)
		return true;
	runs = ioctl(fd, SIOCGIFNAME, &r) == 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 &&
	       (r.ifr_flags & IFF_UP) != 0 && (r.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return runs;
}

/* Drivers of kernel interfaces say that the link is up whatever happens: there the kernel knows. */
static int
link_of(const struct gateway_port *p, struct rte_eth_link *link)
{
	const int rc = rte_eth_link_get_nowait(p->port_id, link);

	if (rc == 0 && p->if_index != 0 && !interface_runs(p->if_index))
		link->link_status = 0;
	return rc;
}

uint32_t
ports_link_changed(struct gateway *g)
{
	uint32_t changed = 0;

	for (uint32_t i = 0; i < g->config->ports_cnt; i++) {
		struct gateway_port *p = &g->port[i];
		struct rte_eth_link link;

		if (!p->started || link_of(p, &link) != 0)
			continue;
		if ((link.link_status != 0) != p->link_up) {
			p->link_up = link.link_status != 0;
			changed |= 1U << i;
		}
	}
	return changed;
}

int
port_counters_get(const struct gateway *g, uint32_t port_idx, struct port_counters *out)
{
	const struct gateway_port *p = &g->port[port_idx];
	struct rte_eth_stats stats;
	struct rte_eth_link link;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!p->started)
		return -ENODEV;
	rc = rte_eth_stats_get(p->port_id, &stats);
	if (rc != 0)
		return rc;
	out->rx_packets = stats.ipackets;
	out->tx_packets = stats.opackets;
	out->rx_bytes = stats.ibytes;
	out->tx_bytes = stats.obytes;
	out->rx_missed = stats.imissed;
	out->rx_errors = stats.ierrors;
	out->rx_nombuf = stats.rx_nombuf;
	out->tx_errors = stats.oerrors;
	out->buf_free = rte_mempool_avail_count(p->pool);
	if (link_of(p, &link) == 0) {
		out->link_up = link.link_status != 0;
		out->link_mbps = link.link_speed == UINT32_MAX ? 0 : link.link_speed;
	}
	return 0;
}
