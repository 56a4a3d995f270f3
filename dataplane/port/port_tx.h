/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_TX_H
#define SLUICE_PORT_PORT_TX_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/metric.h"
#include "port/port_buf.h"

struct port_tx_stamp;

/* Frames a lane hands to a port in one call. */
enum {
	PORT_TX_BURST_MAX = 32,
	PORT_TX_NEAR_BYTES = 2 * CACHE_LINE, // of a frame: an order with its headers fits
};

struct port_tx_metrics {
	uint64_t frame_sent;
	uint64_t frame_dropped; // the queue was full: TCP will send again, ARP and IGMP repeat
	uint64_t buf_missing;   // the pool was empty
};

/*
 * One transmit queue of a port, used by exactly one lane.  A buffer is always kept ready, so that
 * an order does not wait for the pool.
 */
struct port_tx {
	uint16_t port_id;
	uint16_t queue_id;
	uint16_t pending_cnt;
	uint16_t frame_len_max;
	struct rte_mempool *pool;
	struct rte_mbuf *ready;      // allocated, not yet given out
	struct port_tx_stamp *stamp; // NULL: the device stamps nothing that leaves
	struct port_tx_metrics metrics;
	struct rte_mbuf *pending[PORT_TX_BURST_MAX]; // the first ones in the line of the others
};

/*
 * Room for one frame of frame_len_max bytes; NULL when the pool is empty or the burst is full.  The
 * same room is given again until port_tx_add takes it.
 */
HOT_INLINE uint8_t *
port_tx_room(struct port_tx *q)
{
	if (unlikely(q->pending_cnt == PORT_TX_BURST_MAX))
		return NULL;
	if (unlikely(q->ready == NULL)) {
		q->ready = port_buf_alloc(q->pool);
		if (unlikely(q->ready == NULL)) {
			metric_add(&q->metrics.buf_missing, 1);
			return NULL;
		}
	}
	return rte_pktmbuf_mtod(q->ready, uint8_t *);
}

/* The frame written at port_tx_room's answer goes out with the next flush. */
HOT_INLINE void
port_tx_add(struct port_tx *q, uint16_t frame_len)
{
	struct rte_mbuf *m = q->ready;

	m->data_len = frame_len;
	m->pkt_len = frame_len;
	q->pending[q->pending_cnt++] = m;
	q->ready = NULL;
}

/* One call to the driver for everything added; what it does not take is dropped and counted. */
HOT_INLINE uint16_t
port_tx_flush(struct port_tx *q)
{
	const uint16_t cnt = q->pending_cnt;
	uint16_t sent;

	if (cnt == 0)
		return 0;
	for (uint16_t i = 0; i < cnt; i++)
		ORDERED_RELEASES(q->pending[i]);
	sent = rte_eth_tx_burst(q->port_id, q->queue_id, q->pending, cnt);
	q->pending_cnt = 0;
	metric_add(&q->metrics.frame_sent, sent);
	if (unlikely(sent < cnt)) {
		metric_add(&q->metrics.frame_dropped, (uint64_t)(cnt - sent));
		for (uint16_t i = sent; i < cnt; i++)
			port_buf_free(q->pending[i]);
	}
	return sent;
}

/*
 * The driver's transmit function is called with nothing to send: its code and queue come near. With
 * a buffer to look at all the same: memif of later DPDK versions reads the first one's pool before
 * it counts.
 */
HOT_INLINE void
port_tx_touch(const struct port_tx *q)
{
	struct rte_mbuf *first = q->ready;

	if (likely(first != NULL))
		rte_eth_tx_burst(q->port_id, q->queue_id, &first, 0);
}

/* A buffer for the next frame comes near.  After a flush, off the order's way. */
HOT_INLINE void
port_tx_prepare(struct port_tx *q)
{
	if (q->ready == NULL)
		q->ready = port_buf_alloc(q->pool);
	if (likely(q->ready != NULL))
		for (uint32_t at = 0; at < PORT_TX_NEAR_BYTES; at += CACHE_LINE)
			__builtin_prefetch(rte_pktmbuf_mtod_offset(q->ready, void *, at), 1);
}

#endif
