/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/day_start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "observe/event_log.h"

enum {
	ASK_WAIT_MS = 100,
	KEEP_MS = 1000,
};

#define STORY_NS    (36 * 3600 * NS_PER_SEC) // a venue's day is shorter
#define DAWN_NS     (6 * 3600 * NS_PER_SEC)  // when OUCH 4.2's numbers begin again, too
#define DAYS_OF(ns) (((ns)-DAWN_NS) / (24 * 3600 * NS_PER_SEC))

struct day_start {
	struct story story;
	bool damaged;
	bool today[SESSION_MAX];     // the session's last request was of this day
	uint8_t booked[STORY_NAMES]; // by place in the story: 1 more than strategy_idx; 0: gone
	uint32_t booked_cnt[SESSION_MAX]; // orders whose strategy is known
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
level_name(const struct config *c, uint32_t node_idx, char out[STORY_NAME_LEN])
{
	if (node_idx == RISK_NODE_FIRM)
		snprintf(out, STORY_NAME_LEN, "firm");
	else
		snprintf(out, STORY_NAME_LEN, "%s %.30s",
			 node_idx < c->accounts_cnt ? "account" : "strategy",
			 config_node_name(c, node_idx));
}

static void
take_highs(struct day_start *d, const struct config *c)
{
	char level[STORY_NAME_LEN];

	for (uint32_t n = 0; n < config_node_cnt(c); n++) {
		level_name(c, n, level);
		for (uint32_t i = 0; i < d->story.high_cnt; i++)
			if (strcmp(d->story.high[i].level, level) == 0)
				d->risk.high_ntl4[n] = d->story.high[i].ntl4;
	}
}

static void
take_session(struct day_start *d, uint32_t idx, uint64_t now_ns)
{
	const struct story_session *s = &d->story.session[idx];

	d->today[idx] = s->last_ns != 0 && DAYS_OF(s->last_ns) == DAYS_OF(now_ns);
	if (!d->today[idx])
		return;
	d->risk.message_cnt[idx] = s->request_cnt;
	for (uint32_t i = 0; s->order != NULL && i <= s->mask; i++)
		if (s->order[i].token != 0 && s->order[i].strategy != 0)
			d->booked_cnt[idx] += d->booked[s->order[i].strategy - 1] != 0;
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
		d->story.session[i].ouch42 = c->sessions[i].protocol == SESSION_OUCH42;
	if (story_read(&d->story, c->journal.directory, now_ns - STORY_NS, &d->damaged, &e) != 0) {
		event_log_say(g->log, now_ns, EVENT_ERROR,
			      "recovery: nothing of the day can be taken over, and the journal "
			      "cannot be compared with the venue: %s",
			      e.text);
		err_end(&e);
		day_start_close(d);
		return NULL;
	}
	for (uint32_t i = 0; i < d->story.strategy_cnt; i++)
		d->booked[i] = strategy_of(c, d->story.strategy[i]);
	for (uint32_t i = 0; i < c->sessions_cnt; i++)
		take_session(d, i, now_ns);
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
	free(d);
}

struct story *
day_start_story(struct day_start *d, bool *damaged)
{
	*damaged = d->damaged;
	return &d->story;
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
		const uint8_t as = o->strategy == 0 ? 0 : g->day->booked[o->strategy - 1];

		if (o->token != 0 && as != 0)
			list[cnt++] = (struct session_booked){
				o->token, (uint8_t)(as | (o->short_sale ? FILL_BOOKED_SHORT : 0))
			};
	}
	qsort(list, cnt, sizeof(*list), by_token);
	l->session[session_idx]->booked = list;
	l->session[session_idx]->booked_cnt = cnt;
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
		if (g->lane[i] != NULL && g->lane[i]->risk != NULL)
			return g->lane[i];
	return NULL;
}

void
day_start_keep(struct gateway *g, struct journal_writer *w, uint64_t now_ns)
{
	struct command ask = { .kind = COMMAND_RISK };
	struct lane *l = lane_of_risk(g);
	static char text[RISK_NODE_MAX * (STORY_NAME_LEN + 24)];
	const struct journal_text t = { 0 };
	char level[STORY_NAME_LEN];
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
