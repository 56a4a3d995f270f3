/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/journal_start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "boot/day_start.h"
#include "boot/recovery_check.h"
#include "err/fault.h"
#include "journal/ring_file.h"
#include "observe/event_log.h"

enum {
	ASK_WAIT_MS = 100,
	SETTLE_MS = 20,    // what a command waits for the disk; then it is answered all the same
	STALLED_MS = 1000, // the writer has not come round for so long: the disk stands still
	CLOCK_TOKENS_PER_S = 40000, // net/order_session.h
	CLOCK_AHEAD_S = 60,
	CONFIG_BYTES_MAX = 1 << 20,
};

struct gateway_journal {
	struct journal_writer *w;
	struct journal_recovered found;
	struct recovery_check *check; // NULL: nothing to compare, or done
	uint32_t token_floor[SESSION_MAX];
	uint32_t token_granted[SESSION_MAX];
	uint32_t token_wanted[SESSION_MAX];
	uint64_t lost_told;
	int64_t error_told;
	bool stalled_told;
};

static int
name_all(struct gateway *g)
{
	static const char *const VERDICT_NAME[] = {
#define VERDICT(NAME, counter, text) [RISK_##NAME] = #NAME,
#include "decision/risk_verdicts.def"
#undef VERDICT
	};
	const struct config *c = g->config;
	struct journal_name n;
	int rc = 0;

#define NAME_ALL(what_, cnt, from, ...)                                           \
	for (uint32_t i = (from); i < (uint32_t)(cnt) && rc == 0; i++) {          \
		n = (struct journal_name){ .what = (what_), .idx = (uint16_t)i }; \
		snprintf(n.text, sizeof(n.text), __VA_ARGS__);                    \
		rc = journal_writer_name(g->journal->w, &n);                      \
	}
	NAME_ALL(JOURNAL_NAME_LANE, g->map->lane_cnt, 0, "%.60s", g->map->lane[i].name);
	NAME_ALL(JOURNAL_NAME_FEED, c->feeds_cnt, 0, "%.60s", c->feeds[i].name);
	NAME_ALL(JOURNAL_NAME_SESSION, c->sessions_cnt, 0, "%.60s", c->sessions[i].name);
	NAME_ALL(JOURNAL_NAME_STRATEGY, c->strategies_cnt, 0, "%.31s\n%.31s", c->strategies[i].name,
		 config_node_name(c, config_node_parent(c, config_strategy_node(c, i))));
	NAME_ALL(JOURNAL_NAME_INSTR, c->instruments_cnt, 1, "%.60s", c->instruments[i].symbol);
	NAME_ALL(JOURNAL_NAME_VERDICT, ARRAY_CNT(VERDICT_NAME), 0, "%s",
		 VERDICT_NAME[i] == NULL ? "" : VERDICT_NAME[i]);
#undef NAME_ALL
	return rc;
}

/* The configuration as it was read; it names passwords' files and has none in it. */
static void
say_config(struct gateway *g)
{
	char *text = malloc(CONFIG_BYTES_MAX);
	FILE *f = fopen(g->config->file, "re");
	const struct journal_text t = { 0 };

	if (text != NULL && f != NULL) {
		const size_t len = fread(text, 1, CONFIG_BYTES_MAX, f);

		journal_writer_say(g->journal->w, JOURNAL_CONFIG, &t, text, len);
	}
	if (f != NULL)
		fclose(f);
	free(text);
}

static void
say_start(struct gateway *g)
{
	const struct journal_recovered *r = &g->journal->found;
	const struct journal_text t = { .uid = (uint32_t)geteuid(), .pid = (uint32_t)getpid() };
	char text[1024];
	int len;

	len = snprintf(text, sizeof(text), "configuration %s, environment %s", g->config->file,
		       environment_word(g->config->environment));
	journal_writer_say(g->journal->w, JOURNAL_START, &t, text, (size_t)len);
	if (r->run == 0)
		return;
	len = snprintf(text, sizeof(text),
		       "run %u %s: %u rings, %" PRIu64 " records taken out of them, %" PRIu64
		       " were in the segment already, %" PRIu64
		       " lost, %u unfinished, %u refused, %" PRIu64
		       " bytes of an unfinished record cut off%s%s",
		       r->run, r->crashed ? "was killed" : "ended as asked", r->ring_cnt,
		       r->record_cnt, r->again_cnt, r->lost_cnt, r->torn_cnt, r->refused_cnt,
		       r->cut_bytes, r->why[0] != '\0' ? "; " : "", r->why);
	journal_writer_say(g->journal->w, JOURNAL_RECOVERY, &t, text, (size_t)len);
	if (r->crashed || r->refused_cnt != 0)
		event_log_say(g->log, journal_now_ns(), EVENT_WARNING, "journal: %s", text);
}

