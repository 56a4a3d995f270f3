/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/jitter_cmd.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "err/err.h"
#include "observe/clock_rate.h"
#include "observe/jitter.h"

enum {
	EXIT_FIT = 0,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,
	EXIT_START = 4,
	EXIT_NOISY = 6,
	SECONDS_DEFAULT = 5,
	SECONDS_MAX = 3600,
};

static const char USAGE[] =
	"sluice jitter: how evenly cores run, and what takes them away\n"
	"\n"
	"  sluice jitter [--cores LIST] [--seconds N] [-c FILE] [--plain] [--force]\n"
	"\n"
	"  --cores LIST  such as 2,4-7; else those of the configuration's lanes, else all that "
	"this\n"
	"                process may use\n"
	"  --seconds N   how long (5); every core is kept busy meanwhile, all at the same time\n"
	"  -c FILE       a configuration, for its core map\n"
	"  --plain       for programs: a line per core, its number, ns that others took of it in "
	"a\n"
	"                second, the longest stop in ns, and the verdict\n"
	"  --force       also a core on which a lane of a running gateway spins: it will suffer\n"
	"\n"
	"verdicts: quiet (no gap above 20 us), fair (100 us), noisy (1 ms), UNFIT (longer)\n"
	"exit codes: 0 every core is quiet or fair, 2 wrong usage, 3 fault in the configuration,\n"
	"            4 cannot measure, 6 a core is noisy or worse\n";

struct wish {
	const char *cores;
	const char *file;
	uint64_t seconds;
	bool force;
	bool plain;
};

static int
parse(struct wish *w, int argc, char **argv, struct err *e)
{
	static const struct option OPTION[] = {
		{ "cores", required_argument, NULL, 'k' },
		{ "seconds", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "plain", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int opt;

	*w = (struct wish){ .seconds = SECONDS_DEFAULT };
	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "c:h", OPTION, NULL)) != -1)
		switch (opt) {
		case 'k':
			w->cores = optarg;
			break;
		case 's':
			w->seconds = strtoul(optarg, &end, 10);
			if (*end != '\0' || optarg[0] == '-' || w->seconds == 0 ||
			    w->seconds > SECONDS_MAX)
				return err_set(e, -EINVAL, "--seconds %.20s: wanted is 1 to %d",
					       optarg, SECONDS_MAX);
			break;
		case 'c':
			w->file = optarg;
			break;
		case 'f':
			w->force = true;
			break;
		case 'p':
			w->plain = true;
			break;
		case 'h':
			return 1;
		default:
			return err_set(e, -EINVAL, "'%.60s' is not understood; see jitter --help",
				       argv[optind - 1]);
		}
	if (optind != argc)
		return err_set(e, -EINVAL, "'%.60s' is one word too many; see jitter --help",
			       argv[optind]);
	return 0;
}

/* Those of the lanes, each once. */
static int
cores_of_map(const struct core_map *map, uint32_t core[JITTER_CORE_MAX])
{
	int cnt = 0;

	for (uint32_t i = 0; i < map->lane_cnt; i++) {
		int k = 0;

		while (k < cnt && core[k] != map->lane[i].core)
			k++;
		if (k == cnt)
			core[cnt++] = map->lane[i].core;
	}
	return cnt;
}

static int
cores_allowed(uint32_t core[JITTER_CORE_MAX], struct err *e)
{
	cpu_set_t set;
	int cnt = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return err_set(e, -errno, "the cores of this process cannot be read: %s",
			       strerror(errno));
	for (uint32_t i = 0; i < CPU_SETSIZE && cnt < JITTER_CORE_MAX; i++)
		if (CPU_ISSET(i, &set))
			core[cnt++] = i;
	return cnt;
}

/* A lane of a running gateway would suffer, and the figures would be its, not the core's. */
static int
refuse_busy(const uint32_t *core, int core_cnt, struct err *e)
{
	for (int i = 0; i < core_cnt; i++) {
		int pid = core_find("/proc", core[i], "rte-worker"); // as DPDK 22.11 names them

		if (pid == 0)
			pid = core_find("/proc", core[i], "lcore-worker");
		if (pid != 0)
			return err_set(
				e, -EBUSY,
				"core %u runs a DPDK lane of process %d; measure before the "
				"gateway starts (latency.jitter_test_ms does), look at sluicectl "
				"outliers and metrics sluice_lane_loop_stall while it runs, or "
				"say --force",
				core[i], pid);
	}
	return 0;
}

