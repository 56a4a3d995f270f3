/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_TRACE_H
#define SLUICE_PORT_PORT_TRACE_H

#include "base/ordered.h"

/*
 * DPDK's trace points at the hops: sluice.hop.datagram, .bbo, .intent, .order, and sluice.hop.sent
 * when tx_burst has returned.  Off, each is a load, a test and a branch that is not taken
 * (perf/bench_measure.c); on (EAL's --trace=sluice.*, in eal.extra_args) each writes its arguments
 * and the time into a buffer of the lane's, which EAL saves at the end for babeltrace2.
 */
extern uint64_t __port_trace_datagram; // rte_trace_point_t: the highest bit says that it is on
extern uint64_t __port_trace_bbo;
extern uint64_t __port_trace_intent;
extern uint64_t __port_trace_order;
extern uint64_t __port_trace_sent;

/* Arguments are looked at only when the point is on.  Thread: a lane's. */
#define PORT_TRACE(point, ...)                                                      \
	do {                                                                        \
		if (unlikely((int64_t)load_relaxed_u64(&__port_trace_##point) < 0)) \
			port_trace_put_##point(__VA_ARGS__);                        \
	} while (0)

COLD void port_trace_put_datagram(uint16_t feed_idx, uint64_t seq, uint64_t rx_tsc);
COLD void port_trace_put_bbo(uint16_t instr_idx, uint32_t feed_seq, uint64_t rx_tsc);
COLD void port_trace_put_intent(uint16_t instr_idx, uint8_t strategy_idx, uint32_t intent_id,
				uint64_t rx_tsc);
COLD void port_trace_put_order(uint16_t instr_idx, uint8_t session_idx, uint32_t intent_id,
			       uint64_t rx_tsc);
COLD void port_trace_put_sent(uint8_t session_idx, uint32_t token, uint64_t rx_tsc,
			      uint64_t tx_tsc);

#endif
