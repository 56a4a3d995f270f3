/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_SHOW_H
#define SLUICE_CTL_CTL_SHOW_H

#include <stdio.h>

#include "ctl/ctl_commands.h"

/* Writes a command's result as people read it: aligned tables, units in the headings. */
void ctl_show(FILE *out, enum ctl_command command, const json_t *result);

void ctl_show_manifest(FILE *out, const json_t *list);

#endif
