/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/recovery_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "journal/story.h"
#include "observe/event_log.h"

enum {
	ASK_WAIT_MS = 200,
	TOLD_MAX = 20, // differences in the log; the journal has all
	TEXT_BYTES = 256 * 1024,
};

struct recovery_check {
	struct gateway *g;
	const struct day_start *day;
	struct story *story; // of the day
	bool compared[SESSION_MAX];
	bool halts;
	uint32_t order_cnt;  // compared
	uint32_t away_cnt;   // executed while nobody was there
	uint32_t unsent_cnt; // the venue never knew them
	uint32_t differ_cnt;
	bool forgotten;                  // a table of orders was too small for the day
	uint64_t executions;             // told to lanes when the first session was compared
	int64_t position_qty[INSTR_MAX]; // by the venue's replay, of the orders compared
	size_t len;
	char text[TEXT_BYTES];
};

/* A line of the record, and of the log while there are few. */
__attribute__((format(printf, 3, 4))) static void
tell(struct recovery_check *r, bool differs, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	r->differ_cnt += differs;
	if (r->len + sizeof(line) + 1 < sizeof(r->text))
		r->len +=
			(size_t)snprintf(r->text + r->len, sizeof(r->text) - r->len, "%s\n", line);
	if (differs && r->differ_cnt <= TOLD_MAX)
		event_log_say(r->g->log, journal_now_ns(), EVENT_ERROR, "recovery: %s", line);
}

struct recovery_check *
recovery_check_open(struct gateway *g, struct day_start *day)
{
	struct recovery_check *r = calloc(1, sizeof(*r));
	bool damaged;

	if (r == NULL)
		return NULL;
	r->g = g;
	r->day = day;
	r->story = day_start_story(day, &damaged);
	if (damaged)
		tell(r, true, "parts of the journal are damaged; sluice-journal verify %s",
		     g->config->journal.directory);
	return r;
}

void
recovery_check_begin(struct recovery_check *r)
{
	if (r->g->config->journal.recovery != JOURNAL_RECOVERY_HALT)
		return;
	r->halts = true;
	halt_set(HALT_CONTROL);
	event_log_say(
		r->g->log, journal_now_ns(), EVENT_NOTICE,
		"recovery: orders stay off until the journal and the venue agree, or sluicectl "
		"resume");
}

static struct lane *
lane_of(const struct gateway *g, uint32_t session_idx)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i] != NULL && g->lane[i]->has.session[session_idx] != NULL)
			return g->lane[i];
	return NULL;
}

static uint64_t
executions_of(const struct gateway *g)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < g->config->sessions_cnt; i++) {
		const struct lane *l = lane_of(g, i);

		if (l != NULL)
			cnt += metric_get(&l->has.session[i]->orders.metrics.execution);
	}
	return cnt;
}

/* One order as the replay left it. */
static void
compare_order(struct recovery_check *r, uint32_t session_idx, const struct order_entry *o)
{
	const char *name = r->g->config->sessions[session_idx].name;
	struct story_order *had =
		(struct story_order *)story_find(&r->story->session[session_idx], o->token);

	r->order_cnt++;
	if (o->instr_idx < INSTR_MAX)
		r->position_qty[o->instr_idx] +=
			o->side == SIDE_BUY ? (int64_t)o->executed_qty : -(int64_t)o->executed_qty;
	if (had == NULL) {
		tell(r, true, "session %s: the venue has order %u, the journal has not", name,
		     o->token);
		return;
	}
	if (o->executed_qty < had->executed_qty)
		tell(r, true,
		     "session %s: order %u: the journal has %u shares executed, the venue's replay "
		     "%u",
		     name, o->token, had->executed_qty, o->executed_qty);
	else if (o->executed_qty > had->executed_qty) {
		r->away_cnt++;
		tell(r, false,
		     "session %s: order %u: %u shares were executed while nobody was there", name,
		     o->token, o->executed_qty - had->executed_qty);
	}
	if (o->instr_idx < INSTR_MAX) // risk has the day's trades without those that were broken
		r->position_qty[o->instr_idx] -=
			o->side == SIDE_BUY ? (int64_t)had->broken_qty : -(int64_t)had->broken_qty;
	if (had->instr != 0 && o->instr_idx != INSTR_NONE &&
	    day_start_instr(r->day, had) != o->instr_idx)
		tell(r, true, "session %s: order %u is of another instrument than in the journal",
		     name, o->token);
	had->qty = 0; // met
	had->accepted = had->sent = false;
}

