/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_MANIFEST_START_H
#define SLUICE_BOOT_MANIFEST_START_H

#include "boot/gateway.h"
#include "manifest/manifest.h"

/*
 * What this gateway is made of at this moment: program, configuration, profiles, limits in force
 * (those set by hand too), machine.
 *
 * Thread   control plane, after limits_open
 * Returns  0, or a negative errno with the words in *e
 */
int gateway_manifest(struct gateway *g, struct manifest *m, struct err *e);

/*
 * Hashes the program, for all manifests to come.  Reads manifest.approved, where the configuration
 * names one, and lets nobody arm while the manifest is another; arm_at_start is then taken back,
 * before any lane runs.
 *
 * Returns  0, or a negative errno when it cannot be read, with the words in *e
 */
int gateway_manifest_open(struct gateway *g, struct err *e);

/* What this gateway is has changed: orders are taken off when it is not approved any more. */
int gateway_manifest_look(struct gateway *g);

/* struct state_source's manifest. */
int gateway_manifest_rows(void *ctx, struct state_manifest *row, size_t row_max, struct err *e);

/* `sluice manifest`: the manifest of a configuration that was loaded, to out. */
int gateway_manifest_print(struct gateway *g, FILE *out, struct err *e);

#endif
