/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANE_HOUSEKEEPING_H
#define SLUICE_LANE_HOUSEKEEPING_H

#include "lane/lane.h"

/*
 * The lane came round: what the clock says now, against what it said last.  Costs a compare; a gap
 * is rare.
 */
HOT_INLINE void
lane_came_round(struct lane *l, uint64_t now_tsc)
{
	const uint64_t seen_tsc = l->slow.seen_tsc;

	l->slow.seen_tsc = now_tsc;
	if (unlikely(now_tsc - seen_tsc > l->slow.stall_limit_cycles))
		slow_gap(l, seen_tsc, now_tsc);
	l->slow.seen_taken_cnt = l->metrics.message_taken;
}

/* Histograms hold cycles; some times come in nanoseconds. */
HOT_INLINE uint64_t
lane_ns_to_cycles(const struct lane *l, uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns * l->cycles_per_2_32_ns) >> 32);
}

/* A measured time into its histogram, if it can be one. */
HOT_INLINE void
record_time(struct lane *l, struct hist *h, uint64_t cycles)
{
	if (unlikely(cycles >> HIST_MAX_BITS)) {
		slow_odd_time(l, cycles);
		if ((int64_t)cycles < 0)
			return;
	}
	hist_record(h, cycles);
}

/* The clock said tsc. */
HOT_INLINE void
lane_clock_at(struct lane *l, uint64_t tsc)
{
	l->now_tsc = tsc;
	lane_came_round(l, tsc);
	l->now_ns = clock_ns_of(&l->clock, tsc);
	event_sink_turn(&l->events, tsc);
}

/* Reads the clock.  A lane does so at most twice a turn: after a burst arrived and after one was
 * sent. */
HOT_INLINE void
lane_clock(struct lane *l)
{
	lane_clock_at(l, clock_tsc());
}

/*
 * Now and then: reads the clock, lets timers run out, answers a command, counts turns.  What it
 * starts is carried out by the following turns.
 *
 * Thread   the lane, between two turns
 */
COLD void lane_housekeeping(struct lane *l);

/*
 * A frame for a port's own address.  ARP, ICMP and IGMP are dealt with; a TCP segment is given to
 * its session.
 *
 * Returns  the session that has something to read now, or NULL
 */
struct session *lane_host_frame(struct lane *l, uint8_t port_idx, const uint8_t *data, uint16_t len,
				bool csum_ok);

/*
 * A datagram of arb while its feed recovers, or with flags: true when it was taken.  The next
 * recovered datagram of a feed.  A server's answer: true when *out goes on with the frame's buffer.
 */
bool lane_recovery_takes(struct lane *l, struct datagram *d);
bool lane_recovery_next(struct lane *l, uint32_t feed_idx, struct datagram *out);
bool lane_recovery_answer(struct lane *l, const struct frame *f, struct datagram *out);

/* Frames that the lane's ports and connections have to send by themselves. */
void lane_net_emit(struct lane *l);

#endif
