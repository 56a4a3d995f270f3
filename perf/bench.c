/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	EVICT_BYTES = 96 << 20, // three times the reference machine's last level
	WALK_BYTES = 8 << 20,   // eight times its second, a quarter of its last
	CALIBRATE_NS = 50000000,
	STEP_CYCLES_MIN = 8, // samples closer than that are of one step of the clock
	TIMER_SAMPLES = 10001,
	HUGE_PAGE_BYTES = 2 << 20,
};

void
bench_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The shortest of several tries: being put aside between the two clocks makes a try long. */
double
bench_ns_per_cycle(void)
{
	double best = 0;
	uint64_t best_gap = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		const uint64_t ns0 = now_ns(), tsc0 = __rdtsc();
		uint64_t ns1, tsc1, gap;

		while (now_ns() - ns0 < CALIBRATE_NS)
			;
		gap = __rdtsc();
		ns1 = now_ns();
		tsc1 = __rdtsc();
		gap = tsc1 - gap;
		if (gap < best_gap) {
			best_gap = gap;
			best = (double)(ns1 - ns0) / (double)(tsc1 - tsc0);
		}
	}
	return best;
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t
whole_pages(size_t bytes)
{
	return (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

void *
bench_memory(size_t bytes)
{
	const size_t size = whole_pages(bytes);
	uint8_t *raw = mmap(NULL, size + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *p;

	if (raw == MAP_FAILED)
		bench_die("not enough memory");
	p = raw + (HUGE_PAGE_BYTES - (uintptr_t)raw % HUGE_PAGE_BYTES);
	madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	return p;
}

void
bench_memory_back(void *p, size_t bytes)
{
	munmap(p, whole_pages(bytes));
}

void
bench_pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		bench_die("cannot be pinned to its core");
}

/* The last core this process may use, and the one before it: core 0 often serves interrupts. */
static void
choose_cores(struct bench *b, long wanted)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		bench_die("cannot ask for its cores");
	b->core = b->far_core = CPU_SETSIZE;
	for (unsigned i = CPU_SETSIZE; i-- > 0;) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (b->core == CPU_SETSIZE && (wanted < 0 || (unsigned)wanted == i))
			b->core = i;
		else if (b->far_core == CPU_SETSIZE)
			b->far_core = i;
	}
	if (b->core == CPU_SETSIZE)
		bench_die("--core: not one this process may use");
	if (b->far_core == CPU_SETSIZE)
		b->far_core = b->core;
	bench_pin(b->core);
}

static long
preempted(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_nivcsw;
}

static double
load_average(void)
{
	double load = 0;

	return getloadavg(&load, 1) == 1 ? load : -1;
}

static void
sort(struct bench_series *s)
{
	if (s->cnt == 0)
		bench_die("a series has no samples");
	if (!s->sorted)
		qsort(s->cycles, s->cnt, sizeof(s->cycles[0]), by_size);
	s->sorted = true;
}

/* The sample that a share of per_million do not exceed. */
static size_t
place(const struct bench_series *s, uint32_t per_million)
{
	const size_t cnt = (s->cnt * (uint64_t)per_million + 999999) / 1000000;

	return cnt == 0 ? 0 : cnt - 1;
}

static double
fine_ns(const struct bench *b, struct bench_series *s, uint32_t per_million)
{
	uint64_t value, step = UINT64_MAX;
	size_t first, end;

	sort(s);
	for (size_t i = 1; i < s->cnt; i++)
		if (s->cycles[i] - s->cycles[i - 1] >= STEP_CYCLES_MIN &&
		    s->cycles[i] - s->cycles[i - 1] < step)
			step = s->cycles[i] - s->cycles[i - 1];
	first = end = place(s, per_million);
	value = s->cycles[first];
	if (step == UINT64_MAX)
		return (double)value * b->ns_per_cycle;
	while (first != 0 && value - s->cycles[first - 1] < step / 2)
		first--;
	while (end != s->cnt && s->cycles[end] - value < step / 2)
		end++;
	return ((double)value - (double)step / 2 +
		(double)step * ((double)s->cnt * per_million / 1e6 - (double)first) /
			(double)(end - first)) *
	       b->ns_per_cycle;
}

void
bench_open(struct bench *b, const char *name, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "json", required_argument, NULL, 'j' }, { "quick", no_argument, NULL, 'q' },
		{ "core", required_argument, NULL, 'c' }, { "seed", required_argument, NULL, 's' },
		{ "data", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 },
	};
	struct bench_series timer;
	long core = -1;
	int opt;

	*b = (struct bench){ .name = name, .seed = 1 };
	while ((opt = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		switch (opt) {
		case 'j':
			b->json = optarg;
			break;
		case 'q':
			b->quick = true;
			break;
		case 'c':
			core = strtol(optarg, NULL, 10);
			break;
		case 's':
			b->seed = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			b->data = access(optarg, R_OK) == 0 ? optarg : NULL;
			break;
		default:
			fprintf(stderr,
				"usage: %s [--json FILE] [--quick] [--core N] [--seed N] "
				"[--data DIR]\n",
				argv[0]);
			exit(2);
		}
	}
	choose_cores(b, core);
	b->ns_per_cycle = bench_ns_per_cycle();
	bench_series_init(&timer, TIMER_SAMPLES, 1);
	for (unsigned i = 0; i < TIMER_SAMPLES; i++) {
		const uint64_t start = bench_start();

		bench_add(&timer, bench_since(start));
	}
	b->timer_cycles = (uint64_t)(bench_ns(b, &timer, BENCH_P50) / b->ns_per_cycle + 0.5);
	b->timer_ns = fine_ns(b, &timer, BENCH_P50);
	b->preempted_cnt = preempted();
	printf("%s: core %u, TSC %.3f GHz, timer %.0f ns, load %.1f%s\n", name, b->core,
	       1 / b->ns_per_cycle, (double)b->timer_cycles * b->ns_per_cycle, load_average(),
	       b->quick ? ", quick: not to be judged" : "");
	fflush(stdout);
}

