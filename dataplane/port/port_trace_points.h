/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PORT_PORT_TRACE_POINTS_H
#define SLUICE_PORT_PORT_TRACE_POINTS_H

#include <rte_trace_point.h>

/*
 * The points themselves, as DPDK wants them: included by the file that registers them and by the
 * one that writes them, which see different meanings of these macros.
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
