/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_MEASURE_H
#define SLUICE_CTL_CTL_MEASURE_H

#include <stdio.h>

#include "ctl/ctl_commands.h"
#include "err/err.h"

/* What the gateway measures of itself.  NULL with the words in *e. */
json_t *ctl_latency(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_latency_export(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_outliers(const struct state_source *s, const json_t *args, struct err *e);

/* As people read them (ctl_show_measure.c). */
void ctl_show_latency(FILE *out, const json_t *r);
void ctl_show_outliers(FILE *out, const json_t *r);

#endif
