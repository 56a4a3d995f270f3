/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host_watch.h"

enum {
	NICE_FIRST = -20, // as on a core of its own; the caller stays: the gateway's control thread
			  // shares its core, and trading stops when that starves
	STEAL_FIELD = 8,  // of a cpu line in /proc/stat: proc(5)
};

static bool
has_core_alone(pid_t pid, pid_t tid, unsigned core)
{
	char path[64], line[256], wanted[48];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	snprintf(wanted, sizeof(wanted), "Cpus_allowed_list:\t%u\n", core);
	f = fopen(path, "r");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strcmp(line, wanted) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

void
host_watch_init(struct host_watch *h, const struct bench *b, pid_t pid, unsigned core)
{
	const struct dirent *e;
	char path[64];
	DIR *d;

	*h = (struct host_watch){ .b = b,
				  .core = core,
				  .pid = pid,
				  .gap_cycles_min =
					  (uint64_t)(HOST_GAP_US * 1e3 / b->ns_per_cycle) };
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		const pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid > 0 && h->tid_cnt < HOST_THREADS_MAX && has_core_alone(pid, tid, core)) {
			h->tid[h->tid_cnt++] = tid;
			setpriority(PRIO_PROCESS, (id_t)tid, NICE_FIRST);
		}
	}
	if (d != NULL)
		closedir(d);
	if (h->tid_cnt == 0)
		bench_die("nobody has the gateway's core alone");
}

/* How long its threads were runnable and did not run. */
static uint64_t
waited_ns(const struct host_watch *h)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < h->tid_cnt; i++) {
		uint64_t waited;
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)h->pid,
			 (int)h->tid[i]);
		f = fopen(path, "r");
		if (f != NULL && fscanf(f, "%*u %" SCNu64, &waited) == 1)
			sum += waited;
		if (f != NULL)
			fclose(f);
	}
	return sum;
}

static uint64_t
stolen_ns(const struct host_watch *h)
{
	FILE *f = fopen("/proc/stat", "r");
	uint64_t steal = 0;
	char line[256], name[16];

	snprintf(name, sizeof(name), "cpu%u ", h->core);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *at = line;

		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		for (unsigned i = 0; at != NULL && i < STEAL_FIELD; i++)
			at = strchr(at + 1, ' ');
		steal = at == NULL ? 0 : strtoull(at, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
	return steal * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

void
host_watch_start(struct host_watch *h)
{
	h->waited_before_ns = waited_ns(h);
	h->stolen_before_ns = stolen_ns(h);
	h->start_tsc = h->last_tsc = __rdtsc();
	h->watching = true;
}

void
host_watch_stop(struct host_watch *h)
{
	const uint64_t now = __rdtsc();

	host_watch_look(h, now);
	h->watching = false;
	h->watched_cycles += now - h->start_tsc;
	h->waited_ns += waited_ns(h) - h->waited_before_ns;
	h->stolen_ns += stolen_ns(h) - h->stolen_before_ns;
}

const char *
host_watch_judge(struct host_watch *h, uint32_t per_million)
{
	const double gap_us = (double)h->gap_cycles * h->b->ns_per_cycle / 1e3;
	const double other_us = (double)(h->waited_ns + h->stolen_ns) / 1e3;
	const double watched_us = (double)h->watched_cycles * h->b->ns_per_cycle / 1e3;
	const double share_max = (1e6 - per_million) / 1e6 / 2;

	if (gap_us + other_us <= share_max * watched_us)
		return NULL;
	snprintf(h->words, sizeof(h->words),
		 "others took %.0f us (%.1f%%): %u gaps of the generator's, the longest %.0f us, "
		 "and %.0f us of the other core",
		 gap_us + other_us, 100 * (gap_us + other_us) / watched_us, h->gap_cnt,
		 (double)h->gap_max_cycles * h->b->ns_per_cycle / 1e3, other_us);
	return h->words;
}
