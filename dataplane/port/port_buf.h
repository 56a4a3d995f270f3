/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_BUF_H
#define SLUICE_PORT_PORT_BUF_H

#include <rte_mbuf.h>

#include "base/ordered.h"

/*
 * Buffers change hands inside DPDK: a pool, a driver's queue.  DPDK is built without
 * ThreadSanitizer, so each place where a buffer comes out of it or goes into it says so; in other
 * builds these words are empty.
 */

/* An empty buffer of the pool; NULL when it has none. */
HOT_INLINE struct rte_mbuf *
port_buf_alloc(struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_mbuf_raw_alloc(pool);

	if (unlikely(m == NULL))
		return NULL;
	ORDERED_ACQUIRED(m);
	rte_pktmbuf_reset(m);
	return m;
}

/* One owner is done with it, the last one returns it to its pool. */
HOT_INLINE void
port_buf_free(void *buf)
{
	struct rte_mbuf *m = buf;

	do {
		struct rte_mbuf *next = m->next;

		m = rte_pktmbuf_prefree_seg(m);
		if (likely(m != NULL)) {
			ORDERED_RELEASES(m);
			rte_mbuf_raw_free(m);
		}
		m = next;
	} while (unlikely(m != NULL));
}

#endif
