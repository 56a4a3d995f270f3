/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the two generated files without DPDK: config_doc reference|sample */
#include <string.h>

#include "config/config_doc.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "reference") == 0)
		return config_doc_reference(stdout) ? 1 : 0;
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		return config_doc_sample(stdout) ? 1 : 0;
	fputs("usage: config_doc reference|sample\n", stderr);
	return 2;
}
