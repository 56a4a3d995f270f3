/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/breaker_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "boot/kill_switch.h"
#include "limits/breaker.h"
#include "limits/breaker_kind.h"
#include "observe/event_log.h"
#include "observe/state_ask.h"

#define PNL_EVERY_NS 100000000ULL

enum {
	UNDISCIPLINED_US = 60000000, // a clock that nobody keeps
	NTL4_PER_USD = 10000,
};

/* What a strategy's counters said when something last passed, or was executed. */
struct strategy_seen {
	uint64_t
		passed_max; // wishes that risk let pass; one on its way to risk may count too early
	uint64_t refused_mark;
	uint64_t execution_cnt;
	uint64_t passed_mark;
};

struct session_seen {
	uint64_t reject_cnt;
	uint64_t replayed_cnt; // of these
};

struct breaker_watch {
	uint32_t cnt;
	struct breaker breaker[BREAKER_MAX];
	uint64_t look_ns; // of CLOCK_MONOTONIC, as all below; 0: never
	uint64_t pnl_ns;
	bool pnl_known;
	int64_t profit_ntl4[RISK_NODE_MAX]; // by node of the tree of limits
	int64_t drawdown_ntl4[RISK_NODE_MAX];
	uint8_t mode_before[RISK_NODE_MAX]; // breakers set another; of nodes with mode_cnt
	uint8_t mode_cnt[RISK_NODE_MAX];    // tripped breakers that set it
	bool clock_known;
	int64_t clock_off_ns;
	uint64_t feed_packet_cnt[FEED_MAX];
	uint64_t feed_heard_ns[FEED_MAX];    // 0: never
	uint64_t feed_unsynced_ns[FEED_MAX]; // since; 0: it is
	struct strategy_seen strategy[STRATEGY_MAX];
	struct session_seen session[SESSION_MAX];
};

/* One look at everything. */
struct look {
	struct gateway *g;
	struct breaker_watch *w;
	uint64_t now_ns;
	uint64_t pause_ms;
	uint64_t clock_error_us;
	uint64_t clock_step_us;
};

static uint64_t
monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

int
breaker_watch_open(struct gateway *g, struct err *e)
{
	struct breaker_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_set(e, -ENOMEM, "no memory for the circuit breakers");
	w->cnt = g->config->breakers_cnt;
	for (uint32_t i = 0; i < w->cnt; i++)
		breaker_init(&w->breaker[i], &g->config->breakers[i]);
	g->breakers = w;
	return 0;
}

void
breaker_watch_close(struct gateway *g)
{
	free(g->breakers);
	g->breakers = NULL;
}

static bool
watches(const struct breaker_watch *w, enum breaker_what what)
{
	for (uint32_t i = 0; i < w->cnt; i++)
		if ((enum breaker_what)w->breaker[i].config->watch == what)
			return true;
	return false;
}

/* What every level of the tree of limits holds; the last ones stay when the lane gives no answer.
 */
static void
look_at_nodes(struct look *k)
{
	struct breaker_watch *w = k->w;
	struct gateway *g = k->g;

	if ((!watches(w, BREAKER_LOSS) && !watches(w, BREAKER_DRAWDOWN)) ||
	    (w->pnl_ns != 0 && k->now_ns - w->pnl_ns < PNL_EVERY_NS))
		return;
	for (uint32_t l = 0; l < g->lane_cnt; l++) {
		struct command request = { .kind = COMMAND_RISK };
		const struct command *c = &g->lane[l]->command;
		const struct risk_node_view *v = g->reply[l];

		if (g->lane[l]->has.risk == NULL)
			continue;
		do {
			if (ask(g, l, &request) < 0)
				return; // the next look asks again
			for (uint32_t i = 0; i < c->reply_cnt; i++)
				if (v[i].node_idx < RISK_NODE_MAX) {
					w->profit_ntl4[v[i].node_idx] = v[i].profit_ntl4;
					w->drawdown_ntl4[v[i].node_idx] = v[i].drawdown_ntl4;
				}
			request.arg[0] = c->next;
		} while (request.arg[0] != 0);
		w->pnl_ns = k->now_ns;
		w->pnl_known = true;
	}
}

