/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/jitter.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "err/err.h"
#include "observe/latency.h"

enum {
	QUIET_NS = 20000,
	FAIR_NS = 100000,
	NOISY_NS = 1000000,
	TAKEN_NS = 1000,  // a shorter gap is nothing that takes a core away
	TICKS_PER_S = 50, // of the timer: a core without its tick has about one
};

struct job {
	struct jitter_core *c;
	struct clock_map clock;
	uint64_t ns;
	pthread_t thread;
	bool started;
};

/* The gaps themselves.  Nothing here calls the system. */
static void
spin(struct job *j)
{
	struct jitter_core *c = j->c;
	const uint64_t start = clock_tsc();
	const uint64_t cycles =
		clock_ns_to_cycles(&j->clock, j->ns) + 1; // rounded up: never shorter
	const uint64_t taken = clock_ns_to_cycles(&j->clock, TAKEN_NS);
	uint64_t last = start, taken_cycles = 0;

	while (last - start < cycles) {
		const uint64_t now = clock_tsc();
		const uint64_t gap = now - last;

		if (unlikely((int64_t)gap < 0)) {
			c->backwards++;
			if (c->backwards > UINT16_MAX)
				break; // such a clock never comes to an end
			continue;
		}
		hist_record(c->gaps, gap);
		if (unlikely(gap > taken))
			taken_cycles += gap;
		last = now;
	}
	c->taken_ns = clock_cycles_to_ns(&j->clock, taken_cycles);
	c->ns = clock_cycles_to_ns(&j->clock, last - start);
}

static uint64_t
count_over(const struct job *j, uint64_t ns)
{
	const uint32_t from = hist_bucket_of(clock_ns_to_cycles(&j->clock, ns)) + 1;
	uint64_t cnt = 0;

	for (uint32_t i = from; i < HIST_BUCKETS; i++)
		cnt += j->c->gaps->bucket[i];
	return cnt;
}

static void *
measure(void *arg)
{
	struct job *j = arg;
	struct jitter_core *c = j->c;
	struct core_counts *from = calloc(2, sizeof(*from));
	const int tid = (int)gettid();
	cpu_set_t set;

	CPU_ZERO(&set);
	if (from == NULL) {
		c->error = -ENOMEM;
		return NULL;
	}
	CPU_SET(c->core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		c->error = -errno;
		free(from);
		return NULL;
	}
	c->counted_known = core_counts_read("/proc", tid, c->core, &from[0]) == 0;
	spin(j);
	c->counted_known &= core_counts_read("/proc", tid, c->core, &from[1]) == 0;
	if (c->counted_known)
		core_counts_between(&from[0], &from[1], &c->counted);
	c->min_ns = clock_cycles_to_ns(&j->clock, c->gaps->min);
	c->max_ns = clock_cycles_to_ns(&j->clock, c->gaps->max);
	c->over_1us = count_over(j, TAKEN_NS);
	c->over_20us = count_over(j, QUIET_NS);
	c->over_100us = count_over(j, FAIR_NS);
	c->over_1ms = count_over(j, NOISY_NS);
	free(from);
	return NULL;
}

int
jitter_measure(struct jitter_core *c, size_t core_cnt, uint64_t ns, uint64_t ns_per_2_32_cycles)
{
	struct job *job = calloc(core_cnt, sizeof(*job));
	struct core_threads before = { 0 }, after = { 0 };
	int rc = 0;

	if (job == NULL)
		return -ENOMEM;
	core_threads_read("/proc", &before); // without memory nobody is named
	for (size_t i = 0; i < core_cnt && rc == 0; i++) {
		job[i] = (struct job){ .c = &c[i],
				       .clock = { .ns_per_2_32_cycles = ns_per_2_32_cycles },
				       .ns = ns };
		jitter_read_host("/sys", "/proc", c[i].core, &c[i].host);
		rc = -pthread_create(&job[i].thread, NULL, measure, &job[i]);
		job[i].started = rc == 0;
	}
	for (size_t i = 0; i < core_cnt; i++)
		if (job[i].started)
			pthread_join(job[i].thread, NULL);
	core_threads_read("/proc", &after);
	for (size_t i = 0; i < core_cnt && before.cnt != 0; i++)
		core_rivals(&before, &after, c[i].core, (int)gettid(), c[i].rivals);
	core_threads_free(&before);
	core_threads_free(&after);
	free(job);
	return rc;
}

