/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OBSERVE_STATE_ACTIONS_H
#define SLUICE_OBSERVE_STATE_ACTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct state_limits_wish;

/* What an operator may change in the running gateway; see struct state_source.  ctx: the gateway.
 */
int state_set_limit(void *ctx, const char *key, const char *value, const char *symbol,
		    struct err *e);
int state_change_limits(void *ctx, const struct state_limits_wish *w, struct err *e);
int state_halt(void *ctx, const char *reason, struct err *e);
int state_resume(void *ctx, struct err *e);
int state_arm(void *ctx, struct err *e);
int state_disarm(void *ctx, struct err *e);
int state_cancel(void *ctx, const char *session, uint32_t token, struct err *e);
int state_settle(void *ctx, const char *session, uint32_t token, struct err *e);
int state_modify(void *ctx, const char *session, uint32_t token, uint32_t qty, char mark,
		 struct err *e);
int state_session_set(void *ctx, const char *session, bool up, struct err *e);

#endif
