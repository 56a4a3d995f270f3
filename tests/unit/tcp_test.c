/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_rig.h"

/* Opening, closing, resets, windows and order of arrival: RFC 9293 and RFC 5961 by hand. */

static void
a_handshake_offers_and_agrees(void **state)
{
	static const struct {
		const char *what;
		bool ts, sack, wscale;
		uint8_t want_len;
		uint8_t want[24];
	} CASES[] = {
		// clang-format off
		{ "size only", 0, 0, 0, 4, { 2, 4, 3, 232 } },
		{ "size and SACK", 0, 1, 0, 8, { 2, 4, 3, 232, 1, 1, 4, 2 } },
		{ "size and scale", 0, 0, 1, 8, { 2, 4, 3, 232, 1, 3, 3, 2 } },
		{ "everything", 1, 1, 1, 24, { 2, 4, 3, 232, 1, 1, 4, 2, 1, 1, 8, 10, 0, 0, 3, 232,
					       0, 0, 0, 0, 1, 3, 3, 2 } },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rig *r = rig_new();
		static uint8_t big[400000];

		r->config.timestamps = CASES[i].ts;
		r->config.sack = CASES[i].sack;
		r->config.window_scaling = CASES[i].wscale;
		r->config.rx_buf = big;
		r->config.rx_buf_bytes = sizeof(big); // a window of 200,000 needs a shift of 2
		rig_start(r);
		RIG_EXPECT(r, S, 0, 0, 0);
		assert_int_equal(r->out.wnd, 65535);
		assert_int_equal(r->out.opt_len, CASES[i].want_len);
		assert_memory_equal(r->out.opt, CASES[i].want, CASES[i].want_len);
		RIG_QUIET(r);
		free(r);
	}
}

static void
options_not_answered_stay_off(void **state)
{
	struct rig *r = rig_new();

	r->config.timestamps = r->config.sack = r->config.window_scaling = true;
	rig_connect(r, NULL, 0);
	assert_int_equal(r->out.opt_len, 0);
	assert_false(r->c.ts_on || r->c.sack_on || r->c.wscale_on);
	assert_int_equal(r->c.mss_eff, 536); // RFC 9293 3.7.1
	assert_int_equal(r->c.snd_wnd, 60000);
	free(r);
}

static void
options_not_offered_stay_off(void **state)
{
	static const uint8_t ALL[] = {
		2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7
	};
	struct rig *r = rig_new();

	rig_connect(r, ALL, sizeof(ALL));
	assert_false(r->c.ts_on || r->c.sack_on || r->c.wscale_on);
	assert_int_equal(r->c.mss_eff, 1000); // ours is smaller
	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 1, "a", 1);
	assert_int_equal(r->c.snd_wnd, 60000);
	free(r);
}

static void
agreed_options_are_used(void **state)
{
	static const uint8_t ALL[] = {
		2, 4, 2, 88, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7
	};
	static const uint8_t TS[] = { 1, 1, 8, 10, 0, 0, 0, 11, 0, 0, 3, 233 };
	struct rig *r = rig_new();

	r->config.timestamps = r->config.sack = r->config.window_scaling = true;
	rig_connect(r, ALL, sizeof(ALL));
	assert_int_equal(r->c.mss_eff, 600 - 12);
	assert_int_equal(r->out.opt_len, 12);
	assert_memory_equal((const uint8_t *)r->out.opt + 8, "\0\0\0\x09", 4); // echo
	rig_in(r, &(struct seg){ .flags = A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1,
				 .wnd = 100,
				 .opt = TS,
				 .opt_len = 12,
				 .data = "a",
				 .len = 1 });
	assert_int_equal(r->c.snd_wnd, 100 << 7);
	assert_int_equal(rig_fast(r, "b", 1), 14 + 20 + 32 + 1);
	assert_memory_equal((const uint8_t *)r->out.opt + 8, "\0\0\0\x0b", 4);
	RIG_QUIET(r); // the data carried the acknowledgement
	free(r);
}

static void
the_fast_path_writes_the_golden_bytes(void **state)
{
	/* Fields by RFC 791 and RFC 9293, the two sums by an independent program. */
	static const uint8_t GOLDEN[] = { 2,    0,    0,    0,    0,    2,    2,    0,    0,
					  0,    0,    1,    0x08, 0x00, 0x45, 0x00, 0x00, 0x2b,
					  0x03, 0xea, 0x40, 0x00, 0x40, 0x06, 0x1e, 0xcd, 0x0a,
					  0x0a, 0x02, 0x01, 0x0a, 0x0a, 0x02, 0x02, 0x9c, 0x40,
					  0x67, 0x78, 0x00, 0x00, 0x03, 0xe9, 0x00, 0x00, 0x13,
					  0x89, 0x50, 0x18, 0x4e, 0x20, 0x52, 0xf2, 0x00, 0x00,
					  'b',  'u',  'y' };
	struct rig *r = rig_connected();

	assert_int_equal(rig_fast(r, "buy", 3), sizeof(GOLDEN));
	assert_memory_equal(r->frame, GOLDEN, sizeof(GOLDEN));
	free(r);
}