/* A file's first line without its end; false when there is none. */
__attribute__((format(printf, 3, 4))) static bool
read_line(char *out, size_t out_bytes, const char *fmt, ...)
{
	char path[256];
	va_list ap;
	FILE *f;
	bool got;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	out[0] = '\0';
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	got = fgets(out, (int)out_bytes, f) != NULL;
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
	return got;
}

/* Whether a list like "1-3,5" names the number. */
static bool
in_list(const char *list, uint32_t number)
{
	for (const char *at = list; *at != '\0';) {
		char *end;
		const unsigned long from = strtoul(at, &end, 10);
		unsigned long to = from;

		if (end == at)
			return false;
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		if (number >= from && number <= to)
			return true;
		at = *end == ',' ? end + 1 : end + strlen(end);
	}
	return false;
}

/* Whether the machine's processors have the flag. */
static bool
has_flag(const char *proc, const char *flag)
{
	char path[256], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpuinfo", proc);
	f = fopen(path, "re");
	while (f != NULL && !found && getline(&line, &room, f) > 0) {
		const char *at = strncmp(line, "flags", 5) == 0 ? line : NULL;

		while (at != NULL && (at = strstr(at, flag)) != NULL) {
			const char behind = at[strlen(flag)];

			if (at[-1] == ' ' && (behind == ' ' || behind == '\n'))
				found = true;
			at++;
		}
		if (strncmp(line, "flags", 5) == 0)
			break; // all processors have the same
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return found;
}

void
jitter_read_host(const char *sys, const char *proc, uint32_t core, struct jitter_host *out)
{
	char line[1024];

	memset(out, 0, sizeof(*out));
	if (read_line(line, sizeof(line), "%s/devices/system/cpu/isolated", sys))
		out->isolated = in_list(line, core);
	if (read_line(line, sizeof(line), "%s/devices/system/cpu/nohz_full", sys))
		out->tickless = in_list(line, core);
	read_line(out->clocksource, sizeof(out->clocksource),
		  "%s/devices/system/clocksource/clocksource0/current_clocksource", sys);
	read_line(out->governor, sizeof(out->governor),
		  "%s/devices/system/cpu/cpu%u/cpufreq/scaling_governor", sys, core);
	read_line(out->siblings, sizeof(out->siblings),
		  "%s/devices/system/cpu/cpu%u/topology/thread_siblings_list", sys, core);
	if (strpbrk(out->siblings, ",-") == NULL)
		out->siblings[0] = '\0';
	out->virtual = has_flag(proc, "hypervisor");
	out->tsc_constant = has_flag(proc, "constant_tsc") && has_flag(proc, "nonstop_tsc");
}

enum jitter_verdict
jitter_judge(const struct jitter_core *c)
{
	if (c->error != 0 || c->backwards != 0 || c->ns == 0)
		return JITTER_UNKNOWN;
	if (c->max_ns > NOISY_NS)
		return JITTER_UNFIT;
	if (c->max_ns > FAIR_NS)
		return JITTER_NOISY;
	return c->max_ns > QUIET_NS ? JITTER_FAIR : JITTER_QUIET;
}

const char *
jitter_verdict_word(enum jitter_verdict v)
{
	static const char *const WORD[JITTER_VERDICT_CNT] = {
		[JITTER_QUIET] = "quiet", [JITTER_FAIR] = "fair",       [JITTER_NOISY] = "noisy",
		[JITTER_UNFIT] = "UNFIT", [JITTER_UNKNOWN] = "unknown",
	};

	return WORD[v];
}

__attribute__((format(printf, 2, 3))) static void
add(char out[JITTER_CAUSES_BYTES], const char *fmt, ...)
{
	const size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, JITTER_CAUSES_BYTES - len, fmt, ap);
	va_end(ap);
}

