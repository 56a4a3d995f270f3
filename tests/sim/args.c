/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/units.h"

__attribute__((noreturn)) static void
bad(const char *option, const char *text, const char *want)
{
	fprintf(stderr, "--%s: '%s' is not %s\n", option, text, want);
	exit(2);
}

uint64_t
arg_u64(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char want[80];
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || v < min || v > max) {
		snprintf(want, sizeof(want), "a number from %llu to %llu", (unsigned long long)min,
			 (unsigned long long)max);
		bad(option, text, want);
	}
	return v;
}

uint32_t
arg_px4(const char *option, const char *text)
{
	uint64_t px4 = 0;
	unsigned digits = 0, decimals = 0;
	bool point = false;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)*c) || digits == 12 || decimals == 4)
			bad(option, text, "a price in dollars with at most four decimals");
		px4 = px4 * 10 + (uint64_t)(*c - '0');
		digits++;
		decimals += point;
	}
	for (; decimals < 4; decimals++)
		px4 *= 10;
	if (digits == 0 || px4 > PX4_MAX)
		bad(option, text, "a price up to 200000 dollars");
	return (uint32_t)px4;
}

uint64_t
arg_time_ns(const char *option, const char *text)
{
	unsigned h, m, s;
	char rest;

	if (sscanf(text, "%2u:%2u:%2u%c", &h, &m, &s, &rest) == 3 && h < 24 && m < 60 && s < 60)
		return ((h * 60 + m) * 60ULL + s) * NS_PER_SEC;
	if (strchr(text, ':') != NULL)
		bad(option, text, "a time like 09:30:00, or seconds");
	return arg_u64(option, text, 0, 86399) * NS_PER_SEC;
}

struct sockaddr_in
arg_addr(const char *option, const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strchr(text, ':');
	char ip[INET_ADDRSTRLEN] = "";

	if (colon == NULL || (size_t)(colon - text) >= sizeof(ip))
		bad(option, text, "an address like 239.1.2.3:26400");
	memcpy(ip, text, (size_t)(colon - text));
	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		bad(option, text, "an address like 239.1.2.3:26400");
	a.sin_port = htons((uint16_t)arg_u64(option, colon + 1, 0, 65535));
	return a;
}

void
arg_symbol(const char *option, const char *text, size_t len, char symbol[8])
{
	if (len == 0 || len > 8)
		bad(option, text, "a symbol of 1 to 8 characters");
	memset(symbol, ' ', 8);
	memcpy(symbol, text, len);
}
