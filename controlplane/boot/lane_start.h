/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_LANE_START_H
#define SLUICE_BOOT_LANE_START_H

#include "boot/gateway.h"

/*
 * Builds every lane of the core map: memory (on the lane's own core, so that it is near), stages,
 * rings between them.  Nothing runs yet.
 *
 * Thread   control plane, after ports_start
 * Returns  0, or a negative errno with the words in *e; lanes_free takes back what was built
 */
int lanes_build(struct gateway *g, struct err *e);

/* Starts each lane's loop on its core. */
int lanes_launch(struct gateway *g, struct err *e);

/* Ends the loops and waits for them; a lane that a must() ended is ended already. */
void lanes_stop(struct gateway *g);
void lanes_free(struct gateway *g);

/* How many lanes ended by themselves: a must() failed there. */
uint32_t lanes_ended(const struct gateway *g);

#endif
