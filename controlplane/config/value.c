/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"

/* Where to say why a value was refused. */
struct why {
	char *text;
	size_t bytes;
};

__attribute__((format(printf, 2, 3))) static bool
refuse(struct why *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text, w->bytes, fmt, ap);
	va_end(ap);
	return false;
}

bool
key_word(const struct key *k, uint32_t idx, char out[32])
{
	const char *at = k->words + strspn(k->words, " ");

	while (*at) {
		const size_t len = strcspn(at, " ");

		if (idx-- == 0) {
			snprintf(out, 32, "%.*s", (int)len, at);
			return true;
		}
		at += len;
		at += strspn(at, " ");
	}
	return false;
}

/* Decimal digits only: 010 and 0x10 mean different numbers to different people. */
static bool
number_of_text(const char *text, size_t text_len, uint64_t *out)
{
	uint64_t v = 0;

	if (text_len == 0 || (text_len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < text_len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10ULL, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
			v = UINT64_MAX; // outside every range
	}
	*out = v;
	return true;
}

static bool
number_value(const struct key *k, const char *text, size_t text_len, bool plain, uint64_t *v,
	     struct why *w)
{
	const struct shown shown = shown_of(text, text_len);
	const char *gap = k->unit[0] ? " " : "";

	if (!plain)
		return refuse(w, "\"%s\" is a text; write the number without quotes", shown.text);
	if (!number_of_text(text, text_len, v))
		return refuse(w, "'%s' is no whole number; allowed %llu..%llu%s%s", shown.text,
			      (unsigned long long)k->min, (unsigned long long)k->max, gap, k->unit);
	if (*v < k->min || *v > k->max)
		return refuse(w, "%s is outside %llu..%llu%s%s", shown.text,
			      (unsigned long long)k->min, (unsigned long long)k->max, gap, k->unit);
	return true;
}

static bool
bool_value(const char *text, bool plain, bool *v, struct why *w)
{
	if (plain && strcmp(text, "true") == 0)
		*v = true;
	else if (plain && strcmp(text, "false") == 0)
		*v = false;
	else
		return refuse(w, "'%s' is neither true nor false",
			      shown_of(text, strlen(text)).text);
	return true;
}

static bool
str_value(const struct key *k, const char *text, size_t text_len, char *v, struct why *w)
{
	const struct shown shown = shown_of(text, text_len);

	if (text_len == 0 && k->min > 0)
		return refuse(w, "the text is empty");
	if (text_len < k->min)
		return refuse(w, "the text '%s' has %zu bytes; at least %llu are needed",
			      shown.text, text_len, (unsigned long long)k->min);
	if (text_len >= k->size)
		return refuse(w, "'%s' has %zu bytes; at most %zu are allowed", shown.text,
			      text_len, k->size - 1);
	for (size_t i = 0; i < text_len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return refuse(w, "'%s' has a control character", shown.text);
	memset(v, 0, k->size);
	memcpy(v, text, text_len);
	return true;
}

/* "12", "12.5", "0.0001": at most four decimals, nothing else. */
static bool
usd_value(const struct key *k, const char *text, size_t text_len, struct usd *v, struct why *w)
{
	const char *point = memchr(text, '.', text_len);
	const size_t whole_len = point ? (size_t)(point - text) : text_len;
	const size_t frac_len = point ? text_len - whole_len - 1 : 0;
	const struct shown shown = shown_of(text, text_len);
	uint64_t whole = 0, frac = 0, usd4;

	if (!number_of_text(text, whole_len, &whole) || (point && frac_len == 0) ||
	    strspn(text + whole_len + (point ? 1 : 0), "0123456789") != frac_len)
		return refuse(w, "'%s' is no amount in dollars, such as 12.50", shown.text);
	if (frac_len > 4)
		return refuse(w, "'%s' has more than four decimals", shown.text);
	for (size_t i = 0; i < 4; i++)
		frac = frac * 10 + (i < frac_len ? (uint64_t)(point[1 + i] - '0') : 0);
	if (__builtin_mul_overflow(whole, 10000ULL, &usd4) ||
	    __builtin_add_overflow(usd4, frac, &usd4) || usd4 < k->min || usd4 > k->max)
		return refuse(
			w, "%s is outside %llu.%04llu..%llu.%04llu dollars", shown.text,
			(unsigned long long)k->min / 10000, (unsigned long long)k->min % 10000,
			(unsigned long long)k->max / 10000, (unsigned long long)k->max % 10000);
	v->usd4 = (int64_t)usd4;
	return true;
}

/* inet_pton accepts exactly four decimal parts; texts with a 0 byte inside are refused by length.
 */
static bool
ip4_of_text(const char *text, size_t text_len, uint32_t *ip)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr a;

	if (text_len >= sizeof(copy) || memchr(text, '\0', text_len))
		return false;
	memcpy(copy, text, text_len);
	copy[text_len] = '\0';
	if (inet_pton(AF_INET, copy, &a) != 1)
		return false;
	*ip = ntohl(a.s_addr);
	return true;
}

/* Splits "10.1.2.3/24" or "10.1.2.3:80" at the sign into address and number. */
static bool
ip4_and_number(const char *text, size_t text_len, char sign, uint32_t max, uint32_t *ip,
	       uint32_t *number)
{
	const char *at = memchr(text, sign, text_len);
	uint64_t n;

	if (!at || !ip4_of_text(text, (size_t)(at - text), ip) ||
	    !number_of_text(at + 1, text_len - (size_t)(at - text) - 1, &n) || n < 1 || n > max)
		return false;
	*number = (uint32_t)n;
	return true;
}

static bool
mac_of_text(const char *text, size_t text_len, struct mac *v)
{
	if (text_len != 17)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		const char *t = text + i * 3;
		const char byte[3] = { t[0], t[1], 0 };

		if (!isxdigit((unsigned char)t[0]) || !isxdigit((unsigned char)t[1]) ||
		    (i < 5 && t[2] != ':'))
			return false;
		v->byte[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	v->is_set = true;
	return true;
}

static bool
word_value(const struct key *k, const char *text, size_t text_len, uint32_t *v, struct why *w)
{
	char word[32];

	for (uint32_t i = 0; key_word(k, i, word); i++) {
		if (strlen(word) == text_len && memcmp(word, text, text_len) == 0) {
			*v = i;
			return true;
		}
	}
	return refuse(
		w, "'%s' is not one of: %.*s", shown_of(text, text_len).text,
		(int)(strlen(k->words) - (k->words[0] && k->words[strlen(k->words) - 1] == ' ')),
		k->words);
}

bool
value_of_text(const struct key *k, const char *text, size_t text_len, bool plain, void *field,
	      char *why, size_t why_bytes)
{
	const struct shown shown = shown_of(text, text_len);
	struct why w = { why, why_bytes };
	uint64_t number = 0;
	uint32_t ip = 0, n = 0;
	struct mac mac = { 0 };

	// The default "" may also be written in a file; what is written in a file is never plain
	// and empty, because that is the null of YAML and refused before.
	if (text_len == 0 && k->dflt && k->dflt[0] == '\0' && k->type != KEY_STR)
		return true;
	if (strlen(text) != text_len)
		return refuse(&w, "'%s' has a control character", shown.text);
	switch (k->type) {
	case KEY_BOOL:
		return bool_value(text, plain, field, &w);
	case KEY_U32:
	case KEY_LIST_U32:
		if (!number_value(k, text, text_len, plain, &number, &w))
			return false;
		*(uint32_t *)field = (uint32_t)number;
		return true;
	case KEY_U64:
		return number_value(k, text, text_len, plain, field, &w);
	case KEY_STR:
	case KEY_LIST_STR:
		return str_value(k, text, text_len, field, &w);
	case KEY_USD:
		return usd_value(k, text, text_len, field, &w);
	case KEY_IP4:
		if (!ip4_of_text(text, text_len, &ip) || ip == 0)
			return refuse(&w, "'%s' is no IPv4 address, such as 10.1.2.3", shown.text);
		*(uint32_t *)field = ip;
		return true;
	case KEY_NET4:
		if (!ip4_and_number(text, text_len, '/', 32, &ip, &n) || ip == 0)
			return refuse(&w,
				      "'%s' is no IPv4 address with a prefix length, such as "
				      "10.1.2.3/24",
				      shown.text);
		*(struct ip4_net *)field = (struct ip4_net){ ip, n };
		return true;
	case KEY_ENDPOINT:
	case KEY_LIST_ENDPOINT:
		if (!ip4_and_number(text, text_len, ':', 65535, &ip, &n) || ip == 0)
			return refuse(&w,
				      "'%s' is no IPv4 address with a port, such as "
				      "10.1.2.3:26400",
				      shown.text);
		*(struct ip4_endpoint *)field = (struct ip4_endpoint){ ip, n };
		return true;
	case KEY_MAC:
		if (!mac_of_text(text, text_len, &mac))
			return refuse(&w, "'%s' is no hardware address, such as 02:00:00:0a:0b:0c",
				      shown.text);
		*(struct mac *)field = mac;
		return true;
	case KEY_ENUM:
		if (!word_value(k, text, text_len, &n, &w))
			return false;
		*(uint32_t *)field = n;
		return true;
	case KEY_SET:
		if (!word_value(k, text, text_len, &n, &w))
			return false;
		if (*(uint32_t *)field & 1U << n)
			return refuse(&w, "'%s' stands there twice", shown.text);
		*(uint32_t *)field |= 1U << n;
		return true;
	case KEY_LIST_BLOCK:
	case KEY_REFUSED:
		break;
	}
	return refuse(&w, "no value can stand here");
}
