/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_SOUP_FIELD_H
#define SLUICE_SIM_SOUP_FIELD_H

#include <ctype.h>

#include "wire/soupbintcp.h"

/* Text of a fixed field without its padding; out has len + 1 bytes. */
static inline void
soup_field_text(char *out, const char *field, size_t len)
{
	while (len > 0 && field[0] == ' ') {
		field++;
		len--;
	}
	while (len > 0 && field[len - 1] == ' ')
		len--;
	memcpy(out, field, len);
	out[len] = '\0';
}

/* A number padded with spaces; false when it is none. */
static inline bool
soup_field_number(const char *field, size_t len, uint64_t *n)
{
	char text[SOUP_SEQ_LEN + 1];

	soup_field_text(text, field, len);
	*n = 0;
	for (const char *t = text; *t != '\0'; t++) {
		if (!isdigit((unsigned char)*t) || __builtin_mul_overflow(*n, (uint64_t)10, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*t - '0'), n))
			return false;
	}
	return true;
}

#endif
