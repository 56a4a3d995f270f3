/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_RX_H
#define SLUICE_PORT_PORT_RX_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "port/port_buf.h"

/*
 * When a frame arrived, as the device or the capture file says.  What counts is the flag in the
 * buffer: a port without stamps has flag 0.  The clock turns its ticks into nanoseconds since
 * 1970; the control plane measures it anew, COMMAND_CLOCK brings it, the lane keeps it here.
 */
struct port_stamp {
	uint64_t flag;  // in ol_flags: the buffer has a stamp; 0: never
	int32_t offset; // of the stamp in the buffer
	// how much older than the lane's clock a stamp may be; younger it is never
	uint64_t plausible_ns;
	struct clock_map clock; // base_tsc and cycles are the device's ticks
};

/* One receive queue of a port, polled by exactly one lane. */
struct port_rx {
	uint16_t port_id;
	uint16_t queue_id;
	bool csum_offload; // the NIC verifies checksums and says so in the buffer
	struct port_stamp stamp;
};

HOT_INLINE bool
port_buf_stamped(const struct port_rx *q, const void *buf)
{
	return (((const struct rte_mbuf *)buf)->ol_flags & q->stamp.flag) != 0;
}

/*
 * The stamp of a stamped buffer, in nanoseconds since 1970.  A stamp may lie before base_tsc: the
 * clock was measured since.
 */
HOT_INLINE uint64_t
port_buf_stamp_ns(const struct port_rx *q, const void *buf)
{
	const struct clock_map *c = &q->stamp.clock;
	const uint64_t ticks =
		*RTE_MBUF_DYNFIELD((const struct rte_mbuf *)buf, q->stamp.offset, const uint64_t *);

	if (ticks >= c->base_tsc)
		return clock_ns_of(c, ticks);
	return c->base_ns - clock_cycles_to_ns(c, c->base_tsc - ticks);
}

/* Takes up to max received buffers; they are the caller's from now on.  Thread: the queue's lane.
 */
HOT_INLINE uint16_t
port_rx_burst(const struct port_rx *q, void **buf, uint16_t max)
{
	const uint16_t cnt =
		rte_eth_rx_burst(q->port_id, q->queue_id, (struct rte_mbuf **)buf, max);

	for (uint16_t i = 0; i < cnt; i++)
		ORDERED_ACQUIRED(buf[i]);
	return cnt;
}

HOT_INLINE const uint8_t *
port_buf_data(const void *buf)
{
	return rte_pktmbuf_mtod((const struct rte_mbuf *)buf, const uint8_t *);
}

/*
 * Bytes at port_buf_data; 0 for a frame in several segments, which no port of ours is configured to
 * receive: an empty frame is dropped and counted by its first reader.
 */
HOT_INLINE uint16_t
port_buf_len(const void *buf)
{
	const struct rte_mbuf *m = buf;

	return likely(m->nb_segs == 1) ? m->data_len : 0;
}

/* Whether the NIC found the IPv4 and the UDP or TCP checksum right. */
HOT_INLINE bool
port_buf_csum_ok(const struct port_rx *q, const void *buf)
{
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	return q->csum_offload && (((const struct rte_mbuf *)buf)->ol_flags & good) == good;
}

HOT_INLINE void
port_buf_prefetch(const void *buf)
{
	__builtin_prefetch(rte_pktmbuf_mtod((const struct rte_mbuf *)buf, const void *));
}

/* One more owner of the buffer: each frees it once. */
HOT_INLINE void
port_buf_share(void *buf, int16_t owners_more)
{
	rte_mbuf_refcnt_update(buf, owners_more);
}

#endif
