/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_SHM_PORT_H
#define SLUICE_PERF_SHM_PORT_H

#include <stdbool.h>

#include <rte_mbuf.h>

/*
 * Ports of shared memory (memif) between two processes of a bench.  Each ends the process with
 * words when it cannot.
 */

/*
 * The folder goes when this process does, also when it is interrupted or killed, and with it what a
 * gateway of the bench left of DPDK's.  Call it before other processes are made.
 */
void shm_leave_nothing(const char *folder);

/* DPDK on ordinary pages, on one core; each vdev has one %s for the folder of the sockets. */
void shm_start_eal(const char *folder, unsigned core, const char *const vdev[], unsigned vdev_cnt);

struct rte_mempool *shm_make_pool(void);
void shm_start_port(uint16_t id, struct rte_mempool *pool);
bool shm_link_is_up(uint16_t id);

/*
 * Starts a client's port and waits until its server answers.  DPDK's memif asks once: a server that
 * has made its socket but not started its port turns the client away, and the port stays down for
 * ever.  So this one asks again.
 */
void shm_start_client(uint16_t id, struct rte_mempool *pool, const char *folder,
		      const char *socket);

#endif
