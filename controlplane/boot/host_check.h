/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_HOST_CHECK_H
#define SLUICE_BOOT_HOST_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/profile.h"
#include "core_map/core_map.h"

/*
 * What the kernel shows of this machine, looked at before DPDK is asked for anything, so that what
 * is wrong has a name and a way out.  Reads files below root only and changes nothing; knows no
 * DPDK.  Messages end with their number of err/faults.def.
 */
struct host_view {
	const char *root; // "": this machine; a test gives a folder with sys, proc and dev in it
	bool is_root;     // user 0
	uint64_t caps;    // effective capabilities, a bit each
	uint64_t memlock_bytes; // RLIMIT_MEMLOCK; UINT64_MAX: no limit
};

/* This machine and this process. */
void host_view_open(struct host_view *v);

/*
 * Cores of the core map that are offline (a fault), and those other tasks may run on (a warning).
 *
 * Returns  0, or -EINVAL with one line per fault added to *e
 */
int host_check_cores(const struct host_view *v, const struct config *c, const struct core_map *m,
		     struct err *e, struct err *warnings);

/* Whether times can be trusted.  A fault for a live venue, else a warning. */
int host_check_tsc(const struct host_view *v, const struct config *c, struct err *e,
		   struct err *warnings);

/* Root, or the capabilities and the locked memory that the ports need. */
int host_check_rights(const struct host_view *v, const struct config *c, struct err *e);

/* A PCI device: there, bound to a driver the profile can work with, ours to open, and free. */
int host_check_pci(const struct host_view *v, const struct config_port *p,
		   const struct profile *profile, struct err *e);

/* Whether a port's device is a PCI address; NULL or where to put it as 0000:00:00.0. */
bool host_pci_address(const char *device, char out[32]);

/*
 * 2 MiB pages: free, mounted where we may write, on the nodes of the lanes.
 *
 * Returns  0 with the mount in mount, or a negative errno with what is missing in *e
 */
int host_check_huge(const struct host_view *v, const struct config *c, const struct core_map *m,
		    char *mount, size_t mount_bytes, struct err *e);

#endif
