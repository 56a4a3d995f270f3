/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/kill_switch.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "boot/breaker_watch.h"
#include "limits/kill_latch.h"
#include "observe/event_log.h"
#include "observe/state_ask.h"

enum {
	SIGNAL = SIGUSR1,
	NAME_BYTES_MAX = 48, // of who releases
};

struct kill_switch {
	struct kill_latch latch;
	struct kill_record now; // the firing that is on
	bool told;              // it is written down
	bool file_there;
};

/* On whichever thread the kernel chose; a lane, as a rule. */
static void
on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	halt_kill(KILL_SIGNAL, (uint64_t)(uint32_t)info->si_pid << 32 | info->si_uid);
}

static const char *
latch_path(const struct gateway *g, char out[PATH_MAX])
{
	if (g->config->kill_switch.latch_file[0] != '\0')
		snprintf(out, PATH_MAX, "%s", g->config->kill_switch.latch_file);
	else
		snprintf(out, PATH_MAX, "%s.kill", g->config->control.socket);
	return out;
}

/* A switch whose file nobody can create is none. */
static int
check_file(const struct gateway *g, struct err *e)
{
	const char *file = g->config->kill_switch.file;
	char folder[CONFIG_PATH_MAX];
	struct stat st;
	char *slash;

	if (file[0] == '\0')
		return 0;
	snprintf(folder, sizeof(folder), "%s", file);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder] = '\0';
	if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, -ENOENT, "kill_switch.file: its folder %s is not there", folder);
	return 0;
}

int
kill_switch_open(struct gateway *g, struct err *e)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct kill_switch *k = calloc(1, sizeof(*k));
	char path[PATH_MAX];
	int rc;

	if (k == NULL)
		return err_set(e, -ENOMEM, "no memory for the kill switch");
	rc = check_file(g, e);
	if (rc == 0)
		rc = kill_latch_open(&k->latch, latch_path(g, path), &k->now, e);
	if (rc != 0) {
		free(k);
		return rc;
	}
	g->kill = k;
	sigfillset(&act.sa_mask);
	sigaction(SIGNAL, &act, NULL);
	if (!k->now.on)
		return 0;
	k->told = k->now.when[0] != '\0';
	if (k->told)
		event_log_say(g->log, now_ns(), EVENT_CRITICAL,
			      "the kill switch is on since %s: %s, %s: %s; orders stay off until "
			      "sluicectl kill release",
			      k->now.when, KILL_CAUSE_TEXT[k->now.cause], k->now.who, k->now.why);
	return 0;
}

void
kill_switch_start(struct gateway *g)
{
	struct err e;

	err_init(&e);
	if (halt_is_killed())
		limits_disarm(&g->limits, &e);
	snprintf(g->limits.halt_reason, sizeof(g->limits.halt_reason), "%.100s",
		 halt_is_killed() ? g->kill->now.why : "");
	err_end(&e);
}

void
kill_switch_close(struct gateway *g)
{
	if (g->kill == NULL)
		return;
	signal(SIGNAL, SIG_DFL);
	kill_latch_close(&g->kill->latch);
	free(g->kill);
	g->kill = NULL;
}

/* Writes a firing down: latch, log, permission. */
static int
tell(struct gateway *g, enum kill_cause cause, uint64_t ns, const char *who, const char *why,
     struct err *e)
{
	struct kill_switch *k = g->kill;
	struct err publish;
	int rc;

	k->told = true;
	k->now = (struct kill_record){ .on = true, .cause = cause };
	kill_when_text(ns, k->now.when);
	snprintf(k->now.who, sizeof(k->now.who), "%s", who);
	snprintf(k->now.why, sizeof(k->now.why), "%s", why);
	rc = kill_latch_write(&k->latch, &k->now, e);
	event_log_say(g->log, now_ns(), EVENT_CRITICAL,
		      "kill switch fired at %s by %s, %s: %s; orders are off, working ones are "
		      "cancelled, until sluicectl kill release",
		      k->now.when, KILL_CAUSE_TEXT[cause], k->now.who, k->now.why);
	if (rc != 0)
		event_log_say(g->log, now_ns(), EVENT_CRITICAL, "%s", e->text);
	snprintf(g->limits.halt_reason, sizeof(g->limits.halt_reason), "%.100s", k->now.why);
	err_init(&publish);
	if (limits_disarm(&g->limits, &publish) != 0) // the flag is on whatever became of the table
		event_log_say(g->log, now_ns(), EVENT_WARNING, "%s", publish.text);
	err_end(&publish);
	return rc;
}

