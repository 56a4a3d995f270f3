/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_ROOM_H
#define SLUICE_PORT_PORT_ROOM_H

#include "port/port_tx.h"

/*
 * An empty buffer of the port's pool, for messages that did not come in one: what is recovered goes
 * on in a buffer like what is received, because lanes that read it do so later.  *at is where they
 * are written.
 *
 * Returns  the buffer, which is the caller's; NULL when the pool is empty
 */
HOT_INLINE void *
port_room_take(struct port_tx *q, uint8_t **at, uint16_t *bytes)
{
	struct rte_mbuf *m = port_buf_alloc(q->pool);

	if (unlikely(m == NULL)) {
		metric_add(&q->metrics.buf_missing, 1);
		return NULL;
	}
	*at = rte_pktmbuf_mtod(m, uint8_t *);
	*bytes = rte_pktmbuf_tailroom(m);
	return m;
}

#endif
