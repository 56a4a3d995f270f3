/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/capture.h"
#include "boot/control.h"
#include "boot/eal_start.h"
#include "boot/gateway.h"
#include "boot/host_check.h"
#include "boot/jitter_cmd.h"
#include "boot/journal_start.h"
#include "boot/kill_switch.h"
#include "boot/lane_start.h"
#include "boot/last_path.h"
#include "boot/limits_kept.h"
#include "boot/manifest_start.h"
#include "boot/port_start.h"
#include "boot/record_run.h"
#include "boot/saved_tcp.h"
#include "config/config_doc.h"
#include "err/fault.h"
#include "limits/day_files.h"
#include "limits/limits.h"
#include "replay/replay.h"

/* What the process answers to its parent; README.md lists them. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3, // the configuration has a fault
	EXIT_START = 4,  // the configuration is right and the machine cannot do it
	EXIT_BROKEN = 5, // a lane ended by a broken invariant; orders were stopped first
};

static const char USAGE[] =
	"sluice " SLUICE_VERSION ": kernel-bypass gateway between a strategy and an exchange\n"
	"\n"
	"  sluice run -c FILE          start trading with this configuration (starts disarmed)\n"
	"  sluice check -c FILE        check it whole without touching a device\n"
	"  sluice jitter ...           how evenly cores run, and why not (jitter --help)\n"
	"  sluice manifest -c FILE     what this gateway is made of, with hashes; to be approved\n"
	"  sluice replay -c FILE ...   recorded market data through it, offline (replay --help)\n"
	"  sluice config-reference     every key, as Markdown\n"
	"  sluice config-sample        a commented configuration to start from\n"
	"  sluice explain [NUMBER]     what stands behind the number of a message, like S304\n"
	"  sluice --version\n"
	"\n"
	"exit codes: 0 ended as asked, 2 wrong usage, 3 fault in the configuration,\n"
	"            4 cannot start on this machine, 5 a lane ended by a broken invariant\n";

/*
 * A fault in a file begins with its place; anything else with who speaks, below what DPDK said. The
 * last line ends with its number; step is that of a cause that has none of its own.
 */
static int
complain(struct err *e, int code, enum fault step)
{
	err_end(e);
	fprintf(stderr, "%s%s%s%s\n", code == EXIT_CONFIG ? "" : "sluice: ", e->text,
		fault_is_named(e->text) ? "" : " ", fault_is_named(e->text) ? "" : fault_tag(step));
	return code;
}

/* Every password can be read; it is forgotten at once. */
static int
try_secrets(const struct config *c, struct err *e)
{
	char secret[SECRET_MAX];
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < c->sessions_cnt; i++) {
		rc = secret_load(&c->sessions[i], secret, e);
		if (rc >= 0 && c->sessions[i].drop_copy.peer.ip != 0)
			rc = secret_load_drop_copy(&c->sessions[i], secret, e);
		explicit_bzero(secret, sizeof(secret));
	}
	for (uint32_t i = 0; rc >= 0 && i < c->feeds_cnt; i++) {
		if (c->feeds[i].recovery.snapshot.ip == 0)
			continue;
		rc = secret_load_snapshot(&c->feeds[i], secret, e);
		explicit_bzero(secret, sizeof(secret));
	}
	return rc < 0 ? rc : 0;
}

/* The day's files can be read, line by line. */
static int
try_day_files(const struct config *c, struct err *e)
{
	struct risk_locate *locate = calloc(RISK_LOCATE_MAX, sizeof(*locate));
	struct day_position *position = NULL;
	uint32_t locate_cnt;
	int rc = locate == NULL ? -ENOMEM : day_positions_load(c, &position, e);

	if (rc >= 0)
		rc = day_locates_load(c, locate, &locate_cnt, e);
	free(position);
	free(locate);
	return rc;
}

/* All that can be known without touching a device. */
static int
load(struct gateway *g, const char *file, enum fault *step, struct err *e)
{
	struct core_map_topology topology;
	struct host_view host;
	int rc;

	*step = FAULT_CONFIG;
	rc = config_load(g->config, file, e);
	if (rc == 0)
		rc = core_map_resolve(g->map, g->config, e);
	for (uint32_t i = 0; rc == 0 && i < g->config->ports_cnt; i++) {
		*step = FAULT_PROFILE_FILE;
		rc = profile_load(&g->port[i].profile, g->config->pmd_config_dir,
				  g->config->ports[i].profile, e);
	}
	if (rc != 0)
		return rc;
	*step = FAULT_CORE_NONE;
	rc = core_map_topology_open(&topology, g->config, e);
	if (rc != 0)
		return rc;
	host_view_open(&host);
	rc = host_check_cores(&host, g->config, g->map, e, &g->map->warnings);
	if (rc == 0)
		rc = host_check_tsc(&host, g->config, e, &g->map->warnings);
	if (rc != 0) {
		core_map_topology_close(&topology);
		return rc;
	}
	rc = core_map_check_machine(g->map, g->config, &topology, e);
	core_map_topology_close(&topology);
	if (g->map->warnings.line_cnt != 0)
		fprintf(stderr, "%s\n", g->map->warnings.text);
	if (rc != 0)
		return rc;
	*step = FAULT_PASSWORD;
	rc = try_secrets(g->config, e);
	if (rc != 0)
		return rc;
	*step = FAULT_CONFIG;
	return try_day_files(g->config, e);
}

static int
check(struct gateway *g, const char *file, struct err *e)
{
	static char picture[16384];
	enum fault step;

	if (load(g, file, &step, e) != 0)
		return complain(e, EXIT_CONFIG, step);
	core_map_print(g->map, g->config, picture, sizeof(picture));
	printf("%s%s: no fault found\n", picture, file);
	return EXIT_FINE;
}

