/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CTL_CTL_JSON_H
#define SLUICE_CTL_CTL_JSON_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "err/err.h"

/* What answers are made of. */

/* JSON has no unsigned 64-bit numbers that every reader keeps; ours never come near 2^63. */
static inline json_int_t
number(uint64_t x)
{
	return x > INT64_MAX ? INT64_MAX : (json_int_t)x;
}

/* A text as JSON; bytes that are not UTF-8 become '?'. */
static inline json_t *
words(const char *text)
{
	json_t *s = json_string(text);
	char *copy;

	if (s != NULL)
		return s;
	copy = strdup(text);
	if (copy == NULL)
		return json_string("");
	for (char *c = copy; *c != '\0'; c++)
		if ((unsigned char)*c > '~')
			*c = '?';
	s = json_string(copy);
	free(copy);
	return s;
}

static inline size_t
rows_in(int found, size_t row_max)
{
	if (found < 0)
		return 0;
	return (size_t)found < row_max ? (size_t)found : row_max;
}

/* Rows to fill and the array to put them into; *e says when there is no memory. */
static inline void *
rows_take(size_t row_max, size_t row_bytes, struct err *e)
{
	void *row = calloc(row_max, row_bytes);

	if (row == NULL)
		err_set(e, -ENOMEM, "no memory for the answer");
	return row;
}

#endif
