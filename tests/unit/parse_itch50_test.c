/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingress/parse_itch50.h"

/*
 * One message of every type, as hex, and the event made of it.  The bytes are those of the example
 * of each message in the protocol's own description, so nothing we wrote judges what we wrote.
 */
#define HEAD       \
	"06ca0002" \
	"1f1aced9f07b" // locate 1738, 34200000000123 ns
#define HEAD0      \
	"00000002" \
	"1f1aced9f07b"
#define AAPL "4141504c20202020"

static const struct {
	const char *hex;
	struct md want; // symbol where the case says so
	bool symbol;
} CASES[] = {
	// clang-format off
	{ "53" HEAD0 "4f", { .type = MD_SYSTEM_EVENT, .state = 'O' } },
	{ "52" HEAD AAPL "514e000000644e435a20504e4e314e000000034e",
	  { .type = MD_DIRECTORY, .state = 'P', .round_lot_qty = 100,
	    .directory = { 'Q', 'N', 'N', 'C', { 'Z', ' ' }, 'N', 'N', '1', 'N', 'N', 0, 3 } }, true },
	{ "48" HEAD AAPL "542054312020", { .type = MD_TRADING_STATE, .state = TRADING_OPEN, .reason = "T1  " }, true },
	{ "59" HEAD AAPL "30", { .type = MD_SHORT_SALE, .state = '0' }, true },
	{ "4c" HEAD "4e534451" AAPL "594e41", { .type = MD_NONE } },
	{ "56" HEAD0 "00000045da21194e0000004134 47e0800000003c89352801",
	  { .type = MD_MWCB_LEVELS, .level_px8 = { 300012345678, 280050000000 }, .level3_px8 = 260000000001 } },
	{ "57" HEAD0 "31", { .type = MD_MWCB_BREACH, .state = '1' } },
	{ "4b" HEAD AAPL "00008598410001e208",
	  { .type = MD_IPO_QUOTING, .state = 'A', .qty = 34200, .px4 = 123400 }, true },
	{ "4a" HEAD AAPL "0016e36000192d500014997000000001",
	  { .type = MD_BANDS, .px4 = 1500000, .qty = 1, .band = { 1350000, 1650000 } } },
	{ "68" HEAD AAPL "5148", { .type = MD_MARKET_HALT, .state = TRADING_HALTED }, true },
	{ "41" HEAD "00000000000003e9" "42" "0000012c" AAPL "001cdba2",
	  { .type = MD_ORDER_ADDED, .order_ref = 1001, .side = SIDE_BUY, .qty = 300, .px4 = 1891234 }, true },
	{ "46" HEAD "00000000000003ea" "53" "000000c8" AAPL "001ce094" "4753434f",
	  { .type = MD_ORDER_ADDED, .order_ref = 1002, .side = SIDE_SELL, .qty = 200, .px4 = 1892500 }, true },
	{ "45" HEAD "00000000000003e9" "00000064" "0000000000001389",
	  { .type = MD_ORDER_EXECUTED, .order_ref = 1001, .qty = 100, .new_ref = 5001 } },
	{ "43" HEAD "00000000000003ea" "00000032" "000000000000138a" "59" "001ce030",
	  { .type = MD_ORDER_EXECUTED_AT_PRICE, .order_ref = 1002, .qty = 50, .new_ref = 5002,
	    .state = 'Y', .px4 = 1892400 } },
	{ "58" HEAD "00000000000003e9" "00000019", { .type = MD_ORDER_REDUCED, .order_ref = 1001, .qty = 25 } },
	{ "44" HEAD "00000000000003ea", { .type = MD_ORDER_DELETED, .order_ref = 1002 } },
	{ "55" HEAD "00000000000003e9" "00000000000003eb" "00000190" "001cdab8",
	  { .type = MD_ORDER_REPLACED, .order_ref = 1001, .new_ref = 1003, .qty = 400, .px4 = 1891000 } },
	{ "50" HEAD "0000000000000000" "42" "0000000a" AAPL "001cdcac" "000000000000138b",
	  { .type = MD_TRADED, .qty = 10, .px4 = 1891500, .new_ref = 5003, .state = 'Y', .cross_qty = 10 } },
	{ "51" HEAD "000000000001e240" AAPL "001cdea0" "000000000000138c" "4f",
	  { .type = MD_TRADED, .qty = 123456, .px4 = 1892000, .new_ref = 5004, .state = 'Y', .cross = 'O',
	    .cross_qty = 123456 } },
	{ "42" HEAD "000000000000138b", { .type = MD_TRADE_BROKEN, .new_ref = 5003 } },
	{ "49" HEAD "00000000000003e8" "00000000000001f4" "42" AAPL "001cd6d0001cdab8001cd8c4" "4f4c",
	  { .type = MD_IMBALANCE, .state = 'B', .cross = 'O', .variation = 'L', .px4 = 1890500,
	    .paired_qty = 1000, .imbalance_qty = 500, .band = { 1890000, 1891000 } } },
	{ "4e" HEAD AAPL "41", { .type = MD_RETAIL, .state = 'A' } },
	{ "4f" HEAD AAPL "59000186a000030d40000249f000001f1aced9f00000020f5800028488",
	  { .type = MD_LISTING, .state = 'Y', .min_px4 = 100000, .max_px4 = 200000, .px4 = 150000,
	    .near_ts_ns = 34200000000000, .band = { 135000, 165000 } } },
	// clang-format on
};