/* Returns how many cores are worse than fair, or a negative errno. */
static int
run(const uint32_t *core, int core_cnt, uint64_t ns, uint64_t rate, bool plain, FILE *out,
    struct err *e)
{
	struct jitter_core *c = calloc((size_t)core_cnt, sizeof(*c));
	struct hist *h = calloc((size_t)core_cnt, sizeof(*h));
	int rc = c == NULL || h == NULL ? -ENOMEM : 0, measured = 0, bad = 0;

	for (int i = 0; rc == 0 && i < core_cnt; i++) {
		c[i].core = core[i];
		c[i].gaps = &h[i];
	}
	if (rc == 0)
		rc = jitter_measure(c, (size_t)core_cnt, ns, rate);
	if (rc == 0 && !plain)
		jitter_print(out, c, (size_t)core_cnt, rate);
	for (int i = 0; rc == 0 && plain && i < core_cnt; i++)
		if (c[i].error == 0)
			fprintf(out, "%u %llu %llu %s\n", c[i].core,
				(unsigned long long)(c[i].taken_ns * NS_PER_SEC /
						     (c[i].ns == 0 ? 1 : c[i].ns)),
				(unsigned long long)c[i].max_ns,
				jitter_verdict_word(jitter_judge(&c[i])));
	for (int i = 0; rc == 0 && i < core_cnt; i++) {
		const enum jitter_verdict v = jitter_judge(&c[i]);

		measured += c[i].error == 0;
		bad += v != JITTER_QUIET && v != JITTER_FAIR;
	}
	free(c);
	free(h);
	if (rc != 0)
		return err_set(e, rc, "cores cannot be measured: %s", strerror(-rc));
	return measured == 0 ? err_set(e, -ENODEV, "no core could be measured") : bad;
}

static int
complain(struct err *e, int code)
{
	err_end(e);
	fprintf(stderr, "%s%s\n", code == EXIT_CONFIG ? "" : "sluice jitter: ", e->text);
	return code;
}

int
jitter_command(struct config *c, struct core_map *map, int argc, char **argv)
{
	struct clock_moment start;
	uint32_t core[JITTER_CORE_MAX];
	uint64_t rate;
	struct wish w;
	struct err e;
	int cnt, rc;

	err_init(&e);
	rc = parse(&w, argc, argv, &e);
	if (rc > 0) {
		fputs(USAGE, stdout);
		return EXIT_FIT;
	}
	if (rc < 0)
		return complain(&e, EXIT_USAGE);
	if (w.file != NULL &&
	    (config_load(c, w.file, &e) != 0 || core_map_resolve(map, c, &e) != 0))
		return complain(&e, EXIT_CONFIG);
	if (w.cores != NULL)
		cnt = jitter_parse_cores(w.cores, core, JITTER_CORE_MAX, &e);
	else
		cnt = w.file != NULL ? cores_of_map(map, core) : cores_allowed(core, &e);
	if (cnt < 0)
		return complain(&e, w.cores != NULL ? EXIT_USAGE : EXIT_START);
	if (!w.force && refuse_busy(core, cnt, &e) != 0)
		return complain(&e, EXIT_START);
	start = clock_moment_now(CLOCK_MONOTONIC);
	rate = clock_rate_since(&start);
	if (rate == 0) {
		err_set(&e, -EIO, "the TSC does not go forward: no time can be measured here");
		return complain(&e, EXIT_START);
	}
	rc = run(core, cnt, w.seconds * NS_PER_SEC, rate, w.plain, stdout, &e);
	if (rc < 0)
		return complain(&e, EXIT_START);
	return rc == 0 ? EXIT_FIT : EXIT_NOISY;
}

void
jitter_before_lanes(const struct config *c, const struct core_map *map, uint64_t ns_per_2_32_cycles)
{
	uint32_t core[JITTER_CORE_MAX];
	const int cnt = cores_of_map(map, core);
	struct err e;

	err_init(&e);
	if (c->latency.jitter_test_ms == 0)
		return;
	if (run(core, cnt, c->latency.jitter_test_ms * 1000000ULL, ns_per_2_32_cycles, false,
		stderr, &e) < 0)
		fprintf(stderr, "sluice: the test of the lanes' cores failed: %s\n", e.text);
}