/* Whole dollars below 0, towards 0: a loss of 4,999.99 is not 5,000. */
static uint64_t
usd_of(int64_t ntl4)
{
	return ntl4 > 0 ? (uint64_t)ntl4 / NTL4_PER_USD : 0;
}

/* How far the lanes' clock is from the system's. */
static void
look_at_clock(struct look *k)
{
	const uint64_t before = clock_tsc();
	const uint64_t system_ns = now_ns();
	const uint64_t after = clock_tsc();
	const uint64_t ours_ns = clock_ns_at(&k->g->clock, before + (after - before) / 2);
	const int64_t off_ns = (int64_t)(system_ns - ours_ns);
	const int64_t step_ns = k->w->clock_known ? off_ns - k->w->clock_off_ns : 0;

	k->clock_error_us = (uint64_t)(off_ns < 0 ? -off_ns : off_ns) / 1000;
	k->clock_step_us = (uint64_t)(step_ns < 0 ? -step_ns : step_ns) / 1000;
	k->w->clock_off_ns = off_ns;
	k->w->clock_known = true;
}

static uint64_t
clock_uncertain_us(void)
{
	struct timex t = { 0 };
	const int rc = adjtimex(&t);

	if (rc < 0 || rc == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		return UNDISCIPLINED_US;
	return t.maxerror < 0 ? UNDISCIPLINED_US : (uint64_t)t.maxerror;
}

static const struct lane *
lane_of_feed(const struct gateway *g, uint32_t feed)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->arb[feed] != NULL)
			return g->lane[i];
	return NULL;
}

static uint64_t
feed_silent_ms(struct look *k, uint32_t feed)
{
	const struct lane *l = lane_of_feed(k->g, feed);
	struct breaker_watch *w = k->w;
	const struct arb_metrics *m;
	uint64_t cnt = 0;

	if (l == NULL)
		return 0;
	m = &l->arb[feed]->metrics;
	for (uint32_t i = 0; i < l->arb[feed]->line_cnt; i++)
		cnt += metric_get(&l->arb[feed]->line[i].metrics.packet);
	if (cnt != w->feed_packet_cnt[feed]) {
		w->feed_packet_cnt[feed] = cnt;
		w->feed_heard_ns[feed] = k->now_ns;
	}
	// before the first packet and after the venue's end of session nothing is lost
	if (w->feed_heard_ns[feed] == 0 ||
	    metric_get(&m->session_ended) == metric_get(&m->session_started))
		return 0;
	return (k->now_ns - w->feed_heard_ns[feed]) / 1000000;
}

static uint64_t
feed_unsynced_ms(struct look *k, uint32_t feed)
{
	const struct lane *l = lane_of_feed(k->g, feed);
	uint64_t *since_ns = &k->w->feed_unsynced_ns[feed];
	uint64_t suspect_cnt = 0;
	bool synced;

	if (l == NULL)
		return 0;
	for (uint32_t i = 0; i < k->g->lane_cnt; i++)
		if (k->g->lane[i]->book[feed] != NULL)
			suspect_cnt +=
				metric_get(&k->g->lane[i]->book[feed]->metrics.instrument_suspect);
	synced = l->recovery[feed] != NULL
			 ? metric_get(&l->recovery[feed]->recover.metrics.state) ==
				   RECOVER_SYNCHRONISED
			 : suspect_cnt == 0;
	if (synced)
		*since_ns = 0;
	else if (*since_ns == 0)
		*since_ns = k->now_ns;
	return synced ? 0 : (k->now_ns - *since_ns) / 1000000;
}

static uint64_t
ring_depth_pct(const struct lane *l)
{
	uint64_t most = 0;

	for (uint32_t hop = 0; hop < HOP_CNT; hop++)
		for (uint32_t i = 0; i < l->in_cnt[hop]; i++) {
			const struct ring *r = l->in[hop][i];
			const uint64_t pct = (uint64_t)ring_depth(r) * 100 / (r->mask + 1ULL);

			if (pct > most && pct <= 100) // put and taken are read one after another
				most = pct;
		}
	return most;
}

static const struct strategy *
strategy_of(const struct gateway *g, uint32_t idx)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->has.strategy[idx] != NULL)
			return g->lane[i]->has.strategy[idx];
	return NULL;
}