/* A block: the length and the bytes that hex says. */
static uint16_t
block_of(const char *hex, uint8_t *out)
{
	uint16_t len = 0;

	for (; *hex != '\0'; hex++) {
		char pair[3] = { hex[0], hex[1], '\0' };

		if (*hex == ' ')
			continue;
		out[2 + len++] = (uint8_t)strtoul(pair, NULL, 16);
		hex++;
	}
	out[0] = 0;
	out[1] = (uint8_t)len;
	return (uint16_t)(2 + len);
}

static void
open_parse(struct parse *p, uint32_t shard_mask, uint16_t shard_cnt)
{
	const struct parse_config c = { .shard_mask = shard_mask, .shard_cnt = shard_cnt };

	assert_int_equal(parse_init(p, &c), 0);
}

static bool
parse_one(struct parse *p, const uint8_t *block, uint16_t len, struct md *m)
{
	const struct datagram d = { .data = block, .seq = 42, .len = len, .msg_cnt = 1 };
	struct parse_walk w;

	parse_start(&w, &d);
	return parse_next(p, &w, m);
}

static void
every_message_becomes_the_event_of_the_table(void **state)
{
	const uint64_t *count;
	struct parse p;

	static_assert(ARRAY_CNT(CASES) == 23, "every message of ITCH 5.0 has a case");
	open_parse(&p, 0, 1);
	count = (const uint64_t *)&p.metrics;
	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		const struct md *want = &CASES[i].want;
		uint64_t counted = 0;
		uint8_t block[64];
		const uint16_t len = block_of(CASES[i].hex, block);
		struct md m;

		if (ITCH50_LEN[block[2]] != len - 2)
			fail_msg("%c: the case has %d bytes", block[2], len - 2);
		if (parse_one(&p, block, len, &m) != (want->type != MD_NONE))
			fail_msg("%c: event or none", block[2]);
		for (size_t k = 0; k < sizeof(p.metrics) / sizeof(*count); k++)
			counted += count[k];
		assert_int_equal(counted, i + 1); // one counter each, and no oddity
		if (want->type == MD_NONE)
			continue;
		assert_int_equal(m.type, want->type);
		assert_int_equal(m.venue_type, block[2]);
		assert_int_equal(m.locate, strchr("SVW", block[2]) != NULL ? 0 : 1738);
		assert_int_equal(m.ts_ns, 34200000000123);
		assert_int_equal(m.seq, 42);
		if (CASES[i].symbol)
			assert_memory_equal(m.symbol, "AAPL    ", 8);
		else
			assert_int_equal(m.new_ref, want->new_ref); // and what takes its place
		assert_int_equal(m.order_ref, want->order_ref);
		assert_int_equal(m.qty, want->qty); // a directory's round lot
		assert_int_equal(m.px4, want->px4);
		if (m.type >= MD_TRADED) {
			assert_int_equal(m.cross, want->cross);
			assert_int_equal(m.variation, want->variation);
		}
		if (m.type == MD_ORDER_ADDED)
			assert_int_equal(m.side, want->side);
		if (m.type >= MD_TRADED) // and what takes its place: directory, reason, ...
			assert_memory_equal(&m.cross_qty, &want->cross_qty, 16);
		if (m.type != MD_ORDER_ADDED && want->state != 0)
			assert_int_equal(m.state, want->state);
	}
}

