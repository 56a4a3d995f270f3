/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_BUF_POOL_H
#define SLUICE_BOOT_BUF_POOL_H

#include <stdint.h>

struct rte_mempool;

/*
 * A pool of frame buffers, all of whose memory is there: without huge pages DPDK's memory comes
 * page by page when somebody first writes to it, which would be a lane.
 *
 * Returns  NULL when there is no memory; rte_errno
 */
struct rte_mempool *buf_pool_create(const char *name, uint32_t buf_cnt, uint32_t cache_cnt,
				    uint16_t data_bytes, int socket);

#endif
