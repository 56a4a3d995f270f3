/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TESTS_UNIT_HEX_H
#define SLUICE_TESTS_UNIT_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline unsigned
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	abort(); // the test itself is wrong
}

/* Bytes of a text such as "00064f"; blanks are skipped.  Returns how many. */
static inline size_t
hex_bytes(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		if (n == cap || text[1] == '\0')
			abort();
		out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text++;
	}
	return n;
}

#endif