static void
a_tagged_frame_carries_its_vlan(void **state)
{
	struct rig *r = rig_new();

	r->config.vlan_id = 42;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS)); // seg_read() compares the VLAN of each frame
	assert_int_equal(rig_fast(r, "buy", 3), 14 + 4 + 40 + 3);
	free(r);
}

/* A payload filled up with zeros: the same frames and the same bytes kept, wherever they lie. */
static void
a_filled_up_line_is_sent_as_its_payload(void **state)
{
	struct rig *plain = rig_connected(), *line = rig_connected();
	uint8_t f[2][RIG_CAP], data[CACHE_LINE];
	unsigned wrapped = 0;

	for (unsigned k = 0; k < 9000; k++) {
		const uint16_t len = (uint16_t)(1 + k * 7 % CACHE_LINE);
		const uint32_t seq = plain->c.snd_nxt, at = tcp_store_at(&plain->c, seq);
		uint16_t bytes;

		memset(data, 0, sizeof(data));
		for (unsigned i = 0; i < len; i++)
			data[i] = (uint8_t)(k * 31 + i * 17 + 1);
		memset(f, 0xee, sizeof(f));
		memcpy(tcp_frame_start(&plain->c, f[0]), data, len);
		memcpy(tcp_frame_start(&line->c, f[1]), data, sizeof(data));
		bytes = tcp_frame_finish(&plain->c, f[0], len, plain->now_ns);
		assert_int_equal(tcp_frame_finish_as(&line->c, f[1], len, line->now_ns, true),
				 bytes);
		assert_true(tcp_check(&plain->c));
		assert_true(tcp_check(&line->c));
		if (bytes == 0) { // the window is full: all of it is kept, and then acknowledged
			tcp_frames_sent(&line->c);
			for (uint32_t s = plain->c.snd_una; s != seq; s++)
				assert_int_equal(line->c.tx_buf[tcp_store_at(&line->c, s)],
						 plain->c.tx_buf[tcp_store_at(&plain->c, s)]);
			rig_say(plain, A, RIG_PEER_ISN + 1, seq, 60000);
			rig_say(line, A, RIG_PEER_ISN + 1, seq, 60000);
			continue;
		}
		assert_memory_equal(f[0], f[1], bytes);
		wrapped += at + CACHE_LINE > plain->c.tx_mask + 1;
	}
	assert_true(wrapped > 2);
	free(plain);
	free(line);
}

static void
offload_leaves_the_pseudo_sum(void **state)
{
	struct rig *r = rig_connected();
	uint8_t f[RIG_CAP];
	struct eth_ip e;
	struct tcp_head *t = (struct tcp_head *)(f + 34);

	r->c.sum_offload = true;
	memcpy(tcp_frame_start(&r->c, f), "buy", 3);
	assert_int_equal(tcp_frame_finish(&r->c, f, 3, r->now_ns), 57);
	assert_int_equal(eth_ip_walk(f, 57, false, &e), ETH_IP_L4);
	t->sum = ip_sum_finish(ip_sum_bytes(0, t, 23)); // what the NIC does
	assert_true(eth_ip_l4_sum_ok(&e));
	free(r);
}

/* Timers and counters wait until the frames have left; any other call brings them up to date. */
static void
what_left_is_booked_with_its_own_time(void **state)
{
	static const uint64_t LATER_NS = 700000;
	struct rig *told = rig_connected(), *asked = rig_connected();
	const uint64_t at_ns = told->now_ns, sent_cnt = told->c.metrics.segment_sent;

	assert_int_equal(rig_fast(told, "buy", 3), 57);
	assert_int_equal(rig_fast(told, "sell", 4), 58);
	assert_int_equal(told->c.rto_deadline_ns, 0);
	assert_int_equal(rig_fast(asked, "buy", 3), 57);
	assert_int_equal(rig_fast(asked, "sell", 4), 58);
	tcp_frames_sent(&told->c);
	assert_int_equal(tcp_advance(&asked->c, at_ns + LATER_NS),
			 tcp_advance(&told->c, at_ns + LATER_NS));
	assert_int_equal(told->c.rto_deadline_ns, at_ns + told->c.rto_ns);
	assert_int_equal(asked->c.rto_deadline_ns, told->c.rto_deadline_ns);
	assert_int_equal(asked->c.last_tx_ns, at_ns);
	assert_int_equal(asked->c.metrics.segment_sent, sent_cnt + 2);
	assert_int_equal(told->c.metrics.segment_sent, sent_cnt + 2);
	tcp_frames_sent(&told->c); // nothing is booked twice
	assert_int_equal(told->c.metrics.segment_sent, sent_cnt + 2);
	free(told);
	free(asked);
}