static void
every_wrong_length_is_counted_and_skipped(void **state)
{
	struct parse p;
	struct md m;

	open_parse(&p, 0, 1);
	for (unsigned type = 0; type < 256; type++) {
		for (uint16_t len = 1; len < 60; len++) {
			uint8_t block[64] = { 0, (uint8_t)len, (uint8_t)type };
			const struct parse_metrics before = p.metrics;

			if (ITCH50_LEN[type] == len)
				continue;
			assert_false(parse_one(&p, block, (uint16_t)(len + 2), &m));
			if (ITCH50_LEN[type] == 0)
				assert_int_equal(p.metrics.message_type_unknown,
						 before.message_type_unknown + 1);
			else
				assert_int_equal(p.metrics.message_length_wrong,
						 before.message_length_wrong + 1);
		}
	}
}

static void
oddities_are_counted_by_kind(void **state)
{
	uint8_t block[64] = { 0 };
	struct parse p;
	struct md m;
	uint16_t len;

	open_parse(&p, 0, 1);
	assert_false(parse_one(&p, block, 2, &m));
	assert_int_equal(p.metrics.message_empty, 1);
	len = block_of(CASES[10].hex, block); // 'A'
	assert_false(parse_one(&p, block, (uint16_t)(len - 1), &m));
	assert_int_equal(p.metrics.block_truncated, 1);
	block[2 + 19] = 'T';
	block[2 + 32] = 0xff;
	assert_true(parse_one(&p, block, len, &m));
	assert_int_equal(m.side, SIDE_INVALID);
	assert_int_equal(p.metrics.side_invalid, 1);
	assert_int_equal(p.metrics.price_above_max, 1);
	len = block_of(CASES[2].hex, block); // 'H'
	block[2 + 19] = '?';
	assert_true(parse_one(&p, block, len, &m));
	assert_int_equal(m.state, TRADING_UNKNOWN);
	assert_int_equal(p.metrics.trading_state_invalid, 1);
	len = block_of(CASES[9].hex, block); // 'h'
	block[2 + 19] = 'X';
	assert_false(parse_one(&p, block, len, &m));
	assert_int_equal(p.metrics.message_other_market, 1);
}

static void
shards_divide_the_locates(void **state)
{
	static const uint16_t CNTS[] = { 1, 2, 3, 7, 16, 31, 32 };

	for (size_t c = 0; c < ARRAY_CNT(CNTS); c++) {
		const uint32_t mask = 0x5a5a5a5a | 1U << CNTS[c] / 2;
		struct parse p;

		open_parse(&p, mask, CNTS[c]);
		for (uint32_t locate = 0; locate <= UINT16_MAX; locate++)
			if (parse_ours(&p, (uint16_t)locate) != (mask >> locate % CNTS[c] & 1) ||
			    parse_bit(p.pass, (uint16_t)locate) !=
				    (locate == 0 || parse_ours(&p, (uint16_t)locate)))
				fail_msg("locate %u of %u shards", locate, CNTS[c]);
	}
}

static void
patterns_match_as_in_a_shell(void **state)
{
	static const struct {
		const char *pattern, *symbol;
		bool want;
	} TABLE[] = {
		{ "AAPL", "AAPL", true },   { "AAPL", "AAPLW", false },
		{ "AAPLW", "AAPL", false }, { "A*", "A", true },
		{ "A*", "AAPL", true },     { "A*", "BA", false },
		{ "*", "ZVZZT", true },     { "*L", "AAPL", true },
		{ "*L", "AAPLW", false },   { "?B", "AB", true },
		{ "?B", "B", false },       { "A?*P*", "AAPL", true },
		{ "A?*P*", "AP", false },   { "*A*A*", "ABA", true },
		{ "*A*A*", "AB", false },   { "BRK.B", "BRK.B", true },
		{ "a*", "AAPL", false },    { "", "A", false },
		{ "A**", "A", true },       { "ABCDEFG*", "ABCDEFGH", true },
	};

	for (size_t i = 0; i < ARRAY_CNT(TABLE); i++)
		if (symbol_match(TABLE[i].pattern, TABLE[i].symbol, strlen(TABLE[i].symbol)) !=
		    TABLE[i].want)
			fail_msg("%s %s", TABLE[i].pattern, TABLE[i].symbol);
	assert_int_equal(symbol_padded_len("AAPL    "), 4);
	assert_int_equal(symbol_padded_len("ABCDEFGH"), 8);
}

