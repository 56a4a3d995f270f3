/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RETURNS_REPORT_H
#define SLUICE_RETURNS_REPORT_H

#include "base/metric.h"
#include "msg/intent.h"
#include "msg/report.h"
#include "wire/order_token.h"
#include "wire/ouch50.h"

/* What became of one message of the venue.  Each but the first two has a counter of its own. */
enum report_verdict {
	REPORT_DECODED,  // *out is about one of our orders
	REPORT_NO_ORDER, // understood, and no order changes; out->type is REPORT_NONE
	REPORT_TYPE_UNKNOWN,
	REPORT_LENGTH_BAD,
	REPORT_VALUE_BAD,
	REPORT_TOKEN_FOREIGN,
};

struct report_metrics {
#define METRIC(name, kind, help) uint64_t name;
#include "returns/report_metrics.def"
#undef METRIC
};

/* State of the stage, one per session: how its tokens look, and what came. */
struct report_decode {
	struct order_token_form token_form; // OUCH 4.2
	uint8_t user_ref_idx;               // OUCH 5.0: our channel, written after report_init
	struct report_metrics metrics;
};

/* False when the prefix is not one: at most six letters and digits. */
static inline bool
report_init(struct report_decode *d, const char *token_prefix)
{
	memset(d, 0, sizeof(*d));
	return order_token_form_init(&d->token_form, token_prefix);
}

/* Counts a message that did not become a report. */
HOT_INLINE enum report_verdict
report_refuse(struct report_decode *d, enum report_verdict v)
{
	switch (v) {
	case REPORT_TYPE_UNKNOWN:
		metric_add(&d->metrics.type_unknown, 1);
		break;
	case REPORT_LENGTH_BAD:
		metric_add(&d->metrics.length_bad, 1);
		break;
	case REPORT_VALUE_BAD:
		metric_add(&d->metrics.value_bad, 1);
		break;
	case REPORT_TOKEN_FOREIGN:
		metric_add(&d->metrics.token_foreign, 1);
		break;
	default:
		break;
	}
	return v;
}

/* 'T' and 'E' are sales too.  False when the letter is no side. */
HOT_INLINE bool
report_side(uint8_t letter, uint8_t *side)
{
	*side = letter == OUCH_BUY ? SIDE_BUY : SIDE_SELL;
	return letter == OUCH_BUY || letter == OUCH_SELL || letter == OUCH_SELL_SHORT ||
	       letter == OUCH_SELL_SHORT_EXEMPT;
}

/* How the letter marks a sale. */
HOT_INLINE uint8_t
report_mark(uint8_t letter)
{
	return letter == OUCH_SELL_SHORT          ? INTENT_SHORT
	       : letter == OUCH_SELL_SHORT_EXEMPT ? INTENT_SHORT_EXEMPT
						  : 0;
}

/* False when the letter is no order state. */
HOT_INLINE bool
report_dead(uint8_t letter, uint8_t *dead)
{
	*dead = letter == OUCH_ORDER_DEAD;
	return letter == OUCH_ORDER_DEAD || letter == OUCH_ORDER_LIVE;
}

#define PX4_REPORT_MAX (uint64_t) OUCH_PX4_MARKET // the code for market orders in a cross

/* A price as a signed number.  False when it does not fit one. */
HOT_INLINE bool
report_px4(uint64_t wire, int64_t *px4)
{
	*px4 = (int64_t)wire;
	return wire <= PX4_REPORT_MAX;
}

#endif