static struct keeper_config
keeper_of(const struct config *c)
{
	return (struct keeper_config){
		.keep_segments = c->journal.keep_segments,
		.keep_days = c->journal.keep_days,
		.keep_bytes = (uint64_t)c->journal.keep_mb << 20,
		.compress = c->journal.compress,
	};
}

void
gateway_journal_reloaded(struct gateway *g)
{
	const struct keeper_config keep = keeper_of(g->config);

	if (g->journal != NULL)
		journal_writer_keep(g->journal->w, &keep);
}

int
gateway_journal_open(struct gateway *g, struct err *e)
{
	const struct config *c = g->config;
	const struct journal_writer_config wc = {
		.folder = c->journal.directory,
		.build = SLUICE_VERSION,
		.start_ns = journal_now_ns(),
		.segment_bytes = (uint64_t)c->journal.segment_mb << 20,
		.ring_slots = c->journal.ring_slots,
		.keep = keeper_of(c),
		.sync_ms = c->journal.sync_ms,
		.stop_on_gap = c->journal.on_gap == JOURNAL_ON_GAP_STOP_TRADING,
	};
	int rc;

	if (!c->journal.enabled)
		return 0;
	g->journal = calloc(1, sizeof(*g->journal));
	if (g->journal == NULL)
		return err_set(e, -ENOMEM, "no memory for the journal");
	rc = journal_writer_open(&g->journal->w, &wc, &g->journal->found, e);
	if (rc != 0) {
		free(g->journal);
		g->journal = NULL;
		return rc;
	}
	for (uint32_t i = 0; i < c->sessions_cnt; i++) {
		const bool daily = c->sessions[i].protocol == SESSION_OUCH42;

		g->journal->token_floor[i] =
			journal_tokens_floor(g->journal->w, i, c->sessions[i].name, daily);
	}
	if (g->journal->found.run != 0)
		g->day = day_start_open(g);
	if (g->journal->found.crashed && g->day != NULL)
		g->journal->check = recovery_check_open(g, g->day);
	rc = name_all(g);
	if (rc != 0)
		return err_set(e, rc, "no memory for the names of the journal");
	say_start(g);
	say_config(g);
	return 0;
}

void
gateway_journal_tokens(struct gateway *g, uint32_t session_idx, uint32_t *first, uint32_t *end)
{
	*first = *end = g->replay ? g->replay_token[session_idx] : 0;
	if (g->journal == NULL)
		return;
	*first = *end = g->journal->token_floor[session_idx];
	g->journal->token_granted[session_idx] = *end;
}

int
gateway_journal_lane(struct gateway *g, struct lane *l, struct err *e)
{
	struct journal *j;

	if (g->journal == NULL || (!holds(l->stages, RISK) && !holds(l->stages, ORDERS)))
		return 0;
	j = arena_take(&l->arena, sizeof(*j));
	if (j == NULL)
		return err_set(e, -ENOMEM, "lane '%s': no room for its journal", l->name);
	l->journal = l->has.journal = j;
	if (g->config->journal.record_ports) {
		l->tape = arena_take(&l->arena, sizeof(*l->tape));
		if (l->tape == NULL)
			return err_set(e, -ENOMEM, "lane '%s': no room for its tape", l->name);
		l->tape->journal = j;
	}
	return journal_writer_ring(g->journal->w, l->idx, l->name, &l->events, j, e);
}

/* The least number that a session of that protocol may begin with now. */
static uint32_t
clock_tokens(const struct gateway *g, uint32_t session_idx, uint64_t now_ns)
{
	if (g->config->sessions[session_idx].protocol != SESSION_OUCH42)
		return 0;
	return order_session_clock_token(now_ns) + CLOCK_AHEAD_S * CLOCK_TOKENS_PER_S;
}

