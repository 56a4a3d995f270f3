/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_CONFIG_DOC_H
#define SLUICE_CONFIG_CONFIG_DOC_H

#include <stdio.h>

/*
 * What the table of keys tells people: the reference in Markdown, and a commented file to start
 * from.  REFERENCE.md and sluice.sample.yaml beside this file are their output.
 *
 * Returns  0, or -EIO
 */
int config_doc_reference(FILE *out);
int config_doc_sample(FILE *out);

#endif