/* What `sluicectl manifest` would say right after a start. */
static int
manifest(struct gateway *g, const char *file, struct err *e)
{
	enum fault step;

	if (load(g, file, &step, e) != 0)
		return complain(e, EXIT_CONFIG, step);
	if (gateway_manifest_print(g, stdout, e) != 0)
		return complain(e, EXIT_START, FAULT_STEP_LIMITS);
	return EXIT_FINE;
}

/* Start in order; stop in the opposite order, whatever failed. */
static int
run(struct gateway *g, const char *file, struct err *e)
{
	enum exit_code code = EXIT_START;
	enum fault step;

	if (load(g, file, &step, e) != 0)
		return complain(e, EXIT_CONFIG, step);
	if (eal_check(g, e) != 0)
		return complain(e, EXIT_START, FAULT_STEP_EAL); // each has a number of its own
	if (control_open(g, e) != 0)
		return complain(e, EXIT_START, FAULT_STEP_CONTROL);
	// what a killed process left is made safe first
	step = FAULT_LATCH_FILE;
	if (kill_switch_open(g, e) != 0)
		goto close_control;
	step = FAULT_STEP_JOURNAL;
	if (gateway_journal_open(g, e) != 0)
		goto close_control;
	step = FAULT_STEP_EAL;
	if (eal_start(g, e) != 0)
		goto close_journal;
	step = FAULT_STEP_PORTS;
	if (ports_start(g, e) != 0)
		goto stop_ports;
	step = FAULT_STEP_LIMITS;
	if (limits_open(&g->limits, g->config, e) != 0 || limits_kept_open(g, e) != 0 ||
	    gateway_manifest_open(g, e) != 0)
		goto stop_ports;
	kill_switch_start(g);
	saved_tcp_load(g);
	step = FAULT_STEP_LANES;
	jitter_before_lanes(g->config, g->map, g->clock.ns_per_2_32_cycles);
	if (lanes_build(g, e) != 0 || gateway_journal_start(g, e) != 0 ||
	    record_run_open(g, e) != 0 || lanes_launch(g, e) != 0 || last_path_open(g, e) != 0)
		goto stop_lanes;
	code = control_run(g, e) == 0 ? EXIT_FINE : EXIT_BROKEN;
stop_lanes:
	lanes_stop(g);
	last_path_reset_ended(g); // what did not close in time
	last_path_close(g);
	record_run_close(g);
	capture_close(g); // the logout is in it
	if (code != EXIT_START)
		control_summary(g);
	gateway_journal_close(g);
	lanes_free(g);
stop_ports:
	ports_stop(g);
	eal_stop(g);
close_journal:
	gateway_journal_close(g);
close_control:
	kill_switch_close(g);
	control_close(g);
	if (code == EXIT_BROKEN)
		fprintf(stderr, "sluice: %s\n", e->text);
	return code == EXIT_START ? complain(e, code, step) : (int)code;
}

/* sluice explain [NUMBER] */
static int
explain(int argc, char **argv)
{
	if (argc == 2)
		return fault_list(stdout) == 0 ? EXIT_FINE : EXIT_START;
	if (argc == 3 && fault_explain(argv[2], stdout) == 0)
		return EXIT_FINE;
	if (argc == 3)
		fprintf(stderr,
			"sluice explain: there is no fault '%.20s'; 'sluice explain' lists them "
			"all\n",
			argv[2]);
	else
		fprintf(stderr, "sluice explain: one number of a message, like S304; without one "
				"it lists them all\n");
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static struct core_map map;
	static struct config config;
	static struct gateway gateway = { .config = &config, .map = &map, .lcores = true };
	const char *command = argc > 1 ? argv[1] : "";
	const char *file = NULL;
	struct err e;
	int code, opt;

	err_init(&e);
	if (strcmp(command, "--version") == 0) {
		printf("sluice %s\n", SLUICE_VERSION);
		return EXIT_FINE;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
		fputs(USAGE, stdout);
		return EXIT_FINE;
	}
	if (strcmp(command, "config-reference") == 0)
		return config_doc_reference(stdout) == 0 ? EXIT_FINE : EXIT_START;
	if (strcmp(command, "config-sample") == 0)
		return config_doc_sample(stdout) == 0 ? EXIT_FINE : EXIT_START;
	if (strcmp(command, "explain") == 0)
		return explain(argc, argv);
	if (strcmp(command, "jitter") == 0) {
		code = jitter_command(&config, &map, argc - 1, argv + 1);
		config_free(&config);
		return code;
	}
	if (strcmp(command, "replay") == 0) {
		code = replay_command(&gateway, argc - 1, argv + 1);
		config_free(&config);
		return code;
	}
	if (strcmp(command, "run") != 0 && strcmp(command, "check") != 0 &&
	    strcmp(command, "manifest") != 0) {
		fprintf(stderr, "sluice: unknown command '%s'\n\n%s", command, USAGE);
		return EXIT_USAGE;
	}
	optind = 2;
	opterr = 0;
	while ((opt = getopt(argc, argv, "c:")) == 'c')
		file = optarg;
	if (opt != -1 || file == NULL || optind != argc) {
		fprintf(stderr, "sluice %s: exactly one configuration is needed: -c FILE\n\n%s",
			command, USAGE);
		return EXIT_USAGE;
	}
	if (strcmp(command, "run") == 0)
		code = run(&gateway, file, &e);
	else if (strcmp(command, "check") == 0)
		code = check(&gateway, file, &e);
	else
		code = manifest(&gateway, file, &e);
	config_free(&config);
	return code;
}
