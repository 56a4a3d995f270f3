/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ERR_ERR_H
#define SLUICE_ERR_ERR_H

/*
 * Why something failed, in words for people: where, what was found, what was allowed, what to do.
 * The first to know writes the cause; each caller may add where it was; one place prints.
 */
enum {
	ERR_TEXT_MAX = 8192, // room for about 20 faults of a configuration file
	ERR_LINE_MAX = 20,   // further faults are only counted
};

struct err {
	int code;          // negative errno; 0 while nothing failed
	unsigned line_cnt; // faults, those beyond ERR_LINE_MAX included
	char text[ERR_TEXT_MAX];
};

/* An empty one.  Every function that takes a struct err expects it initialised. */
void err_init(struct err *e);

/*
 * Writes the cause; what was there before is gone.  A text that is too long is cut, ending in
 * "...". Any of these functions accepts e == NULL: the words are then lost, the code is not.
 *
 * Returns  code, so that a failing function can end with it
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Adds one more fault on a line of its own, for checks that do not stop at the first.  The code
 * kept is that of the first fault.
 *
 * Returns  the code kept
 */
int err_add(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts where it happened in front of every line: "where: cause". */
void err_in(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says how many faults were not written down, on a line of its own; once, before printing. */
void err_end(struct err *e);

#endif
