/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "returns/report_ouch42.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
sum_of(const struct report_metrics *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(*m) / sizeof(uint64_t); i++)
		sum += ((const uint64_t *)m)[i];
	return sum;
}

/* Length of a message, by the document's index. */
static size_t
bytes_of(uint8_t type)
{
	static const char TYPES[] = "SAUCDEBGFJPITMN";
	static const uint8_t BYTES[] = {
		10, 66, 80, 28, 38, 40, 32, 45, 41, 24, 23, 23, 36, 28, 23
	};
	const char *at = type != 0 ? strchr(TYPES, type) : NULL;

	return at != NULL ? BYTES[at - TYPES] : 0;
}

/* A token that was read is the one our own writer would have written. */
static void
check_token(const struct report_decode *d, const uint8_t *text, uint32_t token)
{
	char want[ORDER_TOKEN_LEN];

	memcpy(want, d->token_form.text, sizeof(want));
	order_token_patch(&d->token_form, token, want);
	if (memcmp(want, text, sizeof(want)) != 0)
		abort();
}

/*
 * Whatever the venue sends, each message counts exactly once.  What is decoded has a type and the
 * length of the document, tokens of our own making, and no value outside what the messages behind
 * it can hold; what is refused has a counter that says why.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_decode d;
	enum report_verdict v;
	struct report r;
	size_t bytes;

	if (size > UINT16_MAX || !report_init(&d, "TOK000"))
		return 0;
	v = report_ouch42_on_message(&d, data, (uint16_t)size, &r);
	if (sum_of(&d.metrics) != 1)
		abort();
	bytes = size != 0 ? bytes_of(data[0]) : 0;
	if ((v == REPORT_TYPE_UNKNOWN) != (size != 0 && bytes == 0))
		abort();
	if (v != REPORT_DECODED && v != REPORT_NO_ORDER)
		return 0;
	if (size != bytes && !(data[0] == 'D' && size == bytes - 1))
		abort();
	if (data[0] != 'S')
		check_token(&d, data + 9, r.token);
	if (data[0] == 'U')
		check_token(&d, data + 65, r.orig_token);
	if ((v == REPORT_DECODED) != (r.type != REPORT_NONE) || r.type >= REPORT_TYPE_CNT)
		abort();
	if (r.side > SIDE_SELL || r.dead > 1 || r.px4 < 0 || r.px4 > OUCH_PX4_MARKET)
		abort();
	if (r.type == REPORT_EXECUTED && r.qty == 0)
		abort();
	return 0;
}
