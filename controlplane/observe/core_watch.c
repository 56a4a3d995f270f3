/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/core_watch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "observe/latency.h"

enum {
	STAT_MINOR = 10, // fields of /proc/PID/stat, from 1 (proc(5))
	STAT_MAJOR = 12,
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_PROCESSOR = 39,
	STAT_FIELDS = 40,
	CPU_STEAL = 8, // of /proc/stat's line of a core
	RIVALS = 3,
	THREADS_FIRST = 256,
};

__attribute__((format(printf, 1, 2))) static FILE *
open_file(const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return fopen(path, "re");
}

/* A name of digits alone as a number, else 0. */
static int
number_of(const char *name)
{
	char *end;
	const long n = strtol(name, &end, 10);

	return *end == '\0' && n > 0 && n < INT32_MAX ? (int)n : 0;
}

/* The value behind "key:" in a line of its own. */
static bool
line_value(const char *line, const char *key, uint64_t *out)
{
	const size_t len = strlen(key);

	if (strncmp(line, key, len) != 0 || line[len] != ':')
		return false;
	*out = strtoull(line + len + 1, NULL, 10);
	return true;
}

/* The fields of a stat line from STAT_MINOR on; the name may hold any character but the last ')'.
 */
struct stat_line {
	char name[64];
	char state;
	uint64_t field[STAT_FIELDS]; // by number; 0 and up to 3 are unused
};

