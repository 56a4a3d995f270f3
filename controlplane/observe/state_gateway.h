/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_GATEWAY_H
#define SLUICE_OBSERVE_STATE_GATEWAY_H

#include "observe/state.h"

struct gateway;

/*
 * The running gateway as a source of snapshots.  Counters are read while lanes run; what only its
 * lane may read is asked for by command.  A lane that has ended is not asked.
 *
 * g must outlive *out.  Functions may be called as soon as there is a configuration; what was not
 * started yet reads as empty.
 */
void state_gateway_source(struct gateway *g, struct state_source *out);

/* Whether no session has a connection any more.  Thread: control plane. */
bool state_gateway_sessions_closed(struct gateway *g);

#endif