static void
connecting_is_answered_by_the_rules(void **state)
{
	static const struct {
		const char *what;
		uint8_t flags;
		uint32_t ack; // relative to our initial number
		enum tcp_state want;
		enum tcp_end end;
		int rst_seq; // expected reset, relative; -1: none
	} CASES[] = {
		// clang-format off
		{ "a reset with our SYN acknowledged", R | A, 1, TCP_STATE_CLOSED,   TCP_END_REFUSED, -1 },
		{ "a reset without ACK",               R,     0, TCP_STATE_SYN_SENT, TCP_END_NONE, -1 },
		{ "a reset acknowledging nothing",     R | A, 0, TCP_STATE_SYN_SENT, TCP_END_NONE, -1 },
		{ "an ACK of something else",          A,     9, TCP_STATE_SYN_SENT, TCP_END_NONE, 9 },
		{ "a SYN|ACK of something else",       S | A, 0, TCP_STATE_SYN_SENT, TCP_END_NONE, 0 },
		{ "an ACK without SYN",                A,     1, TCP_STATE_SYN_SENT, TCP_END_NONE, -1 },
		{ "nothing",                           0,     0, TCP_STATE_SYN_SENT, TCP_END_NONE, -1 },
		{ "a SYN",                             S,     0, TCP_STATE_SYN_RECEIVED, TCP_END_NONE, -2 },
		{ "a SYN|ACK",                         S | A, 1, TCP_STATE_ESTABLISHED, TCP_END_NONE, -2 },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rig *r = rig_new();

		rig_start(r);
		RIG_EXPECT(r, S, 0, 0, 0);
		rig_say(r, CASES[i].flags, RIG_PEER_ISN, RIG_ISN + CASES[i].ack, 1000);
		if (tcp_state_of(&r->c) != CASES[i].want || tcp_end_of(&r->c) != CASES[i].end)
			fail_msg("%s: %s, %s", CASES[i].what, tcp_state_name(tcp_state_of(&r->c)),
				 tcp_end_name(tcp_end_of(&r->c)));
		if (CASES[i].rst_seq >= 0)
			RIG_EXPECT(r, R, (uint32_t)CASES[i].rst_seq, 0, 0);
		if (CASES[i].rst_seq != -2)
			RIG_QUIET(r);
		free(r);
	}
}

static void
both_sides_may_connect_at_once(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	rig_say(r, S, RIG_PEER_ISN, 0, 1000);
	RIG_EXPECT(r, S | A, 0, 1, 0);
	assert_int_equal(r->out.opt_len, 4);
	rig_say(r, S | A, RIG_PEER_ISN, RIG_ISN + 1, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	RIG_EXPECT(r, A, 1, 1, 0);
	RIG_QUIET(r);
	free(r);
}

static void
a_lost_syn_is_sent_again_with_backoff(void **state)
{
	struct rig *r = rig_new();
	const uint64_t start_ns = r->now_ns;

	r->config.connect_timeout_ns = 20000ull * RIG_MS;
	rig_start(r);
	RIG_EXPECT(r, S, 0, 0, 0);
	for (uint64_t at_ms = 1000, gap_ms = 2000; at_ms < 20000; at_ms += gap_ms, gap_ms *= 2) {
		assert_int_equal(tcp_advance(&r->c, r->now_ns), start_ns + at_ms * RIG_MS);
		r->now_ns = start_ns + at_ms * RIG_MS - 1;
		tcp_advance(&r->c, r->now_ns);
		RIG_QUIET(r);
		rig_wait(r, 1);
		RIG_EXPECT(r, S, 0, 0, 0);
	}
	assert_int_equal(tcp_advance(&r->c, r->now_ns), start_ns + 20000ull * RIG_MS);
	r->now_ns = start_ns + 20000ull * RIG_MS;
	assert_int_equal(tcp_advance(&r->c, r->now_ns), UINT64_MAX);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_CONNECT);
	RIG_QUIET(r);
	free(r);
}

