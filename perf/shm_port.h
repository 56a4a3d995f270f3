/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_SHM_PORT_H
#define SLUICE_PERF_SHM_PORT_H

#include <stdbool.h>

#include <rte_mbuf.h>

/*
 * Ports of shared memory (memif) between two processes of a bench.  Each ends the process with
 * words when it cannot.
 */

/* DPDK on ordinary pages, on one core; each vdev has one %s for the folder of the sockets. */
void shm_start_eal(const char *folder, unsigned core, const char *const vdev[], unsigned vdev_cnt);

struct rte_mempool *shm_make_pool(void);
void shm_start_port(uint16_t id, struct rte_mempool *pool);
bool shm_link_is_up(uint16_t id);

/* A client's port does not start before the server's has made its socket. */
void shm_wait_for_socket(const char *folder, const char *name);

#endif
