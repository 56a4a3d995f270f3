/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOOT_KILL_SWITCH_H
#define SLUICE_BOOT_KILL_SWITCH_H

#include "base/kill.h"
#include "boot/gateway.h"

/*
 * The control plane's side of the kill switch (base/kill.h): its latch file, its triggers by signal
 * and by file, who fired it, and its release.  controlplane/limits/README.md says what it does.
 *
 * Thread   control plane, but for the signal's handler
 */

/*
 * Opens the latch (limits/kill_latch.h) and takes SIGUSR1.  When the latch is on, so is the switch
 * on return.  Before limits_open.
 *
 * Returns  0, or a negative errno with the words in *e: the gateway must not start
 */
int kill_switch_open(struct gateway *g, struct err *e);

/* After limits_open: a switch that is on takes back what arm_at_start gave. */
void kill_switch_start(struct gateway *g);

/* Looks for the file, and writes down what a lane or a signal fired meanwhile.  Each turn of the
 * control loop. */
void kill_switch_look(struct gateway *g);

/*
 * Fires for the control plane, writes it down and takes the permission back.  who and why: for the
 * latch, the log and the history.
 *
 * Returns  0; or a negative errno with the words in *e: the switch is on all the same
 */
int kill_switch_fire(struct gateway *g, enum kill_cause cause, const char *who, const char *why,
		     struct err *e);

/* One line when the switch is on, for the end. */
void kill_switch_summary(const struct gateway *g);

/* SIGUSR1 is its default again.  What is on stays on in the file. */
void kill_switch_close(struct gateway *g);

/* Whether that can be the name of a person who lifts something.  0 or -EINVAL, named in *e. */
int operator_name_check(const char *name, struct err *e);

/* For struct state_source; ctx: the gateway. */
struct state_kill;
int kill_source_fire(void *ctx, const char *reason, struct err *e);
int kill_source_release(void *ctx, const char *name, const char *reason, struct err *e);
int kill_source_state(void *ctx, struct state_kill *out);

#endif