static void
resets_and_syns_are_judged_by_number(void **state)
{
	static const struct {
		const char *what;
		uint8_t flags;
		int32_t seq; // relative to rcv_nxt
		bool closes;
		bool answers; // with a challenge ACK
	} CASES[] = {
		// clang-format off
		{ "a reset with the exact number",     R,     0,      1, 0 },
		{ "a reset one behind it",             R,     1,      0, 1 },
		{ "a reset at the end of the window",  R,     19999,  0, 1 },
		{ "a reset beyond the window",         R,     20000,  0, 0 },
		{ "a reset before the window",         R,     -1,     0, 0 },
		{ "a reset with ACK, exact",           R | A, 0,      1, 0 },
		{ "a reset with SYN, before",          R | S, -1,     0, 0 },
		{ "a SYN with the exact number",       S,     0,      0, 1 },
		{ "a SYN before the window",           S,     -5000,  0, 1 },
		{ "a SYN far beyond the window",       S,     500000, 0, 1 },
		{ "a segment without ACK",             0,     0,      0, 0 },
		{ "an ACK beyond the window",          A,     20000,  0, 1 },
		{ "an ACK before the window",          A,     -1,     0, 1 },
		// clang-format on
	};

	for (size_t i = 0; i < ARRAY_CNT(CASES); i++) {
		struct rig *r = rig_connected();

		rig_say(r, CASES[i].flags, RIG_PEER_ISN + 1 + (uint32_t)CASES[i].seq, RIG_ISN + 1,
			1000);
		if ((tcp_state_of(&r->c) == TCP_STATE_CLOSED) != CASES[i].closes)
			fail_msg("%s: %s", CASES[i].what, tcp_state_name(tcp_state_of(&r->c)));
		if (rig_take(r) != CASES[i].answers)
			fail_msg("%s: answers %d", CASES[i].what, !CASES[i].answers);
		if (CASES[i].answers) {
			assert_int_equal(r->out.flags, A);
			assert_int_equal(r->out.seq, RIG_ISN + 1);
			assert_int_equal(r->out.ack, RIG_PEER_ISN + 1);
		}
		RIG_QUIET(r);
		free(r);
	}
}

static void
challenges_are_limited(void **state)
{
	struct rig *r = rig_connected();

	for (int i = 0; i < 10; i++) {
		rig_say(r, S, RIG_PEER_ISN + 1, 0, 1000);
		RIG_EXPECT(r, A, 1, 1, 0);
	}
	rig_say(r, S, RIG_PEER_ISN + 1, 0, 1000);
	RIG_QUIET(r);
	assert_int_equal(r->c.metrics.challenge_ack_withheld, 1);
	rig_wait(r, 1000 * RIG_MS);
	rig_say(r, S, RIG_PEER_ISN + 1, 0, 1000);
	RIG_EXPECT(r, A, 1, 1, 0);
	free(r);
}

static void
impossible_acks_are_refused(void **state)
{
	struct rig *r = rig_connected();

	rig_in(r, &(struct seg){ .flags = A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 2,
				 .wnd = 1,
				 .data = "a",
				 .len = 1 });
	assert_int_equal(r->c.metrics.dropped_bad_ack, 1);
	assert_int_equal(r->c.rx_len, 0);
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_in(r, &(struct seg){ .flags = A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1 - 60001,
				 .wnd = 1,
				 .data = "a",
				 .len = 1 });
	assert_int_equal(r->c.metrics.dropped_bad_ack, 2); // older than the largest window
	assert_int_equal(r->c.rx_len, 0);
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_in(r, &(struct seg){ .flags = A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1 - 60000,
				 .wnd = 1,
				 .data = "a",
				 .len = 1 });
	assert_int_equal(r->c.rx_len, 1); // old, but its text is good
	assert_int_equal(r->c.snd_wnd, 60000);
	free(r);
}

