/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_FEED_H
#define SLUICE_OBSERVE_STATE_FEED_H

#include "observe/state.h"

/* Feeds of the running gateway, for state_gateway_source; ctx is the gateway. */
int state_feed_rows(void *ctx, struct state_feed *row, size_t row_max);
int state_feed_recover(void *ctx, const char *name, struct err *e);

#endif
