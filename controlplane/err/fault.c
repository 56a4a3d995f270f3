/* SPDX-License-Identifier: Apache-2.0 */
#include "err/fault.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *tag;
	unsigned number;
	const char *what;
	const char *why;
	const char *fix;
};

static const struct row ROW[] = {
#define FAULT(id, number, what, why, fix, test) { "[S" #number "]", number, what, why, fix },
#include "err/faults.def"
#undef FAULT
};

/* Where a hundred begins, the page has a heading. */
static const struct {
	unsigned hundred;
	const char *heading;
} PART[] = {
	{ 1, "The configuration (exit status 3)" },
	{ 2, "The machine (exit status 4)" },
	{ 3, "The ports (exit status 4)" },
	{ 4, "Files and other programs (exit status 4)" },
	{ 5, "A step of the start (exit status 4)" },
	{ 9, "It starts, and says so" },
};

const char *
fault_tag(enum fault f)
{
	return ROW[f].tag;
}

int
fault_is_named(const char *text)
{
	const size_t len = strlen(text);

	return len >= 6 && text[len - 1] == ']' && text[len - 6] == '[' && text[len - 5] == 'S' &&
	       isdigit((unsigned char)text[len - 4]) && isdigit((unsigned char)text[len - 3]) &&
	       isdigit((unsigned char)text[len - 2]);
}

int
fault_explain(const char *number, FILE *out)
{
	char *end;
	unsigned long want;

	if (*number == '[')
		number++;
	if (*number == 'S' || *number == 's')
		number++;
	want = strtoul(number, &end, 10);
	if (end == number || (*end != '\0' && strcmp(end, "]") != 0))
		return -ENOENT;
	for (size_t i = 0; i < FAULT_CNT; i++)
		if (ROW[i].number == want) {
			fprintf(out, "S%u  %s\n\nwhy   %s\nfix   %s\n", ROW[i].number, ROW[i].what,
				ROW[i].why, ROW[i].fix);
			return ferror(out) ? -EIO : 0;
		}
	return -ENOENT;
}

int
fault_list(FILE *out)
{
	for (size_t i = 0; i < FAULT_CNT; i++)
		fprintf(out, "S%u  %s\n", ROW[i].number, ROW[i].what);
	return ferror(out) ? -EIO : 0;
}

int
fault_page(FILE *out)
{
	unsigned hundred = 0;

	fputs("<!-- generated from faults.def; do not edit -->\n"
	      "# Why a gateway does not start\n\n"
	      "Each message of `sluice run` and `sluice check` ends with a number. `sluice explain "
	      "S211` prints\nits entry. Numbers keep their meaning over versions; look for them, "
	      "not "
	      "for the words.\n",
	      out);
	for (size_t i = 0; i < FAULT_CNT; i++) {
		for (size_t k = 0; k < sizeof(PART) / sizeof(PART[0]); k++)
			if (ROW[i].number / 100 == PART[k].hundred && PART[k].hundred != hundred) {
				hundred = PART[k].hundred;
				fprintf(out, "\n## %s\n", PART[k].heading);
			}
		fprintf(out, "\n### S%u %s\n\n%s\n\n**Fix.** %s\n", ROW[i].number, ROW[i].what,
			ROW[i].why, ROW[i].fix);
	}
	return ferror(out) ? -EIO : 0;
}
