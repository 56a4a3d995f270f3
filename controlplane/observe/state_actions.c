/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/state_actions.h"

#include "observe/event_log.h"
#include "observe/state.h"
#include "observe/state_ask.h"

/* Says that a version is in force, also when a lane was too slow to confirm it. */
static int
published(struct gateway *g, int rc, uint64_t start_ns, enum event_code what)
{
	const uint64_t now = now_ns();

	if (rc == 0 && what != EVENT_NONE)
		event_log_put(g->log, now, what, 0);
	if (rc == 0)
		event_log_put(g->log, now, EVENT_LIMITS_PUBLISHED, g->limits.current->version,
			      now - start_ns);
	return rc;
}

int
state_set_limit(void *ctx, const char *key, const char *value, const char *symbol, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();
	const int rc = limits_set(&g->limits, key, value, symbol, e);

	if (rc == 0)
		event_log_say(g->log, now_ns(), EVENT_NOTICE, "limit %s is %s for %s", key, value,
			      symbol == NULL ? "every instrument" : symbol);
	return published(g, rc, start_ns, EVENT_NONE);
}

/* Carries the wish out, and says in words what it was. */
static int
change_limits(struct gateway *g, const struct state_limits_wish *w, struct err *e)
{
	struct limits *l = &g->limits;
	const uint64_t now = now_ns();
	uint32_t node_idx = RISK_NODE_FIRM;
	int rc = 0;

	switch (w->act) {
	case STATE_LIMITS_NODE:
		rc = limits_node_of(l, w->kind, w->name, &node_idx, e);
		if (rc == 0)
			rc = limits_set_node(l, w->key, w->value, node_idx, e);
		if (rc == 0)
			event_log_say(g->log, now, EVENT_NOTICE, "limit %s is %s for %s %s", w->key,
				      w->value, w->kind, w->name);
		return rc;
	case STATE_LIMITS_ENABLE:
		rc = limits_enable(l, w->name, w->who, e);
		if (rc == 0)
			event_log_say(g->log, now, EVENT_NOTICE,
				      "strategy %s is enabled again by %s", w->name, w->who);
		return rc;
	case STATE_LIMITS_RESTRICT:
	case STATE_LIMITS_RELEASE:
		rc = limits_node_of(l, w->kind, w->name, &node_idx, e);
		if (rc == 0)
			rc = limits_restrict(l, node_idx, w->symbol,
					     w->act == STATE_LIMITS_RESTRICT, e);
		if (rc == 0)
			event_log_say(g->log, now, EVENT_NOTICE, "%s is %s for %s %s", w->symbol,
				      w->act == STATE_LIMITS_RESTRICT ? "restricted"
								      : "no more restricted",
				      w->kind, w->name);
		return rc;
	case STATE_LIMITS_LOCATE:
		rc = limits_locate(l, w->name, w->symbol, w->qty, e);
		if (rc == 0)
			event_log_say(g->log, now, EVENT_NOTICE,
				      "account %s has located %u shares of %s", w->name, w->qty,
				      w->symbol);
		return rc;
	case STATE_LIMITS_FORGET:
		rc = limits_forget(l, e);
		if (rc == 0)
			event_log_say(g->log, now, EVENT_NOTICE,
				      "limits are the configuration's: what was set by hand is "
				      "given up");
		return rc;
	}
	return err_set(e, -EINVAL, "there is no such change of limits");
}

int
state_change_limits(void *ctx, const struct state_limits_wish *w, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();

	return published(g, change_limits(g, w, e), start_ns, EVENT_NONE);
}

int
state_halt(void *ctx, const char *reason, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();
	const int rc = limits_halt(&g->limits, reason, e);

	event_log_say(g->log, now_ns(), EVENT_WARNING, "halt: %s", reason);
	return published(g, rc, start_ns, EVENT_HALTED);
}

int
state_resume(void *ctx, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();

	return published(g, limits_resume(&g->limits, e), start_ns, EVENT_RESUMED);
}

int
state_arm(void *ctx, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();

	return published(g, limits_arm(&g->limits, e), start_ns, EVENT_ARMED);
}

int
state_disarm(void *ctx, struct err *e)
{
	struct gateway *g = ctx;
	const uint64_t start_ns = now_ns();

	return published(g, limits_disarm(&g->limits, e), start_ns, EVENT_DISARMED);
}

static int
session_idx_of(const struct gateway *g, const char *name, struct err *e)
{
	const struct config *c = g->config;

	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		if (strcmp(c->sessions[i].name, name) == 0)
			return (int)i;
	return err_set(e, -ENOENT, "there is no session '%s'; sluicectl sessions lists them", name);
}

