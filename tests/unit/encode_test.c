/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "egress/encode_ouch42.h"
#include "egress/encode_ouch50.h"
#include "hex.h"

static const struct encode_config PLAIN = { .token_prefix = "TOK000",
					    .capacity = 'P',
					    .display = 'Y' };

/* A request and the packet it must become; instrument 1 is CVLT, 2 is AAPL. */
struct golden {
	const char *what;
	struct venue_request q;
	const char *hex;
};

/*
 * The fact sheet's examples where they exist, with our ClOrdID in place of theirs:
 * "TOK00000000071" is 544f4b303030 3030303030303731.
 */
static const struct golden OUCH50[] = {
	// clang-format off
	{ "sell short 225 CVLT at 63.02, post-only, day, firm LIME",
	  { .kind = INTENT_NEW, .token = 0x71, .instr_idx = 1, .side = SIDE_SELL, .qty = 225, .px4 = 630200,
	    .tif = TIF_DAY, .flags = INTENT_POST_ONLY | INTENT_SHORT },
	  "0039554f0000007154000000e143564c54202020200000000000099db83059504e4e"
	  "544f4b3030303030303030303731" "0009" "05024c494d45" "020c50" },
	{ "buy 100 AAPL at 189.1234, immediate or cancel",
	  { .kind = INTENT_NEW, .token = 0xabcdef01, .instr_idx = 2, .side = SIDE_BUY, .qty = 100, .px4 = 1891234,
	    .tif = TIF_IOC },
	  "0036554fabcdef01420000006441" "41504c20202020" "00000000001cdba2" "3359504e4e"
	  "544f4b3030304142434445463031" "0006" "05024c494d45" },
	{ "short is a word for sales only",
	  { .kind = INTENT_NEW, .token = 1, .instr_idx = 2, .side = SIDE_BUY, .qty = 1, .px4 = 1, .flags = INTENT_SHORT },
	  "0036554f00000001420000000141" "41504c20202020" "0000000000000001" "3059504e4e"
	  "544f4b3030303030303030303031" "0006" "05024c494d45" },
	{ "replace 0x71 by 0x72: 300 at 63.03",
	  { .kind = INTENT_REPLACE, .orig_token = 0x71, .token = 0x72, .qty = 300, .px4 = 630300 },
	  "00295555" "00000071" "00000072" "0000012c" "0000000000099e1c" "30594e"
	  "544f4b3030303030303030303732" "0000" },
	{ "replace that stays post-only",
	  { .kind = INTENT_REPLACE, .orig_token = 0x71, .token = 0x72, .qty = 300, .px4 = 630300,
	    .flags = INTENT_POST_ONLY },
	  "002c5555" "00000071" "00000072" "0000012c" "0000000000099e1c" "30594e"
	  "544f4b3030303030303030303732" "0003" "020c50" },
	{ "cancel all of 0x71",
	  { .kind = INTENT_CANCEL, .token = 0x71 },
	  "000a55580000007100000000" },
	{ "modify 0x71 to short exempt and 100 shares, the document's own",
	  { .kind = INTENT_MODIFY, .token = 0x71, .side = SIDE_SELL, .qty = 100, .flags = INTENT_SHORT_EXEMPT },
	  "000b554d000000714500000064" },
	{ "reduce 0x71 to 100, whatever else the request says",
	  { .kind = INTENT_CANCEL, .token = 0x71, .qty = 100, .px4 = -5, .tif = 77, .flags = INTENT_POST_ONLY },
	  "000a55580000007100000064" },
	// clang-format on
};