/* What the kernel counted while the core was measured. */
static void
counted_causes(const struct jitter_core *c, char out[JITTER_CAUSES_BYTES])
{
	const struct core_delta *d = &c->counted;
	const uint64_t per_s = c->ns == 0 ? 0 : d->interrupts * NS_PER_SEC / c->ns;
	char text[32];

	if (d->forced_switches != 0 || d->wait_ns > TAKEN_NS * 100ULL)
		add(out,
		    "other threads ran on it: taken away %" PRIu64
		    " times, waited %s for it%s%s; pin them elsewhere, or isolate the core "
		    "(isolcpus=%u)\n",
		    d->forced_switches, latency_ns_text(d->wait_ns, text, sizeof(text)),
		    c->rivals[0] != '\0' ? "; last on it, with what they ran meanwhile: " : "",
		    c->rivals, c->core);
	if (d->steal_ns != 0)
		add(out,
		    "the hypervisor took it for %s (steal time); pin the virtual core to one of "
		    "the host's own, or trade on the metal\n",
		    latency_ns_text(d->steal_ns, text, sizeof(text)));
	if (per_s >= TICKS_PER_S)
		add(out, "%" PRIu64 " interrupts a second, most of them %s; %s\n", per_s,
		    d->irq_name,
		    strncmp(d->irq_name, "LOC", 3) == 0
			    ? "that is the timer's tick: nohz_full, rcu_nocbs for the core"
			    : "give that device's interrupts another core "
			      "(/proc/irq/NUMBER/smp_affinity_list, irqbalance off)");
	if (d->major_faults != 0)
		add(out, "%" PRIu64 " pages came from disk meanwhile; give the machine memory\n",
		    d->major_faults);
	if (c->max_ns > QUIET_NS && d->forced_switches == 0 && d->steal_ns == 0 &&
	    per_s < TICKS_PER_S)
		add(out, "the kernel knows of nothing that took it: %s\n",
		    c->host.virtual ? "the hypervisor, which need not say so"
				    : "firmware (SMI), which the BIOS may let you switch off, or "
				      "power states (idle=poll, C-states off)");
}

void
jitter_causes(const struct jitter_core *c, char out[JITTER_CAUSES_BYTES])
{
	out[0] = '\0';
	if (c->error != 0) {
		add(out, "not measured: %s%s\n", strerror(-c->error),
		    c->error == -EINVAL ? "; there is no such core, or this process may not use it "
					  "(taskset -p, cpuset)"
					: "");
		return;
	}
	if (c->backwards != 0)
		add(out,
		    "the TSC went back %" PRIu64
		    " times on one core: no time of this machine can be believed; look for "
		    "'tsc' in the kernel's log\n",
		    c->backwards);
	if (!c->host.tsc_constant)
		add(out, "the processor does not promise a TSC of one rate (constant_tsc and "
			 "nonstop_tsc in /proc/cpuinfo): times are worth less\n");
	if (c->host.clocksource[0] != '\0' && strcmp(c->host.clocksource, "tsc") != 0)
		add(out, "the kernel's own clock is %s: %s\n", c->host.clocksource,
		    c->host.virtual ? "usual in a guest"
				    : "it does not believe the TSC; its log says why");
	if (jitter_judge(c) == JITTER_QUIET)
		return;
	if (c->counted_known)
		counted_causes(c, out);
	if (!c->host.isolated)
		add(out, "the scheduler may put anything on it: isolcpus=%u (or a cpuset)\n",
		    c->core);
	if (!c->host.tickless)
		add(out, "the timer ticks on it: nohz_full=%u rcu_nocbs=%u\n", c->core, c->core);
	if (c->host.governor[0] != '\0' && strcmp(c->host.governor, "performance") != 0)
		add(out,
		    "its frequency follows its load (%s): cpupower frequency-set -g "
		    "performance\n",
		    c->host.governor);
	if (c->host.siblings[0] != '\0')
		add(out, "it shares its silicon with %s (hyperthreads): leave the others idle\n",
		    c->host.siblings);
}