static struct lane *
lane_of(const struct gateway *g, uint32_t session_idx)
{
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i] != NULL && g->lane[i]->has.session[session_idx] != NULL)
			return g->lane[i];
	return NULL;
}

/* Asks for numbers well before the lane needs them, and tells it of those that are durable. */
static void
look_at_tokens(struct gateway *g, uint32_t i, uint64_t now_ns)
{
	const uint32_t block = g->config->journal.token_block;
	struct gateway_journal *j = g->journal;
	struct lane *l = lane_of(g, i);
	uint32_t next, end;

	if (l == NULL)
		return;
	next = (uint32_t)metric_get(&l->has.session[i]->orders.metrics.next_token);
	if (next < clock_tokens(g, i, now_ns) &&
	    metric_get(&l->has.session[i]->life.metrics.state) != ORDER_SESSION_UP)
		next = clock_tokens(g, i, now_ns); // it will begin there
	if (j->token_wanted[i] != UINT32_MAX &&
	    (next >= j->token_wanted[i] || j->token_wanted[i] - next < block / 2)) {
		const struct journal_text t = { .arg = i,
						.value = { next, (uint64_t)next + block } };

		j->token_wanted[i] = next > UINT32_MAX - block ? UINT32_MAX : next + block;
		journal_tokens_want(j->w, i, j->token_wanted[i]);
		journal_writer_say(j->w, JOURNAL_TOKENS, &t, "", 0);
	}
	end = journal_tokens_end(j->w, i);
	if (end > j->token_granted[i]) {
		const struct command grant = { .kind = COMMAND_TOKENS, .arg = { i, end } };

		if (gateway_ask(g, l->idx, &grant, ASK_WAIT_MS) == 0)
			j->token_granted[i] = end;
	}
}

/* A version of the limits, with all its values: what lanes judge by from now on. */
static void
tell_limits(void *gateway)
{
	const struct gateway *g = gateway;
	struct journal_text t = { .arg = g->limits.current->version };
	size_t len = 0;
	char *text = limits_text(&g->limits, &len);

	journal_writer_say(g->journal->w, JOURNAL_LIMITS, &t, text == NULL ? "" : text, len);
	free(text);
}

/* What somebody should know of the disk, once when it begins and once when it is over. */
static void
look_at_disk(struct gateway *g, uint64_t now_ns)
{
	struct gateway_journal *j = g->journal;
	struct journal_stats s;
	bool stalled;

	journal_writer_stats(j->w, &s);
	stalled = s.behind_ns > STALLED_MS * 1000000ULL;
	if (s.error != j->error_told) {
		if (s.error != 0)
			event_log_say(
				g->log, now_ns, EVENT_CRITICAL,
				"journal: %s takes no more records: %s; lanes go on and their "
				"records wait in memory, then they are lost and counted: free "
				"space",
				g->config->journal.directory, strerror((int)-s.error));
		else
			event_log_say(g->log, now_ns, EVENT_NOTICE,
				      "journal: records are kept again");
		j->error_told = s.error;
	}
	if (stalled != j->stalled_told) {
		if (stalled)
			event_log_say(g->log, now_ns, EVENT_ERROR,
				      "journal: the disk of %s stands still; lanes go on and their "
				      "records "
				      "wait in memory",
				      g->config->journal.directory);
		else
			event_log_say(g->log, now_ns, EVENT_NOTICE, "journal: the disk goes on");
		j->stalled_told = stalled;
	}
	if (s.lost != j->lost_told) {
		event_log_say(g->log, now_ns, EVENT_CRITICAL,
			      "journal: %" PRIu64 " records of the control side are lost", s.lost);
		j->lost_told = s.lost;
		if (g->config->journal.on_gap == JOURNAL_ON_GAP_STOP_TRADING)
			halt_set(HALT_CONTROL);
	}
}

