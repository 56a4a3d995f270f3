/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_TX_STAMP_H
#define SLUICE_PORT_PORT_TX_STAMP_H

#include <time.h>

#include "base/clock.h"
#include "port/port_tx.h"

/*
 * When a frame left, as the device says.  DPDK 22.11 has no stamp in the completion of a frame:
 * what there is came with IEEE 1588.  One frame is flagged, and later a register is asked for its
 * stamp, by the device's own clock.  So it is a sample: one order at a time is followed, and the
 * register is read in housekeeping.
 *
 * The device's clock is read right behind the stamp, between two readings of ours.  How long ago
 * the frame left is then a difference of the device's clock over some microseconds, and whatever
 * rate or epoch that clock has does not matter.
 */
enum {
	PORT_TX_STAMP_READINGS = 4, // of the device's clock; the shortest counts
};

struct port_tx_stamp {
	uint32_t every; // orders, from one that is followed to the next; 0: none is
	uint32_t left;
	uint64_t asked_tsc;    // of the turn that flagged the frame; 0: none is underway
	uint64_t rx_tsc;       // of the order's trigger
	uint64_t rx_ns;        // the same by the device that received it
	uint64_t doubt_max_ns; // half of the longest reading that counted: as good are the times
};

/* A frame's moment by our clock. */
struct port_tx_left {
	uint64_t tsc;    // when the device's clock was read, in the middle
	uint64_t ago_ns; // how long before that the frame had left
	uint64_t cycles; // that the reading took
};

/* Flags the frame that was added last. */
static inline void
port_tx_stamp_flag(struct port_tx *q)
{
	q->pending[q->pending_cnt - 1]->ol_flags |= RTE_MBUF_F_TX_IEEE1588_TMST;
}

static inline uint64_t
port_tx_stamp_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

/* False: the device has no stamp yet, or its clock cannot be read.  Thread: the queue's lane. */
static inline bool
port_tx_stamp_read(const struct port_tx *q, struct port_tx_left *out)
{
	struct timespec left, now;

	if (rte_eth_timesync_read_tx_timestamp(q->port_id, &left) != 0)
		return false;
	*out = (struct port_tx_left){ .cycles = UINT64_MAX };
	for (unsigned i = 0; i < PORT_TX_STAMP_READINGS; i++) {
		const uint64_t before = clock_tsc();
		uint64_t cycles;

		if (rte_eth_timesync_read_time(q->port_id, &now) != 0)
			return false;
		cycles = clock_tsc() - before;
		if (cycles >= out->cycles)
			continue;
		out->cycles = cycles;
		out->tsc = before + cycles / 2;
		out->ago_ns = port_tx_stamp_ns(&now) - port_tx_stamp_ns(&left);
	}
	return true;
}

#endif