/* Orders of the journal that the replay did not bring; the table forgets the oldest. */
static void
compare_missing(struct recovery_check *r, uint32_t session_idx, uint32_t slot_cnt)
{
	const char *name = r->g->config->sessions[session_idx].name;
	const struct story_session *s = &r->story->session[session_idx];

	for (uint32_t i = 0; s->order != NULL && i <= s->mask; i++) {
		const struct story_order *o = &s->order[i];

		if (o->token == 0 || s->token_max - o->token >= slot_cnt ||
		    (!o->accepted && !o->sent))
			continue;
		if (day_start_is_gone(r->day, r->g->config, session_idx, o))
			continue; // day_start_begin has told what is left of it
		if (o->accepted)
			tell(r, true,
			     "session %s: the journal has order %u accepted by the venue, its "
			     "replay has "
			     "not",
			     name, o->token);
		else
			r->unsent_cnt++;
		if (!o->accepted)
			tell(r, false, STORY_NEVER_GOT, name, o->token);
	}
}

/* All remembered orders of the session below this run's first number; false: ask again. */
static bool
compare_orders(struct recovery_check *r, struct lane *l, uint32_t session_idx)
{
	const uint32_t floor = r->story->session[session_idx].token_max + 1;
	struct command ask = { .kind = COMMAND_ORDERS, .arg = { session_idx, 0, 1 } };

	do {
		const struct orders_view *v = r->g->reply[l->idx];

		if (gateway_ask(r->g, l->idx, &ask, ASK_WAIT_MS) != 0)
			return false;
		for (uint32_t i = 0; i < l->command.reply_cnt; i++)
			if (v[i].order.token < floor && v[i].order.state != ORDER_REPLACED)
				compare_order(r, session_idx, &v[i].order);
			else if (v[i].order.token < floor) {
				struct story_order *had = (struct story_order *)story_find(
					&r->story->session[session_idx], v[i].order.token);

				if (had != NULL) // its executions went on with what replaced it
					had->accepted = had->sent = false;
			}
		ask.arg[1] = l->command.next;
	} while (ask.arg[1] != 0);
	r->forgotten |= r->story->session[session_idx].token_max >
			l->has.session[session_idx]->orders.slot_mask;
	compare_missing(r, session_idx, l->has.session[session_idx]->orders.slot_mask + 1);
	return true;
}

/* The session is up, so its replay is over.  True when it was compared. */
static bool
compare_session(struct recovery_check *r, uint32_t i)
{
	const struct command ask = { .kind = COMMAND_SESSION, .arg = { i } };
	const struct story_session *s = &r->story->session[i];
	struct lane *l = lane_of(r->g, i);
	struct command_session now;

	if (l == NULL)
		return true;
	if (metric_get(&l->has.session[i]->metrics.session_up) == 0 ||
	    gateway_ask(r->g, l->idx, &ask, ASK_WAIT_MS) != 0)
		return false;
	memcpy(&now, r->g->reply[l->idx], sizeof(now));
	if (s->cnt == 0)
		return true;
	if (r->executions == 0)
		r->executions = executions_of(r->g);
	if (memcmp(now.venue_session, s->venue_session, sizeof(now.venue_session)) != 0) {
		tell(r, false, "session %s: the venue began another day (%.10s after %.10s)",
		     r->g->config->sessions[i].name, now.venue_session, s->venue_session);
		return true;
	}
	return compare_orders(r, l, i);
}

