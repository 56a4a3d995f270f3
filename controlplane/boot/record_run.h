/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_RECORD_RUN_H
#define SLUICE_BOOT_RECORD_RUN_H

#include "boot/gateway.h"

/*
 * With journal.record_ports a run can be replayed as it was: captures of all ports beside the
 * journal's segments, from before the first frame to after the last, and in the journal what the
 * replay must know besides (controlplane/replay/RECORDING.md).  The lane's part is lane/tape.h.
 *
 * Thread: control plane.
 */

/*
 * The lanes are built, their journal has begun, and none runs yet.
 *
 * Returns  0, also when nothing is to be recorded; a negative errno with the words in *e
 */
int record_run_open(struct gateway *g, struct err *e);

/* The lanes have ended: ends the captures and writes down whether they have everything. */
void record_run_close(struct gateway *g);

/* The capture of a port in a run, as a name in the journal's folder. */
enum {
	RECORD_RUN_NAME_MAX = 128,
};
void record_run_name(char out[RECORD_RUN_NAME_MAX], uint32_t run, const char *port);

#endif
