/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/buf_pool.h"

#include <rte_mbuf.h>

#include "base/ordered.h"

enum {
	PAGE_BYTES = 4096, // the smallest there are
};

static void
touch(struct rte_mempool *pool, void *arg, struct rte_mempool_memhdr *memory, unsigned idx)
{
	for (size_t at = 0; at + sizeof(uint64_t) <= memory->len; at += PAGE_BYTES) {
		uint64_t *p = (uint64_t *)((uint8_t *)memory->addr + at);

		store_relaxed_u64(p, load_relaxed_u64(p)); // what is there stays
	}
}

struct rte_mempool *
buf_pool_create(const char *name, uint32_t buf_cnt, uint32_t cache_cnt, uint16_t data_bytes,
		int socket)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create(name, buf_cnt, cache_cnt, 0, data_bytes, socket);

	if (pool != NULL)
		rte_mempool_mem_iter(pool, touch, NULL);
	return pool;
}
