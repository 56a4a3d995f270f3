/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lets another reader of OUCH 5.0 (smoke/judge_ouch50.py, written from the document; Wireshark
 * knows OUCH 4 only) say what our requests mean: every option of every order style, what an
 * operator asks for, and another channel.  Skipped without python3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "egress/encode_ouch50.h"

enum { SKIPPED = 77 };

static const struct encode_style STYLES[] = {
	{ 0 },
	{ .display = 'A',
	  .customer = 'R',
	  .aiq_strategy = 'O',
	  .aiq_group = "G1",
	  .sweep = true,
	  .group_id = 513,
	  .max_floor_qty = 40,
	  .random_reserve_qty = 5,
	  .expire_s = 86399 },
	{ .display = 'N',
	  .price_type = 'R',
	  .peg_offset_px4 = -200,
	  .min_qty = 50,
	  .trade_now = true },
	{ .discretion_px4 = 500, .discretion_type = 'M', .discretion_peg_offset_px4 = 100 },
	{ .shares_located = true, .locate_broker = "BRK1" },
	{ .cross = 'O', .handle_inst = 'I' },
	{ .after_hours = true },
	{ .cross = 'R', .handle_inst = 'T', .customer = 'N' },
};
static_assert(ARRAY_CNT(STYLES) == ENCODE_STYLE_MAX, "all that fit");

#define NEW(token_, style_, ...)                                                                   \
	{                                                                                          \
		.kind = INTENT_NEW, .token = (token_), .instr_idx = 1, .qty = 100, .px4 = 1891200, \
		.style = (style_), __VA_ARGS__                                                     \
	}

/* In the order in which they are sent: numbers grow.  @ is where a channel is said. */
static const struct {
	struct venue_request q;
	const char *want;
} ORDERS[] = {
	// clang-format off
	{ NEW(1, 0),
	  "O ref=1 side=B symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=0 display=Y sweep=N clordid=TOK00000000001 2:firm=LIME@" },
	{ NEW(2, 1, .flags = INTENT_POST_ONLY),
	  "O ref=2 side=B symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=6 display=A sweep=Y clordid=TOK00000000002"
	  " 2:firm=LIME 4:customer=R 5:max_floor=40 12:post_only=P 13:random_reserve=5 15:expire_s=86399 24:group=513"
	  "@ 29:aiq_strategy=O 30:aiq_group=G1" },
	{ { .kind = INTENT_REPLACE, .orig_token = 2, .token = 3, .qty = 120, .px4 = 1891300, .style = 1 },
	  "U ref=3 orig=2 qty=120 px4=1891300 tif=6 display=A sweep=Y clordid=TOK00000000003"
	  " 5:max_floor=40 13:random_reserve=5 15:expire_s=86399@ 29:aiq_strategy=O 30:aiq_group=G1" },
	{ NEW(4, 2, .side = SIDE_SELL),
	  "O ref=4 side=S symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=0 display=N sweep=N clordid=TOK00000000004"
	  " 2:firm=LIME 3:min_qty=50 6:price_type=R 7:peg_offset=-200 16:trade_now=Y@" },
	{ { .kind = INTENT_MODIFY, .token = 4, .side = SIDE_SELL, .qty = 60, .flags = INTENT_SHORT },
	  "M ref=4 qty=60 side=T@" },
	{ NEW(5, 2, .tif = TIF_IOC),
	  "O ref=5 side=B symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=3 display=N sweep=N clordid=TOK00000000005"
	  " 2:firm=LIME 3:min_qty=50 6:price_type=R 7:peg_offset=-200 16:trade_now=Y@" },
	{ NEW(6, 3),
	  "O ref=6 side=B symbol=AAPL capacity=P cross=N qty=100 px4=1890700 tif=0 display=Y sweep=N clordid=TOK00000000006"
	  " 2:firm=LIME 9:discretion_px4=1891200 10:discretion_type=M 11:discretion_offset=100@" },
	{ NEW(7, 3, .side = SIDE_SELL),
	  "O ref=7 side=S symbol=AAPL capacity=P cross=N qty=100 px4=1891700 tif=0 display=Y sweep=N clordid=TOK00000000007"
	  " 2:firm=LIME 9:discretion_px4=1891200 10:discretion_type=M 11:discretion_offset=100@" },
	{ NEW(8, 4, .side = SIDE_SELL, .flags = INTENT_SHORT),
	  "O ref=8 side=T symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=0 display=Y sweep=N clordid=TOK00000000008"
	  " 2:firm=LIME 25:shares_located=Y 26:locate_broker=BRK1@" },
	{ NEW(9, 5),
	  "O ref=9 side=B symbol=AAPL capacity=P cross=O qty=100 px4=1891200 tif=0 display=Y sweep=N clordid=TOK00000000009"
	  " 2:firm=LIME 17:handle_inst=I@" },
	{ NEW(10, 6),
	  "O ref=10 side=B symbol=AAPL capacity=P cross=N qty=100 px4=1891200 tif=E display=Y sweep=N clordid=TOK0000000000A"
	  " 2:firm=LIME@" },
	{ NEW(11, 7, .side = SIDE_SELL, .flags = INTENT_SHORT_EXEMPT),
	  "O ref=11 side=E symbol=AAPL capacity=P cross=R qty=100 px4=1891200 tif=0 display=Y sweep=N clordid=TOK0000000000B"
	  " 2:firm=LIME 4:customer=N 17:handle_inst=T@" },
	{ { .kind = INTENT_CANCEL, .token = 3 }, "X ref=3 qty=0@" },
	{ { .kind = INTENT_CANCEL, .token = 7, .qty = 30 }, "X ref=7 qty=30@" },
	// clang-format on
};

