/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_RISK_H
#define SLUICE_CTL_CTL_RISK_H

#include <jansson.h>

#include "observe/state.h"

/* Positions and limits on the control socket.  NULL with the words in *e. */
#define CTL_RISK_COMMAND(name) \
	json_t *ctl_##name(const struct state_source *s, const json_t *args, struct err *e)
CTL_RISK_COMMAND(positions);
CTL_RISK_COMMAND(risk);
CTL_RISK_COMMAND(limits_get);
CTL_RISK_COMMAND(limits_set);
CTL_RISK_COMMAND(limits_enable);
CTL_RISK_COMMAND(limits_restrict);
CTL_RISK_COMMAND(limits_release);
CTL_RISK_COMMAND(limits_locate);
CTL_RISK_COMMAND(limits_forget);
#undef CTL_RISK_COMMAND

#endif
