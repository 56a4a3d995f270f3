/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INGRESS_SYMBOL_MATCH_H
#define SLUICE_INGRESS_SYMBOL_MATCH_H

#include "base/compiler.h"

enum {
	SYMBOL_LEN = 8,
	SYMBOL_PATTERN_MAX = 1024, // of one feed
};

/* A symbol, or a pattern: '*' stands for any characters, '?' for one.  Ends with a 0. */
typedef char symbol_pattern[SYMBOL_LEN + 1];

/* Whether the first len characters of symbol are what the pattern says. */
static inline bool
symbol_match(const char *pattern, const char *symbol, size_t len)
{
	const char *star = NULL;
	size_t at = 0, back = 0;

	while (at < len) {
		if (*pattern == '*') {
			star = pattern++;
			back = at;
		} else if (*pattern == '?' || *pattern == symbol[at]) {
			pattern++;
			at++;
		} else if (star != NULL) { // the last star takes one more
			pattern = star + 1;
			at = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Characters of a symbol that is padded with spaces on the right. */
static inline size_t
symbol_padded_len(const char symbol[SYMBOL_LEN])
{
	size_t len = SYMBOL_LEN;

	while (len != 0 && symbol[len - 1] == ' ')
		len--;
	return len;
}

#endif