static const struct session *
session_of(const struct gateway *g, uint32_t idx)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i]->has.session[idx] != NULL)
			return g->lane[i]->has.session[idx];
	return NULL;
}

/*
 * What the venue rejected, as it came: orders counts what we could not send, too.  What a replay
 * tells again before the session is up does not count.
 */
static uint64_t
rejects_of(const struct session *s, struct session_seen *seen)
{
	const uint64_t cnt = metric_get(&s->decode.metrics.rejected_received);

	if (metric_get(&s->life.metrics.state) != ORDER_SESSION_UP)
		seen->replayed_cnt += cnt - seen->reject_cnt;
	seen->reject_cnt = cnt;
	return cnt - seen->replayed_cnt;
}

static uint64_t
session_value(const struct session *s, enum breaker_what what, struct session_seen *seen)
{
	if (what == BREAKER_REJECTS)
		return rejects_of(s, seen);
	return what == BREAKER_DISCONNECTS ? metric_get(&s->metrics.session_lost)
					   : metric_get(&s->metrics.ack_late);
}

/* What a strategy's counters are, each look anew. */
static uint64_t
strategy_value(struct look *k, uint32_t idx, enum breaker_what what)
{
	const struct strategy *s = strategy_of(k->g, idx);
	struct strategy_seen *seen = &k->w->strategy[idx];
	const struct strategy_metrics *m = &s->base.metrics;
	const uint64_t refused = metric_get(&m->verdict_refused);
	const uint64_t executions = metric_get(&m->execution);
	const uint64_t wished = metric_get(&m->new_wished) + metric_get(&m->replace_wished);
	const uint64_t passed = wished > refused ? wished - refused : 0;

	// whoever asks while orders are off is not running away
	if (passed > seen->passed_max || halt_is_on())
		seen->refused_mark = refused;
	if (passed > seen->passed_max)
		seen->passed_max = passed;
	if (executions != seen->execution_cnt) {
		seen->execution_cnt = executions;
		seen->passed_mark = passed;
	}
	if (what == BREAKER_INTENTS)
		return wished;
	if (what == BREAKER_REFUSED_RUN)
		return refused - seen->refused_mark;
	return passed > seen->passed_mark ? passed - seen->passed_mark : 0;
}

/* One thing's value; false when there is none now. */
static bool
value_of(struct look *k, enum breaker_what what, uint32_t idx, uint64_t *value)
{
	const struct breaker_watch *w = k->w;
	const struct session *session;

	switch (what) {
	case BREAKER_LOSS:
		*value = w->profit_ntl4[idx] < 0 ? usd_of(-w->profit_ntl4[idx]) : 0;
		return w->pnl_known;
	case BREAKER_DRAWDOWN:
		*value = usd_of(w->drawdown_ntl4[idx]);
		return w->pnl_known;
	case BREAKER_REJECTS:
	case BREAKER_DISCONNECTS:
	case BREAKER_ROUND_TRIP:
		session = session_of(k->g, idx);
		if (session == NULL)
			return false;
		*value = session_value(session, what, &k->w->session[idx]);
		return true;
	case BREAKER_RING_DEPTH:
		*value = ring_depth_pct(k->g->lane[idx]);
		return true;
	case BREAKER_FEED_SILENT:
		*value = feed_silent_ms(k, idx);
		return true;
	case BREAKER_FEED_UNSYNCED:
		*value = feed_unsynced_ms(k, idx);
		return true;
	case BREAKER_CLOCK_ERROR:
		*value = k->clock_error_us;
		return true;
	case BREAKER_CLOCK_STEP:
		*value = k->clock_step_us;
		return true;
	case BREAKER_CLOCK_UNCERTAIN:
		*value = clock_uncertain_us();
		return true;
	case BREAKER_CONTROL_PAUSE:
		*value = k->pause_ms;
		return true;
	case BREAKER_INTENTS:
	case BREAKER_REFUSED_RUN:
	case BREAKER_UNEXECUTED:
		if (strategy_of(k->g, idx) == NULL)
			return false;
		*value = strategy_value(k, idx, what);
		return true;
	case BREAKER_WATCH_CNT:
		break;
	}
	return false;
}