static void
damaged_segments_are_counted(void **state)
{
	struct rig *r = rig_connected();
	const struct seg s = { .flags = A,
			       .seq = RIG_PEER_ISN + 1,
			       .ack = RIG_ISN + 1,
			       .wnd = 9,
			       .data = "abc",
			       .len = 3 };
	static const uint8_t BAD_OPT[4] = { 2, 3, 0, 0 }, ZERO_LEN[4] = { 77, 0, 0, 0 };
	uint8_t f[RIG_CAP];
	uint16_t len = seg_frame(f, &s);

	f[len - 1] ^= 1;
	assert_true(tcp_on_frame(&r->c, f, len, false, r->now_ns));
	assert_int_equal(r->c.metrics.dropped_bad_sum, 1);
	f[34 + 12] = 4 << 4; // a header of 16 bytes
	assert_true(tcp_on_frame(&r->c, f, len, true, r->now_ns));
	f[34 + 12] = 6 << 4; // ends one byte behind the frame
	assert_true(tcp_on_frame(&r->c, f, len, true, r->now_ns));
	assert_int_equal(r->c.metrics.dropped_bad_header, 2);
	seg_frame(f, &s);
	f[34 + 1] ^= 1; // another port
	assert_false(tcp_on_frame(&r->c, f, len, true, r->now_ns));
	assert_int_equal(r->c.metrics.dropped_not_ours, 1);
	rig_in(r, &(struct seg){
			  .flags = A, .seq = s.seq, .ack = s.ack, .opt = BAD_OPT, .opt_len = 4 });
	rig_in(r, &(struct seg){
			  .flags = A, .seq = s.seq, .ack = s.ack, .opt = ZERO_LEN, .opt_len = 4 });
	assert_int_equal(r->c.metrics.dropped_bad_option, 2);
	assert_int_equal(r->c.rx_len, 0);
	RIG_QUIET(r);
	free(r);
}

static void
expect_bytes(struct rig *r, const char *want)
{
	const uint8_t *data;
	const uint32_t len = tcp_peek(&r->c, &data);

	assert_int_equal(len, strlen(want));
	assert_memory_equal(data, want, len);
}

static void
segments_find_their_place(void **state)
{
	struct rig *r = rig_connected();
	const uint32_t at = RIG_PEER_ISN + 1;

	rig_data(r, at + 6, RIG_ISN + 1, "ghi", 3);
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_data(r, at + 3, RIG_ISN + 1, "defgh", 5); // overlaps what is there
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_data(r, at + 12, RIG_ISN + 1, "mno", 3);
	RIG_EXPECT(r, A, 1, 1, 0);
	expect_bytes(r, "");
	rig_data(r, at, RIG_ISN + 1, "abcd", 4);
	expect_bytes(r, "abcdefghi");
	RIG_EXPECT(r, A, 1, 10, 0);
	rig_data(r, at, RIG_ISN + 1, "abcdefghi", 9); // all of it again
	RIG_EXPECT(r, A, 1, 10, 0);
	rig_data(r, at + 7, RIG_ISN + 1, "hijklmnopq", 10); // old, new, known, new
	expect_bytes(r, "abcdefghijklmnopq");
	RIG_EXPECT(r, A, 1, 18, 0);
	tcp_consume(&r->c, 9);
	expect_bytes(r, "jklmnopq");
	tcp_consume(&r->c, 100);
	expect_bytes(r, "");
	RIG_QUIET(r);
	free(r);
}

static void
one_frame_acknowledges_a_burst(void **state)
{
	struct rig *r = rig_connected();

	for (uint32_t i = 0; i < 5; i++)
		rig_data(r, RIG_PEER_ISN + 1 + 100 * i, RIG_ISN + 1, RIG_FILL, 100);
	RIG_EXPECT(r, A, 1, 501, 0);
	assert_int_equal(r->out.wnd, 19500);
	RIG_QUIET(r);
	free(r);
}

static void
too_many_gaps_are_refused(void **state)
{
	struct rig *r = rig_connected();
	const uint32_t at = RIG_PEER_ISN + 1;

	for (uint32_t i = 0; i < TCP_GAPS_MAX + 5; i++)
		rig_data(r, at + 2 * i + 1, RIG_ISN + 1, "x", 1);
	assert_int_equal(r->c.metrics.out_of_order, TCP_GAPS_MAX);
	assert_int_equal(r->c.metrics.out_of_order_full, 5);
	for (uint32_t i = 0; i < TCP_GAPS_MAX + 5; i++)
		rig_data(r, at + 2 * i, RIG_ISN + 1, "yx", 2);
	assert_int_equal(r->c.rx_len, 2 * (TCP_GAPS_MAX + 5));
	free(r);
}

static void
what_lies_beyond_the_window_is_cut(void **state)
{
	struct rig *r = rig_connected();
	uint32_t at = RIG_PEER_ISN + 1;

	rig_data(r, at + 19500, RIG_ISN + 1, RIG_FILL, 1000);
	assert_int_equal(r->c.gap[0].end_seq, at + 20000);
	for (int i = 0; i < 20; i++, at += 1000)
		rig_data(r, at, RIG_ISN + 1, RIG_FILL, 1000);
	assert_int_equal(r->c.rx_len, 20000);
	RIG_EXPECT(r, A, 1, 20001, 0);
	assert_int_equal(r->out.wnd, 0);
	rig_data(r, at, RIG_ISN + 1, "p", 1); // a probe of the closed window
	RIG_EXPECT(r, A, 1, 20001, 0);
	assert_int_equal(r->c.rx_len, 20000);
	tcp_consume(&r->c, 999); // less than a segment: not worth a word
	RIG_QUIET(r);
	tcp_consume(&r->c, 1);
	RIG_EXPECT(r, A, 1, 20001, 0);
	assert_int_equal(r->out.wnd, 1000);
	rig_data(r, at, RIG_ISN + 1, RIG_FILL, 1000);
	assert_int_equal(r->c.rx_len, 20000);
	free(r);
}

