/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "oe.h"
#include "wire/drop_copy.h"

/*
 * The drop copy.  It is written from the match itself, not from what the account was told, so the
 * two can differ only by a fault.
 */
static struct drop_copy_execution
copy_of(const struct oe *oe, const struct oe_order *o, uint8_t type, uint32_t qty, uint32_t px4,
	uint8_t liquidity, uint64_t match_ref)
{
	struct drop_copy_execution m = {
		.head = { type, be64_of(oe->match->ts_ns) },
		.channel = oe->c.version == OUCH_50 ? o->r.channel : 0,
		.side = o->m.side,
		.qty = be32_of(qty),
		.px4 = be64_of(px4),
		.liquidity = liquidity,
		.match_ref = be64_of(match_ref),
		.order_ref = be64_of(o->order_ref),
	};
	char number[DROP_COPY_TOKEN_LEN + 1];

	if (oe->c.version == OUCH_50) {
		snprintf(number, sizeof(number), "%-*u", DROP_COPY_TOKEN_LEN, o->r.user_ref);
		memcpy(m.token, number, sizeof(m.token));
	} else {
		memcpy(m.token, o->r.key, sizeof(m.token));
	}
	memcpy(m.symbol, o->r.symbol, sizeof(m.symbol));
	return m;
}

/* Whether this is the execution that a fault names. */
static bool
strikes(const struct oe *oe, enum fault f)
{
	return oe->copied_cnt == fault_number(oe->faults, f);
}

void
oe_copy_execution(struct oe *oe, const struct oe_order *o, uint8_t type, uint32_t qty, uint32_t px4,
		  uint8_t liquidity, uint64_t match_ref)
{
	struct drop_copy_execution m;

	if (oe->copy == NULL)
		return;
	oe->copy->now_ns = oe->now_ns;
	if (type != DROP_COPY_EXECUTED) {
		m = copy_of(oe, o, type, qty, px4, liquidity, match_ref);
		oe_put(oe->copy, &m, sizeof(m));
		return;
	}
	oe->copied_cnt++;
	if (strikes(oe, FAULT_drop_copy_lose))
		return;
	if (strikes(oe, FAULT_drop_copy_alter_qty))
		qty++;
	if (strikes(oe, FAULT_drop_copy_alter_price))
		px4 += 100;
	m = copy_of(oe, o, type, qty, px4, liquidity, match_ref);
	oe_put(oe->copy, &m, sizeof(m));
	if (!strikes(oe, FAULT_drop_copy_add))
		return;
	m.match_ref = be64_of(match_ref | 1ULL << 63); // the venue's own never come so far
	oe_put(oe->copy, &m, sizeof(m));
}