static void
tell_position(struct recovery_check *r, uint32_t instr_idx, int64_t risk_qty, int64_t orders_qty)
{
	const struct config *c = r->g->config;

	tell(r, true,
	     "%s: risk executed %" PRId64 " today, bought less sold, the orders add up to %" PRId64,
	     instr_idx < c->instruments_cnt ? c->instruments[instr_idx].symbol : "?", risk_qty,
	     orders_qty);
}

/* What risk has executed against the sum of the orders that were compared. */
static void
compare_positions(struct recovery_check *r)
{
	struct gateway *g = r->g;
	struct lane *l = NULL;
	struct command ask = { .kind = COMMAND_POSITIONS };

	for (uint32_t i = 0; i < g->lane_cnt && l == NULL; i++)
		if (g->lane[i] != NULL && g->lane[i]->has.risk != NULL)
			l = g->lane[i];
	if (l == NULL || !r->halts || r->forgotten || r->order_cnt == 0)
		return; // somebody trades already, or not all orders are remembered
	do {
		const struct risk_position *p = g->reply[l->idx];

		if (gateway_ask(g, l->idx, &ask, ASK_WAIT_MS) != 0)
			return;
		if (executions_of(g) != r->executions)
			return; // the market moved meanwhile; the orders agreed
		for (uint32_t i = 0; i < l->command.reply_cnt; i++) {
			const int64_t net_qty = (int64_t)(p[i].bought_qty - p[i].sold_qty);
			int64_t *sum_qty = &r->position_qty[p[i].instr_idx];

			if (net_qty != *sum_qty)
				tell_position(r, p[i].instr_idx, net_qty, *sum_qty);
			*sum_qty = 0; // it was looked at
		}
		ask.arg[0] = l->command.next;
	} while (ask.arg[0] != 0);
	for (uint32_t i = 0; i < INSTR_MAX; i++)
		if (r->position_qty[i] != 0)
			tell_position(r, i, 0, r->position_qty[i]);
}

static void
conclude(struct recovery_check *r, struct journal_writer *w)
{
	const struct journal_text t = { .result = r->differ_cnt == 0 ? 0 : -EBADE };
	const uint64_t now_ns = journal_now_ns();
	char line[256];

	compare_positions(r);
	snprintf(line, sizeof(line),
		 "%u orders compared: %u differences; %u executed while nobody was there, %u the "
		 "venue "
		 "never got",
		 r->order_cnt, r->differ_cnt, r->away_cnt, r->unsent_cnt);
	tell(r, false, "%s", line);
	journal_writer_say(w, JOURNAL_RECOVERY, &t, r->text, r->len);
	if (r->differ_cnt != 0) {
		event_log_say(r->g->log, now_ns, EVENT_CRITICAL,
			      "recovery: the journal and the venue disagree: %s%s", line,
			      r->halts ? "; orders are off until sluicectl resume" : "");
		return;
	}
	event_log_say(r->g->log, now_ns, EVENT_NOTICE,
		      "recovery: the journal and the venue agree: %s", line);
	if (!r->halts)
		return;
	for (uint32_t i = 0; i < r->g->config->sessions_cnt; i++) {
		const struct lane *l = lane_of(r->g, i);

		if (l != NULL &&
		    (l->has.session[i]->doubt_told != 0 || l->has.session[i]->back_told != 0))
			return; // another reason speaks against it, and has told so
	}
	if (day_start_gone_cnt(r->day) != 0)
		return; // the same
	halt_lift(HALT_CONTROL);
}

bool
recovery_check_look(struct recovery_check *r, struct journal_writer *w)
{
	bool all = true;

	for (uint32_t i = 0; i < r->g->config->sessions_cnt; i++) {
		if (!r->compared[i])
			r->compared[i] = compare_session(r, i);
		all &= r->compared[i];
	}
	if (all)
		conclude(r, w);
	return all;
}

void
recovery_check_close(struct recovery_check *r)
{
	free(r);
}
