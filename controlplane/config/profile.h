/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_PROFILE_H
#define SLUICE_CONFIG_PROFILE_H

#include "config/config.h"

/*
 * What a poll-mode driver needs and can do: pmd_config/<name>.yaml.  Every value comes with its
 * reason.  Written by profile_load, read by the control plane.
 */
enum profile_bus {
	PROFILE_PCI,
	PROFILE_VDEV,
};

enum profile_steering {
	STEERING_NO,
	STEERING_LIMITED, // some patterns only; the port says at start which it took
	STEERING_YES,
};

enum profile_multicast {
	MULTICAST_MAC_LIST,
	MULTICAST_ALLMULTI,
	MULTICAST_PROMISCUOUS,
	MULTICAST_NONE, // the device delivers all it gets
};

enum profile_link {
	LINK_NONE, // always up
	LINK_POLLED,
	LINK_INTERRUPT,
};

/* Positions of the words in profile.def. */
enum profile_rx_offload {
	RX_OFFLOAD_IPV4_CKSUM = 1 << 0,
	RX_OFFLOAD_UDP_CKSUM = 1 << 1,
	RX_OFFLOAD_TCP_CKSUM = 1 << 2,
	RX_OFFLOAD_VLAN_STRIP = 1 << 3,
	RX_OFFLOAD_TIMESTAMP = 1 << 4,
};

enum profile_tx_offload {
	TX_OFFLOAD_IPV4_CKSUM = 1 << 0,
	TX_OFFLOAD_UDP_CKSUM = 1 << 1,
	TX_OFFLOAD_TCP_CKSUM = 1 << 2,
	TX_OFFLOAD_VLAN_INSERT = 1 << 3,
	TX_OFFLOAD_MBUF_FAST_FREE = 1 << 4,
};

#define WHY char why[512]

struct profile {
	char description[256];
	struct {
		char value[32];
		WHY;
	} driver; // DPDK's name of the PMD
	struct {
		enum profile_bus value;
		WHY;
	} bus; // pci: the port's device is an address; vdev: the device is the --vdev argument
	struct {
		char value[32];
		WHY;
	} kernel_driver; // vfio-pci, bifurcated:<module>, none
	struct {
		char value[256];
		WHY;
	} devargs; // appended to the port's device
	struct {
		uint32_t value;
		WHY;
	} rx_descriptors, tx_descriptors, rx_queues_max, tx_queues_max, burst, mbuf_data_bytes;
	struct {
		uint32_t value; // enum profile_rx_offload bits
		WHY;
	} rx_offloads;
	struct {
		uint32_t value; // enum profile_tx_offload bits
		WHY;
	} tx_offloads;
	struct {
		enum profile_steering value;
		WHY;
	} flow_steering;
	struct {
		bool value;
		WHY;
	} hardware_timestamps;
	struct {
		bool value;
		WHY;
	} transmit_timestamps;
	struct {
		enum profile_multicast value;
		WHY;
	} multicast_filter;
	struct {
		enum profile_link value;
		WHY;
	} link_events;
};

#undef WHY

/*
 * Reads dir/<name>.yaml.  An empty dir stands for the pmd_config folder found above the running
 * program, or share/sluice/pmd_config beside its bin folder.
 *
 * Returns  0, or a negative errno with the words in *e
 */
int profile_load(struct profile *p, const char *dir, const char *name, struct err *e);

int profile_load_text(struct profile *p, const char *name, const char *text, size_t text_len,
		      struct err *e);

#endif