static void
print_histogram(FILE *out, const struct jitter_core *c, const struct clock_map *clock)
{
	uint64_t from_ns = 0;

	fprintf(out, "core %u, gaps:", c->core);
	for (uint64_t to_ns = 100; from_ns < NS_PER_SEC; from_ns = to_ns, to_ns *= 10) {
		uint64_t cnt = 0;
		char text[32];

		for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
			const uint64_t ns = clock_cycles_to_ns(clock, hist_bucket_top(i));

			if (ns >= from_ns && (ns < to_ns || to_ns > NS_PER_SEC))
				cnt += c->gaps->bucket[i];
		}
		if (cnt == 0)
			continue;
		if (to_ns > NS_PER_SEC)
			fprintf(out, "  longer: %" PRIu64, cnt);
		else
			fprintf(out, "  below %s: %" PRIu64,
				latency_ns_text(to_ns, text, sizeof(text)), cnt);
	}
	fputc('\n', out);
}

void
jitter_print(FILE *out, const struct jitter_core *c, size_t core_cnt, uint64_t ns_per_2_32_cycles)
{
	const struct clock_map clock = { .ns_per_2_32_cycles = ns_per_2_32_cycles };

	fprintf(out, "%-5s %-8s %9s %10s %10s %8s %8s %8s %8s %12s\n", "core", "verdict", "best",
		"p99.99", "longest", "> 1 us", "> 20 us", "> 100 us", "> 1 ms", "taken, ppm");
	for (size_t i = 0; i < core_cnt; i++) {
		char best[32], p[32], longest[32];

		if (c[i].error != 0) {
			fprintf(out, "%-5u %-8s\n", c[i].core, "-");
			continue;
		}
		fprintf(out,
			"%-5u %-8s %9s %10s %10s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
			" %12.1f\n",
			c[i].core, jitter_verdict_word(jitter_judge(&c[i])),
			latency_ns_text(c[i].min_ns, best, sizeof(best)),
			latency_ns_text(
				clock_cycles_to_ns(&clock, hist_percentile(c[i].gaps, 999900)), p,
				sizeof(p)),
			latency_ns_text(c[i].max_ns, longest, sizeof(longest)), c[i].over_1us,
			c[i].over_20us, c[i].over_100us, c[i].over_1ms,
			c[i].ns == 0 ? 0.0 : (double)c[i].taken_ns * 1e6 / (double)c[i].ns);
	}
	for (size_t i = 0; i < core_cnt; i++)
		if (c[i].error == 0)
			print_histogram(out, &c[i], &clock);
	for (size_t i = 0; i < core_cnt; i++) {
		char causes[JITTER_CAUSES_BYTES], *save = NULL;

		jitter_causes(&c[i], causes);
		for (char *line = strtok_r(causes, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save))
			fprintf(out, "core %u: %s\n", c[i].core, line);
	}
}

int
jitter_parse_cores(const char *text, uint32_t *core, size_t core_max, struct err *e)
{
	size_t cnt = 0;

	for (const char *at = text;;) {
		char *end;
		unsigned long from, to;

		errno = 0;
		from = to = strtoul(at, &end, 10);
		if (end != at && *end == '-') {
			at = end + 1;
			to = strtoul(at, &end, 10);
		}
		if (end == at || *at == '-' || *at == '+' || errno != 0 || to < from ||
		    to > 65535 || (*end != ',' && *end != '\0'))
			return err_set(e, -EINVAL,
				       "'%.60s' is no list of cores; wanted is one like 2,4-7",
				       text);
		for (; from <= to; from++) {
			if (cnt == core_max)
				return err_set(e, -EINVAL, "'%.60s' are more than %zu cores", text,
					       core_max);
			core[cnt++] = (uint32_t)from;
		}
		if (*end == '\0')
			return (int)cnt;
		at = end + 1;
	}
}