static bool
read_stat(FILE *f, struct stat_line *out)
{
	char line[1024], *at, *end;

	memset(out, 0, sizeof(*out));
	if (fgets(line, sizeof(line), f) == NULL)
		return false;
	at = strchr(line, '(');
	end = strrchr(line, ')');
	if (at == NULL || end == NULL || end[1] != ' ' || end[2] == '\0')
		return false;
	snprintf(out->name, sizeof(out->name), "%.*s", (int)(end - at - 1), at + 1);
	out->state = end[2];
	at = end + 3;
	for (int i = 4; i < STAT_FIELDS && *at != '\0'; i++) {
		// some are negative: those are not asked for
		out->field[i] = (uint64_t)strtoll(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	return true;
}

static void
read_thread(const char *proc, int tid, struct core_counts *out)
{
	struct stat_line stat;
	char line[256];
	FILE *f = open_file("%s/self/task/%d/status", proc, tid);

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (!line_value(line, "voluntary_ctxt_switches", &out->own_switches))
			line_value(line, "nonvoluntary_ctxt_switches", &out->forced_switches);
	if (f != NULL)
		fclose(f);
	f = open_file("%s/self/task/%d/schedstat", proc, tid);
	if (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *at;

		strtoull(line, &at, 10); // how long it ran
		out->wait_ns = strtoull(at, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
	f = open_file("%s/self/task/%d/stat", proc, tid);
	if (f != NULL && read_stat(f, &stat)) {
		out->minor_faults = stat.field[STAT_MINOR];
		out->major_faults = stat.field[STAT_MAJOR];
	}
	if (f != NULL)
		fclose(f);
}

static uint64_t
ticks_to_ns(uint64_t ticks)
{
	const long hz = sysconf(_SC_CLK_TCK);

	return hz > 0 ? ticks * (NS_PER_SEC / (uint64_t)hz) : 0;
}

static void
read_steal(const char *proc, uint32_t core, struct core_counts *out)
{
	char line[512], want[32];
	FILE *f = open_file("%s/stat", proc);
	size_t len;

	snprintf(want, sizeof(want), "cpu%u ", core);
	len = strlen(want);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *at = line + len;
		uint64_t ticks = 0;

		if (strncmp(line, want, len) != 0)
			continue;
		for (int i = 0; i < CPU_STEAL; i++)
			ticks = strtoull(at, &at, 10);
		out->steal_ns = ticks_to_ns(ticks);
		break;
	}
	if (f != NULL)
		fclose(f);
}

/* Which number of a line of /proc/interrupts is the core's; -1: it has none. */
static int
column_of(const char *head, uint32_t core)
{
	char want[16];
	int column = 0;

	snprintf(want, sizeof(want), "CPU%u", core);
	for (const char *at = head; *at != '\0'; column++) {
		size_t len;

		at += strspn(at, " \t\n");
		len = strcspn(at, " \t\n");
		if (len == 0)
			break;
		if (len == strlen(want) && strncmp(at, want, len) == 0)
			return column;
		at += len;
	}
	return -1;
}

/* "LOC" and what the line says behind its numbers, without runs of spaces. */
static void
name_irq(const char *line, const char *behind, char out[CORE_IRQ_NAME])
{
	size_t len = 0;

	for (const char *c = line; *c != ':' && len < CORE_IRQ_NAME - 2; c++)
		if (*c != ' ')
			out[len++] = *c;
	for (const char *c = behind; *c != '\0' && *c != '\n' && len < CORE_IRQ_NAME - 2; c++) {
		if (isspace((unsigned char)*c) && (len == 0 || out[len - 1] == ' '))
			continue;
		out[len++] = isspace((unsigned char)*c) ? ' ' : *c;
	}
	out[len] = '\0';
}

static void
read_interrupts(const char *proc, uint32_t core, struct core_counts *out)
{
	FILE *f = open_file("%s/interrupts", proc);
	char *line = NULL;
	size_t room = 0;
	int column = -1;

	if (f != NULL && getline(&line, &room, f) > 0)
		column = column_of(line, core);
	while (column >= 0 && getline(&line, &room, f) > 0 && out->irq_cnt < CORE_IRQ_MAX) {
		struct core_irq *irq = &out->irq[out->irq_cnt];
		char *at = strchr(line, ':'), *end;
		int i = 0;

		if (at == NULL)
			continue;
		for (at++;; i++, at = end) {
			const uint64_t cnt = strtoull(at, &end, 10);

			if (end == at || (!isspace((unsigned char)*end) && *end != '\0'))
				break; // the words behind
			if (i == column)
				irq->cnt = cnt;
		}
		if (i <= column)
			continue; // ERR and MIS have one number for all cores
		name_irq(line, at, irq->name);
		out->irq_cnt++;
	}
	free(line);
	if (f != NULL)
		fclose(f);
}

int
core_counts_read(const char *proc, int tid, uint32_t core, struct core_counts *out)
{
	char path[256];

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s/self/task/%d", proc, tid);
	if (access(path, F_OK) != 0)
		return -ESRCH;
	read_thread(proc, tid, out);
	read_steal(proc, core, out);
	read_interrupts(proc, core, out);
	out->tsc = clock_tsc();
	return 0;
}

static uint64_t
grown(uint64_t from, uint64_t to)
{
	return to >= from ? to - from : to;
}

void
core_counts_between(const struct core_counts *from, const struct core_counts *to,
		    struct core_delta *out)
{
	*out = (struct core_delta){
		.own_switches = grown(from->own_switches, to->own_switches),
		.forced_switches = grown(from->forced_switches, to->forced_switches),
		.wait_ns = grown(from->wait_ns, to->wait_ns),
		.minor_faults = grown(from->minor_faults, to->minor_faults),
		.major_faults = grown(from->major_faults, to->major_faults),
		.steal_ns = grown(from->steal_ns, to->steal_ns),
	};
	for (uint32_t i = 0; i < to->irq_cnt; i++) {
		const bool same =
			i < from->irq_cnt && strcmp(from->irq[i].name, to->irq[i].name) == 0;
		const uint64_t cnt = same ? grown(from->irq[i].cnt, to->irq[i].cnt) : 0;

		out->interrupts += cnt;
		if (cnt <= out->irq_most)
			continue;
		out->irq_most = cnt;
		memcpy(out->irq_name, to->irq[i].name, sizeof(out->irq_name));
	}
}

/* Calls fn for each thread there is, until it returns an error. */
static int
each_thread(const char *proc,
	    int (*fn)(void *ctx, const char *folder, const struct core_thread *t, char run_state),
	    void *ctx)
{
	const struct dirent *entry, *task;
	DIR *all = opendir(proc);
	int rc = 0;

	while (rc == 0 && all != NULL && (entry = readdir(all)) != NULL) {
		struct core_thread t = { .pid = number_of(entry->d_name) };
		char path[256];
		DIR *tasks;

		if (t.pid == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%d/task", proc, t.pid);
		tasks = opendir(path);
		while (rc == 0 && tasks != NULL && (task = readdir(tasks)) != NULL) {
			struct stat_line stat;
			FILE *f;

			t.tid = number_of(task->d_name);
			f = t.tid != 0 ? open_file("%s/%d/stat", path, t.tid) : NULL;
			if (f == NULL)
				continue;
			if (read_stat(f, &stat)) {
				t.core = (uint32_t)stat.field[STAT_PROCESSOR];
				t.ran_ns = ticks_to_ns(stat.field[STAT_UTIME] +
						       stat.field[STAT_STIME]);
				snprintf(t.name, sizeof(t.name), "%.*s", CORE_THREAD_NAME - 1,
					 stat.name);
				rc = fn(ctx, path, &t, stat.state);
			}
			fclose(f);
		}
		if (tasks != NULL)
			closedir(tasks);
	}
	if (all != NULL)
		closedir(all);
	return rc;
}

static int
add_thread(void *ctx, const char *folder, const struct core_thread *t, char run_state)
{
	struct core_threads *all = ctx;
	char line[256];
	FILE *f;

	(void)run_state;
	if (all->cnt == all->max) {
		const size_t max = all->max == 0 ? THREADS_FIRST : 2 * all->max;
		struct core_thread *more = reallocarray(all->thread, max, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		all->thread = more;
		all->max = max;
	}
	all->thread[all->cnt] = *t;
	f = open_file("%s/%d/schedstat", folder, t->tid);
	if (f != NULL && fgets(line, sizeof(line), f) != NULL)
		all->thread[all->cnt].ran_ns = strtoull(line, NULL, 10); // finer than ticks
	if (f != NULL)
		fclose(f);
	all->cnt++;
	return 0;
}

static int
compare_tid(const void *a, const void *b)
{
	const int x = ((const struct core_thread *)a)->tid,
		  y = ((const struct core_thread *)b)->tid;

	return (x > y) - (x < y);
}

int
core_threads_read(const char *proc, struct core_threads *t)
{
	int rc;

	t->cnt = 0;
	rc = each_thread(proc, add_thread, t);
	if (rc != 0)
		t->cnt = 0;
	if (t->cnt != 0)
		qsort(t->thread, t->cnt, sizeof(*t->thread), compare_tid);
	t->tsc = clock_tsc();
	return rc;
}

void
core_threads_free(struct core_threads *t)
{
	free(t->thread);
	*t = (struct core_threads){ 0 };
}

struct rival {
	const struct core_thread *thread; // NULL: none
	uint64_t ran_ns;
};

/* The list stays sorted, the one that ran longest first. */
static void
add_rival(struct rival list[RIVALS], const struct core_thread *thread, uint64_t ran_ns)
{
	for (int i = 0; i < RIVALS; i++)
		if (ran_ns > list[i].ran_ns) {
			memmove(&list[i + 1], &list[i], (size_t)(RIVALS - 1 - i) * sizeof(*list));
			list[i] = (struct rival){ .thread = thread, .ran_ns = ran_ns };
			return;
		}
}

void
core_rivals(const struct core_threads *from, const struct core_threads *to, uint32_t core,
	    int not_tid, char out[CORE_RIVALS_MAX])
{
	struct rival list[RIVALS] = { 0 };
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < to->cnt; i++) {
		const struct core_thread *t = &to->thread[i], *was = NULL;

		if (from->cnt != 0)
			was = bsearch(t, from->thread, from->cnt, sizeof(*t), compare_tid);
		if (t->tid != not_tid && (t->core == core || (was != NULL && was->core == core)))
			add_rival(list, t, was != NULL ? grown(was->ran_ns, t->ran_ns) : t->ran_ns);
	}
	for (int i = 0; i < RIVALS && list[i].thread != NULL && len < CORE_RIVALS_MAX; i++) {
		char ran[32];

		len += (size_t)snprintf(out + len, CORE_RIVALS_MAX - len, "%s%s (%d) %s",
					i == 0 ? "" : ", ", list[i].thread->name,
					list[i].thread->pid,
					latency_ns_text(list[i].ran_ns, ran, sizeof(ran)));
	}
}

struct search {
	const char *name;
	uint32_t core;
	int pid;
};

static int
note_found(void *ctx, const char *folder, const struct core_thread *t, char run_state)
{
	struct search *s = ctx;

	(void)folder;
	if (run_state == 'R' && t->core == s->core &&
	    strncmp(t->name, s->name, strlen(s->name)) == 0)
		s->pid = t->pid;
	return 0;
}

int
core_find(const char *proc, uint32_t core, const char *name)
{
	struct search s = { .name = name, .core = core };

	each_thread(proc, note_found, &s);
	return s.pid;
}
