/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hex.h"
#include "returns/report_ouch42.h"
#include "returns/report_ouch50.h"

/* A message as the documents' bytes, and what must come out of it. */
struct golden {
	const char *what;
	enum report_verdict verdict;
	const char *hex;
	struct report want;
	size_t metric; // offset of the counter that must become 1
	size_t fixed_len;
};
#define METRIC_OF(name) offsetof(struct report_metrics, name)

static const struct golden OUCH50[] = {
	// clang-format off
	{ "System Event", REPORT_NO_ORDER,
	  "5300001f1aced9f1c853",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(system_event_received), 10 },
	{ "Order Accepted", REPORT_DECODED,
	  "4100001f1aced9f1c80000007154000000e143564c5420202020000000000009"
	  "9db83059000000000f56b4f5414e4e4c48384655423849562020202020200000",
	  { .type = REPORT_ACCEPTED, .side = SIDE_SELL, .token = 0x71, .qty = 225, .px4 = 630200, .order_ref = 0x0f56b4f5, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(accepted_received), 62 },
	{ "Order Replaced", REPORT_DECODED,
	  "5500001f1aced9f1c80000007100000072540000012c43564c54202020200000"
	  "000000099e1c3059000000000f56b4f6414e4e4c5245504c2d31202020202020"
	  "20200000",
	  { .type = REPORT_REPLACED, .side = SIDE_SELL, .token = 0x72, .orig_token = 0x71, .qty = 300, .px4 = 630300, .order_ref = 0x0f56b4f6, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(replaced_received), 66 },
	{ "Order Canceled", REPORT_DECODED,
	  "4300001f1aced9f1c8000000710000002855",
	  { .type = REPORT_CANCELED, .token = 0x71, .qty = 40, .reason = 'U', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(canceled_received), 18 },
	{ "AIQ Canceled", REPORT_DECODED,
	  "4400001f1aced9f1c8000000710000000a510000000a0000000000099db85244",
	  { .type = REPORT_CANCELED, .token = 0x71, .qty = 10, .reason = 'Q', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(canceled_received), 32 },
	{ "Order Executed", REPORT_DECODED,
	  "4500001f1aced9f1c800000071000000280000000000099db841000000000000"
	  "23290000",
	  { .type = REPORT_EXECUTED, .token = 0x71, .qty = 40, .px4 = 630200, .liquidity = 'A', .match_ref = 9001, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(executed_received), 34 },
	{ "Broken Trade", REPORT_DECODED,
	  "4200001f1aced9f1c80000007100000000000023294548384655423849562020"
	  "20202020",
	  { .type = REPORT_TRADE_BROKEN, .token = 0x71, .match_ref = 9001, .reason = 'E', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(trade_broken_received), 36 },
	{ "Rejected", REPORT_DECODED,
	  "4a00001f1aced9f1c800000071001d4838465542384956202020202020",
	  { .type = REPORT_REJECTED, .token = 0x71, .reject_code = 0x1d, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(rejected_received), 29 },
	{ "Cancel Pending", REPORT_DECODED,
	  "5000001f1aced9f1c800000071",
	  { .type = REPORT_CANCEL_PENDING, .token = 0x71, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(cancel_pending_received), 13 },
	{ "Cancel Reject", REPORT_DECODED,
	  "4900001f1aced9f1c800000071",
	  { .type = REPORT_CANCEL_REJECTED, .token = 0x71, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(cancel_rejected_received), 13 },
	{ "Order Priority Update", REPORT_DECODED,
	  "5400001f1aced9f1c8000000710000000000099db859000000000f56b4f7",
	  { .type = REPORT_PRIORITY, .token = 0x71, .px4 = 630200, .order_ref = 0x0f56b4f7, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(priority_received), 30 },
	{ "Order Modified", REPORT_DECODED,
	  "4d00001f1aced9f1c8000000714500000064",
	  { .type = REPORT_MODIFIED, .token = 0x71, .side = SIDE_SELL, .mark = INTENT_SHORT_EXEMPT, .qty = 100, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(modified_received), 18 },
	{ "Order Restated", REPORT_DECODED,
	  "5200001f1aced9f1c800000071520000",
	  { .type = REPORT_RESTATED, .token = 0x71, .reason = 'R', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(restated_received), 14 },
	{ "Order Restated with what is shown now", REPORT_DECODED,
	  "5200001f1aced9f1c80000007152001a0516000000c8091700000000001cdba209010000000000001e61",
	  { .type = REPORT_RESTATED, .token = 0x71, .reason = 'R', .qty = 200, .px4 = 1891234, .order_ref = 7777, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(restated_received), 14 },
	{ "Mass Cancel Response", REPORT_NO_ORDER,
	  "5800001f1aced9f1c8000000734649524d20202020202020200000",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(mass_cancel_received), 25 },
	{ "Disable Order Entry Response", REPORT_NO_ORDER,
	  "4700001f1aced9f1c8000000744649524d0000",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(entry_switch_received), 17 },
	{ "Enable Order Entry Response", REPORT_NO_ORDER,
	  "4b00001f1aced9f1c8000000754649524d0000",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(entry_switch_received), 17 },
	{ "Account Query Response", REPORT_NO_ORDER,
	  "5100001f1aced9f1c800000076",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(account_received), 13 },
	// clang-format on
};

static const struct golden OUCH42[] = {
	// clang-format off
	{ "System Event", REPORT_NO_ORDER,
	  "5300001f1aced9f1c853",
	  { .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(system_event_received), 10 },
	{ "Accepted", REPORT_DECODED,
	  "4100001f1aced9f1c8544f4b303030303030303030303142000000644141504c"
	  "20202020001cdba20001869f4649524d590000000000001e61504e000000004e"
	  "4c31",
	  { .type = REPORT_ACCEPTED, .side = SIDE_BUY, .token = 1, .qty = 100, .px4 = 1891234, .order_ref = 7777, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(accepted_received), 66 },
	{ "Replaced", REPORT_DECODED,
	  "5500001f1aced9f1c8544f4b303030303030303030303242000000964141504c"
	  "20202020001cdea00001869f4649524d590000000000001e62504e000000004e"
	  "4c544f4b303030303030303030303131",
	  { .type = REPORT_REPLACED, .side = SIDE_BUY, .token = 2, .orig_token = 1, .qty = 150, .px4 = 1892000, .order_ref = 7778, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(replaced_received), 80 },
	{ "Canceled", REPORT_DECODED,
	  "4300001f1aced9f1c8544f4b30303030303030303030310000001955",
	  { .type = REPORT_CANCELED, .token = 1, .qty = 25, .reason = 'U', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(canceled_received), 28 },
	{ "AIQ Cancelled", REPORT_DECODED,
	  "4400001f1aced9f1c8544f4b30303030303030303030310000000a510000000a"
	  "001cdea05244",
	  { .type = REPORT_CANCELED, .token = 1, .qty = 10, .reason = 'Q', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(canceled_received), 38 },
	{ "Executed", REPORT_DECODED,
	  "4500001f1aced9f1c8544f4b303030303030303030303100000028001cdba241"
	  "0000000000002329",
	  { .type = REPORT_EXECUTED, .token = 1, .qty = 40, .px4 = 1891234, .liquidity = 'A', .match_ref = 9001, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(executed_received), 40 },
	{ "Broken Trade", REPORT_DECODED,
	  "4200001f1aced9f1c8544f4b3030303030303030303031000000000000232945",
	  { .type = REPORT_TRADE_BROKEN, .token = 1, .match_ref = 9001, .reason = 'E', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(trade_broken_received), 32 },
	{ "Executed with Reference Price", REPORT_DECODED,
	  "4700001f1aced9f1c8544f4b303030303030303030303100000028001cdba241"
	  "000000000000232a001cdab849",
	  { .type = REPORT_EXECUTED, .token = 1, .qty = 40, .px4 = 1891234, .liquidity = 'A', .match_ref = 9002, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(executed_received), 45 },
	{ "Trade Correction", REPORT_DECODED,
	  "4600001f1aced9f1c8544f4b303030303030303030303100000028001cdba241"
	  "000000000000232a4e",
	  { .type = REPORT_CORRECTED, .odd = REPORT_ODD_CORRECTION, .token = 1, .qty = 40, .px4 = 1891234, .match_ref = 9002, .reason = 'N', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(correction_received), 41 },
	{ "Rejected", REPORT_DECODED,
	  "4a00001f1aced9f1c8544f4b303030303030303030303158",
	  { .type = REPORT_REJECTED, .token = 1, .reason = 'X', .reject_code = 'X', .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(rejected_received), 24 },
	{ "Cancel Pending", REPORT_DECODED,
	  "5000001f1aced9f1c8544f4b3030303030303030303031",
	  { .type = REPORT_CANCEL_PENDING, .token = 1, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(cancel_pending_received), 23 },
	{ "Cancel Reject", REPORT_DECODED,
	  "4900001f1aced9f1c8544f4b3030303030303030303031",
	  { .type = REPORT_CANCEL_REJECTED, .token = 1, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(cancel_rejected_received), 23 },
	{ "Order Priority Update", REPORT_DECODED,
	  "5400001f1aced9f1c8544f4b3030303030303030303031001cdba25900000000"
	  "00001e63",
	  { .type = REPORT_PRIORITY, .token = 1, .px4 = 1891234, .order_ref = 7779, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(priority_received), 36 },
	{ "Order Modified", REPORT_DECODED,
	  "4d00001f1aced9f1c8544f4b30303030303030303030315300000064",
	  { .type = REPORT_MODIFIED, .token = 1, .side = SIDE_SELL, .qty = 100, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(modified_received), 28 },
	{ "Trade Now", REPORT_NO_ORDER,
	  "4e00001f1aced9f1c8544f4b3030303030303030303031",
	  { .token = 1, .ts_ns = 0x1f1aced9f1c8 },
	  METRIC_OF(trade_now_received), 23 },
	// clang-format on
};

typedef enum report_verdict (*decoder)(struct report_decode *d, const uint8_t *msg, uint16_t len,
				       struct report *out);

static enum report_verdict
ouch50(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	return report_ouch50_on_message(d, msg, len, out);
}

static enum report_verdict
ouch42(struct report_decode *d, const uint8_t *msg, uint16_t len, struct report *out)
{
	return report_ouch42_on_message(d, msg, len, out);
}

static void
check_golden(decoder decode, const struct golden *g)
{
	struct report_decode d;
	uint8_t msg[256];
	struct report r;
	const size_t len = hex_bytes(g->hex, msg, sizeof(msg));

	print_message("# %s\n", g->what);
	assert_true(report_init(&d, "TOK000"));
	assert_int_equal(decode(&d, msg, (uint16_t)len, &r), g->verdict);
	if (g->verdict == REPORT_DECODED || r.token != 0)
		assert_memory_equal(&r, &g->want, sizeof(r));
	else
		assert_int_equal(r.type, REPORT_NONE);
	assert_int_equal(*(uint64_t *)((uint8_t *)&d.metrics + g->metric), 1);
}

static void
every_message_of_the_documents_is_decoded(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(OUCH50); i++)
		check_golden(ouch50, &OUCH50[i]);
	for (size_t i = 0; i < ARRAY_CNT(OUCH42); i++)
		check_golden(ouch42, &OUCH42[i]);
}

/* A message that is one byte off, either way, is refused: only a few documents allow otherwise. */
static void
check_lengths(decoder decode, const struct golden *g, bool ouch50_rules)
{
	uint8_t msg[257] = { 0 };
	const size_t len = hex_bytes(g->hex, msg, 256);

	print_message("# %s\n", g->what);
	for (size_t n = 0; n <= len + 1; n++) {
		struct report_decode d;
		enum report_verdict v;
		struct report r;
		bool ok = n == len;

		ok |= msg[0] == 'D' && n == g->fixed_len - 1;             // without AIQ strategy
		ok |= ouch50_rules && msg[0] == 'E' && n == g->fixed_len; // without appendage
		assert_true(report_init(&d, "TOK000"));
		v = decode(&d, msg, (uint16_t)n, &r);
		assert_int_equal(v, ok ? g->verdict : REPORT_LENGTH_BAD);
		assert_int_equal(d.metrics.length_bad, ok ? 0 : 1);
	}
}

static void
lengths_are_exact(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(OUCH50); i++)
		check_lengths(ouch50, &OUCH50[i], true);
	for (size_t i = 0; i < ARRAY_CNT(OUCH42); i++)
		check_lengths(ouch42, &OUCH42[i], false);
}

static void
types_nobody_defined_are_counted(void **state)
{
	struct report_decode d;
	uint8_t msg[128] = { 0 };
	unsigned known50 = 0, known42 = 0;
	struct report r;

	assert_true(report_init(&d, "TOK000"));
	for (unsigned type = 0; type < 256; type++) {
		msg[0] = (uint8_t)type;
		known50 += ouch50(&d, msg, 3, &r) != REPORT_TYPE_UNKNOWN;
		known42 += ouch42(&d, msg, 3, &r) != REPORT_TYPE_UNKNOWN;
	}
	assert_int_equal(known50, 17);
	assert_int_equal(known42, 15);
	assert_int_equal(d.metrics.type_unknown, 2 * 256 - 17 - 15);
	assert_int_equal(d.metrics.length_bad, 17 + 15);
}

/* What may follow an Order Canceled, whose appendage is optional, and an Accepted, whose is not. */
static const struct {
	const char *what;
	const char *rest;
	enum report_verdict canceled;
	enum report_verdict accepted;
	uint8_t odd;
} APPENDAGES[] = {
	// clang-format off
	{ "nothing",                      "",             REPORT_DECODED,    REPORT_LENGTH_BAD },
	{ "an empty appendage",           "0000",         REPORT_DECODED,    REPORT_DECODED },
	{ "half a length",                "00",           REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "a channel",                    "0003021c05",   REPORT_TOKEN_FOREIGN, REPORT_TOKEN_FOREIGN },
	{ "a channel of two bytes",       "0004031c0505", REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "an element longer than that",  "0003031c05",   REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "a promise of one byte more",   "0004021c05",   REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "one byte more than promised",  "0003021c0500", REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "an element of length 0",       "000100",       REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "half an element head",         "000102",       REPORT_LENGTH_BAD, REPORT_LENGTH_BAD },
	{ "a tag without a value",        "0002011f",     REPORT_DECODED,    REPORT_DECODED, REPORT_ODD_OPTION_UNKNOWN },
	{ "a tag of next year",           "0004031f0102", REPORT_DECODED,    REPORT_DECODED, REPORT_ODD_OPTION_UNKNOWN },
	{ "our own channel, said",        "0003021c00",   REPORT_DECODED,    REPORT_DECODED },
	{ "two elements of ours",   "0006021c00020c50",   REPORT_DECODED,    REPORT_DECODED },
	{ "post-only of a letter that is none", "0003020c58", REPORT_DECODED, REPORT_DECODED, REPORT_ODD_OPTION_VALUE },
	{ "post-only twice",        "0006020c50020c50",   REPORT_DECODED,    REPORT_DECODED, REPORT_ODD_OPTION_VALUE },
	{ "more shares shown than an order may have", "000605050" "00f4240", REPORT_DECODED, REPORT_DECODED, REPORT_ODD_OPTION_VALUE },
	{ "a life of a whole day",  "0006050f00015180",   REPORT_DECODED,    REPORT_DECODED, REPORT_ODD_OPTION_VALUE },
	{ "a life a second shorter", "0006050f0001517f",  REPORT_DECODED,    REPORT_DECODED },
	{ "two elements",       "0006021c05020c50",       REPORT_TOKEN_FOREIGN, REPORT_TOKEN_FOREIGN },
	// clang-format on
};

static void
appendages_fit_exactly_or_the_message_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(APPENDAGES); i++) {
		struct report_decode d;
		uint8_t msg[128];
		struct report r;
		size_t len;

		print_message("# %s\n", APPENDAGES[i].what);
		assert_true(report_init(&d, ""));
		hex_bytes(OUCH50[3].hex, msg, sizeof(msg));
		len = 18 + hex_bytes(APPENDAGES[i].rest, msg + 18, sizeof(msg) - 18);
		assert_int_equal(ouch50(&d, msg, (uint16_t)len, &r), APPENDAGES[i].canceled);
		hex_bytes(OUCH50[1].hex, msg, sizeof(msg));
		len = 62 + hex_bytes(APPENDAGES[i].rest, msg + 62, sizeof(msg) - 62);
		assert_int_equal(ouch50(&d, msg, (uint16_t)len, &r), APPENDAGES[i].accepted);
		if (APPENDAGES[i].accepted != REPORT_DECODED)
			continue;
		assert_int_equal(r.odd, APPENDAGES[i].odd);
		assert_int_equal(d.metrics.option_unknown + d.metrics.option_odd,
				 2 * (APPENDAGES[i].odd != 0));
	}
}

/* A session of channel 5: what says another one, or none, is not about our orders. */
static void
only_our_own_channel_is_read(void **state)
{
	static const struct {
		const char *rest;
		enum report_verdict want;
	} RESTS[] = {
		{ "", REPORT_TOKEN_FOREIGN },
		{ "0000", REPORT_TOKEN_FOREIGN },
		{ "0003021c05", REPORT_DECODED },
		{ "0003021c06", REPORT_TOKEN_FOREIGN },
	};

	for (size_t i = 0; i < ARRAY_CNT(RESTS); i++) {
		struct report_decode d;
		uint8_t msg[128];
		struct report r;
		size_t len;

		assert_true(report_init(&d, ""));
		d.user_ref_idx = 5;
		hex_bytes(OUCH50[3].hex, msg, sizeof(msg));
		len = 18 + hex_bytes(RESTS[i].rest, msg + 18, sizeof(msg) - 18);
		assert_int_equal(ouch50(&d, msg, (uint16_t)len, &r), RESTS[i].want);
		assert_int_equal(d.metrics.token_foreign, RESTS[i].want == REPORT_TOKEN_FOREIGN);
	}
}

/* One byte of a golden message replaced. */
static const struct {
	const char *what;
	bool is50;
	unsigned golden;
	unsigned at;
	uint8_t byte;
	enum report_verdict want;
} SPOILED[] = {
	// clang-format off
	{ "5.0 accepted, side that is none",          true,  1, 13, 'Z', REPORT_VALUE_BAD },
	{ "5.0 accepted, short exempt is a sale",     true,  1, 13, 'E', REPORT_DECODED },
	{ "5.0 accepted, state that is none",         true,  1, 47, 'X', REPORT_VALUE_BAD },
	{ "5.0 accepted, price beyond the codes",     true,  1, 26, 1,   REPORT_VALUE_BAD },
	{ "5.0 replaced, side that is none",          true,  2, 17, 'Z', REPORT_VALUE_BAD },
	{ "5.0 executed, nothing",                    true,  5, 16, 0,   REPORT_VALUE_BAD },
	{ "5.0 canceled, a letter of next year",      true,  3, 17, '~', REPORT_DECODED },
	{ "4.2 accepted, side that is none",          false, 1, 23, 'Z', REPORT_VALUE_BAD },
	{ "4.2 accepted, price beyond the codes",     false, 1, 36, 0x80, REPORT_VALUE_BAD },
	{ "4.2 accepted, another prefix",             false, 1, 9,  't', REPORT_TOKEN_FOREIGN },
	{ "4.2 accepted, a small digit",              false, 1, 22, 'a', REPORT_TOKEN_FOREIGN },
	{ "4.2 accepted, a letter that is no digit",  false, 1, 22, 'G', REPORT_TOKEN_FOREIGN },
	{ "4.2 accepted, a blank for a digit",        false, 1, 22, ' ', REPORT_TOKEN_FOREIGN },
	{ "4.2 executed, another digit",              false, 5, 22, 'F', REPORT_DECODED },
	{ "4.2 replaced, foreign old token",          false, 2, 65, 'X', REPORT_TOKEN_FOREIGN },
	{ "4.2 rejected, foreign token",              false, 9, 10, '9', REPORT_TOKEN_FOREIGN },
	// clang-format on
};

static void
values_that_cannot_be_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_CNT(SPOILED); i++) {
		const struct golden *g =
			SPOILED[i].is50 ? &OUCH50[SPOILED[i].golden] : &OUCH42[SPOILED[i].golden];
		struct report_decode d;
		uint8_t msg[128];
		struct report r;
		const size_t len = hex_bytes(g->hex, msg, sizeof(msg));

		print_message("# %s\n", SPOILED[i].what);
		assert_true(report_init(&d, "TOK000"));
		msg[SPOILED[i].at] = SPOILED[i].byte;
		assert_int_equal((SPOILED[i].is50 ? ouch50 : ouch42)(&d, msg, (uint16_t)len, &r),
				 SPOILED[i].want);
		assert_int_equal(d.metrics.value_bad, SPOILED[i].want == REPORT_VALUE_BAD);
		assert_int_equal(d.metrics.token_foreign, SPOILED[i].want == REPORT_TOKEN_FOREIGN);
	}
}

static void
a_dead_order_is_said_to_be_dead(void **state)
{
	struct report_decode d;
	uint8_t msg[128];
	struct report r;
	size_t len;

	assert_true(report_init(&d, "TOK000"));
	len = hex_bytes(OUCH50[1].hex, msg, sizeof(msg));
	msg[47] = 'D';
	assert_int_equal(ouch50(&d, msg, (uint16_t)len, &r), REPORT_DECODED);
	assert_int_equal(r.dead, 1);
	len = hex_bytes(OUCH42[2].hex, msg, sizeof(msg));
	msg[64] = 'D';
	assert_int_equal(ouch42(&d, msg, (uint16_t)len, &r), REPORT_DECODED);
	assert_int_equal(r.dead, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_of_the_documents_is_decoded),
		cmocka_unit_test(lengths_are_exact),
		cmocka_unit_test(types_nobody_defined_are_counted),
		cmocka_unit_test(appendages_fit_exactly_or_the_message_is_refused),
		cmocka_unit_test(only_our_own_channel_is_read),
		cmocka_unit_test(values_that_cannot_be_are_refused),
		cmocka_unit_test(a_dead_order_is_said_to_be_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
