/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_ORDER_TOKEN_H
#define SLUICE_WIRE_ORDER_TOKEN_H

#include <string.h>

#include "base/compiler.h"

/*
 * Our order number as the 14 characters of an OUCH 4.2 token, and as the ClOrdID that OUCH 5.0
 * echoes: the session's prefix, eight hexadecimal digits in upper case, spaces to the end.
 */
enum {
	ORDER_TOKEN_LEN = 14,
	ORDER_TOKEN_DIGITS = 8,
	ORDER_TOKEN_PREFIX_MAX = ORDER_TOKEN_LEN - ORDER_TOKEN_DIGITS,
};

/* What the tokens of one session have in common.  Written at start, by order_token_form_init. */
struct order_token_form {
	char text[ORDER_TOKEN_LEN]; // prefix, eight zeros, spaces
	uint8_t prefix_len;
};

/* False when the prefix is too long or holds something else than letters and digits. */
static inline bool
order_token_form_init(struct order_token_form *f, const char *prefix)
{
	const size_t len = strnlen(prefix, ORDER_TOKEN_PREFIX_MAX + 1);

	if (len > ORDER_TOKEN_PREFIX_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = prefix[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			return false;
	}
	memset(f->text, ' ', sizeof(f->text));
	memcpy(f->text, prefix, len);
	memset(f->text + len, '0', ORDER_TOKEN_DIGITS);
	f->prefix_len = (uint8_t)len;
	return true;
}

/* Eight digits, most significant first, all at once: a nibble per byte, then each to its letter. */
HOT_INLINE uint64_t
order_token_digits(uint32_t token)
{
	uint64_t x = token, above_nine;

	x = (x | x << 16) & 0x0000FFFF0000FFFF;
	x = (x | x << 8) & 0x00FF00FF00FF00FF;
	x = (x | x << 4) & 0x0F0F0F0F0F0F0F0F;
	above_nine = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
	x += 0x3030303030303030 + above_nine * ('A' - '9' - 1);
	return __builtin_bswap64(x);
}

/* Writes the digits into a text that already is the form's. */
HOT_INLINE void
order_token_patch(const struct order_token_form *f, uint32_t token, char *text)
{
	const uint64_t digits = order_token_digits(token);

	memcpy(text + f->prefix_len, &digits, sizeof(digits));
}

/*
 * The number of a text.  False when it is not exactly what order_token_patch writes: another
 * prefix, a small letter, anything behind the digits.
 */
HOT_INLINE bool
order_token_get(const struct order_token_form *f, const char *text, uint32_t *token)
{
	char want[ORDER_TOKEN_LEN];
	uint64_t x;

	memcpy(&x, text + f->prefix_len, sizeof(x));
	x = __builtin_bswap64(x);
	x = (x & 0x0F0F0F0F0F0F0F0F) + (x >> 6 & 0x0101010101010101) * 9; // right for digits only
	x &= 0x0F0F0F0F0F0F0F0F;
	x = (x | x >> 4) & 0x00FF00FF00FF00FF;
	x = (x | x >> 8) & 0x0000FFFF0000FFFF;
	x = (x | x >> 16) & 0x00000000FFFFFFFF;
	memcpy(want, f->text, sizeof(want));
	order_token_patch(f, (uint32_t)x, want);
	*token = (uint32_t)x;
	return memcmp(want, text, sizeof(want)) == 0; // so whatever was no digit differs here
}

#endif
