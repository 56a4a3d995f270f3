/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_EVIDENCE_H
#define SLUICE_CTL_CTL_EVIDENCE_H

#include <stdio.h>

#include "ctl/ctl_commands.h"
#include "err/err.h"

/*
 * Everything the document needs, as the gateway has it now:
 *
 *   { "status": ..., "limits": ..., "breakers": ..., "kill": ..., "config": ..., "counters": {
 * name: value }, "events": ... }
 */
json_t *ctl_evidence(const struct state_source *s, const json_t *args, struct err *e);

/* The document, in Markdown, from that and evidence.def. */
void ctl_show_evidence(FILE *out, const json_t *r);

#endif