static void
readable_bytes_stay_in_one_piece(void **state)
{
	struct rig *r = rig_connected();
	uint32_t sent = 0, read = 0;
	uint8_t chunk[1000];

	for (int turn = 0; turn < 3000; turn++) {
		const uint16_t len = (uint16_t)(1 + turn * 7919 % 1000);
		const uint8_t *data;
		uint32_t got;

		for (uint32_t i = 0; i < len; i++)
			chunk[i] = (uint8_t)((sent + i) * 31 >> 3);
		rig_data(r, RIG_PEER_ISN + 1 + sent, RIG_ISN + 1, chunk, len);
		sent += len;
		got = tcp_peek(&r->c, &data);
		assert_int_equal(got, sent - read);
		for (uint32_t i = 0; i < got; i++)
			assert_int_equal(data[i], (uint8_t)((read + i) * 31 >> 3));
		got = got > 1500 ? got - 1000 : got / 2;
		tcp_consume(&r->c, got);
		read += got;
		while (rig_take(r))
			;
	}
	free(r);
}

static void
we_close_first(void **state)
{
	struct rig *r = rig_connected();

	assert_int_equal(rig_fast(r, "bye", 3), 57);
	tcp_shutdown(&r->c, r->now_ns);
	assert_int_equal(rig_fast(r, "x", 1), 0);
	assert_int_equal(tcp_send(&r->c, (const uint8_t *)"x", 1), 0);
	RIG_EXPECT(r, F | A, 4, 1, 0);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 4, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_FIN_WAIT_1);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 5, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_FIN_WAIT_2);
	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 5, "last", 4); // the other half is open
	expect_bytes(r, "last");
	RIG_EXPECT(r, A, 5, 5, 0);
	rig_say(r, F | A, RIG_PEER_ISN + 5, RIG_ISN + 5, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_TIME_WAIT);
	RIG_EXPECT(r, A, 5, 6, 0);
	rig_wait(r, 59999ull * RIG_MS);
	rig_say(r, F | A, RIG_PEER_ISN + 5, RIG_ISN + 5, 1000); // its FIN again: wait anew
	RIG_EXPECT(r, A, 5, 6, 0);
	rig_wait(r, 59999ull * RIG_MS);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_TIME_WAIT);
	rig_wait(r, RIG_MS);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSED);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_CLOSED);
	free(r);
}

static void
the_peer_closes_first(void **state)
{
	struct rig *r = rig_connected();

	rig_in(r, &(struct seg){ .flags = F | A,
				 .seq = RIG_PEER_ISN + 1,
				 .ack = RIG_ISN + 1,
				 .wnd = 1000,
				 .data = "end",
				 .len = 3 });
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSE_WAIT);
	RIG_EXPECT(r, A, 1, 5, 0);
	expect_bytes(r, "end");
	assert_false(tcp_at_end(&r->c));
	tcp_consume(&r->c, 3);
	assert_true(tcp_at_end(&r->c));
	assert_int_equal(rig_fast(r, "ok", 2), 56); // ours is still open
	rig_say(r, A, RIG_PEER_ISN + 5, RIG_ISN + 3, 1000);
	tcp_close(&r->c, r->now_ns);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_LAST_ACK);
	RIG_EXPECT(r, F | A, 3, 5, 0);
	rig_say(r, A, RIG_PEER_ISN + 5, RIG_ISN + 4, 1000);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_CLOSED);
	free(r);
}

static void
both_close_at_once(void **state)
{
	struct rig *r = rig_connected();

	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, F | A, 1, 1, 0);
	rig_say(r, F | A, RIG_PEER_ISN + 1, RIG_ISN + 1, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSING);
	RIG_EXPECT(r, A, 2, 2, 0);
	rig_say(r, A, RIG_PEER_ISN + 2, RIG_ISN + 2, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_TIME_WAIT);
	free(r);
}

