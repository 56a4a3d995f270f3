/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "boot/breaker_watch.h"
#include "boot/journal_start.h"
#include "boot/lane_latency.h"
#include "boot/latency_watch.h"
#include "boot/manifest_start.h"
#include "config/config_merge.h"
#include "limits/day_files.h"
#include "observe/event_log.h"
#include "observe/state_ask.h"

enum {
	TOLD_BYTES = 64 * 1024,
};

/* A reload underway.  Big: from the heap. */
struct reload {
	struct gateway *g;
	struct config file;  // as it is read
	struct config next;  // what comes into force
	struct core_map map; // only to be checked
	struct profile profile;
	struct state_reload *row;
	size_t row_max;
	size_t cnt;
	size_t live_cnt;
	bool limits;
	bool latency; // of the lanes
	char told[TOLD_BYTES];
};

static void
changed(void *arg, const struct config_change *c)
{
	struct reload *r = arg;

	if (r->cnt < r->row_max) {
		struct state_reload *row = &r->row[r->cnt];

		TEXT(row->key, "%s", c->key);
		TEXT(row->was, "%s", c->was);
		TEXT(row->now, "%s", c->now);
		row->applied = c->live;
	}
	r->cnt++;
	r->live_cnt += c->live;
	r->latency |= c->live && strncmp(c->key, "latency.", 8) == 0;
	r->limits |= c->live &&
		     (strncmp(c->key, "risk.", 5) == 0 || strncmp(c->key, "accounts[", 9) == 0 ||
		      strncmp(c->key, "strategies[", 11) == 0);
}

/* All that a start would check without touching a device, but for cores and passwords. */
static int
read_whole(struct reload *r, struct err *e)
{
	struct day_position *position = NULL;
	int rc = config_load(&r->file, r->g->config->file, e);

	if (rc != 0)
		return rc;
	rc = core_map_resolve(&r->map, &r->file, e);
	for (uint32_t i = 0; rc == 0 && i < r->file.ports_cnt; i++)
		rc = profile_load(&r->profile, r->file.pmd_config_dir, r->file.ports[i].profile, e);
	if (rc == 0)
		rc = day_positions_load(&r->file, &position, e);
	free(position);
	return rc < 0 ? rc : 0;
}

/* Files that are written somewhere else from now on can be opened: asked before anything changes.
 */
static int
try_logs(const struct reload *r, struct err *e)
{
	const struct config *now = r->g->config, *next = &r->next;
	int rc = 0;

	if (strcmp(now->control.event_log, next->control.event_log) != 0)
		rc = event_log_try(next->control.event_log, e);
	if (rc == 0 && strcmp(now->latency.log_file, next->latency.log_file) != 0)
		rc = latency_log_try(next->latency.log_file, e);
	return rc;
}