/* Asks the lane that owns the session; *cnt is what it answered. */
static int
ask_session(struct gateway *g, uint32_t session_idx, const struct command *what, uint32_t *cnt,
	    struct err *e)
{
	struct command request = *what;

	*cnt = 0;
	request.arg[0] = session_idx;
	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		int rc;

		if (g->lane[l]->has.session[session_idx] == NULL)
			continue;
		rc = ask(g, l, &request);
		*cnt = g->lane[l]->command.reply_cnt;
		if (rc == -ENOENT)
			return err_set(e, rc, "no order with token %u is in the market",
				       request.arg[1]);
		if (rc == -EALREADY)
			return err_set(e, rc, "a cancel of order %u is not answered yet",
				       request.arg[1]);
		if (rc == -EBUSY)
			return err_set(e, rc,
				       "the fate of order %u is known, or the venue is telling it: "
				       "sluicectl orders shows its state",
				       request.arg[1]);
		return rc < 0 ? ask_refused(rc, l, g, e) : 0;
	}
	return err_set(e, -ESRCH, "session %s has no lane", g->config->sessions[session_idx].name);
}

/* One order by its token, or with 0 those of a session, NULL: of every one.  Returns how many. */
static int
for_orders(struct gateway *g, enum command_kind one, enum command_kind all, const char *session,
	   uint32_t token, const char *asked, struct err *e)
{
	const struct command request = { .kind = token != 0 ? one : all, .arg = { 0, token } };
	uint32_t sum = 0, cnt, last = g->config->sessions_cnt;
	uint32_t first = 0;

	if (session != NULL) {
		const int idx = session_idx_of(g, session, e);

		if (idx < 0)
			return idx;
		first = (uint32_t)idx;
		last = first + 1;
	} else if (token != 0 && last > 1) {
		return err_set(e, -EINVAL, "there are %u sessions: name the token's by --session",
			       last);
	}
	for (uint32_t s = first; s < last; s++) {
		const int rc = ask_session(g, s, &request, &cnt, e);

		if (rc < 0)
			return rc;
		sum += cnt;
		event_log_say(g->log, now_ns(), EVENT_NOTICE, "session %s: %s of %u orders asked",
			      g->config->sessions[s].name, asked, cnt);
	}
	return (int)sum;
}

int
state_cancel(void *ctx, const char *session, uint32_t token, struct err *e)
{
	return for_orders(ctx, COMMAND_CANCEL, COMMAND_CANCEL_ALL, session, token, "cancel", e);
}

int
state_settle(void *ctx, const char *session, uint32_t token, struct err *e)
{
	return for_orders(ctx, COMMAND_SETTLE, COMMAND_SETTLE, session, token, "settling", e);
}

int
state_modify(void *ctx, const char *session, uint32_t token, uint32_t qty, char mark, struct err *e)
{
	struct command request = { .kind = COMMAND_MODIFY, .arg = { 0, token, qty } };
	struct gateway *g = ctx;
	uint32_t cnt;
	int idx = 0, rc;

	if (session != NULL)
		idx = session_idx_of(g, session, e);
	else if (g->config->sessions_cnt != 1)
		return err_set(e, -EINVAL, "there are %u sessions: name the token's by --session",
			       g->config->sessions_cnt);
	if (idx < 0)
		return idx;
	request.symbol[0] = mark == 0 ? ' ' : mark;
	rc = ask_session(g, (uint32_t)idx, &request, &cnt, e);
	if (rc < 0)
		return rc;
	event_log_say(g->log, now_ns(), EVENT_NOTICE, "session %s: order %u: %u shares asked for%s",
		      g->config->sessions[idx].name, token, qty,
		      mark == 'T'   ? ", marked short"
		      : mark == 'E' ? ", marked short exempt"
				    : "");
	return 0;
}

int
state_session_set(void *ctx, const char *session, bool up, struct err *e)
{
	const struct command request = { .kind = up ? COMMAND_SESSION_CONNECT
						    : COMMAND_SESSION_DISCONNECT };
	struct gateway *g = ctx;
	const int idx = session_idx_of(g, session, e);
	uint32_t cnt;
	int rc;

	if (idx < 0)
		return idx;
	rc = ask_session(g, (uint32_t)idx, &request, &cnt, e);
	if (rc == 0)
		event_log_say(g->log, now_ns(), EVENT_NOTICE, "session %s: %s", session,
			      up ? "connects, as asked" : "logs out until it is asked to connect");
	return rc;
}