static void
a_fin_and_an_ack_in_one_segment_reach_time_wait(void **state)
{
	struct rig *r = rig_connected();

	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, F | A, 1, 1, 0);
	rig_say(r, F | A, RIG_PEER_ISN + 1, RIG_ISN + 2, 1000);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_TIME_WAIT);
	RIG_EXPECT(r, A, 2, 2, 0);
	free(r);
}

static void
a_lost_fin_is_sent_again(void **state)
{
	struct rig *r = rig_connected();

	tcp_send(&r->c, (const uint8_t *)"bye", 3);
	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, F | P | A, 1, 1, 3);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, F | P | A, 1, 1, 3);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 4, 1000);
	rig_wait(r, r->c.rto_ns);
	RIG_EXPECT(r, F | A, 4, 1, 0);
	free(r);
}

static void
an_early_fin_waits_for_what_is_before_it(void **state)
{
	struct rig *r = rig_connected();

	rig_in(r, &(struct seg){ .flags = F | A,
				 .seq = RIG_PEER_ISN + 4,
				 .ack = RIG_ISN + 1,
				 .wnd = 1000,
				 .data = "def",
				 .len = 3 });
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_ESTABLISHED);
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_data(r, RIG_PEER_ISN + 7, RIG_ISN + 1, "behind the end", 14);
	assert_int_equal(r->c.metrics.dropped_after_fin, 1);
	RIG_EXPECT(r, A, 1, 1, 0);
	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 1, "abc", 3);
	assert_int_equal(tcp_state_of(&r->c), TCP_STATE_CLOSE_WAIT);
	RIG_EXPECT(r, A, 1, 8, 0);
	expect_bytes(r, "abcdef");
	free(r);
}

static void
a_full_close_resets_when_data_is_lost(void **state)
{
	struct rig *r = rig_connected();

	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 1, "unread", 6);
	RIG_EXPECT(r, A, 1, 7, 0);
	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, R | A, 1, 7, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_ABORTED);
	free(r);

	r = rig_connected();
	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, F | A, 1, 1, 0);
	rig_data(r, RIG_PEER_ISN + 1, RIG_ISN + 2, "late", 4);
	RIG_EXPECT(r, R | A, 2, 1, 0);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_ABORTED);
	rig_say(r, A, RIG_PEER_ISN + 5, RIG_ISN + 2, 1000); // the reset was lost
	RIG_EXPECT(r, R, 2, 0, 0);
	rig_say(r, R, RIG_PEER_ISN + 5, RIG_ISN + 2, 1000); // never a reset for a reset
	RIG_QUIET(r);
	free(r);
}

static void
an_abandoned_half_is_given_up(void **state)
{
	struct rig *r = rig_connected();

	tcp_close(&r->c, r->now_ns);
	RIG_EXPECT(r, F | A, 1, 1, 0);
	rig_say(r, A, RIG_PEER_ISN + 1, RIG_ISN + 2, 1000);
	assert_int_equal(rig_wait(r, 0), r->now_ns + 60000ull * RIG_MS);
	rig_wait(r, 60000ull * RIG_MS);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_TIMEOUT);
	free(r);
}

static void
an_abort_says_so_once(void **state)
{
	struct rig *r = rig_connected();

	rig_fast(r, "abc", 3);
	tcp_abort(&r->c, r->now_ns);
	RIG_EXPECT(r, R | A, 4, 1, 0);
	RIG_QUIET(r);
	assert_int_equal(tcp_end_of(&r->c), TCP_END_ABORTED);
	assert_int_equal(tcp_advance(&r->c, r->now_ns), UINT64_MAX);
	assert_int_equal(rig_fast(r, "x", 1), 0);
	free(r);
}

