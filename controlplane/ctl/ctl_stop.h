/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_STOP_H
#define SLUICE_CTL_CTL_STOP_H

#include <stdio.h>

#include "ctl/ctl_commands.h"
#include "err/err.h"

/* What stops orders and lets them go again.  NULL with the words in *e. */
json_t *ctl_halt(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_resume(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_arm(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_disarm(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_kill(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_kill_release(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_kill_status(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_breakers(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_breaker_rearm(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_drop_copy(const struct state_source *s, const json_t *args, struct err *e);
json_t *ctl_drop_copy_release(const struct state_source *s, const json_t *args, struct err *e);

/* One word per reason why orders are off. */
json_t *ctl_halt_words(uint32_t reasons);

/* As people read them (ctl_show_stop.c). */
void ctl_show_kill(FILE *out, const json_t *r);
void ctl_show_breakers(FILE *out, const json_t *r);
void ctl_show_drop_copy(FILE *out, const json_t *r);

#endif
