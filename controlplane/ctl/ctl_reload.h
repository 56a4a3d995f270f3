/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_RELOAD_H
#define SLUICE_CTL_CTL_RELOAD_H

#include "ctl/ctl_commands.h"

/* The commands about the configuration's file and the log's: as ctl_execute does them. */
json_t *ctl_reload(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_log_reopen(const struct state_source *s, const json_t *args, struct err *e);

void ctl_show_reload(FILE *out, const json_t *result);

#endif
