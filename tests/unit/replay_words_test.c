/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "msg/intent.h"
#include "msg/verdict.h"
#include "replay/frame_words.h"
#include "replay/record_words.h"
#include "replay/recorded_port.h"
#include "wire/eth_ip.h"
#include "wire/ouch50.h"
#include "wire/soupbintcp.h"

/*
 * A replay that differs says where, in words a reader can act on.  Each case changes one thing and
 * names what must be said.
 */
enum {
	HEAD_BYTES = sizeof(struct eth_head) + sizeof(struct ipv4_head) + sizeof(struct tcp_head),
	FRAME_MAX = 512,
	WORDS_MAX = 1024,
};

struct enter_packet {
	struct soup_head soup;
	struct ouch50_enter_order order;
	be16 appendage_len;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static struct enter_packet
enter(uint32_t user_ref, uint32_t qty, uint64_t px4)
{
	struct enter_packet p = {
		.soup = { be16_of(sizeof(p) - SOUP_LEN_BYTES), SOUP_UNSEQUENCED },
		.order = { .type = OUCH50_ENTER_ORDER,
			   .user_ref = be32_of(user_ref),
			   .side = OUCH_BUY,
			   .qty = be32_of(qty),
			   .symbol = "AAPL   ",
			   .px4 = be64_of(px4),
			   .tif = OUCH50_TIF_IOC },
	};

	p.order.symbol[7] = ' ';
	return p;
}

/* A frame of a connection with these bytes; checksums are right. */
static struct frame
frame_of(const void *payload, size_t len, uint32_t seq)
{
	struct frame f = { .len = HEAD_BYTES + len };
	struct eth_head *eth = (struct eth_head *)f.bytes;
	struct ipv4_head *ip = (struct ipv4_head *)(eth + 1);
	struct tcp_head *tcp = (struct tcp_head *)(ip + 1);
	const uint16_t l4_len = (uint16_t)(sizeof(*tcp) + len);

	eth->type = be16_of(ETH_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_len = be16_of((uint16_t)(sizeof(*ip) + l4_len));
	ip->ttl = 64;
	ip->proto = IP_PROTO_TCP;
	ip->src = be32_of(0x0A0A0202);
	ip->dst = be32_of(0x0A0A0201);
	ip->sum = ip_sum_finish(ip_sum_bytes(0, ip, sizeof(*ip)));
	tcp->src_port = be16_of(40000);
	tcp->dst_port = be16_of(26488);
	tcp->seq = be32_of(seq);
	tcp->data_off = sizeof(*tcp) / 4 << 4;
	tcp->flags = TCP_FLAG_ACK | TCP_FLAG_PSH;
	memcpy(tcp + 1, payload, len);
	tcp->sum = ip_sum_finish(
		ip_sum_bytes(ip_sum_pseudo(ip->src, ip->dst, IP_PROTO_TCP, l4_len), tcp, l4_len));
	return f;
}

static void
expect_frame_words(const struct frame *a, const struct frame *b, const char *wanted)
{
	char words[WORDS_MAX] = "";
	const bool differ =
		frame_words(false, a->bytes, a->len, b->bytes, b->len, words, sizeof(words));

	assert_int_equal(differ, wanted != NULL);
	if (wanted != NULL && strstr(words, wanted) == NULL)
		fail_msg("said '%s', wanted '%s'", words, wanted);
}

static void
equal_frames_say_nothing(void **state)
{
	const struct enter_packet p = enter(3, 100, 5850100);
	const struct frame f = frame_of(&p, sizeof(p), 1000);

	expect_frame_words(&f, &f, NULL);
}

static void
a_field_of_an_order_is_named_with_both_values(void **state)
{
	const struct enter_packet p = enter(3, 100, 5850100);
	const struct enter_packet px = enter(3, 100, 5850200);
	const struct enter_packet qty = enter(3, 99, 5850100);
	const struct enter_packet ref = enter(4, 100, 5850100);
	const struct frame f = frame_of(&p, sizeof(p), 1000);
	const struct frame f_px = frame_of(&px, sizeof(px), 1000);
	const struct frame f_qty = frame_of(&qty, sizeof(qty), 1000);
	const struct frame f_ref = frame_of(&ref, sizeof(ref), 1000);

	expect_frame_words(&f, &f_px,
			   "price, byte 75 of the frame: captured 585.0100, replayed 585.0200; "
			   "captured: enter #3 buy 100 AAPL at 585.0100 ioc; replayed: enter #3 "
			   "buy 100 AAPL at 585.0200 ioc");
	expect_frame_words(&f, &f_qty, "quantity, byte 63 of the frame: captured 100, replayed 99");
	expect_frame_words(&f, &f_ref,
			   "order number, byte 58 of the frame: captured 3, replayed 4");
}

static void
the_second_message_of_a_frame_is_found(void **state)
{
	const struct enter_packet a[2] = { enter(3, 100, 5850100), enter(4, 100, 5850100) };
	const struct enter_packet b[2] = { enter(3, 100, 5850100), enter(4, 200, 5850100) };
	const struct frame fa = frame_of(a, sizeof(a), 1000), fb = frame_of(b, sizeof(b), 1000);

	expect_frame_words(&fa, &fb, "quantity, byte 113 of the frame: captured 100, replayed 200");
}

static void
another_kind_of_packet_is_named(void **state)
{
	const struct enter_packet p = enter(3, 100, 5850100);
	const struct soup_head beat = { be16_of(1), SOUP_CLIENT_HEARTBEAT };
	const struct frame f = frame_of(&p, sizeof(p), 1000);
	const struct frame f_beat = frame_of(&beat, sizeof(beat), 1000);
	char text[WORDS_MAX];

	expect_frame_words(&f, &f_beat, "replayed: heartbeat");
	frame_text(false, f_beat.bytes, f_beat.len, text, sizeof(text));
	assert_string_equal(text, "heartbeat");
}

static void
headers_come_after_what_was_said_and_checksums_last(void **state)
{
	const struct enter_packet p = enter(3, 100, 5850100);
	const struct frame f = frame_of(&p, sizeof(p), 1000);
	const struct frame later = frame_of(&p, sizeof(p), 1001);
	struct frame sum = f, half = f;

	expect_frame_words(&f, &later,
			   "TCP sequence number, byte 38 of the frame: captured 1000, replayed "
			   "1001");
	sum.bytes[HEAD_BYTES - 3] ^= 1;
	expect_frame_words(&f, &sum, "TCP checksum, byte 50 of the frame");
	half.len -= 10;
	expect_frame_words(&f, &half, "captured 104 bytes, replayed 94");
}

static void
no_frame_is_read_beyond_its_end(void **state)
{
	const struct enter_packet p = enter(3, 100, 5850100);
	const struct frame f = frame_of(&p, sizeof(p), 1000);
	char words[WORDS_MAX];
	char small[8];

	for (size_t a = 0; a <= f.len; a++) {
		uint8_t part[FRAME_MAX];

		memcpy(part, f.bytes, a);
		assert_int_equal(frame_words(false, f.bytes, f.len, part, a, words, sizeof(words)),
				 a != f.len);
		frame_text(false, part, a, words, sizeof(words));
		frame_words(true, part, a, f.bytes, f.len, small, sizeof(small));
		assert_true(memchr(small, '\0', sizeof(small)) != NULL);
	}
}

static struct journal_slot
intent_slot(uint32_t qty, int64_t px4, uint64_t ns)
{
	struct intent in = {
		.intent_id = 7,
		.kind = INTENT_NEW,
		.side = SIDE_BUY,
		.qty = qty,
		.px4 = px4,
		.strategy_idx = 1,
	};
	struct journal_slot s = { .kind = JOURNAL_INTENT, .instr_idx = 1, .ns = ns, .feed_seq = 9 };

	memcpy(s.body, (const uint8_t *)&in + offsetof(struct journal_slot, body), sizeof(s.body));
	return s;
}

static void
expect_record_words(const struct journal_slot *a, const struct journal_slot *b, const char *wanted)
{
	const struct journal_names names = { 0 };
	const struct journal_record ra = { .frame = { .len = sizeof(*a), .kind = a->kind },
					   .payload = (const uint8_t *)a };
	const struct journal_record rb = { .frame = { .len = sizeof(*a),
						      .kind = b == NULL ? 0 : b->kind },
					   .payload = (const uint8_t *)b };
	char words[WORDS_MAX] = "";
	const bool differ = record_words(&names, &ra, b == NULL ? NULL : &rb, words, sizeof(words));

	assert_int_equal(differ, wanted != NULL);
	if (wanted != NULL && strstr(words, wanted) == NULL)
		fail_msg("said '%s', wanted '%s'", words, wanted);
}

static void
another_decision_is_told_with_both(void **state)
{
	const struct journal_slot a = intent_slot(100, 5850100, 1000);
	const struct journal_slot qty = intent_slot(99, 5850100, 1000);
	const struct journal_slot px = intent_slot(100, 5850200, 1000);
	const struct journal_slot late = intent_slot(100, 5850100, 1001);
	struct journal_slot refused = { .kind = JOURNAL_VERDICT, .instr_idx = 1, .ns = 1000 };
	struct journal_slot rest = a;

	expect_record_words(&a, &a, NULL);
	expect_record_words(&a, &qty, "quantity: recorded 100, replayed 99");
	expect_record_words(&a, &px, "price: recorded 585.0100, replayed 585.0200");
	expect_record_words(&a, &late, "lane's clock, ns: recorded 1000, replayed 1001");
	expect_record_words(&a, &refused,
			    "recorded: intent 7 of #1 new buy 100 #1 at 585.0100; "
			    "replayed: verdict");
	expect_record_words(&a, NULL, "replayed: nothing");
	rest.body[offsetof(struct intent, confidence) - offsetof(struct journal_slot, body)] ^= 3;
	expect_record_words(&a, &rest, "byte ");
}

static void
a_count_of_cycles_is_no_difference(void **state)
{
	struct journal_slot a = { .kind = JOURNAL_SENT, .ns = 1000 }, b = a;
	struct journal_sent body = { .token = 5, .rx_tsc = 10, .now_tsc = 30 };

	memcpy(a.body, &body, sizeof(body));
	body.rx_tsc = 1000;
	body.now_tsc = 9000;
	memcpy(b.body, &body, sizeof(body));
	expect_record_words(&a, &b, NULL);
	body.token = 6;
	memcpy(b.body, &body, sizeof(body));
	expect_record_words(&a, &b, "order number: recorded 5, replayed 6");
}

/* Copies that end where the text does: a sanitizer sees one byte more being read. */
static void
expect_line_words(const char *a, const char *b, const char *wanted)
{
	const size_t a_len = strlen(a), b_len = strlen(b);
	char *const ca = malloc(a_len + !a_len), *const cb = malloc(b_len + !b_len);
	char words[WORDS_MAX] = "";

	assert_true(ca != NULL && cb != NULL);
	memcpy(ca, a, a_len);
	memcpy(cb, b, b_len);
	assert_int_equal(line_words(ca, a_len, cb, b_len, words, sizeof(words)), wanted[0] != '\0');
	assert_string_equal(words, wanted);
	free(ca);
	free(cb);
}

static void
the_line_in_which_texts_differ_is_told(void **state)
{
	expect_line_words("armed 1\nqty 100\n", "armed 1\nqty 100\n", "");
	expect_line_words("armed 1\nqty 100\nrate 5\n", "armed 1\nqty 200\nrate 5\n",
			  "there 'qty 100', here 'qty 200'");
	expect_line_words("armed 1\nqty 100", "armed 1\nqty 1", "there 'qty 100', here 'qty 1'");
	expect_line_words("armed 1\n", "armed 1\nqty", "there '', here 'qty'");
	expect_line_words("", "armed", "there '', here 'armed'");
}

static void
a_port_that_was_not_recorded_has_words(void **state)
{
	struct recorded_reader none = { .pcap = NULL };
	struct recorded_frame f;
	struct err e;

	err_init(&e);
	assert_int_equal(recorded_next(&none, &f, &e), -ENOENT);
	assert_non_null(strstr(e.text, "another configuration"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_frames_say_nothing),
		cmocka_unit_test(a_field_of_an_order_is_named_with_both_values),
		cmocka_unit_test(the_second_message_of_a_frame_is_found),
		cmocka_unit_test(another_kind_of_packet_is_named),
		cmocka_unit_test(headers_come_after_what_was_said_and_checksums_last),
		cmocka_unit_test(no_frame_is_read_beyond_its_end),
		cmocka_unit_test(the_line_in_which_texts_differ_is_told),
		cmocka_unit_test(a_port_that_was_not_recorded_has_words),
		cmocka_unit_test(another_decision_is_told_with_both),
		cmocka_unit_test(a_count_of_cycles_is_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