static uint32_t
subject_cnt(const struct gateway *g, enum breaker_subject s)
{
	switch (s) {
	case BREAKER_OF_GATEWAY:
		break;
	case BREAKER_OF_SESSION:
		return g->config->sessions_cnt;
	case BREAKER_OF_FEED:
		return g->config->feeds_cnt;
	case BREAKER_OF_LANE:
		return g->lane_cnt;
	case BREAKER_OF_STRATEGY:
		return g->config->strategies_cnt;
	case BREAKER_OF_NODE:
		break;
	}
	return 1;
}

static const char *
subject_name(const struct gateway *g, enum breaker_subject s, uint32_t idx)
{
	switch (s) {
	case BREAKER_OF_GATEWAY:
		break;
	case BREAKER_OF_SESSION:
		return g->config->sessions[idx].name;
	case BREAKER_OF_FEED:
		return g->config->feeds[idx].name;
	case BREAKER_OF_LANE:
		return g->config->core_map.lanes[idx].name;
	case BREAKER_OF_STRATEGY:
		return g->config->strategies[idx].name;
	case BREAKER_OF_NODE:
		return config_node_name(g->config, idx);
	}
	return "gateway";
}

/* Whose value it is: of a level of the tree, one alone is watched, in the first track. */
static uint32_t
subject_of(const struct breaker *b)
{
	const struct config_breaker *c = b->config;

	return BREAKER_DEF[c->watch].subject == BREAKER_OF_NODE || c->of[0] != '\0' ? c->of_idx
										    : b->worst;
}

/* "venue_rejects of session oe is 20, 20 within 1000 ms trip it" */
static void
trip_text(const struct gateway *g, const struct breaker *b, char *out, size_t out_bytes)
{
	const struct config_breaker *c = b->config;
	const struct breaker_def *d = &BREAKER_DEF[c->watch];
	char window[48] = "";

	if (c->window_ms != 0)
		snprintf(window, sizeof(window), " %s %u ms",
			 d->kind == BREAKER_LEVEL ? "for" : "within", c->window_ms);
	snprintf(out, out_bytes, "%s of %s is %llu, %llu%s trip it", d->word,
		 subject_name(g, d->subject, subject_of(b)), (unsigned long long)b->value,
		 (unsigned long long)breaker_limit(c), window);
}

static enum risk_mode
mode_of(enum breaker_action a)
{
	return a == BREAKER_REDUCE_ONLY   ? RISK_MODE_REDUCE_ONLY
	       : a == BREAKER_CANCEL_ONLY ? RISK_MODE_CANCEL_ONLY
					  : RISK_MODE_HALTED;
}

static void
set_mode(struct gateway *g, uint32_t node_idx, enum risk_mode mode)
{
	struct err e;

	err_init(&e);
	if (limits_set_mode(&g->limits, node_idx, mode, &e) != 0)
		event_log_say(g->log, now_ns(), EVENT_ERROR, "mode of %s: %s",
			      config_node_name(g->config, node_idx), e.text);
	err_end(&e);
}

/* The worst mode that tripped breakers want of a node; what it was when none does. */
static enum risk_mode
wanted_mode(const struct gateway *g, uint32_t node_idx)
{
	const struct breaker_watch *w = g->breakers;
	enum risk_mode worst = (enum risk_mode)w->mode_before[node_idx];

	for (uint32_t i = 0; i < w->cnt; i++) {
		const struct config_breaker *c = w->breaker[i].config;

		if (w->breaker[i].tripped && breaker_sets_mode(c->action) &&
		    c->node_idx == node_idx && mode_of(c->action) > worst)
			worst = mode_of(c->action);
	}
	return worst;
}

static void
take_mode(struct gateway *g, const struct config_breaker *c)
{
	struct breaker_watch *w = g->breakers;

	if (!breaker_sets_mode(c->action))
		return;
	if (w->mode_cnt[c->node_idx]++ == 0)
		w->mode_before[c->node_idx] = g->limits.current->mode[c->node_idx];
	set_mode(g, c->node_idx, wanted_mode(g, c->node_idx));
}

