/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"

/* Appends to a text that is cut at its end. */
__attribute__((format(printf, 3, 4))) static void
add(char *out, size_t out_bytes, const char *fmt, ...)
{
	const size_t len = strnlen(out, out_bytes - 1);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + len, out_bytes - len, fmt, ap);
	va_end(ap);
}

static void
add_ip(char *out, size_t out_bytes, uint32_t ip)
{
	add(out, out_bytes, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static void
add_words(const struct key *k, uint32_t set, char *out, size_t out_bytes)
{
	const char *comma = "";
	char word[32];

	add(out, out_bytes, "[");
	for (uint32_t i = 0; key_word(k, i, word); i++) {
		if (!(set >> i & 1))
			continue;
		add(out, out_bytes, "%s%s", comma, word);
		comma = ", ";
	}
	add(out, out_bytes, "]");
}

static void
value_text(const struct key *k, const void *field, char *out, size_t out_bytes)
{
	const uint32_t *u32 = field;
	const struct ip4_endpoint *endpoint = field;
	const struct ip4_net *net = field;
	const struct mac *mac = field;
	const struct usd *usd = field;
	char word[32] = "?";

	out[0] = '\0';
	switch (k->type) {
	case KEY_BOOL:
		add(out, out_bytes, "%s", *(const bool *)field ? "true" : "false");
		return;
	case KEY_U32:
		add(out, out_bytes, "%u", *u32);
		return;
	case KEY_U64:
		add(out, out_bytes, "%" PRIu64, *(const uint64_t *)field);
		return;
	case KEY_STR:
		add(out, out_bytes, "\"%s\"", (const char *)field);
		return;
	case KEY_USD:
		add(out, out_bytes, "%" PRId64 ".%04" PRId64, usd->usd4 / 10000, usd->usd4 % 10000);
		return;
	case KEY_IP4:
		if (*u32 != 0)
			add_ip(out, out_bytes, *u32);
		else
			add(out, out_bytes, "\"\"");
		return;
	case KEY_NET4:
		add_ip(out, out_bytes, net->ip);
		add(out, out_bytes, "/%u", net->prefix_len);
		return;
	case KEY_ENDPOINT:
	case KEY_LIST_ENDPOINT:
		if (endpoint->ip == 0) {
			add(out, out_bytes, "\"\"");
			return;
		}
		add_ip(out, out_bytes, endpoint->ip);
		add(out, out_bytes, ":%u", endpoint->port);
		return;
	case KEY_MAC:
		if (!mac->is_set)
			add(out, out_bytes, "\"\"");
		for (size_t i = 0; i < sizeof(mac->byte) && mac->is_set; i++)
			add(out, out_bytes, "%s%02x", i == 0 ? "" : ":", mac->byte[i]);
		return;
	case KEY_ENUM:
		key_word(k, *u32, word);
		add(out, out_bytes, "%s", word);
		return;
	case KEY_SET:
		add_words(k, *u32, out, out_bytes);
		return;
	case KEY_LIST_STR:
	case KEY_LIST_U32:
	case KEY_LIST_BLOCK:
	case KEY_REFUSED:
		return;
	}
}

static void
list_text(const struct key *k, const uint8_t *base, char *out, size_t out_bytes)
{
	uint32_t cnt;

	memcpy(&cnt, base + k->cnt_offset, sizeof(cnt));
	out[0] = '\0';
	add(out, out_bytes, "[");
	for (uint32_t i = 0; i < cnt; i++) {
		const uint8_t *element = base + k->offset + (size_t)(k->first_idx + i) * k->size;
		uint32_t x;

		if (k->type == KEY_LIST_ENDPOINT) {
			char text[32];

			value_text(k, element, text, sizeof(text));
			add(out, out_bytes, "%s%s", i == 0 ? "" : ", ", text);
			continue;
		}
		if (k->type == KEY_LIST_STR) {
			add(out, out_bytes, "%s%s", i == 0 ? "" : ", ", (const char *)element);
			continue;
		}
		memcpy(&x, element, sizeof(x));
		add(out, out_bytes, "%s%u", i == 0 ? "" : ", ", x);
	}
	add(out, out_bytes, "]");
}

void
key_text(const struct key *k, const void *owner, char *out, size_t out_bytes)
{
	const uint8_t *base = owner;

	if (key_is_list(k))
		list_text(k, base, out, out_bytes);
	else
		value_text(k, base + k->offset, out, out_bytes);
}
