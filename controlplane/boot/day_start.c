/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/day_start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "observe/event_log.h"

enum {
	ASK_WAIT_MS = 100,
	KEEP_MS = 1000,
	GONE_MAX = 128,
};

#define STORY_NS    (36 * 3600 * NS_PER_SEC) // a venue's day is shorter
#define DAWN_NS     (6 * 3600 * NS_PER_SEC)  // when OUCH 4.2's numbers begin again, too
#define DAYS_OF(ns) (((ns)-DAWN_NS) / (24 * 3600 * NS_PER_SEC))

struct day_start {
	struct story story;
	bool damaged;
	bool today[SESSION_MAX];     // the session's last request was of this day
	uint8_t booked[STORY_NAMES]; // by place in the story: 1 more than strategy_idx; 0: gone
	uint16_t *instr_idx;         // by place in the story; INSTR_NONE: gone
	uint32_t booked_cnt[SESSION_MAX]; // orders that a session has to know of
	uint32_t gone_cnt;
	struct risk_day risk;
};

/* Which strategy of this configuration has the name; 0: none, otherwise 1 more. */
static uint8_t
strategy_of(const struct config *c, const char *name)
{
	for (uint32_t s = 0; s < c->strategies_cnt; s++)
		if (strcmp(c->strategies[s].name, name) == 0)
			return FILL_BOOKED(s);
	return 0;
}

static void
level_name(const struct config *c, uint32_t node_idx, char out[STORY_LEVEL_LEN])
{
	if (node_idx == RISK_NODE_FIRM)
		snprintf(out, STORY_LEVEL_LEN, "firm");
	else
		snprintf(out, STORY_LEVEL_LEN, "%s %.30s",
			 node_idx < c->accounts_cnt ? "account" : "strategy",
			 config_node_name(c, node_idx));
}

static void
take_highs(struct day_start *d, const struct config *c)
{
	char level[STORY_LEVEL_LEN];

	for (uint32_t n = 0; n < config_node_cnt(c); n++) {
		level_name(c, n, level);
		for (uint32_t i = 0; i < d->story.high_cnt; i++)
			if (strcmp(d->story.high[i].level, level) == 0)
				d->risk.high_ntl4[n] = d->story.high[i].ntl4;
	}
}

static bool
is_today(uint64_t last_ns, uint64_t now_ns)
{
	return DAYS_OF(last_ns) == DAYS_OF(now_ns);
}

/* The place of an instrument in this configuration, and with this session. */
static uint16_t
instr_of(const struct config *c, const char *symbol)
{
	for (uint32_t i = 1; i < c->instruments_cnt; i++)
		if (strcmp(c->instruments[i].symbol, symbol) == 0)
			return (uint16_t)i;
	return INSTR_NONE;
}

uint16_t
day_start_instr(const struct day_start *d, const struct story_order *o)
{
	return o->instr == 0 ? INSTR_NONE : d->instr_idx[o->instr - 1];
}

bool
day_start_is_gone(const struct day_start *d, const struct config *c, uint32_t session_idx,
		  const struct story_order *o)
{
	const uint16_t i = day_start_instr(d, o);

	return o->instr != 0 && (i == INSTR_NONE || c->instruments[i].session_idx != session_idx);
}

/* A replay's reports about it would be an unknown order's, and nothing of it is open. */
static bool
is_left_out(const struct day_start *d, const struct config *c, uint32_t session_idx,
	    const struct story_order *o)
{
	return o->ended && day_start_is_gone(d, c, session_idx, o);
}

/* Whose its executions are; 0: nobody's here. */
static uint8_t
booked_as(const struct day_start *d, const struct story_order *o)
{
	return o->strategy == 0 ? 0 : d->booked[o->strategy - 1];
}

static void
take_session(struct day_start *d, const struct config *c, uint32_t idx, uint64_t now_ns)
{
	const struct story_session *s = &d->story.session[idx];

	d->today[idx] = s->last_ns != 0 && is_today(s->last_ns, now_ns);
	if (!d->today[idx])
		return;
	d->risk.message_cnt[idx] = s->request_cnt;
	for (uint32_t i = 0; s->order != NULL && i <= s->mask; i++)
		if (s->order[i].token != 0)
			d->booked_cnt[idx] += booked_as(d, &s->order[i]) != 0 ||
					      is_left_out(d, c, idx, &s->order[i]);
}

