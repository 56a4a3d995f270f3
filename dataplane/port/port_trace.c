/* SPDX-License-Identifier: Apache-2.0 */
#include "port/port_trace.h"

#include "port/port_trace_points.h"

static_assert(__RTE_TRACE_FIELD_ENABLE_MASK == 1ULL << 63, "PORT_TRACE looks at the highest bit");

void
port_trace_put_datagram(uint16_t feed_idx, uint64_t seq, uint64_t rx_tsc)
{
	port_trace_datagram(feed_idx, seq, rx_tsc);
}

void
port_trace_put_bbo(uint16_t instr_idx, uint32_t feed_seq, uint64_t rx_tsc)
{
	port_trace_bbo(instr_idx, feed_seq, rx_tsc);
}

void
port_trace_put_intent(uint16_t instr_idx, uint8_t strategy_idx, uint32_t intent_id, uint64_t rx_tsc)
{
	port_trace_intent(instr_idx, strategy_idx, intent_id, rx_tsc);
}

void
port_trace_put_order(uint16_t instr_idx, uint8_t session_idx, uint32_t intent_id, uint64_t rx_tsc)
{
	port_trace_order(instr_idx, session_idx, intent_id, rx_tsc);
}

void
port_trace_put_sent(uint8_t session_idx, uint32_t token, uint64_t rx_tsc, uint64_t tx_tsc)
{
	port_trace_sent(session_idx, token, rx_tsc, tx_tsc);
}