/* The message of that case, of another locate and symbol. */
static bool
goes_on(struct parse *p, unsigned case_idx, uint16_t locate, const char *symbol)
{
	uint8_t block[64] = { 0 };
	const uint16_t len = block_of(CASES[case_idx].hex, block);
	uint8_t *at = memmem(block, len, "AAPL    ", 8);
	struct md m;

	block[3] = (uint8_t)(locate >> 8);
	block[4] = (uint8_t)locate;
	if (at != NULL && symbol != NULL)
		memcpy(at, symbol, 8);
	return parse_one(p, block, len, &m);
}

enum {
	CASE_S = 0,
	CASE_R = 1,
	CASE_H = 2,
	CASE_A = 10,
	CASE_E = 12,
	CASE_D = 15,
};

static void
only_subscribed_symbols_go_on(void **state)
{
	static const symbol_pattern SYMBOLS[] = { "AAPL", "M*" };
	const struct parse_config c = { .shard_cnt = 2, // of which this one takes the even ones
					.shard_mask = 1,
					.symbol = SYMBOLS,
					.symbol_cnt = 2 };
	static struct parse p;

	assert_int_equal(parse_init(&p, &c), 0);
	assert_true(goes_on(&p, CASE_S, 0, NULL));
	// its symbol is not known yet: nothing of it may be lost
	assert_true(goes_on(&p, CASE_E, 2, NULL));
	assert_int_equal(p.metrics.message_unsettled, 1);
	assert_true(goes_on(&p, CASE_R, 2, "AAPL    "));
	assert_true(goes_on(&p, CASE_A, 2, "AAPL    "));
	assert_true(goes_on(&p, CASE_E, 2, NULL));
	assert_false(goes_on(&p, CASE_R, 4, "GOOG    "));
	assert_false(goes_on(&p, CASE_A, 4, "GOOG    "));
	assert_false(goes_on(&p, CASE_D, 4, NULL));
	assert_int_equal(p.metrics.message_unsubscribed, 3);
	// met before its directory message, by an order
	assert_true(goes_on(&p, CASE_A, 6, "MSFT    "));
	assert_false(goes_on(&p, CASE_A, 8, "AMD     "));
	assert_true(goes_on(&p, CASE_D, 6, NULL));
	assert_false(goes_on(&p, CASE_D, 8, NULL));
	// another shard's
	assert_false(goes_on(&p, CASE_R, 3, "MSFTW   "));
	assert_false(goes_on(&p, CASE_A, 3, "MSFTW   "));
	assert_int_equal(p.metrics.message_other_shard, 2);
	assert_int_equal(p.metrics.instrument_subscribed, 2);
	// the directory corrects itself
	assert_true(goes_on(&p, CASE_R, 4, "MU      "));
	assert_true(goes_on(&p, CASE_D, 4, NULL));
	// locates are given out anew
	parse_on_datagram_flags(&p, DATAGRAM_GAP);
	assert_false(goes_on(&p, CASE_D, 8, NULL));
	parse_on_datagram_flags(&p, DATAGRAM_NEW_SESSION);
	assert_true(goes_on(&p, CASE_D, 8, NULL));
	assert_true(goes_on(&p, CASE_A, 8, "MSFT    "));
	assert_false(goes_on(&p, CASE_A, 2, "GOOG    "));
	assert_false(goes_on(&p, CASE_A, 3, "MSFT    "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_becomes_the_event_of_the_table),
		cmocka_unit_test(every_wrong_length_is_counted_and_skipped),
		cmocka_unit_test(oddities_are_counted_by_kind),
		cmocka_unit_test(shards_divide_the_locates),
		cmocka_unit_test(patterns_match_as_in_a_shell),
		cmocka_unit_test(only_subscribed_symbols_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
