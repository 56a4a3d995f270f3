/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "returns/report_ouch50.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
sum_of(const struct report_metrics *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(*m) / sizeof(uint64_t); i++)
		sum += ((const uint64_t *)m)[i];
	return sum;
}

/* The appendage again, as the document words it and nothing shared with the decoder. */
static bool
appendage_is_sound(const uint8_t *at, size_t left)
{
	if (left == 0)
		return true;
	if (left < 2 || (size_t)(at[0] << 8 | at[1]) != left - 2)
		return false;
	at += 2;
	left -= 2;
	while (left != 0) {
		const size_t element = 1u + at[0];

		if (at[0] == 0 || element > left)
			return false;
		at += element;
		left -= element;
	}
	return true;
}

/* Whether a channel other than ours, 0, is named. */
static bool
says_a_channel(const uint8_t *at, size_t left)
{
	bool says = false;

	if (!appendage_is_sound(at, left))
		return false;
	for (size_t i = 2; i < left; i += 1u + at[i])
		if (at[i] == 2 && at[i + 1] == 28)
			says |= at[i + 2] != 0;
	return says;
}

/* Length of the fixed part, by the document's index. */
static size_t
fixed_of(uint8_t type)
{
	static const char TYPES[] = "SAUCDEBJPITMRXGKQ";
	static const uint8_t BYTES[] = { 10, 62, 66, 18, 32, 34, 36, 29, 13,
					 13, 30, 18, 14, 25, 17, 17, 13 };
	const char *at = type != 0 ? strchr(TYPES, type) : NULL;

	return at != NULL ? BYTES[at - TYPES] : 0;
}

/*
 * Whatever the venue sends, each message counts exactly once.  What is decoded has a type and a
 * length of the document and a sound appendage, and no value outside what the messages behind it
 * can hold; what is refused has a counter that says why.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_decode d;
	enum report_verdict v;
	struct report r;
	size_t fixed;

	if (size > UINT16_MAX || !report_init(&d, "TOK000"))
		return 0;
	v = report_ouch50_on_message(&d, data, (uint16_t)size, &r);
	if (sum_of(&d.metrics) - d.metrics.option_unknown - d.metrics.option_odd != 1)
		abort();
	fixed = size != 0 ? fixed_of(data[0]) : 0;
	if ((v == REPORT_TYPE_UNKNOWN) != (size != 0 && fixed == 0))
		abort();
	if (v == REPORT_TOKEN_FOREIGN && !says_a_channel(data + fixed, size - fixed))
		abort();
	if (v != REPORT_DECODED && v != REPORT_NO_ORDER)
		return 0;
	if (size != fixed && !(data[0] == 'D' && size == fixed - 1) &&
	    (size < fixed || !appendage_is_sound(data + fixed, size - fixed)))
		abort();
	if ((v == REPORT_DECODED) != (r.type != REPORT_NONE) || r.type >= REPORT_TYPE_CNT)
		abort();
	if (r.side > SIDE_SELL || r.dead > 1 || r.px4 < 0 || r.px4 > OUCH_PX4_MARKET)
		abort();
	if (r.type == REPORT_EXECUTED && r.qty == 0)
		abort();
	return 0;
}
