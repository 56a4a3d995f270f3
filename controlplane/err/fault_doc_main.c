/* SPDX-License-Identifier: Apache-2.0 */
/* Writes FAULTS.md without DPDK: fault_doc page */
#include <string.h>

#include "err/fault.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "page") == 0)
		return fault_page(stdout) ? 1 : 0;
	fputs("usage: fault_doc page\n", stderr);
	return 2;
}
