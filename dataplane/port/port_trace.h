/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_TRACE_H
#define SLUICE_PORT_PORT_TRACE_H

#include <rte_trace_point.h>

/*
 * DPDK's trace points at the hops: sluice.hop.datagram, .bbo, .intent, .order, and sluice.hop.sent
 * when tx_burst has returned.  Off, each is a load and a branch that is not taken; on (EAL's
 * --trace=sluice.*, in eal.extra_args) each writes its arguments and the time into a buffer of the
 * lane's, which EAL saves at the end for babeltrace2.
 */
// clang-format off
RTE_TRACE_POINT(
	port_trace_datagram,
	RTE_TRACE_POINT_ARGS(uint16_t feed_idx, uint64_t seq, uint64_t rx_tsc),
	rte_trace_point_emit_u16(feed_idx);
	rte_trace_point_emit_u64(seq);
	rte_trace_point_emit_u64(rx_tsc);
)

RTE_TRACE_POINT(
	port_trace_bbo,
	RTE_TRACE_POINT_ARGS(uint16_t instr_idx, uint32_t feed_seq, uint64_t rx_tsc),
	rte_trace_point_emit_u16(instr_idx);
	rte_trace_point_emit_u32(feed_seq);
	rte_trace_point_emit_u64(rx_tsc);
)

RTE_TRACE_POINT(
	port_trace_intent,
	RTE_TRACE_POINT_ARGS(uint16_t instr_idx, uint8_t strategy_idx, uint32_t intent_id,
			     uint64_t rx_tsc),
	rte_trace_point_emit_u16(instr_idx);
	rte_trace_point_emit_u8(strategy_idx);
	rte_trace_point_emit_u32(intent_id);
	rte_trace_point_emit_u64(rx_tsc);
)

RTE_TRACE_POINT(
	port_trace_order,
	RTE_TRACE_POINT_ARGS(uint16_t instr_idx, uint8_t session_idx, uint32_t intent_id,
			     uint64_t rx_tsc),
	rte_trace_point_emit_u16(instr_idx);
	rte_trace_point_emit_u8(session_idx);
	rte_trace_point_emit_u32(intent_id);
	rte_trace_point_emit_u64(rx_tsc);
)

RTE_TRACE_POINT(
	port_trace_sent,
	RTE_TRACE_POINT_ARGS(uint8_t session_idx, uint32_t token, uint64_t rx_tsc, uint64_t tx_tsc),
	rte_trace_point_emit_u8(session_idx);
	rte_trace_point_emit_u32(token);
	rte_trace_point_emit_u64(rx_tsc);
	rte_trace_point_emit_u64(tx_tsc);
)
// clang-format on

#endif
