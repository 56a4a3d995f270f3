/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PERF_TICK_H
#define SLUICE_PERF_TICK_H

#include <string.h>

#include "wire/itch50.h"

enum {
	TICK_LOCATE = 14, // of AAPL, the only symbol
	TICK_BLOCK_MAX = 64,
};

/* One ITCH message behind its length. */
struct block {
	uint8_t data[TICK_BLOCK_MAX];
	size_t len;
};

static inline struct block
block_of(const void *msg, uint16_t len)
{
	const be16 be_len = be16_of(len);
	struct block b = { .len = sizeof(be_len) + len };

	memcpy(b.data, &be_len, sizeof(be_len));
	memcpy(b.data + sizeof(be_len), msg, len);
	return b;
}

static inline struct itch50_head
head_of(uint8_t type)
{
	return (struct itch50_head){ .type = type, .locate = be16_of(TICK_LOCATE) };
}

static inline struct block
block_add(uint64_t ref, uint8_t side, uint32_t qty, uint32_t px4)
{
	struct itch50_add_order a = { .head = head_of('A'),
				      .order_ref = be64_of(ref),
				      .side = side,
				      .qty = be32_of(qty),
				      .symbol = "AAPL    ",
				      .px4 = be32_of(px4) };

	return block_of(&a, sizeof(a));
}

/* What a day begins with: a symbol is listed, and AAPL trades. */
static inline struct block
block_listed(const char symbol[8], uint16_t locate)
{
	struct itch50_stock_directory r = { .head = head_of('R'),
					    .round_lot_qty = be32_of(100),
					    .authenticity = 'P' };

	r.head.locate = be16_of(locate);
	memcpy(r.symbol, symbol, sizeof(r.symbol));
	return block_of(&r, sizeof(r));
}

static inline struct block
block_trading(void)
{
	const struct itch50_trading_action h = { .head = head_of('H'),
						 .symbol = "AAPL    ",
						 .state = 'T' };

	return block_of(&h, sizeof(h));
}

#endif