static const struct {
	enum encode_ask ask;
	uint32_t token;
	struct encode_scope scope;
	const char *want;
} ASKED[] = {
	// clang-format off
	{ ENCODE_ASK_MASS_CANCEL, 20, { .symbol = "AAPL    ", .side = 'S', .group_id = 513 },
	  "C ref=20 firm=LIME symbol=AAPL 24:group=513 27:side=S@" },
	{ ENCODE_ASK_MASS_CANCEL, 21, { .side = 0 }, "C ref=21 firm=LIME symbol=@" },
	{ ENCODE_ASK_DISABLE, 22, { .side = 0 }, "D ref=22 firm=LIME@" },
	{ ENCODE_ASK_ENABLE, 23, { .side = 0 }, "E ref=23 firm=LIME@" },
	{ ENCODE_ASK_ACCOUNT, 0, { .side = 0 }, "Q ref=0@" },
	// clang-format on
};

static const char *judge;

static void
put_line(FILE *f, const uint8_t *packet, uint16_t len)
{
	assert_true(len > sizeof(struct soup_head));
	for (uint16_t i = sizeof(struct soup_head); i < len; i++)
		fprintf(f, "%02x", packet[i]);
	fputc('\n', f);
}

static void
write_requests(const struct encode_config *c, FILE *f)
{
	uint8_t packet[ENCODE_PACKET_MAX];
	static struct encode e;

	assert_int_equal(encode_ouch50_init(&e, c), 0);
	assert_int_equal(encode_name_instrument(&e, 1, "AAPL"), 0);
	for (size_t i = 0; i < ARRAY_CNT(ORDERS); i++)
		put_line(f, packet, encode_ouch50_request(&e, &ORDERS[i].q, packet));
	for (size_t i = 0; i < ARRAY_CNT(ASKED); i++)
		put_line(f, packet,
			 encode_ouch50_ask(&e, ASKED[i].ask, ASKED[i].token, &ASKED[i].scope,
					   packet));
}

/* What is wanted, with a channel where it is said. */
static const char *
wanted(size_t n, const char *channel)
{
	const char *text =
		n < ARRAY_CNT(ORDERS) ? ORDERS[n].want : ASKED[n - ARRAY_CNT(ORDERS)].want;
	const int before = (int)strcspn(text, "@");
	static char line[1024];

	assert_int_equal(text[before], '@');
	snprintf(line, sizeof(line), "%.*s%s%s\n", before, text, channel, text + before + 1);
	return line;
}

static void
read_judgement(const char *path, const char *channel)
{
	char command[1024], line[1024];
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "python3 '%s' '%s'", judge, path);
	f = popen(command, "r");
	assert_non_null(f);
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		assert_true(n < ARRAY_CNT(ORDERS) + ARRAY_CNT(ASKED));
		assert_string_equal(line, wanted(n, channel));
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(n, ARRAY_CNT(ORDERS) + ARRAY_CNT(ASKED));
}

static void
judge_on_channel(uint8_t user_ref_idx, const char *channel)
{
	const struct encode_config c = { .firm = "LIME",
					 .token_prefix = "TOK000",
					 .capacity = 'P',
					 .display = 'Y',
					 .user_ref_idx = user_ref_idx,
					 .style = STYLES,
					 .style_cnt = ARRAY_CNT(STYLES) };
	char path[] = "/tmp/sluice_judged_XXXXXX";
	const int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	assert_non_null(f);
	write_requests(&c, f);
	fclose(f);
	read_judgement(path, channel);
	unlink(path);
}

static void
every_style_means_what_it_says(void **state)
{
	judge_on_channel(0, "");
}

static void
every_request_says_its_channel(void **state)
{
	judge_on_channel(7, " 28:channel=7");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_style_means_what_it_says),
		cmocka_unit_test(every_request_says_its_channel),
	};

	judge = getenv("SLUICE_JUDGE");
	if (judge == NULL || system("command -v python3 >/dev/null 2>&1") != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