struct day_start *
day_start_open(struct gateway *g)
{
	struct day_start *d = calloc(1, sizeof(*d));
	const uint64_t now_ns = journal_now_ns();
	const struct config *c = g->config;
	struct err e;

	err_init(&e);
	if (d == NULL)
		return NULL;
	story_init(&d->story);
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		story_session_add(&d->story, c->sessions[i].name,
				  c->sessions[i].protocol == SESSION_OUCH42);
	if (story_read(&d->story, c->journal.directory, now_ns - STORY_NS, &d->damaged, &e) != 0) {
		event_log_say(g->log, now_ns, EVENT_ERROR,
			      "recovery: nothing of the day can be taken over, and the journal "
			      "cannot be compared with the venue: %s",
			      e.text);
		err_end(&e);
		day_start_close(d);
		return NULL;
	}
	d->instr_idx = calloc(d->story.instr_cnt + 1, sizeof(*d->instr_idx));
	if (d->instr_idx == NULL) {
		err_end(&e);
		day_start_close(d);
		return NULL;
	}
	for (uint32_t i = 0; i < d->story.instr_cnt; i++)
		d->instr_idx[i] = instr_of(c, d->story.instr[i]);
	for (uint32_t i = 0; i < d->story.strategy_cnt; i++)
		d->booked[i] = strategy_of(c, d->story.strategy[i]);
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		take_session(d, c, i, now_ns);
	if (d->story.high_ns != 0 && DAYS_OF(d->story.high_ns) == DAYS_OF(now_ns))
		take_highs(d, c);
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		if (d->today[i])
			event_log_say(g->log, now_ns, EVENT_NOTICE,
				      "recovery: session %s: %u messages of the day are counted, "
				      "%u orders of earlier processes will be booked for who sent "
				      "them",
				      c->sessions[i].name, d->risk.message_cnt[i],
				      d->booked_cnt[i]);
	err_end(&e);
	return d;
}

void
day_start_close(struct day_start *d)
{
	if (d == NULL)
		return;
	story_fini(&d->story);
	free(d->instr_idx);
	free(d);
}

struct story *
day_start_story(struct day_start *d, bool *damaged)
{
	*damaged = d->damaged;
	return &d->story;
}

uint32_t
day_start_gone_cnt(const struct day_start *d)
{
	return d == NULL ? 0 : d->gone_cnt;
}

/* What of a row this configuration has not; NULL: it has all of it. */
static const char *
what_is_gone(const struct config *c, const struct story_left *l, char out[GONE_MAX])
{
	const uint16_t i = l->instr == NULL ? INSTR_NONE : instr_of(c, l->instr);
	uint32_t s;

	for (s = 0; s < c->sessions_cnt && strcmp(c->sessions[s].name, l->session) != 0; s++)
		;
	if (s == c->sessions_cnt)
		snprintf(out, GONE_MAX, "session '%.40s'", l->session);
	else if (l->instr == NULL)
		return NULL; // a request whose record has no instrument: the replay tells
	else if (i == INSTR_NONE)
		snprintf(out, GONE_MAX, "instrument '%.40s'", l->instr);
	else if (c->instruments[i].session_idx != s)
		snprintf(out, GONE_MAX, "instrument '%.40s' with session '%.40s'", l->instr,
			 l->session);
	else if (l->strategy != NULL && strategy_of(c, l->strategy) == 0)
		snprintf(out, GONE_MAX, "strategy '%.40s'", l->strategy);
	else
		return NULL;
	return out;
}

void
day_start_begin(struct gateway *g, struct journal_writer *w)
{
	static const struct journal_text DIFFERS = { .result = -EBADE };
	const uint64_t now_ns = journal_now_ns();
	const bool halts = g->config->journal.recovery == JOURNAL_RECOVERY_HALT;
	char what[GONE_MAX], line[3 * GONE_MAX];
	struct story_left *left;
	size_t cnt;

	if (g->day == NULL)
		return;
	if (story_left(&g->day->story, is_today, now_ns, &left, &cnt) != 0) {
		event_log_say(g->log, now_ns, EVENT_ERROR,
			      "recovery: no memory to look for what is not configured any more");
		if (halts)
			halt_set(HALT_CONTROL);
		return;
	}
	for (size_t i = 0; i < cnt; i++) {
		const struct story_left *l = &left[i];
		int len;

		if (what_is_gone(g->config, l, what) == NULL)
			continue;
		len = snprintf(line, sizeof(line),
			       "%s is not configured any more: of %s, session %s and strategy %s, "
			       "%" PRId64 " shares were bought less sold today, and %u orders of "
			       "%" PRIu64 " shares may be in the market",
			       what, l->instr == NULL ? "?" : l->instr, l->session,
			       l->strategy == NULL ? "-" : l->strategy, l->net_qty, l->open_cnt,
			       l->open_qty);
		event_log_say(g->log, now_ns, EVENT_ERROR, "recovery: %s", line);
		journal_writer_say(w, JOURNAL_RECOVERY, &DIFFERS, line, (size_t)len);
		g->day->gone_cnt++;
	}
	free(left);
	if (g->day->gone_cnt == 0)
		return;
	if (halts)
		halt_set(HALT_CONTROL);
	event_log_say(g->log, now_ns, EVENT_CRITICAL,
		      "recovery: %u positions or orders have nobody here: configure what is gone "
		      "again, or settle them with the venue%s",
		      g->day->gone_cnt, halts ? "; orders are off until sluicectl resume" : "");
}