static const struct golden OUCH42[] = {
	// clang-format off
	{ "buy 100 AAPL at 189.1234, day",
	  { .kind = INTENT_NEW, .token = 1, .instr_idx = 2, .side = SIDE_BUY, .qty = 100, .px4 = 1891234 },
	  "0032554f" "544f4b3030303030303030303031" "4200000064" "4141504c20202020" "001cdba20001869e"
	  "20202020" "59504e" "00000000" "4e4e" },
	{ "sell short 999999 CVLT post-only, immediate or cancel",
	  { .kind = INTENT_NEW, .token = 0xffffffff, .instr_idx = 1, .side = SIDE_SELL, .qty = 999999,
	    .px4 = 1999999900, .tif = TIF_IOC, .flags = INTENT_POST_ONLY | INTENT_SHORT },
	  "0032554f" "544f4b3030304646464646464646" "54000f423f" "43564c5420202020" "7735939c00000000"
	  "20202020" "50504e" "00000000" "4e4e" },
	{ "replace 1 by 2: 150 at 189.20",
	  { .kind = INTENT_REPLACE, .orig_token = 1, .token = 2, .qty = 150, .px4 = 1892000 },
	  "00305555" "544f4b3030303030303030303031" "544f4b3030303030303030303032" "00000096" "001cdea0"
	  "0001869e" "594e" "00000000" },
	{ "modify 1 to 100 shares, the document's own",
	  { .kind = INTENT_MODIFY, .token = 1, .side = SIDE_SELL, .qty = 100 },
	  "0015554d" "544f4b3030303030303030303031" "5300000064" },
	{ "modify 1 to short",
	  { .kind = INTENT_MODIFY, .token = 1, .side = SIDE_SELL, .qty = 1, .flags = INTENT_SHORT },
	  "0015554d" "544f4b3030303030303030303031" "5400000001" },
	{ "cancel all of 1",
	  { .kind = INTENT_CANCEL, .token = 1 },
	  "00145558" "544f4b3030303030303030303031" "00000000" },
	// clang-format on
};

static void
name_instruments(struct encode *e)
{
	assert_int_equal(encode_name_instrument(e, 1, "CVLT"), 0);
	assert_int_equal(encode_name_instrument(e, 2, "AAPL"), 0);
}

