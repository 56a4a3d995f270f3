/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/kill.h"
#include "limits/limits.h"

int
limits_arm_allowed(const struct config *c, struct err *e)
{
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		const struct config_session *s = &c->sessions[i];
		const struct config_venue *v = &c->venues[s->venue_idx];

		if (s->venue_idx >= c->venues_cnt)
			return err_set(e, -EPERM, "session '%s': it has no venue", s->name);
		if (v->environment != c->environment)
			return err_set(e, -EPERM,
				       "session '%s': venue '%s' is for %s, while environment is "
				       "%s; orders stay off until the configuration names the same "
				       "environment for both",
				       s->name, v->name, environment_word(v->environment),
				       environment_word(c->environment));
	}
	return 0;
}

/* What resume and arm do not lift. */
static int
latched_check(struct err *e)
{
	if (halt_reasons() & HALT_MUST)
		return err_set(e, -EPERM,
			       "a lane met a broken invariant and ended, see the event log; orders "
			       "stay off until the gateway is started again");
	if (halt_is_killed())
		return err_set(
			e, -EPERM,
			"the kill switch is on; sluicectl kill status says why, and sluicectl "
			"kill release --operator NAME releases it");
	if (halt_reasons() & HALT_BREAKER)
		return err_set(e, -EPERM,
			       "a circuit breaker tripped; sluicectl breakers says which, and "
			       "sluicectl breaker rearm NAME --operator NAME re-arms it");
	return 0;
}

int
limits_halt(struct limits *l, const char *reason, struct err *e)
{
	halt_set(HALT_OPERATOR);
	l->halted = true;
	snprintf(l->halt_reason, sizeof(l->halt_reason), "%s", reason == NULL ? "" : reason);
	return limits_put_in_force(l, &l->set, e);
}

int
limits_resume(struct limits *l, struct err *e)
{
	int rc = latched_check(e);

	if (rc < 0)
		return rc;
	l->halted = false;
	rc = limits_put_in_force(l, &l->set, e);
	if (rc < 0 && rc != -ETIMEDOUT) {
		l->halted = true;
		return rc;
	}
	if (rc == -ETIMEDOUT)
		return rc; // the flag stays: call again when the lane has come back
	l->halt_reason[0] = '\0';
	halt_lift(HALT_OPERATOR);
	halt_lift(HALT_CONTROL); // whoever resumes has looked at the reason
	return 0;
}

int
limits_arm(struct limits *l, struct err *e)
{
	int rc = latched_check(e);

	if (rc == 0)
		rc = limits_arm_allowed(l->config, e);
	if (rc == 0 && l->permit != NULL)
		rc = l->permit(l->permit_ctx, e);
	if (rc < 0)
		return rc;
	l->armed = true;
	rc = limits_put_in_force(l, &l->set, e);
	if (rc < 0) {
		if (rc != -ETIMEDOUT)
			l->armed = false;
		return rc; // the flag stays
	}
	halt_lift(HALT_DISARMED);
	return 0;
}

int
limits_disarm(struct limits *l, struct err *e)
{
	halt_set(HALT_DISARMED);
	l->armed = false;
	return limits_put_in_force(l, &l->set, e);
}