int
kill_switch_fire(struct gateway *g, enum kill_cause cause, const char *who, const char *why,
		 struct err *e)
{
	const bool was_on = halt_is_killed();

	halt_kill(cause, 0);
	if (g->kill == NULL)
		return 0;
	if (was_on && g->kill->told) {
		event_log_say(g->log, now_ns(), EVENT_CRITICAL,
			      "kill switch fired again, it was on: %s: %s", who, why);
		return 0;
	}
	return tell(g, cause, now_ns(), who, why, e);
}

/* What a lane, a signal or a process before us fired. */
static void
tell_fired(struct gateway *g)
{
	const struct kill_switch_flag *f = &kill_switch_flag;
	const enum kill_cause cause = (enum kill_cause)load_relaxed_u32(&f->cause);
	const uint64_t arg = load_relaxed_u64(&f->arg), tsc = load_relaxed_u64(&f->tsc);
	const uint64_t age_ns = clock_cycles_to_ns(&g->clock, clock_tsc() - tsc);
	const uint64_t now = now_ns();
	char who[KILL_WHO_MAX] = "this process", why[KILL_WHY_MAX] = "";
	struct err e;

	if (cause == KILL_NONE)
		return; // whoever fires is between two stores
	switch (cause) {
	case KILL_SIGNAL:
		snprintf(who, sizeof(who), "uid %u, pid %u", (uint32_t)arg, (uint32_t)(arg >> 32));
		snprintf(why, sizeof(why), "it sent SIGUSR1");
		break;
	case KILL_CONTROL:
		snprintf(who, sizeof(who), "a lane");
		snprintf(why, sizeof(why), "the control thread gave no sign of life for %llu ms",
			 (unsigned long long)(arg / 1000000));
		break;
	case KILL_BROKEN:
		snprintf(who, sizeof(who), "a lane");
		snprintf(why, sizeof(why), "an invariant broke, see the event before");
		break;
	default:
		break;
	}
	if (g->kill->now.on && g->kill->now.when[0] == '\0') { // found at the start
		snprintf(who, sizeof(who), "an earlier process");
		if (g->kill->now.why[0] != '\0')
			snprintf(why, sizeof(why), "%s", g->kill->now.why);
		else
			snprintf(why, sizeof(why),
				 "%s; it ended before it could write more; found at the start",
				 KILL_CAUSE_TEXT[cause]);
	}
	err_init(&e);
	tell(g, cause, age_ns < now ? now - age_ns : now, who, why, &e);
	err_end(&e);
}

static void
look_for_file(struct gateway *g)
{
	const char *file = g->config->kill_switch.file;
	struct kill_switch *k = g->kill;
	char who[KILL_WHO_MAX], why[KILL_WHY_MAX];
	struct stat st;
	struct err e;
	int rc;

	if (file[0] == '\0')
		return;
	rc = lstat(file, &st) == 0 ? 0 : errno;
	if (rc == ENOENT) {
		k->file_there = false;
		return;
	}
	if (k->file_there)
		return;
	k->file_there = true;
	snprintf(who, sizeof(who), "uid %u, whose file it is", rc == 0 ? (unsigned)st.st_uid : 0);
	snprintf(why, sizeof(why), "%.120s %s", file,
		 rc == 0 ? "is there" : "cannot be looked for, which counts as being there");
	err_init(&e);
	kill_switch_fire(g, KILL_FILE, who, why, &e);
	err_end(&e);
}

