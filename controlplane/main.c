/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "boot/capture.h"
#include "boot/control.h"
#include "boot/eal_start.h"
#include "boot/gateway.h"
#include "boot/journal_start.h"
#include "boot/kill_switch.h"
#include "boot/lane_start.h"
#include "boot/last_path.h"
#include "boot/port_start.h"
#include "boot/saved_tcp.h"
#include "config/config_doc.h"
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
	"  sluice replay -c FILE ...   recorded market data through it, offline (replay --help)\n"
	"  sluice config-reference     every key, as Markdown\n"
	"  sluice config-sample        a commented configuration to start from\n"
	"  sluice --version\n"
	"\n"
	"exit codes: 0 ended as asked, 2 wrong usage, 3 fault in the configuration,\n"
	"            4 cannot start on this machine, 5 a lane ended by a broken invariant\n";

/* A fault in a file begins with its place; anything else with who speaks, below what DPDK said. */
static int
complain(struct err *e, enum exit_code code)
{
	err_end(e);
	fprintf(stderr, "%s%s\n", code == EXIT_CONFIG ? "" : "sluice: ", e->text);
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

/* All that can be known without touching a device. */
static int
load(struct gateway *g, const char *file, struct err *e)
{
	struct core_map_topology topology;
	int rc;

	rc = config_load(g->config, file, e);
	if (rc == 0)
		rc = core_map_resolve(g->map, g->config, e);
	for (uint32_t i = 0; rc == 0 && i < g->config->ports_cnt; i++)
		rc = profile_load(&g->port[i].profile, g->config->pmd_config_dir,
				  g->config->ports[i].profile, e);
	if (rc != 0)
		return rc;
	rc = core_map_topology_open(&topology, g->config, e);
	if (rc != 0)
		return rc;
	rc = core_map_check_machine(g->map, g->config, &topology, e);
	core_map_topology_close(&topology);
	if (g->map->warnings.line_cnt != 0)
		fprintf(stderr, "%s\n", g->map->warnings.text);
	return rc == 0 ? try_secrets(g->config, e) : rc;
}

static int
check(struct gateway *g, const char *file, struct err *e)
{
	static char picture[16384];

	if (load(g, file, e) != 0)
		return complain(e, EXIT_CONFIG);
	core_map_print(g->map, g->config, picture, sizeof(picture));
	printf("%s%s: no fault found\n", picture, file);
	return EXIT_FINE;
}

/* Start in order; stop in the opposite order, whatever failed. */
static int
run(struct gateway *g, const char *file, struct err *e)
{
	enum exit_code code = EXIT_START;

	if (load(g, file, e) != 0)
		return complain(e, EXIT_CONFIG);
	if (eal_check(g, e) != 0)
		return complain(e, EXIT_START);
	if (control_open(g, e) != 0)
		return complain(e, EXIT_START);
	// what a killed process left is made safe first
	if (kill_switch_open(g, e) != 0 || gateway_journal_open(g, e) != 0)
		goto close_control;
	if (eal_start(g, e) != 0)
		goto close_journal;
	if (ports_start(g, e) != 0)
		goto stop_ports;
	if (limits_open(&g->limits, g->config, e) != 0)
		goto stop_ports;
	kill_switch_start(g);
	saved_tcp_load(g);
	if (lanes_build(g, e) != 0 || gateway_journal_start(g, e) != 0 || lanes_launch(g, e) != 0 ||
	    last_path_open(g, e) != 0)
		goto stop_lanes;
	code = control_run(g, e) == 0 ? EXIT_FINE : EXIT_BROKEN;
stop_lanes:
	lanes_stop(g);
	last_path_reset_ended(g); // what did not close in time
	last_path_close(g);
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
	return code == EXIT_FINE ? EXIT_FINE : complain(e, code);
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
	if (strcmp(command, "replay") == 0) {
		code = replay_command(&gateway, argc - 1, argv + 1);
		config_free(&config);
		return code;
	}
	if (strcmp(command, "run") != 0 && strcmp(command, "check") != 0) {
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
	code = strcmp(command, "run") == 0 ? run(&gateway, file, &e) : check(&gateway, file, &e);
	config_free(&config);
	return code;
}
