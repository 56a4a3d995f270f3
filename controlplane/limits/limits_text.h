/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIMITS_LIMITS_TEXT_H
#define SLUICE_LIMITS_LIMITS_TEXT_H

#include <stdio.h>

#include "limits/limits_build.h"

/*
 * What is set, as lines of text: in the file that outlives the process (limits_keep.c) and in the
 * audit journal (limits_text).
 *
 *   limit order_max_qty 200 firm
 *   limit order_max_qty 100 symbol AAPL
 *   limit gross_max_usd 40000.0000 account desk
 *   restricted AAPL account desk yes
 *   located AAPL account desk 5000
 *   enabled taker 3
 *   frozen AAPL AAPL, order 7, match 9: ...
 */
struct limits_reading {
	struct limits *l;
	struct limits_set *set; // what the lines change
	const char *path;       // where they come from, for words
	unsigned line;
	const char *advice; // what to do about a bad one
	char *told;
	size_t told_bytes;
	size_t told_len;
	struct err *e;
};

/* A line for each thing that is set otherwise than in base.  by_hand: as limits_differences. */
void limits_put_lines(FILE *f, const struct limits *l, const struct limits_set *base, bool by_hand);

/*
 * Takes over one line, which is cut into words for it.  What nobody has configured any more is
 * told and left out.  -EBADMSG, with words in *r->e: no such line can be.
 */
int limits_take_line(struct limits_reading *r, char *line);
int limits_bad_line(const struct limits_reading *r, const char *what); // -EBADMSG

/* Adds to what is told. */
void limits_tell(struct limits_reading *r, const char *form, ...)
	__attribute__((format(printf, 2, 3)));

/* A number in decimal and nothing else. */
bool limits_number(const char *text, uint32_t *out);

#endif