void
kill_switch_look(struct gateway *g)
{
	if (g->kill == NULL)
		return;
	look_for_file(g);
	if (halt_is_killed() && !g->kill->told)
		tell_fired(g);
}

void
kill_switch_summary(const struct gateway *g)
{
	if (g->kill == NULL || !halt_is_killed())
		return;
	fprintf(stderr,
		"sluice: the kill switch is on (%s: %s); the next start keeps orders off until "
		"sluicectl kill release\n",
		KILL_CAUSE_TEXT[g->kill->now.cause], g->kill->now.why);
}

int
kill_source_fire(void *ctx, const char *reason, struct err *e)
{
	struct gateway *g = ctx;
	char who[KILL_WHO_MAX];

	snprintf(who, sizeof(who), "uid %u, pid %u, on the control socket", g->caller_uid,
		 g->caller_pid);
	return kill_switch_fire(g, KILL_OPERATOR, who, reason, e);
}

/* A name is one of a person: at least two letters, and nothing that a log could not show. */
int
operator_name_check(const char *name, struct err *e)
{
	unsigned letters = 0;

	for (const char *c = name; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			return err_set(e, -EINVAL,
				       "operator: a name is written in printable ASCII here");
		letters += isalpha((unsigned char)*c) != 0;
	}
	if (letters < 2 || strlen(name) >= NAME_BYTES_MAX)
		return err_set(e, -EINVAL,
			       "operator: the name of the person who releases, 2 to %d letters",
			       NAME_BYTES_MAX - 1);
	return 0;
}

int
kill_source_release(void *ctx, const char *name, const char *reason, struct err *e)
{
	struct gateway *g = ctx;
	struct kill_switch *k = g->kill;
	struct kill_record r = { .on = false, .cause = KILL_NONE };
	struct stat st;
	int rc;

	rc = operator_name_check(name, e);
	if (rc != 0)
		return rc;
	if (k == NULL || !halt_is_killed())
		return err_set(e, -EALREADY, "the kill switch is not on");
	if (halt_reasons() & HALT_MUST)
		return err_set(e, -EPERM,
			       "an invariant broke in this process: start the gateway again, then "
			       "release");
	if (g->config->kill_switch.file[0] != '\0' && lstat(g->config->kill_switch.file, &st) == 0)
		return err_set(e, -EPERM,
			       "%s is still there and would fire it again: remove it "
			       "first",
			       g->config->kill_switch.file);
	limits_disarm(&g->limits, e); // arm is a step of its own
	err_init(e);
	kill_when_text(now_ns(), r.when);
	snprintf(r.who, sizeof(r.who), "%s (uid %u, pid %u)", name, g->caller_uid, g->caller_pid);
	snprintf(r.why, sizeof(r.why), "%s", reason);
	k->told = false;
	k->now = (struct kill_record){ 0 };
	if (!halt_kill_release())
		return err_set(e, -EAGAIN, "it fired again at this moment; sluicectl kill status");
	rc = kill_latch_write(&k->latch, &r, e);
	event_log_say(g->log, now_ns(), EVENT_CRITICAL,
		      "kill switch released by %s: %s; disarmed, orders leave after sluicectl arm",
		      r.who, r.why);
	g->limits.halt_reason[0] = '\0';
	breaker_watch_released(g);
	return rc;
}

int
kill_source_state(void *ctx, struct state_kill *out)
{
	const struct gateway *g = ctx;

	memset(out, 0, sizeof(*out));
	out->on = halt_is_killed();
	if (g->kill == NULL)
		return 0;
	TEXT(out->latch_file, "%.500s", g->kill->latch.path);
	if (!out->on)
		return 0;
	TEXT(out->cause, "%.*s", (int)strcspn(KILL_CAUSE_WORD[g->kill->now.cause], " "),
	     KILL_CAUSE_WORD[g->kill->now.cause]);
	for (char *c = out->cause; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	TEXT(out->when, "%s", g->kill->now.when);
	TEXT(out->who, "%s", g->kill->now.who);
	TEXT(out->why, "%s", g->kill->now.why);
	return 0;
}