/* Where a lane's ring lies: what a kill leaves, and whether a disk may hold up the lane. */
static void
say_ring(struct gateway *g, uint32_t lane_idx)
{
	const struct ring_file *f = journal_writer_ring_file(g->journal->w, lane_idx);
	const char *lane = g->map->lane[lane_idx].name;
	const uint64_t now_ns = journal_now_ns();

	if (f == NULL)
		return;
	if (f->place == RING_FOLDER)
		event_log_say(g->log, now_ns, EVENT_WARNING,
			      "DEGRADED: journal: the ring of lane '%s' is a file in the journal's "
			      "folder (too few huge pages; %s): the lane waits while that disk "
			      "stands still %s",
			      lane, f->why, fault_tag(FAULT_WARN_RING));
	else if (!f->locked)
		event_log_say(g->log, now_ns, EVENT_WARNING,
			      "DEGRADED: journal: the ring of lane '%s' is %s and may not be "
			      "locked in memory: the lane waits when the machine swaps %s",
			      lane, f->path, fault_tag(FAULT_WARN_RING));
	else
		event_log_say(g->log, now_ns, EVENT_INFO, "journal: the ring of lane '%s' is %s",
			      lane, f->path);
}

int
gateway_journal_start(struct gateway *g, struct err *e)
{
	int rc;

	if (g->journal == NULL)
		return 0;
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		say_ring(g, i);
	tell_limits(g);
	g->limits.tell = tell_limits;
	g->limits.tell_ctx = g;
	rc = journal_writer_start(g->journal->w, e);
	if (rc == 0)
		day_start_begin(g, g->journal->w);
	if (rc == 0 && g->journal->check != NULL)
		recovery_check_begin(g->journal->check);
	return rc;
}

void
gateway_journal_look(struct gateway *g, uint64_t now_ns)
{
	if (g->journal == NULL)
		return;
	for (uint32_t i = 0; i < g->config->sessions_cnt; i++)
		look_at_tokens(g, i, now_ns);
	day_start_keep(g, g->journal->w, now_ns);
	look_at_disk(g, now_ns);
	if (g->journal->check != NULL && recovery_check_look(g->journal->check, g->journal->w)) {
		recovery_check_close(g->journal->check);
		g->journal->check = NULL;
	}
}

void
gateway_journal_command(void *gateway, uint32_t uid, uint32_t pid, bool done, const void *request,
			size_t len)
{
	struct gateway *g = gateway;
	const struct journal_text t = { .uid = uid, .pid = pid, .result = done ? 0 : -EINVAL };

	if (g->journal == NULL)
		return;
	journal_writer_say(g->journal->w, JOURNAL_COMMAND, &t, request, len);
	journal_writer_settle(g->journal->w, SETTLE_MS); // before somebody reads the answer
}

void
gateway_journal_note(void *gateway, const char *lane, const char *text)
{
	const struct gateway *g = gateway;
	const struct journal_text t = { 0 };
	char line[512];
	int len;

	if (g->journal == NULL)
		return;
	len = snprintf(line, sizeof(line), "%s: %s", lane, text);
	journal_writer_say(g->journal->w, JOURNAL_NOTE, &t, line,
			   (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

uint32_t
gateway_journal_run(const struct gateway *g)
{
	struct journal_stats s = { .run = 0 };

	gateway_journal_stats(g, &s);
	return s.run;
}

void
gateway_journal_recording(struct gateway *g, const char *text, size_t len)
{
	const struct journal_text t = { 0 };

	if (g->journal != NULL)
		journal_writer_say(g->journal->w, JOURNAL_RECORDING, &t, text, len);
}

void
gateway_journal_close(struct gateway *g)
{
	const struct journal_text t = { 0 };

	if (g->journal == NULL)
		return;
	g->limits.tell = NULL;
	journal_writer_say(g->journal->w, JOURNAL_STOP, &t, "", 0);
	for (uint32_t i = 0; i < g->lane_cnt; i++)
		if (g->lane[i] != NULL)
			g->lane[i]->journal = g->lane[i]->has.journal = NULL; // its ring goes away
	if (g->journal->check != NULL)
		recovery_check_close(g->journal->check);
	journal_writer_close(g->journal->w);
	day_start_close(g->day);
	g->day = NULL;
	free(g->journal);
	g->journal = NULL;
}

const struct journal_metrics *
gateway_journal_lane_metrics(const struct gateway *g, uint32_t lane_idx)
{
	const struct lane *l = g->lane[lane_idx];

	return l == NULL || l->has.journal == NULL ? NULL : &l->has.journal->metrics;
}

bool
gateway_journal_stats(const struct gateway *g, struct journal_stats *out)
{
	if (g->journal == NULL)
		return false;
	journal_writer_stats(g->journal->w, out);
	return true;
}