static void
old_timestamps_are_dropped(void **state)
{
	static const uint8_t SYN_OPT[] = { 2, 4, 3, 232, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t OLD[] = { 1, 1, 8, 10, 0, 0, 0, 255, 0, 0, 0, 0 };
	struct rig *r = rig_new();
	struct seg s = { .flags = A,
			 .seq = RIG_PEER_ISN + 1,
			 .ack = RIG_ISN + 1,
			 .wnd = 1000,
			 .data = "abc",
			 .len = 3,
			 .opt = OLD,
			 .opt_len = sizeof(OLD) };

	r->config.timestamps = true;
	rig_connect(r, SYN_OPT, sizeof(SYN_OPT));
	rig_in(r, &s);
	assert_int_equal(r->c.metrics.dropped_paws, 1);
	expect_bytes(r, "");
	RIG_EXPECT(r, A, 1, 1, 0);
	s.opt_len = 0;
	rig_in(r, &s); // the option was agreed
	assert_int_equal(r->c.metrics.dropped_no_timestamp, 1);
	RIG_QUIET(r);
	rig_wait(r, 24ull * 24 * 3600 * 1000 * RIG_MS); // after 24 days nothing is old
	s.opt_len = sizeof(OLD);
	rig_in(r, &s);
	expect_bytes(r, "abc");
	rig_say(r, R, RIG_PEER_ISN + 4, 0, 0); // a reset needs no timestamp
	assert_int_equal(tcp_end_of(&r->c), TCP_END_RESET);
	free(r);
}

static void
sequence_numbers_wrap(void **state)
{
	struct rig *r = rig_new();
	uint32_t sent = 0;

	r->config.isn = UINT32_MAX - 5000;
	rig_connect(r, RIG_MSS, sizeof(RIG_MSS));
	for (int i = 0; i < 30; i++) {
		assert_int_equal(rig_fast(r, RIG_FILL, 777), 54 + 777);
		assert_int_equal(r->out.seq, r->config.isn + 1 + sent);
		sent += 777;
		if (i % 3 == 2)
			rig_say(r, A, RIG_PEER_ISN + 1, r->config.isn + 1 + sent, 60000);
	}
	assert_int_equal(tcp_in_flight(&r->c), 0);
	assert_true(r->c.snd_una < r->config.isn);
	free(r);
}

static void
bad_configurations_are_refused(void **state)
{
	struct rig *r = rig_new();
	struct tcp_config k = r->config;

	assert_int_equal(tcp_init(&r->c, &k), 0);
	k.tx_buf_bytes = 3000; // no power of two
	assert_int_not_equal(tcp_init(&r->c, &k), 0);
	k = r->config;
	k.rx_buf = NULL;
	assert_int_not_equal(tcp_init(&r->c, &k), 0);
	k = r->config;
	k.rto_min_ns = 999;
	assert_int_not_equal(tcp_init(&r->c, &k), 0);
	k = r->config;
	k.mss = 63;
	assert_int_not_equal(tcp_init(&r->c, &k), 0);
	free(r);
}

static void
chosen_initial_numbers_differ(void **state)
{
	struct rig *r = rig_new();
	uint32_t first;

	r->config.isn_fixed = false;
	r->config.isn_secret[0] = 1;
	rig_start(r);
	first = r->c.isn;
	r->config.local_port++;
	rig_start(r);
	assert_int_not_equal(r->c.isn, first);
	r->config.local_port--;
	r->now_ns += 4000;
	rig_start(r);
	assert_int_equal(r->c.isn, first + 1); // RFC 6528: the clock
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_offers_and_agrees),
		cmocka_unit_test(options_not_answered_stay_off),
		cmocka_unit_test(options_not_offered_stay_off),
		cmocka_unit_test(agreed_options_are_used),
		cmocka_unit_test(the_fast_path_writes_the_golden_bytes),
		cmocka_unit_test(what_left_is_booked_with_its_own_time),
		cmocka_unit_test(a_tagged_frame_carries_its_vlan),
		cmocka_unit_test(a_filled_up_line_is_sent_as_its_payload),
		cmocka_unit_test(offload_leaves_the_pseudo_sum),
		cmocka_unit_test(connecting_is_answered_by_the_rules),
		cmocka_unit_test(both_sides_may_connect_at_once),
		cmocka_unit_test(a_lost_syn_is_sent_again_with_backoff),
		cmocka_unit_test(resets_and_syns_are_judged_by_number),
		cmocka_unit_test(challenges_are_limited),
		cmocka_unit_test(impossible_acks_are_refused),
		cmocka_unit_test(damaged_segments_are_counted),
		cmocka_unit_test(segments_find_their_place),
		cmocka_unit_test(one_frame_acknowledges_a_burst),
		cmocka_unit_test(too_many_gaps_are_refused),
		cmocka_unit_test(what_lies_beyond_the_window_is_cut),
		cmocka_unit_test(readable_bytes_stay_in_one_piece),
		cmocka_unit_test(we_close_first),
		cmocka_unit_test(the_peer_closes_first),
		cmocka_unit_test(both_close_at_once),
		cmocka_unit_test(a_fin_and_an_ack_in_one_segment_reach_time_wait),
		cmocka_unit_test(a_lost_fin_is_sent_again),
		cmocka_unit_test(an_early_fin_waits_for_what_is_before_it),
		cmocka_unit_test(a_full_close_resets_when_data_is_lost),
		cmocka_unit_test(an_abandoned_half_is_given_up),
		cmocka_unit_test(an_abort_says_so_once),
		cmocka_unit_test(old_timestamps_are_dropped),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(chosen_initial_numbers_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
