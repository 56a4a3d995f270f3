/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MANIFEST_MANIFEST_H
#define SLUICE_MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stdio.h>

#include "core_map/core_map.h"
#include "err/err.h"

/*
 * What a gateway is made of, a row each with its hash: the program, the configuration, the limits
 * in force, and the facts of the machine.  Two gateways of a fleet are alike when their rows are.
 * It is written as text, `sluice manifest -c FILE`, and a copy somebody looked at is what is
 * approved.
 */
enum {
	MANIFEST_ROW_MAX = 48,
	MANIFEST_NAME_MAX = 48,
	MANIFEST_TEXT_MAX = 128, // as STATE_TEXT_MAX
	MANIFEST_HASH_MAX = 65,  // SHA-256: 64 hexadecimal digits and the end
};

struct manifest_row {
	char name[MANIFEST_NAME_MAX]; // "binary", "host.kernel"
	char hash[MANIFEST_HASH_MAX];
	char text[MANIFEST_TEXT_MAX]; // for people; not compared
};

struct manifest {
	uint32_t row_cnt;
	struct manifest_row row[MANIFEST_ROW_MAX];
};

/* A row out of some bytes, or out of a text that is its own words for people. */
void manifest_add(struct manifest *m, const char *name, const void *data, size_t len_bytes,
		  const char *text);
void manifest_add_text(struct manifest *m, const char *name, const char *text);

/* A row out of a file with something in it.  Returns 0, or a negative errno with the words in *e.
 */
int manifest_add_file(struct manifest *m, const char *name, const char *path, const char *text,
		      struct err *e);

/*
 * The facts of the machine below root ("": this one) that change how a gateway behaves: kernel and
 * its command line without what names a disk, processor, cores, huge pages, clock, THP, governor,
 * and each PCI port's device and driver.  What is not there counts as "none".
 */
void manifest_add_host(struct manifest *m, const char *root, const struct config *c,
		       const struct core_map *map);

/* The row of a name, or NULL. */
const struct manifest_row *manifest_find(const struct manifest *m, const char *name);

int manifest_print(const struct manifest *m, FILE *out); // 0 or -EIO

/* Returns  0, or a negative errno with file and line in *e. */
int manifest_read(struct manifest *m, const char *path, struct err *e);

/*
 * How many rows differ, those that only one of both has included; their names, separated by commas,
 * in differ.
 */
uint32_t manifest_compare(const struct manifest *now, const struct manifest *approved, char *differ,
			  size_t differ_bytes);

#endif
