/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/page_ready.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ // Linux 5.14; before it the calls fail and pages come as ever
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum {
	LINE_MAX_BYTES = 512,
};

/* A line of /proc/self/maps. */
struct mapping {
	uintptr_t from;
	uintptr_t to;
	char rights[5];
	char path[LINE_MAX_BYTES];
};

/*
 * Code, a program's own data (the part without a file lies behind the one that has it), and what a
 * memif port shares.  Not DPDK's large reserve of addresses, which has no file, nor what others
 * share with us by a file.
 */
static bool
is_wanted(const struct mapping *m, uintptr_t data_end)
{
	if (m->rights[0] != 'r')
		return false;
	if (strncmp(m->path, "/memfd:memif_region", 19) == 0)
		return true;
	return m->rights[3] == 'p' &&
	       (m->path[0] == '/' || (m->path[0] == '\0' && m->from == data_end));
}

void
page_ready(void)
{
	char line[LINE_MAX_BYTES];
	uintptr_t data_end = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	if (f == NULL)
		return; // a lane then waits for some pages
	while (fgets(line, sizeof(line), f) != NULL) {
		struct mapping m = { 0 };

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %511s", &m.from, &m.to,
			   m.rights, m.path) < 3 ||
		    !is_wanted(&m, data_end))
			continue;
		data_end = m.rights[1] == 'w' && m.path[0] == '/' ? m.to : 0;
		(void)madvise((void *)m.from, m.to - m.from, // no room left: as before
			      m.rights[1] == 'w' ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	}
	fclose(f);
}