/* Says what became of each key: in the log, which notes it in the journal. */
static void
tell(struct reload *r, uint64_t start_ns)
{
	struct gateway *g = r->g;
	char *save = NULL;

	for (size_t i = 0; i < r->cnt && i < r->row_max; i++)
		event_log_say(
			g->log, now_ns(), r->row[i].applied ? EVENT_NOTICE : EVENT_WARNING,
			"reload: %s: %s becomes %s%s", r->row[i].key, r->row[i].was, r->row[i].now,
			r->row[i].applied ? "" : " only with a restart; it was left as it is");
	for (char *line = strtok_r(r->told, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		event_log_say(g->log, now_ns(), EVENT_WARNING, "reload: %s", line);
	event_log_say(g->log, now_ns(), EVENT_NOTICE,
		      "reload: %s was read: %zu keys differ, %zu in force, %zu need a restart",
		      g->config->file, r->cnt, r->live_cnt, r->cnt - r->live_cnt);
	if (r->limits)
		event_log_put(g->log, now_ns(), EVENT_LIMITS_PUBLISHED, g->limits.current->version,
			      now_ns() - start_ns);
}

/* The new values stand where everybody looks for them: in the one configuration. */
static void
put_in_force(struct reload *r)
{
	struct gateway *g = r->g;
	const bool log_moved = strcmp(g->config->control.event_log, r->next.control.event_log) != 0;
	const bool latency_moved =
		strcmp(g->config->latency.log_file, r->next.latency.log_file) != 0;
	struct err e;

	config_free(g->config);
	*g->config = r->next;
	err_init(&e);
	if (log_moved && event_log_move(g->log, g->config->control.event_log, &e) != 0)
		event_log_say(g->log, now_ns(), EVENT_ERROR, "reload: %s", e.text);
	if (latency_moved && latency_watch_move(g, &e) != 0)
		event_log_say(g->log, now_ns(), EVENT_ERROR, "reload: %s", e.text);
	breaker_watch_reloaded(g);
	gateway_journal_reloaded(g);
	if (r->latency)
		lane_latency_reloaded(g);
	if (r->latency && g->measure_due != 0)
		event_log_say(g->log, now_ns(), EVENT_WARNING,
			      "reload: %d lanes did not answer in time; they take the latency.* "
			      "keys as soon as they do",
			      __builtin_popcount(g->measure_due));
}

static int
reload(struct reload *r, struct err *e)
{
	struct gateway *g = r->g;
	const uint64_t start_ns = now_ns();
	int rc = read_whole(r, e), slow = 0;

	if (rc != 0)
		return rc;
	rc = config_merge(&r->next, g->config, &r->file, changed, r, e);
	if (rc != 0)
		return rc;
	rc = try_logs(r, e);
	if (rc == 0 && r->limits) {
		const uint32_t version = g->limits.current->version;

		rc = limits_reload(&g->limits, &r->next, r->told, sizeof(r->told), e);
		if (rc != 0 && g->limits.current->version != version) {
			slow = rc; // in force all the same
			rc = 0;
		}
	}
	if (rc != 0) {
		config_free(&r->next);
		return rc;
	}
	put_in_force(r);
	tell(r, start_ns);
	gateway_manifest_look(g);
	return slow;
}

int
gateway_reload(struct gateway *g, struct state_reload *row, size_t row_max, struct err *e)
{
	struct reload *r = calloc(1, sizeof(*r));
	struct err why;
	int rc;

	if (r == NULL)
		return err_set(e, -ENOMEM, "no memory to read the configuration again");
	r->g = g;
	r->row = row;
	r->row_max = row_max;
	rc = reload(r, e);
	if (rc == 0)
		rc = (int)r->cnt;
	config_free(&r->file);
	free(r);
	err_init(&why);
	if (event_log_reopen(g->log, &why) != 0)
		event_log_say(g->log, now_ns(), EVENT_ERROR, "%s", why.text);
	err_end(&why);
	return rc;
}

int
reload_source(void *ctx, struct state_reload *row, size_t row_max, struct err *e)
{
	return gateway_reload(ctx, row, row_max, e);
}

int
log_reopen_source(void *ctx, struct err *e)
{
	struct gateway *g = ctx;

	return event_log_reopen(g->log, e);
}

/* Each fault is a line of its own, as everything in the log. */
static void
say_fault(struct gateway *g, struct err *e)
{
	char *save = NULL;

	err_end(e);
	for (char *line = strtok_r(e->text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		event_log_say(g->log, now_ns(), EVENT_ERROR, "reload: %s", line);
}

void
gateway_reload_by_signal(struct gateway *g)
{
	struct state_reload *row = calloc(STATE_RELOAD_MAX, sizeof(*row));
	struct timespec t;
	struct err e;

	err_init(&e);
	clock_gettime(CLOCK_MONOTONIC, &t);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	if (row == NULL || gateway_reload(g, row, STATE_RELOAD_MAX, &e) < 0) {
		say_fault(g, &e);
		event_log_say(g->log, now_ns(), EVENT_ERROR,
			      "SIGHUP: the configuration was not taken over as a whole; see above");
	}
	free(row);
	sd_notify(0, "READY=1");
}
