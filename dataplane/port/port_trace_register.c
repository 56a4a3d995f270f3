/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_trace_point_register.h>

#include "port/port_trace_points.h"

RTE_TRACE_POINT_REGISTER(port_trace_datagram, sluice.hop.datagram)
RTE_TRACE_POINT_REGISTER(port_trace_bbo, sluice.hop.bbo)
RTE_TRACE_POINT_REGISTER(port_trace_intent, sluice.hop.intent)
RTE_TRACE_POINT_REGISTER(port_trace_order, sluice.hop.order)
RTE_TRACE_POINT_REGISTER(port_trace_sent, sluice.hop.sent)
