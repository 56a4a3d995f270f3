/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_ORDERS_H
#define SLUICE_CTL_CTL_ORDERS_H

#include <jansson.h>

#include "observe/state.h"

/* What an operator asks of a venue.  NULL with the words in *e. */
json_t *ctl_ask_venue(const struct state_source *s, const json_t *args, enum state_ask ask,
		      struct err *e);
json_t *ctl_cancel(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_settle(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_modify(const struct state_source *s, const json_t *args, struct err *e);

#endif
