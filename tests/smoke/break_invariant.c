/* SPDX-License-Identifier: Apache-2.0 */

/*
 * break_invariant PID SYMBOL-ADDRESS: a few bits of a running gateway's memory go wrong, as a bad
 * memory cell or a stray write of some driver would do it.  Nothing in the gateway helps: this
 * program knows its structs from the headers it is built with, and its memory from /proc.
 *
 * What goes wrong is a number that is only read: which session each strategy's orders go to.  It
 * names one that does not exist, so the next order breaks the invariant in give_order().
 *
 * SYMBOL-ADDRESS is that of last_path.c's 'path', which begins with the pointer to the gateway.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/gateway.h"
#include "decision/strategy.h"

static int memory_fd;

static void
die(const char *what)
{
	fprintf(stderr, "break_invariant: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Reads from an address of the other process. */
static void
see(const void *at, void *out, size_t len)
{
	if (pread(memory_fd, out, len, (off_t)(uintptr_t)at) != (ssize_t)len)
		die("its memory cannot be read");
}

/* Where the program was loaded: the first mapping of its own file. */
static uintptr_t
load_base(const char *pid)
{
	char path[64], exe[512], line[1024];
	unsigned long base = 0;
	ssize_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len < 0)
		die(path);
	exe[len] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "re");
	if (f == NULL)
		die(path);
	while (base == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, exe) != NULL && sscanf(line, "%lx-", &base) != 1)
			base = 0;
	fclose(f);
	return base;
}

static unsigned
break_strategy(struct strategy *at)
{
	struct strategy_config *c = &at->base.config;
	const uint8_t nowhere = SESSION_MAX - 1;
	uint32_t instr_cnt;

	see(&c->instr_cnt, &instr_cnt, sizeof(instr_cnt));
	if (instr_cnt > INSTR_MAX)
		die("that is no strategy");
	for (uint32_t i = 0; i < instr_cnt; i++)
		if (pwrite(memory_fd, &nowhere, 1, (off_t)(uintptr_t)&c->instr[i].session_idx) != 1)
			die("its memory cannot be written");
	return instr_cnt;
}

int
main(int argc, char **argv)
{
	struct strategy *strategy[STRATEGY_MAX];
	struct lane *lane[LANE_MAX];
	unsigned broken_cnt = 0;
	struct gateway *g;
	char path[64];

	if (argc != 3) {
		fputs("usage: break_invariant PID SYMBOL-ADDRESS\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	memory_fd = open(path, O_RDWR | O_CLOEXEC);
	if (memory_fd < 0)
		die(path);
	see((void *)(load_base(argv[1]) + strtoul(argv[2], NULL, 16)), &g, sizeof(g));
	see(g->lane, lane, sizeof(lane));
	for (unsigned l = 0; l < LANE_MAX && lane[l] != NULL; l++) {
		see(lane[l]->strategy_here, strategy, sizeof(strategy));
		for (unsigned i = 0; i < STRATEGY_MAX && strategy[i] != NULL; i++)
			broken_cnt += break_strategy(strategy[i]);
	}
	printf("%u sessions of instruments are wrong now\n", broken_cnt);
	return broken_cnt == 0;
}
