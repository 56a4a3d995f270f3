/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_NO_TRACE_H
#define SLUICE_PERF_NO_TRACE_H

#include "port/port_trace.h"

/* Included before turn.c to make a lane without trace points: what they cost while they are off. */
#undef PORT_TRACE
#define PORT_TRACE(point, ...) ((void)0)

#endif
