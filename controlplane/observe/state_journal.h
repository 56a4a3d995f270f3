/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_JOURNAL_H
#define SLUICE_OBSERVE_STATE_JOURNAL_H

#include "observe/state.h"

struct gateway;

/* Whether its disk refuses records or has not taken any for a second. */
bool state_journal_failing(const struct gateway *g);

/* What the audit journal counts, its lanes' ends included; nothing when there is none. */
void state_journal_metrics(const struct gateway *g, state_metric_fn *fn, void *arg);

#endif