size_t
day_start_bytes(const struct gateway *g, uint32_t session_idx)
{
	return g->day == NULL ? 0
			      : g->day->booked_cnt[session_idx] * sizeof(struct session_booked) +
					CACHE_LINE;
}

static int
by_token(const void *va, const void *vb)
{
	const struct session_booked *a = va, *b = vb;

	return a->token < b->token ? -1 : a->token > b->token;
}

int
day_start_session(struct gateway *g, struct lane *l, uint32_t session_idx, struct err *e)
{
	const struct story_session *s;
	struct session_booked *list;
	uint32_t cnt = 0;

	if (g->day == NULL || g->day->booked_cnt[session_idx] == 0)
		return 0;
	s = &g->day->story.session[session_idx];
	list = arena_take(&l->arena, g->day->booked_cnt[session_idx] * sizeof(*list));
	if (list == NULL)
		return err_set(e, -ENOMEM, "sessions '%s': no room for the orders of the day",
			       g->config->sessions[session_idx].name);
	for (uint32_t i = 0; i <= s->mask; i++) {
		const struct story_order *o = &s->order[i];
		const bool left_out = is_left_out(g->day, g->config, session_idx, o);
		const uint8_t as = left_out ? 0 : booked_as(g->day, o);

		if (o->token != 0 && (as != 0 || left_out))
			list[cnt++] = (struct session_booked){
				o->token,
				(uint8_t)(as | (as != 0 && o->short_sale ? FILL_BOOKED_SHORT : 0))
			};
	}
	qsort(list, cnt, sizeof(*list), by_token);
	l->has.session[session_idx]->booked = list;
	l->has.session[session_idx]->booked_cnt = cnt;
	return 0;
}

void
day_start_risk(const struct gateway *g, struct risk *r)
{
	static const struct risk_day NOTHING;

	risk_restore(r, g->limits.current, g->day == NULL ? &NOTHING : &g->day->risk);
}

static struct lane *
lane_of_risk(const struct gateway *g)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i] != NULL && g->lane[i]->has.risk != NULL)
			return g->lane[i];
	return NULL;
}

void
day_start_keep(struct gateway *g, struct journal_writer *w, uint64_t now_ns)
{
	struct command ask = { .kind = COMMAND_RISK };
	struct lane *l = lane_of_risk(g);
	static char text[RISK_NODE_MAX * (STORY_LEVEL_LEN + 24)];
	const struct journal_text t = { 0 };
	char level[STORY_LEVEL_LEN];
	bool changed = false;
	size_t len = 0;

	if (l == NULL || now_ns < g->day_next_ns)
		return;
	g->day_next_ns = now_ns + KEEP_MS * 1000000ULL;
	do {
		const struct risk_node_view *v = g->reply[l->idx];

		if (gateway_ask(g, l->idx, &ask, ASK_WAIT_MS) != 0)
			return;
		for (uint32_t i = 0; i < l->command.reply_cnt; i++) {
			const uint16_t n = v[i].node_idx;
			const int64_t high_ntl4 = v[i].profit_ntl4 + v[i].drawdown_ntl4;

			if (n >= config_node_cnt(g->config))
				continue;
			changed |= high_ntl4 != g->day_high_ntl4[n];
			g->day_high_ntl4[n] = high_ntl4;
			level_name(g->config, n, level);
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %" PRId64 "\n",
						level, high_ntl4);
		}
		ask.arg[0] = l->command.next;
	} while (ask.arg[0] != 0);
	if (changed)
		journal_writer_say(w, JOURNAL_DAY, &t, text, len);
}