/* b is armed again.  A mode that somebody else has set meanwhile stays. */
static void
give_mode_back(struct gateway *g, const struct breaker *b)
{
	const struct config_breaker *c = b->config;
	struct breaker_watch *w = g->breakers;
	enum risk_mode now, ours;

	if (!breaker_sets_mode(c->action))
		return;
	now = (enum risk_mode)g->limits.current->mode[c->node_idx];
	ours = wanted_mode(g, c->node_idx);
	if (mode_of(c->action) > ours)
		ours = mode_of(c->action); // while it was tripped
	w->mode_cnt[c->node_idx]--;
	if (now == ours)
		set_mode(g, c->node_idx, wanted_mode(g, c->node_idx));
}

static void
trip(struct gateway *g, const struct breaker *b)
{
	const struct config_breaker *c = b->config;
	char who[64], why[160];
	struct err e;

	snprintf(who, sizeof(who), "breaker %s", c->name);
	trip_text(g, b, why, sizeof(why));
	if (c->action == BREAKER_HALT)
		halt_set(HALT_BREAKER);
	take_mode(g, c);
	err_init(&e);
	if (c->action == BREAKER_KILL)
		kill_switch_fire(g, KILL_BREAKER, who, why, &e);
	err_end(&e);
	event_log_say(g->log, now_ns(), c->action == BREAKER_ALARM ? EVENT_ERROR : EVENT_CRITICAL,
		      "breaker %s tripped, action %s: %s", c->name, BREAKER_ACTION_WORD[c->action],
		      why);
}

/* Orders stay off as long as any breaker that stopped them is tripped. */
static void
lift_halt(const struct gateway *g)
{
	const struct breaker_watch *w = g->breakers;

	for (uint32_t i = 0; i < w->cnt; i++)
		if (w->breaker[i].tripped && w->breaker[i].config->action == BREAKER_HALT)
			return;
	halt_lift(HALT_BREAKER);
}

static void
look_at(struct look *k, struct breaker *b)
{
	const struct config_breaker *c = b->config;
	const uint32_t cnt = subject_cnt(k->g, BREAKER_DEF[c->watch].subject);
	const bool node = BREAKER_DEF[c->watch].subject == BREAKER_OF_NODE;

	for (uint32_t i = 0; i < cnt; i++) {
		const uint32_t idx = node ? c->of_idx : i;
		uint64_t value;

		if ((node || c->of[0] == '\0' || c->of_idx == i) &&
		    value_of(k, (enum breaker_what)c->watch, idx, &value))
			breaker_feed(b, i, value, k->now_ns);
	}
	switch (breaker_judge(b, k->now_ns)) {
	case BREAKER_QUIET:
		break;
	case BREAKER_TRIPS:
		trip(k->g, b);
		break;
	case BREAKER_REARMS:
		give_mode_back(k->g, b);
		event_log_say(k->g->log, now_ns(), EVENT_NOTICE,
			      "breaker %s is armed again: below %llu for %u ms", c->name,
			      (unsigned long long)(c->rearm_below != 0 ? c->rearm_below
								       : breaker_limit(c)),
			      c->cool_down_ms);
		break;
	}
}

void
breaker_watch_look(struct gateway *g)
{
	struct breaker_watch *w = g->breakers;
	struct look k = { .g = g, .w = w, .now_ns = monotonic_ns() };

	if (w == NULL || w->cnt == 0)
		return;
	k.pause_ms = w->look_ns == 0 ? 0 : (k.now_ns - w->look_ns) / 1000000;
	w->look_ns = k.now_ns;
	look_at_clock(&k);
	look_at_nodes(&k);
	for (uint32_t i = 0; i < w->cnt; i++)
		look_at(&k, &w->breaker[i]);
}

void
breaker_watch_released(struct gateway *g)
{
	struct breaker_watch *w = g->breakers;

	for (uint32_t i = 0; w != NULL && i < w->cnt; i++) {
		struct breaker *b = &w->breaker[i];
		struct err e;

		err_init(&e);
		if (b->tripped && b->config->action == BREAKER_KILL &&
		    breaker_rearm(b, monotonic_ns(), &e) != 0)
			b->tripped = false; // it is still there: the next look trips it again
		err_end(&e);
	}
}