static void
requests_become_the_documents_bytes(void **state)
{
	struct encode_config with_firm = PLAIN;
	uint8_t want[128], out[ENCODE_PACKET_MAX];
	static struct encode e;

	memcpy(with_firm.firm, "LIME", 5);
	assert_int_equal(encode_ouch50_init(&e, &with_firm), 0);
	name_instruments(&e);
	for (size_t i = 0; i < ARRAY_CNT(OUCH50); i++) {
		const size_t len = hex_bytes(OUCH50[i].hex, want, sizeof(want));

		print_message("# %s\n", OUCH50[i].what);
		assert_int_equal(encode_ouch50_request(&e, &OUCH50[i].q, out), len);
		assert_memory_equal(out, want, len);
	}
	assert_int_equal(e.metrics.enter_encoded, 3);
	assert_int_equal(e.metrics.replace_encoded, 2);
	assert_int_equal(e.metrics.cancel_encoded, 2);
	assert_int_equal(encode_ouch42_init(&e, &PLAIN), 0);
	name_instruments(&e);
	for (size_t i = 0; i < ARRAY_CNT(OUCH42); i++) {
		const size_t len = hex_bytes(OUCH42[i].hex, want, sizeof(want));

		print_message("# %s\n", OUCH42[i].what);
		assert_int_equal(encode_ouch42_request(&e, &OUCH42[i].q, out), len);
		assert_memory_equal(out, want, len);
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" // an edge differs in one field
static const struct {
	const char *what;
	struct venue_request q;
	bool may;
} EDGES[] = {
// clang-format off
#define NEW(...) { .kind = INTENT_NEW, .token = 1, .instr_idx = 1, .qty = 1, .px4 = 1, __VA_ARGS__ }
	{ "the smallest order",                NEW(.side = SIDE_SELL), true },
	{ "the largest quantity",              NEW(.qty = 999999), true },
	{ "one share more",                    NEW(.qty = 1000000), false },
	{ "no shares",                         NEW(.qty = 0), false },
	{ "the highest price",                 NEW(.px4 = 1999999900), true },
	{ "one step above",                    NEW(.px4 = 1999999901), false },
	{ "a price that 32 bits would cut",    NEW(.px4 = (1LL << 32) + 5), false },
	{ "no price",                          NEW(.px4 = 0), false },
	{ "a price below nothing",             NEW(.px4 = -1), false },
	{ "a side that is none",               NEW(.side = 2), false },
	{ "a life that is none",               NEW(.tif = 2), false },
	{ "an instrument nobody named",        NEW(.instr_idx = 3), false },
	{ "no instrument",                     NEW(.instr_idx = INSTR_NONE), false },
	{ "an instrument behind the table",    NEW(.instr_idx = INSTR_MAX), false },
	{ "token 0",                           NEW(.token = 0), false },
	{ "a kind that is none",               NEW(.kind = 4), false },
	{ "a replacement of nothing",          NEW(.kind = INTENT_REPLACE), false },
	{ "a replacement",                     NEW(.kind = INTENT_REPLACE, .orig_token = 9), true },
	{ "a replacement without shares",      NEW(.kind = INTENT_REPLACE, .orig_token = 9, .qty = 0), false },
	{ "a modify",                          NEW(.kind = INTENT_MODIFY), true },
	{ "a modify that keeps nothing",       NEW(.kind = INTENT_MODIFY, .qty = 0), false },
	{ "a style nobody made",               NEW(.style = 1), false },
	{ "a cancel that keeps too much",      NEW(.kind = INTENT_CANCEL, .qty = 1000000), false },
#undef NEW
	// clang-format on
};
#pragma GCC diagnostic pop

static void
what_ouch_cannot_say_leaves_no_bytes(void **state)
{
	static struct encode e50, e42;

	assert_int_equal(encode_ouch50_init(&e50, &PLAIN), 0);
	assert_int_equal(encode_ouch42_init(&e42, &PLAIN), 0);
	name_instruments(&e50);
	name_instruments(&e42);
	for (size_t i = 0; i < ARRAY_CNT(EDGES); i++) {
		const uint64_t was = e50.metrics.request_refused;
		uint8_t out[ENCODE_PACKET_MAX];

		print_message("# %s\n", EDGES[i].what);
		assert_int_equal(encode_ouch50_request(&e50, &EDGES[i].q, out) != 0, EDGES[i].may);
		assert_int_equal(encode_ouch42_request(&e42, &EDGES[i].q, out) != 0, EDGES[i].may);
		assert_int_equal(e50.metrics.request_refused, was + !EDGES[i].may);
		assert_int_equal(e42.metrics.request_refused, e50.metrics.request_refused);
	}
}

static const struct {
	const char *what;
	struct encode_config c;
	int want50;
	int want42;
} CONFIGS[] = {
	// clang-format off
	{ "nothing special",          { "", "", 'P', 'Y' },            0,       0 },
	{ "a full firm",              { "ABCD", "AbC123", 'A', 'A' },  0,       0 },
	{ "a firm with a blank",      { "A B", "", 'P', 'Y' },         -EINVAL, -EINVAL },
	{ "a prefix with a blank",    { "", "A ", 'P', 'Y' },          -EINVAL, -EINVAL },
	{ "a prefix with a dash",     { "", "A-B", 'P', 'Y' },         -EINVAL, -EINVAL },
	{ "capacity other",           { "", "", 'O', 'Y' },            0,       -EINVAL },
	{ "no capacity",              { "", "", 0, 'Y' },              -EINVAL, -EINVAL },
	{ "a display that is none",   { "", "", 'P', 'Q' },            -EINVAL, -EINVAL },
	// clang-format on
};

static void
a_bad_configuration_is_refused(void **state)
{
	static struct encode e;

	for (size_t i = 0; i < ARRAY_CNT(CONFIGS); i++) {
		print_message("# %s\n", CONFIGS[i].what);
		assert_int_equal(encode_ouch50_init(&e, &CONFIGS[i].c), CONFIGS[i].want50);
		assert_int_equal(encode_ouch42_init(&e, &CONFIGS[i].c), CONFIGS[i].want42);
	}
	assert_int_equal(encode_ouch50_init(&e, &PLAIN), 0);
	assert_int_equal(encode_name_instrument(&e, 0, "AAPL"), -EINVAL);
	assert_int_equal(encode_name_instrument(&e, INSTR_MAX, "AAPL"), -EINVAL);
	assert_int_equal(encode_name_instrument(&e, 1, ""), -EINVAL);
	assert_int_equal(encode_name_instrument(&e, 1, "TOOLONGER"), -EINVAL);
	assert_int_equal(encode_name_instrument(&e, 1, "EIGHTLET"), 0);
}

static void
display_and_hours_shape_the_order(void **state)
{
	struct venue_request q = { .kind = INTENT_NEW,
				   .token = 1,
				   .instr_idx = 1,
				   .qty = 1,
				   .px4 = 1,
				   .flags = INTENT_POST_ONLY };
	struct encode_config c = PLAIN;
	uint8_t out[ENCODE_PACKET_MAX];
	static struct encode e;

	c.display = 'A';
	c.extended_hours = true;
	c.no_customer_type = true;
	assert_int_equal(encode_ouch42_init(&e, &c), 0);
	name_instruments(&e);
	assert_int_equal(encode_ouch42_request(&e, &q, out), 3 + 48);
	assert_int_equal(out[1], 49);
	assert_int_equal(out[3 + 40], 'L'); // post-only and attributable
	assert_memory_equal(out + 3 + 32, "\0\x01\x86\x9f", 4);
	c.display = 'N';
	assert_int_equal(encode_ouch42_init(&e, &c), 0);
	name_instruments(&e);
	assert_int_equal(encode_ouch42_request(&e, &q, out), 0); // hidden and post-only: no letter
	q.flags = 0;
	assert_int_equal(encode_ouch42_request(&e, &q, out), 3 + 48);
	assert_int_equal(out[3 + 40], 'N');
	assert_int_equal(encode_ouch50_init(&e, &c), 0);
	name_instruments(&e);
	assert_int_equal(encode_ouch50_request(&e, &q, out), 3 + 47);
	assert_int_equal(out[3 + 26], '5');
	assert_int_equal(out[3 + 27], 'N');
}

static void
a_token_comes_back_as_it_went(void **state)
{
	static const char *const PREFIXES[] = { "", "A", "TOK000", "Ab9" };
	struct order_token_form f;

	for (size_t i = 0; i < ARRAY_CNT(PREFIXES); i++) {
		assert_true(order_token_form_init(&f, PREFIXES[i]));
		for (uint64_t t = 1; t <= UINT32_MAX; t = t * 3 + 1) {
			char text[ORDER_TOKEN_LEN], want[ORDER_TOKEN_LEN + 9];
			uint32_t back;

			memcpy(text, f.text, sizeof(text));
			order_token_patch(&f, (uint32_t)t, text);
			snprintf(want, sizeof(want), "%s%08X%*s", PREFIXES[i], (unsigned)t,
				 ORDER_TOKEN_PREFIX_MAX - (int)strlen(PREFIXES[i]), "");
			assert_memory_equal(text, want, sizeof(text));
			assert_true(order_token_get(&f, text, &back));
			assert_int_equal(back, t);
		}
	}
	assert_false(order_token_form_init(&f, "SEVENCH"));
}

/* Every byte at every place: the text is ours exactly when writing its number gives it again. */
static void
only_our_own_tokens_are_read(void **state)
{
	struct order_token_form f;
	char text[ORDER_TOKEN_LEN];
	uint32_t token;

	assert_true(order_token_form_init(&f, "AB"));
	for (unsigned at = 0; at < sizeof(text); at++) {
		unsigned read_cnt = 0;

		for (unsigned byte = 0; byte < 256; byte++) {
			memcpy(text, "AB0123CDEF    ", sizeof(text));
			text[at] = (char)byte;
			read_cnt += order_token_get(&f, text, &token);
		}
		assert_int_equal(read_cnt, at >= 2 && at < 10 ? 16 : 1);
	}
}

/* The document's own examples (fact sheet 4a.4), framed as SoupBinTCP 'U'. */
static void
an_operators_requests_are_the_documents(void **state)
{
	static const struct {
		enum encode_ask ask;
		uint32_t token;
		struct encode_scope scope;
		const char *want;
	} ASKS[] = {
		{ ENCODE_ASK_MASS_CANCEL,
		  0x73,
		  { "" },
		  "001455"
		  "43000000734649524d20202020202020200000" },
		{ ENCODE_ASK_MASS_CANCEL,
		  0x73,
		  { .symbol = "AAPL    " },
		  "001455"
		  "43000000734649524d4141504c202020200000" },
		{ ENCODE_ASK_MASS_CANCEL,
		  0x73,
		  { .side = 'T', .group_id = 7 },
		  "001b55"
		  "43000000734649524d2020202020202020"
		  "0007031800070"
		  "21b54" },
		{ ENCODE_ASK_DISABLE,
		  0x74,
		  { "" },
		  "000c55"
		  "44000000744649524d0000" },
		{ ENCODE_ASK_ENABLE,
		  0x75,
		  { "" },
		  "000c55"
		  "45000000754649524d0000" },
		{ ENCODE_ASK_ACCOUNT,
		  0,
		  { "" },
		  "000255"
		  "51" },
	};
	const struct encode_config c = {
		.firm = "FIRM", .token_prefix = "S", .capacity = 'P', .display = 'Y'
	};
	static struct encode e;

	assert_int_equal(encode_ouch50_init(&e, &c), 0);
	for (size_t i = 0; i < ARRAY_CNT(ASKS); i++) {
		uint8_t out[ENCODE_PACKET_MAX];
		char hex[2 * ENCODE_PACKET_MAX + 1] = "";
		const uint16_t len =
			encode_ouch50_ask(&e, ASKS[i].ask, ASKS[i].token, &ASKS[i].scope, out);

		for (uint16_t k = 0; k < len; k++)
			snprintf(hex + 2 * k, 3, "%02x", out[k]);
		assert_string_equal(hex, ASKS[i].want);
	}
	assert_int_equal(e.metrics.ask_encoded, ARRAY_CNT(ASKS));
}

/* What each option's bytes are was written by hand from the table of fact sheet 4a.2. */
static void
styles_become_options(void **state)
{
	static const struct encode_style STYLES[] = {
		{ 0 },
		{ .display = 'A',
		  .cross = 'C',
		  .customer = 'R',
		  .price_type = 'R',
		  .discretion_type = 'M',
		  .handle_inst = 'I',
		  .aiq_strategy = 'o',
		  .aiq_group = "G1",
		  .locate_broker = "LOCA",
		  .sweep = true,
		  .trade_now = true,
		  .shares_located = true,
		  .group_id = 0x0102,
		  .min_qty = 100,
		  .max_floor_qty = 200,
		  .random_reserve_qty = 50,
		  .expire_s = 86399,
		  .peg_offset_px4 = -100,
		  .discretion_peg_offset_px4 = 200,
		  .discretion_px4 = 500 },
		{ .after_hours = true },
	};
	static const char OPTIONS[] = "0502"
				      "4c494d45"
				      "0503"
				      "00000064"
				      "0204"
				      "52"
				      "0505"
				      "000000c8"
				      "0206"
				      "52"
				      "0507"
				      "ffffff9c"
				      "0909"
				      "00000000000f4240"
				      "020a"
				      "4d"
				      "050b"
				      "000000c8"
				      "020c"
				      "50"
				      "050d"
				      "00000032"
				      "050f"
				      "0001517f"
				      "0210"
				      "59"
				      "0211"
				      "49"
				      "0318"
				      "0102"
				      "0219"
				      "59"
				      "051a"
				      "4c4f4341"
				      "021c"
				      "07"
				      "021d"
				      "6f"
				      "031e"
				      "4731";
	struct encode_config c = { .firm = "LIME",
				   .token_prefix = "S",
				   .capacity = 'P',
				   .display = 'Y',
				   .user_ref_idx = 7,
				   .style = STYLES,
				   .style_cnt = ARRAY_CNT(STYLES) };
	struct venue_request q = { .kind = INTENT_NEW,
				   .token = 1,
				   .instr_idx = 2,
				   .side = SIDE_SELL,
				   .qty = 300,
				   .px4 = 1000000,
				   .flags = INTENT_POST_ONLY,
				   .style = 1 };
	uint8_t want[128], out[ENCODE_PACKET_MAX];
	static struct encode e;
	size_t len;

	assert_int_equal(encode_ouch50_init(&e, &c), 0);
	name_instruments(&e);
	len = hex_bytes(OPTIONS, want, sizeof(want));
	assert_int_equal(len, 93);
	assert_int_equal(encode_ouch50_request(&e, &q, out), 3 + 45 + 2 + len);
	assert_int_equal(e.packet_max, 3 + 45 + 2 + len);
	assert_memory_equal(out, "\x00\x8d\x55O", 4);
	assert_memory_equal(out + 3 + 18, "\0\0\0\0\x00\x0f\x44\x34", 8); // 100.05 is shown
	assert_int_equal(out[3 + 26], '6');
	assert_memory_equal(out + 3 + 27, "APYC", 4);
	assert_memory_equal(out + 3 + 45, "\x00\x5d", 2);
	assert_memory_equal(out + 3 + 47, want, len);
	q.side = SIDE_BUY;
	assert_int_not_equal(encode_ouch50_request(&e, &q, out), 0);
	assert_memory_equal(out + 3 + 18, "\0\0\0\0\x00\x0f\x40\x4c", 8); // 99.95
	q.qty = STYLES[1].min_qty;
	assert_int_not_equal(encode_ouch50_request(&e, &q, out), 0);
	q.qty--; // fewer than the least that may be executed
	assert_int_equal(encode_ouch50_request(&e, &q, out), 0);
	q.qty = 300;
	q.px4 = 3; // nothing is shown for nothing
	assert_int_not_equal(encode_ouch50_request(&e, &q, out), 0);
	assert_memory_equal(out + 3 + 18, "\0\0\0\0\0\0\0\x01", 8);
	q.tif = TIF_IOC; // it would say two lives
	assert_int_equal(encode_ouch50_request(&e, &q, out), 0);
	q.tif = TIF_DAY;

	q.kind = INTENT_REPLACE;
	q.orig_token = 9; // without firm, customer type and group
	assert_int_equal(encode_ouch50_request(&e, &q, out), 3 + 38 + 2 + 93 - 6 - 3 - 4);
	assert_memory_equal(out + 3 + 40, want + 6, 6);
	q.style = 2;
	assert_int_equal(encode_ouch50_request(&e, &q, out), 0);
	q.kind = INTENT_NEW;
	assert_int_not_equal(encode_ouch50_request(&e, &q, out), 0);
	assert_int_equal(out[3 + 26], 'E');
	q = (struct venue_request){ .kind = INTENT_CANCEL, .token = 0x71 };
	assert_int_equal(encode_ouch50_request(&e, &q, out), 3 + 9 + 5);
	assert_memory_equal(out + 3 + 9, "\x00\x03\x02\x1c\x07", 5);
	q = (struct venue_request){
		.kind = INTENT_MODIFY, .token = 1, .side = SIDE_SELL, .qty = 1
	};
	assert_int_equal(encode_ouch50_request(&e, &q, out), 3 + 10 + 5);
	assert_int_equal(encode_ouch50_ask(&e, ENCODE_ASK_ACCOUNT, 0, NULL, out), 3 + 1 + 5);
	c.style_cnt = ENCODE_STYLE_MAX + 1;
	assert_int_equal(encode_ouch50_init(&e, &c), -EINVAL);
}

static const struct {
	const char *what;
	struct encode_style style;
	const char *says50; // NULL: nothing wrong
	const char *says42;
	char letter42; // of display, not post-only
	char post42;
} STYLES42[] = {
	// clang-format off
	{ "plain",              { 0 },                             NULL, NULL, 'Y', 'P' },
	{ "attributed",         { .display = 'A' },                NULL, NULL, 'A', 'L' },
	{ "hidden",             { .display = 'N' },                NULL, NULL, 'N', 0 },
	{ "midpoint",           { .price_type = 'M' },             NULL, NULL, 'M', 'W' },
	{ "midpoint that takes what locks it", { .price_type = 'm', .trade_now = true }, NULL, NULL, 'm', 0 },
	{ "hidden, takes what locks it", { .display = 'N', .trade_now = true }, NULL, NULL, 'n', 0 },
	{ "imbalance only",     { .handle_inst = 'I', .cross = 'O' }, NULL, NULL, 'I', 0 },
	{ "a life of a minute", { .expire_s = 60 },                NULL, NULL, 'Y', 'P' },
	{ "visible, takes what locks it", { .trade_now = true },   NULL, "letter", 0, 0 },
	{ "primary peg",        { .price_type = 'R' },             NULL, "price_type", 0, 0 },
	{ "a reserve",          { .max_floor_qty = 100 },          NULL, "max_floor_qty", 0, 0 },
	{ "discretion",         { .discretion_px4 = 100 },         NULL, "discretion", 0, 0 },
	{ "a group",            { .group_id = 1 },                 NULL, "group_id", 0, 0 },
	{ "after hours",        { .after_hours = true },           NULL, "after_hours", 0, 0 },
	{ "cross after hours",  { .cross = 'A' },                  NULL, "cross", 0, 0 },
	{ "a reserve that is hidden", { .max_floor_qty = 1, .display = 'N' }, "hidden", "hidden", 0, 0 },
	{ "random without reserve", { .random_reserve_qty = 1 },   "max_floor", "max_floor", 0, 0 },
	{ "two lives",          { .expire_s = 1, .after_hours = true }, "expire_s", "expire_s", 0, 0 },
	{ "a day",              { .expire_s = 86400 },             "expire_s", "expire_s", 0, 0 },
	{ "a letter of its own", { .handle_inst = 'x' },           "handle_inst", "handle_inst", 0, 0 },
	{ "an offset from nothing", { .peg_offset_px4 = 1 },       "price_type", "price_type", 0, 0 },
	// clang-format on
};

static void
ouch42_says_a_style_by_its_letters_or_not_at_all(void **state)
{
	static struct encode e;

	for (size_t i = 0; i < ARRAY_CNT(STYLES42); i++) {
		const char *says50 = encode_style_fault(&STYLES42[i].style, ENCODE_OUCH50);
		const char *says42 = encode_style_fault(&STYLES42[i].style, ENCODE_OUCH42);
		struct encode_config c = PLAIN;
		uint8_t out[ENCODE_PACKET_MAX];
		struct venue_request q = {
			.kind = INTENT_NEW, .token = 1, .instr_idx = 1, .qty = 1, .px4 = 1
		};

		print_message("# %s\n", STYLES42[i].what);
		assert_int_equal(says50 != NULL, STYLES42[i].says50 != NULL);
		assert_int_equal(says42 != NULL, STYLES42[i].says42 != NULL);
		if (says50 != NULL)
			assert_non_null(strstr(says50, STYLES42[i].says50));
		if (says42 != NULL)
			assert_non_null(strstr(says42, STYLES42[i].says42));
		c.style = &STYLES42[i].style;
		c.style_cnt = 1;
		assert_int_equal(encode_ouch42_init(&e, &c), 0);
		name_instruments(&e);
		assert_int_equal(encode_ouch42_request(&e, &q, out) != 0,
				 STYLES42[i].letter42 != 0);
		if (STYLES42[i].letter42 != 0)
			assert_int_equal(out[3 + 40], STYLES42[i].letter42);
		if (STYLES42[i].style.expire_s == 60)
			assert_memory_equal(out + 3 + 32, "\0\0\0\x3c", 4);
		q.flags = INTENT_POST_ONLY;
		assert_int_equal(encode_ouch42_request(&e, &q, out) != 0, STYLES42[i].post42 != 0);
		if (STYLES42[i].post42 != 0)
			assert_int_equal(out[3 + 40], STYLES42[i].post42);
	}
}

/* TCP sends a packet by the line: what is behind it there must not count. */
static void
what_a_packet_leaves_of_its_line_is_0(void **state)
{
	struct encode_config c = PLAIN;
	uint8_t out[ENCODE_PACKET_MAX];
	static struct encode e;

	for (unsigned k = 0; k < 4; k++) {
		const bool ouch50 = (k & 1) != 0;
		const struct golden *g = ouch50 ? OUCH50 : OUCH42;
		const size_t cnt = ouch50 ? ARRAY_CNT(OUCH50) : ARRAY_CNT(OUCH42);

		c.no_customer_type = k >= 2;
		assert_int_equal(ouch50 ? encode_ouch50_init(&e, &c) : encode_ouch42_init(&e, &c),
				 0);
		name_instruments(&e);
		for (size_t i = 0; i < cnt; i++) {
			uint16_t len;

			memset(out, 0xee, sizeof(out));
			len = ouch50 ? encode_ouch50_request(&e, &g[i].q, out)
				     : encode_ouch42_request(&e, &g[i].q, out);
			assert_in_range(len, 1, CACHE_LINE);
			for (size_t at = len; at < CACHE_LINE; at++)
				assert_int_equal(out[at], 0);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operators_requests_are_the_documents),
		cmocka_unit_test(styles_become_options),
		cmocka_unit_test(ouch42_says_a_style_by_its_letters_or_not_at_all),
		cmocka_unit_test(requests_become_the_documents_bytes),
		cmocka_unit_test(what_a_packet_leaves_of_its_line_is_0),
		cmocka_unit_test(what_ouch_cannot_say_leaves_no_bytes),
		cmocka_unit_test(a_bad_configuration_is_refused),
		cmocka_unit_test(display_and_hours_shape_the_order),
		cmocka_unit_test(a_token_comes_back_as_it_went),
		cmocka_unit_test(only_our_own_tokens_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