int
bench_close(struct bench *b)
{
	printf("%s: put aside %ld times, load %.1f at the end\n", b->name,
	       preempted() - b->preempted_cnt, load_average());
	return b->failed_cnt == 0 || b->quick ? 0 : 3;
}

void
bench_series_init(struct bench_series *s, size_t max, uint32_t per_sample)
{
	*s = (struct bench_series){
		.cycles = bench_memory(max * sizeof(uint64_t)),
		.max = max,
		.per_sample = per_sample,
	};
}

double
bench_ns(const struct bench *b, struct bench_series *s, uint32_t per_million)
{
	sort(s);
	return (double)s->cycles[place(s, per_million)] * b->ns_per_cycle / s->per_sample;
}

double
bench_fine_ns(const struct bench *b, struct bench_series *s, uint32_t per_million)
{
	const double ns = fine_ns(b, s, per_million) - b->timer_ns;

	return ns > 0 ? ns : 0;
}

static bool
has_target(const struct bench_target *t)
{
	return t->value_max != 0 || t->value_min != 0 || t->ratio_max != 0 || t->ratio_min != 0;
}

static void
write_json(const struct bench *b, const char *name, double value, const char *unit, double floor,
	   struct bench_target t, bool pass)
{
	FILE *f = b->json == NULL ? NULL : fopen(b->json, "a");

	if (f == NULL)
		return;
	fprintf(f, "{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",", name, value, unit);
	if (floor != 0)
		fprintf(f, "\"floor\":%.3f,\"ratio\":%.3f,", floor, value / floor);
	else
		fprintf(f, "\"floor\":null,\"ratio\":null,");
	if (t.value_max != 0)
		fprintf(f, "\"target\":%g,\"target_of\":\"value\",", t.value_max);
	else if (t.value_min != 0)
		fprintf(f, "\"target\":%g,\"target_of\":\"least value\",", t.value_min);
	else if (t.ratio_max != 0)
		fprintf(f, "\"target\":%g,\"target_of\":\"ratio\",", t.ratio_max);
	else if (t.ratio_min != 0)
		fprintf(f, "\"target\":%g,\"target_of\":\"least ratio\",", t.ratio_min);
	else
		fprintf(f, "\"target\":null,\"target_of\":null,");
	if (b->unusable != NULL)
		fprintf(f, "\"unusable\":\"%s\",", b->unusable);
	if (b->quick || b->unusable != NULL || !has_target(&t))
		fprintf(f, "\"pass\":null}\n");
	else
		fprintf(f, "\"pass\":%s}\n", pass ? "true" : "false");
	fclose(f);
}

void
bench_figure(struct bench *b, const char *suffix, double value, const char *unit, double floor,
	     struct bench_target t)
{
	const bool pass = (t.value_max == 0 || value <= t.value_max) && value >= t.value_min &&
			  (t.ratio_max == 0 || value <= floor * t.ratio_max) &&
			  value >= floor * t.ratio_min;
	const bool judged = !b->quick && b->unusable == NULL && has_target(&t);
	char name[96], against[96] = "", wanted[192] = "";

	snprintf(name, sizeof(name), "%s%s%s", b->name, suffix[0] != '\0' ? "/" : "", suffix);
	if (floor != 0)
		snprintf(against, sizeof(against), "floor %8.2f  ratio %6.2f", floor,
			 value / floor);
	if (b->unusable != NULL)
		snprintf(wanted, sizeof(wanted), "not usable: %s", b->unusable);
	else if (t.value_max != 0)
		snprintf(wanted, sizeof(wanted), "target <= %g %s", t.value_max, unit);
	else if (t.value_min != 0)
		snprintf(wanted, sizeof(wanted), "target >= %g %s", t.value_min, unit);
	else if (t.ratio_max != 0)
		snprintf(wanted, sizeof(wanted), "target <= %g x floor", t.ratio_max);
	else if (t.ratio_min != 0)
		snprintf(wanted, sizeof(wanted), "target >= %g x ours", t.ratio_min);
	printf("  %-28s %9.2f %-6s %-30s  %-22s %s\n", name, value, unit, against, wanted,
	       !judged ? ""
	       : pass  ? "pass"
		       : "MISSED");
	fflush(stdout);
	b->failed_cnt += judged && !pass;
	write_json(b, name, value, unit, floor, t, pass);
}

void
bench_report(struct bench *b, const char *suffix, struct bench_series *value,
	     struct bench_series *floor, uint32_t per_million, struct bench_target t)
{
	bench_figure(b, suffix, bench_ns(b, value, per_million), "ns",
		     floor == NULL ? 0 : bench_ns(b, floor, BENCH_P50), t);
}

static void
walk_over(size_t bytes)
{
	static uint8_t *memory;

	if (memory == NULL)
		memory = bench_memory(EVICT_BYTES);
	for (size_t i = 0; i < bytes; i += CACHE_LINE)
		memory[i]++;
	bench_keep(memory);
}

void
bench_evict(void)
{
	walk_over(EVICT_BYTES);
}

void
bench_walk(void)
{
	walk_over(WALK_BYTES);
}