void
breaker_watch_reloaded(struct gateway *g)
{
	struct breaker_watch *w = g->breakers;
	const struct limits *l = &g->limits;

	for (uint32_t n = 0; w != NULL && n < config_node_cnt(g->config); n++) {
		// a mode that somebody else has set meanwhile stays
		if (w->mode_cnt[n] == 0 || l->current->mode[n] == l->mode_by_hand[n])
			continue;
		w->mode_before[n] = l->mode_by_hand[n];
		if (l->current->mode[n] != wanted_mode(g, n))
			set_mode(g, n, wanted_mode(g, n));
	}
}

int
breaker_source_rearm(void *ctx, const char *breaker, const char *name, const char *reason,
		     struct err *e)
{
	struct gateway *g = ctx;
	struct breaker_watch *w = g->breakers;
	int rc = operator_name_check(name, e);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; w != NULL && i < w->cnt; i++) {
		struct breaker *b = &w->breaker[i];

		if (strcmp(b->config->name, breaker) != 0)
			continue;
		if (b->tripped && b->config->action == BREAKER_KILL && halt_is_killed())
			return err_set(e, -EPERM,
				       "breaker '%s' fired the kill switch: sluicectl kill release "
				       "--operator NAME re-arms it too",
				       breaker);
		rc = breaker_rearm(b, monotonic_ns(), e);
		if (rc != 0)
			return rc;
		lift_halt(g);
		give_mode_back(g, b);
		event_log_say(g->log, now_ns(), EVENT_CRITICAL,
			      "breaker %s re-armed by %s (uid %u, pid %u): %s", breaker, name,
			      g->caller_uid, g->caller_pid, reason);
		return 0;
	}
	return err_set(e, -ENOENT, "there is no breaker '%s'; sluicectl breakers lists them",
		       breaker);
}

int
breaker_source_rows(void *ctx, struct state_breaker *row, size_t row_max)
{
	const struct gateway *g = ctx;
	const struct breaker_watch *w = g->breakers;

	if (w == NULL)
		return 0;
	for (uint32_t i = 0; i < w->cnt && i < row_max; i++) {
		const struct breaker *b = &w->breaker[i];
		const struct config_breaker *c = b->config;
		const struct breaker_def *d = &BREAKER_DEF[c->watch];

		memset(&row[i], 0, sizeof(row[i]));
		TEXT(row[i].name, "%s", c->name);
		TEXT(row[i].watch, "%s", d->word);
		TEXT(row[i].of, "%s", c->of);
		TEXT(row[i].worst, "%s", subject_name(g, d->subject, subject_of(b)));
		TEXT(row[i].unit, "%s", d->kind == BREAKER_LATE ? "orders" : d->unit);
		TEXT(row[i].action, "%s", BREAKER_ACTION_WORD[c->action]);
		TEXT(row[i].rearm, "%s", BREAKER_REARM_WORD[c->rearm]);
		row[i].tripped = b->tripped;
		row[i].value = b->value;
		row[i].max = b->max;
		row[i].threshold = c->threshold;
		row[i].count = c->count;
		row[i].window_ms = c->window_ms;
		row[i].trip_cnt = b->trip_cnt;
		if (b->since_ns != 0)
			row[i].since_ns = now_ns() - (monotonic_ns() - b->since_ns);
	}
	return (int)w->cnt;
}

void
breaker_watch_metrics(struct gateway *g, state_metric_fn *fn, void *arg)
{
	const struct breaker_watch *w = g->breakers;

	for (uint32_t i = 0; w != NULL && i < w->cnt; i++) {
		const struct breaker *b = &w->breaker[i];
		const struct {
			const char *name;
			const char *help;
			bool counter;
			uint64_t value;
		} ROW[] = {
			{ "value", "What the breaker compares with its threshold", false,
			  b->value },
			{ "threshold", "From where on it trips", false, breaker_limit(b->config) },
			{ "tripped", "1 while it is tripped", false, b->tripped },
			{ "trip", "Times it tripped", true, b->trip_cnt },
		};

		for (size_t k = 0; k < ARRAY_CNT(ROW); k++) {
			const struct state_metric m = {
				.module = "breaker",
				.name = ROW[k].name,
				.help = ROW[k].help,
				.counter = ROW[k].counter,
				.label_cnt = 2,
				.label = { { "breaker", b->config->name },
					   { "watch", BREAKER_DEF[b->config->watch].word } },
				.value = ROW[k].value,
			};

			fn(arg, &m);
		}
	}
}
